/* SPDX-License-Identifier: Apache-2.0 */
/* certname: a subject or issuer in the form in which equal names are one text. Pure. */
#pragma once

#include <glib.h>

/* Room for a folded name and its NUL: the longest that a rule can have (255 characters of 4 bytes)
 * and what folding may add to it. */
#define CERTNAME_SIZE 4096

/* A name of a rule, in UTF-8, in NFC and case-folded. The caller frees it. */
char *certname_dup_folded(const char *name);

/* The same of a value as the policy protocol carries it, in xtext; an ASCII name costs no
 * allocation. FALSE, and folded is empty, where value is no xtext, no UTF-8, holds a NUL, or is
 * longer than any name of a rule. */
gboolean certname_read(const char *value, char folded[CERTNAME_SIZE]);
