/* SPDX-License-Identifier: Apache-2.0 */
/* cmd-status: what is in force on this Postfix, and what is off about it; changes nothing. */
#include "checks.h"
#include "confirm.h"
#include "document.h"
#include "expiry.h"
#include "hole.h"
#include "maincf.h"
#include "output.h"
#include "plan.h"
#include "proof.h"
#include "snapshot.h"
#include "socket.h"
#include "steps.h"

#include <string.h>

#define ANSWER_SECONDS 5
#define MAX_RULES_PRINTED 10

typedef struct {
	const Snapshot *snapshot;
	const Manifest *manifest; /* of the generation in force */
	Document in_force;        /* its document */
	Document *file;           /* the settings file; its findings are what is off */
	const char *file_says;    /* beside what is in force: "same", "differs" or "missing" */
} Status;

static void
report_route(const Status *status, const char *where, const Change *change)
{
	findings_add_live(status->file->findings, FINDING_ROUTES_CHANGED, where,
			  "Postfix routes mail otherwise than when generation %" G_GUINT64_FORMAT
			  " was applied: the next-hop has \"%s\", and needs \"%s\"; apply does "
			  "it",
			  status->manifest->number,
			  change->old_value != NULL ? change->old_value : "(no row)",
			  change->new_value != NULL ? change->new_value : "(no row)");
}

/* What plan would change to have again what the generation wrote. */
static void
report_drift(const Status *status, const Plan *plan)
{
	for (guint i = 0; i < plan->changes->len; i++) {
		const Change *change = &g_array_index(plan->changes, Change, i);
		g_autofree char *where =
			g_strdup_printf("%s %s", change_kind_word(change->kind), change->name);
		/* The document is the same: what differs are the keys of routes. */
		if (change->kind == CHANGE_ROW && *change->name != '(') {
			report_route(status, where, change);
			continue;
		}
		findings_add_live(status->file->findings, FINDING_DRIFT, where,
				  "found \"%s\", but generation %" G_GUINT64_FORMAT
				  " has \"%s\"; apply puts it right, with --adopt where somebody "
				  "else wrote it",
				  change->old_value != NULL ? change->old_value : "(not set)",
				  status->manifest->number,
				  change->new_value != NULL ? change->new_value : "(not set)");
	}
}

/* Of the document in force, whose places are not those of the file. That routes can't be listed was
 * known when it was applied. */
static void
report_obstacles(const Status *status, const Findings *obstacles)
{
	for (size_t i = 0; i < findings_n(obstacles); i++) {
		const Finding *finding = findings_nth(obstacles, i);
		if (finding->id != FINDING_ROUTES_UNLISTED)
			findings_add_live(status->file->findings, finding->id,
					  finding->offset == FINDING_NO_PLACE
						  ? finding->where
						  : status->in_force.path,
					  "%s", finding->message);
	}
}

static gboolean
find_drift(const Status *status, GError **error)
{
	g_autoptr(Findings) obstacles = findings_new();
	g_autoptr(Plan) plan = plan_make(status->in_force.settings, status->in_force.input.bytes,
					 status->snapshot, PLAN_ADOPT, obstacles, error);

	if (plan == NULL)
		return FALSE;
	report_obstacles(status, obstacles);
	report_drift(status, plan);
	return TRUE;
}

static void
find_reload_owed(const Status *status)
{
	if (steps_is_reload_owed(status->snapshot))
		findings_add_live(status->file->findings, FINDING_RELOAD_NEEDED, "Postfix",
				  "a reload is owed: processes that began before the last apply "
				  "still have what was in force then; run apply, which "
				  "makes it");
}

static void
find_unconfirmed(const Status *status)
{
	Confirmation confirmation;

	if (confirm_find(status->snapshot->config_directory, status->manifest->number,
			 &confirmation))
		confirm_report(&confirmation, status->file->findings);
}

static void
find_report_only(const Status *status)
{
	if (status->manifest->report_only)
		findings_add_live(status->file->findings, FINDING_REPORT_ONLY, "rules",
				  "NO RULE IS ENFORCED: mail that they forbid passes and is only "
				  "reported (apply --report-only); apply without it enforces them");
}

/* "answers", "silent" or "unused". */
static const char *
ask_policyd(const Status *status, const char *path)
{
	g_autoptr(GError) cause = NULL;

	if (settings_n_rules(status->in_force.settings) == 0 || !status->snapshot->is_running)
		return "unused";
	if (socket_ask(path, status->manifest->number, ANSWER_SECONDS, &cause))
		return "answers";
	findings_add_live(status->file->findings, FINDING_POLICYD_SILENT, path,
			  "policyd does not answer for generation %" G_GUINT64_FORMAT
			  ": %s; until it does, smtpd answers each recipient by on_policy_failure",
			  status->manifest->number, cause->message);
	return "silent";
}

static void
print_counters(const Tally *tally)
{
	const guint64 *count = tally->count;
	g_autoptr(GString) rules = g_string_new(NULL);

	for (size_t i = 0; i < MIN(tally->n_rules, MAX_RULES_PRINTED); i++)
		g_string_append_printf(rules, "%s%s %" G_GUINT64_FORMAT, i > 0 ? ", " : "",
				       tally->rules[i].name, tally->rules[i].broken);
	output_print("requests since policyd began: %" G_GUINT64_FORMAT ": %" G_GUINT64_FORMAT
		     " passed, %" G_GUINT64_FORMAT " reported, %" G_GUINT64_FORMAT
		     " deferred, %" G_GUINT64_FORMAT " rejected, %" G_GUINT64_FORMAT
		     " without an answer\n",
		     count[COUNTER_REQUESTS], count[COUNTER_PASSED], count[COUNTER_REPORTED],
		     count[COUNTER_DEFERRED], count[COUNTER_REJECTED], count[COUNTER_UNANSWERED]);
	output_print("its connections: %" G_GUINT64_FORMAT ", %" G_GUINT64_FORMAT
		     " of them open; clients that broke the protocol: %" G_GUINT64_FORMAT "\n",
		     count[COUNTER_CONNECTIONS], count[COUNTER_OPEN],
		     count[COUNTER_PROTOCOL_ERRORS]);
	output_print("rules broken most often: %s%s\n", tally->n_rules > 0 ? rules->str : "none",
		     tally->n_rules > MAX_RULES_PRINTED ? ", and others" : "");
}

static void
add_counters(const Tally *tally)
{
	output_begin_object("counters");
	for (Counter i = 0; i < N_COUNTERS; i++)
		output_add_number(names_word(&names_counter, (int)i), tally->count[i]);
	output_begin_list("rules");
	for (size_t i = 0; i < tally->n_rules; i++) {
		output_begin_object(NULL);
		output_add_text("name", tally->rules[i].name);
		output_add_number("broken", tally->rules[i].broken);
		output_end();
	}
	output_end();
	output_end();
}

/* Of a policyd that answers. Without counters nothing is off: its rules hold all the same. */
static void
report_counters(const Status *status, const char *path)
{
	g_autoptr(GError) cause = NULL;
	Tally tally;

	if (status->in_force.settings->postfix.policyd.code == POLICYD_SPAWN) {
		output_print("counters: each process of policyd counts for itself; "
			     "kill -USR1 PID makes it log them\n");
		output_add_text("counters", NULL);
	} else if (!socket_ask_counters(path, ANSWER_SECONDS, &tally, &cause)) {
		output_print("counters: not available: %s\n", cause->message);
		output_add_text("counters", NULL);
	} else {
		print_counters(&tally);
		add_counters(&tally);
	}
}

/* A document may have a hundred doubts that were known when it was applied; only what time has
 * brought is news. A new date in the settings file counts at once: nothing else depends on it. */
static void
find_reviews(const Findings *all, Findings *findings)
{
	for (size_t i = 0; i < findings_n(all); i++) {
		const Finding *finding = findings_nth(all, i);
		if (finding->id == FINDING_REVIEW_DUE)
			findings_add(findings, finding->id, finding->offset, "%s",
				     finding->message);
	}
}

static gboolean
look_at_file(Status *status, GError **error)
{
	g_autoptr(Findings) all = findings_new();
	g_autoptr(Findings) ignored = findings_new();
	Document *file = status->file;

	status->file_says = g_file_test(file->path, G_FILE_TEST_EXISTS) ? "differs" : "missing";
	if (!document_read_again(file, all))
		return TRUE;
	if (status->manifest->report_only)
		settings_make_report_only(file->settings);
	g_autoptr(Plan) plan = plan_make(file->settings, file->input.bytes, status->snapshot,
					 PLAN_ADOPT, ignored, error);
	if (plan == NULL)
		return FALSE;
	if (!plan_has_changes(plan))
		status->file_says = "same";
	find_reviews(all, file->findings);
	return TRUE;
}

/* That something can't be seen from here is nothing that is off. */
static void
look_at_listeners(const Status *status)
{
	if (!status->snapshot->is_running)
		return;
	g_autoptr(GPtrArray) proofs = proof_try(status->snapshot);
	guint n_good = 0;

	output_begin_list("listeners");
	for (guint i = 0; i < proofs->len; i++) {
		const Proof *proof = proofs->pdata[i];
		const OutputField fields[] = {
			{ "service", proof->service },
			{ "address", proof->address },
			{ "proof", proof_word(proof->grade) },
		};
		output_add_record(fields, G_N_ELEMENTS(fields));
		n_good += proof->grade == FINGER_GOOD;
		if (proof->grade == FINGER_NOT_PROVED)
			command_note("%s was not proved: %s", proof->service, proof->seen);
		else
			proof_report(proof, status->file->findings);
	}
	output_end();
	output_print("listeners: %u of %u proved\n", n_good, proofs->len);
}

static void
report(const Status *status)
{
	g_autofree char *path =
		g_build_filename(status->snapshot->queue_directory,
				 maincf_policy_socket(status->in_force.settings), NULL);
	const char *policyd = ask_policyd(status, path);
	size_t n_rules = settings_n_rules(status->in_force.settings);

	output_print("generation %" G_GUINT64_FORMAT " is in force%s\n", status->manifest->number,
		     status->snapshot->is_running ? "" : ", but Postfix is not running");
	output_print("rules: %zu%s\n", n_rules,
		     n_rules == 0                    ? ""
		     : status->manifest->report_only ? ", which only report"
						     : ", enforced");
	output_print("policyd: %s\n", policyd);
	output_print("%s: %s\n", status->file->path,
		     strcmp(status->file_says, "same") == 0 ? "as in force"
		     : strcmp(status->file_says, "differs") == 0
			     ? "differs from what is in force; see plan"
			     : "is not there");
	output_add_number("generation", status->manifest->number);
	output_add_boolean("running", status->snapshot->is_running);
	output_add_boolean("report_only", status->manifest->report_only);
	output_add_text("policyd", policyd);
	output_add_text("settings_file", status->file_says);
	if (strcmp(policyd, "answers") == 0)
		report_counters(status, path);
	else
		output_add_text("counters", NULL);
}

static void
note_hole(const char *text, void *data)
{
	command_note("%s", text);
}

static ExitCode
look(Status *status, GError **error)
{
	g_autoptr(Findings) known = findings_new();

	if (!document_read_again(&status->in_force, known)) {
		findings_add_live(status->file->findings, FINDING_DRIFT, status->in_force.path,
				  "the document of the generation in force can't be read; apply "
				  "--adopt builds a new one");
		return EXIT_CHANGES;
	}
	if (status->manifest->report_only)
		settings_make_report_only(status->in_force.settings);
	if (!find_drift(status, error) || !look_at_file(status, error))
		return EXIT_NO_POSTFIX;
	find_reload_owed(status);
	find_report_only(status);
	find_unconfirmed(status);
	expiry_find(status->in_force.settings, g_get_real_time() / G_USEC_PER_SEC,
		    status->file->findings);
	report(status);
	look_at_listeners(status);
	hole_visit(status->in_force.settings, status->snapshot, note_hole, NULL);
	return findings_n(status->file->findings) > 0 ? EXIT_CHANGES : EXIT_DONE;
}

static ExitCode
look_at(const Snapshot *snapshot, Document *file, GError **error)
{
	g_autofree char *directory = generation_dup_directory(snapshot->config_directory);
	g_autoptr(Manifest) manifest = NULL;

	if (!plan_find_in_force(snapshot, &manifest, file->findings, error))
		return EXIT_NO_POSTFIX;
	if (manifest == NULL || manifest_is_removal(manifest)) {
		output_print("tlsgate is not in force on this Postfix\n");
		return findings_n(file->findings) > 0 ? EXIT_CHANGES : EXIT_DONE;
	}
	Status status = { .snapshot = snapshot, .manifest = manifest, .file = file };
	status.in_force.path =
		generation_dup_path(directory, manifest->number, GENERATION_DOCUMENT);
	ExitCode code = look(&status, error);
	document_clear(&status.in_force);
	return code;
}

static ExitCode
run(const CommandContext *context, char **arguments)
{
	g_auto(Document) file = { .findings = findings_new() };
	g_autoptr(GError) error = NULL;

	if (arguments[0] != NULL)
		return command_refuse_argument(&command_status, arguments[0]);
	g_autoptr(Snapshot) snapshot = snapshot_take(context->config_directory, &error);
	if (snapshot == NULL)
		return command_fail(EXIT_NO_POSTFIX, error);
	file.path = document_dup_path(context);
	file.input.bytes = g_bytes_new_static("", 0);
	ExitCode code = look_at(snapshot, &file, &error);
	if (error != NULL)
		return command_fail(code, error);
	if (code == EXIT_CHANGES)
		output_blame_findings();
	return document_report(context, &file, code);
}

const Command command_status = {
	.name = "status",
	.summary = "show what is in force, and what is off",
	.help = "Shows which generation is in force, whether its rules are enforced and policyd answers\n"
		"for them, whether the listeners serve mail clients so, with the certificates of the files,\n"
		"whether the settings file still says the same, and what policyd has answered since it\n"
		"began, where it serves a socket. What is off is said on standard error: values that\n"
		"somebody edited, a reload that is owed, certificates that end within 14 days, reviews that\n"
		"are due, rules that only report. Mail that Postfix takes in without asking policyd is\n"
		"noted, and what could not be proved.\n"
		"Nothing is changed.\n",
	.statuses = "0 all is well, 1 something is off, 64 usage, 69 Postfix",
	.example = "tlsmap status || echo 'look at the TLS settings'",
	.run = run,
};
