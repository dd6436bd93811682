/* SPDX-License-Identifier: Apache-2.0 */
/* cmd-render: prints what would be written; needs the document alone. */
#include "describe.h"
#include "document.h"
#include "output.h"
#include "policymap.h"
#include "routekeys.h"
#include "routerows.h"
#include "render.h"
#include "snapshot.h"

#include <string.h>

#define PIECE ((size_t)64 * 1024)

static void
print_value(const char *name, const char *value, void *data)
{
	output_print("%s =%s%s\n", name, *value != '\0' ? " " : "", value);
	output_add_text(name, value);
}

static void
print_maincf(const RenderInput *input)
{
	output_begin_object("main.cf");
	render_visit_values(input, print_value, NULL);
	output_end();
}

/* Lines of a table, for programs each as its two halves. */
static void
print_lines(GString *piece)
{
	output_write(piece->str, piece->len);
	for (char *key = piece->str, *end; (end = strchr(key, '\n')) != NULL; key = end + 1) {
		char *value = strchr(key, '\t');
		*value++ = '\0';
		*end = '\0';
		output_add_pair(key, value);
	}
	g_string_truncate(piece, 0);
}

/* In pieces: a table may be as large as the document. */
static void
print_table(const RenderInput *input)
{
	g_autoptr(GString) piece = g_string_sized_new(PIECE * 2);

	output_begin_list("tls_policy");
	for (size_t i = 0; i < settings_n_destinations(input->settings); i++) {
		policymap_append(piece, settings_destination(input->settings, i), input->version);
		if (piece->len >= PIECE)
			print_lines(piece);
	}
	if (input->route_keys != NULL)
		routerows_append(piece, input->route_keys, input->settings, input->version);
	print_lines(piece);
	output_end();
}

static void
print_rules(const RenderInput *input)
{
	const Settings *settings = input->settings;
	const GArray *exempt = settings->receive.exempt_networks;
	g_autoptr(GString) rules = describe_rules(settings);

	output_write(rules->str, rules->len);
	output_begin_list("exempt_networks");
	for (size_t i = 0; i < settings_n_texts(exempt); i++)
		output_add_item(settings_text(exempt, i));
	output_end();
	output_begin_list("rules");
	for (size_t i = 0; i < settings_n_rules(settings); i++) {
		const SettingsRule *rule = settings_rule(settings, i);
		g_autofree char *words = describe_dup_rule(rule);
		const OutputField fields[] = { { "name", rule->name.text }, { "text", words } };
		output_add_record(fields, G_N_ELEMENTS(fields));
	}
	output_end();
}

/* What a part depends on beside the document. */
typedef enum { NEEDS_NOTHING, NEEDS_VERSION, NEEDS_POSTFIX } Needs;

typedef struct {
	const char *name;
	void (*print)(const RenderInput *input);
	Needs needs;
} Part;

static const Part parts[] = {
	{ "main.cf", print_maincf, NEEDS_POSTFIX },
	{ "tls_policy", print_table, NEEDS_VERSION },
	{ "rules", print_rules, NEEDS_NOTHING },
};

/* What the command line asks for. */
typedef struct {
	const Part *part;       /* NULL: none is named */
	const char *directory;  /* -o; NULL: none */
	gboolean has_version;   /* --postfix-version */
	PostfixVersion version; /* of it */
} Request;

static const Part *
find_part(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
		if (strcmp(parts[i].name, name) == 0)
			return &parts[i];
	return NULL;
}

static ExitCode
parse_version(const char *text, Request *request)
{
	const PostfixVersion oldest = VERSION_OLDEST;

	request->has_version = version_parse(text, &request->version) &&
			       version_is_at_least(request->version, oldest.major, oldest.minor);
	if (request->has_version)
		return EXIT_DONE;
	g_autofree char *quoted = finding_quote(text, -1);
	command_complain("--postfix-version %s: accepted is %d.%d or newer, like 3.7; see tlsmap "
			 "render --help",
			 quoted, oldest.major, oldest.minor);
	return EXIT_USAGE;
}

static ExitCode
parse_arguments(char **arguments, Request *request)
{
	ExitCode code = EXIT_DONE;

	for (; *arguments != NULL && code == EXIT_DONE; arguments++) {
		const Part *part = find_part(*arguments);
		if (part != NULL && request->part == NULL && request->directory == NULL)
			request->part = part;
		else if (strcmp(*arguments, "-o") == 0 && arguments[1] != NULL &&
			 request->part == NULL)
			request->directory = *++arguments;
		else if (strcmp(*arguments, "--postfix-version") == 0 && arguments[1] != NULL)
			code = parse_version(*++arguments, request);
		else
			code = command_refuse_argument(&command_render, *arguments);
	}
	return code;
}

/* The version asked for, else that of the Postfix found, else the newest known. */
static void
set_target(const Request *request, const Snapshot *snapshot, const GError *absence,
	   RenderInput *input)
{
	input->snapshot = snapshot;
	input->version = request->has_version ? request->version
			 : snapshot != NULL   ? snapshot->version
					      : VERSION_NEWEST;
	if (snapshot == NULL && !request->has_version)
		command_note("no Postfix found (%s); rendering for Postfix %d.%d", absence->message,
			     input->version.major, input->version.minor);
}

static ExitCode
write_directory(const Request *request, RenderInput *input, Findings *findings)
{
	g_autoptr(GError) error = NULL;

	/* What another version has written there can't be proved with this one's postconf(1). */
	if (input->snapshot != NULL && (input->version.major != input->snapshot->version.major ||
					input->version.minor != input->snapshot->version.minor))
		input->snapshot = NULL;
	if (input->snapshot == NULL)
		command_note("there is no Postfix %d.%d here to merge with: main.cf and master.cf "
			     "hold only what tlsmap writes, and rules.db counts on Postfix's "
			     "defaults for rewriting addresses",
			     input->version.major, input->version.minor);
	if (!render_directory(input, request->directory, findings, &error))
		return command_fail(error != NULL && error->domain == G_FILE_ERROR
					    ? exitcode_of_write(error)
					    : EXIT_NO_POSTFIX,
				    error);
	if (findings_count(findings, SEVERITY_ERROR) > 0)
		return EXIT_REFUSED;
	output_print("wrote %s\n", request->directory);
	output_add_text("directory", request->directory);
	return EXIT_DONE;
}

/* The rows that stand under the next-hops of this Postfix, too. */
static gboolean
find_route_keys(const RenderInput *input, Findings *findings, GPtrArray **keys, GError **error)
{
	if (settings_n_destinations(input->settings) == 0)
		return TRUE;
	if (input->snapshot == NULL) {
		command_note("rows that Postfix needs under the next-hops of its routes are left "
			     "out: it was not asked for them");
		return TRUE;
	}
	*keys = routekeys_find(input->settings, input->snapshot, findings, error);
	return *keys != NULL;
}

static ExitCode
render_document(const CommandContext *context, const Request *request, const Document *document)
{
	const Part *part = request->part != NULL ? request->part : &parts[0];
	const Needs needs = request->directory != NULL ? NEEDS_POSTFIX : part->needs;
	g_autoptr(GError) absence = NULL;
	g_autoptr(Snapshot) snapshot = NULL;
	RenderInput input = { .settings = document->settings };

	/* Asking takes a while, and a second where there is no Postfix. */
	if (needs == NEEDS_POSTFIX || (needs == NEEDS_VERSION && !request->has_version))
		snapshot = snapshot_take(context->config_directory, &absence);
	if (needs != NEEDS_NOTHING)
		set_target(request, snapshot, absence, &input);
	g_autoptr(GPtrArray) keys = NULL;
	g_autoptr(GError) error = NULL;
	if ((request->directory != NULL || part->print == print_table) &&
	    !find_route_keys(&input, document->findings, &keys, &error))
		return command_fail(EXIT_NO_POSTFIX, error);
	input.route_keys = keys;
	if (request->directory != NULL)
		return write_directory(request, &input, document->findings);
	part->print(&input);
	return findings_count(document->findings, SEVERITY_ERROR) > 0 ? EXIT_REFUSED : EXIT_DONE;
}

static ExitCode
run(const CommandContext *context, char **arguments)
{
	g_auto(Document) document = { .is_only_looked_at = TRUE };
	Request request = { 0 };

	ExitCode code = parse_arguments(arguments, &request);
	if (code != EXIT_DONE)
		return code;
	code = document_load(context, &document);
	if (code == EXIT_DONE)
		code = render_document(context, &request, &document);
	return document_report(context, &document, code);
}

const Command command_render = {
	.name = "render",
	.summary = "print what apply would write",
	.arguments = "[main.cf|tls_policy|rules|-o DIR] [--postfix-version X.Y]",
	.help = "Prints what the settings document becomes: the parameters of main.cf (default), the\n"
		"table behind smtp_tls_policy_maps, or the receiving rules in words. Postfix is not\n"
		"needed; one that is found says its version and what stands in the two restriction\n"
		"lists. The number of the generation is printed as 1.\n\n"
		"  -o DIR                 make DIR with main.cf, master.cf, tls_policy,\n"
		"                         tls_spellings and rules.db;\n"
		"                         what the Postfix found has in the first two is kept. A DIR\n"
		"                         with such files that render -o did not write is refused\n"
		"  --postfix-version X.Y  for this version, not that of the Postfix found\n",
	.statuses =
		"0 done, 1 --strict, 64 usage, 65 document, 69 Postfix, 73 write, 77 denied, 78 "
		"refused",
	.example = "tlsmap -s new-settings.json render --postfix-version 3.10",
	.run = run,
};
