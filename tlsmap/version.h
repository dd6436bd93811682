/* SPDX-License-Identifier: Apache-2.0 */
/* version: Postfix's version, compared. Pure. */
#pragma once

#include <glib.h>

typedef struct {
	int major;
	int minor;
} PostfixVersion;

/* The versions that tlsgate is made for (design: Postfix 3.5 to 3.12). */
#define VERSION_OLDEST ((PostfixVersion){ 3, 5 })
#define VERSION_NEWEST ((PostfixVersion){ 3, 12 })

/* Read "3.7", "3.7.11" or "3.12-20260821" (mail_version). FALSE for anything else. */
gboolean version_parse(const char *text, PostfixVersion *version) G_GNUC_WARN_UNUSED_RESULT;

/* Whether version is major.minor or newer. */
gboolean version_is_at_least(PostfixVersion version, int major, int minor);
