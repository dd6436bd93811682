/* SPDX-License-Identifier: Apache-2.0 */
/* ruledb-file: the rules file as a header and whole records (ruledb-format.h has the layout).
 *
 * Nothing in the file is trusted: each offset and length is proved to lie within the file, and each
 * record to be whole, before a byte of it is used. What is not as it must be is
 * RULEDB_ERROR_DAMAGED. Nothing is allocated after opening; only an error is.
 *
 * One function, ruledb_file_get_record(), yields a record, whether the file is mapped, in memory,
 * or read by pread(2) into one of two slots: a bucket's record must stay while its rules are read.
 */
#include "ruledb-file.h"

#include "ruledb-format.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

G_DEFINE_QUARK(tlsgate_ruledb, ruledb_error)

gboolean
ruledb_file_damaged(GError **error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *what = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, RULEDB_ERROR, RULEDB_ERROR_DAMAGED, "damaged: %s", what);
	return FALSE;
}

/* ---- bytes of the file ---- */

/* n bytes of the file, which has at least offset + n: borrowed from data, or read into buffer. */
static const uint8_t *
get_bytes(const RuleDb *db, uint64_t offset, size_t n, uint8_t *buffer, GError **error)
{
	size_t done = 0;

	if (db->data != NULL)
		return db->data + offset;
	while (done < n) {
		const ssize_t got = pread(db->fd, buffer + done, n - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			g_set_error(error, RULEDB_ERROR, RULEDB_ERROR_IO, "can't read: %s",
				    g_strerror(errno));
			return NULL;
		}
		if (got == 0) {
			ruledb_file_damaged(error, "the file became shorter");
			return NULL;
		}
		done += (size_t)got;
	}
	return buffer;
}

static uint64_t
get_records_at(const RuleDb *db)
{
	return db->offsets_at + 8 * ((uint64_t)db->n_buckets + db->n_rules + 1);
}

gboolean
ruledb_file_get_record(const RuleDb *db, uint32_t number, RuleDbSlot slot, RuleDbSpan *content,
		       GError **error)
{
	uint8_t pair[16];
	const uint8_t *at =
		get_bytes(db, db->offsets_at + 8 * (uint64_t)number, sizeof pair, pair, error);

	if (at == NULL)
		return FALSE;
	const uint64_t start = ruledb_format_get(at, 8);
	const uint64_t end = ruledb_format_get(at + 8, 8);
	if (start < get_records_at(db) || end > db->file_size || end < start ||
	    end - start < RULEDB_RECORD_FRAME || end - start > db->largest_record)
		return ruledb_file_damaged(error, "record %u: its place is wrong", number);

	const size_t length = (size_t)(end - start) - RULEDB_RECORD_FRAME;
	at = get_bytes(db, start, (size_t)(end - start), db->slot[slot], error);
	if (at == NULL)
		return FALSE;
	if (ruledb_format_get(at, 4) != number)
		return ruledb_file_damaged(error, "record %u: its number is wrong", number);
	if (ruledb_format_get(at + 4, 4) != length)
		return ruledb_file_damaged(error, "record %u: its length is wrong", number);
	*content = (RuleDbSpan){ at + RULEDB_RECORD_HEAD, length };
	if (ruledb_format_get(at + RULEDB_RECORD_HEAD + length, 8) !=
	    ruledb_format_checksum(db->generation, number, content->at, length))
		return ruledb_file_damaged(error, "record %u: its checksum is wrong", number);
	return TRUE;
}

/* ---- the header ---- */

static const char *
take_text(RuleDbSpan *span)
{
	uint64_t length;
	const uint8_t *text;

	if (!ruledb_file_take_number(span, 2, &length) || length > RULEDB_MAX_TEXT ||
	    (text = ruledb_file_take_bytes(span, length + 1)) == NULL ||
	    memchr(text, '\0', length + 1) != text + length)
		return NULL;
	return (const char *)text;
}

/* Take the header's fields, whose checksum is right; header is what stands between the size of the
 * header and the checksum. */
static gboolean
parse_header(RuleDb *db, RuleDbSpan header, uint64_t actual_size)
{
	uint64_t n_buckets, n_rules, largest, flags, key_kinds;

	if (!ruledb_file_take_number(&header, 8, &db->generation) ||
	    !ruledb_file_take_number(&header, 8, &db->file_size) ||
	    !ruledb_file_take_number(&header, 4, &n_buckets) ||
	    !ruledb_file_take_number(&header, 4, &n_rules) ||
	    !ruledb_file_take_number(&header, 4, &largest) ||
	    !ruledb_file_take_number(&header, 1, &flags) ||
	    !ruledb_file_take_number(&header, 1, &key_kinds))
		return FALSE;
	for (size_t i = 0; i < N_RULEDB_MAPS; i++) {
		const uint8_t **map = db->prefix_map[i];

		map[NETWORK_IPV4] = ruledb_file_take_bytes(&header, RULEDB_IPV4_MAP_SIZE);
		map[NETWORK_IPV6] = ruledb_file_take_bytes(&header, RULEDB_IPV6_MAP_SIZE);
		if (map[NETWORK_IPV6] == NULL)
			return FALSE;
	}
	db->rewriting.myorigin = take_text(&header);
	db->rewriting.mydomain = take_text(&header);
	if (db->rewriting.myorigin == NULL || db->rewriting.mydomain == NULL || header.left != 0)
		return FALSE;

	db->n_buckets = (uint32_t)n_buckets;
	db->n_rules = (uint32_t)n_rules;
	db->largest_record = (uint32_t)largest;
	db->key_kinds = (unsigned)key_kinds;
	db->rewriting.append_at_myorigin = (flags & REWRITING_APPEND_AT_MYORIGIN) != 0;
	db->rewriting.append_dot_mydomain = (flags & REWRITING_APPEND_DOT_MYDOMAIN) != 0;
	db->rewriting.allow_percent_hack = (flags & REWRITING_ALLOW_PERCENT_HACK) != 0;
	db->rewriting.swap_bangpath = (flags & REWRITING_SWAP_BANGPATH) != 0;

	/* The records are numbered in 32 bits, and no record is larger than the file. */
	return (flags & ~(uint64_t)REWRITING_ALL_FLAGS) == 0 &&
	       (key_kinds & ~(uint64_t)RULEDB_ALL_KEY_KINDS) == 0 && n_buckets > 0 &&
	       (n_buckets & (n_buckets - 1)) == 0 && n_buckets + n_rules <= UINT32_MAX &&
	       largest >= RULEDB_RECORD_FRAME && largest <= actual_size &&
	       db->file_size == actual_size;
}

/* Whether the array of offsets fits into the file and ends with it. Its counts are of 32 bits: the
 * sums can't overflow. */
static gboolean
check_offsets(const RuleDb *db, GError **error)
{
	const uint64_t records_at = get_records_at(db);
	uint8_t buffer[8];

	if (records_at > db->file_size)
		return ruledb_file_damaged(error, "the array of offsets does not fit into it");
	const uint8_t *last = get_bytes(db, records_at - 8, sizeof buffer, buffer, error);
	if (last == NULL)
		return FALSE;
	return ruledb_format_get(last, 8) == db->file_size ||
	       ruledb_file_damaged(error, "the last offset is wrong");
}

/* Prove the header, and that the array of offsets spans the file, which has size bytes. */
static gboolean
load_header(RuleDb *db, uint64_t size, GError **error)
{
	if (size < RULEDB_HEADER_MIN)
		return ruledb_file_damaged(error, "shorter than a rules file can be");
	const size_t have = (size_t)MIN(size, RULEDB_HEADER_MAX);
	const uint8_t *at = get_bytes(db, 0, have, db->header, error);
	if (at == NULL)
		return FALSE;
	memmove(db->header, at, have);

	if (memcmp(db->header, RULEDB_MAGIC, RULEDB_MAGIC_SIZE) != 0)
		return ruledb_file_damaged(error, "not a rules file of tlsgate");
	const uint64_t format = ruledb_format_get(db->header + RULEDB_MAGIC_SIZE, 4);
	if (format != RULEDB_FORMAT) {
		g_set_error(error, RULEDB_ERROR, RULEDB_ERROR_FORMAT,
			    "rules file of format %u, this program knows format %u",
			    (unsigned)format, (unsigned)RULEDB_FORMAT);
		return FALSE;
	}
	const uint64_t header_size = ruledb_format_get(db->header + RULEDB_MAGIC_SIZE + 4, 4);
	if (header_size < RULEDB_HEADER_MIN || header_size > have)
		return ruledb_file_damaged(error, "the size of its header is wrong");
	const size_t covered = (size_t)header_size - 8;
	if (ruledb_format_get(db->header + covered, 8) !=
	    ruledb_format_checksum(0, 0, db->header, covered))
		return ruledb_file_damaged(error, "the checksum of its header is wrong");

	const size_t before = RULEDB_MAGIC_SIZE + 4 + 4;
	if (!parse_header(db, (RuleDbSpan){ db->header + before, covered - before }, size))
		return ruledb_file_damaged(error,
					   "its header contradicts itself or the size of the file");

	db->offsets_at = header_size;
	return check_offsets(db, error);
}

/* ---- opening ---- */

static RuleDb *
ruledb_new(void)
{
	RuleDb *db = g_new0(RuleDb, 1);

	db->fd = -1;
	return db;
}

void
ruledb_free(RuleDb *db)
{
	if (db == NULL)
		return;
	if (db->bytes != NULL)
		g_bytes_unref(db->bytes);
	else if (db->map_size > 0)
		munmap((void *)(uintptr_t)db->data, db->map_size);
	if (db->fd >= 0)
		close(db->fd);
	for (size_t i = 0; i < N_RULEDB_SLOTS; i++)
		g_free(db->slot[i]);
	g_free(db);
}

static void
set_open_error(GError **error, int error_number)
{
	RuleDbError code = RULEDB_ERROR_IO;

	if (error_number == ENOENT || error_number == ENOTDIR)
		code = RULEDB_ERROR_ABSENT;
	else if (error_number == EACCES || error_number == EPERM)
		code = RULEDB_ERROR_PERMISSION;
	g_set_error(error, RULEDB_ERROR, code, "can't open: %s", g_strerror(error_number));
}

/* Open path as a regular file; O_NONBLOCK, so that a named pipe can't hold us. */
static gboolean
open_file(RuleDb *db, const char *path, uint64_t *size, GError **error)
{
	struct stat status;

	db->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (db->fd < 0 || fstat(db->fd, &status) != 0) {
		set_open_error(error, errno);
		return FALSE;
	}
	if (!S_ISREG(status.st_mode)) {
		g_set_error(error, RULEDB_ERROR, RULEDB_ERROR_IO, "not a regular file");
		return FALSE;
	}
	*size = (uint64_t)status.st_size;
	return TRUE;
}

static RuleDb *
open_path(const char *path, gboolean is_mapped, GError **error)
{
	g_autoptr(RuleDb) db = ruledb_new();
	uint64_t size;

	if (!open_file(db, path, &size, error)) {
		g_prefix_error(error, "%s: ", path);
		return NULL;
	}
	/* An empty file can't be mapped, and one that exceeds the address space neither. */
	if (is_mapped && size > 0 && size <= SIZE_MAX) {
		void *map = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, db->fd, 0);

		if (map != MAP_FAILED) {
			db->data = map;
			db->map_size = (size_t)size;
			close(db->fd);
			db->fd = -1;
		}
	}
	if (!load_header(db, size, error)) {
		g_prefix_error(error, "%s: ", path);
		return NULL;
	}
	if (db->data == NULL)
		for (size_t i = 0; i < N_RULEDB_SLOTS; i++)
			db->slot[i] = g_malloc(db->largest_record);
	return g_steal_pointer(&db);
}

RuleDb *
ruledb_open(const char *path, GError **error)
{
	return open_path(path, TRUE, error);
}

RuleDb *
ruledb_open_unmapped(const char *path, GError **error)
{
	return open_path(path, FALSE, error);
}

RuleDb *
ruledb_open_bytes(GBytes *bytes, GError **error)
{
	g_autoptr(RuleDb) db = ruledb_new();
	size_t size;

	db->bytes = g_bytes_ref(bytes);
	db->data = g_bytes_get_data(bytes, &size);
	return load_header(db, size, error) ? g_steal_pointer(&db) : NULL;
}

uint64_t
ruledb_generation(const RuleDb *db)
{
	return db->generation;
}

uint32_t
ruledb_n_rules(const RuleDb *db)
{
	return db->n_rules;
}

const AddressRewriting *
ruledb_rewriting(const RuleDb *db)
{
	return &db->rewriting;
}
