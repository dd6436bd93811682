/* SPDX-License-Identifier: Apache-2.0 */
/* main: the options of policyd.
 *
 * Under spawn(8) descriptors 1 and 2 are the client's socket. A mistake in master.cf must not look
 * like an answer: what is wrong goes to the log then, and whatever prints is refused. */
#include "counters.h"
#include "endpoint.h"
#include "generations.h"
#include "log.h"
#include "ruledb.h"
#include "server.h"
#include "spawned.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const char help[] =
	"policyd refuses mail that comes without the TLS that this gateway's rules demand.\n"
	"It is a policy server for Postfix (SMTPD_POLICY_README).\n"
	"\n"
	"usage:\n"
	"  policyd --generations DIR   answer from DIR/N/rules.db, N being the policy_context\n"
	"                              of each request\n"
	"  policyd --rules FILE        answer from FILE, whatever policy_context says\n"
	"  policyd --check FILE        read all of FILE; exit 0 if it is whole\n"
	"  policyd --version | --help\n"
	"\n"
	"  policyd … --listen unix:PATH[:mode=0660] | --listen inet:127.0.0.1:PORT …\n"
	"\n"
	"Without --listen policyd serves one client on standard input and output, as spawn(8)\n"
	"starts it; or, started by a systemd socket unit, the clients of that socket.\n"
	"tlsmap apply writes this line to master.cf:\n"
	"\n"
	"  tlsgate unix - n n - 0 spawn user=tlsgate\n"
	"      argv=/usr/libexec/tlsgate/policyd --generations /etc/postfix/tlsgate/gen\n"
	"\n"
	"and smtpd_recipient_restrictions and smtpd_data_restrictions ask it first. To ask by hand\n"
	"whether generation 7 is served (an empty line ends a request):\n"
	"\n"
	"  printf 'request=smtpd_access_policy\\nprotocol_state=CONNECT\\npolicy_context=7\\n\\n' |\n"
	"      policyd --generations /etc/postfix/tlsgate/gen\n"
	"\n"
	"The answer is action=DUNNO. In trouble there is no answer: the log says why, the exit\n"
	"status is not 0, and Postfix does what its default_action says.\n"
	"\n"
	"SIGUSR1 logs what it has answered since it began; the request tlsgate_counters is answered\n"
	"with the same. With --listen, SIGTERM lets it answer what has been asked and end.\n"
	"\n"
	"exit status: 0 the client closed, or the file is whole; 64 usage; 65 the file is damaged\n"
	"or of another generation or format; 66 there is no such file; 71 can't listen; 74 it can't\n"
	"be read; 76 the client does not speak the protocol; 77 no permission to read the file\n";

typedef enum {
	MODE_NONE,
	MODE_GENERATIONS,
	MODE_RULES,
	MODE_CHECK,
	MODE_VERSION,
	MODE_HELP,
	OPTION_LISTEN
} Mode;

#define MAX_LISTENERS 64

typedef struct {
	Mode mode;
	const char *argument; /* of the mode */
	const char *endpoints[MAX_LISTENERS];
	size_t n_endpoints;
} Arguments;

static const struct option options[] = {
	{ "generations", required_argument, NULL, MODE_GENERATIONS },
	{ "rules", required_argument, NULL, MODE_RULES },
	{ "check", required_argument, NULL, MODE_CHECK },
	{ "version", no_argument, NULL, MODE_VERSION },
	{ "help", no_argument, NULL, MODE_HELP },
	{ "listen", required_argument, NULL, OPTION_LISTEN },
	{ NULL, 0, NULL, 0 },
};

static gboolean
is_serving(const Arguments *arguments)
{
	return arguments->mode == MODE_GENERATIONS || arguments->mode == MODE_RULES;
}

/* Exactly one mode is accepted, once, and endpoints beside the two that serve; MODE_NONE for
 * anything else. */
static void
parse_options(int argc, char **argv, Arguments *arguments)
{
	gboolean is_wrong = FALSE;
	int option;

	opterr = 0; /* getopt(3) must not print */
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (optarg != NULL && optarg[0] == '\0')
			is_wrong = TRUE;
		if (option == OPTION_LISTEN && arguments->n_endpoints < MAX_LISTENERS) {
			arguments->endpoints[arguments->n_endpoints++] = optarg;
		} else if (option >= MODE_GENERATIONS && option <= MODE_HELP &&
			   arguments->mode == MODE_NONE) {
			arguments->mode = (Mode)option;
			arguments->argument = optarg;
		} else {
			is_wrong = TRUE;
		}
	}
	if (is_wrong || optind != argc || (arguments->n_endpoints > 0 && !is_serving(arguments)))
		arguments->mode = MODE_NONE;
}

static int
refuse_usage(gboolean is_spawned)
{
	static const char what[] = "exactly one of --generations DIR, --rules FILE, --check FILE, "
				   "--version and --help is accepted, beside the first two also "
				   "--listen ENDPOINT";

	if (is_spawned)
		log_warning("master.cf: %s; only the first two serve", what);
	else
		fprintf(stderr, "policyd: %s; policyd --help shows how it is used\n", what);
	return EX_USAGE;
}

/* Without a mapping: a file that is cut meanwhile is reported like any other damage. */
static int
check(const char *path)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(RuleDb) db = ruledb_open_unmapped(path, &error);

	if (db != NULL && ruledb_verify(db, &error))
		return EX_OK;
	if (db != NULL)
		g_prefix_error(&error, "%s: ", path);
	fprintf(stderr, "policyd: %s\n", error->message);
	return generations_exit_status(error);
}

static int
print(const char *text)
{
	return fputs(text, stdout) >= 0 && fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}

static Generations *
open_rules(const Arguments *arguments, GError **error)
{
	return arguments->mode == MODE_GENERATIONS
		       ? generations_new_directory(arguments->argument)
		       : generations_new_file(arguments->argument, error);
}

/* Make the sockets that are to be listened on behind those that were handed over. */
static gboolean
open_sockets(const Arguments *arguments, int *sockets, size_t *n, int *n_handed, GError **error)
{
	if (!endpoint_take_handed(n_handed, error))
		return FALSE;
	for (int i = 0; i < *n_handed; i++)
		sockets[(*n)++] = ENDPOINT_FIRST_HANDED + i;
	for (size_t i = 0; i < arguments->n_endpoints; i++) {
		sockets[*n] = endpoint_listen(arguments->endpoints[i], error);
		if (sockets[(*n)++] < 0)
			return FALSE;
	}
	return TRUE;
}

static int
serve(const Arguments *arguments)
{
	g_autoptr(GError) error = NULL;
	int sockets[ENDPOINT_MAX_HANDED + MAX_LISTENERS];
	size_t n = 0;
	int n_handed;
	g_autoptr(Generations) generations = open_rules(arguments, &error);
	g_autoptr(Counters) counters = counters_new();
	const Answerer answerer = { generations, counters };

	if (generations == NULL) {
		log_warning("no answer: %s", error->message);
		return generations_exit_status(error);
	}
	if (!open_sockets(arguments, sockets, &n, &n_handed, &error)) {
		log_warning("%s", error->message);
		return g_error_matches(error, ENDPOINT_ERROR, ENDPOINT_ERROR_SYNTAX) ? EX_USAGE
										     : EX_OSERR;
	}
	return n > 0 ? server_run(&answerer, sockets, n, (size_t)n_handed)
		     : spawned_serve(&answerer);
}

int
main(int argc, char **argv)
{
	const gboolean is_spawned = spawned_has_shared_stderr();
	Arguments arguments = { 0 };

	parse_options(argc, argv, &arguments);
	/* Where standard error goes to the journal, syslog goes there too. */
	log_start(is_serving(&arguments) && !is_spawned && g_getenv("JOURNAL_STREAM") == NULL);
	if (is_spawned && !spawned_detach_stderr()) {
		log_warning("can't open /dev/null");
		return EX_OSERR;
	}
	if (is_spawned && !is_serving(&arguments))
		return refuse_usage(is_spawned);

	log_catch_sigbus();
	switch (arguments.mode) {
	case MODE_GENERATIONS:
	case MODE_RULES:
		return serve(&arguments);
	case MODE_CHECK:
		return check(arguments.argument);
	case MODE_VERSION:
		return print("policyd (tlsgate) " TLSGATE_VERSION "\n");
	case MODE_HELP:
		return print(help);
	case MODE_NONE:
	case OPTION_LISTEN:
		break;
	}
	return refuse_usage(is_spawned);
}
