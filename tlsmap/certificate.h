/* SPDX-License-Identifier: Apache-2.0 */
/* certificate: whether Postfix will be able to use files of keys and certificates. */
#pragma once

#include <glib.h>

/* Why these files, n of them read as one, are no list for smtpd_tls_chain_files, or NULL when they
 * are: each key before its certificate, each key matching it (postconf(5)
 * smtpd_tls_chain_files, 3.4 and later). The caller frees the reason, which names the file. */
char *certificate_check_chain(const char *const *files, size_t n) G_GNUC_WARN_UNUSED_RESULT;

/* Why file is no file of CA certificates, or NULL when it is one: PEM, with at least one
 * certificate, all of them readable. The caller frees the reason, which names the file. */
char *certificate_check_anchors(const char *file) G_GNUC_WARN_UNUSED_RESULT;
