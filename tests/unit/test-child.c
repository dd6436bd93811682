/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that run at the same time: what each printed, and what becomes of one that does not end.
 */
#include "child.h"

#include <string.h>

static void
test_all(void)
{
	const char *const names_config[] = { "sh", "-c",
					     "echo $MAIL_CONFIG; echo wrong >&2; exit 3", NULL };
	const char *const is_killed[] = { "sh", "-c", "echo begun; exec sleep 600", NULL };
	const char *const is_missing[] = { "/nonexistent/program", NULL };
	ChildJob jobs[] = { { .argv = names_config },
			    { .argv = is_killed },
			    { .argv = is_missing } };

	child_run_all(jobs, G_N_ELEMENTS(jobs), "/etc/elsewhere", 1);
	g_assert_cmpstr(jobs[0].result.output, ==, "/etc/elsewhere\n");
	g_assert_cmpstr(jobs[0].result.errors, ==, "wrong\n");
	g_assert_cmpint(jobs[0].result.status, ==, 3);
	g_assert_cmpstr(jobs[1].result.output, ==, "begun\n");
	g_assert_cmpint(jobs[1].result.status, ==, 128 + 9);
	g_assert_cmpint(jobs[2].result.status, ==, -1);
	g_assert_cmpstr(jobs[2].result.errors, !=, "");
	for (size_t i = 0; i < G_N_ELEMENTS(jobs); i++)
		child_result_clear(&jobs[i].result);
}

/* Each waits for the other: one after the other neither would end. */
static void
test_at_the_same_time(void)
{
	g_autofree char *folder = g_dir_make_tmp("tlsgate-child-XXXXXX", NULL);
	g_autofree char *pipe = g_build_filename(folder, "pipe", NULL);
	const char *const make[] = { "mkfifo", pipe, NULL };
	const char *const reads[] = { "cat", pipe, NULL };
	const char *const writes[] = { "sh", "-c", "echo met > $0", pipe, NULL };
	const char *const clean[] = { "rm", "-r", folder, NULL };
	ChildJob before = { .argv = make }, after = { .argv = clean };
	ChildJob jobs[] = { { .argv = reads }, { .argv = writes } };

	child_run_all(&before, 1, "/", 60);
	child_run_all(jobs, G_N_ELEMENTS(jobs), "/", 60);
	child_run_all(&after, 1, "/", 60);
	g_assert_cmpstr(jobs[0].result.output, ==, "met\n");
	g_assert_cmpint(jobs[1].result.status, ==, 0);
	child_result_clear(&before.result);
	child_result_clear(&after.result);
	for (size_t i = 0; i < G_N_ELEMENTS(jobs); i++)
		child_result_clear(&jobs[i].result);
}

/* It is not waited for until the deadline. */
static void
test_says_too_much(void)
{
	const char *const argv[] = { "yes", NULL };
	ChildJob job = { .argv = argv };

	child_run_all(&job, 1, "/", 86400);
	g_assert_cmpuint(strlen(job.result.output), ==, CHILD_MAX_OUTPUT);
	g_assert_cmpint(job.result.status, ==, 128 + 9);
	child_result_clear(&job.result);
}

static void *
run_one(G_GNUC_UNUSED void *data)
{
	const char *const argv[] = { "echo", "said", NULL };
	ChildJob job = { .argv = argv };

	child_run_all(&job, 1, "/", 60);
	g_assert_cmpstr(job.result.output, ==, "said\n");
	child_result_clear(&job.result);
	return NULL;
}

static void
test_in_threads(void)
{
	GThread *threads[8];

	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		threads[i] = g_thread_new("child", run_one, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		g_thread_join(threads[i]);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/child/all", test_all);
	g_test_add_func("/child/at-the-same-time", test_at_the_same_time);
	g_test_add_func("/child/says-too-much", test_says_too_much);
	g_test_add_func("/child/in-threads", test_in_threads);
	return g_test_run();
}
