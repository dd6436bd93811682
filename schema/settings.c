/* SPDX-License-Identifier: Apache-2.0 */
/* settings: the model of a settings document; immutable once loaded. load.c fills it. */
#include "settings.h"

#include "fingerprint.h"

#include <string.h>

static void
clear_lists(GArray **const *lists, size_t n)
{
	for (size_t i = 0; i < n; i++)
		g_clear_pointer(lists[i], g_array_unref);
}

static void
free_rules(GArray *rules)
{
	for (size_t i = 0; i < rules->len; i++) {
		SettingsRule *rule = &g_array_index(rules, SettingsRule, i);
		GArray **const lists[] = {
			&rule->sender_domains,       &rule->recipient_domains,
			&rule->client_networks,      &rule->client_names,
			&rule->require.subjects,     &rule->require.issuers,
			&rule->require.fingerprints, &rule->require.client_networks,
			&rule->require.client_names,
		};
		clear_lists(lists, G_N_ELEMENTS(lists));
	}
	g_array_unref(rules);
}

static void
free_destinations(GArray *destinations)
{
	for (size_t i = 0; i < destinations->len; i++) {
		SettingsRowAttributes *attributes =
			g_array_index(destinations, SettingsDestination, i).attributes;
		if (attributes == NULL)
			continue;
		GArray **const lists[] = { &attributes->match, &attributes->fingerprints,
					   &attributes->exclude, &attributes->trust_anchor_files };
		clear_lists(lists, G_N_ELEMENTS(lists));
		g_free(attributes);
	}
	g_array_unref(destinations);
}

void
settings_free(Settings *settings)
{
	if (settings == NULL)
		return;
	GArray **const lists[] = {
		&settings->receive.exempt_networks,      &settings->receive.certificate.chain_files,
		&settings->send.certificate.chain_files, &settings->send.fallback_policy_maps,
		&settings->postfix.unguarded_services,
	};
	clear_lists(lists, G_N_ELEMENTS(lists));
	g_clear_pointer(&settings->receive.rules, free_rules);
	g_clear_pointer(&settings->send.domains, free_destinations);
	g_string_chunk_free(settings->store);
	g_free(settings);
}

size_t
settings_n_rules(const Settings *settings)
{
	return settings->receive.rules->len;
}

const SettingsRule *
settings_rule(const Settings *settings, size_t n)
{
	return &g_array_index(settings->receive.rules, SettingsRule, n);
}

size_t
settings_n_destinations(const Settings *settings)
{
	return settings->send.domains->len;
}

const SettingsDestination *
settings_destination(const Settings *settings, size_t n)
{
	return &g_array_index(settings->send.domains, SettingsDestination, n);
}

const SettingsRowAttributes *
settings_attributes(const SettingsDestination *row)
{
	static const SettingsRowAttributes none = { 0 };

	return row->attributes != NULL ? row->attributes : &none;
}

gboolean
settings_row_restricts(const SettingsDestination *row)
{
	const SettingsRowAttributes *attributes = settings_attributes(row);

	return settings_n_texts(attributes->match) > 0 ||
	       settings_n_texts(attributes->fingerprints) > 0 ||
	       settings_n_texts(attributes->exclude) > 0 ||
	       settings_n_texts(attributes->trust_anchor_files) > 0 ||
	       attributes->min_protocol.place != 0 || attributes->ciphers.place != 0;
}

size_t
settings_n_texts(const GArray *texts)
{
	return texts != NULL ? texts->len : 0;
}

const char *
settings_text(const GArray *texts, size_t n)
{
	return g_array_index(texts, CursorText, n).text;
}

size_t
settings_text_place(const GArray *texts, size_t n)
{
	return g_array_index(texts, CursorText, n).place;
}

gboolean
settings_any_send_level(const Settings *settings, gboolean (*test)(SecurityLevel level))
{
	if (test(settings->send.security_level.code))
		return TRUE;
	for (size_t i = 0; i < settings_n_destinations(settings); i++)
		if (test(settings_destination(settings, i)->security_level.code))
			return TRUE;
	return FALSE;
}

gboolean
settings_level_needs_anchors(SecurityLevel level)
{
	return level == SECURITY_VERIFY || level == SECURITY_SECURE;
}

gboolean
settings_level_needs_dnssec(SecurityLevel level)
{
	return level == SECURITY_DANE || level == SECURITY_DANE_ONLY;
}

gboolean
settings_level_is_mandatory(SecurityLevel level)
{
	return level > SECURITY_MAY;
}

gboolean
settings_is_unguarded(const Settings *settings, const char *service)
{
	const GArray *named = settings->postfix.unguarded_services;

	for (size_t i = 0; i < settings_n_texts(named); i++)
		if (strcmp(settings_text(named, i), service) == 0)
			return TRUE;
	return FALSE;
}

gboolean
settings_receive_needs_anchors(const Settings *settings)
{
	if (settings->receive.client_certificate.code == CLIENT_CERTIFICATE_REQUIRE)
		return TRUE;
	for (size_t i = 0; i < settings_n_rules(settings); i++)
		if (settings_demands_trust(&settings_rule(settings, i)->require))
			return TRUE;
	return FALSE;
}

gboolean
settings_send_needs_anchors(const Settings *settings)
{
	if (settings_level_needs_anchors(settings->send.security_level.code))
		return TRUE;
	for (size_t i = 0; i < settings_n_destinations(settings); i++) {
		const SettingsDestination *row = settings_destination(settings, i);
		if (settings_level_needs_anchors(row->security_level.code) &&
		    settings_attributes(row)->trust_anchor_files == NULL)
			return TRUE;
	}
	return FALSE;
}

gboolean
settings_receive_has_anchors(const Settings *settings)
{
	return settings->receive.trusted_ca_file.place != 0 ||
	       settings->receive.trusted_ca_directory.place != 0;
}

gboolean
settings_send_has_anchors(const Settings *settings)
{
	return settings->send.trusted_ca_file.place != 0 ||
	       settings->send.trusted_ca_directory.place != 0;
}

gboolean
settings_demands_trust(const SettingsRequire *require)
{
	return require->certificate.code == CERTIFICATE_TRUSTED || require->subjects != NULL ||
	       require->issuers != NULL;
}

void
settings_make_report_only(Settings *settings)
{
	for (size_t i = 0; i < settings_n_rules(settings); i++)
		g_array_index(settings->receive.rules, SettingsRule, i).violation.code =
			VIOLATION_REPORT;
}

const GArray *
settings_rule_keys(const SettingsRule *rule, SelectorKind *kind)
{
	const GArray *const lists[] = {
		[SELECTOR_SENDER] = rule->sender_domains,
		[SELECTOR_RECIPIENT] = rule->recipient_domains,
		[SELECTOR_NETWORK] = rule->client_networks,
		[SELECTOR_NAME] = rule->client_names,
	};

	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
		if (lists[i] != NULL) {
			*kind = (SelectorKind)i;
			return lists[i];
		}
	return NULL;
}

const char *
settings_receive_digest(const Settings *settings)
{
	for (size_t i = 0; i < settings_n_rules(settings); i++) {
		const GArray *pins = settings_rule(settings, i)->require.fingerprints;
		if (settings_n_texts(pins) > 0 && settings_text(pins, 0) != NULL)
			return fingerprint_digest(settings_text(pins, 0));
	}
	return NULL;
}

const char *
settings_send_digest(const Settings *settings)
{
	for (size_t i = 0; i < settings_n_destinations(settings); i++) {
		const GArray *pins =
			settings_attributes(settings_destination(settings, i))->fingerprints;
		if (settings_n_texts(pins) > 0 && settings_text(pins, 0) != NULL)
			return fingerprint_digest(settings_text(pins, 0));
	}
	return NULL;
}
