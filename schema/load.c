/* SPDX-License-Identifier: Apache-2.0 */
/* load: reads a settings document into the model; one table for each object of the contract.
 *
 * The tables are the contract: a key that is not in its table is refused, one that this version
 * can't serve yet is there with cursor_unsupported. What a single value may be is checked here,
 * what values mean together in checks.c. */
#include "hostname.h"
#include "network.h"
#include "settings.h"

#include <string.h>

#define MAX_RULE_NAME 64
#define MAX_USER_NAME 32

#define DEFAULT_POLICYD_USER "tlsgate"
#define DEFAULT_POLICYD_PATH "/usr/libexec/tlsgate/policyd"

/* What a single text may be. */

static const char *
check_path(char *path)
{
	if (path[0] != '/')
		return "is not an absolute path";
	/* Postfix splits lists at blanks and commas, expands $name, and groups by braces. */
	if (strpbrk(path, " \t\r\n,${}\"") != NULL)
		return "holds a blank, comma, quote, brace or $, which Postfix can't take in a path";
	for (const char *p = path; *p != '\0'; p++)
		if (g_ascii_iscntrl(*p))
			return "holds a control character";
	return NULL;
}

static const char *
check_name(char *name)
{
	if (*name == '\0')
		return "is empty";
	if (strlen(name) > MAX_RULE_NAME)
		return "is longer than 64 characters";
	if (name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-")] != '\0')
		return "has a character that a name can't have";
	return NULL;
}

static const char *
check_user(char *name)
{
	if (!g_ascii_islower(name[0]) && name[0] != '_')
		return "does not begin with a small letter";
	if (strlen(name) > MAX_USER_NAME)
		return "is longer than 32 characters";
	if (name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-")] != '\0')
		return "has a character that a user name can't have";
	if (strcmp(name, "root") == 0)
		return "is root, as whom spawn(8) refuses to run anything";
	return NULL;
}

static const char *
check_network(char *text)
{
	const char *reason;
	Network network;

	return network_parse(text, &network, &reason) ? NULL : reason;
}

static const char *
check_date(char *text)
{
	int year, month, day, length = 0;

	if (strlen(text) != 10 || strspn(text, "0123456789-") != 10 ||
	    sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &length) != 3 || length != 10)
		return "is not of the form YYYY-MM-DD";
	if (year < 1 || month < 1 || day < 1 || !g_date_valid_dmy(day, month, year))
		return "is not a day of the calendar";
	return NULL;
}

/* "example.com" or ".example.com". */
static const char *
check_domain(char *domain)
{
	if (strchr(domain, '@') != NULL)
		return "is an address; only domains can be named";
	if (strlen(domain) > 1 && g_str_has_suffix(domain, "."))
		return "ends with a dot; write it without";
	hostname_fold(domain);
	if (hostname_is_international(domain))
		return NULL; /* load_domain() refuses it for what it is */
	return hostname_check(domain[0] == '.' ? domain + 1 : domain);
}

static const char *
check_sender_domain(char *domain)
{
	return strcmp(domain, "<>") == 0 ? NULL : check_domain(domain);
}

static const CursorTextKind any_text = { N_FINDINGS, NULL, NULL };
static const CursorTextKind path = { FINDING_BAD_PATH, check_path,
				     "an absolute path like \"/etc/ssl/private/gateway.pem\"" };
static const CursorTextKind rule_name = { FINDING_BAD_NAME, check_name,
					  "1 to 64 of a-z 0-9 . _ - (the name stands in replies)" };
static const CursorTextKind user = { FINDING_BAD_USER, check_user,
				     "the name of an unprivileged user, a-z 0-9 _ -" };
static const CursorTextKind network = {
	FINDING_BAD_NETWORK, check_network,
	"an address or a network like \"192.0.2.0/24\" or \"2001:db8::/32\""
};
static const CursorTextKind date = { FINDING_BAD_DATE, check_date, "a date like \"2027-03-31\"" };
static const CursorTextKind sender_domain = {
	FINDING_BAD_DOMAIN, check_sender_domain,
	"\"example.com\" (that name alone), \".example.com\" (all below it) or \"<>\""
};
static const CursorTextKind destination = {
	FINDING_BAD_DESTINATION, check_domain,
	"\"example.com\" (that name alone) or \".example.com\" (all below it)"
};

/* Internationalised names must work in both forms; until they do, they are refused, because a rule
 * that knows one form alone would let the other pass. */
static void
load_domain(Cursor *cursor, void *field, const void *arg)
{
	CursorText *text = field;

	cursor_text(cursor, field, arg);
	if (text->place != 0 && hostname_is_international(text->text))
		findings_add(cursor_findings(cursor), FINDING_NOT_SUPPORTED_YET, text->place,
			     "internationalised names are not supported yet; remove this one");
}

/* A destination may be a next-hop as Postfix spells it; this version takes domains only. */
static void
load_destination(Cursor *cursor, void *field, const void *arg)
{
	load_domain(cursor, field, arg);
}

/* The objects. */

#define KEYS(table, type)                                                \
	{                                                                \
		table, G_N_ELEMENTS(table), G_STRUCT_OFFSET(type, place) \
	}
#define UNSUPPORTED(key)                         \
	{                                        \
		key, cursor_unsupported, 0, NULL \
	}

static const CursorArray sender_domains = { load_domain, sizeof(CursorText), &sender_domain, TRUE };
static const CursorArray networks = { cursor_text, sizeof(CursorText), &network, FALSE };
static const CursorArray paths = { cursor_text, sizeof(CursorText), &path, TRUE };

static const CursorKey certificate_keys[] = {
	{ "chain_files", cursor_array, G_STRUCT_OFFSET(SettingsCertificate, chain_files), &paths },
};
static const CursorObject certificate = KEYS(certificate_keys, SettingsCertificate);

static const CursorKey require_keys[] = {
	{ "certificate", cursor_word, G_STRUCT_OFFSET(SettingsRule, require.certificate),
	  &names_certificate },
	UNSUPPORTED("subjects"),
	UNSUPPORTED("issuers"),
	UNSUPPORTED("fingerprints"),
	UNSUPPORTED("client_networks"),
	UNSUPPORTED("client_names"),
	UNSUPPORTED("min_protocol"),
	UNSUPPORTED("min_cipher_bits"),
};
static const CursorObject require = { require_keys, G_N_ELEMENTS(require_keys),
				      G_STRUCT_OFFSET(SettingsRule, require.place) };

static const CursorKey rule_keys[] = {
	{ "name", cursor_text, G_STRUCT_OFFSET(SettingsRule, name), &rule_name },
	{ "sender_domains", cursor_array, G_STRUCT_OFFSET(SettingsRule, sender_domains),
	  &sender_domains },
	UNSUPPORTED("recipient_domains"),
	UNSUPPORTED("client_networks"),
	UNSUPPORTED("client_names"),
	{ "require", cursor_object, 0, &require },
	{ "violation", cursor_word, G_STRUCT_OFFSET(SettingsRule, violation), &names_violation },
	{ "note", cursor_text, G_STRUCT_OFFSET(SettingsRule, note), &any_text },
	{ "review_by", cursor_text, G_STRUCT_OFFSET(SettingsRule, review_by), &date },
};
static const CursorObject rule = KEYS(rule_keys, SettingsRule);

static void
require_key(Cursor *cursor, size_t object, const CursorText *text, const char *key)
{
	if (object != 0 && text->place == 0)
		findings_add(cursor_findings(cursor), FINDING_MISSING_KEY, object,
			     "the key \"%s\" is missing here; add it", key);
}

static void
load_rule(Cursor *cursor, void *field, const void *arg)
{
	SettingsRule *loaded = field;
	size_t errors = findings_count(cursor_findings(cursor), SEVERITY_ERROR);

	loaded->violation.code = VIOLATION_REJECT;
	cursor_object(cursor, loaded, arg);
	if (findings_count(cursor_findings(cursor), SEVERITY_ERROR) == errors)
		require_key(cursor, loaded->place, &loaded->name, "name");
}

static const CursorArray rules = { load_rule, sizeof(SettingsRule), &rule, FALSE };

#define RECEIVE(field) G_STRUCT_OFFSET(Settings, receive.field)
static const CursorKey receive_keys[] = {
	{ "security_level", cursor_word, RECEIVE(security_level), &names_receive_level },
	{ "client_certificate", cursor_word, RECEIVE(client_certificate),
	  &names_client_certificate },
	{ "certificate", cursor_object, RECEIVE(certificate), &certificate },
	{ "trusted_ca_file", cursor_text, RECEIVE(trusted_ca_file), &path },
	UNSUPPORTED("trusted_ca_directory"),
	UNSUPPORTED("min_protocol"),
	{ "exempt_networks", cursor_array, RECEIVE(exempt_networks), &networks },
	{ "on_policy_failure", cursor_word, RECEIVE(on_policy_failure), &names_policy_failure },
	{ "rules", cursor_array, RECEIVE(rules), &rules },
};
static const CursorObject receive = { receive_keys, G_N_ELEMENTS(receive_keys), RECEIVE(place) };

static const CursorKey destination_keys[] = {
	{ "destination", load_destination, G_STRUCT_OFFSET(SettingsDestination, destination),
	  &destination },
	{ "security_level", cursor_word, G_STRUCT_OFFSET(SettingsDestination, security_level),
	  &names_security_level },
	UNSUPPORTED("match"),
	UNSUPPORTED("fingerprints"),
	UNSUPPORTED("min_protocol"),
	UNSUPPORTED("ciphers"),
	UNSUPPORTED("exclude"),
	UNSUPPORTED("server_name"),
	UNSUPPORTED("trust_anchor_files"),
	UNSUPPORTED("connection_reuse"),
	{ "note", cursor_text, G_STRUCT_OFFSET(SettingsDestination, note), &any_text },
	{ "review_by", cursor_text, G_STRUCT_OFFSET(SettingsDestination, review_by), &date },
};
static const CursorObject destination_object = KEYS(destination_keys, SettingsDestination);

static void
load_destination_row(Cursor *cursor, void *field, const void *arg)
{
	SettingsDestination *loaded = field;
	size_t errors = findings_count(cursor_findings(cursor), SEVERITY_ERROR);

	cursor_object(cursor, loaded, arg);
	if (findings_count(cursor_findings(cursor), SEVERITY_ERROR) != errors)
		return;
	require_key(cursor, loaded->place, &loaded->destination, "destination");
	if (loaded->security_level.place == 0)
		findings_add(cursor_findings(cursor), FINDING_MISSING_KEY, loaded->place,
			     "the key \"security_level\" is missing here; add it");
	else if (loaded->security_level.code == SECURITY_FINGERPRINT)
		findings_add(cursor_findings(cursor), FINDING_NOT_SUPPORTED_YET,
			     loaded->security_level.place,
			     "the level \"fingerprint\" is not supported yet; use \"secure\"");
}

static const CursorArray domains = { load_destination_row, sizeof(SettingsDestination),
				     &destination_object, FALSE };

/* fingerprint is for single destinations: a pin says who one partner is. */
static void
load_send_level(Cursor *cursor, void *field, const void *arg)
{
	CursorWord *level = field;

	cursor_word(cursor, field, arg);
	if (level->code != SECURITY_FINGERPRINT)
		return;
	findings_add(cursor_findings(cursor), FINDING_UNKNOWN_WORD, level->place,
		     "found \"fingerprint\", which can stand in send.domains only; accepted are "
		     "none, may, encrypt, dane, dane-only, verify or secure");
}

#define SEND(field) G_STRUCT_OFFSET(Settings, send.field)
static const CursorKey send_keys[] = {
	{ "security_level", load_send_level, SEND(security_level), &names_security_level },
	{ "trusted_ca_file", cursor_text, SEND(trusted_ca_file), &path },
	UNSUPPORTED("trusted_ca_directory"),
	UNSUPPORTED("min_protocol"),
	UNSUPPORTED("certificate"),
	{ "domains", cursor_array, SEND(domains), &domains },
	UNSUPPORTED("fallback_policy_maps"),
	UNSUPPORTED("fallback_may_override"),
};
static const CursorObject send = { send_keys, G_N_ELEMENTS(send_keys), SEND(place) };

#define POSTFIX(field) G_STRUCT_OFFSET(Settings, postfix.field)
static const CursorKey postfix_keys[] = {
	{ "table_type", cursor_word, POSTFIX(table_type), &names_table_type },
	UNSUPPORTED("policyd"),
	{ "policyd_user", cursor_text, POSTFIX(policyd_user), &user },
	{ "policyd_path", cursor_text, POSTFIX(policyd_path), &path },
	UNSUPPORTED("unguarded_services"),
};
static const CursorObject postfix = { postfix_keys, G_N_ELEMENTS(postfix_keys), POSTFIX(place) };

static const CursorKey root_keys[] = {
	{ "$schema", cursor_text, G_STRUCT_OFFSET(Settings, schema), &any_text },
	{ "receive", cursor_object, 0, &receive },
	{ "send", cursor_object, 0, &send },
	{ "postfix", cursor_object, 0, &postfix },
};
static const CursorObject root = KEYS(root_keys, Settings);

static GArray *
default_exempt_networks(void)
{
	static const char *const loopback[] = { "127.0.0.0/8", "::1/128" };
	GArray *texts = g_array_new(FALSE, TRUE, sizeof(CursorText));

	for (size_t i = 0; i < G_N_ELEMENTS(loopback); i++) {
		CursorText text = { loopback[i], 0 };
		g_array_append_val(texts, text);
	}
	return texts;
}

static void
set_absent(Settings *settings)
{
	if (settings->receive.exempt_networks == NULL)
		settings->receive.exempt_networks = default_exempt_networks();
	if (settings->receive.rules == NULL)
		settings->receive.rules = g_array_new(FALSE, TRUE, sizeof(SettingsRule));
	if (settings->send.domains == NULL)
		settings->send.domains = g_array_new(FALSE, TRUE, sizeof(SettingsDestination));
	if (settings->postfix.policyd_user.text == NULL)
		settings->postfix.policyd_user.text = DEFAULT_POLICYD_USER;
	if (settings->postfix.policyd_path.text == NULL)
		settings->postfix.policyd_path.text = DEFAULT_POLICYD_PATH;
}

Settings *
settings_load(const char *document, size_t size, Findings *findings)
{
	g_autoptr(Settings) settings = g_new0(Settings, 1);

	settings->store = g_string_chunk_new(4096);
	settings->receive.security_level.code = SECURITY_MAY;
	settings->receive.client_certificate.code = CLIENT_CERTIFICATE_NONE;
	settings->receive.on_policy_failure.code = POLICY_FAILURE_DEFER;
	settings->send.security_level.code = SECURITY_MAY;
	settings->postfix.table_type.code = TABLE_TYPE_AUTO;

	g_autoptr(Cursor) cursor = cursor_new(document, size, settings->store, findings);
	if (!cursor_load(cursor, &root, settings))
		return NULL;
	set_absent(settings);
	if (settings->receive.certificate.place != 0 &&
	    settings->receive.certificate.chain_files == NULL)
		findings_add(findings, FINDING_MISSING_KEY, settings->receive.certificate.place,
			     "the key \"chain_files\" is missing here; add it");
	return g_steal_pointer(&settings);
}
