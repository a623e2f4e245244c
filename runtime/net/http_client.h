/* SPDX-License-Identifier: MIT */
/* http_client.h - HTTP(S) requests to others, on libcurl's multi interface in our loop.
 * Life: new; any number of fetches at once; free, which cancels what is under way.
 * Answers are trusted as little as requests to us: sizes, times, addresses and certificates are
 * checked; redirects are answers like any other; proxy variables of the environment count for
 * nothing. */
#ifndef TN_NET_HTTP_CLIENT_H
#define TN_NET_HTTP_CLIENT_H

#include "base/buf.h"
#include "base/err.h"
#include "net/egress.h"

struct tn_loop;
struct tn_http_client;
struct tn_fetch_call;

struct tn_http_client_options {
    const struct tn_egress *egress; /* outlives the client; NULL: nothing was opened */
    const char *user_agent;         /* NULL: "tenon" */
    bool allow_insecure;            /* may a fetch switch off certificate checks? */
    unsigned max_connections;       /* 0: 256 */
    unsigned per_host;              /* 0: 32 */
};

struct tn_fetch_header {
    const char *name;
    struct tn_str value;
};

/* Which failures are tried again.  Always among them: no connection, 408, 425, 429. */
struct tn_fetch_retry {
    unsigned attempts;     /* in all; 0 and 1: no retry */
    unsigned delay_ms;     /* first pause is random up to this, doubled each time; 0: 500 */
    unsigned max_delay_ms; /* 0: 30 s */
    bool safe;             /* may be carried out twice: also broken connections, cut
                              answers, time-outs, 502, 503, 504 */
    bool on_500;           /* with safe: 500 too */
};

struct tn_reply;
/* Bytes of a streamed body, with the answer's status and fields.  False: not now; the same bytes
 * come again after tn_fetch_resume.  May neither cancel this fetch nor free the client. */
typedef bool (*tn_fetch_data)(void *arg, const struct tn_reply *head, const char *bytes, size_t n);

/* A request.  Everything is copied. */
struct tn_fetch {
    const char *method; /* NULL: GET */
    const char *url;
    const struct tn_fetch_header *headers;
    size_t nheaders;
    struct tn_str body;            /* absent: none; empty: Content-Length 0 */
    unsigned connect_ms, total_ms; /* of one attempt; 0: base/limits.h */
    unsigned max_wait_ms;          /* longest pause between attempts; a longer Retry-After ends
                                      the fetch with that answer; 0: TN_LIMIT_RETRY_AFTER_S */
    size_t max_reply;              /* after decompression; 0: TN_LIMIT_REPLY */
    const char *ca_file, *ca_path; /* NULL: the system's */
    bool insecure;                 /* refused unless the client allows it */
    const char *unix_path;         /* connect to this socket instead; policy local */
    enum tn_egress_policy policy;
    struct tn_fetch_retry retry;
    tn_fetch_data data;   /* not NULL: the body of an answer with status 2xx goes there as it
                             comes, and is not repeated once it began; max_reply is its whole
                             length; the peer may be silent for TN_LIMIT_FETCH_MS at most */
    const char *throttle; /* a Retry-After that came to one fetch pauses all of this name;
                             NULL: only that one */
};

/* An answer; lives during the done call. */
struct tn_reply {
    int status;         /* 0: none came */
    struct tn_buf body; /* done may take it: copy the struct, then tn_buf_init this one */
    const struct tn_fetch_field *fields;
    size_t nfields;
    unsigned attempts;
    int64_t took_ms;       /* all attempts and pauses */
    int64_t first_byte_ms; /* of the last attempt */
    const char *url;
    const char *address; /* connected to; "": never */
};
struct tn_fetch_field {
    struct tn_str name, value;
};
struct tn_str tn_reply_get(const struct tn_reply *r, const char *header); /* any case; absent */
/* Retry-After in ms from now, seconds or date, at most TN_LIMIT_RETRY_AFTER_S; -1: none. */
int64_t tn_reply_retry_after(const struct tn_reply *r);

/* Called once per fetch, never inside tn_fetch_start, never after a cancel.  err is NULL when an
 * answer came, whatever its status; else kind timeout, network, tls, too_large, egress or
 * bad_answer, and reply has what is known.  May start fetches, cancel others and free the client.
 */
typedef void (*tn_fetch_done)(void *arg, const struct tn_err *err, struct tn_reply *reply);

/* Copies the options.  NULL: err (curl cannot be set up). */
TN_MUST_CHECK struct tn_http_client *tn_http_client_new(struct tn_loop *loop,
                                                        const struct tn_http_client_options *o,
                                                        struct tn_err *err);
void tn_http_client_free(struct tn_http_client *c); /* NULL does nothing */
/* NULL: the request itself is wrong (invalid, egress) and done will not be called. */
TN_MUST_CHECK struct tn_fetch_call *tn_fetch_start(struct tn_http_client *c,
                                                   const struct tn_fetch *f, tn_fetch_done done,
                                                   void *arg, struct tn_err *err);
/* Frees everything at once; done is not called.  NULL does nothing.  Not after done was called. */
void tn_fetch_cancel(struct tn_fetch_call *call);
/* The data function has room again: the waiting bytes come to it in a later turn.  NULL does
 * nothing. */
void tn_fetch_resume(struct tn_fetch_call *call);
unsigned tn_http_client_active(const struct tn_http_client *c);
/* Pauses all fetches of this throttle name for so long (a 429 that another part saw). */
void tn_http_client_pause(struct tn_http_client *c, const char *throttle, int64_t ms);

#endif
