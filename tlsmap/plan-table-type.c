/* SPDX-License-Identifier: Apache-2.0 */
/* plan-table-type: the type of the tables that Postfix reads. */
#include "plan.h"

const char *
plan_table_type(const Settings *settings, const Snapshot *snapshot)
{
	static const TableType preferred[] = { TABLE_TYPE_CDB, TABLE_TYPE_LMDB, TABLE_TYPE_HASH };
	TableType wanted = settings->postfix.table_type.code;

	for (size_t i = 0; i < G_N_ELEMENTS(preferred); i++) {
		TableType type = wanted == TABLE_TYPE_AUTO ? preferred[i] : wanted;
		const char *word = names_word(&names_table_type, type);
		if (snapshot == NULL || snapshot_has_table_type(snapshot, word))
			return word;
	}
	return NULL;
}
