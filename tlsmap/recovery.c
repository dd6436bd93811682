/* SPDX-License-Identifier: Apache-2.0 */
/* recovery: what a run that died left behind, and how the next one knows.
 *
 * Where main.cf names no generation, the newest one whose values it has is in force; one that was
 * built and never committed must not be taken for that. So a run notes its generation before it
 * builds it, and before the commit also what main.cf will be: the file that is there then tells
 * whether the rename came about. */
#include "recovery.h"

#include "confirm.h"
#include "file.h"
#include "generation.h"
#include "maincf.h"
#include "stage.h"

#include <string.h>

#define NOTE_FILE "unfinished"
#define NO_MAIN_CF "-"

static char *
dup_path(const char *config_directory)
{
	return g_build_filename(config_directory, "tlsgate", NOTE_FILE, NULL);
}

static char *
dup_sum(GBytes *bytes)
{
	return bytes != NULL ? g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, bytes)
			     : g_strdup(NO_MAIN_CF);
}

gboolean
recovery_note(const char *config_directory, guint64 number, GBytes *main_cf, GError **error)
{
	g_autofree char *path = dup_path(config_directory);
	g_autofree char *sum = dup_sum(main_cf);
	g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT " %s\n", number, sum);

	return file_put(path, text, error);
}

gboolean
recovery_forget(const char *config_directory, GError **error)
{
	g_autofree char *path = dup_path(config_directory);

	return file_remove(path, error);
}

/* The note is renamed into place whole; one that can't be read says nothing. */
static gboolean
read_note(const char *config_directory, guint64 *number, char **sum)
{
	g_autofree char *path = dup_path(config_directory);
	g_autofree char *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return FALSE;
	g_auto(GStrv) words = g_strsplit(g_strchomp(text), " ", -1);
	if (g_strv_length(words) != 2 ||
	    !g_ascii_string_to_unsigned(words[0], 10, 1, G_MAXUINT64, number, NULL))
		return FALSE;
	*sum = g_strdup(words[1]);
	return TRUE;
}

/* Whoever edited main.cf since: a generation that it names is in force. */
static gboolean
is_named(const Snapshot *snapshot, guint64 number)
{
	static const char *const parameters[] = { MAINCF_POLICY_PARAMETER, "smtp_tls_policy_maps" };
	g_autofree char *directory = generation_dup_directory(snapshot->config_directory);

	for (size_t i = 0; i < G_N_ELEMENTS(parameters); i++)
		if (maincf_named_generation(snapshot_value(snapshot, parameters[i]), directory) ==
		    number)
			return TRUE;
	return FALSE;
}

guint64
recovery_unfinished(const Snapshot *snapshot)
{
	g_autofree char *noted = NULL;
	guint64 number;

	if (!read_note(snapshot->config_directory, &number, &noted))
		return 0;
	g_autofree char *live = dup_sum(snapshot->main_cf);
	return strcmp(noted, live) == 0 || is_named(snapshot, number) ? 0 : number;
}

gboolean
recovery_sweep(const char *config_directory, GError **error)
{
	g_autofree char *stage = stage_dup_directory(config_directory);
	g_autofree char *generations = generation_dup_directory(config_directory);
	g_autofree char *note = dup_path(config_directory);
	g_autofree char *main_cf = g_build_filename(config_directory, "main.cf", NULL);
	g_autofree char *master_cf = g_build_filename(config_directory, "master.cf", NULL);

	return file_remove_tree(stage, error) && generation_sweep(generations, error) &&
	       file_remove_draft(note, error) && confirm_sweep(config_directory, error) &&
	       file_remove_replacement(main_cf, error) && file_remove_replacement(master_cf, error);
}

gboolean
recovery_run(const Snapshot *snapshot, GError **error)
{
	g_autofree char *directory = generation_dup_directory(snapshot->config_directory);
	guint64 number = recovery_unfinished(snapshot);

	if (!recovery_sweep(snapshot->config_directory, error) ||
	    (number != 0 && !generation_withdraw(directory, number, error)))
		return FALSE;
	g_autoptr(GArray) left = generation_list(directory, error);
	if (left == NULL)
		return FALSE;
	/* Of a first apply: what was there before is looked at anew. */
	if (number != 0 && left->len == 1 && g_array_index(left, guint64, 0) == 0 &&
	    !generation_withdraw(directory, 0, error))
		return FALSE;
	return recovery_forget(snapshot->config_directory, error);
}
