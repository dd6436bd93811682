/* SPDX-License-Identifier: Apache-2.0 */
/* rollback: undoing what nobody has confirmed in time, for other commands. */
#pragma once

#include "command.h"

/* Put in force again what was before the generation that is overdue, and report. */
ExitCode rollback_overdue(const CommandContext *context);
