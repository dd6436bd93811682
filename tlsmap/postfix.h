/* SPDX-License-Identifier: Apache-2.0 */
/* postfix: postfix(1), by which a running instance is told of new files. */
#pragma once

#include <glib.h>

/* Tell the Postfix of config_directory to read its files anew; it has done so a little later. */
gboolean postfix_reload(const char *config_directory, GError **error) G_GNUC_WARN_UNUSED_RESULT;
