/* SPDX-License-Identifier: Apache-2.0 */
/* domainlist: whether a domain is in one of Postfix's lists of domains.
 *
 * The first element that matches decides; behind "!" it says no. An element is a name, the path of
 * a file with more elements, or a table (src/util/match_list.c and match_ops.c, 3.7). */
#include "domainlist.h"

#include "maincf.h"
#include "mapset.h"

#include <string.h>

typedef struct {
	gboolean is_negated;
	char *name;     /* NULL: a table */
	MapSet *tables; /* of one table; NULL: a name */
} Element;

struct DomainList {
	const Snapshot *snapshot;
	DomainListStyle style;
	GArray *elements; /* of Element */
	GError *damage;   /* a file that can't be read */
};

static void
clear_element(void *data)
{
	Element *element = data;

	g_free(element->name);
	mapset_free(element->tables);
}

static void add_elements(DomainList *list, const char *text, gboolean is_negated);

static void
add_file(DomainList *list, const char *path, gboolean is_negated)
{
	g_autofree char *content = NULL;

	if (list->damage != NULL || !g_file_get_contents(path, &content, NULL, &list->damage))
		return;
	g_auto(GStrv) lines = g_strsplit(content, "\n", -1);
	for (size_t i = 0; lines[i] != NULL; i++)
		if (*lines[i] != '#')
			add_elements(list, lines[i], is_negated);
}

static void
add_elements(DomainList *list, const char *text, gboolean is_negated)
{
	g_auto(GStrv) items = maincf_split_list(text);

	for (size_t i = 0; items[i] != NULL; i++) {
		const char *item = items[i];
		Element element = { .is_negated = is_negated };
		for (; *item == '!'; item++)
			element.is_negated = !element.is_negated;
		if (*item == '/') {
			add_file(list, item, element.is_negated);
			continue;
		}
		/* An address in brackets is no table. */
		if (*item != '[' && strchr(item, ':') != NULL)
			element.tables = mapset_new(list->snapshot, item);
		else
			element.name = g_ascii_strdown(item, -1);
		g_array_append_val(list->elements, element);
	}
}

DomainList *
domainlist_new(const Snapshot *snapshot, const char *value, DomainListStyle style)
{
	DomainList *list = g_new0(DomainList, 1);

	list->snapshot = snapshot;
	list->style = style;
	list->elements = g_array_new(FALSE, FALSE, sizeof(Element));
	g_array_set_clear_func(list->elements, clear_element);
	add_elements(list, value, FALSE);
	return list;
}

void
domainlist_free(DomainList *list)
{
	if (list == NULL)
		return;
	g_array_unref(list->elements);
	g_clear_error(&list->damage);
	g_free(list);
}

static gboolean
matches_name(DomainListStyle style, const char *name, const char *domain)
{
	if (strcmp(name, domain) == 0)
		return TRUE;
	if (style == DOMAINLIST_EXACT || !g_str_has_suffix(domain, name))
		return FALSE;
	if (style == DOMAINLIST_DOT_PARENT)
		return name[0] == '.';
	return domain[strlen(domain) - strlen(name) - 1] == '.';
}

/* The next key of a table behind key; NULL: there is none. */
static const char *
next_key(DomainListStyle style, const char *key)
{
	const char *dot = style != DOMAINLIST_EXACT ? strchr(key + 1, '.') : NULL;

	return dot != NULL && style == DOMAINLIST_PARENT ? dot + 1 : dot;
}

static gboolean
is_in_table(const DomainList *list, MapSet *tables, const char *domain, gboolean *has,
	    GError **error)
{
	MapSetAnswer answer = { 0 };

	for (const char *key = domain; key != NULL && answer.value == NULL;
	     key = next_key(list->style, key))
		if (!mapset_find(tables, key, key == domain ? MAPSET_WHOLE : MAPSET_PART, &answer,
				 error))
			return FALSE;
	*has = answer.value != NULL;
	return TRUE;
}

gboolean
domainlist_has(DomainList *list, const char *domain, gboolean *has, GError **error)
{
	*has = FALSE;
	if (list->damage != NULL) {
		g_propagate_error(error, g_error_copy(list->damage));
		return FALSE;
	}
	for (guint i = 0; i < list->elements->len; i++) {
		const Element *element = &g_array_index(list->elements, Element, i);
		gboolean matches =
			element->name != NULL && matches_name(list->style, element->name, domain);
		if (element->tables != NULL &&
		    !is_in_table(list, element->tables, domain, &matches, error))
			return FALSE;
		if (matches) {
			*has = !element->is_negated;
			return TRUE;
		}
	}
	return TRUE;
}

gboolean
domainlist_ask_all(DomainList *list, const GPtrArray *domains, GError **error)
{
	g_autoptr(GPtrArray) parents = g_ptr_array_new();

	for (guint i = 0; i < domains->len; i++)
		for (const char *key = next_key(list->style, domains->pdata[i]); key != NULL;
		     key = next_key(list->style, key))
			g_ptr_array_add(parents, (char *)key);
	for (guint i = 0; i < list->elements->len; i++) {
		MapSet *tables = g_array_index(list->elements, Element, i).tables;
		if (tables != NULL && (!mapset_ask_all(tables, domains, MAPSET_WHOLE, error) ||
				       !mapset_ask_all(tables, parents, MAPSET_PART, error)))
			return FALSE;
	}
	return TRUE;
}
