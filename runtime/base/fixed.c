/* SPDX-License-Identifier: MIT */
#include "base/fixed.h"

#include "base/alloc.h"
#include "base/charset.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/recode.h"

enum { COLUMNS_MAX = 1000 };

struct column {
    struct tn_str name;
    size_t first, last; /* counted from 0; last is excluded */
};

struct tn_fixed {
    bool bytes;
    enum tn_encoding encoding;
    tn_rows_fn each;
    void *arg;
    struct tn_arena arena;
    struct column *columns;
    size_t count;
    struct tn_buf line, decoded, json;
    const struct column *kind; /* NULL: all lines are rows */
    struct tn_str kinds;       /* its values, separated by commas */
    size_t skipped;
    size_t number; /* number of the current line */
    bool begun;
};

static bool read_column(struct tn_fixed *f, struct tn_str s, struct tn_err *err)
{
    struct column *c = &f->columns[f->count];
    const char *colon = memrchr(s.p, ':', s.n), *dash;
    uint64_t first, last;
    if (!colon || colon == s.p) goto bad;
    struct tn_str name = tn_str_trim((struct tn_str){s.p, (size_t)(colon - s.p)});
    struct tn_str range = tn_str_trim((struct tn_str){colon + 1, (size_t)(s.p + s.n - colon) - 1});
    if (!(dash = memchr(range.p, '-', range.n))) goto bad;
    struct tn_str from = {range.p, (size_t)(dash - range.p)};
    struct tn_str to = {dash + 1, range.n - from.n - 1};
    if (!name.n || !tn_utf8_valid(name.p, name.n) || !tn_str_u64(from, &first) ||
        !tn_str_u64(to, &last) || !first || last < first || last > TN_LIMIT_RECORD)
        goto bad;
    for (size_t i = 0; i < f->count; i++)
        if (tn_str_eq(f->columns[i].name, name))
            return tn_fail(err, TN_E_invalid, "two columns have the name \"%.*s\"", TN_FMT(name));
    *c = (struct column){.first = (size_t)first - 1, .last = (size_t)last};
    c->name = (struct tn_str){tn_arena_strndup(&f->arena, name.p, name.n), name.n};
    f->count++;
    return true;
bad:
    return tn_fail(err, TN_E_invalid, "\"%.*s\": a column is name:first-last, from 1",
                   s.n > 60 ? 60 : (int)s.n, s.p);
}

static bool read_only(struct tn_fixed *f, struct tn_str only, struct tn_err *err)
{
    struct tn_str name;
    if (!only.n) return true;
    if (!memchr(only.p, '=', only.n))
        return tn_fail(err, TN_E_invalid, "only is column=value, as in kind=D, not \"%.*s\"",
                       TN_FMT(only));
    tn_str_split(&only, '=', &name);
    name = tn_str_trim(name);
    for (size_t i = 0; i < f->count && !f->kind; i++)
        if (tn_str_eq(f->columns[i].name, name)) f->kind = &f->columns[i];
    if (!f->kind)
        return tn_fail(err, TN_E_invalid, "only: there is no column \"%.*s\"", TN_FMT(name));
    f->kinds = (struct tn_str){tn_arena_strndup(&f->arena, only.n ? only.p : "", only.n), only.n};
    return true;
}

struct tn_fixed *tn_fixed_new(const struct tn_fixed_options *o, tn_rows_fn each, void *arg,
                              struct tn_err *err)
{
    struct tn_fixed *f = TN_NEW(struct tn_fixed);
    struct tn_str list = o->columns, one;
    f->bytes = o->bytes;
    f->encoding = o->encoding;
    f->each = each;
    f->arg = arg;
    tn_arena_init(&f->arena);
    tn_buf_init(&f->line, TN_LIMIT_RECORD);
    tn_buf_init(&f->decoded, 3 * (size_t)TN_LIMIT_RECORD);
    tn_buf_init(&f->json, 8 * (size_t)TN_LIMIT_RECORD);
    f->columns = tn_arena_alloc(&f->arena, COLUMNS_MAX * sizeof *f->columns);
    while (list.n && tn_str_split(&list, ',', &one)) {
        if (f->count < COLUMNS_MAX && read_column(f, one, err)) continue;
        if (f->count == COLUMNS_MAX)
            tn_fail(err, TN_E_invalid, "more than %d columns", COLUMNS_MAX);
        tn_fixed_free(f);
        return NULL;
    }
    if (f->count && read_only(f, o->only, err)) return f;
    if (!f->count)
        tn_fail(err, TN_E_invalid, "fixed width needs columns, as in name:1-10,quantity:11-18");
    tn_fixed_free(f);
    return NULL;
}

void tn_fixed_free(struct tn_fixed *f)
{
    if (!f) return;
    tn_arena_clear(&f->arena);
    tn_buf_clear(&f->line);
    tn_buf_clear(&f->decoded);
    tn_buf_clear(&f->json);
    tn_free(f);
}

/* Returns the byte at which character number `at` (from 0) begins, or the end of s. */
static size_t byte_of(struct tn_str s, size_t at)
{
    size_t i = 0;
    for (; i < s.n && (at || ((unsigned char)s.p[i] & 0xC0) == 0x80); i++)
        at -= i + 1 == s.n || ((unsigned char)s.p[i + 1] & 0xC0) != 0x80;
    return i;
}

static struct tn_str cut(const struct tn_fixed *f, const struct column *c, struct tn_str s)
{
    bool chars = !f->bytes && f->encoding == TN_ENCODING_utf8;
    size_t from = chars ? byte_of(s, c->first) : c->first, to = c->last;
    if (from >= s.n) return (struct tn_str){s.p + s.n, 0};
    s = (struct tn_str){s.p + from, s.n - from};
    to = chars ? byte_of(s, c->last - c->first) : to - from;
    return (struct tn_str){s.p, to < s.n ? to : s.n};
}

/* Cuts the value out of the line, as UTF-8; valid until the next call. */
static bool read_value(struct tn_fixed *f, const struct column *c, struct tn_str line,
                       struct tn_str *out, struct tn_err *bad)
{
    struct tn_str s = tn_str_trim(cut(f, c, line));
    if (f->encoding == TN_ENCODING_cp1252) {
        tn_buf_reset(&f->decoded);
        if (!tn_cp1252_text(s, &f->decoded))
            return tn_fail(bad, TN_E_syntax, "%.*s: a byte that Windows-1252 does not have",
                           TN_FMT(c->name));
        s = tn_buf_str(&f->decoded);
    } else if (!tn_utf8_valid(s.p, s.n)) {
        return tn_fail(bad, TN_E_syntax, "%.*s: a character is cut, or it is no UTF-8",
                       TN_FMT(c->name));
    }
    *out = s;
    return true;
}

/* Is the line of a kind that was not asked for? */
static bool is_other_kind(struct tn_fixed *f, struct tn_str line, struct tn_err *bad)
{
    struct tn_str value, rest = f->kinds, one;
    if (!f->kind || !read_value(f, f->kind, line, &value, bad)) return false;
    while (rest.n && tn_str_split(&rest, ',', &one))
        if (tn_str_eq(tn_str_trim(one), value)) return false;
    return true;
}

static bool check_line(const struct tn_fixed *f, struct tn_str line, struct tn_err *bad)
{
    if (f->line.failed) return tn_fail(bad, TN_E_too_large, "the line is too long");
    if (f->encoding == TN_ENCODING_utf8 && !f->bytes && !tn_utf8_valid(line.p, line.n))
        return tn_fail(bad, TN_E_syntax, "the line %s", tn_recode_why(line));
    return true;
}

static bool write_row(struct tn_fixed *f, struct tn_str line, struct tn_err *bad)
{
    tn_buf_reset(&f->json);
    for (size_t i = 0; i < f->count; i++) {
        tn_buf_addc(&f->json, i ? ',' : '{');
        tn_json_quote(&f->json, f->columns[i].name);
        tn_buf_addc(&f->json, ':');
        struct tn_str value;
        if (!read_value(f, &f->columns[i], line, &value, bad)) return false;
        if (value.n)
            tn_json_quote(&f->json, value);
        else
            tn_buf_adds(&f->json, "null");
    }
    tn_buf_addc(&f->json, '}');
    return tn_buf_ok(&f->json, "the row", bad);
}

static bool end_line(struct tn_fixed *f, struct tn_err *err)
{
    struct tn_str line = tn_fixed_raw(f);
    struct tn_err bad = {.kind = TN_E_none};
    f->number++;
    bool ok = true;
    bool blank = !tn_str_trim(line).n && !f->line.failed;
    bool skip = !blank && check_line(f, line, &bad) && is_other_kind(f, line, &bad);
    f->skipped += skip;
    if (!blank && !skip) {
        bool good = !bad.kind && write_row(f, line, &bad);
        ok = f->each(f->arg, good ? tn_buf_str(&f->json) : (struct tn_str){0}, good ? NULL : &bad,
                     f->number) ||
             tn_fail(err, TN_E_cancelled, "stopped");
    }
    tn_buf_reset(&f->line);
    f->begun = false;
    return ok;
}

bool tn_fixed_feed(struct tn_fixed *f, const char *bytes, size_t n, struct tn_err *err)
{
    while (n) {
        const char *end = memchr(bytes, '\n', n);
        size_t part = end ? (size_t)(end - bytes) : n;
        tn_buf_add(&f->line, bytes, part);
        f->begun = true;
        if (!end) return true;
        if (!end_line(f, err)) return false;
        bytes = end + 1;
        n -= part + 1;
    }
    return true;
}

bool tn_fixed_end(struct tn_fixed *f, struct tn_err *err)
{
    return !f->begun || end_line(f, err);
}

size_t tn_fixed_skipped(const struct tn_fixed *f)
{
    return f->skipped;
}

struct tn_str tn_fixed_raw(const struct tn_fixed *f)
{
    struct tn_str line = tn_buf_str(&f->line);
    if (line.n && line.p[line.n - 1] == '\r') line.n--;
    return line;
}
