/* SPDX-License-Identifier: Apache-2.0 */
/* obstacle: what in the live Postfix, or on the machine, would make the document untrue. Changes
 * nothing. */
#pragma once

#include "finding.h"
#include "settings.h"
#include "snapshot.h"

/* Add an error for each obstacle, with the cure. */
void obstacle_find(const Settings *settings, const Snapshot *snapshot, Findings *findings);

/* Add the names of the services that are not as the document says, or would not stay as they are,
 * each once; names owns its texts. */
void obstacle_list_services(const Settings *settings, const Snapshot *snapshot, GPtrArray *names);
