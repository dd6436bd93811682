/* SPDX-License-Identifier: Apache-2.0 */
/* main: the options before the command, and which command runs. */
#include "command.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const Command *const commands[] = {
	&command_check,
	&command_render,
	&command_plan,
	&command_apply,
};

static void
print_help(void)
{
	fputs("Usage: tlsmap [-c CONFIG_DIR] [-s SETTINGS] [--strict] COMMAND …\n\n"
	      "One JSON document says how this mail gateway protects mail in transit; tlsmap turns\n"
	      "it into Postfix's settings, shows what would change, and puts it in force in one step.\n\n"
	      "Commands:\n",
	      stdout);
	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
		printf("  %-8s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\nOptions:\n"
	      "  -c DIR     the Postfix configuration directory (default: MAIL_CONFIG, then Postfix's own)\n"
	      "  -s FILE    the settings document (default: tls-settings.json in that directory; - reads\n"
	      "             standard input)\n"
	      "  --strict   exit status 1 when there are warnings\n"
	      "  --version  print the version\n"
	      "  --help     print this; behind a command, what that command does\n\n"
	      "Example: echo '{}' >/etc/postfix/tls-settings.json; tlsmap plan; tlsmap apply\n",
	      stdout);
}

static const Command *
find_command(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

/* The options before the command; -1 to go on, or the exit status. */
static int
parse_options(int argc, char **argv, CommandContext *context)
{
	enum { OPTION_STRICT = 256, OPTION_HELP, OPTION_VERSION };
	static const struct option options[] = {
		{ "strict", no_argument, NULL, OPTION_STRICT },
		{ "help", no_argument, NULL, OPTION_HELP },
		{ "version", no_argument, NULL, OPTION_VERSION },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "+c:s:h", options, NULL)) != -1)
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
		case OPTION_VERSION:
			puts("tlsmap " TLSGATE_VERSION);
			return EXIT_DONE;
		case 'h':
		case OPTION_HELP:
			print_help();
			return EXIT_DONE;
		default:
			return EXIT_USAGE; /* getopt has said it */
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

/* Results that could not be printed are not results. */
static ExitCode
finish(ExitCode code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	command_complain("can't write to standard output: %s", g_strerror(errno));
	return code == EXIT_DONE || code == EXIT_CHANGES ? EXIT_NO_WRITE : code;
}

int
main(int argc, char **argv)
{
	CommandContext context = { 0 };

	setlocale(LC_CTYPE, "");
	umask(022);
	extend_path();
	int status = parse_options(argc, argv, &context);
	if (status >= 0)
		return finish(status);
	if (context.config_directory == NULL)
		context.config_directory = g_getenv("MAIL_CONFIG");
	if (argv[optind] == NULL) {
		command_complain("no command; see tlsmap --help");
		return EXIT_USAGE;
	}
	const Command *command = find_command(argv[optind]);
	if (command == NULL) {
		command_complain("there is no command \"%s\"; see tlsmap --help", argv[optind]);
		return EXIT_USAGE;
	}
	char **arguments = argv + optind + 1;
	if (g_strv_contains((const char *const *)arguments, "--help")) {
		printf("Usage: tlsmap [OPTION]… %s", command->help);
		return finish(EXIT_DONE);
	}
	return finish(command->run(&context, arguments));
}
