/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of spelling: which keys its table knows, against what libidn2 and GLib know of
 * Unicode; and which policy it gives for which rows. */
#include "spelling.h"

#include "rows.h"

#include <idn2.h>

#include <regex.h>
#include <string.h>

#define ROW(destination, rest) "{\"destination\":\"" destination "\"," rest "}"
#define ENCRYPT(destination) ROW(destination, "\"security_level\":\"encrypt\"")

static Settings *
load(const char *send)
{
	g_autofree char *document = g_strdup_printf("{\"send\":{%s}}", send);
	g_autoptr(Findings) findings = findings_new();
	Settings *settings = settings_load(document, strlen(document), NULL, findings);

	g_assert_nonnull(settings);
	g_assert_cmpuint(findings_count(findings, SEVERITY_ERROR), ==, 0);
	return settings;
}

/* All expressions of a table as one, compiled as src/util/dict_regexp.c does (3.7). */
static void
compile_table(const char *send, regex_t *compiled)
{
	g_autoptr(Settings) settings = load(send);
	g_autofree char *table = spelling_dup_table(settings);
	g_auto(GStrv) lines = g_strsplit(table, "\n", -1);
	g_autoptr(GString) all = g_string_new(NULL);

	for (size_t i = 0; lines[i] != NULL; i++) {
		char *end = strstr(lines[i], "/\t");
		if (lines[i][0] != '/')
			continue;
		g_assert_nonnull(end);
		*end = '\0';
		g_string_append_printf(all, "%s%s", all->len > 0 ? "|" : "", lines[i] + 1);
	}
	g_assert_cmpint(regcomp(compiled, all->str, REG_EXTENDED | REG_ICASE | REG_NOSUB), ==, 0);
}

static gboolean
matches(const regex_t *table, const char *key)
{
	return regexec(table, key, 0, NULL, 0) == 0;
}

typedef enum { NO_NAME, FOUND, MISSED } Outcome;

/* What becomes of key: no name, or one whose row, if there is one, is found or missed. Only a row
 * that idn_to_ascii() could have taken counts: of IDNA2008, so that it comes back as it was. */
static Outcome
look_up(const char *key, int flags)
{
	g_autofree char *folded = g_utf8_casefold(key, -1);
	char *ascii = NULL, *unicode = NULL, *again = NULL;
	Outcome outcome = NO_NAME;

	if (idn2_to_ascii_8z(key, &ascii, flags) == IDN2_OK &&
	    strspn(ascii, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == strlen(ascii) &&
	    idn2_to_unicode_8z8z(ascii, &unicode, 0) == IDN2_OK &&
	    idn2_to_ascii_8z(unicode, &again, IDN2_NONTRANSITIONAL) == IDN2_OK &&
	    strcmp(ascii, again) == 0) {
		g_autofree char *row = g_utf8_casefold(unicode, -1);
		outcome = strcmp(folded, row) == 0 || strcmp(folded, ascii) == 0 ? FOUND : MISSED;
	}
	idn2_free(ascii);
	idn2_free(unicode);
	idn2_free(again);
	return outcome;
}

/* Alone, too: letters that are written from right to left don't stand beside an "a". */
static const char *const around[] = { "", "a" };

static void
set_key(GString *key, const char *beside, const gunichar *characters, size_t n)
{
	g_string_assign(key, beside);
	for (size_t i = 0; i < n; i++)
		g_string_append_unichar(key, characters[i]);
	g_string_append_printf(key, "%s.test", beside);
}

static gboolean
is_mark(gunichar c)
{
	return (c >= 0x0300 && c <= 0x036F) || c == 0x3099 || c == 0x309A;
}

/* Hangul syllables and the CJK ideographs are many, and none of them maps. */
static gboolean
is_looked_at(gunichar c)
{
	return g_unichar_validate(c) && !(c >= 0x3400 && c <= 0x9FFF) &&
	       !(c >= 0xAC00 && c <= 0xF8FF) && !(c >= 0x17000 && c <= 0x18CFF) &&
	       !(c >= 0x20000 && c <= 0x2F7FF);
}

/* Cherokee: GLib folds its letters the other way round than Postfix's ICU. */
static gboolean
is_folded_otherwise(gunichar c)
{
	return (c >= 0x13A0 && c <= 0x13FF) || (c >= 0xAB70 && c <= 0xABBF);
}

static void
assert_looked_up(const regex_t *table, gunichar c, const char *key, unsigned *counts)
{
	Outcome outcome = look_up(key, IDN2_NONTRANSITIONAL);

	counts[outcome]++;
	if (outcome != NO_NAME && matches(table, key) != (outcome == MISSED))
		g_error("U+%04X in %s: the row is %s, and the table does not do likewise", c, key,
			outcome == MISSED ? "missed" : "found");
}

static void
test_every_character(void)
{
	g_autoptr(GString) key = g_string_new(NULL);
	unsigned counts[] = { [NO_NAME] = 0, [FOUND] = 0, [MISSED] = 0 };
	regex_t table;

	compile_table("\"domains\":[" ENCRYPT("a.test") "]", &table);
	for (gunichar c = 0x80; c < 0xE1000; c = c == 0x2FFFF ? 0xE0000 : c + 1) {
		if (!is_looked_at(c) || is_mark(c) || is_folded_otherwise(c))
			continue;
		for (size_t i = 0; i < G_N_ELEMENTS(around); i++) {
			set_key(key, around[i], &c, 1);
			assert_looked_up(&table, c, key->str, counts);
		}
	}
	/* So that it has looked at something. */
	g_assert_cmpuint(counts[MISSED], >, 7000);
	g_assert_cmpuint(counts[FOUND], >, 30000);
	regfree(&table);
}

/* A decomposed letter whose row is missed is in the table, and composed it is not. */
static gboolean
assert_decomposed(const regex_t *table, gunichar c, const gunichar *parts, size_t n,
		  const char *beside)
{
	g_autoptr(GString) key = g_string_new(NULL);
	set_key(key, beside, parts, n);
	if (n < 2 || look_up(key->str, IDN2_NONTRANSITIONAL) != MISSED)
		return FALSE;
	if (!matches(table, key->str))
		g_error("U+%04X decomposed: the row is missed, and the table does not know it", c);
	set_key(key, beside, &c, 1);
	if (look_up(key->str, IDN2_NONTRANSITIONAL) == FOUND && matches(table, key->str))
		g_error("U+%04X composed: the table takes it for another spelling", c);
	return TRUE;
}

static void
test_every_decomposition(void)
{
	unsigned missed = 0;
	regex_t table;

	compile_table("\"domains\":[" ENCRYPT("bücher.test") "]", &table);
	for (gunichar c = 0x80; c < 0x20000; c++) {
		gunichar all[8], two[2] = { 0 };
		if (!g_unichar_validate(c))
			continue;
		size_t n_all = g_unichar_fully_decompose(c, FALSE, all, G_N_ELEMENTS(all));
		size_t n_two = g_unichar_decompose(c, &two[0], &two[1]) && two[1] != 0 ? 2 : 0;
		for (size_t i = 0; i < G_N_ELEMENTS(around); i++) {
			missed += assert_decomposed(&table, c, all, n_all, around[i]);
			missed += assert_decomposed(&table, c, two, n_two, around[i]);
		}
	}
	/* All Hangul syllables are among them, each four times. */
	g_assert_cmpuint(missed, >, 4 * 11172);
	regfree(&table);
}

/* Two marks in the order that NFC changes, of the scripts up to Burmese. */
static void
test_every_order_of_marks(void)
{
	g_autoptr(GString) key = g_string_new(NULL);
	unsigned missed = 0;
	regex_t table;

	compile_table("\"domains\":[" ENCRYPT("bücher.test") "]", &table);
	for (gunichar first = 0x0370; first < 0x1100; first++)
		for (gunichar second = first & ~0x7Fu; second <= (first | 0x7F); second++) {
			const gunichar marks[] = { first, second };
			if (g_unichar_combining_class(second) == 0 ||
			    g_unichar_combining_class(first) <= g_unichar_combining_class(second))
				continue;
			set_key(key, "a", marks, 2);
			if (look_up(key->str, IDN2_NONTRANSITIONAL) != MISSED)
				continue;
			missed++;
			if (!matches(&table, key->str))
				g_error("U+%04X U+%04X: the row is missed, and the table does not "
					"know it",
					first, second);
		}
	g_assert_cmpuint(missed, >, 1000);
	regfree(&table);
}

typedef struct {
	const char *name;
	const char *key;
	gboolean wanted;
	gboolean wanted_if_international;
} KeyRow;

static const KeyRow key_rows[] = {
	{ "ascii", "a.test", FALSE, FALSE },
	{ "parent", ".test", FALSE, FALSE },
	{ "next-hop", "[mx.a.test]:587", FALSE, FALSE },
	{ "idn", "bücher.test", FALSE, FALSE },
	{ "idn-in-capitals", "BÜCHER.TEST", FALSE, FALSE },
	{ "persian-with-a-non-joiner", "نامه\u200Cای.test", FALSE, FALSE },
	{ "singhalese-with-a-joiner", "ශ්\u200Dරී.test", FALSE, FALSE },
	{ "joiner-in-an-ascii-label", "a\u200D.test", TRUE, TRUE },
	{ "joiner-at-a-label's-beginning", "a.\u200Dtest", TRUE, TRUE },
	{ "joiner-at-the-beginning", "\u200Da.test", TRUE, TRUE },
	{ "joiner-behind-an-umlaut", "ü\u200Cber.test", TRUE, TRUE },
	{ "full-stop", "a\u3002test", TRUE, TRUE },
	{ "idn-decomposed", "bu\u0308cher.test", FALSE, TRUE },
	{ "thai-in-order", "ผู้.test", FALSE, FALSE },
	{ "thai-out-of-order", "ผ\u0E49\u0E39.test", FALSE, TRUE },
	{ "virama-before-nukta", "क\u094D\u093C.test", FALSE, TRUE },
	{ "tibetan-in-order", "ཀ\u0F71\u0F72.test", FALSE, FALSE },
	{ "arabic-alef-with-madda", "آ.test", FALSE, FALSE },
	{ "virama-behind-nukta", "क\u093C\u094D.test", FALSE, FALSE },
	{ "hangul-jamo", "\u1112\u1161\u11AB.test", TRUE, TRUE },
};

static void
test_key(const void *data)
{
	const KeyRow *row = data;
	regex_t ascii, international;

	compile_table("\"domains\":[" ENCRYPT("a.test") "]", &ascii);
	compile_table("\"domains\":[" ENCRYPT("bücher.test") "]", &international);
	g_assert_cmpint(matches(&ascii, row->key), ==, row->wanted);
	g_assert_cmpint(matches(&international, row->key), ==, row->wanted_if_international);
	regfree(&ascii);
	regfree(&international);
}

/* What enable_idna2003_compatibility = yes makes of a joiner. */
static void
test_joiners_are_removed(void)
{
	g_assert_cmpint(look_up("a\u200Da.test", IDN2_TRANSITIONAL), ==, MISSED);
	g_assert_cmpint(look_up("a\u200Da.test", IDN2_NONTRANSITIONAL), ==, NO_NAME);
}

typedef struct {
	const char *name;
	const char *send;
	const char *wanted; /* NULL: no table */
} PolicyRow;

#define DOMAINS(level, rows) "\"security_level\":\"" level "\",\"domains\":[" rows "]"
#define CA ",\"trusted_ca_file\":\"/ca.pem\""
#define AT(level) ROW("a.test", "\"security_level\":\"" level "\"")

static const PolicyRow policy_rows[] = {
	{ "no-rows", "\"security_level\":\"may\"", NULL },
	{ "none-below-may", DOMAINS("may", AT("none")), NULL },
	{ "may-at-may", DOMAINS("may", AT("may")), NULL },
	{ "may-above-none", DOMAINS("none", AT("may")), "may" },
	{ "encrypt-above-may", DOMAINS("may", AT("encrypt")), "encrypt" },
	{ "encrypt-at-encrypt", DOMAINS("encrypt", AT("encrypt")), NULL },
	{ "encrypt-below-secure", DOMAINS("secure", AT("encrypt")) CA, NULL },
	{ "encrypt-beside-dane", DOMAINS("dane", AT("encrypt")), "dane-only" },
	{ "verify-above-may", DOMAINS("may", AT("verify")) CA, "secure" },
	{ "verify-above-may-encrypt-too", DOMAINS("may", AT("verify") "," ENCRYPT("b.test")) CA,
	  "secure" },
	{ "secure-above-verify", DOMAINS("verify", AT("secure")) CA, "secure" },
	{ "dane-only-above-may", DOMAINS("may", AT("dane-only")), "dane-only" },
	{ "dane-only-beside-secure", DOMAINS("secure", AT("dane-only")) CA, SPELLING_DEFER },
	{ "a-name-to-match",
	  DOMAINS("may", ROW("a.test", "\"security_level\":\"secure\",\"match\":[\"b.test\"]")) CA,
	  SPELLING_DEFER },
	{ "a-name-to-match-at-secure",
	  DOMAINS("secure", ROW("a.test", "\"security_level\":\"secure\",\"match\":[\"b.test\"]"))
		  CA,
	  SPELLING_DEFER },
	{ "a-trust-anchor",
	  DOMAINS("may", ROW("a.test", "\"security_level\":\"secure\","
				       "\"trust_anchor_files\":[\"/b.pem\"]")) CA,
	  SPELLING_DEFER },
	{ "a-floor",
	  DOMAINS("may", ROW("a.test", "\"security_level\":\"encrypt\","
				       "\"min_protocol\":\"TLSv1.3\"")),
	  SPELLING_DEFER },
	{ "a-grade",
	  DOMAINS("may", ROW("a.test", "\"security_level\":\"encrypt\",\"ciphers\":\"high\"")),
	  SPELLING_DEFER },
	{ "an-exclusion",
	  DOMAINS("may", ROW("a.test", "\"security_level\":\"encrypt\",\"exclude\":[\"kRSA\"]")),
	  SPELLING_DEFER },
	{ "a-pin",
	  DOMAINS("may", ROW("a.test", "\"security_level\":\"fingerprint\",\"fingerprints\":["
				       "\"00:11:22:33:44:55:66:77:88:99:00:11:22:33:44:55:66:77:88:"
				       "99\"]")),
	  SPELLING_DEFER },
	{ "a-server-name-demands-nothing",
	  DOMAINS("may", ROW("a.test", "\"security_level\":\"encrypt\","
				       "\"server_name\":\"mx.a.test\"")),
	  "encrypt" },
	{ "fallback-tables",
	  DOMAINS("may", AT("encrypt")) ",\"fallback_policy_maps\":[\"hash:/a\"]", SPELLING_DEFER },
	{ "fallback-tables-alone", DOMAINS("may", "") ",\"fallback_policy_maps\":[\"hash:/a\"]",
	  NULL },
};

static void
test_policy(const void *data)
{
	const PolicyRow *row = data;
	g_autoptr(Settings) settings = load(row->send);
	g_autofree char *table = spelling_dup_table(settings);
	g_autofree char *samples = spelling_dup_samples(settings);

	g_assert_cmpint(spelling_is_needed(settings), ==, row->wanted != NULL);
	g_assert_cmpint(table != NULL, ==, row->wanted != NULL);
	g_assert_cmpint(samples != NULL, ==, row->wanted != NULL);
	if (row->wanted == NULL)
		return;
	g_autofree char *line_end = g_strdup_printf("/\t%s\n", row->wanted);
	g_auto(GStrv) lines = g_strsplit(table, "\n", -1);
	unsigned rules = 0;
	for (size_t i = 0; lines[i] != NULL; i++) {
		g_autofree char *line = g_strconcat(lines[i], "\n", NULL);
		if (lines[i][0] != '/')
			continue;
		rules++;
		g_assert_true(g_str_has_suffix(line, line_end));
	}
	g_assert_cmpuint(rules, >, 100);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ROWS_ADD("key", key_rows, test_key);
	ROWS_ADD("policy", policy_rows, test_policy);
	g_test_add_func("/spelling/every-character", test_every_character);
	g_test_add_func("/spelling/every-decomposition", test_every_decomposition);
	g_test_add_func("/spelling/every-order-of-marks", test_every_order_of_marks);
	g_test_add_func("/spelling/joiners-are-removed-for-idna-2003", test_joiners_are_removed);
	return g_test_run();
}
