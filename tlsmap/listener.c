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

static void
free_listener(void *data)
{
	Listener *listener = data;

	g_free(listener->service);
	g_free(listener->endpoint);
	g_free(listener);
}

static gboolean
is_loopback_host(const char *host)
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
	g_auto(GStrv) hosts = g_strsplit_set(interfaces, ", \t", -1);
	gboolean is_any = FALSE;

	for (size_t i = 0; hosts[i] != NULL; i++) {
		g_autofree char *host = dup_without_brackets(hosts[i]);
		if (*host == '\0')
			continue;
		if (!is_loopback_host(host))
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
	return is_loopback_host(host);
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

GPtrArray *
listener_list(const Snapshot *snapshot)
{
	GPtrArray *listeners = g_ptr_array_new_with_free_func(free_listener);

	for (size_t i = 0; snapshot->entries[i] != NULL; i++) {
		g_autofree char *entry = g_strdup(snapshot->entries[i]);
		g_autoptr(GPtrArray) fields = split_fields(entry);
		if (fields->len <= FIELD_COMMAND || strcmp(fields->pdata[FIELD_TYPE], "inet") != 0)
			continue;
		const char *command = fields->pdata[FIELD_COMMAND];
		gboolean is_smtpd = strcmp(command, "smtpd") == 0;
		if (!is_smtpd && strcmp(command, "postscreen") != 0)
			continue;
		const char *name = fields->pdata[FIELD_NAME];
		Listener *listener = g_new0(Listener, 1);
		listener->service = g_strconcat(name, "/inet", NULL);
		listener->endpoint = g_strdup(name);
		listener->is_smtpd = is_smtpd;
		listener->is_loopback = is_loopback(snapshot, name);
		g_ptr_array_add(listeners, listener);
	}
	return listeners;
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
