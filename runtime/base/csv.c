/* SPDX-License-Identifier: MIT */
#include "base/csv.h"

#include "base/charset.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/recode.h"

enum { COLUMNS_MAX = 4096 };

/* A delimiter, a quote and the end of a line have no meaning from QUOTED on. */
enum state { CELL, PLAIN, QUOTE, QUOTED, COMMENT };

/* The parts of a text that stand before its first row. */
enum early { MARK, SEP, LINES, ROWS };

struct cell {
    size_t end; /* offset in text */
    bool quoted;
};

struct column {
    struct tn_str name, head; /* head: the JSON text `,"name":`; empty: nothing is written */
    bool comma;
    size_t next; /* the next column of the same name; 0: none */
};

/* A row that may be one of the footer. */
struct held {
    struct tn_buf json, raw;
    struct tn_err bad;
    size_t line;
};

struct tn_csv {
    struct tn_csv_options o;
    tn_rows_fn each;
    void *arg;
    struct tn_arena arena;
    struct tn_map commas; /* names of the columns with a decimal comma */
    bool all_commas;
    struct column *columns;
    size_t column_count, named;        /* named: columns up to the last one that has a name */
    struct tn_buf text, decoded, json; /* text: the cells of the row, one after the other */
    struct cell *cells;
    size_t count, room;
    enum state state;
    bool was_cr, begun; /* begun: this row has at least one byte */
    enum early early;
    char kept[8]; /* bytes that may be a byte order mark or "sep=;" */
    unsigned kept_n;
    size_t skip;         /* lines that are still passed over */
    struct held *footer; /* a ring of o.skip_footer rows */
    size_t footer_n, footer_at;
    const struct held *shown; /* the one that each gets now */
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
    c->skip = o->skip_lines;
    c->footer = o->skip_footer ? tn_alloc(o->skip_footer * sizeof *c->footer) : NULL;
    for (size_t i = 0; i < o->skip_footer; i++) {
        tn_buf_init(&c->footer[i].json, 8 * (size_t)TN_LIMIT_RECORD);
        tn_buf_init(&c->footer[i].raw, TN_LIMIT_RECORD);
    }
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
    for (size_t i = 0; i < c->o.skip_footer; i++) {
        tn_buf_clear(&c->footer[i].json);
        tn_buf_clear(&c->footer[i].raw);
    }
    tn_free(c->footer);
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
        bad(c, TN_E_syntax, "column %zu %s", i + 1, tn_recode_why(*s));
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
    tn_buf_addc(&c->json, c->named ? ',' : '{');
    tn_json_quote(&c->json, name);
    tn_buf_addc(&c->json, ':');
    struct column *column = &c->columns[i];
    *column = (struct column){.comma = c->all_commas || tn_map_get(&c->commas, name)};
    column->name = (struct tn_str){tn_arena_strndup(&c->arena, name.p, name.n), name.n};
    column->head.p = tn_arena_strndup(&c->arena, c->json.p, c->json.n);
    column->head.n = c->json.n;
    c->named = i + 1;
}

static void name_columns(struct tn_csv *c, const struct tn_str *names, size_t n)
{
    c->columns = tn_arena_alloc(&c->arena, n * sizeof *c->columns);
    c->column_count = n;
    for (size_t i = 0; i < n; i++) set_column(c, i, names[i]);
}

/* Hangs column i behind the others of its name, of which last is the last one. */
static void add_double(struct tn_csv *c, struct column *last, size_t i)
{
    c->columns[i] = (struct column){.name = last->name, .comma = last->comma};
    last->next = i;
    c->named = i + 1;
}

static void take_name(struct tn_csv *c, size_t i, struct tn_map *seen)
{
    struct tn_str name = cell_at(c, i);
    c->columns[i] = (struct column){.next = 0};
    if (!decode(c, i, &name)) return;
    name = tn_str_trim(name);
    if (!name.n) return;
    struct column *last = tn_map_put(seen, name, &c->columns[i]);
    if (last)
        add_double(c, last, i);
    else
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
    if (!c->named) bad(c, TN_E_syntax, "no column has a name");
    if (!c->bad.kind) return true;
    tn_fail(err, c->bad.kind, "line %zu, the header: %s", c->row_line, c->bad.text);
    err->line = (int)c->row_line;
    return false;
}

/* ---- rows ---- */

/* Do points stand only between groups of three digits? The first group may be shorter, but has no
 * zero in front: the point of "0.500" is a decimal one. */
static bool are_groups(struct tn_str s)
{
    size_t sign = s.n && (s.p[0] == '-' || s.p[0] == '+');
    const char *first = s.n ? memchr(s.p, '.', s.n) : NULL;
    if (!first) return true;
    size_t lead = (size_t)(first - s.p) - sign;
    if (!lead || lead > 3 || s.p[sign] == '0') return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '.' && (s.n - i) % 4) return false;
    return true;
}

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
    size_t end = comma == SIZE_MAX ? in.n : comma;
    if (!are_groups((struct tn_str){in.p, end})) return s;
    char *out = tn_buf_reserve(&c->json, in.n);
    if (!out) return s;
    for (size_t i = 0; i < in.n; i++)
        if (in.p[i] != '.') out[n++] = in.p[i] == ',' ? '.' : in.p[i];
    tn_buf_reset(&c->decoded);
    tn_buf_add(&c->decoded, out, n);
    return tn_buf_str(&c->decoded);
}

/* Is it a number with a decimal point, as "12.50", and no comma? */
static bool has_point(struct tn_str s)
{
    size_t points = 0, digits = 0;
    s = tn_str_trim(s);
    for (size_t i = 0; i < s.n; i++) {
        bool sign = !i && (s.p[i] == '-' || s.p[i] == '+');
        if (s.p[i] >= '0' && s.p[i] <= '9')
            digits++;
        else if (s.p[i] == '.')
            points++;
        else if (!sign)
            return false;
    }
    return points == 1 && digits;
}

/* A number of a column with a decimal comma. One that has its point elsewhere than between groups
 * is a fault: nobody can tell what the point of "1.250" in the row before meant. */
static struct tn_str read_comma(struct tn_csv *c, size_t i, struct tn_str s)
{
    bool point = has_point(s);
    struct tn_str text = without_comma(c, s); /* it may stand where s stood */
    if (point && text.n == s.n)
        bad(c, TN_E_syntax,
            "column %zu: \"%.*s\" has a point where no group of three digits begins, but the "
            "column has a decimal comma",
            i + 1, s.n > 40 ? 40 : (int)s.n, s.p);
    return text;
}

static bool write_cell(struct tn_csv *c, size_t i)
{
    struct tn_str s = cell_at(c, i);
    if (!s.n && !c->cells[i].quoted) {
        tn_buf_adds(&c->json, "null");
        return true;
    }
    if (!decode(c, i, &s)) return false;
    if (c->columns[i].comma) s = read_comma(c, i, s);
    if (c->bad.kind) return false;
    tn_json_quote(&c->json, s);
    return true;
}

static bool write_list(struct tn_csv *c, size_t i)
{
    tn_buf_addc(&c->json, '[');
    for (;;) {
        if (!write_cell(c, i)) return false;
        if (!(i = c->columns[i].next)) break;
        tn_buf_addc(&c->json, ',');
    }
    tn_buf_addc(&c->json, ']');
    return true;
}

/* Columns without a name are passed over as long as they are empty, so that a separator at the end
 * of lines does no harm. */
static bool count_cells(struct tn_csv *c)
{
    size_t full = c->count;
    while (full > c->column_count && !cell_at(c, full - 1).n) full--;
    if (full < c->named || full > c->column_count) {
        bad(c, TN_E_syntax, "%zu cells, but the header has %zu", full, c->named);
        return false;
    }
    return true;
}

static void write_row(struct tn_csv *c)
{
    if (!count_cells(c)) return;
    tn_buf_reset(&c->json);
    for (size_t i = 0; i < c->column_count && i < c->count; i++) {
        const struct column *column = &c->columns[i];
        if (column->head.n) {
            tn_buf_addstr(&c->json, column->head);
            if (!(column->next ? write_list(c, i) : write_cell(c, i))) return;
        } else if (!column->name.n && cell_at(c, i).n) {
            bad(c, TN_E_syntax, "column %zu has a value, but no name in the header", i + 1);
            return;
        }
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

/* Gives the row to each. */
static bool give_row(struct tn_csv *c, struct tn_err *err)
{
    bool failed = c->bad.kind != TN_E_none;
    return c->each(c->arg, failed ? (struct tn_str){0} : tn_buf_str(&c->json),
                   failed ? &c->bad : NULL, c->row_line) ||
           tn_fail(err, TN_E_cancelled, "stopped");
}

static void keep_raw(struct tn_csv *c)
{
    if (c->at > c->from) tn_buf_add(&c->raw, c->from, (size_t)(c->at - c->from));
    c->from = c->at;
}

/* Holds the row, which may be one of the footer, and gives the one that it pushes out. */
static bool hold_row(struct tn_csv *c, struct tn_err *err)
{
    struct held *h = &c->footer[c->footer_at];
    bool ok = true;
    if (c->footer_n == c->o.skip_footer) {
        bool failed = h->bad.kind != TN_E_none;
        c->shown = h;
        ok = c->each(c->arg, failed ? (struct tn_str){0} : tn_buf_str(&h->json),
                     failed ? &h->bad : NULL, h->line) ||
             tn_fail(err, TN_E_cancelled, "stopped");
        c->shown = NULL;
    } else {
        c->footer_n++;
    }
    keep_raw(c);
    tn_buf_reset(&h->json);
    tn_buf_reset(&h->raw);
    h->bad = c->bad;
    h->line = c->row_line;
    if (c->bad.kind == TN_E_none)
        tn_buf_addstr(&h->json, tn_buf_str(&c->json));
    else
        tn_buf_addstr(&h->raw, tn_buf_str(&c->raw));
    c->footer_at = (c->footer_at + 1) % c->o.skip_footer;
    return ok;
}

static void begin_row(struct tn_csv *c)
{
    tn_buf_reset(&c->text);
    tn_buf_reset(&c->raw);
    tn_err_clear(&c->bad);
    c->count = 0;
    c->state = CELL;
    c->begun = false;
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
        if (!c->bad.kind) write_row(c);
        ok = c->footer ? hold_row(c, err) : give_row(c, err);
    }
    begin_row(c);
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

/* Takes a byte of a cell in quotes, or of a comment. */
static bool take_inside(struct tn_csv *c, char ch)
{
    bool end = ch == '\n' || (ch == '\r' && c->state == COMMENT);
    if (c->state == COMMENT) {
        if (!end) return true;
        begin_row(c);
        c->was_cr = ch == '\r';
        c->row_line = ++c->line;
        return true;
    }
    c->line += end;
    if (ch == '"')
        c->state = QUOTE;
    else
        tn_buf_addc(&c->text, ch);
    return true;
}

static bool take(struct tn_csv *c, char ch, struct tn_err *err)
{
    if (c->state >= QUOTED) return take_inside(c, ch);
    if (ch == '\n' || ch == '\r') return take_end_of_line(c, ch, err);
    c->was_cr = false;
    if (!c->begun) {
        c->begun = true;
        if (c->o.comment && ch == c->o.comment) {
            c->state = COMMENT;
            return true;
        }
    }
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
    if (c->shown) return tn_buf_str(&c->shown->raw);
    keep_raw(c);
    return tn_buf_str(&c->raw);
}

static bool feed_one(struct tn_csv *c, const char *byte, struct tn_err *err)
{
    c->at = byte;
    if (!take(c, *byte, err)) return false;
    if (!c->begun) c->from = byte + 1; /* byte ended a row */
    return true;
}

/* ---- before the first row ---- */

/* Gives the bytes that were no mark and no "sep=;" to the reader, if their line is not passed over.
 * None of them ends a line. */
static bool release(struct tn_csv *c, struct tn_err *err)
{
    unsigned n = c->kept_n;
    c->kept_n = 0;
    c->early = c->skip ? LINES : ROWS;
    if (c->skip) return true;
    for (unsigned i = 0; i < n; i++)
        if (!take(c, c->kept[i], err)) return false;
    tn_buf_add(&c->raw, c->kept, n);
    return true;
}

static bool keep(struct tn_csv *c, char ch)
{
    c->kept[c->kept_n++] = ch;
    return true;
}

/* Takes a byte of a line that is passed over. */
static void skip_byte(struct tn_csv *c, char ch)
{
    bool rest = ch == '\n' && c->was_cr; /* of the end of the line before */
    c->was_cr = ch == '\r';
    if (rest || (ch != '\n' && ch != '\r')) return;
    c->row_line = ++c->line;
    if (c->skip) c->skip--;
    c->early = c->skip ? LINES : ROWS;
}

static bool take_mark(struct tn_csv *c, char ch)
{
    static const char mark[] = "\xEF\xBB\xBF";
    if (ch != mark[c->kept_n]) return false;
    keep(c, ch);
    if (c->kept_n < 3) return true;
    c->kept_n = 0;
    c->early = SEP;
    return true;
}

/* The first line may be "sep=;", which names the delimiter. */
static bool take_sep(struct tn_csv *c, char ch)
{
    static const char sep[] = "sep=";
    bool end = ch == '\n' || ch == '\r';
    if (c->kept_n < 4) return ch == sep[c->kept_n] && keep(c, ch);
    if (c->kept_n == 4) return !end && ch != '"' && keep(c, ch);
    if (!end) return false;
    c->o.delimiter = c->kept[4];
    c->kept_n = 0;
    skip_byte(c, ch);
    return true;
}

/* *taken: the byte stands before the first row. */
static bool take_early(struct tn_csv *c, char ch, bool *taken, struct tn_err *err)
{
    *taken = true;
    if (c->early == MARK) {
        if (take_mark(c, ch)) return true;
        c->early = SEP;
        if (c->kept_n && !release(c, err)) return false;
    }
    if (c->early == SEP) {
        if (take_sep(c, ch)) return true;
        if (!release(c, err)) return false;
    }
    *taken = c->early == LINES;
    if (*taken) skip_byte(c, ch);
    return true;
}

bool tn_csv_feed(struct tn_csv *c, const char *bytes, size_t n, struct tn_err *err)
{
    size_t i = 0;
    c->from = bytes;
    for (; i < n && c->early != ROWS; i++) {
        bool taken;
        if (!take_early(c, bytes[i], &taken, err)) return false;
        c->from = bytes + i + taken;
        if (!taken && !feed_one(c, bytes + i, err)) return false;
    }
    for (; i < n; i++)
        if (!feed_one(c, bytes + i, err)) return false;
    c->at = bytes + n;
    keep_raw(c);
    c->from = c->at = NULL;
    return true;
}

bool tn_csv_end(struct tn_csv *c, struct tn_err *err)
{
    if (c->early < LINES && !release(c, err)) return false;
    if (c->state == QUOTED)
        bad(c, TN_E_syntax, "column %zu: the closing quote is missing", c->count + 1);
    if (!c->begun || c->state == COMMENT) return true;
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
