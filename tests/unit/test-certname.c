/* SPDX-License-Identifier: Apache-2.0 */
/* test-certname: which subjects and issuers are one name, in a rule and in xtext. */
#include "certname.h"

#include "rows.h"

#include <glib.h>
#include <string.h>

typedef struct {
	const char *name;
	const char *value; /* as Postfix sends it */
	const char *rule;  /* a name of a rule that it equals; NULL: it is no name */
} Row;

static const Row rows[] = {
	{ "plain-name", "mx.bank.test", "mx.bank.test" },
	{ "case-does-not-matter", "MX.Bank.test", "mx.bANK.TEST" },
	{ "blank-is-in-xtext", "Test+20CA", "Test CA" },
	{ "plus-is-in-xtext", "A+2BB", "A+B" },
	{ "equals-sign-is-as-it-is", "a=b", "a=b" },
	{ "hexadecimal-digits-of-either-case", "J+c3+B6rg", "J\xc3\xb6rg" },
	{ "case-of-other-scripts-does-not-matter", "M+C3+9CLLER", "m\xc3\xbcller" },
	{ "composed-or-not-is-one-name", "Mu+CC+88ller", "M\xc3\xbcller" },
	{ "rule-composed-or-not-is-one-name", "M+C3+BCller", "Mu\xcc\x88ller" },
	{ "sharp-s-is-two", "Stra+C3+9Fe", "STRASSE" },
	{ "final-sigma-is-sigma", "+CE+A3+CF+82", "\xcf\x83\xcf\x83" },
	{ "kelvin-sign-is-k", "+E2+84+AA", "k" },
	/* Folding takes one of them apart, and the other only partly. */
	{ "composed-by-folding-or-not-is-one-name", "+CE+AA+CC+81", "\xce\x90" },
	{ "empty-name", "", "" },
	{ "half-a-byte-is-no-xtext", "a+2", NULL },
	{ "plus-alone-is-no-xtext", "a+", NULL },
	{ "other-digits-are-no-xtext", "a+GG", NULL },
	{ "blank-is-no-xtext", "Test CA", NULL },
	{ "eight-bit-is-no-xtext", "J\xc3\xb6rg", NULL },
	{ "control-character-is-no-xtext", "a\tb", NULL },
	{ "nul-is-in-no-name", "bank+00.evil", NULL },
	{ "broken-utf-8-is-no-name", "J+F6rg", NULL },
	{ "overlong-utf-8-is-no-name", "+C0+AF", NULL },
	{ "half-a-character-is-no-name", "J+C3", NULL },
};

static void
test_row(const void *data)
{
	const Row *row = data;
	char folded[CERTNAME_SIZE];

	memset(folded, 'x', sizeof folded);
	g_assert_cmpint(certname_read(row->value, folded), ==, row->rule != NULL);
	g_autofree char *rule = certname_dup_folded(row->rule != NULL ? row->rule : "");
	g_assert_cmpstr(folded, ==, rule);
}

/* Names are compared as people see them, without compatibility forms. */
static const Row others[] = {
	{ "full-width-is-another-name", "+EF+BD+82ank", "bank" },
	{ "accent-makes-another-name", "Muller", "M\xc3\xbcller" },
	{ "part-of-a-name-is-another", "bank.test", "mx.bank.test" },
};

static void
test_other(const void *data)
{
	const Row *row = data;
	char folded[CERTNAME_SIZE];

	g_assert_true(certname_read(row->value, folded));
	g_autofree char *rule = certname_dup_folded(row->rule);
	g_assert_cmpstr(folded, !=, rule);
}

/* The longest name that a rule can have: 255 characters, each of 4 bytes. */
static void
test_longest(void)
{
	g_autoptr(GString) name = g_string_new(NULL);
	g_autoptr(GString) value = g_string_new(NULL);
	char folded[CERTNAME_SIZE];

	for (int i = 0; i < 255; i++) {
		g_string_append(name, "\xf0\x90\x90\x80"); /* DESERET CAPITAL LETTER LONG I */
		g_string_append(value, "+F0+90+90+A8");    /* its small letter */
	}
	g_assert_true(certname_read(value->str, folded));
	g_autofree char *rule = certname_dup_folded(name->str);
	g_assert_cmpstr(folded, ==, rule);
}

static void
test_limit(void)
{
	g_autofree char *fits = g_strnfill(CERTNAME_SIZE - 1, 'x');
	g_autofree char *exceeds = g_strnfill(CERTNAME_SIZE, 'x');
	g_autoptr(GString) grows = g_string_new(NULL);
	char folded[CERTNAME_SIZE];

	g_assert_true(certname_read(fits, folded));
	g_assert_cmpstr(folded, ==, fits);
	g_assert_false(certname_read(exceeds, folded));
	g_assert_cmpstr(folded, ==, "");
	/* U+1FB7 has 3 bytes, and 5 when it is folded. */
	while (grows->len < (CERTNAME_SIZE - 2) * 3)
		g_string_append(grows, "+E1+BE+B7");
	g_assert_false(certname_read(grows->str, folded));
	g_assert_cmpstr(folded, ==, "");
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ROWS_ADD("certname", rows, test_row);
	ROWS_ADD("certname", others, test_other);
	g_test_add_func("/certname/longest-name-of-a-rule-is-read", test_longest);
	g_test_add_func("/certname/longer-than-any-name-is-none", test_limit);
	return g_test_run();
}
