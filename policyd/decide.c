/* SPDX-License-Identifier: Apache-2.0 */
/* decide: which rules a client's mail breaks.
 *
 * A rule applies when each selector that it has matches the mail: it is found under one of them,
 * the others stand in it. Each rule that applies must be satisfied, in whatever order they are
 * found. The strictest violation decides the answer; among rules of the same strictness the one
 * that stands first in the document is named.
 *
 * The answer depends on the request and the rules file alone. Only RCPT and DATA are decided:
 * before MAIL the client may still start TLS, and a refusal at CONNECT would lock it out for good;
 * VRFY and ETRN bring no mail; at END-OF-MESSAGE all has been decided (SMTPD_POLICY_README, 3.7;
 * src/smtpd/smtpd.c: access_denied). At DATA Postfix names the recipient where there is just one:
 * then the rules about recipients are decided again, because RCPT TO:<postmaster> is never asked
 * about (smtpd_check_rcpt()). Where there are several it names none, and those rules, decided at
 * each RCPT, do not apply. */
#include "decide.h"

#include "address.h"
#include "client.h"

#include <string.h>

G_DEFINE_QUARK(tlsgate_decide, decide_error)

typedef struct {
	RuleDb *db;
	const Request *request;
	Client client;
	Decision *decision;
	GError **error;
	DecideObserver observer; /* NULL: none */
	void *data;              /* of it */
} Decider;

/* ---- demands ---- */

static gboolean
demands(const RuleDbRule *rule, RuleDbListKind kind)
{
	return rule->list[kind].left > 0;
}

static gboolean
lacks_tls(Client *client, const RuleDbRule *rule)
{
	return !client->has_tls;
}

/* Only a trusted certificate has a subject and an issuer: whoever demands one demands trust. */
static gboolean
lacks_trust(Client *client, const RuleDbRule *rule)
{
	return !client->is_trusted &&
	       (rule->certificate == CERTIFICATE_TRUSTED ||
		demands(rule, RULEDB_REQUIRED_SUBJECTS) || demands(rule, RULEDB_REQUIRED_ISSUERS));
}

static gboolean
lacks_certificate(Client *client, const RuleDbRule *rule)
{
	return !client->has_certificate && lacks_trust(client, rule);
}

static gboolean
has_other_subject(Client *client, const RuleDbRule *rule)
{
	return demands(rule, RULEDB_REQUIRED_SUBJECTS) &&
	       !ruledb_list_has_text(rule->list[RULEDB_REQUIRED_SUBJECTS], client_subject(client));
}

static gboolean
has_other_issuer(Client *client, const RuleDbRule *rule)
{
	return demands(rule, RULEDB_REQUIRED_ISSUERS) &&
	       !ruledb_list_has_text(rule->list[RULEDB_REQUIRED_ISSUERS], client_issuer(client));
}

static gboolean
has_other_fingerprint(Client *client, const RuleDbRule *rule)
{
	const RuleDbSpan pins = rule->list[RULEDB_REQUIRED_FINGERPRINTS];

	return demands(rule, RULEDB_REQUIRED_FINGERPRINTS) &&
	       !ruledb_list_has_text(pins, client->fingerprint) &&
	       !ruledb_list_has_text(pins, client->key_fingerprint);
}

static gboolean
is_elsewhere(Client *client, const RuleDbRule *rule)
{
	return demands(rule, RULEDB_REQUIRED_NETWORKS) &&
	       (!client->has_address ||
		!ruledb_list_has_network(rule->list[RULEDB_REQUIRED_NETWORKS], &client->address));
}

/* The unverified name is whatever the owner of the address wrote: it meets no demand. */
static gboolean
has_other_name(Client *client, const RuleDbRule *rule)
{
	return demands(rule, RULEDB_REQUIRED_NAMES) &&
	       !ruledb_list_has_domain(rule->list[RULEDB_REQUIRED_NAMES], client_name(client));
}

static gboolean
has_older_protocol(Client *client, const RuleDbRule *rule)
{
	return rule->has_min_protocol && client_protocol(client) < (int)rule->min_protocol;
}

static gboolean
has_weaker_cipher(Client *client, const RuleDbRule *rule)
{
	return rule->min_cipher_bits > 0 && client_cipher_bits(client) < rule->min_cipher_bits;
}

static gboolean (*const is_breached[])(Client *client, const RuleDbRule *rule) = {
	[BREACH_NO_TLS] = lacks_tls,
	[BREACH_NO_CERTIFICATE] = lacks_certificate,
	[BREACH_UNTRUSTED] = lacks_trust,
	[BREACH_SUBJECT] = has_other_subject,
	[BREACH_ISSUER] = has_other_issuer,
	[BREACH_FINGERPRINT] = has_other_fingerprint,
	[BREACH_NETWORK] = is_elsewhere,
	[BREACH_CLIENT_NAME] = has_other_name,
	[BREACH_PROTOCOL] = has_older_protocol,
	[BREACH_CIPHER] = has_weaker_cipher,
};
G_STATIC_ASSERT(G_N_ELEMENTS(is_breached) == N_BREACHES);

/* Whether the client breaks the rule, and how. */
static gboolean
breaks_rule(Client *client, const RuleDbRule *rule, Breach *breach)
{
	for (size_t i = 0; i < G_N_ELEMENTS(is_breached); i++)
		if (is_breached[i](client, rule)) {
			*breach = (Breach)i;
			return TRUE;
		}
	return FALSE;
}

/* ---- selectors that the rule was not found under ---- */

static gboolean
is_not_listed(const char *domain, void *data)
{
	return !ruledb_list_has_domain(*(const RuleDbSpan *)data, domain);
}

static gboolean
matches_recipient(const Decider *decider, RuleDbSpan domains)
{
	return !address_visit_recipient(decider->request->value[REQUEST_RECIPIENT],
					ruledb_rewriting(decider->db), is_not_listed, &domains);
}

static gboolean
matches_name(Client *client, RuleDbSpan names)
{
	return ruledb_list_has_domain(names, client_name(client)) ||
	       ruledb_list_has_domain(names, client_unverified_name(client));
}

static gboolean
applies(Decider *decider, const RuleDbRule *rule)
{
	Client *client = &decider->client;
	const RuleDbSpan networks = rule->list[RULEDB_CLIENT_NETWORKS];
	const RuleDbSpan names = rule->list[RULEDB_CLIENT_NAMES];
	const RuleDbSpan recipients = rule->list[RULEDB_RECIPIENT_DOMAINS];

	return (networks.left == 0 ||
		(client->has_address && ruledb_list_has_network(networks, &client->address))) &&
	       (names.left == 0 || matches_name(client, names)) &&
	       (recipients.left == 0 || matches_recipient(decider, recipients));
}

/* ---- failures ---- */

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
	Failure failure = {
		.number = number,
		.violation = rule->violation,
		.min_protocol = rule->min_protocol,
		.min_cipher_bits = rule->min_cipher_bits,
	};

	const gboolean is_broken = breaks_rule(&decider->client, rule, &failure.breach);
	if ((!is_broken && decider->observer == NULL) || !applies(decider, rule))
		return;
	if (decider->observer != NULL)
		decider->observer(number, rule, is_broken ? &failure.breach : NULL, decider->data);
	if (!is_broken)
		return;
	g_strlcpy(failure.name, rule->name, sizeof failure.name);
	if (decision->is_passed || failure.violation > decision->answer.violation ||
	    (failure.violation == decision->answer.violation &&
	     failure.number < decision->answer.number))
		decision->answer = failure;
	decision->is_passed = FALSE;
	keep_failure(decision, &failure);
}

/* ---- finding the rules ---- */

static gboolean
test_domain(Decider *decider, RuleDbDomain kind, const char *domain)
{
	return ruledb_visit_domain(decider->db, kind, domain, test_rule, decider, decider->error);
}

/* Test the rules found under the sender's domain, in each reading of it. An address that has no
 * domain counts as the null sender. */
static gboolean
test_sender(Decider *decider)
{
	AddressDomains domains;

	if (!address_domains(decider->request->value[REQUEST_SENDER], ruledb_rewriting(decider->db),
			     &domains)) {
		g_set_error(decider->error, DECIDE_ERROR, DECIDE_ERROR_ADDRESS,
			    "the domain of the sender is empty or too long");
		return FALSE;
	}
	if (domains.n == 0)
		return test_domain(decider, RULEDB_BY_SENDER, RULEDB_NULL_SENDER);
	for (size_t i = 0; i < domains.n; i++)
		if (!test_domain(decider, RULEDB_BY_SENDER, domains.domain[i]))
			return FALSE;
	return TRUE;
}

static gboolean
test_recipient_domain(const char *domain, void *data)
{
	return test_domain(data, RULEDB_BY_RECIPIENT, domain);
}

static gboolean
test_recipient(Decider *decider)
{
	return !ruledb_is_found_by(decider->db, RULEDB_BY_RECIPIENT) ||
	       address_visit_recipient(decider->request->value[REQUEST_RECIPIENT],
				       ruledb_rewriting(decider->db), test_recipient_domain,
				       decider);
}

static gboolean
test_client_name(Decider *decider)
{
	if (!ruledb_is_found_by(decider->db, RULEDB_BY_CLIENT_NAME))
		return TRUE;

	const char *name = client_name(&decider->client);
	const char *unverified = client_unverified_name(&decider->client);
	return test_domain(decider, RULEDB_BY_CLIENT_NAME, name) &&
	       (strcmp(name, unverified) == 0 ||
		test_domain(decider, RULEDB_BY_CLIENT_NAME, unverified));
}

static gboolean
test_client(Decider *decider)
{
	const Client *client = &decider->client;

	return (!client->has_address || ruledb_visit_network(decider->db, &client->address,
							     test_rule, decider, decider->error)) &&
	       test_client_name(decider);
}

/* An address that can't be read ("unknown") is never exempt. */
static gboolean
find_exempt(const Decider *decider, gboolean *is_exempt)
{
	const Client *client = &decider->client;

	*is_exempt = FALSE;
	return !client->has_address ||
	       ruledb_find_exempt(decider->db, &client->address, is_exempt, decider->error);
}

gboolean
decide_observed(RuleDb *db, const Request *request, DecideObserver observer, void *data,
		Decision *decision, GError **error)
{
	Decider decider;

	decision->is_passed = TRUE;
	decision->is_exempt = FALSE;
	decision->n_failures = 0;
	decision->has_more = FALSE;
	if (request->state == REQUEST_STATE_OTHER)
		return TRUE;
	decider.db = db;
	decider.request = request;
	decider.decision = decision;
	decider.error = error;
	decider.observer = observer;
	decider.data = data;
	client_read(request, &decider.client);
	if (!find_exempt(&decider, &decision->is_exempt))
		return FALSE;
	return decision->is_exempt ||
	       (ruledb_visit_all_mail(db, test_rule, &decider, error) && test_sender(&decider) &&
		test_recipient(&decider) && test_client(&decider));
}

gboolean
decide_request(RuleDb *db, const Request *request, Decision *decision, GError **error)
{
	return decide_observed(db, request, NULL, NULL, decision, error);
}
