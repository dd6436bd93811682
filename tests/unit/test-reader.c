/* SPDX-License-Identifier: Apache-2.0 */
/* What the pull reader yields for a text: each event with its offset and decoded text, or the
 * error. */
#include "reader.h"
#include "rows.h"

#include <string.h>

typedef struct {
	const char *name;
	const char *text;
	size_t size; /* 0: strlen */
	/* Events as "{", "}", "[", "]", "k:TEXT", "s:TEXT", "n:TEXT", "t", "f", "0", each with
	 * @OFFSET;
	 * "!IDENTIFIER@OFFSET" for the error. */
	const char *events;
} Row;

static const Row rows[] = {
	{ "smallest-object", "{}", 0, "{@0 }@1" },
	{ "a-scalar-is-a-document-too", " true ", 0, "t@1" },
	{ "offsets-count-bytes", "{\"ä\": \"b\"}", 0, "{@0 k:ä@1 s:b@7 }@10" },
	{ "blanks-of-all-kinds", "\t[ 1 ,\r\n2 ] ", 0, "[@1 n:1@3 n:2@8 ]@10" },
	{ "nested", "[{\"a\":[]},null]", 0, "[@0 {@1 k:a@2 [@6 ]@7 }@8 0@10 ]@14" },
	{ "escapes", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", 0, "s:\"\\/\b\f\n\r\t@0" },
	{ "unicode-escape", "\"\\u00e4\\u20AC\"", 0, "s:ä€@0" },
	{ "surrogate-pair", "\"\\ud83d\\ude00\"", 0, "s:\xf0\x9f\x98\x80@0" },
	{ "four-byte-utf8", "\"\xf0\x9f\x98\x80\"", 0, "s:\xf0\x9f\x98\x80@0" },
	{ "numbers-as-written", "[-0,1e5,-1.50E+2,0.1]", 0,
	  "[@0 n:-0@1 n:1e5@4 n:-1.50E+2@8 n:0.1@17 ]@20" },
	{ "empty-key-is-a-key", "{\"\":1}", 0, "{@0 k:@1 n:1@4 }@5" },
	{ "nothing", "", 0, "!empty-document@0" },
	{ "blanks-alone", " \n", 0, "!empty-document@0" },
	{ "byte-order-mark", "\xef\xbb\xbf{}", 0, "!byte-order-mark@0" },
	{ "leading-zero", "[01]", 0, "[@0 !bad-number@1" },
	{ "lone-minus", "[-]", 0, "[@0 !bad-number@1" },
	{ "point-without-digits", "1.", 0, "!bad-number@0" },
	{ "point-first", "[.5]", 0, "[@0 !unexpected-character@1" },
	{ "plus-sign", "[+1]", 0, "[@0 !unexpected-character@1" },
	{ "exponent-without-digits", "[1e]", 0, "[@0 !bad-number@1" },
	{ "two-points", "[1.2.3]", 0, "[@0 !bad-number@1" },
	{ "infinity", "[-Infinity]", 0, "[@0 !bad-number@1" },
	{ "capital-literal", "True", 0, "!bad-literal@0" },
	{ "literal-with-tail", "[nullx]", 0, "[@0 !bad-literal@1" },
	{ "raw-newline-in-string", "\"a\nb\"", 0, "!control-character@2" },
	{ "delete-is-no-control-character", "\"\x7f\"", 0, "s:\x7f@0" },
	{ "raw-nul-in-string", "\"a\0b\"", 5, "!control-character@2" },
	{ "raw-nul-outside", "[\0]", 3, "[@0 !unexpected-character@1" },
	{ "escaped-nul", "\"\\u0000\"", 0, "!nul-character@1" },
	{ "unknown-escape", "\"\\a\"", 0, "!bad-escape@1" },
	{ "short-unicode-escape", "\"\\u12\"", 0, "!bad-escape@1" },
	{ "escape-at-the-end", "\"\\", 0, "!truncated@2" },
	{ "high-surrogate-alone", "\"\\ud800\"", 0, "!lone-surrogate@1" },
	{ "high-surrogate-and-letter", "\"\\ud800\\u0041\"", 0, "!lone-surrogate@1" },
	{ "low-surrogate-alone", "\"x\\udfff\"", 0, "!lone-surrogate@2" },
	{ "noncharacter-escaped", "\"\\ufdd0\"", 0, "!noncharacter@1" },
	{ "noncharacter-raw", "\"\xef\xbf\xbf\"", 0, "!noncharacter@1" },
	{ "noncharacter-of-plane-one", "\"\\ud83f\\udfff\"", 0, "!noncharacter@1" },
	{ "overlong-utf8", "\"\xc0\x80\"", 0, "!invalid-utf8@1" },
	{ "utf8-surrogate", "\"\xed\xa0\x80\"", 0, "!invalid-utf8@1" },
	{ "utf8-beyond-unicode", "\"\xf4\x90\x80\x80\"", 0, "!invalid-utf8@1" },
	{ "utf8-cut", "\"\xe2\x82\"", 0, "!invalid-utf8@1" },
	{ "utf8-cut-at-the-end", "\"\xe2\x82", 0, "!invalid-utf8@1" },
	{ "utf8-outside-strings", "[\xc3\xa4]", 0, "[@0 !unexpected-character@1" },
	{ "single-quoted", "['a']", 0, "[@0 !single-quote@1" },
	{ "single-quoted-key", "{'a':1}", 0, "{@0 !single-quote@1" },
	{ "bare-key", "{a:1}", 0, "{@0 !unquoted-key@1" },
	{ "key-without-colon", "{\"a\" 1}", 0, "{@0 !missing-colon@5" },
	{ "key-without-value", "{\"a\":}", 0, "{@0 k:a@1 !unexpected-character@5" },
	{ "number-as-key", "{1:2}", 0, "{@0 !unexpected-character@1" },
	{ "missing-comma-in-list", "[1 2]", 0, "[@0 n:1@1 !missing-comma@3" },
	{ "missing-comma-in-object", "{\"a\":1 \"b\":2}", 0, "{@0 k:a@1 n:1@5 !missing-comma@7" },
	{ "comma-first", "[,1]", 0, "[@0 !unexpected-character@1" },
	{ "two-commas", "[1,,2]", 0, "[@0 n:1@1 !unexpected-character@3" },
	{ "comma-last-in-list", "[1,]", 0, "[@0 n:1@1 !trailing-comma@2" },
	{ "comma-last-in-object", "{\"a\":1,}", 0, "{@0 k:a@1 n:1@5 !trailing-comma@6" },
	{ "wrong-closing-bracket", "[1}", 0, "[@0 n:1@1 !unexpected-character@2" },
	{ "closing-bracket-too-many", "[]]", 0, "[@0 ]@1 !trailing-text@2" },
	{ "closing-bracket-first", "]", 0, "!unexpected-character@0" },
	{ "second-document", "{} {}", 0, "{@0 }@1 !trailing-text@3" },
	{ "slash-comment", "[1, // one\n2]", 0, "[@0 n:1@1 !comment@4" },
	{ "hash-comment", "[1 # one\n]", 0, "[@0 n:1@1 !comment@3" },
	{ "open-list", "[1", 0, "[@0 n:1@1 !truncated@2" },
	{ "open-object", "{", 0, "{@0 !truncated@1" },
	{ "open-behind-comma", "[1,", 0, "[@0 n:1@1 !truncated@3" },
	{ "open-behind-key", "{\"a\"", 0, "{@0 !truncated@4" },
	{ "open-behind-colon", "{\"a\":", 0, "{@0 k:a@1 !truncated@5" },
	{ "open-string", "[\"a", 0, "[@0 !unclosed-string@1" },
};

static void
append_event(GString *events, Reader *reader, ReaderEvent event)
{
	static const char *const marks[] = {
		[READER_OBJECT] = "{",    [READER_OBJECT_END] = "}", [READER_ARRAY] = "[",
		[READER_ARRAY_END] = "]", [READER_KEY] = "k:",       [READER_STRING] = "s:",
		[READER_NUMBER] = "n:",   [READER_TRUE] = "t",       [READER_FALSE] = "f",
		[READER_NULL] = "0",      [READER_END] = NULL,       [READER_ERROR] = "!",
	};
	const char *text = "", *message;

	if (event == READER_ERROR)
		text = finding_identifier(reader_error(reader, &message));
	else if (event == READER_KEY || event == READER_STRING || event == READER_NUMBER)
		text = reader_text(reader);
	g_string_append_printf(events, "%s%s%s@%zu", events->len > 0 ? " " : "", marks[event], text,
			       reader_offset(reader));
}

static void
test_row(const void *data)
{
	const Row *row = data;
	size_t size = row->size > 0 ? row->size : strlen(row->text);
	/* An exact copy on the heap: a byte read beyond it is seen by the sanitizer. */
	g_autofree char *text = g_malloc(MAX(size, 1));
	g_autoptr(Reader) reader = reader_new(text, size);
	g_autoptr(GString) events = g_string_new(NULL);
	ReaderEvent event;

	memcpy(text, row->text, size);
	while ((event = reader_next(reader)) != READER_END) {
		append_event(events, reader, event);
		if (event == READER_ERROR) {
			g_assert_cmpint(reader_next(reader), ==, READER_ERROR);
			break;
		}
	}
	g_assert_cmpstr(events->str, ==, row->events);
}

static void
test_depth(void)
{
	for (size_t depth = READER_MAX_DEPTH; depth <= READER_MAX_DEPTH + 1; depth++) {
		g_autofree char *text = g_strnfill(depth, '[');
		g_autoptr(Reader) reader = reader_new(text, depth);
		const char *message;
		ReaderEvent event;
		while ((event = reader_next(reader)) == READER_ARRAY)
			;
		g_assert_cmpint(event, ==, READER_ERROR);
		g_assert_cmpint(reader_error(reader, &message), ==,
				depth > READER_MAX_DEPTH ? FINDING_TOO_DEEP : FINDING_TRUNCATED);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ROWS_ADD("reader", rows, test_row);
	g_test_add_func("/reader/depth-has-a-limit", test_depth);
	return g_test_run();
}
