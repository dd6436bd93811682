/* SPDX-License-Identifier: Apache-2.0 */
/* input: the bytes of the settings file, read into memory or mapped.
 *
 * A document of a million destinations has 75 MB. Where it is only looked at, it is mapped, and the
 * pages behind the reader are given back. What is put in force is always a copy: the bytes that
 * were checked are the bytes that are kept. */
#include "input.h"

#include "exitcode.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define INPUT_MAX ((size_t)1 << 30)

void
input_clear(Input *input)
{
	g_clear_pointer(&input->bytes, g_bytes_unref);
	g_clear_pointer(&input->mapping, g_mapped_file_unref);
}

/* Nothing has been written when this can happen. */
static void
on_cut(int number)
{
	static const char message[] = "tlsmap: the settings file was cut while it was read\n";
	ssize_t ignored = write(STDERR_FILENO, message, sizeof message - 1);

	(void)ignored;
	_exit(EXIT_DOCUMENT);
}

static gboolean
map(Input *input, int fd)
{
	struct sigaction action = { .sa_handler = on_cut };

	input->mapping = g_mapped_file_new_from_fd(fd, FALSE, NULL);
	if (input->mapping == NULL)
		return FALSE;
	sigaction(SIGBUS, &action, NULL);
	input->bytes = g_mapped_file_get_bytes(input->mapping);
	return TRUE;
}

static gboolean
read_all(GByteArray *content, int fd)
{
	guint8 buffer[65536];
	ssize_t got;

	while ((got = read(fd, buffer, sizeof buffer)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return FALSE;
		if (content->len + (size_t)got > INPUT_MAX) {
			errno = EFBIG;
			return FALSE;
		}
		g_byte_array_append(content, buffer, (guint)got);
	}
	return TRUE;
}

static gboolean
take_fd(Input *input, int fd, gboolean may_map)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return FALSE;
	if (S_ISREG(status.st_mode) && status.st_size > (off_t)INPUT_MAX) {
		errno = EFBIG;
		return FALSE;
	}
	/* Standard input may be a file that somebody has begun to read. */
	if (may_map && S_ISREG(status.st_mode) && lseek(fd, 0, SEEK_CUR) == 0 && map(input, fd))
		return TRUE;
	/* At once as large as it will be, where that is known. */
	GByteArray *content =
		g_byte_array_sized_new(S_ISREG(status.st_mode) ? (guint)status.st_size + 1 : 0);
	gboolean is_read = read_all(content, fd);
	int saved = errno;
	input->bytes = g_byte_array_free_to_bytes(content);
	errno = saved;
	return is_read;
}

gboolean
input_take(Input *input, const char *path, gboolean may_map)
{
	gboolean is_standard = strcmp(path, "-") == 0;
	int fd = is_standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);

	gboolean is_taken = fd >= 0 && take_fd(input, fd, may_map);
	int saved = errno;
	if (fd >= 0 && !is_standard)
		close(fd);
	if (input->bytes == NULL)
		input->bytes = g_bytes_new_static("", 0);
	errno = saved;
	return is_taken;
}

void
input_release(const Input *input, size_t offset)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	/* A mapping of a file that nothing is written to: what is dropped comes back when it is
	 * read. */
	if (input->mapping != NULL && offset >= page)
		madvise(g_mapped_file_get_contents(input->mapping), offset / page * page,
			MADV_DONTNEED);
}
