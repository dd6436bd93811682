/* SPDX-License-Identifier: Apache-2.0 */
/* filter: content filters that are given mail by smtp(8), under the same levels as other hosts.
 *
 * Where content_filter or the action FILTER says "transport:next-hop", qmgr(8) takes that for all
 * recipients of the message, whatever their domains (src/qmgr/qmgr_message.c, 3.7): smtp(8) then
 * asks smtp_tls_policy_maps for that next-hop alone. A filter on this machine speaks no TLS as a
 * rule: where TLS is demanded all its mail would be deferred. To one elsewhere mail goes without
 * what the rows of its domains demand. A row for the next-hop itself says what is meant, and is
 * enough. Filters that a policy server names can't be seen. */
#include "filter.h"

#include "listener.h"
#include "names.h"
#include "nexthop.h"
#include "routes.h"
#include "sendpolicy.h"

#include <string.h>

/* What nexthop_normalise() needs. */
#define NEXTHOP_BUFFER 1024

#define ACTION "(?:^|[\\s{])FILTER\\s+([^\\s:]+:[^\\s}]*)"
/* A table with a text behind it. */
#define TABLE "\\b(?:regexp|pcre|cidr|texthash|hash|btree|lmdb|cdb|dbm|sdbm):(/[^\\s,}]+)"

typedef struct {
	const Settings *settings;
	const Snapshot *snapshot;
	Routes *routes;
	const GPtrArray *keys;
	SendPolicy *policy; /* NULL: not yet wanted, a million rows may be behind it */
	GError *error;      /* why there is none */
	GHashTable *seen;   /* "transport:next-hop" that has been judged */
	GRegex *action;
	GRegex *table;
	const char *classes; /* smtpd_restriction_classes */
	Findings *findings;
} Search;

/* ---- judging ---- */

/* Of the rows whose mail would go to a filter with less than they demand, the first; NULL: none. */
static const SettingsDestination *
find_stronger_row(const Search *search, SecurityLevel level)
{
	for (size_t i = 0; i < settings_n_destinations(search->settings); i++) {
		const SettingsDestination *row = settings_destination(search->settings, i);
		if (settings_level_is_mandatory(row->security_level.code) &&
		    !names_is_at_least(level, row->security_level.code))
			return row;
	}
	return NULL;
}

/* "[ipv6:::1]:10025", "[127.0.0.1]:10025", "localhost:10025". */
static gboolean
is_on_this_machine(const char *next_hop)
{
	gboolean is_bracketed = next_hop[0] == '[';
	g_autofree char *host = g_strdup(next_hop + is_bracketed);

	host[strcspn(host, is_bracketed ? "]" : ":")] = '\0';
	return listener_is_loopback_host(g_str_has_prefix(host, "ipv6:") ? host + strlen("ipv6:")
									 : host);
}

/* A row can't name an address without brackets, which Postfix takes only where disable_dns_lookups
 * is set: then it is first to be spelled so. The caller frees it. */
static char *
dup_cure(const char *next_hop, const char *level)
{
	char form[NEXTHOP_BUFFER];
	size_t length = strcspn(next_hop, ":");

	if (g_strlcpy(form, next_hop, sizeof form) < sizeof form &&
	    nexthop_normalise(form, sizeof form) == NULL)
		return g_strdup_printf("add the row { \"destination\": \"%s\", "
				       "\"security_level\": \"%s\" } to send.domains",
				       next_hop, level);
	return g_strdup_printf("write it as \"[%.*s]%s\", and add the row { \"destination\": "
			       "\"[%.*s]%s\", \"security_level\": \"%s\" } to send.domains",
			       (int)length, next_hop, next_hop + length, (int)length, next_hop,
			       next_hop + length, level);
}

static void
judge_here(const Search *search, const char *where, const char *next_hop, SecurityLevel level)
{
	if (!settings_level_is_mandatory(level))
		return;
	g_autofree char *cure = dup_cure(next_hop, "none");
	findings_add_live(search->findings, FINDING_FILTER_WITHOUT_ROW, where,
			  "at the level \"%s\" mail would go to the filter \"%s\" by TLS or not at "
			  "all, and without TLS there all of it would be deferred; %s, or one with "
			  "the level that the filter can keep",
			  names_word(&names_security_level, level), next_hop, cure);
}

static void
judge_elsewhere(const Search *search, const char *where, const char *next_hop, SecurityLevel level)
{
	const SettingsDestination *stronger = find_stronger_row(search, level);

	if (stronger == NULL)
		return;
	g_autofree char *cure = dup_cure(next_hop, "encrypt");
	findings_add_live(
		search->findings, FINDING_FILTER_WITHOUT_ROW, where,
		"all mail goes to the filter \"%s\" first, at the level \"%s\", also mail "
		"that is to go to \"%s\" at the level \"%s\"; %s, or one with another level",
		next_hop, names_word(&names_security_level, level), stronger->destination.text,
		names_word(&names_security_level, stronger->security_level.code), cure);
}

/* The level that decides, where no row says what is meant for this very next-hop. */
static gboolean
find_level(const Search *search, const char *next_hop, const char *own, SecurityLevel *level)
{
	g_auto(SendDecision) decision = { 0 };

	/* A table that can't be asked is a finding of its own. */
	if (!sendpolicy_decide(search->policy, next_hop, &decision, NULL) ||
	    (decision.decider == DECIDED_BY_ROW && strcmp(decision.key, next_hop) == 0))
		return FALSE;
	const char *said =
		decision.decider == DECIDED_BY_LEVEL && own != NULL ? own : decision.value;
	g_autofree char *word = g_strndup(said, strcspn(said, " \t"));
	int code = names_code(&names_security_level, word);
	*level = code >= 0 ? code : search->settings->send.security_level.code;
	return TRUE;
}

static void
judge_next_hop(const Search *search, const char *where, const char *service, const char *next_hop)
{
	const char *own = snapshot_override(search->snapshot, service, "smtp_tls_security_level");
	SecurityLevel level;

	if (!find_level(search, next_hop, own, &level))
		return;
	if (!is_on_this_machine(next_hop))
		judge_elsewhere(search, where, next_hop, level);
	/* A level of its own is meant for the filter, too. */
	else if (own == NULL)
		judge_here(search, where, next_hop, level);
}

static gboolean
has_policy(Search *search)
{
	if (search->policy == NULL && search->error == NULL)
		search->policy = sendpolicy_new(search->settings, search->snapshot, search->keys,
						&search->error);
	return search->policy != NULL;
}

/* Mail that another program than smtp(8) gives to a filter on another host: no row changes how it
 * goes there, but one that demands no TLS says that this is known. */
static void
judge_apart(const Search *search, const char *where, const char *next_hop, SecurityLevel level,
	    const char *speaker)
{
	const SettingsDestination *row = sendpolicy_row(search->policy, next_hop);
	SecurityLevel of_all = search->settings->send.security_level.code;

	if (is_on_this_machine(next_hop) ||
	    (row != NULL && !settings_level_is_mandatory(row->security_level.code)) ||
	    (find_stronger_row(search, level) == NULL &&
	     (!settings_level_is_mandatory(of_all) || names_is_at_least(level, of_all))))
		return;
	g_autofree char *cure = row != NULL ? g_strdup("give its row the level \"none\"")
					    : dup_cure(next_hop, "none");
	findings_add_live(
		search->findings, FINDING_FILTER_WITHOUT_ROW, where,
		"all mail goes to the filter \"%s\" first, by %s and at the level \"%s\", "
		"and the document demands more; run the filter on this machine, or give "
		"it its mail by smtp(8), or, if you mean it so, %s",
		next_hop, speaker, names_word(&names_security_level, level), cure);
}

/* "inet:host:port", or that without "inet:"; NULL: it is a socket of this machine, or a port. */
static const char *
find_host(const char *endpoint)
{
	if (g_str_has_prefix(endpoint, "inet:"))
		endpoint += strlen("inet:");
	return g_str_has_prefix(endpoint, "unix:") || *endpoint == ':' || *endpoint == '\0'
		       ? NULL
		       : endpoint;
}

/* A port alone is one of this machine (postconf(5) smtpd_proxy_filter, 3.7). */
static void
judge_proxy(Search *search, const char *where, const char *endpoint)
{
	const char *host = find_host(endpoint);

	if (host != NULL && strchr(host, ':') != NULL && has_policy(search))
		judge_apart(search, where, host, SECURITY_NONE, "smtpd(8), which speaks no TLS,");
}

static void
judge_lmtp(const Search *search, const char *where, const char *service, const char *next_hop)
{
	const char *host = find_host(next_hop);
	const char *level = snapshot_override(search->snapshot, service, "lmtp_tls_security_level");

	if (level == NULL)
		level = snapshot_expanded(search->snapshot, "lmtp_tls_security_level");
	int code = names_code(&names_security_level, level);
	if (host != NULL)
		judge_apart(search, where, host, code >= 0 ? code : SECURITY_NONE, "lmtp(8)");
}

/* filter: "transport:next-hop". */
static void
judge(Search *search, const char *where, const char *filter)
{
	g_autofree char *value = g_strdup(filter);
	RouteTarget target = route_split_target(value);
	g_autofree char *service = g_strconcat(target.transport, "/unix", NULL);
	const char *command = routes_command(search->routes, target.transport);

	gboolean is_lmtp = g_strcmp0(command, "lmtp") == 0;

	if ((g_strcmp0(command, "smtp") != 0 && !is_lmtp) ||
	    settings_is_unguarded(search->settings, service) ||
	    !g_hash_table_add(search->seen, g_strdup(filter)) || !has_policy(search))
		return;
	if (*target.next_hop == '\0')
		target.next_hop = snapshot_expanded(search->snapshot, "default_filter_nexthop");
	/* Without any it is the domain of the recipient, as if there were no filter. */
	g_autofree char *folded = g_ascii_strdown(target.next_hop, -1);
	g_auto(GStrv) next_hops = route_dup_next_hops(folded);
	for (size_t i = 0; next_hops[i] != NULL; i++)
		if (is_lmtp)
			judge_lmtp(search, where, service, next_hops[i]);
		else
			judge_next_hop(search, where, service, next_hops[i]);
}

/* ---- where filters are named ---- */

/* All FILTER actions in the text of a table, or in a list of restrictions. */
static void
judge_actions(Search *search, const char *where, const char *text)
{
	g_autoptr(GMatchInfo) match = NULL;

	for (g_regex_match(search->action, text, 0, &match); g_match_info_matches(match);
	     g_match_info_next(match, NULL)) {
		g_autofree char *filter = g_match_info_fetch(match, 1);
		judge(search, where, filter);
	}
}

/* The text that a table is made of is where its administrator writes; one that can't be read is
 * for Postfix to complain of. */
static void
judge_table(Search *search, const char *path)
{
	g_autofree char *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return;
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	for (size_t i = 0; lines[i] != NULL; i++)
		if (lines[i][0] != '#')
			judge_actions(search, path, lines[i]);
}

/* Lists of restrictions, and what header_checks and its like name, hold actions. */
static gboolean
holds_actions(const Search *search, const char *parameter)
{
	g_auto(GStrv) classes = g_strsplit_set(search->classes, ", \t\n", -1);

	return g_str_has_suffix(parameter, "_restrictions") ||
	       g_str_has_suffix(parameter, "_checks") ||
	       g_strv_contains((const char *const *)classes, parameter);
}

static void
judge_parameter(Search *search, const char *where, const char *parameter, const char *value)
{
	g_autoptr(GMatchInfo) match = NULL;

	if (strcmp(parameter, "content_filter") == 0)
		judge(search, where, value);
	if (strcmp(parameter, "smtpd_proxy_filter") == 0)
		judge_proxy(search, where, value);
	if (!holds_actions(search, parameter))
		return;
	judge_actions(search, where, value);
	for (g_regex_match(search->table, value, 0, &match); g_match_info_matches(match);
	     g_match_info_next(match, NULL)) {
		g_autofree char *path = g_match_info_fetch(match, 1);
		judge_table(search, path);
	}
}

static void
judge_all(Search *search)
{
	const Snapshot *snapshot = search->snapshot;
	g_autoptr(GList) names =
		g_list_sort(g_hash_table_get_keys(snapshot->values), (GCompareFunc)g_strcmp0);

	for (const GList *name = names; name != NULL; name = name->next) {
		g_autofree char *where = g_strdup_printf(
			"%s/main.cf: %s", snapshot->config_directory, (const char *)name->data);
		judge_parameter(search, where, name->data, snapshot_expanded(snapshot, name->data));
	}
	for (size_t i = 0; i < snapshot->expanded_overrides->len; i++) {
		const SnapshotOverride *override = snapshot->expanded_overrides->pdata[i];
		g_autofree char *where =
			g_strdup_printf("%s/master.cf: %s: -o %s", snapshot->config_directory,
					override->service, override->parameter);
		judge_parameter(search, where, override->parameter, override->value);
	}
}

gboolean
filter_find(const Settings *settings, const Snapshot *snapshot, const GPtrArray *keys,
	    Findings *findings, GError **error)
{
	g_autoptr(Routes) routes = routes_new(snapshot);
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GRegex) action = g_regex_new(ACTION, G_REGEX_CASELESS, 0, NULL);
	g_autoptr(GRegex) table = g_regex_new(TABLE, 0, 0, NULL);
	Search search = {
		.settings = settings,
		.snapshot = snapshot,
		.routes = routes,
		.keys = keys,
		.seen = seen,
		.action = action,
		.table = table,
		.classes = snapshot_expanded(snapshot, "smtpd_restriction_classes"),
		.findings = findings,
	};

	judge_all(&search);
	sendpolicy_free(search.policy);
	if (search.error != NULL)
		g_propagate_error(error, search.error);
	return search.error == NULL;
}
