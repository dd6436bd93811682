/* SPDX-License-Identifier: Apache-2.0 */
/* request: one question of Postfix's SMTP access policy delegation protocol, or of ours.
 *
 * A request is lines "name=value", each ended by LF, and an empty line (SMTPD_POLICY_README, 3.7).
 * Order does not matter and unknown attributes are ignored; a build of Postfix without TLS or SASL
 * sends less, and what is absent is empty. Everything that no Postfix sends is trouble, not guessed
 * at: the peer gets no answer, and Postfix does what its default_action says. That is
 *
 * - a line without "=" or without a name, NUL or CR, an attribute of ours twice;
 * - more bytes or attributes than the caps in request.h;
 * - another request= than smtpd_access_policy, or no protocol_state;
 * - at RCPT and DATA no sender or no client_address: an absent sender would be the null sender;
 * - at RCPT no recipient or an empty one: rules about recipients would not apply.
 *
 * The one exception is request=tlsgate_counters, which is a question of ours and needs nothing
 * beside it. What a policy request would have beside it is read as there, and means nothing.
 *
 * The parser works in place in one buffer, allocated once. However bytes arrive, none is searched
 * twice for what ends a line or may not be in it. */
#include "request.h"

#include <stdint.h>
#include <string.h>

/* The attributes that mean something here: name, its last letter, when it must be there. Postfix
 * always sends the four that must (2.1 and later). */
#define ATTRIBUTES(ROW)                                                                  \
	ROW(REQUEST_REQUEST, "request", 't', REQUIRED)                                   \
	ROW(REQUEST_PROTOCOL_STATE, "protocol_state", 'e', REQUIRED)                     \
	ROW(REQUEST_CLIENT_ADDRESS, "client_address", 's', REQUIRED_TO_DECIDE)           \
	ROW(REQUEST_CLIENT_NAME, "client_name", 'e', OPTIONAL)                           \
	ROW(REQUEST_REVERSE_CLIENT_NAME, "reverse_client_name", 'e', OPTIONAL)           \
	ROW(REQUEST_SENDER, "sender", 'r', REQUIRED_TO_DECIDE)                           \
	ROW(REQUEST_RECIPIENT, "recipient", 't', OPTIONAL)                               \
	ROW(REQUEST_QUEUE_ID, "queue_id", 'd', OPTIONAL)                                 \
	ROW(REQUEST_INSTANCE, "instance", 'e', OPTIONAL)                                 \
	ROW(REQUEST_CCERT_SUBJECT, "ccert_subject", 't', OPTIONAL)                       \
	ROW(REQUEST_CCERT_ISSUER, "ccert_issuer", 'r', OPTIONAL)                         \
	ROW(REQUEST_CCERT_FINGERPRINT, "ccert_fingerprint", 't', OPTIONAL)               \
	ROW(REQUEST_CCERT_PUBKEY_FINGERPRINT, "ccert_pubkey_fingerprint", 't', OPTIONAL) \
	ROW(REQUEST_ENCRYPTION_PROTOCOL, "encryption_protocol", 'l', OPTIONAL)           \
	ROW(REQUEST_ENCRYPTION_KEYSIZE, "encryption_keysize", 'e', OPTIONAL)             \
	ROW(REQUEST_POLICY_CONTEXT, "policy_context", 't', OPTIONAL)

/* Sets of attributes are bitmaps of RequestAttribute. */
typedef uint32_t AttributeSet;
G_STATIC_ASSERT(N_REQUEST_ATTRIBUTES <= 32);

typedef enum { OPTIONAL, REQUIRED, REQUIRED_TO_DECIDE } Presence;

#define NAME(attribute, name, last, presence) [attribute] = name,
static const char *const names[] = { ATTRIBUTES(NAME) };
G_STATIC_ASSERT(G_N_ELEMENTS(names) == N_REQUEST_ATTRIBUTES);

#define LENGTH(attribute, name, last, presence) [attribute] = sizeof(name) - 1,
static const uint8_t lengths[] = { ATTRIBUTES(LENGTH) };

#define IF_REQUIRED(attribute, name, last, presence) \
	| ((presence) == REQUIRED ? 1u << (attribute) : 0)
#define IF_REQUIRED_TO_DECIDE(attribute, name, last, presence) \
	| ((presence) == REQUIRED_TO_DECIDE ? 1u << (attribute) : 0)
static const AttributeSet required_to_decide = 0 ATTRIBUTES(IF_REQUIRED_TO_DECIDE);

/* What request= may be, and what must be beside it. */
static const struct {
	const char *word;
	AttributeSet required;
} kinds[] = {
	[REQUEST_KIND_POLICY] = { "smtpd_access_policy", 0 ATTRIBUTES(IF_REQUIRED) },
	[REQUEST_KIND_COUNTERS] = { "tlsgate_counters", 1u << REQUEST_REQUEST },
};
G_STATIC_ASSERT(G_N_ELEMENTS(kinds) == N_REQUEST_KINDS);

struct RequestParser {
	size_t start; /* of the request that is being read; 0 but between two requests */
	size_t line;  /* start of the line that is being read */
	size_t seen;  /* no LF in [line, seen) */
	size_t end;   /* of the bytes fed */
	size_t bad;   /* the first NUL or CR in [line, end); end: none */
	size_t n_attributes;
	AttributeSet present;
	const char *value[N_REQUEST_ATTRIBUTES]; /* of those that are present */
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

/* Where the first NUL or CR is; n where there is none. */
static size_t
find_bad(const char *bytes, size_t n)
{
	const char *nul = memchr(bytes, '\0', n);
	const size_t before_nul = nul != NULL ? (size_t)(nul - bytes) : n;
	const char *cr = memchr(bytes, '\r', before_nul);

	return cr != NULL ? (size_t)(cr - bytes) : before_nul;
}

void
request_parser_feed(RequestParser *parser, size_t n)
{
	g_return_if_fail(n <= sizeof parser->buffer - parser->end);

	const gboolean was_clean = parser->bad == parser->end;
	const char *fed = parser->buffer + parser->end;
	parser->end += n;
	if (was_clean)
		parser->bad = parser->end - n + find_bad(fed, n);
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
	parser->bad -= parser->start;
	parser->start = parser->line = parser->seen = 0;
	parser->n_attributes = 0;
	parser->present = 0;
}

/* ---- lines ---- */

#define N_SLOTS 32
#define SLOT(length, last) ((2 * (length) + (size_t)(unsigned char)(last)) % N_SLOTS)

/* Where an attribute of ours stands, plus 1; 0: nowhere. No two of ours have the same slot: if they
 * ever do, the compiler finds an element that is initialised twice. */
#define PLACE(attribute, name, last, presence) \
	[SLOT(sizeof(name) - 1, last)] = (uint8_t)((attribute) + 1),
static const uint8_t slots[N_SLOTS] = { ATTRIBUTES(PLACE) };

/* Which attribute has this name; N_REQUEST_ATTRIBUTES where none of ours. */
static RequestAttribute
find_attribute(const char *name, size_t length)
{
	const size_t place = slots[SLOT(length, name[length - 1])];

	if (place == 0 || lengths[place - 1] != length ||
	    memcmp(name, names[place - 1], length) != 0)
		return N_REQUEST_ATTRIBUTES;
	return (RequestAttribute)(place - 1);
}

/* Take one attribute, length bytes at text; the byte behind them may be overwritten. */
static const char *
take_attribute(RequestParser *parser, char *text, size_t length)
{
	const char *equals = memchr(text, '=', length);

	if (++parser->n_attributes > REQUEST_MAX_ATTRIBUTES)
		return "too many attributes";
	if (parser->bad < parser->line)
		return "a NUL or CR in an attribute";
	if (equals == NULL || equals == text)
		return "a line that is not name=value";

	const RequestAttribute attribute = find_attribute(text, (size_t)(equals - text));
	if (attribute == N_REQUEST_ATTRIBUTES)
		return NULL;
	if ((parser->present & 1u << attribute) != 0)
		return "an attribute that occurs twice";
	text[length] = '\0';
	parser->present |= 1u << attribute;
	parser->value[attribute] = equals + 1;
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

#define LACKS_ATTRIBUTE "a request that lacks an attribute"

/* N_REQUEST_KINDS where there is no such word. */
static RequestKind
parse_kind(const char *word)
{
	RequestKind kind = 0;

	while (kind < N_REQUEST_KINDS && strcmp(kinds[kind].word, word) != 0)
		kind++;
	return kind;
}

/* What is wrong with a policy request, all of whose attributes are there, or NULL. */
static const char *
check_policy(const RequestParser *parser, const Request *request)
{
	if (request->state != REQUEST_STATE_OTHER && (required_to_decide & ~parser->present) != 0)
		return LACKS_ATTRIBUTE;
	if (request->value[REQUEST_PROTOCOL_STATE][0] == '\0')
		return "an empty protocol_state";
	if (request->state == REQUEST_STATE_RCPT && request->value[REQUEST_RECIPIENT][0] == '\0')
		return "a request at RCPT without a recipient";
	return NULL;
}

/* What is wrong with the request that has been read, or NULL; *request is filled. */
static const char *
finish_request(const RequestParser *parser, Request *request)
{
	for (size_t i = 0; i < N_REQUEST_ATTRIBUTES; i++)
		request->value[i] = (parser->present & 1u << i) != 0 ? parser->value[i] : "";
	request->state = parse_state(request->value[REQUEST_PROTOCOL_STATE]);
	request->kind = parse_kind(request->value[REQUEST_REQUEST]);

	if ((parser->present & 1u << REQUEST_REQUEST) == 0)
		return LACKS_ATTRIBUTE;
	if (request->kind == N_REQUEST_KINDS)
		return "a request that is neither smtpd_access_policy nor tlsgate_counters";
	if ((kinds[request->kind].required & ~parser->present) != 0)
		return LACKS_ATTRIBUTE;
	return request->kind == REQUEST_KIND_POLICY ? check_policy(parser, request) : NULL;
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
