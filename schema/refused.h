/* SPDX-License-Identifier: Apache-2.0 */
/* refused: where loading refused something, so that no check takes that for absent. Pure. */
#pragma once

#include "finding.h"
#include "settings.h"

typedef struct Refused Refused;

/* From the findings of settings_load() alone; settings is borrowed. */
Refused *refused_new(const Settings *settings, const Findings *findings);
void refused_free(Refused *refused);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Refused, refused_free)

/* Whether anything was refused in the part that begins at place (receive or send), in rule n, in
 * destination n. */
gboolean refused_in_part(const Refused *refused, size_t place);
gboolean refused_in_rule(const Refused *refused, size_t n);
gboolean refused_in_destination(const Refused *refused, size_t n);

/* Whether word, of the part that begins at place, holds a default that nobody chose: what was
 * written is no such word, or it is absent and a key of that part was refused, which it may be. */
gboolean refused_word(const Refused *refused, const CursorWord *word, size_t place);
