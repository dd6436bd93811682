/* SPDX-License-Identifier: Apache-2.0 */
/* listener: the services of master.cf at which SMTP clients of the network arrive. Pure. */
#pragma once

#include "finger.h"
#include "snapshot.h"

#include <glib.h>

typedef struct {
	char *service;        /* "127.0.0.1:10025/inet", as postconf -P names it */
	char *endpoint;       /* "127.0.0.1:10025" */
	gboolean is_smtpd;    /* else postscreen(8), behind which an smtpd of type pass works */
	gboolean is_loopback; /* only this machine itself reaches it */
} Listener;

/* All of them, in the order of master.cf; the caller unrefs. */
GPtrArray *listener_list(const Snapshot *snapshot);

/* A listener as its clients meet it. */
typedef struct {
	char *service; /* "smtp/inet" */
	char *host; /* that master.cf names, without brackets; NULL: where inet_interfaces says */
	char *port; /* "25", "smtp" */
	FingerMode mode;        /* what it is to offer */
	char **certificates;    /* the files whose first certificates it is to show */
	const char *unprovable; /* why a client from here can't tell; NULL: it can */
} ListenerFace;

/* Of all services that run smtpd(8) or postscreen(8), of whatever type, but for the smtpd that
 * works behind a postscreen; the caller unrefs. */
GPtrArray *listener_list_faces(const Snapshot *snapshot);

/* Whether host, a name or an address without brackets, is on the loopback interface. */
gboolean listener_is_loopback_host(const char *host);

/* Whether an entry of content_filter, smtpd_proxy_filter and the like ("scan:[127.0.0.1]:10025")
 * leads to it; target may be NULL. */
gboolean listener_is_target(const Listener *listener, const char *target);
