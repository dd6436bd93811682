/* SPDX-License-Identifier: Apache-2.0 */
/* mapset: the look-up tables that a parameter of Postfix names, and what they answer.
 *
 * Everything is asked of postmap(1), which opens a table as Postfix does. */
#include "mapset.h"

#include "child.h"
#include "maincf.h"
#include "texthash.h"

#include <string.h>

#define PROXY "proxy:"

/* What has rows; postmap(1) -s can't list them all, a cdb for one. */
static const char *const listable[] = { "hash:", "btree:", "lmdb:", "dbm:", "cdb:", "texthash:" };
/* Where a key is a pattern: part of an address is never looked up there (DICT_FLAG_PATTERN). */
static const char *const patterns[] = { "regexp:", "pcre:", "cidr:" };

typedef struct {
	char *name;
	GHashTable *answers; /* key -> value; value NULL: asked, and not there */
	gboolean is_listed;  /* answers holds all rows */
} Table;

struct MapSet {
	const Snapshot *snapshot;
	GPtrArray *tables; /* of Table */
};

GQuark
mapset_error_quark(void)
{
	return g_quark_from_static_string("tlsgate-mapset-error");
}

static void
free_table(void *data)
{
	Table *table = data;

	g_free(table->name);
	g_hash_table_unref(table->answers);
	g_free(table);
}

MapSet *
mapset_new(const Snapshot *snapshot, const char *maps)
{
	MapSet *set = g_new0(MapSet, 1);
	g_auto(GStrv) names = maincf_split_list(maps);

	set->snapshot = snapshot;
	set->tables = g_ptr_array_new_with_free_func(free_table);
	for (size_t i = 0; names[i] != NULL; i++) {
		Table *table = g_new0(Table, 1);
		table->name = g_strdup(names[i]);
		table->answers = g_hash_table_new_full(texthash, g_str_equal, g_free, g_free);
		g_ptr_array_add(set->tables, table);
	}
	return set;
}

void
mapset_free(MapSet *set)
{
	if (set == NULL)
		return;
	g_ptr_array_unref(set->tables);
	g_free(set);
}

gboolean
mapset_is_empty(const MapSet *set)
{
	return set->tables->len == 0;
}

static const char *
skip_proxy(const char *name)
{
	return g_str_has_prefix(name, PROXY) ? name + strlen(PROXY) : name;
}

static gboolean
is_one_of(const char *name, const char *const *types, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (g_str_has_prefix(skip_proxy(name), types[i]))
			return TRUE;
	return FALSE;
}

gboolean
mapset_has_rows(const char *table)
{
	return is_one_of(table, listable, G_N_ELEMENTS(listable));
}

static gboolean
answers_to(const Table *table, MapSetKey kind)
{
	return kind == MAPSET_WHOLE || !is_one_of(table->name, patterns, G_N_ELEMENTS(patterns));
}

/* postmap(1) exits 1 both where a key is not found and where it can't look. */
static gboolean
run_postmap(const MapSet *set, const Table *table, const char *key, const char *input,
	    ChildResult *result, GError **error)
{
	const char *const argv[] = { "postmap",   "-c", set->snapshot->config_directory, "-q", key,
				     table->name, NULL };

	if (!child_run(argv, input, result, error))
		return FALSE;
	if (result->status <= 1 && *result->errors == '\0')
		return TRUE;
	g_autofree char *line = child_dup_first_line(result->errors);
	g_set_error(error, MAPSET_ERROR, 0, "can't look in the table %s: %s", table->name, line);
	return FALSE;
}

static gboolean
ask(const MapSet *set, Table *table, const char *key, GError **error)
{
	g_auto(ChildResult) result = { 0 };

	if (!run_postmap(set, table, key, NULL, &result, error))
		return FALSE;
	g_hash_table_insert(table->answers, g_strdup(key),
			    result.status == 0 ? g_strdup(g_strchomp(result.output)) : NULL);
	return TRUE;
}

gboolean
mapset_find(MapSet *set, const char *key, MapSetKey kind, MapSetAnswer *answer, GError **error)
{
	*answer = (MapSetAnswer){ 0 };
	for (guint i = 0; i < set->tables->len; i++) {
		Table *table = set->tables->pdata[i];
		if (!answers_to(table, kind))
			continue;
		if (!table->is_listed && !g_hash_table_contains(table->answers, key) &&
		    !ask(set, table, key, error))
			return FALSE;
		answer->value = g_hash_table_lookup(table->answers, key);
		answer->table = table->name;
		if (answer->value != NULL)
			return TRUE;
	}
	return TRUE;
}

gboolean
mapset_list_table(const Snapshot *snapshot, const char *table, char ***lines, char **trouble,
		  GError **error)
{
	const char *const argv[] = { "postmap",         "-c", snapshot->config_directory, "-s",
				     skip_proxy(table), NULL };
	g_auto(ChildResult) result = { 0 };

	*lines = NULL;
	if (!mapset_has_rows(table)) {
		*trouble = g_strdup("a table of this type has no rows that could be listed");
		return TRUE;
	}
	/* postmap(1) would say so after a second (src/util/dict_cdb.c has no sequence, 3.12). */
	if (g_str_has_prefix(skip_proxy(table), "cdb:")) {
		*trouble = g_strdup("the type cdb has no such operation");
		return TRUE;
	}
	if (!child_run(argv, NULL, &result, error))
		return FALSE;
	if (result.status == 0 && *result.errors == '\0')
		*lines = g_strsplit(g_strchomp(result.output), "\n", -1);
	else
		*trouble = child_dup_first_line(result.errors);
	return TRUE;
}

/* Of lines "key<TAB>value". */
static void
take_lines(Table *table, char **lines)
{
	for (size_t i = 0; lines[i] != NULL; i++) {
		char *tab = strchr(lines[i], '\t');
		if (tab != NULL)
			g_hash_table_insert(table->answers,
					    g_strndup(lines[i], (gsize)(tab - lines[i])),
					    g_strdup(tab + 1));
	}
}

gboolean
mapset_list(MapSet *set,
	    void (*visit)(const char *table, const char *key, const char *value, void *data),
	    void (*visit_unlisted)(const char *table, void *data), void *data, GError **error)
{
	for (guint i = 0; i < set->tables->len; i++) {
		Table *table = set->tables->pdata[i];
		g_auto(GStrv) lines = NULL;
		g_autofree char *trouble = NULL;
		GHashTableIter rows;
		gpointer key, value;

		if (!mapset_list_table(set->snapshot, table->name, &lines, &trouble, error))
			return FALSE;
		if (lines == NULL) {
			visit_unlisted(table->name, data);
			continue;
		}
		take_lines(table, lines);
		table->is_listed = TRUE;
		g_hash_table_iter_init(&rows, table->answers);
		while (g_hash_table_iter_next(&rows, &key, &value))
			visit(table->name, key, value, data);
	}
	return TRUE;
}

gboolean
mapset_ask_all(MapSet *set, const GPtrArray *keys, MapSetKey kind, GError **error)
{
	g_autoptr(GString) input = NULL;

	for (guint i = 0; i < set->tables->len; i++) {
		Table *table = set->tables->pdata[i];
		g_auto(ChildResult) result = { 0 };
		if (table->is_listed || !answers_to(table, kind))
			continue;
		if (input == NULL) {
			input = g_string_new(NULL);
			for (guint j = 0; j < keys->len; j++)
				g_string_append_printf(input, "%s\n", (char *)keys->pdata[j]);
		}
		if (!run_postmap(set, table, "-", input->str, &result, error))
			return FALSE;
		for (guint j = 0; j < keys->len; j++)
			g_hash_table_insert(table->answers, g_strdup(keys->pdata[j]), NULL);
		g_auto(GStrv) lines = g_strsplit(g_strchomp(result.output), "\n", -1);
		take_lines(table, lines);
	}
	return TRUE;
}
