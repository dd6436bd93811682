/* SPDX-License-Identifier: Apache-2.0 */
/* reply: the answer to Postfix for a decision.
 *
 * smtpd(8) takes an action as in an access(5) table, and much of what it takes means "permit": OK,
 * an empty action, a code without text, any number (src/smtpd/smtpd_check.c, check_table_result,
 * 3.7). None of that is ever said here. What passes is DUNNO or INFO, so that the rest of the
 * restrictions decide; what does not is a code, an enhanced code and text. X.7.10 is "encryption
 * needed" (IANA registry of enhanced status codes), X.7.1 "not authorized". What varies in an
 * answer is the name of a rule, which ruledb has proved to be of a-z 0-9 . _ and -, and not too
 * long, and the protocol or the number of bits that it demands: no answer is ever cut. What a rule
 * says of a partner, its names, networks and fingerprints, is in none. */
#include "reply.h"

#include "names.h"

#include <glib.h>

static const struct {
	const char *detail; /* of the enhanced status code */
	const char *demand; /* NULL: it has a value of the rule in it */
	const char *cure;
} breaches[] = {
	[BREACH_NO_TLS] = { "7.10", "TLS required", "send STARTTLS before MAIL" },
	[BREACH_NO_CERTIFICATE] = { "7.1", "Trusted client certificate required",
				    "present one, there was none" },
	[BREACH_UNTRUSTED] = { "7.1", "Trusted client certificate required",
			       "present another, this one is not trusted here" },
	[BREACH_SUBJECT] = { "7.1", "Client certificate with an agreed subject required",
			     "present another, the common name of this one was not agreed" },
	[BREACH_ISSUER] = { "7.1", "Client certificate of an agreed issuer required",
			    "present another, the issuer of this one was not agreed" },
	[BREACH_FINGERPRINT] = { "7.1", "Client certificate with an agreed fingerprint required",
				 "present that one, there was another or none" },
	[BREACH_NETWORK] = { "7.1", "Agreed client network required",
			     "send from there, this client address is elsewhere" },
	[BREACH_CLIENT_NAME] = { "7.1", "Agreed client name required",
				 "send from there, the name of this client in DNS, forward and "
				 "reverse, is another or none" },
	[BREACH_PROTOCOL] = { "7.1", NULL, "offer a newer one, this session has an older" },
	[BREACH_CIPHER] = { "7.1", NULL, "offer a stronger one, this session has a weaker" },
};
G_STATIC_ASSERT(G_N_ELEMENTS(breaches) == N_BREACHES);

/* What is required, with the protocol or the number of bits where that is it. */
static void
format_demand(const Failure *failure, char *demand, size_t size)
{
	if (failure->breach == BREACH_PROTOCOL)
		g_snprintf(demand, size, "%s or newer required",
			   names_word(&names_tls_protocol, (int)failure->min_protocol));
	else if (failure->breach == BREACH_CIPHER)
		g_snprintf(demand, size, "TLS cipher of %u bits or more required",
			   failure->min_cipher_bits);
	else
		g_strlcpy(demand, breaches[failure->breach].demand, size);
}

static size_t
format_failure(const Failure *failure, char *reply, size_t size)
{
	const char *detail = breaches[failure->breach].detail;
	const char *cure = breaches[failure->breach].cure;
	char demand[80];

	format_demand(failure, demand, sizeof demand);
	switch (failure->violation) {
	case VIOLATION_REPORT:
		return (size_t)g_snprintf(reply, size,
					  "action=INFO report only: %s by rule %s: %s\n\n", demand,
					  failure->name, cure);
	case VIOLATION_DEFER:
		return (size_t)g_snprintf(reply, size, "action=450 4.%s %s by rule %s: %s\n\n",
					  detail, demand, failure->name, cure);
	case VIOLATION_REJECT:
		return (size_t)g_snprintf(reply, size, "action=550 5.%s %s by rule %s: %s\n\n",
					  detail, demand, failure->name, cure);
	case N_VIOLATIONS:
		break;
	}
	g_assert_not_reached();
}

size_t
reply_format(const Decision *decision, char reply[REPLY_MAX_BYTES + 1])
{
	const size_t size = REPLY_MAX_BYTES + 1;

	if (decision->is_passed)
		return g_strlcpy(reply, "action=DUNNO\n\n", size);
	return format_failure(&decision->answer, reply, size);
}
