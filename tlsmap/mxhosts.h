/* SPDX-License-Identifier: Apache-2.0 */
/* mxhosts: the mail exchangers that DNS names for a domain. */
#pragma once

#include <glib.h>

typedef enum {
	MXHOSTS_FOUND,
	MXHOSTS_NONE,   /* no MX record, or no such domain: the domain itself is its host */
	MXHOSTS_NULL,   /* "MX 0 .": the domain takes no mail (RFC 7505) */
	MXHOSTS_FAILED, /* no answer now */
	MXHOSTS_BROKEN  /* an answer that Postfix returns mail for */
} MxHostsAnswer;

typedef struct {
	char *name;
	guint preference;
} MxHost;

typedef struct {
	MxHostsAnswer answer;
	gboolean is_secure; /* the resolver vouches for it (DNSSEC) */
	GArray *hosts;      /* of MxHost, the best first; empty unless found */
} MxHosts;

/* Ask for the exchangers of domain, in ASCII form. It may take as long as the resolver of this
 * machine waits. Threads may call it side by side. */
void mxhosts_look_up(const char *domain, MxHosts *hosts);

void mxhosts_clear(MxHosts *hosts);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MxHosts, mxhosts_clear)
