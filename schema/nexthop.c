/* SPDX-License-Identifier: Apache-2.0 */
/* nexthop: a destination as smtp_tls_policy_maps is asked for it: a domain, all below one, or a
 * next-hop as Postfix spells it. Pure.
 *
 * smtp(8) looks a next-hop up as it is spelled in the transport table or in relayhost, brackets and
 * port included; "[host]:587" and "[host]" are different keys (src/smtp/smtp_tls_policy.c,
 * tls_policy_lookup(), 3.7). So nothing here is made equal but the case, and both forms of an
 * internationalised name. */
#include "nexthop.h"

#include "hostname.h"

#include <arpa/inet.h>
#include <string.h>

#define IPV6_PREFIX "ipv6:"

/* The parts of a next-hop, as offsets into its text. */
typedef struct {
	size_t host;
	size_t host_length;
	gboolean has_brackets;
	const char *port; /* NULL: none */
} Parts;

static const char *
split(const char *text, Parts *parts)
{
	const char *end;

	*parts = (Parts){ .has_brackets = text[0] == '[' };
	if (parts->has_brackets) {
		end = strchr(text, ']');
		if (end == NULL)
			return "has no closing bracket";
		if (end[1] != '\0' && end[1] != ':')
			return "has something other than a port behind the bracket";
		parts->host = 1;
		parts->port = end[1] == ':' ? end + 2 : NULL;
	} else {
		end = strchrnul(text, ':');
		parts->port = *end == ':' ? end + 1 : NULL;
	}
	parts->host_length = (size_t)(end - text) - parts->host;
	return NULL;
}

/* A number, or the name of a service (services(5)), which Postfix takes as well. */
static const char *
check_port(const char *port)
{
	size_t digits = strspn(port, "0123456789");

	if (port[digits] == '\0')
		return digits > 0 && digits <= 5 && port[0] != '0' &&
				       g_ascii_strtoull(port, NULL, 10) <= 65535
			       ? NULL
			       : "has a port other than 1 to 65535";
	if (!g_ascii_isalpha(port[0]) || strlen(port) > 32 ||
	    port[strspn(port, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0')
		return "has a port that is neither a number nor the name of a service";
	return NULL;
}

static gboolean
is_address(const char *host)
{
	unsigned char bytes[16];

	if (g_str_has_prefix(host, IPV6_PREFIX))
		return inet_pton(AF_INET6, host + strlen(IPV6_PREFIX), bytes) == 1;
	return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static const char *
normalise_domain(char *domain, size_t size)
{
	const char *reason = idn_to_ascii(domain, size);

	return reason != NULL ? reason : idn_check_key(domain);
}

static const char *
normalise_host(char *host, size_t size, const Parts *parts)
{
	if (parts->has_brackets && is_address(host))
		return NULL;
	if (parts->has_brackets && strchr(host, ':') != NULL)
		return "has brackets around what is no IPv6 address";
	if (host[0] == '.' && (parts->has_brackets || parts->port != NULL))
		return "has a leading dot, which stands for all below a domain, beside brackets or "
		       "a port";
	return normalise_domain(host, size);
}

const char *
nexthop_normalise(char *text, size_t size)
{
	Parts parts;

	if (strchr(text, '@') != NULL)
		return "is an address; only domains and next-hops can be named";
	if (text[0] != '\0' && text[1] != '\0' && g_str_has_suffix(text, "."))
		return "ends with a dot; write it without";
	if (text[strcspn(text, "[]:")] == '\0')
		return normalise_domain(text, size);
	hostname_fold(text);
	const char *reason = split(text, &parts);
	if (reason == NULL && parts.port != NULL)
		reason = check_port(parts.port);
	if (reason != NULL)
		return reason;

	g_autofree char *host = g_malloc(size);
	g_autofree char *port = g_strdup(parts.port);
	if (parts.host_length >= size)
		return "is longer than 255 characters";
	memcpy(host, text + parts.host, parts.host_length);
	host[parts.host_length] = '\0';
	reason = normalise_host(host, size, &parts);
	if (reason == NULL)
		g_snprintf(text, size, "%s%s%s%s%s", parts.has_brackets ? "[" : "", host,
			   parts.has_brackets ? "]" : "", port != NULL ? ":" : "",
			   port != NULL ? port : "");
	return reason;
}

gboolean
nexthop_is_address(const char *nexthop)
{
	Parts parts;

	if (nexthop[0] != '[' || split(nexthop, &parts) != NULL)
		return FALSE;
	g_autofree char *host = g_strndup(nexthop + parts.host, parts.host_length);
	return is_address(host);
}

typedef struct {
	const Parts *parts;
	IdnVisit visit;
	void *data;
} Wrapping;

static void
visit_wrapped(const char *host, void *data)
{
	const Wrapping *wrapping = data;
	const Parts *parts = wrapping->parts;
	g_autofree char *key =
		g_strconcat(parts->has_brackets ? "[" : "", host, parts->has_brackets ? "]" : "",
			    parts->port != NULL ? ":" : "", parts->port, NULL);

	wrapping->visit(key, wrapping->data);
}

void
nexthop_visit_forms(const char *nexthop, IdnVisit visit, void *data)
{
	Parts parts;

	/* The way of nearly all. */
	if (strstr(nexthop, "xn--") == NULL) {
		visit(nexthop, data);
		return;
	}
	if (split(nexthop, &parts) != NULL)
		g_return_if_reached();
	g_autofree char *host = g_strndup(nexthop + parts.host, parts.host_length);
	Wrapping wrapping = { &parts, visit, data };
	idn_visit_forms(host, visit_wrapped, &wrapping);
}

char *
nexthop_dup_host(const char *nexthop)
{
	Parts parts;

	if (split(nexthop, &parts) != NULL)
		return g_strdup(nexthop);
	return g_strndup(nexthop + parts.host, parts.host_length);
}

const char *
nexthop_port(const char *nexthop)
{
	Parts parts;

	return split(nexthop, &parts) == NULL ? parts.port : NULL;
}
