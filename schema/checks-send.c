/* SPDX-License-Identifier: Apache-2.0 */
/* checks-send: what "send" may not say, or hardly means. Pure.
 *
 * One function for each identifier; the table that calls them is in checks.c. */
#include "check.h"
#include "nexthop.h"
#include "textindex.h"

#include <string.h>

void
check_send_digests(const Check *check)
{
	const char *digest = NULL;

	for (size_t i = 0; i < settings_n_destinations(check->settings); i++)
		check_digests(
			check,
			settings_attributes(settings_destination(check->settings, i))->fingerprints,
			&digest);
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
check_row_attributes(const Check *check, const SettingsDestination *row)
{
	const SettingsRowAttributes *attributes = row->attributes;
	const struct {
		const char *key;
		size_t place; /* 0: absent */
		AttributeAt at;
	} used[] = {
		{ "match", check_first_place(attributes->match), AT_NAMES },
		{ "fingerprints", check_first_place(attributes->fingerprints), AT_FINGERPRINT },
		{ "min_protocol", attributes->min_protocol.place, AT_MANDATORY },
		{ "ciphers", attributes->ciphers.place, AT_MANDATORY },
		{ "exclude", check_first_place(attributes->exclude), AT_MANDATORY },
		{ "server_name", attributes->server_name.place, AT_ANY_TLS },
		{ "trust_anchor_files", check_first_place(attributes->trust_anchor_files),
		  AT_NAMES },
		{ "connection_reuse", attributes->connection_reuse.place, AT_ANY_TLS },
	};
	SecurityLevel level = row->security_level.code;

	for (size_t i = 0; i < G_N_ELEMENTS(used); i++)
		if (used[i].place != 0 && !level_takes(level, used[i].at))
			check_found(check, used[i].place, "\"%s\" at security_level \"%s\": %s",
				    used[i].key, names_word(&names_security_level, level),
				    attribute_reasons[level == SECURITY_NONE ? AT_ANY_TLS
									     : used[i].at]);
}

void
check_attributes(const Check *check)
{
	for (size_t i = 0; i < settings_n_destinations(check->settings); i++) {
		const SettingsDestination *row = settings_destination(check->settings, i);
		if (row->attributes != NULL && row->security_level.place != 0)
			check_row_attributes(check, row);
	}
}

void
check_missing_fingerprints(const Check *check)
{
	for (size_t i = 0; i < settings_n_destinations(check->settings); i++) {
		const SettingsDestination *row = settings_destination(check->settings, i);
		if (row->security_level.place != 0 &&
		    row->security_level.code == SECURITY_FINGERPRINT &&
		    settings_attributes(row)->fingerprints == NULL &&
		    !refused_in_destination(check->refused, i))
			check_found(check, row->security_level.place,
				    "\"fingerprint\" needs the fingerprints that are accepted: "
				    "name them in \"fingerprints\"");
	}
}

/* Postfix looks TLSA records up for names alone, and "secure" compares with the next-hop itself,
 * which is no name either (src/smtp/smtp_tls_policy.c, 3.7: "dane" is then "may"). */
void
check_levels_at_addresses(const Check *check)
{
	for (size_t i = 0; i < settings_n_destinations(check->settings); i++) {
		const SettingsDestination *row = settings_destination(check->settings, i);
		const CursorWord *level = &row->security_level;
		gboolean needs_names = settings_level_needs_anchors(level->code) &&
				       settings_attributes(row)->match == NULL &&
				       !refused_in_destination(check->refused, i);
		if (level->place == 0 || row->destination.place == 0 ||
		    (!needs_names && !settings_level_needs_dnssec(level->code)) ||
		    !nexthop_is_address(row->destination.text))
			continue;
		check_found(check, level->place, "\"%s\" at an address, which has no name: %s",
			    names_word(&names_security_level, level->code),
			    needs_names ? "say in \"match\" which names the certificate may have"
					: "there are no TLSA records for it; use \"secure\" with "
					  "\"match\", or \"fingerprint\"");
	}
}

void
check_nothing_to_override(const Check *check)
{
	const Settings *settings = check->settings;
	const CursorWord *override = &settings->send.fallback_may_override;

	if (settings_n_texts(settings->send.fallback_policy_maps) == 0 && override->place != 0 &&
	    override->code && !refused_in_part(check->refused, settings->send.place))
		check_found(check, override->place,
			    "there are no fallback_policy_maps that could override anything; name "
			    "them, or remove this");
}

/* smtp(8) asks every table for a.b.example before any for .b.example
 * (src/smtp/smtp_tls_policy.c, tls_policy_lookup(), 3.7). */
void
check_fallback_overrides(const Check *check)
{
	const Settings *settings = check->settings;
	const CursorWord *override = &settings->send.fallback_may_override;

	if (settings_n_texts(settings->send.fallback_policy_maps) == 0 || override->code ||
	    refused_word(check->refused, override, settings->send.place))
		return;
	for (size_t i = 0; i < settings_n_destinations(settings); i++) {
		const SettingsDestination *row = settings_destination(settings, i);
		if (row->destination.place != 0 && row->destination.text[0] == '.' &&
		    row->security_level.code > SECURITY_MAY)
			check_found(check, row->destination.place,
				    "this row can be weakened: Postfix asks the "
				    "fallback_policy_maps for a name below it first; name each "
				    "domain, or allow it by \"fallback_may_override\": true");
	}
}

void
check_duplicate_destinations(const Check *check)
{
	size_t n = settings_n_destinations(check->settings);
	g_autoptr(TextIndex) seen = textindex_new(n);

	for (size_t i = 0; i < n; i++) {
		const CursorText *name = &settings_destination(check->settings, i)->destination;
		size_t first;
		if (name->place != 0 && !textindex_add(seen, name->text, i, &first))
			check_found(check, name->place,
				    "/send/domains/%zu is the row of \"%s\" already; keep one of "
				    "them",
				    first, name->text);
	}
}

/* As in receiving. */
void
check_send_min_protocol(const Check *check)
{
	const Settings *settings = check->settings;
	const CursorWord *level = &settings->send.security_level;

	if (settings->send.min_protocol.place != 0 &&
	    !names_is_at_least(level->code, SECURITY_ENCRYPT) &&
	    !refused_word(check->refused, level, settings->send.place))
		check_found(check, settings->send.min_protocol.place,
			    "this binds only the destinations at \"encrypt\" or more; the "
			    "others, at send.security_level \"%s\", get what Postfix has for them",
			    names_word(&names_security_level, level->code));
}

/* What the tables behind ours say takes the place of the global level, both ways (postconf(5)
 * smtp_tls_policy_maps, 3.7). */
void
check_fallback_level(const Check *check)
{
	const Settings *settings = check->settings;
	const GArray *tables = settings->send.fallback_policy_maps;

	if (settings_n_texts(tables) > 0 && settings_text_place(tables, 0) != 0 &&
	    settings->send.security_level.code > SECURITY_MAY &&
	    settings->send.fallback_may_override.place == 0)
		check_found(check, settings_text_place(tables, 0),
			    "what these tables say of a destination takes the place of "
			    "send.security_level \"%s\", weaker levels too; if that is meant, "
			    "write \"fallback_may_override\": true",
			    names_word(&names_security_level, settings->send.security_level.code));
}

void
check_send_anchors(const Check *check)
{
	const Settings *settings = check->settings;

	if (settings_send_needs_anchors(settings) && !settings_send_has_anchors(settings) &&
	    !refused_in_part(check->refused, settings->send.place))
		check_found(check, settings->send.place,
			    "server certificates must be trusted, but the document names no CA "
			    "for them; name a file of CA certificates in send.trusted_ca_file");
}

/* postconf(5) smtp_tls_security_level, "verify", 3.7. */
static void
warn_verify(const Check *check, const CursorWord *level)
{
	if (level->code == SECURITY_VERIFY)
		check_found(
			check, level->place,
			"\"verify\" compares the certificate with the MX host name, which comes "
			"from DNS and can be forged; \"secure\" does not trust it");
}

/* "secure" with the MX host's name is "verify". */
static void
warn_hostname(const Check *check, const SettingsDestination *row)
{
	const GArray *match = settings_attributes(row)->match;

	for (size_t i = 0; i < settings_n_texts(match); i++)
		if (settings_text_place(match, i) != 0 &&
		    row->security_level.code == SECURITY_SECURE &&
		    strcmp(settings_text(match, i), "hostname") == 0)
			check_found(check, settings_text_place(match, i),
				    "\"hostname\" is the name of the MX host, which comes from DNS "
				    "and can be forged; name the host itself");
}

void
check_verify(const Check *check)
{
	warn_verify(check, &check->settings->send.security_level);
	for (size_t i = 0; i < settings_n_destinations(check->settings); i++) {
		const SettingsDestination *row = settings_destination(check->settings, i);
		warn_verify(check, &row->security_level);
		if (row->attributes != NULL)
			warn_hostname(check, row);
	}
}

/* A row's own floor takes the place of the one for all. */
static void
warn_lower_floor(const Check *check, const SettingsDestination *row)
{
	const CursorWord *global = &check->settings->send.min_protocol;
	const CursorWord *floor = &settings_attributes(row)->min_protocol;

	if (global->place != 0 && floor->place != 0 && floor->code < global->code)
		check_found(check, floor->place,
			    "\"%s\" is older than send.min_protocol, which is \"%s\"; is that "
			    "meant?",
			    names_word(&names_tls_protocol, floor->code),
			    names_word(&names_tls_protocol, global->code));
}

void
check_weaker_rows(const Check *check)
{
	const CursorWord *global = &check->settings->send.security_level;
	gboolean is_known = !refused_word(check->refused, global, check->settings->send.place);

	for (size_t i = 0; i < settings_n_destinations(check->settings); i++) {
		const SettingsDestination *row = settings_destination(check->settings, i);
		const CursorWord *level = &row->security_level;
		if (row->attributes != NULL)
			warn_lower_floor(check, row);
		if (is_known && level->place != 0 && !names_is_at_least(level->code, global->code))
			check_found(check, level->place,
				    "\"%s\"%s does not protect in every case as "
				    "send.security_level does, which is \"%s\"; is that meant?",
				    names_word(&names_security_level, level->code),
				    level->code == SECURITY_DANE
					    ? " (it is \"may\" for a domain without TLSA records)"
					    : "",
				    names_word(&names_security_level, global->code));
	}
}

void
check_row_reviews(const Check *check)
{
	for (size_t i = 0; i < settings_n_destinations(check->settings); i++) {
		const SettingsDestination *row = settings_destination(check->settings, i);
		if (row->attributes != NULL)
			check_review(check, &row->attributes->review_by);
	}
}
