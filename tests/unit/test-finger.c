/* SPDX-License-Identifier: Apache-2.0 */
/* What is read out of the words of posttls-finger(1), which has no status for them. */
#include "finger.h"
#include "rows.h"

#define LINE(text) "posttls-finger: " text "\n"
#define CONNECTED LINE("Connected to 127.0.0.1[127.0.0.1]:25")
#define GREETING LINE("< 220 gw.example ESMTP Postfix")
#define EHLO LINE("> EHLO gw.example") LINE("< 250-gw.example") LINE("< 250-PIPELINING")
#define LAST LINE("< 250 CHUNKING")
#define OFFER LINE("< 250-STARTTLS")
#define STARTTLS LINE("> STARTTLS") LINE("< 220 2.0.0 Ready to start TLS")
#define FAILURE                                                  \
	LINE("SSL_connect error to 127.0.0.1[127.0.0.1]:25: -1") \
	LINE("warning: TLS library problem: alert 40:")
#define ESTABLISHED LINE("Untrusted TLS connection established to 127.0.0.1[127.0.0.1]:25")
#define QUIT LINE("> QUIT") LINE("< 221 2.0.0 Bye")
#define CHAIN                                                                  \
	"\n---\nCertificate chain\n 0 subject: /CN=gw.example\n"               \
	"-----BEGIN CERTIFICATE-----\nbGVh\nZg==\n-----END CERTIFICATE-----\n" \
	" 1 subject: /CN=CA\n"                                                 \
	"-----BEGIN CERTIFICATE-----\nY2E=\n-----END CERTIFICATE-----\n"

typedef struct {
	const char *name;
	FingerMode mode;
	const char *output;
	FingerGrade grade;
	const char *seen; /* NULL: nothing */
} Row;

static const Row rows[] = {
	{ "handshake", FINGER_STARTTLS,
	  CONNECTED GREETING EHLO OFFER LAST STARTTLS ESTABLISHED EHLO LAST QUIT CHAIN, FINGER_GOOD,
	  NULL },
	{ "greeting-in-two-lines", FINGER_STARTTLS,
	  CONNECTED LINE("< 220-gw.example ESMTP")
		  GREETING EHLO OFFER LAST STARTTLS EHLO LAST CHAIN,
	  FINGER_GOOD, NULL },
	{ "starttls-in-the-last-line", FINGER_STARTTLS,
	  CONNECTED GREETING EHLO LINE("< 250 starttls") STARTTLS EHLO LAST CHAIN, FINGER_GOOD,
	  NULL },
	{ "client-certificate-demanded-behind-the-handshake", FINGER_STARTTLS,
	  CONNECTED GREETING EHLO OFFER LAST STARTTLS ESTABLISHED LINE("> EHLO gw.example")
		  LINE("< 421 4.7.1 Error: No client certificate presented") LINE(
			  "EHLO rejected: 421 4.7.1 Error: No client certificate presented") CHAIN,
	  FINGER_GOOD, NULL },
	{ "certificate-that-ends-before-it-begins", FINGER_STARTTLS,
	  CONNECTED GREETING EHLO OFFER LAST STARTTLS FAILURE
	  "\n-----BEGIN CERTIFICATE-----END CERTIFICATE-----\n",
	  FINGER_OTHER_TLS, "warning: TLS library problem: alert 40:" },
	{ "starttls-not-offered", FINGER_STARTTLS, CONNECTED GREETING EHLO LAST QUIT,
	  FINGER_OTHER_TLS, "STARTTLS is not offered" },
	{ "starttls-offered-inside-tls-alone", FINGER_STARTTLS,
	  CONNECTED GREETING EHLO LAST LINE("> QUIT") EHLO OFFER LAST CHAIN, FINGER_OTHER_TLS,
	  "STARTTLS is not offered" },
	{ "starttls-refused", FINGER_STARTTLS,
	  CONNECTED GREETING EHLO OFFER LAST LINE("> STARTTLS")
		  LINE("< 454 4.7.0 TLS not available")
			  LINE("STARTTLS rejected: 454 4.7.0 TLS not available"),
	  FINGER_OTHER_TLS, "STARTTLS rejected: 454 4.7.0 TLS not available" },
	{ "handshake-failed", FINGER_STARTTLS, CONNECTED GREETING EHLO OFFER LAST STARTTLS FAILURE,
	  FINGER_OTHER_TLS, "warning: TLS library problem: alert 40:" },
	{ "killed-in-the-handshake", FINGER_STARTTLS, CONNECTED GREETING EHLO OFFER LAST STARTTLS,
	  FINGER_OTHER_TLS, "no answer in time" },
	{ "greeting-refused", FINGER_STARTTLS,
	  CONNECTED LINE("< 554 5.7.1 Access denied")
		  LINE("SMTP service not available: 554 5.7.1 Access denied"),
	  FINGER_NOT_PROVED, "554 5.7.1 Access denied" },
	{ "greeting-put-off", FINGER_CLEAR, CONNECTED LINE("< 421 4.3.2 All server ports are busy"),
	  FINGER_NOT_PROVED, "421 4.3.2 All server ports are busy" },
	{ "ehlo-refused", FINGER_STARTTLS,
	  CONNECTED GREETING LINE("> EHLO gw.example") LINE("< 550 5.7.1 Helo rejected")
		  LINE("EHLO rejected: 550 5.7.1 Helo rejected"),
	  FINGER_NOT_PROVED, "550 5.7.1 Helo rejected" },
	{ "no-answer-to-ehlo", FINGER_CLEAR,
	  CONNECTED GREETING LINE("> EHLO gw.example") LINE("lost connection while sending EHLO"),
	  FINGER_DEAD, "lost connection while sending EHLO" },
	{ "no-greeting", FINGER_STARTTLS, CONNECTED LINE("timeout while reading server greeting"),
	  FINGER_DEAD, "timeout while reading server greeting" },
	{ "greeting-of-something-else", FINGER_CLEAR,
	  CONNECTED LINE("< +OK POP3 ready") LINE("SMTP service not available: 0 OK POP3 ready"),
	  FINGER_DEAD, "SMTP service not available: 0 OK POP3 ready" },
	{ "connection-refused", FINGER_STARTTLS,
	  LINE("connect to [127.0.0.1]:26: Connection refused"), FINGER_DEAD,
	  "connect to [127.0.0.1]:26: Connection refused" },
	{ "nothing", FINGER_STARTTLS, "", FINGER_DEAD, "no answer in time" },
	{ "clear", FINGER_CLEAR, CONNECTED GREETING EHLO LAST QUIT, FINGER_GOOD, NULL },
	{ "tls-where-none-is-to-be", FINGER_CLEAR, CONNECTED GREETING EHLO OFFER LAST QUIT,
	  FINGER_OTHER_TLS, "STARTTLS is offered, though the level is none" },
	{ "wrapped", FINGER_WRAPPED, CONNECTED ESTABLISHED GREETING EHLO LAST QUIT CHAIN,
	  FINGER_GOOD, NULL },
	{ "wrapped-and-refused", FINGER_WRAPPED,
	  CONNECTED ESTABLISHED LINE("< 554 5.7.1 Access denied"), FINGER_NOT_PROVED,
	  "554 5.7.1 Access denied" },
	{ "not-wrapped", FINGER_WRAPPED, CONNECTED FAILURE, FINGER_OTHER_TLS,
	  "warning: TLS library problem: alert 40:" },
};

static void
read_row(const void *data)
{
	const Row *row = data;
	g_auto(Finger) finger = { 0 };

	finger_read(row->output, row->mode, &finger);
	g_assert_cmpint(finger.grade, ==, row->grade);
	g_assert_cmpstr(finger.seen, ==, row->seen);
	if (g_strrstr(row->output, CHAIN) == NULL)
		g_assert_null(finger.certificate);
	else
		g_assert_cmpmem(g_bytes_get_data(finger.certificate, NULL),
				g_bytes_get_size(finger.certificate), "leaf", 4);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ROWS_ADD("finger", rows, read_row);
	return g_test_run();
}
