/* SPDX-License-Identifier: Apache-2.0 */
/* policymap: the rows of smtp_tls_policy_maps, as postmap(1) reads them. Pure.
 *
 * The key is the destination as given: smtp(8) looks up the next-hop, then each parent with a
 * leading dot, so that "example.com" is that name alone and ".example.com" all below it
 * (postconf(5) smtp_tls_policy_maps; src/smtp/smtp_tls_policy.c, tls_policy_lookup(), 3.7). Keys
 * are domain names here, so that nothing in them needs postmap's quoting. */
#include "policymap.h"

GString *
policymap_render(const Settings *settings)
{
	GString *table = g_string_new(NULL);

	for (size_t i = 0; i < settings_n_destinations(settings); i++) {
		const SettingsDestination *row = settings_destination(settings, i);
		g_string_append(table, row->destination.text);
		g_string_append_c(table, '\t');
		g_string_append(table, names_word(&names_security_level, row->security_level.code));
		g_string_append_c(table, '\n');
	}
	return table;
}
