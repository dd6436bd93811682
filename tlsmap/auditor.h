/* SPDX-License-Identifier: Apache-2.0 */
/* auditor: what in the live Postfix, main.cf and master.cf, is not as the document says, or makes
 * what it says untrue. Changes nothing. */
#pragma once

#include "finding.h"
#include "plan.h"

/* Add all of it. findings holds what plan_make() has said already; of that nothing is said twice.
 */
void auditor_run(const Plan *plan, Findings *findings);
