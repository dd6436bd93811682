/* SPDX-License-Identifier: Apache-2.0 */
/* maincf: the parameters of main.cf that tlsmap owns, and the value that the document gives each.
 *
 * One row of the table at the end is one parameter. A parameter whose render function yields NULL
 * is not named by the document: it is left alone, or gets back what it was before tlsmap came. */
#include "maincf.h"

#include "direction.h"
#include "protocols.h"
#include "spelling.h"

#include <string.h>

/* policyd is spawned as often as smtpd(8) connects; the default command_time_limit of 1000s would
 * kill it in the middle of a request (spawn(8), transport_time_limit, 3.7). */
#define TIME_LIMIT "86400"

/* What Postfix does with a recipient when policyd gives no answer (access(5)). */
static const char *const failure_actions[] = {
	[POLICY_FAILURE_DEFER] = "451 4.3.5 TLS policy is unavailable, try again later",
	[POLICY_FAILURE_ACCEPT] = "DUNNO",
};
G_STATIC_ASSERT(G_N_ELEMENTS(failure_actions) == N_POLICY_FAILURES);

static char *
render_smtpd_level(const MainCfInput *input)
{
	return g_strdup(
		names_word(&names_receive_level, input->settings->receive.security_level.code));
}

static char *
render_ask_ccert(const MainCfInput *input)
{
	return g_strdup(input->settings->receive.client_certificate.code != CLIENT_CERTIFICATE_NONE
				? "yes"
				: "no");
}

static char *
render_req_ccert(const MainCfInput *input)
{
	return g_strdup(input->settings->receive.client_certificate.code ==
					CLIENT_CERTIFICATE_REQUIRE
				? "yes"
				: "no");
}

static char *
render_smtp_level(const MainCfInput *input)
{
	return g_strdup(
		names_word(&names_security_level, input->settings->send.security_level.code));
}

static void
append_element(GString *list, const char *element)
{
	g_string_append_printf(list, "%s%s", list->len == 0 ? "" : ", ", element);
}

/* A list of the document as main.cf has it: with commas. */
static void
append_list(GString *list, const GArray *texts)
{
	for (size_t i = 0; i < settings_n_texts(texts); i++)
		append_element(list, settings_text(texts, i));
}

static char *
dup_list(const GArray *texts)
{
	GString *list = g_string_new(NULL);

	append_list(list, texts);
	return g_string_free(list, FALSE);
}

/* Our own tables first: the first table that knows a key decides (postconf(5)
 * smtp_tls_policy_maps). */
static char *
render_policy_maps(const MainCfInput *input)
{
	const GArray *fallbacks = input->settings->send.fallback_policy_maps;
	gboolean has_rows = settings_n_destinations(input->settings) > 0;

	if (!has_rows && settings_n_texts(fallbacks) == 0)
		return NULL;

	GString *tables = g_string_new(has_rows ? input->table : NULL);
	if (spelling_is_needed(input->settings))
		append_element(tables, input->spellings);
	append_list(tables, fallbacks);
	return g_string_free(tables, FALSE);
}

static gboolean
is_spawned(const Settings *settings)
{
	return settings->postfix.policyd.code == POLICYD_SPAWN;
}

const char *
maincf_policy_socket(const Settings *settings)
{
	return is_spawned(settings) ? MAINCF_POLICY_SOCKET : MAINCF_SYSTEM_SOCKET;
}

/* The time limits bound what a hung policyd costs one recipient to 2 × 5 s + 1 s
 * (SMTPD_POLICY_README, "Policy client configuration", 3.7). policy_context names the generation
 * that this smtpd judges by. */
static char *
render_policy(const MainCfInput *input)
{
	if (settings_n_rules(input->settings) == 0)
		return NULL;
	return g_strdup_printf("check_policy_service { unix:%s"
			       ", timeout=5s, try_limit=2, retry_delay=1s"
			       ", policy_context=%" G_GUINT64_FORMAT ", { default_action = %s } }",
			       maincf_policy_socket(input->settings), input->generation,
			       failure_actions[input->settings->receive.on_policy_failure.code]);
}

static char *
render_token(const MainCfInput *input)
{
	return settings_n_rules(input->settings) > 0 ? g_strdup(MAINCF_POLICY_TOKEN) : NULL;
}

static char *
render_time_limit(const MainCfInput *input)
{
	return settings_n_rules(input->settings) > 0 && is_spawned(input->settings)
		       ? g_strdup(TIME_LIMIT)
		       : NULL;
}

static char *
render_smtpd_cafile(const MainCfInput *input)
{
	return g_strdup(input->settings->receive.trusted_ca_file.text);
}

static char *
render_smtpd_capath(const MainCfInput *input)
{
	return g_strdup(input->settings->receive.trusted_ca_directory.text);
}

static char *
render_smtp_cafile(const MainCfInput *input)
{
	return g_strdup(input->settings->send.trusted_ca_file.text);
}

static char *
render_smtp_capath(const MainCfInput *input)
{
	return g_strdup(input->settings->send.trusted_ca_directory.text);
}

static char *
render_smtpd_chain_files(const MainCfInput *input)
{
	const GArray *files = input->settings->receive.certificate.chain_files;

	return files != NULL ? dup_list(files) : NULL;
}

static char *
render_smtp_chain_files(const MainCfInput *input)
{
	const GArray *files = input->settings->send.certificate.chain_files;

	return files != NULL ? dup_list(files) : NULL;
}

/* Beside *_tls_chain_files the older parameters are ignored with a warning (postconf(5)
 * smtpd_tls_chain_files, smtp_tls_chain_files, 3.4 and later): they are emptied. */
static char *
render_no_smtpd_legacy(const MainCfInput *input)
{
	return input->settings->receive.certificate.chain_files != NULL ? g_strdup("") : NULL;
}

static char *
render_no_smtp_legacy(const MainCfInput *input)
{
	return input->settings->send.certificate.chain_files != NULL ? g_strdup("") : NULL;
}

/* The mandatory ones, never *_tls_protocols: a floor at "may" makes Postfix fall back to clear. */
static char *
dup_floor(const MainCfInput *input, const CursorWord *min_protocol)
{
	return min_protocol->place != 0
		       ? protocols_dup_floor(min_protocol->code, input->version, ", ")
		       : NULL;
}

static char *
render_smtpd_protocols(const MainCfInput *input)
{
	return dup_floor(input, &input->settings->receive.min_protocol);
}

static char *
render_smtp_protocols(const MainCfInput *input)
{
	return dup_floor(input, &input->settings->send.min_protocol);
}

/* The default changed from md5 to sha256 with compatibility_level 3.6: where there are pins, their
 * digest is always said (postconf(5) smtpd_tls_fingerprint_digest). */
static char *
render_smtpd_digest(const MainCfInput *input)
{
	return g_strdup(settings_receive_digest(input->settings));
}

static char *
render_smtp_digest(const MainCfInput *input)
{
	return g_strdup(settings_send_digest(input->settings));
}

/* Without it "dane" is silently "may" (postconf(5) smtp_dns_support_level, 3.7). */
static char *
render_dns_support(const MainCfInput *input)
{
	return settings_any_send_level(input->settings, settings_level_needs_dnssec)
		       ? g_strdup("dnssec")
		       : NULL;
}

/* From 3.10 on a message header "TLS-Required: no" takes every level down to may; a gateway that
 * promises more does not let the sender choose (postconf(5) tls_required_enable, 3.10). */
static char *
render_tls_required(const MainCfInput *input)
{
	return version_is_at_least(input->version, 3, 10) &&
			       settings_any_send_level(input->settings, settings_level_is_mandatory)
		       ? g_strdup("no")
		       : NULL;
}

/* Debian's main.cf.tls and RHEL's main.cf. */
static const char *const stock_smtpd_level[] = { "may", NULL };
static const char *const stock_smtp_level[] = { "may", NULL };
static const char *const stock_cert_file[] = { "/etc/ssl/certs/ssl-cert-snakeoil.pem",
					       "/etc/pki/tls/certs/postfix.pem", NULL };
static const char *const stock_key_file[] = { "/etc/ssl/private/ssl-cert-snakeoil.key",
					      "/etc/pki/tls/private/postfix.key", NULL };
static const char *const stock_capath[] = { "/etc/ssl/certs", "/etc/pki/tls/certs", NULL };
static const char *const stock_smtp_cafile[] = { "/etc/pki/tls/certs/ca-bundle.crt",
						 "/etc/ssl/certs/ca-certificates.crt", NULL };

static const MainCfParameter parameters[] = {
	{ "smtpd_tls_security_level", MAINCF_VALUE, render_smtpd_level, direction_receive_levels,
	  direction_same_words, stock_smtpd_level },
	{ "smtpd_tls_ask_ccert", MAINCF_VALUE, render_ask_ccert, direction_switches,
	  direction_same_words, NULL },
	{ "smtpd_tls_req_ccert", MAINCF_VALUE, render_req_ccert, direction_switches,
	  direction_same_words, NULL },
	{ "smtpd_tls_chain_files", MAINCF_VALUE, render_smtpd_chain_files, direction_equal,
	  direction_same_lists, NULL },
	{ "smtpd_tls_cert_file", MAINCF_VALUE, render_no_smtpd_legacy, direction_equal, NULL,
	  stock_cert_file },
	{ "smtpd_tls_key_file", MAINCF_VALUE, render_no_smtpd_legacy, direction_equal, NULL,
	  stock_key_file },
	{ "smtpd_tls_dcert_file", MAINCF_VALUE, render_no_smtpd_legacy, direction_equal, NULL,
	  NULL },
	{ "smtpd_tls_dkey_file", MAINCF_VALUE, render_no_smtpd_legacy, direction_equal, NULL,
	  NULL },
	{ "smtpd_tls_eccert_file", MAINCF_VALUE, render_no_smtpd_legacy, direction_equal, NULL,
	  NULL },
	{ "smtpd_tls_eckey_file", MAINCF_VALUE, render_no_smtpd_legacy, direction_equal, NULL,
	  NULL },
	{ "smtpd_tls_CAfile", MAINCF_VALUE, render_smtpd_cafile, direction_anchors, NULL, NULL },
	{ "smtpd_tls_CApath", MAINCF_VALUE, render_smtpd_capath, direction_anchors, NULL,
	  stock_capath },
	{ "smtpd_tls_mandatory_protocols", MAINCF_VALUE, render_smtpd_protocols,
	  direction_protocols, direction_same_floors, NULL },
	{ "smtpd_tls_fingerprint_digest", MAINCF_VALUE, render_smtpd_digest, direction_equal,
	  direction_same_words, NULL },
	{ MAINCF_POLICY_PARAMETER, MAINCF_OWN, render_policy, direction_policies, NULL, NULL },
	{ "tlsgate_time_limit", MAINCF_OWN, render_time_limit, direction_equal, NULL, NULL },
	{ "smtpd_recipient_restrictions", MAINCF_LIST, render_token, direction_tokens, NULL, NULL },
	{ "smtpd_data_restrictions", MAINCF_LIST, render_token, direction_tokens, NULL, NULL },
	{ "smtp_tls_security_level", MAINCF_VALUE, render_smtp_level, direction_send_levels,
	  direction_same_words, stock_smtp_level },
	{ "smtp_tls_policy_maps", MAINCF_VALUE, render_policy_maps, direction_tables,
	  direction_same_lists, NULL },
	{ "smtp_tls_chain_files", MAINCF_VALUE, render_smtp_chain_files, direction_equal,
	  direction_same_lists, NULL },
	{ "smtp_tls_cert_file", MAINCF_VALUE, render_no_smtp_legacy, direction_equal, NULL, NULL },
	{ "smtp_tls_key_file", MAINCF_VALUE, render_no_smtp_legacy, direction_equal, NULL, NULL },
	{ "smtp_tls_dcert_file", MAINCF_VALUE, render_no_smtp_legacy, direction_equal, NULL, NULL },
	{ "smtp_tls_dkey_file", MAINCF_VALUE, render_no_smtp_legacy, direction_equal, NULL, NULL },
	{ "smtp_tls_eccert_file", MAINCF_VALUE, render_no_smtp_legacy, direction_equal, NULL,
	  NULL },
	{ "smtp_tls_eckey_file", MAINCF_VALUE, render_no_smtp_legacy, direction_equal, NULL, NULL },
	{ "smtp_tls_CAfile", MAINCF_VALUE, render_smtp_cafile, direction_anchors, NULL,
	  stock_smtp_cafile },
	{ "smtp_tls_CApath", MAINCF_VALUE, render_smtp_capath, direction_anchors, NULL,
	  stock_capath },
	{ "smtp_tls_mandatory_protocols", MAINCF_VALUE, render_smtp_protocols, direction_protocols,
	  direction_same_floors, NULL },
	{ "smtp_tls_fingerprint_digest", MAINCF_VALUE, render_smtp_digest, direction_equal,
	  direction_same_words, NULL },
	{ "smtp_dns_support_level", MAINCF_VALUE, render_dns_support, direction_dnssec,
	  direction_same_words, NULL },
	{ "tls_required_enable", MAINCF_VALUE, render_tls_required, direction_forbidding,
	  direction_same_words, NULL },
};

size_t
maincf_n_parameters(void)
{
	return G_N_ELEMENTS(parameters);
}

const MainCfParameter *
maincf_parameter(size_t n)
{
	return &parameters[n];
}

const MainCfParameter *
maincf_find(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(parameters); i++)
		if (strcmp(parameters[i].name, name) == 0)
			return &parameters[i];
	return NULL;
}

gboolean
maincf_is_stock(const MainCfParameter *parameter, const char *value)
{
	return parameter->stock != NULL && g_strv_contains(parameter->stock, value);
}

gboolean
maincf_is_same(const MainCfParameter *parameter, const char *one, const char *other)
{
	return strcmp(one, other) == 0 ||
	       (parameter->is_same != NULL && parameter->is_same(one, other));
}

static gboolean
is_separator(char c)
{
	return c == ' ' || c == ',' || c == '\t' || c == '\r' || c == '\n';
}

/* The length of the list element at text: to the next separator outside braces. */
static size_t
element_length(const char *text)
{
	size_t length = 0;
	int depth = 0;

	for (; text[length] != '\0' && (depth > 0 || !is_separator(text[length])); length++)
		depth += text[length] == '{' ? 1 : text[length] == '}' ? -1 : 0;
	return length;
}

static gboolean
is_token(const char *element, size_t length)
{
	static const char *const spellings[] = { "$" MAINCF_POLICY_PARAMETER,
						 "${" MAINCF_POLICY_PARAMETER "}",
						 "$(" MAINCF_POLICY_PARAMETER ")" };

	for (size_t i = 0; i < G_N_ELEMENTS(spellings); i++)
		if (strlen(spellings[i]) == length && strncmp(spellings[i], element, length) == 0)
			return TRUE;
	return FALSE;
}

gboolean
maincf_begins_with_token(const char *list)
{
	return list != NULL && is_token(list, element_length(list));
}

char **
maincf_split_list(const char *list)
{
	GPtrArray *elements = g_ptr_array_new();

	for (const char *p = list; *p != '\0';) {
		size_t length = element_length(p);
		if (length > 0)
			g_ptr_array_add(elements, g_strndup(p, length));
		p += length > 0 ? length : 1;
	}
	g_ptr_array_add(elements, NULL);
	return (char **)g_ptr_array_free(elements, FALSE);
}

char *
maincf_dup_without_token(const char *list)
{
	if (list == NULL)
		return NULL;

	GString *rest = g_string_new(NULL);
	const char *p = list;
	while (*p != '\0') {
		size_t separators = 0;
		while (is_separator(p[separators]))
			separators++;
		const char *element = p + separators;
		size_t length = element_length(element);
		if (!is_token(element, length)) {
			/* The first element that stays brings no separator with it. */
			if (rest->len > 0)
				g_string_append_len(rest, p, separators);
			g_string_append_len(rest, element, length);
		}
		p = element + length;
	}
	return g_string_free(rest, FALSE);
}

char *
maincf_dup_with_first(const char *first, const char *rest)
{
	return rest != NULL && *rest != '\0' ? g_strdup_printf("%s, %s", first, rest)
					     : g_strdup(first);
}

static guint64
parse_generation(const char *text, const char *terminators)
{
	char *end;

	if (!g_ascii_isdigit(*text))
		return 0;
	guint64 number = g_ascii_strtoull(text, &end, 10);
	return *end != '\0' && strchr(terminators, *end) != NULL ? number : 0;
}

guint64
maincf_named_generation(const char *value, const char *directory)
{
	static const char context[] = "policy_context=";
	g_autofree char *prefix = g_strconcat(directory, "/", NULL);
	const char *found;

	if (value == NULL)
		return 0;
	if ((found = strstr(value, context)) != NULL)
		return parse_generation(found + strlen(context), ", }");
	if ((found = strstr(value, prefix)) != NULL)
		return parse_generation(found + strlen(prefix), "/");
	return 0;
}

gboolean
maincf_asks_service(const char *policy)
{
	return policy != NULL && strstr(policy, "unix:" MAINCF_POLICY_SOCKET ",") != NULL;
}

char *
maincf_dup_service(const Settings *settings, const char *generations_directory)
{
	if (!is_spawned(settings) || settings_n_rules(settings) == 0)
		return NULL;
	/* maxproc 0: as many as smtpd(8) has processes; private, not chrooted (SMTPD_POLICY_README,
	 * "Simple policy client/server configuration", 3.7). The line never names a generation. */
	return g_strdup_printf(MAINCF_SERVICE
			       " unix - n n - 0 spawn user=%s argv=%s --generations %s",
			       settings->postfix.policyd_user.text,
			       settings->postfix.policyd_path.text, generations_directory);
}
