/* SPDX-License-Identifier: MIT */
/* json_walk.h - the inner steps of the second pass over JSON text, for the files json_read.c and
 * json_pick.c alone.  A walk goes over the tokens by a pointer and counts nodes in a variable of
 * its own, which the processor need not fetch back from memory a token later; what json has of them
 * is brought up to date (tn_walk_leave) before anything else looks at it. */
#ifndef TN_BASE_JSON_WALK_H
#define TN_BASE_JSON_WALK_H

#include "base/json_reader.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define TN_WALK_INLINE static inline __attribute__((always_inline))

struct tn_walk {
    const char *text;
    const uint32_t *next; /* token */
    uint32_t used;        /* nodes */
};

/* Slow and rare, in json_read.c. */

/* The string has something in it besides plain bytes, at token i.  Reads to its closing quote;
 * UINT32_MAX: an error was filled in. */
uint32_t tn_json_odd_string(struct tn_json *json, uint32_t i, struct tn_err *err);
/* The end of a number or word that has something odd about it; 0: err says what. */
uint32_t tn_json_odd_scalar(struct tn_json *json, uint32_t i, const uint32_t *next, uint32_t *info,
                            struct tn_err *err);
/* Decodes the key that was added last. */
void tn_json_remember_key(struct tn_json *json, uint32_t node);
/* All tokens are read and one more was wanted. */
bool tn_json_fail_ended(struct tn_json *json, const char *what, struct tn_err *err);
bool tn_json_fail_at(struct tn_json *json, size_t at, enum tn_kind kind, const char *what,
                     struct tn_err *err);
void tn_json_forget(struct tn_json *json);

TN_WALK_INLINE void tn_walk_enter(const struct tn_json *json, struct tn_walk *w)
{
    *w = (struct tn_walk){json->head.text, json->tokens + json->at, json->used};
}

TN_WALK_INLINE void tn_walk_leave(struct tn_json *json, const struct tn_walk *w)
{
    json->at = (uint32_t)(w->next - json->tokens);
    json->used = w->used;
}

/* Whether one of the copies behind the last token was read. */
TN_WALK_INLINE bool tn_walk_past_end(const struct tn_json *json, const struct tn_walk *w)
{
    return w->next > json->tokens + json->count;
}

/* Sees to it that AHEAD tokens are there, once a member and not a token: AHEAD is more than a
 * member without containers has.  False: the text is exhausted. */
TN_WALK_INLINE bool tn_walk_more(struct tn_json *json, struct tn_walk *w)
{
    if (json->tokens + json->count >= w->next + TN_JSON_AHEAD) return true;
    tn_walk_leave(json, w);
    bool more = tn_json_more(json);
    tn_walk_enter(json, w);
    return more;
}

TN_WALK_INLINE void tn_walk_node(struct tn_json *json, struct tn_walk *w, uint32_t start,
                                 uint32_t end, uint32_t info)
{
    struct tn_jnode *node = &json->head.tape[w->used++];
    *node = (struct tn_jnode){start, end, w->used, info};
}

/* The end of a string or key whose first token was read.  UINT32_MAX: err says why there is none.
 */
TN_WALK_INLINE uint32_t tn_walk_string(struct tn_json *json, struct tn_walk *w, uint32_t *info,
                                       struct tn_err *err)
{
    uint32_t end = *w->next++;
    *info = TN_JSON_string;
    if (w->text[end] == '"') return end + 1;
    *info |= TN_JNODE_ESCAPED;
    tn_walk_leave(json, w);
    end = tn_json_odd_string(json, end, err);
    if (end == UINT32_MAX) return end;
    (void)tn_json_more(json);
    tn_walk_enter(json, w);
    return end + 1;
}

/* Which of the 16 bytes at p are digits, one bit a byte. */
static inline uint32_t tn_walk_digits(const char *p)
{
#if defined(__SSE2__)
    __m128i v = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)(const void *)p), _mm_set1_epi8('0'));
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(9)), v));
#else
    uint32_t bits = 0;
    for (unsigned i = 0; i < 16; i++) bits |= (uint32_t)((unsigned char)(p[i] - '0') < 10) << i;
    return bits;
#endif
}

/* The numbers that records are made of, without a loop: up to 16 digits with perhaps a sign and a
 * point, and the next token right behind them, n bytes on.  Their length, or 0: look closer. */
static inline uint32_t tn_walk_number(const char *t, size_t left, uint32_t n, uint32_t *info)
{
    uint32_t sign = *t == '-', digits = n - sign;
    if (digits - 1 > 15 || left < 17) return 0;
    t += sign;
    uint32_t other = ~tn_walk_digits(t) & ((1u << digits) - 1);
    bool zero = *t == '0';
    *info = TN_JSON_number | TN_JNODE_INTEGER;
    if (!other) return digits > 1 && zero ? 0 : n;
    uint32_t point = (uint32_t)__builtin_ctz(other);
    *info = TN_JSON_number;
    if (t[point] != '.' || (other & (other - 1)) || !point || point + 1 == digits) return 0;
    return point > 1 && zero ? 0 : n;
}

/* Likewise true, false and null. */
static inline uint32_t tn_walk_word(const char *t, uint32_t n, uint32_t *info)
{
    bool no = *t == 'f';
    *info = *t == 'n' ? TN_JSON_null : no ? TN_JSON_bool : TN_JSON_bool | TN_JNODE_TRUE;
    if (n != 4u + no) return 0;
    return memcmp(t + no, *t == 'n' ? "null" : no ? "alse" : "true", 4) == 0 ? n : 0;
}

enum tn_walk_got { TN_WALK_got, TN_WALK_strange, TN_WALK_failed };

/* A string, number or word whose first token, at i, was read; strange: it is none. */
TN_WALK_INLINE enum tn_walk_got tn_walk_scalar(struct tn_json *json, struct tn_walk *w, uint32_t i,
                                               uint32_t *end, uint32_t *info, struct tn_err *err)
{
    char c = w->text[i];
    uint32_t n, odd;
    if (c == '"') {
        *end = tn_walk_string(json, w, info, err);
        return *end == UINT32_MAX ? TN_WALK_failed : TN_WALK_got;
    }
    if (c == 't' || c == 'f' || c == 'n')
        n = tn_walk_word(w->text + i, *w->next - i, info);
    else if (c == '-' || (unsigned char)(c - '0') < 10)
        n = tn_walk_number(w->text + i, json->head.n - i, *w->next - i, info);
    else
        return TN_WALK_strange;
    *end = i + n;
    if (n) return TN_WALK_got;
    *end = tn_json_odd_scalar(json, i, w->next, &odd, err);
    *info = odd; /* which need not lie in memory for the sake of that call */
    return *end ? TN_WALK_got : TN_WALK_failed;
}

#endif
