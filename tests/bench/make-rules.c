/* SPDX-License-Identifier: Apache-2.0 */
/* make-rules: a rules file as large as wanted, for benchmarks.
 *
 * Usage: make-rules RULES FILE. Rule number i is about mail from partnerI.example and demands a
 * trusted certificate; one more is about mail from bank.example. Exempt is what is by default. */
#include "network.h"
#include "ruledb.h"

#include <stdio.h>
#include <stdlib.h>

static void
add_exempt(RuleDbBuilder *builder, const char *text)
{
	const char *reason;
	Network network;

	if (!network_parse(text, &network, &reason))
		exit(70);
	ruledb_builder_add_exempt_network(builder, &network);
}

int
main(int argc, char **argv)
{
	const AddressRewriting rewriting = { .append_at_myorigin = TRUE };
	g_autoptr(RuleDbBuilder) builder = ruledb_builder_new(&rewriting);
	g_autoptr(GError) error = NULL;

	if (argc != 3)
		return 64;
	add_exempt(builder, "127.0.0.0/8");
	add_exempt(builder, "::1/128");
	const unsigned long n = strtoul(argv[1], NULL, 10);
	for (unsigned long i = 0; i <= n; i++) {
		g_autofree char *name = i < n ? g_strdup_printf("partner%lu", i) : g_strdup("bank");
		g_autofree char *domain = g_strconcat(name, ".example", NULL);
		const RuleDbRule rule = { .name = name,
					  .certificate = CERTIFICATE_TRUSTED,
					  .violation = VIOLATION_REJECT };
		const uint32_t number = ruledb_builder_add_rule(builder, &rule);
		ruledb_builder_index_domain(builder, number, RULEDB_BY_SENDER, domain);
	}
	g_autoptr(GBytes) bytes = ruledb_builder_finish(builder, 1);
	if (g_file_set_contents(argv[2], g_bytes_get_data(bytes, NULL),
				(gssize)g_bytes_get_size(bytes), &error))
		return 0;
	fprintf(stderr, "make-rules: %s\n", error->message);
	return 1;
}
