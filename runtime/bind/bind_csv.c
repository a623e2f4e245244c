/* SPDX-License-Identifier: MIT */
/* bind_csv.c - require "tenon.csv": comma-separated values, read and written (base/csv.h). */
#include "base/limits.h"
#include "bind/bind_rows.h"

enum { COLUMNS_MAX = 4096 };

static int l_parse(lua_State *L)
{
    return bind_rows_parse(L, "csv");
}

static int l_rows(lua_State *L)
{
    return bind_rows_each(L, "csv");
}

/* ---- writing ---- */

struct sheet {
    struct tn_buf text, record;
    struct tn_json *json;
};

static void drop_sheet(void *object)
{
    struct sheet *s = object;
    tn_buf_clear(&s->text);
    tn_buf_clear(&s->record);
    tn_json_free(s->json);
}
static const struct bind_class SHEET = {.name = "tenon.csv.sheet", .drop = drop_sheet};

static struct sheet *push_sheet(lua_State *L)
{
    struct sheet *s = bind_new_free(L, sizeof *s, &SHEET);
    tn_buf_init(&s->text, TN_LIMIT_ISOLATE_BYTES / 4);
    tn_buf_init(&s->record, TN_LIMIT_RECORD);
    s->json = tn_json_new();
    return s;
}

/* Reads the names of columns at index into memory that Lua owns. The texts belong to the table,
 * and are valid until code of the script runs again. */
static struct tn_str *read_columns(lua_State *L, int index, size_t *count)
{
    bind_plain(L, index, "the list of columns");
    lua_Integer n = (lua_Integer)lua_rawlen(L, index);
    luaL_argcheck(L, n >= 1 && n <= COLUMNS_MAX, index, "a list of column names");
    struct tn_str *names = lua_newuserdatauv(L, (size_t)n * sizeof *names, 0);
    for (lua_Integer i = 1; i <= n; i++) {
        if (lua_rawgeti(L, index, i) != LUA_TSTRING)
            luaL_error(L, "column %d: a name is a text, not %s", (int)i, luaL_typename(L, -1));
        names[i - 1].p = lua_tolstring(L, -1, &names[i - 1].n);
        lua_pop(L, 1);
    }
    *count = (size_t)n;
    return names;
}

static void add_record(lua_State *L, struct sheet *s, lua_Integer number,
                       const struct tn_str *names, size_t count, char delimiter)
{
    struct tn_jw w;
    struct tn_err err;
    tn_buf_reset(&s->record);
    tn_jw_init(&w, &s->record);
    if (!lua_istable(L, -1)) luaL_error(L, "record %d is no table", (int)number);
    if (!bind_json_write(L, -1, &w, &err) || !tn_buf_ok(&s->record, "a record", &err) ||
        !tn_json_parse(s->json, tn_buf_str(&s->record), &err)) {
        tn_fail_in(&err, "record %d", (int)number);
        bind_raise(L, &err);
    }
    tn_csv_row(&s->text, tn_json_root(s->json), names, count, delimiter);
}

/* write(records, columns, options) */
static int l_write(lua_State *L)
{
    static const char *const keys[] = {"delimiter", "header", NULL};
    size_t count;
    struct tn_err err;
    bind_plain(L, 1, "the list of records");
    lua_settop(L, 3);
    bind_check_keys(L, 3, keys);
    struct tn_str delimiter = bind_opt_key_str(L, 3, "delimiter");
    luaL_argcheck(L, !delimiter.p || (delimiter.n == 1 && !strchr("\"\r\n", delimiter.p[0])), 3,
                  "delimiter is one character, and no quote or line end");
    char between = delimiter.p ? delimiter.p[0] : ',';
    const struct tn_str *names = read_columns(L, 2, &count);
    struct sheet *s = push_sheet(L);
    if (bind_opt_key_bool(L, 3, "header", true)) {
        for (size_t i = 0; i < count; i++) {
            if (i) tn_buf_addc(&s->text, between);
            tn_csv_cell(&s->text, names[i], between);
        }
        tn_buf_adds(&s->text, "\r\n");
    }
    lua_Integer n = (lua_Integer)lua_rawlen(L, 1);
    for (lua_Integer i = 1; i <= n; i++) {
        tn_isolate_poll(L);
        lua_rawgeti(L, 1, i);
        add_record(L, s, i, names, count, between);
        lua_pop(L, 1);
    }
    if (!tn_buf_ok(&s->text, "the text", &err)) return bind_fail(L, &err);
    lua_pushlstring(L, s->text.p ? s->text.p : "", s->text.n);
    bind_drop(s);
    return 1;
}

static const luaL_Reg functions[] = {
    {"parse", l_parse}, {"rows", l_rows}, {"write", l_write}, {NULL, NULL}};

int luaopen_tenon_csv(lua_State *L)
{
    bind_library(L, functions);
    return 1;
}
