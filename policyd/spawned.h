/* SPDX-License-Identifier: Apache-2.0 */
/* spawned: one client of policyd, on standard input and output, as spawn(8) hands it over. */
#pragma once

#include "answer.h"

#include <glib.h>

/* Whether standard error is the client's socket, as spawn(8) makes it. */
gboolean spawned_has_shared_stderr(void);

/* Point standard error at /dev/null, so that nothing can write into the protocol. */
gboolean spawned_detach_stderr(void) G_GNUC_WARN_UNUSED_RESULT;

/* Answer requests until the client is gone or there is trouble; the exit status, which spawn(8)
 * logs where it is not 0. SIGUSR1 logs the counters. */
int spawned_serve(const Answerer *answerer);
