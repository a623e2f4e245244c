/* SPDX-License-Identifier: MIT */
/* json_canonical.c - equal values get the same text: docs/decisions/canonical-json.md defines
 * it. */
#include "base/json_reader.h"
#include "base/limits.h"

#include <stdio.h>
#include <stdlib.h>

void tn_json_number_read(struct tn_str lexeme, char *digits, struct tn_json_number *out)
{
    const int64_t far = 1000000000000; /* no count of digits can make up for such an exponent */
    const char *s = lexeme.p, *end = s + lexeme.n;
    int64_t behind = 0, exponent = 0;
    size_t n = 0;
    bool point = false;
    out->negative = *s == '-';
    for (s += out->negative; s < end && (*s | 32) != 'e'; s++) {
        if (*s == '.') {
            point = true;
            continue;
        }
        behind += point;
        if (n || *s != '0') digits[n++] = *s;
    }
    if (s < end) {
        bool minus = *++s == '-';
        for (s += *s == '-' || *s == '+'; s < end; s++)
            exponent = exponent > far ? exponent : exponent * 10 + (*s - '0');
        if (minus) exponent = -exponent;
    }
    out->exponent = exponent - behind;
    for (; n && digits[n - 1] == '0'; n--) out->exponent++;
    out->n = n;
    if (!n) out->exponent = 0;
}

static void add_zeros(struct tn_buf *out, int64_t n)
{
    while (n-- > 0) tn_buf_addc(out, '0');
}

/* True: the number is all digits, without leading zeros, and short enough to stay as it is. */
static bool stands_as_it_is(struct tn_str n)
{
    if (n.p[0] == '-') n = (struct tn_str){n.p + 1, n.n - 1};
    if (n.n > 21 || n.p[0] == '0') return false;
    for (size_t i = 0; i < n.n; i++)
        if (n.p[i] < '0' || n.p[i] > '9') return false;
    return true;
}

void tn_json_canonical_number(struct tn_str lexeme, struct tn_buf *out)
{
    if (stands_as_it_is(lexeme)) {
        tn_buf_addstr(out, lexeme);
        return;
    }
    char digits[TN_LIMIT_NUMBER + 1];
    struct tn_json_number v;
    tn_json_number_read(lexeme, digits, &v);
    if (!v.n) {
        tn_buf_addc(out, '0');
        return;
    }
    int64_t n = (int64_t)v.n, point = n + v.exponent;
    if (v.negative) tn_buf_addc(out, '-');
    if (n <= point && point <= 21) {
        tn_buf_add(out, digits, v.n);
        add_zeros(out, point - n);
    } else if (0 < point && point <= 21) {
        tn_buf_add(out, digits, (size_t)point);
        tn_buf_addc(out, '.');
        tn_buf_add(out, digits + point, (size_t)(n - point));
    } else if (-6 < point && point <= 0) {
        tn_buf_adds(out, "0.");
        add_zeros(out, -point);
        tn_buf_add(out, digits, v.n);
    } else {
        tn_buf_addc(out, digits[0]);
        if (n > 1) tn_buf_addc(out, '.');
        tn_buf_add(out, digits + 1, v.n - 1);
        tn_buf_addf(out, "e%+lld", (long long)(point - 1));
    }
}

static void add_string(struct tn_jval v, struct tn_buf *out)
{
    const struct tn_jnode *n = tn_jtape(v.json) + v.at;
    if (!(n->info & TN_JNODE_ESCAPED)) {
        tn_buf_addstr(out, tn_jnode_raw(v.json, v.at));
        return;
    }
    struct tn_arena arena;
    struct tn_str text;
    tn_arena_init(&arena);
    if (tn_jtext(v, &arena, &text)) tn_json_quote(out, text);
    tn_arena_clear(&arena);
}

struct member {
    uint64_t front; /* the key's first eight bytes, the first one most significant */
    struct tn_str key;
    uint32_t at; /* number of the key node */
};

static uint64_t front_of(struct tn_str key)
{
    uint64_t front = 0;
    size_t n = key.n < 8 ? key.n : 8;
    for (size_t i = 0; i < n; i++) front |= (uint64_t)(unsigned char)key.p[i] << (56 - 8 * i);
    return front;
}

/* Byte order of UTF-8, which is the order of code points. */
static int by_key(const struct member *x, const struct member *y)
{
    if (x->front != y->front) return x->front < y->front ? -1 : 1;
    size_t n = x->key.n < y->key.n ? x->key.n : y->key.n;
    int order = n ? memcmp(x->key.p, y->key.p, n) : 0;
    return order ? order : (x->key.n > y->key.n) - (x->key.n < y->key.n);
}

static int by_key_q(const void *a, const void *b)
{
    return by_key(a, b);
}

/* Insertion sort for few members; qsort, which is not quadratic, for many. */
static void sort(struct member *m, size_t n)
{
    enum { FEW = 48 };
    if (n > FEW) {
        qsort(m, n, sizeof *m, by_key_q);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        struct member x = m[i];
        size_t k = i;
        for (; k && by_key(&x, &m[k - 1]) < 0; k--) m[k] = m[k - 1];
        m[k] = x;
    }
}

static void add_key(const struct tn_json *json, const struct member *m, struct tn_buf *out)
{
    if (tn_jtape(json)[m->at].info & TN_JNODE_ESCAPED)
        tn_json_quote(out, m->key);
    else
        tn_buf_addstr(out, tn_jnode_raw(json, m->at));
    tn_buf_addc(out, ':');
}

static void add_object(struct tn_jval v, struct tn_buf *out)
{
    struct member few[64], *members = few;
    size_t count = tn_jcount(v), n = 0;
    bool sorted = true;
    if (count > sizeof few / sizeof *few) members = tn_alloc(count * sizeof *members);
    for (struct tn_jiter it = tn_jiter(v); tn_jnext(&it); n++) {
        members[n] = (struct member){front_of(it.key), it.key, it.value.at - 1};
        if (n && sorted) sorted = by_key(&members[n - 1], &members[n]) < 0;
    }
    if (!sorted) sort(members, n);
    tn_buf_addc(out, '{');
    for (size_t i = 0; i < n; i++) {
        if (i) tn_buf_addc(out, ',');
        add_key(v.json, &members[i], out);
        tn_json_canonical((struct tn_jval){v.json, members[i].at + 1}, out);
    }
    tn_buf_addc(out, '}');
    if (members != few) tn_free(members);
}

static void add_array(struct tn_jval v, struct tn_buf *out)
{
    tn_buf_addc(out, '[');
    for (struct tn_jiter it = tn_jiter(v); tn_jnext(&it);) {
        if (it.index) tn_buf_addc(out, ',');
        tn_json_canonical(it.value, out);
    }
    tn_buf_addc(out, ']');
}

void tn_json_canonical(struct tn_jval v, struct tn_buf *out)
{
    switch (tn_jtype(v)) {
    case TN_JSON_absent: break;
    case TN_JSON_null:
    case TN_JSON_bool: tn_buf_addstr(out, tn_jraw(v)); break;
    case TN_JSON_number: tn_json_canonical_number(tn_jraw(v), out); break;
    case TN_JSON_string: add_string(v, out); break;
    case TN_JSON_array: add_array(v, out); break;
    case TN_JSON_object: add_object(v, out); break;
    }
}
