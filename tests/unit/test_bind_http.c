/* SPDX-License-Identifier: MIT */
/* tenon.http against a server in the same loop: bodies, limits, streams. */
#include "scripts_rig.h"

#include "base/limits.h"
#include "bind/bind_stream.h"
#include "script/task.h"

enum { HELD_MAX = 64, TASKS = 60 };

struct stage {
    struct rig rig;
    struct bind_context context;
    struct tn_isolate *iso;
    /* the peer */
    struct tn_http_exchange *held[HELD_MAX]; /* of /hold, not answered yet */
    int held_count, most_held, requests;
    char type[200], body[4096];
    const char *tell; /* of /tell */
    size_t streamed;  /* bytes of /endless that were given to the connection */
    bool gone;
    /* tasks */
    int started, ended, failed;
    char said[4096];
};

static const char part[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void flood(void *arg, struct tn_http_exchange *x)
{
    struct stage *s = arg;
    while (tn_http_pending(x) < TN_HTTP_STREAM_HIGH) {
        if (!tn_http_chunk(x, (struct tn_str){part, 64})) return;
        s->streamed += 64;
    }
}

static void left(void *arg, struct tn_http_exchange *x)
{
    ((struct stage *)arg)->gone = true;
    tn_http_abort(x);
}

static void rows(struct tn_http_exchange *x, int count, bool cut)
{
    tn_http_begin(x, 200, "text/csv");
    tn_http_chunk(x, TN_STR("id;name\n"));
    for (int i = 0; i < count; i++) {
        char line[64];
        int n = snprintf(line, sizeof line, i == 3 ? "%d;a;b\n" : "%d;name %d\n", i, i);
        tn_http_chunk(x, (struct tn_str){line, (size_t)n});
    }
    if (cut)
        tn_http_abort(x);
    else
        tn_http_end(x);
}

static void handle(void *arg, struct tn_http_exchange *x)
{
    struct stage *s = arg;
    struct tn_str path = tn_http_path(x)->text;
    s->requests++;
    snprintf(s->type, sizeof s->type, "%.*s", TN_FMT(tn_http_get(x, "Content-Type")));
    snprintf(s->body, sizeof s->body, "%.*s", TN_FMT(tn_http_body(x)));
    if (tn_str_is(path, "/hold")) {
        assert_true(s->held_count < HELD_MAX);
        s->held[s->held_count++] = x;
        if (s->held_count > s->most_held) s->most_held = s->held_count;
    } else if (tn_str_is(path, "/endless")) {
        tn_http_begin(x, 200, "text/plain");
        tn_http_on_gone(x, left, s);
        tn_http_on_drain(x, flood, s);
        flood(s, x);
    } else if (tn_str_is(path, "/rows")) {
        rows(x, 5, false);
    } else if (tn_str_is(path, "/cut")) {
        rows(x, 5, true);
    } else if (tn_str_is(path, "/echo")) {
        struct tn_str cookie = tn_http_get(x, "Cookie"), own = tn_http_get(x, "X-Session");
        char text[512];
        int n = snprintf(text, sizeof text, "%.*s|%.*s|%.*s|%.*s", TN_FMT(cookie), TN_FMT(own),
                         TN_FMT(tn_http_get(x, "X-Auth")), TN_FMT(tn_http_get(x, "X-Plain")));
        tn_http_reply(x, 400, "text/plain", (struct tn_str){text, (size_t)n});
    } else if (tn_str_is(path, "/tell")) {
        tn_http_reply(x, 400, "text/plain", tn_str(s->tell));
    } else if (tn_str_is(path, "/empty")) {
        tn_http_reply(x, 200, NULL, TN_STR(""));
    } else {
        tn_http_reply(x, tn_str_is(path, "/no") ? 404 : 200, "text/plain", TN_STR("text"));
    }
}

static int open_stage(void **state)
{
    struct stage *s = TN_NEW(struct stage);
    struct tn_err err;
    rig_open(&s->rig, handle, s);
    s->context = (struct bind_context){
        .loop = s->rig.loop, .area = "test", .http = s->rig.http, .integration = "plant_7"};
    struct tn_isolate_options o = {.name = "test",
                                   .modules = bind_modules,
                                   .context = &s->context,
                                   .call_ms = 1000,
                                   .load_ms = 1000};
    s->iso = tn_isolate_new(s->rig.host, &o, &err);
    assert_non_null(s->iso);
    *state = s;
    return 0;
}

static int close_stage(void **state)
{
    struct stage *s = *state;
    tn_isolate_unref(s->iso);
    tn_host_free(s->rig.host); /* and all that runs in it */
    s->rig.host = NULL;
    for (int i = 0; i < s->held_count; i++) tn_http_abort(s->held[i]);
    rig_close(&s->rig);
    tn_free(s);
    return 0;
}

/* ---- tasks ---- */

static void take(lua_State *L, int n, void *arg)
{
    struct stage *s = arg;
    size_t at = strlen(s->said);
    for (int i = 1; i <= n; i++, lua_pop(L, 1))
        at +=
            (size_t)snprintf(s->said + at, sizeof s->said - at, "%s ", luaL_tolstring(L, i, NULL));
}

static void done(void *arg, const struct tn_err *err)
{
    struct stage *s = arg;
    size_t at = strlen(s->said);
    s->ended++;
    if (!err || err->kind == TN_E_cancelled) return;
    s->failed++;
    snprintf(s->said + at, sizeof s->said - at, "%s: %s ", tn_kind_name(err->kind), err->text);
}

/* Starts a task with the text as body of a function; url stands for the peer. */
static struct tn_task *start(struct stage *s, const char *text)
{
    static const struct tn_task_call call = {.take = take, .done = done};
    struct tn_err err;
    char *chunk = NULL;
    int ref;
    assert_true(asprintf(&chunk,
                         "local http, url = require 'tenon.http', 'http://%s'\n"
                         "return function() %s\nend",
                         s->rig.address, text) > 0);
    if (!tn_isolate_load_text(s->iso, "scripts/test.lua", tn_str(chunk), &ref, &err))
        fail_msg("%s", err.text);
    struct tn_task *task = tn_task_start(s->iso, ref, &call, s, &err);
    if (!task) fail_msg("%s", err.text);
    free(chunk);
    s->started++;
    return task;
}

#define UNTIL(s, condition)                                                                        \
    for (int64_t end_ = tn_mono_us() + RIG_PATIENCE_US; !(condition);) {                           \
        if (tn_mono_us() > end_) fail_msg("waited too long for %s: %s", #condition, (s)->said);    \
        tn_loop_turn((s)->rig.loop, true);                                                         \
    }

static const char *run(struct stage *s, const char *text)
{
    s->said[0] = '\0';
    start(s, text);
    UNTIL(s, s->ended == s->started);
    return s->said;
}

static void turns(struct stage *s, int n)
{
    for (int i = 0; i < n; i++) tn_loop_turn(s->rig.loop, false), usleep(200);
}

static void answer_all(struct stage *s)
{
    int n = s->held_count;
    s->held_count = 0;
    for (int i = 0; i < n; i++) tn_http_reply(s->held[i], 200, "text/plain", TN_STR("ok"));
}

/* ---- bodies ---- */

static void forms_and_parts_are_bodies(void **state)
{
    struct stage *s = *state;
    run(s, "http.request { url = url, method = 'POST', form = { b = 'x y&=\\u{e4}', a = { 1, true "
           "} } }");
    assert_string_equal(s->type, "application/x-www-form-urlencoded");
    assert_string_equal(s->body, "a=1&a=true&b=x%20y%26%3D%C3%A4");
    run(s, "http.request { url = url .. '/?z=1', query = { y = 2, x = {} }, method = 'POST', form "
           "= {} }");
    assert_string_equal(s->body, "");
    run(s, "http.request { url = url, method = 'POST', multipart = { { name = 'a\"\\r\\nb', "
           "content = 5 },\n"
           "{ name = 'f', filename = '\"x\".csv', type = 'text/csv', content = '1\\r\\n--\\0' },\n"
           "{ name = 'g', filename = 'g', content = '' } } }");
    const char *boundary = strstr(s->type, "multipart/form-data; boundary=");
    assert_non_null(boundary);
    boundary += 30;
    assert_int_equal(strlen(boundary), 32);
    char want[1024];
    snprintf(want, sizeof want,
             "--%s\r\nContent-Disposition: form-data; name=\"a%%22%%0D%%0Ab\"\r\n\r\n5\r\n"
             "--%s\r\nContent-Disposition: form-data; name=\"f\"; filename=\"%%22x%%22.csv\"\r\n"
             "Content-Type: text/csv\r\n\r\n1\r\n--",
             boundary, boundary);
    assert_int_equal(strncmp(s->body, want, strlen(want)), 0);
    assert_string_equal(s->said, "");
}

static void wrong_bodies_raise(void **state)
{
    static const char *const bad[] = {
        "http.request { url = url, body = 'x', form = {} }",
        "http.request { url = url, multipart = {} }",
        "http.request { url = url, multipart = { 'x' } }",
        "http.request { url = url, multipart = { { content = 'x' } } }",
        "http.request { url = url, multipart = { { name = 'x', content = {} } } }",
        "http.request { url = url, multipart = { { name = 'x', content = 'x', type = 'a\\r\\nb' } "
        "} }",
        "http.request { url = url, multipart = { { name = 'x', content = 'x', file = 'y' } } }",
        "http.request { url = url, multipart = { { name = 'x', content = 'x' } },\n"
        "headers = { ['content-type'] = 'multipart/form-data' } }",
        "http.request { url = url, form = { a = print } }",
        "http.request { url = url, form = 'a=b' }",
        "http.request { url = url, per_host = 0 }",
        "http.request { url = url, per_host = 21 }",
        "http.stream { url = url, per_host = 2 }",
        "http.stream { url = url, max_reply = -1 }",
        "http.stream 'x'",
        "http.stream {}",
    };
    struct stage *s = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (!strstr(run(s, bad[i]), "script: ")) fail_msg("%s: %s", bad[i], s->said);
    assert_int_equal(s->requests, 0);
}

static void zero_bytes_are_refused(void **state)
{
    static const char *const bad[] = {
        "http.request { url = url .. '/a\\0.example.com/' }",
        "http.stream { url = url .. '\\0' }",
        "http.request { url = url .. '\\0', query = { a = 1 } }",
        "http.request { url = url, method = 'GET\\0X' }",
        "http.request { url = url, throttle = 'a\\0b' }",
    };
    struct stage *s = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (!strstr(run(s, bad[i]), "has a zero byte")) fail_msg("%s: %s", bad[i], s->said);
    assert_int_equal(s->requests, 0);
}

/* What is read from such a table, the collector may take away while it is in use. */
static void tables_that_run_code_are_refused(void **state)
{
    static const char *const bad[] = {
        "http.request(sly { url = url, method = 'PO' .. 'ST', body = ('b'):rep(5000) })",
        "http.stream(sly { url = url })",
        "http.request { url = url, query = sly { a = 1 } }",
        "http.request { url = url, query = { a = sly { 1 } } }",
        "http.request { url = url, headers = sly { a = 'x' } }",
        "http.request { url = url, form = sly { a = 1 } }",
        "http.request { url = url, multipart = sly { { name = 'a', content = 'x' } } }",
        "http.request { url = url, multipart = { sly { name = 'a', content = 'x' } } }",
        "http.request { url = url, query = setmetatable({ a = { 1 } }, { __mode = 'v' }) }",
    };
    struct stage *s = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[1024];
        snprintf(text, sizeof text,
                 "local function sly(t) return setmetatable({}, { __index = function(_, key) local "
                 "junk = {} for i = 1, 3000 do junk[i] = ('q'):rep(50) .. i end local v = t[key] "
                 "return type(v) == 'string' and v .. #junk or v end, __len = function() return #t "
                 "end, __pairs = function() return pairs(t) end }) end %s",
                 bad[i]);
        if (!strstr(run(s, text), "has to be a plain table")) fail_msg("%s: %s", bad[i], s->said);
    }
    assert_int_equal(s->requests, 0);
    run(s, "local json = require 'tenon.json' http.request { url = url, method = 'POST', form = { "
           "a = json.array { 1, 2 }, b = json.decode '[3]' } }");
    assert_string_equal(s->body, "a=1&a=2&b=3");
}

/* ---- secrets ---- */

static void credentials_that_come_back_are_masked(void **state)
{
    static const char send[] =
        "local r = http.request { url = url .. '/echo', credentials = { 'x-session', 'X-Auth' },\n"
        "headers = { Cookie = 'SID=cookie-value; q=\"quoted-value\"', ['X-Session'] = "
        "'session-value',\n['X-Auth'] = 'Bearer bearer-value', ['X-Plain'] = 'plain-value' } }\n"
        "return r:text()";
    struct stage *s = *state;
    struct tn_err err;
    struct tn_log_options quiet = {.quiet = true};
    s->context.log = tn_log_open(&quiet, &err);
    assert_string_equal(run(s, send), "**********************************|*************|"
                                      "*******************|plain-value ");
    s->tell = "cookie-value, quoted-value, session-value, bearer-value, plain-value";
    assert_string_equal(run(s, "return http.request { url = url .. '/tell' }:text()"),
                        "************, ************, *************, ************, plain-value ");
    tn_log_close(s->context.log);
    s->context.log = NULL;
    assert_non_null(strstr(run(s, "http.request { url = url, credentials = 'X' }"), "script: "));
    assert_non_null(strstr(run(s, "http.request { url = url, headers = { X = 'x' },\n"
                                  "credentials = { {} } }"),
                           "list of names"));
}

/* ---- limits ---- */

static const char hold[] = "assert(http.request { url = url .. '/hold' }) return 'x'";

static void eight_to_a_host_and_the_rest_in_turn(void **state)
{
    struct stage *s = *state;
    for (int i = 0; i < TASKS; i++) start(s, hold);
    UNTIL(s, s->held_count == TN_LIMIT_HOST_REQUESTS);
    turns(s, 20);
    assert_int_equal(s->held_count, TN_LIMIT_HOST_REQUESTS);
    while (s->ended < TASKS) {
        answer_all(s);
        turns(s, 1);
    }
    assert_int_equal(s->failed, 0);
    assert_int_equal(s->requests, TASKS);
    assert_int_equal(s->most_held, TN_LIMIT_HOST_REQUESTS);
}

static void twenty_of_an_isolate_and_an_option_for_a_host(void **state)
{
    struct stage *s = *state;
    const char *one = "http.request { url = url .. '/hold', per_host = 1 }";
    const char *many = "http.request { url = url .. '/hold', per_host = 20 }";
    start(s, one);
    start(s, one);
    UNTIL(s, s->held_count == 1);
    turns(s, 20);
    assert_int_equal(s->held_count, 1);
    for (int i = 0; i < 30; i++) start(s, many); /* not behind the one that waits */
    UNTIL(s, s->held_count == TN_LIMIT_ISOLATE_REQUESTS);
    turns(s, 20);
    assert_int_equal(s->held_count, TN_LIMIT_ISOLATE_REQUESTS);
    while (s->ended < 32) {
        answer_all(s);
        turns(s, 1);
    }
    assert_int_equal(s->failed, 0);
}

static void who_is_cancelled_makes_room(void **state)
{
    struct stage *s = *state;
    struct tn_task *tasks[20];
    for (int i = 0; i < 20; i++) tasks[i] = start(s, hold);
    UNTIL(s, s->held_count == TN_LIMIT_HOST_REQUESTS);
    tn_task_cancel(tasks[10]); /* waits */
    for (int i = 0; i < TN_LIMIT_HOST_REQUESTS; i++) tn_task_cancel(tasks[i]);
    UNTIL(s, s->held_count == 2 * TN_LIMIT_HOST_REQUESTS);
    while (s->ended < 20) {
        answer_all(s);
        turns(s, 1);
    }
    assert_int_equal(s->requests, 19);
    assert_int_equal(s->failed, 0);
}

static void an_isolate_can_go_while_requests_wait(void **state)
{
    struct stage *s = *state;
    for (int i = 0; i < 30; i++) start(s, hold);
    UNTIL(s, s->held_count == TN_LIMIT_HOST_REQUESTS);
}

static void a_thousand_may_wait(void **state)
{
    struct stage *s = *state;
    for (int i = 0; i < TN_LIMIT_ISOLATE_WAITING + TN_LIMIT_HOST_REQUESTS; i++)
        start(s, "http.request { url = url .. '/hold' }");
    turns(s, 10);
    assert_int_equal(s->ended, 0);
    start(s, "local _, err = http.request { url = url .. '/hold' } return err.kind");
    UNTIL(s, s->said[0]);
    assert_string_equal(s->said, "overloaded ");
}

static void a_wrong_address_takes_no_place(void **state)
{
    struct stage *s = *state;
    for (int i = 0; i < 30; i++)
        assert_string_equal(
            run(s, "local _, err = http.request { url = 'ftp://x' } return err.kind"), "invalid ");
    for (int i = 0; i < 30; i++)
        assert_string_equal(
            run(s, "local _, err = http.request { url = url, headers = { Host = 'x' } } "
                   "return err.kind"),
            "invalid ");
    assert_string_equal(run(s, "return http.request { url = url }:text()"), "text ");
}

/* ---- streams ---- */

static void a_stream_gives_what_comes(void **state)
{
    struct stage *s = *state;
    assert_string_equal(
        run(s, "local t = assert(http.stream { url = url .. '/rows' })\n"
               "local all = {} for p in function() return t:read(10) end do\n"
               "assert(#p <= 10) all[#all + 1] = p end\n"
               "return t.status, t:header 'content-type', #table.concat(all), t:read()"),
        "200 text/csv 50 nil ");
    assert_string_equal(
        run(s, "local t, n = {}, 0\n"
               "local stream = http.stream { url = url .. '/rows' }\n"
               "for line, r, err in stream:rows { format = 'csv', delimiter = ';' } do\n"
               "t[#t + 1] = line .. (r and r.name or '!' .. err.kind) end\n"
               "return table.concat(t, ',')"),
        "2name 0,3name 1,4name 2,5!syntax,6name 4 ");
    assert_string_equal(
        run(s, "local t = http.stream { url = url .. '/no' } return t.status, t:read(), "
               "t:read()"),
        "404 text nil ");
    assert_string_equal(
        run(s, "local t = http.stream { url = url .. '/empty' } return t.status, t:read()"),
        "200 nil ");
}

static void a_stream_that_breaks_off_says_so(void **state)
{
    struct stage *s = *state;
    assert_non_null(
        strstr(run(s, "local t = http.stream { url = url .. '/cut', safe = true, attempts = 3 }\n"
                      "repeat local p, err = t:read() until not p\n"
                      "local _, err = t:read() return err.kind"),
               "bad_answer"));
    assert_int_equal(s->requests, 1);
    run(s,
        "local t = {} for line, r, err in http.stream { url = url .. '/cut' }:rows { format = "
        "'csv',\n"
        "delimiter = ';' } do t[#t + 1] = r and 'r' or err.kind end return table.concat(t, ',')");
    assert_non_null(strstr(s->said, "bad_answer "));
}

static void the_peer_waits_for_the_script(void **state)
{
    struct stage *s = *state;
    start(s, "local time = require 'tenon.time'\n"
             "local t = http.stream { url = url .. '/endless' }\n"
             "time.sleep(2)\nlocal n = 0\n"
             "while n < 8000000 do n = n + #t:read(1000000) end\n"
             "t:close() return n >= 8000000, pcall(function() return t:read() end)");
    UNTIL(s, s->streamed > 100000);
    turns(s, 200);
    size_t ahead = s->streamed; /* what sockets and buffers of both sides hold */
    turns(s, 200);
    assert_int_equal(s->streamed, ahead);
    assert_true(ahead < 8 * TN_MIB);
    UNTIL(s, s->ended == 1 && s->gone);
    assert_non_null(strstr(s->said, "true false "));
    assert_non_null(strstr(s->said, "stale handle"));
}

static void streams_end_with_their_task_and_are_few(void **state)
{
    struct stage *s = *state;
    assert_string_equal(run(s, "local open = {}\nfor i = 1, 5 do\n"
                               "local t, err = http.stream { url = url .. '/endless' }\n"
                               "if not t then return i, err.kind end open[i] = t end"),
                        "5 overloaded ");
    UNTIL(s, s->gone); /* all five were let go with the task */
    turns(s, 20);
    assert_string_equal(run(s,
                            "for i = 1, 20 do http.stream { url = url .. '/endless' }:close() end\n"
                            "for i = 1, 20 do local t = http.stream { url = url .. '/rows' }\n"
                            "while t:read() do end end return 'ok'"),
                        "ok ");
    struct tn_task *task = start(s, "local t = http.stream { url = url .. '/hold' }");
    UNTIL(s, s->held_count == 1);
    tn_task_cancel(task);
    assert_string_equal(
        run(s, "local t = http.stream { url = url .. '/endless', max_reply = 100000 }\n"
               "repeat local p, err = t:read() until not p\n"
               "local _, err = t:read() return err.kind"),
        "too_large ");
    assert_string_equal(
        run(s, "local t, err = http.stream { url = url .. '/endless', timeout = 300 }\n"
               "if not t then return err.kind end -- on a busy machine\n"
               "require 'tenon.time'.sleep(0.4)\n"
               "repeat local p = t:read() until not p\n"
               "local _, late = t:read() return late.kind"),
        "timeout ");
}

static void streams_go_only_where_requests_may(void **state)
{
    struct stage *s = *state;
    struct tn_err err;
    struct tn_http_client_options o = {0};
    tn_http_client_free(s->rig.http);
    s->context.http = s->rig.http = tn_http_client_new(s->rig.loop, &o, &err);
    assert_string_equal(run(s, "local t, err = http.stream { url = url } return t, err.kind"),
                        "nil egress ");
    s->context.http = NULL;
    assert_string_equal(run(s, "local t, err = http.stream { url = url } return t, err.kind"),
                        "nil unavailable ");
}

#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, open_stage, close_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_STAGE(forms_and_parts_are_bodies),
        ON_STAGE(wrong_bodies_raise),
        ON_STAGE(zero_bytes_are_refused),
        ON_STAGE(tables_that_run_code_are_refused),
        ON_STAGE(credentials_that_come_back_are_masked),
        ON_STAGE(eight_to_a_host_and_the_rest_in_turn),
        ON_STAGE(twenty_of_an_isolate_and_an_option_for_a_host),
        ON_STAGE(who_is_cancelled_makes_room),
        ON_STAGE(an_isolate_can_go_while_requests_wait),
        ON_STAGE(a_thousand_may_wait),
        ON_STAGE(a_wrong_address_takes_no_place),
        ON_STAGE(a_stream_gives_what_comes),
        ON_STAGE(a_stream_that_breaks_off_says_so),
        ON_STAGE(the_peer_waits_for_the_script),
        ON_STAGE(streams_end_with_their_task_and_are_few),
        ON_STAGE(streams_go_only_where_requests_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
