/* SPDX-License-Identifier: Apache-2.0 */
/* enforce: what apply and rollback share: take all steps, and say what came of it. */
#pragma once

#include "document.h"
#include "steps.h"

/* Put document's settings in force as apply says, and report. */
ExitCode enforce(const CommandContext *context, Document *document, Apply *apply);
