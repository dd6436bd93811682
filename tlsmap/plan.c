/* SPDX-License-Identifier: Apache-2.0 */
/* plan: what apply would change on this Postfix, and what forbids it. Changes nothing.
 *
 * Two of the values name the generation's number, which is new with each apply. So the wanted
 * values are rendered twice: with the number in force, to see whether anything differs at all, and
 * with the new number, to be written. */
#include "plan.h"

#include "compile.h"
#include "diff.h"
#include "filter.h"
#include "maincf.h"
#include "obstacle.h"
#include "oldrows.h"
#include "policymap.h"
#include "recovery.h"
#include "routekeys.h"
#include "routerows.h"
#include "spelling.h"

#include <string.h>

void
plan_free(Plan *plan)
{
	if (plan == NULL)
		return;
	g_free(plan->directory);
	manifest_free(plan->origin);
	manifest_free(plan->current);
	settings_free(plan->old_settings);
	settings_free(plan->old_rows);
	g_clear_pointer(&plan->route_keys, g_ptr_array_unref);
	if (plan->table != NULL)
		g_string_free(plan->table, TRUE);
	g_free(plan->spellings);
	g_clear_pointer(&plan->rules, g_bytes_unref);
	manifest_free(plan->manifest);
	g_clear_pointer(&plan->sets, g_ptr_array_unref);
	g_clear_pointer(&plan->removes, g_ptr_array_unref);
	g_free(plan->service);
	g_clear_pointer(&plan->changes, g_array_unref);
	g_free(plan);
}

gboolean
plan_has_changes(const Plan *plan)
{
	return plan->changes->len > 0;
}

static gboolean
is_removal(const Plan *plan)
{
	return (plan->flags & PLAN_REMOVE) != 0;
}

/* What is in force. */

/* The part of the live value that is ours to judge: of a list the first element. */
static const char *
live_value(const Snapshot *snapshot, const MainCfParameter *parameter)
{
	const char *value = snapshot_value(snapshot, parameter->name);

	if (parameter->kind != MAINCF_LIST)
		return value;
	if (maincf_begins_with_token(value))
		return MAINCF_POLICY_TOKEN;
	g_autofree char *rest = maincf_dup_without_token(value);
	return g_strcmp0(rest, value) != 0 ? MAINCF_TOKEN_MOVED : NULL;
}

/* An unset parameter and an emptied one are the same, where empty is wanted. */
static gboolean
differs(const char *live, const char *wanted)
{
	if (wanted != NULL && *wanted == '\0')
		return live != NULL && *live != '\0';
	return g_strcmp0(live, wanted) != 0;
}

/* Whether main.cf holds just what the generation wrote. */
static gboolean
is_as_written(const Snapshot *snapshot, const Manifest *manifest)
{
	for (size_t i = 0; i < maincf_n_parameters(); i++) {
		const MainCfParameter *parameter = maincf_parameter(i);
		const char *written = g_hash_table_lookup(manifest->parameters, parameter->name);
		if (written != NULL && differs(live_value(snapshot, parameter), written))
			return FALSE;
	}
	return TRUE;
}

/* main.cf names its generation in the path of the table and in the policy context. */
static guint64
named_generation(const Plan *plan)
{
	const Snapshot *snapshot = plan->snapshot;
	const char *policy = snapshot_value(snapshot, MAINCF_POLICY_PARAMETER);
	guint64 number = maincf_named_generation(policy, plan->directory);

	if (number == 0)
		number = maincf_named_generation(snapshot_value(snapshot, "smtp_tls_policy_maps"),
						 plan->directory);
	return number;
}

/* A generation that can't be read has written nobody knows what; what was there before the first
 * apply can't be had anew. */
static void
refuse_damage(const Plan *plan, guint64 number, const GError *damage, Findings *findings)
{
	if (number == 0)
		findings_add_live(
			findings, FINDING_DRIFT, plan->directory,
			"%s: what was there before the first apply is not known any more; "
			"restore gen/0 from a backup",
			damage->message);
	else if ((plan->flags & PLAN_ADOPT) == 0)
		findings_add_live(findings, FINDING_DRIFT, plan->directory,
				  "%s; apply --adopt builds a new generation", damage->message);
}

/* Without rows and rules main.cf names none: then it is the newest whose values are there, else the
 * newest, from which main.cf was edited away. */
static gboolean
find_current(Plan *plan, Findings *findings, GError **error)
{
	g_autoptr(GArray) numbers = generation_list(plan->directory, error);
	guint64 named = named_generation(plan);
	guint64 unfinished = recovery_unfinished(plan->snapshot);

	if (numbers == NULL)
		return FALSE;
	for (size_t i = numbers->len; i-- > 0;) {
		guint64 number = g_array_index(numbers, guint64, i);
		g_autoptr(GError) damage = NULL;
		Manifest *manifest = NULL;
		if ((unfinished != 0 && number == unfinished) ||
		    (named != 0 && number != named && number != 0))
			continue;
		manifest = generation_load(plan->directory, number, &damage);
		if (manifest == NULL)
			refuse_damage(plan, number, damage, findings);
		else if (number == 0)
			plan->origin = manifest;
		else if (plan->current == NULL)
			plan->current = manifest;
		else if (!is_as_written(plan->snapshot, plan->current) &&
			 is_as_written(plan->snapshot, manifest)) {
			manifest_free(plan->current);
			plan->current = manifest;
		} else
			manifest_free(manifest);
	}
	if (plan->origin == NULL && plan->current != NULL)
		findings_add_live(
			findings, FINDING_DRIFT, plan->directory,
			"generation 0 is not there: what this Postfix had before the first "
			"apply is not known any more; restore gen/0 from a backup");
	if (named != 0 && plan->current == NULL && (plan->flags & PLAN_ADOPT) == 0)
		findings_add_live(findings, FINDING_DRIFT, plan->directory,
				  "main.cf names generation %" G_GUINT64_FORMAT
				  ", which is not there; apply --adopt builds a new one",
				  named);
	return TRUE;
}

/* The same bytes need no comparison, be it of a million rows. Rules may only report in one and not
 * in the other. */
static gboolean
has_same_rows(Plan *plan, const char *document, gsize size)
{
	plan->has_same_rows = plan->document != NULL && settings_n_rules(plan->settings) == 0 &&
			      g_bytes_get_size(plan->document) == size &&
			      memcmp(g_bytes_get_data(plan->document, NULL), document, size) == 0;
	return plan->has_same_rows;
}

/* The document in force; NULL: there is none, or it can't be read. */
static const Settings *
old_document(const Plan *plan)
{
	return plan->has_same_rows ? plan->settings : plan->old_settings;
}

/* The document of the generation in force. One that can't be read any more said nobody knows what:
 * then all that comes may be weaker. */
static void
load_old_settings(Plan *plan, Findings *findings)
{
	g_autoptr(Findings) errors = findings_new();
	g_autofree char *path = NULL;
	g_autofree char *document = NULL;
	gsize size = 0;

	if (plan->current == NULL || manifest_is_removal(plan->current))
		return;
	path = generation_dup_path(plan->directory, plan->current->number, GENERATION_DOCUMENT);
	if (g_file_get_contents(path, &document, &size, NULL)) {
		if (has_same_rows(plan, document, size))
			return;
		plan->old_settings = settings_load(document, size, NULL, errors);
	}
	if (plan->old_settings != NULL && findings_count(errors, SEVERITY_ERROR) == 0) {
		if (plan->current->report_only)
			settings_make_report_only(plan->old_settings);
		return;
	}
	g_clear_pointer(&plan->old_settings, settings_free);
	findings_add_live(findings, FINDING_OLD_DOCUMENT_UNREADABLE, path,
			  "this version of tlsmap can't read the document in force: what would "
			  "change is compared with the strongest that it can have said");
}

/* The level that mail was sent with where no row decides. */
static SecurityLevel
old_send_level(const Plan *plan)
{
	if (old_document(plan) != NULL)
		return old_document(plan)->send.security_level.code;
	if (plan->current != NULL && !manifest_is_removal(plan->current))
		return SECURITY_SECURE;
	g_autofree char *live = snapshot_dup_send_level(plan->snapshot);
	int code = names_code(&names_security_level, live);
	return code >= 0 ? (SecurityLevel)code : SECURITY_SECURE;
}

/* What would be. */

static const char *
choose_table_type(const Plan *plan, Findings *findings)
{
	TableType wanted = plan->settings->postfix.table_type.code;
	const char *found = plan_table_type(plan->settings, plan->snapshot);

	if (found != NULL)
		return found;
	const char *word = wanted == TABLE_TYPE_AUTO ? "cdb, lmdb nor hash"
						     : names_word(&names_table_type, wanted);
	findings_add_live(
		findings, FINDING_NO_TABLE_TYPE, "postfix.table_type",
		"this Postfix has no tables of type %s (postconf -m); install the package "
		"for it, or name another type",
		word);
	return "hash";
}

static char *
dup_table_name(const Plan *plan, guint64 number)
{
	g_autofree char *path = generation_dup_path(plan->directory, number, GENERATION_TABLE);

	return g_strconcat(plan->table_type, ":", path, NULL);
}

static char *
dup_rendered(const Plan *plan, const MainCfParameter *parameter, guint64 number)
{
	g_autofree char *table = dup_table_name(plan, number);
	g_autofree char *spellings = generation_dup_spellings(plan->directory, number);
	const MainCfInput input = {
		.settings = plan->settings,
		.version = plan->snapshot->version,
		.generation = number,
		.table = table,
		.spellings = spellings,
	};

	return is_removal(plan) ? NULL : parameter->render(&input);
}

/* What a parameter gets that the document does not name: if we wrote it, what was there before
 * tlsmap came; else it stays as it is. The caller frees it. */
static char *
dup_unnamed_value(const Plan *plan, const MainCfParameter *parameter, const char *live)
{
	if (parameter->kind != MAINCF_VALUE)
		return NULL;
	if (plan->current == NULL ||
	    !g_hash_table_contains(plan->current->parameters, parameter->name))
		return g_strdup(live);
	return plan->origin != NULL
		       ? g_strdup(g_hash_table_lookup(plan->origin->parameters, parameter->name))
		       : NULL;
}

/* A value that somebody else chose is not overwritten without being asked to. */
static void
refuse_foreign(const Plan *plan, const MainCfParameter *parameter, const char *live,
	       const char *wanted, Findings *findings)
{
	const char *fallback = g_hash_table_lookup(plan->snapshot->defaults, parameter->name);
	const char *written = plan->current != NULL ? g_hash_table_lookup(plan->current->parameters,
									  parameter->name)
						    : NULL;
	g_autofree char *where = g_strdup_printf("%s/main.cf: %s", plan->snapshot->config_directory,
						 parameter->name);

	if (parameter->kind == MAINCF_LIST || live == NULL || g_strcmp0(live, written) == 0)
		return;
	if (written == NULL && (g_strcmp0(live, fallback) == 0 || maincf_is_stock(parameter, live)))
		return;
	/* Only the spelling would change. */
	if (written == NULL && wanted != NULL && maincf_is_same(parameter, live, wanted))
		return;
	if (written != NULL || parameter->kind == MAINCF_OWN)
		findings_add_live(
			findings, FINDING_DRIFT, where,
			"found \"%s\", but tlsmap wrote \"%s\": somebody edited it; say it "
			"in the document, or overwrite it with \"%s\" by apply --adopt",
			live, written != NULL ? written : "", wanted != NULL ? wanted : "");
	else
		findings_add_live(
			findings, FINDING_FOREIGN_VALUE, where,
			"found \"%s\", the document wants \"%s\": tlsmap did not write it; "
			"say it in the document, as tlsmap import does, or overwrite it by apply "
			"--adopt",
			live, wanted != NULL ? wanted : "");
}

/* The whole value to be written; NULL: to be removed. The caller frees it. */
static char *
dup_written(const Plan *plan, const MainCfParameter *parameter, const char *wanted)
{
	const char *live = snapshot_value(plan->snapshot, parameter->name);

	if (parameter->kind != MAINCF_LIST)
		return g_strdup(wanted);
	g_autofree char *rest = maincf_dup_without_token(
		live != NULL ? live
			     : g_hash_table_lookup(plan->snapshot->defaults, parameter->name));
	if (wanted != NULL)
		return maincf_dup_with_first(wanted, rest);
	return *rest != '\0' ? g_steal_pointer(&rest) : NULL;
}

/* From the live value to the wanted one. A level that is not set is what Postfix does without it.
 */
static ChangeDirection
live_direction(const Plan *plan, const MainCfParameter *parameter, const char *live,
	       const char *wanted)
{
	g_autofree char *level = NULL;

	if ((live == NULL || *live == '\0') &&
	    strcmp(parameter->name, "smtp_tls_security_level") == 0)
		level = snapshot_dup_send_level(plan->snapshot);
	if ((live == NULL || *live == '\0') &&
	    strcmp(parameter->name, "smtpd_tls_security_level") == 0)
		level = snapshot_dup_receive_level(plan->snapshot);
	return parameter->compare(level != NULL ? level : live, wanted);
}

/* Work out one parameter: what people see, and what would be written. */
static void
plan_parameter(Plan *plan, const MainCfParameter *parameter, Findings *findings)
{
	const char *live = live_value(plan->snapshot, parameter);
	guint64 in_force = plan->current != NULL ? plan->current->number : plan->number;
	g_autofree char *wanted = dup_rendered(plan, parameter, in_force);
	g_autofree char *to_write = dup_rendered(plan, parameter, plan->number);

	if (to_write != NULL) {
		manifest_set(plan->manifest, parameter->name, to_write);
	} else {
		wanted = dup_unnamed_value(plan, parameter, live);
		to_write = g_strdup(wanted);
	}
	if (differs(live, wanted)) {
		change_add(plan->changes, CHANGE_PARAMETER, parameter->name, live, wanted,
			   live_direction(plan, parameter, live, wanted));
		if ((plan->flags & PLAN_ADOPT) == 0)
			refuse_foreign(plan, parameter, live, wanted, findings);
	}
	if (!differs(live, to_write))
		return;
	g_autofree char *written = dup_written(plan, parameter, to_write);
	if (written != NULL)
		g_ptr_array_add(plan->sets, g_strconcat(parameter->name, "=", written, NULL));
	else
		g_ptr_array_add(plan->removes, g_strdup(parameter->name));
}

/* The service stays one generation longer than the last rule, or than the change to a socket of the
 * system: until the reload, and in sessions that go on, smtpd(8) still asks it. */
static void
plan_service(Plan *plan, Findings *findings)
{
	const char *live = plan->snapshot->service;
	gboolean is_asked =
		maincf_asks_service(snapshot_value(plan->snapshot, MAINCF_POLICY_PARAMETER));

	if (is_removal(plan))
		plan->service = g_strdup(plan->origin != NULL ? plan->origin->service : NULL);
	else
		plan->service = maincf_dup_service(plan->settings, plan->directory);
	if (plan->service == NULL && is_asked && !is_removal(plan))
		plan->service = g_strdup(live);
	plan->service_changes = g_strcmp0(live, plan->service) != 0;
	plan->manifest->service = g_strdup(plan->service);
	if (!plan->service_changes)
		return;
	/* A run that died may have left what it, or the generation before, wrote: master.cf is
	 * renamed before main.cf where the service comes, behind it where it goes. */
	if (live != NULL && (plan->flags & PLAN_ADOPT) == 0 &&
	    !generation_wrote_service(plan->directory, live)) {
		g_autofree char *where = g_strdup_printf("%s/master.cf: " MAINCF_SERVICE "/unix",
							 plan->snapshot->config_directory);
		findings_add_live(
			findings, FINDING_FOREIGN_SERVICE, where,
			"found \"%s\", which tlsmap did not write; remove it, or overwrite "
			"it by apply --adopt",
			live);
	}
	/* Its end alone is no reason to touch anything, but where all of tlsgate goes. */
	if (plan->service != NULL || is_removal(plan))
		change_add(plan->changes, CHANGE_SERVICE, MAINCF_SERVICE "/unix", live,
			   plan->service,
			   live == NULL            ? CHANGE_STRICTER
			   : plan->service == NULL ? CHANGE_WEAKER
						   : CHANGE_EQUAL);
}

/* Whether the file of the generation in force holds bytes. */
static gboolean
is_in_file(const Plan *plan, const char *file, const void *data, size_t size)
{
	g_autofree char *path = generation_dup_path(plan->directory, plan->current->number, file);
	g_autofree char *content = NULL;
	gsize length;

	return g_file_get_contents(path, &content, &length, NULL) && length == size &&
	       memcmp(content, data, size) == 0;
}

/* A difference that no row or rule shows: another Postfix setting is compiled in, or a file of the
 * generation in force is not what it was. */
static void
plan_files(Plan *plan)
{
	if (plan->current == NULL || plan->changes->len > 0)
		return;
	if (plan->table->len > 0 &&
	    !is_in_file(plan, GENERATION_TABLE, plan->table->str, plan->table->len))
		change_add(plan->changes, CHANGE_ROW, "(table)", "not as the document says",
			   "built anew", CHANGE_EQUAL);
	if (plan->spellings != NULL &&
	    !is_in_file(plan, SPELLING_FILE, plan->spellings, strlen(plan->spellings)))
		change_add(plan->changes, CHANGE_ROW, "(spellings)", "not as this tlsmap has them",
			   "built anew", CHANGE_EQUAL);
	if (plan->rules == NULL)
		return;
	g_autoptr(GBytes) same =
		compile_rules(plan->settings, &plan->snapshot->rewriting, plan->current->number);
	if (!is_in_file(plan, GENERATION_RULES, g_bytes_get_data(same, NULL),
			g_bytes_get_size(same)))
		change_add(plan->changes, CHANGE_RULE, "(all)",
			   "compiled for other settings of this Postfix", "compiled anew",
			   CHANGE_EQUAL);
}

/* Rows under the next-hops to which their mail is routed. */
static gboolean
plan_routes(Plan *plan, Findings *findings, GError **error)
{
	g_autoptr(Findings) ignored = findings_new();

	plan->route_keys = routekeys_find(plan->settings, plan->snapshot,
					  is_removal(plan) ? ignored : findings, error);
	if (plan->route_keys == NULL)
		return FALSE;
	routerows_append(plan->table, plan->route_keys, plan->settings, plan->snapshot->version);
	return TRUE;
}

static void
diff_routes(Plan *plan)
{
	g_autofree char *old_table = NULL;

	if (plan->current != NULL) {
		g_autofree char *path = generation_dup_path(plan->directory, plan->current->number,
							    GENERATION_TABLE);
		/* Without it that is a difference of its own. */
		if (!g_file_get_contents(path, &old_table, NULL, NULL))
			old_table = NULL;
	}
	const RouteRowsBefore before = { old_document(plan), old_table, old_send_level(plan) };
	routerows_diff(&before, plan->route_keys, plan->settings, plan->snapshot->version,
		       plan->changes);
}

static gboolean
plan_contents(Plan *plan, Findings *findings, GError **error)
{
	plan->table = policymap_render(plan->settings, plan->snapshot->version);
	if (!plan_routes(plan, findings, error))
		return FALSE;
	plan->spellings = spelling_dup_table(plan->settings);
	if (settings_n_rules(plan->settings) > 0)
		plan->rules =
			compile_rules(plan->settings, &plan->snapshot->rewriting, plan->number);
	g_auto(Mandatory) mandatory = mandatory_read(plan->snapshot->expanded);
	const DiffContext context = { plan->old_settings != NULL ? plan->old_settings
								 : plan->old_rows,
				      old_send_level(plan), plan->snapshot->version, mandatory };
	guint first_row = plan->changes->len;
	if (!plan->has_same_rows)
		diff_rows(&context, plan->settings, plan->changes);
	if (plan->old_rows != NULL)
		oldrows_judge(plan->old_rows, plan->settings, first_row, plan->changes);
	diff_routes(plan);
	diff_rules(old_document(plan), plan->settings, plan->changes);
	return TRUE;
}

/* The parameters and the service of generation number. */
static gboolean
plan_values(Plan *plan, guint64 number, Findings *findings, GError **error)
{
	if (!find_current(plan, findings, error))
		return FALSE;
	plan->number = number;
	plan->table_type = choose_table_type(plan, findings);
	plan->manifest = manifest_new(number);
	for (size_t i = 0; i < maincf_n_parameters(); i++)
		plan_parameter(plan, maincf_parameter(i), findings);
	plan_service(plan, findings);
	return TRUE;
}

static Plan *
new_plan(const Settings *settings, GBytes *document, const Snapshot *snapshot, PlanFlags flags)
{
	Plan *plan = g_new0(Plan, 1);

	plan->settings = settings;
	plan->document = document;
	plan->snapshot = snapshot;
	plan->flags = flags;
	plan->directory = generation_dup_directory(snapshot->config_directory);
	plan->sets = g_ptr_array_new_with_free_func(g_free);
	plan->removes = g_ptr_array_new_with_free_func(g_free);
	plan->changes = change_list_new();
	return plan;
}

Plan *
plan_make(const Settings *settings, GBytes *document, const Snapshot *snapshot, PlanFlags flags,
	  Findings *findings, GError **error)
{
	g_autoptr(Plan) plan = new_plan(settings, document, snapshot, flags);
	guint64 number;

	if (!generation_next(plan->directory, &number, error) ||
	    !plan_values(plan, number, findings, error))
		return NULL;
	load_old_settings(plan, findings);
	if (plan->current == NULL && !oldrows_load(plan->snapshot, &plan->old_rows, error))
		return NULL;
	if (!plan_contents(plan, findings, error))
		return NULL;
	plan_files(plan);
	if (!is_removal(plan)) {
		obstacle_find(plan->settings, plan->snapshot, findings);
		if (!filter_find(plan->settings, plan->snapshot, plan->route_keys, findings, error))
			return NULL;
	}
	return g_steal_pointer(&plan);
}

gboolean
plan_find_in_force(const Snapshot *snapshot, Manifest **manifest, Findings *findings,
		   GError **error)
{
	g_autoptr(Plan) plan = new_plan(NULL, NULL, snapshot, 0);

	if (!find_current(plan, findings, error))
		return FALSE;
	*manifest = g_steal_pointer(&plan->current);
	return TRUE;
}

Plan *
plan_make_values(const Settings *settings, const Snapshot *snapshot, guint64 number,
		 Findings *findings, GError **error)
{
	g_autoptr(Plan) plan = new_plan(settings, NULL, snapshot, PLAN_ADOPT);

	return plan_values(plan, number, findings, error) ? g_steal_pointer(&plan) : NULL;
}
