/* SPDX-License-Identifier: Apache-2.0 */
/* server: many clients of policyd at once, on sockets.
 *
 * One thread, one epoll(7) set. A connection at rest costs its descriptor and a few words: requests
 * come whole as a rule, so that one parser serves all connections in turn, and only a connection
 * that is within a request keeps one of its own. A client that has asked and does not take the
 * answer is not read from until it does. Idle connections are never closed from here, because that
 * would cost the next mail a retry (smtpd_policy_service_retry_delay). Busy ones, which are within
 * a request or do not take an answer, cost memory: one that stays so for a minute without getting
 * on is no smtpd(8) and is closed, and so is one that would be busy beside too many others.
 *
 * Stopping must not cost anybody an answer, because smtpd(8) asks twice and then does what
 * default_action says: what has been asked is answered, who has connected is given the time to ask,
 * and who waits in the queue of a socket is left to the next server where the service manager keeps
 * the socket, else accepted.
 *
 * In trouble there is no answer: one line in the log, and the connection is closed. */
#include "server.h"

#include "log.h"
#include "notify.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#define EVENTS_PER_WAIT 64
#define ACCEPTS_PER_EVENT 64
#define SWEEP_INTERVAL_MS 1000
#define MAX_BUSY_US (60 * G_USEC_PER_SEC)
/* Each has at most a buffer for a request and one for the answers to a buffer full of requests, of
 * which one at most is long (answer.c). */
#define MAX_BUSY 1000
#define DRAIN_US (5 * G_USEC_PER_SEC)
/* smtpd(8) asks as soon as it has connected; who has not by now loses no more by a second try
 * (smtpd_policy_service_retry_delay, 1 s). */
#define UNASKED_US G_USEC_PER_SEC
#define DRAIN_INTERVAL_MS 100
/* Beside connections: listeners, the log, a few rules files. */
#define SPARE_DESCRIPTORS 64

typedef enum { SOURCE_LISTENER, SOURCE_SIGNAL, SOURCE_CONNECTION } SourceKind;

/* What an event is about; the head of each of the three. */
typedef struct {
	SourceKind kind;
	int fd;
} Source;

typedef struct {
	Source source;
	size_t place;          /* in connections */
	RequestParser *parser; /* its own while it is within a request, else NULL */
	GByteArray *unsent;    /* NULL: all answers are on their way */
	gint64 busy_since;     /* monotonic, renewed at each answer; 0: at rest */
	gboolean has_asked;    /* and was answered */
} Connection;

typedef struct {
	const Answerer *answerer;
	int epoll;
	Source signals;
	Source *listeners;
	size_t n_listeners;
	size_t n_handed; /* of listeners, the first: the service manager keeps them */
	gboolean is_accepting;
	GPtrArray *connections; /* of Connection * */
	size_t max_connections;
	size_t n_busy;         /* of connections */
	RequestParser *parser; /* for connections at rest */
	gint64 drain_since;    /* 0: not stopping */
} Server;

/* ---- the epoll set ---- */

static gboolean
watch(const Server *server, int operation, Source *source, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	return epoll_ctl(server->epoll, operation, source->fd, &event) == 0;
}

/* Accepting or not: the queue of a socket keeps those who wait. */
static void
set_accepting(Server *server, gboolean is_accepting)
{
	if (server->is_accepting == is_accepting)
		return;
	server->is_accepting = is_accepting;
	for (size_t i = 0; i < server->n_listeners; i++)
		watch(server, is_accepting ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, &server->listeners[i],
		      EPOLLIN);
}

/* ---- connections ---- */

static void
close_connection(Server *server, Connection *connection)
{
	Connection *last = g_ptr_array_index(server->connections, server->connections->len - 1);

	last->place = connection->place;
	g_ptr_array_remove_index_fast(server->connections, (guint)connection->place);
	server->n_busy -= connection->busy_since != 0;
	counters_close_connection(server->answerer->counters);
	close(connection->source.fd);
	request_parser_free(connection->parser);
	if (connection->unsent != NULL)
		g_byte_array_unref(connection->unsent);
	g_free(connection);
	if (server->drain_since == 0)
		set_accepting(server, TRUE);
}

static void
accept_one(Server *server, int fd)
{
	Connection *connection = g_new0(Connection, 1);

	connection->source = (Source){ SOURCE_CONNECTION, fd };
	connection->place = server->connections->len;
	g_ptr_array_add(server->connections, connection);
	counters_open_connection(server->answerer->counters);
	if (!watch(server, EPOLL_CTL_ADD, &connection->source, EPOLLIN)) {
		log_warning("can't watch a connection: %s", g_strerror(errno));
		close_connection(server, connection);
	}
}

/* FALSE where none waits, or no more can be served. */
static gboolean
accept_next(Server *server, int listener)
{
	if (server->connections->len >= server->max_connections) {
		log_warning("%u connections are open, more must wait", server->connections->len);
		set_accepting(server, FALSE);
		return FALSE;
	}
	const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		accept_one(server, fd);
		return TRUE;
	}
	if (errno == ECONNABORTED || errno == EINTR)
		return TRUE;
	if (errno == EAGAIN)
		return FALSE;
	/* No descriptor or no memory: the next sweep tries again. */
	log_warning("can't accept a connection: %s", g_strerror(errno));
	set_accepting(server, FALSE);
	return FALSE;
}

static void
accept_some(Server *server, int listener)
{
	for (int i = 0; i < ACCEPTS_PER_EVENT && accept_next(server, listener); i++)
		;
}

/* A connection that is busy already keeps its time. */
static void
set_busy(Server *server, Connection *connection, gboolean is_busy)
{
	if (is_busy == (connection->busy_since != 0))
		return;
	server->n_busy = is_busy ? server->n_busy + 1 : server->n_busy - 1;
	connection->busy_since = is_busy ? g_get_monotonic_time() : 0;
}

/* After reading or sending: FALSE where it is busy, and too many others are. */
static gboolean
note_busy(Server *server, Connection *connection)
{
	const gboolean is_busy = connection->parser != NULL || connection->unsent != NULL;

	if (is_busy && connection->busy_since == 0 && server->n_busy >= MAX_BUSY) {
		log_warning("%d clients are within a request or take no answer: closing one more",
			    MAX_BUSY);
		counters_add_protocol_error(server->answerer->counters);
		return FALSE;
	}
	set_busy(server, connection, is_busy);
	return TRUE;
}

/* Send what is to be sent; the rest waits for the client. FALSE where the client is gone. */
static gboolean
send_answer(Server *server, Connection *connection, const char *text, size_t length)
{
	if (connection->unsent == NULL) {
		const ssize_t n = send(connection->source.fd, text, length, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return FALSE;
		text += MAX(n, 0);
		length -= (size_t)MAX(n, 0);
		if (length == 0)
			return TRUE;
		if (!watch(server, EPOLL_CTL_MOD, &connection->source, EPOLLOUT))
			return FALSE;
		connection->unsent = g_byte_array_new();
	}
	g_byte_array_append(connection->unsent, (const guint8 *)text, (guint)length);
	return TRUE;
}

static gboolean
send_rest(Server *server, Connection *connection)
{
	const ssize_t n = send(connection->source.fd, connection->unsent->data,
			       connection->unsent->len, MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	g_byte_array_remove_range(connection->unsent, 0, (guint)n);
	if (connection->unsent->len > 0)
		return TRUE;
	g_clear_pointer(&connection->unsent, g_byte_array_unref);
	set_busy(server, connection, FALSE);
	return watch(server, EPOLL_CTL_MOD, &connection->source, EPOLLIN) &&
	       note_busy(server, connection);
}

/* ---- requests ---- */

typedef struct {
	Server *server;
	Connection *connection;
} Served;

/* An AnswerSend. */
static gboolean
take_answer(const char *text, size_t length, const void *data)
{
	const Served *served = data;

	served->connection->has_asked = TRUE;
	set_busy(served->server, served->connection, FALSE);
	return send_answer(served->server, served->connection, text, length);
}

/* A connection keeps the parser while it is within a request; else the parser serves the next. */
static void
hand_over(Server *server, Connection *connection, RequestParser *parser)
{
	const gboolean is_within = request_parser_is_within(parser);

	if (is_within && connection->parser == NULL) {
		connection->parser = parser;
		server->parser = request_parser_new();
	} else if (!is_within && connection->parser != NULL) {
		g_clear_pointer(&connection->parser, request_parser_free);
	}
}

/* What is left in a parser of a connection that ends is not for the next. */
static void
renew(Server *server, const RequestParser *parser)
{
	if (parser != server->parser)
		return;
	request_parser_free(server->parser);
	server->parser = request_parser_new();
}

/* Read once and answer: FALSE where the connection is to be closed. */
static gboolean
serve(Server *server, Connection *connection)
{
	RequestParser *parser = connection->parser != NULL ? connection->parser : server->parser;
	size_t size;
	char *room = request_parser_room(parser, &size);
	const ssize_t n = recv(connection->source.fd, room, size, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return TRUE;
	if (n <= 0) {
		if (n < 0 && errno != ECONNRESET)
			log_warning("can't read from a client: %s", g_strerror(errno));
		else if (connection->parser != NULL)
			log_warning("a client closed within a request");
		return FALSE;
	}
	request_parser_feed(parser, (size_t)n);
	const Served served = { server, connection };
	if (answer_all(server->answerer, parser, take_answer, &served) != EX_OK) {
		renew(server, parser);
		return FALSE;
	}
	hand_over(server, connection, parser);
	return note_busy(server, connection);
}

static void
handle_connection(Server *server, Connection *connection)
{
	const gboolean goes_on = connection->unsent != NULL ? send_rest(server, connection)
							    : serve(server, connection);

	if (!goes_on)
		close_connection(server, connection);
}

/* ---- time ---- */

/* Close who has been busy for too long, and accept again where descriptors were lacking. */
static void
sweep(Server *server, gint64 now)
{
	for (size_t i = server->connections->len; i-- > 0;) {
		Connection *connection = g_ptr_array_index(server->connections, i);
		if (connection->busy_since == 0 || now - connection->busy_since < MAX_BUSY_US)
			continue;
		log_warning("a client did not %s within %d s",
			    connection->unsent != NULL ? "take its answer" : "finish its request",
			    (int)(MAX_BUSY_US / G_USEC_PER_SEC));
		counters_add_protocol_error(server->answerer->counters);
		close_connection(server, connection);
	}
	if (server->drain_since == 0 && server->connections->len < server->max_connections)
		set_accepting(server, TRUE);
}

/* ---- stopping ---- */

static void
begin_drain(Server *server)
{
	notify_send("STOPPING=1");
	server->drain_since = g_get_monotonic_time();
	set_accepting(server, FALSE);
	for (size_t i = 0; i < server->n_listeners; i++) {
		const int fd = server->listeners[i].fd;
		while (i >= server->n_handed && accept_next(server, fd))
			;
		close(fd);
	}
}

static gboolean
has_sent_more(const Connection *connection)
{
	char byte;

	return recv(connection->source.fd, &byte, 1, MSG_PEEK) > 0;
}

/* Whether a connection waits for an answer, or may be about to ask for its first. */
static gboolean
is_to_be_served(const Server *server, const Connection *connection, gint64 now)
{
	if (connection->busy_since != 0 || has_sent_more(connection))
		return TRUE;
	return !connection->has_asked && now - server->drain_since < UNASKED_US;
}

/* Answer what has been asked, and close who waits for nothing. */
static void
drain(Server *server, gint64 now)
{
	for (size_t i = server->connections->len; i-- > 0;) {
		Connection *connection = g_ptr_array_index(server->connections, i);
		const gboolean goes_on = connection->unsent != NULL || serve(server, connection);
		if (!goes_on || !is_to_be_served(server, connection, now))
			close_connection(server, connection);
	}
}

static void
handle_signal(Server *server)
{
	struct signalfd_siginfo info;

	if (read(server->signals.fd, &info, sizeof info) != (ssize_t)sizeof info)
		return;
	if (info.ssi_signo == SIGUSR1)
		answer_log_counters(server->answerer);
	else if (server->drain_since == 0)
		begin_drain(server);
}

/* ---- the loop ---- */

static void
handle(Server *server, Source *source)
{
	switch (source->kind) {
	case SOURCE_LISTENER:
		if (server->is_accepting)
			accept_some(server, source->fd);
		return;
	case SOURCE_SIGNAL:
		handle_signal(server);
		return;
	case SOURCE_CONNECTION:
		handle_connection(server, (Connection *)(void *)source);
		return;
	}
	g_assert_not_reached();
}

static void
loop(Server *server)
{
	const int watchdog = notify_watchdog_interval();
	const int interval = watchdog > 0 ? MIN(watchdog, SWEEP_INTERVAL_MS) : SWEEP_INTERVAL_MS;
	struct epoll_event events[EVENTS_PER_WAIT];
	gint64 now = g_get_monotonic_time(), next_sweep = now;

	for (;;) {
		const int rest = (int)(MAX(next_sweep - now, 0) / 1000) + 1;
		const int wait = server->drain_since != 0 ? MIN(rest, DRAIN_INTERVAL_MS) : rest;
		const int n = epoll_wait(server->epoll, events, EVENTS_PER_WAIT, wait);
		for (int i = 0; i < n; i++)
			handle(server, events[i].data.ptr);
		/* The time is looked at once for many requests. */
		now = g_get_monotonic_time();
		if (now >= next_sweep) {
			next_sweep = now + (gint64)interval * 1000;
			sweep(server, now);
			if (watchdog > 0)
				notify_send("WATCHDOG=1");
		}
		if (server->drain_since == 0)
			continue;
		drain(server, now);
		if (server->connections->len == 0 || now - server->drain_since >= DRAIN_US)
			return;
	}
}

/* As many descriptors as the system lets us have, up to what is needed. */
static size_t
find_max_connections(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return SERVER_MAX_CONNECTIONS;
	const rlim_t wanted = SERVER_MAX_CONNECTIONS + SPARE_DESCRIPTORS;
	if (limit.rlim_cur < wanted) {
		limit.rlim_cur = MIN(limit.rlim_max, wanted);
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur >= wanted)
		return SERVER_MAX_CONNECTIONS;
	return limit.rlim_cur > 2 * SPARE_DESCRIPTORS ? limit.rlim_cur - SPARE_DESCRIPTORS
						      : SPARE_DESCRIPTORS;
}

static gboolean
open_signals(Server *server)
{
	sigset_t signals;

	signal(SIGPIPE, SIG_IGN); /* of standard error, which gets a copy of the log */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) != 0)
		return FALSE;
	server->signals =
		(Source){ SOURCE_SIGNAL, signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK) };
	return server->signals.fd >= 0 && watch(server, EPOLL_CTL_ADD, &server->signals, EPOLLIN);
}

static void
clear(Server *server)
{
	while (server->connections->len > 0)
		close_connection(server, g_ptr_array_index(server->connections, 0));
	g_ptr_array_unref(server->connections);
	request_parser_free(server->parser);
	g_free(server->listeners);
	if (server->signals.fd >= 0)
		close(server->signals.fd);
	if (server->epoll >= 0)
		close(server->epoll);
}

int
server_run(const Answerer *answerer, const int *sockets, size_t n, size_t n_handed)
{
	Server server = {
		.answerer = answerer,
		.epoll = epoll_create1(EPOLL_CLOEXEC),
		.signals = { SOURCE_SIGNAL, -1 },
		.listeners = g_new0(Source, n),
		.n_listeners = n,
		.n_handed = n_handed,
		.connections = g_ptr_array_new(),
		.max_connections = find_max_connections(),
		.parser = request_parser_new(),
	};
	const gboolean is_ready = server.epoll >= 0 && open_signals(&server);

	/* A parser is a mapping of its own, which goes back to the system when it is freed. */
	mallopt(M_MMAP_THRESHOLD, REQUEST_MAX_BYTES);
	for (size_t i = 0; i < n; i++)
		server.listeners[i] = (Source){ SOURCE_LISTENER, sockets[i] };
	if (is_ready) {
		set_accepting(&server, TRUE);
		notify_send("READY=1");
		loop(&server);
	} else {
		log_warning("can't begin to serve: %s", g_strerror(errno));
	}
	clear(&server);
	return is_ready ? EX_OK : EX_OSERR;
}
