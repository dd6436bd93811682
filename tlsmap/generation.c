/* SPDX-License-Identifier: Apache-2.0 */
/* generation: the immutable directories CONFIG_DIR/tlsgate/gen/N, and what each of them wrote. */
#include "generation.h"

#include "child.h"
#include "file.h"

#include <json-c/json.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define MANIFEST_FORMAT 2
/* How many generations are kept, and how long one that is not in force any more. */
#define KEPT 10
#define KEPT_SECONDS ((gint64)24 * 60 * 60)
/* What marks the number of a generation that is not to be in force again as used. */
#define WITHDRAWN ".withdrawn"

GQuark
generation_error_quark(void)
{
	return g_quark_from_static_string("tlsgate-generation-error");
}

Manifest *
manifest_new(guint64 number)
{
	Manifest *manifest = g_new0(Manifest, 1);

	manifest->number = number;
	manifest->rollback_of = -1;
	manifest->parameters = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return manifest;
}

void
manifest_free(Manifest *manifest)
{
	if (manifest == NULL)
		return;
	g_hash_table_unref(manifest->parameters);
	g_free(manifest->service);
	g_free(manifest);
}

void
manifest_set(Manifest *manifest, const char *name, const char *value)
{
	g_hash_table_replace(manifest->parameters, g_strdup(name), g_strdup(value));
}

gboolean
manifest_is_removal(const Manifest *manifest)
{
	return manifest->rollback_of == 0;
}

char *
generation_dup_directory(const char *config_directory)
{
	return g_build_filename(config_directory, "tlsgate", "gen", NULL);
}

char *
generation_dup_path(const char *directory, guint64 number, const char *file)
{
	return g_strdup_printf("%s/%" G_GUINT64_FORMAT "/%s", directory, number, file);
}

static int
compare_numbers(const void *a, const void *b)
{
	guint64 left = *(const guint64 *)a, right = *(const guint64 *)b;

	return left < right ? -1 : left > right;
}

/* The numbers whose entry is NUMBER or NUMBER and suffix, added to numbers. */
static gboolean
add_numbers(const char *directory, const char *suffix, GArray *numbers, GError **error)
{
	g_autoptr(GError) opening = NULL;
	g_autoptr(GDir) entries = g_dir_open(directory, 0, &opening);

	if (entries == NULL) {
		if (g_error_matches(opening, G_FILE_ERROR, G_FILE_ERROR_NOENT))
			return TRUE;
		g_propagate_error(error, g_steal_pointer(&opening));
		return FALSE;
	}
	for (const char *name; (name = g_dir_read_name(entries)) != NULL;) {
		guint64 number;
		if (!g_str_has_suffix(name, suffix))
			continue;
		g_autofree char *digits = g_strndup(name, strlen(name) - strlen(suffix));
		/* "7.new" and the like are what a dead run left: not generations. */
		if (g_ascii_string_to_unsigned(digits, 10, 0, G_MAXUINT64, &number, NULL))
			g_array_append_val(numbers, number);
	}
	g_array_sort(numbers, compare_numbers);
	return TRUE;
}

GArray *
generation_list_all(const char *directory, GError **error)
{
	g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(guint64));

	return add_numbers(directory, "", numbers, error) ? g_steal_pointer(&numbers) : NULL;
}

static char *
dup_mark(const char *directory, guint64 number)
{
	return g_strdup_printf("%s/%" G_GUINT64_FORMAT WITHDRAWN, directory, number);
}

gboolean
generation_is_undone(const char *directory, guint64 number)
{
	g_autofree char *mark = dup_mark(directory, number);

	return g_file_test(mark, G_FILE_TEST_EXISTS);
}

gboolean
generation_mark_undone(const char *directory, guint64 number, GError **error)
{
	g_autofree char *mark = dup_mark(directory, number);

	return file_make_directory(mark, error);
}

GArray *
generation_list(const char *directory, GError **error)
{
	GArray *numbers = generation_list_all(directory, error);

	for (guint i = numbers != NULL ? numbers->len : 0; i-- > 0;)
		if (generation_is_undone(directory, g_array_index(numbers, guint64, i)))
			g_array_remove_index(numbers, i);
	return numbers;
}

gboolean
generation_next(const char *directory, guint64 *number, GError **error)
{
	g_autoptr(GArray) numbers = generation_list(directory, error);

	if (numbers == NULL || !add_numbers(directory, WITHDRAWN, numbers, error))
		return FALSE;
	*number = numbers->len > 0 ? g_array_index(numbers, guint64, numbers->len - 1) + 1 : 1;
	return TRUE;
}

gboolean
generation_withdraw(const char *directory, guint64 number, GError **error)
{
	g_autofree char *place = g_strdup_printf("%s/%" G_GUINT64_FORMAT, directory, number);

	/* The mark first: a run that dies here has used the number all the same. */
	return (number == 0 || generation_mark_undone(directory, number, error)) &&
	       file_remove_tree(place, error);
}

/* manifest.json */

static char *
dup_manifest_text(const Manifest *manifest)
{
	json_object *root = json_object_new_object();
	json_object *parameters = json_object_new_object();
	g_autoptr(GList) names = g_hash_table_get_keys(manifest->parameters);

	names = g_list_sort(names, (GCompareFunc)strcmp);
	for (const GList *name = names; name != NULL; name = name->next) {
		const char *value = g_hash_table_lookup(manifest->parameters, name->data);
		json_object_object_add(parameters, name->data,
				       value != NULL ? json_object_new_string(value) : NULL);
	}
	json_object_object_add(root, "format", json_object_new_int(MANIFEST_FORMAT));
	json_object_object_add(root, "generation", json_object_new_uint64(manifest->number));
	json_object_object_add(root, "parameters", parameters);
	json_object_object_add(root, "rollback_of", json_object_new_int64(manifest->rollback_of));
	json_object_object_add(root, "report_only", json_object_new_boolean(manifest->report_only));
	json_object_object_add(root, "service",
			       manifest->service != NULL ? json_object_new_string(manifest->service)
							 : NULL);
	char *text =
		g_strconcat(json_object_to_json_string_ext(
				    root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE),
			    "\n", NULL);
	json_object_put(root);
	return text;
}

/* TRUE where value is a string or null; *text borrows it. */
static gboolean
take_text(json_object *value, const char **text)
{
	*text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
	return value == NULL || *text != NULL;
}

static gboolean
read_manifest(json_object *root, Manifest *manifest)
{
	json_object *format, *generation, *parameters, *service, *report_only, *rollback_of;
	const char *text;

	if (!json_object_object_get_ex(root, "format", &format) ||
	    json_object_get_int(format) != MANIFEST_FORMAT ||
	    !json_object_object_get_ex(root, "generation", &generation) ||
	    !json_object_is_type(generation, json_type_int) ||
	    json_object_get_uint64(generation) != manifest->number ||
	    !json_object_object_get_ex(root, "parameters", &parameters) ||
	    !json_object_is_type(parameters, json_type_object) ||
	    !json_object_object_get_ex(root, "rollback_of", &rollback_of) ||
	    !json_object_is_type(rollback_of, json_type_int) ||
	    !json_object_object_get_ex(root, "report_only", &report_only) ||
	    !json_object_is_type(report_only, json_type_boolean) ||
	    !json_object_object_get_ex(root, "service", &service) || !take_text(service, &text))
		return FALSE;
	manifest->service = g_strdup(text);
	manifest->rollback_of = json_object_get_int64(rollback_of);
	manifest->report_only = json_object_get_boolean(report_only);
	json_object_object_foreach(parameters, name, value)
	{
		if (!take_text(value, &text))
			return FALSE;
		manifest_set(manifest, name, text);
	}
	return TRUE;
}

Manifest *
generation_load(const char *directory, guint64 number, GError **error)
{
	g_autofree char *path = generation_dup_path(directory, number, GENERATION_MANIFEST);
	g_autofree char *text = NULL;
	g_autoptr(Manifest) manifest = manifest_new(number);

	if (!g_file_get_contents(path, &text, NULL, error))
		return NULL;
	json_object *root = json_tokener_parse(text);
	gboolean is_good = root != NULL && read_manifest(root, manifest);
	json_object_put(root);
	if (!is_good) {
		g_set_error(error, GENERATION_ERROR, 0, "%s is damaged", path);
		return NULL;
	}
	return g_steal_pointer(&manifest);
}

/* Building. */

/* It skips bad lines with a warning and status 0, but it also warns of what is none of our
 * business: a parameter that main.cf has twice, a table type that goes out of use. What counts is
 * what can be read back. *warning is the first line of what it says. */
static gboolean
run_postmap(const GenerationParts *parts, const char *mode, const char *map, const char *input,
	    char **output, char **warning, GError **error)
{
	const char *argv[7] = { "postmap", "-c", parts->config_directory };
	g_auto(ChildResult) result = { 0 };
	size_t n = 3;

	if (mode != NULL) {
		argv[n++] = mode;
		argv[n++] = "-";
	}
	argv[n++] = map;
	if (!child_run(argv, input, &result, error))
		return FALSE;
	g_free(*warning);
	*warning = child_dup_first_line(result.errors);
	if (result.status != 0) {
		g_set_error(error, GENERATION_ERROR, 0, "postmap %s: %s (status %d)", map, *warning,
			    result.status);
		return FALSE;
	}
	if (output != NULL)
		*output = g_steal_pointer(&result.output);
	return TRUE;
}

/* The keys of a table's source, one a line. */
static char *
dup_keys(const char *table)
{
	GString *keys = g_string_new(NULL);

	for (const char *line = table; *line != '\0'; line = strchr(line, '\n') + 1) {
		g_string_append_len(keys, line, strcspn(line, "\t"));
		g_string_append_c(keys, '\n');
	}
	return g_string_free(keys, FALSE);
}

static gboolean
build_table(const char *place, const GenerationParts *parts, GError **error)
{
	g_autofree char *path = g_build_filename(place, GENERATION_TABLE, NULL);
	g_autofree char *map = g_strconcat(parts->table_type, ":", path, NULL);
	g_autofree char *keys = dup_keys(parts->table);
	g_autofree char *read_back = NULL;
	g_autofree char *warning = NULL;
	g_autofree char *reading_warning = NULL;

	if (!file_write(path, parts->table, strlen(parts->table), 0644, error))
		return FALSE;
	if (strcmp(parts->table_type, "texthash") != 0 &&
	    !run_postmap(parts, NULL, map, NULL, NULL, &warning, error))
		return FALSE;
	if (!run_postmap(parts, "-q", map, keys, &read_back, &reading_warning, error))
		return FALSE;
	if (strcmp(read_back, parts->table) != 0) {
		g_set_error(error, GENERATION_ERROR, 0,
			    "%s does not give back what was written to it: %s %s", map,
			    warning != NULL ? warning : "", reading_warning);
		return FALSE;
	}
	return TRUE;
}

static gboolean
write_bytes(const char *place, const char *file, GBytes *bytes, GError **error)
{
	g_autofree char *path = g_build_filename(place, file, NULL);

	return file_write(path, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), 0644,
			  error);
}

/* What postmap made is on the disk too before the rename. */
static gboolean
sync_all(const char *place, GError **error)
{
	g_autoptr(GDir) entries = g_dir_open(place, 0, error);

	if (entries == NULL)
		return FALSE;
	for (const char *name; (name = g_dir_read_name(entries)) != NULL;) {
		g_autofree char *path = g_build_filename(place, name, NULL);
		if (!file_sync(path, error))
			return FALSE;
	}
	return file_sync(place, error);
}

static gboolean
fill(const char *place, const GenerationParts *parts, GError **error)
{
	g_autofree char *text = dup_manifest_text(parts->manifest);
	g_autoptr(GBytes) manifest = g_bytes_new_static(text, strlen(text));

	if (parts->document != NULL &&
	    !write_bytes(place, GENERATION_DOCUMENT, parts->document, error))
		return FALSE;
	if (parts->rules != NULL && !write_bytes(place, GENERATION_RULES, parts->rules, error))
		return FALSE;
	if (parts->table != NULL && *parts->table != '\0' && !build_table(place, parts, error))
		return FALSE;
	return write_bytes(place, GENERATION_MANIFEST, manifest, error) && sync_all(place, error);
}

gint64
generation_time(const char *directory, guint64 number)
{
	g_autofree char *path = generation_dup_path(directory, number, GENERATION_MANIFEST);
	struct stat status;

	return stat(path, &status) == 0 ? status.st_mtime : 0;
}

static gboolean
prune_undone(const char *directory, gint64 now, GError **error)
{
	g_autoptr(GArray) numbers = generation_list_all(directory, error);

	if (numbers == NULL)
		return FALSE;
	for (guint i = 0; i < numbers->len; i++) {
		guint64 number = g_array_index(numbers, guint64, i);
		if (generation_is_undone(directory, number) &&
		    now - generation_time(directory, number) > KEPT_SECONDS &&
		    !generation_withdraw(directory, number, error))
			return FALSE;
	}
	return TRUE;
}

gboolean
generation_prune(const char *directory, gint64 now, GError **error)
{
	g_autoptr(GArray) numbers = generation_list(directory, error);

	if (numbers == NULL || !prune_undone(directory, now, error))
		return FALSE;
	for (guint i = 0; i + KEPT < numbers->len; i++) {
		guint64 number = g_array_index(numbers, guint64, i);
		/* It was in force until the next one was: each comes into force once. */
		gint64 until = generation_time(directory, g_array_index(numbers, guint64, i + 1));
		g_autofree char *place =
			g_strdup_printf("%s/%" G_GUINT64_FORMAT, directory, number);
		if (number != 0 && until != 0 && now - until > KEPT_SECONDS &&
		    !file_remove_tree(place, error))
			return FALSE;
	}
	return TRUE;
}

/* In one step where there is one already: only gen/0 ever is. */
static gboolean
put_in_place(const char *place, const char *final, GError **error)
{
	if (!g_file_test(final, G_FILE_TEST_EXISTS))
		return file_rename(place, final, error);
	return file_exchange(place, final, error) && file_remove_tree(place, error);
}

gboolean
generation_build(const char *directory, guint64 number, const GenerationParts *parts,
		 GError **error)
{
	g_autofree char *final = generation_dup_path(directory, number, "");
	g_autofree char *place = NULL;

	final[strlen(final) - 1] = '\0';
	place = g_strconcat(final, ".new", NULL);
	if (!file_remove_tree(place, error) || !file_make_directory(place, error))
		return FALSE;
	if (!fill(place, parts, error) || !put_in_place(place, final, error)) {
		/* The cause is told already. */
		if (!file_remove_tree(place, NULL))
			g_debug("%s is left behind", place);
		return FALSE;
	}
	return TRUE;
}
