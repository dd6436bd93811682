/* SPDX-License-Identifier: Apache-2.0 */
/* routes: where this Postfix sends mail: transport and next-hop, as trivial-rewrite(8) finds
 * them. */
#pragma once

#include "mapset.h"
#include "snapshot.h"

#include <glib.h>

/* The address classes (ADDRESS_CLASS_README, 3.7). */
typedef enum {
	ROUTE_LOCAL,
	ROUTE_VIRTUAL_ALIAS,
	ROUTE_VIRTUAL_MAILBOX,
	ROUTE_RELAY,
	ROUTE_DEFAULT,
	N_ROUTE_CLASSES
} RouteClass;

typedef struct {
	RouteClass class;
	char *transport; /* a service of master.cf */
	char *command;   /* what it runs: "smtp", "lmtp", …; NULL: there is no such service */
	char *next_hop;  /* in lower case; several with commas between them, from 3.5 on */
	/* What chose the next-hop: the parameter; NULL: it is the recipient's domain. */
	const char *parameter;
	char *table;          /* of the parameter, NULL: it names the next-hop itself */
	char *key;            /* that table was found to know */
	gboolean is_by_table; /* transport_maps decides, whoever the sender is */
} Route;

void route_clear(Route *route);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Route, route_clear)

/* "transport_maps, hash:/etc/postfix/transport: \"example.com\""; the caller frees it. */
char *route_dup_place(const Route *route);

/* Whether mail on the route goes out by smtp(8). */
gboolean route_is_smtp(const Route *route);

typedef struct Routes Routes;

/* snapshot must outlive it. */
Routes *routes_new(const Snapshot *snapshot);
void routes_free(Routes *routes);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Routes, routes_free)

/* The route of mail for recipient: an address, or a domain for all of its addresses that have no
 * route of their own. sender: an address, "" for the null sender; NULL: one that no
 * sender-dependent table knows. FALSE with error where a table can't be asked: Postfix would
 * defer. */
gboolean routes_find(Routes *routes, const char *sender, const char *recipient, Route *route,
		     GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Where all mail of a domain, whichever, goes to the domain itself, by smtp(8): nothing but the
 * domain is ever a next-hop. */
gboolean routes_are_plain(const Routes *routes);

/* The command of the service that a transport names; NULL: there is none. Borrowed. */
const char *routes_command(const Routes *routes, const char *transport);

/* The tables, for those who want to see all of their rows. Borrowed. */
MapSet *routes_transport_maps(Routes *routes);
MapSet *routes_sender_relayhost_maps(Routes *routes);
MapSet *routes_sender_transport_maps(Routes *routes);

/* Ask the tables for all these addresses, in lower case, at once. */
gboolean routes_ask_all(Routes *routes, const GPtrArray *recipients, GError **error)
	G_GNUC_WARN_UNUSED_RESULT;

/* The parts of a row of transport_maps, or of a *_transport parameter; borrowed from value, which
 * is cut at its colon. Empty where they are not said. */
typedef struct {
	const char *transport;
	const char *next_hop;
} RouteTarget;
RouteTarget route_split_target(char *value);

/* An address that nobody has: for all of a domain that have no route of their own. Where keys are
 * patterns, an address is what they are compared with. The caller frees it. */
char *route_dup_any_address(const char *domain);

/* The elements of a next-hop in lower case, each a key of smtp_tls_policy_maps. The caller frees
 * them. */
char **route_dup_next_hops(const char *next_hop);
