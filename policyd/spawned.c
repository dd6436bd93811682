/* SPDX-License-Identifier: Apache-2.0 */
/* spawned: one client of policyd, on standard input and output, as spawn(8) hands it over.
 *
 * spawn(8) starts a process for each connection and makes descriptors 0, 1 and 2 that one socket
 * (src/spawn/spawn.c, 3.7). The process answers request after request, each from the generation
 * that it names, and ends when the client closes; it never closes an idle connection itself,
 * because that would cost the next mail a retry (smtpd_policy_service_retry_delay).
 *
 * In trouble there is no answer: one line in the log, and the connection is closed. Postfix then
 * tries once more and does what default_action says. */
#include "spawned.h"

#include "answer.h"
#include "log.h"
#include "request.h"

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
write_all(const char *text, size_t length)
{
	while (length > 0) {
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

static int
serve_request(Generations *generations, const Request *request)
{
	Answer answer;
	const int status = answer_request(generations, request, &answer);

	if (status == EX_OK && !write_all(answer.reply, answer.length)) {
		log_warning("the client did not take the answer: %s", g_strerror(errno));
		return EX_IOERR;
	}
	return status;
}

/* Answer all requests that have been fed; *is_done where the connection is to be closed. */
static int
answer_all(Generations *generations, RequestParser *parser, gboolean *is_done)
{
	Request request;
	const char *trouble;
	int status = EX_OK;

	*is_done = TRUE;
	while (status == EX_OK) {
		switch (request_parser_next(parser, &request, &trouble)) {
		case REQUEST_READY:
			status = serve_request(generations, &request);
			continue;
		case REQUEST_INCOMPLETE:
			*is_done = FALSE;
			return EX_OK;
		case REQUEST_TROUBLE:
			log_warning("no answer: the client sent %s", trouble);
			return EX_PROTOCOL;
		}
	}
	return status;
}

/* Read what has come into the parser: FALSE at the end of the connection, with *status. */
static gboolean
read_more(RequestParser *parser, int *status)
{
	size_t size;
	char *room = request_parser_room(parser, &size);
	ssize_t n;

	do
		n = read(STDIN_FILENO, room, size);
	while (n < 0 && is_worth_retrying(STDIN_FILENO, POLLIN));
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
spawned_serve(Generations *generations)
{
	g_autoptr(RequestParser) parser = request_parser_new();
	gboolean is_done = FALSE;
	int status = EX_OK;

	signal(SIGPIPE, SIG_IGN);
	while (!is_done && read_more(parser, &status))
		status = answer_all(generations, parser, &is_done);
	return status;
}
