/* SPDX-License-Identifier: Apache-2.0 */
/* command: what every command of tlsmap is given, and the table of commands. */
#include "command.h"

#include "finding.h"
#include "output.h"

void
command_complain(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_autofree char *message = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	output_error(message);
}

void
command_note(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_autofree char *message = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	output_note(message);
}

ExitCode
command_fail(ExitCode code, const GError *error)
{
	output_error(error != NULL ? error->message : "failed without a reason: a bug");
	return error != NULL ? code : EXIT_BUG;
}

ExitCode
command_refuse_argument(const Command *command, const char *argument)
{
	g_autofree char *quoted = finding_quote(argument, -1);
	g_autofree char *accepted = g_strdelimit(
		g_strdup(command->arguments != NULL ? command->arguments : "none"), "\n", ' ');

	command_complain("%s: unexpected argument %s; accepted is %s (options of tlsmap itself "
			 "stand before \"%s\"); see tlsmap %s --help",
			 command->name, quoted, accepted, command->name, command->name);
	return EXIT_USAGE;
}
