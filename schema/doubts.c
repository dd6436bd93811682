/* SPDX-License-Identifier: Apache-2.0 */
/* doubts: what a document says that is legal, but perhaps not meant. Pure.
 *
 * Each check is one function and one row of the table at the end; all it finds are warnings. A
 * check that takes something for absent asks refused.c first. */
#include "doubts.h"

#include "checks.h"

typedef struct {
	const Settings *settings;
	const Refused *refused;
	guint32 today;
	Findings *findings;
} Context;

/* A protocol floor at "may" would make Postfix fall back to clear text: it is written for the
 * mandatory levels alone (postconf(5) smtpd_tls_mandatory_protocols, 3.7). */
static void
check_min_protocol(const Context *context)
{
	const Settings *settings = context->settings;
	const CursorWord *receive = &settings->receive.security_level;
	const CursorWord *send = &settings->send.security_level;

	if (settings->receive.min_protocol.place != 0 && receive->code < SECURITY_ENCRYPT &&
	    !refused_word(context->refused, receive, settings->receive.place))
		findings_add(context->findings, FINDING_MIN_PROTOCOL_AT_MAY,
			     settings->receive.min_protocol.place,
			     "this binds no client below receive.security_level \"encrypt\"%s",
			     receive->code == SECURITY_NONE
				     ? ", and at \"none\" there is no TLS at all; remove it"
				     : "; a rule with require.min_protocol binds those that it is "
				       "about");
	if (settings->send.min_protocol.place != 0 &&
	    !names_is_at_least(send->code, SECURITY_ENCRYPT) &&
	    !refused_word(context->refused, send, settings->send.place))
		findings_add(
			context->findings, FINDING_MIN_PROTOCOL_AT_MAY,
			settings->send.min_protocol.place,
			"this binds only the destinations at \"encrypt\" or more; the others, at "
			"send.security_level \"%s\", get what Postfix has for them",
			names_word(&names_security_level, send->code));
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
			 !is_about_mail && !refused_in_rule(context->refused, i))
			findings_add(
				context->findings, FINDING_ONLY_CLIENT_NAMES, rule->place,
				"this rule knows its clients by name alone: while DNS does not "
				"answer, they have none and are not ruled; add \"client_networks\" "
				"in a rule of its own");
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

	if (settings->receive.security_level.code != SECURITY_NONE &&
	    settings_receive_needs_anchors(settings) && !settings_receive_has_anchors(settings) &&
	    !refused_in_part(context->refused, settings->receive.place))
		findings_add(context->findings, FINDING_NO_TRUST_ANCHORS, settings->receive.place,
			     "client certificates must be trusted, but the document names no CA "
			     "for them; name a file of CA certificates in "
			     "receive.trusted_ca_file");
	if (settings_send_needs_anchors(settings) && !settings_send_has_anchors(settings) &&
	    !refused_in_part(context->refused, settings->send.place))
		findings_add(context->findings, FINDING_NO_TRUST_ANCHORS, settings->send.place,
			     "server certificates must be trusted, but the document names no CA "
			     "for them; name a file of CA certificates in send.trusted_ca_file");
}

static void
check_trusted_by_anyone(const Context *context)
{
	for (size_t i = 0; i < settings_n_rules(context->settings); i++) {
		const SettingsRequire *require = &settings_rule(context->settings, i)->require;
		if (require->certificate.code == CERTIFICATE_TRUSTED && require->subjects == NULL &&
		    require->issuers == NULL && require->fingerprints == NULL &&
		    !refused_in_rule(context->refused, i))
			findings_add(
				context->findings, FINDING_TRUSTED_BY_ANYONE,
				require->certificate.place,
				"any certificate of any trusted CA meets this rule, whoever has it; "
				"name the partner's in \"subjects\", or trust no CA but the "
				"partners' own");
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
	const CursorWord *global = &context->settings->send.security_level;

	if (refused_word(context->refused, global, context->settings->send.place))
		return;
	for (size_t i = 0; i < settings_n_destinations(context->settings); i++) {
		const CursorWord *level =
			&settings_destination(context->settings, i)->security_level;
		if (level->place != 0 && !names_is_at_least(level->code, global->code))
			findings_add(context->findings, FINDING_WEAKER_ROW, level->place,
				     "\"%s\"%s does not protect in every case as "
				     "send.security_level does, which is \"%s\"; is that meant?",
				     names_word(&names_security_level, level->code),
				     level->code == SECURITY_DANE
					     ? " (it is \"may\" for a domain without TLSA records)"
					     : "",
				     names_word(&names_security_level, global->code));
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
			     "the review is due on %s, within %d days; set a new date when it is "
			     "done",
			     review_by->text, CHECKS_REVIEW_DAYS);
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

static void (*const doubts[])(const Context *context) = {
	check_min_protocol,      check_selectors, check_fails_open,  check_trust_anchors,
	check_trusted_by_anyone, check_verify,    check_weaker_rows, check_reviews,
};

void
doubts_run(const Settings *settings, const Refused *refused, guint32 today, Findings *findings)
{
	const Context context = { settings, refused, today, findings };

	for (size_t i = 0; i < G_N_ELEMENTS(doubts); i++)
		doubts[i](&context);
}
