/* SPDX-License-Identifier: Apache-2.0 */
/* cmd-history: the generations that are there; changes nothing. */
#include "command.h"
#include "generation.h"
#include "output.h"
#include "plan.h"
#include "snapshot.h"

/* Local time for people, UTC for programs. */
static char *
dup_time(gint64 seconds, gboolean is_local)
{
	g_autoptr(GDateTime) time = is_local ? g_date_time_new_from_unix_local(seconds)
					     : g_date_time_new_from_unix_utc(seconds);

	return g_date_time_format(time, is_local ? "%Y-%m-%d %H:%M:%S" : "%Y-%m-%dT%H:%M:%SZ");
}

static char *
dup_remark(const Manifest *manifest, gboolean is_in_force, gboolean is_undone)
{
	GString *remark = g_string_new(is_in_force ? " (in force)" : NULL);

	if (manifest == NULL)
		g_string_append(remark, " damaged");
	else if (manifest->number == 0)
		g_string_append(remark, " before the first apply");
	else if (manifest_is_removal(manifest))
		g_string_append(remark, " tlsgate taken out");
	else if (manifest->rollback_of > 0)
		g_string_append_printf(remark, " again what %" G_GINT64_FORMAT " was",
				       manifest->rollback_of);
	if (manifest != NULL && manifest->report_only)
		g_string_append(remark, ", rules only report");
	if (is_undone)
		g_string_append(remark, " undone: a listener failed its proof");
	return g_string_free(remark, FALSE);
}

static void
print(const char *directory, guint64 number, const Manifest *current)
{
	g_autoptr(Manifest) manifest = generation_load(directory, number, NULL);
	gint64 seconds = generation_time(directory, number);
	gboolean is_in_force = current != NULL && current->number == number;
	g_autofree char *local = dup_time(seconds, TRUE);
	g_autofree char *utc = dup_time(seconds, FALSE);
	gboolean is_undone = generation_is_undone(directory, number);
	g_autofree char *remark = dup_remark(manifest, is_in_force, is_undone);

	output_print("%" G_GUINT64_FORMAT "\t%s%s\n", number, local, remark);
	output_begin_object(NULL);
	output_add_number("generation", number);
	output_add_text("time", utc);
	output_add_boolean("in_force", is_in_force);
	output_add_boolean("undone", is_undone);
	output_add_boolean("damaged", manifest == NULL);
	output_add_boolean("report_only", manifest != NULL && manifest->report_only);
	if (manifest != NULL && manifest->rollback_of >= 0)
		output_add_number("rollback_of", (guint64)manifest->rollback_of);
	output_end();
}

static ExitCode
print_all(const CommandContext *context, GError **error)
{
	g_autoptr(Snapshot) snapshot = snapshot_take(context->config_directory, error);
	g_autoptr(Manifest) current = NULL;
	g_autoptr(Findings) ignored = findings_new(); /* what is off is for status */

	if (snapshot == NULL || !plan_find_in_force(snapshot, &current, ignored, error))
		return EXIT_NO_POSTFIX;
	g_autofree char *directory = generation_dup_directory(snapshot->config_directory);
	g_autoptr(GArray) numbers = generation_list_all(directory, error);
	if (numbers == NULL)
		return EXIT_NO_POSTFIX;
	output_begin_list("history");
	for (guint i = 0; i < numbers->len; i++)
		print(directory, g_array_index(numbers, guint64, i), current);
	output_end();
	return EXIT_DONE;
}

static ExitCode
run(const CommandContext *context, char **arguments)
{
	g_autoptr(GError) error = NULL;

	if (arguments[0] != NULL)
		return command_refuse_argument(&command_history, arguments[0]);
	ExitCode code = print_all(context, &error);
	return error != NULL ? command_fail(code, error) : code;
}

const Command command_history = {
	.name = "history",
	.summary = "list the generations",
	.help = "Lists the generations that are there, the oldest first: number, when it was made, and\n"
		"what is to be known of it. Nothing is changed.\n",
	.statuses = "0 done, 64 usage, 69 Postfix",
	.example = "tlsmap history",
	.run = run,
};
