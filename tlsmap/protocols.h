/* SPDX-License-Identifier: Apache-2.0 */
/* protocols: a floor for the TLS protocol, in the words of each Postfix version. Pure. */
#pragma once

#include "names.h"
#include "version.h"

#include <glib.h>

/* "this protocol or newer" for *_tls_mandatory_protocols or the protocols attribute of a policy
 * table; separator stands between the items of a list, of which only Postfix before 3.6 needs more
 * than one. The caller frees it. */
char *protocols_dup_floor(TlsProtocol floor, PostfixVersion version, const char *separator);

#define PROTOCOLS_ANY (-1)

/* The floor of a value of *_tls_mandatory_protocols, a TlsProtocol: all from there on are taken and
 * none before; PROTOCOLS_ANY: SSLv3 too. NULL, not set, is TLSv1 (the default of 3.6). FALSE where
 * value says something else than a floor. */
gboolean protocols_read_floor(const char *value, int *floor) G_GNUC_WARN_UNUSED_RESULT;

/* Whether value takes a protocol older than floor; FALSE where it can't be read. */
gboolean protocols_takes_below(const char *value, TlsProtocol floor);
