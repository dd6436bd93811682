/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-request: bytes of a client, through parser, decision, answer and log line.
 *
 * What comes out may not depend on how the bytes arrive, and no answer may be one that Postfix
 * takes for "permit". The rules are about any mail that the corpus is likely to reach. */
#include "decide.h"
#include "logline.h"
#include "reply.h"
#include "request.h"
#include "ruledb-format.h"

#include <glib.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The rules, each found under its place in this table. */
static const RuleDbRule rules[] = {
	{ .name = "bank", .violation = VIOLATION_REJECT },
	{ .name = "cert", .certificate = CERTIFICATE_TRUSTED, .violation = VIOLATION_DEFER },
	{ .name = "watch", .violation = VIOLATION_REPORT },
	{ .name = "to", .has_min_protocol = TRUE, .min_protocol = TLS_PROTOCOL_1_3 },
	{ .name = "net", .violation = VIOLATION_REJECT, .min_cipher_bits = 256 },
	{ .name = "host", .violation = VIOLATION_DEFER },
};

static void
add_lists(RuleDbBuilder *builder, const Network *network)
{
	ruledb_builder_add_text(builder, 0, RULEDB_RECIPIENT_DOMAINS, "gw.test");
	ruledb_builder_add_text(builder, 1, RULEDB_REQUIRED_SUBJECTS, "m\xc3\xbcller");
	ruledb_builder_add_text(builder, 1, RULEDB_REQUIRED_ISSUERS, "test ca");
	ruledb_builder_add_text(builder, 3, RULEDB_CLIENT_NAMES, ".test");
	ruledb_builder_add_text(builder, 3, RULEDB_REQUIRED_FINGERPRINTS, "AA:BB");
	ruledb_builder_add_network(builder, 3, RULEDB_CLIENT_NETWORKS, network);
	ruledb_builder_add_text(builder, 4, RULEDB_REQUIRED_NAMES, ".bank.test");
	ruledb_builder_add_network(builder, 5, RULEDB_REQUIRED_NETWORKS, network);
}

static RuleDb *
build_rules(void)
{
	static const AddressRewriting rewriting = { "origin", "my.test", TRUE, TRUE, TRUE, TRUE };
	g_autoptr(RuleDbBuilder) builder = ruledb_builder_new(&rewriting);
	const char *reason;
	Network exempt, network;

	g_assert_true(network_parse("127.0.0.0/8", &exempt, &reason));
	g_assert_true(network_parse("192.0.2.0/24", &network, &reason));
	ruledb_builder_add_exempt_network(builder, &exempt);
	for (size_t i = 0; i < G_N_ELEMENTS(rules); i++)
		ruledb_builder_add_rule(builder, &rules[i]);
	add_lists(builder, &network);
	ruledb_builder_index_domain(builder, 0, RULEDB_BY_SENDER, "bank.test");
	ruledb_builder_index_domain(builder, 0, RULEDB_BY_SENDER, RULEDB_NULL_SENDER);
	ruledb_builder_index_domain(builder, 1, RULEDB_BY_SENDER, ".test");
	ruledb_builder_index_all_mail(builder, 2);
	ruledb_builder_index_domain(builder, 3, RULEDB_BY_RECIPIENT, ".test");
	ruledb_builder_index_network(builder, 4, &network);
	ruledb_builder_index_domain(builder, 5, RULEDB_BY_CLIENT_NAME, ".test");
	g_autoptr(GBytes) bytes = ruledb_builder_finish(builder, 7);
	RuleDb *db = ruledb_open_bytes(bytes, NULL);
	g_assert_nonnull(db);
	return db;
}

/* src/smtpd/smtpd_check.c, check_table_result, 3.7. */
static void
assert_reply(const char *reply, size_t length)
{
	g_assert_cmpuint(length, ==, strlen(reply));
	g_assert_cmpuint(length, <=, REPLY_MAX_BYTES);
	g_assert_nonnull(strstr(reply, "\n\n"));
	g_assert_true(strstr(reply, "\n\n") == reply + length - 2);
	g_assert_true(g_str_has_prefix(reply, "action=DUNNO\n") ||
		      g_str_has_prefix(reply, "action=INFO report only: ") ||
		      g_str_has_prefix(reply, "action=450 4.7.1") ||
		      g_str_has_prefix(reply, "action=550 5.7.1"));
}

/* Answer a request; the hash goes on over all that the request is and makes. */
static uint64_t
answer(RuleDb *db, const Request *request, uint64_t hash)
{
	g_autoptr(GError) error = NULL;
	char reply[REPLY_MAX_BYTES + 1], line[LOGLINE_MAX_BYTES];
	Decision decision;

	for (size_t i = 0; i < N_REQUEST_ATTRIBUTES; i++)
		hash = ruledb_format_fnv(hash, request->value[i], strlen(request->value[i]) + 1);
	if (request->kind == REQUEST_KIND_COUNTERS)
		return hash;
	g_assert_cmpint(request->kind, ==, REQUEST_KIND_POLICY);
	if (!decide_request(db, request, &decision, &error)) {
		g_assert_error(error, DECIDE_ERROR, DECIDE_ERROR_ADDRESS);
		return hash;
	}
	const size_t length = reply_format(&decision, reply);
	assert_reply(reply, length);
	if (!decision.is_passed) {
		g_assert_cmpint(request->state, !=, REQUEST_STATE_OTHER);
		logline_format(request, &decision, 7, line);
		g_assert_cmpuint(strcspn(line, "\r\n"), ==, strlen(line));
	}
	return ruledb_format_fnv(hash, reply, length);
}

/* All that comes out when the bytes arrive step by step. */
static uint64_t
run(RuleDb *db, const uint8_t *data, size_t size, size_t step)
{
	g_autoptr(RequestParser) parser = request_parser_new();
	uint64_t hash = RULEDB_FNV_START;
	Request request;
	const char *trouble;

	for (;;) {
		size_t n, room_size;
		char *room;

		switch (request_parser_next(parser, &request, &trouble)) {
		case REQUEST_READY:
			hash = answer(db, &request, hash);
			continue;
		case REQUEST_TROUBLE:
			return ruledb_format_fnv(hash, trouble, strlen(trouble));
		case REQUEST_INCOMPLETE:
			break;
		}
		room = request_parser_room(parser, &room_size);
		g_assert_cmpuint(room_size, >, 0);
		n = MIN(MIN(size, step), room_size);
		if (n == 0)
			return hash;
		memcpy(room, data, n);
		request_parser_feed(parser, n);
		data += n;
		size -= n;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static RuleDb *db;

	if (db == NULL)
		db = build_rules();
	const uint64_t at_once = run(db, data, size, SIZE_MAX);
	g_assert_cmpuint(run(db, data, size, 1), ==, at_once);
	g_assert_cmpuint(run(db, data, size, 5), ==, at_once);
	return 0;
}
