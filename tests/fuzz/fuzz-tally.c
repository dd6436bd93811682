/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-tally: bytes of whoever listens at policyd's socket, as an answer with counters.
 *
 * What is taken has one spelling: written again from what was read, it is the same bytes. */
#include "tally.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *
dup_text(const Tally *tally)
{
	GString *text = g_string_new(NULL);

	for (Counter i = 0; i < N_COUNTERS; i++)
		g_string_append_printf(text, "%s=%" G_GUINT64_FORMAT "\n",
				       names_word(&names_counter, (int)i), tally->count[i]);
	for (size_t i = 0; i < tally->n_rules; i++)
		g_string_append_printf(text, "rule=%s %" G_GUINT64_FORMAT "\n",
				       tally->rules[i].name, tally->rules[i].broken);
	g_string_append_c(text, '\n');
	return g_string_free(text, FALSE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Tally tally;
	const char *reason = tally_parse((const char *)data, size, &tally);

	if (reason != NULL) {
		g_assert_cmpuint(reason[0], !=, '\0');
		return 0;
	}
	g_autofree char *again = dup_text(&tally);
	g_assert_cmpmem(again, strlen(again), data, size);
	for (size_t i = 0; i < tally.n_rules; i++)
		g_assert_true(ruledb_is_rule_name(tally.rules[i].name));
	return 0;
}
