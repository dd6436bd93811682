/* SPDX-License-Identifier: Apache-2.0 */
/* notify: tells the service manager that policyd is ready, alive or stopping (sd_notify(3)). */
#pragma once

#include <glib.h>

/* Send state ("READY=1") where there is a service manager to tell; it is never an error. */
void notify_send(const char *state);

/* How often the manager wants to hear "WATCHDOG=1", halved as sd_watchdog_enabled(3) says, in
 * milliseconds; -1: never. */
int notify_watchdog_interval(void);
