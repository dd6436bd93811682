/* SPDX-License-Identifier: Apache-2.0 */
/* network: an IPv4 or IPv6 address range in CIDR form, and addresses tested against it. Pure. */
#pragma once

#include <glib.h>
#include <stdint.h>

#define NETWORK_IPV4_BITS 32
#define NETWORK_IPV6_BITS 128

typedef enum { NETWORK_IPV4, NETWORK_IPV6, N_NETWORK_FAMILIES } NetworkFamily;

/* An address range; a single address has the full prefix. Bytes behind the prefix are zero. */
typedef struct {
	NetworkFamily family;
	uint8_t prefix;    /* bits: 0–32 or 0–128 */
	uint8_t bytes[16]; /* network order; IPv4 uses the first four */
} Network;

/* Parse "192.0.2.0/24", "2001:db8::/32" or a single address. An IPv4-mapped IPv6 range
 * (::ffff:a.b.c.d, prefix 96–128) becomes the IPv4 range that it means. FALSE with *reason
 * (static text that completes "it ...") for anything else, host bits behind the prefix included.
 */
gboolean network_parse(const char *text, Network *network, const char **reason)
	G_GNUC_WARN_UNUSED_RESULT;

/* Parse a client_address as Postfix sends it: no brackets, no prefix, IPv4-mapped forms become
 * IPv4, a zone ("%eth0") is dropped. FALSE where it is no address ("unknown", empty). */
gboolean network_parse_address(const char *text, Network *address) G_GNUC_WARN_UNUSED_RESULT;

/* Whether address, which has a full prefix, is in range. */
gboolean network_holds(const Network *range, const Network *address);

/* Cut an address to its first prefix bits, in place; prefix is at most the family's length. */
void network_cut(Network *network, uint8_t prefix);
