/* SPDX-License-Identifier: MIT */
/* plan.c - compiles a spec into a plan: works out all that can be known before the first record. */
#include <stdio.h>
#include <stdlib.h>

#include "base/hint.h"
#include "mapping/applier.h"
#include "mapping/coerce.h"
#include "mapping/plan.h"
#include "mapping/quick.h"

enum { DEPTH_MAX = 32, FIELDS_MAX = 4096, PARTS_MAX = 16 };

struct maker {
    struct tn_plan *plan;
    const struct tn_spec *spec;
    struct tn_err *err;
    struct tn_scope *scope;  /* the scope to which paths are added */
    struct tn_scope *parent; /* inside a tree: the parent's scope */
    struct tn_scope **last_scope;
    struct tn_json *json; /* parses constants */
    char field[128];      /* path of the current target field */
    int line;
    unsigned depth;
};

static struct tn_str keep(struct maker *m, struct tn_str s)
{
    if (!s.p) return s;
    return (struct tn_str){tn_arena_strndup(&m->plan->arena, s.p, s.n), s.n};
}

/* Copies s, with TN_WIDE readable bytes behind it for quick.c. */
static struct tn_str keep_wide(struct maker *m, struct tn_str s)
{
    char *p = tn_arena_alloc(&m->plan->arena, s.n + TN_WIDE);
    if (s.n) memcpy(p, s.p, s.n);
    return (struct tn_str){p, s.n};
}

static void *room(struct maker *m, size_t count, size_t size)
{
    return tn_arena_alloc(&m->plan->arena, count * size);
}

/* Fills err with the position. Returns false. */
static bool fault(struct maker *m, int line, const char *fmt, ...) TN_PRINTF(3, 4);
static bool fault(struct maker *m, int line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tn_failv(m->err, TN_E_invalid, fmt, ap);
    va_end(ap);
    tn_fail_at(m->err, m->plan->file, line ? line : m->line);
    if (m->field[0]) tn_fail_field(m->err, "%s", m->field);
    return false;
}

static bool utf8(struct maker *m, struct tn_str s, int line)
{
    if (!s.p || tn_utf8_valid(s.p, s.n)) return true;
    return fault(m, line, "it has a text that is not UTF-8");
}

/* ---- constants ---- */

/* Turns JSON into a value that owns its text. */
static bool make_const(struct maker *m, struct tn_str json, const char *what, int line,
                       struct tn_value *out)
{
    struct tn_err err;
    if (!tn_json_parse(m->json, json, &err)) return fault(m, line, "%s: %s", what, err.text);
    struct tn_jval root = tn_json_root(m->json);
    struct tn_buf buf;
    tn_buf_init(&buf, TN_LIMIT_RECORD);
    enum tn_json_type type = tn_jtype(root);
    *out = (struct tn_value){.type = type, .raw = type == TN_JSON_string};
    if (out->raw)
        tn_json_canonical(root, &buf);
    else
        tn_buf_addstr(&buf, tn_jraw(root));
    struct tn_str text = keep_wide(m, tn_buf_str(&buf));
    out->s = text;
    out->clean = out->raw && !memchr(text.p, '\\', text.n);
    out->canonical = type == TN_JSON_bool || type == TN_JSON_null;
    tn_buf_clear(&buf);
    return true;
}

/* The same for a value that a test compares with: it has to be a scalar, and a text is decoded. */
static bool make_arg(struct maker *m, struct tn_str json, int line, struct tn_value *out)
{
    if (!make_const(m, json, "the value of a test", line, out)) return false;
    if (out->type == TN_JSON_array || out->type == TN_JSON_object || out->type == TN_JSON_null)
        return fault(m, line, "a test compares with a text, a number or a boolean, not with %s",
                     tn_json_type_name(out->type));
    if (out->type != TN_JSON_string) return true;
    struct tn_str text;
    if (!tn_jtext(tn_json_root(m->json), &m->plan->arena, &text)) return false;
    out->s = keep(m, text);
    out->raw = false;
    return true;
}

/* ---- paths ---- */

static bool same_place(struct maker *m, const struct tn_place *place, const struct tn_step *step)
{
    if (step->name.p)
        return place->name.p && (m->spec->any_case ? tn_str_eq_nocase(place->name, step->name)
                                                   : tn_str_eq(place->name, step->name));
    return !place->name.p && place->index == step->index &&
           tn_str_eq(place->selection, step->selection);
}

/* Compiles the conditions between the brackets of a selection. False: *why says what is wrong. */
static bool make_where(struct maker *m, struct tn_str s, const struct tn_where **out,
                       const char **why)
{
    struct tn_str path, value;
    *out = NULL;
    while (s.n) {
        struct tn_where *w = room(m, 1, sizeof *w);
        if (!tn_path_condition(&s, &path, &value, why)) return false;
        *w = (struct tn_where){.path = keep(m, path),
                               .value = keep(m, value),
                               .any_case = m->spec->any_case,
                               .next = *out};
        *out = w;
    }
    return true;
}

static struct tn_place *place_at(struct maker *m, struct tn_place *of, const struct tn_step *step,
                                 const struct tn_expr *e, int line)
{
    struct tn_place **at = &of->kids;
    for (; *at; at = &(*at)->next)
        if (same_place(m, *at, step)) return *at;
    *at = room(m, 1, sizeof **at);
    **at = (struct tn_place){.name = keep(m, step->name),
                             .index = step->index,
                             .selection = keep(m, step->selection),
                             .where = step->where,
                             .source = e->source,
                             .line = line ? line : m->line};
    (*at)->slot = m->scope->slots++;
    return *at;
}

static bool make_path(struct maker *m, struct tn_str path, int line, struct tn_expr *e)
{
    struct tn_place *place = &m->scope->root;
    struct tn_step steps[DEPTH_MAX], step;
    struct tn_str s = path;
    size_t count = 0;
    const char *why;
    e->source = keep(m, path);
    for (bool first = true; s.n; first = false) {
        if (!tn_path_step(&s, first, &step, &why) ||
            !make_where(m, step.selection, &step.where, &why))
            return fault(m, line, "the path \"%.*s\": %s", TN_FMT(path), why);
        if (!count && !step.any) {
            place = place_at(m, place, &step, e, line);
            continue;
        }
        if (count == DEPTH_MAX)
            return fault(m, line, "the path \"%.*s\" is too long", TN_FMT(path));
        step.name = keep(m, step.name);
        step.any_case = m->spec->any_case;
        steps[count++] = step;
    }
    e->slot = place->slot;
    m->scope->whole |= place == &m->scope->root;
    e->step_count = count;
    e->steps = count ? memcpy(room(m, count, sizeof *steps), steps, count * sizeof *steps) : NULL;
    return true;
}

/* ---- operators ---- */

static bool make_number_limit(struct maker *m, int line, struct tn_str text, struct tn_str *out)
{
    char space[TN_COERCE_MAX];
    struct tn_str lexeme;
    *out = (struct tn_str){0};
    if (!text.p) return true;
    if (!tn_coerce_number(text, space, &lexeme))
        return fault(m, line, "min and max are numbers, not \"%.*s\"", TN_FMT(text));
    *out = keep(m, lexeme);
    return true;
}

static bool make_time(struct maker *m, const struct tn_spec_op *s, struct tn_do *d)
{
    const char *why = tn_moment_format_fault(s->a);
    struct tn_err err;
    if (why) return fault(m, s->line, "the format \"%.*s\": %s", TN_FMT(s->a), why);
    if (!s->b.p) return true;
    d->zone = tn_zone_new(s->b, &err);
    if (!d->zone) return fault(m, s->line, "%s", err.text);
    d->next_zoned = m->plan->zoned;
    m->plan->zoned = d;
    return true;
}

static bool make_rows(struct maker *m, const struct tn_spec_op *s, struct tn_do *d)
{
    struct tn_value *values = room(m, s->row_count, sizeof *values);
    struct tn_str *keys = room(m, s->row_count, sizeof *keys);
    for (size_t i = 0; i < s->row_count; i++) {
        if (!utf8(m, s->rows[i].key, s->line)) return false;
        keys[i] = keep(m, s->rows[i].key);
        if (!make_const(m, s->rows[i].value, "a row", s->line, &values[i])) return false;
        if (s->op == TN_OP_boolean && values[i].type != TN_JSON_bool)
            return fault(m, s->line, "boolean { word = true or false }: \"%.*s\" is %s",
                         TN_FMT(keys[i]), tn_json_type_name(values[i].type));
    }
    tn_names_build(&d->rows, &m->plan->arena, keys, s->row_count, s->op == TN_OP_boolean);
    for (size_t i = 0; i < s->row_count; i++)
        if (tn_names_get(&d->rows, keys[i]) != (int32_t)i)
            return fault(m, s->line, "it has \"%.*s\" twice", TN_FMT(keys[i]));
    d->values = values;
    d->has_other = s->other.p != NULL;
    return !d->has_other || make_const(m, s->other, "default", s->line, &d->other);
}

static bool scale_ok(struct maker *m, const struct tn_spec_op *s)
{
    if (s->i >= -1 && s->i <= 100) return true;
    return fault(m, s->line, "scale is a number of digits from 0 to 100");
}

static bool next_part(struct maker *m, struct tn_str *s, int line, struct tn_part *out);

/* Splits a template into its literals. Its paths belong to the other system's record, so they are
 * read in a scope of their own, which is dropped. */
static bool make_unpick(struct maker *m, const struct tn_spec_op *s, struct tn_do *d)
{
    struct tn_scope elsewhere = {.slots = 1}, *scope = m->scope;
    struct tn_part *parts = room(m, PARTS_MAX + 1, sizeof *parts);
    struct tn_str text = s->a;
    bool ok = true;
    m->scope = &elsewhere;
    while (ok && text.n && d->part_count < PARTS_MAX)
        ok = next_part(m, &text, s->line, &parts[d->part_count++]);
    m->scope = scope;
    if (!ok) return false;
    if (text.n) return fault(m, s->line, "a template has at most %d parts", PARTS_MAX);
    if (!d->part_count || parts[d->part_count - 1].value)
        parts[d->part_count++].literal = TN_STR("");
    d->parts = parts;
    if (s->i >= 0 && (size_t)s->i + 1 < d->part_count) return true;
    return fault(m, s->line, "the template has no such part");
}

/* Are point and group two ASCII characters that cannot be part of a number? */
static bool amount_ok(const struct tn_spec_op *s)
{
    if (s->b.n < 1 || s->b.n > 2 || s->i < 0 || s->i > 18) return false;
    for (size_t i = 0; i < s->b.n; i++) {
        char c = s->b.p[i];
        if (c < ' ' || c > '~' || (c >= '0' && c <= '9') || c == '-' || c == '+') return false;
    }
    return s->b.p[0] != ' ' && (s->b.n < 2 || s->b.p[0] != s->b.p[1]);
}

static bool make_op(struct maker *m, const struct tn_spec_op *s, struct tn_do *d)
{
    if (!utf8(m, s->a, s->line) || !utf8(m, s->b, s->line)) return false;
    *d = (struct tn_do){.op = s->op,
                        .line = s->line ? s->line : m->line,
                        .mode = s->mode,
                        .i = s->i,
                        .j = s->j,
                        .miss = s->miss};
    switch (s->op) {
    case TN_OP_number:
    case TN_OP_integer:
        return make_number_limit(m, s->line, s->a, &d->a) &&
               make_number_limit(m, s->line, s->b, &d->b);
    case TN_OP_decimal: return scale_ok(m, s);
    case TN_OP_unpick: return make_unpick(m, s, d);
    case TN_OP_amount:
        if (!amount_ok(s))
            return fault(m, s->line,
                         "amount takes one character as point and one as group, no digits or "
                         "signs, and 0 to 18 implied digits");
        break;
    case TN_OP_time:
    case TN_OP_date:
    case TN_OP_time_out:
    case TN_OP_date_out: d->a = keep(m, s->a); return make_time(m, s, d);
    case TN_OP_lookup:
    case TN_OP_boolean: return make_rows(m, s, d);
    case TN_OP_unit:
        if (!tn_coerce_unit(s->a, s->b, &d->a, &d->b))
            return fault(m, s->line, "cannot convert the unit \"%.*s\" to \"%.*s\"", TN_FMT(s->a),
                         TN_FMT(s->b));
        return scale_ok(m, s);
    case TN_OP_replace:
    case TN_OP_split:
        if (!s->a.n) return fault(m, s->line, "the text to look for is empty");
        break;
    case TN_OP_pad:
        if (s->i < 1 || s->i > 1024) return fault(m, s->line, "pad takes a length of 1 to 1024");
        if (s->a.n != 1 || (unsigned char)s->a.p[0] < 0x20 || (unsigned char)s->a.p[0] > 0x7e)
            return fault(m, s->line, "pad takes one ASCII character");
        break;
    default: break;
    }
    d->a = keep(m, s->a);
    d->b = keep(m, s->b);
    return true;
}

static bool make_ops(struct maker *m, const struct tn_spec_value *v, struct tn_expr *e)
{
    struct tn_do *ops = room(m, v->op_count, sizeof *ops);
    if (e->whole && v->op_count)
        return fault(m, v->line, "an object or a list that is made here takes no operators");
    e->ops = ops;
    e->op_count = e->none_op = v->op_count;
    for (size_t i = 0; i < v->op_count; i++) {
        if (!make_op(m, &v->ops[i], &ops[i])) return false;
        if (e->none_op == v->op_count && ops[i].op == TN_OP_lookup && ops[i].has_other)
            e->none_op = i;
    }
    return true;
}

/* ---- values ---- */

static const struct tn_expr *make_expr(struct maker *m, const struct tn_spec_value *v);
static struct tn_group *make_group(struct maker *m, const struct tn_spec_field *fields, size_t n);

static const struct tn_expr *path_expr(struct maker *m, struct tn_str path, int line)
{
    struct tn_expr *e = room(m, 1, sizeof *e);
    e->from = TN_FROM_path;
    e->line = line;
    return make_path(m, path, line, e) ? e : NULL;
}

/* Takes one part off a template: text up to a brace ({{ and }} stand for single ones), then perhaps
 * {path}. */
static bool next_part(struct maker *m, struct tn_str *s, int line, struct tn_part *out)
{
    char *text = room(m, s->n + TN_WIDE, 1);
    size_t n = 0, i = 0;
    out->value = NULL;
    while (i < s->n) {
        bool twice = i + 1 < s->n && s->p[i + 1] == s->p[i];
        if (s->p[i] == '}' && !twice) return fault(m, line, "a } without {; write }} for a brace");
        if (s->p[i] == '{' && !twice) break;
        i += s->p[i] == '{' || s->p[i] == '}';
        text[n++] = s->p[i++];
    }
    out->literal = (struct tn_str){text, n};
    if (i < s->n) {
        const char *end = memchr(s->p + i, '}', s->n - i);
        if (!end) return fault(m, line, "a { without }; write {{ for a brace");
        struct tn_str path = {s->p + i + 1, (size_t)(end - s->p) - i - 1};
        if (!path.n) return fault(m, line, "{} has to name a source field");
        out->value = path_expr(m, path, line);
        if (!out->value) return false;
        i = (size_t)(end - s->p) + 1;
    }
    s->p += i;
    s->n -= i;
    return true;
}

static bool make_template(struct maker *m, const struct tn_spec_value *v, struct tn_expr *e)
{
    struct tn_str s = v->text;
    size_t count = 1;
    for (size_t i = 0; i < s.n; i++) count += s.p[i] == '{';
    struct tn_part *parts = room(m, count, sizeof *parts);
    e->source = keep(m, v->text);
    e->value.clean = true;
    e->parts = parts;
    while (s.n) {
        struct tn_part *part = &parts[e->part_count++];
        if (e->part_count > PARTS_MAX)
            return fault(m, v->line, "a template has at most %d parts", PARTS_MAX);
        if (!next_part(m, &s, v->line, part)) return false;
        for (size_t i = 0; i < part->literal.n; i++) {
            unsigned char c = (unsigned char)part->literal.p[i];
            if (c < 0x20 || c == '"' || c == '\\') e->value.clean = false;
        }
    }
    return true;
}

static bool make_items(struct maker *m, const struct tn_spec_value *v, struct tn_expr *e)
{
    e->items = room(m, v->item_count, sizeof *e->items);
    e->item_count = v->item_count;
    for (size_t i = 0; i < v->item_count; i++) {
        if (!v->items[i] && v->from == TN_FROM_when && i == 2) continue;
        if (!v->items[i]) return fault(m, v->line, "source number %zu of it is missing", i + 1);
        e->items[i] = make_expr(m, v->items[i]);
        if (!e->items[i]) return false;
        e->whole |= e->items[i]->whole;
    }
    if (v->from == TN_FROM_when && e->items[0]->whole)
        return fault(m, v->line, "a test cannot look at an object or a list that is made here");
    return true;
}

static bool make_when(struct maker *m, const struct tn_spec_value *v, struct tn_expr *e)
{
    struct tn_value *args = room(m, v->arg_count, sizeof *args);
    bool compares = v->test == TN_TEST_above || v->test == TN_TEST_below;
    if (v->item_count != 3 || !v->items[0] || !v->items[1])
        return fault(m, v->line, "when needs a test and a value");
    for (size_t i = 0; i < v->arg_count; i++) {
        if (!make_arg(m, v->args[i], v->line, &args[i])) return false;
        if (compares && args[i].type != TN_JSON_number)
            return fault(m, v->line, "above and below compare with a number");
    }
    if (v->test != TN_TEST_present && !v->arg_count)
        return fault(m, v->line, "the test compares with nothing");
    e->test = v->test;
    e->args = args;
    e->arg_count = v->arg_count;
    return make_items(m, v, e);
}

static void open_scope(struct maker *m)
{
    struct tn_scope *scope = room(m, 1, sizeof *scope);
    scope->slots = 1; /* slot 0 is the record or element itself */
    *m->last_scope = scope;
    m->last_scope = &scope->next;
    m->scope = scope;
}

static bool make_each(struct maker *m, const struct tn_spec_value *v, struct tn_expr *e)
{
    if (!make_path(m, v->text, v->line, e)) return false;
    struct tn_scope *outer = m->scope, *outer_parent = m->parent;
    if (e->step_count) return fault(m, v->line, "each takes a path without [*]");
    e->whole = true;
    open_scope(m);
    e->scope = m->scope;
    m->parent = NULL;
    e->group = make_group(m, v->fields, v->field_count);
    m->scope = outer;
    m->parent = outer_parent;
    return e->group != NULL;
}

/* Compiles a path in the scope of the parent or of the child. */
static const struct tn_expr *tree_path(struct maker *m, struct tn_scope *scope, struct tn_str path,
                                       int line, const char *what)
{
    struct tn_scope *outer = m->scope;
    const struct tn_expr *e = NULL;
    m->scope = scope;
    if (path.n && utf8(m, path, line))
        e = path_expr(m, path, line);
    else if (!path.n)
        fault(m, line, "flatten needs %s = the path in a node", what);
    m->scope = outer;
    if (e && e->step_count) {
        fault(m, line, "%s takes a path without [*]", what);
        return NULL;
    }
    return e;
}

static bool make_tree(struct maker *m, const struct tn_spec_value *v, struct tn_expr *e)
{
    struct tn_tree *tree = room(m, 1, sizeof *tree);
    struct tn_scope *outer = m->scope, *outer_parent = m->parent, *parent;
    if (!make_path(m, v->text, v->line, e)) return false;
    if (e->step_count) return fault(m, v->line, "flatten takes a path without [*]");
    e->whole = true;
    e->tree = tree;
    open_scope(m);
    tree->parent = parent = m->scope;
    open_scope(m);
    e->scope = m->scope;
    m->parent = parent;
    tree->children = tree_path(m, parent, v->children, v->line, "children");
    tree->id = tree_path(m, m->scope, v->id, v->line, "id");
    tree->root_id = tree_path(m, parent, v->root_id.p ? v->root_id : v->id, v->line, "root_id");
    if (!tree->children || !tree->id || !tree->root_id) return false;
    e->group = make_group(m, v->fields, v->field_count);
    m->scope = outer;
    m->parent = outer_parent;
    return e->group != NULL;
}

static bool make_parent(struct maker *m, const struct tn_spec_value *v, struct tn_expr *e)
{
    struct tn_scope *outer = m->scope;
    if (!m->parent) return fault(m, v->line, "parent and level work only inside flatten");
    if (v->from == TN_FROM_level) return true;
    m->scope = m->parent;
    bool ok = make_path(m, v->text, v->line, e);
    e->scope = m->scope;
    m->scope = outer;
    return ok;
}

static bool make_fn(struct maker *m, const struct tn_spec_value *v, struct tn_expr *e)
{
    if (!m->spec->fn || v->fn < 0) return fault(m, v->line, "a function cannot be run here");
    e->fn = v->fn;
    m->plan->functions++;
    return true;
}

static bool make_from(struct maker *m, const struct tn_spec_value *v, struct tn_expr *e)
{
    switch (v->from) {
    case TN_FROM_path: return make_path(m, v->text, v->line, e);
    case TN_FROM_const: return make_const(m, v->text, "const", v->line, &e->value);
    case TN_FROM_template: return make_template(m, v, e);
    case TN_FROM_first:
        if (!v->item_count) return fault(m, v->line, "first needs at least one source");
        return make_items(m, v, e);
    case TN_FROM_when: return make_when(m, v, e);
    case TN_FROM_object:
        e->whole = true;
        e->group = make_group(m, v->fields, v->field_count);
        return e->group != NULL;
    case TN_FROM_each: return make_each(m, v, e);
    case TN_FROM_tree: return make_tree(m, v, e);
    case TN_FROM_parent:
    case TN_FROM_level: return make_parent(m, v, e);
    case TN_FROM_fn: return make_fn(m, v, e);
    }
    return fault(m, v->line, "a value without a source");
}

static const struct tn_expr *make_expr(struct maker *m, const struct tn_spec_value *v)
{
    struct tn_expr *e = room(m, 1, sizeof *e);
    e->from = v->from;
    e->line = v->line ? v->line : m->line;
    if (++m->depth > DEPTH_MAX) {
        fault(m, v->line, "nested too deep");
        return NULL;
    }
    bool ok = utf8(m, v->text, v->line) && make_from(m, v, e) && make_ops(m, v, e);
    if (ok && v->fallback.p) {
        e->has_fallback = true;
        ok = make_const(m, v->fallback, "default", v->line, &e->fallback);
    }
    if (ok) tn_quick_plan(e);
    m->depth--;
    return ok ? e : NULL;
}

/* ---- fields ---- */

static bool target_known(struct maker *m, const struct tn_spec_field *f)
{
    if (!m->spec->targets || m->depth) return true;
    for (const char *const *t = m->spec->targets; *t; t++)
        if (tn_str_is(f->target, *t)) return true;
    struct tn_hint hint = tn_did_you_mean(f->target, m->spec->targets);
    if (hint.text[0]) return fault(m, f->line, "there is no such target field%s", hint.text);
    char list[300] = "";
    for (const char *const *t = m->spec->targets; *t && strlen(list) < 200; t++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%.64s", *list ? ", " : "", *t);
    return fault(m, f->line, "there is no such target field; there are %s", list);
}

static bool make_member(struct maker *m, const struct tn_spec_field *f, struct tn_member *out)
{
    size_t before = strlen(m->field);
    int line = m->line;
    if (!f->target.n || !tn_utf8_valid(f->target.p, f->target.n))
        return fault(m, f->line, "a target field needs a name");
    snprintf(m->field + before, sizeof m->field - before, "%s%.*s", before ? "." : "",
             TN_FMT(f->target));
    m->line = f->line;
    if (!target_known(m, f)) return false;
    *out = (struct tn_member){.target = keep(m, f->target),
                              .line = f->line,
                              .required = f->required,
                              .secret = f->secret,
                              .on_fault = f->on_fault};
    struct tn_buf head;
    tn_buf_init(&head, TN_LIMIT_RECORD);
    tn_json_quote(&head, f->target);
    tn_buf_addc(&head, ':');
    out->head = keep_wide(m, tn_buf_str(&head));
    tn_buf_clear(&head);
    if (!f->value) return fault(m, f->line, "it has no value");
    m->depth++;
    out->expr = make_expr(m, f->value);
    m->depth--;
    if (!out->expr) return false;
    if (f->on_fault == TN_FAULT_default && !out->expr->has_fallback)
        return fault(m, f->line, "on_fault \"default\" needs a default");
    m->field[before] = '\0';
    m->line = line;
    return true;
}

/* Byte order of the names, as in the canonical form. */
static bool name_before(struct tn_str a, struct tn_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = memcmp(a.p, b.p, n);
    return order ? order < 0 : a.n < b.n;
}

static bool sort_members(struct maker *m, struct tn_group *g)
{
    for (size_t i = 0; i < g->count; i++) {
        size_t k = i;
        for (; k && name_before(g->members[i].target, g->members[g->sorted[k - 1]].target); k--)
            g->sorted[k] = g->sorted[k - 1];
        g->sorted[k] = (uint32_t)i;
        if (k && tn_str_eq(g->members[i].target, g->members[g->sorted[k - 1]].target))
            return fault(m, g->members[i].line, "the target field \"%.*s\" is set twice",
                         TN_FMT(g->members[i].target));
    }
    return true;
}

static struct tn_group *make_group(struct maker *m, const struct tn_spec_field *fields, size_t n)
{
    struct tn_group *g = room(m, 1, sizeof *g);
    if (n > FIELDS_MAX) {
        fault(m, 0, "more than %d fields", FIELDS_MAX);
        return NULL;
    }
    g->members = room(m, n, sizeof *g->members);
    g->sorted = room(m, n, sizeof *g->sorted);
    g->count = n;
    for (size_t i = 0; i < n; i++)
        if (!make_member(m, &fields[i], &g->members[i])) return NULL;
    return sort_members(m, g) ? g : NULL;
}

/* ---- the whole ---- */

static void build_names(struct maker *m, struct tn_place *place)
{
    size_t n = 0;
    for (struct tn_place *kid = place->kids; kid; kid = kid->next) n += kid->name.p != NULL;
    struct tn_str *keys = room(m, n, sizeof *keys);
    place->named = room(m, n, sizeof(struct tn_place *));
    place->id = m->plan->places++;
    for (struct tn_place *kid = place->kids; kid; kid = kid->next) {
        if (kid->name.p) {
            keys[place->named_count] = kid->name;
            place->named[place->named_count++] = kid;
            if (tn_str_is(kid->name, "#text")) place->text = kid;
        }
        build_names(m, kid);
        place->deep |= kid->kids || !kid->name.p;
    }
    tn_names_build(&place->names, &m->plan->arena, keys, n, m->spec->any_case);
}

static void number_slots(struct maker *m)
{
    struct tn_scope *s = m->plan->scope; /* the record's scope, then those of its lists */
    const struct tn_place *root = &s->root;
    do {
        s->first = m->plan->slots;
        m->plan->slots += s->slots;
        build_names(m, &s->root);
    } while ((s = s->next));
    m->plan->pick = (struct tn_json_pick){root->names, (uint32_t)root->named_count};
}

/* Compiles a key that has an expression of its own: like a field, but it is not in the output. */
static bool make_key(struct maker *m)
{
    const struct tn_spec_value *v = m->spec->key_value;
    struct tn_member *key = room(m, 1, sizeof *key);
    m->line = v->line;
    snprintf(m->field, sizeof m->field, "key");
    *key = (struct tn_member){
        .target = TN_STR("key"), .line = v->line, .required = true, .is_key = true};
    key->expr = make_expr(m, v);
    if (!key->expr) return false;
    if (key->expr->whole) return fault(m, v->line, "the key is a text, not an object or a list");
    m->plan->key = key;
    m->field[0] = '\0';
    return true;
}

static bool mark_key(struct maker *m)
{
    struct tn_group *g = m->plan->group;
    if (m->spec->key_value) return make_key(m);
    if (!m->spec->key.p) return true;
    if (!utf8(m, m->spec->key, m->spec->line)) return false;
    for (size_t i = 0; i < g->count; i++) {
        struct tn_member *f = &g->members[i];
        if (!tn_str_eq(f->target, m->spec->key)) continue;
        m->line = f->line;
        snprintf(m->field, sizeof m->field, "%.*s", TN_FMT(f->target));
        if (f->on_fault != TN_FAULT_reject)
            return fault(m, f->line, "a fault of the key has to reject the record");
        if (f->secret) return fault(m, f->line, "the key cannot be secret");
        f->required = f->is_key = true;
        return true;
    }
    return fault(m, m->spec->line, "key = \"%.*s\", but no field of that name is set",
                 TN_FMT(m->spec->key));
}

struct tn_plan *tn_plan_new(const struct tn_spec *spec, struct tn_err *err)
{
    struct tn_plan *plan = TN_NEW(struct tn_plan);
    struct maker m = {.plan = plan,
                      .spec = spec,
                      .err = err,
                      .line = spec->line,
                      .last_scope = &plan->scope,
                      .json = tn_json_new()};
    tn_arena_init(&plan->arena);
    plan->file = tn_arena_strdup(&plan->arena, spec->file);
    plan->fn = spec->fn;
    plan->fn_end = spec->fn_end;
    plan->fn_arg = spec->fn_arg;
    open_scope(&m);
    plan->group = make_group(&m, spec->fields, spec->field_count);
    bool ok = plan->group && (plan->group->count || fault(&m, spec->line, "it sets no field")) &&
              mark_key(&m);
    if (ok) number_slots(&m);
    tn_json_free(m.json);
    if (ok) return plan;
    tn_plan_free(plan);
    return NULL;
}

void tn_plan_free(struct tn_plan *plan)
{
    if (!plan) return;
    for (struct tn_do *d = plan->zoned; d; d = d->next_zoned) tn_zone_free(d->zone);
    tn_arena_clear(&plan->arena);
    tn_free(plan);
}

const char *tn_plan_file(const struct tn_plan *plan)
{
    return plan->file;
}

size_t tn_plan_functions(const struct tn_plan *plan)
{
    return plan->functions;
}

const struct tn_json_pick *tn_plan_pick(const struct tn_plan *plan)
{
    return plan->functions || plan->scope->whole ? NULL : &plan->pick;
}

/* ---- explain ---- */

static void explain_group(const struct tn_plan *plan, const struct tn_group *g, const char *prefix,
                          struct tn_buf *out);

const char *tn_from_word(enum tn_from from)
{
    static const char *const words[] = {"",     "const",   "template", "first", "when",    "object",
                                        "each", "flatten", "parent",   "level", "function"};
    return words[from];
}

static void explain_source(const struct tn_expr *e, struct tn_buf *out)
{
    if (e->from != TN_FROM_path) tn_buf_addf(out, "%s ", tn_from_word(e->from));
    if (e->from == TN_FROM_const)
        tn_buf_addstr(out, e->value.s);
    else if (e->source.p)
        tn_buf_addstr(out, e->source.n ? e->source : TN_STR("(the record)"));
    for (size_t i = 0; i < e->item_count; i++) {
        if (!e->items[i]) continue;
        tn_buf_adds(out, i ? ", " : "");
        explain_source(e->items[i], out);
    }
}

void tn_expr_ops(const struct tn_expr *e, struct tn_buf *out)
{
    static const char *const words[] = {
        "text", "trim",   "upper",   "lower",   "substring", "replace", "pad",  "split",
        "join", "number", "integer", "decimal", "boolean",   "time",    "date", "lookup",
        "unit", "blank",  "time as", "date as", "part of",   "amount"};
    for (size_t i = 0; i < e->op_count; i++)
        tn_buf_addf(out, "%s%s", i ? " " : "", words[e->ops[i].op]);
    if (e->has_fallback)
        tn_buf_addf(out, "%sdefault %.*s", e->op_count ? " " : "", TN_FMT(e->fallback.s));
}

/* Appends the rest of the line, behind the member's name. */
static void explain_member(const struct tn_plan *plan, const struct tn_member *f,
                           const char *prefix, struct tn_buf *out)
{
    char inner[256];
    explain_source(f->expr, out);
    tn_buf_addc(out, '\t');
    tn_expr_ops(f->expr, out);
    tn_buf_addf(out, "\t%s:%d\n", plan->file, f->line);
    if (!f->expr->group) return;
    snprintf(inner, sizeof inner, "%s%.*s%s.", prefix, TN_FMT(f->target),
             f->expr->from == TN_FROM_object ? "" : "[*]");
    explain_group(plan, f->expr->group, inner, out);
}

static void explain_group(const struct tn_plan *plan, const struct tn_group *g, const char *prefix,
                          struct tn_buf *out)
{
    for (const struct tn_member *f = g->members; f < g->members + g->count; f++) {
        tn_buf_addf(out, "%s%.*s\t", prefix, TN_FMT(f->target));
        explain_member(plan, f, prefix, out);
    }
}

void tn_plan_explain(const struct tn_plan *plan, struct tn_buf *out)
{
    if (plan->key) {
        tn_buf_adds(out, "(key)\t");
        explain_member(plan, plan->key, "", out);
    }
    explain_group(plan, plan->group, "", out);
}

size_t tn_plan_targets(const struct tn_plan *plan, struct tn_str *names, size_t room_for)
{
    for (size_t i = 0; i < plan->group->count && i < room_for; i++)
        names[i] = plan->group->members[i].target;
    return plan->group->count;
}

int tn_plan_line(const struct tn_plan *plan, struct tn_str path)
{
    size_t n = 0;
    while (n < path.n && path.p[n] != '.' && path.p[n] != '[') n++;
    path.n = n;
    for (size_t i = 0; i < plan->group->count; i++)
        if (tn_str_eq(plan->group->members[i].target, path)) return plan->group->members[i].line;
    return 0;
}
