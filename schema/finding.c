/* SPDX-License-Identifier: Apache-2.0 */
/* finding: what is wrong or doubtful, kept as one sorted array, so that all is shown at once.
 *
 * A finding keeps the byte offset of the value that it is about, nothing else: line, column and
 * JSON pointer are worked out for all of them together, in one more pass over the document, and
 * only when there is something to show. So a document without findings pays nothing for them, and
 * the model of a large one needs one offset for each value. */
#include "finding.h"

#include "pointer.h"

#include <string.h>

#define MAX_PRINTED 100
/* A document of a million wrong rows must not fill the memory with messages. */
#define MAX_KEPT 10000
#define MAX_QUOTED 80
/* Bytes of a source line that are shown, and the most before the place. */
#define MAX_SOURCE 72
#define MAX_SOURCE_BEFORE 56
#define SOURCE_INDENT "    "

typedef struct {
	const char *identifier;
	Severity severity;
} Kind;

static const Kind kinds[] = {
	[FINDING_BAD_ESCAPE] = { "bad-escape", SEVERITY_ERROR },
	[FINDING_BAD_LITERAL] = { "bad-literal", SEVERITY_ERROR },
	[FINDING_BAD_NUMBER] = { "bad-number", SEVERITY_ERROR },
	[FINDING_BYTE_ORDER_MARK] = { "byte-order-mark", SEVERITY_ERROR },
	[FINDING_COMMENT] = { "comment", SEVERITY_ERROR },
	[FINDING_CONTROL_CHARACTER] = { "control-character", SEVERITY_ERROR },
	[FINDING_EMPTY_DOCUMENT] = { "empty-document", SEVERITY_ERROR },
	[FINDING_INVALID_UTF8] = { "invalid-utf8", SEVERITY_ERROR },
	[FINDING_LONE_SURROGATE] = { "lone-surrogate", SEVERITY_ERROR },
	[FINDING_MISSING_COLON] = { "missing-colon", SEVERITY_ERROR },
	[FINDING_MISSING_COMMA] = { "missing-comma", SEVERITY_ERROR },
	[FINDING_NONCHARACTER] = { "noncharacter", SEVERITY_ERROR },
	[FINDING_NUL_CHARACTER] = { "nul-character", SEVERITY_ERROR },
	[FINDING_SINGLE_QUOTE] = { "single-quote", SEVERITY_ERROR },
	[FINDING_TOO_DEEP] = { "too-deep", SEVERITY_ERROR },
	[FINDING_TRAILING_COMMA] = { "trailing-comma", SEVERITY_ERROR },
	[FINDING_TRAILING_TEXT] = { "trailing-text", SEVERITY_ERROR },
	[FINDING_TRUNCATED] = { "truncated", SEVERITY_ERROR },
	[FINDING_UNEXPECTED_CHARACTER] = { "unexpected-character", SEVERITY_ERROR },
	[FINDING_UNQUOTED_KEY] = { "unquoted-key", SEVERITY_ERROR },
	[FINDING_UNCLOSED_STRING] = { "unclosed-string", SEVERITY_ERROR },
	[FINDING_BAD_DATE] = { "bad-date", SEVERITY_ERROR },
	[FINDING_BAD_DESTINATION] = { "bad-destination", SEVERITY_ERROR },
	[FINDING_BAD_DOMAIN] = { "bad-domain", SEVERITY_ERROR },
	[FINDING_BAD_NAME] = { "bad-name", SEVERITY_ERROR },
	[FINDING_BAD_NETWORK] = { "bad-network", SEVERITY_ERROR },
	[FINDING_BAD_PATH] = { "bad-path", SEVERITY_ERROR },
	[FINDING_BAD_CERTIFICATE_NAME] = { "bad-certificate-name", SEVERITY_ERROR },
	[FINDING_BAD_CIPHER] = { "bad-cipher", SEVERITY_ERROR },
	[FINDING_BAD_CLIENT_NAME] = { "bad-client-name", SEVERITY_ERROR },
	[FINDING_BAD_FINGERPRINT] = { "bad-fingerprint", SEVERITY_ERROR },
	[FINDING_BAD_MATCH] = { "bad-match", SEVERITY_ERROR },
	[FINDING_BAD_POLICY_MAP] = { "bad-policy-map", SEVERITY_ERROR },
	[FINDING_BAD_SERVER_NAME] = { "bad-server-name", SEVERITY_ERROR },
	[FINDING_BAD_SERVICE] = { "bad-service", SEVERITY_ERROR },
	[FINDING_OUT_OF_RANGE] = { "out-of-range", SEVERITY_ERROR },
	[FINDING_BAD_USER] = { "bad-user", SEVERITY_ERROR },
	[FINDING_DUPLICATE_KEY] = { "duplicate-key", SEVERITY_ERROR },
	[FINDING_EMPTY_LIST] = { "empty-list", SEVERITY_ERROR },
	[FINDING_TOO_LONG] = { "too-long", SEVERITY_ERROR },
	[FINDING_UNKNOWN_KEY] = { "unknown-key", SEVERITY_ERROR },
	[FINDING_UNKNOWN_WORD] = { "unknown-word", SEVERITY_ERROR },
	[FINDING_WRONG_TYPE] = { "wrong-type", SEVERITY_ERROR },
	[FINDING_CERTIFICATE_AT_NONE] = { "certificate-at-none", SEVERITY_ERROR },
	[FINDING_CERTIFICATE_NOT_REQUESTED] = { "certificate-not-requested", SEVERITY_ERROR },
	[FINDING_DUPLICATE_DESTINATION] = { "duplicate-destination", SEVERITY_ERROR },
	[FINDING_DUPLICATE_NAME] = { "duplicate-name", SEVERITY_ERROR },
	[FINDING_ATTRIBUTE_AT_LEVEL] = { "attribute-at-level", SEVERITY_ERROR },
	[FINDING_DUPLICATE_ITEM] = { "duplicate-item", SEVERITY_ERROR },
	[FINDING_FALLBACK_OVERRIDES] = { "fallback-overrides", SEVERITY_ERROR },
	[FINDING_FINGERPRINTS_UNDER_REQUIRE] = { "fingerprints-under-require", SEVERITY_ERROR },
	[FINDING_FINGERPRINTS_WITH_NAMES] = { "fingerprints-with-names", SEVERITY_ERROR },
	[FINDING_LEVEL_AT_ADDRESS] = { "level-at-address", SEVERITY_ERROR },
	[FINDING_MISSING_FINGERPRINTS] = { "missing-fingerprints", SEVERITY_ERROR },
	[FINDING_MIXED_DIGESTS] = { "mixed-digests", SEVERITY_ERROR },
	[FINDING_MISSING_KEY] = { "missing-key", SEVERITY_ERROR },
	[FINDING_REQUIRE_WITHOUT_ENCRYPT] = { "require-without-encrypt", SEVERITY_ERROR },
	[FINDING_RULES_AT_NONE] = { "rules-at-none", SEVERITY_ERROR },
	[FINDING_TOO_MANY_RULES] = { "too-many-rules-on-one-key", SEVERITY_ERROR },
	[FINDING_EVERYONE_EXEMPT] = { "everyone-exempt", SEVERITY_WARNING },
	[FINDING_FALLBACK_MAY_WEAKEN] = { "fallback-may-weaken", SEVERITY_WARNING },
	[FINDING_NAME_DEMAND_REJECTS] = { "name-demand-rejects", SEVERITY_WARNING },
	[FINDING_FAILS_OPEN] = { "fails-open", SEVERITY_WARNING },
	[FINDING_MANY_RULES] = { "many-rules-on-one-key", SEVERITY_WARNING },
	[FINDING_NO_TRUST_ANCHORS] = { "no-trust-anchors", SEVERITY_WARNING },
	[FINDING_MIN_PROTOCOL_AT_MAY] = { "min-protocol-at-may", SEVERITY_WARNING },
	[FINDING_NOTHING_TO_OVERRIDE] = { "nothing-to-override", SEVERITY_WARNING },
	[FINDING_ONLY_CLIENT_NAMES] = { "only-client-names", SEVERITY_WARNING },
	[FINDING_OTHER_CLIENTS_PASS] = { "other-clients-pass", SEVERITY_WARNING },
	[FINDING_REVIEW_DUE] = { "review-due", SEVERITY_WARNING },
	[FINDING_TRUSTED_BY_ANYONE] = { "trusted-by-anyone", SEVERITY_WARNING },
	[FINDING_VERIFY_TRUSTS_DNS] = { "verify-trusts-dns", SEVERITY_WARNING },
	[FINDING_WEAKER_ROW] = { "weaker-row", SEVERITY_WARNING },
	[FINDING_CERTIFICATE_EXPIRED] = { "certificate-expired", SEVERITY_ERROR },
	[FINDING_CERTIFICATE_EXPIRES] = { "certificate-expires", SEVERITY_WARNING },
	[FINDING_CERTIFICATE_NOT_SERVED] = { "certificate-not-served", SEVERITY_WARNING },
	[FINDING_DESTINATION_FAILS] = { "destination-fails", SEVERITY_ERROR },
	[FINDING_DRIFT] = { "drift", SEVERITY_ERROR },
	[FINDING_FALLBACK_FAILS] = { "fallback-fails", SEVERITY_ERROR },
	[FINDING_FILTER_WITHOUT_ROW] = { "filter-without-row", SEVERITY_ERROR },
	[FINDING_FOREIGN_SERVICE] = { "foreign-service", SEVERITY_ERROR },
	[FINDING_FOREIGN_VALUE] = { "foreign-value", SEVERITY_ERROR },
	[FINDING_GOES_IN_CLEAR] = { "goes-in-clear", SEVERITY_WARNING },
	[FINDING_HIDDEN_SERVICE] = { "hidden-service", SEVERITY_ERROR },
	[FINDING_LISTENER_BROKEN] = { "listener-broken", SEVERITY_WARNING },
	[FINDING_LOOPBACK_INHERITS] = { "loopback-inherits", SEVERITY_ERROR },
	[FINDING_MAIN_CF_CHANGED] = { "main-cf-changed", SEVERITY_ERROR },
	[FINDING_NO_LIVE_TRUST_ANCHORS] = { "no-live-trust-anchors", SEVERITY_ERROR },
	[FINDING_NO_SERVER_CERTIFICATE] = { "no-server-certificate", SEVERITY_ERROR },
	[FINDING_NO_CIPHER_LEFT] = { "no-cipher-left", SEVERITY_ERROR },
	[FINDING_NO_TABLE_TYPE] = { "no-table-type", SEVERITY_ERROR },
	[FINDING_NO_TLSPROXY] = { "no-tlsproxy", SEVERITY_ERROR },
	[FINDING_NOT_PROVED] = { "not-proved", SEVERITY_WARNING },
	[FINDING_NOT_UNDONE] = { "not-undone", SEVERITY_ERROR },
	[FINDING_OLD_DOCUMENT_UNREADABLE] = { "old-document-unreadable", SEVERITY_WARNING },
	[FINDING_PLAN_CHANGED] = { "plan-changed", SEVERITY_ERROR },
	[FINDING_POLICYD_CANNOT_RUN] = { "policyd-cannot-run", SEVERITY_ERROR },
	[FINDING_POSTCONF_WARNING] = { "postconf-warning", SEVERITY_ERROR },
	[FINDING_STAGED_DIFFERS] = { "staged-differs", SEVERITY_ERROR },
	[FINDING_POSTFIX_TOO_OLD] = { "postfix-too-old", SEVERITY_ERROR },
	[FINDING_POLICYD_SILENT] = { "policyd-silent", SEVERITY_ERROR },
	[FINDING_REPORT_ONLY] = { "report-only", SEVERITY_WARNING },
	[FINDING_ROUTE_BY_LMTP] = { "route-by-lmtp", SEVERITY_ERROR },
	[FINDING_ROUTE_ROW_WEAKER] = { "route-row-weaker", SEVERITY_ERROR },
	[FINDING_ROUTE_SHARED] = { "route-shared", SEVERITY_ERROR },
	[FINDING_ROUTE_UNKNOWN] = { "route-unknown", SEVERITY_ERROR },
	[FINDING_ROUTES_CHANGED] = { "routes-changed", SEVERITY_WARNING },
	[FINDING_ROUTES_UNLISTED] = { "routes-unlisted", SEVERITY_WARNING },
	[FINDING_ROW_REPLACES] = { "row-replaces-main-cf", SEVERITY_WARNING },
	[FINDING_PROOF_FAILED] = { "proof-failed", SEVERITY_ERROR },
	[FINDING_RELOAD_NEEDED] = { "reload-needed", SEVERITY_ERROR },
	[FINDING_UNCONFIRMED] = { "unconfirmed", SEVERITY_ERROR },
	[FINDING_UNKNOWN_CIPHER] = { "unknown-cipher", SEVERITY_ERROR },
	[FINDING_UNUSABLE_FILE] = { "unusable-file", SEVERITY_ERROR },
	[FINDING_UNUSED_PARAMETER] = { "unused-parameter", SEVERITY_WARNING },
	[FINDING_LEFT_TO_POSTFIX] = { "left-to-postfix", SEVERITY_INFO },
	[FINDING_NEEDS_ADOPT] = { "needs-adopt", SEVERITY_INFO },
	[FINDING_NOT_IN_DOCUMENT] = { "not-in-document", SEVERITY_WARNING },
	[FINDING_ROW_NOT_IN_DOCUMENT] = { "row-not-in-document", SEVERITY_WARNING },
	[FINDING_SERVICE_LEFT_OUT] = { "service-left-out", SEVERITY_INFO },
	[FINDING_ALL_CLIENT_CERTIFICATES] = { "all-client-certificates", SEVERITY_WARNING },
	[FINDING_DEFAULT_CA_TRUSTED] = { "default-ca-trusted", SEVERITY_WARNING },
	[FINDING_FLOOR_AT_MAY] = { "floor-at-may", SEVERITY_INFO },
	[FINDING_NO_RECEIVED_HEADER] = { "no-received-header", SEVERITY_INFO },
	[FINDING_NOT_AS_DOCUMENT] = { "not-as-document", SEVERITY_WARNING },
	[FINDING_OBSOLETE_PARAMETER] = { "obsolete-parameter", SEVERITY_WARNING },
	[FINDING_OLD_PROTOCOL] = { "old-protocol", SEVERITY_WARNING },
	[FINDING_OPEN_WAY] = { "open-way", SEVERITY_INFO },
	[FINDING_OTHER_TABLE] = { "other-table", SEVERITY_INFO },
	[FINDING_PERMIT_BEFORE_CHECK] = { "permit-before-check", SEVERITY_WARNING },
	[FINDING_POSTSCREEN_LEVEL] = { "postscreen-level", SEVERITY_WARNING },
	[FINDING_SERVICE_DIFFERS] = { "service-differs", SEVERITY_INFO },
	[FINDING_TLS_LOG_LEVEL] = { "tls-log-level", SEVERITY_INFO },
	[FINDING_WEAKER_THAN_DOCUMENT] = { "weaker-than-document", SEVERITY_ERROR },
};
G_STATIC_ASSERT(G_N_ELEMENTS(kinds) == N_FINDINGS);

struct Findings {
	GArray *array;               /* of Finding: the first MAX_KEPT of each severity */
	size_t counts[N_SEVERITIES]; /* of all */
};

static void
clear_finding(void *data)
{
	Finding *finding = data;

	g_free(finding->message);
	g_free(finding->where);
	g_free(finding->pointer);
}

Findings *
findings_new(void)
{
	Findings *findings = g_new0(Findings, 1);

	findings->array = g_array_new(FALSE, FALSE, sizeof(Finding));
	g_array_set_clear_func(findings->array, clear_finding);
	return findings;
}

void
findings_free(Findings *findings)
{
	if (findings == NULL)
		return;
	g_array_unref(findings->array);
	g_free(findings);
}

static void
add(Findings *findings, FindingId id, size_t offset, const char *where, char *message)
{
	if (findings->counts[kinds[id].severity]++ >= MAX_KEPT) {
		g_free(message);
		return;
	}
	Finding finding = {
		.id = id, .offset = offset, .message = message, .where = g_strdup(where)
	};
	g_array_append_val(findings->array, finding);
}

void
findings_add(Findings *findings, FindingId id, size_t offset, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add(findings, id, offset, NULL, g_strdup_vprintf(format, arguments));
	va_end(arguments);
}

void
findings_add_live(Findings *findings, FindingId id, const char *where, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add(findings, id, FINDING_NO_PLACE, where, g_strdup_vprintf(format, arguments));
	va_end(arguments);
}

void
findings_clear(Findings *findings)
{
	g_array_set_size(findings->array, 0);
	memset(findings->counts, 0, sizeof findings->counts);
}

size_t
findings_count(const Findings *findings, Severity severity)
{
	return findings->counts[severity];
}

size_t
findings_n(const Findings *findings)
{
	return findings->array->len;
}

const Finding *
findings_nth(const Findings *findings, size_t n)
{
	g_return_val_if_fail(n < findings->array->len, NULL);
	return &g_array_index(findings->array, Finding, n);
}

static int
compare_places(const void *a, const void *b)
{
	const Finding *left = a, *right = b;

	if (left->offset != right->offset)
		return left->offset < right->offset ? -1 : 1;
	if (left->id != right->id)
		return left->id < right->id ? -1 : 1;
	int order = g_strcmp0(left->where, right->where);
	return order != 0 ? order : strcmp(left->message, right->message);
}

/* Walk line and column on to offset. */
static void
advance(const char *document, size_t *at, size_t offset, size_t *line, size_t *line_start)
{
	const char *newline;

	while (*at < offset && (newline = memchr(document + *at, '\n', offset - *at)) != NULL) {
		*at = newline - document + 1;
		*line_start = *at;
		(*line)++;
	}
	*at = offset;
}

void
findings_locate(Findings *findings, const char *document, size_t size)
{
	g_autoptr(PointerFinder) finder = pointer_finder_new(document, size);
	size_t at = 0, line = 1, line_start = 0;

	/* g_array_sort() is stable. */
	g_array_sort(findings->array, compare_places);
	for (size_t i = 0; i < findings->array->len; i++) {
		Finding *finding = &g_array_index(findings->array, Finding, i);

		if (finding->offset == FINDING_NO_PLACE)
			break; /* sorted: so are all that follow */
		advance(document, &at, MIN(finding->offset, size), &line, &line_start);
		finding->line = line;
		finding->column = finding->offset - line_start + 1;
		g_free(finding->pointer);
		finding->pointer = pointer_finder_dup(finder, finding->offset);
	}
}

/* The part of the line that is shown: with indent and marks it fits a terminal of 80 columns. All
 * offsets are of bytes in the document. */
typedef struct {
	size_t start, end;
	gboolean is_cut_before, is_cut_behind;
} Excerpt;

static Excerpt
excerpt_around(const Finding *finding, const FindingStyle *style)
{
	size_t before = finding->column - 1;
	Excerpt excerpt = { .start = finding->offset - before };

	if (before > MAX_SOURCE_BEFORE) {
		excerpt.is_cut_before = TRUE;
		excerpt.start = finding->offset - MAX_SOURCE_BEFORE / 2;
		/* Not into the middle of a character. */
		while (excerpt.start < finding->offset &&
		       (style->document[excerpt.start] & 0xc0) == 0x80)
			excerpt.start++;
	}
	const char *text = style->document + excerpt.start;
	size_t left = style->size - excerpt.start;
	/* Two bytes more: an end of line right behind what is shown means that nothing is cut. */
	const char *newline = memchr(text, '\n', MIN(left, MAX_SOURCE + 2));
	size_t length = newline != NULL ? (size_t)(newline - text) : left;
	if (newline != NULL && length > 0 && newline[-1] == '\r')
		length--;
	excerpt.is_cut_behind = length > MAX_SOURCE;
	excerpt.end = excerpt.start + MIN(length, MAX_SOURCE);
	return excerpt;
}

/* The bytes of the character at p, and what is shown for it: what does not print is a question
 * mark, so that a document can't steer the terminal. */
static size_t
get_shown(const char *p, size_t left, gunichar *shown)
{
	gunichar c = g_utf8_get_char_validated(p, (gssize)left);
	gboolean is_valid = c != (gunichar)-1 && c != (gunichar)-2;

	*shown = is_valid && (c == '\t' || g_unichar_isprint(c)) ? c : '?';
	return is_valid ? (size_t)g_unichar_to_utf8(c, NULL) : 1;
}

/* Below a character: as wide as it is. A tab stays one, because only the terminal knows its width.
 */
static const char *
get_padding(gunichar shown)
{
	if (shown == '\t')
		return "\t";
	if (g_unichar_iszerowidth(shown))
		return "";
	return g_unichar_iswide(shown) ? "  " : " ";
}

static void
print_source(const Finding *finding, const FindingStyle *style, FILE *stream)
{
	Excerpt excerpt = excerpt_around(finding, style);
	g_autoptr(GString) source = g_string_new(SOURCE_INDENT);
	g_autoptr(GString) caret = g_string_new(SOURCE_INDENT);

	if (excerpt.is_cut_before) {
		g_string_append(source, "…");
		g_string_append_c(caret, ' ');
	}
	for (size_t at = excerpt.start; at < excerpt.end;) {
		gunichar shown;
		size_t length = get_shown(style->document + at, style->size - at, &shown);
		g_string_append_unichar(source, shown);
		if (at < finding->offset)
			g_string_append(caret, get_padding(shown));
		at += length;
	}
	fprintf(stream, "%s%s\n%s^\n", source->str, excerpt.is_cut_behind ? "…" : "", caret->str);
}

static void
print_finding(const Finding *finding, const FindingStyle *style, FILE *stream)
{
	const Kind *kind = &kinds[finding->id];

	if (finding->offset != FINDING_NO_PLACE)
		fprintf(stream, "%s:%zu:%zu: %s: ", style->file, finding->line, finding->column,
			finding->pointer);
	else if (finding->where != NULL)
		fprintf(stream, "%s: ", finding->where);
	fprintf(stream, "%s: %s [%s]\n", finding_severity_word(finding->id), finding->message,
		kind->identifier);
	/* Of an empty document there is nothing to show. */
	if (finding->offset != FINDING_NO_PLACE && style->show_source && style->size > 0)
		print_source(finding, style, stream);
}

void
findings_print(const Findings *findings, const FindingStyle *style, FILE *stream)
{
	size_t total = 0;
	size_t shown = MIN(findings->array->len, MAX_PRINTED);

	for (size_t i = 0; i < N_SEVERITIES; i++)
		total += findings->counts[i];
	for (size_t i = 0; i < shown; i++)
		print_finding(findings_nth(findings, i), style, stream);
	if (total > shown)
		fprintf(stream, "%s: and %zu more\n", style->file, total - shown);
}

Severity
finding_severity(FindingId id)
{
	return kinds[id].severity;
}

const char *
finding_severity_word(FindingId id)
{
	static const char *const words[] = {
		[SEVERITY_ERROR] = "error",
		[SEVERITY_WARNING] = "warning",
		[SEVERITY_INFO] = "info",
	};
	G_STATIC_ASSERT(G_N_ELEMENTS(words) == N_SEVERITIES);

	return words[kinds[id].severity];
}

const char *
finding_identifier(FindingId id)
{
	return kinds[id].identifier;
}

char *
finding_quote(const char *text, gssize length)
{
	size_t size = length < 0 ? strlen(text) : (size_t)length;
	GString *quoted = g_string_new("\"");
	const char *p = text, *end = text + size;

	for (int n = 0; p < end && n < MAX_QUOTED; n++) {
		gunichar c = g_utf8_get_char_validated(p, end - p);
		if (c == (gunichar)-1 || c == (gunichar)-2) {
			g_string_append_printf(quoted, "\\x%02x", (unsigned char)*p++);
			continue;
		}
		if (c == '"' || c == '\\')
			g_string_append_printf(quoted, "\\%c", (char)c);
		else if (g_unichar_isprint(c))
			g_string_append_unichar(quoted, c);
		else
			g_string_append_printf(quoted, "\\u%04x", c);
		p = g_utf8_next_char(p);
	}
	g_string_append(quoted, p < end ? "…\"" : "\"");
	return g_string_free(quoted, FALSE);
}
