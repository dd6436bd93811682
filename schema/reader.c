/* SPDX-License-Identifier: Apache-2.0 */
/* reader: a strict pull reader of JSON text that knows the byte offset of everything it yields.
 *
 * Input is untrusted: any bytes at all. Each call of reader_next() yields one event or the one
 * error. Between events the reader remembers only where it is, what it expects, and one bit for
 * each open bracket. Grammar: RFC 8259; what I-JSON (RFC 7493) forbids on top is refused with an
 * identifier of its own. */
#include "reader.h"

#include <string.h>

/* What may come next. */
typedef enum {
	EXPECT_VALUE,        /* a value */
	EXPECT_ELEMENT,      /* a value or ']' */
	EXPECT_FIRST_KEY,    /* a key or '}' */
	EXPECT_COMMA_OR_END, /* ',' or the closing bracket */
	EXPECT_NOTHING       /* blanks until the end */
} Expect;

struct Reader {
	const char *text;
	size_t size;
	size_t at;     /* the next byte to look at */
	size_t offset; /* where the last event begins */
	Expect expect;
	gboolean is_object[READER_MAX_DEPTH];
	size_t depth;
	GString *decoded;
	gboolean failed;
	FindingId error;
	char *message;
};

Reader *
reader_new(const char *text, size_t size)
{
	Reader *reader = g_new0(Reader, 1);

	reader->text = text;
	reader->size = size;
	reader->expect = EXPECT_VALUE;
	reader->decoded = g_string_new(NULL);
	return reader;
}

void
reader_free(Reader *reader)
{
	if (reader == NULL)
		return;
	g_string_free(reader->decoded, TRUE);
	g_free(reader->message);
	g_free(reader);
}

size_t
reader_offset(const Reader *reader)
{
	return reader->offset;
}

const char *
reader_text(const Reader *reader)
{
	return reader->decoded->str;
}

FindingId
reader_error(const Reader *reader, const char **message)
{
	g_return_val_if_fail(reader->failed, N_FINDINGS);
	*message = reader->message;
	return reader->error;
}

G_GNUC_PRINTF(4, 5)
static ReaderEvent
fail(Reader *reader, size_t offset, FindingId error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	reader->message = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	reader->failed = TRUE;
	reader->error = error;
	reader->offset = offset;
	return READER_ERROR;
}

static gboolean
at_end(const Reader *reader)
{
	return reader->at >= reader->size;
}

static char
peek(const Reader *reader)
{
	return reader->text[reader->at];
}

static gboolean
is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static void
skip_blanks(Reader *reader)
{
	while (!at_end(reader) && is_blank(peek(reader)))
		reader->at++;
}

/* The character at the reader's place, quoted, for a message. */
static char *
dup_found(const Reader *reader)
{
	const char *p = reader->text + reader->at;
	size_t left = reader->size - reader->at;
	gunichar c = g_utf8_get_char_validated(p, left);
	gboolean is_valid = c != (gunichar)-1 && c != (gunichar)-2;

	return finding_quote(p, is_valid ? g_unichar_to_utf8(c, NULL) : 1);
}

static ReaderEvent
fail_truncated(Reader *reader, const char *wanted)
{
	return fail(reader, reader->size, FINDING_TRUNCATED,
		    "the text ends where %s should follow; is the file complete?", wanted);
}

/* A character that can't stand here: the mistakes that people make get a message of their own. */
static ReaderEvent
fail_character(Reader *reader, const char *wanted)
{
	g_autofree char *found = dup_found(reader);
	char c = peek(reader);

	if (c == '\'')
		return fail(reader, reader->at, FINDING_SINGLE_QUOTE,
			    "found a single quote; JSON strings stand in double quotes (\")");
	if (c == '/' || c == '#')
		return fail(reader, reader->at, FINDING_COMMENT,
			    "found %s; JSON has no comments, use the key \"note\" instead", found);
	return fail(reader, reader->at, FINDING_UNEXPECTED_CHARACTER,
		    "found %s where %s is expected", found, wanted);
}

/* Read four hexadecimal digits at the reader's place; -1 where they are none. */
static int
read_hex(Reader *reader)
{
	int value = 0;

	for (int i = 0; i < 4; i++, reader->at++) {
		if (at_end(reader) || !g_ascii_isxdigit(peek(reader)))
			return -1;
		value = value * 16 + g_ascii_xdigit_value(peek(reader));
	}
	return value;
}

static gboolean
is_noncharacter(gunichar c)
{
	return (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe;
}

/* Decode the \u escape that begins at start; the reader stands behind the 'u'. */
static gboolean
read_unicode_escape(Reader *reader, size_t start)
{
	int unit = read_hex(reader);

	if (unit < 0) {
		fail(reader, start, FINDING_BAD_ESCAPE, "\\u needs four hexadecimal digits");
		return FALSE;
	}
	gunichar c = unit;
	if (unit >= 0xd800 && unit <= 0xdbff && reader->size - reader->at >= 2 &&
	    memcmp(reader->text + reader->at, "\\u", 2) == 0) {
		reader->at += 2;
		int low = read_hex(reader);
		c = low >= 0xdc00 && low <= 0xdfff
			    ? 0x10000 + ((gunichar)(unit - 0xd800) << 10) + (low - 0xdc00)
			    : 0xd800;
	}
	if (c >= 0xd800 && c <= 0xdfff)
		fail(reader, start, FINDING_LONE_SURROGATE,
		     "\\u%04x is one half of a surrogate pair without the other; write the "
		     "character itself",
		     unit);
	else if (c == 0)
		fail(reader, start, FINDING_NUL_CHARACTER,
		     "\\u0000 is not accepted: no setting of Postfix can hold a NUL");
	else if (is_noncharacter(c))
		fail(reader, start, FINDING_NONCHARACTER,
		     "U+%04X is not a character (RFC 7493, section 2.1)", c);
	else
		g_string_append_unichar(reader->decoded, c);
	return !reader->failed;
}

static gboolean
read_escape(Reader *reader)
{
	static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	size_t start = reader->at++;

	if (at_end(reader)) {
		fail_truncated(reader, "the rest of a string");
		return FALSE;
	}
	char letter = peek(reader);
	reader->at++;
	if (letter == 'u')
		return read_unicode_escape(reader, start);
	const char *known = letter != '\0' ? strchr(letters, letter) : NULL;
	if (known == NULL) {
		reader->at--;
		g_autofree char *found = dup_found(reader);
		fail(reader, start, FINDING_BAD_ESCAPE,
		     "a backslash before %s; accepted are \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\uXXXX",
		     found);
		return FALSE;
	}
	g_string_append_c(reader->decoded, meanings[known - letters]);
	return TRUE;
}

/* Copy one character beyond ASCII. */
static gboolean
read_wide_character(Reader *reader)
{
	const char *p = reader->text + reader->at;
	gunichar c = g_utf8_get_char_validated(p, reader->size - reader->at);

	if (c == (gunichar)-1 || c == (gunichar)-2 || !g_unichar_validate(c)) {
		fail(reader, reader->at, FINDING_INVALID_UTF8,
		     "the byte 0x%02x is not valid UTF-8 here; save the file as UTF-8",
		     (unsigned char)*p);
		return FALSE;
	}
	if (is_noncharacter(c)) {
		fail(reader, reader->at, FINDING_NONCHARACTER,
		     "U+%04X is not a character (RFC 7493, section 2.1)", c);
		return FALSE;
	}
	/* Not looked up in the text again, which may be a file that somebody writes to. */
	g_string_append_unichar(reader->decoded, c);
	reader->at += (size_t)g_unichar_to_utf8(c, NULL);
	return TRUE;
}

static gboolean
is_plain(unsigned char c)
{
	return c >= ' ' && c < 0x80 && c != '"' && c != '\\';
}

/* How many bytes at text stand for themselves. */
static size_t
plain_length(const char *text, size_t size)
{
	size_t length = 0;

	while (length < size && is_plain(text[length]))
		length++;
	return length;
}

/* Read the string whose opening quote is at the reader's place. */
static void
fail_control_character(Reader *reader, unsigned char c)
{
	if (c == '\0')
		fail(reader, reader->at, FINDING_CONTROL_CHARACTER,
		     "a NUL byte in a string, which no setting of Postfix can hold; is the file "
		     "damaged?");
	else
		fail(reader, reader->at, FINDING_CONTROL_CHARACTER,
		     "a raw control character 0x%02x in a string; is a closing quote missing? A "
		     "wanted one is written as \\u%04x",
		     c, c);
}

static gboolean
read_string(Reader *reader)
{
	size_t start = reader->at++;

	g_string_truncate(reader->decoded, 0);
	for (;;) {
		const char *plain = reader->text + reader->at;
		size_t length = plain_length(plain, reader->size - reader->at);
		g_string_append_len(reader->decoded, plain, (gssize)length);
		reader->at += length;
		if (at_end(reader)) {
			fail(reader, start, FINDING_UNCLOSED_STRING,
			     "the string that begins here has no closing quote");
			return FALSE;
		}
		unsigned char c = peek(reader);
		if (c == '"') {
			reader->at++;
			reader->offset = start;
			return TRUE;
		}
		if (c < ' ') {
			fail_control_character(reader, c);
			return FALSE;
		}
		if (c == '\\' ? !read_escape(reader) : !read_wide_character(reader))
			return FALSE;
	}
}

static size_t
skip_digits(Reader *reader)
{
	size_t start = reader->at;

	while (!at_end(reader) && g_ascii_isdigit(peek(reader)))
		reader->at++;
	return reader->at - start;
}

static gboolean
skip_one_of(Reader *reader, const char *characters)
{
	if (at_end(reader) || peek(reader) == '\0' || strchr(characters, peek(reader)) == NULL)
		return FALSE;
	reader->at++;
	return TRUE;
}

/* The number's grammar: RFC 8259, section 6. NULL, or what is wrong. */
static const char *
scan_number(Reader *reader)
{
	skip_one_of(reader, "-");
	size_t first = reader->at;
	size_t digits = skip_digits(reader);

	if (digits == 0)
		return "a digit must follow the minus sign";
	if (digits > 1 && reader->text[first] == '0')
		return "a number has no leading zero";
	if (skip_one_of(reader, ".") && skip_digits(reader) == 0)
		return "a digit must follow the decimal point";
	if (skip_one_of(reader, "eE")) {
		skip_one_of(reader, "+-");
		if (skip_digits(reader) == 0)
			return "a digit must follow the e of an exponent";
	}
	/* "12abc", "1.2.3", "1-2" */
	if (!at_end(reader) && (g_ascii_isalnum(peek(reader)) || strchr("+-._", peek(reader))) &&
	    peek(reader) != '\0')
		return "something other than a number follows its digits";
	return NULL;
}

static ReaderEvent
read_number(Reader *reader)
{
	size_t start = reader->at;
	const char *reason = scan_number(reader);

	if (reason != NULL) {
		g_autofree char *found = finding_quote(reader->text + start,
						       MIN(reader->size, reader->at + 1) - start);
		return fail(reader, start, FINDING_BAD_NUMBER, "found %s; %s", found, reason);
	}
	g_string_truncate(reader->decoded, 0);
	g_string_append_len(reader->decoded, reader->text + start, reader->at - start);
	reader->offset = start;
	return READER_NUMBER;
}

static ReaderEvent
read_literal(Reader *reader)
{
	static const struct {
		const char *word;
		ReaderEvent event;
	} literals[] = {
		{ "true", READER_TRUE },
		{ "false", READER_FALSE },
		{ "null", READER_NULL },
	};
	size_t start = reader->at;

	while (!at_end(reader) && (g_ascii_isalnum(peek(reader)) || peek(reader) == '_'))
		reader->at++;
	size_t length = reader->at - start;
	for (size_t i = 0; i < G_N_ELEMENTS(literals); i++)
		if (strlen(literals[i].word) == length &&
		    memcmp(literals[i].word, reader->text + start, length) == 0) {
			reader->offset = start;
			return literals[i].event;
		}
	g_autofree char *found = finding_quote(reader->text + start, length);
	return fail(
		reader, start, FINDING_BAD_LITERAL,
		"found the bare word %s; words stand in double quotes, only true, false and null "
		"do not",
		found);
}

static ReaderEvent
open_bracket(Reader *reader, gboolean is_object)
{
	if (reader->depth == READER_MAX_DEPTH)
		return fail(reader, reader->at, FINDING_TOO_DEEP,
			    "more than %d brackets are open; the settings need fewer",
			    READER_MAX_DEPTH);
	reader->is_object[reader->depth++] = is_object;
	reader->expect = is_object ? EXPECT_FIRST_KEY : EXPECT_ELEMENT;
	reader->offset = reader->at++;
	return is_object ? READER_OBJECT : READER_ARRAY;
}

static Expect
expect_after_value(const Reader *reader)
{
	return reader->depth > 0 ? EXPECT_COMMA_OR_END : EXPECT_NOTHING;
}

static ReaderEvent
close_bracket(Reader *reader)
{
	gboolean is_object = reader->is_object[--reader->depth];

	reader->expect = expect_after_value(reader);
	reader->offset = reader->at++;
	return is_object ? READER_OBJECT_END : READER_ARRAY_END;
}

static gboolean
closes(const Reader *reader)
{
	return reader->depth > 0 &&
	       peek(reader) == (reader->is_object[reader->depth - 1] ? '}' : ']');
}

static ReaderEvent
read_value(Reader *reader)
{
	ReaderEvent event;
	char c = peek(reader);

	if (c == '{' || c == '[')
		return open_bracket(reader, c == '{');
	if (c == '"')
		event = read_string(reader) ? READER_STRING : READER_ERROR;
	else if (c == '-' || g_ascii_isdigit(c))
		event = read_number(reader);
	else if (g_ascii_isalpha(c) || c == '_')
		event = read_literal(reader);
	else
		return fail_character(reader, "a value");
	reader->expect = expect_after_value(reader);
	return event;
}

static ReaderEvent
read_key(Reader *reader)
{
	if (g_ascii_isalpha(peek(reader)) || peek(reader) == '_')
		return fail(reader, reader->at, FINDING_UNQUOTED_KEY,
			    "a key without quotes; keys stand in double quotes (\")");
	if (peek(reader) != '"')
		return fail_character(reader, "a key in double quotes");
	if (!read_string(reader))
		return READER_ERROR;
	size_t start = reader->offset;
	skip_blanks(reader);
	if (at_end(reader))
		return fail_truncated(reader, "a colon");
	if (peek(reader) != ':') {
		g_autofree char *found = dup_found(reader);
		return fail(reader, reader->at, FINDING_MISSING_COLON,
			    "found %s behind a key, where a colon (:) is expected", found);
	}
	reader->at++;
	reader->offset = start;
	reader->expect = EXPECT_VALUE;
	return READER_KEY;
}

/* Behind a value, inside a bracket: the reader goes to what follows the comma. */
static ReaderEvent
read_comma(Reader *reader)
{
	gboolean is_object = reader->is_object[reader->depth - 1];
	size_t comma = reader->at;

	if (peek(reader) != ',') {
		if (strchr("}]", peek(reader)) != NULL || peek(reader) == '/' ||
		    peek(reader) == '#')
			return fail_character(reader, is_object ? "a comma or }" : "a comma or ]");
		g_autofree char *found = dup_found(reader);
		return fail(
			reader, reader->at, FINDING_MISSING_COMMA,
			"found %s where a comma or %s is expected; is a comma missing before it?",
			found, is_object ? "}" : "]");
	}
	reader->at++;
	skip_blanks(reader);
	if (at_end(reader))
		return fail_truncated(reader, is_object ? "a key" : "a value");
	if (closes(reader))
		return fail(reader, comma, FINDING_TRAILING_COMMA,
			    "a comma before the closing bracket; remove it");
	return is_object ? read_key(reader) : read_value(reader);
}

static ReaderEvent
finish(Reader *reader)
{
	if (!at_end(reader)) {
		g_autofree char *found = dup_found(reader);
		return fail(
			reader, reader->at, FINDING_TRAILING_TEXT,
			"found %s behind the end of the document; a settings file holds one object",
			found);
	}
	reader->offset = reader->size;
	return READER_END;
}

/* What some editors save: a mark, or a NUL in each of the first characters. */
static gboolean
is_utf16(const Reader *reader)
{
	const char *p = reader->text;

	if (reader->size < 4)
		return FALSE;
	return memcmp(p, "\xff\xfe", 2) == 0 || memcmp(p, "\xfe\xff", 2) == 0 ||
	       (p[0] != '\0' && p[1] == '\0' && p[2] != '\0' && p[3] == '\0') ||
	       (p[0] == '\0' && p[1] != '\0' && p[2] == '\0' && p[3] != '\0');
}

/* Before the first event. */
static gboolean
check_start(Reader *reader)
{
	if (reader->size >= 3 && memcmp(reader->text, "\xef\xbb\xbf", 3) == 0)
		fail(reader, 0, FINDING_BYTE_ORDER_MARK,
		     "the file begins with a byte-order mark; save it as UTF-8 without one");
	else if (is_utf16(reader))
		fail(reader, 0, FINDING_UNEXPECTED_CHARACTER,
		     "the file is UTF-16; save it as UTF-8");
	skip_blanks(reader);
	if (!reader->failed && at_end(reader))
		fail(reader, 0, FINDING_EMPTY_DOCUMENT,
		     "the document is empty; the smallest one is {}");
	return !reader->failed;
}

ReaderEvent
reader_next(Reader *reader)
{
	static const char *const wanted[] = {
		[EXPECT_VALUE] = "a value",
		[EXPECT_ELEMENT] = "a value or ]",
		[EXPECT_FIRST_KEY] = "a key or }",
		[EXPECT_COMMA_OR_END] = "a comma or a closing bracket",
		[EXPECT_NOTHING] = "nothing",
	};

	if (reader->failed || (reader->at == 0 && !check_start(reader)))
		return READER_ERROR;
	skip_blanks(reader);
	if (reader->expect == EXPECT_NOTHING)
		return finish(reader);
	if (at_end(reader))
		return fail_truncated(reader, wanted[reader->expect]);
	if (reader->expect != EXPECT_VALUE && closes(reader))
		return close_bracket(reader);
	switch (reader->expect) {
	case EXPECT_VALUE:
	case EXPECT_ELEMENT:
		return read_value(reader);
	case EXPECT_FIRST_KEY:
		return read_key(reader);
	case EXPECT_COMMA_OR_END:
		return read_comma(reader);
	case EXPECT_NOTHING:
		break;
	}
	g_assert_not_reached();
}
