/* SPDX-License-Identifier: Apache-2.0 */
/* What the document becomes in main.cf and the tables; lists and values of others read rightly. */
#include "compile.h"
#include "describe.h"
#include "maincf.h"
#include "policymap.h"
#include "rows.h"
#include "settings.h"
#include "version.h"

#include <string.h>

#define TABLE "cdb:/c/tlsgate/gen/7/tls_policy"
#define SPELLINGS "regexp:/c/tlsgate/gen/7/tls_spellings"
#define DIRECTORY "/c/tlsgate/gen"

typedef struct {
	const char *name;
	const char *document;
	PostfixVersion version;
	/* "name=value" of all parameters rendered, in table order, one a line. */
	const char *parameters;
} RenderRow;

#define LEVELS(receive, ask, require)                                    \
	"smtpd_tls_security_level=" receive "\nsmtpd_tls_ask_ccert=" ask \
	"\nsmtpd_tls_req_ccert=" require "\n"
#define SEND(level) "smtp_tls_security_level=" level "\n"
#define POLICY(action)                                                                          \
	"tlsgate_policy=check_policy_service { unix:private/tlsgate, timeout=5s, try_limit=2, " \
	"retry_delay=1s, policy_context=7, { default_action = " action " } }\n"                 \
	"tlsgate_time_limit=86400\nsmtpd_recipient_restrictions=$tlsgate_policy\n"              \
	"smtpd_data_restrictions=$tlsgate_policy\n"
#define PIN20 "AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA"
#define DEFER "451 4.3.5 TLS policy is unavailable, try again later"

#define NO_SMTP_LEGACY                                                                         \
	"smtp_tls_cert_file=\nsmtp_tls_key_file=\nsmtp_tls_dcert_file=\nsmtp_tls_dkey_file=\n" \
	"smtp_tls_eccert_file=\nsmtp_tls_eckey_file=\n"

static const RenderRow render_rows[] = {
	{ "floors-from-3.6-on",
	  "{\"receive\":{\"min_protocol\":\"TLSv1.2\"},\"send\":{\"min_protocol\":\"TLSv1.3\"}}",
	  { 3, 6 },
	  LEVELS("may", "no", "no") "smtpd_tls_mandatory_protocols=>=TLSv1.2\n" SEND(
		  "may") "smtp_tls_mandatory_protocols=>=TLSv1.3\n" },
	{ "floors-before-3.6",
	  "{\"receive\":{\"min_protocol\":\"TLSv1\"},\"send\":{\"min_protocol\":\"TLSv1.3\"}}",
	  { 3, 5 },
	  LEVELS("may", "no", "no") "smtpd_tls_mandatory_protocols=!SSLv2, !SSLv3\n" SEND(
		  "may") "smtp_tls_mandatory_protocols=!SSLv2, !SSLv3, !TLSv1, !TLSv1.1, !TLSv1.2\n" },
	{ "trust-by-directory",
	  "{\"receive\":{\"trusted_ca_directory\":\"/a\"},\"send\":{\"trusted_ca_directory\":\"/b\"}}",
	  { 3, 7 },
	  LEVELS("may", "no", "no") "smtpd_tls_CApath=/a\n" SEND("may") "smtp_tls_CApath=/b\n" },
	{ "client-certificate-empties-the-older-parameters",
	  "{\"send\":{\"certificate\":{\"chain_files\":[\"/a\"]}}}",
	  { 3, 7 },
	  LEVELS("may", "no", "no") SEND("may") "smtp_tls_chain_files=/a\n" NO_SMTP_LEGACY },
	{ "fallback-behind-the-rows",
	  "{\"send\":{\"domains\":[{\"destination\":\"a.example\",\"security_level\":\"may\"}],"
	  "\"fallback_policy_maps\":[\"socketmap:inet:127.0.0.1:8461:postfix\",\"hash:/h\"]}}",
	  { 3, 7 },
	  LEVELS("may", "no", "no")
		  SEND("may") "smtp_tls_policy_maps=" TABLE
			      ", socketmap:inet:127.0.0.1:8461:postfix, hash:/h\n" },
	{ "fallback-alone",
	  "{\"send\":{\"fallback_policy_maps\":[\"hash:/h\"]}}",
	  { 3, 7 },
	  LEVELS("may", "no", "no") SEND("may") "smtp_tls_policy_maps=hash:/h\n" },
	{ "digest-of-receiving-pins",
	  "{\"receive\":{\"client_certificate\":\"request\",\"rules\":[{\"name\":\"a\",\"require\":"
	  "{\"fingerprints\":[\"" PIN20 "\"]}}]}}",
	  { 3, 7 },
	  LEVELS("may", "yes", "no") "smtpd_tls_fingerprint_digest=sha1\n" POLICY(DEFER)
		  SEND("may") },
	{ "policyd-by-a-system-socket",
	  "{\"receive\":{\"rules\":[{\"name\":\"a\"}]},\"postfix\":{\"policyd\":\"socket\"}}",
	  { 3, 7 },
	  LEVELS("may", "no",
		 "no") "tlsgate_policy=check_policy_service { unix:tlsgate/policyd, timeout=5s, try_limit=2, "
		       "retry_delay=1s, policy_context=7, { default_action = " DEFER " } }\n"
		       "smtpd_recipient_restrictions=$tlsgate_policy\nsmtpd_data_restrictions=$tlsgate_policy\n" SEND(
			       "may") },
	{ "defaults", "{}", { 3, 7 }, LEVELS("may", "no", "no") SEND("may") },
	{ "all-none",
	  "{\"receive\":{\"security_level\":\"none\"},\"send\":{\"security_level\":\"none\"}}",
	  { 3, 7 },
	  LEVELS("none", "no", "no") SEND("none") },
	{ "request",
	  "{\"receive\":{\"client_certificate\":\"request\"}}",
	  { 3, 7 },
	  LEVELS("may", "yes", "no") SEND("may") },
	{ "encrypt-and-require",
	  "{\"receive\":{\"security_level\":\"encrypt\",\"client_certificate\":\"require\","
	  "\"trusted_ca_file\":\"/ca\"}}",
	  { 3, 7 },
	  LEVELS("encrypt", "yes", "yes") "smtpd_tls_CAfile=/ca\n" SEND("may") },
	{ "chain-files-empty-the-older-parameters",
	  "{\"receive\":{\"certificate\":{\"chain_files\":[\"/a\",\"/b\"]}}}",
	  { 3, 7 },
	  LEVELS("may", "no", "no") "smtpd_tls_chain_files=/a, /b\nsmtpd_tls_cert_file=\n"
				    "smtpd_tls_key_file=\nsmtpd_tls_dcert_file=\n"
				    "smtpd_tls_dkey_file=\nsmtpd_tls_eccert_file=\n"
				    "smtpd_tls_eckey_file=\n" SEND("may") },
	{ "rules-bring-the-policy-first-in-both-lists",
	  "{\"receive\":{\"rules\":[{\"name\":\"a\"}]}}",
	  { 3, 7 },
	  LEVELS("may", "no", "no") POLICY(DEFER) SEND("may") },
	{ "on-policy-failure-accept",
	  "{\"receive\":{\"on_policy_failure\":\"accept\",\"rules\":[{\"name\":\"a\"}]}}",
	  { 3, 7 },
	  LEVELS("may", "no", "no") POLICY("DUNNO") SEND("may") },
	{ "rows-bring-the-table",
	  "{\"send\":{\"trusted_ca_file\":\"/ca\",\"domains\":[{\"destination\":\"a.example\","
	  "\"security_level\":\"may\"}]}}",
	  { 3, 7 },
	  LEVELS("may", "no", "no") SEND("may") "smtp_tls_policy_maps=" TABLE
						"\nsmtp_tls_CAfile=/ca\n" },
	{ "dane-in-a-row-needs-dnssec",
	  "{\"send\":{\"domains\":[{\"destination\":\"a.example\",\"security_level\":\"dane\"}]}}",
	  { 3, 7 },
	  LEVELS("may", "no", "no") SEND("may") "smtp_tls_policy_maps=" TABLE ", " SPELLINGS
						"\nsmtp_dns_support_level=dnssec\n" },
	{ "spellings-between-the-rows-and-the-fallback",
	  "{\"send\":{\"domains\":[{\"destination\":\"a.example\",\"security_level\":\"encrypt\"}],"
	  "\"fallback_policy_maps\":[\"hash:/h\"]}}",
	  { 3, 7 },
	  LEVELS("may", "no", "no") SEND("may") "smtp_tls_policy_maps=" TABLE ", " SPELLINGS
						", hash:/h\n" },
	{ "no-spellings-where-all-mail-is-as-strict",
	  "{\"send\":{\"security_level\":\"encrypt\",\"domains\":[{\"destination\":\"a.example\","
	  "\"security_level\":\"encrypt\"}]}}",
	  { 3, 7 },
	  LEVELS("may", "no", "no") SEND("encrypt") "smtp_tls_policy_maps=" TABLE "\n" },
	{ "before-3.10-no-sender-can-choose",
	  "{\"send\":{\"security_level\":\"encrypt\"}}",
	  { 3, 9 },
	  LEVELS("may", "no", "no") SEND("encrypt") },
	{ "from-3.10-on-the-sender-may-not-choose",
	  "{\"send\":{\"security_level\":\"encrypt\"}}",
	  { 3, 10 },
	  LEVELS("may", "no", "no") SEND("encrypt") "tls_required_enable=no\n" },
	{ "at-may-the-sender-may-choose", "{}", { 3, 11 }, LEVELS("may", "no", "no") SEND("may") },
};

static Settings *
load(const char *document)
{
	g_autoptr(Findings) findings = findings_new();
	Settings *settings = settings_load(document, strlen(document), NULL, findings);

	g_assert_nonnull(settings);
	g_assert_cmpuint(findings_count(findings, SEVERITY_ERROR), ==, 0);
	return settings;
}

static void
test_render(const void *data)
{
	const RenderRow *row = data;
	g_autoptr(Settings) settings = load(row->document);
	const MainCfInput input = { settings, row->version, 7, TABLE, SPELLINGS };
	g_autoptr(GString) rendered = g_string_new(NULL);

	for (size_t i = 0; i < maincf_n_parameters(); i++) {
		g_autofree char *value = maincf_parameter(i)->render(&input);
		if (value != NULL)
			g_string_append_printf(rendered, "%s=%s\n", maincf_parameter(i)->name,
					       value);
	}
	g_assert_cmpstr(rendered->str, ==, row->parameters);
}

typedef struct {
	const char *name;
	const char *list;
	const char *rest;
} TokenRow;

static const TokenRow token_rows[] = {
	{ "not-set", NULL, NULL },
	{ "empty", "", "" },
	{ "token-alone", "$tlsgate_policy", "" },
	{ "token-first", "$tlsgate_policy, permit_mynetworks, reject",
	  "permit_mynetworks, reject" },
	{ "without-token", "permit_mynetworks,reject", "permit_mynetworks,reject" },
	{ "token-elsewhere", "permit_mynetworks $tlsgate_policy reject",
	  "permit_mynetworks reject" },
	{ "token-in-braces", "${tlsgate_policy} reject", "reject" },
	{ "longer-name-is-not-ours", "$tlsgate_policy2, reject", "$tlsgate_policy2, reject" },
	{ "braces-stay-whole",
	  "$tlsgate_policy, check_policy_service { unix:a, timeout=3s }, reject",
	  "check_policy_service { unix:a, timeout=3s }, reject" },
	{ "token-inside-braces-is-not-ours", "x { $tlsgate_policy }", "x { $tlsgate_policy }" },
};

static void
test_token(const void *data)
{
	const TokenRow *row = data;
	g_autofree char *rest = maincf_dup_without_token(row->list);

	g_assert_cmpstr(rest, ==, row->rest);
}

typedef struct {
	const char *name;
	const char *value;
	guint64 generation;
} NamedRow;

static const NamedRow named_rows[] = {
	{ "table", "cdb:/c/tlsgate/gen/12/tls_policy", 12 },
	{ "table-of-another-directory", "cdb:/d/tlsgate/gen/12/tls_policy", 0 },
	{ "policy", "check_policy_service { unix:p, policy_context=3, { default_action = x } }",
	  3 },
	{ "policy-last", "check_policy_service { unix:p, policy_context=3 }", 3 },
	{ "policy-last-without-blank", "check_policy_service {unix:p, policy_context=3}", 3 },
	{ "no-number", "cdb:/c/tlsgate/gen/x/tls_policy", 0 },
	{ "cut-number", "cdb:/c/tlsgate/gen/12", 0 },
	{ "other-context", "check_policy_service { unix:p, policy_context=abc }", 0 },
	{ "not-set", NULL, 0 },
};

static void
test_named(const void *data)
{
	const NamedRow *row = data;

	g_assert_cmpuint(maincf_named_generation(row->value, DIRECTORY), ==, row->generation);
}

typedef struct {
	const char *name;
	const char *parameter;
	const char *old_value;
	const char *new_value;
	ChangeDirection direction;
} DirectionRow;

static const DirectionRow direction_rows[] = {
	{ "may-to-encrypt", "smtpd_tls_security_level", "may", "encrypt", CHANGE_STRICTER },
	{ "encrypt-to-may", "smtpd_tls_security_level", "encrypt", "may", CHANGE_WEAKER },
	{ "unset-to-none-when-receiving", "smtpd_tls_security_level", NULL, "none", CHANGE_EQUAL },
	{ "unset-to-none-when-sending", "smtp_tls_security_level", NULL, "none", CHANGE_WEAKER },
	{ "unset-to-may-when-sending", "smtp_tls_security_level", NULL, "may", CHANGE_EQUAL },
	{ "dane-to-encrypt", "smtp_tls_security_level", "dane", "encrypt", CHANGE_WEAKER },
	{ "dane-only-to-verify", "smtp_tls_security_level", "dane-only", "verify", CHANGE_WEAKER },
	{ "dane-to-dane-only", "smtp_tls_security_level", "dane", "dane-only", CHANGE_STRICTER },
	{ "may-to-dane", "smtp_tls_security_level", "may", "dane", CHANGE_STRICTER },
	{ "none-to-may", "smtp_tls_security_level", "none", "may", CHANGE_STRICTER },
	{ "from-an-unknown-level", "smtp_tls_security_level", "$x", "encrypt", CHANGE_WEAKER },
	{ "to-an-unknown-level", "smtpd_tls_security_level", "may", "$x", CHANGE_WEAKER },
	{ "from-an-unknown-receiving-level", "smtpd_tls_security_level", "$x", "may",
	  CHANGE_WEAKER },
	{ "switch-in-capitals", "smtpd_tls_req_ccert", "YES", "no", CHANGE_WEAKER },
	{ "other-tables", "smtp_tls_policy_maps", "hash:/a", "cdb:/b", CHANGE_WEAKER },
	{ "spellings-come", "smtp_tls_policy_maps", "cdb:/g/1/tls_policy",
	  "cdb:/g/1/tls_policy, regexp:/g/1/tls_spellings", CHANGE_EQUAL },
	{ "spellings-come-before-others", "smtp_tls_policy_maps",
	  "cdb:/g/1/tls_policy, hash:/a, hash:/b",
	  "cdb:/g/1/tls_policy, regexp:/g/1/tls_spellings, hash:/a, hash:/b", CHANGE_EQUAL },
	{ "spellings-come-and-others-go", "smtp_tls_policy_maps", "cdb:/g/1/tls_policy, hash:/a",
	  "cdb:/g/1/tls_policy, regexp:/g/1/tls_spellings", CHANGE_WEAKER },
	{ "spellings-go", "smtp_tls_policy_maps", "cdb:/g/1/tls_policy, regexp:/g/1/tls_spellings",
	  "cdb:/g/1/tls_policy", CHANGE_WEAKER },
	{ "first-table", "smtp_tls_policy_maps", NULL, "cdb:/b", CHANGE_EQUAL },
	{ "floor-raised", "smtp_tls_mandatory_protocols", ">=TLSv1", ">=TLSv1.2", CHANGE_STRICTER },
	{ "floor-lowered", "smtp_tls_mandatory_protocols", "!SSLv2, !SSLv3, !TLSv1", ">=TLSv1",
	  CHANGE_WEAKER },
	{ "floor-unknown", "smtpd_tls_mandatory_protocols", "TLSv1.2", ">=TLSv1.3", CHANGE_WEAKER },
	{ "encrypt-to-dane", "smtp_tls_security_level", "encrypt", "dane", CHANGE_WEAKER },
	{ "level-words-in-any-case", "smtp_tls_security_level", "Secure", "may", CHANGE_WEAKER },
	{ "dnssec-to-disabled", "smtp_dns_support_level", "dnssec", "disabled", CHANGE_WEAKER },
	{ "verify-to-secure", "smtp_tls_security_level", "verify", "secure", CHANGE_STRICTER },
	{ "ask", "smtpd_tls_ask_ccert", NULL, "yes", CHANGE_STRICTER },
	{ "ask-no-more", "smtpd_tls_ask_ccert", "yes", "no", CHANGE_WEAKER },
	{ "other-anchors", "smtpd_tls_CAfile", "/a", "/b", CHANGE_WEAKER },
	{ "first-anchors", "smtpd_tls_CAfile", NULL, "/b", CHANGE_EQUAL },
	{ "token-gone", "smtpd_data_restrictions", "$tlsgate_policy", NULL, CHANGE_WEAKER },
	{ "policy-new", "tlsgate_policy", NULL, "x { default_action = 451 y }", CHANGE_STRICTER },
	{ "policy-fails-open-now", "tlsgate_policy",
	  "policy_context=451, { default_action = 451 y }",
	  "policy_context=451, { default_action = DUNNO }", CHANGE_WEAKER },
	{ "sender-may-not-choose-any-more", "tls_required_enable", NULL, "no", CHANGE_STRICTER },
};

static void
test_direction(const void *data)
{
	const DirectionRow *row = data;
	const MainCfParameter *parameter = maincf_find(row->parameter);

	g_assert_nonnull(parameter);
	g_assert_cmpint(parameter->compare(row->old_value, row->new_value), ==, row->direction);
}

typedef struct {
	const char *name;
	const char *text;
	int major, minor; /* 0: refused */
} VersionRow;

static const VersionRow version_rows[] = {
	{ "release", "3.7.11", 3, 7 },
	{ "short", "3.10", 3, 10 },
	{ "snapshot", "3.12-20260821", 3, 12 },
	{ "no-minor", "3", 0, 0 },
	{ "no-minor-digits", "3.", 0, 0 },
	{ "words", "three.seven", 0, 0 },
	{ "tail", "3.7x", 0, 0 },
	{ "huge", "3.99999", 0, 0 },
	{ "empty", "", 0, 0 },
};

static void
test_version(const void *data)
{
	const VersionRow *row = data;
	PostfixVersion version;
	gboolean is_accepted = version_parse(row->text, &version);

	g_assert_cmpint(is_accepted, ==, row->major != 0);
	if (is_accepted) {
		g_assert_cmpint(version.major, ==, row->major);
		g_assert_cmpint(version.minor, ==, row->minor);
	}
}

typedef struct {
	const char *name;
	const char *row; /* the members of one row of send.domains */
	PostfixVersion version;
	const char *table;
} TableRow;

#define IDN_ROW "\"destination\":\"[b\u00fccher.example]:25\",\"security_level\":\"may\""
#define PIN "AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA"
#define PIN2 "BB:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA"

static const TableRow table_rows[] = {
	{ "lower-case",
	  "\"destination\":\"A.Example\",\"security_level\":\"secure\"",
	  { 3, 7 },
	  "a.example\tsecure\n" },
	{ "below-a-domain",
	  "\"destination\":\".a.example\",\"security_level\":\"dane-only\"",
	  { 3, 7 },
	  ".a.example\tdane-only\n" },
	{ "next-hop-stays-as-spelled",
	  "\"destination\":\"[Mx.A.Example]:587\",\"security_level\":\"encrypt\"",
	  { 3, 7 },
	  "[mx.a.example]:587\tencrypt\n" },
	{ "both-forms-of-a-name",
	  IDN_ROW,
	  { 3, 7 },
	  "[xn--bcher-kva.example]:25\tmay\n[b\303\274cher.example]:25\tmay\n" },
	{ "match",
	  "\"destination\":\"a.example\",\"security_level\":\"secure\",\"match\":[\"nexthop\","
	  "\".Mx.example\"]",
	  { 3, 7 },
	  "a.example\tsecure match=nexthop:.mx.example\n" },
	{ "fingerprints",
	  "\"destination\":\"a.example\",\"security_level\":\"fingerprint\",\"fingerprints\":"
	  "[\"" PIN "\",\"" PIN2 "\"]",
	  { 3, 7 },
	  "a.example\tfingerprint match=" PIN "|" PIN2 "\n" },
	{ "floor-from-3.6-on",
	  "\"destination\":\"a.example\",\"security_level\":\"encrypt\",\"min_protocol\":"
	  "\"TLSv1.3\"",
	  { 3, 6 },
	  "a.example\tencrypt protocols=>=TLSv1.3\n" },
	{ "floor-before-3.6",
	  "\"destination\":\"a.example\",\"security_level\":\"encrypt\",\"min_protocol\":"
	  "\"TLSv1.2\"",
	  { 3, 5 },
	  "a.example\tencrypt protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1\n" },
	{ "all-else",
	  "\"destination\":\"a.example\",\"security_level\":\"verify\",\"ciphers\":\"high\","
	  "\"exclude\":[\"aNULL\",\"kRSA+SHA1\"],\"server_name\":\"Mx.a.example\","
	  "\"trust_anchor_files\":[\"/a\",\"/b\"],\"connection_reuse\":false",
	  { 3, 7 },
	  "a.example\tverify ciphers=high exclude=aNULL:kRSA+SHA1 servername=mx.a.example tafile=/a "
	  "tafile=/b connection_reuse=no\n" },
};

static void
test_table(const void *data)
{
	const TableRow *row = data;
	g_autofree char *document = g_strdup_printf("{\"send\":{\"domains\":[{%s}]}}", row->row);
	g_autoptr(Settings) settings = load(document);
	GString *table = policymap_render(settings, row->version);

	g_assert_cmpstr(table->str, ==, row->table);
	g_string_free(table, TRUE);
}

static void
test_service(void)
{
	g_autoptr(Settings) settings = load("{\"receive\":{\"rules\":[{\"name\":\"a\"}]}}");
	g_autofree char *service = maincf_dup_service(settings, DIRECTORY);

	g_assert_cmpstr(service, ==,
			"tlsgate unix - n n - 0 spawn user=tlsgate "
			"argv=/usr/libexec/tlsgate/policyd --generations /c/tlsgate/gen");
}

static void
test_no_service(void)
{
	g_autoptr(Settings) without_rules = load("{}");
	g_autoptr(Settings) socket = load(
		"{\"receive\":{\"rules\":[{\"name\":\"a\"}]},\"postfix\":{\"policyd\":\"socket\"}}");

	g_assert_null(maincf_dup_service(without_rules, DIRECTORY));
	g_assert_null(maincf_dup_service(socket, DIRECTORY));
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ROWS_ADD("render", render_rows, test_render);
	ROWS_ADD("token", token_rows, test_token);
	ROWS_ADD("named-generation", named_rows, test_named);
	ROWS_ADD("direction", direction_rows, test_direction);
	ROWS_ADD("version", version_rows, test_version);
	ROWS_ADD("policymap", table_rows, test_table);
	g_test_add_func("/service/none-without-rules-or-with-a-socket", test_no_service);
	g_test_add_func("/service/line-names-no-generation", test_service);
	return g_test_run();
}
