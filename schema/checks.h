/* SPDX-License-Identifier: Apache-2.0 */
/* checks: what the values of a document mean together. Pure. */
#pragma once

#include "finding.h"
#include "settings.h"

#include <glib.h>

/* Days before review_by from which a warning is given. */
#define CHECKS_REVIEW_DAYS 14

/* Add what is contradictory (errors) or probably not meant (warnings). today is a valid day of the
 * UTC calendar as a Julian day (g_date_get_julian()), for review_by. */
void checks_run(const Settings *settings, guint32 today, Findings *findings);
