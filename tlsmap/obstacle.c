/* SPDX-License-Identifier: Apache-2.0 */
/* obstacle: what in the live Postfix, or on the machine, would make the document untrue. Changes
 * nothing.
 *
 * Each obstacle is one function and one row of the table at the end. */
#include "obstacle.h"

#include "certificate.h"
#include "child.h"
#include "chroot.h"
#include "listener.h"
#include "maincf.h"
#include "network.h"
#include "rowcheck.h"
#include "texthash.h"

#include <string.h>

typedef struct {
	const Settings *settings;
	const Snapshot *snapshot;
	Findings *findings;
} Context;

static gboolean
is_set(const Snapshot *snapshot, const char *name)
{
	const char *value = g_hash_table_lookup(snapshot->expanded, name);

	return value != NULL && *value != '\0';
}

/* TLS is offered, but there is nothing to offer it with: at "may" smtpd(8) then takes all mail in
 * clear with just a warning, at "encrypt" none at all (src/smtpd/smtpd.c, 3.7). */
static void
find_no_certificate(const Context *context)
{
	static const char *const parameters[] = { "smtpd_tls_cert_file", "smtpd_tls_dcert_file",
						  "smtpd_tls_eccert_file",
						  "smtpd_tls_chain_files" };

	if (context->settings->receive.security_level.code == SECURITY_NONE ||
	    context->settings->receive.certificate.chain_files != NULL)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(parameters); i++)
		if (is_set(context->snapshot, parameters[i]))
			return;
	findings_add_live(context->findings, FINDING_NO_SERVER_CERTIFICATE, "receive.certificate",
			  "this Postfix has no server certificate, and without one it can't offer "
			  "TLS; name one in receive.certificate.chain_files");
}

/* postconf(5) tls_append_default_CA: with "no", its default, nothing is trusted that is not named.
 */
static void
find_no_anchors(const Context *context)
{
	const Snapshot *snapshot = context->snapshot;
	const char *append = g_hash_table_lookup(snapshot->expanded, "tls_append_default_CA");
	const Settings *settings = context->settings;

	if (g_strcmp0(append, "yes") == 0)
		return;
	if (settings_receive_needs_anchors(settings) && !settings_receive_has_anchors(settings) &&
	    !is_set(snapshot, "smtpd_tls_CAfile") && !is_set(snapshot, "smtpd_tls_CApath"))
		findings_add_live(
			context->findings, FINDING_NO_LIVE_TRUST_ANCHORS, "receive.trusted_ca_file",
			"client certificates must be trusted, but neither the document nor "
			"this Postfix (smtpd_tls_CAfile, smtpd_tls_CApath) says whose: every "
			"client would be refused; name a file of CA certificates");
	if (settings_send_needs_anchors(settings) && !settings_send_has_anchors(settings) &&
	    !is_set(snapshot, "smtp_tls_CAfile") && !is_set(snapshot, "smtp_tls_CApath"))
		findings_add_live(
			context->findings, FINDING_NO_LIVE_TRUST_ANCHORS, "send.trusted_ca_file",
			"server certificates must be trusted, but neither the document nor "
			"this Postfix (smtp_tls_CAfile, smtp_tls_CApath) says whose: such "
			"mail would be deferred; name a file of CA certificates");
}

/* reason is taken over; NULL: the file is good. */
static void
refuse_file(const Context *context, const char *where, char *reason)
{
	if (reason != NULL)
		findings_add_live(context->findings, FINDING_UNUSABLE_FILE, where,
				  "%s; put it right, or name another file", reason);
	g_free(reason);
}

static void
check_chain(const Context *context, const char *where, const GArray *chain)
{
	if (chain == NULL)
		return;
	g_autofree const char **files = g_new0(const char *, chain->len);
	for (size_t i = 0; i < chain->len; i++)
		files[i] = settings_text(chain, i);
	refuse_file(context, where, certificate_check_chain(files, chain->len));
}

/* The files of the rows, each once: many rows may name the same. */
static void
check_row_anchors(const Context *context)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(texthash, g_str_equal);

	for (size_t i = 0; i < settings_n_destinations(context->settings); i++) {
		const GArray *files =
			settings_attributes(settings_destination(context->settings, i))
				->trust_anchor_files;
		for (size_t j = 0; j < settings_n_texts(files); j++)
			if (g_hash_table_add(seen, (char *)settings_text(files, j)))
				refuse_file(context, "send.domains: trust_anchor_files",
					    certificate_check_anchors(settings_text(files, j)));
	}
}

/* Postfix would start all the same, and answer 454 to each STARTTLS (src/smtpd/smtpd.c, 3.7). */
static void
find_unusable_files(const Context *context)
{
	const Settings *settings = context->settings;
	const char *const anchors[][2] = {
		{ "receive.trusted_ca_file", settings->receive.trusted_ca_file.text },
		{ "send.trusted_ca_file", settings->send.trusted_ca_file.text },
	};

	check_chain(context, "receive.certificate.chain_files",
		    settings->receive.certificate.chain_files);
	check_chain(context, "send.certificate.chain_files",
		    settings->send.certificate.chain_files);
	for (size_t i = 0; i < G_N_ELEMENTS(anchors); i++)
		if (anchors[i][1] != NULL)
			refuse_file(context, anchors[i][0],
				    certificate_check_anchors(anchors[i][1]));
	check_row_anchors(context);
}

/* An older Postfix takes what it does not know for a parameter of the administrator's own, and
 * ignores it. */
static void
find_too_old(const Context *context)
{
	PostfixVersion oldest = VERSION_OLDEST;

	if (!version_is_at_least(context->snapshot->version, oldest.major, oldest.minor))
		findings_add_live(context->findings, FINDING_POSTFIX_TOO_OLD, "Postfix",
				  "this is version %s, which ignores some of what the document "
				  "becomes; tlsgate needs %d.%d or newer",
				  context->snapshot->mail_version, oldest.major, oldest.minor);
}

/* Whether an -o in master.cf takes a service out of what the document says. */
static gboolean
hides(const Context *context, const MainCfParameter *parameter, const char *value)
{
	const MainCfInput input = {
		.settings = context->settings,
		.version = context->snapshot->version,
		.table = "",
		.spellings = "",
	};
	g_autofree char *wanted = parameter->render(&input);

	if (wanted == NULL)
		return FALSE;
	if (parameter->kind == MAINCF_LIST)
		return !maincf_begins_with_token(value);
	/* The rows are in our table alone: whatever else stands there leaves them out. */
	if (strcmp(parameter->name, "smtp_tls_policy_maps") == 0)
		return TRUE;
	if (parameter->kind == MAINCF_OWN)
		return strcmp(value, wanted) != 0;
	if (strcmp(value, wanted) == 0)
		return FALSE;
	/* An emptied or exchanged value of these is never what the document says. */
	if (strcmp(parameter->name, "smtpd_tls_chain_files") == 0 && *value == '\0')
		return TRUE;
	return parameter->compare(wanted, value) == CHANGE_WEAKER;
}

/* Whether the rules spare who sends to a listener on the loopback interface. */
static gboolean
is_loopback_exempt(const Settings *settings, const Listener *listener)
{
	const GArray *exempt = settings->receive.exempt_networks;
	Network client, range;
	const char *reason;

	if (!network_parse_address(strstr(listener->endpoint, "::1") != NULL ? "::1" : "127.0.0.1",
				   &client))
		return FALSE;
	for (size_t i = 0; i < settings_n_texts(exempt); i++)
		if (network_parse(settings_text(exempt, i), &range, &reason) &&
		    network_holds(&range, &client))
			return TRUE;
	return FALSE;
}

/* Whether this machine alone sends to a service, and the rules would refuse what it sends. */
static gboolean
is_to_be_unguarded(const Context *context, const GPtrArray *listeners, const char *service)
{
	for (size_t i = 0; i < listeners->len; i++) {
		const Listener *listener = listeners->pdata[i];
		if (strcmp(listener->service, service) == 0)
			return listener->is_loopback &&
			       !is_loopback_exempt(context->settings, listener);
	}
	return FALSE;
}

/* How the document comes to hold in a service that hides a parameter of it. */
static char *
dup_cure(const MainCfParameter *parameter, const char *value, gboolean is_for_us_alone)
{
	if (is_for_us_alone)
		return g_strdup("name the service in postfix.unguarded_services: only this machine "
				"itself sends to it");
	if (parameter->kind == MAINCF_LIST)
		return g_strdup_printf("write -o %s=" MAINCF_POLICY_TOKEN "%s%s", parameter->name,
				       *value != '\0' ? "," : "", value);
	return g_strdup("remove it, or name the service in postfix.unguarded_services");
}

static void
find_hidden_services(const Context *context)
{
	g_autoptr(GPtrArray) listeners = listener_list(context->snapshot);

	for (size_t i = 0; i < context->snapshot->overrides->len; i++) {
		const SnapshotOverride *override = context->snapshot->overrides->pdata[i];
		const MainCfParameter *parameter = maincf_find(override->parameter);
		if (parameter == NULL ||
		    settings_is_unguarded(context->settings, override->service) ||
		    !hides(context, parameter, override->value))
			continue;
		g_autofree char *where = g_strdup_printf(
			"%s/master.cf: %s", context->snapshot->config_directory, override->service);
		g_autofree char *cure =
			dup_cure(parameter, override->value,
				 parameter->kind == MAINCF_LIST &&
					 is_to_be_unguarded(context, listeners, override->service));
		findings_add_live(context->findings, FINDING_HIDDEN_SERVICE, where,
				  "-o %s=%s takes this service out of what the document says; %s",
				  parameter->name, override->value, cure);
	}
}

/* Whether anything hands mail to a listener: a filter gives back here what it has been given. */
static gboolean
is_named_as_target(const Snapshot *snapshot, const Listener *listener)
{
	static const char *const parameters[] = { "content_filter", "smtpd_proxy_filter" };

	for (size_t i = 0; i < G_N_ELEMENTS(parameters); i++)
		if (listener_is_target(listener,
				       g_hash_table_lookup(snapshot->expanded, parameters[i])))
			return TRUE;
	for (size_t i = 0; i < snapshot->overrides->len; i++) {
		const SnapshotOverride *override = snapshot->overrides->pdata[i];
		if (listener_is_target(listener, override->value))
			return TRUE;
	}
	return FALSE;
}

static gboolean
has_network_listener(const GPtrArray *listeners)
{
	for (size_t i = 0; i < listeners->len; i++)
		if (!((const Listener *)listeners->pdata[i])->is_loopback)
			return TRUE;
	return FALSE;
}

static gboolean
is_yes(const char *value)
{
	return value != NULL && g_ascii_strcasecmp(value, "yes") == 0;
}

/* The -o line that keeps a service free of TLS that the document demands; NULL: it is. */
static const char *
tls_cure(const Context *context, const char *service)
{
	const Snapshot *snapshot = context->snapshot;
	const char *level = snapshot_override(snapshot, service, "smtpd_tls_security_level");
	const char *wrapped = snapshot_override(snapshot, service, "smtpd_tls_wrappermode");
	const char *demanded = snapshot_override(snapshot, service, "smtpd_tls_req_ccert");
	const Settings *settings = context->settings;

	if (settings->receive.security_level.code == SECURITY_ENCRYPT && level == NULL &&
	    !is_yes(wrapped))
		return "-o smtpd_tls_security_level=none";
	if (settings->receive.client_certificate.code == CLIENT_CERTIFICATE_REQUIRE &&
	    demanded == NULL && (level == NULL || strcmp(level, "encrypt") == 0))
		return "-o smtpd_tls_req_ccert=no";
	return NULL;
}

static gboolean
asks_in(const Context *context, const char *service, const char *list)
{
	const char *value = snapshot_override(context->snapshot, service, list);

	return value == NULL || maincf_begins_with_token(value);
}

/* The -o line that keeps a service free of the rules; NULL: it is, or somebody wants them there.
 * Nobody wants them in one list alone, as FILTER_README (3.7) would have it, which writes
 * smtpd_recipient_restrictions and no smtpd_data_restrictions: the filter's mail would bounce. */
static const char *
rules_cure(const Context *context, const Listener *listener)
{
	const char *service = listener->service;
	const gboolean at_rcpt = asks_in(context, service, "smtpd_recipient_restrictions");
	const gboolean at_data = asks_in(context, service, "smtpd_data_restrictions");

	if (settings_n_rules(context->settings) == 0 || (!at_rcpt && !at_data) ||
	    is_loopback_exempt(context->settings, listener) ||
	    (at_rcpt && at_data && settings_is_unguarded(context->settings, service)))
		return NULL;
	if (!at_rcpt)
		return "-o smtpd_data_restrictions=";
	return at_data ? "-o smtpd_recipient_restrictions=permit_mynetworks,reject "
			 "-o smtpd_data_restrictions="
		       : "-o smtpd_recipient_restrictions=permit_mynetworks,reject";
}

/* A content filter, a web mailer or a cron job talks to such a listener in clear: its mail would be
 * refused, and what a filter holds would bounce. */
static void
find_loopback_listeners(const Context *context)
{
	g_autoptr(GPtrArray) listeners = listener_list(context->snapshot);
	gboolean is_gateway = has_network_listener(listeners);

	for (size_t i = 0; i < listeners->len; i++) {
		const Listener *listener = listeners->pdata[i];
		if (!listener->is_smtpd || !listener->is_loopback ||
		    (!is_gateway && !is_named_as_target(context->snapshot, listener)))
			continue;
		const char *cure = settings_is_unguarded(context->settings, listener->service)
					   ? NULL
					   : tls_cure(context, listener->service);
		if (cure == NULL)
			cure = rules_cure(context, listener);
		if (cure == NULL)
			continue;
		g_autofree char *where = g_strdup_printf(
			"%s/master.cf: %s", context->snapshot->config_directory, listener->service);
		findings_add_live(context->findings, FINDING_LOOPBACK_INHERITS, where,
				  "only this machine itself sends to this service, and it would be "
				  "refused for the want of TLS; write %s below it, and name it in "
				  "postfix.unguarded_services",
				  cure);
	}
}

/* The parameters of before Postfix 2.3 are in force as long as no security level is set, and out of
 * it as soon as one is (postconf(5) smtpd_enforce_tls, smtp_tls_per_site, 3.7): whoever wrote them
 * would lose what they say without a word. */
static void
find_obsolete(const Context *context)
{
	const SecurityLevel receive = context->settings->receive.security_level.code;
	const SecurityLevel send = context->settings->send.security_level.code;
	const struct {
		const char *name;
		const char *successor;
		gboolean is_said; /* the document says at least as much */
	} obsolete[] = {
		{ "smtpd_use_tls", "smtpd_tls_security_level", receive >= SECURITY_MAY },
		{ "smtpd_enforce_tls", "smtpd_tls_security_level", receive >= SECURITY_ENCRYPT },
		{ "smtp_use_tls", "smtp_tls_security_level", send >= SECURITY_MAY },
		/* With smtp_tls_enforce_peername, as it is by default. */
		{ "smtp_enforce_tls", "smtp_tls_security_level",
		  names_is_at_least(send, SECURITY_VERIFY) },
		{ "smtp_tls_per_site", "smtp_tls_policy_maps", FALSE },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(obsolete); i++) {
		const char *value = snapshot_value(context->snapshot, obsolete[i].name);
		const char *level = snapshot_value(context->snapshot, obsolete[i].successor);
		if (value == NULL || *value == '\0' || g_ascii_strcasecmp(value, "no") == 0 ||
		    obsolete[i].is_said || (level != NULL && *level != '\0'))
			continue;
		g_autofree char *where = g_strdup_printf(
			"%s/main.cf: %s", context->snapshot->config_directory, obsolete[i].name);
		findings_add_live(
			context->findings, FINDING_FOREIGN_VALUE, where,
			"found \"%s\", an obsolete parameter that %s would put out of "
			"force; say the same in the document, then remove it (postconf -X %s)",
			value, obsolete[i].successor, obsolete[i].name);
	}
}

/* Parameters that tlsmap does not own and that change what a level of the document means, with the
 * only value under which it means what it says (postconf(5), 3.7). */
static const struct {
	const char *name;
	const char *needed;
	gboolean may_hold_more; /* a list in which needed is one element */
	gboolean (*is_used)(SecurityLevel level);
	const char *consequence;
} foundations[] = {
	{ "smtp_host_lookup", "dns", TRUE, settings_level_needs_dnssec,
	  "without dns Postfix makes \"dane\" the level \"may\", with no more than a warning" },
	{ "ignore_mx_lookup_error", "no", FALSE, settings_level_needs_dnssec,
	  "Postfix then makes \"dane\" the level \"may\", with no more than a warning" },
	{ "smtp_tls_secure_cert_match", "nexthop, dot-nexthop", FALSE, settings_level_needs_anchors,
	  "it changes which names \"secure\" accepts" },
	{ "smtp_tls_verify_cert_match", "hostname", FALSE, settings_level_needs_anchors,
	  "it changes which names \"verify\" accepts" },
	{ "smtp_tls_trust_anchor_file", "", FALSE, settings_level_needs_anchors,
	  "it takes the place of send.trusted_ca_file" },
};

static void
refuse_foundation(const Context *context, size_t i, const char *where, const char *value)
{
	findings_add_live(context->findings, FINDING_FOREIGN_VALUE, where,
			  "found \"%s\", which is not what the levels of the document are made "
			  "for: %s; remove it",
			  value, foundations[i].consequence);
}

static gboolean
is_as_needed(size_t i, const char *value)
{
	if (!foundations[i].may_hold_more)
		return strcmp(value, foundations[i].needed) == 0;
	g_auto(GStrv) elements = g_strsplit_set(value, ", \t", -1);
	return g_strv_contains((const char *const *)elements, foundations[i].needed);
}

static void
find_foundations(const Context *context)
{
	const char *directory = context->snapshot->config_directory;

	for (size_t i = 0; i < G_N_ELEMENTS(foundations); i++) {
		const char *value = snapshot_value(context->snapshot, foundations[i].name);
		if (!settings_any_send_level(context->settings, foundations[i].is_used))
			continue;
		if (value != NULL && !is_as_needed(i, value)) {
			g_autofree char *where =
				g_strdup_printf("%s/main.cf: %s", directory, foundations[i].name);
			refuse_foundation(context, i, where, value);
		}
		for (size_t j = 0; j < context->snapshot->overrides->len; j++) {
			const SnapshotOverride *override = context->snapshot->overrides->pdata[j];
			if (strcmp(override->parameter, foundations[i].name) != 0 ||
			    settings_is_unguarded(context->settings, override->service) ||
			    is_as_needed(i, override->value))
				continue;
			g_autofree char *where =
				g_strdup_printf("%s/master.cf: %s: -o %s", directory,
						override->service, foundations[i].name);
			refuse_foundation(context, i, where, override->value);
		}
	}
}

/* The first fatal line of what postmap(1) says, without its beginning, which the caller frees;
 * NULL: there is none. Status 1 is "not found" as well. */
static char *
dup_fatal(const char *errors)
{
	const char *fatal = strstr(errors, ": fatal: ");

	return fatal != NULL ? child_dup_first_line(fatal + strlen(": fatal: ")) : NULL;
}

/* A table that can't be asked defers all mail that no row is about: smtp(8) then does not know what
 * is wanted. It is asked as smtp(8) does, for a name that nobody has. */
static void
find_failing_fallbacks(const Context *context)
{
	const GArray *maps = context->settings->send.fallback_policy_maps;
	const Snapshot *snapshot = context->snapshot;

	for (size_t i = 0; i < settings_n_texts(maps); i++) {
		const char *map = settings_text(maps, i);
		const char *const argv[] = {
			"postmap", "-c", snapshot->config_directory, "-q", "tlsgate.invalid",
			map,       NULL
		};
		g_auto(ChildResult) result = { 0 };
		g_autoptr(GError) error = NULL;
		/* proxymap(8) is there while Postfix runs. */
		if (g_str_has_prefix(map, "proxy:") && !snapshot->is_running)
			continue;
		g_autofree char *cause = !child_run(argv, NULL, &result, &error)
						 ? g_strdup(error->message)
						 : dup_fatal(result.errors);
		if (cause != NULL)
			findings_add(
				context->findings, FINDING_FALLBACK_FAILS,
				settings_text_place(maps, i),
				"this table can't be asked: %s; all mail without a row would "
				"be deferred: put the table or its server right, or leave it out",
				cause);
	}
}

static void
find_unreadable_anchors(const Context *context)
{
	chroot_find(context->settings, context->snapshot, context->findings);
}

static void (*const obstacles[])(const Context *context) = {
	find_too_old,           find_no_certificate,     find_no_anchors, find_unusable_files,
	find_hidden_services,   find_loopback_listeners, find_obsolete,   find_foundations,
	find_failing_fallbacks, find_unreadable_anchors,
};

void
obstacle_find(const Settings *settings, const Snapshot *snapshot, Findings *findings)
{
	const Context context = { settings, snapshot, findings };

	for (size_t i = 0; i < G_N_ELEMENTS(obstacles); i++)
		obstacles[i](&context);
	rowcheck_find(settings, snapshot, findings);
}

void
obstacle_list_services(const Settings *settings, const Snapshot *snapshot, GPtrArray *names)
{
	g_autoptr(Findings) findings = findings_new();
	g_autofree char *head = g_strdup_printf("%s/master.cf: ", snapshot->config_directory);

	obstacle_find(settings, snapshot, findings);
	for (size_t i = 0; i < findings_n(findings); i++) {
		const char *where = findings_nth(findings, i)->where;
		if (where == NULL || !g_str_has_prefix(where, head))
			continue;
		g_auto(GStrv) parts = g_strsplit(where + strlen(head), ": ", 2);
		if (!g_ptr_array_find_with_equal_func(names, parts[0], g_str_equal, NULL))
			g_ptr_array_add(names, g_strdup(parts[0]));
	}
}
