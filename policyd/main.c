/* SPDX-License-Identifier: Apache-2.0 */
/* main: the options of policyd.
 *
 * Under spawn(8) descriptors 1 and 2 are the client's socket. A mistake in master.cf must not look
 * like an answer: what is wrong goes to the log then, and whatever prints is refused. */
#include "generations.h"
#include "log.h"
#include "ruledb.h"
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
	"policyd serves one client on standard input and output, as spawn(8) starts it.\n"
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
	"exit status: 0 the client closed, or the file is whole; 64 usage; 65 the file is damaged\n"
	"or of another generation or format; 66 there is no such file; 74 it can't be read; 76 the\n"
	"client does not speak the protocol; 77 no permission to read the file\n";

typedef enum { MODE_NONE, MODE_GENERATIONS, MODE_RULES, MODE_CHECK, MODE_VERSION, MODE_HELP } Mode;

static const struct option options[] = {
	{ "generations", required_argument, NULL, MODE_GENERATIONS },
	{ "rules", required_argument, NULL, MODE_RULES },
	{ "check", required_argument, NULL, MODE_CHECK },
	{ "version", no_argument, NULL, MODE_VERSION },
	{ "help", no_argument, NULL, MODE_HELP },
	{ NULL, 0, NULL, 0 },
};

/* Exactly one option is accepted, once; MODE_NONE for anything else. */
static Mode
parse_options(int argc, char **argv, const char **argument)
{
	opterr = 0; /* getopt(3) must not print */

	const int mode = getopt_long(argc, argv, ":", options, NULL);
	*argument = optarg;
	if (mode < MODE_GENERATIONS || mode > MODE_HELP || optind != argc ||
	    (optarg != NULL && optarg[0] == '\0'))
		return MODE_NONE;
	return (Mode)mode;
}

static int
refuse_usage(gboolean is_spawned)
{
	static const char what[] = "exactly one of --generations DIR, --rules FILE, --check FILE, "
				   "--version and --help is accepted";

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

static int
serve_generations(const char *directory)
{
	g_autoptr(Generations) generations = generations_new_directory(directory);

	return spawned_serve(generations);
}

static int
serve_rules(const char *path)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Generations) generations = generations_new_file(path, &error);

	if (generations == NULL) {
		log_warning("no answer: %s", error->message);
		return generations_exit_status(error);
	}
	return spawned_serve(generations);
}

int
main(int argc, char **argv)
{
	const gboolean is_spawned = spawned_has_shared_stderr();
	const char *argument;
	const Mode mode = parse_options(argc, argv, &argument);
	const gboolean is_serving = mode == MODE_GENERATIONS || mode == MODE_RULES;

	log_start(is_serving && !is_spawned);
	if (is_spawned && !spawned_detach_stderr()) {
		log_warning("can't open /dev/null");
		return EX_OSERR;
	}
	if (is_spawned && !is_serving)
		return refuse_usage(is_spawned);

	log_catch_sigbus();
	switch (mode) {
	case MODE_GENERATIONS:
		return serve_generations(argument);
	case MODE_RULES:
		return serve_rules(argument);
	case MODE_CHECK:
		return check(argument);
	case MODE_VERSION:
		return print("policyd (tlsgate) " TLSGATE_VERSION "\n");
	case MODE_HELP:
		return print(help);
	case MODE_NONE:
		break;
	}
	return refuse_usage(is_spawned);
}
