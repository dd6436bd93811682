/* SPDX-License-Identifier: Apache-2.0 */
/* finger: what posttls-finger(1) has seen of a listener. Pure.
 *
 * posttls-finger has no status for what it saw: it prints the conversation, "> " before each
 * command and "< " before each line of a reply, what went wrong in a line of its own, and with -C
 * the certificates in PEM (src/posttls-finger/posttls-finger.c, 3.5 to 3.12). */
#include "finger.h"

#include <string.h>

/* What the server says never stands at the beginning of a line. */
#define BEGIN_CERTIFICATE "\n-----BEGIN CERTIFICATE-----"
#define END_CERTIFICATE "-----END CERTIFICATE-----"
#define NAME "posttls-finger: "

void
finger_clear(Finger *finger)
{
	g_clear_pointer(&finger->seen, g_free);
	g_clear_pointer(&finger->certificate, g_bytes_unref);
}

/* The leaf comes first. */
GBytes *
finger_dup_certificate(const char *output)
{
	const char *begin = strstr(output, BEGIN_CERTIFICATE);
	gsize size;

	if (begin == NULL)
		return NULL;
	begin += strlen(BEGIN_CERTIFICATE);
	const char *end = strstr(begin, END_CERTIFICATE);
	if (end == NULL)
		return NULL;
	g_autofree char *text = g_strndup(begin, end - begin);
	guchar *der = g_base64_decode(text, &size);
	return g_bytes_new_take(der, size);
}

/* What stands behind "posttls-finger: "; NULL: not of the conversation. */
static const char *
said(const char *line)
{
	return g_str_has_prefix(line, NAME) ? line + strlen(NAME) : NULL;
}

/* The first line of the reply to a command, or of the greeting (NULL), without "< "; NULL: none. */
static const char *
find_reply(char **lines, const char *command)
{
	gboolean is_asked = command == NULL;

	for (; *lines != NULL; lines++) {
		const char *text = said(*lines);
		if (text == NULL)
			continue;
		if (is_asked && g_str_has_prefix(text, "< "))
			return text + 2;
		if (!is_asked)
			is_asked =
				g_str_has_prefix(text, "> ") && g_str_has_prefix(text + 2, command);
	}
	return NULL;
}

/* Whether the reply to the first EHLO has the word. */
static gboolean
is_offered(char **lines, const char *word)
{
	gboolean is_asked = FALSE;

	for (; *lines != NULL; lines++) {
		const char *text = said(*lines);
		if (text == NULL)
			continue;
		if (g_str_has_prefix(text, "> ") && is_asked)
			return FALSE;
		if (g_str_has_prefix(text, "> "))
			is_asked = g_str_has_prefix(text + 2, "EHLO");
		else if (is_asked && strlen(text) > 6 && g_str_has_prefix(text, "< ") &&
			 g_ascii_strcasecmp(text + 6, word) == 0)
			return TRUE;
	}
	return FALSE;
}

/* The last line that is no part of the conversation: of what went wrong it says most. */
static const char *
find_trouble(char **lines)
{
	const char *trouble = NULL;

	for (; *lines != NULL; lines++) {
		const char *text = said(*lines);
		if (text != NULL && !g_str_has_prefix(text, "< ") &&
		    !g_str_has_prefix(text, "> ") && !g_str_has_prefix(text, "Connected to "))
			trouble = text;
	}
	return trouble != NULL ? trouble : "no answer in time";
}

static gboolean
is_refusal(const char *reply)
{
	return reply != NULL && (reply[0] == '4' || reply[0] == '5');
}

static FingerGrade
judge(FingerGrade grade, const char *seen, Finger *finger)
{
	finger->seen = g_strdup(seen);
	return grade;
}

/* Behind a refusal, which may be meant for the one who asks, nothing can be seen. */
static FingerGrade
judge_greeting(char **lines, FingerMode mode, Finger *finger)
{
	const char *greeting = find_reply(lines, NULL);
	const char *ehlo = find_reply(lines, "EHLO");

	if (is_refusal(greeting))
		return judge(FINGER_NOT_PROVED, greeting, finger);
	if (mode == FINGER_WRAPPED)
		return finger->certificate != NULL
			       ? FINGER_GOOD
			       : judge(FINGER_OTHER_TLS, find_trouble(lines), finger);
	if (is_refusal(ehlo))
		return judge(FINGER_NOT_PROVED, ehlo, finger);
	if (greeting == NULL || greeting[0] != '2' || ehlo == NULL || ehlo[0] != '2')
		return judge(FINGER_DEAD, find_trouble(lines), finger);
	return FINGER_GOOD;
}

static FingerGrade
judge_tls(char **lines, FingerMode mode, Finger *finger)
{
	gboolean is_starttls_offered = is_offered(lines, "STARTTLS");

	if (mode == FINGER_CLEAR)
		return is_starttls_offered
			       ? judge(FINGER_OTHER_TLS,
				       "STARTTLS is offered, though the level is none", finger)
			       : FINGER_GOOD;
	if (!is_starttls_offered)
		return judge(FINGER_OTHER_TLS, "STARTTLS is not offered", finger);
	if (finger->certificate == NULL)
		return judge(FINGER_OTHER_TLS, find_trouble(lines), finger);
	return FINGER_GOOD;
}

void
finger_read(const char *output, FingerMode mode, Finger *finger)
{
	g_auto(GStrv) lines = g_strsplit(output, "\n", -1);

	finger->certificate = finger_dup_certificate(output);
	finger->grade = judge_greeting(lines, mode, finger);
	if (finger->grade == FINGER_GOOD && mode != FINGER_WRAPPED)
		finger->grade = judge_tls(lines, mode, finger);
}
