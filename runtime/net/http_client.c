/* SPDX-License-Identifier: MIT */
#include "net/http_client.h"

#include <curl/curl.h>
#include <string.h>
#include <openssl/pem.h>
#include <openssl/err.h>
#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/gunzip.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/time.h"
#include "loop/loop.h"
#include "net/http_parse.h"

enum {
    POOL = 32,     /* curl handles kept for reuse */
    PAUSES = 1024, /* throttle names remembered before old ones are forgotten */
    DELAY_MS = 500,
    MAX_DELAY_MS = 30000,
    READ_BYTES = 64 * 1024,
    STREAM_BYTES = 16 * 1024, /* bytes read at once */
    UNPACK_BYTES = 32 * 1024, /* bytes unpacked at once */
};

/* A throttle name that a peer told to wait. */
struct pause {
    int64_t until_us;
};

struct tn_fetch_call {
    struct tn_fetch_call *next, **link; /* list of all calls of the client */
    struct tn_fetch_call *finished_next;
    struct tn_http_client *client;
    struct tn_fetch f; /* its texts are in the arena */
    struct tn_url url;
    struct tn_arena arena;
    CURL *easy; /* NULL between attempts */
    struct curl_slist *headers;
    struct tn_timer *timer;
    tn_fetch_done done;
    void *arg;
    struct tn_buf body, raw; /* raw: header fields of the last answer */
    size_t header_bytes;     /* of this attempt, interim answers included */
    unsigned attempts;
    int64_t began_us, first_byte_ms;
    int status;
    bool safe, finished;
    bool too_large, header_too_large, refused, body_began;
    struct tn_gunzip *gunzip; /* NULL: the body is not packed */
    char *plain;              /* bytes that were unpacked and not taken yet */
    size_t plain_at, plain_end;
    size_t unpacked;      /* bytes of the body that curl hands over again, and that are unpacked */
    struct tn_err coding; /* why the body cannot be unpacked */
    struct tn_reply head; /* of a body that is streamed */
    size_t streamed_bytes;
    bool streamed;
    int64_t attempt_us;
    struct tn_err err; /* failure of the attempt; kind none: an answer came */
    char address[64];
    char detail[CURL_ERROR_SIZE];
};

struct tn_http_client {
    struct tn_loop *loop;
    struct tn_http_client_options o;
    char *user_agent;
    struct tn_buf ca; /* what the file of the options says */
    CURLM *multi;
    struct tn_timer *timer;
    struct tn_fetch_call *calls;
    struct tn_fetch_call *finished, **finished_end;
    CURL *pool[POOL];
    unsigned pooled, active;
    struct tn_map pauses;
    bool dispatching, dying;
};

static void dispatch(struct tn_http_client *c);

/* --- the answer's fields --------------------------------------------------------------------- */

struct tn_str tn_reply_get(const struct tn_reply *r, const char *header)
{
    struct tn_str wanted = tn_str(header);
    for (size_t i = 0; i < r->nfields; i++)
        if (tn_str_eq_nocase(r->fields[i].name, wanted)) return r->fields[i].value;
    return (struct tn_str){NULL, 0};
}

static int64_t read_retry_after(struct tn_str v)
{
    const int64_t most = (int64_t)TN_LIMIT_RETRY_AFTER_S * 1000;
    uint64_t seconds;
    int64_t at;
    bool digits = v.n > 0;
    for (size_t i = 0; i < v.n; i++) digits &= v.p[i] >= '0' && v.p[i] <= '9';
    if (digits)
        return !tn_str_u64(v, &seconds) || seconds > TN_LIMIT_RETRY_AFTER_S
                   ? most
                   : (int64_t)seconds * 1000;
    if (!v.p || !tn_time_parse_http(v, &at)) return -1;
    at -= tn_now_ms();
    return at < 0 ? 0 : at > most ? most : at;
}

int64_t tn_reply_retry_after(const struct tn_reply *r)
{
    return read_retry_after(tn_reply_get(r, "Retry-After"));
}

/* Takes the next field off the raw header. */
static bool next_field(struct tn_str *raw, struct tn_fetch_field *f)
{
    struct tn_str line;
    while (raw->n && tn_str_split(raw, '\n', &line)) {
        struct tn_str value = line;
        if (value.n && value.p[value.n - 1] == '\r') value.n--;
        if (!tn_str_split(&value, ':', &f->name) || !value.p) continue;
        f->value = tn_str_trim(value);
        return true;
    }
    return false;
}

static int64_t retry_after_of(const struct tn_fetch_call *call)
{
    struct tn_str raw = tn_buf_str(&call->raw);
    struct tn_fetch_field f;
    while (next_field(&raw, &f))
        if (tn_str_eq_nocase(f.name, TN_STR("retry-after"))) return read_retry_after(f.value);
    return -1;
}

/* --- curl's callbacks of one transfer -------------------------------------------------------- */

static void fill_fields(struct tn_fetch_call *call, struct tn_reply *r);

/* Streams only a 2xx answer: after any other status the client may have to repeat the request. */
static bool is_stream(struct tn_fetch_call *call)
{
    long status = 0;
    if (!call->f.data || call->streamed) return call->streamed;
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200 || status > 299) return false;
    call->streamed = true;
    call->head = (struct tn_reply){
        .status = (int)status, .attempts = call->attempts, .url = call->f.url, .address = ""};
    fill_fields(call, &call->head);
    return true;
}

static size_t pass_on(struct tn_fetch_call *call, const char *p, size_t n)
{
    if (call->streamed_bytes + n > call->f.max_reply) {
        call->too_large = true;
        return 0;
    }
    if (!call->f.data(call->arg, &call->head, p, n)) return CURL_WRITEFUNC_PAUSE;
    call->streamed_bytes += n;
    return n;
}

/* Returns n, or what curl takes for a pause or a failure. */
static size_t take_body(struct tn_fetch_call *call, const char *p, size_t n)
{
    if (is_stream(call)) return pass_on(call, p, n);
    tn_buf_add(&call->body, p, n);
    if (!call->body.failed) return n;
    call->too_large = true;
    return 0;
}

/* Names that stand in Content-Encoding although they are no coding ("utf-8", "none") are passed
 * over. These are codings, and nobody asked for them. */
static bool is_foreign_coding(struct tn_str name)
{
    static const char *const foreign[] = {"br",  "zstd",      "compress", "x-compress",   "dcb",
                                          "dcz", "aes128gcm", "exi",      "pack200-gzip", NULL};
    for (const char *const *f = foreign; *f; f++)
        if (tn_str_eq_nocase(name, tn_str(*f))) return true;
    return false;
}

static bool is_packed(struct tn_str name)
{
    return tn_str_eq_nocase(name, TN_STR("gzip")) || tn_str_eq_nocase(name, TN_STR("x-gzip")) ||
           tn_str_eq_nocase(name, TN_STR("deflate"));
}

/* Looks for a coding in a field Content-Encoding. False: it cannot be undone. */
static bool learn_coding(struct tn_fetch_call *call, struct tn_str value)
{
    struct tn_str name;
    while (value.n && tn_str_split(&value, ',', &name)) {
        name = tn_str_trim(name);
        if (is_foreign_coding(name) || (is_packed(name) && call->gunzip))
            return tn_fail(&call->coding, TN_E_bad_answer,
                           "the answer has the Content-Encoding \"%.*s\", but only one gzip was "
                           "asked for",
                           name.n < 40 ? (int)name.n : 40, name.p);
        if (is_packed(name)) call->gunzip = tn_gunzip_new();
    }
    return true;
}

static bool begin_body(struct tn_fetch_call *call)
{
    struct tn_str raw = tn_buf_str(&call->raw);
    struct tn_fetch_field f;
    bool ok = true;
    while (ok && next_field(&raw, &f))
        if (tn_str_eq_nocase(f.name, TN_STR("content-encoding"))) ok = learn_coding(call, f.value);
    if (call->gunzip && !call->plain) call->plain = tn_alloc(UNPACK_BYTES);
    return ok;
}

/* Unpacks bytes and hands them on. If the taker has no room, curl hands the same bytes over again
 * later: `unpacked` says how many of them are done. */
static size_t unpack(struct tn_fetch_call *call, const char *p, size_t n)
{
    for (;;) {
        if (call->plain_at < call->plain_end) {
            size_t left = call->plain_end - call->plain_at;
            size_t taken = take_body(call, call->plain + call->plain_at, left);
            if (taken != left) return taken == CURL_WRITEFUNC_PAUSE ? taken : 0;
            call->plain_at = call->plain_end;
        }
        if (call->unpacked > n) break;
        struct tn_str in = {p + call->unpacked, n - call->unpacked};
        call->plain_at = 0;
        if (!tn_gunzip_step(call->gunzip, &in, call->plain, UNPACK_BYTES, &call->plain_end,
                            &call->coding))
            return 0;
        call->unpacked = n - in.n;
        if (!call->plain_end) break;
    }
    call->unpacked -= n;
    return n;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct tn_fetch_call *call = arg;
    if (!call->body_began && !begin_body(call)) return 0;
    call->body_began = true;
    return call->gunzip ? unpack(call, p, size * n) : take_body(call, p, size * n);
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct tn_fetch_call *call = arg;
    size_t bytes = size * n;
    call->header_bytes += bytes;
    if (call->header_bytes > TN_LIMIT_REPLY_HEADERS) {
        call->header_too_large = true;
        return 0;
    }
    if (call->body_began) return bytes; /* a trailer, which is ignored */
    if (bytes > 5 && memcmp(p, "HTTP/", 5) == 0)
        tn_buf_reset(&call->raw);
    else
        tn_buf_add(&call->raw, p, bytes);
    return bytes;
}

static void note_refusal(struct tn_fetch_call *call, const struct tn_err *why)
{
    call->refused = true;
    tn_fail(&call->err, TN_E_egress, "%.*s:%u: %s", TN_FMT(call->url.host), call->url.port,
            why->text);
}

/* May the fetch connect to this resolved address? If not, curl tries the next one. */
static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct tn_fetch_call *call = arg;
    struct tn_err why;
    (void)purpose;
    if (!tn_egress_check(call->client->o.egress, call->f.policy, &a->addr, &why)) {
        note_refusal(call, &why);
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->protocol);
}

/* A connection from the pool was opened by another fetch, whose policy may have permitted more. */
static int on_connected(void *arg, char *ip, char *own_ip, int port, int own_port)
{
    struct tn_fetch_call *call = arg;
    struct tn_err why;
    (void)own_ip, (void)own_port;
    if (call->f.unix_path) return CURL_PREREQFUNC_OK;
    if (tn_egress_check_text(call->client->o.egress, call->f.policy, ip, (unsigned)port, &why)) {
        call->refused = false; /* an earlier address of the name was refused */
        return CURL_PREREQFUNC_OK;
    }
    note_refusal(call, &why);
    return CURL_PREREQFUNC_ABORT;
}

/* --- an attempt ------------------------------------------------------------------------------ */

static CURL *take_easy(struct tn_http_client *c)
{
    return c->pooled ? c->pool[--c->pooled] : curl_easy_init();
}

static void give_easy(struct tn_http_client *c, CURL *easy)
{
    if (c->pooled == POOL) {
        curl_easy_cleanup(easy);
        return;
    }
    curl_easy_reset(easy);
    c->pool[c->pooled++] = easy;
}

static void set_method(struct tn_fetch_call *call)
{
    CURL *e = call->easy;
    const char *method = call->f.method;
    bool head = strcmp(method, "HEAD") == 0;
    bool writes =
        strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0;
    if (call->f.body.p || writes) {
        curl_easy_setopt(e, CURLOPT_POST, 1L);
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->f.body.n);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, call->f.body.p ? call->f.body.p : "");
    } else if (head) {
        curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
    }
    if (!head) curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, method);
}

static void set_pem(CURL *e, CURLoption option, struct tn_str pem)
{
    struct curl_blob blob = {(void *)(uintptr_t)pem.p, pem.n, CURL_BLOB_COPY};
    if (pem.n) curl_easy_setopt(e, option, &blob);
}

static void set_trust(struct tn_fetch_call *call)
{
    CURL *e = call->easy;
    const struct tn_fetch *f = &call->f;
    curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, f->insecure ? 0L : 1L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, f->insecure ? 0L : 2L);
    set_pem(e, CURLOPT_SSLCERT_BLOB, f->tls.cert);
    set_pem(e, CURLOPT_SSLKEY_BLOB, f->tls.key);
    if (!f->tls.ca.n && !call->client->ca.n) return;
    /* In place of the system's file; the system's folder of authorities stays. */
    struct tn_buf all;
    tn_buf_init(&all, call->client->ca.n + f->tls.ca.n + 1);
    tn_buf_addstr(&all, tn_buf_str(&call->client->ca));
    if (all.n) tn_buf_addc(&all, '\n');
    tn_buf_addstr(&all, f->tls.ca);
    set_pem(e, CURLOPT_CAINFO_BLOB, tn_buf_str(&all));
    tn_buf_clear(&all);
}

static void set_limits(struct tn_fetch_call *call)
{
    CURL *e = call->easy;
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)call->f.connect_ms);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)call->f.total_ms);
    curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)(call->f.data ? STREAM_BYTES : READ_BYTES));
    if (call->f.data) { /* limits the peer's silence: while we pause the transfer, time does not
                           count */
        curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)TN_LIMIT_FETCH_MS / 1000);
    }
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    /* Without this, a cancel during a DNS look-up waits for the resolver's thread. */
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(e, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
    /* If a kept connection turns out to be closed, curl repeats the request by itself; but the peer
     * may already have carried it out. */
    if (!call->safe) curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
}

static void set_callbacks(struct tn_fetch_call *call)
{
    CURL *e = call->easy;
    curl_easy_setopt(e, CURLOPT_PRIVATE, call);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, call->detail);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, call);
    curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_connected);
    curl_easy_setopt(e, CURLOPT_PREREQDATA, call);
}

static void forget_attempt(struct tn_fetch_call *call)
{
    tn_buf_reset(&call->body);
    tn_buf_reset(&call->raw);
    tn_err_clear(&call->err);
    call->header_bytes = 0;
    call->status = 0;
    call->streamed = false;
    call->streamed_bytes = 0;
    tn_gunzip_free(call->gunzip);
    call->gunzip = NULL;
    call->plain_at = call->plain_end = call->unpacked = 0;
    tn_err_clear(&call->coding);
    call->too_large = call->header_too_large = call->refused = call->body_began = false;
    call->address[0] = call->detail[0] = '\0';
}

static void begin_attempt(struct tn_fetch_call *call)
{
    struct tn_http_client *c = call->client;
    forget_attempt(call);
    call->attempts++;
    call->attempt_us = tn_mono_us();
    call->easy = take_easy(c);
    curl_easy_setopt(call->easy, CURLOPT_URL, call->f.url);
    curl_easy_setopt(call->easy, CURLOPT_USERAGENT, c->user_agent);
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
    if (call->f.unix_path)
        curl_easy_setopt(call->easy, CURLOPT_UNIX_SOCKET_PATH, call->f.unix_path);
    set_method(call);
    set_trust(call);
    set_limits(call);
    set_callbacks(call);
    curl_multi_add_handle(c->multi, call->easy);
}

static void drop_easy(struct tn_fetch_call *call)
{
    if (!call->easy) return;
    curl_multi_remove_handle(call->client->multi, call->easy);
    give_easy(call->client, call->easy);
    call->easy = NULL;
}

/* --- pauses ---------------------------------------------------------------------------------- */

static int64_t pause_left_ms(const struct tn_fetch_call *call)
{
    if (!call->f.throttle) return 0;
    const struct pause *p = tn_map_get(&call->client->pauses, tn_str(call->f.throttle));
    int64_t left = p ? p->until_us - tn_mono_us() : 0;
    return left > 0 ? (left + 999) / 1000 : 0;
}

static void drop_old_pauses(struct tn_http_client *c)
{
    struct tn_map kept;
    struct tn_map_entry *e;
    size_t at = 0;
    int64_t now = tn_mono_us();
    tn_map_init(&kept);
    while ((e = tn_map_next(&c->pauses, &at))) {
        struct pause *p = e->value;
        if (p->until_us > now)
            tn_map_put(&kept, (struct tn_str){e->key, e->n}, p);
        else
            tn_free(p);
    }
    tn_map_clear(&c->pauses, NULL);
    c->pauses = kept;
}

void tn_http_client_pause(struct tn_http_client *c, const char *throttle, int64_t ms)
{
    struct pause *p = tn_map_get(&c->pauses, tn_str(throttle));
    if (ms > (int64_t)TN_LIMIT_RETRY_AFTER_S * 1000) ms = (int64_t)TN_LIMIT_RETRY_AFTER_S * 1000;
    int64_t until = tn_mono_us() + ms * 1000;
    if (!p) {
        if (c->pauses.count >= PAUSES) drop_old_pauses(c);
        p = TN_NEW(struct pause);
        tn_map_put(&c->pauses, tn_str(throttle), p);
    }
    if (until > p->until_us) p->until_us = until;
}

/* --- the end of an attempt ------------------------------------------------------------------- */

static void finish(struct tn_fetch_call *call)
{
    struct tn_http_client *c = call->client;
    call->finished = true;
    call->finished_next = NULL;
    *c->finished_end = call;
    c->finished_end = &call->finished_next;
}

static void end_attempt(struct tn_fetch_call *call, CURLcode code);

/* While paused, curl keeps bytes, and hands them over during this call. Only its result tells
 * whether the hand-over went well. */
static void go_on(struct tn_fetch_call *call)
{
    struct tn_http_client *c = call->client;
    CURLcode code = curl_easy_pause(call->easy, CURLPAUSE_CONT);
    if (code == CURLE_OK) return;
    end_attempt(call, code);
    dispatch(c);
}

/* Runs when a pause is over: tries again, or waits longer if the peer meanwhile told another fetch
 * of the same throttle name to wait. */
static void wake(void *arg)
{
    struct tn_fetch_call *call = arg;
    if (call->easy) {
        go_on(call);
        return;
    }
    int64_t left = pause_left_ms(call);
    if (left <= 0) {
        begin_attempt(call);
    } else if (left > (int64_t)call->f.max_wait_ms) {
        if (!call->attempts || call->err.kind || !call->status)
            tn_fail(&call->err, TN_E_rate_limited, "%.*s:%u asks clients to wait another %lld s",
                    TN_FMT(call->url.host), call->url.port, (long long)(left + 999) / 1000);
        finish(call);
        dispatch(call->client);
    } else {
        tn_timer_set(call->timer, left);
    }
}

static void wait_and_wake(struct tn_fetch_call *call, int64_t ms)
{
    if (!call->timer) call->timer = tn_timer_new(call->client->loop, wake, call);
    tn_timer_set(call->timer, ms);
}

/* A random pause between 0 and a bound that doubles, so that many clients do not retry together. */
static int64_t jitter_ms(const struct tn_fetch_call *call)
{
    uint64_t bound = call->f.retry.delay_ms, random;
    for (unsigned i = 1; i < call->attempts && bound < call->f.retry.max_delay_ms; i++) bound *= 2;
    if (bound > call->f.retry.max_delay_ms) bound = call->f.retry.max_delay_ms;
    tn_random(&random, sizeof random);
    return (int64_t)(random % (bound + 1));
}

static bool status_retries(const struct tn_fetch_call *call)
{
    switch (call->status) {
    case 408:
    case 425:
    case 429: return true;
    case 500: return call->safe && call->f.retry.on_500;
    case 502:
    case 503:
    case 504: return call->safe;
    default: return false;
    }
}

/* sent: bytes of the request may have reached the peer. */
static bool failure_retries(const struct tn_fetch_call *call, bool sent)
{
    if (call->streamed) return false;
    switch (call->err.kind) {
    case TN_E_network:
    case TN_E_timeout: return call->safe || !sent;
    case TN_E_bad_answer: return call->safe && !call->too_large && !call->header_too_large;
    default: return false;
    }
}

static void after_attempt(struct tn_fetch_call *call, bool sent)
{
    int64_t wait = call->err.kind ? -1 : retry_after_of(call);
    bool retry = call->err.kind ? failure_retries(call, sent) : status_retries(call);
    if (!call->err.kind && call->f.throttle && wait > 0 &&
        (call->status == 429 || call->status == 503))
        tn_http_client_pause(call->client, call->f.throttle, wait);
    if (wait < 0) wait = jitter_ms(call);
    if (!retry || call->attempts >= call->f.retry.attempts || wait > (int64_t)call->f.max_wait_ms)
        finish(call);
    else
        wait_and_wake(call, wait);
}

static void fail_timeout(struct tn_fetch_call *call, bool connected)
{
    int64_t took = (tn_mono_us() - call->attempt_us) / 1000;
    if (connected && call->f.data && took < call->f.total_ms)
        tn_fail(&call->err, TN_E_timeout, "%.*s:%u sent nothing for %u s (%zu bytes came before)",
                TN_FMT(call->url.host), call->url.port, TN_LIMIT_FETCH_MS / 1000,
                call->streamed_bytes);
    else if (connected)
        tn_fail(&call->err, TN_E_timeout,
                "%.*s:%u did not finish its answer within %u ms (%zu bytes of it came)",
                TN_FMT(call->url.host), call->url.port, call->f.total_ms,
                call->streamed ? call->streamed_bytes : call->body.n);
    else
        tn_fail(&call->err, TN_E_timeout, "%.*s:%u did not take a connection within %u ms",
                TN_FMT(call->url.host), call->url.port,
                call->f.connect_ms < call->f.total_ms ? call->f.connect_ms : call->f.total_ms);
}

static void fail_size(struct tn_fetch_call *call)
{
    if (call->header_too_large)
        tn_fail(&call->err, TN_E_too_large, "%.*s:%u sent a header of more than %u bytes",
                TN_FMT(call->url.host), call->url.port, TN_LIMIT_REPLY_HEADERS);
    else
        tn_fail(&call->err, TN_E_too_large, "%.*s:%u sent an answer of more than %zu bytes",
                TN_FMT(call->url.host), call->url.port, call->f.max_reply);
}

static enum tn_kind kind_of(CURLcode code)
{
    switch (code) {
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS: return TN_E_tls;
    case CURLE_PARTIAL_FILE:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_HTTP2:
    case CURLE_WRITE_ERROR: return TN_E_bad_answer;
    case CURLE_OUT_OF_MEMORY: return TN_E_no_memory;
    default: return TN_E_network;
    }
}

/* Describes the failure in words; the caller adds curl's own sentence when it says more. */
static const char *words_for(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST: return "the name cannot be resolved";
    case CURLE_COULDNT_CONNECT: return "no connection";
    case CURLE_GOT_NOTHING: return "the peer closed the connection without an answer";
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR: return "the connection broke";
    case CURLE_PARTIAL_FILE: return "the answer was cut off";
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY: return "the peer sent something that is not an HTTP answer";
    case CURLE_PEER_FAILED_VERIFICATION: return "its certificate is not trusted";
    case CURLE_SSL_CERTPROBLEM: return "the client certificate or its key cannot be used";
    case CURLE_SSL_CACERT_BADFILE: return "the authorities of the integration are no certificates";
    default: return NULL;
    }
}

static const char own_authority[] =
    "; an authority of your own is named with tenon serve --ca-file, or by the adapter's 'tls'";

static void note_failure(struct tn_fetch_call *call, CURLcode code, bool connected)
{
    const char *words = words_for(code);
    const char *detail = call->detail[0] ? call->detail : curl_easy_strerror(code);
    if (call->refused) return;
    if (call->too_large || call->header_too_large)
        fail_size(call);
    else if (call->coding.kind)
        tn_fail(&call->err, TN_E_bad_answer, "%.*s:%u: the answer cannot be unpacked: %s",
                TN_FMT(call->url.host), call->url.port, call->coding.text);
    else if (code == CURLE_OPERATION_TIMEDOUT)
        fail_timeout(call, connected);
    else
        tn_fail(&call->err, kind_of(code), "%.*s:%u: %s%s%s%s%s", TN_FMT(call->url.host),
                call->url.port, words ? words : detail, words ? " (" : "", words ? detail : "",
                words ? ")" : "", code == CURLE_PEER_FAILED_VERIFICATION ? own_authority : "");
}

static void end_attempt(struct tn_fetch_call *call, CURLcode code)
{
    long status = 0, request_bytes = 0;
    curl_off_t first = 0, ready = 0;
    char *ip = NULL;
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
    curl_easy_getinfo(call->easy, CURLINFO_STARTTRANSFER_TIME_T, &first);
    curl_easy_getinfo(call->easy, CURLINFO_PRETRANSFER_TIME_T, &ready);
    if (curl_easy_getinfo(call->easy, CURLINFO_PRIMARY_IP, &ip) == CURLE_OK && ip)
        snprintf(call->address, sizeof call->address, "%s", ip);
    call->status = (int)status;
    call->first_byte_ms = first / 1000;
    if (code == CURLE_OK && call->gunzip && !tn_gunzip_end(call->gunzip, &call->coding))
        code = CURLE_WRITE_ERROR;
    if (code != CURLE_OK)
        note_failure(call, code, ready > 0);
    else
        call->refused = false, tn_err_clear(&call->err);
    drop_easy(call);
    after_attempt(call, request_bytes > 0);
}

static void collect(struct tn_http_client *c)
{
    CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(c->multi, &left))) {
        char *call = NULL;
        if (m->msg != CURLMSG_DONE) continue;
        CURLcode code = m->data.result; /* removing the handle frees m */
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &call);
        end_attempt((struct tn_fetch_call *)(void *)call, code);
    }
}

/* --- handing over the result ----------------------------------------------------------------- */

static void unlink_call(struct tn_fetch_call *call)
{
    struct tn_http_client *c = call->client;
    *call->link = call->next;
    if (call->next) call->next->link = call->link;
    if (!call->finished) return;
    struct tn_fetch_call **at = &c->finished;
    while (*at && *at != call) at = &(*at)->finished_next;
    if (!*at) return;
    *at = call->finished_next;
    if (c->finished_end == &call->finished_next) c->finished_end = at;
}

static void free_call(struct tn_fetch_call *call)
{
    drop_easy(call);
    tn_timer_free(call->timer);
    curl_slist_free_all(call->headers);
    tn_buf_clear(&call->body);
    tn_buf_clear(&call->raw);
    tn_gunzip_free(call->gunzip);
    tn_free(call->plain);
    tn_arena_clear(&call->arena);
    call->client->active--;
    tn_free(call);
}

static void fill_fields(struct tn_fetch_call *call, struct tn_reply *r)
{
    struct tn_str raw = tn_buf_str(&call->raw);
    struct tn_fetch_field f, *fields;
    size_t n = 0;
    while (next_field(&raw, &f)) n++;
    fields = tn_arena_alloc(&call->arena, n * sizeof *fields);
    raw = tn_buf_str(&call->raw);
    for (size_t i = 0; i < n; i++) next_field(&raw, &fields[i]);
    r->fields = fields;
    r->nfields = n;
}

static void deliver(struct tn_fetch_call *call)
{
    struct tn_reply r = {.status = call->status, .attempts = call->attempts, .url = call->f.url};
    fill_fields(call, &r);
    r.body = call->body;
    tn_buf_init(&call->body, 0);
    r.address = call->address;
    r.took_ms = (tn_mono_us() - call->began_us) / 1000;
    r.first_byte_ms = call->first_byte_ms;
    call->done(call->arg, call->err.kind ? &call->err : NULL, &r);
    tn_buf_clear(&r.body);
}

static void destroy(struct tn_http_client *c)
{
    for (unsigned i = 0; i < c->pooled; i++) curl_easy_cleanup(c->pool[i]);
    c->pooled = 0;
    curl_multi_cleanup(c->multi);
    tn_timer_free(c->timer);
    tn_map_clear(&c->pauses, tn_free);
    tn_free(c->user_agent);
    tn_buf_clear(&c->ca);
    tn_free(c);
    curl_global_cleanup();
}

static void dispatch(struct tn_http_client *c)
{
    struct tn_fetch_call *call;
    if (c->dispatching) return;
    c->dispatching = true;
    while ((call = c->finished)) {
        unlink_call(call); /* done may do anything except cancel this call */
        deliver(call);
        free_call(call);
    }
    c->dispatching = false;
    if (c->dying) destroy(c);
}

/* --- curl's sockets and timers in the loop --------------------------------------------------- */

static void act(struct tn_http_client *c, curl_socket_t fd, int what)
{
    int running;
    curl_multi_socket_action(c->multi, fd, what, &running);
    collect(c);
    dispatch(c);
}

struct socket {
    struct tn_http_client *client;
    struct tn_watch *watch;
    curl_socket_t fd;
};

static void on_ready(void *arg, int ready)
{
    struct socket *s = arg;
    act(s->client, s->fd,
        (ready & TN_READ ? CURL_CSELECT_IN : 0) | (ready & TN_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_timer(void *arg)
{
    act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *of_socket)
{
    struct tn_http_client *c = arg;
    struct socket *s = of_socket;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (s) tn_watch_free(s->watch);
        tn_free(s);
        curl_multi_assign(c->multi, fd, NULL);
        return 0;
    }
    if (!s) {
        s = TN_NEW(struct socket);
        *s = (struct socket){.client = c, .fd = fd};
        s->watch = tn_watch_new(c->loop, fd, on_ready, s);
        curl_multi_assign(c->multi, fd, s);
    }
    tn_watch_for(s->watch,
                 (what & CURL_POLL_IN ? TN_READ : 0) | (what & CURL_POLL_OUT ? TN_WRITE : 0));
    return 0;
}

static int set_timer(CURLM *multi, long ms, void *arg)
{
    struct tn_http_client *c = arg;
    (void)multi;
    if (ms < 0)
        tn_timer_cancel(c->timer);
    else
        tn_timer_set(c->timer, ms);
    return 0;
}

/* --- the client ------------------------------------------------------------------------------ */

/* path NULL: leaves out empty. */
static bool read_ca(const char *path, struct tn_buf *out, struct tn_err *err)
{
    char part[4096];
    size_t n;
    tn_buf_init(out, TN_MIB);
    if (!path) return true;
    FILE *file = fopen(path, "re");
    if (!file)
        return tn_fail(err, TN_E_invalid, "--ca-file %s cannot be read: %s", path, strerror(errno));
    while ((n = fread(part, 1, sizeof part, file)) > 0) tn_buf_add(out, part, n);
    fclose(file);
    BIO *bio = out->failed ? NULL : BIO_new_mem_buf(out->p ? out->p : "", (int)out->n);
    X509 *first = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    bool good = first != NULL;
    X509_free(first);
    BIO_free(bio);
    ERR_clear_error();
    if (good) return true;
    tn_buf_clear(out);
    return tn_fail(err, TN_E_invalid,
                   "--ca-file %s has no certificate in PEM (-----BEGIN CERTIFICATE-----), or more "
                   "than 1 MiB",
                   path);
}

bool tn_ca_file_check(const char *path, struct tn_err *err)
{
    struct tn_buf text;
    bool good = read_ca(path, &text, err);
    tn_buf_clear(&text);
    return good;
}

struct tn_http_client *tn_http_client_new(struct tn_loop *loop,
                                          const struct tn_http_client_options *o,
                                          struct tn_err *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        tn_fail(err, TN_E_internal, "libcurl cannot be started");
        return NULL;
    }
    struct tn_buf ca;
    if (!read_ca(o->ca_file, &ca, err)) {
        curl_global_cleanup();
        return NULL;
    }
    struct tn_http_client *c = TN_NEW(struct tn_http_client);
    c->loop = loop;
    c->o = *o;
    c->ca = ca;
    c->user_agent = tn_strdup(o->user_agent ? o->user_agent : "tenon");
    c->finished_end = &c->finished;
    tn_map_init(&c->pauses);
    c->timer = tn_timer_new(loop, on_timer, c);
    c->multi = curl_multi_init();
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
                      (long)(o->max_connections ? o->max_connections : 256));
    curl_multi_setopt(c->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                      (long)(o->per_host ? o->per_host : 32));
    return c;
}

void tn_http_client_free(struct tn_http_client *c)
{
    if (!c || c->dying) return;
    while (c->calls) tn_fetch_cancel(c->calls);
    if (c->dispatching)
        c->dying = true; /* dispatch destroys it when it ends */
    else
        destroy(c);
}

unsigned tn_http_client_active(const struct tn_http_client *c)
{
    return c->active;
}

/* Is this a header that only the transport may set? */
static bool is_ours(struct tn_str name)
{
    static const char *const ours[] = {
        "host", "content-length", "transfer-encoding", "connection", "expect", "upgrade",
        "te",   "trailer",        "accept-encoding",   NULL};
    for (const char *const *n = ours; *n; n++)
        if (tn_str_eq_nocase(name, tn_str(*n))) return true;
    return false;
}

static bool add_header(struct tn_fetch_call *call, const struct tn_fetch_header *h,
                       struct tn_err *err)
{
    struct tn_buf line;
    struct tn_str value = tn_str_trim(h->value);
    if (!tn_http_name_ok(tn_str(h->name)) || !tn_http_value_ok(value))
        return tn_fail(err, TN_E_invalid, "a header has a malformed name or value");
    if (is_ours(tn_str(h->name)))
        return tn_fail(err, TN_E_invalid, "the header %s cannot be set", h->name);
    tn_buf_init(&line, TN_LIMIT_REPLY_HEADERS);
    tn_buf_adds(&line, h->name);
    tn_buf_adds(&line, value.n ? ": " : ";"); /* curl sends "name;" as an empty header */
    tn_buf_addstr(&line, value);
    bool ok = tn_buf_ok(&line, "a header", err);
    if (ok) call->headers = curl_slist_append(call->headers, line.p);
    tn_buf_clear(&line);
    return ok;
}

static bool add_headers(struct tn_fetch_call *call, const struct tn_fetch *f, struct tn_err *err)
{
    size_t bytes = 0;
    bool typed = false;
    for (size_t i = 0; i < f->nheaders; i++) {
        bytes += strlen(f->headers[i].name) + f->headers[i].value.n;
        if (bytes > TN_LIMIT_REPLY_HEADERS || i >= TN_LIMIT_HEADER_FIELDS)
            return tn_fail(err, TN_E_invalid, "the headers are too large");
        if (!add_header(call, &f->headers[i], err)) return false;
        typed |= tn_str_eq_nocase(tn_str(f->headers[i].name), TN_STR("content-type"));
    }
    if (!typed) call->headers = curl_slist_append(call->headers, "Content-Type:");
    call->headers = curl_slist_append(call->headers, "Expect:");
    call->headers = curl_slist_append(call->headers, "Accept-Encoding: gzip");
    return true;
}

static bool is_read(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 ||
           strcmp(method, "OPTIONS") == 0;
}

static void fill_defaults(struct tn_fetch *f)
{
    if (!f->connect_ms) f->connect_ms = TN_LIMIT_CONNECT_MS;
    if (!f->total_ms) f->total_ms = f->data ? TN_LIMIT_STREAM_MS : TN_LIMIT_FETCH_MS;
    if (!f->max_wait_ms) f->max_wait_ms = TN_LIMIT_RETRY_AFTER_S * 1000u;
    if (!f->max_reply) f->max_reply = f->data ? TN_LIMIT_STREAM : TN_LIMIT_REPLY;
    if (!f->retry.delay_ms) f->retry.delay_ms = DELAY_MS;
    if (!f->retry.max_delay_ms) f->retry.max_delay_ms = MAX_DELAY_MS;
}

static char *keep(struct tn_fetch_call *call, const char *text)
{
    return text ? tn_arena_strdup(&call->arena, text) : NULL;
}

static struct tn_str keep_text(struct tn_fetch_call *call, struct tn_str text)
{
    if (text.p) text.p = tn_arena_strndup(&call->arena, text.p, text.n);
    return text;
}

static void copy_request(struct tn_fetch_call *call, const struct tn_fetch *f)
{
    call->f = *f;
    call->f.headers = NULL;
    call->f.nheaders = 0;
    call->f.method = keep(call, f->method ? f->method : "GET");
    call->f.url = keep(call, f->url);
    call->f.tls.ca = keep_text(call, f->tls.ca);
    call->f.tls.cert = keep_text(call, f->tls.cert);
    call->f.tls.key = keep_text(call, f->tls.key);
    call->f.unix_path = keep(call, f->unix_path);
    call->f.throttle = keep(call, f->throttle);
    call->f.body = keep_text(call, f->body);
    call->safe = f->retry.safe || is_read(call->f.method);
    fill_defaults(&call->f);
    tn_buf_init(&call->body,
                call->f.max_reply < TN_LIMIT_REPLY ? call->f.max_reply : TN_LIMIT_REPLY);
    tn_buf_init(&call->raw, TN_LIMIT_REPLY_HEADERS);
}

static bool check_request(struct tn_fetch_call *call, struct tn_err *err)
{
    const struct tn_fetch *f = &call->f;
    if (!tn_http_name_ok(tn_str(f->method)) || strcmp(f->method, "CONNECT") == 0)
        return tn_fail(err, TN_E_invalid, "'%.20s' is not a method", f->method);
    if (f->insecure && !call->client->o.allow_insecure)
        return tn_fail(err, TN_E_invalid, "certificate checks cannot be switched off here");
    if (f->unix_path && f->policy != TN_EGRESS_local)
        return tn_fail(err, TN_E_egress, "a Unix socket may not be called here");
    return tn_url_parse(tn_str(f->url), &call->url, err);
}

static bool may_start(const struct tn_http_client *c, struct tn_err *err)
{
    return !c->dying || tn_fail(err, TN_E_cancelled, "the client is being closed");
}

struct tn_fetch_call *tn_fetch_start(struct tn_http_client *c, const struct tn_fetch *f,
                                     tn_fetch_done done, void *arg, struct tn_err *err)
{
    struct tn_fetch_call *call = TN_NEW(struct tn_fetch_call);
    call->client = c;
    call->done = done;
    call->arg = arg;
    call->began_us = tn_mono_us();
    copy_request(call, f);
    c->active++;
    if (!may_start(c, err) || !check_request(call, err) || !add_headers(call, f, err)) {
        free_call(call);
        return NULL;
    }
    call->next = c->calls;
    call->link = &c->calls;
    if (call->next) call->next->link = &call->next;
    c->calls = call;
    int64_t left = pause_left_ms(call);
    if (!left)
        begin_attempt(call);
    else
        wait_and_wake(call, left > (int64_t)call->f.max_wait_ms ? 0 : left);
    return call;
}

void tn_fetch_resume(struct tn_fetch_call *call)
{
    if (call && call->easy) wait_and_wake(call, 0);
}

void tn_fetch_cancel(struct tn_fetch_call *call)
{
    if (!call) return;
    unlink_call(call);
    free_call(call);
}
