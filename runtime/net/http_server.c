/* SPDX-License-Identifier: MIT */
/* http_server.c - connections: accepts them, reads from them, watches their deadlines, and ends
 * them. A connection handles one request after the other; while a handler has one, further bytes
 * wait in a bounded buffer. Each connection stores the time of its deadline, and one timer looks
 * through all of them. */
#include "net/http_server.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/id.h"
#include "base/log.h"
#include "base/map.h"
#include "base/time.h"
#include "loop/loop.h"
#include "net/exchange.h"

enum {
    READ_HIGH = 96 * 1024, /* bytes read ahead; a complete header must fit */
    POOL = 64,             /* exchanges kept for reuse */
    SWEEP_MS = 20,         /* shortest time between two looks at the deadlines */
    LINGER_MS = 2000,      /* how long to read on after the last answer, so that it arrives */
    LINGER_BYTES = 256 * 1024,
    FRESH_MS = 500, /* how long a drain waits for the first request of a new connection */
    PAUSE_MS = 100, /* pause of accepting when there are no descriptors */
    RATE = 16,      /* a transfer that is slower, in bytes per millisecond, ends */
};
#define NEVER INT64_MAX

enum state {
    IDLE, /* no byte of a request yet */
    HEAD, /* a part of a header */
    BODY,
    HANDLED,  /* the handler has the request, or its admission is being decided */
    ADMITTED, /* it was admitted in a later turn */
    FLUSH,    /* answered; the socket has not taken all bytes */
    LINGER,   /* no more answers; bytes that arrive are dropped */
};

struct listener {
    struct listener *next;
    struct tn_http_server *server;
    struct event *event;
    int fd;
    bool is_unix;
};

struct tn_conn {
    struct tn_conn *next, **link;
    TAILQ_ENTRY(tn_conn) ready; /* linked if is_ready */
    struct tn_http_server *server;
    struct bufferevent *bev;
    struct tn_http_exchange *x; /* from the end of the header to the end of the answer */
    struct tn_http_scan scan;
    int64_t deadline_us, began_us;
    uint64_t skip; /* bytes of a body that still have to be dropped */
    size_t held;   /* bytes of the body, also counted in server->held */
    unsigned *of_address;
    enum state state;
    int fd;
    bool is_unix, is_ready, is_eof, is_dead, last;
    bool pumping;
    uid_t uid;
    char peer[PEER_LEN];
};

struct tn_http_server {
    struct tn_loop *loop;
    struct tn_http_server_options o;
    struct listener *listeners;
    struct tn_conn *conns;
    TAILQ_HEAD(, tn_conn) ready; /* connections to handle in the next turn */
    struct tn_http_exchange *pool;
    unsigned pooled;
    struct tn_http_exchange *out; /* exchanges that a handler still has, but whose connection is
                                     lost */
    struct tn_map addresses;
    struct tn_timer *sweep, *resume, *again, *drained;
    int64_t sweep_at_us;
    size_t held;
    bool accepting, draining;
    void (*done)(void *arg);
    void *done_arg;
    struct tn_http_server_stats stats;
    int64_t date_s;
    char date[32];
    char prefix[17];
    uint64_t counter;
};

static void pump(struct tn_conn *c);

/* --- deadlines ------------------------------------------------------------------------------- */

static void set_deadline(struct tn_conn *c, int64_t now_us, int64_t ms)
{
    struct tn_http_server *s = c->server;
    c->deadline_us = ms < 0 ? NEVER : now_us + ms * 1000;
    if (c->deadline_us >= s->sweep_at_us) return;
    s->sweep_at_us = c->deadline_us;
    tn_timer_set(s->sweep, (c->deadline_us - now_us) / 1000 + 1);
}

static int64_t transfer_ms(int64_t base_ms, uint64_t bytes)
{
    return base_ms + (int64_t)(bytes / RATE);
}

/* --- the life of a connection ---------------------------------------------------------------- */

static void accept_on(struct tn_http_server *s)
{
    if (s->accepting || s->draining || s->stats.connections >= s->o.max_connections) return;
    s->accepting = true;
    for (struct listener *l = s->listeners; l; l = l->next) event_add(l->event, NULL);
}

static void accept_off(struct tn_http_server *s)
{
    s->accepting = false;
    for (struct listener *l = s->listeners; l; l = l->next) event_del(l->event);
}

static void check_drained(struct tn_http_server *s)
{
    if (s->draining && !s->conns && s->done) tn_timer_set(s->drained, 0);
}

/* The connection is lost. The handler keeps x, and its answer will be dropped. */
static void orphan(struct tn_http_exchange *x)
{
    struct tn_http_server *s = x->server;
    x->conn = NULL;
    x->next = s->out;
    s->out = x;
}

static void tell_gone(struct tn_http_exchange *x)
{
    if (x->is_gone) return;
    x->is_gone = true;
    if (x->gone) x->gone(x->gone_arg, x);
}

static void recycle(struct tn_http_server *s, struct tn_http_exchange *x)
{
    if (s->pooled >= POOL) {
        tn_exchange_free(x);
        return;
    }
    tn_exchange_reset(x);
    x->next = s->pool;
    s->pool = x;
    s->pooled++;
}

static void unready(struct tn_conn *c)
{
    if (c->is_ready) TAILQ_REMOVE(&c->server->ready, c, ready);
    c->is_ready = false;
}

static void release_held(struct tn_conn *c)
{
    c->server->held -= c->held;
    c->held = 0;
}

static void forget_address(struct tn_conn *c)
{
    if (!c->of_address || --*c->of_address) return;
    tn_free(tn_map_remove(&c->server->addresses, tn_str(c->peer)));
}

static void conn_free(struct tn_conn *c)
{
    struct tn_http_server *s = c->server;
    struct tn_http_exchange *x = c->x;
    bool handled = c->state == HANDLED;
    c->x = NULL;
    unready(c);
    release_held(c);
    forget_address(c);
    *c->link = c->next;
    if (c->next) c->next->link = c->link;
    bufferevent_free(c->bev);
    close(c->fd);
    tn_free(c);
    s->stats.connections--;
    accept_on(s);
    check_drained(s);
    if (!x) return;
    if (!handled) {
        recycle(s, x);
        return;
    }
    orphan(x);
    tell_gone(x);
}

static void make_ready(struct tn_conn *c)
{
    struct tn_http_server *s = c->server;
    if (c->is_ready) return;
    if (TAILQ_EMPTY(&s->ready)) tn_timer_set(s->again, 0);
    c->is_ready = true;
    TAILQ_INSERT_TAIL(&s->ready, c, ready);
}

static void run_ready(void *arg)
{
    struct tn_http_server *s = arg;
    struct tn_conn *c;
    size_t n = 0;
    TAILQ_FOREACH(c, &s->ready, ready) n++;
    while (n-- && (c = TAILQ_FIRST(&s->ready))) {
        unready(c);
        pump(c);
    }
    if (!TAILQ_EMPTY(&s->ready)) tn_timer_set(s->again, 0);
}

/* Marks the connection as dead; it is freed later, because callers on the stack may still use c. */
static void kill_conn(struct tn_conn *c)
{
    c->is_dead = true;
    if (!c->pumping) make_ready(c);
}

/* Closing while bytes of the peer are unread makes the kernel send a reset, which can destroy an
 * answer on its way. So this closes only the sending side, and the connection reads on for a
 * while. */
static void linger(struct tn_conn *c)
{
    if (c->is_eof || (!c->skip && !evbuffer_get_length(bufferevent_get_input(c->bev)))) {
        kill_conn(c);
        return;
    }
    shutdown(c->fd, SHUT_WR);
    c->state = LINGER;
    c->skip = LINGER_BYTES;
    set_deadline(c, tn_mono_us(), LINGER_MS);
}

static void wait_for_request(struct tn_conn *c, int64_t now_us)
{
    c->state = IDLE;
    tn_http_scan_init(&c->scan);
    set_deadline(c, now_us, c->server->o.keepalive_ms);
}

/* The socket has taken the whole answer: the connection waits for the next request. */
static void next_request(struct tn_conn *c)
{
    if (c->last || c->server->draining)
        linger(c);
    else
        wait_for_request(c, tn_mono_us());
}

/* --- writing --------------------------------------------------------------------------------- */

size_t tn_conn_pending(const struct tn_conn *c)
{
    return evbuffer_get_length(bufferevent_get_output(c->bev));
}

static size_t send_now(struct tn_conn *c, const struct iovec *iov, int n)
{
    struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)n};
    ssize_t sent;
    do sent = sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0) return (size_t)sent;
    if (errno != EAGAIN && errno != EWOULDBLOCK) kill_conn(c);
    return 0;
}

void tn_conn_stream(struct tn_conn *c)
{
    bufferevent_setwatermark(c->bev, EV_WRITE, TN_HTTP_STREAM_HIGH / 2, 0);
}

bool tn_conn_write(struct tn_conn *c, const struct iovec *iov, int n)
{
    size_t sent = 0, total = 0;
    bool was_empty = !tn_conn_pending(c);
    if (c->is_dead) return false;
    for (int i = 0; i < n; i++) total += iov[i].iov_len;
    if (was_empty) sent = send_now(c, iov, n);
    if (c->is_dead) return false;
    if (sent == total) return true;
    for (int i = 0; i < n; i++) {
        size_t skip = sent < iov[i].iov_len ? sent : iov[i].iov_len;
        sent -= skip;
        bufferevent_write(c->bev, (char *)iov[i].iov_base + skip, iov[i].iov_len - skip);
    }
    if (was_empty || c->deadline_us == NEVER)
        set_deadline(c, tn_mono_us(), transfer_ms(c->server->o.write_ms, total));
    return true;
}

static void observe(const struct tn_http_exchange *x)
{
    const struct tn_http_server_options *o = tn_http_server_options_of(x->server);
    if (o->observe) o->observe(o->arg, x, x->status, x->sent, tn_http_age_us(x));
}

/* Finishes an exchange whose connection was lost before the handler finished. */
static void finish_orphan(struct tn_http_exchange *x)
{
    struct tn_http_server *s = x->server;
    if (!s) {
        tn_exchange_free(x);
        return;
    }
    struct tn_http_exchange **at = &s->out;
    while (*at != x) at = &(*at)->next;
    *at = x->next;
    if (!x->status) x->status = 499;
    observe(x);
    recycle(s, x);
}

/* If an answer came before the body was read: arranges that the body is dropped, if the connection
 * goes on. */
static void plan_skip(struct tn_conn *c, const struct tn_http_exchange *x)
{
    if (!x->early || !x->head.has_body) return;
    c->skip = c->last ? LINGER_BYTES : x->head.length;
}

void tn_conn_finish(struct tn_http_exchange *x, bool cut)
{
    struct tn_conn *c = x->conn;
    if (!c) {
        finish_orphan(x);
        return;
    }
    struct tn_http_server *s = c->server;
    observe(x);
    c->last |= x->close;
    plan_skip(c, x);
    release_held(c);
    c->x = NULL;
    c->state = FLUSH;
    recycle(s, x);
    bufferevent_setwatermark(c->bev, EV_WRITE, 0, 0);
    if (cut)
        kill_conn(c);
    else if (!c->pumping && !tn_conn_pending(c))
        make_ready(c);
}

/* --- reading --------------------------------------------------------------------------------- */

static struct tn_http_exchange *new_exchange(struct tn_conn *c)
{
    struct tn_http_server *s = c->server;
    struct tn_http_exchange *x = s->pool;
    if (x) {
        s->pool = x->next;
        s->pooled--;
    } else {
        x = TN_NEW(struct tn_http_exchange);
        tn_exchange_reset(x);
    }
    x->conn = c;
    x->server = s;
    x->began_us = c->began_us;
    x->is_unix = c->is_unix;
    x->uid = c->uid;
    memcpy(x->peer, c->peer, sizeof x->peer);
    x->id[0] = '\0';
    c->x = x;
    s->stats.requests++;
    return x;
}

static void name_exchange(struct tn_http_exchange *x)
{
    struct tn_str sent = x->head.request_id;
    if (x->head.nfields && sent.p && tn_http_request_id_ok(sent)) {
        memcpy(x->id, sent.p, sent.n);
        x->id[sent.n] = '\0';
    } else {
        tn_http_server_request_id(x->server, x->id);
    }
}

/* Sends an answer of the server itself, and ends the connection after it. */
static void refuse(struct tn_conn *c, const struct tn_http_refusal *why)
{
    struct tn_http_exchange *x = c->x ? c->x : new_exchange(c);
    if (!x->id[0]) name_exchange(x);
    c->server->stats.refused++;
    c->state = HANDLED;
    tn_exchange_refuse(x, why);
    c->skip = LINGER_BYTES; /* drops the rest of the refused request */
}

static void handle(struct tn_conn *c)
{
    c->state = HANDLED;
    set_deadline(c, 0, -1);
    c->server->o.handle(c->server->o.arg, c->x);
}

/* The request is admitted: reads its body, or calls the handler if there is none. */
static void go_on(struct tn_conn *c)
{
    static const struct iovec wanted = {(void *)(uintptr_t) "HTTP/1.1 100 Continue\r\n\r\n", 25};
    struct tn_http_exchange *x = c->x;
    x->early = x->deciding = false;
    if (!x->head.has_body) {
        handle(c);
        return;
    }
    if (x->head.length > x->max_body) {
        refuse(c, &(struct tn_http_refusal){413, "the body is larger than allowed"});
        return;
    }
    tn_buf_init(&x->body, x->max_body);
    tn_http_decoder_init(&x->decoder, &x->head, x->max_body);
    c->state = BODY;
    set_deadline(c, tn_mono_us(), c->server->o.body_ms);
    if (x->head.expect_continue && !evbuffer_get_length(bufferevent_get_input(c->bev)))
        tn_conn_write(c, &wanted, 1);
}

/* The header is complete: makes the exchange, and asks options.admit whether the request may go
 * on. */
static void admit(struct tn_conn *c)
{
    const struct tn_http_server_options *o = &c->server->o;
    struct tn_http_exchange *x = c->x;
    x->max_body = o->max_body;
    if (o->admit) {
        c->state = HANDLED; /* so that admit may reply */
        x->early = true;
        size_t max = o->admit(o->arg, x);
        if (c->is_dead || c->x != x) return;
        if (max == TN_HTTP_ADMIT_LATER) {
            x->deciding = true;
            set_deadline(c, 0, -1);
            return;
        }
        x->max_body = max;
    }
    go_on(c);
}

void tn_http_admitted(struct tn_http_exchange *x, size_t max_body)
{
    struct tn_conn *c = x->conn;
    if (!c) {
        tn_http_abort(x);
        return;
    }
    x->max_body = max_body;
    c->state = ADMITTED;
    pump(c);
}

/* Returns all bytes that wait, in one piece. */
static struct tn_str input(struct tn_conn *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    size_t n = evbuffer_get_length(in);
    if (!n) return (struct tn_str){"", 0};
    if (evbuffer_get_contiguous_space(in) < n)
        return (struct tn_str){(const char *)evbuffer_pullup(in, -1), n};
    struct evbuffer_iovec first;
    evbuffer_peek(in, -1, NULL, &first, 1);
    return (struct tn_str){first.iov_base, n};
}

static void consume(struct tn_conn *c, size_t n)
{
    evbuffer_drain(bufferevent_get_input(c->bev), n);
}

/* The functions read_head, read_body and read_skip return whether the bytes at hand may allow
 * another step. */

static bool read_head(struct tn_conn *c)
{
    struct tn_http_refusal why;
    struct tn_str in = input(c);
    size_t head_n;
    if (!in.n) return false;
    if (c->state == IDLE) {
        c->state = HEAD;
        c->began_us = tn_mono_us();
    }
    enum tn_http_step step = tn_http_scan_feed(&c->scan, in.p, in.n, &head_n, &why);
    if (step == TN_HTTP_more) {
        if (c->deadline_us != c->began_us + c->server->o.header_ms * 1000)
            set_deadline(c, c->began_us, c->server->o.header_ms);
        return false;
    }
    if (step == TN_HTTP_done) {
        struct tn_http_exchange *x = new_exchange(c);
        bool ok = tn_exchange_parse(x, in.p, head_n, &why);
        name_exchange(x);
        if (ok) {
            consume(c, head_n);
            admit(c);
            return true;
        }
    }
    refuse(c, &why);
    return true;
}

/* Counts n more bytes of body; false: all connections together would hold more than permitted. */
static bool may_hold(struct tn_conn *c, size_t n)
{
    struct tn_http_server *s = c->server;
    if (n > s->o.bodies - s->held) return false;
    s->held += n;
    c->held += n;
    return true;
}

static bool read_body(struct tn_conn *c)
{
    static const struct tn_http_refusal full = {503,
                                                "too many large requests at a time; try again"};
    struct tn_http_exchange *x = c->x;
    struct tn_http_refusal why;
    struct tn_str in = input(c), data;
    size_t used, at = 0;
    enum tn_http_step step = TN_HTTP_more;
    while (at < in.n && step == TN_HTTP_more) {
        step = tn_http_decoder_feed(&x->decoder, in.p + at, in.n - at, &used, &data, &why);
        at += used;
        if (step == TN_HTTP_bad) break;
        if (data.n && may_hold(c, data.n))
            tn_buf_addstr(&x->body, data);
        else if (data.n)
            x->body.failed = true;
        if (x->body.failed) {
            step = TN_HTTP_bad;
            why = full;
        }
    }
    if (step == TN_HTTP_bad) {
        refuse(c, &why);
        return true;
    }
    consume(c, at);
    if (step == TN_HTTP_done) {
        handle(c);
        return true;
    }
    set_deadline(c, x->began_us, transfer_ms(c->server->o.body_ms, x->body.n));
    return false;
}

/* Drops bytes of a body that no handler wants. */
static bool read_skip(struct tn_conn *c)
{
    size_t n = evbuffer_get_length(bufferevent_get_input(c->bev));
    if (n > c->skip) n = (size_t)c->skip;
    consume(c, n);
    c->skip -= n;
    return n > 0;
}

static bool step(struct tn_conn *c)
{
    switch (c->state) {
    case IDLE:
    case HEAD:
        if (c->skip && (read_skip(c), c->skip)) return false;
        return read_head(c);
    case ADMITTED: go_on(c); return true;
    case BODY: return read_body(c);
    case FLUSH:
        if (tn_conn_pending(c)) return false;
        next_request(c);
        return true;
    case LINGER:
        read_skip(c);
        if (!c->skip) kill_conn(c);
        return false;
    default: return false;
    }
}

/* The peer will send no more bytes, and those that came are used up. */
static void after_eof(struct tn_conn *c)
{
    if (c->state == HANDLED && c->x->deciding) return; /* the handler will notice */
    if (c->state == HANDLED)
        tell_gone(c->x);
    else if (c->state != FLUSH)
        kill_conn(c);
}

static void pump(struct tn_conn *c)
{
    uint64_t before = c->server->stats.requests;
    if (c->pumping) return;
    c->pumping = true;
    while (!c->is_dead && step(c)) {
        if (c->server->stats.requests - before < TN_LIMIT_PIPELINE || c->state != IDLE) continue;
        if (evbuffer_get_length(bufferevent_get_input(c->bev))) {
            make_ready(c); /* other connections first */
            break;
        }
    }
    if (!c->is_dead && c->is_eof && !c->is_ready) after_eof(c);
    c->pumping = false;
    if (c->is_dead) conn_free(c);
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct tn_conn *c = arg;
    (void)bev;
    if (c->state != HANDLED && c->state != FLUSH) pump(c);
}

/* The socket has taken enough of the bytes that were kept. */
static void on_written(struct bufferevent *bev, void *arg)
{
    struct tn_conn *c = arg;
    (void)bev;
    if (c->state == FLUSH) {
        pump(c);
        return;
    }
    if (c->state != HANDLED) return;
    struct tn_http_exchange *x = c->x;
    set_deadline(c, tn_mono_us(),
                 tn_conn_pending(c) ? transfer_ms(c->server->o.write_ms, tn_conn_pending(c)) : -1);
    if (x->streaming && x->drained) x->drained(x->drained_arg, x);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct tn_conn *c = arg;
    (void)bev;
    if (what & BEV_EVENT_EOF) {
        c->is_eof = true;
        pump(c);
    } else if (what & BEV_EVENT_ERROR) {
        kill_conn(c);
    }
}

/* --- passed deadlines ------------------------------------------------------------------------ */

static void expire(struct tn_conn *c)
{
    static const struct tn_http_refusal late = {408, "the request did not arrive in time"};
    enum state state = c->state;
    c->server->stats.timed_out += state != IDLE && state != LINGER;
    if (state != HEAD && state != BODY) {
        kill_conn(c);
        return;
    }
    refuse(c, &late);
}

static void sweep(void *arg)
{
    struct tn_http_server *s = arg;
    int64_t now = tn_mono_us(), first = NEVER;
    struct tn_conn *next;
    s->sweep_at_us = NEVER;
    for (struct tn_conn *c = s->conns; c; c = next) {
        next = c->next;
        if (c->deadline_us <= now)
            expire(c);
        else if (c->deadline_us < first)
            first = c->deadline_us;
    }
    if (first == NEVER || first > s->sweep_at_us) return;
    if (first < now + SWEEP_MS * 1000) first = now + SWEEP_MS * 1000;
    s->sweep_at_us = first;
    tn_timer_set(s->sweep, (first - now) / 1000 + 1);
}

/* --- accepting ------------------------------------------------------------------------------- */

static bool is_loopback(const struct sockaddr_storage *a)
{
    if (a->ss_family == AF_INET)
        return (ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24) == 127;
    return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)a)->sin6_addr);
}

static void name_peer(struct tn_conn *c, const struct sockaddr_storage *a)
{
    const void *at = &((const struct sockaddr_in6 *)a)->sin6_addr;
    if (a->ss_family == AF_INET) at = &((const struct sockaddr_in *)a)->sin_addr;
    if (!evutil_inet_ntop(a->ss_family, at, c->peer, sizeof c->peer))
        snprintf(c->peer, PEER_LEN, "?");
}

static void name_unix_peer(struct tn_conn *c)
{
    struct ucred cred;
    socklen_t n = sizeof cred;
    snprintf(c->peer, PEER_LEN, "unix");
    c->is_unix = true;
    c->uid = (uid_t)-1;
    if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) == 0) c->uid = cred.uid;
}

static bool count_address(struct tn_conn *c)
{
    struct tn_http_server *s = c->server;
    unsigned *n = tn_map_get(&s->addresses, tn_str(c->peer));
    if (!n) {
        n = TN_NEW(unsigned);
        tn_map_put(&s->addresses, tn_str(c->peer), n);
    }
    c->of_address = n;
    return ++*n <= s->o.per_address;
}

static void conn_new(struct tn_http_server *s, const struct listener *l, int fd,
                     const struct sockaddr_storage *a)
{
    static const struct tn_http_refusal crowd = {503, "too many connections from this address"};
    struct tn_conn *c = TN_NEW(struct tn_conn);
    int on = 1;
    bool ok = true;
    c->server = s;
    c->fd = fd;
    c->next = s->conns;
    c->link = &s->conns;
    if (c->next) c->next->link = &c->next;
    s->conns = c;
    s->stats.accepted++;
    s->stats.connections++;
    c->bev = bufferevent_socket_new(tn_loop_base(s->loop), fd, 0);
    bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
    bufferevent_setwatermark(c->bev, EV_READ, 0, READ_HIGH);
    bufferevent_enable(c->bev, EV_READ | EV_WRITE);
    if (l->is_unix) {
        name_unix_peer(c);
    } else {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        name_peer(c, a);
        ok = is_loopback(a) || count_address(c);
    }
    wait_for_request(c, c->began_us = tn_mono_us());
    set_deadline(c, c->began_us, s->draining ? FRESH_MS : s->o.header_ms);
    if (!ok) refuse(c, &crowd);
}

/* Accepts one connection per call, so that the processes that share the socket share the load. */
static int accept_one(const struct listener *l)
{
    struct tn_http_server *s = l->server;
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    memset(&a, 0, sizeof a);
    int fd = accept4(l->fd, (struct sockaddr *)&a, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return errno;
    conn_new(s, l, fd, &a);
    return 0;
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = arg;
    struct tn_http_server *s = l->server;
    (void)fd, (void)what;
    int no = accept_one(l);
    if (no == EMFILE || no == ENFILE || no == ENOBUFS || no == ENOMEM) {
        tn_log(s->o.log, TN_LOG_warn, "http", "cannot accept connections: %s", strerror(no));
        accept_off(s);
        tn_timer_set(s->resume, PAUSE_MS);
    } else if (s->stats.connections >= s->o.max_connections) {
        accept_off(s); /* conn_free switches it on again */
    }
}

static void resume(void *arg)
{
    accept_on(arg);
}

bool tn_http_server_listen(struct tn_http_server *s, int fd, struct tn_err *err)
{
    struct sockaddr_storage a = {0};
    socklen_t n = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &n) < 0)
        return tn_fail_errno(err, errno, "the listening socket");
    struct listener *l = TN_NEW(struct listener);
    *l = (struct listener){.next = s->listeners, .server = s, .fd = fd};
    l->is_unix = a.ss_family == AF_UNIX;
    l->event = event_new(tn_loop_base(s->loop), fd, EV_READ | EV_PERSIST, on_accept, l);
    s->listeners = l;
    if (s->accepting)
        event_add(l->event, NULL);
    else
        accept_on(s);
    return true;
}

/* --- the server ------------------------------------------------------------------------------ */

static void drained(void *arg)
{
    struct tn_http_server *s = arg;
    void (*done)(void *) = s->done;
    s->done = NULL;
    if (done) done(s->done_arg);
}

static void fill_options(struct tn_http_server_options *o)
{
    if (!o->max_body) o->max_body = TN_LIMIT_BODY;
    if (!o->bodies) o->bodies = TN_LIMIT_BODIES;
    if (!o->max_connections) o->max_connections = TN_LIMIT_CONNECTIONS;
    if (!o->per_address) o->per_address = TN_LIMIT_ADDRESS_CONNECTIONS;
    if (!o->header_ms) o->header_ms = TN_LIMIT_HEADER_MS;
    if (!o->body_ms) o->body_ms = TN_LIMIT_BODY_MS;
    if (!o->keepalive_ms) o->keepalive_ms = TN_LIMIT_KEEPALIVE_MS;
    if (!o->write_ms) o->write_ms = o->body_ms;
}

struct tn_http_server *tn_http_server_new(struct tn_loop *loop,
                                          const struct tn_http_server_options *o)
{
    struct tn_http_server *s = TN_NEW(struct tn_http_server);
    unsigned char random[8];
    s->loop = loop;
    s->o = *o;
    fill_options(&s->o);
    tn_map_init(&s->addresses);
    tn_random(random, sizeof random);
    tn_hex(random, sizeof random, s->prefix);
    s->sweep_at_us = NEVER;
    TAILQ_INIT(&s->ready);
    s->sweep = tn_timer_new(loop, sweep, s);
    s->resume = tn_timer_new(loop, resume, s);
    s->again = tn_timer_new(loop, run_ready, s);
    s->drained = tn_timer_new(loop, drained, s);
    return s;
}

void tn_http_server_free(struct tn_http_server *s)
{
    struct tn_http_exchange *x;
    if (!s) return;
    s->draining = true;
    s->done = NULL;
    while (s->conns) conn_free(s->conns);
    for (struct listener *l = s->listeners, *next; l; l = next) {
        next = l->next;
        event_free(l->event);
        tn_free(l);
    }
    for (x = s->out; x; x = x->next) x->server = NULL;
    while ((x = s->pool)) {
        s->pool = x->next;
        tn_exchange_free(x);
    }
    tn_map_clear(&s->addresses, NULL);
    tn_timer_free(s->sweep);
    tn_timer_free(s->resume);
    tn_timer_free(s->again);
    tn_timer_free(s->drained);
    tn_free(s);
}

void tn_http_server_drain(struct tn_http_server *s, void (*done)(void *arg), void *arg)
{
    struct tn_conn *next;
    s->done = done;
    s->done_arg = arg;
    if (!s->draining) {
        s->draining = true;
        accept_off(s);
        for (struct listener *l = s->listeners; l; l = l->next)
            while (s->stats.connections < s->o.max_connections && !accept_one(l)) continue;
    }
    for (struct tn_conn *c = s->conns; c; c = next) {
        next = c->next;
        /* A client that seems idle may be sending right now; so it gets an answer that says
         * "close". */
        if (c->state == IDLE) set_deadline(c, tn_mono_us(), FRESH_MS);
    }
    check_drained(s);
}

void tn_http_server_stats(const struct tn_http_server *s, struct tn_http_server_stats *out)
{
    *out = s->stats;
}

const struct tn_http_server_options *tn_http_server_options_of(const struct tn_http_server *s)
{
    return &s->o;
}

bool tn_http_server_draining(const struct tn_http_server *s)
{
    return s->draining;
}

const char *tn_http_server_date(struct tn_http_server *s)
{
    int64_t now = tn_now_ms();
    if (now / 1000 != s->date_s) {
        s->date_s = now / 1000;
        tn_time_http(now, s->date);
    }
    return s->date;
}

void tn_http_server_request_id(struct tn_http_server *s, char out[REQUEST_ID_LEN + 1])
{
    uint64_t n = s->counter++;
    memcpy(out, "req_", 4);
    memcpy(out + 4, s->prefix, 16);
    for (int i = 9; i >= 0; i--, n >>= 4) out[20 + i] = "0123456789abcdef"[n & 15];
    out[30] = '\0';
}

/* Is host one of the options' names ("name" or "name:port"), or, without them, the address and port
 * that the client connected to? */
bool tn_http_server_owns_host(const struct tn_http_exchange *x, struct tn_str host)
{
    const struct tn_conn *c = x->conn;
    char text[TN_HTTP_ADDRESS_LEN], at[INET6_ADDRSTRLEN];
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    memset(&a, 0, sizeof a);
    for (const char *const *name = x->server->o.hosts; name && *name; name++)
        if (tn_str_eq_nocase(host, tn_str(*name))) return true;
    if (c->is_unix) return tn_str_eq_nocase(host, TN_STR("localhost"));
    if (getsockname(c->fd, (struct sockaddr *)&a, &n) < 0) return false;
    bool v6 = a.ss_family == AF_INET6;
    const struct sockaddr_in *a4 = (const struct sockaddr_in *)&a;
    const struct sockaddr_in6 *a6 = (const struct sockaddr_in6 *)&a;
    const void *bytes = v6 ? (const void *)&a6->sin6_addr : (const void *)&a4->sin_addr;
    unsigned port = ntohs(v6 ? a6->sin6_port : a4->sin_port);
    evutil_inet_ntop(a.ss_family, bytes, at, sizeof at);
    snprintf(text, sizeof text, v6 ? "[%s]:%u" : "%s:%u", at, port);
    if (tn_str_eq_nocase(host, tn_str(text))) return true;
    snprintf(text, sizeof text, "localhost:%u", port);
    return is_loopback(&a) && tn_str_eq_nocase(host, tn_str(text));
}
