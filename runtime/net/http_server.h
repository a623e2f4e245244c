/* SPDX-License-Identifier: MIT */
/* http_server.h - the strict HTTP/1.1 server of one process: it turns connections into exchanges.
 * Life: new; listen on descriptors that were opened before; drain; free. Runs on tn_loop.
 *
 * An exchange is one request and its answer. It belongs to the handler from the call until the
 * handler finishes it, exactly once, by tn_http_reply, tn_http_end or tn_http_abort: at once or at
 * any later time. That also holds when the client has gone (the answer is then dropped), and after
 * the server was freed. Requests of one connection are handled one after the other, in order. */
#ifndef TN_NET_HTTP_SERVER_H
#define TN_NET_HTTP_SERVER_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "net/http_parse.h"

struct tn_loop;
struct tn_log;
struct tn_http_server;
struct tn_http_exchange;
struct tn_route_match;

typedef void (*tn_http_handler)(void *arg, struct tn_http_exchange *x);
/* Is called when the header is complete and the body is not read. It returns how many bytes of body
 * are permitted (a larger one gets 413). Or it replies, for instance with 401; then the body is not
 * read and the handler not called. Or it returns TN_HTTP_ADMIT_LATER, and replies or calls
 * tn_http_admitted in a later turn; until then the exchange belongs to it, as it would to a
 * handler. */
#define TN_HTTP_ADMIT_LATER SIZE_MAX
typedef size_t (*tn_http_admit)(void *arg, struct tn_http_exchange *x);
/* Writes the body of an answer of the server itself (400, 408, 413, 414, 417, 431, 501, 503, 505).
 * *type is application/json; set it for another content type. */
typedef void (*tn_http_error_body)(void *arg, int status, const char *text, const char *request_id,
                                   struct tn_buf *out);
/* Is called when an answer was handed to the socket: for logs and metrics. x is still readable. */
typedef void (*tn_http_observe)(void *arg, const struct tn_http_exchange *x, int status,
                                uint64_t bytes, int64_t took_us);

/* Zero means the limit in base/limits.h. */
struct tn_http_server_options {
    tn_http_handler handle;
    tn_http_admit admit;           /* NULL: max_body for all requests */
    tn_http_error_body error_body; /* NULL: one line of plain text */
    tn_http_observe observe;       /* NULL: none */
    void *arg;                     /* argument of the four functions above */
    struct tn_log *log;            /* NULL: silent */
    const char *const *hosts;      /* host names of this server, for absolute targets; NULL: its
                                      addresses */
    size_t max_body, bodies;       /* of one request; of all requests held at one time */
    unsigned max_connections, per_address; /* loopback and Unix peers count only in the first */
    int64_t header_ms, body_ms, keepalive_ms;
    int64_t write_ms; /* for the client to take an answer, plus 1 s per 16 KiB of it; 0: body_ms */
};

struct tn_http_server_stats {
    uint64_t accepted, requests, refused, timed_out;
    unsigned connections; /* open now */
};

/* Copies the options; log, hosts and arg must outlive the server. */
struct tn_http_server *tn_http_server_new(struct tn_loop *loop,
                                          const struct tn_http_server_options *o);
/* Closes every connection. Exchanges under way stay with their handlers, and tn_http_on_gone
 * functions are called. Do not call it inside a callback of the server. */
void tn_http_server_free(struct tn_http_server *s); /* NULL does nothing */
/* Accepts connections on a listening TCP or Unix descriptor. The descriptor stays the caller's and
 * may be shared with other processes. */
TN_MUST_CHECK bool tn_http_server_listen(struct tn_http_server *s, int fd, struct tn_err *err);
/* Stops accepting, lets requests under way finish, then calls done once, in a later turn. */
void tn_http_server_drain(struct tn_http_server *s, void (*done)(void *arg), void *arg);
void tn_http_server_stats(const struct tn_http_server *s, struct tn_http_server_stats *out);

/* Open listening sockets, non-blocking and close-on-exec; -1: err says why. address is HOST:PORT or
 * [V6]:PORT; port 0 lets the kernel choose. bound (may be NULL) gets the real address. */
enum { TN_HTTP_ADDRESS_LEN = 80 };
TN_MUST_CHECK int tn_http_listen_tcp(const char *address, char bound[TN_HTTP_ADDRESS_LEN],
                                     struct tn_err *err);
/* Replaces a socket file on which nobody listens; mode is e.g. 0600. */
TN_MUST_CHECK int tn_http_listen_unix(const char *path, mode_t mode, struct tn_err *err);
/* Does anybody listen on that socket file? */
bool tn_http_unix_answers(const char *path);

/* Continues an exchange whose admission was put off. If the client has gone meanwhile, this
 * finishes the exchange and the handler is not called. */
void tn_http_admitted(struct tn_http_exchange *x, size_t max_body);

/* The request. The texts are valid until the exchange is finished. */
struct tn_str tn_http_method(const struct tn_http_exchange *x);
bool tn_http_is(const struct tn_http_exchange *x, const char *method);
struct tn_str tn_http_target(const struct tn_http_exchange *x); /* as sent */
const struct tn_http_path *tn_http_path(const struct tn_http_exchange *x);
const struct tn_http_head *tn_http_head(const struct tn_http_exchange *x);
struct tn_str tn_http_get(const struct tn_http_exchange *x, const char *header); /* any case */
/* Query parameters, decoded, in order; index < count. A query that is no UTF-8 was refused
 * before. */
size_t tn_http_query_count(const struct tn_http_exchange *x);
void tn_http_query_at(const struct tn_http_exchange *x, size_t index, struct tn_str *name,
                      struct tn_str *value);
/* The first parameter of that name (absent: none); *times, if not NULL, is how often the name
 * came. */
struct tn_str tn_http_query(const struct tn_http_exchange *x, const char *name, unsigned *times);
struct tn_str tn_http_body(const struct tn_http_exchange *x);            /* complete; call it
                                                                            only inside handle */
const char *tn_http_request_id(const struct tn_http_exchange *x);        /* every answer carries
                                                                            it */
const char *tn_http_peer(const struct tn_http_exchange *x);              /* "127.0.0.1", "unix" */
bool tn_http_is_unix(const struct tn_http_exchange *x, uid_t *peer_uid); /* uid may be NULL */
int64_t tn_http_age_us(const struct tn_http_exchange *x);                /* time since its first
                                                                            byte */

/* The route that router.h found, and a pointer of the caller, both kept with the exchange. */
const struct tn_route_match *tn_http_match(const struct tn_http_exchange *x);
struct tn_str tn_http_param(const struct tn_http_exchange *x,
                            const char *name); /* of the pattern */
void tn_http_set_user(struct tn_http_exchange *x, void *user, void (*release)(void *user));
void *tn_http_user(const struct tn_http_exchange *x);
/* Zeroed memory that lives as long as the exchange. */
void *tn_http_alloc(struct tn_http_exchange *x, size_t n);

/* The answer. The server itself sets Date, Content-Length, Connection and X-Request-ID. */

/* Adds a header to the answer (copies both texts). Control characters in value become '?'. */
void tn_http_header(struct tn_http_exchange *x, const char *name, struct tn_str value);
void tn_http_headerf(struct tn_http_exchange *x, const char *name, const char *fmt, ...)
    TN_PRINTF(3, 4);
/* Finishes x. type may be NULL if body is empty. Copies body; sends none for HEAD, 204, 304. */
void tn_http_reply(struct tn_http_exchange *x, int status, const char *type, struct tn_str body);

/* A streamed answer: begin, any number of chunks, then end, which finishes x. */
void tn_http_begin(struct tn_http_exchange *x, int status, const char *type);
/* Copies bytes. False: the client has gone; stop, and call end or abort. */
bool tn_http_chunk(struct tn_http_exchange *x, struct tn_str bytes);
void tn_http_end(struct tn_http_exchange *x);
/* Bytes that the client has not taken yet. Stop at TN_HTTP_STREAM_HIGH, and go on when on_drain is
 * called, which means that less than half of it is left. */
enum { TN_HTTP_STREAM_HIGH = 256 * 1024 };
size_t tn_http_pending(const struct tn_http_exchange *x);
void tn_http_on_drain(struct tn_http_exchange *x,
                      void (*drained)(void *arg, struct tn_http_exchange *x), void *arg);
/* Finishes x by cutting the connection, for an answer that was begun and cannot be completed. */
void tn_http_abort(struct tn_http_exchange *x);

/* Calls gone at most once, before x is finished, when the client has closed or lost the connection:
 * work for it may stop. x still has to be finished. A client that closed only its sending side
 * still gets the answer. */
void tn_http_on_gone(struct tn_http_exchange *x,
                     void (*gone)(void *arg, struct tn_http_exchange *x), void *arg);
bool tn_http_gone(const struct tn_http_exchange *x);

#endif
