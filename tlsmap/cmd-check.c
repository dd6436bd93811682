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
	.help = "Reads the settings document and prints all that is wrong or doubtful, one line each:\n"
		"FILE:LINE:COLUMN: POINTER: error|warning: what, and how to put it right [identifier]\n"
		"Postfix is not looked at.\n",
	.statuses = "0 no error, 1 --strict, 64 usage, 65 document, 77 denied",
	.example = "tlsmap -s new-settings.json check",
	.run = run,
};
