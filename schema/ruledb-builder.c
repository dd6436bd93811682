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
G_STATIC_ASSERT(TLS_PROTOCOL_1_0 == 0 && TLS_PROTOCOL_1_3 == 3 && N_TLS_PROTOCOLS == 4);
G_STATIC_ASSERT(FIELD_RECIPIENT_DOMAINS + RULEDB_REQUIRED_NAMES == FIELD_REQUIRED_NAMES &&
		FIELD_RECIPIENT_DOMAINS + RULEDB_CLIENT_NETWORKS == FIELD_CLIENT_NETWORKS &&
		FIELD_RECIPIENT_DOMAINS + RULEDB_REQUIRED_NETWORKS == FIELD_REQUIRED_NETWORKS);
G_STATIC_ASSERT(NETWORK_IPV4 == 0 && NETWORK_IPV6 == 1 && N_NETWORK_FAMILIES == 2);

typedef struct {
	GBytes *id;      /* u8 kind, key; as bytes, so that it is what the table is asked for */
	GArray *numbers; /* of uint32_t */
} Key;

typedef struct {
	GByteArray *fields;                /* all but the lists */
	GByteArray *lists[N_RULEDB_LISTS]; /* NULL: empty */
} Rule;

struct RuleDbBuilder {
	char *myorigin;
	char *mydomain;
	uint8_t rewriting_flags;
	uint8_t key_kinds; /* a bitmap of those that occur */
	struct {
		uint8_t ipv4[RULEDB_IPV4_MAP_SIZE];
		uint8_t ipv6[RULEDB_IPV6_MAP_SIZE];
	} maps[N_RULEDB_MAPS];
	GPtrArray *keys;    /* of Key *, in the order of their first call */
	GHashTable *by_key; /* GBytes * of a Key -> that Key *, both borrowed */
	GPtrArray *rules;   /* of Rule * */
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
	Rule *rule = data;

	g_byte_array_unref(rule->fields);
	for (size_t i = 0; i < N_RULEDB_LISTS; i++)
		g_clear_pointer(&rule->lists[i], g_byte_array_unref);
	g_free(rule);
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

	builder->key_kinds |= (uint8_t)(1u << kind);
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

/* Whether network is one that the layout can hold. */
static gboolean
is_network(const Network *network)
{
	return network->family < N_NETWORK_FAMILIES &&
	       network->prefix <=
		       (network->family == NETWORK_IPV4 ? NETWORK_IPV4_BITS : NETWORK_IPV6_BITS);
}

/* A network as it stands in keys and lists; its length. */
static size_t
format_network(const Network *network, uint8_t bytes[RULEDB_MAX_NETWORK])
{
	const size_t n_bytes = network->family == NETWORK_IPV4 ? 4 : 16;

	bytes[0] = (uint8_t)network->family;
	bytes[1] = network->prefix;
	memcpy(bytes + 2, network->bytes, n_bytes);
	return 2 + n_bytes;
}

/* The key of a network, whose prefix is announced in the header. */
static Key *
get_network_key(RuleDbBuilder *builder, RuleDbKeyKind kind, RuleDbMap map, const Network *network)
{
	uint8_t *announced =
		network->family == NETWORK_IPV4 ? builder->maps[map].ipv4 : builder->maps[map].ipv6;
	uint8_t key[RULEDB_MAX_NETWORK];

	announced[network->prefix / 8] |= (uint8_t)(1 << (network->prefix % 8));
	return get_key(builder, kind, key, format_network(network, key));
}

void
ruledb_builder_add_exempt_network(RuleDbBuilder *builder, const Network *network)
{
	g_return_if_fail(is_network(network));

	get_network_key(builder, KEY_EXEMPT_NETWORK, RULEDB_MAP_EXEMPT, network);
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
	append_number(content, length, 4);
	g_byte_array_append(content, value, (guint)length);
}

static void
append_number_field(GByteArray *content, RuleDbField field, uint64_t value, size_t n_bytes)
{
	uint8_t bytes[8];

	ruledb_format_put(bytes, value, n_bytes);
	append_field(content, field, bytes, n_bytes);
}

uint32_t
ruledb_builder_add_rule(RuleDbBuilder *builder, const RuleDbRule *rule)
{
	g_return_val_if_fail(ruledb_is_rule_name(rule->name), 0);

	Rule *added = g_new0(Rule, 1);
	GByteArray *fields = added->fields = g_byte_array_new();

	append_field(fields, FIELD_NAME, rule->name, strlen(rule->name) + 1);
	append_number_field(fields, FIELD_CERTIFICATE, rule->certificate, 1);
	append_number_field(fields, FIELD_VIOLATION, rule->violation, 1);
	append_number_field(fields, FIELD_MIN_PROTOCOL,
			    rule->has_min_protocol ? rule->min_protocol + 1u : 0, 1);
	append_number_field(fields, FIELD_MIN_CIPHER_BITS, rule->min_cipher_bits, 2);
	g_ptr_array_add(builder->rules, added);
	return builder->rules->len - 1;
}

/* ---- lists and keys of a rule ---- */

static GByteArray *
get_list(const RuleDbBuilder *builder, uint32_t number, RuleDbListKind kind)
{
	Rule *rule = g_ptr_array_index(builder->rules, number);

	if (rule->lists[kind] == NULL)
		rule->lists[kind] = g_byte_array_new();
	return rule->lists[kind];
}

void
ruledb_builder_add_text(RuleDbBuilder *builder, uint32_t number, RuleDbListKind kind,
			const char *text)
{
	const size_t length = strlen(text);

	g_return_if_fail(number < builder->rules->len);
	g_return_if_fail(!ruledb_format_is_network_field(ruledb_format_list_field(kind)));
	g_return_if_fail(length > 0 && length <= UINT16_MAX);

	GByteArray *list = get_list(builder, number, kind);
	append_number(list, length, 2);
	g_byte_array_append(list, (const uint8_t *)text, (guint)length);
}

void
ruledb_builder_add_network(RuleDbBuilder *builder, uint32_t number, RuleDbListKind kind,
			   const Network *network)
{
	uint8_t bytes[RULEDB_MAX_NETWORK];

	g_return_if_fail(number < builder->rules->len);
	g_return_if_fail(ruledb_format_is_network_field(ruledb_format_list_field(kind)));
	g_return_if_fail(is_network(network));

	g_byte_array_append(get_list(builder, number, kind), bytes,
			    (guint)format_network(network, bytes));
}

void
ruledb_builder_index_domain(RuleDbBuilder *builder, uint32_t number, RuleDbDomain kind,
			    const char *domain)
{
	const size_t length = strlen(domain);

	g_return_if_fail(number < builder->rules->len);
	g_return_if_fail(length > 0 && length <= ADDRESS_MAX_DOMAIN);

	add_number(get_key(builder, ruledb_format_domain_key(kind), domain, length), number);
}

void
ruledb_builder_index_network(RuleDbBuilder *builder, uint32_t number, const Network *network)
{
	g_return_if_fail(number < builder->rules->len);
	g_return_if_fail(is_network(network));

	add_number(get_network_key(builder, KEY_CLIENT_NETWORK, RULEDB_MAP_CLIENT, network),
		   number);
}

void
ruledb_builder_index_all_mail(RuleDbBuilder *builder, uint32_t number)
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

static GByteArray *
build_rule(const Rule *rule)
{
	GByteArray *content = g_byte_array_new();

	g_byte_array_append(content, rule->fields->data, rule->fields->len);
	for (unsigned i = 0; i < N_RULEDB_LISTS; i++) {
		const GByteArray *list = rule->lists[i];

		append_field(content, ruledb_format_list_field(i), list != NULL ? list->data : NULL,
			     list != NULL ? list->len : 0);
	}
	return content;
}

static void
content_free(void *data)
{
	g_byte_array_unref(data);
}

/* The contents of all records: the buckets, then the rules. */
static GPtrArray *
build_contents(const RuleDbBuilder *builder, uint32_t n_buckets)
{
	GPtrArray *contents = g_ptr_array_new_with_free_func(content_free);

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
		g_ptr_array_add(contents, build_rule(g_ptr_array_index(builder->rules, i)));
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
	append_number(file, builder->key_kinds, 1);
	for (size_t i = 0; i < N_RULEDB_MAPS; i++) {
		g_byte_array_append(file, builder->maps[i].ipv4, RULEDB_IPV4_MAP_SIZE);
		g_byte_array_append(file, builder->maps[i].ipv6, RULEDB_IPV6_MAP_SIZE);
	}
	append_text(file, builder->myorigin);
	append_text(file, builder->mydomain);
	append_number(file, ruledb_format_checksum(0, 0, file->data, file->len), 8);
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
