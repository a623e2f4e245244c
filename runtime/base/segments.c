/* SPDX-License-Identifier: MIT */
#include "base/segments.h"

#include "base/json.h"
#include "base/limits.h"

enum {
    TAGS_MAX = 1000,
    ALL_ROWS_MAX = 8 * TN_LIMIT_RECORD,
    DEPTH_MAX = TN_LIMIT_JSON_DEPTH / 2 - 4
};

/* All segments of one tag below another. */
struct group {
    struct tn_str tag;
    struct tn_segment *first, *last;
    struct group *next;
};

struct tn_segment {
    struct group *groups, *last_group;
    struct tn_segment *next; /* of the same tag below the same segment */
    const struct group *of;
    size_t group_count, depth;
    size_t at, n; /* its members in `fields` */
};

void tn_segments_init(struct tn_segments *m)
{
    *m = (struct tn_segments){.root = NULL};
    tn_arena_init(&m->arena);
    tn_buf_init(&m->fields, 8 * (size_t)TN_LIMIT_RECORD);
    tn_segments_reset(m);
}

void tn_segments_clear(struct tn_segments *m)
{
    tn_arena_clear(&m->arena);
    tn_buf_clear(&m->fields);
}

void tn_segments_reset(struct tn_segments *m)
{
    tn_arena_reset(&m->arena);
    tn_buf_reset(&m->fields);
    m->root = m->newest = tn_arena_alloc(&m->arena, sizeof *m->root);
}

static struct group *group_of(struct tn_segments *m, struct tn_segment *parent, struct tn_str tag)
{
    for (struct group *g = parent->groups; g; g = g->next)
        if (tn_str_eq(g->tag, tag)) return g;
    if (parent->group_count == TAGS_MAX) return NULL;
    struct group *g = tn_arena_alloc(&m->arena, sizeof *g);
    g->tag = (struct tn_str){tn_arena_strndup(&m->arena, tag.p, tag.n), tag.n};
    if (parent->last_group)
        parent->last_group->next = g;
    else
        parent->groups = g;
    parent->last_group = g;
    parent->group_count++;
    return g;
}

struct tn_segment *tn_segments_add(struct tn_segments *m, struct tn_segment *parent,
                                   struct tn_str tag, struct tn_err *err)
{
    if (!parent) parent = m->root;
    struct group *g = group_of(m, parent, tag);
    if (!g) tn_fail(err, TN_E_too_large, "more than %d different tags", TAGS_MAX);
    if (g && parent->depth == DEPTH_MAX)
        tn_fail(err, TN_E_too_large, "segments are nested more than %d deep", DEPTH_MAX);
    if (!g || parent->depth == DEPTH_MAX) return NULL;
    struct tn_segment *s = tn_arena_alloc(&m->arena, sizeof *s);
    s->depth = parent->depth + 1;
    s->of = g;
    m->newest->n = m->fields.n - m->newest->at;
    s->at = m->fields.n;
    if (g->last)
        g->last->next = s;
    else
        g->first = s;
    g->last = s;
    return m->newest = s;
}

struct tn_buf *tn_segments_field(struct tn_segments *m, struct tn_str name)
{
    struct tn_segment *s = m->newest;
    if (m->fields.n > s->at) tn_buf_addc(&m->fields, ',');
    tn_json_quote(&m->fields, name);
    tn_buf_addc(&m->fields, ':');
    return &m->fields;
}

/* Nesting is limited, so this may recurse. */
static void write_segment(const struct tn_segments *m, const struct tn_segment *s,
                          const struct tn_segment *only, struct tn_buf *out)
{
    bool some = s->n > 0;
    tn_buf_addc(out, '{');
    tn_buf_add(out, m->fields.p ? m->fields.p + s->at : "", s->n);
    for (const struct group *g = s->groups; g; g = g->next) {
        if (some) tn_buf_addc(out, ',');
        some = true;
        tn_json_quote(out, g->tag);
        tn_buf_adds(out, ":[");
        bool one = only && only->of == g;
        for (const struct tn_segment *kid = one ? only : g->first; kid; kid = kid->next) {
            write_segment(m, kid, NULL, out);
            if (one) break;
            if (kid->next) tn_buf_addc(out, ',');
        }
        tn_buf_addc(out, ']');
    }
    tn_buf_addc(out, '}');
}

bool tn_segments_write(struct tn_segments *m, const struct tn_segment *only, struct tn_buf *out,
                       struct tn_err *err)
{
    tn_buf_reset(out);
    m->newest->n = m->fields.n - m->newest->at;
    if (!tn_buf_ok(&m->fields, "the message", err)) return false;
    write_segment(m, m->root, only, out);
    return tn_buf_ok(out, "the message", err);
}

static const struct group *group_with(const struct tn_segments *m, struct tn_str tag)
{
    for (const struct group *g = m->root->groups; g; g = g->next)
        if (tn_str_eq(g->tag, tag)) return g;
    return NULL;
}

bool tn_segments_give(struct tn_segments *m, struct tn_str tag, struct tn_buf *json,
                      tn_rows_fn each, void *arg, size_t line, struct tn_err *bad)
{
    const struct group *g = tag.n ? group_with(m, tag) : NULL;
    const struct tn_segment *s = g ? g->first : NULL;
    size_t count = 0;
    if (tag.n && !g) {
        tn_fail(bad, TN_E_syntax, "the message has no segment %.*s", TN_FMT(tag));
        return true;
    }
    if (!tn_segments_write(m, s, json, bad)) return true;
    for (const struct tn_segment *at = s; at; at = at->next) count++;
    if (count * json->n > ALL_ROWS_MAX) {
        tn_fail(bad, TN_E_too_large,
                "%zu rows %.*s, each with the message around it, are too large: read it as one row",
                count, TN_FMT(tag));
        return true;
    }
    do {
        if (!tn_segments_write(m, s, json, bad)) return true;
        if (!each(arg, tn_buf_str(json), NULL, line)) return false;
    } while (s && (s = s->next));
    return true;
}
