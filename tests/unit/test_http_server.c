/* SPDX-License-Identifier: MIT */
/* The server over real loopback sockets; client and server share one loop and one thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "loop/loop.h"
#include "net/http_server.h"
#include "net/router.h"

enum { GUARD_MS = 20000, PEERS = 64, LATER = 32 };

/* A raw client: what it was sent, and whether the other side has closed. */
struct peer {
    int fd;
    struct tn_watch *watch;
    struct tn_buf in, out;
    bool closed, paused;
};

struct world {
    struct tn_loop *loop;
    struct tn_http_server *server;
    struct tn_timer *guard;
    struct peer peers[PEERS];
    unsigned npeers;
    int listening, unix_listening;
    char address[TN_HTTP_ADDRESS_LEN], unix_path[64];
    struct tn_http_exchange *later[LATER];
    unsigned nlater, handled, admitted, gone, drained, observed, released;
    struct tn_router *router;
    int last_status;
    bool done, late, abort_when_gone;
    size_t admit; /* what admit answers; 0: it replies 401 */
    struct tn_http_exchange *undecided;
    size_t streamed;
    struct tn_buf seen; /* bodies that handlers got, one after the other */
};

/* --- the loop -------------------------------------------------------------------------------- */

static void too_late(void *arg)
{
    ((struct world *)arg)->late = true;
}

#define UNTIL(w, condition)                                                                        \
    do {                                                                                           \
        tn_timer_set((w)->guard, GUARD_MS);                                                        \
        while (!(condition) && !(w)->late) tn_loop_turn((w)->loop, true);                          \
        if ((w)->late) print_error("timed out waiting for: %s\n", #condition);                     \
        assert_false((w)->late);                                                                   \
    } while (0)

static void turns(struct world *w, int n)
{
    while (n--) tn_loop_turn(w->loop, false);
}

/* --- clients --------------------------------------------------------------------------------- */

static void peer_ready(void *arg, int ready)
{
    struct peer *p = arg;
    char bytes[65536];
    if (ready & TN_WRITE && p->out.n) {
        ssize_t n = send(p->fd, p->out.p, p->out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            memmove(p->out.p, p->out.p + n, p->out.n - (size_t)n);
            p->out.n -= (size_t)n;
        } else if (n < 0 && errno != EAGAIN) {
            p->out.n = 0;
        }
    }
    if (ready & TN_READ) {
        ssize_t n = recv(p->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n > 0)
            tn_buf_add(&p->in, bytes, (size_t)n);
        else if (n == 0 || errno != EAGAIN)
            p->closed = true;
    }
    tn_watch_for(p->watch,
                 (p->closed || p->paused ? 0 : TN_READ) | (p->out.n && !p->closed ? TN_WRITE : 0));
}

static struct peer *adopt(struct world *w, int fd)
{
    assert_true(fd >= 0 && w->npeers < PEERS);
    struct peer *p = &w->peers[w->npeers++];
    *p = (struct peer){.fd = fd};
    tn_buf_init(&p->in, 64 * TN_MIB);
    tn_buf_init(&p->out, 64 * TN_MIB);
    p->watch = tn_watch_new(w->loop, fd, peer_ready, p);
    tn_watch_for(p->watch, TN_READ);
    return p;
}

static struct peer *dial(struct world *w)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    a.sin_port = htons((uint16_t)atoi(strrchr(w->address, ':') + 1));
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return adopt(w, fd);
}

static void say_bytes(struct peer *p, const char *bytes, size_t n)
{
    tn_buf_add(&p->out, bytes, n);
    tn_watch_for(p->watch, (p->paused ? 0 : TN_READ) | TN_WRITE);
}

static void say(struct peer *p, const char *text)
{
    say_bytes(p, text, strlen(text));
}

static void hang_up(struct peer *p)
{
    tn_watch_free(p->watch);
    p->watch = NULL;
    close(p->fd);
    p->fd = -1;
}

static const char *heard(const struct peer *p)
{
    return p->in.p ? p->in.p : "";
}

static unsigned count(const struct peer *p, const char *what)
{
    unsigned n = 0;
    for (const char *at = heard(p); (at = strstr(at, what)); at++) n++;
    return n;
}

static int status_of(const struct peer *p)
{
    return p->in.n > 12 ? atoi(p->in.p + 9) : 0;
}

/* --- the server's side ----------------------------------------------------------------------- */

static void on_gone(void *arg, struct tn_http_exchange *x)
{
    struct world *w = arg;
    w->gone++;
    if (!w->abort_when_gone) return;
    for (unsigned i = 0; i < w->nlater; i++)
        if (w->later[i] == x) w->later[i] = NULL;
    tn_http_abort(x);
}

static void released(void *arg)
{
    ((struct world *)arg)->released++;
}

static void pour(void *arg, struct tn_http_exchange *x)
{
    static char block[8192];
    struct world *w = arg;
    memset(block, 'x', sizeof block);
    w->drained++;
    while (w->streamed && tn_http_pending(x) < TN_HTTP_STREAM_HIGH) {
        if (!tn_http_chunk(x, (struct tn_str){block, sizeof block})) break;
        w->streamed -= sizeof block;
    }
    if (!w->streamed || tn_http_gone(x)) tn_http_end(x);
}

static void echo(struct tn_http_exchange *x)
{
    struct tn_buf text;
    tn_buf_init(&text, 2 * TN_MIB);
    tn_buf_addf(&text, "%.*s %.*s [%.*s]", TN_FMT(tn_http_method(x)), TN_FMT(tn_http_path(x)->text),
                TN_FMT(tn_http_body(x)));
    for (size_t i = 0; i < tn_http_query_count(x); i++) {
        struct tn_str name, value;
        tn_http_query_at(x, i, &name, &value);
        tn_buf_addf(&text, " %.*s=%.*s", TN_FMT(name), TN_FMT(value));
    }
    tn_http_reply(x, 200, "text/plain", tn_buf_str(&text));
    tn_buf_clear(&text);
}

static void cut_off(void *arg, struct tn_http_exchange *x)
{
    ((struct world *)arg)->gone++;
    tn_http_abort(x);
}

static void stream(struct world *w, struct tn_http_exchange *x)
{
    tn_http_on_gone(x, cut_off, w);
    tn_http_begin(x, 200, "text/plain");
    tn_http_on_drain(x, pour, w);
    pour(w, x);
}

static void huge(struct tn_http_exchange *x)
{
    struct tn_buf b;
    tn_buf_init(&b, 32 * TN_MIB);
    memset(tn_buf_reserve(&b, 16 * TN_MIB), 'h', 16 * TN_MIB);
    b.n = 16 * TN_MIB;
    tn_http_reply(x, 200, "text/plain", tn_buf_str(&b));
    tn_buf_clear(&b);
}

static void handle(void *arg, struct tn_http_exchange *x)
{
    struct world *w = arg;
    struct tn_str path = tn_http_path(x)->text;
    w->handled++;
    tn_buf_addstr(&w->seen, tn_http_body(x));
    if (tn_str_is(path, "/later")) {
        tn_http_on_gone(x, on_gone, w);
        tn_http_set_user(x, w, released);
        w->later[w->nlater++] = x;
    } else if (tn_str_is(path, "/stream")) {
        stream(w, x);
    } else if (tn_str_is(path, "/huge")) {
        huge(x);
    } else if (tn_str_is(path, "/none")) {
        tn_http_reply(x, 204, NULL, TN_STR(""));
    } else if (tn_str_is(path, "/inject")) {
        tn_http_header(x, "X-Echo", TN_STR("a\r\nSet-Cookie: b\x01"));
        tn_http_headerf(x, "X-Number", "%d", 7);
        tn_http_reply(x, 200, "text/plain", TN_STR("ok"));
    } else if (tn_str_is(path, "/abort")) {
        tn_http_begin(x, 200, "text/plain");
        tn_http_chunk(x, TN_STR("half"));
        tn_http_abort(x);
    } else {
        echo(x);
    }
}

static size_t admit(void *arg, struct tn_http_exchange *x)
{
    struct world *w = arg;
    w->admitted++;
    if (w->admit == TN_HTTP_ADMIT_LATER) w->undecided = x;
    if (w->admit) return w->admit;
    tn_http_reply(x, 401, "text/plain", TN_STR("who are you?"));
    return 0;
}

static void error_body(void *arg, int status, const char *text, const char *id, struct tn_buf *out)
{
    (void)arg;
    tn_buf_addf(out, "{\"status\":%d,\"message\":\"%s\",\"requestId\":\"%s\"}", status, text, id);
}

static void observe(void *arg, const struct tn_http_exchange *x, int status, uint64_t bytes,
                    int64_t took_us)
{
    struct world *w = arg;
    assert_true(took_us >= 0 && tn_http_request_id(x)[0]);
    (void)bytes;
    w->observed++;
    w->last_status = status;
}

static struct world *begin(void **state, const struct tn_http_server_options *with)
{
    struct world *w = TN_NEW(struct world);
    struct tn_http_server_options o = with ? *with : (struct tn_http_server_options){0};
    struct tn_err err;
    *state = w;
    if (!o.handle) o.handle = handle;
    o.arg = w;
    o.observe = observe;
    w->loop = tn_loop_new(&err);
    w->guard = tn_timer_new(w->loop, too_late, w);
    w->listening = tn_http_listen_tcp("127.0.0.1:0", w->address, &err);
    w->unix_listening = -1;
    assert_true(w->listening >= 0);
    w->server = tn_http_server_new(w->loop, &o);
    tn_buf_init(&w->seen, 64 * TN_MIB);
    assert_true(tn_http_server_listen(w->server, w->listening, &err));
    return w;
}

static int end(void **state)
{
    struct world *w = *state;
    for (unsigned i = 0; i < w->npeers; i++) {
        if (w->peers[i].fd >= 0) hang_up(&w->peers[i]);
        tn_buf_clear(&w->peers[i].in);
        tn_buf_clear(&w->peers[i].out);
    }
    tn_http_server_free(w->server);
    if (w->unix_path[0]) unlink(w->unix_path);
    if (w->unix_listening >= 0) close(w->unix_listening);
    close(w->listening);
    tn_buf_clear(&w->seen);
    tn_timer_free(w->guard);
    tn_loop_free(w->loop);
    tn_free(w);
    return 0;
}

/* Sends text on a new connection and waits for it to be closed. */
static struct peer *until_closed(struct world *w, const char *text)
{
    struct peer *p = dial(w);
    say(p, text);
    UNTIL(w, p->closed);
    return p;
}

/* --- tests ----------------------------------------------------------------------------------- */

static void test_answers(void **state)
{
    struct world *w = begin(state, NULL);
    struct peer *p = dial(w);
    say(p, "GET /a%20b?x=1&y=%26 HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(w, strstr(heard(p), "y=&"));
    assert_non_null(strstr(heard(p), "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(heard(p), "\r\n\r\nGET /a b [] x=1 y=&"));
    assert_non_null(strstr(heard(p), "\r\nContent-Length: 19\r\n"));
    assert_non_null(strstr(heard(p), "\r\nX-Request-ID: req_"));
    assert_non_null(strstr(heard(p), "\r\nDate: "));
    assert_null(strstr(heard(p), "Connection:"));
    say(p, "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    UNTIL(w, strstr(heard(p), "POST /p [hello]"));
    say(p, "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    UNTIL(w, strstr(heard(p), "POST /p [abcde]"));
    assert_false(p->closed);
    assert_int_equal(w->observed, 3);
}

static void test_byte_by_byte(void **state)
{
    static const char text[] =
        "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: v\r\n\r\nGET /q HTTP/1.1\r\nHost: a\r\n\r\n";
    struct world *w = begin(state, NULL);
    struct peer *p = dial(w);
    for (size_t i = 0; i + 1 < sizeof text; i++) {
        say_bytes(p, text + i, 1);
        UNTIL(w, !p->out.n);
        turns(w, 2);
    }
    UNTIL(w, strstr(heard(p), "GET /q []"));
    assert_non_null(strstr(heard(p), "POST /p [abcde]"));
}

static void test_pipelining(void **state)
{
    struct world *w = begin(state, NULL);
    struct peer *p = dial(w);
    struct tn_buf b;
    tn_buf_init(&b, TN_MIB);
    for (int i = 0; i < 500; i++) {
        if (i % 3)
            tn_buf_addf(&b, "GET /n%d HTTP/1.1\r\nHost: a\r\n\r\n", i);
        else
            tn_buf_addf(&b, "POST /n%d HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nb", i);
    }
    say(p, b.p);
    tn_buf_clear(&b);
    UNTIL(w, strstr(heard(p), "/n499 []"));
    const char *at = heard(p);
    for (int i = 0; i < 500; i++) {
        char want[32];
        snprintf(want, sizeof want, "/n%d [", i);
        at = strstr(at, want);
        assert_non_null(at);
    }
    assert_int_equal(count(p, "HTTP/1.1 200"), 500);
}

static void test_pipelined_behind_a_late_answer(void **state)
{
    struct world *w = begin(state, NULL);
    struct peer *p = dial(w);
    say(p, "GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(w, w->nlater == 1);
    turns(w, 5);
    assert_int_equal(w->handled, 1);
    assert_int_equal(p->in.n, 0);
    tn_http_reply(w->later[0], 200, "text/plain", TN_STR("first"));
    assert_int_equal(w->handled, 1); /* nothing happens inside the call */
    UNTIL(w, strstr(heard(p), "GET /next"));
    assert_true(strstr(heard(p), "first") < strstr(heard(p), "GET /next"));
    assert_int_equal(w->released, 1);
}

/* Each with the status, one answer and a closed connection, whatever was hidden behind. */
static void test_refusals(void **state)
{
    static const struct {
        int status;
        const char *text;
    } cases[] = {
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: "
              "chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: "
              "4\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 40\r\n\r\nGET /x "
              "HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
              "chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
              "chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
        {400, "GET /\r\n"},
        {505, "GET / HTTP/9.9\r\n"},
        {400, "GET / HTTP/1.1\nHost: a\n\n"},
        {400, "GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET /a%00 HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET /a?b=%zz HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET http://evil.test/ HTTP/1.1\r\nHost: evil.test\r\n\r\n"},
        {400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"},
        {417, "POST / HTTP/1.1\r\nHost: a\r\nExpect: magic\r\nContent-Length: 1\r\n\r\n"},
        {413, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n"},
        {413, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n"},
        {501, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"},
    };
    struct world *w = begin(state, &(struct tn_http_server_options){.error_body = error_body});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct peer *p = until_closed(w, cases[i].text);
        if (status_of(p) != cases[i].status)
            print_error("%d for: %s\n", status_of(p), cases[i].text);
        assert_int_equal(status_of(p), cases[i].status);
        assert_int_equal(count(p, "X-Request-ID: "), 1);
        assert_non_null(strstr(heard(p), "Connection: close\r\n"));
        assert_non_null(strstr(heard(p), "\"requestId\":\"req_"));
    }
    assert_int_equal(w->handled, 0);
}

static void test_endless_input(void **state)
{
    static const struct {
        int status;
        const char *first, *again;
    } cases[] = {
        {414, "GET /", "aaaaaaaaaaaaaaaa"},
        {431, "GET / HTTP/1.1\r\nHost: a\r\nA: ", "aaaaaaaaaaaaaaaa"},
        {431, "GET / HTTP/1.1\r\nHost: a\r\n", "Name: value of that\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;",
         "aaaaaaaaaaaaaaaa"},
        {431, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
         "T: trailer\r\n"},
        {413, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
         "10\r\naaaaaaaaaaaaaaaa\r\n"},
    };
    struct world *w = begin(state, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct peer *p = dial(w);
        say(p, cases[i].first);
        while (p->out.n < 3 * TN_MIB) tn_buf_adds(&p->out, cases[i].again);
        UNTIL(w, p->closed);
        assert_int_equal(status_of(p), cases[i].status);
    }
}

static void test_head(void **state)
{
    struct world *w = begin(state, NULL);
    struct peer *p = dial(w);
    say(p, "HEAD /h HTTP/1.1\r\nHost: a\r\n\r\nHEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n"
           "GET /none HTTP/1.1\r\nHost: a\r\n\r\nGET /z HTTP/1.1\r\nHost: a\r\n\r\n");
    w->streamed = 8192 * 4;
    UNTIL(w, strstr(heard(p), "GET /z []"));
    assert_int_equal(count(p, "HTTP/1.1 "), 4);
    assert_non_null(strstr(heard(p), "Content-Length: 10\r\n"));
    assert_null(strstr(heard(p), "HEAD /h"));
    assert_null(strstr(heard(p), "xxxx"));
    assert_int_equal(count(p, "Content-Length:"), 2);
}

static void test_expect_continue(void **state)
{
    struct world *w = begin(state, &(struct tn_http_server_options){.admit = admit});
    struct peer *p = dial(w);
    w->admit = 10;
    say(p, "POST /p HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    UNTIL(w, strstr(heard(p), "HTTP/1.1 100 Continue\r\n\r\n"));
    assert_int_equal(w->handled, 0);
    say(p, "hello");
    UNTIL(w, strstr(heard(p), "POST /p [hello]"));
    p = until_closed(
        w, "POST /p HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n");
    assert_int_equal(status_of(p), 413);
    assert_null(strstr(heard(p), "100 Continue"));
    w->admit = 0;
    p = until_closed(
        w, "POST /p HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
    assert_int_equal(status_of(p), 401);
    assert_int_equal(w->handled, 1);
}

/* Who asks is looked up: the admission comes some turns later. */
static struct tn_http_exchange *undecided(struct world *w)
{
    UNTIL(w, w->undecided);
    turns(w, 5);
    struct tn_http_exchange *x = w->undecided;
    w->undecided = NULL;
    return x;
}

static void test_admitted_later(void **state)
{
    struct world *w = begin(state, &(struct tn_http_server_options){.admit = admit});
    struct peer *p = dial(w);
    w->admit = TN_HTTP_ADMIT_LATER;
    say(p, "GET /g HTTP/1.1\r\nHost: a\r\n\r\nPOST /p HTTP/1.1\r\nHost: a\r\n"
           "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    struct tn_http_exchange *x = undecided(w);
    assert_int_equal(w->handled, 0);
    tn_http_admitted(x, 10);
    UNTIL(w, strstr(heard(p), "GET /g []"));
    x = undecided(w);
    assert_null(strstr(heard(p), "100 Continue"));
    tn_http_admitted(x, 10);
    UNTIL(w, strstr(heard(p), "HTTP/1.1 100 Continue\r\n\r\n"));
    say(p, "hello");
    UNTIL(w, strstr(heard(p), "POST /p [hello]"));
    say(p, "POST /q HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    tn_http_admitted(undecided(w), 10);
    UNTIL(w, strstr(heard(p), "POST /q [hi]"));
    say(p, "POST /r HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    tn_http_reply(undecided(w), 401, "text/plain", TN_STR("who are you?"));
    UNTIL(w, strstr(heard(p), "who are you?"));
    say(p, "POST /s HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n");
    tn_http_admitted(undecided(w), 10);
    UNTIL(w, p->closed);
    assert_int_equal(count(p, "HTTP/1.1 413 "), 1);
    assert_int_equal(w->handled, 3);
    assert_int_equal(w->gone, 0);
}

static void test_gone_before_the_admission(void **state)
{
    struct world *w = begin(state, &(struct tn_http_server_options){.admit = admit});
    struct peer *p = dial(w);
    w->admit = TN_HTTP_ADMIT_LATER;
    say(p, "GET /half HTTP/1.1\r\nHost: a\r\n\r\n");
    struct tn_http_exchange *x = undecided(w);
    shutdown(p->fd, SHUT_WR); /* no more requests, but it waits for the answer */
    turns(w, 5);
    tn_http_admitted(x, 10);
    UNTIL(w, strstr(heard(p), "GET /half []"));
    UNTIL(w, p->closed);
    p = dial(w);
    say(p, "GET /cut HTTP/1.1\r\nHost: a\r\n\r\n");
    x = undecided(w);
    struct linger reset = {1, 0};
    setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    hang_up(p);
    turns(w, 5);
    tn_http_admitted(x, 10);
    p = dial(w);
    say(p, "GET /freed HTTP/1.1\r\nHost: a\r\n\r\n");
    x = undecided(w);
    tn_http_server_free(w->server);
    w->server = NULL;
    tn_http_admitted(x, 10);
    assert_int_equal(w->handled, 1);
}

static void test_refused_before_the_body(void **state)
{
    struct world *w = begin(state, &(struct tn_http_server_options){.admit = admit});
    struct peer *p = dial(w);
    say(p, "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\nGET /x HTTP/1.1\r\nHost: "
           "a\r\n\r\n123");
    UNTIL(w, count(p, "who are you?") == 1);
    w->admit = 100;
    say(p, "POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    UNTIL(w, strstr(heard(p), "POST /ok [hi]"));
    assert_int_equal(count(p, "HTTP/1.1 "), 2);
    w->admit = 0;
    p = dial(w); /* a large one is not read: answered, then closed */
    say(p, "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n");
    while (p->out.n < 400 * TN_KIB) tn_buf_adds(&p->out, "0123456789abcdef");
    UNTIL(w, p->closed);
    assert_int_equal(status_of(p), 401);
    assert_int_equal(w->handled, 1);
}

static void test_http_1_0(void **state)
{
    struct world *w = begin(state, NULL);
    struct peer *p = until_closed(w, "GET /a HTTP/1.0\r\n\r\n");
    assert_non_null(strstr(heard(p), "Connection: close\r\n"));
    p = dial(w);
    say(p, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    UNTIL(w, strstr(heard(p), "GET /a []"));
    assert_non_null(strstr(heard(p), "Connection: keep-alive\r\n"));
    assert_false(p->closed);
    w->streamed = 8192 * 2;
    say(p, "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    UNTIL(w, p->closed);
    assert_null(strstr(heard(p), "chunked"));
    assert_true(p->in.n > 8192 * 2);
}

static void test_close_on_request(void **state)
{
    struct world *w = begin(state, NULL);
    struct peer *p = until_closed(w, "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET "
                                     "/b HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_non_null(strstr(heard(p), "GET /a []"));
    assert_null(strstr(heard(p), "/b"));
}

static void test_request_ids(void **state)
{
    struct world *w = begin(state, NULL);
    struct peer *p = dial(w);
    say(p, "GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: my_id-1\r\n\r\n");
    UNTIL(w, count(p, "GET / []") == 1);
    assert_non_null(strstr(heard(p), "X-Request-ID: my_id-1\r\n"));
    say(p, "GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: bad id\r\n\r\n");
    UNTIL(w, count(p, "GET / []") == 2);
    say(p, "GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: a\r\nX-Request-ID: b\r\n\r\n");
    UNTIL(w, count(p, "GET / []") == 3);
    assert_int_equal(count(p, "X-Request-ID: req_"), 2);
    assert_null(strstr(heard(p), "bad id"));
}

static void test_no_injection(void **state)
{
    struct world *w = begin(state, NULL);
    struct peer *p = dial(w);
    say(p, "GET /inject HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(w, strstr(heard(p), "\r\n\r\nok"));
    assert_non_null(strstr(heard(p), "X-Echo: a??Set-Cookie: b?\r\nX-Number: 7\r\n"));
}

static void test_absolute_target(void **state)
{
    static const char *const hosts[] = {"me.test", NULL};
    struct world *w = begin(state, &(struct tn_http_server_options){.hosts = hosts});
    struct peer *p = dial(w);
    char text[256];
    say(p, "GET http://me.test/x HTTP/1.1\r\nHost: me.test\r\n\r\n");
    UNTIL(w, count(p, "GET /x []") == 1);
    snprintf(text, sizeof text, "GET http://%s/x HTTP/1.1\r\nHost: %s\r\n\r\n", w->address,
             w->address);
    say(p, text);
    UNTIL(w, count(p, "GET /x []") == 2);
}

static void test_slow_header(void **state)
{
    struct world *w = begin(state, &(struct tn_http_server_options){.header_ms = 60});
    struct peer *silent = dial(w), *slow = dial(w);
    say(slow, "GET / HTTP/1.1\r\nHost");
    UNTIL(w, slow->closed && silent->closed);
    assert_int_equal(status_of(slow), 408);
    assert_int_equal(silent->in.n, 0);
    struct tn_http_server_stats stats;
    tn_http_server_stats(w->server, &stats);
    assert_int_equal(stats.timed_out, 1);
}

/* No byte resets the clock: a trickle ends at the same deadline. */
static void trickle(void *arg)
{
    struct peer *p = arg;
    if (p->closed) return;
    say(p, "A");
}

static void test_trickle(void **state)
{
    struct world *w =
        begin(state, &(struct tn_http_server_options){.header_ms = 80, .body_ms = 80});
    struct peer *head = dial(w), *body = dial(w);
    say(head, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    say(body, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    struct tn_timer *a = tn_timer_new(w->loop, trickle, head),
                    *b = tn_timer_new(w->loop, trickle, body);
    tn_timer_set(w->guard, GUARD_MS);
    while (!(head->closed && body->closed) && !w->late) {
        if (!tn_timer_armed(a)) tn_timer_set(a, 5);
        if (!tn_timer_armed(b)) tn_timer_set(b, 5);
        tn_loop_turn(w->loop, true);
    }
    tn_timer_free(a);
    tn_timer_free(b);
    assert_false(w->late);
    assert_int_equal(status_of(head), 408);
    assert_int_equal(status_of(body), 408);
    assert_int_equal(w->handled, 0);
}

static void test_idle(void **state)
{
    struct world *w = begin(state, &(struct tn_http_server_options){.keepalive_ms = 60});
    struct peer *p = until_closed(w, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(status_of(p), 200);
    assert_int_equal(count(p, "HTTP/1.1 "), 1);
}

static void test_slow_reader(void **state)
{
    struct world *w = begin(state, &(struct tn_http_server_options){.write_ms = 50});
    struct peer *p = dial(w), *s = dial(w);
    struct tn_http_server_stats stats;
    p->paused = s->paused = true;
    say(p, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    w->streamed = SIZE_MAX / 8192 * 8192; /* without end */
    UNTIL(w, w->handled == 1);
    size_t poured = SIZE_MAX / 8192 * 8192 - w->streamed;
    assert_true(poured < 32 * TN_MIB); /* back-pressure: what sockets and buffer hold */
    UNTIL(w, (tn_http_server_stats(w->server, &stats), stats.connections == 1));
    assert_int_equal(w->gone, 1);
    (void)s;
}

static void test_streams_with_back_pressure(void **state)
{
    struct world *w = begin(state, NULL);
    struct peer *p = dial(w);
    p->paused = true;
    w->streamed = 8192 * 4000;
    say(p, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(w, w->handled == 1);
    turns(w, 20);
    assert_true(w->streamed > 0);
    p->paused = false;
    tn_watch_for(p->watch, TN_READ);
    UNTIL(w, tn_str_ends(tn_buf_str(&p->in), "\r\n0\r\n\r\n"));
    assert_int_equal(w->streamed, 0);
    assert_true(p->in.n > 8192 * 4000);
    assert_true(w->drained > 1);
    say(p, "GET /after HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(w, tn_str_ends(tn_buf_str(&p->in), "GET /after []"));
}

static void test_abort(void **state)
{
    struct world *w = begin(state, NULL);
    struct peer *p = until_closed(w, "GET /abort HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_non_null(strstr(heard(p), "4\r\nhalf\r\n"));
    assert_true(tn_str_ends(tn_buf_str(&p->in), "half\r\n"));
}

static void test_gone(void **state)
{
    struct world *w = begin(state, NULL);
    struct peer *p = dial(w);
    say(p, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(w, w->nlater == 1);
    hang_up(p);
    UNTIL(w, w->gone == 1);
    assert_true(tn_http_gone(w->later[0]));
    assert_true(tn_str_is(tn_http_path(w->later[0])->text, "/later"));
    tn_http_reply(w->later[0], 200, "text/plain", TN_STR("nobody"));
    turns(w, 3);
    assert_int_equal(w->observed, 1);
    assert_int_equal(w->released, 1);
}

static void test_gone_and_aborted(void **state)
{
    struct world *w = begin(state, NULL);
    struct linger reset = {.l_onoff = 1};
    w->abort_when_gone = true;
    for (int i = 0; i < 10; i++) {
        struct peer *p = dial(w);
        say(p, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
        UNTIL(w, w->nlater == (unsigned)i + 1);
        if (i % 2) setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        hang_up(p);
        UNTIL(w, w->gone == (unsigned)i + 1);
    }
    struct tn_http_server_stats stats;
    UNTIL(w, (tn_http_server_stats(w->server, &stats), stats.connections == 0));
    assert_int_equal(w->released, 10);
}

/* A client that closes its sending side still gets what it asked for, now or later. */
static void test_half_close(void **state)
{
    struct world *w = begin(state, NULL);
    struct peer *p = dial(w), *q = dial(w);
    say(p, "GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    say(q, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(w, !p->out.n && !q->out.n);
    shutdown(p->fd, SHUT_WR);
    shutdown(q->fd, SHUT_WR);
    UNTIL(w, p->closed && w->gone == 1);
    assert_non_null(strstr(heard(p), "GET /b []"));
    tn_http_reply(w->later[0], 200, "text/plain", TN_STR("late"));
    UNTIL(w, q->closed);
    assert_non_null(strstr(heard(q), "late"));
}

static void test_cut_upload(void **state)
{
    struct world *w = begin(state, NULL);
    struct tn_http_server_stats stats;
    for (int i = 0; i < 30; i++) {
        struct peer *p = dial(w);
        say(p, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc");
        UNTIL(w, !p->out.n);
        turns(w, 2);
        hang_up(p);
    }
    UNTIL(w, (tn_http_server_stats(w->server, &stats), stats.connections == 0));
    assert_int_equal(w->handled, 0);
}

static void test_huge_answer(void **state)
{
    struct world *w = begin(state, NULL);
    struct peer *p = dial(w);
    say(p, "GET /huge HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(w, p->in.n > 16 * TN_MIB && strstr(heard(p) + 16 * TN_MIB, "GET /b []"));
}

static void test_memory_for_bodies(void **state)
{
    struct world *w = begin(state, &(struct tn_http_server_options){.bodies = 100 * TN_KIB});
    struct peer *p = dial(w), *q = dial(w);
    say(p, "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n");
    while (p->out.n < 80000) tn_buf_addc(&p->out, 'a');
    UNTIL(w, !p->out.n);
    turns(w, 5);
    say(q, "POST /q HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n");
    while (q->out.n < 80000) tn_buf_addc(&q->out, 'b');
    UNTIL(w, q->closed);
    assert_int_equal(status_of(q), 503);
    assert_non_null(strstr(heard(q), "Retry-After: 1\r\n"));
    hang_up(p);
    struct tn_http_server_stats stats;
    UNTIL(w, (tn_http_server_stats(w->server, &stats), stats.connections == 0));
    p = dial(w); /* what the cut upload held is free again */
    say(p, "POST /r HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n");
    for (int i = 0; i < 90000; i++) tn_buf_addc(&p->out, 'c');
    UNTIL(w, strstr(heard(p), "POST /r [ccc"));
}

static void test_connection_cap(void **state)
{
    struct world *w = begin(state, &(struct tn_http_server_options){.max_connections = 2});
    struct peer *a = dial(w), *b = dial(w), *c = dial(w);
    say(a, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    say(b, "GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    say(c, "GET /c HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(w, a->in.n && b->in.n);
    turns(w, 10);
    assert_int_equal(c->in.n, 0);
    hang_up(a);
    UNTIL(w, strstr(heard(c), "GET /c []"));
}

static void drained(void *arg)
{
    ((struct world *)arg)->done = true;
}

static void test_drain(void **state)
{
    struct world *w = begin(state, NULL);
    struct peer *idle = dial(w), *busy = dial(w), *sent = dial(w), *half = dial(w);
    say(idle, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    say(sent, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    say(busy, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    say(half, "POST /h HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab");
    UNTIL(w, idle->in.n && sent->in.n && w->nlater == 1 && !half->out.n);
    turns(w, 5);
    static const char more[] = "GET /sent HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_true(send(sent->fd, more, sizeof more - 1, 0) > 0);
    tn_http_server_drain(w->server, drained, w);
    assert_false(w->done);
    UNTIL(w, idle->closed && sent->closed);
    assert_non_null(strstr(heard(sent), "GET /sent []"));
    assert_false(w->done);
    say(half, "cd");
    UNTIL(w, half->closed);
    assert_non_null(strstr(heard(half), "POST /h [abcd]"));
    tn_http_reply(w->later[0], 200, "text/plain", TN_STR("finished"));
    UNTIL(w, busy->closed && w->done);
    assert_non_null(strstr(heard(busy), "Connection: close\r\n"));
    assert_non_null(strstr(heard(busy), "finished"));
}

static void test_drain_of_nothing(void **state)
{
    struct world *w = begin(state, NULL);
    tn_http_server_drain(w->server, drained, w);
    assert_false(w->done);
    UNTIL(w, w->done);
}

static void test_freed_while_handlers_work(void **state)
{
    struct world *w = begin(state, NULL);
    struct peer *p = dial(w), *q = dial(w);
    say(p, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    say(q, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(w, w->nlater == 2);
    tn_http_server_free(w->server);
    w->server = NULL;
    assert_int_equal(w->gone, 2);
    tn_http_header(w->later[0], "X", TN_STR("y"));
    tn_http_reply(w->later[0], 200, "text/plain", TN_STR("x"));
    tn_http_begin(w->later[1], 200, "text/plain");
    assert_false(tn_http_chunk(w->later[1], TN_STR("x")));
    tn_http_end(w->later[1]);
    assert_int_equal(w->released, 2);
}

static void whoami(void *arg, struct tn_http_exchange *x)
{
    char text[64];
    uid_t uid = 0;
    (void)arg;
    bool is = tn_http_is_unix(x, &uid);
    int n = snprintf(text, sizeof text, "%s %d %u", tn_http_peer(x), is, (unsigned)uid);
    tn_http_reply(x, 200, "text/plain", (struct tn_str){text, (size_t)n});
}

static void test_unix_socket(void **state)
{
    struct world *w = begin(state, &(struct tn_http_server_options){.handle = whoami});
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct tn_err err;
    char want[64];
    snprintf(w->unix_path, sizeof w->unix_path, "/tmp/tn-test-http-%d.sock", (int)getpid());
    w->unix_listening = tn_http_listen_unix(w->unix_path, 0600, &err);
    assert_true(w->unix_listening >= 0);
    assert_int_equal(tn_http_listen_unix(w->unix_path, 0600, &err), -1);
    assert_int_equal(err.kind, TN_E_busy);
    assert_true(tn_http_server_listen(w->server, w->unix_listening, &err));
    strcpy(a.sun_path, w->unix_path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    struct peer *p = adopt(w, fd), *q = dial(w);
    say(p, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    say(q, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    snprintf(want, sizeof want, "\r\n\r\nunix 1 %u", (unsigned)getuid());
    UNTIL(w, strstr(heard(p), want));
    UNTIL(w, strstr(heard(q), "\r\n\r\n127.0.0.1 0 "));
}

static void test_listen_errors(void **state)
{
    static const char *const wrong[] = {
        "", "8080", ":8080", "host:", "127.0.0.1:99999", "127.0.0.1:x", "256.0.0.1:0"};
    struct tn_err err;
    char bound[TN_HTTP_ADDRESS_LEN];
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(tn_http_listen_tcp(wrong[i], NULL, &err), -1);
        assert_int_equal(err.kind, TN_E_invalid);
    }
    int fd = tn_http_listen_tcp("127.0.0.1:0", bound, &err);
    assert_true(fd >= 0);
    assert_int_equal(tn_http_listen_tcp(bound, NULL, &err), -1);
    assert_int_equal(err.kind, TN_E_io);
    close(fd);
    assert_int_equal(tn_http_listen_unix("/nowhere/at/all.sock", 0600, &err), -1);
}

/* --- with a router --------------------------------------------------------------------------- */

static void hit(void *arg, struct tn_http_exchange *x)
{
    struct world *w = arg;
    w->later[w->nlater++] = x;
}

static void routed(void *arg, struct tn_http_exchange *x)
{
    tn_http_match(x)->route->handle(arg, x);
}

static struct tn_router *table(const char *pattern)
{
    struct tn_err err;
    struct tn_route row = {.method = "GET", .pattern = pattern, .handle = hit};
    struct tn_router *r = tn_router_new(&row, 1, &err);
    assert_non_null(r);
    return r;
}

static size_t admit_routed(void *arg, struct tn_http_exchange *x)
{
    struct world *w = arg;
    if (tn_router_match(w->router, x) == TN_ROUTE_found) return 0;
    tn_http_reply(x, 404, NULL, TN_STR(""));
    return 0;
}

/* An exchange ends on the routes that it began with, also when they were replaced and freed. */
static void test_routes_replaced_meanwhile(void **state)
{
    struct world *w =
        begin(state, &(struct tn_http_server_options){.handle = routed, .admit = admit_routed});
    struct peer *p = dial(w), *q = dial(w);
    w->router = table("/old/{id}");
    say(p, "GET /old/a%2Fb HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(w, w->nlater == 1);
    tn_router_unref(w->router);
    w->router = table("/new/{id}");
    say(q, "GET /old/1 HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(w, status_of(q) == 404);
    assert_string_equal(tn_http_match(w->later[0])->route->pattern, "/old/{id}");
    tn_http_reply(w->later[0], 200, "text/plain", tn_http_param(w->later[0], "id"));
    UNTIL(w, strstr(heard(p), "\r\n\r\na/b"));
    tn_router_unref(w->router);
}

#define TEST(name) cmocka_unit_test_teardown(name, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_answers),
        TEST(test_byte_by_byte),
        TEST(test_pipelining),
        TEST(test_pipelined_behind_a_late_answer),
        TEST(test_refusals),
        TEST(test_endless_input),
        TEST(test_head),
        TEST(test_expect_continue),
        TEST(test_refused_before_the_body),
        TEST(test_admitted_later),
        TEST(test_gone_before_the_admission),
        TEST(test_http_1_0),
        TEST(test_close_on_request),
        TEST(test_request_ids),
        TEST(test_no_injection),
        TEST(test_absolute_target),
        TEST(test_slow_header),
        TEST(test_trickle),
        TEST(test_idle),
        TEST(test_slow_reader),
        TEST(test_streams_with_back_pressure),
        TEST(test_abort),
        TEST(test_gone),
        TEST(test_gone_and_aborted),
        TEST(test_half_close),
        TEST(test_cut_upload),
        TEST(test_huge_answer),
        TEST(test_memory_for_bodies),
        TEST(test_connection_cap),
        TEST(test_drain),
        TEST(test_drain_of_nothing),
        TEST(test_freed_while_handlers_work),
        TEST(test_unix_socket),
        cmocka_unit_test(test_listen_errors),
        TEST(test_routes_replaced_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
