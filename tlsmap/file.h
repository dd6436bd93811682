/* SPDX-License-Identifier: Apache-2.0 */
/* file: writing so that it is on the disk, or an error. */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* Make a directory of mode 0755 whatever the umask; one that is there already is kept. */
gboolean file_make_directory(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Write a new file of that mode (whatever the umask) and bring it to the disk. One that is there is
 * replaced in place: for directories that nobody else reads yet. */
gboolean file_write(const char *path, const void *data, size_t size, mode_t mode, GError **error)
	G_GNUC_WARN_UNUSED_RESULT;

/* Write a file of that mode (whatever the umask) beside its place, bring it to the disk, and put it
 * there in one step. Whatever is there already stays: G_FILE_ERROR_EXIST. */
gboolean file_create(const char *path, const void *data, size_t size, mode_t mode, GError **error)
	G_GNUC_WARN_UNUSED_RESULT;

/* Bring a file or the entries of a directory to the disk. */
gboolean file_sync(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Date a file back, so that Postfix's programs do not wait until it has been quiet for two seconds
 * (src/util/dict.c, dict_load_file_xt(), 3.7): for files that nobody else writes. */
gboolean file_date_back(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Exchange two paths in one step, and bring the directory of the second to the disk. */
gboolean file_exchange(const char *path, const char *other, GError **error)
	G_GNUC_WARN_UNUSED_RESULT;

/* rename(2), and the directory of new_path brought to the disk. */
gboolean file_rename(const char *old_path, const char *new_path, GError **error)
	G_GNUC_WARN_UNUSED_RESULT;

/* Put a file of mode 0644 in its place in one step, and on the disk. FALSE with error also where it
 * is there, but not surely on the disk. */
gboolean file_put(const char *path, const char *text, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Remove what a file_put() of path that died left beside it. */
gboolean file_remove_draft(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Remove a file; one that is not there is gone already. */
gboolean file_remove(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Remove a directory and all below it; one that is not there is gone already. */
gboolean file_remove_tree(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* What file_replace() found and did, also where it then failed. */
typedef struct {
	gboolean is_changed;  /* the file does not hold what was expected: nothing was written */
	gboolean is_replaced; /* the new content is in place */
} FileReplacement;

/* Replace the file that path names, symbolic links followed, by content, in one rename: owner, mode
 * and extended attributes (ACL, security label) are kept. Postfix's own editing lock, an exclusive
 * flock(2) on path.tmp, is held meanwhile. The file must still hold expected. FALSE with error also
 * where the new content is in place, but not surely on the disk. */
gboolean file_replace(const char *path, GBytes *content, GBytes *expected,
		      FileReplacement *replacement, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Remove what a file_replace() of path that died left beside it. */
gboolean file_remove_replacement(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;
