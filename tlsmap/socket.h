/* SPDX-License-Identifier: Apache-2.0 */
/* socket: asks policyd, through the socket that smtpd(8) uses, whether it serves a generation and
 * what it has counted. */
#pragma once

#include "tally.h"

#include <glib.h>

/* Ask once. FALSE with error when there is no answer within timeout seconds, or a wrong one. */
gboolean socket_ask(const char *path, guint64 generation, int timeout, GError **error)
	G_GNUC_WARN_UNUSED_RESULT;

/* Ask what it has counted. FALSE with error when it does not say so within timeout seconds, or in
 * another form than we know. */
gboolean socket_ask_counters(const char *path, int timeout, Tally *tally, GError **error)
	G_GNUC_WARN_UNUSED_RESULT;

/* Ask again and again until there is an answer, for at most seconds. */
gboolean socket_await(const char *path, guint64 generation, int seconds, GError **error)
	G_GNUC_WARN_UNUSED_RESULT;
