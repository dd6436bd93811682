/* SPDX-License-Identifier: Apache-2.0 */
/* test-rules: what the rules of a document mean for a request, from its text to the decision: each
 * selector and each demand met, broken, and at its limit. */
#include "checks.h"
#include "compile.h"
#include "decide.h"
#include "names.h"
#include "settings.h"

#include "rows.h"

#include <glib.h>
#include <string.h>

#define SOME_DAY 739000 /* in 2024 */

typedef struct {
	const char *name;
	const char *rules;      /* without the brackets; ' stands for " */
	const char *attributes; /* that differ from those below, separated by blanks */
	/* "pass", or verdict, breach, the rule that is named, and all that failed. */
	const char *decision;
} Row;

static const char *const defaults[][2] = {
	{ "request", "smtpd_access_policy" },
	{ "protocol_state", "RCPT" },
	{ "client_address", "192.0.2.10" },
	{ "client_name", "unknown" },
	{ "reverse_client_name", "unknown" },
	{ "sender", "user@bank.test" },
	{ "recipient", "user@gw.test" },
	{ "ccert_subject", "" },
	{ "ccert_issuer", "" },
	{ "ccert_fingerprint", "" },
	{ "ccert_pubkey_fingerprint", "" },
	{ "encryption_protocol", "TLSv1.3" },
	{ "encryption_keysize", "256" },
};

#define CLEAR "encryption_protocol= encryption_keysize=0"
#define TRUSTED "ccert_subject=mx.bank.test ccert_issuer=Test+20CA ccert_fingerprint=AA:BB"

#define PIN "AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD"
#define OTHER_PIN "00:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD"

#define TO_PAY "{'name':'pay','recipient_domains':['pay.test','.pay.test']}"
#define FROM_NET "{'name':'net','client_networks':['192.0.2.0/28','2001:db8::/33']}"
#define FROM_NAME "{'name':'host','client_names':['mx.bank.test','.out.bank.test']}"
#define DEMAND(demand) "{'name':'bank','sender_domains':['bank.test'],'require':{" demand "}}"
#define SUBJECTS DEMAND("'subjects':['MX.bank.test','J\xc3\xb6rg M\xc3\xbcller']")
#define ISSUERS                                     \
	DEMAND("'issuers':['Test CA','Stra\xc3\x9f" \
	       "e CA']")
#define PINS DEMAND("'fingerprints':['" OTHER_PIN "','" PIN "']")
#define NETWORKS DEMAND("'client_networks':['192.0.2.0/28','2001:db8::/33']")
#define NAMES DEMAND("'client_names':['MX.bank.test','.out.bank.test']")
#define PROTOCOL DEMAND("'min_protocol':'TLSv1.2'")
#define BITS DEMAND("'min_cipher_bits':128")

static const Row recipients[] = {
	{ "recipient-rule-is-broken", TO_PAY, CLEAR " recipient=a@pay.test",
	  "reject no-tls pay [pay]" },
	{ "recipient-rule-is-met", TO_PAY, "recipient=a@pay.test", "pass" },
	{ "recipient-below-is-meant", TO_PAY, CLEAR " recipient=a@b.c.pay.test",
	  "reject no-tls pay [pay]" },
	{ "other-recipient-passes", TO_PAY, CLEAR, "pass" },
	{ "suffix-of-a-recipient-passes", TO_PAY, CLEAR " recipient=a@xpay.test", "pass" },
	{ "sender-is-no-recipient", TO_PAY, CLEAR " sender=a@pay.test", "pass" },
	{ "null-sender-to-a-ruled-recipient", TO_PAY, CLEAR " sender= recipient=a@pay.test",
	  "reject no-tls pay [pay]" },
	{ "wrapped-recipient-is-no-way-round", TO_PAY, CLEAR " recipient=a%pay.test@gw.test",
	  "reject no-tls pay [pay]" },
	{ "bang-recipient-is-no-way-round", TO_PAY, CLEAR " recipient=pay.test!a@gw.test",
	  "reject no-tls pay [pay]" },
	{ "quoted-recipient-is-no-way-round", TO_PAY, CLEAR " recipient=a@pay.test@gw.test",
	  "reject no-tls pay [pay]" },
	{ "several-recipients-were-decided-at-rcpt", TO_PAY,
	  CLEAR " protocol_state=DATA recipient=", "pass" },
	{ "one-recipient-is-decided-again-at-data", TO_PAY,
	  CLEAR " protocol_state=DATA recipient=a@pay.test", "reject no-tls pay [pay]" },
	{ "one-recipient-is-decided-again-at-bdat", TO_PAY,
	  CLEAR " protocol_state=BDAT recipient=a@pay.test", "reject no-tls pay [pay]" },
	{ "bare-postmaster-is-at-myorigin", "{'name':'our','recipient_domains':['origin.test']}",
	  CLEAR " protocol_state=DATA recipient=postmaster", "reject no-tls our [our]" },
	{ "end-of-message-is-not-decided", TO_PAY,
	  CLEAR " protocol_state=END-OF-MESSAGE recipient=a@pay.test", "pass" },
};

static const Row clients[] = {
	{ "network-rule-is-broken", FROM_NET, CLEAR, "reject no-tls net [net]" },
	{ "network-rule-is-met", FROM_NET, "", "pass" },
	{ "last-address-of-the-network", FROM_NET, CLEAR " client_address=192.0.2.15",
	  "reject no-tls net [net]" },
	{ "address-beside-the-network", FROM_NET, CLEAR " client_address=192.0.2.16", "pass" },
	{ "ipv6-network", FROM_NET, CLEAR " client_address=2001:db8::1",
	  "reject no-tls net [net]" },
	{ "ipv6-beside-the-network", FROM_NET, CLEAR " client_address=2001:db8:8000::1", "pass" },
	{ "unknown-address-is-in-no-network", FROM_NET, CLEAR " client_address=unknown", "pass" },
	{ "network-rule-holds-at-data", FROM_NET,
	  CLEAR " protocol_state=DATA recipient=", "reject no-tls net [net]" },
	{ "network-of-everybody", "{'name':'all4','client_networks':['0.0.0.0/0']}", CLEAR,
	  "reject no-tls all4 [all4]" },
	{ "exempt-network-wins", "{'name':'all4','client_networks':['0.0.0.0/0']}",
	  CLEAR " client_address=127.0.0.1", "pass" },
	{ "name-rule-is-broken", FROM_NAME, CLEAR " client_name=mx.bank.test",
	  "reject no-tls host [host]" },
	{ "name-rule-is-met", FROM_NAME, "client_name=mx.bank.test", "pass" },
	{ "name-below", FROM_NAME, CLEAR " client_name=a.b.OUT.bank.test",
	  "reject no-tls host [host]" },
	{ "name-that-is-the-parent", FROM_NAME, CLEAR " client_name=out.bank.test", "pass" },
	{ "unverified-name-selects-too", FROM_NAME, CLEAR " reverse_client_name=MX.bank.test",
	  "reject no-tls host [host]" },
	{ "client-without-a-name", FROM_NAME, CLEAR, "pass" },
	{ "unknown-is-no-name", "{'name':'host','client_names':['unknown','.unknown']}", CLEAR,
	  "pass" },
};

#define ALL_FOUR                                                             \
	"{'name':'four','sender_domains':['bank.test'],'recipient_domains':" \
	"['.pay.test'],'client_networks':['192.0.2.0/24'],'client_names':['.test']}"

static const Row combinations[] = {
	{ "all-selectors-match", ALL_FOUR, CLEAR " recipient=a@x.pay.test client_name=mx.test",
	  "reject no-tls four [four]" },
	{ "one-reading-of-the-recipient-is-enough", ALL_FOUR,
	  CLEAR " recipient=a%x.pay.test@gw.test client_name=mx.test",
	  "reject no-tls four [four]" },
	{ "sender-does-not-match", ALL_FOUR,
	  CLEAR " sender=a@x.test recipient=a@x.pay.test client_name=mx.test", "pass" },
	{ "recipient-does-not-match", ALL_FOUR, CLEAR " recipient=a@pay.test client_name=mx.test",
	  "pass" },
	{ "network-does-not-match", ALL_FOUR,
	  CLEAR " recipient=a@x.pay.test client_name=mx.test client_address=192.0.3.1", "pass" },
	{ "address-that-can-not-be-read-does-not-match", ALL_FOUR,
	  CLEAR " recipient=a@x.pay.test client_name=mx.test client_address=unknown", "pass" },
	{ "name-does-not-match", ALL_FOUR, CLEAR " recipient=a@x.pay.test client_name=mx.example",
	  "pass" },
	{ "no-name-does-not-match", ALL_FOUR, CLEAR " recipient=a@x.pay.test", "pass" },
	{ "unverified-name-matches-beside-others", ALL_FOUR,
	  CLEAR " recipient=a@x.pay.test reverse_client_name=mx.test",
	  "reject no-tls four [four]" },
	{ "with-several-recipients-it-does-not-apply", ALL_FOUR,
	  CLEAR " protocol_state=DATA recipient= client_name=mx.test", "pass" },
	{ "recipient-and-network",
	  "{'name':'two','recipient_domains':['pay.test'],'client_networks':['192.0.2.10']}",
	  CLEAR " recipient=a@pay.test", "reject no-tls two [two]" },
	{ "recipient-and-other-network",
	  "{'name':'two','recipient_domains':['pay.test'],'client_networks':['192.0.2.11']}",
	  CLEAR " recipient=a@pay.test", "pass" },
	{ "network-and-name",
	  "{'name':'two','client_names':['mx.test'],'client_networks':['192.0.2.10']}",
	  CLEAR " client_name=mx.test", "reject no-tls two [two]" },
	{ "network-without-name",
	  "{'name':'two','client_names':['mx.test'],'client_networks':['192.0.2.10']}", CLEAR,
	  "pass" },
	{ "each-way-to-a-rule-is-gone",
	  "{'name':'r','recipient_domains':['gw.test'],'violation':'report'},"
	  "{'name':'n','client_networks':['192.0.2.10'],'violation':'defer'},"
	  "{'name':'h','client_names':['mx.test']},{'name':'a','violation':'defer'},"
	  "{'name':'s','sender_domains':['bank.test']}",
	  CLEAR " client_name=mx.test", "reject no-tls h [r,n,h,a,s]" },
	{ "rules-that-do-not-apply-do-not-weigh",
	  "{'name':'r','recipient_domains':['gw.test'],'violation':'report'},"
	  "{'name':'n','client_networks':['192.0.2.11'],'violation':'reject'}",
	  CLEAR, "report no-tls r [r]" },
	{ "strictest-of-different-demands-is-named",
	  "{'name':'d','require':{'min_cipher_bits':200},'violation':'defer'},"
	  "{'name':'r','require':{'client_names':['mx.test']}}",
	  "encryption_keysize=128", "reject client-name r [d,r]" },
};

static const Row certificates[] = {
	{ "subject-that-is-agreed", SUBJECTS, TRUSTED, "pass" },
	{ "subject-in-other-case", SUBJECTS, "ccert_subject=mX.BANK.test ccert_fingerprint=AA",
	  "pass" },
	{ "subject-in-utf-8", SUBJECTS,
	  "ccert_subject=J+C3+96RG+20M+C3+9Cller ccert_fingerprint=AA", "pass" },
	{ "subject-in-utf-8-not-composed", SUBJECTS,
	  "ccert_subject=Jo+CC+88rg+20Mu+CC+88ller ccert_fingerprint=AA", "pass" },
	{ "subject-of-another", SUBJECTS, "ccert_subject=mx.evil.test ccert_fingerprint=AA",
	  "reject subject bank [bank]" },
	{ "subject-that-is-longer", SUBJECTS, "ccert_subject=mx.bank.tests ccert_fingerprint=AA",
	  "reject subject bank [bank]" },
	{ "subject-that-is-shorter", SUBJECTS, "ccert_subject=bank.test ccert_fingerprint=AA",
	  "reject subject bank [bank]" },
	{ "subject-that-is-no-xtext", SUBJECTS, "ccert_subject=mx.bank.test+ ccert_fingerprint=AA",
	  "reject subject bank [bank]" },
	{ "subject-with-a-nul", SUBJECTS,
	  "ccert_subject=mx.bank.test+00.evil.test ccert_fingerprint=AA",
	  "reject subject bank [bank]" },
	{ "trusted-without-a-subject", SUBJECTS, "ccert_issuer=Test+20CA ccert_fingerprint=AA",
	  "reject subject bank [bank]" },
	{ "subject-rule-demands-trust", SUBJECTS, "ccert_fingerprint=AA",
	  "reject untrusted bank [bank]" },
	{ "subject-rule-demands-a-certificate", SUBJECTS, "", "reject no-certificate bank [bank]" },
	{ "subject-rule-demands-tls", SUBJECTS, CLEAR, "reject no-tls bank [bank]" },
	{ "issuer-that-is-agreed", ISSUERS, TRUSTED, "pass" },
	{ "issuer-in-utf-8", ISSUERS, "ccert_issuer=STRASSE+20CA ccert_fingerprint=AA", "pass" },
	{ "issuer-of-another", ISSUERS,
	  "ccert_subject=mx.bank.test ccert_issuer=Other+20CA ccert_fingerprint=AA",
	  "reject issuer bank [bank]" },
	{ "trusted-without-an-issuer", ISSUERS, "ccert_subject=Test+20CA ccert_fingerprint=AA",
	  "reject issuer bank [bank]" },
	{ "issuer-rule-demands-trust", ISSUERS, "ccert_fingerprint=AA",
	  "reject untrusted bank [bank]" },
	{ "subject-and-issuer-are-both-demanded",
	  DEMAND("'subjects':['mx.bank.test'],'issuers':['Other CA']"), TRUSTED,
	  "reject issuer bank [bank]" },
	{ "trusted-and-subject-are-both-demanded",
	  DEMAND("'certificate':'trusted','subjects':['mx.bank.test']"), TRUSTED, "pass" },
	{ "pinned-certificate", PINS, "ccert_fingerprint=" PIN, "pass" },
	{ "pinned-key", PINS, "ccert_fingerprint=AA ccert_pubkey_fingerprint=" PIN, "pass" },
	{ "pinned-bare-key", PINS, "ccert_pubkey_fingerprint=" PIN, "pass" },
	{ "pin-in-the-document-in-lower-case",
	  DEMAND("'fingerprints':['aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd']"),
	  "ccert_fingerprint=" PIN, "pass" },
	{ "pin-of-another", PINS,
	  "ccert_fingerprint=11:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD",
	  "reject fingerprint bank [bank]" },
	{ "part-of-a-pin", PINS, "ccert_fingerprint=AA:BB:CC", "reject fingerprint bank [bank]" },
	{ "trusted-is-not-pinned", PINS, TRUSTED, "reject fingerprint bank [bank]" },
	{ "no-certificate-is-not-pinned", PINS, "", "reject fingerprint bank [bank]" },
	{ "pin-rule-demands-tls", PINS, CLEAR, "reject no-tls bank [bank]" },
};

static const Row sessions[] = {
	{ "client-in-the-network", NETWORKS, "", "pass" },
	{ "last-client-in-the-network", NETWORKS, "client_address=192.0.2.15", "pass" },
	{ "client-beside-the-network", NETWORKS, "client_address=192.0.2.16",
	  "reject network bank [bank]" },
	{ "ipv6-client-in-the-network", NETWORKS, "client_address=2001:db8::1", "pass" },
	{ "ipv6-client-beside-the-network", NETWORKS, "client_address=2001:db8:8000::1",
	  "reject network bank [bank]" },
	{ "address-that-can-not-be-read", NETWORKS, "client_address=unknown",
	  "reject network bank [bank]" },
	{ "client-with-the-name", NAMES, "client_name=mx.BANK.test", "pass" },
	{ "client-below-the-name", NAMES, "client_name=a.out.bank.test", "pass" },
	{ "client-with-another-name", NAMES, "client_name=evil.test",
	  "reject client-name bank [bank]" },
	{ "unverified-name-is-no-proof", NAMES, "reverse_client_name=mx.bank.test",
	  "reject client-name bank [bank]" },
	{ "client-without-name", NAMES, "", "reject client-name bank [bank]" },
	{ "client-with-empty-name", NAMES, "client_name=", "reject client-name bank [bank]" },
	{ "network-and-name-are-both-demanded",
	  DEMAND("'client_networks':['192.0.2.10'],'client_names':['mx.test']"), "",
	  "reject client-name bank [bank]" },
	{ "protocol-that-is-demanded", PROTOCOL, "encryption_protocol=TLSv1.2", "pass" },
	{ "newer-protocol", PROTOCOL, "", "pass" },
	{ "older-protocol", PROTOCOL, "encryption_protocol=TLSv1.1",
	  "reject protocol bank [bank]" },
	{ "oldest-protocol", PROTOCOL, "encryption_protocol=TLSv1", "reject protocol bank [bank]" },
	{ "sslv3-is-no-protocol", DEMAND("'min_protocol':'TLSv1'"), "encryption_protocol=SSLv3",
	  "reject protocol bank [bank]" },
	{ "unknown-protocol-is-no-proof", PROTOCOL, "encryption_protocol=TLSv1.4",
	  "reject protocol bank [bank]" },
	{ "oldest-protocol-can-be-demanded", DEMAND("'min_protocol':'TLSv1'"),
	  "encryption_protocol=TLSv1", "pass" },
	{ "unknown-protocol-is-tls", DEMAND(""), "encryption_protocol=TLSv1.4", "pass" },
	{ "cipher-with-the-bits", BITS, "encryption_keysize=128", "pass" },
	{ "cipher-with-more-bits", BITS, "", "pass" },
	{ "cipher-with-one-bit-less", BITS, "encryption_keysize=127", "reject cipher bank [bank]" },
	{ "null-cipher", BITS, "encryption_keysize=0", "reject cipher bank [bank]" },
	{ "bits-that-are-no-number", BITS, "encryption_keysize=256x", "reject cipher bank [bank]" },
	{ "bits-with-a-sign", BITS, "encryption_keysize=+256", "reject cipher bank [bank]" },
	{ "bits-that-are-absent", BITS, "encryption_keysize=", "reject cipher bank [bank]" },
	{ "bits-beyond-all-ciphers", BITS, "encryption_keysize=4294967424",
	  "reject cipher bank [bank]" },
	{ "one-bit-can-be-demanded", DEMAND("'min_cipher_bits':1"), "encryption_keysize=0",
	  "reject cipher bank [bank]" },
	{ "the-first-breach-is-told",
	  DEMAND("'client_networks':['10.0.0.0/8'],'min_protocol':'TLSv1.3',"
		 "'min_cipher_bits':256"),
	  "encryption_protocol=TLSv1.2 encryption_keysize=128", "reject network bank [bank]" },
	{ "every-demand-met",
	  DEMAND("'certificate':'trusted','subjects':['mx.bank.test'],'issuers':['Test CA'],"
		 "'client_networks':['192.0.2.10'],'client_names':['mx.test'],"
		 "'min_protocol':'TLSv1.3','min_cipher_bits':256"),
	  TRUSTED " client_name=mx.test", "pass" },
};

/* One name as people write it and as DNS has it; labels of both kinds mixed. */
#define B           \
	"b\xc3\xbc" \
	"cher"
#define XB "xn--bcher-kva"
#define INTERNATIONAL(selector) "{'name':'idn','" selector "':['." B "." B ".test','" XB ".test']}"

static const Row international[] = {
	{ "ascii-form", INTERNATIONAL("sender_domains"), CLEAR " sender=a@" XB ".test",
	  "reject no-tls idn [idn]" },
	{ "unicode-form", INTERNATIONAL("sender_domains"), CLEAR " sender=a@" B ".test",
	  "reject no-tls idn [idn]" },
	{ "unicode-form-in-capitals", INTERNATIONAL("sender_domains"),
	  CLEAR " sender=a@B\xc3\x9c"
		"CHER.test",
	  "reject no-tls idn [idn]" },
	{ "unicode-form-not-composed", INTERNATIONAL("sender_domains"),
	  CLEAR " sender=a@bu\xcc\x88"
		"cher.test",
	  "reject no-tls idn [idn]" },
	{ "mixed-form", INTERNATIONAL("sender_domains"), CLEAR " sender=a@x." XB "." B ".test",
	  "reject no-tls idn [idn]" },
	{ "mixed-form-the-other-way", INTERNATIONAL("sender_domains"),
	  CLEAR " sender=a@x." B "." XB ".test", "reject no-tls idn [idn]" },
	{ "recipient-in-ascii-form", INTERNATIONAL("recipient_domains"),
	  CLEAR " recipient=a@" XB ".test", "reject no-tls idn [idn]" },
	{ "recipient-in-mixed-form", INTERNATIONAL("recipient_domains"),
	  CLEAR " recipient=a@x." B "." XB ".test", "reject no-tls idn [idn]" },
	{ "client-name-in-ascii-form", INTERNATIONAL("client_names"),
	  CLEAR " client_name=" XB ".test", "reject no-tls idn [idn]" },
	{ "recipient-in-a-list",
	  "{'name':'idn','sender_domains':['bank.test'],'recipient_domains':['." B ".test']}",
	  CLEAR " recipient=a@x." B ".test", "reject no-tls idn [idn]" },
	{ "recipient-in-a-list-in-ascii-form",
	  "{'name':'idn','sender_domains':['bank.test'],'recipient_domains':['." B ".test']}",
	  CLEAR " recipient=a@x." XB ".test", "reject no-tls idn [idn]" },
	{ "client-name-that-is-demanded", DEMAND("'client_names':['" B ".test']"),
	  "client_name=" XB ".test", "pass" },
	{ "other-name", INTERNATIONAL("sender_domains"), CLEAR " sender=a@bucher.test", "pass" },
};

/* ---- from the text to the decision ---- */

static RuleDb *
build(const char *rules)
{
	static const AddressRewriting rewriting = { "origin.test", "my.test", TRUE,
						    FALSE,         TRUE,      TRUE };
	g_autofree char *text = g_strdup_printf(
		"{\"receive\":{\"client_certificate\":\"request\",\"rules\":[%s]}}", rules);
	g_autoptr(Findings) findings = findings_new();
	g_autoptr(GError) error = NULL;

	g_strdelimit(text, "'", '"');
	g_autoptr(Settings) settings = settings_load(text, strlen(text), NULL, findings);
	g_assert_nonnull(settings);
	checks_run(settings, SOME_DAY, findings);
	g_assert_cmpuint(findings_count(findings, SEVERITY_ERROR), ==, 0);
	g_autoptr(GBytes) bytes = compile_rules(settings, &rewriting, 7);
	RuleDb *db = ruledb_open_bytes(bytes, &error);
	g_assert_no_error(error);
	g_assert_true(ruledb_verify(db, &error));
	g_assert_no_error(error);
	return db;
}

static char *
dup_request(const char *attributes)
{
	g_auto(GStrv) given = g_strsplit(attributes, " ", -1);
	GString *text = g_string_new(NULL);
	unsigned n_used = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(defaults); i++) {
		const char *value = defaults[i][1];

		for (char **attribute = given; *attribute != NULL; attribute++) {
			const size_t length = strlen(defaults[i][0]);

			if (strncmp(*attribute, defaults[i][0], length) == 0 &&
			    (*attribute)[length] == '=') {
				value = *attribute + length + 1;
				n_used++;
			}
		}
		g_string_append_printf(text, "%s=%s\n", defaults[i][0], value);
	}
	g_assert_cmpuint(n_used, ==, attributes[0] != '\0' ? g_strv_length(given) : 0);
	return g_string_free(g_string_append_c(text, '\n'), FALSE);
}

static const char *const breach_words[] = {
	[BREACH_NO_TLS] = "no-tls",       [BREACH_NO_CERTIFICATE] = "no-certificate",
	[BREACH_UNTRUSTED] = "untrusted", [BREACH_SUBJECT] = "subject",
	[BREACH_ISSUER] = "issuer",       [BREACH_FINGERPRINT] = "fingerprint",
	[BREACH_NETWORK] = "network",     [BREACH_CLIENT_NAME] = "client-name",
	[BREACH_PROTOCOL] = "protocol",   [BREACH_CIPHER] = "cipher",
};
G_STATIC_ASSERT(G_N_ELEMENTS(breach_words) == N_BREACHES);

static char *
dup_decision(const Decision *decision)
{
	GString *text = g_string_new(NULL);

	if (decision->is_passed)
		return g_string_free(g_string_append(text, "pass"), FALSE);
	g_string_printf(text, "%s %s %s [",
			names_word(&names_violation, decision->answer.violation),
			breach_words[decision->answer.breach], decision->answer.name);
	for (size_t i = 0; i < decision->n_failures; i++)
		g_string_append_printf(text, "%s%s", i > 0 ? "," : "", decision->failures[i].name);
	return g_string_free(g_string_append_c(text, ']'), FALSE);
}

static void
test_row(const void *data)
{
	const Row *row = data;
	g_autoptr(RuleDb) db = build(row->rules);
	g_autofree char *text = dup_request(row->attributes);
	g_autoptr(RequestParser) parser = request_parser_new();
	g_autoptr(GError) error = NULL;
	Decision decision;
	Request request;
	const char *trouble;
	size_t size;

	char *room = request_parser_room(parser, &size);
	memcpy(room, text, strlen(text));
	request_parser_feed(parser, strlen(text));
	g_assert_cmpint(request_parser_next(parser, &request, &trouble), ==, REQUEST_READY);
	g_assert_true(decide_request(db, &request, &decision, &error));
	g_assert_no_error(error);
	g_autofree char *found = dup_decision(&decision);
	g_assert_cmpstr(found, ==, row->decision);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ROWS_ADD("recipient", recipients, test_row);
	ROWS_ADD("client", clients, test_row);
	ROWS_ADD("combination", combinations, test_row);
	ROWS_ADD("certificate", certificates, test_row);
	ROWS_ADD("session", sessions, test_row);
	ROWS_ADD("international", international, test_row);
	return g_test_run();
}
