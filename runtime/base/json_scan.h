/* SPDX-License-Identifier: MIT */
/* json_scan.h - first pass over JSON text: where the tokens are. Internal to json_*.c. A token is
 * the offset of: a brace, bracket, comma or colon; the first byte of anything else outside strings;
 * a quote that opens or closes a string; inside a string, a backslash that begins an escape, or a
 * control character. The scan refuses only bad UTF-8, and gives no tokens from there on. All
 * engines give the same tokens. */
#ifndef TN_BASE_JSON_SCAN_H
#define TN_BASE_JSON_SCAN_H

#include "base/str.h"

struct tn_json_scan;
/* Appends the tokens of text[s->at, end) to out and sets s->at to end. end is s->n, or a multiple
 * of 64 bytes further on. out has room for end - s->at + 64 tokens. Returns their count. */
typedef size_t (*tn_json_scan_fn)(struct tn_json_scan *s, size_t end, uint32_t *out);

struct tn_json_scan {
    const char *text;
    size_t n, at;
    uint64_t escaped, in_string, in_scalar; /* state between two bytes: 0, or not 0 */
    size_t utf8_at;                         /* the text before it is well-formed */
    size_t bad;                             /* offset of the first bad sequence, or SIZE_MAX */
    tn_json_scan_fn run;
};

/* Returns the engine called name ("portable", "avx2", "avx512"); NULL: this machine does not have
 * it. With name NULL: the fastest engine. */
tn_json_scan_fn tn_json_scan_engine(const char *name);
/* Begins at an offset of the text, outside of any string. */
void tn_json_scan_begin(struct tn_json_scan *s, struct tn_str text, size_t at);
/* Returns the count of tokens in the next window of at most TN_JSON_WINDOW bytes; 0 may mean that
 * it is all white space. */
size_t tn_json_scan_window(struct tn_json_scan *s, uint32_t *out);

#define TN_JSON_EACH(byte) ((uint64_t)(byte)*0x0101010101010101u)

/* Is one of these eight bytes a quote, a backslash or a control character? */
static inline bool tn_json_eight_odd(const char *s)
{
    uint64_t v;
    memcpy(&v, s, sizeof v);
    uint64_t quote = v ^ TN_JSON_EACH('"'), slash = v ^ TN_JSON_EACH('\\');
    uint64_t odd = (v - TN_JSON_EACH(0x20)) & ~v;
    odd |= (quote - TN_JSON_EACH(1)) & ~quote;
    odd |= (slash - TN_JSON_EACH(1)) & ~slash;
    return odd & TN_JSON_EACH(0x80);
}

enum { TN_JSON_WINDOW = 32768, TN_JSON_WINDOW_ROOM = TN_JSON_WINDOW + 64 };

#endif
