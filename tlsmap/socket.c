/* SPDX-License-Identifier: Apache-2.0 */
/* socket: asks policyd, through the socket that smtpd(8) uses, whether it serves a generation.
 *
 * The question is one that every rule lets pass (protocol_state=CONNECT): that there is an answer
 * at all says that policyd runs as its user and can read that generation. */
#include "socket.h"

#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>

#include <string.h>

#define ANSWER "action=DUNNO\n\n"
#define PAUSE_MICROSECONDS 100000

static gboolean
read_answer(GSocketConnection *connection, GError **error)
{
	GInputStream *input = g_io_stream_get_input_stream(G_IO_STREAM(connection));
	char answer[sizeof ANSWER] = "";
	gsize got;

	/* One byte more than the answer would be too much. */
	if (!g_input_stream_read_all(input, answer, strlen(ANSWER), &got, NULL, error))
		return FALSE;
	if (strcmp(answer, ANSWER) == 0)
		return TRUE;
	g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "policyd %s",
		    got == 0 ? "closed the connection without an answer"
			     : "gave another answer than DUNNO");
	return FALSE;
}

gboolean
socket_ask(const char *path, guint64 generation, int timeout, GError **error)
{
	g_autoptr(GSocketClient) client = g_socket_client_new();
	g_autoptr(GSocketAddress) address = g_unix_socket_address_new(path);
	g_autofree char *request =
		g_strdup_printf("request=smtpd_access_policy\nprotocol_state=CONNECT\n"
				"policy_context=%" G_GUINT64_FORMAT "\n\n",
				generation);

	g_socket_client_set_timeout(client, timeout);
	g_autoptr(GSocketConnection) connection =
		g_socket_client_connect(client, G_SOCKET_CONNECTABLE(address), NULL, error);
	if (connection == NULL)
		return FALSE;
	GOutputStream *output = g_io_stream_get_output_stream(G_IO_STREAM(connection));
	return g_output_stream_write_all(output, request, strlen(request), NULL, NULL, error) &&
	       read_answer(connection, error);
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
