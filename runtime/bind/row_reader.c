/* SPDX-License-Identifier: MIT */
#include "bind/row_reader.h"

#include "base/alloc.h"
#include "base/ndjson.h"
#include "base/xml.h"

enum { PIECE = 16 * 1024, EDI_PIECE = 1024, COLUMNS_MAX = 4096 };

/* ---- options ---- */

static bool decodes(const struct row_format *f)
{
    bool able = f->kind != ROWS_xml && f->kind != ROWS_ndjson;
    return able && tn_str_eq_nocase(f->encoding, TN_STR("windows-1252"));
}

void row_format_hint(struct row_format *f, struct tn_str content_type)
{
    struct tn_str charset = tn_recode_charset(content_type);
    if (f->encoding.n || f->fixed.bytes || !charset.n) return;
    if (tn_str_eq_nocase(charset, TN_STR("utf-8")) ||
        !tn_recode_known(charset, &(struct tn_err){0}))
        return;
    f->encoding = charset;
    f->how = TN_RECODE_hint;
}

/* Reads a text, or a list of texts that is joined with commas. */
static struct tn_str text_or_list(lua_State *L, int table, const char *key)
{
    struct tn_str s = {NULL, 0};
    int type = lua_getfield(L, table, key);
    if (type == LUA_TTABLE) {
        luaL_Buffer b;
        int list = lua_gettop(L);
        bind_plain(L, list, key);
        lua_Integer n = (lua_Integer)lua_rawlen(L, list);
        luaL_buffinit(L, &b);
        for (lua_Integer i = 1; i <= n; i++) {
            if (i > 1) luaL_addchar(&b, ',');
            if (lua_rawgeti(L, list, i) != LUA_TSTRING)
                luaL_error(L, "option '%s': number %d is no text", key, (int)i);
            luaL_addvalue(&b);
        }
        luaL_pushresult(&b);
    } else if (type != LUA_TNIL && type != LUA_TSTRING) {
        luaL_error(L, "option '%s' has to be a text or a list of texts, not %s", key,
                   luaL_typename(L, -1));
    }
    s.p = lua_tolstring(L, -1, &s.n);
    return s;
}

/* The encoding that the reader itself decodes; others are decoded before it. */
static enum tn_encoding read_encoding(lua_State *L, int table, struct row_format *f)
{
    struct tn_err err;
    f->encoding = bind_opt_key_str(L, table, "encoding");
    if (!f->encoding.p) return TN_ENCODING_utf8;
    if (!tn_recode_known(f->encoding, &err)) luaL_error(L, "option 'encoding': %s", err.text);
    if (!decodes(f)) return TN_ENCODING_utf8;
    f->how = TN_RECODE_asis;
    return TN_ENCODING_cp1252;
}

static char read_delimiter(lua_State *L, int table)
{
    struct tn_str s = bind_opt_key_str(L, table, "delimiter");
    if (!s.p) return ',';
    if (s.n != 1 || strchr("\"\r\n", s.p[0]))
        luaL_error(L, "option 'delimiter' is one character, and no quote or line end");
    return s.p[0];
}

static char read_comment(lua_State *L, int table)
{
    struct tn_str s = bind_opt_key_str(L, table, "comment");
    if (!s.p) return 0;
    if (s.n != 1 || strchr("\"\r\n", s.p[0]))
        luaL_error(L, "option 'comment' is one character, and no quote or line end");
    return s.p[0];
}

static size_t read_count(lua_State *L, int table, const char *key, int64_t max)
{
    int64_t n = bind_opt_key_int(L, table, key, 0);
    if (n < 0 || n > max) luaL_error(L, "option '%s' is 0 to %d", key, (int)max);
    return (size_t)n;
}

/* Reads the list of column names into memory that Lua owns. */
static void read_header(lua_State *L, int table, struct tn_csv_options *o)
{
    if (lua_getfield(L, table, "header") == LUA_TNIL) return;
    int list = lua_gettop(L);
    bind_plain(L, list, "'header'");
    lua_Integer n = (lua_Integer)lua_rawlen(L, list);
    if (n < 1 || n > COLUMNS_MAX) luaL_error(L, "option 'header' has 1 to %d names", COLUMNS_MAX);
    struct tn_str *names = lua_newuserdatauv(L, (size_t)n * sizeof *names, 0);
    for (lua_Integer i = 1; i <= n; i++) {
        if (lua_rawgeti(L, list, i) != LUA_TSTRING)
            luaL_error(L, "option 'header': number %d is no text", (int)i);
        struct tn_str *name = &names[i - 1];
        name->p = lua_tolstring(L, -1, &name->n);
        if (!name->n || !tn_utf8_valid(name->p, name->n))
            luaL_error(L, "option 'header': number %d is no name", (int)i);
        for (lua_Integer k = 0; k < i - 1; k++)
            if (tn_str_eq(names[k], *name))
                luaL_error(L, "option 'header': \"%s\" comes twice", name->p);
        lua_pop(L, 1); /* the table holds the text */
    }
    o->names = names;
    o->name_count = (size_t)n;
}

static void check_bytes(lua_State *L, const struct row_format *f)
{
    if (f->fixed.bytes && f->encoding.n && f->fixed.encoding == TN_ENCODING_utf8 &&
        !tn_str_eq_nocase(f->encoding, TN_STR("utf-8")))
        luaL_error(L, "option 'bytes' counts bytes of utf-8 or windows-1252, not of %s",
                   f->encoding.p);
}

static const char formats[] = "csv, xml, fixed, ndjson, edifact, x12 or idoc";

static enum row_kind read_kind(lua_State *L, int index, const char *kind)
{
    static const char *const kinds[] = {"csv",     "xml", "fixed", "ndjson",
                                        "edifact", "x12", "idoc",  NULL};
    struct tn_str s = kind ? tn_str(kind) : bind_opt_key_str(L, index, "format");
    if (!s.p) return (enum row_kind)luaL_error(L, "option 'format' is missing: %s", formats);
    for (int i = 0; kinds[i]; i++)
        if (tn_str_is(s, kinds[i])) return (enum row_kind)i;
    luaL_error(L, "option 'format' is %s, not \"%s\"", formats, s.p);
    return ROWS_csv;
}

void row_format_read(lua_State *L, int index, const char *kind, struct row_format *f)
{
    static const char *const csv[] = {"format",        "delimiter", "encoding",
                                      "decimal_comma", "header",    "skip_lines",
                                      "skip_footer",   "comment",   NULL};
    static const char *const xml[] = {"format", "rows", "encoding", NULL};
    static const char *const fixed[] = {"format", "columns", "bytes", "encoding", "only", NULL};
    static const char *const ndjson[] = {"format", "encoding", NULL};
    static const char *const edi[] = {"format", "groups", "rows", "encoding", NULL};
    static const char *const idoc[] = {"format", "segments", "rows", "encoding", NULL};
    static const char *const *const keys[] = {csv, xml, fixed, ndjson, edi, edi, idoc};
    *f = (struct row_format){.kind = read_kind(L, index, kind), .rows = TN_STR("")};
    f->edi.x12 = f->kind == ROWS_x12;
    bind_check_keys(L, index, keys[f->kind]);
    if (lua_isnoneornil(L, index)) return;
    luaL_checkstack(L, 8, "options");
    if (f->kind == ROWS_csv) {
        f->csv.delimiter = read_delimiter(L, index);
        f->csv.encoding = read_encoding(L, index, f);
        f->csv.decimal_comma = text_or_list(L, index, "decimal_comma");
        f->csv.skip_lines = read_count(L, index, "skip_lines", TN_CSV_SKIP_MAX);
        f->csv.skip_footer = read_count(L, index, "skip_footer", TN_CSV_FOOTER_MAX);
        f->csv.comment = read_comment(L, index);
        read_header(L, index, &f->csv);
    } else if (f->kind == ROWS_xml) {
        f->rows = bind_opt_key_str(L, index, "rows");
        (void)read_encoding(L, index, f);
    } else if (f->kind == ROWS_ndjson) {
        (void)read_encoding(L, index, f);
    } else if (f->kind == ROWS_fixed) {
        f->fixed.columns = text_or_list(L, index, "columns");
        f->fixed.bytes = bind_opt_key_bool(L, index, "bytes", false);
        f->fixed.encoding = read_encoding(L, index, f);
        check_bytes(L, f);
        f->fixed.only = bind_opt_key_str(L, index, "only");
    } else if (f->kind == ROWS_edifact || f->kind == ROWS_x12) {
        f->edi.rows = bind_opt_key_str(L, index, "rows");
        f->edi.groups = bind_opt_key_str(L, index, "groups");
        f->edi.encoding = read_encoding(L, index, f);
    } else if (f->kind == ROWS_idoc) {
        f->idoc.rows = bind_opt_key_str(L, index, "rows");
        f->idoc.segments = bind_opt_key_str(L, index, "segments");
        f->idoc.encoding = read_encoding(L, index, f);
    }
}

/* ---- one interface for all formats ---- */

struct row_reader {
    enum row_kind kind;
    struct tn_csv *csv;
    struct tn_xml *xml;
    struct tn_fixed *fixed;
    struct tn_ndjson *ndjson;
    struct tn_edi *edi;
    struct tn_idoc *idoc;
};

struct row_reader *row_reader_new(const struct row_format *f, tn_rows_fn each, void *arg,
                                  struct tn_err *err)
{
    struct row_reader *r = TN_NEW(struct row_reader);
    bool ok = true;
    r->kind = f->kind;
    switch (f->kind) {
    case ROWS_csv: r->csv = tn_csv_new(&f->csv, each, arg); break;
    case ROWS_xml:
        r->xml = tn_xml_new(f->rows, each, arg);
        if (f->encoding.n) tn_xml_utf8(r->xml);
        break;
    case ROWS_fixed: ok = (r->fixed = tn_fixed_new(&f->fixed, each, arg, err)) != NULL; break;
    case ROWS_ndjson: r->ndjson = tn_ndjson_new(each, arg); break;
    case ROWS_edifact:
    case ROWS_x12: ok = (r->edi = tn_edi_new(&f->edi, each, arg, err)) != NULL; break;
    case ROWS_idoc: ok = (r->idoc = tn_idoc_new(&f->idoc, each, arg, err)) != NULL; break;
    }
    if (ok) return r;
    row_reader_free(r);
    return NULL;
}

void row_reader_free(struct row_reader *r)
{
    if (!r) return;
    tn_csv_free(r->csv);
    tn_xml_free(r->xml);
    tn_fixed_free(r->fixed);
    tn_ndjson_free(r->ndjson);
    tn_edi_free(r->edi);
    tn_idoc_free(r->idoc);
    tn_free(r);
}

static bool feed(struct row_reader *r, struct tn_str s, struct tn_err *err)
{
    switch (r->kind) {
    case ROWS_csv: return tn_csv_feed(r->csv, s.p, s.n, err);
    case ROWS_xml: return tn_xml_feed(r->xml, s.p, s.n, err);
    case ROWS_fixed: return tn_fixed_feed(r->fixed, s.p, s.n, err);
    case ROWS_edifact:
    case ROWS_x12: return tn_edi_feed(r->edi, s.p, s.n, err);
    case ROWS_idoc: return tn_idoc_feed(r->idoc, s.p, s.n, err);
    default: return tn_ndjson_feed(r->ndjson, s.p, s.n, err);
    }
}

/* The part to read next. One short line can become a long record, since the record has the names
 * of all columns; so lines are read one by one. */
static size_t piece_of(const struct row_reader *r, struct tn_str text)
{
    size_t n = text.n < PIECE ? text.n : PIECE;
    if (r->kind == ROWS_xml) return n;
    if (r->edi) return n < EDI_PIECE ? n : EDI_PIECE; /* each message has the envelope, too */
    const char *end = memchr(text.p, '\n', n);
    if (end) n = (size_t)(end - text.p) + 1;
    const char *old = r->kind == ROWS_csv ? memchr(text.p, '\r', n) : NULL;
    return old ? (size_t)(old - text.p) + 1 : n;
}

bool row_reader_feed(struct row_reader *r, struct tn_str *text, struct tn_err *err)
{
    struct tn_str piece = {text->p, piece_of(r, *text)};
    text->p += piece.n;
    text->n -= piece.n;
    return feed(r, piece, err);
}

bool row_reader_end(struct row_reader *r, struct tn_err *err)
{
    switch (r->kind) {
    case ROWS_csv: return tn_csv_end(r->csv, err);
    case ROWS_xml: return tn_xml_end(r->xml, err);
    case ROWS_fixed: return tn_fixed_end(r->fixed, err);
    case ROWS_edifact:
    case ROWS_x12: return tn_edi_end(r->edi, err);
    case ROWS_idoc: return tn_idoc_end(r->idoc, err);
    default: return tn_ndjson_end(r->ndjson, err);
    }
}

struct tn_str row_reader_raw(struct row_reader *r)
{
    switch (r->kind) {
    case ROWS_csv: return tn_csv_raw(r->csv);
    case ROWS_fixed: return tn_fixed_raw(r->fixed);
    case ROWS_edifact:
    case ROWS_x12: return tn_edi_raw(r->edi);
    case ROWS_idoc: return tn_idoc_raw(r->idoc);
    case ROWS_ndjson: return tn_ndjson_raw(r->ndjson);
    default: return TN_STR("");
    }
}

struct tn_str row_reader_root(const struct row_reader *r)
{
    return r->xml ? tn_xml_root(r->xml) : (struct tn_str){NULL, 0};
}
