/* SPDX-License-Identifier: MIT */
/* exchange.h - the inside of an exchange: one request and its answer. Only http_server.c
 * (connections) and http_exchange.c (requests and answers) include it. */
#ifndef TN_NET_EXCHANGE_H
#define TN_NET_EXCHANGE_H

#include <sys/uio.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "net/http_parse.h"
#include "net/router.h"

struct tn_conn;
struct tn_http_server;
struct tn_http_server_options;

enum { PEER_LEN = 48, REQUEST_ID_LEN = 64 };

struct tn_param {
    struct tn_str name, value;
};

struct tn_http_exchange {
    struct tn_conn *conn;           /* NULL: the connection is lost */
    struct tn_http_server *server;  /* NULL: the server was freed */
    struct tn_http_exchange *next;  /* next in the pool, or in the server's list `out` */
    struct tn_buf bytes;            /* the header as it arrived */
    struct tn_buf body, extra, out; /* request body; fields that the handler adds; header of the
                                       answer */
    struct tn_arena arena;
    struct tn_http_decoder decoder;
    struct tn_http_path path;
    struct tn_param *params;
    size_t nparams;
    struct tn_route_match match;
    void *user;
    void (*release)(void *user);
    void (*gone)(void *arg, struct tn_http_exchange *x);
    void *gone_arg;
    void (*drained)(void *arg, struct tn_http_exchange *x);
    void *drained_arg;
    int64_t began_us;
    uint64_t sent; /* bytes of the answer's body that were written */
    uid_t uid;
    int status;
    bool is_unix, is_gone;
    bool early;    /* the body has not been read yet */
    bool deciding; /* its admission (tn_http_admit) was put off */
    size_t max_body;
    bool close; /* no further request on this connection */
    bool streaming, chunked, bodiless;
    char id[REQUEST_ID_LEN + 1];
    char peer[PEER_LEN];
    struct tn_http_head head; /* last, because it is large and is not cleared between uses */
};

/* http_exchange.c */
/* Parses the header bytes that the scan found complete. False: why says the reason. */
bool tn_exchange_parse(struct tn_http_exchange *x, const char *p, size_t n,
                       struct tn_http_refusal *why);
/* Writes an answer of the server itself; the connection ends after it. */
void tn_exchange_refuse(struct tn_http_exchange *x, const struct tn_http_refusal *why);
/* Frees all that the exchange holds, so that it can be used again. */
void tn_exchange_reset(struct tn_http_exchange *x);
void tn_exchange_free(struct tn_http_exchange *x);

/* http_server.c */
const struct tn_http_server_options *tn_http_server_options_of(const struct tn_http_server *s);
const char *tn_http_server_date(struct tn_http_server *s); /* "Sat, ... GMT", of this second */
void tn_http_server_request_id(struct tn_http_server *s, char out[REQUEST_ID_LEN + 1]);
bool tn_http_server_draining(const struct tn_http_server *s);
bool tn_http_server_owns_host(const struct tn_http_exchange *x, struct tn_str host);
/* Writes bytes to the socket, and keeps those that it does not take. False: the connection is
 * lost. */
bool tn_conn_write(struct tn_conn *c, const struct iovec *iov, int n);
/* A streamed answer begins, so the connection tells early when the socket takes more bytes. */
void tn_conn_stream(struct tn_conn *c);
size_t tn_conn_pending(const struct tn_conn *c);
/* The handler has finished x: the connection goes on to its next request, and x is reused. */
void tn_conn_finish(struct tn_http_exchange *x, bool cut);

#endif
