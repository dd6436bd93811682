/* SPDX-License-Identifier: Apache-2.0 */
/* ruledb-file: the rules file as a header and whole records; for ruledb.c alone. */
#pragma once

#include "ruledb.h"

#include "ruledb-format.h"

#include <glib.h>
#include <stdint.h>

/* Where a record is kept that is read by pread(2): each holds one until the next of its kind. */
typedef enum { RULEDB_SLOT_BUCKET, RULEDB_SLOT_RULE, N_RULEDB_SLOTS } RuleDbSlot;

struct RuleDb {
	/* The file: one of data (mapped, or owned by bytes) and fd. */
	const uint8_t *data;
	GBytes *bytes;   /* NULL where data is a mapping */
	size_t map_size; /* 0 where it is none */
	int fd;          /* -1 where data is set */
	uint8_t *slot[N_RULEDB_SLOTS];

	uint64_t generation;
	uint64_t file_size;
	uint64_t offsets_at;
	uint32_t n_buckets;
	uint32_t n_rules;
	uint32_t largest_record;
	unsigned key_kinds;                                           /* a bitmap */
	const uint8_t *prefix_map[N_RULEDB_MAPS][N_NETWORK_FAMILIES]; /* in header */
	AddressRewriting rewriting; /* its strings are in header */
	uint8_t header[RULEDB_HEADER_MAX];
};

/* The next n bytes of a piece that has been proved, or NULL where so many are not left. */
static inline const uint8_t *
ruledb_file_take_bytes(RuleDbSpan *span, size_t n)
{
	const uint8_t *at = span->at;

	if (n > span->left)
		return NULL;
	span->at += n;
	span->left -= n;
	return at;
}

/* The next number of n_bytes; FALSE where so many bytes are not left. In line, because n_bytes is
 * a constant wherever it is called: one load then, not a loop. */
G_GNUC_WARN_UNUSED_RESULT static inline gboolean
ruledb_file_take_number(RuleDbSpan *span, size_t n_bytes, uint64_t *value)
{
	const uint8_t *at = ruledb_file_take_bytes(span, n_bytes);

	if (at == NULL)
		return FALSE;
	*value = ruledb_format_get(at, n_bytes);
	return TRUE;
}

/* The content of a record, proved to be whole and to be this one: number is that of a bucket, or
 * n_buckets and more for a rule, and in range. It stays until the slot is used again. */
gboolean ruledb_file_get_record(const RuleDb *db, uint32_t number, RuleDbSlot slot,
				RuleDbSpan *content, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Set RULEDB_ERROR_DAMAGED. Always FALSE, so that a check can end in it. */
gboolean ruledb_file_damaged(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
