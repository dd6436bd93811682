/* SPDX-License-Identifier: Apache-2.0 */
/* policyrow: a row of somebody's policy table as a row of send.domains. Pure. */
#pragma once

#include <glib.h>

/* The JSON text of the row of key, whose value is value; the fingerprints of this Postfix are of
 * digest. NULL where the document has no words for just this: *reason, which the caller frees,
 * completes "the row ...". The caller frees it. */
char *policyrow_dup_json(const char *key, const char *value, const char *digest, char **reason);
