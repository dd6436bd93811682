/* SPDX-License-Identifier: Apache-2.0 */
/* cursor: walks the JSON document along tables of keys and fills plain structs from it.
 *
 * Every loader here is called with the value's first event already read, consumes exactly that
 * value, and turns what is wrong with it into a finding. */
#pragma once

#include "finding.h"
#include "names.h"
#include "reader.h"

#include <glib.h>

typedef struct Cursor Cursor;

/* Load one value into field; arg is what the table of keys says. */
typedef void (*CursorLoad)(Cursor *cursor, void *field, const void *arg);

/* A key of an object: its loader, and the field's offset in the struct that the object fills. */
typedef struct {
	const char *key;
	CursorLoad load;
	size_t offset;
	const void *arg;
} CursorKey;

/* The keys of an object, for cursor_object(). */
typedef struct {
	const CursorKey *keys; /* at most 32 */
	size_t n_keys;
	/* Where the object's own place goes (size_t) in the struct. */
	size_t place_offset;
} CursorObject;

/* The items of an array, for cursor_array(): the field is a GArray * of them, made if NULL. */
typedef struct {
	CursorLoad load;
	size_t size; /* of one item; each begins as zeroes, and one that stays so is left out */
	const void *arg;
	/* No item is worth a finding (FINDING_EMPTY_LIST), because an empty list could mean both
	 * nothing and everything. */
	gboolean must_name_something;
	/* The items are CursorText, and one that stands there twice is a finding
	 * (FINDING_DUPLICATE_ITEM). */
	gboolean is_set;
} CursorArray;

/* A word or a text of the document. place is its byte offset, 0 when the key is absent (0 is the
 * root object's place, never a member's). */
typedef struct {
	int code;
	/* Something was there that is no such word: code is the default, which nobody chose. */
	gboolean is_wrong;
	size_t place;
} CursorWord;

/* A whole number. */
typedef struct {
	int value;
	size_t place;
} CursorNumber;

/* For cursor_number(). */
typedef struct {
	int least;
	int most;
	const char *accepted; /* "128 or 256, in bits" */
} CursorRange;

typedef struct {
	const char *text; /* owned by the cursor's string store */
	size_t place;
} CursorText;

/* What is said of a text: which finding it is when check refuses it. */
typedef struct {
	FindingId id;
	/* NULL, or why text is refused, completing "it ..."; may normalise text in place, where
	 * there is room for size bytes (CURSOR_TEXT_SIZE). */
	const char *(*check)(char *text, size_t size);
	/* What is accepted and how to put it right. */
	const char *accepted;
} CursorTextKind;

/* Longest text accepted, in characters, and the bytes that it may take. */
#define CURSOR_MAX_TEXT 4096
#define CURSOR_TEXT_SIZE (CURSOR_MAX_TEXT * 4 + 1)

/* Told how far reading has come, about once in a megabyte; offset rises. */
typedef void (*CursorProgress)(size_t offset, void *data);

/* A cursor over document. Texts are kept in store, findings go to findings; both are borrowed. */
Cursor *cursor_new(const char *document, size_t size, GStringChunk *store, Findings *findings);
void cursor_free(Cursor *cursor);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Cursor, cursor_free)

void cursor_set_progress(Cursor *cursor, CursorProgress progress, void *data);

/* Read the whole document, which must be one object, into target. FALSE when the text is not JSON:
 * then findings holds that one finding alone. */
gboolean cursor_load(Cursor *cursor, const CursorObject *root, void *target)
	G_GNUC_WARN_UNUSED_RESULT;

/* The loaders. arg: CursorObject, CursorArray, NameTable, CursorTextKind, CursorRange, nothing.
 * cursor_boolean() fills a CursorWord: code is FALSE or TRUE. */
void cursor_object(Cursor *cursor, void *target, const void *arg);
void cursor_array(Cursor *cursor, void *field, const void *arg);
void cursor_word(Cursor *cursor, void *field, const void *arg);
void cursor_text(Cursor *cursor, void *field, const void *arg);
void cursor_number(Cursor *cursor, void *field, const void *arg);
void cursor_boolean(Cursor *cursor, void *field, const void *arg);

/* For loaders outside: the present value's place, the findings, and a text kept for good. */
size_t cursor_place(const Cursor *cursor);
Findings *cursor_findings(const Cursor *cursor);
