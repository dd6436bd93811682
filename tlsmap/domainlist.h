/* SPDX-License-Identifier: Apache-2.0 */
/* domainlist: whether a domain is in one of Postfix's lists of domains, as mydestination or
 * relay_domains. */
#pragma once

#include "snapshot.h"

#include <glib.h>

/* How names below a listed one match (src/util/match_ops.c, 3.7). */
typedef enum {
	DOMAINLIST_EXACT,      /* not at all: string_list_match() */
	DOMAINLIST_DOT_PARENT, /* where ".parent" is listed */
	DOMAINLIST_PARENT      /* where "parent" is: parent_domain_matches_subdomains */
} DomainListStyle;

typedef struct DomainList DomainList;

/* value: of the parameter, expanded. snapshot must outlive the list. */
DomainList *domainlist_new(const Snapshot *snapshot, const char *value, DomainListStyle style);
void domainlist_free(DomainList *list);

/* domain in lower case. FALSE with error where a table or file can't be read: Postfix would
 * defer. */
gboolean domainlist_has(DomainList *list, const char *domain, gboolean *has, GError **error)
	G_GNUC_WARN_UNUSED_RESULT;

/* Ask the tables that are named for many domains at once. */
gboolean domainlist_ask_all(DomainList *list, const GPtrArray *domains, GError **error)
	G_GNUC_WARN_UNUSED_RESULT;
