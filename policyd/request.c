/* SPDX-License-Identifier: Apache-2.0 */
/* request: one question of Postfix's SMTP access policy delegation protocol.
 *
 * A request is lines "name=value", each ended by LF, and an empty line (SMTPD_POLICY_README, 3.7).
 * Order does not matter and unknown attributes are ignored; a build of Postfix without TLS or SASL
 * sends less, and what is absent is empty. Everything that no Postfix sends is trouble, not guessed
 * at: the peer gets no answer, and Postfix does what its default_action says. That is
 *
 * - a line without "=" or without a name, NUL or CR, an attribute of ours twice;
 * - more bytes or attributes than the caps in request.h;
 * - another request= than smtpd_access_policy, no protocol_state;
 * - at RCPT and DATA no sender or no client_address: an absent sender would be the null sender;
 * - at RCPT no recipient or an empty one: rules about recipients would not apply.
 *
 * The parser works in place in one buffer, allocated once. Bytes are looked at once, however they
 * arrive. */
#include "request.h"

#include <string.h>

/* When an attribute must be there. Postfix always sends these four (2.1 and later). */
typedef enum { OPTIONAL, REQUIRED, REQUIRED_TO_DECIDE } Presence;

static const struct {
	const char *name;
	Presence presence;
} attributes[] = {
	[REQUEST_REQUEST] = { "request", REQUIRED },
	[REQUEST_PROTOCOL_STATE] = { "protocol_state", REQUIRED },
	[REQUEST_CLIENT_ADDRESS] = { "client_address", REQUIRED_TO_DECIDE },
	[REQUEST_CLIENT_NAME] = { "client_name", OPTIONAL },
	[REQUEST_REVERSE_CLIENT_NAME] = { "reverse_client_name", OPTIONAL },
	[REQUEST_SENDER] = { "sender", REQUIRED_TO_DECIDE },
	[REQUEST_RECIPIENT] = { "recipient", OPTIONAL },
	[REQUEST_QUEUE_ID] = { "queue_id", OPTIONAL },
	[REQUEST_INSTANCE] = { "instance", OPTIONAL },
	[REQUEST_CCERT_SUBJECT] = { "ccert_subject", OPTIONAL },
	[REQUEST_CCERT_ISSUER] = { "ccert_issuer", OPTIONAL },
	[REQUEST_CCERT_FINGERPRINT] = { "ccert_fingerprint", OPTIONAL },
	[REQUEST_CCERT_PUBKEY_FINGERPRINT] = { "ccert_pubkey_fingerprint", OPTIONAL },
	[REQUEST_ENCRYPTION_PROTOCOL] = { "encryption_protocol", OPTIONAL },
	[REQUEST_ENCRYPTION_KEYSIZE] = { "encryption_keysize", OPTIONAL },
	[REQUEST_POLICY_CONTEXT] = { "policy_context", OPTIONAL },
};
G_STATIC_ASSERT(G_N_ELEMENTS(attributes) == N_REQUEST_ATTRIBUTES);

struct RequestParser {
	size_t start; /* of the request that is being read; 0 but between two requests */
	size_t line;  /* start of the line that is being read */
	size_t seen;  /* no LF in [line, seen) */
	size_t end;   /* of the bytes fed */
	size_t n_attributes;
	const char *value[N_REQUEST_ATTRIBUTES]; /* NULL where absent */
	char buffer[REQUEST_MAX_BYTES];
};

RequestParser *
request_parser_new(void)
{
	return g_new0(RequestParser, 1);
}

void
request_parser_free(RequestParser *parser)
{
	g_free(parser);
}

/* ---- bytes ---- */

char *
request_parser_room(RequestParser *parser, size_t *size)
{
	*size = sizeof parser->buffer - parser->end;
	return parser->buffer + parser->end;
}

void
request_parser_feed(RequestParser *parser, size_t n)
{
	g_return_if_fail(n <= sizeof parser->buffer - parser->end);
	parser->end += n;
}

gboolean
request_parser_is_within(const RequestParser *parser)
{
	return parser->end > parser->start;
}

/* Move what follows the last request to the front, so that the next one has the whole buffer.
 * Pointers into the request that was handed out die here. */
static void
begin_request(RequestParser *parser)
{
	memmove(parser->buffer, parser->buffer + parser->start, parser->end - parser->start);
	parser->end -= parser->start;
	parser->start = parser->line = parser->seen = 0;
	parser->n_attributes = 0;
	memset(parser->value, 0, sizeof parser->value);
}

/* ---- lines ---- */

/* Take one attribute, length bytes at text; the byte behind them may be overwritten. */
static const char *
take_attribute(RequestParser *parser, char *text, size_t length)
{
	char *equals = memchr(text, '=', length);

	if (++parser->n_attributes > REQUEST_MAX_ATTRIBUTES)
		return "too many attributes";
	if (memchr(text, '\0', length) != NULL || memchr(text, '\r', length) != NULL)
		return "a NUL or CR in an attribute";
	if (equals == NULL || equals == text)
		return "a line that is not name=value";
	*equals = '\0';
	text[length] = '\0';
	for (size_t i = 0; i < N_REQUEST_ATTRIBUTES; i++) {
		if (strcmp(text, attributes[i].name) != 0)
			continue;
		if (parser->value[i] != NULL)
			return "an attribute that occurs twice";
		parser->value[i] = equals + 1;
		break;
	}
	return NULL;
}

/* ---- a whole request ---- */

/* smtpd(8) writes these in capitals, and DATA for BDAT (src/smtpd/smtpd_check.c,
 * check_policy_service, 3.7). If it ever does not, the mail is to be decided all the same. */
static RequestState
parse_state(const char *word)
{
	if (g_ascii_strcasecmp(word, "RCPT") == 0)
		return REQUEST_STATE_RCPT;
	if (g_ascii_strcasecmp(word, "DATA") == 0 || g_ascii_strcasecmp(word, "BDAT") == 0)
		return REQUEST_STATE_DATA;
	return REQUEST_STATE_OTHER;
}

static gboolean
is_missing(const RequestParser *parser, RequestAttribute attribute, RequestState state)
{
	const Presence presence = attributes[attribute].presence;

	return parser->value[attribute] == NULL &&
	       (presence == REQUIRED ||
		(presence == REQUIRED_TO_DECIDE && state != REQUEST_STATE_OTHER));
}

/* What is wrong with the request that has been read, or NULL; *request is filled. */
static const char *
finish_request(const RequestParser *parser, Request *request)
{
	for (size_t i = 0; i < N_REQUEST_ATTRIBUTES; i++)
		request->value[i] = parser->value[i] != NULL ? parser->value[i] : "";
	request->state = parse_state(request->value[REQUEST_PROTOCOL_STATE]);

	for (size_t i = 0; i < N_REQUEST_ATTRIBUTES; i++)
		if (is_missing(parser, (RequestAttribute)i, request->state))
			return "a request that lacks an attribute";
	if (strcmp(request->value[REQUEST_REQUEST], "smtpd_access_policy") != 0)
		return "a request that is not smtpd_access_policy";
	if (request->value[REQUEST_PROTOCOL_STATE][0] == '\0')
		return "an empty protocol_state";
	if (request->state == REQUEST_STATE_RCPT && request->value[REQUEST_RECIPIENT][0] == '\0')
		return "a request at RCPT without a recipient";
	return NULL;
}

static RequestStatus
report(const char **trouble, const char *what)
{
	*trouble = what;
	return REQUEST_TROUBLE;
}

RequestStatus
request_parser_next(RequestParser *parser, Request *request, const char **trouble)
{
	if (parser->start > 0)
		begin_request(parser);
	for (;;) {
		char *text = parser->buffer + parser->line;
		const char *lf =
			memchr(parser->buffer + parser->seen, '\n', parser->end - parser->seen);
		const size_t length = lf != NULL ? (size_t)(lf - text) : parser->end - parser->line;

		if (length > REQUEST_MAX_LINE)
			return report(trouble, "a line that is too long");
		if (lf == NULL) {
			parser->seen = parser->end;
			return parser->end < sizeof parser->buffer
				       ? REQUEST_INCOMPLETE
				       : report(trouble, "a request that is too long");
		}
		parser->line += length + 1;
		parser->seen = parser->line;
		const char *what = length > 0 ? take_attribute(parser, text, length)
					      : finish_request(parser, request);
		if (what != NULL)
			return report(trouble, what);
		if (length == 0) {
			parser->start = parser->line;
			return REQUEST_READY;
		}
	}
}
