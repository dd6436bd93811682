/* SPDX-License-Identifier: Apache-2.0 */
/* pointer: the JSON pointer (RFC 6901) of what stands at a byte offset of a document. Pure.
 *
 * The document is read once more, as far as the offset, with the path of open objects and arrays at
 * hand. That costs time only when a finding is shown, and spares the model a pointer for each
 * value. */
#include "pointer.h"

#include "reader.h"

#define MAX_KEY 80 /* bytes */

typedef struct {
	gboolean is_array;
	gboolean has_member; /* FALSE before the first one */
	size_t index;        /* of the present element */
	GString *key;        /* of the present member */
} Level;

struct PointerFinder {
	Reader *reader;
	Level levels[READER_MAX_DEPTH + 1];
	size_t depth; /* open brackets; the level of the innermost is depth - 1 */
	gboolean started;
	ReaderEvent event; /* the last one */
};

PointerFinder *
pointer_finder_new(const char *document, size_t size)
{
	PointerFinder *finder = g_new0(PointerFinder, 1);

	finder->reader = reader_new(document, size);
	finder->event = READER_NULL; /* none yet; no bracket */
	for (size_t i = 0; i < G_N_ELEMENTS(finder->levels); i++)
		finder->levels[i].key = g_string_new(NULL);
	return finder;
}

void
pointer_finder_free(PointerFinder *finder)
{
	if (finder == NULL)
		return;
	reader_free(finder->reader);
	for (size_t i = 0; i < G_N_ELEMENTS(finder->levels); i++)
		g_string_free(finder->levels[i].key, TRUE);
	g_free(finder);
}

static void
open_level(PointerFinder *finder, gboolean is_array)
{
	Level *level = &finder->levels[finder->depth++];

	level->is_array = is_array;
	level->has_member = FALSE;
	level->index = 0;
}

/* Take one event. A bracket opens its level only with the event behind it, so that the pointer at
 * the bracket's own offset is its own. */
static void
step(PointerFinder *finder)
{
	if (finder->event == READER_OBJECT || finder->event == READER_ARRAY)
		open_level(finder, finder->event == READER_ARRAY);
	finder->event = reader_next(finder->reader);

	Level *level = finder->depth > 0 ? &finder->levels[finder->depth - 1] : NULL;
	switch (finder->event) {
	case READER_OBJECT_END:
	case READER_ARRAY_END:
		finder->depth--;
		break;
	case READER_KEY:
		g_string_assign(level->key, reader_text(finder->reader));
		level->has_member = TRUE;
		break;
	case READER_OBJECT:
	case READER_ARRAY:
	case READER_STRING:
	case READER_NUMBER:
	case READER_TRUE:
	case READER_FALSE:
	case READER_NULL:
		if (level != NULL && level->is_array) {
			level->index += level->has_member ? 1 : 0;
			level->has_member = TRUE;
		}
		break;
	case READER_END:
	case READER_ERROR:
		break;
	}
}

/* Keys come from outside: escaped for a terminal, and cut. They are valid UTF-8. */
static void
append_key(GString *pointer, const char *key)
{
	size_t start = pointer->len;

	for (; *key != '\0'; key = g_utf8_next_char(key)) {
		gunichar c = g_utf8_get_char(key);
		if (pointer->len - start >= MAX_KEY) {
			g_string_append(pointer, "…");
			return;
		}
		if (c == '~' || c == '/')
			g_string_append(pointer, c == '~' ? "~0" : "~1");
		else if (g_unichar_isprint(c))
			g_string_append_unichar(pointer, c);
		else
			g_string_append_printf(pointer, "\\u%04x", c);
	}
}

char *
pointer_finder_dup(PointerFinder *finder, size_t offset)
{
	while (finder->event != READER_END && finder->event != READER_ERROR &&
	       (!finder->started || reader_offset(finder->reader) < offset)) {
		finder->started = TRUE;
		step(finder);
	}

	GString *pointer = g_string_new(NULL);
	for (size_t i = 0; i < finder->depth; i++) {
		const Level *level = &finder->levels[i];
		if (!level->has_member)
			break;
		g_string_append_c(pointer, '/');
		if (level->is_array)
			g_string_append_printf(pointer, "%zu", level->index);
		else
			append_key(pointer, level->key->str);
	}
	if (pointer->len == 0)
		g_string_append_c(pointer, '/');
	return g_string_free(pointer, FALSE);
}
