/* SPDX-License-Identifier: Apache-2.0 */
/* cmd-explain-send: how mail to a destination is protected on this Postfix, and why. */
#pragma once

#include "document.h"
#include "snapshot.h"

typedef struct {
	const Document *document;
	const Snapshot *snapshot;
	const char *destination; /* an address, a domain or a next-hop */
	const char *sender;      /* "": the null sender; NULL: not said */
} ExplainSend;

/* Print it. EXIT_DONE, or error is set. */
ExitCode explain_send(const ExplainSend *question, GError **error);
