/* SPDX-License-Identifier: Apache-2.0 */
/* spawned: one client of policyd, on standard input and output, as spawn(8) hands it over.
 *
 * spawn(8) starts a process for each connection and makes descriptors 0, 1 and 2 that one socket
 * (src/spawn/spawn.c, 3.7). The process answers request after request, each from the generation
 * that it names, and ends when the client closes; it never closes an idle connection itself,
 * because that would cost the next mail a retry (smtpd_policy_service_retry_delay).
 *
 * SIGUSR1 logs the counters. Its handler only leaves a note, which is looked at before each
 * read(2) and write(2), and so after the signal has interrupted one. A signal that comes between
 * the look and the read waits for the next request, or the next signal: to close that gap would
 * cost each request a system call.
 *
 * In trouble there is no answer: one line in the log, and the connection is closed. Postfix then
 * tries once more and does what default_action says. */
#include "spawned.h"

#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

static gboolean
is_same_socket(int a, int b)
{
	struct stat a_status, b_status;

	return fstat(a, &a_status) == 0 && fstat(b, &b_status) == 0 && S_ISSOCK(a_status.st_mode) &&
	       a_status.st_dev == b_status.st_dev && a_status.st_ino == b_status.st_ino;
}

gboolean
spawned_has_shared_stderr(void)
{
	return is_same_socket(STDERR_FILENO, STDIN_FILENO) ||
	       is_same_socket(STDERR_FILENO, STDOUT_FILENO);
}

gboolean
spawned_detach_stderr(void)
{
	const int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return FALSE;
	if (fd == STDERR_FILENO)
		return TRUE;
	const gboolean done = dup2(fd, STDERR_FILENO) == STDERR_FILENO;
	close(fd);
	return done;
}

static volatile sig_atomic_t is_asked_to_log;

static void
note_signal(int signal_number)
{
	is_asked_to_log = TRUE;
}

/* Without SA_RESTART, so that a read(2) or write(2) that waits is interrupted. */
static void
catch_signals(void)
{
	struct sigaction action = { .sa_handler = note_signal };

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&action.sa_mask);
	sigaction(SIGUSR1, &action, NULL);
}

static void
log_if_asked(const Answerer *answerer)
{
	if (!is_asked_to_log)
		return;
	is_asked_to_log = FALSE;
	answer_log_counters(answerer);
}

/* Whether read(2) or write(2) on fd is to be tried again; waits where it would have blocked. */
static gboolean
is_worth_retrying(int fd, short events)
{
	struct pollfd wait = { .fd = fd, .events = events };

	if (errno == EINTR)
		return TRUE;
	if (errno != EAGAIN && errno != EWOULDBLOCK)
		return FALSE;
	return poll(&wait, 1, -1) >= 0 || errno == EINTR;
}

static gboolean
write_all(const Answerer *answerer, const char *text, size_t length)
{
	while (length > 0) {
		log_if_asked(answerer);
		const ssize_t n = write(STDOUT_FILENO, text, length);

		if (n < 0 && !is_worth_retrying(STDOUT_FILENO, POLLOUT))
			return FALSE;
		if (n > 0) {
			text += n;
			length -= (size_t)n;
		}
	}
	return TRUE;
}

/* An AnswerSend. */
static gboolean
take_answer(const char *text, size_t length, const void *data)
{
	if (write_all(data, text, length))
		return TRUE;
	log_warning("the client did not take the answer: %s", g_strerror(errno));
	return FALSE;
}

/* Read what has come into the parser: FALSE at the end of the connection, with *status. */
static gboolean
read_more(const Answerer *answerer, RequestParser *parser, int *status)
{
	size_t size;
	char *room = request_parser_room(parser, &size);
	ssize_t n;

	do {
		log_if_asked(answerer);
		n = read(STDIN_FILENO, room, size);
	} while (n < 0 && is_worth_retrying(STDIN_FILENO, POLLIN));
	if (n > 0) {
		request_parser_feed(parser, (size_t)n);
		return TRUE;
	}
	if (n < 0 && errno != ECONNRESET) {
		log_warning("can't read from the client: %s", g_strerror(errno));
		*status = EX_IOERR;
	} else if (request_parser_is_within(parser)) {
		log_warning("the client closed within a request");
	}
	return FALSE;
}

int
spawned_serve(const Answerer *answerer)
{
	g_autoptr(RequestParser) parser = request_parser_new();
	int status = EX_OK;

	catch_signals();
	counters_open_connection(answerer->counters);
	while (status == EX_OK && read_more(answerer, parser, &status))
		status = answer_all(answerer, parser, take_answer, answerer);
	return status;
}
