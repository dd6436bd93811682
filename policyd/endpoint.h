/* SPDX-License-Identifier: Apache-2.0 */
/* endpoint: the sockets that policyd listens on, made by itself or handed over by the system. */
#pragma once

#include <glib.h>

/* Make the socket that text names and listen on it: "unix:PATH", "unix:PATH:mode=OCTAL" (0600 if
 * not said) or "inet:ADDRESS:PORT", the address a loopback one. A socket file that nobody listens
 * on any more is replaced. The descriptor, or -1 with error set (ENDPOINT_ERROR, or a G_FILE_ERROR
 * where the system refuses). */
int endpoint_listen(const char *text, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* How many listening sockets the service manager has handed over, from descriptor
 * ENDPOINT_FIRST_HANDED on (sd_listen_fds(3)); the environment that says so is cleared. */
#define ENDPOINT_FIRST_HANDED 3
int endpoint_take_handed(void);

typedef enum { ENDPOINT_ERROR_SYNTAX } EndpointError;

#define ENDPOINT_ERROR (endpoint_error_quark())
GQuark endpoint_error_quark(void);
