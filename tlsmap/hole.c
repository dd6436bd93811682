/* SPDX-License-Identifier: Apache-2.0 */
/* hole: mail that comes into this Postfix without its rules being asked, or without a trace.
 *
 * Only smtpd(8) has check_policy_service (SMTPD_POLICY_README, 3.7): what comes in by another door,
 * or through a program that ends TLS before smtpd, is not judged. */
#include "hole.h"

#include <glib.h>
#include <string.h>

#define SYSLOG_SOCKET "/dev/log"
#define COMMAND_FIELD 8

typedef struct {
	const Settings *settings;
	const Snapshot *snapshot;
} Site;

/* Whether a service of master.cf runs command, its eighth field (master(5), 3.7). */
static gboolean
runs(const Snapshot *snapshot, const char *command)
{
	for (size_t i = 0; snapshot->entries[i] != NULL; i++) {
		g_auto(GStrv) fields = g_strsplit_set(snapshot->entries[i], " \t", -1);
		size_t n = 0;
		for (size_t j = 0; fields[j] != NULL; j++)
			if (*fields[j] != '\0' && ++n == COMMAND_FIELD &&
			    strcmp(fields[j], command) == 0)
				return TRUE;
	}
	return FALSE;
}

static gboolean
has_value(const Snapshot *snapshot, const char *name)
{
	const char *value = g_hash_table_lookup(snapshot->expanded, name);

	if (value != NULL && *value != '\0')
		return TRUE;
	for (size_t i = 0; i < snapshot->overrides->len; i++) {
		const SnapshotOverride *override = snapshot->overrides->pdata[i];
		if (strcmp(override->parameter, name) == 0 && *override->value != '\0')
			return TRUE;
	}
	return FALSE;
}

static gboolean
has_xclient(const Site *site)
{
	return has_value(site->snapshot, "smtpd_authorized_xclient_hosts");
}

static gboolean
has_pickup(const Site *site)
{
	return runs(site->snapshot, "pickup");
}

static gboolean
has_qmqpd(const Site *site)
{
	return runs(site->snapshot, "qmqpd");
}

static gboolean
has_upstream_proxy(const Site *site)
{
	return has_value(site->snapshot, "smtpd_upstream_proxy_protocol") ||
	       has_value(site->snapshot, "postscreen_upstream_proxy_protocol");
}

/* Whether item ("example.com" or ".example.com") is about domain. */
static gboolean
covers(const char *item, const char *domain)
{
	return item[0] == '.' ? g_str_has_suffix(domain, item) : strcmp(item, domain) == 0;
}

/* At DATA with several recipients Postfix names none, and at RCPT it asks no policy for a bare
 * postmaster (src/smtpd/smtpd_check.c, smtpd_check_rcpt(), 3.7). */
static gboolean
has_bare_postmaster(const Site *site)
{
	g_autofree char *domain = g_ascii_strdown(site->snapshot->myorigin, -1);

	for (size_t i = 0; i < settings_n_rules(site->settings); i++) {
		const GArray *items = settings_rule(site->settings, i)->recipient_domains;
		for (size_t j = 0; j < settings_n_texts(items); j++)
			if (covers(settings_text(items, j), domain))
				return TRUE;
	}
	return FALSE;
}

/* policyd logs by syslog(3) alone. */
static gboolean
has_no_syslog(const Site *site)
{
	return has_value(site->snapshot, "maillog_file") &&
	       !g_file_test(SYSLOG_SOCKET, G_FILE_TEST_EXISTS);
}

static const struct {
	gboolean (*is_here)(const Site *site);
	const char *text;
} holes[] = {
	{ has_pickup,
	  "mail that programs of this machine hand in by sendmail(1), with -bs too, is asked no "
	  "rule" },
	{ has_qmqpd, "mail that comes by qmqpd(8) is asked no rule" },
	{ has_upstream_proxy,
	  "where a proxy in front of Postfix ends TLS, smtpd(8) sees none: rules are judged by what "
	  "comes from the proxy, which says which client there is" },
	{ has_xclient,
	  "the hosts of smtpd_authorized_xclient_hosts say which client there is, and their own TLS "
	  "counts as the client's" },
	{ has_bare_postmaster,
	  "a recipient <postmaster> without a domain, beside other recipients or twice, is asked no rule" },
	{ has_no_syslog, "Postfix logs to maillog_file and there is no " SYSLOG_SOCKET
			 ": what policyd logs is lost, but for what smtpd(8) logs of its answers" },
};

void
hole_visit(const Settings *settings, const Snapshot *snapshot, HoleVisit visit, void *data)
{
	const Site site = { settings, snapshot };

	if (settings_n_rules(settings) == 0)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(holes); i++)
		if (holes[i].is_here(&site))
			visit(holes[i].text, data);
}
