/* SPDX-License-Identifier: Apache-2.0 */
/* proof: whether the listeners of a running Postfix serve mail clients as its files say.
 *
 * posttls-finger(1) speaks to them; there is no TLS code here. A service has the same settings at
 * all its addresses: one address at which it is good is enough, and what it does at the first is
 * told where it is good at none. Loopback may be refused, or not be an address of it. */
#include "proof.h"

#include "certificate.h"
#include "child.h"
#include "listener.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define PROGRAM "posttls-finger"
/* postscreen(8) makes strangers wait for 6 seconds (postscreen_greet_wait). */
#define SECONDS 15
#define SECONDS_TEXT "15"
/* Of a service that is good at none of them, so many addresses are tried. */
#define MAX_ADDRESSES 4

/* A listener on its way to a Proof. */
typedef struct {
	Proof *proof;
	const ListenerFace *face;
	GPtrArray *destinations; /* "[192.0.2.1]:smtp" */
	GPtrArray *certificates; /* one of which it is to show */
} Target;

static void
free_proof(void *data)
{
	Proof *proof = data;

	g_free(proof->service);
	g_free(proof->address);
	g_free(proof->seen);
	g_free(proof);
}

static void
free_target(void *data)
{
	Target *target = data;

	g_ptr_array_unref(target->destinations);
	g_ptr_array_unref(target->certificates);
	g_free(target);
}

/* Addresses. */

static void
add_destination(Target *target, const char *host)
{
	if (target->destinations->len < MAX_ADDRESSES)
		g_ptr_array_add(target->destinations,
				g_strdup_printf("[%s]:%s", host, target->face->port));
}

/* The first address of that family which other machines reach, if there is one. */
static void
add_outer_address(Target *target, const struct ifaddrs *interfaces, int family)
{
	const socklen_t size =
		family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	char host[NI_MAXHOST];

	for (; interfaces != NULL; interfaces = interfaces->ifa_next)
		if (interfaces->ifa_addr != NULL && interfaces->ifa_addr->sa_family == family &&
		    (interfaces->ifa_flags & IFF_LOOPBACK) == 0 &&
		    getnameinfo(interfaces->ifa_addr, size, host, sizeof host, NULL, 0,
				NI_NUMERICHOST) == 0 &&
		    strchr(host, '%') == NULL) {
			add_destination(target, host);
			return;
		}
}

static void
add_any_address(const Snapshot *snapshot, Target *target, gboolean is_loopback_only)
{
	static const struct {
		const char *protocol;
		int family;
		const char *loopback;
	} families[] = { { "ipv4", AF_INET, "127.0.0.1" }, { "ipv6", AF_INET6, "::1" } };
	const char *protocols = g_hash_table_lookup(snapshot->expanded, "inet_protocols");
	struct ifaddrs *interfaces = NULL;

	if (getifaddrs(&interfaces) != 0)
		interfaces = NULL;
	for (size_t i = 0; i < G_N_ELEMENTS(families); i++) {
		if (strstr(protocols, "all") == NULL &&
		    strstr(protocols, families[i].protocol) == NULL)
			continue;
		add_destination(target, families[i].loopback);
		if (!is_loopback_only)
			add_outer_address(target, interfaces, families[i].family);
	}
	freeifaddrs(interfaces);
}

/* postconf(5) inet_interfaces, 3.7: addresses, names, or one of two words. */
static void
add_destinations(const Snapshot *snapshot, Target *target)
{
	const char *interfaces =
		target->face->host != NULL
			? target->face->host
			: g_hash_table_lookup(snapshot->expanded, "inet_interfaces");
	g_auto(GStrv) hosts = g_strsplit_set(interfaces, ", \t\n", -1);

	for (size_t i = 0; hosts[i] != NULL; i++) {
		char *host = g_strdelimit(g_strstrip(hosts[i]), "[]", ' ');
		g_strstrip(host);
		if (strcmp(host, "all") == 0 || strcmp(host, "loopback-only") == 0)
			add_any_address(snapshot, target, *host == 'l');
		else if (*host != '\0')
			add_destination(target, host);
	}
}

/* Trying. */

static GPtrArray *
make_targets(const Snapshot *snapshot, const GPtrArray *faces, GPtrArray *proofs)
{
	GPtrArray *targets = g_ptr_array_new_with_free_func(free_target);
	g_autofree char *program = g_find_program_in_path(PROGRAM);

	for (guint i = 0; i < faces->len; i++) {
		const ListenerFace *face = faces->pdata[i];
		Proof *proof = g_new0(Proof, 1);
		proof->service = g_strdup(face->service);
		g_ptr_array_add(proofs, proof);
		if (face->unprovable != NULL || program == NULL) {
			proof->seen = g_strdup(face->unprovable != NULL ? face->unprovable
									: PROGRAM
						       "(1) is not on this machine");
			continue;
		}
		Target *target = g_new0(Target, 1);
		target->proof = proof;
		target->face = face;
		target->destinations = g_ptr_array_new_with_free_func(g_free);
		target->certificates =
			certificate_load_leaves((const char *const *)face->certificates);
		add_destinations(snapshot, target);
		g_ptr_array_add(targets, target);
	}
	return targets;
}

/* At the level fingerprint no anonymous cipher is taken: a certificate is shown. */
static const char *const *
new_command(const Target *target, const char *destination)
{
	const char *const argv[] = {
		PROGRAM,
		"-C",
		"-d",
		"sha256",
		"-h",
		"native",
		"-t",
		SECONDS_TEXT,
		"-T",
		SECONDS_TEXT,
		target->face->mode == FINGER_WRAPPED ? "-wl" : "-l",
		target->face->mode == FINGER_CLEAR ? "none" : "fingerprint",
		destination,
		NULL,
	};
	const char **copy = g_new(const char *, G_N_ELEMENTS(argv));

	memcpy(copy, argv, sizeof argv);
	return copy;
}

static gboolean
is_of_the_file(const Target *target, GBytes *certificate)
{
	for (guint i = 0; i < target->certificates->len; i++)
		if (g_bytes_equal(target->certificates->pdata[i], certificate))
			return TRUE;
	return FALSE;
}

static void
judge_certificate(const Target *target, Finger *finger)
{
	if (finger->grade != FINGER_GOOD || finger->certificate == NULL ||
	    is_of_the_file(target, finger->certificate))
		return;
	g_autofree char *files = g_strjoinv(", ", target->face->certificates);
	gboolean is_readable = target->certificates->len > 0;
	finger->grade = is_readable ? FINGER_OTHER_CERTIFICATE : FINGER_NOT_PROVED;
	finger->seen = g_strdup_printf(
		is_readable ? "another certificate than that of %s" : "can't read %s", files);
}

static void
take_answer(const Target *target, const char *destination, const ChildResult *result)
{
	Proof *proof = target->proof;
	g_auto(Finger) finger = { .grade = FINGER_NOT_PROVED };

	if (result->status == -1)
		finger.seen = g_strdup(result->errors);
	else
		finger_read(result->output, target->face->mode, &finger);
	judge_certificate(target, &finger);
	if (proof->address != NULL && finger.grade <= proof->grade)
		return;
	g_free(proof->address);
	g_free(proof->seen);
	proof->address = g_strdup(destination);
	proof->grade = finger.grade;
	proof->seen = g_steal_pointer(&finger.seen);
}

/* The n-th address of all that are not good yet. */
static void
try_round(const Snapshot *snapshot, const GPtrArray *targets, guint n)
{
	g_autofree ChildJob *jobs = g_new0(ChildJob, targets->len);
	g_autofree const Target **tried = g_new0(const Target *, targets->len);
	size_t n_jobs = 0;

	for (guint i = 0; i < targets->len; i++) {
		const Target *target = targets->pdata[i];
		if (target->proof->grade == FINGER_GOOD || n >= target->destinations->len)
			continue;
		tried[n_jobs] = target;
		jobs[n_jobs++].argv = new_command(target, target->destinations->pdata[n]);
	}
	if (n_jobs > 0)
		child_run_all(jobs, n_jobs, snapshot->config_directory, SECONDS + 1);
	for (size_t i = 0; i < n_jobs; i++) {
		take_answer(tried[i], tried[i]->destinations->pdata[n], &jobs[i].result);
		child_result_clear(&jobs[i].result);
		g_free((void *)jobs[i].argv);
	}
}

GPtrArray *
proof_try(const Snapshot *snapshot)
{
	GPtrArray *proofs = g_ptr_array_new_with_free_func(free_proof);
	g_autoptr(GPtrArray) faces = listener_list_faces(snapshot);
	g_autoptr(GPtrArray) targets = make_targets(snapshot, faces, proofs);

	for (guint n = 0; n < MAX_ADDRESSES; n++)
		try_round(snapshot, targets, n);
	return proofs;
}

/* Telling. */

const char *
proof_word(FingerGrade grade)
{
	static const char *const words[] = {
		[FINGER_NOT_PROVED] = "not-proved",
		[FINGER_DEAD] = "dead",
		[FINGER_OTHER_TLS] = "other-tls",
		[FINGER_OTHER_CERTIFICATE] = "other-certificate",
		[FINGER_GOOD] = "good",
	};
	G_STATIC_ASSERT(G_N_ELEMENTS(words) == FINGER_GOOD + 1);

	return words[grade];
}

static char *
dup_place(const Proof *proof)
{
	return g_strconcat(proof->service, proof->address != NULL ? " at " : NULL, proof->address,
			   NULL);
}

void
proof_report(const Proof *proof, Findings *findings)
{
	g_autofree char *where = dup_place(proof);

	switch (proof->grade) {
	case FINGER_GOOD:
		return;
	case FINGER_NOT_PROVED:
		findings_add_live(findings, FINDING_NOT_PROVED, where,
				  "whether it serves as Postfix's files say was not proved: %s",
				  proof->seen);
		return;
	case FINGER_OTHER_CERTIFICATE:
		findings_add_live(findings, FINDING_CERTIFICATE_NOT_SERVED, where,
				  "it shows %s: a renewed one is in force after a reload (postfix "
				  "reload)",
				  proof->seen);
		return;
	case FINGER_DEAD:
	case FINGER_OTHER_TLS:
		findings_add_live(findings, FINDING_LISTENER_BROKEN, where,
				  "it does not serve mail clients as Postfix's files say: %s; look "
				  "into Postfix's log",
				  proof->seen);
		return;
	}
	g_assert_not_reached();
}

static FingerGrade
grade_of(const GPtrArray *proofs, const char *service)
{
	for (guint i = 0; i < proofs->len; i++) {
		const Proof *proof = proofs->pdata[i];
		if (strcmp(proof->service, service) == 0)
			return proof->grade;
	}
	return FINGER_NOT_PROVED;
}

static gboolean
got_worse(const GPtrArray *before, const Proof *now)
{
	return now->grade != FINGER_NOT_PROVED && now->grade < grade_of(before, now->service);
}

static gboolean
any_got_worse(const GPtrArray *before, const GPtrArray *now)
{
	for (guint i = 0; i < now->len; i++)
		if (got_worse(before, now->pdata[i]))
			return TRUE;
	return FALSE;
}

static void
report_worse(const Proof *proof, Findings *findings)
{
	g_autofree char *where = dup_place(proof);

	findings_add_live(
		findings, FINDING_PROOF_FAILED, where,
		"with the new settings it does not serve mail clients as they say, and "
		"before it did better: %s; what was in force before comes back, Postfix's "
		"log says more",
		proof->seen);
}

gboolean
proof_holds(const GPtrArray *before, const Snapshot *snapshot, Findings *findings)
{
	g_autoptr(GPtrArray) now = proof_try(snapshot);

	/* A server that is busy may fail once. */
	if (any_got_worse(before, now)) {
		g_ptr_array_unref(now);
		now = proof_try(snapshot);
	}
	for (guint i = 0; i < now->len; i++)
		if (got_worse(before, now->pdata[i]))
			report_worse(now->pdata[i], findings);
		else
			proof_report(now->pdata[i], findings);
	return !any_got_worse(before, now);
}
