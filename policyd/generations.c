/* SPDX-License-Identifier: Apache-2.0 */
/* generations: the rules that a request is to be answered from.
 *
 * An smtpd(8) process keeps its main.cf until its last session ends, and names its generation in
 * policy_context; so one connection, and even more so one daemon, may be asked from the old and the
 * new rules in turn. A generation never changes and its number is never used again: what is open
 * stays right, and the last few are kept open. A generation is opened when it is first asked for;
 * one that can't be had is an error each time, never another generation. */
#include "generations.h"

#include <sysexits.h>

#define N_OPEN 4

G_DEFINE_QUARK(tlsgate_generations, generations_error)

struct Generations {
	char *directory;      /* NULL where one file serves all */
	RuleDb *open[N_OPEN]; /* the last used first; NULL behind the last */
};

Generations *
generations_new_directory(const char *directory)
{
	Generations *generations = g_new0(Generations, 1);

	generations->directory = g_strdup(directory);
	return generations;
}

Generations *
generations_new_file(const char *path, GError **error)
{
	RuleDb *db = ruledb_open(path, error);

	if (db == NULL)
		return NULL;
	Generations *generations = g_new0(Generations, 1);
	generations->open[0] = db;
	return generations;
}

void
generations_free(Generations *generations)
{
	if (generations == NULL)
		return;
	for (size_t i = 0; i < N_OPEN; i++)
		ruledb_free(generations->open[i]);
	g_free(generations->directory);
	g_free(generations);
}

/* Decimal digits alone, without leading zeros: the form that tlsmap writes, and no other spelling
 * of a path component. */
static gboolean
parse_number(const char *text, uint64_t *number)
{
	uint64_t value = 0;

	if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
		return FALSE;
	for (; *text != '\0'; text++) {
		const uint64_t digit = (uint64_t)(*text - '0');
		if (!g_ascii_isdigit(*text) || value > (UINT64_MAX - digit) / 10)
			return FALSE;
		value = value * 10 + digit;
	}
	*number = value;
	return TRUE;
}

static RuleDb *
open_generation(const char *directory, uint64_t number, GError **error)
{
	g_autofree char *path =
		g_strdup_printf("%s/%" G_GUINT64_FORMAT "/rules.db", directory, number);
	g_autoptr(RuleDb) db = ruledb_open(path, error);

	if (db == NULL)
		return NULL;
	if (ruledb_generation(db) != number) {
		g_set_error(error, GENERATIONS_ERROR, GENERATIONS_ERROR_NUMBER,
			    "%s: holds generation %" G_GUINT64_FORMAT, path, ruledb_generation(db));
		return NULL;
	}
	return g_steal_pointer(&db);
}

/* Put db first; what stood before place moves back by one, and what stood there is overwritten. */
static void
put_first(Generations *generations, RuleDb *db, size_t place)
{
	for (; place > 0; place--)
		generations->open[place] = generations->open[place - 1];
	generations->open[0] = db;
}

RuleDb *
generations_get(Generations *generations, const char *policy_context, GError **error)
{
	uint64_t number;
	size_t place = 0;

	if (generations->directory == NULL)
		return generations->open[0];
	if (!parse_number(policy_context, &number)) {
		g_set_error(error, GENERATIONS_ERROR, GENERATIONS_ERROR_CONTEXT,
			    "policy_context is not the number of a generation");
		return NULL;
	}
	while (place < N_OPEN && generations->open[place] != NULL &&
	       ruledb_generation(generations->open[place]) != number)
		place++;
	if (place < N_OPEN && generations->open[place] != NULL) {
		put_first(generations, generations->open[place], place);
		return generations->open[0];
	}
	RuleDb *db = open_generation(generations->directory, number, error);
	if (db == NULL)
		return NULL;
	place = MIN(place, N_OPEN - 1);
	ruledb_free(generations->open[place]);
	put_first(generations, db, place);
	return db;
}

int
generations_exit_status(const GError *error)
{
	if (g_error_matches(error, RULEDB_ERROR, RULEDB_ERROR_ABSENT))
		return EX_NOINPUT;
	if (g_error_matches(error, RULEDB_ERROR, RULEDB_ERROR_PERMISSION))
		return EX_NOPERM;
	if (g_error_matches(error, RULEDB_ERROR, RULEDB_ERROR_IO))
		return EX_IOERR;
	return EX_DATAERR;
}
