/* SPDX-License-Identifier: Apache-2.0 */
/* reply: the answer to Postfix for a decision. Pure. */
#pragma once

#include "decide.h"

#include <stddef.h>

/* No answer is longer than this, its empty line included. */
#define REPLY_MAX_BYTES 400

/* Write the whole answer, "action=…" and the empty line, with a NUL behind it; its length. */
size_t reply_format(const Decision *decision, char reply[REPLY_MAX_BYTES + 1]);
