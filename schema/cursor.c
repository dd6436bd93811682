/* SPDX-License-Identifier: Apache-2.0 */
/* cursor: walks the JSON document along tables of keys and fills plain structs from it.
 *
 * Unknown and repeated keys, values of the wrong type and words that are not in their table are
 * findings; reading goes on behind them, so that one run shows all. Only a text that is not JSON
 * ends it. */
#include "cursor.h"

#include "textindex.h"

#include <string.h>

struct Cursor {
	Reader *reader;
	ReaderEvent event; /* the present one */
	GStringChunk *store;
	Findings *findings;
	gboolean is_broken;      /* the text is not JSON: unwind */
	CursorProgress progress; /* NULL: nobody wants to know */
	void *progress_data;
	size_t next_report; /* offset */
};

#define REPORT_EVERY ((size_t)1 << 20)

Cursor *
cursor_new(const char *document, size_t size, GStringChunk *store, Findings *findings)
{
	Cursor *cursor = g_new0(Cursor, 1);

	cursor->reader = reader_new(document, size);
	cursor->store = store;
	cursor->findings = findings;
	return cursor;
}

void
cursor_free(Cursor *cursor)
{
	if (cursor == NULL)
		return;
	reader_free(cursor->reader);
	g_free(cursor);
}

void
cursor_set_progress(Cursor *cursor, CursorProgress progress, void *data)
{
	cursor->progress = progress;
	cursor->progress_data = data;
}

static void
report_progress(Cursor *cursor)
{
	size_t offset = reader_offset(cursor->reader);

	if (cursor->progress == NULL || offset < cursor->next_report)
		return;
	cursor->next_report = offset + REPORT_EVERY;
	cursor->progress(offset, cursor->progress_data);
}

size_t
cursor_place(const Cursor *cursor)
{
	return reader_offset(cursor->reader);
}

Findings *
cursor_findings(const Cursor *cursor)
{
	return cursor->findings;
}

static ReaderEvent
next(Cursor *cursor)
{
	cursor->event = reader_next(cursor->reader);
	if (cursor->event == READER_ERROR)
		cursor->is_broken = TRUE;
	return cursor->event;
}

/* Go behind the present value, whatever it is. */
static void
skip(Cursor *cursor)
{
	int depth = 0;

	do {
		if (cursor->event == READER_OBJECT || cursor->event == READER_ARRAY)
			depth++;
		else if (cursor->event == READER_OBJECT_END || cursor->event == READER_ARRAY_END)
			depth--;
	} while (depth > 0 && next(cursor) != READER_ERROR);
}

/* What a value of the wrong type is called. */
static const char *
event_words(ReaderEvent event)
{
	static const char *const words[] = {
		[READER_OBJECT] = "an object", [READER_OBJECT_END] = "the end of an object",
		[READER_ARRAY] = "an array",   [READER_ARRAY_END] = "the end of an array",
		[READER_KEY] = "a key",        [READER_STRING] = "a string",
		[READER_NUMBER] = "a number",  [READER_TRUE] = "true",
		[READER_FALSE] = "false",      [READER_NULL] = "null",
		[READER_END] = "the end",      [READER_ERROR] = "an error",
	};

	return words[event];
}

static void
refuse_type(Cursor *cursor, const char *accepted)
{
	findings_add(cursor->findings, FINDING_WRONG_TYPE, cursor_place(cursor),
		     "found %s; accepted is %s", event_words(cursor->event), accepted);
	skip(cursor);
}

static char *
dup_keys(const CursorObject *object)
{
	GString *keys = g_string_new(NULL);

	for (size_t i = 0; i < object->n_keys; i++)
		g_string_append_printf(keys, "%s%s", i == 0 ? "" : ", ", object->keys[i].key);
	return g_string_free(keys, FALSE);
}

/* The index of the present key, or -1. */
static int
find_key(const CursorObject *object, const char *key)
{
	for (size_t i = 0; i < object->n_keys; i++)
		if (strcmp(object->keys[i].key, key) == 0)
			return (int)i;
	return -1;
}

static void
refuse_key(Cursor *cursor, const CursorObject *object)
{
	g_autofree char *found = finding_quote(reader_text(cursor->reader), -1);
	g_autofree char *accepted = dup_keys(object);

	findings_add(cursor->findings, FINDING_UNKNOWN_KEY, cursor_place(cursor),
		     "unknown key %s; accepted here: %s", found, accepted);
}

/* The present event is a key. Load its value, or say why not and go behind it. */
static void
load_member(Cursor *cursor, const CursorObject *object, void *target, guint32 *seen)
{
	int index = find_key(object, reader_text(cursor->reader));
	gboolean is_repeated = FALSE;

	if (index < 0) {
		refuse_key(cursor, object);
	} else {
		is_repeated = (*seen >> index & 1) != 0;
		*seen |= (guint32)1 << index;
	}
	if (is_repeated)
		findings_add(cursor->findings, FINDING_DUPLICATE_KEY, cursor_place(cursor),
			     "the key \"%s\" stands here a second time; keep one of them",
			     object->keys[index].key);
	if (next(cursor) == READER_ERROR)
		return;
	if (index < 0 || is_repeated) {
		skip(cursor);
		return;
	}
	const CursorKey *key = &object->keys[index];
	key->load(cursor, (char *)target + key->offset, key->arg);
}

void
cursor_object(Cursor *cursor, void *target, const void *arg)
{
	const CursorObject *object = arg;
	guint32 seen = 0;

	g_return_if_fail(object->n_keys <= 32);
	if (cursor->event != READER_OBJECT) {
		refuse_type(cursor, "an object {…}");
		return;
	}
	*(size_t *)(void *)((char *)target + object->place_offset) = cursor_place(cursor);
	while (next(cursor) == READER_KEY) {
		load_member(cursor, object, target, &seen);
		if (cursor->is_broken)
			return;
	}
}

/* An item is the same as another when its normal form is. */
static void
refuse_repetition(Cursor *cursor, const GArray *items)
{
	g_autoptr(TextIndex) seen = textindex_new(items->len);

	for (size_t i = 0; i < items->len; i++) {
		const CursorText *item = &g_array_index(items, CursorText, i);
		size_t first;
		if (item->place == 0 || textindex_add(seen, item->text, i, &first))
			continue;
		g_autofree char *found = finding_quote(item->text, -1);
		findings_add(cursor->findings, FINDING_DUPLICATE_ITEM, item->place,
			     "%s stands in this list already; keep one of them", found);
	}
}

static gboolean
is_all_zero(const char *bytes, size_t n)
{
	return n == 0 || (bytes[0] == '\0' && memcmp(bytes, bytes + 1, n - 1) == 0);
}

/* Load one more item. One that is nothing of what it should be leaves nothing behind: a list of
 * wrong things is not to take more memory than the text does. */
static void
load_item(Cursor *cursor, GArray *items, const CursorArray *array)
{
	size_t n = items->len;

	g_array_set_size(items, (guint)n + 1);
	array->load(cursor, items->data + array->size * n, array->arg);
	if (is_all_zero(items->data + array->size * n, array->size))
		g_array_set_size(items, (guint)n);
}

void
cursor_array(Cursor *cursor, void *field, const void *arg)
{
	const CursorArray *array = arg;
	GArray **items = field;
	size_t place = cursor_place(cursor);
	gboolean is_empty = TRUE;

	if (cursor->event != READER_ARRAY) {
		refuse_type(cursor, "an array […]");
		return;
	}
	if (*items == NULL)
		*items = g_array_new(FALSE, TRUE, array->size);
	while (next(cursor) != READER_ARRAY_END && !cursor->is_broken) {
		report_progress(cursor);
		load_item(cursor, *items, array);
		is_empty = FALSE;
	}
	if (array->must_name_something && is_empty && !cursor->is_broken)
		findings_add(cursor->findings, FINDING_EMPTY_LIST, place,
			     "the list is empty; name at least one item, or remove the key");
	if (array->is_set && (*items)->len > 1)
		refuse_repetition(cursor, *items);
}

void
cursor_word(Cursor *cursor, void *field, const void *arg)
{
	const NameTable *table = arg;
	CursorWord *word = field;
	gboolean is_string = cursor->event == READER_STRING;
	int code = is_string ? names_code(table, reader_text(cursor->reader)) : -1;

	if (code < 0) {
		g_autofree char *choice = names_dup_choice(table);
		word->is_wrong = TRUE;
		if (!is_string) {
			refuse_type(cursor, choice);
			return;
		}
		g_autofree char *found = finding_quote(reader_text(cursor->reader), -1);
		findings_add(cursor->findings, FINDING_UNKNOWN_WORD, cursor_place(cursor),
			     "found %s; accepted is %s", found, choice);
		return;
	}
	word->code = code;
	word->place = cursor_place(cursor);
}

/* Keep the present text, which kind has accepted in the form of copy. */
static void
check_text(Cursor *cursor, CursorText *text, const CursorTextKind *kind)
{
	const char *found = reader_text(cursor->reader);
	char copy[CURSOR_TEXT_SIZE];

	/* No character takes less than one byte: most texts need no counting. */
	size_t length = strlen(found);
	if (length > CURSOR_MAX_TEXT && g_utf8_strlen(found, -1) > CURSOR_MAX_TEXT) {
		findings_add(cursor->findings, FINDING_TOO_LONG, cursor_place(cursor),
			     "a text of more than %d characters; shorten it", CURSOR_MAX_TEXT);
		return;
	}
	memcpy(copy, found, length + 1);
	const char *reason = kind->check != NULL ? kind->check(copy, sizeof copy) : NULL;
	if (reason != NULL) {
		g_autofree char *quoted = finding_quote(found, -1);
		findings_add(cursor->findings, kind->id, cursor_place(cursor),
			     "found %s: it %s; accepted is %s", quoted, reason, kind->accepted);
		return;
	}
	text->text = g_string_chunk_insert(cursor->store, copy);
	text->place = cursor_place(cursor);
}

void
cursor_text(Cursor *cursor, void *field, const void *arg)
{
	if (cursor->event != READER_STRING)
		refuse_type(cursor, "a string");
	else
		check_text(cursor, field, arg);
}

void
cursor_number(Cursor *cursor, void *field, const void *arg)
{
	const CursorRange *range = arg;
	CursorNumber *number = field;

	if (cursor->event != READER_NUMBER) {
		refuse_type(cursor, range->accepted);
		return;
	}
	/* The reader has proved the grammar. "128.0" and "1.28e2" are the whole number 128, as JSON
	 * Schema counts too. */
	double value = g_ascii_strtod(reader_text(cursor->reader), NULL);
	if (!(value >= range->least && value <= range->most) || value != (int)value) {
		g_autofree char *found = finding_quote(reader_text(cursor->reader), -1);
		findings_add(cursor->findings, FINDING_OUT_OF_RANGE, cursor_place(cursor),
			     "found %s; accepted is %s", found, range->accepted);
		return;
	}
	number->value = (int)value;
	number->place = cursor_place(cursor);
}

void
cursor_boolean(Cursor *cursor, void *field, const void *arg)
{
	CursorWord *word = field;

	if (cursor->event != READER_TRUE && cursor->event != READER_FALSE) {
		word->is_wrong = TRUE;
		refuse_type(cursor, "true or false");
		return;
	}
	word->code = cursor->event == READER_TRUE;
	word->place = cursor_place(cursor);
}

gboolean
cursor_load(Cursor *cursor, const CursorObject *root, void *target)
{
	if (next(cursor) != READER_ERROR)
		cursor_object(cursor, target, root);
	if (!cursor->is_broken && next(cursor) != READER_ERROR)
		return TRUE;
	const char *message;
	FindingId id = reader_error(cursor->reader, &message);
	findings_clear(cursor->findings);
	findings_add(cursor->findings, id, reader_offset(cursor->reader), "%s", message);
	return FALSE;
}
