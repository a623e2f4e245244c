/* SPDX-License-Identifier: MIT */
#include "bind/bind_record.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/hint.h"
#include "base/limits.h"
#include "base/time.h"

/* ---- who asks ---- */

void bind_actor_of(lua_State *L, struct bind_actor *out)
{
    const struct bind_context *context = bind_context(L);
    const struct tn_task *task = tn_task_current(L);
    const struct bind_actor *given = task ? tn_task_context(task) : NULL;
    const struct bind_owner *owner = context->app;
    *out = (struct bind_actor){.team = TN_TEAM_SYSTEM};
    if (given) {
        *out = *given;
    } else if (owner && context->integration) {
        out->team = owner->team;
        snprintf(out->name, sizeof out->name, "integration %s", context->integration);
        (void)tn_id_parse(tn_str(owner->name), &out->origin);
    } else if (owner) {
        if (context->test) out->team = owner->team;
        snprintf(out->name, sizeof out->name, "%s", owner->name);
    }
}

bool bind_desk_open(lua_State *L, struct bind_desk *desk, struct tn_err *err)
{
    const struct bind_context *context = bind_context(L);
    desk->owner = context->app;
    desk->store = context->store;
    if (!desk->owner || !desk->store)
        return tn_fail(err, TN_E_unavailable,
                       "there is no store here: tenon check, tenon map and previews have none");
    bind_actor_of(L, &desk->actor);
    if (desk->actor.team > TN_TEAM_SYSTEM) return true;
    return tn_fail(err, TN_E_forbidden,
                   "this script works for no team, so there are no records that it may see (an "
                   "integration works for its own, a surface for that of the request's key, a rule "
                   "for that of the event)");
}

bool bind_may_write(const struct bind_desk *desk, struct tn_err *err)
{
    if (!desk->actor.read_only) return true;
    return tn_fail(err, TN_E_forbidden, "the key '%s' may not write records", desk->actor.name);
}

/* ---- arguments ---- */

const struct tn_entity *bind_resource(lua_State *L, int index, const struct bind_owner *owner)
{
    struct tn_str name = tn_str(luaL_checkstring(L, index));
    const struct tn_entity *found = tn_entities_find(owner->resources, name);
    if (!found)
        luaL_error(L, "there is no resource '%s'%s", name.p,
                   tn_entities_hint(owner->resources, name).text);
    return found;
}

bool bind_record_id(lua_State *L, int index, struct tn_id *id)
{
    return tn_id_parse(bind_str(L, index), id);
}

/* ---- how much is read in one go ---- */

/* The number of calls tells one stretch from the next. */
static uint64_t stretch_of(lua_State *L)
{
    struct tn_isolate_stats stats;
    tn_isolate_stats(tn_isolate_of(L), &stats);
    return stats.calls;
}

bool bind_may_read(lua_State *L)
{
    struct bind_owner *owner = bind_context(L)->app;
    if (!owner) return true; /* there is no store either */
    uint64_t now = stretch_of(L);
    if (owner->stretch != now) owner->reads = 0;
    owner->stretch = now;
    if (owner->reads >= TN_LIMIT_STORE_CALLS) return false;
    owner->reads++;
    return true;
}

static int read_now(lua_State *L, int status, lua_KContext ctx)
{
    lua_CFunction fn = *(lua_CFunction *)ctx;
    (void)status;
    lua_remove(L, 1);
    (void)bind_may_read(L);
    return fn(L);
}

static void refuse(lua_State *L)
{
    struct tn_err err;
    tn_fail(&err, TN_E_budget,
            "this call read the store %d times, which is all it may; read pages "
            "with store.query",
            TN_LIMIT_STORE_CALLS);
    bind_raise(L, &err);
}

int bind_read(lua_State *L, lua_CFunction fn)
{
    if (bind_may_read(L)) return fn(L);
    if (!tn_task_may_wait(L)) refuse(L);
    struct tn_task *self = tn_task_self(L);
    lua_CFunction *hold = lua_newuserdatauv(L, sizeof fn, 0);
    *hold = fn;
    lua_insert(L, 1);
    tn_task_wake(self);
    return tn_task_park(L, read_now, hold);
}

/* ---- rows ---- */

void bind_records_init(struct bind_records *rows)
{
    *rows = (struct bind_records){.n = 0};
    rows->json = tn_json_new();
    tn_buf_init(&rows->bodies, TN_LIMIT_QUERY_BYTES + TN_LIMIT_RECORD);
}

void bind_records_clear(struct bind_records *rows)
{
    tn_buf_clear(&rows->bodies);
    tn_json_free(rows->json);
    tn_free(rows->v);
    *rows = (struct bind_records){.n = 0};
}

struct bind_row bind_row_of(const struct tn_row *row)
{
    return (struct bind_row){.id = row->id,
                             .version = row->version,
                             .created_ms = row->created_ms,
                             .updated_ms = row->updated_ms,
                             .n = row->body.n};
}

bool bind_records_add(void *arg, const struct tn_row *row)
{
    struct bind_records *rows = arg;
    if (rows->n == rows->room) {
        rows->room = rows->room ? rows->room * 2 : 16;
        rows->v = tn_realloc(rows->v, rows->room * sizeof *rows->v);
    }
    rows->v[rows->n] = bind_row_of(row);
    rows->v[rows->n++].at = rows->bodies.n;
    tn_buf_addstr(&rows->bodies, row->body);
    return rows->bodies.n < TN_LIMIT_QUERY_BYTES;
}

static void set_time(lua_State *L, const char *name, int64_t ms)
{
    char text[TN_TIME_LEN + 1];
    tn_time_text(ms, text);
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

void bind_record_push(lua_State *L, struct tn_json *json, const struct bind_row *row,
                      struct tn_str body)
{
    char id[TN_ID_LEN + 1];
    struct tn_err err;
    if (!tn_json_parse(json, body, &err)) bind_raise(L, &err);
    bind_json_push(L, tn_json_root(json));
    tn_id_text(&row->id, id);
    lua_pushstring(L, id);
    lua_setfield(L, -2, "id");
    lua_pushinteger(L, row->version);
    lua_setfield(L, -2, "version");
    set_time(L, "createdAt", row->created_ms);
    set_time(L, "updatedAt", row->updated_ms);
}

void bind_records_push(lua_State *L, const struct bind_records *rows, size_t i)
{
    const struct bind_row *row = &rows->v[i];
    bind_record_push(L, rows->json, row, (struct tn_str){rows->bodies.p + row->at, row->n});
}

/* ---- bodies ---- */

void bind_record_reader_init(struct bind_record_reader *r)
{
    r->json = tn_json_new();
    tn_buf_init(&r->text, TN_LIMIT_RECORD);
    tn_buf_init(&r->clean, TN_LIMIT_RECORD);
}

void bind_record_reader_clear(struct bind_record_reader *r)
{
    tn_json_free(r->json);
    tn_buf_clear(&r->text);
    tn_buf_clear(&r->clean);
}

static bool is_systems(struct tn_str name)
{
    return tn_str_is(name, "id") || tn_str_is(name, "version") || tn_str_is(name, "createdAt") ||
           tn_str_is(name, "updatedAt");
}

struct tn_str bind_table(lua_State *L, int index, struct bind_record_reader *r)
{
    struct tn_err err;
    struct tn_jw w;
    luaL_checktype(L, index, LUA_TTABLE);
    tn_buf_reset(&r->text);
    tn_jw_init(&w, &r->text);
    if (!bind_json_write(L, index, &w, &err) || !tn_buf_ok(&r->text, "a record", &err) ||
        !tn_json_parse(r->json, tn_buf_str(&r->text), &err))
        bind_raise(L, &err);
    return tn_buf_str(&r->text);
}

struct tn_str bind_record_body(lua_State *L, int index, struct bind_record_reader *r,
                               struct tn_str *given)
{
    struct tn_jw w;
    (void)bind_table(L, index, r);
    tn_buf_reset(&r->clean);
    *given = (struct tn_str){NULL, 0};
    struct tn_jval root = tn_json_root(r->json);
    if (!tn_jis(root, TN_JSON_object)) luaL_argerror(L, index, "a record is a table of fields");
    tn_jw_init(&w, &r->clean);
    tn_jw_object(&w);
    for (struct tn_jiter it = tn_jiter(root); tn_jnext(&it);) {
        if (!is_systems(it.key)) {
            tn_jw_key(&w, it.key);
            tn_jw_raw(&w, tn_jraw(it.value));
        } else if (tn_str_is(it.key, "id") && tn_jis(it.value, TN_JSON_string)) {
            struct tn_str raw = tn_jraw(it.value);
            *given = (struct tn_str){raw.p + 1, raw.n - 2};
        }
    }
    tn_jw_end(&w);
    return tn_buf_str(&r->clean);
}
