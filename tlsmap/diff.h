/* SPDX-License-Identifier: Apache-2.0 */
/* diff: what two documents say differently, row by row and rule by rule. Pure. */
#pragma once

#include "change.h"
#include "mandatory.h"
#include "settings.h"
#include "version.h"

/* What was there before. */
typedef struct {
	const Settings *settings; /* NULL: no document */
	SecurityLevel send_level; /* where no row decided */
	PostfixVersion version;   /* in whose words rows are shown */
	Mandatory mandatory;      /* what main.cf says where a row does not; borrowed */
} DiffContext;

/* Add the rows of send.domains that differ. */
void diff_rows(const DiffContext *before, const Settings *new_settings, GArray *changes);

/* Add the rules of receive.rules, and exempt_networks, that differ. */
void diff_rules(const Settings *old_settings, const Settings *new_settings, GArray *changes);
