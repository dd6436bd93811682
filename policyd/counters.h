/* SPDX-License-Identifier: Apache-2.0 */
/* counters: what policyd has answered since it began. Pure. */
#pragma once

#include "decide.h"
#include "names.h"

#include <glib.h>

typedef struct Counters Counters;

Counters *counters_new(void);
void counters_free(Counters *counters);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Counters, counters_free)

/* A request that was answered / was not; a client that broke the protocol. */
void counters_add_decision(Counters *counters, const Decision *decision);
void counters_add_unanswered(Counters *counters);
void counters_add_protocol_error(Counters *counters);

/* A connection that was accepted, and its end. */
void counters_open_connection(Counters *counters);
void counters_close_connection(Counters *counters);

/* Lines for the log: one of all counters, and one for each of the COUNTER_MAX_RULES rules that were
 * broken most often, the most often first. NULL behind the last; the caller frees them. */
char **counters_dup_lines(const Counters *counters);

/* The same as an answer: lines "NAME=value" in the order of Counter, lines "rule=NAME times", and
 * an empty line; the caller frees it. */
char *counters_dup_answer(const Counters *counters);
