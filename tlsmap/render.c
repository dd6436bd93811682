/* SPDX-License-Identifier: Apache-2.0 */
/* render: what the document becomes for a Postfix that may not be there.
 *
 * A directory gets files that are made in a directory within it, and renamed one by one. A marker
 * says that the files are ours to replace; it is there before the first of them. */
#include "render.h"

#include "compile.h"
#include "file.h"
#include "generation.h"
#include "maincf.h"
#include "plan.h"
#include "policymap.h"
#include "routerows.h"
#include "spelling.h"
#include "stage.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define UNKNOWN_CONFIG_DIRECTORY "/etc/postfix"
#define MARKER ".tlsmap-render"
#define MARKER_TEXT "The files here were written by tlsmap render -o, which may replace them.\n"
#define WORKPLACE ".tlsmap-render.new"
#define FILE_MODE 0644

static char *
dup_generations(const RenderInput *input)
{
	return generation_dup_directory(input->snapshot != NULL ? input->snapshot->config_directory
								: UNKNOWN_CONFIG_DIRECTORY);
}

static char *
dup_table_name(const RenderInput *input)
{
	g_autofree char *directory = dup_generations(input);
	g_autofree char *path = generation_dup_path(directory, RENDER_GENERATION, GENERATION_TABLE);
	const char *type = plan_table_type(input->settings, input->snapshot);

	/* A type that this Postfix lacks is for plan and apply to refuse. */
	if (type == NULL)
		type = plan_table_type(input->settings, NULL);
	return g_strconcat(type, ":", path, NULL);
}

void
render_visit_values(const RenderInput *input,
		    void (*visit)(const char *name, const char *value, void *data), void *data)
{
	g_autofree char *table = dup_table_name(input);
	g_autofree char *directory = dup_generations(input);
	g_autofree char *spellings = generation_dup_spellings(directory, RENDER_GENERATION);
	const MainCfInput values = { input->settings, input->version, RENDER_GENERATION, table,
				     spellings };

	for (size_t i = 0; i < maincf_n_parameters(); i++) {
		const MainCfParameter *parameter = maincf_parameter(i);
		g_autofree char *value = parameter->render(&values);
		if (value == NULL)
			continue;
		g_autofree char *rest = NULL;
		if (parameter->kind == MAINCF_LIST && input->snapshot != NULL)
			rest = maincf_dup_without_token(
				snapshot_effective(input->snapshot, parameter->name));
		g_autofree char *whole = maincf_dup_with_first(value, rest);
		visit(parameter->name, whole, data);
	}
}

/* The directory. */

enum { MAIN_CF, MASTER_CF, TLS_POLICY, TLS_SPELLINGS, RULES_DB, N_FILES };
static const char *const file_names[] = {
	[MAIN_CF] = "main.cf",           [MASTER_CF] = "master.cf",
	[TLS_POLICY] = GENERATION_TABLE, [TLS_SPELLINGS] = SPELLING_FILE,
	[RULES_DB] = GENERATION_RULES,
};
G_STATIC_ASSERT(G_N_ELEMENTS(file_names) == N_FILES);

typedef struct {
	GBytes *contents[N_FILES];
	mode_t modes[N_FILES];
} Files;

static void
clear_files(Files *files)
{
	for (size_t i = 0; i < N_FILES; i++)
		g_clear_pointer(&files->contents[i], g_bytes_unref);
}

#define AUTO_FILES __attribute__((cleanup(clear_files)))

static gboolean
is_there(const char *directory, const char *name)
{
	g_autofree char *path = g_build_filename(directory, name, NULL);
	struct stat status;

	return lstat(path, &status) == 0;
}

static gboolean
is_same(const char *one, const char *other)
{
	struct stat left, right;

	return stat(one, &left) == 0 && stat(other, &right) == 0 && left.st_dev == right.st_dev &&
	       left.st_ino == right.st_ino;
}

/* The marker may have been copied to where Postfix reads: that place is never ours. */
static gboolean
may_write(const RenderInput *input, const char *directory, GError **error)
{
	if (input->snapshot != NULL && is_same(directory, input->snapshot->config_directory)) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
			    "%s is where this Postfix reads its configuration; name another "
			    "directory, or use tlsmap apply",
			    directory);
		return FALSE;
	}
	for (size_t i = 0; i < N_FILES; i++)
		if (is_there(directory, file_names[i]) && !is_there(directory, MARKER)) {
			g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
				    "%s holds a %s that render -o did not write; name a directory "
				    "of its own",
				    directory, file_names[i]);
			return FALSE;
		}
	return TRUE;
}

static void
append_line(const char *name, const char *value, void *data)
{
	g_string_append_printf(data, "%s =%s%s\n", name, *value != '\0' ? " " : "", value);
}

static void
make_alone(const RenderInput *input, Files *files)
{
	g_autofree char *generations = dup_generations(input);
	g_autofree char *service = maincf_dup_service(input->settings, generations);
	GString *main_cf = g_string_new(NULL);
	GString *master_cf = g_string_new(NULL);

	render_visit_values(input, append_line, main_cf);
	if (service != NULL)
		g_string_append_printf(master_cf, "%s\n", service);
	files->contents[MAIN_CF] = g_string_free_to_bytes(main_cf);
	files->contents[MASTER_CF] = g_string_free_to_bytes(master_cf);
}

/* main.cf may hold passwords: the copy is no more readable than the file itself. */
static gboolean
keep_secret(const RenderInput *input, const char *name, mode_t *mode, GError **error)
{
	g_autofree char *path = g_build_filename(input->snapshot->config_directory, name, NULL);
	struct stat status;

	if (stat(path, &status) == 0) {
		*mode &= status.st_mode;
		return TRUE;
	}
	int saved = errno;
	g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(saved), "can't look at %s: %s",
		    path, g_strerror(saved));
	return FALSE;
}

static gboolean
make_merged(const RenderInput *input, const char *workplace, Files *files, Findings *findings,
	    GError **error)
{
	g_autoptr(Plan) plan = plan_make_values(input->settings, input->snapshot, RENDER_GENERATION,
						findings, error);
	g_auto(Stage) stage = { 0 };

	if (plan == NULL || !stage_make(plan, workplace, &stage, findings, error))
		return FALSE;
	files->contents[MAIN_CF] = g_steal_pointer(&stage.main_cf);
	files->contents[MASTER_CF] = g_steal_pointer(&stage.master_cf);
	return keep_secret(input, "main.cf", &files->modes[MAIN_CF], error) &&
	       keep_secret(input, "master.cf", &files->modes[MASTER_CF], error);
}

/* Without a Postfix addresses are read as its defaults would read them (postconf(5), 3.7). */
static void
make_tables(const RenderInput *input, Files *files)
{
	static const AddressRewriting defaults = {
		.append_at_myorigin = TRUE,
		.allow_percent_hack = TRUE,
		.swap_bangpath = TRUE,
	};
	char *spellings = spelling_dup_table(input->settings);
	GString *rows = policymap_render(input->settings, input->version);

	if (input->route_keys != NULL)
		routerows_append(rows, input->route_keys, input->settings, input->version);
	files->contents[TLS_POLICY] = g_string_free_to_bytes(rows);
	/* Like the table of rows, it is empty where there is nothing for it. */
	files->contents[TLS_SPELLINGS] = spellings != NULL
						 ? g_bytes_new_take(spellings, strlen(spellings))
						 : g_bytes_new_static("", 0);
	files->contents[RULES_DB] = compile_rules(
		input->settings, input->snapshot != NULL ? &input->snapshot->rewriting : &defaults,
		RENDER_GENERATION);
}

static gboolean
write_file(const char *directory, const char *name, GBytes *content, mode_t mode, GError **error)
{
	g_autofree char *path = g_build_filename(directory, name, NULL);

	return file_write(path, g_bytes_get_data(content, NULL), g_bytes_get_size(content), mode,
			  error);
}

static gboolean
rename_file(const char *from, const char *to, const char *name, GError **error)
{
	g_autofree char *old_path = g_build_filename(from, name, NULL);
	g_autofree char *new_path = g_build_filename(to, name, NULL);

	return file_rename(old_path, new_path, error);
}

static gboolean
write_files(const char *workplace, const char *directory, const Files *files, GError **error)
{
	g_autoptr(GBytes) marker = g_bytes_new_static(MARKER_TEXT, strlen(MARKER_TEXT));

	if (!file_remove_tree(workplace, error) || !file_make_directory(workplace, error) ||
	    !write_file(workplace, MARKER, marker, FILE_MODE, error))
		return FALSE;
	for (size_t i = 0; i < N_FILES; i++)
		if (!write_file(workplace, file_names[i], files->contents[i], files->modes[i],
				error))
			return FALSE;
	if (!rename_file(workplace, directory, MARKER, error))
		return FALSE;
	for (size_t i = 0; i < N_FILES; i++)
		if (!rename_file(workplace, directory, file_names[i], error))
			return FALSE;
	return TRUE;
}

static gboolean
fill(const RenderInput *input, const char *workplace, const char *directory, Findings *findings,
     GError **error)
{
	AUTO_FILES Files files = { .modes = { FILE_MODE, FILE_MODE, FILE_MODE, FILE_MODE,
					      FILE_MODE } };

	if (input->snapshot == NULL)
		make_alone(input, &files);
	else if (!make_merged(input, workplace, &files, findings, error))
		return FALSE;
	if (findings_count(findings, SEVERITY_ERROR) > 0)
		return TRUE;
	make_tables(input, &files);
	return write_files(workplace, directory, &files, error);
}

gboolean
render_directory(const RenderInput *input, const char *directory, Findings *findings,
		 GError **error)
{
	g_autofree char *workplace = g_build_filename(directory, WORKPLACE, NULL);

	if (!may_write(input, directory, error) || !file_make_directory(directory, error))
		return FALSE;
	gboolean done = fill(input, workplace, directory, findings, error);
	/* Where something failed before, that is told already. */
	return file_remove_tree(workplace, done ? error : NULL) && done;
}
