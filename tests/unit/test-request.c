/* SPDX-License-Identifier: Apache-2.0 */
/* test-request: what the policy protocol's parser takes, however it arrives, and what it refuses.
 */
#include "request.h"

#include "rows.h"

#include <glib.h>
#include <stdint.h>
#include <string.h>

/* Where the rows' bytes end in one feed: the whole at once, or each byte by itself. */
typedef enum { AT_ONCE, BYTE_BY_BYTE, IN_SEVENS, N_MANNERS } Manner;

static const size_t steps[] = { [AT_ONCE] = SIZE_MAX, [BYTE_BY_BYTE] = 1, [IN_SEVENS] = 7 };
G_STATIC_ASSERT(G_N_ELEMENTS(steps) == N_MANNERS);

/* Feed a step; FALSE where all has been fed. */
static gboolean
feed(RequestParser *parser, const char **bytes, size_t *left, Manner manner)
{
	size_t size;
	char *room = request_parser_room(parser, &size);
	const size_t n = MIN(MIN(*left, steps[manner]), size);

	memcpy(room, *bytes, n);
	request_parser_feed(parser, n);
	*bytes += n;
	*left -= n;
	return n > 0;
}

/* ---- rows ---- */

#define START "request=smtpd_access_policy\nprotocol_state="
#define RCPT START "RCPT\nclient_address=192.0.2.1\nsender=a@b.test\nrecipient=c@d.test\n"

typedef struct {
	const char *name;
	const char *bytes;
	size_t length; /* 0 where bytes are a string */
	/* The states of policy requests, "counters" for others, then "incomplete" or what the
	 * trouble is. */
	const char *outcome;
} Row;

#define NO_PAIR "trouble: a line that is not name=value"
#define NUL_OR_CR "trouble: a NUL or CR in an attribute"
#define LACKS "trouble: a request that lacks an attribute"
#define NO_RECIPIENT "trouble: a request at RCPT without a recipient"
#define NEITHER "trouble: a request that is neither smtpd_access_policy nor tlsgate_counters"
#define COUNTERS "request=tlsgate_counters\n"

static const Row rows[] = {
	/* Taken. */
	{ "rcpt-is-decided", RCPT "\n", 0, "rcpt incomplete" },
	{ "data-is-decided", START "DATA\nclient_address=\nsender=\n\n", 0, "data incomplete" },
	{ "bdat-is-data", START "BDAT\nclient_address=\nsender=\n\n", 0, "data incomplete" },
	{ "state-in-lower-case-is-decided", START "rcpt\nclient_address=\nsender=\nrecipient=x\n\n",
	  0, "rcpt incomplete" },
	{ "connect-is-not-decided", START "CONNECT\n\n", 0, "other incomplete" },
	{ "ehlo-is-not-decided", START "EHLO\n\n", 0, "other incomplete" },
	{ "helo-is-not-decided", START "HELO\n\n", 0, "other incomplete" },
	{ "mail-is-not-decided", START "MAIL\n\n", 0, "other incomplete" },
	{ "vrfy-is-not-decided", START "VRFY\n\n", 0, "other incomplete" },
	{ "etrn-is-not-decided", START "ETRN\n\n", 0, "other incomplete" },
	{ "end-of-message-is-not-decided", START "END-OF-MESSAGE\n\n", 0, "other incomplete" },
	{ "unknown-state-is-not-decided", START "BURL\n\n", 0, "other incomplete" },
	{ "state-is-compared-whole", START "RCPTX\n\n", 0, "other incomplete" },
	{ "order-does-not-matter",
	  "sender=\nclient_address=\nrecipient=x\nprotocol_state=RCPT\nrequest=smtpd_access_policy\n\n",
	  0, "rcpt incomplete" },
	{ "unknown-attributes-are-ignored", RCPT "x=y\nx=z\ntls_sni=\n\n", 0, "rcpt incomplete" },
	{ "name-is-compared-with-case", RCPT "Sender=x\n\n", 0, "rcpt incomplete" },
	{ "value-may-hold-anything", RCPT "x= =a=\"\\\xff\t\x01\x7f\n\n", 0, "rcpt incomplete" },
	{ "two-requests-in-one-read", RCPT "\n" START "DATA\nsender=\nclient_address=\n\n", 0,
	  "rcpt data incomplete" },
	{ "counters-need-nothing-else", COUNTERS "\n", 0, "counters incomplete" },
	{ "counters-without-end-are-incomplete", COUNTERS, 0, "within incomplete" },
	{ "policy-beside-counters-means-nothing",
	  COUNTERS "protocol_state=RCPT\nsender=a@b.test\nx=y\npolicy_context=7\n\n", 0,
	  "counters incomplete" },
	{ "empty-state-beside-counters-means-nothing", "protocol_state=\n" COUNTERS "\n", 0,
	  "counters incomplete" },
	{ "counters-between-policy-requests", RCPT "\n" COUNTERS "\n" COUNTERS "\n" RCPT "\n", 0,
	  "rcpt counters counters rcpt incomplete" },
	{ "nothing-is-incomplete", "", 0, "incomplete" },
	{ "request-without-end-is-incomplete", RCPT, 0, "within incomplete" },
	{ "line-without-end-is-incomplete", "reque", 0, "within incomplete" },
	{ "second-request-is-incomplete", RCPT "\nr", 0, "rcpt within incomplete" },

	/* Trouble. */
	{ "lone-empty-line-is-trouble", "\n", 0, LACKS },
	{ "second-empty-line-is-trouble", RCPT "\n\n", 0, "rcpt " LACKS },
	{ "no-request-is-trouble", "protocol_state=CONNECT\n\n", 0, LACKS },
	{ "no-state-is-trouble", "request=smtpd_access_policy\n\n", 0, LACKS },
	{ "no-sender-at-rcpt-is-trouble", START "RCPT\nclient_address=\n\n", 0, LACKS },
	{ "no-sender-at-data-is-trouble", START "DATA\nclient_address=\n\n", 0, LACKS },
	{ "no-client-address-at-rcpt-is-trouble", START "RCPT\nsender=\n\n", 0, LACKS },
	{ "no-recipient-at-rcpt-is-trouble", START "RCPT\nclient_address=\nsender=\n\n", 0,
	  NO_RECIPIENT },
	{ "empty-recipient-at-rcpt-is-trouble",
	  START "RCPT\nclient_address=\nsender=\nrecipient=\n\n", 0, NO_RECIPIENT },
	{ "no-recipient-at-data-is-one-of-several",
	  START "DATA\nclient_address=\nsender=\nrecipient=\n\n", 0, "data incomplete" },
	{ "empty-state-is-trouble", START "\n\n", 0, "trouble: an empty protocol_state" },
	{ "other-request-is-trouble", "request=junk\nprotocol_state=CONNECT\n\n", 0, NEITHER },
	{ "empty-request-is-trouble", "request=\nprotocol_state=CONNECT\n\n", 0, NEITHER },
	{ "other-request-alone-is-trouble", "request=junk\n\n", 0, NEITHER },
	{ "longer-policy-is-trouble", "request=smtpd_access_policy2\nprotocol_state=CONNECT\n\n", 0,
	  NEITHER },
	{ "longer-counters-are-trouble", "request=tlsgate_counters2\n\n", 0, NEITHER },
	{ "shorter-counters-are-trouble", "request=tlsgate_counter\n\n", 0, NEITHER },
	{ "counters-in-capitals-are-trouble", "request=TLSGATE_COUNTERS\n\n", 0, NEITHER },
	{ "counters-behind-a-blank-are-trouble", "request= tlsgate_counters\n\n", 0, NEITHER },
	{ "both-requests-are-trouble", START "CONNECT\n" COUNTERS "\n", 0,
	  "trouble: an attribute that occurs twice" },
	{ "sender-twice-beside-counters-is-trouble", COUNTERS "sender=a\nsender=b\n\n", 0,
	  "trouble: an attribute that occurs twice" },
	{ "noise-beside-counters-is-trouble", COUNTERS "x\n\n", 0, NO_PAIR },
	{ "counters-without-request-are-trouble", "tlsgate_counters=\n\n", 0, LACKS },
	{ "sender-twice-is-trouble", RCPT "sender=c@d.test\n\n", 0,
	  "trouble: an attribute that occurs twice" },
	{ "same-sender-twice-is-trouble", RCPT "sender=a@b.test\n\n", 0,
	  "trouble: an attribute that occurs twice" },
	{ "empty-attribute-twice-is-trouble", RCPT "ccert_subject=\nccert_subject=x\n\n", 0,
	  "trouble: an attribute that occurs twice" },
	{ "line-without-equals-is-trouble", RCPT "x\n\n", 0, NO_PAIR },
	{ "line-without-name-is-trouble", RCPT "=x\n\n", 0, NO_PAIR },
	{ "blank-line-is-no-empty-line", RCPT " \n", 0, NO_PAIR },
	{ "cr-lf-is-trouble", "request=smtpd_access_policy\r\n", 0, NUL_OR_CR },
	{ "cr-lf-at-the-end-is-trouble", RCPT "\r\n", 0, NUL_OR_CR },
	{ "cr-in-a-value-is-trouble", RCPT "x=a\rb\n\n", 0, NUL_OR_CR },
	{ "nul-in-a-value-is-trouble", RCPT "x=\0\n\n", sizeof RCPT "x=\0\n\n" - 1, NUL_OR_CR },
	{ "nul-in-a-name-is-trouble", "sender\0=x\n", sizeof "sender\0=x\n" - 1, NUL_OR_CR },
	{ "http-is-trouble", "GET / HTTP/1.0\n\n", 0, NO_PAIR },
};

static const char *const state_words[] = {
	[REQUEST_STATE_OTHER] = "other",
	[REQUEST_STATE_RCPT] = "rcpt",
	[REQUEST_STATE_DATA] = "data",
};

/* What comes out of length bytes that arrive in this manner. */
static char *
dup_outcome(const char *bytes, size_t length, Manner manner)
{
	g_autoptr(RequestParser) parser = request_parser_new();
	g_autoptr(GString) outcome = g_string_new(NULL);
	Request request;
	const char *trouble;

	for (;;) {
		switch (request_parser_next(parser, &request, &trouble)) {
		case REQUEST_READY:
			g_string_append_printf(outcome, "%s ",
					       request.kind == REQUEST_KIND_COUNTERS
						       ? "counters"
						       : state_words[request.state]);
			continue;
		case REQUEST_INCOMPLETE:
			if (feed(parser, &bytes, &length, manner))
				continue;
			g_string_append(outcome, request_parser_is_within(parser) ? "within " : "");
			g_string_append(outcome, "incomplete");
			break;
		case REQUEST_TROUBLE:
			g_string_append_printf(outcome, "trouble: %s", trouble);
			break;
		}
		return g_strdup(outcome->str);
	}
}

static void
test_row(const void *data)
{
	const Row *row = data;
	const size_t length = row->length > 0 ? row->length : strlen(row->bytes);

	for (Manner manner = 0; manner < N_MANNERS; manner++) {
		g_autofree char *outcome = dup_outcome(row->bytes, length, manner);

		g_assert_cmpstr(outcome, ==, row->outcome);
	}
}

/* ---- caps ---- */

/* A line of n bytes. */
static void
append_line(GString *bytes, size_t n)
{
	g_string_append(bytes, "x=");
	for (size_t i = 2; i < n; i++)
		g_string_append_c(bytes, 'x');
	g_string_append_c(bytes, '\n');
}

static void
assert_outcome(const GString *bytes, const char *expected)
{
	for (Manner manner = 0; manner < N_MANNERS; manner++) {
		g_autofree char *outcome = dup_outcome(bytes->str, bytes->len, manner);

		g_assert_cmpstr(outcome, ==, expected);
	}
}

static void
test_line_cap(void)
{
	g_autoptr(GString) fits = g_string_new(RCPT);
	g_autoptr(GString) exceeds = g_string_new(RCPT);
	g_autoptr(GString) never_ends = g_string_new(NULL);

	append_line(fits, REQUEST_MAX_LINE);
	g_string_append_c(fits, '\n');
	append_line(exceeds, REQUEST_MAX_LINE + 1);
	for (size_t i = 0; i <= REQUEST_MAX_LINE; i++)
		g_string_append_c(never_ends, 'x');
	assert_outcome(fits, "rcpt incomplete");
	assert_outcome(exceeds, "trouble: a line that is too long");
	assert_outcome(never_ends, "trouble: a line that is too long");
}

static void
test_request_cap(void)
{
	g_autoptr(GString) fits = g_string_new(RCPT);

	while (fits->len + 1 + REQUEST_MAX_LINE + 1 < REQUEST_MAX_BYTES)
		append_line(fits, REQUEST_MAX_LINE);
	append_line(fits, REQUEST_MAX_BYTES - fits->len - 2);
	g_autoptr(GString) exceeds = g_string_new(fits->str);
	g_string_append_c(fits, '\n');
	g_assert_cmpuint(fits->len, ==, REQUEST_MAX_BYTES);
	append_line(exceeds, 3);

	assert_outcome(exceeds, "trouble: a request that is too long");
	/* The whole buffer again for the next one. */
	g_string_append_len(fits, fits->str, (gssize)fits->len);
	assert_outcome(fits, "rcpt rcpt incomplete");
}

static void
test_attribute_cap(void)
{
	g_autoptr(GString) fits = g_string_new(START "CONNECT\n");

	for (size_t i = 2; i < REQUEST_MAX_ATTRIBUTES; i++)
		append_line(fits, 3);
	g_autoptr(GString) exceeds = g_string_new(fits->str);
	g_string_append_c(fits, '\n');
	append_line(exceeds, 3);

	assert_outcome(exceeds, "trouble: too many attributes");
	g_string_append_len(fits, fits->str, (gssize)fits->len);
	assert_outcome(fits, "other other incomplete");
}

/* ---- values ---- */

static void
test_values(void)
{
	const char *bytes = START "RCPT\nclient_address=192.0.2.1\nsender=a@b.test\n"
				  "recipient=\"x y\"@c.test\nccert_subject=a=b\nqueue_id=\n\n";
	size_t length = strlen(bytes);
	g_autoptr(RequestParser) parser = request_parser_new();
	Request request;
	const char *trouble;

	g_assert_true(feed(parser, &bytes, &length, AT_ONCE));
	g_assert_cmpint(request_parser_next(parser, &request, &trouble), ==, REQUEST_READY);
	g_assert_cmpstr(request.value[REQUEST_SENDER], ==, "a@b.test");
	g_assert_cmpstr(request.value[REQUEST_RECIPIENT], ==, "\"x y\"@c.test");
	g_assert_cmpstr(request.value[REQUEST_CCERT_SUBJECT], ==, "a=b");
	g_assert_cmpstr(request.value[REQUEST_QUEUE_ID], ==, "");
	g_assert_cmpstr(request.value[REQUEST_ENCRYPTION_PROTOCOL], ==, "");
	g_assert_false(request_parser_is_within(parser));
}

/* ---- requests as Postfix 3.7.11 sent them ---- */

static const struct {
	const char *file;
	const char *states;
} captures[] = {
	{ "plaintext.txt", "RCPT" },
	{ "tls-no-certificate.txt", "RCPT" },
	{ "tls-self-signed.txt", "RCPT" },
	{ "tls-trusted.txt", "RCPT" },
	{ "tls-trusted-issuer-only.txt", "RCPT" },
	{ "tls-trusted-subject-only.txt", "RCPT" },
	{ "tls-trusted-nameless.txt", "RCPT" },
	{ "tls-trusted-utf8.txt", "RCPT" },
	{ "tls-resumed.txt", "RCPT" },
	{ "all-states-tls.txt", "CONNECT EHLO EHLO MAIL RCPT RCPT DATA END-OF-MESSAGE" },
	{ "all-states-plaintext.txt", "RCPT RCPT RCPT RCPT RCPT DATA END-OF-MESSAGE" },
	{ "vrfy-etrn-two-recipients.txt",
	  "VRFY VRFY VRFY VRFY ETRN ETRN ETRN RCPT RCPT RCPT RCPT RCPT RCPT RCPT RCPT RCPT RCPT "
	  "DATA END-OF-MESSAGE" },
};

static const char *const names[] = {
	[REQUEST_REQUEST] = "request",
	[REQUEST_PROTOCOL_STATE] = "protocol_state",
	[REQUEST_CLIENT_ADDRESS] = "client_address",
	[REQUEST_CLIENT_NAME] = "client_name",
	[REQUEST_REVERSE_CLIENT_NAME] = "reverse_client_name",
	[REQUEST_SENDER] = "sender",
	[REQUEST_RECIPIENT] = "recipient",
	[REQUEST_QUEUE_ID] = "queue_id",
	[REQUEST_INSTANCE] = "instance",
	[REQUEST_CCERT_SUBJECT] = "ccert_subject",
	[REQUEST_CCERT_ISSUER] = "ccert_issuer",
	[REQUEST_CCERT_FINGERPRINT] = "ccert_fingerprint",
	[REQUEST_CCERT_PUBKEY_FINGERPRINT] = "ccert_pubkey_fingerprint",
	[REQUEST_ENCRYPTION_PROTOCOL] = "encryption_protocol",
	[REQUEST_ENCRYPTION_KEYSIZE] = "encryption_keysize",
	[REQUEST_POLICY_CONTEXT] = "policy_context",
};
G_STATIC_ASSERT(G_N_ELEMENTS(names) == N_REQUEST_ATTRIBUTES);

/* Each attribute has the value that a line of the text gives it. */
static void
assert_values(const Request *request, const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (size_t i = 0; i < N_REQUEST_ATTRIBUTES; i++) {
		g_autofree char *line = g_strdup_printf("%s=%s", names[i], request->value[i]);

		g_assert_true(g_strv_contains((const char *const *)lines, line));
	}
}

static void
check_capture(const char *text, const char *states, Manner manner)
{
	g_auto(GStrv) requests = g_strsplit(text, "\n\n", -1);
	g_autoptr(RequestParser) parser = request_parser_new();
	g_autoptr(GString) found = g_string_new(NULL);
	size_t left = strlen(text), n = 0;
	Request request;
	const char *trouble;

	for (;;) {
		const RequestStatus status = request_parser_next(parser, &request, &trouble);

		g_assert_cmpint(status, !=, REQUEST_TROUBLE);
		if (status == REQUEST_READY) {
			g_string_append_printf(found, "%s%s", n > 0 ? " " : "",
					       request.value[REQUEST_PROTOCOL_STATE]);
			assert_values(&request, requests[n++]);
		} else if (!feed(parser, &text, &left, manner)) {
			break;
		}
	}
	g_assert_false(request_parser_is_within(parser));
	g_assert_cmpstr(found->str, ==, states);
}

static void
test_capture(const void *data)
{
	const size_t i = GPOINTER_TO_SIZE(data);
	g_autoptr(GError) error = NULL;
	g_autofree char *path =
		g_test_build_filename(G_TEST_DIST, "data", "requests", captures[i].file, NULL);
	g_autofree char *text = NULL;

	g_file_get_contents(path, &text, NULL, &error);
	g_assert_no_error(error);
	for (Manner manner = 0; manner < N_MANNERS; manner++)
		check_capture(text, captures[i].states, manner);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ROWS_ADD("request", rows, test_row);
	g_test_add_func("/request/line-has-a-cap", test_line_cap);
	g_test_add_func("/request/request-has-a-cap", test_request_cap);
	g_test_add_func("/request/attributes-have-a-cap", test_attribute_cap);
	g_test_add_func("/request/values-are-taken-as-they-are", test_values);
	for (size_t i = 0; i < G_N_ELEMENTS(captures); i++) {
		g_autofree char *path = g_strdup_printf("/request/real/%s", captures[i].file);

		g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_capture);
	}
	return g_test_run();
}
