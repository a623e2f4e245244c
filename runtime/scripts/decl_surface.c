/* SPDX-License-Identifier: MIT */
/* decl_surface.c - tn.surface {...} and tn.rule {...} */
#include "scripts/decl_read.h"

#include <lauxlib.h>

#include "base/duration.h"
#include "base/limits.h"

static const struct key surface_keys[] = {{"title", D_TEXT, false},
                                          {"path", D_TEXT, false},
                                          {"auth", D_TEXT, false},
                                          {"routes", D_TABLE, true},
                                          {NULL, 0, false}};
static const struct key route_keys[] = {
    {"#", D_TEXT | D_FUNCTION, false}, {"auth", D_TEXT, false}, {NULL, 0, false}};
static const struct key rule_keys[] = {
    {"title", D_TEXT, false},  {"on", D_TEXT | D_TABLE | D_BOX, true},
    {"when", D_TABLE, false},  {"once", D_TEXT, false},
    {"run", D_FUNCTION, true}, {"retry", D_TABLE, false},
    {NULL, 0, false}};

/* ---- surfaces ---- */

static bool open_to_all(struct reading *r, int table, bool otherwise)
{
    const char *auth = tn_decl_opt_text(r, table, "auth");
    if (!auth) return otherwise;
    if (strcmp(auth, "none") != 0 && strcmp(auth, "key") != 0)
        tn_decl_fault(r, tn_decl_key_line(r, "auth"),
                      "'auth' has to be \"none\" or \"key\", not \"%s\"", auth);
    return strcmp(auth, "none") == 0;
}

static const char *check_method(struct reading *r, const char *method)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", NULL};
    for (const char *const *m = methods; *m; m++)
        if (strcmp(*m, method) == 0) return *m;
    tn_decl_fault(r, r->line,
                  "a route's method is one of GET, POST, PUT, PATCH, DELETE, not \"%s\"", method);
    return NULL;
}

static void read_route(struct reading *r, const struct tn_box *box, int index, bool open,
                       struct tn_surface_route *route)
{
    lua_State *L = r->L;
    r->line = route->line = box->line;
    tn_box_options(L, index);
    int table = lua_gettop(L);
    tn_decl_check(r, table, route_keys, "tn.route");
    if (lua_rawgeti(L, table, 1) != LUA_TSTRING || lua_rawgeti(L, table, 2) != LUA_TSTRING ||
        lua_rawgeti(L, table, 3) != LUA_TFUNCTION)
        tn_decl_fault(r, box->line,
                      "a route is tn.route { \"GET\", \"/path/{id}\", function(request) ... end }");
    route->method = check_method(r, lua_tostring(L, table + 1));
    route->path = tn_decl_text(r, table + 2);
    if (route->path[0] != '/')
        tn_decl_fault(r, box->line, "a route's path begins with '/', not \"%s\"", route->path);
    route->ref = tn_decl_ref(r, table + 3);
    lua_settop(L, table);
    route->open = open_to_all(r, table, open);
    lua_settop(L, table - 1);
}

static const struct tn_surface_route *read_routes(struct reading *r, int list, bool open)
{
    lua_State *L = r->L;
    int line = r->line;
    size_t n = lua_rawlen(L, list);
    struct tn_surface_route *routes = tn_decl_array(r, n, sizeof *routes);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, list, (lua_Integer)i + 1);
        const struct tn_box *box = tn_box_test(L, -1, "route");
        if (!box)
            tn_decl_fault(r, line,
                          "'routes' has to be a list of tn.route { ... }; number %zu is %s", i + 1,
                          tn_decl_type(L, -1));
        read_route(r, box, lua_gettop(L), open, &routes[i]);
        for (size_t j = 0; j < i; j++)
            if (strcmp(routes[j].method, routes[i].method) == 0 &&
                strcmp(routes[j].path, routes[i].path) == 0)
                tn_decl_fault(r, box->line, "%s %s is there already, in line %d", routes[i].method,
                              routes[i].path, routes[j].line);
        lua_pop(L, 1);
    }
    r->line = line;
    return routes;
}

void tn_decl_read_surface(struct reading *r, int table)
{
    struct tn_surface *s = &r->out->decl.surface;
    tn_decl_check(r, table, surface_keys, "tn.surface");
    s->title = tn_decl_opt_text(r, table, "title");
    if (!s->title) s->title = r->out->decl.name;
    s->path = tn_decl_opt_text(r, table, "path");
    if (!s->path) s->path = "";
    if (s->path[0] && s->path[0] != '/')
        tn_decl_fault(r, tn_decl_key_line(r, "path"), "'path' begins with '/', not \"%s\"",
                      s->path);
    bool open = open_to_all(r, table, false);
    tn_decl_push(r, table, "routes");
    s->routes = read_routes(r, lua_gettop(r->L), open);
    lua_pop(r->L, 1);
}

/* ---- rules ---- */

/* Bounds the patterns, because C compares each event with all of them and no CPU budget applies
 * there. */
static void check_patterns(struct reading *r, int line, const char *const *patterns)
{
    size_t n = 0;
    for (; patterns[n]; n++)
        if (strlen(patterns[n]) > TN_LIMIT_EVENT_PATTERN)
            tn_decl_fault(r, line, "an event of 'on' has %d characters at most",
                          TN_LIMIT_EVENT_PATTERN);
    if (n > TN_LIMIT_EVENT_PATTERNS)
        tn_decl_fault(r, line, "'on' names %d events at most", TN_LIMIT_EVENT_PATTERNS);
}

static void read_on(struct reading *r, int table, struct tn_rule *rule)
{
    lua_State *L = r->L;
    static const char *const none[] = {NULL};
    tn_decl_push(r, table, "on");
    int on = lua_gettop(L);
    rule->events = none;
    if (lua_type(L, on) == LUA_TSTRING) {
        const char **one = tn_decl_array(r, 1, sizeof *one);
        one[0] = tn_decl_text(r, on);
        rule->events = one;
    } else if (lua_type(L, on) == LUA_TTABLE) {
        rule->events = tn_decl_texts(r, on, "on");
        if (!rule->events[0]) tn_decl_fault(r, tn_decl_key_line(r, "on"), "'on' names no event");
    } else {
        tn_decl_fault(r, tn_decl_key_line(r, "on"),
                      "rules do not run on webhooks yet: let the adapter's webhook start a sync, "
                      "and the rule wait for what that changes (\"item.updated\")");
    }
    check_patterns(r, tn_decl_key_line(r, "on"), rule->events);
    lua_pop(L, 1);
}

static int64_t read_pause(struct reading *r, const char *text)
{
    struct tn_duration d;
    const int64_t day_ms = 86400000, most = 7 * day_ms;
    bool ok = tn_duration_read(tn_str(text), &d) && !d.months;
    int64_t ms = ok ? d.days * day_ms + d.ms : 0;
    if (ms < 1 || ms > most)
        tn_decl_fault(r, tn_decl_key_line(r, "retry"),
                      "'retry': \"%s\" is no pause: write \"5s\", \"30m\", \"2h\"; at most \"7d\"",
                      text);
    return ms;
}

void tn_decl_retry(struct reading *r, int table, struct tn_backoff *out)
{
    *out = tn_backoff_hours;
    if (!tn_decl_push(r, table, "retry")) return;
    const char *const *pauses = tn_decl_texts(r, lua_gettop(r->L), "retry");
    size_t n = 0;
    for (; pauses[n] && n < TN_BACKOFF_MAX; n++) out->pause_ms[n] = read_pause(r, pauses[n]);
    out->count = n;
    if (pauses[n])
        tn_decl_fault(r, tn_decl_key_line(r, "retry"), "'retry' has %d pauses at most",
                      TN_BACKOFF_MAX);
    lua_pop(r->L, 1);
}

void tn_decl_read_rule(struct reading *r, int table)
{
    lua_State *L = r->L;
    struct tn_rule *rule = &r->out->decl.rule;
    tn_decl_check(r, table, rule_keys, "tn.rule");
    rule->title = tn_decl_opt_text(r, table, "title");
    if (!rule->title) rule->title = r->out->decl.name;
    read_on(r, table, rule);
    rule->once = tn_decl_opt_text(r, table, "once");
    rule->run = tn_decl_opt_ref(r, table, "run");
    tn_decl_retry(r, table, &rule->retry);
    rule->when_json = "{}";
    if (!tn_decl_push(r, table, "when")) return;
    rule->when_json = tn_decl_json(r, lua_gettop(L), "when");
    lua_pop(L, 1);
}
