/* SPDX-License-Identifier: Apache-2.0 */
/* policytables: what the tables of smtp_tls_policy_maps say, as the document would say it.
 *
 * smtp(8) asks all tables for a key before any for the next one, and the first that knows the key
 * decides (src/smtp/smtp_tls_policy.c, tls_policy_lookup(), 3.7). So the rows of the tables that
 * stand first can become rows of the document, whose own table stands before the others; behind the
 * first that can't be listed, all stay as they are. A table with one row that the document can't
 * say stays too: nobody's mail gets a weaker level because a row was left out. */
#include "policytables.h"

#include "jsontext.h"
#include "maincf.h"
#include "mapset.h"
#include "nexthop.h"
#include "policyrow.h"
#include "texthash.h"

#include <string.h>

#define INDENT "    "

void
policytables_clear(PolicyTables *tables)
{
	g_clear_pointer(&tables->rows, g_ptr_array_unref);
	g_clear_pointer(&tables->others, g_ptr_array_unref);
}

/* Rows of one table, or of those before it too: key -> value. */
typedef struct {
	const Snapshot *snapshot;
	const char *name;
	GHashTable *own;  /* of this table */
	GHashTable *all;  /* of those before */
	GHashTable *said; /* the keys that a row for another form of the name has said already */
	GPtrArray *rows;
	Findings *findings;
	size_t n_refused;
} Listing;

typedef struct {
	Listing *listing;
	const char *key;
	const char *value;
	gboolean has_key;
	const char *missing; /* owned by keep */
	GStringChunk *keep;
} Forms;

static void
look_at_form(const char *form, void *data)
{
	Forms *forms = data;

	if (strcmp(form, forms->key) == 0)
		forms->has_key = TRUE;
	if (g_strcmp0(g_hash_table_lookup(forms->listing->own, form), forms->value) != 0)
		forms->missing = g_string_chunk_insert(forms->keep, form);
}

static void
mark_form(const char *form, void *data)
{
	g_hash_table_add(data, g_strdup(form));
}

/* The document writes a row under every form of an internationalised name: all of them must say the
 * same today. NULL where they do. */
static char *
dup_form_trouble(Listing *listing, const char *destination, const char *key, const char *value)
{
	g_autoptr(GStringChunk) keep = g_string_chunk_new(256);
	Forms forms = { .listing = listing, .key = key, .value = value, .keep = keep };

	nexthop_visit_forms(destination, look_at_form, &forms);
	if (!forms.has_key)
		return g_strdup("has a key that smtp(8) never looks up");
	if (forms.missing != NULL)
		return g_strdup_printf("would hold for \"%s\" too, of which the table says "
				       "something else",
				       forms.missing);
	nexthop_visit_forms(destination, mark_form, listing->said);
	return NULL;
}

/* The destination that key is; NULL with *reason. */
static char *
dup_destination(const char *key, char **reason)
{
	size_t size = 4096;
	g_autofree char *text = g_malloc0(size);

	if (strlen(key) >= size || !g_utf8_validate(key, -1, NULL)) {
		*reason = g_strdup("has a key that is no name");
		return NULL;
	}
	memcpy(text, key, strlen(key));
	const char *trouble = nexthop_normalise(text, size);
	if (trouble == NULL)
		return g_steal_pointer(&text);
	*reason = g_strdup_printf("has a key that %s", trouble);
	return NULL;
}

static void
add_row(Listing *listing, const char *key, const char *value)
{
	const char *digest = snapshot_expanded(listing->snapshot, "smtp_tls_fingerprint_digest");
	g_autofree char *reason = NULL;
	g_autofree char *destination = dup_destination(key, &reason);
	g_autofree char *json = NULL;

	if (g_hash_table_contains(listing->all, key) || g_hash_table_contains(listing->said, key))
		return;
	if (destination != NULL)
		reason = dup_form_trouble(listing, destination, key, value);
	if (reason == NULL)
		json = policyrow_dup_json(destination, value, digest, &reason);
	if (json != NULL) {
		g_ptr_array_add(listing->rows, g_steal_pointer(&json));
		return;
	}
	listing->n_refused++;
	g_autofree char *where = g_strdup_printf("%s: %s", listing->name, key);
	findings_add_live(listing->findings, FINDING_ROW_NOT_IN_DOCUMENT, where,
			  "the row %s; its table stays as it is, in send.fallback_policy_maps, and "
			  "the document says nothing of its rows: write the row as the document "
			  "can say it, then import again",
			  reason);
}

/* Rows as they are in lines, the value behind a tab. */
static GHashTable *
split_lines(char **lines)
{
	GHashTable *rows = g_hash_table_new(texthash, g_str_equal);

	for (size_t i = 0; lines[i] != NULL; i++) {
		char *tab = strchr(lines[i], '\t');
		if (tab == NULL)
			continue;
		*tab = '\0';
		g_hash_table_insert(rows, lines[i], tab + 1);
	}
	return rows;
}

static int
compare_keys(const void *left, const void *right)
{
	return strcmp(left, right);
}

/* Whether all rows of the table are said now; then they are added to tables and to all. */
static gboolean
add_table(const Snapshot *snapshot, const char *name, char **lines, GHashTable *all,
	  PolicyTables *tables, Findings *findings)
{
	g_autoptr(GHashTable) own = split_lines(lines);
	g_autoptr(GHashTable) said = g_hash_table_new_full(texthash, g_str_equal, g_free, NULL);
	g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GList) keys = g_list_sort(g_hash_table_get_keys(own), compare_keys);
	Listing listing = { .snapshot = snapshot,
			    .name = name,
			    .own = own,
			    .all = all,
			    .said = said,
			    .rows = rows,
			    .findings = findings };

	for (const GList *key = keys; key != NULL; key = key->next)
		add_row(&listing, key->data, g_hash_table_lookup(own, key->data));
	if (listing.n_refused > 0)
		return FALSE;
	for (const GList *key = keys; key != NULL; key = key->next)
		g_hash_table_add(all, g_strdup(key->data));
	g_ptr_array_extend_and_steal(tables->rows, g_steal_pointer(&rows));
	return TRUE;
}

static void
report_unlistable(const char *name, const char *trouble, Findings *findings)
{
	findings_add_live(
		findings, FINDING_ROW_NOT_IN_DOCUMENT, name,
		"its rows can't be listed (postmap -s: %s); the table stays as it is, in "
		"send.fallback_policy_maps, and the document says nothing of its rows; to "
		"have them in the document, name the file they are written in as "
		"texthash, then import again",
		trouble);
}

/* Whether the document can name the table: then it is one of the others. */
static gboolean
keep_table(const char *name, PolicyTables *tables, Findings *findings)
{
	static const char form[] = "^[a-z]+:[^][:cntrl:] ,${}\"]+$";

	if (g_regex_match_simple(form, name, 0, 0)) {
		g_ptr_array_add(tables->others, g_strdup(name));
		return TRUE;
	}
	findings_add_live(findings, FINDING_NOT_IN_DOCUMENT, name,
			  "the document can't name such a table (type:name, without blanks or "
			  "braces): smtp_tls_policy_maps stays as it is, and a row in the document "
			  "would take its place; put its rows into a file of type texthash");
	return FALSE;
}

gboolean
policytables_read(const Snapshot *snapshot, const char *names, gboolean are_rows_known,
		  PolicyTables *tables, Findings *findings, GError **error)
{
	g_autoptr(GHashTable) all = g_hash_table_new_full(texthash, g_str_equal, g_free, NULL);
	g_auto(GStrv) list = maincf_split_list(names);

	tables->rows = g_ptr_array_new_with_free_func(g_free);
	tables->others = g_ptr_array_new_with_free_func(g_free);
	tables->is_said = TRUE;
	for (size_t i = 0; list[i] != NULL; i++) {
		g_auto(GStrv) lines = NULL;
		g_autofree char *trouble = NULL;
		if (!are_rows_known && tables->others->len == 0 && mapset_has_rows(list[i])) {
			if (!mapset_list_table(snapshot, list[i], &lines, &trouble, error))
				return FALSE;
			if (lines == NULL)
				report_unlistable(list[i], trouble, findings);
		}
		if (lines == NULL || !add_table(snapshot, list[i], lines, all, tables, findings))
			tables->is_said &= keep_table(list[i], tables, findings);
	}
	return TRUE;
}

static gboolean
has_parent_row(const PolicyTables *tables)
{
	for (size_t i = 0; i < tables->rows->len; i++)
		if (strstr(tables->rows->pdata[i], "\"destination\": \".") != NULL)
			return TRUE;
	return FALSE;
}

void
policytables_append(const PolicyTables *tables, GString *members)
{
	g_autoptr(GString) rows = g_string_new("[");

	for (size_t i = 0; i < tables->rows->len; i++)
		g_string_append_printf(rows, "%s\n" INDENT "  %s", i == 0 ? "" : ",",
				       (const char *)tables->rows->pdata[i]);
	g_string_append_c(rows, ']');
	if (tables->rows->len > 0)
		jsontext_append_line(members, INDENT, "domains", rows->str);
	if (tables->others->len == 0)
		return;
	g_ptr_array_add(tables->others, NULL);
	g_autofree char *others = jsontext_dup_list((const char *const *)tables->others->pdata);
	g_ptr_array_remove_index(tables->others, tables->others->len - 1);
	jsontext_append_line(members, INDENT, "fallback_policy_maps", others);
	/* As it is today: smtp(8) asks them for a name before it asks ours for a parent. */
	if (has_parent_row(tables))
		jsontext_append_line(members, INDENT, "fallback_may_override", "true");
}
