/* SPDX-License-Identifier: Apache-2.0 */
/* cmd-apply: puts the document in force, all or nothing. */
#include "document.h"
#include "output.h"
#include "steps.h"

#include <string.h>

static gboolean
parse_arguments(char **arguments, Apply *apply)
{
	const struct {
		const char *name;
		gboolean *flag;
	} options[] = {
		{ "--adopt", &apply->adopt },
		{ "--no-reload", &apply->no_reload },
		{ "--report-only", &apply->report_only },
	};

	for (; *arguments != NULL; arguments++) {
		size_t i = 0;
		while (i < G_N_ELEMENTS(options) && strcmp(options[i].name, *arguments) != 0)
			i++;
		if (i == G_N_ELEMENTS(options)) {
			command_refuse_argument(&command_apply, *arguments);
			return FALSE;
		}
		*options[i].flag = TRUE;
	}
	return TRUE;
}

/* When daemons that start take the new settings. */
typedef struct {
	const char *word; /* for programs */
	const char *text; /* for people, behind "in force" */
} Moment;

static const Moment now = { "now", "" };
static const Moment at_start = { "start", " from the next start of Postfix on" };
static const Moment at_reload = { "reload", " after the next postfix reload" };

static void
report(const Apply *apply)
{
	const Plan *plan = apply->plan;
	const Moment *moment = !apply->snapshot->is_running ? &at_start
			       : apply->is_reload_owed      ? &at_reload
							    : &now;

	output_changes(plan->changes);
	if (!apply->is_nothing_to_do)
		output_print("generation %" G_GUINT64_FORMAT " is in force%s%s\n", plan->number,
			     moment->text,
			     plan->manifest->report_only ? "; its rules refuse nothing, they report"
							 : "");
	/* A Postfix that says all by itself has no generation. */
	if (apply->is_nothing_to_do && plan->current == NULL)
		return;
	output_add_number("generation",
			  apply->is_nothing_to_do ? plan->current->number : plan->number);
	output_add_text("in_force", moment->word);
	output_add_boolean("report_only", apply->report_only);
}

static ExitCode
run(const CommandContext *context, char **arguments)
{
	g_auto(Document) document = { 0 };
	g_auto(Apply) apply = { 0 };
	g_autoptr(GError) error = NULL;

	if (!parse_arguments(arguments, &apply))
		return EXIT_USAGE;
	ExitCode code = document_load(context, &document);
	if (code != EXIT_DONE)
		return document_report(context, &document, code);
	if (apply.report_only)
		settings_make_report_only(document.settings);
	apply.config_directory = context->config_directory;
	apply.settings = document.settings;
	apply.document = document.input.bytes;
	apply.findings = document.findings;
	code = steps_run(&apply, &error);
	if (error != NULL)
		command_fail(code, error);
	if (code != EXIT_DONE && apply.is_committed) {
		output_add_number("generation", apply.plan->number);
		command_complain("generation %" G_GUINT64_FORMAT
				 " is in main.cf all the same; put right what is said here, then "
				 "apply again or reload Postfix",
				 apply.plan->number);
	}
	if (code == EXIT_DONE)
		report(&apply);
	return document_report(context, &document, code);
}

const Command command_apply = {
	.name = "apply",
	.summary = "put the settings document in force",
	.arguments = "[--adopt] [--no-reload] [--report-only]",
	.help = "Puts the settings document in force on this Postfix, all or nothing: a new generation\n"
		"is built and proved beside what is in force, then one rename of main.cf commits it.\n"
		"Prints what changed; when nothing changed, nothing is written, reloaded or printed.\n\n"
		"  --adopt      take over values that somebody else set, instead of refusing them\n"
		"  --no-reload  do not reload Postfix; its processes change one by one\n"
		"  --report-only\n"
		"               let every rule only report: mail passes, and the log says what would\n"
		"               have been refused; apply without it enforces them\n",
	.statuses = "0 done, 1 --strict, 64 usage, 65 document, 69 Postfix, 73 write, 75 lock, 77 "
		    "denied, 78 refused",
	.example = "tlsmap plan; tlsmap apply",
	.run = run,
};
