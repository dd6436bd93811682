/* SPDX-License-Identifier: Apache-2.0 */
/* log: policyd's lines in the mail log, by syslog. */
#pragma once

#include <glib.h>

/* Open the log, and send there what GLib has to say. Lines are copied to standard error if it is
 * somebody's who can read them: never where it is the client's socket. */
void log_start(gboolean is_copied_to_stderr);

/* A line about an answer. */
void log_verdict(const char *line);

/* A line about policyd itself. */
void log_info(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* A line about trouble; "warning: " is put before it, as Postfix does. Of one kind (of one format,
 * which must be a literal) a few lines pass in ten seconds; then the next one says how many were
 * left out. */
void log_warning(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* End the process with a line in the log when a mapped file is cut under it (SIGBUS). */
void log_catch_sigbus(void);
