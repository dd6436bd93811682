/* SPDX-License-Identifier: Apache-2.0 */
/* steps: how a plan comes into force: one table of steps, each with what undoes it.
 *
 * The order is the promise. Whatever a newly started daemon can see must already be true: the
 * generation is on the disk before anything names it, the service answers for it before main.cf
 * asks it, and the rename of main.cf is the one commit. All that can refuse stands before the first
 * step that changes what Postfix sees. */
#include "steps.h"

#include "child.h"
#include "condition.h"
#include "file.h"
#include "maincf.h"
#include "postfix.h"
#include "recovery.h"
#include "socket.h"
#include "trial.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* How long the service may take to answer after the reload. */
#define ANSWER_SECONDS 15

#define LOCK_FILE "lock"
#define RELOAD_OWED_FILE "reload-owed"

void
apply_clear(Apply *apply)
{
	stage_clear(&apply->stage);
	g_clear_pointer(&apply->plan, plan_free);
	g_clear_pointer(&apply->snapshot, snapshot_free);
	g_clear_pointer(&apply->proof_before, g_ptr_array_unref);
	if (apply->lock > 0)
		close(apply->lock);
	apply->lock = 0;
}

static ExitCode
written(gboolean done, GError **error)
{
	return done                              ? EXIT_DONE
	       : error != NULL && *error != NULL ? exitcode_of_write(*error)
						 : EXIT_BUG;
}

static char *
dup_path(const Apply *apply, const char *file)
{
	return g_build_filename(apply->snapshot->config_directory, "tlsgate", file, NULL);
}

gboolean
steps_is_reload_owed(const Snapshot *snapshot)
{
	g_autofree char *path =
		g_build_filename(snapshot->config_directory, "tlsgate", RELOAD_OWED_FILE, NULL);

	return g_file_test(path, G_FILE_TEST_EXISTS);
}

/* look: what is there. Changes nothing; the lock needs to know where. */
static ExitCode
look(Apply *apply, GError **error)
{
	apply->snapshot = snapshot_take(apply->config_directory, error);
	return apply->snapshot != NULL ? EXIT_DONE : EXIT_NO_POSTFIX;
}

static ExitCode
take_lock(Apply *apply, GError **error)
{
	g_autofree char *directory = dup_path(apply, "");
	g_autofree char *path = dup_path(apply, LOCK_FILE);

	if (!file_make_directory(directory, error))
		return exitcode_of_write(*error);
	apply->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (apply->lock < 0) {
		int saved = errno;
		g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(saved),
			    "can't open %s: %s", path, g_strerror(saved));
		return exitcode_of_write(*error);
	}
	if (flock(apply->lock, LOCK_EX | LOCK_NB) == 0)
		return EXIT_DONE;
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_AGAIN,
		    "another run of tlsmap holds %s; try again when it is done", path);
	return EXIT_LOCKED;
}

static PlanFlags
plan_flags(const Apply *apply)
{
	return (apply->adopt ? PLAN_ADOPT : 0) | (apply->rollback_of == 0 ? PLAN_REMOVE : 0);
}

/* Which generation is to come next was decided by the one that was in force. */
static gboolean
is_as_expected(const Apply *apply)
{
	const Manifest *current = apply->plan->current;

	return apply->expected_current == 0 ||
	       (current != NULL && current->number == apply->expected_current);
}

/* plan: under the lock everything is looked at again. */
static ExitCode
make_plan(Apply *apply, GError **error)
{
	g_clear_pointer(&apply->snapshot, snapshot_free);
	ExitCode code = look(apply, error);
	if (code != EXIT_DONE)
		return code;
	if (!recovery_run(apply->snapshot, error))
		return exitcode_of_write(*error);
	apply->plan = plan_make(apply->settings, apply->document, apply->snapshot,
				plan_flags(apply), apply->findings, error);
	if (apply->plan == NULL)
		return EXIT_NO_POSTFIX;
	condition_judge(apply);
	if (!is_as_expected(apply))
		findings_add_live(apply->findings, FINDING_MAIN_CF_CHANGED, "main.cf",
				  "generation %" G_GUINT64_FORMAT
				  " is not in force any more: another run came first; look at "
				  "history and try again",
				  apply->expected_current);
	if (findings_count(apply->findings, SEVERITY_ERROR) > 0)
		return EXIT_REFUSED;
	apply->plan->manifest->report_only = apply->report_only;
	apply->plan->manifest->rollback_of = apply->rollback_of;
	apply->is_reload_owed = steps_is_reload_owed(apply->snapshot);
	apply->is_nothing_to_do = !plan_has_changes(apply->plan) || condition_is_void(apply);
	if (apply->snapshot->is_running && apply->no_reload && apply->plan->service_changes &&
	    apply->plan->service != NULL) {
		/* New smtpd(8) processes read main.cf at once, and would answer 451. */
		findings_add_live(apply->findings, FINDING_RELOAD_NEEDED, "--no-reload",
				  "the service " MAINCF_SERVICE
				  "/unix is new or different, and only "
				  "a reload starts it; apply without --no-reload");
		return EXIT_REFUSED;
	}
	return EXIT_DONE;
}

static gboolean
has_changes(const Apply *apply)
{
	return !apply->is_nothing_to_do;
}

/* generation: gen/0 first, then gen/N. */

static gboolean
build_origin(const Apply *apply, GError **error)
{
	g_autoptr(Manifest) origin = manifest_new(0);
	const Snapshot *snapshot = apply->snapshot;

	for (size_t i = 0; i < maincf_n_parameters(); i++) {
		const char *name = maincf_parameter(i)->name;
		manifest_set(origin, name, snapshot_value(snapshot, name));
	}
	origin->service = g_strdup(snapshot->service);
	const GenerationParts parts = { .manifest = origin };
	return generation_build(apply->plan->directory, 0, &parts, error);
}

/* What is there before the first apply, and before the first one after tlsgate was taken out. */
static gboolean
origin_is_due(const Plan *plan)
{
	return plan->origin == NULL ||
	       (plan->current != NULL && manifest_is_removal(plan->current));
}

static ExitCode
build_generation(Apply *apply, GError **error)
{
	const Plan *plan = apply->plan;
	const GenerationParts parts = {
		.config_directory = apply->snapshot->config_directory,
		.document = apply->document,
		.table = plan->table->str,
		.table_type = plan->table_type,
		.rules = plan->rules,
		.manifest = plan->manifest,
	};

	if (!file_make_directory(plan->directory, error) ||
	    !recovery_note(apply->snapshot->config_directory, plan->number, NULL, error) ||
	    (origin_is_due(plan) && !build_origin(apply, error)))
		return written(FALSE, error);
	return written(generation_build(plan->directory, plan->number, &parts, error), error);
}

/* A generation that never came into force must not be taken for one that did; its number stays
 * used. One that did is still asked for by the sessions that began then. */
static ExitCode
withdraw_generation(Apply *apply, GError **error)
{
	const Plan *plan = apply->plan;

	return written(
		(apply->was_committed
			 ? generation_mark_undone(plan->directory, plan->number, error)
			 : generation_withdraw(plan->directory, plan->number, error)) &&
			(plan->origin != NULL || generation_withdraw(plan->directory, 0, error)) &&
			recovery_forget(apply->snapshot->config_directory, error),
		error);
}

static ExitCode
make_stage(Apply *apply, GError **error)
{
	g_autofree char *directory = dup_path(apply, "stage");

	if (!stage_make(apply->plan, directory, &apply->stage, apply->findings, error))
		return EXIT_NO_WRITE;
	return findings_count(apply->findings, SEVERITY_ERROR) > 0 ? EXIT_REFUSED : EXIT_DONE;
}

/* policyd: what spawn(8) can't start, it throttles for a minute, also after a cure. So it is tried
 * first, by the path and as the user of the service. */

static gboolean
has_rules(const Apply *apply)
{
	return has_changes(apply) && apply->plan->rules != NULL;
}

/* What the system starts runs by its own unit: only its answer tells. */
static gboolean
is_spawned(const Apply *apply)
{
	return has_rules(apply) && apply->settings->postfix.policyd.code == POLICYD_SPAWN;
}

static ExitCode
check_policyd(Apply *apply, GError **error)
{
	const Settings *settings = apply->settings;
	const char *path = settings->postfix.policyd_path.text;
	g_autofree char *rules =
		generation_dup_path(apply->plan->directory, apply->plan->number, GENERATION_RULES);
	const char *const argv[] = { path, "--check", rules, NULL };
	g_auto(ChildResult) result = { 0 };
	g_autoptr(GError) failure = NULL;
	g_autofree char *cause = NULL;

	if (!child_run_as(settings->postfix.policyd_user.text, argv, &result, &failure))
		cause = g_strdup(failure->message);
	else if (result.status != 0)
		cause = g_strdup_printf("it ended with status %d: %s", result.status,
					result.errors);
	else
		return EXIT_DONE;
	findings_add_live(apply->findings, FINDING_POLICYD_CANNOT_RUN, "postfix.policyd_path",
			  "%s can't serve these rules as user %s: %s; nothing was changed", path,
			  settings->postfix.policyd_user.text, g_strchomp(cause));
	return EXIT_REFUSED;
}

/* Replace one of Postfix's files, unless somebody else has since. *is_replaced is set where the new
 * content is in place, whatever came after. */
static ExitCode
replace(Apply *apply, const char *file, GBytes *content, GBytes *expected, gboolean *is_replaced,
	GError **error)
{
	g_autofree char *path = g_build_filename(apply->snapshot->config_directory, file, NULL);
	FileReplacement replacement;
	gboolean done = file_replace(path, content, expected, &replacement, error);

	*is_replaced |= replacement.is_replaced;
	if (!done)
		return exitcode_of_write(*error);
	if (!replacement.is_changed)
		return EXIT_DONE;
	findings_add_live(
		apply->findings, FINDING_MAIN_CF_CHANGED, path,
		"somebody else changed the file meanwhile; look at the plan and apply again");
	return EXIT_REFUSED;
}

static gboolean
run_reload(Apply *apply, GError **error)
{
	if (!postfix_reload(apply->snapshot->config_directory, error))
		return FALSE;
	apply->reloaded = g_get_monotonic_time();
	return TRUE;
}

/* service: the master.cf entry, before anything asks it. */

static gboolean
service_is_new(const Apply *apply)
{
	return is_spawned(apply) && apply->plan->service_changes;
}

static ExitCode
install_service(Apply *apply, GError **error)
{
	ExitCode code = replace(apply, "master.cf", apply->stage.master_cf,
				apply->snapshot->master_cf, &apply->is_master_cf_new, error);

	if (code != EXIT_DONE || !apply->snapshot->is_running)
		return code;
	return run_reload(apply, error) ? EXIT_DONE : EXIT_NO_POSTFIX;
}

static ExitCode
restore_service(Apply *apply, GError **error)
{
	if (!apply->is_master_cf_new)
		return EXIT_DONE;
	gboolean is_restored = FALSE;
	ExitCode code = replace(apply, "master.cf", apply->snapshot->master_cf,
				apply->stage.master_cf, &is_restored, error);

	if (code != EXIT_DONE || !apply->snapshot->is_running)
		return code;
	return run_reload(apply, error) ? EXIT_DONE : EXIT_NO_POSTFIX;
}

/* answer: the very socket that smtpd(8) asks must serve the new generation. */

static gboolean
must_answer(const Apply *apply)
{
	return has_rules(apply) && apply->snapshot->is_running;
}

static ExitCode
await_answer(Apply *apply, GError **error)
{
	const char *socket = maincf_policy_socket(apply->settings);
	g_autofree char *path = g_build_filename(apply->snapshot->queue_directory, socket, NULL);
	guint64 number = apply->plan->number;
	g_autoptr(GError) failure = NULL;
	gboolean answers = socket_await(path, number, ANSWER_SECONDS, &failure);

	if (answers && service_is_new(apply)) {
		trial_settle(apply);
		answers = socket_await(path, number, ANSWER_SECONDS, &failure);
	}
	if (answers)
		return EXIT_DONE;
	findings_add_live(
		apply->findings, FINDING_POLICYD_CANNOT_RUN,
		is_spawned(apply) ? MAINCF_SERVICE "/unix" : path,
		"policyd does not answer for the new rules: %s; nothing is in force, see %s",
		failure->message,
		is_spawned(apply) ? "Postfix's log"
				  : "whether the socket unit of this instance is started, "
				    "and its log");
	return EXIT_REFUSED;
}

/* commit */

/* A run that dies between the commit and the reload leaves word of it. */
static ExitCode
note_reload(Apply *apply, GError **error)
{
	g_autofree char *path = dup_path(apply, RELOAD_OWED_FILE);

	apply->was_reload_owed = apply->is_reload_owed;
	apply->is_reload_owed = TRUE;
	return written(file_write(path, "", 0, 0644, error), error);
}

static ExitCode
forget_reload(Apply *apply, GError **error)
{
	g_autofree char *path = dup_path(apply, RELOAD_OWED_FILE);

	return written(file_remove(path, error), error);
}

/* A reload that an earlier run owes stays owed. */
static ExitCode
take_back_note(Apply *apply, GError **error)
{
	return apply->was_reload_owed ? EXIT_DONE : forget_reload(apply, error);
}

static gboolean
needs_confirmation(const Apply *apply)
{
	return has_changes(apply) && apply->confirm_seconds > 0;
}

/* A run that dies while main.cf is another has not come about. */
static ExitCode
note_commit(Apply *apply, GError **error)
{
	return written(recovery_note(apply->snapshot->config_directory, apply->plan->number,
				     apply->stage.main_cf, error),
		       error);
}

static ExitCode
commit(Apply *apply, GError **error)
{
	ExitCode code = note_commit(apply, error);

	if (code != EXIT_DONE)
		return code;
	return replace(apply, "main.cf", apply->stage.main_cf, apply->snapshot->main_cf,
		       &apply->is_committed, error);
}

/* The commit came about: no other run need ask. */
static ExitCode
forget_note(Apply *apply, GError **error)
{
	return written(recovery_forget(apply->snapshot->config_directory, error), error);
}

/* Where the proof failed. A run that dies on the way back leaves word, as on the way there. */
static ExitCode
take_back_commit(Apply *apply, GError **error)
{
	gboolean is_back = FALSE;

	if (!apply->is_committed)
		return EXIT_DONE;
	ExitCode code = note_reload(apply, error);
	if (code == EXIT_DONE)
		code = replace(apply, "main.cf", apply->snapshot->main_cf, apply->stage.main_cf,
			       &is_back, error);
	if (!is_back) {
		/* What is in force stays, and no word against it. */
		forget_note(apply, NULL);
		forget_reload(apply, NULL);
		return code;
	}
	apply->is_committed = FALSE;
	apply->was_committed = TRUE;
	apply->was_reload_owed = !run_reload(apply, code == EXIT_DONE ? error : NULL);
	return code == EXIT_DONE && apply->was_reload_owed ? EXIT_NO_POSTFIX : code;
}

/* The service goes when nothing asks it any more. */
static gboolean
service_goes(const Apply *apply)
{
	return has_changes(apply) && apply->plan->service_changes &&
	       (apply->plan->service == NULL || apply->rollback_of == 0);
}

static ExitCode
remove_service(Apply *apply, GError **error)
{
	return replace(apply, "master.cf", apply->stage.master_cf, apply->snapshot->master_cf,
		       &apply->is_master_cf_new, error);
}

static gboolean
must_reload(const Apply *apply)
{
	return apply->is_reload_owed && !apply->no_reload;
}

static ExitCode
reload(Apply *apply, GError **error)
{
	/* Postfix that is not running reads the files when it starts. */
	if (apply->snapshot->is_running && !run_reload(apply, error))
		return EXIT_NO_POSTFIX;
	apply->is_reload_owed = FALSE;
	return forget_reload(apply, error);
}

/* One that can't be removed today is in nobody's way. */
static ExitCode
prune(Apply *apply, GError **error)
{
	g_autoptr(GError) failure = NULL;

	if (!generation_prune(apply->plan->directory, g_get_real_time() / G_USEC_PER_SEC, &failure))
		g_debug("old generations: %s", failure->message);
	return EXIT_DONE;
}

typedef struct {
	const char *name;
	gboolean (*is_due)(const Apply *apply); /* NULL: always */
	ExitCode (*run)(Apply *apply, GError **error);
	ExitCode (*undo)(Apply *apply, GError **error); /* NULL: leaves nothing to undo */
} Step;

static const Step steps[] = {
	{ "look", NULL, look, NULL },
	{ "lock", NULL, take_lock, NULL },
	{ "plan", NULL, make_plan, NULL },
	{ "generation", has_changes, build_generation, withdraw_generation },
	{ "stage", has_changes, make_stage, NULL },
	{ "policyd", is_spawned, check_policyd, NULL },
	{ "listeners", trial_is_due, trial_look_before, NULL },
	{ "service", service_is_new, install_service, restore_service },
	{ "answer", must_answer, await_answer, NULL },
	{ "note", has_changes, note_reload, take_back_note },
	{ "confirmation", needs_confirmation, condition_note, condition_forget },
	{ "commit", has_changes, commit, take_back_commit },
	{ "committed", has_changes, forget_note, note_commit },
	{ "old service", service_goes, remove_service, restore_service },
	{ "reload", must_reload, reload, NULL },
	{ "proof", trial_is_open, trial_prove, NULL },
	{ "old generations", has_changes, prune, NULL },
};

/* Undo the first n steps, those that were due, in reverse. */
static void
undo(Apply *apply, size_t n)
{
	while (n-- > 0) {
		g_autoptr(GError) failure = NULL;
		if (steps[n].undo == NULL || !steps[n].is_due(apply))
			continue;
		if (steps[n].undo(apply, &failure) != EXIT_DONE)
			findings_add_live(apply->findings, FINDING_NOT_UNDONE, steps[n].name,
					  "this step could not be undone: %s",
					  failure != NULL ? failure->message
							  : "see the other errors");
		/* What main.cf names stays, with the service that it asks. */
		if (steps[n].undo == take_back_commit && apply->is_committed)
			return;
	}
}

/* Behind the commit there is no way back, only on, until the proof: the first failure is kept, and
 * the reload comes all the same, because new processes read the new main.cf already. */
ExitCode
steps_run(Apply *apply, GError **error)
{
	ExitCode first = EXIT_DONE;

	for (size_t n = 0; n < G_N_ELEMENTS(steps); n++) {
		if (steps[n].is_due != NULL && !steps[n].is_due(apply))
			continue;
		g_autoptr(GError) failure = NULL;
		ExitCode code = steps[n].run(apply, &failure);
		if (code == EXIT_DONE)
			continue;
		if (first == EXIT_DONE) {
			first = code;
			/* What the live Postfix forbids is in the findings, without an error. */
			if (failure != NULL)
				g_propagate_error(error, g_steal_pointer(&failure));
		}
		if (!apply->is_committed || steps[n].run == trial_prove) {
			undo(apply, n + 1);
			break;
		}
	}
	/* "Refused" would say that nothing was changed. */
	return first == EXIT_REFUSED && apply->is_committed ? EXIT_NO_WRITE : first;
}

ExitCode
steps_confirm(Apply *apply, GError **error)
{
	ExitCode code = look(apply, error);

	if (code == EXIT_DONE)
		code = take_lock(apply, error);
	return code == EXIT_DONE ? condition_confirm(apply, error) : code;
}
