/* SPDX-License-Identifier: Apache-2.0 */
/* routetroubles: rows whose mail takes a way on which they do not hold, gathered by next-hop: a
 * relayhost is one trouble, and not as many as there are rows. */
#pragma once

#include "finding.h"
#include "settings.h"

#include <glib.h>

typedef struct RouteTroubles RouteTroubles;

RouteTroubles *routetroubles_new(void);
void routetroubles_free(RouteTroubles *troubles);

/* Mail of row goes to next_hop, as place says; own_row: the number of the row that the document has
 * for the next-hop, of use for FINDING_ROUTE_ROW_WEAKER. The texts are copied. */
void routetroubles_note(RouteTroubles *troubles, FindingId id, size_t row, const char *next_hop,
			const char *place, size_t own_row);

/* A finding for each, at its first row. */
void routetroubles_report(const RouteTroubles *troubles, const Settings *settings,
			  Findings *findings);
