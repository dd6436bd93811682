/* SPDX-License-Identifier: Apache-2.0 */
/* cmd-rollback: puts in force again what an older generation said.
 *
 * The older document comes into force as a new generation, by the steps of apply: so it is proved
 * like any other, and a number stands for one time in force. Back to 0 takes tlsgate out. */
#include "enforce.h"
#include "output.h"
#include "plan.h"
#include "rollback.h"
#include "snapshot.h"

#include <string.h>
#include <syslog.h>
#include <unistd.h>

typedef struct {
	Apply apply;
	const char *number;  /* NULL: the one before */
	guint64 unconfirmed; /* undo this one if nobody has confirmed it; 0: rollback as asked */
} Wish;

static gboolean
parse_arguments(char **arguments, Wish *wish)
{
	for (; *arguments != NULL; arguments++)
		if (strcmp(*arguments, "--adopt") == 0)
			wish->apply.adopt = TRUE;
		else if (strcmp(*arguments, "--no-reload") == 0)
			wish->apply.no_reload = TRUE;
		else if (strcmp(*arguments, "--unconfirmed") == 0 && arguments[1] != NULL &&
			 g_ascii_string_to_unsigned(arguments[1], 10, 1, G_MAXUINT64,
						    &wish->unconfirmed, NULL))
			arguments++;
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

/* What is in force, as far as that can be told; enforce() finds again what is off. */
static Snapshot *
look(const CommandContext *context, Manifest **current, GError **error)
{
	g_autoptr(Snapshot) snapshot = snapshot_take(context->config_directory, error);
	g_autoptr(Findings) ignored = findings_new();

	if (snapshot == NULL || !plan_find_in_force(snapshot, current, ignored, error))
		return NULL;
	return g_steal_pointer(&snapshot);
}

static ExitCode
go_back_from_current(const CommandContext *context, Wish *wish, GError **error)
{
	g_autoptr(Manifest) current = NULL;
	g_autoptr(Snapshot) snapshot = look(context, &current, error);

	if (snapshot == NULL)
		return EXIT_NO_POSTFIX;
	if (current == NULL) {
		command_complain("tlsgate was never in force on this Postfix: there is nothing to "
				 "go back to");
		return EXIT_USAGE;
	}
	return go_back(context, wish, snapshot, current, error);
}

/* ---- what nobody has confirmed ---- */

#define RETRY_SECONDS 2

/* Undo what waits to be confirmed and is in force; *number is 0 where that is none, or another than
 * wanted (0: any). With may_wait not before its time. */
static ExitCode
undo_once(const CommandContext *context, guint64 wanted, gboolean may_wait, guint64 *number,
	  GError **error)
{
	g_autoptr(Manifest) current = NULL;
	g_autoptr(Snapshot) snapshot = look(context, &current, error);
	Confirmation confirmation;

	*number = 0;
	if (snapshot == NULL)
		return EXIT_NO_POSTFIX;
	if (current == NULL || (wanted != 0 && current->number != wanted) ||
	    !confirm_find(snapshot->config_directory, current->number, &confirmation))
		return EXIT_DONE;
	if (confirm_is_damaged(&confirmation)) {
		command_complain("the note of what waits to be confirmed can't be read; see tlsmap "
				 "status");
		return EXIT_REFUSED;
	}
	if (may_wait)
		confirm_wait(&confirmation);
	g_autofree char *before = g_strdup_printf("%" G_GUINT64_FORMAT, confirmation.before);
	Wish wish = { .number = before, .apply.is_undoing = TRUE };
	*number = current->number;
	ExitCode code = go_back(context, &wish, snapshot, current, error);
	if (wish.apply.is_nothing_to_do)
		*number = 0;
	apply_clear(&wish.apply);
	return code;
}

ExitCode
rollback_overdue(const CommandContext *context)
{
	g_autoptr(GError) error = NULL;
	guint64 number;
	ExitCode code = undo_once(context, 0, FALSE, &number, &error);

	return error != NULL ? command_fail(code, error) : code;
}

/* It ends in the log: nobody watches the process that apply --confirm left behind. */
static ExitCode
undo_unconfirmed(const CommandContext *context, guint64 wanted, GError **error)
{
	guint64 number;
	ExitCode code = undo_once(context, wanted, TRUE, &number, error);

	while (code == EXIT_LOCKED) {
		g_clear_error(error);
		sleep(RETRY_SECONDS);
		code = undo_once(context, wanted, FALSE, &number, error);
	}
	openlog("postfix/tlsmap", LOG_PID, LOG_MAIL);
	if (code != EXIT_DONE)
		syslog(LOG_ERR,
		       "nobody confirmed generation %" G_GUINT64_FORMAT
		       ", and it could not be undone (status %d): see tlsmap status",
		       wanted, code);
	else if (number != 0)
		syslog(LOG_WARNING,
		       "nobody confirmed generation %" G_GUINT64_FORMAT ": it is undone", number);
	return code;
}

static ExitCode
run(const CommandContext *context, char **arguments)
{
	Wish wish = { .apply.rollback_of = -1 };
	g_autoptr(GError) error = NULL;

	if (!parse_arguments(arguments, &wish))
		return EXIT_USAGE;
	ExitCode code = wish.unconfirmed != 0 ? undo_unconfirmed(context, wish.unconfirmed, &error)
					      : go_back_from_current(context, &wish, &error);
	apply_clear(&wish.apply);
	return error != NULL ? command_fail(code, error) : code;
}

const Command command_rollback = {
	.name = "rollback",
	.summary = "put an older generation in force again",
	.arguments = "[--adopt] [--no-reload] [N] | --unconfirmed N",
	.help = "Puts in force again what generation N said, by default the one before the present one,\n"
		"as a new generation and by the steps of apply. Back to 0 is what this Postfix had before\n"
		"the first apply: it takes tlsgate out.\n\n"
		"  --adopt      overwrite values that somebody else set, instead of refusing them\n"
		"  --no-reload  do not reload Postfix; its processes change one by one\n"
		"  --unconfirmed N\n"
		"               wait until the time is over that apply gave to confirm generation N, and undo\n"
		"               it unless it was confirmed; apply starts this itself\n",
	.statuses = "0 done, 1 --strict, 64 usage, 65 document, 69 Postfix, 73 write, 75 lock, 77 "
		    "denied, 78 refused",
	.example = "tlsmap history; tlsmap rollback",
	.run = run,
};
