/* SPDX-License-Identifier: MIT */
/* decl_field.c - fields: tn.text "name" { required = true } becomes a struct tn_field. */
#include "scripts/decl_read.h"

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/hint.h"
#include "base/pattern.h"

enum { NESTING = 8, STATES_SHOWN = 100 };

/* ---- constants as JSON ---- */

static void put_json(struct reading *r, int index, struct tn_jw *w, int depth, const char *what);

static void put_table(struct reading *r, int index, struct tn_jw *w, int depth, const char *what)
{
    lua_State *L = r->L;
    size_t n = lua_rawlen(L, index);
    luaL_checkstack(L, 8, "constant");
    if (depth > NESTING)
        tn_decl_fault(r, tn_decl_key_line(r, what), "'%s' is nested too deeply", what);
    if (n)
        tn_jw_array(w);
    else
        tn_jw_object(w);
    for (size_t i = 1; i <= n; i++) {
        lua_rawgeti(L, index, (lua_Integer)i);
        put_json(r, lua_gettop(L), w, depth + 1, what);
        lua_pop(L, 1);
    }
    if (!n) {
        for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
            if (lua_type(L, -2) != LUA_TSTRING)
                tn_decl_fault(r, tn_decl_key_line(r, what), "a key in '%s' is no text", what);
            tn_jw_key(w, tn_str(lua_tostring(L, -2)));
            put_json(r, lua_gettop(L), w, depth + 1, what);
        }
    }
    tn_jw_end(w);
}

static void put_text(struct reading *r, int index, struct tn_jw *w, const char *what)
{
    struct tn_str s;
    s.p = lua_tolstring(r->L, index, &s.n);
    if (!tn_utf8_valid(s.p, s.n))
        tn_decl_fault(r, tn_decl_key_line(r, what), "the text of '%s' is not UTF-8", what);
    tn_jw_str(w, s);
}

static void put_json(struct reading *r, int index, struct tn_jw *w, int depth, const char *what)
{
    lua_State *L = r->L;
    switch (lua_type(L, index)) {
    case LUA_TSTRING: put_text(r, index, w, what); return;
    case LUA_TBOOLEAN: tn_jw_bool(w, lua_toboolean(L, index)); return;
    case LUA_TLIGHTUSERDATA: tn_jw_null(w); return;
    case LUA_TTABLE: put_table(r, index, w, depth, what); return;
    case LUA_TNUMBER:
        if (lua_isinteger(L, index)) {
            tn_jw_int(w, lua_tointeger(L, index));
            return;
        }
        if (isfinite(lua_tonumber(L, index))) {
            tn_jw_double(w, lua_tonumber(L, index));
            return;
        }
    }
    tn_decl_fault(r, tn_decl_key_line(r, what), "'%s' cannot be %s", what, luaL_typename(L, index));
}

/* The buffer lies outside of Lua's memory. The box that holds it frees it even if code in
 * between raises. */
static int free_buf(lua_State *L)
{
    tn_buf_clear(lua_touserdata(L, 1));
    return 0;
}

static struct tn_buf *push_buf(lua_State *L)
{
    struct tn_buf *buf = lua_newuserdatauv(L, sizeof *buf, 0);
    tn_buf_init(buf, TN_MIB);
    if (luaL_newmetatable(L, "tenon.decl.buffer")) {
        lua_pushcfunction(L, free_buf);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return buf;
}

const char *tn_decl_json(struct reading *r, int index, const char *what)
{
    struct tn_jw w;
    index = lua_absindex(r->L, index);
    struct tn_buf *buf = push_buf(r->L);
    tn_jw_init(&w, buf);
    put_json(r, index, &w, 0, what);
    if (buf->failed) tn_decl_fault(r, tn_decl_key_line(r, what), "'%s' is too large", what);
    const char *json = tn_arena_strndup(&r->out->arena, buf->p, buf->n);
    tn_buf_clear(buf);
    lua_pop(r->L, 1);
    return json;
}

/* ---- one field ---- */

static const struct key keys[] = {{"title", D_TEXT, false},
                                  {"help", D_TEXT, false},
                                  {"required", D_BOOL, false},
                                  {"generated", D_BOOL, false},
                                  {"unique", D_BOOL, false},
                                  {"null", D_BOOL, false},
                                  {"default", D_ANY, false},
                                  {"min", D_ANY, false},
                                  {"max", D_ANY, false},
                                  {"pattern", D_TEXT, false},
                                  {"values", D_TABLE, false},
                                  {"ref", D_TEXT, false},
                                  {NULL, 0, false}};
static const struct key list_keys[] = {{"title", D_TEXT, false},
                                       {"help", D_TEXT, false},
                                       {"required", D_BOOL, false},
                                       {"null", D_BOOL, false},
                                       {"generated", D_BOOL, false},
                                       {"default", D_ANY, false},
                                       {"min", D_INT, false},
                                       {"max", D_INT, false},
                                       {"of", D_TEXT | D_BOX, false},
                                       {"#", D_BOX, false},
                                       {NULL, 0, false}};
static const struct key state_keys[] = {{"title", D_TEXT, false},    {"help", D_TEXT, false},
                                        {"required", D_BOOL, false}, {"default", D_TEXT, false},
                                        {"first", D_TABLE, false},   {"#", D_TEXT, false},
                                        {"#any", D_TABLE, false},    {NULL, 0, false}};

static bool flag(struct reading *r, int table, const char *key)
{
    bool on = false;
    if (!tn_decl_push(r, table, key)) return false;
    on = lua_toboolean(r->L, -1);
    lua_pop(r->L, 1);
    return on;
}

static bool numeric(const char *text)
{
    size_t digits = 0;
    if (*text == '-') text++;
    for (; (*text >= '0' && *text <= '9') || *text == '.'; text++) digits += *text != '.';
    return digits && !*text;
}

static const char *bound(struct reading *r, int table, const char *key)
{
    if (!tn_decl_push(r, table, key)) return NULL;
    const char *text = lua_type(r->L, -1) == LUA_TSTRING   ? tn_decl_text(r, -1)
                       : lua_type(r->L, -1) == LUA_TNUMBER ? tn_decl_json(r, -1, key)
                                                           : "";
    if (!numeric(text)) tn_decl_fault(r, tn_decl_key_line(r, key), "'%s' has to be a number", key);
    lua_pop(r->L, 1);
    return text;
}

static void read_common(struct reading *r, int table, struct tn_field *f)
{
    f->title = tn_decl_opt_text(r, table, "title");
    f->help = tn_decl_opt_text(r, table, "help");
    f->required = flag(r, table, "required");
    f->generated = flag(r, table, "generated");
    f->unique = flag(r, table, "unique");
    f->null = flag(r, table, "null");
    f->min = bound(r, table, "min");
    f->max = bound(r, table, "max");
    if (!tn_decl_push(r, table, "default")) return;
    f->default_json = tn_decl_json(r, lua_gettop(r->L), "default");
    lua_pop(r->L, 1);
}

static void check_pattern(struct reading *r, const char *pattern)
{
    struct tn_pattern m;
    struct tn_str text = tn_str(pattern);
    if (text.p[0] == '^') text.p++, text.n--;
    tn_pattern_init(&m, TN_STR(""), text);
    tn_pattern_match(&m, m.subject.p);
    if (m.error[0]) tn_decl_fault(r, tn_decl_key_line(r, "pattern"), "'pattern': %s", m.error);
}

static void read_plain(struct reading *r, int table, struct tn_field *f)
{
    tn_decl_check(r, table, keys, f->name);
    read_common(r, table, f);
    f->pattern = tn_decl_opt_text(r, table, "pattern");
    if (f->pattern) check_pattern(r, f->pattern);
    f->ref = tn_decl_opt_text(r, table, "ref");
    if (!tn_decl_push(r, table, "values")) return;
    f->values = tn_decl_texts(r, lua_gettop(r->L), "values");
    lua_pop(r->L, 1);
}

/* ---- states ---- */

static bool among(const char *const *names, const char *name)
{
    while (*names && strcmp(*names, name) != 0) names++;
    return *names != NULL;
}

static size_t add_state(const char **states, size_t n, const char *name)
{
    if (!among(states, name)) states[n++] = name;
    return n;
}

/* Reads the moves that stand in a table of their own: a key that is neither a common key of
 * fields nor the initial state. */
static struct tn_transition *read_moves(struct reading *r, int table)
{
    lua_State *L = r->L;
    struct tn_transition *moves = tn_decl_array(r, tn_decl_count(L, table), sizeof *moves);
    size_t n = 0;
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TTABLE ||
            strcmp(lua_tostring(L, -2), "first") == 0)
            continue;
        moves[n].from = tn_decl_text(r, -2);
        moves[n].to = tn_decl_texts(r, lua_gettop(L), moves[n].from);
        n++;
    }
    return moves;
}

static const char **all_states(struct reading *r, const struct tn_field *f)
{
    size_t room = 1, n = 0;
    for (const struct tn_transition *m = f->moves; m->from; m++) {
        room++;
        for (const char *const *to = m->to; *to; to++) room++;
    }
    const char **states = tn_decl_array(r, room, sizeof *states);
    n = add_state(states, n, f->initial);
    for (const struct tn_transition *m = f->moves; m->from; m++) {
        n = add_state(states, n, m->from);
        for (const char *const *to = m->to; *to; to++) n = add_state(states, n, *to);
    }
    return states;
}

/* Reads the other states, besides the initial one, that a new record may have. */
static void read_first(struct reading *r, int table, struct tn_field *f)
{
    if (!tn_decl_push(r, table, "first")) return;
    f->first = tn_decl_texts(r, lua_gettop(r->L), "first");
    lua_pop(r->L, 1);
    for (const char *const *s = f->first; *s; s++)
        if (!among(f->values, *s))
            tn_decl_fault(r, tn_decl_key_line(r, "first"),
                          "'first' names '%s', which is no state%s", *s,
                          tn_did_you_mean(tn_str(*s), f->values).text);
}

/* A state from which moves lead, but which no record can get to, is a slip of the pen. */
static void check_reached(struct reading *r, const struct tn_field *f)
{
    for (const struct tn_transition *from = f->moves; from->from; from++) {
        bool reached =
            strcmp(from->from, f->initial) == 0 || (f->first && among(f->first, from->from));
        const char *names[STATES_SHOWN] = {f->initial};
        size_t n = 1;
        for (const struct tn_transition *m = f->moves; m->from; m++)
            for (const char *const *to = m->to; *to; to++) {
                reached = reached || strcmp(*to, from->from) == 0;
                if (n < STATES_SHOWN - 1) names[n++] = *to;
            }
        if (!reached)
            tn_decl_fault(r, tn_decl_key_line(r, from->from),
                          "the state field '%s' has moves from '%s', but no move leads there%s",
                          f->name, from->from, tn_did_you_mean(tn_str(from->from), names).text);
    }
}

static void read_state(struct reading *r, int table, struct tn_field *f)
{
    lua_State *L = r->L;
    tn_decl_check(r, table, state_keys, f->name);
    f->title = tn_decl_opt_text(r, table, "title");
    f->help = tn_decl_opt_text(r, table, "help");
    f->required = flag(r, table, "required");
    if (lua_rawgeti(L, table, 1) != LUA_TSTRING)
        tn_decl_fault(r, f->line,
                      "the state field '%s' needs its first state: { \"new\", new = { ... } }",
                      f->name);
    f->initial = tn_decl_text(r, -1);
    lua_pop(L, 1);
    f->moves = read_moves(r, table);
    f->values = all_states(r, f);
    read_first(r, table, f);
    check_reached(r, f);
    struct tn_str quoted = tn_str(f->initial);
    char *json = tn_arena_alloc(&r->out->arena, quoted.n + 3);
    snprintf(json, quoted.n + 3, "\"%s\"", f->initial);
    f->default_json = json;
}

/* ---- lists and objects ---- */

static void read_nested(struct reading *r, int table, struct tn_field *f)
{
    lua_State *L = r->L;
    int line = r->line;
    tn_decl_check(r, table, list_keys, f->name);
    read_common(r, table, f);
    if (tn_decl_push(r, table, "of")) {
        int of = lua_gettop(L);
        if (f->type != TN_FIELD_list) tn_decl_fault(r, r->line, "'of' is for lists: %s", f->name);
        lua_newtable(L);
        if (lua_type(L, of) == LUA_TSTRING) {
            if (tn_field_type_of(tn_str(lua_tostring(L, of))) == TN_FIELD_types)
                tn_decl_fault(r, tn_decl_key_line(r, "of"), "'of' names no type: %s",
                              lua_tostring(L, of));
            tn_box_push(L, "field", lua_tostring(L, of), "element", 0);
        } else {
            lua_pushvalue(L, of);
        }
        lua_rawseti(L, of + 1, 1);
        f->fields = tn_decl_fields(r, of + 1, f->name, &f->n_fields);
        tn_decl_not_unique(r, f->fields, f->n_fields, f->name);
        lua_settop(L, of - 1);
    } else if (lua_rawlen(L, table)) {
        size_t n;
        const struct tn_field *members = tn_decl_fields(r, table, f->name, &n);
        tn_decl_not_unique(r, members, n, f->name);
        struct tn_field *element = f;
        if (f->type == TN_FIELD_list) {
            element = tn_decl_array(r, 1, sizeof *element);
            *element =
                (struct tn_field){.name = "element", .type = TN_FIELD_object, .line = f->line};
            f->fields = element;
            f->n_fields = 1;
        }
        element->fields = members;
        element->n_fields = n;
    }
    r->line = line;
}

/* ---- lists of fields ---- */

/* Its column tells any two values apart. */
static bool can_be_unique(enum tn_field_type type)
{
    return type == TN_FIELD_text || type == TN_FIELD_int || type == TN_FIELD_time ||
           type == TN_FIELD_date || type == TN_FIELD_uuid || type == TN_FIELD_url;
}

static const char *fault_text(const struct tn_field *f, char *out, size_t room)
{
    if (f->min && f->max && strtod(f->min, NULL) > strtod(f->max, NULL))
        snprintf(out, room, "'min' of '%s' is larger than its 'max'", f->name);
    else if (f->required && f->default_json && f->type != TN_FIELD_state)
        snprintf(out, room, "'%s' is required and has a default: one of the two", f->name);
    else if (f->generated && f->type != TN_FIELD_uuid && f->type != TN_FIELD_time)
        snprintf(out, room, "'generated' is for uuid and time fields, and '%s' is %s", f->name,
                 tn_field_type_name(f->type));
    else if (f->unique && !can_be_unique(f->type))
        snprintf(out, room,
                 "'unique' is for text, int, time, date, uuid and url fields, and '%s' is %s",
                 f->name, tn_field_type_name(f->type));
    else if (f->unique && f->default_json)
        snprintf(out, room, "'%s' is unique and has a default, which two records would have",
                 f->name);
    else if (f->ref && f->type != TN_FIELD_uuid)
        snprintf(out, room, "'ref' is for uuid fields, and '%s' is %s", f->name,
                 tn_field_type_name(f->type));
    else
        return NULL;
    return out;
}

/* Checks the default by the rules that hold for the field of a record. */
static void check_default(struct reading *r, const struct tn_field *f)
{
    struct tn_err err;
    char *text = NULL;
    if (!f->default_json) return;
    size_t room = strlen(f->default_json) + strlen(f->name) + 16;
    text = tn_arena_alloc(&r->out->arena, room);
    snprintf(text, room, "{\"%s\":%s}", f->name, f->default_json);
    struct tn_json *json = tn_json_new();
    bool ok = tn_json_parse(json, tn_str(text), &err) &&
              tn_field_check(f, 1, tn_json_root(json), "", 0, &err);
    tn_json_free(json);
    if (!ok)
        tn_decl_fault(r, tn_decl_key_line(r, "default"), "the default of '%s': %s", f->name,
                      err.text + strlen(f->name) + 2);
}

static void read_field(struct reading *r, const struct tn_box *box, int index, struct tn_field *f)
{
    lua_State *L = r->L;
    char text[200];
    *f = (struct tn_field){.name = tn_arena_strdup(&r->out->arena, box->name),
                           .line = box->line,
                           .type = tn_field_type_of(tn_str(box->kind))};
    r->line = box->line;
    tn_box_options(L, index);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_newtable(L);
    }
    int table = lua_gettop(L);
    if (f->type == TN_FIELD_state)
        read_state(r, table, f);
    else if (f->type == TN_FIELD_list || f->type == TN_FIELD_object)
        read_nested(r, table, f);
    else
        read_plain(r, table, f);
    lua_settop(L, table - 1);
    if (fault_text(f, text, sizeof text)) tn_decl_fault(r, f->line, "%s", text);
    check_default(r, f);
}

void tn_decl_not_unique(struct reading *r, const struct tn_field *fields, size_t n,
                        const char *inside)
{
    for (size_t i = 0; i < n; i++)
        if (fields[i].unique)
            tn_decl_fault(
                r, fields[i].line,
                "'unique' has no effect on '%s' inside of '%s': it is for the fields of a "
                "resource",
                fields[i].name, inside);
}

const struct tn_field *tn_decl_fields(struct reading *r, int table, const char *what, size_t *n)
{
    lua_State *L = r->L;
    size_t count = lua_rawlen(L, table);
    int line = r->line;
    struct tn_field *fields = tn_decl_array(r, count, sizeof *fields);
    luaL_checkstack(L, 10, "fields");
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, table, (lua_Integer)i + 1);
        const struct tn_box *box = tn_box_test(L, -1, "field");
        if (!box)
            tn_decl_fault(r, line,
                          "%s has to be a list of fields such as tn.text \"name\" { ... }; number "
                          "%zu is %s",
                          what, i + 1, tn_decl_type(L, -1));
        const struct tn_field *twin = tn_field_find(fields, i, tn_str(box->name));
        if (twin)
            tn_decl_fault(r, box->line, "the field '%s' is there already, in line %d", box->name,
                          twin->line);
        read_field(r, box, lua_gettop(L), &fields[i]);
        lua_pop(L, 1);
    }
    r->line = line;
    *n = count;
    return fields;
}
