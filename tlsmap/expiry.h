/* SPDX-License-Identifier: Apache-2.0 */
/* expiry: which certificates that the document names end soon, or have ended. */
#pragma once

#include "finding.h"
#include "settings.h"

#include <glib.h>

/* now: seconds since the epoch. */
void expiry_find(const Settings *settings, gint64 now, Findings *findings);
