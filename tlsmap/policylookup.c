/* SPDX-License-Identifier: Apache-2.0 */
/* policylookup: how smtp(8) finds the policy of a next-hop in smtp_tls_policy_maps.
 *
 * A next-hop that is a domain name is asked for by that name, then by each parent with a leading
 * dot; any other just once, as it is spelled (src/smtp/smtp_tls_policy.c, tls_policy_lookup(), and
 * src/util/valid_hostname.c, 3.7). */
#include "policylookup.h"

#include <string.h>

static gboolean
is_domain(const char *next_hop)
{
	return next_hop[strcspn(next_hop, "[]:/")] == '\0' &&
	       next_hop[strspn(next_hop, "0123456789.")] != '\0';
}

const char *
policylookup_next_key(const char *key)
{
	/* What follows a dot of a domain name is one, be it numeric. */
	return key[0] == '.' || is_domain(key) ? strchr(key + 1, '.') : NULL;
}

gboolean
policylookup_find(MapSet *tables, const char *next_hop, const char **key, MapSetAnswer *answer,
		  GError **error)
{
	*answer = (MapSetAnswer){ 0 };
	for (*key = next_hop; *key != NULL; *key = policylookup_next_key(*key)) {
		if (!mapset_find(tables, *key, MAPSET_WHOLE, answer, error))
			return FALSE;
		if (answer->value != NULL)
			return TRUE;
	}
	return TRUE;
}
