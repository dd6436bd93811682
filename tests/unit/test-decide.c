/* SPDX-License-Identifier: Apache-2.0 */
/* test-decide: which mail passes which rules. */
#include "decide.h"

#include "rows.h"

#include <glib.h>
#include <string.h>

/* ---- rules ---- */

typedef struct {
	const char *name;
	const char *domains; /* separated by blanks; NULL is all mail */
	CertificateDemand certificate;
	Violation violation;
} Rule;

#define ANY CERTIFICATE_ANY
#define TRUSTED CERTIFICATE_TRUSTED
#define REJECT VIOLATION_REJECT
#define DEFER VIOLATION_DEFER
#define REPORT VIOLATION_REPORT

static const Rule one_tls[] = { { "bank", "bank.test .bank.test", ANY, REJECT }, { 0 } };
static const Rule one_trusted[] = { { "bank", "bank.test .bank.test", TRUSTED, REJECT }, { 0 } };
static const Rule all_mail[] = { { "all", NULL, ANY, DEFER }, { 0 } };
static const Rule none[] = { { 0 } };
static const Rule bounces[] = { { "bounces", "<>", ANY, REJECT }, { 0 } };
static const Rule parents[] = {
	{ "exact", "bank.test", ANY, REJECT },
	{ "below", ".bank.test", ANY, REJECT },
	{ "top", ".test", ANY, REJECT },
	{ 0 },
};
static const Rule mixed[] = {
	{ "reports", "bank.test", TRUSTED, REPORT }, { "defers", "bank.test", TRUSTED, DEFER },
	{ "rejects", "bank.test", TRUSTED, REJECT }, { "rejects-too", NULL, TRUSTED, REJECT },
	{ "tls", "bank.test", ANY, REJECT },         { 0 },
};
static const Rule backwards[] = {
	{ "all", NULL, TRUSTED, REJECT },
	{ "parent", ".test", TRUSTED, REJECT },
	{ "exact", "bank.test", TRUSTED, REJECT },
	{ 0 },
};
static const Rule reports[] = { { "reports", "bank.test", ANY, REPORT }, { 0 } };
static const Rule two_readings[] = { { "both", "a.test c.test .test", ANY, REJECT },
				     { "second", "c.test", ANY, REJECT },
				     { 0 } };
static const Rule origin[] = { { "ours", "origin.test", ANY, REJECT }, { 0 } };

static const AddressRewriting rewriting = { "origin.test", "my.test", TRUE, FALSE, TRUE, TRUE };

static RuleDb *
build(const Rule *rules)
{
	g_autoptr(RuleDbBuilder) builder = ruledb_builder_new(&rewriting);
	g_autoptr(GError) error = NULL;
	const char *reason;
	Network network;

	g_assert_true(network_parse("127.0.0.0/8", &network, &reason));
	ruledb_builder_add_exempt_network(builder, &network);
	g_assert_true(network_parse("::1/128", &network, &reason));
	ruledb_builder_add_exempt_network(builder, &network);
	for (; rules->name != NULL; rules++) {
		const RuleDbRule rule = { .name = rules->name,
					  .certificate = rules->certificate,
					  .violation = rules->violation };
		const uint32_t number = ruledb_builder_add_rule(builder, &rule);
		g_auto(GStrv) domains =
			g_strsplit(rules->domains != NULL ? rules->domains : "", " ", -1);

		if (rules->domains == NULL)
			ruledb_builder_index_all_mail(builder, number);
		for (char **domain = domains; *domain != NULL; domain++)
			ruledb_builder_index_domain(builder, number, RULEDB_BY_SENDER, *domain);
	}
	g_autoptr(GBytes) bytes = ruledb_builder_finish(builder, 7);
	RuleDb *db = ruledb_open_bytes(bytes, &error);
	g_assert_no_error(error);
	return db;
}

/* ---- clients ---- */

typedef enum {
	CLEAR,
	TLS,
	UNTRUSTED,
	BARE_KEY,
	BY_BOTH,
	BY_SUBJECT,
	BY_ISSUER,
	CLEAR_WITH_NAMES,
	N_CLIENTS
} Client;

/* protocol, subject, issuer, fingerprint of the certificate, of the key */
static const char *const clients[N_CLIENTS][5] = {
	[CLEAR] = { "", "", "", "", "" },
	[TLS] = { "TLSv1.3", "", "", "", "" },
	[UNTRUSTED] = { "TLSv1.3", "", "", "AA:BB", "CC:DD" },
	[BARE_KEY] = { "TLSv1.3", "", "", "", "CC:DD" },
	[BY_BOTH] = { "TLSv1.2", "mx.bank.test", "CA", "AA:BB", "CC:DD" },
	[BY_SUBJECT] = { "TLSv1.3", "mx.bank.test", "", "AA:BB", "CC:DD" },
	[BY_ISSUER] = { "TLSv1.3", "", "CA", "AA:BB", "CC:DD" },
	/* Never seen; TLS is decided by the protocol alone. */
	[CLEAR_WITH_NAMES] = { "", "mx.bank.test", "CA", "AA:BB", "CC:DD" },
};

#define STRANGER "192.0.2.1"
#define SENDER "user@bank.test"
#define RCPT REQUEST_STATE_RCPT
#define DATA REQUEST_STATE_DATA
#define OTHER REQUEST_STATE_OTHER

typedef struct {
	const char *name;
	const Rule *rules;
	RequestState state;
	const char *address;
	const char *sender;
	Client client;
	/* "pass", or violation, breach, the rule that is named, and all that failed. */
	const char *decision;
} Row;

static const Row rows[] = {
	/* A rule that demands TLS. */
	{ "clear-breaks-a-tls-rule", one_tls, RCPT, STRANGER, SENDER, CLEAR,
	  "reject no-tls bank [bank]" },
	{ "tls-meets-a-tls-rule", one_tls, RCPT, STRANGER, SENDER, TLS, "pass" },
	{ "untrusted-meets-a-tls-rule", one_tls, RCPT, STRANGER, SENDER, UNTRUSTED, "pass" },
	{ "data-is-decided-like-rcpt", one_tls, DATA, STRANGER, SENDER, CLEAR,
	  "reject no-tls bank [bank]" },
	{ "other-states-pass", one_tls, OTHER, STRANGER, SENDER, CLEAR, "pass" },
	{ "names-without-tls-are-no-tls", one_tls, RCPT, STRANGER, SENDER, CLEAR_WITH_NAMES,
	  "reject no-tls bank [bank]" },

	/* A rule that demands a trusted certificate. */
	{ "clear-breaks-a-trusted-rule", one_trusted, RCPT, STRANGER, SENDER, CLEAR,
	  "reject no-tls bank [bank]" },
	{ "names-without-tls-break-a-trusted-rule", one_trusted, RCPT, STRANGER, SENDER,
	  CLEAR_WITH_NAMES, "reject no-tls bank [bank]" },
	{ "no-certificate-breaks-a-trusted-rule", one_trusted, RCPT, STRANGER, SENDER, TLS,
	  "reject no-certificate bank [bank]" },
	{ "untrusted-breaks-a-trusted-rule", one_trusted, RCPT, STRANGER, SENDER, UNTRUSTED,
	  "reject untrusted bank [bank]" },
	{ "bare-key-breaks-a-trusted-rule", one_trusted, RCPT, STRANGER, SENDER, BARE_KEY,
	  "reject untrusted bank [bank]" },
	{ "subject-and-issuer-are-trusted", one_trusted, RCPT, STRANGER, SENDER, BY_BOTH, "pass" },
	{ "subject-alone-is-trusted", one_trusted, RCPT, STRANGER, SENDER, BY_SUBJECT, "pass" },
	{ "issuer-alone-is-trusted", one_trusted, RCPT, STRANGER, SENDER, BY_ISSUER, "pass" },
	{ "data-demands-the-certificate-too", one_trusted, DATA, STRANGER, SENDER, TLS,
	  "reject no-certificate bank [bank]" },

	/* Which mail a rule is about. */
	{ "other-domain-passes", one_tls, RCPT, STRANGER, "user@other.test", CLEAR, "pass" },
	{ "suffix-of-a-name-passes", one_tls, RCPT, STRANGER, "user@xbank.test", CLEAR, "pass" },
	{ "subdomain-is-meant", one_tls, RCPT, STRANGER, "user@a.b.bank.test", CLEAR,
	  "reject no-tls bank [bank]" },
	{ "case-does-not-matter", one_tls, RCPT, STRANGER, "user@BANK.Test", CLEAR,
	  "reject no-tls bank [bank]" },
	{ "name-alone-is-not-below-itself", parents, RCPT, STRANGER, SENDER, CLEAR,
	  "reject no-tls exact [exact,top]" },
	{ "name-below-is-not-the-name", parents, RCPT, STRANGER, "user@mx.bank.test", CLEAR,
	  "reject no-tls below [below,top]" },
	{ "rule-without-selector-is-about-all", all_mail, RCPT, STRANGER, "x@y.example", CLEAR,
	  "defer no-tls all [all]" },
	{ "rule-without-selector-is-about-bounces", all_mail, RCPT, STRANGER, "", CLEAR,
	  "defer no-tls all [all]" },
	{ "no-rules-pass", none, RCPT, STRANGER, SENDER, CLEAR, "pass" },
	{ "null-sender-has-no-domain", one_tls, RCPT, STRANGER, "", CLEAR, "pass" },
	{ "null-sender-can-be-named", bounces, RCPT, STRANGER, "", CLEAR,
	  "reject no-tls bounces [bounces]" },
	{ "lone-at-is-the-null-sender", bounces, RCPT, STRANGER, "@", CLEAR,
	  "reject no-tls bounces [bounces]" },
	{ "null-sender-rule-is-about-nothing-else", bounces, RCPT, STRANGER, SENDER, CLEAR,
	  "pass" },

	/* Forms of an address that Postfix makes user@bank.test. */
	{ "trailing-dot-is-no-way-round", one_tls, RCPT, STRANGER, "user@bank.test.", CLEAR,
	  "reject no-tls bank [bank]" },
	{ "percent-is-no-way-round", one_tls, RCPT, STRANGER, "user%bank.test", CLEAR,
	  "reject no-tls bank [bank]" },
	{ "bang-is-no-way-round", one_tls, RCPT, STRANGER, "bank.test!user", CLEAR,
	  "reject no-tls bank [bank]" },
	{ "blank-is-no-way-round", one_tls, RCPT, STRANGER, "user@bank .test", CLEAR,
	  "reject no-tls bank [bank]" },
	{ "quotes-are-no-way-round", one_tls, RCPT, STRANGER, "user@\"bank.test\"", CLEAR,
	  "reject no-tls bank [bank]" },
	{ "null-domain-is-no-way-round", one_tls, RCPT, STRANGER, "user@bank.test@", CLEAR,
	  "reject no-tls bank [bank]" },
	{ "full-width-is-no-way-round", one_tls, RCPT, STRANGER,
	  "user@\xef\xbd\x82"
	  "ank.test",
	  CLEAR, "reject no-tls bank [bank]" },
	{ "bare-name-is-at-myorigin", origin, RCPT, STRANGER, "postmaster", CLEAR,
	  "reject no-tls ours [ours]" },
	{ "each-reading-is-tested-and-counts-once", two_readings, RCPT, STRANGER, "a.test!b%c.test",
	  CLEAR, "reject no-tls both [both,second]" },

	/* Several rules. */
	{ "strictest-violation-wins", mixed, RCPT, STRANGER, SENDER, TLS,
	  "reject no-certificate rejects [reports,defers,rejects,rejects-too]" },
	{ "each-rule-that-applies-must-be-met", mixed, RCPT, STRANGER, SENDER, CLEAR,
	  "reject no-tls rejects [reports,defers,rejects,rejects-too,tls]" },
	{ "met-rules-do-not-weigh", mixed, RCPT, STRANGER, SENDER, BY_ISSUER, "pass" },
	{ "first-in-the-document-is-named", backwards, RCPT, STRANGER, SENDER, TLS,
	  "reject no-certificate all [all,parent,exact]" },
	{ "report-alone-reports", reports, RCPT, STRANGER, SENDER, CLEAR,
	  "report no-tls reports [reports]" },

	/* Exempt clients. */
	{ "exempt-client-passes", one_trusted, RCPT, "127.0.0.1", SENDER, CLEAR, "pass" },
	{ "exempt-client-passes-at-data", one_trusted, DATA, "127.0.0.1", SENDER, CLEAR, "pass" },
	{ "exempt-client-passes-rules-about-all", all_mail, RCPT, "127.9.9.9", SENDER, CLEAR,
	  "pass" },
	{ "exempt-ipv6-client-passes", one_tls, RCPT, "::1", SENDER, CLEAR, "pass" },
	{ "mapped-exempt-client-passes", one_tls, RCPT, "::ffff:127.0.0.1", SENDER, CLEAR, "pass" },
	{ "client-beside-exempt-network", one_tls, RCPT, "128.0.0.1", SENDER, CLEAR,
	  "reject no-tls bank [bank]" },
	{ "unknown-client-is-never-exempt", one_tls, RCPT, "unknown", SENDER, CLEAR,
	  "reject no-tls bank [bank]" },
	{ "empty-client-is-never-exempt", one_tls, RCPT, "", SENDER, CLEAR,
	  "reject no-tls bank [bank]" },
	{ "client-with-junk-is-never-exempt", one_tls, RCPT, "127.0.0.1 ", SENDER, CLEAR,
	  "reject no-tls bank [bank]" },
};

/* ---- deciding ---- */

static const char *const breach_words[] = {
	[BREACH_NO_TLS] = "no-tls",
	[BREACH_NO_CERTIFICATE] = "no-certificate",
	[BREACH_UNTRUSTED] = "untrusted",
};

static char *
dup_text(const Decision *decision)
{
	g_autoptr(GString) text = g_string_new(NULL);

	if (decision->is_passed)
		return g_strdup("pass");
	g_string_printf(text, "%s %s %s [",
			names_word(&names_violation, decision->answer.violation),
			breach_words[decision->answer.breach], decision->answer.name);
	for (size_t i = 0; i < decision->n_failures; i++)
		g_string_append_printf(text, "%s%s", i > 0 ? "," : "", decision->failures[i].name);
	g_string_append(text, decision->has_more ? ",...]" : "]");
	return g_strdup(text->str);
}

static Request
build_request(RequestState state, const char *address, const char *sender, Client client)
{
	Request request = { .state = state };

	for (size_t i = 0; i < N_REQUEST_ATTRIBUTES; i++)
		request.value[i] = "";
	request.value[REQUEST_CLIENT_ADDRESS] = address;
	request.value[REQUEST_SENDER] = sender;
	request.value[REQUEST_ENCRYPTION_PROTOCOL] = clients[client][0];
	request.value[REQUEST_CCERT_SUBJECT] = clients[client][1];
	request.value[REQUEST_CCERT_ISSUER] = clients[client][2];
	request.value[REQUEST_CCERT_FINGERPRINT] = clients[client][3];
	request.value[REQUEST_CCERT_PUBKEY_FINGERPRINT] = clients[client][4];
	return request;
}

static char *
dup_decision(RuleDb *db, const Request *request)
{
	g_autoptr(GError) error = NULL;
	Decision decision;

	/* Nothing may be left over from the request before. */
	memset(&decision, 0xa5, sizeof decision);
	g_assert_true(decide_request(db, request, &decision, &error));
	g_assert_no_error(error);
	return dup_text(&decision);
}

static void
test_row(const void *data)
{
	const Row *row = data;
	g_autoptr(RuleDb) db = build(row->rules);
	const Request request = build_request(row->state, row->address, row->sender, row->client);
	g_autofree char *decision = dup_decision(db, &request);

	g_assert_cmpstr(decision, ==, row->decision);
}

/* ---- more failures than the log names ---- */

static void
test_many_failures(void)
{
	Rule rules[2 * DECISION_MAX_FAILURES + 1] = { { 0 } };
	char names[2 * DECISION_MAX_FAILURES][8];
	g_autoptr(GString) expected = g_string_new("reject no-tls r17 [");

	/* The rules about all mail, which stand last, are visited first. */
	for (size_t i = 0; i < 2 * DECISION_MAX_FAILURES; i++) {
		g_snprintf(names[i], sizeof names[i], "r%u", (unsigned)i);
		rules[i] = (Rule){ names[i], i < DECISION_MAX_FAILURES ? "bank.test" : NULL, ANY,
				   i == 17 ? REJECT : DEFER };
		if (i < DECISION_MAX_FAILURES)
			g_string_append_printf(expected, "%s%s", i > 0 ? "," : "", names[i]);
	}
	g_string_append(expected, ",...]");
	g_autoptr(RuleDb) db = build(rules);
	const Request request = build_request(RCPT, STRANGER, SENDER, CLEAR);
	g_autofree char *decision = dup_decision(db, &request);
	g_assert_cmpstr(decision, ==, expected->str);
}

/* The rule that is left out is visited last. */
static void
test_one_failure_too_many(void)
{
	Rule rules[DECISION_MAX_FAILURES + 2] = { { 0 } };
	char names[DECISION_MAX_FAILURES + 1][8];

	for (size_t i = 0; i <= DECISION_MAX_FAILURES; i++) {
		g_snprintf(names[i], sizeof names[i], "r%u", (unsigned)i);
		rules[i] = (Rule){ names[i], "bank.test", ANY, REJECT };
	}
	g_autoptr(RuleDb) db = build(rules);
	const Request request = build_request(RCPT, STRANGER, SENDER, CLEAR);
	g_autofree char *decision = dup_decision(db, &request);
	g_assert_nonnull(strstr(decision, ",r15,...]"));
}

static void
test_as_many_failures_as_fit(void)
{
	Rule rules[DECISION_MAX_FAILURES + 1] = { { 0 } };
	char names[DECISION_MAX_FAILURES][8];

	for (size_t i = 0; i < DECISION_MAX_FAILURES; i++) {
		g_snprintf(names[i], sizeof names[i], "r%u", (unsigned)i);
		/* Each is found three times. */
		rules[i] = (Rule){ names[i], "a.test c.test .test", ANY, REJECT };
	}
	g_autoptr(RuleDb) db = build(rules);
	const Request request = build_request(RCPT, STRANGER, "a.test!b%c.test", CLEAR);
	g_autofree char *decision = dup_decision(db, &request);
	g_assert_nonnull(strstr(decision, ",r15]"));
}

/* ---- trouble ---- */

static void
test_impossible_sender(void)
{
	g_autoptr(RuleDb) db = build(one_tls);
	g_autoptr(GError) error = NULL;
	g_autofree char *label = g_strnfill(ADDRESS_MAX_DOMAIN + 1, 'x');
	g_autofree char *sender = g_strconcat("user@", label, NULL);
	const Request request = build_request(RCPT, STRANGER, sender, TLS);
	Decision decision;

	g_assert_false(decide_request(db, &request, &decision, &error));
	g_assert_error(error, DECIDE_ERROR, DECIDE_ERROR_ADDRESS);
}

/* Where a byte of the file is changed the decision is the same or there is none. */
static void
test_damage(void)
{
	g_autoptr(RuleDbBuilder) builder = ruledb_builder_new(&rewriting);
	const RuleDbRule rule = { .name = "bank", .certificate = TRUSTED, .violation = REJECT };
	const uint32_t number = ruledb_builder_add_rule(builder, &rule);
	unsigned n_same = 0, n_none = 0;

	ruledb_builder_index_domain(builder, number, RULEDB_BY_SENDER, "bank.test");
	ruledb_builder_index_all_mail(builder, number);
	g_autoptr(GBytes) bytes = ruledb_builder_finish(builder, 7);
	const Request request = build_request(RCPT, STRANGER, SENDER, TLS);
	for (size_t i = 0; i < g_bytes_get_size(bytes); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree uint8_t *copy = g_malloc(g_bytes_get_size(bytes));
		memcpy(copy, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
		copy[i] ^= 1;
		g_autoptr(GBytes) damaged = g_bytes_new(copy, g_bytes_get_size(bytes));
		g_autoptr(RuleDb) db = ruledb_open_bytes(damaged, &error);
		Decision decision;

		if (db == NULL || !decide_request(db, &request, &decision, &error)) {
			g_assert_nonnull(error);
			n_none++;
			continue;
		}
		g_autofree char *text = dup_text(&decision);
		g_assert_cmpstr(text, ==, "reject no-certificate bank [bank]");
		n_same++;
	}
	g_assert_cmpuint(n_none, >, n_same);
}

/* ---- requests as Postfix 3.7.11 sent them ---- */

static const struct {
	const char *file;
	const char *decisions; /* of the requests in it, by the rule below */
} captures[] = {
	{ "plaintext.txt", "reject no-tls x [x]" },
	{ "tls-no-certificate.txt", "reject no-certificate x [x]" },
	{ "tls-self-signed.txt", "reject untrusted x [x]" },
	{ "tls-trusted.txt", "pass" },
	{ "tls-trusted-issuer-only.txt", "pass" },
	{ "tls-trusted-subject-only.txt", "pass" },
	/* Trusted for Postfix, whose protocol can't say it: refused. */
	{ "tls-trusted-nameless.txt", "reject untrusted x [x]" },
	{ "tls-trusted-utf8.txt", "pass" },
	{ "tls-resumed.txt", "pass" },
	{ "all-states-tls.txt", "pass pass pass pass pass pass pass pass" },
	{ "all-states-plaintext.txt",
	  "reject no-tls x [x] reject no-tls x [x] reject no-tls x [x] reject no-tls x [x] "
	  "reject no-tls x [x] reject no-tls x [x] pass" },
};

/* A rule that demands a trusted certificate from the senders in the captured requests; nobody is
 * exempt. */
static RuleDb *
build_for_captures(void)
{
	g_autoptr(RuleDbBuilder) builder = ruledb_builder_new(&rewriting);
	const RuleDbRule rule = { .name = "x", .certificate = TRUSTED, .violation = REJECT };

	ruledb_builder_index_domain(builder, ruledb_builder_add_rule(builder, &rule),
				    RULEDB_BY_SENDER, "x.test");
	g_autoptr(GBytes) bytes = ruledb_builder_finish(builder, 7);
	return ruledb_open_bytes(bytes, NULL);
}

static void
test_capture(const void *data)
{
	const size_t i = GPOINTER_TO_SIZE(data);
	g_autofree char *path =
		g_test_build_filename(G_TEST_DIST, "data", "requests", captures[i].file, NULL);
	g_autoptr(RuleDb) db = build_for_captures();
	g_autoptr(RequestParser) parser = request_parser_new();
	g_autoptr(GString) found = g_string_new(NULL);
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	size_t length, size;
	Request request;
	const char *trouble;

	g_file_get_contents(path, &text, &length, &error);
	g_assert_no_error(error);
	char *room = request_parser_room(parser, &size);
	g_assert_cmpuint(length, <=, size);
	memcpy(room, text, length);
	request_parser_feed(parser, length);
	while (request_parser_next(parser, &request, &trouble) == REQUEST_READY) {
		g_autofree char *decision = dup_decision(db, &request);

		g_string_append_printf(found, "%s%s", found->len > 0 ? " " : "", decision);
	}
	g_assert_cmpstr(found->str, ==, captures[i].decisions);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ROWS_ADD("decide", rows, test_row);
	g_test_add_func("/decide/more-failures-than-the-log-names", test_many_failures);
	g_test_add_func("/decide/one-failure-more-than-the-log-names", test_one_failure_too_many);
	g_test_add_func("/decide/as-many-failures-as-the-log-names", test_as_many_failures_as_fit);
	g_test_add_func("/decide/impossible-sender-is-trouble", test_impossible_sender);
	g_test_add_func("/decide/damage-never-lets-mail-pass", test_damage);
	for (size_t i = 0; i < G_N_ELEMENTS(captures); i++) {
		g_autofree char *path = g_strdup_printf("/decide/real/%s", captures[i].file);

		g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_capture);
	}
	return g_test_run();
}
