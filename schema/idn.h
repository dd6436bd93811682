/* SPDX-License-Identifier: Apache-2.0 */
/* idn: internationalised domain names, in their one ASCII form and in all that mail may use. Pure.
 *
 * The model holds the ASCII form (A-labels, "xn--…"), which is the same for every spelling. Postfix
 * converts nothing when it looks a domain up: it takes the form that the address has
 * (SMTPUTF8_README, 3.7; src/smtp/smtp_tls_policy.c). So what is written for Postfix and policyd is
 * written in every form, mixed ones too. */
#pragma once

#include <glib.h>
#include <stddef.h>

/* More internationalised labels than this would need too many forms (2 to their number). */
#define IDN_MAX_LABELS 4

/* Turn name, a domain name perhaps beginning with a dot, in a buffer of size bytes (at least 1024),
 * into its ASCII form in lower case. NULL, or why it is no domain name: static text that completes
 * "it ...". */
const char *idn_to_ascii(char *name, size_t size) G_GNUC_WARN_UNUSED_RESULT;

/* Why name, which idn_to_ascii() has made, can't be the key of a table, or NULL; static text that
 * completes "it ...". Postfix folds keys with ICU (src/util/casefold.c, 3.7), which makes "ss" of
 * the letter sharp s and another letter of the final sigma: what is written for such a name would
 * hold for another domain, too. */
const char *idn_check_key(const char *name) G_GNUC_WARN_UNUSED_RESULT;

typedef void (*IdnVisit)(const char *form, void *data);

/* Visit every form of name, which idn_to_ascii() has made: the ASCII form first, then those with
 * one or more labels in Unicode (NFC, lower case). form is borrowed for the call. */
void idn_visit_forms(const char *name, IdnVisit visit, void *data);
