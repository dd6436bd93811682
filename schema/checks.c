/* SPDX-License-Identifier: Apache-2.0 */
/* checks: what the values of a document mean together. Pure.
 *
 * One table has each rule with its identifier; finding.c says which are errors (contradictions that
 * Postfix would ignore or answer with an outage) and which are warnings (legal, but perhaps not
 * meant). A check that takes something for absent asks refused.c first. */
#include "checks.h"

#include "check.h"
#include "fingerprint.h"

#include <stdarg.h>
#include <string.h>

static const struct {
	FindingId id;
	void (*run)(const Check *check);
} checks[] = {
	{ FINDING_CERTIFICATE_AT_NONE, check_certificate_at_none },
	{ FINDING_REQUIRE_WITHOUT_ENCRYPT, check_require_without_encrypt },
	{ FINDING_RULES_AT_NONE, check_rules_at_none },
	{ FINDING_CERTIFICATE_NOT_REQUESTED, check_certificate_not_requested },
	{ FINDING_FINGERPRINTS_UNDER_REQUIRE, check_fingerprints_under_require },
	{ FINDING_FINGERPRINTS_WITH_NAMES, check_fingerprints_with_names },
	{ FINDING_MIXED_DIGESTS, check_receive_digests },
	{ FINDING_MIXED_DIGESTS, check_send_digests },
	{ FINDING_ATTRIBUTE_AT_LEVEL, check_attributes },
	{ FINDING_MISSING_FINGERPRINTS, check_missing_fingerprints },
	{ FINDING_LEVEL_AT_ADDRESS, check_levels_at_addresses },
	{ FINDING_FALLBACK_OVERRIDES, check_fallback_overrides },
	{ FINDING_DUPLICATE_NAME, check_duplicate_names },
	{ FINDING_DUPLICATE_DESTINATION, check_duplicate_destinations },
	{ FINDING_TOO_MANY_RULES, check_too_many_rules },

	{ FINDING_MANY_RULES, check_many_rules },
	{ FINDING_NOTHING_TO_OVERRIDE, check_nothing_to_override },
	{ FINDING_MIN_PROTOCOL_AT_MAY, check_receive_min_protocol },
	{ FINDING_MIN_PROTOCOL_AT_MAY, check_send_min_protocol },
	{ FINDING_OTHER_CLIENTS_PASS, check_other_clients },
	{ FINDING_ONLY_CLIENT_NAMES, check_only_client_names },
	{ FINDING_NAME_DEMAND_REJECTS, check_name_demands },
	{ FINDING_EVERYONE_EXEMPT, check_exempt_networks },
	{ FINDING_FAILS_OPEN, check_fails_open },
	{ FINDING_NO_TRUST_ANCHORS, check_receive_anchors },
	{ FINDING_NO_TRUST_ANCHORS, check_send_anchors },
	{ FINDING_TRUSTED_BY_ANYONE, check_trusted_by_anyone },
	{ FINDING_FALLBACK_MAY_WEAKEN, check_fallback_level },
	{ FINDING_VERIFY_TRUSTS_DNS, check_verify },
	{ FINDING_WEAKER_ROW, check_weaker_rows },
	{ FINDING_REVIEW_DUE, check_rule_reviews },
	{ FINDING_REVIEW_DUE, check_row_reviews },
};

void
check_found(const Check *check, size_t place, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_autofree char *message = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	findings_add(check->findings, check->id, place, "%s", message);
}

size_t
check_first_place(const GArray *texts)
{
	for (size_t i = 0; i < settings_n_texts(texts); i++)
		if (settings_text_place(texts, i) != 0)
			return settings_text_place(texts, i);
	return 0;
}

/* Postfix computes one digest for all certificates of a direction (postconf(5)
 * smtpd_tls_fingerprint_digest, smtp_tls_fingerprint_digest, 3.7). */
void
check_digests(const Check *check, const GArray *pins, const char **digest)
{
	for (size_t i = 0; i < settings_n_texts(pins); i++) {
		if (settings_text_place(pins, i) == 0)
			continue;
		const char *found = fingerprint_digest(settings_text(pins, i));
		if (*digest == NULL)
			*digest = found;
		else if (strcmp(found, *digest) != 0)
			check_found(check, settings_text_place(pins, i),
				    "this is a %s digest, but the first fingerprint of this "
				    "direction is one of %s, and Postfix computes one kind only; "
				    "write all as %s",
				    found, *digest, *digest);
	}
}

void
check_review(const Check *check, const CursorText *review_by)
{
	if (review_by->place == 0)
		return;
	/* Days of one form stand in the order of their texts. */
	if (strcmp(review_by->text, check->today) < 0)
		check_found(check, review_by->place,
			    "the review was due on %s; is this still agreed? If so, set a new date",
			    review_by->text);
	else if (strcmp(review_by->text, check->soon) <= 0)
		check_found(check, review_by->place,
			    "the review is due on %s, within %d days; set a new date when it is "
			    "done",
			    review_by->text, CHECKS_REVIEW_DAYS);
}

static void
write_day(char *text, size_t size, guint32 day)
{
	GDate date;

	g_date_clear(&date, 1);
	g_date_set_julian(&date, day);
	g_snprintf(text, size, "%04d-%02d-%02d", g_date_get_year(&date), g_date_get_month(&date),
		   g_date_get_day(&date));
}

void
checks_run(const Settings *settings, guint32 today, Findings *findings)
{
	g_autoptr(Refused) refused = refused_new(settings, findings);
	Check check = { .settings = settings, .refused = refused, .findings = findings };

	write_day(check.today, sizeof check.today, today);
	write_day(check.soon, sizeof check.soon, today + CHECKS_REVIEW_DAYS);
	for (size_t i = 0; i < G_N_ELEMENTS(checks); i++) {
		check.id = checks[i].id;
		checks[i].run(&check);
	}
}
