/* SPDX-License-Identifier: Apache-2.0 */
/* ruledb-list: a list in a rule's record, of texts or of networks, and what it holds. Pure. */
#pragma once

#include "network.h"

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

/* A piece of the rules file, as far as it has not been read. A list that says nothing is empty. */
typedef struct {
	const uint8_t *at;
	size_t left;
} RuleDbSpan;

/* Whether a list is a row of whole texts, or of whole networks; only such a list may be asked. */
gboolean ruledb_list_is_of_texts(RuleDbSpan list);
gboolean ruledb_list_is_of_networks(RuleDbSpan list);

/* Whether an item equals text. */
gboolean ruledb_list_has_text(RuleDbSpan list, const char *text);

/* Whether an item is domain, or begins with a dot and domain is below it. */
gboolean ruledb_list_has_domain(RuleDbSpan list, const char *domain);

/* Whether client is in an item. */
gboolean ruledb_list_has_network(RuleDbSpan list, const Network *client);
