/* SPDX-License-Identifier: Apache-2.0 */
/* fingerprint: the digest of a certificate or of its public key, as Postfix writes it. Pure. */
#pragma once

#include <glib.h>

/* Make text the form that Postfix compares with: upper case, a colon between bytes
 * (src/tls/tls_fprint.c, 3.7). NULL, or why it is no fingerprint: static text that completes "it
 * ...". */
const char *fingerprint_normalise(char *text) G_GNUC_WARN_UNUSED_RESULT;

/* The digest that a normalised fingerprint is of, by its length: "sha1", "sha256", "sha384" or
 * "sha512" (postconf(5) smtpd_tls_fingerprint_digest, 3.7). Static. */
const char *fingerprint_digest(const char *fingerprint);
