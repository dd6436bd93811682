/* SPDX-License-Identifier: Apache-2.0 */
/* certname: a subject or issuer in the form in which equal names are one text.
 *
 * smtpd(8) sends the common name of a trusted certificate in xtext: a byte outside "!" to "~", and
 * "+", is "+" and two hexadecimal digits; decoded it is UTF-8 (src/global/xtext.c,
 * src/smtpd/smtpd_check.c: check_policy_service, 3.7). Rules are compiled and requests are read by
 * the one folding here. What can't be read is no name, so that no rule is met by it. */
#include "certname.h"

#include <string.h>

static gboolean
is_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text > 127)
			return FALSE;
	return TRUE;
}

/* Case folding may leave a composed name uncomposed, hence NFC on both sides of it (The Unicode
 * Standard, 3.13, D145). */
static char *
dup_folded(const char *text)
{
	g_autofree char *composed = g_utf8_normalize(text, -1, G_NORMALIZE_NFC);
	g_autofree char *folded = g_utf8_casefold(composed, -1);

	return g_utf8_normalize(folded, -1, G_NORMALIZE_NFC);
}

char *
certname_dup_folded(const char *name)
{
	return is_ascii(name) ? g_ascii_strdown(name, -1) : dup_folded(name);
}

/* One byte of xtext, and the next place; -1 where there is none. */
static int
decode(const char **at)
{
	const char *text = *at;

	if (!g_ascii_isgraph(text[0]))
		return -1;
	if (text[0] != '+') {
		*at = text + 1;
		return text[0];
	}
	if (!g_ascii_isxdigit(text[1]) || !g_ascii_isxdigit(text[2]))
		return -1;
	*at = text + 3;
	return g_ascii_xdigit_value(text[1]) << 4 | g_ascii_xdigit_value(text[2]);
}

static gboolean
read_xtext(const char *value, char text[CERTNAME_SIZE])
{
	size_t n = 0;

	while (*value != '\0') {
		const int byte = decode(&value);

		if (byte <= 0 || n == CERTNAME_SIZE - 1)
			return FALSE;
		text[n++] = (char)byte;
	}
	text[n] = '\0';
	return TRUE;
}

static gboolean
fold(char text[CERTNAME_SIZE])
{
	if (is_ascii(text)) {
		for (; *text != '\0'; text++)
			*text = g_ascii_tolower(*text);
		return TRUE;
	}
	if (!g_utf8_validate(text, -1, NULL))
		return FALSE;
	g_autofree char *folded = dup_folded(text);
	return g_strlcpy(text, folded, CERTNAME_SIZE) < CERTNAME_SIZE;
}

gboolean
certname_read(const char *value, char folded[CERTNAME_SIZE])
{
	if (read_xtext(value, folded) && fold(folded))
		return TRUE;
	folded[0] = '\0';
	return FALSE;
}
