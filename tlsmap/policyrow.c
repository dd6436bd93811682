/* SPDX-License-Identifier: Apache-2.0 */
/* policyrow: a row of somebody's policy table as a row of send.domains. Pure.
 *
 * Attributes are split as smtp(8) splits them (src/smtp/smtp_tls_policy.c, tls_policy_lookup_one(),
 * 3.7). What a value may be is not said here again: the row is loaded and checked as any document
 * is, and what the document refuses is no row of it. Its mail is deferred today, or it has a
 * meaning for which there is no word. */
#include "policyrow.h"

#include "checks.h"
#include "fingerprint.h"
#include "jsontext.h"
#include "names.h"
#include "protocols.h"
#include "settings.h"

#include <string.h>

typedef struct {
	GPtrArray *match; /* or the fingerprints */
	GPtrArray *anchors;
	GString *members;
	SecurityLevel level;
	GHashTable *seen;
	char *reason;
} Row;

static void
clear_row(Row *row)
{
	g_ptr_array_unref(row->match);
	g_ptr_array_unref(row->anchors);
	g_string_free(row->members, TRUE);
	g_hash_table_unref(row->seen);
}

static void
add_texts(GPtrArray *texts, const char *value, const char *separator)
{
	g_auto(GStrv) items = g_strsplit(value, separator, -1);

	for (size_t i = 0; items[i] != NULL; i++)
		if (*items[i] != '\0')
			g_ptr_array_add(texts, g_strdup(items[i]));
}

static void
append_list(GString *members, const char *key, GPtrArray *texts)
{
	if (texts->len == 0)
		return;
	g_ptr_array_add(texts, NULL);
	g_autofree char *list = jsontext_dup_list((const char *const *)texts->pdata);
	jsontext_append_member(members, key, list);
}

static void
append_text(GString *members, const char *key, const char *text)
{
	g_autoptr(GString) quoted = g_string_new(NULL);

	jsontext_append_string(quoted, text);
	jsontext_append_member(members, key, quoted->str);
}

static void
read_match(Row *row, const char *value)
{
	add_texts(row->match, value, row->level == SECURITY_FINGERPRINT ? "|" : ":");
}

static void
read_anchor(Row *row, const char *value)
{
	g_ptr_array_add(row->anchors, g_strdup(value));
}

static void
read_protocols(Row *row, const char *value)
{
	int floor;

	if (protocols_read_floor(value, &floor) && floor != PROTOCOLS_ANY)
		append_text(row->members, "min_protocol", names_word(&names_tls_protocol, floor));
	else
		row->reason = g_strdup_printf("has protocols=%s, which is no \"this protocol or "
					      "newer\"",
					      value);
}

static void
read_ciphers(Row *row, const char *value)
{
	g_autofree char *grade = g_ascii_strdown(value, -1);

	append_text(row->members, "ciphers", grade);
}

static void
read_exclude(Row *row, const char *value)
{
	g_autoptr(GPtrArray) ciphers = g_ptr_array_new_with_free_func(g_free);

	add_texts(ciphers, value, ":");
	append_list(row->members, "exclude", ciphers);
}

static void
read_server_name(Row *row, const char *value)
{
	append_text(row->members, "server_name", value);
}

static void
read_reuse(Row *row, const char *value)
{
	if (g_ascii_strcasecmp(value, "yes") == 0 || g_ascii_strcasecmp(value, "no") == 0)
		jsontext_append_member(row->members, "connection_reuse",
				       g_ascii_strcasecmp(value, "yes") == 0 ? "true" : "false");
	else
		row->reason = g_strdup_printf("has connection_reuse=%s", value);
}

static const struct {
	const char *name;
	gboolean may_repeat;
	void (*take)(Row *row, const char *value);
} attributes[] = {
	{ "match", TRUE, read_match },
	{ "tafile", TRUE, read_anchor },
	{ "protocols", FALSE, read_protocols },
	{ "ciphers", FALSE, read_ciphers },
	{ "exclude", FALSE, read_exclude },
	{ "servername", FALSE, read_server_name },
	{ "connection_reuse", FALSE, read_reuse },
};

static void
read_attribute(Row *row, const char *text)
{
	const char *equals = strchr(text, '=');
	g_autofree char *name =
		g_ascii_strdown(text, equals != NULL ? equals - text : (gssize)strlen(text));

	for (size_t i = 0; i < G_N_ELEMENTS(attributes); i++) {
		if (equals == NULL || equals[1] == '\0' || strcmp(attributes[i].name, name) != 0)
			continue;
		if (!g_hash_table_add(row->seen, (char *)attributes[i].name) &&
		    !attributes[i].may_repeat)
			row->reason = g_strdup_printf("has %s twice", name);
		else
			attributes[i].take(row, equals + 1);
		return;
	}
	row->reason = g_strdup_printf("has \"%s\", for which the document has no key", text);
}

static void
read_level(Row *row, const char *word)
{
	g_autofree char *level = g_ascii_strdown(word, -1);
	int code = names_code(&names_security_level, level);

	if (code < 0)
		row->reason =
			g_strdup_printf("has the level \"%s\", which is none of Postfix's", word);
	row->level = code >= 0 ? code : SECURITY_NONE;
	append_text(row->members, "security_level", level);
}

static void
read_value(Row *row, const char *value)
{
	g_auto(GStrv) words = g_strsplit_set(value, " \t\r\n,", -1);
	gboolean has_level = FALSE;

	for (size_t i = 0; words[i] != NULL && row->reason == NULL; i++) {
		if (*words[i] == '\0')
			continue;
		if (has_level)
			read_attribute(row, words[i]);
		else
			read_level(row, words[i]);
		has_level = TRUE;
	}
	if (!has_level)
		row->reason = g_strdup("is empty");
}

/* A pin of another digest than Postfix computes matches nothing today, and would then. */
static void
check_pins(Row *row, const char *digest)
{
	for (size_t i = 0; row->level == SECURITY_FINGERPRINT && i < row->match->len; i++) {
		g_autofree char *pin = g_strdup(row->match->pdata[i]);
		if (row->reason == NULL && fingerprint_normalise(pin) == NULL &&
		    g_ascii_strcasecmp(fingerprint_digest(pin), digest) != 0)
			row->reason = g_strdup_printf(
				"has a fingerprint that is no %s digest, which is what "
				"smtp_tls_fingerprint_digest says",
				digest);
	}
}

/* What the document would say of it: NULL where it takes the row. */
static char *
dup_refusal(const char *json)
{
	g_autofree char *document = g_strdup_printf("{\"send\":{\"domains\":[%s]}}", json);
	g_autoptr(Findings) findings = findings_new();
	g_autoptr(Settings) settings = settings_load(document, strlen(document), NULL, findings);

	/* Any day: a row from a table has no review. */
	if (settings != NULL)
		checks_run(settings, 1, findings);
	for (size_t i = 0; i < findings_n(findings); i++) {
		const Finding *finding = findings_nth(findings, i);
		if (finding_severity(finding->id) == SEVERITY_ERROR)
			return g_strdup_printf("is refused: %s", finding->message);
	}
	return NULL;
}

char *
policyrow_dup_json(const char *key, const char *value, const char *digest, char **reason)
{
	Row row = {
		.match = g_ptr_array_new_with_free_func(g_free),
		.anchors = g_ptr_array_new_with_free_func(g_free),
		.members = g_string_new(NULL),
		.seen = g_hash_table_new(g_str_hash, g_str_equal),
	};
	char *json = NULL;

	append_text(row.members, "destination", key);
	read_value(&row, value);
	check_pins(&row, digest);
	append_list(row.members, row.level == SECURITY_FINGERPRINT ? "fingerprints" : "match",
		    row.match);
	append_list(row.members, "trust_anchor_files", row.anchors);
	json = g_strdup_printf("{ %s }", row.members->str);
	if (row.reason == NULL)
		row.reason = dup_refusal(json);
	if (row.reason != NULL)
		g_clear_pointer(&json, g_free);
	*reason = row.reason;
	clear_row(&row);
	return json;
}
