/* SPDX-License-Identifier: Apache-2.0 */
/* condition: on what conditions a plan may come into force, and stay: --expect-plan, --confirm. */
#include "condition.h"

#include <string.h>

/* Whether the generation in force waits to be confirmed. */
static gboolean
find_confirmation(const Apply *apply, Confirmation *confirmation)
{
	const Manifest *current = apply->plan->current;

	return current != NULL &&
	       confirm_find(apply->snapshot->config_directory, current->number, confirmation);
}

/* To go on from what nobody has confirmed would confirm it; a rollback takes it back. */
static void
judge_confirmation(Apply *apply)
{
	Confirmation confirmation;

	if (apply->rollback_of >= 0 || !find_confirmation(apply, &confirmation))
		return;
	apply->is_overdue = confirm_is_overdue(&confirmation);
	confirm_report(&confirmation, apply->findings);
}

gboolean
condition_is_void(const Apply *apply)
{
	Confirmation confirmation;

	return apply->is_undoing && !find_confirmation(apply, &confirmation);
}

/* What was looked at before is what is to come. */
static void
expect_plan(const Apply *apply)
{
	g_autofree char *digest = plan_dup_digest(apply->plan);

	if (apply->expected_plan == NULL || strcmp(apply->expected_plan, digest) == 0)
		return;
	findings_add_live(apply->findings, FINDING_PLAN_CHANGED, "--expect-plan",
			  "found the plan %s: the document or this Postfix changed since the one "
			  "that is expected; look at tlsmap plan and expect its digest",
			  digest);
}

void
condition_judge(Apply *apply)
{
	judge_confirmation(apply);
	expect_plan(apply);
}

ExitCode
condition_note(Apply *apply, GError **error)
{
	apply->confirmation = (Confirmation){
		.number = apply->plan->number,
		.before = apply->plan->current != NULL ? apply->plan->current->number : 0,
		.until = g_get_real_time() / G_USEC_PER_SEC + (gint64)apply->confirm_seconds,
	};
	return confirm_note(apply->snapshot->config_directory, &apply->confirmation, error)
		       ? EXIT_DONE
		       : exitcode_of_write(*error);
}

ExitCode
condition_forget(Apply *apply, GError **error)
{
	return confirm_forget(apply->snapshot->config_directory, error) ? EXIT_DONE
									: exitcode_of_write(*error);
}

ExitCode
condition_confirm(Apply *apply, GError **error)
{
	g_autoptr(Manifest) current = NULL;
	Confirmation confirmation;

	if (!plan_find_in_force(apply->snapshot, &current, apply->findings, error))
		return EXIT_NO_POSTFIX;
	if (current == NULL ||
	    !confirm_find(apply->snapshot->config_directory, current->number, &confirmation)) {
		findings_add_live(apply->findings, FINDING_UNCONFIRMED, "--confirmed",
				  "nothing waits to be confirmed: it was confirmed or undone "
				  "already; look at tlsmap history");
		return EXIT_REFUSED;
	}
	apply->is_overdue = confirm_is_overdue(&confirmation);
	if (!apply->is_overdue)
		return condition_forget(apply, error);
	confirm_report(&confirmation, apply->findings);
	return EXIT_REFUSED;
}
