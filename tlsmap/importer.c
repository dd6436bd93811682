/* SPDX-License-Identifier: Apache-2.0 */
/* importer: the document that says what a Postfix does today. Changes nothing.
 *
 * A value is taken over only where the document says just the same by it; the document's own loader
 * is asked whether it does. What is not taken over is absent, and so stays as Postfix has it
 * (design: "what else is absent stays"). The three levels are always said: where Postfix's word is
 * none of the document's, the strictest one stands there, and a finding beside it. */
#include "importer.h"

#include "checks.h"
#include "jsontext.h"
#include "maincf.h"
#include "obstacle.h"
#include "policytables.h"
#include "spelling.h"
#include "protocols.h"

#include <string.h>

#define INDENT "    "

typedef struct {
	const Snapshot *snapshot;
	const ImportBase *base;
	Findings *findings;
	GString *receive; /* members, with a comma between them */
	GString *send;
	GString *postfix;
} Import;

static void
report(const Import *import, FindingId id, const char *parameter, const char *message)
{
	g_autofree char *where =
		g_strdup_printf("%s/main.cf: %s", import->snapshot->config_directory, parameter);

	findings_add_live(import->findings, id, where, "%s", message);
}

static gboolean
is_yes(const Import *import, const char *name)
{
	return g_ascii_strcasecmp(snapshot_expanded(import->snapshot, name), "yes") == 0;
}

/* Levels. */

static const char *
receive_level(const Import *import)
{
	g_autofree char *word = snapshot_dup_receive_level(import->snapshot);
	int code = names_code(&names_receive_level, word);
	g_autofree char *message = NULL;

	if (code >= 0)
		return names_word(&names_receive_level, code);
	message =
		g_strdup_printf("found \"%s\", which is no level for receiving: smtpd(8) takes it "
				"for \"encrypt\" or does not start; the document says "
				"\"encrypt\": choose \"none\", \"may\" or \"encrypt\"",
				word);
	report(import, FINDING_NOT_IN_DOCUMENT, "smtpd_tls_security_level", message);
	return names_word(&names_receive_level, SECURITY_ENCRYPT);
}

static const char *
send_level(const Import *import)
{
	g_autofree char *word = snapshot_dup_send_level(import->snapshot);
	int code = names_code(&names_send_level, word);
	g_autofree char *message = NULL;

	if (code >= 0)
		return names_word(&names_send_level, code);
	message =
		g_strdup_printf("found \"%s\", which is no level for all destinations: the "
				"document says \"secure\", which would defer mail; choose a level, "
				"and give the partners meant by it rows in send.domains",
				word);
	report(import, FINDING_NOT_IN_DOCUMENT, "smtp_tls_security_level", message);
	return names_word(&names_send_level, SECURITY_SECURE);
}

/* smtpd_tls_req_ccert counts only where TLS is demanded, and then it asks as well
 * (src/smtpd/smtpd.c, 3.7: "Can't require client certs unless TLS is required"). */
static const char *
client_certificate(const Import *import, const char *level)
{
	gboolean is_asked = is_yes(import, "smtpd_tls_ask_ccert");
	gboolean is_required = is_yes(import, "smtpd_tls_req_ccert");

	if (is_required && strcmp(level, "encrypt") == 0)
		return "require";
	if (is_required)
		report(import, FINDING_NOT_IN_DOCUMENT, "smtpd_tls_req_ccert",
		       "found \"yes\", which Postfix ignores unless smtpd_tls_security_level is "
		       "\"encrypt\"; the document does not say it: set receive.security_level to "
		       "\"encrypt\" and client_certificate to \"require\" if that is meant");
	if (is_asked && strcmp(level, "none") == 0)
		report(import, FINDING_NOT_IN_DOCUMENT, "smtpd_tls_ask_ccert",
		       "found \"yes\", but there is no TLS at level \"none\"; the document says "
		       "\"none\" too: raise receive.security_level if certificates are wanted");
	return is_asked && strcmp(level, "none") != 0 ? "request" : "none";
}

static void
append_text(GString *members, const char *key, const char *text)
{
	g_autoptr(GString) quoted = g_string_new(NULL);

	jsontext_append_string(quoted, text);
	jsontext_append_line(members, INDENT, key, quoted->str);
}

static void
import_levels(Import *import)
{
	const char *level = receive_level(import);

	append_text(import->receive, "security_level", level);
	append_text(import->receive, "client_certificate", client_certificate(import, level));
	append_text(import->send, "security_level", send_level(import));
}

/* Values that may be absent. */

static char *
dup_text(const char *value)
{
	g_autoptr(GString) json = g_string_new(NULL);

	jsontext_append_string(json, value);
	return g_string_free(g_steal_pointer(&json), FALSE);
}

static char *
dup_chain(const char *value)
{
	g_auto(GStrv) files = maincf_split_list(value);
	g_autofree char *list = jsontext_dup_list((const char *const *)files);

	return g_strdup_printf("{ \"chain_files\": %s }", list);
}

static char *
dup_floor(const char *value)
{
	int floor;

	if (!protocols_read_floor(value, &floor) || floor == PROTOCOLS_ANY)
		return NULL;
	return dup_text(names_word(&names_tls_protocol, floor));
}

/* No certificate stands in the document where it is in parameters of its own. */
static char *
dup_nothing(const char *value)
{
	return NULL;
}

static const struct {
	const char *parameter;
	const char *part;
	const char *key;
	/* NULL: the document has no word for it. */
	char *(*dup_json)(const char *value);
} optional[] = {
	{ "smtpd_tls_chain_files", "receive", "certificate", dup_chain },
	{ "smtpd_tls_cert_file", "receive", "certificate", dup_nothing },
	{ "smtpd_tls_dcert_file", "receive", "certificate", dup_nothing },
	{ "smtpd_tls_eccert_file", "receive", "certificate", dup_nothing },
	{ "smtpd_tls_CAfile", "receive", "trusted_ca_file", dup_text },
	{ "smtpd_tls_CApath", "receive", "trusted_ca_directory", dup_text },
	{ "smtpd_tls_mandatory_protocols", "receive", "min_protocol", dup_floor },
	{ "smtp_tls_chain_files", "send", "certificate", dup_chain },
	{ "smtp_tls_cert_file", "send", "certificate", dup_nothing },
	{ "smtp_tls_dcert_file", "send", "certificate", dup_nothing },
	{ "smtp_tls_eccert_file", "send", "certificate", dup_nothing },
	{ "smtp_tls_CAfile", "send", "trusted_ca_file", dup_text },
	{ "smtp_tls_CApath", "send", "trusted_ca_directory", dup_text },
	{ "smtp_tls_mandatory_protocols", "send", "min_protocol", dup_floor },
};

/* Whether a document with this one value is taken. */
static gboolean
is_taken(const char *part, const char *key, const char *json)
{
	g_autofree char *document = g_strdup_printf("{\"%s\":{\"%s\":%s}}", part, key, json);
	g_autoptr(Findings) findings = findings_new();
	g_autoptr(Settings) settings = settings_load(document, strlen(document), NULL, findings);

	return settings != NULL && findings_n(findings) == 0;
}

static void
import_optional(Import *import)
{
	for (size_t i = 0; i < G_N_ELEMENTS(optional); i++) {
		const char *value = snapshot_value(import->snapshot, optional[i].parameter);
		gboolean is_receive = strcmp(optional[i].part, "receive") == 0;
		if (value == NULL || *value == '\0')
			continue;
		/* Unexpanded: with "$name" the value follows another parameter, and no path of a
		 * document can. */
		g_autofree char *json = optional[i].dup_json(value);
		if (json != NULL && is_taken(optional[i].part, optional[i].key, json)) {
			jsontext_append_line(is_receive ? import->receive : import->send, INDENT,
					     optional[i].key, json);
			continue;
		}
		g_autofree char *message = g_strdup_printf(
			"\"%s\" stays in force beside the document, in which %s.%s has no words "
			"for it",
			value, optional[i].part, optional[i].key);
		report(import, FINDING_LEFT_TO_POSTFIX, optional[i].parameter, message);
	}
}

/* What stays in force beside the document. */

static void
report_restrictions(const Import *import)
{
	static const char *const lists[] = {
		"smtpd_client_restrictions",    "smtpd_helo_restrictions",
		"smtpd_sender_restrictions",    "smtpd_relay_restrictions",
		"smtpd_recipient_restrictions", "smtpd_data_restrictions",
	};
	static const char *const checks[] = { "reject_plaintext_session", "check_ccert_access",
					      "permit_tls_clientcerts",
					      "permit_tls_all_clientcerts" };

	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
		g_auto(GStrv) elements =
			maincf_split_list(snapshot_expanded(import->snapshot, lists[i]));
		for (size_t j = 0; j < G_N_ELEMENTS(checks); j++) {
			if (!g_strv_contains((const char *const *)elements, checks[j]))
				continue;
			g_autofree char *message = g_strdup_printf(
				"%s stays in force beside the document; a rule in receive.rules "
				"can say more, by domain, network and certificate",
				checks[j]);
			report(import, FINDING_LEFT_TO_POSTFIX, lists[i], message);
		}
	}
}

static void
report_others(const Import *import)
{
	static const char *const lmtp[] = { "lmtp_tls_security_level", "lmtp_tls_policy_maps" };
	const char *per_site = snapshot_expanded(import->snapshot, "smtp_tls_per_site");

	for (size_t i = 0; i < G_N_ELEMENTS(lmtp); i++) {
		const char *value = snapshot_value(import->snapshot, lmtp[i]);
		g_autofree char *message = NULL;
		if (value == NULL || *value == '\0')
			continue;
		message = g_strdup_printf("\"%s\" stays in force beside the document, which is "
					  "about mail sent by SMTP",
					  value);
		report(import, FINDING_LEFT_TO_POSTFIX, lmtp[i], message);
	}
	/* src/smtp/smtp_tls_policy.c, 3.7: asked only without smtp_tls_policy_maps. */
	if (*per_site != '\0' &&
	    *snapshot_expanded(import->snapshot, "smtp_tls_policy_maps") == '\0')
		report(import, FINDING_NOT_IN_DOCUMENT, "smtp_tls_per_site",
		       "this obsolete table, which is asked for MX host names, can't be said, and "
		       "the first row of a document puts it out of force; write its entries as "
		       "rows in send.domains, then remove it (postconf -X smtp_tls_per_site)");
}

/* What the generation in force has. */

static void
append_slice(const Import *import, GString *members, const char *key, size_t place)
{
	if (place == 0)
		return;
	g_autofree char *value = jsontext_dup_value(import->base->text, place);
	jsontext_append_line(members, INDENT, key, value);
}

/* Rules say nothing to Postfix: they are known from the document alone. */
static void
import_rules(Import *import)
{
	const Settings *settings = import->base->settings;
	g_autoptr(GString) rules = g_string_new(NULL);

	if (import->base->text == NULL || settings_n_rules(settings) == 0)
		return;
	g_autoptr(GPtrArray) networks = g_ptr_array_new();
	for (size_t i = 0; i < settings_n_texts(settings->receive.exempt_networks); i++)
		g_ptr_array_add(networks,
				(char *)settings_text(settings->receive.exempt_networks, i));
	g_ptr_array_add(networks, NULL);
	g_autofree char *exempt = jsontext_dup_list((const char *const *)networks->pdata);
	jsontext_append_line(import->receive, INDENT, "exempt_networks", exempt);
	append_slice(import, import->receive, "on_policy_failure",
		     settings->receive.on_policy_failure.place);
	for (size_t i = 0; i < settings_n_rules(settings); i++) {
		g_autofree char *rule =
			jsontext_dup_value(import->base->text, settings_rule(settings, i)->place);
		g_string_append_printf(rules, "%s\n" INDENT "  %s", i == 0 ? "" : ",", rule);
	}
	g_autofree char *list = g_strdup_printf("[%s]", rules->str);
	jsontext_append_line(import->receive, INDENT, "rules", list);
}

/* Whether the first table is the one that the generation in force wrote. */
static gboolean
begins_with_own_table(const Import *import, const char *names)
{
	g_auto(GStrv) list = maincf_split_list(names);

	return import->base->text != NULL && list[0] != NULL &&
	       maincf_named_generation(list[0], import->base->directory) != 0;
}

#define SEPARATORS " ,\t\r\n"

/* What stands behind the tables of the generation in force: its own, and that of the spellings. */
static const char *
skip_own_tables(const char *names)
{
	const char *behind = names + strcspn(names, SEPARATORS);
	const char *next = behind + strspn(behind, SEPARATORS);
	g_autofree char *name = g_strndup(next, strcspn(next, SEPARATORS));

	return g_str_has_suffix(name, "/" SPELLING_FILE) ? next + strlen(name) : behind;
}

static gboolean
import_tables(Import *import, GError **error)
{
	const char *names = snapshot_expanded(import->snapshot, "smtp_tls_policy_maps");
	gboolean is_own = begins_with_own_table(import, names);
	g_auto(PolicyTables) tables = { 0 };
	const Settings *settings = import->base->settings;

	if (is_own)
		names = skip_own_tables(names);
	if (!policytables_read(import->snapshot, names, is_own, &tables, import->findings, error))
		return FALSE;
	for (size_t i = 0; is_own && i < settings_n_destinations(settings); i++)
		g_ptr_array_add(tables.rows,
				jsontext_dup_value(import->base->text,
						   settings_destination(settings, i)->place));
	if (tables.is_said)
		policytables_append(&tables, import->send);
	return TRUE;
}

static void
import_postfix(Import *import)
{
	const Settings *settings = import->base->settings;

	if (import->base->text == NULL)
		return;
	append_slice(import, import->postfix, "table_type", settings->postfix.table_type.place);
	append_slice(import, import->postfix, "policyd", settings->postfix.policyd.place);
	append_slice(import, import->postfix, "policyd_user", settings->postfix.policyd_user.place);
	append_slice(import, import->postfix, "policyd_path", settings->postfix.policyd_path.place);
}

/* The whole. */

static char *
dup_text_of(const Import *import, const char *services)
{
	g_autoptr(GString) postfix = g_string_new(import->postfix->str);

	if (services != NULL)
		jsontext_append_line(postfix, INDENT, "unguarded_services", services);
	g_autofree char *part =
		postfix->len > 0 ? g_strdup_printf(",\n  \"postfix\": {%s\n  }", postfix->str)
				 : g_strdup("");
	return g_strdup_printf("{\n  \"receive\": {%s\n  },\n  \"send\": {%s\n  }%s\n}\n",
			       import->receive->str, import->send->str, part);
}

/* A service with options of its own is out of what the document says for all, today too: it is
 * named as such. */
static char *
dup_with_services(const Import *import)
{
	g_autofree char *draft = dup_text_of(import, NULL);
	g_autoptr(Findings) findings = findings_new();
	g_autoptr(Settings) settings = settings_load(draft, strlen(draft), NULL, findings);
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

	if (settings == NULL || findings_count(findings, SEVERITY_ERROR) > 0)
		return g_steal_pointer(&draft);
	obstacle_list_services(settings, import->snapshot, names);
	for (size_t i = 0; i < names->len; i++) {
		g_autofree char *where =
			g_strdup_printf("%s/master.cf: %s", import->snapshot->config_directory,
					(const char *)names->pdata[i]);
		findings_add_live(import->findings, FINDING_SERVICE_LEFT_OUT, where,
				  "this service stays as its own -o options make it, out of what "
				  "the document says, which names it in "
				  "postfix.unguarded_services; remove the options, or leave it so");
	}
	if (names->len == 0)
		return g_steal_pointer(&draft);
	g_ptr_array_add(names, NULL);
	g_autofree char *services = jsontext_dup_list((const char *const *)names->pdata);
	return dup_text_of(import, services);
}

char *
importer_dup_document(const Snapshot *snapshot, const ImportBase *base, Findings *findings,
		      GError **error)
{
	g_autoptr(GString) receive = g_string_new(NULL);
	g_autoptr(GString) send = g_string_new(NULL);
	g_autoptr(GString) postfix = g_string_new(NULL);
	Import import = { snapshot, base, findings, receive, send, postfix };

	import_levels(&import);
	import_optional(&import);
	import_rules(&import);
	if (!import_tables(&import, error))
		return NULL;
	import_postfix(&import);
	report_restrictions(&import);
	report_others(&import);
	return dup_with_services(&import);
}
