/* SPDX-License-Identifier: MIT */
#include "base/decimal.h"

#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/crypto.h>

#include "base/limits.h"

enum {
    SMALL_POWER = 18, /* 10^18 is the largest that fits an int64_t */
    /* So small that the text of a result with TN_LIMIT_DECIMAL digits can be parsed again. */
    LARGEST_EXPONENT = TN_LIMIT_EXPONENT - 2 * TN_LIMIT_DECIMAL,
    PLAIN_ZEROS = 64,
    LIMIT_BITS = 3156, /* bits that hold TN_LIMIT_DECIMAL digits */
};
_Static_assert(TN_LIMIT_DECIMAL * 33220 / 10000 < LIMIT_BITS,
               "LIMIT_BITS follows TN_LIMIT_DECIMAL");

typedef __int128 wide;

/* libcrypto fails on numbers of this size only when there is no memory, so the process ends. */
static void must(int ok)
{
    if (!ok) abort();
}

static BIGNUM *new_big(void)
{
    BIGNUM *b = BN_new();
    must(b != NULL);
    return b;
}

static int64_t power(unsigned n)
{
    int64_t p = 1;
    while (n--) p *= 10;
    return p;
}

static uint64_t magnitude(int64_t v)
{
    return v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
}

void tn_decimal_init(struct tn_decimal *d)
{
    *d = (struct tn_decimal){0};
}

void tn_decimal_clear(struct tn_decimal *d)
{
    BN_free(d->big);
    tn_decimal_init(d);
}

static void set_small(struct tn_decimal *out, int64_t v, int64_t exponent)
{
    BN_free(out->big);
    *out = (struct tn_decimal){.small = v, .exponent = (int32_t)exponent};
}

/* Takes ownership of big. */
static void set_big(struct tn_decimal *out, BIGNUM *big, int64_t exponent)
{
    uint64_t size = BN_num_bits(big) <= 64 ? (uint64_t)BN_get_word(big) : UINT64_MAX;
    bool negative = BN_is_negative(big);
    if (size <= (uint64_t)INT64_MAX + negative) {
        BN_free(big);
        set_small(out, (int64_t)(negative ? 0 - size : size), exponent);
        return;
    }
    BN_free(out->big);
    *out = (struct tn_decimal){.big = big, .exponent = (int32_t)exponent};
}

static BIGNUM *big_of(const struct tn_decimal *d)
{
    if (d->big) {
        BIGNUM *copy = BN_dup(d->big);
        must(copy != NULL);
        return copy;
    }
    BIGNUM *b = new_big();
    must(BN_set_word(b, magnitude(d->small)));
    BN_set_negative(b, d->small < 0);
    return b;
}

static void scale_up(BIGNUM *b, int64_t powers)
{
    for (; powers > SMALL_POWER; powers -= SMALL_POWER)
        must(BN_mul_word(b, (BN_ULONG)power(SMALL_POWER)));
    must(BN_mul_word(b, (BN_ULONG)power((unsigned)powers)));
}

static bool fail_large(struct tn_err *err)
{
    return tn_fail(err, TN_E_too_large, "the result has more than %d digits, or a huge exponent",
                   TN_LIMIT_DECIMAL);
}

/* Stores the result in out if it is within the limits; takes ownership of big. */
static bool give(struct tn_decimal *out, BIGNUM *big, int64_t exponent, struct tn_err *err)
{
    bool fits = BN_num_bits(big) <= LIMIT_BITS && llabs(exponent) <= LARGEST_EXPONENT;
    if (fits) {
        set_big(out, big, exponent);
        return true;
    }
    BN_free(big);
    return fail_large(err);
}

void tn_decimal_from_int(struct tn_decimal *out, int64_t v)
{
    set_small(out, v, 0);
}

/* Text */

static const char *skip_digits(const char *s, const char *end)
{
    while (s < end && *s >= '0' && *s <= '9') s++;
    return s;
}

/* Returns where the exponent begins, or the end of the text; NULL: t is no JSON number. */
static const char *check_lexeme(struct tn_str t, const char **point)
{
    const char *s = t.p, *end = t.p + t.n, *digits;
    *point = NULL;
    if (s < end && *s == '-') s++;
    digits = s;
    s = skip_digits(s, end);
    if (s == digits || (*digits == '0' && s - digits > 1)) return NULL;
    if (s < end && *s == '.') {
        *point = s;
        digits = s + 1;
        if ((s = skip_digits(digits, end)) == digits) return NULL;
    }
    if (s == end) return s;
    const char *exponent = s++;
    if ((*exponent | 32) != 'e') return NULL;
    if (s < end && (*s == '+' || *s == '-')) s++;
    return s < end && skip_digits(s, end) == end ? exponent : NULL;
}

/* Reads the number behind an 'e'; stops reading once it is far beyond the limit. */
static int64_t read_exponent(const char *s, const char *end)
{
    int64_t v = 0;
    if (s == end) return 0;
    bool minus = *++s == '-';
    for (s += *s == '-' || *s == '+'; s < end; s++)
        if (v < 1000000000000) v = v * 10 + (*s - '0');
    return minus ? -v : v;
}

/* Copies the digits of [s, end) without the point and leading zeros; returns their count. */
static size_t copy_digits(const char *s, const char *end, char *out)
{
    size_t n = 0;
    for (; s < end; s++)
        if (*s >= '0' && *s <= '9' && (n || *s != '0')) out[n++] = *s;
    out[n] = '\0';
    return n;
}

bool tn_decimal_parse(struct tn_decimal *out, struct tn_str lexeme, struct tn_err *err)
{
    char digits[TN_LIMIT_NUMBER + 1];
    const char *point, *end = lexeme.p + lexeme.n;
    if (lexeme.n > TN_LIMIT_NUMBER) return fail_large(err);
    const char *exponent = lexeme.n ? check_lexeme(lexeme, &point) : NULL;
    if (!exponent)
        return tn_fail(err, TN_E_invalid, "'%.*s' is not a number",
                       (int)(lexeme.n > 60 ? 60 : lexeme.n), lexeme.p ? lexeme.p : "");
    size_t n = copy_digits(lexeme.p, exponent, digits);
    int64_t value = read_exponent(exponent, end) - (point ? exponent - point - 1 : 0);
    if (!n && llabs(value) > LARGEST_EXPONENT) value = 0;
    if (n && llabs((int64_t)n + value - 1) > TN_LIMIT_EXPONENT)
        return tn_fail(err, TN_E_too_large, "the exponent of a number is beyond %d",
                       TN_LIMIT_EXPONENT);
    for (; n > TN_LIMIT_DECIMAL && digits[n - 1] == '0'; value++) digits[--n] = '\0';
    if (n > TN_LIMIT_DECIMAL) return fail_large(err);
    bool negative = *lexeme.p == '-';
    if (n <= SMALL_POWER) {
        int64_t v = strtoll(n ? digits : "0", NULL, 10);
        set_small(out, negative ? -v : v, value);
        return true;
    }
    BIGNUM *big = NULL;
    must(BN_dec2bn(&big, digits));
    BN_set_negative(big, negative);
    set_big(out, big, value);
    return true;
}

static void add_zeros(struct tn_buf *out, int64_t n)
{
    while (n-- > 0) tn_buf_addc(out, '0');
}

static void add_digits(struct tn_buf *out, struct tn_str digits, int64_t exponent)
{
    int64_t n = (int64_t)digits.n, point = n + exponent;
    if (exponent >= 0 && exponent <= PLAIN_ZEROS) {
        tn_buf_addstr(out, digits);
        add_zeros(out, exponent);
    } else if (exponent < 0 && point > 0) {
        tn_buf_add(out, digits.p, (size_t)point);
        tn_buf_addc(out, '.');
        tn_buf_add(out, digits.p + point, (size_t)(n - point));
    } else if (exponent < 0 && -point <= PLAIN_ZEROS) {
        tn_buf_adds(out, "0.");
        add_zeros(out, -point);
        tn_buf_addstr(out, digits);
    } else {
        tn_buf_addc(out, digits.p[0]);
        if (n > 1) tn_buf_addc(out, '.');
        tn_buf_add(out, digits.p + 1, digits.n - 1);
        tn_buf_addf(out, "e%+lld", (long long)(point - 1));
    }
}

void tn_decimal_text(const struct tn_decimal *d, struct tn_buf *out)
{
    char room[24];
    if (tn_decimal_sign(d) < 0) tn_buf_addc(out, '-');
    if (d->big) {
        char *text = BN_bn2dec(d->big);
        must(text != NULL);
        add_digits(out, tn_str(text + (*text == '-')), d->exponent);
        OPENSSL_free(text);
        return;
    }
    char *p = room + sizeof room;
    uint64_t u = magnitude(d->small);
    do *--p = (char)('0' + u % 10);
    while (u /= 10);
    bool plain_zero = !d->small && (d->exponent > 0 || d->exponent < -PLAIN_ZEROS);
    add_digits(out, (struct tn_str){p, (size_t)(room + sizeof room - p)},
               plain_zero ? 0 : d->exponent);
}

bool tn_decimal_int(const struct tn_decimal *d, int64_t *out)
{
    struct tn_decimal whole = {0};
    struct tn_err err;
    if (!d->big && !d->exponent) return *out = d->small, true;
    bool ok = tn_decimal_round(&whole, d, 0, TN_ROUND_down, &err) && !whole.big &&
              !whole.exponent && tn_decimal_cmp(&whole, d) == 0;
    if (ok) *out = whole.small;
    tn_decimal_clear(&whole);
    return ok;
}

/* Comparison */

int tn_decimal_sign(const struct tn_decimal *d)
{
    if (d->big) return BN_is_negative(d->big) ? -1 : 1;
    return (d->small > 0) - (d->small < 0);
}

static int64_t count_digits(const struct tn_decimal *d)
{
    int64_t n = 0;
    if (d->big) {
        char *text = BN_bn2dec(d->big);
        must(text != NULL);
        n = (int64_t)strlen(text) - (*text == '-');
        OPENSSL_free(text);
        return n;
    }
    for (uint64_t u = magnitude(d->small); u; u /= 10) n++;
    return n;
}

/* Compares two numbers of the same sign and the same count of digits before the point, so their
 * exponents are close. */
static int cmp_near(const struct tn_decimal *a, const struct tn_decimal *b)
{
    int64_t apart = (int64_t)a->exponent - b->exponent;
    BIGNUM *x = big_of(a), *y = big_of(b);
    if (apart > 0) scale_up(x, apart);
    if (apart < 0) scale_up(y, -apart);
    int order = BN_cmp(x, y);
    BN_free(x);
    BN_free(y);
    return order;
}

int tn_decimal_cmp(const struct tn_decimal *a, const struct tn_decimal *b)
{
    int sign = tn_decimal_sign(a), other = tn_decimal_sign(b);
    if (sign != other || !sign) return (sign > other) - (sign < other);
    if (!a->big && !b->big && a->exponent == b->exponent)
        return (a->small > b->small) - (a->small < b->small);
    int64_t size = count_digits(a) + a->exponent, size_b = count_digits(b) + b->exponent;
    if (size != size_b) return size > size_b ? sign : -sign;
    return cmp_near(a, b);
}

/* Calculation */

/* Scales the whole number of d to a lower exponent; false when it does not fit an int64_t. */
static bool scale_small(const struct tn_decimal *d, int64_t exponent, int64_t *out)
{
    int64_t powers = d->exponent - exponent;
    if (d->big || powers > SMALL_POWER) return false;
    return !__builtin_mul_overflow(d->small, power((unsigned)powers), out);
}

static BIGNUM *scale_big(const struct tn_decimal *d, int64_t exponent)
{
    int64_t powers = d->exponent - exponent;
    if (!tn_decimal_sign(d)) return new_big();
    if (powers + count_digits(d) > TN_LIMIT_DECIMAL) return NULL;
    BIGNUM *b = big_of(d);
    scale_up(b, powers);
    return b;
}

static bool sum(struct tn_decimal *out, const struct tn_decimal *a, const struct tn_decimal *b,
                bool minus, struct tn_err *err)
{
    int64_t exponent = a->exponent < b->exponent ? a->exponent : b->exponent, x, y, z;
    if (llabs(exponent) <= LARGEST_EXPONENT && scale_small(a, exponent, &x) &&
        scale_small(b, exponent, &y) &&
        !(minus ? __builtin_sub_overflow(x, y, &z) : __builtin_add_overflow(x, y, &z))) {
        set_small(out, z, exponent);
        return true;
    }
    BIGNUM *left = scale_big(a, exponent), *right = scale_big(b, exponent);
    if (!left || !right) {
        BN_free(left);
        BN_free(right);
        return fail_large(err);
    }
    must(minus ? BN_sub(left, left, right) : BN_add(left, left, right));
    BN_free(right);
    return give(out, left, exponent, err);
}

bool tn_decimal_add(struct tn_decimal *out, const struct tn_decimal *a, const struct tn_decimal *b,
                    struct tn_err *err)
{
    return sum(out, a, b, false, err);
}

bool tn_decimal_sub(struct tn_decimal *out, const struct tn_decimal *a, const struct tn_decimal *b,
                    struct tn_err *err)
{
    return sum(out, a, b, true, err);
}

bool tn_decimal_mul(struct tn_decimal *out, const struct tn_decimal *a, const struct tn_decimal *b,
                    struct tn_err *err)
{
    int64_t exponent = (int64_t)a->exponent + b->exponent, v;
    bool zero = !tn_decimal_sign(a) || !tn_decimal_sign(b);
    if (zero && llabs(exponent) > LARGEST_EXPONENT) exponent = 0;
    if (llabs(exponent) <= LARGEST_EXPONENT && !a->big && !b->big &&
        !__builtin_mul_overflow(a->small, b->small, &v)) {
        set_small(out, v, exponent);
        return true;
    }
    BIGNUM *x = big_of(a), *y = big_of(b);
    BN_CTX *ctx = BN_CTX_new();
    must(ctx && BN_mul(x, x, y, ctx));
    BN_CTX_free(ctx);
    BN_free(y);
    return give(out, x, exponent, err);
}

/* Is the quotient, which was cut towards zero, to be raised by one in magnitude? half compares the
 * remainder with one half: -1, 0 or 1. */
static bool goes_up(enum tn_round mode, bool exact, int half, bool odd)
{
    if (exact) return false;
    switch (mode) {
    case TN_ROUND_half_even: return half > 0 || (half == 0 && odd);
    case TN_ROUND_half_up: return half >= 0;
    case TN_ROUND_down: return false;
    case TN_ROUND_up: return true;
    }
    return false;
}

static wide wide_abs(wide v)
{
    return v < 0 ? -v : v;
}

/* Calculates a * 10^powers / b in 128 bits; false when the result does not fit. */
static bool div_small(struct tn_decimal *out, int64_t a, int64_t b, int64_t powers, int scale,
                      enum tn_round mode)
{
    if (powers > SMALL_POWER || powers < -SMALL_POWER) return false;
    wide over = (wide)a * (powers > 0 ? power((unsigned)powers) : 1);
    wide under = (wide)b * (powers < 0 ? power((unsigned)-powers) : 1);
    wide quotient = over / under, rest = wide_abs(over % under), size = wide_abs(under);
    int half = (rest > size - rest) - (rest < size - rest);
    if (goes_up(mode, rest == 0, half, quotient & 1))
        quotient += (over < 0) != (under < 0) ? -1 : 1;
    if (quotient > INT64_MAX || quotient < INT64_MIN) return false;
    set_small(out, (int64_t)quotient, -scale);
    return true;
}

static bool div_big(struct tn_decimal *out, const struct tn_decimal *a, const struct tn_decimal *b,
                    int64_t powers, int scale, enum tn_round mode, struct tn_err *err)
{
    BIGNUM *over = big_of(a), *under = big_of(b), *rest = new_big();
    BN_CTX *ctx = BN_CTX_new();
    bool negative = BN_is_negative(over) != BN_is_negative(under);
    BN_set_negative(over, 0);
    BN_set_negative(under, 0);
    if (powers > 0) scale_up(over, powers);
    if (powers < 0) scale_up(under, -powers);
    must(ctx && BN_div(over, rest, over, under, ctx));
    bool exact = BN_is_zero(rest);
    must(BN_lshift1(rest, rest));
    if (goes_up(mode, exact, BN_cmp(rest, under), BN_is_odd(over))) must(BN_add_word(over, 1));
    BN_set_negative(over, negative);
    BN_CTX_free(ctx);
    BN_free(under);
    BN_free(rest);
    return give(out, over, -scale, err);
}

bool tn_decimal_div(struct tn_decimal *out, const struct tn_decimal *a, const struct tn_decimal *b,
                    int scale, enum tn_round mode, struct tn_err *err)
{
    enum { FAR = 3 * TN_LIMIT_DECIMAL };
    int64_t powers = (int64_t)a->exponent - b->exponent + scale;
    int sign = tn_decimal_sign(a) * tn_decimal_sign(b);
    if (!tn_decimal_sign(b)) return tn_fail(err, TN_E_invalid, "division by zero");
    if (scale < 0 || scale > TN_DECIMAL_SCALE_MAX)
        return tn_fail(err, TN_E_invalid, "a scale of %d is not within 0 and %d", scale,
                       TN_DECIMAL_SCALE_MAX);
    /* The quotient is zero, or less than half of the last digit. */
    if (!sign || powers < -FAR) {
        set_small(out, sign && mode == TN_ROUND_up ? sign : 0, -scale);
        return true;
    }
    if (powers > FAR) return fail_large(err);
    if (!a->big && !b->big && div_small(out, a->small, b->small, powers, scale, mode)) return true;
    return div_big(out, a, b, powers, scale, mode, err);
}

bool tn_decimal_round(struct tn_decimal *out, const struct tn_decimal *a, int scale,
                      enum tn_round mode, struct tn_err *err)
{
    const struct tn_decimal one = {.small = 1};
    return tn_decimal_div(out, a, &one, scale, mode, err);
}
