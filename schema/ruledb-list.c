/* SPDX-License-Identifier: Apache-2.0 */
/* ruledb-list: a list in a rule's record, of texts or of networks, and what it holds.
 *
 * A list is looked through where it lies, without a copy; its record has been read to its end by
 * then, for the checksum. Nothing in it is trusted: a text that is empty or holds a NUL, and a
 * network with bits behind its prefix, are no items. */
#include "ruledb-list.h"

#include "ruledb-file.h"
#include "ruledb-format.h"

#include <string.h>

static gboolean
take_text(RuleDbSpan *list, RuleDbSpan *text)
{
	uint64_t length;

	if (!ruledb_file_take_number(list, 2, &length) || length == 0)
		return FALSE;
	*text = (RuleDbSpan){ ruledb_file_take_bytes(list, (size_t)length), (size_t)length };
	return text->at != NULL && memchr(text->at, '\0', text->left) == NULL;
}

static gboolean
take_network(RuleDbSpan *list, Network *network)
{
	uint64_t family, prefix;

	if (!ruledb_file_take_number(list, 1, &family) || family >= N_NETWORK_FAMILIES ||
	    !ruledb_file_take_number(list, 1, &prefix))
		return FALSE;
	const size_t n_bytes = family == NETWORK_IPV4 ? 4 : 16;
	const uint8_t *bytes = ruledb_file_take_bytes(list, n_bytes);
	if (bytes == NULL || prefix > n_bytes * 8)
		return FALSE;
	*network = (Network){ .family = (NetworkFamily)family, .prefix = (uint8_t)prefix };
	memcpy(network->bytes, bytes, n_bytes);
	Network cut = *network;
	network_cut(&cut, network->prefix);
	return memcmp(cut.bytes, network->bytes, sizeof cut.bytes) == 0;
}

gboolean
ruledb_list_is_of_texts(RuleDbSpan list)
{
	RuleDbSpan text;

	while (list.left > 0)
		if (!take_text(&list, &text))
			return FALSE;
	return TRUE;
}

gboolean
ruledb_list_is_of_networks(RuleDbSpan list)
{
	Network network;

	while (list.left > 0)
		if (!take_network(&list, &network))
			return FALSE;
	return TRUE;
}

gboolean
ruledb_list_has_text(RuleDbSpan list, const char *text)
{
	const size_t length = strlen(text);
	RuleDbSpan item;

	while (take_text(&list, &item))
		if (item.left == length && memcmp(item.at, text, length) == 0)
			return TRUE;
	return FALSE;
}

gboolean
ruledb_list_has_domain(RuleDbSpan list, const char *domain)
{
	const size_t length = strlen(domain);
	RuleDbSpan item;

	while (take_text(&list, &item)) {
		const gboolean is_below = item.at[0] == '.' && length > item.left;

		if ((is_below || item.left == length) &&
		    memcmp(item.at, domain + length - item.left, item.left) == 0)
			return TRUE;
	}
	return FALSE;
}

gboolean
ruledb_list_has_network(RuleDbSpan list, const Network *client)
{
	Network network;

	while (take_network(&list, &network))
		if (network_holds(&network, client))
			return TRUE;
	return FALSE;
}
