/* SPDX-License-Identifier: Apache-2.0 */
/* What OpenSSL makes of the names of ciphers, asked of the one of this machine. */
#include "ciphers.h"
#include "rows.h"

typedef struct {
	const char *name;
	const char *text;
	gboolean wanted;
} Row;

static const Row names[] = {
	{ "a-cipher", "ECDHE-RSA-AES128-GCM-SHA256", TRUE },
	{ "a-class", "AES128", TRUE },
	{ "every-cipher", "ALL", TRUE },
	/* Of these, many a build has no cipher. */
	{ "a-class-that-is-empty", "RC4", TRUE },
	{ "a-class-of-old", "EXPORT", TRUE },
	{ "classes-joined", "kRSA+SHA1", TRUE },
	{ "classes-joined-of-which-one-is-empty", "kRSA+RC4", TRUE },
	{ "misspelled", "AES-128", FALSE },
	{ "another-case", "aes128", FALSE },
	{ "joined-with-something-unknown", "kRSA+NOSUCH", FALSE },
	/* A word for the head of a list alone. */
	{ "the-default", "DEFAULT", FALSE },
	{ "a-cut-name", "CBC3-SHA", FALSE },
};

static const Row lists[] = {
	{ "high", "aNULL:-aNULL:HIGH:MEDIUM:+RC4:@STRENGTH", TRUE },
	{ "high-without-a-class", "HIGH:!AES128", TRUE },
	{ "unknown-name-is-passed-over", "HIGH:!NOSUCH", TRUE },
	{ "all-excluded", "HIGH:!AES128:!ALL", FALSE },
	{ "the-only-one-excluded", "ECDHE-RSA-AES128-GCM-SHA256:!aRSA", FALSE },
};

static void
test_name(const void *data)
{
	const Row *row = data;

	g_assert_cmpint(ciphers_know(row->text), ==, row->wanted);
}

static void
test_list(const void *data)
{
	const Row *row = data;

	g_assert_cmpint(ciphers_leave_any(row->text), ==, row->wanted);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ROWS_ADD("know", names, test_name);
	ROWS_ADD("leave-any", lists, test_list);
	return g_test_run();
}
