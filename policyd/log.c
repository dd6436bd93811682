/* SPDX-License-Identifier: Apache-2.0 */
/* log: policyd's lines in the mail log, by syslog.
 *
 * Lines go to facility mail under the name postfix/tlsgate, beside those of the smtpd(8) that
 * asked. Under spawn(8) nothing is ever written to descriptor 2: it is the client's socket, and a
 * line there would be taken for an answer. Where there is no syslog, lines are lost; spawn(8) still
 * logs the exit status. */
#include "log.h"

#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

#define IDENT "postfix/tlsgate"
#define MAX_TEXT 2048
#define MAX_KINDS 32
#define MAX_IN_WINDOW 5
#define WINDOW_US (10 * G_USEC_PER_SEC)

static GLogWriterOutput
write_glib(GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
	for (gsize i = 0; i < n_fields; i++) {
		const int length =
			fields[i].length < 0 ? -1 : (int)MIN(fields[i].length, G_MAXINT16);

		if (strcmp(fields[i].key, "MESSAGE") == 0)
			syslog(LOG_WARNING, "warning: internal: %.*s", length,
			       (const char *)fields[i].value);
	}
	return G_LOG_WRITER_HANDLED;
}

void
log_start(gboolean is_copied_to_stderr)
{
	openlog(IDENT, LOG_PID | LOG_NDELAY | (is_copied_to_stderr ? LOG_PERROR : 0), LOG_MAIL);
	g_log_set_writer_func(write_glib, NULL, NULL);
}

void
log_verdict(const char *line)
{
	syslog(LOG_INFO, "%s", line);
}

void
log_info(const char *format, ...)
{
	char text[MAX_TEXT];
	va_list args;

	va_start(args, format);
	g_vsnprintf(text, sizeof text, format, args);
	va_end(args);
	syslog(LOG_INFO, "%s", text);
}

/* How often one kind of warning was written lately. A client can bring about any of them as often
 * as it likes; the disk is not to be filled with them. */
typedef struct {
	const char *format;
	gint64 window_start; /* monotonic */
	guint n_written;
	guint n_left_out;
} Limit;

/* The limit of a kind of warning; more kinds than there is room for share the last one. */
static Limit *
find_limit(const char *format)
{
	static Limit limits[MAX_KINDS];
	size_t i = 0;

	while (i < MAX_KINDS - 1 && limits[i].format != NULL && limits[i].format != format)
		i++;
	limits[i].format = format;
	return &limits[i];
}

/* Whether one more line may be written now; *n_left_out are those before it that were not. */
static gboolean
may_write(Limit *limit, guint *n_left_out)
{
	const gint64 now = g_get_monotonic_time();

	*n_left_out = 0;
	if (limit->window_start == 0 || now - limit->window_start >= WINDOW_US) {
		*n_left_out = limit->n_left_out;
		*limit = (Limit){ .format = limit->format, .window_start = now };
	}
	if (limit->n_written == MAX_IN_WINDOW) {
		limit->n_left_out++;
		return FALSE;
	}
	limit->n_written++;
	return TRUE;
}

void
log_warning(const char *format, ...)
{
	char text[MAX_TEXT];
	guint n_left_out;
	va_list args;

	if (!may_write(find_limit(format), &n_left_out))
		return;
	va_start(args, format);
	g_vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (n_left_out > 0)
		syslog(LOG_WARNING, "warning: %s (and %u like this before)", text, n_left_out);
	else
		syslog(LOG_WARNING, "warning: %s", text);
}

/* ---- SIGBUS ---- */

/* syslog(3) may not be called from a signal handler, so the line and a socket are made ready
 * before. The line has no time stamp: receivers put the time of arrival. After a restart of syslogd
 * the socket is dead and the line is lost; the exit status is still there for spawn(8) to log. */
static struct {
	int socket;
	char line[128];
	size_t length;
} last_words = { .socket = -1 };

static void
end_on_sigbus(int signal_number)
{
	if (last_words.socket >= 0)
		(void)!send(last_words.socket, last_words.line, last_words.length,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
	_exit(EX_IOERR);
}

static int
connect_to_syslog(void)
{
	const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

void
log_catch_sigbus(void)
{
	struct sigaction action = { .sa_handler = end_on_sigbus };

	last_words.socket = connect_to_syslog();
	last_words.length = (size_t)g_snprintf(
		last_words.line, sizeof last_words.line,
		"<%d>" IDENT "[%d]: error: the rules file was cut while it was in use: ending",
		LOG_MAIL | LOG_ERR, (int)getpid());
	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, NULL);
}
