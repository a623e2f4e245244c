/* SPDX-License-Identifier: MIT */
/* reverse.c - inverts each field and operator of a mapping, and makes a spec of the result. */
#include "mapping/reverse.h"

#include <stdio.h>

#include "base/limits.h"
#include "mapping/applier.h"

enum { OPS_MAX = 128, ENTRIES_MAX = 2048 };

/* One value to send: its path in their record, and how it is made from our record. */
struct entry {
    struct tn_str theirs;
    struct tn_spec_value *value;
    int line;
    const struct tn_spec_field *said; /* the row of the mapping's `out` that declares it */
};

/* Their record while it is built: nested names. */
struct node {
    struct tn_str name;
    const struct entry *leaf; /* NULL: the node is an object */
    struct node *kids, *next;
};

/* Operators that undo others, in the order in which they have to run. */
struct chain {
    struct tn_spec_op ops[OPS_MAX];
    size_t n;
};

struct back {
    struct tn_reversed *r;
    const struct tn_spec_field *out;
    size_t out_count;
    struct entry *entries;
    size_t count;
    enum tn_way way; /* of the current field: the worst result so far */
    const char *why;
};

static void *room(struct back *b, size_t count, size_t size)
{
    return tn_arena_alloc(&b->r->arena, count * size);
}

static struct tn_str print(struct back *b, const char *fmt, ...) TN_PRINTF(2, 3);
static struct tn_str print(struct back *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    size_t n = (size_t)vsnprintf(NULL, 0, fmt, ap);
    char *p = room(b, n + 1, 1);
    vsnprintf(p, n + 1, fmt, again);
    va_end(ap);
    va_end(again);
    return (struct tn_str){p, n};
}

/* Joins outer and name with a point, or as outer["name"] if the name has a point or bracket. */
static struct tn_str below(struct back *b, struct tn_str outer, struct tn_str name)
{
    bool plain = name.n && !memchr(name.p, '.', name.n) && !memchr(name.p, '[', name.n);
    if (!plain) return print(b, "%.*s[\"%.*s\"]", TN_FMT(outer), TN_FMT(name));
    return print(b, "%.*s%s%.*s", TN_FMT(outer), outer.n ? "." : "", TN_FMT(name));
}

static bool one_way(struct back *b, const char *why)
{
    b->way = TN_WAY_one;
    b->why = why;
    return false;
}

static void settles(struct back *b, const char *why)
{
    if (b->way != TN_WAY_both) return;
    b->way = TN_WAY_settles;
    b->why = why;
}

/* ---- operators ---- */

static bool is_quoted(struct tn_str json)
{
    return json.n && json.p[0] == '"';
}

/* Turns a look-up around: its values become keys. Texts with escapes are refused: the mapping's
 * `out` has to declare such a field. */
static bool swap_rows(struct back *b, const struct tn_spec_op *op, struct tn_spec_op *out)
{
    struct tn_spec_row *rows = room(b, op->row_count, sizeof *rows);
    for (size_t i = 0; i < op->row_count; i++) {
        struct tn_str v = op->rows[i].value, key = op->rows[i].key;
        if (!v.n || v.p[0] == '[' || v.p[0] == '{' || v.p[0] == 'n' || memchr(v.p, '\\', v.n))
            return one_way(b, "a value of the look-up is no plain text, number or boolean");
        if (is_quoted(v)) v = (struct tn_str){v.p + 1, v.n - 2};
        struct tn_buf json;
        tn_buf_init(&json, TN_LIMIT_RECORD);
        if (op->rows[i].bare)
            tn_buf_addstr(&json, key);
        else
            tn_json_quote(&json, key);
        rows[i] = (struct tn_spec_row){.key = v, .value = print(b, "%s", json.p)};
        tn_buf_clear(&json);
        for (size_t k = 0; k < i; k++)
            if (tn_str_eq(rows[k].key, v))
                return one_way(b, "two words of the look-up have the same value");
    }
    *out = (struct tn_spec_op){.op = TN_OP_lookup,
                               .line = op->line,
                               .rows = rows,
                               .row_count = op->row_count,
                               .miss = TN_FAULT_reject};
    return true;
}

static bool undo_words(struct back *b, const struct tn_spec_op *op, struct tn_spec_op *out,
                       bool *none)
{
    *none = !op->row_count;
    if (*none) {
        settles(b, "a word comes back as true or false");
        return true;
    }
    return swap_rows(b, op, out);
}

static bool undo_replace(struct back *b, const struct tn_spec_op *op)
{
    if (op->a.n != 1 || (op->b.n && memchr(op->b.p, op->a.p[0], op->b.n)))
        return one_way(b, "replace cannot be undone");
    settles(b, "replaced characters stay replaced");
    return true;
}

static void undo_time(struct back *b, const struct tn_spec_op *op, struct tn_spec_op *out,
                      bool *none)
{
    bool date = op->op == TN_OP_date;
    *none = !op->a.p;
    *out = *op;
    out->op = date ? TN_OP_date_out : TN_OP_time_out;
    if (date || *none) settles(b, date ? "the time of day is lost" : "it is sent in UTC");
}

/* Makes the operator that undoes op; *none: there is nothing to undo. before is the operator that
 * ran before op. */
static bool undo(struct back *b, const struct tn_spec_op *op, const struct tn_spec_op *before,
                 struct tn_spec_op *out, bool *none)
{
    bool number =
        before && (before->op == TN_OP_number || before->op == TN_OP_integer ||
                   before->op == TN_OP_unit || (before->op == TN_OP_decimal && !before->j));
    *out = (struct tn_spec_op){.op = TN_OP_number, .line = op->line};
    *none = true;
    switch (op->op) {
    case TN_OP_text:
        *none = !number;
        if (!number) settles(b, "a number comes back as a text: say :number() before :text()");
        return true;
    case TN_OP_decimal:
        *none = !op->j;
        if (op->i >= 0 && op->mode != TN_ROUND_none) settles(b, "it stays rounded");
        return true;
    case TN_OP_number:
    case TN_OP_integer: settles(b, "a text comes back as a number"); return true;
    case TN_OP_trim:
    case TN_OP_upper:
    case TN_OP_lower:
    case TN_OP_pad:
    case TN_OP_blank: settles(b, "the text comes back as it was made here"); return true;
    case TN_OP_replace: return undo_replace(b, op);
    case TN_OP_split:
    case TN_OP_join:
        *none = false;
        out->op = op->op == TN_OP_split ? TN_OP_join : TN_OP_split;
        out->a = op->a;
        if (op->op == TN_OP_join) {
            settles(b, "numbers of the list come back as texts");
            if (!op->a.n)
                return one_way(b, "texts that are joined without a separator cannot be split");
        }
        return true;
    case TN_OP_boolean: return undo_words(b, op, out, none);
    case TN_OP_time:
    case TN_OP_date: undo_time(b, op, out, none); return true;
    case TN_OP_lookup: *none = false; return swap_rows(b, op, out);
    case TN_OP_unit:
        *none = false;
        *out = *op;
        out->a = op->b;
        out->b = op->a;
        if (op->i >= 0) settles(b, "it is rounded both ways");
        return true;
    case TN_OP_substring: return one_way(b, "a part of the text does not tell the rest");
    default: return one_way(b, "the operator cannot be undone");
    }
}

/* Appends to chain the operators that undo v's operators and default, the last one first. */
static bool undo_all(struct back *b, const struct tn_spec_value *v, struct chain *chain)
{
    if (v->fallback.p) settles(b, "the default comes back as a value");
    for (size_t i = v->op_count; i--;) {
        struct tn_spec_op op;
        bool none;
        if (!undo(b, &v->ops[i], i ? &v->ops[i - 1] : NULL, &op, &none)) return false;
        if (none) continue;
        if (chain->n == OPS_MAX) return one_way(b, "too many operators");
        chain->ops[chain->n++] = op;
    }
    return true;
}

/* ---- values ---- */

/* A path of only names can be built in a new record; an element of a list cannot. */
static bool can_be_made(struct back *b, struct tn_str path)
{
    struct tn_step step;
    const char *why;
    if (!path.n) return one_way(b, "it is the record as a whole");
    for (bool first = true; path.n; first = false) {
        if (!tn_path_step(&path, first, &step, &why)) return one_way(b, "its path is not valid");
        if (!step.name.p) return one_way(b, "it comes from one element of a list");
    }
    return true;
}

static bool add(struct back *b, struct tn_str theirs, struct tn_str ours, int line,
                const struct chain *chain, enum tn_from from)
{
    if (!can_be_made(b, theirs)) return false;
    if (b->count == ENTRIES_MAX) return one_way(b, "too many fields");
    struct tn_spec_value *v = room(b, 1, sizeof *v);
    *v = (struct tn_spec_value){.from = from, .text = ours, .line = line};
    if (chain && chain->n) {
        struct tn_spec_op *ops = room(b, chain->n, sizeof *ops);
        memcpy(ops, chain->ops, chain->n * sizeof *ops);
        v->ops = ops;
        v->op_count = chain->n;
    }
    b->entries[b->count++] = (struct entry){.theirs = theirs, .value = v, .line = line};
    return true;
}

static bool invert(struct back *b, const struct tn_spec_value *v, struct tn_str ours,
                   struct chain *chain);

/* Inverts a template: each of its paths is sent from a part of our text. Between two paths there
 * must be text, or their border cannot be found. */
static bool invert_template(struct back *b, const struct tn_spec_value *v, struct tn_str ours,
                            struct chain *chain)
{
    struct tn_str s = v->text;
    size_t number = 0, literal = 1;
    for (size_t i = 0; i < s.n; i++) {
        bool brace = s.p[i] == '{' || s.p[i] == '}';
        if (brace && i + 1 < s.n && s.p[i + 1] == s.p[i])
            i++;
        else if (s.p[i] == '{') {
            const char *end = memchr(s.p + i, '}', s.n - i);
            if (!end) return one_way(b, "its template is not valid");
            struct tn_str path = {s.p + i + 1, (size_t)(end - s.p) - i - 1};
            struct tn_spec_op part = {
                .op = TN_OP_unpick, .line = v->line, .a = v->text, .i = (int64_t)number++};
            if (!literal) return one_way(b, "nothing stands between two parts of the template");
            if (chain->n == OPS_MAX) return one_way(b, "too many operators");
            chain->ops[chain->n++] = part;
            bool ok = add(b, path, ours, v->line, chain, TN_FROM_path);
            chain->n--;
            if (!ok) return false;
            i = (size_t)(end - s.p);
            literal = 0;
            continue;
        }
        literal = 1;
    }
    if (!number) b->way = TN_WAY_nothing;
    settles(b, "numbers of the template come back as texts");
    return true;
}

/* Inverts only the first source: a value sent to a later one would be hidden by the first. */
static bool invert_first(struct back *b, const struct tn_spec_value *v, struct tn_str ours,
                         struct chain *chain)
{
    if (!v->item_count || !invert(b, v->items[0], ours, chain)) return false;
    settles(b, "it comes back in the first of its sources");
    return true;
}

static const struct tn_spec_field *collect(struct back *b, size_t from, size_t *n);
static void invert_fields(struct back *b, const struct tn_spec_field *f, size_t n,
                          struct tn_str ours, struct tn_str shown);

/* Inverts a list, element by element. */
static bool invert_each(struct back *b, const struct tn_spec_value *v, struct tn_str ours,
                        struct tn_str shown)
{
    size_t before = b->count;
    if (!can_be_made(b, v->text)) return false;
    invert_fields(b, v->fields, v->field_count, TN_STR(""), print(b, "%.*s[*]", TN_FMT(shown)));
    size_t n;
    const struct tn_spec_field *fields = collect(b, before, &n);
    b->count = before;
    b->way = TN_WAY_both;
    b->why = NULL;
    if (!n) return one_way(b, "no field of its elements can be sent back");
    if (!add(b, v->text, ours, v->line, NULL, TN_FROM_each)) return false;
    b->entries[b->count - 1].value->fields = fields;
    b->entries[b->count - 1].value->field_count = n;
    return true;
}

static bool invert(struct back *b, const struct tn_spec_value *v, struct tn_str ours,
                   struct chain *chain)
{
    if (!undo_all(b, v, chain)) return false;
    switch (v->from) {
    case TN_FROM_path: return add(b, v->text, ours, v->line, chain, TN_FROM_path);
    case TN_FROM_const:
        b->way = TN_WAY_nothing;
        b->why = "it is always the same";
        return true;
    case TN_FROM_template: return invert_template(b, v, ours, chain);
    case TN_FROM_first: return invert_first(b, v, ours, chain);
    case TN_FROM_when: return one_way(b, "the chosen value does not tell what the condition was");
    case TN_FROM_fn: return one_way(b, "it is a function");
    case TN_FROM_tree: return one_way(b, "rows cannot be turned back into a tree");
    default: return one_way(b, "an object or a list cannot stand here");
    }
}

/* ---- fields ---- */

static struct tn_str theirs_of(const struct tn_spec_value *v)
{
    if (v->from == TN_FROM_path || v->from == TN_FROM_template || v->from == TN_FROM_each)
        return v->text;
    return v->item_count && v->items[0] ? theirs_of(v->items[0]) : (struct tn_str){"", 0};
}

/* Does v read our field `name`? */
static bool reads(const struct tn_spec_value *v, struct tn_str name)
{
    char part[300];
    if (!v) return false;
    if (v->from == TN_FROM_path || v->from == TN_FROM_each) return tn_str_eq(v->text, name);
    if (v->from == TN_FROM_template && name.n < sizeof part - 4) {
        int n = snprintf(part, sizeof part, "{%.*s}", TN_FMT(name));
        return memmem(v->text.p, v->text.n, part, (size_t)n) != NULL;
    }
    for (size_t i = 0; i < v->item_count; i++)
        if (reads(v->items[i], name)) return true;
    return false;
}

/* Does the mapping's `out` declare this field? */
static bool is_said(const struct back *b, struct tn_str target, struct tn_str theirs)
{
    for (size_t i = 0; i < b->out_count; i++)
        if (tn_str_eq(b->out[i].target, theirs) || reads(b->out[i].value, target) ||
            (!b->out[i].value && tn_str_eq(b->out[i].target, target)))
            return true;
    return false;
}

static bool is_sent(const struct back *b, size_t before, size_t count)
{
    for (size_t i = before; i < count; i++)
        for (size_t k = 0; k < before; k++)
            if (tn_str_eq(b->entries[i].theirs, b->entries[k].theirs)) return true;
    return false;
}

static void note(struct back *b, struct tn_str target, const struct tn_spec_field *f)
{
    struct tn_reversed *r = b->r;
    if (r->way_count == ENTRIES_MAX) return;
    r->ways[r->way_count++] = (struct tn_way_back){.target = target,
                                                   .source = theirs_of(f->value),
                                                   .way = b->way,
                                                   .line = f->line,
                                                   .why = b->why ? b->why : ""};
    r->one_way += b->way == TN_WAY_one;
}

static void invert_field(struct back *b, const struct tn_spec_field *f, struct tn_str ours,
                         struct tn_str shown)
{
    struct chain chain = {.n = 0};
    size_t before = b->count;
    b->way = TN_WAY_both;
    b->why = NULL;
    if (f->value->from == TN_FROM_object && !is_said(b, ours, TN_STR(""))) {
        invert_fields(b, f->value->fields, f->value->field_count, ours, shown);
        return;
    }
    if (is_said(b, ours, theirs_of(f->value))) {
        b->way = TN_WAY_out;
    } else if (f->value->from == TN_FROM_each ? !invert_each(b, f->value, ours, shown)
                                              : !invert(b, f->value, ours, &chain)) {
        b->count = before;
    } else if (is_sent(b, before, b->count)) {
        b->count = before;
        b->way = TN_WAY_nothing;
        b->why = "another field sends it already";
    }
    note(b, shown, f);
}

static void invert_fields(struct back *b, const struct tn_spec_field *f, size_t n,
                          struct tn_str ours, struct tn_str shown)
{
    for (size_t i = 0; i < n; i++)
        invert_field(b, &f[i], below(b, ours, f[i].target), below(b, shown, f[i].target));
}

/* ---- their record ---- */

/* Adds a value to the tree of their record. False: its place, one above or one below has a value
 * already. */
static bool plant(struct back *b, struct node *root, const struct entry *e)
{
    struct tn_str path = e->theirs;
    struct tn_step step;
    const char *why;
    struct node *at = root;
    for (bool first = true; path.n; first = false) {
        if (at->leaf || !tn_path_step(&path, first, &step, &why)) return false;
        struct node **kid = &at->kids;
        while (*kid && !tn_str_eq((*kid)->name, step.name)) kid = &(*kid)->next;
        if (!*kid) {
            *kid = room(b, 1, sizeof **kid);
            (*kid)->name = step.name;
        }
        at = *kid;
    }
    if (at->leaf || at->kids || at == root) return false;
    at->leaf = e;
    return true;
}

static const struct tn_spec_field *grow(struct back *b, const struct node *node, size_t *n)
{
    size_t count = 0;
    for (const struct node *kid = node->kids; kid; kid = kid->next) count++;
    struct tn_spec_field *fields = room(b, count, sizeof *fields);
    *n = 0;
    for (const struct node *kid = node->kids; kid; kid = kid->next) {
        struct tn_spec_field *f = &fields[(*n)++];
        *f = (struct tn_spec_field){.target = kid->name};
        if (kid->leaf) {
            if (kid->leaf->said) {
                f->required = kid->leaf->said->required;
                f->secret = kid->leaf->said->secret;
                f->on_fault = kid->leaf->said->on_fault;
            }
            f->value = kid->leaf->value;
            f->line = kid->leaf->line;
            continue;
        }
        struct tn_spec_value *v = room(b, 1, sizeof *v);
        v->from = TN_FROM_object;
        v->fields = grow(b, kid, &v->field_count);
        v->line = f->line = v->field_count ? v->fields[0].line : 0;
        f->value = v;
    }
    return fields;
}

static const struct tn_spec_field *collect(struct back *b, size_t from, size_t *n)
{
    struct node root = {.kids = NULL};
    for (size_t i = from; i < b->count; i++) (void)plant(b, &root, &b->entries[i]);
    return grow(b, &root, n);
}

void tn_spec_reverse(const struct tn_spec *spec, const struct tn_spec_field *out, size_t out_count,
                     struct tn_reversed *r)
{
    struct back b = {.r = r, .out = out, .out_count = out_count};
    *r = (struct tn_reversed){.one_way = 0};
    tn_arena_init(&r->arena);
    b.entries = room(&b, ENTRIES_MAX, sizeof *b.entries);
    r->ways = room(&b, ENTRIES_MAX, sizeof *r->ways);
    for (size_t i = 0; i < out_count; i++) {
        if (!out[i].value) continue;
        struct tn_spec_value *v = room(&b, 1, sizeof *v);
        *v = *out[i].value;
        b.entries[b.count++] = (struct entry){
            .theirs = out[i].target, .value = v, .line = out[i].line, .said = &out[i]};
    }
    invert_fields(&b, spec->fields, spec->field_count, TN_STR(""), TN_STR(""));
    r->spec = (struct tn_spec){.file = spec->file,
                               .line = spec->line,
                               .fn = spec->fn,
                               .fn_end = spec->fn_end,
                               .fn_arg = spec->fn_arg};
    r->spec.fields = collect(&b, 0, &r->spec.field_count);
}

void tn_reversed_clear(struct tn_reversed *r)
{
    tn_arena_clear(&r->arena);
}

const char *tn_way_name(enum tn_way way)
{
    static const char *const names[] = {"both ways", "both ways, settles", "out says",
                                        "nothing to send", "one way"};
    return names[way];
}
