/* SPDX-License-Identifier: MIT */
#include "store/merge.h"

static void write_patched(struct tn_jw *w, struct tn_jval target, struct tn_jval patch)
{
    tn_jw_object(w);
    for (struct tn_jiter it = tn_jiter(target); tn_jis(target, TN_JSON_object) && tn_jnext(&it);) {
        struct tn_jval p = tn_jget(patch, it.key);
        if (tn_jis(p, TN_JSON_null)) continue;
        tn_jw_key(w, it.key);
        if (tn_jis(p, TN_JSON_absent))
            tn_jw_raw(w, tn_jraw(it.value));
        else if (tn_jis(p, TN_JSON_object))
            write_patched(w, it.value, p);
        else
            tn_jw_raw(w, tn_jraw(p));
    }
    for (struct tn_jiter it = tn_jiter(patch); tn_jnext(&it);) {
        if (tn_jis(it.value, TN_JSON_null)) continue;
        if (!tn_jis(tn_jget(target, it.key), TN_JSON_absent)) continue;
        tn_jw_key(w, it.key);
        if (tn_jis(it.value, TN_JSON_object))
            write_patched(w, (struct tn_jval){0}, it.value);
        else
            tn_jw_raw(w, tn_jraw(it.value));
    }
    tn_jw_end(w);
}

void tn_merge_patch(struct tn_buf *out, struct tn_jval target, struct tn_jval patch)
{
    struct tn_jw w;
    tn_jw_init(&w, out);
    write_patched(&w, target, patch);
}

void tn_merge_members(struct tn_buf *out, struct tn_jval target, struct tn_jval over)
{
    struct tn_jw w;
    tn_jw_init(&w, out);
    tn_jw_object(&w);
    for (struct tn_jiter it = tn_jiter(target); tn_jnext(&it);) {
        struct tn_jval v = tn_jget(over, it.key);
        tn_jw_key(&w, it.key);
        tn_jw_raw(&w, tn_jraw(tn_jis(v, TN_JSON_absent) ? it.value : v));
    }
    for (struct tn_jiter it = tn_jiter(over); tn_jnext(&it);) {
        if (!tn_jis(tn_jget(target, it.key), TN_JSON_absent)) continue;
        tn_jw_key(&w, it.key);
        tn_jw_raw(&w, tn_jraw(it.value));
    }
    tn_jw_end(&w);
}

void tn_merge_ends(struct tn_str a, struct tn_str b, size_t *head, size_t *tail)
{
    size_t least = a.n < b.n ? a.n : b.n;
    *head = *tail = 0;
    while (*head < least && a.p[*head] == b.p[*head]) (*head)++;
    while (*tail < least - *head && a.p[a.n - 1 - *tail] == b.p[b.n - 1 - *tail]) (*tail)++;
}
