/* SPDX-License-Identifier: Apache-2.0 */
/* load: reads a settings document into the model; one table for each object of the contract.
 *
 * The tables are the contract: a key that is not in its table is refused. What a single text may be
 * stands in kinds.c, what values mean together in checks.c. */
#include "kinds.h"
#include "settings.h"

#include <string.h>

#define DEFAULT_POLICYD_USER "tlsgate"
#define DEFAULT_POLICYD_PATH "/usr/libexec/tlsgate/policyd"

#define KEYS(table, type)                                                \
	{                                                                \
		table, G_N_ELEMENTS(table), G_STRUCT_OFFSET(type, place) \
	}
/* A set of texts of one kind, in which something must be named. */
#define SET_OF(kind)                                              \
	{                                                         \
		cursor_text, sizeof(CursorText), kind, TRUE, TRUE \
	}
/* The same, but it may be empty: then it says "none". */
#define SET_OR_NONE(kind)                                          \
	{                                                          \
		cursor_text, sizeof(CursorText), kind, FALSE, TRUE \
	}

static const CursorArray sender_domains = SET_OF(&kind_sender_domain);
static const CursorArray recipient_domains = SET_OF(&kind_domain);
static const CursorArray networks = SET_OF(&kind_network);
static const CursorArray client_names = SET_OF(&kind_client_name);
static const CursorArray certificate_names = SET_OF(&kind_certificate_name);
static const CursorArray fingerprints = SET_OF(&kind_fingerprint);
static const CursorArray paths = SET_OF(&kind_path);
static const CursorArray matches = SET_OF(&kind_match);
static const CursorArray ciphers = SET_OF(&kind_cipher);
static const CursorArray exempt_networks = SET_OR_NONE(&kind_network);
static const CursorArray policy_maps = SET_OR_NONE(&kind_policy_map);
static const CursorArray services = SET_OR_NONE(&kind_service);

/* Postfix knows cipher strength in bits (SMTPD_POLICY_README, encryption_keysize, 3.7). */
static const CursorRange cipher_bits = { 1, 256, "a whole number of bits from 1 to 256, like 128" };

/* Read and checked, but not kept: notes are for people. */
static void
load_note(Cursor *cursor, void *field, const void *arg)
{
	CursorText note = { 0 };

	cursor_text(cursor, &note, &kind_any_text);
}

static void
require_key(Cursor *cursor, size_t object, size_t place, const char *key)
{
	if (object != 0 && place == 0)
		findings_add(cursor_findings(cursor), FINDING_MISSING_KEY, object,
			     "the key \"%s\" is missing here; add it", key);
}

static size_t
count_errors(Cursor *cursor)
{
	return findings_count(cursor_findings(cursor), SEVERITY_ERROR);
}

static const CursorKey certificate_keys[] = {
	{ "chain_files", cursor_array, G_STRUCT_OFFSET(SettingsCertificate, chain_files), &paths },
};
static const CursorObject certificate_object = KEYS(certificate_keys, SettingsCertificate);

static void
load_certificate(Cursor *cursor, void *field, const void *arg)
{
	SettingsCertificate *certificate = field;
	size_t errors = count_errors(cursor);

	cursor_object(cursor, certificate, &certificate_object);
	if (count_errors(cursor) == errors)
		require_key(cursor, certificate->place, certificate->chain_files != NULL,
			    "chain_files");
}

#define REQUIRE(field) G_STRUCT_OFFSET(SettingsRule, require.field)
static const CursorKey require_keys[] = {
	{ "certificate", cursor_word, REQUIRE(certificate), &names_certificate },
	{ "subjects", cursor_array, REQUIRE(subjects), &certificate_names },
	{ "issuers", cursor_array, REQUIRE(issuers), &certificate_names },
	{ "fingerprints", cursor_array, REQUIRE(fingerprints), &fingerprints },
	{ "client_networks", cursor_array, REQUIRE(client_networks), &networks },
	{ "client_names", cursor_array, REQUIRE(client_names), &client_names },
	{ "min_protocol", cursor_word, REQUIRE(min_protocol), &names_tls_protocol },
	{ "min_cipher_bits", cursor_number, REQUIRE(min_cipher_bits), &cipher_bits },
};
static const CursorObject require = { require_keys, G_N_ELEMENTS(require_keys), REQUIRE(place) };

#define RULE(field) G_STRUCT_OFFSET(SettingsRule, field)
static const CursorKey rule_keys[] = {
	{ "name", cursor_text, RULE(name), &kind_rule_name },
	{ "sender_domains", cursor_array, RULE(sender_domains), &sender_domains },
	{ "recipient_domains", cursor_array, RULE(recipient_domains), &recipient_domains },
	{ "client_networks", cursor_array, RULE(client_networks), &networks },
	{ "client_names", cursor_array, RULE(client_names), &client_names },
	{ "require", cursor_object, 0, &require },
	{ "violation", cursor_word, RULE(violation), &names_violation },
	{ "note", load_note, 0, NULL },
	{ "review_by", cursor_text, RULE(review_by), &kind_date },
};
static const CursorObject rule = KEYS(rule_keys, SettingsRule);

static void
load_rule(Cursor *cursor, void *field, const void *arg)
{
	SettingsRule *loaded = field;
	size_t errors = count_errors(cursor);

	cursor_object(cursor, loaded, arg);
	if (loaded->place != 0 && loaded->violation.place == 0)
		loaded->violation.code = VIOLATION_REJECT;
	if (count_errors(cursor) == errors)
		require_key(cursor, loaded->place, loaded->name.place, "name");
}

static const CursorArray rules = { load_rule, sizeof(SettingsRule), &rule, FALSE, FALSE };

#define RECEIVE(field) G_STRUCT_OFFSET(Settings, receive.field)
static const CursorKey receive_keys[] = {
	{ "security_level", cursor_word, RECEIVE(security_level), &names_receive_level },
	{ "client_certificate", cursor_word, RECEIVE(client_certificate),
	  &names_client_certificate },
	{ "certificate", load_certificate, RECEIVE(certificate), NULL },
	{ "trusted_ca_file", cursor_text, RECEIVE(trusted_ca_file), &kind_path },
	{ "trusted_ca_directory", cursor_text, RECEIVE(trusted_ca_directory), &kind_path },
	{ "min_protocol", cursor_word, RECEIVE(min_protocol), &names_tls_protocol },
	{ "exempt_networks", cursor_array, RECEIVE(exempt_networks), &exempt_networks },
	{ "on_policy_failure", cursor_word, RECEIVE(on_policy_failure), &names_policy_failure },
	{ "rules", cursor_array, RECEIVE(rules), &rules },
};
static const CursorObject receive = { receive_keys, G_N_ELEMENTS(receive_keys), RECEIVE(place) };

/* A row as it is read: few have attributes, and only those keep them. */
typedef struct {
	SettingsDestination row;
	SettingsRowAttributes attributes;
} WholeRow;

#define ROW(field) G_STRUCT_OFFSET(WholeRow, row.field)
#define ATTRIBUTE(field) G_STRUCT_OFFSET(WholeRow, attributes.field)
static const CursorKey destination_keys[] = {
	{ "destination", cursor_text, ROW(destination), &kind_destination },
	{ "security_level", cursor_word, ROW(security_level), &names_security_level },
	{ "match", cursor_array, ATTRIBUTE(match), &matches },
	{ "fingerprints", cursor_array, ATTRIBUTE(fingerprints), &fingerprints },
	{ "min_protocol", cursor_word, ATTRIBUTE(min_protocol), &names_tls_protocol },
	{ "ciphers", cursor_word, ATTRIBUTE(ciphers), &names_cipher_grade },
	{ "exclude", cursor_array, ATTRIBUTE(exclude), &ciphers },
	{ "server_name", cursor_text, ATTRIBUTE(server_name), &kind_server_name },
	{ "trust_anchor_files", cursor_array, ATTRIBUTE(trust_anchor_files), &paths },
	{ "connection_reuse", cursor_boolean, ATTRIBUTE(connection_reuse), NULL },
	{ "note", load_note, 0, NULL },
	{ "review_by", cursor_text, ATTRIBUTE(review_by), &kind_date },
};
static const CursorObject destination_object = { destination_keys, G_N_ELEMENTS(destination_keys),
						 ROW(place) };

static gboolean
has_attributes(const SettingsRowAttributes *attributes)
{
	static const SettingsRowAttributes none = { 0 };

	return memcmp(attributes, &none, sizeof none) != 0;
}

static void
load_destination_row(Cursor *cursor, void *field, const void *arg)
{
	SettingsDestination *loaded = field;
	size_t errors = count_errors(cursor);
	WholeRow whole;

	memset(&whole, 0, sizeof whole); /* the gaps too: has_attributes() compares bytes */
	cursor_object(cursor, &whole, &destination_object);
	*loaded = whole.row;
	if (has_attributes(&whole.attributes)) {
		loaded->attributes = g_new(SettingsRowAttributes, 1);
		*loaded->attributes = whole.attributes;
	}
	if (count_errors(cursor) != errors)
		return;
	require_key(cursor, loaded->place, loaded->destination.place, "destination");
	require_key(cursor, loaded->place, loaded->security_level.place, "security_level");
}

static const CursorArray domains = { load_destination_row, sizeof(SettingsDestination), NULL, FALSE,
				     FALSE };

#define SEND(field) G_STRUCT_OFFSET(Settings, send.field)
static const CursorKey send_keys[] = {
	{ "security_level", cursor_word, SEND(security_level), &names_send_level },
	{ "certificate", load_certificate, SEND(certificate), NULL },
	{ "trusted_ca_file", cursor_text, SEND(trusted_ca_file), &kind_path },
	{ "trusted_ca_directory", cursor_text, SEND(trusted_ca_directory), &kind_path },
	{ "min_protocol", cursor_word, SEND(min_protocol), &names_tls_protocol },
	{ "domains", cursor_array, SEND(domains), &domains },
	{ "fallback_policy_maps", cursor_array, SEND(fallback_policy_maps), &policy_maps },
	{ "fallback_may_override", cursor_boolean, SEND(fallback_may_override), NULL },
};
static const CursorObject send = { send_keys, G_N_ELEMENTS(send_keys), SEND(place) };

#define POSTFIX(field) G_STRUCT_OFFSET(Settings, postfix.field)
static const CursorKey postfix_keys[] = {
	{ "table_type", cursor_word, POSTFIX(table_type), &names_table_type },
	{ "policyd", cursor_word, POSTFIX(policyd), &names_policyd_mode },
	{ "policyd_user", cursor_text, POSTFIX(policyd_user), &kind_user },
	{ "policyd_path", cursor_text, POSTFIX(policyd_path), &kind_path },
	{ "unguarded_services", cursor_array, POSTFIX(unguarded_services), &services },
};
static const CursorObject postfix = { postfix_keys, G_N_ELEMENTS(postfix_keys), POSTFIX(place) };

static const CursorKey root_keys[] = {
	{ "$schema", cursor_text, G_STRUCT_OFFSET(Settings, schema), &kind_any_text },
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
settings_load(const char *document, size_t size, const SettingsWatch *watch, Findings *findings)
{
	g_autoptr(Settings) settings = g_new0(Settings, 1);

	settings->store = g_string_chunk_new(65536);
	settings->receive.security_level.code = SECURITY_MAY;
	settings->receive.client_certificate.code = CLIENT_CERTIFICATE_NONE;
	settings->receive.on_policy_failure.code = POLICY_FAILURE_DEFER;
	settings->send.security_level.code = SECURITY_MAY;
	settings->postfix.table_type.code = TABLE_TYPE_AUTO;

	g_autoptr(Cursor) cursor = cursor_new(document, size, settings->store, findings);
	if (watch != NULL)
		cursor_set_progress(cursor, watch->progress, watch->data);
	if (!cursor_load(cursor, &root, settings))
		return NULL;
	set_absent(settings);
	return g_steal_pointer(&settings);
}
