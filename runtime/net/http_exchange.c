/* SPDX-License-Identifier: MIT */
/* http_exchange.c - one request and its answer: the exchange of http_server.h. */
#include <stdio.h>

#include "base/time.h"
#include "net/exchange.h"
#include "net/http_server.h"

enum { EXTRA_MAX = 64 * 1024, OUT_MAX = EXTRA_MAX + 4096 };

/* --- the request ----------------------------------------------------------------------------- */

static bool query_parse(struct tn_http_exchange *x, struct tn_http_refusal *why)
{
    struct tn_str rest = x->head.query;
    size_t room = 1;
    for (size_t i = 0; i < rest.n; i++) room += rest.p[i] == '&';
    x->params = tn_arena_alloc(&x->arena, room * sizeof *x->params);
    char *text = tn_arena_alloc(&x->arena, rest.n);
    for (x->nparams = 0;; x->nparams++) {
        struct tn_param *p = &x->params[x->nparams];
        enum tn_http_step step = tn_http_query_next(&rest, text, &p->name, &p->value, why);
        if (step != TN_HTTP_more) return step == TN_HTTP_done;
        text += p->name.n + p->value.n;
    }
}

bool tn_exchange_parse(struct tn_http_exchange *x, const char *p, size_t n,
                       struct tn_http_refusal *why)
{
    tn_buf_add(&x->bytes, p, n);
    if (x->bytes.failed) {
        *why = (struct tn_http_refusal){503, "there is not enough memory"};
        return false;
    }
    if (!tn_http_head_parse(&x->head, x->bytes.p, n, why)) return false;
    if (x->head.absolute && !tn_http_server_owns_host(x, x->head.host)) {
        *why = (struct tn_http_refusal){400, "the target names another host; this is not a proxy"};
        return false;
    }
    if (x->head.path.p[0] == '*') {
        x->path = (struct tn_http_path){.text = x->head.path};
    } else {
        char *text = tn_arena_alloc(&x->arena, x->head.path.n);
        if (!tn_http_path_decode(x->head.path, text, &x->path, why)) return false;
    }
    return !x->head.query.n || query_parse(x, why);
}

void tn_exchange_reset(struct tn_http_exchange *x)
{
    if (x->release) x->release(x->user);
    tn_router_unref(x->match.router);
    x->match.router = NULL;
    x->match.route = NULL;
    x->match.n = 0;
    tn_buf_clear(&x->body);
    tn_buf_reset(&x->bytes);
    tn_buf_reset(&x->extra);
    tn_buf_reset(&x->out);
    tn_arena_reset(&x->arena);
    x->head.method = x->head.target = x->head.path = x->head.query = (struct tn_str){"", 0};
    x->head.nfields = 0;
    x->head.minor = 1;
    x->head.keep_alive = x->head.has_body = x->head.expect_continue = false;
    x->path.text = (struct tn_str){"", 0};
    x->path.n = 0;
    x->nparams = 0;
    x->conn = NULL;
    x->user = NULL;
    x->release = NULL;
    x->gone = x->drained = NULL;
    x->sent = 0;
    x->status = 0;
    x->is_gone = x->early = x->deciding = x->close = x->streaming = x->chunked = x->bodiless =
        false;
    if (!x->out.max) {
        tn_buf_init(&x->bytes, 2 * (TN_LIMIT_REQUEST_LINE + TN_LIMIT_HEADER_BYTES));
        tn_buf_init(&x->extra, EXTRA_MAX);
        tn_buf_init(&x->out, OUT_MAX);
    }
}

void tn_exchange_free(struct tn_http_exchange *x)
{
    tn_exchange_reset(x);
    tn_buf_clear(&x->bytes);
    tn_buf_clear(&x->extra);
    tn_buf_clear(&x->out);
    tn_arena_clear(&x->arena);
    tn_free(x);
}

struct tn_str tn_http_method(const struct tn_http_exchange *x)
{
    return x->head.method;
}

bool tn_http_is(const struct tn_http_exchange *x, const char *method)
{
    return tn_str_is(x->head.method, method);
}

struct tn_str tn_http_target(const struct tn_http_exchange *x)
{
    return x->head.target;
}

const struct tn_http_path *tn_http_path(const struct tn_http_exchange *x)
{
    return &x->path;
}

const struct tn_http_head *tn_http_head(const struct tn_http_exchange *x)
{
    return &x->head;
}

struct tn_str tn_http_get(const struct tn_http_exchange *x, const char *header)
{
    return tn_http_head_get(&x->head, header);
}

size_t tn_http_query_count(const struct tn_http_exchange *x)
{
    return x->nparams;
}

void tn_http_query_at(const struct tn_http_exchange *x, size_t index, struct tn_str *name,
                      struct tn_str *value)
{
    *name = x->params[index].name;
    *value = x->params[index].value;
}

struct tn_str tn_http_query(const struct tn_http_exchange *x, const char *name, unsigned *times)
{
    struct tn_str first = {NULL, 0}, wanted = tn_str(name);
    unsigned seen = 0;
    for (size_t i = 0; i < x->nparams; i++) {
        if (!tn_str_eq(x->params[i].name, wanted)) continue;
        if (!seen++) first = x->params[i].value;
    }
    if (times) *times = seen;
    return first;
}

struct tn_str tn_http_body(const struct tn_http_exchange *x)
{
    return tn_buf_str(&x->body);
}

const char *tn_http_request_id(const struct tn_http_exchange *x)
{
    return x->id;
}

const char *tn_http_peer(const struct tn_http_exchange *x)
{
    return x->peer;
}

bool tn_http_is_unix(const struct tn_http_exchange *x, uid_t *peer_uid)
{
    if (peer_uid) *peer_uid = x->uid;
    return x->is_unix;
}

int64_t tn_http_age_us(const struct tn_http_exchange *x)
{
    return tn_mono_us() - x->began_us;
}

const struct tn_route_match *tn_http_match(const struct tn_http_exchange *x)
{
    return &x->match;
}

struct tn_str tn_http_param(const struct tn_http_exchange *x, const char *name)
{
    for (unsigned i = 0; i < x->match.n; i++)
        if (tn_str_is(x->match.names[i], name)) return x->match.values[i];
    return (struct tn_str){NULL, 0};
}

enum tn_route_result tn_router_match(struct tn_router *r, struct tn_http_exchange *x)
{
    struct tn_router *before = x->match.router;
    enum tn_route_result result = tn_router_find(r, x->head.method, &x->path, &x->match);
    x->match.router = tn_router_ref(r);
    tn_router_unref(before);
    return result;
}

void tn_http_set_user(struct tn_http_exchange *x, void *user, void (*release)(void *user))
{
    if (x->release) x->release(x->user);
    x->user = user;
    x->release = release;
}

void *tn_http_user(const struct tn_http_exchange *x)
{
    return x->user;
}

void *tn_http_alloc(struct tn_http_exchange *x, size_t n)
{
    return tn_arena_alloc(&x->arena, n);
}

/* --- the answer ------------------------------------------------------------------------------ */

/* Adds a header line. Control characters in value become '?', so value cannot end the line. */
static void add_clean(struct tn_buf *out, const char *name, struct tn_str value)
{
    tn_buf_adds(out, name);
    tn_buf_add(out, ": ", 2);
    char *at = tn_buf_reserve(out, value.n + 2);
    if (!at) return;
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        at[i] = (c >= 0x20 && c != 0x7f) || c == '\t' ? (char)c : '?';
    }
    out->n += value.n;
    tn_buf_add(out, "\r\n", 2);
}

void tn_http_header(struct tn_http_exchange *x, const char *name, struct tn_str value)
{
    add_clean(&x->extra, name, value);
}

void tn_http_headerf(struct tn_http_exchange *x, const char *name, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0) return;
    if ((size_t)n >= sizeof text) n = sizeof text - 1;
    tn_http_header(x, name, (struct tn_str){text, (size_t)n});
}

static void add_line(struct tn_buf *out, const char *name, struct tn_str value)
{
    tn_buf_adds(out, name);
    tn_buf_addstr(out, value);
    tn_buf_add(out, "\r\n", 2);
}

/* True: the connection has to end, because dropping the rest of the body would cost too much. */
static bool must_close(const struct tn_http_exchange *x)
{
    if (x->close || !x->head.keep_alive || tn_http_server_draining(x->server)) return true;
    if (!x->early || !x->head.has_body) return false;
    return x->head.chunked || x->head.expect_continue || x->head.length > TN_LIMIT_HEADER_BYTES;
}

/* length < 0: the answer is streamed, and its length is not known. */
static void write_head(struct tn_http_exchange *x, int status, const char *type, int64_t length)
{
    struct tn_buf *out = &x->out;
    bool head = tn_http_is(x, "HEAD"), none = status < 200 || status == 204 || status == 304;
    x->status = status;
    x->bodiless = head || none;
    x->chunked = length < 0 && x->head.minor == 1 && !none;
    if (length < 0 && x->head.minor == 0) x->close = true;
    x->close = must_close(x);
    tn_buf_adds(out, "HTTP/1.1 ");
    tn_buf_addi(out, status);
    tn_buf_addc(out, ' ');
    add_line(out, "", tn_str(tn_http_reason(status)));
    add_line(out, "Date: ", tn_str(tn_http_server_date(x->server)));
    if (type && !none) add_clean(out, "Content-Type", tn_str(type));
    if (x->chunked) {
        tn_buf_adds(out, "Transfer-Encoding: chunked\r\n");
    } else if (length >= 0 && !none) {
        tn_buf_adds(out, "Content-Length: ");
        tn_buf_addi(out, length);
        tn_buf_add(out, "\r\n", 2);
    }
    add_line(out, "X-Request-ID: ", tn_str(x->id));
    tn_buf_addstr(out, tn_buf_str(&x->extra));
    if (x->close)
        tn_buf_adds(out, "Connection: close\r\n");
    else if (x->head.minor == 0)
        tn_buf_adds(out, "Connection: keep-alive\r\n");
    tn_buf_add(out, "\r\n", 2);
}

/* False: the fields exceeded their maximum, so the answer would be incomplete. */
static bool fields_fit(const struct tn_http_exchange *x)
{
    return !x->extra.failed && !x->out.failed;
}

static bool send_head(struct tn_http_exchange *x, struct tn_str body)
{
    struct iovec iov[2] = {{x->out.p, x->out.n}, {(void *)(uintptr_t)body.p, body.n}};
    if (!fields_fit(x)) return false;
    return tn_conn_write(x->conn, iov, body.n ? 2 : 1);
}

void tn_http_reply(struct tn_http_exchange *x, int status, const char *type, struct tn_str body)
{
    bool ok = true;
    if (x->conn) {
        write_head(x, status, type, (int64_t)body.n);
        x->sent = x->bodiless ? 0 : body.n;
        if (x->bodiless) body.n = 0;
        ok = send_head(x, body);
    }
    tn_conn_finish(x, !ok);
}

void tn_http_begin(struct tn_http_exchange *x, int status, const char *type)
{
    x->streaming = true;
    if (!x->conn) return;
    write_head(x, status, type, -1);
    tn_conn_stream(x->conn);
    if (!send_head(x, (struct tn_str){"", 0})) x->is_gone = true;
}

bool tn_http_chunk(struct tn_http_exchange *x, struct tn_str bytes)
{
    char size[24];
    if (!x->conn || x->is_gone) return false;
    if (x->bodiless || !bytes.n) return true;
    x->sent += bytes.n;
    struct iovec data = {(void *)(uintptr_t)bytes.p, bytes.n};
    if (!x->chunked) return tn_conn_write(x->conn, &data, 1);
    int n = snprintf(size, sizeof size, "%zx\r\n", bytes.n);
    struct iovec iov[3] = {{size, (size_t)n}, data, {(void *)(uintptr_t) "\r\n", 2}};
    return tn_conn_write(x->conn, iov, 3);
}

void tn_http_end(struct tn_http_exchange *x)
{
    struct iovec last = {(void *)(uintptr_t) "0\r\n\r\n", 5};
    bool ok = true;
    if (x->conn && x->chunked && !x->bodiless) ok = tn_conn_write(x->conn, &last, 1);
    tn_conn_finish(x, !ok);
}

size_t tn_http_pending(const struct tn_http_exchange *x)
{
    return x->conn ? tn_conn_pending(x->conn) : 0;
}

void tn_http_on_drain(struct tn_http_exchange *x,
                      void (*drained)(void *arg, struct tn_http_exchange *x), void *arg)
{
    x->drained = drained;
    x->drained_arg = arg;
}

void tn_http_abort(struct tn_http_exchange *x)
{
    tn_conn_finish(x, true);
}

void tn_http_on_gone(struct tn_http_exchange *x,
                     void (*gone)(void *arg, struct tn_http_exchange *x), void *arg)
{
    x->gone = gone;
    x->gone_arg = arg;
}

bool tn_http_gone(const struct tn_http_exchange *x)
{
    return x->is_gone || !x->conn;
}

void tn_exchange_refuse(struct tn_http_exchange *x, const struct tn_http_refusal *why)
{
    const struct tn_http_server_options *o = tn_http_server_options_of(x->server);
    struct tn_buf body;
    const char *type = "application/json";
    tn_buf_init(&body, TN_LIMIT_HEADER_BYTES);
    x->close = true;
    if (why->status == 503) tn_http_header(x, "Retry-After", TN_STR("1"));
    if (o->error_body) {
        o->error_body(o->arg, why->status, why->text, x->id, &body);
    } else {
        type = "text/plain";
        tn_buf_addf(&body, "%s\n", why->text);
    }
    tn_http_reply(x, why->status, type, tn_buf_str(&body));
    tn_buf_clear(&body);
}
