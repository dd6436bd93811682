/* SPDX-License-Identifier: Apache-2.0 */
/* routekeys: the keys that the rows of the document need beside their own, because this Postfix
 * sends their mail to a next-hop that is not the domain. */
#pragma once

#include "finding.h"
#include "settings.h"
#include "snapshot.h"

#include <glib.h>

typedef struct {
	char *next_hop; /* the key */
	char *domain;   /* the mail that takes it, as the table of routes says */
	size_t row;     /* of settings */
} RouteKey;

/* Find them: of RouteKey, in the order of their rows; NULL with error where Postfix does not
 * answer. A row that Postfix would not ask for, and that the document does not make up for, is an
 * error in findings; routes that can't be listed are a warning. */
GPtrArray *routekeys_find(const Settings *settings, const Snapshot *snapshot, Findings *findings,
			  GError **error) G_GNUC_WARN_UNUSED_RESULT;
