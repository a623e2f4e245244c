/* SPDX-License-Identifier: MIT */
#include "api/api.h"

#include <stdio.h>
#include <unistd.h>

#include "api/entity_routes.h"
#include "api/handler.h"
#include "base/alloc.h"
#include "base/hint.h"
#include "base/limits.h"
#include "base/log.h"
#include "scripts/decl_line.h"
#include "scripts/scripts.h"
#include "scripts/surface.h"
#include "store/store.h"

enum { ROUTES_MAX = 2000, PATTERN_MAX = 512 };

/* ---- who asks ---- */

const struct tn_actor *api_actor(const struct tn_http_exchange *x)
{
    return tn_http_user(x);
}

/* One text for every reason, so that nobody learns which part of a guess was right. */
static bool no_key(struct tn_err *err)
{
    return tn_fail(err, TN_E_unauthorized,
                   "a valid API key is needed: send it as 'Authorization: "
                   "Bearer <key>'; it may be missing, unknown, expired or "
                   "revoked");
}

/* The key of a request: Authorization: Bearer or X-API-Key; both only when they agree. */
static bool token_of(struct tn_http_exchange *x, struct tn_str *token, struct tn_err *err)
{
    const struct tn_http_head *head = tn_http_head(x);
    struct tn_str bearer = tn_http_get(x, "Authorization"), key = tn_http_get(x, "X-API-Key");
    if (tn_http_head_count(head, "Authorization") > 1 || tn_http_head_count(head, "X-API-Key") > 1)
        return tn_fail(err, TN_E_syntax, "the request carries two credentials: send one");
    if (bearer.p) {
        struct tn_str scheme = {bearer.p, bearer.n < 7 ? bearer.n : 7};
        if (!tn_str_eq_nocase(scheme, TN_STR("Bearer "))) return no_key(err);
        *token = tn_str_trim((struct tn_str){bearer.p + 7, bearer.n - 7});
        if (key.p && !tn_str_eq(*token, key))
            return tn_fail(err, TN_E_syntax,
                           "Authorization and X-API-Key carry different keys: send one");
        return true;
    }
    if (!key.p) return no_key(err);
    *token = key;
    return true;
}

static bool team_matches(struct tn_http_exchange *x, const struct tn_actor *actor,
                         struct tn_err *err)
{
    struct tn_str team = tn_http_get(x, "X-MES-Team-ID");
    uint64_t number;
    if (!team.p || (tn_str_u64(team, &number) && (int64_t)number == actor->team)) return true;
    return tn_fail(err, TN_E_forbidden, "the key does not belong to the team of X-MES-Team-ID");
}

bool api_may(const struct tn_actor *actor, const struct tn_route *route, struct tn_err *err)
{
    if (route->flags & TN_ROUTE_open) return true;
    if (!route->entity || !route->verb)
        return tn_fail(err, TN_E_forbidden, "nobody may do this: the route names no permission");
    return route->flags & TN_ROUTE_records
               ? tn_actor_must(actor, route->entity, route->verb, err)
               : tn_actor_must_system(actor, route->entity, route->verb, err);
}

static void add_request(struct tn_actor *actor, const struct tn_http_exchange *x)
{
    snprintf(actor->request, sizeof actor->request, "%s", tn_http_request_id(x));
    snprintf(actor->address, sizeof actor->address, "%s",
             tn_http_is_unix(x, NULL) ? "" : tn_http_peer(x));
}

/* ---- the way of a request ---- */

static void answer_no_route(struct tn_http_exchange *x, enum tn_route_result found)
{
    struct tn_err err;
    const char *allow = tn_http_match(x)->allow;
    if (found != TN_ROUTE_no_path) tn_http_header(x, "Allow", tn_str(allow));
    if (found == TN_ROUTE_options) {
        tn_http_reply(x, 204, NULL, TN_STR(""));
        return;
    }
    if (found == TN_ROUTE_no_method)
        tn_fail(&err, TN_E_method, "this path takes %s", allow);
    else
        tn_fail(&err, TN_E_not_found, "there is no such path: %.*s", TN_FMT(tn_http_path(x)->text));
    tn_answer_err(x, &err);
}

/* A request between its header and its body, while it is not known who asks. */
struct admission {
    struct tn_api *api;
    struct tn_http_exchange *x;
    enum tn_route_result found;
    struct tn_actor actor;
};

/* The bytes of body that are taken; false: x is answered. */
static bool let_in(struct tn_http_exchange *x, enum tn_route_result found, struct tn_actor *actor,
                   size_t *max)
{
    struct tn_err err;
    const struct tn_route *route = found == TN_ROUTE_found ? tn_http_match(x)->route : NULL;
    if (actor) add_request(actor, x);
    if (actor && (!team_matches(x, actor, &err) || (route && !api_may(actor, route, &err)))) {
        tn_answer_err(x, &err);
        return false;
    }
    if (actor) tn_http_set_user(x, actor, NULL);
    *max = route && route->flags & TN_ROUTE_scripts ? TN_LIMIT_SCRIPTS_BODY : TN_LIMIT_BODY;
    if (found == TN_ROUTE_found) return true;
    answer_no_route(x, found);
    return false;
}

static void refuse(struct tn_http_exchange *x, const struct tn_err *err)
{
    struct tn_err one_text = *err;
    if (err->kind == TN_E_unauthorized) no_key(&one_text);
    tn_answer_err(x, &one_text);
}

static void identified(void *arg, const struct tn_actor *actor, const struct tn_err *err)
{
    struct admission *a = arg;
    size_t max;
    if (err) {
        refuse(a->x, err);
        return;
    }
    a->actor = *actor;
    if (let_in(a->x, a->found, &a->actor, &max)) tn_http_admitted(a->x, max);
}

/* Whoever may use the socket file is the user that runs us, or root. */
static enum tn_key_state identify_local(struct tn_api *api, uid_t uid, struct tn_actor *actor,
                                        struct tn_err *err)
{
    if (uid != geteuid() && uid != 0) {
        tn_fail(err, TN_E_forbidden, "the local socket is for the user that runs Tenon");
        return TN_KEY_refused;
    }
    *actor = (struct tn_actor){
        .team = api->p.team, .kind = TN_ACTOR_LOCAL, .name = "command line", .grants = "*:*"};
    snprintf(actor->id, sizeof actor->id, "%u", (unsigned)uid);
    return TN_KEY_good;
}

static enum tn_key_state identify(struct admission *a, struct tn_err *err)
{
    struct tn_str token;
    uid_t uid;
    if (tn_http_is_unix(a->x, &uid)) return identify_local(a->api, uid, &a->actor, err);
    if (!token_of(a->x, &token, err)) return TN_KEY_refused;
    return tn_keys_check(a->api->p.keys, token, &a->actor, err, identified, a);
}

/* Before the body: route, key, permission.  So nobody without a key can make us read megabytes. */
static size_t admit(void *arg, struct tn_http_exchange *x)
{
    struct tn_api *api = arg;
    struct tn_actor *actor = NULL;
    struct tn_err err;
    size_t max;
    enum tn_route_result found = tn_router_match(api->router, x);
    if (found != TN_ROUTE_found || !(tn_http_match(x)->route->flags & TN_ROUTE_open)) {
        struct admission *a = tn_http_alloc(x, sizeof *a);
        a->api = api;
        a->x = x;
        a->found = found;
        enum tn_key_state state = identify(a, &err);
        if (state == TN_KEY_asked) return TN_HTTP_ADMIT_LATER;
        if (state == TN_KEY_refused) {
            refuse(x, &err);
            return 0;
        }
        actor = &a->actor;
    }
    return let_in(x, found, actor, &max) ? max : 0;
}

static void handle(void *arg, struct tn_http_exchange *x)
{
    tn_http_match(x)->route->handle(arg, x);
}

static void error_body(void *arg, int status, const char *text, const char *request_id,
                       struct tn_buf *out)
{
    (void)arg;
    tn_answer_err_body(out, status, text, request_id);
}

static void count(struct tn_counters *n, int status, int64_t took_us)
{
    static const int64_t bounds[TN_HTTP_BOUNDS] = TN_HTTP_BOUNDS_US;
    size_t i = 0;
    while (i < TN_HTTP_BOUNDS && took_us > bounds[i]) i++;
    tn_count(&n->http_by_time[i], 1);
    tn_count(&n->http_by_class[status / 100 % 6], 1);
    tn_count(&n->http_us, took_us);
}

static void observe(void *arg, const struct tn_http_exchange *x, int status, uint64_t bytes,
                    int64_t took_us)
{
    struct tn_api *api = arg;
    count(api->p.counters, status, took_us);
    if (!tn_log_wants(api->p.log, TN_LOG_debug, "http")) return;
    const struct tn_actor *actor = api_actor(x);
    tn_log(api->p.log, TN_LOG_debug, "http", "%.*s %.*s %d %llu bytes %lld us %s %s",
           TN_FMT(tn_http_method(x)), TN_FMT(tn_http_path(x)->text), status,
           (unsigned long long)bytes, (long long)took_us, tn_http_request_id(x),
           actor ? actor->name : "-");
}

void tn_api_serve(struct tn_api *api, struct tn_http_server_options *o)
{
    o->handle = handle;
    o->admit = admit;
    o->error_body = error_body;
    o->observe = observe;
    o->arg = api;
    o->log = api->p.log;
}

/* ---- what requests carry ---- */

static bool is_type(struct tn_str media, const char *const *types)
{
    if (!types)
        return tn_str_eq_nocase(media, TN_STR("application/json")) || tn_str_ends(media, "+json");
    while (*types && !tn_str_eq_nocase(media, tn_str(*types))) types++;
    return *types;
}

bool api_body_of(struct tn_api *api, struct tn_http_exchange *x, const char *const *types,
                 struct tn_jval *out)
{
    struct tn_err err;
    struct tn_str type = tn_http_get(x, "Content-Type"), media = type;
    if (type.p) tn_str_split(&type, ';', &media);
    media = tn_str_trim(media);
    if (media.p && !is_type(media, types)) {
        tn_fail(&err, TN_E_media_type, "send the body as application/json, not %.*s",
                TN_FMT(media));
    } else if (!tn_http_body(x).n) {
        tn_fail(&err, TN_E_syntax, "the request needs a body: a JSON object");
    } else if (!tn_json_parse(api->json, tn_http_body(x), &err)) {
        err.kind = TN_E_syntax; /* too deep a nesting is malformed for us, not too large */
    } else {
        *out = tn_json_root(api->json);
        if (tn_jis(*out, TN_JSON_object)) return true;
        const char *is = tn_json_type_name(tn_jtype(*out));
        tn_fail(&err, TN_E_invalid, "the body has to be a JSON object, not %s", is);
        tn_fail_code(&err, TN_CODE_type, "{\"expected\":\"object\",\"is\":\"%s\"}", is);
    }
    tn_answer_err(x, &err);
    return false;
}

bool api_body(struct tn_api *api, struct tn_http_exchange *x, struct tn_jval *out)
{
    return api_body_of(api, x, NULL, out);
}

static bool listed(const char *const *names, struct tn_str name)
{
    for (; names && *names; names++)
        if (tn_str_is(name, *names)) return true;
    return false;
}

bool api_members_known(struct tn_jval object, const char *const *names, const char *const *ours,
                       struct tn_err *err)
{
    for (struct tn_jiter it = tn_jiter(object); tn_jnext(&it);) {
        if (listed(names, it.key) || listed(ours, it.key)) continue;
        tn_fail(err, TN_E_invalid, "there is no member '%.*s'%s", TN_FMT(it.key),
                tn_did_you_mean(it.key, names).text);
        return tn_fail_field(err, "%.*s", TN_FMT(it.key));
    }
    return true;
}

bool api_query_int(struct tn_http_exchange *x, const char *name, int64_t otherwise, int64_t min,
                   int64_t max, int64_t *out)
{
    struct tn_err err;
    unsigned times = 0;
    uint64_t v;
    struct tn_str text = tn_http_query(x, name, &times);
    *out = otherwise;
    if (!times) return true;
    if (times == 1 && tn_str_u64(text, &v) && v >= (uint64_t)min) {
        *out = v > (uint64_t)max ? max : (int64_t)v;
        return true;
    }
    tn_fail(&err, TN_E_syntax, "%s has to be a whole number from %lld, given once", name,
            (long long)min);
    tn_fail_field(&err, "%s", name);
    tn_fail_code(&err, TN_CODE_parameter, "%s", "");
    tn_answer_err(x, &err);
    return false;
}

bool api_query_known(struct tn_http_exchange *x, const char *const *names)
{
    for (size_t i = 0; i < tn_http_query_count(x); i++) {
        struct tn_str name, value;
        struct tn_err err;
        tn_http_query_at(x, i, &name, &value);
        if (listed(names, name)) continue;
        tn_fail(&err, TN_E_syntax, "there is no parameter '%.*s'%s", TN_FMT(name),
                tn_did_you_mean(name, names).text);
        tn_fail_field(&err, "%.*s", TN_FMT(name));
        tn_fail_code(&err, TN_CODE_parameter, "%s", "");
        tn_answer_err(x, &err);
        return false;
    }
    return true;
}

/* ---- routes ---- */

/* What the user pointers of the rows point into; it keeps the units, too. */
struct kept {
    struct tn_surfaces *surfaces;
    struct tn_arena entities;
};

static struct kept *kept_new(struct tn_units *units)
{
    struct kept *kept = TN_NEW(struct kept);
    kept->surfaces = tn_surfaces_new(units);
    tn_arena_init(&kept->entities);
    return kept;
}

static void free_kept(void *arg)
{
    struct kept *kept = arg;
    tn_surfaces_free(kept->surfaces);
    tn_arena_clear(&kept->entities);
    tn_free(kept);
}

/* A route is declared there; file NULL: it is one of Tenon's own. */
struct declared {
    const char *file;
    int line;
};
struct rows {
    struct tn_route list[ROUTES_MAX];
    struct declared at[ROUTES_MAX];
    size_t n;
    struct tn_arena texts;
};

static void add_row(struct rows *rows, struct tn_route row, struct declared at)
{
    if (rows->n == ROUTES_MAX) return;
    rows->at[rows->n] = at;
    rows->list[rows->n++] = row;
}

static void add_entity(struct rows *rows, struct kept *kept, const struct tn_entity *e,
                       const struct tn_entities *all, struct declared at)
{
    struct api_entity *user = tn_arena_alloc(&kept->entities, sizeof *user);
    *user = (struct api_entity){e, all};
    for (size_t i = 0; i < api_resource_route_count; i++) {
        struct tn_route row = api_resource_routes[i];
        char pattern[PATTERN_MAX];
        snprintf(pattern, sizeof pattern, "%s%s", e->path, row.pattern);
        row.pattern = tn_arena_strdup(&rows->texts, pattern);
        row.user = user;
        row.entity = e->name;
        add_row(rows, row, at);
    }
}

/* What is the script's fault, its owner has to find again by what the caller was told. */
static void answer_failure(void *arg, struct tn_http_exchange *x, const struct tn_err *err)
{
    const struct tn_api *api = arg;
    if (err->kind == TN_E_script || err->kind == TN_E_budget || err->kind == TN_E_internal)
        tn_log(api->p.log, TN_LOG_error, "surfaces", "%.*s %.*s, request %s: %s:%d: %s",
               TN_FMT(tn_http_method(x)), TN_FMT(tn_http_path(x)->text), tn_http_request_id(x),
               err->file, err->line, err->text);
    tn_answer_err(x, err);
}

/* Who calls an open route of a surface. */
static const struct tn_actor anyone = {
    .team = TN_TEAM_SYSTEM, .kind = TN_ACTOR_ANYONE, .name = "anyone", .grants = "*:read"};

static void serve_surface(void *arg, struct tn_http_exchange *x)
{
    struct tn_api *api = arg;
    const struct tn_route *route = tn_http_match(x)->route;
    struct tn_actor actor = route->flags & TN_ROUTE_open ? anyone : *api_actor(x);
    add_request(&actor, x);
    tn_scripts_serve(api->p.scripts, route->user, &actor, x, answer_failure, api);
}

static void add_surface(struct rows *rows, const struct tn_surface_row *r)
{
    static const struct tn_route open = {.flags = TN_ROUTE_open};
    struct tn_route row = strcmp(r->method, "GET") == 0 ? api_surface_read : api_surface_write;
    if (r->open) row = open;
    row.method = r->method;
    row.pattern = r->pattern;
    row.handle = serve_surface;
    row.user = r;
    add_row(rows, row, (struct declared){r->surface->path, r->route->line});
}

/* Where the resource says its path. */
static int path_line(const struct tn_units *units, const struct tn_decl *resource)
{
    const struct tn_unit *unit = tn_units_of(units, resource);
    const struct tn_file *file = tn_fileset_find(tn_unit_files(unit), tn_str(resource->path));
    return file ? tn_decl_line_of(file->text, resource->line, "path") : resource->line;
}

/* The rows borrow from units and kept. */
static struct rows *rows_new(const struct tn_units *units, struct kept *kept)
{
    const struct tn_unit *core = tn_units_find(units, "core");
    struct rows *rows = TN_NEW(struct rows);
    tn_arena_init(&rows->texts);
    for (size_t i = 0; i < api_route_count; i++)
        add_row(rows, api_routes[i], (struct declared){NULL, 0});
    for (size_t i = 0; i < tn_units_resources(units); i++) {
        const struct tn_decl *r = tn_units_resource_at(units, i);
        add_entity(rows, kept, &r->resource, tn_unit_resources(core),
                   (struct declared){r->path, path_line(units, r)});
    }
    for (size_t i = 0; i < tn_surfaces_count(kept->surfaces); i++)
        add_surface(rows, tn_surfaces_at(kept->surfaces, i));
    return rows;
}

static void rows_free(struct rows *rows)
{
    tn_arena_clear(&rows->texts);
    tn_free(rows);
}

/* The router keeps the surfaces, and they the units. */
static struct tn_router *make_router(struct tn_units *units, struct tn_err *err)
{
    struct kept *kept = kept_new(units);
    struct rows *rows = rows_new(units, kept);
    struct tn_router *router = tn_router_new(rows->list, rows->n, err);
    rows_free(rows);
    if (router)
        tn_router_keep(router, kept, free_kept);
    else
        free_kept(kept);
    return router;
}

/* ---- do they go together? ---- */

/* Do the patterns meet the same paths, but for how their parameters are called? */
static bool same_pattern(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        if (*a != *b) return false;
        if (*a != '{') continue;
        a += strcspn(a, "}*");
        b += strcspn(b, "}*");
        if (*a != *b || !*a) return false;
    }
    return *a == *b;
}

static bool same_place(const struct declared *a, const struct declared *b)
{
    return a->file && b->file && a->line == b->line && strcmp(a->file, b->file) == 0;
}

/* False: err says which row before it row i cannot stand beside, or that it is malformed. */
static bool row_fits(const struct rows *rows, size_t i, struct tn_err *err)
{
    const struct tn_route *row = &rows->list[i], *other = rows->list;
    struct tn_router *alone = tn_router_new(row, 1, err);
    tn_router_unref(alone);
    if (!alone) return false;
    while (other < row &&
           (strcmp(other->method, row->method) != 0 || !same_pattern(other->pattern, row->pattern)))
        other++;
    if (other == row) return true;
    const struct declared *at = &rows->at[other - rows->list];
    if (!at->file)
        return tn_fail(err, TN_E_invalid, "%s %s is a route of Tenon's own: take another path",
                       row->method, row->pattern);
    return tn_fail(err, TN_E_invalid, "%s %s is there already, in %s:%d", row->method, row->pattern,
                   at->file, at->line);
}

/* A resource has several routes of one path: its first fault is enough. */
static void check_rows(const struct rows *rows, struct tn_load_faults *faults)
{
    struct declared last = {NULL, 0};
    for (size_t i = api_route_count; i < rows->n; i++) {
        struct tn_err err;
        if (same_place(&last, &rows->at[i]) || row_fits(rows, i, &err)) continue;
        last = rows->at[i];
        tn_fail_at(&err, last.file, last.line);
        if (!tn_load_faults_add(faults, &err)) return;
    }
}

bool tn_api_fits(struct tn_units *units, tn_fault_fn each, void *arg, struct tn_err *err)
{
    struct tn_load_faults faults = {.each = each, .arg = arg, .first = err};
    struct kept *kept = kept_new(units);
    struct rows *rows = rows_new(units, kept);
    check_rows(rows, &faults);
    if (rows->n == ROUTES_MAX && !faults.n) {
        struct tn_err many;
        tn_fail(&many, TN_E_invalid, "there are more than %d routes", ROUTES_MAX - 1);
        tn_fail_at(&many, rows->at[rows->n - 1].file, rows->at[rows->n - 1].line);
        tn_load_faults_add(&faults, &many);
    }
    rows_free(rows);
    free_kept(kept);
    return faults.n == 0;
}

bool tn_api_refresh(struct tn_api *api, struct tn_err *err)
{
    struct tn_router *router = make_router(tn_scripts_units(api->p.scripts), err);
    if (!router) return false;
    tn_router_unref(api->router);
    api->router = router;
    return true;
}

struct tn_api *tn_api_open(const struct tn_api_parts *parts, struct tn_err *err)
{
    struct tn_api *api = TN_NEW(struct tn_api);
    api->p = *parts;
    api->json = tn_json_new();
    if (tn_api_refresh(api, err)) return api;
    tn_api_close(api);
    return NULL;
}

void tn_api_close(struct tn_api *api)
{
    if (!api) return;
    tn_router_unref(api->router);
    tn_json_free(api->json);
    tn_free(api);
}
