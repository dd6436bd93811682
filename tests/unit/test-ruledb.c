/* SPDX-License-Identifier: Apache-2.0 */
/* test-ruledb: what the rules file answers, however it is read. */
#include "ruledb.h"

#include "rows.h"
#include "ruledb-small.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define SOMEBODY_ELSE 65534 /* nobody */

static void
assert_answer(RuleDb *db, const Question *question)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *answer = dup_answer(db, question, &error);

	g_assert_no_error(error);
	g_assert_cmpstr(answer, ==, question->answer);
}

static void
test_question(const void *data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) bytes = build_small(GENERATION);
	g_autoptr(RuleDb) db = ruledb_open_bytes(bytes, &error);

	g_assert_no_error(error);
	assert_answer(db, data);
}

/* ---- files ---- */

static char *
write_file(const void *data, size_t size)
{
	g_autoptr(GError) error = NULL;
	char *path = NULL;
	const int fd = g_file_open_tmp("tlsgate-ruledb-XXXXXX", &path, &error);

	g_assert_no_error(error);
	g_assert_cmpint(write(fd, data, size), ==, size);
	close(fd);
	return path;
}

static char *
write_bytes(GBytes *bytes)
{
	size_t size;
	const void *data = g_bytes_get_data(bytes, &size);

	return write_file(data, size);
}

typedef RuleDb *(*Open)(const char *path, GError **error);

static void
check_file(Open open_file)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) bytes = build_small(GENERATION);
	g_autofree char *path = write_bytes(bytes);
	g_autoptr(RuleDb) db = open_file(path, &error);

	g_unlink(path);
	g_assert_no_error(error);
	g_assert_cmpuint(ruledb_generation(db), ==, GENERATION);
	g_assert_cmpuint(ruledb_n_rules(db), ==, 8);
	for (size_t i = 0; i < G_N_ELEMENTS(questions); i++)
		assert_answer(db, &questions[i]);
	g_assert_true(ruledb_verify(db, &error));
	g_assert_no_error(error);
}

static void
test_mapped(void)
{
	check_file(ruledb_open);
}

static void
test_unmapped(void)
{
	check_file(ruledb_open_unmapped);
}

/* Reading goes on in a file that has been cut: damage, not "no rule". */
static void
test_cut_while_open(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) bytes = build_small(GENERATION);

	for (size_t size = 0; size < g_bytes_get_size(bytes); size++) {
		g_autofree char *path = write_bytes(bytes);
		g_autoptr(RuleDb) db = ruledb_open_unmapped(path, &error);

		g_assert_no_error(error);
		g_assert_cmpint(truncate(path, (off_t)size), ==, 0);
		g_unlink(path);
		for (size_t i = 0; i < G_N_ELEMENTS(questions); i++) {
			g_autoptr(GError) damage = NULL;
			g_autofree char *answer = dup_answer(db, &questions[i], &damage);

			if (answer == NULL)
				g_assert_error(damage, RULEDB_ERROR, RULEDB_ERROR_DAMAGED);
			else
				g_assert_cmpstr(answer, ==, questions[i].answer);
		}
		g_assert_false(ruledb_verify(db, NULL));
	}
}

static void
assert_refused(const char *path, RuleDbError code)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GError) error_unmapped = NULL;

	g_assert_null(ruledb_open(path, &error));
	g_assert_error(error, RULEDB_ERROR, (int)code);
	g_assert_nonnull(strstr(error->message, path));
	g_assert_null(ruledb_open_unmapped(path, &error_unmapped));
	g_assert_error(error_unmapped, RULEDB_ERROR, (int)code);
}

static void
test_empty_file(void)
{
	g_autofree char *path = write_file("", 0);

	assert_refused(path, RULEDB_ERROR_DAMAGED);
	g_unlink(path);
}

static void
test_absent_file(void)
{
	assert_refused("/nonexistent/rules.db", RULEDB_ERROR_ABSENT);
	assert_refused("/dev/null/rules.db", RULEDB_ERROR_ABSENT);
}

static void
test_no_regular_file(void)
{
	assert_refused("/", RULEDB_ERROR_IO);
	assert_refused("/dev/null", RULEDB_ERROR_IO);
}

static void
test_unreadable_file(void)
{
	g_autoptr(GBytes) bytes = build_small(GENERATION);
	g_autofree char *path = write_bytes(bytes);

	/* Root may read everything: as root, be somebody else for a moment. */
	const uid_t self = geteuid();

	g_assert_cmpint(chmod(path, 0), ==, 0);
	if (self == 0)
		g_assert_cmpint(seteuid(SOMEBODY_ELSE), ==, 0);
	assert_refused(path, RULEDB_ERROR_PERMISSION);
	g_assert_cmpint(seteuid(self), ==, 0);
	g_unlink(path);
}

/* ---- building ---- */

static void
test_deterministic(void)
{
	g_autoptr(GBytes) one = build_small(GENERATION);
	g_autoptr(GBytes) two = build_small(GENERATION);

	g_assert_true(g_bytes_equal(one, two));
}

static void
test_no_rules(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(RuleDbBuilder) builder = ruledb_builder_new(&rewriting);
	g_autoptr(GBytes) bytes = ruledb_builder_finish(builder, UINT64_MAX);
	g_autoptr(RuleDb) db = ruledb_open_bytes(bytes, &error);
	const Question question = { "", ASK_SENDER, "bank.test", "" };

	g_assert_no_error(error);
	g_assert_cmpuint(ruledb_generation(db), ==, UINT64_MAX);
	g_assert_cmpuint(ruledb_n_rules(db), ==, 0);
	assert_answer(db, &question);
	g_assert_true(ruledb_verify(db, &error));
}

static void
test_rewriting(void)
{
	for (unsigned flags = 0; flags < 16; flags++) {
		const AddressRewriting given = { flags & 1 ? "o.test" : NULL,
						 flags & 2 ? "m.test" : "",
						 (flags & 1) != 0,
						 (flags & 2) != 0,
						 (flags & 4) != 0,
						 (flags & 8) != 0 };
		g_autoptr(RuleDbBuilder) builder = ruledb_builder_new(&given);
		g_autoptr(GBytes) bytes = ruledb_builder_finish(builder, 1);
		g_autoptr(RuleDb) db = ruledb_open_bytes(bytes, NULL);
		const AddressRewriting *found = ruledb_rewriting(db);

		g_assert_cmpstr(found->myorigin, ==, flags & 1 ? "o.test" : "");
		g_assert_cmpstr(found->mydomain, ==, flags & 2 ? "m.test" : "");
		g_assert_cmpint(found->append_at_myorigin, ==, given.append_at_myorigin);
		g_assert_cmpint(found->append_dot_mydomain, ==, given.append_dot_mydomain);
		g_assert_cmpint(found->allow_percent_hack, ==, given.allow_percent_hack);
		g_assert_cmpint(found->swap_bangpath, ==, given.swap_bangpath);
	}
}

static void
test_rule_names(void)
{
	g_autofree char *longest = g_strnfill(RULEDB_MAX_NAME, 'x');
	g_autofree char *longer = g_strnfill(RULEDB_MAX_NAME + 1, 'x');

	g_assert_true(ruledb_is_rule_name("a-z.0_9"));
	g_assert_true(ruledb_is_rule_name(longest));
	g_assert_false(ruledb_is_rule_name(longer));
	g_assert_false(ruledb_is_rule_name(""));
	g_assert_false(ruledb_is_rule_name("Bank"));
	g_assert_false(ruledb_is_rule_name("a b"));
	g_assert_false(ruledb_is_rule_name("a:b"));
	g_assert_false(ruledb_is_rule_name("b\xc3\xa4nk"));
}

/* ---- many ---- */

#define MANY 100000

static void
test_many(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(RuleDbBuilder) builder = ruledb_builder_new(&rewriting);

	for (unsigned i = 0; i < MANY; i++) {
		g_autofree char *name = g_strdup_printf("rule-%u", i);
		g_autofree char *domain = g_strdup_printf("d%u.test", i);
		const uint32_t number =
			add_rule(builder, name, CERTIFICATE_TRUSTED, VIOLATION_REJECT);

		ruledb_builder_index_domain(builder, number, RULEDB_BY_SENDER, domain);
	}
	g_autoptr(GBytes) bytes = ruledb_builder_finish(builder, GENERATION);
	g_autoptr(RuleDb) db = ruledb_open_bytes(bytes, &error);
	g_assert_no_error(error);
	for (unsigned i = 0; i < MANY; i++) {
		g_autofree char *domain = g_strdup_printf("d%u.test", i);
		g_autofree char *absent = g_strdup_printf("e%u.test", i);
		g_autofree char *answer = g_strdup_printf("rule-%u/trusted/reject", i);
		const Question present = { "", ASK_SENDER, domain, answer };
		const Question missing = { "", ASK_SENDER, absent, "" };

		assert_answer(db, &present);
		assert_answer(db, &missing);
	}
	g_assert_true(ruledb_verify(db, &error));
}

static void
test_many_on_one_key(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(RuleDbBuilder) builder = ruledb_builder_new(&rewriting);
	g_autoptr(GString) answer = g_string_new(NULL);

	for (unsigned i = 0; i < RULEDB_MAX_RULES_PER_KEY; i++) {
		g_autofree char *name = g_strdup_printf("rule-%u", i);
		const RuleDbRule rule = { .name = name, .violation = VIOLATION_DEFER };
		const uint32_t number = ruledb_builder_add_rule(builder, &rule);

		ruledb_builder_index_domain(builder, number, RULEDB_BY_SENDER, "bank.test");
		ruledb_builder_index_domain(builder, number, RULEDB_BY_SENDER, "bank.test");
		append_rule(number, &rule, answer);
	}
	g_autoptr(GBytes) bytes = ruledb_builder_finish(builder, GENERATION);
	g_autofree char *path = write_bytes(bytes);
	g_autoptr(RuleDb) db = ruledb_open_unmapped(path, &error);
	const Question question = { "", ASK_SENDER, "bank.test", answer->str };
	g_unlink(path);
	g_assert_no_error(error);
	assert_answer(db, &question);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ROWS_ADD("ruledb", questions, test_question);
	g_test_add_func("/ruledb/mapped-file-answers", test_mapped);
	g_test_add_func("/ruledb/unmapped-file-answers-the-same", test_unmapped);
	g_test_add_func("/ruledb/file-cut-while-open-is-damage", test_cut_while_open);
	g_test_add_func("/ruledb/empty-file-is-damage", test_empty_file);
	g_test_add_func("/ruledb/absent-file-is-absent", test_absent_file);
	g_test_add_func("/ruledb/what-is-no-regular-file-is-refused", test_no_regular_file);
	g_test_add_func("/ruledb/unreadable-file-is-a-matter-of-permission", test_unreadable_file);
	g_test_add_func("/ruledb/same-input-gives-same-bytes", test_deterministic);
	g_test_add_func("/ruledb/no-rules-are-whole", test_no_rules);
	g_test_add_func("/ruledb/rewriting-parameters-come-back", test_rewriting);
	g_test_add_func("/ruledb/rule-names", test_rule_names);
	g_test_add_func("/ruledb/100000-rules-are-found", test_many);
	g_test_add_func("/ruledb/1024-rules-on-one-key-are-found", test_many_on_one_key);
	return g_test_run();
}
