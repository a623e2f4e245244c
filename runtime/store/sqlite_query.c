/* SPDX-License-Identifier: MIT */
/* tn_sqlite_query (sqlite.h) in SQL.  Every statement names the team; values are always bound.
 * A cursor holds the sort values and n of the last row, so a page begins with a seek however deep
 * it lies.  NULLs sort first, and a range condition does not see them: a page that may cross from
 * values to NULLs is read in two phases. */
#include <stdio.h>

#include "base/limits.h"
#include "store/shape.h"
#include "store/sqlite.h"
#include "store/wire.h"

void tn_page_init(struct tn_page *page)
{
    *page = (struct tn_page){.total = -1};
    tn_buf_init(&page->next, 16 * TN_KIB);
}

void tn_page_clear(struct tn_page *page)
{
    tn_buf_clear(&page->next);
}

enum {
    BINDS_MAX = 1200,
    IN_MAX = 1000,
    TOTAL_MAX = 100000,
    STEPS_UNIT = 10000,
    STEPS_MAX = 100,
    CURSOR_MAX = 8 * 1024
};

struct builder {
    struct tn_sqlite *s;
    const struct tn_query *q;
    const struct tn_shape *decl;
    struct tn_buf sql;
    struct tn_arena arena;
    struct tn_cell binds[BINDS_MAX];
    size_t bind_count;
    bool plain; /* use the index of the sort, not those of filters */
    bool scan_team;
    struct tn_cell from[TN_STORE_SORT_MAX]; /* the cursor */
    int64_t from_n;
    int64_t team_from; /* all records of the team lie at or behind this n; 0: not looked up */
    unsigned left;     /* steps that the query may still take, in units */
};

/* ------------------------------------------------------------------ columns and values */

struct column {
    enum { IS_ID, IS_SYSTEM, IS_REAL } what;
    enum tn_column_type type;
    const char *name;
};

static bool resolve(const struct builder *b, const char *name, struct column *out,
                    struct tn_err *err)
{
    static const char *const system[] = {"version", "created", "updated"};
    int at = tn_shape_column(b->decl, tn_str(name));
    *out = (struct column){.what = IS_SYSTEM, .type = TN_COLUMN_time, .name = name};
    if (strcmp(name, "id") == 0) out->what = IS_ID;
    if (strcmp(name, "version") == 0) out->type = TN_COLUMN_int;
    for (size_t i = 0; i < 3; i++)
        if (strcmp(name, system[i]) == 0) return true;
    if (out->what == IS_ID) return true;
    if (at >= 0 && tn_shape_is_real(b->decl, (size_t)at)) {
        *out = (struct column){IS_REAL, b->decl->table.columns[at].type,
                               b->decl->table.columns[at].name};
        return true;
    }
    tn_fail(err, TN_E_invalid, at < 0 ? "%s has no field '%s'" : "%s: field '%s' is not indexed",
            b->q->table, name);
    return tn_fail_field(err, "%s", name);
}

static void bind(struct builder *b, struct tn_cell cell)
{
    if (b->bind_count < BINDS_MAX) b->binds[b->bind_count] = cell;
    b->bind_count++;
    tn_buf_addc(&b->sql, '?');
}

static struct tn_cell cell_int(int64_t i)
{
    return (struct tn_cell){.type = TN_CELL_int, .i = i};
}

static bool value_of(const struct column *c, struct tn_str text, struct tn_cell *out,
                     struct tn_err *err)
{
    static const char *const expected[] = {"text", "a whole number", "a number", "true or false",
                                           "a time such as 2026-01-31T08:00:00Z"};
    if (tn_cell_parse(c->type, text, out)) return true;
    tn_fail(err, TN_E_invalid, "'%.*s' is not %s", (int)(text.n > 80 ? 80 : text.n), text.p,
            expected[c->type]);
    return tn_fail_field(err, "%s", c->name);
}

/* ------------------------------------------------------------------ filters */

static bool filter_id(struct builder *b, const struct tn_filter *f, struct tn_err *err)
{
    if (f->op != TN_FILTER_eq && f->op != TN_FILTER_in) {
        tn_fail(err, TN_E_invalid, "an id can only be compared for equality");
        return tn_fail_field(err, "id");
    }
    tn_buf_adds(&b->sql, "(0");
    for (size_t i = 0; i < f->count; i++) {
        struct tn_id *id = tn_arena_alloc(&b->arena, sizeof *id);
        if (!tn_id_parse(f->values[i], id)) continue; /* no record has such an id */
        struct tn_cell bytes = {.type = TN_CELL_text, .s = {(const char *)id->b, 16}};
        tn_buf_adds(&b->sql, " OR (n = ");
        bind(b, cell_int(tn_id_n(id)));
        tn_buf_adds(&b->sql, " AND id = CAST(");
        bind(b, bytes);
        tn_buf_adds(&b->sql, " AS BLOB)) OR (given = 1 AND id = CAST(");
        bind(b, bytes);
        tn_buf_adds(&b->sql, " AS BLOB))");
    }
    tn_buf_adds(&b->sql, ")");
    return true;
}

static void column_sql(struct builder *b, const struct column *c)
{
    tn_buf_addf(&b->sql, "%s\"%s\"", b->plain ? "+" : "", c->name);
}

static bool filter_in(struct builder *b, const struct column *c, const struct tn_filter *f,
                      struct tn_err *err)
{
    struct tn_cell cell;
    column_sql(b, c);
    tn_buf_adds(&b->sql, " IN (");
    for (size_t i = 0; i < f->count; i++) {
        if (!value_of(c, f->values[i], &cell, err)) return false;
        if (i) tn_buf_addc(&b->sql, ',');
        bind(b, cell);
    }
    tn_buf_addc(&b->sql, ')');
    return true;
}

static struct tn_cell lowered(struct builder *b, struct tn_str text)
{
    char *low = tn_arena_strndup(&b->arena, text.p ? text.p : "", text.n);
    for (size_t i = 0; i < text.n; i++)
        if (low[i] >= 'A' && low[i] <= 'Z') low[i] = (char)(low[i] + 32);
    return (struct tn_cell){.type = TN_CELL_text, .s = {low, text.n}};
}

static void contains(struct builder *b, const char *column, struct tn_str text)
{
    tn_buf_addf(&b->sql, "instr(lower(\"%s\"), ", column);
    bind(b, lowered(b, text));
    tn_buf_adds(&b->sql, ") > 0");
}

static bool filter_text(struct builder *b, const struct column *c, const struct tn_filter *f,
                        struct tn_err *err)
{
    struct tn_str prefix = f->values[0];
    if (c->type != TN_COLUMN_text) {
        tn_fail(err, TN_E_invalid, "'%s' is no text: it has no beginning and contains nothing",
                c->name);
        return tn_fail_field(err, "%s", c->name);
    }
    if (f->op == TN_FILTER_contains) {
        contains(b, c->name, prefix);
        return true;
    }
    if (prefix.n == 0) {
        tn_buf_addf(&b->sql, "\"%s\" IS NOT NULL", c->name);
        return true;
    }
    /* UTF-8 has no byte 0xff, so the last byte can always be raised by one. */
    char *end = tn_arena_strndup(&b->arena, prefix.p, prefix.n);
    end[prefix.n - 1]++;
    column_sql(b, c);
    tn_buf_adds(&b->sql, " >= ");
    bind(b, (struct tn_cell){.type = TN_CELL_text, .s = prefix});
    tn_buf_adds(&b->sql, " AND ");
    column_sql(b, c);
    tn_buf_adds(&b->sql, " < ");
    bind(b, (struct tn_cell){.type = TN_CELL_text, .s = {end, prefix.n}});
    return true;
}

static bool filter_compare(struct builder *b, const struct column *c, const struct tn_filter *f,
                           struct tn_err *err)
{
    static const char *const words[] = {
        [TN_FILTER_eq] = " = ",  [TN_FILTER_ne] = " IS NOT ", [TN_FILTER_lt] = " < ",
        [TN_FILTER_le] = " <= ", [TN_FILTER_gt] = " > ",      [TN_FILTER_ge] = " >= ",
    };
    struct tn_cell cell;
    if (!value_of(c, f->values[0], &cell, err)) return false;
    column_sql(b, c);
    tn_buf_adds(&b->sql, words[f->op]);
    bind(b, cell);
    return true;
}

static bool filter(struct builder *b, const struct tn_filter *f, struct tn_err *err)
{
    struct column c;
    bool needs_value = f->op != TN_FILTER_null && f->op != TN_FILTER_not_null;
    if (!resolve(b, f->column, &c, err)) return false;
    if ((needs_value && f->op != TN_FILTER_in && f->count != 1) || f->count > IN_MAX) {
        tn_fail(err, TN_E_invalid, "the filter on '%s' has %zu values", f->column, f->count);
        return tn_fail_field(err, "%s", f->column);
    }
    tn_buf_adds(&b->sql, " AND ");
    if (c.what == IS_ID) return filter_id(b, f, err);
    switch (f->op) {
    case TN_FILTER_in: return filter_in(b, &c, f, err);
    case TN_FILTER_prefix:
    case TN_FILTER_contains: return filter_text(b, &c, f, err);
    case TN_FILTER_null:
    case TN_FILTER_not_null:
        column_sql(b, &c);
        tn_buf_adds(&b->sql, f->op == TN_FILTER_null ? " IS NULL" : " IS NOT NULL");
        return true;
    default: return filter_compare(b, &c, f, err);
    }
}

static bool search(struct builder *b, struct tn_err *err)
{
    struct column c;
    if (b->q->text.n == 0 || !b->q->in_text[0]) return true;
    tn_buf_adds(&b->sql, " AND (0");
    for (size_t i = 0; i < 4 && b->q->in_text[i]; i++) {
        if (!resolve(b, b->q->in_text[i], &c, err)) return false;
        if (c.what != IS_REAL || c.type != TN_COLUMN_text) continue;
        tn_buf_adds(&b->sql, " OR ");
        contains(b, c.name, b->q->text);
    }
    tn_buf_addc(&b->sql, ')');
    return true;
}

static bool where(struct builder *b, struct tn_err *err)
{
    tn_buf_addf(&b->sql, " FROM data_%s WHERE ", b->q->table);
    if (b->q->team < 0) {
        tn_buf_adds(&b->sql, "1");
    } else {
        tn_buf_adds(&b->sql, b->scan_team ? "+team = " : "team = ");
        bind(b, cell_int(b->q->team));
    }
    if (b->team_from > 1) {
        tn_buf_adds(&b->sql, " AND n >= ");
        bind(b, cell_int(b->team_from));
    }
    for (size_t i = 0; i < b->q->filter_count; i++)
        if (!filter(b, &b->q->filters[i], err)) return false;
    return search(b, err);
}

/* ------------------------------------------------------------------ order and cursor */

static bool descends(const struct builder *b)
{
    return b->q->sort_count && b->q->sort[0].descending;
}

/* The column that sorts: ids and creation times follow n. */
static const char *sort_column(const struct builder *b, size_t i)
{
    const char *name = b->q->sort[i].column;
    return strcmp(name, "id") == 0 || strcmp(name, "created") == 0 ? "n" : name;
}

static void order(struct builder *b)
{
    tn_buf_adds(&b->sql, " ORDER BY ");
    for (size_t i = 0; i < b->q->sort_count; i++)
        tn_buf_addf(&b->sql, "\"%s\" %s, ", sort_column(b, i),
                    b->q->sort[i].descending ? "DESC" : "ASC");
    tn_buf_adds(&b->sql, descends(b) ? "n DESC" : "n");
}

static void beyond_n(struct builder *b)
{
    tn_buf_adds(&b->sql, descends(b) ? "n < " : "n > ");
    bind(b, cell_int(b->from_n));
}

/* Writes the condition of one sort column in a phase. There are 1 or 2 phases, and the index can
 * seek to each. False: there is no such phase. */
static bool beyond_one(struct builder *b, int phase)
{
    const char *c = sort_column(b, 0);
    bool null = b->from[0].type == TN_CELL_null, down = descends(b);
    if (phase == 1) {
        if (null == down) return false;
        tn_buf_addf(&b->sql, " AND \"%s\" IS %s", c, null ? "NOT NULL" : "NULL");
        return true;
    }
    if (null) {
        tn_buf_addf(&b->sql, " AND \"%s\" IS NULL AND ", c);
        beyond_n(b);
        return true;
    }
    tn_buf_addf(&b->sql, " AND \"%s\" %s ", c, down ? "<=" : ">=");
    bind(b, b->from[0]);
    tn_buf_addf(&b->sql, " AND (\"%s\" %s ", c, down ? "<" : ">");
    bind(b, b->from[0]);
    tn_buf_adds(&b->sql, " OR ");
    beyond_n(b);
    tn_buf_addc(&b->sql, ')');
    return true;
}

/* Writes the condition "behind the cursor" for sort column i alone. */
static void beyond_column(struct builder *b, size_t i)
{
    const char *c = sort_column(b, i);
    bool null = b->from[i].type == TN_CELL_null, down = b->q->sort[i].descending;
    if (null) {
        tn_buf_addf(&b->sql, down ? "0" : "\"%s\" IS NOT NULL", c);
        return;
    }
    tn_buf_addf(&b->sql, "(\"%s\" %s ", c, down ? "<" : ">");
    bind(b, b->from[i]);
    if (down) tn_buf_addf(&b->sql, " OR \"%s\" IS NULL", c);
    tn_buf_addc(&b->sql, ')');
}

static void beyond_many(struct builder *b)
{
    tn_buf_adds(&b->sql, " AND (");
    for (size_t i = 0; i <= b->q->sort_count; i++) {
        tn_buf_adds(&b->sql, i ? " OR (" : "(");
        for (size_t j = 0; j < i; j++) {
            tn_buf_addf(&b->sql, "\"%s\" IS ", sort_column(b, j));
            bind(b, b->from[j]);
            tn_buf_adds(&b->sql, " AND ");
        }
        if (i < b->q->sort_count)
            beyond_column(b, i);
        else
            beyond_n(b);
        tn_buf_addc(&b->sql, ')');
    }
    tn_buf_addc(&b->sql, ')');
}

/* A digest of the table and the sort, so that a cursor of another query is refused. */
static uint32_t fingerprint(const struct builder *b)
{
    uint32_t h = 2166136261u;
    const char *words[TN_STORE_SORT_MAX + 1] = {b->q->table};
    for (size_t i = 0; i < b->q->sort_count; i++) words[i + 1] = b->q->sort[i].column;
    for (size_t i = 0; i <= b->q->sort_count; i++) {
        for (const char *p = words[i]; *p; p++) h = (h ^ (unsigned char)*p) * 16777619u;
        h = (h ^ (i && b->q->sort[i - 1].descending ? 2 : 1)) * 16777619u;
    }
    return h;
}

static void write_cursor(const struct builder *b, sqlite3_stmt *st, struct tn_buf *out)
{
    struct tn_buf raw;
    tn_buf_init(&raw, CURSOR_MAX);
    tn_put_u32(&raw, fingerprint(b));
    tn_put_i64(&raw, sqlite3_column_int64(st, 0));
    for (size_t i = 0; i < b->q->sort_count; i++) {
        int at = TN_ROW_WIDTH + (int)i, type = sqlite3_column_type(st, at);
        tn_put_u8(&raw, type == SQLITE_NULL      ? TN_VALUE_null
                        : type == SQLITE_INTEGER ? TN_VALUE_int
                        : type == SQLITE_FLOAT   ? TN_VALUE_real
                                                 : TN_VALUE_text);
        if (type == SQLITE_INTEGER)
            tn_put_i64(&raw, sqlite3_column_int64(st, at));
        else if (type == SQLITE_FLOAT)
            tn_put_real(&raw, sqlite3_column_double(st, at));
        else if (type != SQLITE_NULL)
            tn_put_str(&raw, tn_column_str(st, at));
    }
    tn_buf_reset(out);
    char *hex = raw.failed ? NULL : tn_buf_reserve(out, raw.n * 2 + 1);
    if (hex) {
        tn_hex(raw.p, raw.n, hex);
        out->n += raw.n * 2;
    }
    tn_buf_clear(&raw);
}

static bool read_cursor(struct builder *b, struct tn_err *err)
{
    struct tn_str text = b->q->cursor;
    size_t n = text.n / 2;
    char *raw = tn_arena_alloc(&b->arena, n + 1);
    struct tn_wire w = {raw, raw + n, false};
    bool ok = text.n <= CURSOR_MAX * 2 && tn_str_unhex(text, (unsigned char *)raw, n) &&
              tn_take_u32(&w) == fingerprint(b);
    b->from_n = tn_take_i64(&w);
    for (size_t i = 0; ok && i < b->q->sort_count; i++) {
        struct tn_cell *c = &b->from[i];
        c->type = (enum tn_cell_type)tn_take_u8(&w);
        if (c->type == TN_CELL_int)
            c->i = tn_take_i64(&w);
        else if (c->type == TN_CELL_real)
            c->d = tn_take_real(&w);
        else if (c->type == TN_CELL_text)
            c->s = tn_take_str(&w);
        else
            ok = c->type == TN_CELL_null;
    }
    if (ok && !w.bad && w.p == w.end) return true;
    tn_fail(err, TN_E_invalid, "the cursor is not one of this query");
    return tn_fail_field(err, "cursor");
}

/* ------------------------------------------------------------------ running */

static int count_steps(void *arg)
{
    struct builder *b = arg;
    return b->left == 0 || --b->left == 0;
}

static sqlite3_stmt *prepared(struct builder *b, struct tn_err *err)
{
    if (!tn_buf_ok(&b->sql, "a query", err)) return NULL;
    if (b->bind_count > BINDS_MAX) {
        tn_fail(err, TN_E_invalid, "the query has too many values");
        return NULL;
    }
    sqlite3_stmt *st = tn_sqlite_sql(b->s, b->sql.p, err);
    for (size_t i = 0; st && i < b->bind_count; i++) tn_bind_cell(st, (int)i + 1, &b->binds[i]);
    return st;
}

/* Adds the part of the cursor; false when there is no such phase. */
static bool beyond(struct builder *b, int phase)
{
    if (!b->q->cursor.n) return phase == 0;
    if (b->q->sort_count == 1) return beyond_one(b, phase);
    if (phase) return false;
    if (b->q->sort_count) {
        beyond_many(b);
        return true;
    }
    tn_buf_adds(&b->sql, " AND ");
    beyond_n(b);
    return true;
}

static sqlite3_stmt *build(struct builder *b, int phase, size_t limit, struct tn_err *err)
{
    tn_buf_reset(&b->sql);
    b->bind_count = 0;
    tn_buf_adds(&b->sql, "SELECT " TN_ROW_COLUMNS);
    for (size_t i = 0; i < b->q->sort_count; i++)
        tn_buf_addf(&b->sql, ", \"%s\"", sort_column(b, i));
    if (!where(b, err)) return NULL;
    if (!beyond(b, phase)) {
        err->kind = TN_E_none;
        return NULL;
    }
    order(b);
    tn_buf_adds(&b->sql, " LIMIT ");
    bind(b, cell_int((int64_t)limit + 1));
    if (b->q->offset && !b->q->cursor.n) {
        tn_buf_adds(&b->sql, " OFFSET ");
        bind(b, cell_int((int64_t)b->q->offset));
    }
    return prepared(b, err);
}

/* Hands over rows until the limit is reached. */
static int rows(struct builder *b, sqlite3_stmt *st, tn_row_fn fn, void *arg, struct tn_page *page)
{
    struct tn_row row;
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        if (page->count == b->q->limit) {
            page->more = true;
            break;
        }
        tn_row_of(st, &row);
        if (++page->count == b->q->limit) write_cursor(b, st, &page->next);
        if (fn(arg, &row)) continue;
        write_cursor(b, st, &page->next);
        page->more = true;
        break;
    }
    return rc;
}

static bool too_much(struct builder *b, struct tn_err *err)
{
    return tn_fail(err, TN_E_invalid,
                   "%s: this query reads too much; filter or sort by one indexed "
                   "field that selects better",
                   b->q->table);
}

static bool run(struct builder *b, tn_row_fn fn, void *arg, struct tn_page *page,
                struct tn_err *err)
{
    for (int phase = 0; phase < 2 && !page->more; phase++) {
        tn_err_clear(err);
        sqlite3_stmt *st = build(b, phase, b->q->limit - page->count, err);
        if (!st && err->kind == TN_E_none) break;
        if (!st) return false;
        b->left = STEPS_MAX;
        int rc = rows(b, st, fn, arg, page);
        bool first = page->count == 0;
        if (rc == SQLITE_INTERRUPT && first && !b->plain && phase == 0) {
            sqlite3_reset(
                st); /* the filters select too little: read in the order of the sort instead */
            b->plain = true;
            b->scan_team = b->q->sort_count == 0;
            phase--;
            continue;
        }
        if (rc == SQLITE_INTERRUPT) {
            sqlite3_reset(st);
            return too_much(b, err);
        }
        if (rc != SQLITE_ROW && rc != SQLITE_DONE) return tn_sqlite_fail(b->s, st, err);
        sqlite3_reset(st);
    }
    if (!page->more) tn_buf_reset(&page->next);
    return true;
}

static bool total(struct builder *b, struct tn_page *page, struct tn_err *err)
{
    bool filtered = b->q->filter_count || (b->q->text.n && b->q->in_text[0]);
    if (!filtered) return tn_sqlite_count(&b->s->base, b->q->team, b->q->table, &page->total, err);
    tn_buf_reset(&b->sql);
    b->bind_count = 0;
    b->plain = b->scan_team = false;
    b->left = STEPS_MAX;
    tn_buf_adds(&b->sql, "SELECT count(*) FROM (SELECT 1");
    if (!where(b, err)) return false;
    tn_buf_addf(&b->sql, " LIMIT %d)", TOTAL_MAX);
    sqlite3_stmt *st = prepared(b, err);
    if (!st) return false;
    int rc = sqlite3_step(st);
    page->total = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : -1;
    page->total_capped = page->total == TOTAL_MAX;
    if (rc == SQLITE_ROW)
        sqlite3_reset(st);
    else if (rc != SQLITE_INTERRUPT)
        return tn_sqlite_fail(b->s, st, err);
    else {
        sqlite3_reset(st);
        return too_much(b, err);
    }
    return true;
}

/* In the order of creation the table itself is the best index, unless the team is a small part. */
static bool choose_scan(struct builder *b, struct tn_err *err)
{
    int64_t ours, all;
    if (b->q->sort_count || b->q->filter_count || b->q->team < 0) return true;
    if (!tn_sqlite_count(&b->s->base, b->q->team, b->q->table, &ours, err) ||
        !tn_sqlite_count(&b->s->base, TN_TEAM_ALL, b->q->table, &all, err) ||
        !tn_sqlite_tally(b->s, "from", b->q->team, b->q->table, &b->team_from, err))
        return false;
    b->scan_team = ours >= all / 8;
    return true;
}

bool tn_sqlite_query(struct tn_store *base, const struct tn_query *q, tn_row_fn fn, void *arg,
                     struct tn_page *page, struct tn_err *err)
{
    struct tn_sqlite *s = tn_sqlite(base);
    struct builder *b = TN_NEW(struct builder);
    struct column c;
    bool ok = false;
    *b = (struct builder){.s = s, .q = q};
    tn_buf_init(&b->sql, 256 * TN_KIB);
    tn_arena_init(&b->arena);
    if (!(b->decl = tn_sqlite_decl(base, q->table, err))) goto out;
    for (size_t i = 0; i < q->sort_count; i++)
        if (!resolve(b, q->sort[i].column, &c, err)) goto out;
    if (q->cursor.n && !read_cursor(b, err)) goto out;
    if (!choose_scan(b, err)) goto out;
    sqlite3_progress_handler(s->db.sq, STEPS_UNIT, count_steps, b);
    ok = run(b, fn, arg, page, err) && (!q->total || total(b, page, err));
    sqlite3_progress_handler(s->db.sq, 0, NULL, NULL);
out:
    tn_arena_clear(&b->arena);
    tn_buf_clear(&b->sql);
    tn_free(b);
    return ok;
}
