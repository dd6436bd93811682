/* SPDX-License-Identifier: Apache-2.0 */
/* answer: one request, decided from the generation that it names, with its line in the log.
 *
 * In trouble there is no answer: one line in the log, and the caller closes the connection. Postfix
 * then tries once more and does what default_action says. */
#include "answer.h"

#include "log.h"
#include "logline.h"

#include <sysexits.h>

int
answer_request(Generations *generations, const Request *request, Answer *answer)
{
	g_autoptr(GError) error = NULL;
	const char *context = request->value[REQUEST_POLICY_CONTEXT];
	RuleDb *db = generations_get(generations, context, &error);

	if (db == NULL || !decide_request(db, request, &answer->decision, &error)) {
		char word[LOGLINE_MAX_VALUE + 1];
		logline_escape(context, word);
		log_warning("no answer: %s; policy_context=%s", error->message, word);
		return generations_exit_status(error);
	}
	if (!answer->decision.is_passed) {
		char line[LOGLINE_MAX_BYTES];
		logline_format(request, &answer->decision, ruledb_generation(db), line);
		log_verdict(line);
	}
	answer->length = reply_format(&answer->decision, answer->reply);
	return EX_OK;
}
