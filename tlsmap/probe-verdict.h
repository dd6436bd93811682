/* SPDX-License-Identifier: Apache-2.0 */
/* probe-verdict: what smtp(8) makes of a host that posttls-finger(1) has tried. Pure. */
#pragma once

#include "names.h"

#include <glib.h>

/* What becomes of mail. */
typedef enum {
	PROBE_DELIVERED,   /* over TLS, as the level demands */
	PROBE_CLEAR,       /* without TLS */
	PROBE_CLEAR_LATER, /* deferred at first, then without TLS */
	PROBE_DEFERRED,
	PROBE_RETURNED,
	PROBE_UNKNOWN,
	PROBE_NOT_TRIED, /* it does not go by smtp(8) */
	N_PROBE_OUTCOMES
} ProbeOutcome;

/* Why "dane" is not what it promises. */
typedef enum { PROBE_TLSA_USED, PROBE_TLSA_NONE, PROBE_TLSA_UNUSABLE } ProbeTlsa;

/* How long Postfix waits, in seconds. */
typedef struct {
	guint connect;  /* smtp_connect_timeout */
	guint helo;     /* smtp_helo_timeout */
	guint starttls; /* smtp_starttls_timeout */
} ProbeTimes;

/* How a host was tried, and what smtp(8) has in force for it. */
typedef struct {
	SecurityLevel level;
	gboolean is_wrapped;       /* smtp_tls_wrappermode */
	gboolean ignores_starttls; /* smtp_discard_ehlo_keywords; tried at "none" */
	gboolean skips_5xx;        /* smtp_skip_5xx_greeting */
	gboolean keeps_off_clear;  /* SASL: a failed handshake is not followed by mail in clear */
	gboolean is_best;          /* no host is preferred to it */
	gboolean has_rights;       /* to read what smtp(8) reads */
	const char *own_name;      /* myhostname; NULL: loops are not looked for */
	ProbeTimes times;
	/* How long the probe has waited, in seconds: to connect and for the greeting; for each
	 * later answer. */
	guint greeting_limit;
	guint command_limit;
} ProbeQuestion;

typedef struct {
	ProbeOutcome outcome;
	char *reason;      /* completes "deferred, because …"; NULL: all is well */
	char *address;     /* "mx.example.com[192.0.2.1]:25"; NULL: not reached */
	char *protocol;    /* "TLSv1.3"; NULL: no TLS */
	char *cipher;      /* by its name at OpenSSL */
	char *fingerprint; /* of the certificate; NULL: none was shown */
	char *key_fingerprint;
	GBytes *certificate; /* DER */
	ProbeTlsa tlsa;
} ProbeSeen;

void probe_verdict_clear(ProbeSeen *seen);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ProbeSeen, probe_verdict_clear)

/* Judge the output of "posttls-finger -C"; it always ends well. is_killed: it took too long. */
void probe_verdict_read(const char *output, gboolean is_killed, const ProbeQuestion *question,
			ProbeSeen *seen);

/* "delivered", "clear", "deferred", "returned", "unknown", "not-tried". */
const char *probe_verdict_word(ProbeOutcome outcome);

/* Whether mail is only taken from a server whose certificate is the right one. */
gboolean probe_verdict_needs_match(SecurityLevel level);
