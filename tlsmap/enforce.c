/* SPDX-License-Identifier: Apache-2.0 */
/* enforce: what apply and rollback share: take all steps, and say what came of it. */
#include "enforce.h"

#include "condition.h"
#include "output.h"

/* When daemons that start take the new settings. */
typedef struct {
	const char *word; /* for programs */
	const char *text; /* for people, behind "in force" */
} Moment;

static const Moment now = { "now", "" };
static const Moment at_start = { "start", " from the next start of Postfix on" };
static const Moment at_reload = { "reload", " after the next postfix reload" };

static void
report(const Apply *apply)
{
	const Plan *plan = apply->plan;
	const Moment *moment = !apply->snapshot->is_running ? &at_start
			       : apply->is_reload_owed      ? &at_reload
							    : &now;

	output_changes(plan->changes);
	if (!apply->is_nothing_to_do && manifest_is_removal(plan->manifest))
		output_print("tlsgate is out of this Postfix%s\n", moment->text);
	else if (!apply->is_nothing_to_do)
		output_print("generation %" G_GUINT64_FORMAT " is in force%s%s\n", plan->number,
			     moment->text,
			     plan->manifest->report_only ? "; its rules refuse nothing, they report"
							 : "");
	/* A Postfix that says all by itself has no generation. */
	if (apply->is_nothing_to_do && plan->current == NULL)
		return;
	output_add_number("generation",
			  apply->is_nothing_to_do ? plan->current->number : plan->number);
	output_add_text("in_force", moment->word);
	output_add_boolean("report_only", apply->report_only);
}

/* Whatever else failed: what was committed is to be undone. */
static void
await_confirmation(Apply *apply)
{
	g_autoptr(GError) error = NULL;

	if (apply->confirm_seconds == 0 || !apply->is_committed)
		return;
	/* What was noted before the commit was for a run that dies: the proof took its time. */
	g_autoptr(GError) unnoted = NULL;
	if (condition_note(apply, &unnoted) != EXIT_DONE)
		g_debug("the time to confirm: %s", unnoted->message);
	if (!confirm_start_waiting(apply->snapshot->config_directory, &apply->confirmation, &error))
		command_complain("nothing waits to undo generation %" G_GUINT64_FORMAT
				 ", the next apply or rollback does: %s",
				 apply->plan->number, error->message);
	g_autoptr(GDateTime) until = g_date_time_new_from_unix_utc(apply->confirmation.until);
	g_autofree char *time = g_date_time_format(until, "%Y-%m-%dT%H:%M:%SZ");
	output_print("it is undone in %" G_GUINT64_FORMAT
		     " s unless tlsmap apply --confirmed comes before\n",
		     apply->confirm_seconds);
	output_add_text("confirm_until", time);
}

ExitCode
enforce(const CommandContext *context, Document *document, Apply *apply)
{
	g_autoptr(GError) error = NULL;

	apply->config_directory = context->config_directory;
	apply->settings = document->settings;
	apply->document = document->input.bytes;
	apply->findings = document->findings;
	ExitCode code = steps_run(apply, &error);
	if (error != NULL)
		command_fail(code, error);
	if (code != EXIT_DONE && apply->is_committed) {
		output_add_number("generation", apply->plan->number);
		command_complain("generation %" G_GUINT64_FORMAT
				 " is in main.cf all the same; put right what is said here, then "
				 "apply again or reload Postfix",
				 apply->plan->number);
	}
	if (code == EXIT_DONE)
		report(apply);
	await_confirmation(apply);
	return document_report(context, document, code);
}
