/* SPDX-License-Identifier: Apache-2.0 */
/* address: the domain of an envelope address as Postfix's rewriting makes it. Pure. */
#pragma once

#include <glib.h>
#include <stddef.h>

/* The parameters of the asking Postfix that decide what a bare or old-style address means
 * (trivial-rewrite(8), ADDRESS_REWRITING_README, 3.7). Strings are owned by the holder; NULL is
 * empty. */
typedef struct {
	const char *myorigin;         /* user            -> user@myorigin */
	const char *mydomain;         /* user@host       -> user@host.mydomain */
	gboolean append_at_myorigin;  /* default yes */
	gboolean append_dot_mydomain; /* default: no when compatibility_level >= 1 */
	gboolean allow_percent_hack;  /* user%domain     -> user@domain */
	gboolean swap_bangpath;       /* domain!user     -> user@domain */
} AddressRewriting;

/* The most readings that one address can have: three forms (bang, percent, bare), each with and
 * without mydomain. */
#define ADDRESS_MAX_READINGS 6
/* No longer domain gets past smtpd: its ASCII form has at most 255 characters
 * (src/util/valid_hostname.h, VALID_HOSTNAME_LEN, 3.7), each of which stands for at most one of 4
 * bytes. */
#define ADDRESS_MAX_DOMAIN 1020

typedef struct {
	size_t n;
	char domain[ADDRESS_MAX_READINGS][ADDRESS_MAX_DOMAIN + 1]; /* lower case, no trailing dot */
} AddressDomains;

/* The domains that address, an envelope address as the policy protocol carries it (no quotes, no
 * source route), may have for Postfix and the hosts behind it. A plain user@domain has one reading;
 * an ambiguous form yields every reading: rules only make things stricter, so that testing one
 * domain too many is safe and one too few is not. n is 0 where there is no domain at all: the null
 * sender, a lone "@", a bare name that gets no origin. FALSE where a domain is longer than Postfix
 * lets one be, or is nothing: that address did not come from Postfix, and the caller treats it as
 * trouble, not as "no rule". */
gboolean address_domains(const char *address, const AddressRewriting *rewriting,
			 AddressDomains *domains) G_GNUC_WARN_UNUSED_RESULT;

/* Called for one domain; FALSE ends the visit. */
typedef gboolean (*AddressVisit)(const char *domain, void *data);

/* Visit each domain to which a recipient's address may lead, perhaps more than once. Beside the
 * readings of address_domains(): where the local part holds an operator, this Postfix unwraps it
 * when the domain is its own, and a host behind it may do the same; so each domain that any order
 * of unwrapping could come to is visited. An address without a domain is at myorigin; the empty
 * text names no recipient. A domain longer than Postfix lets one be is skipped: mail goes nowhere
 * by it. FALSE where visit said so. */
gboolean address_visit_recipient(const char *address, const AddressRewriting *rewriting,
				 AddressVisit visit, void *data);

/* A client's name as Postfix sends it, in the same form as a domain. FALSE, and folded is empty,
 * where there is none ("unknown", empty) or it is longer than a name can be. */
gboolean address_read_client_name(const char *name, char folded[ADDRESS_MAX_DOMAIN + 1]);

/* A domain of a rule in the form in which the above yield that of an address: what spells one name
 * is one text. The caller frees it. */
char *address_dup_folded(const char *domain);
