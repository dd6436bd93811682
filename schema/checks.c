/* SPDX-License-Identifier: Apache-2.0 */
/* checks: what the values of a document mean together. Pure.
 *
 * Each check is one function and one row of the table at the end. Errors are contradictions that
 * Postfix would ignore or answer with an outage; what is only doubtful is in doubts.c. A check that
 * takes something for absent asks refused.c first. */
#include "checks.h"

#include "doubts.h"
#include "fingerprint.h"
#include "nexthop.h"
#include "refused.h"
#include "ruledb.h"
#include "texthash.h"

#include <string.h>

#define WARN_RULES_PER_KEY 64
/* The key under which a rule without selectors counts. */
#define ALL_MAIL "*"

typedef struct {
	const Settings *settings;
	Findings *findings;
	const Refused *refused;
} Context;

/* The first item of a list that was not refused; 0: there is none. */
static size_t
first_place(const GArray *texts)
{
	for (size_t i = 0; i < settings_n_texts(texts); i++)
		if (settings_text_place(texts, i) != 0)
			return settings_text_place(texts, i);
	return 0;
}

/* postconf(5) smtpd_tls_ask_ccert, 3.7: nothing is asked for without TLS. */
static void
check_certificate_at_none(const Context *context)
{
	const Settings *settings = context->settings;

	if (settings->receive.security_level.code == SECURITY_NONE &&
	    settings->receive.client_certificate.code > CLIENT_CERTIFICATE_NONE)
		findings_add(
			context->findings, FINDING_CERTIFICATE_AT_NONE,
			settings->receive.client_certificate.place,
			"a client certificate is asked for at receive.security_level \"none\", "
			"where there is no TLS; set the level to \"may\" or \"encrypt\", or this "
			"to \"none\"");
}

/* src/smtpd/smtpd.c, 3.7: "Can't require client certs unless TLS is required", and mail passes. */
static void
check_require_without_encrypt(const Context *context)
{
	const Settings *settings = context->settings;
	const CursorWord *level = &settings->receive.security_level;

	if (level->code == SECURITY_MAY &&
	    !refused_word(context->refused, level, settings->receive.place) &&
	    settings->receive.client_certificate.code == CLIENT_CERTIFICATE_REQUIRE)
		findings_add(
			context->findings, FINDING_REQUIRE_WITHOUT_ENCRYPT,
			settings->receive.client_certificate.place,
			"\"require\" works only with receive.security_level \"encrypt\" (it is "
			"\"may\"%s): Postfix would not even ask; set the level to \"encrypt\", or "
			"this to \"request\"",
			level->place == 0 ? ", the default" : "");
}

static void
check_rules_at_none(const Context *context)
{
	const Settings *settings = context->settings;

	if (settings->receive.security_level.code != SECURITY_NONE)
		return;
	for (size_t i = 0; i < settings_n_rules(settings); i++)
		findings_add(context->findings, FINDING_RULES_AT_NONE,
			     settings_rule(settings, i)->place,
			     "a rule demands TLS, which receive.security_level \"none\" does not "
			     "offer; set the level to \"may\" or \"encrypt\", or remove the rule");
}

/* The first item of a rule's require that is about a certificate; 0: none is. */
static size_t
certificate_place(const SettingsRequire *require)
{
	const size_t places[] = { require->certificate.place, first_place(require->subjects),
				  first_place(require->issuers),
				  first_place(require->fingerprints) };
	size_t first = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(places); i++)
		if (places[i] != 0 && (first == 0 || places[i] < first))
			first = places[i];
	return first;
}

static void
check_certificate_not_requested(const Context *context)
{
	const Settings *settings = context->settings;
	const CursorWord *asked = &settings->receive.client_certificate;

	/* At level none the rule itself is refused, and nothing can be asked for. */
	if (asked->code != CLIENT_CERTIFICATE_NONE ||
	    refused_word(context->refused, asked, settings->receive.place) ||
	    settings->receive.security_level.code == SECURITY_NONE)
		return;
	for (size_t i = 0; i < settings_n_rules(settings); i++) {
		size_t place = certificate_place(&settings_rule(settings, i)->require);
		if (place != 0)
			findings_add(
				context->findings, FINDING_CERTIFICATE_NOT_REQUESTED, place,
				"a rule demands a certificate that no client is asked for; set "
				"receive.client_certificate to \"request\"");
	}
}

/* A client whose certificate no CA vouches for never gets as far as the rules (src/smtpd/smtpd.c,
 * "Client certificate not trusted", 3.7). */
static void
check_fingerprints_under_require(const Context *context)
{
	if (context->settings->receive.client_certificate.code != CLIENT_CERTIFICATE_REQUIRE)
		return;
	for (size_t i = 0; i < settings_n_rules(context->settings); i++) {
		size_t place =
			first_place(settings_rule(context->settings, i)->require.fingerprints);
		if (place != 0)
			findings_add(
				context->findings, FINDING_FINGERPRINTS_UNDER_REQUIRE, place,
				"fingerprints name a certificate whoever vouches for it, but at "
				"receive.client_certificate \"require\" Postfix ends a session "
				"without a trusted one itself; set that to \"request\", or demand "
				"\"subjects\"");
	}
}

static void
check_fingerprints_with_names(const Context *context)
{
	for (size_t i = 0; i < settings_n_rules(context->settings); i++) {
		const SettingsRequire *require = &settings_rule(context->settings, i)->require;
		gboolean has_names = require->certificate.place != 0 ||
				     first_place(require->subjects) != 0 ||
				     first_place(require->issuers) != 0;
		if (has_names && first_place(require->fingerprints) != 0)
			findings_add(
				context->findings, FINDING_FINGERPRINTS_WITH_NAMES,
				first_place(require->fingerprints),
				"\"fingerprints\" say which certificates are meant, whoever vouches "
				"for them; beside them \"certificate\", \"subjects\" and \"issuers\" "
				"say nothing: remove one or the other");
	}
}

/* Postfix computes one digest for all certificates of a direction (postconf(5)
 * smtpd_tls_fingerprint_digest, smtp_tls_fingerprint_digest, 3.7). */
static void
check_digests(const Context *context, const GArray *pins, const char **digest)
{
	for (size_t i = 0; i < settings_n_texts(pins); i++) {
		if (settings_text_place(pins, i) == 0)
			continue;
		const char *found = fingerprint_digest(settings_text(pins, i));
		if (*digest == NULL)
			*digest = found;
		else if (strcmp(found, *digest) != 0)
			findings_add(context->findings, FINDING_MIXED_DIGESTS,
				     settings_text_place(pins, i),
				     "this is a %s digest, but the first fingerprint of this "
				     "direction is one of %s, and Postfix computes one kind only; "
				     "write all as %s",
				     found, *digest, *digest);
	}
}

static void
check_mixed_digests(const Context *context)
{
	const Settings *settings = context->settings;
	const char *receive = NULL, *send = NULL;

	for (size_t i = 0; i < settings_n_rules(settings); i++)
		check_digests(context, settings_rule(settings, i)->require.fingerprints, &receive);
	for (size_t i = 0; i < settings_n_destinations(settings); i++)
		check_digests(context,
			      settings_attributes(settings_destination(settings, i))->fingerprints,
			      &send);
}

/* What a level of smtp_tls_policy_maps takes (src/smtp/smtp_tls_policy.c, tls_policy_lookup_one(),
 * 3.7: anything else makes the row invalid, and its mail is deferred). */
typedef enum { AT_ANY_TLS, AT_MANDATORY, AT_NAMES, AT_FINGERPRINT, N_ATTRIBUTE_LEVELS } AttributeAt;

static gboolean
level_takes(SecurityLevel level, AttributeAt at)
{
	switch (at) {
	case AT_ANY_TLS:
		return level > SECURITY_NONE;
	case AT_MANDATORY:
		return names_is_at_least(level, SECURITY_ENCRYPT);
	case AT_NAMES:
		return settings_level_needs_anchors(level);
	case AT_FINGERPRINT:
		return level == SECURITY_FINGERPRINT;
	case N_ATTRIBUTE_LEVELS:
		break;
	}
	g_assert_not_reached();
}

static const char *const attribute_reasons[] = {
	[AT_ANY_TLS] = "there is no TLS at this level; remove it, or raise the level",
	[AT_MANDATORY] = ("where a server can't do it, Postfix would send in clear at this level; "
			  "remove it, or raise the level to \"encrypt\" or more"),
	[AT_NAMES] = "only \"verify\" and \"secure\" take it; remove it, or change the level",
	[AT_FINGERPRINT] = "only \"fingerprint\" takes it; remove it, or change the level",
};
G_STATIC_ASSERT(G_N_ELEMENTS(attribute_reasons) == N_ATTRIBUTE_LEVELS);

static void
check_row_attributes(const Context *context, const SettingsDestination *row)
{
	const SettingsRowAttributes *attributes = row->attributes;
	const struct {
		const char *key;
		size_t place; /* 0: absent */
		AttributeAt at;
	} used[] = {
		{ "match", first_place(attributes->match), AT_NAMES },
		{ "fingerprints", first_place(attributes->fingerprints), AT_FINGERPRINT },
		{ "min_protocol", attributes->min_protocol.place, AT_MANDATORY },
		{ "ciphers", attributes->ciphers.place, AT_MANDATORY },
		{ "exclude", first_place(attributes->exclude), AT_MANDATORY },
		{ "server_name", attributes->server_name.place, AT_ANY_TLS },
		{ "trust_anchor_files", first_place(attributes->trust_anchor_files), AT_NAMES },
		{ "connection_reuse", attributes->connection_reuse.place, AT_ANY_TLS },
	};
	SecurityLevel level = row->security_level.code;

	for (size_t i = 0; i < G_N_ELEMENTS(used); i++)
		if (used[i].place != 0 && !level_takes(level, used[i].at))
			findings_add(context->findings, FINDING_ATTRIBUTE_AT_LEVEL, used[i].place,
				     "\"%s\" at security_level \"%s\": %s", used[i].key,
				     names_word(&names_security_level, level),
				     attribute_reasons[level == SECURITY_NONE ? AT_ANY_TLS
									      : used[i].at]);
}

static void
check_attributes(const Context *context)
{
	for (size_t i = 0; i < settings_n_destinations(context->settings); i++) {
		const SettingsDestination *row = settings_destination(context->settings, i);
		if (row->security_level.place == 0)
			continue;
		if (row->attributes != NULL)
			check_row_attributes(context, row);
		if (row->security_level.code == SECURITY_FINGERPRINT &&
		    settings_attributes(row)->fingerprints == NULL &&
		    !refused_in_destination(context->refused, i))
			findings_add(context->findings, FINDING_MISSING_FINGERPRINTS,
				     row->security_level.place,
				     "\"fingerprint\" needs the fingerprints that are accepted: "
				     "name them in \"fingerprints\"");
	}
}

/* Postfix looks TLSA records up for names alone, and "secure" compares with the next-hop itself,
 * which is no name either (src/smtp/smtp_tls_policy.c, 3.7: "dane" is then "may"). */
static void
check_levels_at_addresses(const Context *context)
{
	for (size_t i = 0; i < settings_n_destinations(context->settings); i++) {
		const SettingsDestination *row = settings_destination(context->settings, i);
		const CursorWord *level = &row->security_level;
		gboolean needs_names = settings_level_needs_anchors(level->code) &&
				       settings_attributes(row)->match == NULL &&
				       !refused_in_destination(context->refused, i);
		if (level->place == 0 || row->destination.place == 0 ||
		    (!needs_names && !settings_level_needs_dnssec(level->code)) ||
		    !nexthop_is_address(row->destination.text))
			continue;
		findings_add(context->findings, FINDING_LEVEL_AT_ADDRESS, level->place,
			     "\"%s\" at an address, which has no name: %s",
			     names_word(&names_security_level, level->code),
			     needs_names ? "say in \"match\" which names the certificate may have"
					 : "there are no TLSA records for it; use \"secure\" with "
					   "\"match\", or \"fingerprint\"");
	}
}

/* smtp(8) asks every table for a.b.example before any for .b.example
 * (src/smtp/smtp_tls_policy.c, tls_policy_lookup(), 3.7). */
static void
check_fallback(const Context *context)
{
	const Settings *settings = context->settings;
	const CursorWord *override = &settings->send.fallback_may_override;

	if (settings_n_texts(settings->send.fallback_policy_maps) == 0) {
		if (override->place != 0 && override->code &&
		    !refused_in_part(context->refused, settings->send.place))
			findings_add(
				context->findings, FINDING_NOTHING_TO_OVERRIDE, override->place,
				"there are no fallback_policy_maps that could override anything; name "
				"them, or remove this");
		return;
	}
	if (override->code || refused_word(context->refused, override, settings->send.place))
		return;
	for (size_t i = 0; i < settings_n_destinations(settings); i++) {
		const SettingsDestination *row = settings_destination(settings, i);
		if (row->destination.place != 0 && row->destination.text[0] == '.' &&
		    row->security_level.code > SECURITY_MAY)
			findings_add(
				context->findings, FINDING_FALLBACK_OVERRIDES,
				row->destination.place,
				"this row can be weakened: Postfix asks the fallback_policy_maps for a name below it "
				"first; name each domain, or allow it by \"fallback_may_override\": true");
	}
}

/* Whether text stands in seen already, and with which number; else it does from now on. */
static gboolean
find_first(GHashTable *seen, const char *text, size_t number, size_t *first)
{
	void *value;

	if (!g_hash_table_lookup_extended(seen, text, NULL, &value)) {
		g_hash_table_insert(seen, (char *)text, GSIZE_TO_POINTER(number));
		return FALSE;
	}
	*first = GPOINTER_TO_SIZE(value);
	return TRUE;
}

static void
check_duplicate_names(const Context *context)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(texthash, g_str_equal);

	for (size_t i = 0; i < settings_n_rules(context->settings); i++) {
		const CursorText *name = &settings_rule(context->settings, i)->name;
		size_t first;
		if (name->place != 0 && find_first(seen, name->text, i, &first))
			findings_add(context->findings, FINDING_DUPLICATE_NAME, name->place,
				     "/receive/rules/%zu has the name \"%s\" already; names stand "
				     "in replies and must be unique: give this rule another one",
				     first, name->text);
	}
}

static void
check_duplicate_destinations(const Context *context)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(texthash, g_str_equal);

	for (size_t i = 0; i < settings_n_destinations(context->settings); i++) {
		const CursorText *name = &settings_destination(context->settings, i)->destination;
		size_t first;
		if (name->place != 0 && find_first(seen, name->text, i, &first))
			findings_add(context->findings, FINDING_DUPLICATE_DESTINATION, name->place,
				     "/send/domains/%zu is the row of \"%s\" already; keep one of "
				     "them",
				     first, name->text);
	}
}

/* How many rules are on one key, and where the first one too many for either bound is. */
typedef struct {
	size_t n;
	size_t warned;
	size_t refused;
} KeyCount;

static void
count_rule(GHashTable *counts, const char *key, size_t place)
{
	KeyCount *count = g_hash_table_lookup(counts, key);

	if (count == NULL) {
		count = g_new0(KeyCount, 1);
		g_hash_table_insert(counts, (char *)key, count);
	}
	count->n++;
	if (count->n == WARN_RULES_PER_KEY + 1)
		count->warned = place;
	if (count->n == RULEDB_MAX_RULES_PER_KEY + 1)
		count->refused = place;
}

/* One finding for a key: who is refused need not be warned. */
static void
report_key(void *key, void *value, void *data)
{
	const Context *context = data;
	const KeyCount *count = value;
	g_autofree char *quoted = finding_quote(key, -1);
	const char *about = strcmp(key, ALL_MAIL) == 0 ? "all mail" : quoted;

	if (count->refused != 0)
		findings_add(context->findings, FINDING_TOO_MANY_RULES, count->refused,
			     "%zu rules are about %s, and at most %d can be; each costs time for "
			     "every message: merge them",
			     count->n, about, RULEDB_MAX_RULES_PER_KEY);
	else if (count->warned != 0)
		findings_add(context->findings, FINDING_MANY_RULES, count->warned,
			     "%zu rules are about %s, more than %d; each costs time for every "
			     "message: could they be merged?",
			     count->n, about, WARN_RULES_PER_KEY);
}

static void
check_rules_per_key(const Context *context)
{
	GHashTable *counts[N_SELECTORS];

	for (size_t i = 0; i < G_N_ELEMENTS(counts); i++)
		counts[i] = g_hash_table_new_full(texthash, g_str_equal, NULL, g_free);
	for (size_t i = 0; i < settings_n_rules(context->settings); i++) {
		const SettingsRule *rule = settings_rule(context->settings, i);
		SelectorKind kind = SELECTOR_SENDER;
		const GArray *keys = settings_rule_keys(rule, &kind);
		if (keys == NULL && !refused_in_rule(context->refused, i))
			count_rule(counts[kind], ALL_MAIL, rule->place);
		for (size_t j = 0; j < settings_n_texts(keys); j++)
			if (settings_text_place(keys, j) != 0)
				count_rule(counts[kind], settings_text(keys, j),
					   settings_text_place(keys, j));
	}
	for (size_t i = 0; i < G_N_ELEMENTS(counts); i++) {
		g_hash_table_foreach(counts[i], report_key, (void *)context);
		g_hash_table_unref(counts[i]);
	}
}

static void (*const checks[])(const Context *context) = {
	check_certificate_at_none,
	check_require_without_encrypt,
	check_rules_at_none,
	check_certificate_not_requested,
	check_fingerprints_under_require,
	check_fingerprints_with_names,
	check_mixed_digests,
	check_attributes,
	check_levels_at_addresses,
	check_fallback,
	check_duplicate_names,
	check_duplicate_destinations,
	check_rules_per_key,
};

void
checks_run(const Settings *settings, guint32 today, Findings *findings)
{
	g_autoptr(Refused) refused = refused_new(settings, findings);
	const Context context = { settings, findings, refused };

	for (size_t i = 0; i < G_N_ELEMENTS(checks); i++)
		checks[i](&context);
	doubts_run(settings, refused, today, findings);
}
