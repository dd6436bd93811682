/* SPDX-License-Identifier: Apache-2.0 */
/* generation: the immutable directories CONFIG_DIR/tlsgate/gen/N, and what each of them wrote.
 *
 * gen/N holds the document, the table that Postfix reads, rules.db, and a manifest of the values
 * that N put into main.cf and master.cf. gen/0 holds the manifest alone: what was there before the
 * first apply. A number once used is never used again. */
#pragma once

#include <glib.h>

#define GENERATION_DOCUMENT "settings.json"
#define GENERATION_TABLE "tls_policy"
#define GENERATION_RULES "rules.db"
#define GENERATION_MANIFEST "manifest.json"

#define GENERATION_ERROR (generation_error_quark())
GQuark generation_error_quark(void);

/* What a generation wrote. */
typedef struct {
	guint64 number;
	GHashTable *parameters; /* name -> value; NULL value: it was not set (gen/0 only) */
	char *service;          /* the master.cf entry, NULL: none */
	gint64 rollback_of;     /* the generation whose document it has again; -1: none */
	gboolean report_only;   /* its rules were compiled to report, whatever the document says */
} Manifest;

Manifest *manifest_new(guint64 number);

/* Whether tlsgate was taken out of this Postfix: then it wrote nothing, and has no document. */
gboolean manifest_is_removal(const Manifest *manifest);

void manifest_free(Manifest *manifest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Manifest, manifest_free)

/* value may be NULL. Both are copied. */
void manifest_set(Manifest *manifest, const char *name, const char *value);

/* CONFIG_DIR/tlsgate/gen; the caller frees it. */
char *generation_dup_directory(const char *config_directory);

/* CONFIG_DIR/tlsgate/gen/N/FILE; the caller frees it. */
char *generation_dup_path(const char *directory, guint64 number, const char *file);

/* All numbers that are there, rising; empty where directory is not there. Those that were undone
 * are left out. */
GArray *generation_list(const char *directory, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Those that were undone too. */
GArray *generation_list_all(const char *directory, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Note that a generation which was in force is not any more, and never was to be. It stays until
 * generation_prune(), for sessions that began meanwhile. */
gboolean generation_mark_undone(const char *directory, guint64 number, GError **error)
	G_GNUC_WARN_UNUSED_RESULT;
gboolean generation_is_undone(const char *directory, guint64 number);

/* Remove a generation that never came into force. Its number is not given again (but for 0, which
 * is built anew). One that is not there is no error. */
gboolean generation_withdraw(const char *directory, guint64 number, GError **error)
	G_GNUC_WARN_UNUSED_RESULT;

/* The number that the next generation gets: one above the largest ever used. */
gboolean generation_next(const char *directory, guint64 *number, GError **error)
	G_GNUC_WARN_UNUSED_RESULT;

/* NULL with error where it is missing or damaged. */
Manifest *generation_load(const char *directory, guint64 number, GError **error)
	G_GNUC_WARN_UNUSED_RESULT;

/* Remove old generations: all but gen/0, the last 10 and those that were still in force less than a
 * day ago, which a long session may ask for; of those that were undone all that are older than a
 * day. now: seconds since the epoch. FALSE with error; some may be gone then. */
gboolean generation_prune(const char *directory, gint64 now, GError **error)
	G_GNUC_WARN_UNUSED_RESULT;

/* What gen/N is built from. */
typedef struct {
	const char *config_directory; /* for postmap(1) */
	GBytes *document;             /* NULL: none (gen/0) */
	const char *table;            /* source text of the table; NULL or empty: none */
	const char *table_type;       /* "cdb" */
	GBytes *rules;                /* NULL: none */
	const Manifest *manifest;
} GenerationParts;

/* When gen/N was built, in seconds since the epoch; 0 where that can't be told. */
gint64 generation_time(const char *directory, guint64 number);

/* Build gen/N beside its place, prove that every row of the table can be read back, bring it to the
 * disk, and rename it to its place; gen/0 takes the place of an older one in one step. FALSE with
 * error; then gen/N is what it was. */
gboolean generation_build(const char *directory, guint64 number, const GenerationParts *parts,
			  GError **error) G_GNUC_WARN_UNUSED_RESULT;
