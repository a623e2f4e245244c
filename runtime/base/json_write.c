/* SPDX-License-Identifier: MIT */
/* json_write.c - the writer, quoting, and the canonical form. */
#include "base/json_reader.h"
#include "base/limits.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Quoting */

/* 0: the byte is written as it is; 'u': as \u00xx; else the letter that follows the backslash. */
static const char escape_of[256] = {
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'b',         't',           'n', 'u',
    'f', 'r', 'u', 'u', 'u', 'u', 'u', 'u', 'u',         'u',           'u', 'u',
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', ['"'] = '"', ['\\'] = '\\',
};

/* Returns how many bytes at the front need no escape. */
static size_t plain(const char *s, size_t n)
{
    size_t i = 0;
    while (i + 8 <= n && !tn_json_eight_odd(s + i)) i += 8;
    while (i < n && !escape_of[(unsigned char)s[i]]) i++;
    return i;
}

static size_t put_escape(char *out, unsigned char c)
{
    out[0] = '\\';
    out[1] = escape_of[c];
    if (out[1] != 'u') return 2;
    out[2] = out[3] = '0';
    tn_hex(&c, 1, out + 4);
    return 6;
}

void tn_json_quote(struct tn_buf *out, struct tn_str text)
{
    size_t run = plain(text.p, text.n);
    char *p = tn_buf_reserve(out, text.n + 2);
    if (!p) return;
    if (run == text.n) {
        *p++ = '"';
        if (run) memcpy(p, text.p, run);
        p[run] = '"';
        p[run + 1] = '\0';
        out->n += run + 2;
        return;
    }
    tn_buf_addc(out, '"');
    for (size_t i = 0;;) {
        tn_buf_add(out, text.p + i, run);
        i += run;
        if (i == text.n) break;
        char escape[8];
        tn_buf_add(out, escape, put_escape(escape, (unsigned char)text.p[i++]));
        run = plain(text.p + i, text.n - i);
    }
    tn_buf_addc(out, '"');
}

/* Writer */

void tn_jw_init(struct tn_jw *w, struct tn_buf *out)
{
    *w = (struct tn_jw){.out = out};
}

static uint64_t bit(const struct tn_jw *w)
{
    return (uint64_t)1 << ((w->depth - 1) & 63);
}

/* Writes the comma in front of a value if it needs one. */
static void lead(struct tn_jw *w)
{
    if (!w->depth) return;
    assert((!(w->object & bit(w)) || w->keyed) && "a value in an object without a key");
    if (!w->keyed && w->full & bit(w)) tn_buf_addc(w->out, ',');
    w->full |= bit(w);
    w->keyed = false;
}

static void open_level(struct tn_jw *w, char c, bool object)
{
    lead(w);
    tn_buf_addc(w->out, c);
    assert(w->depth < TN_LIMIT_JSON_DEPTH && "nested too deep");
    if (w->depth >= TN_LIMIT_JSON_DEPTH) w->out->failed = true;
    w->depth++;
    w->full &= ~bit(w);
    w->object = object ? w->object | bit(w) : w->object & ~bit(w);
}

void tn_jw_object(struct tn_jw *w)
{
    open_level(w, '{', true);
}

void tn_jw_array(struct tn_jw *w)
{
    open_level(w, '[', false);
}

void tn_jw_end(struct tn_jw *w)
{
    assert(w->depth && !w->keyed && "an end without a beginning, or behind a key");
    if (!w->depth) return;
    tn_buf_addc(w->out, w->object & bit(w) ? '}' : ']');
    w->depth--;
}

void tn_jw_key(struct tn_jw *w, struct tn_str key)
{
    assert(w->depth && w->object & bit(w) && !w->keyed && "a key outside an object");
    if (w->full & bit(w)) tn_buf_addc(w->out, ',');
    w->full |= bit(w);
    tn_json_quote(w->out, key);
    tn_buf_addc(w->out, ':');
    w->keyed = true;
}

void tn_jw_members(struct tn_jw *w, struct tn_str members)
{
    assert(w->depth && w->object & bit(w) && !w->keyed && "members outside an object");
    if (w->full & bit(w)) tn_buf_addc(w->out, ',');
    w->full |= bit(w);
    tn_buf_addstr(w->out, members);
}

void tn_jw_str(struct tn_jw *w, struct tn_str text)
{
    lead(w);
    tn_json_quote(w->out, text);
}

void tn_jw_z(struct tn_jw *w, const char *text)
{
    if (text)
        tn_jw_str(w, tn_str(text));
    else
        tn_jw_null(w);
}

void tn_jw_int(struct tn_jw *w, int64_t v)
{
    lead(w);
    tn_buf_addi(w->out, v);
}

void tn_jw_double(struct tn_jw *w, double v)
{
    char text[40];
    lead(w);
    assert(isfinite(v) && "JSON has no infinity and no NaN");
    if (!isfinite(v)) {
        tn_buf_adds(w->out, "null");
        return;
    }
    if (fabs(v) <= 9007199254740992.0 && v == (double)(int64_t)v && !(v == 0 && signbit(v))) {
        tn_buf_addi(w->out, (int64_t)v);
        return;
    }
    /* 15 digits always survive, except for subnormal numbers, which have fewer. */
    for (int digits = fabs(v) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v) break;
    }
    tn_buf_adds(w->out, text);
}

void tn_jw_bool(struct tn_jw *w, bool v)
{
    lead(w);
    tn_buf_adds(w->out, v ? "true" : "false");
}

void tn_jw_null(struct tn_jw *w)
{
    lead(w);
    tn_buf_add(w->out, "null", 4);
}

void tn_jw_raw(struct tn_jw *w, struct tn_str json)
{
    lead(w);
    tn_buf_addstr(w->out, json);
}

void tn_jw_kstr(struct tn_jw *w, const char *key, struct tn_str text)
{
    tn_jw_key(w, tn_str(key));
    tn_jw_str(w, text);
}

void tn_jw_kz(struct tn_jw *w, const char *key, const char *text)
{
    tn_jw_key(w, tn_str(key));
    tn_jw_z(w, text);
}

void tn_jw_kint(struct tn_jw *w, const char *key, int64_t v)
{
    tn_jw_key(w, tn_str(key));
    tn_jw_int(w, v);
}

void tn_jw_kbool(struct tn_jw *w, const char *key, bool v)
{
    tn_jw_key(w, tn_str(key));
    tn_jw_bool(w, v);
}

void tn_jw_knull(struct tn_jw *w, const char *key)
{
    tn_jw_key(w, tn_str(key));
    tn_jw_null(w);
}

void tn_jw_kraw(struct tn_jw *w, const char *key, struct tn_str json)
{
    tn_jw_key(w, tn_str(key));
    tn_jw_raw(w, json);
}
