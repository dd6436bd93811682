/* SPDX-License-Identifier: Apache-2.0 */
/* spelling: a table for the spellings of a domain that smtp(8) does not find under its name. Pure.
 */
#pragma once

#include "settings.h"

#include <glib.h>

/* Its file in a generation. */
#define SPELLING_FILE "tls_spellings"

/* Instead of a level, where no level is as strict as the rows are: smtp(8) takes it for an invalid
 * policy, logs it and defers the mail (src/smtp/smtp_tls_policy.c, tls_policy_lookup_one(), 3.7).
 */
#define SPELLING_DEFER "domain-not-in-normal-form"

/* Whether mail could walk round a row by the spelling of its domain: whether a row demands what the
 * level for all mail does not. */
gboolean spelling_is_needed(const Settings *settings);

/* The source of the table, of type regexp; it holds bytes that are no UTF-8. NULL where none is
 * needed. The caller frees it. */
char *spelling_dup_table(const Settings *settings);

/* What the table must answer: for each line of it keys that it must know, "key<TAB>policy" each.
 * NULL where no table is needed. The caller frees it. */
char *spelling_dup_samples(const Settings *settings);
