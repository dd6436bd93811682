/* SPDX-License-Identifier: Apache-2.0 */
/* ruledb-small: a small rules file that has all there is, and questions to it; for the ruledb
 * tests. */
#pragma once

#include "ruledb.h"

#include <glib.h>

#define GENERATION 7

static const AddressRewriting rewriting = { "origin.test", "my.test", TRUE, FALSE, TRUE, TRUE };

/* ---- a small database ---- */

static Network
parse(const char *text)
{
	const char *reason;
	Network network;

	g_assert_true(network_parse(text, &network, &reason));
	return network;
}

static void
add_exempt(RuleDbBuilder *builder, const char *text)
{
	const Network network = parse(text);

	ruledb_builder_add_exempt_network(builder, &network);
}

static uint32_t
add_rule(RuleDbBuilder *builder, const char *name, CertificateDemand certificate,
	 Violation violation)
{
	const RuleDbRule rule = { .name = name,
				  .certificate = certificate,
				  .violation = violation };

	return ruledb_builder_add_rule(builder, &rule);
}

static void
index_domains(RuleDbBuilder *builder, uint32_t number, RuleDbDomain kind, const char *domain,
	      const char *parent)
{
	ruledb_builder_index_domain(builder, number, kind, domain);
	ruledb_builder_index_domain(builder, number, kind, parent);
}

static void
index_network(RuleDbBuilder *builder, uint32_t number, const char *text)
{
	const Network network = parse(text);

	ruledb_builder_index_network(builder, number, &network);
}

static void
add_network(RuleDbBuilder *builder, uint32_t number, RuleDbListKind kind, const char *text)
{
	const Network network = parse(text);

	ruledb_builder_add_network(builder, number, kind, &network);
}

/* A rule that has every demand and every selector that a rule can have beside its keys. */
static uint32_t
add_full_rule(RuleDbBuilder *builder)
{
	const RuleDbRule rule = { .name = "full",
				  .certificate = CERTIFICATE_TRUSTED,
				  .violation = VIOLATION_DEFER,
				  .has_min_protocol = TRUE,
				  .min_protocol = TLS_PROTOCOL_1_2,
				  .min_cipher_bits = 256 };
	const uint32_t number = ruledb_builder_add_rule(builder, &rule);

	ruledb_builder_add_text(builder, number, RULEDB_RECIPIENT_DOMAINS, "a.test");
	ruledb_builder_add_text(builder, number, RULEDB_RECIPIENT_DOMAINS, ".a.test");
	add_network(builder, number, RULEDB_CLIENT_NETWORKS, "10.0.0.0/8");
	add_network(builder, number, RULEDB_CLIENT_NETWORKS, "::1");
	ruledb_builder_add_text(builder, number, RULEDB_CLIENT_NAMES, "b");
	ruledb_builder_add_text(builder, number, RULEDB_REQUIRED_SUBJECTS, "c");
	ruledb_builder_add_text(builder, number, RULEDB_REQUIRED_ISSUERS, "d");
	ruledb_builder_add_text(builder, number, RULEDB_REQUIRED_FINGERPRINTS, "AA:BB");
	add_network(builder, number, RULEDB_REQUIRED_NETWORKS, "0.0.0.0/0");
	ruledb_builder_add_text(builder, number, RULEDB_REQUIRED_NAMES, ".e");
	return number;
}

static GBytes *
build_small(uint64_t generation)
{
	g_autoptr(RuleDbBuilder) builder = ruledb_builder_new(&rewriting);
	uint32_t number;

	add_exempt(builder, "127.0.0.0/8");
	add_exempt(builder, "192.0.2.1");
	add_exempt(builder, "::1/128");
	number = add_rule(builder, "all", CERTIFICATE_ANY, VIOLATION_REPORT);
	ruledb_builder_index_all_mail(builder, number);
	number = add_rule(builder, "bank", CERTIFICATE_TRUSTED, VIOLATION_REJECT);
	index_domains(builder, number, RULEDB_BY_SENDER, "bank.test", ".bank.test");
	number = add_rule(builder, "pay", CERTIFICATE_ANY, VIOLATION_DEFER);
	index_domains(builder, number, RULEDB_BY_SENDER, "bank.test", ".test");
	number = add_rule(builder, "bounces", CERTIFICATE_ANY, VIOLATION_REJECT);
	ruledb_builder_index_domain(builder, number, RULEDB_BY_SENDER, RULEDB_NULL_SENDER);
	number = add_rule(builder, "to", CERTIFICATE_ANY, VIOLATION_REJECT);
	index_domains(builder, number, RULEDB_BY_RECIPIENT, "pay.test", ".pay.test");
	number = add_rule(builder, "net", CERTIFICATE_TRUSTED, VIOLATION_REPORT);
	index_network(builder, number, "198.51.100.0/24");
	index_network(builder, number, "2001:db8::/33");
	number = add_rule(builder, "host", CERTIFICATE_ANY, VIOLATION_REPORT);
	index_domains(builder, number, RULEDB_BY_CLIENT_NAME, "mx.test", ".mx.test");
	number = add_full_rule(builder);
	index_domains(builder, number, RULEDB_BY_SENDER, "full.test", ".full.test");
	index_network(builder, number, "198.51.100.7");
	return ruledb_builder_finish(builder, generation);
}

/* ---- questions ---- */

typedef enum {
	ASK_SENDER,
	ASK_RECIPIENT,
	ASK_CLIENT_NAME,
	ASK_NETWORK,
	ASK_ALL_MAIL,
	ASK_EXEMPT
} Ask;

#define FULL                                                                                    \
	"full/trusted/defer/TLSv1.2/256/0=%06%00a.test%07%00.a.test/"                           \
	"1=%00%08%0A%00%00%00%01%80%00%00%00%00%00%00%00%00%00%00%00%00%00%00%00%01/2=%01%00b/" \
	"3=%01%00c/4=%01%00d/5=%05%00AA%3ABB/6=%00%00%00%00%00%00/7=%02%00.e"

typedef struct {
	const char *name;
	Ask ask;
	const char *key;
	const char *answer;
} Question;

static const Question questions[] = {
	{ "domain-with-two-rules", ASK_SENDER, "bank.test",
	  "bank/trusted/reject pay/any/defer pay/any/defer" },
	{ "subdomain", ASK_SENDER, "mx.bank.test", "bank/trusted/reject pay/any/defer" },
	{ "deep-subdomain", ASK_SENDER, "a.b.c.bank.test", "bank/trusted/reject pay/any/defer" },
	{ "parent-rule-alone", ASK_SENDER, "other.test", "pay/any/defer" },
	{ "suffix-that-is-no-parent", ASK_SENDER, "xbank.test", "pay/any/defer" },
	{ "top-level-domain-is-not-below-itself", ASK_SENDER, "test", "" },
	{ "domain-without-rule", ASK_SENDER, "other.example", "" },
	{ "null-sender", ASK_SENDER, "<>", "bounces/any/reject" },
	{ "empty-domain", ASK_SENDER, "", "" },
	{ "key-of-another-kind", ASK_SENDER, "\x04", "" },
	{ "rule-with-all-there-is", ASK_SENDER, "full.test", FULL " pay/any/defer" },
	{ "sender-key-is-no-recipient-key", ASK_RECIPIENT, "bank.test", "" },
	{ "recipient", ASK_RECIPIENT, "pay.test", "to/any/reject" },
	{ "recipient-subdomain", ASK_RECIPIENT, "x.pay.test", "to/any/reject" },
	{ "recipient-key-is-no-client-name", ASK_CLIENT_NAME, "pay.test", "" },
	{ "client-name", ASK_CLIENT_NAME, "mx.test", "host/any/report" },
	{ "client-name-below", ASK_CLIENT_NAME, "a.mx.test", "host/any/report" },
	{ "client-in-network", ASK_NETWORK, "198.51.100.255", "net/trusted/report" },
	{ "client-in-two-networks", ASK_NETWORK, "198.51.100.7", "net/trusted/report " FULL },
	{ "client-beside-network", ASK_NETWORK, "198.51.101.0", "" },
	{ "mapped-client-in-network", ASK_NETWORK, "::ffff:198.51.100.1", "net/trusted/report" },
	{ "ipv6-client-in-network", ASK_NETWORK, "2001:db8:7fff::1", "net/trusted/report" },
	{ "ipv6-client-beside-network", ASK_NETWORK, "2001:db8:8000::1", "" },
	{ "exempt-network-is-no-rule", ASK_NETWORK, "127.0.0.1", "" },
	{ "client-of-a-rule-is-not-exempt", ASK_EXEMPT, "198.51.100.7", "" },
	{ "all-mail", ASK_ALL_MAIL, NULL, "all/any/report" },
	{ "client-in-exempt-network", ASK_EXEMPT, "127.1.2.3", "exempt" },
	{ "exempt-single-client", ASK_EXEMPT, "192.0.2.1", "exempt" },
	{ "client-beside-exempt-client", ASK_EXEMPT, "192.0.2.2", "" },
	{ "exempt-ipv6-client", ASK_EXEMPT, "::1", "exempt" },
	{ "client-beside-exempt-ipv6-client", ASK_EXEMPT, "::2", "" },
	{ "mapped-client", ASK_EXEMPT, "::ffff:127.0.0.1", "exempt" },
};

/* NAME/CERTIFICATE/VIOLATION, and what else the rule has: a list as its number and its bytes. */
static void
append_rule(uint32_t number, const RuleDbRule *rule, void *data)
{
	const char *certificate = names_word(&names_certificate, rule->certificate);
	GString *answer = data;

	g_string_append_printf(answer, "%s%s/%s/%s", answer->len > 0 ? " " : "", rule->name,
			       certificate != NULL ? certificate : "any",
			       names_word(&names_violation, rule->violation));
	if (rule->has_min_protocol)
		g_string_append_printf(answer, "/%s",
				       names_word(&names_tls_protocol, rule->min_protocol));
	if (rule->min_cipher_bits > 0)
		g_string_append_printf(answer, "/%u", rule->min_cipher_bits);
	for (unsigned i = 0; i < N_RULEDB_LISTS; i++) {
		const RuleDbSpan list = rule->list[i];
		g_autofree char *bytes =
			list.left > 0 ? g_uri_escape_bytes(list.at, list.left, NULL) : NULL;

		if (bytes != NULL)
			g_string_append_printf(answer, "/%u=%s", i, bytes);
	}
}

/* The answer, or NULL with error set. */
static char *
dup_answer(RuleDb *db, const Question *question, GError **error)
{
	static const RuleDbDomain domain_kinds[] = {
		[ASK_SENDER] = RULEDB_BY_SENDER,
		[ASK_RECIPIENT] = RULEDB_BY_RECIPIENT,
		[ASK_CLIENT_NAME] = RULEDB_BY_CLIENT_NAME,
	};
	g_autoptr(GString) answer = g_string_new(NULL);
	gboolean is_exempt = FALSE;
	gboolean done = FALSE;
	Network client;

	switch (question->ask) {
	case ASK_SENDER:
	case ASK_RECIPIENT:
	case ASK_CLIENT_NAME:
		done = ruledb_visit_domain(db, domain_kinds[question->ask], question->key,
					   append_rule, answer, error);
		break;
	case ASK_NETWORK:
		g_assert_true(network_parse_address(question->key, &client));
		done = ruledb_visit_network(db, &client, append_rule, answer, error);
		break;
	case ASK_ALL_MAIL:
		done = ruledb_visit_all_mail(db, append_rule, answer, error);
		break;
	case ASK_EXEMPT:
		g_assert_true(network_parse_address(question->key, &client));
		done = ruledb_find_exempt(db, &client, &is_exempt, error);
		break;
	}
	if (is_exempt)
		g_string_append(answer, "exempt");
	return done ? g_strdup(answer->str) : NULL;
}
