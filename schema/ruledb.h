/* SPDX-License-Identifier: Apache-2.0 */
/* ruledb: the constant file of compiled receiving rules, its only writer and its only reader.
 *
 * The file is built once by tlsmap, never changed, and asked by policyd: a header, an array of
 * offsets, and records. Every hash bucket has a record, empty ones too; every rule has one. Each
 * record carries a checksum over its number and its content, the header one over itself. A missing,
 * short or damaged record is damage (an error), never "no rule". The cost of a question does not
 * grow with the number of rules; opening reads the header only. */
#pragma once

#include "address.h"
#include "names.h"
#include "network.h"
#include "ruledb-list.h"

#include <glib.h>
#include <stdint.h>

/* The version of the layout in ruledb-format.h. A file of any other version is refused: what this
 * program does not know may be a demand. */
#define RULEDB_FORMAT 3
/* More rules on one key are refused by the settings checks ("too-many-rules-on-one-key"). */
#define RULEDB_MAX_RULES_PER_KEY 1024
/* The longest name of a rule; it is of a-z 0-9 . _ - */
#define RULEDB_MAX_NAME 64
/* The key of mail that has no sender domain, the null sender "<>" first of all. */
#define RULEDB_NULL_SENDER "<>"

typedef enum {
	RULEDB_ERROR_DAMAGED,    /* checksum, length, number or magic is wrong */
	RULEDB_ERROR_FORMAT,     /* a format version that this program does not know */
	RULEDB_ERROR_ABSENT,     /* there is no such file */
	RULEDB_ERROR_PERMISSION, /* the file may not be read */
	RULEDB_ERROR_IO          /* it can't be opened or read for another reason */
} RuleDbError;

#define RULEDB_ERROR (ruledb_error_quark())
GQuark ruledb_error_quark(void);

/* The lists of a rule. A rule is found under one of its selectors; the others stand in it. */
typedef enum {
	RULEDB_RECIPIENT_DOMAINS, /* further selectors: each that is there must match */
	RULEDB_CLIENT_NETWORKS,
	RULEDB_CLIENT_NAMES,
	RULEDB_REQUIRED_SUBJECTS, /* demands: of each that is there one item must match */
	RULEDB_REQUIRED_ISSUERS,
	RULEDB_REQUIRED_FINGERPRINTS,
	RULEDB_REQUIRED_NETWORKS,
	RULEDB_REQUIRED_NAMES,
	N_RULEDB_LISTS
} RuleDbListKind;

/* One rule: what it demands and what its breach does. Every rule demands TLS; CERTIFICATE_TRUSTED
 * a client certificate, too, that Postfix trusts. */
typedef struct {
	const char *name;
	CertificateDemand certificate;
	Violation violation;
	gboolean has_min_protocol;
	TlsProtocol min_protocol;
	uint16_t min_cipher_bits;        /* 0: none demanded */
	RuleDbSpan list[N_RULEDB_LISTS]; /* set by the reader; those of a builder are added */
} RuleDbRule;

/* The kinds of domain under which a rule can be found. */
typedef enum {
	RULEDB_BY_SENDER,
	RULEDB_BY_RECIPIENT,
	RULEDB_BY_CLIENT_NAME,
	N_RULEDB_DOMAINS
} RuleDbDomain;

/* Whether name may be the name of a rule: it stands in SMTP replies and in log lines. */
gboolean ruledb_is_rule_name(const char *name);

/* ---- writing (ruledb-builder.c) ---- */

typedef struct RuleDbBuilder RuleDbBuilder;

RuleDbBuilder *ruledb_builder_new(const AddressRewriting *rewriting);
void ruledb_builder_free(RuleDbBuilder *builder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RuleDbBuilder, ruledb_builder_free)

/* Clients in network are excepted from every rule. */
void ruledb_builder_add_exempt_network(RuleDbBuilder *builder, const Network *network);

/* Add a rule; its number, which is its place in the document, counts from 0. Strings are copied;
 * the lists begin empty. */
uint32_t ruledb_builder_add_rule(RuleDbBuilder *builder, const RuleDbRule *rule);

/* Add an item to a list of rule number: a domain in the form of address_dup_folded(), a name in
 * that of certname_dup_folded(), a fingerprint as Postfix writes it. */
void ruledb_builder_add_text(RuleDbBuilder *builder, uint32_t number, RuleDbListKind kind,
			     const char *text);
void ruledb_builder_add_network(RuleDbBuilder *builder, uint32_t number, RuleDbListKind kind,
				const Network *network);

/* Rule number is found under domain: "example.com" (that name alone), ".example.com" (all below it)
 * or, as a sender, "<>" (the null sender); in the form of address_dup_folded(). */
void ruledb_builder_index_domain(RuleDbBuilder *builder, uint32_t number, RuleDbDomain kind,
				 const char *domain);

/* Rule number is found under the clients in network. */
void ruledb_builder_index_network(RuleDbBuilder *builder, uint32_t number, const Network *network);

/* Rule number has no selectors: it is about all mail. */
void ruledb_builder_index_all_mail(RuleDbBuilder *builder, uint32_t number);

/* The file's bytes, the same for the same input in the same order. */
GBytes *ruledb_builder_finish(const RuleDbBuilder *builder, uint64_t generation);

/* ---- reading (ruledb.c) ---- */

typedef struct RuleDb RuleDb;

/* Open the file and prove its header. It is mapped, or read by pread(2) where mmap is refused. A
 * file that is cut while it is mapped ends the reader with SIGBUS. */
RuleDb *ruledb_open(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same by pread(2) alone: slower, and a file that is cut is damage like any other. */
RuleDb *ruledb_open_unmapped(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same over bytes in memory; for explain and tests. */
RuleDb *ruledb_open_bytes(GBytes *bytes, GError **error) G_GNUC_WARN_UNUSED_RESULT;

void ruledb_free(RuleDb *db);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RuleDb, ruledb_free)

uint64_t ruledb_generation(const RuleDb *db);
uint32_t ruledb_n_rules(const RuleDb *db);
/* Borrowed; lives as long as db. */
const AddressRewriting *ruledb_rewriting(const RuleDb *db);

/* Read every record, for policyd --check and apply: beside what every question checks, each key is
 * in its bucket, each rule is reachable, each network's prefix is announced in the header. */
gboolean ruledb_verify(RuleDb *db, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Whether client is in an exempt network. FALSE return is damage, not "no". */
gboolean ruledb_find_exempt(RuleDb *db, const Network *client, gboolean *is_exempt, GError **error)
	G_GNUC_WARN_UNUSED_RESULT;

/* Whether any rule is found by a domain of this kind: if not, the domain need not be known. */
gboolean ruledb_is_found_by(const RuleDb *db, RuleDbDomain kind);

/* Called for each rule found, in no order, perhaps more than once; rule's strings and lists are
 * borrowed and live as long as the call, which may not ask db. */
typedef void (*RuleDbVisit)(uint32_t number, const RuleDbRule *rule, void *data);

/* Visit the rules found under domain (one lookup for the name and one for each parent). */
gboolean ruledb_visit_domain(RuleDb *db, RuleDbDomain kind, const char *domain, RuleDbVisit visit,
			     void *data, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Visit the rules found under a network that client is in (one lookup for each prefix length). */
gboolean ruledb_visit_network(RuleDb *db, const Network *client, RuleDbVisit visit, void *data,
			      GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Visit the rules about all mail. */
gboolean ruledb_visit_all_mail(RuleDb *db, RuleDbVisit visit, void *data, GError **error)
	G_GNUC_WARN_UNUSED_RESULT;
