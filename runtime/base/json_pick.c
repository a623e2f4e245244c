/* SPDX-License-Identifier: MIT */
/* json_pick.c - rows of which only some members are wanted: all is checked, those are kept. */
#include "base/json_walk.h"

enum { MEMO_BYTES = 32, MEMO_MAX = 256, MEMO_AHEAD = 6 };

/* A key as an earlier row had it: its bytes and the quote behind them, compared without a loop.
 * The rows of a page have their members in one order, so the next key is mostly the next entry. */
struct tn_json_memo {
    unsigned char key[MEMO_BYTES],
        any[MEMO_BYTES]; /* any: FF where the byte is no longer the key's */
    uint32_t n;          /* bytes of the key */
    int32_t name;
    uint64_t unused; /* for a size of 80 */
};

/* Reads MEMO_BYTES from key on. */
TN_WALK_INLINE bool remembered(const struct tn_json_memo *m, const char *key)
{
#if defined(__SSE2__)
    const __m128i *text = (const __m128i *)(const void *)key;
    const __m128i *own = (const __m128i *)(const void *)m->key;
    const __m128i *any = (const __m128i *)(const void *)m->any;
    __m128i a = _mm_cmpeq_epi8(_mm_loadu_si128(text), _mm_loadu_si128(own));
    __m128i b = _mm_cmpeq_epi8(_mm_loadu_si128(text + 1), _mm_loadu_si128(own + 1));
    a = _mm_or_si128(a, _mm_loadu_si128(any));
    b = _mm_or_si128(b, _mm_loadu_si128(any + 1));
    return _mm_movemask_epi8(_mm_and_si128(a, b)) == 0xFFFF;
#else
    return memcmp(m->key, key, m->n + 1) == 0;
#endif
}

static bool comparable(const struct tn_json *json, uint32_t start)
{
    return json->head.n - start > MEMO_BYTES;
}

/* An entry that no key is like: none begins with a NUL. */
static void forget_entry(struct tn_json_memo *m)
{
    memset(m, 0, sizeof *m);
    memset(m->any + 1, 0xFF, MEMO_BYTES - 1);
}

/* Entry i is this key from now on, and an empty one stands behind the last.  A key that cannot be
 * compared so is like none. */
static void memorize(struct tn_json *json, uint32_t i, struct tn_str key, bool escaped,
                     int32_t name)
{
    struct tn_json_memo *m = &json->memo[i];
    forget_entry(m);
    if (json->memo_count == i) forget_entry(&json->memo[++json->memo_count]);
    if (escaped || key.n + 1 > MEMO_BYTES) return;
    m->n = (uint32_t)key.n;
    m->name = name;
    memcpy(m->key, key.p, key.n + 1);
    memset(m->any, 0, key.n + 1);
}

/* The name of a key that is not entry *at: this row lacks some members, or the key is new. */
static int32_t find_name(struct tn_json *json, const struct tn_json_pick *pick, uint32_t start,
                         uint32_t end, bool escaped, uint32_t *at)
{
    struct tn_str key = {json->head.text + start + 1, end - start - 2}, text = key;
    bool near_end = !comparable(json, start);
    for (uint32_t i = *at; i < json->memo_count && i < *at + MEMO_AHEAD && !near_end; i++)
        if (remembered(&json->memo[i], key.p)) {
            *at = i + 1;
            return json->memo[i].name;
        }
    if (escaped) {
        char *decoded = tn_arena_alloc(&json->arena, key.n + 1);
        text = (struct tn_str){decoded, tn_json_unescape(key.p, key.n, decoded)};
    }
    int32_t name = tn_names_get(&pick->names, text);
    if (*at < MEMO_MAX && !near_end) memorize(json, (*at)++, key, escaped, name);
    return name;
}

static bool unexpected(struct tn_json *json, struct tn_walk *w, uint32_t i, const char *expected,
                       struct tn_err *err)
{
    if (tn_walk_past_end(json, w))
        tn_json_fail_ended(json, "',' or '}'", err);
    else
        tn_json_expected(json, i, expected, err);
    return false;
}

/* The value of a member whose name is known; it is kept if it has one. */
TN_WALK_INLINE bool read_member(struct tn_json *json, struct tn_walk *w, int32_t name,
                                struct tn_err *err)
{
    uint32_t i = *w->next++, end, info;
    if (w->text[i] != ':') return unexpected(json, w, i, "':'", err);
    i = *w->next++;
    enum tn_walk_got got = tn_walk_scalar(json, w, i, &end, &info, err);
    if (got == TN_WALK_got) {
        if (name != TN_NAMES_NONE) tn_walk_node(json, w, i, end, info);
        return true;
    }
    if (got == TN_WALK_failed) return false;
    if (w->text[i] != '{' && w->text[i] != '[') return unexpected(json, w, i, "a value", err);
    w->next--;
    tn_walk_leave(json, w);
    if (!tn_json_member(json, name != TN_NAMES_NONE, err)) return false;
    tn_walk_enter(json, w);
    return tn_walk_more(json, w) || tn_json_fail_ended(json, "',' or '}'", err);
}

/* The machine of json_read.c with one level: the members of the object whose brace is next. */
static bool read_members(struct tn_json *json, const struct tn_json_pick *pick, struct tn_err *err)
{
    const struct tn_json_memo *const memo = json->memo;
    struct tn_walk w;
    uint32_t i, end, info, at = 0, count = 0;
    int32_t name;

    tn_walk_enter(json, &w);
    tn_walk_node(json, &w, *w.next++, 0, TN_JSON_object);
    if (!tn_walk_more(json, &w)) return tn_json_fail_ended(json, "',' or '}'", err);
    i = *w.next++;
    if (w.text[i] == '}') goto close;
    if (w.text[i] != '"') return unexpected(json, &w, i, "a key in quotes or '}'", err);
    for (;;) {
        if (comparable(json, i) && remembered(&memo[at], w.text + i + 1)) {
            name = memo[at].name;
            end = i + memo[at++].n + 2;
            info = TN_JSON_string;
            w.next++;
        } else {
            if ((end = tn_walk_string(json, &w, &info, err)) == UINT32_MAX) return false;
            if (tn_walk_past_end(json, &w)) return tn_json_fail_ended(json, "',' or '}'", err);
            name = find_name(json, pick, i, end, info & TN_JNODE_ESCAPED, &at);
        }
        if (name != TN_NAMES_NONE) {
            tn_walk_node(json, &w, i, end, info);
            if (info & TN_JNODE_ESCAPED) tn_json_remember_key(json, w.used - 1);
            json->head.picked[name] = w.used;
            json->head.tape[1].info += 1 << TN_JNODE_COUNT_SHIFT;
        }
        if (!read_member(json, &w, name, err)) return false;
        count++;
        i = *w.next++;
        if (w.text[i] != ',') break;
        if (!tn_walk_more(json, &w)) return tn_json_fail_ended(json, "',' or '}'", err);
        i = *w.next++;
        if (w.text[i] != '"') return unexpected(json, &w, i, "a key in quotes", err);
    }
    if (w.text[i] != '}') return unexpected(json, &w, i, "',' or '}'", err);
close:
    if (tn_walk_past_end(json, &w)) return tn_json_fail_ended(json, "',' or '}'", err);
    if (count > TN_JSON_MEMBERS_MAX)
        return tn_json_fail_at(json, i, TN_E_too_large, "too many members", err);
    json->head.tape[1].end = i + 1;
    json->head.tape[1].next = w.used;
    tn_walk_leave(json, &w);
    return true;
}

/* Room for what is found; the memory of another pick is not for this one. */
static void make_room(struct tn_json *json, const struct tn_json_pick *pick)
{
    size_t size = pick->count * sizeof *json->head.picked;
    if (!json->memo) json->memo = tn_alloc((MEMO_MAX + 1) * sizeof *json->memo);
    if (json->memo_of != pick) json->memo_count = 0;
    if (!json->memo_count) forget_entry(&json->memo[0]);
    json->memo_of = pick;
    if (json->picked_room < pick->count) {
        json->head.picked = tn_realloc(json->head.picked, size);
        json->picked_room = pick->count;
    }
    if (size) memset(json->head.picked, 0, size);
}

bool tn_json_one_picked(struct tn_json *json, const struct tn_json_pick *pick, struct tn_err *err)
{
    if (tn_json_peek(json) != '{') return tn_json_one(json, err);
    tn_json_forget(json);
    make_room(json, pick);
    bool ok = read_members(json, pick, err);
    json->head.pick = pick;
    if (!ok) json->used = 1;
    return ok;
}
