/* SPDX-License-Identifier: Apache-2.0 */
/* ciphers: what OpenSSL makes of the names of ciphers. */
#pragma once

#include <glib.h>

/* Whether OpenSSL knows a name, or names joined by +, for ciphers below TLS 1.3: as one cipher, or
 * as a class of them, which may be empty in the OpenSSL of this machine. */
gboolean ciphers_know(const char *name);

/* Whether a list as Postfix hands it over leaves any cipher below TLS 1.3. */
gboolean ciphers_leave_any(const char *list);
