/* SPDX-License-Identifier: Apache-2.0 */
/* routerows: what route keys become: lines of the table, and changes of a plan. Pure. */
#pragma once

#include "change.h"
#include "settings.h"
#include "version.h"

#include <glib.h>

/* keys: of RouteKey (routekeys_find()). They stand behind the rows of the document. */
void routerows_append(GString *table, const GPtrArray *keys, const Settings *settings,
		      PostfixVersion version);

/* What was there before. */
typedef struct {
	const Settings *settings; /* NULL: not known */
	const char *table;        /* the source text of its table; NULL: none */
	SecurityLevel send_level; /* where no row decided */
} RouteRowsBefore;

/* Add what is new, gone or different. changes has the rows of the document already. */
void routerows_diff(const RouteRowsBefore *before, const GPtrArray *keys, const Settings *settings,
		    PostfixVersion version, GArray *changes);
