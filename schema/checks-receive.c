/* SPDX-License-Identifier: Apache-2.0 */
/* checks-receive: what "receive" may not say, or hardly means. Pure.
 *
 * One function for each identifier; the table that calls them is in checks.c. */
#include "check.h"
#include "ruledb.h"
#include "texthash.h"
#include "textindex.h"

#include <string.h>

#define WARN_RULES_PER_KEY 64
/* The key under which a rule without selectors counts. */
#define ALL_MAIL "*"

/* postconf(5) smtpd_tls_ask_ccert, 3.7: nothing is asked for without TLS. */
void
check_certificate_at_none(const Check *check)
{
	const Settings *settings = check->settings;

	if (settings->receive.security_level.code == SECURITY_NONE &&
	    settings->receive.client_certificate.code > CLIENT_CERTIFICATE_NONE)
		check_found(
			check, settings->receive.client_certificate.place,
			"a client certificate is asked for at receive.security_level \"none\", "
			"where there is no TLS; set the level to \"may\" or \"encrypt\", or this "
			"to \"none\"");
}

/* src/smtpd/smtpd.c, 3.7: "Can't require client certs unless TLS is required", and mail passes. */
void
check_require_without_encrypt(const Check *check)
{
	const Settings *settings = check->settings;
	const CursorWord *level = &settings->receive.security_level;

	if (level->code == SECURITY_MAY &&
	    !refused_word(check->refused, level, settings->receive.place) &&
	    settings->receive.client_certificate.code == CLIENT_CERTIFICATE_REQUIRE)
		check_found(
			check, settings->receive.client_certificate.place,
			"\"require\" works only with receive.security_level \"encrypt\" (it is "
			"\"may\"%s): Postfix would not even ask; set the level to \"encrypt\", or "
			"this to \"request\"",
			level->place == 0 ? ", the default" : "");
}

void
check_rules_at_none(const Check *check)
{
	const Settings *settings = check->settings;

	if (settings->receive.security_level.code != SECURITY_NONE)
		return;
	for (size_t i = 0; i < settings_n_rules(settings); i++)
		check_found(check, settings_rule(settings, i)->place,
			    "a rule demands TLS, which receive.security_level \"none\" does not "
			    "offer; set the level to \"may\" or \"encrypt\", or remove the rule");
}

/* The first item of a rule's require that is about a certificate; 0: none is. */
static size_t
certificate_place(const SettingsRequire *require)
{
	const size_t places[] = { require->certificate.place, check_first_place(require->subjects),
				  check_first_place(require->issuers),
				  check_first_place(require->fingerprints) };
	size_t first = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(places); i++)
		if (places[i] != 0 && (first == 0 || places[i] < first))
			first = places[i];
	return first;
}

void
check_certificate_not_requested(const Check *check)
{
	const Settings *settings = check->settings;
	const CursorWord *asked = &settings->receive.client_certificate;

	/* At level none the rule itself is refused, and nothing can be asked for. */
	if (asked->code != CLIENT_CERTIFICATE_NONE ||
	    refused_word(check->refused, asked, settings->receive.place) ||
	    settings->receive.security_level.code == SECURITY_NONE)
		return;
	for (size_t i = 0; i < settings_n_rules(settings); i++) {
		size_t place = certificate_place(&settings_rule(settings, i)->require);
		if (place != 0)
			check_found(check, place,
				    "a rule demands a certificate that no client is asked for; set "
				    "receive.client_certificate to \"request\"");
	}
}

/* A client whose certificate no CA vouches for never gets as far as the rules (src/smtpd/smtpd.c,
 * "Client certificate not trusted", 3.7). */
void
check_fingerprints_under_require(const Check *check)
{
	if (check->settings->receive.client_certificate.code != CLIENT_CERTIFICATE_REQUIRE)
		return;
	for (size_t i = 0; i < settings_n_rules(check->settings); i++) {
		size_t place =
			check_first_place(settings_rule(check->settings, i)->require.fingerprints);
		if (place != 0)
			check_found(
				check, place,
				"fingerprints name a certificate whoever vouches for it, but at "
				"receive.client_certificate \"require\" Postfix ends a session "
				"without a trusted one itself; set that to \"request\", or demand "
				"\"subjects\"");
	}
}

void
check_fingerprints_with_names(const Check *check)
{
	for (size_t i = 0; i < settings_n_rules(check->settings); i++) {
		const SettingsRequire *require = &settings_rule(check->settings, i)->require;
		gboolean has_names = require->certificate.place != 0 ||
				     check_first_place(require->subjects) != 0 ||
				     check_first_place(require->issuers) != 0;
		if (has_names && check_first_place(require->fingerprints) != 0)
			check_found(
				check, check_first_place(require->fingerprints),
				"\"fingerprints\" say which certificates are meant, whoever vouches "
				"for them; beside them \"certificate\", \"subjects\" and \"issuers\" "
				"say nothing: remove one or the other");
	}
}

void
check_duplicate_names(const Check *check)
{
	size_t n = settings_n_rules(check->settings);
	g_autoptr(TextIndex) seen = textindex_new(n);

	for (size_t i = 0; i < n; i++) {
		const CursorText *name = &settings_rule(check->settings, i)->name;
		size_t first;
		if (name->place != 0 && !textindex_add(seen, name->text, i, &first))
			check_found(check, name->place,
				    "/receive/rules/%zu has the name \"%s\" already; names stand "
				    "in replies and must be unique: give this rule another one",
				    first, name->text);
	}
}

static gboolean
names_clients(const SettingsRule *rule)
{
	return rule->client_networks != NULL || rule->client_names != NULL;
}

void
check_other_clients(const Check *check)
{
	for (size_t i = 0; i < settings_n_rules(check->settings); i++) {
		const SettingsRule *rule = settings_rule(check->settings, i);
		if (rule->sender_domains != NULL && names_clients(rule))
			check_found(check, rule->place,
				    "this rule is about mail from these domains through these "
				    "clients: the same mail through any other client is not "
				    "ruled; was \"client_networks\" or \"client_names\" in "
				    "\"require\" meant?");
	}
}

void
check_only_client_names(const Check *check)
{
	for (size_t i = 0; i < settings_n_rules(check->settings); i++) {
		const SettingsRule *rule = settings_rule(check->settings, i);
		if (rule->client_names != NULL && rule->sender_domains == NULL &&
		    !refused_in_rule(check->refused, i))
			check_found(check, rule->place,
				    "this rule knows its clients by name: while DNS does not "
				    "answer, they have none and are not ruled; name them in "
				    "\"client_networks\" instead, or in a rule of its own");
	}
}

/* A client without a verified name is "unknown", be it that DNS does not answer just now
 * (src/smtpd/smtpd_peer.c, 3.7). */
void
check_name_demands(const Check *check)
{
	for (size_t i = 0; i < settings_n_rules(check->settings); i++) {
		const SettingsRule *rule = settings_rule(check->settings, i);
		if (rule->require.client_names != NULL && rule->require.client_names->len > 0 &&
		    rule->violation.code == VIOLATION_REJECT && !refused_in_rule(check->refused, i))
			check_found(
				check, settings_text_place(rule->require.client_names, 0),
				"while DNS does not answer, no client has a name, and mail is "
				"rejected for good; \"violation\": \"defer\" lets its senders try "
				"again");
	}
}

void
check_exempt_networks(const Check *check)
{
	const GArray *networks = check->settings->receive.exempt_networks;

	for (size_t i = 0; i < networks->len && settings_n_rules(check->settings) > 0; i++)
		if (settings_text_place(networks, i) != 0 &&
		    g_str_has_suffix(settings_text(networks, i), "/0"))
			check_found(
				check, settings_text_place(networks, i),
				"every client of this address family is exempt from every rule; "
				"name the networks that are meant");
}

void
check_fails_open(const Check *check)
{
	const CursorWord *failure = &check->settings->receive.on_policy_failure;

	if (failure->code == POLICY_FAILURE_ACCEPT)
		check_found(
			check, failure->place,
			"while policyd does not answer, mail that the rules forbid is accepted; "
			"\"defer\" makes its senders try again later");
}

void
check_trusted_by_anyone(const Check *check)
{
	for (size_t i = 0; i < settings_n_rules(check->settings); i++) {
		const SettingsRequire *require = &settings_rule(check->settings, i)->require;
		if (require->certificate.code == CERTIFICATE_TRUSTED && require->subjects == NULL &&
		    require->issuers == NULL && require->fingerprints == NULL &&
		    !refused_in_rule(check->refused, i))
			check_found(
				check, require->certificate.place,
				"any certificate of any trusted CA meets this rule, whoever has it; "
				"name the partner's in \"subjects\", or trust no CA but the "
				"partners' own");
	}
}

/* How many rules are on one key, and where the first one beyond a bound is. */
typedef struct {
	size_t n;
	size_t beyond; /* 0: none is */
} KeyCount;

static void
count_rule(GHashTable *counts, size_t bound, const char *key, size_t place)
{
	KeyCount *count = g_hash_table_lookup(counts, key);

	if (count == NULL) {
		count = g_new0(KeyCount, 1);
		g_hash_table_insert(counts, (char *)key, count);
	}
	count->n++;
	if (count->n == bound + 1)
		count->beyond = place;
}

/* Call report for each key of any kind that has more rules than bound. */
static void
visit_crowded_keys(const Check *check, size_t bound, GHFunc report)
{
	GHashTable *counts[N_SELECTORS];

	for (size_t i = 0; i < G_N_ELEMENTS(counts); i++)
		counts[i] = g_hash_table_new_full(texthash, g_str_equal, NULL, g_free);
	for (size_t i = 0; i < settings_n_rules(check->settings); i++) {
		const SettingsRule *rule = settings_rule(check->settings, i);
		SelectorKind kind = SELECTOR_SENDER;
		const GArray *keys = settings_rule_keys(rule, &kind);
		if (keys == NULL && !refused_in_rule(check->refused, i))
			count_rule(counts[kind], bound, ALL_MAIL, rule->place);
		for (size_t j = 0; j < settings_n_texts(keys); j++)
			if (settings_text_place(keys, j) != 0)
				count_rule(counts[kind], bound, settings_text(keys, j),
					   settings_text_place(keys, j));
	}
	for (size_t i = 0; i < G_N_ELEMENTS(counts); i++) {
		g_hash_table_foreach(counts[i], report, (void *)check);
		g_hash_table_unref(counts[i]);
	}
}

static char *
dup_about(const char *key)
{
	return strcmp(key, ALL_MAIL) == 0 ? g_strdup("all mail") : finding_quote(key, -1);
}

static void
refuse_key(void *key, void *value, void *data)
{
	const KeyCount *count = value;
	g_autofree char *about = dup_about(key);

	if (count->beyond != 0)
		check_found(data, count->beyond,
			    "%zu rules are about %s, and at most %d can be; each costs time for "
			    "every message: merge them",
			    count->n, about, RULEDB_MAX_RULES_PER_KEY);
}

void
check_too_many_rules(const Check *check)
{
	visit_crowded_keys(check, RULEDB_MAX_RULES_PER_KEY, refuse_key);
}

/* Who is refused need not be warned. */
static void
warn_key(void *key, void *value, void *data)
{
	const KeyCount *count = value;
	g_autofree char *about = dup_about(key);

	if (count->beyond != 0 && count->n <= RULEDB_MAX_RULES_PER_KEY)
		check_found(data, count->beyond,
			    "%zu rules are about %s, more than %d; each costs time for every "
			    "message: could they be merged?",
			    count->n, about, WARN_RULES_PER_KEY);
}

void
check_many_rules(const Check *check)
{
	visit_crowded_keys(check, WARN_RULES_PER_KEY, warn_key);
}

void
check_receive_digests(const Check *check)
{
	const char *digest = NULL;

	for (size_t i = 0; i < settings_n_rules(check->settings); i++)
		check_digests(check, settings_rule(check->settings, i)->require.fingerprints,
			      &digest);
}

/* A protocol floor at "may" would make Postfix fall back to clear text: it is written for the
 * mandatory levels alone (postconf(5) smtpd_tls_mandatory_protocols, 3.7). */
void
check_receive_min_protocol(const Check *check)
{
	const Settings *settings = check->settings;
	const CursorWord *level = &settings->receive.security_level;

	if (settings->receive.min_protocol.place != 0 && level->code < SECURITY_ENCRYPT &&
	    !refused_word(check->refused, level, settings->receive.place))
		check_found(check, settings->receive.min_protocol.place,
			    "this binds no client below receive.security_level \"encrypt\"%s",
			    level->code == SECURITY_NONE
				    ? ", and at \"none\" there is no TLS at all; remove it"
				    : "; a rule with require.min_protocol binds those that it is "
				      "about");
}

void
check_receive_anchors(const Check *check)
{
	const Settings *settings = check->settings;

	if (settings->receive.security_level.code != SECURITY_NONE &&
	    settings_receive_needs_anchors(settings) && !settings_receive_has_anchors(settings) &&
	    !refused_in_part(check->refused, settings->receive.place))
		check_found(check, settings->receive.place,
			    "client certificates must be trusted, but the document names no CA "
			    "for them; name a file of CA certificates in "
			    "receive.trusted_ca_file");
}

void
check_rule_reviews(const Check *check)
{
	for (size_t i = 0; i < settings_n_rules(check->settings); i++)
		check_review(check, &settings_rule(check->settings, i)->review_by);
}
