/* SPDX-License-Identifier: Apache-2.0 */
/* test-address: the domain of an envelope address, a row for each rule of Postfix's rewriting.
 *
 * Rows marked "seen" were put to a real Postfix 3.7.11: the address is what its policy server was
 * sent, the first domain what the mail then left with. */
#include "address.h"

#include "rows.h"

#include <glib.h>
#include <string.h>

typedef enum { STOCK, APPENDING, NOTHING, NO_ORIGIN, N_SETTINGS } Setting;

static const AddressRewriting settings[] = {
	/* Postfix 3.7 as installed: compatibility_level 3.6. */
	[STOCK] = { "Origin.Test", "my.test", TRUE, FALSE, TRUE, TRUE },
	/* append_dot_mydomain = yes, a short myorigin. */
	[APPENDING] = { "origin", "My.Test.", TRUE, TRUE, TRUE, TRUE },
	/* No hack is on. */
	[NOTHING] = { "origin.test", "my.test", FALSE, FALSE, FALSE, FALSE },
	[NO_ORIGIN] = { NULL, NULL, TRUE, TRUE, TRUE, TRUE },
};
G_STATIC_ASSERT(G_N_ELEMENTS(settings) == N_SETTINGS);

typedef struct {
	const char *name;
	Setting setting;
	const char *address;
	const char *domains; /* separated by blanks; NULL where the address is refused */
} Row;

static const Row rows[] = {
	/* user@domain: one reading. */
	{ "plain-address-has-one-reading", STOCK, "user@bank.test", "bank.test" },
	{ "plain-address-is-never-completed", APPENDING, "user@bank.test", "bank.test" },
	{ "plain-address-needs-no-settings", NO_ORIGIN, "user@bank.test", "bank.test" },
	{ "domain-becomes-lower-case", STOCK, "user@BANK.Test", "bank.test" },
	{ "last-at-counts", STOCK, "a@b@bank.test", "bank.test" },
	{ "operators-before-at-are-local", STOCK, "a!b%c@bank.test", "bank.test" },
	{ "empty-local-part-has-a-domain", STOCK, "@bank.test", "bank.test" },
	{ "address-literal-stays", APPENDING, "user@[192.0.2.1]", "[192.0.2.1]" },

	/* The trailing dot. Seen. */
	{ "trailing-dot-goes", STOCK, "user@bank.test.", "bank.test" },
	{ "two-trailing-dots-stay", STOCK, "user@bank.test..", "bank.test.." },
	{ "lone-dot-stays", STOCK, "user@.", "." },
	{ "trailing-dot-is-a-dot", APPENDING, "user@host.", "host" },

	/* Short domains. Seen. */
	{ "short-domain-stays", STOCK, "user@host", "host" },
	{ "short-domain-is-completed", APPENDING, "user@host", "host.my.test" },
	{ "short-domain-without-mydomain-stays", NO_ORIGIN, "user@host", "host" },

	/* Blanks, quotes and backslashes in the domain fall away after the policy request. Seen. */
	{ "blank-in-domain-falls-away", STOCK, "user@bank .test", "bank.test" },
	{ "leading-blank-falls-away", STOCK, "user@ bank.test", "bank.test" },
	{ "trailing-blank-falls-away", STOCK, "user@bank.test ", "bank.test" },
	{ "tab-in-domain-falls-away", STOCK, "user@bank\t.test", "bank.test" },
	{ "quotes-in-domain-are-undone", STOCK, "user@bank.\"test\"", "bank.test" },
	{ "quoted-domain-is-unquoted", STOCK, "user@\"bank.test\"", "bank.test" },
	{ "backslash-in-domain-is-undone", STOCK, "user@ban\\k.test", "bank.test" },
	{ "backslash-before-quote-keeps-it", STOCK, "user@ba\\\"nk.test", "ba\"nk.test" },
	{ "blank-behind-backslash-falls-away", STOCK, "user@ban\\ k.test", "bank.test" },
	{ "backslash-at-the-end-falls-away", STOCK, "user@bank.test\\", "bank.test" },
	{ "quoted-dot-does-not-count", APPENDING, "user@\"bank.test\"",
	  "bank.test.my.test bank.test" },
	{ "quoted-trailing-dot-goes", STOCK, "user@\"bank.test.\"", "bank.test" },

	/* By the two above and the source, not seen. */
	{ "quoted-trailing-dot-goes-before-completion", APPENDING, "user@\"host.\"",
	  "host.my.test host" },

	/* A null domain at the end. Seen. */
	{ "null-domain-is-stripped", STOCK, "user@bank.test@", "bank.test" },
	{ "null-domain-behind-blank-is-stripped", STOCK, "user@bank.test @", "bank.test" },
	{ "null-domain-alone-makes-a-bare-name", STOCK, "user@", "origin.test" },

	/* Source routes. Seen. */
	{ "source-route-is-skipped", STOCK, "@a.test:b@c.test", "c.test" },
	{ "source-route-before-a-bare-name", STOCK, "@a.test:b", "origin.test" },
	{ "source-route-before-nothing-is-a-domain", STOCK, "@a.test:", "a.test:" },

	/* No "@". Seen. */
	{ "bare-name-is-at-myorigin", STOCK, "user", "origin.test" },
	{ "short-myorigin-is-completed", APPENDING, "user", "origin.my.test" },
	{ "bare-name-without-myorigin-has-no-domain", NO_ORIGIN, "user", "" },
	{ "bare-name-stays-bare", NOTHING, "user", "" },
	{ "percent-hack", STOCK, "user%bank.test", "bank.test" },
	{ "percent-hack-takes-the-last", STOCK, "user%a.test%b.test", "b.test" },
	{ "percent-hack-completes", APPENDING, "user%host", "host.my.test" },
	{ "bang-path", STOCK, "bank.test!user", "bank.test" },
	{ "bang-path-takes-the-first", STOCK, "a.test!b.test!user", "a.test" },
	{ "bang-path-strips-the-dot", STOCK, "bank.test.!user", "bank.test" },
	{ "bang-and-percent-give-both", STOCK, "a.test!b%c.test", "a.test c.test" },
	{ "percent-before-nothing", STOCK, "user%", "" },
	{ "bang-behind-nothing", STOCK, "!user", "" },

	/* What Postfix leaves alone the next host may still act on. */
	{ "operator-in-quotes-is-doubtful", STOCK, "us er%bank.test", "bank.test origin.test" },
	{ "bang-in-quotes-is-doubtful", STOCK, "bank.test!us er", "bank.test origin.test" },
	{ "dot-at-the-end-needs-quotes", STOCK, "user%bank.test.", "bank.test origin.test" },
	{ "two-dots-need-quotes", STOCK, "us..er%bank.test", "bank.test origin.test" },
	{ "eight-bit-needs-no-quotes", STOCK, "us\xc3\xa9r%bank.test", "bank.test" },
	{ "percent-without-the-hack-is-doubtful", NOTHING, "user%bank.test", "bank.test" },
	{ "bang-without-the-hack-is-doubtful", NOTHING, "bank.test!user", "bank.test" },

	/* No domain at all. */
	{ "null-sender-has-no-domain", STOCK, "", "" },
	{ "lone-at-has-no-domain", STOCK, "@", "" },
	{ "only-ats-have-no-domain", STOCK, "@@", "" },

	/* Other scripts: another spelling of an ASCII name is that name (UTS #46). */
	{ "full-width-is-ascii", STOCK, "user@\xef\xbd\x82\xef\xbd\x81nk.test", "bank.test" },
	{ "full-width-capital-is-lower-case", STOCK, "user@\xef\xbc\xa2\x41nk.test", "bank.test" },
	{ "ideographic-full-stop-is-a-dot", STOCK, "user@bank\xe3\x80\x82test", "bank.test" },
	{ "full-width-full-stop-is-a-dot", STOCK, "user@bank\xef\xbc\x8etest", "bank.test" },
	{ "half-width-full-stop-is-a-dot", STOCK, "user@bank\xef\xbd\xa1test", "bank.test" },
	{ "vertical-full-stop-is-a-dot", STOCK, "user@bank\xef\xb8\x92test", "bank.test" },
	{ "full-stop-at-the-end-goes", STOCK, "user@bank.test\xe3\x80\x82", "bank.test" },
	{ "full-stop-is-no-dot-for-completion", APPENDING, "user@bank\xe3\x80\x82test",
	  "bank.test.my.test bank.test" },
	{ "soft-hyphen-is-ignored", STOCK, "user@ba\xc2\xadnk.test", "bank.test" },
	{ "zero-width-space-is-ignored", STOCK, "user@ba\xe2\x80\x8bnk.test", "bank.test" },
	{ "variation-selector-is-ignored", STOCK, "user@ba\xef\xb8\x8fnk.test", "bank.test" },
	{ "kelvin-sign-is-k", STOCK, "user@ban\xe2\x84\xaa.test", "bank.test" },
	{ "long-s-is-s", STOCK, "user@bank.te\xc5\xbft", "bank.test" },
	{ "other-script-is-folded", STOCK, "user@B\xc3\x84NK.test", "b\xc3\xa4nk.test" },
	{ "compatibility-capital-is-folded", STOCK, "user@\xf0\x9d\x9a\xa8.test", "\xce\xb1.test" },
	{ "combining-mark-is-composed", STOCK, "user@ba\xcc\x88nk.test", "b\xc3\xa4nk.test" },
	{ "blank-within-a-character-falls-away", STOCK, "user@b\xc3 \x84nk.test",
	  "b\xc3\xa4nk.test" },
	{ "quotes-within-a-character-are-undone", STOCK, "user@b\xc3\"\"\x84nk.test",
	  "b\xc3\xa4nk.test" },
	{ "blank-of-a-compatibility-form-falls-away", STOCK, "user@ba\xc2\xa8nk.test",
	  "b\xc3\xa4nk.test" },
	{ "cherokee-capital-is-folded", STOCK, "user@\xe1\x8e\xa0.test", "\xea\xad\xb0.test" },
	{ "cherokee-small-letter-is-the-same", STOCK, "user@\xea\xad\xb0.test",
	  "\xea\xad\xb0.test" },
	{ "broken-utf-8-keeps-its-parents", STOCK, "user@x\xff.Bank.test", "x\xff.bank.test" },

	/* What no Postfix sends. */
	{ "domain-of-nothing-is-refused", STOCK, "user@\"\"", NULL },
};

static void
test_row(const void *data)
{
	const Row *row = data;
	AddressDomains domains;
	g_autoptr(GString) found = g_string_new(NULL);

	if (row->domains == NULL) {
		g_assert_false(address_domains(row->address, &settings[row->setting], &domains));
		return;
	}
	g_assert_true(address_domains(row->address, &settings[row->setting], &domains));
	g_assert_cmpuint(domains.n, <=, ADDRESS_MAX_READINGS);
	for (size_t i = 0; i < domains.n; i++)
		g_string_append_printf(found, "%s%s", i > 0 ? " " : "", domains.domain[i]);
	g_assert_cmpstr(found->str, ==, row->domains);
}

/* ---- recipients ---- */

/* The domains of a recipient: each that mail to it could go to. */
static const Row recipients[] = {
	{ "recipient-has-the-domain-behind-at", STOCK, "user@pay.test", "pay.test" },
	{ "recipient-domain-is-folded", STOCK, "user@PAY.test.", "pay.test" },
	{ "bare-recipient-is-at-myorigin", STOCK, "postmaster", "origin.test" },
	{ "no-recipient-has-no-domain", STOCK, "", "" },
	{ "lone-at-is-the-postmaster-here", STOCK, "@", "origin.test" },
	{ "recipient-without-myorigin-has-none", NO_ORIGIN, "postmaster", "" },
	{ "recipient-is-completed", APPENDING, "user@host", "host.my.test" },
	{ "percent-alone", STOCK, "user%pay.test", "pay.test" },
	{ "bang-alone", STOCK, "pay.test!user", "pay.test" },
	{ "recipient-full-width", STOCK, "user@\xef\xbd\x90\x61y.test", "pay.test" },

	/* The local part of a domain that may be a local one is unwrapped. */
	{ "percent-before-at", STOCK, "user%pay.test@gw.test", "gw.test pay.test" },
	{ "bang-before-at", STOCK, "pay.test!user@gw.test", "gw.test pay.test" },
	{ "at-before-at", STOCK, "user@pay.test@gw.test", "gw.test pay.test" },
	{ "quotes-before-at", STOCK, "\"user@pay.test\"@gw.test", "gw.test pay.test" },
	{ "dot-before-at", STOCK, "user%pay.test.@gw.test", "gw.test pay.test" },
	{ "blank-before-at", STOCK, "user % pay.test @gw.test", "gw.test pay.test" },
	{ "unwrapped-domain-is-completed", APPENDING, "user%pay@gw.test", "gw.test pay.my.test" },
	{ "unwrapped-more-than-once", STOCK, "user%pay.test%b.test@gw.test",
	  "gw.test pay.test b.test" },
	{ "all-operators", STOCK, "a.test!b.test!user%c.test@d.test@gw.test",
	  "gw.test a.test b.test c.test d.test" },
	{ "source-route-before-at", STOCK, "@a.test:pay.test!user@gw.test", "gw.test pay.test" },
	{ "inner-source-route", STOCK, "@a.test:@b.test:pay.test!user@gw.test",
	  "gw.test b.test pay.test origin.test" },
	{ "inner-source-route-before-a-user", STOCK, "@a.test:@b.test:user@gw.test",
	  "gw.test b.test origin.test" },
	{ "inner-source-route-without-myorigin", NO_ORIGIN, "@a.test:@b.test:user@gw.test",
	  "gw.test b.test" },
	{ "null-domain-before-at", STOCK, "user%pay.test@@gw.test", "gw.test pay.test" },
	{ "bang-and-percent", STOCK, "a.test!user%pay.test", "a.test pay.test" },
	{ "operators-without-the-hacks", NOTHING, "a.test!user%pay.test@gw.test",
	  "gw.test a.test pay.test" },
	{ "local-part-alone-is-no-domain", STOCK, "a.test@gw.test", "gw.test" },
	{ "user-between-operators-is-no-domain", STOCK, "a.test!b.test@gw.test", "gw.test a.test" },
	{ "user-before-percent-is-no-domain", STOCK, "b.test%a.test@gw.test", "gw.test a.test" },
	{ "empty-pieces-are-no-domains", STOCK, "!%@!%pay.test@gw.test", "gw.test pay.test" },
	{ "domain-of-quotes-is-at-myorigin", STOCK, "user@\"\"", "origin.test" },
};

static gboolean
append_once(const char *domain, void *data)
{
	g_autofree char *word = g_strdup_printf(" %s ", domain);
	GString *found = data;

	if (strstr(found->str, word) == NULL)
		g_string_append_printf(found, "%s ", domain);
	return TRUE;
}

static void
test_recipient(const void *data)
{
	const Row *row = data;
	g_autoptr(GString) found = g_string_new(" ");

	g_assert_true(
		address_visit_recipient(row->address, &settings[row->setting], append_once, found));
	g_assert_cmpstr(g_strstrip(found->str), ==, row->domains);
}

/* A domain that is too long hides none beside it. */
static void
test_long_recipient(void)
{
	g_autofree char *label = g_strnfill(ADDRESS_MAX_DOMAIN + 1, 'x');
	g_autofree char *address = g_strconcat(label, "!user%pay.test@", label, NULL);
	g_autoptr(GString) found = g_string_new(" ");

	g_assert_true(address_visit_recipient(address, &settings[STOCK], append_once, found));
	g_assert_nonnull(strstr(found->str, " pay.test "));
}

static gboolean
is_other_domain(const char *domain, void *data)
{
	return strcmp(domain, data) != 0;
}

static void
test_visit_ends(void)
{
	const char *address = "user%pay.test@gw.test";

	g_assert_false(address_visit_recipient(address, &settings[STOCK], is_other_domain,
					       (char *)"gw.test"));
	g_assert_false(address_visit_recipient(address, &settings[STOCK], is_other_domain,
					       (char *)"pay.test"));
}

/* Each of a thousand operators is looked at. */
static void
test_many_operators(void)
{
	g_autoptr(GString) address = g_string_new("user");
	g_autoptr(GString) found = g_string_new(" ");

	for (unsigned i = 0; i < 1000; i++)
		g_string_append_printf(address, "%%d%u.test", i);
	g_string_append(address, "@gw.test");
	g_assert_true(address_visit_recipient(address->str, &settings[STOCK], append_once, found));
	for (unsigned i = 0; i < 1000; i++) {
		g_autofree char *word = g_strdup_printf(" d%u.test ", i);

		g_assert_nonnull(strstr(found->str, word));
	}
}

/* ---- client names ---- */

static const Row names[] = {
	{ "client-name", STOCK, "mx.bank.test", "mx.bank.test" },
	{ "client-name-becomes-lower-case", STOCK, "MX.Bank.test", "mx.bank.test" },
	{ "client-name-with-a-dot-at-its-end", STOCK, "mx.bank.test.", "mx.bank.test" },
	{ "unknown-is-no-name", STOCK, "unknown", NULL },
	{ "name-that-only-begins-with-unknown", STOCK, "unknown.bank.test", "unknown.bank.test" },
	{ "empty-name-is-none", STOCK, "", NULL },
};

static void
test_name(const void *data)
{
	const Row *row = data;
	char folded[ADDRESS_MAX_DOMAIN + 1];

	g_assert_cmpint(address_read_client_name(row->address, folded), ==, row->domains != NULL);
	g_assert_cmpstr(folded, ==, row->domains != NULL ? row->domains : "");
}

static void
test_long_name(void)
{
	g_autofree char *fits = g_strnfill(ADDRESS_MAX_DOMAIN, 'x');
	g_autofree char *exceeds = g_strnfill(ADDRESS_MAX_DOMAIN + 1, 'x');
	char folded[ADDRESS_MAX_DOMAIN + 1];

	g_assert_true(address_read_client_name(fits, folded));
	g_assert_cmpstr(folded, ==, fits);
	g_assert_false(address_read_client_name(exceeds, folded));
	g_assert_cmpstr(folded, ==, "");
}

/* ---- lengths ---- */

/* A domain of n bytes whose last label is "test". */
static char *
dup_long_domain(size_t n)
{
	GString *domain = g_string_new(NULL);

	while (domain->len < n - strlen(".test"))
		g_string_append_c(domain, domain->len % 64 == 63 ? '.' : 'x');
	return g_string_free(g_string_append(domain, ".test"), FALSE);
}

static void
test_length(const void *data)
{
	const size_t n = GPOINTER_TO_SIZE(data);
	g_autofree char *domain = dup_long_domain(n);
	g_autofree char *address = g_strconcat("user@", domain, NULL);
	AddressDomains domains;

	g_assert_cmpuint(strlen(domain), ==, n);
	g_assert_cmpint(address_domains(address, &settings[STOCK], &domains), ==,
			n <= ADDRESS_MAX_DOMAIN);
}

static void
test_length_with_mydomain(void)
{
	g_autofree char *host = g_strnfill(ADDRESS_MAX_DOMAIN - strlen(".my.test"), 'x');
	g_autofree char *fits = g_strconcat("user@", host, NULL);
	g_autofree char *exceeds = g_strconcat("user@x", host, NULL);
	AddressDomains domains;

	g_assert_true(address_domains(fits, &settings[APPENDING], &domains));
	g_assert_false(address_domains(exceeds, &settings[APPENDING], &domains));
	/* One that Postfix may leave as it is is read without mydomain. */
	g_autofree char *quoted = g_strconcat("user@\"", host, "xx\"", NULL);
	g_assert_true(address_domains(quoted, &settings[APPENDING], &domains));
	g_assert_cmpuint(domains.n, ==, 1);
}

/* What falls away does not count. */
static void
test_length_with_padding(void)
{
	g_autofree char *blanks = g_strnfill(4000, ' ');
	g_autoptr(GString) hyphens = g_string_new("user@ba");
	g_autofree char *address = g_strconcat("user@bank", blanks, ".test", NULL);
	AddressDomains domains;

	for (int i = 0; i < 1000; i++)
		g_string_append(hyphens, "\xc2\xad");
	g_string_append(hyphens, "nk.test");
	g_assert_true(address_domains(address, &settings[STOCK], &domains));
	g_assert_cmpstr(domains.domain[0], ==, "bank.test");
	g_assert_true(address_domains(hyphens->str, &settings[STOCK], &domains));
	g_assert_cmpstr(domains.domain[0], ==, "bank.test");
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ROWS_ADD("address", rows, test_row);
	g_test_add_data_func("/address/domain-of-1020-bytes-fits", GSIZE_TO_POINTER(1020),
			     test_length);
	g_test_add_data_func("/address/domain-of-1021-bytes-is-refused", GSIZE_TO_POINTER(1021),
			     test_length);
	g_test_add_data_func("/address/domain-of-2000-bytes-is-refused", GSIZE_TO_POINTER(2000),
			     test_length);
	g_test_add_func("/address/mydomain-counts-for-the-length", test_length_with_mydomain);
	g_test_add_func("/address/padding-does-not-count-for-the-length", test_length_with_padding);
	ROWS_ADD("address", recipients, test_recipient);
	g_test_add_func("/address/domain-too-long-hides-none-beside-it", test_long_recipient);
	g_test_add_func("/address/visit-ends-where-it-is-told-to", test_visit_ends);
	g_test_add_func("/address/thousand-operators-are-unwrapped", test_many_operators);
	ROWS_ADD("address", names, test_name);
	g_test_add_func("/address/name-that-is-too-long-is-none", test_long_name);
	return g_test_run();
}
