/* SPDX-License-Identifier: MIT */
/* http_parse.h - a strict parser of HTTP/1.1 requests (RFC 9112). It refuses messages that the RFC
 * calls ambiguous; docs/decisions/http-server.md lists each decision. It uses no sockets, no clock
 * and no memory of its own.
 *
 * Life: init; feed the bytes from the start of the message until done; tn_http_head_parse on the
 * bytes of the header; then the body through tn_http_decoder_feed. */
#ifndef TN_NET_HTTP_PARSE_H
#define TN_NET_HTTP_PARSE_H

#include "base/limits.h"
#include "base/str.h"

enum tn_http_step { TN_HTTP_more, TN_HTTP_done, TN_HTTP_bad };

/* Why a message was refused: the status to answer with, and a sentence that quotes no byte of the
 * peer. */
struct tn_http_refusal {
    int status;
    const char *text;
};

struct tn_http_field {
    struct tn_str name, value; /* value without the white space around it */
};

/* A request's header. All texts point into the bytes that were parsed. */
struct tn_http_head {
    struct tn_str method, target; /* as they were sent */
    struct tn_str path, query;    /* parts of target, not decoded; query absent: no '?' */
    struct tn_str host;           /* absent: HTTP/1.0 without Host */
    struct tn_str request_id;     /* X-Request-ID as sent; absent: none, or sent twice */
    uint64_t length;              /* Content-Length; 0 when chunked */
    unsigned minor;               /* HTTP/1.<minor> */
    bool keep_alive, chunked, has_body;
    bool expect_continue; /* the client waits for 100 before it sends the body */
    bool absolute;        /* target was http://<Host>/...; the caller checks that Host names this
                             server */
    unsigned nfields;
    struct tn_http_field fields[TN_LIMIT_HEADER_FIELDS];
};

/* Finds the end of a header that arrives in pieces. */
struct tn_http_scan {
    size_t seen, line;   /* bytes scanned, start of the line that they end in */
    size_t lead, fields; /* where the request line and the fields start; fields 0: not known yet */
    bool checked;        /* the request line was checked */
};
void tn_http_scan_init(struct tn_http_scan *s);
/* p[0..n) are all bytes since the start of the message. done: *head_n is the length of the header,
 * its empty line included. Refuses as soon as a limit is passed or the request line is wrong. */
enum tn_http_step tn_http_scan_feed(struct tn_http_scan *s, const char *p, size_t n, size_t *head_n,
                                    struct tn_http_refusal *why);
/* p[0..n) is a complete header, as the scan found it. */
bool tn_http_head_parse(struct tn_http_head *h, const char *p, size_t n,
                        struct tn_http_refusal *why);
/* Returns the first field of that name, in any case; absent: not sent. */
struct tn_str tn_http_head_get(const struct tn_http_head *h, const char *name);
/* How many fields of that name were sent. */
unsigned tn_http_head_count(const struct tn_http_head *h, const char *name);

/* Decodes a body, by Content-Length or chunked. */
struct tn_http_decoder {
    uint64_t left, total, max; /* bytes left of this chunk or body; data so far; data permitted */
    size_t overhead;           /* bytes of extensions and trailers so far */
    unsigned digits;           /* digits of the chunk size */
    int state;
    bool chunked;
};
void tn_http_decoder_init(struct tn_http_decoder *d, const struct tn_http_head *h, uint64_t max);
/* Takes some of p[0..n): *used bytes, of which *data (may be empty) is content. While it answers
 * more and *used > 0, call it again with the rest. done: the message ends after *used bytes. */
enum tn_http_step tn_http_decoder_feed(struct tn_http_decoder *d, const char *p, size_t n,
                                       size_t *used, struct tn_str *data,
                                       struct tn_http_refusal *why);

/* A path, decoded in segments. "/a/b%2Fc" has the two segments "a" and "b/c". */
enum { TN_HTTP_SEGMENTS = 32 };
struct tn_http_path {
    struct tn_str text; /* decoded, joined by slashes: for messages and logs */
    struct tn_str segments[TN_HTTP_SEGMENTS];
    unsigned n;
    bool slash; /* the path ended with a slash */
};
/* Decodes raw (which starts with a slash) into out, which has room for raw.n bytes. Refuses bad
 * escapes, control characters, bytes that are no UTF-8, and the segments "." and "..", however they
 * are written. */
bool tn_http_path_decode(struct tn_str raw, char *out, struct tn_http_path *path,
                         struct tn_http_refusal *why);
/* Takes the next parameter off *query and decodes it into out (room for query->n bytes); '+'
 * becomes a space. done: there is none. bad: a bad escape, NUL, a control character or no UTF-8. */
enum tn_http_step tn_http_query_next(struct tn_str *query, char *out, struct tn_str *name,
                                     struct tn_str *value, struct tn_http_refusal *why);

/* Does the comma-separated list have this token, in any case? */
bool tn_http_list_has(struct tn_str list, const char *token);
/* Does id match [A-Za-z0-9_-]{1,64}? */
bool tn_http_request_id_ok(struct tn_str id);
/* Is it a field name by RFC 9110; is it a value without control characters? */
bool tn_http_name_ok(struct tn_str name);
bool tn_http_value_ok(struct tn_str value);
/* The reason phrase of a status, "Not Found"; never NULL. */
const char *tn_http_reason(int status);

#endif
