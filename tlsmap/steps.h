/* SPDX-License-Identifier: Apache-2.0 */
/* steps: how a plan comes into force: one table of steps, each with what undoes it. */
#pragma once

#include "confirm.h"
#include "exitcode.h"
#include "finding.h"
#include "plan.h"
#include "stage.h"

#include <glib.h>

/* One apply on its way. */
typedef struct {
	/* Given. */
	const char *config_directory; /* NULL: Postfix's own */
	const Settings *settings;
	GBytes *document;
	gboolean adopt;
	gboolean no_reload;
	gint64 rollback_of;       /* where the settings are those of an older generation; else -1 */
	guint64 expected_current; /* refuse where another generation is in force; 0: any may be */
	gboolean report_only;     /* settings say so already; the generation is to say it too */
	guint64 confirm_seconds;  /* undone after them unless it is confirmed; 0: for good */
	const char *expected_plan; /* refuse a plan of another digest; NULL: any may be */
	gboolean is_undoing;       /* expected_current, if nobody has confirmed it */
	Findings *findings;
	/* Filled on the way. */
	Snapshot *snapshot;
	Plan *plan;
	Stage stage;
	GPtrArray *proof_before; /* of Proof: what the listeners did; NULL: not looked at */
	gint64 reloaded;         /* monotonic time of the last reload */
	int lock;
	gboolean is_nothing_to_do;
	gboolean is_master_cf_new; /* it has the service, or has it no more */
	gboolean is_committed;     /* main.cf is the new one */
	gboolean was_committed;    /* it was, and is not any more */
	Confirmation confirmation; /* what is noted; with confirm_seconds */
	gboolean is_overdue;       /* the generation in force is to be undone first */
	gboolean was_reload_owed;  /* before this run */
	gboolean is_reload_owed;   /* by an earlier run, or by this one */
} Apply;

void apply_clear(Apply *apply);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Apply, apply_clear)

/* Whether an earlier run owes Postfix a reload. */
gboolean steps_is_reload_owed(const Snapshot *snapshot);

/* Let the generation in force stay that waits to be confirmed. EXIT_DONE, or why not: then error is
 * set, or findings say it. */
ExitCode steps_confirm(Apply *apply, GError **error);

/* Take all steps; when one fails, the ones before it are undone in reverse, unless main.cf was
 * committed: then only where a listener fails its proof. EXIT_DONE, or why not: then error is set,
 * or findings say it. */
ExitCode steps_run(Apply *apply, GError **error);
