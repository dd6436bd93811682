/* SPDX-License-Identifier: Apache-2.0 */
/* describe: receiving rules in words, for people. Pure. */
#pragma once

#include "settings.h"

#include <glib.h>

/* "mail from a.example needs TLS, else reject": what rule is about, what it demands, and what
 * happens otherwise. The caller frees it. */
char *describe_dup_rule(const SettingsRule *rule);

/* All rules of the document and who is exempt from them, one a line; empty where there are no
 * rules. The caller frees it. */
GString *describe_rules(const Settings *settings);

/* The texts of a list as one text, in document order, with separator between them. The caller frees
 * it. */
char *describe_dup_list(const GArray *texts, const char *separator);
