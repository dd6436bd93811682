/* SPDX-License-Identifier: Apache-2.0 */
/* trial: steps of an apply: what the listeners do before it, and whether they still do behind it.
 */
#pragma once

#include "steps.h"

/* Postfix is there and is to be reloaded. */
gboolean trial_is_due(const Apply *apply);

/* Always EXIT_DONE. */
ExitCode trial_look_before(Apply *apply, GError **error);

/* What was looked at before was reloaded since. */
gboolean trial_is_open(const Apply *apply);

/* EXIT_REFUSED, with findings, where a listener got worse. */
ExitCode trial_prove(Apply *apply, GError **error);

/* Wait until no process of before the last reload answers. */
void trial_settle(const Apply *apply);
