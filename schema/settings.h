/* SPDX-License-Identifier: Apache-2.0 */
/* settings: the model of a settings document; immutable once loaded.
 *
 * Domain names and next-hops are in their ASCII form (idn.h), fingerprints as Postfix writes them.
 * Notes are for people and stay in the document. */
#pragma once

#include "cursor.h"
#include "finding.h"

#include <glib.h>

/* What a rule demands beside TLS. Lists are of CursorText, NULL where the key is absent. */
typedef struct {
	size_t place;
	CursorWord certificate; /* CertificateDemand */
	GArray *subjects;
	GArray *issuers;
	GArray *fingerprints;
	GArray *client_networks;
	GArray *client_names;
	CursorWord min_protocol; /* TlsProtocol; place 0: none demanded */
	CursorNumber min_cipher_bits;
} SettingsRequire;

/* A rule of receive.rules. A selector that is NULL selects all mail. */
typedef struct {
	size_t place;
	CursorText name;
	GArray *sender_domains; /* "<>" may be one of them */
	GArray *recipient_domains;
	GArray *client_networks;
	GArray *client_names;
	SettingsRequire require;
	CursorWord violation; /* Violation */
	CursorText review_by; /* YYYY-MM-DD */
} SettingsRule;

/* What few rows of send.domains have. Lists are of CursorText, NULL where the key is absent. */
typedef struct {
	GArray *match;
	GArray *fingerprints;
	CursorWord min_protocol; /* TlsProtocol */
	CursorWord ciphers;      /* CipherGrade */
	GArray *exclude;
	CursorText server_name;
	GArray *trust_anchor_files;
	CursorWord connection_reuse; /* FALSE or TRUE */
	CursorText review_by;        /* YYYY-MM-DD */
} SettingsRowAttributes;

/* A row of send.domains. There may be a million: it is kept small. */
typedef struct {
	size_t place;
	CursorText destination; /* as nexthop_normalise() makes it */
	CursorWord security_level;
	SettingsRowAttributes *attributes; /* NULL: none */
} SettingsDestination;

typedef struct {
	size_t place;
	GArray *chain_files; /* of CursorText */
} SettingsCertificate;

typedef struct {
	size_t place;
	CursorText schema;
	struct {
		size_t place;
		CursorWord security_level;
		CursorWord client_certificate; /* ClientCertificate */
		SettingsCertificate certificate;
		CursorText trusted_ca_file;
		CursorText trusted_ca_directory;
		CursorWord min_protocol;      /* TlsProtocol; place 0: left to Postfix */
		GArray *exempt_networks;      /* the defaults when the key is absent */
		CursorWord on_policy_failure; /* PolicyFailure */
		GArray *rules;                /* of SettingsRule */
	} receive;
	struct {
		size_t place;
		CursorWord security_level;
		SettingsCertificate certificate;
		CursorText trusted_ca_file;
		CursorText trusted_ca_directory;
		CursorWord min_protocol;      /* TlsProtocol; place 0: left to Postfix */
		GArray *domains;              /* of SettingsDestination */
		GArray *fallback_policy_maps; /* of CursorText; NULL: none */
		CursorWord fallback_may_override;
	} send;
	struct {
		size_t place;
		CursorWord table_type; /* TableType */
		CursorWord policyd;    /* PolicydMode */
		CursorText policyd_user;
		CursorText policyd_path;
		GArray *unguarded_services; /* of CursorText, "submission/inet"; NULL: none */
	} postfix;
	GStringChunk *store; /* every text of the model */
} Settings;

/* Who wants to know how far loading has come; progress is called with data. */
typedef struct {
	CursorProgress progress;
	void *data;
} SettingsWatch;

/* Load document, size bytes; what is wrong with it goes to findings, and the model then holds what
 * could be read. Absent keys have their defaults; rules, domains and exempt_networks are never
 * NULL. NULL when the text is not JSON. The document may go afterwards. watch may be NULL. */
Settings *settings_load(const char *document, size_t size, const SettingsWatch *watch,
			Findings *findings) G_GNUC_WARN_UNUSED_RESULT;

void settings_free(Settings *settings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Settings, settings_free)

size_t settings_n_rules(const Settings *settings);
const SettingsRule *settings_rule(const Settings *settings, size_t n);
size_t settings_n_destinations(const Settings *settings);
const SettingsDestination *settings_destination(const Settings *settings, size_t n);

/* The attributes of a row; of one that has none, those of no row, which are all absent. */
const SettingsRowAttributes *settings_attributes(const SettingsDestination *row);

/* Whether the row demands more than its level: a name, a pin, a floor, … */
gboolean settings_row_restricts(const SettingsDestination *row);

/* The items of a list of CursorText; NULL counts as empty. */
size_t settings_n_texts(const GArray *texts);
const char *settings_text(const GArray *texts, size_t n);
size_t settings_text_place(const GArray *texts, size_t n);

/* Whether a send level, the global one or a row's, satisfies test. */
gboolean settings_any_send_level(const Settings *settings, gboolean (*test)(SecurityLevel level));

/* What a send level needs beside TLS itself. */
gboolean settings_level_needs_anchors(SecurityLevel level); /* verify, secure */
gboolean settings_level_needs_dnssec(SecurityLevel level);  /* dane, dane-only */
gboolean settings_level_is_mandatory(SecurityLevel level);  /* above may */

/* Whether the document leaves a service of master.cf ("submission/inet") out. */
gboolean settings_is_unguarded(const Settings *settings, const char *service);

/* Whether the receiving side needs to know whom to trust: require, or a rule demands a certificate
 * that is trusted. */
gboolean settings_receive_needs_anchors(const Settings *settings);
/* Whether a send level needs anchors that its row does not name itself. */
gboolean settings_send_needs_anchors(const Settings *settings);
gboolean settings_receive_has_anchors(const Settings *settings);
gboolean settings_send_has_anchors(const Settings *settings);

/* Whether a rule demands that Postfix trusts the certificate: said so, or a name is demanded, which
 * Postfix tells of trusted certificates alone (src/smtpd/smtpd_check.c, check_policy_service, 3.7).
 */
gboolean settings_demands_trust(const SettingsRequire *require);

/* Let every rule only report what it finds, whatever its violation says. */
void settings_make_report_only(Settings *settings);

/* The list under whose items policyd looks the rule up, and which selector that is; NULL: the rule
 * has no selector. */
typedef enum {
	SELECTOR_SENDER,
	SELECTOR_RECIPIENT,
	SELECTOR_NETWORK,
	SELECTOR_NAME,
	N_SELECTORS
} SelectorKind;
const GArray *settings_rule_keys(const SettingsRule *rule, SelectorKind *kind);

/* The digest of the pins of one direction, by the first of them (fingerprint_digest()); NULL: there
 * are none. */
const char *settings_receive_digest(const Settings *settings);
const char *settings_send_digest(const Settings *settings);
