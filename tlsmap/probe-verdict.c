/* SPDX-License-Identifier: Apache-2.0 */
/* probe-verdict: what smtp(8) makes of a host that posttls-finger(1) has tried. Pure.
 *
 * posttls-finger has no status for what it saw. It prints the conversation, "> " before each
 * command and "< " before each line of a reply, and what went wrong in lines of its own
 * (src/posttls-finger/posttls-finger.c, 3.5 to 3.12). It goes on where smtp(8) gives up, and gives
 * up where smtp(8) goes on; what smtp(8) does is told by src/smtp/smtp_proto.c, smtp_helo() and
 * smtp_start_tls(), and src/smtp/smtp_trouble.c. Nothing is taken for granted: mail is said to go
 * only where the server has answered all that smtp(8) asks before MAIL FROM. */
#include "probe-verdict.h"

#include "finger.h"

#include <string.h>

#define NAME "posttls-finger: "
#define ESTABLISHED " TLS connection established to "
#define LOOKUP_FAILED "Destination address lookup failed: "
#define VERIFY_FAILED "certificate verification failed for "

/* How far the conversation has come. */
typedef enum {
	STAGE_CONNECT,
	STAGE_HANDSHAKE,
	STAGE_GREETING,
	STAGE_EHLO,
	STAGE_ANSWERED, /* EHLO */
	STAGE_STARTTLS
} Stage;

typedef struct {
	const ProbeQuestion *question;
	ProbeSeen *seen;
	Stage stage;
	gboolean is_encrypted;
	gboolean is_verified;
	gboolean needs_match;
	gboolean is_first_line;    /* the next one of a reply */
	gboolean is_offered;       /* STARTTLS */
	gboolean is_own;           /* the host has our name */
	gboolean is_engine_broken; /* our own TLS */
	char *verify_failure;
	char *trouble; /* the last remark: of what went wrong it says most */
	char *alert;   /* what OpenSSL says of it */
} Walk;

void
probe_verdict_clear(ProbeSeen *seen)
{
	char **texts[] = { &seen->reason, &seen->address,     &seen->protocol,
			   &seen->cipher, &seen->fingerprint, &seen->key_fingerprint };

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		g_clear_pointer(texts[i], g_free);
	g_clear_pointer(&seen->certificate, g_bytes_unref);
}

const char *
probe_verdict_word(ProbeOutcome outcome)
{
	static const char *const words[] = {
		[PROBE_DELIVERED] = "delivered", [PROBE_CLEAR] = "clear",
		[PROBE_CLEAR_LATER] = "clear",   [PROBE_DEFERRED] = "deferred",
		[PROBE_RETURNED] = "returned",   [PROBE_UNKNOWN] = "unknown",
		[PROBE_NOT_TRIED] = "not-tried",
	};
	G_STATIC_ASSERT(G_N_ELEMENTS(words) == N_PROBE_OUTCOMES);

	return words[outcome];
}

/* src/tls/tls.h, TLS_MUST_MATCH(), 3.7. */
gboolean
probe_verdict_needs_match(SecurityLevel level)
{
	return level > SECURITY_ENCRYPT;
}

/* ---- what is said ---- */

static void
set_text(char **text, char *value)
{
	g_free(*text);
	*text = value;
}

/* "error:0A000410:SSL routines::sslv3 alert handshake failure:../ssl/…": the fifth says it. */
static char *
dup_library_problem(const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, ":", 7);

	return g_strv_length(parts) > 5 ? g_strdup(parts[4]) : g_strdup(text);
}

/* What follows the line's first words, or NULL where it does not begin with them. A certificate can
 * have any of them in its names, which stand further on in other lines. */
static const char *
find_behind(const char *text, const char *first, const char *words)
{
	return g_str_has_prefix(text, first) && g_str_has_prefix(text + strlen(first), words)
		       ? text + strlen(first) + strlen(words)
		       : NULL;
}

static const char *
find_behind_any(const char *text, const char *const *firsts, const char *words)
{
	const char *behind = NULL;

	for (; *firsts != NULL && behind == NULL; firsts++)
		behind = find_behind(text, *firsts, words);
	return behind;
}

/* "server certificate verification failed for mx.example.com[192.0.2.1]:25: num=62:hostname
 * mismatch"; peer is what follows the words. */
static void
take_verify_failure(Walk *walk, const char *peer)
{
	const char *reason = strstr(peer, ": ");

	if (reason == NULL)
		return;
	reason += 2;
	if (g_str_has_prefix(reason, "num=") && strchr(reason, ':') != NULL)
		reason = strchr(reason, ':') + 1;
	set_text(&walk->verify_failure, g_strdup(reason));
}

/* "Verified TLS connection established to mx.example.com[192.0.2.1]:25: TLSv1.3 with cipher X …" */
static void
take_connection(Walk *walk, const char *peer, gboolean is_verified)
{
	const char *what = strstr(peer, ": ");

	if (walk->stage != STAGE_HANDSHAKE || what == NULL)
		return;
	g_auto(GStrv) words = g_strsplit(what + 2, " ", 5);
	if (g_strv_length(words) < 4)
		return;
	walk->seen->protocol = g_strdup(words[0]);
	walk->seen->cipher = g_strdup(words[3]);
	walk->is_encrypted = TRUE;
	walk->is_verified = is_verified;
	walk->stage = walk->question->is_wrapped ? STAGE_GREETING : STAGE_EHLO;
	walk->is_first_line = TRUE;
}

/* What is said of the session and the certificate. FALSE: nothing is. */
static gboolean
take_session(Walk *walk, const char *text)
{
	static const char *const roles[] = { "", "server ", "CA ", NULL };
	static const char *const words[] = { "Verified", "Trusted", "Untrusted", "Anonymous",
					     NULL };
	const char *behind = find_behind_any(text, words, ESTABLISHED);

	if (behind != NULL) {
		take_connection(walk, behind, g_str_has_prefix(text, words[0]));
		return TRUE;
	}
	behind = find_behind_any(text, roles, VERIFY_FAILED);
	if (behind != NULL)
		take_verify_failure(walk, behind);
	return behind != NULL;
}

/* What posttls-finger says in words of its own. */
static void
take_remark(Walk *walk, const char *text)
{
	static const char library[] = "warning: TLS library problem: ";

	if (g_str_has_prefix(text, "Connected to ")) {
		walk->seen->address = g_strdup(text + strlen("Connected to "));
		walk->stage = walk->question->is_wrapped ? STAGE_HANDSHAKE : STAGE_GREETING;
	} else if (take_session(walk, text)) {
		return;
	} else if (g_str_has_prefix(text, "no TLSA records found")) {
		walk->seen->tlsa = PROBE_TLSA_NONE;
	} else if (g_str_has_prefix(text, "no usable TLSA records found")) {
		walk->seen->tlsa = PROBE_TLSA_UNUSABLE;
	} else if (g_str_has_prefix(text, "warning: ") &&
		   strstr(text, ": all TLSA records unusable, fallback to ") != NULL) {
		walk->seen->tlsa = PROBE_TLSA_UNUSABLE;
		walk->needs_match = FALSE;
	} else if (g_str_has_suffix(text, "disabling TLS support")) {
		walk->is_engine_broken = TRUE;
		set_text(&walk->trouble, g_strdup(text));
	} else if (g_str_has_prefix(text, library)) {
		set_text(&walk->alert, dup_library_problem(text + strlen(library)));
	} else {
		set_text(&walk->trouble, g_strdup(text));
	}
}

static void
take_ehlo_line(Walk *walk, const char *line)
{
	size_t length = strcspn(line, " \t=");
	g_autofree char *word = g_strndup(line, length);

	if (walk->is_first_line && walk->question->own_name != NULL)
		walk->is_own = g_ascii_strcasecmp(word, walk->question->own_name) == 0;
	else if (!walk->is_encrypted && g_ascii_strcasecmp(word, "STARTTLS") == 0)
		walk->is_offered = TRUE;
}

/* A line of a reply; its last has no hyphen behind the code. What follows a refusal is told in a
 * remark. */
static void
take_reply(Walk *walk, const char *line)
{
	gboolean is_good = line[0] == '2' && strlen(line) >= 3;

	if (walk->stage == STAGE_EHLO && is_good && line[3] != '\0')
		take_ehlo_line(walk, line + 4);
	walk->is_first_line = FALSE;
	if (!is_good || line[3] == '-')
		return;
	walk->is_first_line = TRUE;
	if (walk->stage == STAGE_GREETING)
		walk->stage = STAGE_EHLO;
	else if (walk->stage == STAGE_EHLO)
		walk->stage = STAGE_ANSWERED;
	else if (walk->stage == STAGE_STARTTLS)
		walk->stage = STAGE_HANDSHAKE;
}

/* Behind QUIT nothing counts. FALSE: this is the end. */
static gboolean
take_line(Walk *walk, const char *text)
{
	if (g_str_has_prefix(text, "> QUIT"))
		return FALSE;
	if (g_str_has_prefix(text, "< "))
		take_reply(walk, text + 2);
	else if (g_str_has_prefix(text, "> STARTTLS"))
		walk->stage = STAGE_STARTTLS;
	else if (!g_str_has_prefix(text, "> "))
		take_remark(walk, text);
	return TRUE;
}

/* "   cert digest=AA:BB:…": of the leaf, which comes first. What the server says never stands at
 * the beginning of a line. */
static char *
dup_digest(const char *output, const char *label)
{
	const char *begin = strstr(output, label);

	if (begin == NULL)
		return NULL;
	begin += strlen(label);
	return g_strndup(begin, strcspn(begin, "\n"));
}

/* ---- what becomes of it ---- */

static void
judge(ProbeSeen *seen, ProbeOutcome outcome, char *reason)
{
	seen->outcome = outcome;
	set_text(&seen->reason, reason);
}

/* How long Postfix and the probe wait at this stage. */
static guint
patience_of(const Walk *walk, guint *limit)
{
	const ProbeTimes *times = &walk->question->times;

	*limit = walk->stage == STAGE_CONNECT || walk->stage == STAGE_GREETING
			 ? walk->question->greeting_limit
			 : walk->question->command_limit;
	switch (walk->stage) {
	case STAGE_CONNECT:
		return times->connect;
	case STAGE_STARTTLS:
	case STAGE_HANDSHAKE:
		return times->starttls;
	case STAGE_GREETING:
	case STAGE_EHLO:
	case STAGE_ANSWERED:
		return times->helo;
	}
	g_assert_not_reached();
}

static const char *
stage_word(Stage stage)
{
	static const char *const words[] = {
		[STAGE_CONNECT] = "connecting",     [STAGE_HANDSHAKE] = "the TLS handshake",
		[STAGE_GREETING] = "the greeting",  [STAGE_EHLO] = "EHLO",
		[STAGE_ANSWERED] = "what followed", [STAGE_STARTTLS] = "STARTTLS",
	};

	return words[stage];
}

/* A wait that Postfix would not have given up says nothing. */
static gboolean
is_undecided(Walk *walk, gboolean is_killed)
{
	const char *trouble = walk->trouble != NULL ? walk->trouble : "";
	guint limit;
	guint patience = patience_of(walk, &limit);
	gboolean is_late =
		strstr(trouble, "timeout") != NULL || strstr(trouble, "timed out") != NULL;

	if (!is_killed && (!is_late || limit >= patience))
		return FALSE;
	judge(walk->seen, PROBE_UNKNOWN,
	      g_strdup_printf("there was no answer in time: %s; Postfix waits %u seconds there, "
			      "the probe waited %u",
			      stage_word(walk->stage), patience, limit));
	return TRUE;
}

/* "Failed to establish session to [mx.example.com] via mx.example.com:25: connect to …" */
static char *
dup_trouble(const Walk *walk)
{
	const char *trouble =
		walk->trouble != NULL ? walk->trouble : "posttls-finger does not say why";
	const char *via = strstr(trouble, " via ");
	const char *cause = via != NULL ? strstr(via, ": ") : NULL;

	if (g_str_has_prefix(trouble, LOOKUP_FAILED))
		return g_strdup(trouble + strlen(LOOKUP_FAILED));
	if (g_str_has_prefix(trouble, "Failed to establish session to ") && cause != NULL)
		return g_strdup(cause + 2);
	return g_strdup(trouble);
}

/* By the reply that trouble quotes behind its first colon. */
static void
judge_reply(Walk *walk)
{
	const char *reply = walk->trouble != NULL ? strstr(walk->trouble, ": ") : NULL;
	gboolean is_final = reply != NULL && reply[2] == '5';

	judge(walk->seen, is_final ? PROBE_RETURNED : PROBE_DEFERRED, dup_trouble(walk));
}

/* Without an address there is nothing to connect to. What can be cured by time says so
 * (src/dns/dns_lookup.c, dns_query(), 3.7). An anchor that can't be loaded defers all mail
 * (src/smtp/smtp_tls_policy.c, MARK_INVALID()). */
static void
judge_unreached(Walk *walk)
{
	static const char *const deferring[] = { LOOKUP_FAILED, "Failed to establish session to ",
						 "fatal: Failed to load trust anchor file" };
	const char *trouble = walk->trouble != NULL ? walk->trouble : "";
	ProbeOutcome outcome = PROBE_UNKNOWN;

	for (size_t i = 0; i < G_N_ELEMENTS(deferring); i++)
		if (g_str_has_prefix(trouble, deferring[i]))
			outcome = PROBE_DEFERRED;
	if (g_str_has_prefix(trouble, LOOKUP_FAILED) && strstr(trouble, "try again") == NULL &&
	    strstr(trouble, "Temporary failure") == NULL)
		outcome = PROBE_RETURNED;
	judge(walk->seen, outcome, dup_trouble(walk));
}

static void
judge_greeting(Walk *walk)
{
	judge_reply(walk);
	if (walk->seen->outcome == PROBE_RETURNED && walk->question->skips_5xx)
		walk->seen->outcome = PROBE_DEFERRED;
}

/* A message that has waited for minimal_backoff_time goes to the same host without TLS
 * (src/smtp/smtp.h, PLAINTEXT_FALLBACK_OK_AFTER_…, 3.7). */
static void
judge_broken_tls(Walk *walk)
{
	gboolean falls_back =
		walk->question->level == SECURITY_MAY && !walk->question->keeps_off_clear;

	judge(walk->seen, falls_back ? PROBE_CLEAR_LATER : PROBE_DEFERRED,
	      g_strdup_printf("the TLS session fails: %s%s",
			      walk->alert != NULL     ? walk->alert
			      : walk->trouble != NULL ? walk->trouble
						      : "the connection is lost",
			      falls_back ? "; Postfix first defers, and when the mail has waited "
					   "for minimal_backoff_time sends it without TLS"
					 : ""));
}

static void
judge_without_tls(Walk *walk, const char *why)
{
	const ProbeQuestion *question = walk->question;
	gboolean is_clear = question->level <= SECURITY_MAY && !question->is_wrapped;

	judge(walk->seen, is_clear ? PROBE_CLEAR : PROBE_DEFERRED,
	      question->level == SECURITY_NONE ? g_strdup("the level is none") : g_strdup(why));
}

/* smtp_helo(): 421 ends it, behind every other refusal HELO follows, and without EHLO there is no
 * STARTTLS. That HELO is taken can't be seen. */
static void
judge_ehlo(Walk *walk)
{
	const char *trouble = walk->trouble != NULL ? walk->trouble : "";
	const char *reply = strstr(trouble, "rejected: ");

	if (walk->is_encrypted && reply == NULL)
		judge_broken_tls(walk);
	else if (walk->is_encrypted || reply == NULL || g_str_has_prefix(reply, "rejected: 421"))
		judge_reply(walk);
	else
		judge_without_tls(walk, "EHLO is refused, and without it there is no STARTTLS");
}

static void
judge_starttls(Walk *walk)
{
	if (walk->question->level == SECURITY_MAY && walk->trouble != NULL &&
	    g_str_has_prefix(walk->trouble, "STARTTLS rejected: "))
		judge_without_tls(walk, walk->trouble);
	else
		judge_reply(walk);
}

static void
judge_answered(Walk *walk)
{
	if (walk->is_encrypted)
		judge(walk->seen, PROBE_DELIVERED, NULL);
	else if (walk->question->ignores_starttls)
		judge_without_tls(walk, "smtp_discard_ehlo_keywords ignores STARTTLS");
	else if (!walk->is_offered || walk->question->level == SECURITY_NONE)
		judge_without_tls(walk, "STARTTLS is not offered");
	else if (walk->is_engine_broken && walk->question->has_rights)
		judge_without_tls(walk, walk->trouble);
	else if (walk->is_engine_broken)
		judge(walk->seen, PROBE_UNKNOWN,
		      g_strdup_printf("only root can read what Postfix reads: %s", walk->trouble));
	else
		judge(walk->seen, PROBE_UNKNOWN, g_strdup("posttls-finger did not start TLS"));
}

static void
judge_stage(Walk *walk)
{
	switch (walk->stage) {
	case STAGE_CONNECT:
		judge_unreached(walk);
		return;
	case STAGE_HANDSHAKE:
		judge_broken_tls(walk);
		return;
	case STAGE_GREETING:
		judge_greeting(walk);
		return;
	case STAGE_EHLO:
		judge_ehlo(walk);
		return;
	case STAGE_ANSWERED:
		judge_answered(walk);
		return;
	case STAGE_STARTTLS:
		judge_starttls(walk);
		return;
	}
	g_assert_not_reached();
}

/* In the order in which smtp(8) comes to it. */
static void
judge_all(Walk *walk, gboolean is_killed)
{
	if (walk->is_own)
		judge(walk->seen, walk->question->is_best ? PROBE_RETURNED : PROBE_DEFERRED,
		      g_strdup("mail would loop: the host has the name of this Postfix"));
	else if (walk->is_encrypted && walk->needs_match && !walk->is_verified)
		judge(walk->seen, PROBE_DEFERRED,
		      g_strdup_printf("the server certificate is not verified: %s",
				      walk->verify_failure != NULL ? walk->verify_failure
								   : "it does not match"));
	else if (walk->stage == STAGE_ANSWERED && !is_killed)
		judge_answered(walk);
	else if (!is_undecided(walk, is_killed))
		judge_stage(walk);
}

void
probe_verdict_read(const char *output, gboolean is_killed, const ProbeQuestion *question,
		   ProbeSeen *seen)
{
	g_auto(GStrv) lines = g_strsplit(output, "\n", -1);
	Walk walk = { .question = question,
		      .seen = seen,
		      .needs_match = probe_verdict_needs_match(question->level),
		      .is_first_line = TRUE };

	*seen = (ProbeSeen){ .outcome = PROBE_UNKNOWN };
	for (size_t i = 0; lines[i] != NULL; i++)
		if (g_str_has_prefix(lines[i], NAME) && !take_line(&walk, lines[i] + strlen(NAME)))
			break;
	seen->certificate = finger_dup_certificate(output);
	seen->fingerprint = dup_digest(output, "\n   cert digest=");
	seen->key_fingerprint = dup_digest(output, "\n   pkey digest=");
	judge_all(&walk, is_killed);
	g_free(walk.verify_failure);
	g_free(walk.trouble);
	g_free(walk.alert);
}
