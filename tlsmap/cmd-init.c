/* SPDX-License-Identifier: Apache-2.0 */
/* cmd-init: writes a settings file with the defaults; needs nothing. */
#include "document.h"
#include "file.h"
#include "maincf.h"
#include "output.h"
#include "snapshot.h"

#include <string.h>

/* Says what {} says. */
static const char defaults[] = "{\n"
			       "  \"receive\": {\n"
			       "    \"security_level\": \"may\",\n"
			       "    \"client_certificate\": \"none\",\n"
			       "    \"exempt_networks\": [\"127.0.0.0/8\", \"::1/128\"],\n"
			       "    \"on_policy_failure\": \"defer\"\n"
			       "  },\n"
			       "  \"send\": {\n"
			       "    \"security_level\": \"may\"\n"
			       "  }\n"
			       "}\n";

/* Whether somebody has chosen this value: not Postfix, not a distribution, not the defaults. */
static gboolean
is_chosen(const Snapshot *snapshot, const MainCfInput *input, const MainCfParameter *parameter,
	  const char *value)
{
	if (parameter->kind == MAINCF_LIST || value == NULL)
		return FALSE;
	g_autofree char *wanted = parameter->render(input);
	return g_strcmp0(value, wanted) != 0 && !maincf_is_stock(parameter, value) &&
	       g_strcmp0(value, g_hash_table_lookup(snapshot->defaults, parameter->name)) != 0;
}

/* What this Postfix says of TLS already, one name each. */
static GPtrArray *
find_chosen(const Snapshot *snapshot, const Settings *settings)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	const MainCfInput input = { settings, snapshot->version, 1, "", "" };

	for (size_t i = 0; i < maincf_n_parameters(); i++) {
		const MainCfParameter *parameter = maincf_parameter(i);
		if (is_chosen(snapshot, &input, parameter,
			      snapshot_value(snapshot, parameter->name)))
			g_ptr_array_add(names, g_strdup(parameter->name));
	}
	for (size_t i = 0; i < snapshot->overrides->len; i++) {
		const SnapshotOverride *override = snapshot->overrides->pdata[i];
		const MainCfParameter *parameter = maincf_find(override->parameter);
		if (parameter != NULL && is_chosen(snapshot, &input, parameter, override->value))
			g_ptr_array_add(names, g_strconcat(override->service, "/",
							   override->parameter, NULL));
	}
	return names;
}

/* A Postfix that somebody has configured does more than the defaults say. */
static void
point_to_postfix(const CommandContext *context)
{
	g_autoptr(Snapshot) snapshot = snapshot_take(context->config_directory, NULL);
	g_autoptr(Findings) findings = findings_new();
	g_autoptr(Settings) settings = settings_load(defaults, strlen(defaults), NULL, findings);

	if (snapshot == NULL)
		return;
	g_autoptr(GPtrArray) names = find_chosen(snapshot, settings);
	if (names->len == 0)
		return;
	g_ptr_array_add(names, NULL);
	g_autofree char *list = g_strjoinv(", ", (char **)names->pdata);
	command_note("the Postfix of %s is configured for TLS already, and the defaults do not say "
		     "what it does (%s); the document that does is what tlsmap import prints",
		     snapshot->config_directory, list);
}

static ExitCode
run(const CommandContext *context, char **arguments)
{
	g_autoptr(GError) error = NULL;

	if (arguments[0] != NULL)
		return command_refuse_argument(&command_init, arguments[0]);
	g_autofree char *path = document_dup_path(context);
	if (strcmp(path, "-") == 0) {
		command_complain("init writes a file, and \"-\" is standard input; accepted is -s "
				 "FILE; see tlsmap init --help");
		return EXIT_USAGE;
	}
	if (!file_create(path, defaults, strlen(defaults), 0644, &error)) {
		if (g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_EXIST))
			g_prefix_error(&error, "init never overwrites; name another file by -s: ");
		return command_fail(exitcode_of_write(error), error);
	}
	output_print("wrote %s\n", path);
	output_add_text("file", path);
	point_to_postfix(context);
	return EXIT_DONE;
}

const Command command_init = {
	.name = "init",
	.summary = "write a settings document with the defaults",
	.help = "Writes the settings file (-s, or tls-settings.json in the configuration directory)\n"
		"with the defaults: TLS is offered and used where the other side can, nothing is\n"
		"refused. A file that is there already is never touched.\n",
	.statuses = "0 done, 64 usage, 73 there already or write, 77 denied",
	.example = "tlsmap -s new-settings.json init",
	.run = run,
};
