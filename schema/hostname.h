/* SPDX-License-Identifier: Apache-2.0 */
/* hostname: what Postfix takes for a domain name. Pure. */
#pragma once

#include <glib.h>

#define HOSTNAME_MAX 255

/* Why name, ASCII, is no domain name for Postfix (valid_hostname(),
 * src/util/valid_hostname.c, 3.7), or NULL when it is one. Static text that completes "it ...". */
const char *hostname_check(const char *name) G_GNUC_WARN_UNUSED_RESULT;

/* Whether name has a label that is, or stands for, an internationalised one: beyond ASCII, or
 * "xn--". */
gboolean hostname_is_international(const char *name);

/* Fold ASCII letters to lower case, in place; bytes beyond ASCII stay. */
void hostname_fold(char *name);
