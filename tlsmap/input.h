/* SPDX-License-Identifier: Apache-2.0 */
/* input: the bytes of the settings file, read into memory or mapped. */
#pragma once

#include <glib.h>
#include <stddef.h>

typedef struct {
	GBytes *bytes;
	GMappedFile *mapping; /* NULL: bytes are a copy of our own */
} Input;

void input_clear(Input *input);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Input, input_clear)

/* Take in the file at path; "-" is standard input. A copy is what it is whatever happens to the
 * file; with may_map a regular file is mapped instead: then memory does not hold all of it, others
 * may change it in our hands, and one that is cut ends this process with a message and exit status
 * 65. FALSE with errno (EFBIG above a gigabyte); bytes are then empty or what was read. */
gboolean input_take(Input *input, const char *path, gboolean may_map) G_GNUC_WARN_UNUSED_RESULT;

/* What stands before offset is not needed for now: give the memory back that a mapping holds. The
 * bytes stay readable. */
void input_release(const Input *input, size_t offset);
