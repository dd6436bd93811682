/* SPDX-License-Identifier: Apache-2.0 */
/* doubts: what a document says that is legal, but perhaps not meant. Pure.
 *
 * Each check is one function and one row of the table at the end; all it finds are warnings. A
 * check that takes something for absent asks refused.c first. */
#include "doubts.h"

#include "checks.h"

#include <string.h>

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
		if (rule->sender_domains != NULL &&
		    (rule->client_networks != NULL || rule->client_names != NULL))
			findings_add(
				context->findings, FINDING_OTHER_CLIENTS_PASS, rule->place,
				"this rule is about mail from these domains through these clients: "
				"the same mail through any other client is not ruled; was "
				"\"client_networks\" or \"client_names\" in \"require\" meant?");
		else if (rule->client_names != NULL && !refused_in_rule(context->refused, i))
			findings_add(
				context->findings, FINDING_ONLY_CLIENT_NAMES, rule->place,
				"this rule knows its clients by name: while DNS does not answer, "
				"they have none and are not ruled; name them in "
				"\"client_networks\" instead, or in a rule of its own");
	}
}

/* A client without a verified name is "unknown", be it that DNS does not answer just now
 * (src/smtpd/smtpd_peer.c, 3.7). */
static void
check_name_demands(const Context *context)
{
	for (size_t i = 0; i < settings_n_rules(context->settings); i++) {
		const SettingsRule *rule = settings_rule(context->settings, i);
		if (rule->require.client_names != NULL && rule->require.client_names->len > 0 &&
		    rule->violation.code == VIOLATION_REJECT &&
		    !refused_in_rule(context->refused, i))
			findings_add(
				context->findings, FINDING_NAME_DEMAND_REJECTS,
				settings_text_place(rule->require.client_names, 0),
				"while DNS does not answer, no client has a name, and mail is "
				"rejected for good; \"violation\": \"defer\" lets its senders try "
				"again");
	}
}

static void
check_exempt_networks(const Context *context)
{
	const GArray *networks = context->settings->receive.exempt_networks;

	for (size_t i = 0; i < networks->len && settings_n_rules(context->settings) > 0; i++)
		if (settings_text_place(networks, i) != 0 &&
		    g_str_has_suffix(settings_text(networks, i), "/0"))
			findings_add(
				context->findings, FINDING_EVERYONE_EXEMPT,
				settings_text_place(networks, i),
				"every client of this address family is exempt from every rule; "
				"name the networks that are meant");
}

/* What the tables behind ours say takes the place of the global level, both ways (postconf(5)
 * smtp_tls_policy_maps, 3.7). */
static void
check_fallback_level(const Context *context)
{
	const Settings *settings = context->settings;
	const GArray *tables = settings->send.fallback_policy_maps;

	if (settings_n_texts(tables) > 0 && settings_text_place(tables, 0) != 0 &&
	    settings->send.security_level.code > SECURITY_MAY &&
	    settings->send.fallback_may_override.place == 0)
		findings_add(context->findings, FINDING_FALLBACK_MAY_WEAKEN,
			     settings_text_place(tables, 0),
			     "what these tables say of a destination takes the place of "
			     "send.security_level \"%s\", weaker levels too; if that is meant, "
			     "write \"fallback_may_override\": true",
			     names_word(&names_security_level, settings->send.security_level.code));
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

/* "secure" with the MX host's name is "verify". */
static void
warn_hostname(const Context *context, const SettingsDestination *row)
{
	const GArray *match = settings_attributes(row)->match;

	for (size_t i = 0; i < settings_n_texts(match); i++)
		if (settings_text_place(match, i) != 0 &&
		    row->security_level.code == SECURITY_SECURE &&
		    strcmp(settings_text(match, i), "hostname") == 0)
			findings_add(
				context->findings, FINDING_VERIFY_TRUSTS_DNS,
				settings_text_place(match, i),
				"\"hostname\" is the name of the MX host, which comes from DNS "
				"and can be forged; name the host itself");
}

static void
check_verify(const Context *context)
{
	warn_verify(context, &context->settings->send.security_level);
	for (size_t i = 0; i < settings_n_destinations(context->settings); i++) {
		const SettingsDestination *row = settings_destination(context->settings, i);
		warn_verify(context, &row->security_level);
		if (row->attributes != NULL)
			warn_hostname(context, row);
	}
}

/* A row's own floor takes the place of the one for all. */
static void
warn_lower_floor(const Context *context, const SettingsDestination *row)
{
	const CursorWord *global = &context->settings->send.min_protocol;
	const CursorWord *floor = &settings_attributes(row)->min_protocol;

	if (global->place != 0 && floor->place != 0 && floor->code < global->code)
		findings_add(context->findings, FINDING_WEAKER_ROW, floor->place,
			     "\"%s\" is older than send.min_protocol, which is \"%s\"; is that "
			     "meant?",
			     names_word(&names_tls_protocol, floor->code),
			     names_word(&names_tls_protocol, global->code));
}

static void
check_weaker_rows(const Context *context)
{
	const CursorWord *global = &context->settings->send.security_level;
	gboolean is_known = !refused_word(context->refused, global, context->settings->send.place);

	for (size_t i = 0; i < settings_n_destinations(context->settings); i++) {
		const SettingsDestination *row = settings_destination(context->settings, i);
		const CursorWord *level = &row->security_level;
		if (row->attributes != NULL)
			warn_lower_floor(context, row);
		if (is_known && level->place != 0 && !names_is_at_least(level->code, global->code))
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
	check_min_protocol, check_selectors,     check_name_demands,      check_exempt_networks,
	check_fails_open,   check_trust_anchors, check_trusted_by_anyone, check_fallback_level,
	check_verify,       check_weaker_rows,   check_reviews,
};

void
doubts_run(const Settings *settings, const Refused *refused, guint32 today, Findings *findings)
{
	const Context context = { settings, refused, today, findings };

	for (size_t i = 0; i < G_N_ELEMENTS(doubts); i++)
		doubts[i](&context);
}
