/* SPDX-License-Identifier: Apache-2.0 */
/* importer: the document that says what a Postfix does today. Changes nothing. */
#pragma once

#include "finding.h"
#include "settings.h"
#include "snapshot.h"

#include <glib.h>

/* The document of the generation in force, of which rules and rows are taken as they stand there;
 * text NULL: none is. */
typedef struct {
	const char *text;
	const Settings *settings;
	const char *directory; /* CONFIG_DIR/tlsgate/gen */
} ImportBase;

/* The text of the document, which has no error. What it can't say, and what stays as it is without
 * being said, goes to findings. NULL with error where Postfix does not answer. The caller frees it.
 */
char *importer_dup_document(const Snapshot *snapshot, const ImportBase *base, Findings *findings,
			    GError **error) G_GNUC_WARN_UNUSED_RESULT;
