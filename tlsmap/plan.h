/* SPDX-License-Identifier: Apache-2.0 */
/* plan: what apply would change on this Postfix, and what forbids it. Changes nothing. */
#pragma once

#include "change.h"
#include "finding.h"
#include "generation.h"
#include "settings.h"
#include "snapshot.h"

#include <glib.h>

typedef enum {
	PLAN_ADOPT = 1 << 0,  /* take over foreign values instead of refusing them */
	PLAN_REMOVE = 1 << 1, /* take tlsgate out of this Postfix; settings are those of {} */
} PlanFlags;

typedef struct {
	/* Borrowed. */
	const Settings *settings;
	GBytes *document;
	const Snapshot *snapshot;
	PlanFlags flags;
	/* What is in force. */
	char *directory;        /* CONFIG_DIR/tlsgate/gen */
	Manifest *origin;       /* generation 0; NULL before the first apply */
	Manifest *current;      /* the generation in force; NULL: none */
	Settings *old_settings; /* its document; NULL: none */
	Settings *old_rows; /* without it: the rows and tables that Postfix has; NULL: not known */
	/* What would be. */
	guint64 number; /* of the new generation */
	const char *table_type;
	gboolean has_same_rows; /* without rules, and the very bytes of the one in force */
	GPtrArray *route_keys;  /* of RouteKey: rows that stand under a next-hop, too */
	GString *table;         /* source text; empty: no rows */
	char *spellings;        /* source text of their table; NULL: none */
	GBytes *rules;          /* rules.db of the new generation; NULL: no rules */
	Manifest *manifest;     /* what the new generation writes */
	GPtrArray *sets;        /* "name=value" for postconf -e */
	GPtrArray *removes;     /* names for postconf -X */
	char *service;          /* the master.cf entry to be; NULL: none */
	gboolean service_changes;
	GArray *changes; /* of Change, for people; empty: nothing to do */
} Plan;

/* Work it out. What the live Postfix forbids goes to findings as errors. NULL with error when
 * something can't be read. */
Plan *plan_make(const Settings *settings, GBytes *document, const Snapshot *snapshot,
		PlanFlags flags, Findings *findings, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The manifest of the generation in force, which the caller frees; NULL: none is. What speaks
 * against it goes to findings. FALSE with error when something can't be read. */
gboolean plan_find_in_force(const Snapshot *snapshot, Manifest **manifest, Findings *findings,
			    GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* What apply --adopt would write into main.cf and master.cf if it were generation number: sets,
 * removes and service; nothing else is filled in, and nobody asks what forbids it. The errors are
 * those that leave a value unknown. NULL with error when something can't be read. */
Plan *plan_make_values(const Settings *settings, const Snapshot *snapshot, guint64 number,
		       Findings *findings, GError **error) G_GNUC_WARN_UNUSED_RESULT;

void plan_free(Plan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Plan, plan_free)

/* The type of the tables: what the document says, or the first choice that this Postfix has; NULL
 * where it has none. Without snapshot, all are there. */
const char *plan_table_type(const Settings *settings, const Snapshot *snapshot);

/* Whether apply has anything to do. */
gboolean plan_has_changes(const Plan *plan);

/* A digest of what it would change, from what, and of the document: equal for equal plans, also of
 * other processes. The caller frees it. */
char *plan_dup_digest(const Plan *plan);
