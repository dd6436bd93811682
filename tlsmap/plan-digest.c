/* SPDX-License-Identifier: Apache-2.0 */
/* plan-digest: what apply --expect-plan knows a plan by. */
#include "plan.h"

#include <string.h>

/* With its length, so that no two lists of texts give the same bytes; NULL is no text. */
static void
add_text(GChecksum *sum, const char *text)
{
	const gint64 length = text != NULL ? (gint64)strlen(text) : -1;
	g_autofree char *head = g_strdup_printf("%" G_GINT64_FORMAT ":", length);

	g_checksum_update(sum, (const guchar *)head, -1);
	if (text != NULL)
		g_checksum_update(sum, (const guchar *)text, length);
}

char *
plan_dup_digest(const Plan *plan)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	g_autofree char *document = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, plan->document);
	g_autofree char *from = g_strdup_printf("%" G_GUINT64_FORMAT,
						plan->current != NULL ? plan->current->number : 0);

	add_text(sum, document);
	add_text(sum, from);
	for (guint i = 0; i < plan->changes->len; i++) {
		const Change *change = &g_array_index(plan->changes, Change, i);
		add_text(sum, change_kind_word(change->kind));
		add_text(sum, change->name);
		add_text(sum, change->old_value);
		add_text(sum, change->new_value);
	}
	return g_strdup(g_checksum_get_string(sum));
}
