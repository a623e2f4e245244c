/* SPDX-License-Identifier: MIT */
/* decl_adapter.c - tn.adapter {...}, and webhooks, which rules have too. */
#include "scripts/decl_read.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "base/hint.h"

enum { NAMES_MAX = 63 };

static const struct key adapter_keys[] = {{"title", D_TEXT, false},
                                          {"type", D_TEXT, false},
                                          {"base", D_TEXT, false},
                                          {"config", D_TABLE, true},
                                          {"auth", D_BOX | D_TABLE, false},
                                          {"health", D_FUNCTION, false},
                                          {"connect", D_FUNCTION, false},
                                          {"pull", D_TABLE, false},
                                          {"push", D_TABLE, false},
                                          {"operations", D_TABLE, false},
                                          {"modules", D_TABLE, false},
                                          {"webhook", D_TABLE | D_BOX, false},
                                          {NULL, 0, false}};
static const struct key operation_keys[] = {
    {"title", D_TEXT, false},   {"entity", D_TEXT, true},           {"direction", D_TEXT, false},
    {"mapping", D_TEXT, false}, {"schedule", D_TEXT, false},        {"filters", D_TABLE, false},
    {"run", D_FUNCTION, false}, {"on_key_conflict", D_TEXT, false}, {NULL, 0, false}};
static const struct key webhook_keys[] = {{"signature", D_TEXT, false},
                                          {"secret", D_TEXT, false},
                                          {"id", D_TEXT, false},
                                          {"type", D_TEXT, false},
                                          {"replay_window", D_TEXT, false},
                                          {"runs", D_TABLE, false},
                                          {NULL, 0, false}};
static const struct key any_function[] = {{"#any", D_FUNCTION, false}, {NULL, 0, false}};
static const struct key any_table[] = {{"#any", D_TABLE, false}, {NULL, 0, false}};

/* ---- functions by name ---- */

static int by_entity(const void *a, const void *b)
{
    return strcmp(((const struct tn_entity_fn *)a)->entity,
                  ((const struct tn_entity_fn *)b)->entity);
}

const struct tn_entity_fn *tn_decl_functions(struct reading *r, int table, const char *what)
{
    lua_State *L = r->L;
    tn_decl_check(r, table, any_function, what);
    size_t n = 0;
    struct tn_entity_fn *list = tn_decl_array(r, tn_decl_count(L, table), sizeof *list);
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1), n++) {
        list[n].entity = tn_decl_text(r, -2);
        list[n].line = tn_decl_key_line(r, list[n].entity);
        list[n].ref = tn_decl_ref(r, lua_gettop(L));
    }
    qsort(list, n, sizeof *list, by_entity);
    return list;
}

static const struct tn_entity_fn *opt_functions(struct reading *r, int table, const char *key)
{
    static const struct tn_entity_fn none[1];
    int line = r->line;
    if (!tn_decl_push(r, table, key)) return none;
    r->line = tn_decl_key_line(r, key);
    const struct tn_entity_fn *list = tn_decl_functions(r, lua_gettop(r->L), key);
    lua_pop(r->L, 1);
    r->line = line;
    return list;
}

/* ---- auth ---- */

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

/* Of auth, key names a config field. */
static void check_auth_field(struct reading *r, const struct tn_adapter *a, const char *key,
                             const char *field)
{
    const char *names[NAMES_MAX + 1] = {NULL};
    if (tn_field_find(a->fields, a->n_fields, tn_str(field))) return;
    for (size_t i = 0; i < a->n_fields && i < NAMES_MAX; i++) names[i] = a->fields[i].name;
    r->line = a->auth.line;
    tn_decl_fault(r, tn_decl_key_line(r, key),
                  "auth: '%s' names the config field '%s', which is not declared%s", key, field,
                  tn_did_you_mean(tn_str(field), names).text);
}

/* Values of tn.auth options are names of config fields, so a misspelt one is found here. */
static void check_auth(struct reading *r, const struct tn_adapter *a)
{
    static const char *const fields[] = {"user",   "password",  "token",  "key", "id",
                                         "secret", "token_url", "scopes", NULL};
    for (const struct tn_pair *p = a->auth.options; p->key; p++) {
        const char *const *name = fields;
        while (*name && strcmp(*name, p->key) != 0) name++;
        if (*name) check_auth_field(r, a, p->key, p->value);
    }
    for (const char *const *field = a->auth.of; field && *field; field++)
        check_auth_field(r, a, "of", *field);
}

/* ---- operations ---- */

/* "adopt" or "refuse", which is also what is meant by nothing. */
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

static void read_operation(struct reading *r, int table, struct tn_operation *o)
{
    lua_State *L = r->L;
    tn_decl_check(r, table, operation_keys, o->name);
    o->title = tn_decl_opt_text(r, table, "title");
    o->entity = tn_decl_opt_text(r, table, "entity");
    o->direction = tn_decl_opt_text(r, table, "direction");
    o->mapping = tn_decl_opt_text(r, table, "mapping");
    o->schedule = tn_decl_opt_text(r, table, "schedule");
    o->run = tn_decl_opt_ref(r, table, "run");
    if (!o->direction) o->direction = "pull";
    o->adopt = read_adopt(r, table, o->name);
    if (strcmp(o->direction, "pull") != 0 && strcmp(o->direction, "push") != 0)
        tn_decl_fault(r, tn_decl_key_line(r, "direction"),
                      "'direction' of %s has to be \"pull\" or "
                      "\"push\", not \"%s\"",
                      o->name, o->direction);
    if (!tn_decl_push(r, table, "filters")) return;
    o->filters = tn_decl_fields(r, lua_gettop(L), "filters", &o->n_filters);
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

static bool has_entity(const struct tn_entity_fn *list, const char *entity)
{
    while (list->entity && strcmp(list->entity, entity) != 0) list++;
    return list->entity != NULL;
}

/* An operation without its own run is done by the function of its entity. */
static void check_operations(struct reading *r, const struct tn_adapter *a)
{
    for (const struct tn_operation *o = a->operations; o->name; o++) {
        const struct tn_entity_fn *list = strcmp(o->direction, "pull") == 0 ? a->pull : a->push;
        if (o->run == LUA_NOREF && !has_entity(list, o->entity))
            tn_decl_fault(r, o->line, "the operation '%s' has neither 'run' nor a function %s.%s",
                          o->name, o->direction, o->entity);
    }
}

/* ---- webhooks ---- */

/* "90s", "5m", "2h", "1d"; -1: it is none. */
static int64_t duration_ms(const char *text)
{
    char *end;
    long n = strtol(text, &end, 10);
    static const struct {
        char unit;
        int64_t ms;
    } units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};
    if (end == text || n < 0 || n > 1000000 || !end[0] || end[1]) return -1;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (*end == units[i].unit) return n * units[i].ms;
    return -1;
}

const struct tn_webhook *tn_decl_webhook(struct reading *r, int index)
{
    lua_State *L = r->L;
    struct tn_webhook *hook = tn_decl_array(r, 0, sizeof *hook);
    const struct tn_box *box = tn_box_test(L, index, NULL);
    int line = r->line, top = lua_gettop(L);
    if (box && strcmp(box->what, "webhook") != 0)
        tn_decl_fault(r, box->line, "a tn.webhook is expected here, not tn.%s", box->what);
    hook->line = r->line = box ? box->line : tn_decl_key_line(r, "webhook");
    if (box && box->name[0]) hook->name = tn_arena_strdup(&r->out->arena, box->name);
    if (box)
        tn_box_options(L, index);
    else
        lua_pushvalue(L, index);
    if (lua_istable(L, -1)) {
        tn_decl_check(r, top + 1, webhook_keys, "tn.webhook");
        hook->signature = tn_decl_opt_text(r, top + 1, "signature");
        hook->secret = tn_decl_opt_text(r, top + 1, "secret");
        hook->id = tn_decl_opt_text(r, top + 1, "id");
        hook->type = tn_decl_opt_text(r, top + 1, "type");
        if (tn_decl_push(r, top + 1, "runs")) hook->runs = text_pairs(r, lua_gettop(L));
        const char *window = tn_decl_opt_text(r, top + 1, "replay_window");
        hook->replay_window_ms = window ? duration_ms(window) : 0;
        if (hook->replay_window_ms < 0)
            tn_decl_fault(r, tn_decl_key_line(r, "replay_window"),
                          "'replay_window' has to be a time such "
                          "as \"90s\", \"5m\" or \"1h\", not \"%s\"",
                          window);
    }
    lua_settop(L, top);
    r->line = line;
    return hook;
}

static void check_webhook_runs(struct reading *r, const struct tn_adapter *a)
{
    for (const struct tn_pair *p = a->webhook->runs; p && p->key; p++) {
        const struct tn_operation *o = a->operations;
        while (o->name && strcmp(o->name, p->value) != 0) o++;
        if (!o->name)
            tn_decl_fault(r, tn_decl_key_line(r, p->key),
                          "the webhook's event '%s' runs '%s', but "
                          "there is no such operation",
                          p->key, p->value);
    }
}

/* ---- all of it ---- */

void tn_decl_read_adapter(struct reading *r, int table)
{
    lua_State *L = r->L;
    struct tn_adapter *a = &r->out->decl.adapter;
    static const char *const no_modules[] = {NULL};
    tn_decl_check(r, table, adapter_keys, "tn.adapter");
    a->title = tn_decl_opt_text(r, table, "title");
    if (!a->title) a->title = r->out->decl.name;
    a->type = tn_decl_opt_text(r, table, "type");
    tn_decl_push(r, table, "config");
    a->fields = tn_decl_fields(r, lua_gettop(L), "config", &a->n_fields);
    lua_pop(L, 1);
    a->base = tn_decl_opt_text(r, table, "base");
    if (a->base && !tn_field_find(a->fields, a->n_fields, tn_str(a->base)))
        tn_decl_fault(r, tn_decl_key_line(r, "base"),
                      "'base' names the config field '%s', which is not "
                      "declared",
                      a->base);
    read_auth(r, table, &a->auth);
    check_auth(r, a);
    a->health = tn_decl_opt_ref(r, table, "health");
    a->connect = tn_decl_opt_ref(r, table, "connect");
    a->pull = opt_functions(r, table, "pull");
    a->push = opt_functions(r, table, "push");
    a->operations = read_operations(r, table);
    check_operations(r, a);
    a->modules = no_modules;
    if (tn_decl_push(r, table, "modules")) {
        a->modules = tn_decl_texts(r, lua_gettop(L), "modules");
        lua_pop(L, 1);
    }
    if (!tn_decl_push(r, table, "webhook")) return;
    a->webhook = tn_decl_webhook(r, lua_gettop(L));
    lua_pop(L, 1);
    check_webhook_runs(r, a);
}
