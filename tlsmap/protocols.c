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

/* One item of a value raises the floor, or is nothing that this reads. */
static gboolean
raise_floor(const char *item, int *floor)
{
	int code;

	if (g_str_has_prefix(item, ">=")) {
		code = names_code(&names_tls_protocol, item + 2);
		*floor = MAX(*floor, code);
		return code >= 0;
	}
	if (strcmp(item, always_excluded[0]) == 0 || strcmp(item, always_excluded[1]) == 0)
		return TRUE;
	code = item[0] == '!' ? names_code(&names_tls_protocol, item + 1) : -1;
	*floor = MAX(*floor, code + 1);
	return code >= 0 && code < N_TLS_PROTOCOLS - 1;
}

gboolean
protocols_read_floor(const char *value, int *floor)
{
	g_auto(GStrv) items = g_strsplit_set(value != NULL ? value : "", " ,:\t", -1);

	*floor = 0;
	for (size_t i = 0; items[i] != NULL; i++)
		if (*items[i] != '\0' && !raise_floor(items[i], floor))
			return FALSE;
	return TRUE;
}
