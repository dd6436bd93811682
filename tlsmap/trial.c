/* SPDX-License-Identifier: Apache-2.0 */
/* trial: steps of an apply: what the listeners do before it, and whether they still do behind it.
 */
#include "trial.h"

#include "proof.h"

/* Until then a process of before the reload may still answer (seen with Postfix 3.7). */
#define SETTLE_MICROSECONDS (2 * G_USEC_PER_SEC)

gboolean
trial_is_due(const Apply *apply)
{
	return !apply->is_nothing_to_do && apply->snapshot->is_running && !apply->no_reload;
}

ExitCode
trial_look_before(Apply *apply, G_GNUC_UNUSED GError **error)
{
	apply->proof_before = proof_try(apply->snapshot);
	return EXIT_DONE;
}

gboolean
trial_is_open(const Apply *apply)
{
	return apply->proof_before != NULL && !apply->is_reload_owed;
}

/* A Postfix whose files can't be read any more is worse than any listener. */
ExitCode
trial_prove(Apply *apply, GError **error)
{
	trial_settle(apply);
	g_autoptr(Snapshot) now = snapshot_take(apply->snapshot->config_directory, error);
	if (now == NULL)
		return EXIT_NO_POSTFIX;
	return proof_holds(apply->proof_before, now, apply->findings) ? EXIT_DONE : EXIT_REFUSED;
}

void
trial_settle(const Apply *apply)
{
	gint64 left = apply->reloaded + SETTLE_MICROSECONDS - g_get_monotonic_time();

	if (left > 0)
		g_usleep((gulong)left);
}
