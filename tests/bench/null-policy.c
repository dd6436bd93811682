/* SPDX-License-Identifier: Apache-2.0 */
/* null-policy: the least that a policy server can do, as the yardstick for policyd.
 *
 * Usage: null-policy PATH serves a UNIX-domain socket by epoll(7), null-policy without arguments
 * one client on standard input and output, as under spawn(8). It reads to the empty line that ends
 * a request and answers DUNNO. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_EVENTS 64

static const char reply[] = "action=DUNNO\n\n";

typedef struct {
	int in, out;
	int is_at_line_end; /* the last byte was a line feed */
} Connection;

/* Read once and answer each request that ended; 0 at the end of the connection. */
static int
serve(Connection *connection)
{
	char bytes[16384];
	ssize_t n = read(connection->in, bytes, sizeof bytes);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 1;
	for (ssize_t i = 0; i < n; i++) {
		const char *feed = memchr(bytes + i, '\n', (size_t)(n - i));
		if (feed != bytes + i || !connection->is_at_line_end) {
			if (feed == NULL) {
				connection->is_at_line_end = 0;
				break;
			}
			i = feed - bytes;
			connection->is_at_line_end = 1;
			continue;
		}
		connection->is_at_line_end = 0;
		if (write(connection->out, reply, sizeof reply - 1) < 0)
			return 0;
	}
	return n > 0;
}

static void
add(int epoll, int fd, Connection *connection)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = connection };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
		exit(1);
}

static void
accept_one(int epoll, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	Connection *connection = fd >= 0 ? calloc(1, sizeof *connection) : NULL;

	if (connection == NULL)
		return;
	connection->in = connection->out = fd;
	add(epoll, fd, connection);
}

static void
listen_on(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct epoll_event events[MAX_EVENTS];
	int epoll = epoll_create1(0), listener = socket(AF_UNIX, SOCK_STREAM, 0);

	if (strlen(path) >= sizeof address.sun_path)
		exit(1);
	memcpy(address.sun_path, path, strlen(path));
	if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
	    listen(listener, 1024) != 0) {
		perror(path);
		exit(1);
	}
	add(epoll, listener, NULL);
	for (;;) {
		int n = epoll_wait(epoll, events, MAX_EVENTS, -1);
		for (int i = 0; i < n; i++) {
			Connection *connection = events[i].data.ptr;
			if (connection == NULL) {
				accept_one(epoll, listener);
			} else if (!serve(connection)) {
				close(connection->in);
				free(connection);
			}
		}
	}
}

int
main(int argc, char **argv)
{
	Connection standard = { STDIN_FILENO, STDOUT_FILENO, 0 };

	signal(SIGPIPE, SIG_IGN);
	if (argc > 1)
		listen_on(argv[1]);
	while (serve(&standard))
		;
	return 0;
}
