/* SPDX-License-Identifier: Apache-2.0 */
/* routerows: what route keys become: lines of the table, and changes of a plan. Pure. */
#include "routerows.h"

#include "direction.h"
#include "nexthop.h"
#include "policymap.h"
#include "routekeys.h"

#include <string.h>

void
routerows_append(GString *table, const GPtrArray *keys, const Settings *settings,
		 PostfixVersion version)
{
	for (guint i = 0; i < keys->len; i++) {
		const RouteKey *key = keys->pdata[i];
		policymap_append_key(table, key->next_hop, settings_destination(settings, key->row),
				     version);
	}
}

static void
keep_form(const char *form, void *data)
{
	g_string_printf(data, "%s\t", form);
}

/* Behind the last line of the document's last row. */
static const char *
find_tail(const RouteRowsBefore *before)
{
	size_t n = before->settings != NULL ? settings_n_destinations(before->settings) : 0;
	g_autoptr(GString) last = g_string_new(NULL);

	if (before->table == NULL || n == 0)
		return "";
	nexthop_visit_forms(settings_destination(before->settings, n - 1)->destination.text,
			    keep_form, last);
	const char *line = before->table;
	if (!g_str_has_prefix(line, last->str)) {
		g_string_prepend_c(last, '\n');
		line = strstr(before->table, last->str);
	}
	const char *end = line != NULL ? strchr(line + 1, '\n') : NULL;
	return end != NULL ? end + 1 : "";
}

/* key -> value */
static GHashTable *
read_tail(const RouteRowsBefore *before)
{
	GHashTable *rows = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_auto(GStrv) lines = g_strsplit(find_tail(before), "\n", -1);

	for (size_t i = 0; lines[i] != NULL; i++) {
		char *tab = strchr(lines[i], '\t');
		if (tab != NULL)
			g_hash_table_insert(rows, g_strndup(lines[i], (gsize)(tab - lines[i])),
					    g_strdup(tab + 1));
	}
	return rows;
}

/* A changed row is as its row of the document; in doubt it is weaker. */
static ChangeDirection
find_direction(const GArray *changes, const char *destination)
{
	for (guint i = 0; i < changes->len; i++) {
		const Change *change = &g_array_index(changes, Change, i);
		if (change->kind == CHANGE_ROW && strcmp(change->name, destination) == 0)
			return change->direction;
	}
	return CHANGE_WEAKER;
}

static ChangeDirection
new_direction(const RouteRowsBefore *before, const SettingsDestination *row)
{
	ChangeDirection direction =
		direction_of_level(before->send_level, row->security_level.code);

	return direction == CHANGE_EQUAL && settings_row_restricts(row) ? CHANGE_STRICTER
									: direction;
}

void
routerows_diff(const RouteRowsBefore *before, const GPtrArray *keys, const Settings *settings,
	       PostfixVersion version, GArray *changes)
{
	g_autoptr(GHashTable) old_rows = read_tail(before);
	GHashTableIter left;
	gpointer name, value;

	for (guint i = 0; i < keys->len; i++) {
		const RouteKey *key = keys->pdata[i];
		const SettingsDestination *row = settings_destination(settings, key->row);
		g_autofree char *new_value = policymap_dup_value(row, version);
		const char *old_value = g_hash_table_lookup(old_rows, key->next_hop);
		if (g_strcmp0(old_value, new_value) != 0)
			change_add(changes, CHANGE_ROW, key->next_hop, old_value, new_value,
				   old_value == NULL
					   ? new_direction(before, row)
					   : find_direction(changes, row->destination.text));
		g_hash_table_remove(old_rows, key->next_hop);
	}
	g_hash_table_iter_init(&left, old_rows);
	while (g_hash_table_iter_next(&left, &name, &value))
		change_add(changes, CHANGE_ROW, name, value, NULL, CHANGE_WEAKER);
}
