/* SPDX-License-Identifier: MIT */
#include "mapping/coverage.h"

#include "base/limits.h"
#include "mapping/applier.h"

/* A path that the mapping reads, without indexes. Below root, the path may follow after any number
 * of repetitions of children. */
struct pattern {
    struct tn_str root, children, path;
    struct pattern *next;
};

struct seen {
    struct tn_str path;
    uint64_t count;
};

struct tn_coverage {
    struct tn_arena arena;
    struct pattern *patterns;
    struct seen *fields; /* in the order in which they were first seen */
    size_t count;
    uint32_t *table; /* hash table by path, of index + 1 */
    struct tn_buf at;
};

enum { TABLE = 32768 };

/* ---- what is read ---- */

/* Joins prefix and the names of path with points, without indexes. */
static struct tn_str names_of(struct tn_coverage *c, struct tn_str prefix, struct tn_str path)
{
    struct tn_step step;
    const char *why;
    tn_buf_reset(&c->at);
    tn_buf_addstr(&c->at, prefix);
    for (bool first = true; path.n; first = false) {
        if (!tn_path_step(&path, first, &step, &why)) break;
        if (!step.name.p || tn_str_is(step.name, "#text")) continue;
        if (c->at.n) tn_buf_addc(&c->at, '.');
        tn_buf_addstr(&c->at, step.name);
    }
    struct tn_str s = tn_buf_str(&c->at);
    return (struct tn_str){tn_arena_strndup(&c->arena, s.p, s.n), s.n};
}

struct where {
    struct tn_str root, children, prefix;
};

static void add_pattern(struct tn_coverage *c, const struct where *w, struct tn_str path);

/* A selection reads the members that its conditions name. */
static void add_conditions(struct tn_coverage *c, const struct where *w, struct tn_str path)
{
    struct tn_str rest = path, name, value;
    struct tn_step step;
    const char *why;
    for (bool first = true; rest.n; first = false) {
        if (!tn_path_step(&rest, first, &step, &why)) return;
        struct where at = *w;
        if (step.selection.n)
            at.prefix = names_of(c, w->prefix, (struct tn_str){path.p, path.n - rest.n});
        while (step.selection.n && tn_path_condition(&step.selection, &name, &value, &why))
            add_pattern(c, &at, name);
    }
}

static void add_pattern(struct tn_coverage *c, const struct where *w, struct tn_str path)
{
    add_conditions(c, w, path);
    struct pattern *p = tn_arena_alloc(&c->arena, sizeof *p);
    *p = (struct pattern){.root = w->root, .children = w->children, .next = c->patterns};
    p->path = names_of(c, w->prefix, path);
    c->patterns = p;
}

static void add_group(struct tn_coverage *c, const struct where *w, const struct tn_group *g);

static void add_tree(struct tn_coverage *c, const struct where *w, const struct tn_expr *e)
{
    struct where in = {.root = names_of(c, w->prefix, e->source)};
    in.children = names_of(c, TN_STR(""), e->tree->children->source);
    add_pattern(c, &in, e->tree->id->source);
    add_pattern(c, &in, e->tree->root_id->source);
    add_group(c, &in, e->group);
}

static void add_expr(struct tn_coverage *c, const struct where *w, const struct tn_expr *e)
{
    if (!e) return;
    for (size_t i = 0; i < e->item_count; i++) add_expr(c, w, e->items[i]);
    for (size_t i = 0; i < e->part_count; i++) add_expr(c, w, e->parts[i].value);
    if (e->from == TN_FROM_path || (e->from == TN_FROM_parent && e->source.n)) {
        add_pattern(c, w, e->source);
    } else if (e->from == TN_FROM_tree) {
        add_tree(c, w, e);
    } else if (e->from == TN_FROM_each) {
        struct where in = *w;
        add_conditions(c, w, e->source);
        in.prefix = names_of(c, w->prefix, e->source);
        add_group(c, &in, e->group);
    } else if (e->from == TN_FROM_object) {
        add_group(c, w, e->group);
    }
}

static void add_group(struct tn_coverage *c, const struct where *w, const struct tn_group *g)
{
    for (size_t i = 0; i < g->count; i++) add_expr(c, w, g->members[i].expr);
}

struct tn_coverage *tn_coverage_new(const struct tn_plan *plan)
{
    struct tn_coverage *c = TN_NEW(struct tn_coverage);
    const struct where top = {.root = {NULL, 0}};
    tn_arena_init(&c->arena);
    tn_buf_init(&c->at, TN_LIMIT_RECORD);
    c->fields = tn_alloc(TN_COVERAGE_FIELDS * sizeof *c->fields);
    c->table = tn_alloc(TABLE * sizeof *c->table);
    add_group(c, &top, plan->group);
    if (plan->key) add_expr(c, &top, plan->key->expr);
    tn_buf_reset(&c->at);
    return c;
}

void tn_coverage_free(struct tn_coverage *c)
{
    if (!c) return;
    tn_arena_clear(&c->arena);
    tn_buf_clear(&c->at);
    tn_free(c->fields);
    tn_free(c->table);
    tn_free(c);
}

/* ---- what was seen ---- */

static void count_field(struct tn_coverage *c, struct tn_str path)
{
    uint64_t h = 1469598103934665603u;
    for (size_t i = 0; i < path.n; i++) h = (h ^ (unsigned char)path.p[i]) * 1099511628211u;
    size_t i = (size_t)(h ^ (h >> 29)) % TABLE;
    while (c->table[i] && !tn_str_eq(c->fields[c->table[i] - 1].path, path)) i = (i + 1) % TABLE;
    if (!c->table[i]) {
        if (c->count == TN_COVERAGE_FIELDS) return;
        c->fields[c->count].path =
            (struct tn_str){tn_arena_strndup(&c->arena, path.p, path.n), path.n};
        c->table[i] = (uint32_t)++c->count;
    }
    c->fields[c->table[i] - 1].count++;
}

/* Counts each value of v. Skips null and empty lists and objects, because nothing is lost with
 * them. */
static void walk(struct tn_coverage *c, struct tn_jval v)
{
    size_t before = c->at.n;
    enum tn_json_type type = tn_jtype(v);
    if (type != TN_JSON_object && type != TN_JSON_array) {
        if (type != TN_JSON_null) count_field(c, tn_buf_str(&c->at));
        return;
    }
    for (struct tn_jiter it = tn_jiter(v); tn_jnext(&it);) {
        if (type == TN_JSON_object) {
            if (before) tn_buf_addc(&c->at, '.');
            tn_buf_addstr(&c->at, it.key);
        }
        walk(c, it.value);
        c->at.n = before;
    }
}

void tn_coverage_add(struct tn_coverage *c, struct tn_jval record)
{
    tn_buf_reset(&c->at);
    walk(c, record);
}

/* Takes prefix off the front of s if a name ends there. */
static bool cut(struct tn_str *s, struct tn_str prefix)
{
    if (!prefix.n) return true;
    if (s->n < prefix.n || !tn_str_eq_nocase((struct tn_str){s->p, prefix.n}, prefix)) return false;
    if (s->n > prefix.n && s->p[prefix.n] != '.') return false;
    size_t n = prefix.n + (s->n > prefix.n);
    *s = (struct tn_str){s->p + n, s->n - n};
    return true;
}

static bool is_read(const struct tn_coverage *c, struct tn_str path)
{
    for (const struct pattern *p = c->patterns; p; p = p->next) {
        struct tn_str s = path;
        if (!cut(&s, p->root)) continue;
        while (p->children.n && cut(&s, p->children)) {
        }
        if (cut(&s, p->path)) return true;
    }
    return false;
}

void tn_coverage_unread(const struct tn_coverage *c, tn_unread_fn each, void *arg)
{
    for (size_t i = 0; i < c->count; i++)
        if (!is_read(c, c->fields[i].path)) each(arg, c->fields[i].path, c->fields[i].count);
}

size_t tn_coverage_seen(const struct tn_coverage *c)
{
    return c->count;
}
