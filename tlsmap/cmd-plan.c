/* SPDX-License-Identifier: Apache-2.0 */
/* cmd-plan: what apply would change on this Postfix; changes nothing. */
#include "document.h"
#include "output.h"
#include "plan.h"
#include "snapshot.h"

static ExitCode
plan_document(const CommandContext *context, Document *document)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Snapshot) snapshot = snapshot_take(context->config_directory, &error);

	if (snapshot == NULL)
		return command_fail(EXIT_NO_POSTFIX, error);
	g_autoptr(Plan) plan = plan_make(document->settings, document->input.bytes, snapshot, 0,
					 document->findings, &error);
	if (plan == NULL)
		return command_fail(EXIT_NO_POSTFIX, error);
	output_changes(plan->changes);
	if (findings_count(document->findings, SEVERITY_ERROR) > 0)
		return EXIT_REFUSED;
	return plan_has_changes(plan) ? EXIT_CHANGES : EXIT_DONE;
}

static ExitCode
run(const CommandContext *context, char **arguments)
{
	g_auto(Document) document = { 0 };

	if (arguments[0] != NULL)
		return command_refuse_argument(&command_plan, arguments[0]);
	ExitCode code = document_load(context, &document);
	if (code == EXIT_DONE)
		code = plan_document(context, &document);
	return document_report(context, &document, code);
}

const Command command_plan = {
	.name = "plan",
	.summary = "show what apply would change",
	.help = "Compares the settings document with this Postfix and prints each change that apply\n"
		"would make, marked stricter, weaker or equal. Nothing is changed.\n",
	.statuses = "0 nothing to do, 1 changes, 64 usage, 65 document, 69 Postfix, 78 refused",
	.example = "tlsmap -s new-settings.json plan",
	.run = run,
};
