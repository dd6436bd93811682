/* SPDX-License-Identifier: Apache-2.0 */
/* oldrows: rows that stand in tables of somebody's own before the first apply: what the rows of the
 * document are compared with. */
#pragma once

#include "settings.h"
#include "snapshot.h"

#include <glib.h>

/* The rows and tables that this Postfix has, as a document would say them; NULL: there are none, or
 * they can't be said. The caller frees them. FALSE with error where Postfix does not answer. */
gboolean oldrows_load(const Snapshot *snapshot, Settings **rows, GError **error)
	G_GNUC_WARN_UNUSED_RESULT;

/* The change of smtp_tls_policy_maps weakens nothing where each row that goes is known and none of
 * the changes of rows, from first_row on, is weaker. */
void oldrows_judge(const Settings *old_rows, const Settings *new_settings, guint first_row,
		   GArray *changes);
