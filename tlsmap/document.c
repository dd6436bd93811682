/* SPDX-License-Identifier: Apache-2.0 */
/* document: the settings file as a command works with it: read, loaded, checked, and its findings
 * shown. */
#include "document.h"

#include "checks.h"
#include "output.h"
#include "snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define SETTINGS_FILE "tls-settings.json"
/* Where Postfix is, if it can't be asked. */
#define USUAL_CONFIG_DIRECTORY "/etc/postfix"
/* A million destinations with notes are well below. */
#define MAX_DOCUMENT ((size_t)1 << 30)

void
document_clear(Document *document)
{
	g_clear_pointer(&document->path, g_free);
	g_clear_pointer(&document->bytes, g_bytes_unref);
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

/* Read fd to its end; FALSE with errno. */
static gboolean
read_all(int fd, GByteArray *content)
{
	guint8 buffer[65536];
	ssize_t got;

	while ((got = read(fd, buffer, sizeof buffer)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return FALSE;
		if (content->len + (size_t)got > MAX_DOCUMENT) {
			errno = EFBIG;
			return FALSE;
		}
		g_byte_array_append(content, buffer, got);
	}
	return TRUE;
}

static ExitCode
read_document(Document *document)
{
	GByteArray *content = g_byte_array_new();
	gboolean is_input = strcmp(document->path, "-") == 0;
	int fd = is_input ? STDIN_FILENO : open(document->path, O_RDONLY | O_CLOEXEC);
	gboolean done = fd >= 0 && read_all(fd, content);
	int saved = errno;

	if (fd >= 0 && !is_input)
		close(fd);
	document->bytes = g_byte_array_free_to_bytes(content);
	if (done)
		return EXIT_DONE;
	command_complain(
		"can't read the settings file %s: %s%s", document->path, g_strerror(saved),
		saved == ENOENT ? "; write one there (the smallest is {}), or name it by -s" : "");
	return saved == EACCES || saved == EPERM ? EXIT_NO_PERM : EXIT_DOCUMENT;
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
	gsize size;

	document->path = document_dup_path(context);
	document->findings = findings_new();
	ExitCode code = read_document(document);
	if (code != EXIT_DONE)
		return code;
	const char *text = g_bytes_get_data(document->bytes, &size);
	document->settings = settings_load(text, size, document->findings);
	if (document->settings != NULL)
		checks_run(document->settings, today(), document->findings);
	return findings_count(document->findings, SEVERITY_ERROR) > 0 ? EXIT_DOCUMENT : EXIT_DONE;
}

ExitCode
document_report(const CommandContext *context, Document *document, ExitCode code)
{
	gsize size;
	const char *text = g_bytes_get_data(document->bytes, &size);
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
	output_blame_warnings();
	return EXIT_CHANGES;
}
