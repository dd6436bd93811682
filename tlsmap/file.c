/* SPDX-License-Identifier: Apache-2.0 */
/* file: writing so that it is on the disk, or an error.
 *
 * Every call that brings data to the disk is checked, close(2) and fsync(2) included: a full disk
 * shows itself there. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define DATE_BACK_SECONDS 60

static gboolean
fail(GError **error, const char *what, const char *path)
{
	int saved = errno;

	g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(saved), "%s %s: %s", what, path,
		    g_strerror(saved));
	return FALSE;
}

static void
close_descriptor(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define AUTO_CLOSE __attribute__((cleanup(close_descriptor)))

/* Close fd and tell whether that went well. */
static gboolean
finish(int *fd, const char *path, GError **error)
{
	int closing = *fd;

	*fd = -1;
	return close(closing) == 0 || fail(error, "can't close", path);
}

gboolean
file_make_directory(const char *path, GError **error)
{
	if (mkdir(path, 0755) == 0)
		return chmod(path, 0755) == 0 || fail(error, "can't set the mode of", path);
	return errno == EEXIST || fail(error, "can't make the directory", path);
}

static gboolean
write_all(int fd, const char *data, size_t size, const char *path, GError **error)
{
	while (size > 0) {
		ssize_t written = write(fd, data, size);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return fail(error, "can't write", path);
		data += written;
		size -= written;
	}
	return TRUE;
}

/* Fill the new file behind fd, and close it. */
static gboolean
fill(int *fd, const void *data, size_t size, mode_t mode, const char *path, GError **error)
{
	if (fchmod(*fd, mode) != 0)
		return fail(error, "can't set the mode of", path);
	if (!write_all(*fd, data, size, path, error))
		return FALSE;
	if (fsync(*fd) != 0)
		return fail(error, "can't bring to the disk", path);
	return finish(fd, path, error);
}

gboolean
file_write(const char *path, const void *data, size_t size, mode_t mode, GError **error)
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);

	if (fd < 0)
		return fail(error, "can't create", path);
	return fill(&fd, data, size, mode, path, error);
}

/* link(2), because rename(2) would replace what is there, a dangling symbolic link too. */
gboolean
file_create(const char *path, const void *data, size_t size, mode_t mode, GError **error)
{
	g_autofree char *directory = g_path_get_dirname(path);
	g_autofree char *twin = g_strconcat(path, ".XXXXXX", NULL);
	AUTO_CLOSE int fd = g_mkstemp_full(twin, O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0)
		return fail(error, "can't create", path);
	gboolean done = fill(&fd, data, size, mode, twin, error) &&
			(link(twin, path) == 0 || fail(error, "can't create", path));
	unlink(twin);
	return done && file_sync(directory, error);
}

gboolean
file_sync(const char *path, GError **error)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return fail(error, "can't open", path);
	if (fsync(fd) != 0)
		return fail(error, "can't bring to the disk", path);
	return finish(&fd, path, error);
}

gboolean
file_date_back(const char *path, GError **error)
{
	const struct timespec old = { .tv_sec = time(NULL) - DATE_BACK_SECONDS };
	const struct timespec times[] = { old, old };

	return utimensat(AT_FDCWD, path, times, 0) == 0 || fail(error, "can't date back", path);
}

gboolean
file_rename(const char *old_path, const char *new_path, GError **error)
{
	g_autofree char *directory = g_path_get_dirname(new_path);

	if (rename(old_path, new_path) != 0)
		return fail(error, "can't rename to", new_path);
	return file_sync(directory, error);
}

static char *
dup_draft(const char *path)
{
	return g_strconcat(path, ".new", NULL);
}

gboolean
file_put(const char *path, const char *text, GError **error)
{
	g_autofree char *draft = dup_draft(path);

	if (file_write(draft, text, strlen(text), 0644, error) && file_rename(draft, path, error))
		return TRUE;
	unlink(draft);
	return FALSE;
}

gboolean
file_remove_draft(const char *path, GError **error)
{
	g_autofree char *draft = dup_draft(path);

	return file_remove(draft, error);
}

gboolean
file_exchange(const char *path, const char *other, GError **error)
{
	g_autofree char *directory = g_path_get_dirname(other);

	if (renameat2(AT_FDCWD, path, AT_FDCWD, other, RENAME_EXCHANGE) != 0)
		return fail(error, "can't exchange", other);
	return file_sync(directory, error);
}

static int
remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	return remove(path);
}

gboolean
file_remove(const char *path, GError **error)
{
	return unlink(path) == 0 || errno == ENOENT || fail(error, "can't remove", path);
}

gboolean
file_remove_tree(const char *path, GError **error)
{
	if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) == 0 || errno == ENOENT)
		return TRUE;
	return fail(error, "can't remove", path);
}

/* Postfix's lock: the path and the descriptor must be the same file once the lock is held, because
 * the holder before us unlinks it (src/util/edit_file.c, edit_file_open(), 3.7). */
static int
lock_like_postfix(const char *path, GError **error)
{
	for (;;) {
		struct stat by_path, by_fd;
		AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0 || flock(fd, LOCK_EX) != 0 || fstat(fd, &by_fd) != 0) {
			fail(error, "can't lock", path);
			return -1;
		}
		if (stat(path, &by_path) == 0 && by_path.st_ino == by_fd.st_ino &&
		    by_path.st_dev == by_fd.st_dev) {
			int locked = fd;
			fd = -1;
			return locked;
		}
	}
}

/* ACL and security label are extended attributes; those that can't be set are an error, because a
 * main.cf that loses its label may become unreadable for Postfix. */
static gboolean
copy_attributes(int from, int to, const char *path, GError **error)
{
	char names[4096], value[65536];
	ssize_t size = flistxattr(from, names, sizeof names);

	if (size < 0)
		return errno == ENOTSUP || fail(error, "can't list the attributes of", path);
	for (const char *name = names; name < names + size; name += strlen(name) + 1) {
		ssize_t length = fgetxattr(from, name, value, sizeof value);
		if (length < 0)
			return fail(error, "can't read an attribute of", path);
		/* The label that the directory gave may be the very same, and not ours to set. */
		char present[sizeof value];
		if (fgetxattr(to, name, present, sizeof present) == length &&
		    memcmp(present, value, length) == 0)
			continue;
		if (fsetxattr(to, name, value, length, 0) != 0)
			return fail(error, "can't keep an attribute of", path);
	}
	return TRUE;
}

/* Write content beside target, as target's twin in all but content. */
static gboolean
write_twin(const char *target, const char *twin, GBytes *content, GError **error)
{
	AUTO_CLOSE int from = open(target, O_RDONLY | O_CLOEXEC);
	AUTO_CLOSE int to = open(twin, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat status;

	if (from < 0 || fstat(from, &status) != 0)
		return fail(error, "can't open", target);
	if (to < 0)
		return fail(error, "can't create", twin);
	if (fchown(to, status.st_uid, status.st_gid) != 0 ||
	    fchmod(to, status.st_mode & 07777) != 0)
		return fail(error, "can't keep owner and mode of", target);
	if (!copy_attributes(from, to, target, error) ||
	    !write_all(to, g_bytes_get_data(content, NULL), g_bytes_get_size(content), twin, error))
		return FALSE;
	if (fsync(to) != 0)
		return fail(error, "can't bring to the disk", twin);
	return finish(&to, twin, error);
}

static gboolean
still_holds(const char *path, GBytes *expected, gboolean *holds, GError **error)
{
	char *content;
	gsize size;

	if (!g_file_get_contents(path, &content, &size, error))
		return FALSE;
	g_autoptr(GBytes) present = g_bytes_new_take(content, size);
	*holds = g_bytes_equal(present, expected);
	return TRUE;
}

static char *
dup_twin(const char *target)
{
	return g_strconcat(target, ".tlsgate-new", NULL);
}

static gboolean
replace_target(const char *target, GBytes *content, GBytes *expected, FileReplacement *replacement,
	       GError **error)
{
	g_autofree char *twin = dup_twin(target);
	g_autofree char *directory = g_path_get_dirname(target);
	gboolean holds;

	if (!still_holds(target, expected, &holds, error))
		return FALSE;
	replacement->is_changed = !holds;
	if (!holds)
		return TRUE;
	if (!write_twin(target, twin, content, error) ||
	    (rename(twin, target) != 0 && !fail(error, "can't rename to", target))) {
		unlink(twin);
		return FALSE;
	}
	replacement->is_replaced = TRUE;
	return file_sync(directory, error);
}

gboolean
file_replace(const char *path, GBytes *content, GBytes *expected, FileReplacement *replacement,
	     GError **error)
{
	g_autofree char *lock_path = g_strconcat(path, ".tmp", NULL);
	char *target = realpath(path, NULL);

	*replacement = (FileReplacement){ FALSE, FALSE };
	if (target == NULL)
		return fail(error, "can't find", path);
	AUTO_CLOSE int lock = lock_like_postfix(lock_path, error);
	gboolean done = lock >= 0 && replace_target(target, content, expected, replacement, error);
	/* Unlinked while the lock is still held, as Postfix does; one that stays is harmless. */
	if (lock >= 0)
		unlink(lock_path);
	free(target);
	return done;
}

gboolean
file_remove_replacement(const char *path, GError **error)
{
	char *target = realpath(path, NULL);

	if (target == NULL)
		return errno == ENOENT || fail(error, "can't find", path);
	g_autofree char *twin = dup_twin(target);
	free(target);
	return file_remove(twin, error);
}
