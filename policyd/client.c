/* SPDX-License-Identifier: Apache-2.0 */
/* client: what a client has shown of itself, as far as rules ask for it.
 *
 * Sources: src/smtpd/smtpd_check.c, check_policy_service, 3.7. encryption_protocol is empty without
 * TLS (encryption_keysize is 0 for a NULL cipher, too). ccert_subject and ccert_issuer are sent for
 * a trusted certificate only, and either may be empty: a certificate with names in subjectAltName
 * alone has no subject CN. The fingerprints are sent for untrusted certificates and bare keys, too.
 * client_name is "unknown" unless the name of the address leads back to the address. */
#include "client.h"

#include "names.h"

static gboolean
has_value(const Request *request, RequestAttribute attribute)
{
	return request->value[attribute][0] != '\0';
}

/* Nothing but digits, at most MAX_DIGITS. */
#define MAX_DIGITS 6

static unsigned
read_bits(const char *text)
{
	unsigned bits = 0;
	size_t n = 0;

	for (; text[n] != '\0'; n++) {
		if (n == MAX_DIGITS || !g_ascii_isdigit(text[n]))
			return 0;
		bits = bits * 10 + (unsigned)(text[n] - '0');
	}
	return bits;
}

void
client_read(const Request *request, Client *client)
{
	const char *const *value = request->value;

	client->request = request;
	client->has_tls = has_value(request, REQUEST_ENCRYPTION_PROTOCOL);
	client->has_certificate = has_value(request, REQUEST_CCERT_FINGERPRINT) ||
				  has_value(request, REQUEST_CCERT_PUBKEY_FINGERPRINT);
	client->is_trusted = has_value(request, REQUEST_CCERT_SUBJECT) ||
			     has_value(request, REQUEST_CCERT_ISSUER);
	client->has_address =
		network_parse_address(value[REQUEST_CLIENT_ADDRESS], &client->address);
	client->fingerprint = value[REQUEST_CCERT_FINGERPRINT];
	client->key_fingerprint = value[REQUEST_CCERT_PUBKEY_FINGERPRINT];
	client->texts_read = 0;
}

/* ---- what is read when it is asked for ---- */

/* Read an attribute into text by a function of its kind, which leaves text empty where it fails. */
static const char *
get_text(Client *client, RequestAttribute attribute, char *text,
	 gboolean (*parse)(const char *value, char *text))
{
	if ((client->texts_read & 1u << attribute) == 0) {
		parse(client->request->value[attribute], text);
		client->texts_read |= 1u << attribute;
	}
	return text;
}

const char *
client_name(Client *client)
{
	return get_text(client, REQUEST_CLIENT_NAME, client->name, address_read_client_name);
}

const char *
client_unverified_name(Client *client)
{
	return get_text(client, REQUEST_REVERSE_CLIENT_NAME, client->unverified_name,
			address_read_client_name);
}

const char *
client_subject(Client *client)
{
	return get_text(client, REQUEST_CCERT_SUBJECT, client->subject, certname_read);
}

const char *
client_issuer(Client *client)
{
	return get_text(client, REQUEST_CCERT_ISSUER, client->issuer, certname_read);
}

int
client_protocol(const Client *client)
{
	return names_code(&names_tls_protocol, client->request->value[REQUEST_ENCRYPTION_PROTOCOL]);
}

unsigned
client_cipher_bits(const Client *client)
{
	return read_bits(client->request->value[REQUEST_ENCRYPTION_KEYSIZE]);
}
