/* SPDX-License-Identifier: Apache-2.0 */
/* doubts: what a document says that is legal, but perhaps not meant. Pure. */
#pragma once

#include "finding.h"
#include "refused.h"
#include "settings.h"

/* Add what is doubtful in settings to findings; today as in checks_run(). */
void doubts_run(const Settings *settings, const Refused *refused, guint32 today,
		Findings *findings);
