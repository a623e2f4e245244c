/* SPDX-License-Identifier: MIT */
/* decl_resource.c - tn.resource {...} */
#include "scripts/decl_read.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hint.h"

enum { PAGE = 50, PAGE_MAX = 500 };

static const struct key resource_keys[] = {
    {"title", D_TEXT, false},         {"path", D_TEXT, true},
    {"scope", D_TEXT, false},         {"plural", D_TEXT, false},
    {"key", D_TABLE | D_TEXT, false}, {"fields", D_TABLE, true},
    {"list", D_TABLE, false},         {NULL, 0, false}};
static const struct key list_keys[] = {{"filter", D_TABLE, false},
                                       {"sort", D_TABLE, false},
                                       {"page", D_TABLE | D_INT, false},
                                       {NULL, 0, false}};
static const struct key page_keys[] = {
    {"max", D_INT, false}, {"#", D_INT, false}, {NULL, 0, false}};

/* Checks that the names are those of declared fields or of system fields (tn_is_system_field). */
static void check_names(struct reading *r, const struct tn_entity *a, const char *const *names,
                        const char *what)
{
    const char *known[200] = {NULL};
    size_t n = 0;
    for (; n < a->n_fields && n < 199; n++) known[n] = a->fields[n].name;
    for (; *names; names++) {
        struct tn_str name = tn_str(*names);
        const struct tn_field *f = tn_field_find(a->fields, a->n_fields, name);
        if (f &&
            (f->type == TN_FIELD_list || f->type == TN_FIELD_object || f->type == TN_FIELD_secret))
            tn_decl_fault(r, tn_decl_key_line(r, what),
                          "'%s' names '%s', a %s: only fields with one plain value can be looked "
                          "for",
                          what, *names, tn_field_type_name(f->type));
        if (f || tn_is_system_field(name)) continue;
        tn_decl_fault(r, tn_decl_key_line(r, what),
                      "'%s' names the field '%s', which is not declared%s", what, *names,
                      tn_did_you_mean(name, known).text);
    }
}

static void read_page(struct reading *r, int table, struct tn_entity *a)
{
    lua_State *L = r->L;
    if (!tn_decl_push(r, table, "page")) return;
    int page = lua_gettop(L);
    if (lua_isinteger(L, page)) {
        a->page = (int)lua_tointeger(L, page);
    } else {
        tn_decl_check(r, page, page_keys, "page");
        if (lua_rawgeti(L, page, 1) == LUA_TNUMBER) a->page = (int)lua_tointeger(L, -1);
        if (tn_decl_push(r, page, "max")) a->page_max = (int)lua_tointeger(L, -1);
    }
    lua_settop(L, page - 1);
    if (a->page < 1 || a->page_max < a->page || a->page_max > (int)TN_LIMIT_PAGE)
        tn_decl_fault(r, tn_decl_key_line(r, "page"),
                      "'page' has to be { usual, max = largest }, between "
                      "1 and %d",
                      TN_LIMIT_PAGE);
}

static void read_list(struct reading *r, int table, struct tn_entity *a)
{
    int line = r->line;
    static const char *const none[] = {NULL};
    a->filter = a->sort = none;
    a->page = PAGE;
    a->page_max = PAGE_MAX;
    if (!tn_decl_push(r, table, "list")) return;
    int list = lua_gettop(r->L);
    r->line = tn_decl_key_line(r, "list");
    tn_decl_check(r, list, list_keys, "list");
    a->filter = tn_decl_opt_texts(r, list, "filter");
    a->sort = tn_decl_opt_texts(r, list, "sort");
    check_names(r, a, a->filter, "filter");
    check_names(r, a, a->sort, "sort");
    read_page(r, list, a);
    lua_settop(r->L, list - 1);
    r->line = line;
}

static void read_key(struct reading *r, int table, struct tn_entity *a)
{
    static const char *const none[] = {NULL};
    a->key = none;
    if (!tn_decl_push(r, table, "key")) return;
    if (lua_type(r->L, -1) == LUA_TSTRING) {
        const char **one = tn_decl_array(r, 1, sizeof *one);
        one[0] = tn_decl_text(r, -1);
        a->key = one;
    } else {
        a->key = tn_decl_texts(r, lua_gettop(r->L), "key");
    }
    lua_pop(r->L, 1);
    check_names(r, a, a->key, "key");
    size_t n = 0;
    for (; a->key[n]; n++)
        if (tn_is_system_field(tn_str(a->key[n])))
            tn_decl_fault(r, tn_decl_key_line(r, "key"),
                          "'key' names '%s', which Tenon gives: a key is made of fields of the "
                          "resource",
                          a->key[n]);
    if (n > TN_STORE_KEY_MAX)
        tn_decl_fault(r, tn_decl_key_line(r, "key"), "'key' has %zu fields: the limit is %d", n,
                      TN_STORE_KEY_MAX);
}

static void check_path(struct reading *r, const char *path)
{
    size_t n = strlen(path);
    if (path[0] != '/' || n < 2 || path[n - 1] == '/' || strpbrk(path, " ?#{}"))
        tn_decl_fault(r, tn_decl_key_line(r, "path"),
                      "'path' has to be a path such as \"/api/v1/items\", "
                      "not \"%s\"",
                      path);
}

static const char *plural_of(struct reading *r, const char *name)
{
    size_t n = strlen(name) + 2;
    char *plural = tn_arena_alloc(&r->out->arena, n);
    snprintf(plural, n, "%ss", name);
    return plural;
}

void tn_decl_read_resource(struct reading *r, int table)
{
    lua_State *L = r->L;
    struct tn_entity *a = &r->out->decl.resource;
    tn_decl_check(r, table, resource_keys, "tn.resource");
    a->name = r->out->decl.name;
    a->title = tn_decl_opt_text(r, table, "title");
    a->path = tn_decl_opt_text(r, table, "path");
    check_path(r, a->path);
    const char *scope = tn_decl_opt_text(r, table, "scope");
    a->global = scope && strcmp(scope, "global") == 0;
    if (scope && !a->global && strcmp(scope, "team") != 0)
        tn_decl_fault(r, tn_decl_key_line(r, "scope"),
                      "'scope' has to be \"team\" or \"global\", not \"%s\"", scope);
    a->plural = tn_decl_opt_text(r, table, "plural");
    if (!a->plural) a->plural = plural_of(r, r->out->decl.name);
    tn_decl_push(r, table, "fields");
    a->fields = tn_decl_fields(r, lua_gettop(L), "fields", &a->n_fields);
    lua_pop(L, 1);
    read_key(r, table, a);
    read_list(r, table, a);
    if (tn_entity_sought(a) > TN_STORE_COLUMNS_MAX)
        tn_decl_fault(r, tn_decl_key_line(r, "list"),
                      "%zu fields are in 'key', 'filter' or 'sort' or are unique: the limit is %d",
                      tn_entity_sought(a), TN_STORE_COLUMNS_MAX);
}
