/* SPDX-License-Identifier: Apache-2.0 */
/* probe-command: posttls-finger(1) told to do as smtp(8) does at one host. Pure. */
#pragma once

#include "probe.h"

#include <glib.h>

/* The host and how to try it. */
typedef struct {
	const Snapshot *snapshot;
	const ProbeWay *way;
	const char *host; /* name or address, without brackets */
	SecurityLevel level;
	/* How long to wait, in seconds: to connect and for the greeting; for each later answer. */
	guint greeting_limit;
	guint command_limit;
} ProbeCommand;

/* The arguments, NULL-terminated; the caller frees them with g_strfreev(). */
char **probe_command_dup(const ProbeCommand *command);
