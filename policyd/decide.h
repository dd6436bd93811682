/* SPDX-License-Identifier: Apache-2.0 */
/* decide: which rules a client's mail breaks. Pure but for the rules file, which it reads. */
#pragma once

#include "request.h"
#include "ruledb.h"

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

/* Why a rule is not satisfied; the first that holds. */
typedef enum {
	BREACH_NO_TLS,         /* the mail comes in clear */
	BREACH_NO_CERTIFICATE, /* the client presented no certificate */
	BREACH_UNTRUSTED,      /* it presented one that Postfix did not trust */
	BREACH_SUBJECT,        /* its trusted certificate has another subject, or none */
	BREACH_ISSUER,         /* or another issuer */
	BREACH_FINGERPRINT,    /* it presented another certificate, or none */
	BREACH_NETWORK,        /* its address is in none of the networks */
	BREACH_CLIENT_NAME,    /* its verified name is none of these, or it has none */
	BREACH_PROTOCOL,       /* the protocol is older, or not known */
	BREACH_CIPHER,         /* the cipher has fewer bits */
	N_BREACHES
} Breach;

/* One rule that is not satisfied. */
typedef struct {
	uint32_t number; /* its place in the document, from 0 */
	Violation violation;
	Breach breach;
	TlsProtocol min_protocol; /* what it demands: at BREACH_PROTOCOL */
	unsigned min_cipher_bits; /* at BREACH_CIPHER */
	char name[RULEDB_MAX_NAME + 1];
} Failure;

/* The log names this many; the answer is right for any number. */
#define DECISION_MAX_FAILURES 16

typedef struct {
	gboolean is_passed;                      /* no rule failed; the rest means nothing */
	gboolean is_exempt;                      /* no rule was asked */
	Failure answer;                          /* of the strictest violation, the first rule */
	size_t n_failures;                       /* in failures */
	Failure failures[DECISION_MAX_FAILURES]; /* by number, without repetition */
	gboolean has_more;                       /* failures that are not in it */
} Decision;

/* Decide a request. FALSE with error set where the rules file can't be read or the sender's address
 * is none that Postfix sends: there is no answer then. */
gboolean decide_request(RuleDb *db, const Request *request, Decision *decision, GError **error)
	G_GNUC_WARN_UNUSED_RESULT;

/* Called for each rule that applies, in no order, perhaps more than once; breach is NULL where it
 * is satisfied. rule is borrowed. */
typedef void (*DecideObserver)(uint32_t number, const RuleDbRule *rule, const Breach *breach,
			       void *data);

/* The same, and tell of the rules that apply. */
gboolean decide_observed(RuleDb *db, const Request *request, DecideObserver observer, void *data,
			 Decision *decision, GError **error) G_GNUC_WARN_UNUSED_RESULT;

#define DECIDE_ERROR (decide_error_quark())
GQuark decide_error_quark(void);

typedef enum { DECIDE_ERROR_ADDRESS } DecideError;
