/* SPDX-License-Identifier: Apache-2.0 */
/* output: what a command prints: text for people, or with --json one object for programs.
 *
 * The state is the program's, because its standard output is: nothing else may be printed there
 * once the object is promised. A list can have a million items, and a tree of them would take
 * gigabytes: so each item is turned into text by json-c at once, and only texts are kept. Every
 * text becomes valid UTF-8; what is not, a file name for example, has U+FFFD in its place.
 * schema/output.schema.json describes the object. */
#include "output.h"

#include <json-c/json.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FORMAT 1
#define MAX_FINDINGS ((size_t)10000)

static struct {
	gboolean is_json;
	gboolean is_blamed_on_findings;
	const char *command;
	char *error;
	/* JSON text, the items separated by commas. */
	GString *notes;
	GString *findings;
	size_t n_more; /* findings that are left out */
	GString *parts;
	GString *closers; /* of the lists and objects that are open in parts, the innermost last */
} output;

void
output_use_json(void)
{
	output.is_json = TRUE;
	output.notes = g_string_new(NULL);
	output.findings = g_string_new(NULL);
	output.parts = g_string_new(NULL);
	output.closers = g_string_new(NULL);
}

gboolean
output_is_json(void)
{
	return output.is_json;
}

void
output_set_command(const char *name)
{
	output.command = name;
}

static json_object *
new_text(const char *text)
{
	if (text == NULL)
		return NULL;
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	return json_object_new_string(valid);
}

/* Everything but an opening bracket is followed by a comma. */
static void
append_comma(GString *list)
{
	if (list->len > 0 && strchr("[{", list->str[list->len - 1]) == NULL)
		g_string_append_c(list, ',');
}

/* Append value, which is taken over; NULL becomes null. key may be NULL: an item of a list. */
static void
append(GString *list, const char *key, json_object *value)
{
	append_comma(list);
	if (key != NULL) {
		json_object *quoted = new_text(key);
		g_string_append(list, json_object_to_json_string_ext(
					      quoted, JSON_C_TO_STRING_NOSLASHESCAPE));
		g_string_append_c(list, ':');
		json_object_put(quoted);
	}
	g_string_append(list,
			json_object_to_json_string_ext(value, JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(value);
}

void
output_error(const char *message)
{
	if (output.is_json && output.error == NULL)
		output.error = g_strdup(message);
	else
		output_note(message);
}

void
output_note(const char *message)
{
	if (output.is_json)
		append(output.notes, NULL, new_text(message));
	else
		fprintf(stderr, "tlsmap: %s\n", message);
}

static void
append_finding(const Finding *finding, const FindingStyle *style)
{
	json_object *object = json_object_new_object();

	json_object_object_add(object, "severity", new_text(finding_severity_word(finding->id)));
	json_object_object_add(object, "id", new_text(finding_identifier(finding->id)));
	json_object_object_add(object, "message", new_text(finding->message));
	if (finding->offset != FINDING_NO_PLACE) {
		json_object_object_add(object, "file", new_text(style->file));
		json_object_object_add(object, "line", json_object_new_uint64(finding->line));
		json_object_object_add(object, "column", json_object_new_uint64(finding->column));
		json_object_object_add(object, "pointer", new_text(finding->pointer));
	} else if (finding->where != NULL) {
		json_object_object_add(object, "where", new_text(finding->where));
	}
	append(output.findings, NULL, object);
}

/* The milder give way to the graver: the reason of a failure is never left out for want of room. */
void
output_findings(const Findings *findings, const FindingStyle *style)
{
	size_t left[N_SEVERITIES];
	size_t room = MAX_FINDINGS;

	if (!output.is_json) {
		findings_print(findings, style, stderr);
		return;
	}
	for (size_t i = 0; i < N_SEVERITIES; i++) {
		size_t n = findings_count(findings, (Severity)i);
		left[i] = room;
		room -= MIN(n, room);
		output.n_more += n;
	}
	for (size_t i = 0; i < findings_n(findings); i++) {
		const Finding *finding = findings_nth(findings, i);
		Severity severity = finding_severity(finding->id);
		if (left[severity] == 0)
			continue;
		append_finding(finding, style);
		left[severity]--;
		output.n_more--;
	}
}

void
output_blame_findings(void)
{
	output.is_blamed_on_findings = TRUE;
}

void
output_print(const char *format, ...)
{
	va_list arguments;

	if (output.is_json)
		return;
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
}

void
output_write(const char *text, size_t size)
{
	if (!output.is_json)
		fwrite(text, 1, size, stdout);
}

/* Members of the object. */

static void
begin(const char *key, char opener, char closer)
{
	if (!output.is_json)
		return;
	append_comma(output.parts);
	if (key != NULL)
		g_string_append_printf(output.parts, "\"%s\":", key);
	g_string_append_c(output.parts, opener);
	g_string_append_c(output.closers, closer);
}

void
output_begin_list(const char *key)
{
	begin(key, '[', ']');
}

void
output_begin_object(const char *key)
{
	begin(key, '{', '}');
}

void
output_end(void)
{
	if (!output.is_json)
		return;
	g_return_if_fail(output.closers->len > 0);
	g_string_append_c(output.parts, output.closers->str[output.closers->len - 1]);
	g_string_truncate(output.closers, output.closers->len - 1);
}

void
output_add_text(const char *key, const char *text)
{
	if (output.is_json)
		append(output.parts, key, new_text(text));
}

void
output_add_number(const char *key, guint64 number)
{
	if (output.is_json)
		append(output.parts, key, json_object_new_uint64(number));
}

void
output_add_boolean(const char *key, gboolean value)
{
	if (output.is_json)
		append(output.parts, key, json_object_new_boolean(value));
}

/* Line ends stand only between tokens, and the object is one line. */
void
output_add_json(const char *key, const char *json)
{
	g_autofree char *line = g_strdelimit(g_strdup(json), "\r\n", ' ');

	if (!output.is_json)
		return;
	append_comma(output.parts);
	g_string_append_printf(output.parts, "\"%s\":%s", key, g_strchomp(line));
}

void
output_add_item(const char *text)
{
	output_add_text(NULL, text);
}

void
output_add_pair(const char *first, const char *second)
{
	if (!output.is_json)
		return;
	json_object *pair = json_object_new_array();
	json_object_array_add(pair, new_text(first));
	json_object_array_add(pair, new_text(second));
	append(output.parts, NULL, pair);
}

void
output_add_record(const OutputField *fields, size_t n_fields)
{
	if (!output.is_json)
		return;
	json_object *object = json_object_new_object();
	for (size_t i = 0; i < n_fields; i++)
		json_object_object_add(object, fields[i].key, new_text(fields[i].value));
	append(output.parts, NULL, object);
}

void
output_changes(const GArray *changes)
{
	if (!output.is_json) {
		change_print(changes, stdout);
		return;
	}
	output_begin_list("changes");
	for (size_t i = 0; i < changes->len; i++) {
		const Change *change = &g_array_index(changes, Change, i);
		const OutputField fields[] = {
			{ "kind", change_kind_word(change->kind) },
			{ "name", change->name },
			{ "old", change->old_value },
			{ "new", change->new_value },
			{ "direction", change_direction_word(change->direction) },
		};
		output_add_record(fields, G_N_ELEMENTS(fields));
	}
	output_end();
}

/* The end. */

static const char *
status_word(ExitCode code)
{
	switch (code) {
	case EXIT_DONE:
		return "ok";
	case EXIT_CHANGES:
		return output.is_blamed_on_findings ? "findings" : "changes";
	case EXIT_DOCUMENT:
		/* One that can't be read has no findings. */
		return output.error == NULL ? "findings" : "error";
	case EXIT_REFUSED:
		return "refused";
	case EXIT_USAGE:
	case EXIT_NO_POSTFIX:
	case EXIT_BUG:
	case EXIT_NO_WRITE:
	case EXIT_LOCKED:
	case EXIT_NO_PERM:
		return "error";
	}
	g_assert_not_reached();
}

static void
print_object(ExitCode code)
{
	g_autoptr(GString) head = g_string_new("{");

	append(head, "format", json_object_new_int(FORMAT));
	append(head, "command", new_text(output.command));
	append(head, "status", new_text(status_word(code)));
	append(head, "exit", json_object_new_int(code));
	if (output.error != NULL)
		append(head, "error", new_text(output.error));
	fputs(head->str, stdout);
	if (output.notes->len > 0)
		printf(",\"notes\":[%s]", output.notes->str);
	fputs(",\"findings\":[", stdout);
	fwrite(output.findings->str, 1, output.findings->len, stdout);
	putchar(']');
	if (output.n_more > 0)
		printf(",\"more\":%zu", output.n_more);
	if (output.parts->len > 0)
		putchar(',');
	fwrite(output.parts->str, 1, output.parts->len, stdout);
	puts("}");
}

ExitCode
output_finish(ExitCode code)
{
	if (output.is_json)
		print_object(code);
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	/* The one message that has no other place, with --json too. */
	fprintf(stderr, "tlsmap: can't write to standard output: %s\n", g_strerror(errno));
	return code == EXIT_DONE || code == EXIT_CHANGES ? EXIT_NO_WRITE : code;
}
