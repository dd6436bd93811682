/* SPDX-License-Identifier: Apache-2.0 */
/* proof: whether the listeners of a running Postfix serve mail clients as its files say. */
#pragma once

#include "finding.h"
#include "finger.h"
#include "snapshot.h"

#include <glib.h>

/* What came of one listener. */
typedef struct {
	char *service; /* "smtp/inet" */
	char *address; /* where it was tried, as posttls-finger(1) takes it; NULL: nowhere */
	FingerGrade grade;
	char *seen; /* what was seen there; NULL where all is good */
} Proof;

/* Try all listeners, at the same time, at addresses where they listen: greeting, EHLO, STARTTLS or
 * TLS at once as the level in force says, and the certificate of the file. It takes as long as they
 * take to answer, each address 15 seconds at most. The array of Proof, in the order of master.cf,
 * is the caller's. */
GPtrArray *proof_try(const Snapshot *snapshot);

/* Try them again, and compare with what was before: what is not proved or was no better is a
 * warning, what got worse, twice, an error. Whether nothing got worse. */
gboolean proof_holds(const GPtrArray *before, const Snapshot *snapshot, Findings *findings);

/* A warning where it is not good. */
void proof_report(const Proof *proof, Findings *findings);

/* For programs: "good", "other-certificate", "other-tls", "dead", "not-proved". */
const char *proof_word(FingerGrade grade);
