/* SPDX-License-Identifier: Apache-2.0 */
/* confirm: an apply that is undone unless somebody confirms it.
 *
 * The note is on the disk before the commit, so that no death of any process makes for good what
 * nobody confirmed: a process that waits undoes it, and where that died, the next command does. The
 * note counts as long as its generation is in force; numbers are never used again. */
#include "confirm.h"

#include "file.h"

#include <string.h>
#include <unistd.h>

#define NOTE_FILE "unconfirmed"

static char *
dup_path(const char *config_directory)
{
	return g_build_filename(config_directory, "tlsgate", NOTE_FILE, NULL);
}

static gint64
now(void)
{
	return g_get_real_time() / G_USEC_PER_SEC;
}

gboolean
confirm_note(const char *config_directory, const Confirmation *confirmation, GError **error)
{
	g_autofree char *path = dup_path(config_directory);
	g_autofree char *text = g_strdup_printf(
		"%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GINT64_FORMAT "\n",
		confirmation->number, confirmation->before, confirmation->until);

	return file_put(path, text, error);
}

gboolean
confirm_forget(const char *config_directory, GError **error)
{
	g_autofree char *path = dup_path(config_directory);

	return file_remove(path, error);
}

gboolean
confirm_sweep(const char *config_directory, GError **error)
{
	g_autofree char *path = dup_path(config_directory);

	return file_remove_draft(path, error);
}

static gboolean
parse_note(char *text, Confirmation *confirmation)
{
	g_auto(GStrv) words = g_strsplit(g_strchomp(text), " ", -1);

	return g_strv_length(words) == 3 &&
	       g_ascii_string_to_unsigned(words[0], 10, 1, G_MAXUINT64, &confirmation->number,
					  NULL) &&
	       g_ascii_string_to_unsigned(words[1], 10, 0, G_MAXUINT64, &confirmation->before,
					  NULL) &&
	       g_ascii_string_to_signed(words[2], 10, 0, G_MAXINT64, &confirmation->until, NULL);
}

/* The note is renamed into place whole. One that is there and can't be understood may be about what
 * is in force: it waits until somebody says what is right. */
gboolean
confirm_find(const char *config_directory, guint64 number, Confirmation *confirmation)
{
	g_autofree char *path = dup_path(config_directory);
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;

	if (!g_file_get_contents(path, &text, NULL, &error) &&
	    g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
		return FALSE;
	if (text != NULL && parse_note(text, confirmation))
		return confirmation->number == number;
	*confirmation = (Confirmation){ .until = G_MAXINT64 };
	return TRUE;
}

gboolean
confirm_is_damaged(const Confirmation *confirmation)
{
	return confirmation->number == 0;
}

gboolean
confirm_is_overdue(const Confirmation *confirmation)
{
	return now() >= confirmation->until;
}

void
confirm_report(const Confirmation *confirmation, Findings *findings)
{
	if (confirm_is_damaged(confirmation)) {
		findings_add_live(
			findings, FINDING_UNCONFIRMED, "tlsgate/" NOTE_FILE,
			"this note can't be read, so that it is not known what waits to "
			"be confirmed: look at history; apply --confirmed keeps what is in "
			"force, and removes the note");
		return;
	}
	g_autoptr(GDateTime) until = g_date_time_new_from_unix_utc(confirmation->until);
	g_autofree char *time = g_date_time_format(until, "%Y-%m-%d %H:%M:%S UTC");
	g_autofree char *where =
		g_strdup_printf("generation %" G_GUINT64_FORMAT, confirmation->number);

	if (confirm_is_overdue(confirmation))
		findings_add_live(findings, FINDING_UNCONFIRMED, where,
				  "nobody confirmed it until %s: it is to be undone; tlsmap "
				  "rollback does so",
				  time);
	else
		findings_add_live(findings, FINDING_UNCONFIRMED, where,
				  "it waits to be confirmed until %s: apply --confirmed keeps it, "
				  "rollback undoes it",
				  time);
}

/* ---- waiting ---- */

/* Between fork and exec: the terminal that may go away is not ours any more. */
static void
leave_session(void *unused)
{
	setsid();
}

gboolean
confirm_start_waiting(const char *config_directory, const Confirmation *confirmation,
		      GError **error)
{
	/* This very program. Its path outlives an update of the package, /proc/self/exe does not.
	 */
	g_autofree char *program = g_file_read_link("/proc/self/exe", error);
	g_autofree char *number = g_strdup_printf("%" G_GUINT64_FORMAT, confirmation->number);
	const char *const argv[] = { program, "-c", config_directory, "rollback", "--unconfirmed",
				     number,  NULL };

	/* Open files, above all the lock, are closed for it. */
	return program != NULL &&
	       g_spawn_async("/", (char **)argv, NULL,
			     G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, leave_session,
			     NULL, NULL, error);
}

void
confirm_wait(const Confirmation *confirmation)
{
	/* Not by the wall clock: it may be set meanwhile. */
	const gint64 end = g_get_monotonic_time() + (confirmation->until - now()) * G_USEC_PER_SEC;

	for (gint64 left = end - g_get_monotonic_time(); left > 0;
	     left = end - g_get_monotonic_time())
		g_usleep((gulong)left);
}
