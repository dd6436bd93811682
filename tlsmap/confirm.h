/* SPDX-License-Identifier: Apache-2.0 */
/* confirm: an apply that is undone unless somebody confirms it. */
#pragma once

#include "finding.h"

#include <glib.h>

/* What waits to be confirmed. */
typedef struct {
	guint64 number; /* the generation */
	guint64 before; /* the one to go back to; 0: tlsgate out */
	gint64 until;   /* seconds since the epoch: from then on it is overdue */
} Confirmation;

/* Note it, before the generation is committed. On the disk when this returns TRUE. */
gboolean confirm_note(const char *config_directory, const Confirmation *confirmation,
		      GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* It is confirmed, or undone, or never came about. */
gboolean confirm_forget(const char *config_directory, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Remove what a confirm_note() that died left behind. */
gboolean confirm_sweep(const char *config_directory, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Whether generation number, the one in force, waits; what waits for another is over. In doubt it
 * does, and the note is damaged. */
gboolean confirm_find(const char *config_directory, guint64 number, Confirmation *confirmation)
	G_GNUC_WARN_UNUSED_RESULT;
gboolean confirm_is_damaged(const Confirmation *confirmation);

gboolean confirm_is_overdue(const Confirmation *confirmation);

/* Say that it waits, or should have been undone: it stands in the way of the next apply. */
void confirm_report(const Confirmation *confirmation, Findings *findings);

/* Leave a process behind that undoes the generation when its time has come ("rollback
 * --unconfirmed"): in a session of its own, without the caller's terminal and open files. */
gboolean confirm_start_waiting(const char *config_directory, const Confirmation *confirmation,
			       GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Return when its time has come. */
void confirm_wait(const Confirmation *confirmation);
