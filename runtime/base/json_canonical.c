/* SPDX-License-Identifier: MIT */
/* json_canonical.c - one form for one value: docs/decisions/canonical-json.md defines it. */
#include "base/json_reader.h"

#include <stdio.h>
#include <stdlib.h>

void tn_json_number_read(struct tn_str lexeme, char *digits, struct tn_json_number *out)
{
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
        for (s += *s == '-' || *s == '+'; s < end; s++) exponent = exponent * 10 + (*s - '0');
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

void tn_json_canonical_number(struct tn_str lexeme, struct tn_buf *out)
{
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
    struct tn_str key;
    uint32_t value;
};

/* Byte order of UTF-8, which is that of code points. */
static int by_key(const void *a, const void *b)
{
    const struct tn_str *x = &((const struct member *)a)->key;
    const struct tn_str *y = &((const struct member *)b)->key;
    size_t n = x->n < y->n ? x->n : y->n;
    int order = n ? memcmp(x->p, y->p, n) : 0;
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

static void add_object(struct tn_jval v, struct tn_buf *out)
{
    struct member few[64], *members = few;
    size_t count = tn_jcount(v), n = 0;
    bool sorted = true;
    if (count > sizeof few / sizeof *few) members = tn_alloc(count * sizeof *members);
    for (struct tn_jiter it = tn_jiter(v); tn_jnext(&it); n++) {
        members[n] = (struct member){it.key, it.value.at};
        if (n && sorted) sorted = by_key(&members[n - 1], &members[n]) < 0;
    }
    if (!sorted) qsort(members, n, sizeof *members, by_key);
    tn_buf_addc(out, '{');
    for (size_t i = 0; i < n; i++) {
        if (i) tn_buf_addc(out, ',');
        tn_json_quote(out, members[i].key);
        tn_buf_addc(out, ':');
        tn_json_canonical((struct tn_jval){v.json, members[i].value}, out);
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
