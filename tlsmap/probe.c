/* SPDX-License-Identifier: Apache-2.0 */
/* probe: how mail to destinations would go, tried with posttls-finger(1).
 *
 * Each target has a thread to itself, a bounded number of them at a time, which tries one host
 * after the other. The order is smtp(8)'s (src/smtp/smtp_connect.c, smtp_connect_inet(), 3.7):
 * next-hop by next-hop, in each the hosts by their preference, those of the same in any order; a
 * soft failure leads to the next host, a hard one in the session ends it. Of a host with several
 * addresses the first that answers is tried. */
#include "probe.h"

#include "child.h"
#include "maincf.h"
#include "mxhosts.h"
#include "nexthop.h"
#include "probe-command.h"

#include <string.h>
#include <unistd.h>

/* Of so many answers, each in time, one host is made. */
#define MAX_ANSWERS 4

typedef struct {
	const ProbeRun *run;
	ProbeTarget *target;
	GAsyncQueue *done;
} Job;

/* Where a host stands in the order. */
typedef struct {
	const ProbeWay *way;
	const char *name;
	int preference; /* -1: no MX record */
	gboolean is_best;
	gboolean is_secure; /* the MX record, or there is none */
} Place;

/* ---- what is tried ---- */

void
probe_way_free(ProbeWay *way)
{
	char *texts[] = { way->next_hop,  way->service, way->source,  way->trouble,
			  way->protocols, way->ciphers, way->exclude, way->server_name };

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		g_free(texts[i]);
	g_strfreev(way->match);
	g_strfreev(way->trust_anchors);
	g_free(way);
}

static void
free_host(void *data)
{
	ProbeHost *host = data;

	g_free(host->name);
	probe_verdict_clear(&host->seen);
	g_free(host);
}

ProbeTarget *
probe_target_new(const char *destination)
{
	ProbeTarget *target = g_new0(ProbeTarget, 1);

	target->destination = g_strdup(destination);
	target->ways = g_ptr_array_new_with_free_func((GDestroyNotify)probe_way_free);
	target->hosts = g_ptr_array_new_with_free_func(free_host);
	return target;
}

void
probe_target_free(void *data)
{
	ProbeTarget *target = data;

	g_free(target->destination);
	g_free(target->reason);
	g_ptr_array_unref(target->hosts);
	g_ptr_array_unref(target->ways);
	g_free(target);
}

static ProbeHost *
add_host(ProbeTarget *target, const Place *place)
{
	ProbeHost *host = g_new0(ProbeHost, 1);

	host->way = place->way;
	host->name = g_strdup(place->name);
	host->preference = place->preference;
	host->level = place->way->level;
	g_ptr_array_add(target->hosts, host);
	return host;
}

static void
judge(ProbeHost *host, ProbeOutcome outcome, const char *reason)
{
	probe_verdict_clear(&host->seen);
	host->seen = (ProbeSeen){ .outcome = outcome, .reason = g_strdup(reason) };
}

/* ---- main.cf ---- */

static const char *
in_force(const ProbeRun *run, const ProbeWay *way, const char *parameter)
{
	const char *value = snapshot_in_force(run->snapshot, way->service, parameter);

	return value != NULL ? value : "";
}

static gboolean
is_value(const ProbeRun *run, const ProbeWay *way, const char *parameter, const char *value)
{
	return g_ascii_strcasecmp(in_force(run, way, parameter), value) == 0;
}

static gboolean
has_word(const ProbeRun *run, const ProbeWay *way, const char *parameter, const char *word)
{
	g_auto(GStrv) words = maincf_split_list(in_force(run, way, parameter));

	for (size_t i = 0; words[i] != NULL; i++)
		if (g_ascii_strcasecmp(words[i], word) == 0)
			return TRUE;
	return FALSE;
}

/* A time of Postfix, "5m" (postconf(5)); without a unit seconds. */
static guint
seconds_in_force(const ProbeRun *run, const ProbeWay *way, const char *parameter)
{
	static const struct {
		char unit;
		guint seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 } };
	char *end;
	guint64 number = g_ascii_strtoull(in_force(run, way, parameter), &end, 10);

	for (size_t i = 0; i < G_N_ELEMENTS(units); i++)
		if (*end == units[i].unit)
			number *= units[i].seconds;
	return (guint)MIN(number, G_MAXINT);
}

/* A loop is looked for at port 25 alone (smtp_connect_inet()). */
static gboolean
is_smtp_port(const ProbeWay *way)
{
	const char *port = nexthop_port(way->next_hop);

	return port == NULL || strcmp(port, "25") == 0 || strcmp(port, "smtp") == 0;
}

/* posttls-finger has one limit for all that follows the greeting, and smtp(8) two: the shorter one
 * makes no answer out of a wait that would have ended. */
static void
set_times(const ProbeRun *run, const ProbeWay *way, ProbeQuestion *question)
{
	ProbeTimes *times = &question->times;

	times->connect = seconds_in_force(run, way, "smtp_connect_timeout");
	times->helo = seconds_in_force(run, way, "smtp_helo_timeout");
	times->starttls = seconds_in_force(run, way, "smtp_starttls_timeout");
	question->greeting_limit = MIN(run->limit, times->helo);
	question->command_limit = MIN(question->greeting_limit, times->starttls);
}

static ProbeQuestion
make_question(const ProbeRun *run, const Place *place, SecurityLevel level)
{
	const ProbeWay *way = place->way;
	ProbeQuestion question = {
		.level = level,
		.is_wrapped = is_value(run, way, "smtp_tls_wrappermode", "yes"),
		.ignores_starttls = has_word(run, way, "smtp_discard_ehlo_keywords", "starttls"),
		.skips_5xx = is_value(run, way, "smtp_skip_5xx_greeting", "yes"),
		.keeps_off_clear = way->has_credentials,
		.is_best = place->is_best,
		.has_rights = geteuid() == 0,
		.own_name = is_smtp_port(way) ? in_force(run, way, "myhostname") : NULL,
	};

	set_times(run, way, &question);
	return question;
}

/* ---- one host ---- */

static void
try_at_level(const ProbeRun *run, const Place *place, ProbeHost *host, SecurityLevel level)
{
	ProbeQuestion question = make_question(run, place, level);
	const ProbeCommand command = {
		.snapshot = run->snapshot,
		.way = place->way,
		.host = place->name,
		.level = question.ignores_starttls ? SECURITY_NONE : level,
		.greeting_limit = question.greeting_limit,
		.command_limit = question.command_limit,
	};
	g_auto(GStrv) argv = probe_command_dup(&command);
	ChildJob job = { .argv = (const char *const *)argv };

	probe_verdict_clear(&host->seen);
	child_run_all(&job, 1, run->snapshot->config_directory,
		      MAX_ANSWERS * question.greeting_limit);
	if (job.result.status == -1)
		judge(host, PROBE_UNKNOWN, job.result.errors);
	else
		probe_verdict_read(job.result.output, job.result.status > 128, &question,
				   &host->seen);
	child_result_clear(&job.result);
}

/* Why smtp(8) can't do "dane" at all (dane_init(), src/smtp/smtp_tls_policy.c, 3.7). */
static gboolean
is_dane_possible(const ProbeRun *run, const ProbeWay *way)
{
	return has_word(run, way, "smtp_host_lookup", "dns") &&
	       is_value(run, way, "smtp_dns_support_level", "dnssec") &&
	       !is_value(run, way, "ignore_mx_lookup_error", "yes");
}

/* What "dane" becomes for a host that an MX record named for which DNSSEC does not vouch. */
static SecurityLevel
insecure_level(const ProbeRun *run, const ProbeWay *way)
{
	if (is_value(run, way, "smtp_tls_dane_insecure_mx_policy", "dane"))
		return SECURITY_DANE;
	return is_value(run, way, "smtp_tls_dane_insecure_mx_policy", "encrypt") ? SECURITY_ENCRYPT
										 : SECURITY_MAY;
}

/* The level that "dane" becomes, or why there is none. It has been tried at "dane" unless
 * the level is "may" without that. */
static SecurityLevel
find_dane_level(const ProbeRun *run, const Place *place, ProbeHost *host, const char **failure)
{
	SecurityLevel insecure = place->is_secure ? SECURITY_DANE : insecure_level(run, place->way);

	if (!is_dane_possible(run, place->way)) {
		*failure = "smtp_dns_support_level or smtp_host_lookup is not as DANE needs it";
		return SECURITY_MAY;
	}
	if (!place->is_secure &&
	    (place->way->level == SECURITY_DANE_ONLY || insecure == SECURITY_MAY)) {
		*failure = "DNSSEC does not vouch for its MX record";
		return SECURITY_MAY;
	}
	try_at_level(run, place, host, place->way->level);
	switch (host->seen.tlsa) {
	case PROBE_TLSA_NONE:
		*failure = "it has no TLSA record";
		return SECURITY_MAY;
	case PROBE_TLSA_UNUSABLE:
		*failure = "none of its TLSA records can be used";
		return SECURITY_ENCRYPT;
	case PROBE_TLSA_USED:
		return insecure;
	}
	g_assert_not_reached();
}

static void
try_dane(const ProbeRun *run, const Place *place, ProbeHost *host)
{
	const char *failure = NULL;
	SecurityLevel level = find_dane_level(run, place, host, &failure);

	if (failure != NULL && place->way->level == SECURITY_DANE_ONLY) {
		judge(host, PROBE_DEFERRED, failure);
		return;
	}
	if (level == SECURITY_DANE)
		return;
	host->level = level;
	try_at_level(run, place, host, level);
}

static void
try_host(const ProbeRun *run, ProbeTarget *target, const Place *place)
{
	ProbeHost *host = add_host(target, place);
	SecurityLevel level = place->way->level;

	if (level < SECURITY_ENCRYPT && is_value(run, place->way, "smtp_tls_wrappermode", "yes"))
		judge(host, PROBE_DEFERRED,
		      "smtp_tls_wrappermode needs the level encrypt or a stronger one");
	else if (level == SECURITY_DANE || level == SECURITY_DANE_ONLY)
		try_dane(run, place, host);
	else
		try_at_level(run, place, host, level);
}

/* ---- one next-hop ---- */

/* No host could even be looked for. */
static void
add_failure(ProbeTarget *target, const Place *place, ProbeOutcome outcome, const char *reason)
{
	judge(add_host(target, place), outcome, reason);
}

static void
try_exchangers(const ProbeRun *run, ProbeTarget *target, const ProbeWay *way, const MxHosts *found)
{
	for (guint i = 0; i < found->hosts->len; i++) {
		const MxHost *host = &g_array_index(found->hosts, MxHost, i);
		const MxHost *best = &g_array_index(found->hosts, MxHost, 0);
		const Place place = { way, host->name, (int)host->preference,
				      host->preference == best->preference, found->is_secure };
		try_host(run, target, &place);
	}
}

static void
try_domain(const ProbeRun *run, ProbeTarget *target, const Place *place)
{
	g_auto(MxHosts) found = { 0 };

	mxhosts_look_up(place->name, &found);
	switch (found.answer) {
	case MXHOSTS_FOUND:
		try_exchangers(run, target, place->way, &found);
		return;
	case MXHOSTS_NONE:
		try_host(run, target, place);
		return;
	case MXHOSTS_NULL:
		add_failure(target, place, PROBE_RETURNED,
			    "the domain takes no mail: its MX record says so");
		return;
	case MXHOSTS_FAILED:
		add_failure(target, place, PROBE_DEFERRED,
			    "DNS gives no answer about its MX records");
		return;
	case MXHOSTS_BROKEN:
		add_failure(target, place, PROBE_RETURNED,
			    "what DNS answers about its MX records can't be used");
		return;
	}
	g_assert_not_reached();
}

static void
try_way(const ProbeRun *run, ProbeTarget *target, const ProbeWay *way)
{
	g_autofree char *name = nexthop_dup_host(way->next_hop);
	const char *host = g_ascii_strncasecmp(name, "ipv6:", 5) == 0 ? name + 5 : name;
	const Place place = { way, host, -1, TRUE, TRUE };

	if (way->trouble != NULL)
		add_failure(target, &place, PROBE_DEFERRED, way->trouble);
	else if (way->next_hop[0] == '[' ||
		 is_value(run, way, "smtp_dns_support_level", "disabled"))
		try_host(run, target, &place);
	else
		try_domain(run, target, &place);
}

/* ---- one target ---- */

static gboolean
are_equals(const ProbeHost *one, const ProbeHost *other)
{
	return one->way == other->way && one->preference == other->preference;
}

/* A host that could not be looked up, or connected to, is passed over. */
static gboolean
is_passed_over(const ProbeHost *host)
{
	return host->seen.outcome == PROBE_DEFERRED || host->seen.outcome == PROBE_UNKNOWN ||
	       host->seen.outcome == PROBE_CLEAR_LATER ||
	       (host->seen.outcome == PROBE_RETURNED && host->seen.address == NULL);
}

/* Among equals any may come first: the worst of them counts. */
static const ProbeHost *
find_taker(const ProbeTarget *target)
{
	const ProbeHost *taker = NULL;

	for (guint i = 0; i < target->hosts->len; i++) {
		const ProbeHost *host = target->hosts->pdata[i];
		if (is_passed_over(host))
			continue;
		if (taker != NULL && !are_equals(taker, host))
			break;
		if (taker == NULL || host->seen.outcome > taker->seen.outcome)
			taker = host;
	}
	return taker;
}

static const ProbeHost *
find_first(const ProbeTarget *target, ProbeOutcome outcome)
{
	for (guint i = 0; i < target->hosts->len; i++) {
		const ProbeHost *host = target->hosts->pdata[i];
		if (host->seen.outcome == outcome)
			return host;
	}
	return NULL;
}

/* No host takes it, or not now. It is returned only where none can be looked up at all. */
static const ProbeHost *
find_failure(const ProbeTarget *target)
{
	static const ProbeOutcome order[] = { PROBE_CLEAR_LATER, PROBE_UNKNOWN, PROBE_DEFERRED,
					      PROBE_RETURNED };
	const ProbeHost *found = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(order) && found == NULL; i++)
		found = find_first(target, order[i]);
	return found;
}

/* smtp_connect_inet(), its end, and smtp_domain_addr(): what may be a mistake of configuration, or
 * of DNS, is deferred. */
static ProbeOutcome
soften(const ProbeRun *run, const ProbeHost *host)
{
	gboolean has_mx_alone =
		host->preference >= 0 &&
		is_value(run, host->way, "smtp_defer_if_no_mx_address_found", "yes");

	if (host->seen.outcome == PROBE_RETURNED && host->seen.address == NULL &&
	    (host->way->is_relay || has_mx_alone))
		return PROBE_DEFERRED;
	return host->seen.outcome;
}

/* postconf(5) soft_bounce: nothing is returned. */
static void
soften_all(const ProbeRun *run, const ProbeTarget *target)
{
	for (guint i = 0; i < target->hosts->len; i++) {
		ProbeHost *host = target->hosts->pdata[i];
		if (host->seen.outcome == PROBE_RETURNED &&
		    is_value(run, host->way, "soft_bounce", "yes"))
			host->seen.outcome = PROBE_DEFERRED;
	}
}

static void
conclude(const ProbeRun *run, ProbeTarget *target)
{
	soften_all(run, target);
	const ProbeHost *decisive = find_taker(target);

	if (decisive == NULL)
		decisive = find_failure(target);
	target->outcome = soften(run, decisive);
	target->reason = g_strdup(decisive->seen.reason);
}

static void
try_target(void *data, G_GNUC_UNUSED void *unused)
{
	Job *job = data;

	for (guint i = 0; i < job->target->ways->len; i++)
		try_way(job->run, job->target, job->target->ways->pdata[i]);
	conclude(job->run, job->target);
	g_async_queue_push(job->done, job);
}

void
probe_run(const ProbeRun *run, const GPtrArray *targets)
{
	g_autofree Job *jobs = g_new0(Job, targets->len);
	GAsyncQueue *done = g_async_queue_new();
	GThreadPool *pool = g_thread_pool_new(try_target, NULL, (int)run->at_once, FALSE, NULL);
	guint n = 0;

	for (guint i = 0; i < targets->len; i++) {
		ProbeTarget *target = targets->pdata[i];
		if (target->ways->len == 0)
			continue;
		jobs[n] = (Job){ run, target, done };
		g_thread_pool_push(pool, &jobs[n++], NULL);
	}
	for (guint i = 0; i < n; i++) {
		(void)g_async_queue_pop(done);
		if (run->progress != NULL)
			run->progress(i + 1, n, run->data);
	}
	g_thread_pool_free(pool, FALSE, TRUE);
	g_async_queue_unref(done);
}
