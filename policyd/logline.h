/* SPDX-License-Identifier: Apache-2.0 */
/* logline: the text of a log line about a decision. Pure. */
#pragma once

#include "decide.h"
#include "request.h"

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#define LOGLINE_MAX_BYTES 5120
/* A value from the network takes at most this many bytes of a line. */
#define LOGLINE_MAX_VALUE 256

/* Write "verdict=… rule=… …", one line of key=value without blanks in any value, for a decision
 * that is not passed. */
void logline_format(const Request *request, const Decision *decision, uint64_t generation,
		    char text[LOGLINE_MAX_BYTES]);

/* Write value so that it is one word of printable ASCII: other bytes, blank, quote and backslash
 * become \xHH; what is too long is cut and ends in "...". */
void logline_escape(const char *value, char word[LOGLINE_MAX_VALUE + 1]);

/* The word for a breach in a line; static. */
const char *logline_reason(Breach breach);
