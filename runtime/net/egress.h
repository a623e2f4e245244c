/* SPDX-License-Identifier: MIT */
/* egress.h - decides which addresses this program may connect to. It checks the resolved address of
 * each connection, so no spelling, redirect or DNS change gets around it. */
#ifndef TN_NET_EGRESS_H
#define TN_NET_EGRESS_H

#include <sys/socket.h>

#include "base/err.h"
#include "base/str.h"

enum tn_egress_policy {
    TN_EGRESS_public,   /* webhook targets: public unicast addresses only */
    TN_EGRESS_upstream, /* an integration's own host: private networks as well */
    TN_EGRESS_local,    /* the command line: Unix sockets and loopback */
};

enum { TN_EGRESS_URL = 8 * 1024 }; /* the longest URL */

/* The ranges that the operator opened with --allow-net. Shared; read-only after start. */
struct tn_egress;
struct tn_egress *tn_egress_new(void);
void tn_egress_free(struct tn_egress *e); /* NULL does nothing */
/* Opens "10.1.0.0/16", "10.1.2.3", "10.1.2.3:8443", "fd00::/8", "[fd00::1]:443" or
 * "[fd00::/8]:443". */
TN_MUST_CHECK bool tn_egress_allow(struct tn_egress *e, const char *cidr, struct tn_err *err);

/* False: kind egress, and err gives the reason. e may be NULL: the operator opened no range. */
TN_MUST_CHECK bool tn_egress_check(const struct tn_egress *e, enum tn_egress_policy policy,
                                   const struct sockaddr *address, struct tn_err *err);
/* The same for an address in text, as inet_ntop writes it. */
TN_MUST_CHECK bool tn_egress_check_text(const struct tn_egress *e, enum tn_egress_policy policy,
                                        const char *ip, unsigned port, struct tn_err *err);

/* The parts of a URL that may be fetched. They point into the text of the URL. */
struct tn_url {
    struct tn_str scheme, host, path; /* host without brackets; path with the query, may be empty */
    unsigned port;                    /* 80 or 443 when not given */
    bool tls;
};
/* Accepts http and https URLs of at most TN_EGRESS_URL bytes, without user info, fragment,
 * backslash, control or non-ASCII characters. False: kind invalid. Call it when a URL is entered,
 * and again before each fetch. */
TN_MUST_CHECK bool tn_url_parse(struct tn_str url, struct tn_url *out, struct tn_err *err);
/* True: scheme, host (in any case) and port are the same, so credentials may go there. */
bool tn_url_same_origin(const struct tn_url *a, const struct tn_url *b);

#endif
