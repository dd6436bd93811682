/* SPDX-License-Identifier: Apache-2.0 */
/* names: the words of the settings document, of Postfix and of policyd's counters, each beside its
 * code.
 *
 * These tables are the only place where a word meets its code. Where the document's word and
 * Postfix's word are the same (the security levels), one table serves both. */
#include "names.h"

#include <string.h>

static const char *const security_level[] = {
	[SECURITY_NONE] = "none",       [SECURITY_MAY] = "may",
	[SECURITY_ENCRYPT] = "encrypt", [SECURITY_FINGERPRINT] = "fingerprint",
	[SECURITY_DANE] = "dane",       [SECURITY_DANE_ONLY] = "dane-only",
	[SECURITY_VERIFY] = "verify",   [SECURITY_SECURE] = "secure",
};
G_STATIC_ASSERT(G_N_ELEMENTS(security_level) == N_SECURITY_LEVELS);

/* For all destinations: a fingerprint says who one partner is, and stands in a row of its own. */
static const char *const send_level[] = {
	[SECURITY_NONE] = "none",       [SECURITY_MAY] = "may",
	[SECURITY_ENCRYPT] = "encrypt", [SECURITY_FINGERPRINT] = NULL,
	[SECURITY_DANE] = "dane",       [SECURITY_DANE_ONLY] = "dane-only",
	[SECURITY_VERIFY] = "verify",   [SECURITY_SECURE] = "secure",
};
G_STATIC_ASSERT(G_N_ELEMENTS(send_level) == N_SECURITY_LEVELS);

static const char *const client_certificate[] = {
	[CLIENT_CERTIFICATE_NONE] = "none",
	[CLIENT_CERTIFICATE_REQUEST] = "request",
	[CLIENT_CERTIFICATE_REQUIRE] = "require",
};
G_STATIC_ASSERT(G_N_ELEMENTS(client_certificate) == N_CLIENT_CERTIFICATES);

static const char *const violation[] = {
	[VIOLATION_REPORT] = "report",
	[VIOLATION_DEFER] = "defer",
	[VIOLATION_REJECT] = "reject",
};
G_STATIC_ASSERT(G_N_ELEMENTS(violation) == N_VIOLATIONS);

static const char *const policy_failure[] = {
	[POLICY_FAILURE_DEFER] = "defer",
	[POLICY_FAILURE_ACCEPT] = "accept",
};
G_STATIC_ASSERT(G_N_ELEMENTS(policy_failure) == N_POLICY_FAILURES);

/* CERTIFICATE_ANY is the absence of the key: it has no word. */
static const char *const certificate[] = {
	[CERTIFICATE_ANY] = NULL,
	[CERTIFICATE_TRUSTED] = "trusted",
};
G_STATIC_ASSERT(G_N_ELEMENTS(certificate) == N_CERTIFICATES);

static const char *const table_type[] = {
	[TABLE_TYPE_AUTO] = "auto",   [TABLE_TYPE_CDB] = "cdb",
	[TABLE_TYPE_LMDB] = "lmdb",   [TABLE_TYPE_HASH] = "hash",
	[TABLE_TYPE_BTREE] = "btree", [TABLE_TYPE_TEXTHASH] = "texthash",
};
G_STATIC_ASSERT(G_N_ELEMENTS(table_type) == N_TABLE_TYPES);

static const char *const tls_protocol[] = {
	[TLS_PROTOCOL_1_0] = "TLSv1",
	[TLS_PROTOCOL_1_1] = "TLSv1.1",
	[TLS_PROTOCOL_1_2] = "TLSv1.2",
	[TLS_PROTOCOL_1_3] = "TLSv1.3",
};
G_STATIC_ASSERT(G_N_ELEMENTS(tls_protocol) == N_TLS_PROTOCOLS);

static const char *const cipher_grade[] = {
	[CIPHER_GRADE_MEDIUM] = "medium",
	[CIPHER_GRADE_HIGH] = "high",
};
G_STATIC_ASSERT(G_N_ELEMENTS(cipher_grade) == N_CIPHER_GRADES);

static const char *const policyd_mode[] = {
	[POLICYD_SPAWN] = "spawn",
	[POLICYD_SOCKET] = "socket",
};
G_STATIC_ASSERT(G_N_ELEMENTS(policyd_mode) == N_POLICYD_MODES);

static const char *const counter[] = {
	[COUNTER_REQUESTS] = "requests",
	[COUNTER_PASSED] = "passed",
	[COUNTER_REPORTED] = "reported",
	[COUNTER_DEFERRED] = "deferred",
	[COUNTER_REJECTED] = "rejected",
	[COUNTER_UNANSWERED] = "unanswered",
	[COUNTER_PROTOCOL_ERRORS] = "protocol_errors",
	[COUNTER_CONNECTIONS] = "connections",
	[COUNTER_OPEN] = "open",
};
G_STATIC_ASSERT(G_N_ELEMENTS(counter) == N_COUNTERS);

const NameTable names_security_level = { security_level, G_N_ELEMENTS(security_level) };
const NameTable names_send_level = { send_level, G_N_ELEMENTS(send_level) };
const NameTable names_receive_level = { security_level, SECURITY_ENCRYPT + 1 };
const NameTable names_client_certificate = { client_certificate, G_N_ELEMENTS(client_certificate) };
const NameTable names_violation = { violation, G_N_ELEMENTS(violation) };
const NameTable names_policy_failure = { policy_failure, G_N_ELEMENTS(policy_failure) };
const NameTable names_certificate = { certificate, G_N_ELEMENTS(certificate) };
const NameTable names_table_type = { table_type, G_N_ELEMENTS(table_type) };
const NameTable names_tls_protocol = { tls_protocol, G_N_ELEMENTS(tls_protocol) };
const NameTable names_cipher_grade = { cipher_grade, G_N_ELEMENTS(cipher_grade) };
const NameTable names_policyd_mode = { policyd_mode, G_N_ELEMENTS(policyd_mode) };
const NameTable names_counter = { counter, G_N_ELEMENTS(counter) };

int
names_code(const NameTable *table, const char *word)
{
	for (size_t code = 0; code < table->n_words; code++)
		if (table->words[code] != NULL && strcmp(table->words[code], word) == 0)
			return (int)code;
	return -1;
}

const char *
names_word(const NameTable *table, int code)
{
	g_return_val_if_fail(code >= 0 && (size_t)code < table->n_words, NULL);
	return table->words[code];
}

#define LEVEL(level) (1u << (level))

/* For each level those that protect at least as much in every case (postconf(5)
 * smtp_tls_security_level, 3.7). "dane" falls back to clear text where a destination has no TLSA
 * records, and names the certificate where it has: it has no place among the others. Who a
 * certificate is trusted by (a pin, DNSSEC, a CA) can't be compared either. */
static const unsigned at_least[] = {
	[SECURITY_NONE] = LEVEL(N_SECURITY_LEVELS) - 1,
	[SECURITY_MAY] = (LEVEL(N_SECURITY_LEVELS) - 1) & ~LEVEL(SECURITY_NONE),
	[SECURITY_ENCRYPT] = LEVEL(SECURITY_ENCRYPT) | LEVEL(SECURITY_FINGERPRINT) |
			     LEVEL(SECURITY_DANE_ONLY) | LEVEL(SECURITY_VERIFY) |
			     LEVEL(SECURITY_SECURE),
	[SECURITY_FINGERPRINT] = LEVEL(SECURITY_FINGERPRINT),
	[SECURITY_DANE] = LEVEL(SECURITY_DANE) | LEVEL(SECURITY_DANE_ONLY),
	[SECURITY_DANE_ONLY] = LEVEL(SECURITY_DANE_ONLY),
	[SECURITY_VERIFY] = LEVEL(SECURITY_VERIFY) | LEVEL(SECURITY_SECURE),
	[SECURITY_SECURE] = LEVEL(SECURITY_SECURE),
};
G_STATIC_ASSERT(G_N_ELEMENTS(at_least) == N_SECURITY_LEVELS);

gboolean
names_is_at_least(SecurityLevel level, SecurityLevel floor)
{
	return (at_least[floor] & LEVEL(level)) != 0;
}

char *
names_dup_choice(const NameTable *table)
{
	GString *choice = g_string_new(NULL);
	const char *last = NULL;

	for (size_t code = 0; code < table->n_words; code++) {
		if (table->words[code] == NULL)
			continue;
		if (last != NULL)
			g_string_append_printf(choice, "%s\"%s\"", choice->len > 0 ? ", " : "",
					       last);
		last = table->words[code];
	}
	g_string_append_printf(choice, "%s\"%s\"", choice->len > 0 ? " or " : "", last);
	return g_string_free(choice, FALSE);
}
