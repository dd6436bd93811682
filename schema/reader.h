/* SPDX-License-Identifier: Apache-2.0 */
/* reader: a strict pull reader of JSON text that knows the byte offset of everything it yields.
 *
 * It accepts RFC 8259 within I-JSON (RFC 7493): UTF-8 without byte-order mark, no lone surrogates,
 * no noncharacters, no NUL, and at most READER_MAX_DEPTH levels. Duplicate keys are for the caller
 * to refuse, who knows the keys. It keeps no tree: memory does not grow with the text. */
#pragma once

#include "finding.h"

#include <glib.h>

#define READER_MAX_DEPTH 32

typedef enum {
	READER_OBJECT,
	READER_OBJECT_END,
	READER_ARRAY,
	READER_ARRAY_END,
	READER_KEY,
	READER_STRING,
	READER_NUMBER,
	READER_TRUE,
	READER_FALSE,
	READER_NULL,
	READER_END,  /* the whole text was read */
	READER_ERROR /* reader_error() says what is wrong; all further calls yield this too */
} ReaderEvent;

typedef struct Reader Reader;

/* Read text, size bytes that stay unchanged while the reader lives; no NUL behind them needed. */
Reader *reader_new(const char *text, size_t size);
void reader_free(Reader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Reader, reader_free)

ReaderEvent reader_next(Reader *reader);

/* Where the last event begins; for READER_ERROR the byte that is wrong. */
size_t reader_offset(const Reader *reader);

/* The text of a key or string, decoded, or a number as it is written; NUL-terminated, holds no NUL,
 * borrowed until the next reader_next(). */
const char *reader_text(const Reader *reader);

/* What kind of error it was, and its message; borrowed. */
FindingId reader_error(const Reader *reader, const char **message);
