/* SPDX-License-Identifier: Apache-2.0 */
/* cmd-import: the document that says what this Postfix does today; changes nothing. */
#include "checks.h"
#include "document.h"
#include "generation.h"
#include "importer.h"
#include "maincf.h"
#include "output.h"
#include "plan.h"
#include "snapshot.h"

#include <string.h>

static gboolean
is_foreign(const Snapshot *snapshot, const Change *change, const Findings *refusals)
{
	g_autofree char *where =
		g_strdup_printf("%s/main.cf: %s", snapshot->config_directory, change->name);

	for (size_t i = 0; i < findings_n(refusals); i++) {
		const Finding *finding = findings_nth(refusals, i);
		if (finding->id == FINDING_FOREIGN_VALUE && strcmp(finding->where, where) == 0)
			return TRUE;
	}
	return FALSE;
}

/* What apply would do to what is there: nothing weaker is passed over. */
static void
report_change(const Snapshot *snapshot, const Change *change, gboolean needs_adopt,
	      Findings *findings)
{
	const char *old_value = change->old_value != NULL ? change->old_value : "";
	const char *new_value = change->new_value != NULL ? change->new_value : "";
	g_autofree char *where =
		change->kind == CHANGE_PARAMETER
			? g_strdup_printf("%s/main.cf: %s", snapshot->config_directory,
					  change->name)
			: g_strdup_printf("%s %s", change_kind_word(change->kind), change->name);

	if (change->direction == CHANGE_WEAKER)
		findings_add_live(findings, FINDING_NOT_IN_DOCUMENT, where,
				  "with the document this is \"%s\" instead of \"%s\", which may "
				  "be weaker; look at it before you apply",
				  new_value, old_value);
	else if (needs_adopt)
		findings_add_live(findings, FINDING_NEEDS_ADOPT, where,
				  "apply puts \"%s\" in the place of \"%s\", which somebody else "
				  "wrote and which the document repeats; it does so only with "
				  "--adopt",
				  new_value, old_value);
}

static void
report_plan(const Plan *plan, const Findings *refusals, Findings *findings)
{
	for (guint i = 0; i < plan->changes->len; i++) {
		const Change *change = &g_array_index(plan->changes, Change, i);
		report_change(plan->snapshot, change, is_foreign(plan->snapshot, change, refusals),
			      findings);
	}
	for (size_t i = 0; i < findings_n(refusals); i++) {
		const Finding *finding = findings_nth(refusals, i);
		/* A server that is down today is for apply to say, not for the document. */
		if (finding->id == FINDING_FALLBACK_FAILS)
			continue;
		const char *where = finding->where != NULL ? finding->where : "the document";
		const char *name = strrchr(where, ' ');
		if (finding->id != FINDING_FOREIGN_VALUE || name == NULL ||
		    maincf_find(name + 1) == NULL)
			findings_add_live(findings, finding->id, where, "%s", finding->message);
	}
}

/* The document must be one, and what apply makes of it must be what is there. */
static ExitCode
prove(const Snapshot *snapshot, const char *text, Findings *findings, GError **error)
{
	g_autoptr(Findings) errors = findings_new();
	g_autoptr(Findings) refusals = findings_new();
	g_autoptr(Settings) settings = settings_load(text, strlen(text), NULL, errors);
	g_autoptr(GBytes) bytes = g_bytes_new_static(text, strlen(text));

	if (settings != NULL)
		checks_run(settings, 1, errors);
	if (findings_count(errors, SEVERITY_ERROR) > 0) {
		command_complain("the document would be wrong, which is a bug of tlsmap: %s",
				 findings_nth(errors, 0)->message);
		return EXIT_BUG;
	}
	g_autoptr(Plan) plan = plan_make(settings, bytes, snapshot, 0, refusals, error);
	if (plan == NULL)
		return EXIT_NO_POSTFIX;
	report_plan(plan, refusals, findings);
	return EXIT_DONE;
}

static ExitCode
print(const char *text, const Findings *findings)
{
	output_write(text, strlen(text));
	output_add_json("document", text);
	if (findings_count(findings, SEVERITY_ERROR) == 0 &&
	    findings_count(findings, SEVERITY_WARNING) == 0)
		return EXIT_DONE;
	output_blame_findings();
	return EXIT_CHANGES;
}

/* Whether Postfix has just what the generation in force wrote. */
static gboolean
is_in_force(const Snapshot *snapshot, const Document *in_force, gboolean *is_same, GError **error)
{
	g_autoptr(Findings) ignored = findings_new();
	g_autoptr(Plan) plan = plan_make(in_force->settings, in_force->input.bytes, snapshot,
					 PLAN_ADOPT, ignored, error);

	*is_same = plan != NULL && !plan_has_changes(plan);
	return plan != NULL;
}

static ExitCode
import_all(const Snapshot *snapshot, const ImportBase *base, Findings *findings, GError **error)
{
	g_autofree char *text = importer_dup_document(snapshot, base, findings, error);

	if (text == NULL)
		return EXIT_NO_POSTFIX;
	ExitCode code = prove(snapshot, text, findings, error);
	return code == EXIT_DONE ? print(text, findings) : code;
}

/* Where nobody has edited anything since, the document in force is what Postfix does, notes and
 * all. Else only what Postfix can't tell is taken from it: rules, and rows with their notes. */
static ExitCode
import_from(const Snapshot *snapshot, const char *directory, const Manifest *manifest,
	    Findings *findings, GError **error)
{
	g_auto(Document) in_force = { .path = generation_dup_path(directory, manifest->number,
								  GENERATION_DOCUMENT) };
	g_autoptr(Findings) known = findings_new();
	ImportBase base = { .directory = directory };
	gboolean is_same;

	if (!document_read_again(&in_force, known)) {
		findings_add_live(
			findings, FINDING_NOT_IN_DOCUMENT, in_force.path,
			"the document of the generation in force can't be read: its rules "
			"and rows are not known; restore it from a backup");
		return import_all(snapshot, &base, findings, error);
	}
	if (manifest->report_only)
		settings_make_report_only(in_force.settings);
	g_autofree char *text = g_strndup(g_bytes_get_data(in_force.input.bytes, NULL),
					  g_bytes_get_size(in_force.input.bytes));
	base.text = text;
	base.settings = in_force.settings;
	if (!is_in_force(snapshot, &in_force, &is_same, error))
		return EXIT_NO_POSTFIX;
	if (manifest->report_only)
		findings_add_live(findings, FINDING_REPORT_ONLY, "rules",
				  "today the rules only report (apply --report-only), which the "
				  "document does not say");
	return is_same ? print(text, findings) : import_all(snapshot, &base, findings, error);
}

static ExitCode
import(const Snapshot *snapshot, Findings *findings, GError **error)
{
	g_autofree char *directory = generation_dup_directory(snapshot->config_directory);
	g_autoptr(Manifest) manifest = NULL;
	const ImportBase none = { .directory = directory };

	if (!plan_find_in_force(snapshot, &manifest, findings, error))
		return EXIT_NO_POSTFIX;
	if (manifest == NULL || manifest_is_removal(manifest))
		return import_all(snapshot, &none, findings, error);
	return import_from(snapshot, directory, manifest, findings, error);
}

static ExitCode
run(const CommandContext *context, char **arguments)
{
	g_auto(Document) shown = { .findings = findings_new() };
	g_autoptr(GError) error = NULL;

	if (arguments[0] != NULL)
		return command_refuse_argument(&command_import, arguments[0]);
	g_autoptr(Snapshot) snapshot = snapshot_take(context->config_directory, &error);
	if (snapshot == NULL)
		return command_fail(EXIT_NO_POSTFIX, error);
	shown.path = g_strdup("-");
	shown.input.bytes = g_bytes_new_static("", 0);
	ExitCode code = import(snapshot, shown.findings, &error);
	if (error != NULL)
		return command_fail(code, error);
	return document_report(context, &shown, code);
}

const Command command_import = {
	.name = "import",
	.summary = "print the document that says what this Postfix does today",
	.help = "Reads the configuration of this Postfix and prints the settings document that says the\n"
		"same: levels, certificates, trusted CAs, and the rows of smtp_tls_policy_maps. What no\n"
		"document can say is listed on standard error, with what to do about it; what is left\n"
		"out of the document stays as Postfix has it. Nothing is changed.\n"
		"Where tlsmap put something in force here, its rules and notes are in the document.\n",
	.statuses = "0 all is said, 1 something is not, 64 usage, 69 Postfix",
	.example = "tlsmap import > new-settings.json; tlsmap -s new-settings.json plan",
	.run = run,
};
