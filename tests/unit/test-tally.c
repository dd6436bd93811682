/* SPDX-License-Identifier: Apache-2.0 */
/* test-tally: an answer with counters is taken as policyd writes it, and in no other form. */
#include "tally.h"

#include "counters.h"
#include "rows.h"

#include <string.h>

#define FIVE_OF(first) first "\npassed=2\nreported=3\ndeferred=4\nrejected=5\n"
#define COUNTS_OF(first) FIVE_OF(first) "unanswered=6\nprotocol_errors=7\nconnections=8\nopen=9\n"
#define FIVE FIVE_OF("requests=1")
#define COUNTS COUNTS_OF("requests=1")
#define OTHER "other counters than this version knows"
#define NO_RULE "a line that is not about a rule"
#define NAME_64 "a234567890123456789012345678901234567890123456789012345678901234"

typedef struct {
	const char *name;
	const char *text;
	const char *reason; /* NULL: taken */
} Row;

static const Row rows[] = {
	/* Taken. */
	{ "no-rules", COUNTS "\n", NULL },
	{ "one-rule", COUNTS "rule=bank 1\n\n", NULL },
	{ "rules-of-the-same-number", COUNTS "rule=b 1\nrule=a 1\n\n", NULL },
	{ "longest-rule-name", COUNTS "rule=" NAME_64 " 1\n\n", NULL },
	{ "all-zeros",
	  "requests=0\npassed=0\nreported=0\ndeferred=0\nrejected=0\nunanswered=0\n"
	  "protocol_errors=0\nconnections=0\nopen=0\n\n",
	  NULL },
	{ "largest-number", COUNTS "rule=bank 18446744073709551615\n\n", NULL },

	/* The counters. */
	{ "nothing", "", OTHER },
	{ "empty-line-alone", "\n", OTHER },
	{ "policy-answer", "action=DUNNO\n\n", OTHER },
	{ "http", "HTTP/1.0 400 Bad Request\r\n\r\n", OTHER },
	{ "last-counter-missing", FIVE "unanswered=6\nprotocol_errors=7\nconnections=8\n\n",
	  OTHER },
	{ "counter-missing-within", FIVE "protocol_errors=7\nconnections=8\nopen=9\n\n", OTHER },
	{ "counter-twice", "requests=1\n" COUNTS "\n", OTHER },
	{ "counter-twice-at-the-end", COUNTS "open=9\n\n", NO_RULE },
	{ "unknown-counter-first", "x=1\n" COUNTS "\n", OTHER },
	{ "unknown-counter-at-the-end", COUNTS "x=1\n\n", NO_RULE },
	{ "other-order",
	  "passed=2\nrequests=1\nreported=3\ndeferred=4\nrejected=5\n"
	  "unanswered=6\nprotocol_errors=7\nconnections=8\nopen=9\n\n",
	  OTHER },
	{ "longer-name", COUNTS_OF("requestss=1") "\n", OTHER },
	{ "no-equals", COUNTS_OF("requests 1") "\n", OTHER },
	{ "no-value", COUNTS_OF("requests=") "\n", OTHER },
	{ "negative", COUNTS_OF("requests=-1") "\n", OTHER },
	{ "plus", COUNTS_OF("requests=+1") "\n", OTHER },
	{ "leading-zero", COUNTS_OF("requests=01") "\n", OTHER },
	{ "blank-before", COUNTS_OF("requests= 1") "\n", OTHER },
	{ "blank-behind", COUNTS_OF("requests=1 ") "\n", OTHER },
	{ "fraction", COUNTS_OF("requests=1.5") "\n", OTHER },
	{ "hexadecimal", COUNTS_OF("requests=0x1") "\n", OTHER },
	{ "cr-lf", COUNTS_OF("requests=1\r") "\n", OTHER },
	{ "beyond-64-bits", COUNTS_OF("requests=18446744073709551616") "\n", OTHER },
	{ "far-beyond-64-bits", COUNTS_OF("requests=99999999999999999999999999") "\n", OTHER },
	{ "cut-within-a-counter", FIVE "unans", OTHER },
	{ "cut-behind-a-counter", FIVE, OTHER },

	/* Rules. */
	{ "cut-behind-the-counters", COUNTS, "no end" },
	{ "cut-within-a-rule", COUNTS "rule=bank 1", "no end" },
	{ "cut-behind-a-rule", COUNTS "rule=bank 1\n", "no end" },
	{ "rule-twice", COUNTS "rule=bank 1\nrule=bank 1\n\n", NO_RULE },
	{ "rule-twice-with-another-between", COUNTS "rule=a 3\nrule=b 2\nrule=a 1\n\n", NO_RULE },
	{ "rules-not-sorted", COUNTS "rule=a 1\nrule=b 2\n\n", NO_RULE },
	{ "rule-that-was-not-broken", COUNTS "rule=a 0\n\n", NO_RULE },
	{ "rule-without-number", COUNTS "rule=a\n\n", NO_RULE },
	{ "rule-with-an-empty-number", COUNTS "rule=a \n\n", NO_RULE },
	{ "rule-with-two-blanks", COUNTS "rule=a  1\n\n", NO_RULE },
	{ "rule-with-more-behind", COUNTS "rule=a 1 2\n\n", NO_RULE },
	{ "rule-with-a-large-number", COUNTS "rule=a 18446744073709551616\n\n", NO_RULE },
	{ "rule-without-name", COUNTS "rule= 1\n\n", NO_RULE },
	{ "rule-in-capitals", COUNTS "rule=Bank 1\n\n", NO_RULE },
	{ "rule-that-steers-the-terminal", COUNTS "rule=a\033[2J 1\n\n", NO_RULE },
	{ "rule-name-too-long", COUNTS "rule=" NAME_64 "5 1\n\n", NO_RULE },
	{ "no-rule", COUNTS "roule=a 1\n\n", NO_RULE },

	/* The end. */
	{ "bytes-behind-the-end", COUNTS "\nx", "more than one answer" },
	{ "second-empty-line", COUNTS "\n\n", "more than one answer" },
	{ "second-answer", COUNTS "\n" COUNTS "\n", "more than one answer" },
};

static void
test_row(const void *data)
{
	const Row *row = data;
	Tally tally;
	/* An exact copy without a NUL: a byte read behind it is seen by the sanitizer. */
	const size_t length = strlen(row->text);
	g_autofree char *copy = g_malloc(length + (length == 0));

	memcpy(copy, row->text, length);
	g_assert_cmpstr(tally_parse(copy, length, &tally), ==, row->reason);
}

static void
test_nul(void)
{
	static const char within[] = COUNTS "rule=a\0 1\n\n", behind[] = COUNTS "\n";
	Tally tally;

	g_assert_cmpstr(tally_parse(within, sizeof within - 1, &tally), ==, "a NUL byte in it");
	g_assert_cmpstr(tally_parse(behind, sizeof behind, &tally), ==, "a NUL byte in it");
}

static void
test_values(void)
{
	static const char text[] = COUNTS "rule=b 12\nrule=a 3\n\n";
	Tally tally;

	g_assert_null(tally_parse(text, strlen(text), &tally));
	for (Counter i = 0; i < N_COUNTERS; i++)
		g_assert_cmpuint(tally.count[i], ==, (guint64)i + 1);
	g_assert_cmpuint(tally.n_rules, ==, 2);
	g_assert_cmpstr(tally.rules[0].name, ==, "b");
	g_assert_cmpuint(tally.rules[0].broken, ==, 12);
	g_assert_cmpstr(tally.rules[1].name, ==, "a");
	g_assert_cmpuint(tally.rules[1].broken, ==, 3);
}

static void
test_rules_have_a_cap(void)
{
	g_autoptr(GString) text = g_string_new(COUNTS);
	Tally tally;

	for (int i = 0; i < COUNTER_MAX_RULES; i++)
		g_string_append_printf(text, "rule=r%d 1\n", i);
	g_autofree char *fits = g_strconcat(text->str, "\n", NULL);
	g_autofree char *exceeds = g_strconcat(text->str, "rule=r 1\n\n", NULL);
	g_assert_null(tally_parse(fits, strlen(fits), &tally));
	g_assert_cmpuint(tally.n_rules, ==, COUNTER_MAX_RULES);
	g_assert_cmpstr(tally_parse(exceeds, strlen(exceeds), &tally), ==, "too many rules");
}

/* Of the longest names, as often as can be: it fits into what is read, and is taken. */
static void
test_what_policyd_writes(void)
{
	g_autoptr(Counters) counters = counters_new();
	Decision decision = { .answer = { .violation = VIOLATION_REJECT }, .n_failures = 1 };
	Tally tally;

	for (int i = 0; i < 2 * COUNTER_MAX_RULES; i++) {
		g_snprintf(decision.failures[0].name, sizeof decision.failures[0].name, "%064d", i);
		counters_add_decision(counters, &decision);
	}
	counters_open_connection(counters);
	g_autofree char *answer = counters_dup_answer(counters);
	g_assert_null(tally_parse(answer, strlen(answer), &tally));
	g_assert_cmpuint(tally.count[COUNTER_REJECTED], ==, 2 * COUNTER_MAX_RULES);
	g_assert_cmpuint(tally.count[COUNTER_OPEN], ==, 1);
	g_assert_cmpuint(tally.n_rules, ==, COUNTER_MAX_RULES);
	/* Every number could have twenty digits. */
	g_assert_cmpuint(strlen(answer) + (N_COUNTERS + COUNTER_MAX_RULES) * 19, <=,
			 TALLY_MAX_BYTES);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ROWS_ADD("tally", rows, test_row);
	g_test_add_func("/tally/nul-is-refused", test_nul);
	g_test_add_func("/tally/values-are-those-of-the-lines", test_values);
	g_test_add_func("/tally/rules-have-a-cap", test_rules_have_a_cap);
	g_test_add_func("/tally/what-policyd-writes-is-taken", test_what_policyd_writes);
	return g_test_run();
}
