/* SPDX-License-Identifier: Apache-2.0 */
/* counters: what policyd has answered since it began. Pure.
 *
 * Only rules that were broken are counted by name, and at most MAX_RULES of them. */
#include "counters.h"

#include <stdlib.h>

#define MAX_RULES 10000

struct Counters {
	guint64 count[N_COUNTERS];
	GHashTable *by_rule; /* name -> guint64 */
};

Counters *
counters_new(void)
{
	Counters *counters = g_new0(Counters, 1);

	counters->by_rule = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return counters;
}

void
counters_free(Counters *counters)
{
	if (counters == NULL)
		return;
	g_hash_table_unref(counters->by_rule);
	g_free(counters);
}

static void
add_rule(Counters *counters, const char *name)
{
	guint64 *count = g_hash_table_lookup(counters->by_rule, name);

	if (count == NULL) {
		if (g_hash_table_size(counters->by_rule) >= MAX_RULES)
			return;
		count = g_new0(guint64, 1);
		g_hash_table_insert(counters->by_rule, g_strdup(name), count);
	}
	(*count)++;
}

void
counters_add_decision(Counters *counters, const Decision *decision)
{
	static const Counter answered[] = {
		[VIOLATION_REPORT] = COUNTER_REPORTED,
		[VIOLATION_DEFER] = COUNTER_DEFERRED,
		[VIOLATION_REJECT] = COUNTER_REJECTED,
	};
	G_STATIC_ASSERT(G_N_ELEMENTS(answered) == N_VIOLATIONS);

	counters->count[COUNTER_REQUESTS]++;
	if (decision->is_passed) {
		counters->count[COUNTER_PASSED]++;
		return;
	}
	counters->count[answered[decision->answer.violation]]++;
	for (size_t i = 0; i < decision->n_failures; i++)
		add_rule(counters, decision->failures[i].name);
}

void
counters_add_unanswered(Counters *counters)
{
	counters->count[COUNTER_REQUESTS]++;
	counters->count[COUNTER_UNANSWERED]++;
}

void
counters_add_protocol_error(Counters *counters)
{
	counters->count[COUNTER_PROTOCOL_ERRORS]++;
}

void
counters_open_connection(Counters *counters)
{
	counters->count[COUNTER_CONNECTIONS]++;
	counters->count[COUNTER_OPEN]++;
}

void
counters_close_connection(Counters *counters)
{
	counters->count[COUNTER_OPEN]--;
}

/* ---- as text ---- */

typedef struct {
	const char *name;
	guint64 broken;
} Rule;

/* The most often broken first; of the same number by name. */
static int
compare_rules(const void *a, const void *b)
{
	const Rule *left = a, *right = b;

	if (left->broken != right->broken)
		return left->broken > right->broken ? -1 : 1;
	return g_strcmp0(left->name, right->name);
}

/* Those that are told: *n of them; the caller frees. */
static Rule *
list_rules(const Counters *counters, size_t *n)
{
	const size_t size = g_hash_table_size(counters->by_rule);
	Rule *rules = g_new(Rule, size);
	GHashTableIter rule;
	void *name, *count;

	g_hash_table_iter_init(&rule, counters->by_rule);
	for (size_t i = 0; g_hash_table_iter_next(&rule, &name, &count); i++)
		rules[i] = (Rule){ name, *(const guint64 *)count };
	if (size > 0)
		qsort(rules, size, sizeof *rules, compare_rules);
	*n = MIN(size, COUNTER_MAX_RULES);
	return rules;
}

/* Each but the last is followed by separator. */
static void
append_counts(GString *text, const Counters *counters, const char *separator)
{
	for (Counter i = 0; i < N_COUNTERS; i++)
		g_string_append_printf(text, "%s%s=%" G_GUINT64_FORMAT, i > 0 ? separator : "",
				       names_word(&names_counter, (int)i), counters->count[i]);
}

char **
counters_dup_lines(const Counters *counters)
{
	GString *first = g_string_new("counters ");
	size_t n;
	g_autofree Rule *rules = list_rules(counters, &n);
	char **lines = g_new0(char *, n + 2);

	append_counts(first, counters, " ");
	lines[0] = g_string_free(first, FALSE);
	for (size_t i = 0; i < n; i++)
		lines[i + 1] = g_strdup_printf("counters rule=%s broken=%" G_GUINT64_FORMAT,
					       rules[i].name, rules[i].broken);
	return lines;
}

char *
counters_dup_answer(const Counters *counters)
{
	GString *answer = g_string_new(NULL);
	size_t n;
	g_autofree Rule *rules = list_rules(counters, &n);

	append_counts(answer, counters, "\n");
	g_string_append_c(answer, '\n');
	for (size_t i = 0; i < n; i++)
		g_string_append_printf(answer, "rule=%s %" G_GUINT64_FORMAT "\n", rules[i].name,
				       rules[i].broken);
	g_string_append_c(answer, '\n');
	return g_string_free(answer, FALSE);
}
