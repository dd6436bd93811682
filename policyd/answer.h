/* SPDX-License-Identifier: Apache-2.0 */
/* answer: one request, decided from the generation that it names, with its line in the log. */
#pragma once

#include "decide.h"
#include "generations.h"
#include "reply.h"
#include "request.h"

#include <glib.h>
#include <stddef.h>

typedef struct {
	Decision decision;
	char reply[REPLY_MAX_BYTES + 1];
	size_t length; /* of reply */
} Answer;

/* EX_OK, or the exit status (sysexits.h) that says why there is no answer; that is logged then. */
int answer_request(Generations *generations, const Request *request, Answer *answer)
	G_GNUC_WARN_UNUSED_RESULT;
