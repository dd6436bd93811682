/* SPDX-License-Identifier: Apache-2.0 */
/* child: runs commands to their end and keeps what they printed.
 *
 * Nothing goes through a shell: arguments reach the command as they are. */
#include "child.h"

#include <gio/gio.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

void
child_result_clear(ChildResult *result)
{
	g_clear_pointer(&result->output, g_free);
	g_clear_pointer(&result->errors, g_free);
}

static char *
dup_bytes(GBytes *bytes)
{
	gsize size = 0;
	const char *data = bytes != NULL ? g_bytes_get_data(bytes, &size) : NULL;

	return g_strndup(data != NULL ? data : "", size);
}

static void
set_environment(GSubprocessLauncher *launcher)
{
	g_subprocess_launcher_setenv(launcher, "LC_ALL", "C", TRUE);
	/* Else postconf(1) adds new lines to main.cf in another order each time
	 * (src/util/hash_fnv.c, 3.7). */
	g_subprocess_launcher_setenv(launcher, "NORANDOMIZE", "1", TRUE);
}

static void
take_result(GSubprocess *child, GBytes *output, GBytes *errors, ChildResult *result)
{
	result->output = dup_bytes(output);
	result->errors = dup_bytes(errors);
	result->status = g_subprocess_get_if_exited(child) ? g_subprocess_get_exit_status(child)
							   : 128 + g_subprocess_get_term_sig(child);
}

static gboolean
run(GSubprocessLauncher *launcher, const char *const *argv, const char *input, ChildResult *result,
    GError **error)
{
	g_autoptr(GBytes) fed = input != NULL ? g_bytes_new_static(input, strlen(input)) : NULL;
	g_autoptr(GBytes) output = NULL;
	g_autoptr(GBytes) errors = NULL;

	set_environment(launcher);
	g_autoptr(GSubprocess) child = g_subprocess_launcher_spawnv(launcher, argv, error);
	if (child == NULL || !g_subprocess_communicate(child, fed, NULL, &output, &errors, error)) {
		g_prefix_error(error, "%s: ", argv[0]);
		return FALSE;
	}
	take_result(child, output, errors, result);
	return TRUE;
}

static GSubprocessFlags
flags_for(const char *input)
{
	/* Without input GSubprocess gives the child /dev/null. */
	return G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE |
	       (input != NULL ? G_SUBPROCESS_FLAGS_STDIN_PIPE : 0);
}

gboolean
child_run(const char *const *argv, const char *input, ChildResult *result, GError **error)
{
	g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(flags_for(input));

	return run(launcher, argv, input, result, error);
}

typedef struct {
	uid_t uid;
	gid_t gid;
} Identity;

/* Between fork and exec: only calls that are safe there. A child that could not give up root must
 * not go on. */
static void
become(void *data)
{
	const Identity *identity = data;

	if (setgroups(1, &identity->gid) != 0 || setgid(identity->gid) != 0 ||
	    setuid(identity->uid) != 0)
		_exit(126);
}

gboolean
child_run_as(const char *user, const char *const *argv, ChildResult *result, GError **error)
{
	g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(flags_for(NULL));

	errno = 0;
	const struct passwd *entry = getpwnam(user);
	if (entry == NULL) {
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "there is no user \"%s\"%s%s",
			    user, errno != 0 ? ": " : "", errno != 0 ? g_strerror(errno) : "");
		return FALSE;
	}
	Identity identity = { entry->pw_uid, entry->pw_gid };
	g_subprocess_launcher_set_child_setup(launcher, become, &identity, NULL);
	return run(launcher, argv, NULL, result, error);
}

/* Several at the same time. */

typedef struct {
	ChildResult *result;
	size_t *n_left;
	GSubprocess *child;
	gsize n_ended; /* of its two outputs and itself */
	char *texts[2];
	gsize sizes[2];
} Running;

static void
fail(ChildResult *result, const GError *failure)
{
	*result = (ChildResult){ g_strdup(""), g_strdup(failure->message), -1 };
}

static void
count_end(Running *running)
{
	if (++running->n_ended < 3)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(running->texts); i++) {
		running->texts[i][running->sizes[i]] = '\0';
		running->texts[i] = g_realloc(running->texts[i], running->sizes[i] + 1);
	}
	running->result->output = running->texts[0];
	running->result->errors = running->texts[1];
	running->result->status = g_subprocess_get_if_exited(running->child)
					  ? g_subprocess_get_exit_status(running->child)
					  : 128 + g_subprocess_get_term_sig(running->child);
	(*running->n_left)--;
	g_object_unref(running->child);
	g_free(running);
}

/* One that says more than is taken would wait for ever to be read. */
static void
take_output(GObject *stream, GAsyncResult *end, void *data)
{
	Running *running = data;
	gboolean is_output = stream == G_OBJECT(g_subprocess_get_stdout_pipe(running->child));
	gsize *size = &running->sizes[is_output ? 0 : 1];

	if (!g_input_stream_read_all_finish(G_INPUT_STREAM(stream), end, size, NULL) ||
	    *size == CHILD_MAX_OUTPUT)
		g_subprocess_force_exit(running->child);
	count_end(running);
}

static void
take_end(GObject *child, GAsyncResult *end, void *data)
{
	(void)g_subprocess_wait_finish(G_SUBPROCESS(child), end, NULL);
	count_end(data);
}

static void
start(ChildJob *job, GSubprocessLauncher *launcher, GPtrArray *children, size_t *n_left)
{
	g_autoptr(GError) failure = NULL;
	GSubprocess *child = g_subprocess_launcher_spawnv(launcher, job->argv, &failure);

	if (child == NULL) {
		fail(&job->result, failure);
		return;
	}
	Running *running = g_new0(Running, 1);
	GInputStream *streams[] = { g_subprocess_get_stdout_pipe(child),
				    g_subprocess_get_stderr_pipe(child) };
	running->result = &job->result;
	running->n_left = n_left;
	running->child = child;
	(*n_left)++;
	g_ptr_array_add(children, g_object_ref(child));
	for (size_t i = 0; i < G_N_ELEMENTS(streams); i++) {
		running->texts[i] = g_malloc(CHILD_MAX_OUTPUT + 1);
		g_input_stream_read_all_async(streams[i], running->texts[i], CHILD_MAX_OUTPUT,
					      G_PRIORITY_DEFAULT, NULL, take_output, running);
	}
	g_subprocess_wait_async(child, NULL, take_end, running);
}

/* Those that have ended already are left alone. */
static gboolean
kill_all(void *data)
{
	const GPtrArray *children = data;

	for (guint i = 0; i < children->len; i++)
		g_subprocess_force_exit(children->pdata[i]);
	return G_SOURCE_REMOVE;
}

void
child_run_all(ChildJob *jobs, size_t n, const char *config_directory, guint seconds)
{
	/* Of its own: the caller may be one of several threads. */
	g_autoptr(GMainContext) context = g_main_context_new();
	g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(flags_for(NULL));
	g_autoptr(GPtrArray) children = g_ptr_array_new_with_free_func(g_object_unref);
	g_autoptr(GSource) deadline = g_timeout_source_new_seconds(seconds);
	size_t n_left = 0;

	g_main_context_push_thread_default(context);
	set_environment(launcher);
	g_subprocess_launcher_setenv(launcher, "MAIL_CONFIG", config_directory, TRUE);
	for (size_t i = 0; i < n; i++)
		start(&jobs[i], launcher, children, &n_left);
	g_source_set_callback(deadline, kill_all, children, NULL);
	g_source_attach(deadline, context);
	while (n_left > 0)
		g_main_context_iteration(context, TRUE);
	g_source_destroy(deadline);
	g_main_context_pop_thread_default(context);
}

char *
child_dup_first_line(const char *text)
{
	return g_strstrip(g_strndup(text, strcspn(text, "\r\n")));
}
