/* SPDX-License-Identifier: MIT */
/* exchange.h - one request and its answer, from the inside.  http_server.c (connections) and
 * http_exchange.c (requests and answers) share it; it is for these two alone. */
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
    struct tn_http_server *server;  /* NULL: freed meanwhile */
    struct tn_http_exchange *next;  /* in the pool */
    struct tn_buf bytes;            /* the header, as it came */
    struct tn_buf body, extra, out; /* request body; answer's own fields; answer's header */
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
    uint64_t sent; /* bytes of the answer's body */
    uid_t uid;
    int status;
    bool is_unix, is_gone;
    bool early;    /* the body has not been read */
    bool deciding; /* its admission was put off */
    size_t max_body;
    bool close; /* no further request on this connection */
    bool streaming, chunked, bodiless;
    char id[REQUEST_ID_LEN + 1];
    char peer[PEER_LEN];
    struct tn_http_head head; /* last: large, and not cleared between uses */
};

/* http_exchange.c */
/* Reads header bytes that the scan found whole.  False: why. */
bool tn_exchange_parse(struct tn_http_exchange *x, const char *p, size_t n,
                       struct tn_http_refusal *why);
/* The server's own answer; the connection ends with it. */
void tn_exchange_refuse(struct tn_http_exchange *x, const struct tn_http_refusal *why);
/* Lets go of what the exchange holds, so that it can be used again. */
void tn_exchange_reset(struct tn_http_exchange *x);
void tn_exchange_free(struct tn_http_exchange *x);

/* http_server.c */
const struct tn_http_server_options *tn_http_server_options_of(const struct tn_http_server *s);
const char *tn_http_server_date(struct tn_http_server *s); /* "Sat, ... GMT", of this second */
void tn_http_server_request_id(struct tn_http_server *s, char out[REQUEST_ID_LEN + 1]);
bool tn_http_server_draining(const struct tn_http_server *s);
bool tn_http_server_owns_host(const struct tn_http_exchange *x, struct tn_str host);
/* Hands bytes to the socket, or keeps what it does not take.  False: the connection is lost. */
bool tn_conn_write(struct tn_conn *c, const struct iovec *iov, int n);
/* A streamed answer begins: its drained callback is wanted early. */
void tn_conn_stream(struct tn_conn *c);
size_t tn_conn_pending(const struct tn_conn *c);
/* The handler is through with x: sends the connection on its way and recycles x. */
void tn_conn_finish(struct tn_http_exchange *x, bool cut);

#endif
