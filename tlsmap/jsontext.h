/* SPDX-License-Identifier: Apache-2.0 */
/* jsontext: a settings document as text: values written, and taken from another document as they
 * stand there. Pure. */
#pragma once

#include <glib.h>

/* Append text as a JSON string. */
void jsontext_append_string(GString *json, const char *text);

/* Append "key": and the JSON text value behind it, with a comma before it where it is not the first
 * member or item; key may be NULL. */
void jsontext_append_member(GString *json, const char *key, const char *value);

/* The same, each member on a line of its own, with indent before it. */
void jsontext_append_line(GString *json, const char *indent, const char *key, const char *value);

/* The JSON text of a list of strings; the caller frees it. */
char *jsontext_dup_list(const char *const *texts);

/* The value that begins at byte place of a document without errors, as it stands there; the caller
 * frees it. */
char *jsontext_dup_value(const char *document, size_t place);
