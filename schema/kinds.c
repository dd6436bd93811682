/* SPDX-License-Identifier: Apache-2.0 */
/* kinds: what a single text of the settings document may be. Pure.
 *
 * Each kind is a check and the words for what is accepted. schema/settings.schema.json says the
 * same as a pattern for each. */
#include "kinds.h"

#include "fingerprint.h"
#include "idn.h"
#include "network.h"
#include "nexthop.h"

#include <string.h>

#define MAX_RULE_NAME 64
#define MAX_USER_NAME 32
#define MAX_CERTIFICATE_NAME 255

/* Postfix splits lists at blanks and commas, expands $name, and groups by braces. */
static const char *
check_word_for_postfix(const char *text)
{
	for (const char *p = text; *p != '\0'; p++)
		if (g_ascii_iscntrl(*p))
			return "holds a control character";
	if (strpbrk(text, " ,${}\"") != NULL)
		return "holds a blank, comma, quote, brace or $, which Postfix can't take here";
	return NULL;
}

static const char *
check_path(char *path, size_t size)
{
	if (path[0] != '/')
		return "is not an absolute path";
	return check_word_for_postfix(path);
}

static const char *
check_name(char *name, size_t size)
{
	if (*name == '\0')
		return "is empty";
	if (strlen(name) > MAX_RULE_NAME)
		return "is longer than 64 characters";
	if (name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-")] != '\0')
		return "has a character other than a-z 0-9 . _ -";
	return NULL;
}

static const char *
check_user(char *name, size_t size)
{
	if (!g_ascii_islower(name[0]) && name[0] != '_')
		return "does not begin with a small letter";
	if (strlen(name) > MAX_USER_NAME)
		return "is longer than 32 characters";
	if (name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-")] != '\0')
		return "has a character other than a-z 0-9 _ -";
	if (strcmp(name, "root") == 0)
		return "is root, as whom spawn(8) refuses to run anything";
	return NULL;
}

static const char *
check_network(char *text, size_t size)
{
	const char *reason;
	Network network;

	return network_parse(text, &network, &reason) ? NULL : reason;
}

static gboolean
is_date_form(const char *text)
{
	static const char form[] = "dddd-dd-dd";

	for (size_t i = 0; i < sizeof form; i++) /* the NUL as well */
		if (form[i] == 'd' ? !g_ascii_isdigit(text[i]) : text[i] != form[i])
			return FALSE;
	return TRUE;
}

/* Of two or four digits. */
static unsigned
date_part(const char *digits)
{
	return (unsigned)g_ascii_strtoull(digits, NULL, 10);
}

static const char *
check_date(char *text, size_t size)
{
	if (!is_date_form(text))
		return "is not of the form YYYY-MM-DD";
	unsigned year = date_part(text), month = date_part(text + 5), day = date_part(text + 8);
	if (year == 0 || !g_date_valid_dmy((GDateDay)day, (GDateMonth)month, (GDateYear)year))
		return "is not a day of the calendar";
	return NULL;
}

/* "example.com" or ".example.com". */
static const char *
check_domain(char *domain, size_t size)
{
	if (strchr(domain, '@') != NULL)
		return "is a mail address; only domains can be named";
	if (strlen(domain) > 1 && g_str_has_suffix(domain, "."))
		return "ends with a dot; write it without";
	return idn_to_ascii(domain, size);
}

/* A domain that is looked up, in the form that mail has. */
static const char *
check_key_domain(char *domain, size_t size)
{
	const char *reason = check_domain(domain, size);

	return reason != NULL ? reason : idn_check_key(domain);
}

static const char *
check_sender_domain(char *domain, size_t size)
{
	return strcmp(domain, "<>") == 0 ? NULL : check_key_domain(domain, size);
}

static const char *
check_host_name(char *name, size_t size)
{
	if (name[0] == '.')
		return "begins with a dot; only one name can be sent";
	return check_domain(name, size);
}

/* Postfix tells policyd nothing longer, and nothing that does not print (src/tls/tls_verify.c,
 * CCERT_BUFSIZ and tls_text_name(), 3.7). */
static const char *
check_certificate_name(char *name, size_t size)
{
	if (*name == '\0')
		return "is empty";
	if (g_utf8_strlen(name, -1) > MAX_CERTIFICATE_NAME)
		return "is longer than 255 characters";
	for (const char *p = name; *p != '\0'; p++)
		if (g_ascii_iscntrl(*p))
			return "holds a control character";
	return NULL;
}

static const char *
check_fingerprint(char *text, size_t size)
{
	return fingerprint_normalise(text);
}

/* An OpenSSL cipher or class of them: "RC4", "kRSA+SHA1" (ciphers(1)). At an underscore behind a
 * name, and at a + with none behind it, OpenSSL 3.0 may refuse the whole list, and Postfix then
 * opens no TLS session at all. */
static const char *
check_cipher(char *text, size_t size)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

	if (!g_ascii_isalnum(text[0]))
		return "does not begin with a letter or digit";
	/* postconf(5) smtp_tls_mandatory_exclude_ciphers, 3.7: OpenSSL's cipher lists stop at 1.2.
	 */
	if (g_str_has_prefix(text, "TLS_"))
		return "is a cipher of TLS 1.3, which Postfix can't exclude";
	for (const char *p = text; *p != '\0'; p++)
		if (strchr(letters, *p) == NULL && strchr("0123456789+-", *p) == NULL)
			return "has a character other than letters, digits, + -";
		else if (*p == '+' && !g_ascii_isalnum(p[1]))
			return "has no name behind a +";
	return NULL;
}

/* "type:name", where the name may hold colons (DATABASE_README, 3.7). */
static const char *
check_policy_map(char *text, size_t size)
{
	size_t type = strspn(text, "abcdefghijklmnopqrstuvwxyz");

	if (type == 0 || text[type] != ':' || text[type + 1] == '\0')
		return "is not of the form type:name";
	return check_word_for_postfix(text);
}

/* "name/type" as postconf -P prints it (master(5), 3.7). */
static const char *
check_service(char *text, size_t size)
{
	static const char *const types[] = { "/inet", "/unix", "/fifo", "/pass", "/unix-dgram" };
	const char *slash = strchr(text, '/');

	if (slash == NULL || slash == text)
		return "is not of the form name/type";
	for (size_t i = 0; i < G_N_ELEMENTS(types); i++)
		if (strcmp(slash, types[i]) == 0)
			return check_word_for_postfix(text);
	return "has a type other than inet, unix, fifo, pass or unix-dgram";
}

#define DOMAIN_WORDS "\"example.com\" (that name alone) or \".example.com\" (all below it)"
#define PATH_WORDS "an absolute path like \"/etc/ssl/private/gateway.pem\""

const CursorTextKind kind_any_text = { N_FINDINGS, NULL, NULL };
const CursorTextKind kind_path = { FINDING_BAD_PATH, check_path, PATH_WORDS };
const CursorTextKind kind_rule_name = {
	FINDING_BAD_NAME, check_name,
	"1 to 64 of a-z 0-9 . _ -, like \"bank-1\" (the name stands in replies)"
};
const CursorTextKind kind_user = { FINDING_BAD_USER, check_user,
				   "the name of an unprivileged user, like \"tlsgate\"" };
const CursorTextKind kind_network = {
	FINDING_BAD_NETWORK, check_network,
	"an address, or a network like \"192.0.2.0/24\" or \"2001:db8::/32\", which has no bit set behind the prefix length"
};
const CursorTextKind kind_date = { FINDING_BAD_DATE, check_date, "a date like \"2027-03-31\"" };
const CursorTextKind kind_domain = { FINDING_BAD_DOMAIN, check_key_domain, DOMAIN_WORDS };
const CursorTextKind kind_sender_domain = {
	FINDING_BAD_DOMAIN, check_sender_domain,
	"\"example.com\" (that name alone), \".example.com\" (all below it) or \"<>\""
};
const CursorTextKind kind_client_name = {
	FINDING_BAD_CLIENT_NAME, check_domain,
	"a host name like \"mx.example.com\", or \".example.com\" (all below it); addresses stand in \"client_networks\""
};
const CursorTextKind kind_certificate_name = {
	FINDING_BAD_CERTIFICATE_NAME, check_certificate_name,
	"the common name of a subject or issuer like \"mx.bank.example\", 1 to 255 characters"
};
const CursorTextKind kind_fingerprint = {
	FINDING_BAD_FINGERPRINT, check_fingerprint,
	"a SHA-256 digest (or SHA-1, SHA-384, SHA-512) like \"AA:BB:…\", as openssl x509 "
	"-fingerprint -sha256 prints it behind the \"=\""
};
const CursorTextKind kind_destination = {
	FINDING_BAD_DESTINATION, nexthop_normalise,
	DOMAIN_WORDS ", or a next-hop as Postfix spells it: \"[host]\", \"[host]:port\", "
		     "\"host:port\", \"[192.0.2.1]\", \"[ipv6:2001:db8::1]\""
};
const CursorTextKind kind_match = {
	FINDING_BAD_MATCH, check_domain,
	"a name that the server's certificate must have: \"mx.example.com\", \".example.com\" (all "
	"below it), or \"nexthop\", \"dot-nexthop\", \"hostname\""
};
const CursorTextKind kind_cipher = { FINDING_BAD_CIPHER, check_cipher,
				     "a cipher or a class of them like \"RC4\" (ciphers(1))" };
const CursorTextKind kind_server_name = { FINDING_BAD_SERVER_NAME, check_host_name,
					  "a host name like \"mx.example.com\"" };
const CursorTextKind kind_policy_map = {
	FINDING_BAD_POLICY_MAP, check_policy_map,
	"a table as Postfix names it, like \"socketmap:inet:127.0.0.1:8461:postfix\""
};
const CursorTextKind kind_service = {
	FINDING_BAD_SERVICE, check_service,
	"a service of master.cf as postconf -P names it, like \"submission/inet\""
};
