/* SPDX-License-Identifier: Apache-2.0 */
/* spelling: a table for the spellings of a domain that smtp(8) does not find under its name. Pure.
 *
 * With SMTPUTF8 a recipient's domain may be spelled in many ways. smtp(8) looks it up in
 * smtp_tls_policy_maps as it is spelled, folded as Unicode folds case (src/util/casefold.c, 3.7),
 * and asks DNS for what the mapping of UTS #46 makes of it (src/util/midna_domain.c, 3.7): letters
 * in other shapes become plain ones, some characters vanish, others are dots, decomposed letters
 * are composed. A spelling that is changed by more than the case reaches the domain past its row.
 *
 * So what no normal form holds is matched by regular expressions, in a table behind the rows, which
 * gives a policy as strict as any row. Nothing here matches a name that a registry could have
 * registered (IDNA2008, RFC 5892), but for combining marks and only where a row is international.
 * The expressions match bytes: Postfix leaves the locale at "C". */
#include "spelling.h"

#include "hostname.h"

#include <string.h>

typedef struct {
	gunichar first, last;
} Range;

/* One of before, and right behind it one of range. */
typedef struct {
	Range before, range;
} Sequence;

/* Characters that mapping changes or removes (IdnaMappingTable.txt of UTS #46, "mapped" and
 * "ignored", Unicode 15.0; and of later versions what becomes plain letters or is ignored) and that
 * folding of case (CaseFolding.txt) does not change alike. All are DISALLOWED by RFC 5892, so that
 * they stand in no normal form. Ranges are joined across characters that are DISALLOWED, too. */
static const Range mapped[] = {
	{ 0x00AA, 0x00AA },   { 0x00AD, 0x00AD },   { 0x00B2, 0x00B3 },   { 0x00B9, 0x00BA },
	{ 0x0132, 0x0133 },   { 0x013F, 0x0140 },   { 0x01C4, 0x01CC },   { 0x01F1, 0x01F3 },
	{ 0x02B0, 0x02B8 },   { 0x02E0, 0x02E4 },   { 0x0340, 0x0341 },   { 0x0343, 0x0344 },
	{ 0x034F, 0x034F },   { 0x0374, 0x0374 },   { 0x0387, 0x0387 },   { 0x03D2, 0x03D4 },
	{ 0x03F2, 0x03F2 },   { 0x03F9, 0x03F9 },   { 0x061C, 0x061C },   { 0x0675, 0x0678 },
	{ 0x0958, 0x095F },   { 0x09DC, 0x09DF },   { 0x0A33, 0x0A33 },   { 0x0A36, 0x0A36 },
	{ 0x0A59, 0x0A5B },   { 0x0A5E, 0x0A5E },   { 0x0B5C, 0x0B5D },   { 0x0E33, 0x0E33 },
	{ 0x0EB3, 0x0EB3 },   { 0x0EDC, 0x0EDD },   { 0x0F0C, 0x0F0C },   { 0x0F43, 0x0F43 },
	{ 0x0F4D, 0x0F4D },   { 0x0F52, 0x0F52 },   { 0x0F57, 0x0F57 },   { 0x0F5C, 0x0F5C },
	{ 0x0F69, 0x0F69 },   { 0x0F73, 0x0F73 },   { 0x0F75, 0x0F79 },   { 0x0F81, 0x0F81 },
	{ 0x0F93, 0x0F93 },   { 0x0F9D, 0x0F9D },   { 0x0FA2, 0x0FA2 },   { 0x0FA7, 0x0FA7 },
	{ 0x0FAC, 0x0FAC },   { 0x0FB9, 0x0FB9 },   { 0x10FC, 0x10FC },   { 0x1100, 0x11FF },
	{ 0x17B4, 0x17B5 },   { 0x180B, 0x180F },   { 0x1D2C, 0x1D2E },   { 0x1D30, 0x1D3A },
	{ 0x1D3C, 0x1D4D },   { 0x1D4F, 0x1D6A },   { 0x1D78, 0x1D78 },   { 0x1D9B, 0x1DBF },
	{ 0x1F71, 0x1F71 },   { 0x1F73, 0x1F73 },   { 0x1F75, 0x1F75 },   { 0x1F77, 0x1F77 },
	{ 0x1F79, 0x1F79 },   { 0x1F7B, 0x1F7B },   { 0x1F7D, 0x1F7D },   { 0x1FBB, 0x1FBB },
	{ 0x1FC9, 0x1FC9 },   { 0x1FCB, 0x1FCB },   { 0x1FDB, 0x1FDB },   { 0x1FEB, 0x1FEB },
	{ 0x1FF9, 0x1FF9 },   { 0x1FFB, 0x1FFB },   { 0x200B, 0x200B },   { 0x200E, 0x200F },
	{ 0x2024, 0x2026 },   { 0x202A, 0x202E },   { 0x2060, 0x209C },   { 0x20A8, 0x20A8 },
	{ 0x2102, 0x2102 },   { 0x2107, 0x2107 },   { 0x210A, 0x2113 },   { 0x2115, 0x2116 },
	{ 0x2119, 0x211D },   { 0x2120, 0x2122 },   { 0x2124, 0x2124 },   { 0x2128, 0x2128 },
	{ 0x212C, 0x212D },   { 0x212F, 0x2139 },   { 0x213B, 0x213F },   { 0x2145, 0x2149 },
	{ 0x2160, 0x217F },   { 0x2460, 0x24EA },   { 0x2C7C, 0x2C7D },   { 0x2D6F, 0x2D6F },
	{ 0x2E9F, 0x2E9F },   { 0x2EF3, 0x2FD5 },   { 0x3002, 0x3002 },   { 0x3038, 0x303A },
	{ 0x309F, 0x309F },   { 0x30FF, 0x30FF },   { 0x3131, 0x318E },   { 0x3192, 0x319F },
	{ 0x3244, 0x3247 },   { 0x3250, 0x327E },   { 0x3280, 0x33FF },   { 0xA69C, 0xA69D },
	{ 0xA770, 0xA770 },   { 0xA7F1, 0xA7F4 },   { 0xA7F8, 0xA7F9 },   { 0xAB5C, 0xAB5F },
	{ 0xAB69, 0xAB69 },   { 0xF900, 0xFA0D },   { 0xFA10, 0xFA10 },   { 0xFA12, 0xFA12 },
	{ 0xFA15, 0xFA1E },   { 0xFA20, 0xFA20 },   { 0xFA22, 0xFA22 },   { 0xFA25, 0xFA26 },
	{ 0xFA2A, 0xFAD9 },   { 0xFB1D, 0xFB1D },   { 0xFB1F, 0xFBB1 },   { 0xFBD3, 0xFD3D },
	{ 0xFD50, 0xFDC7 },   { 0xFDF0, 0xFDFC },   { 0xFE00, 0xFE0F },   { 0xFE33, 0xFE34 },
	{ 0xFE4D, 0xFE63 },   { 0xFE80, 0xFFF8 },   { 0x10781, 0x107BA }, { 0x1BCA0, 0x1BCA3 },
	{ 0x1CCD6, 0x1CCF9 }, { 0x1D173, 0x1D17A }, { 0x1D400, 0x1D7FF }, { 0x1E030, 0x1E06D },
	{ 0x1EE00, 0x1EEBB }, { 0x1F12A, 0x1F14F }, { 0x1F16A, 0x1F16C }, { 0x1F190, 0x1F190 },
	{ 0x1F200, 0x1F251 }, { 0x1FBF0, 0x1FBF9 }, { 0x2F800, 0x2FA1F }, { 0xE0000, 0xE0FFF },
};

/* ZERO WIDTH NON-JOINER and JOINER are removed only where enable_idna2003_compatibility is set,
 * and else belong to the name. No name has them behind a letter of these scripts or at its
 * beginning (RFC 5892, appendix A.1 and A.2). The scripts that do have them are left alone. */
static const Sequence joiners[] = {
	{ { 0x0021, 0x05FF }, { 0x200C, 0x200D } },
	{ { 0x3000, 0x9FFF }, { 0x200C, 0x200D } },
};
#define LEADING_JOINER "^\xE2\x80[\x8C-\x8D]"

/* What follows matters only to a row that is international: it never becomes ASCII.
 *
 * Marks that mostly stand in a decomposed letter. A few registered names hold one in normal form:
 * they are taken for other spellings, too. */
static const Range marks[] = {
	{ 0x0300, 0x036F },
	{ 0x3099, 0x309A },
};

/* Other pairs that NFC composes (UnicodeData.txt, Unicode 15.0), and pairs of marks that it puts
 * into the other order (by their Canonical_Combining_Class), of one script up to Burmese: no others
 * are known from domain names. */
static const Sequence decomposed[] = {
	/* Arabic */
	{ { 0x0627, 0x0627 }, { 0x0653, 0x0655 } },
	{ { 0x0648, 0x0648 }, { 0x0654, 0x0654 } },
	{ { 0x064A, 0x064A }, { 0x0654, 0x0654 } },
	{ { 0x06C1, 0x06C1 }, { 0x0654, 0x0654 } },
	{ { 0x06D2, 0x06D2 }, { 0x0654, 0x0654 } },
	{ { 0x06D5, 0x06D5 }, { 0x0654, 0x0654 } },
	/* Points of Hebrew, Arabic, Syriac, N'Ko and Mandaic, which registries do not admit: any
	 * order is taken for another one. */
	{ { 0x0591, 0x05C7 }, { 0x0591, 0x05C7 } },
	{ { 0x0610, 0x061A }, { 0x0610, 0x061A } },
	{ { 0x0610, 0x061A }, { 0x064B, 0x065F } },
	{ { 0x0610, 0x061A }, { 0x0670, 0x0670 } },
	{ { 0x064B, 0x065F }, { 0x0610, 0x061A } },
	{ { 0x064B, 0x065F }, { 0x064B, 0x065F } },
	{ { 0x064B, 0x065F }, { 0x0670, 0x0670 } },
	{ { 0x0670, 0x0670 }, { 0x0610, 0x061A } },
	{ { 0x0670, 0x0670 }, { 0x064B, 0x065F } },
	{ { 0x06D6, 0x06ED }, { 0x06E3, 0x06ED } },
	{ { 0x0730, 0x074A }, { 0x0711, 0x0711 } },
	{ { 0x0730, 0x074A }, { 0x0730, 0x074A } },
	{ { 0x07EB, 0x07F3 }, { 0x07F2, 0x07F2 } },
	{ { 0x07EB, 0x07F3 }, { 0x07FD, 0x07FD } },
	{ { 0x0816, 0x082D }, { 0x0859, 0x085B } },
	{ { 0x08D3, 0x08FF }, { 0x08D3, 0x08FF } },
	/* Indian scripts */
	{ { 0x0928, 0x0928 }, { 0x093C, 0x093C } },
	{ { 0x0930, 0x0930 }, { 0x093C, 0x093C } },
	{ { 0x0933, 0x0933 }, { 0x093C, 0x093C } },
	{ { 0x094D, 0x094D }, { 0x093C, 0x093C } },
	{ { 0x0951, 0x0954 }, { 0x093C, 0x093C } },
	{ { 0x0951, 0x0954 }, { 0x094D, 0x094D } },
	{ { 0x0951, 0x0954 }, { 0x0952, 0x0952 } },
	{ { 0x09C7, 0x09C7 }, { 0x09BE, 0x09BE } },
	{ { 0x09C7, 0x09C7 }, { 0x09D7, 0x09D7 } },
	{ { 0x09CD, 0x09CD }, { 0x09BC, 0x09BC } },
	{ { 0x09FE, 0x09FE }, { 0x09BC, 0x09BC } },
	{ { 0x09FE, 0x09FE }, { 0x09CD, 0x09CD } },
	{ { 0x0A4D, 0x0A4D }, { 0x0A3C, 0x0A3C } },
	{ { 0x0ACD, 0x0ACD }, { 0x0ABC, 0x0ABC } },
	{ { 0x0B47, 0x0B47 }, { 0x0B3E, 0x0B3E } },
	{ { 0x0B47, 0x0B47 }, { 0x0B56, 0x0B57 } },
	{ { 0x0B4D, 0x0B4D }, { 0x0B3C, 0x0B3C } },
	{ { 0x0B92, 0x0B92 }, { 0x0BD7, 0x0BD7 } },
	{ { 0x0BC6, 0x0BC7 }, { 0x0BBE, 0x0BBE } },
	{ { 0x0BC6, 0x0BC6 }, { 0x0BD7, 0x0BD7 } },
	{ { 0x0C46, 0x0C46 }, { 0x0C56, 0x0C56 } },
	{ { 0x0C55, 0x0C56 }, { 0x0C4D, 0x0C4D } },
	{ { 0x0C56, 0x0C56 }, { 0x0C55, 0x0C55 } },
	{ { 0x0CBF, 0x0CBF }, { 0x0CD5, 0x0CD5 } },
	{ { 0x0CC6, 0x0CC6 }, { 0x0CC2, 0x0CC2 } },
	{ { 0x0CC6, 0x0CC6 }, { 0x0CD5, 0x0CD6 } },
	{ { 0x0CCA, 0x0CCA }, { 0x0CD5, 0x0CD5 } },
	{ { 0x0CCD, 0x0CCD }, { 0x0CBC, 0x0CBC } },
	{ { 0x0D46, 0x0D47 }, { 0x0D3E, 0x0D3E } },
	{ { 0x0D46, 0x0D46 }, { 0x0D57, 0x0D57 } },
	{ { 0x0DD9, 0x0DD9 }, { 0x0DCA, 0x0DCA } },
	{ { 0x0DD9, 0x0DD9 }, { 0x0DCF, 0x0DCF } },
	{ { 0x0DD9, 0x0DD9 }, { 0x0DDF, 0x0DDF } },
	{ { 0x0DDC, 0x0DDC }, { 0x0DCA, 0x0DCA } },
	{ { 0x11099, 0x11099 }, { 0x110BA, 0x110BA } },
	{ { 0x1109B, 0x1109B }, { 0x110BA, 0x110BA } },
	{ { 0x110A5, 0x110A5 }, { 0x110BA, 0x110BA } },
	{ { 0x11131, 0x11132 }, { 0x11127, 0x11127 } },
	{ { 0x11347, 0x11347 }, { 0x1133E, 0x1133E } },
	{ { 0x11347, 0x11347 }, { 0x11357, 0x11357 } },
	{ { 0x114B9, 0x114B9 }, { 0x114B0, 0x114B0 } },
	{ { 0x114B9, 0x114B9 }, { 0x114BA, 0x114BA } },
	{ { 0x114B9, 0x114B9 }, { 0x114BD, 0x114BD } },
	{ { 0x115B8, 0x115B9 }, { 0x115AF, 0x115AF } },
	{ { 0x11935, 0x11935 }, { 0x11930, 0x11930 } },
	/* Thai, Lao, Tibetan, Burmese, Balinese */
	{ { 0x0E38, 0x0E39 }, { 0x0E3A, 0x0E3A } },
	{ { 0x0E48, 0x0E4B }, { 0x0E38, 0x0E3A } },
	{ { 0x0EB8, 0x0EB9 }, { 0x0EBA, 0x0EBA } },
	{ { 0x0EC8, 0x0ECB }, { 0x0EB8, 0x0EBA } },
	{ { 0x0F18, 0x0F19 }, { 0x0F39, 0x0F39 } },
	{ { 0x0F18, 0x0F19 }, { 0x0F71, 0x0F7D } },
	{ { 0x0F35, 0x0F39 }, { 0x0F39, 0x0F39 } },
	{ { 0x0F35, 0x0F39 }, { 0x0F71, 0x0F7D } },
	{ { 0x0F72, 0x0F7D }, { 0x0F71, 0x0F71 } },
	{ { 0x0F74, 0x0F74 }, { 0x0F72, 0x0F7D } },
	{ { 0x0F80, 0x0F80 }, { 0x0F84, 0x0F84 } },
	{ { 0x0F82, 0x0F87 }, { 0x0F80, 0x0F84 } },
	{ { 0x0F82, 0x0F87 }, { 0x0FC6, 0x0FC6 } },
	{ { 0x0FC6, 0x0FC6 }, { 0x0F80, 0x0F84 } },
	{ { 0x1025, 0x1025 }, { 0x102E, 0x102E } },
	{ { 0x1039, 0x103A }, { 0x1037, 0x1037 } },
	{ { 0x1B05, 0x1B05 }, { 0x1B35, 0x1B35 } },
	{ { 0x1B07, 0x1B07 }, { 0x1B35, 0x1B35 } },
	{ { 0x1B09, 0x1B09 }, { 0x1B35, 0x1B35 } },
	{ { 0x1B0B, 0x1B0B }, { 0x1B35, 0x1B35 } },
	{ { 0x1B0D, 0x1B0D }, { 0x1B35, 0x1B35 } },
	{ { 0x1B11, 0x1B11 }, { 0x1B35, 0x1B35 } },
	{ { 0x1B3A, 0x1B3A }, { 0x1B35, 0x1B35 } },
	{ { 0x1B3C, 0x1B3C }, { 0x1B35, 0x1B35 } },
	{ { 0x1B3E, 0x1B3F }, { 0x1B35, 0x1B35 } },
	{ { 0x1B42, 0x1B42 }, { 0x1B35, 0x1B35 } },
};

/* What the rows demand that the level for all mail does not give. */
typedef struct {
	unsigned levels;           /* a bit for each SecurityLevel */
	gboolean is_beyond_levels; /* a pin, a name, a floor, …: no level alone is as strict */
	gboolean is_international; /* a row has an "xn--" label */
} Demands;

static Demands
find_demands(const Settings *settings)
{
	SecurityLevel of_all = settings->send.security_level.code;
	Demands demands = { 0 };

	for (size_t i = 0; i < settings_n_destinations(settings); i++) {
		const SettingsDestination *row = settings_destination(settings, i);
		SecurityLevel level = row->security_level.code;
		gboolean is_beyond =
			settings_level_is_mandatory(level) && settings_row_restricts(row);
		if (!is_beyond && names_is_at_least(of_all, level))
			continue;
		demands.levels |= 1u << level;
		demands.is_beyond_levels = demands.is_beyond_levels || is_beyond;
		demands.is_international = demands.is_international ||
					   hostname_is_international(row->destination.text);
	}
	return demands;
}

static gboolean
is_as_strict(SecurityLevel level, unsigned levels)
{
	for (unsigned floor = 0; floor < N_SECURITY_LEVELS; floor++)
		if ((levels >> floor & 1) != 0 && !names_is_at_least(level, floor))
			return FALSE;
	return TRUE;
}

/* What the fallback tables say of such a spelling is not known: it may be more than any level. */
static const char *
choose_policy(const Settings *settings, const Demands *demands)
{
	static const SecurityLevel candidates[] = { SECURITY_MAY, SECURITY_ENCRYPT, SECURITY_SECURE,
						    SECURITY_DANE_ONLY };
	unsigned levels = demands->levels | 1u << settings->send.security_level.code;

	if (demands->is_beyond_levels || settings_n_texts(settings->send.fallback_policy_maps) > 0)
		return SPELLING_DEFER;
	for (size_t i = 0; i < G_N_ELEMENTS(candidates); i++)
		if (is_as_strict(candidates[i], levels))
			return names_word(&names_security_level, candidates[i]);
	return SPELLING_DEFER;
}

gboolean
spelling_is_needed(const Settings *settings)
{
	return find_demands(settings).levels != 0;
}

/* The table. */

typedef struct {
	GString *text;
	const char *policy;
} Writer;

static void
append_byte_range(GString *text, unsigned char first, unsigned char last)
{
	if (first == last)
		g_string_append_c(text, (char)first);
	else
		g_string_append_printf(text, "[%c-%c]", first, last);
}

/* The bytes of all characters from first to last, as alternatives. Cut in two until each byte has a
 * range of its own. */
static void
append_alternatives(GString *text, gunichar first, gunichar last)
{
	static const gunichar lengths[] = { 0x7F, 0x7FF, 0xFFFF };
	char low[6], high[6];

	for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++)
		if (first <= lengths[i] && last > lengths[i]) {
			append_alternatives(text, first, lengths[i]);
			append_alternatives(text, lengths[i] + 1, last);
			return;
		}
	int length = g_unichar_to_utf8(first, low);
	for (int i = 1; i < length; i++) {
		gunichar mask = (1u << (6 * i)) - 1;
		if ((first & ~mask) == (last & ~mask))
			continue;
		/* Where the part before the cut is not whole, it stands alone. */
		gunichar cut = (first & mask) != 0     ? (first | mask) + 1
			       : (last & mask) != mask ? last & ~mask
						       : 0;
		if (cut == 0)
			continue;
		append_alternatives(text, first, cut - 1);
		append_alternatives(text, cut, last);
		return;
	}
	g_unichar_to_utf8(last, high);
	if (text->len > 0 && text->str[text->len - 1] != '(')
		g_string_append_c(text, '|');
	for (int i = 0; i < length; i++)
		append_byte_range(text, (unsigned char)low[i], (unsigned char)high[i]);
}

static void
append_group(GString *text, const Range *range)
{
	g_string_append_c(text, '(');
	append_alternatives(text, range->first, range->last);
	g_string_append_c(text, ')');
}

static void
write_line(const Writer *writer, const char *expression)
{
	g_string_append_printf(writer->text, "/%s/\t%s\n", expression, writer->policy);
}

static void
write_range(const Range *range, void *data)
{
	g_autoptr(GString) expression = g_string_new(NULL);

	append_group(expression, range);
	write_line(data, expression->str);
}

static void
write_sequence(const Sequence *sequence, void *data)
{
	g_autoptr(GString) expression = g_string_new(NULL);

	append_group(expression, &sequence->before);
	append_group(expression, &sequence->range);
	write_line(data, expression->str);
}

typedef struct {
	void (*range)(const Range *range, void *data);
	void (*sequence)(const Sequence *sequence, void *data);
} Visitor;

static void
visit_all(gboolean is_international, const Visitor *visitor, void *data)
{
	for (size_t i = 0; i < G_N_ELEMENTS(mapped); i++)
		visitor->range(&mapped[i], data);
	for (size_t i = 0; i < G_N_ELEMENTS(joiners); i++)
		visitor->sequence(&joiners[i], data);
	if (!is_international)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(marks); i++)
		visitor->range(&marks[i], data);
	for (size_t i = 0; i < G_N_ELEMENTS(decomposed); i++)
		visitor->sequence(&decomposed[i], data);
}

/* Most keys are ASCII, and pass by one expression. */
char *
spelling_dup_table(const Settings *settings)
{
	static const Visitor visitor = { write_range, write_sequence };
	const Demands demands = find_demands(settings);

	if (demands.levels == 0)
		return NULL;
	Writer writer = { g_string_new("# Other spellings of domains that have a row in "
				       "tls_policy; see tls-settings.json(5).\n"
				       "if /[^!-~]/\n"),
			  choose_policy(settings, &demands) };
	write_line(&writer, LEADING_JOINER);
	visit_all(demands.is_international, &visitor, &writer);
	g_string_append(writer.text, "endif\n");
	return g_string_free(writer.text, FALSE);
}

/* Keys that the table must know. */

static void
write_sample(const Writer *writer, gunichar before, gunichar character)
{
	g_string_append_unichar(writer->text, before);
	g_string_append_unichar(writer->text, character);
	g_string_append_printf(writer->text, "a.test\t%s\n", writer->policy);
}

static void
sample_range(const Range *range, void *data)
{
	write_sample(data, 'a', range->first);
	write_sample(data, 'a', range->last);
}

static void
sample_sequence(const Sequence *sequence, void *data)
{
	write_sample(data, sequence->before.first, sequence->range.first);
	write_sample(data, sequence->before.last, sequence->range.last);
}

char *
spelling_dup_samples(const Settings *settings)
{
	static const Visitor visitor = { sample_range, sample_sequence };
	const Demands demands = find_demands(settings);

	if (demands.levels == 0)
		return NULL;
	Writer writer = { g_string_new(NULL), choose_policy(settings, &demands) };
	g_string_append_printf(writer.text,
			       "\xE2\x80\x8D"
			       "a.test\t%s\n",
			       writer.policy);
	visit_all(demands.is_international, &visitor, &writer);
	return g_string_free(writer.text, FALSE);
}
