/* SPDX-License-Identifier: Apache-2.0 */
/* cmd-probe: how mail to destinations would go, tried for real; changes nothing, sends nothing. */
#include "certificate.h"
#include "checks.h"
#include "document.h"
#include "maincf.h"
#include "nexthop.h"
#include "output.h"
#include "plan.h"
#include "probe-ways.h"
#include "probe.h"
#include "sendpolicy.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "posttls-finger"
#define MAX_LIMIT 3600
#define MAX_AT_ONCE 100
#define MAX_DESTINATION 1024
#define DAY ((gint64)24 * 60 * 60)

typedef struct {
	guint64 limit;
	guint64 at_once;
	GPtrArray *targets; /* of ProbeTarget */
	Document file;      /* holds the findings */
	Document in_force;  /* settings NULL: there is none */
	SendPolicy *wanted; /* what it says */
} Probe;

/* ---- arguments ---- */

static gboolean
take_number(const char *option, const char *text, guint64 max, guint64 *number)
{
	if (text != NULL && g_ascii_string_to_unsigned(text, 10, 1, max, number, NULL))
		return TRUE;
	g_autofree char *quoted = text != NULL ? finding_quote(text, -1) : g_strdup("nothing");
	command_complain(
		"probe: found %s behind %s; accepted are numbers from 1 to %" G_GUINT64_FORMAT,
		quoted, option, max);
	return FALSE;
}

/* An address is routed as a whole; of both kinds the domain is what is asked for. */
static gboolean
take_destination(Probe *probe, const char *text)
{
	const char *at = strrchr(text, '@');
	const char *domain = at != NULL ? at + 1 : text;
	char normal[MAX_DESTINATION] = "";
	const char *reason = "is too long";

	if (strlen(domain) < sizeof normal) {
		memcpy(normal, domain, strlen(domain) + 1);
		reason = nexthop_normalise(normal, sizeof normal);
	}
	if (reason == NULL && normal[0] == '.')
		reason = "stands for all domains below one; name one of them";
	if (reason == NULL && at != NULL && strpbrk(normal, "[:") != NULL)
		reason = "has no domain";
	if (reason != NULL) {
		g_autofree char *quoted = finding_quote(text, -1);
		command_complain("probe: found the destination %s: it %s; accepted are domains, "
				 "addresses and next-hops",
				 quoted, reason);
		return FALSE;
	}
	g_autofree char *whole = g_strdup_printf("%.*s%s", (int)(domain - text), text, normal);
	g_ptr_array_add(probe->targets, probe_target_new(whole));
	return TRUE;
}

static gboolean
parse_arguments(Probe *probe, char **arguments)
{
	for (; *arguments != NULL; arguments++) {
		if (strcmp(*arguments, "--timeout") == 0) {
			if (!take_number("--timeout", arguments[1], MAX_LIMIT, &probe->limit))
				return FALSE;
			arguments++;
		} else if (strcmp(*arguments, "--parallel") == 0) {
			if (!take_number("--parallel", arguments[1], MAX_AT_ONCE, &probe->at_once))
				return FALSE;
			arguments++;
		} else if (**arguments == '-') {
			(void)command_refuse_argument(&command_probe, *arguments);
			return FALSE;
		} else if (!take_destination(probe, *arguments)) {
			return FALSE;
		}
	}
	return TRUE;
}

/* ---- what is tried ---- */

/* A row for all domains below one names none that could be tried. */
static void
add_destinations(Probe *probe)
{
	const Settings *settings = probe->in_force.settings;
	size_t n_left_out = 0;

	for (size_t i = 0; i < settings_n_destinations(settings); i++) {
		const char *name = settings_destination(settings, i)->destination.text;
		if (name[0] == '.')
			n_left_out++;
		else
			g_ptr_array_add(probe->targets, probe_target_new(name));
	}
	if (n_left_out > 0)
		command_note("%zu destinations of the document stand for all domains below one and "
			     "are not tried: name such a domain to try it",
			     n_left_out);
}

/* FALSE with error where Postfix does not answer. */
static gboolean
find_document(Probe *probe, const Snapshot *snapshot, GError **error)
{
	g_autofree char *directory = generation_dup_directory(snapshot->config_directory);
	g_autoptr(Findings) known = findings_new();
	g_autoptr(Manifest) manifest = NULL;

	if (!plan_find_in_force(snapshot, &manifest, known, error))
		return FALSE;
	if (manifest == NULL || manifest_is_removal(manifest))
		return TRUE;
	probe->in_force.path =
		generation_dup_path(directory, manifest->number, GENERATION_DOCUMENT);
	if (!document_read_again(&probe->in_force, known)) {
		command_note("the document of the generation in force can't be read");
		g_clear_pointer(&probe->in_force.settings, settings_free);
		return TRUE;
	}
	g_autoptr(GPtrArray) none = g_ptr_array_new();
	probe->wanted = sendpolicy_new(probe->in_force.settings, snapshot, none, error);
	return probe->wanted != NULL;
}

/* ---- what came of it ---- */

static char *
dup_date(gint64 seconds)
{
	g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(seconds);

	return g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ");
}

static void
print_verdict(ProbeOutcome outcome, const char *reason)
{
	output_print("%s%s%s\n", probe_verdict_word(outcome), reason != NULL ? ", because " : "",
		     reason != NULL ? reason : "");
}

static void
print_certificate(const ProbeSeen *seen)
{
	g_auto(CertificateFacts) facts = { 0 };

	if (seen->certificate == NULL || !certificate_read(seen->certificate, &facts))
		return;
	g_autofree char *names = g_strjoinv(", ", facts.names);
	g_autofree char *date = dup_date(facts.expires);
	output_print("    certificate of %s, issued by %s, until %s\n", names, facts.issuer, date);
	output_begin_object("certificate");
	output_begin_list("names");
	for (size_t i = 0; facts.names[i] != NULL; i++)
		output_add_item(facts.names[i]);
	output_end();
	output_add_text("issuer", facts.issuer);
	output_add_text("expires", date);
	output_add_text("fingerprint", seen->fingerprint);
	output_add_text("key_fingerprint", seen->key_fingerprint);
	output_end();
}

static void
print_host(const ProbeHost *host)
{
	const ProbeSeen *seen = &host->seen;
	const char *level = names_word(&names_security_level, host->level);
	gboolean is_encrypted = seen->protocol != NULL;

	output_print("  %s, %s (%s): ", seen->address != NULL ? seen->address : host->name, level,
		     host->way->source);
	if (is_encrypted)
		output_print("%s %s, ", seen->protocol, seen->cipher);
	print_verdict(seen->outcome, seen->reason);
	output_begin_object(NULL);
	output_add_text("next_hop", host->way->next_hop);
	output_add_text("host", host->name);
	if (host->preference >= 0)
		output_add_number("preference", (guint64)host->preference);
	output_add_text("security_level", level);
	output_add_text("decided_by", host->way->source);
	output_add_text("address", seen->address);
	output_add_text("protocol", seen->protocol);
	output_add_text("cipher", seen->cipher);
	output_add_text("verdict", probe_verdict_word(seen->outcome));
	output_add_text("reason", seen->reason);
	print_certificate(seen);
	output_end();
}

/* For people the hosts say why. */
static void
print_target(const ProbeTarget *target)
{
	output_print("%s: ", target->destination);
	print_verdict(target->outcome, target->hosts->len > 0 ? NULL : target->reason);
	output_begin_object(NULL);
	output_add_text("destination", target->destination);
	output_add_text("verdict", probe_verdict_word(target->outcome));
	output_add_text("reason", target->reason);
	output_begin_list("hosts");
	for (guint i = 0; i < target->hosts->len; i++)
		print_host(target->hosts->pdata[i]);
	output_end();
	output_end();
}

/* ---- what is off ---- */

static void
look_at_certificate(const ProbeTarget *target, const ProbeHost *host, gint64 now,
		    Findings *findings)
{
	g_auto(CertificateFacts) facts = { 0 };

	if (host->seen.certificate == NULL || !probe_verdict_needs_match(host->level) ||
	    host->level == SECURITY_FINGERPRINT ||
	    !certificate_read(host->seen.certificate, &facts) || facts.expires <= now ||
	    facts.expires - now >= CHECKS_REVIEW_DAYS * DAY)
		return;
	g_autofree char *date = dup_date(facts.expires);
	findings_add_live(
		findings, FINDING_CERTIFICATE_EXPIRES, target->destination,
		"the certificate of %s expires at %s; then mail to it is deferred, unless "
		"its owner renews it",
		host->name, date);
}

/* A pin that does not match: the one to have, if it is right. */
static char *
dup_hint(const ProbeTarget *target)
{
	for (guint i = 0; i < target->hosts->len; i++) {
		const ProbeHost *host = target->hosts->pdata[i];
		if (host->level == SECURITY_FINGERPRINT && host->seen.fingerprint != NULL &&
		    host->seen.outcome != PROBE_DELIVERED)
			return g_strdup_printf("; %s shows the fingerprint %s, of its key %s: ask "
					       "its owner whether that is right",
					       host->name, host->seen.fingerprint,
					       host->seen.key_fingerprint);
	}
	return g_strdup("");
}

static SecurityLevel
level_of(const SendDecision *decision)
{
	g_auto(GStrv) words = maincf_split_list(decision->value);
	int level = words[0] != NULL ? names_code(&names_security_level, words[0]) : -1;

	return level >= 0 ? (SecurityLevel)level : SECURITY_NONE;
}

/* What the document says of the mail, whichever way it takes; where it has no row for that, of the
 * next-hop. A table behind its rows that gives no answer demands nothing. */
static SecurityLevel
wanted_level(const Probe *probe, const ProbeTarget *target, const ProbeWay *way)
{
	const char *at = strrchr(target->destination, '@');
	g_auto(SendDecision) decision = { 0 };

	if (!sendpolicy_decide(probe->wanted, at != NULL ? at + 1 : target->destination, &decision,
			       NULL) ||
	    (decision.decider == DECIDED_BY_LEVEL &&
	     !sendpolicy_decide(probe->wanted, way->next_hop, &decision, NULL)))
		return SECURITY_NONE;
	return level_of(&decision);
}

/* Somebody else has changed Postfix since, or another table decides. */
static gboolean
is_level_as_wanted(const Probe *probe, const ProbeTarget *target)
{
	gboolean is_wanted = TRUE;

	for (guint i = 0; probe->wanted != NULL && i < target->ways->len; i++) {
		const ProbeWay *way = target->ways->pdata[i];
		SecurityLevel wanted = wanted_level(probe, target, way);
		if (way->trouble != NULL || names_is_at_least(way->level, wanted))
			continue;
		is_wanted = FALSE;
		findings_add_live(probe->file.findings, FINDING_WEAKER_THAN_DOCUMENT,
				  target->destination,
				  "the document in force says %s, but for the next-hop %s Postfix "
				  "has %s, by %s; see status and plan",
				  names_word(&names_security_level, wanted), way->next_hop,
				  names_word(&names_security_level, way->level), way->source);
	}
	return is_wanted;
}

static gboolean
is_as_wanted(const ProbeTarget *target)
{
	switch (target->outcome) {
	case PROBE_DELIVERED:
	case PROBE_CLEAR:
	case PROBE_CLEAR_LATER:
	case PROBE_NOT_TRIED:
		return TRUE;
	case PROBE_DEFERRED:
	case PROBE_RETURNED:
	case PROBE_UNKNOWN:
	case N_PROBE_OUTCOMES:
		return FALSE;
	}
	g_assert_not_reached();
}

static void
look_at_target(const ProbeTarget *target, gint64 now, Findings *findings)
{
	g_autofree char *hint = dup_hint(target);

	for (guint i = 0; i < target->hosts->len; i++)
		look_at_certificate(target, target->hosts->pdata[i], now, findings);
	if (target->outcome == PROBE_CLEAR_LATER)
		findings_add_live(findings, FINDING_GOES_IN_CLEAR, target->destination,
				  "mail goes without TLS, although the host offers it: %s",
				  target->reason);
	else if (!is_as_wanted(target))
		findings_add_live(findings, FINDING_DESTINATION_FAILS, target->destination,
				  "mail would not go: %s, because %s%s",
				  probe_verdict_word(target->outcome), target->reason, hint);
}

/* ---- the command ---- */

static void
show_progress(guint n_done, guint n, G_GNUC_UNUSED void *data)
{
	fprintf(stderr, "\r%u of %u destinations tried%s", n_done, n, n_done == n ? "\n" : "");
	fflush(stderr);
}

/* With --json standard error stays empty. */
static gboolean
has_watcher(void)
{
	return !output_is_json() && isatty(STDERR_FILENO);
}

static ExitCode
try_all(Probe *probe, const Snapshot *snapshot, GError **error)
{
	const ProbeRun run = { .snapshot = snapshot,
			       .limit = (guint)probe->limit,
			       .at_once = (guint)probe->at_once,
			       .progress = has_watcher() ? show_progress : NULL };
	gint64 now = g_get_real_time() / G_USEC_PER_SEC;
	ExitCode code = EXIT_DONE;

	probe_ways_find(snapshot, probe->targets);
	probe_run(&run, probe->targets);
	output_begin_list("destinations");
	for (guint i = 0; i < probe->targets->len; i++) {
		const ProbeTarget *target = probe->targets->pdata[i];
		print_target(target);
		look_at_target(target, now, probe->file.findings);
		if (!is_level_as_wanted(probe, target) || !is_as_wanted(target))
			code = EXIT_CHANGES;
	}
	output_end();
	return code;
}

static ExitCode
probe_all(Probe *probe, const Snapshot *snapshot, GError **error)
{
	g_autofree char *program = g_find_program_in_path(PROGRAM);

	if (program == NULL) {
		command_complain("probe: " PROGRAM
				 "(1), a part of Postfix, is not on this machine");
		return EXIT_NO_POSTFIX;
	}
	if (!find_document(probe, snapshot, error))
		return EXIT_NO_POSTFIX;
	if (probe->targets->len == 0 && probe->in_force.settings == NULL) {
		command_complain("probe: no document is in force on this Postfix that would name "
				 "destinations; name them, or apply one first");
		return EXIT_USAGE;
	}
	if (probe->targets->len == 0)
		add_destinations(probe);
	return try_all(probe, snapshot, error);
}

static ExitCode
run_probe(const CommandContext *context, Probe *probe)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Snapshot) snapshot = snapshot_take(context->config_directory, &error);

	if (snapshot == NULL)
		return command_fail(EXIT_NO_POSTFIX, error);
	probe->file.findings = findings_new();
	probe->file.input.bytes = g_bytes_new_static("", 0);
	probe->file.path = document_dup_path(context);
	ExitCode code = probe_all(probe, snapshot, &error);
	if (error != NULL)
		return command_fail(code, error);
	if (code == EXIT_CHANGES)
		output_blame_findings();
	return document_report(context, &probe->file, code);
}

static ExitCode
run(const CommandContext *context, char **arguments)
{
	Probe probe = {
		.limit = 30,
		.at_once = 8,
		.targets = g_ptr_array_new_with_free_func(probe_target_free),
	};
	ExitCode code =
		parse_arguments(&probe, arguments) ? run_probe(context, &probe) : EXIT_USAGE;

	document_clear(&probe.file);
	document_clear(&probe.in_force);
	sendpolicy_free(probe.wanted);
	g_ptr_array_unref(probe.targets);
	return code;
}

const Command command_probe = {
	.name = "probe",
	.summary = "try how mail to destinations would go",
	.arguments = "[--timeout SECONDS] [--parallel N] [DEST]…",
	.help = "Tries each destination of the document in force, or those that are named, for real, with\n"
		"the level, names, pins, anchors and protocols that Postfix has in force for it: each mail\n"
		"exchanger up to the point where mail would be offered. Nothing is sent or changed.\n"
		"DEST is a domain, an address, or a next-hop as Postfix spells it.\n\n"
		"  delivered   mail goes over TLS, as the level demands\n"
		"  clear       mail goes without TLS, which the level allows\n"
		"  deferred    mail stays here and is tried again\n"
		"  returned    mail goes back to its sender\n"
		"  unknown     there was no answer in time; Postfix would wait longer\n"
		"  not-tried   mail does not go by smtp(8)\n\n"
		"  --timeout SECONDS  wait so long for each answer (default: 30)\n"
		"  --parallel N       try so many destinations at the same time (default: 8)\n",
	.statuses = "0 all mail goes as the document wants, 1 some does not, 64 usage, 69 Postfix",
	.example = "tlsmap probe --timeout 60 partner.example",
	.run = run,
};
