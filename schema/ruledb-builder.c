/* SPDX-License-Identifier: Apache-2.0 */
/* ruledb-builder: the writer of the rules file.
 *
 * Keys and rules are collected in memory and laid out once, in the order in which they came: the
 * same calls give the same bytes. Callers are tlsmap and tests, which hold checked settings; a
 * value that the layout can't hold is a mistake of theirs and is refused with a critical message.
 */
#include "ruledb.h"

#include "ruledb-format.h"

#include <string.h>

G_STATIC_ASSERT(CERTIFICATE_ANY == 0 && CERTIFICATE_TRUSTED == 1 && N_CERTIFICATES == 2);
G_STATIC_ASSERT(VIOLATION_REPORT == 0 && VIOLATION_DEFER == 1 && VIOLATION_REJECT == 2 &&
		N_VIOLATIONS == 3);
G_STATIC_ASSERT(NETWORK_IPV4 == 0 && NETWORK_IPV6 == 1 && N_NETWORK_FAMILIES == 2);

typedef struct {
	GBytes *id;      /* u8 kind, key; as bytes, so that it is what the table is asked for */
	GArray *numbers; /* of uint32_t */
} Key;

struct RuleDbBuilder {
	char *myorigin;
	char *mydomain;
	uint8_t rewriting_flags;
	uint8_t ipv4_map[RULEDB_IPV4_MAP_SIZE];
	uint8_t ipv6_map[RULEDB_IPV6_MAP_SIZE];
	GPtrArray *keys;    /* of Key *, in the order of their first call */
	GHashTable *by_key; /* GBytes * of a Key -> that Key *, both borrowed */
	GPtrArray *rules;   /* of GByteArray *, the content of a rule's record */
};

/* ---- collecting ---- */

static void
key_free(void *data)
{
	Key *key = data;

	g_bytes_unref(key->id);
	g_array_unref(key->numbers);
	g_free(key);
}

static void
rule_free(void *data)
{
	g_byte_array_unref(data);
}

RuleDbBuilder *
ruledb_builder_new(const AddressRewriting *rewriting)
{
	RuleDbBuilder *builder = g_new0(RuleDbBuilder, 1);

	builder->myorigin = g_strdup(rewriting->myorigin != NULL ? rewriting->myorigin : "");
	builder->mydomain = g_strdup(rewriting->mydomain != NULL ? rewriting->mydomain : "");
	builder->rewriting_flags =
		(uint8_t)((rewriting->append_at_myorigin ? REWRITING_APPEND_AT_MYORIGIN : 0) |
			  (rewriting->append_dot_mydomain ? REWRITING_APPEND_DOT_MYDOMAIN : 0) |
			  (rewriting->allow_percent_hack ? REWRITING_ALLOW_PERCENT_HACK : 0) |
			  (rewriting->swap_bangpath ? REWRITING_SWAP_BANGPATH : 0));
	builder->keys = g_ptr_array_new_with_free_func(key_free);
	builder->by_key = g_hash_table_new(g_bytes_hash, g_bytes_equal);
	builder->rules = g_ptr_array_new_with_free_func(rule_free);
	return builder;
}

void
ruledb_builder_free(RuleDbBuilder *builder)
{
	if (builder == NULL)
		return;
	g_hash_table_unref(builder->by_key);
	g_ptr_array_unref(builder->keys);
	g_ptr_array_unref(builder->rules);
	g_free(builder->myorigin);
	g_free(builder->mydomain);
	g_free(builder);
}

static Key *
get_key(RuleDbBuilder *builder, RuleDbKeyKind kind, const void *key, size_t length)
{
	g_autoptr(GByteArray) id = g_byte_array_sized_new((guint)(1 + length));
	const uint8_t first = (uint8_t)kind;

	g_byte_array_append(id, &first, 1);
	g_byte_array_append(id, key, (guint)length);

	g_autoptr(GBytes) bytes = g_byte_array_free_to_bytes(g_steal_pointer(&id));
	Key *found = g_hash_table_lookup(builder->by_key, bytes);
	if (found == NULL) {
		found = g_new0(Key, 1);
		found->id = g_steal_pointer(&bytes);
		found->numbers = g_array_new(FALSE, FALSE, sizeof(uint32_t));
		g_ptr_array_add(builder->keys, found);
		g_hash_table_insert(builder->by_key, found->id, found);
	}
	return found;
}

static void
add_number(Key *key, uint32_t number)
{
	const guint n = key->numbers->len;

	if (n == 0 || g_array_index(key->numbers, uint32_t, n - 1) != number)
		g_array_append_val(key->numbers, number);
}

void
ruledb_builder_add_exempt_network(RuleDbBuilder *builder, const Network *network)
{
	const gboolean is_ipv4 = network->family == NETWORK_IPV4;
	const size_t n_bytes = is_ipv4 ? 4 : 16;
	uint8_t *map = is_ipv4 ? builder->ipv4_map : builder->ipv6_map;
	uint8_t key[RULEDB_MAX_NETWORK_KEY] = { (uint8_t)network->family, network->prefix };

	g_return_if_fail(network->prefix <= n_bytes * 8);

	memcpy(key + 2, network->bytes, n_bytes);
	map[network->prefix / 8] |= (uint8_t)(1 << (network->prefix % 8));
	get_key(builder, KEY_EXEMPT_NETWORK, key, 2 + n_bytes);
}

static void
append_number(GByteArray *array, uint64_t value, size_t n_bytes)
{
	uint8_t bytes[8];

	ruledb_format_put(bytes, value, n_bytes);
	g_byte_array_append(array, bytes, (guint)n_bytes);
}

static void
append_field(GByteArray *content, RuleDbField field, const void *value, size_t length)
{
	append_number(content, field, 1);
	append_number(content, length, 2);
	g_byte_array_append(content, value, (guint)length);
}

uint32_t
ruledb_builder_add_rule(RuleDbBuilder *builder, const RuleDbRule *rule)
{
	g_return_val_if_fail(ruledb_is_rule_name(rule->name), 0);

	GByteArray *content = g_byte_array_new();
	const uint8_t certificate = (uint8_t)rule->certificate;
	const uint8_t violation = (uint8_t)rule->violation;

	append_field(content, FIELD_NAME, rule->name, strlen(rule->name) + 1);
	append_field(content, FIELD_CERTIFICATE, &certificate, 1);
	append_field(content, FIELD_VIOLATION, &violation, 1);
	g_ptr_array_add(builder->rules, content);
	return builder->rules->len - 1;
}

void
ruledb_builder_add_sender_domain(RuleDbBuilder *builder, uint32_t number, const char *domain)
{
	const size_t length = strlen(domain);

	g_return_if_fail(number < builder->rules->len);
	g_return_if_fail(length > 0 && length <= ADDRESS_MAX_DOMAIN);

	add_number(get_key(builder, KEY_SENDER, domain, length), number);
}

void
ruledb_builder_add_all_mail(RuleDbBuilder *builder, uint32_t number)
{
	g_return_if_fail(number < builder->rules->len);

	add_number(get_key(builder, KEY_ALL_MAIL, NULL, 0), number);
}

/* ---- laying out ---- */

/* The least power of two that is not below n: about one key for each bucket. */
static uint32_t
count_buckets(uint32_t n)
{
	uint32_t n_buckets = 1;

	while (n_buckets < n && n_buckets < (1u << 31))
		n_buckets *= 2;
	return n_buckets;
}

static void
append_entry(GByteArray *bucket, const Key *key)
{
	size_t id_length;
	const uint8_t *id = g_bytes_get_data(key->id, &id_length);

	append_number(bucket, id[0], 1);
	append_number(bucket, id_length - 1, 2);
	g_byte_array_append(bucket, id + 1, (guint)(id_length - 1));
	append_number(bucket, key->numbers->len, 4);
	for (guint i = 0; i < key->numbers->len; i++)
		append_number(bucket, g_array_index(key->numbers, uint32_t, i), 4);
}

/* The contents of all records: the buckets, then the rules. */
static GPtrArray *
build_contents(const RuleDbBuilder *builder, uint32_t n_buckets)
{
	GPtrArray *contents = g_ptr_array_new_with_free_func(rule_free);

	for (uint32_t i = 0; i < n_buckets; i++)
		g_ptr_array_add(contents, g_byte_array_new());
	for (guint i = 0; i < builder->keys->len; i++) {
		const Key *key = g_ptr_array_index(builder->keys, i);
		size_t length;
		const uint8_t *id = g_bytes_get_data(key->id, &length);
		const uint32_t bucket =
			ruledb_format_bucket(n_buckets, (RuleDbKeyKind)id[0], id + 1, length - 1);

		append_entry(g_ptr_array_index(contents, bucket), key);
	}
	for (guint i = 0; i < builder->rules->len; i++)
		g_ptr_array_add(contents, g_byte_array_ref(g_ptr_array_index(builder->rules, i)));
	return contents;
}

static void
append_text(GByteArray *file, const char *text)
{
	const size_t length = strlen(text);

	append_number(file, length, 2);
	g_byte_array_append(file, (const uint8_t *)text, (guint)length + 1);
}

static void
append_header(GByteArray *file, const RuleDbBuilder *builder, uint32_t n_buckets,
	      const GPtrArray *contents, uint64_t generation)
{
	const size_t size =
		RULEDB_HEADER_MIN + strlen(builder->myorigin) + strlen(builder->mydomain);
	uint64_t file_size = size + 8 * ((uint64_t)contents->len + 1);
	uint32_t largest = 0;

	for (guint i = 0; i < contents->len; i++) {
		const GByteArray *content = g_ptr_array_index(contents, i);

		file_size += RULEDB_RECORD_FRAME + content->len;
		largest = MAX(largest, RULEDB_RECORD_FRAME + content->len);
	}
	g_byte_array_append(file, (const uint8_t *)RULEDB_MAGIC, RULEDB_MAGIC_SIZE);
	append_number(file, RULEDB_FORMAT, 4);
	append_number(file, size, 4);
	append_number(file, generation, 8);
	append_number(file, file_size, 8);
	append_number(file, n_buckets, 4);
	append_number(file, builder->rules->len, 4);
	append_number(file, largest, 4);
	append_number(file, builder->rewriting_flags, 1);
	g_byte_array_append(file, builder->ipv4_map, sizeof builder->ipv4_map);
	g_byte_array_append(file, builder->ipv6_map, sizeof builder->ipv6_map);
	append_text(file, builder->myorigin);
	append_text(file, builder->mydomain);
	append_number(file, ruledb_format_fnv(RULEDB_FNV_START, file->data, file->len), 8);
	g_assert(file->len == size);
}

static void
append_offsets(GByteArray *file, const GPtrArray *contents)
{
	uint64_t offset = file->len + 8 * ((uint64_t)contents->len + 1);

	append_number(file, offset, 8);
	for (guint i = 0; i < contents->len; i++) {
		const GByteArray *content = g_ptr_array_index(contents, i);

		offset += RULEDB_RECORD_FRAME + content->len;
		append_number(file, offset, 8);
	}
}

GBytes *
ruledb_builder_finish(const RuleDbBuilder *builder, uint64_t generation)
{
	g_return_val_if_fail(strlen(builder->myorigin) <= RULEDB_MAX_TEXT, NULL);
	g_return_val_if_fail(strlen(builder->mydomain) <= RULEDB_MAX_TEXT, NULL);

	const uint32_t n_buckets = count_buckets(builder->keys->len);
	g_autoptr(GPtrArray) contents = build_contents(builder, n_buckets);
	g_autoptr(GByteArray) file = g_byte_array_new();

	append_header(file, builder, n_buckets, contents, generation);
	append_offsets(file, contents);
	for (guint i = 0; i < contents->len; i++) {
		const GByteArray *content = g_ptr_array_index(contents, i);

		append_number(file, i, 4);
		append_number(file, content->len, 4);
		g_byte_array_append(file, content->data, content->len);
		append_number(file,
			      ruledb_format_checksum(generation, i, content->data, content->len),
			      8);
	}
	return g_byte_array_free_to_bytes(g_steal_pointer(&file));
}
