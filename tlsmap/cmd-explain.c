/* SPDX-License-Identifier: Apache-2.0 */
/* cmd-explain: what the document makes of one mail, and why; changes nothing. */
#include "cmd-explain-receive.h"
#include "cmd-explain-send.h"
#include "fingerprint.h"
#include "names.h"
#include "network.h"
#include "output.h"
#include "snapshot.h"

#include <string.h>

/* ---- options ---- */

/* xtext as smtpd(8) sends names of certificates (src/global/xtext.c, 3.7). */
static const char *
encode_xtext(GStringChunk *store, const char *text)
{
	g_autoptr(GString) xtext = g_string_new(NULL);

	for (; *text != '\0'; text++)
		if (g_ascii_isgraph(*text) && *text != '+' && *text != '=')
			g_string_append_c(xtext, *text);
		else
			g_string_append_printf(xtext, "+%02X", (unsigned char)*text);
	return g_string_chunk_insert(store, xtext->str);
}

static const char *
parse_text(GStringChunk *store, const char *text, const char **wanted)
{
	*wanted = "a text";
	return *text != '\0' ? text : NULL;
}

static const char *
parse_name(GStringChunk *store, const char *text, const char **wanted)
{
	*wanted = "a text";
	return *text != '\0' ? encode_xtext(store, text) : NULL;
}

static const char *
parse_sender(GStringChunk *store, const char *text, const char **wanted)
{
	*wanted = "an address, or <> for the null sender";
	return strcmp(text, "<>") == 0 ? "" : *text != '\0' ? text : NULL;
}

static const char *
parse_address(GStringChunk *store, const char *text, const char **wanted)
{
	Network network;

	*wanted = "an IPv4 or IPv6 address";
	return network_parse_address(text, &network) ? text : NULL;
}

static const char *
parse_protocol(GStringChunk *store, const char *text, const char **wanted)
{
	*wanted = "TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3";
	return names_code(&names_tls_protocol, text) >= 0 ? text : NULL;
}

static const char *
parse_bits(GStringChunk *store, const char *text, const char **wanted)
{
	guint64 bits;

	*wanted = "a number of bits from 0 to 4096";
	return g_ascii_string_to_unsigned(text, 10, 0, 4096, &bits, NULL) ? text : NULL;
}

static const char *
parse_fingerprint(GStringChunk *store, const char *text, const char **wanted)
{
	g_autofree char *form = g_strdup(text);

	*wanted = "a fingerprint as in a document";
	return fingerprint_normalise(form) == NULL ? g_string_chunk_insert(store, form) : NULL;
}

/* The value of the attribute, static, given or in store; NULL where text is none, and *wanted says
 * what is. */
static const struct {
	const char *name;
	RequestAttribute attribute;
	const char *(*parse)(GStringChunk *store, const char *text, const char **wanted);
} options[] = {
	{ "--sender", REQUEST_SENDER, parse_sender },
	{ "--recipient", REQUEST_RECIPIENT, parse_text },
	{ "--client-address", REQUEST_CLIENT_ADDRESS, parse_address },
	{ "--client-name", REQUEST_CLIENT_NAME, parse_text },
	{ "--reverse-client-name", REQUEST_REVERSE_CLIENT_NAME, parse_text },
	{ "--tls", REQUEST_ENCRYPTION_PROTOCOL, parse_protocol },
	{ "--cipher-bits", REQUEST_ENCRYPTION_KEYSIZE, parse_bits },
	{ "--subject", REQUEST_CCERT_SUBJECT, parse_name },
	{ "--issuer", REQUEST_CCERT_ISSUER, parse_name },
	{ "--fingerprint", REQUEST_CCERT_FINGERPRINT, parse_fingerprint },
	{ "--key-fingerprint", REQUEST_CCERT_PUBKEY_FINGERPRINT, parse_fingerprint },
};

static gboolean
parse_option(Mail *mail, const char *name, const char *text)
{
	size_t i = 0;
	const char *wanted;

	while (i < G_N_ELEMENTS(options) && strcmp(options[i].name, name) != 0)
		i++;
	if (i == G_N_ELEMENTS(options)) {
		command_refuse_argument(&command_explain, name);
		return FALSE;
	}
	const char **value = &mail->given[options[i].attribute];
	*value = options[i].parse(mail->store, text != NULL ? text : "", &wanted);
	if (*value != NULL)
		return TRUE;
	g_autofree char *quoted = finding_quote(text != NULL ? text : "", -1);
	command_complain("explain: found %s behind %s; accepted is %s", quoted, name, wanted);
	return FALSE;
}

static gboolean
parse_receive(Mail *mail, char **arguments)
{
	for (; *arguments != NULL; arguments += 2)
		if (!parse_option(mail, arguments[0], arguments[1]))
			return FALSE;
	if (mail->given[REQUEST_SENDER] != NULL && mail->given[REQUEST_CLIENT_ADDRESS] != NULL)
		return TRUE;
	command_complain("explain: rules depend on where mail comes from: say --client-address and "
			 "--sender (<> is the null sender); see tlsmap explain --help");
	return FALSE;
}

static gboolean
is_destination(const char *text)
{
	return text != NULL && *text != '\0' && *text != '-' && *text != '.' &&
	       g_utf8_validate(text, -1, NULL) && text[strlen(text) - 1] != '@';
}

static gboolean
parse_send(ExplainSend *question, char **arguments)
{
	const char *wanted;

	for (; *arguments != NULL; arguments++)
		if (strcmp(*arguments, "--sender") == 0) {
			question->sender = parse_sender(
				NULL, arguments[1] != NULL ? arguments[1] : "", &wanted);
			if (question->sender == NULL) {
				command_complain("explain: --sender needs %s", wanted);
				return FALSE;
			}
			arguments++;
		} else if (question->destination == NULL && is_destination(*arguments)) {
			question->destination = *arguments;
		} else {
			command_refuse_argument(&command_explain, *arguments);
			return FALSE;
		}
	if (question->destination == NULL)
		command_complain("explain: where is the mail to go? accepted is an address, a "
				 "domain or a next-hop; see tlsmap explain --help");
	return question->destination != NULL;
}

/* ---- the command ---- */

/* How addresses are rewritten is for Postfix to say; without one by its defaults. */
static ExitCode
explain_document(const CommandContext *context, Document *document, Mail *mail)
{
	static const AddressRewriting defaults = { .swap_bangpath = TRUE,
						   .allow_percent_hack = TRUE,
						   .append_at_myorigin = TRUE,
						   .append_dot_mydomain = TRUE };
	g_autoptr(GError) error = NULL;
	g_autoptr(GError) absence = NULL;
	g_autoptr(Snapshot) snapshot = snapshot_take(context->config_directory, &absence);

	if (snapshot == NULL)
		command_note("addresses are read by Postfix's defaults: %s", absence->message);
	const ExplainReceive question = { document,
					  snapshot != NULL ? &snapshot->rewriting : &defaults,
					  mail };
	ExitCode code = explain_receive(&question, &error);
	return error != NULL ? command_fail(code, error) : code;
}

static ExitCode
run_receive(const CommandContext *context, char **arguments)
{
	g_auto(Document) document = { .is_only_looked_at = TRUE };
	Mail mail = { .store = g_string_chunk_new(256) };
	ExitCode code = EXIT_USAGE;

	if (parse_receive(&mail, arguments)) {
		code = document_load(context, &document);
		if (code == EXIT_DONE)
			code = explain_document(context, &document, &mail);
		code = document_report(context, &document, code);
	}
	g_string_chunk_free(mail.store);
	return code;
}

/* The way of mail is for Postfix to say. */
static ExitCode
explain_way(const CommandContext *context, ExplainSend *question)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Snapshot) snapshot = snapshot_take(context->config_directory, &error);
	ExitCode code = EXIT_NO_POSTFIX;

	question->snapshot = snapshot;
	if (snapshot != NULL)
		code = explain_send(question, &error);
	return error != NULL ? command_fail(code, error) : code;
}

static ExitCode
run_send(const CommandContext *context, char **arguments)
{
	g_auto(Document) document = { .is_only_looked_at = TRUE };
	ExplainSend question = { .document = &document };

	if (!parse_send(&question, arguments))
		return EXIT_USAGE;
	ExitCode code = document_load(context, &document);
	if (code == EXIT_DONE)
		code = explain_way(context, &question);
	return document_report(context, &document, code);
}

static ExitCode
run(const CommandContext *context, char **arguments)
{
	if (arguments[0] != NULL && strcmp(arguments[0], "receive") == 0)
		return run_receive(context, arguments + 1);
	if (arguments[0] != NULL && strcmp(arguments[0], "send") == 0)
		return run_send(context, arguments + 1);
	command_complain(
		"explain: what is to be explained? accepted is receive or send; see tlsmap "
		"explain --help");
	return EXIT_USAGE;
}

const Command command_explain = {
	.name = "explain",
	.summary = "show what becomes of a mail, and why",
	.arguments = "{receive --client-address ADDRESS --sender ADDRESS [OPTION VALUE]… | "
		     "send DEST [--sender ADDRESS]}",
	.help = "Shows what the document makes of mail that comes: the levels, which Postfix keeps, and\n"
		"each rule that applies, by the code that policyd runs. Nothing is changed.\n\n"
		"  --client-address A   where it comes from\n"
		"  --client-name N      the name of the client, if DNS leads from there to the name and back\n"
		"  --reverse-client-name N\n"
		"                       the name that DNS has for the address, whether it leads back or not\n"
		"  --sender S           of MAIL FROM; <> is the null sender\n"
		"  --recipient R        of RCPT TO; without it as at DATA with several recipients\n"
		"  --tls P              the protocol, TLSv1.2 for example; without it the mail is in clear\n"
		"  --cipher-bits N      of the session (default: 256)\n"
		"  --subject N          the common name of the subject of a trusted client certificate\n"
		"  --issuer N           the common name of its issuer\n"
		"  --fingerprint F      of the client certificate, trusted or not\n"
		"  --key-fingerprint F  of its public key\n\n"
		"Or what becomes of mail that goes to DEST, an address, a domain or a next-hop: its route\n"
		"through this Postfix, the keys that Postfix asks for, the row or level that decides, what\n"
		"that means, which rows lose, and what the log will say. With --sender the tables that\n"
		"depend on the sender are asked, too.\n",
	.statuses = "0 done, 1 --strict, 64 usage, 65 document, 69 Postfix (send), 70 bug",
	.example = "tlsmap explain send user@partner.example",
	.run = run,
};
