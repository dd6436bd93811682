/* SPDX-License-Identifier: Apache-2.0 */
/* hostname: what Postfix takes for a domain name. Pure.
 *
 * A name that Postfix itself would refuse can never be the domain of mail, so that a row or rule
 * under it would be dead: better refused than written. */
#include "hostname.h"

#include <string.h>

#define LABEL_MAX 63

static const char *
check_label(const char *label, size_t length)
{
	if (length == 0)
		return "has an empty label (two dots in a row, or a dot at an end)";
	if (length > LABEL_MAX)
		return "has a label of more than 63 characters";
	if (label[0] == '-' || label[length - 1] == '-')
		return "has a label that begins or ends with a hyphen";
	for (size_t i = 0; i < length; i++)
		if (!g_ascii_isalnum(label[i]) && label[i] != '-' && label[i] != '_')
			return "has a character other than a-z 0-9 . - _";
	return NULL;
}

const char *
hostname_check(const char *name)
{
	if (*name == '\0')
		return "is empty";
	if (strlen(name) > HOSTNAME_MAX)
		return "is longer than 255 characters";
	for (const char *label = name;;) {
		size_t length = strcspn(label, ".");
		const char *reason = check_label(label, length);
		if (reason != NULL)
			return reason;
		if (label[length] == '\0')
			break;
		label += length + 1;
	}
	if (strspn(name, "0123456789.") == strlen(name))
		return "is all digits";
	return NULL;
}

gboolean
hostname_is_international(const char *name)
{
	for (const char *p = name; *p != '\0'; p++) {
		if ((unsigned char)*p >= 0x80)
			return TRUE;
		if ((*p == 'x' || *p == 'X') && (p == name || p[-1] == '.') &&
		    g_ascii_strncasecmp(p, "xn--", 4) == 0)
			return TRUE;
	}
	return FALSE;
}

void
hostname_fold(char *name)
{
	for (char *p = name; *p != '\0'; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p += 'a' - 'A';
}
