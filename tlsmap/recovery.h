/* SPDX-License-Identifier: Apache-2.0 */
/* recovery: what a run that died left behind, and how the next one knows. */
#pragma once

#include "snapshot.h"

#include <glib.h>

/* Note that generation number is about to be built; with main_cf, that these bytes are about to be
 * committed for it. On the disk when this returns TRUE. */
gboolean recovery_note(const char *config_directory, guint64 number, GBytes *main_cf,
		       GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The generation is in force, or is not there any more. */
gboolean recovery_forget(const char *config_directory, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The generation that a dead run began and that is not in force; 0: there is none. Changes nothing.
 */
guint64 recovery_unfinished(const Snapshot *snapshot);

/* Take away what a run makes beside the place that it is for. Only under the lock. */
gboolean recovery_sweep(const char *config_directory, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Take away what recovery_unfinished() names, what is to be swept, and the note. Only under the
 * lock. */
gboolean recovery_run(const Snapshot *snapshot, GError **error) G_GNUC_WARN_UNUSED_RESULT;
