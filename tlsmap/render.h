/* SPDX-License-Identifier: Apache-2.0 */
/* render: what the document becomes for a Postfix that may not be there. */
#pragma once

#include "settings.h"
#include "snapshot.h"
#include "version.h"

#include <glib.h>

/* The number of the generation: the real one is known only when something is applied. */
#define RENDER_GENERATION 1

typedef struct {
	const Settings *settings;
	PostfixVersion version;
	const Snapshot *snapshot;    /* NULL: no Postfix found */
	const GPtrArray *route_keys; /* of RouteKey; NULL: not known */
} RenderInput;

/* Visit each parameter of main.cf that the document gives a value, in the order of maincf. */
void render_visit_values(const RenderInput *input,
			 void (*visit)(const char *name, const char *value, void *data),
			 void *data);

/* Make directory, if it is not there, with main.cf, master.cf, tls_policy, tls_spellings and
 * rules.db in it. With a snapshot main.cf and master.cf are those of the Postfix found with the
 * document merged in, as apply would merge it; without they hold what tlsmap writes and nothing
 * else. What leaves a value unknown is an error in findings, and nothing is written. FALSE with
 * error: of G_FILE_ERROR where a file can't be written or one is there that is not of our making,
 * else where Postfix does not answer. */
gboolean render_directory(const RenderInput *input, const char *directory, Findings *findings,
			  GError **error) G_GNUC_WARN_UNUSED_RESULT;
