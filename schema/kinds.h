/* SPDX-License-Identifier: Apache-2.0 */
/* kinds: what a single text of the settings document may be. Pure. */
#pragma once

#include "cursor.h"

/* A text that is in no table has one of these. Where a text has a normal form, it is given it. */
extern const CursorTextKind kind_any_text;
extern const CursorTextKind kind_path;
extern const CursorTextKind kind_rule_name;
extern const CursorTextKind kind_user;
extern const CursorTextKind kind_network;
extern const CursorTextKind kind_date;
extern const CursorTextKind kind_domain;        /* of recipients */
extern const CursorTextKind kind_sender_domain; /* "<>" too */
extern const CursorTextKind kind_client_name;
extern const CursorTextKind kind_certificate_name; /* a subject or issuer */
extern const CursorTextKind kind_fingerprint;
extern const CursorTextKind kind_destination;
extern const CursorTextKind kind_match;
extern const CursorTextKind kind_cipher;
extern const CursorTextKind kind_server_name;
extern const CursorTextKind kind_policy_map;
extern const CursorTextKind kind_service;
