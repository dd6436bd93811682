/* SPDX-License-Identifier: Apache-2.0 */
/* routetroubles: rows whose mail takes a way on which they do not hold. Pure. */
#include "routetroubles.h"

#include "names.h"

typedef struct {
	FindingId id;
	size_t row; /* the first */
	size_t n;
	char *next_hop;
	char *place;
	size_t own_row;
} Trouble;

struct RouteTroubles {
	GHashTable *by_text; /* of Trouble, by identifier and next-hop */
};

static void
free_trouble(void *data)
{
	Trouble *trouble = data;

	g_free(trouble->next_hop);
	g_free(trouble->place);
	g_free(trouble);
}

RouteTroubles *
routetroubles_new(void)
{
	RouteTroubles *troubles = g_new0(RouteTroubles, 1);

	troubles->by_text = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_trouble);
	return troubles;
}

void
routetroubles_free(RouteTroubles *troubles)
{
	if (troubles == NULL)
		return;
	g_hash_table_unref(troubles->by_text);
	g_free(troubles);
}

void
routetroubles_note(RouteTroubles *troubles, FindingId id, size_t row, const char *next_hop,
		   const char *place, size_t own_row)
{
	g_autofree char *text = g_strdup_printf("%d %s", (int)id, next_hop);
	Trouble *trouble = g_hash_table_lookup(troubles->by_text, text);

	if (trouble == NULL) {
		trouble = g_new0(Trouble, 1);
		*trouble = (Trouble){ id, row, 0, g_strdup(next_hop), g_strdup(place), own_row };
		g_hash_table_insert(troubles->by_text, g_steal_pointer(&text), trouble);
	}
	trouble->n++;
}

static char *
dup_ending(const Trouble *trouble, const Settings *settings)
{
	const SettingsDestination *row = settings_destination(settings, trouble->row);
	g_autofree char *line = g_strdup_printf(
		"{ \"destination\": \"%s\", \"security_level\": \"%s\" }", trouble->next_hop,
		names_word(&names_security_level, row->security_level.code));

	if (trouble->id == FINDING_ROUTE_ROW_WEAKER)
		return g_strdup_printf(
			"gets the policy of that alone, and what the row of \"%s\" says is not as "
			"strict as this one; make that row as strict",
			settings_destination(settings, trouble->own_row)->destination.text);
	if (trouble->id == FINDING_ROUTE_BY_LMTP)
		return g_strdup("does not go out by smtp(8) but by lmtp(8), which does not ask "
				"smtp_tls_policy_maps: the row would hold for nobody; take it out, "
				"or route the domain by smtp in transport_maps");
	if (trouble->id == FINDING_ROUTE_UNKNOWN)
		return g_strdup_printf(
			"gets the policy of that alone; whether other mail goes there too can't be told, "
			"because not all tables of routes can be listed; write a row for the "
			"next-hop: %s",
			line);
	return g_strdup_printf(
		"gets the policy of that alone, as other mail that goes there; write a "
		"row for the next-hop: %s, or give the domain one of its own in "
		"transport_maps",
		line);
}

static void
report(const Trouble *trouble, const Settings *settings, Findings *findings)
{
	g_autofree char *ending = dup_ending(trouble, settings);
	g_autofree char *others =
		trouble->n > 1 ? g_strdup_printf(", and of %zu rows more,", trouble->n - 1)
			       : g_strdup("");

	findings_add(findings, trouble->id,
		     settings_destination(settings, trouble->row)->destination.place,
		     "mail of this row%s goes to \"%s\" (%s) and %s", others, trouble->next_hop,
		     trouble->place, ending);
}

void
routetroubles_report(const RouteTroubles *troubles, const Settings *settings, Findings *findings)
{
	GHashTableIter iter;
	gpointer trouble;

	g_hash_table_iter_init(&iter, troubles->by_text);
	while (g_hash_table_iter_next(&iter, NULL, &trouble))
		report(trouble, settings, findings);
}
