/* SPDX-License-Identifier: MIT */
#include "scripts/decl_read.h"

#include <lauxlib.h>
#include <stdio.h>

#include "scripts/decl_line.h"
#include "scripts/not_yet.h"

/* ---- failing ---- */

int tn_decl_key_line(struct reading *r, const char *key)
{
    struct tn_str text = {NULL, 0};
    tn_isolate_text(tn_isolate_of(r->L), r->file, &text);
    return tn_decl_line_of(text, r->line, key);
}

void tn_decl_fault(struct reading *r, int line, const char *fmt, ...)
{
    struct tn_err err;
    va_list ap;
    va_start(ap, fmt);
    tn_failv(&err, TN_E_script, fmt, ap);
    va_end(ap);
    tn_fail_at(&err, r->file, line);
    tn_lua_raise(r->L, &err);
}

/* ---- memory ---- */

const char *tn_decl_text(struct reading *r, int index)
{
    size_t n;
    const char *text = lua_tolstring(r->L, index, &n);
    return tn_arena_strndup(&r->out->arena, text, n);
}

void *tn_decl_array(struct reading *r, size_t n, size_t size)
{
    return tn_arena_alloc(&r->out->arena, (n + 1) * size);
}

int tn_decl_ref(struct reading *r, int index)
{
    struct owner *out = r->out;
    lua_pushvalue(r->L, index);
    int ref = tn_isolate_keep(r->L);
    out->refs = tn_realloc(out->refs, (out->n_refs + 1) * sizeof *out->refs);
    out->refs[out->n_refs++] = ref;
    return ref;
}

/* ---- keys ---- */

static const struct {
    unsigned type;
    const char *word;
} type_words[] = {{D_TEXT, "a text"},        {D_INT, "a whole number"},
                  {D_BOOL, "true or false"}, {D_FUNCTION, "a function"},
                  {D_TABLE, "a table"},      {D_BOX, "a declaration of tn"},
                  {D_ANY, "a value"}};

static void expected(unsigned types, char *out, size_t room)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof type_words / sizeof *type_words; i++)
        if (types & type_words[i].type && n < room)
            n += (size_t)snprintf(out + n, room - n, "%s%s", n ? " or " : "", type_words[i].word);
}

static bool fits(lua_State *L, int index, unsigned types)
{
    switch (lua_type(L, index)) {
    case LUA_TSTRING: return types & (D_TEXT | D_ANY);
    case LUA_TNUMBER: return types & D_ANY || (types & D_INT && lua_isinteger(L, index));
    case LUA_TBOOLEAN: return types & (D_BOOL | D_ANY);
    case LUA_TFUNCTION: return types & D_FUNCTION;
    case LUA_TTABLE: return types & (D_TABLE | D_ANY);
    case LUA_TUSERDATA: return types & D_BOX && tn_box_test(L, index, NULL);
    default: return types & D_ANY;
    }
}

const char *tn_decl_type(lua_State *L, int index)
{
    const struct tn_box *box = tn_box_test(L, index, NULL);
    if (box) return box->what;
    switch (lua_type(L, index)) {
    case LUA_TNIL: return "nothing";
    case LUA_TSTRING: return "a text";
    case LUA_TNUMBER:
        return lua_isinteger(L, index) ? "a whole number" : "a number with a fraction";
    case LUA_TBOOLEAN: return "true or false";
    case LUA_TTABLE: return "a table";
    case LUA_TFUNCTION: return "a function";
    default: return luaL_typename(L, index);
    }
}

static const struct key *find_key(const struct key *keys, const char *name)
{
    while (keys->name && strcmp(keys->name, name) != 0) keys++;
    return keys->name ? keys : NULL;
}

static void list_names(const struct key *keys, char *out, size_t room)
{
    size_t n = 0;
    out[0] = '\0';
    for (; keys->name && n < room; keys++)
        if (keys->name[0] != '#')
            n += (size_t)snprintf(out + n, room - n, "%s%s", n ? ", " : "", keys->name);
}

void tn_decl_refuse_vain(struct reading *r, const char *what, const char *word)
{
    const char *instead = tn_not_yet(what, word);
    if (instead)
        tn_decl_fault(r, tn_decl_key_line(r, word), "'%s' has no effect in this version; %s", word,
                      instead);
}

/* A table that is checked: what it is, by what name the table of words without effect
 * (not_yet.h) knows it, and what messages call it. */
struct checked {
    const struct key *keys;
    const char *what, *name;
};

/* Raises for a key that the table does not take. The key may be no text; the message then shows
 * it as Lua prints it. */
static _Noreturn void unknown_key(struct reading *r, const struct checked *c, const char *name)
{
    const struct key *keys = c->keys;
    const char *what = c->name;
    char all[300];
    const char *names[48] = {NULL};
    size_t n = 0;
    for (const struct key *k = keys; k->name && n < 47; k++)
        if (k->name[0] != '#') names[n++] = k->name;
    tn_decl_refuse_vain(r, c->what, name);
    struct tn_hint hint = tn_did_you_mean(tn_str(name), names);
    list_names(keys, all, sizeof all);
    if (hint.text[0])
        tn_decl_fault(r, tn_decl_key_line(r, name), "unknown key '%s' in %s%s", name, what,
                      hint.text);
    tn_decl_fault(r, tn_decl_key_line(r, name), "unknown key '%s' in %s; it takes: %s", name, what,
                  all);
}

static void check_key(struct reading *r, const struct checked *c, int value)
{
    const struct key *keys = c->keys;
    const char *what = c->name;
    lua_State *L = r->L;
    char want[120];
    if (lua_type(L, value - 1) != LUA_TSTRING) {
        if (!find_key(keys, "#"))
            tn_decl_fault(r, r->line, "%s has a value without a key (%s); write key = value", what,
                          tn_decl_type(L, value));
        return;
    }
    const char *name = lua_tostring(L, value - 1);
    const struct key *key = find_key(keys, name);
    if (!key) key = find_key(keys, "#any");
    if (!key) unknown_key(r, c, name);
    if (fits(L, value, key->types)) return;
    expected(key->types, want, sizeof want);
    tn_decl_fault(r, tn_decl_key_line(r, name), "'%s' in %s has to be %s, not %s", name, what, want,
                  tn_decl_type(L, value));
}

/* Reports the fault that stands first in the file: the order of keys in a Lua table is random. */
static void check_in_order(struct reading *r, int table, const struct checked *c)
{
    const struct key *keys = c->keys;
    lua_State *L = r->L;
    int first = 0, at = 0;
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
        const struct key *key = name ? find_key(keys, name) : NULL;
        if (!key && name) key = find_key(keys, "#any");
        if ((!name && find_key(keys, "#")) || (key && fits(L, lua_gettop(L), key->types))) continue;
        int line = name ? tn_decl_key_line(r, name) : r->line;
        if (first && line >= first) continue;
        first = line;
        lua_pushvalue(L, -2);
        if (at)
            lua_replace(L, at);
        else
            lua_insert(L, at = lua_gettop(L) - 2);
    }
    if (!at) return;
    lua_pushvalue(L, at);
    lua_rawget(L, table);
    check_key(r, c, lua_gettop(L));
}

void tn_decl_check_named(struct reading *r, int table, const struct key *keys, const char *what,
                         const char *name)
{
    lua_State *L = r->L;
    const struct checked c = {keys, what, name};
    luaL_checkstack(L, 10, "declaration");
    check_in_order(r, table, &c);
    for (const struct key *key = keys; key->name; key++) {
        if (!key->required) continue;
        lua_pushstring(L, key->name);
        if (lua_rawget(L, table) == LUA_TNIL) {
            char want[120];
            expected(key->types, want, sizeof want);
            tn_decl_fault(r, r->line, "%s needs '%s' (%s)", name, key->name, want);
        }
        lua_pop(L, 1);
    }
}

void tn_decl_check(struct reading *r, int table, const struct key *keys, const char *what)
{
    tn_decl_check_named(r, table, keys, what, what);
}

bool tn_decl_push(struct reading *r, int table, const char *key)
{
    lua_pushstring(r->L, key);
    if (lua_rawget(r->L, table) != LUA_TNIL) return true;
    lua_pop(r->L, 1);
    return false;
}

const char *tn_decl_opt_text(struct reading *r, int table, const char *key)
{
    if (!tn_decl_push(r, table, key)) return NULL;
    const char *text = tn_decl_text(r, -1);
    lua_pop(r->L, 1);
    return text;
}

int tn_decl_opt_ref(struct reading *r, int table, const char *key)
{
    if (!tn_decl_push(r, table, key)) return LUA_NOREF;
    int ref = tn_decl_ref(r, -1);
    lua_pop(r->L, 1);
    return ref;
}

const char *const *tn_decl_texts(struct reading *r, int table, const char *what)
{
    lua_State *L = r->L;
    size_t n = lua_rawlen(L, table);
    const char **texts = tn_decl_array(r, n, sizeof *texts);
    for (size_t i = 0; i < n; i++) {
        if (lua_rawgeti(L, table, (lua_Integer)i + 1) != LUA_TSTRING)
            tn_decl_fault(r, r->line, "%s has to be a list of texts; number %zu is %s", what, i + 1,
                          tn_decl_type(L, -1));
        texts[i] = tn_decl_text(r, -1);
        lua_pop(L, 1);
    }
    return texts;
}

const char *const *tn_decl_opt_texts(struct reading *r, int table, const char *key)
{
    static const char *const none[] = {NULL};
    if (!tn_decl_push(r, table, key)) return none;
    const char *const *texts = tn_decl_texts(r, lua_gettop(r->L), key);
    lua_pop(r->L, 1);
    return texts;
}

size_t tn_decl_count(lua_State *L, int table)
{
    size_t n = 0;
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) n++;
    return n;
}
