/* SPDX-License-Identifier: Apache-2.0 */
/* stage: the new main.cf and master.cf, made on copies by postconf(1) and proved there. */
#pragma once

#include "finding.h"
#include "plan.h"

#include <glib.h>

typedef struct {
	GBytes *main_cf;
	GBytes *master_cf;
} Stage;

void stage_clear(Stage *stage);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Stage, stage_clear)

/* CONFIG_DIR/tlsgate/stage, where apply does it; the caller frees it. */
char *stage_dup_directory(const char *config_directory);

/* Make both files in directory, which is made anew and removed afterwards, and prove that postconf
 * has no new warning, that only what the plan says has changed, and that it has. What does not hold
 * is an error in findings. FALSE with error when something can't be read or written. */
gboolean stage_make(const Plan *plan, const char *directory, Stage *stage, Findings *findings,
		    GError **error) G_GNUC_WARN_UNUSED_RESULT;
