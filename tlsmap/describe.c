/* SPDX-License-Identifier: Apache-2.0 */
/* describe: receiving rules in words, for people. Pure. */
#include "describe.h"

char *
describe_dup_list(const GArray *texts, const char *separator)
{
	GString *list = g_string_new(NULL);

	for (size_t i = 0; i < settings_n_texts(texts); i++)
		g_string_append_printf(list, "%s%s", i == 0 ? "" : separator,
				       settings_text(texts, i));
	return g_string_free(list, FALSE);
}

static void
append_list(GString *text, const char *before, const GArray *texts)
{
	if (texts == NULL)
		return;
	g_autofree char *list = describe_dup_list(texts, ", ");
	g_string_append_printf(text, "%s%s", before, list);
}

/* Names of certificates may hold commas: in quotes. */
static void
append_quoted(GString *text, const char *before, const GArray *names)
{
	for (size_t i = 0; i < settings_n_texts(names); i++) {
		g_autofree char *quoted = finding_quote(settings_text(names, i), -1);
		g_string_append_printf(text, "%s%s", i == 0 ? before : ", ", quoted);
	}
}

static void
append_selectors(GString *text, const SettingsRule *rule)
{
	if (rule->sender_domains == NULL && rule->recipient_domains == NULL &&
	    rule->client_networks == NULL && rule->client_names == NULL)
		g_string_append(text, "all ");
	g_string_append(text, "mail");
	append_list(text, " from ", rule->sender_domains);
	append_list(text, " to ", rule->recipient_domains);
	append_list(text, " by clients in ", rule->client_networks);
	append_list(text, rule->client_networks != NULL ? " named " : " by clients named ",
		    rule->client_names);
}

static void
append_demands(GString *text, const SettingsRequire *require)
{
	if (require->min_protocol.place != 0)
		g_string_append_printf(text, ", at least %s",
				       names_word(&names_tls_protocol, require->min_protocol.code));
	if (require->min_cipher_bits.place != 0)
		g_string_append_printf(text, ", at least %d bits", require->min_cipher_bits.value);
	if (settings_demands_trust(require))
		g_string_append(text, " and a trusted client certificate");
	append_quoted(text, " for one of ", require->subjects);
	append_quoted(text, " issued by one of ", require->issuers);
	append_list(text, " and one of the certificates ", require->fingerprints);
	append_list(text, ", from a client in ", require->client_networks);
	append_list(text, ", from a client named ", require->client_names);
}

char *
describe_dup_rule(const SettingsRule *rule)
{
	GString *text = g_string_new(NULL);

	append_selectors(text, rule);
	g_string_append(text, " needs TLS");
	append_demands(text, &rule->require);
	g_string_append_printf(text, ", else %s",
			       names_word(&names_violation, rule->violation.code));
	return g_string_free(text, FALSE);
}

GString *
describe_rules(const Settings *settings)
{
	GString *text = g_string_new(NULL);
	const GArray *exempt = settings->receive.exempt_networks;

	if (settings_n_rules(settings) == 0)
		return text;
	g_autofree char *networks = describe_dup_list(exempt, ", ");
	g_string_append_printf(text, "exempt networks: %s\n", exempt->len > 0 ? networks : "none");
	for (size_t i = 0; i < settings_n_rules(settings); i++) {
		const SettingsRule *rule = settings_rule(settings, i);
		g_autofree char *words = describe_dup_rule(rule);
		g_string_append_printf(text, "rule %s: %s\n", rule->name.text, words);
	}
	return text;
}
