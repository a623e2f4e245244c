/* SPDX-License-Identifier: MIT */
/* str.h - a borrowed range of bytes, and small functions on text. */
#ifndef TN_BASE_STR_H
#define TN_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Not terminated, not owned.  {NULL, 0} is absent; {"", 0} is empty. */
struct tn_str {
    const char *p;
    size_t n;
};

#define TN_STR(literal) ((struct tn_str){"" literal, sizeof(literal) - 1})
#define TN_FMT(s)       (int)(s).n, (s).p /* for "%.*s" */

static inline struct tn_str tn_str(const char *s)
{
    return (struct tn_str){s, s ? strlen(s) : 0};
}
static inline bool tn_str_eq(struct tn_str a, struct tn_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool tn_str_is(struct tn_str a, const char *s)
{
    return tn_str_eq(a, tn_str(s));
}
bool tn_str_eq_nocase(struct tn_str a, struct tn_str b); /* ASCII only */
bool tn_str_starts(struct tn_str s, const char *prefix);
bool tn_str_ends(struct tn_str s, const char *suffix);
struct tn_str tn_str_trim(struct tn_str s); /* spaces and tabs, both ends */
/* Cuts the part before the first sep off s. False: s had no part left. */
bool tn_str_split(struct tn_str *s, char sep, struct tn_str *part);
/* Decimal digits only, no sign, no spaces; false on overflow. */
bool tn_str_u64(struct tn_str s, uint64_t *out);
/* Hex digits to bytes; false unless s is exactly 2 * n digits. */
bool tn_str_unhex(struct tn_str s, unsigned char *out, size_t n);
void tn_hex(const void *bytes, size_t n, char *out); /* 2 * n digits and a NUL */
bool tn_utf8_valid(const char *s, size_t n);
/* Returns the length of the well-formed sequence (RFC 3629) at the start of s; 0: there is none. n
 * must not be 0. */
size_t tn_utf8_step(const char *s, size_t n);

#endif
