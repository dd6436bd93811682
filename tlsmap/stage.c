/* SPDX-License-Identifier: Apache-2.0 */
/* stage: the new main.cf and master.cf, made on copies by postconf(1) and proved there.
 *
 * postconf edits, because it knows how the files are written; it works on copies, because on the
 * live file it would replace a symbolic link, and owner and mode with it
 * (src/util/edit_file.c, 3.7). The copies need each other: without master.cf, postconf takes
 * parameters for unused. */
#include "stage.h"

#include "file.h"
#include "maincf.h"

#include <string.h>

#define LINE_NUMBER ", line "
#define UNUSED ": unused parameter: "

void
stage_clear(Stage *stage)
{
	g_clear_pointer(&stage->main_cf, g_bytes_unref);
	g_clear_pointer(&stage->master_cf, g_bytes_unref);
}

/* What postconf says of the copies. */
typedef struct {
	GHashTable *values;
	char *overrides;
	char *warnings;
	char *service;
} Reading;

static void
clear_reading(Reading *reading)
{
	g_clear_pointer(&reading->values, g_hash_table_unref);
	g_free(reading->overrides);
	g_free(reading->warnings);
	g_free(reading->service);
}

#define AUTO_READING __attribute__((cleanup(clear_reading)))

static gboolean
cool_down(const char *directory, GError **error)
{
	g_autofree char *main_cf = g_build_filename(directory, "main.cf", NULL);

	return file_date_back(main_cf, error);
}

static gboolean
read_stage(const char *directory, Reading *reading, GError **error)
{
	static const char *const values[] = { "-n", NULL };
	static const char *const overrides[] = { "-P", NULL };
	static const char *const service[] = { "-M", MAINCF_SERVICE "/unix", NULL };
	g_autofree char *set = NULL;
	g_autofree char *entry = NULL;

	if (!cool_down(directory, error) ||
	    !snapshot_ask(directory, values, &set, &reading->warnings, error) ||
	    !snapshot_ask(directory, overrides, &reading->overrides, NULL, error) ||
	    !snapshot_ask(directory, service, &entry, NULL, error))
		return FALSE;
	reading->values = snapshot_parse_values(set);
	reading->service = snapshot_dup_service_line(entry);
	return TRUE;
}

/* postconf(1) adds a line right behind the last byte, which may end no line (src/util/readlline.c
 * and src/postconf/postconf_edit.c, 3.7). */
static GBytes *
dup_with_whole_lines(GBytes *content)
{
	gsize size;
	const char *bytes = g_bytes_get_data(content, &size);

	if (size == 0 || bytes[size - 1] == '\n')
		return g_bytes_ref(content);
	GByteArray *whole = g_byte_array_sized_new((guint)size + 1);
	g_byte_array_append(whole, (const guint8 *)bytes, (guint)size);
	g_byte_array_append(whole, (const guint8 *)"\n", 1);
	return g_byte_array_free_to_bytes(whole);
}

static gboolean
write_copy(const char *directory, const char *name, GBytes *content, GError **error)
{
	g_autofree char *path = g_build_filename(directory, name, NULL);

	g_autoptr(GBytes) whole = dup_with_whole_lines(content);

	return file_write(path, g_bytes_get_data(whole, NULL), g_bytes_get_size(whole), 0600,
			  error);
}

static gboolean
make_copies(const Plan *plan, const char *directory, GError **error)
{
	return file_remove_tree(directory, error) && file_make_directory(directory, error) &&
	       write_copy(directory, "main.cf", plan->snapshot->main_cf, error) &&
	       write_copy(directory, "master.cf", plan->snapshot->master_cf, error);
}

static gboolean
take_back(const char *directory, const char *name, GBytes **content, GError **error)
{
	g_autofree char *path = g_build_filename(directory, name, NULL);
	char *data;
	gsize size;

	if (!g_file_get_contents(path, &data, &size, error))
		return FALSE;
	*content = g_bytes_new_take(data, size);
	return TRUE;
}

/* postconf OPTION ITEM…, where there are items. */
static gboolean
edit(const char *directory, const char *option, const GPtrArray *items, GError **error)
{
	g_autoptr(GPtrArray) arguments = g_ptr_array_new();
	g_autofree char *output = NULL;

	if (items->len == 0)
		return TRUE;
	g_ptr_array_add(arguments, (char *)option);
	for (size_t i = 0; i < items->len; i++)
		g_ptr_array_add(arguments, items->pdata[i]);
	g_ptr_array_add(arguments, NULL);
	return snapshot_ask(directory, (const char *const *)arguments->pdata, &output, NULL, error);
}

static gboolean
edit_service(const char *directory, const Plan *plan, GError **error)
{
	g_autoptr(GPtrArray) item = g_ptr_array_new_with_free_func(g_free);

	if (!plan->service_changes)
		return TRUE;
	if (plan->service == NULL) {
		g_ptr_array_add(item, g_strdup(MAINCF_SERVICE "/unix"));
		return edit(directory, "-MX", item, error);
	}
	g_ptr_array_add(item, g_strconcat(MAINCF_SERVICE "/unix=", plan->service, NULL));
	return edit(directory, "-Me", item, error);
}

/* postconf's warnings without what an edit may move: ", line 31". */
static char **
warnings_of(const Reading *reading)
{
	char **lines = g_strsplit(reading->warnings, "\n", -1);

	for (size_t i = 0; lines[i] != NULL; i++) {
		char *number = strstr(lines[i], LINE_NUMBER);
		if (number == NULL)
			continue;
		char *end = number + strlen(LINE_NUMBER);
		end += strspn(end, "0123456789");
		memmove(number, end, strlen(end) + 1);
	}
	return lines;
}

/* The name in a warning of a parameter that nothing refers to (src/postconf/postconf_unused.c,
 * 3.7), which the caller frees; NULL: it is another warning. */
static char *
dup_unused_name(const char *warning)
{
	const char *at = strstr(warning, UNUSED);

	if (at == NULL || g_str_has_prefix(at + strlen(UNUSED), MAINCF_SERVICE "_"))
		return NULL; /* one of ours must be referred to */
	return g_strndup(at + strlen(UNUSED), strcspn(at + strlen(UNUSED), "="));
}

/* Parameters of the administrator's own that nothing refers to: -n does not show them. What
 * referred to one may be taken over, and come back. */
static void
add_unused(char **lines, GHashTable *unused)
{
	for (size_t i = 0; lines[i] != NULL; i++) {
		char *name = dup_unused_name(lines[i]);
		if (name != NULL)
			g_hash_table_add(unused, name);
	}
}

/* Each line of after must have been there before, but for those that do no harm. */
static void
prove_no_new_warning(char **old_lines, char **new_lines, Findings *findings)
{
	for (size_t i = 0; new_lines[i] != NULL; i++) {
		if (*new_lines[i] == '\0' ||
		    g_strv_contains((const char *const *)old_lines, new_lines[i]))
			continue;
		g_autofree char *unused = dup_unused_name(new_lines[i]);
		if (unused != NULL)
			findings_add_live(
				findings, FINDING_UNUSED_PARAMETER, unused,
				"nothing refers to it any more, and each postconf warns of "
				"it; postconf -X %s removes it",
				unused);
		else
			findings_add_live(
				findings, FINDING_POSTCONF_WARNING, "postconf",
				"a warning that the present configuration does not give: %s",
				new_lines[i]);
	}
}

/* The values that main.cf should have afterwards. */
static GHashTable *
expected_values(const Plan *plan, GHashTable *before)
{
	GHashTable *expected = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	GHashTableIter iter;
	void *name, *value;

	g_hash_table_iter_init(&iter, before);
	while (g_hash_table_iter_next(&iter, &name, &value))
		g_hash_table_replace(expected, g_strdup(name), g_strdup(value));
	for (size_t i = 0; i < plan->sets->len; i++) {
		const char *set = plan->sets->pdata[i];
		const char *equals = strchr(set, '=');
		g_hash_table_replace(expected, g_strndup(set, equals - set), g_strdup(equals + 1));
	}
	for (size_t i = 0; i < plan->removes->len; i++)
		g_hash_table_remove(expected, plan->removes->pdata[i]);
	return expected;
}

/* Every value of left must be in right, but for what is unused; config_directory is the copy's own.
 */
static void
prove_values(GHashTable *left, GHashTable *right, GHashTable *unused, Findings *findings)
{
	GHashTableIter iter;
	void *name, *value;

	g_hash_table_iter_init(&iter, left);
	while (g_hash_table_iter_next(&iter, &name, &value)) {
		const char *other = g_hash_table_lookup(right, name);
		if (strcmp(name, "config_directory") == 0 || g_strcmp0(value, other) == 0 ||
		    g_hash_table_contains(unused, name))
			continue;
		findings_add_live(
			findings, FINDING_STAGED_DIFFERS, name,
			"after the edit this parameter would be \"%s\" instead of \"%s\"; "
			"nothing was changed: please report this",
			other != NULL ? other : "", (const char *)value);
	}
}

static void
prove(const Plan *plan, const Reading *before, const Reading *after, Findings *findings)
{
	g_autoptr(GHashTable) expected = expected_values(plan, before->values);
	g_autoptr(GHashTable) unused = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_auto(GStrv) old_lines = warnings_of(before);
	g_auto(GStrv) new_lines = warnings_of(after);

	add_unused(old_lines, unused);
	add_unused(new_lines, unused);
	prove_no_new_warning(old_lines, new_lines, findings);
	prove_values(expected, after->values, unused, findings);
	prove_values(after->values, expected, unused, findings);
	if (strcmp(before->overrides, after->overrides) != 0)
		findings_add_live(findings, FINDING_STAGED_DIFFERS, "master.cf",
				  "after the edit other services would have other options; nothing "
				  "was changed: please report this");
	if (g_strcmp0(plan->service, after->service) != 0)
		findings_add_live(findings, FINDING_STAGED_DIFFERS, MAINCF_SERVICE "/unix",
				  "after the edit the service would be \"%s\" instead of \"%s\"; "
				  "nothing was changed: please report this",
				  after->service != NULL ? after->service : "",
				  plan->service != NULL ? plan->service : "");
}

gboolean
stage_make(const Plan *plan, const char *directory, Stage *stage, Findings *findings,
	   GError **error)
{
	AUTO_READING Reading before = { 0 };
	AUTO_READING Reading after = { 0 };

	if (!make_copies(plan, directory, error) || !read_stage(directory, &before, error) ||
	    !edit(directory, "-e", plan->sets, error) ||
	    !edit(directory, "-X", plan->removes, error) || !edit_service(directory, plan, error) ||
	    !read_stage(directory, &after, error))
		return FALSE;
	prove(plan, &before, &after, findings);
	return take_back(directory, "main.cf", &stage->main_cf, error) &&
	       take_back(directory, "master.cf", &stage->master_cf, error) &&
	       file_remove_tree(directory, error);
}
