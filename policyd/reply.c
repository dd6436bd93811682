/* SPDX-License-Identifier: Apache-2.0 */
/* reply: the answer to Postfix for a decision.
 *
 * smtpd(8) takes an action as in an access(5) table, and much of what it takes means "permit": OK,
 * an empty action, a code without text, any number (src/smtpd/smtpd_check.c, check_table_result,
 * 3.7). None of that is ever said here. What passes is DUNNO or INFO, so that the rest of the
 * restrictions decide; what does not is a code, an enhanced code and text. X.7.10 is "encryption
 * needed" (IANA registry of enhanced status codes), X.7.1 "not authorized". The one part of an
 * answer that is not constant is the name of a rule, which ruledb has proved to be of a-z 0-9 . _
 * and -, and not too long: no answer is ever cut. */
#include "reply.h"

#include <glib.h>

static const struct {
	const char *detail; /* of the enhanced status code */
	const char *demand;
	const char *cure;
} breaches[] = {
	[BREACH_NO_TLS] = { "7.10", "TLS required", "send STARTTLS before MAIL" },
	[BREACH_NO_CERTIFICATE] = { "7.1", "Trusted client certificate required",
				    "present one, there was none" },
	[BREACH_UNTRUSTED] = { "7.1", "Trusted client certificate required",
			       "present another, this one is not trusted here" },
};
G_STATIC_ASSERT(G_N_ELEMENTS(breaches) == N_BREACHES);

static size_t
format_failure(const Failure *failure, char *reply, size_t size)
{
	const char *detail = breaches[failure->breach].detail;
	const char *demand = breaches[failure->breach].demand;
	const char *cure = breaches[failure->breach].cure;

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
