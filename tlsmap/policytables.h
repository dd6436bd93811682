/* SPDX-License-Identifier: Apache-2.0 */
/* policytables: what the tables of smtp_tls_policy_maps say, as the document would say it. */
#pragma once

#include "finding.h"
#include "snapshot.h"

#include <glib.h>

typedef struct {
	GPtrArray *rows;   /* of char *: the JSON text of a row each, sorted by key */
	GPtrArray *others; /* of char *: tables that stay beside the rows, in Postfix's order */
	gboolean is_said;  /* FALSE: one of the tables can't even be named in a document */
} PolicyTables;

/* Read them, by their names as main.cf has them, expanded. are_rows_known: the document has rows
 * already, and all of the tables stay beside them. What can't be said goes to findings. FALSE with
 * error where Postfix does not answer. */
gboolean policytables_read(const Snapshot *snapshot, const char *names, gboolean are_rows_known,
			   PolicyTables *tables, Findings *findings, GError **error)
	G_GNUC_WARN_UNUSED_RESULT;

void policytables_clear(PolicyTables *tables);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PolicyTables, policytables_clear)

/* Append "domains" and "fallback_policy_maps", and what they need beside them, as members of
 * send. */
void policytables_append(const PolicyTables *tables, GString *members);
