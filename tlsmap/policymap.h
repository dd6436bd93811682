/* SPDX-License-Identifier: Apache-2.0 */
/* policymap: the rows of smtp_tls_policy_maps, as postmap(1) reads them. Pure. */
#pragma once

#include "settings.h"
#include "version.h"

#include <glib.h>

/* Append one row of the document: a line "key<TAB>level attribute=value…" for each form of its
 * destination, as this version of Postfix has the words. */
void policymap_append(GString *table, const SettingsDestination *row, PostfixVersion version);

/* Append one line that says under key what row says. */
void policymap_append_key(GString *table, const char *key, const SettingsDestination *row,
			  PostfixVersion version);

/* What a row says behind its key. The caller frees it. */
char *policymap_dup_value(const SettingsDestination *row, PostfixVersion version);

/* The table's whole source text, in document order; empty where there are no rows. The caller frees
 * it. */
GString *policymap_render(const Settings *settings, PostfixVersion version);
