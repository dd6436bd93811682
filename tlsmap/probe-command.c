/* SPDX-License-Identifier: Apache-2.0 */
/* probe-command: posttls-finger(1) told to do as smtp(8) does at one host. Pure.
 *
 * Of main.cf it reads what the TLS library needs, and nothing named smtp_… but the digest: the rest
 * stands in options (posttls-finger(1), 3.5 to 3.11). It is given the host in brackets, and so
 * takes it for the next-hop: names that a policy derives from the next-hop are written out. It has
 * no option for ciphers to be excluded; the list of the grade is given without them.
 *
 * It says of "dane" that no TLSA record was found only where it was asked for "dane-only", and then
 * goes on as for "secure" (dane_host_level()). What smtp(8) does then is for the caller to try. */
#include "probe-command.h"

#include "maincf.h"
#include "nexthop.h"

#include <string.h>

#define PROGRAM "posttls-finger"

static void
add(GPtrArray *arguments, const char *option, const char *value)
{
	g_ptr_array_add(arguments, g_strdup(option));
	if (value != NULL)
		g_ptr_array_add(arguments, g_strdup(value));
}

static const char *
in_force(const ProbeCommand *command, const char *parameter)
{
	const char *value = snapshot_in_force(command->snapshot, command->way->service, parameter);

	return value != NULL ? value : "";
}

/* What the way says, else main.cf, where a demand of TLS has a parameter of its own. */
static const char *
value_of(const ProbeCommand *command, const char *said, const char *at_may, const char *mandatory)
{
	return said != NULL
		       ? said
		       : in_force(command, command->level == SECURITY_MAY ? at_may : mandatory);
}

static void
add_excluded(GString *list, const char *names)
{
	g_auto(GStrv) all = maincf_split_list(names);

	for (size_t i = 0; all[i] != NULL; i++)
		g_string_append_printf(list, ":!%s", all[i]);
}

/* src/smtp/smtp_tls_policy.c, set_cipher_grade(), and src/tls/tls_misc.c, 3.7. Grades below medium
 * are gone since 3.8. */
static void
add_ciphers(const ProbeCommand *command, GPtrArray *arguments)
{
	const char *grade = value_of(command, command->way->ciphers, "smtp_tls_ciphers",
				     "smtp_tls_mandatory_ciphers");
	g_autofree char *parameter = g_strdup_printf("tls_%s_cipherlist", grade);
	const char *list = snapshot_expanded(command->snapshot, parameter);

	add(arguments, "-g", grade);
	if (*list == '\0')
		return;
	g_autoptr(GString) override = g_string_new(NULL);
	g_string_append_printf(override, "%s=%s", parameter, list);
	size_t length = override->len;
	if (command->way->exclude != NULL) {
		add_excluded(override, command->way->exclude);
	} else {
		add_excluded(override, in_force(command, "smtp_tls_exclude_ciphers"));
		if (command->level > SECURITY_MAY)
			add_excluded(override,
				     in_force(command, "smtp_tls_mandatory_exclude_ciphers"));
	}
	if (override->len > length)
		add(arguments, "-o", override->str);
}

/* master(5): what "-" means. */
static gboolean
is_yes(const ProbeCommand *command, const char *field)
{
	return strcmp(field, "y") == 0 ||
	       (strcmp(field, "-") == 0 &&
		strcmp(snapshot_expanded(command->snapshot, "compatibility_level"), "0") == 0);
}

static gboolean
is_chrooted(const ProbeCommand *command)
{
	enum { CHROOT = 4 };
	const char *const *entries = (const char *const *)command->snapshot->entries;
	g_auto(GStrv) name = g_strsplit(command->way->service, "/", 2);

	for (; *entries != NULL; entries++) {
		g_autofree char *line = snapshot_dup_service_line(*entries);
		g_auto(GStrv) fields = g_strsplit(line != NULL ? line : "", " ", CHROOT + 2);
		if (g_strv_length(fields) > CHROOT && g_strcmp0(fields[0], name[0]) == 0 &&
		    g_strcmp0(fields[1], name[1]) == 0)
			return is_yes(command, fields[CHROOT]);
	}
	return FALSE;
}

/* What smtp(8) opens when it is in its chroot already. */
static void
add_path(const ProbeCommand *command, GPtrArray *arguments, const char *option, const char *path)
{
	g_autofree char *whole =
		is_chrooted(command)
			? g_build_filename(command->snapshot->queue_directory, path, NULL)
			: g_strdup(path);

	add(arguments, option, whole);
}

/* smtp(8) reads the CA file before it goes into its chroot, and all the rest behind it. */
static void
add_anchors(const ProbeCommand *command, GPtrArray *arguments)
{
	const char *file = in_force(command, "smtp_tls_CAfile");
	const char *directory = in_force(command, "smtp_tls_CApath");
	g_auto(GStrv) named = maincf_split_list(in_force(command, "smtp_tls_trust_anchor_file"));
	char **anchors = command->way->trust_anchors != NULL ? command->way->trust_anchors : named;

	if (*file != '\0')
		add(arguments, "-F", file);
	if (*directory != '\0')
		add_path(command, arguments, "-P", directory);
	if (command->level == SECURITY_VERIFY || command->level == SECURITY_SECURE)
		for (; *anchors != NULL; anchors++)
			add_path(command, arguments, "-A", *anchors);
}

static gboolean
is_named(const char *file)
{
	return *file != '\0' && g_ascii_strcasecmp(file, "none") != 0;
}

/* Of several kinds of key it can show one only. */
static void
add_client_certificate(const ProbeCommand *command, GPtrArray *arguments)
{
	static const char *const pairs[][2] = {
		{ "smtp_tls_cert_file", "smtp_tls_key_file" },
		{ "smtp_tls_eccert_file", "smtp_tls_eckey_file" },
		{ "smtp_tls_dcert_file", "smtp_tls_dkey_file" },
	};
	const char *chains = in_force(command, "smtp_tls_chain_files");

	if (is_named(chains)) {
		add(arguments, "-H", chains);
		return;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++)
		if (is_named(in_force(command, pairs[i][0]))) {
			add(arguments, "-k", in_force(command, pairs[i][0]));
			add(arguments, "-K", in_force(command, pairs[i][1]));
			return;
		}
}

/* The words that stand for a name (postconf(5) smtp_tls_secure_cert_match, smtp_tls_servername,
 * 3.7). The caller frees it. */
static char *
dup_name(const ProbeCommand *command, const char *word)
{
	g_autofree char *next_hop = nexthop_dup_host(command->way->next_hop);

	if (strcmp(word, "hostname") == 0)
		return g_strdup(command->host);
	if (strcmp(word, "nexthop") == 0)
		return g_steal_pointer(&next_hop);
	if (strcmp(word, "dot-nexthop") == 0)
		return g_strconcat(".", next_hop, NULL);
	return g_strdup(word);
}

static void
add_server_name(const ProbeCommand *command, GPtrArray *arguments)
{
	const char *word = command->way->server_name != NULL
				   ? command->way->server_name
				   : in_force(command, "smtp_tls_servername");

	if (*word == '\0')
		return;
	g_autofree char *name = dup_name(command, word);
	add(arguments, "-s", name);
}

/* What the certificate is matched with: at "dane" what DNS says. */
static void
add_match(const ProbeCommand *command, GPtrArray *arguments)
{
	static const char *const parameters[N_SECURITY_LEVELS] = {
		[SECURITY_FINGERPRINT] = "smtp_tls_fingerprint_cert_match",
		[SECURITY_VERIFY] = "smtp_tls_verify_cert_match",
		[SECURITY_SECURE] = "smtp_tls_secure_cert_match",
	};

	if (parameters[command->level] == NULL)
		return;
	g_autofree char *text = g_strdup(in_force(command, parameters[command->level]));
	if (command->level != SECURITY_FINGERPRINT)
		g_strdelimit(text, ":", ' ');
	g_auto(GStrv) named = maincf_split_list(text);
	for (char **word = command->way->match != NULL ? command->way->match : named; *word != NULL;
	     word++)
		g_ptr_array_add(arguments, command->level == SECURITY_FINGERPRINT
						   ? g_strdup(*word)
						   : dup_name(command, *word));
}

static void
add_flags(const ProbeCommand *command, GPtrArray *arguments)
{
	static const struct {
		const char *parameter;
		const char *option;
	} flags[] = {
		{ "smtp_tls_wrappermode", "-w" },
		{ "smtp_tls_force_insecure_host_tlsa_lookup", "-f" },
		{ "smtp_tls_enable_rpk", "-x" }, /* both since 3.9 */
	};

	for (size_t i = 0; i < G_N_ELEMENTS(flags); i++)
		if (g_ascii_strcasecmp(in_force(command, flags[i].parameter), "yes") == 0)
			add(arguments, flags[i].option, NULL);
}

/* Where and how it connects. */
static void
add_connection(const ProbeCommand *command, GPtrArray *arguments)
{
	g_autofree char *greeting_limit = g_strdup_printf("%u", command->greeting_limit);
	g_autofree char *command_limit = g_strdup_printf("%u", command->command_limit);
	g_autofree char *own_name =
		g_strdup_printf("myhostname=%s", in_force(command, "smtp_helo_name"));
	gboolean has_dns =
		g_ascii_strcasecmp(in_force(command, "smtp_dns_support_level"), "disabled") != 0;

	add(arguments, "-t", greeting_limit);
	add(arguments, "-T", command_limit);
	add(arguments, "-h", has_dns ? in_force(command, "smtp_host_lookup") : "native");
	add(arguments, "-a", in_force(command, "smtp_address_preference"));
	add(arguments, "-o", own_name);
}

static void
add_destination(const ProbeCommand *command, GPtrArray *arguments)
{
	const char *port = nexthop_port(command->way->next_hop);

	if (port == NULL && *in_force(command, "smtp_tcp_port") != '\0')
		port = in_force(command, "smtp_tcp_port");
	/* "--": nothing behind it is an option. */
	add(arguments, "--", NULL);
	g_ptr_array_add(arguments,
			g_strdup_printf("[%s]%s%s", command->host, port != NULL ? ":" : "",
					port != NULL ? port : ""));
}

char **
probe_command_dup(const ProbeCommand *command)
{
	GPtrArray *arguments = g_ptr_array_new();
	SecurityLevel level = command->level == SECURITY_DANE ? SECURITY_DANE_ONLY : command->level;

	add(arguments, PROGRAM, NULL);
	add(arguments, "-C", NULL);
	add_flags(command, arguments);
	add_connection(command, arguments);
	add(arguments, "-l", names_word(&names_security_level, level));
	if (level > SECURITY_NONE) {
		add(arguments, "-d", in_force(command, "smtp_tls_fingerprint_digest"));
		add(arguments, "-p",
		    value_of(command, command->way->protocols, "smtp_tls_protocols",
			     "smtp_tls_mandatory_protocols"));
		add_ciphers(command, arguments);
		add_anchors(command, arguments);
		add_client_certificate(command, arguments);
		add_server_name(command, arguments);
	}
	add_destination(command, arguments);
	add_match(command, arguments);
	g_ptr_array_add(arguments, NULL);
	return (char **)g_ptr_array_free(arguments, FALSE);
}
