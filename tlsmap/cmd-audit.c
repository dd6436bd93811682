/* SPDX-License-Identifier: Apache-2.0 */
/* cmd-audit: the live Postfix against the document; changes nothing. */
#include "auditor.h"
#include "document.h"
#include "output.h"
#include "plan.h"
#include "snapshot.h"

static ExitCode
audit(const CommandContext *context, Document *document)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Snapshot) snapshot = snapshot_take(context->config_directory, &error);

	if (snapshot == NULL)
		return command_fail(EXIT_NO_POSTFIX, error);
	/* What is doubtful about the document alone is for check to say. */
	findings_clear(document->findings);
	g_autoptr(Plan) plan = plan_make(document->settings, document->input.bytes, snapshot, 0,
					 document->findings, &error);
	if (plan == NULL)
		return command_fail(EXIT_NO_POSTFIX, error);
	auditor_run(plan, document->findings);
	size_t n_errors = findings_count(document->findings, SEVERITY_ERROR);
	size_t n_warnings = findings_count(document->findings, SEVERITY_WARNING);
	output_print("%zu errors, %zu warnings, %zu to know\n", n_errors, n_warnings,
		     findings_count(document->findings, SEVERITY_INFO));
	if (n_errors + n_warnings == 0)
		return EXIT_DONE;
	output_blame_findings();
	return EXIT_CHANGES;
}

static ExitCode
run(const CommandContext *context, char **arguments)
{
	g_auto(Document) document = { 0 };

	if (arguments[0] != NULL)
		return command_refuse_argument(&command_audit, arguments[0]);
	ExitCode code = document_load(context, &document);
	if (code == EXIT_DONE)
		code = audit(context, &document);
	return document_report(context, &document, code);
}

const Command command_audit = {
	.name = "audit",
	.summary = "say where this Postfix is not as the document says",
	.help = "Compares main.cf and master.cf of this Postfix with the settings document and prints on\n"
		"standard error, one line each, what is not as it says, what makes it untrue, and what is\n"
		"worth knowing: the place, the consequence, and what to do. Nothing is changed.\n",
	.statuses =
		"0 nothing, or things to know alone; 1 errors or warnings, 64 usage, 65 document, 69 Postfix",
	.example = "tlsmap audit || echo 'look at the TLS settings'",
	.run = run,
};
