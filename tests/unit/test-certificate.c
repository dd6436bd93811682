/* SPDX-License-Identifier: Apache-2.0 */
/* Which files of keys and certificates Postfix could use, and what is said of the others. */
#include "certificate.h"
#include "rows.h"

#include <glib/gstdio.h>

#include <string.h>

/* Two keys with their certificates, made anew for each run, and pieces of other text. */
static char *folder;

typedef struct {
	const char *name;
	/* The pieces of up to two files: "1" and "2" are the keys, "a" and "b" their certificates,
	 * "x" the encrypted first key, "g" garbage, "t" a certificate cut in the middle. NULL: no
	 * file. */
	const char *first;
	const char *second;
	const char *reason; /* a part of it; NULL: accepted */
} Row;

static const Row chain_rows[] = {
	{ "key-and-certificate", "1a", NULL, NULL },
	{ "key-and-certificate-in-two-files", "1", "a", NULL },
	{ "issuers-behind-the-certificate", "1ab", NULL, NULL },
	{ "two-pairs", "1a2b", NULL, NULL },
	{ "two-pairs-in-two-files", "1a", "2b", NULL },
	{ "other-text-between", "g1ga", NULL, NULL },
	{ "certificate-first", "a1", NULL, "before its key" },
	{ "certificate-alone", "a", NULL, "before its key" },
	{ "key-alone", "1", NULL, "no certificate behind it" },
	{ "last-key-alone", "1a2", NULL, "no certificate behind it" },
	{ "two-keys", "12a", NULL, "no certificate behind it" },
	{ "key-of-another-certificate", "1b", NULL, "does not match" },
	{ "second-key-of-another-certificate", "1a", "2a", "does not match" },
	{ "encrypted-key", "xa", NULL, "can't be read" },
	{ "garbage", "g", NULL, "neither key nor certificate" },
	{ "empty", "", NULL, "neither key nor certificate" },
	{ "cut-certificate", "1t", NULL, "damaged" },
	{ "no-file", NULL, NULL, "No such file" },
};

static const Row anchor_rows[] = {
	{ "one", "a", NULL, NULL },
	{ "several-with-text", "gabg", NULL, NULL },
	{ "key-beside-a-certificate", "1a", NULL, NULL },
	{ "key-alone", "1", NULL, "no certificate" },
	{ "garbage", "g", NULL, "no certificate" },
	{ "empty", "", NULL, "no certificate" },
	{ "cut-certificate", "at", NULL, "damaged" },
	{ "no-file", NULL, NULL, "No such file" },
};

/* reason: the certificates that a server with these files may show. */
static const Row leaf_rows[] = {
	{ "behind-its-key", "1a", NULL, "a" },
	{ "not-its-issuers", "1ab", NULL, "a" },
	{ "of-both-pairs", "1ag2b", NULL, "ab" },
	{ "in-another-file", "1", "ab", "a" },
	{ "before-its-key", "a1", NULL, "a" },
	{ "of-a-file-that-is-cut", "2b1t", NULL, "b" },
	{ "of-a-file-beside-one-of-garbage", "g", "2b", "b" },
	{ "of-no-file", NULL, NULL, "" },
};

/* Two days for a, twenty for b. reason: the first and the last to end. */
static const Row expiry_rows[] = {
	{ "one", "1a", NULL, "aa" },           { "earliest-first", "ab", NULL, "ab" },
	{ "latest-first", "ba1", NULL, "ab" }, { "key-alone", "1", NULL, NULL },
	{ "no-file", NULL, NULL, NULL },
};

static void
openssl(const char *arguments)
{
	g_autofree char *command = g_strconcat("openssl ", arguments, NULL);
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) argv = g_strsplit(command, " ", -1);
	int status;

	g_spawn_sync(folder, argv, NULL,
		     G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL,
		     NULL, NULL, NULL, NULL, &status, &error);
	g_assert_no_error(error);
	g_assert_cmpint(status, ==, 0);
}

static void
make_pieces(void)
{
	const char *const pairs[][2] = { { "1", "a" }, { "2", "b" } };

	for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++) {
		g_autofree char *make = g_strdup_printf(
			"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout %s "
			"-out %s -days %s -subj /CN=%s.test",
			pairs[i][0], pairs[i][1], i == 0 ? "2" : "20", pairs[i][1]);
		openssl(make);
	}
	openssl("pkcs8 -topk8 -in 1 -out x -passout pass:secret");
}

static void
append_piece(GString *text, char letter)
{
	const char name[] = { letter == 't' ? 'a' : letter, '\0' };
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_autofree char *piece = NULL;

	if (letter == 'g') {
		g_string_append(text, "no PEM at all\n");
		return;
	}
	g_assert_true(g_file_get_contents(path, &piece, NULL, NULL));
	g_string_append_len(text, piece, strlen(piece) / (letter == 't' ? 2 : 1));
}

static char *
write_file(const char *name, const char *pieces)
{
	char *path = g_build_filename(folder, name, NULL);
	g_autoptr(GString) text = g_string_new(NULL);

	for (; *pieces != '\0'; pieces++)
		append_piece(text, *pieces);
	g_assert_true(g_file_set_contents(path, text->str, (gssize)text->len, NULL));
	return path;
}

static void
judge(const char *reason, const char *wanted)
{
	if (wanted == NULL)
		g_assert_cmpstr(reason, ==, NULL);
	else if (reason == NULL || strstr(reason, wanted) == NULL)
		g_error("found \"%s\", wanted \"%s\"", reason, wanted);
}

static void
test_chain(const void *data)
{
	const Row *row = data;
	g_autofree char *first =
		row->first != NULL ? write_file("first", row->first) : g_strdup("/nonexistent");
	g_autofree char *second = row->second != NULL ? write_file("second", row->second) : NULL;
	const char *const files[] = { first, second };
	g_autofree char *reason = certificate_check_chain(files, second != NULL ? 2 : 1);

	judge(reason, row->reason);
}

static void
test_anchors(const void *data)
{
	const Row *row = data;
	g_autofree char *file =
		row->first != NULL ? write_file("first", row->first) : g_strdup("/nonexistent");
	g_autofree char *reason = certificate_check_anchors(file);

	judge(reason, row->reason);
}

/* Which certificate that is. */
static char
letter_of(GBytes *der)
{
	static const char *const names[] = { "a", "b" };
	g_autofree char *text = g_base64_encode(g_bytes_get_data(der, NULL), g_bytes_get_size(der));

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autoptr(GString) piece = g_string_new(NULL);
		append_piece(piece, names[i][0]);
		g_auto(GStrv) lines = g_strsplit(piece->str, "\n", -1);
		g_autofree char *joined = g_strjoinv("", lines);
		if (strstr(joined, text) != NULL)
			return names[i][0];
	}
	return '?';
}

static void
test_leaves(const void *data)
{
	const Row *row = data;
	g_autofree char *first =
		row->first != NULL ? write_file("first", row->first) : g_strdup("/nonexistent");
	g_autofree char *second = row->second != NULL ? write_file("second", row->second) : NULL;
	const char *const files[] = { first, second, NULL };
	g_autoptr(GPtrArray) leaves = certificate_load_leaves(files);
	g_autoptr(GString) found = g_string_new(NULL);

	for (guint i = 0; i < leaves->len; i++)
		g_string_append_c(found, letter_of(leaves->pdata[i]));
	g_assert_cmpstr(found->str, ==, row->reason);
}

static gint64
end_of(char letter)
{
	const char name[] = { letter, '\0' };
	g_autofree char *path = g_build_filename(folder, name, NULL);
	gint64 first, last;

	g_assert_true(certificate_expiry(path, &first, &last));
	g_assert_cmpint(first, ==, last);
	return first;
}

static void
test_expiry(const void *data)
{
	const Row *row = data;
	g_autofree char *file =
		row->first != NULL ? write_file("first", row->first) : g_strdup("/nonexistent");
	gint64 first, last;

	g_assert_cmpint(certificate_expiry(file, &first, &last), ==, row->reason != NULL);
	if (row->reason == NULL)
		return;
	g_assert_cmpint(first, ==, end_of(row->reason[0]));
	g_assert_cmpint(last, ==, end_of(row->reason[1]));
}

static void
test_days(void)
{
	gint64 now = g_get_real_time() / G_USEC_PER_SEC;
	gint64 days = (end_of('b') - now + 3600) / (24 * 3600);

	g_assert_cmpint(days, ==, 20);
	g_assert_cmpint(end_of('b') - end_of('a'), >=, 17 * 24 * 3600);
}

/* "n" has names of DNS, one of them not fit for a terminal. */
static void
test_facts(void)
{
	static const struct {
		const char *piece;
		const char *names;
		const char *issuer;
	} rows[] = { { "a", "a.test", "a.test" },
		     { "n", "mx.test \xef\xbf\xbd[2J.test", "nobody" },
		     { "o", "", "Org" } };

	openssl("req -x509 -key 1 -out n -days 2 -subj /O=Org/CN=nobody "
		"-addext subjectAltName=DNS:mx.test,DNS:\x1b[2J.test,email:x@y.test");
	openssl("req -x509 -key 1 -out o -days 2 -subj /O=Org");
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const char *const files[] = { write_file("first", rows[i].piece), NULL };
		g_autoptr(GPtrArray) leaves = certificate_load_leaves(files);
		g_auto(CertificateFacts) facts = { 0 };
		g_assert_true(certificate_read(leaves->pdata[0], &facts));
		g_autofree char *names = g_strjoinv(" ", facts.names);
		g_assert_cmpstr(names, ==, rows[i].names);
		g_assert_cmpstr(facts.issuer, ==, rows[i].issuer);
		g_assert_cmpint(facts.expires, ==, end_of(rows[i].piece[0]));
		g_free((void *)files[0]);
	}
}

static void
test_no_facts(void)
{
	g_autoptr(GBytes) garbage = g_bytes_new_static("\x30\x03garbage", 9);
	g_auto(CertificateFacts) facts = { 0 };

	g_assert_false(certificate_read(garbage, &facts));
	g_assert_null(facts.names);
}

static void
test_directory(void)
{
	g_autofree char *reason = certificate_check_anchors(folder);

	judge(reason, "not a regular file");
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	folder = g_dir_make_tmp("tlsgate-certificate-XXXXXX", NULL);
	g_assert_nonnull(folder);
	make_pieces();
	ROWS_ADD("chain", chain_rows, test_chain);
	ROWS_ADD("anchors", anchor_rows, test_anchors);
	g_test_add_func("/anchors/directory", test_directory);
	ROWS_ADD("leaves", leaf_rows, test_leaves);
	ROWS_ADD("expiry", expiry_rows, test_expiry);
	g_test_add_func("/expiry/days", test_days);
	g_test_add_func("/facts/names", test_facts);
	g_test_add_func("/facts/none", test_no_facts);
	int status = g_test_run();

	for (const char *const *name = (const char *const[]){ "1", "2", "a", "b", "n", "o", "x",
							      "first", "second", NULL };
	     *name != NULL; name++) {
		g_autofree char *path = g_build_filename(folder, *name, NULL);
		g_unlink(path);
	}
	g_rmdir(folder);
	g_free(folder);
	return status;
}
