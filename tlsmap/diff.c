/* SPDX-License-Identifier: Apache-2.0 */
/* diff: what two documents say differently, row by row and rule by rule. Pure.
 *
 * A row is stricter or weaker than what its destination had before, be it a row of its own, one of
 * a parent, or the global level. In doubt a change is called weaker: that is the one to look at. */
#include "diff.h"

#include "describe.h"
#include "policymap.h"
#include "texthash.h"

#include <string.h>

/* Rows by destination. */
static GHashTable *
index_rows(const Settings *settings)
{
	GHashTable *rows = g_hash_table_new(texthash, g_str_equal);

	for (size_t i = 0; settings != NULL && i < settings_n_destinations(settings); i++) {
		const SettingsDestination *row = settings_destination(settings, i);
		g_hash_table_insert(rows, (char *)row->destination.text, (void *)row);
	}
	return rows;
}

/* The row that decides for destination, as smtp(8) would look it up: the name, then each parent
 * with a leading dot; NULL: the global level. */
static const SettingsDestination *
find_row(GHashTable *rows, const char *destination)
{
	for (const char *key = destination; key != NULL; key = strchr(key + 1, '.')) {
		const SettingsDestination *row = g_hash_table_lookup(rows, key);
		if (row != NULL)
			return row;
	}
	return NULL;
}

/* What is weaker in any respect is weaker, whatever else is stricter. */
static ChangeDirection
both(ChangeDirection one, ChangeDirection other)
{
	if (one == CHANGE_WEAKER || other == CHANGE_WEAKER)
		return CHANGE_WEAKER;
	return one == CHANGE_EQUAL ? other : one;
}

static ChangeDirection
by_number(int before, int after)
{
	if (before == after)
		return CHANGE_EQUAL;
	return after > before ? CHANGE_STRICTER : CHANGE_WEAKER;
}

/* Whether every text of part is in whole. */
static gboolean
contains_all(const GArray *whole, const GArray *part)
{
	g_autoptr(GHashTable) set = g_hash_table_new(texthash, g_str_equal);

	for (size_t i = 0; i < settings_n_texts(whole); i++)
		g_hash_table_add(set, (char *)settings_text(whole, i));
	for (size_t i = 0; i < settings_n_texts(part); i++)
		if (!g_hash_table_contains(set, settings_text(part, i)))
			return FALSE;
	return TRUE;
}

/* Lists of which one must be met; NULL demands nothing. */
static ChangeDirection
by_choice(const GArray *before, const GArray *after)
{
	if (before == NULL || after == NULL)
		return by_number(before != NULL, after != NULL);
	if (!contains_all(before, after))
		return CHANGE_WEAKER;
	return contains_all(after, before) ? CHANGE_EQUAL : CHANGE_STRICTER;
}

/* Lists that replace a default which may be narrower or wider. */
static ChangeDirection
by_replacement(const GArray *before, const GArray *after)
{
	return (before == NULL) != (after == NULL) ? CHANGE_WEAKER : by_choice(before, after);
}

static ChangeDirection
by_word(const CursorWord *before, const CursorWord *after)
{
	return by_number(before->place != 0 ? before->code + 1 : 0,
			 after->place != 0 ? after->code + 1 : 0);
}

/* What decides of mail to a destination: a row, or where there is none the global level, and behind
 * it main.cf, in all that the row does not say. */
typedef struct {
	SecurityLevel level;
	const SettingsRowAttributes *attributes;
	const Mandatory *mandatory;
} Decision;

static Decision
decide(const SettingsDestination *row, SecurityLevel global, const Mandatory *mandatory)
{
	static const SettingsRowAttributes none = { 0 };
	const SecurityLevel level = row != NULL ? (SecurityLevel)row->security_level.code : global;
	const Decision decision = { level, row != NULL ? settings_attributes(row) : &none,
				    mandatory };

	return decision;
}

/* Below "encrypt" a server that can't do what is demanded gets the mail in clear, so that nothing
 * is. */
static gboolean
is_binding(const Decision *decision)
{
	return decision->level >= SECURITY_ENCRYPT;
}

/* A row's own word takes the place of main.cf's. Two that say nothing have the same; a change of
 * main.cf is a line of its own. */
static ChangeDirection
by_code(const CursorWord *before, int before_else, const CursorWord *after, int after_else)
{
	if (before->place == 0 && after->place == 0)
		return CHANGE_EQUAL;
	return by_number(before->place != 0 ? before->code : before_else,
			 after->place != 0 ? after->code : after_else);
}

static ChangeDirection
floor_direction(const Decision *before, const Decision *after)
{
	int old_floor = before->mandatory->floor;

	if (old_floor == MANDATORY_FLOOR_UNKNOWN)
		old_floor = N_TLS_PROTOCOLS;
	return by_code(&before->attributes->min_protocol, old_floor,
		       &after->attributes->min_protocol, after->mandatory->floor);
}

/* The names that are excluded: the row's, else main.cf's, and what Postfix adds by itself: at
 * "encrypt" what does not encrypt, above it what has no certificate. */
static GHashTable *
index_exclusions(const Decision *decision)
{
	GHashTable *names = g_hash_table_new(texthash, g_str_equal);
	const GArray *own = decision->attributes->exclude;

	for (size_t i = 0; i < settings_n_texts(own); i++)
		g_hash_table_add(names, (char *)settings_text(own, i));
	for (char **name = decision->mandatory->exclude; own == NULL && name != NULL && *name;
	     name++)
		g_hash_table_add(names, *name);
	g_hash_table_add(names, (char *)"eNULL");
	if (decision->level > SECURITY_ENCRYPT)
		g_hash_table_add(names, (char *)"aNULL");
	return names;
}

static gboolean
is_part_of(GHashTable *part, GHashTable *whole)
{
	GHashTableIter iter;
	void *name;

	g_hash_table_iter_init(&iter, part);
	while (g_hash_table_iter_next(&iter, &name, NULL))
		if (!g_hash_table_contains(whole, name))
			return FALSE;
	return TRUE;
}

static ChangeDirection
exclusion_direction(const Decision *before, const Decision *after)
{
	if (before->attributes->exclude == NULL && after->attributes->exclude == NULL)
		return CHANGE_EQUAL;
	g_autoptr(GHashTable) old_names = index_exclusions(before);
	g_autoptr(GHashTable) new_names = index_exclusions(after);

	if (!is_part_of(old_names, new_names))
		return CHANGE_WEAKER;
	return is_part_of(new_names, old_names) ? CHANGE_EQUAL : CHANGE_STRICTER;
}

static ChangeDirection
row_direction(const Decision *old, const Decision *new)
{
	const SettingsRowAttributes *before = old->attributes, *after = new->attributes;
	ChangeDirection direction = direction_of_level(old->level, new->level);

	/* Names count only where the level stays: another level has other ones. */
	if (old->level == new->level) {
		direction = both(direction, by_replacement(before->match, after->match));
		direction = both(direction, by_choice(before->fingerprints, after->fingerprints));
		direction = both(direction, by_replacement(before->trust_anchor_files,
							   after->trust_anchor_files));
	}
	if (!is_binding(old))
		return direction;
	direction = both(direction, floor_direction(old, new));
	direction = both(direction, by_code(&before->ciphers, old->mandatory->grade,
					    &after->ciphers, new->mandatory->grade));
	return both(direction, exclusion_direction(old, new));
}

/* The document's own floor for all is main.cf's. One that goes leaves what nobody has looked at. */
static Mandatory
mandatory_to_be(const DiffContext *before, const Settings *new_settings)
{
	Mandatory mandatory = before->mandatory;

	if (new_settings->send.min_protocol.place != 0)
		mandatory.floor = new_settings->send.min_protocol.code;
	else if (before->settings != NULL && before->settings->send.min_protocol.place != 0)
		mandatory.floor = MANDATORY_FLOOR_UNKNOWN;
	return mandatory;
}

/* From the row that decided to the one that will; NULL rows stand for the global level. */
static ChangeDirection
direction(const DiffContext *before, const SettingsDestination *old_row,
	  const Settings *new_settings, const SettingsDestination *new_row)
{
	const Mandatory to_be = mandatory_to_be(before, new_settings);
	const Decision old = decide(old_row, before->send_level, &before->mandatory);
	const Decision new = decide(new_row, new_settings->send.security_level.code, &to_be);

	return row_direction(&old, &new);
}

static char *
dup_value(const SettingsDestination *row, PostfixVersion version)
{
	return row != NULL ? policymap_dup_value(row, version) : NULL;
}

void
diff_rows(const DiffContext *before, const Settings *new_settings, GArray *changes)
{
	const Settings *old_settings = before->settings;
	g_autoptr(GHashTable) old_rows = index_rows(old_settings);
	g_autoptr(GHashTable) new_rows = index_rows(new_settings);

	for (size_t i = 0; i < settings_n_destinations(new_settings); i++) {
		const SettingsDestination *row = settings_destination(new_settings, i);
		const char *name = row->destination.text;
		g_autofree char *old_value =
			dup_value(g_hash_table_lookup(old_rows, name), before->version);
		g_autofree char *new_value = dup_value(row, before->version);
		if (g_strcmp0(old_value, new_value) != 0)
			change_add(changes, CHANGE_ROW, name, old_value, new_value,
				   direction(before, find_row(old_rows, name), new_settings, row));
	}
	for (size_t i = 0; old_settings != NULL && i < settings_n_destinations(old_settings); i++) {
		const SettingsDestination *row = settings_destination(old_settings, i);
		const char *name = row->destination.text;
		if (g_hash_table_contains(new_rows, name))
			continue;
		g_autofree char *old_value = dup_value(row, before->version);
		change_add(changes, CHANGE_ROW, name, old_value, NULL,
			   direction(before, row, new_settings, find_row(new_rows, name)));
	}
}

/* Whether a selector still selects all that it did. */
static gboolean
selects_all(const GArray *after, const GArray *before)
{
	return after == NULL || (before != NULL && contains_all(after, before));
}

/* Whether all mail that the old rule was about is still ruled by the new one. */
static gboolean
covers(const SettingsRule *new_rule, const SettingsRule *old_rule)
{
	return selects_all(new_rule->sender_domains, old_rule->sender_domains) &&
	       selects_all(new_rule->recipient_domains, old_rule->recipient_domains) &&
	       selects_all(new_rule->client_networks, old_rule->client_networks) &&
	       selects_all(new_rule->client_names, old_rule->client_names);
}

static ChangeDirection
require_direction(const SettingsRequire *before, const SettingsRequire *after)
{
	const ChangeDirection directions[] = {
		by_number(settings_demands_trust(before), settings_demands_trust(after)),
		by_choice(before->subjects, after->subjects),
		by_choice(before->issuers, after->issuers),
		by_choice(before->fingerprints, after->fingerprints),
		by_choice(before->client_networks, after->client_networks),
		by_choice(before->client_names, after->client_names),
		by_word(&before->min_protocol, &after->min_protocol),
		by_number(before->min_cipher_bits.value, after->min_cipher_bits.value),
	};
	ChangeDirection direction = CHANGE_EQUAL;

	for (size_t i = 0; i < G_N_ELEMENTS(directions); i++)
		direction = both(direction, directions[i]);
	return direction;
}

static ChangeDirection
rule_direction(const SettingsRule *old_rule, const SettingsRule *new_rule)
{
	/* A rule that only reports refuses nothing. */
	if (old_rule == NULL || new_rule == NULL) {
		const SettingsRule *rule = old_rule != NULL ? old_rule : new_rule;
		if (rule->violation.code == VIOLATION_REPORT)
			return CHANGE_EQUAL;
		return old_rule == NULL ? CHANGE_STRICTER : CHANGE_WEAKER;
	}
	if (!covers(new_rule, old_rule) || new_rule->violation.code < old_rule->violation.code ||
	    require_direction(&old_rule->require, &new_rule->require) == CHANGE_WEAKER)
		return CHANGE_WEAKER;
	return CHANGE_STRICTER;
}

static char *
dup_description(const SettingsRule *rule)
{
	return rule != NULL ? describe_dup_rule(rule) : NULL;
}

static GHashTable *
index_rules(const Settings *settings)
{
	GHashTable *rules = g_hash_table_new(texthash, g_str_equal);

	for (size_t i = 0; settings != NULL && i < settings_n_rules(settings); i++)
		g_hash_table_insert(rules, (char *)settings_rule(settings, i)->name.text,
				    (void *)settings_rule(settings, i));
	return rules;
}

static void
diff_rule(const char *name, const SettingsRule *old_rule, const SettingsRule *new_rule,
	  GArray *changes)
{
	g_autofree char *before = dup_description(old_rule);
	g_autofree char *after = dup_description(new_rule);

	if (g_strcmp0(before, after) != 0)
		change_add(changes, CHANGE_RULE, name, before, after,
			   rule_direction(old_rule, new_rule));
}

/* More exempt networks are weaker, fewer stricter; some of each are weaker. */
static void
diff_exempt(const Settings *old_settings, const Settings *new_settings, GArray *changes)
{
	const GArray *before = old_settings->receive.exempt_networks;
	const GArray *after = new_settings->receive.exempt_networks;
	g_autofree char *old_text = describe_dup_list(before, ", ");
	g_autofree char *new_text = describe_dup_list(after, ", ");

	if (strcmp(old_text, new_text) == 0)
		return;
	gboolean grew = !contains_all(before, after);
	gboolean shrank = !contains_all(after, before);
	change_add(changes, CHANGE_RULE, "exempt_networks", old_text, new_text,
		   grew     ? CHANGE_WEAKER
		   : shrank ? CHANGE_STRICTER
			    : CHANGE_EQUAL);
}

void
diff_rules(const Settings *old_settings, const Settings *new_settings, GArray *changes)
{
	g_autoptr(GHashTable) old_rules = index_rules(old_settings);
	g_autoptr(GHashTable) new_rules = index_rules(new_settings);

	for (size_t i = 0; i < settings_n_rules(new_settings); i++) {
		const SettingsRule *rule = settings_rule(new_settings, i);
		const char *name = rule->name.text;
		diff_rule(name, g_hash_table_lookup(old_rules, name), rule, changes);
	}
	for (size_t i = 0; old_settings != NULL && i < settings_n_rules(old_settings); i++) {
		const SettingsRule *rule = settings_rule(old_settings, i);
		if (!g_hash_table_contains(new_rules, rule->name.text))
			diff_rule(rule->name.text, rule, NULL, changes);
	}
	if (old_settings != NULL && settings_n_rules(old_settings) > 0 &&
	    settings_n_rules(new_settings) > 0)
		diff_exempt(old_settings, new_settings, changes);
}
