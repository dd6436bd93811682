/* SPDX-License-Identifier: Apache-2.0 */
/* cmd-render: prints what would be written; needs the document alone. */
#include "describe.h"
#include "document.h"
#include "generation.h"
#include "maincf.h"
#include "policymap.h"
#include "snapshot.h"

#include <stdio.h>
#include <string.h>

/* The number is printed as 1: it is known only when something is applied. */
#define PRINTED_GENERATION 1
#define PIECE ((size_t)64 * 1024)
#define UNKNOWN_CONFIG_DIRECTORY "/etc/postfix"

/* What the text depends on besides the document. */
typedef struct {
	PostfixVersion version;
	Snapshot *snapshot; /* NULL: no Postfix found */
} Target;

static void
render_maincf(const Document *document, const Target *target)
{
	const Snapshot *snapshot = target->snapshot;
	g_autofree char *directory = generation_dup_directory(
		snapshot != NULL ? snapshot->config_directory : UNKNOWN_CONFIG_DIRECTORY);
	g_autofree char *path =
		generation_dup_path(directory, PRINTED_GENERATION, GENERATION_TABLE);
	int type = document->settings->postfix.table_type.code;
	const char *word =
		names_word(&names_table_type, type != TABLE_TYPE_AUTO ? type : TABLE_TYPE_CDB);
	g_autofree char *table = g_strconcat(word, ":", path, NULL);
	const MainCfInput input = { document->settings, target->version, PRINTED_GENERATION,
				    table };

	for (size_t i = 0; i < maincf_n_parameters(); i++) {
		const MainCfParameter *parameter = maincf_parameter(i);
		g_autofree char *value = parameter->render(&input);
		if (value == NULL)
			continue;
		g_autofree char *rest = NULL;
		if (parameter->kind == MAINCF_LIST && snapshot != NULL)
			rest = maincf_dup_without_token(
				snapshot_effective(snapshot, parameter->name));
		g_autofree char *whole = maincf_dup_with_first(value, rest);
		printf("%s =%s%s\n", parameter->name, *whole != '\0' ? " " : "", whole);
	}
}

/* In pieces: a table may be as large as the document. */
static void
render_table(const Document *document, const Target *target)
{
	GString *piece = g_string_sized_new(PIECE * 2);
	size_t n = settings_n_destinations(document->settings);

	for (size_t i = 0; i < n; i++) {
		policymap_append(piece, settings_destination(document->settings, i),
				 target->version);
		if (piece->len < PIECE && i + 1 < n)
			continue;
		fwrite(piece->str, 1, piece->len, stdout);
		g_string_truncate(piece, 0);
	}
	g_string_free(piece, TRUE);
}

static void
render_rules(const Document *document, const Target *target)
{
	GString *rules = describe_rules(document->settings);

	fwrite(rules->str, 1, rules->len, stdout);
	g_string_free(rules, TRUE);
}

static const struct {
	const char *name;
	void (*render)(const Document *document, const Target *target);
} parts[] = {
	{ "main.cf", render_maincf },
	{ "tls_policy", render_table },
	{ "rules", render_rules },
};

/* The version asked for, else that of the Postfix found, else the newest known. */
static ExitCode
find_target(const CommandContext *context, const char *version, Target *target)
{
	g_autoptr(GError) error = NULL;

	target->snapshot = snapshot_take(context->config_directory, &error);
	if (version != NULL) {
		if (version_parse(version, &target->version) &&
		    version_is_at_least(target->version, VERSION_OLDEST.major,
					VERSION_OLDEST.minor))
			return EXIT_DONE;
		command_complain("--postfix-version takes %d.%d or newer, like 3.7",
				 VERSION_OLDEST.major, VERSION_OLDEST.minor);
		return EXIT_USAGE;
	}
	target->version = target->snapshot != NULL ? target->snapshot->version : VERSION_NEWEST;
	if (target->snapshot == NULL)
		command_complain("no Postfix found (%s); rendering for Postfix %d.%d",
				 error->message, VERSION_NEWEST.major, VERSION_NEWEST.minor);
	return EXIT_DONE;
}

static ExitCode
run(const CommandContext *context, char **arguments)
{
	g_auto(Document) document = { .is_only_looked_at = TRUE };
	g_autoptr(Snapshot) snapshot = NULL;
	const char *version = NULL;
	size_t part = G_N_ELEMENTS(parts);
	Target target = { 0 };

	for (; *arguments != NULL; arguments++) {
		size_t i = 0;
		while (i < G_N_ELEMENTS(parts) && strcmp(parts[i].name, *arguments) != 0)
			i++;
		if (i < G_N_ELEMENTS(parts) && part == G_N_ELEMENTS(parts))
			part = i;
		else if (strcmp(*arguments, "--postfix-version") == 0 && arguments[1] != NULL)
			version = *++arguments;
		else
			return command_refuse_argument(&command_render, *arguments);
	}
	ExitCode code = document_load(context, &document);
	if (code == EXIT_DONE)
		code = find_target(context, version, &target);
	snapshot = target.snapshot;
	if (code == EXIT_DONE)
		parts[part < G_N_ELEMENTS(parts) ? part : 0].render(&document, &target);
	return document_report(context, &document, code);
}

const Command command_render = {
	.name = "render",
	.summary = "print what apply would write",
	.help = "render [main.cf|tls_policy|rules] [--postfix-version X.Y]\n\n"
		"Prints what the settings document becomes: the parameters of main.cf (default), the\n"
		"table behind smtp_tls_policy_maps, or the receiving rules in words. Postfix is not\n"
		"needed; one that is found says its version and what stands in the two restriction\n"
		"lists. The number of the generation is printed as 1.\n\n"
		"Example: tlsmap -s new-settings.json render --postfix-version 3.10\n",
	.run = run,
};
