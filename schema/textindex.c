/* SPDX-License-Identifier: Apache-2.0 */
/* textindex: the number under which a text was entered first.
 *
 * Open addressing: a text stands in the first free slot from the one of its hash on. The hash is
 * kept beside it, so that other texts are hardly ever looked at. */
#include "textindex.h"

#include "texthash.h"

#include <string.h>

typedef struct {
	const char *text; /* NULL: a free slot */
	guint number;
	guint hash;
} Slot;

struct TextIndex {
	size_t n_free; /* how many texts may still be entered */
	size_t mask;   /* the number of slots, a power of two, less one */
	Slot slots[];
};

TextIndex *
textindex_new(size_t n)
{
	size_t n_slots = 4;

	g_assert(n <= G_MAXUINT);
	/* A quarter stays free, so that a search is short and ends. */
	while (n_slots / 4 * 3 < n)
		n_slots *= 2;
	TextIndex *index = g_malloc0(sizeof *index + n_slots * sizeof(Slot));
	index->n_free = n;
	index->mask = n_slots - 1;
	return index;
}

void
textindex_free(TextIndex *index)
{
	g_free(index);
}

gboolean
textindex_add(TextIndex *index, const char *text, size_t number, size_t *first)
{
	guint hash = texthash(text);
	size_t at = hash & index->mask;

	while (index->slots[at].text != NULL) {
		const Slot *slot = &index->slots[at];
		if (slot->hash == hash && strcmp(slot->text, text) == 0) {
			*first = slot->number;
			return FALSE;
		}
		at = (at + 1) & index->mask;
	}
	g_assert(index->n_free > 0);
	index->n_free--;
	index->slots[at] = (Slot){ text, (guint)number, hash };
	return TRUE;
}
