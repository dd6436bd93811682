/* SPDX-License-Identifier: Apache-2.0 */
/* compile: turns the receiving rules of the model into the database that policyd asks. Pure. */
#include "compile.h"

#include "idn.h"
#include "network.h"
#include "ruledb.h"

typedef struct {
	RuleDbBuilder *builder;
	guint32 number;
} Adder;

/* In the form in which policyd looks a domain up. */
static void
add_sender_domain(const char *form, void *data)
{
	const Adder *adder = data;
	g_autofree char *folded = address_dup_folded(form);

	ruledb_builder_add_sender_domain(adder->builder, adder->number, folded);
}

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
	Adder adder = { builder, number };
	for (size_t i = 0; i < rule->sender_domains->len; i++)
		idn_visit_forms(settings_text(rule->sender_domains, i), add_sender_domain, &adder);
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
