/* SPDX-License-Identifier: Apache-2.0 */
/* counters: what policyd has answered since it began.
 *
 * Only rules that were broken are counted by name, and no more of them than a log can hold. */
#include "counters.h"

#include "log.h"

#define MAX_RULES 10000
#define MAX_LOGGED 100

struct Counters {
	guint64 passed;
	guint64 broken[N_VIOLATIONS];
	guint64 unanswered;
	guint64 protocol_errors;
	guint64 connections;
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
	if (decision->is_passed) {
		counters->passed++;
		return;
	}
	counters->broken[decision->answer.violation]++;
	for (size_t i = 0; i < decision->n_failures; i++)
		add_rule(counters, decision->failures[i].name);
}

void
counters_add_unanswered(Counters *counters)
{
	counters->unanswered++;
}

void
counters_add_protocol_error(Counters *counters)
{
	counters->protocol_errors++;
}

void
counters_add_connection(Counters *counters)
{
	counters->connections++;
}

static int
compare_counts(const void *a, const void *b, void *data)
{
	const char *const *left = a, *const *right = b;
	const guint64 *left_count = g_hash_table_lookup(data, *left);
	const guint64 *right_count = g_hash_table_lookup(data, *right);

	if (*left_count != *right_count)
		return *left_count > *right_count ? -1 : 1;
	return g_strcmp0(*left, *right);
}

void
counters_log(const Counters *counters, size_t n_open)
{
	const guint64 answered = counters->passed + counters->broken[VIOLATION_REPORT] +
				 counters->broken[VIOLATION_DEFER] +
				 counters->broken[VIOLATION_REJECT];
	guint n_rules;
	g_autofree void *names = g_hash_table_get_keys_as_array(counters->by_rule, &n_rules);
	const char *const *name = names;

	log_info("counters requests=%" G_GUINT64_FORMAT " passed=%" G_GUINT64_FORMAT
		 " reported=%" G_GUINT64_FORMAT " deferred=%" G_GUINT64_FORMAT
		 " rejected=%" G_GUINT64_FORMAT " unanswered=%" G_GUINT64_FORMAT
		 " protocol_errors=%" G_GUINT64_FORMAT " connections=%" G_GUINT64_FORMAT
		 " open=%zu",
		 answered + counters->unanswered, counters->passed,
		 counters->broken[VIOLATION_REPORT], counters->broken[VIOLATION_DEFER],
		 counters->broken[VIOLATION_REJECT], counters->unanswered,
		 counters->protocol_errors, counters->connections, n_open);
	g_qsort_with_data(names, (int)n_rules, sizeof *name, compare_counts, counters->by_rule);
	for (guint i = 0; i < MIN(n_rules, MAX_LOGGED); i++) {
		const guint64 *count = g_hash_table_lookup(counters->by_rule, name[i]);
		log_info("counters rule=%s broken=%" G_GUINT64_FORMAT, name[i], *count);
	}
}
