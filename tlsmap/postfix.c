/* SPDX-License-Identifier: Apache-2.0 */
/* postfix: postfix(1), by which a running instance is told of new files. */
#include "postfix.h"

#include "child.h"
#include "snapshot.h"

#include <string.h>

gboolean
postfix_reload(const char *config_directory, GError **error)
{
	const char *const argv[] = { "postfix", "-c", config_directory, "reload", NULL };
	g_auto(ChildResult) result = { 0 };

	if (!child_run(argv, NULL, &result, error))
		return FALSE;
	/* Its script ends with 0 also where the signal did not come; then its shell says so
	 * (conf/postfix-script, 3.7). */
	const char *unsignalled = strstr(result.errors, "kill: ");
	if (result.status == 0 && unsignalled == NULL)
		return TRUE;
	g_autofree char *line =
		child_dup_first_line(unsignalled != NULL ? unsignalled : result.errors);
	g_set_error(error, SNAPSHOT_ERROR, 0, "postfix reload failed (status %d): %s",
		    result.status, line);
	return FALSE;
}
