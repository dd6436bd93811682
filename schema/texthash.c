/* SPDX-License-Identifier: Apache-2.0 */
/* texthash: a hash of texts whose collisions nobody can bring about.
 *
 * FNV-1a from a start that is another in each process. */
#include "texthash.h"

guint
texthash(const void *text)
{
	static guint64 start;
	guint64 hash;

	if (start == 0)
		start = (guint64)g_random_int() << 32 | g_random_int() | 1;
	hash = start;
	for (const guchar *p = text; *p != '\0'; p++)
		hash = (hash ^ *p) * 0x100000001b3u;
	return (guint)(hash ^ hash >> 32);
}
