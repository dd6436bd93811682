/* SPDX-License-Identifier: Apache-2.0 */
/* sendpolicy: which row of a document, or which table behind it, decides how mail to a next-hop is
 * protected on this Postfix. */
#pragma once

#include "mapset.h"
#include "settings.h"
#include "snapshot.h"

#include <glib.h>

typedef enum {
	DECIDED_BY_ROW,
	DECIDED_BY_ROUTE,    /* a row that stands under the next-hop of its mail, too */
	DECIDED_BY_SPELLING, /* the table of other spellings */
	DECIDED_BY_FALLBACK, /* one of send.fallback_policy_maps */
	DECIDED_BY_LEVEL,    /* send.security_level */
	N_DECIDERS
} Decider;

typedef struct {
	Decider decider;
	const SettingsDestination *row; /* of BY_ROW and BY_ROUTE */
	char *key;                      /* that was found; NULL: none was */
	char *table;                    /* that knew it, of BY_FALLBACK */
	char *value;                    /* "level attribute=value …" */
} SendDecision;

void send_decision_clear(SendDecision *decision);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SendDecision, send_decision_clear)

typedef struct SendPolicy SendPolicy;

/* As the document would be in force on this Postfix. keys: of RouteKey. All must outlive it. NULL
 * with error where the table of spellings can't be written to a file for postmap(1). */
SendPolicy *sendpolicy_new(const Settings *settings, const Snapshot *snapshot,
			   const GPtrArray *keys, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void sendpolicy_free(SendPolicy *policy);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SendPolicy, sendpolicy_free)

/* FALSE with error where a table can't be asked: Postfix would defer. */
gboolean sendpolicy_decide(SendPolicy *policy, const char *next_hop, SendDecision *decision,
			   GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The row of the document under key, in any form; NULL: there is none. */
const SettingsDestination *sendpolicy_row(const SendPolicy *policy, const char *key);
