/* SPDX-License-Identifier: Apache-2.0 */
/* render: what the document becomes for a Postfix that may not be there. */
#include "render.h"

#include "generation.h"
#include "maincf.h"

#define UNKNOWN_CONFIG_DIRECTORY "/etc/postfix"

static char *
dup_generations(const RenderInput *input)
{
	return generation_dup_directory(input->snapshot != NULL ? input->snapshot->config_directory
								: UNKNOWN_CONFIG_DIRECTORY);
}

static char *
dup_table_name(const RenderInput *input)
{
	g_autofree char *directory = dup_generations(input);
	g_autofree char *path = generation_dup_path(directory, RENDER_GENERATION, GENERATION_TABLE);
	int type = input->settings->postfix.table_type.code;

	return g_strconcat(
		names_word(&names_table_type, type != TABLE_TYPE_AUTO ? type : TABLE_TYPE_CDB), ":",
		path, NULL);
}

void
render_visit_values(const RenderInput *input,
		    void (*visit)(const char *name, const char *value, void *data), void *data)
{
	g_autofree char *table = dup_table_name(input);
	const MainCfInput values = { input->settings, input->version, RENDER_GENERATION, table };

	for (size_t i = 0; i < maincf_n_parameters(); i++) {
		const MainCfParameter *parameter = maincf_parameter(i);
		g_autofree char *value = parameter->render(&values);
		if (value == NULL)
			continue;
		g_autofree char *rest = NULL;
		if (parameter->kind == MAINCF_LIST && input->snapshot != NULL)
			rest = maincf_dup_without_token(
				snapshot_effective(input->snapshot, parameter->name));
		g_autofree char *whole = maincf_dup_with_first(value, rest);
		visit(parameter->name, whole, data);
	}
}
