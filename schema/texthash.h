/* SPDX-License-Identifier: Apache-2.0 */
/* texthash: a hash of texts whose collisions nobody can bring about. */
#pragma once

#include <glib.h>

/* For GHashTable, with g_str_equal(): where the texts are somebody else's. g_str_hash() of two
 * texts is easily made the same ("ar", "c0"), and a table of such texts takes time in the square.
 */
guint texthash(const void *text);
