/* SPDX-License-Identifier: Apache-2.0 */
/* nexthop: a destination as smtp_tls_policy_maps is asked for it: a domain, all below one, or a
 * next-hop as Postfix spells it. Pure. */
#pragma once

#include "idn.h"

#include <glib.h>
#include <stddef.h>

/* Normalise text, in a buffer of size bytes (at least 1024): lower case, ASCII form. Accepted are
 * "example.com", ".example.com", "host:port", "[host]", "[host]:port", "[192.0.2.1]",
 * "[ipv6:2001:db8::1]" and "[2001:db8::1]", the last three with a port too. NULL, or why it is none
 * of them: static text that completes "it ...". */
const char *nexthop_normalise(char *text, size_t size) G_GNUC_WARN_UNUSED_RESULT;

/* Whether nexthop, which nexthop_normalise() has made, is an address in brackets: it has no name
 * that a certificate or DNS could prove. */
gboolean nexthop_is_address(const char *nexthop);

/* Visit every key under which Postfix may look for nexthop, which nexthop_normalise() has made. */
void nexthop_visit_forms(const char *nexthop, IdnVisit visit, void *data);

/* The host of a next-hop as Postfix spells it, without brackets and port; the caller frees it. */
char *nexthop_dup_host(const char *nexthop);

/* Its port; borrowed, NULL: none is said. */
const char *nexthop_port(const char *nexthop);
