/* SPDX-License-Identifier: Apache-2.0 */
/* notify: tells the service manager that policyd is ready, alive or stopping (sd_notify(3)).
 *
 * The protocol is one datagram to the socket that NOTIFY_SOCKET names. It is not worth a library
 * that policyd would have to load each time spawn(8) starts it. */
#include "notify.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void
notify_send(const char *state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *name = g_getenv("NOTIFY_SOCKET");
	const size_t length = name != NULL ? strlen(name) : 0;

	if (length < 2 || length >= sizeof address.sun_path || (name[0] != '/' && name[0] != '@'))
		return;
	memcpy(address.sun_path, name, length);
	if (name[0] == '@') /* an abstract one */
		address.sun_path[0] = '\0';
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address,
		      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
	close(fd);
}

int
notify_watchdog_interval(void)
{
	const char *microseconds = g_getenv("WATCHDOG_USEC");
	const char *pid = g_getenv("WATCHDOG_PID");

	if (microseconds == NULL ||
	    (pid != NULL && g_ascii_strtoull(pid, NULL, 10) != (guint64)getpid()))
		return -1;
	const guint64 half = g_ascii_strtoull(microseconds, NULL, 10) / 2000;
	return half > 0 && half <= G_MAXINT ? (int)half : -1;
}
