/* SPDX-License-Identifier: Apache-2.0 */
/* hole: mail that comes into this Postfix without its rules being asked, or without a trace. */
#pragma once

#include "settings.h"
#include "snapshot.h"

/* Called with one sentence for people. */
typedef void (*HoleVisit)(const char *text, void *data);

/* Visit each hole that this Postfix has for the rules of settings; none without rules. Postfix
 * gives no hook there, so that the document can't close them (policyd(8)). */
void hole_visit(const Settings *settings, const Snapshot *snapshot, HoleVisit visit, void *data);
