/* SPDX-License-Identifier: Apache-2.0 */
/* chroot: files of the document that smtp(8) opens when it has left the file system of root.
 * Changes nothing. */
#pragma once

#include "finding.h"
#include "settings.h"
#include "snapshot.h"

/* Refuse each trust_anchor_files that a service of smtp(8) can't read. */
void chroot_find(const Settings *settings, const Snapshot *snapshot, Findings *findings);
