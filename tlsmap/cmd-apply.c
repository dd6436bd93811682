/* SPDX-License-Identifier: Apache-2.0 */
/* cmd-apply: puts the document in force, all or nothing. */
#include "enforce.h"

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

static ExitCode
run(const CommandContext *context, char **arguments)
{
	g_auto(Document) document = { 0 };
	g_auto(Apply) apply = { .rollback_of = -1 };

	if (!parse_arguments(arguments, &apply))
		return EXIT_USAGE;
	ExitCode code = document_load(context, &document);
	if (code != EXIT_DONE)
		return document_report(context, &document, code);
	if (apply.report_only)
		settings_make_report_only(document.settings);
	return enforce(context, &document, &apply);
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
