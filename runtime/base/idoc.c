/* SPDX-License-Identifier: MIT */
#include "base/idoc.h"

#include "base/alloc.h"
#include "base/charset.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/segments.h"

enum {
    FIELDS_MAX = 2000,
    LEVELS_MAX = 24,
    DATA_AT = 63, /* where the data of a segment begins: SEGNAM 30, MANDT 3, DOCNUM 16, SEGNUM 6,
                     PSGNUM 6, HLEVEL 2 */
};

struct field {
    struct tn_str name;
    size_t first, last; /* from 0; last is not included */
};
struct layout {
    struct field *fields;
    size_t count;
};

/* The fields of the control record, which are the same everywhere. */
static const char control[] =
    "TABNAM:10,MANDT:3,DOCNUM:16,DOCREL:4,STATUS:2,DIRECT:1,OUTMOD:1,EXPRSS:1,TEST:1,IDOCTYP:30,"
    "CIMTYP:30,MESTYP:30,MESCOD:3,MESFCT:3,STD:1,STDVRS:6,STDMES:6,SNDPOR:10,SNDPRT:2,SNDPFC:2,"
    "SNDPRN:10,SNDSAD:21,SNDLAD:70,RCVPOR:10,RCVPRT:2,RCVPFC:2,RCVPRN:10,RCVSAD:21,RCVLAD:70,"
    "CREDAT:8,CRETIM:6,REFINT:14,REFGRP:14,REFMES:14,ARCKEY:70,SERIAL:20";

/* A segment that others may stand below. */
struct level {
    struct tn_segment *segment;
    char number[6];
    unsigned depth; /* HLEVEL; 0: not told */
};

struct tn_idoc {
    enum tn_encoding encoding;
    tn_rows_fn each;
    void *arg;
    struct tn_arena arena;
    struct tn_map layouts; /* by segment, of struct layout */
    struct layout control;
    struct tn_str rows;
    struct tn_buf line, decoded, message, json;
    size_t number, first; /* lines; first: of this IDoc */
    bool open;
    char docnum[16];
    struct tn_err bad; /* the first fault of the IDoc */
    struct tn_segments tree;
    struct level levels[LEVELS_MAX];
    size_t level;
};

/* ---- the option segments ---- */

static bool is_name(struct tn_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] >= 'A' && s.p[i] <= 'Z') && !(s.p[i] >= '0' && s.p[i] <= '9') &&
            !memchr("_/", s.p[i], 2))
            return false;
    return s.n > 0 && s.n <= 30;
}

static bool fail_layout(struct tn_err *err, struct tn_str part)
{
    return tn_fail(err, TN_E_invalid,
                   "segments are given as E1EDK03=IDDAT:1-3,DATUM:4-11 (positions from 1) or "
                   "E1EDK03=IDDAT:3,DATUM:8 (lengths), not \"%.*s\"",
                   part.n < 60 ? (int)part.n : 60, part.p);
}

static bool read_field(struct tn_str s, size_t after, struct field *f)
{
    struct tn_str first;
    uint64_t from, to;
    if (!tn_str_split(&s, ':', &f->name) || !is_name(f->name) || !s.n) return false;
    if (!memchr(s.p, '-', s.n)) {
        f->first = after;
        f->last = after + (tn_str_u64(s, &to) && to <= 100000 ? (size_t)to : 0);
        return f->last > after;
    }
    if (!tn_str_split(&s, '-', &first) || !tn_str_u64(first, &from) || !tn_str_u64(s, &to) ||
        !from || from > to || to > 100000)
        return false;
    f->first = (size_t)from - 1;
    f->last = (size_t)to;
    return true;
}

static bool read_layout(struct tn_idoc *d, struct tn_str list, struct layout *out,
                        struct tn_err *err)
{
    struct tn_str whole = list, one;
    struct field all[FIELDS_MAX];
    size_t n = 0;
    while (list.n && tn_str_split(&list, ',', &one)) {
        if (n == FIELDS_MAX || !read_field(one, n ? all[n - 1].last : 0, &all[n]))
            return fail_layout(err, one);
        struct tn_str name = all[n].name;
        for (size_t i = 0; i < n; i++)
            if (tn_str_eq(all[i].name, name))
                return tn_fail(err, TN_E_invalid, "a segment has two fields with the name \"%.*s\"",
                               TN_FMT(name));
        all[n++].name.p = tn_arena_strndup(&d->arena, name.p, name.n);
    }
    if (!n) return fail_layout(err, whole);
    out->fields = tn_arena_alloc(&d->arena, n * sizeof *out->fields);
    memcpy(out->fields, all, n * sizeof *all);
    out->count = n;
    return true;
}

static bool read_segments(struct tn_idoc *d, struct tn_str s, struct tn_err *err)
{
    while (s.n) {
        size_t n = 0;
        while (n < s.n && !memchr(" \t\r\n;", s.p[n], 5)) n++;
        struct tn_str part = {s.p, n}, name;
        s = (struct tn_str){s.p + (n < s.n ? n + 1 : n), s.n - (n < s.n ? n + 1 : n)};
        if (!n) continue;
        struct layout *layout = tn_arena_alloc(&d->arena, sizeof *layout);
        struct tn_str list = part;
        if (!tn_str_split(&list, '=', &name) || !is_name(name) || !list.p)
            return fail_layout(err, part);
        if (!read_layout(d, list, layout, err)) return false;
        if (tn_map_get(&d->layouts, name))
            return tn_fail(err, TN_E_invalid, "the segment %.*s is given twice", TN_FMT(name));
        tn_map_put(&d->layouts, name, layout);
    }
    return true;
}

/* ---- life ---- */

struct tn_idoc *tn_idoc_new(const struct tn_idoc_options *o, tn_rows_fn each, void *arg,
                            struct tn_err *err)
{
    struct tn_idoc *d = TN_NEW(struct tn_idoc);
    d->encoding = o->encoding;
    d->each = each;
    d->arg = arg;
    tn_arena_init(&d->arena);
    tn_map_init(&d->layouts);
    tn_buf_init(&d->line, TN_LIMIT_RECORD);
    tn_buf_init(&d->decoded, 3 * (size_t)TN_LIMIT_RECORD);
    tn_buf_init(&d->message, TN_LIMIT_RECORD);
    tn_buf_init(&d->json, 8 * (size_t)TN_LIMIT_RECORD);
    tn_segments_init(&d->tree);
    d->rows = (struct tn_str){tn_arena_strndup(&d->arena, o->rows.n ? o->rows.p : "", o->rows.n),
                              o->rows.n};
    bool ok = !o->rows.n || is_name(o->rows) ||
              tn_fail(err, TN_E_invalid, "rows is the name of a segment, such as E1EDP01");
    if (ok && read_layout(d, tn_str(control), &d->control, err) &&
        read_segments(d, o->segments, err))
        return d;
    tn_idoc_free(d);
    return NULL;
}

void tn_idoc_free(struct tn_idoc *d)
{
    if (!d) return;
    tn_map_clear(&d->layouts, NULL);
    tn_buf_clear(&d->line);
    tn_buf_clear(&d->decoded);
    tn_buf_clear(&d->message);
    tn_buf_clear(&d->json);
    tn_segments_clear(&d->tree);
    tn_arena_clear(&d->arena);
    tn_free(d);
}

struct tn_str tn_idoc_raw(const struct tn_idoc *d)
{
    return tn_buf_str(&d->message);
}

/* ---- fields ---- */

/* The characters from first to last (not included) of a text in UTF-8. */
static struct tn_str cut(struct tn_str s, size_t first, size_t last)
{
    size_t at = 0, from = s.n, i = 0;
    for (; i < s.n && at < last; at++) {
        if (at == first) from = i;
        size_t step = tn_utf8_step(s.p + i, s.n - i);
        i += step ? step : 1;
    }
    return from < i ? (struct tn_str){s.p + from, i - from} : (struct tn_str){s.p + s.n, 0};
}

static struct tn_str rest(struct tn_str s, size_t first)
{
    return cut(s, first, SIZE_MAX);
}

/* Gives the next field of a segment; fields in the order of their positions are found in one walk.
 */
static void put_fields(struct tn_idoc *d, const struct layout *layout, struct tn_str s)
{
    struct tn_str left = s;
    size_t at = 0;
    for (size_t i = 0; i < layout->count; i++) {
        const struct field *f = &layout->fields[i];
        if (f->first < at) left = s, at = 0;
        left = rest(left, f->first - at);
        at = f->first;
        struct tn_str value = tn_str_trim(cut(left, 0, f->last - f->first));
        if (value.n) tn_json_quote(tn_segments_field(&d->tree, f->name), value);
    }
}

/* Data behind the last field of a layout would be lost. */
static bool all_cut(const struct layout *layout, struct tn_str s)
{
    size_t end = 0;
    for (size_t i = 0; i < layout->count; i++)
        if (layout->fields[i].last > end) end = layout->fields[i].last;
    return !tn_str_trim(rest(s, end)).n;
}

/* The name of the segment type: a file has the name of its definition, E2EDK01005 of E1EDK01, with
 * a version of three digits behind it. */
static struct tn_str type_name(struct tn_str name, char *space)
{
    if (name.n < 4 || name.p[1] != '2' || !memchr("EZY", name.p[0], 3)) return name;
    size_t n = name.n;
    bool version = n > (name.p[0] == 'E' ? 7 : 6); /* those of customers always have one */
    for (size_t i = n - 3; i < n; i++) version &= name.p[i] >= '0' && name.p[i] <= '9';
    if (version) n -= 3;
    memcpy(space, name.p, n);
    space[1] = '1';
    return (struct tn_str){space, n};
}

/* ---- IDocs ---- */

static bool fault(const struct tn_idoc *d, struct tn_err *err, struct tn_str name, const char *fmt,
                  ...) TN_PRINTF(4, 5);
static bool fault(const struct tn_idoc *d, struct tn_err *err, struct tn_str name, const char *fmt,
                  ...)
{
    va_list ap;
    va_start(ap, fmt);
    tn_failv(err, TN_E_syntax, fmt, ap);
    va_end(ap);
    size_t number = d->open ? d->number - d->first + 1 : 1;
    if (name.n) return tn_fail_in(err, "segment %zu (%.*s)", number, TN_FMT(name));
    return tn_fail_in(err, "segment %zu", number);
}

static bool give(struct tn_idoc *d, struct tn_err *err)
{
    if (!d->open) return true;
    d->open = false;
    bool ok = d->bad.kind || !tn_buf_ok(&d->message, "the IDoc", &d->bad) ||
              tn_segments_give(&d->tree, d->rows, &d->json, d->each, d->arg, d->first, &d->bad);
    if (ok && d->bad.kind) ok = d->each(d->arg, (struct tn_str){NULL, 0}, &d->bad, d->first);
    return ok || tn_fail(err, TN_E_cancelled, "stopped");
}

static bool begin(struct tn_idoc *d, struct tn_str line, struct tn_err *why)
{
    d->level = 0;
    struct tn_str docnum = cut(line, 13, 29);
    memset(d->docnum, ' ', sizeof d->docnum);
    if (docnum.n <= sizeof d->docnum) memcpy(d->docnum, docnum.p, docnum.n);
    if (!tn_segments_add(&d->tree, NULL, TN_STR("EDI_DC40"), why)) return false;
    put_fields(d, &d->control, line);
    if (all_cut(&d->control, line)) return true;
    return fault(d, why, TN_STR("EDI_DC40"), "it is longer than 524 characters");
}

/* Finds the segment above: by its number (PSGNUM) or, without one, by the level (HLEVEL). */
static bool climb(struct tn_idoc *d, struct tn_str name, struct tn_str parent, unsigned depth,
                  struct tn_err *why)
{
    bool named = false;
    for (size_t i = 0; i < parent.n; i++) named |= parent.p[i] != '0' && parent.p[i] != ' ';
    while (d->level) {
        const struct level *top = &d->levels[d->level - 1];
        if (named ? tn_str_eq(parent, (struct tn_str){top->number, sizeof top->number})
                  : top->depth && depth > top->depth)
            return true;
        d->level--;
    }
    if (!named) return true;
    return fault(d, why, name, "no segment before it has the number %.*s of its parent",
                 TN_FMT(parent));
}

static unsigned level_of(struct tn_str s)
{
    uint64_t n;
    return tn_str_u64(tn_str_trim(s), &n) && n < 100 ? (unsigned)n : 0;
}

static bool add(struct tn_idoc *d, struct tn_str line, struct tn_err *why)
{
    char space[30];
    struct tn_str full = tn_str_trim(cut(line, 0, 30)), docnum = cut(line, 33, 49),
                  number = cut(line, 49, 55), data = rest(line, DATA_AT);
    if (!is_name(full)) return fault(d, why, TN_STR(""), "it begins with no segment's name");
    struct tn_str name = type_name(full, space);
    if (docnum.n && tn_str_trim(docnum).n &&
        (docnum.n != 16 || memcmp(docnum.p, d->docnum, 16) != 0))
        return fault(d, why, full, "it belongs to the IDoc %.*s", TN_FMT(docnum));
    unsigned depth = level_of(cut(line, 61, 63));
    if (!climb(d, full, cut(line, 55, 61), depth, why)) return false;
    if (d->level == LEVELS_MAX) return fault(d, why, full, "segments are nested too deep");
    struct tn_segment *s =
        tn_segments_add(&d->tree, d->level ? d->levels[d->level - 1].segment : NULL, name, why);
    if (!s) return false;
    struct level *top = &d->levels[d->level++];
    *top = (struct level){.segment = s, .depth = depth};
    memset(top->number, ' ', sizeof top->number);
    if (number.n <= sizeof top->number) memcpy(top->number, number.p, number.n);
    const struct layout *layout = tn_map_get(&d->layouts, name);
    if (!layout) layout = tn_map_get(&d->layouts, full);
    if (layout) {
        put_fields(d, layout, data);
        if (all_cut(layout, data)) return true;
        return fault(d, why, full, "it has data behind the last field that is given for it");
    }
    data = tn_str_trim(data);
    if (data.n) tn_json_quote(tn_segments_field(&d->tree, TN_STR("SDATA")), data);
    return true;
}

static bool decode(struct tn_idoc *d, struct tn_str *line, struct tn_err *why)
{
    if (d->encoding == TN_ENCODING_cp1252) {
        tn_buf_reset(&d->decoded);
        if (!tn_cp1252_text(*line, &d->decoded))
            return fault(d, why, TN_STR(""), "a byte that Windows-1252 does not have");
        *line = tn_buf_str(&d->decoded);
    } else if (!tn_utf8_valid(line->p, line->n)) {
        return fault(d, why, TN_STR(""), "the line is no UTF-8: is it Windows-1252?");
    }
    return true;
}

static bool end_line(struct tn_idoc *d, struct tn_err *err)
{
    struct tn_str line = tn_buf_str(&d->line);
    struct tn_err why;
    if (line.n && line.p[line.n - 1] == '\r') line.n--;
    if (!d->number++ && tn_str_starts(line, "\xef\xbb\xbf"))
        line = (struct tn_str){line.p + 3, line.n - 3};
    if (!tn_str_trim(line).n && !d->line.failed) {
        tn_buf_reset(&d->line);
        return true;
    }
    bool begins = tn_str_starts(line, "EDI_DC40");
    if (begins && !give(d, err)) return false;
    if (begins) {
        d->open = true;
        d->first = d->number;
        tn_err_clear(&d->bad);
        tn_buf_reset(&d->message);
        tn_segments_reset(&d->tree);
    }
    if (!d->open)
        return tn_fail(err, TN_E_syntax,
                       "line %zu: an IDoc begins with the control record EDI_DC40%s", d->number,
                       tn_str_starts(line, "EDI_DC") ? ", not with that of release 3" : "");
    tn_buf_addstr(&d->message, line);
    tn_buf_addc(&d->message, '\n');
    bool ok = d->line.failed ? fault(d, &why, TN_STR(""), "the line is too long")
                             : decode(d, &line, &why) && (begins ? begin : add)(d, line, &why);
    if (!ok && !d->bad.kind) d->bad = why;
    tn_buf_reset(&d->line);
    return true;
}

bool tn_idoc_feed(struct tn_idoc *d, const char *bytes, size_t n, struct tn_err *err)
{
    while (n) {
        const char *end = memchr(bytes, '\n', n);
        size_t part = end ? (size_t)(end - bytes) : n;
        tn_buf_add(&d->line, bytes, part);
        if (!end) return true;
        if (!end_line(d, err)) return false;
        bytes = end + 1;
        n -= part + 1;
    }
    return true;
}

bool tn_idoc_end(struct tn_idoc *d, struct tn_err *err)
{
    if ((d->line.n || d->line.failed) && !end_line(d, err)) return false;
    if (!d->first) return tn_fail(err, TN_E_syntax, "there is no IDoc: the text is empty");
    return give(d, err);
}
