/* SPDX-License-Identifier: Apache-2.0 */
/* test-reply: what Postfix is told, and that no answer can be taken for "permit". */
#include "reply.h"

#include "rows.h"

#include <glib.h>
#include <string.h>

static Decision
build(const char *rule, Violation violation, Breach breach)
{
	Decision decision = { .answer = { .violation = violation,
					  .breach = breach,
					  .min_protocol = TLS_PROTOCOL_1_2,
					  .min_cipher_bits = 128 } };

	g_strlcpy(decision.answer.name, rule, sizeof decision.answer.name);
	return decision;
}

/* ---- the exact answers ---- */

typedef struct {
	const char *name;
	Violation violation;
	Breach breach;
	const char *reply;
} Row;

static const Row rows[] = {
	{ "no-tls-is-rejected", VIOLATION_REJECT, BREACH_NO_TLS,
	  "action=550 5.7.10 TLS required by rule bank: send STARTTLS before MAIL\n\n" },
	{ "no-tls-is-deferred", VIOLATION_DEFER, BREACH_NO_TLS,
	  "action=450 4.7.10 TLS required by rule bank: send STARTTLS before MAIL\n\n" },
	{ "no-tls-is-reported", VIOLATION_REPORT, BREACH_NO_TLS,
	  "action=INFO report only: TLS required by rule bank: send STARTTLS before MAIL\n\n" },
	{ "no-certificate-is-rejected", VIOLATION_REJECT, BREACH_NO_CERTIFICATE,
	  "action=550 5.7.1 Trusted client certificate required by rule bank: "
	  "present one, there was none\n\n" },
	{ "no-certificate-is-deferred", VIOLATION_DEFER, BREACH_NO_CERTIFICATE,
	  "action=450 4.7.1 Trusted client certificate required by rule bank: "
	  "present one, there was none\n\n" },
	{ "no-certificate-is-reported", VIOLATION_REPORT, BREACH_NO_CERTIFICATE,
	  "action=INFO report only: Trusted client certificate required by rule bank: "
	  "present one, there was none\n\n" },
	{ "untrusted-is-rejected", VIOLATION_REJECT, BREACH_UNTRUSTED,
	  "action=550 5.7.1 Trusted client certificate required by rule bank: "
	  "present another, this one is not trusted here\n\n" },
	{ "untrusted-is-deferred", VIOLATION_DEFER, BREACH_UNTRUSTED,
	  "action=450 4.7.1 Trusted client certificate required by rule bank: "
	  "present another, this one is not trusted here\n\n" },
	{ "untrusted-is-reported", VIOLATION_REPORT, BREACH_UNTRUSTED,
	  "action=INFO report only: Trusted client certificate required by rule bank: "
	  "present another, this one is not trusted here\n\n" },
	{ "other-subject-is-rejected", VIOLATION_REJECT, BREACH_SUBJECT,
	  "action=550 5.7.1 Client certificate with an agreed subject required by rule bank: "
	  "present another, the common name of this one was not agreed\n\n" },
	{ "other-subject-is-deferred", VIOLATION_DEFER, BREACH_SUBJECT,
	  "action=450 4.7.1 Client certificate with an agreed subject required by rule bank: "
	  "present another, the common name of this one was not agreed\n\n" },
	{ "other-subject-is-reported", VIOLATION_REPORT, BREACH_SUBJECT,
	  "action=INFO report only: Client certificate with an agreed subject required by rule bank: "
	  "present another, the common name of this one was not agreed\n\n" },
	{ "other-issuer-is-rejected", VIOLATION_REJECT, BREACH_ISSUER,
	  "action=550 5.7.1 Client certificate of an agreed issuer required by rule bank: "
	  "present another, the issuer of this one was not agreed\n\n" },
	{ "other-issuer-is-deferred", VIOLATION_DEFER, BREACH_ISSUER,
	  "action=450 4.7.1 Client certificate of an agreed issuer required by rule bank: "
	  "present another, the issuer of this one was not agreed\n\n" },
	{ "other-issuer-is-reported", VIOLATION_REPORT, BREACH_ISSUER,
	  "action=INFO report only: Client certificate of an agreed issuer required by rule bank: "
	  "present another, the issuer of this one was not agreed\n\n" },
	{ "other-fingerprint-is-rejected", VIOLATION_REJECT, BREACH_FINGERPRINT,
	  "action=550 5.7.1 Client certificate with an agreed fingerprint required by rule bank: "
	  "present that one, there was another or none\n\n" },
	{ "other-fingerprint-is-deferred", VIOLATION_DEFER, BREACH_FINGERPRINT,
	  "action=450 4.7.1 Client certificate with an agreed fingerprint required by rule bank: "
	  "present that one, there was another or none\n\n" },
	{ "other-fingerprint-is-reported", VIOLATION_REPORT, BREACH_FINGERPRINT,
	  "action=INFO report only: Client certificate with an agreed fingerprint required by rule bank: "
	  "present that one, there was another or none\n\n" },
	{ "other-network-is-rejected", VIOLATION_REJECT, BREACH_NETWORK,
	  "action=550 5.7.1 Agreed client network required by rule bank: "
	  "send from there, this client address is elsewhere\n\n" },
	{ "other-network-is-deferred", VIOLATION_DEFER, BREACH_NETWORK,
	  "action=450 4.7.1 Agreed client network required by rule bank: "
	  "send from there, this client address is elsewhere\n\n" },
	{ "other-network-is-reported", VIOLATION_REPORT, BREACH_NETWORK,
	  "action=INFO report only: Agreed client network required by rule bank: "
	  "send from there, this client address is elsewhere\n\n" },
	{ "other-client-name-is-rejected", VIOLATION_REJECT, BREACH_CLIENT_NAME,
	  "action=550 5.7.1 Agreed client name required by rule bank: "
	  "send from there, the name of this client in DNS, forward and reverse, is another or none\n\n" },
	{ "other-client-name-is-deferred", VIOLATION_DEFER, BREACH_CLIENT_NAME,
	  "action=450 4.7.1 Agreed client name required by rule bank: "
	  "send from there, the name of this client in DNS, forward and reverse, is another or none\n\n" },
	{ "other-client-name-is-reported", VIOLATION_REPORT, BREACH_CLIENT_NAME,
	  "action=INFO report only: Agreed client name required by rule bank: "
	  "send from there, the name of this client in DNS, forward and reverse, is another or none\n\n" },
	{ "old-protocol-is-rejected", VIOLATION_REJECT, BREACH_PROTOCOL,
	  "action=550 5.7.1 TLSv1.2 or newer required by rule bank: "
	  "offer a newer one, this session has an older\n\n" },
	{ "old-protocol-is-deferred", VIOLATION_DEFER, BREACH_PROTOCOL,
	  "action=450 4.7.1 TLSv1.2 or newer required by rule bank: "
	  "offer a newer one, this session has an older\n\n" },
	{ "old-protocol-is-reported", VIOLATION_REPORT, BREACH_PROTOCOL,
	  "action=INFO report only: TLSv1.2 or newer required by rule bank: "
	  "offer a newer one, this session has an older\n\n" },
	{ "weak-cipher-is-rejected", VIOLATION_REJECT, BREACH_CIPHER,
	  "action=550 5.7.1 TLS cipher of 128 bits or more required by rule bank: "
	  "offer a stronger one, this session has a weaker\n\n" },
	{ "weak-cipher-is-deferred", VIOLATION_DEFER, BREACH_CIPHER,
	  "action=450 4.7.1 TLS cipher of 128 bits or more required by rule bank: "
	  "offer a stronger one, this session has a weaker\n\n" },
	{ "weak-cipher-is-reported", VIOLATION_REPORT, BREACH_CIPHER,
	  "action=INFO report only: TLS cipher of 128 bits or more required by rule bank: "
	  "offer a stronger one, this session has a weaker\n\n" },
};
G_STATIC_ASSERT(G_N_ELEMENTS(rows) == N_VIOLATIONS * N_BREACHES);

static void
test_row(const void *data)
{
	const Row *row = data;
	const Decision decision = build("bank", row->violation, row->breach);
	char reply[REPLY_MAX_BYTES + 1];

	g_assert_cmpuint(reply_format(&decision, reply), ==, strlen(row->reply));
	g_assert_cmpstr(reply, ==, row->reply);
}

static void
test_passed(void)
{
	const Decision decision = { .is_passed = TRUE };
	char reply[REPLY_MAX_BYTES + 1];

	g_assert_cmpuint(reply_format(&decision, reply), ==, strlen("action=DUNNO\n\n"));
	g_assert_cmpstr(reply, ==, "action=DUNNO\n\n");
}

/* ---- what holds for every answer ---- */

/* src/util/attr_scan_plain.c, 3.7: one line "action=…" and an empty line, without CR; kept short.
 */
static void
assert_protocol(const char *reply, size_t length)
{
	g_assert_cmpuint(length, ==, strlen(reply));
	g_assert_cmpuint(length, <=, REPLY_MAX_BYTES);
	g_assert_true(g_str_has_prefix(reply, "action="));
	g_assert_true(g_str_has_suffix(reply, "\n\n"));
	for (size_t i = 0; i < length - 2; i++)
		g_assert_true(g_ascii_isprint(reply[i]));
}

/* src/smtpd/smtpd_check.c, check_table_result, 3.7: the first word is one of those that neither
 * permit nor are taken for the name of a restriction; a code has text behind it. */
static void
assert_action(const char *action, Violation violation)
{
	static const char *const patterns[] = {
		[VIOLATION_REPORT] = "^INFO \\S",
		[VIOLATION_DEFER] = "^4[0-9][0-9] 4\\.7\\.[0-9]{1,3} [A-Z]\\S+ ",
		[VIOLATION_REJECT] = "^5[0-9][0-9] 5\\.7\\.[0-9]{1,3} [A-Z]\\S+ ",
	};
	G_STATIC_ASSERT(G_N_ELEMENTS(patterns) == N_VIOLATIONS);

	g_assert_true(g_regex_match_simple(patterns[violation], action, 0, 0));
}

static void
test_all(void)
{
	g_autofree char *longest = g_strnfill(RULEDB_MAX_NAME, 'x');
	const char *const names[] = { "x", "550", "ok", "...", "a-b_c.d", longest };
	char reply[REPLY_MAX_BYTES + 1];

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		for (Violation violation = 0; violation < N_VIOLATIONS; violation++) {
			for (Breach breach = 0; breach < N_BREACHES; breach++) {
				const Decision decision = build(names[i], violation, breach);
				const size_t length = reply_format(&decision, reply);
				g_autofree char *rule = g_strdup_printf(" by rule %s: ", names[i]);

				assert_protocol(reply, length);
				assert_action(reply + strlen("action="), violation);
				g_assert_nonnull(strstr(reply, rule));
			}
		}
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ROWS_ADD("reply", rows, test_row);
	g_test_add_func("/reply/what-passes-is-dunno", test_passed);
	g_test_add_func("/reply/no-answer-can-be-taken-for-permit", test_all);
	return g_test_run();
}
