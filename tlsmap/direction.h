/* SPDX-License-Identifier: Apache-2.0 */
/* direction: what a change of a parameter's value means for protection, one function a kind of
 * value. Pure. */
#pragma once

#include "names.h"

#include <glib.h>

typedef enum { CHANGE_EQUAL, CHANGE_STRICTER, CHANGE_WEAKER } ChangeDirection;

/* From one send level to another: stricter only where nothing is lost. */
ChangeDirection direction_of_level(SecurityLevel before, SecurityLevel after);

/* From one value of main.cf to another; either may be NULL: not set. */
ChangeDirection direction_send_levels(const char *old_value, const char *new_value);
ChangeDirection direction_receive_levels(const char *old_value, const char *new_value);
ChangeDirection direction_switches(const char *old_value, const char *new_value);
ChangeDirection direction_forbidding(const char *old_value, const char *new_value);
ChangeDirection direction_anchors(const char *old_value, const char *new_value);
ChangeDirection direction_dnssec(const char *old_value, const char *new_value);
ChangeDirection direction_tokens(const char *old_value, const char *new_value);
ChangeDirection direction_policies(const char *old_value, const char *new_value);
ChangeDirection direction_protocols(const char *old_value, const char *new_value);
ChangeDirection direction_tables(const char *old_value, const char *new_value);
ChangeDirection direction_equal(const char *old_value, const char *new_value);

/* Whether two values that are set say the same to Postfix. */
gboolean direction_same_words(const char *one, const char *other);
gboolean direction_same_floors(const char *one, const char *other);
gboolean direction_same_lists(const char *one, const char *other);
