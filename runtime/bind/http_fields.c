/* SPDX-License-Identifier: MIT */
#include "bind/http_fields.h"

#include "bind/http_body.h"

int http_push_field(lua_State *L, const struct http_fields *f, struct tn_str name)
{
    for (size_t i = 0; i < f->count; i++) {
        if (!tn_str_eq_nocase(f->list[i].name, name)) continue;
        lua_pushlstring(L, f->list[i].value.p, f->list[i].value.n);
        return 1;
    }
    lua_pushnil(L);
    return 1;
}

size_t http_read_headers(lua_State *L, int index, struct tn_fetch_header *headers)
{
    const char *names[HTTP_HEADERS_MAX];
    size_t n = bind_sorted_names(L, index, names, HTTP_HEADERS_MAX);
    for (size_t i = 0; i < n; i++) {
        size_t len;
        lua_getfield(L, index, names[i]);
        const char *text = lua_tolstring(L, -1, &len);
        if (!text) luaL_error(L, "the header %s has to be a text", names[i]);
        headers[i] = (struct tn_fetch_header){names[i], {text, len}};
    }
    return n;
}

void http_fields_copy(struct http_fields *to, const struct tn_reply *from)
{
    struct tn_arena *a = &to->memory;
    to->list = tn_arena_alloc(a, (from->nfields + 1) * sizeof *to->list);
    for (size_t i = 0; i < from->nfields; i++) {
        const struct tn_fetch_field *f = &from->fields[i];
        to->list[i].name = (struct tn_str){tn_arena_strndup(a, f->name.p, f->name.n), f->name.n};
        to->list[i].value =
            (struct tn_str){tn_arena_strndup(a, f->value.p, f->value.n), f->value.n};
    }
    to->count = from->nfields;
}

static void add_field(struct http_fields *f, const char *name, struct tn_str value)
{
    struct tn_arena *a = &f->memory;
    struct tn_str key = tn_str(name);
    f->list[f->count].name = (struct tn_str){tn_arena_strndup(a, key.p, key.n), key.n};
    f->list[f->count++].value = (struct tn_str){tn_arena_strndup(a, value.p, value.n), value.n};
}

void http_recorded_fields(lua_State *L, int index, struct http_fields *f)
{
    struct tn_fetch_header headers[HTTP_HEADERS_MAX];
    luaL_checkstack(L, HTTP_HEADERS_MAX + 8, NULL);
    int top = lua_gettop(L);
    bind_plain(L, index, "the reply of a test");
    if (lua_getfield(L, index, "headers") == LUA_TTABLE) {
        size_t n = http_read_headers(L, lua_gettop(L), headers);
        size_t room = n + 1;
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < headers[i].value.n; k++) room += headers[i].value.p[k] == '\n';
        f->list = tn_arena_alloc(&f->memory, room * sizeof *f->list);
        for (size_t i = 0; i < n; i++) { /* a line each: the field comes as often */
            struct tn_str rest = headers[i].value, line;
            while (tn_str_split(&rest, '\n', &line)) add_field(f, headers[i].name, line);
        }
    }
    lua_settop(L, top);
}
