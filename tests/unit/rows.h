/* SPDX-License-Identifier: Apache-2.0 */
/* rows: a table of named cases as tests, one TAP line each. */
#pragma once

#include <glib.h>

/* Add each row of table, whose first member is "const char *name", as GROUP/NAME run by function.
 */
#define ROWS_ADD(group, table, function)                                                       \
	for (size_t row_ = 0; row_ < G_N_ELEMENTS(table); row_++) {                            \
		g_autofree char *path_ = g_strdup_printf("/%s/%s", group, (table)[row_].name); \
		g_test_add_data_func(path_, &(table)[row_], function);                         \
	}
