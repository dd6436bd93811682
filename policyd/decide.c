/* SPDX-License-Identifier: Apache-2.0 */
/* decide: which rules a client's mail breaks.
 *
 * A rule applies when its selector matches the mail; each rule that applies must be satisfied, in
 * whatever order they are found. The strictest violation decides the answer; among rules of the
 * same strictness the one that stands first in the document is named.
 *
 * The answer depends on the request and the rules file alone. Only RCPT and DATA are decided:
 * before MAIL the client may still start TLS, and a refusal at CONNECT would lock it out for good;
 * VRFY and ETRN bring no mail; at END-OF-MESSAGE all has been decided (SMTPD_POLICY_README, 3.7;
 * src/smtpd/smtpd.c: access_denied). */
#include "decide.h"

#include "address.h"
#include "network.h"

#include <string.h>

G_DEFINE_QUARK(tlsgate_decide, decide_error)

/* What the client has shown; which rules it meets follows from this alone. */
typedef struct {
	gboolean has_tls;
	gboolean has_certificate;
	gboolean is_trusted;
} Client;

typedef struct {
	Client client;
	Decision *decision;
} Decider;

static gboolean
has_value(const Request *request, RequestAttribute attribute)
{
	return request->value[attribute][0] != '\0';
}

/* src/smtpd/smtpd_check.c, check_policy_service, 3.7: encryption_protocol is empty without TLS
 * (encryption_keysize is 0 for a NULL cipher, too). ccert_subject and ccert_issuer are sent for a
 * trusted certificate only, and either may be empty: a certificate with names in subjectAltName
 * alone has no subject CN. The fingerprints are sent for untrusted certificates and bare keys, too.
 */
static Client
describe_client(const Request *request)
{
	return (Client){
		.has_tls = has_value(request, REQUEST_ENCRYPTION_PROTOCOL),
		.has_certificate = has_value(request, REQUEST_CCERT_FINGERPRINT) ||
				   has_value(request, REQUEST_CCERT_PUBKEY_FINGERPRINT),
		.is_trusted = has_value(request, REQUEST_CCERT_SUBJECT) ||
			      has_value(request, REQUEST_CCERT_ISSUER),
	};
}

/* Whether the client breaks the rule, and how. */
static gboolean
breaks_rule(const Client *client, const RuleDbRule *rule, Breach *breach)
{
	if (!client->has_tls) {
		*breach = BREACH_NO_TLS;
		return TRUE;
	}
	if (rule->certificate == CERTIFICATE_ANY || client->is_trusted)
		return FALSE;
	*breach = client->has_certificate ? BREACH_UNTRUSTED : BREACH_NO_CERTIFICATE;
	return TRUE;
}

/* Keep the failures with the lowest numbers, sorted. A rule may come more than once: it may be
 * found under a domain and its parent, or under two readings of an address. */
static void
keep_failure(Decision *decision, const Failure *failure)
{
	size_t at = decision->n_failures;

	while (at > 0 && decision->failures[at - 1].number > failure->number)
		at--;
	if (at > 0 && decision->failures[at - 1].number == failure->number)
		return;
	if (decision->n_failures == DECISION_MAX_FAILURES) {
		decision->has_more = TRUE;
		if (at == DECISION_MAX_FAILURES)
			return;
		decision->n_failures--;
	}
	memmove(&decision->failures[at + 1], &decision->failures[at],
		(decision->n_failures - at) * sizeof decision->failures[0]);
	decision->failures[at] = *failure;
	decision->n_failures++;
}

static void
test_rule(uint32_t number, const RuleDbRule *rule, void *data)
{
	Decider *decider = data;
	Decision *decision = decider->decision;
	Failure failure = { .number = number, .violation = rule->violation };

	if (!breaks_rule(&decider->client, rule, &failure.breach))
		return;
	g_strlcpy(failure.name, rule->name, sizeof failure.name);
	if (decision->is_passed || failure.violation > decision->answer.violation ||
	    (failure.violation == decision->answer.violation &&
	     failure.number < decision->answer.number))
		decision->answer = failure;
	decision->is_passed = FALSE;
	keep_failure(decision, &failure);
}

/* An address that can't be read ("unknown") is never exempt. */
static gboolean
find_exempt(RuleDb *db, const Request *request, gboolean *is_exempt, GError **error)
{
	Network client;

	*is_exempt = FALSE;
	if (!network_parse_address(request->value[REQUEST_CLIENT_ADDRESS], &client))
		return TRUE;
	return ruledb_find_exempt(db, &client, is_exempt, error);
}

/* Test the rules about mail from the sender's domain, in each reading of it. An address that has no
 * domain counts as the null sender. */
static gboolean
test_sender(RuleDb *db, const char *sender, Decider *decider, GError **error)
{
	AddressDomains domains;

	if (!address_domains(sender, ruledb_rewriting(db), &domains)) {
		g_set_error(error, DECIDE_ERROR, DECIDE_ERROR_ADDRESS,
			    "the domain of the sender is empty or too long");
		return FALSE;
	}
	if (domains.n == 0)
		return ruledb_visit_sender(db, RULEDB_NULL_SENDER, test_rule, decider, error);
	for (size_t i = 0; i < domains.n; i++)
		if (!ruledb_visit_sender(db, domains.domain[i], test_rule, decider, error))
			return FALSE;
	return TRUE;
}

gboolean
decide_request(RuleDb *db, const Request *request, Decision *decision, GError **error)
{
	Decider decider = { describe_client(request), decision };
	gboolean is_exempt;

	decision->is_passed = TRUE;
	decision->n_failures = 0;
	decision->has_more = FALSE;
	if (request->state == REQUEST_STATE_OTHER)
		return TRUE;
	if (!find_exempt(db, request, &is_exempt, error))
		return FALSE;
	if (is_exempt)
		return TRUE;
	return ruledb_visit_all_mail(db, test_rule, &decider, error) &&
	       test_sender(db, request->value[REQUEST_SENDER], &decider, error);
}
