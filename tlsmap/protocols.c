/* SPDX-License-Identifier: Apache-2.0 */
/* protocols: a floor for the TLS protocol, in the words of each Postfix version. Pure.
 *
 * From 3.6 on Postfix takes ">=TLSv1.2"; before, only what is excluded can be said (postconf(5)
 * smtp_tls_mandatory_protocols). SSLv2 and SSLv3 come first in the list of exclusions: without them
 * it would leave a gap, which Postfix refuses to have. */
#include "protocols.h"

#include <string.h>

static const char *const always_excluded[] = { "!SSLv2", "!SSLv3" };

char *
protocols_dup_floor(TlsProtocol floor, PostfixVersion version, const char *separator)
{
	if (version_is_at_least(version, 3, 6))
		return g_strconcat(">=", names_word(&names_tls_protocol, floor), NULL);

	GString *list = g_string_new(NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(always_excluded); i++)
		g_string_append_printf(list, "%s%s", i == 0 ? "" : separator, always_excluded[i]);
	for (int older = 0; older < (int)floor; older++)
		g_string_append_printf(list, "%s!%s", separator,
				       names_word(&names_tls_protocol, older));
	return g_string_free(list, FALSE);
}

/* Bits of ProtocolSet, oldest first: what comes before TLSv1, then names_tls_protocol. */
#define N_KNOWN (N_TLS_PROTOCOLS + 1)
#define ALL ((1u << N_KNOWN) - 1)

/* The bit number of a protocol; -1: it is none. Postfix takes the names in any case, and nobody has
 * SSLv2 any more (src/tls/tls_misc.c, tls_proto_mask_lims(), 3.7). */
static int
protocol_number(const char *name)
{
	if (g_ascii_strcasecmp(name, "SSLv3") == 0)
		return 0;
	for (int code = 0; code < N_TLS_PROTOCOLS; code++)
		if (g_ascii_strcasecmp(name, names_word(&names_tls_protocol, code)) == 0)
			return code + 1;
	return -1;
}

typedef struct {
	unsigned refused;
	unsigned included; /* 0: nothing is said of what is taken */
} Reading;

static gboolean
read_item(const char *item, Reading *reading)
{
	gboolean is_bound = item[0] == '>' || item[0] == '<';
	const char *name = is_bound ? item + 2 : item[0] == '!' ? item + 1 : item;
	int number = protocol_number(name);

	if (is_bound && item[1] != '=')
		return FALSE;
	if (item[0] == '!' && g_ascii_strcasecmp(name, "SSLv2") == 0)
		return TRUE;
	if (number < 0)
		return FALSE;
	if (item[0] == '>')
		reading->refused |= (1u << number) - 1;
	else if (item[0] == '<')
		reading->refused |= ALL & ~((2u << number) - 1);
	else if (item[0] == '!')
		reading->refused |= 1u << number;
	else
		reading->included |= 1u << number;
	return TRUE;
}

static gboolean
read_set(const char *value, unsigned *taken)
{
	g_auto(GStrv) items = g_strsplit_set(value, " ,:\t\r\n", -1);
	Reading reading = { 0, 0 };

	for (size_t i = 0; items[i] != NULL; i++)
		if (*items[i] != '\0' && !read_item(items[i], &reading))
			return FALSE;
	*taken = (reading.included != 0 ? reading.included : ALL) & ~reading.refused;
	return TRUE;
}

gboolean
protocols_read_floor(const char *value, int *floor)
{
	unsigned taken;

	*floor = TLS_PROTOCOL_1_0;
	if (value == NULL)
		return TRUE;
	if (!read_set(value, &taken))
		return FALSE;
	for (int number = 0; number < N_KNOWN; number++)
		if (taken == (ALL & ~((1u << number) - 1))) {
			*floor = number - 1;
			return TRUE;
		}
	return FALSE;
}

gboolean
protocols_takes_below(const char *value, TlsProtocol floor)
{
	unsigned taken;

	return read_set(value, &taken) && (taken & ((2u << floor) - 1)) != 0;
}
