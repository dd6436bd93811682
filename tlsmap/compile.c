/* SPDX-License-Identifier: Apache-2.0 */
/* compile: turns the receiving rules of the model into the database that policyd asks. Pure. */
#include "compile.h"

#include "network.h"
#include "ruledb.h"

static void
add_rule(RuleDbBuilder *builder, const SettingsRule *rule)
{
	const RuleDbRule compiled = {
		.name = rule->name.text,
		.certificate = rule->require.certificate.code,
		.violation = rule->violation.code,
	};
	guint32 number = ruledb_builder_add_rule(builder, &compiled);

	if (rule->sender_domains == NULL) {
		ruledb_builder_add_all_mail(builder, number);
		return;
	}
	for (size_t i = 0; i < rule->sender_domains->len; i++)
		ruledb_builder_add_sender_domain(builder, number,
						 settings_text(rule->sender_domains, i));
}

GBytes *
compile_rules(const Settings *settings, const AddressRewriting *rewriting, guint64 generation)
{
	g_autoptr(RuleDbBuilder) builder = ruledb_builder_new(rewriting);
	const GArray *exempt = settings->receive.exempt_networks;

	for (size_t i = 0; i < exempt->len; i++) {
		const char *reason;
		Network network;
		/* load.c accepted the text by this very function. */
		if (!network_parse(settings_text(exempt, i), &network, &reason))
			g_assert_not_reached();
		ruledb_builder_add_exempt_network(builder, &network);
	}
	for (size_t i = 0; i < settings_n_rules(settings); i++)
		add_rule(builder, settings_rule(settings, i));
	return ruledb_builder_finish(builder, generation);
}

static void
append_list(GString *text, const GArray *items)
{
	for (size_t i = 0; i < items->len; i++)
		g_string_append_printf(text, "%s%s", i == 0 ? "" : ", ", settings_text(items, i));
}

static void
describe_rule(GString *text, const SettingsRule *rule)
{
	g_string_append_printf(text, "rule %s: ", rule->name.text);
	if (rule->sender_domains != NULL) {
		g_string_append(text, "mail from ");
		append_list(text, rule->sender_domains);
	} else {
		g_string_append(text, "all mail");
	}
	g_string_append_printf(text, " needs TLS%s, else %s\n",
			       rule->require.certificate.code == CERTIFICATE_TRUSTED
				       ? " and a trusted client certificate"
				       : "",
			       names_word(&names_violation, rule->violation.code));
}

GString *
compile_describe(const Settings *settings)
{
	GString *text = g_string_new(NULL);

	if (settings_n_rules(settings) == 0)
		return text;
	g_string_append(text, "exempt networks: ");
	append_list(text, settings->receive.exempt_networks);
	if (settings->receive.exempt_networks->len == 0)
		g_string_append(text, "none");
	g_string_append_c(text, '\n');
	for (size_t i = 0; i < settings_n_rules(settings); i++)
		describe_rule(text, settings_rule(settings, i));
	return text;
}
