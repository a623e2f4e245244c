/* SPDX-License-Identifier: MIT */
/* Surfaces over HTTP, key-values and the vault in a real store; and the fake Fusion of examples/
 * with the adapter that was not written for it. */
#include "scripts_rig.h"

#include "access/secrets.h"
#include "scripts/surface.h"
#include "net/router.h"
#include "store/server.h"
#include "store/store.h"

enum { ITEMS = 10000 };

struct stage {
    struct rig rig;
    char dir[64], socket[96];
    int store_fd;
    struct tn_store_server *server;
    struct tn_secrets secrets;
    struct tn_router *router;
    struct tn_err failure; /* the last that a script caused */
};

static const char test_surface[] =
    "local tn, kv = require 'tenon', require 'tenon.kv'\n"
    "local function echo(req)\n"
    "  return 201, { method = req.method, path = req.path, id = req.params.id, q = req.query.q, h "
    "= req.headers['x-a'],\n"
    "                body = req.body }, { ['X-B'] = 'b\\r\\nX-C: c', ['Content-Length'] = '7', "
    "['X-N'] = 7 }\n"
    "end\n"
    "local answers = {\n"
    "  text = function() return 200, 'plain' end,\n"
    "  typed = function() return 200, '<a/>', { ['content-type'] = 'application/xml' } end,\n"
    "  empty = function() return 204 end,\n"
    "  nothing = function() end,\n"
    "  odd = function() return 99, {} end,\n"
    "  headers = function() return 200, '', 'x' end,\n"
    "  sly = function() return 200, '', setmetatable({}, { __index = {} }) end,\n"
    "  badname = function() return 200, '', { ['a b'] = 'x' } end,\n"
    "  fails = function() error('by intent') end,\n"
    "  refuses = function() tn.fail('not_found', 'no such thing') end,\n"
    "  loops = function() while true do end end,\n"
    "  func = function() return 200, { f = print } end,\n"
    "  query = function() return 200, nil, select(2, pcall(tn.fail, 'overloaded', 'later')) end,\n"
    "  big = function() return 200, ('x'):rep(11 * 1024 * 1024) end,\n"
    "  bigger = function() return 200, { ('x'):rep(11 * 1024 * 1024) } end,\n"
    "  mine = function() require('tenon.store').transaction(function(tx) tx:patch('item', 'x', {}) "
    "end) end,\n"
    "  json = function(req) local v, err = req:json() return 200, { v = v or err.kind } end,\n"
    "  count = function() return 200, { n = kv.incr('n') } end,\n"
    "  put = function(req) return 200, { assert(kv.put('k', req.body)), kv.get('k') } end,\n"
    "  gone = function() kv.delete('k') return 200, { there = kv.get('k') ~= nil } end,\n"
    "  word = function() kv.put('w', 'word') local v, err = kv.incr('w') return 200, { err.kind } "
    "end,\n"
    "}\n"
    "return tn.surface { path = '/t', auth = 'none', routes = {\n"
    "  tn.route { 'POST', '/echo/{id}', echo },\n"
    "  tn.route { 'POST', '/do/{what}', function(req) return answers[req.params.what](req) end },\n"
    "} }\n";

static void script_failed(void *arg, struct tn_http_exchange *x, const struct tn_err *err)
{
    struct stage *s = arg;
    s->failure = *err;
    tn_http_reply(x, tn_kind_status(err->kind), "text/plain", tn_str(err->text));
}

static void serve_row(void *arg, struct tn_http_exchange *x)
{
    static const struct tn_actor actor = {.team = 1, .name = "a test", .grants = "*:*"};
    tn_surface_serve(tn_http_match(x)->route->user, &actor, x, script_failed, arg);
}

static void serve(void *arg, struct tn_http_exchange *x)
{
    struct stage *s = arg;
    if (tn_router_match(s->router, x) == TN_ROUTE_found)
        tn_http_match(x)->route->handle(arg, x);
    else
        tn_http_reply(x, 404, NULL, TN_STR(""));
}

static void set_flag(void *arg)
{
    *(bool *)arg = true;
}

static void open_store(struct stage *s)
{
    struct tn_err err;
    bool ready = false;
    snprintf(s->dir, sizeof s->dir, "/tmp/tenon-surface-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    snprintf(s->socket, sizeof s->socket, "%s/store.sock", s->dir);
    s->store_fd = tn_store_listen(s->socket, &err);
    assert_true(s->store_fd >= 0);
    struct tn_server_options so = {.dir = s->dir, .listen_fd = s->store_fd};
    s->server = tn_store_server_open(s->rig.loop, &so, &err);
    if (!s->server) fail_msg("%s", err.text);
    struct tn_store_options o = {.dir = s->dir, .socket = s->socket, .holder = tn_id_new()};
    s->rig.env.store = tn_store_open(s->rig.loop, &o, &err);
    if (!s->rig.env.store) fail_msg("%s", err.text);
    tn_store_on_ready(s->rig.env.store, set_flag, &ready);
    rig_until(&s->rig, &ready);
    assert_true(tn_secrets_from(
        &s->secrets, TN_STR("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"),
        TN_STR("salt"), &err));
    s->rig.env.secrets = &s->secrets;
    s->rig.env.tools = tn_tx_tools_new();
}

static void free_surfaces(void *surfaces)
{
    tn_surfaces_free(surfaces);
}

static void load(struct stage *s)
{
    static const struct tn_embedded more[] = {
        {"scripts/surfaces/test.lua", test_surface, sizeof test_surface - 1}, {NULL, NULL, 0}};
    struct tn_connections_options o = {.env = &s->rig.env, .find = rig_find, .arg = &s->rig};
    struct tn_route routes[32];
    struct tn_err err;
    struct tn_fileset *shipped = rig_files(), *test = tn_fileset_embedded(more);
    struct tn_fileset *example = tn_fileset_read(FIXTURES "/../../examples/fusion", &err);
    struct tn_fileset *both = tn_fileset_over(shipped, example), *all = tn_fileset_over(both, test);
    tn_fileset_unref(shipped);
    tn_fileset_unref(test);
    tn_fileset_unref(example);
    tn_fileset_unref(both);
    s->rig.units = rig_load(&s->rig, all);
    s->rig.connections = tn_connections_new(&o, s->rig.units);
    struct tn_surfaces *surfaces = tn_surfaces_new(s->rig.units);
    size_t n = tn_surfaces_count(surfaces);
    for (size_t i = 0; i < n; i++) {
        const struct tn_surface_row *row = tn_surfaces_at(surfaces, i);
        routes[i] = (struct tn_route){.method = row->method,
                                      .pattern = row->pattern,
                                      .handle = serve_row,
                                      .flags = row->open,
                                      .user = row};
    }
    s->router = tn_router_new(routes, n, &err);
    if (!s->router) fail_msg("%s", err.text);
    tn_router_keep(s->router, surfaces, free_surfaces);
}

static int open_stage(void **state)
{
    struct stage *s = TN_NEW(struct stage);
    rig_open(&s->rig, serve, s);
    open_store(s);
    load(s);
    snprintf(s->rig.config, sizeof s->rig.config,
             "{\"fusionBaseUrl\":\"http://%s\",\"tokenUrl\":\"http://%s/oauth2/v1/"
             "token\",\"clientId\":\"fusion-client\","
             "\"clientSecret\":\"fusion-client-secret-0001\",\"batchSize\":500,\"retryDelay\":1}",
             s->rig.address, s->rig.address);
    *state = s;
    return 0;
}

static int close_stage(void **state)
{
    struct stage *s = *state;
    char command[128];
    tn_router_unref(s->router);
    struct tn_store *store = s->rig.env.store;
    tn_connections_free(s->rig.connections);
    tn_units_unref(s->rig.units);
    s->rig.connections = NULL;
    s->rig.units = NULL;
    tn_store_close(store);
    tn_store_server_close(s->server);
    close(s->store_fd);
    tn_tx_tools_free(s->rig.env.tools);
    rig_close(&s->rig);
    snprintf(command, sizeof command, "rm -rf %s", s->dir);
    tn_free(s);
    return system(command);
}

/* ---- asking ---- */

struct answer {
    bool came;
    int status;
    char type[128], header[128];
    struct tn_buf body;
};

static void on_answer(void *arg, const struct tn_err *err, struct tn_reply *reply)
{
    struct answer *a = arg;
    if (err) fail_msg("%s", err->text);
    struct tn_str type = tn_reply_get(reply, "Content-Type"), b = tn_reply_get(reply, "X-B");
    a->status = reply->status;
    snprintf(a->type, sizeof a->type, "%.*s", TN_FMT(type));
    snprintf(a->header, sizeof a->header, "%.*s", TN_FMT(b));
    a->body = reply->body;
    tn_buf_init(&reply->body, 0);
    tn_buf_addc(&a->body, '\0');
    a->came = true;
}

static void ask(struct stage *s, struct answer *a, const char *method, const char *path,
                const char *body, const struct tn_fetch_header *headers, size_t n)
{
    char url[1024];
    struct tn_err err;
    snprintf(url, sizeof url, "http://%s%s", s->rig.address, path);
    struct tn_fetch f = {.method = method,
                         .url = url,
                         .body = tn_str(body),
                         .headers = headers,
                         .nheaders = n,
                         .policy = TN_EGRESS_upstream};
    *a = (struct answer){0};
    if (!tn_fetch_start(s->rig.http, &f, on_answer, a, &err)) fail_msg("%s", err.text);
}

static void post(struct stage *s, struct answer *a, const char *path, const char *body)
{
    static const struct tn_fetch_header headers[] = {{"X-A", {"a", 1}}};
    ask(s, a, "POST", path, body, headers, 1);
    rig_until(&s->rig, &a->came);
}

static void expect(struct stage *s, const char *what, const char *sent, int status,
                   const char *type, const char *body)
{
    struct answer a;
    char path[128];
    snprintf(path, sizeof path, "/t/do/%s", what);
    post(s, &a, path, sent);
    if (a.status != status || strcmp(a.type, type) != 0 || strcmp(a.body.p, body) != 0)
        fail_msg("%s: %d %s %s", what, a.status, a.type, a.body.p);
    tn_buf_clear(&a.body);
}

static void expect_failure(struct stage *s, const char *what, enum tn_kind kind, const char *text)
{
    struct answer a;
    char path[128];
    snprintf(path, sizeof path, "/t/do/%s", what);
    tn_err_clear(&s->failure);
    post(s, &a, path, "");
    assert_int_equal(a.status, tn_kind_status(kind));
    if (s->failure.kind != kind || strcmp(s->failure.file, "scripts/surfaces/test.lua") != 0 ||
        !s->failure.line || !strstr(s->failure.text, text))
        fail_msg("%s: %s:%d: %s", what, s->failure.file, s->failure.line, s->failure.text);
    tn_buf_clear(&a.body);
}

/* ---- surfaces ---- */

static void a_handler_sees_the_request_and_answers(void **state)
{
    struct stage *s = *state;
    struct answer a;
    post(s, &a, "/t/echo/a%2Fb?q=1&q=2", "\xc3\xa9");
    assert_int_equal(a.status, 201);
    assert_string_equal(a.type, "application/json");
    assert_string_equal(a.header, "b??X-C: c");
    assert_non_null(strstr(a.body.p, "\"id\":\"a/b\""));
    assert_non_null(strstr(a.body.p, "\"q\":\"1\""));
    assert_non_null(strstr(a.body.p, "\"h\":\"a\""));
    assert_non_null(strstr(a.body.p, "\"method\":\"POST\""));
    assert_non_null(strstr(a.body.p, "\"body\":\"\xc3\xa9\""));
    tn_buf_clear(&a.body);
    expect(s, "text", "", 200, "text/plain; charset=utf-8", "plain");
    expect(s, "typed", "", 200, "application/xml", "<a/>");
    expect(s, "empty", "", 204, "", "");
    expect(s, "json", "{\"a\":[0.10,300000047274444,[],{}]}", 200, "application/json",
           "{\"v\":{\"a\":[0.10,300000047274444,[],{}]}}");
    expect(s, "json", "{", 200, "application/json", "{\"v\":\"syntax\"}");
}

static void a_handler_that_is_wrong_fails_alone(void **state)
{
    struct stage *s = *state;
    expect_failure(s, "nothing", TN_E_script, "status");
    expect_failure(s, "odd", TN_E_script, "status");
    expect_failure(s, "headers", TN_E_script, "table");
    expect_failure(s, "sly", TN_E_script, "headers have to be a plain table");
    expect_failure(s, "badname", TN_E_script, "name");
    expect_failure(s, "fails", TN_E_script, "by intent");
    expect_failure(s, "refuses", TN_E_not_found, "no such thing");
    expect_failure(s, "missing", TN_E_script, "");
    expect_failure(s, "loops", TN_E_budget, "");
    expect_failure(s, "func", TN_E_script, "f: ");
    expect_failure(s, "big", TN_E_budget, "the handler's answer is larger than 10 MiB");
    assert_string_equal(s->failure.file, "scripts/surfaces/test.lua");
    expect_failure(s, "bigger", TN_E_budget, "the handler's answer is larger than 10 MiB");
    expect_failure(s, "mine", TN_E_not_found, "there is no item");
    expect(s, "query", "", tn_kind_status(TN_E_overloaded), "text/plain", "later");
    expect(s, "text", "", 200, "text/plain; charset=utf-8", "plain");
}

/* The set goes while a request is in it. */
static void work_in_flight_outlives_a_reload(void **state)
{
    struct stage *s = *state;
    struct answer a;
    struct tn_err err;
    ask(s, &a, "POST", "/t/do/count", "", NULL, 0);
    for (int i = 0; i < 3; i++) tn_loop_turn(s->rig.loop, false);
    struct tn_units *again =
        tn_units_load(&s->rig.env, tn_units_files(s->rig.units), NULL, NULL, NULL, &err);
    assert_non_null(again);
    tn_connections_units(s->rig.connections, again);
    rig_until(&s->rig, &a.came);
    assert_int_equal(a.status, 200);
    tn_units_unref(again);
    tn_buf_clear(&a.body);
}

/* ---- key-values ---- */

static void values_are_kept(void **state)
{
    struct stage *s = *state;
    expect(s, "put", "\xc3\xa9", 200, "application/json", "[true,\"\xc3\xa9\"]");
    expect(s, "put", "", 200, "application/json", "[true,\"\"]");
    expect(s, "gone", "", 200, "application/json", "{\"there\":false}");
    expect(s, "gone", "", 200, "application/json", "{\"there\":false}");
    expect(s, "word", "", 200, "application/json", "[\"invalid\"]");
}

static void counters_lose_nothing(void **state)
{
    enum { N = 20 };
    struct stage *s = *state;
    struct answer answers[N];
    bool seen[N + 1] = {false};
    for (int i = 0; i < N; i++) ask(s, &answers[i], "POST", "/t/do/count", "", NULL, 0);
    for (int i = 0; i < N; i++) {
        int n = 0;
        rig_until(&s->rig, &answers[i].came);
        assert_int_equal(answers[i].status, 200);
        assert_int_equal(sscanf(answers[i].body.p, "{\"n\":%d}", &n), 1);
        assert_true(n >= 1 && n <= N && !seen[n]);
        seen[n] = true;
        tn_buf_clear(&answers[i].body);
    }
}

static void a_client_that_goes_away_stops_the_work(void **state)
{
    struct stage *s = *state;
    struct tn_err err;
    char url[256];
    struct answer a = {0};
    snprintf(url, sizeof url, "http://%s/t/do/count", s->rig.address);
    for (int turns = 0; turns < 40; turns++) {
        struct tn_fetch f = {
            .method = "POST", .url = url, .body = TN_STR(""), .policy = TN_EGRESS_upstream};
        a.came = false;
        struct tn_fetch_call *call = tn_fetch_start(s->rig.http, &f, on_answer, &a, &err);
        assert_non_null(call);
        for (int i = 0; i < turns && !a.came; i++) tn_loop_turn(s->rig.loop, false), usleep(100);
        if (!a.came)
            tn_fetch_cancel(call);
        else
            tn_buf_clear(&a.body);
    }
    expect(s, "text", "", 200, "text/plain; charset=utf-8", "plain");
}

/* ---- the fake Fusion ---- */

static char token[4096];

static void get_token(struct stage *s, const char *id, const char *secret)
{
    static const struct tn_fetch_header headers[] = {
        {"Content-Type", {"application/x-www-form-urlencoded", 33}}};
    struct answer a;
    char body[256];
    snprintf(body, sizeof body,
             "grant_type=client_credentials&scope=urn%%3Aopc%%3Aresource%%3Afa&client_id=%s&client_"
             "secret=%s",
             id, secret);
    ask(s, &a, "POST", "/oauth2/v1/token", body, headers, 1);
    rig_until(&s->rig, &a.came);
    if (a.status != 200) fail_msg("token: %d %s", a.status, a.body.p);
    const char *at = strstr(a.body.p, "\"access_token\":\"");
    assert_non_null(at);
    at += strlen("\"access_token\":\"");
    snprintf(token, sizeof token, "Bearer %.*s", (int)strcspn(at, "\""), at);
    assert_true(strlen(token) > 1024);
    tn_buf_clear(&a.body);
}

static void get_items(struct stage *s, struct answer *a, const char *query)
{
    const struct tn_fetch_header headers[] = {{"Authorization", tn_str(token)},
                                              {"REST-Framework-Version", TN_STR("4")}};
    char path[512];
    snprintf(path, sizeof path, "/fscmRestApi/resources/11.13.18.05/itemsV2%s", query);
    ask(s, a, "GET", path, NULL, headers, 2);
    rig_until(&s->rig, &a->came);
}

static void expect_page(struct stage *s, const char *query, const char *tail)
{
    struct answer a;
    get_items(s, &a, query);
    if (a.status != 200 || !strstr(a.body.p, tail))
        fail_msg("%s: %d %.300s", query, a.status, a.body.p);
    assert_string_equal(a.type, "application/vnd.oracle.adf.resourcecollection+json");
    tn_buf_clear(&a.body);
}

static void expect_refusal(struct stage *s, const char *query)
{
    struct answer a;
    get_items(s, &a, query);
    if (a.status != 400 || !strstr(a.body.p, "\"o:errorDetails\":[{\"detail\":"))
        fail_msg("%s: %d %.300s", query, a.status, a.body.p);
    assert_string_equal(a.type, "application/vnd.oracle.adf.error+json");
    tn_buf_clear(&a.body);
}

static void the_fake_is_strict(void **state)
{
    struct stage *s = *state;
    struct answer a;
    get_token(s, "fusion-client", "fusion-client-secret-0001");
    expect_page(s, "", "\"count\":25,\"hasMore\":true,\"limit\":25,\"offset\":0,");
    expect_page(s, "?limit=9999", "\"count\":500,\"hasMore\":true,\"limit\":500,");
    expect_page(s, "?limit=500&offset=9990&totalResults=true",
                "\"totalResults\":10000,\"count\":10,\"hasMore\":false,");
    expect_page(s, "?offset=10000", "\"items\":[],\"count\":0,\"hasMore\":false,");
    expect_page(s, "?totalResults=true&organizationCode=M1&itemClass=Root",
                "\"totalResults\":834,");
    expect_page(s,
                "?totalResults=true&q=OrganizationCode%3D%27M1%27%20and%20ItemClass%3D%27Root%27",
                "\"totalResults\":834,");
    expect_page(s,
                "?totalResults=true&finder=findByLastUpdateDate%3BLastUpdateDate%3E%3D2024-01-"
                "07T22%3A39%3A00%2B00%3A00",
                "\"totalResults\":1,");
    expect_page(s,
                "?totalResults=true&finder=findByLastUpdateDate%3BLastUpdateDate%3E%3D2024-01-07",
                "\"totalResults\":1360,");
    expect_refusal(s, "?colour=red");
    expect_refusal(s, "?limit=0");
    expect_refusal(s, "?limit=ten");
    expect_refusal(s, "?q=Colour%3D%27red%27");
    expect_refusal(s, "?finder=other");
    expect_refusal(s, "?orderBy=ListPrice");
    get_token(s, "limited-client", "limited-client-secret-0001");
    get_items(s, &a, "");
    assert_int_equal(a.status, 403);
    tn_buf_clear(&a.body);
    token[strlen(token) - 1] = '9';
    get_items(s, &a, "");
    assert_int_equal(a.status, 401);
    assert_string_equal(a.type, "text/html");
    tn_buf_clear(&a.body);
}

static void items_of_the_fake_have_the_size_of_real_ones(void **state)
{
    struct stage *s = *state;
    struct answer a;
    struct tn_err err;
    get_token(s, "fusion-client", "fusion-client-secret-0001");
    get_items(s, &a, "?limit=500");
    struct tn_json *json = tn_json_new();
    assert_true(tn_json_parse(json, (struct tn_str){a.body.p, a.body.n - 1}, &err));
    assert_null(tn_json_duplicate(json));
    struct tn_jval rows = tn_jget_z(tn_json_root(json), "items");
    size_t size = tn_jraw(rows).n / tn_jcount(rows);
    if (size < 1200 || size > 1400) fail_msg("%zu bytes an item", size);
    struct tn_jval first = tn_jat(rows, 0);
    assert_true(tn_str_is(tn_jraw(tn_jget_z(first, "ItemId")), "300000047274444"));
    assert_true(tn_str_is(tn_jraw(tn_jget_z(first, "ListPrice")), "0.10"));
    tn_json_free(json);
    tn_buf_clear(&a.body);
}

/* ---- the adapter against it ---- */

struct walk {
    struct tn_source source;
    bool seen[ITEMS];
    size_t rows;
    struct tn_err err;
    bool ended;
};

static void on_page(void *arg, const struct tn_source_page *page, const struct tn_err *err)
{
    struct walk *w = arg;
    struct tn_err why;
    if (!page) {
        w->err = *err;
        w->ended = true;
        return;
    }
    struct tn_json *json = tn_json_new();
    assert_true(tn_json_parse(json, page->text, &why));
    for (struct tn_jiter it = tn_jiter(tn_jget(tn_json_root(json), page->rows)); tn_jnext(&it);) {
        int64_t id = 0;
        assert_true(tn_jint(tn_jget_z(it.value, "ItemId"), &id));
        id -= 300000047274444;
        assert_true(id >= 0 && id < ITEMS && !w->seen[id]);
        w->seen[id] = true;
        w->rows++;
    }
    tn_json_free(json);
    w->source.ops->release(w->source.self, page);
    w->source.ops->next(w->source.self, on_page, w);
}

static void walk(struct stage *s, struct walk *w, const char *filters)
{
    struct tn_err err;
    struct tn_run_request q = {
        .team = 1, .integration = RIG_ID, .operation = "sync_items", .filters = tn_str(filters)};
    memset(w, 0, sizeof *w);
    if (!tn_source_adapters.open(s->rig.connections, &q, &w->source, &err))
        fail_msg("%s", err.text);
    w->source.ops->next(w->source.self, on_page, w);
    rig_until(&s->rig, &w->ended);
    w->source.ops->close(w->source.self);
    if (w->err.kind != TN_E_none) fail_msg("%s", w->err.text);
}

static void expect_state(struct stage *s, const char *state)
{
    struct answer a;
    ask(s, &a, "GET", "/fake/state", NULL, NULL, 0);
    rig_until(&s->rig, &a.came);
    struct tn_json *json = tn_json_new();
    struct tn_buf out;
    struct tn_err err;
    tn_buf_init(&out, TN_MIB);
    assert_true(tn_json_parse(json, tn_str(a.body.p), &err));
    tn_json_canonical(tn_json_root(json), &out);
    assert_string_equal(out.p, state);
    tn_json_free(json);
    tn_buf_clear(&out);
    tn_buf_clear(&a.body);
}

/* Through one 429 and one token that ends in the middle: each item once, two log-ins. */
static void all_items_of_the_fake_arrive_once(void **state)
{
    struct stage *s = *state;
    struct walk *w = TN_NEW(struct walk);
    walk(s, w, "{}");
    assert_int_equal(w->rows, ITEMS);
    expect_state(s, "{\"expired\":true,\"throttled\":true,\"tokens\":2}");
    /* The token is the vault's: another connection (as after a reload or a restart) finds it there.
     */
    s->rig.version++;
    walk(s, w, "{}");
    assert_int_equal(w->rows, ITEMS);
    expect_state(s, "{\"expired\":true,\"throttled\":true,\"tokens\":2}");
    walk(s, w, "{\"organizationCode\":\"M1\",\"itemClass\":\"Root\"}");
    assert_int_equal(w->rows, 834);
    walk(s, w, "{\"modifiedSince\":\"2024-01-07T00:00:00+01:00\"}");
    assert_int_equal(w->rows, 1420);
    tn_free(w);
}

static void the_real_dialect_finds_the_same(void **state)
{
    struct stage *s = *state;
    struct walk *w = TN_NEW(struct walk);
    size_t n = strlen(s->rig.config);
    snprintf(s->rig.config + n - 1, sizeof s->rig.config - n,
             ",\"dialect\":\"real\",\"authStyle\":\"body\"}");
    walk(s, w, "{\"organizationCode\":\"M1\",\"itemClass\":\"Root\"}");
    assert_int_equal(w->rows, 834);
    walk(s, w, "{\"modifiedSince\":\"2024-01-07T00:00:00Z\"}");
    assert_int_equal(w->rows, 1360);
    tn_free(w);
}

/* No token in any file of the data folder. */
static void the_vault_is_sealed(void **state)
{
    struct stage *s = *state;
    struct walk *w = TN_NEW(struct walk);
    char command[256];
    walk(s, w, "{\"organizationCode\":\"M1\",\"itemClass\":\"Root\"}");
    tn_free(w);
    snprintf(command, sizeof command, "grep -rqa eyJhbGciOiJSUzI1NiIs %s", s->dir);
    assert_int_not_equal(system(command), 0);
    snprintf(command, sizeof command, "grep -rqa oauth2: %s", s->dir);
    assert_int_equal(system(command), 0);
}

#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, open_stage, close_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_STAGE(a_handler_sees_the_request_and_answers),
        ON_STAGE(a_handler_that_is_wrong_fails_alone),
        ON_STAGE(work_in_flight_outlives_a_reload),
        ON_STAGE(values_are_kept),
        ON_STAGE(counters_lose_nothing),
        ON_STAGE(a_client_that_goes_away_stops_the_work),
        ON_STAGE(the_fake_is_strict),
        ON_STAGE(items_of_the_fake_have_the_size_of_real_ones),
        ON_STAGE(all_items_of_the_fake_arrive_once),
        ON_STAGE(the_real_dialect_finds_the_same),
        ON_STAGE(the_vault_is_sealed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
