/* SPDX-License-Identifier: Apache-2.0 */
/* change: one line of a plan, and the list of them. */
#include "change.h"

static const char *const kind_words[] = {
	[CHANGE_PARAMETER] = "parameter",
	[CHANGE_ROW] = "row",
	[CHANGE_RULE] = "rule",
	[CHANGE_SERVICE] = "service",
};
G_STATIC_ASSERT(G_N_ELEMENTS(kind_words) == N_CHANGE_KINDS);

static const char *const direction_words[] = {
	[CHANGE_EQUAL] = "equal",
	[CHANGE_STRICTER] = "stricter",
	[CHANGE_WEAKER] = "weaker",
};

static void
clear_change(void *data)
{
	Change *change = data;

	g_free(change->name);
	g_free(change->old_value);
	g_free(change->new_value);
}

GArray *
change_list_new(void)
{
	GArray *changes = g_array_new(FALSE, FALSE, sizeof(Change));

	g_array_set_clear_func(changes, clear_change);
	return changes;
}

void
change_add(GArray *changes, ChangeKind kind, const char *name, const char *old_value,
	   const char *new_value, ChangeDirection direction)
{
	Change change = {
		.kind = kind,
		.name = g_strdup(name),
		.old_value = g_strdup(old_value),
		.new_value = g_strdup(new_value),
		.direction = direction,
	};

	g_array_append_val(changes, change);
}

static const char *
shown(const char *value)
{
	if (value == NULL)
		return "(not set)";
	return *value == '\0' ? "(empty)" : value;
}

void
change_print(const GArray *changes, FILE *stream)
{
	for (size_t i = 0; i < changes->len; i++) {
		const Change *change = &g_array_index(changes, Change, i);
		fprintf(stream, "%s %s: %s -> %s [%s]\n", kind_words[change->kind], change->name,
			shown(change->old_value), shown(change->new_value),
			direction_words[change->direction]);
	}
}

const char *
change_kind_word(ChangeKind kind)
{
	return kind_words[kind];
}

const char *
change_direction_word(ChangeDirection direction)
{
	return direction_words[direction];
}
