/* SPDX-License-Identifier: Apache-2.0 */
/* fingerprint: the digest of a certificate or of its public key, as Postfix writes it. Pure.
 *
 * Nothing in the text names the digest: its length does. MD5 is left out, because certificates with
 * a given MD5 digest can be made (RFC 6151). */
#include "fingerprint.h"

#include <string.h>

static const struct {
	size_t n_bytes;
	const char *digest;
} digests[] = {
	{ 20, "sha1" },
	{ 32, "sha256" },
	{ 48, "sha384" },
	{ 64, "sha512" },
};

#define MD5_BYTES 16

static const char *
find_digest(size_t n_bytes)
{
	for (size_t i = 0; i < G_N_ELEMENTS(digests); i++)
		if (digests[i].n_bytes == n_bytes)
			return digests[i].digest;
	return NULL;
}

const char *
fingerprint_normalise(char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++) {
		gboolean is_colon = i % 3 == 2;
		if (is_colon ? text[i] != ':' : !g_ascii_isxdigit(text[i]))
			return "is not pairs of hexadecimal digits with a colon between them";
		text[i] = g_ascii_toupper(text[i]);
	}
	if (length % 3 != 2)
		return "is not pairs of hexadecimal digits with a colon between them";
	size_t n_bytes = (length + 1) / 3;
	if (n_bytes == MD5_BYTES)
		return "is as short as an MD5 digest, which can be forged";
	return find_digest(n_bytes) != NULL ? NULL : "has the length of no digest that is known";
}

const char *
fingerprint_digest(const char *fingerprint)
{
	return find_digest((strlen(fingerprint) + 1) / 3);
}
