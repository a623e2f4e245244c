/* SPDX-License-Identifier: MIT */
#include "base/csv.h"

#include "base/charset.h"
#include "base/limits.h"
#include "base/map.h"

enum { COLUMNS_MAX = 4096 };

enum state { CELL, PLAIN, QUOTED, QUOTE };

struct cell {
    size_t end; /* offset in text */
    bool quoted;
};

struct column {
    struct tn_str name, head; /* head: the JSON text `"name":` */
    bool comma;
};

struct tn_csv {
    struct tn_csv_options o;
    tn_rows_fn each;
    void *arg;
    struct tn_arena arena;
    struct tn_map commas; /* names of the columns with a decimal comma */
    bool all_commas;
    struct column *columns;
    size_t column_count;
    struct tn_buf text, decoded, json; /* text: the cells of the row, one after the other */
    struct cell *cells;
    size_t count, room;
    enum state state;
    bool was_cr, begun; /* begun: this row has at least one byte */
    unsigned mark;      /* matched bytes of a byte order mark; 3: its place has passed */
    size_t line, row_line;
    struct tn_err bad; /* the fault of this row */
    /* the raw bytes of this row that earlier feeds brought; [from, at) are those of this feed */
    struct tn_buf raw;
    const char *from, *at;
};

static void name_columns(struct tn_csv *c, const struct tn_str *names, size_t n);

static void list_commas(struct tn_csv *c, struct tn_str list)
{
    struct tn_str one;
    tn_map_init(&c->commas);
    c->all_commas = tn_str_is(list, "*");
    while (list.n && tn_str_split(&list, ',', &one)) tn_map_put(&c->commas, tn_str_trim(one), c);
}

struct tn_csv *tn_csv_new(const struct tn_csv_options *o, tn_rows_fn each, void *arg)
{
    struct tn_csv *c = TN_NEW(struct tn_csv);
    c->o = *o;
    if (!c->o.delimiter) c->o.delimiter = ',';
    c->each = each;
    c->arg = arg;
    c->line = c->row_line = 1;
    tn_arena_init(&c->arena);
    list_commas(c, o->decimal_comma);
    tn_buf_init(&c->text, TN_LIMIT_RECORD);
    tn_buf_init(&c->raw, TN_LIMIT_RECORD);
    tn_buf_init(&c->decoded, 3 * (size_t)TN_LIMIT_RECORD);
    tn_buf_init(&c->json, 8 * (size_t)TN_LIMIT_RECORD);
    if (o->name_count) name_columns(c, o->names, o->name_count);
    return c;
}

void tn_csv_free(struct tn_csv *c)
{
    if (!c) return;
    tn_arena_clear(&c->arena);
    tn_map_clear(&c->commas, NULL);
    tn_buf_clear(&c->text);
    tn_buf_clear(&c->raw);
    tn_buf_clear(&c->decoded);
    tn_buf_clear(&c->json);
    tn_free(c->cells);
    tn_free(c);
}

static void bad(struct tn_csv *c, enum tn_kind kind, const char *fmt, ...) TN_PRINTF(3, 4);
static void bad(struct tn_csv *c, enum tn_kind kind, const char *fmt, ...)
{
    va_list ap;
    if (c->bad.kind) return;
    va_start(ap, fmt);
    tn_failv(&c->bad, kind, fmt, ap);
    va_end(ap);
}

static struct tn_str cell_at(const struct tn_csv *c, size_t i)
{
    size_t from = i ? c->cells[i - 1].end : 0;
    return (struct tn_str){c->text.p ? c->text.p + from : "", c->cells[i].end - from};
}

/* Turns the cell into UTF-8; false: the row is bad. */
static bool decode(struct tn_csv *c, size_t i, struct tn_str *s)
{
    if (c->o.encoding == TN_ENCODING_utf8) {
        if (tn_utf8_valid(s->p, s->n)) return true;
        bad(c, TN_E_syntax, "column %zu is no UTF-8: is it Windows-1252?", i + 1);
        return false;
    }
    tn_buf_reset(&c->decoded);
    if (!tn_cp1252_text(*s, &c->decoded)) {
        bad(c, TN_E_syntax, "column %zu has a byte that Windows-1252 does not have", i + 1);
        return false;
    }
    *s = tn_buf_str(&c->decoded);
    return true;
}

/* ---- the header ---- */

static void set_column(struct tn_csv *c, size_t i, struct tn_str name)
{
    tn_buf_reset(&c->json);
    tn_json_quote(&c->json, name);
    tn_buf_addc(&c->json, ':');
    struct column *column = &c->columns[i];
    *column = (struct column){.comma = c->all_commas || tn_map_get(&c->commas, name)};
    column->name = (struct tn_str){tn_arena_strndup(&c->arena, name.p, name.n), name.n};
    column->head.p = tn_arena_strndup(&c->arena, c->json.p, c->json.n);
    column->head.n = c->json.n;
}

static void name_columns(struct tn_csv *c, const struct tn_str *names, size_t n)
{
    c->columns = tn_arena_alloc(&c->arena, n * sizeof *c->columns);
    c->column_count = n;
    for (size_t i = 0; i < n; i++) set_column(c, i, names[i]);
}

static void take_name(struct tn_csv *c, size_t i, struct tn_map *seen)
{
    struct tn_str name = cell_at(c, i);
    if (!decode(c, i, &name)) return;
    name = tn_str_trim(name);
    if (!name.n) bad(c, TN_E_syntax, "column %zu has no name", i + 1);
    if (tn_map_put(seen, name, c))
        bad(c, TN_E_syntax, "two columns have the name \"%.*s\"", TN_FMT(name));
    set_column(c, i, name);
}

static bool take_header(struct tn_csv *c, struct tn_err *err)
{
    struct tn_map seen;
    tn_map_init(&seen);
    c->columns = tn_arena_alloc(&c->arena, c->count * sizeof *c->columns);
    for (size_t i = 0; i < c->count && !c->bad.kind; i++) take_name(c, i, &seen);
    tn_map_clear(&seen, NULL);
    c->column_count = c->count;
    if (!c->bad.kind) return true;
    tn_fail(err, c->bad.kind, "line %zu, the header: %s", c->row_line, c->bad.text);
    err->line = (int)c->row_line;
    return false;
}

/* ---- rows ---- */

/* Turns "1.249,50" into "1249.50"; any other text stays as it is. */
static struct tn_str without_comma(struct tn_csv *c, struct tn_str s)
{
    struct tn_str in = tn_str_trim(s);
    size_t comma = SIZE_MAX, digits = 0, n = 0;
    for (size_t i = 0; i < in.n; i++) {
        char ch = in.p[i];
        if (ch >= '0' && ch <= '9')
            digits++;
        else if (ch == ',' && comma == SIZE_MAX && digits && i + 1 < in.n)
            comma = i;
        else if (ch == '.' && comma == SIZE_MAX && digits && i + 3 < in.n)
            continue;
        else if (!((ch == '-' || ch == '+') && !i))
            return s;
    }
    if (!digits) return s;
    /* the points must stand between groups of three digits */
    size_t end = comma == SIZE_MAX ? in.n : comma;
    for (size_t i = 0; i < end; i++)
        if (in.p[i] == '.' && (end - i) % 4) return s;
    char *out = tn_buf_reserve(&c->json, in.n);
    if (!out) return s;
    for (size_t i = 0; i < in.n; i++)
        if (in.p[i] != '.') out[n++] = in.p[i] == ',' ? '.' : in.p[i];
    tn_buf_reset(&c->decoded);
    tn_buf_add(&c->decoded, out, n);
    return tn_buf_str(&c->decoded);
}

static void write_row(struct tn_csv *c)
{
    tn_buf_reset(&c->json);
    tn_buf_addc(&c->json, '{');
    for (size_t i = 0; i < c->count; i++) {
        struct tn_str s = cell_at(c, i);
        if (i) tn_buf_addc(&c->json, ',');
        tn_buf_addstr(&c->json, c->columns[i].head);
        if (!s.n && !c->cells[i].quoted) {
            tn_buf_adds(&c->json, "null");
            continue;
        }
        if (!decode(c, i, &s)) return;
        if (c->columns[i].comma) s = without_comma(c, s);
        tn_json_quote(&c->json, s);
    }
    tn_buf_addc(&c->json, '}');
    if (c->json.failed) bad(c, TN_E_too_large, "the row is too large");
}

static void end_cell(struct tn_csv *c)
{
    if (c->count == c->room) {
        c->room = c->room ? c->room * 2 : 32;
        c->cells = tn_realloc(c->cells, c->room * sizeof *c->cells);
    }
    if (c->count == COLUMNS_MAX) {
        bad(c, TN_E_too_large, "more than %d cells", COLUMNS_MAX);
        return;
    }
    c->cells[c->count++] = (struct cell){.end = c->text.n, .quoted = c->state == QUOTE};
}

static bool end_row(struct tn_csv *c, struct tn_err *err)
{
    bool ok = true;
    end_cell(c);
    bool blank = c->count == 1 && !c->text.n && !c->cells[0].quoted;
    if (c->text.failed) bad(c, TN_E_too_large, "the row is larger than %u bytes", TN_LIMIT_RECORD);
    if (blank && !c->bad.kind) {
        ok = true;
    } else if (!c->columns) {
        ok = take_header(c, err);
    } else {
        if (c->count != c->column_count)
            bad(c, TN_E_syntax, "%zu cells, but the header has %zu", c->count, c->column_count);
        if (!c->bad.kind) write_row(c);
        bool failed = c->bad.kind != TN_E_none;
        struct tn_str json = {0};
        if (!failed) json = tn_buf_str(&c->json);
        ok = c->each(c->arg, json, failed ? &c->bad : NULL, c->row_line) ||
             tn_fail(err, TN_E_cancelled, "stopped");
    }
    tn_buf_reset(&c->text);
    tn_buf_reset(&c->raw);
    tn_err_clear(&c->bad);
    c->count = 0;
    c->state = CELL;
    c->begun = false;
    return ok;
}

static bool take_end_of_line(struct tn_csv *c, char ch, struct tn_err *err)
{
    bool rest = ch == '\n' && c->was_cr && !c->begun;
    c->was_cr = ch == '\r';
    if (rest) {
        c->row_line = c->line;
        return true;
    }
    c->line++;
    bool ok = end_row(c, err);
    c->row_line = c->line;
    return ok;
}

static bool take(struct tn_csv *c, char ch, struct tn_err *err)
{
    if (c->state == QUOTED) {
        c->line += ch == '\n';
        if (ch == '"')
            c->state = QUOTE;
        else
            tn_buf_addc(&c->text, ch);
        return true;
    }
    if (ch == '\n' || ch == '\r') return take_end_of_line(c, ch, err);
    c->was_cr = false;
    c->begun = true;
    if (ch == c->o.delimiter) {
        end_cell(c);
        c->state = CELL;
    } else if (ch == '"' && c->state == CELL) {
        c->state = QUOTED;
    } else if (ch == '"' && c->state == QUOTE) {
        tn_buf_addc(&c->text, '"');
        c->state = QUOTED;
    } else {
        if (c->state == QUOTE)
            bad(c, TN_E_syntax, "column %zu: text behind the closing quote", c->count + 1);
        if (ch == '"')
            bad(c, TN_E_syntax, "column %zu: a quote inside of a cell without quotes",
                c->count + 1);
        c->state = PLAIN;
        tn_buf_addc(&c->text, ch);
    }
    return true;
}

struct tn_str tn_csv_raw(struct tn_csv *c)
{
    if (c->at > c->from) tn_buf_add(&c->raw, c->from, (size_t)(c->at - c->from));
    c->from = c->at;
    return tn_buf_str(&c->raw);
}

static bool feed_one(struct tn_csv *c, const char *byte, struct tn_err *err)
{
    c->at = byte;
    if (!take(c, *byte, err)) return false;
    if (!c->begun) c->from = byte + 1; /* byte ended a row */
    return true;
}

bool tn_csv_feed(struct tn_csv *c, const char *bytes, size_t n, struct tn_err *err)
{
    static const char mark[] = "\xEF\xBB\xBF";
    c->from = bytes;
    for (size_t i = 0; i < n; i++) {
        if (c->mark < 3) {
            if (bytes[i] == mark[c->mark]) {
                c->mark++;
                c->from = bytes + i + 1;
                continue;
            }
            unsigned seen = c->mark;
            c->mark = 3;
            for (unsigned k = 0; k < seen; k++)
                if (!take(c, mark[k], err)) return false;
            if (seen) tn_buf_add(&c->raw, mark, seen);
            c->from = bytes + i;
        }
        if (!feed_one(c, bytes + i, err)) return false;
    }
    c->at = bytes + n;
    tn_csv_raw(c);
    c->from = c->at = NULL;
    return true;
}

bool tn_csv_end(struct tn_csv *c, struct tn_err *err)
{
    if (c->state == QUOTED)
        bad(c, TN_E_syntax, "column %zu: the closing quote is missing", c->count + 1);
    if (!c->begun) return true;
    return end_row(c, err);
}

/* ---- writing ---- */

static bool is_number(struct tn_str s)
{
    size_t digits = 0, points = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] >= '0' && s.p[i] <= '9')
            digits++;
        else if (s.p[i] == '.')
            points++;
        else if (i || (s.p[i] != '-' && s.p[i] != '+'))
            return false;
    }
    return digits && points <= 1;
}

void tn_csv_cell(struct tn_buf *out, struct tn_str s, char delimiter)
{
    bool formula = s.n && memchr("=+-@\t\r", s.p[0], 6) && !is_number(s), quotes = formula || !s.n;
    for (size_t i = 0; i < s.n && !quotes; i++)
        quotes = s.p[i] == '"' || s.p[i] == delimiter || s.p[i] == '\n' || s.p[i] == '\r';
    if (!quotes) {
        tn_buf_addstr(out, s);
        return;
    }
    tn_buf_addc(out, '"');
    if (formula) tn_buf_addc(out, '\'');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"') tn_buf_addc(out, '"');
        tn_buf_addc(out, s.p[i]);
    }
    tn_buf_addc(out, '"');
}

void tn_csv_row(struct tn_buf *out, struct tn_jval record, const struct tn_str *names, size_t n,
                char delimiter)
{
    struct tn_arena arena;
    tn_arena_init(&arena);
    for (size_t i = 0; i < n; i++) {
        struct tn_jval v = tn_jget(record, names[i]);
        struct tn_str text;
        if (i) tn_buf_addc(out, delimiter);
        if (tn_jis(v, TN_JSON_absent) || tn_jis(v, TN_JSON_null)) continue;
        if (!tn_jtext(v, &arena, &text)) text = tn_jraw(v);
        tn_csv_cell(out, text, delimiter);
    }
    tn_buf_adds(out, "\r\n");
    tn_arena_clear(&arena);
}
