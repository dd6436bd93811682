/* SPDX-License-Identifier: Apache-2.0 */
/* network: an IPv4 or IPv6 address range in CIDR form, and addresses tested against it.
 *
 * Text goes in, a family, a prefix length and bytes come out. Nothing but what inet_pton(3) takes
 * is an address: no host names, no "192.0.2" for a network, no leading zeros. An IPv4 client of an
 * IPv6 socket counts as IPv4, as Postfix names it (src/smtpd/smtpd_peer.c, 3.7: a V4-mapped address
 * is rewritten, unless inet_protocols leaves out ipv4). */
#include "network.h"

#include <arpa/inet.h>
#include <string.h>

static const uint8_t family_bits[] = {
	[NETWORK_IPV4] = NETWORK_IPV4_BITS,
	[NETWORK_IPV6] = NETWORK_IPV6_BITS,
};
G_STATIC_ASSERT(G_N_ELEMENTS(family_bits) == N_NETWORK_FAMILIES);

static const uint8_t mapped_start[12] = { [10] = 0xff, [11] = 0xff };
#define MAPPED_BITS 96

/* The bytes of the address that is the whole of text[0..length), with a full prefix. */
static gboolean
parse_bytes(const char *text, size_t length, Network *network)
{
	char copy[INET6_ADDRSTRLEN];

	if (length == 0 || length >= sizeof copy || memchr(text, '\0', length) != NULL)
		return FALSE;
	memcpy(copy, text, length);
	copy[length] = '\0';

	*network = (Network){ 0 };
	network->family = strchr(copy, ':') != NULL ? NETWORK_IPV6 : NETWORK_IPV4;
	network->prefix = family_bits[network->family];
	return inet_pton(network->family == NETWORK_IPV6 ? AF_INET6 : AF_INET, copy,
			 network->bytes) == 1;
}

/* Decimal digits without sign, blank or leading zero, at most max. */
static gboolean
parse_prefix(const char *text, uint8_t max, uint8_t *prefix)
{
	unsigned value = 0;

	if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
		return FALSE;
	for (; *text != '\0'; text++) {
		if (!g_ascii_isdigit(*text))
			return FALSE;
		value = value * 10 + (unsigned)(*text - '0');
		if (value > max)
			return FALSE;
	}
	*prefix = (uint8_t)value;
	return TRUE;
}

/* Make an IPv4-mapped IPv6 range the IPv4 range that it means. One with a shorter prefix holds more
 * than IPv4 addresses; it stays IPv6 and no IPv4 client is in it. */
static void
unmap(Network *network)
{
	if (network->family != NETWORK_IPV6 || network->prefix < MAPPED_BITS ||
	    memcmp(network->bytes, mapped_start, sizeof mapped_start) != 0)
		return;
	network->family = NETWORK_IPV4;
	network->prefix = (uint8_t)(network->prefix - MAPPED_BITS);
	memmove(network->bytes, network->bytes + sizeof mapped_start, 4);
	memset(network->bytes + 4, 0, sizeof network->bytes - 4);
}

gboolean
network_parse(const char *text, Network *network, const char **reason)
{
	const char *slash = strchr(text, '/');
	const size_t length = slash != NULL ? (size_t)(slash - text) : strlen(text);

	if (!parse_bytes(text, length, network)) {
		*reason = "is not an IPv4 or IPv6 address";
		return FALSE;
	}
	if (slash != NULL && !parse_prefix(slash + 1, network->prefix, &network->prefix)) {
		*reason = network->family == NETWORK_IPV4
				  ? "has a prefix length other than 0 to 32, those of IPv4"
				  : "has a prefix length other than 0 to 128, those of IPv6";
		return FALSE;
	}
	Network cut = *network;
	network_cut(&cut, network->prefix);
	if (memcmp(cut.bytes, network->bytes, sizeof cut.bytes) != 0) {
		*reason = "has bits set behind the prefix length";
		return FALSE;
	}
	unmap(network);
	return TRUE;
}

gboolean
network_parse_address(const char *text, Network *address)
{
	const char *zone = strchr(text, '%');
	const size_t length = zone != NULL ? (size_t)(zone - text) : strlen(text);

	/* Only a link-local IPv6 address has a zone. */
	if (!parse_bytes(text, length, address) ||
	    (zone != NULL && (address->family != NETWORK_IPV6 || zone[1] == '\0')))
		return FALSE;
	unmap(address);
	return TRUE;
}

void
network_cut(Network *network, uint8_t prefix)
{
	g_return_if_fail(prefix <= family_bits[network->family]);

	network->prefix = prefix;
	for (size_t i = 0; i < sizeof network->bytes; i++) {
		const size_t bits_before = i * 8;

		if (bits_before >= prefix)
			network->bytes[i] = 0;
		else if (prefix - bits_before < 8)
			network->bytes[i] &= (uint8_t)(0xff << (8 - (prefix - bits_before)));
	}
}

gboolean
network_holds(const Network *range, const Network *address)
{
	Network cut = *address;

	if (range->family != address->family || range->prefix > address->prefix)
		return FALSE;
	network_cut(&cut, range->prefix);
	return memcmp(cut.bytes, range->bytes, sizeof cut.bytes) == 0;
}
