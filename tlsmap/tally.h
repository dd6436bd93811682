/* SPDX-License-Identifier: Apache-2.0 */
/* tally: what policyd says that it has counted. Pure. */
#pragma once

#include "names.h"
#include "ruledb.h"

#include <glib.h>
#include <stddef.h>

typedef struct {
	char name[RULEDB_MAX_NAME + 1];
	guint64 broken;
} TallyRule;

typedef struct {
	guint64 count[N_COUNTERS];
	size_t n_rules;
	TallyRule rules[COUNTER_MAX_RULES]; /* the most often broken first */
} Tally;

/* The question. No answer is longer than this: a line for a counter has at most 37 bytes, one for a
 * rule at most 91. */
#define TALLY_QUESTION "request=tlsgate_counters\n\n"
#define TALLY_MAX_BYTES 10000

/* Read an answer (policyd(8) COUNTERS), which must be exactly that: the counters in their order,
 * then rules, each once and the most often broken first, then an empty line. NULL, or what is wrong
 * (static text); *tally means nothing then. */
const char *tally_parse(const char *text, size_t length, Tally *tally) G_GNUC_WARN_UNUSED_RESULT;
