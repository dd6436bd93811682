/* SPDX-License-Identifier: Apache-2.0 */
/* mxhosts: the mail exchangers that DNS names for a domain.
 *
 * posttls-finger(1) goes to the first of them that answers and says nothing of the others; smtp(8)
 * goes on to the next, and for "dane" wants to know whether DNSSEC vouches for the records. So they
 * are asked for as smtp(8) does it (src/dns/dns_lookup.c and src/smtp/smtp_addr.c, 3.7). */
#include "mxhosts.h"

#include "hostname.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <string.h>

#define MAX_ANSWER 65536

static void
clear_host(void *data)
{
	MxHost *host = data;

	g_free(host->name);
}

void
mxhosts_clear(MxHosts *hosts)
{
	g_clear_pointer(&hosts->hosts, g_array_unref);
}

static int
compare_hosts(const void *one, const void *other)
{
	const MxHost *a = one, *b = other;

	if (a->preference != b->preference)
		return a->preference < b->preference ? -1 : 1;
	return strcmp(a->name, b->name);
}

/* A name that is none is left out (src/dns/dns_lookup.c, valid_rr_name()). */
static void
add_host(const ns_msg *message, const ns_rr *record, MxHosts *hosts)
{
	char name[NS_MAXDNAME];

	if (ns_rr_type(*record) != ns_t_mx || ns_rr_rdlen(*record) < 3 ||
	    ns_name_uncompress(ns_msg_base(*message), ns_msg_end(*message),
			       ns_rr_rdata(*record) + 2, name, sizeof name) < 0)
		return;
	if (*name == '\0' || strcmp(name, ".") == 0) {
		hosts->answer = MXHOSTS_NULL;
	} else if (hostname_check(name) == NULL) {
		const MxHost host = { g_ascii_strdown(name, -1), ns_get16(ns_rr_rdata(*record)) };
		g_array_append_val(hosts->hosts, host);
	} else {
		hosts->answer = MXHOSTS_BROKEN;
	}
}

static void
read_answer(const unsigned char *answer, int size, MxHosts *hosts)
{
	ns_msg message;
	ns_rr record;

	hosts->answer = MXHOSTS_BROKEN;
	if (ns_initparse(answer, size, &message) != 0)
		return;
	hosts->answer = MXHOSTS_NONE;
	hosts->is_secure = ns_msg_getflag(message, ns_f_ad) != 0;
	for (int i = 0; i < ns_msg_count(message, ns_s_an); i++)
		if (ns_parserr(&message, ns_s_an, i, &record) == 0)
			add_host(&message, &record, hosts);
	if (hosts->hosts->len > 0)
		hosts->answer = MXHOSTS_FOUND;
	g_array_sort(hosts->hosts, compare_hosts);
}

static MxHostsAnswer
answer_of_error(int error)
{
	switch (error) {
	case HOST_NOT_FOUND:
	case NO_DATA:
		return MXHOSTS_NONE;
	case NO_RECOVERY:
		return MXHOSTS_BROKEN;
	default:
		return MXHOSTS_FAILED;
	}
}

void
mxhosts_look_up(const char *domain, MxHosts *hosts)
{
	g_autofree struct __res_state *state = g_new0(struct __res_state, 1);
	g_autofree unsigned char *answer = g_malloc(MAX_ANSWER);

	*hosts = (MxHosts){ .answer = MXHOSTS_FAILED,
			    .hosts = g_array_new(FALSE, FALSE, sizeof(MxHost)) };
	g_array_set_clear_func(hosts->hosts, clear_host);
	if (res_ninit(state) != 0)
		return;
	state->options |= RES_USE_EDNS0 | RES_USE_DNSSEC;
#ifdef RES_TRUSTAD
	/* Else this C library does not tell what the resolver vouches for. */
	state->options |= RES_TRUSTAD;
#endif
	int size = res_nquery(state, domain, ns_c_in, ns_t_mx, answer, MAX_ANSWER);
	if (size >= 0)
		read_answer(answer, MIN(size, MAX_ANSWER), hosts);
	else
		hosts->answer = answer_of_error(state->res_h_errno);
	res_nclose(state);
}
