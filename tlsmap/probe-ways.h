/* SPDX-License-Identifier: Apache-2.0 */
/* probe-ways: the next-hops of a destination, and what smtp(8) has in force for each. */
#pragma once

#include "probe.h"
#include "snapshot.h"

#include <glib.h>

typedef struct ProbeWays ProbeWays;

/* snapshot must outlive it, and the targets. */
ProbeWays *probe_ways_new(const Snapshot *snapshot);
void probe_ways_free(ProbeWays *ways);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ProbeWays, probe_ways_free)

/* Fill target->ways. There are none where mail does not go by smtp(8), or where a table can't be
 * asked: then the target's outcome says so. */
void probe_ways_find(ProbeWays *ways, ProbeTarget *target);
