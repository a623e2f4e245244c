/* SPDX-License-Identifier: MIT */
/* bind_json.c - require "tenon.json": JSON that is written as it was read. Integers up to 64
 * bits are Lua integers, all other numbers are decimals that keep their digits; null is
 * json.null; an empty array stays an array. */
#include "bind/bind.h"

#include <math.h>
#include <stdlib.h>

#include "base/limits.h"

static const char ARRAY[] = "tenon.array";
static const char null_here; /* the address of this constant stands for null */

/* ---- null and arrays ---- */

void bind_json_push_null(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)(uintptr_t)&null_here);
}

bool bind_json_is_null(lua_State *L, int index)
{
    if (lua_type(L, index) != LUA_TLIGHTUSERDATA) return false;
    const void *p = lua_touserdata(L, index);
    return p == &null_here || !p; /* NULL: cjson.null */
}

static void push_array_class(lua_State *L)
{
    if (!luaL_newmetatable(L, ARRAY)) return;
    lua_pushliteral(L, "array");
    lua_setfield(L, -2, "__metatable");
}

void bind_json_mark_array(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    push_array_class(L);
    lua_setmetatable(L, index);
}

bool bind_json_is_array(lua_State *L, int index)
{
    if (!lua_getmetatable(L, index)) return false;
    luaL_getmetatable(L, ARRAY);
    bool is = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return is;
}

/* ---- JSON to Lua ---- */

static void drop_arena(void *object)
{
    tn_arena_clear(object);
}
static const struct bind_class ARENA = {
    .name = "tenon.json.arena", .drop = drop_arena, .pure = true};

struct pusher {
    lua_State *L;
    int arena; /* stack index of a slot for an arena; nil until one is needed */
    int array; /* stack index of the metatable of arrays */
};

static struct tn_arena *arena_of(const struct pusher *p)
{
    if (lua_isnil(p->L, p->arena)) {
        struct tn_arena *arena = bind_new_free(p->L, sizeof *arena, &ARENA);
        tn_arena_init(arena);
        lua_replace(p->L, p->arena);
    }
    return bind_is(p->L, p->arena, &ARENA);
}

static void push_text(const struct pusher *p, struct tn_jval v)
{
    struct tn_str raw = tn_jraw(v), text = {raw.p + 1, raw.n - 2};
    if (memchr(text.p, '\\', text.n)) tn_jtext(v, arena_of(p), &text);
    lua_pushlstring(p->L, text.p, text.n);
}

static void push(const struct pusher *p, struct tn_jval v);

static void push_array(const struct pusher *p, struct tn_jval v)
{
    size_t n = tn_jcount(v);
    lua_createtable(p->L, (int)(n < 1000000 ? n : 1000000), 0);
    for (struct tn_jiter it = tn_jiter(v); tn_jnext(&it);) {
        push(p, it.value);
        lua_rawseti(p->L, -2, (lua_Integer)it.index + 1);
    }
    lua_pushvalue(p->L, p->array);
    lua_setmetatable(p->L, -2);
}

static void push_object(const struct pusher *p, struct tn_jval v)
{
    size_t n = tn_jcount(v);
    lua_createtable(p->L, 0, (int)(n < 1000000 ? n : 1000000));
    for (struct tn_jiter it = tn_jiter(v); tn_jnext(&it);) {
        lua_pushlstring(p->L, it.key.p ? it.key.p : "", it.key.n);
        push(p, it.value);
        lua_rawset(p->L, -3);
    }
}

static void push_number(const struct pusher *p, struct tn_jval v)
{
    int64_t i;
    struct tn_str raw = tn_jraw(v);
    size_t sign = raw.n && raw.p[0] == '-';
    bool digits = true;
    for (size_t at = sign; at < raw.n; at++) digits &= raw.p[at] >= '0' && raw.p[at] <= '9';
    /* 7.0 and 7e2 become decimals, which keep their text; so does -0. */
    if (digits && tn_jint(v, &i) && !(i == 0 && sign))
        lua_pushinteger(p->L, i);
    else
        bind_decimal_push(p->L, raw);
}

static void push(const struct pusher *p, struct tn_jval v)
{
    bool b = false;
    luaL_checkstack(p->L, 6, "JSON");
    switch (tn_jtype(v)) {
    case TN_JSON_absent: lua_pushnil(p->L); break;
    case TN_JSON_null: bind_json_push_null(p->L); break;
    case TN_JSON_bool:
        tn_jbool(v, &b);
        lua_pushboolean(p->L, b);
        break;
    case TN_JSON_number: push_number(p, v); break;
    case TN_JSON_string: push_text(p, v); break;
    case TN_JSON_array: push_array(p, v); break;
    case TN_JSON_object: push_object(p, v); break;
    }
}

void bind_json_push(lua_State *L, struct tn_jval v)
{
    luaL_checkstack(L, 4, "JSON");
    int top = lua_gettop(L);
    struct pusher p = {L, top + 1, top + 2};
    lua_pushnil(L);
    push_array_class(L);
    push(&p, v);
    lua_replace(L, top + 1);
    lua_settop(L, top + 1);
}

/* ---- Lua to JSON ---- */

struct level {
    const void *table;
    struct tn_str key; /* absent: `index` counts */
    lua_Integer index;
};
struct writer {
    lua_State *L;
    struct tn_jw *w;
    struct tn_err *err;
    int depth;
    struct level levels[TN_LIMIT_JSON_DEPTH];
};

static bool refuse(struct writer *x, const char *fmt, ...) TN_PRINTF(2, 3);
static bool refuse(struct writer *x, const char *fmt, ...)
{
    struct tn_buf path;
    va_list ap;
    va_start(ap, fmt);
    tn_failv(x->err, TN_E_invalid, fmt, ap);
    va_end(ap);
    tn_buf_init(&path, sizeof x->err->field);
    for (int i = 0; i < x->depth; i++) {
        const struct level *level = &x->levels[i];
        if (level->key.p)
            tn_buf_addf(&path, "%s%.*s", path.n ? "." : "", TN_FMT(level->key));
        else if (level->index)
            tn_buf_addf(&path, "[%lld]", (long long)level->index);
    }
    if (path.n) {
        tn_fail_field(x->err, "%s", path.p);
        tn_fail_in(x->err, "%s", path.p);
    }
    tn_buf_clear(&path);
    return false;
}

static bool write(struct writer *x, int index);

static bool descend(struct writer *x, int index)
{
    const void *table = lua_topointer(x->L, index);
    for (int i = 0; i < x->depth; i++)
        if (x->levels[i].table == table) return refuse(x, "the value contains itself");
    if (x->depth == TN_LIMIT_JSON_DEPTH)
        return refuse(x, "it is nested deeper than %d levels", TN_LIMIT_JSON_DEPTH);
    x->levels[x->depth++] = (struct level){.table = table};
    luaL_checkstack(x->L, 8, "JSON");
    tn_isolate_poll(x->L);
    return true;
}

static bool write_array(struct writer *x, int index, lua_Integer n)
{
    struct level *level = &x->levels[x->depth - 1];
    bool ok = true;
    tn_jw_array(x->w);
    for (lua_Integer i = 1; ok && i <= n; i++) {
        level->index = i;
        lua_rawgeti(x->L, index, i);
        ok = write(x, lua_gettop(x->L));
        lua_pop(x->L, 1);
    }
    if (ok) tn_jw_end(x->w);
    return ok;
}

static int by_bytes(const void *pa, const void *pb)
{
    const struct tn_str *a = pa, *b = pb;
    size_t n = a->n < b->n ? a->n : b->n;
    int order = memcmp(a->p, b->p, n);
    return order ? order : a->n < b->n ? -1 : a->n > b->n;
}

/* Sorts the members, so that equal values have equal texts. The bytes of the keys belong to the
 * table. */
static struct tn_str *sorted_keys(lua_State *L, int index, size_t n)
{
    struct tn_str *keys = lua_newuserdatauv(L, (n ? n : 1) * sizeof *keys, 0);
    size_t i = 0;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1), i++)
        keys[i].p = lua_tolstring(L, -2, &keys[i].n);
    qsort(keys, n, sizeof *keys, by_bytes);
    return keys;
}

static bool write_object(struct writer *x, int index, size_t n)
{
    struct level *level = &x->levels[x->depth - 1];
    struct tn_str *keys = sorted_keys(x->L, index, n);
    bool ok = true;
    tn_jw_object(x->w);
    for (size_t i = 0; ok && i < n; i++) {
        level->key = keys[i];
        if (!tn_utf8_valid(keys[i].p, keys[i].n)) {
            level->key.p = NULL;
            ok = refuse(x, "a key is not UTF-8");
            break;
        }
        tn_jw_key(x->w, keys[i]);
        lua_pushlstring(x->L, keys[i].p, keys[i].n);
        lua_rawget(x->L, index);
        ok = write(x, lua_gettop(x->L));
        lua_pop(x->L, 1);
    }
    lua_pop(x->L, 1);
    if (ok) tn_jw_end(x->w);
    return ok;
}

struct shape {
    size_t texts, numbers;
    lua_Integer largest;
    bool other;
};

static struct shape shape_of(lua_State *L, int index)
{
    struct shape s = {0, 0, 0, false};
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        if (lua_type(L, -2) == LUA_TSTRING) {
            s.texts++;
        } else if (lua_isinteger(L, -2) && lua_tointeger(L, -2) > 0) {
            s.numbers++;
            if (lua_tointeger(L, -2) > s.largest) s.largest = lua_tointeger(L, -2);
        } else {
            s.other = true;
        }
    }
    return s;
}

static bool is_weak(lua_State *L, int index)
{
    if (luaL_getmetafield(L, index, "__mode") == LUA_TNIL) return false;
    lua_pop(L, 1);
    return true;
}

static bool write_table(struct writer *x, int index)
{
    if (!descend(x, index)) return false;
    /* The keys are kept as pointers to their bytes, so none may be collected between counting and
     * writing. */
    if (is_weak(x->L, index)) return refuse(x, "a weak table has no JSON form");
    struct shape s = shape_of(x->L, index);
    bool array = bind_json_is_array(x->L, index), ok;
    if (s.other)
        ok = refuse(x, "a key is neither a text nor 1, 2, 3, ...");
    else if (s.texts && s.numbers)
        ok = refuse(x, "it has both texts and numbers as keys");
    else if (array && s.texts)
        ok = refuse(x, "it is an array, but has a text as key");
    else if ((size_t)s.largest != s.numbers)
        ok = refuse(
            x, "a list may not have holes: it has %zu elements, and one of them is number %lld",
            s.numbers, (long long)s.largest);
    else if (array || s.numbers)
        ok = write_array(x, index, s.largest);
    else
        ok = write_object(x, index, s.texts);
    if (ok) x->depth--;
    return ok;
}

static bool write_number(struct writer *x, int index)
{
    lua_Number d = lua_tonumber(x->L, index);
    if (lua_isinteger(x->L, index)) {
        tn_jw_int(x->w, lua_tointeger(x->L, index));
        return true;
    }
    if (!isfinite(d)) return refuse(x, "%s is no JSON number", isnan(d) ? "nan" : "inf");
    tn_jw_double(x->w, d);
    return true;
}

static bool write_string(struct writer *x, int index)
{
    struct tn_str s;
    s.p = lua_tolstring(x->L, index, &s.n);
    if (!tn_utf8_valid(s.p, s.n)) return refuse(x, "the text is not UTF-8 (base64 carries bytes)");
    tn_jw_str(x->w, s);
    return true;
}

/* An object of C can be written when its metatable has a C function "__json", which pushes the
 * JSON text. */
static bool write_object_of_c(struct writer *x, int index)
{
    lua_State *L = x->L;
    if (luaL_getmetafield(L, index, "__json") == LUA_TNIL || !lua_iscfunction(L, -1))
        return refuse(x, "%s has no JSON form", luaL_typename(L, index));
    lua_pushvalue(L, index);
    lua_call(L, 1, 1);
    struct tn_str json;
    json.p = lua_tolstring(L, -1, &json.n);
    tn_jw_raw(x->w, json);
    lua_pop(L, 1);
    return true;
}

static bool write(struct writer *x, int index)
{
    if (x->w->out->failed)
        return refuse(x, "the JSON text is larger than %zu bytes", x->w->out->max);
    switch (lua_type(x->L, index)) {
    case LUA_TNIL: tn_jw_null(x->w); return true;
    case LUA_TBOOLEAN: tn_jw_bool(x->w, lua_toboolean(x->L, index)); return true;
    case LUA_TNUMBER: return write_number(x, index);
    case LUA_TSTRING: return write_string(x, index);
    case LUA_TTABLE: return write_table(x, index);
    case LUA_TUSERDATA: return write_object_of_c(x, index);
    case LUA_TLIGHTUSERDATA:
        if (!bind_json_is_null(x->L, index)) break;
        tn_jw_null(x->w);
        return true;
    }
    return refuse(x, "a %s has no JSON form", luaL_typename(x->L, index));
}

bool bind_json_write(lua_State *L, int index, struct tn_jw *w, struct tn_err *err)
{
    struct writer x = {.L = L, .w = w, .err = err};
    int top = lua_gettop(L);
    bool ok = write(&x, lua_absindex(L, index));
    lua_settop(L, top);
    return ok;
}

/* ---- the module ---- */

struct reader {
    struct tn_json *json;
};
static void drop_reader(void *object)
{
    tn_json_free(((struct reader *)object)->json);
}
static const struct bind_class READER = {
    .name = "tenon.json.reader", .drop = drop_reader, .pure = true};

static int l_decode(lua_State *L)
{
    struct tn_str text = bind_str(L, 1);
    struct tn_err err;
    struct reader *reader = bind_new_free(L, sizeof *reader, &READER);
    reader->json = tn_json_new();
    if (tn_str_starts(text, "\xEF\xBB\xBF")) text.p += 3, text.n -= 3;
    if (!tn_json_parse(reader->json, text, &err)) {
        bind_drop(reader);
        return bind_fail(L, &err);
    }
    bind_json_push(L, tn_json_root(reader->json));
    bind_drop(reader);
    return 1;
}

struct text {
    struct tn_buf buf;
};
static void drop_text(void *object)
{
    tn_buf_clear(&((struct text *)object)->buf);
}
static const struct bind_class TEXT = {.name = "tenon.json.text", .drop = drop_text, .pure = true};

static int l_encode(lua_State *L)
{
    struct tn_err err;
    struct tn_jw w;
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    struct text *text = bind_new_free(L, sizeof *text, &TEXT);
    tn_buf_init(&text->buf, TN_LIMIT_ISOLATE_BYTES);
    tn_jw_init(&w, &text->buf);
    bool ok = bind_json_write(L, 1, &w, &err) && tn_buf_ok(&text->buf, "the JSON text", &err);
    if (ok) lua_pushlstring(L, text->buf.p, text->buf.n);
    bind_drop(text);
    return ok ? 1 : bind_raise(L, &err);
}

static int l_array(lua_State *L)
{
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL && !bind_json_is_array(L, 1))
        return luaL_error(L, "this table cannot become an array");
    lua_settop(L, 1);
    bind_json_mark_array(L, 1);
    return 1;
}

static int l_is_array(lua_State *L)
{
    lua_pushboolean(L, lua_type(L, 1) == LUA_TTABLE && bind_json_is_array(L, 1));
    return 1;
}

static int l_null_text(lua_State *L)
{
    lua_pushstring(L, bind_json_is_null(L, 1) ? "null" : "userdata");
    return 1;
}

static const luaL_Reg functions[] = {{"array", l_array},
                                     {"decode", l_decode},
                                     {"encode", l_encode},
                                     {"is_array", l_is_array},
                                     {NULL, NULL}};

/* All light userdata of a state share one metatable; scripts see no other light userdata than null.
 */
static void name_null(lua_State *L)
{
    bind_json_push_null(L);
    lua_createtable(L, 0, 3);
    lua_pushcfunction(L, l_null_text);
    lua_setfield(L, -2, "__tostring");
    lua_pushliteral(L, "null");
    lua_setfield(L, -2, "__name");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
}

int luaopen_tenon_json(lua_State *L)
{
    name_null(L);
    lua_newtable(L);
    bind_pure_functions(L, functions);
    bind_json_push_null(L);
    lua_setfield(L, -2, "null");
    tn_lua_seal_module(L, "tenon.json");
    return 1;
}
