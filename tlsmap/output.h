/* SPDX-License-Identifier: Apache-2.0 */
/* output: what a command prints: text for people, or with --json one object for programs. */
#pragma once

#include "change.h"
#include "exitcode.h"
#include "finding.h"

#include <glib.h>

/* From here on nothing is printed but one JSON object, by output_finish(). */
void output_use_json(void);

gboolean output_is_json(void);

/* The command that runs; static text. */
void output_set_command(const char *name);

/* Say why the run fails: "tlsmap: message" on standard error, or the object's error. Of several the
 * first is the error and the others are notes. */
void output_error(const char *message);

/* Say something that is to be known beside the result: on standard error, or as one of the object's
 * notes. */
void output_note(const char *message);

/* All findings, located: on standard error, or in the object. */
void output_findings(const Findings *findings, const FindingStyle *style);

/* The exit status is 1 because of findings, not because of changes. */
void output_blame_findings(void);

/* For people alone: on standard output; with --json nothing. */
void output_print(const char *format, ...) G_GNUC_PRINTF(1, 2);
void output_write(const char *text, size_t size);

/* For programs alone: members of the object, in this order; without --json nothing. Between
 * output_begin_…() and output_end() what is added goes into that list or object; as an item of a
 * list one has no key: NULL. */
void output_begin_list(const char *key);
void output_begin_object(const char *key);
void output_end(void);
void output_add_text(const char *key, const char *text);
void output_add_number(const char *key, guint64 number);
void output_add_boolean(const char *key, gboolean value);

/* A value that is JSON text already; it must be valid. */
void output_add_json(const char *key, const char *json);

/* Items of the list: a text; a pair of texts; an object of texts, where NULL becomes null. */
typedef struct {
	const char *key;
	const char *value;
} OutputField;

void output_add_item(const char *text);
void output_add_pair(const char *first, const char *second);
void output_add_record(const OutputField *fields, size_t n_fields);

/* What is or was changed, for both. */
void output_changes(const GArray *changes);

/* Print the object, and make sure that all of standard output is written. The exit status: code, or
 * EXIT_NO_WRITE where code says that all is well and the results could not be printed. */
ExitCode output_finish(ExitCode code) G_GNUC_WARN_UNUSED_RESULT;
