/* SPDX-License-Identifier: Apache-2.0 */
/* ciphers: what OpenSSL makes of the names of ciphers.
 *
 * OpenSSL passes over a name that it does not know, without a word (ciphers(1), "CIPHER LIST
 * FORMAT", 3.0), and so does Postfix: what was to be excluded is used. */
#include "ciphers.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#define EVERY "ALL:COMPLEMENTOFALL"

/* Classes of ciphers(1), 1.0.2 to 3.5, that are empty where OpenSSL was built without them, or has
 * given them up: nothing can tell them there from a name that never was one. */
static const char *const perhaps_empty[] = {
	"3DES",     "ADH",         "AECDH",       "ARIA",    "ARIA128", "ARIA256",   "ARIAGCM",
	"CAMELLIA", "CAMELLIA128", "CAMELLIA256", "DES",     "DSS",     "EXP",       "EXPORT",
	"EXPORT40", "EXPORT56",    "FIPS",        "GOST12",  "GOST89",  "GOST89MAC", "GOST94",
	"IDEA",     "KRB5",        "LOW",         "MD5",     "MEDIUM",  "NULL",      "PSK",
	"RC2",      "RC4",         "SEED",        "SRP",     "SSLv2",   "SSLv3",     "aDH",
	"aDSS",     "aECDH",       "aGOST",       "aGOST01", "aGOST12", "aKRB5",     "aNULL",
	"aPSK",     "aSRP",        "eNULL",       "kDH",     "kDHEPSK", "kDHd",      "kDHr",
	"kECDH",    "kECDHEPSK",   "kECDHe",      "kECDHr",  "kGOST",   "kGOST18",   "kKRB5",
	"kPSK",     "kRSAPSK",     "kSRP",        NULL,
};

/* How many ciphers a list leaves, those of TLS 1.3 included, which no list says anything of; 0: it
 * leaves none below. */
static int
count(const char *list)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	int n = 0;

	if (context != NULL && SSL_CTX_set_cipher_list(context, list) == 1)
		n = sk_SSL_CIPHER_num(SSL_CTX_get_ciphers(context));
	SSL_CTX_free(context);
	ERR_clear_error();
	return n;
}

/* Asked as Postfix uses it: "DEFAULT", for one, is a word at the head of a list and nothing behind
 * a "!". */
static gboolean
excludes_any(const char *name)
{
	g_autofree char *list = g_strconcat(EVERY ":!", name, NULL);

	return count(list) < count(EVERY);
}

gboolean
ciphers_know(const char *name)
{
	g_auto(GStrv) parts = g_strsplit(name, "+", -1);

	/* One unknown part makes OpenSSL pass over all of it. */
	for (size_t i = 0; parts[i] != NULL; i++)
		if (!g_strv_contains(perhaps_empty, parts[i]) && !excludes_any(parts[i]))
			return FALSE;
	return TRUE;
}

gboolean
ciphers_leave_any(const char *list)
{
	return count(list) > 0;
}
