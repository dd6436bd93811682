/* SPDX-License-Identifier: Apache-2.0 */
/* document: the settings file as a command works with it: read, loaded, checked, and its findings
 * shown. */
#include "document.h"

#include "checks.h"
#include "output.h"
#include "snapshot.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define SETTINGS_FILE "tls-settings.json"
/* Where Postfix is, if it can't be asked. */
#define USUAL_CONFIG_DIRECTORY "/etc/postfix"

void
document_clear(Document *document)
{
	g_clear_pointer(&document->path, g_free);
	input_clear(&document->input);
	g_clear_pointer(&document->settings, settings_free);
	g_clear_pointer(&document->findings, findings_free);
}

static char *
dup_config_directory(const CommandContext *context)
{
	static const char *const arguments[] = { "-h", "config_directory", NULL };
	char *output = NULL;

	if (context->config_directory != NULL)
		return g_strdup(context->config_directory);
	if (snapshot_ask(NULL, arguments, &output, NULL, NULL))
		return g_strchomp(output);
	return g_strdup(USUAL_CONFIG_DIRECTORY);
}

char *
document_dup_path(const CommandContext *context)
{
	if (context->settings_path != NULL)
		return g_strdup(context->settings_path);
	g_autofree char *directory = dup_config_directory(context);
	return g_build_filename(directory, SETTINGS_FILE, NULL);
}

static ExitCode
read_document(Document *document)
{
	if (input_take(&document->input, document->path, document->is_only_looked_at))
		return EXIT_DONE;
	int saved = errno;
	command_complain(
		"can't read the settings file %s: %s%s", document->path, g_strerror(saved),
		saved == ENOENT ? "; write one there (the smallest is {}), or name it by -s" : "");
	return saved == EACCES || saved == EPERM ? EXIT_NO_PERM : EXIT_DOCUMENT;
}

static void
release_what_is_read(size_t offset, void *data)
{
	input_release(data, offset);
}

/* Today by the UTC calendar. */
static guint32
today(void)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	GDate date;

	g_date_clear(&date, 1);
	g_date_set_dmy(&date, g_date_time_get_day_of_month(now), g_date_time_get_month(now),
		       g_date_time_get_year(now));
	return g_date_get_julian(&date);
}

ExitCode
document_load(const CommandContext *context, Document *document)
{
	const SettingsWatch watch = { release_what_is_read, &document->input };
	gsize size;

	document->path = document_dup_path(context);
	document->findings = findings_new();
	ExitCode code = read_document(document);
	if (code != EXIT_DONE)
		return code;
	const char *text = g_bytes_get_data(document->input.bytes, &size);
	document->settings = settings_load(text, size, &watch, document->findings);
	input_release(&document->input, size);
	if (document->settings != NULL)
		checks_run(document->settings, today(), document->findings);
	return findings_count(document->findings, SEVERITY_ERROR) > 0 ? EXIT_DOCUMENT : EXIT_DONE;
}

gboolean
document_read_again(Document *document, Findings *findings)
{
	gsize size;

	input_clear(&document->input);
	if (!input_take(&document->input, document->path, FALSE))
		return FALSE;
	const char *text = g_bytes_get_data(document->input.bytes, &size);
	document->settings = settings_load(text, size, NULL, findings);
	if (document->settings != NULL)
		checks_run(document->settings, today(), findings);
	return findings_count(findings, SEVERITY_ERROR) == 0;
}

ExitCode
document_report(const CommandContext *context, Document *document, ExitCode code)
{
	gsize size;
	const char *text = g_bytes_get_data(document->input.bytes, &size);
	const FindingStyle style = {
		.file = document->path,
		.document = text,
		.size = size,
		.show_source = isatty(STDERR_FILENO),
	};

	findings_locate(document->findings, text, size);
	output_findings(document->findings, &style);
	if (code != EXIT_DONE || !context->is_strict ||
	    findings_count(document->findings, SEVERITY_WARNING) == 0)
		return code;
	output_blame_findings();
	return EXIT_CHANGES;
}

char *
document_dup_place(const Document *document, size_t offset)
{
	gsize size;
	const char *text = g_bytes_get_data(document->input.bytes, &size);
	size_t line = 1, start = 0;

	offset = MIN(offset, size);
	for (const char *end; (end = memchr(text + start, '\n', offset - start)) != NULL; line++)
		start = (size_t)(end - text) + 1;
	return g_strdup_printf("%s:%zu:%zu", document->path, line, offset - start + 1);
}
