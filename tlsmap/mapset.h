/* SPDX-License-Identifier: Apache-2.0 */
/* mapset: the look-up tables that a parameter of Postfix names, and what they answer. */
#pragma once

#include "snapshot.h"

#include <glib.h>

#define MAPSET_ERROR (mapset_error_quark())
GQuark mapset_error_quark(void);

typedef struct MapSet MapSet;

/* maps: the value of the parameter, expanded; may be empty. Nothing is read yet. snapshot must
 * outlive the set. */
MapSet *mapset_new(const Snapshot *snapshot, const char *maps);
void mapset_free(MapSet *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MapSet, mapset_free)

gboolean mapset_is_empty(const MapSet *set);

/* What maps_find() is asked for (src/global/maps.c, 3.7): part of an address only of tables in
 * which a key stands for itself. */
typedef enum { MAPSET_WHOLE, MAPSET_PART } MapSetKey;

typedef struct {
	const char *table; /* "hash:/etc/postfix/transport" */
	const char *value;
} MapSetAnswer;

/* Ask all tables for key, in order. answer->value is NULL where none knows it; else both are
 * borrowed from the set. FALSE with error where a table can't be asked: Postfix would defer. */
gboolean mapset_find(MapSet *set, const char *key, MapSetKey kind, MapSetAnswer *answer,
		     GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Read the tables whose rows can be listed, so that nothing is asked of them again, and visit their
 * rows; visit_unlisted is called for each of the others. */
gboolean mapset_list(MapSet *set,
		     void (*visit)(const char *table, const char *key, const char *value,
				   void *data),
		     void (*visit_unlisted)(const char *table, void *data), void *data,
		     GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Ask the tables for many keys at once, so that mapset_find() knows the answers. */
gboolean mapset_ask_all(MapSet *set, const GPtrArray *keys, MapSetKey kind, GError **error)
	G_GNUC_WARN_UNUSED_RESULT;

/* Whether a table of this type has rows of its own, be it that postmap(1) can't list them. */
gboolean mapset_has_rows(const char *table);

/* The rows of one table, "key<TAB>value" a line; NULL with trouble where it has none that can be
 * listed. The caller frees both. FALSE with error where Postfix does not answer. */
gboolean mapset_list_table(const Snapshot *snapshot, const char *table, char ***lines,
			   char **trouble, GError **error) G_GNUC_WARN_UNUSED_RESULT;
