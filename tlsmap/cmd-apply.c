/* SPDX-License-Identifier: Apache-2.0 */
/* cmd-apply: puts the document in force, all or nothing. */
#include "document.h"
#include "steps.h"

#include <stdio.h>
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

static void
report(const Apply *apply)
{
	if (apply->is_nothing_to_do)
		return;
	change_print(apply->plan->changes, stdout);
	printf("generation %" G_GUINT64_FORMAT " is in force%s\n", apply->plan->number,
	       !apply->snapshot->is_running ? " from the next start of Postfix on"
	       : apply->is_reload_owed      ? " after the next postfix reload"
					    : "");
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
	apply.config_directory = context->config_directory;
	apply.settings = document.settings;
	apply.document = document.input.bytes;
	apply.findings = document.findings;
	code = steps_run(&apply, &error);
	if (error != NULL)
		command_fail(code, error);
	if (code != EXIT_DONE && apply.is_committed)
		command_complain("generation %" G_GUINT64_FORMAT
				 " is in main.cf all the same; put right what is said here, then "
				 "apply again or reload Postfix",
				 apply.plan->number);
	if (code == EXIT_DONE)
		report(&apply);
	return document_report(context, &document, code);
}

const Command command_apply = {
	.name = "apply",
	.summary = "put the settings document in force",
	.help = "apply [--adopt] [--no-reload]\n\n"
		"Puts the settings document in force on this Postfix, all or nothing: a new generation\n"
		"is built and proved beside what is in force, then one rename of main.cf commits it.\n"
		"Prints what changed; when nothing changed, nothing is written, reloaded or printed.\n\n"
		"  --adopt      take over values that somebody else set, instead of refusing them\n"
		"  --no-reload  do not reload Postfix; its processes change one by one\n\n"
		"Exit status 0: done, 65: the document has an error, 69: Postfix does not answer,\n"
		"75: another run is at work, 78: refused for the reasons printed, nothing changed.\n\n"
		"Example: tlsmap plan; tlsmap apply\n",
	.run = run,
};
