/* SPDX-License-Identifier: Apache-2.0 */
/* cmd-explain-send: how mail to a destination is protected on this Postfix, and why.
 *
 * The route is the one that trivial-rewrite(8) finds (routes.c); who decides is found as smtp(8)
 * does (sendpolicy.c), among the rows that apply would write. */
#include "cmd-explain-send.h"

#include "names.h"
#include "output.h"
#include "policylookup.h"
#include "protocols.h"
#include "routekeys.h"
#include "routes.h"
#include "sendpolicy.h"

#include <string.h>

typedef struct {
	const ExplainSend *question;
	const Settings *settings;
	SendPolicy *policy;
	const char *domain; /* of the recipient; NULL: a next-hop is asked about */
} Explanation;

/* ---- what a policy means ---- */

/* "level attribute=value …", as smtp(8) splits it; the last of several values is enough here. */
typedef struct {
	SecurityLevel level;
	gboolean is_known; /* the level is one of Postfix's */
	char **words;
} Policy;

static void
clear_policy(Policy *policy)
{
	g_strfreev(policy->words);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Policy, clear_policy)

static Policy
read_policy(const char *value)
{
	Policy policy = { .words = g_strsplit_set(value, ", \t", -1) };
	g_autofree char *word = g_ascii_strdown(policy.words[0] != NULL ? policy.words[0] : "", -1);
	int code = names_code(&names_security_level, word);

	policy.is_known = code >= 0;
	policy.level = code >= 0 ? (SecurityLevel)code : SECURITY_NONE;
	return policy;
}

static const char *
attribute_of(const Policy *policy, const char *name)
{
	for (size_t i = 1; policy->words[0] != NULL && policy->words[i] != NULL; i++) {
		size_t length = strlen(name);
		if (g_ascii_strncasecmp(policy->words[i], name, length) == 0 &&
		    policy->words[i][length] == '=')
			return policy->words[i] + length + 1;
	}
	return NULL;
}

static char *
dup_protocols(const Explanation *explanation, const Policy *policy)
{
	const CursorWord *floor = &explanation->settings->send.min_protocol;
	const Snapshot *snapshot = explanation->question->snapshot;
	const char *own = attribute_of(policy, "protocols");

	if (own != NULL)
		return g_strdup(own);
	if (policy->level == SECURITY_MAY)
		return g_strdup(snapshot_expanded(snapshot, "smtp_tls_protocols"));
	return floor->place != 0
		       ? protocols_dup_floor(floor->code, snapshot->version, ", ")
		       : g_strdup(snapshot_expanded(snapshot, "smtp_tls_mandatory_protocols"));
}

static char *
dup_ciphers(const Explanation *explanation, const Policy *policy)
{
	const char *own = attribute_of(policy, "ciphers");
	const char *excluded = attribute_of(policy, "exclude");
	const char *grade = own != NULL ? own
					: snapshot_expanded(explanation->question->snapshot,
							    policy->level == SECURITY_MAY
								    ? "smtp_tls_ciphers"
								    : "smtp_tls_mandatory_ciphers");

	return excluded != NULL ? g_strdup_printf("%s, without %s", grade, excluded)
				: g_strdup(grade);
}

/* What the certificate must be, or name; NULL: nothing. */
static char *
dup_match(const Explanation *explanation, const Policy *policy)
{
	const Snapshot *snapshot = explanation->question->snapshot;
	const char *own = attribute_of(policy, "match");

	if (policy->level == SECURITY_VERIFY)
		return g_strdup(
			own != NULL ? own
				    : snapshot_expanded(snapshot, "smtp_tls_verify_cert_match"));
	if (policy->level == SECURITY_SECURE)
		return g_strdup(
			own != NULL ? own
				    : snapshot_expanded(snapshot, "smtp_tls_secure_cert_match"));
	return policy->level == SECURITY_FINGERPRINT ? g_strdup(own) : NULL;
}

/* Whose certificates are trusted; NULL: nobody's are asked for. */
static char *
dup_anchors(const Explanation *explanation, const Policy *policy)
{
	const Snapshot *snapshot = explanation->question->snapshot;
	const Settings *settings = explanation->settings;
	const char *own = attribute_of(policy, "tafile");

	if (!settings_level_needs_anchors(policy->level))
		return NULL;
	if (own != NULL)
		return g_strdup(own);
	const char *const files[] = {
		settings->send.trusted_ca_file.text,
		settings->send.trusted_ca_directory.text,
		snapshot_expanded(snapshot, "smtp_tls_CAfile"),
		snapshot_expanded(snapshot, "smtp_tls_CApath"),
	};
	for (size_t i = 0; i < G_N_ELEMENTS(files); i++)
		if (files[i] != NULL && *files[i] != '\0')
			return g_strdup(files[i]);
	return g_strdup("");
}

/* What happens, and the words of the log by which that is known (src/smtp/smtp_proto.c,
 * src/tls/tls_client.c, 3.7). */
static const struct {
	const char *meaning;
	const char *log;
} levels[] = {
	[SECURITY_NONE] = { "in clear, whatever the server offers",
			    "no line \"TLS connection established to\" before status=sent" },
	[SECURITY_MAY] = { "with TLS where the server offers it, else, and where TLS fails, in "
			   "clear",
			   "\"Untrusted\", \"Trusted\" or \"Anonymous TLS connection established "
			   "to\", or in clear no such line" },
	[SECURITY_ENCRYPT] = { "with TLS, whoever the server is, or not at all",
			       "\"Untrusted\", \"Trusted\" or \"Anonymous TLS connection "
			       "established to\", or status=deferred (TLS is required, but …)" },
	[SECURITY_FINGERPRINT] = { "to a server with one of these certificates or keys, or not at "
				   "all",
				   "\"Verified TLS connection established to\", or "
				   "status=deferred (Server certificate not verified)" },
	[SECURITY_DANE] = { "as secure TLSA records say; without any as at encrypt or may",
			    "\"Verified TLS connection established to\" where there are TLSA "
			    "records, or status=deferred; else as at may" },
	[SECURITY_DANE_ONLY] = { "as secure TLSA records say, or not at all",
				 "\"Verified TLS connection established to\", or status=deferred "
				 "(non DNSSEC destination) or (no TLSA records found)" },
	[SECURITY_VERIFY] = { "to a server whose trusted certificate names it, or not at all",
			      "\"Verified TLS connection established to\", or status=deferred "
			      "(Server certificate not verified) or (not trusted)" },
	[SECURITY_SECURE] = { "to a server whose trusted certificate names the destination, or not "
			      "at all",
			      "\"Verified TLS connection established to\", or status=deferred "
			      "(Server certificate not verified) or (not trusted)" },
};
G_STATIC_ASSERT(G_N_ELEMENTS(levels) == N_SECURITY_LEVELS);

static void
print_text(const char *key, const char *words, const char *text)
{
	if (text == NULL)
		return;
	output_print("  %s: %s\n", words, *text != '\0' ? text : "(none)");
	output_add_text(key, text);
}

static void
print_policy(const Explanation *explanation, const char *value)
{
	g_auto(Policy) policy = read_policy(value);

	output_add_text("policy", value);
	output_print("  policy: %s\n", value);
	if (!policy.is_known) {
		output_add_text("level", NULL);
		print_text("meaning", "mail goes", "nowhere: it is deferred");
		print_text("log", "the log says",
			   "status=deferred (client TLS configuration problem)");
		return;
	}
	output_add_text("level", names_word(&names_security_level, policy.level));
	print_text("meaning", "mail goes", levels[policy.level].meaning);
	if (policy.level != SECURITY_NONE) {
		g_autofree char *protocols = dup_protocols(explanation, &policy);
		g_autofree char *ciphers = dup_ciphers(explanation, &policy);
		g_autofree char *match = dup_match(explanation, &policy);
		g_autofree char *anchors = dup_anchors(explanation, &policy);
		print_text("protocols", "protocols", protocols);
		print_text("ciphers", "ciphers", ciphers);
		print_text("match", "certificate", match);
		print_text("anchors", "trusted", anchors);
	}
	print_text("log", "the log says", levels[policy.level].log);
}

/* ---- who decides ---- */

static const char *const deciders[] = {
	[DECIDED_BY_ROW] = "row",           [DECIDED_BY_ROUTE] = "row of the route",
	[DECIDED_BY_SPELLING] = "spelling", [DECIDED_BY_FALLBACK] = "table",
	[DECIDED_BY_LEVEL] = "level",
};
G_STATIC_ASSERT(G_N_ELEMENTS(deciders) == N_DECIDERS);

static char *
dup_decider(const Explanation *explanation, const SendDecision *decision)
{
	const Document *document = explanation->question->document;

	if (decision->row != NULL) {
		g_autofree char *place =
			document_dup_place(document, decision->row->destination.place);
		return g_strdup_printf("%s: the row of \"%s\"%s", place,
				       decision->row->destination.text,
				       decision->decider == DECIDED_BY_ROUTE
					       ? ", which apply writes under this next-hop, too"
					       : "");
	}
	if (decision->decider == DECIDED_BY_FALLBACK)
		return g_strdup(decision->table);
	if (decision->decider == DECIDED_BY_SPELLING)
		return g_strdup("the table of spellings: this is another spelling of a name that "
				"rows may be about");
	if (explanation->settings->send.security_level.place == 0)
		return g_strdup_printf("%s: send.security_level, the default", document->path);
	g_autofree char *place =
		document_dup_place(document, explanation->settings->send.security_level.place);
	return g_strdup_printf("%s: send.security_level", place);
}

static void
print_keys(const char *next_hop, const SendDecision *decision)
{
	output_begin_list("keys");
	for (const char *key = next_hop; key != NULL; key = policylookup_next_key(key)) {
		gboolean is_found = g_strcmp0(key, decision->key) == 0;
		output_add_item(key);
		output_print("  asked for \"%s\": %s\n", key, is_found ? "found" : "not there");
		if (is_found)
			break;
	}
	output_end();
}

static gboolean
print_next_hop(const Explanation *explanation, const char *next_hop, GError **error)
{
	g_auto(SendDecision) decision = { 0 };

	if (!sendpolicy_decide(explanation->policy, next_hop, &decision, error))
		return FALSE;
	g_autofree char *decider = dup_decider(explanation, &decision);
	output_begin_object(NULL);
	output_add_text("next_hop", next_hop);
	output_print("next-hop \"%s\":\n", next_hop);
	print_keys(next_hop, &decision);
	output_add_text("decided_by", deciders[decision.decider]);
	output_add_text("place", decider);
	output_print("  decided by %s\n", decider);
	print_policy(explanation, decision.value);
	output_end();
	return TRUE;
}

/* ---- who loses ---- */

static void
print_loser(const Explanation *explanation, const SettingsDestination *row, const char *why)
{
	g_autofree char *place =
		document_dup_place(explanation->question->document, row->destination.place);
	const OutputField fields[] = { { "destination", row->destination.text },
				       { "place", place },
				       { "why", why } };

	output_print("%s: the row of \"%s\" does not decide: %s\n", place, row->destination.text,
		     why);
	output_add_record(fields, G_N_ELEMENTS(fields));
}

static gboolean
is_one_of(char *const *texts, const char *text)
{
	return g_strv_contains((const char *const *)texts, text);
}

/* The rows of the recipient's domain and its parents that others win over. */
static gboolean
print_losers(const Explanation *explanation, char *const *next_hops, GError **error)
{
	g_auto(SendDecision) decision = { 0 };
	const gboolean is_asked =
		explanation->domain != NULL && is_one_of(next_hops, explanation->domain);
	gboolean is_found = FALSE;

	if (is_asked &&
	    !sendpolicy_decide(explanation->policy, explanation->domain, &decision, error))
		return FALSE;
	output_begin_list("losers");
	for (const char *key = explanation->domain; key != NULL; key = policylookup_next_key(key)) {
		const SettingsDestination *row = sendpolicy_row(explanation->policy, key);
		gboolean is_the_one = is_asked && g_strcmp0(key, decision.key) == 0;
		if (row != NULL && !is_the_one)
			print_loser(explanation, row,
				    !is_asked  ? "the next-hop is asked for, and not the domain"
				    : is_found ? "a key that is asked for earlier was found"
					       : "it is not asked for");
		is_found = is_found || is_the_one;
	}
	output_end();
	return TRUE;
}

/* ---- the route ---- */

static const char *const class_words[] = {
	[ROUTE_LOCAL] = "local (mydestination)",
	[ROUTE_VIRTUAL_ALIAS] = "virtual alias (virtual_alias_domains)",
	[ROUTE_VIRTUAL_MAILBOX] = "virtual mailbox (virtual_mailbox_domains)",
	[ROUTE_RELAY] = "relay (relay_domains)",
	[ROUTE_DEFAULT] = "default",
};
G_STATIC_ASSERT(G_N_ELEMENTS(class_words) == N_ROUTE_CLASSES);

static void
print_route(const Route *route)
{
	g_autofree char *place = route_dup_place(route);

	output_print("the domain is of the class %s\n", class_words[route->class]);
	output_print("it goes by the transport %s%s%s%s to \"%s\" (%s)\n", route->transport,
		     route->command != NULL ? ", " : "",
		     route->command != NULL ? route->command : "",
		     route->command != NULL ? "(8)," : ", which master.cf lacks,", route->next_hop,
		     place);
	output_add_text("class", class_words[route->class]);
	output_add_text("transport", route->transport);
	output_add_text("command", route->command);
	output_add_text("next_hop", route->next_hop);
	output_add_text("route", place);
}

static gboolean
explain_next_hops(const Explanation *explanation, const char *next_hop, GError **error)
{
	g_auto(GStrv) names = route_dup_next_hops(next_hop);

	output_begin_list("next_hops");
	for (size_t i = 0; names[i] != NULL; i++)
		if (!print_next_hop(explanation, names[i], error))
			return FALSE;
	output_end();
	return print_losers(explanation, names, error);
}

static gboolean
explain_route(const Explanation *explanation, GError **error)
{
	const ExplainSend *question = explanation->question;
	g_autoptr(Routes) routes = routes_new(question->snapshot);
	g_autofree char *recipient = strchr(question->destination, '@') != NULL
					     ? g_strdup(question->destination)
					     : route_dup_any_address(question->destination);
	g_auto(Route) route = { 0 };

	if (!routes_find(routes, question->sender, recipient, &route, error))
		return FALSE;
	print_route(&route);
	if (route_is_smtp(&route))
		return explain_next_hops(explanation, route.next_hop, error);
	output_print("smtp(8) has no part in it: no row and no level of send holds\n");
	output_begin_list("next_hops");
	output_end();
	return print_losers(explanation, (char *[]){ NULL }, error);
}

static gboolean
is_next_hop(const char *destination)
{
	return strchr(destination, '@') == NULL && destination[strcspn(destination, "[]:")] != '\0';
}

ExitCode
explain_send(const ExplainSend *question, GError **error)
{
	const Settings *settings = question->document->settings;
	const char *at = strrchr(question->destination, '@');
	g_autofree char *domain = g_utf8_strdown(at != NULL ? at + 1 : question->destination, -1);
	g_autoptr(GPtrArray) keys =
		routekeys_find(settings, question->snapshot, question->document->findings, error);
	g_autoptr(SendPolicy) policy =
		keys != NULL ? sendpolicy_new(settings, question->snapshot, keys, error) : NULL;
	const Explanation explanation = { question, settings, policy,
					  is_next_hop(question->destination) ? NULL : domain };

	if (policy == NULL)
		return EXIT_NO_POSTFIX;
	output_begin_object("explained_send");
	gboolean is_done = is_next_hop(question->destination)
				   ? explain_next_hops(&explanation, domain, error)
				   : explain_route(&explanation, error);
	output_end();
	return is_done ? EXIT_DONE : EXIT_NO_POSTFIX;
}
