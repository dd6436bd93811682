/* SPDX-License-Identifier: Apache-2.0 */
/* finding: what is wrong or doubtful, kept as one sorted array, so that all is shown at once. */
#pragma once

#include <glib.h>
#include <stdio.h>

/* SEVERITY_INFO is to be known and asks for nothing: only import and audit say it. */
typedef enum { SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_INFO, N_SEVERITIES } Severity;

/* Every kind of finding; finding.c has the printed identifier and the severity of each. */
typedef enum {
	/* The text is not JSON (RFC 8259) or not I-JSON (RFC 7493). Such a finding stands alone. */
	FINDING_BAD_ESCAPE,
	FINDING_BAD_LITERAL,
	FINDING_BAD_NUMBER,
	FINDING_BYTE_ORDER_MARK,
	FINDING_COMMENT,
	FINDING_CONTROL_CHARACTER,
	FINDING_EMPTY_DOCUMENT,
	FINDING_INVALID_UTF8,
	FINDING_LONE_SURROGATE,
	FINDING_MISSING_COLON,
	FINDING_MISSING_COMMA,
	FINDING_NONCHARACTER,
	FINDING_NUL_CHARACTER,
	FINDING_SINGLE_QUOTE,
	FINDING_TOO_DEEP,
	FINDING_TRAILING_COMMA,
	FINDING_TRAILING_TEXT,
	FINDING_TRUNCATED,
	FINDING_UNEXPECTED_CHARACTER,
	FINDING_UNQUOTED_KEY,
	FINDING_UNCLOSED_STRING,
	/* One value is wrong. */
	FINDING_BAD_CERTIFICATE_NAME,
	FINDING_BAD_CIPHER,
	FINDING_BAD_CLIENT_NAME,
	FINDING_BAD_DATE,
	FINDING_BAD_DESTINATION,
	FINDING_BAD_DOMAIN,
	FINDING_BAD_FINGERPRINT,
	FINDING_BAD_MATCH,
	FINDING_BAD_NAME,
	FINDING_BAD_NETWORK,
	FINDING_BAD_PATH,
	FINDING_BAD_POLICY_MAP,
	FINDING_BAD_SERVER_NAME,
	FINDING_BAD_SERVICE,
	FINDING_BAD_USER,
	FINDING_DUPLICATE_KEY,
	FINDING_EMPTY_LIST,
	FINDING_OUT_OF_RANGE,
	FINDING_TOO_LONG,
	FINDING_UNKNOWN_KEY,
	FINDING_UNKNOWN_WORD,
	FINDING_WRONG_TYPE,
	/* Values contradict each other, or one is missing. */
	FINDING_ATTRIBUTE_AT_LEVEL,
	FINDING_CERTIFICATE_AT_NONE,
	FINDING_CERTIFICATE_NOT_REQUESTED,
	FINDING_DUPLICATE_DESTINATION,
	FINDING_DUPLICATE_ITEM,
	FINDING_DUPLICATE_NAME,
	FINDING_FALLBACK_OVERRIDES,
	FINDING_FINGERPRINTS_UNDER_REQUIRE,
	FINDING_FINGERPRINTS_WITH_NAMES,
	FINDING_LEVEL_AT_ADDRESS,
	FINDING_MISSING_FINGERPRINTS,
	FINDING_MISSING_KEY,
	FINDING_MIXED_DIGESTS,
	FINDING_REQUIRE_WITHOUT_ENCRYPT,
	FINDING_RULES_AT_NONE,
	FINDING_TOO_MANY_RULES,
	/* Legal, but perhaps not meant. */
	FINDING_EVERYONE_EXEMPT,
	FINDING_FAILS_OPEN,
	FINDING_FALLBACK_MAY_WEAKEN,
	FINDING_MANY_RULES,
	FINDING_MIN_PROTOCOL_AT_MAY,
	FINDING_NAME_DEMAND_REJECTS,
	FINDING_NO_TRUST_ANCHORS,
	FINDING_NOTHING_TO_OVERRIDE,
	FINDING_ONLY_CLIENT_NAMES,
	FINDING_OTHER_CLIENTS_PASS,
	FINDING_REVIEW_DUE,
	FINDING_TRUSTED_BY_ANYONE,
	FINDING_VERIFY_TRUSTS_DNS,
	FINDING_WEAKER_ROW,
	/* What the live Postfix, or the machine, says against it. */
	FINDING_CERTIFICATE_EXPIRED,
	FINDING_CERTIFICATE_EXPIRES,
	FINDING_CERTIFICATE_NOT_SERVED,
	FINDING_DESTINATION_FAILS,
	FINDING_DRIFT,
	FINDING_FALLBACK_FAILS,
	FINDING_FILTER_WITHOUT_ROW,
	FINDING_FOREIGN_SERVICE,
	FINDING_FOREIGN_VALUE,
	FINDING_GOES_IN_CLEAR,
	FINDING_HIDDEN_SERVICE,
	FINDING_LISTENER_BROKEN,
	FINDING_LOOPBACK_INHERITS,
	FINDING_MAIN_CF_CHANGED,
	FINDING_NO_LIVE_TRUST_ANCHORS,
	FINDING_NO_SERVER_CERTIFICATE,
	FINDING_NO_CIPHER_LEFT,
	FINDING_NO_TABLE_TYPE,
	FINDING_NO_TLSPROXY,
	FINDING_NOT_PROVED,
	FINDING_NOT_UNDONE,
	FINDING_OLD_DOCUMENT_UNREADABLE,
	FINDING_PLAN_CHANGED,
	FINDING_POLICYD_CANNOT_RUN,
	FINDING_POLICYD_SILENT,
	FINDING_POSTCONF_WARNING,
	FINDING_STAGED_DIFFERS,
	FINDING_POSTFIX_TOO_OLD,
	FINDING_PROOF_FAILED,
	FINDING_RELOAD_NEEDED,
	FINDING_REPORT_ONLY,
	FINDING_ROUTE_BY_LMTP,
	FINDING_ROUTE_ROW_WEAKER,
	FINDING_ROUTE_SHARED,
	FINDING_ROUTE_UNKNOWN,
	FINDING_ROUTES_CHANGED,
	FINDING_ROUTES_UNLISTED,
	FINDING_ROW_REPLACES,
	FINDING_UNCONFIRMED,
	FINDING_UNKNOWN_CIPHER,
	FINDING_UNUSABLE_FILE,
	FINDING_UNUSED_PARAMETER,
	/* What import leaves out: it can't be said, or stays where it is. */
	FINDING_LEFT_TO_POSTFIX,
	FINDING_NEEDS_ADOPT,
	FINDING_NOT_IN_DOCUMENT,
	FINDING_ROW_NOT_IN_DOCUMENT,
	FINDING_SERVICE_LEFT_OUT,
	/* What audit finds in the live Postfix. */
	FINDING_ALL_CLIENT_CERTIFICATES,
	FINDING_DEFAULT_CA_TRUSTED,
	FINDING_FLOOR_AT_MAY,
	FINDING_NO_RECEIVED_HEADER,
	FINDING_NOT_AS_DOCUMENT,
	FINDING_OBSOLETE_PARAMETER,
	FINDING_OLD_PROTOCOL,
	FINDING_OPEN_WAY,
	FINDING_OTHER_TABLE,
	FINDING_PERMIT_BEFORE_CHECK,
	FINDING_POSTSCREEN_LEVEL,
	FINDING_SERVICE_DIFFERS,
	FINDING_TLS_LOG_LEVEL,
	FINDING_WEAKER_THAN_DOCUMENT,
	N_FINDINGS
} FindingId;

/* The offset of a finding that has no place in the document. */
#define FINDING_NO_PLACE G_MAXSIZE

typedef struct {
	FindingId id;
	char *message;
	size_t offset; /* byte in the document, or FINDING_NO_PLACE */
	char *where;   /* without a place: what it is about ("main.cf: smtp_tls_CAfile"), or NULL */
	/* Filled by findings_locate(): 1-based, column in bytes; pointer as RFC 6901, "/" for the
	 * whole document. */
	size_t line;
	size_t column;
	char *pointer;
} Finding;

typedef struct Findings Findings;

Findings *findings_new(void);
void findings_free(Findings *findings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Findings, findings_free)

/* Add a finding about the value that begins at byte offset of the document. */
void findings_add(Findings *findings, FindingId id, size_t offset, const char *format, ...)
	G_GNUC_PRINTF(4, 5);

/* Add a finding about something outside the document. */
void findings_add_live(Findings *findings, FindingId id, const char *where, const char *format, ...)
	G_GNUC_PRINTF(4, 5);

/* Take all findings back; a syntax error stands alone. */
void findings_clear(Findings *findings);

size_t findings_count(const Findings *findings, Severity severity);
size_t findings_n(const Findings *findings);
const Finding *findings_nth(const Findings *findings, size_t n);

/* Sort by place, and find line, column and pointer of each in one pass over the document. */
void findings_locate(Findings *findings, const char *document, size_t size);

/* How findings_print() shows them. */
typedef struct {
	const char *file;     /* as it is named in the output; "-" for standard input */
	const char *document; /* for source lines; may be NULL when show_source is FALSE */
	size_t size;
	gboolean show_source; /* the source line and a caret below each: for terminals */
} FindingStyle;

/* Print all located findings, one a line; after the first 100 only how many more there are. */
void findings_print(const Findings *findings, const FindingStyle *style, FILE *stream);

/* "error", "warning" or "info" / the printed identifier; static. */
const char *finding_severity_word(FindingId id);
Severity finding_severity(FindingId id);
const char *finding_identifier(FindingId id);

/* text in double quotes, escaped for a terminal and a log, cut at 80 characters; the caller frees.
 * length may be -1. */
char *finding_quote(const char *text, gssize length);
