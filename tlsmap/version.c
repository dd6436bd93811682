/* SPDX-License-Identifier: Apache-2.0 */
/* version: Postfix's version, compared. Pure. */
#include "version.h"

static gboolean
parse_number(const char **text, int *number)
{
	const char *start = *text;

	*number = 0;
	while (g_ascii_isdigit(**text) && *text - start < 4)
		*number = *number * 10 + g_ascii_digit_value(*(*text)++);
	return *text > start && !g_ascii_isdigit(**text);
}

gboolean
version_parse(const char *text, PostfixVersion *version)
{
	if (!parse_number(&text, &version->major) || *text++ != '.')
		return FALSE;
	if (!parse_number(&text, &version->minor))
		return FALSE;
	return *text == '\0' || *text == '.' || *text == '-';
}

gboolean
version_is_at_least(PostfixVersion version, int major, int minor)
{
	return version.major > major || (version.major == major && version.minor >= minor);
}
