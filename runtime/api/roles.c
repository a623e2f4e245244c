/* SPDX-License-Identifier: MIT */
#include "api/roles.h"

#include <stdio.h>

#include "access/roles.h"
#include "api/lists.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "model/system.h"
#include "model/tx.h"
#include "scripts/scripts.h"
#include "store/read.h"

enum { RESOURCES_MAX = 400 };

/* ---- how they look ---- */

static void write_shipped(const struct tn_role *r, struct tn_jw *w)
{
    struct tn_str rest = tn_str(r->grants), grant;
    tn_jw_object(w);
    tn_jw_kz(w, "id", NULL);
    tn_jw_kz(w, "name", r->name);
    tn_jw_kz(w, "title", r->title);
    tn_jw_key(w, TN_STR("grants"));
    tn_jw_array(w);
    while (tn_str_split(&rest, ' ', &grant)) tn_jw_str(w, grant);
    tn_jw_end(w);
    tn_jw_kbool(w, "builtin", true);
    tn_jw_end(w);
}

static void write_own(const struct tn_id *id, struct tn_str body, struct tn_jw *w)
{
    static const char *const shown[] = {"name", "title", "grants", NULL};
    struct tn_json *json = tn_json_new();
    char text[TN_ID_LEN + 1];
    struct tn_err err;
    tn_id_text(id, text);
    if (tn_json_parse(json, body, &err)) {
        tn_jw_object(w);
        tn_jw_kz(w, "id", text);
        for (int i = 0; shown[i]; i++) {
            struct tn_jval v = tn_jget_z(tn_json_root(json), shown[i]);
            if (!tn_jis(v, TN_JSON_absent)) tn_jw_kraw(w, shown[i], tn_jraw(v));
        }
        tn_jw_kbool(w, "builtin", false);
        tn_jw_end(w);
    }
    tn_json_free(json);
}

static void write_all_shipped(struct tn_jw *w)
{
    for (const struct tn_role *r = tn_roles; r->name; r++) write_shipped(r, w);
}

static void write_row(const struct tn_row *row, struct tn_jw *w)
{
    write_own(&row->id, row->body, w);
}

/* Those that ship stand before the first page of a team's own. */
void api_roles_list(void *arg, struct tn_http_exchange *x)
{
    static const struct api_list roles = {
        .table = "role", .member = "roles", .row = write_row, .first = write_all_shipped};
    api_list(arg, x, &roles);
}

/* ---- what they may grant ---- */

static bool grant_fault(size_t i, struct tn_err *err)
{
    return tn_fail_field(err, "grants[%zu]", i);
}

/* Each grant is one that exists, they fit an actor, and the actor has them. */
static bool check_grants(struct tn_api *api, const struct tn_actor *actor, struct tn_jval role,
                         struct tn_err *err)
{
    const char *resources[RESOURCES_MAX + 1] = {NULL};
    struct tn_units *units = tn_scripts_units(api->p.scripts);
    struct tn_arena arena;
    size_t i = 0, length = 0;
    bool ok = true;
    for (size_t u = 0; u < tn_units_resources(units) && u < RESOURCES_MAX; u++)
        resources[u] = tn_units_resource_at(units, u)->resource.name;
    tn_arena_init(&arena);
    for (struct tn_jiter it = tn_jiter(tn_jget_z(role, "grants")); ok && tn_jnext(&it); i++) {
        struct tn_str grant = {0};
        (void)tn_jtext(it.value, &arena, &grant);
        length += grant.n + 1;
        ok = tn_grant_check(grant, resources, err) && tn_grants_held(actor, grant, err);
        if (ok && length > TN_GRANTS_MAX)
            ok = tn_fail(err, TN_E_invalid, "the grants of a role have at most %d characters",
                         TN_GRANTS_MAX);
        if (!ok) grant_fault(i, err);
    }
    tn_arena_clear(&arena);
    return ok;
}

/* ---- one role ---- */

/* A request on its way: the role is fetched, the step made, what it became checked, committed. */
struct change {
    struct tn_api *api;
    struct tn_http_exchange *x;
    struct tn_tx *tx;
    struct tn_tx_env env;
    bool (*step)(struct change *c, struct tn_err *err);
    struct tn_tx_record *record; /* NULL: a new one, before its step */
    const char *action;          /* of the audit row; NULL: it is only shown */
    struct tn_buf before;        /* the role as it was */
    int status;
};

static void end(struct change *c, const struct tn_err *err)
{
    struct tn_answer a;
    if (err) {
        tn_answer_err(c->x, err);
    } else if (c->status == 204) {
        tn_http_reply(c->x, 204, NULL, TN_STR(""));
    } else {
        char id[TN_ID_LEN + 1];
        tn_id_text(&c->record->id, id);
        if (c->status == 201) tn_http_headerf(c->x, "Location", "/api/v1/roles/%s", id);
        tn_answer_begin(&a, c->x);
        write_own(&c->record->id, c->record->body, &a.w);
        tn_answer_send(&a, c->status);
    }
    tn_tx_free(c->tx);
    tn_tx_tools_free(c->env.tools);
    tn_buf_clear(&c->before);
    tn_free(c);
}

static void committed(void *arg, const struct tn_err *err)
{
    end(arg, err);
}

/* In the words of the actor of the request: the role as it was and as it is. */
static bool audit(struct change *c, struct tn_err *err)
{
    struct tn_buf detail;
    struct tn_jw w;
    char id[TN_ID_LEN + 1];
    tn_id_text(&c->record->id, id);
    tn_buf_init(&detail, TN_MIB);
    tn_jw_init(&w, &detail);
    tn_jw_object(&w);
    if (c->before.n) tn_jw_kraw(&w, "before", tn_buf_str(&c->before));
    if (c->record->there) tn_jw_kraw(&w, "after", c->record->body);
    tn_jw_end(&w);
    bool ok = tn_tx_audit(c->tx, c->action, id, tn_buf_str(&detail), err);
    tn_buf_clear(&detail);
    return ok;
}

static void commit(struct change *c)
{
    struct tn_err err;
    if (audit(c, &err))
        tn_tx_commit(c->tx, committed, c);
    else
        end(c, &err);
}

static void keys_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct change *c = arg;
    struct tn_json *json = tn_json_new();
    struct tn_err used;
    char names[200] = "";
    size_t at = 0, count = 0;
    if (!err) err = tn_found_err(found, 0);
    if (!err) count = tn_found_list(found, 0)->count;
    for (size_t i = 0; i < count && at < sizeof names; i++) {
        if (!tn_json_parse(json, tn_found_row(found, 0, i)->body, &used)) continue;
        struct tn_str name = tn_jraw(tn_jget_z(tn_json_root(json), "name"));
        at +=
            (size_t)snprintf(names + at, sizeof names - at, "%s%.*s", at ? ", " : "", TN_FMT(name));
    }
    tn_json_free(json);
    if (count) {
        tn_fail(&used, TN_E_conflict, "keys have this role: %s", names);
        err = &used;
    }
    if (err)
        end(c, err);
    else
        commit(c);
}

/* A role that keys have stays. */
static void ask_keys(struct change *c, struct tn_str name)
{
    struct tn_filter of_role = {"role", TN_FILTER_eq, &name, 1};
    struct tn_query q = {.table = "key", .filters = &of_role, .filter_count = 1, .limit = 10};
    struct tn_read *read = tn_read_new(api_actor(c->x)->team);
    tn_read_query(read, &q);
    tn_store_read(c->api->p.store, read, NULL, keys_found, c);
}

static bool ships(struct tn_str name, enum tn_kind kind, struct tn_err *err)
{
    tn_fail(err, kind, "the role %.*s ships with Tenon: give yours another name", TN_FMT(name));
    return tn_fail_field(err, "name");
}

/* The record as the step left it: its name is free and stays, its grants may be given. */
static bool check_role(struct change *c, struct tn_jval now, struct tn_str before,
                       struct tn_err *err)
{
    struct tn_arena arena;
    struct tn_str name;
    tn_arena_init(&arena);
    bool ok = tn_jtext(tn_jget_z(now, "name"), &arena, &name);
    if (ok && tn_role_find(name)) ok = ships(name, TN_E_key_taken, err);
    if (ok && before.n && !tn_str_eq(name, before)) {
        tn_fail(err, TN_E_invalid, "the name of a role stays: keys know it by that");
        ok = tn_fail_field(err, "name");
    }
    ok = ok && check_grants(c->api, api_actor(c->x), now, err);
    tn_arena_clear(&arena);
    return ok;
}

static struct tn_str name_of(struct tn_json *json, struct tn_str body, struct tn_arena *arena)
{
    struct tn_err err;
    struct tn_str name = TN_STR("");
    if (body.n && tn_json_parse(json, body, &err))
        (void)tn_jtext(tn_jget_z(tn_json_root(json), "name"), arena, &name);
    return name;
}

/* After the step: what it has to keep, then the commit. */
static void stepped(struct change *c)
{
    struct tn_json *json = tn_json_new();
    struct tn_arena arena;
    struct tn_err err;
    bool ok = true;
    tn_arena_init(&arena);
    struct tn_str before = name_of(json, tn_buf_str(&c->before), &arena);
    if (c->record->there)
        ok = tn_json_parse(json, c->record->body, &err) &&
             check_role(c, tn_json_root(json), before, &err);
    if (!ok)
        end(c, &err);
    else if (c->record->there)
        commit(c);
    else
        ask_keys(c, before);
    tn_arena_clear(&arena);
    tn_json_free(json);
}

static bool fetch_record(struct change *c, struct tn_err *err)
{
    struct tn_str wanted = tn_http_param(c->x, "role");
    struct tn_id id;
    bool ok = tn_id_parse(wanted, &id)
                  ? tn_tx_get(c->tx, &tn_role_entity, &id, &c->record, err)
                  : tn_tx_find(c->tx, &tn_role_entity, &wanted, &c->record, err);
    if (!ok || c->record) {
        if (ok) tn_buf_addstr(&c->before, c->record->body);
        return ok;
    }
    return tn_fail(err, TN_E_not_found, "there is no role '%.*s'", TN_FMT(wanted));
}

static void fetched(void *arg, const struct tn_err *failed)
{
    struct change *c = arg;
    struct tn_err err;
    if (failed)
        end(c, failed);
    else if (!fetch_record(c, &err) || (c->step && !c->step(c, &err)))
        end(c, &err);
    else if (c->action)
        stepped(c);
    else
        end(c, NULL);
}

static struct change *begin(struct tn_api *api, struct tn_http_exchange *x)
{
    struct change *c = TN_NEW(struct change);
    struct tn_actor actor = *api_actor(x);
    /* The route has asked whether roles may be managed; the steps write nothing but one. */
    snprintf(actor.grants, sizeof actor.grants, "role:*");
    c->api = api;
    c->x = x;
    c->env.tools = tn_tx_tools_new();
    c->env.store = api->p.store;
    c->tx = tn_tx_new(&c->env, &actor);
    tn_buf_init(&c->before, TN_MIB);
    return c;
}

static void start(struct change *c)
{
    struct tn_str wanted = tn_http_param(c->x, "role");
    struct tn_id id;
    if (tn_id_parse(wanted, &id))
        tn_tx_ask(c->tx, &tn_role_entity, &id);
    else
        tn_tx_ask_key(c->tx, &tn_role_entity, &wanted);
    tn_tx_fetch(c->tx, fetched, c);
}

/* One that ships: true, and x is answered. */
static bool shipped(struct tn_http_exchange *x)
{
    struct tn_str wanted = tn_http_param(x, "role");
    struct tn_err err;
    if (!tn_role_find(wanted)) return false;
    ships(wanted, TN_E_conflict, &err);
    tn_answer_err(x, &err);
    return true;
}

void api_roles_get(void *arg, struct tn_http_exchange *x)
{
    const struct tn_role *role = tn_role_find(tn_http_param(x, "role"));
    struct tn_answer a;
    if (role) {
        tn_answer_begin(&a, x);
        write_shipped(role, &a.w);
        tn_answer_send(&a, 200);
        return;
    }
    struct change *c = begin(arg, x);
    c->status = 200;
    start(c);
}

static void create(struct change *c)
{
    struct tn_id id = {{0}};
    struct tn_err err;
    if (!tn_tx_create(c->tx, &tn_role_entity, &id, tn_http_body(c->x), &err) ||
        !tn_tx_get(c->tx, &tn_role_entity, &id, &c->record, &err))
        end(c, &err);
    else
        stepped(c);
}

void api_roles_create(void *arg, struct tn_http_exchange *x)
{
    struct tn_jval body;
    if (!api_body(arg, x, &body)) return;
    struct change *c = begin(arg, x);
    c->status = 201;
    c->action = "role.create";
    create(c);
}

static bool put_step(struct change *c, struct tn_err *err)
{
    return tn_tx_put(c->tx, &tn_role_entity, &c->record->id, tn_http_body(c->x), err);
}

static bool patch_step(struct change *c, struct tn_err *err)
{
    return tn_tx_patch(c->tx, &tn_role_entity, &c->record->id, tn_http_body(c->x), err);
}

static bool delete_step(struct change *c, struct tn_err *err)
{
    bool was_there;
    return tn_tx_delete(c->tx, &tn_role_entity, &c->record->id, false, &was_there, err);
}

static void update(struct tn_api *api, struct tn_http_exchange *x,
                   bool (*step)(struct change *c, struct tn_err *err))
{
    struct tn_jval body;
    if (shipped(x) || !api_body(api, x, &body)) return;
    struct change *c = begin(api, x);
    c->status = 200;
    c->action = "role.update";
    c->step = step;
    start(c);
}

void api_roles_replace(void *arg, struct tn_http_exchange *x)
{
    update(arg, x, put_step);
}

void api_roles_patch(void *arg, struct tn_http_exchange *x)
{
    update(arg, x, patch_step);
}

void api_roles_delete(void *arg, struct tn_http_exchange *x)
{
    if (shipped(x)) return;
    struct change *c = begin(arg, x);
    c->status = 204;
    c->action = "role.delete";
    c->step = delete_step;
    start(c);
}
