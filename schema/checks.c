/* SPDX-License-Identifier: Apache-2.0 */
/* checks: what the values of a document mean together. Pure.
 *
 * Each check is one function and one row of the table at the end. Errors are contradictions that
 * Postfix would ignore or answer with an outage; warnings are legal and probably not meant. */
#include "checks.h"

#include "fingerprint.h"
#include "ruledb.h"
#include "texthash.h"

#include <string.h>

#define WARN_RULES_PER_KEY 64
/* The key under which a rule without selectors counts. */
#define ALL_MAIL "*"

typedef struct {
	const Settings *settings;
	guint32 today;
	Findings *findings;
} Context;

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
	SecurityLevel level = settings->receive.security_level.code;

	if (level == SECURITY_MAY && !settings->receive.security_level.is_wrong &&
	    settings->receive.client_certificate.code == CLIENT_CERTIFICATE_REQUIRE)
		findings_add(
			context->findings, FINDING_REQUIRE_WITHOUT_ENCRYPT,
			settings->receive.client_certificate.place,
			"\"require\" works only with receive.security_level \"encrypt\" (it is "
			"\"%s\"): Postfix would not even ask; set the level to \"encrypt\", or "
			"this to \"request\"",
			names_word(&names_receive_level, level));
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

/* The first key of a rule's require that is about a certificate; 0: none is. */
static size_t
certificate_place(const SettingsRequire *require)
{
	const GArray *const lists[] = { require->subjects, require->issuers,
					require->fingerprints };
	size_t first = require->certificate.place;

	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
		if (settings_n_texts(lists[i]) > 0 && settings_text_place(lists[i], 0) != 0 &&
		    (first == 0 || settings_text_place(lists[i], 0) < first))
			first = settings_text_place(lists[i], 0);
	return first;
}

static void
check_certificate_not_requested(const Context *context)
{
	const CursorWord *asked = &context->settings->receive.client_certificate;

	if (asked->code != CLIENT_CERTIFICATE_NONE || asked->is_wrong)
		return;
	for (size_t i = 0; i < settings_n_rules(context->settings); i++) {
		const SettingsRequire *require = &settings_rule(context->settings, i)->require;
		if (certificate_place(require) != 0)
			findings_add(
				context->findings, FINDING_CERTIFICATE_NOT_REQUESTED,
				certificate_place(require),
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
		const GArray *pins = settings_rule(context->settings, i)->require.fingerprints;
		if (settings_n_texts(pins) > 0)
			findings_add(
				context->findings, FINDING_FINGERPRINTS_UNDER_REQUIRE,
				settings_text_place(pins, 0),
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
		if (settings_n_texts(require->fingerprints) > 0 && settings_demands_trust(require))
			findings_add(
				context->findings, FINDING_FINGERPRINTS_WITH_NAMES,
				settings_text_place(require->fingerprints, 0),
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

static size_t
first_place(const GArray *texts)
{
	return settings_n_texts(texts) > 0 ? settings_text_place(texts, 0) : 0;
}

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
				     attribute_reasons[used[i].at]);
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
		    settings_attributes(row)->fingerprints == NULL)
			findings_add(context->findings, FINDING_MISSING_FINGERPRINTS,
				     row->security_level.place,
				     "\"fingerprint\" needs the fingerprints that are accepted: "
				     "name them in \"fingerprints\"");
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
		if (override->place != 0 && override->code)
			findings_add(
				context->findings, FINDING_NOTHING_TO_OVERRIDE, override->place,
				"there are no fallback_policy_maps that could override anything");
		return;
	}
	for (size_t i = 0; i < settings_n_destinations(settings) && !override->code; i++) {
		const SettingsDestination *row = settings_destination(settings, i);
		if (row->destination.place != 0 && row->destination.text[0] == '.' &&
		    row->security_level.code > SECURITY_MAY)
			findings_add(
				context->findings, FINDING_FALLBACK_OVERRIDES,
				row->destination.place,
				"Postfix asks the fallback_policy_maps for a name below this one "
				"before it looks at this row, so that they can weaken it; name each "
				"domain, or allow it by \"fallback_may_override\": true");
	}
}

/* A protocol floor at "may" would make Postfix fall back to clear text: it is written for the
 * mandatory levels alone (postconf(5) smtpd_tls_mandatory_protocols, 3.7). */
static void
check_min_protocol(const Context *context)
{
	const Settings *settings = context->settings;

	if (settings->receive.min_protocol.place != 0 &&
	    settings->receive.security_level.code < SECURITY_ENCRYPT &&
	    !settings->receive.security_level.is_wrong)
		findings_add(
			context->findings, FINDING_MIN_PROTOCOL_AT_MAY,
			settings->receive.min_protocol.place,
			"this binds no client below receive.security_level \"encrypt\"; a rule "
			"with require.min_protocol binds those that it is about");
	if (settings->send.min_protocol.place != 0 &&
	    !names_is_at_least(settings->send.security_level.code, SECURITY_ENCRYPT) &&
	    !settings->send.security_level.is_wrong)
		findings_add(
			context->findings, FINDING_MIN_PROTOCOL_AT_MAY,
			settings->send.min_protocol.place,
			"this binds only the destinations at \"encrypt\" or more; the others, at "
			"send.security_level \"%s\", get what Postfix has for them",
			names_word(&names_security_level, settings->send.security_level.code));
}

static void
check_selectors(const Context *context)
{
	for (size_t i = 0; i < settings_n_rules(context->settings); i++) {
		const SettingsRule *rule = settings_rule(context->settings, i);
		gboolean is_about_mail =
			rule->sender_domains != NULL || rule->recipient_domains != NULL;
		if (rule->sender_domains != NULL &&
		    (rule->client_networks != NULL || rule->client_names != NULL))
			findings_add(
				context->findings, FINDING_OTHER_CLIENTS_PASS, rule->place,
				"this rule is about mail from these domains through these clients: "
				"the same mail through any other client is not ruled; was "
				"\"client_networks\" or \"client_names\" in \"require\" meant?");
		else if (rule->client_names != NULL && rule->client_networks == NULL &&
			 !is_about_mail)
			findings_add(
				context->findings, FINDING_ONLY_CLIENT_NAMES, rule->place,
				"this rule knows its clients by name alone: while DNS does not "
				"answer, they have none and are not ruled; add \"client_networks\" "
				"in a rule of its own");
	}
}

static void
check_duplicate_names(const Context *context)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(texthash, g_str_equal);

	for (size_t i = 0; i < settings_n_rules(context->settings); i++) {
		const CursorText *name = &settings_rule(context->settings, i)->name;
		if (name->place != 0 && !g_hash_table_add(seen, (char *)name->text))
			findings_add(context->findings, FINDING_DUPLICATE_NAME, name->place,
				     "another rule has the name \"%s\"; names stand in replies and "
				     "must be unique",
				     name->text);
	}
}

static void
check_duplicate_destinations(const Context *context)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(texthash, g_str_equal);

	for (size_t i = 0; i < settings_n_destinations(context->settings); i++) {
		const CursorText *name = &settings_destination(context->settings, i)->destination;
		if (name->place != 0 && !g_hash_table_add(seen, (char *)name->text))
			findings_add(context->findings, FINDING_DUPLICATE_DESTINATION, name->place,
				     "the destination \"%s\" has a row already; keep one of them",
				     name->text);
	}
}

/* One more rule on key. Reported once where each bound is passed. */
static void
count_rule(const Context *context, GHashTable *counts, const char *key, size_t place)
{
	gsize count = GPOINTER_TO_SIZE(g_hash_table_lookup(counts, key)) + 1;

	g_hash_table_insert(counts, (char *)key, GSIZE_TO_POINTER(count));
	if (count == RULEDB_MAX_RULES_PER_KEY + 1)
		findings_add(context->findings, FINDING_TOO_MANY_RULES, place,
			     "more than %d rules are about \"%s\"; each costs time for every "
			     "message: merge them",
			     RULEDB_MAX_RULES_PER_KEY, key);
	else if (count == WARN_RULES_PER_KEY + 1)
		findings_add(context->findings, FINDING_MANY_RULES, place,
			     "more than %d rules are about \"%s\"; each costs time for every "
			     "message: could they be merged?",
			     WARN_RULES_PER_KEY, key);
}

static void
check_rules_per_key(const Context *context)
{
	GHashTable *counts[N_SELECTORS];

	for (size_t i = 0; i < G_N_ELEMENTS(counts); i++)
		counts[i] = g_hash_table_new(texthash, g_str_equal);
	for (size_t i = 0; i < settings_n_rules(context->settings); i++) {
		const SettingsRule *rule = settings_rule(context->settings, i);
		SelectorKind kind = SELECTOR_SENDER;
		const GArray *keys = settings_rule_keys(rule, &kind);
		if (keys == NULL)
			count_rule(context, counts[kind], ALL_MAIL, rule->place);
		for (size_t j = 0; j < settings_n_texts(keys); j++)
			if (settings_text_place(keys, j) != 0)
				count_rule(context, counts[kind], settings_text(keys, j),
					   settings_text_place(keys, j));
	}
	for (size_t i = 0; i < G_N_ELEMENTS(counts); i++)
		g_hash_table_unref(counts[i]);
}

static void
check_fails_open(const Context *context)
{
	const CursorWord *failure = &context->settings->receive.on_policy_failure;

	if (failure->code == POLICY_FAILURE_ACCEPT)
		findings_add(
			context->findings, FINDING_FAILS_OPEN, failure->place,
			"while policyd does not answer, mail that the rules forbid is accepted; "
			"\"defer\" makes its senders try again later");
}

static void
check_trust_anchors(const Context *context)
{
	const Settings *settings = context->settings;

	if (settings_receive_needs_anchors(settings) && !settings_receive_has_anchors(settings))
		findings_add(context->findings, FINDING_NO_TRUST_ANCHORS, settings->receive.place,
			     "client certificates must be trusted, but the document does not say "
			     "whose; name a file of CA certificates in receive.trusted_ca_file");
	if (settings_send_needs_anchors(settings) && !settings_send_has_anchors(settings))
		findings_add(context->findings, FINDING_NO_TRUST_ANCHORS, settings->send.place,
			     "server certificates must be trusted, but the document does not say "
			     "whose; name a file of CA certificates in send.trusted_ca_file");
}

static void
check_trusted_by_anyone(const Context *context)
{
	for (size_t i = 0; i < settings_n_rules(context->settings); i++) {
		const SettingsRequire *require = &settings_rule(context->settings, i)->require;
		if (require->certificate.code == CERTIFICATE_TRUSTED && require->subjects == NULL &&
		    require->issuers == NULL && require->fingerprints == NULL)
			findings_add(
				context->findings, FINDING_TRUSTED_BY_ANYONE,
				require->certificate.place,
				"any certificate of any trusted CA meets this rule; is "
				"receive.trusted_ca_file a file with the partners' CAs alone?");
	}
}

/* postconf(5) smtp_tls_security_level, "verify", 3.7. */
static void
warn_verify(const Context *context, const CursorWord *level)
{
	if (level->code == SECURITY_VERIFY)
		findings_add(
			context->findings, FINDING_VERIFY_TRUSTS_DNS, level->place,
			"\"verify\" compares the certificate with the MX host name, which comes "
			"from DNS and can be forged; \"secure\" does not trust it");
}

static void
check_verify(const Context *context)
{
	warn_verify(context, &context->settings->send.security_level);
	for (size_t i = 0; i < settings_n_destinations(context->settings); i++)
		warn_verify(context, &settings_destination(context->settings, i)->security_level);
}

static void
check_weaker_rows(const Context *context)
{
	SecurityLevel global = context->settings->send.security_level.code;

	if (context->settings->send.security_level.is_wrong)
		return;
	for (size_t i = 0; i < settings_n_destinations(context->settings); i++) {
		const CursorWord *level =
			&settings_destination(context->settings, i)->security_level;
		if (level->place != 0 && !names_is_at_least(level->code, global))
			findings_add(context->findings, FINDING_WEAKER_ROW, level->place,
				     "\"%s\" does not protect in every case as send.security_level "
				     "does, which is \"%s\"; is that meant?",
				     names_word(&names_security_level, level->code),
				     names_word(&names_security_level, global));
	}
}

static guint32
julian_day(const char *text)
{
	GDate date;
	int year = 1, month = 1, day = 1;

	g_date_clear(&date, 1);
	if (sscanf(text, "%4d-%2d-%2d", &year, &month, &day) == 3)
		g_date_set_dmy(&date, day, month, year);
	return g_date_valid(&date) ? g_date_get_julian(&date) : G_MAXUINT32;
}

static void
warn_review(const Context *context, const CursorText *review_by)
{
	if (review_by->place == 0)
		return;
	guint32 due = julian_day(review_by->text);
	if (due < context->today)
		findings_add(
			context->findings, FINDING_REVIEW_DUE, review_by->place,
			"the review was due on %s; is this still agreed? If so, set a new date",
			review_by->text);
	else if (due - context->today <= CHECKS_REVIEW_DAYS)
		findings_add(context->findings, FINDING_REVIEW_DUE, review_by->place,
			     "the review is due on %s, within %d days", review_by->text,
			     CHECKS_REVIEW_DAYS);
}

static void
check_reviews(const Context *context)
{
	for (size_t i = 0; i < settings_n_rules(context->settings); i++)
		warn_review(context, &settings_rule(context->settings, i)->review_by);
	for (size_t i = 0; i < settings_n_destinations(context->settings); i++)
		warn_review(context,
			    &settings_attributes(settings_destination(context->settings, i))
				     ->review_by);
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
	check_fallback,
	check_min_protocol,
	check_selectors,
	check_duplicate_names,
	check_duplicate_destinations,
	check_rules_per_key,
	check_fails_open,
	check_trust_anchors,
	check_trusted_by_anyone,
	check_verify,
	check_weaker_rows,
	check_reviews,
};

void
checks_run(const Settings *settings, guint32 today, Findings *findings)
{
	const Context context = { settings, today, findings };

	for (size_t i = 0; i < G_N_ELEMENTS(checks); i++)
		checks[i](&context);
}
