/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-nexthop: bytes as a domain name and as a destination of the document.
 *
 * What is accepted is written into a table as its key. So it holds nothing that a table's line, or
 * Postfix, would take for something else; normalising it changes nothing; and each form under
 * which it is written too is another spelling of it. */
#include "hostname.h"
#include "idn.h"
#include "nexthop.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LEAST_ROOM 1024
#define MAX_FORMS (1 << IDN_MAX_LABELS)

typedef const char *(*Normalise)(char *text, size_t size);
typedef void (*VisitForms)(const char *name, IdnVisit visit, void *data);

/* text in a buffer of exactly the room that it may use, normalised; NULL where it is refused. */
static char *
dup_normal(Normalise normalise, const char *text)
{
	const size_t room = MAX(strlen(text) + 1, LEAST_ROOM);
	g_autofree char *copy = g_malloc(room);

	g_strlcpy(copy, text, room);
	const char *reason = normalise(copy, room);
	g_assert_true(reason == NULL || reason[0] != '\0');
	return reason == NULL ? g_steal_pointer(&copy) : NULL;
}

static void
assert_key(const char *key)
{
	g_assert_cmpuint(key[0], !=, '\0');
	for (const char *p = key; *p != '\0'; p++) {
		g_assert_true(g_ascii_isgraph(*p));
		g_assert_false(g_ascii_isupper(*p));
		g_assert_null(strchr(",\"'\\#$=|@/", *p));
	}
}

typedef struct {
	Normalise normalise;
	const char *key;
	GPtrArray *forms;
} Spelling;

static void
visit_form(const char *form, void *data)
{
	const Spelling *spelling = data;
	g_autofree char *normal = dup_normal(spelling->normalise, form);

	g_assert_true(g_utf8_validate(form, -1, NULL));
	g_assert_cmpuint(strcspn(form, " \t\r\n,"), ==, strlen(form));
	g_assert_cmpstr(normal, ==, spelling->key);
	g_ptr_array_add(spelling->forms, g_strdup(form));
}

static void
assert_forms(Normalise normalise, VisitForms visit_forms, const char *key)
{
	g_autoptr(GPtrArray) forms = g_ptr_array_new_with_free_func(g_free);
	Spelling spelling = { normalise, key, forms };

	visit_forms(key, visit_form, &spelling);
	g_assert_cmpuint(forms->len, >=, 1);
	g_assert_cmpuint(forms->len, <=, MAX_FORMS);
	g_assert_cmpstr(forms->pdata[0], ==, key);
	for (guint i = 1; i < forms->len; i++)
		for (guint k = 0; k < i; k++)
			g_assert_cmpstr(forms->pdata[i], !=, forms->pdata[k]);
}

/* The normal form of text, or NULL. */
static char *
dup_checked(Normalise normalise, VisitForms visit_forms, const char *text)
{
	g_autofree char *key = dup_normal(normalise, text);

	if (key == NULL)
		return NULL;
	g_autofree char *again = dup_normal(normalise, key);
	assert_key(key);
	g_assert_cmpstr(again, ==, key);
	assert_forms(normalise, visit_forms, key);
	return g_steal_pointer(&key);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* The document's reader lets no NUL through. */
	g_autofree char *text = g_strndup((const char *)data, size);
	g_autofree char *domain = dup_checked(idn_to_ascii, idn_visit_forms, text);
	g_autofree char *nexthop = dup_checked(nexthop_normalise, nexthop_visit_forms, text);

	/* A domain is what Postfix takes for one, and a next-hop without more is a domain that can
	 * be looked up. */
	if (domain != NULL)
		g_assert_null(hostname_check(domain[0] == '.' ? domain + 1 : domain));
	if (strpbrk(text, "[]:@") == NULL && !g_str_has_suffix(text, "."))
		g_assert_cmpstr(nexthop, ==,
				domain != NULL && idn_check_key(domain) == NULL ? domain : NULL);
	/* What is plain ASCII for Postfix is left as it is, but for its case. */
	if (hostname_check(text) == NULL && !hostname_is_international(text)) {
		hostname_fold(text);
		g_assert_cmpstr(domain, ==, text);
	}
	return 0;
}
