/* SPDX-License-Identifier: MIT */
/* decl_adapter.c - tn.adapter {...} and its webhook. */
#include "scripts/decl_read.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "base/duration.h"
#include "base/hint.h"
#include "scripts/not_yet.h"

enum { NAMES_MAX = 63 };

static const struct key adapter_keys[] = {{"title", D_TEXT, false},
                                          {"type", D_TEXT, false},
                                          {"base", D_TEXT, false},
                                          {"config", D_TABLE, true},
                                          {"auth", D_BOX | D_TABLE, false},
                                          {"tls", D_TABLE, false},
                                          {"health", D_FUNCTION, false},
                                          {"operations", D_TABLE, false},
                                          {"webhook", D_TABLE | D_BOX, false},
                                          {NULL, 0, false}};
static const struct key tls_keys[] = {
    {"ca", D_TEXT, false}, {"cert", D_TEXT, false}, {"key", D_TEXT, false}, {NULL, 0, false}};
static const struct key operation_keys[] = {
    {"title", D_TEXT, false},           {"entity", D_TEXT, true},
    {"run", D_FUNCTION, true},          {"direction", D_TEXT, false},
    {"mapping", D_TEXT, false},         {"filters", D_TABLE, false},
    {"on_key_conflict", D_TEXT, false}, {NULL, 0, false}};
static const struct key webhook_keys[] = {
    {"signature", D_TEXT, false},    {"secret", D_TEXT, false},
    {"type", D_TEXT, false},         {"runs", D_TABLE, false},
    {"id", D_TEXT | D_TABLE, false}, {"replay_window", D_TEXT, false},
    {"retry", D_TABLE, false},       {NULL, 0, false}};
static const struct key hook_run_keys[] = {{"operation", D_TEXT, true},
                                           {"since", D_TEXT, false},
                                           {"filters", D_TABLE, false},
                                           {NULL, 0, false}};
static const struct key hook_id_keys[] = {
    {"header", D_TEXT, false}, {"path", D_TEXT, false}, {NULL, 0, false}};
static const struct key any_table[] = {{"#any", D_TABLE, false}, {NULL, 0, false}};

/* ---- auth ---- */

static const struct key none_keys[] = {{NULL, 0, false}};
static const struct key basic_keys[] = {
    {"user", D_TEXT, true}, {"password", D_TEXT, true}, {NULL, 0, false}};
static const struct key bearer_keys[] = {{"token", D_TEXT, true}, {NULL, 0, false}};
static const struct key api_key_keys[] = {
    {"key", D_TEXT, true}, {"header", D_TEXT, false}, {NULL, 0, false}};
static const struct {
    const char *kind, *what;
    const struct key *keys;
} auth_kinds[] = {{"none", "tn.auth.none", none_keys},
                  {"basic", "tn.auth.basic", basic_keys},
                  {"bearer", "tn.auth.bearer", bearer_keys},
                  {"api_key", "tn.auth.api_key", api_key_keys}};

static void check_auth_keys(struct reading *r, int table, const struct tn_auth *auth)
{
    int line = r->line;
    r->line = auth->line;
    for (size_t i = 0; i < sizeof auth_kinds / sizeof *auth_kinds; i++)
        if (strcmp(auth_kinds[i].kind, auth->kind) == 0)
            tn_decl_check(r, table, auth_kinds[i].keys, auth_kinds[i].what);
    r->line = line;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct tn_pair *)a)->key, ((const struct tn_pair *)b)->key);
}

static const struct tn_pair *text_pairs(struct reading *r, int table)
{
    lua_State *L = r->L;
    size_t n = 0;
    struct tn_pair *pairs = tn_decl_array(r, tn_decl_count(L, table), sizeof *pairs);
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING) continue;
        pairs[n].key = tn_decl_text(r, -2);
        pairs[n++].value = tn_decl_text(r, -1);
    }
    qsort(pairs, n, sizeof *pairs, by_key);
    return pairs;
}

static void read_auth(struct reading *r, int table, struct tn_auth *auth)
{
    lua_State *L = r->L;
    static const struct tn_pair none[1];
    *auth = (struct tn_auth){.kind = "none", .options = none};
    if (!tn_decl_push(r, table, "auth")) return;
    int value = lua_gettop(L);
    const struct tn_box *box = tn_box_test(L, value, NULL);
    auth->line = tn_decl_key_line(r, "auth");
    if (box && strcmp(box->what, "auth") != 0)
        tn_decl_fault(r, auth->line, "'auth' has to be one of tn.auth, not tn.%s", box->what);
    if (box) {
        auth->kind = tn_arena_strdup(&r->out->arena, box->kind);
        tn_box_options(L, value);
        check_auth_keys(r, value + 1, auth);
    } else {
        lua_pushvalue(L, value);
        auth->kind = tn_decl_opt_text(r, value, "kind");
        if (!auth->kind)
            tn_decl_fault(r, auth->line, "'auth' needs a kind: use tn.auth.basic { ... }");
    }
    auth->options = text_pairs(r, value + 1);
    if (strcmp(auth->kind, "session") == 0) auth->of = tn_decl_opt_texts(r, value + 1, "of");
    lua_settop(L, value - 1);
}

/* Checks that this option of 'auth' or 'tls' (of) names a declared config field. */
static void check_config_field(struct reading *r, const struct tn_adapter *a, const char *of,
                               const char *key, const char *field)
{
    const char *names[NAMES_MAX + 1] = {NULL};
    if (tn_field_find(a->fields, a->n_fields, tn_str(field))) return;
    for (size_t i = 0; i < a->n_fields && i < NAMES_MAX; i++) names[i] = a->fields[i].name;
    tn_decl_fault(r, tn_decl_key_line(r, key),
                  "%s: '%s' names the config field '%s', which is not declared%s", of, key, field,
                  tn_did_you_mean(tn_str(field), names).text);
}

/* Values of tn.auth options are names of config fields, so a misspelt one is found here. */
static void check_auth(struct reading *r, const struct tn_adapter *a)
{
    int line = r->line;
    static const char *const fields[] = {"user",   "password",  "token",  "key", "id",
                                         "secret", "token_url", "scopes", NULL};
    r->line = a->auth.line ? a->auth.line : r->line;
    for (const struct tn_pair *p = a->auth.options; p->key; p++) {
        const char *const *name = fields;
        while (*name && strcmp(*name, p->key) != 0) name++;
        if (*name) check_config_field(r, a, "auth", p->key, p->value);
    }
    for (const char *const *field = a->auth.of; field && *field; field++)
        check_config_field(r, a, "auth", "of", *field);
    r->line = line;
}

/* What a connection shows and trusts: names of config fields with PEM texts. */
static void check_tls(struct reading *r, int table, const struct tn_adapter *a)
{
    int line = r->line;
    if (!tn_decl_push(r, table, "tls")) return;
    int tls = lua_gettop(r->L);
    r->line = tn_decl_key_line(r, "tls");
    tn_decl_check(r, tls, tls_keys, "tls");
    for (const struct key *k = tls_keys; k->name; k++) {
        const char *field = tn_decl_opt_text(r, tls, k->name);
        if (field) check_config_field(r, a, "tls", k->name, field);
    }
    if (!tn_decl_opt_text(r, tls, "cert") != !tn_decl_opt_text(r, tls, "key"))
        tn_decl_fault(r, r->line, "'tls' needs 'cert' and 'key' together");
    lua_settop(r->L, tls - 1);
    r->line = line;
}

/* ---- operations ---- */

/* Reads "adopt" or "refuse"; refuse is the default. */
static bool read_adopt(struct reading *r, int table, const char *name)
{
    const char *word = tn_decl_opt_text(r, table, "on_key_conflict");
    bool adopt = word && strcmp(word, "adopt") == 0;
    if (word && !adopt && strcmp(word, "refuse") != 0)
        tn_decl_fault(r, tn_decl_key_line(r, "on_key_conflict"),
                      "'on_key_conflict' of %s has to be \"adopt\" or \"refuse\", not \"%s\"", name,
                      word);
    return adopt;
}

/* Operations only pull records; a declaration may say so. */
static void check_direction(struct reading *r, int table, const char *name)
{
    const char *direction = tn_decl_opt_text(r, table, "direction");
    if (!direction || strcmp(direction, "pull") == 0) return;
    const char *instead = tn_not_yet("direction", direction);
    if (instead)
        tn_decl_fault(r, tn_decl_key_line(r, "direction"),
                      "direction = \"%s\" has no effect in this version; %s", direction, instead);
    tn_decl_fault(r, tn_decl_key_line(r, "direction"),
                  "'direction' of %s has to be \"pull\", not \"%s\"", name, direction);
}

static void read_operation(struct reading *r, int table, struct tn_operation *o)
{
    lua_State *L = r->L;
    tn_decl_check_named(r, table, operation_keys, "operation", o->name);
    check_direction(r, table, o->name);
    o->title = tn_decl_opt_text(r, table, "title");
    o->entity = tn_decl_opt_text(r, table, "entity");
    o->mapping = tn_decl_opt_text(r, table, "mapping");
    o->run = tn_decl_opt_ref(r, table, "run");
    o->adopt = read_adopt(r, table, o->name);
    if (!tn_decl_push(r, table, "filters")) return;
    o->filters = tn_decl_fields(r, lua_gettop(L), "filters", &o->n_filters);
    tn_decl_not_unique(r, o->filters, o->n_filters, "filters");
    lua_pop(L, 1);
}

static int by_line(const void *pa, const void *pb)
{
    const struct tn_operation *a = pa, *b = pb;
    return a->line != b->line ? (a->line < b->line ? -1 : 1) : strcmp(a->name, b->name);
}

static const struct tn_operation *read_operations(struct reading *r, int table)
{
    lua_State *L = r->L;
    int line = r->line;
    size_t n = 0;
    if (!tn_decl_push(r, table, "operations"))
        return tn_decl_array(r, 0, sizeof(struct tn_operation));
    int list = lua_gettop(L), from = tn_decl_key_line(r, "operations");
    r->line = from;
    tn_decl_check(r, list, any_table, "operations");
    struct tn_operation *o = tn_decl_array(r, tn_decl_count(L, list), sizeof *o);
    for (lua_pushnil(L); lua_next(L, list); lua_pop(L, 1), n++) {
        r->line = from;
        o[n].name = tn_decl_text(r, -2);
        o[n].line = r->line = tn_decl_key_line(r, o[n].name);
        read_operation(r, lua_gettop(L), &o[n]);
    }
    lua_pop(L, 1);
    r->line = line;
    qsort(o, n, sizeof *o, by_line);
    return o;
}

/* ---- webhooks ---- */

static void check_paths(struct reading *r, int table, const struct tn_hook_run *run)
{
    lua_State *L = r->L;
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            tn_decl_fault(r, run->line, "the webhook's event '%s': 'filters' has names as keys",
                          run->event);
        if (lua_type(L, -1) != LUA_TSTRING)
            tn_decl_fault(r, run->line,
                          "the webhook's event '%s': the filter '%s' needs a path in the payload, "
                          "such as \"data.number\"",
                          run->event, lua_tostring(L, -2));
    }
}

static void read_hook_run(struct reading *r, int value, struct tn_hook_run *run)
{
    lua_State *L = r->L;
    if (lua_type(L, value) == LUA_TSTRING) {
        run->operation = tn_decl_text(r, value);
        return;
    }
    if (!lua_istable(L, value)) {
        tn_decl_fault(r, run->line, "the webhook's event '%s' has to name an operation, not %s",
                      run->event, tn_decl_type(L, value));
        return;
    }
    tn_decl_check(r, value, hook_run_keys, "runs of tn.webhook");
    run->operation = tn_decl_opt_text(r, value, "operation");
    run->since = tn_decl_opt_text(r, value, "since");
    if (tn_decl_push(r, value, "filters")) {
        check_paths(r, lua_gettop(L), run);
        run->filters = text_pairs(r, lua_gettop(L));
        lua_pop(L, 1);
    }
}

static int by_event(const void *a, const void *b)
{
    return strcmp(((const struct tn_hook_run *)a)->event, ((const struct tn_hook_run *)b)->event);
}

static const struct tn_hook_run *read_hook_runs(struct reading *r, int table)
{
    lua_State *L = r->L;
    size_t n = 0;
    struct tn_hook_run *runs = tn_decl_array(r, tn_decl_count(L, table), sizeof *runs);
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING) continue;
        runs[n].event = tn_decl_text(r, -2);
        runs[n].line = tn_decl_key_line(r, runs[n].event);
        read_hook_run(r, lua_gettop(L), &runs[n]);
        if (runs[n].operation) n++;
    }
    if (n) qsort(runs, n, sizeof *runs, by_event);
    return runs;
}

enum { SAME_DAYS = 30 }; /* how long an id that a sender gives is remembered */
static const int64_t day_ms = 86400000, body_ms = 300000;

static void read_hook_id(struct reading *r, int table, struct tn_webhook *hook)
{
    lua_State *L = r->L;
    int line = tn_decl_key_line(r, "id");
    if (!tn_decl_push(r, table, "id")) return;
    int value = lua_gettop(L);
    if (lua_istable(L, value)) {
        tn_decl_check(r, value, hook_id_keys, "id of tn.webhook");
        const char *header = tn_decl_opt_text(r, value, "header");
        const char *path = tn_decl_opt_text(r, value, "path");
        hook->same = header ? TN_SAME_header : TN_SAME_path;
        hook->same_name = header ? header : path;
        hook->same_ms = SAME_DAYS * day_ms;
        if (!header == !path) tn_decl_fault(r, line, "'id' has to name either a header or a path");
    } else {
        const char *word = tn_decl_text(r, value);
        hook->same = TN_SAME_body;
        hook->same_ms = body_ms;
        if (word && strcmp(word, "body") != 0)
            tn_decl_fault(r, line,
                          "'id' has to be \"body\", { header = \"...\" } or { path = \"...\" }, "
                          "not \"%s\"",
                          word);
    }
    lua_pop(L, 1);
}

static void read_replay_window(struct reading *r, int table, struct tn_webhook *hook)
{
    const char *text = tn_decl_opt_text(r, table, "replay_window");
    struct tn_duration d;
    int line = tn_decl_key_line(r, "replay_window");
    if (!text) return;
    bool ok = tn_duration_read(tn_str(text), &d) && !d.months;
    hook->same_ms = ok ? d.days * day_ms + d.ms : 0;
    if (hook->same_ms < 1 || hook->same_ms > SAME_DAYS * day_ms)
        tn_decl_fault(r, line,
                      "'replay_window' has to be a span such as \"5m\", of at most \"30d\"");
    if (hook->same != TN_SAME_body)
        tn_decl_fault(r, line,
                      "'replay_window' goes with id = \"body\" alone: ids of senders are "
                      "remembered for %d days",
                      SAME_DAYS);
}

/* A box, or a plain table. */
static const struct tn_webhook *read_webhook(struct reading *r, int index)
{
    lua_State *L = r->L;
    struct tn_webhook *hook = tn_decl_array(r, 0, sizeof *hook);
    const struct tn_box *box = tn_box_test(L, index, NULL);
    int line = r->line, top = lua_gettop(L);
    if (box && strcmp(box->what, "webhook") != 0)
        tn_decl_fault(r, box->line, "a tn.webhook is expected here, not tn.%s", box->what);
    hook->line = r->line = box ? box->line : tn_decl_key_line(r, "webhook");
    if (box && box->name[0]) tn_decl_refuse_vain(r, "tn.webhook", "name");
    if (box)
        tn_box_options(L, index);
    else
        lua_pushvalue(L, index);
    if (lua_istable(L, -1)) {
        tn_decl_check(r, top + 1, webhook_keys, "tn.webhook");
        hook->signature = tn_decl_opt_text(r, top + 1, "signature");
        hook->secret = tn_decl_opt_text(r, top + 1, "secret");
        hook->type = tn_decl_opt_text(r, top + 1, "type");
        read_hook_id(r, top + 1, hook);
        read_replay_window(r, top + 1, hook);
        tn_decl_retry(r, top + 1, &hook->retry);
        if (tn_decl_push(r, top + 1, "runs")) hook->runs = read_hook_runs(r, lua_gettop(L));
    }
    lua_settop(L, top);
    r->line = line;
    return hook;
}

static const struct tn_field *check_hook_filter(struct reading *r, const struct tn_operation *o,
                                                const struct tn_hook_run *run, const char *name)
{
    const char *names[NAMES_MAX + 1] = {NULL};
    const struct tn_field *f = tn_field_find(o->filters, o->n_filters, tn_str(name));
    for (size_t i = 0; i < o->n_filters && i < NAMES_MAX; i++) names[i] = o->filters[i].name;
    if (!f)
        tn_decl_fault(r, run->line, "the webhook's event '%s': '%s' has no filter '%s'%s",
                      run->event, o->name, name, tn_did_you_mean(tn_str(name), names).text);
    return f;
}

/* A run of a webhook whose only filter is `since` counts as one that has read all.  A time out of a
 * payload would leave a gap. */
static void check_not_since(struct reading *r, const struct tn_adapter *a,
                            const struct tn_hook_run *run, const char *filter)
{
    for (const struct tn_hook_run *other = a->webhook->runs; other->event; other++)
        if (other->since && strcmp(other->since, filter) == 0 &&
            strcmp(other->operation, run->operation) == 0)
            tn_decl_fault(
                r, run->line,
                "the webhook's event '%s': the filter '%s' cannot come out of the payload, "
                "since event '%s' gives it the time of the last good run",
                run->event, filter, other->event);
}

static void check_hook_run(struct reading *r, const struct tn_adapter *a,
                           const struct tn_hook_run *run)
{
    const char *names[NAMES_MAX + 1] = {NULL};
    const struct tn_operation *o = a->operations;
    for (size_t i = 0; o[i].name && i < NAMES_MAX; i++) names[i] = o[i].name;
    while (o->name && strcmp(o->name, run->operation) != 0) o++;
    if (!o->name) {
        tn_decl_fault(
            r, run->line, "the webhook's event '%s' runs '%s', but there is no such operation%s",
            run->event, run->operation, tn_did_you_mean(tn_str(run->operation), names).text);
        return;
    }
    const struct tn_field *since = run->since ? check_hook_filter(r, o, run, run->since) : NULL;
    if (since && since->type != TN_FIELD_time)
        tn_decl_fault(r, run->line,
                      "the webhook's event '%s': 'since' names the filter '%s', "
                      "which takes no time",
                      run->event, run->since);
    for (const struct tn_pair *p = run->filters; p && p->key; p++) {
        (void)check_hook_filter(r, o, run, p->key);
        check_not_since(r, a, run, p->key);
    }
}

static void check_webhook_runs(struct reading *r, const struct tn_adapter *a)
{
    for (const struct tn_hook_run *run = a->webhook->runs; run && run->event; run++)
        check_hook_run(r, a, run);
}

/* ---- the adapter ---- */

void tn_decl_read_adapter(struct reading *r, int table)
{
    lua_State *L = r->L;
    struct tn_adapter *a = &r->out->decl.adapter;
    tn_decl_check(r, table, adapter_keys, "tn.adapter");
    a->title = tn_decl_opt_text(r, table, "title");
    if (!a->title) a->title = r->out->decl.name;
    a->type = tn_decl_opt_text(r, table, "type");
    tn_decl_push(r, table, "config");
    a->fields = tn_decl_fields(r, lua_gettop(L), "config", &a->n_fields);
    tn_decl_not_unique(r, a->fields, a->n_fields, "config");
    lua_pop(L, 1);
    a->base = tn_decl_opt_text(r, table, "base");
    if (a->base && !tn_field_find(a->fields, a->n_fields, tn_str(a->base)))
        tn_decl_fault(r, tn_decl_key_line(r, "base"),
                      "'base' names the config field '%s', which is not "
                      "declared",
                      a->base);
    read_auth(r, table, &a->auth);
    check_auth(r, a);
    check_tls(r, table, a);
    a->health = tn_decl_opt_ref(r, table, "health");
    a->operations = read_operations(r, table);
    if (!tn_decl_push(r, table, "webhook")) return;
    a->webhook = read_webhook(r, lua_gettop(L));
    lua_pop(L, 1);
    check_webhook_runs(r, a);
}
