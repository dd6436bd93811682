/* SPDX-License-Identifier: Apache-2.0 */
/* socket: asks policyd, through the socket that smtpd(8) uses, whether it serves a generation. */
#pragma once

#include <glib.h>

/* Ask once. FALSE with error when there is no answer within timeout seconds, or a wrong one. */
gboolean socket_ask(const char *path, guint64 generation, int timeout, GError **error)
	G_GNUC_WARN_UNUSED_RESULT;

/* Ask again and again until there is an answer, for at most seconds. */
gboolean socket_await(const char *path, guint64 generation, int seconds, GError **error)
	G_GNUC_WARN_UNUSED_RESULT;
