/* SPDX-License-Identifier: Apache-2.0 */
/* generations: the rules that a request is to be answered from. */
#pragma once

#include "ruledb.h"

#include <glib.h>

typedef enum {
	GENERATIONS_ERROR_CONTEXT, /* policy_context is not a generation number */
	GENERATIONS_ERROR_NUMBER   /* the file that was found is of another generation */
} GenerationsError;

#define GENERATIONS_ERROR (generations_error_quark())
GQuark generations_error_quark(void);

typedef struct Generations Generations;

/* The generations directory/1/rules.db, directory/2/rules.db and so on; opened when asked for. */
Generations *generations_new_directory(const char *directory);

/* The one file path, for every request. NULL with error set where it can't be opened. */
Generations *generations_new_file(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

void generations_free(Generations *generations);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Generations, generations_free)

/* The rules for a request with this policy_context; borrowed until the next call. NULL with error
 * set (GENERATIONS_ERROR or RULEDB_ERROR) where they can't be had. */
RuleDb *generations_get(Generations *generations, const char *policy_context, GError **error)
	G_GNUC_WARN_UNUSED_RESULT;

/* The exit status (sysexits.h) that says which kind of error this is, one of the above. */
int generations_exit_status(const GError *error);
