/* SPDX-License-Identifier: Apache-2.0 */
/* cmd-explain-receive: what the levels and rules of a document make of one mail, and why. */
#pragma once

#include "address.h"
#include "document.h"
#include "request.h"

/* What is known of a mail: values as smtpd(8) would send them; NULL: not known. */
typedef struct {
	const char *given[N_REQUEST_ATTRIBUTES];
	GStringChunk *store; /* of texts that had to be made */
	Request request;     /* filled by explain_receive() */
} Mail;

typedef struct {
	const Document *document;
	const AddressRewriting *rewriting;
	Mail *mail;
} ExplainReceive;

/* Print it. EXIT_DONE, or error is set. */
ExitCode explain_receive(const ExplainReceive *question, GError **error);
