/* SPDX-License-Identifier: Apache-2.0 */
/* exitcode: what tlsmap's exit status says; sysexits(3) where they have a word for it. */
#pragma once

#include <glib.h>

typedef enum {
	EXIT_DONE = 0,      /* also with warnings */
	EXIT_CHANGES = 1,   /* plan: there are changes; status, import, audit, --strict: findings */
	EXIT_USAGE = 64,    /* EX_USAGE */
	EXIT_DOCUMENT = 65, /* EX_DATAERR: the document has an error */
	EXIT_NO_POSTFIX = 69, /* EX_UNAVAILABLE: Postfix is not there or does not answer */
	EXIT_BUG = 70,        /* EX_SOFTWARE */
	EXIT_NO_WRITE = 73,   /* EX_CANTCREAT */
	EXIT_LOCKED = 75,     /* EX_TEMPFAIL: another run holds the lock */
	EXIT_NO_PERM = 77,    /* EX_NOPERM */
	EXIT_REFUSED = 78     /* EX_CONFIG: the live Postfix forbids it; nothing was changed */
} ExitCode;

/* What an error in writing a file means: EXIT_NO_PERM or EXIT_NO_WRITE. */
ExitCode exitcode_of_write(const GError *error);
