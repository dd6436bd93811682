/* SPDX-License-Identifier: Apache-2.0 */
/* compile: turns the receiving rules of the model into the database that policyd asks. Pure. */
#pragma once

#include "address.h"
#include "settings.h"

#include <glib.h>

/* The bytes of rules.db for generation. rewriting: how the Postfix that will ask rewrites
 * addresses. */
GBytes *compile_rules(const Settings *settings, const AddressRewriting *rewriting,
		      guint64 generation);
