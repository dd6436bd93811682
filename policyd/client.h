/* SPDX-License-Identifier: Apache-2.0 */
/* client: what a client has shown of itself, as far as rules ask for it. Pure. */
#pragma once

#include "address.h"
#include "certname.h"
#include "network.h"
#include "request.h"

#include <glib.h>

/* What could not be read is as if it were not there, and satisfies no demand. */
typedef struct {
	gboolean has_tls;
	gboolean has_certificate;
	gboolean is_trusted;
	int protocol;         /* TlsProtocol; -1: none that is known */
	unsigned cipher_bits; /* 0: none */
	gboolean has_address;
	Network address;
	char name[ADDRESS_MAX_DOMAIN + 1];            /* verified by Postfix; empty: none */
	char unverified_name[ADDRESS_MAX_DOMAIN + 1]; /* empty: none */
	char subject[CERTNAME_SIZE];                  /* folded; empty: none */
	char issuer[CERTNAME_SIZE];
	const char *fingerprint; /* of the certificate, of its key: borrowed; empty: none */
	const char *key_fingerprint;
} Client;

/* Fill client from request, whose strings must live as long. */
void client_read(const Request *request, Client *client);
