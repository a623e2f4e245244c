/* SPDX-License-Identifier: MIT */
/* Two numbers with a space between: the laws of arithmetic hold, or the limits were passed. */
#include <stdlib.h>

#include "base/decimal.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok) abort();
}

/* The reader takes the same lexemes, and the text of a decimal is the number it was. */
static void agrees_with_json(struct tn_str lexeme, const struct tn_decimal *d)
{
    struct tn_json *json = tn_json_new();
    struct tn_decimal again = {0};
    struct tn_err err;
    struct tn_buf text;
    int64_t a, b;
    tn_buf_init(&text, 8192);
    check(tn_json_parse(json, lexeme, &err));
    bool fits = tn_jint(tn_json_root(json), &a);
    check(tn_decimal_int(d, &b) == fits && (!fits || a == b));
    tn_decimal_text(d, &text);
    if (tn_decimal_parse(&again, tn_buf_str(&text), &err))
        check(tn_decimal_cmp(d, &again) == 0);
    else
        check(err.kind == TN_E_too_large);
    tn_decimal_clear(&again);
    tn_buf_clear(&text);
    tn_json_free(json);
}

static void arithmetic(const struct tn_decimal *a, const struct tn_decimal *b)
{
    struct tn_decimal x = {0}, y = {0};
    struct tn_err err;
    check(tn_decimal_cmp(a, b) == -tn_decimal_cmp(b, a));
    if (tn_decimal_add(&x, a, b, &err) && tn_decimal_sub(&y, &x, b, &err))
        check(tn_decimal_cmp(&y, a) == 0);
    if (tn_decimal_mul(&x, a, b, &err)) {
        check(tn_decimal_sign(&x) == tn_decimal_sign(a) * tn_decimal_sign(b));
        for (int mode = TN_ROUND_half_even; mode <= TN_ROUND_up; mode++)
            if (tn_decimal_sign(b) && a->exponent >= -900 &&
                tn_decimal_div(&y, &x, b, 900, (enum tn_round)mode, &err))
                check(tn_decimal_cmp(&y, a) == 0);
    }
    if (tn_decimal_round(&x, a, 3, TN_ROUND_down, &err) &&
        tn_decimal_round(&y, &x, 3, TN_ROUND_up, &err))
        check(tn_decimal_cmp(&x, &y) == 0);
    tn_decimal_clear(&x);
    tn_decimal_clear(&y);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tn_str rest = {(const char *)data, size}, left, right;
    struct tn_decimal a = {0}, b = {0};
    struct tn_err err;
    if (!size || !tn_str_split(&rest, ' ', &left) || !tn_str_split(&rest, ' ', &right)) return 0;
    bool ok = tn_decimal_parse(&a, left, &err);
    if (ok) agrees_with_json(left, &a);
    ok = tn_decimal_parse(&b, right, &err) && ok;
    if (ok) arithmetic(&a, &b);
    tn_decimal_clear(&a);
    tn_decimal_clear(&b);
    return 0;
}
