/* SPDX-License-Identifier: Apache-2.0 */
/* oldrows: rows that stand in tables of somebody's own before the first apply: what the rows of the
 * document are compared with. */
#include "oldrows.h"

#include "change.h"
#include "describe.h"
#include "policytables.h"

#include <string.h>

gboolean
oldrows_load(const Snapshot *snapshot, Settings **rows, GError **error)
{
	const char *names = snapshot_expanded(snapshot, "smtp_tls_policy_maps");
	g_auto(PolicyTables) tables = { 0 };
	g_autoptr(Findings) ignored = findings_new();
	g_autoptr(GString) members = g_string_new(NULL);

	*rows = NULL;
	if (*names == '\0')
		return TRUE;
	if (!policytables_read(snapshot, names, FALSE, &tables, ignored, error))
		return FALSE;
	policytables_append(&tables, members);
	g_autofree char *text = g_strdup_printf("{\"send\":{%s}}", members->str);
	if (tables.is_said)
		*rows = settings_load(text, strlen(text), NULL, ignored);
	return TRUE;
}

static gboolean
has_same_fallbacks(const Settings *one, const Settings *other)
{
	g_autofree char *left = describe_dup_list(one->send.fallback_policy_maps, " ");
	g_autofree char *right = describe_dup_list(other->send.fallback_policy_maps, " ");

	return strcmp(left, right) == 0;
}

void
oldrows_judge(const Settings *old_rows, const Settings *new_settings, guint first_row,
	      GArray *changes)
{
	if (!has_same_fallbacks(old_rows, new_settings))
		return;
	for (guint i = first_row; i < changes->len; i++)
		if (g_array_index(changes, Change, i).direction == CHANGE_WEAKER)
			return;
	for (guint i = 0; i < first_row; i++) {
		Change *change = &g_array_index(changes, Change, i);
		if (change->kind == CHANGE_PARAMETER &&
		    strcmp(change->name, "smtp_tls_policy_maps") == 0)
			change->direction = CHANGE_EQUAL;
	}
}
