/* SPDX-License-Identifier: MIT */
#include "store/shape.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/time.h"

static const char *const type_names[] = {"text", "int", "real", "bool", "time"};
static const char *const taken[] = {"id",   "team", "version", "hash",  "created", "updated",
                                    "body", "n",    "given",   "links", "rowid",   "oid"};

bool tn_store_name_ok(const char *name)
{
    size_t n = name ? strlen(name) : 0;
    if (n == 0 || n > TN_STORE_NAME_MAX || name[0] < 'a' || name[0] > 'z') return false;
    if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != n) return false;
    return strncmp(name, "tn_", 3) != 0 && strncmp(name, "data_", 5) != 0 &&
           strncmp(name, "sqlite_", 7) != 0;
}

static bool column_name_ok(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    size_t n = name ? strlen(name) : 0;
    if (n == 0 || n > TN_STORE_NAME_MAX || (name[0] >= '0' && name[0] <= '9')) return false;
    if (strspn(name, letters) != n) return false;
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        if (tn_str_eq_nocase(tn_str(name), tn_str(taken[i]))) return false;
    return true;
}

static bool check_columns(const struct tn_table *t, struct tn_err *err)
{
    for (size_t i = 0; i < t->column_count; i++) {
        const struct tn_column *c = &t->columns[i];
        if (!column_name_ok(c->name)) {
            tn_fail(err, TN_E_invalid, "table %s: '%s' cannot be the name of a column", t->name,
                    c->name ? c->name : "");
            return tn_fail_field(err, "%s", c->name ? c->name : "");
        }
        for (size_t j = 0; j < i; j++)
            if (tn_str_eq_nocase(tn_str(c->name), tn_str(t->columns[j].name)))
                return tn_fail(err, TN_E_invalid, "table %s: two columns are called '%s'", t->name,
                               c->name);
    }
    return true;
}

static bool check(const struct tn_table *t, struct tn_err *err)
{
    if (!tn_store_name_ok(t->name))
        return tn_fail(err, TN_E_invalid,
                       "'%s' cannot be the name of a table: expected a-z, 0-9, _, "
                       "up to %d characters",
                       t->name ? t->name : "", TN_STORE_NAME_MAX);
    if (t->column_count > TN_STORE_COLUMNS_MAX)
        return tn_fail(err, TN_E_invalid, "table %s: more than %d columns", t->name,
                       TN_STORE_COLUMNS_MAX);
    if (t->event && (!*t->event || strlen(t->event) > TN_STORE_NAME_MAX))
        return tn_fail(err, TN_E_invalid, "table %s: the event's name has to be 1 to %d characters",
                       t->name, TN_STORE_NAME_MAX);
    return check_columns(t, err);
}

static void copy_columns(struct tn_shape *d, const struct tn_table *t)
{
    struct tn_column *columns = tn_arena_alloc(&d->arena, (t->column_count + 1) * sizeof *columns);
    for (size_t i = 0; i < t->column_count; i++) {
        columns[i] = t->columns[i];
        columns[i].name = tn_arena_strdup(&d->arena, t->columns[i].name);
    }
    d->table.columns = columns;
    d->table.column_count = t->column_count;
}

static bool copy_key(struct tn_shape *d, const struct tn_table *t, struct tn_err *err)
{
    for (; d->key_count < TN_STORE_KEY_MAX && t->key[d->key_count]; d->key_count++) {
        int at = tn_shape_column(d, tn_str(t->key[d->key_count]));
        if (at < 0)
            return tn_fail(err, TN_E_invalid, "table %s: the key names '%s', which is no column",
                           t->name, t->key[d->key_count]);
        d->table.key[d->key_count] = d->table.columns[at].name;
    }
    return true;
}

static unsigned char real_named(const struct tn_shape *d, const char *name)
{
    unsigned char i = 0;
    while (tn_shape_real(d, i)->name != name) i++;
    return i;
}

/* A unique column that is the whole key of its table needs no second rule. */
static bool is_own_key(const struct tn_shape *d, size_t real)
{
    const struct tn_column *c = tn_shape_real(d, real);
    return c->use & TN_USE_unique && !(d->key_count == 1 && d->table.key[0] == c->name);
}

static void note_keys(struct tn_shape *d)
{
    d->keys = tn_arena_alloc(&d->arena, TN_KEYS_MAX * sizeof *d->keys);
    if (d->key_count) {
        struct tn_shape_key *key = &d->keys[d->n_keys++];
        *key = (struct tn_shape_key){.main = true, .n = d->key_count};
        for (size_t i = 0; i < key->n; i++) key->real[i] = real_named(d, d->table.key[i]);
    }
    for (size_t i = 0; i < d->real_count; i++)
        if (is_own_key(d, i))
            d->keys[d->n_keys++] = (struct tn_shape_key){.n = 1, .real = {(unsigned char)i}};
    for (size_t k = 0; k < d->n_keys; k++)
        for (size_t i = 0; i < d->keys[k].n; i++) d->in_keys |= UINT64_C(1) << d->keys[k].real[i];
    d->indexed = d->in_keys;
    for (size_t i = 0; i < d->real_count; i++)
        if (tn_shape_needs_index(d, i)) d->indexed |= UINT64_C(1) << i;
}

struct tn_shape *tn_shape_new(const struct tn_table *t, struct tn_err *err)
{
    if (!check(t, err)) return NULL;
    struct tn_shape *d = TN_NEW(struct tn_shape);
    d->refs = 1;
    tn_arena_init(&d->arena);
    d->table.name = tn_arena_strdup(&d->arena, t->name);
    d->table.event = t->event ? tn_arena_strdup(&d->arena, t->event) : NULL;
    d->table.history = t->history;
    copy_columns(d, t);
    if (!copy_key(d, t, err)) {
        tn_shape_unref(d);
        return NULL;
    }
    for (size_t i = 0; i < t->column_count; i++)
        if (tn_shape_is_real(d, i)) d->real[d->real_count++] = i;
    note_keys(d);
    return d;
}

struct tn_shape *tn_shape_ref(struct tn_shape *d)
{
    d->refs++;
    return d;
}

void tn_shape_unref(struct tn_shape *d)
{
    if (!d || --d->refs) return;
    tn_arena_clear(&d->arena);
    tn_free(d);
}

int tn_shape_column(const struct tn_shape *d, struct tn_str name)
{
    for (size_t i = 0; i < d->table.column_count; i++)
        if (tn_str_is(name, d->table.columns[i].name)) return (int)i;
    return -1;
}

bool tn_shape_is_real(const struct tn_shape *d, size_t column)
{
    if (d->table.columns[column].use != TN_USE_shown) return true;
    for (size_t i = 0; i < d->key_count; i++)
        if (strcmp(d->table.key[i], d->table.columns[column].name) == 0) return true;
    return false;
}

const struct tn_column *tn_shape_real(const struct tn_shape *d, size_t real)
{
    return &d->table.columns[d->real[real]];
}

bool tn_shape_needs_index(const struct tn_shape *d, size_t real)
{
    if (!(tn_shape_real(d, real)->use & TN_USE_indexed)) return false;
    for (size_t k = 0; k < d->n_keys; k++)
        if (d->keys[k].real[0] == real) return false;
    return true;
}

void tn_shape_write(const struct tn_shape *d, struct tn_buf *out)
{
    struct tn_jw w;
    tn_jw_init(&w, out);
    tn_jw_object(&w);
    tn_jw_kz(&w, "name", d->table.name);
    tn_jw_kz(&w, "event", d->table.event);
    tn_jw_kbool(&w, "history", d->table.history);
    tn_jw_key(&w, TN_STR("key"));
    tn_jw_array(&w);
    for (size_t i = 0; i < d->key_count; i++) tn_jw_z(&w, d->table.key[i]);
    tn_jw_end(&w);
    tn_jw_key(&w, TN_STR("columns"));
    tn_jw_array(&w);
    for (size_t i = 0; i < d->table.column_count; i++) {
        tn_jw_object(&w);
        tn_jw_kz(&w, "name", d->table.columns[i].name);
        tn_jw_kz(&w, "type", type_names[d->table.columns[i].type]);
        tn_jw_kbool(&w, "indexed", d->table.columns[i].use & TN_USE_indexed);
        if (d->table.columns[i].use & TN_USE_kept) tn_jw_kbool(&w, "kept", true);
        if (d->table.columns[i].use & TN_USE_unique) tn_jw_kbool(&w, "unique", true);
        tn_jw_end(&w);
    }
    tn_jw_end(&w);
    tn_jw_end(&w);
}

static const char *text_of(struct tn_jval v, struct tn_arena *arena)
{
    struct tn_str s;
    return tn_jtext(v, arena, &s) ? tn_arena_strndup(arena, s.p, s.n) : NULL;
}

static enum tn_column_type type_of(const char *name)
{
    for (size_t i = 0; name && i < sizeof type_names / sizeof type_names[0]; i++)
        if (strcmp(name, type_names[i]) == 0) return (enum tn_column_type)i;
    return TN_COLUMN_text;
}

struct tn_shape *tn_shape_parse(struct tn_json *json, struct tn_str text, struct tn_err *err)
{
    struct tn_arena arena;
    struct tn_column columns[TN_STORE_COLUMNS_MAX + 1];
    struct tn_table t = {.columns = columns};
    struct tn_shape *d = NULL;
    if (!tn_json_parse(json, text, err)) return NULL;
    tn_arena_init(&arena);
    struct tn_jval root = tn_json_root(json);
    t.name = text_of(tn_jget_z(root, "name"), &arena);
    t.event = text_of(tn_jget_z(root, "event"), &arena);
    tn_jbool(tn_jget_z(root, "history"), &t.history);
    for (size_t i = 0; i < TN_STORE_KEY_MAX; i++)
        t.key[i] = text_of(tn_jat(tn_jget_z(root, "key"), i), &arena);
    for (struct tn_jiter it = tn_jiter(tn_jget_z(root, "columns"));
         t.column_count <= TN_STORE_COLUMNS_MAX && tn_jnext(&it);) {
        struct tn_column *c = &columns[t.column_count++];
        c->name = text_of(tn_jget_z(it.value, "name"), &arena);
        c->type = type_of(text_of(tn_jget_z(it.value, "type"), &arena));
        bool indexed = false, kept = false, unique = false;
        tn_jbool(tn_jget_z(it.value, "indexed"), &indexed);
        tn_jbool(tn_jget_z(it.value, "kept"), &kept);
        tn_jbool(tn_jget_z(it.value, "unique"), &unique);
        c->use = (indexed ? TN_USE_indexed
                  : kept  ? TN_USE_kept
                          : TN_USE_shown) |
                 (unique ? TN_USE_unique : 0);
    }
    d = tn_shape_new(&t, err);
    tn_arena_clear(&arena);
    return d;
}

static struct tn_cell int_cell(int64_t i)
{
    return (struct tn_cell){.type = TN_CELL_int, .i = i};
}

struct tn_cell tn_cell_of(enum tn_column_type type, struct tn_jval v, struct tn_arena *arena)
{
    struct tn_cell cell = {.type = TN_CELL_null};
    int64_t ms;
    bool yes;
    switch (type) {
    case TN_COLUMN_text:
        if (tn_jtext(v, arena, &cell.s)) cell.type = TN_CELL_text;
        break;
    case TN_COLUMN_int:
        if (tn_jint(v, &cell.i)) cell.type = TN_CELL_int;
        break;
    case TN_COLUMN_real:
        if (tn_jdouble(v, &cell.d)) cell.type = TN_CELL_real;
        break;
    case TN_COLUMN_bool:
        if (tn_jbool(v, &yes)) return int_cell(yes);
        break;
    case TN_COLUMN_time:
        if (tn_jint(v, &ms)) return int_cell(ms);
        if (tn_jtext(v, arena, &cell.s) && tn_time_parse(cell.s, &ms)) return int_cell(ms);
        break;
    }
    return cell;
}

bool tn_cell_eq(const struct tn_cell *a, const struct tn_cell *b)
{
    if (a->type != b->type) return false;
    switch (a->type) {
    case TN_CELL_int: return a->i == b->i;
    case TN_CELL_real: return a->d == b->d;
    case TN_CELL_text: return tn_str_eq(a->s, b->s);
    default: return true;
    }
}

static bool parse_int(struct tn_str text, int64_t *out)
{
    bool minus = text.n && text.p[0] == '-';
    uint64_t v;
    if (minus) text = (struct tn_str){text.p + 1, text.n - 1};
    if (!tn_str_u64(text, &v) || v > (uint64_t)INT64_MAX + minus) return false;
    *out = minus ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

static bool parse_real(struct tn_str text, double *out)
{
    char copy[64], *end;
    if (text.n == 0 || text.n >= sizeof copy) return false;
    for (size_t i = 0; i < text.n; i++)
        if (!strchr("0123456789+-.eE", text.p[i]) || !text.p[i]) return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    *out = strtod(copy, &end);
    return *end == '\0' && isfinite(*out);
}

bool tn_cell_parse(enum tn_column_type type, struct tn_str text, struct tn_cell *out)
{
    *out = (struct tn_cell){.type = TN_CELL_int};
    switch (type) {
    case TN_COLUMN_text: *out = (struct tn_cell){.type = TN_CELL_text, .s = text}; return true;
    case TN_COLUMN_int: return parse_int(text, &out->i);
    case TN_COLUMN_real: out->type = TN_CELL_real; return parse_real(text, &out->d);
    case TN_COLUMN_bool:
        out->i = tn_str_is(text, "true") || tn_str_is(text, "1");
        return out->i || tn_str_is(text, "false") || tn_str_is(text, "0");
    case TN_COLUMN_time: return tn_time_parse(text, &out->i) || parse_int(text, &out->i);
    }
    return false;
}
