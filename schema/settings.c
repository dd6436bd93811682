/* SPDX-License-Identifier: Apache-2.0 */
/* settings: the model of a settings document; immutable once loaded. load.c fills it. */
#include "settings.h"

static void
free_rules(GArray *rules)
{
	for (size_t i = 0; i < rules->len; i++) {
		SettingsRule *rule = &g_array_index(rules, SettingsRule, i);
		g_clear_pointer(&rule->sender_domains, g_array_unref);
	}
	g_array_unref(rules);
}

void
settings_free(Settings *settings)
{
	if (settings == NULL)
		return;
	g_clear_pointer(&settings->receive.rules, free_rules);
	g_clear_pointer(&settings->receive.exempt_networks, g_array_unref);
	g_clear_pointer(&settings->receive.certificate.chain_files, g_array_unref);
	g_clear_pointer(&settings->send.domains, g_array_unref);
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

const char *
settings_text(const GArray *texts, size_t n)
{
	return g_array_index(texts, CursorText, n).text;
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
settings_receive_needs_anchors(const Settings *settings)
{
	if (settings->receive.client_certificate.code == CLIENT_CERTIFICATE_REQUIRE)
		return TRUE;
	for (size_t i = 0; i < settings_n_rules(settings); i++)
		if (settings_rule(settings, i)->require.certificate.code == CERTIFICATE_TRUSTED)
			return TRUE;
	return FALSE;
}
