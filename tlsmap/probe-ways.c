/* SPDX-License-Identifier: Apache-2.0 */
/* probe-ways: the next-hops of a destination, and what smtp(8) has in force for each. */
#include "probe-ways.h"

#include "maincf.h"
#include "mapset.h"
#include "names.h"
#include "policylookup.h"
#include "routes.h"

#include <string.h>

#define POLICY_MAPS "smtp_tls_policy_maps"

typedef struct {
	const Snapshot *snapshot;
	Routes *routes;
	GHashTable *tables; /* value of a parameter -> MapSet */
} ProbeWays;

static const char *
in_force(const ProbeWays *ways, const ProbeWay *way, const char *parameter)
{
	const char *value = snapshot_in_force(ways->snapshot, way->service, parameter);

	return value != NULL ? value : "";
}

static MapSet *
tables_of(ProbeWays *ways, const ProbeWay *way, const char *parameter)
{
	const char *value = in_force(ways, way, parameter);
	MapSet *tables = g_hash_table_lookup(ways->tables, value);

	if (tables == NULL) {
		tables = mapset_new(ways->snapshot, value);
		g_hash_table_insert(ways->tables, (char *)value, tables);
	}
	return tables;
}

static void
set_trouble(ProbeWay *way, const char *word)
{
	g_free(way->trouble);
	way->trouble = g_strdup_printf("%s: Postfix does not understand \"%s\"", way->source, word);
}

static void
set_level(ProbeWay *way, const char *word)
{
	g_autofree char *folded = g_ascii_strdown(word, -1);
	int level = names_code(&names_security_level, folded);

	if (level < 0)
		set_trouble(way, word);
	else
		way->level = (SecurityLevel)level;
}

static void
append_words(char ***list, const char *text, const char *separators)
{
	g_auto(GStrv) old = g_steal_pointer(list);
	g_auto(GStrv) new = g_strsplit_set(text, separators, -1);
	GPtrArray *all = g_ptr_array_new();

	for (size_t i = 0; old != NULL && old[i] != NULL; i++)
		g_ptr_array_add(all, g_strdup(old[i]));
	for (size_t i = 0; new[i] != NULL; i++)
		if (*new[i] != '\0')
			g_ptr_array_add(all, g_strdup(new[i]));
	g_ptr_array_add(all, NULL);
	*list = (char **)g_ptr_array_free(all, FALSE);
}

/* src/smtp/smtp_tls_policy.c, tls_policy_lookup_one(), 3.7. */
static void
set_attribute(ProbeWay *way, const char *word)
{
	const struct {
		const char *name;
		char **text;
		char ***list;
	} attributes[] = {
		{ "match", NULL, &way->match },         { "tafile", NULL, &way->trust_anchors },
		{ "protocols", &way->protocols, NULL }, { "ciphers", &way->ciphers, NULL },
		{ "exclude", &way->exclude, NULL },     { "servername", &way->server_name, NULL },
	};
	const char *sign = strchr(word, '=');
	g_autofree char *name = sign != NULL ? g_strndup(word, sign - word) : g_strdup(word);

	for (size_t i = 0; i < G_N_ELEMENTS(attributes) && sign != NULL; i++) {
		if (g_ascii_strcasecmp(name, attributes[i].name) != 0)
			continue;
		if (attributes[i].list != NULL)
			append_words(attributes[i].list, sign + 1,
				     way->level == SECURITY_FINGERPRINT ? "|" : ":");
		else
			*attributes[i].text = g_strdup(sign + 1);
		return;
	}
}

static void
read_policy(ProbeWay *way, const char *value)
{
	g_auto(GStrv) words = maincf_split_list(value);

	if (words[0] == NULL)
		set_trouble(way, value);
	else
		set_level(way, words[0]);
	for (size_t i = 1; words[0] != NULL && words[i] != NULL; i++)
		set_attribute(way, words[i]);
}

/* A table that can't be asked defers all mail (src/smtp/smtp_tls_policy.c, tls_policy_lookup_one(),
 * 3.7). */
static void
find_policy(ProbeWays *ways, ProbeWay *way)
{
	g_autoptr(GError) error = NULL;
	MapSetAnswer answer;
	const char *key;

	if (!policylookup_find(tables_of(ways, way, POLICY_MAPS), way->next_hop, &key, &answer,
			       &error)) {
		way->source = g_strdup(POLICY_MAPS);
		way->trouble = g_strdup(error->message);
		return;
	}
	if (answer.value != NULL) {
		way->source = g_strdup_printf("row \"%s\" of %s", key, answer.table);
		read_policy(way, answer.value);
		return;
	}
	g_autofree char *global = snapshot_dup_send_level(ways->snapshot);
	const char *level = in_force(ways, way, "smtp_tls_security_level");
	way->source = g_strdup("main.cf");
	set_level(way, *level != '\0' ? level : global);
}

/* src/smtp/smtp_sasl_glue.c, smtp_sasl_passwd_lookup(), 3.7: it looks for the host first, which is
 * not known here. */
static void
find_credentials(ProbeWays *ways, ProbeWay *way)
{
	MapSetAnswer answer = { 0 };

	way->has_credentials =
		g_ascii_strcasecmp(in_force(ways, way, "smtp_sasl_auth_enable"), "yes") == 0 &&
		mapset_find(tables_of(ways, way, "smtp_sasl_password_maps"), way->next_hop,
			    MAPSET_WHOLE, &answer, NULL) &&
		answer.value != NULL;
}

static void
add_way(ProbeWays *ways, ProbeTarget *target, const char *transport, const char *next_hop,
	gboolean is_relay)
{
	ProbeWay *way = g_new0(ProbeWay, 1);

	g_ptr_array_add(target->ways, way);
	way->next_hop = g_strdup(next_hop);
	way->service = g_strconcat(transport, "/unix", NULL);
	way->is_relay = is_relay;
}

/* Behind the next-hops stand the fallback relays (src/smtp/smtp_connect.c, smtp_connect_inet(),
 * 3.7). */
static void
add_ways(ProbeWays *ways, ProbeTarget *target, const Route *route)
{
	g_autofree char *service = g_strconcat(route->transport, "/unix", NULL);
	g_auto(GStrv) next_hops = route_dup_next_hops(route->next_hop);
	g_auto(GStrv) relays = maincf_split_list(
		snapshot_in_force(ways->snapshot, service, "smtp_fallback_relay"));
	gboolean is_relay = g_strcmp0(route->parameter, "relayhost") == 0;

	for (size_t i = 0; next_hops[i] != NULL; i++)
		add_way(ways, target, route->transport, next_hops[i], is_relay);
	for (size_t i = 0; relays[i] != NULL; i++)
		add_way(ways, target, route->transport, relays[i], TRUE);
}

/* A next-hop is not a domain that mail is addressed to: it is tried as it is. */
static gboolean
is_next_hop(const char *destination)
{
	return strpbrk(destination, "[:") != NULL;
}

/* Of a domain: all of its addresses that have no route of their own. */
static char *
dup_recipient(const ProbeTarget *target)
{
	if (strchr(target->destination, '@') == NULL)
		return route_dup_any_address(target->destination);
	return g_utf8_validate(target->destination, -1, NULL)
		       ? g_utf8_strdown(target->destination, -1)
		       : g_ascii_strdown(target->destination, -1);
}

static void
find_route(ProbeWays *ways, ProbeTarget *target)
{
	g_autofree char *recipient = dup_recipient(target);
	g_auto(Route) route = { 0 };
	g_autoptr(GError) error = NULL;

	if (is_next_hop(target->destination)) {
		add_way(ways, target, "smtp", target->destination, FALSE);
	} else if (!routes_find(ways->routes, NULL, recipient, &route, &error)) {
		target->outcome = PROBE_DEFERRED;
		target->reason = g_strdup(error->message);
	} else if (route_is_smtp(&route)) {
		add_ways(ways, target, &route);
	} else {
		target->outcome = PROBE_NOT_TRIED;
		target->reason = g_strdup_printf(
			"mail goes by the service %s, which is not smtp(8)", route.transport);
	}
}

/* Many questions in one are quicker. A table that gives no answer gives none for each of them, and
 * is then told of. */
static void
ask_routes(ProbeWays *ways, const GPtrArray *targets)
{
	g_autoptr(GPtrArray) recipients = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; i < targets->len; i++) {
		const ProbeTarget *target = targets->pdata[i];
		if (!is_next_hop(target->destination))
			g_ptr_array_add(recipients, dup_recipient(target));
	}
	(void)!routes_ask_all(ways->routes, recipients, NULL);
}

static void
ask_policies(ProbeWays *ways, const GPtrArray *all)
{
	g_autoptr(GHashTable) keys =
		g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref);
	GHashTableIter iter;
	void *tables, *asked;

	for (guint i = 0; i < all->len; i++) {
		const ProbeWay *way = all->pdata[i];
		tables = tables_of(ways, way, POLICY_MAPS);
		asked = g_hash_table_lookup(keys, tables);
		if (asked == NULL) {
			asked = g_ptr_array_new();
			g_hash_table_insert(keys, tables, asked);
		}
		for (const char *key = way->next_hop; key != NULL; key = policylookup_next_key(key))
			g_ptr_array_add(asked, (char *)key);
	}
	g_hash_table_iter_init(&iter, keys);
	while (g_hash_table_iter_next(&iter, &tables, &asked))
		(void)!mapset_ask_all(tables, asked, MAPSET_WHOLE, NULL);
}

void
probe_ways_find(const Snapshot *snapshot, const GPtrArray *targets)
{
	g_autoptr(GHashTable) tables =
		g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)mapset_free);
	g_autoptr(Routes) routes = routes_new(snapshot);
	g_autoptr(GPtrArray) all = g_ptr_array_new();
	ProbeWays ways = { snapshot, routes, tables };

	ask_routes(&ways, targets);
	for (guint i = 0; i < targets->len; i++) {
		ProbeTarget *target = targets->pdata[i];
		find_route(&ways, target);
		for (guint j = 0; j < target->ways->len; j++)
			g_ptr_array_add(all, target->ways->pdata[j]);
	}
	ask_policies(&ways, all);
	for (guint i = 0; i < all->len; i++) {
		find_policy(&ways, all->pdata[i]);
		find_credentials(&ways, all->pdata[i]);
	}
}
