/* SPDX-License-Identifier: Apache-2.0 */
/* cmd-apply: puts the document in force, all or nothing. */
#include "enforce.h"
#include "rollback.h"

#include <string.h>

#define MAX_CONFIRM_SECONDS 86400

typedef struct {
	Apply apply;
	gboolean is_confirmation; /* --confirmed */
} Wish;

/* The value behind an option; FALSE and a message where there is none, or it is wrong. */
static gboolean
parse_value(const char *option, const char *value, Apply *apply)
{
	if (strcmp(option, "--expect-plan") == 0) {
		apply->expected_plan = value;
		if (value != NULL && *value != '\0')
			return TRUE;
		command_complain("nothing stands behind --expect-plan; accepted is a digest that "
				 "tlsmap plan printed");
		return FALSE;
	}
	if (value != NULL && g_ascii_string_to_unsigned(value, 10, 1, MAX_CONFIRM_SECONDS,
							&apply->confirm_seconds, NULL))
		return TRUE;
	g_autofree char *quoted = finding_quote(value != NULL ? value : "", -1);
	command_complain("found %s behind --confirm; accepted are seconds from 1 to %d", quoted,
			 MAX_CONFIRM_SECONDS);
	return FALSE;
}

static gboolean *
find_flag(Wish *wish, const char *name)
{
	const struct {
		const char *name;
		gboolean *flag;
	} flags[] = {
		{ "--adopt", &wish->apply.adopt },
		{ "--no-reload", &wish->apply.no_reload },
		{ "--report-only", &wish->apply.report_only },
		{ "--confirmed", &wish->is_confirmation },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(flags); i++)
		if (strcmp(flags[i].name, name) == 0)
			return flags[i].flag;
	return NULL;
}

static gboolean
parse_arguments(char **arguments, Wish *wish)
{
	const gboolean is_alone = arguments[0] != NULL && arguments[1] == NULL;

	for (; *arguments != NULL; arguments++) {
		gboolean *flag = find_flag(wish, *arguments);
		if (flag != NULL) {
			*flag = TRUE;
		} else if (g_str_equal(*arguments, "--confirm") ||
			   g_str_equal(*arguments, "--expect-plan")) {
			if (!parse_value(arguments[0], arguments[1], &wish->apply))
				return FALSE;
			arguments++;
		} else {
			command_refuse_argument(&command_apply, *arguments);
			return FALSE;
		}
	}
	if (!wish->is_confirmation || is_alone)
		return TRUE;
	command_complain("--confirmed stands alone: it lets stay what is in force");
	return FALSE;
}

/* What nobody has confirmed in time is undone first, whatever was wanted. */
static ExitCode
undo_overdue(const CommandContext *context, const Apply *apply, ExitCode code)
{
	if (apply->is_overdue)
		rollback_overdue(context);
	return code;
}

static ExitCode
confirm(const CommandContext *context, Apply *apply)
{
	g_auto(Document)
		document = { .findings = findings_new(), .path = document_dup_path(context) };
	g_autoptr(GError) error = NULL;

	document.input.bytes = g_bytes_new_static("", 0);
	apply->config_directory = context->config_directory;
	apply->findings = document.findings;
	ExitCode code = steps_confirm(apply, &error);
	if (error != NULL)
		return command_fail(code, error);
	code = document_report(context, &document, code);
	apply_clear(apply);
	return undo_overdue(context, apply, code);
}

static ExitCode
run(const CommandContext *context, char **arguments)
{
	g_auto(Document) document = { 0 };
	Wish wish = { .apply.rollback_of = -1 };

	if (!parse_arguments(arguments, &wish))
		return EXIT_USAGE;
	if (wish.is_confirmation)
		return confirm(context, &wish.apply);
	ExitCode code = document_load(context, &document);
	if (code != EXIT_DONE)
		return document_report(context, &document, code);
	if (wish.apply.report_only)
		settings_make_report_only(document.settings);
	code = enforce(context, &document, &wish.apply);
	apply_clear(&wish.apply);
	return undo_overdue(context, &wish.apply, code);
}

const Command command_apply = {
	.name = "apply",
	.summary = "put the settings document in force",
	.arguments = "[--adopt] [--no-reload] [--report-only]\n"
		     "[--expect-plan DIGEST] [--confirm SECONDS] | --confirmed",
	.help = "Puts the settings document in force on this Postfix, all or nothing: a new generation\n"
		"is built and proved beside what is in force, then one rename of main.cf commits it.\n"
		"All listeners are tried before it and behind the reload: where one got worse, all is\n"
		"undone. Prints what changed; when nothing changed, nothing is written, reloaded or\n"
		"printed.\n\n"
		"  --adopt      take over values that somebody else set, instead of refusing them\n"
		"  --no-reload  do not reload Postfix; its processes change one by one\n"
		"  --report-only\n"
		"               let every rule only report: mail passes, and the log says what would\n"
		"               have been refused; apply without it enforces them\n"
		"  --expect-plan DIGEST\n"
		"               refuse if this is not the plan that tlsmap plan showed with that digest\n"
		"  --confirm SECONDS\n"
		"               undo it after so many seconds, unless apply --confirmed comes before\n"
		"  --confirmed  let stay what waits to be confirmed; stands alone\n",
	.statuses = "0 done, 1 --strict, 64 usage, 65 document, 69 Postfix, 73 write, 75 lock, 77 "
		    "denied, 78 refused",
	.example = "tlsmap plan; tlsmap apply",
	.run = run,
};
