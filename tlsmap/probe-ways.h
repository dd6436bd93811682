/* SPDX-License-Identifier: Apache-2.0 */
/* probe-ways: the next-hops of a destination, and what smtp(8) has in force for each. */
#pragma once

#include "probe.h"
#include "snapshot.h"

#include <glib.h>

/* Fill the ways of each target, of ProbeTarget. It has none where mail does not go by smtp(8), or
 * where a table can't be asked: then its outcome says so. snapshot must outlive the targets. */
void probe_ways_find(const Snapshot *snapshot, const GPtrArray *targets);
