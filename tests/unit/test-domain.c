/* SPDX-License-Identifier: Apache-2.0 */
/* What is a domain name, a next-hop, a fingerprint; in which forms Postfix may look for them. */
#include "fingerprint.h"
#include "hostname.h"
#include "idn.h"
#include "nexthop.h"
#include "rows.h"

#include <string.h>

#define TEN "0123456789"
#define LABEL63 TEN TEN TEN TEN TEN TEN "abc"
#define NAME255 LABEL63 "." LABEL63 "." LABEL63 "." LABEL63

/* What text becomes, or "!" and a part of the reason. */
typedef struct {
	const char *name;
	const char *text;
	const char *expected;
} Row;

static const Row domain_rows[] = {
	{ "plain", "example.com", "example.com" },
	{ "case", "EXAMPLE.Com", "example.com" },
	{ "below", ".Example.com", ".example.com" },
	{ "one-label", "localhost", "localhost" },
	{ "underscore-stays", "_a.b_c.example", "_a.b_c.example" },
	{ "label-of-63", LABEL63 ".example", LABEL63 ".example" },
	{ "label-of-64", LABEL63 "d.example", "!more than 63" },
	{ "name-of-255", NAME255, NAME255 },
	{ "name-of-256", NAME255 "a", "!longer than 255" },
	{ "empty", "", "!empty" },
	{ "dot", ".", "!empty" },
	{ "two-dots", "a..b", "!empty label" },
	{ "digits", "192.0.2.1", "!all digits" },
	{ "hyphen-first", "-a.example", "!hyphen" },
	{ "hyphen-last", "a-.example", "!hyphen" },
	{ "blank", "a b.example", "!character other" },
	{ "star", "*.example", "!character other" },
	{ "a-label", "xn--bcher-kva.example", "xn--bcher-kva.example" },
	{ "a-label-in-capitals", "XN--BCHER-KVA.example", "xn--bcher-kva.example" },
	{ "u-label", "b\303\274cher.example", "xn--bcher-kva.example" },
	{ "u-label-in-capitals", "B\303\234CHER.example", "xn--bcher-kva.example" },
	{ "u-label-decomposed", "bu\314\210cher.example", "xn--bcher-kva.example" },
	{ "u-label-below", ".b\303\274cher.example", ".xn--bcher-kva.example" },
	{ "dotted-capital-i", "\304\260a.example", "!normal form" },
	{ "underscore-beside-u-label", "_a.b\303\274cher.example", "_a.xn--bcher-kva.example" },
	{ "mixed", "xn--bcher-kva.\303\244.example", "xn--bcher-kva.xn--4ca.example" },
	{ "top-level", "\321\200\321\204", "xn--p1ai" },
	{ "capitals-of-cherokee-stay", "\341\217\261.example", "xn--hce.example" },
	{ "capital-sigma-is-the-plain-one", "\316\237\316\224\316\237\316\243.example",
	  "xn--pxavbq.example" },
	{ "turkish-capital-i-is-doubtful", "\304\260.example", "!normal form" },
	{ "sharp-s", "stra\303\237e.example", "xn--strae-oqa.example" },
	{ "not-an-a-label", "xn--99999999.example", "!internationalised" },
	{ "a-label-of-ascii", "xn--example-.example", "!" },
	{ "full-width", "\357\275\202ank.example", "!normal form" },
	{ "soft-hyphen", "ba\302\255nk.\303\244.example", "!normal form" },
	{ "ideographic-full-stop", "\303\244\343\200\202example", "!normal form" },
	{ "blank-beside-u-label", "a b.\303\244.example", "!" },
	{ "emoji", "\360\237\230\200.example", "!internationalised" },
	{ "four-labels", "\303\244.\303\244.\303\244.\303\244.example",
	  "xn--4ca.xn--4ca.xn--4ca.xn--4ca.example" },
	{ "five-labels", "\303\244.\303\244.\303\244.\303\244.\303\244", "!more than 4" },
};

static const Row nexthop_rows[] = {
	{ "domain", "Example.com", "example.com" },
	{ "below", ".example.com", ".example.com" },
	{ "host-and-port", "Mx.example.com:587", "mx.example.com:587" },
	{ "brackets", "[Mx.example.com]", "[mx.example.com]" },
	{ "brackets-and-port", "[mx.example.com]:587", "[mx.example.com]:587" },
	{ "service", "[mx.example.com]:Submission", "[mx.example.com]:submission" },
	{ "ipv4", "[192.0.2.1]", "[192.0.2.1]" },
	{ "ipv4-and-port", "[192.0.2.1]:25", "[192.0.2.1]:25" },
	{ "ipv6", "[IPv6:2001:DB8::1]", "[ipv6:2001:db8::1]" },
	{ "ipv6-and-port", "[IPv6:2001:db8::1]:25", "[ipv6:2001:db8::1]:25" },
	{ "ipv6-bare", "[2001:db8::1]", "[2001:db8::1]" },
	{ "u-label", "[b\303\274cher.example]:25", "[xn--bcher-kva.example]:25" },
	{ "capitals-of-cherokee-stay", "[\341\217\261.example]", "[xn--hce.example]" },
	{ "sharp-s", "stra\303\237e.example", "!folds" },
	{ "sharp-s-as-a-label", "[xn--strae-oqa.example]:25", "!folds" },
	{ "final-sigma", ".\317\203\316\261\317\202.example", "!folds" },
	{ "address", "user@example.com", "!address" },
	{ "trailing-dot", "example.com.", "!dot" },
	{ "empty-brackets", "[]", "!empty" },
	{ "open-bracket", "[mx.example.com", "!closing" },
	{ "text-behind-bracket", "[mx.example.com]x", "!behind" },
	{ "no-port", "mx.example.com:", "!port" },
	{ "port-0", "mx.example.com:0", "!port" },
	{ "port-65536", "mx.example.com:65536", "!port" },
	{ "port-with-zero", "mx.example.com:025", "!port" },
	{ "port-of-many-digits", "mx.example.com:99999999999999999999", "!port" },
	{ "port-is-a-sentence", "mx.example.com:a b", "!port" },
	{ "two-ports", "mx.example.com:25:26", "!port" },
	{ "ipv4-bare", "192.0.2.1", "!digits" },
	{ "bare-ipv4-and-port", "192.0.2.1:25", "!digits" },
	{ "no-ipv6", "[2001:db8::x]", "!IPv6" },
	{ "dot-and-port", ".example.com:25", "!leading dot" },
	{ "dot-in-brackets", "[.example.com]", "!leading dot" },
	{ "no-host", ":25", "!empty" },
	{ "bracket-inside", "a[b]", "!" },
	{ "empty", "", "!empty" },
};

#define SHA1 "aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd"
#define SHA1_UPPER "AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD"
#define TWELVE ":ee:ff:00:11:22:33:44:55:66:77:88:99"
#define TWELVE_UPPER ":EE:FF:00:11:22:33:44:55:66:77:88:99"

static const Row fingerprint_rows[] = {
	{ "sha1", SHA1, "sha1 " SHA1_UPPER },
	{ "sha256", SHA1 TWELVE, "sha256 " SHA1_UPPER TWELVE_UPPER },
	{ "sha384", SHA1 TWELVE TWELVE ":aa:bb:cc:dd",
	  "sha384 " SHA1_UPPER TWELVE_UPPER TWELVE_UPPER ":AA:BB:CC:DD" },
	{ "sha512", SHA1 TWELVE TWELVE ":aa:bb" TWELVE ":00:11:22:33:44:55",
	  "sha512 " SHA1_UPPER TWELVE_UPPER TWELVE_UPPER ":AA:BB" TWELVE_UPPER
	  ":00:11:22:33:44:55" },
	{ "md5", "aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99", "!MD5" },
	{ "short", "aa:bb", "!length" },
	{ "empty", "", "!pairs" },
	{ "no-colons", "aabbccddeeff00112233445566778899aabbccdd", "!pairs" },
	{ "colon-last", SHA1 ":", "!pairs" },
	{ "half-a-pair", SHA1 ":e", "!pairs" },
	{ "not-hex", "ag" TWELVE TWELVE, "!pairs" },
};

static void
compare(const char *expected, const char *reason, const char *text)
{
	if (expected[0] != '!') {
		g_assert_cmpstr(reason, ==, NULL);
		g_assert_cmpstr(text, ==, expected);
		return;
	}
	g_assert_nonnull(reason);
	if (strstr(reason, expected + 1) == NULL)
		g_assert_cmpstr(reason, ==, expected + 1);
}

static void
test_domain(const void *data)
{
	const Row *row = data;
	char text[1024];

	g_strlcpy(text, row->text, sizeof text);
	const char *reason = idn_to_ascii(text, sizeof text);
	compare(row->expected, reason, text);
}

static void
test_nexthop(const void *data)
{
	const Row *row = data;
	char text[1024];

	g_strlcpy(text, row->text, sizeof text);
	const char *reason = nexthop_normalise(text, sizeof text);
	compare(row->expected, reason, text);
}

static void
test_fingerprint(const void *data)
{
	const Row *row = data;
	char text[1024];

	g_strlcpy(text, row->text, sizeof text);
	const char *reason = fingerprint_normalise(text);
	g_autofree char *result =
		reason == NULL ? g_strconcat(fingerprint_digest(text), " ", text, NULL) : NULL;
	compare(row->expected, reason, result);
}

/* Every form, one a line. */
static const Row form_rows[] = {
	{ "ascii", "example.com", "example.com\n" },
	{ "below", ".example.com", ".example.com\n" },
	{ "one", "xn--bcher-kva.example", "xn--bcher-kva.example\nb\303\274cher.example\n" },
	{ "one-below", ".xn--4ca.example", ".xn--4ca.example\n.\303\244.example\n" },
	{ "mixed", "xn--bcher-kva.xn--4ca",
	  "xn--bcher-kva.xn--4ca\nb\303\274cher.xn--4ca\nxn--bcher-kva.\303\244\n"
	  "b\303\274cher.\303\244\n" },
	{ "next-hop", "[xn--4ca.example]:25", "[xn--4ca.example]:25\n[\303\244.example]:25\n" },
	{ "address", "[192.0.2.1]", "[192.0.2.1]\n" },
};

static void
append_form(const char *form, void *data)
{
	g_string_append_printf(data, "%s\n", form);
}

static void
test_forms(const void *data)
{
	const Row *row = data;
	g_autoptr(GString) forms = g_string_new(NULL);

	nexthop_visit_forms(row->text, append_form, forms);
	g_assert_cmpstr(forms->str, ==, row->expected);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ROWS_ADD("domain", domain_rows, test_domain);
	ROWS_ADD("nexthop", nexthop_rows, test_nexthop);
	ROWS_ADD("fingerprint", fingerprint_rows, test_fingerprint);
	ROWS_ADD("forms", form_rows, test_forms);
	return g_test_run();
}
