/* SPDX-License-Identifier: Apache-2.0 */
/* policymap: the rows of smtp_tls_policy_maps, as postmap(1) reads them. Pure. */
#pragma once

#include "settings.h"

#include <glib.h>

/* The table's source text, one line a row in document order; empty where there are no rows. The
 * caller frees it. */
GString *policymap_render(const Settings *settings);
