/* SPDX-License-Identifier: Apache-2.0 */
/* maincf: the parameters of main.cf that tlsmap owns, and the value that the document gives each.
 * The table in maincf.c is the only list of them: nothing else is ever written. Pure. */
#pragma once

#include "direction.h"
#include "settings.h"
#include "version.h"

#include <glib.h>

#define MAINCF_POLICY_PARAMETER "tlsgate_policy"
#define MAINCF_POLICY_TOKEN "$" MAINCF_POLICY_PARAMETER
/* Shown where the token is not the first element, and so may be asked too late. */
#define MAINCF_TOKEN_MOVED "(" MAINCF_POLICY_TOKEN " behind others)"
#define MAINCF_POLICY_SOCKET "private/tlsgate"
/* Below queue_directory, made by the system's socket unit (postfix.policyd: socket). */
#define MAINCF_SYSTEM_SOCKET "tlsgate/policyd"
#define MAINCF_SERVICE "tlsgate"

/* How a parameter relates to what was there before. */
typedef enum {
	MAINCF_VALUE, /* the whole value is ours */
	MAINCF_LIST,  /* only the first element is ours, the rest stays as written */
	MAINCF_OWN    /* a parameter of our own making, unknown to Postfix */
} MainCfKind;

/* What a value is rendered from. */
typedef struct {
	const Settings *settings;
	PostfixVersion version;
	guint64 generation;
	/* "cdb:/etc/postfix/tlsgate/gen/1/tls_policy" */
	const char *table;
	/* "regexp:/etc/postfix/tlsgate/gen/1/tls_spellings" */
	const char *spellings;
} MainCfInput;

typedef struct {
	const char *name;
	MainCfKind kind;
	/* The value that the document asks for, or NULL where it asks for none; the caller frees
	 * it. For MAINCF_LIST: the elements to stand first. */
	char *(*render)(const MainCfInput *input);
	/* old or new may be NULL: not set. */
	ChangeDirection (*compare)(const char *old_value, const char *new_value);
	/* Whether two values that are set and differ as texts say the same to Postfix; NULL: never.
	 */
	gboolean (*is_same)(const char *one, const char *other);
	/* Values that distributions ship, which are nobody's choice; NULL-terminated, may be NULL.
	 */
	const char *const *stock;
} MainCfParameter;

size_t maincf_n_parameters(void);
const MainCfParameter *maincf_parameter(size_t n);

/* The parameter of that name, or NULL: not ours. */
const MainCfParameter *maincf_find(const char *name);

/* Whether value is one that a distribution ships for parameter. */
gboolean maincf_is_stock(const MainCfParameter *parameter, const char *value);

/* Whether both values say the same to Postfix, however they are spelled. */
gboolean maincf_is_same(const MainCfParameter *parameter, const char *one, const char *other);

/* Whether a restriction list asks policyd first: our token, in any of Postfix's spellings of a
 * parameter, is its first element. list may be NULL. */
gboolean maincf_begins_with_token(const char *list);

/* The elements of a list, braces kept whole; the caller frees it. */
char **maincf_split_list(const char *list);

/* A restriction list without our token, wherever it stands; NULL for NULL. The caller frees it. */
char *maincf_dup_without_token(const char *list);

/* A restriction list with first as its first element; rest may be NULL or empty. */
char *maincf_dup_with_first(const char *first, const char *rest);

/* The generation that a value of smtp_tls_policy_maps below directory (".../tlsgate/gen"), or of
 * tlsgate_policy, names; 0 where it names none. */
guint64 maincf_named_generation(const char *value, const char *directory);

/* Whether a value of tlsgate_policy asks the master.cf service, not a socket of the system's; NULL
 * asks nobody. */
gboolean maincf_asks_service(const char *policy);

/* Where smtpd(8) asks policyd, relative to queue_directory. */
const char *maincf_policy_socket(const Settings *settings);

/* The master.cf service that runs policyd; NULL where there is none to be: no rules, or
 * postfix.policyd is "socket". The caller frees it. */
char *maincf_dup_service(const Settings *settings, const char *generations_directory);
