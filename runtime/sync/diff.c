/* SPDX-License-Identifier: MIT */
#include "sync/diff.h"

#include "base/limits.h"

static bool same(struct tn_jval a, struct tn_jval b)
{
    struct tn_buf x, y;
    if (tn_str_eq(tn_jraw(a), tn_jraw(b))) return true;
    tn_buf_init(&x, TN_LIMIT_RECORD);
    tn_buf_init(&y, TN_LIMIT_RECORD);
    tn_json_canonical(a, &x);
    tn_json_canonical(b, &y);
    bool equal = !x.failed && !y.failed && tn_str_eq(tn_buf_str(&x), tn_buf_str(&y));
    tn_buf_clear(&x);
    tn_buf_clear(&y);
    return equal;
}

static void write_members(struct tn_jval before, struct tn_jval after, unsigned max,
                          struct tn_jw *out)
{
    for (struct tn_jiter it = tn_jiter(after); max && tn_jnext(&it);) {
        struct tn_jval old = tn_jget(before, it.key);
        bool known = !tn_jis(old, TN_JSON_absent);
        if (known && same(old, it.value)) continue;
        tn_jw_key(out, it.key);
        tn_jw_object(out);
        if (known) tn_jw_kraw(out, "from", tn_jraw(old));
        tn_jw_kraw(out, "to", tn_jraw(it.value));
        tn_jw_end(out);
        max--;
    }
}

void tn_diff_members(struct tn_str before, struct tn_str after, unsigned max, struct tn_jw *out)
{
    struct tn_json *old = tn_json_new(), *fresh = tn_json_new();
    struct tn_err err;
    tn_jw_object(out);
    if (tn_json_parse(fresh, after, &err) && tn_jis(tn_json_root(fresh), TN_JSON_object) &&
        (!before.n || tn_json_parse(old, before, &err)))
        write_members(tn_json_root(old), tn_json_root(fresh), max, out);
    tn_jw_end(out);
    tn_json_free(old);
    tn_json_free(fresh);
}
