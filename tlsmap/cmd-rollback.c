/* SPDX-License-Identifier: Apache-2.0 */
/* cmd-rollback: puts in force again what an older generation said.
 *
 * The older document comes into force as a new generation, by the steps of apply: so it is proved
 * like any other, and a number stands for one time in force. Back to 0 takes tlsgate out. */
#include "enforce.h"
#include "output.h"
#include "plan.h"
#include "snapshot.h"

#include <string.h>

typedef struct {
	Apply apply;
	const char *number; /* NULL: the one before */
} Wish;

static gboolean
parse_arguments(char **arguments, Wish *wish)
{
	for (; *arguments != NULL; arguments++)
		if (strcmp(*arguments, "--adopt") == 0)
			wish->apply.adopt = TRUE;
		else if (strcmp(*arguments, "--no-reload") == 0)
			wish->apply.no_reload = TRUE;
		else if (wish->number == NULL && g_ascii_isdigit(**arguments))
			wish->number = *arguments;
		else {
			command_refuse_argument(&command_rollback, *arguments);
			return FALSE;
		}
	return TRUE;
}

static gboolean
holds(const GArray *numbers, guint64 number)
{
	for (guint i = 0; i < numbers->len; i++)
		if (g_array_index(numbers, guint64, i) == number)
			return TRUE;
	return FALSE;
}

/* The number that is meant; -1 and a message where it is none. numbers are those that are there. */
static gint64
choose(const Wish *wish, const GArray *numbers, const Manifest *current)
{
	gint64 before = -1;
	guint64 number;

	if (wish->number == NULL) {
		for (guint i = 0; i < numbers->len; i++)
			if (g_array_index(numbers, guint64, i) < current->number)
				before = (gint64)g_array_index(numbers, guint64, i);
		if (before < 0)
			command_complain("no generation is older than %" G_GUINT64_FORMAT
					 "; see tlsmap history",
					 current->number);
		return before;
	}
	if (g_ascii_string_to_unsigned(wish->number, 10, 0, G_MAXINT64, &number, NULL) &&
	    holds(numbers, number))
		return (gint64)number;
	command_complain("there is no generation %s; tlsmap history lists them", wish->number);
	return -1;
}

/* The document of generation number; {} where it had none. FALSE with the findings that say why. */
static gboolean
load_document(Document *document, const char *directory, guint64 number, gboolean is_removal)
{
	g_autoptr(Findings) found = findings_new();

	document->path = generation_dup_path(directory, number, GENERATION_DOCUMENT);
	if (is_removal) {
		document->input.bytes = g_bytes_new_static("{}", 2);
		document->settings = settings_load("{}", 2, NULL, found);
		return TRUE;
	}
	document->input.bytes = g_bytes_new_static("", 0);
	if (document_read_again(document, found))
		return TRUE;
	findings_free(document->findings);
	document->findings = g_steal_pointer(&found);
	if (findings_n(document->findings) == 0)
		command_complain("can't read %s", document->path);
	return FALSE;
}

static ExitCode
go_back(const CommandContext *context, Wish *wish, const Snapshot *snapshot,
	const Manifest *current, GError **error)
{
	g_autofree char *directory = generation_dup_directory(snapshot->config_directory);
	g_autoptr(GArray) numbers = generation_list(directory, error);
	g_auto(Document) document = { .findings = findings_new() };

	if (numbers == NULL)
		return EXIT_NO_POSTFIX;
	gint64 number = choose(wish, numbers, current);
	if (number < 0)
		return EXIT_USAGE;
	g_autoptr(Manifest) target = generation_load(directory, (guint64)number, error);
	if (target == NULL)
		return EXIT_NO_POSTFIX;
	gboolean is_removal = number == 0 || manifest_is_removal(target);
	if (!load_document(&document, directory, (guint64)number, is_removal))
		return document_report(context, &document, EXIT_DOCUMENT);
	wish->apply.rollback_of = is_removal ? 0 : number;
	wish->apply.expected_current = current->number;
	wish->apply.report_only = target->report_only;
	if (target->report_only)
		settings_make_report_only(document.settings);
	return enforce(context, &document, &wish->apply);
}

static ExitCode
go_back_from_current(const CommandContext *context, Wish *wish, GError **error)
{
	g_autoptr(Snapshot) snapshot = snapshot_take(context->config_directory, error);
	g_autoptr(Manifest) current = NULL;
	g_autoptr(Findings) ignored = findings_new(); /* enforce() finds them again */

	if (snapshot == NULL || !plan_find_in_force(snapshot, &current, ignored, error))
		return EXIT_NO_POSTFIX;
	if (current == NULL) {
		command_complain("tlsgate was never in force on this Postfix: there is nothing to "
				 "go back to");
		return EXIT_USAGE;
	}
	return go_back(context, wish, snapshot, current, error);
}

static ExitCode
run(const CommandContext *context, char **arguments)
{
	Wish wish = { .apply.rollback_of = -1 };
	g_autoptr(GError) error = NULL;

	if (!parse_arguments(arguments, &wish))
		return EXIT_USAGE;
	ExitCode code = go_back_from_current(context, &wish, &error);
	apply_clear(&wish.apply);
	return error != NULL ? command_fail(code, error) : code;
}

const Command command_rollback = {
	.name = "rollback",
	.summary = "put an older generation in force again",
	.arguments = "[--adopt] [--no-reload] [N]",
	.help = "Puts in force again what generation N said, by default the one before the present one,\n"
		"as a new generation and by the steps of apply. Back to 0 is what this Postfix had before\n"
		"the first apply: it takes tlsgate out.\n\n"
		"  --adopt      overwrite values that somebody else set, instead of refusing them\n"
		"  --no-reload  do not reload Postfix; its processes change one by one\n",
	.statuses = "0 done, 1 --strict, 64 usage, 65 document, 69 Postfix, 73 write, 75 lock, 77 "
		    "denied, 78 refused",
	.example = "tlsmap history; tlsmap rollback",
	.run = run,
};
