/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-settings: any bytes as a settings document; nothing may crash, and every finding has a
 * place. */
#include "checks.h"
#include "settings.h"

#include <stddef.h>
#include <stdint.h>

#define SOME_DAY 739000 /* in 2024 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(Findings) findings = findings_new();
	g_autoptr(Settings) settings = settings_load((const char *)data, size, NULL, findings);

	if (settings != NULL)
		checks_run(settings, SOME_DAY, findings);
	findings_locate(findings, (const char *)data, size);
	for (size_t i = 0; i < findings_n(findings); i++) {
		const Finding *finding = findings_nth(findings, i);
		g_assert_cmpuint(finding->offset, <=, size);
		g_assert_cmpuint(finding->line, >=, 1);
		g_assert_cmpuint(finding->column, >=, 1);
		g_assert_true(finding->pointer[0] == '/');
		g_assert_true(g_utf8_validate(finding->message, -1, NULL));
	}
	/* What is not JSON has one finding, what is has a model. */
	if (settings == NULL)
		g_assert_cmpuint(findings_n(findings), ==, 1);
	return 0;
}
