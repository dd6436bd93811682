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
	const Snapshot *snapshot; /* NULL: no Postfix found */
} RenderInput;

/* Visit each parameter of main.cf that the document gives a value, in the order of maincf. */
void render_visit_values(const RenderInput *input,
			 void (*visit)(const char *name, const char *value, void *data),
			 void *data);
