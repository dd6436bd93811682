/* SPDX-License-Identifier: Apache-2.0 */
/* cmd-explain-receive: what the levels and rules of a document make of one mail, and why.
 *
 * The rules are compiled as apply compiles them and asked by the code that policyd runs, with the
 * attributes that smtpd(8) would send. What Postfix itself decides by the two levels comes first,
 * as there: a client that it sends away is never asked about. */
#include "cmd-explain-receive.h"

#include "compile.h"
#include "decide.h"
#include "logline.h"
#include "names.h"
#include "output.h"
#include "reply.h"

#include <stddef.h>
#include <string.h>

#define DEFAULT_CIPHER_BITS "256"

/* ---- the request ---- */

static gboolean
is_given(const Mail *mail, RequestAttribute attribute)
{
	return mail->given[attribute] != NULL;
}

/* Without a certificate, or where none is asked for, smtpd(8) sends none of these. */
static const RequestAttribute of_certificate[] = { REQUEST_CCERT_SUBJECT, REQUEST_CCERT_ISSUER,
						   REQUEST_CCERT_FINGERPRINT,
						   REQUEST_CCERT_PUBKEY_FINGERPRINT };

static void
leave_out(Mail *mail, const char *why)
{
	gboolean is_certificate_given = FALSE;

	for (size_t i = 0; i < G_N_ELEMENTS(of_certificate); i++) {
		is_certificate_given = is_certificate_given || is_given(mail, of_certificate[i]);
		mail->given[of_certificate[i]] = NULL;
	}
	if (is_certificate_given)
		command_note("the client certificate counts for nothing: %s", why);
}

/* What the client may show is what the levels let it show. */
static void
apply_levels(Mail *mail, const Settings *settings)
{
	if (settings->receive.security_level.code == SECURITY_NONE &&
	    is_given(mail, REQUEST_ENCRYPTION_PROTOCOL)) {
		command_note("the mail comes in clear: STARTTLS is not offered at "
			     "receive.security_level none");
		mail->given[REQUEST_ENCRYPTION_PROTOCOL] = NULL;
	}
	if (!is_given(mail, REQUEST_ENCRYPTION_PROTOCOL))
		leave_out(mail, "without TLS the client can't show it");
	else if (settings->receive.client_certificate.code == CLIENT_CERTIFICATE_NONE)
		leave_out(mail, "none is asked for at receive.client_certificate none");
}

/* postmaster without a domain is accepted before any policy service is asked; DATA comes later
 * (src/smtpd/smtpd_check.c, smtpd_check_rcpt(), 3.7). Without a recipient it is as at DATA with
 * several. */
static gboolean
is_asked_at_data(const Mail *mail)
{
	const char *recipient = mail->given[REQUEST_RECIPIENT];

	return recipient == NULL || g_ascii_strcasecmp(recipient, "postmaster") == 0;
}

/* As smtpd(8) would ask. A name that leads back to the address is the name of the address, too. */
static void
make_request(Mail *mail)
{
	const char **value = mail->request.value;

	for (size_t i = 0; i < N_REQUEST_ATTRIBUTES; i++)
		value[i] = mail->given[i] != NULL ? mail->given[i] : "";
	mail->request.state = is_asked_at_data(mail) ? REQUEST_STATE_DATA : REQUEST_STATE_RCPT;
	value[REQUEST_REQUEST] = "smtpd_access_policy";
	value[REQUEST_PROTOCOL_STATE] = is_asked_at_data(mail) ? "DATA" : "RCPT";
	if (!is_given(mail, REQUEST_CLIENT_NAME))
		value[REQUEST_CLIENT_NAME] = "unknown";
	if (!is_given(mail, REQUEST_REVERSE_CLIENT_NAME))
		value[REQUEST_REVERSE_CLIENT_NAME] = value[REQUEST_CLIENT_NAME];
	if (!is_given(mail, REQUEST_ENCRYPTION_PROTOCOL))
		value[REQUEST_ENCRYPTION_KEYSIZE] = "";
	else if (!is_given(mail, REQUEST_ENCRYPTION_KEYSIZE))
		value[REQUEST_ENCRYPTION_KEYSIZE] = DEFAULT_CIPHER_BITS;
}

/* ---- the levels ---- */

/* What Postfix answers by itself; NULL: it goes on. */
static const char *
reply_of_levels(const Mail *mail, const Settings *settings)
{
	const char *const *value = mail->request.value;

	if (settings->receive.security_level.code != SECURITY_ENCRYPT)
		return NULL;
	if (value[REQUEST_ENCRYPTION_PROTOCOL][0] == '\0')
		return "530 5.7.0 Must issue a STARTTLS command first";
	if (settings->receive.client_certificate.code != CLIENT_CERTIFICATE_REQUIRE ||
	    value[REQUEST_CCERT_SUBJECT][0] != '\0' || value[REQUEST_CCERT_ISSUER][0] != '\0')
		return NULL;
	return value[REQUEST_CCERT_FINGERPRINT][0] != '\0' ||
			       value[REQUEST_CCERT_PUBKEY_FINGERPRINT][0] != '\0'
		       ? "421 4.7.1 Client certificate not trusted"
		       : "421 4.7.1 No client certificate presented";
}

static void
print_level(const Document *document, const char *key, const CursorWord *level,
	    const NameTable *names)
{
	const char *word = names_word(names, level->code);
	g_autofree char *place = document_dup_place(document, level->place);

	output_print("%s: %s is %s%s\n", level->place != 0 ? place : document->path, key, word,
		     level->place != 0 ? "" : " (the default)");
	output_add_text(key, word);
}

/* ---- the rules ---- */

typedef struct {
	uint32_t number;
	gboolean is_broken;
	Breach breach;
	Violation violation;
	TlsProtocol min_protocol;
	unsigned min_cipher_bits;
	char name[RULEDB_MAX_NAME + 1];
} Applied;

static void
add_applied(uint32_t number, const RuleDbRule *rule, const Breach *breach, void *data)
{
	GArray *all = data;
	guint at = 0;
	Applied applied = {
		.number = number,
		.is_broken = breach != NULL,
		.breach = breach != NULL ? *breach : 0,
		.violation = rule->violation,
		.min_protocol = rule->min_protocol,
		.min_cipher_bits = rule->min_cipher_bits,
	};

	while (at < all->len && g_array_index(all, Applied, at).number < number)
		at++;
	if (at < all->len && g_array_index(all, Applied, at).number == number)
		return;
	g_strlcpy(applied.name, rule->name, sizeof applied.name);
	g_array_insert_val(all, at, applied);
}

/* The answer without "action=" and the empty line; the caller frees it. */
static char *
dup_reply(const Decision *decision)
{
	char reply[REPLY_MAX_BYTES + 1];

	reply_format(decision, reply);
	return g_strndup(reply + strlen("action="), strcspn(reply, "\n") - strlen("action="));
}

/* What would be answered if the rule were alone. */
static char *
dup_reply_of(const Applied *applied)
{
	Decision alone = { .answer = { .number = applied->number,
				       .violation = applied->violation,
				       .breach = applied->breach,
				       .min_protocol = applied->min_protocol,
				       .min_cipher_bits = applied->min_cipher_bits } };

	g_strlcpy(alone.answer.name, applied->name, sizeof alone.answer.name);
	return dup_reply(&alone);
}

static void
print_rule(const Document *document, const Applied *applied, const Decision *decision)
{
	const SettingsRule *rule = settings_rule(document->settings, applied->number);
	g_autofree char *place = document_dup_place(document, rule->place);
	const gboolean is_deciding =
		!decision->is_passed && decision->answer.number == applied->number;

	if (!applied->is_broken) {
		output_print("%s: rule %s applies and is satisfied\n", place, applied->name);
	} else {
		g_autofree char *reply = dup_reply_of(applied);
		output_print("%s: rule %s applies and is broken%s: %s\n", place, applied->name,
			     is_deciding ? ", and decides" : ", but another one decides", reply);
	}
	output_begin_object(NULL);
	output_add_text("name", applied->name);
	output_add_text("place", place);
	output_add_boolean("satisfied", !applied->is_broken);
	if (applied->is_broken) {
		output_add_text("reason", logline_reason(applied->breach));
		output_add_text("violation", names_word(&names_violation, applied->violation));
	}
	output_add_boolean("decides", is_deciding);
	output_end();
}

/* ---- the rules that do not apply ---- */

/* Of more than these only the number is said. */
#define MAX_OTHERS 20

static const struct {
	const char *key;
	size_t list; /* of SettingsRule */
} selectors[] = {
	{ "sender_domains", offsetof(SettingsRule, sender_domains) },
	{ "recipient_domains", offsetof(SettingsRule, recipient_domains) },
	{ "client_networks", offsetof(SettingsRule, client_networks) },
	{ "client_names", offsetof(SettingsRule, client_names) },
};

static void
note_applied(uint32_t number, const RuleDbRule *rule, const Breach *breach, void *data)
{
	*(gboolean *)data = TRUE;
}

/* Whether the rule would apply if selector were the only one that it has: asked like any other. */
static gboolean
matches(const ExplainReceive *question, const SettingsRule *rule, size_t selector)
{
	g_autoptr(GArray) rules = g_array_new(FALSE, FALSE, sizeof(SettingsRule));
	Settings alone = *question->document->settings;
	SettingsRule reduced = *rule;
	gboolean is_applied = FALSE;
	Decision decision;

	for (size_t i = 0; i < G_N_ELEMENTS(selectors); i++)
		if (i != selector)
			G_STRUCT_MEMBER(GArray *, &reduced, selectors[i].list) = NULL;
	g_array_append_val(rules, reduced);
	alone.receive.rules = rules;
	g_autoptr(GBytes) bytes = compile_rules(&alone, question->rewriting, 1);
	g_autoptr(RuleDb) db = ruledb_open_bytes(bytes, NULL);
	return db != NULL &&
	       decide_observed(db, &question->mail->request, note_applied, &is_applied, &decision,
			       NULL) &&
	       is_applied;
}

static void
print_other(const ExplainReceive *question, const SettingsRule *rule)
{
	g_autofree char *place = document_dup_place(question->document, rule->place);
	g_autoptr(GString) keys = g_string_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(selectors); i++)
		if (G_STRUCT_MEMBER(GArray *, rule, selectors[i].list) != NULL &&
		    !matches(question, rule, i))
			g_string_append_printf(keys, "%s%s", keys->len > 0 ? ", " : "",
					       selectors[i].key);
	output_print("%s: rule %s does not apply: nothing in %s matches\n", place, rule->name.text,
		     keys->str);
	output_begin_object(NULL);
	output_add_text("name", rule->name.text);
	output_add_text("place", place);
	output_add_text("unmatched", keys->str);
	output_end();
}

static gboolean
is_among(const GArray *applied, size_t number)
{
	for (guint i = 0; i < applied->len; i++)
		if (g_array_index(applied, Applied, i).number == number)
			return TRUE;
	return FALSE;
}

static void
print_others(const ExplainReceive *question, const GArray *applied)
{
	const Settings *settings = question->document->settings;
	const size_t n_others = settings_n_rules(settings) - applied->len;

	output_add_number("not_applied", n_others);
	if (n_others > MAX_OTHERS) {
		output_print("%zu other rules do not apply\n", n_others);
		return;
	}
	output_begin_list("others");
	for (size_t i = 0; i < settings_n_rules(settings); i++)
		if (!is_among(applied, i))
			print_other(question, settings_rule(settings, i));
	output_end();
}

static void
print_rules(const ExplainReceive *question, const GArray *applied, const Decision *decision)
{
	const Document *document = question->document;

	if (decision->is_exempt)
		output_print("the client is in receive.exempt_networks: no rule is asked\n");
	output_begin_list("applied");
	for (guint i = 0; i < applied->len; i++)
		print_rule(document, &g_array_index(applied, Applied, i), decision);
	output_end();
	if (!decision->is_exempt)
		print_others(question, applied);
	output_add_boolean("exempt", decision->is_exempt);
}

/* ---- the verdict ---- */

static void
print_verdict(const char *verdict, const char *decider, const char *reply)
{
	output_print("%s, by %s%s%s\n", verdict, decider, reply != NULL ? ": " : "",
		     reply != NULL ? reply : "");
	output_add_text("verdict", verdict);
	output_add_text("decided_by", decider);
	if (reply != NULL)
		output_add_text("reply", reply);
}

static void
print_decision(const Mail *mail, const Decision *decision)
{
	static const char *const verdicts[] = { [VIOLATION_REPORT] = "passed and reported",
						[VIOLATION_DEFER] = "deferred",
						[VIOLATION_REJECT] = "rejected" };
	char line[LOGLINE_MAX_BYTES];

	if (decision->is_passed) {
		print_verdict("passed", "levels and rules", NULL);
		return;
	}
	g_autofree char *reply = dup_reply(decision);
	g_autofree char *decider = g_strconcat("rule ", decision->answer.name, NULL);
	print_verdict(verdicts[decision->answer.violation], decider, reply);
	logline_format(&mail->request, decision, 1, line);
	output_print("logged as: %s\n", line);
	output_add_text("log", line);
}

static ExitCode
explain_rules(const ExplainReceive *question, GError **error)
{
	g_autoptr(GBytes) bytes =
		compile_rules(question->document->settings, question->rewriting, 1);
	g_autoptr(RuleDb) db = ruledb_open_bytes(bytes, error);
	g_autoptr(GArray) applied = g_array_new(FALSE, FALSE, sizeof(Applied));
	Decision decision;

	if (db == NULL ||
	    !decide_observed(db, &question->mail->request, add_applied, applied, &decision, error))
		return EXIT_BUG;
	print_rules(question, applied, &decision);
	print_decision(question->mail, &decision);
	return EXIT_DONE;
}

ExitCode
explain_receive(const ExplainReceive *question, GError **error)
{
	const Settings *settings = question->document->settings;
	ExitCode code = EXIT_DONE;

	apply_levels(question->mail, settings);
	make_request(question->mail);
	output_begin_object("explained");
	print_level(question->document, "receive.security_level", &settings->receive.security_level,
		    &names_receive_level);
	print_level(question->document, "receive.client_certificate",
		    &settings->receive.client_certificate, &names_client_certificate);
	const char *reply = reply_of_levels(question->mail, settings);
	if (reply == NULL)
		code = explain_rules(question, error);
	else
		print_verdict("refused", "levels", reply);
	output_end();
	return code;
}
