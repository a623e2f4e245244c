/* SPDX-License-Identifier: MIT */
/* lineage.c - reports where each value of the output came from. It works out again which
 * alternative was taken, which is slow, so it runs only when somebody traces. */
#include <stdio.h>

#include "base/limits.h"
#include "mapping/applier.h"
#include "mapping/apply.h"

enum { CHAIN_MAX = 16 };

static bool is_none(const struct tn_value *v)
{
    return v->type == TN_JSON_absent || v->type == TN_JSON_null;
}

/* Returns the alternative that a `first` or a `when` takes; NULL: none. */
static const struct tn_expr *chosen(struct tn_apply *a, const struct tn_expr *e,
                                    const uint32_t *slots)
{
    struct tn_value v;
    bool yes = false;
    if (e->from == TN_FROM_when)
        return tn_apply_test(a, e, slots, &yes) ? e->items[yes ? 1 : 2] : NULL;
    for (size_t i = 0; i < e->item_count; i++)
        if (e->items[i]->whole || (tn_apply_eval(a, e->items[i], slots, &v) && !is_none(&v)))
            return e->items[i];
    return NULL;
}

static bool is_secret(const struct tn_frame_path *p)
{
    for (; p; p = p->outer)
        if (p->member && p->member->secret) return true;
    return false;
}

/* Appends the place of the current element, such as "lines[2].", so that paths begin at the
 * record. */
static void add_place(const struct tn_frame_path *p, char *out, size_t n)
{
    if (!p) return;
    add_place(p->outer, out, n);
    size_t used = strlen(out);
    if (p->member || !p->outer || !p->outer->member) return;
    const struct tn_expr *e = p->outer->member->expr;
    if (e->from == TN_FROM_each)
        snprintf(out + used, n - used, "%.*s[%zu].", TN_FMT(e->source), p->index);
    else if (e->from == TN_FROM_tree)
        snprintf(out + used, n - used, "(row %zu).", p->index);
}

void tn_apply_tell(struct tn_apply *a, const struct tn_member *f, const uint32_t *slots,
                   struct tn_str value)
{
    const struct tn_expr *chain[CHAIN_MAX], *e = f->expr;
    char target[256], source[512] = "";
    struct tn_buf how;
    size_t n = 0;
    struct tn_value from = {.type = TN_JSON_absent};
    do {
        chain[n++] = e;
        e = e->from == TN_FROM_first || e->from == TN_FROM_when ? chosen(a, e, slots) : NULL;
    } while (e && n < CHAIN_MAX);
    e = chain[n - 1];
    if (e->whole || e->from == TN_FROM_object) return; /* its parts are reported one by one */
    tn_buf_init(&how, TN_LIMIT_RECORD);
    tn_buf_adds(&how, tn_from_word(e->from));
    while (n--) {
        size_t at = how.n;
        if (at) tn_buf_addc(&how, ' ');
        tn_expr_ops(chain[n], &how);
        if (how.n == at + 1) how.n = at;
    }
    tn_frame_text(a->path, target, sizeof target);
    if (e->source.p && e->from != TN_FROM_parent) add_place(a->path->outer, source, sizeof source);
    if (e->source.p) {
        size_t used = strlen(source);
        snprintf(source + used, sizeof source - used, "%.*s", TN_FMT(e->source));
    }
    if (e->from == TN_FROM_path) (void)tn_apply_from(a, e, slots, &from);
    if (is_secret(a->path)) {
        value = TN_STR("\"(secret)\"");
        from.s = from.s.p ? value : from.s;
    }
    const struct tn_trace t = {.target = target,
                               .source = source,
                               .from = from.s.p ? from.s : TN_STR(""),
                               .how = how.p ? (how.p[how.n] = 0, how.p) : "",
                               .value = value,
                               .file = a->plan->file,
                               .line = f->line};
    a->trace(a->trace_arg, &t);
    tn_buf_clear(&how);
}
