/* SPDX-License-Identifier: Apache-2.0 */
/* routes: where this Postfix sends mail: transport and next-hop, as trivial-rewrite(8) finds them.
 *
 * The order is that of src/trivial-rewrite/resolve.c, resolve_addr(), and transport.c, 3.7: the
 * class of the domain has a transport and perhaps a next-hop; relayhost and the tables of senders
 * are before the domain; a next-hop in the *_transport parameter is before them; transport_maps is
 * before all. qmgr(8) folds the case of the next-hop (src/qmgr/qmgr_message.c). */
#include "routes.h"

#include "domainlist.h"
#include "maincf.h"

#include <string.h>

struct Routes {
	const Snapshot *snapshot;
	MapSet *transport_maps;
	MapSet *sender_relayhosts;
	MapSet *sender_transports;
	DomainList *domains[N_ROUTE_CLASSES]; /* NULL: all others */
	GHashTable *commands;                 /* transport -> command */
	gboolean parent_matches;              /* transport_maps: "parent", not ".parent" */
};

/* In the order in which a domain is looked for in them. */
static const struct {
	RouteClass class;
	const char *list; /* parameter */
	const char *transport;
	gboolean may_match_parent;
	gboolean has_relayhost;
} classes[] = {
	{ ROUTE_LOCAL, "mydestination", "local_transport", FALSE, FALSE },
	{ ROUTE_VIRTUAL_ALIAS, "virtual_alias_domains", NULL, FALSE, FALSE },
	{ ROUTE_VIRTUAL_MAILBOX, "virtual_mailbox_domains", "virtual_transport", FALSE, FALSE },
	{ ROUTE_RELAY, "relay_domains", "relay_transport", TRUE, TRUE },
	{ ROUTE_DEFAULT, NULL, "default_transport", FALSE, TRUE },
};
G_STATIC_ASSERT(G_N_ELEMENTS(classes) == N_ROUTE_CLASSES);

/* ---- routes ---- */

void
route_clear(Route *route)
{
	g_clear_pointer(&route->transport, g_free);
	g_clear_pointer(&route->command, g_free);
	g_clear_pointer(&route->next_hop, g_free);
	g_clear_pointer(&route->table, g_free);
	g_clear_pointer(&route->key, g_free);
	route->is_by_table = FALSE;
}

char *
route_dup_place(const Route *route)
{
	if (route->parameter == NULL)
		return g_strdup("the domain itself");
	return route->table != NULL ? g_strdup_printf("%s, %s: \"%s\"", route->parameter,
						      route->table, route->key)
				    : g_strdup(route->parameter);
}

gboolean
route_is_smtp(const Route *route)
{
	return g_strcmp0(route->command, "smtp") == 0;
}

RouteTarget
route_split_target(char *value)
{
	char *colon = strchr(value, ':');

	if (colon != NULL)
		*colon = '\0';
	return (RouteTarget){ value, colon != NULL ? colon + 1 : "" };
}

static char *
dup_folded(const char *text)
{
	return g_utf8_validate(text, -1, NULL) ? g_utf8_strdown(text, -1)
					       : g_ascii_strdown(text, -1);
}

char *
route_dup_any_address(const char *domain)
{
	return g_strconcat("tlsgateprobe@", domain, NULL);
}

char **
route_dup_next_hops(const char *next_hop)
{
	g_autofree char *folded = dup_folded(next_hop);

	return maincf_split_list(folded);
}

/* ---- this Postfix ---- */

static gboolean
matches_parents(const Snapshot *snapshot, const char *parameter)
{
	g_auto(GStrv) names =
		maincf_split_list(snapshot_expanded(snapshot, "parent_domain_matches_subdomains"));

	return g_strv_contains((const char *const *)names, parameter);
}

/* service type private unpriv chroot wakeup maxproc command */
static GHashTable *
read_commands(const Snapshot *snapshot)
{
	enum { NAME, TYPE, COMMAND = 7 };
	GHashTable *commands = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

	for (size_t i = 0; snapshot->entries[i] != NULL; i++) {
		g_autofree char *line = snapshot_dup_service_line(snapshot->entries[i]);
		if (line == NULL)
			continue;
		g_auto(GStrv) fields = g_strsplit(line, " ", COMMAND + 2);
		if (g_strv_length(fields) > COMMAND && strcmp(fields[TYPE], "unix") == 0)
			g_hash_table_insert(commands, g_strdup(fields[NAME]),
					    g_strdup(fields[COMMAND]));
	}
	return commands;
}

Routes *
routes_new(const Snapshot *snapshot)
{
	Routes *routes = g_new0(Routes, 1);

	routes->snapshot = snapshot;
	routes->transport_maps =
		mapset_new(snapshot, snapshot_expanded(snapshot, "transport_maps"));
	routes->sender_relayhosts = mapset_new(
		snapshot, snapshot_expanded(snapshot, "sender_dependent_relayhost_maps"));
	routes->sender_transports = mapset_new(
		snapshot, snapshot_expanded(snapshot, "sender_dependent_default_transport_maps"));
	for (size_t i = 0; i < G_N_ELEMENTS(classes); i++) {
		DomainListStyle style = !classes[i].may_match_parent ? DOMAINLIST_EXACT
					: matches_parents(snapshot, classes[i].list)
						? DOMAINLIST_PARENT
						: DOMAINLIST_DOT_PARENT;
		if (classes[i].list != NULL)
			routes->domains[i] = domainlist_new(
				snapshot, snapshot_expanded(snapshot, classes[i].list), style);
	}
	routes->commands = read_commands(snapshot);
	routes->parent_matches = matches_parents(snapshot, "transport_maps");
	return routes;
}

void
routes_free(Routes *routes)
{
	if (routes == NULL)
		return;
	mapset_free(routes->transport_maps);
	mapset_free(routes->sender_relayhosts);
	mapset_free(routes->sender_transports);
	for (size_t i = 0; i < N_ROUTE_CLASSES; i++)
		domainlist_free(routes->domains[i]);
	g_hash_table_unref(routes->commands);
	g_free(routes);
}

MapSet *
routes_transport_maps(Routes *routes)
{
	return routes->transport_maps;
}

MapSet *
routes_sender_relayhost_maps(Routes *routes)
{
	return routes->sender_relayhosts;
}

MapSet *
routes_sender_transport_maps(Routes *routes)
{
	return routes->sender_transports;
}

const char *
routes_command(const Routes *routes, const char *transport)
{
	return g_hash_table_lookup(routes->commands, transport);
}

gboolean
routes_are_plain(const Routes *routes)
{
	static const char *const empty[] = { "relayhost", "smtp_fallback_relay",
					     "virtual_mailbox_domains", "virtual_alias_domains" };

	for (size_t i = 0; i < G_N_ELEMENTS(empty); i++)
		if (*snapshot_expanded(routes->snapshot, empty[i]) != '\0')
			return FALSE;
	for (size_t i = 0; i < G_N_ELEMENTS(classes); i++) {
		if (!classes[i].has_relayhost)
			continue;
		g_autofree char *value =
			g_strdup(snapshot_expanded(routes->snapshot, classes[i].transport));
		RouteTarget target = route_split_target(value);
		if (*target.next_hop != '\0' ||
		    g_strcmp0(routes_command(routes, target.transport), "smtp") != 0)
			return FALSE;
	}
	return mapset_is_empty(routes->transport_maps) &&
	       mapset_is_empty(routes->sender_relayhosts) &&
	       mapset_is_empty(routes->sender_transports);
}

/* ---- the way of one address ---- */

static gboolean
find_class(Routes *routes, const char *domain, size_t *class, GError **error)
{
	for (*class = 0; routes->domains[*class] != NULL; (*class)++) {
		gboolean has;
		if (!domainlist_has(routes->domains[*class], domain, &has, error))
			return FALSE;
		if (has)
			return TRUE;
	}
	return TRUE;
}

/* Where a value comes from: the parameter, and what of its tables knew which key. */
typedef struct {
	const char *parameter;
	char *value;
	char *table;
	char *key;
} Origin;

static void
clear_origin(Origin *origin)
{
	g_free(origin->value);
	g_free(origin->table);
	g_free(origin->key);
	*origin = (Origin){ 0 };
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Origin, clear_origin)

static void
set_next_hop(Route *route, const char *next_hop, const Origin *origin)
{
	g_free(route->next_hop);
	g_free(route->table);
	g_free(route->key);
	route->next_hop = dup_folded(next_hop);
	route->parameter = origin->parameter;
	route->table = g_strdup(origin->table);
	route->key = g_strdup(origin->key);
}

/* The address without its extension (recipient_delimiter); NULL: it has none. */
static char *
dup_without_extension(const Routes *routes, const char *address)
{
	const char *delimiters = snapshot_expanded(routes->snapshot, "recipient_delimiter");
	const char *at = strrchr(address, '@');
	size_t length = *delimiters != '\0' && at != NULL ? strcspn(address, delimiters) : 0;

	return length > 0 && address + length < at
		       ? g_strdup_printf("%.*s%s", (int)length, address, at)
		       : NULL;
}

/* mail_addr_find() for the tables of senders: the address, without its extension, "@domain"
 * (src/global/mail_addr_find.c, 3.7). An answer of DUNNO, or an empty one, is none: then origin
 * stays what it was. */
static gboolean
ask_for_sender(Routes *routes, MapSet *tables, const char *sender, const char *parameter,
	       Origin *origin, GError **error)
{
	g_autofree char *plain = dup_without_extension(routes, sender);
	const char *const keys[] = { *sender != '\0' ? sender : "<>", plain, strrchr(sender, '@') };
	MapSetAnswer answer = { 0 };
	const char *key = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(keys) && answer.value == NULL; i++) {
		key = keys[i];
		if (key != NULL &&
		    !mapset_find(tables, key, i < 2 ? MAPSET_WHOLE : MAPSET_PART, &answer, error))
			return FALSE;
	}
	if (answer.value == NULL || *answer.value == '\0' ||
	    g_ascii_strcasecmp(answer.value, "DUNNO") == 0)
		return TRUE;
	clear_origin(origin);
	*origin = (Origin){ parameter, g_strdup(answer.value), g_strdup(answer.table),
			    g_strdup(key) };
	return TRUE;
}

/* relayhost, and before it what the table of senders says. */
static gboolean
apply_relayhost(Routes *routes, const char *sender, Route *route, GError **error)
{
	g_auto(Origin)
		origin = { .parameter = "relayhost",
			   .value = g_strdup(snapshot_expanded(routes->snapshot, "relayhost")) };

	if (sender != NULL && !ask_for_sender(routes, routes->sender_relayhosts, sender,
					      "sender_dependent_relayhost_maps", &origin, error))
		return FALSE;
	if (*origin.value != '\0')
		set_next_hop(route, origin.value, &origin);
	return TRUE;
}

/* Before transport_maps. */
static gboolean
apply_class(Routes *routes, size_t class, const char *sender, const char *domain, Route *route,
	    GError **error)
{
	static const Origin of_domain = { 0 };
	g_auto(Origin) origin = { .parameter = classes[class].transport };

	route->class = classes[class].class;
	set_next_hop(route, domain, &of_domain);
	if (origin.parameter == NULL) {
		route->transport = g_strdup("error");
		return TRUE;
	}
	origin.value = g_strdup(snapshot_expanded(routes->snapshot, origin.parameter));
	if (classes[class].has_relayhost && !apply_relayhost(routes, sender, route, error))
		return FALSE;
	if (route->class == ROUTE_DEFAULT && sender != NULL &&
	    !ask_for_sender(routes, routes->sender_transports, sender,
			    "sender_dependent_default_transport_maps", &origin, error))
		return FALSE;
	RouteTarget target = route_split_target(origin.value);
	if (*target.next_hop != '\0')
		set_next_hop(route, target.next_hop, &origin);
	route->transport = g_strdup(target.transport);
	return TRUE;
}

/* A key of transport_maps that is part of the address: the domain, then each parent. */
static const char *
next_part(const Routes *routes, const char *key)
{
	const char *dot = strchr(key + 1, '.');

	return dot != NULL && routes->parent_matches ? dot + 1 : dot;
}

static gboolean
ask_transport_maps(Routes *routes, const char *address, const char *domain, MapSetAnswer *answer,
		   char **key, GError **error)
{
	g_autofree char *plain = dup_without_extension(routes, address);
	const char *const whole[] = { strchr(address, '@') != NULL ? address : NULL, plain };

	for (size_t i = 0; i < G_N_ELEMENTS(whole); i++) {
		if (whole[i] == NULL)
			continue;
		*key = g_strdup(whole[i]);
		if (!mapset_find(routes->transport_maps, whole[i], MAPSET_WHOLE, answer, error))
			return FALSE;
		if (answer->value != NULL)
			return TRUE;
		g_clear_pointer(key, g_free);
	}
	for (const char *part = domain; part != NULL; part = next_part(routes, part)) {
		if (!mapset_find(routes->transport_maps, part, MAPSET_PART, answer, error))
			return FALSE;
		if (answer->value != NULL) {
			*key = g_strdup(part);
			return TRUE;
		}
	}
	*key = g_strdup("*");
	return mapset_find(routes->transport_maps, "*", MAPSET_WHOLE, answer, error);
}

static gboolean
apply_transport_maps(Routes *routes, const char *address, const char *domain, Route *route,
		     GError **error)
{
	g_autofree char *key = NULL;
	MapSetAnswer answer;

	if (!ask_transport_maps(routes, address, domain, &answer, &key, error))
		return FALSE;
	if (answer.value == NULL)
		return TRUE;
	const Origin of_domain = { 0 };
	g_auto(Origin) origin = { "transport_maps", g_strdup(answer.value), g_strdup(answer.table),
				  g_steal_pointer(&key) };
	RouteTarget target = route_split_target(origin.value);
	route->is_by_table = *target.next_hop != '\0' || *target.transport != '\0';
	if (*target.next_hop != '\0')
		set_next_hop(route, target.next_hop, &origin);
	else if (*target.transport != '\0')
		set_next_hop(route, domain, &of_domain);
	if (*target.transport != '\0') {
		g_free(route->transport);
		route->transport = g_strdup(target.transport);
	}
	return TRUE;
}

gboolean
routes_find(Routes *routes, const char *sender, const char *recipient, Route *route, GError **error)
{
	const char *at = strrchr(recipient, '@');
	g_autofree char *address = dup_folded(recipient);
	const char *domain = at != NULL ? strrchr(address, '@') + 1 : address;
	size_t class;

	route_clear(route);
	if (!find_class(routes, domain, &class, error) ||
	    !apply_class(routes, class, sender, domain, route, error) ||
	    (route->class != ROUTE_VIRTUAL_ALIAS &&
	     !apply_transport_maps(routes, address, domain, route, error)))
		return FALSE;
	route->command = g_strdup(routes_command(routes, route->transport));
	return TRUE;
}

gboolean
routes_ask_all(Routes *routes, const GPtrArray *recipients, GError **error)
{
	g_autoptr(GPtrArray) domains = g_ptr_array_new();
	g_autoptr(GPtrArray) parts = g_ptr_array_new();

	for (guint i = 0; i < recipients->len; i++) {
		char *domain = strrchr(recipients->pdata[i], '@') + 1;
		g_ptr_array_add(domains, domain);
		for (const char *part = domain; part != NULL; part = next_part(routes, part))
			g_ptr_array_add(parts, (char *)part);
	}
	for (size_t i = 0; i < N_ROUTE_CLASSES; i++)
		if (routes->domains[i] != NULL &&
		    !domainlist_ask_all(routes->domains[i], domains, error))
			return FALSE;
	return mapset_ask_all(routes->transport_maps, recipients, MAPSET_WHOLE, error) &&
	       mapset_ask_all(routes->transport_maps, parts, MAPSET_PART, error);
}
