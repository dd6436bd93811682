/* SPDX-License-Identifier: Apache-2.0 */
/* certificate: what files of keys and certificates hold, and whether Postfix can use them. */
#pragma once

#include <glib.h>

/* The certificates that a server with these files may show as its own: of each file the first one,
 * and each that follows a key; DER, an array of GBytes that the caller unrefs. What can't be read
 * is left out. */
GPtrArray *certificate_load_leaves(const char *const *files) G_GNUC_WARN_UNUSED_RESULT;

/* When the first and when the last certificate of a file ends, in seconds since the epoch. FALSE
 * where it has none that can be read. */
gboolean certificate_expiry(const char *file, gint64 *first, gint64 *last)
	G_GNUC_WARN_UNUSED_RESULT;

/* Why these files, n of them read as one, are no list for smtpd_tls_chain_files, or NULL when they
 * are: each key before its certificate, each key matching it (postconf(5)
 * smtpd_tls_chain_files, 3.4 and later). The caller frees the reason, which names the file. */
char *certificate_check_chain(const char *const *files, size_t n) G_GNUC_WARN_UNUSED_RESULT;

/* Why file is no file of CA certificates, or NULL when it is one: PEM, with at least one
 * certificate, all of them readable. The caller frees the reason, which names the file. */
char *certificate_check_anchors(const char *file) G_GNUC_WARN_UNUSED_RESULT;

/* What a certificate says of itself, safe to show. */
typedef struct {
	char **names; /* of DNS; where it has none, the common name of its subject */
	char *issuer;
	gint64 expires; /* seconds since the epoch; 0: can't be read */
} CertificateFacts;

void certificate_facts_clear(CertificateFacts *facts);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CertificateFacts, certificate_facts_clear)

/* Read a certificate, DER. FALSE where it is none; then the facts are empty. */
gboolean certificate_read(GBytes *der, CertificateFacts *facts) G_GNUC_WARN_UNUSED_RESULT;
