/* SPDX-License-Identifier: MIT */
#include "events/event.h"

#include "base/alloc.h"
#include "base/time.h"

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
        tn_jw_kstr(&w, "table", e->table);
        tn_id_text(&e->record, text);
        tn_jw_kz(&w, "id", text);
        tn_jw_kint(&w, "version", e->version);
        tn_jw_end(&w);
    }
    if (memcmp(&e->origin, &none, sizeof none) != 0) {
        tn_id_text(&e->origin, text);
        tn_jw_kz(&w, "origin", text);
    }
    if (e->depth) tn_jw_kint(&w, "depth", e->depth);
    if (e->data.n) tn_jw_kraw(&w, "data", e->data);
    tn_jw_end(&w);
}

static bool read_text(struct tn_jval v, struct tn_arena *arena, struct tn_str *out)
{
    if (tn_jtext(v, arena, out)) return true;
    *out = TN_STR("");
    return false;
}

static void read_id(struct tn_jval v, struct tn_arena *arena, struct tn_id *out)
{
    struct tn_str text;
    *out = (struct tn_id){{0}};
    if (read_text(v, arena, &text)) (void)tn_id_parse(text, out);
}

bool tn_event_read(struct tn_jval event, struct tn_arena *arena, struct tn_event *e,
                   struct tn_err *err)
{
    struct tn_jval record = tn_jget_z(event, "record"), data = tn_jget_z(event, "data");
    struct tn_str at;
    int64_t depth = 0;
    *e = (struct tn_event){.data = TN_STR("")};
    bool ok = tn_jint(tn_jget_z(event, "seq"), &e->seq) &&
              tn_jint(tn_jget_z(event, "number"), &e->number) &&
              read_text(tn_jget_z(event, "type"), arena, &e->type) &&
              read_text(tn_jget_z(event, "at"), arena, &at) && tn_time_parse(at, &e->at_ms);
    if (!ok) return tn_fail(err, TN_E_invalid, "this is no event as Tenon writes it");
    (void)read_text(tn_jget_z(record, "table"), arena, &e->table);
    read_id(tn_jget_z(record, "id"), arena, &e->record);
    (void)tn_jint(tn_jget_z(record, "version"), &e->version);
    read_id(tn_jget_z(event, "origin"), arena, &e->origin);
    (void)tn_jint(tn_jget_z(event, "depth"), &depth);
    e->depth = (unsigned)depth;
    if (!tn_jis(data, TN_JSON_absent)) e->data = tn_jraw(data);
    return true;
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
