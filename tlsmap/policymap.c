/* SPDX-License-Identifier: Apache-2.0 */
/* policymap: the rows of smtp_tls_policy_maps, as postmap(1) reads them. Pure.
 *
 * The key is the destination as given, in every form: smtp(8) looks up the next-hop as it is
 * spelled; of a domain name also each parent with a leading dot, so that "example.com" is that name
 * alone and ".example.com" all below it (postconf(5) smtp_tls_policy_maps;
 * src/smtp/smtp_tls_policy.c, tls_policy_lookup(), 3.7). Nothing in a key or a value needs
 * postmap's quoting or the braces that Postfix takes from 3.10 on: load.c refuses blanks, commas
 * and quotes in them. */
#include "policymap.h"

#include "idn.h"
#include "nexthop.h"
#include "protocols.h"

/* NAME=ITEM SEPARATOR ITEM… */
static void
append_joined(GString *value, const char *name, const GArray *texts, const char *separator)
{
	for (size_t i = 0; i < settings_n_texts(texts); i++)
		g_string_append_printf(value, "%s%s", i == 0 ? name : separator,
				       settings_text(texts, i));
}

static void
append_attributes(GString *value, const SettingsRowAttributes *attributes, PostfixVersion version)
{
	append_joined(value, " match=", attributes->match, ":");
	append_joined(value, " match=", attributes->fingerprints, "|");
	if (attributes->min_protocol.place != 0) {
		g_autofree char *floor =
			protocols_dup_floor(attributes->min_protocol.code, version, ":");
		g_string_append_printf(value, " protocols=%s", floor);
	}
	if (attributes->ciphers.place != 0)
		g_string_append_printf(value, " ciphers=%s",
				       names_word(&names_cipher_grade, attributes->ciphers.code));
	append_joined(value, " exclude=", attributes->exclude, ":");
	if (attributes->server_name.place != 0)
		g_string_append_printf(value, " servername=%s", attributes->server_name.text);
	append_joined(value, " tafile=", attributes->trust_anchor_files, " tafile=");
	if (attributes->connection_reuse.place != 0)
		g_string_append_printf(value, " connection_reuse=%s",
				       attributes->connection_reuse.code ? "yes" : "no");
}

static void
append_value(GString *value, const SettingsDestination *row, PostfixVersion version)
{
	g_string_append(value, names_word(&names_security_level, row->security_level.code));
	if (row->attributes != NULL)
		append_attributes(value, row->attributes, version);
}

char *
policymap_dup_value(const SettingsDestination *row, PostfixVersion version)
{
	GString *value = g_string_new(NULL);

	append_value(value, row, version);
	return g_string_free(value, FALSE);
}

typedef struct {
	GString *table;
	const SettingsDestination *row;
	PostfixVersion version;
} Writer;

static void
append_line(const char *key, void *data)
{
	const Writer *writer = data;

	g_string_append(writer->table, key);
	g_string_append_c(writer->table, '\t');
	append_value(writer->table, writer->row, writer->version);
	g_string_append_c(writer->table, '\n');
}

void
policymap_append(GString *table, const SettingsDestination *row, PostfixVersion version)
{
	Writer writer = { table, row, version };

	nexthop_visit_forms(row->destination.text, append_line, &writer);
}

void
policymap_append_key(GString *table, const char *key, const SettingsDestination *row,
		     PostfixVersion version)
{
	Writer writer = { table, row, version };

	append_line(key, &writer);
}

GString *
policymap_render(const Settings *settings, PostfixVersion version)
{
	GString *table = g_string_new(NULL);

	for (size_t i = 0; i < settings_n_destinations(settings); i++)
		policymap_append(table, settings_destination(settings, i), version);
	return table;
}
