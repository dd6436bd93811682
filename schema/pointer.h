/* SPDX-License-Identifier: Apache-2.0 */
/* pointer: the JSON pointer (RFC 6901) of what stands at a byte offset of a document. Pure. */
#pragma once

#include <glib.h>

typedef struct PointerFinder PointerFinder;

/* document stays unchanged while the finder lives. */
PointerFinder *pointer_finder_new(const char *document, size_t size);
void pointer_finder_free(PointerFinder *finder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PointerFinder, pointer_finder_free)

/* The pointer of the key or value that begins at offset, "/" for the whole document; the innermost
 * known place where none begins there (a syntax error). Offsets must come in rising order: all of
 * them together cost one pass. The caller frees the result. */
char *pointer_finder_dup(PointerFinder *finder, size_t offset);
