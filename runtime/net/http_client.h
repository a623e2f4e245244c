/* SPDX-License-Identifier: MIT */
/* http_client.h - sends HTTP(S) requests to others, with libcurl's multi interface in the loop.
 * Life: new; any number of fetches at once; free, which cancels those under way. Answers are
 * trusted as little as requests from outside: sizes, times, addresses and certificates are checked.
 * A redirect is returned like any other answer. Proxy variables of the environment are ignored. */
#ifndef TN_NET_HTTP_CLIENT_H
#define TN_NET_HTTP_CLIENT_H

#include "base/buf.h"
#include "base/err.h"
#include "net/egress.h"

struct tn_loop;
struct tn_http_client;
struct tn_fetch_call;

struct tn_http_client_options {
    const struct tn_egress *egress; /* must outlive the client; NULL: the operator opened no
                                       range */
    const char *user_agent;         /* NULL: "tenon" */
    bool allow_insecure;            /* may a fetch switch off certificate checks? */
    const char *ca_file;            /* authorities (PEM) that are trusted besides the system's;
                                       NULL: none.  Read once. */
    unsigned max_connections;       /* 0: 256 */
    unsigned per_host;              /* 0: 32 */
};

struct tn_fetch_header {
    const char *name;
    struct tn_str value;
};

/* Which failures the client tries again. These always: no connection, 408, 425, 429. */
struct tn_fetch_retry {
    unsigned attempts;     /* at most, the first included; 0 and 1: no retry */
    unsigned delay_ms;     /* the first pause is random up to this, and the bound doubles each
                              time; 0: 500 */
    unsigned max_delay_ms; /* 0: 30 s */
    bool safe;             /* the request may be carried out twice; so also retry broken
                              connections, cut answers, time-outs, 502, 503, 504 */
    bool on_500;           /* with safe: retry 500, too */
};

struct tn_reply;
/* Gets bytes of a streamed body, with the answer's status and fields. False: no room now; the same
 * bytes come again after tn_fetch_resume. It may neither cancel this fetch nor free the client. */
typedef bool (*tn_fetch_data)(void *arg, const struct tn_reply *head, const char *bytes, size_t n);

/* A request. tn_fetch_start copies everything. */
struct tn_fetch {
    const char *method; /* NULL: GET */
    const char *url;
    const struct tn_fetch_header *headers;
    size_t nheaders;
    struct tn_str body;            /* absent: no body; empty: Content-Length 0 */
    unsigned connect_ms, total_ms; /* limits for one attempt; 0: those of base/limits.h */
    unsigned max_wait_ms;          /* longest pause between attempts; when the peer asks for
                                      more, the fetch ends with its answer; 0:
                                      TN_LIMIT_RETRY_AFTER_S */
    size_t max_reply;              /* after decompression; 0: TN_LIMIT_REPLY */
    struct tn_fetch_tls {
        struct tn_str ca;        /* authorities (PEM) that are trusted, too; absent: none */
        struct tn_str cert, key; /* a client certificate and its private key (PEM); absent: none */
    } tls;
    bool insecure;         /* do not check certificates; refused unless the client allows
                              it */
    const char *unix_path; /* connect to this socket instead; policy local */
    enum tn_egress_policy policy;
    struct tn_fetch_retry retry;
    tn_fetch_data data;   /* not NULL: gets the body of a 2xx answer as it arrives. Once it
                             began, the request is not repeated; max_reply limits the whole body;
                             the peer may be silent for at most TN_LIMIT_FETCH_MS */
    const char *throttle; /* a Retry-After to one fetch pauses all fetches with this name; NULL:
                             only that fetch */
};

/* An answer; valid during the done call. */
struct tn_reply {
    int status;         /* 0: no answer came */
    struct tn_buf body; /* done may take it over: copy the struct, then call tn_buf_init on this
                           one */
    const struct tn_fetch_field *fields;
    size_t nfields;
    unsigned attempts;
    int64_t took_ms;       /* of all attempts and pauses */
    int64_t first_byte_ms; /* of the last attempt */
    const char *url;
    const char *address; /* the address that it connected to; "": none */
};
struct tn_fetch_field {
    struct tn_str name, value;
};
struct tn_str tn_reply_get(const struct tn_reply *r, const char *header); /* any case; absent:
                                                                             not sent */
/* The answer's Retry-After (seconds or a date) in ms from now, at most TN_LIMIT_RETRY_AFTER_S; -1:
 * none. */
int64_t tn_reply_retry_after(const struct tn_reply *r);

/* Is called once per fetch, never inside tn_fetch_start, never after a cancel. err is NULL if an
 * answer came, whatever its status. Else its kind is timeout, network, tls, too_large, egress,
 * bad_answer, rate_limited (the peer asks for a longer pause than max_wait_ms) or no_memory, and
 * reply has what is known. It may start fetches, cancel others and free the
 * client. */
typedef void (*tn_fetch_done)(void *arg, const struct tn_err *err, struct tn_reply *reply);

/* Copies the options. NULL: curl cannot be set up, or ca_file has no certificate; err says why. */
TN_MUST_CHECK struct tn_http_client *tn_http_client_new(struct tn_loop *loop,
                                                        const struct tn_http_client_options *o,
                                                        struct tn_err *err);
/* Can the file serve as ca_file (NULL: there is none)?  False: err says why. */
TN_MUST_CHECK bool tn_ca_file_check(const char *path, struct tn_err *err);
void tn_http_client_free(struct tn_http_client *c); /* NULL does nothing */
/* NULL: the request itself is wrong (kind invalid or egress), or the client is being freed (kind
 * cancelled); done will not be called. */
TN_MUST_CHECK struct tn_fetch_call *tn_fetch_start(struct tn_http_client *c,
                                                   const struct tn_fetch *f, tn_fetch_done done,
                                                   void *arg, struct tn_err *err);
/* Ends the fetch and frees it at once, without calling done. NULL does nothing. Do not call it
 * after done. */
void tn_fetch_cancel(struct tn_fetch_call *call);
/* Call it when the data function has room again: it gets the waiting bytes in a later turn. NULL
 * does nothing. */
void tn_fetch_resume(struct tn_fetch_call *call);
unsigned tn_http_client_active(const struct tn_http_client *c);
/* Pauses all fetches of this throttle name for ms: for a 429 that another part of the program
 * got. */
void tn_http_client_pause(struct tn_http_client *c, const char *throttle, int64_t ms);

#endif
