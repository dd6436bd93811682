/* SPDX-License-Identifier: Apache-2.0 */
/* certificate: what files of keys and certificates hold, and whether Postfix can use them.
 *
 * A file that Postfix can't load does not stop it: it goes on offering STARTTLS and answers 454,
 * and at "may" every client then sends in clear. So the files are loaded here first, by the rules
 * that src/tls/tls_certkey.c follows (load_pem_object(), use_chain(), 3.7): objects of other types
 * are skipped, an encrypted key can't be used. */
#include "certificate.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

typedef struct {
	EVP_PKEY *key;        /* that waits for its certificate */
	const char *key_file; /* where it stands */
	gboolean has_pair;
	char *reason;
} Chain;

/* One PEM object. The reader goes on until *reason is set. */
typedef void (*TakeObject)(void *data, const char *file, const char *type, const unsigned char *der,
			   long length, char **reason);

static gboolean
is_certificate(const char *type)
{
	return strcmp(type, PEM_STRING_X509) == 0 || strcmp(type, PEM_STRING_X509_OLD) == 0;
}

static BIO *
open_file(const char *file, char **reason)
{
	struct stat status;
	BIO *bio = NULL;

	if (stat(file, &status) == 0) {
		if (!S_ISREG(status.st_mode))
			*reason = g_strdup_printf("%s is not a regular file", file);
		else if ((bio = BIO_new_file(file, "r")) != NULL)
			return bio;
	}
	if (*reason == NULL)
		*reason = g_strdup_printf("%s: %s", file, g_strerror(errno));
	return NULL;
}

/* Give each object of the file to take; a file without any is no error here. */
static void
read_objects(const char *file, TakeObject take, void *data, char **reason)
{
	BIO *bio = open_file(file, reason);
	char *type, *header;
	unsigned char *der;
	long length;

	ERR_clear_error();
	while (*reason == NULL && PEM_read_bio(bio, &type, &header, &der, &length)) {
		take(data, file, type, der, length, reason);
		OPENSSL_free(type);
		OPENSSL_free(header);
		OPENSSL_free(der);
	}
	unsigned long failure = ERR_peek_last_error();
	if (*reason == NULL && failure != 0 && ERR_GET_REASON(failure) != PEM_R_NO_START_LINE)
		*reason =
			g_strdup_printf("%s is damaged: it can't be read as PEM to its end", file);
	ERR_clear_error();
	BIO_free(bio);
}

static X509 *
parse_certificate(const char *file, const unsigned char *der, long length, char **reason)
{
	const unsigned char *end = der;
	X509 *certificate = d2i_X509(NULL, &end, length);

	if (certificate != NULL && end - der == length)
		return certificate;
	X509_free(certificate);
	*reason = g_strdup_printf("%s has a certificate that can't be read", file);
	return NULL;
}

static void
take_certificate(Chain *chain, const char *file, const unsigned char *der, long length,
		 char **reason)
{
	X509 *certificate = parse_certificate(file, der, length, reason);

	if (certificate == NULL)
		return;
	if (chain->key != NULL) {
		if (X509_check_private_key(certificate, chain->key) != 1)
			*reason = g_strdup_printf("the key of %s does not match the certificate "
						  "that follows it in %s",
						  chain->key_file, file);
		g_clear_pointer(&chain->key, EVP_PKEY_free);
		chain->has_pair = TRUE;
	} else if (!chain->has_pair) {
		*reason = g_strdup_printf("%s has a certificate before its key; put the key first",
					  file);
	}
	X509_free(certificate);
}

static void
take_key(Chain *chain, const char *file, const unsigned char *der, long length, char **reason)
{
	const unsigned char *end = der;

	if (chain->key != NULL) {
		*reason = g_strdup_printf("the key of %s has no certificate behind it",
					  chain->key_file);
		return;
	}
	chain->key = d2i_AutoPrivateKey(NULL, &end, length);
	chain->key_file = file;
	if (chain->key == NULL)
		*reason = g_strdup_printf("%s has a key that can't be read; Postfix can't use an "
					  "encrypted one",
					  file);
}

static void
take_chain_object(void *data, const char *file, const char *type, const unsigned char *der,
		  long length, char **reason)
{
	if (is_certificate(type))
		take_certificate(data, file, der, length, reason);
	else if (g_str_has_suffix(type, PEM_STRING_PKCS8INF))
		take_key(data, file, der, length, reason);
}

char *
certificate_check_chain(const char *const *files, size_t n)
{
	Chain chain = { .key = NULL };
	char *reason = NULL;

	for (size_t i = 0; i < n && reason == NULL; i++)
		read_objects(files[i], take_chain_object, &chain, &reason);
	if (reason == NULL && chain.key != NULL)
		reason = g_strdup_printf("the key of %s has no certificate behind it",
					 chain.key_file);
	else if (reason == NULL && !chain.has_pair)
		reason =
			g_strdup_printf("%s has neither key nor certificate in PEM form", files[0]);
	EVP_PKEY_free(chain.key);
	ERR_clear_error();
	return reason;
}

static void
take_anchor(void *data, const char *file, const char *type, const unsigned char *der, long length,
	    char **reason)
{
	size_t *count = data;

	if (!is_certificate(type) && strcmp(type, PEM_STRING_X509_TRUSTED) != 0)
		return;
	(*count)++;
	/* A trusted certificate has more behind it: OpenSSL's own, and not looked at. */
	if (is_certificate(type))
		X509_free(parse_certificate(file, der, length, reason));
}

char *
certificate_check_anchors(const char *file)
{
	char *reason = NULL;
	size_t count = 0;

	read_objects(file, take_anchor, &count, &reason);
	if (reason == NULL && count == 0)
		reason = g_strdup_printf("%s has no certificate in PEM form", file);
	return reason;
}

/* What a server shows. */

typedef struct {
	GPtrArray *leaves;
	gboolean is_due; /* the next certificate is a leaf */
} Leaves;

static void
take_leaf(void *data, G_GNUC_UNUSED const char *file, const char *type, const unsigned char *der,
	  long length, G_GNUC_UNUSED char **reason)
{
	Leaves *leaves = data;

	if (g_str_has_suffix(type, PEM_STRING_PKCS8INF))
		leaves->is_due = TRUE;
	if (!is_certificate(type) || !leaves->is_due)
		return;
	g_ptr_array_add(leaves->leaves, g_bytes_new(der, (gsize)length));
	leaves->is_due = FALSE;
}

GPtrArray *
certificate_load_leaves(const char *const *files)
{
	Leaves leaves = { .leaves = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref) };

	for (; *files != NULL; files++) {
		g_autofree char *reason = NULL;
		leaves.is_due = TRUE;
		read_objects(*files, take_leaf, &leaves, &reason);
	}
	return leaves.leaves;
}

typedef struct {
	gint64 first;
	gint64 last;
	gboolean is_any;
} Expiry;

static void
take_expiry(void *data, const char *file, const char *type, const unsigned char *der, long length,
	    char **reason)
{
	Expiry *expiry = data;
	X509 *certificate =
		is_certificate(type) ? parse_certificate(file, der, length, reason) : NULL;
	struct tm end;

	if (certificate != NULL && ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) == 1) {
		gint64 seconds = timegm(&end);
		expiry->first = expiry->is_any ? MIN(expiry->first, seconds) : seconds;
		expiry->last = expiry->is_any ? MAX(expiry->last, seconds) : seconds;
		expiry->is_any = TRUE;
	}
	X509_free(certificate);
}

gboolean
certificate_expiry(const char *file, gint64 *first, gint64 *last)
{
	Expiry expiry = { .is_any = FALSE };
	g_autofree char *reason = NULL;

	read_objects(file, take_expiry, &expiry, &reason);
	*first = expiry.first;
	*last = expiry.last;
	return expiry.is_any;
}

/* What one says of itself. */

void
certificate_facts_clear(CertificateFacts *facts)
{
	g_clear_pointer(&facts->names, g_strfreev);
	g_clear_pointer(&facts->issuer, g_free);
}

/* Whoever made the certificate chose the bytes: none of them may reach a terminal as it is. */
static char *
dup_shown(const char *bytes, gssize size)
{
	g_autofree char *valid = g_utf8_make_valid(bytes, size);
	GString *shown = g_string_new(NULL);

	for (const char *p = valid; *p != '\0'; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);
		g_string_append_unichar(shown, g_unichar_isprint(c) ? c : 0xFFFD);
	}
	return g_string_free(shown, FALSE);
}

static void
add_alternatives(const X509 *certificate, GPtrArray *names)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);
		if (name->type == GEN_DNS)
			g_ptr_array_add(names, dup_shown((const char *)ASN1_STRING_get0_data(
								 name->d.dNSName),
							 ASN1_STRING_length(name->d.dNSName)));
	}
	GENERAL_NAMES_free(all);
}

/* The first of its kind in a name; NULL: none. */
static char *
dup_entry(const X509_NAME *name, int kind)
{
	int place = X509_NAME_get_index_by_NID((X509_NAME *)name, kind, -1);
	unsigned char *text = NULL;

	if (place < 0)
		return NULL;
	int size = ASN1_STRING_to_UTF8(&text,
				       X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, place)));
	char *shown = size >= 0 ? dup_shown((const char *)text, size) : NULL;
	OPENSSL_free(text);
	return shown;
}

static void
add_common_name(const X509 *certificate, GPtrArray *names)
{
	char *name = dup_entry(X509_get_subject_name(certificate), NID_commonName);

	if (name != NULL)
		g_ptr_array_add(names, name);
}

/* As Postfix names it in its log: the common name, else the organisation (src/tls/tls_verify.c,
 * tls_issuer_CN(), 3.7). */
static char *
dup_issuer(const X509 *certificate)
{
	const X509_NAME *issuer = X509_get_issuer_name(certificate);
	char *name = dup_entry(issuer, NID_commonName);

	if (name == NULL)
		name = dup_entry(issuer, NID_organizationName);
	return name != NULL ? name : g_strdup("");
}

gboolean
certificate_read(GBytes *der, CertificateFacts *facts)
{
	gsize size;
	const unsigned char *data = g_bytes_get_data(der, &size);
	X509 *certificate = d2i_X509(NULL, &data, (long)size);
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	struct tm end;

	*facts = (CertificateFacts){ 0 };
	if (certificate == NULL) {
		ERR_clear_error();
		return FALSE;
	}
	add_alternatives(certificate, names);
	if (names->len == 0)
		add_common_name(certificate, names);
	g_ptr_array_add(names, NULL);
	facts->names = (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
	facts->issuer = dup_issuer(certificate);
	if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) == 1)
		facts->expires = timegm(&end);
	X509_free(certificate);
	return TRUE;
}
