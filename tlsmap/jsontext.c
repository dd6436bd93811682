/* SPDX-License-Identifier: Apache-2.0 */
/* jsontext: a settings document as text: values written, and taken from another document as they
 * stand there. Pure.
 *
 * json-c writes all that programs read, but it would make one line of a document, and keep nothing
 * of how somebody else has written a rule. */
#include "jsontext.h"

#include <string.h>

void
jsontext_append_string(GString *json, const char *text)
{
	g_string_append_c(json, '"');
	for (const char *p = text; *p != '\0'; p++)
		if (*p == '"' || *p == '\\')
			g_string_append_printf(json, "\\%c", *p);
		else if (g_ascii_iscntrl(*p))
			g_string_append_printf(json, "\\u%04x", (unsigned char)*p);
		else
			g_string_append_c(json, *p);
	g_string_append_c(json, '"');
}

static void
append_behind(GString *json, const char *gap, const char *key, const char *value)
{
	g_string_append(json, gap);
	if (key != NULL) {
		jsontext_append_string(json, key);
		g_string_append(json, ": ");
	}
	g_string_append(json, value);
}

void
jsontext_append_member(GString *json, const char *key, const char *value)
{
	append_behind(json, json->len > 0 ? ", " : "", key, value);
}

void
jsontext_append_line(GString *json, const char *indent, const char *key, const char *value)
{
	append_behind(json, json->len > 0 ? ",\n" : "\n", NULL, indent);
	append_behind(json, "", key, value);
}

char *
jsontext_dup_list(const char *const *texts)
{
	GString *json = g_string_new("[");

	for (size_t i = 0; texts[i] != NULL; i++) {
		if (i > 0)
			g_string_append(json, ", ");
		jsontext_append_string(json, texts[i]);
	}
	g_string_append_c(json, ']');
	return g_string_free(json, FALSE);
}

static const char *
string_end(const char *p)
{
	for (p++; *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p + 1;
}

/* Objects and arrays nest, strings may hold brackets, and all else ends at a separator. */
char *
jsontext_dup_value(const char *document, size_t place)
{
	const char *start = document + place, *p = start;
	int depth = 0;

	do {
		if (*p == '"')
			p = string_end(p);
		else {
			depth += strchr("[{", *p) != NULL ? 1 : strchr("]}", *p) != NULL ? -1 : 0;
			p++;
		}
	} while (depth > 0 || (*start != '"' && strchr("[{", *start) == NULL &&
			       strchr(" \t\r\n,]}", *p) == NULL));
	return g_strndup(start, (gsize)(p - start));
}
