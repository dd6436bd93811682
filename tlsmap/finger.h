/* SPDX-License-Identifier: Apache-2.0 */
/* finger: what posttls-finger(1) has seen of a listener. Pure. */
#pragma once

#include <glib.h>

/* How a listener is to be spoken to, and what it is to offer. */
typedef enum { FINGER_CLEAR, FINGER_STARTTLS, FINGER_WRAPPED } FingerMode;

/* What a listener does, the worst first; of one that is not proved, nothing is known. */
typedef enum {
	FINGER_NOT_PROVED,
	FINGER_DEAD,              /* no greeting, or no answer to EHLO */
	FINGER_OTHER_TLS,         /* no TLS where there is to be, or the other way round */
	FINGER_OTHER_CERTIFICATE, /* not the one of the file; finger_read() does not tell */
	FINGER_GOOD
} FingerGrade;

typedef struct {
	FingerGrade grade;
	char *seen;          /* what was seen there, for people; NULL where all is good */
	GBytes *certificate; /* that it has shown, DER; NULL: none */
} Finger;

void finger_clear(Finger *finger);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Finger, finger_clear)

/* Judge the output of "posttls-finger -C" for a listener of that mode; the status is always 0. */
void finger_read(const char *output, FingerMode mode, Finger *finger);

/* The certificate that the server has shown, DER, in the output of "posttls-finger -C"; NULL: none.
 */
GBytes *finger_dup_certificate(const char *output);
