/* SPDX-License-Identifier: Apache-2.0 */
/* names: the words of the settings document, of Postfix and of policyd's counters, each beside its
 * code. */
#pragma once

#include <glib.h>
#include <stddef.h>

/* The levels of smtp_tls_security_level and smtp_tls_policy_maps, in the order of src/tls/tls.h
 * (TLS_LEV_*, Postfix 3.7); names_is_at_least() says which is stronger. The receiving side uses the
 * first three. */
typedef enum {
	SECURITY_NONE,
	SECURITY_MAY,
	SECURITY_ENCRYPT,
	SECURITY_FINGERPRINT,
	SECURITY_DANE,
	SECURITY_DANE_ONLY,
	SECURITY_VERIFY,
	SECURITY_SECURE,
	N_SECURITY_LEVELS
} SecurityLevel;

/* receive.client_certificate, weakest first. */
typedef enum {
	CLIENT_CERTIFICATE_NONE,
	CLIENT_CERTIFICATE_REQUEST,
	CLIENT_CERTIFICATE_REQUIRE,
	N_CLIENT_CERTIFICATES
} ClientCertificate;

/* What happens to mail that breaks a rule, mildest first: the larger value wins. */
typedef enum { VIOLATION_REPORT, VIOLATION_DEFER, VIOLATION_REJECT, N_VIOLATIONS } Violation;

/* What Postfix does with a recipient when policyd gives no answer. */
typedef enum { POLICY_FAILURE_DEFER, POLICY_FAILURE_ACCEPT, N_POLICY_FAILURES } PolicyFailure;

/* How a rule's require.certificate is met. */
typedef enum { CERTIFICATE_ANY, CERTIFICATE_TRUSTED, N_CERTIFICATES } CertificateDemand;

/* postfix.table_type: the lookup table that Postfix reads (DATABASE_README, 3.7). */
typedef enum {
	TABLE_TYPE_AUTO, /* the first of cdb, lmdb, hash that this Postfix has */
	TABLE_TYPE_CDB,
	TABLE_TYPE_LMDB,
	TABLE_TYPE_HASH,
	TABLE_TYPE_BTREE,
	TABLE_TYPE_TEXTHASH,
	N_TABLE_TYPES
} TableType;

/* A floor for the TLS protocol, oldest first (postconf(5) smtpd_tls_mandatory_protocols, 3.7). */
typedef enum {
	TLS_PROTOCOL_1_0,
	TLS_PROTOCOL_1_1,
	TLS_PROTOCOL_1_2,
	TLS_PROTOCOL_1_3,
	N_TLS_PROTOCOLS
} TlsProtocol;

/* Cipher grades (postconf(5) smtp_tls_mandatory_ciphers, 3.7). Those below medium are no choice:
 * from 3.8 on they mean medium. */
typedef enum { CIPHER_GRADE_MEDIUM, CIPHER_GRADE_HIGH, N_CIPHER_GRADES } CipherGrade;

/* postfix.policyd: who starts policyd, master(8) or the system. */
typedef enum { POLICYD_SPAWN, POLICYD_SOCKET, N_POLICYD_MODES } PolicydMode;

/* What policyd counts since it began, in the order in which it tells it. */
typedef enum {
	COUNTER_REQUESTS, /* of the right form: the sum of the next five */
	COUNTER_PASSED,
	COUNTER_REPORTED,
	COUNTER_DEFERRED,
	COUNTER_REJECTED,
	COUNTER_UNANSWERED,
	COUNTER_PROTOCOL_ERRORS,
	COUNTER_CONNECTIONS, /* accepted */
	COUNTER_OPEN,        /* connections now */
	N_COUNTERS
} Counter;

/* Beside them it tells how often rules were broken: those that were broken most often. */
#define COUNTER_MAX_RULES 100

/* A set of words: words[code] is the word for that code; NULL where the code has no word. */
typedef struct {
	const char *const *words;
	size_t n_words;
} NameTable;

extern const NameTable names_security_level;     /* all levels */
extern const NameTable names_send_level;         /* all but fingerprint */
extern const NameTable names_receive_level;      /* none, may, encrypt */
extern const NameTable names_client_certificate; /* none, request, require */
extern const NameTable names_violation;          /* report, defer, reject */
extern const NameTable names_policy_failure;     /* defer, accept */
extern const NameTable names_certificate;        /* trusted */
extern const NameTable names_table_type;         /* auto, cdb, … */
extern const NameTable names_tls_protocol;       /* TLSv1 … TLSv1.3 */
extern const NameTable names_cipher_grade;       /* medium, high */
extern const NameTable names_policyd_mode;       /* spawn, socket */
extern const NameTable names_counter;            /* requests, passed, … */

/* The code of word, or -1. Words are case-sensitive, as the settings document has them. */
int names_code(const NameTable *table, const char *word);

/* The word of code; borrowed, static. */
const char *names_word(const NameTable *table, int code);

/* Whether level is certain to protect mail wherever floor does. Not all levels can be compared: of
 * "dane" and "encrypt", neither is at least the other. */
gboolean names_is_at_least(SecurityLevel level, SecurityLevel floor);

/* The accepted words, each in double quotes as JSON has it: "a", "b" or "c". For messages; the
 * caller frees it. */
char *names_dup_choice(const NameTable *table);
