/* SPDX-License-Identifier: Apache-2.0 */
/* change: one line of a plan, and the list of them. */
#pragma once

#include "maincf.h"

#include <glib.h>
#include <stdio.h>

typedef enum {
	CHANGE_PARAMETER,
	CHANGE_ROW,
	CHANGE_RULE,
	CHANGE_SERVICE,
	N_CHANGE_KINDS
} ChangeKind;

typedef struct {
	ChangeKind kind;
	char *name;
	char *old_value; /* NULL: was not there */
	char *new_value; /* NULL: will not be there */
	ChangeDirection direction;
} Change;

/* A list of Change. */
GArray *change_list_new(void);

/* Add one; the texts are copied. */
void change_add(GArray *changes, ChangeKind kind, const char *name, const char *old_value,
		const char *new_value, ChangeDirection direction);

/* "parameter NAME: OLD -> NEW [stricter]", one a line. */
void change_print(const GArray *changes, FILE *stream);

const char *change_kind_word(ChangeKind kind);
const char *change_direction_word(ChangeDirection direction);
