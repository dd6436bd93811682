/* SPDX-License-Identifier: Apache-2.0 */
/* routekeys: the keys that the rows of the document need beside their own, because this Postfix
 * sends their mail to a next-hop that is not the domain.
 *
 * smtp(8) asks for the next-hop alone. One that only mail of a single row takes gets that row's
 * policy. One that other mail takes as well can't have it: unless the document has a row for the
 * next-hop that is as strict, the row would hold for nobody, and that is refused. */
#include "routekeys.h"

#include "names.h"
#include "nexthop.h"
#include "policylookup.h"
#include "policymap.h"
#include "routes.h"
#include "routetroubles.h"
#include "texthash.h"

#include <string.h>

/* The mail of no row: the global level is what it gets. */
#define NO_ROW G_MAXSIZE
/* A name that nobody has: for all below a domain. */
#define ANY_BELOW "tlsgate-any"

/* A next-hop that is no domain of its own mail. */
typedef struct {
	char *name;
	size_t own_row;      /* of the document, for the next-hop itself; NO_ROW: none */
	size_t row;          /* of the mail that takes it */
	gboolean is_shared;  /* mail of different rows takes it */
	gboolean is_unknown; /* whether other mail takes it can't be told */
} NextHop;

typedef struct {
	const Settings *settings;
	const Snapshot *snapshot;
	Routes *routes;
	GHashTable *rows;      /* key -> number of the row + 1 */
	GHashTable *next_hops; /* name -> NextHop */
	RouteTroubles *troubles;
	GPtrArray *everyones; /* of Way: ways that any mail may take */
	GPtrArray *ways;      /* of Way: of transport_maps */
	GPtrArray *keys;      /* of RouteKey */
	Findings *findings;
	gboolean has_unlisted;
} Search;

/* A way that a table or a parameter gives mail. */
typedef struct {
	char *domain;   /* whose mail; NULL: anybody's */
	char *next_hop; /* one of them */
	char *place;
	gboolean is_fallback; /* taken by mail that has another way, too */
} Way;

static void
free_way(void *data)
{
	Way *way = data;

	g_free(way->domain);
	g_free(way->next_hop);
	g_free(way->place);
	g_free(way);
}

static void
free_next_hop(void *data)
{
	NextHop *next_hop = data;

	g_free(next_hop->name);
	g_free(next_hop);
}

static void
free_key(void *data)
{
	RouteKey *key = data;

	g_free(key->next_hop);
	g_free(key->domain);
	g_free(key);
}

/* ---- rows ---- */

typedef struct {
	GHashTable *rows;
	size_t number;
} Indexing;

static void
index_form(const char *form, void *data)
{
	const Indexing *indexing = data;

	g_hash_table_insert(indexing->rows, g_strdup(form), GSIZE_TO_POINTER(indexing->number + 1));
}

static GHashTable *
index_rows(const Settings *settings)
{
	GHashTable *rows = g_hash_table_new_full(texthash, g_str_equal, g_free, NULL);

	for (size_t i = 0; i < settings_n_destinations(settings); i++) {
		Indexing indexing = { rows, i };
		nexthop_visit_forms(settings_destination(settings, i)->destination.text, index_form,
				    &indexing);
	}
	return rows;
}

/* The row that decides for a next-hop. */
static size_t
find_row(const Search *search, const char *next_hop)
{
	for (const char *key = next_hop; key != NULL; key = policylookup_next_key(key)) {
		void *number = g_hash_table_lookup(search->rows, key);
		if (number != NULL)
			return GPOINTER_TO_SIZE(number) - 1;
	}
	return NO_ROW;
}

static const SettingsDestination *
row_at(const Search *search, size_t row)
{
	return settings_destination(search->settings, row);
}

static gboolean
say_the_same(const Search *search, size_t one, size_t other)
{
	if (one == other)
		return TRUE;
	if (one == NO_ROW || other == NO_ROW)
		return FALSE;
	g_autofree char *left = policymap_dup_value(row_at(search, one), search->snapshot->version);
	g_autofree char *right =
		policymap_dup_value(row_at(search, other), search->snapshot->version);
	return strcmp(left, right) == 0;
}

/* Whether mail that wants row is served by what other says; NO_ROW: by the global level. */
static gboolean
is_served(const Search *search, size_t row, size_t other)
{
	const SettingsDestination *wanted = row_at(search, row);
	SecurityLevel level = wanted->security_level.code;

	if (other == NO_ROW)
		return !settings_row_restricts(wanted) &&
		       search->settings->send.security_level.code == (int)level;
	return say_the_same(search, row, other) ||
	       (!settings_row_restricts(wanted) &&
		names_is_at_least(row_at(search, other)->security_level.code, level));
}

/* ---- ways ---- */

static NextHop *
get_next_hop(Search *search, const char *name)
{
	NextHop *next_hop = g_hash_table_lookup(search->next_hops, name);

	if (next_hop != NULL)
		return next_hop;
	next_hop = g_new0(NextHop, 1);
	next_hop->name = g_strdup(name);
	next_hop->own_row = find_row(search, name);
	next_hop->row = NO_ROW - 1; /* of no mail yet */
	g_hash_table_insert(search->next_hops, next_hop->name, next_hop);
	return next_hop;
}

static void
note_mail(Search *search, const char *name, size_t row)
{
	NextHop *next_hop = get_next_hop(search, name);

	if (next_hop->row == NO_ROW - 1)
		next_hop->row = row;
	else if (!say_the_same(search, next_hop->row, row))
		next_hop->is_shared = TRUE;
}

/* What a way is about and where it is written are taken over. */
static void
add_ways(Search *search, GPtrArray *ways, const Way *like, const char *next_hops)
{
	g_auto(GStrv) names = route_dup_next_hops(next_hops);

	for (size_t i = 0; names[i] != NULL; i++) {
		Way *way = g_new0(Way, 1);
		way->is_fallback = like->is_fallback;
		way->domain = g_strdup(like->domain);
		way->place = g_strdup(like->place);
		way->next_hop = g_strdup(names[i]);
		g_ptr_array_add(ways, way);
		note_mail(search, way->next_hop,
			  way->domain != NULL ? find_row(search, way->domain) : NO_ROW);
	}
}

static gboolean
is_smtp(const char *command)
{
	return g_strcmp0(command, "smtp") == 0;
}

/* The domain that a key of transport_maps is about; NULL: about any. */
static char *
dup_key_domain(const char *key)
{
	const char *at = strrchr(key, '@');

	if (strcmp(key, "*") == 0 || (at != NULL && at[1] == '\0'))
		return NULL;
	if (at != NULL)
		return g_strdup(at + 1);
	return key[0] == '.' ? g_strconcat(ANY_BELOW, key, NULL) : g_strdup(key);
}

/* ":next-hop" keeps the transport of the class; that of default_transport is what it is for mail
 * that leaves. */
static const char *
find_command(const Search *search, const char *transport)
{
	g_autofree char *fallback =
		g_strdup(snapshot_expanded(search->snapshot, "default_transport"));

	return routes_command(search->routes, *transport != '\0'
						      ? transport
						      : route_split_target(fallback).transport);
}

static void
take_transport_row(const char *table, const char *key, const char *value, void *data)
{
	Search *search = data;
	g_autofree char *domain = dup_key_domain(key);
	g_autofree char *place = g_strdup_printf("transport_maps, %s: \"%s\"", table, key);
	g_autofree char *text = g_strdup(value);
	RouteTarget target = route_split_target(text);
	const Way way = { .domain = domain, .place = place };

	if (*target.next_hop != '\0' && is_smtp(find_command(search, target.transport)))
		add_ways(search, search->ways, &way, target.next_hop);
}

static void
take_sender_relayhost(const char *table, const char *key, const char *value, void *data)
{
	Search *search = data;
	g_autofree char *place =
		g_strdup_printf("sender_dependent_relayhost_maps, %s: \"%s\"", table, key);
	const Way way = { .place = place };

	if (*value != '\0' && g_ascii_strcasecmp(value, "DUNNO") != 0)
		add_ways(search, search->everyones, &way, value);
}

static void
take_sender_transport(const char *table, const char *key, const char *value, void *data)
{
	Search *search = data;
	g_autofree char *place =
		g_strdup_printf("sender_dependent_default_transport_maps, %s: \"%s\"", table, key);
	g_autofree char *text = g_strdup(value);
	RouteTarget target = route_split_target(text);
	const Way way = { .place = place };

	if (*target.next_hop != '\0' && is_smtp(find_command(search, target.transport)))
		add_ways(search, search->everyones, &way, target.next_hop);
}

static void
take_unlisted(const char *table, void *data)
{
	Search *search = data;

	search->has_unlisted = TRUE;
	findings_add_live(search->findings, FINDING_ROUTES_UNLISTED, table,
			  "its routes can't be listed: mail of single addresses and sub-domains "
			  "that it gives a next-hop of their own gets the policy of that next-hop, "
			  "whatever the row of the domain says; write a row for each such "
			  "next-hop");
}

/* What everybody's mail takes, by the parameters. */
static void
take_parameters(Search *search)
{
	static const char *const transports[] = { "default_transport", "relay_transport",
						  "virtual_transport", "local_transport" };
	const Way relayhost = { .place = (char *)"relayhost" };
	const Way fallback = { .place = (char *)"smtp_fallback_relay", .is_fallback = TRUE };

	/* It is judged with the route of each row. */
	g_autoptr(GPtrArray) known = g_ptr_array_new_with_free_func(free_way);
	add_ways(search, known, &relayhost, snapshot_expanded(search->snapshot, "relayhost"));
	for (size_t i = 0; i < G_N_ELEMENTS(transports); i++) {
		g_autofree char *text =
			g_strdup(snapshot_expanded(search->snapshot, transports[i]));
		RouteTarget target = route_split_target(text);
		const Way way = { .place = (char *)transports[i] };
		if (is_smtp(routes_command(search->routes, target.transport)))
			add_ways(search, known, &way, target.next_hop);
	}
	add_ways(search, search->everyones, &fallback,
		 snapshot_expanded(search->snapshot, "smtp_fallback_relay"));
}

static gboolean
take_tables(Search *search, GError **error)
{
	return mapset_list(routes_transport_maps(search->routes), take_transport_row, take_unlisted,
			   search, error) &&
	       mapset_list(routes_sender_relayhost_maps(search->routes), take_sender_relayhost,
			   take_unlisted, search, error) &&
	       mapset_list(routes_sender_transport_maps(search->routes), take_sender_transport,
			   take_unlisted, search, error);
}

/* ---- judgement ---- */

static void
add_key(Search *search, size_t row, const char *next_hop, const char *domain)
{
	RouteKey *key = g_new0(RouteKey, 1);

	key->next_hop = g_strdup(next_hop);
	key->domain = g_strdup(domain);
	key->row = row;
	g_ptr_array_add(search->keys, key);
	/* From now on it is there. */
	get_next_hop(search, next_hop)->own_row = row;
	g_hash_table_insert(search->rows, g_strdup(next_hop), GSIZE_TO_POINTER(row + 1));
}

static gboolean
is_domain(const char *destination)
{
	return destination[strcspn(destination, "[]:")] == '\0';
}

/* A key that takes protection from mail of others is written only where there surely are none: a
 * domain name is a next-hop of mail to itself, too. */
static gboolean
is_weaker_than_level(const Search *search, size_t row)
{
	return !names_is_at_least(row_at(search, row)->security_level.code,
				  search->settings->send.security_level.code);
}

/* Mail of row takes next_hop. */
static void
judge(Search *search, size_t row, const char *next_hop, const char *domain, const char *place)
{
	const NextHop *found = get_next_hop(search, next_hop);

	if (found->own_row != NO_ROW) {
		if (!is_served(search, row, found->own_row))
			routetroubles_note(search->troubles, FINDING_ROUTE_ROW_WEAKER, row,
					   next_hop, place, found->own_row);
	} else if (is_served(search, row, NO_ROW))
		return;
	else if (found->is_shared || !say_the_same(search, found->row, row) ||
		 (is_domain(next_hop) && is_weaker_than_level(search, row)))
		routetroubles_note(search->troubles, FINDING_ROUTE_SHARED, row, next_hop, place,
				   NO_ROW);
	else if (found->is_unknown || (search->has_unlisted && is_weaker_than_level(search, row)))
		routetroubles_note(search->troubles, FINDING_ROUTE_UNKNOWN, row, next_hop, place,
				   NO_ROW);
	else
		add_key(search, row, next_hop, domain);
}

/* The way of the row's own domain. A next-hop that no listed table has told of comes from one that
 * can't be listed. */
static void
judge_route(Search *search, size_t row, const char *domain, const Route *route)
{
	g_autofree char *place = route_dup_place(route);
	g_auto(GStrv) names = route_dup_next_hops(route->next_hop);

	if (g_strcmp0(route->command, "lmtp") == 0 &&
	    row_at(search, row)->security_level.code > SECURITY_MAY)
		routetroubles_note(search->troubles, FINDING_ROUTE_BY_LMTP, row, route->next_hop,
				   place, NO_ROW);
	if (!route_is_smtp(route) || route->parameter == NULL)
		return;
	for (size_t i = 0; names[i] != NULL; i++) {
		if (!g_hash_table_contains(search->next_hops, names[i])) {
			note_mail(search, names[i], row);
			get_next_hop(search, names[i])->is_unknown = search->has_unlisted;
		}
		judge(search, row, names[i], domain, place);
	}
}

/* Whether mail on the route may take the way as well. */
static gboolean
may_take(const Search *search, const Route *route, const Way *way)
{
	if (!way->is_fallback)
		return !route->is_by_table &&
		       (route->class == ROUTE_DEFAULT || route->class == ROUTE_RELAY);
	g_autofree char *service = g_strconcat(route->transport, "/unix", NULL);
	const char *own = snapshot_override(search->snapshot, service, way->place);
	return own == NULL || *own != '\0';
}

static gboolean
judge_mail(Search *search, size_t row, const char *recipient, GError **error)
{
	const char *domain = strchr(recipient, '@') + 1;
	g_auto(Route) route = { 0 };

	if (!routes_find(search->routes, NULL, recipient, &route, error))
		return FALSE;
	judge_route(search, row, domain, &route);
	for (guint i = 0; route_is_smtp(&route) && i < search->everyones->len; i++) {
		const Way *way = search->everyones->pdata[i];
		if (may_take(search, &route, way))
			judge(search, row, way->next_hop, domain, way->place);
	}
	return TRUE;
}

typedef struct {
	GPtrArray *recipients;
	GArray *rows;
	size_t row;
} Sampling;

static void
add_sample(const char *form, void *data)
{
	Sampling *sampling = data;

	g_autofree char *domain =
		form[0] == '.' ? g_strconcat(ANY_BELOW, form, NULL) : g_strdup(form);

	g_ptr_array_add(sampling->recipients, route_dup_any_address(domain));
	g_array_append_val(sampling->rows, sampling->row);
}

/* By the domains whose mail the rows are about, in all forms. */
static gboolean
judge_rows(Search *search, GError **error)
{
	g_autoptr(GPtrArray) recipients = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(size_t));
	Sampling sampling = { recipients, rows, 0 };

	for (; sampling.row < settings_n_destinations(search->settings); sampling.row++) {
		const char *name = row_at(search, sampling.row)->destination.text;
		if (is_domain(name))
			nexthop_visit_forms(name, add_sample, &sampling);
	}
	if (!routes_ask_all(search->routes, recipients, error))
		return FALSE;
	for (guint i = 0; i < recipients->len; i++)
		if (!judge_mail(search, g_array_index(rows, size_t, i), recipients->pdata[i],
				error))
			return FALSE;
	/* Addresses and sub-domains with a route of their own. */
	for (guint i = 0; i < search->ways->len; i++) {
		const Way *way = search->ways->pdata[i];
		size_t row = way->domain != NULL ? find_row(search, way->domain) : NO_ROW;
		if (row != NO_ROW)
			judge(search, row, way->next_hop, way->domain, way->place);
	}
	return TRUE;
}

static int
compare_keys(const void *left, const void *right)
{
	const RouteKey *one = *(RouteKey *const *)left;
	const RouteKey *other = *(RouteKey *const *)right;

	return one->row != other->row ? (one->row < other->row ? -1 : 1)
				      : strcmp(one->next_hop, other->next_hop);
}

static gboolean
search_all(Search *search, GError **error)
{
	take_parameters(search);
	if (!take_tables(search, error) || !judge_rows(search, error))
		return FALSE;
	routetroubles_report(search->troubles, search->settings, search->findings);
	g_ptr_array_sort(search->keys, compare_keys);
	return TRUE;
}

static void
clear_search(Search *search)
{
	routes_free(search->routes);
	g_clear_pointer(&search->rows, g_hash_table_unref);
	g_clear_pointer(&search->next_hops, g_hash_table_unref);
	routetroubles_free(search->troubles);
	g_clear_pointer(&search->everyones, g_ptr_array_unref);
	g_clear_pointer(&search->ways, g_ptr_array_unref);
	g_clear_pointer(&search->keys, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Search, clear_search)

GPtrArray *
routekeys_find(const Settings *settings, const Snapshot *snapshot, Findings *findings,
	       GError **error)
{
	g_auto(Search) search = {
		.settings = settings,
		.snapshot = snapshot,
		.routes = routes_new(snapshot),
		.keys = g_ptr_array_new_with_free_func(free_key),
		.findings = findings,
	};

	/* The way of most: a million rows need not be looked at. */
	if (settings_n_destinations(settings) == 0 || routes_are_plain(search.routes))
		return g_steal_pointer(&search.keys);
	search.rows = index_rows(settings);
	search.next_hops = g_hash_table_new_full(texthash, g_str_equal, NULL, free_next_hop);
	search.troubles = routetroubles_new();
	search.everyones = g_ptr_array_new_with_free_func(free_way);
	search.ways = g_ptr_array_new_with_free_func(free_way);
	return search_all(&search, error) ? g_steal_pointer(&search.keys) : NULL;
}
