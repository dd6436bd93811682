/* SPDX-License-Identifier: Apache-2.0 */
/* counters: what policyd has answered since it began. */
#pragma once

#include "decide.h"

#include <glib.h>

typedef struct Counters Counters;

Counters *counters_new(void);
void counters_free(Counters *counters);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Counters, counters_free)

/* A request that was answered / was not / broke the protocol; a connection that was accepted. */
void counters_add_decision(Counters *counters, const Decision *decision);
void counters_add_unanswered(Counters *counters);
void counters_add_protocol_error(Counters *counters);
void counters_add_connection(Counters *counters);

/* Log them: one line of all, and one for each rule that was broken, the most often broken first.
 * n_open: connections now. */
void counters_log(const Counters *counters, size_t n_open);
