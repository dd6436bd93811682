/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot: everything that tlsmap wants to know of one Postfix instance, read once, changing
 * nothing. */
#pragma once

#include "address.h"
#include "finding.h"
#include "version.h"

#include <glib.h>

#define SNAPSHOT_ERROR (snapshot_error_quark())
GQuark snapshot_error_quark(void);

typedef struct {
	char *service; /* "submission/inet" */
	char *parameter;
	char *value;
} SnapshotOverride;

typedef struct {
	char *config_directory; /* absolute: the one that was named, else Postfix's own */
	PostfixVersion version;
	char *mail_version;
	char *queue_directory;
	char *daemon_directory;
	GHashTable *values;            /* what main.cf sets: name -> value, unexpanded */
	GHashTable *defaults;          /* of the parameters that tlsmap owns, unexpanded */
	GHashTable *expanded;          /* of all, as in force */
	GPtrArray *overrides;          /* of SnapshotOverride: -o in master.cf, unexpanded */
	GPtrArray *expanded_overrides; /* the same as in force */
	char **table_types;            /* postconf -m */
	char **entries;  /* all of master.cf as postconf -M prints it: a line each, -o included */
	char *service;   /* the master.cf entry "tlsgate/unix", one line; NULL: none */
	GBytes *main_cf; /* the files as they were read */
	GBytes *master_cf;
	char *myorigin;             /* a file behind it is followed */
	AddressRewriting rewriting; /* strings borrowed from above */
	gboolean is_running;
} Snapshot;

/* Look at the Postfix of config_directory (absolute; NULL: Postfix's own default). NULL with error
 * when it is not there, does not answer, or its configuration can't be read. */
Snapshot *snapshot_take(const char *config_directory, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void snapshot_free(Snapshot *snapshot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Snapshot, snapshot_free)

/* The value that main.cf sets, or NULL; unexpanded. */
const char *snapshot_value(const Snapshot *snapshot, const char *name);

/* The value in force of an owned parameter: what main.cf sets, else Postfix's default; unexpanded.
 */
const char *snapshot_effective(const Snapshot *snapshot, const char *name);

/* The value in force of any parameter, with what its $names stand for; empty where this Postfix
 * does not know it. */
const char *snapshot_expanded(const Snapshot *snapshot, const char *name);

/* The level that is in force for all mail, in lower case where Postfix's word is one: what the
 * parameter says, else what those of before Postfix 2.3 say. The caller frees it. */
char *snapshot_dup_receive_level(const Snapshot *snapshot);
char *snapshot_dup_send_level(const Snapshot *snapshot);

/* What a service of master.cf says by -o of a parameter, or NULL; unexpanded. */
const char *snapshot_override(const Snapshot *snapshot, const char *service, const char *parameter);

/* The value in force in a service of master.cf of one of the parameters that the snapshot has
 * expanded: what its -o says, else main.cf. */
const char *snapshot_in_force(const Snapshot *snapshot, const char *service, const char *parameter);

gboolean snapshot_has_table_type(const Snapshot *snapshot, const char *type);

/* Whether master(8) holds its lock, looked up anew. */
gboolean snapshot_ask_running(const Snapshot *snapshot, gboolean *is_running, GError **error)
	G_GNUC_WARN_UNUSED_RESULT;

/* "name = value" lines as postconf(1) prints them, in a new table. */
GHashTable *snapshot_parse_values(const char *text);

/* What postconf says of the directory: the values that main.cf sets, its overrides, its warnings.
 * Used for the live directory and for a staged copy. */
gboolean snapshot_ask(const char *directory, const char *const *arguments, char **output,
		      char **warnings, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* One master.cf entry with every run of blanks made one; NULL for an empty text. */
char *snapshot_dup_service_line(const char *text);
