/* SPDX-License-Identifier: Apache-2.0 */
/* request: one question of Postfix's SMTP access policy delegation protocol, or of ours. Pure. */
#pragma once

#include <glib.h>
#include <stddef.h>

/* What a peer may send. Postfix sends 30 attributes in less than 1 kB; the longest values are
 * addresses of at most line_length_limit (2048) bytes and names in xtext. */
#define REQUEST_MAX_BYTES 65536
#define REQUEST_MAX_LINE 8192
#define REQUEST_MAX_ATTRIBUTES 256

/* The attributes that mean something here (SMTPD_POLICY_README, 3.7); all others are ignored. */
typedef enum {
	REQUEST_REQUEST,
	REQUEST_PROTOCOL_STATE,
	REQUEST_CLIENT_ADDRESS,
	REQUEST_CLIENT_NAME,         /* verified: address -> name -> address */
	REQUEST_REVERSE_CLIENT_NAME, /* address -> name */
	REQUEST_SENDER,
	REQUEST_RECIPIENT,
	REQUEST_QUEUE_ID,
	REQUEST_INSTANCE,
	REQUEST_CCERT_SUBJECT,
	REQUEST_CCERT_ISSUER,
	REQUEST_CCERT_FINGERPRINT,
	REQUEST_CCERT_PUBKEY_FINGERPRINT,
	REQUEST_ENCRYPTION_PROTOCOL,
	REQUEST_ENCRYPTION_KEYSIZE,
	REQUEST_POLICY_CONTEXT,
	N_REQUEST_ATTRIBUTES
} RequestAttribute;

/* What request= asks for. */
typedef enum {
	REQUEST_KIND_POLICY,   /* smtpd_access_policy: a decision about a client's mail */
	REQUEST_KIND_COUNTERS, /* tlsgate_counters: of ours; what has been answered so far */
	N_REQUEST_KINDS
} RequestKind;

/* Where the SMTP session is, as far as the answer depends on it. */
typedef enum {
	REQUEST_STATE_OTHER, /* CONNECT, EHLO, HELO, MAIL, VRFY, ETRN, END-OF-MESSAGE, unknown */
	REQUEST_STATE_RCPT,
	REQUEST_STATE_DATA /* BDAT, too */
} RequestState;

typedef struct {
	RequestKind kind;
	RequestState state;
	const char *value[N_REQUEST_ATTRIBUTES]; /* never NULL: an absent attribute is empty */
} Request;

/* Collects bytes as they come and cuts requests out of them. */
typedef struct RequestParser RequestParser;

RequestParser *request_parser_new(void);
void request_parser_free(RequestParser *parser);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RequestParser, request_parser_free)

/* Where the next bytes from the peer go, and how many fit: at least one, unless requests that are
 * complete, or trouble, wait to be taken. */
char *request_parser_room(RequestParser *parser, size_t *size);

/* n bytes have been put there. */
void request_parser_feed(RequestParser *parser, size_t n);

typedef enum {
	REQUEST_READY,      /* *request is one question; its strings live until the next call */
	REQUEST_INCOMPLETE, /* more bytes are needed */
	REQUEST_TROUBLE /* *trouble says why (static text); the peer does not speak the protocol */
} RequestStatus;

/* Take the next request out of what has been fed. After REQUEST_TROUBLE only request_parser_free()
 * may follow. */
RequestStatus request_parser_next(RequestParser *parser, Request *request, const char **trouble)
	G_GNUC_WARN_UNUSED_RESULT;

/* Whether a request has begun and not ended. */
gboolean request_parser_is_within(const RequestParser *parser);
