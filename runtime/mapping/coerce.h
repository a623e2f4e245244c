/* SPDX-License-Identifier: MIT */
/* coerce.h - exact conversions between the texts of numbers, words and times.  No state, no
 * allocation. */
#ifndef TN_MAPPING_COERCE_H
#define TN_MAPPING_COERCE_H

#include "base/err.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/zone.h"

/* Numbers are JSON lexemes: what goes in as 0.10 is 0.10. */
enum { TN_COERCE_MAX = TN_LIMIT_NUMBER + 8 }; /* room that every result fits into */

/* The JSON number in text: spaces around it, a leading + and leading zeros are forgiven (then the
 * result stands in room), nothing else is. */
bool tn_coerce_number(struct tn_str text, char room[TN_COERCE_MAX], struct tn_str *lexeme);
/* <0, 0, >0 by exact value; both must be JSON numbers. */
int tn_coerce_compare(struct tn_str a, struct tn_str b);
/* Plain digits of a whole number: 7.0 and 7e2 are whole; false for 7.5 and for 1e100. */
bool tn_coerce_integer(struct tn_str lexeme, char room[TN_COERCE_MAX], struct tn_str *out);
/* Exactly scale digits after the point, plain notation, no negative zero.  rounding: enum
 * tn_round of base/decimal.h, or TN_ROUND_none of spec.h; none: false when digits would be lost. */
bool tn_coerce_decimal(struct tn_str lexeme, int64_t scale, int rounding, char room[TN_COERCE_MAX],
                       struct tn_str *out);
/* Factor (a JSON number) and divisor (likewise, "1" mostly) that take from into to.  False: one is
 * not known or they measure different things. */
bool tn_coerce_unit(struct tn_str from, struct tn_str to, struct tn_str *factor,
                    struct tn_str *divisor);
/* v * factor / divisor, with scale digits after the point; scale -1: exact, without useless zeros.
 * False: too long, or not exact where it has to be. */
bool tn_coerce_ratio(struct tn_str v, struct tn_str factor, struct tn_str divisor, int64_t scale,
                     int rounding, char room[TN_COERCE_MAX], struct tn_str *out);
/* true/false, yes/no, y/n, t/f, on/off, 1/0 in any case. */
bool tn_coerce_word(struct tn_str text, bool *out);

/* A date and time as written. */
struct tn_moment {
    int year;
    unsigned month, day, hour, minute, second, milli;
    bool zoned; /* it carried an offset */
    int offset; /* minutes east of UTC */
};
enum { TN_MOMENT_LEN = 24 };

/* format: absent for ISO 8601 (date, or date and time, any count of second digits, offset or none);
 * or %Y %y %m %b %d %e %H %I %M %S %f %p %z %T %F %% and literal text; a space is any white space;
 * or "epoch", "epoch_ms": a whole number since 1970. */
bool tn_moment_read(struct tn_str text, struct tn_str format, struct tn_moment *out);
/* NULL when format can be read, else what is wrong with it. */
const char *tn_moment_format_fault(struct tn_str format);
/* 2026-01-31T08:09:10.123Z.  zone (may be NULL) is for moments without an offset.  False: there is
 * neither, or the year leaves 0001..9999. */
bool tn_moment_utc(const struct tn_moment *m, const struct tn_zone *zone,
                   char out[TN_MOMENT_LEN + 1]);

/* As tn_moment_read without a format and tn_moment_utc without a zone, of the form that almost all
 * times have, 2026-01-31T08:09:10, a fraction or none, an offset or Z, where both are on one day.
 * False: it may be a time all the same. */
bool tn_moment_quick(struct tn_str text, char out[TN_MOMENT_LEN]);

/* m as format says, in zone (NULL: UTC; a moment without an offset is taken as it stands).
 * False: it does not fit into room, or the year leaves 0001..9999. */
enum { TN_MOMENT_TEXT = 256 };
bool tn_moment_text(const struct tn_moment *m, struct tn_str format, const struct tn_zone *zone,
                    char room[TN_MOMENT_TEXT], struct tn_str *out);

#endif
