/* SPDX-License-Identifier: Apache-2.0 */
/* cmd-check: all findings of the document; needs the document alone. */
#include "document.h"

static ExitCode
run(const CommandContext *context, char **arguments)
{
	g_auto(Document) document = { .is_only_looked_at = TRUE };

	if (arguments[0] != NULL)
		return command_refuse_argument(&command_check, arguments[0]);
	ExitCode code = document_load(context, &document);
	return document_report(context, &document, code);
}

const Command command_check = {
	.name = "check",
	.summary = "say what is wrong with the settings document",
	.help = "check\n\n"
		"Reads the settings document and prints all that is wrong or doubtful, one line each:\n"
		"FILE:LINE:COLUMN: POINTER: error|warning: what, and how to put it right [identifier]\n"
		"Postfix is not looked at. Exit status 65 when there is an error, else 0.\n\n"
		"Example: tlsmap -s new-settings.json check\n",
	.run = run,
};
