/* SPDX-License-Identifier: Apache-2.0 */
/* client: what a client has shown of itself, as far as rules ask for it. Pure. */
#pragma once

#include "address.h"
#include "certname.h"
#include "network.h"
#include "request.h"

#include <glib.h>

/* What every rule may ask for is read at once; the rest when it is first asked for, by the
 * functions below: most requests meet no rule that asks. What could not be read is as if it were
 * not there, and satisfies no demand. */
typedef struct {
	const Request *request;
	gboolean has_tls;
	gboolean has_certificate;
	gboolean is_trusted;
	gboolean has_address;
	Network address;
	const char *fingerprint; /* of the certificate, of its key: borrowed; empty: none */
	const char *key_fingerprint;
	/* For client.c alone. */
	unsigned texts_read; /* a bitmap of RequestAttribute: which of the following */
	char name[ADDRESS_MAX_DOMAIN + 1];
	char unverified_name[ADDRESS_MAX_DOMAIN + 1];
	char subject[CERTNAME_SIZE];
	char issuer[CERTNAME_SIZE];
} Client;

/* Fill client from request, which must live as long. */
void client_read(const Request *request, Client *client);

/* The name that Postfix has verified, and the one that it has not; empty: none. */
const char *client_name(Client *client);
const char *client_unverified_name(Client *client);

/* Of the trusted certificate, folded; empty: none. */
const char *client_subject(Client *client);
const char *client_issuer(Client *client);

/* TlsProtocol; -1: none that is known. */
int client_protocol(const Client *client);

/* 0: none. */
unsigned client_cipher_bits(const Client *client);
