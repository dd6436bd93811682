/* SPDX-License-Identifier: Apache-2.0 */
/* What two documents say differently, and whether that is stricter or weaker. */
#include "diff.h"
#include "rows.h"

#include <string.h>

typedef struct {
	const char *name;
	const char *old_document; /* NULL: none */
	const char *new_document;
	const char *changes; /* "NAME OLD>NEW DIRECTION", one a line; NULL: one that is stricter */
} Row;

#define ROWS(rows) "{\"send\":{\"domains\":[" rows "]}}"
#define ENCRYPT_ROWS(rows) "{\"send\":{\"security_level\":\"encrypt\",\"domains\":[" rows "]}}"
#define DOMAIN(name, level) "{\"destination\":\"" name "\",\"security_level\":\"" level "\"}"
#define RULES(rules) "{\"receive\":{\"client_certificate\":\"request\",\"rules\":[" rules "]}}"
#define ROW(name, rest) "{\"destination\":\"" name "\"," rest "}"
#define PIN(digits) "\"" digits ":00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00\""
#define RULE(rest) \
	"{\"receive\":{\"client_certificate\":\"request\",\"rules\":[{\"name\":\"r\"" rest "}]}}"
#define REQUIRE(rest) RULE(",\"require\":{" rest "}")
#define FROM(name, domains) "{\"name\":\"" name "\",\"sender_domains\":[" domains "]}"

static const Row rows[] = {
	{ "same", ROWS(DOMAIN("a.example", "may")), ROWS(DOMAIN("a.example", "may")), "" },
	{ "order-means-nothing", ROWS(DOMAIN("a.example", "may") "," DOMAIN("b.example", "dane")),
	  ROWS(DOMAIN("b.example", "dane") "," DOMAIN("a.example", "may")), "" },
	{ "new-row", NULL, ROWS(DOMAIN("a.example", "secure")), "a.example ->secure stricter\n" },
	{ "new-row-like-the-global-level", ENCRYPT_ROWS(),
	  ENCRYPT_ROWS(DOMAIN("a.example", "encrypt")), "a.example ->encrypt equal\n" },
	{ "new-row-weaker-than-its-parent", ROWS(DOMAIN(".a.example", "secure")),
	  ROWS(DOMAIN(".a.example", "secure") "," DOMAIN("b.a.example", "encrypt")),
	  "b.a.example ->encrypt weaker\n" },
	{ "row-gone", ROWS(DOMAIN("a.example", "secure")), ROWS(), "a.example secure>- weaker\n" },
	{ "weak-row-gone", ENCRYPT_ROWS(DOMAIN("a.example", "none")), ENCRYPT_ROWS(),
	  "a.example none>- stricter\n" },
	{ "row-changed", ROWS(DOMAIN("a.example", "secure")), ROWS(DOMAIN("a.example", "dane")),
	  "a.example secure>dane weaker\n" },
	{ "levels-that-cannot-be-compared-are-weaker", ROWS(DOMAIN("a.example", "fingerprint")),
	  ROWS(DOMAIN("a.example", "verify")), "a.example fingerprint>verify weaker\n" },
	{ "commas-in-subjects-are-not-separators", REQUIRE("\"subjects\":[\"a, b\"]"),
	  REQUIRE("\"subjects\":[\"a\",\"b\"]"),
	  "r all mail needs TLS and a trusted client certificate for one of \"a, b\", else reject>all "
	  "mail needs TLS and a trusted client certificate for one of \"a\", \"b\", else reject "
	  "weaker\n" },
	{ "match-added-is-weaker", ROWS(DOMAIN("a.example", "secure")),
	  ROWS(ROW("a.example", "\"security_level\":\"secure\",\"match\":[\"b.example\"]")),
	  "a.example secure>secure match=b.example weaker\n" },
	{ "pin-removed-from-several-is-stricter",
	  ROWS(ROW("a.example", "\"security_level\":\"fingerprint\",\"fingerprints\":[" PIN(
					"AA") "," PIN("BB") "]")),
	  ROWS(ROW("a.example",
		   "\"security_level\":\"fingerprint\",\"fingerprints\":[" PIN("BB") "]")),
	  NULL },
	{ "floor-raised-is-stricter",
	  ROWS(ROW("a.example", "\"security_level\":\"encrypt\",\"min_protocol\":\"TLSv1.2\"")),
	  ROWS(ROW("a.example", "\"security_level\":\"encrypt\",\"min_protocol\":\"TLSv1.3\"")),
	  "a.example encrypt protocols=>=TLSv1.2>encrypt protocols=>=TLSv1.3 stricter\n" },
	{ "level-raised-without-the-floor-is-weaker",
	  ROWS(ROW("a.example", "\"security_level\":\"encrypt\",\"min_protocol\":\"TLSv1.2\"")),
	  ROWS(DOMAIN("a.example", "secure")),
	  "a.example encrypt protocols=>=TLSv1.2>secure weaker\n" },
	{ "exclusion-gone-is-weaker",
	  ROWS(ROW("a.example", "\"security_level\":\"encrypt\",\"exclude\":[\"RC4\",\"MD5\"]")),
	  ROWS(ROW("a.example", "\"security_level\":\"encrypt\",\"exclude\":[\"RC4\"]")),
	  "a.example encrypt exclude=RC4:MD5>encrypt exclude=RC4 weaker\n" },
	{ "server-name-changed-is-equal",
	  ROWS(ROW("a.example", "\"security_level\":\"encrypt\",\"server_name\":\"b.example\"")),
	  ROWS(DOMAIN("a.example", "encrypt")),
	  "a.example encrypt servername=b.example>encrypt equal\n" },
	{ "selector-added-is-weaker", RULE(""), RULE(",\"recipient_domains\":[\"a.example\"]"),
	  "r all mail needs TLS, else reject>mail to a.example needs TLS, else reject weaker\n" },
	{ "demand-added-is-stricter", REQUIRE(""), REQUIRE("\"subjects\":[\"mx\"]"),
	  "r all mail needs TLS, else reject>all mail needs TLS and a trusted client certificate "
	  "for one of \"mx\", else reject stricter\n" },
	{ "another-subject-is-weaker", REQUIRE("\"subjects\":[\"mx\"]"),
	  REQUIRE("\"subjects\":[\"mx\",\"my\"]"),
	  "r all mail needs TLS and a trusted client certificate for one of \"mx\", else reject>all mail "
	  "needs TLS and a trusted client certificate for one of \"mx\", \"my\", else reject weaker\n" },
	{ "lower-cipher-bits-are-weaker", REQUIRE("\"min_cipher_bits\":256"),
	  REQUIRE("\"min_cipher_bits\":128"),
	  "r all mail needs TLS, at least 256 bits, else reject>all mail needs TLS, at least 128 "
	  "bits, else reject weaker\n" },
	{ "new-rule", NULL, RULES(FROM("r", "\"a.example\"")),
	  "r ->mail from a.example needs TLS, else reject stricter\n" },
	{ "new-rule-that-only-reports", NULL, RULES("{\"name\":\"r\",\"violation\":\"report\"}"),
	  "r ->all mail needs TLS, else report equal\n" },
	{ "rule-gone", RULES(FROM("r", "\"a.example\"")), RULES(),
	  "r mail from a.example needs TLS, else reject>- weaker\n" },
	{ "rule-about-more", RULES(FROM("r", "\"a.example\"")),
	  RULES(FROM("r", "\"a.example\",\"b.example\"")),
	  "r mail from a.example needs TLS, else reject>mail from a.example, b.example needs TLS, else reject stricter\n" },
	{ "rule-about-less", RULES("{\"name\":\"r\"}"), RULES(FROM("r", "\"a.example\"")),
	  "r all mail needs TLS, else reject>mail from a.example needs TLS, else reject weaker\n" },
	{ "rule-about-other-mail", RULES(FROM("r", "\"a.example\"")),
	  RULES(FROM("r", "\"b.example\"")),
	  "r mail from a.example needs TLS, else reject>mail from b.example needs TLS, else reject weaker\n" },
	{ "certificate-demanded-too", RULES("{\"name\":\"r\"}"),
	  RULES("{\"name\":\"r\",\"require\":{\"certificate\":\"trusted\"}}"),
	  "r all mail needs TLS, else reject>all mail needs TLS and a trusted client certificate, else reject stricter\n" },
	{ "stricter-in-one-weaker-in-another", RULES("{\"name\":\"r\"}"),
	  RULES("{\"name\":\"r\",\"require\":{\"certificate\":\"trusted\"},\"violation\":\"defer\"}"),
	  "r all mail needs TLS, else reject>all mail needs TLS and a trusted client certificate, else defer weaker\n" },
	{ "note-is-no-change", RULES("{\"name\":\"r\",\"note\":\"a\"}"),
	  RULES("{\"name\":\"r\",\"note\":\"b\",\"review_by\":\"2027-01-01\"}"), "" },
	{ "more-exempt", "{\"receive\":{\"exempt_networks\":[],\"rules\":[{\"name\":\"r\"}]}}",
	  "{\"receive\":{\"rules\":[{\"name\":\"r\"}]}}",
	  "exempt_networks >127.0.0.0/8, ::1/128 weaker\n" },
	{ "fewer-exempt", "{\"receive\":{\"rules\":[{\"name\":\"r\"}]}}",
	  "{\"receive\":{\"exempt_networks\":[\"::1\"],\"rules\":[{\"name\":\"r\"}]}}",
	  "exempt_networks 127.0.0.0/8, ::1/128>::1 weaker\n" },
	{ "none-exempt", "{\"receive\":{\"rules\":[{\"name\":\"r\"}]}}",
	  "{\"receive\":{\"exempt_networks\":[],\"rules\":[{\"name\":\"r\"}]}}",
	  "exempt_networks 127.0.0.0/8, ::1/128> stricter\n" },
};

static Settings *
load(const char *document)
{
	g_autoptr(Findings) findings = findings_new();

	if (document == NULL)
		return NULL;
	Settings *settings = settings_load(document, strlen(document), NULL, findings);
	g_assert_nonnull(settings);
	g_assert_cmpuint(findings_count(findings, SEVERITY_ERROR), ==, 0);
	return settings;
}

/* What main.cf says where a row does not. */
typedef struct {
	const char *name;
	const char *protocols;
	const char *ciphers;
	const char *exclude;
	const char *old_row; /* NULL: none */
	const char *new_row;
	const char *direction;
} Behind;

#define ENCRYPT(rest) ROW("a.example", "\"security_level\":\"encrypt\"" rest)
#define SECURE(rest) ROW("a.example", "\"security_level\":\"secure\"" rest)
#define EXCLUDE(names) ",\"exclude\":[" names "]"
#define CIPHERS(grade) ",\"ciphers\":\"" grade "\""
#define FLOOR(protocol) ",\"min_protocol\":\"" protocol "\""

static const Behind behind[] = {
	{ "exclusions-replaced", NULL, NULL, "MD5", ENCRYPT(""), ENCRYPT(EXCLUDE("\"RC4\"")),
	  "weaker" },
	{ "exclusions-kept-and-more", NULL, NULL, "MD5,RC4", ENCRYPT(""),
	  ENCRYPT(EXCLUDE("\"RC4\",\"MD5\",\"3DES\"")), "stricter" },
	{ "exclusions-as-in-main-cf", NULL, NULL, "MD5 RC4", ENCRYPT(""),
	  ENCRYPT(EXCLUDE("\"RC4\",\"MD5\"")), "equal" },
	{ "exclusions-gone-for-those-of-main-cf", NULL, NULL, "RC4:MD5",
	  ENCRYPT(EXCLUDE("\"RC4\"")), ENCRYPT(""), "stricter" },
	{ "exclusions-gone-for-others", NULL, NULL, "MD5", ENCRYPT(EXCLUDE("\"RC4\"")), ENCRYPT(""),
	  "weaker" },
	{ "anonymous-ciphers-at-encrypt", NULL, NULL, "aNULL", ENCRYPT(""),
	  ENCRYPT(EXCLUDE("\"RC4\"")), "weaker" },
	{ "anonymous-ciphers-above-it", NULL, NULL, "aNULL, eNULL", SECURE(""),
	  SECURE(EXCLUDE("\"RC4\"")), "stricter" },
	{ "first-row-above-may", NULL, NULL, "MD5", NULL, ENCRYPT(EXCLUDE("\"RC4\"")), "stricter" },
	{ "grade-lower-than-in-main-cf", NULL, "high", NULL, ENCRYPT(""),
	  ENCRYPT(CIPHERS("medium")), "weaker" },
	{ "grade-as-in-main-cf", NULL, NULL, NULL, ENCRYPT(""), ENCRYPT(CIPHERS("medium")),
	  "equal" },
	{ "grade-higher-than-in-main-cf", NULL, "export", NULL, ENCRYPT(""),
	  ENCRYPT(CIPHERS("medium")), "stricter" },
	{ "grade-gone-for-a-higher-one", NULL, "HIGH", NULL, ENCRYPT(CIPHERS("medium")),
	  ENCRYPT(""), "stricter" },
	{ "floor-lower-than-in-main-cf", ">=TLSv1.3", NULL, NULL, ENCRYPT(""),
	  ENCRYPT(FLOOR("TLSv1.2")), "weaker" },
	{ "floor-higher-than-in-main-cf", ">=TLSv1.1", NULL, NULL, ENCRYPT(""),
	  ENCRYPT(FLOOR("TLSv1.2")), "stricter" },
	{ "floor-beside-one-that-cannot-be-read", "TLSv1.1, !TLSv1.2", NULL, NULL, ENCRYPT(""),
	  ENCRYPT(FLOOR("TLSv1.3")), "weaker" },
	{ "floor-gone-for-one-that-cannot-be-read", "TLSv1.3 what", NULL, NULL,
	  ENCRYPT(FLOOR("TLSv1.2")), ENCRYPT(""), "weaker" },
};

static void
append_changes(GString *text, const Settings *before, const Settings *after, Mandatory mandatory)
{
	g_autoptr(GArray) changes = change_list_new();
	const DiffContext context = { before,
				      before != NULL ? before->send.security_level.code
						     : SECURITY_MAY,
				      VERSION_NEWEST, mandatory };

	diff_rows(&context, after, changes);
	diff_rules(before, after, changes);
	for (size_t i = 0; i < changes->len; i++) {
		const Change *change = &g_array_index(changes, Change, i);
		g_string_append_printf(text, "%s %s>%s %s\n", change->name,
				       change->old_value != NULL ? change->old_value : "-",
				       change->new_value != NULL ? change->new_value : "-",
				       change_direction_word(change->direction));
	}
}

static void
test_row(const void *data)
{
	const Row *row = data;
	g_autoptr(Settings) before = load(row->old_document);
	g_autoptr(Settings) after = load(row->new_document);
	g_autoptr(GString) text = g_string_new(NULL);
	const Mandatory nothing = { .floor = TLS_PROTOCOL_1_0, .grade = CIPHER_GRADE_MEDIUM };

	append_changes(text, before, after, nothing);
	if (row->changes != NULL)
		g_assert_cmpstr(text->str, ==, row->changes);
	else /* too long to be written out */
		g_assert_true(g_str_has_suffix(text->str, " stricter\n"));
}

static void
set_value(GHashTable *values, const char *name, const char *value)
{
	if (value != NULL)
		g_hash_table_insert(values, (char *)name, (char *)value);
}

static void
test_behind(const void *data)
{
	const Behind *row = data;
	g_autofree char *old_document =
		g_strdup_printf(ROWS("%s"), row->old_row != NULL ? row->old_row : "");
	g_autofree char *new_document = g_strdup_printf(ROWS("%s"), row->new_row);
	g_autoptr(Settings) before = load(old_document);
	g_autoptr(Settings) after = load(new_document);
	g_autoptr(GHashTable) values = g_hash_table_new(g_str_hash, g_str_equal);
	g_autoptr(GString) text = g_string_new(NULL);
	g_autofree char *direction = g_strdup_printf(" %s\n", row->direction);

	set_value(values, "smtp_tls_mandatory_protocols", row->protocols);
	set_value(values, "smtp_tls_mandatory_ciphers", row->ciphers);
	set_value(values, "smtp_tls_mandatory_exclude_ciphers", row->exclude);
	g_auto(Mandatory) mandatory = mandatory_read(values);
	append_changes(text, before, after, mandatory);
	g_test_message("%s", text->str);
	g_assert_true(g_str_has_suffix(text->str, direction));
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ROWS_ADD("diff", rows, test_row);
	ROWS_ADD("behind", behind, test_behind);
	return g_test_run();
}
