/* SPDX-License-Identifier: Apache-2.0 */
/* chroot: files of the document that smtp(8) opens when it has left the file system of root.
 *
 * A tafile is opened with the first delivery to its destination: as mail_owner, and within
 * queue_directory where the service is chrooted. One that can't be read defers all of that mail
 * (src/smtp/smtp_tls_policy.c, src/master/single_server.c, 3.7). */
#include "chroot.h"

#include "child.h"
#include "texthash.h"

#include <string.h>

enum { FIELD_NAME, FIELD_TYPE, FIELD_CHROOT = 4, FIELD_COMMAND = 7 };

/* "-" is no chroot, but for who asks for the ways of before Postfix 3.0 (master(5)). */
static gboolean
is_chrooted(const Snapshot *snapshot, const char *field)
{
	const char *level = snapshot_expanded(snapshot, "compatibility_level");

	return strcmp(field, "y") == 0 ||
	       (strcmp(field, "-") == 0 && (*level == '\0' || strcmp(level, "0") == 0));
}

/* The fields of an entry that runs smtp(8); NULL: it runs something else. */
static char **
dup_client(const char *entry)
{
	g_autofree char *line = snapshot_dup_service_line(entry);
	g_auto(GStrv) fields = g_strsplit(line != NULL ? line : "", " ", -1);

	return g_strv_length(fields) > FIELD_COMMAND && strcmp(fields[FIELD_TYPE], "unix") == 0 &&
			       strcmp(fields[FIELD_COMMAND], "smtp") == 0
		       ? g_steal_pointer(&fields)
		       : NULL;
}

/* Why the user can't read path; NULL: it can. The caller frees it. */
static char *
dup_trouble(const char *user, const char *path)
{
	const char *const argv[] = { "test", "-r", path, NULL };
	g_auto(ChildResult) result = { 0 };
	g_autoptr(GError) error = NULL;

	if (!child_run_as(user, argv, &result, &error))
		return g_strdup(error->message);
	return result.status == 0 ? NULL : g_strdup_printf("%s can't read %s", user, path);
}

static void
check(const Snapshot *snapshot, char **fields, const GArray *files, size_t n, Findings *findings)
{
	const char *root =
		is_chrooted(snapshot, fields[FIELD_CHROOT]) ? snapshot->queue_directory : "";
	g_autofree char *path = g_strconcat(root, settings_text(files, n), NULL);
	g_autofree char *trouble = dup_trouble(snapshot_expanded(snapshot, "mail_owner"), path);

	if (trouble != NULL)
		findings_add(
			findings, FINDING_UNUSABLE_FILE, settings_text_place(files, n),
			"%s, as which smtp(8) of the service %s opens it%s%s: all mail of the "
			"row would be deferred; %s",
			trouble, fields[FIELD_NAME], *root != '\0' ? " in its chroot " : "", root,
			*root != '\0' ? "put a copy there, or take the service out of its "
					"chroot in master.cf"
				      : "let that user read the file and enter its directories");
}

static void
check_file(const Snapshot *snapshot, const GArray *files, size_t n, Findings *findings)
{
	for (size_t i = 0; snapshot->entries[i] != NULL; i++) {
		g_auto(GStrv) fields = dup_client(snapshot->entries[i]);
		if (fields != NULL)
			check(snapshot, fields, files, n, findings);
	}
}

void
chroot_find(const Settings *settings, const Snapshot *snapshot, Findings *findings)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(texthash, g_str_equal);

	/* Many rows may name the same file. */
	for (size_t i = 0; i < settings_n_destinations(settings); i++) {
		const GArray *files =
			settings_attributes(settings_destination(settings, i))->trust_anchor_files;
		for (size_t j = 0; j < settings_n_texts(files); j++)
			if (g_hash_table_add(seen, (char *)settings_text(files, j)))
				check_file(snapshot, files, j, findings);
	}
}
