/* SPDX-License-Identifier: Apache-2.0 */
/* stage-document: what apply would put into main.cf, master.cf and the policy table, written beside
 * each document instead of being put in force.
 *
 * Usage: stage-document CONFIG_DIR DOCUMENT…
 *
 * Plan and stage are apply's own. CONFIG_DIR has the files that Postfix is delivered with: a
 * finding of the document or of the stage, and a value that is taken for somebody's choice, is
 * printed and makes the exit status 1. What else the live machine says against a plan (a
 * certificate file that is not there) does not matter here. */
#include "checks.h"
#include "finding.h"
#include "plan.h"
#include "settings.h"
#include "snapshot.h"
#include "stage.h"

#include <glib.h>

#include <stdio.h>
#include <stdlib.h>

#define SOME_DAY 739000 /* in 2024 */

/* "DOCUMENT: what was found". */
static void
report(const char *path, const Finding *finding)
{
	fprintf(stderr, "%s: %s%s%s [%s]\n", path, finding->where != NULL ? finding->where : "",
		finding->where != NULL ? ": " : "", finding->message,
		finding_identifier(finding->id));
}

static gboolean
report_errors(const char *path, const Findings *findings)
{
	for (size_t i = 0; i < findings_n(findings); i++) {
		const Finding *finding = findings_nth(findings, i);
		if (finding_severity(finding->id) == SEVERITY_ERROR)
			report(path, finding);
	}
	return findings_count(findings, SEVERITY_ERROR) == 0;
}

/* What Postfix is delivered with must never be taken for somebody's choice. */
static gboolean
report_foreign_values(const char *path, const Findings *obstacles)
{
	gboolean is_stock = TRUE;

	for (size_t i = 0; i < findings_n(obstacles); i++) {
		const Finding *finding = findings_nth(obstacles, i);
		if (finding->id != FINDING_FOREIGN_VALUE)
			continue;
		report(path, finding);
		is_stock = FALSE;
	}
	return is_stock;
}

static gboolean
write_beside(const char *path, const char *name, const char *data, gsize size, GError **error)
{
	g_autofree char *directory = g_path_get_dirname(path);
	g_autofree char *file = g_build_filename(directory, name, NULL);

	return g_file_set_contents(file, data, size, error);
}

static gboolean
write_bytes(const char *path, const char *name, GBytes *bytes, GError **error)
{
	gsize size;
	const char *data = g_bytes_get_data(bytes, &size);

	return write_beside(path, name, data, size, error);
}

static gboolean
stage_settings(const char *path, const Settings *settings, GBytes *document,
	       const Snapshot *snapshot, GError **error)
{
	g_autoptr(Findings) obstacles = findings_new();
	g_autoptr(Findings) findings = findings_new();
	g_autoptr(Plan) plan = plan_make(settings, document, snapshot, 0, obstacles, error);
	g_autofree char *workplace = g_strconcat(path, ".stage", NULL);
	g_auto(Stage) stage = { 0 };

	if (plan == NULL || !stage_make(plan, workplace, &stage, findings, error) ||
	    !write_bytes(path, "main.cf", stage.main_cf, error) ||
	    !write_bytes(path, "master.cf", stage.master_cf, error) ||
	    !write_beside(path, "tls_policy", plan->table->str, plan->table->len, error))
		return FALSE;
	gboolean is_stock = report_foreign_values(path, obstacles);
	return report_errors(path, findings) && is_stock;
}

static gboolean
stage_document(const char *path, const Snapshot *snapshot, GError **error)
{
	g_autoptr(Findings) findings = findings_new();
	g_autoptr(Settings) settings = NULL;
	g_autoptr(GBytes) document = NULL;
	char *text;
	gsize size;

	if (!g_file_get_contents(path, &text, &size, error))
		return FALSE;
	document = g_bytes_new_take(text, size);
	settings = settings_load(text, size, NULL, findings);
	if (settings != NULL)
		checks_run(settings, SOME_DAY, findings);
	return report_errors(path, findings) &&
	       stage_settings(path, settings, document, snapshot, error);
}

int
main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Snapshot) snapshot = NULL;
	int status = EXIT_SUCCESS;

	if (argc < 3) {
		fputs("Usage: stage-document CONFIG_DIR DOCUMENT...\n", stderr);
		return 64;
	}
	snapshot = snapshot_take(argv[1], &error);
	if (snapshot == NULL) {
		fprintf(stderr, "stage-document: %s\n", error->message);
		return EXIT_FAILURE;
	}
	for (int i = 2; i < argc; i++) {
		g_autoptr(GError) failure = NULL;
		if (stage_document(argv[i], snapshot, &failure))
			continue;
		if (failure != NULL)
			fprintf(stderr, "%s: %s\n", argv[i], failure->message);
		status = EXIT_FAILURE;
	}
	return status;
}
