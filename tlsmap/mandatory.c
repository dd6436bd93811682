/* SPDX-License-Identifier: Apache-2.0 */
/* mandatory: what main.cf demands of a TLS session where TLS is demanded and a row of the table
 * does not say otherwise. Pure.
 *
 * A row's "protocols" takes the place of smtp_tls_mandatory_protocols, its "ciphers" that of
 * smtp_tls_mandatory_ciphers, and its "exclude" that of both lists of exclusions: nothing is added
 * up (src/smtp/smtp_tls_policy.c, set_cipher_grade() and policy_create(), 3.5 to 3.12). */
#include "mandatory.h"

#include "names.h"
#include "protocols.h"

static int
read_floor(const char *value)
{
	int floor;

	return protocols_read_floor(value, &floor) ? floor : MANDATORY_FLOOR_UNKNOWN;
}

static int
read_grade(const char *value)
{
	g_autofree char *word = g_ascii_strdown(value != NULL ? value : "medium", -1);

	return names_code(&names_cipher_grade, word);
}

static void
append_names(GPtrArray *names, const char *value)
{
	/* src/tls/tls_misc.c, tls_set_ciphers(), 3.7: CHARS_COMMA_SP and ":". */
	g_auto(GStrv) items = g_strsplit_set(value != NULL ? value : "", " ,:\t\r\n", -1);

	for (size_t i = 0; items[i] != NULL; i++)
		if (*items[i] != '\0')
			g_ptr_array_add(names, g_strdup(items[i]));
}

Mandatory
mandatory_read(GHashTable *values)
{
	GPtrArray *names = g_ptr_array_new();
	Mandatory mandatory = {
		.floor = read_floor(g_hash_table_lookup(values, "smtp_tls_mandatory_protocols")),
		.grade = read_grade(g_hash_table_lookup(values, "smtp_tls_mandatory_ciphers")),
	};

	append_names(names, g_hash_table_lookup(values, "smtp_tls_exclude_ciphers"));
	append_names(names, g_hash_table_lookup(values, "smtp_tls_mandatory_exclude_ciphers"));
	g_ptr_array_add(names, NULL);
	mandatory.exclude = (char **)g_ptr_array_free(names, FALSE);
	return mandatory;
}

void
mandatory_clear(Mandatory *mandatory)
{
	g_clear_pointer(&mandatory->exclude, g_strfreev);
}
