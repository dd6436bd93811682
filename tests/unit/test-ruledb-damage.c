/* SPDX-License-Identifier: Apache-2.0 */
/* test-ruledb-damage: damage to the rules file is never taken for "no rule". */
#include "ruledb.h"

#include "rows.h"
#include "ruledb-format.h"
#include "ruledb-small.h"

#include <glib.h>
#include <stdint.h>
#include <string.h>

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

	/* Some values: all take long, and none is like another for the checksum. */
	for (size_t i = 0; i < size; i++) {
		for (unsigned step = 15; step < 256; step += 15) {
			g_autofree uint8_t *copy = dup_bytes(intact, &size);
			copy[i] = (uint8_t)(data[i] + step);
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

/* A rule's record: u8 field, u32 length, value; the name (1), certificate (2), violation (3),
 * minimum of protocol (4) and of cipher bits (5), then the lists. */
static const Forgery forgeries[] = {
	FORGERY("unknown-field-is-damage", "bank\0\2\1\0\0\0\1", "bank\0\16\1\0\0\0\1", FALSE),
	FORGERY("repeated-field-is-damage", "bank\0\2\1\0\0\0\1", "bank\0\3\1\0\0\0\1", FALSE),
	FORGERY("field-beyond-the-record-is-damage", "bank\0\2\1\0\0\0", "bank\0\2\1\1\0\0", FALSE),
	FORGERY("huge-field-is-damage", "bank\0\2\1\0\0\0", "bank\0\2\xff\xff\xff\xff", FALSE),
	FORGERY("unknown-certificate-is-damage", "bank\0\2\1\0\0\0\1", "bank\0\2\1\0\0\0\2", FALSE),
	FORGERY("unknown-violation-is-damage", "bank\0\2\1\0\0\0\1\3\1\0\0\0\2",
		"bank\0\2\1\0\0\0\1\3\1\0\0\0\3", FALSE),
	FORGERY("name-with-other-letters-is-damage", "bank\0\2", "bANK\0\2", FALSE),
	FORGERY("name-with-newline-is-damage", "bank\0\2", "ba\nk\0\2", FALSE),
	FORGERY("name-that-ends-early-is-damage", "bank\0\2", "ba\0k\0\2", FALSE),
	FORGERY("name-without-end-is-damage", "bank\0\2", "bankx\2", FALSE),
	FORGERY("unknown-protocol-is-damage", "\4\1\0\0\0\3", "\4\1\0\0\0\5", FALSE),
	FORGERY("minimum-of-two-lengths-is-damage", "\5\2\0\0\0\0\1\6", "\5\1\0\0\0\0\1\6", FALSE),
	FORGERY("list-in-place-of-another-is-damage", "\11\3\0\0\0\1\0c", "\12\3\0\0\0\1\0c",
		FALSE),
	FORGERY("empty-text-in-a-list-is-damage", "\11\3\0\0\0\1\0c", "\11\3\0\0\0\0\0c", FALSE),
	FORGERY("text-beyond-its-list-is-damage", "\11\3\0\0\0\1\0c", "\11\3\0\0\0\2\0c", FALSE),
	FORGERY("text-with-nul-in-a-list-is-damage", "\11\3\0\0\0\1\0c", "\11\3\0\0\0\1\0\0",
		FALSE),
	FORGERY("half-a-text-in-a-list-is-damage", "\6\0a.test\7\0.a.test", "\5\0a.test\7\0.a.test",
		FALSE),
	FORGERY("unknown-family-in-a-list-is-damage", "\0\10\12\0\0\0", "\2\10\12\0\0\0", FALSE),
	FORGERY("network-with-host-bits-is-damage", "\0\10\12\0\0\0", "\0\10\12\0\0\1", FALSE),
	FORGERY("network-with-33-bits-is-damage", "\0\10\12\0\0\0", "\0\41\12\0\0\0", FALSE),
	FORGERY("half-a-network-in-a-list-is-damage", "\0\10\12\0\0\0", "\1\10\12\0\0\0", FALSE),
	FORGERY("unknown-rule-is-damage", "<>\1\0\0\0\3\0\0\0", "<>\1\0\0\0\10\0\0\0", FALSE),
	FORGERY("huge-rule-number-is-damage", "<>\1\0\0\0\3\0\0\0", "<>\1\0\0\0\3\0\0\x80", FALSE),
	FORGERY("more-numbers-than-the-record-is-damage", "<>\1\0\0\0\3", "<>\xff\xff\xff\xff\3",
		FALSE),
	FORGERY("longer-key-than-the-record-is-damage", "\2\2\0<>", "\2\xff\xff<>", FALSE),
	FORGERY("unknown-key-kind-is-damage", "\2\2\0<>", "\7\2\0<>", TRUE),
	FORGERY("key-in-a-wrong-bucket-is-damage", "\2\2\0<>", "\2\2\0<<", TRUE),
	FORGERY("rule-without-a-key-is-damage", "<>\1\0\0\0\3\0\0\0", "<>\1\0\0\0\2\0\0\0", TRUE),
	FORGERY("unannounced-exempt-prefix-is-damage", "\3\6\0\0\x20\xc0\0\2\1",
		"\3\6\0\0\x1f\xc0\0\2\1", TRUE),
	FORGERY("unannounced-client-prefix-is-damage", "\5\6\0\0\x18\xc6\x33\x64\0",
		"\5\6\0\0\x19\xc6\x33\x64\0", TRUE),
	FORGERY("client-network-of-two-lengths-is-damage", "\5\6\0\0\x18\xc6\x33\x64\0",
		"\5\6\0\1\x18\xc6\x33\x64\0", TRUE),
	FORGERY("client-network-with-host-bits-is-damage", "\5\6\0\0\x18\xc6\x33\x64\0",
		"\5\6\0\0\x18\xc6\x33\x64\1", TRUE),
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
	ruledb_format_put(copy + covered, ruledb_format_checksum(0, 0, copy, covered), 8);
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
	{ "one-rule-less-is-damage", 36, 4, 7, RULEDB_ERROR_DAMAGED },
	{ "no-largest-record-is-damage", 40, 4, 0, RULEDB_ERROR_DAMAGED },
	{ "record-larger-than-the-file-is-damage", 40, 4, 0xffffffff, RULEDB_ERROR_DAMAGED },
	{ "unknown-rewriting-flag-is-damage", 44, 1, 0xff, RULEDB_ERROR_DAMAGED },
	{ "unknown-announced-key-kind-is-damage", 45, 1, 0xff, RULEDB_ERROR_DAMAGED },
	{ "text-longer-than-the-header-is-damage", 90, 2, 0xffff, RULEDB_ERROR_DAMAGED },
	{ "text-with-other-length-is-damage", 90, 2, 10, RULEDB_ERROR_DAMAGED },
	{ "text-with-nul-is-damage", 93, 1, 0, RULEDB_ERROR_DAMAGED },
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

/* A kind of key that the header does not announce is not looked up: only verifying sees it. */
static void
test_unannounced_kind(void)
{
	for (unsigned kind = KEY_ALL_MAIL; kind <= KEY_CLIENT_NAME; kind++) {
		const unsigned kinds = RULEDB_ALL_KEY_KINDS & ~(1u << kind);
		g_autoptr(GError) error = NULL;
		g_autoptr(GBytes) bytes = build_with_header(45, kinds, 1);
		g_autoptr(RuleDb) db = ruledb_open_bytes(bytes, &error);

		g_assert_no_error(error);
		g_assert_false(ruledb_verify(db, &error));
		g_assert_error(error, RULEDB_ERROR, RULEDB_ERROR_DAMAGED);
	}
}

/* One word of the checksum is eight bytes: whatever becomes of them is seen, and so are two changes
 * of the same bit in two words. */
static void
test_pairs(void)
{
	g_autoptr(GBytes) intact = build_small(GENERATION);
	size_t size = g_bytes_get_size(intact);

	for (size_t i = 0; i + 8 < size; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			g_autofree uint8_t *copy = dup_bytes(intact, &size);

			copy[i] ^= (uint8_t)(1 << bit);
			copy[i + 8] ^= (uint8_t)(1 << bit);
			g_autoptr(GBytes) changed = g_bytes_new(copy, size);
			g_assert_false(answers_right_or_not(changed));
		}
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ROWS_ADD("ruledb-damage", forgeries, test_forgery);
	ROWS_ADD("ruledb-damage", headers, test_header);
	g_test_add_func("/ruledb-damage/each-flipped-bit-is-damage", test_flips);
	g_test_add_func("/ruledb-damage/each-changed-byte-is-damage", test_bytes);
	g_test_add_func("/ruledb-damage/same-bit-in-two-words-is-damage", test_pairs);
	g_test_add_func("/ruledb-damage/unannounced-key-kind-is-damage", test_unannounced_kind);
	g_test_add_func("/ruledb-damage/each-truncation-is-damage", test_truncations);
	g_test_add_func("/ruledb-damage/appended-byte-is-damage", test_appended);
	g_test_add_func("/ruledb-damage/blocks-of-another-generation-are-damage",
			test_stale_blocks);
	g_test_add_func("/ruledb-damage/zeroed-end-is-damage", test_zeroed_blocks);
	g_test_add_func("/ruledb-damage/record-above-the-largest-is-damage", test_largest_record);
	return g_test_run();
}
