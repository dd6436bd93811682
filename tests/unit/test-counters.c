/* SPDX-License-Identifier: Apache-2.0 */
/* test-counters: what is counted, and the two texts that tell it. */
#include "counters.h"

#include <glib.h>
#include <string.h>

/* Count a mail that breaks these rules, whose violation is the last one's. */
static void
add_broken(Counters *counters, Violation violation, const char *const *rules)
{
	Decision decision = { .answer = { .violation = violation } };

	for (; *rules != NULL; rules++)
		g_strlcpy(decision.failures[decision.n_failures++].name, *rules,
			  sizeof decision.failures[0].name);
	counters_add_decision(counters, &decision);
}

static void
add_broken_rule(Counters *counters, Violation violation, const char *rule)
{
	add_broken(counters, violation, (const char *const[]){ rule, NULL });
}

static void
assert_texts(const Counters *counters, const char *lines, const char *answer)
{
	g_auto(GStrv) found_lines = counters_dup_lines(counters);
	g_autofree char *joined = g_strjoinv("\n", found_lines);
	g_autofree char *found_answer = counters_dup_answer(counters);

	g_assert_cmpstr(joined, ==, lines);
	g_assert_cmpstr(found_answer, ==, answer);
}

static void
test_nothing(void)
{
	g_autoptr(Counters) counters = counters_new();

	assert_texts(counters,
		     "counters requests=0 passed=0 reported=0 deferred=0 rejected=0 unanswered=0 "
		     "protocol_errors=0 connections=0 open=0",
		     "requests=0\npassed=0\nreported=0\ndeferred=0\nrejected=0\nunanswered=0\n"
		     "protocol_errors=0\nconnections=0\nopen=0\n\n");
}

/* Another number for each, so that none is taken for another. */
static void
test_each(void)
{
	g_autoptr(Counters) counters = counters_new();
	const Decision passed = { .is_passed = TRUE, .n_failures = 1 };

	for (int i = 0; i < 1; i++)
		counters_add_decision(counters, &passed);
	for (int i = 0; i < 2; i++)
		add_broken_rule(counters, VIOLATION_REPORT, "watch");
	for (int i = 0; i < 3; i++)
		add_broken(counters, VIOLATION_DEFER,
			   (const char *const[]){ "cert", "watch", NULL });
	for (int i = 0; i < 4; i++)
		add_broken(counters, VIOLATION_REJECT,
			   (const char *const[]){ "bank", "cert", NULL });
	for (int i = 0; i < 5; i++)
		counters_add_unanswered(counters);
	for (int i = 0; i < 6; i++)
		counters_add_protocol_error(counters);
	for (int i = 0; i < 9; i++)
		counters_open_connection(counters);
	for (int i = 0; i < 2; i++)
		counters_close_connection(counters);
	assert_texts(counters,
		     "counters requests=15 passed=1 reported=2 deferred=3 rejected=4 unanswered=5 "
		     "protocol_errors=6 connections=9 open=7\n"
		     "counters rule=cert broken=7\n"
		     "counters rule=watch broken=5\n"
		     "counters rule=bank broken=4",
		     "requests=15\npassed=1\nreported=2\ndeferred=3\nrejected=4\nunanswered=5\n"
		     "protocol_errors=6\nconnections=9\nopen=7\n"
		     "rule=cert 7\nrule=watch 5\nrule=bank 4\n\n");
}

static void
test_order(void)
{
	g_autoptr(Counters) counters = counters_new();
	g_autofree char *answer = NULL;

	for (const char *rule = "bdacadb"; *rule != '\0'; rule++)
		add_broken_rule(counters, VIOLATION_REJECT, (const char[]){ *rule, '\0' });
	answer = counters_dup_answer(counters);
	g_assert_true(g_str_has_suffix(answer, "\nrule=a 2\nrule=b 2\nrule=d 2\nrule=c 1\n\n"));
}

static size_t
count_rules(const Counters *counters)
{
	g_autofree char *answer = counters_dup_answer(counters);
	g_auto(GStrv) lines = counters_dup_lines(counters);
	size_t n = 0;

	for (const char *p = answer; (p = strstr(p, "\nrule=")) != NULL; p++)
		n++;
	g_assert_cmpuint(g_strv_length(lines), ==, n + 1);
	return n;
}

/* The rule that is broken last, and most often, is among them. */
static void
test_many_rules(void)
{
	g_autoptr(Counters) counters = counters_new();
	g_autofree char *answer = NULL;

	for (int i = 0; i < COUNTER_MAX_RULES; i++) {
		g_autofree char *rule = g_strdup_printf("rule-%d", i);
		add_broken_rule(counters, VIOLATION_REJECT, rule);
	}
	g_assert_cmpuint(count_rules(counters), ==, COUNTER_MAX_RULES);
	add_broken_rule(counters, VIOLATION_REJECT, "zz");
	add_broken_rule(counters, VIOLATION_REJECT, "zz");
	g_assert_cmpuint(count_rules(counters), ==, COUNTER_MAX_RULES);
	answer = counters_dup_answer(counters);
	g_assert_nonnull(strstr(answer, "open=0\nrule=zz 2\nrule=rule-0 1\n"));
	g_assert_null(strstr(answer, "rule=rule-99 "));
}

/* What a gateway with a million rules remembers has an end; what it knows it goes on counting. */
static void
test_rules_have_a_cap(void)
{
	g_autoptr(Counters) counters = counters_new();
	g_autofree char *answer = NULL;

	for (int i = 0; i < 10000; i++) {
		g_autofree char *rule = g_strdup_printf("rule-%d", i);
		add_broken_rule(counters, VIOLATION_REJECT, rule);
	}
	for (int i = 0; i < 2; i++)
		add_broken_rule(counters, VIOLATION_REJECT, "late");
	for (int i = 0; i < 2; i++)
		add_broken_rule(counters, VIOLATION_REJECT, "rule-9999");
	answer = counters_dup_answer(counters);
	g_assert_nonnull(strstr(answer, "requests=10004\n"));
	g_assert_nonnull(strstr(answer, "open=0\nrule=rule-9999 3\nrule=rule-0 1\n"));
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/counters/nothing-is-all-zeros", test_nothing);
	g_test_add_func("/counters/each-counts-for-itself", test_each);
	g_test_add_func("/counters/rules-are-sorted-by-number-and-name", test_order);
	g_test_add_func("/counters/of-many-rules-the-most-broken-are-told", test_many_rules);
	g_test_add_func("/counters/remembered-rules-have-a-cap", test_rules_have_a_cap);
	return g_test_run();
}
