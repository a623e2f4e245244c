/* SPDX-License-Identifier: MIT */
/* The Oracle Fusion adapter against an upstream that misbehaves in every way that is known. */
#include "scripts_rig.h"

enum { FIRST = 47274444, ROWS_MAX = 2000 };

/* How the upstream behaves, and what it saw. */
struct upstream {
    int items, clamp;       /* rows there are; the most of one page */
    bool no_more, no_limit; /* hasMore, limit are not said */
    bool links;             /* next links are */
    bool stuck;             /* offset is not looked at */
    bool endless;           /* hasMore is always true */
    bool null_rows;
    int expire_at; /* page request (from 1) on which the token ends; 0: none */
    int status_at, status, status_times; /* page requests from status_at on */
    const char *retry_after, *refusal;   /* its JSON, instead of the usual */
    const char *body_at;                 /* what page request body_on is answered instead */
    const char *body_type;
    int body_on, body_times;
    const char *token_answer; /* instead of a token */
    int token_status;
    bool same_token;

    int tokens, pages, refused;
    char last_target[1024], last_token_body[512], last_token_auth[256], version[16];
};

static void json(struct tn_http_exchange *x, int status, const char *text)
{
    tn_http_reply(x, status, "application/json", tn_str(text));
}

static void give_token(struct upstream *u, struct tn_http_exchange *x)
{
    char text[256];
    struct tn_str auth = tn_http_get(x, "Authorization");
    u->tokens++;
    snprintf(u->last_token_body, sizeof u->last_token_body, "%.*s", TN_FMT(tn_http_body(x)));
    snprintf(u->last_token_auth, sizeof u->last_token_auth, "%.*s", TN_FMT(auth));
    if (u->token_answer) {
        json(x, u->token_status, u->token_answer);
        return;
    }
    snprintf(text, sizeof text,
             "{\"access_token\":\"tok-%d\",\"token_type\":\"Bearer\",\"expires_in\":3600}",
             u->same_token ? 1 : u->tokens);
    json(x, 200, text);
}

static int number(struct tn_http_exchange *x, const char *name, int otherwise)
{
    struct tn_str text = tn_http_query(x, name, NULL);
    return text.p ? atoi(text.p) : otherwise;
}

static void add_rows(const struct upstream *u, struct tn_buf *out, int offset, int count)
{
    if (u->null_rows && !count) {
        tn_buf_adds(out, "null");
        return;
    }
    tn_buf_addc(out, '[');
    for (int i = offset; i < offset + count; i++)
        tn_buf_addf(out, "%s{\"ItemId\":3000000%d,\"ItemNumber\":\"N%d\",\"ListPrice\":0.10}",
                    i > offset ? "," : "", FIRST + i, i);
    tn_buf_addc(out, ']');
}

static void give_page(struct upstream *u, struct tn_http_exchange *x)
{
    struct tn_buf out;
    int limit = number(x, "limit", 25), offset = u->stuck ? 0 : number(x, "offset", 0);
    if (u->clamp && limit > u->clamp) limit = u->clamp;
    int count = offset + limit > u->items ? u->items - offset : limit;
    if (count < 0) count = 0;
    bool more = u->endless || offset + count < u->items;
    tn_buf_init(&out, TN_MIB);
    tn_buf_adds(&out, "{\"items\":");
    add_rows(u, &out, offset, count);
    tn_buf_addf(&out, ",\"count\":%d", count);
    if (!u->no_more) tn_buf_addf(&out, ",\"hasMore\":%s", more ? "true" : "false");
    if (!u->no_limit) tn_buf_addf(&out, ",\"limit\":%d", limit);
    tn_buf_adds(&out, ",\"links\":[{\"rel\":\"self\",\"href\":\"x\"}");
    if (u->links && more) tn_buf_adds(&out, ",{\"rel\":\"next\",\"href\":\"y\"}");
    tn_buf_adds(&out, "]}");
    tn_http_reply(x, 200, "application/vnd.oracle.adf.resourcecollection+json", tn_buf_str(&out));
    tn_buf_clear(&out);
}

static bool token_is_good(const struct upstream *u, struct tn_http_exchange *x)
{
    char want[64];
    snprintf(want, sizeof want, "Bearer tok-%d", u->same_token ? 1 : u->tokens);
    return tn_str_is(tn_http_get(x, "Authorization"), want) && !(u->same_token && u->refused);
}

static void handle(void *arg, struct tn_http_exchange *x)
{
    struct upstream *u = arg;
    if (tn_str_is(tn_http_path(x)->text, "/oauth2/v1/token")) {
        give_token(u, x);
        return;
    }
    u->pages++;
    snprintf(u->last_target, sizeof u->last_target, "%.*s", TN_FMT(tn_http_target(x)));
    snprintf(u->version, sizeof u->version, "%.*s",
             TN_FMT(tn_http_get(x, "REST-Framework-Version")));
    if (u->expire_at && u->pages >= u->expire_at && !u->refused++) {
        tn_http_reply(x, 401, "text/html", TN_STR("<html>signed out</html>"));
    } else if (!token_is_good(u, x)) {
        u->refused++;
        tn_http_reply(x, 401, "text/html", TN_STR("<html>no</html>"));
    } else if (u->status_times && u->pages >= u->status_at) {
        u->status_times--;
        if (u->retry_after) tn_http_header(x, "Retry-After", tn_str(u->retry_after));
        json(x, u->status,
             u->refusal
                 ? u->refusal
                 : "{\"title\":\"T\",\"status\":\"400\",\"o:errorDetails\":[{\"detail\":\"the "
                   "<b>real</b> reason\","
                   "\"o:errorCode\":\"27520\"},{\"detail\":\"and another\"}]}");
    } else if (u->body_times && u->pages >= u->body_on) {
        u->body_times--;
        tn_http_reply(x, 200, u->body_type ? u->body_type : "application/json", tn_str(u->body_at));
    } else {
        give_page(u, x);
    }
}

/* ---- the engine's part ---- */

struct walk {
    struct tn_source source;
    int64_t ids[ROWS_MAX];
    size_t rows, pages;
    char cursor[128];
    int64_t total;
    struct tn_err err;
    bool ended, hold; /* hold: the next page is not asked for */
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
        assert_true(w->rows < ROWS_MAX);
        assert_true(tn_jint(tn_jget_z(it.value, "ItemId"), &w->ids[w->rows++]));
        assert_true(tn_str_is(tn_jraw(tn_jget_z(it.value, "ListPrice")), "0.10"));
    }
    tn_json_free(json);
    w->pages++;
    snprintf(w->cursor, sizeof w->cursor, "%.*s", TN_FMT(page->cursor));
    if (page->total >= 0) w->total = page->total;
    w->source.ops->release(w->source.self, page);
    if (!w->hold) w->source.ops->next(w->source.self, on_page, w);
}

static bool open_walk(struct rig *r, struct walk *w, const char *filters, const char *cursor,
                      struct tn_err *err)
{
    struct tn_run_request q = {.team = 1,
                               .integration = RIG_ID,
                               .operation = "sync_items",
                               .filters = tn_str(filters),
                               .cursor = tn_str(cursor)};
    memset(w, 0, sizeof *w);
    w->total = -1;
    return tn_source_adapters.open(r->connections, &q, &w->source, err);
}

static void walk(struct rig *r, struct walk *w, const char *filters, const char *cursor)
{
    struct tn_err err;
    if (!open_walk(r, w, filters, cursor, &err)) fail_msg("open: %s", err.text);
    w->source.ops->next(w->source.self, on_page, w);
    rig_until(r, &w->ended);
    w->source.ops->close(w->source.self);
}

static void expect_all(const struct walk *w, int items)
{
    if (w->err.kind != TN_E_none) fail_msg("%s", w->err.text);
    assert_int_equal(w->rows, items);
    for (int i = 0; i < items; i++) assert_int_equal(w->ids[i], 300000000000000 + FIRST + i);
}

struct stage {
    struct rig rig;
    struct upstream up;
    struct walk walk;
};

static int open_stage(void **state)
{
    struct stage *s = TN_NEW(struct stage);
    s->up = (struct upstream){.items = 250};
    rig_open(&s->rig, handle, &s->up);
    rig_connect(&s->rig);
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

/* ---- pages ---- */

static void all_pages_in_order_by_batch_size(void **state)
{
    struct stage *s = *state;
    walk(&s->rig, &s->walk, "{}", NULL);
    expect_all(&s->walk, 250);
    assert_int_equal(s->up.pages, 3);
    assert_int_equal(s->up.tokens, 1);
    assert_string_equal(s->up.last_target,
                        "/fscmRestApi/resources/11.13.18.05/itemsV2?limit=100&offset=200");
    assert_string_equal(s->walk.cursor, "{\"limit\":100,\"offset\":250}");
    assert_string_equal(s->walk.source.table, "items");
    assert_string_equal(s->walk.source.entity, "item");
    assert_string_equal(s->walk.source.mapping, "mappings/oracle_fusion/item.lua");
    assert_int_equal(strlen(s->walk.source.generation), 64);
    assert_string_equal(s->up.version, "");
}

static void a_second_run_uses_the_same_token(void **state)
{
    struct stage *s = *state;
    walk(&s->rig, &s->walk, "{}", NULL);
    walk(&s->rig, &s->walk, "{}", NULL);
    expect_all(&s->walk, 250);
    assert_int_equal(s->up.tokens, 1);
}

static void a_clamped_limit_skips_nothing(void **state)
{
    struct stage *s = *state;
    s->up.clamp = 40;
    walk(&s->rig, &s->walk, "{}", NULL);
    expect_all(&s->walk, 250);
    assert_int_equal(s->up.pages, 7);
}

static void a_short_page_ends_when_nothing_else_is_said(void **state)
{
    struct stage *s = *state;
    s->up.no_more = true;
    s->up.clamp = 40;
    walk(&s->rig, &s->walk, "{}", NULL);
    expect_all(&s->walk, 250);
    assert_int_equal(s->up.pages, 7);
}

static void pages_of_unknown_size_go_on_to_an_empty_one(void **state)
{
    struct stage *s = *state;
    s->up.no_more = s->up.no_limit = true;
    s->up.clamp = 40;
    walk(&s->rig, &s->walk, "{}", NULL);
    expect_all(&s->walk, 250);
    assert_int_equal(s->up.pages, 8);
}

static void a_missing_next_link_ends(void **state)
{
    struct stage *s = *state;
    s->up.no_more = s->up.no_limit = s->up.links = true;
    walk(&s->rig, &s->walk, "{}", NULL);
    expect_all(&s->walk, 250);
    assert_int_equal(s->up.pages, 3);
}

static void an_empty_page_ends_the_walk_and_fails_where_more_is_said(void **state)
{
    struct stage *s = *state;
    s->up.endless = true;
    for (int null_rows = 0; null_rows < 2; null_rows++) {
        s->up.null_rows = null_rows;
        walk(&s->rig, &s->walk, "{}", NULL);
        assert_int_equal(s->walk.rows, 250);
        assert_int_equal(s->walk.err.kind, TN_E_bad_answer);
        assert_non_null(strstr(s->walk.err.text, "there is more (hasMore), but its page is empty"));
    }
}

static void nothing_at_all_is_no_error(void **state)
{
    struct stage *s = *state;
    s->up.items = 0;
    walk(&s->rig, &s->walk, "{}", NULL);
    expect_all(&s->walk, 0);
    assert_int_equal(s->walk.pages, 0);
}

static void the_same_page_twice_is_an_error(void **state)
{
    struct stage *s = *state;
    s->up.stuck = true;
    walk(&s->rig, &s->walk, "{}", NULL);
    assert_int_equal(s->walk.err.kind, TN_E_bad_answer);
    assert_non_null(strstr(s->walk.err.text, "same page"));
    assert_int_equal(s->walk.rows, 100);
    assert_int_equal(s->up.pages, 2);
}

static void note_health(void *arg, const struct tn_health *h)
{
    struct walk *w = arg;
    w->err = h->err;
    w->ended = true;
}

/* Masking the bytes that came does not find what is spelt otherwise in them. */
static void a_secret_that_comes_back_escaped_is_masked(void **state)
{
    struct stage *s = *state;
    struct tn_err err;
    struct tn_log_options quiet = {.quiet = true};
    struct tn_log *log = tn_log_open(&quiet, &err);
    s->rig.env.log = log;
    s->up.status_at = 1;
    s->up.status = 400;
    s->up.status_times = 100;
    s->up.refusal = "{\"title\":\"you sent secret\\u002dof\\u002dthe-client?\"}";
    walk(&s->rig, &s->walk, "{}", NULL);
    assert_non_null(strstr(s->walk.err.text, "you sent ********************?"));
    s->walk = (struct walk){0};
    assert_non_null(
        tn_connections_health(s->rig.connections, 1, RIG_ID, 0, note_health, &s->walk, &err));
    rig_until(&s->rig, &s->walk.ended);
    assert_non_null(strstr(s->walk.err.text, "you sent ********************?"));
    tn_connections_free(s->rig.connections);
    s->rig.connections = NULL;
    for (int i = 0; i < 20; i++) tn_loop_turn(s->rig.loop, false);
    s->rig.env.log = NULL;
    tn_log_close(log);
}

static void goes_on_from_a_cursor(void **state)
{
    struct stage *s = *state;
    walk(&s->rig, &s->walk, "{}", "{\"limit\":50,\"offset\":100}");
    assert_int_equal(s->walk.err.kind, TN_E_none);
    assert_int_equal(s->walk.rows, 150);
    assert_int_equal(s->walk.ids[0], 300000000000000 + FIRST + 100);
    assert_int_equal(s->up.pages, 3);
}

static void the_batch_size_is_the_configs(void **state)
{
    struct stage *s = *state;
    rig_config(&s->rig, "\"batchSize\":250");
    walk(&s->rig, &s->walk, "{}", NULL);
    expect_all(&s->walk, 250);
    assert_int_equal(s->up.pages, 1);
}

static void fetches_no_further_ahead_than_two_pages(void **state)
{
    struct stage *s = *state;
    struct tn_err err;
    s->up.items = 1000;
    assert_true(open_walk(&s->rig, &s->walk, "{}", NULL, &err));
    s->walk.hold = true;
    s->walk.source.ops->next(s->walk.source.self, on_page, &s->walk);
    for (int i = 0; i < 400; i++) tn_loop_turn(s->rig.loop, false), usleep(500);
    assert_int_equal(s->walk.pages, 1);
    assert_int_equal(s->up.pages, 3);
    s->walk.hold = false;
    s->walk.source.ops->next(s->walk.source.self, on_page, &s->walk);
    rig_until(&s->rig, &s->walk.ended);
    s->walk.source.ops->close(s->walk.source.self);
    expect_all(&s->walk, 1000);
}

static void can_be_closed_at_any_time(void **state)
{
    struct stage *s = *state;
    struct tn_err err;
    for (int turns = 0; turns < 60; turns++) {
        assert_true(open_walk(&s->rig, &s->walk, "{}", NULL, &err));
        s->walk.source.ops->next(s->walk.source.self, on_page, &s->walk);
        for (int i = 0; i < turns; i++) tn_loop_turn(s->rig.loop, false), usleep(200);
        s->walk.source.ops->close(s->walk.source.self);
    }
}

/* ---- signing in ---- */

static void a_token_that_ends_midway_is_renewed_once(void **state)
{
    struct stage *s = *state;
    s->up.expire_at = 2;
    walk(&s->rig, &s->walk, "{}", NULL);
    expect_all(&s->walk, 250);
    assert_int_equal(s->up.tokens, 2);
    assert_int_equal(s->up.pages, 4);
}

static void a_renewed_token_that_is_refused_too_ends_the_run(void **state)
{
    struct stage *s = *state;
    s->up.expire_at = 1;
    s->up.status_at = 1, s->up.status = 401, s->up.status_times = 100;
    walk(&s->rig, &s->walk, "{}", NULL);
    assert_int_equal(s->walk.err.kind, TN_E_auth);
    assert_int_equal(s->up.tokens, 2);
    assert_int_equal(s->up.pages, 2);
}

static void the_very_token_again_is_no_renewal(void **state)
{
    struct stage *s = *state;
    s->up.same_token = true;
    s->up.expire_at = 1;
    walk(&s->rig, &s->walk, "{}", NULL);
    assert_int_equal(s->walk.err.kind, TN_E_auth);
    assert_int_equal(s->up.tokens, 2);
    assert_int_equal(s->up.pages, 1);
}

static void wrong_credentials_are_not_tried_again_and_again(void **state)
{
    struct stage *s = *state;
    s->up.token_status = 401;
    s->up.token_answer = "{\"error\":\"invalid_client\",\"error_description\":\"no such client\"}";
    for (int i = 0; i < 3; i++) {
        walk(&s->rig, &s->walk, "{}", NULL);
        assert_int_equal(s->walk.err.kind, TN_E_auth);
        assert_non_null(strstr(s->walk.err.text, "client id or the client secret"));
    }
    assert_int_equal(s->up.tokens, 1);
    assert_int_equal(s->up.pages, 0);
    rig_config(&s->rig, "\"batchSize\":50"); /* a changed config is tried at once */
    walk(&s->rig, &s->walk, "{}", NULL);
    assert_int_equal(s->up.tokens, 2);
}

static void a_token_answer_that_is_none(void **state)
{
    static const struct {
        int status;
        const char *answer;
        enum tn_kind kind;
    } bad[] = {{200, "<html>", TN_E_bad_answer},
               {200, "{}", TN_E_bad_answer},
               {200, "{\"access_token\":7}", TN_E_bad_answer},
               {200, "{\"access_token\":\"a\\nb\"}", TN_E_bad_answer},
               {200, "null", TN_E_bad_answer},
               {400, "{\"error\":\"invalid_scope\"}", TN_E_auth},
               {403, "no", TN_E_denied},
               {404, "no", TN_E_upstream}};
    struct stage *s = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        s->up.token_status = bad[i].status;
        s->up.token_answer = bad[i].answer;
        rig_config(&s->rig, "");
        walk(&s->rig, &s->walk, "{}", NULL);
        if (s->walk.err.kind != bad[i].kind) fail_msg("%zu: %s", i, s->walk.err.text);
    }
}

static void the_token_request_is_a_form_with_basic_auth(void **state)
{
    struct stage *s = *state;
    rig_config(
        &s->rig,
        "\"scopes\":[\"urn:opc:resource:fa:instanceid=7\",\"urn:opc:resource:consumer::all\"]");
    walk(&s->rig, &s->walk, "{}", NULL);
    assert_string_equal(
        s->up.last_token_body,
        "grant_type=client_credentials&scope=urn%3Aopc%3Aresource%3Afa%3Ainstanceid%3D7%20"
        "urn%3Aopc%3Aresource%3Aconsumer%3A%3Aall");
    assert_string_equal(s->up.last_token_auth, "Basic Y2xpZW50OnNlY3JldC1vZi10aGUtY2xpZW50");
    rig_config(&s->rig, "\"authStyle\":\"body\"");
    walk(&s->rig, &s->walk, "{}", NULL);
    assert_string_equal(s->up.last_token_auth, "");
    assert_non_null(
        strstr(s->up.last_token_body, "&client_id=client&client_secret=secret-of-the-client"));
}

struct probes {
    int done, connected;
    bool all;
    char version[64], text[512];
    enum tn_kind kind;
};

static void on_health(void *arg, const struct tn_health *h)
{
    struct probes *p = arg;
    p->connected += h->connected;
    p->kind = h->err.kind;
    snprintf(p->version, sizeof p->version, "%s", h->version ? h->version : "");
    snprintf(p->text, sizeof p->text, "%s", h->err.text);
    p->all = ++p->done == 5;
}

static void five_probes(struct stage *s, struct probes *p)
{
    struct tn_err err;
    *p = (struct probes){0};
    for (int i = 0; i < 5; i++)
        if (!tn_connections_health(s->rig.connections, 1, RIG_ID, 0, on_health, p, &err))
            fail_msg("%s", err.text);
    rig_until(&s->rig, &p->all);
}

static void many_at_once_sign_in_once(void **state)
{
    struct stage *s = *state;
    struct probes p;
    five_probes(s, &p);
    assert_int_equal(p.connected, 5);
    assert_string_equal(p.version, "11.13.18.05");
    assert_int_equal(s->up.tokens, 1);
    assert_int_equal(s->up.pages, 5);
}

static void many_at_once_are_refused_once(void **state)
{
    struct stage *s = *state;
    struct probes p;
    s->up.token_status = 401;
    s->up.token_answer = "{\"error\":\"invalid_client\"}";
    five_probes(s, &p);
    assert_int_equal(p.connected, 0);
    assert_int_equal(p.kind, TN_E_auth);
    assert_int_equal(s->up.tokens, 1);
}

static void a_refusal_names_scope_or_privilege(void **state)
{
    struct stage *s = *state;
    struct probes p;
    s->up.status_at = 1, s->up.status = 403, s->up.status_times = 100;
    five_probes(s, &p);
    assert_int_equal(p.kind, TN_E_denied);
    assert_non_null(strstr(p.text, "privilege"));
    assert_non_null(strstr(p.text, "the real reason"));
    assert_int_equal(s->up.tokens, 1);
    rig_config(&s->rig, "\"scopes\":[\"urn:opc:resource:fa:instanceid=7\"]");
    five_probes(s, &p);
    assert_non_null(strstr(p.text, "lacks the scope urn:opc:resource:consumer::all"));
}

static void a_probe_can_be_cancelled(void **state)
{
    struct stage *s = *state;
    struct probes p = {0};
    struct tn_err err;
    for (int turns = 0; turns < 20; turns++) {
        struct tn_probe *probe =
            tn_connections_health(s->rig.connections, 1, RIG_ID, 0, on_health, &p, &err);
        assert_non_null(probe);
        for (int i = 0; i < turns && !p.done; i++) tn_loop_turn(s->rig.loop, false), usleep(100);
        if (!p.done) tn_probe_cancel(probe);
        p.done = 0;
    }
    for (int i = 0; i < 100; i++) tn_loop_turn(s->rig.loop, false), usleep(100);
    assert_int_equal(p.done, 0);
}

/* ---- bad answers ---- */

static void a_busy_upstream_is_asked_again(void **state)
{
    static const int statuses[] = {408, 429, 500, 502, 503, 504};
    struct stage *s = *state;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        s->up.pages = 0;
        s->up.status_at = 2, s->up.status = statuses[i], s->up.status_times = 2;
        s->up.retry_after = statuses[i] == 429 ? "0" : NULL;
        walk(&s->rig, &s->walk, "{}", NULL);
        expect_all(&s->walk, 250);
        assert_int_equal(s->up.pages, 5);
    }
}

static void a_refusal_is_not_repeated(void **state)
{
    struct stage *s = *state;
    s->up.status_at = 2, s->up.status = 400, s->up.status_times = 100;
    walk(&s->rig, &s->walk, "{}", NULL);
    assert_int_equal(s->walk.err.kind, TN_E_upstream);
    assert_non_null(strstr(s->walk.err.text, "HTTP 400: the real reason [27520]; and another"));
    assert_int_equal(s->walk.rows, 100); /* what came before it was handed over */
    assert_int_equal(s->up.pages, 2);
}

static void retries_come_to_an_end(void **state)
{
    struct stage *s = *state;
    s->up.status_at = 1, s->up.status = 503, s->up.status_times = 1000;
    rig_config(&s->rig, "\"retryAttempts\":2");
    walk(&s->rig, &s->walk, "{}", NULL);
    assert_int_equal(s->walk.err.kind, TN_E_unavailable);
    assert_int_equal(s->up.pages, 3);
}

static void a_page_that_takes_too_long_is_asked_for_in_halves(void **state)
{
    struct stage *s = *state;
    s->up.status_at = 1, s->up.status = 504, s->up.status_times = 1;
    rig_config(&s->rig, "\"retryAttempts\":0");
    walk(&s->rig, &s->walk, "{}", NULL);
    expect_all(&s->walk, 250);
    assert_int_equal(s->up.pages, 6);
    assert_string_equal(s->walk.cursor, "{\"limit\":50,\"offset\":250}");
}

static void a_web_page_with_200_is_no_data(void **state)
{
    struct stage *s = *state;
    s->up.body_at = "<!doctype html><title>Sign in</title>";
    s->up.body_type = "text/html; charset=utf-8";
    s->up.body_on = 2, s->up.body_times = 100;
    walk(&s->rig, &s->walk, "{}", NULL);
    assert_int_equal(s->walk.err.kind, TN_E_bad_answer);
    assert_non_null(strstr(s->walk.err.text, "web page"));
    assert_int_equal(s->walk.rows, 100);
    s->up.body_type = "application/json";
    s->up.body_on = 1, s->up.body_times = 100;
    walk(&s->rig, &s->walk, "{}", NULL);
    assert_int_equal(s->walk.err.kind, TN_E_bad_answer);
    assert_non_null(strstr(s->walk.err.text, "web page"));
}

static void broken_json_is_asked_for_once_more(void **state)
{
    struct stage *s = *state;
    s->up.body_at = "{\"items\":[{\"ItemId\":1,";
    s->up.body_on = 2, s->up.body_times = 1;
    walk(&s->rig, &s->walk, "{}", NULL);
    expect_all(&s->walk, 250);
    s->up.pages = 0, s->up.body_on = 2, s->up.body_times = 100;
    walk(&s->rig, &s->walk, "{}", NULL);
    assert_int_equal(s->walk.err.kind, TN_E_bad_answer);
    assert_int_equal(s->up.pages, 3);
}

static void an_answer_without_rows_is_said(void **state)
{
    static const char *const bodies[] = {"{\"rows\":[]}", "[]", "7", "{\"items\":7}",
                                         "{\"items\":\"x\"}"};
    struct stage *s = *state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        s->up.body_at = bodies[i];
        s->up.body_on = 1, s->up.body_times = 1;
        walk(&s->rig, &s->walk, "{}", NULL);
        assert_int_equal(s->walk.err.kind, TN_E_bad_answer);
        assert_non_null(strstr(s->walk.err.text, "\"items\""));
    }
}

static void a_byte_order_mark_does_no_harm(void **state)
{
    struct stage *s = *state;
    s->up.body_at = "\xef\xbb\xbf{\"items\":[{\"ItemId\":300000047274444,\"ListPrice\":0.10}],"
                    "\"hasMore\":false}";
    s->up.body_on = 1, s->up.body_times = 1;
    walk(&s->rig, &s->walk, "{}", NULL);
    expect_all(&s->walk, 1);
}

/* ---- what is asked ---- */

static void filters_of_the_reference_dialect(void **state)
{
    struct stage *s = *state;
    walk(&s->rig, &s->walk,
         "{\"organizationCode\":\"M1\",\"itemClass\":\"Manufactured\","
         "\"modifiedSince\":\"2024-10-01T02:00:00+02:00\"}",
         "{\"offset\":249,\"limit\":100}");
    assert_string_equal(
        s->up.last_target,
        "/fscmRestApi/resources/11.13.18.05/itemsV2?finder=findByLastUpdateDate%3B"
        "LastUpdateDate%3E%3D2024-10-01T00%3A00%3A00%2B00%3A00&itemClass=Manufactured&"
        "limit=100&offset=249&organizationCode=M1");
}

static void filters_of_the_real_dialect(void **state)
{
    struct stage *s = *state;
    rig_config(&s->rig, "\"dialect\":\"real\",\"releaseVersion\":\"latest1\"");
    struct tn_err err;
    assert_false(open_walk(&s->rig, &s->walk, "{}", NULL, &err));
    assert_int_equal(err.kind, TN_E_invalid);
    assert_string_equal(err.field, "config.releaseVersion");
    rig_config(&s->rig, "\"dialect\":\"real\",\"releaseVersion\":\"11.13.18.99\"");
    walk(&s->rig, &s->walk,
         "{\"organizationCode\":\"M'1\",\"itemClass\":\"Root\",\"modifiedSince\":\"2024-10-01T00:"
         "00:00Z\"}",
         "{\"offset\":249,\"limit\":100}");
    assert_string_equal(
        s->up.last_target,
        "/fscmRestApi/resources/11.13.18.99/itemsV2?limit=100&offset=249&onlyData=true&"
        "orderBy=ItemId%2COrganizationId&q=OrganizationCode%3D%27M%27%271%27%20and%20"
        "ItemClass%3D%27Root%27%20and%20LastUpdateDate%3E%3D%27"
        "2024-10-01T00%3A00%3A00%2B00%3A00%27&totalResults=true");
    assert_string_equal(s->up.version, "4");
}

static void refused(struct stage *s, const char *filters, enum tn_kind kind, const char *field)
{
    struct tn_err err;
    assert_false(open_walk(&s->rig, &s->walk, filters, NULL, &err));
    assert_int_equal(err.kind, kind);
    assert_string_equal(err.field, field);
}

static void what_does_not_fit_is_refused_before_any_call(void **state)
{
    struct stage *s = *state;
    struct tn_err err;
    refused(s, "{\"itemClass\":\"root\"}", TN_E_invalid, "filters.itemClass");
    refused(s, "{\"colour\":\"red\"}", TN_E_invalid, "filters.colour");
    refused(s, "{\"modifiedSince\":\"yesterday\"}", TN_E_invalid, "filters.modifiedSince");
    rig_config(&s->rig, "\"webhookSecret\":\"short\"");
    refused(s, "{}", TN_E_invalid, "config.webhookSecret");
    rig_config(&s->rig, "\"colour\":1");
    refused(s, "{}", TN_E_invalid, "config.colour");
    rig_config(&s->rig, "");
    s->rig.disabled = true;
    refused(s, "{}", TN_E_unavailable, "");
    s->rig.disabled = false;
    s->rig.version++;
    struct tn_run_request q = {.team = 1, .integration = RIG_ID, .operation = "sync_boms"};
    assert_false(tn_source_adapters.open(s->rig.connections, &q, &s->walk.source, &err));
    assert_int_equal(err.kind, TN_E_not_found);
    q = (struct tn_run_request){.team = 2, .integration = RIG_ID, .operation = "sync_items"};
    assert_false(tn_source_adapters.open(s->rig.connections, &q, &s->walk.source, &err));
    assert_int_equal(err.kind, TN_E_not_found);
    assert_int_equal(s->up.pages + s->up.tokens, 0);
}

static void without_permission_loopback_is_not_called(void **state)
{
    struct stage *s = *state;
    struct tn_err err;
    struct tn_http_client_options o = {0};
    tn_http_client_free(s->rig.http);
    s->rig.env.http = s->rig.http = tn_http_client_new(s->rig.loop, &o, &err);
    walk(&s->rig, &s->walk, "{}", NULL);
    assert_int_equal(s->walk.err.kind, TN_E_egress);
    assert_int_equal(s->up.pages + s->up.tokens, 0);
}

#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, open_stage, close_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_STAGE(all_pages_in_order_by_batch_size),
        ON_STAGE(a_second_run_uses_the_same_token),
        ON_STAGE(a_clamped_limit_skips_nothing),
        ON_STAGE(a_short_page_ends_when_nothing_else_is_said),
        ON_STAGE(pages_of_unknown_size_go_on_to_an_empty_one),
        ON_STAGE(a_missing_next_link_ends),
        ON_STAGE(an_empty_page_ends_the_walk_and_fails_where_more_is_said),
        ON_STAGE(nothing_at_all_is_no_error),
        ON_STAGE(the_same_page_twice_is_an_error),
        ON_STAGE(a_secret_that_comes_back_escaped_is_masked),
        ON_STAGE(goes_on_from_a_cursor),
        ON_STAGE(the_batch_size_is_the_configs),
        ON_STAGE(fetches_no_further_ahead_than_two_pages),
        ON_STAGE(can_be_closed_at_any_time),
        ON_STAGE(a_token_that_ends_midway_is_renewed_once),
        ON_STAGE(a_renewed_token_that_is_refused_too_ends_the_run),
        ON_STAGE(the_very_token_again_is_no_renewal),
        ON_STAGE(wrong_credentials_are_not_tried_again_and_again),
        ON_STAGE(a_token_answer_that_is_none),
        ON_STAGE(the_token_request_is_a_form_with_basic_auth),
        ON_STAGE(many_at_once_sign_in_once),
        ON_STAGE(many_at_once_are_refused_once),
        ON_STAGE(a_refusal_names_scope_or_privilege),
        ON_STAGE(a_probe_can_be_cancelled),
        ON_STAGE(a_busy_upstream_is_asked_again),
        ON_STAGE(a_refusal_is_not_repeated),
        ON_STAGE(retries_come_to_an_end),
        ON_STAGE(a_page_that_takes_too_long_is_asked_for_in_halves),
        ON_STAGE(a_web_page_with_200_is_no_data),
        ON_STAGE(broken_json_is_asked_for_once_more),
        ON_STAGE(an_answer_without_rows_is_said),
        ON_STAGE(a_byte_order_mark_does_no_harm),
        ON_STAGE(filters_of_the_reference_dialect),
        ON_STAGE(filters_of_the_real_dialect),
        ON_STAGE(what_does_not_fit_is_refused_before_any_call),
        ON_STAGE(without_permission_loopback_is_not_called),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
