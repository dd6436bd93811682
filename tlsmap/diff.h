/* SPDX-License-Identifier: Apache-2.0 */
/* diff: what two documents say differently, row by row and rule by rule. Pure. */
#pragma once

#include "change.h"
#include "settings.h"

/* Add the rows of send.domains that differ. old_settings may be NULL: there were none. */
void diff_rows(const Settings *old_settings, const Settings *new_settings, PostfixVersion version,
	       GArray *changes);

/* Add the rules of receive.rules, and exempt_networks, that differ. */
void diff_rules(const Settings *old_settings, const Settings *new_settings, GArray *changes);
