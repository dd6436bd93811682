/* SPDX-License-Identifier: Apache-2.0 */
/* endpoint: the sockets that policyd listens on, made by itself or handed over by the system. */
#pragma once

#include <glib.h>

/* Make the socket that text names and listen on it: "unix:PATH", "unix:PATH:mode=OCTAL" (0600 if
 * not said) or "inet:ADDRESS:PORT", the address a loopback one. A socket file that nobody listens
 * on any more is replaced. The descriptor, or -1 with error set (ENDPOINT_ERROR, or a G_FILE_ERROR
 * where the system refuses). */
int endpoint_listen(const char *text, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Take the sockets that the service manager has handed over (sd_listen_fds(3)): *n of them, at most
 * ENDPOINT_MAX_HANDED, from descriptor ENDPOINT_FIRST_HANDED on. The environment that says so is
 * cleared. FALSE with error set where one is not listening (Accept=yes), or there are more. */
#define ENDPOINT_FIRST_HANDED 3
#define ENDPOINT_MAX_HANDED 64
gboolean endpoint_take_handed(int *n, GError **error) G_GNUC_WARN_UNUSED_RESULT;

typedef enum { ENDPOINT_ERROR_SYNTAX, ENDPOINT_ERROR_HANDED } EndpointError;

#define ENDPOINT_ERROR (endpoint_error_quark())
GQuark endpoint_error_quark(void);
