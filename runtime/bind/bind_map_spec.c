/* SPDX-License-Identifier: MIT */
/* bind_map_spec.c - turns the table that a mapping file declares into the spec of a plan. Runs
 * protected and raises; allocates in the spec's arena. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "bind/bind.h"
#include "base/hint.h"
#include "bind/bind_map_node.h"

enum { CHAIN_MAX = 64, FIELDS_MAX = 1024, DEPTH_MAX = 16, FUNCTIONS_MAX = 1024 };

struct reader {
    lua_State *L;
    struct map_spec *s;
    const char *file;
    int line; /* line of the current value; 0: unknown */
    char field[128];
    unsigned depth;
};

/* The properties of a chain of nodes besides its source and its steps. */
struct extras {
    struct tn_str fallback;
    bool required, secret, field_only;
    enum tn_on_fault on_fault;
};

static _Noreturn int wrong(struct reader *r, const char *fmt, ...) TN_PRINTF(2, 3);
static _Noreturn int wrong(struct reader *r, const char *fmt, ...)
{
    struct tn_err err;
    va_list ap;
    va_start(ap, fmt);
    tn_failv(&err, TN_E_invalid, fmt, ap);
    va_end(ap);
    tn_fail_at(&err, r->file, r->line);
    if (r->field[0]) tn_fail_field(&err, "%s", r->field);
    tn_lua_raise(r->L, &err);
}

/* Entries are counted first and read later, so no code of the script may run in between: the
 * table has to be plain. */
static void want_plain(struct reader *r, int index, const char *what)
{
    if (!bind_is_plain(r->L, index))
        wrong(r, "%s has to be a plain table, without a metatable that has __index or __mode",
              what);
}

static void *room(struct reader *r, size_t count, size_t size)
{
    return tn_arena_alloc(&r->s->arena, count * size);
}

static struct tn_str copy_text(struct reader *r, int index)
{
    size_t n;
    if (lua_type(r->L, index) != LUA_TSTRING) return (struct tn_str){0};
    const char *p = lua_tolstring(r->L, index, &n);
    return (struct tn_str){tn_arena_strndup(&r->s->arena, p, n), n};
}

/* The value at index as JSON. */
static struct tn_str copy_json(struct reader *r, int index, const char *what)
{
    struct tn_buf *buf = &r->s->scratch;
    struct tn_err err;
    struct tn_jw w;
    tn_buf_reset(buf);
    tn_jw_init(&w, buf);
    if (!bind_json_write(r->L, index, &w, &err) || !tn_buf_ok(buf, what, &err))
        wrong(r, "%s%s%s: %s", what, err.field[0] ? " " : "", err.field, err.text);
    struct tn_str s = tn_buf_str(buf);
    return (struct tn_str){tn_arena_strndup(&r->s->arena, s.p, s.n), s.n};
}

static struct tn_str node_text(struct reader *r, int node, int slot)
{
    lua_getiuservalue(r->L, node, slot);
    struct tn_str s = copy_text(r, -1);
    lua_pop(r->L, 1);
    return s;
}

/* A limit of a range: a number, a decimal or a text that is one. */
static struct tn_str node_number(struct reader *r, int node, int slot)
{
    struct tn_str s = {0};
    if (lua_getiuservalue(r->L, node, slot) != LUA_TNIL) {
        s = lua_type(r->L, -1) == LUA_TSTRING ? copy_text(r, -1) : copy_json(r, -1, "a limit");
    }
    lua_pop(r->L, 1);
    return s;
}

/* ---- look-ups ---- */

static struct tn_str row_key(struct reader *r, int index)
{
    switch (lua_type(r->L, index)) {
    case LUA_TSTRING: return copy_text(r, index);
    case LUA_TNUMBER:
    case LUA_TBOOLEAN: {
        luaL_tolstring(r->L, index, NULL);
        struct tn_str s = copy_text(r, -1);
        lua_pop(r->L, 1);
        return s;
    }
    default:
        wrong(r, "the keys of a look-up are texts, numbers and booleans, not %s",
              luaL_typename(r->L, index));
        return (struct tn_str){0};
    }
}

static void read_other(struct reader *r, struct tn_spec_op *op)
{
    if (map_is_reject(r->L, -1))
        op->miss = TN_FAULT_reject;
    else if (map_is_warn(r->L, -1))
        op->miss = TN_FAULT_warn;
    else
        op->other = copy_json(r, -1, "the default of a look-up");
}

static int by_row_key(const void *a, const void *b)
{
    const struct tn_spec_row *x = a, *y = b;
    return strcmp(x->key.p, y->key.p);
}

static void read_rows(struct reader *r, int node, struct tn_spec_op *op)
{
    lua_State *L = r->L;
    size_t n = 0;
    bool lookup = op->op == TN_OP_lookup;
    if (lua_getiuservalue(L, node, MAP_A) != LUA_TTABLE) {
        lua_pop(L, 1);
        return;
    }
    int table = lua_gettop(L);
    want_plain(r, table, "a table of rows");
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) n++;
    struct tn_spec_row *rows = room(r, n, sizeof *rows);
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        struct tn_str key = row_key(r, -2);
        if (lookup && lua_type(L, -2) == LUA_TSTRING && tn_str_is(key, "default")) {
            read_other(r, op);
            continue;
        }
        rows[op->row_count].key = key;
        rows[op->row_count].bare = lua_type(L, -2) != LUA_TSTRING;
        rows[op->row_count++].value = copy_json(r, -1, "a row of the look-up");
    }
    if (lookup && !op->row_count) wrong(r, "a look-up needs rows");
    if (op->row_count) qsort(rows, op->row_count, sizeof *rows, by_row_key);
    op->rows = rows;
    lua_pop(L, 1);
}

static void read_step(struct reader *r, int node, const struct map_node *n, struct tn_spec_op *op)
{
    *op = (struct tn_spec_op){.op = n->op, .line = n->line, .i = n->i, .j = n->j, .mode = n->mode};
    switch (n->op) {
    case TN_OP_lookup:
    case TN_OP_boolean: read_rows(r, node, op); break;
    case TN_OP_number:
    case TN_OP_integer:
        op->a = node_number(r, node, MAP_A);
        op->b = node_number(r, node, MAP_B);
        break;
    default:
        op->a = node_text(r, node, MAP_A);
        op->b = node_text(r, node, MAP_B);
        break;
    }
}

/* ---- values ---- */

static const struct tn_spec_value *read_value(struct reader *r, int index, struct extras *x);
static const struct tn_spec_field *read_fields(struct reader *r, int table, size_t *count);

static const struct tn_spec_value *inner_value(struct reader *r, int index)
{
    struct extras x;
    const struct tn_spec_value *v = read_value(r, index, &x);
    if (x.field_only)
        wrong(r, "required, secret and on_fault belong to a field, not to a part of one");
    return v;
}

static void read_function(struct reader *r, int index, struct tn_spec_value *v)
{
    struct map_spec *s = r->s;
    lua_Debug ar;
    if (s->function_count == FUNCTIONS_MAX) wrong(r, "more than %d functions", FUNCTIONS_MAX);
    if (!s->functions) s->functions = tn_alloc(FUNCTIONS_MAX * sizeof *s->functions);
    lua_pushvalue(r->L, index);
    lua_pushvalue(r->L, -1);
    if (lua_getinfo(r->L, ">S", &ar) && !v->line && ar.linedefined > 0) v->line = ar.linedefined;
    v->from = TN_FROM_fn;
    v->fn = (int)s->function_count;
    s->functions[s->function_count] = tn_isolate_keep(r->L);
    s->function_count++;
}

/* Reads the alternatives of map.first: names of source fields, or values. */
static void read_first(struct reader *r, int table, struct tn_spec_value *v)
{
    lua_State *L = r->L;
    size_t n = lua_rawlen(L, table);
    const struct tn_spec_value **items = room(r, n, sizeof *items);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, table, (lua_Integer)i + 1);
        if (lua_type(L, -1) == LUA_TSTRING) {
            struct tn_spec_value *item = room(r, 1, sizeof *item);
            *item = (struct tn_spec_value){.from = TN_FROM_path, .line = v->line};
            item->text = copy_text(r, -1);
            items[i] = item;
        } else {
            items[i] = inner_value(r, lua_gettop(L));
        }
        lua_pop(L, 1);
    }
    v->items = items;
    v->item_count = n;
}

static const struct tn_spec_value *branch(struct reader *r, int node, int slot)
{
    const struct tn_spec_value *v = NULL;
    if (lua_getiuservalue(r->L, node, slot) != LUA_TNIL) v = inner_value(r, lua_gettop(r->L));
    lua_pop(r->L, 1);
    return v;
}

static void read_when(struct reader *r, int node, struct tn_spec_value *v)
{
    lua_State *L = r->L;
    const struct tn_spec_value **items = room(r, 3, sizeof *items);
    lua_getiuservalue(L, node, MAP_PREV);
    int test = lua_gettop(L);
    const struct map_node *t = map_node_at(L, test);
    assert(t && t->what == MAP_TEST);
    v->test = t->test;
    lua_getiuservalue(L, test, MAP_PREV);
    items[0] = inner_value(r, lua_gettop(L));
    lua_pop(L, 1);
    lua_getiuservalue(L, test, MAP_A);
    struct tn_str *args = room(r, lua_rawlen(L, -1), sizeof *args);
    for (size_t n = lua_rawlen(L, -1); v->arg_count < n; lua_pop(L, 1)) {
        lua_rawgeti(L, -1, (lua_Integer)v->arg_count + 1);
        args[v->arg_count++] = copy_json(r, -1, "a value that a test compares with");
    }
    v->args = args;
    lua_pop(L, 2);
    items[1] = branch(r, node, MAP_A);
    items[2] = branch(r, node, MAP_B);
    v->items = items;
    v->item_count = 3;
}

static void read_inner_fields(struct reader *r, int node, int slot, struct tn_spec_value *v)
{
    lua_getiuservalue(r->L, node, slot);
    v->fields = read_fields(r, lua_gettop(r->L), &v->field_count);
    lua_pop(r->L, 1);
}

static void read_tree(struct reader *r, int node, struct tn_spec_value *v)
{
    lua_State *L = r->L;
    lua_getiuservalue(L, node, MAP_B);
    int table = lua_gettop(L);
    want_plain(r, table, "the argument of flatten");
    struct {
        const char *name;
        struct tn_str *to;
    } paths[] = {{"children", &v->children}, {"id", &v->id}, {"root_id", &v->root_id}};
    for (size_t i = 0; i < 3; i++) {
        int type = lua_getfield(L, table, paths[i].name);
        if (type != LUA_TSTRING && type != LUA_TNIL)
            wrong(r, "flatten: %s is the path of a field in a node", paths[i].name);
        *paths[i].to = copy_text(r, -1);
        lua_pop(L, 1);
    }
    lua_getfield(L, table, "set");
    v->fields = read_fields(r, lua_gettop(L), &v->field_count);
    lua_pop(L, 2);
}

static void read_source(struct reader *r, int node, const struct map_node *n,
                        struct tn_spec_value *v)
{
    v->from = n->from;
    v->line = n->line;
    switch (n->from) {
    case TN_FROM_path:
    case TN_FROM_template: v->text = node_text(r, node, MAP_A); break;
    case TN_FROM_when: read_when(r, node, v); break;
    case TN_FROM_object: read_inner_fields(r, node, MAP_A, v); break;
    case TN_FROM_parent: v->text = node_text(r, node, MAP_A); break;
    case TN_FROM_level: break;
    case TN_FROM_tree:
        v->text = node_text(r, node, MAP_A);
        read_tree(r, node, v);
        break;
    case TN_FROM_each:
        v->text = node_text(r, node, MAP_A);
        read_inner_fields(r, node, MAP_B, v);
        break;
    default:
        lua_getiuservalue(r->L, node, MAP_A);
        if (n->from == TN_FROM_const)
            v->text = copy_json(r, -1, "const");
        else if (n->from == TN_FROM_first)
            read_first(r, lua_gettop(r->L), v);
        else
            read_function(r, lua_gettop(r->L), v);
        lua_pop(r->L, 1);
        break;
    }
}

static void read_extra(struct reader *r, int node, const struct map_node *n, struct extras *x)
{
    x->field_only |= n->what != MAP_DEFAULT;
    switch (n->what) {
    case MAP_DEFAULT:
        lua_getiuservalue(r->L, node, MAP_A);
        /* the loop begins with the last operator, so the fallback that was written last counts */
        if (!x->fallback.p) x->fallback = copy_json(r, -1, "default");
        lua_pop(r->L, 1);
        break;
    case MAP_REQUIRED: x->required = true; break;
    case MAP_SECRET: x->secret = true; break;
    case MAP_ON_FAULT: x->on_fault = n->on_fault; break;
    default: wrong(r, "a test stands only in map.when"); break;
    }
}

/* The chain that ends with the node at index. */
static void read_chain(struct reader *r, int index, struct tn_spec_value *v, struct extras *x)
{
    lua_State *L = r->L;
    struct tn_spec_op ops[CHAIN_MAX];
    size_t n = 0;
    lua_pushvalue(L, index);
    for (;;) {
        int node = lua_gettop(L);
        const struct map_node *at = map_node_at(L, node);
        if (!at) wrong(r, "a chain of operators without a source");
        if (at->what == MAP_SOURCE) {
            r->line = at->line;
            read_source(r, node, at, v);
            break;
        }
        if (n == CHAIN_MAX) wrong(r, "more than %d operators in a chain", CHAIN_MAX);
        r->line = at->line;
        if (at->what == MAP_STEP)
            read_step(r, node, at, &ops[n++]);
        else
            read_extra(r, node, at, x);
        lua_getiuservalue(L, node, MAP_PREV);
        lua_replace(L, node);
    }
    lua_pop(L, 1);
    struct tn_spec_op *chain = room(r, n, sizeof *chain);
    for (size_t i = 0; i < n; i++) chain[i] = ops[n - 1 - i];
    v->ops = chain;
    v->op_count = n;
}

static const struct tn_spec_value *read_value(struct reader *r, int index, struct extras *x)
{
    lua_State *L = r->L;
    struct tn_spec_value *v = room(r, 1, sizeof *v);
    *x = (struct extras){0};
    luaL_checkstack(L, 20, "mapping");
    if (++r->depth > DEPTH_MAX) wrong(r, "nested too deep");
    if (map_node_at(L, index)) {
        read_chain(r, index, v, x);
        v->fallback = x->fallback;
    } else if (lua_type(L, index) == LUA_TFUNCTION) {
        read_function(r, index, v);
    } else if (lua_type(L, index) == LUA_TSTRING) {
        wrong(r,
              "expected map.from \"%.60s\" for a source field, or map.const \"%.60s\" for that "
              "very text",
              lua_tostring(L, index), lua_tostring(L, index));
    } else {
        wrong(r, "expected map.from, map.const, ... or a function, got %s",
              luaL_typename(L, index));
    }
    r->depth--;
    return v;
}

/* ---- fields ---- */

/* A value that is no node has no line of its own, so this finds the line of "name =" in the file.
 * 0: there is none.
 */
static int line_of(struct reader *r, struct tn_str name)
{
    struct tn_str text, line;
    int number = 0;
    if (!tn_isolate_text(tn_isolate_of(r->L), r->file, &text)) return 0;
    while (tn_str_split(&text, '\n', &line)) {
        number++;
        struct tn_str s = tn_str_trim(line);
        if (number < r->line || s.n <= name.n || !tn_str_starts(s, name.p)) continue;
        s = tn_str_trim((struct tn_str){s.p + name.n, s.n - name.n});
        if (s.n && s.p[0] == '=') return number;
    }
    return 0;
}

static int by_line(const void *a, const void *b)
{
    const struct tn_spec_field *x = a, *y = b;
    if (x->line != y->line) return x->line < y->line ? -1 : 1;
    return strcmp(x->target.p, y->target.p);
}

static void read_field(struct reader *r, struct tn_spec_field *f)
{
    lua_State *L = r->L;
    size_t before = strlen(r->field);
    int outer = r->line;
    struct extras x;
    if (lua_type(L, -2) != LUA_TSTRING)
        wrong(r, "set is a table of target = value; a value stands without a target");
    f->target = copy_text(r, lua_gettop(L) - 1);
    snprintf(r->field + before, sizeof r->field - before, "%s%s", before ? "." : "", f->target.p);
    int line = map_node_at(L, -1) ? 0 : line_of(r, f->target);
    if (line) r->line = line;
    f->value = read_value(r, lua_gettop(L), &x);
    f->line = f->value->line;
    f->required = x.required;
    f->secret = x.secret;
    f->on_fault = x.on_fault;
    r->field[before] = '\0';
    r->line = outer;
}

/* out = { their field = value of ours, or false for what is not sent }. */
static void read_out(struct reader *r, int table);

/* Lua tables have no order, so fields are sorted by their lines in the file. */
static const struct tn_spec_field *read_fields(struct reader *r, int table, size_t *count)
{
    lua_State *L = r->L;
    size_t n = 0;
    want_plain(r, table, "a table of fields");
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) n++;
    if (n > FIELDS_MAX) wrong(r, "more than %d fields", FIELDS_MAX);
    struct tn_spec_field *fields = room(r, n, sizeof *fields);
    *count = 0;
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) read_field(r, &fields[(*count)++]);
    if (n) qsort(fields, n, sizeof *fields, by_line);
    return fields;
}

static void read_out(struct reader *r, int table)
{
    lua_State *L = r->L;
    size_t n = 0;
    if (lua_getfield(L, table, "out") == LUA_TNIL) {
        lua_pop(L, 1);
        return;
    }
    if (lua_type(L, -1) != LUA_TTABLE) wrong(r, "out = { their field = value of ours }");
    int out = lua_gettop(L);
    want_plain(r, out, "out");
    for (lua_pushnil(L); lua_next(L, out); lua_pop(L, 1)) n++;
    if (n > FIELDS_MAX) wrong(r, "more than %d fields", FIELDS_MAX);
    struct tn_spec_field *fields = room(r, n, sizeof *fields);
    snprintf(r->field, sizeof r->field, "out");
    for (lua_pushnil(L); lua_next(L, out); lua_pop(L, 1)) {
        struct tn_spec_field *f = &fields[r->s->out_count++];
        if (lua_type(L, -1) != LUA_TBOOLEAN || lua_toboolean(L, -1))
            read_field(r, f);
        else if (lua_type(L, -2) != LUA_TSTRING)
            wrong(r, "out is a table of their field = value of ours");
        else
            f->target = copy_text(r, lua_gettop(L) - 1);
    }
    r->field[0] = '\0';
    if (n) qsort(fields, n, sizeof *fields, by_line);
    r->s->out = fields;
    lua_pop(L, 1);
}

/* ---- the declaration ---- */

static void check_keys(struct reader *r, int table)
{
    static const char *const names[] = {"reads",   "writes",   "key",      "set",   "out",
                                        "example", "examples", "any_case", "title", NULL};
    lua_State *L = r->L;
    want_plain(r, table, "a mapping");
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        bool known = false;
        if (lua_type(L, -2) != LUA_TSTRING) wrong(r, "a mapping is a table of key = value");
        for (size_t i = 0; names[i]; i++) known |= strcmp(lua_tostring(L, -2), names[i]) == 0;
        if (known) continue;
        struct tn_hint hint = tn_did_you_mean(tn_str(lua_tostring(L, -2)), names);
        if (hint.text[0]) wrong(r, "unknown key \"%.60s\"%s", lua_tostring(L, -2), hint.text);
        wrong(r,
              "unknown key \"%.60s\": expected reads, writes, key, set, out, example, "
              "examples, any_case or title",
              lua_tostring(L, -2));
    }
}

static struct tn_str text_key(struct reader *r, int table, const char *key, bool required)
{
    int type = lua_getfield(r->L, table, key);
    struct tn_str s = copy_text(r, -1);
    lua_pop(r->L, 1);
    if (type != LUA_TSTRING && (required || type != LUA_TNIL))
        wrong(r, "%s = \"...\" %s", key, type == LUA_TNIL ? "is missing" : "is a text");
    if (type == LUA_TSTRING && !s.n) wrong(r, "%s is empty", key);
    return s;
}

/* The name of a target field, or a value of its own. */
static void read_key(struct reader *r, int table)
{
    int line = r->line;
    if (lua_getfield(r->L, table, "key") == LUA_TSTRING || !map_node_at(r->L, -1)) {
        lua_pop(r->L, 1);
        r->s->spec.key = text_key(r, table, "key", true);
        return;
    }
    snprintf(r->field, sizeof r->field, "key");
    r->s->spec.key_value = inner_value(r, lua_gettop(r->L));
    r->field[0] = '\0';
    r->line = line;
    lua_pop(r->L, 1);
}

/* Records in examples are tables, or texts that are JSON where exact numbers matter. */
static struct tn_str example_record(struct reader *r, int index, const char *what)
{
    if (lua_type(r->L, index) == LUA_TSTRING) return copy_text(r, index);
    if (lua_type(r->L, index) != LUA_TTABLE)
        wrong(r, "%s of an example is a table or a text that is JSON, not %s", what,
              luaL_typename(r->L, index));
    return copy_json(r, index, what);
}

static void read_example(struct reader *r, int table)
{
    lua_State *L = r->L;
    struct map_example *e = &r->s->examples[r->s->example_count];
    if (lua_type(L, table) != LUA_TTABLE) wrong(r, "an example is { give = , expect = }");
    want_plain(r, table, "an example");
    lua_getfield(L, table, "give");
    e->give = example_record(r, lua_gettop(L), "give");
    lua_getfield(L, table, "expect");
    if (!map_is_reject(L, -1)) e->expect = example_record(r, lua_gettop(L), "expect");
    lua_pop(L, 2);
    r->s->example_count++;
}

static void read_examples(struct reader *r, int table)
{
    lua_State *L = r->L;
    lua_getfield(L, table, "example");
    lua_getfield(L, table, "examples");
    int one = lua_gettop(L) - 1, many = one + 1;
    size_t n = lua_type(L, many) == LUA_TTABLE ? lua_rawlen(L, many) : 0;
    if (!lua_isnil(L, many) && !n) wrong(r, "examples is a list of { give = , expect = }");
    r->s->examples = room(r, n + 1, sizeof *r->s->examples);
    if (!lua_isnil(L, one)) read_example(r, one);
    for (size_t i = 1; i <= n; i++) {
        lua_rawgeti(L, many, (lua_Integer)i);
        read_example(r, lua_gettop(L));
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
}

void map_spec_read(lua_State *L, struct map_spec *s)
{
    struct reader r = {.L = L, .s = s, .file = ""};
    const struct map_declaration *d = luaL_testudata(L, -1, MAP_DECLARATION);
    if (!d) wrong(&r, "a mapping file returns map { ... } of require \"tenon.map\"");
    r.file = tn_arena_strdup(&s->arena, d->file);
    r.line = d->line;
    lua_getiuservalue(L, -1, 1);
    int table = lua_gettop(L);
    check_keys(&r, table);
    s->spec = (struct tn_spec){.file = r.file, .line = d->line};
    s->reads = text_key(&r, table, "reads", true).p;
    s->writes = text_key(&r, table, "writes", true).p;
    read_key(&r, table);
    lua_getfield(L, table, "any_case");
    s->spec.any_case = lua_toboolean(L, -1);
    if (lua_getfield(L, table, "set") != LUA_TTABLE)
        wrong(&r, "set = { target = value } is missing");
    s->spec.fields = read_fields(&r, lua_gettop(L), &s->spec.field_count);
    lua_pop(L, 2);
    read_out(&r, table);
    read_examples(&r, table);
    lua_pop(L, 1);
}
