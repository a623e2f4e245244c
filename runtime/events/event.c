/* SPDX-License-Identifier: MIT */
#include "events/event.h"

#include "base/time.h"

static const unsigned char mark[] = {'t', 'e',  'n', 'o', 'n', '-', 0x80,
                                     0,   0x80, 'r', 'u', 'l', 'e'};

bool tn_event_matches(const char *pattern, struct tn_str type)
{
    const char *p = pattern, *after_star = NULL;
    size_t i = 0, back = 0;
    while (i < type.n) {
        if (*p == '*') {
            after_star = ++p;
            back = i;
        } else if (*p && *p == type.p[i]) {
            p++, i++;
        } else if (after_star) {
            p = after_star;
            i = ++back;
        } else {
            return false;
        }
    }
    while (*p == '*') p++;
    return !*p;
}

void tn_event_json(const struct tn_event *e, const char *resource, struct tn_buf *out)
{
    static const struct tn_id none;
    char text[TN_ID_LEN + 1];
    struct tn_jw w;
    tn_jw_init(&w, out);
    tn_jw_object(&w);
    tn_jw_kstr(&w, "type", e->type);
    tn_jw_kint(&w, "seq", e->seq);
    tn_jw_kint(&w, "number", e->number);
    tn_time_text(e->at_ms, text);
    tn_jw_kz(&w, "at", text);
    if (e->table.n && memcmp(&e->record, &none, sizeof none) != 0) {
        tn_jw_key(&w, TN_STR("record"));
        tn_jw_object(&w);
        tn_jw_kz(&w, "resource", resource);
        tn_id_text(&e->record, text);
        tn_jw_kz(&w, "id", text);
        tn_jw_kint(&w, "version", e->version);
        tn_jw_end(&w);
    }
    if (e->data.n) tn_jw_kraw(&w, "data", e->data);
    tn_jw_end(&w);
}

struct tn_jval tn_event_at(struct tn_jval event, const char *path)
{
    struct tn_str rest = tn_str(path), part;
    while (tn_str_split(&rest, '.', &part)) event = tn_jget(event, part);
    return event;
}

static bool same(struct tn_jval a, struct tn_jval b, struct tn_arena *arena)
{
    struct tn_str x, y;
    if (tn_jtype(a) != tn_jtype(b)) return false;
    if (!tn_jtext(a, arena, &x) || !tn_jtext(b, arena, &y)) {
        x = tn_jraw(a);
        y = tn_jraw(b);
    }
    return tn_str_eq(x, y);
}

static bool meets_one(struct tn_jval value, struct tn_jval wanted, struct tn_arena *arena)
{
    if (!tn_jis(wanted, TN_JSON_array)) return same(value, wanted, arena);
    for (struct tn_jiter it = tn_jiter(wanted); tn_jnext(&it);)
        if (same(value, it.value, arena)) return true;
    return false;
}

bool tn_event_meets(struct tn_jval event, struct tn_jval conditions)
{
    struct tn_arena arena;
    bool ok = true;
    tn_arena_init(&arena);
    for (struct tn_jiter it = tn_jiter(conditions); ok && tn_jnext(&it);)
        ok = meets_one(tn_event_at(event, tn_arena_strndup(&arena, it.key.p, it.key.n)), it.value,
                       &arena);
    tn_arena_clear(&arena);
    return ok;
}

struct tn_id tn_event_cause(unsigned depth)
{
    struct tn_id id = {{0}};
    memcpy(id.b, mark, sizeof mark);
    id.b[15] = (unsigned char)(depth > 255 ? 255 : depth);
    return id;
}

unsigned tn_event_depth(const struct tn_id *origin)
{
    return memcmp(origin->b, mark, sizeof mark) == 0 ? origin->b[15] : 0;
}
