/* SPDX-License-Identifier: Apache-2.0 */
/* filter: content filters that are given mail by smtp(8), under the same levels as other hosts. */
#pragma once

#include "finding.h"
#include "settings.h"
#include "snapshot.h"

/* Add an error, with the cure, for each filter that would get no mail under the document, or behind
 * which a row of it would not hold. keys: of RouteKey. FALSE with error as sendpolicy_new(). */
gboolean filter_find(const Settings *settings, const Snapshot *snapshot, const GPtrArray *keys,
		     Findings *findings, GError **error) G_GNUC_WARN_UNUSED_RESULT;
