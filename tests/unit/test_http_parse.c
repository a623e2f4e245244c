/* SPDX-License-Identifier: MIT */
/* The request reader: what it takes, and with which status it refuses the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/buf.h"
#include "net/http_parse.h"

#define GET  "GET / HTTP/1.1\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"

/* 0: a whole header, parsed into h; -1: more is needed; else the status of the refusal.
 * step: how many bytes come at a time. */
static int feed(struct tn_str text, size_t step, struct tn_http_head *h, size_t *head_n)
{
    struct tn_http_scan scan;
    struct tn_http_refusal why;
    tn_http_scan_init(&scan);
    for (size_t n = step < text.n ? step : text.n;; n = n + step < text.n ? n + step : text.n) {
        switch (tn_http_scan_feed(&scan, text.p, n, head_n, &why)) {
        case TN_HTTP_bad: return why.status;
        case TN_HTTP_done: return tn_http_head_parse(h, text.p, *head_n, &why) ? 0 : why.status;
        default: break;
        }
        if (n == text.n) return -1;
    }
}

/* The answer must not depend on how the bytes are cut. */
static int outcome(struct tn_str text)
{
    static const size_t steps[] = {1, 2, 3, 7, 4096};
    static struct tn_http_head h;
    size_t head_n, again;
    int whole = feed(text, text.n ? text.n : 1, &h, &head_n);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        int cut = feed(text, steps[i], &h, &again);
        assert_int_equal(cut, whole);
        if (!whole) assert_int_equal(again, head_n);
    }
    return whole;
}

static void expect(int status, const char *text)
{
    int got = outcome(tn_str(text));
    if (got != status) print_error("%d instead of %d for:\n%s\n", got, status, text);
    assert_int_equal(got, status);
}

static struct tn_http_head *parsed(const char *text)
{
    static struct tn_http_head h;
    size_t head_n;
    assert_int_equal(feed(tn_str(text), 4096, &h, &head_n), 0);
    assert_int_equal(head_n, strlen(text));
    return &h;
}

static void test_takes_a_plain_request(void **state)
{
    (void)state;
    struct tn_http_head *h =
        parsed("GET /a/b?x=1 HTTP/1.1\r\nHost: example:80\r\nX-A:  \tv w \r\nx-a: 2\r\n\r\n");
    assert_true(tn_str_is(h->method, "GET"));
    assert_true(tn_str_is(h->target, "/a/b?x=1"));
    assert_true(tn_str_is(h->path, "/a/b"));
    assert_true(tn_str_is(h->query, "x=1"));
    assert_true(tn_str_is(h->host, "example:80"));
    assert_true(tn_str_is(tn_http_head_get(h, "x-A"), "v w"));
    assert_int_equal(tn_http_head_count(h, "X-a"), 2);
    assert_null(tn_http_head_get(h, "X-B").p);
    assert_true(h->keep_alive && !h->has_body && !h->chunked && !h->absolute);
    assert_null(parsed("GET / HTTP/1.1\r\nHost: a\r\n\r\n")->query.p);
    assert_int_equal(parsed("GET /? HTTP/1.1\r\nHost: a\r\n\r\n")->query.n, 0);
}

static void test_keep_alive(void **state)
{
    (void)state;
    assert_false(parsed(GET "Host: a\r\nConnection: x, Close\r\n\r\n")->keep_alive);
    assert_false(parsed("GET / HTTP/1.0\r\n\r\n")->keep_alive);
    assert_true(parsed("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")->keep_alive);
    assert_false(parsed("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n")->keep_alive);
    assert_false(parsed(GET "Host: a\r\nConnection: foo\r\nConnection: close\r\n\r\n")->keep_alive);
}

static void test_request_line(void **state)
{
    (void)state;
    expect(0, "\r\n" GET "Host: a\r\n\r\n");
    expect(400, "\r\n\r\n" GET "Host: a\r\n\r\n");
    expect(400, "GET /\r\n\r\n");
    expect(400, "GET / HTTP/1.32\r\nHost: a\r\n\r\n");
    expect(400, "GET / HTTP/4294967297.1\r\nHost: a\r\n\r\n");
    expect(400, "GET / http/1.1\r\nHost: a\r\n\r\n");
    expect(400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n");
    expect(400, "GET / XTTP/1.1\r\nHost: a\r\n\r\n");
    expect(400, "GET / HTTP/11\r\nHost: a\r\n\r\n");
    expect(505, "GET / HTTP/9.9\r\nHost: a\r\n\r\n");
    expect(505, "GET / HTTP/1.2\r\nHost: a\r\n\r\n");
    expect(505, "GET / HTTP/0.9\r\nHost: a\r\n\r\n");
    expect(505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    expect(400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(400, "GET /  HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(400, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(400, "G(T / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(400, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(400, "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(400, "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(400, "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(400, "GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(400, "GET / HTTP/1.1\nHost: a\n\n");
    expect(400, "GET / HTTP/1.1\r\nHost: a\n\r\n");
    expect(400, "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(400, "\r\x02POST / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(400, "\n" GET "Host: a\r\n\r\n");
    expect(501, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n");
    expect(-1, "");
    expect(-1, "GET / HT");
    expect(-1, GET "Host: a\r\n\r");
    expect(400, "\x16\x03\x01\x02\r\n");
}

static void test_targets(void **state)
{
    (void)state;
    expect(0, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(400, "GET a HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(400, "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(400, "GET http://evil.test/ HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(400, "GET http://a HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(400, "GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(400, "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(400, "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n");
    struct tn_http_head *h = parsed("GET HTTP://A:8/x?y HTTP/1.1\r\nHost: a:8\r\n\r\n");
    assert_true(h->absolute);
    assert_true(tn_str_is(h->path, "/x"));
    assert_true(tn_str_is(h->query, "y"));
}

static void test_host(void **state)
{
    (void)state;
    expect(400, GET "\r\n");
    expect(400, GET "Host: a\r\nHost: a\r\n\r\n");
    expect(400, GET "Host: a\r\nhost: b\r\n\r\n");
    expect(400, GET "Host: a b\r\n\r\n");
    expect(400, GET "Host: a, b\r\n\r\n");
    expect(400, GET "Host: a/b\r\n\r\n");
    expect(400, GET "Host: u@a\r\n\r\n");
    expect(400, GET "Host:\r\n\r\n");
    expect(400, "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n");
    expect(0, "GET / HTTP/1.0\r\n\r\n");
    expect(0, GET "Host: [::1]:8080\r\n\r\n");
}

static void test_length(void **state)
{
    static const char *const wrong[] = {"5, 6",
                                        "5, 5",
                                        "+5",
                                        "-5",
                                        "0x5",
                                        "5a",
                                        "1e1",
                                        "",
                                        "5 5",
                                        "9223372036854775808",
                                        "18446744073709551621",
                                        "5\t\v"};
    char text[256];
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(text, sizeof text, POST "Content-Length: %s\r\n\r\n", wrong[i]);
        expect(400, text);
    }
    expect(400, POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n");
    expect(400, POST "Content-Length: 5\r\ncontent-length: 5\r\n\r\n");
    assert_int_equal(parsed(POST "Content-Length: 9223372036854775807\r\n\r\n")->length, INT64_MAX);
    assert_int_equal(parsed(POST "Content-Length: 007\r\n\r\n")->length, 7);
    assert_false(parsed(POST "Content-Length: 0\r\n\r\n")->has_body);
}

static void test_transfer_encoding(void **state)
{
    (void)state;
    assert_true(parsed(POST "Transfer-Encoding: Chunked\r\n\r\n")->chunked);
    expect(400, POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n");
    expect(400, POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n");
    expect(501, POST "Transfer-Encoding: gzip, chunked\r\n\r\n");
    expect(501, POST "Transfer-Encoding: identity\r\n\r\n");
    expect(501, POST "Transfer-Encoding: xchunked\r\n\r\n");
    expect(501, POST "Transfer-Encoding: chunked, chunked\r\n\r\n");
    expect(501, POST "Transfer-Encoding:\r\n\r\n");
    expect(501, POST "Transfer-Encoding: \"chunked\"\r\n\r\n");
    expect(400, POST "Transfer-Encoding: chunked\v\r\n\r\n");
    expect(400, POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n");
    expect(501, POST "Transfer-Encoding:\r\n chunked\r\n\r\n");
    expect(400, POST "Transfer-Encoding : chunked\r\n\r\n");
    expect(400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
}

static void test_fields(void **state)
{
    (void)state;
    expect(400, GET "Host: a\r\nA : b\r\n\r\n");
    expect(400, GET "Host: a\r\nA: b\r\n c\r\n\r\n");
    expect(400, GET "Host: a\r\nA: b\r\n\tc\r\n\r\n");
    expect(400, GET " Host: a\r\n\r\n");
    expect(400, GET "Host: a\r\nnocolon\r\n\r\n");
    expect(400, GET "Host: a\r\n: b\r\n\r\n");
    expect(400, GET "Host: a\r\nA: b\rc\r\n\r\n");
    expect(400, GET "Host: a\r\nA: b\r\r\n\r\n");
    expect(400, GET "Host: a\r\nA\xe4: b\r\n\r\n");
    expect(400, GET "Host: a\r\nA: \x01\r\n\r\n");
    expect(400, GET "Host: a\r\nA: \x7f\r\n\r\n");
    expect(0, GET "Host: a\r\nA: \xc3\xa4 b\tc\r\n\r\n");
    expect(0, GET "Host: a\r\nA:\r\n\r\n");
    assert_int_equal(outcome(TN_STR(GET "Host: a\r\nA: b\0c\r\n\r\n")), 400);
    assert_int_equal(outcome(TN_STR(GET "Host: a\r\nA\0: b\r\n\r\n")), 400);
    assert_int_equal(outcome(TN_STR("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n")), 400);
}

/* Every byte, in a name and in a value, against the grammar written out once more. */
static void test_every_byte(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char one = (char)c;
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool token = alnum || (c && strchr("!#$%&'*+-.^_`|~", c));
        assert_int_equal(tn_http_name_ok((struct tn_str){&one, 1}), token);
        assert_int_equal(tn_http_value_ok((struct tn_str){&one, 1}),
                         c == '\t' || (c >= 0x20 && c != 0x7f));
        assert_int_equal(tn_http_request_id_ok((struct tn_str){&one, 1}),
                         alnum || c == '-' || c == '_');
    }
}

static void test_expect(void **state)
{
    (void)state;
    assert_true(parsed(POST "Content-Length: 1\r\nExpect: 100-Continue\r\n\r\n")->expect_continue);
    assert_false(parsed(POST "Content-Length: 0\r\nExpect: 100-continue\r\n\r\n")->expect_continue);
    assert_false(parsed("POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n")
                     ->expect_continue);
    expect(417, POST "Expect: something\r\n\r\n");
}

static void repeat(struct tn_buf *b, const char *text, size_t n)
{
    while (n--) tn_buf_adds(b, text);
}

static void test_limits(void **state)
{
    struct tn_buf b;
    (void)state;
    tn_buf_init(&b, 4 * TN_MIB);
    tn_buf_adds(&b, "GET /");
    repeat(&b, "a", TN_LIMIT_REQUEST_LINE - strlen("GET / HTTP/1.1\r\n"));
    tn_buf_adds(&b, " HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(0, b.p);
    tn_buf_reset(&b);
    tn_buf_adds(&b, "GET /");
    repeat(&b, "a", TN_LIMIT_REQUEST_LINE - strlen("GET / HTTP/1.1\r\n") + 1);
    tn_buf_adds(&b, " HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(414, b.p);
    b.p[TN_LIMIT_REQUEST_LINE + 1] = '\0'; /* endless, refused near the limit */
    expect(414, b.p);
    tn_buf_reset(&b);
    tn_buf_adds(&b, GET "Host: a\r\nA: ");
    repeat(&b, "a", TN_LIMIT_HEADER_BYTES - strlen("Host: a\r\nA: \r\n\r\n"));
    tn_buf_adds(&b, "\r\n\r\n");
    expect(0, b.p);
    tn_buf_reset(&b);
    tn_buf_adds(&b, GET "Host: a\r\nA: ");
    repeat(&b, "a", TN_LIMIT_HEADER_BYTES);
    expect(431, b.p);
    tn_buf_reset(&b);
    tn_buf_adds(&b, GET "Host: a\r\n");
    repeat(&b, "A: b\r\n", TN_LIMIT_HEADER_FIELDS - 1);
    tn_buf_adds(&b, "\r\n");
    expect(0, b.p);
    tn_buf_reset(&b);
    tn_buf_adds(&b, GET "Host: a\r\n");
    repeat(&b, "A: b\r\n", TN_LIMIT_HEADER_FIELDS);
    tn_buf_adds(&b, "\r\n");
    expect(431, b.p);
    tn_buf_clear(&b);
}

/* Decodes text in steps; 0: whole, content in out and the rest after it in *left. */
static int body(struct tn_str text, struct tn_http_head *h, uint64_t max, size_t step,
                struct tn_buf *out, size_t *left)
{
    struct tn_http_decoder d;
    struct tn_http_refusal why;
    size_t at = 0, used;
    struct tn_str data;
    tn_http_decoder_init(&d, h, max);
    for (;;) {
        size_t n = text.n - at < step ? text.n - at : step;
        enum tn_http_step s = tn_http_decoder_feed(&d, text.p + at, n, &used, &data, &why);
        assert_true(used <= n && data.n <= used);
        tn_buf_addstr(out, data);
        at += used;
        *left = text.n - at;
        if (s == TN_HTTP_bad) return why.status;
        if (s == TN_HTTP_done) return 0;
        if (at == text.n) return -1;
        assert_true(used > 0);
    }
}

static void expect_chunks(int status, const char *text, const char *content, size_t rest)
{
    struct tn_http_head h = {.chunked = true, .has_body = true};
    struct tn_buf out;
    size_t left;
    tn_buf_init(&out, TN_MIB);
    for (size_t step = 1; step < 40; step += 6) {
        tn_buf_reset(&out);
        int got = body(tn_str(text), &h, 1000, step, &out, &left);
        if (got != status)
            print_error("%d instead of %d for a body of %zu bytes\n", got, status, strlen(text));
        assert_int_equal(got, status);
        if (status == 0) {
            assert_true(tn_str_is(tn_buf_str(&out), content));
            assert_int_equal(left, rest);
        }
    }
    tn_buf_clear(&out);
}

static void test_chunks(void **state)
{
    (void)state;
    expect_chunks(0, "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world", 0);
    expect_chunks(0, "0\r\n\r\nGET /", "", 5);
    expect_chunks(0, "A\r\n0123456789\r\n000\r\n\r\n", "0123456789", 0);
    expect_chunks(0, "1;a=b;c=\"d e\"\r\nx\r\n0;z\r\nT: v\r\nU:\r\n\r\nrest", "x", 4);
    expect_chunks(-1, "5\r\nhel", NULL, 0);
    expect_chunks(-1, "0\r\n\r", NULL, 0);
    static const char *const wrong[] = {
        "0x5\r\nhello\r\n",
        "+5\r\nhello\r\n",
        "-5\r\nhello\r\n",
        " 5\r\nhello\r\n",
        "5 6\r\nhello\r\n",
        "5 \r\nhello\r\n",
        "0_5\r\nhello\r\n",
        "\r\nhello\r\n",
        "g\r\n",
        ";a\r\n",
        "00000000000000005\r\nhello\r\n",
        "8000000000000000\r\n",
        "ffffffffffffffff\r\n",
        "10000000000000005\r\n",
        "5\nhello\r\n",
        "5\rhello\r\n",
        "5;a\nb\r\nhello\r\n",
        "5;a\rb\r\nhello\r\n",
        "5;\x01\r\nhello\r\n",
        "5\r\nhelloX",
        "5\r\nhello\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\rX",
        "0\r\n T: v\r\n\r\n",
        "0\r\nT : v\r\n\r\n",
        "0\r\n: v\r\n\r\n",
        "0\r\nT: \x01\r\n\r\n",
        "0\r\nT: v\r\n folded\r\n\r\n",
        "0\r\nT\r\n\r\n",
        "0\r\n\n",
        "0\r\n\rX",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) expect_chunks(400, wrong[i], NULL, 0);
    expect_chunks(413, "3e9\r\n", NULL, 0);
    expect_chunks(413, "7fffffffffffffff\r\n", NULL, 0);
}

static void test_chunk_overhead(void **state)
{
    struct tn_buf b;
    (void)state;
    tn_buf_init(&b, TN_MIB);
    tn_buf_adds(&b, "1;");
    repeat(&b, "a", 5000);
    expect_chunks(400, b.p, NULL, 0);
    tn_buf_reset(&b);
    tn_buf_adds(&b, "0\r\n");
    repeat(&b, "T: v\r\n", 2000);
    expect_chunks(431, b.p, NULL, 0);
    tn_buf_reset(&b);
    repeat(&b, "1;aaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n", 300);
    expect_chunks(400, b.p, NULL, 0);
    tn_buf_clear(&b);
}

static void test_length_body(void **state)
{
    struct tn_http_head h = {.length = 5, .has_body = true};
    struct tn_buf out;
    size_t left;
    (void)state;
    tn_buf_init(&out, 100);
    assert_int_equal(body(TN_STR("helloGET"), &h, 5, 2, &out, &left), 0);
    assert_true(tn_str_is(tn_buf_str(&out), "hello"));
    assert_int_equal(left, 3);
    assert_int_equal(body(TN_STR("hel"), &h, 5, 2, &out, &left), -1);
    assert_int_equal(body(TN_STR("hello"), &h, 4, 2, &out, &left), 413);
    h.length = 0;
    assert_int_equal(body(TN_STR("x"), &h, 4, 2, &out, &left), 0);
    assert_int_equal(left, 1);
    tn_buf_clear(&out);
}

static bool path(const char *raw, struct tn_http_path *p)
{
    static char out[512];
    struct tn_http_refusal why = {0};
    bool ok = tn_http_path_decode(tn_str(raw), out, p, &why);
    assert_int_equal(ok ? 0 : 400, why.status);
    return ok;
}

static void test_paths(void **state)
{
    static const char *const wrong[] = {
        "/../../etc/passwd",
        "/%2e%2e/etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/a/..",
        "/.",
        "/a/./b",
        "/..%5c..%5cetc",
        "/%2E./x",
        "/.%2e",
        "/a%2f..%2fb",
        "/%2e",
        "/a\\..\\b",
        "/%00",
        "/a%00b",
        "/%zz",
        "/%",
        "/%4",
        "/a%0d%0ab",
        "/%7f",
        "/%ff",
        "/%c0%ae%c0%ae/x",
        "/%ed%a0%80",
        "a",
        "",
    };
    struct tn_http_path p;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (path(wrong[i], &p)) print_error("taken: %s\n", wrong[i]);
        assert_false(path(wrong[i], &p));
    }
    assert_true(path("/", &p));
    assert_int_equal(p.n, 0);
    assert_true(path("/a%2Fb/c%20d//%c3%a4/", &p));
    assert_int_equal(p.n, 4);
    assert_true(tn_str_is(p.segments[0], "a/b"));
    assert_true(tn_str_is(p.segments[1], "c d"));
    assert_true(tn_str_is(p.segments[2], ""));
    assert_true(tn_str_is(p.segments[3], "\xc3\xa4"));
    assert_true(p.slash);
    assert_true(tn_str_is(p.text, "/a/b/c d//\xc3\xa4/"));
    assert_true(path("/.../..a/a../.a", &p));
    assert_false(p.slash);
    assert_true(path("/%252e%252e/x", &p));
    assert_true(tn_str_is(p.segments[0], "%2e%2e"));
    assert_true(path(
        "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/21/22/23/24/25/26/27/28/29/30/31/32",
        &p));
    assert_false(path("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/21/22/23/24/25/26/27/28/"
                      "29/30/31/32/33",
                      &p));
}

static void test_queries(void **state)
{
    char out[256];
    struct tn_str query = TN_STR("a=1&&b=x+y%26z&c&=v&a=%c3%a4="), name, value;
    static const struct {
        const char *name, *value;
    } want[] = {{"a", "1"}, {"b", "x y&z"}, {"c", ""}, {"", "v"}, {"a", "\xc3\xa4="}};
    struct tn_http_refusal why;
    (void)state;
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        assert_int_equal(tn_http_query_next(&query, out, &name, &value, &why), TN_HTTP_more);
        assert_true(tn_str_is(name, want[i].name));
        assert_true(tn_str_is(value, want[i].value));
    }
    assert_int_equal(tn_http_query_next(&query, out, &name, &value, &why), TN_HTTP_done);
    static const char *const wrong[] = {"a=%zz", "a=%", "a=%00", "%ff=1", "a=%0d%0aX: y"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        query = tn_str(wrong[i]);
        assert_int_equal(tn_http_query_next(&query, out, &name, &value, &why), TN_HTTP_bad);
        assert_int_equal(why.status, 400);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_a_plain_request),
        cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_request_line),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_host),
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_transfer_encoding),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_expect),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_chunk_overhead),
        cmocka_unit_test(test_length_body),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_queries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
