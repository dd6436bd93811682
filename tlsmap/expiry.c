/* SPDX-License-Identifier: Apache-2.0 */
/* expiry: which certificates that the document names end soon, or have ended.
 *
 * A chain is as good as the first of its certificates that ends; a file of CA certificates is good
 * as long as the last of them. */
#include "expiry.h"

#include "certificate.h"
#include "checks.h"
#include "texthash.h"

#define DAY ((gint64)24 * 60 * 60)

typedef struct {
	gint64 now;
	Findings *findings;
	GHashTable *seen; /* files: many rows may name the same */
} Search;

static void
look_at(const Search *search, const char *where, const char *file, gboolean is_chain)
{
	gint64 first, last;

	if (!g_hash_table_add(search->seen, (char *)file) ||
	    !certificate_expiry(file, &first, &last))
		return;
	gint64 end = is_chain ? first : last;
	if (end - search->now >= CHECKS_REVIEW_DAYS * DAY)
		return;
	g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(end);
	g_autofree char *date = g_date_time_format(time, "%Y-%m-%d %H:%M:%S");
	if (end <= search->now)
		findings_add_live(
			search->findings, FINDING_CERTIFICATE_EXPIRED, where,
			"EXPIRED at %s UTC: %s; nobody who checks it accepts it any more; "
			"renew it, then reload Postfix",
			date, file);
	else
		findings_add_live(search->findings, FINDING_CERTIFICATE_EXPIRES, where,
				  "%s expires at %s UTC; renew it, then reload Postfix", file,
				  date);
}

static void
look_at_all(const Search *search, const char *where, const GArray *files, gboolean is_chain)
{
	for (size_t i = 0; i < settings_n_texts(files); i++)
		look_at(search, where, settings_text(files, i), is_chain);
}

void
expiry_find(const Settings *settings, gint64 now, Findings *findings)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(texthash, g_str_equal);
	const Search search = { now, findings, seen };

	look_at_all(&search, "receive.certificate.chain_files",
		    settings->receive.certificate.chain_files, TRUE);
	look_at_all(&search, "send.certificate.chain_files", settings->send.certificate.chain_files,
		    TRUE);
	if (settings->receive.trusted_ca_file.text != NULL)
		look_at(&search, "receive.trusted_ca_file", settings->receive.trusted_ca_file.text,
			FALSE);
	if (settings->send.trusted_ca_file.text != NULL)
		look_at(&search, "send.trusted_ca_file", settings->send.trusted_ca_file.text,
			FALSE);
	for (size_t i = 0; i < settings_n_destinations(settings); i++)
		look_at_all(
			&search, "send.domains: trust_anchor_files",
			settings_attributes(settings_destination(settings, i))->trust_anchor_files,
			FALSE);
}
