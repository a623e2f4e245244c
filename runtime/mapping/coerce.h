/* SPDX-License-Identifier: MIT */
/* coerce.h - exact conversions between texts and numbers, words and times. No state, no
 * allocation. */
#ifndef TN_MAPPING_COERCE_H
#define TN_MAPPING_COERCE_H

#include "base/err.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/zone.h"

/* Numbers are JSON lexemes, which are kept: 0.10 stays 0.10. */
enum { TN_COERCE_MAX = TN_LIMIT_NUMBER + 8 }; /* every result fits into so many bytes */

/* Reads the JSON number in text. Spaces around it, a leading + and leading zeros are permitted
 * (then the result is in room); anything else is not. */
bool tn_coerce_number(struct tn_str text, char room[TN_COERCE_MAX], struct tn_str *lexeme);
/* Compares two JSON numbers by exact value: <0, 0, >0. */
int tn_coerce_compare(struct tn_str a, struct tn_str b);
/* Gives the plain digits of a whole number: 7.0 and 7e2 are whole. False for 7.5, and for 1e100,
 * which is too long. */
bool tn_coerce_integer(struct tn_str lexeme, char room[TN_COERCE_MAX], struct tn_str *out);
/* Gives the number exactly scale digits after the point, in plain notation, without a negative
 * zero. rounding is an enum tn_round of base/decimal.h, or TN_ROUND_none of spec.h: then false if
 * digits would be lost. */
bool tn_coerce_decimal(struct tn_str lexeme, int64_t scale, int rounding, char room[TN_COERCE_MAX],
                       struct tn_str *out);
/* Gives factor and divisor, JSON numbers, that convert the unit from into to; the divisor is mostly
 * "1". False: a unit is unknown, or they measure different things. */
bool tn_coerce_unit(struct tn_str from, struct tn_str to, struct tn_str *factor,
                    struct tn_str *divisor);
/* Gives v * factor / divisor with scale digits after the point; scale -1: exactly, without trailing
 * zeros. False: the result is too long, or would not be exact with scale -1 or TN_ROUND_none. */
bool tn_coerce_ratio(struct tn_str v, struct tn_str factor, struct tn_str divisor, int64_t scale,
                     int rounding, char room[TN_COERCE_MAX], struct tn_str *out);
/* Reads true/false, yes/no, y/n, t/f, on/off, 1/0 in any case. */
bool tn_coerce_word(struct tn_str text, bool *out);

/* A date and time, as a text gives them. */
struct tn_moment {
    int year;
    unsigned month, day, hour, minute, second, milli;
    bool zoned; /* the text had an offset */
    int offset; /* minutes east of UTC */
};
enum { TN_MOMENT_LEN = 24 };

/* Reads a time. format absent: ISO 8601 (a date, or date and time; any number of second digits;
 * offset or none). Else literal text and %Y %y %m %b %d %e %j %H %I %M %S %f %p %z %T %F %%; a
 * space matches any white space; %m %d %H take one digit where no digit can follow, and %-m %-d %-H
 * %-I everywhere. Or "epoch" ("%s"), "epoch_ms": a whole number since 1970; "/Date()/": OData's; or
 * "cyyddd": JD Edwards' date. 24:00:00 is the next day. */
bool tn_moment_read(struct tn_str text, struct tn_str format, struct tn_moment *out);
/* Is a time of this format a number? */
bool tn_moment_numeric(struct tn_str format);
/* NULL: the format is valid; else what is wrong with it. */
const char *tn_moment_format_fault(struct tn_str format);
/* Writes 2026-01-31T08:09:10.123Z. zone (may be NULL) is for moments without an offset. False: the
 * moment has no offset and zone is NULL, or the year is not within 0001 to 9999. */
bool tn_moment_utc(const struct tn_moment *m, const struct tn_zone *zone,
                   char out[TN_MOMENT_LEN + 1]);

/* Does the work of tn_moment_read (no format) and tn_moment_utc (no zone) for the form of almost
 * all times: 2026-01-31T08:09:10, perhaps a fraction, then Z or an offset that keeps the date.
 * False: the text has another form, and may still be a time. */
bool tn_moment_quick(struct tn_str text, char out[TN_MOMENT_LEN]);

/* Writes m by format, in zone (NULL: UTC; a moment without an offset is written as it is). False:
 * it does not fit into room, or the year is not within 0001 to 9999. */
enum { TN_MOMENT_TEXT = 256 };
bool tn_moment_text(const struct tn_moment *m, struct tn_str format, const struct tn_zone *zone,
                    char room[TN_MOMENT_TEXT], struct tn_str *out);

#endif
