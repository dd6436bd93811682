/* SPDX-License-Identifier: Apache-2.0 */
/* diff: what two documents say differently, row by row and rule by rule. Pure.
 *
 * A row is stricter or weaker than what its destination had before, be it a row of its own, one of
 * a parent, or the global level. In doubt a change is called weaker: that is the one to look at. */
#include "diff.h"

#include <string.h>

/* Rows by destination. */
static GHashTable *
index_rows(const Settings *settings)
{
	GHashTable *rows = g_hash_table_new(g_str_hash, g_str_equal);

	for (size_t i = 0; settings != NULL && i < settings_n_destinations(settings); i++) {
		const SettingsDestination *row = settings_destination(settings, i);
		g_hash_table_insert(rows, (char *)row->destination.text, (void *)row);
	}
	return rows;
}

/* The level that destination has by rows, as smtp(8) would look it up: the name, then each parent
 * with a leading dot, then the global level. */
static SecurityLevel
level_of(const Settings *settings, GHashTable *rows, const char *destination)
{
	if (settings == NULL)
		return SECURITY_MAY;
	for (const char *key = destination; key != NULL; key = strchr(key + 1, '.')) {
		const SettingsDestination *row = g_hash_table_lookup(rows, key);
		if (row != NULL)
			return row->security_level.code;
	}
	return settings->send.security_level.code;
}

static ChangeDirection
direction(SecurityLevel old_level, SecurityLevel new_level)
{
	int before = names_strength(old_level), after = names_strength(new_level);

	if (before == after)
		return CHANGE_EQUAL;
	return after > before ? CHANGE_STRICTER : CHANGE_WEAKER;
}

static const char *
level_word(const SettingsDestination *row)
{
	return row != NULL ? names_word(&names_security_level, row->security_level.code) : NULL;
}

void
diff_rows(const Settings *old_settings, const Settings *new_settings, GArray *changes)
{
	g_autoptr(GHashTable) old_rows = index_rows(old_settings);
	g_autoptr(GHashTable) new_rows = index_rows(new_settings);

	for (size_t i = 0; i < settings_n_destinations(new_settings); i++) {
		const SettingsDestination *row = settings_destination(new_settings, i);
		const char *name = row->destination.text;
		const SettingsDestination *before = g_hash_table_lookup(old_rows, name);
		if (before != NULL && before->security_level.code == row->security_level.code)
			continue;
		change_add(changes, CHANGE_ROW, name, level_word(before), level_word(row),
			   direction(level_of(old_settings, old_rows, name),
				     row->security_level.code));
	}
	for (size_t i = 0; old_settings != NULL && i < settings_n_destinations(old_settings); i++) {
		const SettingsDestination *row = settings_destination(old_settings, i);
		const char *name = row->destination.text;
		if (!g_hash_table_contains(new_rows, name))
			change_add(changes, CHANGE_ROW, name, level_word(row), NULL,
				   direction(row->security_level.code,
					     level_of(new_settings, new_rows, name)));
	}
}

/* A list of texts as one text, in document order; the caller frees it. */
static char *
dup_joined(const GArray *texts)
{
	GString *joined = g_string_new(NULL);

	for (size_t i = 0; i < texts->len; i++)
		g_string_append_printf(joined, "%s%s", i == 0 ? "" : ", ", settings_text(texts, i));
	return g_string_free(joined, FALSE);
}

static char *
dup_description(const SettingsRule *rule)
{
	if (rule == NULL)
		return NULL;
	g_autofree char *senders = rule->sender_domains != NULL ? dup_joined(rule->sender_domains)
								: g_strdup("all mail");
	return g_strdup_printf("%s; %s; %s", senders,
			       rule->require.certificate.code == CERTIFICATE_TRUSTED
				       ? "TLS and trusted certificate"
				       : "TLS",
			       names_word(&names_violation, rule->violation.code));
}

/* Whether every text of part is in whole. */
static gboolean
contains_all(const GArray *whole, const GArray *part)
{
	g_autoptr(GHashTable) set = g_hash_table_new(g_str_hash, g_str_equal);

	for (size_t i = 0; i < whole->len; i++)
		g_hash_table_add(set, (char *)settings_text(whole, i));
	for (size_t i = 0; i < part->len; i++)
		if (!g_hash_table_contains(set, settings_text(part, i)))
			return FALSE;
	return TRUE;
}

/* Whether all mail that the old rule was about is still ruled by the new one. */
static gboolean
covers(const SettingsRule *new_rule, const SettingsRule *old_rule)
{
	if (new_rule->sender_domains == NULL)
		return TRUE;
	return old_rule->sender_domains != NULL &&
	       contains_all(new_rule->sender_domains, old_rule->sender_domains);
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
	if (!covers(new_rule, old_rule) ||
	    new_rule->require.certificate.code < old_rule->require.certificate.code ||
	    new_rule->violation.code < old_rule->violation.code)
		return CHANGE_WEAKER;
	return CHANGE_STRICTER;
}

static GHashTable *
index_rules(const Settings *settings)
{
	GHashTable *rules = g_hash_table_new(g_str_hash, g_str_equal);

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
	g_autofree char *old_text = dup_joined(before);
	g_autofree char *new_text = dup_joined(after);

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
