/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-probe: what posttls-finger(1) may print, at each level.
 *
 * Mail is said to go over TLS only where a session was established, and where the certificate has
 * to match, only where it was verified. Without a reason nothing else is said. */
#include "probe-verdict.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_at(const char *output, SecurityLevel level)
{
	const ProbeQuestion question = { .level = level,
					 .own_name = "gw.example",
					 .times = { 30, 300, 300 },
					 .greeting_limit = 30,
					 .command_limit = 30 };
	g_auto(ProbeSeen) seen = { 0 };

	probe_verdict_read(output, FALSE, &question, &seen);
	g_assert_cmpint(seen.outcome, <, PROBE_NOT_TRIED);
	g_assert_true(seen.outcome == PROBE_DELIVERED || seen.reason != NULL);
	if (seen.outcome == PROBE_DELIVERED) {
		g_assert_nonnull(seen.protocol);
		g_assert_nonnull(strstr(output, " TLS connection established to "));
		g_assert_true(!probe_verdict_needs_match(level) ||
			      strstr(output, "posttls-finger: Verified TLS ") != NULL ||
			      strstr(output, ": all TLSA records unusable, fallback to ") != NULL);
	}
	if (seen.outcome == PROBE_CLEAR || seen.outcome == PROBE_CLEAR_LATER)
		g_assert_cmpint(level, <=, SECURITY_MAY);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *output = g_strndup((const char *)data, size);

	for (SecurityLevel level = SECURITY_NONE; level < N_SECURITY_LEVELS; level++)
		read_at(output, level);
	return 0;
}
