/* SPDX-License-Identifier: Apache-2.0 */
/* exitcode: what tlsmap's exit status says; sysexits(3) where they have a word for it. */
#include "exitcode.h"

ExitCode
exitcode_of_write(const GError *error)
{
	if (g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_ACCES) ||
	    g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_PERM))
		return EXIT_NO_PERM;
	return EXIT_NO_WRITE;
}
