/* SPDX-License-Identifier: Apache-2.0 */
/* tally: what policyd says that it has counted. Pure.
 *
 * Whoever listens at the socket may be another program, or another version. An answer that is not
 * wholly understood is not shown at all: half of it would look like a quiet gateway. */
#include "tally.h"

#include <string.h>

/* One line is taken from the front of what is left; FALSE where there is no whole one. */
static gboolean
take_line(char **rest, char **line)
{
	char *end = strchr(*rest, '\n');

	if (end == NULL)
		return FALSE;
	*end = '\0';
	*line = *rest;
	*rest = end + 1;
	return TRUE;
}

/* Digits alone, without leading zeros: one spelling for each number. */
static gboolean
parse_number(const char *text, guint64 *number)
{
	if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
		return FALSE;
	*number = 0;
	for (; *text != '\0'; text++) {
		const guint64 digit = (guint64)(*text - '0');
		if (!g_ascii_isdigit(*text) || *number > (G_MAXUINT64 - digit) / 10)
			return FALSE;
		*number = *number * 10 + digit;
	}
	return TRUE;
}

/* "NAME=value". */
static gboolean
parse_counter(const char *line, Counter counter, Tally *tally)
{
	const char *name = names_word(&names_counter, (int)counter);
	const size_t length = strlen(name);

	return strncmp(line, name, length) == 0 && line[length] == '=' &&
	       parse_number(line + length + 1, &tally->count[counter]);
}

static gboolean
is_known(const Tally *tally, const char *name)
{
	for (size_t i = 0; i < tally->n_rules; i++)
		if (strcmp(tally->rules[i].name, name) == 0)
			return TRUE;
	return FALSE;
}

/* "rule=NAME times", into the next place, which must be there. */
static gboolean
parse_rule(char *line, Tally *tally)
{
	TallyRule *rule = &tally->rules[tally->n_rules];
	char *blank = strchr(line, ' ');

	if (blank == NULL || !g_str_has_prefix(line, "rule="))
		return FALSE;
	*blank = '\0';
	const char *name = line + strlen("rule=");
	if (!ruledb_is_rule_name(name) || is_known(tally, name) ||
	    !parse_number(blank + 1, &rule->broken) || rule->broken == 0)
		return FALSE;
	if (tally->n_rules > 0 && rule->broken > rule[-1].broken)
		return FALSE;
	g_strlcpy(rule->name, name, sizeof rule->name);
	tally->n_rules++;
	return TRUE;
}

const char *
tally_parse(const char *text, size_t length, Tally *tally)
{
	g_autofree char *copy = g_strndup(text, length);
	char *rest = copy, *line;

	if (strlen(copy) != length)
		return "a NUL byte in it";
	for (Counter i = 0; i < N_COUNTERS; i++)
		if (!take_line(&rest, &line) || !parse_counter(line, i, tally))
			return "other counters than this version knows";
	tally->n_rules = 0;
	for (;;) {
		if (!take_line(&rest, &line))
			return "no end";
		if (line[0] == '\0')
			return rest[0] == '\0' ? NULL : "more than one answer";
		if (tally->n_rules == COUNTER_MAX_RULES)
			return "too many rules";
		if (!parse_rule(line, tally))
			return "a line that is not about a rule";
	}
}
