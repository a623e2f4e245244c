/* SPDX-License-Identifier: MIT */
#include "base/recode.h"

#include <errno.h>
#include <iconv.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

enum { NAME_MAX_BYTES = 40, HELD = 32, LOOK = 4 };

static const iconv_t none = (iconv_t)-1;

struct tn_recode {
    iconv_t cd; /* none: the bytes are handed over as they are */
    char name[NAME_MAX_BYTES];
    enum tn_recode_how how;
    bool decided, flushed;
    size_t unit;     /* bytes of the smallest character */
    char held[HELD]; /* bytes at the beginning, or of a character that is not whole yet */
    size_t held_n;
};

static bool is_one_of(struct tn_str name, const char *const *list)
{
    for (; *list; list++)
        if (tn_str_eq_nocase(name, tn_str(*list))) return true;
    return false;
}

static bool is_utf8(struct tn_str name)
{
    static const char *const list[] = {"utf-8", "utf8", "us-ascii", "ascii", NULL};
    return !name.n || is_one_of(name, list);
}

static bool is_wide(struct tn_str name)
{
    static const char *const list[] = {"utf-16", "utf16", "utf-32", "utf32", NULL};
    return is_one_of(name, list);
}

/* The name for iconv; "": it cannot be one. iconv gives a '/' and what follows a meaning. UTF-7 is
 * left out: behind a fault in it, iconv reads on differently in pieces than as a whole. */
static void copy_name(struct tn_str name, char out[NAME_MAX_BYTES])
{
    bool ok = name.n < NAME_MAX_BYTES;
    for (size_t i = 0; i < name.n && ok; i++) {
        char c = name.p[i];
        ok = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') ||
             (c && strchr("-_.:()+", c));
    }
    snprintf(out, NAME_MAX_BYTES, "%.*s", ok ? (int)name.n : 0, ok ? name.p : "");
    if (strcasestr(out, "utf7") || strcasestr(out, "utf-7")) out[0] = 0;
}

bool tn_recode_known(struct tn_str name, struct tn_err *err)
{
    char copy[NAME_MAX_BYTES];
    copy_name(name, copy);
    iconv_t cd = *copy ? iconv_open("UTF-8", copy) : none;
    if (cd == none)
        return tn_fail(err, TN_E_invalid,
                       "no encoding has the name \"%.*s\"; some that do: utf-8, utf-16, "
                       "windows-1252, iso-8859-15, shift_jis",
                       name.n > 40 ? 40 : (int)name.n, name.p);
    iconv_close(cd);
    return true;
}

struct tn_recode *tn_recode_new(struct tn_str name, enum tn_recode_how how)
{
    struct tn_recode *r = TN_NEW(struct tn_recode);
    r->cd = none;
    r->how = how;
    if (!is_utf8(name)) copy_name(name, r->name);
    if (how == TN_RECODE_hint && !tn_recode_known(name, &(struct tn_err){0})) r->name[0] = 0;
    return r;
}

void tn_recode_free(struct tn_recode *r)
{
    if (!r) return;
    if (r->cd != none) iconv_close(r->cd);
    tn_free(r);
}

/* ---- the beginning ---- */

static const struct mark {
    const char *name, *bytes;
    size_t n;
} marks[] = {{"UTF-32LE", "\xFF\xFE\0\0", 4},
             {"UTF-32BE", "\0\0\xFE\xFF", 4},
             {"UTF-8", "\xEF\xBB\xBF", 3},
             {"UTF-16LE", "\xFF\xFE", 2},
             {"UTF-16BE", "\xFE\xFF", 2}};

static const struct mark *find_mark(const struct tn_recode *r)
{
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (r->held_n >= marks[i].n && memcmp(r->held, marks[i].bytes, marks[i].n) == 0)
            return &marks[i];
    return NULL;
}

/* The zero bytes of a first character that is ASCII. No text in UTF-8 begins so. */
static const char *by_zeros(const struct tn_recode *r)
{
    const char *b = r->held;
    if (r->held_n == LOOK && !b[0] && !b[1] && !b[2] && b[3]) return "UTF-32BE";
    if (r->held_n == LOOK && b[0] && !b[1] && !b[2] && !b[3]) return "UTF-32LE";
    if (r->held_n >= 2 && !b[0] && b[1]) return "UTF-16BE";
    if (r->held_n >= 2 && b[0] && !b[1]) return "UTF-16LE";
    return NULL;
}

static bool contradicts(const struct tn_recode *r, const char *mark)
{
    struct tn_str name = tn_str(r->name);
    return name.n && r->how != TN_RECODE_hint && !is_wide(name) &&
           !tn_str_eq_nocase(name, tn_str(mark));
}

static bool decide(struct tn_recode *r, struct tn_err *err)
{
    const struct mark *mark = find_mark(r);
    const char *name = mark ? mark->name : NULL;
    if (mark && contradicts(r, mark->name))
        return tn_fail(err, TN_E_bad_answer,
                       "the text begins with the byte order mark of %s, but its encoding is said "
                       "to be %s",
                       mark->name, r->name);
    if (!name && (!*r->name || is_wide(tn_str(r->name)))) name = by_zeros(r);
    if (!name) name = r->name;
    size_t skip = mark ? mark->n : 0;
    r->held_n -= skip;
    memmove(r->held, r->held + skip, r->held_n);
    r->decided = true;
    if (is_utf8(tn_str(name)) || (r->how == TN_RECODE_asis && *r->name)) return true;
    r->unit = strstr(name, "32") ? 4 : strstr(name, "16") && (name[0] | 32) == 'u' ? 2 : 1;
    r->cd = iconv_open("UTF-8", name);
    return r->cd != none || tn_fail(err, TN_E_invalid, "no encoding has the name \"%s\"", name);
}

/* ---- the text ---- */

struct out {
    char *p;
    size_t room;
};

static bool add(struct out *out, const char *p, size_t n)
{
    if (out->room < n) return false;
    memcpy(out->p, p, n);
    out->p += n;
    out->room -= n;
    return true;
}

/* Converts what it can, cuts it off in, and returns false when out is full. What is left of in then
 * is a character that is not whole. */
static bool convert(struct tn_recode *r, struct tn_str *in, struct out *out)
{
    for (;;) {
        char *p = (char *)(uintptr_t)in->p;
        size_t code = iconv(r->cd, &p, &in->n, &out->p, &out->room);
        int why = errno;
        in->p = p;
        if (code != (size_t)-1 || why == EINVAL) return true;
        if (why != EILSEQ || !add(out, TN_RECODE_BAD, 2)) return false;
        size_t bad = in->n < r->unit ? in->n : r->unit;
        *in = (struct tn_str){in->p + bad, in->n - bad};
    }
}

/* Converts the bytes that were held back, with those that follow them. False: out is full. */
static bool convert_held(struct tn_recode *r, struct tn_str *in, struct out *out)
{
    size_t more = HELD - r->held_n < in->n ? HELD - r->held_n : in->n;
    memcpy(r->held + r->held_n, in->p, more);
    struct tn_str both = {r->held, r->held_n + more};
    bool fits = convert(r, &both, out);
    size_t used = (size_t)(both.p - r->held);
    if (used >= r->held_n) {
        *in = (struct tn_str){in->p + (used - r->held_n), in->n - (used - r->held_n)};
        r->held_n = 0;
    } else if (fits && both.n == HELD) { /* no character is as long as that */
        r->held_n = 0;
        return add(out, TN_RECODE_BAD, 2);
    } else if (fits) { /* all of it is one character, which is not whole yet */
        r->held_n = both.n;
        memmove(r->held, both.p, both.n);
        *in = (struct tn_str){in->p + more, in->n - more};
    } else {
        r->held_n -= used;
        memmove(r->held, both.p, r->held_n);
    }
    return fits;
}

static void copy(struct tn_recode *r, struct tn_str *in, struct out *out)
{
    if (r->held_n && add(out, r->held, r->held_n)) r->held_n = 0;
    size_t n = in->n < out->room ? in->n : out->room;
    if (n) add(out, in->p, n);
    *in = (struct tn_str){in->p + n, in->n - n};
}

static void hold(struct tn_recode *r, struct tn_str *in, size_t n)
{
    if (n > in->n) n = in->n;
    memcpy(r->held + r->held_n, in->p, n);
    r->held_n += n;
    *in = (struct tn_str){in->p + n, in->n - n};
}

/* A character that is cut off, and what iconv has kept. */
static void flush(struct tn_recode *r, struct out *out)
{
    if (r->held_n && add(out, TN_RECODE_BAD, 2)) r->held_n = 0;
    if (!r->flushed) iconv(r->cd, NULL, NULL, &out->p, &out->room);
    r->flushed = true;
}

static void convert_all(struct tn_recode *r, struct tn_str *in, bool last, struct out *out)
{
    while (r->held_n) {
        if (!convert_held(r, in, out)) return;
        if (!in->n) break;
    }
    if (in->n && !convert(r, in, out)) return;
    if (in->n && !r->held_n) hold(r, in, HELD);
    if (last && !in->n) flush(r, out);
}

bool tn_recode_step(struct tn_recode *r, struct tn_str *in, bool last, char *to, size_t room,
                    size_t *made, struct tn_err *err)
{
    struct out out = {to, room};
    *made = 0;
    if (!r->decided) {
        hold(r, in, LOOK - r->held_n);
        if (r->held_n < LOOK && !last) return true;
        if (!decide(r, err)) return false;
    }
    if (r->cd == none)
        copy(r, in, &out);
    else
        convert_all(r, in, last, &out);
    *made = room - out.room;
    return true;
}

void tn_recode_text(struct tn_str text, struct tn_str name, struct tn_buf *out)
{
    struct tn_recode *r = tn_recode_new(name, TN_RECODE_hint);
    struct tn_err err;
    size_t made;
    do {
        enum { STEP = 64 * 1024 };
        char *to = tn_buf_reserve(out, STEP);
        if (!to || !tn_recode_step(r, &text, true, to, STEP, &made, &err)) break;
        out->n += made;
    } while (made || text.n);
    tn_recode_free(r);
}

struct tn_str tn_recode_charset(struct tn_str type)
{
    struct tn_str one;
    while (type.n && tn_str_split(&type, ';', &one)) {
        one = tn_str_trim(one);
        if (one.n <= 8 || !tn_str_eq_nocase((struct tn_str){one.p, 8}, TN_STR("charset=")))
            continue;
        one = (struct tn_str){one.p + 8, one.n - 8};
        if (one.n > 1 && one.p[0] == '"') one = (struct tn_str){one.p + 1, one.n - 2};
        return one;
    }
    return TN_STR("");
}

bool tn_recode_table(struct tn_str name, int table[256])
{
    char copy[NAME_MAX_BYTES];
    copy_name(name, copy);
    iconv_t cd = *copy ? iconv_open("UCS-4LE", copy) : none;
    bool ok = cd != none;
    for (unsigned i = 0; i < 256 && ok; i++) {
        unsigned char to[8];
        char byte = (char)i, *p = &byte, *q = (char *)to;
        size_t n = 1, room = sizeof to;
        iconv(cd, NULL, NULL, NULL, NULL);
        size_t code = iconv(cd, &p, &n, &q, &room);
        ok = room <= 4 || (code == (size_t)-1 && errno == EILSEQ);
        table[i] = room == 4 ? to[0] | to[1] << 8 | to[2] << 16 : -1;
    }
    if (cd != none) iconv_close(cd);
    return ok;
}

const char *tn_recode_why(struct tn_str text)
{
    return memmem(text.p, text.n, TN_RECODE_BAD, 2) ? "has bytes that are no character"
                                                    : "is no UTF-8: is it Windows-1252?";
}
