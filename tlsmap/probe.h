/* SPDX-License-Identifier: Apache-2.0 */
/* probe: how mail to destinations would go, tried with posttls-finger(1). */
#pragma once

#include "probe-verdict.h"
#include "snapshot.h"

#include <glib.h>

/* What smtp(8) has in force for a next-hop. Lists are NULL-terminated. */
typedef struct {
	char *next_hop;    /* as Postfix spells it */
	char *service;     /* of master.cf: "smtp/unix" */
	gboolean is_relay; /* mail that it can't be looked up for is deferred, never returned */
	SecurityLevel level;
	gboolean has_credentials; /* for SASL */
	char *source;             /* what says so, for people */
	char *trouble;            /* why Postfix defers all mail to it; NULL: it does not */
	char **match;             /* names, or fingerprints; NULL: what main.cf says */
	char *protocols;          /* NULL: what main.cf says */
	char *ciphers;            /* the same */
	char *exclude;            /* the same */
	char *server_name;        /* the same */
	char **trust_anchors;     /* files; NULL: what main.cf says */
} ProbeWay;

void probe_way_free(ProbeWay *way);

/* A host of a next-hop, and what becomes of mail that is offered to it. */
typedef struct {
	const ProbeWay *way;
	char *name;
	int preference;      /* of its MX record; -1: it has none */
	SecurityLevel level; /* of the way; what "dane" has become for this host */
	ProbeSeen seen;
} ProbeHost;

typedef struct {
	char *destination;
	GPtrArray *ways;  /* of ProbeWay, in the order in which Postfix tries them */
	GPtrArray *hosts; /* of ProbeHost, in the order in which Postfix tries them */
	ProbeOutcome outcome;
	char *reason; /* completes "deferred, because …"; NULL: all is well */
} ProbeTarget;

ProbeTarget *probe_target_new(const char *destination);
void probe_target_free(void *target);

typedef struct {
	const Snapshot *snapshot;
	guint limit;   /* in seconds, for each answer of a host */
	guint at_once; /* so many targets at the same time */
	void (*progress)(guint n_done, guint n, void *data); /* may be NULL */
	void *data;
} ProbeRun;

/* Try all targets that have a way. */
void probe_run(const ProbeRun *run, const GPtrArray *targets);
