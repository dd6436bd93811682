/* SPDX-License-Identifier: Apache-2.0 */
/* load-policy: clients that ask a policy server as smtpd(8) does, one request in flight each.
 *
 * Usage: load-policy PATH REQUEST-FILE CONNECTIONS REQUESTS. Sends so many requests over so many
 * connections to a UNIX-domain socket, and prints requests per second and the 50th and 99th
 * percentile and the maximum of the time to an answer, in microseconds. Exit status 1 where a
 * connection ends early or an answer is not complete. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MAX_EVENTS 256

typedef struct {
	int fd;
	double asked_at;
	char last; /* the last byte of an answer that is not complete */
} Connection;

static char request[65536];
static size_t request_length;

static void
fail(const char *what)
{
	perror(what);
	exit(1);
}

static double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void
read_request(const char *path)
{
	FILE *file = fopen(path, "r");

	if (file == NULL)
		fail(path);
	request_length = fread(request, 1, sizeof request - 1, file);
	fclose(file);
	const char *end = strstr(request, "\n\n");
	if (end == NULL)
		fail("no empty line in the request");
	request_length = (size_t)(end + 2 - request);
}

static void
ask(Connection *connection)
{
	connection->asked_at = now();
	if (write(connection->fd, request, request_length) != (ssize_t)request_length)
		fail("write");
}

static void
open_connection(Connection *connection, int epoll, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = connection };

	if (strlen(path) >= sizeof address.sun_path)
		exit(1);
	memcpy(address.sun_path, path, strlen(path));
	connection->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (connect(connection->fd, (struct sockaddr *)&address, sizeof address) != 0 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event) != 0)
		fail(path);
}

/* 1 where the answer is complete. */
static int
read_answer(Connection *connection)
{
	char bytes[4096];
	ssize_t n = read(connection->fd, bytes, sizeof bytes);

	if (n <= 0)
		fail("the server closed a connection");
	char before = n > 1 ? bytes[n - 2] : connection->last;
	connection->last = bytes[n - 1];
	return connection->last == '\n' && before == '\n';
}

static int
compare(const void *a, const void *b)
{
	float left = *(const float *)a, right = *(const float *)b;

	return left < right ? -1 : left > right;
}

static void
run(int epoll, size_t n_connections, size_t wanted, float *latencies)
{
	struct epoll_event events[MAX_EVENTS];
	size_t asked = n_connections, answered = 0;

	while (answered < wanted) {
		int n = epoll_wait(epoll, events, MAX_EVENTS, 10000);
		if (n == 0)
			fail("no answer for 10 s");
		for (int i = 0; i < n; i++) {
			Connection *connection = events[i].data.ptr;
			if (!read_answer(connection))
				continue;
			latencies[answered++] = (float)(now() - connection->asked_at);
			if (asked < wanted) {
				ask(connection);
				asked++;
			}
		}
	}
}

int
main(int argc, char **argv)
{
	struct rlimit limit;

	if (argc != 5)
		return 64;
	size_t n_connections = strtoul(argv[3], NULL, 10), wanted = strtoul(argv[4], NULL, 10);
	if (n_connections == 0 || wanted < n_connections)
		return 64;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	read_request(argv[2]);

	Connection *connections = calloc(n_connections, sizeof *connections);
	float *latencies = calloc(wanted, sizeof *latencies);
	int epoll = epoll_create1(0);
	if (connections == NULL || latencies == NULL)
		fail("memory");
	for (size_t i = 0; i < n_connections; i++)
		open_connection(&connections[i], epoll, argv[1]);
	double start = now();
	for (size_t i = 0; i < n_connections; i++)
		ask(&connections[i]);
	run(epoll, n_connections, wanted, latencies);
	double seconds = now() - start;
	qsort(latencies, wanted, sizeof *latencies, compare);
	printf("%.0f %.1f %.1f %.1f\n", (double)wanted / seconds, latencies[wanted / 2] * 1e6,
	       latencies[wanted * 99 / 100] * 1e6, latencies[wanted - 1] * 1e6);
	return 0;
}
