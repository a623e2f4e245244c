/* SPDX-License-Identifier: MIT */
/* The client against a scripted peer in the same loop: raw bytes, so that it can misbehave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/time.h"
#include "loop/loop.h"
#include "net/http_client.h"
#include "net/http_server.h"

enum { GUARD_MS = 20000, CONNS = 64, ANSWERS = 16 };

/* What the peer does with one request. */
struct answer {
    const char *bytes; /* NULL: stays silent */
    size_t n;          /* 0: strlen */
    bool close;        /* afterwards */
    bool reset;
    const char *again; /* then this, for ever */
};

struct wire {
    struct world *w;
    int fd;
    struct tn_watch *watch;
    struct tn_buf in, out;
    const struct answer *now;
};

struct world {
    struct tn_loop *loop;
    struct tn_http_client *client;
    struct tn_egress *egress;
    struct tn_timer *guard;
    struct tn_watch *accepting;
    int listening;
    char address[TN_HTTP_ADDRESS_LEN];
    char url[128];
    struct wire wires[CONNS];
    unsigned nwires, requests;
    struct answer answers[ANSWERS]; /* the last one goes on for all that follow */
    unsigned nanswers;
    struct tn_buf heard; /* all requests */
    bool late;
    unsigned done;
    struct tn_err err;
    int status;
    unsigned attempts;
    struct tn_buf body;
    char type[64];
    int64_t took_ms, retry_after;
    bool free_in_done;
};

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

/* --- the peer -------------------------------------------------------------------------------- */

static void close_wire(struct wire *c)
{
    if (c->fd < 0) return;
    tn_watch_free(c->watch);
    close(c->fd);
    c->fd = -1;
    tn_buf_clear(&c->in);
    tn_buf_clear(&c->out);
}

static size_t whole_request(const struct wire *c)
{
    const char *end = c->in.n ? strstr(c->in.p, "\r\n\r\n") : NULL;
    if (!end) return 0;
    size_t n = (size_t)(end - c->in.p) + 4;
    const char *length = strstr(c->in.p, "Content-Length: ");
    if (length && length < end) n += (size_t)atoi(length + 16);
    return n <= c->in.n ? n : 0;
}

static void answer(struct wire *c, size_t n)
{
    struct world *w = c->w;
    struct linger reset = {.l_onoff = 1};
    unsigned i = w->requests++;
    tn_buf_add(&w->heard, c->in.p, n);
    tn_buf_reset(&c->in);
    c->now = &w->answers[i < w->nanswers ? i : w->nanswers - 1];
    if (c->now->reset) setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (c->now->bytes)
        tn_buf_add(&c->out, c->now->bytes, c->now->n ? c->now->n : strlen(c->now->bytes));
}

static void wire_ready(void *arg, int ready)
{
    struct wire *c = arg;
    char bytes[16384];
    size_t n;
    if (ready & TN_READ) {
        ssize_t got = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got <= 0) {
            close_wire(c);
            return;
        }
        tn_buf_add(&c->in, bytes, (size_t)got);
        if ((n = whole_request(c))) answer(c, n);
    }
    if (c->now && c->now->again && c->out.n < 65536)
        while (c->out.n < 262144) tn_buf_adds(&c->out, c->now->again);
    if (c->out.n) {
        ssize_t sent = send(c->fd, c->out.p, c->out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            memmove(c->out.p, c->out.p + sent, c->out.n - (size_t)sent);
            c->out.n -= (size_t)sent;
        }
    }
    if (c->now && !c->out.n && (c->now->close || c->now->reset))
        close_wire(c);
    else
        tn_watch_for(c->watch, TN_READ | (c->out.n || (c->now && c->now->again) ? TN_WRITE : 0));
}

static void accept_ready(void *arg, int ready)
{
    struct world *w = arg;
    (void)ready;
    int fd = accept4(w->listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    assert_true(w->nwires < CONNS);
    struct wire *c = &w->wires[w->nwires++];
    *c = (struct wire){.w = w, .fd = fd};
    tn_buf_init(&c->in, 4 * TN_MIB);
    tn_buf_init(&c->out, 4 * TN_MIB);
    c->watch = tn_watch_new(w->loop, fd, wire_ready, c);
    tn_watch_for(c->watch, TN_READ);
}

static struct answer *script(struct world *w, const char *bytes)
{
    assert_true(w->nanswers < ANSWERS);
    struct answer *a = &w->answers[w->nanswers++];
    *a = (struct answer){.bytes = bytes};
    return a;
}

#define OK_BODY "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

/* --- our side -------------------------------------------------------------------------------- */

static void fetched(void *arg, const struct tn_err *err, struct tn_reply *r)
{
    struct world *w = arg;
    w->done++;
    if (err)
        w->err = *err;
    else
        tn_err_clear(&w->err);
    w->status = r->status;
    w->attempts = r->attempts;
    w->took_ms = r->took_ms;
    w->retry_after = tn_reply_retry_after(r);
    snprintf(w->type, sizeof w->type, "%.*s", TN_FMT(tn_reply_get(r, "content-TYPE")));
    tn_buf_clear(&w->body);
    w->body = r->body;
    tn_buf_init(&r->body, 0);
    if (w->free_in_done) {
        tn_http_client_free(w->client);
        w->client = NULL;
    }
}

static int begin(void **state)
{
    struct world *w = TN_NEW(struct world);
    struct tn_err err;
    *state = w;
    w->loop = tn_loop_new(&err);
    w->guard = tn_timer_new(w->loop, too_late, w);
    w->listening = tn_http_listen_tcp("127.0.0.1:0", w->address, &err);
    w->accepting = tn_watch_new(w->loop, w->listening, accept_ready, w);
    tn_watch_for(w->accepting, TN_READ);
    snprintf(w->url, sizeof w->url, "http://%s/path?secret=1", w->address);
    w->egress = tn_egress_new();
    if (!tn_egress_allow(w->egress, "127.0.0.1", &err)) return -1;
    struct tn_http_client_options o = {.egress = w->egress};
    w->client = tn_http_client_new(w->loop, &o, &err);
    tn_buf_init(&w->heard, 4 * TN_MIB);
    return w->client ? 0 : -1;
}

static int end(void **state)
{
    struct world *w = *state;
    tn_http_client_free(w->client);
    tn_egress_free(w->egress);
    for (unsigned i = 0; i < w->nwires; i++) close_wire(&w->wires[i]);
    tn_watch_free(w->accepting);
    if (w->listening >= 0) close(w->listening);
    tn_buf_clear(&w->heard);
    tn_buf_clear(&w->body);
    tn_timer_free(w->guard);
    tn_loop_free(w->loop);
    tn_free(w);
    return 0;
}

static struct tn_fetch_call *start(struct world *w, struct tn_fetch f)
{
    struct tn_err err;
    if (!f.url) f.url = w->url;
    f.policy = TN_EGRESS_upstream;
    struct tn_fetch_call *call = tn_fetch_start(w->client, &f, fetched, w, &err);
    if (!call) print_error("%s\n", err.text);
    assert_non_null(call);
    return call;
}

static void fetch(struct world *w, struct tn_fetch f)
{
    unsigned before = w->done;
    start(w, f);
    assert_int_equal(w->done, before);
    UNTIL(w, w->done == before + 1);
    assert_null(strstr(w->err.text, "secret"));
}

#define FETCH(w, ...) fetch(w, (struct tn_fetch){__VA_ARGS__})

static void expect_failure(struct world *w, enum tn_kind kind, const char *words)
{
    if (w->err.kind != kind || !strstr(w->err.text, words))
        print_error("%s: %s\n", tn_kind_name(w->err.kind), w->err.text);
    assert_int_equal(w->err.kind, kind);
    assert_non_null(strstr(w->err.text, words));
    assert_non_null(strstr(w->err.text, w->address));
}

/* --- requests -------------------------------------------------------------------------------- */

static void test_get(void **state)
{
    struct world *w = *state;
    script(w, OK_BODY);
    FETCH(w, .headers = (struct tn_fetch_header[]){{"X-A", TN_STR("b")}, {"X-Empty", TN_STR("")}},
          .nheaders = 2);
    assert_int_equal(w->err.kind, TN_E_none);
    assert_int_equal(w->status, 200);
    assert_int_equal(w->attempts, 1);
    assert_true(tn_str_is(tn_buf_str(&w->body), "{}"));
    assert_string_equal(w->type, "application/json");
    assert_non_null(strstr(w->heard.p, "GET /path?secret=1 HTTP/1.1\r\n"));
    assert_non_null(strstr(w->heard.p, "\r\nX-A: b\r\n"));
    assert_non_null(strstr(w->heard.p, "\r\nX-Empty:\r\n"));
    assert_non_null(strstr(w->heard.p, "\r\nUser-Agent: tenon\r\n"));
    FETCH(w, .method = "DELETE");
    assert_non_null(strstr(w->heard.p, "DELETE /path"));
}

static void test_reuses_connections(void **state)
{
    struct world *w = *state;
    script(w, OK_BODY);
    for (int i = 0; i < 5; i++) FETCH(w, .url = NULL);
    assert_int_equal(w->nwires, 1);
    assert_int_equal(w->requests, 5);
}

static void test_post(void **state)
{
    struct world *w = *state;
    char body[] = "{\"a\":1}";
    script(w, OK_BODY);
    start(w, (struct tn_fetch){.method = "POST",
                               .body = tn_str(body),
                               .headers = (struct tn_fetch_header[]){{"Content-Type",
                                                                      TN_STR("application/json")}},
                               .nheaders = 1});
    memset(body, 'x', sizeof body - 1); /* it was copied */
    UNTIL(w, w->done == 1);
    assert_non_null(strstr(w->heard.p, "\r\n\r\n{\"a\":1}"));
    assert_null(strstr(w->heard.p, "x-www-form"));
    assert_null(strstr(w->heard.p, "Expect"));
    tn_buf_reset(&w->heard);
    FETCH(w, .method = "PUT");
    assert_non_null(strstr(w->heard.p, "PUT /path"));
    assert_non_null(strstr(w->heard.p, "Content-Length: 0\r\n"));
    assert_null(strstr(w->heard.p, "Content-Type"));
}

static void test_head(void **state)
{
    struct world *w = *state;
    script(w, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    FETCH(w, .method = "HEAD");
    assert_int_equal(w->status, 200);
    assert_int_equal(w->body.n, 0);
}

static void test_redirects_are_answers(void **state)
{
    struct world *w = *state;
    script(w, "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n");
    FETCH(w, .url = NULL);
    assert_int_equal(w->status, 302);
    assert_int_equal(w->requests, 1);
}

static void test_interim_answers(void **state)
{
    struct world *w = *state;
    script(w, "HTTP/1.1 103 Early Hints\r\nContent-Type: early\r\n\r\n" OK_BODY);
    FETCH(w, .url = NULL);
    assert_int_equal(w->status, 200);
    assert_string_equal(w->type, "application/json");
}

static void test_trailers_do_not_count(void **state)
{
    struct world *w = *state;
    script(w, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nContent-Type: "
              "evil\r\n\r\n");
    FETCH(w, .url = NULL);
    assert_int_equal(w->status, 200);
    assert_string_equal(w->type, "");
}

/* --- retries --------------------------------------------------------------------------------- */

#define AGAIN(status, fields) "HTTP/1.1 " status " X\r\n" fields "Content-Length: 0\r\n\r\n"

static void test_retries_until_it_works(void **state)
{
    struct world *w = *state;
    script(w, AGAIN("503", ""));
    script(w, AGAIN("502", ""))->close = true;
    script(w, NULL)->close = true; /* on a new connection: curl does not repeat it itself */
    script(w, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")->close = true;
    script(w, AGAIN("429", ""));
    script(w, OK_BODY);
    FETCH(w, .retry = {.attempts = 6, .delay_ms = 1});
    assert_int_equal(w->status, 200);
    assert_int_equal(w->attempts, 6);
    assert_int_equal(w->err.kind, TN_E_none);
    assert_true(tn_str_is(tn_buf_str(&w->body), "{}"));
}

static void test_last_answer_counts(void **state)
{
    struct world *w = *state;
    script(w, AGAIN("503", ""));
    FETCH(w, .retry = {.attempts = 3, .delay_ms = 1});
    assert_int_equal(w->err.kind, TN_E_none);
    assert_int_equal(w->status, 503);
    assert_int_equal(w->attempts, 3);
}

static void test_what_is_not_retried(void **state)
{
    static const char *const answers[] = {AGAIN("400", ""), AGAIN("401", ""), AGAIN("404", ""),
                                          AGAIN("500", ""), AGAIN("501", ""), AGAIN("200", "")};
    struct world *w = *state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        w->nanswers = w->requests = 0;
        script(w, answers[i]);
        FETCH(w, .retry = {.attempts = 3, .delay_ms = 1});
        assert_int_equal(w->attempts, 1);
    }
    w->nanswers = w->requests = 0;
    script(w, AGAIN("500", ""));
    FETCH(w, .retry = {.attempts = 3, .delay_ms = 1, .on_500 = true});
    assert_int_equal(w->attempts, 3);
}

/* A write whose fate is unknown is not sent twice. */
static void test_unsafe_writes(void **state)
{
    struct world *w = *state;
    struct tn_fetch_retry retry = {.attempts = 3, .delay_ms = 1};
    script(w, AGAIN("503", ""));
    FETCH(w, .method = "POST", .body = TN_STR("x"), .retry = retry);
    assert_int_equal(w->attempts, 1);
    w->nanswers = w->requests = 0;
    script(w, NULL)->close = true;
    FETCH(w, .method = "POST", .body = TN_STR("x"), .retry = retry);
    assert_int_equal(w->attempts, 1);
    expect_failure(w, TN_E_network, "without an answer");
    assert_int_equal(w->requests, 1);
    w->nanswers = w->requests = 0;
    script(w, AGAIN("429", ""));
    script(w, OK_BODY);
    FETCH(w, .method = "POST", .body = TN_STR("x"), .retry = retry);
    assert_int_equal(w->attempts, 2);
    w->nanswers = w->requests = 0;
    script(w, NULL)->close = true;
    script(w, OK_BODY);
    retry.safe = true;
    FETCH(w, .method = "POST", .body = TN_STR("x"), .retry = retry);
    assert_int_equal(w->status, 200);
    assert_int_equal(w->requests, 2);
}

/* curl repeats a request when a kept connection turns out closed; a write must not be. */
static void test_no_hidden_repetition(void **state)
{
    struct world *w = *state;
    script(w, OK_BODY);
    script(w, NULL)->close = true;
    FETCH(w, .url = NULL);
    FETCH(w, .method = "POST", .body = TN_STR("x"));
    assert_int_equal(w->err.kind, TN_E_network);
    assert_int_equal(w->requests, 2);
}

static void test_no_connection_is_retried(void **state)
{
    struct world *w = *state;
    tn_watch_for(w->accepting, 0);
    close(w->listening);
    w->listening = -1;
    FETCH(w, .method = "POST", .body = TN_STR("x"), .retry = {.attempts = 3, .delay_ms = 1});
    assert_int_equal(w->attempts, 3);
    expect_failure(w, TN_E_network, "no connection");
}

static void test_retry_after(void **state)
{
    struct world *w = *state;
    script(w, AGAIN("429", "Retry-After: 0\r\n"));
    script(w, AGAIN("429", "Retry-After: 1\r\n"));
    script(w, OK_BODY);
    FETCH(w, .retry = {.attempts = 3, .delay_ms = 60000}); /* it wins over the delay */
    assert_int_equal(w->status, 200);
    assert_true(w->took_ms >= 1000);
    w->nanswers = w->requests = 0;
    script(w, AGAIN("503", "Retry-After: 3600\r\n"));
    FETCH(w, .retry = {.attempts = 3, .delay_ms = 1}, .max_wait_ms = 5000);
    assert_int_equal(w->status, 503);
    assert_int_equal(w->attempts, 1);
    assert_int_equal(w->retry_after, 3600000);
}

static void test_reading_retry_after(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {{"120", 120000},
                 {" 7 ", 7000},
                 {"0", 0},
                 {"1000000000000", 86400000},
                 {"99999999999999999999999999", 86400000},
                 {"-1", -1},
                 {"1.5", -1},
                 {"soon", -1},
                 {"", -1},
                 {"Sun, 06 Nov 1994 08:49:37 GMT", 0},
                 {"Fri, 31 Dec 2100 23:59:59 GMT", 86400000}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tn_fetch_field f = {TN_STR("retry-after"), tn_str_trim(tn_str(cases[i].text))};
        struct tn_reply r = {.fields = &f, .nfields = 1};
        assert_int_equal(tn_reply_retry_after(&r), cases[i].ms);
    }
    char date[30];
    tn_time_http(tn_now_ms() + 100000, date);
    struct tn_fetch_field f = {TN_STR("Retry-After"), tn_str(date)};
    struct tn_reply r = {.fields = &f, .nfields = 1};
    int64_t ms = tn_reply_retry_after(&r);
    assert_true(ms > 90000 && ms <= 100000);
}

/* One that is told to wait makes all of its integration wait, and nobody else. */
static void test_throttle(void **state)
{
    struct world *w = *state;
    script(w, AGAIN("429", "Retry-After: 1\r\n"));
    script(w, OK_BODY);
    FETCH(w, .throttle = "erp");
    assert_int_equal(w->status, 429);
    FETCH(w, .throttle = "other");
    assert_int_equal(w->status, 200);
    assert_true(w->took_ms < 900);
    FETCH(w, .throttle = "erp", .max_wait_ms = 10);
    expect_failure(w, TN_E_rate_limited, "asks clients to wait");
    assert_int_equal(w->attempts, 0);
    FETCH(w, .throttle = "erp");
    assert_int_equal(w->status, 200);
    assert_int_equal(w->requests, 3);
}

/* --- hostile peers --------------------------------------------------------------------------- */

static void test_cut_and_garbage(void **state)
{
    static const struct {
        const char *bytes;
        enum tn_kind kind;
        const char *words;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", TN_E_bad_answer, "cut off"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", TN_E_bad_answer,
         "cut off"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhel", TN_E_network, ""},
        {"garbage and more of it\r\n\r\n", TN_E_bad_answer, "not an HTTP answer"},
        {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
         TN_E_bad_answer, "cannot be unpacked: the gzip data is damaged (incorrect header check)"},
        {"", TN_E_network, "without an answer"},
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        w->nanswers = w->requests = 0;
        script(w, cases[i].bytes)->close = true;
        FETCH(w, .url = NULL);
        expect_failure(w, cases[i].kind, cases[i].words);
    }
    w->nanswers = w->requests = 0;
    script(w, NULL)->reset = true;
    FETCH(w, .url = NULL);
    expect_failure(w, TN_E_network, "");
}

/* A sign-in page is for the adapter to judge: it comes through as it is. */
static void test_html(void **state)
{
    struct world *w = *state;
    script(w, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>");
    FETCH(w, .url = NULL);
    assert_int_equal(w->err.kind, TN_E_none);
    assert_string_equal(w->type, "text/html");
}

static void test_stalled(void **state)
{
    struct world *w = *state;
    script(w, NULL);
    FETCH(w, .total_ms = 60);
    expect_failure(w, TN_E_timeout, "within 60 ms (0 bytes");
    w->nanswers = w->requests = 0;
    script(w, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    FETCH(w, .total_ms = 60, .retry = {.attempts = 2, .delay_ms = 1});
    expect_failure(w, TN_E_timeout, "(4 bytes");
    assert_int_equal(w->attempts, 2);
}

static void test_endless(void **state)
{
    struct world *w = *state;
    script(w, "HTTP/1.1 200 OK\r\n\r\n")->again = "more and more of the same, without an end. ";
    FETCH(w, .max_reply = 300000);
    expect_failure(w, TN_E_too_large, "300000 bytes");
    w->nanswers = w->requests = 0;
    script(w, "HTTP/1.1 200 OK\r\n")->again = "X-More: and more\r\n";
    FETCH(w, .url = NULL);
    expect_failure(w, TN_E_too_large, "header");
    w->nanswers = w->requests = 0;
    script(w, "")->again = "HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n";
    FETCH(w, .url = NULL);
    expect_failure(w, TN_E_too_large, "header");
}

/* --- streams --------------------------------------------------------------------------------- */

/* Takes room bytes, then none until it has more; first in world: done gets the same argument. */
struct tap {
    struct world w;
    size_t room, got, refused;
    int head_status;
    char head_type[64];
    unsigned char last;
};

static bool tapped(void *arg, const struct tn_reply *head, const char *bytes, size_t n)
{
    struct tap *t = arg;
    t->head_status = head->status;
    snprintf(t->head_type, sizeof t->head_type, "%.*s", TN_FMT(tn_reply_get(head, "content-type")));
    if (t->room < n) {
        t->refused++;
        return false;
    }
    t->room -= n;
    t->got += n;
    t->last = (unsigned char)bytes[n - 1];
    return true;
}

static int begin_tap(void **state)
{
    struct world *w;
    int how = begin((void **)&w);
    struct tap *t = TN_NEW(struct tap);
    if (how) return how;
    /* the watches know the world by its address */
    tn_timer_free(w->guard);
    tn_watch_free(w->accepting);
    t->w = *w;
    tn_free(w);
    t->w.guard = tn_timer_new(t->w.loop, too_late, &t->w);
    t->w.accepting = tn_watch_new(t->w.loop, t->w.listening, accept_ready, &t->w);
    tn_watch_for(t->w.accepting, TN_READ);
    *state = t;
    return 0;
}

static void test_stream_waits_for_room(void **state)
{
    struct tap *t = *state;
    struct world *w = &t->w;
    script(w, "HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n\r\n")->again =
        "more and more of the same, without an end. ";
    t->room = 100000;
    struct tn_fetch_call *call = start(w, (struct tn_fetch){.data = tapped, .max_reply = 1000000});
    UNTIL(w, t->refused);
    size_t got = t->got;
    for (int i = 0; i < 200; i++) tn_loop_turn(w->loop, false);
    assert_int_equal(t->refused, 1);
    assert_int_equal(t->got, got);
    assert_true(got > 50000 && got <= 100000);
    assert_int_equal(t->head_status, 200);
    assert_string_equal(t->head_type, "text/csv");
    t->room = 300000;
    tn_fetch_resume(call);
    assert_int_equal(t->got, got); /* later than the call */
    UNTIL(w, t->refused == 2);
    assert_true(t->got > got + 200000);
    t->room = 100000000;
    tn_fetch_resume(call);
    UNTIL(w, w->done);
    expect_failure(w, TN_E_too_large, "1000000 bytes");
    assert_true(t->got <= 1000000);
}

static void test_stream_that_waits_can_be_cancelled(void **state)
{
    struct tap *t = *state;
    script(&t->w, "HTTP/1.1 200 OK\r\n\r\n")->again = "more";
    struct tn_fetch_call *call = start(&t->w, (struct tn_fetch){.data = tapped});
    UNTIL(&t->w, t->refused);
    tn_fetch_resume(call);
    tn_fetch_cancel(call);
    for (int i = 0; i < 20; i++) tn_loop_turn(t->w.loop, false);
    assert_int_equal(t->w.done, 0);
    call = start(&t->w, (struct tn_fetch){.data = tapped, .total_ms = 100});
    UNTIL(&t->w, t->w.done); /* its time ends also while it waits */
    expect_failure(&t->w, TN_E_timeout, "100 ms");
}

static void test_stream_ends_once_and_is_not_repeated(void **state)
{
    struct tap *t = *state;
    struct world *w = &t->w;
    t->room = 1000000;
    script(w, "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy");
    script(w, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole");
    FETCH(w, .data = tapped, .retry = {.attempts = 3, .delay_ms = 1, .safe = true});
    assert_int_equal(w->err.kind, TN_E_none);
    assert_int_equal(w->attempts, 2);
    assert_int_equal(t->got, 5); /* the refusal is none of it */
    assert_int_equal(w->body.n, 0);
    w->nanswers = w->requests = 0;
    script(w, "HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\nnone");
    FETCH(w, .data = tapped);
    assert_int_equal(w->status, 404);
    assert_int_equal(t->got, 5);
    assert_string_equal(w->body.p, "none");
    w->nanswers = w->requests = 0;
    script(w, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")->close = true;
    FETCH(w, .data = tapped, .retry = {.attempts = 3, .delay_ms = 1, .safe = true});
    expect_failure(w, TN_E_bad_answer, "cut off");
    assert_int_equal(w->attempts, 1);
    assert_int_equal(t->got, 9);
    w->nanswers = w->requests = 0;
    script(w, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    FETCH(w, .data = tapped);
    assert_int_equal(w->status, 200);
    assert_int_equal(t->got, 9);
}

/* Bits in the order of deflate. */
struct bits {
    struct tn_buf *out;
    unsigned held, n;
};

static void put(struct bits *b, unsigned value, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        b->held |= (value >> i & 1) << b->n;
        if (++b->n < 8) continue;
        tn_buf_addc(b->out, (char)b->held);
        b->held = b->n = 0;
    }
}

static unsigned crc_of_zeros(size_t n)
{
    unsigned crc = ~0u;
    for (n *= 8; n; n--) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    return ~crc;
}

/* A gzipped answer of 1 + 258 * times zeros: a literal, then matches that repeat it. */
static char *bomb(size_t times, size_t *size)
{
    struct tn_buf out;
    struct bits b = {.out = &out};
    size_t n = 1 + 258 * times;
    tn_buf_init(&out, TN_MIB);
    tn_buf_adds(&out, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n");
    tn_buf_add(&out, "\x1f\x8b\x08\0\0\0\0\0\0\x03", 10);
    put(&b, 3, 3);    /* last block, fixed codes */
    put(&b, 0x0c, 8); /* the byte 0 */
    while (times--) {
        put(&b, 0xa3, 8); /* length 258 */
        put(&b, 0, 5);    /* distance 1 */
    }
    put(&b, 0, 7); /* the end */
    put(&b, 0, b.n ? 8 - b.n : 0);
    unsigned trailer[2] = {crc_of_zeros(n), (unsigned)n};
    tn_buf_add(&out, trailer, sizeof trailer);
    return tn_buf_take(&out, size);
}

static void test_gzip(void **state)
{
    struct world *w = *state;
    size_t n;
    char *small = bomb(20, &n);
    struct answer *a = script(w, small);
    a->n = n;
    a->close = true;
    FETCH(w, .url = NULL);
    assert_int_equal(w->err.kind, TN_E_none);
    assert_int_equal(w->body.n, 1 + 258 * 20);
    tn_free(small);
    char *large = bomb(80000, &n);
    assert_true(n < 256 * TN_KIB);
    *a = (struct answer){.bytes = large, .n = n, .close = true};
    FETCH(w, .url = NULL);
    expect_failure(w, TN_E_too_large, "");
    assert_true(w->body.n <= TN_LIMIT_REPLY);
    tn_free(large);
}

/* "no,name\n1,a\n" and "2,b\n", each packed by a gzip of its own, then padding. */
static const char two_members[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\xcb"
                                  "\xd7\xc9\x4b\xcc\x4d\xe5\x32\xd4\x49\xe4\x02\x00"
                                  "\x1f\x3a\x00\xb9\x0c\x00\x00\x00\x1f\x8b\x08\x00"
                                  "\x00\x00\x00\x00\x02\x03\x33\xd2\x49\xe2\x02\x00"
                                  "\x89\xb0\x2f\xfd\x04\x00\x00\x00\x00\x00\x00";

static struct answer *script_members(struct world *w, struct tn_buf *text, size_t most)
{
    size_t n = sizeof two_members - 1;
    tn_buf_init(text, TN_MIB);
    tn_buf_adds(text, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n");
    tn_buf_add(text, two_members, n < most ? n : most);
    struct answer *a = script(w, text->p);
    a->n = text->n;
    a->close = true;
    return a;
}

static void case_18_gzip_of_several_members_is_read_whole(void **state)
{
    struct world *w = *state;
    struct tn_buf text;
    script_members(w, &text, SIZE_MAX);
    FETCH(w, .url = NULL);
    assert_int_equal(w->err.kind, TN_E_none);
    assert_string_equal(w->body.p, "no,name\n1,a\n2,b\n");
    tn_buf_clear(&text);
    w->nanswers = w->requests = 0;
    script_members(w, &text, 41);
    FETCH(w, .url = NULL);
    expect_failure(w, TN_E_bad_answer, "cannot be unpacked: the gzip data is cut off");
    tn_buf_clear(&text);
}

static void case_18_a_coding_that_is_none_is_passed_over(void **state)
{
    static const char *const names[] = {"utf-8", "UTF-8",  "none",           "identity",
                                        "",      "binary", "identity, utf-8"};
    struct world *w = *state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char text[200];
        w->nanswers = w->requests = 0;
        snprintf(text, sizeof text,
                 "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: 2\r\n\r\n{}",
                 names[i]);
        script(w, text);
        FETCH(w, .url = NULL);
        assert_int_equal(w->err.kind, TN_E_none);
        assert_string_equal(w->body.p, "{}");
        assert_int_equal(w->requests, 1);
    }
    w->nanswers = w->requests = 0;
    script(w, "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}");
    FETCH(w, .url = NULL);
    expect_failure(w, TN_E_bad_answer, "the Content-Encoding \"br\"");
}

/* --- what is refused before or at the connection --------------------------------------------- */

static void test_egress_at_connect(void **state)
{
    struct world *w = *state;
    char url[64];
    snprintf(url, sizeof url, "http://localhost%s/", strrchr(w->address, ':'));
    script(w, OK_BODY);
    FETCH(w, .url = url); /* 127.0.0.1 was opened; a pooled connection remains */
    assert_int_equal(w->status, 200);
    tn_http_client_free(w->client);
    struct tn_http_client_options o = {0};
    struct tn_err err;
    w->client = tn_http_client_new(w->loop, &o, &err);
    assert_non_null(w->client);
    FETCH(w, .url = url, .retry = {.attempts = 3, .delay_ms = 1});
    assert_int_equal(w->err.kind, TN_E_egress);
    assert_non_null(strstr(w->err.text, "localhost"));
    assert_non_null(strstr(w->err.text, "loopback"));
    assert_int_equal(w->attempts, 1);
    assert_int_equal(w->requests, 1);
}

static void test_egress_at_reuse(void **state)
{
    struct world *w = *state;
    struct tn_http_client_options nothing_open = {0};
    struct tn_err err;
    tn_http_client_free(w->client);
    w->client = tn_http_client_new(w->loop, &nothing_open, &err);
    assert_non_null(w->client);
    script(w, OK_BODY);
    struct tn_fetch f = {.url = w->url, .policy = TN_EGRESS_local};
    assert_non_null(tn_fetch_start(w->client, &f, fetched, w, &err));
    UNTIL(w, w->done == 1);
    assert_int_equal(w->status, 200); /* loopback, by the policy for the command line */
    FETCH(w, .url = NULL);
    assert_int_equal(w->err.kind, TN_E_egress);
    assert_int_equal(w->requests, 1);
}

static void test_wrong_requests(void **state)
{
    const struct tn_fetch_header split = {"A", TN_STR("b\r\nC: d")}, spaced = {"A B", TN_STR("b")},
                                 colon = {"A:", TN_STR("b")}, host = {"Host", TN_STR("b")},
                                 length = {"content-length", TN_STR("1")};
    const struct tn_fetch wrong[] = {
        {.url = "file:///etc/passwd"},
        {.url = "http://user:pw@a.test/"},
        {.url = "http://a.test/", .method = "GE T"},
        {.url = "http://a.test/", .method = "CONNECT"},
        {.url = "http://a.test/", .insecure = true},
        {.url = "http://a.test/", .headers = &split, .nheaders = 1},
        {.url = "http://a.test/", .headers = &spaced, .nheaders = 1},
        {.url = "http://a.test/", .headers = &colon, .nheaders = 1},
        {.url = "http://a.test/", .headers = &host, .nheaders = 1},
        {.url = "http://a.test/", .headers = &length, .nheaders = 1},
    };
    struct world *w = *state;
    struct tn_err err;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_null(tn_fetch_start(w->client, &wrong[i], fetched, w, &err));
        assert_int_equal(err.kind, TN_E_invalid);
    }
    struct tn_fetch socket = {
        .url = "http://localhost/", .unix_path = "/tmp/x", .policy = TN_EGRESS_upstream};
    assert_null(tn_fetch_start(w->client, &socket, fetched, w, &err));
    assert_int_equal(err.kind, TN_E_egress);
    assert_int_equal(w->done, 0);
    assert_int_equal(tn_http_client_active(w->client), 0);
}

static void test_proxy_variables_are_ignored(void **state)
{
    struct world *w = *state;
    setenv("http_proxy", "http://127.0.0.1:1/", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1/", 1);
    script(w, OK_BODY);
    FETCH(w, .url = NULL);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    assert_int_equal(w->status, 200);
}

static void greet(void *arg, struct tn_http_exchange *x)
{
    (void)arg;
    tn_http_reply(x, 200, "text/plain",
                  tn_str(tn_http_is_unix(x, NULL) ? "by the socket" : "by TCP"));
}

static void test_unix_socket(void **state)
{
    struct world *w = *state;
    struct tn_http_server_options o = {.handle = greet};
    struct tn_err err;
    char path[64];
    snprintf(path, sizeof path, "/tmp/tn-test-client-%d.sock", (int)getpid());
    int fd = tn_http_listen_unix(path, 0600, &err);
    assert_true(fd >= 0);
    struct tn_http_server *server = tn_http_server_new(w->loop, &o);
    assert_true(tn_http_server_listen(server, fd, &err));
    struct tn_fetch f = {.url = "http://localhost/", .unix_path = path, .policy = TN_EGRESS_local};
    for (unsigned i = 1; i < 3; i++) {
        assert_non_null(tn_fetch_start(w->client, &f, fetched, w, &err));
        UNTIL(w, w->done == i);
        assert_int_equal(w->err.kind, TN_E_none);
        assert_true(tn_str_is(tn_buf_str(&w->body), "by the socket"));
    }
    tn_http_server_free(server);
    close(fd);
    unlink(path);
}

/* --- life ------------------------------------------------------------------------------------ */

static void test_cancel(void **state)
{
    struct world *w = *state;
    struct tn_fetch_call *calls[4];
    script(w, NULL);
    for (int i = 0; i < 4; i++) calls[i] = start(w, (struct tn_fetch){.url = NULL});
    tn_fetch_cancel(calls[0]); /* before it began */
    UNTIL(w, w->requests == 3);
    tn_fetch_cancel(calls[2]);
    assert_int_equal(tn_http_client_active(w->client), 2);
    script(w, OK_BODY);
    FETCH(w, .url = NULL);
    assert_int_equal(w->done, 1);
    tn_fetch_cancel(NULL);
    struct tn_fetch_call *waiting = start(w, (struct tn_fetch){.throttle = "t"});
    tn_fetch_cancel(waiting);
    tn_http_client_pause(w->client, "t", 50);
    waiting = start(w, (struct tn_fetch){.throttle = "t"});
    tn_fetch_cancel(waiting); /* two are left for the end to cancel */
    assert_int_equal(tn_http_client_active(w->client), 2);
}

static void test_freed_in_done(void **state)
{
    struct world *w = *state;
    script(w, OK_BODY);
    script(w, NULL);
    w->free_in_done = true;
    for (int i = 0; i < 3; i++) start(w, (struct tn_fetch){.url = NULL});
    UNTIL(w, w->done == 1);
    for (int i = 0; i < 5; i++) tn_loop_turn(w->loop, false);
    assert_int_equal(w->done, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
#define TAP(fn)    cmocka_unit_test_setup_teardown(fn, begin_tap, end)

/* Twenty megabytes out of eighty kilobytes, taken in small parts: none is lost. */
static void test_stream_of_gzip_in_parts(void **state)
{
    struct tap *t = *state;
    size_t n;
    char *large = bomb(80000, &n);
    struct answer *a = script(&t->w, large);
    a->n = n;
    a->close = true;
    t->room = 100000;
    struct tn_fetch_call *call = start(&t->w, (struct tn_fetch){.data = tapped});
    while (!t->w.done) {
        size_t refused = t->refused;
        UNTIL(&t->w, t->w.done || t->refused > refused);
        t->room = 1000000;
        if (!t->w.done) tn_fetch_resume(call);
    }
    assert_int_equal(t->w.err.kind, TN_E_none);
    assert_int_equal(t->got, 1 + 258 * 80000);
    assert_true(t->refused > 10);
    tn_free(large);
}

static void case_18_gzip_of_several_members_is_streamed(void **state)
{
    struct tap *t = *state;
    struct tn_buf text;
    script_members(&t->w, &text, SIZE_MAX);
    t->room = 5;
    struct tn_fetch_call *call = start(&t->w, (struct tn_fetch){.data = tapped});
    while (!t->w.done) {
        size_t refused = t->refused;
        UNTIL(&t->w, t->w.done || t->refused > refused);
        t->room = 1000;
        if (!t->w.done) tn_fetch_resume(call);
    }
    assert_int_equal(t->w.err.kind, TN_E_none);
    assert_int_equal(t->got, 16);
    assert_int_equal(t->refused, 1);
    tn_buf_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_get),
        TAP(test_stream_waits_for_room),
        TAP(test_stream_that_waits_can_be_cancelled),
        TAP(test_stream_ends_once_and_is_not_repeated),
        TAP(test_stream_of_gzip_in_parts),
        TEST(test_reuses_connections),
        TEST(test_post),
        TEST(test_head),
        TEST(test_redirects_are_answers),
        TEST(test_interim_answers),
        TEST(test_trailers_do_not_count),
        TEST(test_retries_until_it_works),
        TEST(test_last_answer_counts),
        TEST(test_what_is_not_retried),
        TEST(test_unsafe_writes),
        TEST(test_no_hidden_repetition),
        TEST(test_no_connection_is_retried),
        TEST(test_retry_after),
        cmocka_unit_test(test_reading_retry_after),
        TEST(test_throttle),
        TEST(test_cut_and_garbage),
        TEST(test_html),
        TEST(test_stalled),
        TEST(test_endless),
        TEST(test_gzip),
        TEST(case_18_a_coding_that_is_none_is_passed_over),
        TEST(case_18_gzip_of_several_members_is_read_whole),
        TAP(case_18_gzip_of_several_members_is_streamed),
        TEST(test_egress_at_connect),
        TEST(test_egress_at_reuse),
        TEST(test_wrong_requests),
        TEST(test_proxy_variables_are_ignored),
        TEST(test_unix_socket),
        TEST(test_cancel),
        TEST(test_freed_in_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
