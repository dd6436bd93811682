/* SPDX-License-Identifier: Apache-2.0 */
/* command: what every command of tlsmap is given, and the table of commands. */
#pragma once

#include "exitcode.h"

#include <glib.h>

/* The options before the command's name. */
typedef struct {
	const char *config_directory; /* -c; NULL: MAIL_CONFIG, then Postfix's own */
	const char *settings_path;    /* -s; NULL: CONFIG_DIR/tls-settings.json */
	gboolean is_strict;           /* --strict: warnings count */
} CommandContext;

typedef struct {
	const char *name;
	const char *summary;
	/* What may stand behind the name, as the usage has it, in lines; NULL: nothing. */
	const char *arguments;
	/* The rest of --help: what it does and its options, whole lines; the exit statuses, one
	 * line; a shell command that works as it stands here. */
	const char *help;
	const char *statuses;
	const char *example;
	/* arguments begin behind the command's name; NULL-terminated. */
	ExitCode (*run)(const CommandContext *context, char **arguments);
} Command;

extern const Command command_apply;
extern const Command command_audit;
extern const Command command_check;
extern const Command command_explain;
extern const Command command_history;
extern const Command command_import;
extern const Command command_init;
extern const Command command_plan;
extern const Command command_probe;
extern const Command command_render;
extern const Command command_rollback;
extern const Command command_status;

/* Say why the run fails, in one message (output_error()). */
void command_complain(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* Say something that is to be known beside the result (output_note()). */
void command_note(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* Take error's message, with code as the result: return command_fail(EXIT_…, error). */
ExitCode command_fail(ExitCode code, const GError *error);

/* Complain of an argument that the command does not know, and say what it takes. */
ExitCode command_refuse_argument(const Command *command, const char *argument);
