/* SPDX-License-Identifier: Apache-2.0 */
/* check: what the checks of a document share; for checks*.c alone. */
#pragma once

#include "finding.h"
#include "refused.h"
#include "settings.h"

#include <glib.h>

typedef struct {
	const Settings *settings;
	const Refused *refused; /* what a check takes for absent may have been refused */
	char today[11];         /* YYYY-MM-DD by the UTC calendar */
	char soon[11];          /* the last day for whose reviews a warning is given */
	Findings *findings;
	FindingId id; /* the one that the present check reports */
} Check;

/* Add a finding of the present check about the value at place. */
void check_found(const Check *check, size_t place, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* The place of the first item of a list that was not refused; 0: there is none. */
size_t check_first_place(const GArray *texts);

/* Report each of pins that is no digest of the kind of *digest, the first one's of its direction
 * (NULL before any). */
void check_digests(const Check *check, const GArray *pins, const char **digest);

/* Report a review that is due, or soon. */
void check_review(const Check *check, const CursorText *review_by);

void check_certificate_at_none(const Check *check);
void check_require_without_encrypt(const Check *check);
void check_rules_at_none(const Check *check);
void check_certificate_not_requested(const Check *check);
void check_fingerprints_under_require(const Check *check);
void check_fingerprints_with_names(const Check *check);
void check_duplicate_names(const Check *check);
void check_other_clients(const Check *check);
void check_only_client_names(const Check *check);
void check_name_demands(const Check *check);
void check_exempt_networks(const Check *check);
void check_fails_open(const Check *check);
void check_trusted_by_anyone(const Check *check);
void check_too_many_rules(const Check *check);
void check_many_rules(const Check *check);
void check_receive_digests(const Check *check);
void check_receive_min_protocol(const Check *check);
void check_receive_anchors(const Check *check);
void check_rule_reviews(const Check *check);

void check_send_digests(const Check *check);
void check_attributes(const Check *check);
void check_missing_fingerprints(const Check *check);
void check_levels_at_addresses(const Check *check);
void check_nothing_to_override(const Check *check);
void check_fallback_overrides(const Check *check);
void check_duplicate_destinations(const Check *check);
void check_send_min_protocol(const Check *check);
void check_fallback_level(const Check *check);
void check_send_anchors(const Check *check);
void check_verify(const Check *check);
void check_weaker_rows(const Check *check);
void check_row_reviews(const Check *check);
