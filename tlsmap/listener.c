/* SPDX-License-Identifier: Apache-2.0 */
/* listener: the services of master.cf at which SMTP clients of the network arrive. Pure.
 *
 * The name of a service of type inet is "port" or "host:port"; without a host it listens where
 * inet_interfaces says (master(5), 3.7). */
#include "listener.h"

#include "network.h"

#include <string.h>

/* The fields of an entry: service type private unpriv chroot wakeup maxproc command. */
enum { FIELD_NAME, FIELD_TYPE, FIELD_COMMAND = 7 };

#define SEPARATORS ", \t\n"

static void
free_listener(void *data)
{
	Listener *listener = data;

	g_free(listener->service);
	g_free(listener->endpoint);
	g_free(listener);
}

gboolean
listener_is_loopback_host(const char *host)
{
	static const char *const ranges[] = { "127.0.0.0/8", "::1/128" };
	Network address, range;
	const char *reason;

	if (strcmp(host, "localhost") == 0 || strcmp(host, "loopback-only") == 0)
		return TRUE;
	if (!network_parse_address(host, &address))
		return FALSE;
	for (size_t i = 0; i < G_N_ELEMENTS(ranges); i++)
		if (network_parse(ranges[i], &range, &reason) && network_holds(&range, &address))
			return TRUE;
	return FALSE;
}

/* "[::1]" and "::1" are the same to Postfix. */
static char *
dup_without_brackets(const char *text)
{
	GString *plain = g_string_new(NULL);

	for (const char *p = text; *p != '\0'; p++)
		if (*p != '[' && *p != ']')
			g_string_append_c(plain, *p);
	return g_string_free(plain, FALSE);
}

static gboolean
all_interfaces_are_loopback(const Snapshot *snapshot)
{
	const char *interfaces = g_hash_table_lookup(snapshot->expanded, "inet_interfaces");
	g_auto(GStrv) hosts = g_strsplit_set(interfaces, SEPARATORS, -1);
	gboolean is_any = FALSE;

	for (size_t i = 0; hosts[i] != NULL; i++) {
		g_autofree char *host = dup_without_brackets(hosts[i]);
		if (*host == '\0')
			continue;
		if (!listener_is_loopback_host(host))
			return FALSE;
		is_any = TRUE;
	}
	return is_any;
}

static gboolean
is_loopback(const Snapshot *snapshot, const char *name)
{
	g_autofree char *host = dup_without_brackets(name);
	char *colon = strrchr(host, ':');

	if (colon == NULL)
		return all_interfaces_are_loopback(snapshot);
	*colon = '\0';
	return listener_is_loopback_host(host);
}

/* Blanks between fields are of any number. */
static GPtrArray *
split_fields(char *entry)
{
	GPtrArray *fields = g_ptr_array_new();
	char *save = NULL;

	for (char *field = strtok_r(entry, " \t", &save); field != NULL;
	     field = strtok_r(NULL, " \t", &save))
		g_ptr_array_add(fields, field);
	return fields;
}

/* Visit each entry that runs smtpd(8) or postscreen(8). */
static void
visit(const Snapshot *snapshot, GPtrArray *found,
      void (*take)(const Snapshot *snapshot, const char *name, const char *type, gboolean is_smtpd,
		   GPtrArray *found))
{
	for (size_t i = 0; snapshot->entries[i] != NULL; i++) {
		g_autofree char *entry = g_strdup(snapshot->entries[i]);
		g_autoptr(GPtrArray) fields = split_fields(entry);
		if (fields->len <= FIELD_COMMAND)
			continue;
		const char *command = fields->pdata[FIELD_COMMAND];
		gboolean is_smtpd = strcmp(command, "smtpd") == 0;
		if (is_smtpd || strcmp(command, "postscreen") == 0)
			take(snapshot, fields->pdata[FIELD_NAME], fields->pdata[FIELD_TYPE],
			     is_smtpd, found);
	}
}

static void
take_listener(const Snapshot *snapshot, const char *name, const char *type, gboolean is_smtpd,
	      GPtrArray *found)
{
	if (strcmp(type, "inet") != 0)
		return;
	Listener *listener = g_new0(Listener, 1);
	listener->service = g_strconcat(name, "/inet", NULL);
	listener->endpoint = g_strdup(name);
	listener->is_smtpd = is_smtpd;
	listener->is_loopback = is_loopback(snapshot, name);
	g_ptr_array_add(found, listener);
}

GPtrArray *
listener_list(const Snapshot *snapshot)
{
	GPtrArray *listeners = g_ptr_array_new_with_free_func(free_listener);

	visit(snapshot, listeners, take_listener);
	return listeners;
}

/* Faces. */

static void
free_face(void *data)
{
	ListenerFace *face = data;

	g_free(face->service);
	g_free(face->host);
	g_free(face->port);
	g_strfreev(face->certificates);
	g_free(face);
}

static gboolean
is_yes(const Snapshot *snapshot, const char *service, const char *parameter)
{
	return g_strcmp0(snapshot_in_force(snapshot, service, parameter), "yes") == 0;
}

/* The parameters of before Postfix 2.3 are in force where no level is set (postconf(5)
 * smtpd_use_tls, 3.7). */
static gboolean
offers_tls(const Snapshot *snapshot, const char *service, const char *daemon)
{
	g_autofree char *level = g_strconcat(daemon, "_tls_security_level", NULL);
	g_autofree char *use = g_strconcat(daemon, "_use_tls", NULL);
	g_autofree char *enforce = g_strconcat(daemon, "_enforce_tls", NULL);
	const char *value = snapshot_in_force(snapshot, service, level);

	if (value != NULL && *value != '\0')
		return g_ascii_strcasecmp(value, "none") != 0;
	return is_yes(snapshot, service, use) || is_yes(snapshot, service, enforce);
}

/* With chain files the older parameters are ignored (postconf(5) smtpd_tls_chain_files, 3.4). */
static char **
dup_certificates(const Snapshot *snapshot, const char *service)
{
	static const char *const older[] = { "smtpd_tls_cert_file", "smtpd_tls_dcert_file",
					     "smtpd_tls_eccert_file" };
	const char *chain = snapshot_in_force(snapshot, service, "smtpd_tls_chain_files");
	GPtrArray *files = g_ptr_array_new();

	if (chain != NULL && *chain != '\0') {
		g_ptr_array_free(files, TRUE);
		return g_strsplit_set(chain, SEPARATORS, -1);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(older); i++)
		g_ptr_array_add(files, g_strdup(snapshot_in_force(snapshot, service, older[i])));
	g_ptr_array_add(files, NULL);
	return (char **)g_ptr_array_free(files, FALSE);
}

/* "[2001:db8::1]:25", "localhost:smtp", "25". */
static void
split_endpoint(const char *name, ListenerFace *face)
{
	const char *colon = strrchr(name, ':');

	face->port = g_strdup(colon != NULL ? colon + 1 : name);
	if (colon == NULL || colon == name)
		return;
	g_autofree char *host = g_strndup(name, colon - name);
	face->host = dup_without_brackets(host);
}

/* What a client from here can't tell, or is not let see. */
static const char *
find_unprovable(const Snapshot *snapshot, const char *service, const char *type, const char *daemon)
{
	g_autofree char *proxy = g_strconcat(daemon, "_upstream_proxy_protocol", NULL);
	const char *protocol = snapshot_in_force(snapshot, service, proxy);

	if (strcmp(type, "pass") == 0)
		return "it is given its clients by another program";
	if (strcmp(type, "inet") != 0)
		return "it listens at a UNIX socket";
	if (protocol != NULL && *protocol != '\0')
		return "only the proxy before it can speak to it";
	return NULL;
}

/* The service of the smtpd(8) to which postscreen(8) hands those that may speak. */
static char *
dup_behind_postscreen(const Snapshot *snapshot)
{
	const char *name = g_hash_table_lookup(snapshot->expanded, "smtpd_service_name");

	return g_strconcat(name, "/pass", NULL);
}

static void
take_face(const Snapshot *snapshot, const char *name, const char *type, gboolean is_smtpd,
	  GPtrArray *found)
{
	const char *daemon = is_smtpd ? "smtpd" : "postscreen";
	g_autofree char *behind = dup_behind_postscreen(snapshot);
	ListenerFace *face = g_new0(ListenerFace, 1);

	face->service = g_strconcat(name, "/", type, NULL);
	const char *speaker = is_smtpd ? face->service : behind;
	face->unprovable = find_unprovable(snapshot, face->service, type, daemon);
	face->mode = is_yes(snapshot, speaker, "smtpd_tls_wrappermode") ? FINGER_WRAPPED
		     : offers_tls(snapshot, speaker, "smtpd")           ? FINGER_STARTTLS
									: FINGER_CLEAR;
	if (!is_smtpd &&
	    offers_tls(snapshot, face->service, daemon) != (face->mode != FINGER_CLEAR))
		face->unprovable = "postscreen and the smtpd behind it differ in their TLS level";
	face->certificates = dup_certificates(snapshot, speaker);
	split_endpoint(name, face);
	g_ptr_array_add(found, face);
}

/* Where a postscreen is tried, the smtpd behind it has answered. */
static void
drop_behind_postscreen(const Snapshot *snapshot, GPtrArray *faces)
{
	g_autoptr(GPtrArray) listeners = listener_list(snapshot);
	g_autofree char *behind = dup_behind_postscreen(snapshot);
	gboolean has_postscreen = FALSE;

	for (guint i = 0; i < listeners->len; i++)
		has_postscreen |= !((const Listener *)listeners->pdata[i])->is_smtpd;
	for (guint i = faces->len; has_postscreen && i-- > 0;)
		if (strcmp(((const ListenerFace *)faces->pdata[i])->service, behind) == 0)
			g_ptr_array_remove_index(faces, i);
}

GPtrArray *
listener_list_faces(const Snapshot *snapshot)
{
	GPtrArray *faces = g_ptr_array_new_with_free_func(free_face);

	visit(snapshot, faces, take_face);
	drop_behind_postscreen(snapshot, faces);
	return faces;
}

gboolean
listener_is_target(const Listener *listener, const char *target)
{
	if (target == NULL)
		return FALSE;
	g_autofree char *plain = dup_without_brackets(target);
	g_autofree char *endpoint = dup_without_brackets(listener->endpoint);
	/* "transport:host:port", or without the transport. */
	const char *behind = strchr(plain, ':');

	return strcmp(plain, endpoint) == 0 ||
	       (behind != NULL && strcmp(behind + 1, endpoint) == 0);
}
