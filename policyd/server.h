/* SPDX-License-Identifier: Apache-2.0 */
/* server: many clients of policyd at once, on sockets. */
#pragma once

#include "answer.h"

#include <glib.h>
#include <stddef.h>

/* More connections than this wait in the sockets' queues. Each smtpd(8) process has one. */
#define SERVER_MAX_CONNECTIONS 16000

/* Answer clients of the n listening sockets until SIGTERM; the exit status. The first n_handed are
 * kept by the service manager. SIGUSR1 logs the counters. What has been asked when SIGTERM comes is
 * still answered. */
int server_run(const Answerer *answerer, const int *sockets, size_t n, size_t n_handed);
