/* SPDX-License-Identifier: Apache-2.0 */
/* main: the options before the command, and which command runs. */
#include "command.h"
#include "finding.h"
#include "output.h"

#include <getopt.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>

#define ACCEPTED_OPTIONS "-c DIR, -s FILE, --json, --strict, --version and --help"

static const Command *const commands[] = {
	&command_init,   &command_import, &command_check,    &command_render,
	&command_plan,   &command_apply,  &command_rollback, &command_history,
	&command_status, &command_audit,  &command_explain,  &command_probe,
};

static const char options_help[] =
	"\nOptions:\n"
	"  -c DIR     the Postfix configuration directory (default: MAIL_CONFIG, then Postfix's own)\n"
	"  -s FILE    the settings document (default: tls-settings.json in that directory; - reads\n"
	"             standard input)\n"
	"  --json     print one JSON object, for programs, and nothing else\n"
	"  --strict   exit status 1 when there are warnings\n"
	"  --version  print the version\n"
	"  --help     print this; behind a command, what that command does\n\n"
	"Exit status: 0: done, also with warnings; 1: plan has changes, status or audit finds something\n"
	"off, import something that no document can say, probe mail that would not go, or --strict and\n"
	"warnings;\n"
	"64: wrong usage; 65: the document has an error, or can't be read; 69: Postfix is not there\n"
	"or does not answer; 70: a bug of tlsmap; 73: can't write; 75: another run is at work;\n"
	"77: no permission; 78: this Postfix forbids it, nothing was changed\n\n"
	"Example: tlsmap init; tlsmap plan; tlsmap apply\n";

/* For people and for programs. */
static ExitCode
show_help(const char *text)
{
	output_write(text, strlen(text));
	output_add_text("help", text);
	return EXIT_DONE;
}

static ExitCode
help(void)
{
	g_autoptr(GString) text = g_string_new(
		"Usage: tlsmap [-c DIR] [-s FILE] [--json] [--strict] COMMAND …\n\n"
		"One JSON document says how this mail gateway protects mail in transit; tlsmap turns\n"
		"it into Postfix's settings, shows what would change, and puts it in force in one step.\n\n"
		"Commands:\n");

	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
		g_string_append_printf(text, "  %-8s %s\n", commands[i]->name,
				       commands[i]->summary);
	g_string_append(text, options_help);
	return show_help(text->str);
}

static ExitCode
help_of(const Command *command)
{
	g_auto(GStrv) lines =
		g_strsplit(command->arguments != NULL ? command->arguments : "", "\n", -1);
	g_autofree char *arguments = g_strjoinv("\n           ", lines);
	g_autofree char *text = g_strdup_printf(
		"Usage: tlsmap [OPTION]… %s%s%s\n\n%s\nExit status: %s\nExample: %s\n",
		command->name, command->arguments != NULL ? " " : "", arguments, command->help,
		command->statuses, command->example);

	return show_help(text);
}

static ExitCode
version(void)
{
	output_print("tlsmap %s\n", TLSGATE_VERSION);
	output_add_text("version", TLSGATE_VERSION);
	return EXIT_DONE;
}

static const Command *
find_command(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

static ExitCode
refuse_command(const char *name)
{
	g_autoptr(GString) accepted = g_string_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
		g_string_append_printf(accepted, "%s%s",
				       i == 0                           ? ""
				       : i + 1 < G_N_ELEMENTS(commands) ? ", "
									: " and ",
				       commands[i]->name);
	g_autofree char *quoted = name != NULL ? finding_quote(name, -1) : NULL;
	command_complain("%s%s; accepted are %s; see tlsmap --help",
			 name != NULL ? "there is no command " : "no command is named",
			 name != NULL ? quoted : "", accepted->str);
	return EXIT_USAGE;
}

/* What getopt_long(3) has just refused: of a short option the letter, for there may be several in
 * one word. */
static ExitCode
refuse_option(int option, const char *word)
{
	g_autofree char *letter =
		optopt > 0 && optopt < 0x100 ? g_strdup_printf("-%c", optopt) : NULL;
	g_autofree char *quoted = finding_quote(letter != NULL ? letter : word, -1);

	command_complain("%s %s; accepted are " ACCEPTED_OPTIONS "; see tlsmap --help",
			 option == ':' ? "nothing stands behind the option" : "there is no option",
			 quoted);
	return EXIT_USAGE;
}

/* The options before the command; -1 to go on, or the exit status. */
static int
parse_options(int argc, char **argv, CommandContext *context)
{
	enum { OPTION_STRICT = 0x100, OPTION_JSON, OPTION_HELP, OPTION_VERSION };
	static const struct option options[] = {
		{ "strict", no_argument, NULL, OPTION_STRICT },
		{ "json", no_argument, NULL, OPTION_JSON },
		{ "help", no_argument, NULL, OPTION_HELP },
		{ "version", no_argument, NULL, OPTION_VERSION },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "+:c:s:h", options, NULL)) != -1)
		switch (option) {
		case 'c':
			context->config_directory = optarg;
			break;
		case 's':
			context->settings_path = optarg;
			break;
		case OPTION_STRICT:
			context->is_strict = TRUE;
			break;
		case OPTION_JSON:
			output_use_json();
			break;
		case OPTION_VERSION:
			return version();
		case 'h':
		case OPTION_HELP:
			return help();
		default:
			return refuse_option(option, argv[optind - 1]);
		}
	return -1;
}

/* postconf and postfix are where the administrator's shell finds them, or in the usual places. */
static void
extend_path(void)
{
	const char *path = g_getenv("PATH");
	g_autofree char *extended = g_strconcat(path != NULL ? path : "/usr/bin:/bin",
						":/usr/sbin:/usr/local/sbin:/sbin", NULL);

	g_setenv("PATH", extended, TRUE);
}

/* Postfix's daemons have another working directory: what main.cf names must be absolute. The caller
 * frees it. */
static char *
dup_config_directory(const char *given)
{
	const char *directory = given != NULL ? given : g_getenv("MAIL_CONFIG");
	g_autofree char *here = g_get_current_dir();

	if (directory == NULL || g_path_is_absolute(directory))
		return g_strdup(directory);
	return g_build_filename(here, directory, NULL);
}

static ExitCode
run_command(const CommandContext *context, char **words)
{
	const Command *command = words[0] != NULL ? find_command(words[0]) : NULL;

	if (command == NULL)
		return refuse_command(words[0]);
	output_set_command(command->name);
	if (g_strv_contains((const char *const *)words + 1, "--help"))
		return help_of(command);
	return command->run(context, words + 1);
}

int
main(int argc, char **argv)
{
	CommandContext context = { 0 };

	setlocale(LC_CTYPE, "");
	umask(022);
	extend_path();
	int status = parse_options(argc, argv, &context);
	g_autofree char *directory = dup_config_directory(context.config_directory);
	context.config_directory = directory;
	return output_finish(status >= 0 ? (ExitCode)status : run_command(&context, argv + optind));
}
