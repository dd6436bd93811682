/* SPDX-License-Identifier: Apache-2.0 */
/* replay: runs a fuzz target over the files of its corpus, as an ordinary test; one TAP line a
 * file. */
#include <glib.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
replay(const void *data)
{
	g_autofree char *content = NULL;
	g_autoptr(GError) error = NULL;
	gsize size;

	g_file_get_contents(data, &content, &size, &error);
	g_assert_no_error(error);
	/* An exact copy: a byte read behind it is seen by the sanitizer. */
	g_autofree uint8_t *copy = g_malloc(size > 0 ? size : 1);
	for (gsize i = 0; i < size; i++)
		copy[i] = (uint8_t)content[i];
	LLVMFuzzerTestOneInput(copy, size);
}

static void
add_folder(const char *folder)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GDir) entries = g_dir_open(folder, 0, &error);
	g_autofree char *group = g_path_get_basename(folder);

	g_assert_no_error(error);
	for (const char *name; (name = g_dir_read_name(entries)) != NULL;) {
		g_autofree char *path = g_strdup_printf("/%s/%s", group, name);
		char *file = g_build_filename(folder, name, NULL);
		if (g_file_test(file, G_FILE_TEST_IS_REGULAR) &&
		    !g_str_has_suffix(name, ".expected"))
			g_test_add_data_func_full(path, file, replay, g_free);
		else
			g_free(file);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (int i = 1; i < argc; i++)
		add_folder(argv[i]);
	return g_test_run();
}
