/* SPDX-License-Identifier: Apache-2.0 */
/* test-ruledb: what the rules file answers, and that damage is never taken for "no rule". */
#include "ruledb.h"

#include "rows.h"
#include "ruledb-format.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define GENERATION 7

static const AddressRewriting rewriting = { "origin.test", "my.test", TRUE, FALSE, TRUE, TRUE };

/* ---- a small database ---- */

static void
add_exempt(RuleDbBuilder *builder, const char *text)
{
	const char *reason;
	Network network;

	g_assert_true(network_parse(text, &network, &reason));
	ruledb_builder_add_exempt_network(builder, &network);
}

static uint32_t
add_rule(RuleDbBuilder *builder, const char *name, CertificateDemand certificate,
	 Violation violation)
{
	const RuleDbRule rule = { name, certificate, violation };

	return ruledb_builder_add_rule(builder, &rule);
}

static GBytes *
build_small(uint64_t generation)
{
	g_autoptr(RuleDbBuilder) builder = ruledb_builder_new(&rewriting);
	uint32_t number;

	add_exempt(builder, "127.0.0.0/8");
	add_exempt(builder, "192.0.2.1");
	add_exempt(builder, "::1/128");
	number = add_rule(builder, "all", CERTIFICATE_ANY, VIOLATION_REPORT);
	ruledb_builder_add_all_mail(builder, number);
	number = add_rule(builder, "bank", CERTIFICATE_TRUSTED, VIOLATION_REJECT);
	ruledb_builder_add_sender_domain(builder, number, "bank.test");
	ruledb_builder_add_sender_domain(builder, number, ".bank.test");
	number = add_rule(builder, "pay", CERTIFICATE_ANY, VIOLATION_DEFER);
	ruledb_builder_add_sender_domain(builder, number, "bank.test");
	ruledb_builder_add_sender_domain(builder, number, ".test");
	number = add_rule(builder, "bounces", CERTIFICATE_ANY, VIOLATION_REJECT);
	ruledb_builder_add_sender_domain(builder, number, "<>");
	return ruledb_builder_finish(builder, generation);
}

/* ---- questions ---- */

typedef enum { ASK_SENDER, ASK_ALL_MAIL, ASK_EXEMPT } Ask;

typedef struct {
	const char *name;
	Ask ask;
	const char *key;
	const char *answer;
} Question;

static const Question questions[] = {
	{ "domain-with-two-rules", ASK_SENDER, "bank.test",
	  "bank/trusted/reject pay/any/defer pay/any/defer" },
	{ "subdomain", ASK_SENDER, "mx.bank.test", "bank/trusted/reject pay/any/defer" },
	{ "deep-subdomain", ASK_SENDER, "a.b.c.bank.test", "bank/trusted/reject pay/any/defer" },
	{ "parent-rule-alone", ASK_SENDER, "other.test", "pay/any/defer" },
	{ "suffix-that-is-no-parent", ASK_SENDER, "xbank.test", "pay/any/defer" },
	{ "top-level-domain-is-not-below-itself", ASK_SENDER, "test", "" },
	{ "domain-without-rule", ASK_SENDER, "other.example", "" },
	{ "null-sender", ASK_SENDER, "<>", "bounces/any/reject" },
	{ "empty-domain", ASK_SENDER, "", "" },
	{ "key-of-another-kind", ASK_SENDER, "\x04", "" },
	{ "all-mail", ASK_ALL_MAIL, NULL, "all/any/report" },
	{ "client-in-exempt-network", ASK_EXEMPT, "127.1.2.3", "exempt" },
	{ "exempt-single-client", ASK_EXEMPT, "192.0.2.1", "exempt" },
	{ "client-beside-exempt-client", ASK_EXEMPT, "192.0.2.2", "" },
	{ "exempt-ipv6-client", ASK_EXEMPT, "::1", "exempt" },
	{ "client-beside-exempt-ipv6-client", ASK_EXEMPT, "::2", "" },
	{ "mapped-client", ASK_EXEMPT, "::ffff:127.0.0.1", "exempt" },
};

static void
append_rule(uint32_t number, const RuleDbRule *rule, void *data)
{
	const char *certificate = names_word(&names_certificate, rule->certificate);

	g_string_append_printf(data, "%s%s/%s/%s", ((GString *)data)->len > 0 ? " " : "",
			       rule->name, certificate != NULL ? certificate : "any",
			       names_word(&names_violation, rule->violation));
}

/* The answer, or NULL with error set. */
static char *
dup_answer(RuleDb *db, const Question *question, GError **error)
{
	g_autoptr(GString) answer = g_string_new(NULL);
	gboolean is_exempt = FALSE;
	gboolean done = FALSE;
	Network client;

	switch (question->ask) {
	case ASK_SENDER:
		done = ruledb_visit_sender(db, question->key, append_rule, answer, error);
		break;
	case ASK_ALL_MAIL:
		done = ruledb_visit_all_mail(db, append_rule, answer, error);
		break;
	case ASK_EXEMPT:
		g_assert_true(network_parse_address(question->key, &client));
		done = ruledb_find_exempt(db, &client, &is_exempt, error);
		break;
	}
	if (is_exempt)
		g_string_append(answer, "exempt");
	return done ? g_strdup(answer->str) : NULL;
}

static void
assert_answer(RuleDb *db, const Question *question)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *answer = dup_answer(db, question, &error);

	g_assert_no_error(error);
	g_assert_cmpstr(answer, ==, question->answer);
}

static void
test_question(const void *data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) bytes = build_small(GENERATION);
	g_autoptr(RuleDb) db = ruledb_open_bytes(bytes, &error);

	g_assert_no_error(error);
	assert_answer(db, data);
}

/* Each question is answered as in the intact file, or not at all; FALSE if one was not. */
static gboolean
answers_right_or_not(GBytes *bytes)
{
	g_autoptr(RuleDb) db = ruledb_open_bytes(bytes, NULL);

	if (db == NULL)
		return FALSE;
	for (size_t i = 0; i < G_N_ELEMENTS(questions); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *answer = dup_answer(db, &questions[i], &error);

		if (answer == NULL)
			g_assert_nonnull(error);
		else
			g_assert_cmpstr(answer, ==, questions[i].answer);
	}
	return ruledb_verify(db, NULL);
}

/* A copy to be spoilt. */
static uint8_t *
dup_bytes(GBytes *bytes, size_t *size)
{
	const void *data = g_bytes_get_data(bytes, size);
	uint8_t *copy = g_malloc(*size);

	memcpy(copy, data, *size);
	return copy;
}

/* ---- files ---- */

static char *
write_file(const void *data, size_t size)
{
	g_autoptr(GError) error = NULL;
	char *path = NULL;
	const int fd = g_file_open_tmp("tlsgate-ruledb-XXXXXX", &path, &error);

	g_assert_no_error(error);
	g_assert_cmpint(write(fd, data, size), ==, size);
	close(fd);
	return path;
}

static char *
write_bytes(GBytes *bytes)
{
	size_t size;
	const void *data = g_bytes_get_data(bytes, &size);

	return write_file(data, size);
}

typedef RuleDb *(*Open)(const char *path, GError **error);

static void
check_file(Open open_file)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) bytes = build_small(GENERATION);
	g_autofree char *path = write_bytes(bytes);
	g_autoptr(RuleDb) db = open_file(path, &error);

	g_unlink(path);
	g_assert_no_error(error);
	g_assert_cmpuint(ruledb_generation(db), ==, GENERATION);
	g_assert_cmpuint(ruledb_n_rules(db), ==, 4);
	for (size_t i = 0; i < G_N_ELEMENTS(questions); i++)
		assert_answer(db, &questions[i]);
	g_assert_true(ruledb_verify(db, &error));
	g_assert_no_error(error);
}

static void
test_mapped(void)
{
	check_file(ruledb_open);
}

static void
test_unmapped(void)
{
	check_file(ruledb_open_unmapped);
}

/* Reading goes on in a file that has been cut: damage, not "no rule". */
static void
test_cut_while_open(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) bytes = build_small(GENERATION);

	for (size_t size = 0; size < g_bytes_get_size(bytes); size++) {
		g_autofree char *path = write_bytes(bytes);
		g_autoptr(RuleDb) db = ruledb_open_unmapped(path, &error);

		g_assert_no_error(error);
		g_assert_cmpint(truncate(path, (off_t)size), ==, 0);
		g_unlink(path);
		for (size_t i = 0; i < G_N_ELEMENTS(questions); i++) {
			g_autoptr(GError) damage = NULL;
			g_autofree char *answer = dup_answer(db, &questions[i], &damage);

			if (answer == NULL)
				g_assert_error(damage, RULEDB_ERROR, RULEDB_ERROR_DAMAGED);
			else
				g_assert_cmpstr(answer, ==, questions[i].answer);
		}
		g_assert_false(ruledb_verify(db, NULL));
	}
}

static void
assert_refused(const char *path, RuleDbError code)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GError) error_unmapped = NULL;

	g_assert_null(ruledb_open(path, &error));
	g_assert_error(error, RULEDB_ERROR, (int)code);
	g_assert_nonnull(strstr(error->message, path));
	g_assert_null(ruledb_open_unmapped(path, &error_unmapped));
	g_assert_error(error_unmapped, RULEDB_ERROR, (int)code);
}

static void
test_empty_file(void)
{
	g_autofree char *path = write_file("", 0);

	assert_refused(path, RULEDB_ERROR_DAMAGED);
	g_unlink(path);
}

static void
test_absent_file(void)
{
	assert_refused("/nonexistent/rules.db", RULEDB_ERROR_ABSENT);
	assert_refused("/dev/null/rules.db", RULEDB_ERROR_ABSENT);
}

static void
test_no_regular_file(void)
{
	assert_refused("/", RULEDB_ERROR_IO);
	assert_refused("/dev/null", RULEDB_ERROR_IO);
}

static void
test_unreadable_file(void)
{
	g_autoptr(GBytes) bytes = build_small(GENERATION);
	g_autofree char *path = write_bytes(bytes);

	g_assert_cmpint(chmod(path, 0), ==, 0);
	if (geteuid() == 0)
		g_test_skip("root may read everything");
	else
		assert_refused(path, RULEDB_ERROR_PERMISSION);
	g_unlink(path);
}

/* ---- damage ---- */

static void
test_flips(void)
{
	g_autoptr(GBytes) intact = build_small(GENERATION);
	size_t size = g_bytes_get_size(intact);

	g_assert_true(answers_right_or_not(intact));
	for (size_t bit = 0; bit < size * 8; bit++) {
		g_autofree uint8_t *copy = dup_bytes(intact, &size);

		copy[bit / 8] ^= (uint8_t)(1 << (bit % 8));
		g_autoptr(GBytes) flipped = g_bytes_new(copy, size);
		g_assert_false(answers_right_or_not(flipped));
	}
}

static void
test_bytes(void)
{
	g_autoptr(GBytes) intact = build_small(GENERATION);
	size_t size;
	const uint8_t *data = g_bytes_get_data(intact, &size);

	for (size_t i = 0; i < size; i++) {
		for (unsigned value = 0; value < 256; value++) {
			if (data[i] == value)
				continue;
			g_autofree uint8_t *copy = dup_bytes(intact, &size);
			copy[i] = (uint8_t)value;
			g_autoptr(GBytes) changed = g_bytes_new(copy, size);
			g_assert_false(answers_right_or_not(changed));
		}
	}
}

static void
test_truncations(void)
{
	g_autoptr(GBytes) intact = build_small(GENERATION);

	for (size_t size = 0; size < g_bytes_get_size(intact); size++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(GBytes) shorter = g_bytes_new_from_bytes(intact, 0, size);

		g_assert_null(ruledb_open_bytes(shorter, &error));
		g_assert_error(error, RULEDB_ERROR, RULEDB_ERROR_DAMAGED);
	}
}

static void
test_appended(void)
{
	g_autoptr(GBytes) intact = build_small(GENERATION);
	size_t size;
	const uint8_t *data = g_bytes_get_data(intact, &size);
	g_autofree uint8_t *copy = g_malloc0(size + 1);

	memcpy(copy, data, size);
	g_autoptr(GBytes) longer = g_bytes_new(copy, size + 1);
	g_assert_false(answers_right_or_not(longer));
}

/* Blocks of an older generation's file, which has the same layout, are no records of this one. */
static void
test_stale_blocks(void)
{
	g_autoptr(GBytes) intact = build_small(GENERATION);
	g_autoptr(GBytes) older = build_small(GENERATION - 1);
	size_t size;
	const uint8_t *data = g_bytes_get_data(intact, &size);
	const uint8_t *old_data = g_bytes_get_data(older, NULL);

	g_assert_cmpuint(g_bytes_get_size(older), ==, size);
	for (size_t start = 0; start < size; start += 16) {
		g_autofree uint8_t *copy = dup_bytes(intact, &size);
		const size_t n = MIN(16, size - start);

		if (memcmp(data + start, old_data + start, n) == 0)
			continue;
		memcpy(copy + start, old_data + start, n);
		g_autoptr(GBytes) mixed = g_bytes_new(copy, size);
		g_assert_false(answers_right_or_not(mixed));
	}
}

static void
test_zeroed_blocks(void)
{
	g_autoptr(GBytes) intact = build_small(GENERATION);
	size_t size;
	const uint8_t *data = g_bytes_get_data(intact, &size);

	for (size_t start = 0; start < size; start++) {
		g_autofree uint8_t *copy = dup_bytes(intact, &size);

		memset(copy + start, 0, size - start);
		if (memcmp(copy, data, size) == 0)
			continue;
		g_autoptr(GBytes) zeroed = g_bytes_new(copy, size);
		g_assert_false(answers_right_or_not(zeroed));
	}
}

/* ---- whole records with wrong content ---- */

/* The file with one change in the content of the record that holds needle, all checksums right. */
static GBytes *
build_forged(const char *needle, size_t needle_length, const char *replacement)
{
	g_autoptr(GBytes) intact = build_small(GENERATION);
	size_t size;
	g_autofree uint8_t *copy = dup_bytes(intact, &size);
	const size_t header_size = ruledb_format_get(copy + RULEDB_MAGIC_SIZE + 4, 4);
	uint8_t *found = memmem(copy + header_size, size - header_size, needle, needle_length);

	g_assert_nonnull(found);
	memcpy(found, replacement, needle_length);
	for (const uint8_t *offset = copy + header_size;; offset += 8) {
		const size_t start = ruledb_format_get(offset, 8);
		const size_t end = ruledb_format_get(offset + 8, 8);
		const uint32_t number = (uint32_t)ruledb_format_get(copy + start, 4);

		if (copy + end <= found)
			continue;
		ruledb_format_put(copy + end - 8,
				  ruledb_format_checksum(GENERATION, number,
							 copy + start + RULEDB_RECORD_HEAD,
							 end - start - RULEDB_RECORD_FRAME),
				  8);
		break;
	}
	return g_bytes_new(copy, size);
}

typedef struct {
	const char *name;
	size_t length;
	const char *needle;
	const char *replacement;
	gboolean only_verify_sees; /* a question can't */
} Forgery;

#define FORGERY(name, needle, replacement, only_verify_sees)                   \
	{                                                                      \
		name, sizeof needle - 1, needle, replacement, only_verify_sees \
	}

/* A rule's record: field 1, length, name; field 2, length 1, certificate; field 3, violation. */
static const Forgery forgeries[] = {
	FORGERY("unknown-field-is-damage", "bank\0\2\1\0\1", "bank\0\4\1\0\1", FALSE),
	FORGERY("repeated-field-is-damage", "bank\0\2\1\0\1", "bank\0\3\1\0\1", FALSE),
	FORGERY("field-beyond-the-record-is-damage", "bank\0\2\1\0\1", "bank\0\2\1\1\1", FALSE),
	FORGERY("unknown-certificate-is-damage", "bank\0\2\1\0\1", "bank\0\2\1\0\2", FALSE),
	FORGERY("unknown-violation-is-damage", "bank\0\2\1\0\1\3\1\0\2", "bank\0\2\1\0\1\3\1\0\3",
		FALSE),
	FORGERY("name-with-other-letters-is-damage", "bank\0\2", "bANK\0\2", FALSE),
	FORGERY("name-with-newline-is-damage", "bank\0\2", "ba\nk\0\2", FALSE),
	FORGERY("name-that-ends-early-is-damage", "bank\0\2", "ba\0k\0\2", FALSE),
	FORGERY("name-without-end-is-damage", "bank\0\2", "bankx\2", FALSE),
	FORGERY("unknown-rule-is-damage", "<>\1\0\0\0\3\0\0\0", "<>\1\0\0\0\4\0\0\0", FALSE),
	FORGERY("huge-rule-number-is-damage", "<>\1\0\0\0\3\0\0\0", "<>\1\0\0\0\3\0\0\x80", FALSE),
	FORGERY("more-numbers-than-the-record-is-damage", "<>\1\0\0\0\3", "<>\xff\xff\xff\xff\3",
		FALSE),
	FORGERY("longer-key-than-the-record-is-damage", "\2\2\0<>", "\2\xff\xff<>", FALSE),
	FORGERY("unknown-key-kind-is-damage", "\2\2\0<>", "\4\2\0<>", TRUE),
	FORGERY("key-in-a-wrong-bucket-is-damage", "\2\2\0<>", "\2\2\0<<", TRUE),
	FORGERY("rule-without-a-key-is-damage", "<>\1\0\0\0\3\0\0\0", "<>\1\0\0\0\2\0\0\0", TRUE),
	FORGERY("unannounced-prefix-is-damage", "\3\6\0\0\x20\xc0\0\2\1", "\3\6\0\0\x1f\xc0\0\2\1",
		TRUE),
};

static void
test_forgery(const void *data)
{
	const Forgery *forgery = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) bytes =
		build_forged(forgery->needle, forgery->length, forgery->replacement);
	g_autoptr(RuleDb) db = ruledb_open_bytes(bytes, &error);
	gboolean is_seen = FALSE;

	g_assert_no_error(error);
	for (size_t i = 0; i < G_N_ELEMENTS(questions); i++) {
		g_autoptr(GError) damage = NULL;
		g_autofree char *answer = dup_answer(db, &questions[i], &damage);

		if (answer == NULL) {
			g_assert_error(damage, RULEDB_ERROR, RULEDB_ERROR_DAMAGED);
			is_seen = TRUE;
		}
	}
	g_assert_true(is_seen || forgery->only_verify_sees);
	g_assert_false(ruledb_verify(db, &error));
	g_assert_error(error, RULEDB_ERROR, RULEDB_ERROR_DAMAGED);
}

/* ---- the header ---- */

/* Overwrite a number in the header and make the checksum right again. */
static GBytes *
build_with_header(size_t at, uint64_t value, size_t n_bytes)
{
	g_autoptr(GBytes) intact = build_small(GENERATION);
	size_t size;
	g_autofree uint8_t *copy = dup_bytes(intact, &size);
	const size_t covered = ruledb_format_get(copy + RULEDB_MAGIC_SIZE + 4, 4) - 8;

	ruledb_format_put(copy + at, value, n_bytes);
	ruledb_format_put(copy + covered, ruledb_format_fnv(RULEDB_FNV_START, copy, covered), 8);
	return g_bytes_new(copy, size);
}

typedef struct {
	const char *name;
	size_t at;
	size_t n_bytes;
	uint64_t value;
	RuleDbError code;
} Header;

static const Header headers[] = {
	{ "next-format-is-unknown", 8, 4, RULEDB_FORMAT + 1, RULEDB_ERROR_FORMAT },
	{ "format-0-is-unknown", 8, 4, 0, RULEDB_ERROR_FORMAT },
	{ "huge-header-is-damage", 12, 4, 0xffffffff, RULEDB_ERROR_DAMAGED },
	{ "small-header-is-damage", 12, 4, RULEDB_HEADER_MIN - 1, RULEDB_ERROR_DAMAGED },
	{ "other-file-size-is-damage", 24, 8, 1, RULEDB_ERROR_DAMAGED },
	{ "huge-file-size-is-damage", 24, 8, UINT64_MAX, RULEDB_ERROR_DAMAGED },
	{ "no-bucket-is-damage", 32, 4, 0, RULEDB_ERROR_DAMAGED },
	{ "buckets-not-a-power-of-two-is-damage", 32, 4, 3, RULEDB_ERROR_DAMAGED },
	{ "too-many-buckets-is-damage", 32, 4, 0x80000000, RULEDB_ERROR_DAMAGED },
	{ "too-many-rules-is-damage", 36, 4, 0xffffffff, RULEDB_ERROR_DAMAGED },
	{ "one-rule-less-is-damage", 36, 4, 3, RULEDB_ERROR_DAMAGED },
	{ "no-largest-record-is-damage", 40, 4, 0, RULEDB_ERROR_DAMAGED },
	{ "record-larger-than-the-file-is-damage", 40, 4, 0xffffffff, RULEDB_ERROR_DAMAGED },
	{ "unknown-rewriting-flag-is-damage", 44, 1, 0xff, RULEDB_ERROR_DAMAGED },
	{ "text-longer-than-the-header-is-damage", 67, 2, 0xffff, RULEDB_ERROR_DAMAGED },
	{ "text-with-other-length-is-damage", 67, 2, 10, RULEDB_ERROR_DAMAGED },
	{ "text-with-nul-is-damage", 70, 1, 0, RULEDB_ERROR_DAMAGED },
};

static void
test_header(const void *data)
{
	const Header *header = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) bytes = build_with_header(header->at, header->value, header->n_bytes);

	g_assert_null(ruledb_open_bytes(bytes, &error));
	g_assert_error(error, RULEDB_ERROR, (int)header->code);
}

/* A record that is larger than the header says is not read into a slot of that size. */
static void
test_largest_record(void)
{
	g_autoptr(GBytes) bytes = build_with_header(40, RULEDB_RECORD_FRAME, 4);

	g_assert_false(answers_right_or_not(bytes));
}

/* ---- building ---- */

static void
test_deterministic(void)
{
	g_autoptr(GBytes) one = build_small(GENERATION);
	g_autoptr(GBytes) two = build_small(GENERATION);

	g_assert_true(g_bytes_equal(one, two));
}

static void
test_no_rules(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(RuleDbBuilder) builder = ruledb_builder_new(&rewriting);
	g_autoptr(GBytes) bytes = ruledb_builder_finish(builder, UINT64_MAX);
	g_autoptr(RuleDb) db = ruledb_open_bytes(bytes, &error);
	const Question question = { "", ASK_SENDER, "bank.test", "" };

	g_assert_no_error(error);
	g_assert_cmpuint(ruledb_generation(db), ==, UINT64_MAX);
	g_assert_cmpuint(ruledb_n_rules(db), ==, 0);
	assert_answer(db, &question);
	g_assert_true(ruledb_verify(db, &error));
}

static void
test_rewriting(void)
{
	for (unsigned flags = 0; flags < 16; flags++) {
		const AddressRewriting given = { flags & 1 ? "o.test" : NULL,
						 flags & 2 ? "m.test" : "",
						 (flags & 1) != 0,
						 (flags & 2) != 0,
						 (flags & 4) != 0,
						 (flags & 8) != 0 };
		g_autoptr(RuleDbBuilder) builder = ruledb_builder_new(&given);
		g_autoptr(GBytes) bytes = ruledb_builder_finish(builder, 1);
		g_autoptr(RuleDb) db = ruledb_open_bytes(bytes, NULL);
		const AddressRewriting *found = ruledb_rewriting(db);

		g_assert_cmpstr(found->myorigin, ==, flags & 1 ? "o.test" : "");
		g_assert_cmpstr(found->mydomain, ==, flags & 2 ? "m.test" : "");
		g_assert_cmpint(found->append_at_myorigin, ==, given.append_at_myorigin);
		g_assert_cmpint(found->append_dot_mydomain, ==, given.append_dot_mydomain);
		g_assert_cmpint(found->allow_percent_hack, ==, given.allow_percent_hack);
		g_assert_cmpint(found->swap_bangpath, ==, given.swap_bangpath);
	}
}

static void
test_rule_names(void)
{
	g_autofree char *longest = g_strnfill(RULEDB_MAX_NAME, 'x');
	g_autofree char *longer = g_strnfill(RULEDB_MAX_NAME + 1, 'x');

	g_assert_true(ruledb_is_rule_name("a-z.0_9"));
	g_assert_true(ruledb_is_rule_name(longest));
	g_assert_false(ruledb_is_rule_name(longer));
	g_assert_false(ruledb_is_rule_name(""));
	g_assert_false(ruledb_is_rule_name("Bank"));
	g_assert_false(ruledb_is_rule_name("a b"));
	g_assert_false(ruledb_is_rule_name("a:b"));
	g_assert_false(ruledb_is_rule_name("b\xc3\xa4nk"));
}

/* ---- many ---- */

#define MANY 100000

static void
test_many(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(RuleDbBuilder) builder = ruledb_builder_new(&rewriting);

	for (unsigned i = 0; i < MANY; i++) {
		g_autofree char *name = g_strdup_printf("rule-%u", i);
		g_autofree char *domain = g_strdup_printf("d%u.test", i);
		const uint32_t number =
			add_rule(builder, name, CERTIFICATE_TRUSTED, VIOLATION_REJECT);

		ruledb_builder_add_sender_domain(builder, number, domain);
	}
	g_autoptr(GBytes) bytes = ruledb_builder_finish(builder, GENERATION);
	g_autoptr(RuleDb) db = ruledb_open_bytes(bytes, &error);
	g_assert_no_error(error);
	for (unsigned i = 0; i < MANY; i++) {
		g_autofree char *domain = g_strdup_printf("d%u.test", i);
		g_autofree char *absent = g_strdup_printf("e%u.test", i);
		g_autofree char *answer = g_strdup_printf("rule-%u/trusted/reject", i);
		const Question present = { "", ASK_SENDER, domain, answer };
		const Question missing = { "", ASK_SENDER, absent, "" };

		assert_answer(db, &present);
		assert_answer(db, &missing);
	}
	g_assert_true(ruledb_verify(db, &error));
}

static void
test_many_on_one_key(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(RuleDbBuilder) builder = ruledb_builder_new(&rewriting);
	g_autoptr(GString) answer = g_string_new(NULL);

	for (unsigned i = 0; i < RULEDB_MAX_RULES_PER_KEY; i++) {
		g_autofree char *name = g_strdup_printf("rule-%u", i);
		const RuleDbRule rule = { name, CERTIFICATE_ANY, VIOLATION_DEFER };
		const uint32_t number = ruledb_builder_add_rule(builder, &rule);

		ruledb_builder_add_sender_domain(builder, number, "bank.test");
		ruledb_builder_add_sender_domain(builder, number, "bank.test");
		append_rule(number, &rule, answer);
	}
	g_autoptr(GBytes) bytes = ruledb_builder_finish(builder, GENERATION);
	g_autofree char *path = write_bytes(bytes);
	g_autoptr(RuleDb) db = ruledb_open_unmapped(path, &error);
	const Question question = { "", ASK_SENDER, "bank.test", answer->str };
	g_unlink(path);
	g_assert_no_error(error);
	assert_answer(db, &question);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ROWS_ADD("ruledb", questions, test_question);
	ROWS_ADD("ruledb", forgeries, test_forgery);
	ROWS_ADD("ruledb", headers, test_header);
	g_test_add_func("/ruledb/mapped-file-answers", test_mapped);
	g_test_add_func("/ruledb/unmapped-file-answers-the-same", test_unmapped);
	g_test_add_func("/ruledb/file-cut-while-open-is-damage", test_cut_while_open);
	g_test_add_func("/ruledb/empty-file-is-damage", test_empty_file);
	g_test_add_func("/ruledb/absent-file-is-absent", test_absent_file);
	g_test_add_func("/ruledb/what-is-no-regular-file-is-refused", test_no_regular_file);
	g_test_add_func("/ruledb/unreadable-file-is-a-matter-of-permission", test_unreadable_file);
	g_test_add_func("/ruledb/each-flipped-bit-is-damage", test_flips);
	g_test_add_func("/ruledb/each-changed-byte-is-damage", test_bytes);
	g_test_add_func("/ruledb/each-truncation-is-damage", test_truncations);
	g_test_add_func("/ruledb/appended-byte-is-damage", test_appended);
	g_test_add_func("/ruledb/blocks-of-another-generation-are-damage", test_stale_blocks);
	g_test_add_func("/ruledb/zeroed-end-is-damage", test_zeroed_blocks);
	g_test_add_func("/ruledb/record-above-the-largest-is-damage", test_largest_record);
	g_test_add_func("/ruledb/same-input-gives-same-bytes", test_deterministic);
	g_test_add_func("/ruledb/no-rules-are-whole", test_no_rules);
	g_test_add_func("/ruledb/rewriting-parameters-come-back", test_rewriting);
	g_test_add_func("/ruledb/rule-names", test_rule_names);
	g_test_add_func("/ruledb/100000-rules-are-found", test_many);
	g_test_add_func("/ruledb/1024-rules-on-one-key-are-found", test_many_on_one_key);
	return g_test_run();
}
