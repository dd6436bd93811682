/* SPDX-License-Identifier: Apache-2.0 */
/* load-policy: clients that ask a policy server as smtpd(8) does, one request in flight each.
 *
 * Usage: load-policy PATH REQUEST-FILE CONNECTIONS REQUESTS [RATE]. Sends so many requests over so
 * many connections to a UNIX-domain socket, and prints requests per second and the 50th and 99th
 * percentile and the maximum of the time to an answer, in microseconds. Without RATE each
 * connection asks again as soon as it is answered; else they take turns, RATE requests a second in
 * all. Exit status 1 where a connection ends early or an answer is not complete. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MAX_EVENTS 256
#define PATIENCE 10 /* seconds */

typedef struct {
	int fd;
	double asked_at;
	char last; /* the last byte of an answer that is not complete */
} Connection;

/* The connections that wait for nothing, in a ring: the next to ask is the one longest at rest. */
typedef struct {
	Connection **ring;
	size_t size, first, n;
} Resting;

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
rest(Resting *resting, Connection *connection)
{
	resting->ring[(resting->first + resting->n++) % resting->size] = connection;
}

/* Up to so many of them ask; the number that did. */
static size_t
ask_some(Resting *resting, size_t most)
{
	size_t n = resting->n < most ? resting->n : most;

	for (size_t i = 0; i < n; i++) {
		ask(resting->ring[resting->first]);
		resting->first = (resting->first + 1) % resting->size;
	}
	resting->n -= n;
	return n;
}

/* Readable each time that a request is due. */
static int
open_timer(int epoll, long rate)
{
	struct timespec interval = { .tv_nsec = 1000000000 / rate };
	struct itimerspec times = { interval, interval };
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
	int timer = timerfd_create(CLOCK_MONOTONIC, 0);

	if (timer < 0 || timerfd_settime(timer, 0, &times, NULL) != 0 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event) != 0)
		fail("timer");
	return timer;
}

static size_t
read_timer(int timer)
{
	uint64_t n;

	return read(timer, &n, sizeof n) == (ssize_t)sizeof n ? (size_t)n : 0;
}

static void
run(int epoll, Resting *resting, size_t wanted, int timer, float *latencies)
{
	struct epoll_event events[MAX_EVENTS];
	size_t asked = 0, answered = 0;
	double last = now();

	if (timer < 0)
		asked = ask_some(resting, wanted);
	while (answered < wanted) {
		size_t due = 0;
		int n = epoll_wait(epoll, events, MAX_EVENTS, 1000);
		if (now() - last > PATIENCE)
			fail("the server does not answer");
		for (int i = 0; i < n; i++) {
			Connection *connection = events[i].data.ptr;
			if (connection == NULL) {
				due = read_timer(timer);
			} else if (read_answer(connection)) {
				last = now();
				latencies[answered++] = (float)(last - connection->asked_at);
				rest(resting, connection);
				if (timer < 0)
					asked += ask_some(resting, wanted - asked);
			}
		}
		asked += ask_some(resting, due < wanted - asked ? due : wanted - asked);
	}
}

int
main(int argc, char **argv)
{
	struct rlimit limit;

	if (argc != 5 && argc != 6)
		return 64;
	size_t n_connections = strtoul(argv[3], NULL, 10), wanted = strtoul(argv[4], NULL, 10);
	long rate = argc == 6 ? strtol(argv[5], NULL, 10) : 0;
	if (n_connections == 0 || wanted < n_connections || (argc == 6 && rate < 2))
		return 64;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	read_request(argv[2]);

	Connection *connections = calloc(n_connections, sizeof *connections);
	float *latencies = calloc(wanted, sizeof *latencies);
	Resting resting = { calloc(n_connections, sizeof *resting.ring), n_connections, 0, 0 };
	int epoll = epoll_create1(0);
	if (connections == NULL || latencies == NULL || resting.ring == NULL)
		fail("memory");
	for (size_t i = 0; i < n_connections; i++) {
		open_connection(&connections[i], epoll, argv[1]);
		rest(&resting, &connections[i]);
	}
	double start = now();
	run(epoll, &resting, wanted, rate > 0 ? open_timer(epoll, rate) : -1, latencies);
	double seconds = now() - start;
	qsort(latencies, wanted, sizeof *latencies, compare);
	printf("%.0f %.1f %.1f %.1f\n", (double)wanted / seconds, latencies[wanted / 2] * 1e6,
	       latencies[wanted * 99 / 100] * 1e6, latencies[wanted - 1] * 1e6);
	return 0;
}
