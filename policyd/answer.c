/* SPDX-License-Identifier: Apache-2.0 */
/* answer: what a client asks for, answered and counted; policy requests with their line in the log.
 *
 * A policy request is decided from the generation that it names. In trouble there is no answer: one
 * line in the log, and the caller closes the connection. Postfix then tries once more and does what
 * default_action says.
 *
 * The answer to a question for the counters can be some hundred times as long as the question, and
 * takes a while where many rules were broken. So of what was read at once only one is answered: a
 * client that asks again before it has taken the answer is no tlsmap, and would hold up the
 * others. */
#include "answer.h"

#include "decide.h"
#include "log.h"
#include "logline.h"
#include "reply.h"

#include <string.h>
#include <sysexits.h>

typedef struct {
	const Answerer *answerer;
	AnswerSend send;
	const void *data; /* of send */
	gboolean has_told_counters;
} Answering;

static int
send_answer(const Answering *answering, const char *text, size_t length)
{
	return answering->send(text, length, answering->data) ? EX_OK : EX_IOERR;
}

static int
refuse(const Answerer *answerer, const char *trouble)
{
	log_warning("no answer: the client sent %s", trouble);
	counters_add_protocol_error(answerer->counters);
	return EX_PROTOCOL;
}

static int
answer_policy(const Answering *answering, const Request *request)
{
	const Answerer *answerer = answering->answerer;
	g_autoptr(GError) error = NULL;
	const char *context = request->value[REQUEST_POLICY_CONTEXT];
	RuleDb *db = generations_get(answerer->generations, context, &error);
	Decision decision;

	if (db == NULL || !decide_request(db, request, &decision, &error)) {
		char word[LOGLINE_MAX_VALUE + 1];
		logline_escape(context, word);
		log_warning("no answer: %s; policy_context=%s", error->message, word);
		counters_add_unanswered(answerer->counters);
		return generations_exit_status(error);
	}
	counters_add_decision(answerer->counters, &decision);
	if (!decision.is_passed) {
		char line[LOGLINE_MAX_BYTES];
		logline_format(request, &decision, ruledb_generation(db), line);
		log_verdict(line);
	}
	char reply[REPLY_MAX_BYTES + 1];
	const size_t length = reply_format(&decision, reply);
	return send_answer(answering, reply, length);
}

static int
answer_counters(Answering *answering)
{
	if (answering->has_told_counters)
		return refuse(answering->answerer,
			      "tlsgate_counters again before it took the answer");
	answering->has_told_counters = TRUE;
	g_autofree char *text = counters_dup_answer(answering->answerer->counters);
	return send_answer(answering, text, strlen(text));
}

static int
answer_request(Answering *answering, const Request *request)
{
	switch (request->kind) {
	case REQUEST_KIND_POLICY:
		return answer_policy(answering, request);
	case REQUEST_KIND_COUNTERS:
		return answer_counters(answering);
	case N_REQUEST_KINDS:
		break;
	}
	g_assert_not_reached();
}

int
answer_all(const Answerer *answerer, RequestParser *parser, AnswerSend send, const void *data)
{
	Answering answering = { .answerer = answerer, .send = send, .data = data };
	Request request;
	const char *trouble;
	int status = EX_OK;

	while (status == EX_OK) {
		switch (request_parser_next(parser, &request, &trouble)) {
		case REQUEST_READY:
			status = answer_request(&answering, &request);
			continue;
		case REQUEST_INCOMPLETE:
			return EX_OK;
		case REQUEST_TROUBLE:
			return refuse(answerer, trouble);
		}
	}
	return status;
}

void
answer_log_counters(const Answerer *answerer)
{
	g_auto(GStrv) lines = counters_dup_lines(answerer->counters);

	for (size_t i = 0; lines[i] != NULL; i++)
		log_info("%s", lines[i]);
}
