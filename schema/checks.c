/* SPDX-License-Identifier: Apache-2.0 */
/* checks: what the values of a document mean together. Pure.
 *
 * Each check is one function and one row of the table at the end. Errors are contradictions that
 * Postfix would ignore or answer with an outage; warnings are legal and probably not meant. */
#include "checks.h"

#include "ruledb.h"

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
	    settings->receive.client_certificate.code != CLIENT_CERTIFICATE_NONE)
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

	if (level == SECURITY_MAY &&
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

static void
check_certificate_not_requested(const Context *context)
{
	const Settings *settings = context->settings;

	if (settings->receive.client_certificate.code != CLIENT_CERTIFICATE_NONE)
		return;
	for (size_t i = 0; i < settings_n_rules(settings); i++) {
		const SettingsRule *rule = settings_rule(settings, i);
		if (rule->require.certificate.code != CERTIFICATE_ANY)
			findings_add(
				context->findings, FINDING_CERTIFICATE_NOT_REQUESTED,
				rule->require.certificate.place,
				"a rule demands a certificate that no client is asked for; set "
				"receive.client_certificate to \"request\"");
	}
}

static void
check_duplicate_names(const Context *context)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

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
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	for (size_t i = 0; i < settings_n_destinations(context->settings); i++) {
		const CursorText *name = &settings_destination(context->settings, i)->destination;
		if (name->place != 0 && !g_hash_table_add(seen, (char *)name->text))
			findings_add(context->findings, FINDING_DUPLICATE_DESTINATION, name->place,
				     "the destination \"%s\" has a row already; keep one of them",
				     name->text);
	}
}

static void
check_duplicate_domains(const Context *context)
{
	for (size_t i = 0; i < settings_n_rules(context->settings); i++) {
		const GArray *domains = settings_rule(context->settings, i)->sender_domains;
		g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
		for (size_t j = 0; domains != NULL && j < domains->len; j++) {
			const CursorText *domain = &g_array_index(domains, CursorText, j);
			if (domain->place != 0 && !g_hash_table_add(seen, (char *)domain->text))
				findings_add(context->findings, FINDING_DUPLICATE_DOMAIN,
					     domain->place,
					     "the rule names \"%s\" already; keep one of them",
					     domain->text);
		}
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
	g_autoptr(GHashTable) counts = g_hash_table_new(g_str_hash, g_str_equal);

	for (size_t i = 0; i < settings_n_rules(context->settings); i++) {
		const SettingsRule *rule = settings_rule(context->settings, i);
		if (rule->sender_domains == NULL)
			count_rule(context, counts, ALL_MAIL, rule->place);
		for (size_t j = 0; rule->sender_domains != NULL && j < rule->sender_domains->len;
		     j++) {
			const CursorText *domain =
				&g_array_index(rule->sender_domains, CursorText, j);
			if (domain->place != 0)
				count_rule(context, counts, domain->text, domain->place);
		}
	}
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

	if (settings_receive_needs_anchors(settings) &&
	    settings->receive.trusted_ca_file.place == 0)
		findings_add(context->findings, FINDING_NO_TRUST_ANCHORS, settings->receive.place,
			     "client certificates must be trusted, but the document does not say "
			     "whose; name a file of CA certificates in receive.trusted_ca_file");
	if (settings_any_send_level(settings, settings_level_needs_anchors) &&
	    settings->send.trusted_ca_file.place == 0)
		findings_add(context->findings, FINDING_NO_TRUST_ANCHORS, settings->send.place,
			     "server certificates must be trusted, but the document does not say "
			     "whose; name a file of CA certificates in send.trusted_ca_file");
}

static void
check_trusted_by_anyone(const Context *context)
{
	for (size_t i = 0; i < settings_n_rules(context->settings); i++) {
		const CursorWord *certificate =
			&settings_rule(context->settings, i)->require.certificate;
		if (certificate->code == CERTIFICATE_TRUSTED)
			findings_add(
				context->findings, FINDING_TRUSTED_BY_ANYONE, certificate->place,
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

	for (size_t i = 0; i < settings_n_destinations(context->settings); i++) {
		const CursorWord *level =
			&settings_destination(context->settings, i)->security_level;
		if (level->place != 0 && names_strength(level->code) < names_strength(global))
			findings_add(context->findings, FINDING_WEAKER_ROW, level->place,
				     "\"%s\" is weaker than send.security_level, which is \"%s\"; "
				     "is that meant?",
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
		warn_review(context, &settings_destination(context->settings, i)->review_by);
}

static void (*const checks[])(const Context *context) = {
	check_certificate_at_none, check_require_without_encrypt,
	check_rules_at_none,       check_certificate_not_requested,
	check_duplicate_names,     check_duplicate_destinations,
	check_duplicate_domains,   check_rules_per_key,
	check_fails_open,          check_trust_anchors,
	check_trusted_by_anyone,   check_verify,
	check_weaker_rows,         check_reviews,
};

void
checks_run(const Settings *settings, guint32 today, Findings *findings)
{
	const Context context = { settings, today, findings };

	for (size_t i = 0; i < G_N_ELEMENTS(checks); i++)
		checks[i](&context);
}
