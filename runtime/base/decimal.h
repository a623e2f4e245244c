/* SPDX-License-Identifier: MIT */
/* decimal.h - exact decimals: a whole number times a power of ten, with as many digits as needed.
 * Trailing zeros count, as in accounting: 0.10 + 0.2 is 0.30, 1.5 * 2.0 is 3.00. Only functions
 * that take a scale round. Life: init (or {0}, which is zero); any calls; clear. */
#ifndef TN_BASE_DECIMAL_H
#define TN_BASE_DECIMAL_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* The fields are private. Do not copy the struct by assignment: big has one owner. */
struct tn_decimal {
    int64_t small; /* the whole number, when big is NULL */
    struct bignum_st *big;
    int32_t exponent;
};

enum tn_round {
    TN_ROUND_half_even, /* to the nearest, a half to the even neighbour */
    TN_ROUND_half_up,   /* to the nearest, a half away from zero */
    TN_ROUND_down,      /* towards zero */
    TN_ROUND_up,        /* away from zero */
};
enum { TN_DECIMAL_SCALE_MAX = 900 };

void tn_decimal_init(struct tn_decimal *d);  /* zero */
void tn_decimal_clear(struct tn_decimal *d); /* zero again */
void tn_decimal_from_int(struct tn_decimal *out, int64_t v);
/* lexeme is a JSON number. False: kind invalid (it is none), or too_large (more than
 * TN_LIMIT_DECIMAL digits, or an exponent beyond 999999999). */
TN_MUST_CHECK bool tn_decimal_parse(struct tn_decimal *out, struct tn_str lexeme,
                                    struct tn_err *err);

int tn_decimal_cmp(const struct tn_decimal *a, const struct tn_decimal *b); /* -1, 0, 1; compares
                                                                               by value */
int tn_decimal_sign(const struct tn_decimal *d);                            /* -1, 0, 1 */
/* out may be an operand. False: kind too_large, and out is unchanged. The check is cheap, however
 * large the exponents are. */
TN_MUST_CHECK bool tn_decimal_add(struct tn_decimal *out, const struct tn_decimal *a,
                                  const struct tn_decimal *b, struct tn_err *err);
TN_MUST_CHECK bool tn_decimal_sub(struct tn_decimal *out, const struct tn_decimal *a,
                                  const struct tn_decimal *b, struct tn_err *err);
TN_MUST_CHECK bool tn_decimal_mul(struct tn_decimal *out, const struct tn_decimal *a,
                                  const struct tn_decimal *b, struct tn_err *err);
/* Calculates the quotient with scale digits behind the point (0 to TN_DECIMAL_SCALE_MAX). False:
 * kind invalid when b is zero or scale is out of range, else too_large. */
TN_MUST_CHECK bool tn_decimal_div(struct tn_decimal *out, const struct tn_decimal *a,
                                  const struct tn_decimal *b, int scale, enum tn_round mode,
                                  struct tn_err *err);
/* Gives a exactly scale digits behind the point. With scale 2, half_even turns 1.005 into 1.00 and
 * half_up into 1.01; 1 becomes 1.00. */
TN_MUST_CHECK bool tn_decimal_round(struct tn_decimal *out, const struct tn_decimal *a, int scale,
                                    enum tn_round mode, struct tn_err *err);

/* Appends a JSON number: plain digits; with an exponent only if plain digits would take more than
 * 64 zeros. */
void tn_decimal_text(const struct tn_decimal *d, struct tn_buf *out);
/* False (out is unchanged): d has a fraction, or does not fit. */
bool tn_decimal_int(const struct tn_decimal *d, int64_t *out);

#endif
