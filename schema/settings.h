/* SPDX-License-Identifier: Apache-2.0 */
/* settings: the model of a settings document; immutable once loaded. */
#pragma once

#include "cursor.h"
#include "finding.h"

#include <glib.h>

/* A rule of receive.rules. */
typedef struct {
	size_t place;
	CursorText name;
	GArray *sender_domains; /* of CursorText; NULL: all mail */
	struct {
		size_t place;
		CursorWord certificate; /* CertificateDemand */
	} require;
	CursorWord violation; /* Violation */
	CursorText note;
	CursorText review_by; /* YYYY-MM-DD */
} SettingsRule;

/* A row of send.domains. */
typedef struct {
	size_t place;
	CursorText destination; /* "example.com" or ".example.com", lower case */
	CursorWord security_level;
	CursorText note;
	CursorText review_by;
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
		GArray *exempt_networks; /* of CursorText; the defaults when the key is absent */
		CursorWord on_policy_failure; /* PolicyFailure */
		GArray *rules;                /* of SettingsRule */
	} receive;
	struct {
		size_t place;
		CursorWord security_level;
		CursorText trusted_ca_file;
		GArray *domains; /* of SettingsDestination */
	} send;
	struct {
		size_t place;
		CursorWord table_type; /* TableType */
		CursorText policyd_user;
		CursorText policyd_path;
	} postfix;
	GStringChunk *store; /* every text of the model */
} Settings;

/* Load document, size bytes; what is wrong with it goes to findings, and the model then holds what
 * could be read. Absent keys have their defaults, arrays are never NULL (except sender_domains).
 * NULL when the text is not JSON. The document may go afterwards. */
Settings *settings_load(const char *document, size_t size, Findings *findings)
	G_GNUC_WARN_UNUSED_RESULT;

void settings_free(Settings *settings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Settings, settings_free)

size_t settings_n_rules(const Settings *settings);
const SettingsRule *settings_rule(const Settings *settings, size_t n);
size_t settings_n_destinations(const Settings *settings);
const SettingsDestination *settings_destination(const Settings *settings, size_t n);
const char *settings_text(const GArray *texts, size_t n);

/* Whether a send level, the global one or a row's, satisfies test. */
gboolean settings_any_send_level(const Settings *settings, gboolean (*test)(SecurityLevel level));

/* What a send level needs beside TLS itself. */
gboolean settings_level_needs_anchors(SecurityLevel level); /* verify, secure */
gboolean settings_level_needs_dnssec(SecurityLevel level);  /* dane, dane-only */
gboolean settings_level_is_mandatory(SecurityLevel level);  /* above may */
/* Whether the receiving side needs to know whom to trust: require, or a rule says "trusted". */
gboolean settings_receive_needs_anchors(const Settings *settings);
