/* SPDX-License-Identifier: Apache-2.0 */
/* compile: turns the receiving rules of the model into the database that policyd asks. Pure.
 *
 * A rule is found under one of its selectors (settings_rule_keys()); the others, and its demands,
 * are lists in it. Names are written in every form in which Postfix may tell them, and folded as
 * policyd folds what it is told. */
#include "compile.h"

#include "certname.h"
#include "idn.h"
#include "network.h"
#include "ruledb.h"

typedef struct {
	RuleDbBuilder *builder;
	guint32 number;
	RuleDbDomain index;  /* for index_domain() */
	RuleDbListKind list; /* for add_domain() */
} Adder;

static Network
parse_network(const char *text)
{
	const char *reason;
	Network network;

	/* load.c accepted the text by this very function. */
	if (!network_parse(text, &network, &reason))
		g_assert_not_reached();
	return network;
}

/* ---- the selector that a rule is found under ---- */

static void
index_domain(const char *form, void *data)
{
	const Adder *adder = data;
	g_autofree char *folded = address_dup_folded(form);

	ruledb_builder_index_domain(adder->builder, adder->number, adder->index, folded);
}

static void
index_domains(Adder adder, RuleDbDomain index, const GArray *domains)
{
	adder.index = index;
	for (size_t i = 0; i < settings_n_texts(domains); i++)
		idn_visit_forms(settings_text(domains, i), index_domain, &adder);
}

static void
index_networks(Adder adder, const GArray *networks)
{
	for (size_t i = 0; i < settings_n_texts(networks); i++) {
		const Network network = parse_network(settings_text(networks, i));
		ruledb_builder_index_network(adder.builder, adder.number, &network);
	}
}

static void
index_rule(Adder adder, const SettingsRule *rule)
{
	SelectorKind kind = N_SELECTORS;
	const GArray *keys = settings_rule_keys(rule, &kind);

	switch (kind) {
	case SELECTOR_SENDER:
		index_domains(adder, RULEDB_BY_SENDER, keys);
		break;
	case SELECTOR_RECIPIENT:
		index_domains(adder, RULEDB_BY_RECIPIENT, keys);
		break;
	case SELECTOR_NETWORK:
		index_networks(adder, keys);
		break;
	case SELECTOR_NAME:
		index_domains(adder, RULEDB_BY_CLIENT_NAME, keys);
		break;
	case N_SELECTORS:
		ruledb_builder_index_all_mail(adder.builder, adder.number);
		break;
	}
}

/* ---- lists ---- */

static void
add_domain(const char *form, void *data)
{
	const Adder *adder = data;
	g_autofree char *folded = address_dup_folded(form);

	ruledb_builder_add_text(adder->builder, adder->number, adder->list, folded);
}

static void
add_domains(const Adder *adder, const char *text)
{
	idn_visit_forms(text, add_domain, (void *)adder);
}

static void
add_network(const Adder *adder, const char *text)
{
	const Network network = parse_network(text);

	ruledb_builder_add_network(adder->builder, adder->number, adder->list, &network);
}

static void
add_certificate_name(const Adder *adder, const char *text)
{
	g_autofree char *folded = certname_dup_folded(text);

	ruledb_builder_add_text(adder->builder, adder->number, adder->list, folded);
}

/* As fingerprint_normalise() made it, which is as Postfix writes it. */
static void
add_fingerprint(const Adder *adder, const char *text)
{
	ruledb_builder_add_text(adder->builder, adder->number, adder->list, text);
}

/* One row a list; what the rule is found under is no list of it. */
static void
add_lists(Adder adder, const SettingsRule *rule)
{
	SelectorKind kind;
	const GArray *keys = settings_rule_keys(rule, &kind);
	const struct {
		RuleDbListKind list;
		void (*add)(const Adder *adder, const char *text);
		const GArray *items;
	} lists[] = {
		{ RULEDB_RECIPIENT_DOMAINS, add_domains, rule->recipient_domains },
		{ RULEDB_CLIENT_NETWORKS, add_network, rule->client_networks },
		{ RULEDB_CLIENT_NAMES, add_domains, rule->client_names },
		{ RULEDB_REQUIRED_SUBJECTS, add_certificate_name, rule->require.subjects },
		{ RULEDB_REQUIRED_ISSUERS, add_certificate_name, rule->require.issuers },
		{ RULEDB_REQUIRED_FINGERPRINTS, add_fingerprint, rule->require.fingerprints },
		{ RULEDB_REQUIRED_NETWORKS, add_network, rule->require.client_networks },
		{ RULEDB_REQUIRED_NAMES, add_domains, rule->require.client_names },
	};
	G_STATIC_ASSERT(G_N_ELEMENTS(lists) == N_RULEDB_LISTS);

	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
		if (lists[i].items == keys)
			continue;
		adder.list = lists[i].list;
		for (size_t j = 0; j < settings_n_texts(lists[i].items); j++)
			lists[i].add(&adder, settings_text(lists[i].items, j));
	}
}

static void
add_rule(RuleDbBuilder *builder, const SettingsRule *rule)
{
	const SettingsRequire *require = &rule->require;
	const RuleDbRule compiled = {
		.name = rule->name.text,
		.certificate = require->certificate.code,
		.violation = rule->violation.code,
		.has_min_protocol = require->min_protocol.place != 0,
		.min_protocol = require->min_protocol.code,
		.min_cipher_bits = (uint16_t)require->min_cipher_bits.value,
	};
	const Adder adder = { .builder = builder,
			      .number = ruledb_builder_add_rule(builder, &compiled) };

	index_rule(adder, rule);
	add_lists(adder, rule);
}

GBytes *
compile_rules(const Settings *settings, const AddressRewriting *rewriting, guint64 generation)
{
	g_autoptr(RuleDbBuilder) builder = ruledb_builder_new(rewriting);
	const GArray *exempt = settings->receive.exempt_networks;

	for (size_t i = 0; i < settings_n_texts(exempt); i++) {
		const Network network = parse_network(settings_text(exempt, i));
		ruledb_builder_add_exempt_network(builder, &network);
	}
	for (size_t i = 0; i < settings_n_rules(settings); i++)
		add_rule(builder, settings_rule(settings, i));
	return ruledb_builder_finish(builder, generation);
}
