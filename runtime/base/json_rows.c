/* SPDX-License-Identifier: MIT */
/* json_rows.c - reads the elements of a page one by one, and the text around them. */
#include "base/json_reader.h"
#include "base/limits.h"

enum state { FIRST, NEXT, LINES, ONE, NO_ROWS, ENDED, BROKEN };

static const char *text_at(const struct tn_json *json, size_t at)
{
    return json->head.text + at;
}

/* Takes the next token if it is c; else false. */
static bool take(struct tn_json *json, char c)
{
    if (tn_json_peek(json) != c) return false;
    json->at++;
    return true;
}

static bool wanted(struct tn_json *json, const char *what, struct tn_err *err)
{
    return tn_json_expected(json, tn_json_more(json) ? json->tokens[json->at] : json->head.n, what,
                            err);
}

/* Reads a key and its colon; the key's text is valid until the next value is read. */
static bool read_key(struct tn_json *json, struct tn_str *key, struct tn_err *err)
{
    if (tn_json_peek(json) != '"') return wanted(json, "a key in quotes", err);
    if (!tn_json_one(json, err)) return false;
    (void)tn_jtext(tn_json_root(json), &json->arena, key);
    return take(json, ':') || wanted(json, "':'", err);
}

static void list_key(struct tn_buf *seen, struct tn_str key)
{
    enum { ENOUGH = 300 };
    if (seen->n > ENOUGH) return;
    if (seen->n) tn_buf_adds(seen, ", ");
    tn_json_quote(seen, key.n > 40 ? (struct tn_str){key.p, 0} : key);
}

static bool fail_missing(struct tn_str name, const struct tn_buf *seen, struct tn_err *err)
{
    if (!seen->n)
        return tn_fail(err, TN_E_not_found, "there is no member \"%.*s\": the object is empty",
                       TN_FMT(name));
    return tn_fail(err, TN_E_not_found, "there is no member \"%.*s\"; there are %.*s", TN_FMT(name),
                   TN_FMT(tn_buf_str(seen)));
}

/* Enters the next object and moves up to the value of its member `name`. */
static bool enter(struct tn_json *json, struct tn_str name, struct tn_err *err)
{
    struct tn_buf seen;
    struct tn_str key = {0};
    bool found = false;
    tn_buf_init(&seen, TN_KIB);
    if (!take(json, '{')) return wanted(json, "an object", err);
    if (take(json, '}')) return fail_missing(name, &seen, err);
    for (;;) {
        if (!read_key(json, &key, err)) goto out;
        if ((found = tn_str_eq(key, name))) goto out;
        list_key(&seen, key);
        if (!tn_json_one(json, err)) goto out;
        if (take(json, ',')) continue;
        if (take(json, '}'))
            fail_missing(name, &seen, err);
        else
            wanted(json, "',' or '}'", err);
        goto out;
    }
out:
    tn_buf_clear(&seen);
    return found;
}

/* Returns name number `level` of the path, from 0. */
static struct tn_str name_at(struct tn_str path, unsigned level)
{
    struct tn_str name = {NULL, 0};
    do {
        if (!tn_str_split(&path, '.', &name)) break;
    } while (level--);
    return name;
}

static bool open_array(struct tn_json_rows *rows, struct tn_err *err)
{
    struct tn_json *json = rows->json;
    int c = tn_json_peek(json);
    rows->start = rows->end = c < 0 ? json->head.n : json->tokens[json->at];
    if (c == '[') {
        json->at++;
        rows->state = FIRST;
        return true;
    }
    if (!rows->path.n) {
        rows->state = LINES;
        return true;
    }
    if (c == '{') {
        rows->state = ONE;
        return true;
    }
    if (c != 'n') return wanted(json, "an array", err);
    rows->state = NO_ROWS;
    return tn_json_one(json, err);
}

/* Enters the next member of the path. *none: the member may be missing, and it is. */
static bool enter_next(struct tn_json_rows *rows, struct tn_str name, bool *none,
                       struct tn_err *err)
{
    struct tn_json *json = rows->json;
    *none = rows->optional && tn_json_peek(json) == 'n';
    if (*none) return tn_json_one(json, err);
    if (enter(json, name, err)) {
        rows->levels++;
        return true;
    }
    *none = rows->optional && err->kind == TN_E_not_found;
    return *none;
}

/* A byte order mark stands before texts that were saved on some systems. */
static void skip_mark(struct tn_json *json, struct tn_str text)
{
    if (tn_str_starts(text, "\xEF\xBB\xBF")) tn_json_seek(json, 3);
}

bool tn_json_rows_open(struct tn_json_rows *rows, struct tn_json *json, struct tn_str text,
                       struct tn_str path, struct tn_err *err)
{
    bool optional = tn_str_ends(path, "?"), none = false;
    path.n -= optional;
    *rows = (struct tn_json_rows){
        .json = json, .path = path, .optional = optional, .index = SIZE_MAX, .state = BROKEN};
    if (!tn_json_begin(json, text, err)) return false;
    skip_mark(json, text);
    struct tn_str name;
    while (path.n && !none && tn_str_split(&path, '.', &name))
        if (!enter_next(rows, name, &none, err)) return false;
    if (!none) return open_array(rows, err);
    rows->state = NO_ROWS;
    return true;
}

/* Reads the text that follows the array in each object around it. */
static bool leave(struct tn_json_rows *rows, struct tn_err *err)
{
    struct tn_json *json = rows->json;
    struct tn_str key = {0};
    for (unsigned level = rows->levels; level--;) {
        while (take(json, ',')) {
            if (!read_key(json, &key, err)) return false;
            if (tn_str_eq(key, name_at(rows->path, level)))
                return tn_fail(err, TN_E_syntax, "the member \"%.*s\" comes twice", TN_FMT(key));
            if (!tn_json_one(json, err)) return false;
        }
        if (!take(json, '}')) return wanted(json, "',' or '}'", err);
    }
    if (tn_json_more(json) || json->scan.bad != SIZE_MAX)
        return wanted(json, "the end of the text", err);
    return true;
}

static bool finish(struct tn_json_rows *rows, struct tn_err *err)
{
    rows->json->used = 1;
    rows->state = BROKEN;
    if (!leave(rows, err)) return false;
    rows->json->used = 1;
    rows->state = ENDED;
    return false;
}

static bool read_row(struct tn_json_rows *rows, struct tn_err *err)
{
    struct tn_json *json = rows->json;
    rows->index++;
    rows->start = rows->end = tn_json_more(json) ? json->tokens[json->at] : json->head.n;
    if (!tn_json_one(json, err)) return false;
    rows->end = json->head.tape[1].end;
    return true;
}

static bool line_broken_between(const struct tn_json_rows *rows, size_t from, size_t to)
{
    return rows->index == SIZE_MAX || memchr(text_at(rows->json, from), '\n', to - from);
}

/* Reads a row of the usual form in one pass; false: it has another form, and nothing was read. */
static bool take_row(struct tn_json_rows *rows)
{
    size_t at = rows->end;
    if (rows->state == FIRST) at = tn_json_next_row(rows->json, rows->start + 1, 0);
    if (rows->state == NEXT) at = tn_json_next_row(rows->json, rows->end, ',');
    if (rows->state == LINES) at = tn_json_next_row(rows->json, rows->end, 0);
    if (at == SIZE_MAX || (rows->state == LINES && !line_broken_between(rows, rows->end, at)))
        return false;
    size_t end = tn_json_row(rows->json, rows->pick, at);
    if (!end) return false;
    rows->index++;
    rows->start = at;
    rows->end = end;
    if (rows->state == FIRST) rows->state = NEXT;
    return true;
}

/* Switches to reading by tokens from here on. No tokens were read behind the first row. */
static void use_tokens(struct tn_json_rows *rows)
{
    rows->tokens = true;
    rows->json->used = 1;
    if (rows->index != SIZE_MAX) tn_json_seek(rows->json, rows->end);
}

/* Moves to the line that follows a bad row. */
static bool next_line(struct tn_json_rows *rows)
{
    struct tn_json *json = rows->json;
    size_t left = json->head.n - rows->start;
    const char *end = left ? memchr(text_at(json, rows->start), '\n', left) : NULL;
    rows->end = end ? (size_t)(end - json->head.text) : json->head.n;
    json->used = 1;
    rows->tokens = false;
    tn_json_seek(json, rows->end);
    return false;
}

static bool read_line(struct tn_json_rows *rows, struct tn_err *err)
{
    struct tn_json *json = rows->json;
    size_t behind = rows->end;
    if (!tn_json_more(json)) {
        json->used = 1;
        if (json->scan.bad == SIZE_MAX) return false;
        rows->start = json->scan.bad;
        rows->index++;
        wanted(json, "a value", err);
        return next_line(rows);
    }
    if (!line_broken_between(rows, behind, json->tokens[json->at])) {
        wanted(json, "a new line", err);
        rows->start = json->tokens[json->at];
        rows->index++;
        return next_line(rows);
    }
    return read_row(rows, err) || next_line(rows);
}

bool tn_json_rows_next(struct tn_json_rows *rows, struct tn_err *err)
{
    struct tn_json *json = rows->json;
    tn_err_clear(err);
    if (!rows->tokens && rows->state <= LINES) {
        if (take_row(rows)) return true;
        use_tokens(rows);
    }
    switch ((enum state)rows->state) {
    case LINES: return read_line(rows, err);
    case ENDED: return false;
    case NO_ROWS: return finish(rows, err);
    case ONE:
        rows->state = BROKEN;
        if (!read_row(rows, err)) return false;
        rows->state = NO_ROWS;
        return true;
    case BROKEN: return tn_fail(err, TN_E_syntax, "the text was bad before");
    case FIRST:
        if (take(json, ']')) return finish(rows, err);
        break;
    case NEXT:
        if (take(json, ']')) return finish(rows, err);
        if (!take(json, ',')) {
            rows->state = BROKEN;
            json->used = 1;
            return wanted(json, "',' or ']'", err);
        }
        break;
    }
    rows->state = BROKEN;
    if (!read_row(rows, err)) return false;
    rows->state = NEXT;
    return true;
}
