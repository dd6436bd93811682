/* SPDX-License-Identifier: Apache-2.0 */
/* cmd-plan: what apply would change on this Postfix; changes nothing. */
#include "confirm.h"
#include "document.h"
#include "output.h"
#include "plan.h"
#include "snapshot.h"

/* The digest is for apply --expect-plan. */
static void
print_digest(const Plan *plan)
{
	g_autofree char *digest = plan_dup_digest(plan);

	output_print("plan %s\n", digest);
	output_add_text("digest", digest);
}

static ExitCode
plan_document(const CommandContext *context, Document *document)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Snapshot) snapshot = snapshot_take(context->config_directory, &error);
	Confirmation confirmation;

	if (snapshot == NULL)
		return command_fail(EXIT_NO_POSTFIX, error);
	g_autoptr(Plan) plan = plan_make(document->settings, document->input.bytes, snapshot, 0,
					 document->findings, &error);
	if (plan == NULL)
		return command_fail(EXIT_NO_POSTFIX, error);
	if (plan->current != NULL &&
	    confirm_find(snapshot->config_directory, plan->current->number, &confirmation))
		confirm_report(&confirmation, document->findings);
	output_changes(plan->changes);
	if (findings_count(document->findings, SEVERITY_ERROR) > 0)
		return EXIT_REFUSED;
	if (!plan_has_changes(plan))
		return EXIT_DONE;
	print_digest(plan);
	return EXIT_CHANGES;
}

static ExitCode
run(const CommandContext *context, char **arguments)
{
	g_auto(Document) document = { 0 };
	gboolean report_only = g_strcmp0(arguments[0], "--report-only") == 0;

	if (arguments[report_only ? 1 : 0] != NULL)
		return command_refuse_argument(&command_plan, arguments[report_only ? 1 : 0]);
	ExitCode code = document_load(context, &document);
	if (code == EXIT_DONE && report_only)
		settings_make_report_only(document.settings);
	if (code == EXIT_DONE)
		code = plan_document(context, &document);
	return document_report(context, &document, code);
}

const Command command_plan = {
	.name = "plan",
	.summary = "show what apply would change",
	.arguments = "[--report-only]",
	.help = "Compares the settings document with this Postfix and prints each change that apply\n"
		"would make, marked stricter, weaker or equal; the last line has a digest, with\n"
		"which apply can be told to expect just this plan. Nothing is changed.\n\n"
		"  --report-only\n"
		"               what apply --report-only would change\n",
	.statuses = "0 nothing to do, 1 changes, 64 usage, 65 document, 69 Postfix, 78 refused",
	.example = "tlsmap -s new-settings.json plan",
	.run = run,
};
