/* SPDX-License-Identifier: Apache-2.0 */
/* test-differential: our strict reader and json-c over the same texts.
 *
 * Where both accept, they must mean the same: types, decoded bytes, numbers, order. Where json-c
 * alone accepts, the reason is one of those in the table below. What json-c alone refuses does not
 * exist but for a limit and a mistake of some versions, each named here. A text is given to json-c
 * with a NUL behind it, which is how it learns that a number at the top has ended. */
#include "reader.h"
#include "settings.h"
#include "rows.h"

#include <json-c/json.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define JSON_C(minor) ((minor) << 8) /* as json_c_version_num() says it */
#define NEVER 0
#define ALWAYS G_MAXINT

typedef enum { PLAIN, STRICT, N_MODES } Mode;

static const int mode_flags[] = { [PLAIN] = 0, [STRICT] = JSON_TOKENER_STRICT };
G_STATIC_ASSERT(G_N_ELEMENTS(mode_flags) == N_MODES);

/* What json-c accepts and we refuse. */
typedef struct {
	const char *name;
	const char *text;
	size_t size;
	FindingId reason;
	/* The first version of json-c that refuses it with JSON_TOKENER_STRICT; NEVER: no version
	 * takes it then. */
	int strict_until;
} Leniency;

#define TEXT(literal) literal, sizeof literal - 1

static const Leniency leniencies[] = {
	{ "single-quoted-value", TEXT("['a']"), FINDING_SINGLE_QUOTE, NEVER },
	{ "single-quoted-key", TEXT("{'a':1}"), FINDING_SINGLE_QUOTE, ALWAYS },
	{ "block-comment", TEXT("[1, /* one */ 2]"), FINDING_COMMENT, NEVER },
	{ "line-comment", TEXT("[1 // one\n]"), FINDING_COMMENT, NEVER },
	{ "comment-first", TEXT("// one\n[]"), FINDING_COMMENT, NEVER },
	{ "comment-last", TEXT("[] // one\n"), FINDING_TRAILING_TEXT, NEVER },
	{ "capital-literal", TEXT("[True]"), FINDING_BAD_LITERAL, NEVER },
	{ "literal-not-a-number", TEXT("[NaN]"), FINDING_BAD_LITERAL, ALWAYS },
	{ "literal-infinity", TEXT("[Infinity]"), FINDING_BAD_LITERAL, ALWAYS },
	{ "minus-infinity", TEXT("[-Infinity]"), FINDING_BAD_NUMBER, ALWAYS },
	{ "leading-zero", TEXT("[01]"), FINDING_BAD_NUMBER, NEVER },
	{ "leading-zero-behind-minus", TEXT("[-01]"), FINDING_BAD_NUMBER, ALWAYS },
	{ "leading-zero-before-point", TEXT("[01.5]"), FINDING_BAD_NUMBER, ALWAYS },
	{ "point-without-digits", TEXT("[1.]"), FINDING_BAD_NUMBER, ALWAYS },
	{ "point-behind-minus", TEXT("[-.5]"), FINDING_BAD_NUMBER, ALWAYS },
	{ "exponent-without-digits", TEXT("[1e]"), FINDING_BAD_NUMBER, JSON_C(15) },
	{ "digits-and-letters-at-the-top", TEXT("12abc"), FINDING_BAD_NUMBER, NEVER },
	{ "raw-newline-in-string", TEXT("[\"a\nb\"]"), FINDING_CONTROL_CHARACTER, JSON_C(18) },
	{ "raw-newline-in-key", TEXT("{\"a\nb\":1}"), FINDING_CONTROL_CHARACTER, JSON_C(19) },
	{ "overlong-utf8", TEXT("[\"\xc0\x80\"]"), FINDING_INVALID_UTF8, ALWAYS },
	{ "latin-1", TEXT("[\"\xe4\"]"), FINDING_INVALID_UTF8, ALWAYS },
	{ "utf8-surrogate", TEXT("[\"\xed\xa0\x80\"]"), FINDING_INVALID_UTF8, ALWAYS },
	{ "high-surrogate-alone", TEXT("[\"\\ud800\"]"), FINDING_LONE_SURROGATE, ALWAYS },
	{ "low-surrogate-alone", TEXT("[\"\\udc00\"]"), FINDING_LONE_SURROGATE, ALWAYS },
	{ "noncharacter-escaped", TEXT("[\"\\uffff\"]"), FINDING_NONCHARACTER, ALWAYS },
	{ "noncharacter-raw", TEXT("[\"\xef\xb7\x90\"]"), FINDING_NONCHARACTER, ALWAYS },
	{ "escaped-nul-in-string", TEXT("[\"a\\u0000b\"]"), FINDING_NUL_CHARACTER, ALWAYS },
	{ "escaped-nul-cuts-a-key", TEXT("{\"a\\u0000b\":1}"), FINDING_NUL_CHARACTER, ALWAYS },
	{ "comma-last-in-list", TEXT("[1,]"), FINDING_TRAILING_COMMA, NEVER },
	{ "comma-last-in-object", TEXT("{\"a\":1,}"), FINDING_TRAILING_COMMA, NEVER },
	{ "second-document", TEXT("{} {}"), FINDING_TRAILING_TEXT, NEVER },
	{ "text-behind-a-nul", TEXT("{}\0{"), FINDING_TRAILING_TEXT, ALWAYS },
	{ "one-level-too-deep",
	  TEXT("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"),
	  FINDING_TOO_DEEP, ALWAYS },
};

/* What neither takes for JSON. */
typedef struct {
	const char *name;
	const char *text;
	size_t size;
} Refusal;

static const Refusal refusals[] = {
	{ "nothing", TEXT("") },
	{ "blanks-alone", TEXT(" \n") },
	{ "byte-order-mark", TEXT("\xef\xbb\xbf[]") },
	{ "form-feed-is-no-blank", TEXT("[\f1]") },
	{ "vertical-tab-is-no-blank", TEXT("[\v1]") },
	{ "no-break-space-is-no-blank", TEXT("[\xc2\xa0]") },
	{ "line-separator-is-no-blank", TEXT("[\xe2\x80\xa8]") },
	{ "nul-is-no-blank", TEXT("[\0]") },
	{ "plus-sign", TEXT("[+1]") },
	{ "point-first", TEXT("[.5]") },
	{ "minus-and-letter", TEXT("[-x]") },
	{ "hexadecimal", TEXT("[0x10]") },
	{ "two-points", TEXT("[1.2.3]") },
	{ "two-exponents", TEXT("[1e2e3]") },
	{ "point-in-exponent", TEXT("[1e2.5]") },
	{ "word-cut", TEXT("[tru]") },
	{ "word-with-tail", TEXT("[nullx]") },
	{ "bare-word", TEXT("[yes]") },
	{ "bare-key", TEXT("{a:1}") },
	{ "number-as-key", TEXT("{1:2}") },
	{ "key-without-colon", TEXT("{\"a\" 1}") },
	{ "equals-sign-for-colon", TEXT("{\"a\"=1}") },
	{ "key-without-value", TEXT("{\"a\":}") },
	{ "value-without-key", TEXT("{\"a\"}") },
	{ "missing-comma-in-list", TEXT("[1 2]") },
	{ "missing-comma-in-object", TEXT("{\"a\":1 \"b\":2}") },
	{ "comma-first", TEXT("[,1]") },
	{ "two-commas", TEXT("[1,,2]") },
	{ "wrong-closing-bracket", TEXT("[1}") },
	{ "closing-bracket-first", TEXT("]") },
	{ "open-list", TEXT("[1") },
	{ "open-object", TEXT("{\"a\":1") },
	{ "open-string", TEXT("[\"a") },
	{ "unknown-escape", TEXT("[\"\\a\"]") },
	{ "octal-escape", TEXT("[\"\\101\"]") },
	{ "hexadecimal-escape", TEXT("[\"\\x41\"]") },
	{ "capital-unicode-escape", TEXT("[\"\\U0041\"]") },
	{ "short-unicode-escape", TEXT("[\"\\u041\"]") },
	{ "unicode-escape-with-sign", TEXT("[\"\\u+041\"]") },
	{ "escaped-newline", TEXT("[\"a\\\nb\"]") },
};

/* What a text means, event by event, so that two readers can be compared. */
typedef struct {
	GString *lines;
	gboolean has_duplicates;
	gboolean is_beyond_64_bits; /* a whole number in it */
} Meaning;

static void
append_text(GString *lines, char mark, const char *text, size_t length)
{
	g_string_append_printf(lines, "%c%zu:", mark, length);
	g_string_append_len(lines, text, (gssize)length);
	g_string_append_c(lines, '\n');
}

/* json-c keeps a whole number as 64 bits and takes the nearest one where that is too few; any other
 * number is kept as it is written. */
static void
append_number(Meaning *meaning, const char *text)
{
	if (strpbrk(text, ".eE") != NULL) {
		append_text(meaning->lines, 'd', text, strlen(text));
		return;
	}
	errno = 0;
	if (text[0] == '-')
		g_string_append_printf(meaning->lines, "i%" PRId64 "\n",
				       g_ascii_strtoll(text, NULL, 10));
	else
		g_string_append_printf(meaning->lines, "i%" PRIu64 "\n",
				       g_ascii_strtoull(text, NULL, 10));
	meaning->is_beyond_64_bits = meaning->is_beyond_64_bits || errno == ERANGE;
}

static void
append_event(Meaning *meaning, const Reader *reader, ReaderEvent event)
{
	static const char *const marks[] = {
		[READER_OBJECT] = "{\n",    [READER_OBJECT_END] = "}\n", [READER_ARRAY] = "[\n",
		[READER_ARRAY_END] = "]\n", [READER_TRUE] = "t\n",       [READER_FALSE] = "f\n",
		[READER_NULL] = "0\n",      [READER_ERROR] = NULL,
	};
	const char *text = reader_text(reader);

	if (event == READER_KEY || event == READER_STRING)
		append_text(meaning->lines, event == READER_KEY ? 'k' : 's', text, strlen(text));
	else if (event == READER_NUMBER)
		append_number(meaning, text);
	else
		g_string_append(meaning->lines, marks[event]);
}

/* What our reader says; N_FINDINGS or the reason why it refuses. */
static FindingId
read_ours(const char *text, size_t size, Meaning *meaning)
{
	g_autoptr(Reader) reader = reader_new(text, size);
	/* The keys seen in each open object. */
	g_autoptr(GPtrArray) keys =
		g_ptr_array_new_with_free_func((GDestroyNotify)g_hash_table_unref);
	const char *message;
	ReaderEvent event;

	while ((event = reader_next(reader)) != READER_END) {
		if (event == READER_ERROR)
			return reader_error(reader, &message);
		append_event(meaning, reader, event);
		if (event == READER_OBJECT)
			g_ptr_array_add(
				keys, g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL));
		else if (event == READER_OBJECT_END)
			g_ptr_array_set_size(keys, (gint)keys->len - 1);
		else if (event == READER_KEY && !g_hash_table_add(keys->pdata[keys->len - 1],
								  g_strdup(reader_text(reader))))
			meaning->has_duplicates = TRUE;
	}
	return N_FINDINGS;
}

/* json-c's tree, in the order of its members. */
static void
append_theirs(GString *lines, struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_null:
		g_string_append(lines, "0\n");
		break;
	case json_type_boolean:
		g_string_append(lines, json_object_get_boolean(value) ? "t\n" : "f\n");
		break;
	case json_type_double:
		append_text(lines, 'd', json_object_get_string(value),
			    strlen(json_object_get_string(value)));
		break;
	case json_type_int:
		g_string_append_printf(lines, "i%s\n", json_object_get_string(value));
		break;
	case json_type_string:
		append_text(lines, 's', json_object_get_string(value),
			    (size_t)json_object_get_string_len(value));
		break;
	case json_type_array:
		g_string_append(lines, "[\n");
		for (size_t i = 0; i < json_object_array_length(value); i++)
			append_theirs(lines, json_object_array_get_idx(value, i));
		g_string_append(lines, "]\n");
		break;
	case json_type_object:
		g_string_append(lines, "{\n");
		json_object_object_foreach(value, key, member)
		{
			append_text(lines, 'k', key, strlen(key));
			append_theirs(lines, member);
		}
		g_string_append(lines, "}\n");
		break;
	}
}

/* Whether json-c takes text for JSON; lines, which may be NULL, tells what it means. */
static gboolean
read_theirs(const char *text, size_t size, Mode mode, GString *lines)
{
	/* Our limit is the one that is tested. */
	struct json_tokener *tokener = json_tokener_new_ex(2 * READER_MAX_DEPTH);
	g_autofree char *terminated = g_malloc(size + 1);

	memcpy(terminated, text, size);
	terminated[size] = '\0';
	json_tokener_set_flags(tokener, mode_flags[mode]);
	struct json_object *root = json_tokener_parse_ex(tokener, terminated, (int)size + 1);
	gboolean is_accepted = json_tokener_get_error(tokener) == json_tokener_success;
	if (is_accepted && lines != NULL)
		append_theirs(lines, root);
	json_object_put(root);
	json_tokener_free(tokener);
	return is_accepted;
}

static Meaning
meaning_new(void)
{
	return (Meaning){ .lines = g_string_new(NULL) };
}

static void
meaning_clear(Meaning *meaning)
{
	g_string_free(meaning->lines, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Meaning, meaning_clear)

/* Strict 0.18 takes a byte above 0x7f for a control character (json-c, issue 875). */
static gboolean
is_refused_by_mistake(const char *text, size_t size, Mode mode)
{
	if (mode != STRICT || json_c_version_num() != JSON_C(18))
		return FALSE;
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)text[i] > 0x7f)
			return TRUE;
	return FALSE;
}

/* ---- what one of them refuses, or both ---- */

static gboolean
is_taken(const Leniency *row, Mode mode)
{
	return mode == PLAIN || json_c_version_num() < row->strict_until;
}

static void
test_leniency(const void *data)
{
	const Leniency *row = data;
	g_auto(Meaning) meaning = meaning_new();

	g_assert_cmpstr(finding_identifier(read_ours(row->text, row->size, &meaning)), ==,
			finding_identifier(row->reason));
	for (Mode mode = PLAIN; mode < N_MODES; mode++)
		if (!is_refused_by_mistake(row->text, row->size, mode))
			g_assert_cmpint(read_theirs(row->text, row->size, mode, NULL), ==,
					is_taken(row, mode));
}

static void
test_refusal(const void *data)
{
	const Refusal *row = data;
	g_auto(Meaning) meaning = meaning_new();

	g_assert_cmpint(read_ours(row->text, row->size, &meaning), !=, N_FINDINGS);
	/* Before 0.16 all that isspace(3) takes was a blank for json-c. */
	for (Mode mode = PLAIN; mode < N_MODES && json_c_version_num() >= JSON_C(16); mode++)
		g_assert_false(read_theirs(row->text, row->size, mode, NULL));
}

static gboolean
is_known_leniency(FindingId reason, Mode mode)
{
	for (size_t i = 0; i < G_N_ELEMENTS(leniencies); i++)
		if (leniencies[i].reason == reason && is_taken(&leniencies[i], mode))
			return TRUE;
	return FALSE;
}

/* ---- what both accept ---- */

/* RFC 8259, section 6, lets a reader have limits for numbers: strict json-c 0.17 and newer refuses
 * what 64 bits can't hold. */
static gboolean
is_beyond_their_limits(const Meaning *meaning, Mode mode)
{
	return mode == STRICT && meaning->is_beyond_64_bits && json_c_version_num() >= JSON_C(17);
}

static void
check_document(const char *text, size_t size)
{
	g_auto(Meaning) ours = meaning_new();
	const FindingId reason = read_ours(text, size, &ours);

	for (Mode mode = PLAIN; mode < N_MODES; mode++) {
		g_autoptr(GString) theirs = g_string_new(NULL);
		gboolean is_accepted = read_theirs(text, size, mode, theirs);

		if (reason != N_FINDINGS && is_accepted && !is_known_leniency(reason, mode))
			g_error("json-c alone accepts: %s", finding_identifier(reason));
		if (reason != N_FINDINGS || is_beyond_their_limits(&ours, mode) ||
		    is_refused_by_mistake(text, size, mode))
			continue;
		g_assert_true(is_accepted);
		if (ours.has_duplicates)
			g_assert_cmpstr(theirs->str, !=, ours.lines->str);
		else
			g_assert_cmpstr(theirs->str, ==, ours.lines->str);
	}
}

static void
test_file(const void *data)
{
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;
	gsize size;

	g_file_get_contents(data, &text, &size, &error);
	g_assert_no_error(error);
	check_document(text, size);
}

/* Every document of tests/data/json is JSON, and no key is in it twice. */
static void
test_valid_file(const void *data)
{
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;
	g_auto(Meaning) meaning = meaning_new();
	gsize size;

	g_file_get_contents(data, &text, &size, &error);
	g_assert_no_error(error);
	g_assert_cmpint(read_ours(text, size, &meaning), ==, N_FINDINGS);
	g_assert_false(meaning.has_duplicates);
	check_document(text, size);
}

static void
add_folder(const char *folder, GTestDataFunc function)
{
	g_autofree char *path = g_test_build_filename(G_TEST_DIST, folder, NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(GDir) entries = g_dir_open(path, 0, &error);

	g_assert_no_error(error);
	for (const char *name; (name = g_dir_read_name(entries)) != NULL;) {
		g_autofree char *test = g_strdup_printf("/%s/%s", strrchr(folder, '/') + 1, name);
		if (!g_str_has_suffix(name, ".expected"))
			g_test_add_data_func_full(test, g_build_filename(path, name, NULL),
						  function, g_free);
	}
}

/* ---- rows of their own ---- */

/* json-c keeps the last of equal keys, in the place of the first. Our reader yields all; whoever
 * knows the keys refuses the second (cursor.c). */
static void
test_duplicate_keys(void)
{
	static const char text[] = "{\"send\":{},\"receive\":{},\"s\\u0065nd\":{\"domains\":[]}}";
	g_auto(Meaning) ours = meaning_new();
	g_autoptr(Findings) findings = findings_new();
	g_autoptr(Settings) settings = settings_load(text, strlen(text), NULL, findings);

	g_assert_cmpint(read_ours(text, strlen(text), &ours), ==, N_FINDINGS);
	g_assert_cmpstr(ours.lines->str, ==,
			"{\nk4:send\n{\n}\nk7:receive\n{\n}\n"
			"k4:send\n{\nk7:domains\n[\n]\n}\n}\n");
	for (Mode mode = PLAIN; mode < N_MODES; mode++) {
		g_autoptr(GString) theirs = g_string_new(NULL);

		g_assert_true(read_theirs(text, strlen(text), mode, theirs));
		g_assert_cmpstr(theirs->str, ==,
				"{\nk4:send\n{\nk7:domains\n[\n]\n}\nk7:receive\n{\n}\n}\n");
	}
	g_assert_nonnull(settings);
	g_assert_cmpuint(findings_n(findings), ==, 1);
	g_assert_cmpint(findings_nth(findings, 0)->id, ==, FINDING_DUPLICATE_KEY);
}

/* Up to 0.18 json-c looks at the code point of a pair as if it were one more half: U+1D800 ends in
 * D800. The character itself, of which it copies the bytes, proves that our pair is right. */
static void
test_pair_like_a_surrogate(void)
{
	static const struct {
		const char *pair, *raw;
	} rows[] = {
		{ "[\"\\ud836\\udc00\"]", "[\"\xf0\x9d\xa0\x80\"]" },
		{ "[\"\\ud837\\udc00\"]", "[\"\xf0\x9d\xb0\x80\"]" },
		{ "[\"\\udbf7\\udffd\"]", "[\"\xf4\x8d\xbf\xbd\"]" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_auto(Meaning) pair = meaning_new();
		g_auto(Meaning) raw = meaning_new();
		g_autoptr(GString) their_pair = g_string_new(NULL);
		g_autoptr(GString) their_raw = g_string_new(NULL);

		g_assert_cmpint(read_ours(rows[i].pair, strlen(rows[i].pair), &pair), ==,
				N_FINDINGS);
		g_assert_cmpint(read_ours(rows[i].raw, strlen(rows[i].raw), &raw), ==, N_FINDINGS);
		g_assert_cmpstr(pair.lines->str, ==, raw.lines->str);
		g_assert_true(read_theirs(rows[i].raw, strlen(rows[i].raw), PLAIN, their_raw));
		g_assert_cmpstr(raw.lines->str, ==, their_raw->str);
		g_assert_true(read_theirs(rows[i].pair, strlen(rows[i].pair), PLAIN, their_pair));
		g_assert_cmpint(g_string_equal(their_pair, their_raw), ==,
				json_c_version_num() >= JSON_C(19));
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ROWS_ADD("json-c-alone-accepts", leniencies, test_leniency);
	ROWS_ADD("both-refuse", refusals, test_refusal);
	g_test_add_func("/duplicate-keys-are-yielded-and-refused", test_duplicate_keys);
	g_test_add_func("/pair-whose-code-point-ends-like-a-surrogate", test_pair_like_a_surrogate);
	add_folder("data/json", test_valid_file);
	add_folder("data/wrong", test_file);
	add_folder("data/warned", test_file);
	add_folder("../schema/examples", test_file);
	add_folder("fuzz/corpus/settings", test_file);
	add_folder("fuzz/corpus/reader", test_file);
	return g_test_run();
}
