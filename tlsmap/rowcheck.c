/* SPDX-License-Identifier: Apache-2.0 */
/* rowcheck: what the rows of send.domains become with the main.cf and the OpenSSL of this machine.
 * Changes nothing. */
#include "rowcheck.h"

#include "ciphers.h"
#include "mandatory.h"
#include "texthash.h"

#include <string.h>

typedef struct {
	const Settings *settings;
	const Snapshot *snapshot;
	Mandatory mandatory;
	GHashTable *known; /* name or list of ciphers -> whether it was found good */
	Findings *findings;
} Context;

/* What ask says of text, a name or a list, which has a colon; asked once, because many rows have
 * the same. */
static gboolean
is_good(const Context *context, const char *text, gboolean (*ask)(const char *text))
{
	void *answer;

	if (!g_hash_table_lookup_extended(context->known, text, NULL, &answer)) {
		answer = GINT_TO_POINTER(ask(text));
		g_hash_table_insert(context->known, g_strdup(text), answer);
	}
	return GPOINTER_TO_INT(answer);
}

static gboolean
has_text(const GArray *texts, const char *text)
{
	for (size_t i = 0; i < settings_n_texts(texts); i++)
		if (strcmp(settings_text(texts, i), text) == 0)
			return TRUE;
	return FALSE;
}

static gboolean
find_unknown_ciphers(const Context *context, const SettingsRowAttributes *row)
{
	gboolean has_unknown = FALSE;

	for (size_t i = 0; i < settings_n_texts(row->exclude); i++) {
		const char *name = settings_text(row->exclude, i);
		if (is_good(context, name, ciphers_know))
			continue;
		has_unknown = TRUE;
		findings_add(context->findings, FINDING_UNKNOWN_CIPHER,
			     settings_text_place(row->exclude, i),
			     "the OpenSSL of this machine knows no cipher and no class of ciphers "
			     "by this name, and would exclude nothing without a word; correct it "
			     "(openssl ciphers -v ALL lists the names), name the class, or leave "
			     "it out");
	}
	return has_unknown;
}

/* The list that Postfix makes of a row for OpenSSL (src/smtp/smtp_tls_policy.c, set_cipher_grade(),
 * and src/tls/tls_misc.c, tls_set_ciphers(), 3.7); NULL: the grade is neither medium nor high. The
 * caller frees it. */
static char *
dup_cipher_list(const Context *context, SecurityLevel level, const SettingsRowAttributes *row)
{
	static const char *const grades[] = {
		[CIPHER_GRADE_MEDIUM] = "tls_medium_cipherlist",
		[CIPHER_GRADE_HIGH] = "tls_high_cipherlist",
	};
	G_STATIC_ASSERT(G_N_ELEMENTS(grades) == N_CIPHER_GRADES);
	int grade = row->ciphers.place != 0 ? row->ciphers.code : context->mandatory.grade;

	if (grade < 0)
		return NULL;
	GString *list = g_string_new(snapshot_expanded(context->snapshot, grades[grade]));
	for (size_t i = 0; i < settings_n_texts(row->exclude); i++)
		g_string_append_printf(list, ":!%s", settings_text(row->exclude, i));
	for (char **name = context->mandatory.exclude; row->exclude == NULL && *name != NULL;
	     name++)
		g_string_append_printf(list, ":!%s", *name);
	g_string_append(list, level == SECURITY_ENCRYPT ? ":!eNULL" : ":!aNULL");
	return g_string_free(list, FALSE);
}

/* Then OpenSSL takes no list at all, and each handshake fails, of TLS 1.3 too. */
static void
find_no_cipher_left(const Context *context, SecurityLevel level, const SettingsRowAttributes *row)
{
	g_autofree char *list = dup_cipher_list(context, level, row);
	size_t place =
		row->exclude != NULL ? settings_text_place(row->exclude, 0) : row->ciphers.place;

	if (list != NULL && !is_good(context, list, ciphers_leave_any))
		findings_add(context->findings, FINDING_NO_CIPHER_LEFT, place,
			     "what this row and main.cf say leaves no cipher below TLS 1.3, and "
			     "Postfix could not open any TLS session with this destination; "
			     "exclude less (to allow TLS 1.3 alone, use \"min_protocol\")");
}

/* The names that main.cf excludes and the row does not; NULL: none. */
static char *
dup_lost(const Context *context, SecurityLevel level, const GArray *exclude)
{
	g_autoptr(GString) lost = g_string_new(NULL);

	for (char **name = context->mandatory.exclude; *name != NULL; name++)
		/* Postfix excludes these itself (src/smtp/smtp_tls_policy.c,
		 * set_cipher_grade(), 3.7). */
		if (strcmp(*name, "eNULL") != 0 &&
		    (level == SECURITY_ENCRYPT || strcmp(*name, "aNULL") != 0) &&
		    !has_text(exclude, *name))
			g_string_append_printf(lost, "%s%s", lost->len > 0 ? ", " : "", *name);
	return lost->len > 0 ? g_string_free(g_steal_pointer(&lost), FALSE) : NULL;
}

static void
find_lost_exclusions(const Context *context, const SettingsDestination *row)
{
	const GArray *exclude = row->attributes->exclude;

	if (exclude == NULL)
		return;
	g_autofree char *lost = dup_lost(context, row->security_level.code, exclude);
	if (lost != NULL)
		findings_add(context->findings, FINDING_ROW_REPLACES,
			     settings_text_place(exclude, 0),
			     "\"exclude\" takes the place of smtp_tls_exclude_ciphers and "
			     "smtp_tls_mandatory_exclude_ciphers of main.cf, which exclude %s: for "
			     "this destination they would be used; name them here too",
			     lost);
}

static void
find_lower_words(const Context *context, const SettingsRowAttributes *row)
{
	const Mandatory *mandatory = &context->mandatory;

	if (row->ciphers.place != 0 && row->ciphers.code < mandatory->grade)
		findings_add(context->findings, FINDING_ROW_REPLACES, row->ciphers.place,
			     "\"%s\" takes the place of smtp_tls_mandatory_ciphers of main.cf, "
			     "which is \"%s\"; is that meant?",
			     names_word(&names_cipher_grade, row->ciphers.code),
			     names_word(&names_cipher_grade, mandatory->grade));
	/* The document's own floor for all is compared by checks-send.c. */
	if (row->min_protocol.place != 0 && row->min_protocol.code < mandatory->floor &&
	    context->settings->send.min_protocol.place == 0)
		findings_add(context->findings, FINDING_ROW_REPLACES, row->min_protocol.place,
			     "\"%s\" takes the place of smtp_tls_mandatory_protocols of main.cf, "
			     "which begins with \"%s\"; is that meant?",
			     names_word(&names_tls_protocol, row->min_protocol.code),
			     names_word(&names_tls_protocol, mandatory->floor));
}

/* Whether master.cf has the service that smtp(8) hands its kept sessions to. */
static gboolean
has_tlsproxy(const Snapshot *snapshot)
{
	const char *name = snapshot_expanded(snapshot, "tlsproxy_service_name");

	for (size_t i = 0; snapshot->entries[i] != NULL; i++) {
		g_auto(GStrv) fields = g_strsplit_set(snapshot->entries[i], " \t", 2);
		if (g_strcmp0(fields[0], name) == 0)
			return TRUE;
	}
	return FALSE;
}

/* smtp(8) then says "Cannot start TLS: handshake failure", at every level
 * (src/smtp/smtp_proto.c, 3.7). */
static void
find_no_tlsproxy(const Context *context, const CursorWord *reuse)
{
	if (reuse->place != 0 && reuse->code && !has_tlsproxy(context->snapshot))
		findings_add(context->findings, FINDING_NO_TLSPROXY, reuse->place,
			     "Postfix keeps TLS sessions open by its service tlsproxy, which is "
			     "not in master.cf: all mail of this row would be deferred; add "
			     "\"tlsproxy unix - - n - 0 tlsproxy\" there, or leave this out");
}

void
rowcheck_find(const Settings *settings, const Snapshot *snapshot, Findings *findings)
{
	g_autoptr(GHashTable) known = g_hash_table_new_full(texthash, g_str_equal, g_free, NULL);
	g_auto(Mandatory) mandatory = mandatory_read(snapshot->expanded);
	const Context context = { settings, snapshot, mandatory, known, findings };

	for (size_t i = 0; i < settings_n_destinations(settings); i++) {
		const SettingsDestination *row = settings_destination(settings, i);
		if (row->attributes == NULL)
			continue;
		if ((row->attributes->exclude != NULL || row->attributes->ciphers.place != 0) &&
		    !find_unknown_ciphers(&context, row->attributes))
			find_no_cipher_left(&context, row->security_level.code, row->attributes);
		find_lost_exclusions(&context, row);
		find_lower_words(&context, row->attributes);
		find_no_tlsproxy(&context, &row->attributes->connection_reuse);
	}
}
