/* SPDX-License-Identifier: MIT */
/* quick.c - writes the usual kinds of fields straight from the source to the target. It leaves
 * unusual values (an escape, another type, a fault) to apply.c. Both give the same result for every
 * value; this file is only faster. */
#include "base/json_tape.h"
#include "mapping/applier.h"
#include "mapping/coerce.h"
#include "mapping/quick.h"

/* ---- which fields ---- */

static bool is_scalar(const struct tn_value *v)
{
    return v->type == TN_JSON_bool || v->type == TN_JSON_number || v->type == TN_JSON_string;
}

static bool rows_are_scalars(const struct tn_do *d)
{
    for (uint32_t i = 0; i <= d->rows.mask; i++)
        if (d->rows.entries[i].key.p && !is_scalar(&d->values[d->rows.entries[i].value]))
            return false;
    return !d->has_other || is_scalar(&d->other);
}

static enum tn_quick quick_op(const struct tn_do *d)
{
    switch (d->op) {
    case TN_OP_text: return TN_QUICK_text;
    case TN_OP_trim: return TN_QUICK_trim;
    case TN_OP_number: return d->a.p || d->b.p ? TN_QUICK_none : TN_QUICK_number;
    case TN_OP_integer: return d->a.p || d->b.p ? TN_QUICK_none : TN_QUICK_integer;
    case TN_OP_decimal: return TN_QUICK_decimal;
    case TN_OP_boolean: return TN_QUICK_boolean;
    case TN_OP_time: return d->a.p ? TN_QUICK_none : TN_QUICK_time;
    case TN_OP_lookup: return rows_are_scalars(d) ? TN_QUICK_lookup : TN_QUICK_none;
    default: return TN_QUICK_none;
    }
}

static enum tn_quick quick_path(const struct tn_expr *e)
{
    if (e->step_count || e->op_count > 2) return TN_QUICK_none;
    if (!e->op_count) return TN_QUICK_copy;
    enum tn_quick first = quick_op(&e->ops[0]);
    if (e->op_count == 1) return first;
    bool numeric = first >= TN_QUICK_number && first <= TN_QUICK_decimal;
    return numeric && e->ops[1].op == TN_OP_text ? first : TN_QUICK_none;
}

static enum tn_quick quick_template(const struct tn_expr *e)
{
    if (e->op_count || !e->value.clean) return TN_QUICK_none;
    for (size_t i = 0; i < e->part_count; i++)
        if (e->parts[i].value && e->parts[i].value->step_count) return TN_QUICK_none;
    return TN_QUICK_template;
}

/* Is e just a member of the record? */
static bool is_plain_path(const struct tn_expr *e)
{
    return e->from == TN_FROM_path && !e->step_count && !e->op_count && !e->has_fallback;
}

/* If all alternatives are plain paths, the reader finds the first one that is there, like one path;
 * otherwise each is tried. */
static enum tn_quick quick_first(const struct tn_expr *e)
{
    bool plain = true, quick = !e->op_count;
    for (size_t i = 0; i < e->item_count; i++) {
        plain &= is_plain_path(e->items[i]);
        quick &= e->items[i]->quick != TN_QUICK_none;
    }
    return plain ? quick_path(e) : quick ? TN_QUICK_first : TN_QUICK_none;
}

void tn_quick_plan(struct tn_expr *e)
{
    if (e->from == TN_FROM_path) e->quick = quick_path(e);
    if (e->from == TN_FROM_first) e->quick = quick_first(e);
    if (e->from == TN_FROM_template) e->quick = quick_template(e);
    if (e->from == TN_FROM_const && !e->op_count && is_scalar(&e->value)) e->quick = TN_QUICK_const;
    if (e->quick == TN_QUICK_lookup && e->ops[0].has_other)
        e->none = &e->ops[0].other;
    else if (e->has_fallback)
        e->none = &e->fallback;
    if (e->none && !is_scalar(e->none)) e->quick = TN_QUICK_none;
    e->as_text = e->op_count == 2 || (e->quick == TN_QUICK_decimal && e->ops[0].j);
}

/* ---- writing ---- */

struct pen {
    char *w, *end;
    enum tn_form form; /* of the value written last */
};
enum done { LONG_WAY, WROTE, ABSENT, NULLED }; /* for the last two nothing was written */

static inline bool has_room(const struct pen *p, size_t n)
{
    return (size_t)(p->end - p->w) >= n + TN_WIDE;
}

/* Copies s in steps of TN_WIDE bytes, so that a short text needs no loop. So TN_WIDE bytes behind s
 * must be readable, and as many behind the target writable. */
static inline void put_wide(struct pen *p, struct tn_str s)
{
    for (size_t i = 0; i < s.n; i += TN_WIDE) memcpy(p->w + i, s.p + i, TN_WIDE);
    p->w += s.n;
}

static inline bool put_quoted(struct pen *p, struct tn_str s)
{
    if (!has_room(p, s.n + 2)) return false;
    *p->w++ = '"';
    put_wide(p, s);
    *p->w++ = '"';
    p->form = TN_FORM_plain;
    return true;
}

static inline enum done put_const(struct pen *p, const struct tn_value *v)
{
    if (!has_room(p, v->s.n)) return LONG_WAY;
    put_wide(p, v->s);
    p->form = tn_value_form(v);
    return WROTE;
}

static enum done put_none(struct pen *p, const struct tn_expr *e, enum tn_json_type type)
{
    if (e->none) return put_const(p, e->none);
    return type == TN_JSON_null ? NULLED : ABSENT;
}

/* A node of the current record. */
struct source {
    enum tn_json_type type;
    uint32_t info;
    struct tn_str raw;
};

static inline struct source source_at(const struct tn_apply *a, uint32_t at)
{
    const struct tn_json_head *head = tn_json_head(a->json);
    const struct tn_jnode *n = &head->tape[at];
    return (struct source){.type = n->info & TN_JNODE_TYPE,
                           .info = n->info,
                           .raw = {head->text + n->start, n->end - n->start}};
}

/* Gets the text of a scalar in which nothing needs an escape. */
static inline bool plain_text(const struct source *s, struct tn_str *out)
{
    *out = s->raw;
    if (s->type == TN_JSON_number || s->type == TN_JSON_bool) return true;
    if (s->type != TN_JSON_string || s->info & TN_JNODE_ESCAPED) return false;
    *out = (struct tn_str){s->raw.p + 1, s->raw.n - 2};
    return true;
}

static inline enum done put_copy(struct pen *p, const struct source *s)
{
    if (s->type >= TN_JSON_array || !has_room(p, s->raw.n)) return LONG_WAY;
    put_wide(p, s->raw);
    p->form = TN_FORM_plain;
    if (s->type == TN_JSON_string && s->info & TN_JNODE_ESCAPED) p->form = TN_FORM_other;
    if (s->type == TN_JSON_number && !tn_number_canonical(s->raw, s->info))
        p->form = TN_FORM_number;
    return WROTE;
}

static bool has_edge(struct tn_str s)
{
    return s.n && ((unsigned char)s.p[0] <= ' ' || (unsigned char)s.p[s.n - 1] <= ' ');
}

static inline enum done put_text(struct pen *p, const struct source *s, bool trim)
{
    struct tn_str text;
    if (!plain_text(s, &text) || (trim && has_edge(text))) return LONG_WAY;
    return put_quoted(p, text) ? WROTE : LONG_WAY;
}

static inline enum done put_lookup(struct pen *p, const struct source *s, const struct tn_do *d)
{
    struct tn_str key;
    if (!plain_text(s, &key)) return LONG_WAY;
    int32_t row = tn_names_get(&d->rows, key);
    if (row != TN_NAMES_NONE) return put_const(p, &d->values[row]);
    /* the table may have the same number in another form */
    return d->has_other && s->type != TN_JSON_number ? put_const(p, &d->other) : LONG_WAY;
}

static inline enum done put_number(struct pen *p, const struct source *s, bool as_text)
{
    if (s->type != TN_JSON_number) return LONG_WAY;
    return as_text ? put_text(p, s, false) : put_copy(p, s);
}

static inline enum done put_integer(struct pen *p, const struct source *s, bool as_text)
{
    if (s->type != TN_JSON_number || !tn_number_canonical(s->raw, s->info)) return LONG_WAY;
    enum done done = put_number(p, s, as_text);
    if (!as_text) p->form = TN_FORM_number;
    return done;
}

static enum done put_decimal(struct pen *p, const struct source *s, const struct tn_do *d,
                             bool as_text)
{
    char space[TN_COERCE_MAX + TN_WIDE], digits[TN_COERCE_MAX + TN_WIDE];
    struct tn_str lexeme = s->raw;
    if (s->type == TN_JSON_string) {
        if (!plain_text(s, &lexeme) || !tn_coerce_number(lexeme, space, &lexeme)) return LONG_WAY;
    } else if (s->type != TN_JSON_number) {
        return LONG_WAY;
    }
    if (d->i >= 0 && !tn_coerce_decimal(lexeme, d->i, d->mode, digits, &lexeme)) return LONG_WAY;
    if (as_text) return put_quoted(p, lexeme) ? WROTE : LONG_WAY;
    if (!has_room(p, lexeme.n)) return LONG_WAY;
    put_wide(p, lexeme);
    p->form = TN_FORM_number;
    return WROTE;
}

static inline enum done put_time(struct pen *p, const struct source *s)
{
    struct tn_str text;
    if (s->type != TN_JSON_string || !plain_text(s, &text) || !has_room(p, TN_MOMENT_LEN + 2) ||
        !tn_moment_quick(text, p->w + 1))
        return LONG_WAY;
    p->w[0] = p->w[TN_MOMENT_LEN + 1] = '"';
    p->w += TN_MOMENT_LEN + 2;
    p->form = TN_FORM_plain;
    return WROTE;
}

static enum done put_template(struct tn_apply *a, struct pen *p, const struct tn_expr *e,
                              const uint32_t *slots)
{
    char *before = p->w;
    *p->w++ = '"';
    for (const struct tn_part *part = e->parts; part < e->parts + e->part_count; part++) {
        struct tn_str text;
        if (!has_room(p, part->literal.n)) return LONG_WAY;
        put_wide(p, part->literal);
        if (!part->value) continue;
        struct source s = source_at(a, slots[part->value->slot]);
        if (s.type <= TN_JSON_null) {
            p->w = before;
            return put_none(p, e, TN_JSON_absent);
        }
        if (!plain_text(&s, &text) || !has_room(p, text.n + 1)) return LONG_WAY;
        put_wide(p, text);
    }
    *p->w++ = '"';
    p->form = TN_FORM_plain;
    return WROTE;
}

static enum done put_first(struct tn_apply *a, struct pen *p, const struct tn_expr *e,
                           const uint32_t *slots);

static inline struct source source_of(const struct tn_apply *a, const struct tn_expr *e,
                                      const uint32_t *slots)
{
    if (e->from != TN_FROM_first) return source_at(a, slots[e->slot]);
    struct source s = source_at(a, slots[e->items[0]->slot]);
    for (size_t i = 1; i < e->item_count && s.type <= TN_JSON_null; i++)
        s = source_at(a, slots[e->items[i]->slot]);
    return s;
}

static inline enum done put_expr(struct tn_apply *a, struct pen *p, const struct tn_expr *e,
                                 const uint32_t *slots)
{
    const struct tn_do *d = e->ops;
    if (e->quick == TN_QUICK_template) return put_template(a, p, e, slots);
    if (e->quick == TN_QUICK_first) return put_first(a, p, e, slots);
    if (e->quick == TN_QUICK_const) return put_const(p, &e->value);
    struct source s = source_of(a, e, slots);
    if (s.type <= TN_JSON_null) return put_none(p, e, s.type);
    switch (e->quick) {
    case TN_QUICK_copy: return put_copy(p, &s);
    case TN_QUICK_text: return put_text(p, &s, false);
    case TN_QUICK_trim: return put_text(p, &s, true);
    case TN_QUICK_number: return put_number(p, &s, e->as_text);
    case TN_QUICK_integer: return put_integer(p, &s, e->as_text);
    case TN_QUICK_decimal: return put_decimal(p, &s, d, e->as_text);
    case TN_QUICK_boolean: return s.type == TN_JSON_bool ? put_copy(p, &s) : LONG_WAY;
    case TN_QUICK_time: return put_time(p, &s);
    case TN_QUICK_lookup: return put_lookup(p, &s, d);
    case TN_QUICK_template:
    case TN_QUICK_const:
    case TN_QUICK_first:
    case TN_QUICK_none: break;
    }
    return LONG_WAY;
}

static enum done put_first(struct tn_apply *a, struct pen *p, const struct tn_expr *e,
                           const uint32_t *slots)
{
    enum done done = ABSENT;
    for (size_t i = 0; i < e->item_count && done >= ABSENT; i++)
        done = put_expr(a, p, e->items[i], slots);
    return done >= ABSENT && e->none ? put_const(p, e->none) : done;
}

/* Writes the value of a field, or its substitute for null. */
static inline enum done put_field(struct tn_apply *a, struct pen *p, const struct tn_member *f,
                                  const uint32_t *slots)
{
    enum done done = put_expr(a, p, f->expr, slots);
    if (done < ABSENT) return done;
    if (f->required) return LONG_WAY;
    if (done == ABSENT) return ABSENT;
    memcpy(p->w, "null", 4);
    p->w += 4;
    p->form = TN_FORM_plain;
    return WROTE;
}

/* Takes the text just written as the external id. False: it is no text, or is empty. */
static bool take_key(struct tn_apply *a, const struct pen *p, const char *value)
{
    size_t n = (size_t)(p->w - value);
    if (value[0] != '"' || n < 3 || p->form != TN_FORM_plain) return false;
    tn_apply_id(a, (struct tn_str){value + 1, n - 2});
    return true;
}

size_t tn_quick_run(struct tn_apply *a, const struct tn_group *g, size_t i, const uint32_t *slots,
                    struct tn_buf *out, bool *comma, struct tn_piece *pieces)
{
    struct pen p = {.w = out->p + out->n, .end = out->p + out->room};
    const char *base = out->p + a->base;
    for (; i < g->count && g->members[i].expr->quick; i++) {
        const struct tn_member *f = &g->members[i];
        char *before = p.w, *start = p.w + *comma;
        if (!has_room(&p, f->head.n + 4)) break;
        *p.w = ',';
        p.w = start;
        put_wide(&p, f->head);
        char *value = p.w;
        enum done done = put_field(a, &p, f, slots);
        if (done == LONG_WAY || (f->is_key && !take_key(a, &p, value))) {
            p.w = before;
            break;
        }
        if (done == ABSENT) {
            p.w = before;
            if (pieces) pieces[i].end = 0;
            continue;
        }
        *comma = true;
        if (pieces)
            pieces[i] = (struct tn_piece){.start = (size_t)(start - base),
                                          .value = (size_t)(value - base),
                                          .end = (size_t)(p.w - base),
                                          .form = p.form};
    }
    out->n = (size_t)(p.w - out->p);
    return i;
}
