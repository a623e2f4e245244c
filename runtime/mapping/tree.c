/* SPDX-License-Identifier: MIT */
/* tree.c - writes a tree of nodes as rows: one for each child under its parent, with its level. The
 * nodes below a node that occurs twice are written once. A node below itself is a fault that names
 * the cycle. The reader limits nesting, so this may recurse. */
#include "base/limits.h"
#include "mapping/applier.h"

enum { SEEN_MIN = 64 };

/* Ids whose children were written; open addressing, at most half full. */
struct seen {
    struct tn_str *slots;
    size_t count, size;
};

struct walk {
    struct tn_apply *a;
    const struct tn_expr *e;
    struct tn_buf *out;
    struct seen seen;
    size_t rows;
};

static size_t hash(struct tn_str s)
{
    uint64_t h = 1469598103934665603u;
    for (size_t i = 0; i < s.n; i++) h = (h ^ (unsigned char)s.p[i]) * 1099511628211u;
    return (size_t)(h ^ (h >> 29));
}

static struct tn_str *slot_of(const struct seen *seen, struct tn_str id)
{
    size_t i = hash(id) & (seen->size - 1);
    while (seen->slots[i].p && !tn_str_eq(seen->slots[i], id)) i = (i + 1) & (seen->size - 1);
    return &seen->slots[i];
}

static void grow(struct tn_apply *a, struct seen *seen)
{
    struct seen more = {.size = seen->size ? seen->size * 2 : SEEN_MIN, .count = seen->count};
    more.slots = tn_arena_alloc(&a->arena, more.size * sizeof *more.slots);
    for (size_t i = 0; i < seen->size; i++)
        if (seen->slots[i].p) *slot_of(&more, seen->slots[i]) = seen->slots[i];
    *seen = more;
}

/* Notes the id. False: it was noted before. */
static bool first_time(struct walk *w, struct tn_str id)
{
    if (w->seen.count * 2 >= w->seen.size) grow(w->a, &w->seen);
    struct tn_str *slot = slot_of(&w->seen, id);
    if (slot->p) return false;
    *slot = id;
    w->seen.count++;
    return true;
}

/* Takes the id as a text of its own. False: a->why says why. */
static bool take_id(struct tn_apply *a, const struct tn_expr *e, const uint32_t *slots,
                    struct tn_str *id)
{
    struct tn_value v;
    a->why.line = e->line;
    a->why.source = e->source;
    if (!tn_apply_eval(a, e, slots, &v)) return false;
    if (v.type == TN_JSON_absent || v.type == TN_JSON_null)
        return tn_apply_why(a, NULL, "the node has no %.*s to identify it", TN_FMT(e->source));
    if (!tn_op_text(a, &v)) return false;
    *id = v.s;
    return true;
}

/* Fails with "A > B > A": the path from the first occurrence of id down to the second. */
static bool say_cycle(struct tn_apply *a, const struct tn_branch *top, struct tn_str id)
{
    const struct tn_branch *way[TN_LIMIT_JSON_DEPTH];
    struct tn_value v = {.type = TN_JSON_string, .s = id};
    size_t n = 0;
    tn_buf_reset(&a->side);
    for (const struct tn_branch *b = top; b && n < TN_LIMIT_JSON_DEPTH; b = b->up) {
        way[n++] = b;
        if (tn_str_eq(b->id, id)) break;
    }
    while (n) {
        struct tn_str s = way[--n]->id;
        tn_buf_addstr(&a->side, s);
        tn_buf_adds(&a->side, " > ");
    }
    tn_buf_addstr(&a->side, id);
    struct tn_str whole = tn_apply_keep(a, tn_buf_str(&a->side));
    return tn_apply_why(a, &v, "the structure contains itself: %.*s", TN_FMT(whole));
}

static bool is_above(const struct tn_branch *b, struct tn_str id)
{
    for (; b; b = b->up)
        if (tn_str_eq(b->id, id)) return true;
    return false;
}

static void fault_here(struct walk *w)
{
    struct tn_frame_path here = {.outer = w->a->path, .index = w->rows};
    w->a->path = &here;
    tn_apply_list(w->a, true);
    w->a->path = here.outer;
}

static void write_row(struct walk *w, const struct tn_branch *parent, const uint32_t *slots)
{
    struct tn_apply *a = w->a;
    const struct tn_branch *outer = a->branch;
    struct tn_frame_path here = {.outer = a->path, .index = w->rows};
    a->path = &here;
    a->branch = parent;
    if (w->rows++) tn_buf_addc(w->out, ',');
    tn_apply_object(a, w->e->group, slots, w->out);
    a->branch = outer;
    a->path = here.outer;
}

static void walk_node(struct walk *w, const struct tn_branch *node, uint32_t at);

/* Writes the row of one child, then the rows below it. */
static void walk_child(struct walk *w, const struct tn_branch *parent, uint32_t at)
{
    struct tn_apply *a = w->a;
    const struct tn_expr *e = w->e;
    struct tn_branch node = {.up = parent, .level = parent->level + 1};
    struct tn_value v = tn_apply_value(a->json, at);
    a->why.line = e->line;
    a->why.source = e->tree->children->source;
    if (v.type != TN_JSON_object) {
        tn_apply_why(a, &v, "expected an object as child, got %s", tn_json_type_name(v.type));
        fault_here(w);
        return;
    }
    const uint32_t *slots = tn_apply_scope(a, e->scope, at);
    if (!take_id(a, e->tree->id, slots, &node.id) ||
        (is_above(parent, node.id) && !say_cycle(a, parent, node.id))) {
        fault_here(w);
        return;
    }
    write_row(w, parent, slots);
    if (!a->stopped) walk_node(w, &node, at);
}

/* Writes the rows below a node. A child that is a parent uses the same slots, so they are filled
 * again after it. */
static void walk_node(struct walk *w, const struct tn_branch *node, uint32_t at)
{
    struct tn_apply *a = w->a;
    const struct tn_tree *tree = w->e->tree;
    const uint32_t *slots = tn_apply_scope(a, tree->parent, at);
    struct tn_value v = tn_apply_value(a->json, slots[tree->children->slot]);
    if (v.type == TN_JSON_absent || v.type == TN_JSON_null) return;
    if (v.type != TN_JSON_array && v.type != TN_JSON_object) {
        a->why.line = w->e->line;
        a->why.source = tree->children->source;
        tn_apply_why(a, &v, "expected a list of children, got %s", tn_json_type_name(v.type));
        fault_here(w);
        return;
    }
    if (!tn_jcount(v.at) || !first_time(w, node->id)) return;
    if (v.type == TN_JSON_object) {
        walk_child(w, node, v.at.at);
        return;
    }
    for (struct tn_jiter it = tn_jiter(v.at); !a->stopped && tn_jnext(&it);) {
        if (it.index) tn_apply_scope(a, tree->parent, at);
        walk_child(w, node, it.value.at);
    }
}

static void walk_root(struct walk *w, uint32_t at)
{
    struct tn_apply *a = w->a;
    struct tn_branch root = {.level = 1};
    struct tn_value v = tn_apply_value(a->json, at);
    a->why.line = w->e->line;
    a->why.source = w->e->source;
    if (v.type != TN_JSON_object)
        tn_apply_why(a, &v, "expected an object as root, got %s", tn_json_type_name(v.type));
    else if (take_id(a, w->e->tree->root_id, tn_apply_scope(a, w->e->tree->parent, at), &root.id)) {
        walk_node(w, &root, at);
        return;
    }
    fault_here(w);
}

enum tn_written tn_tree_write(struct tn_apply *a, const struct tn_expr *e, const uint32_t *slots,
                              struct tn_buf *out)
{
    struct walk w = {.a = a, .e = e, .out = out};
    struct tn_value v = tn_apply_value(a->json, slots[e->slot]);
    if (v.type == TN_JSON_absent) return NOTHING;
    if (v.type == TN_JSON_null) return NIL;
    tn_buf_addc(out, '[');
    if (v.type == TN_JSON_array) {
        for (struct tn_jiter it = tn_jiter(v.at); !a->stopped && tn_jnext(&it);)
            walk_root(&w, it.value.at);
    } else {
        walk_root(&w, v.at.at);
    }
    tn_buf_addc(out, ']');
    return WRITTEN;
}
