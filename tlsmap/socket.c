/* SPDX-License-Identifier: Apache-2.0 */
/* socket: asks policyd, through the socket that smtpd(8) uses, whether it serves a generation and
 * what it has counted.
 *
 * Whether it serves is asked by a question that every rule lets pass (protocol_state=CONNECT): that
 * there is an answer at all says that policyd runs as its user and can read that generation.
 * Whoever listens there may be anybody: an answer has a bound in time and in size. */
#include "socket.h"

#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>

#include <string.h>

#define ANSWER "action=DUNNO\n\n"
#define PAUSE_MICROSECONDS 100000

static gboolean
has_ended(const GString *answer)
{
	return answer->len >= 2 && memcmp(answer->str + answer->len - 2, "\n\n", 2) == 0;
}

/* Read until an answer has ended, or the connection. More than size bytes are an error, and so is
 * an answer that is not whole at the deadline. */
static GString *
read_answer(GSocket *socket, size_t size, gint64 deadline, GError **error)
{
	g_autoptr(GString) answer = g_string_new(NULL);
	char piece[4096];
	gssize n = 1;

	while (n > 0 && !has_ended(answer)) {
		const gint64 left = MAX(deadline - g_get_monotonic_time(), 0);
		if (!g_socket_condition_timed_wait(socket, G_IO_IN, left, NULL, error))
			return NULL;
		n = g_socket_receive(socket, piece, sizeof piece, NULL, error);
		if (n < 0)
			return NULL;
		g_string_append_len(answer, piece, n);
		if (answer->len > size) {
			g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED,
				    "policyd gave an answer of more than %zu bytes", size);
			return NULL;
		}
	}
	if (answer->len > 0)
		return g_steal_pointer(&answer);
	g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED,
		    "policyd closed the connection without an answer");
	return NULL;
}

/* Ask, and read the answer, of at most size bytes, which is not empty; the caller frees it. */
static GString *
ask(const char *path, const char *request, size_t size, int timeout, GError **error)
{
	const gint64 deadline = g_get_monotonic_time() + timeout * G_USEC_PER_SEC;
	g_autoptr(GSocketClient) client = g_socket_client_new();
	g_autoptr(GSocketAddress) address = g_unix_socket_address_new(path);

	g_socket_client_set_timeout(client, (guint)timeout);
	g_autoptr(GSocketConnection) connection =
		g_socket_client_connect(client, G_SOCKET_CONNECTABLE(address), NULL, error);
	if (connection == NULL)
		return NULL;
	GOutputStream *output = g_io_stream_get_output_stream(G_IO_STREAM(connection));
	if (!g_output_stream_write_all(output, request, strlen(request), NULL, NULL, error))
		return NULL;
	return read_answer(g_socket_connection_get_socket(connection), size, deadline, error);
}

gboolean
socket_ask(const char *path, guint64 generation, int timeout, GError **error)
{
	g_autofree char *request =
		g_strdup_printf("request=smtpd_access_policy\nprotocol_state=CONNECT\n"
				"policy_context=%" G_GUINT64_FORMAT "\n\n",
				generation);
	g_autoptr(GString) answer = ask(path, request, TALLY_MAX_BYTES, timeout, error);

	if (answer == NULL)
		return FALSE;
	if (answer->len == strlen(ANSWER) && memcmp(answer->str, ANSWER, answer->len) == 0)
		return TRUE;
	g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "policyd gave another answer than DUNNO");
	return FALSE;
}

gboolean
socket_ask_counters(const char *path, int timeout, Tally *tally, GError **error)
{
	g_autoptr(GString) answer = ask(path, TALLY_QUESTION, TALLY_MAX_BYTES, timeout, error);

	if (answer == NULL)
		return FALSE;
	const char *reason = tally_parse(answer->str, answer->len, tally);
	if (reason == NULL)
		return TRUE;
	g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "the answer of policyd has %s", reason);
	return FALSE;
}

gboolean
socket_await(const char *path, guint64 generation, int seconds, GError **error)
{
	gint64 deadline = g_get_monotonic_time() + seconds * G_USEC_PER_SEC;

	for (;;) {
		g_autoptr(GError) cause = NULL;
		gint64 left = (deadline - g_get_monotonic_time()) / G_USEC_PER_SEC;
		if (socket_ask(path, generation, (int)MAX(left, 1), &cause))
			return TRUE;
		if (g_get_monotonic_time() >= deadline) {
			g_propagate_prefixed_error(error, g_steal_pointer(&cause), "%s: ", path);
			return FALSE;
		}
		g_usleep(PAUSE_MICROSECONDS);
	}
}
