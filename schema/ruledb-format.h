/* SPDX-License-Identifier: Apache-2.0 */
/* ruledb-format: the layout of the rules file, for the ruledb modules alone.
 *
 * Numbers are little-endian and unaligned; they are copied out one by one: no struct is laid over
 * the file. The file is, without a gap:
 *
 *   header    magic, u32 format, u32 size of the header, u64 generation, u64 size of the file,
 *             u32 n_buckets (a power of two), u32 n_rules, u32 size of the largest record,
 *             u8 rewriting flags, u8 kinds of key that occur (a bitmap of RuleDbKeyKind), the
 * prefix lengths that occur (a bitmap of 33 bits for IPv4, one of 129 bits for IPv6, lowest bit
 * first) in exempt networks, then in networks under which rules are found, myorigin, mydomain (each
 * u16 length, bytes, NUL), u64 checksum of all this offsets   u64 for each record, and one more:
 * the end of the file records   the buckets in order, then the rules in order: u32 number (rules
 * count on after the buckets), u32 length, content, u64 checksum of generation, number and content
 *
 * The content of a bucket is a row of entries: u8 RuleDbKeyKind, u16 length of the key, key,
 * u32 n, n × u32 number of a rule (counting from 0). A key is in the bucket that the low bits of
 * the hash of kind and key say. The content of a rule is a row of fields: u8 RuleDbField, u32
 * length, value; every field stands there once, a list that says nothing as an empty one. A list is
 * a row of texts (u16 length, bytes) or of networks (as in a key).
 *
 * The hash is FNV-1a (64 bits). The checksum takes eight bytes in a step, as a little-endian word;
 * the last word is filled up with zeros, and the length is in the sum. Each step, (h ^ word) × an
 * odd number modulo 2^64, then h ^ h >> 32, is a bijection of h and one of the word: so it is
 * certain to see a change that is confined to one word, be it one bit or all of the eight bytes,
 * because two inputs that differ in one word never meet again. The shift brings the upper half
 * down, which multiplication alone would leave to be undone by a change of the same bit in the next
 * word. A record's length must agree with the two offsets around it. What is not in a checksum is
 * an offset: a wrong one leads to bytes that would have to hold the right number, the right length
 * and a right checksum by chance. The generation is in the checksum so that blocks left over from
 * an older file are not taken for records. None of this is against an author of false files: those
 * are kept out by who may write to the directory. */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define RULEDB_MAGIC "tlsgate\n"
#define RULEDB_MAGIC_SIZE 8

#define RULEDB_IPV4_MAP_SIZE ((32 + 8) / 8)
#define RULEDB_IPV6_MAP_SIZE ((128 + 8) / 8)
#define RULEDB_MAX_TEXT 255 /* myorigin, mydomain */

/* What the two bitmaps of prefix lengths are about. */
typedef enum { RULEDB_MAP_EXEMPT, RULEDB_MAP_CLIENT, N_RULEDB_MAPS } RuleDbMap;

/* Up to the two texts; with these and the checksum the header has no less and no more than this. */
#define RULEDB_HEADER_FIXED                                      \
	(RULEDB_MAGIC_SIZE + 4 + 4 + 8 + 8 + 4 + 4 + 4 + 1 + 1 + \
	 N_RULEDB_MAPS * (RULEDB_IPV4_MAP_SIZE + RULEDB_IPV6_MAP_SIZE))
#define RULEDB_HEADER_MIN (RULEDB_HEADER_FIXED + 2 * (2 + 1) + 8)
#define RULEDB_HEADER_MAX (RULEDB_HEADER_MIN + 2 * RULEDB_MAX_TEXT)

/* What a record has around its content. */
#define RULEDB_RECORD_HEAD (4 + 4)
#define RULEDB_RECORD_FRAME (RULEDB_RECORD_HEAD + 8)

/* Values stand in files: never renumber. */
typedef enum {
	KEY_ALL_MAIL = 1,       /* no key: rules without selectors */
	KEY_SENDER = 2,         /* a domain, ".parent" or "<>" */
	KEY_EXEMPT_NETWORK = 3, /* u8 family, u8 prefix, 4 or 16 bytes; no rules */
	KEY_RECIPIENT = 4,      /* a domain or ".parent" */
	KEY_CLIENT_NETWORK = 5, /* like an exempt one, with rules */
	KEY_CLIENT_NAME = 6     /* a host name or ".parent" */
} RuleDbKeyKind;

#define RULEDB_ALL_KEY_KINDS ((2u << KEY_CLIENT_NAME) - (1u << KEY_ALL_MAIL))

/* The kind of the keys of a RuleDbDomain. */
static inline RuleDbKeyKind
ruledb_format_domain_key(unsigned domain)
{
	static const RuleDbKeyKind kinds[] = { KEY_SENDER, KEY_RECIPIENT, KEY_CLIENT_NAME };

	return kinds[domain];
}

typedef enum {
	FIELD_NAME = 1,              /* with NUL */
	FIELD_CERTIFICATE = 2,       /* u8 CertificateDemand */
	FIELD_VIOLATION = 3,         /* u8 Violation */
	FIELD_MIN_PROTOCOL = 4,      /* u8: 0 none, else TlsProtocol + 1 */
	FIELD_MIN_CIPHER_BITS = 5,   /* u16: 0 none */
	FIELD_RECIPIENT_DOMAINS = 6, /* lists from here on: of texts, or of networks */
	FIELD_CLIENT_NETWORKS = 7,
	FIELD_CLIENT_NAMES = 8,
	FIELD_REQUIRED_SUBJECTS = 9,
	FIELD_REQUIRED_ISSUERS = 10,
	FIELD_REQUIRED_FINGERPRINTS = 11,
	FIELD_REQUIRED_NETWORKS = 12,
	FIELD_REQUIRED_NAMES = 13
} RuleDbField;

/* The fields that are the lists of RuleDbListKind. */
static inline RuleDbField
ruledb_format_list_field(unsigned kind)
{
	return (RuleDbField)(FIELD_RECIPIENT_DOMAINS + kind);
}

static inline int
ruledb_format_is_network_field(uint64_t field)
{
	return field == FIELD_CLIENT_NETWORKS || field == FIELD_REQUIRED_NETWORKS;
}

typedef enum {
	REWRITING_APPEND_AT_MYORIGIN = 1 << 0,
	REWRITING_APPEND_DOT_MYDOMAIN = 1 << 1,
	REWRITING_ALLOW_PERCENT_HACK = 1 << 2,
	REWRITING_SWAP_BANGPATH = 1 << 3,
	REWRITING_ALL_FLAGS = (1 << 4) - 1
} RuleDbRewritingFlag;

/* A network as it stands in a key or a list: u8 family, u8 prefix, 4 or 16 bytes. */
#define RULEDB_MAX_NETWORK (1 + 1 + 16)

#define RULEDB_FNV_START 0xcbf29ce484222325u
#define RULEDB_FNV_PRIME 0x100000001b3u

static inline uint64_t
ruledb_format_fnv(uint64_t hash, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ at[i]) * RULEDB_FNV_PRIME;
	return hash;
}

static inline void
ruledb_format_put(uint8_t *at, uint64_t value, size_t n_bytes)
{
	for (size_t i = 0; i < n_bytes; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

/* One load where n_bytes is a constant. */
static inline uint64_t
ruledb_format_get(const uint8_t *at, size_t n_bytes)
{
	uint64_t value = 0;

	memcpy(&value, at, n_bytes);
	return GUINT64_FROM_LE(value);
}

static inline uint64_t
ruledb_format_add(uint64_t sum, uint64_t word)
{
	sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
	return sum ^ sum >> 32;
}

/* The checksum of a record; with generation and number 0 that of the header. */
static inline uint64_t
ruledb_format_checksum(uint64_t generation, uint32_t number, const uint8_t *content, size_t length)
{
	uint64_t sum = ruledb_format_add(RULEDB_FNV_START, generation);

	sum = ruledb_format_add(sum, (uint64_t)length << 32 | number);
	for (; length >= 8; length -= 8, content += 8)
		sum = ruledb_format_add(sum, ruledb_format_get(content, 8));
	return length > 0 ? ruledb_format_add(sum, ruledb_format_get(content, length)) : sum;
}

/* The bucket of a key; n_buckets is a power of two. The high half is folded in because the low bits
 * of FNV-1a see only the low bits of each byte. */
static inline uint32_t
ruledb_format_bucket(uint32_t n_buckets, RuleDbKeyKind kind, const void *key, size_t length)
{
	const uint8_t first = (uint8_t)kind;
	const uint64_t hash =
		ruledb_format_fnv(ruledb_format_fnv(RULEDB_FNV_START, &first, 1), key, length);

	return (uint32_t)(hash ^ (hash >> 32)) & (n_buckets - 1);
}
