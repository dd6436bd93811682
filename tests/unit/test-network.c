/* SPDX-License-Identifier: Apache-2.0 */
/* test-network: the rules of address ranges, a row each. */
#include "network.h"

#include "rows.h"

#include <glib.h>
#include <string.h>

/* "4 24 c0000200": family, prefix, the bytes in hexadecimal. */
static char *
dup_description(const Network *network)
{
	const size_t n = network->family == NETWORK_IPV4 ? 4 : 16;
	GString *text = g_string_new(NULL);

	g_string_printf(text, "%c %u ", network->family == NETWORK_IPV4 ? '4' : '6',
			network->prefix);
	for (size_t i = 0; i < n; i++)
		g_string_append_printf(text, "%02x", network->bytes[i]);
	for (size_t i = n; i < sizeof network->bytes; i++)
		g_assert_cmpuint(network->bytes[i], ==, 0);
	return g_string_free(text, FALSE);
}

typedef struct {
	const char *name;
	const char *text;
	const char *description; /* NULL where it is refused */
	const char *reason;
} Row;

#define NOT_AN_ADDRESS "is not an IPv4 or IPv6 address"
#define IPV4_LENGTH "has a prefix length other than 0 to 32, those of IPv4"
#define IPV6_LENGTH "has a prefix length other than 0 to 128, those of IPv6"
#define HOST_BITS "has bits set behind the prefix length"

static const Row networks[] = {
	{ "ipv4-network", "192.0.2.0/24", "4 24 c0000200", NULL },
	{ "ipv4-single-address-has-full-prefix", "192.0.2.1", "4 32 c0000201", NULL },
	{ "ipv4-everything", "0.0.0.0/0", "4 0 00000000", NULL },
	{ "ipv4-odd-prefix", "192.0.2.128/25", "4 25 c0000280", NULL },
	{ "ipv4-full-prefix", "192.0.2.1/32", "4 32 c0000201", NULL },
	{ "ipv6-network", "2001:db8::/32", "6 32 20010db8000000000000000000000000", NULL },
	{ "ipv6-single-address-has-full-prefix", "::1", "6 128 00000000000000000000000000000001",
	  NULL },
	{ "ipv6-everything", "::/0", "6 0 00000000000000000000000000000000", NULL },
	{ "ipv6-upper-case", "2001:DB8::F/128", "6 128 20010db800000000000000000000000f", NULL },
	{ "mapped-address-becomes-ipv4", "::ffff:192.0.2.1", "4 32 c0000201", NULL },
	{ "mapped-network-becomes-ipv4", "::ffff:192.0.2.0/120", "4 24 c0000200", NULL },
	{ "mapped-everything-becomes-ipv4", "::ffff:0:0/96", "4 0 00000000", NULL },
	{ "wider-than-mapped-stays-ipv6", "::/95", "6 95 00000000000000000000000000000000", NULL },
	{ "empty-is-refused", "", NULL, NOT_AN_ADDRESS },
	{ "name-is-refused", "mx.example", NULL, NOT_AN_ADDRESS },
	{ "short-ipv4-is-refused", "192.0.2/24", NULL, NOT_AN_ADDRESS },
	{ "leading-zero-is-refused", "192.0.2.010", NULL, NOT_AN_ADDRESS },
	{ "blank-is-refused", " 192.0.2.1", NULL, NOT_AN_ADDRESS },
	{ "trailing-blank-is-refused", "192.0.2.1 ", NULL, NOT_AN_ADDRESS },
	{ "brackets-are-refused", "[::1]", NULL, NOT_AN_ADDRESS },
	{ "zone-is-refused-in-a-network", "fe80::1%eth0", NULL, NOT_AN_ADDRESS },
	{ "overlong-text-is-refused", "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
	  NULL, NOT_AN_ADDRESS },
	{ "only-a-prefix-is-refused", "/24", NULL, NOT_AN_ADDRESS },
	{ "ipv4-prefix-33-is-refused", "192.0.2.0/33", NULL, IPV4_LENGTH },
	{ "ipv6-prefix-129-is-refused", "::/129", NULL, IPV6_LENGTH },
	{ "huge-prefix-is-refused", "0.0.0.0/4294967296", NULL, IPV4_LENGTH },
	{ "empty-prefix-is-refused", "192.0.2.0/", NULL, IPV4_LENGTH },
	{ "signed-prefix-is-refused", "192.0.2.0/+24", NULL, IPV4_LENGTH },
	{ "prefix-with-leading-zero-is-refused", "192.0.2.0/024", NULL, IPV4_LENGTH },
	{ "netmask-is-refused", "192.0.2.0/255.255.255.0", NULL, IPV4_LENGTH },
	{ "two-slashes-are-refused", "192.0.2.0/24/24", NULL, IPV4_LENGTH },
	{ "ipv4-host-bits-are-refused", "192.0.2.1/24", NULL, HOST_BITS },
	{ "ipv6-host-bits-are-refused", "2001:db8::1/64", NULL, HOST_BITS },
	{ "mapped-host-bits-are-refused", "::ffff:192.0.2.1/120", NULL, HOST_BITS },
};

static void
test_network(const void *data)
{
	const Row *row = data;
	const char *reason = NULL;
	Network network;

	if (row->description == NULL) {
		g_assert_false(network_parse(row->text, &network, &reason));
		g_assert_cmpstr(reason, ==, row->reason);
		return;
	}
	g_assert_true(network_parse(row->text, &network, &reason));
	g_autofree char *description = dup_description(&network);
	g_assert_cmpstr(description, ==, row->description);
}

static const Row addresses[] = {
	{ "ipv4-client", "192.0.2.1", "4 32 c0000201", NULL },
	{ "ipv6-client", "2001:db8::1", "6 128 20010db8000000000000000000000001", NULL },
	{ "mapped-client-is-ipv4", "::ffff:192.0.2.1", "4 32 c0000201", NULL },
	{ "zone-is-dropped", "fe80::1%eth0", "6 128 fe800000000000000000000000000001", NULL },
	{ "unknown-client-has-no-address", "unknown", NULL, NULL },
	{ "empty-client-has-no-address", "", NULL, NULL },
	{ "client-is-no-network", "192.0.2.0/24", NULL, NULL },
	{ "client-has-no-brackets", "[192.0.2.1]", NULL, NULL },
	{ "client-has-no-ipv6-prefix", "IPv6:2001:db8::1", NULL, NULL },
	{ "ipv4-client-has-no-zone", "192.0.2.1%eth0", NULL, NULL },
	{ "zone-without-name-is-no-address", "fe80::1%", NULL, NULL },
};

static void
test_address(const void *data)
{
	const Row *row = data;
	Network address;

	if (row->description == NULL) {
		g_assert_false(network_parse_address(row->text, &address));
		return;
	}
	g_assert_true(network_parse_address(row->text, &address));
	g_autofree char *description = dup_description(&address);
	g_assert_cmpstr(description, ==, row->description);
}

typedef struct {
	const char *name;
	const char *address;
	uint8_t prefix;
	const char *description;
} Cut;

static const Cut cuts[] = {
	{ "cut-to-nothing", "255.255.255.255", 0, "4 0 00000000" },
	{ "cut-within-a-byte", "255.255.255.255", 13, "4 13 fff80000" },
	{ "cut-at-a-byte", "255.255.255.255", 16, "4 16 ffff0000" },
	{ "cut-nothing-off", "255.255.255.255", 32, "4 32 ffffffff" },
	{ "cut-ipv6-within-a-byte", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 127,
	  "6 127 fffffffffffffffffffffffffffffffe" },
};

static void
test_cut(const void *data)
{
	const Cut *cut = data;
	Network network;

	g_assert_true(network_parse_address(cut->address, &network));
	network_cut(&network, cut->prefix);
	g_autofree char *description = dup_description(&network);
	g_assert_cmpstr(description, ==, cut->description);
}

typedef struct {
	const char *name;
	const char *range;
	const char *address;
	gboolean is_held;
} Holding;

static const Holding holdings[] = {
	{ "range-holds-its-first-address", "192.0.2.0/24", "192.0.2.0", TRUE },
	{ "range-holds-its-last-address", "192.0.2.0/24", "192.0.2.255", TRUE },
	{ "address-beside-range", "192.0.2.0/24", "192.0.3.0", FALSE },
	{ "range-that-ends-within-a-byte", "192.0.2.128/25", "192.0.2.127", FALSE },
	{ "single-address-holds-itself", "192.0.2.1", "192.0.2.1", TRUE },
	{ "single-address-holds-no-other", "192.0.2.1", "192.0.2.2", FALSE },
	{ "all-of-ipv4", "0.0.0.0/0", "255.255.255.255", TRUE },
	{ "all-of-ipv4-holds-no-ipv6", "0.0.0.0/0", "::1", FALSE },
	{ "all-of-ipv6-holds-no-ipv4", "::/0", "192.0.2.1", FALSE },
	{ "mapped-range-holds-ipv4", "::ffff:192.0.2.0/120", "192.0.2.9", TRUE },
	{ "ipv6-range-holds-ipv6", "2001:db8::/33", "2001:db8:7fff::1", TRUE },
	{ "address-beside-ipv6-range", "2001:db8::/33", "2001:db8:8000::1", FALSE },
};

static void
test_holding(const void *data)
{
	const Holding *holding = data;
	const char *reason;
	Network range, address;

	g_assert_true(network_parse(holding->range, &range, &reason));
	g_assert_true(network_parse_address(holding->address, &address));
	g_assert_cmpint(network_holds(&range, &address), ==, holding->is_held);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ROWS_ADD("network", networks, test_network);
	ROWS_ADD("address", addresses, test_address);
	ROWS_ADD("cut", cuts, test_cut);
	ROWS_ADD("holds", holdings, test_holding);
	return g_test_run();
}
