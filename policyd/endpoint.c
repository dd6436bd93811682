/* SPDX-License-Identifier: Apache-2.0 */
/* endpoint: the sockets that policyd listens on, made by itself or handed over by the system.
 *
 * The protocol knows no password: whoever can connect can ask. So a socket file is its owner's
 * alone unless a mode is said, and addresses are loopback ones. */
#include "endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

G_DEFINE_QUARK(tlsgate_endpoint, endpoint_error)

#define BACKLOG 1024 /* smtpd(8) waits when it is full */
#define DEFAULT_MODE 0600
#define MODE_OPTION ":mode="

typedef union {
	struct sockaddr any;
	struct sockaddr_un unix_path;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
} Address;

static int
fail_syntax(GError **error, const char *text, const char *reason)
{
	g_set_error(error, ENDPOINT_ERROR, ENDPOINT_ERROR_SYNTAX,
		    "--listen %s: %s; accepted are unix:PATH, unix:PATH:mode=0660, "
		    "inet:127.0.0.1:PORT and inet:[::1]:PORT",
		    text, reason);
	return -1;
}

static int
fail_system(GError **error, const char *text, int fd)
{
	const int saved = errno;

	if (fd >= 0)
		close(fd);
	g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(saved), "can't listen on %s: %s",
		    text, g_strerror(saved));
	return -1;
}

/* ---- UNIX-domain sockets ---- */

/* Remove a socket file that a process of before left behind; one that is in use stays, and bind(2)
 * then says so. */
static void
remove_stale(const struct sockaddr_un *address)
{
	struct stat status;
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && lstat(address->sun_path, &status) == 0 && S_ISSOCK(status.st_mode) &&
	    connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
	    errno == ECONNREFUSED)
		unlink(address->sun_path);
	if (fd >= 0)
		close(fd);
}

/* Three or four octal digits. */
static gboolean
parse_mode(const char *text, mode_t *mode)
{
	const size_t length = strlen(text);

	if (length < 3 || length > 4 || strspn(text, "01234567") != length)
		return FALSE;
	*mode = (mode_t)g_ascii_strtoull(text, NULL, 8);
	return *mode <= 0777;
}

static int
listen_unix(const char *text, const char *name, GError **error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *option = strstr(name, MODE_OPTION);
	const size_t length = option != NULL ? (size_t)(option - name) : strlen(name);
	mode_t mode = DEFAULT_MODE;

	if (name[0] != '/')
		return fail_syntax(error, text, "the path is not absolute");
	if (length >= sizeof address.sun_path)
		return fail_syntax(error, text, "the path is too long for a socket");
	if (option != NULL && !parse_mode(option + strlen(MODE_OPTION), &mode))
		return fail_syntax(error, text, "the mode is not three or four octal digits");
	memcpy(address.sun_path, name, length);
	remove_stale(&address);

	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* Nobody can connect before listen(2), by when the mode is right. */
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
	    chmod(address.sun_path, mode) != 0 || listen(fd, BACKLOG) != 0)
		return fail_system(error, text, fd);
	return fd;
}

/* ---- loopback ---- */

static gboolean
parse_port(const char *text, in_port_t *port)
{
	const size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 5 || text[digits] != '\0' || text[0] == '0')
		return FALSE;
	const guint64 value = g_ascii_strtoull(text, NULL, 10);
	*port = htons((uint16_t)value);
	return value <= 65535;
}

/* "127.0.0.1" or "[::1]"; FALSE for what is no loopback address. */
static gboolean
parse_loopback(const char *host, Address *address, socklen_t *size)
{
	*address = (Address){ .any.sa_family = AF_INET };
	*size = sizeof address->ipv4;
	if (inet_pton(AF_INET, host, &address->ipv4.sin_addr) == 1)
		return ntohl(address->ipv4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	if (strcmp(host, "[::1]") != 0)
		return FALSE;
	address->ipv6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
					       .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	*size = sizeof address->ipv6;
	return TRUE;
}

static int
listen_inet(const char *text, const char *name, GError **error)
{
	const char *colon = strrchr(name, ':');
	const int yes = 1;
	Address address;
	socklen_t size;
	in_port_t port;

	if (colon == NULL || !parse_port(colon + 1, &port))
		return fail_syntax(error, text, "there is no port from 1 to 65535");
	g_autofree char *host = g_strndup(name, (size_t)(colon - name));
	if (!parse_loopback(host, &address, &size))
		return fail_syntax(error, text, "the address is not a loopback one");
	if (address.any.sa_family == AF_INET)
		address.ipv4.sin_port = port;
	else
		address.ipv6.sin6_port = port;

	const int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
	    bind(fd, &address.any, size) != 0 || listen(fd, BACKLOG) != 0)
		return fail_system(error, text, fd);
	return fd;
}

int
endpoint_listen(const char *text, GError **error)
{
	if (g_str_has_prefix(text, "unix:"))
		return listen_unix(text, text + strlen("unix:"), error);
	if (g_str_has_prefix(text, "inet:"))
		return listen_inet(text, text + strlen("inet:"), error);
	return fail_syntax(error, text, "it begins with neither unix: nor inet:");
}

/* ---- sockets of the service manager ---- */

static gboolean
prepare_handed(int fd)
{
	int is_listening = 0;
	socklen_t size = sizeof is_listening;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &size) == 0 &&
	       is_listening && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 &&
	       fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0;
}

gboolean
endpoint_take_handed(int *n, GError **error)
{
	const char *pid = g_getenv("LISTEN_PID");
	const char *count = g_getenv("LISTEN_FDS");
	const gboolean is_ours = pid != NULL && count != NULL &&
				 g_ascii_strtoull(pid, NULL, 10) == (guint64)getpid();
	const guint64 n_handed = is_ours ? g_ascii_strtoull(count, NULL, 10) : 0;

	g_unsetenv("LISTEN_PID");
	g_unsetenv("LISTEN_FDS");
	g_unsetenv("LISTEN_FDNAMES");
	if (n_handed > ENDPOINT_MAX_HANDED) {
		g_set_error(error, ENDPOINT_ERROR, ENDPOINT_ERROR_HANDED,
			    "the system has handed over %" G_GUINT64_FORMAT
			    " sockets, at most %d are served",
			    n_handed, ENDPOINT_MAX_HANDED);
		return FALSE;
	}
	for (*n = 0; *n < (int)n_handed; (*n)++) {
		if (prepare_handed(ENDPOINT_FIRST_HANDED + *n))
			continue;
		g_set_error(error, ENDPOINT_ERROR, ENDPOINT_ERROR_HANDED,
			    "descriptor %d, handed over by the system, is no listening socket; a "
			    "socket unit needs ListenStream= and Accept=no",
			    ENDPOINT_FIRST_HANDED + *n);
		return FALSE;
	}
	return TRUE;
}
