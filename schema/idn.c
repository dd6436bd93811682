/* SPDX-License-Identifier: Apache-2.0 */
/* idn: internationalised domain names, in their one ASCII form and in all that mail may use. Pure.
 *
 * libidn2 (IDNA2008 with the mapping of UTS #46) does the conversion. It takes more than a domain
 * name for one, and its mapping may make a name that was not meant out of one that was: what goes
 * in must therefore be the form that comes back, and what comes out must be a name for Postfix. */
#include "idn.h"

#include "hostname.h"

#include <idn2.h>

#include <string.h>

/* The Unicode form of an ASCII one; NULL where an "xn--" label stands for nothing. The caller frees
 * it by idn2_free(). */
static char *
dup_unicode(const char *ascii)
{
	char *unicode = NULL;
	char *again = NULL;

	if (idn2_to_unicode_8z8z(ascii, &unicode, 0) != IDN2_OK)
		return NULL;
	gboolean is_same = idn2_to_ascii_8z(unicode, &again, IDN2_NONTRANSITIONAL) == IDN2_OK &&
			   strcmp(again, ascii) == 0;
	idn2_free(again);
	if (is_same)
		return unicode;
	idn2_free(unicode);
	return NULL;
}

static size_t
count_international(const char *ascii)
{
	size_t n = 0;

	for (const char *label = ascii; label != NULL; label = strchr(label, '.')) {
		label += *label == '.' ? 1 : 0;
		n += g_str_has_prefix(label, "xn--") ? 1 : 0;
	}
	return n;
}

/* text in lower case, character by character. Not g_utf8_strdown(), which asks the locale: a
 * document means the same in every country. */
static char *
dup_lower(const char *text)
{
	GString *lower = g_string_new(NULL);

	for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p))
		g_string_append_unichar(lower, g_unichar_tolower(g_utf8_get_char(p)));
	return g_string_free(lower, FALSE);
}

/* Whether a label in NFC is written in one of its two forms. Cherokee has capitals in its U-labels,
 * so that lower case comes second. */
static gboolean
is_label_form(const char *label, const char *a_label, const char *u_label)
{
	g_autofree char *lower = dup_lower(label);

	return strcmp(label, u_label) == 0 || strcmp(lower, u_label) == 0 ||
	       strcmp(lower, a_label) == 0;
}

/* Whether written is one of the forms of a name: label by label one or the other. */
static gboolean
is_form(const char *written, const char *ascii, const char *unicode)
{
	g_autofree char *composed = g_utf8_normalize(written, -1, G_NORMALIZE_NFC);
	g_auto(GStrv) labels = g_strsplit(composed != NULL ? composed : "", ".", -1);
	g_auto(GStrv) a_labels = g_strsplit(ascii, ".", -1);
	g_auto(GStrv) u_labels = g_strsplit(unicode, ".", -1);

	if (g_strv_length(labels) != g_strv_length(a_labels))
		return FALSE;
	for (size_t i = 0; labels[i] != NULL; i++)
		if (!is_label_form(labels[i], a_labels[i], u_labels[i]))
			return FALSE;
	return TRUE;
}

/* Not left to libidn2, whose versions refuse them for different reasons. */
static gboolean
has_foreign_ascii(const char *name)
{
	for (const char *p = name; *p != '\0'; p++)
		if ((unsigned char)*p < 0x80 && !g_ascii_isalnum(*p) && strchr("-_.", *p) == NULL)
			return TRUE;
	return FALSE;
}

static const char *
convert(char *name, size_t size)
{
	char *ascii = NULL;

	if (has_foreign_ascii(name))
		return "has an ASCII character other than a-z 0-9 . - _";
	if (idn2_to_ascii_8z(name, &ascii, IDN2_NONTRANSITIONAL) != IDN2_OK)
		return "is no internationalised domain name (IDNA2008)";
	g_autofree char *copy = g_strdup(ascii);
	idn2_free(ascii);
	const char *reason = hostname_check(copy);
	if (reason != NULL)
		return reason;
	if (count_international(copy) > IDN_MAX_LABELS)
		return "has more than 4 internationalised labels";
	char *unicode = dup_unicode(copy);
	if (unicode == NULL)
		return "has an \"xn--\" label that stands for no name";
	gboolean is_normal = is_form(name, copy, unicode);
	idn2_free(unicode);
	if (!is_normal)
		return "is not written in its normal form (RFC 5891, section 4.2.1)";
	g_strlcpy(name, copy, size);
	return NULL;
}

const char *
idn_to_ascii(char *name, size_t size)
{
	g_return_val_if_fail(size >= 1024, "is too long");

	size_t skipped = name[0] == '.' ? 1 : 0;
	if (strlen(name) > HOSTNAME_MAX * 4)
		return "is longer than 255 characters";
	hostname_fold(name);
	if (!hostname_is_international(name + skipped))
		return hostname_check(name + skipped);
	return convert(name + skipped, size - skipped);
}

const char *
idn_check_key(const char *name)
{
	const char *start = name[0] == '.' ? name + 1 : name;

	if (!hostname_is_international(start))
		return NULL;
	char *unicode = dup_unicode(start);
	g_return_val_if_fail(unicode != NULL, "is no internationalised domain name (IDNA2008)");
	/* Compared in lower case, because g_utf8_casefold() turns the capitals of Cherokee into
	 * small letters where Unicode (CaseFolding.txt), and so Postfix, keeps them. */
	g_autofree char *folded = g_utf8_casefold(unicode, -1);
	g_autofree char *folded_lower = dup_lower(folded);
	g_autofree char *lower = dup_lower(unicode);
	gboolean is_kept = strcmp(folded_lower, lower) == 0;
	idn2_free(unicode);
	return is_kept ? NULL
		       : "has a letter (ß, ς) that Postfix folds into others, so that it can't tell "
			 "this name from another";
}

/* One form: label i of the name is in Unicode where the bit of its number among the international
 * ones is set. */
static char *
dup_form(char **a_labels, char **u_labels, unsigned in_unicode)
{
	GString *form = g_string_new(NULL);
	unsigned international = 0;

	for (size_t i = 0; a_labels[i] != NULL; i++) {
		gboolean is_international = strcmp(a_labels[i], u_labels[i]) != 0;
		gboolean is_unicode = is_international && (in_unicode >> international & 1) != 0;
		international += is_international ? 1 : 0;
		g_string_append_printf(form, "%s%s", i == 0 ? "" : ".",
				       is_unicode ? u_labels[i] : a_labels[i]);
	}
	return g_string_free(form, FALSE);
}

void
idn_visit_forms(const char *name, IdnVisit visit, void *data)
{
	const char *start = name[0] == '.' ? name + 1 : name;

	visit(name, data);
	if (!hostname_is_international(start))
		return;
	char *unicode = dup_unicode(start);
	g_return_if_fail(unicode != NULL); /* idn_to_ascii() has converted it before */
	g_auto(GStrv) a_labels = g_strsplit(start, ".", -1);
	g_auto(GStrv) u_labels = g_strsplit(unicode, ".", -1);
	idn2_free(unicode);
	g_return_if_fail(g_strv_length(a_labels) == g_strv_length(u_labels));

	unsigned n_forms = 1u << MIN(count_international(start), IDN_MAX_LABELS);
	for (unsigned i = 1; i < n_forms; i++) {
		g_autofree char *form = dup_form(a_labels, u_labels, i);
		g_autofree char *whole = g_strconcat(start > name ? "." : "", form, NULL);
		visit(whole, data);
	}
}
