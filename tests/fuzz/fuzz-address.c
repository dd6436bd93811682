/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-address: bytes as an envelope address, under every combination of Postfix's parameters.
 *
 * A rule is found by the text of a domain. So what is yielded for an address or a client's name is
 * in the one form in which rules are kept, and to bring it into that form once more changes
 * nothing. */
#include "address.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define N_FLAGS 4

static const struct {
	const char *myorigin, *mydomain;
} names[] = {
	{ "Origin.Test", "My.Test" },
	{ "origin", "my.test." },
	{ NULL, NULL },
	{ "", "" },
};

static void
assert_folded(const char *domain)
{
	g_autofree char *folded = address_dup_folded(domain);

	g_assert_cmpstr(folded, ==, domain);
}

static void
assert_domain(const char *domain)
{
	const size_t length = strlen(domain);

	g_assert_cmpuint(length, >, 0);
	g_assert_cmpuint(length, <=, ADDRESS_MAX_DOMAIN);
	g_assert_cmpuint(strcspn(domain, " \t\r\n"), ==, length);
	for (size_t i = 0; i < length; i++)
		g_assert_false(g_ascii_isupper(domain[i]));
	assert_folded(domain);
}

static gboolean
visit_domain(const char *domain, void *data)
{
	assert_domain(domain);
	return TRUE;
}

static void
assert_readings(const char *address, const AddressRewriting *rewriting)
{
	AddressDomains domains;

	g_assert_true(address_visit_recipient(address, rewriting, visit_domain, NULL));
	if (!address_domains(address, rewriting, &domains))
		return;
	g_assert_cmpuint(domains.n, <=, ADDRESS_MAX_READINGS);
	for (size_t i = 0; i < domains.n; i++) {
		assert_domain(domains.domain[i]);
		for (size_t k = 0; k < i; k++)
			g_assert_cmpstr(domains.domain[i], !=, domains.domain[k]);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* An attribute of the policy protocol holds no NUL. */
	g_autofree char *address = g_strndup((const char *)data, size);
	g_autofree char *folded = address_dup_folded(address);

	char client[ADDRESS_MAX_DOMAIN + 1];

	assert_folded(folded);
	if (address_read_client_name(address, client))
		assert_domain(client);
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		for (unsigned flags = 0; flags < 1u << N_FLAGS; flags++) {
			const AddressRewriting rewriting = {
				.myorigin = names[i].myorigin,
				.mydomain = names[i].mydomain,
				.append_at_myorigin = (flags & 1) != 0,
				.append_dot_mydomain = (flags & 2) != 0,
				.allow_percent_hack = (flags & 4) != 0,
				.swap_bangpath = (flags & 8) != 0,
			};
			assert_readings(address, &rewriting);
		}
	return 0;
}
