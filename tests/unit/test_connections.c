/* SPDX-License-Identifier: MIT */
/* What an adapter's author gets: conn, its requests, std.page.links, and what a mistake costs. */
#include "scripts_rig.h"

#include "scripts/decl.h"

/* What the upstream answers to "<METHOD> <path and query>"; status 0 ends. */
struct canned {
    const char *request;
    int status;
    const char *type, *body;
};

struct stage {
    struct rig rig;
    const struct canned *answers;
    char asked[2048]; /* "METHOD target [authorization] body\n" ... */
    bool done;
    struct tn_err err;
    size_t rows, pages;
    char cursors[512], bad[512];
    struct tn_source source;
    char text[4096]; /* of the adapter; borrowed by its file set */
};

static void handle(void *arg, struct tn_http_exchange *x)
{
    struct stage *s = arg;
    char line[512];
    size_t at = strlen(s->asked);
    struct tn_str auth = tn_http_get(x, "Authorization"), key = tn_http_get(x, "X-Key");
    snprintf(line, sizeof line, "%.*s %.*s", TN_FMT(tn_http_method(x)), TN_FMT(tn_http_target(x)));
    snprintf(s->asked + at, sizeof s->asked - at, "%s [%.*s%.*s] %.*s\n", line, TN_FMT(auth),
             TN_FMT(key), TN_FMT(tn_http_body(x)));
    for (const struct canned *c = s->answers; c && c->status; c++) {
        if (strcmp(c->request, line) != 0) continue;
        char body[1024];
        const char *host = strstr(c->body, "HOST");
        const char *type = c->type ? c->type : "application/json";
        if (host)
            snprintf(body, sizeof body, "%.*s%s%s", (int)(host - c->body), c->body, s->rig.address,
                     host + 4);
        tn_http_reply(x, c->status, type, tn_str(host ? body : c->body));
        return;
    }
    tn_http_reply(x, 404, "text/plain", TN_STR("not canned"));
}

static int open_stage(void **state)
{
    struct stage *s = TN_NEW(struct stage);
    rig_open(&s->rig, handle, s);
    *state = s;
    return 0;
}

static int close_stage(void **state)
{
    struct stage *s = *state;
    rig_close(&s->rig);
    tn_free(s);
    return 0;
}

/* An adapter oracle_fusion of the test's own: auth and the run function's body are given. */
static void adapter(struct stage *s, const char *auth, const char *run)
{
    struct tn_embedded more[] = {{"scripts/adapters/oracle_fusion.lua", s->text, 0},
                                 {NULL, NULL, 0}};
    struct tn_connections_options o = {.env = &s->rig.env, .find = rig_find, .arg = &s->rig};
    int n = snprintf(
        s->text, sizeof s->text,
        "local tn, page = require 'tenon', require 'std.page'\n"
        "return tn.adapter { base = 'url', auth = %s,\n"
        "  config = { tn.url 'url' { required = true }, tn.text 'user' {}, tn.secret 'password' "
        "{},"
        "  tn.list 'list' { of = 'text', default = { 'a', 'b' } }, tn.text 'more' {} },\n"
        "  operations = { sync_items = { entity = 'item', mapping = 'oracle_fusion/item',\n"
        "    run = function(conn, filters)\n%s\nend } } }\n",
        auth, run);
    more[0].n = (size_t)n;
    struct tn_fileset *under = rig_files(), *over = tn_fileset_embedded(more);
    struct tn_fileset *all = tn_fileset_over(under, over);
    tn_fileset_unref(under);
    tn_fileset_unref(over);
    s->rig.units = rig_load(&s->rig, all);
    s->rig.connections = tn_connections_new(&o, s->rig.units);
    snprintf(s->rig.config, sizeof s->rig.config,
             "{\"url\":\"http://%s/base/\",\"user\":\"\xc3\xa9va\",\"password\":\"pass:word\"}",
             s->rig.address);
}

static void on_page(void *arg, const struct tn_source_page *page, const struct tn_err *err)
{
    struct stage *s = arg;
    if (!page) {
        s->err = *err;
        s->done = true;
        return;
    }
    struct tn_json *json = tn_json_new();
    struct tn_err why;
    assert_true(tn_json_parse(json, page->text, &why));
    s->rows +=
        tn_jcount(page->rows.n ? tn_jget(tn_json_root(json), page->rows) : tn_json_root(json));
    s->pages++;
    tn_json_free(json);
    size_t at = strlen(s->cursors);
    snprintf(s->cursors + at, sizeof s->cursors - at, "%.*s;", TN_FMT(page->cursor));
    for (size_t i = 0; i < page->bad_count; i++) {
        at = strlen(s->bad);
        snprintf(s->bad + at, sizeof s->bad - at, "%.*s [%.*s];", TN_FMT(page->bad[i].message),
                 TN_FMT(page->bad[i].payload));
    }
    s->source.ops->release(s->source.self, page);
    s->source.ops->next(s->source.self, on_page, s);
}

static void run_from(struct stage *s, const char *cursor)
{
    struct tn_run_request q = {
        .team = 1, .integration = RIG_ID, .operation = "sync_items", .cursor = tn_str(cursor)};
    struct tn_err err;
    s->done = false;
    s->rows = s->pages = 0;
    s->asked[0] = s->cursors[0] = s->bad[0] = '\0';
    if (!tn_source_adapters.open(s->rig.connections, &q, &s->source, &err))
        fail_msg("%s:%d: %s", err.file, err.line, err.text);
    s->source.ops->next(s->source.self, on_page, s);
    rig_until(&s->rig, &s->done);
    s->source.ops->close(s->source.self);
}

static void run(struct stage *s)
{
    run_from(s, NULL);
}

static void expect_ok(struct stage *s)
{
    if (s->err.kind != TN_E_none) fail_msg("%s:%d: %s", s->err.file, s->err.line, s->err.text);
}

static void expect_error(struct stage *s, enum tn_kind kind, const char *text)
{
    if (s->err.kind != kind || !strstr(s->err.text, text))
        fail_msg("%s: %s:%d: %s", tn_kind_name(s->err.kind), s->err.file, s->err.line, s->err.text);
}

/* ---- requests ---- */

static void paths_are_appended_to_the_base(void **state)
{
    static const struct canned answers[] = {
        {"GET /base/a?n=7&q=a%20%2B%26&r=1&r=2&t=true", 200, NULL, "{}"},
        {"POST /base/b", 201, NULL, "{\"id\":300000047274444}"},
        {"DELETE /base/c", 204, NULL, ""},
        {0}};
    struct stage *s = *state;
    s->answers = answers;
    adapter(s, "nil",
            "conn:get('a', { q = 'a +&', n = 7, t = true, r = { 1, 2 } })\n"
            "local made = conn:post('/b', { x = { 1 } })\n"
            "assert(made:at('id') == 300000047274444 and made.status == 201)\n"
            "assert(conn:delete('/c').status == 204)\n");
    run(s);
    expect_ok(s);
    assert_string_equal(s->asked, "GET /base/a?n=7&q=a%20%2B%26&r=1&r=2&t=true [] \n"
                                  "POST /base/b [] {\"x\":[1]}\n"
                                  "DELETE /base/c [] \n");
}

static void simple_ways_to_sign_in(void **state)
{
    static const struct {
        const char *auth, *asked;
    } ways[] = {
        {"tn.auth.basic { user = 'user', password = 'password' }",
         "GET /base/x [Basic w6l2YTpwYXNzOndvcmQ=] \n"},
        {"tn.auth.bearer { token = 'password' }", "GET /base/x [Bearer pass:word] \n"},
        {"tn.auth.api_key { header = 'X-Key', key = 'password' }", "GET /base/x [pass:word] \n"},
        {"tn.auth.none {}", "GET /base/x [] \n"},
        {"{ kind = 'own', headers = function(conn) return { ['X-Key'] = conn.config.user } end }",
         "GET /base/x [\xc3\xa9va] \n"}};
    static const struct canned answers[] = {{"GET /base/x", 200, NULL, "{}"}, {0}};
    struct stage *s = *state;
    s->answers = answers;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        adapter(s, ways[i].auth, "conn:get('/x')");
        run(s);
        expect_ok(s);
        assert_string_equal(s->asked, ways[i].asked);
        if (i + 1 == sizeof ways / sizeof *ways) break;
        tn_connections_free(s->rig.connections);
        tn_units_unref(s->rig.units);
    }
}

static void what_peers_say_of_a_refusal(void **state)
{
    static const struct canned answers[] = {
        {"GET /base/1", 400, NULL, "{\"error\":{\"code\":\"X\",\"message\":\"inner words\"}}"},
        {"GET /base/2", 422, NULL, "{\"title\":\"T\",\"detail\":\"the detail\"}"},
        {"GET /base/3", 409, NULL, "{\"message\":\"plain words\"}"},
        {"GET /base/4", 403, "text/html", "<html>no</html>"},
        {"GET /base/5", 301, NULL, "{}"},
        {"GET /base/6", 400, NULL, "[]"},
        {"GET /base/7", 401, NULL, "{\"error\":\"invalid_token\"}"},
        {0}};
    struct stage *s = *state;
    s->answers = answers;
    adapter(s, "nil",
            "local function try(path, kind, text)\n"
            "  local good, err = pcall(conn.get, conn, path)\n"
            "  assert(not good and err.kind == kind and err.message:find(text, 1, true), path .. "
            "': ' .. tostring(err))\n"
            "end\n"
            "try('/1', 'upstream', 'GET /1: HTTP 400: inner words')\n"
            "try('/2', 'upstream', 'HTTP 422: the detail')\n"
            "try('/3', 'upstream', 'HTTP 409: plain words')\n"
            "try('/4', 'denied', 'HTTP 403')\n"
            "try('/5', 'upstream', 'HTTP 301')\n"
            "try('/6', 'upstream', 'HTTP 400')\n"
            "try('/7', 'auth', 'HTTP 401: invalid_token')\n");
    run(s);
    expect_ok(s);
}

static void a_write_is_not_repeated_by_itself(void **state)
{
    static const struct canned answers[] = {{"POST /base/x", 500, NULL, "{}"}, {0}};
    struct stage *s = *state;
    s->answers = answers;
    adapter(s, "nil", "conn:post('/x', { a = 1 }, { retries = 3 })");
    run(s);
    expect_error(s, TN_E_upstream, "POST /x: HTTP 500");
    assert_string_equal(s->asked, "POST /base/x [] {\"a\":1}\n");
}

/* Bodies are memory that Lua does not count: garbage is found in time, and hoarding is stopped. */
static void bodies_do_not_pile_up(void **state)
{
    static char body[1024 * 1024 + 3];
    static const struct canned answers[] = {{"GET /base/x", 200, NULL, body}, {0}};
    struct stage *s = *state;
    memset(body, ' ', sizeof body - 1);
    body[0] = '{', body[1] = '}';
    s->answers = answers;
    adapter(s, "nil", "for i = 1, 100 do conn:get('/x') end");
    run(s);
    expect_ok(s);
    tn_connections_free(s->rig.connections);
    tn_units_unref(s->rig.units);
    adapter(s, "nil", "local all = {}\nfor i = 1, 100 do all[i] = conn:get('/x') end");
    run(s);
    expect_error(s, TN_E_budget, "replies that this script holds");
}

/* ---- pages by links ---- */

static const struct canned linked[] = {
    {"GET /base/list?top=2", 200, NULL,
     "{\"value\":[1,2],\"@odata.nextLink\":\"http://HOST/base/list?skip=2\"}"},
    {"GET /base/list?skip=2", 200, NULL,
     "{\"value\":[3,4],\"@odata.nextLink\":\"http://HOST/base/list?skip=4\"}"},
    {"GET /base/list?skip=4", 200, NULL, "{\"value\":[5]}"},
    {"GET /base/loop", 200, NULL, "{\"value\":[1],\"@odata.nextLink\":\"http://HOST/base/loop2\"}"},
    {"GET /base/loop2", 200, NULL,
     "{\"value\":[2],\"@odata.nextLink\":\"http://HOST/base/loop2\"}"},
    {"GET /base/same", 200, NULL, "{\"value\":[1],\"@odata.nextLink\":\"http://HOST/base/same2\"}"},
    {"GET /base/same2", 200, NULL,
     "{\"value\":[1],\"@odata.nextLink\":\"http://HOST/base/same3\"}"},
    {"GET /base/away", 200, NULL,
     "{\"value\":[1],\"@odata.nextLink\":\"http://elsewhere.example/x\"}"},
    {"GET /base/many", 200, NULL,
     "{\"value\":[1],\"@odata.nextLink\":\"http://HOST/base/list?top=2\"}"},
    {0}};

static void follows_links_to_the_end(void **state)
{
    struct stage *s = *state;
    char cursor[256];
    s->answers = linked;
    adapter(s, "nil", "assert(page.links(conn, '/list', { top = 2 }) == (conn.resume and 1 or 5))");
    run(s);
    expect_ok(s);
    assert_int_equal(s->rows, 5);
    snprintf(cursor, sizeof cursor, "{\"next\":\"http://%s/base/list?skip=4\"}", s->rig.address);
    assert_non_null(strstr(s->cursors, cursor));
    run_from(s, cursor);
    expect_ok(s);
    assert_int_equal(s->rows, 1);
}

static void links_that_lead_nowhere_are_errors(void **state)
{
    struct stage *s = *state;
    s->answers = linked;
    adapter(s, "nil",
            "local function try(path, kind, text, options)\n"
            "  local good, err = pcall(page.links, conn, path, nil, options)\n"
            "  assert(not good and err.kind == kind and err.message:find(text, 1, true), path .. "
            "': ' .. tostring(err))\n"
            "end\n"
            "try('/loop', 'bad_answer', 'lead in a circle')\n"
            "try('/same', 'bad_answer', 'the same page came twice')\n"
            "try('/away', 'egress', 'elsewhere.example')\n"
            "try('/many', 'bad_answer', 'more than 2 pages', { max_pages = 2 })\n");
    run(s);
    expect_ok(s);
    assert_null(strstr(s->asked, "elsewhere"));
}

/* ---- mistakes ---- */

static void a_mistake_names_its_line(void **state)
{
    static const struct {
        const char *run;
        enum tn_kind kind;
        int line;
        const char *text;
    } mistakes[] = {
        {"error('by intent')", TN_E_script, 6, "by intent"},
        {"\nlocal x = nil; x.y = 1", TN_E_script, 7, "nil"},
        {"while true do end", TN_E_budget, 6, ""},
        {"local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end", TN_E_budget, 6, ""},
        {"conn.config.user = 'x'", TN_E_script, 6, "read-only"},
        {"conn:emit({}, 'rows')", TN_E_script, 6, ""},
        {"conn:emit(conn:get('/x'), 'rows')", TN_E_bad_answer, 0, "\"rows\""},
        {"conn:emit(conn:get('/x'), 'list', print)", TN_E_invalid, 0, "cursor"},
        {"conn:emit({ id = 1 })", TN_E_script, 6, "a list of records"},
        {"conn:emit({ 1 })", TN_E_script, 6, "record 1 is no table of members"},
        {"conn:emit({ { a = print } })", TN_E_invalid, 0, "record 1"},
        {"conn:emit({ { a = 1 } }, 'rows')", TN_E_script, 6, "no format"},
        {"conn:emit('a,b', 'rows')", TN_E_script, 6, "reply"},
        {"conn:emit('a,b', {})", TN_E_script, 6, "'format' is missing"},
        {"conn:emit('a,b', { format = 'yaml' })", TN_E_script, 6,
         "csv, xml, fixed, ndjson, edifact, x12 or idoc"},
        {"conn:emit('a,b', { format = 'csv', rows = 'x' })", TN_E_script, 6, "unknown option"},
        {"conn:emit('a', { format = 'fixed', columns = 'a' })", TN_E_script, 6, "name:first-last"},
        {"conn:emit('<a>', { format = 'xml', rows = 'b' })", TN_E_bad_answer, 0, "line 1, column"},
        {"conn:get('http://elsewhere.example/')", TN_E_egress, 0, "elsewhere.example"},
        {"conn:get('/x', { q = print })", TN_E_script, 6, "parameter q cannot be a function"},
        {"conn:get('/x', nil, { headers = { a = {} } })", TN_E_script, 6, "header a"},
        {"conn:get('/x', nil, { headers = { ['a b'] = 'c' } })", TN_E_invalid, 0, ""},
        {"conn:get('/x', nil, { timeout = -1 })", TN_E_script, 6, "timeout"},
    };
    static const struct canned answers[] = {{"GET /base/x", 200, NULL, "{\"list\":[1]}"}, {0}};
    struct stage *s = *state;
    s->answers = answers;
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        if (i) {
            tn_connections_free(s->rig.connections);
            tn_units_unref(s->rig.units);
        }
        adapter(s, "nil", mistakes[i].run);
        run(s);
        expect_error(s, mistakes[i].kind, mistakes[i].text);
        if (mistakes[i].line) assert_int_equal(s->err.line, mistakes[i].line);
        if (mistakes[i].line)
            assert_string_equal(s->err.file, "scripts/adapters/oracle_fusion.lua");
    }
}

static void emitted_pages_come_before_the_error(void **state)
{
    static const struct canned answers[] = {{"GET /base/x", 200, NULL, "[1,2]"}, {0}};
    struct stage *s = *state;
    s->answers = answers;
    adapter(s, "nil",
            "local r = conn:get('/x')\nassert(conn:emit(r, '') == 2)\nconn:emit(r, '', { 1 "
            "})\nerror('then this')");
    run(s);
    expect_error(s, TN_E_script, "then this");
    assert_int_equal(s->pages, 2);
    assert_string_equal(s->cursors, ";[1];");
}

/* Only the last page of an answer moves the cursor: until then a run goes on from before it. */
static void an_answer_of_many_pages_moves_the_cursor_at_its_end(void **state)
{
    struct stage *s = *state;
    adapter(s, "nil",
            "local function csv(n) return 'id,name\\n' .. ('1,\\\"a\\nb\\\"\\n'):rep(n) end\n"
            "assert(conn:emit(csv(1001), { format = 'csv' }, { at = 1 }, 9) == 1001)\n"
            "assert(conn:emit(csv(500), { format = 'csv' }, { at = 2 }) == 500)\n"
            "assert(conn:emit(csv(0), { format = 'csv' }, { at = 3 }) == 0)\n"
            "local records = {} for i = 1, 501 do records[i] = { id = i } end\n"
            "assert(conn:emit(records, nil, { at = 4 }) == 501)\n"
            "assert(conn:emit({}) == 0)\n"
            "assert(conn:emit('<l><i/><i/></l>', { format = 'xml', rows = 'l.i' }) == 2)");
    run_from(s, "{\"at\":0}");
    expect_ok(s);
    assert_int_equal(s->rows, 1001 + 500 + 501 + 2);
    assert_string_equal(s->cursors, "{\"at\":0};{\"at\":0};{\"at\":1};" /* 1001 */
                                    "{\"at\":1};{\"at\":2};"            /* 500, and an empty page */
                                    "{\"at\":2};{\"at\":4};{\"at\":4};");
    assert_string_equal(s->bad, "");
}

static void what_cannot_be_read_keeps_its_bytes(void **state)
{
    struct stage *s = *state;
    adapter(s, "nil",
            "local text = '\\xef\\xbb\\xbfid;n\\r\\n1;\\xe4;\"x\"\\r\\n2;b\\r\\n\\xff;c'\n"
            "conn:emit(text, { format = 'csv', delimiter = ';' })\n"
            "conn:emit('ab\\n\\xe4b\\r\\n', { format = 'fixed', columns = { 'a:1-1' } })\n"
            "conn:emit('{\"a\":1}\\n{oops}\\r\\n[]\\n{}', { format = 'ndjson' })");
    run(s);
    expect_ok(s);
    assert_int_equal(s->rows, 1 + 1 + 2);
    assert_non_null(strstr(s->bad, "line 2: 3 cells, but the header has 2 [1;\xe4;\"x\"];"));
    assert_non_null(strstr(s->bad, "[\xff;c];"));
    assert_non_null(strstr(s->bad, "[\xe4"
                                   "b];"));
    assert_non_null(strstr(s->bad, "[{oops}];"));
    assert_non_null(strstr(s->bad, "line 3: the line is an array, no object [[]];"));
}

static void filters_and_resume_arrive_exactly(void **state)
{
    struct stage *s = *state;
    adapter(s, "nil",
            "assert(next(filters) == nil)\nassert(conn.resume.id == 300000047274444)\n"
            "assert(conn.config.password == 'pass:word')\nlocal n = 0\n"
            "for _ in pairs(conn.config) do n = n + 1 end\nassert(n == 4)");
    run_from(s, "{\"id\":300000047274444}");
    expect_ok(s);
}

static void the_config_can_be_asked_for_by_name(void **state)
{
    struct stage *s = *state;
    adapter(
        s, "nil",
        "local config = require 'tenon.config'\n"
        "assert(config.get 'password' == 'pass:word' and config.get 'user' == conn.config.user)\n"
        "assert(config.integration() == 'plant_7')\n"
        "assert(table.concat(config.names(), ',') == 'url,user,password,list,more')\n"
        "local list = config.get 'list'\nassert(#list == 2 and list[2] == 'b')\nlist[1] = 'x'\n"
        "assert(config.get 'list'[1] == 'a' and conn.config.list[1] == 'a')\n"
        "assert(config.get 'more' == nil)\n"
        "local good, err = pcall(config.get, 'pasword')\n"
        "assert(not good and tostring(err):find(\"did you mean 'password'\", 1, true))\n"
        "good, err = pcall(config.get, 'zzzzzzzz')\n"
        "assert(not good and tostring(err):find('does not declare', 1, true))\n"
        "assert(not pcall(config.get) and not pcall(config.get, {}))\n"
        "assert(not pcall(function() config.user = 'x' end))");
    run(s);
    expect_ok(s);
}

/* ---- loading ---- */

#define HEAVY "(function() for i = 1, 300000 do local t = { i } end end)()"

static void on_loaded(void *arg, const struct tn_err *err)
{
    struct stage *s = arg;
    s->done = true;
    if (err) s->err = *err;
}

static struct tn_loading *load(struct stage *s, const char *operation)
{
    s->done = false;
    return tn_connections_load(s->rig.connections, 1, RIG_ID, operation, on_loaded, s);
}

static void loaded(struct stage *s, const char *operation)
{
    assert_non_null(load(s, operation));
    rig_until(&s->rig, &s->done);
}

static void a_file_that_takes_long_to_load_leaves_the_loop_its_time(void **state)
{
    struct stage *s = *state;
    int64_t began = tn_cpu_us();
    adapter(s, HEAVY, "");
    int64_t on_the_loop = tn_cpu_us() - began;
    began = tn_cpu_us();
    loaded(s, "sync_items");
    int64_t beside = tn_cpu_us() - began;
    expect_ok(s);
    if (beside > on_the_loop / 2)
        fail_msg("%lld us, %lld on the loop", (long long)beside, (long long)on_the_loop);
    began = tn_cpu_us();
    run(s);
    expect_ok(s);
    assert_true(tn_cpu_us() - began < on_the_loop / 2);
}

static void what_is_loaded_is_not_loaded_again(void **state)
{
    struct stage *s = *state;
    adapter(s, "nil", "");
    loaded(s, NULL);
    assert_null(load(s, NULL));
    loaded(s, "sync_items"); /* its mapping */
    assert_null(load(s, "sync_items"));
    assert_null(load(s, "no_such_operation")); /* is for whoever opens it to say */
    s->rig.version++;
    s->rig.disabled = true;
    assert_null(load(s, "sync_items"));
    s->rig.disabled = false;
    loaded(s, "sync_items");
    expect_ok(s);
    assert_null(load(s, "sync_items"));
}

static void what_changes_while_it_loads_is_loaded_as_it_is_then(void **state)
{
    struct stage *s = *state;
    adapter(s, HEAVY, "assert(conn.config.user == 'zoe!')");
    assert_non_null(load(s, "sync_items"));
    tn_loop_turn(s->rig.loop, false);
    memcpy(strstr(s->rig.config, "\xc3\xa9va"), "zoe!", 4);
    s->rig.version++;
    tn_connections_drop(s->rig.connections, RIG_ID);
    rig_until(&s->rig, &s->done);
    expect_ok(s);
    assert_null(load(s, "sync_items"));
    run(s);
    expect_ok(s);
}

static void what_cannot_be_loaded_says_why(void **state)
{
    struct stage *s = *state;
    adapter(s, "nil", "");
    snprintf(s->rig.config, sizeof s->rig.config, "{\"user\":\"anna\"}");
    loaded(s, "sync_items");
    expect_error(s, TN_E_invalid, "integration plant_7");
    tn_err_clear(&s->err);
    assert_non_null(load(s, "sync_items"));
}

static void loading_can_be_stopped(void **state)
{
    struct stage *s = *state;
    adapter(s, HEAVY, "");
    for (int turns = 0; turns < 5; turns++) {
        struct tn_loading *loading = load(s, "sync_items");
        for (int i = 0; i < turns; i++) tn_loop_turn(s->rig.loop, false);
        if (!s->done) tn_connections_stop(loading);
        for (int i = 0; i < 5; i++) tn_loop_turn(s->rig.loop, false);
        assert_false(s->done);
    }
    struct tn_probe *probe =
        tn_connections_health(s->rig.connections, 1, RIG_ID, 0, NULL, NULL, &s->err);
    assert_non_null(probe);
    tn_probe_cancel(probe);
    assert_non_null(load(s, "sync_items")); /* and ends with all of them */
}

#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, open_stage, close_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_STAGE(paths_are_appended_to_the_base),
        ON_STAGE(simple_ways_to_sign_in),
        ON_STAGE(what_peers_say_of_a_refusal),
        ON_STAGE(a_write_is_not_repeated_by_itself),
        ON_STAGE(bodies_do_not_pile_up),
        ON_STAGE(follows_links_to_the_end),
        ON_STAGE(links_that_lead_nowhere_are_errors),
        ON_STAGE(a_mistake_names_its_line),
        ON_STAGE(emitted_pages_come_before_the_error),
        ON_STAGE(an_answer_of_many_pages_moves_the_cursor_at_its_end),
        ON_STAGE(what_cannot_be_read_keeps_its_bytes),
        ON_STAGE(filters_and_resume_arrive_exactly),
        ON_STAGE(the_config_can_be_asked_for_by_name),
        ON_STAGE(a_file_that_takes_long_to_load_leaves_the_loop_its_time),
        ON_STAGE(what_is_loaded_is_not_loaded_again),
        ON_STAGE(what_changes_while_it_loads_is_loaded_as_it_is_then),
        ON_STAGE(what_cannot_be_loaded_says_why),
        ON_STAGE(loading_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
