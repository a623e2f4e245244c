/* SPDX-License-Identifier: MIT */
#include "bind/bind_record.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/time.h"
#include "bind/bind_keep.h"
#include "model/check.h"

/* ---- for whom a script works ---- */

void bind_actor_of(lua_State *L, struct tn_actor *out)
{
    const struct bind_context *context = bind_context(L);
    const struct tn_task *task = tn_task_current(L);
    const struct tn_actor *given = task ? tn_task_context(task) : NULL;
    const struct bind_owner *owner = context->app;
    *out = (struct tn_actor){.team = TN_TEAM_SYSTEM, .kind = TN_ACTOR_SCRIPT, .grants = "*:*"};
    if (given) {
        *out = *given;
    } else if (owner && context->integration) {
        out->team = owner->team;
        out->kind = TN_ACTOR_INTEGRATION;
        snprintf(out->name, sizeof out->name, "integration %s", context->integration);
        snprintf(out->id, sizeof out->id, "%.*s", TN_ID_LEN, owner->name);
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

struct tn_tx *bind_tx_new(const struct bind_desk *desk)
{
    const struct bind_env *env = desk->owner->env;
    const struct tn_tx_env of = {.tools = env->tools,
                                 .store = desk->store,
                                 .entities = desk->owner->resources,
                                 .sealer = env->sealer,
                                 .kv_team = desk->owner->team,
                                 .kv_space = bind_kv_space};
    return tn_tx_new(&of, &desk->actor);
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

/* ---- records ---- */

static void set_time(lua_State *L, const char *name, int64_t ms)
{
    char text[TN_TIME_LEN + 1];
    tn_time_text(ms, text);
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

static void mask_secrets(lua_State *L, const struct tn_entity *e)
{
    for (size_t i = 0; i < e->n_fields; i++) {
        if (e->fields[i].type != TN_FIELD_secret) continue;
        int type = lua_getfield(L, -1, e->fields[i].name);
        lua_pop(L, 1);
        if (type != LUA_TSTRING) continue;
        lua_pushstring(L, TN_SECRET_MASK);
        lua_setfield(L, -2, e->fields[i].name);
    }
}

void bind_record_push(lua_State *L, struct tn_json *json, const struct tn_entity *e,
                      const struct tn_row *row)
{
    char id[TN_ID_LEN + 1];
    struct tn_err err;
    if (!tn_json_parse(json, row->body, &err)) bind_raise(L, &err);
    bind_json_push(L, tn_json_root(json));
    mask_secrets(L, e);
    tn_id_text(&row->id, id);
    lua_pushstring(L, id);
    lua_setfield(L, -2, "id");
    lua_pushinteger(L, row->version);
    lua_setfield(L, -2, "version");
    set_time(L, "createdAt", row->created_ms);
    set_time(L, "updatedAt", row->updated_ms);
}

/* ---- failures with faults ---- */

static void push_fault(lua_State *L, struct tn_json *json, const struct tn_err *fault)
{
    struct tn_err err;
    lua_createtable(L, 0, 4);
    lua_pushstring(L, tn_code_name(fault->code));
    lua_setfield(L, -2, "code");
    lua_pushstring(L, fault->field);
    lua_setfield(L, -2, "path");
    lua_pushstring(L, fault->text);
    lua_setfield(L, -2, "message");
    if (!fault->params[0] || !tn_json_parse(json, tn_str(fault->params), &err)) return;
    bind_json_push(L, tn_json_root(json));
    lua_setfield(L, -2, "params");
}

void bind_push_faults(lua_State *L, struct tn_json *json, const struct tn_err *err,
                      const struct tn_faults *faults)
{
    struct tn_err one = *err;
    const struct tn_faults alone = {&one, 1, 1};
    tn_lua_push_err(L, err);
    if (!faults->n || strcmp(err->text, faults->v[0].text) != 0) faults = &alone;
    if (faults == &alone && err->code == TN_CODE_none) return;
    lua_createtable(L, (int)faults->n, 0);
    for (size_t i = 0; i < faults->n; i++) {
        push_fault(L, json, &faults->v[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    bind_json_mark_array(L, -1);
    lua_setiuservalue(L, -2, 1);
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
        if (!tn_is_system_field(it.key)) {
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
