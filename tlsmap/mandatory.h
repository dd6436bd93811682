/* SPDX-License-Identifier: Apache-2.0 */
/* mandatory: what main.cf demands of a TLS session where TLS is demanded and a row of the table
 * does not say otherwise. Pure. */
#pragma once

#include <glib.h>

/* The floor of values that say something else than a floor: which of two is older is not known. */
#define MANDATORY_FLOOR_UNKNOWN (-2)

typedef struct {
	/* Of smtp_tls_mandatory_protocols: a TlsProtocol, PROTOCOLS_ANY or the one above. */
	int floor;
	/* Of smtp_tls_mandatory_ciphers: a CipherGrade; -1: another one. */
	int grade;
	/* Names of smtp_tls_exclude_ciphers, then of smtp_tls_mandatory_exclude_ciphers; NULL:
	 * none. */
	char **exclude;
} Mandatory;

/* values: name -> value as in force, expanded. The caller clears the result. */
Mandatory mandatory_read(GHashTable *values);
void mandatory_clear(Mandatory *mandatory);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Mandatory, mandatory_clear)
