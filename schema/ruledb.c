/* SPDX-License-Identifier: Apache-2.0 */
/* ruledb: what the records of the rules file say.
 *
 * Records come whole from ruledb-file.c; here their content is read, with the same distrust: what
 * does not fit, is unknown, or is missing is RULEDB_ERROR_DAMAGED, and the question stays without
 * an answer. A question reads the records of a few buckets and of the rules found, and allocates
 * nothing; only an error does. */
#include "ruledb.h"

#include "ruledb-file.h"
#include "ruledb-format.h"

#include <string.h>

static gboolean
is_name_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

gboolean
ruledb_is_rule_name(const char *name)
{
	size_t length = 0;

	/* Not strspn(), which makes a table first; this is asked for each rule that is read. */
	while (is_name_letter(name[length]))
		length++;
	return name[length] == '\0' && length > 0 && length <= RULEDB_MAX_NAME;
}

/* ---- asking ---- */

typedef struct {
	uint64_t kind; /* RuleDbKeyKind */
	const uint8_t *key;
	size_t length;
	RuleDbSpan numbers; /* of rules, 4 bytes each */
} Entry;

static gboolean
take_entry(RuleDbSpan *bucket, Entry *entry)
{
	uint64_t length, n;

	if (!ruledb_file_take_number(bucket, 1, &entry->kind) ||
	    !ruledb_file_take_number(bucket, 2, &length) ||
	    (entry->key = ruledb_file_take_bytes(bucket, length)) == NULL ||
	    !ruledb_file_take_number(bucket, 4, &n) || n > bucket->left / 4)
		return FALSE;
	entry->length = (size_t)length;
	entry->numbers =
		(RuleDbSpan){ ruledb_file_take_bytes(bucket, (size_t)n * 4), (size_t)n * 4 };
	return TRUE;
}

/* The entry of a key; *found says whether it has one. FALSE return is damage, not "no". */
static gboolean
find_entry(const RuleDb *db, RuleDbKeyKind kind, const void *key, size_t length, Entry *entry,
	   gboolean *found, GError **error)
{
	const uint32_t number = ruledb_format_bucket(db->n_buckets, kind, key, length);
	RuleDbSpan bucket;

	*found = FALSE;
	if (!ruledb_file_get_record(db, number, RULEDB_SLOT_BUCKET, &bucket, error))
		return FALSE;
	while (bucket.left > 0) {
		if (!take_entry(&bucket, entry))
			return ruledb_file_damaged(
				error, "record %u: an entry does not fit into it", number);
		if (entry->kind == kind && entry->length == length &&
		    memcmp(entry->key, key, length) == 0) {
			*found = TRUE;
			return TRUE;
		}
	}
	return TRUE;
}

static gboolean
take_value(RuleDbSpan value, size_t n_bytes, uint64_t n_values, uint64_t *taken)
{
	return value.left == n_bytes && ruledb_file_take_number(&value, n_bytes, taken) &&
	       *taken < n_values;
}

static gboolean
parse_list(RuleDbField field, RuleDbSpan value, RuleDbRule *rule)
{
	rule->list[field - ruledb_format_list_field(0)] = value;
	return ruledb_format_is_network_field(field) ? ruledb_list_is_of_networks(value)
						     : ruledb_list_is_of_texts(value);
}

/* One field of a rule. An unknown one may be a demand: it is never skipped. */
static gboolean
parse_field(uint64_t field, RuleDbSpan value, RuleDbRule *rule)
{
	uint64_t code;

	switch (field) {
	case FIELD_NAME:
		rule->name = (const char *)value.at;
		return value.left > 0 &&
		       memchr(value.at, '\0', value.left) == value.at + value.left - 1 &&
		       ruledb_is_rule_name(rule->name);
	case FIELD_CERTIFICATE:
		if (!take_value(value, 1, N_CERTIFICATES, &code))
			return FALSE;
		rule->certificate = (CertificateDemand)code;
		return TRUE;
	case FIELD_VIOLATION:
		if (!take_value(value, 1, N_VIOLATIONS, &code))
			return FALSE;
		rule->violation = (Violation)code;
		return TRUE;
	case FIELD_MIN_PROTOCOL:
		if (!take_value(value, 1, N_TLS_PROTOCOLS + 1, &code))
			return FALSE;
		rule->has_min_protocol = code > 0;
		rule->min_protocol = (TlsProtocol)(code > 0 ? code - 1 : 0);
		return TRUE;
	case FIELD_MIN_CIPHER_BITS:
		if (!take_value(value, 2, UINT16_MAX + 1, &code))
			return FALSE;
		rule->min_cipher_bits = (uint16_t)code;
		return TRUE;
	case FIELD_RECIPIENT_DOMAINS:
	case FIELD_CLIENT_NETWORKS:
	case FIELD_CLIENT_NAMES:
	case FIELD_REQUIRED_SUBJECTS:
	case FIELD_REQUIRED_ISSUERS:
	case FIELD_REQUIRED_FINGERPRINTS:
	case FIELD_REQUIRED_NETWORKS:
	case FIELD_REQUIRED_NAMES:
		return parse_list((RuleDbField)field, value, rule);
	default:
		return FALSE;
	}
}

/* Each field once and none missing: what a rule demands is said, never assumed. */
static gboolean
parse_rule(RuleDbSpan content, RuleDbRule *rule)
{
	const unsigned all = (2u << FIELD_REQUIRED_NAMES) - (1u << FIELD_NAME);
	unsigned seen = 0;

	*rule = (RuleDbRule){ 0 };
	while (content.left > 0) {
		uint64_t field, length;
		const uint8_t *value;

		if (!ruledb_file_take_number(&content, 1, &field) ||
		    !ruledb_file_take_number(&content, 4, &length) ||
		    (value = ruledb_file_take_bytes(&content, (size_t)length)) == NULL ||
		    !parse_field(field, (RuleDbSpan){ value, (size_t)length }, rule) ||
		    (seen & 1u << field) != 0)
			return FALSE;
		seen |= 1u << field;
	}
	return seen == all;
}

static gboolean
get_rule(const RuleDb *db, uint64_t number, RuleDbRule *rule, GError **error)
{
	RuleDbSpan content;

	if (number >= db->n_rules)
		return ruledb_file_damaged(error, "a key names rule %u of %u", (unsigned)number,
					   db->n_rules);
	if (!ruledb_file_get_record(db, db->n_buckets + (uint32_t)number, RULEDB_SLOT_RULE,
				    &content, error))
		return FALSE;
	return parse_rule(content, rule) ||
	       ruledb_file_damaged(error, "rule %u is wrong", (unsigned)number);
}

/* Visit the rules of an entry. */
static gboolean
visit_rules(const RuleDb *db, Entry entry, RuleDbVisit visit, void *data, GError **error)
{
	uint64_t number;
	RuleDbRule rule;

	while (ruledb_file_take_number(&entry.numbers, 4, &number)) {
		if (!get_rule(db, number, &rule, error))
			return FALSE;
		visit((uint32_t)number, &rule, data);
	}
	return TRUE;
}

/* Whether any key is of this kind. The header says so, as it says which prefixes occur: what no
 * rule asks for costs no look-up. */
static gboolean
has_keys(const RuleDb *db, RuleDbKeyKind kind)
{
	return (db->key_kinds & 1u << kind) != 0;
}

/* Visit the rules of a key; a key without an entry has none. */
static gboolean
visit_key(const RuleDb *db, RuleDbKeyKind kind, const void *key, size_t length, RuleDbVisit visit,
	  void *data, GError **error)
{
	Entry entry;
	gboolean found;

	if (!has_keys(db, kind))
		return TRUE;
	return find_entry(db, kind, key, length, &entry, &found, error) &&
	       (!found || visit_rules(db, entry, visit, data, error));
}

gboolean
ruledb_is_found_by(const RuleDb *db, RuleDbDomain kind)
{
	return has_keys(db, ruledb_format_domain_key(kind));
}

gboolean
ruledb_visit_domain(RuleDb *db, RuleDbDomain kind, const char *domain, RuleDbVisit visit,
		    void *data, GError **error)
{
	const RuleDbKeyKind key_kind = ruledb_format_domain_key(kind);

	/* "a.b.example" itself, then what holds for all below ".b.example" and ".example". */
	for (const char *key = domain; key != NULL && *key != '\0'; key = strchr(key + 1, '.'))
		if (!visit_key(db, key_kind, key, strlen(key), visit, data, error))
			return FALSE;
	return TRUE;
}

gboolean
ruledb_visit_all_mail(RuleDb *db, RuleDbVisit visit, void *data, GError **error)
{
	return visit_key(db, KEY_ALL_MAIL, "", 0, visit, data, error);
}

static gboolean
has_prefix(const RuleDb *db, RuleDbMap map, NetworkFamily family, size_t prefix)
{
	return (db->prefix_map[map][family][prefix / 8] & 1 << (prefix % 8)) != 0;
}

/* The next prefix length that occurs, from prefix on; above last where none does. */
static size_t
next_prefix(const RuleDb *db, RuleDbMap map, NetworkFamily family, size_t prefix, size_t last)
{
	const uint8_t *bits = db->prefix_map[map][family];

	while (prefix <= last && !has_prefix(db, map, family, prefix))
		prefix = bits[prefix / 8] == 0 ? (prefix | 7) + 1 : prefix + 1;
	return prefix;
}

/* The key of the network of a prefix length that client is in; its length. */
static size_t
format_range(const Network *client, size_t prefix, uint8_t key[RULEDB_MAX_NETWORK])
{
	const size_t n_bytes = client->family == NETWORK_IPV4 ? 4 : 16;
	Network range = *client;

	network_cut(&range, (uint8_t)prefix);
	key[0] = (uint8_t)range.family;
	key[1] = range.prefix;
	memcpy(key + 2, range.bytes, n_bytes);
	return 2 + n_bytes;
}

gboolean
ruledb_visit_network(RuleDb *db, const Network *client, RuleDbVisit visit, void *data,
		     GError **error)
{
	const NetworkFamily family = client->family;
	const size_t last = client->prefix;
	size_t prefix = next_prefix(db, RULEDB_MAP_CLIENT, family, 0, last);

	for (; prefix <= last;
	     prefix = next_prefix(db, RULEDB_MAP_CLIENT, family, prefix + 1, last)) {
		uint8_t key[RULEDB_MAX_NETWORK];

		if (!visit_key(db, KEY_CLIENT_NETWORK, key, format_range(client, prefix, key),
			       visit, data, error))
			return FALSE;
	}
	return TRUE;
}

gboolean
ruledb_find_exempt(RuleDb *db, const Network *client, gboolean *is_exempt, GError **error)
{
	const NetworkFamily family = client->family;
	const size_t last = client->prefix;
	size_t prefix = next_prefix(db, RULEDB_MAP_EXEMPT, family, 0, last);

	*is_exempt = FALSE;
	for (; prefix <= last;
	     prefix = next_prefix(db, RULEDB_MAP_EXEMPT, family, prefix + 1, last)) {
		uint8_t key[RULEDB_MAX_NETWORK];
		Entry entry;

		if (!find_entry(db, KEY_EXEMPT_NETWORK, key, format_range(client, prefix, key),
				&entry, is_exempt, error))
			return FALSE;
		if (*is_exempt)
			break;
	}
	return TRUE;
}

/* ---- verifying ---- */

/* Whether an entry's key is a network whose prefix is announced. */
static gboolean
is_network_key(const RuleDb *db, RuleDbMap map, const Entry *entry)
{
	return ruledb_list_is_of_networks((RuleDbSpan){ entry->key, entry->length }) &&
	       entry->length == (entry->key[0] == NETWORK_IPV4 ? 2 + 4 : 2 + 16) &&
	       has_prefix(db, map, (NetworkFamily)entry->key[0], entry->key[1]);
}

/* Whether an entry's key can be one of its kind. */
static gboolean
is_key(const RuleDb *db, const Entry *entry)
{
	switch (entry->kind) {
	case KEY_ALL_MAIL:
		return entry->length == 0 && entry->numbers.left > 0;
	case KEY_SENDER:
	case KEY_RECIPIENT:
	case KEY_CLIENT_NAME:
		return entry->length > 0 && entry->length <= ADDRESS_MAX_DOMAIN &&
		       entry->numbers.left > 0 && memchr(entry->key, '\0', entry->length) == NULL;
	case KEY_EXEMPT_NETWORK:
		return entry->numbers.left == 0 && is_network_key(db, RULEDB_MAP_EXEMPT, entry);
	case KEY_CLIENT_NETWORK:
		return entry->numbers.left > 0 && is_network_key(db, RULEDB_MAP_CLIENT, entry);
	default:
		return FALSE;
	}
}

static gboolean
verify_bucket(const RuleDb *db, uint32_t number, gboolean *is_reachable, GError **error)
{
	RuleDbSpan bucket;

	if (!ruledb_file_get_record(db, number, RULEDB_SLOT_BUCKET, &bucket, error))
		return FALSE;
	while (bucket.left > 0) {
		Entry entry;
		uint64_t rule;

		if (!take_entry(&bucket, &entry) || !is_key(db, &entry) ||
		    !has_keys(db, (RuleDbKeyKind)entry.kind) ||
		    ruledb_format_bucket(db->n_buckets, (RuleDbKeyKind)entry.kind, entry.key,
					 entry.length) != number)
			return ruledb_file_damaged(error, "record %u: an entry is wrong", number);
		while (ruledb_file_take_number(&entry.numbers, 4, &rule)) {
			if (rule >= db->n_rules)
				return ruledb_file_damaged(error, "record %u: there is no rule %u",
							   number, (unsigned)rule);
			is_reachable[rule] = TRUE;
		}
	}
	return TRUE;
}

gboolean
ruledb_verify(RuleDb *db, GError **error)
{
	g_autofree gboolean *is_reachable = g_new0(gboolean, db->n_rules);
	RuleDbRule rule;

	for (uint32_t i = 0; i < db->n_buckets; i++)
		if (!verify_bucket(db, i, is_reachable, error))
			return FALSE;
	for (uint32_t i = 0; i < db->n_rules; i++) {
		if (!get_rule(db, i, &rule, error))
			return FALSE;
		if (!is_reachable[i])
			return ruledb_file_damaged(error, "no key leads to rule \"%s\"", rule.name);
	}
	return TRUE;
}
