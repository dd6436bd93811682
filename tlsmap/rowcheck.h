/* SPDX-License-Identifier: Apache-2.0 */
/* rowcheck: what the rows of send.domains become with the main.cf and the OpenSSL of this machine.
 * Changes nothing. */
#pragma once

#include "finding.h"
#include "settings.h"
#include "snapshot.h"

void rowcheck_find(const Settings *settings, const Snapshot *snapshot, Findings *findings);
