/* SPDX-License-Identifier: Apache-2.0 */
/* Words and domain names: what is one, what is not, and why. */
#include "hostname.h"
#include "names.h"
#include "rows.h"

#include <string.h>

typedef struct {
	const char *name;
	const char *domain;
	const char *reason; /* a part of it; NULL: accepted */
} HostRow;

#define LABEL_63 "a23456789012345678901234567890123456789012345678901234567890123"

static const HostRow host_rows[] = {
	{ "plain", "example.com", NULL },
	{ "single-label", "localhost", NULL },
	{ "underscore", "_dmarc.example", NULL },
	{ "digits-in-labels", "1.2.3.example", NULL },
	{ "hyphen-inside", "a-b.example", NULL },
	{ "label-of-63", LABEL_63 ".example", NULL },
	{ "label-of-64", LABEL_63 "4.example", "63" },
	{ "empty", "", "empty" },
	{ "two-dots", "a..b", "empty label" },
	{ "dot-first", ".a", "empty label" },
	{ "dot-last", "a.", "empty label" },
	{ "hyphen-first", "-a.example", "hyphen" },
	{ "hyphen-last", "a-.example", "hyphen" },
	{ "all-digits", "1.2.3.4", "digits" },
	{ "blank", "a b", "character" },
	{ "star", "*.example", "character" },
	{ "colon", "a:25", "character" },
	{ "bracket", "[a]", "character" },
};

static void
test_host(const void *data)
{
	const HostRow *row = data;
	const char *reason = hostname_check(row->domain);

	if (row->reason == NULL)
		g_assert_null(reason);
	else
		g_assert_nonnull(strstr(reason != NULL ? reason : "", row->reason));
}

static void
test_longest(void)
{
	g_autofree char *longest = g_strjoin(".", LABEL_63, LABEL_63, LABEL_63, LABEL_63, NULL);
	g_autofree char *longer = g_strconcat(longest, "a", NULL);

	g_assert_cmpuint(strlen(longest), ==, HOSTNAME_MAX);
	g_assert_null(hostname_check(longest));
	g_assert_nonnull(hostname_check(longer));
}

typedef struct {
	const char *name;
	const char *domain;
	gboolean is_international;
} InternationalRow;

static const InternationalRow international_rows[] = {
	{ "ascii", "example.com", FALSE },
	{ "u-label",
	  "b\xc3\xbc"
	  "cher.example",
	  TRUE },
	{ "a-label", "xn--bcher-kva.example", TRUE },
	{ "a-label-in-capitals", "XN--bcher-kva.example", TRUE },
	{ "a-label-below", "mail.xn--bcher-kva.example", TRUE },
	{ "xn-inside-a-label", "axn--b.example", FALSE },
};

static void
test_international(const void *data)
{
	const InternationalRow *row = data;

	g_assert_cmpint(hostname_is_international(row->domain), ==, row->is_international);
}

static void
test_every_word_has_its_code(void)
{
	const NameTable *const tables[] = {
		&names_security_level, &names_receive_level,  &names_client_certificate,
		&names_violation,      &names_policy_failure, &names_certificate,
		&names_table_type,
	};

	for (size_t i = 0; i < G_N_ELEMENTS(tables); i++)
		for (size_t code = 0; code < tables[i]->n_words; code++) {
			const char *word = names_word(tables[i], (int)code);
			if (word != NULL)
				g_assert_cmpint(names_code(tables[i], word), ==, code);
		}
	g_assert_cmpint(names_code(&names_security_level, "Encrypt"), ==, -1);
	g_assert_cmpint(names_code(&names_receive_level, "secure"), ==, -1);
	g_assert_cmpint(names_code(&names_certificate, ""), ==, -1);
}

static void
test_choice(void)
{
	g_autofree char *three = names_dup_choice(&names_receive_level);
	g_autofree char *one = names_dup_choice(&names_certificate);

	g_assert_cmpstr(three, ==, "\"none\", \"may\" or \"encrypt\"");
	g_assert_cmpstr(one, ==, "\"trusted\"");
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ROWS_ADD("hostname", host_rows, test_host);
	ROWS_ADD("international", international_rows, test_international);
	g_test_add_func("/hostname/longest", test_longest);
	g_test_add_func("/names/every-word-has-its-code", test_every_word_has_its_code);
	g_test_add_func("/names/choice", test_choice);
	return g_test_run();
}
