/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-settings: any bytes as a settings document. Nothing may crash, every finding has a place,
 * and what is accepted becomes rows and rules that hold nothing but what they should. */
#include "checks.h"
#include "compile.h"
#include "maincf.h"
#include "policymap.h"
#include "ruledb.h"
#include "settings.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SOME_DAY 739000 /* in 2024 */

static const PostfixVersion versions[] = { { 3, 5 }, { 3, 6 }, { 3, 9 }, { 3, 12 } };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
assert_findings(const Findings *findings, size_t size)
{
	for (size_t i = 0; i < findings_n(findings); i++) {
		const Finding *finding = findings_nth(findings, i);
		g_assert_cmpuint(finding->offset, <=, size);
		g_assert_cmpuint(finding->line, >=, 1);
		g_assert_cmpuint(finding->column, >=, 1);
		g_assert_true(finding->pointer[0] == '/');
		g_assert_true(g_utf8_validate(finding->message, -1, NULL));
	}
}

/* A control character, above all a line end, would write a second line. */
static void
assert_plain(const char *text)
{
	for (const char *p = text; *p != '\0'; p++)
		g_assert_false(g_ascii_iscntrl(*p));
}

/* One line for each form of the destination: its key, a tab, and what is said of it. */
static void
assert_row(const SettingsDestination *row, PostfixVersion version)
{
	g_autoptr(GString) table = g_string_new(NULL);

	policymap_append(table, row, version);
	g_auto(GStrv) lines = g_strsplit(table->str, "\n", -1);
	size_t n = g_strv_length(lines);
	g_assert_cmpuint(n, >=, 2);
	g_assert_cmpstr(lines[n - 1], ==, "");
	for (size_t i = 0; i + 1 < n; i++) {
		char *tab = strchr(lines[i], '\t');
		g_assert_nonnull(tab);
		*tab = '\0';
		assert_plain(lines[i]);
		assert_plain(tab + 1);
		/* postmap(1) would take it for a comment, or for more of the line before. */
		g_assert_null(strpbrk(lines[i], " #\""));
	}
}

static void
assert_parameters(const Settings *settings, PostfixVersion version)
{
	const MainCfInput input = { settings, version, 1, "cdb:/gen/1/tls_policy",
				    "regexp:/gen/1/tls_spellings" };

	for (size_t i = 0; i < maincf_n_parameters(); i++) {
		g_autofree char *value = maincf_parameter(i)->render(&input);
		if (value != NULL)
			assert_plain(value);
	}
}

static void
assert_rules(const Settings *settings)
{
	const AddressRewriting rewriting = { .myorigin = "origin.test" };
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) bytes = compile_rules(settings, &rewriting, 1);
	g_autoptr(RuleDb) db = ruledb_open_bytes(bytes, &error);

	g_assert_no_error(error);
	g_assert_nonnull(db);
}

static void
assert_accepted(const Settings *settings)
{
	for (size_t i = 0; i < G_N_ELEMENTS(versions); i++) {
		assert_parameters(settings, versions[i]);
		for (size_t n = 0; n < settings_n_destinations(settings); n++)
			assert_row(settings_destination(settings, n), versions[i]);
	}
	assert_rules(settings);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(Findings) findings = findings_new();
	g_autoptr(Settings) settings = settings_load((const char *)data, size, NULL, findings);

	if (settings != NULL)
		checks_run(settings, SOME_DAY, findings);
	findings_locate(findings, (const char *)data, size);
	assert_findings(findings, size);
	/* What is not JSON has one finding, what is has a model. */
	if (settings == NULL)
		g_assert_cmpuint(findings_n(findings), ==, 1);
	else if (findings_count(findings, SEVERITY_ERROR) == 0)
		assert_accepted(settings);
	return 0;
}
