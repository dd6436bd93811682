/* SPDX-License-Identifier: Apache-2.0 */
/* test-logline: the log line about a decision: its keys, and that nothing can forge one. */
#include "logline.h"

#include "rows.h"

#include <glib.h>
#include <string.h>

static Request
build_request(void)
{
	Request request = { .state = REQUEST_STATE_RCPT };

	for (size_t i = 0; i < N_REQUEST_ATTRIBUTES; i++)
		request.value[i] = "";
	request.value[REQUEST_PROTOCOL_STATE] = "RCPT";
	request.value[REQUEST_CLIENT_ADDRESS] = "192.0.2.10";
	request.value[REQUEST_SENDER] = "a@bank.test";
	request.value[REQUEST_RECIPIENT] = "b@gw.test";
	request.value[REQUEST_CLIENT_NAME] = "unknown";
	request.value[REQUEST_INSTANCE] = "6218.6b04ee2e.8e22a.0";
	return request;
}

static void
add_failure(Decision *decision, const char *name)
{
	Failure *failure = &decision->failures[decision->n_failures];

	failure->number = (uint32_t)decision->n_failures++;
	g_strlcpy(failure->name, name, sizeof failure->name);
}

static Decision
build_decision(void)
{
	Decision decision = { .answer = { .violation = VIOLATION_REJECT } };

	g_strlcpy(decision.answer.name, "bank", sizeof decision.answer.name);
	add_failure(&decision, "bank");
	return decision;
}

static void
assert_line(const Request *request, const Decision *decision, uint64_t generation,
	    const char *expected)
{
	char line[LOGLINE_MAX_BYTES];

	logline_format(request, decision, generation, line);
	g_assert_cmpstr(line, ==, expected);
}

static void
test_line(void)
{
	const Request request = build_request();
	Decision decision = build_decision();

	add_failure(&decision, "pay");
	assert_line(&request, &decision, 7,
		    "verdict=reject rule=bank failed=bank,pay reason=no-tls generation=7 "
		    "state=RCPT client=192.0.2.10 sender=a@bank.test recipient=b@gw.test "
		    "queue_id= instance=6218.6b04ee2e.8e22a.0 tls= issuer= certificate= "
		    "public_key= subject= client_name=unknown cipher_bits=");
}

static void
test_full_line(void)
{
	Request request = build_request();
	Decision decision = build_decision();

	request.value[REQUEST_PROTOCOL_STATE] = "DATA";
	request.value[REQUEST_SENDER] = "";
	request.value[REQUEST_RECIPIENT] = "";
	request.value[REQUEST_QUEUE_ID] = "B5656A72181";
	request.value[REQUEST_ENCRYPTION_PROTOCOL] = "TLSv1.3";
	request.value[REQUEST_CCERT_ISSUER] = "Test+20CA";
	request.value[REQUEST_CCERT_FINGERPRINT] = "AA:BB";
	request.value[REQUEST_CCERT_PUBKEY_FINGERPRINT] = "CC:DD";
	request.value[REQUEST_CCERT_SUBJECT] = "mx.bank.test";
	request.value[REQUEST_CLIENT_NAME] = "mx.bank.test";
	request.value[REQUEST_ENCRYPTION_KEYSIZE] = "256";
	decision.answer.violation = VIOLATION_REPORT;
	decision.answer.breach = BREACH_UNTRUSTED;
	decision.has_more = TRUE;
	assert_line(&request, &decision, UINT64_MAX,
		    "verdict=report rule=bank failed=bank,... reason=untrusted-certificate "
		    "generation=18446744073709551615 state=DATA client=192.0.2.10 sender=<> "
		    "recipient= queue_id=B5656A72181 instance=6218.6b04ee2e.8e22a.0 tls=TLSv1.3 "
		    "issuer=Test+20CA certificate=AA:BB public_key=CC:DD subject=mx.bank.test "
		    "client_name=mx.bank.test cipher_bits=256");
}

static void
test_deferred_line(void)
{
	const Request request = build_request();
	Decision decision = build_decision();
	char line[LOGLINE_MAX_BYTES];

	decision.answer.violation = VIOLATION_DEFER;
	decision.answer.breach = BREACH_NO_CERTIFICATE;
	logline_format(&request, &decision, 1, line);
	g_assert_true(g_str_has_prefix(
		line, "verdict=defer rule=bank failed=bank reason=no-certificate generation=1 "));
}

static void
test_reasons(void)
{
	static const char *const words[] = {
		"no-tls",       "no-certificate",    "untrusted-certificate", "other-subject",
		"other-issuer", "other-fingerprint", "other-network",         "other-client-name",
		"old-protocol", "weak-cipher"
	};
	G_STATIC_ASSERT(G_N_ELEMENTS(words) == N_BREACHES);
	const Request request = build_request();
	Decision decision = build_decision();
	char line[LOGLINE_MAX_BYTES];

	for (Breach breach = 0; breach < N_BREACHES; breach++) {
		g_autofree char *reason = g_strdup_printf(" reason=%s ", words[breach]);

		decision.answer.breach = breach;
		logline_format(&request, &decision, 1, line);
		g_assert_nonnull(strstr(line, reason));
	}
}

/* The longest line of all is whole. */
static void
test_longest_line(void)
{
	Request request = build_request();
	Decision decision = build_decision();
	g_autofree char *name = g_strnfill(RULEDB_MAX_NAME, 'x');
	g_autofree char *value = g_strnfill(5000, ' ');
	char line[LOGLINE_MAX_BYTES];

	for (size_t i = 0; i < N_REQUEST_ATTRIBUTES; i++)
		request.value[i] = value;
	while (decision.n_failures < DECISION_MAX_FAILURES)
		add_failure(&decision, name);
	decision.has_more = TRUE;
	logline_format(&request, &decision, UINT64_MAX, line);
	g_assert_cmpuint(strlen(line), <, LOGLINE_MAX_BYTES - 1);
	g_assert_true(g_str_has_suffix(line, "\\x20..."));
	g_assert_nonnull(strstr(line, " cipher_bits=\\x20"));
}

typedef struct {
	const char *name;
	const char *value;
	const char *word;
} Row;

static const Row rows[] = {
	{ "plain-value-stays", "a@b.test", "a@b.test" },
	{ "punctuation-stays", "<a=b>,;:'%!{}~", "<a=b>,;:'%!{}~" },
	{ "blank-is-escaped", "a b", "a\\x20b" },
	{ "forged-key-is-one-word", "x verdict=pass", "x\\x20verdict=pass" },
	{ "newline-is-escaped", "a\nb", "a\\x0Ab" },
	{ "tab-is-escaped", "\t", "\\x09" },
	{ "delete-is-escaped", "\x7f", "\\x7F" },
	{ "quote-is-escaped", "\"", "\\x22" },
	{ "backslash-is-escaped", "\\x20", "\\x5Cx20" },
	{ "eight-bit-is-escaped", "\xc3\xa9", "\\xC3\\xA9" },
	{ "empty-value-is-empty", "", "" },
};

static void
test_escape(const void *data)
{
	const Row *row = data;
	char word[LOGLINE_MAX_VALUE + 1];

	logline_escape(row->value, word);
	g_assert_cmpstr(word, ==, row->word);
}

static void
test_cut(void)
{
	char word[LOGLINE_MAX_VALUE + 1];

	for (size_t n = 0; n < 2 * LOGLINE_MAX_VALUE; n++) {
		g_autofree char *plain = g_strnfill(n, 'x');
		g_autofree char *escaped = g_strnfill(n, '\n');
		const size_t limit = LOGLINE_MAX_VALUE - strlen("...");

		logline_escape(plain, word);
		g_assert_cmpuint(strlen(word), ==, n <= limit ? n : limit + 3);
		g_assert_cmpint(g_str_has_suffix(word, "..."), ==, n > limit);
		logline_escape(escaped, word);
		g_assert_cmpuint(strlen(word), <=, LOGLINE_MAX_VALUE);
		g_assert_cmpint(g_str_has_suffix(word, "..."), ==, 4 * n > limit);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/logline/keys-in-their-order", test_line);
	g_test_add_func("/logline/every-key-with-a-value", test_full_line);
	g_test_add_func("/logline/verdict-defer", test_deferred_line);
	g_test_add_func("/logline/each-breach-has-its-word", test_reasons);
	g_test_add_func("/logline/longest-line-is-whole", test_longest_line);
	ROWS_ADD("logline", rows, test_escape);
	g_test_add_func("/logline/long-values-are-cut", test_cut);
	return g_test_run();
}
