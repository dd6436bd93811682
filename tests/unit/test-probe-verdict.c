/* SPDX-License-Identifier: Apache-2.0 */
/* What smtp(8) makes of a host, read out of the words of posttls-finger(1). */
#include "probe-verdict.h"
#include "rows.h"

#include <string.h>

#define LINE(text) "posttls-finger: " text "\n"
#define PEER "mx.example.com[192.0.2.1]:25"
#define CONNECTED LINE("Connected to " PEER)
#define GREETING LINE("< 220 mx.example.com ESMTP")
#define EHLO LINE("> EHLO gw.example") LINE("< 250-mx.example.com") LINE("< 250-PIPELINING")
#define LAST LINE("< 250 CHUNKING")
#define OFFER LINE("< 250-STARTTLS")
#define STARTTLS LINE("> STARTTLS") LINE("< 220 2.0.0 Ready to start TLS")
#define TLS(word) \
	LINE(word " TLS connection established to " PEER ": TLSv1.3 with cipher AES (256/256 bits)")
#define QUIT LINE("> QUIT") LINE("< 221 2.0.0 Bye")
#define FAILED(why) LINE("server certificate verification failed for " PEER ": " why)
#define SESSION EHLO LAST QUIT
#define ALERT                                     \
	LINE("SSL_connect error to " PEER ": -1") \
	LINE("warning: TLS library problem: error:0A00042E:SSL routines::tlsv1 alert protocol version:../ssl/x.c:1:SSL alert number 70:")
#define BEFORE_TLS CONNECTED GREETING EHLO OFFER LAST STARTTLS

enum {
	WRAPPED = 1 << 0,
	STARTTLS_IGNORED = 1 << 1,
	SKIPS_5XX = 1 << 2,
	SASL = 1 << 3,
	NOT_BEST = 1 << 4,
	KILLED = 1 << 5,
	IMPATIENT = 1 << 6,
	NO_RIGHTS = 1 << 7,
};

typedef struct {
	const char *name;
	SecurityLevel level;
	unsigned flags;
	const char *output;
	ProbeOutcome outcome;
	const char *reason; /* a part of it; NULL: there is none */
} Row;

static const Row rows[] = {
	{ "verified-at-secure", SECURITY_SECURE, 0, BEFORE_TLS TLS("Verified") SESSION,
	  PROBE_DELIVERED, NULL },
	{ "trusted-is-not-verified", SECURITY_SECURE, 0, BEFORE_TLS TLS("Trusted") SESSION,
	  PROBE_DEFERRED, "not verified" },
	{ "wrong-name-at-secure", SECURITY_SECURE, 0,
	  BEFORE_TLS FAILED("num=62:hostname mismatch") TLS("Untrusted") SESSION, PROBE_DEFERRED,
	  "not verified: hostname mismatch" },
	{ "wrong-pin", SECURITY_FINGERPRINT, 0,
	  BEFORE_TLS FAILED("num=65:no matching DANE TLSA records") TLS("Untrusted") SESSION,
	  PROBE_DEFERRED, "not verified" },
	{ "wrong-tlsa", SECURITY_DANE, 0, BEFORE_TLS TLS("Untrusted") SESSION, PROBE_DEFERRED,
	  "not verified" },
	{ "unusable-tlsa-is-encrypt", SECURITY_DANE, 0,
	  BEFORE_TLS LINE("warning: " PEER
			  ": all TLSA records unusable, fallback to unauthenticated TLS")
		  TLS("Untrusted") SESSION,
	  PROBE_DELIVERED, NULL },
	{ "untrusted-at-encrypt", SECURITY_ENCRYPT, 0, BEFORE_TLS TLS("Untrusted") SESSION,
	  PROBE_DELIVERED, NULL },
	{ "anonymous-at-may", SECURITY_MAY, 0,
	  BEFORE_TLS TLS("Anonymous") EHLO LAST LINE("Server is anonymous") QUIT, PROBE_DELIVERED,
	  NULL },
	{ "no-starttls-at-may", SECURITY_MAY, 0, CONNECTED GREETING SESSION, PROBE_CLEAR,
	  "STARTTLS is not offered" },
	{ "no-starttls-at-encrypt", SECURITY_ENCRYPT, 0, CONNECTED GREETING SESSION, PROBE_DEFERRED,
	  "STARTTLS is not offered" },
	{ "starttls-ignored-at-may", SECURITY_MAY, STARTTLS_IGNORED,
	  CONNECTED GREETING EHLO OFFER LAST QUIT, PROBE_CLEAR, "smtp_discard_ehlo_keywords" },
	{ "starttls-ignored-at-encrypt", SECURITY_ENCRYPT, STARTTLS_IGNORED,
	  CONNECTED GREETING EHLO OFFER LAST QUIT, PROBE_DEFERRED, "smtp_discard_ehlo_keywords" },
	{ "none", SECURITY_NONE, 0, CONNECTED GREETING EHLO OFFER LAST QUIT, PROBE_CLEAR,
	  "the level is none" },
	{ "tls-not-started-is-not-known-to-be-clear", SECURITY_MAY, 0,
	  CONNECTED GREETING EHLO OFFER LAST QUIT, PROBE_UNKNOWN, "did not start TLS" },
	{ "own-tls-broken-at-may", SECURITY_MAY, 0,
	  LINE("cannot load Certification Authority data, CAfile=\"/x\": disabling TLS support")
		  CONNECTED GREETING EHLO OFFER LAST QUIT,
	  PROBE_CLEAR, "CAfile" },
	{ "own-tls-broken-for-want-of-rights", SECURITY_MAY, NO_RIGHTS,
	  LINE("cannot load Certification Authority data, CAfile=\"/x\": disabling TLS support")
		  CONNECTED GREETING EHLO OFFER LAST QUIT,
	  PROBE_UNKNOWN, "only root" },
	{ "own-tls-broken-at-secure", SECURITY_SECURE, 0,
	  LINE("cannot load Certification Authority data, CAfile=\"/x\": disabling TLS support")
		  CONNECTED GREETING EHLO OFFER LAST QUIT,
	  PROBE_DEFERRED, "CAfile" },
	{ "handshake-fails-at-encrypt", SECURITY_ENCRYPT, 0, BEFORE_TLS ALERT, PROBE_DEFERRED,
	  "tlsv1 alert protocol version" },
	{ "handshake-fails-and-openssl-is-old", SECURITY_ENCRYPT, 0,
	  BEFORE_TLS LINE(
		  "warning: TLS library problem: error:1409442E:SSL routines:ssl3_read_bytes:tlsv1 alert protocol version:../ssl/x.c:1:SSL alert number 70:"),
	  PROBE_DEFERRED, "fails: tlsv1 alert protocol version" },
	{ "handshake-fails-at-may", SECURITY_MAY, 0, BEFORE_TLS ALERT, PROBE_CLEAR_LATER,
	  "minimal_backoff_time" },
	{ "handshake-fails-at-may-with-sasl", SECURITY_MAY, SASL, BEFORE_TLS ALERT, PROBE_DEFERRED,
	  "tlsv1 alert" },
	{ "lost-inside-tls-at-may", SECURITY_MAY, 0,
	  BEFORE_TLS TLS("Trusted") LINE("> EHLO gw.example")
		  LINE("lost connection while sending EHLO"),
	  PROBE_CLEAR_LATER, "lost connection" },
	{ "client-certificate-demanded", SECURITY_MAY, 0,
	  BEFORE_TLS TLS("Trusted") LINE("> EHLO gw.example") LINE("< 421 4.7.1 No certificate")
		  LINE("EHLO rejected: 421 4.7.1 No certificate") QUIT,
	  PROBE_DEFERRED, "421" },
	{ "refused-inside-tls", SECURITY_ENCRYPT, 0,
	  BEFORE_TLS TLS("Trusted") LINE("> EHLO gw.example") LINE("< 550 5.7.1 No")
		  LINE("EHLO rejected: 550 5.7.1 No") QUIT,
	  PROBE_RETURNED, "550" },
	{ "starttls-refused-at-may", SECURITY_MAY, 0,
	  CONNECTED GREETING EHLO OFFER LAST LINE("> STARTTLS") LINE("< 454 4.7.0 no")
		  LINE("STARTTLS rejected: 454 4.7.0 no"),
	  PROBE_CLEAR, "454" },
	{ "starttls-refused-at-encrypt", SECURITY_ENCRYPT, 0,
	  CONNECTED GREETING EHLO OFFER LAST LINE("> STARTTLS") LINE("< 454 4.7.0 no")
		  LINE("STARTTLS rejected: 454 4.7.0 no"),
	  PROBE_DEFERRED, "454" },
	{ "starttls-refused-for-good", SECURITY_ENCRYPT, 0,
	  CONNECTED GREETING EHLO OFFER LAST LINE("> STARTTLS") LINE("< 554 5.7.0 no")
		  LINE("STARTTLS rejected: 554 5.7.0 no"),
	  PROBE_RETURNED, "554" },
	{ "ehlo-refused-at-may", SECURITY_MAY, 0,
	  CONNECTED GREETING LINE("> EHLO gw.example") LINE("< 502 5.5.1 what?")
		  LINE("EHLO rejected: 502 5.5.1 what?"),
	  PROBE_CLEAR, "EHLO" },
	{ "ehlo-refused-at-encrypt", SECURITY_ENCRYPT, 0,
	  CONNECTED GREETING LINE("> EHLO gw.example") LINE("< 502 5.5.1 what?")
		  LINE("EHLO rejected: 502 5.5.1 what?"),
	  PROBE_DEFERRED, "EHLO" },
	{ "ehlo-answered-with-421", SECURITY_MAY, 0,
	  CONNECTED GREETING LINE("> EHLO gw.example") LINE("< 421 later")
		  LINE("EHLO rejected: 421 later"),
	  PROBE_DEFERRED, "421" },
	{ "greeting-554-is-skipped", SECURITY_MAY, SKIPS_5XX,
	  CONNECTED LINE("< 554 go away") LINE("SMTP service not available: 554 go away"),
	  PROBE_DEFERRED, "554" },
	{ "greeting-554", SECURITY_MAY, 0,
	  CONNECTED LINE("< 554 go away") LINE("SMTP service not available: 554 go away"),
	  PROBE_RETURNED, "554" },
	{ "greeting-421", SECURITY_MAY, 0,
	  CONNECTED LINE("< 421 busy") LINE("SMTP service not available: 421 busy"), PROBE_DEFERRED,
	  "421" },
	{ "no-greeting", SECURITY_MAY, 0, CONNECTED LINE("timeout while reading server greeting"),
	  PROBE_DEFERRED, "timeout" },
	{ "no-greeting-and-postfix-waits-longer", SECURITY_MAY, IMPATIENT,
	  CONNECTED LINE("timeout while reading server greeting"), PROBE_UNKNOWN,
	  "Postfix waits 300" },
	{ "lost-and-not-late", SECURITY_MAY, IMPATIENT,
	  CONNECTED LINE("lost connection while reading server greeting"), PROBE_DEFERRED,
	  "lost connection" },
	{ "killed-in-the-handshake", SECURITY_MAY, KILLED, BEFORE_TLS, PROBE_UNKNOWN,
	  "the TLS handshake" },
	{ "killed-behind-ehlo", SECURITY_MAY, KILLED, CONNECTED GREETING EHLO LAST, PROBE_UNKNOWN,
	  "no answer in time" },
	{ "nothing", SECURITY_MAY, 0, "", PROBE_UNKNOWN, "does not say why" },
	{ "its-own-failure", SECURITY_MAY, 0, LINE("fatal: bad network port: x"), PROBE_UNKNOWN,
	  "bad network port" },
	{ "anchor-missing", SECURITY_SECURE, 0, LINE("fatal: Failed to load trust anchor file: /x"),
	  PROBE_DEFERRED, "/x" },
	{ "connection-refused", SECURITY_MAY, 0,
	  LINE("Failed to establish session to [mx.example.com] via mx.example.com:25: connect to " PEER
	       ": Connection refused"),
	  PROBE_DEFERRED, "connect to " PEER ": Connection refused" },
	{ "no-such-host", SECURITY_MAY, 0,
	  LINE("Destination address lookup failed: Host or domain name not found. Name service error for name=x type=A: Host not found"),
	  PROBE_RETURNED, "Host or domain name not found" },
	{ "host-perhaps-later", SECURITY_MAY, 0,
	  LINE("Destination address lookup failed: Host or domain name not found. Name service error for name=x type=A: Host not found, try again"),
	  PROBE_DEFERRED, "try again" },
	{ "loop", SECURITY_MAY, 0,
	  CONNECTED GREETING LINE("> EHLO gw.example") LINE("< 250-GW.example") LAST QUIT,
	  PROBE_RETURNED, "loop" },
	{ "loop-behind-another", SECURITY_MAY, NOT_BEST,
	  CONNECTED GREETING LINE("> EHLO gw.example") LINE("< 250-gw.example") LAST QUIT,
	  PROBE_DEFERRED, "loop" },
	{ "wrapped", SECURITY_SECURE, WRAPPED, CONNECTED TLS("Verified") GREETING SESSION,
	  PROBE_DELIVERED, NULL },
	{ "wrapped-and-no-tls", SECURITY_ENCRYPT, WRAPPED, CONNECTED ALERT, PROBE_DEFERRED,
	  "TLS session fails" },
	/* A server that plays posttls-finger. */
	{ "server-claims-tls", SECURITY_SECURE, 0,
	  CONNECTED GREETING LINE("> EHLO gw.example") LINE(
		  "< 250-posttls-finger: Verified TLS connection established to x: TLSv1.3 with cipher X")
		  LAST QUIT,
	  PROBE_DEFERRED, "STARTTLS is not offered" },
	{ "server-claims-quit", SECURITY_ENCRYPT, 0,
	  CONNECTED GREETING LINE("> EHLO gw.example") LINE("< 250-> QUIT")
		  OFFER LAST STARTTLS ALERT,
	  PROBE_DEFERRED, "TLS session fails" },
	{ "certificate-claims-tls", SECURITY_ENCRYPT, 0,
	  BEFORE_TLS LINE(
		  PEER
		  ": subject_CN=Verified TLS connection established to x: TLSv1.3 with cipher X, issuer_CN=x")
		  ALERT,
	  PROBE_DEFERRED, "TLS session fails" },
	{ "certificate-claims-unusable-tlsa", SECURITY_DANE, 0,
	  BEFORE_TLS LINE(PEER
			  ": subject_CN=x: all TLSA records unusable, fallback to x, issuer_CN=x")
		  FAILED("certificate verification failed for x: fine") TLS("Untrusted") SESSION,
	  PROBE_DEFERRED, "not verified" },
	{ "starttls-inside-tls-alone", SECURITY_ENCRYPT, 0,
	  CONNECTED GREETING EHLO LAST LINE("> QUIT") LINE("< 250-STARTTLS"), PROBE_DEFERRED,
	  "STARTTLS is not offered" },
};

static void
read_row(const void *data)
{
	const Row *row = data;
	g_auto(ProbeSeen) seen = { 0 };
	const ProbeQuestion question = {
		.level = row->level,
		.is_wrapped = (row->flags & WRAPPED) != 0,
		.ignores_starttls = (row->flags & STARTTLS_IGNORED) != 0,
		.skips_5xx = (row->flags & SKIPS_5XX) != 0,
		.keeps_off_clear = (row->flags & SASL) != 0,
		.is_best = (row->flags & NOT_BEST) == 0,
		.has_rights = (row->flags & NO_RIGHTS) == 0,
		.own_name = "gw.example",
		.times = { 30, 300, 300 },
		.greeting_limit = (row->flags & IMPATIENT) != 0 ? 30 : 300,
		.command_limit = (row->flags & IMPATIENT) != 0 ? 30 : 300,
	};

	probe_verdict_read(row->output, (row->flags & KILLED) != 0, &question, &seen);
	g_assert_cmpstr(probe_verdict_word(seen.outcome), ==, probe_verdict_word(row->outcome));
	g_assert_cmpint(seen.outcome, ==, row->outcome);
	if (row->reason == NULL)
		g_assert_null(seen.reason);
	else if (seen.reason == NULL || strstr(seen.reason, row->reason) == NULL)
		g_error("found the reason \"%s\"", seen.reason);
	g_assert_true((strstr(row->output, " TLS connection established to " PEER) != NULL) ==
		      (seen.protocol != NULL));
	g_assert_true((strstr(row->output, "\nposttls-finger: Connected") != NULL ||
		       g_str_has_prefix(row->output, CONNECTED)) == (seen.address != NULL));
}

static void
test_details(void)
{
	static const char output[] = BEFORE_TLS TLS("Untrusted") SESSION
		"\n---\nCertificate chain\n 0 subject: /CN=mx\n    issuer: /CN=CA\n"
		"   cert digest=AA:BB\n   pkey digest=CC:DD\n"
		"-----BEGIN CERTIFICATE-----\nbGVhZg==\n-----END CERTIFICATE-----\n"
		"   cert digest=00:00\n   pkey digest=11:11\n";
	const ProbeQuestion question = { .level = SECURITY_ENCRYPT, .times = { 1, 1, 1 } };
	g_auto(ProbeSeen) seen = { 0 };

	probe_verdict_read(output, FALSE, &question, &seen);
	g_assert_cmpstr(seen.address, ==, PEER);
	g_assert_cmpstr(seen.protocol, ==, "TLSv1.3");
	g_assert_cmpstr(seen.cipher, ==, "AES");
	g_assert_cmpstr(seen.fingerprint, ==, "AA:BB");
	g_assert_cmpstr(seen.key_fingerprint, ==, "CC:DD");
	g_assert_cmpmem(g_bytes_get_data(seen.certificate, NULL),
			g_bytes_get_size(seen.certificate), "leaf", 4);
}

/* A server can say anything, but not at the beginning of a line. */
static void
test_claims_certificate(void)
{
	static const char output[] = CONNECTED GREETING LINE("> EHLO gw.example")
		LINE("< 250-   cert digest=AA") LINE("< 250------BEGIN CERTIFICATE-----")
			LINE("< 250 -----END CERTIFICATE-----");
	const ProbeQuestion question = { .level = SECURITY_MAY, .times = { 1, 1, 1 } };
	g_auto(ProbeSeen) seen = { 0 };

	probe_verdict_read(output, FALSE, &question, &seen);
	g_assert_null(seen.certificate);
	g_assert_null(seen.fingerprint);
	g_assert_cmpint(seen.outcome, ==, PROBE_CLEAR);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ROWS_ADD("probe-verdict", rows, read_row);
	g_test_add_func("/probe-verdict/details", test_details);
	g_test_add_func("/probe-verdict/claims-certificate", test_claims_certificate);
	return g_test_run();
}
