/* SPDX-License-Identifier: MIT */
#include "scripts/connections.h"

#include <stddef.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/time.h"
#include "bind/bind_map.h"
#include "script/errand.h"
#include "scripts/decl.h"
#include "scripts/rows.h"

enum { HEALTH_MS = 60000, VERSION_MAX = 64 };

static const char MODULE[] = "stdlib/std/connection.lua";

struct loaded {
    struct loaded *next;
    char *name;
    struct tn_mapping *mapping;
};

struct tn_connection {
    unsigned refs;
    struct tn_unit *unit;
    struct tn_integration integration;
    struct bind_owner owner;
    struct bind_context context; /* for the modules of the isolate */
    char area[TN_HOST_SLOT];     /* name of the isolate, and area of its log lines */
    char *name;                  /* name of the integration */
    struct tn_buf config;        /* JSON with defaults filled in */
    struct tn_isolate *isolate;
    struct tn_decl *adapter;
    int run, health; /* refs to functions */
    int64_t replaced_us;
    struct loaded *mappings;
};

struct tn_connections {
    struct tn_connections_options o;
    struct tn_units *units;
    struct tn_map by_id;
    struct tn_rows *rows;       /* NULL: o.find */
    struct tn_loading *loading; /* all loads that are under way */
    unsigned changes;           /* counts changes of units and integrations */
};

/* ---- one connection ---- */

struct tn_connection *tn_connection_ref(struct tn_connection *c)
{
    c->refs++;
    return c;
}

void tn_connection_unref(struct tn_connection *c)
{
    if (!c || --c->refs) return;
    while (c->mappings) {
        struct loaded *m = c->mappings;
        c->mappings = m->next;
        tn_mapping_free(m->mapping);
        tn_free(m->name);
        tn_free(m);
    }
    tn_decl_free(c->adapter);
    tn_isolate_unref(c->isolate);
    tn_unit_unref(c->unit);
    tn_integration_clear(&c->integration);
    tn_buf_clear(&c->config);
    tn_free(c->name);
    tn_free(c);
}

const struct tn_integration *tn_connection_integration(const struct tn_connection *c)
{
    return &c->integration;
}

const struct tn_decl *tn_connection_adapter(const struct tn_connection *c)
{
    return c->adapter;
}

struct tn_unit *tn_connection_unit(const struct tn_connection *c)
{
    return c->unit;
}

struct tn_isolate *tn_connection_isolate(const struct tn_connection *c)
{
    return c->isolate;
}

const int64_t *tn_connection_replaced_us(const struct tn_connection *c)
{
    return &c->replaced_us;
}

/* Registers the secrets with the log, which masks them in every line from now on.  On a side thread
 * its caller has the floor (docs/script-host.md). */
static void register_secrets(struct tn_log *log, const struct tn_decl *adapter,
                             struct tn_jval config)
{
    struct tn_arena arena;
    tn_arena_init(&arena);
    for (size_t i = 0; log && i < adapter->adapter.n_fields; i++) {
        const struct tn_field *f = &adapter->adapter.fields[i];
        struct tn_str text;
        if (f->type == TN_FIELD_secret && tn_jtext(tn_jget_z(config, f->name), &arena, &text))
            tn_log_secret(log, text);
    }
    tn_arena_clear(&arena);
}

/* Checks the stored config against the adapter and fills in the defaults. */
static bool read_config(struct tn_connection *c, struct tn_err *err)
{
    const struct tn_adapter *a = &c->adapter->adapter;
    struct tn_json *json = tn_json_new();
    struct tn_jw w;
    bool ok = tn_json_parse(json, tn_buf_str(&c->integration.config), err) &&
              tn_field_check(a->fields, a->n_fields, tn_json_root(json), "config", 0, err);
    if (ok) {
        register_secrets(c->owner.env->log, c->adapter, tn_json_root(json));
        tn_jw_init(&w, &c->config);
        tn_field_fill(a->fields, a->n_fields, tn_json_root(json), &w);
        ok = tn_buf_ok(&c->config, "the config", err);
    }
    tn_json_free(json);
    if (!ok) tn_fail_in(err, "integration %s", c->name);
    return ok;
}

static void keep_functions(lua_State *L, void *arg)
{
    struct tn_connection *c = arg;
    int module = c->run;
    tn_isolate_push(L, module);
    lua_getfield(L, -1, "run");
    luaL_checktype(L, -1, LUA_TFUNCTION);
    c->run = tn_isolate_keep(L);
    lua_getfield(L, -1, "health");
    luaL_checktype(L, -1, LUA_TFUNCTION);
    c->health = tn_isolate_keep(L);
}

static bool load_module(struct tn_connection *c, struct tn_err *err)
{
    int module;
    if (!tn_isolate_load(c->isolate, MODULE, &module, err)) return false;
    c->run = module;
    bool ok = tn_isolate_protect(c->isolate, keep_functions, c, err);
    tn_isolate_release(c->isolate, module);
    return ok;
}

static void fill_context(struct tn_connection *c, const struct bind_env *env)
{
    c->name = tn_strndup(c->integration.name.p, c->integration.name.n);
    snprintf(c->area, sizeof c->area, "integrations:%s", c->name);
    c->owner = (struct bind_owner){.env = env,
                                   .team = c->integration.team,
                                   .resources = tn_unit_resources(c->unit),
                                   .unit = tn_unit_name(c->unit)};
    tn_id_text(&c->integration.id, c->owner.name);
    c->context = (struct bind_context){.loop = tn_host_loop(env->host),
                                       .log = env->log,
                                       .area = c->area,
                                       .http = env->http,
                                       .store = env->store,
                                       .integration = c->name,
                                       .app = &c->owner};
}

static bool load_connection(struct tn_connection *c, struct tn_err *err)
{
    char path[128];
    snprintf(path, sizeof path, "scripts/adapters/%s.lua", tn_unit_name(c->unit));
    c->isolate = tn_unit_isolate_new(c->unit, c->area, &c->context, err);
    if (!c->isolate) return false;
    c->adapter = tn_decl_load(c->isolate, path, TN_DECL_adapter, err);
    if (!c->adapter || !read_config(c, err)) return false;
    c->context.config_json = c->config.p;
    c->context.config_fields = c->adapter->adapter.fields;
    c->context.n_config_fields = c->adapter->adapter.n_fields;
    return load_module(c, err);
}

/* Makes the connection and takes the integration over. */
static struct tn_connection *connection_new(const struct bind_env *env, struct tn_unit *unit,
                                            struct tn_integration *i_give, struct tn_err *err)
{
    struct tn_connection *c = TN_NEW(struct tn_connection);
    c->refs = 1;
    c->unit = tn_unit_ref(unit);
    c->integration = *i_give;
    c->run = c->health = LUA_NOREF;
    tn_buf_init(&c->config, 2 * TN_MIB);
    tn_integration_init(i_give);
    fill_context(c, env);
    if (load_connection(c, err)) return c;
    tn_connection_unref(c);
    return NULL;
}

static const struct tn_mapping *loaded_mapping(const struct tn_connection *c, const char *name)
{
    const struct loaded *m = c->mappings;
    while (m && strcmp(m->name, name) != 0) m = m->next;
    return m ? m->mapping : NULL;
}

const struct tn_mapping *tn_connection_mapping(struct tn_connection *c, const char *name,
                                               struct tn_err *err)
{
    const struct tn_mapping *found = loaded_mapping(c, name);
    if (found) return found;
    struct tn_mapping *mapping = tn_unit_mapping_load(c->unit, c->isolate, name, err);
    if (!mapping) return NULL;
    struct loaded *m = TN_NEW(struct loaded);
    m->name = tn_strdup(name);
    m->mapping = mapping;
    m->next = c->mappings;
    c->mappings = m;
    return mapping;
}

/* ---- calls ---- */

static void push_json(lua_State *L, struct tn_json *json, struct tn_str text)
{
    struct tn_err err;
    if (!tn_json_parse(json, text, &err)) bind_raise(L, &err);
    bind_json_push(L, tn_json_root(json));
}

struct reader {
    struct tn_json *json;
};

static void drop_reader(void *object)
{
    struct reader *r = object;
    tn_json_free(r->json);
}

static const struct bind_class reader_class = {.name = "tenon.connection.reader",
                                               .drop = drop_reader};

void tn_connection_push_json(lua_State *L, struct tn_str text)
{
    struct reader *r = bind_new_free(L, sizeof *r, &reader_class);
    r->json = tn_json_new();
    push_json(L, r->json, text);
    bind_drop(r);
    lua_remove(L, -2);
}

/* Pushes adapter, config and the caller's own arguments. */
static int push_connection(lua_State *L, void *arg)
{
    const struct bind_context *context = bind_context(L);
    struct tn_connection *c =
        (struct tn_connection *)((char *)context - offsetof(struct tn_connection, context));
    (void)arg;
    tn_isolate_push(L, c->adapter->ref);
    tn_connection_push_json(L, tn_buf_str(&c->config));
    return 2;
}

struct tn_task *tn_connection_start(struct tn_connection *c, const char *fn,
                                    const struct tn_task_call *call, void *arg, struct tn_err *err)
{
    struct tn_task_call with = *call;
    with.push_first = push_connection;
    int ref = strcmp(fn, "run") == 0 ? c->run : c->health;
    return tn_task_start(c->isolate, ref, &with, arg, err);
}

void tn_connection_redact(const struct tn_connection *c, struct tn_err *err)
{
    const struct tn_log *log = c->context.log;
    tn_log_redact(log, err->text, strlen(err->text));
    tn_log_redact(log, err->field, strlen(err->field));
}

/* ---- all of them ---- */

struct tn_connections *tn_connections_new(const struct tn_connections_options *o,
                                          struct tn_units *units)
{
    struct tn_connections *c = TN_NEW(struct tn_connections);
    c->o = *o;
    c->units = tn_units_ref(units);
    tn_map_init(&c->by_id);
    if (!o->find) c->rows = tn_rows_new(o->env->store, o->env->secrets);
    return c;
}

/* Gives up the reference of the table; work that began with the connection keeps its own
 * reference until it ends. */
static void let_go(void *connection)
{
    struct tn_connection *c = connection;
    if (c) c->replaced_us = tn_mono_us();
    tn_connection_unref(c);
}

void tn_connections_free(struct tn_connections *c)
{
    if (!c) return;
    while (c->loading) tn_connections_stop(c->loading);
    tn_map_clear(&c->by_id, let_go);
    tn_rows_free(c->rows);
    tn_units_unref(c->units);
    tn_free(c);
}

/* Returns the id of a connection whose unit no longer serves; NULL: there is none. */
static const char *stale(const struct tn_connections *c)
{
    const struct tn_map_entry *e;
    size_t at = 0;
    while ((e = tn_map_next(&c->by_id, &at))) {
        const struct tn_connection *connection = e->value;
        const struct tn_unit *unit = connection->unit;
        if (tn_units_find(c->units, tn_unit_name(unit)) != unit) return connection->owner.name;
    }
    return NULL;
}

void tn_connections_units(struct tn_connections *c, struct tn_units *units)
{
    const char *id;
    c->changes++;
    tn_units_ref(units);
    tn_units_unref(c->units);
    c->units = units;
    while ((id = stale(c))) tn_connections_drop(c, id);
}

struct tn_units *tn_connections_current(const struct tn_connections *c)
{
    return c->units;
}

void tn_connections_each(const struct tn_connections *c, tn_connection_fn fn, void *arg)
{
    const struct tn_map_entry *e;
    size_t at = 0;
    while ((e = tn_map_next(&c->by_id, &at))) fn(arg, e->value);
}

static bool has_row(const struct tn_connections *c, int64_t team, const char *id)
{
    return !c->rows || tn_rows_has(c->rows, team, id);
}

static bool find(struct tn_connections *c, int64_t team, const char *id, struct tn_integration *out,
                 struct tn_err *err)
{
    if (!c->rows) return c->o.find(c->o.arg, team, id, out, err);
    return tn_rows_find(c->rows, team, id, out, err) &&
           (!c->o.may_run || c->o.may_run(c->o.arg, out, err));
}

static struct tn_unit *unit_of(struct tn_connections *c, const struct tn_integration *i,
                               struct tn_err *err)
{
    char name[TN_UNIT_NAME];
    snprintf(name, sizeof name, "%.*s", TN_FMT(i->adapter));
    return tn_units_must_adapter(c->units, i->adapter, err) ? tn_units_find(c->units, name) : NULL;
}

/* Finds the connection that matches the integration as it is stored now; NULL: there is none. */
static struct tn_connection *current(const struct tn_connections *all,
                                     const struct tn_integration *i, const struct tn_unit *unit)
{
    char key[TN_ID_LEN + 1];
    tn_id_text(&i->id, key);
    struct tn_connection *c = tn_map_get(&all->by_id, tn_str(key));
    bool is = c && !tn_isolate_spent(c->isolate) && c->unit == unit &&
              c->integration.version == i->version && c->integration.team == i->team;
    return is ? c : NULL;
}

/* Puts a new connection into the table, unless something changed while it was loaded (loading
 * lets other code run). It then serves its caller only. */
static void keep(struct tn_connections *all, struct tn_connection *c, unsigned changes)
{
    char key[TN_ID_LEN + 1];
    if (all->changes != changes) return;
    tn_id_text(&c->integration.id, key);
    let_go(tn_map_put(&all->by_id, tn_str(key), tn_connection_ref(c)));
}

static const char *mapping_of(const struct tn_decl *adapter, const char *operation)
{
    const struct tn_operation *o = operation ? tn_decl_operation(adapter, operation) : NULL;
    return o ? o->mapping : NULL;
}

static bool load_mapping_of(struct tn_connection *c, const char *operation, struct tn_err *err)
{
    const char *mapping = mapping_of(c->adapter, operation);
    return !mapping || tn_connection_mapping(c, mapping, err);
}

/* Gets a connection with the mapping of an operation, if it has one. No other code sees a new
 * connection before its mapping is loaded. */
static struct tn_connection *get(struct tn_connections *all, int64_t team, const char *id,
                                 const char *operation, struct tn_err *err)
{
    struct tn_integration i;
    struct tn_connection *c = NULL;
    unsigned changes = all->changes;
    tn_integration_init(&i);
    struct tn_unit *unit = find(all, team, id, &i, err) ? unit_of(all, &i, err) : NULL;
    struct tn_connection *there = unit ? current(all, &i, unit) : NULL;
    if (unit) c = there ? tn_connection_ref(there) : connection_new(all->o.env, unit, &i, err);
    if (c && !load_mapping_of(c, operation, err)) {
        tn_connection_unref(c);
        c = NULL;
    }
    if (c && !there) keep(all, c, changes);
    tn_integration_clear(&i);
    return c;
}

struct tn_connection *tn_connection_get(struct tn_connections *all, int64_t team, const char *id,
                                        struct tn_err *err)
{
    return get(all, team, id, NULL, err);
}

/* ---- loading ---- */

enum { LOAD_TRIES = 8 };

struct tn_loading {
    struct tn_loading *next, **link;
    struct tn_connections *all;
    bool begun;                /* false: another load of the same integration is under way */
    struct tn_rows_call *call; /* reads the integration's row */
    int asked;                 /* how often the row was asked for */
    struct tn_errand *errand;
    int64_t team;
    char *id, *operation;
    tn_loaded_fn done;
    void *arg;
    bool failed;
    struct tn_err err;
};

/* True: nothing has to be loaded. Only faults of scripts are found here; the use of the
 * connection reports any other fault. */
static bool at_hand(const struct tn_loading *l)
{
    struct tn_connections *all = l->all;
    struct tn_integration i;
    struct tn_err err;
    bool there = true;
    tn_integration_init(&i);
    const struct tn_unit *unit =
        find(all, l->team, l->id, &i, &err) && i.enabled ? unit_of(all, &i, &err) : NULL;
    if (unit) {
        const struct tn_connection *c = current(all, &i, unit);
        const char *mapping = c ? mapping_of(c->adapter, l->operation) : NULL;
        there = c && (!mapping || loaded_mapping(c, mapping));
    }
    tn_integration_clear(&i);
    return there;
}

static void load_it(void *arg)
{
    struct tn_loading *l = arg;
    for (int i = 0; i < LOAD_TRIES && !l->failed; i++) {
        if (!has_row(l->all, l->team, l->id) || at_hand(l)) return;
        struct tn_connection *c = get(l->all, l->team, l->id, l->operation, &l->err);
        l->failed = !c;
        tn_connection_unref(c);
    }
}

static void loading_free(struct tn_loading *l)
{
    tn_free(l->id);
    tn_free(l->operation);
    tn_free(l);
}

static bool same_integration(const struct tn_loading *a, const struct tn_loading *b)
{
    return a->team == b->team && strcmp(a->id, b->id) == 0;
}

static void read_row(struct tn_loading *l);
static void loaded(void *arg);

/* Loads an integration whose row is in memory. */
static void load_beside(struct tn_loading *l)
{
    l->errand = tn_errand_start(l->all->o.env->host, load_it, loaded, l);
}

/* Loads an integration once at a time; later loads share the connection that the first makes. */
static void set_out(struct tn_loading *l)
{
    for (const struct tn_loading *other = l->all->loading; other; other = other->next)
        if (other->begun && same_integration(other, l)) return;
    l->begun = true;
    if (has_row(l->all, l->team, l->id))
        load_beside(l);
    else
        read_row(l);
}

static void leave(struct tn_loading *l)
{
    *l->link = l->next;
    if (l->next) l->next->link = l->link;
    for (struct tn_loading *other = l->all->loading; other; other = other->next)
        if (!other->begun && same_integration(other, l)) {
            set_out(other);
            return;
        }
}

static void finish(struct tn_loading *l)
{
    leave(l);
    l->done(l->arg, l->failed ? &l->err : NULL);
    loading_free(l);
}

static void loaded(void *arg)
{
    struct tn_loading *l = arg;
    l->errand = NULL;
    if (!l->failed && !has_row(l->all, l->team, l->id) && l->asked < LOAD_TRIES)
        read_row(l);
    else
        finish(l);
}

static void row_read(void *arg, const struct tn_err *err)
{
    struct tn_loading *l = arg;
    l->call = NULL;
    l->failed = err != NULL;
    if (err) l->err = *err;
    if (l->failed || at_hand(l))
        finish(l);
    else
        load_beside(l);
}

static void read_row(struct tn_loading *l)
{
    l->asked++;
    l->call = tn_rows_read(l->all->rows, l->team, l->id, row_read, l);
}

struct tn_loading *tn_connections_load(struct tn_connections *all, int64_t team, const char *id,
                                       const char *operation, tn_loaded_fn done, void *arg)
{
    struct tn_loading *l = TN_NEW(struct tn_loading);
    *l = (struct tn_loading){.all = all, .team = team, .done = done, .arg = arg};
    l->id = tn_strdup(id);
    l->operation = operation ? tn_strdup(operation) : NULL;
    if (has_row(all, team, id) && at_hand(l)) {
        loading_free(l);
        return NULL;
    }
    l->next = all->loading;
    l->link = &all->loading;
    if (l->next) l->next->link = &l->next;
    set_out(l);
    all->loading = l;
    return l;
}

void tn_connections_stop(struct tn_loading *l)
{
    if (!l) return;
    tn_rows_stop(l->call);
    tn_errand_stop(l->errand);
    leave(l);
    loading_free(l);
}

/* ---- changes ---- */

void tn_connections_drop(struct tn_connections *c, const char *id)
{
    c->changes++;
    if (c->rows) tn_rows_drop(c->rows, id);
    let_go(tn_map_remove(&c->by_id, tn_str(id)));
}

void tn_connections_forget(struct tn_connections *c)
{
    c->changes++;
    if (c->rows) tn_rows_forget(c->rows);
}

/* ---- health ---- */

struct tn_probe {
    struct tn_connections *all;
    int64_t team;
    char *id;
    int limit_ms;
    struct tn_loading *loading;       /* NULL: the connection is loaded */
    struct tn_connection *connection; /* NULL until it is loaded */
    struct tn_task *task;
    tn_health_fn done; /* NULL: cancelled */
    void *arg;
    int64_t started_us;
    char version[VERSION_MAX];
};

static void probe_free(struct tn_probe *p)
{
    tn_connection_unref(p->connection);
    tn_free(p->id);
    tn_free(p);
}

static void take_version(lua_State *L, int n, void *arg)
{
    struct tn_probe *p = arg;
    if (n < 1 || lua_isnil(L, 1)) return;
    snprintf(p->version, sizeof p->version, "%s", luaL_tolstring(L, 1, NULL));
}

static void health_done(void *arg, const struct tn_err *err)
{
    struct tn_probe *p = arg;
    struct tn_health h = {.connected = !err,
                          .took_ms = (tn_mono_us() - p->started_us) / 1000,
                          .version = p->version[0] ? p->version : NULL};
    tn_err_clear(&h.err);
    if (err) h.err = *err;
    if (p->connection) tn_connection_redact(p->connection, &h.err);
    if (p->done) p->done(p->arg, &h);
    probe_free(p);
}

static bool ask(struct tn_probe *p, struct tn_err *err)
{
    struct tn_task_call call = {.take = take_version, .done = health_done, .limit_ms = p->limit_ms};
    p->started_us = tn_mono_us();
    p->connection = tn_connection_get(p->all, p->team, p->id, err);
    if (p->connection) p->task = tn_connection_start(p->connection, "health", &call, p, err);
    return p->task != NULL;
}

static void probe_loaded(void *arg, const struct tn_err *why)
{
    struct tn_probe *p = arg;
    struct tn_err err;
    p->loading = NULL;
    if (why) err = *why;
    if (why || !ask(p, &err)) health_done(p, &err);
}

struct tn_probe *tn_connections_health(struct tn_connections *all, int64_t team, const char *id,
                                       int limit_ms, tn_health_fn done, void *arg,
                                       struct tn_err *err)
{
    struct tn_probe *p = TN_NEW(struct tn_probe);
    *p = (struct tn_probe){.all = all, .team = team, .done = done, .arg = arg};
    p->id = tn_strdup(id);
    p->limit_ms = limit_ms ? limit_ms : HEALTH_MS;
    p->started_us = tn_mono_us();
    p->loading = tn_connections_load(all, team, id, NULL, probe_loaded, p);
    if (p->loading || ask(p, err)) return p;
    probe_free(p);
    return NULL;
}

void tn_probe_cancel(struct tn_probe *p)
{
    p->done = NULL;
    if (p->task) {
        tn_task_cancel(p->task);
        return;
    }
    tn_connections_stop(p->loading);
    probe_free(p);
}
