/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot: everything that tlsmap wants to know of one Postfix instance, read once, changing
 * nothing.
 *
 * Postfix's own postconf(1) reads the files: what it says is what the daemons will see. Values are
 * asked for unexpanded, so that "$name" in a list stays what the administrator wrote. */
#include "snapshot.h"

#include "child.h"
#include "maincf.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/types.h>

/* How often, and after how long, a lock is asked for whose holder is not there. */
#define LOCK_TRIES 40
#define LOCK_PAUSE (50 * 1000)

/* The parameters without whose expanded value nothing can be said. */
static const char *const needed_names[] = {
	"config_directory",
	"mail_version",
	"queue_directory",
	"daemon_directory",
	"inet_interfaces",
	"inet_protocols",
	"content_filter",
	"smtpd_proxy_filter",
	"smtpd_upstream_proxy_protocol",
	"postscreen_upstream_proxy_protocol",
	"maillog_file",
	"smtpd_authorized_xclient_hosts",
	"myorigin",
	"mydomain",
	"append_at_myorigin",
	"append_dot_mydomain",
	"allow_percent_hack",
	"swap_bangpath",
	"smtpd_service_name",
	"smtpd_use_tls",
	"smtpd_enforce_tls",
	"smtpd_tls_security_level",
	"smtpd_tls_wrappermode",
	"postscreen_use_tls",
	"postscreen_enforce_tls",
	"postscreen_tls_security_level",
	"smtpd_tls_CAfile",
	"smtpd_tls_CApath",
	"smtp_tls_CAfile",
	"smtp_tls_CApath",
	"tls_append_default_CA",
	"smtpd_tls_cert_file",
	"smtpd_tls_dcert_file",
	"smtpd_tls_eccert_file",
};

GQuark
snapshot_error_quark(void)
{
	return g_quark_from_static_string("tlsgate-snapshot-error");
}

static void
free_override(void *data)
{
	SnapshotOverride *override = data;

	g_free(override->service);
	g_free(override->parameter);
	g_free(override->value);
	g_free(override);
}

void
snapshot_free(Snapshot *snapshot)
{
	if (snapshot == NULL)
		return;
	g_free(snapshot->config_directory);
	g_free(snapshot->mail_version);
	g_free(snapshot->queue_directory);
	g_free(snapshot->daemon_directory);
	g_clear_pointer(&snapshot->values, g_hash_table_unref);
	g_clear_pointer(&snapshot->defaults, g_hash_table_unref);
	g_clear_pointer(&snapshot->expanded, g_hash_table_unref);
	g_clear_pointer(&snapshot->overrides, g_ptr_array_unref);
	g_clear_pointer(&snapshot->expanded_overrides, g_ptr_array_unref);
	g_strfreev(snapshot->table_types);
	g_strfreev(snapshot->entries);
	g_free(snapshot->service);
	g_clear_pointer(&snapshot->main_cf, g_bytes_unref);
	g_clear_pointer(&snapshot->master_cf, g_bytes_unref);
	g_free(snapshot->myorigin);
	g_free(snapshot);
}

const char *
snapshot_value(const Snapshot *snapshot, const char *name)
{
	return g_hash_table_lookup(snapshot->values, name);
}

const char *
snapshot_effective(const Snapshot *snapshot, const char *name)
{
	const char *value = snapshot_value(snapshot, name);

	return value != NULL ? value : g_hash_table_lookup(snapshot->defaults, name);
}

static const char *
find_override(const GPtrArray *overrides, const char *service, const char *parameter)
{
	for (size_t i = 0; i < overrides->len; i++) {
		const SnapshotOverride *override = overrides->pdata[i];
		if (strcmp(override->service, service) == 0 &&
		    strcmp(override->parameter, parameter) == 0)
			return override->value;
	}
	return NULL;
}

const char *
snapshot_override(const Snapshot *snapshot, const char *service, const char *parameter)
{
	return find_override(snapshot->overrides, service, parameter);
}

const char *
snapshot_in_force(const Snapshot *snapshot, const char *service, const char *parameter)
{
	const char *value = find_override(snapshot->expanded_overrides, service, parameter);

	return value != NULL ? value : g_hash_table_lookup(snapshot->expanded, parameter);
}

const char *
snapshot_expanded(const Snapshot *snapshot, const char *name)
{
	const char *value = g_hash_table_lookup(snapshot->expanded, name);

	return value != NULL ? value : "";
}

static gboolean
is_on(const Snapshot *snapshot, const char *name)
{
	return g_ascii_strcasecmp(snapshot_expanded(snapshot, name), "yes") == 0;
}

/* src/smtpd/smtpd.c, 3.7. */
char *
snapshot_dup_receive_level(const Snapshot *snapshot)
{
	const char *level = snapshot_expanded(snapshot, "smtpd_tls_security_level");

	if (*level != '\0')
		return g_ascii_strdown(level, -1);
	if (is_on(snapshot, "smtpd_enforce_tls"))
		return g_strdup("encrypt");
	return g_strdup(is_on(snapshot, "smtpd_use_tls") ? "may" : "none");
}

/* src/smtp/smtp.c, 3.7. */
char *
snapshot_dup_send_level(const Snapshot *snapshot)
{
	const char *level = snapshot_expanded(snapshot, "smtp_tls_security_level");

	if (*level != '\0')
		return g_ascii_strdown(level, -1);
	if (is_on(snapshot, "smtp_enforce_tls"))
		return g_strdup(is_on(snapshot, "smtp_tls_enforce_peername") ? "verify"
									     : "encrypt");
	return g_strdup(is_on(snapshot, "smtp_use_tls") ? "may" : "none");
}

gboolean
snapshot_has_table_type(const Snapshot *snapshot, const char *type)
{
	return g_strv_contains((const char *const *)snapshot->table_types, type);
}

gboolean
snapshot_ask(const char *directory, const char *const *arguments, char **output, char **warnings,
	     GError **error)
{
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	g_auto(ChildResult) result = { 0 };

	g_ptr_array_add(argv, (char *)"postconf");
	if (directory != NULL) {
		g_ptr_array_add(argv, (char *)"-c");
		g_ptr_array_add(argv, (char *)directory);
	}
	for (size_t i = 0; arguments[i] != NULL; i++)
		g_ptr_array_add(argv, (char *)arguments[i]);
	g_ptr_array_add(argv, NULL);
	if (!child_run((const char *const *)argv->pdata, NULL, &result, error))
		return FALSE;
	if (result.status != 0) {
		g_autofree char *line = child_dup_first_line(result.errors);
		g_set_error(error, SNAPSHOT_ERROR, 0, "postconf failed: %s", line);
		return FALSE;
	}
	*output = g_steal_pointer(&result.output);
	if (warnings != NULL)
		*warnings = g_steal_pointer(&result.errors);
	return TRUE;
}

/* Split "name = value" (the value may be empty) in place; NULL where the line is none. */
static char *
split_value(char *line)
{
	char *equals = strchr(line, '=');

	if (equals == NULL)
		return NULL;
	*equals = '\0';
	g_strchomp(line);
	return g_strstrip(equals + 1);
}

GHashTable *
snapshot_parse_values(const char *text)
{
	GHashTable *values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (size_t i = 0; lines[i] != NULL; i++) {
		const char *value = split_value(lines[i]);
		if (value != NULL)
			g_hash_table_replace(values, g_strdup(lines[i]), g_strdup(value));
	}
	return values;
}

/* "submission/inet/smtpd_tls_security_level = encrypt". */
static GPtrArray *
parse_overrides(const char *text)
{
	GPtrArray *overrides = g_ptr_array_new_with_free_func(free_override);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (size_t i = 0; lines[i] != NULL; i++) {
		const char *value = split_value(lines[i]);
		char *slash = value != NULL ? strrchr(lines[i], '/') : NULL;
		if (slash == NULL)
			continue;
		*slash = '\0';
		SnapshotOverride *override = g_new0(SnapshotOverride, 1);
		override->service = g_strdup(lines[i]);
		override->parameter = g_strdup(slash + 1);
		override->value = g_strdup(value);
		g_ptr_array_add(overrides, override);
	}
	return overrides;
}

char *
snapshot_dup_service_line(const char *text)
{
	GString *line = g_string_new(NULL);

	for (const char *p = text; *p != '\0'; p++)
		if (!g_ascii_isspace(*p))
			g_string_append_c(line, *p);
		else if (line->len > 0 && line->str[line->len - 1] != ' ')
			g_string_append_c(line, ' ');
	g_strchomp(line->str);
	if (line->str[0] == '\0') {
		g_string_free(line, TRUE);
		return NULL;
	}
	return g_string_free(line, FALSE);
}

static gboolean
ask_expanded(Snapshot *snapshot, const char *directory, GError **error)
{
	static const char *const arguments[] = { "-x", NULL };
	g_autofree char *output = NULL;

	if (!snapshot_ask(directory, arguments, &output, NULL, error))
		return FALSE;
	snapshot->expanded = snapshot_parse_values(output);
	for (size_t i = 0; i < G_N_ELEMENTS(needed_names); i++)
		if (!g_hash_table_contains(snapshot->expanded, needed_names[i])) {
			g_set_error(error, SNAPSHOT_ERROR, 0, "postconf does not know %s",
				    needed_names[i]);
			return FALSE;
		}
	return TRUE;
}

static char *
dup_expanded(const Snapshot *snapshot, const char *name)
{
	return g_strdup(g_hash_table_lookup(snapshot->expanded, name));
}

/* "myorigin = /etc/mailname" is the first line of that file (postconf(5) myorigin, 3.7). */
static gboolean
follow_myorigin(Snapshot *snapshot, GError **error)
{
	const char *value = g_hash_table_lookup(snapshot->expanded, "myorigin");
	g_autofree char *content = NULL;

	if (value[0] != '/') {
		snapshot->myorigin = g_strdup(value);
		return TRUE;
	}
	if (!g_file_get_contents(value, &content, NULL, error)) {
		g_prefix_error(error, "myorigin: ");
		return FALSE;
	}
	snapshot->myorigin = child_dup_first_line(content);
	return TRUE;
}

static gboolean
ask_defaults(Snapshot *snapshot, GError **error)
{
	g_autoptr(GPtrArray) arguments = g_ptr_array_new();
	g_autofree char *output = NULL;

	g_ptr_array_add(arguments, (char *)"-d");
	for (size_t i = 0; i < maincf_n_parameters(); i++)
		if (maincf_parameter(i)->kind != MAINCF_OWN)
			g_ptr_array_add(arguments, (char *)maincf_parameter(i)->name);
	g_ptr_array_add(arguments, NULL);
	/* A name that this version does not know is a warning there, and absent here. */
	if (!snapshot_ask(snapshot->config_directory, (const char *const *)arguments->pdata,
			  &output, NULL, error))
		return FALSE;
	snapshot->defaults = snapshot_parse_values(output);
	return TRUE;
}

static gboolean
read_file(const char *directory, const char *name, GBytes **bytes, GError **error)
{
	g_autofree char *path = g_build_filename(directory, name, NULL);
	char *content;
	gsize size;

	if (!g_file_get_contents(path, &content, &size, error))
		return FALSE;
	*bytes = g_bytes_new_take(content, size);
	return TRUE;
}

static gboolean
ask_configuration(Snapshot *snapshot, GError **error)
{
	static const char *const values[] = { "-n", NULL };
	static const char *const overrides[] = { "-P", NULL };
	static const char *const expanded[] = { "-Px", NULL };
	static const char *const service[] = { "-M", MAINCF_SERVICE "/unix", NULL };
	static const char *const all[] = { "-M", NULL };
	static const char *const types[] = { "-m", NULL };
	const char *directory = snapshot->config_directory;
	g_autofree char *set = NULL;
	g_autofree char *overridden = NULL;
	g_autofree char *in_force = NULL;
	g_autofree char *entry = NULL;
	g_autofree char *entries = NULL;
	g_autofree char *known = NULL;

	if (!read_file(directory, "main.cf", &snapshot->main_cf, error) ||
	    !read_file(directory, "master.cf", &snapshot->master_cf, error) ||
	    !snapshot_ask(directory, values, &set, NULL, error) ||
	    !snapshot_ask(directory, overrides, &overridden, NULL, error) ||
	    !snapshot_ask(directory, expanded, &in_force, NULL, error) ||
	    !snapshot_ask(directory, service, &entry, NULL, error) ||
	    !snapshot_ask(directory, all, &entries, NULL, error) ||
	    !snapshot_ask(directory, types, &known, NULL, error))
		return FALSE;
	snapshot->values = snapshot_parse_values(set);
	snapshot->overrides = parse_overrides(overridden);
	snapshot->expanded_overrides = parse_overrides(in_force);
	snapshot->service = snapshot_dup_service_line(entry);
	snapshot->entries = g_strsplit(g_strchomp(entries), "\n", -1);
	snapshot->table_types = g_strsplit(g_strchomp(known), "\n", -1);
	return TRUE;
}

/* Whether the process that master.pid names is there; in doubt it is. */
static gboolean
is_master_alive(const Snapshot *snapshot)
{
	g_autofree char *path =
		g_build_filename(snapshot->queue_directory, "pid", "master.pid", NULL);
	g_autofree char *text = NULL;
	guint64 pid;

	return !g_file_get_contents(path, &text, NULL, NULL) ||
	       !g_ascii_string_to_unsigned(g_strstrip(text), 10, 1, G_MAXINT, &pid, NULL) ||
	       kill((pid_t)pid, 0) == 0 || errno != ESRCH;
}

gboolean
snapshot_ask_running(const Snapshot *snapshot, gboolean *is_running, GError **error)
{
	g_autofree char *master = g_build_filename(snapshot->daemon_directory, "master", NULL);
	const char *const argv[] = { master, "-t", "-c", snapshot->config_directory, NULL };
	g_auto(ChildResult) result = { 0 };

	/* master(8) -t: status 0 when the lock of master.pid is free. It takes that lock for a
	 * moment itself, so the holder may be the one of another command, or a Postfix that has yet
	 * to write its number (src/master/master.c, 3.7). */
	for (int i = 0; i < LOCK_TRIES; i++) {
		child_result_clear(&result);
		if (!child_run(argv, NULL, &result, error))
			return FALSE;
		*is_running = result.status != 0;
		if (!*is_running || is_master_alive(snapshot))
			return TRUE;
		g_usleep(LOCK_PAUSE);
	}
	return TRUE;
}

static gboolean
fill(Snapshot *snapshot, const char *directory, GError **error)
{
	if (!ask_expanded(snapshot, directory, error))
		return FALSE;
	/* A directory that was named is the one that is meant: postconf(1) of 3.10 and 3.11 names
	 * the default one instead while main.cf is younger than two seconds. */
	snapshot->config_directory = directory != NULL ? g_strdup(directory)
						       : dup_expanded(snapshot, "config_directory");
	snapshot->mail_version = dup_expanded(snapshot, "mail_version");
	snapshot->queue_directory = dup_expanded(snapshot, "queue_directory");
	snapshot->daemon_directory = dup_expanded(snapshot, "daemon_directory");
	if (!version_parse(snapshot->mail_version, &snapshot->version)) {
		g_set_error(error, SNAPSHOT_ERROR, 0, "mail_version is \"%s\", which is no version",
			    snapshot->mail_version);
		return FALSE;
	}
	if (!follow_myorigin(snapshot, error) || !ask_defaults(snapshot, error) ||
	    !ask_configuration(snapshot, error))
		return FALSE;
	snapshot->rewriting = (AddressRewriting){
		.myorigin = snapshot->myorigin,
		.mydomain = g_hash_table_lookup(snapshot->expanded, "mydomain"),
		.append_at_myorigin = is_on(snapshot, "append_at_myorigin"),
		.append_dot_mydomain = is_on(snapshot, "append_dot_mydomain"),
		.allow_percent_hack = is_on(snapshot, "allow_percent_hack"),
		.swap_bangpath = is_on(snapshot, "swap_bangpath"),
	};
	return snapshot_ask_running(snapshot, &snapshot->is_running, error);
}

Snapshot *
snapshot_take(const char *config_directory, GError **error)
{
	g_autoptr(Snapshot) snapshot = g_new0(Snapshot, 1);

	if (!fill(snapshot, config_directory, error))
		return NULL;
	return g_steal_pointer(&snapshot);
}
