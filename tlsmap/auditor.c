/* SPDX-License-Identifier: Apache-2.0 */
/* auditor: what in the live Postfix, main.cf and master.cf, is not as the document says, or makes
 * what it says untrue. Changes nothing.
 *
 * What apply would refuse is obstacle.c's and plan.c's to say. One row of the table at the end is
 * one identifier; finding.c has its severity. */
#include "auditor.h"

#include "hole.h"
#include "listener.h"
#include "maincf.h"
#include "protocols.h"

#include <stdarg.h>
#include <string.h>

typedef struct {
	const Plan *plan;
	const Settings *settings;
	const Snapshot *snapshot;
	Findings *findings;
	size_t n_known; /* findings of others */
	FindingId id;
} Audit;

static void G_GNUC_PRINTF(3, 4)
	found(const Audit *audit, const char *where, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_autofree char *message = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	findings_add_live(audit->findings, audit->id, where, "%s", message);
}

static char *
dup_main_cf(const Audit *audit, const char *parameter)
{
	return g_strdup_printf("%s/main.cf: %s", audit->snapshot->config_directory, parameter);
}

static char *
dup_master_cf(const Audit *audit, const char *service, const char *parameter)
{
	return g_strdup_printf("%s/master.cf: %s: -o %s", audit->snapshot->config_directory,
			       service, parameter);
}

/* Whether plan_make() has said something of it. */
static gboolean
is_known(const Audit *audit, const char *where)
{
	for (size_t i = 0; i < audit->n_known; i++)
		if (g_strcmp0(findings_nth(audit->findings, i)->where, where) == 0)
			return TRUE;
	return FALSE;
}

/* Visit what main.cf sets, with what its $names stand for, and what services have by -o. */
static void
visit_values(const Audit *audit, const char *parameter,
	     void (*visit)(const Audit *audit, const char *parameter, const char *where,
			   const char *value))
{
	g_autofree char *main_cf = dup_main_cf(audit, parameter);

	if (snapshot_value(audit->snapshot, parameter) != NULL)
		visit(audit, parameter, main_cf, snapshot_expanded(audit->snapshot, parameter));
	for (size_t i = 0; i < audit->snapshot->overrides->len; i++) {
		const SnapshotOverride *override = audit->snapshot->overrides->pdata[i];
		if (strcmp(override->parameter, parameter) != 0)
			continue;
		g_autofree char *where = dup_master_cf(audit, override->service, parameter);
		visit(audit, parameter, where, override->value);
	}
}

/* Against the document. */

static const char *
shown(const char *value)
{
	return value != NULL ? value : "(not set)";
}

/* A value that is only not written down differs in nothing. */
static gboolean
is_default(const Audit *audit, const Change *change)
{
	const char *value = g_hash_table_lookup(audit->snapshot->defaults, change->name);
	g_autofree char *level = NULL;

	if (change->kind != CHANGE_PARAMETER || change->old_value != NULL)
		return FALSE;
	if (strcmp(change->name, "smtpd_tls_security_level") == 0)
		level = snapshot_dup_receive_level(audit->snapshot);
	else if (strcmp(change->name, "smtp_tls_security_level") == 0)
		level = snapshot_dup_send_level(audit->snapshot);
	return g_strcmp0(level != NULL ? level : value, change->new_value) == 0;
}

/* plan shows a new table as equal, because its rows are shown beside it; here they are not in
 * force.
 */
static gboolean
is_weaker_now(const Change *change)
{
	return change->direction == CHANGE_STRICTER ||
	       (change->kind == CHANGE_PARAMETER && change->old_value == NULL &&
		strcmp(change->name, "smtp_tls_policy_maps") == 0);
}

static void
report_changes(const Audit *audit, gboolean is_weaker)
{
	const GArray *changes = audit->plan->changes;

	for (guint i = 0; i < changes->len; i++) {
		const Change *change = &g_array_index(changes, Change, i);
		g_autofree char *where =
			change->kind == CHANGE_PARAMETER
				? dup_main_cf(audit, change->name)
				: g_strdup_printf("%s %s", change_kind_word(change->kind),
						  change->name);
		if (is_weaker_now(change) != is_weaker || is_default(audit, change) ||
		    is_known(audit, where))
			continue;
		found(audit, where,
		      "found \"%s\", the document says \"%s\": %s; apply puts it right",
		      shown(change->old_value), shown(change->new_value),
		      is_weaker ? "mail is protected less than it says"
				: "this is not what it says");
	}
}

static void
find_weaker(const Audit *audit)
{
	report_changes(audit, TRUE);
}

static void
find_other(const Audit *audit)
{
	report_changes(audit, FALSE);
}

static void
find_service_values(const Audit *audit)
{
	for (size_t i = 0; i < audit->snapshot->overrides->len; i++) {
		const SnapshotOverride *override = audit->snapshot->overrides->pdata[i];
		const MainCfParameter *parameter = maincf_find(override->parameter);
		g_autofree char *service = g_strdup_printf(
			"%s/master.cf: %s", audit->snapshot->config_directory, override->service);
		if (parameter == NULL || is_known(audit, service) ||
		    (parameter->kind == MAINCF_LIST && maincf_begins_with_token(override->value)))
			continue;
		g_autofree char *where =
			dup_master_cf(audit, override->service, override->parameter);
		found(audit, where,
		      "this service has \"%s\" of its own, whatever the document "
		      "says; remove the option unless it is meant",
		      override->value);
	}
}

/* Ways round. */

static void
report_hole(const char *text, void *data)
{
	found(data, "Postfix", "%s; Postfix has no hook there: guard this way by other means",
	      text);
}

static void
find_holes(const Audit *audit)
{
	hole_visit(audit->settings, audit->snapshot, report_hole, (void *)audit);
}

static const char *const restriction_lists[] = {
	"smtpd_client_restrictions", "smtpd_helo_restrictions",      "smtpd_sender_restrictions",
	"smtpd_relay_restrictions",  "smtpd_recipient_restrictions", "smtpd_data_restrictions",
};

static void
visit_lists(const Audit *audit, void (*visit)(const Audit *audit, const char *parameter,
					      const char *where, const char *value))
{
	for (size_t i = 0; i < G_N_ELEMENTS(restriction_lists); i++)
		visit_values(audit, restriction_lists[i], visit);
}

/* postconf(5) permit_mynetworks and the like, 3.7: they end the list that they stand in. */
static void
look_for_permit(const Audit *audit, const char *parameter, const char *where, const char *value)
{
	static const char *const permits[] = { "permit",
					       "permit_mynetworks",
					       "permit_sasl_authenticated",
					       "permit_inet_interfaces",
					       "permit_tls_clientcerts",
					       "permit_tls_all_clientcerts",
					       NULL };
	static const char *const checks[] = { "reject_plaintext_session", "check_ccert_access",
					      NULL };
	g_auto(GStrv) elements = maincf_split_list(value);
	const char *permit = NULL;

	for (size_t i = 0; elements[i] != NULL; i++) {
		if (permit == NULL && g_strv_contains(permits, elements[i]))
			permit = elements[i];
		if (permit == NULL || !g_strv_contains(checks, elements[i]))
			continue;
		found(audit, where,
		      "%s stands before %s: the clients that it permits are never "
		      "asked for TLS here; put the check first, or write a rule in "
		      "receive.rules, which spares exempt_networks alone",
		      permit, elements[i]);
		return;
	}
}

static void
find_permits(const Audit *audit)
{
	visit_lists(audit, look_for_permit);
}

static void
look_for_all_certificates(const Audit *audit, const char *parameter, const char *where,
			  const char *value)
{
	g_auto(GStrv) elements = maincf_split_list(value);

	if (g_strv_contains((const char *const *)elements, "permit_tls_all_clientcerts"))
		found(audit, where,
		      "permit_tls_all_clientcerts lets in whoever has a certificate "
		      "of any CA that this Postfix trusts; name the certificates: "
		      "permit_tls_clientcerts with relay_clientcerts");
}

static void
find_all_certificates(const Audit *audit)
{
	visit_lists(audit, look_for_all_certificates);
}

/* Certificates. */

static void
find_default_ca(const Audit *audit)
{
	if (g_ascii_strcasecmp(snapshot_expanded(audit->snapshot, "tls_append_default_CA"),
			       "yes") != 0 ||
	    (!settings_receive_needs_anchors(audit->settings) &&
	     !settings_send_needs_anchors(audit->settings)))
		return;
	g_autofree char *where = dup_main_cf(audit, "tls_append_default_CA");
	found(audit, where,
	      "with \"yes\" a certificate of any public CA is trusted beside those "
	      "that trusted_ca_file names, where the document demands trust; remove "
	      "it (postconf -X tls_append_default_CA)");
}

/* Protocols. */

static void
look_for_old(const Audit *audit, const char *parameter, const char *where, const char *value)
{
	TlsProtocol floor =
		strstr(parameter, "mandatory") != NULL ? TLS_PROTOCOL_1_2 : TLS_PROTOCOL_1_0;

	if (!is_known(audit, where) && protocols_takes_below(value, floor))
		found(audit, where,
		      "\"%s\" takes protocols older than %s; say min_protocol in the "
		      "document, or write >=%s",
		      value, names_word(&names_tls_protocol, floor),
		      names_word(&names_tls_protocol, floor));
}

static void
find_old_protocols(const Audit *audit)
{
	static const char *const parameters[] = { "smtpd_tls_mandatory_protocols",
						  "smtp_tls_mandatory_protocols",
						  "smtpd_tls_protocols", "smtp_tls_protocols" };

	for (size_t i = 0; i < G_N_ELEMENTS(parameters); i++)
		visit_values(audit, parameters[i], look_for_old);
}

/* postconf(5) smtp_tls_protocols, 3.7: at "may" what can't have TLS goes in clear. */
static void
look_for_floor(const Audit *audit, const char *parameter, const char *where, const char *value)
{
	int level = strcmp(parameter, "smtp_tls_protocols") == 0
			    ? audit->settings->send.security_level.code
			    : audit->settings->receive.security_level.code;
	int floor;

	if (level == SECURITY_MAY && protocols_read_floor(value, &floor) &&
	    floor > TLS_PROTOCOL_1_0)
		found(audit, where,
		      "with \"%s\" mail of older servers and clients goes in clear at "
		      "level \"may\"; remove it, or raise the level",
		      value);
}

static void
find_floors_at_may(const Audit *audit)
{
	visit_values(audit, "smtp_tls_protocols", look_for_floor);
	visit_values(audit, "smtpd_tls_protocols", look_for_floor);
}

/* Parameters of others. */

static void
look_for_obsolete(const Audit *audit, const char *parameter, const char *where, const char *value)
{
	if (*value != '\0' && g_ascii_strcasecmp(value, "no") != 0 && !is_known(audit, where))
		found(audit, where,
		      "an obsolete parameter, which a security level or "
		      "smtp_tls_policy_maps puts out of force, and which comes into "
		      "force where they go; remove it");
}

static void
find_obsolete_parameters(const Audit *audit)
{
	static const char *const parameters[] = {
		"smtpd_use_tls",     "smtpd_enforce_tls", "smtp_use_tls",     "smtp_enforce_tls",
		"smtp_tls_per_site", "lmtp_use_tls",      "lmtp_enforce_tls", "lmtp_tls_per_site",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(parameters); i++)
		visit_values(audit, parameters[i], look_for_obsolete);
}

/* postscreen(8) and tlsproxy(8) follow smtpd unless they have a level of their own. */
static void
look_for_level(const Audit *audit, const char *parameter, const char *where, const char *value)
{
	g_autofree char *word = g_ascii_strdown(value, -1);
	int wanted = audit->settings->receive.security_level.code;
	int code = names_code(&names_receive_level, word);

	if (code != wanted && strchr(value, '$') == NULL)
		found(audit, where,
		      "\"%s\" is what clients meet before smtpd(8), and the document "
		      "says \"%s\"; remove it, and it follows smtpd_tls_security_level",
		      value, names_word(&names_receive_level, wanted));
}

static void
find_postscreen_level(const Audit *audit)
{
	g_autoptr(GPtrArray) listeners = listener_list(audit->snapshot);

	for (size_t i = 0; i < listeners->len; i++) {
		if (((const Listener *)listeners->pdata[i])->is_smtpd)
			continue;
		visit_values(audit, "postscreen_tls_security_level", look_for_level);
		visit_values(audit, "tlsproxy_tls_security_level", look_for_level);
		return;
	}
}

/* Rows. */

static void
find_other_tables(const Audit *audit)
{
	const GArray *tables = audit->settings->send.fallback_policy_maps;

	for (size_t i = 0; i < settings_n_texts(tables); i++)
		found(audit, settings_text(tables, i),
		      "what this table says of a destination is not in the document, and holds "
		      "where no row of it does");
}

/* What can be seen afterwards. */

static void
find_received_header(const Audit *audit)
{
	g_autofree char *where = dup_main_cf(audit, "smtpd_tls_received_header");

	if (audit->settings->receive.security_level.code != SECURITY_NONE &&
	    g_ascii_strcasecmp(snapshot_expanded(audit->snapshot, "smtpd_tls_received_header"),
			       "yes") != 0)
		found(audit, where,
		      "no message says in its Received: header which TLS it came by; "
		      "set it to \"yes\" to have that");
}

static void
report_log_level(const Audit *audit, const char *parameter, int level)
{
	g_autofree char *where = dup_main_cf(audit, parameter);
	guint64 found_level =
		g_ascii_strtoull(snapshot_expanded(audit->snapshot, parameter), NULL, 10);

	if (level != SECURITY_NONE && found_level != 1)
		found(audit, where, "with \"%s\" %s; set it to 1",
		      snapshot_expanded(audit->snapshot, parameter),
		      found_level == 0 ? "the log does not say which TLS a session had"
				       : "the log is for finding errors, and grows fast");
}

static void
find_log_levels(const Audit *audit)
{
	report_log_level(audit, "smtpd_tls_loglevel", audit->settings->receive.security_level.code);
	report_log_level(audit, "smtp_tls_loglevel", audit->settings->send.security_level.code);
}

static const struct {
	FindingId id;
	void (*find)(const Audit *audit);
} checks[] = {
	{ FINDING_WEAKER_THAN_DOCUMENT, find_weaker },
	{ FINDING_NOT_AS_DOCUMENT, find_other },
	{ FINDING_SERVICE_DIFFERS, find_service_values },
	{ FINDING_OPEN_WAY, find_holes },
	{ FINDING_PERMIT_BEFORE_CHECK, find_permits },
	{ FINDING_ALL_CLIENT_CERTIFICATES, find_all_certificates },
	{ FINDING_DEFAULT_CA_TRUSTED, find_default_ca },
	{ FINDING_OLD_PROTOCOL, find_old_protocols },
	{ FINDING_FLOOR_AT_MAY, find_floors_at_may },
	{ FINDING_OBSOLETE_PARAMETER, find_obsolete_parameters },
	{ FINDING_POSTSCREEN_LEVEL, find_postscreen_level },
	{ FINDING_OTHER_TABLE, find_other_tables },
	{ FINDING_NO_RECEIVED_HEADER, find_received_header },
	{ FINDING_TLS_LOG_LEVEL, find_log_levels },
};

void
auditor_run(const Plan *plan, Findings *findings)
{
	Audit audit = {
		.plan = plan,
		.settings = plan->settings,
		.snapshot = plan->snapshot,
		.findings = findings,
		.n_known = findings_n(findings),
	};

	for (size_t i = 0; i < G_N_ELEMENTS(checks); i++) {
		audit.id = checks[i].id;
		checks[i].find(&audit);
	}
}
