/* SPDX-License-Identifier: Apache-2.0 */
/* direction: what a change of a parameter's value means for protection, one function a kind of
 * value. Pure.
 *
 * In doubt a change is called weaker: that is the one to look at. */
#include "direction.h"

#include "maincf.h"
#include "protocols.h"
#include "spelling.h"

#include <string.h>

static ChangeDirection
by_order(int old_code, int new_code)
{
	if (old_code == new_code)
		return CHANGE_EQUAL;
	return new_code > old_code ? CHANGE_STRICTER : CHANGE_WEAKER;
}

ChangeDirection
direction_of_level(SecurityLevel before, SecurityLevel after)
{
	if (before == after)
		return CHANGE_EQUAL;
	return names_is_at_least(after, before) ? CHANGE_STRICTER : CHANGE_WEAKER;
}

/* The level that a value of main.cf or master.cf means; Postfix takes the words in any case. What
 * is none of them ("$name") counts as unknown. */
static SecurityLevel
level_in_force(const char *value, SecurityLevel unknown)
{
	g_autofree char *word = g_ascii_strdown(value, -1);
	int code = names_code(&names_security_level, word);

	return code >= 0 ? (SecurityLevel)code : unknown;
}

/* In doubt the old value was the strongest and the new one is the weakest, so that nothing is
 * called stricter that may not be. An empty or absent level is "none" until 3.10 and "may"
 * from 3.11 on. */
ChangeDirection
direction_send_levels(const char *old_value, const char *new_value)
{
	gboolean was_set = old_value != NULL && *old_value != '\0';

	return direction_of_level(
		was_set ? level_in_force(old_value, SECURITY_SECURE) : SECURITY_MAY,
		level_in_force(new_value != NULL ? new_value : "", SECURITY_NONE));
}

ChangeDirection
direction_receive_levels(const char *old_value, const char *new_value)
{
	gboolean was_set = old_value != NULL && *old_value != '\0';

	return direction_of_level(
		was_set ? level_in_force(old_value, SECURITY_ENCRYPT) : SECURITY_NONE,
		level_in_force(new_value != NULL ? new_value : "", SECURITY_NONE));
}

/* Postfix takes yes and no in any case. */
static gboolean
is_word(const char *value, const char *word)
{
	return value != NULL && g_ascii_strcasecmp(value, word) == 0;
}

ChangeDirection
direction_switches(const char *old_value, const char *new_value)
{
	return by_order(is_word(old_value, "yes"), is_word(new_value, "yes"));
}

ChangeDirection
direction_forbidding(const char *old_value, const char *new_value)
{
	return by_order(is_word(old_value, "no"), is_word(new_value, "no"));
}

/* A changed file of trust anchors may trust more than before: in doubt, weaker. */
ChangeDirection
direction_anchors(const char *old_value, const char *new_value)
{
	return old_value == NULL || *old_value == '\0' ? CHANGE_EQUAL : CHANGE_WEAKER;
}

static ChangeDirection
compare_presence(const char *old_value, const char *new_value)
{
	return by_order(old_value != NULL, new_value != NULL);
}

ChangeDirection
direction_dnssec(const char *old_value, const char *new_value)
{
	return by_order(g_strcmp0(old_value, "dnssec") == 0, g_strcmp0(new_value, "dnssec") == 0);
}

/* The token protects only where it stands first. */
ChangeDirection
direction_tokens(const char *old_value, const char *new_value)
{
	return by_order(g_strcmp0(old_value, MAINCF_POLICY_TOKEN) == 0,
			g_strcmp0(new_value, MAINCF_POLICY_TOKEN) == 0);
}

#define DEFERS "default_action = 451"

/* The check itself, and what happens when it gives no answer. */
ChangeDirection
direction_policies(const char *old_value, const char *new_value)
{
	if (old_value == NULL || new_value == NULL)
		return compare_presence(old_value, new_value);
	return by_order(strstr(old_value, DEFERS) != NULL, strstr(new_value, DEFERS) != NULL);
}

/* A floor that can't be read counts as weaker. */
ChangeDirection
direction_protocols(const char *old_value, const char *new_value)
{
	int old_floor, new_floor;

	if (!protocols_read_floor(old_value, &old_floor) ||
	    !protocols_read_floor(new_value, &new_floor))
		return CHANGE_WEAKER;
	return by_order(old_floor, new_floor);
}

/* A list of tables without that of the spellings, which stands behind ours. */
static char *
dup_without_spellings(const char *tables)
{
	g_auto(GStrv) elements = g_strsplit(tables != NULL ? tables : "", ", ", 3);

	if (g_strv_length(elements) < 2 || !g_str_has_suffix(elements[1], "/" SPELLING_FILE))
		return g_strdup(tables);
	return g_strconcat(elements[0], elements[2] != NULL ? ", " : NULL, elements[2], NULL);
}

/* What other tables say is not known: the ones that go may have been stricter than what comes. */
ChangeDirection
direction_tables(const char *old_value, const char *new_value)
{
	g_autofree char *without = dup_without_spellings(new_value);

	/* It is as strict as the rows, and stands before other tables only to defer. */
	if (g_strcmp0(without, old_value) == 0)
		return CHANGE_EQUAL;
	return old_value == NULL || *old_value == '\0' ? CHANGE_EQUAL : CHANGE_WEAKER;
}

ChangeDirection
direction_equal(const char *old_value, const char *new_value)
{
	return CHANGE_EQUAL;
}

gboolean
direction_same_words(const char *one, const char *other)
{
	return g_ascii_strcasecmp(one, other) == 0;
}

/* The old words for a floor and the new ones. */
gboolean
direction_same_floors(const char *one, const char *other)
{
	int floor, other_floor;

	return protocols_read_floor(one, &floor) && protocols_read_floor(other, &other_floor) &&
	       floor == other_floor;
}

static gboolean
is_separator(char c)
{
	return c == ' ' || c == ',' || c == '\t' || c == '\r' || c == '\n';
}

/* A list with one blank between its elements. */
static char *
dup_squeezed(const char *list)
{
	GString *squeezed = g_string_new(NULL);

	for (const char *p = list; *p != '\0'; p++)
		if (!is_separator(*p))
			g_string_append_c(squeezed, *p);
		else if (squeezed->len > 0 && !is_separator(p[1]) && p[1] != '\0')
			g_string_append_c(squeezed, ' ');
	return g_string_free(squeezed, FALSE);
}

gboolean
direction_same_lists(const char *one, const char *other)
{
	g_autofree char *left = dup_squeezed(one);
	g_autofree char *right = dup_squeezed(other);

	return strcmp(left, right) == 0;
}
