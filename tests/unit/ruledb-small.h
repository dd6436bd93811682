/* SPDX-License-Identifier: Apache-2.0 */
/* ruledb-small: a small rules file that has all there is, and questions to it; for the ruledb
 * tests. */
#pragma once

#include "ruledb.h"

#include <glib.h>

#define GENERATION 7

static const AddressRewriting rewriting = { "origin.test", "my.test", TRUE, FALSE, TRUE, TRUE };

/* ---- a small database ---- */

static void
add_exempt(RuleDbBuilder *builder, const char *text)
{
	const char *reason;
	Network network;

	g_assert_true(network_parse(text, &network, &reason));
	ruledb_builder_add_exempt_network(builder, &network);
}

static uint32_t
add_rule(RuleDbBuilder *builder, const char *name, CertificateDemand certificate,
	 Violation violation)
{
	const RuleDbRule rule = { name, certificate, violation };

	return ruledb_builder_add_rule(builder, &rule);
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
	ruledb_builder_add_all_mail(builder, number);
	number = add_rule(builder, "bank", CERTIFICATE_TRUSTED, VIOLATION_REJECT);
	ruledb_builder_add_sender_domain(builder, number, "bank.test");
	ruledb_builder_add_sender_domain(builder, number, ".bank.test");
	number = add_rule(builder, "pay", CERTIFICATE_ANY, VIOLATION_DEFER);
	ruledb_builder_add_sender_domain(builder, number, "bank.test");
	ruledb_builder_add_sender_domain(builder, number, ".test");
	number = add_rule(builder, "bounces", CERTIFICATE_ANY, VIOLATION_REJECT);
	ruledb_builder_add_sender_domain(builder, number, "<>");
	return ruledb_builder_finish(builder, generation);
}

/* ---- questions ---- */

typedef enum { ASK_SENDER, ASK_ALL_MAIL, ASK_EXEMPT } Ask;

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
	{ "all-mail", ASK_ALL_MAIL, NULL, "all/any/report" },
	{ "client-in-exempt-network", ASK_EXEMPT, "127.1.2.3", "exempt" },
	{ "exempt-single-client", ASK_EXEMPT, "192.0.2.1", "exempt" },
	{ "client-beside-exempt-client", ASK_EXEMPT, "192.0.2.2", "" },
	{ "exempt-ipv6-client", ASK_EXEMPT, "::1", "exempt" },
	{ "client-beside-exempt-ipv6-client", ASK_EXEMPT, "::2", "" },
	{ "mapped-client", ASK_EXEMPT, "::ffff:127.0.0.1", "exempt" },
};

static void
append_rule(uint32_t number, const RuleDbRule *rule, void *data)
{
	const char *certificate = names_word(&names_certificate, rule->certificate);

	g_string_append_printf(data, "%s%s/%s/%s", ((GString *)data)->len > 0 ? " " : "",
			       rule->name, certificate != NULL ? certificate : "any",
			       names_word(&names_violation, rule->violation));
}

/* The answer, or NULL with error set. */
static char *
dup_answer(RuleDb *db, const Question *question, GError **error)
{
	g_autoptr(GString) answer = g_string_new(NULL);
	gboolean is_exempt = FALSE;
	gboolean done = FALSE;
	Network client;

	switch (question->ask) {
	case ASK_SENDER:
		done = ruledb_visit_sender(db, question->key, append_rule, answer, error);
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
