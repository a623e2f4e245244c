/* SPDX-License-Identifier: MIT */
#include "cli/map_input.h"

#include <errno.h>
#include <unistd.h>

#include "base/csv.h"
#include "base/edi.h"
#include "base/fixed.h"
#include "base/gunzip.h"
#include "base/idoc.h"
#include "base/limits.h"
#include "base/recode.h"
#include "base/xml.h"

enum { STEP = 256 * 1024, PAGE_MAX = 64 * TN_MIB };

/* Standard input; what begins like gzip is unpacked, and what is not in UTF-8 becomes so. */
struct input {
    struct tn_recode *recode;
    char *coded;
    struct tn_str coded_left; /* of coded */
    bool coded_end;
    char *block;
    struct tn_str left; /* of block */
    struct tn_gunzip *gunzip;
    bool begun;
};

struct source {
    struct input *input;
    const struct tn_map_input *in;
    struct tn_json *json;
    tn_map_record_fn each;
    void *arg;
    struct tn_map_read *read;
    uint64_t count; /* of rows, unless the input is JSON */
};

static bool is(const char *word, const char *what)
{
    return word && strcmp(word, what) == 0;
}

static ssize_t read_raw(char *to, size_t n, struct tn_err *err)
{
    ssize_t got;
    do {
        got = read(STDIN_FILENO, to, n);
    } while (got < 0 && errno == EINTR);
    if (got < 0) tn_fail_errno(err, errno, "standard input");
    return got;
}

static bool refill(struct input *in, struct tn_err *err)
{
    ssize_t got = read_raw(in->block, STEP, err);
    in->left = (struct tn_str){in->block, got > 0 ? (size_t)got : 0};
    return got >= 0;
}

static ssize_t unpack(struct input *in, char *to, size_t n, struct tn_err *err)
{
    size_t made = 0;
    while (!made) {
        if (!in->left.n && !refill(in, err)) return -1;
        if (!in->left.n) return tn_gunzip_end(in->gunzip, err) ? 0 : -1;
        if (!tn_gunzip_step(in->gunzip, &in->left, to, n, &made, err)) return -1;
    }
    return (ssize_t)made;
}

static ssize_t read_input(struct input *in, char *to, size_t n, struct tn_err *err)
{
    if (!in->begun) {
        in->begun = true;
        in->block = tn_alloc(STEP);
        if (!refill(in, err)) return -1;
        if (tn_is_gzip(in->left)) in->gunzip = tn_gunzip_new();
    }
    if (in->gunzip) return unpack(in, to, n, err);
    if (!in->left.n) return read_raw(to, n, err);
    if (n > in->left.n) n = in->left.n;
    memcpy(to, in->left.p, n);
    in->left = (struct tn_str){in->left.p + n, in->left.n - n};
    return (ssize_t)n;
}

static ssize_t read_some(const struct source *s, char *to, size_t n, struct tn_err *err)
{
    struct input *in = s->input;
    size_t made = 0;
    for (bool last = false; !made && !last;) {
        last = in->coded_end;
        if (!in->coded_left.n && !in->coded_end) {
            ssize_t got = read_input(in, in->coded, STEP, err);
            if (got < 0) return -1;
            in->coded_left = (struct tn_str){in->coded, (size_t)got};
            in->coded_end = !got;
            s->read->bytes += (uint64_t)got;
        }
        if (!tn_recode_step(in->recode, &in->coded_left, in->coded_end, to, n, &made, err))
            return -1;
    }
    return (ssize_t)made;
}

/* ---- JSON ---- */

static bool begins_array(struct tn_str s)
{
    size_t i = 0;
    while (i < s.n && memchr(" \t\r\n", s.p[i], 4)) i++;
    return i < s.n && s.p[i] == '[';
}

/* A text that holds rows: a page, or whole lines. */
static bool give_rows(const struct source *s, struct tn_str text, const char *path,
                      struct tn_err *err)
{
    struct tn_json_rows rows;
    if (!tn_json_rows_open(&rows, s->json, text, tn_str(path), err)) return false;
    rows.pick = s->in->pick;
    for (;;) {
        struct tn_err bad;
        if (tn_json_rows_next(&rows, &bad)) {
            s->each(s->arg, tn_json_root(s->json), NULL);
        } else if (!bad.kind) {
            return true;
        } else if (*path || begins_array(text)) {
            *err = bad;
            return false;
        } else { /* the input has one record a line: only this record is lost */
            s->each(s->arg, (struct tn_jval){0}, &bad);
        }
    }
}

/* Each line is a page of its own. */
static void give_pages(const struct source *s, struct tn_str lines)
{
    struct tn_str line;
    while (lines.n && tn_str_split(&lines, '\n', &line)) {
        struct tn_err bad;
        if (!tn_str_trim(line).n) continue;
        if (!give_rows(s, line, s->in->rows, &bad)) s->each(s->arg, (struct tn_jval){0}, &bad);
    }
}

static bool give_text(const struct source *s, struct tn_str text, bool pages, struct tn_err *err)
{
    if (!pages) return give_rows(s, text, s->in->rows ? s->in->rows : "", err);
    give_pages(s, text);
    return true;
}

/* Maps lines as they come; a page or a list has to be read to its end first. */
static bool read_json(const struct source *s, struct tn_err *err)
{
    bool paged = s->in->rows && *s->in->rows, lines = is(s->in->from, "ndjson"), first = true;
    bool whole = is(s->in->from, "json") || (paged && !lines), ok = true;
    struct tn_buf in;
    tn_buf_init(&in, PAGE_MAX);
    while (ok) {
        char *at = tn_buf_reserve(&in, STEP);
        if (!at) ok = tn_buf_ok(&in, "a line or page of the input", err);
        ssize_t n = at ? read_some(s, at, STEP, err) : 0;
        if (n < 0) ok = false;
        if (n <= 0) break;
        in.n += (size_t)n;
        if (first && !lines) whole |= begins_array(tn_buf_str(&in));
        first = false;
        char *end = whole ? NULL : memrchr(in.p, '\n', in.n);
        if (!end) continue;
        size_t part = (size_t)(end - in.p) + 1;
        ok = give_text(s, (struct tn_str){in.p, part}, lines && paged, err);
        memmove(in.p, in.p + part, in.n - part);
        in.n -= part;
    }
    if (ok && in.n) ok = give_text(s, tn_buf_str(&in), lines && paged, err);
    tn_buf_clear(&in);
    return ok;
}

/* ---- all else becomes JSON first ---- */

static bool on_row(void *arg, struct tn_str json, const struct tn_err *bad, size_t line)
{
    struct source *s = arg;
    struct tn_err err;
    s->count++;
    if (!bad && tn_json_parse(s->json, json, &err)) {
        s->each(s->arg, tn_json_root(s->json), NULL);
        return true;
    }
    struct tn_err with_line;
    tn_fail(&with_line, bad ? bad->kind : err.kind, "line %zu: %s", line,
            bad ? bad->text : err.text);
    s->each(s->arg, (struct tn_jval){0}, &with_line);
    return true;
}

typedef bool (*feed_fn)(void *reader, const char *bytes, size_t n, struct tn_err *err);

static bool feed_csv(void *r, const char *bytes, size_t n, struct tn_err *err)
{
    return n ? tn_csv_feed(r, bytes, n, err) : tn_csv_end(r, err);
}

static bool feed_fixed(void *r, const char *bytes, size_t n, struct tn_err *err)
{
    return n ? tn_fixed_feed(r, bytes, n, err) : tn_fixed_end(r, err);
}

static bool feed_xml(void *r, const char *bytes, size_t n, struct tn_err *err)
{
    return n ? tn_xml_feed(r, bytes, n, err) : tn_xml_end(r, err);
}

static bool pump(const struct source *s, feed_fn feed, void *reader, struct tn_err *err)
{
    char *block = tn_alloc(STEP);
    ssize_t n;
    bool ok;
    do {
        n = read_some(s, block, STEP, err);
        ok = n >= 0 && feed(reader, block, (size_t)n, err);
    } while (ok && n > 0);
    tn_free(block);
    return ok;
}

/* Does the reader of this format itself decode the encoding? */
static bool decodes(const struct tn_map_input *in)
{
    static const char *const formats[] = {"csv", "fixed", "edifact", "x12", "idoc"};
    bool able = false;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) able |= is(in->from, formats[i]);
    return able && is(in->encoding, "windows-1252");
}

static enum tn_encoding encoding_of(const struct tn_map_input *in)
{
    return decodes(in) ? TN_ENCODING_cp1252 : TN_ENCODING_utf8;
}

static bool read_csv(struct source *s, struct tn_err *err)
{
    const char *d = s->in->delimiter;
    const struct tn_csv_options o = {.delimiter = is(d, "tab") ? '\t'
                                                  : d          ? d[0]
                                                               : ',',
                                     .encoding = encoding_of(s->in),
                                     .decimal_comma = tn_str(s->in->decimal_comma),
                                     .skip_lines = (size_t)s->in->skip_lines,
                                     .skip_footer = (size_t)s->in->skip_footer,
                                     .comment = s->in->comment ? s->in->comment[0] : 0};
    struct tn_csv *csv = tn_csv_new(&o, on_row, s);
    bool ok = pump(s, feed_csv, csv, err);
    tn_csv_free(csv);
    return ok;
}

static struct tn_str text_or_none(const char *s)
{
    return s ? tn_str(s) : TN_STR("");
}

static struct tn_fixed *open_fixed(const struct tn_map_input *in, struct source *s,
                                   struct tn_err *err)
{
    const struct tn_fixed_options o = {.columns = tn_str(in->columns ? in->columns : ""),
                                       .bytes = in->bytes,
                                       .encoding = encoding_of(in),
                                       .only = text_or_none(in->only)};
    return tn_fixed_new(&o, on_row, s, err);
}

static bool read_fixed(struct source *s, struct tn_err *err)
{
    struct tn_fixed *fixed = open_fixed(s->in, s, err);
    bool ok = fixed && pump(s, feed_fixed, fixed, err);
    if (fixed) s->read->skipped = tn_fixed_skipped(fixed);
    tn_fixed_free(fixed);
    return ok;
}

static bool feed_edi(void *r, const char *bytes, size_t n, struct tn_err *err)
{
    return n ? tn_edi_feed(r, bytes, n, err) : tn_edi_end(r, err);
}

static bool feed_idoc(void *r, const char *bytes, size_t n, struct tn_err *err)
{
    return n ? tn_idoc_feed(r, bytes, n, err) : tn_idoc_end(r, err);
}

static struct tn_edi *open_edi(const struct tn_map_input *in, struct source *s, struct tn_err *err)
{
    const struct tn_edi_options o = {.x12 = is(in->from, "x12"),
                                     .groups = text_or_none(in->groups),
                                     .rows = text_or_none(in->rows),
                                     .encoding = encoding_of(in)};
    return tn_edi_new(&o, on_row, s, err);
}

static bool read_edi(struct source *s, struct tn_err *err)
{
    struct tn_edi *edi = open_edi(s->in, s, err);
    bool ok = edi && pump(s, feed_edi, edi, err);
    tn_edi_free(edi);
    return ok;
}

static struct tn_idoc *open_idoc(const struct tn_map_input *in, struct source *s,
                                 struct tn_err *err)
{
    const struct tn_idoc_options o = {.segments = text_or_none(in->segments),
                                      .rows = text_or_none(in->rows),
                                      .encoding = encoding_of(in)};
    return tn_idoc_new(&o, on_row, s, err);
}

static bool read_idoc(struct source *s, struct tn_err *err)
{
    struct tn_idoc *idoc = open_idoc(s->in, s, err);
    bool ok = idoc && pump(s, feed_idoc, idoc, err);
    tn_idoc_free(idoc);
    return ok;
}

static bool is_edi(const struct tn_map_input *in)
{
    return is(in->from, "edifact") || is(in->from, "x12");
}

static bool read_xml(struct source *s, struct tn_err *err)
{
    struct tn_xml *xml = tn_xml_new(tn_str(s->in->rows ? s->in->rows : ""), on_row, s);
    if (s->in->encoding) tn_xml_utf8(xml);
    bool ok = pump(s, feed_xml, xml, err);
    tn_xml_free(xml);
    return ok;
}

static bool is_one_char(const char *s)
{
    return strlen(s) == 1 && !strchr("\"\r\n", s[0]);
}

static bool check_csv(const struct tn_map_input *in, struct tn_err *err)
{
    const char *d = in->delimiter;
    if (d && !is(d, "tab") && !is_one_char(d))
        return tn_fail(err, TN_E_invalid, "--delimiter is one character, or tab");
    if (in->comment && !is_one_char(in->comment))
        return tn_fail(err, TN_E_invalid, "--comment is one character");
    if (in->skip_lines < 0 || in->skip_lines > TN_CSV_SKIP_MAX)
        return tn_fail(err, TN_E_invalid, "--skip-lines is 0 to %d", TN_CSV_SKIP_MAX);
    if (in->skip_footer < 0 || in->skip_footer > TN_CSV_FOOTER_MAX)
        return tn_fail(err, TN_E_invalid, "--skip-footer is 0 to %d", TN_CSV_FOOTER_MAX);
    return true;
}

/* Refuses an option that would do nothing with this format. */
static bool check_meaning(const struct tn_map_input *in, struct tn_err *err)
{
    const struct {
        const char *name, *format;
        bool given;
    } options[] = {
        {"delimiter", "csv", in->delimiter},   {"decimal-comma", "csv", in->decimal_comma},
        {"skip-lines", "csv", in->skip_lines}, {"skip-footer", "csv", in->skip_footer},
        {"comment", "csv", in->comment},       {"columns", "fixed", in->columns},
        {"only", "fixed", in->only},           {"bytes", "fixed", in->bytes},
        {"segments", "idoc", in->segments}};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (options[i].given && !is(in->from, options[i].format))
            return tn_fail(err, TN_E_invalid, "--%s needs --from %s", options[i].name,
                           options[i].format);
    if (in->groups && !is_edi(in))
        return tn_fail(err, TN_E_invalid, "--groups needs --from edifact or x12");
    if (in->rows && (is(in->from, "csv") || is(in->from, "fixed")))
        return tn_fail(err, TN_E_invalid, "--rows means nothing with --from %s", in->from);
    return true;
}

bool tn_map_input_check(const struct tn_map_input *in, struct tn_err *err)
{
    static const char *const formats[] = {"json",    "ndjson", "csv",  "xml", "fixed",
                                          "edifact", "x12",    "idoc", NULL};
    bool known = !in->from;
    for (size_t i = 0; formats[i]; i++) known |= is(in->from, formats[i]);
    if (!known)
        return tn_fail(err, TN_E_invalid,
                       "--from is json, ndjson, csv, xml, fixed, edifact, x12 or idoc, not '%.40s'",
                       in->from);
    if (!check_meaning(in, err)) return false;
    if (in->encoding && !tn_recode_known(tn_str(in->encoding), err))
        return tn_fail_in(err, "--encoding");
    if (in->bytes && in->encoding && !is(in->encoding, "utf-8") && !decodes(in))
        return tn_fail(err, TN_E_invalid,
                       "--bytes counts bytes of utf-8 or windows-1252, not of %.40s", in->encoding);
    if (!check_csv(in, err)) return false;
    if (is_edi(in)) {
        struct tn_edi *edi = open_edi(in, NULL, err);
        tn_edi_free(edi);
        return edi != NULL;
    }
    if (is(in->from, "idoc")) {
        struct tn_idoc *idoc = open_idoc(in, NULL, err);
        tn_idoc_free(idoc);
        return idoc != NULL;
    }
    if (!is(in->from, "fixed")) return true;
    struct tn_fixed *fixed = open_fixed(in, NULL, err);
    tn_fixed_free(fixed);
    return fixed != NULL;
}

/* An empty list of JSON is one; in other formats nothing tells it from a path that is wrong. */
static bool found_rows(const struct source *s, struct tn_err *err)
{
    const char *rows = s->in->rows;
    if (!rows || !*rows || s->count || tn_str_ends(tn_str(rows), "?")) return true;
    return tn_fail(err, TN_E_not_found, "--rows %.100s found nothing in the input%s", rows,
                   is(s->in->from, "xml") ? "; with a ? at its end that is no fault" : "");
}

bool tn_map_input_read(const struct tn_map_input *in, tn_map_record_fn each, void *arg,
                       struct tn_map_read *read, struct tn_err *err)
{
    struct tn_str encoding = text_or_none(in->encoding);
    struct input input = {
        .recode = tn_recode_new(encoding, decodes(in) ? TN_RECODE_asis : TN_RECODE_told),
        .coded = tn_alloc(STEP)};
    struct source s = {
        .input = &input, .in = in, .json = tn_json_new(), .each = each, .arg = arg, .read = read};
    bool ok = is(in->from, "csv")     ? read_csv(&s, err)
              : is(in->from, "fixed") ? read_fixed(&s, err)
              : is(in->from, "xml")   ? read_xml(&s, err)
              : is(in->from, "idoc")  ? read_idoc(&s, err)
              : is_edi(in)            ? read_edi(&s, err)
                                      : read_json(&s, err);
    bool json = !in->from || is(in->from, "json") || is(in->from, "ndjson");
    ok = ok && (json || found_rows(&s, err));
    tn_json_free(s.json);
    tn_gunzip_free(input.gunzip);
    tn_recode_free(input.recode);
    tn_free(input.coded);
    tn_free(input.block);
    return ok;
}
