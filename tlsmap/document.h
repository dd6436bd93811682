/* SPDX-License-Identifier: Apache-2.0 */
/* document: the settings file as a command works with it: read, loaded, checked, and its findings
 * shown. */
#pragma once

#include "command.h"
#include "finding.h"
#include "input.h"
#include "settings.h"

#include <glib.h>

typedef struct {
	char *path;                 /* as it is named in messages; "-" for standard input */
	gboolean is_only_looked_at; /* set before: nothing of it will be put in force */
	Input input;
	Settings *settings; /* NULL where the text is not JSON */
	Findings *findings;
} Document;

/* Where the settings file is; "-" for standard input. The caller frees it. */
char *document_dup_path(const CommandContext *context);

void document_clear(Document *document);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Document, document_clear)

/* Read and check the settings file. EXIT_DONE when it has no error; the findings are kept either
 * way, and are for document_report(). */
ExitCode document_load(const CommandContext *context, Document *document);

/* Read the document at path, with findings of its own: it was good once. FALSE where it can't be
 * read any more, or has an error. */
gboolean document_read_again(Document *document, Findings *findings) G_GNUC_WARN_UNUSED_RESULT;

/* Show all findings, those added since included (output_findings()); the result is code, or where
 * code is EXIT_DONE and --strict was given, EXIT_CHANGES if there is a warning. */
ExitCode document_report(const CommandContext *context, Document *document, ExitCode code);

/* "FILE:LINE:COLUMN" of a byte of the document; the caller frees it. */
char *document_dup_place(const Document *document, size_t offset);
