/* SPDX-License-Identifier: Apache-2.0 */
/* answer: what a client asks for, answered and counted; policy requests with their line in the log.
 */
#pragma once

#include "counters.h"
#include "generations.h"
#include "request.h"

#include <glib.h>
#include <stddef.h>

/* What answers are made from. All clients of a process share one; both are borrowed. */
typedef struct {
	Generations *generations;
	Counters *counters;
} Answerer;

/* Takes one whole answer for the client; FALSE where it can't be sent. */
typedef gboolean (*AnswerSend)(const char *text, size_t length, const void *data);

/* Answer all requests that have been fed to parser, one call of send each. EX_OK, or the exit
 * status (sysexits.h) that says why the connection is to be closed: EX_IOERR after send has failed,
 * which is left to it to log, or another that is logged here. */
int answer_all(const Answerer *answerer, RequestParser *parser, AnswerSend send, const void *data)
	G_GNUC_WARN_UNUSED_RESULT;

/* Log the counters. */
void answer_log_counters(const Answerer *answerer);
