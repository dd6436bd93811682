/* SPDX-License-Identifier: Apache-2.0 */
/* policylookup: how smtp(8) finds the policy of a next-hop in smtp_tls_policy_maps. */
#pragma once

#include "mapset.h"

#include <glib.h>

/* The key that is asked for after key, which is the next-hop itself or was returned by this; NULL:
 * there is none, and the global level holds. Borrowed from key. */
const char *policylookup_next_key(const char *key);

/* Ask the tables of the live Postfix: all of them for a key before any for the next one. *key is
 * the one that was found, borrowed from next_hop; answer->value is NULL where there is none. */
gboolean policylookup_find(MapSet *tables, const char *next_hop, const char **key,
			   MapSetAnswer *answer, GError **error) G_GNUC_WARN_UNUSED_RESULT;
