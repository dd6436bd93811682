/* SPDX-License-Identifier: Apache-2.0 */
/* command: what every command of tlsmap is given, and the table of commands. */
#include "command.h"

#include <stdio.h>

void
command_complain(const char *format, ...)
{
	va_list arguments;

	fputs("tlsmap: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

ExitCode
command_fail(ExitCode code, const GError *error)
{
	command_complain("%s", error != NULL ? error->message : "failed without a reason: a bug");
	return error != NULL ? code : EXIT_BUG;
}

ExitCode
command_refuse_argument(const Command *command, const char *argument)
{
	command_complain("%s does not know \"%s\"; see tlsmap %s --help", command->name, argument,
			 command->name);
	return EXIT_USAGE;
}
