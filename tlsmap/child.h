/* SPDX-License-Identifier: Apache-2.0 */
/* child: runs commands to their end and keeps what they printed. */
#pragma once

#include <glib.h>

typedef struct {
	char *output; /* standard output, NUL-terminated */
	char *errors; /* standard error, NUL-terminated */
	int status;   /* exit status; 128 + signal where a signal ended it */
} ChildResult;

void child_result_clear(ChildResult *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ChildResult, child_result_clear)

/* Run argv, NULL-terminated, with input (may be NULL) as standard input, in the C locale. FALSE
 * only when it can't be started; a status other than 0 is for the caller to judge. */
gboolean child_run(const char *const *argv, const char *input, ChildResult *result, GError **error)
	G_GNUC_WARN_UNUSED_RESULT;

/* The same as another, unprivileged user, the way spawn(8) does it. */
gboolean child_run_as(const char *user, const char *const *argv, ChildResult *result,
		      GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* One of several commands that run at the same time. */
typedef struct {
	const char *const *argv; /* NULL-terminated */
	ChildResult result;
} ChildJob;

/* What is taken of each output of a command. */
#define CHILD_MAX_OUTPUT ((gsize)1 << 20)

/* Run n commands at the same time, with MAIL_CONFIG naming config_directory, and wait for all of
 * them; what still runs after that many seconds is killed, and what says more than
 * CHILD_MAX_OUTPUT. One that can't be started has the status -1 and says why in errors. Threads may
 * call it side by side. */
void child_run_all(ChildJob *jobs, size_t n, const char *config_directory, guint seconds);

/* The first line of text without blanks around it, for messages; the caller frees it. */
char *child_dup_first_line(const char *text);
