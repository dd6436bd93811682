/* SPDX-License-Identifier: Apache-2.0 */
/* refused: where loading refused something, so that no check takes that for absent. Pure.
 *
 * What seems to be absent may be there with its key misspelt or its value wrong. A finding about
 * the absent one would follow from the first finding, and mislead. The ends of objects are not
 * known: a rule ends where the next one begins, a part where the next part does. */
#include "refused.h"

struct Refused {
	const Settings *settings;
	GArray *places; /* of all errors, sorted; size_t */
	GArray *keys;   /* of unknown keys, sorted */
	/* A second "receive" or "send" was refused, perhaps: nothing says that it belongs to the
	 * first one but its key. */
	gboolean has_duplicate;
};

static int
compare_places(const void *a, const void *b)
{
	const size_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

Refused *
refused_new(const Settings *settings, const Findings *findings)
{
	Refused *refused = g_new0(Refused, 1);

	refused->settings = settings;
	refused->places = g_array_new(FALSE, FALSE, sizeof(size_t));
	refused->keys = g_array_new(FALSE, FALSE, sizeof(size_t));
	for (size_t i = 0; i < findings_n(findings); i++) {
		const Finding *finding = findings_nth(findings, i);
		/* What is missing is absent indeed. */
		if (finding_severity(finding->id) != SEVERITY_ERROR ||
		    finding->id == FINDING_MISSING_KEY)
			continue;
		g_array_append_val(refused->places, finding->offset);
		if (finding->id == FINDING_UNKNOWN_KEY)
			g_array_append_val(refused->keys, finding->offset);
		if (finding->id == FINDING_DUPLICATE_KEY)
			refused->has_duplicate = TRUE;
	}
	g_array_sort(refused->places, compare_places);
	g_array_sort(refused->keys, compare_places);
	return refused;
}

void
refused_free(Refused *refused)
{
	if (refused == NULL)
		return;
	g_array_unref(refused->places);
	g_array_unref(refused->keys);
	g_free(refused);
}

/* Whether one of places is from or more, and less than end. */
static gboolean
is_between(const GArray *places, size_t from, size_t end)
{
	size_t first = 0, behind = places->len;

	while (first < behind) {
		size_t middle = first + (behind - first) / 2;
		if (g_array_index(places, size_t, middle) < from)
			first = middle + 1;
		else
			behind = middle;
	}
	return first < places->len && g_array_index(places, size_t, first) < end;
}

static size_t
part_end(const Refused *refused, size_t place)
{
	const Settings *settings = refused->settings;
	const size_t parts[] = { settings->receive.place, settings->send.place,
				 settings->postfix.place };
	size_t end = G_MAXSIZE;

	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
		if (parts[i] > place && parts[i] < end)
			end = parts[i];
	return end;
}

gboolean
refused_in_part(const Refused *refused, size_t place)
{
	return refused->has_duplicate ||
	       is_between(refused->places, place, part_end(refused, place));
}

gboolean
refused_in_rule(const Refused *refused, size_t n)
{
	const Settings *settings = refused->settings;
	size_t place = settings_rule(settings, n)->place;
	size_t end = n + 1 < settings_n_rules(settings) ? settings_rule(settings, n + 1)->place
							: part_end(refused, place);

	return is_between(refused->places, place, end);
}

gboolean
refused_in_destination(const Refused *refused, size_t n)
{
	const Settings *settings = refused->settings;
	size_t place = settings_destination(settings, n)->place;
	size_t end = n + 1 < settings_n_destinations(settings)
			     ? settings_destination(settings, n + 1)->place
			     : part_end(refused, place);

	return is_between(refused->places, place, end);
}

gboolean
refused_word(const Refused *refused, const CursorWord *word, size_t place)
{
	if (word->is_wrong || word->place != 0)
		return word->is_wrong;
	return refused->has_duplicate || is_between(refused->keys, place, part_end(refused, place));
}
