/* SPDX-License-Identifier: Apache-2.0 */
/* condition: on what conditions a plan may come into force, and stay: --expect-plan, --confirm. */
#pragma once

#include "steps.h"

/* With the plan made: what speaks against it goes to apply's findings. */
void condition_judge(Apply *apply);

/* Whether it is to undo what was confirmed meanwhile: then nothing is to be done. */
gboolean condition_is_void(const Apply *apply);

/* Note, just before the commit, that the generation waits to be confirmed; take that back. */
ExitCode condition_note(Apply *apply, GError **error);
ExitCode condition_forget(Apply *apply, GError **error);

/* Under the lock: let the generation in force stay that waits. */
ExitCode condition_confirm(Apply *apply, GError **error);
