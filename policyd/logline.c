/* SPDX-License-Identifier: Apache-2.0 */
/* logline: the text of a log line about a decision.
 *
 * The keys and their order are an interface: scripts read them. New keys go to the end. No value
 * holds a blank, so that a line splits at blanks and each word at its first "=". Names of rules are
 * of a-z 0-9 . _ -, what comes from the network is escaped and cut. Everything is bounded; nothing
 * is allocated. */
#include "logline.h"

#include "names.h"

#include <string.h>

static const char *const reasons[] = {
	[BREACH_NO_TLS] = "no-tls",
	[BREACH_NO_CERTIFICATE] = "no-certificate",
	[BREACH_UNTRUSTED] = "untrusted-certificate",
	[BREACH_SUBJECT] = "other-subject",
	[BREACH_ISSUER] = "other-issuer",
	[BREACH_FINGERPRINT] = "other-fingerprint",
	[BREACH_NETWORK] = "other-network",
	[BREACH_CLIENT_NAME] = "other-client-name",
	[BREACH_PROTOCOL] = "old-protocol",
	[BREACH_CIPHER] = "weak-cipher",
};
G_STATIC_ASSERT(G_N_ELEMENTS(reasons) == N_BREACHES);

const char *
logline_reason(Breach breach)
{
	return reasons[breach];
}

/* The keys whose value is an attribute of the request, in the order of the line. */
static const struct {
	const char *key;
	RequestAttribute attribute;
} values[] = {
	{ "state", REQUEST_PROTOCOL_STATE },
	{ "client", REQUEST_CLIENT_ADDRESS },
	{ "sender", REQUEST_SENDER },
	{ "recipient", REQUEST_RECIPIENT },
	{ "queue_id", REQUEST_QUEUE_ID },
	{ "instance", REQUEST_INSTANCE },
	{ "tls", REQUEST_ENCRYPTION_PROTOCOL },
	{ "issuer", REQUEST_CCERT_ISSUER },
	{ "certificate", REQUEST_CCERT_FINGERPRINT },
	{ "public_key", REQUEST_CCERT_PUBKEY_FINGERPRINT },
	{ "subject", REQUEST_CCERT_SUBJECT },
	{ "client_name", REQUEST_CLIENT_NAME },
	{ "cipher_bits", REQUEST_ENCRYPTION_KEYSIZE },
};

/* A line that grows; what does not fit is left out. */
typedef struct {
	char *text;
	size_t length;
} Line;

static void
append(Line *line, const char *text)
{
	line->length +=
		g_strlcpy(line->text + line->length, text, LOGLINE_MAX_BYTES - line->length);
	line->length = MIN(line->length, LOGLINE_MAX_BYTES - 1);
}

void
logline_escape(const char *value, char word[LOGLINE_MAX_VALUE + 1])
{
	static const char hex[] = "0123456789ABCDEF";
	static const char dots[] = "...";
	const size_t limit = LOGLINE_MAX_VALUE - strlen(dots);
	size_t n = 0;

	for (; *value != '\0'; value++) {
		const unsigned char c = (unsigned char)*value;
		const gboolean is_plain = g_ascii_isgraph(*value) && c != '"' && c != '\\';

		if (n + (is_plain ? 1 : 4) > limit) {
			memcpy(word + n, dots, sizeof dots);
			return;
		}
		if (is_plain) {
			word[n++] = *value;
			continue;
		}
		word[n++] = '\\';
		word[n++] = 'x';
		word[n++] = hex[c >> 4];
		word[n++] = hex[c & 15];
	}
	word[n] = '\0';
}

static void
append_failed(Line *line, const Decision *decision)
{
	for (size_t i = 0; i < decision->n_failures; i++) {
		append(line, i > 0 ? "," : "");
		append(line, decision->failures[i].name);
	}
	append(line, decision->has_more ? ",..." : "");
}

static void
append_value(Line *line, const Request *request, size_t i)
{
	const char *value = request->value[values[i].attribute];
	char word[LOGLINE_MAX_VALUE + 1];

	/* As Postfix logs it: the null sender is not an absent one. */
	if (values[i].attribute == REQUEST_SENDER && value[0] == '\0')
		value = "<>";
	logline_escape(value, word);
	append(line, " ");
	append(line, values[i].key);
	append(line, "=");
	append(line, word);
}

void
logline_format(const Request *request, const Decision *decision, uint64_t generation,
	       char text[LOGLINE_MAX_BYTES])
{
	Line line = { text, 0 };
	char number[sizeof "18446744073709551615"];

	text[0] = '\0';
	append(&line, "verdict=");
	append(&line, names_word(&names_violation, decision->answer.violation));
	append(&line, " rule=");
	append(&line, decision->answer.name);
	append(&line, " failed=");
	append_failed(&line, decision);
	append(&line, " reason=");
	append(&line, logline_reason(decision->answer.breach));
	append(&line, " generation=");
	g_snprintf(number, sizeof number, "%" G_GUINT64_FORMAT, generation);
	append(&line, number);
	for (size_t i = 0; i < G_N_ELEMENTS(values); i++)
		append_value(&line, request, i);
}
