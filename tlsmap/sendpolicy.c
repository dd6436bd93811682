/* SPDX-License-Identifier: Apache-2.0 */
/* sendpolicy: which row of a document, or which table behind it, decides how mail to a next-hop is
 * protected on this Postfix.
 *
 * smtp(8) asks all tables for a key before any for the next one (src/smtp/smtp_tls_policy.c,
 * tls_policy_lookup(), 3.7): first our rows, then our spellings, then the document's others. */
#include "sendpolicy.h"

#include "names.h"
#include "nexthop.h"
#include "policylookup.h"
#include "policymap.h"
#include "routekeys.h"
#include "spelling.h"
#include "texthash.h"

#include <glib/gstdio.h>
#include <string.h>

struct SendPolicy {
	const Settings *settings;
	const Snapshot *snapshot;
	GHashTable *rows;   /* key -> SettingsDestination */
	GHashTable *routes; /* next-hop -> SettingsDestination */
	char *directory;    /* of the file of spellings; NULL: there are none */
	MapSet *spellings;
	MapSet *fallbacks;
};

void
send_decision_clear(SendDecision *decision)
{
	g_clear_pointer(&decision->key, g_free);
	g_clear_pointer(&decision->table, g_free);
	g_clear_pointer(&decision->value, g_free);
}

typedef struct {
	GHashTable *rows;
	const SettingsDestination *row;
} Indexing;

static void
index_form(const char *form, void *data)
{
	const Indexing *indexing = data;

	g_hash_table_insert(indexing->rows, g_strdup(form), (void *)indexing->row);
}

static void
index_rows(SendPolicy *policy, const GPtrArray *keys)
{
	for (size_t i = 0; i < settings_n_destinations(policy->settings); i++) {
		Indexing indexing = { policy->rows, settings_destination(policy->settings, i) };
		nexthop_visit_forms(indexing.row->destination.text, index_form, &indexing);
	}
	for (guint i = 0; i < keys->len; i++) {
		const RouteKey *key = keys->pdata[i];
		g_hash_table_insert(policy->routes, g_strdup(key->next_hop),
				    (void *)settings_destination(policy->settings, key->row));
	}
}

/* postmap(1) answers from a file alone. */
static gboolean
write_spellings(SendPolicy *policy, GError **error)
{
	g_autofree char *table = spelling_dup_table(policy->settings);

	if (table == NULL)
		return TRUE;
	policy->directory = g_dir_make_tmp("tlsmap-XXXXXX", error);
	if (policy->directory == NULL)
		return FALSE;
	g_autofree char *path = g_build_filename(policy->directory, SPELLING_FILE, NULL);
	g_autofree char *name = g_strconcat("regexp:", path, NULL);
	policy->spellings = mapset_new(policy->snapshot, name);
	return g_file_set_contents(path, table, -1, error);
}

SendPolicy *
sendpolicy_new(const Settings *settings, const Snapshot *snapshot, const GPtrArray *keys,
	       GError **error)
{
	g_autoptr(SendPolicy) policy = g_new0(SendPolicy, 1);
	g_autoptr(GString) others = g_string_new(NULL);
	const GArray *maps = settings->send.fallback_policy_maps;

	for (size_t i = 0; i < settings_n_texts(maps); i++)
		g_string_append_printf(others, "%s ", settings_text(maps, i));
	policy->settings = settings;
	policy->snapshot = snapshot;
	policy->rows = g_hash_table_new_full(texthash, g_str_equal, g_free, NULL);
	policy->routes = g_hash_table_new_full(texthash, g_str_equal, g_free, NULL);
	policy->fallbacks = mapset_new(snapshot, others->str);
	index_rows(policy, keys);
	return write_spellings(policy, error) ? g_steal_pointer(&policy) : NULL;
}

void
sendpolicy_free(SendPolicy *policy)
{
	if (policy == NULL)
		return;
	if (policy->directory != NULL) {
		g_autofree char *path = g_build_filename(policy->directory, SPELLING_FILE, NULL);
		g_unlink(path);
		g_rmdir(policy->directory);
	}
	g_free(policy->directory);
	g_hash_table_unref(policy->rows);
	g_hash_table_unref(policy->routes);
	mapset_free(policy->spellings);
	mapset_free(policy->fallbacks);
	g_free(policy);
}

const SettingsDestination *
sendpolicy_row(const SendPolicy *policy, const char *key)
{
	return g_hash_table_lookup(policy->rows, key);
}

static gboolean
decide_by_row(const SendPolicy *policy, const char *key, SendDecision *decision)
{
	decision->decider = DECIDED_BY_ROW;
	decision->row = sendpolicy_row(policy, key);
	if (decision->row == NULL) {
		decision->decider = DECIDED_BY_ROUTE;
		decision->row = g_hash_table_lookup(policy->routes, key);
	}
	if (decision->row == NULL)
		return FALSE;
	decision->value = policymap_dup_value(decision->row, policy->snapshot->version);
	return TRUE;
}

static gboolean
decide_by_tables(MapSet *tables, Decider decider, const char *key, SendDecision *decision,
		 GError **error)
{
	MapSetAnswer answer;

	if (!mapset_find(tables, key, MAPSET_WHOLE, &answer, error))
		return FALSE;
	if (answer.value == NULL)
		return TRUE;
	decision->decider = decider;
	decision->value = g_strdup(answer.value);
	decision->table = g_strdup(answer.table);
	return TRUE;
}

static gboolean
decide_by_key(SendPolicy *policy, const char *key, SendDecision *decision, GError **error)
{
	if (decide_by_row(policy, key, decision))
		return TRUE;
	if (policy->spellings != NULL && !g_str_is_ascii(key) &&
	    !decide_by_tables(policy->spellings, DECIDED_BY_SPELLING, key, decision, error))
		return FALSE;
	return decision->value != NULL ||
	       decide_by_tables(policy->fallbacks, DECIDED_BY_FALLBACK, key, decision, error);
}

gboolean
sendpolicy_decide(SendPolicy *policy, const char *next_hop, SendDecision *decision, GError **error)
{
	send_decision_clear(decision);
	for (const char *key = next_hop; key != NULL; key = policylookup_next_key(key)) {
		if (!decide_by_key(policy, key, decision, error))
			return FALSE;
		if (decision->value != NULL) {
			decision->key = g_strdup(key);
			return TRUE;
		}
	}
	decision->decider = DECIDED_BY_LEVEL;
	decision->row = NULL;
	decision->value = g_strdup(
		names_word(&names_security_level, policy->settings->send.security_level.code));
	return TRUE;
}
