/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-ruledb: bytes as a rules file: opened, asked and verified.
 *
 * Checksums keep a fuzzer out, so that each input is tried twice: as it is, and with all checksums,
 * the size of the file and the last offset put right. The second way reaches the checks behind the
 * checksums.
 * Nothing may be read outside the file; what is not damage is a rule with a proper name and lists
 * that can be asked. */
#include "ruledb.h"

#include "ruledb-format.h"

#include <glib.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
ask_list(RuleDbSpan list, gboolean is_of_networks)
{
	Network client;

	if (is_of_networks) {
		g_assert_true(ruledb_list_is_of_networks(list));
		g_assert_true(network_parse_address("10.0.0.1", &client));
		ruledb_list_has_network(list, &client);
	} else {
		g_assert_true(ruledb_list_is_of_texts(list));
		/* What equals an item is in it as a domain. */
		g_assert_true(!ruledb_list_has_text(list, "a.test") ||
			      ruledb_list_has_domain(list, "a.test"));
		ruledb_list_has_domain(list, "");
	}
}

static void
visit(uint32_t number, const RuleDbRule *rule, void *data)
{
	g_assert_cmpuint(number, <, ruledb_n_rules(data));
	g_assert_true(ruledb_is_rule_name(rule->name));
	g_assert_cmpuint(rule->violation, <, N_VIOLATIONS);
	g_assert_cmpuint(rule->certificate, <, N_CERTIFICATES);
	g_assert_cmpuint(rule->min_protocol, <, N_TLS_PROTOCOLS);
	for (unsigned i = 0; i < N_RULEDB_LISTS; i++)
		ask_list(rule->list[i],
			 ruledb_format_is_network_field(ruledb_format_list_field(i)));
}

/* Ask all that can be asked; an answer or an error, never both. */
static void
ask(GBytes *bytes)
{
	static const char *const domains[] = { "bank.test", "a.b.full.test", "<>",
					       "x",         "a.pay.test",    "mx.test" };
	static const char *const clients[] = { "127.0.0.1", "192.0.2.1", "::1", "198.51.100.7",
					       "2001:db8::1" };
	g_autoptr(GError) error = NULL;
	g_autoptr(RuleDb) db = ruledb_open_bytes(bytes, &error);

	g_assert_true((db == NULL) == (error != NULL));
	if (db == NULL)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(domains) * N_RULEDB_DOMAINS; i++) {
		const RuleDbDomain kind = (RuleDbDomain)(i % N_RULEDB_DOMAINS);
		g_autoptr(GError) damage = NULL;

		g_assert_true(ruledb_visit_domain(db, kind, domains[i / N_RULEDB_DOMAINS], visit,
						  db, &damage) == (damage == NULL));
	}
	for (size_t i = 0; i < G_N_ELEMENTS(clients); i++) {
		g_autoptr(GError) damage = NULL, exempt_damage = NULL;
		Network client;
		gboolean is_exempt;

		g_assert_true(network_parse_address(clients[i], &client));
		g_assert_true(ruledb_find_exempt(db, &client, &is_exempt, &exempt_damage) ==
			      (exempt_damage == NULL));
		g_assert_true(ruledb_visit_network(db, &client, visit, db, &damage) ==
			      (damage == NULL));
	}
	g_autoptr(GError) damage = NULL;
	g_assert_true(ruledb_visit_all_mail(db, visit, db, &damage) == (damage == NULL));
	g_assert_true(ruledb_verify(db, &error) == (error == NULL));
}

/* Make the checksum of each record right that lies within the file, and its number and length. */
static void
repair_records(uint8_t *file, size_t size, uint64_t offsets_at, uint64_t n_records)
{
	const uint64_t generation = ruledb_format_get(file + 16, 8);

	for (uint64_t i = 0; i < n_records; i++) {
		const uint64_t start = ruledb_format_get(file + offsets_at + 8 * i, 8);
		const uint64_t end = ruledb_format_get(file + offsets_at + 8 * i + 8, 8);

		if (start > size || end > size || end < start || end - start < RULEDB_RECORD_FRAME)
			continue;
		const size_t length = (size_t)(end - start) - RULEDB_RECORD_FRAME;
		const uint8_t *content = file + start + RULEDB_RECORD_HEAD;
		ruledb_format_put(file + start, i, 4);
		ruledb_format_put(file + start + 4, length, 4);
		ruledb_format_put(file + end - 8,
				  ruledb_format_checksum(generation, (uint32_t)i, content, length),
				  8);
	}
}

static void
repair(uint8_t *file, size_t size)
{
	if (size < RULEDB_HEADER_MIN)
		return;
	const uint64_t header_size = ruledb_format_get(file + 12, 4);
	const uint64_t n_records =
		ruledb_format_get(file + 32, 4) + ruledb_format_get(file + 36, 4);
	const uint64_t records_at = header_size + 8 * (n_records + 1);

	if (header_size < RULEDB_HEADER_MIN || header_size > size)
		return;
	ruledb_format_put(file + 24, size, 8);
	if (records_at <= size) {
		ruledb_format_put(file + records_at - 8, size, 8);
		repair_records(file, size, header_size, n_records);
	}
	ruledb_format_put(file + header_size - 8,
			  ruledb_format_checksum(0, 0, file, (size_t)header_size - 8), 8);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* GBytes over the fuzzer's own memory: it ends where the input ends. */
	g_autoptr(GBytes) bytes = g_bytes_new_static(data, size);
	g_autofree uint8_t *copy = g_malloc(size + 1);

	ask(bytes);
	memcpy(copy, data, size);
	repair(copy, size);
	g_autoptr(GBytes) repaired = g_bytes_new(copy, size);
	ask(repaired);
	return 0;
}
