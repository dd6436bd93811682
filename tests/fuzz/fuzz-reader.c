/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-reader: any bytes through the JSON reader and the finder of pointers.
 *
 * Whatever the text is: brackets pair, members are a key and a value, each event stands behind the
 * one before it and is what the text has there, and its pointer is as deep as it is. A text that
 * is accepted is written anew from its events, with as few escapes as possible and with as many,
 * and must then mean the same. */
#include "pointer.h"
#include "reader.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef enum { OUTSIDE, IN_ARRAY, BEFORE_KEY, BEFORE_VALUE } Place;

/* What the events so far say. */
typedef struct {
	Place stack[READER_MAX_DEPTH + 1]; /* [0] is outside of all brackets */
	size_t depth;
	size_t n_values; /* outside of all brackets */
	size_t n_events;
	size_t offset; /* of the last event */
	GString *log;  /* events and their texts */
} Trail;

static Place *
innermost(Trail *trail)
{
	return &trail->stack[trail->depth];
}

static gboolean
has_text(ReaderEvent event)
{
	return event == READER_KEY || event == READER_STRING || event == READER_NUMBER;
}

/* The bytes one of which begins what the event is about. */
static const char *
first_bytes(ReaderEvent event)
{
	static const char *const bytes[] = {
		[READER_OBJECT] = "{",
		[READER_OBJECT_END] = "}",
		[READER_ARRAY] = "[",
		[READER_ARRAY_END] = "]",
		[READER_KEY] = "\"",
		[READER_STRING] = "\"",
		[READER_NUMBER] = "-0123456789",
		[READER_TRUE] = "t",
		[READER_FALSE] = "f",
		[READER_NULL] = "n",
	};

	return bytes[event];
}

static void
open_bracket(Trail *trail, Place place)
{
	g_assert_cmpuint(trail->depth, <, READER_MAX_DEPTH);
	trail->stack[++trail->depth] = place;
}

static void
close_bracket(Trail *trail, Place place)
{
	g_assert_cmpuint(trail->depth, >, 0);
	g_assert_cmpint(*innermost(trail), ==, place);
	trail->depth--;
}

/* A value, or the bracket that opens one, is where a value may be. */
static void
note_value(Trail *trail)
{
	g_assert_cmpint(*innermost(trail), !=, BEFORE_KEY);
	if (*innermost(trail) == BEFORE_VALUE)
		*innermost(trail) = BEFORE_KEY;
	if (*innermost(trail) == OUTSIDE)
		g_assert_cmpuint(++trail->n_values, ==, 1);
}

static void
note_structure(Trail *trail, ReaderEvent event)
{
	switch (event) {
	case READER_OBJECT:
	case READER_ARRAY:
		note_value(trail);
		open_bracket(trail, event == READER_OBJECT ? BEFORE_KEY : IN_ARRAY);
		break;
	case READER_OBJECT_END:
	case READER_ARRAY_END:
		close_bracket(trail, event == READER_OBJECT_END ? BEFORE_KEY : IN_ARRAY);
		break;
	case READER_KEY:
		g_assert_cmpint(*innermost(trail), ==, BEFORE_KEY);
		*innermost(trail) = BEFORE_VALUE;
		break;
	case READER_STRING:
	case READER_NUMBER:
	case READER_TRUE:
	case READER_FALSE:
	case READER_NULL:
		note_value(trail);
		break;
	case READER_END:
		g_assert_cmpuint(trail->depth, ==, 0);
		g_assert_cmpuint(trail->n_values, ==, 1);
		break;
	case READER_ERROR:
		break;
	}
}

static void
note_event(Trail *trail, const Reader *reader, ReaderEvent event)
{
	const char *text = has_text(event) ? reader_text(reader) : "";

	g_assert_true(g_utf8_validate(text, -1, NULL));
	g_string_append_printf(trail->log, "%d %zu %s\n", event, strlen(text), text);
	if (trail->n_events++ > 0)
		g_assert_cmpuint(reader_offset(reader), >, trail->offset);
	trail->offset = reader_offset(reader);
}

static void
assert_offset(const Reader *reader, ReaderEvent event, const char *text, size_t size)
{
	const size_t offset = reader_offset(reader);

	g_assert_cmpuint(offset, <=, size);
	if (event == READER_END)
		g_assert_cmpuint(offset, ==, size);
	else if (event != READER_ERROR)
		g_assert_nonnull(
			memchr(first_bytes(event), text[offset], strlen(first_bytes(event))));
}

static void
assert_error(Reader *reader)
{
	const char *message;

	g_assert_cmpint(reader_error(reader, &message), <, N_FINDINGS);
	g_assert_true(g_utf8_validate(message, -1, NULL));
}

/* A pointer has one slash for each level; "/" is the whole document, or the key "" in it. */
static void
assert_pointer(PointerFinder *finder, const Trail *trail, ReaderEvent event)
{
	g_autofree char *pointer = pointer_finder_dup(finder, trail->offset);
	size_t slashes = 0;
	const gboolean opens = event == READER_OBJECT || event == READER_ARRAY;
	const size_t level = trail->depth - (opens ? 1 : 0);

	g_assert_cmpint(pointer[0], ==, '/');
	g_assert_true(g_utf8_validate(pointer, -1, NULL));
	for (const char *p = pointer; *p != '\0'; p++)
		slashes += *p == '/' ? 1 : 0;
	if (event != READER_ERROR)
		g_assert_cmpuint(slashes, ==, MAX(level, 1));
}

/* ---- writing ---- */

static void
append_escaped(GString *out, gunichar c)
{
	if (c > 0xffff) {
		append_escaped(out, 0xd800 + ((c - 0x10000) >> 10));
		append_escaped(out, 0xdc00 + ((c - 0x10000) & 0x3ff));
	} else {
		g_string_append_printf(out, "\\u%04x", c);
	}
}

static void
append_string(GString *out, const char *text, gboolean escapes_all)
{
	g_string_append_c(out, '"');
	for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p)) {
		const gunichar c = g_utf8_get_char(p);

		if (escapes_all || c < ' ' || c == '"' || c == '\\')
			append_escaped(out, c);
		else
			g_string_append_unichar(out, c);
	}
	g_string_append_c(out, '"');
}

/* Write one event; comma tells whether a comma belongs before it. */
static void
append_event(GString *out, const Reader *reader, ReaderEvent event, gboolean escapes_all,
	     gboolean *comma)
{
	static const char *const fixed[] = {
		[READER_OBJECT] = "{",    [READER_OBJECT_END] = "}", [READER_ARRAY] = "[",
		[READER_ARRAY_END] = "]", [READER_TRUE] = "true",    [READER_FALSE] = "false",
		[READER_NULL] = "null",   [READER_END] = "",
	};
	const gboolean opens = event == READER_OBJECT || event == READER_ARRAY;
	const gboolean closes = event == READER_OBJECT_END || event == READER_ARRAY_END;

	if (*comma && !closes && event != READER_END)
		g_string_append_c(out, ',');
	*comma = !opens && event != READER_KEY;
	if (event == READER_KEY || event == READER_STRING)
		append_string(out, reader_text(reader), escapes_all);
	else
		g_string_append(out, event == READER_NUMBER ? reader_text(reader) : fixed[event]);
	if (event == READER_KEY)
		g_string_append_c(out, ':');
}

/* Read text once; the event that ends it. rewritten may be NULL. */
static ReaderEvent
read_all(const char *text, size_t size, gboolean escapes_all, GString *log, GString *rewritten)
{
	g_autoptr(Reader) reader = reader_new(text, size);
	g_autoptr(PointerFinder) finder = pointer_finder_new(text, size);
	Trail trail = { .log = log };
	gboolean comma = FALSE;
	ReaderEvent event;

	do {
		event = reader_next(reader);
		assert_offset(reader, event, text, size);
		note_event(&trail, reader, event);
		note_structure(&trail, event);
		assert_pointer(finder, &trail, event);
		if (event != READER_ERROR && rewritten != NULL)
			append_event(rewritten, reader, event, escapes_all, &comma);
	} while (event != READER_END && event != READER_ERROR);
	if (event == READER_ERROR)
		assert_error(reader);
	g_assert_cmpint(reader_next(reader), ==, event);
	return event;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int escapes_all = FALSE; escapes_all <= TRUE; escapes_all++) {
		g_autoptr(GString) log = g_string_new(NULL);
		g_autoptr(GString) log_again = g_string_new(NULL);
		g_autoptr(GString) rewritten = g_string_new(NULL);

		if (read_all((const char *)data, size, escapes_all, log, rewritten) == READER_ERROR)
			return 0;
		/* An exact copy: a byte read behind it is seen by the sanitizer. */
		g_autofree char *again = g_malloc(rewritten->len);
		memcpy(again, rewritten->str, rewritten->len);
		g_assert_cmpint(read_all(again, rewritten->len, FALSE, log_again, NULL), ==,
				READER_END);
		g_assert_cmpstr(log_again->str, ==, log->str);
	}
	return 0;
}
