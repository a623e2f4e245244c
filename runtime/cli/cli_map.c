/* SPDX-License-Identifier: MIT */
/* tenon map - records through a mapping, without a server: to try a line before it is live, to see
 * where a value comes from, and what of the source nobody reads. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/csv.h"
#include "base/limits.h"
#include "base/time.h"
#include "bind/bind_map.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/map_input.h"
#include "cli/workshop.h"
#include "mapping/apply.h"
#include "mapping/coverage.h"

enum { FLUSH = 64 * 1024, TARGETS_MAX = 1024 };

struct map_options {
    struct tn_map_input in;
    const char *site, *to, *pages;
    bool stats, json, back, explain, coverage, no_examples;
};

struct mapping_run {
    const struct map_options *o;
    const struct tn_plan *plan;
    struct tn_apply *apply;
    struct tn_json *made; /* the mapped record, for CSV and coverage */
    struct tn_coverage *coverage;
    struct tn_str names[TARGETS_MAX];
    uint64_t set[TARGETS_MAX]; /* how often each was */
    size_t name_count;
    struct tn_buf out, line, record;
    struct tn_outcome outcome;
    bool colours; /* of faults, on standard error */
    struct tn_map_read read;
    uint64_t records, rejected, warnings, given;
};

static bool is(const char *word, const char *what)
{
    return word && strcmp(word, what) == 0;
}

static void flush_out(struct mapping_run *r)
{
    fwrite(r->out.p ? r->out.p : "", 1, r->out.n, stdout);
    tn_buf_reset(&r->out);
}

/* ---- faults ---- */

static void fault_json(struct mapping_run *r, const struct tn_outcome_fault *f)
{
    struct tn_jw w;
    tn_buf_reset(&r->line);
    tn_jw_init(&w, &r->line);
    tn_jw_object(&w);
    tn_jw_kint(&w, "record", (int64_t)r->records);
    if (r->outcome.external_id.n) tn_jw_kstr(&w, "externalId", r->outcome.external_id);
    tn_jw_kbool(&w, "rejected", f->rejects);
    tn_jw_kz(&w, "kind", tn_kind_name(f->kind));
    if (f->file) {
        tn_jw_kz(&w, "file", f->file);
        tn_jw_kint(&w, "line", f->line);
    }
    if (f->field[0]) tn_jw_kz(&w, "field", f->field);
    if (f->source[0]) tn_jw_kz(&w, "source", f->source);
    if (f->value[0]) tn_jw_kz(&w, "value", f->value);
    tn_jw_kz(&w, "message", f->text);
    tn_jw_end(&w);
    fprintf(stderr, "%s\n", r->line.p);
}

/* One a line on standard error; the record's number counts from 1. */
static void say_fault(struct mapping_run *r, const struct tn_outcome_fault *f)
{
    const char *colour = !r->colours ? "" : f->rejects ? "\033[31m" : "\033[33m";
    if (r->o->json) {
        fault_json(r, f);
        return;
    }
    struct tn_outcome_fault plain = *f;
    plain.rejects = true; /* the text says "rejected" or "warning" in front */
    tn_buf_reset(&r->line);
    if (f->file)
        tn_outcome_line(&plain, &r->line);
    else
        tn_buf_adds(&r->line, f->text);
    fprintf(stderr, "record %llu%s%.*s%s: %s%s%s: %s\n", (unsigned long long)r->records,
            r->outcome.external_id.n ? " (" : "", TN_FMT(r->outcome.external_id),
            r->outcome.external_id.n ? ")" : "", colour, f->rejects ? "rejected" : "warning",
            r->colours ? "\033[0m" : "", r->line.p);
}

static void lose_record(struct mapping_run *r, const struct tn_err *bad)
{
    struct tn_outcome_fault f = {.kind = bad->kind, .rejects = true};
    snprintf(f.text, sizeof f.text, "%.*s", (int)sizeof f.text - 1, bad->text);
    r->outcome.external_id = (struct tn_str){0};
    r->rejected++;
    say_fault(r, &f);
}

/* ---- what is written of a record ---- */

static void take_made(struct mapping_run *r)
{
    struct tn_err err;
    if (!tn_json_parse(r->made, tn_buf_str(&r->record), &err)) return;
    for (size_t i = 0; r->coverage && i < r->name_count; i++)
        r->set[i] += !tn_jis(tn_jget(tn_json_root(r->made), r->names[i]), TN_JSON_absent);
}

static void write_made(struct mapping_run *r)
{
    if (is(r->o->to, "csv")) {
        tn_csv_row(&r->out, tn_json_root(r->made), r->names, r->name_count, ',');
        return;
    }
    if (is(r->o->to, "json")) tn_buf_adds(&r->out, r->given ? ",\n" : "[\n");
    tn_buf_addstr(&r->out, tn_buf_str(&r->record));
    if (!is(r->o->to, "json")) tn_buf_addc(&r->out, '\n');
}

/* JSON and CSV as a whole have a beginning and an end. */
static void write_frame(struct mapping_run *r, bool end)
{
    if (is(r->o->to, "json") && end) tn_buf_adds(&r->out, r->given ? "\n]\n" : "[]\n");
    if (!is(r->o->to, "csv") || end) return;
    for (size_t i = 0; i < r->name_count; i++) {
        if (i) tn_buf_addc(&r->out, ',');
        tn_csv_cell(&r->out, r->names[i], ',');
    }
    tn_buf_adds(&r->out, "\r\n");
}

static void on_record(void *arg, struct tn_jval record, const struct tn_err *bad)
{
    struct mapping_run *r = arg;
    bool plain = !r->o->to || is(r->o->to, "ndjson");
    bool quiet = r->o->explain || r->coverage;
    struct tn_buf *out = plain && !quiet ? &r->out : &r->record;
    r->records++;
    if (bad) {
        lose_record(r, bad);
        return;
    }
    if (r->coverage) tn_coverage_add(r->coverage, record);
    tn_buf_reset(&r->record);
    if (r->o->explain && !r->o->json) printf("record %llu\n", (unsigned long long)r->records);
    bool ok = tn_apply_record(r->apply, record, out, &r->outcome);
    for (size_t i = 0; i < r->outcome.listed; i++) say_fault(r, &r->outcome.faults[i]);
    r->warnings += ok && r->outcome.fault_count > 0;
    r->rejected += !ok;
    if (!ok) return;
    if (out == &r->out) {
        tn_buf_addc(out, '\n');
    } else {
        if (r->coverage || !plain) take_made(r);
        if (!quiet) write_made(r);
    }
    r->given++;
    if (r->out.n > FLUSH) flush_out(r);
}

/* ---- explain ---- */

static void explain_json(struct mapping_run *r, const struct tn_trace *t)
{
    struct tn_jw w;
    tn_jw_init(&w, &r->out);
    tn_jw_object(&w);
    tn_jw_kint(&w, "record", (int64_t)r->records);
    tn_jw_kz(&w, "target", t->target);
    tn_jw_kraw(&w, "value", t->value);
    tn_jw_kz(&w, "source", t->source);
    if (t->from.n) tn_jw_kraw(&w, "from", t->from);
    tn_jw_kz(&w, "operators", t->how);
    tn_jw_kz(&w, "file", t->file);
    tn_jw_kint(&w, "line", t->line);
    tn_jw_end(&w);
    tn_buf_addc(&r->out, '\n');
    flush_out(r);
}

static struct tn_str shown(struct tn_str s)
{
    return s.n > 60 ? (struct tn_str){s.p, 60} : s;
}

static void on_trace(void *arg, const struct tn_trace *t)
{
    struct mapping_run *r = arg;
    bool colours = tn_cli_terminal();
    if (r->o->json) {
        explain_json(r, t);
        return;
    }
    printf("  %s%s%s = %.*s%s\n      from %s", colours ? "\033[1m" : "", t->target,
           colours ? "\033[0m" : "", TN_FMT(shown(t->value)), t->value.n > 60 ? "..." : "",
           t->source[0] ? t->source : "nothing");
    if (t->from.n) printf(" = %.*s%s", TN_FMT(shown(t->from)), t->from.n > 60 ? "..." : "");
    if (t->how[0]) printf("  by %s", t->how);
    printf("  at %s:%d\n", t->file, t->line);
}

/* The mapping itself: where each field is from, and whether it can be sent back. */
static void explain_plan(const struct tn_mapping *m, const struct tn_plan *plan, bool back)
{
    struct tn_buf text;
    size_t n;
    tn_buf_init(&text, 16 * TN_MIB);
    tn_plan_explain(plan, &text);
    printf("%s", text.p);
    tn_buf_clear(&text);
    if (back) return;
    const struct tn_way_back *ways = tn_mapping_ways(m, &n);
    printf("the other way:\n");
    for (size_t i = 0; i < n; i++)
        printf("%.*s\t%s%s%s\t%s:%d\n", TN_FMT(ways[i].target), tn_way_name(ways[i].way),
               ways[i].why[0] ? ": " : "", ways[i].why, tn_plan_file(plan), ways[i].line);
}

/* ---- coverage ---- */

struct unread {
    struct tn_jw *w; /* NULL: for people */
    size_t count;
};

static void on_unread(void *arg, struct tn_str path, uint64_t count)
{
    struct unread *u = arg;
    u->count++;
    if (u->w) {
        tn_jw_object(u->w);
        tn_jw_kstr(u->w, "source", path);
        tn_jw_kint(u->w, "count", (int64_t)count);
        tn_jw_end(u->w);
    } else {
        printf("never read: %.*s (%llu %s)\n", TN_FMT(path), (unsigned long long)count,
               count == 1 ? "value" : "values");
    }
}

static uint64_t times_set(const struct mapping_run *r, const char *name)
{
    for (size_t i = 0; i < r->name_count; i++)
        if (tn_str_is(r->names[i], name)) return r->set[i];
    return 0;
}

static void coverage_json(struct mapping_run *r, const struct tn_decl *target)
{
    struct tn_jw w;
    struct unread u = {.w = &w};
    tn_jw_init(&w, &r->out);
    tn_jw_object(&w);
    tn_jw_kint(&w, "records", (int64_t)r->records);
    tn_jw_key(&w, TN_STR("neverRead"));
    tn_jw_array(&w);
    tn_coverage_unread(r->coverage, on_unread, &u);
    tn_jw_end(&w);
    tn_jw_key(&w, TN_STR("neverSet"));
    tn_jw_array(&w);
    for (size_t i = 0; target && i < target->resource.n_fields; i++)
        if (!times_set(r, target->resource.fields[i].name))
            tn_jw_z(&w, target->resource.fields[i].name);
    tn_jw_end(&w);
    tn_jw_kbool(&w, "functions", tn_plan_functions(r->plan) > 0);
    tn_jw_end(&w);
    tn_buf_addc(&r->out, '\n');
    flush_out(r);
}

static void coverage_text(struct mapping_run *r, const struct tn_decl *target)
{
    struct unread u = {.w = NULL};
    size_t unset = 0;
    tn_coverage_unread(r->coverage, on_unread, &u);
    for (size_t i = 0; target && i < target->resource.n_fields; i++) {
        if (times_set(r, target->resource.fields[i].name)) continue;
        printf("never set: %s\n", target->resource.fields[i].name);
        unset++;
    }
    printf("%llu %s: %zu of %zu source fields never read, %zu target fields never set\n",
           (unsigned long long)r->records, r->records == 1 ? "record" : "records", u.count,
           tn_coverage_seen(r->coverage), unset);
    if (tn_plan_functions(r->plan))
        printf("the mapping has functions; what they read is not known here\n");
}

/* ---- the run ---- */

static void print_stats(const struct mapping_run *r, int64_t took_us)
{
    double s = (double)(took_us ? took_us : 1) / 1e6;
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    const char *form =
        r->o->json ? "{\"records\":%llu,\"rejected\":%llu,\"withWarnings\":%llu,"
                     "\"skipped\":%llu,"
                     "\"seconds\":%.3f,\"recordsPerSecond\":%.0f,\"megabytesPerSecond\":%.1f,"
                     "\"peakKilobytes\":%ld}\n"
                   : "%llu records, %llu rejected, %llu with warnings, %llu skipped, %.3f s, "
                     "%.0f records/s, %.1f MB/s, %ld KB of memory at most\n";
    fprintf(stderr, form, (unsigned long long)r->records, (unsigned long long)r->rejected,
            (unsigned long long)r->warnings, (unsigned long long)r->read.skipped, s,
            (double)r->records / s, (double)r->read.bytes / s / 1e6, use.ru_maxrss);
}

static bool map_all(const struct map_options *o, const struct tn_plan *plan,
                    const struct tn_decl *target, uint64_t *rejected, struct tn_err *err)
{
    struct mapping_run *r = TN_NEW(struct mapping_run);
    int64_t began = tn_mono_us();
    r->o = o;
    r->plan = plan;
    r->apply = tn_apply_new(plan);
    r->made = tn_json_new();
    const char *term = getenv("TERM");
    r->colours = isatty(STDERR_FILENO) && !getenv("NO_COLOR") && term && strcmp(term, "dumb") != 0;
    r->name_count = tn_plan_targets(plan, r->names, TARGETS_MAX);
    if (r->name_count > TARGETS_MAX) r->name_count = TARGETS_MAX;
    if (o->coverage) r->coverage = tn_coverage_new(plan);
    if (o->explain) tn_apply_trace(r->apply, on_trace, r);
    tn_buf_init(&r->out, 4 * (size_t)TN_LIMIT_RECORD);
    tn_buf_init(&r->line, TN_MIB);
    tn_buf_init(&r->record, TN_LIMIT_RECORD);
    if (!o->explain && !o->coverage) write_frame(r, false);
    struct tn_map_input in = o->in;
    in.pick = o->coverage ? NULL : tn_plan_pick(plan);
    bool ok = tn_map_input_read(&in, on_record, r, &r->read, err);
    if (!o->explain && !o->coverage) write_frame(r, true);
    flush_out(r);
    if (r->coverage && o->json) coverage_json(r, target);
    if (r->coverage && !o->json) coverage_text(r, target);
    if (r->read.skipped && !o->json)
        fprintf(stderr, "note: --only %.60s passed over %llu line%s\n", o->in.only,
                (unsigned long long)r->read.skipped, r->read.skipped == 1 ? "" : "s");
    if (o->stats) print_stats(r, tn_mono_us() - began);
    *rejected = r->rejected;
    tn_coverage_free(r->coverage);
    tn_apply_free(r->apply);
    tn_json_free(r->made);
    tn_buf_clear(&r->out);
    tn_buf_clear(&r->line);
    tn_buf_clear(&r->record);
    tn_free(r);
    return ok;
}

/* The faults of files, while the others load. */
struct faults {
    char file[256];     /* of the mapping that is wanted */
    struct tn_err own;  /* its fault; kind none: it has none */
    struct tn_err last; /* the last fault of another file */
    size_t others;
};

static void take_fault(void *arg, const struct tn_err *err)
{
    struct faults *f = arg;
    if (strcmp(err->file, f->file) == 0) {
        f->own = *err;
        return;
    }
    f->last = *err;
    f->others++;
}

static bool is_there(const struct tn_units *units, const char *path)
{
    return tn_fileset_find(tn_units_files(units), tn_str(path)) != NULL;
}

static bool no_mapping(const struct tn_units *units, const struct faults *f, const char *name,
                       struct tn_err *err)
{
    *err = f->own.kind != TN_E_none ? f->own : f->last;
    if (f->own.kind != TN_E_none || (f->others && is_there(units, f->file))) return false;
    return tn_fail(err, TN_E_not_found,
                   "there is no mapping '%s'; tenon show lists the shipped ones", name);
}

static void pass_example(void *arg, const char *file, size_t number, const struct tn_err *err)
{
    (void)arg, (void)file, (void)number, (void)err;
}

static const struct tn_example_watch pass_examples = {pass_example, NULL};

static bool run(const struct map_options *o, const struct tn_workshop *workshop,
                const struct faults *faults, const char *name, uint64_t *rejected,
                struct tn_err *err)
{
    const struct tn_mapping *m = tn_units_mapping(workshop->units, name);
    if (!m) return no_mapping(workshop->units, faults, name, err);
    if (faults->others)
        fprintf(stderr, "note: %zu fault%s in other files; tenon check lists them\n",
                faults->others, faults->others == 1 ? "" : "s");
    const struct tn_plan *plan = o->back ? tn_mapping_back(m, err) : tn_mapping_plan(m);
    const char *writes = tn_mapping_info(m)->writes;
    if (!plan) return false;
    if (o->explain && !o->json) explain_plan(m, plan, o->back);
    if (o->explain && isatty(STDIN_FILENO)) return true;
    return map_all(o, plan, o->back ? NULL : tn_units_resource(workshop->units, writes), rejected,
                   err);
}

static bool check_options(struct map_options *o, size_t names, struct tn_err *err)
{
    if (names != 1)
        return tn_fail(err, TN_E_invalid,
                       "map takes a mapping's name, as in: tenon map oracle_fusion/item");
    if (o->to && !is(o->to, "ndjson") && !is(o->to, "json") && !is(o->to, "csv"))
        return tn_fail(err, TN_E_invalid, "--to is ndjson, json or csv, not '%.40s'", o->to);
    if (o->explain && o->coverage)
        return tn_fail(err, TN_E_invalid, "--explain and --coverage are two different questions");
    if (o->pages && !o->in.rows) o->in.rows = o->pages;
    return tn_map_input_check(&o->in, err);
}

int tn_cli_map(int argc, char **argv)
{
    struct map_options o = {.site = NULL};
    const char *words[1];
    struct tn_workshop workshop;
    struct tn_err err;
    uint64_t rejected = 0;
    size_t n;
    const struct tn_arg table[] = {
        {"site", TN_ARG_text, &o.site, "DIR", "your own scripts"},
        {"from", TN_ARG_text, &o.in.from, "FORMAT",
         "json, ndjson, csv, xml, fixed, edifact, x12 or idoc"},
        {"rows", TN_ARG_text, &o.in.rows, "PATH", "where the records are in a page or document"},
        {"pages", TN_ARG_text, &o.pages, "PATH", "the same as --rows"},
        {"delimiter", TN_ARG_text, &o.in.delimiter, "C", "of CSV; tab is one too"},
        {"encoding", TN_ARG_text, &o.in.encoding, "NAME", "of the input, such as iso-8859-15"},
        {"decimal-comma", TN_ARG_text, &o.in.decimal_comma, "NAMES", "CSV columns with 1.249,50"},
        {"skip-lines", TN_ARG_num, &o.in.skip_lines, "N", "CSV: lines before the header"},
        {"skip-footer", TN_ARG_num, &o.in.skip_footer, "N", "CSV: rows at the end, as totals"},
        {"comment", TN_ARG_text, &o.in.comment, "C", "CSV: lines that begin with it are none"},
        {"columns", TN_ARG_text, &o.in.columns, "LIST", "of fixed width: name:1-10,other:11-20"},
        {"only", TN_ARG_text, &o.in.only, "KIND", "of fixed width: lines with this value: kind=D"},
        {"groups", TN_ARG_text, &o.in.groups, "TAGS", "EDI: segments below others: LIN(PIA QTY)"},
        {"segments", TN_ARG_text, &o.in.segments, "LIST", "IDoc: E1EDK03=IDDAT:1-3,DATUM:4-11"},
        {"bytes", TN_ARG_flag, &o.in.bytes, NULL, "these positions are bytes, not characters"},
        {"to", TN_ARG_text, &o.to, "FORMAT", "ndjson, json or csv"},
        {"back", TN_ARG_flag, &o.back, NULL, "the other way: from our records to theirs"},
        {"explain", TN_ARG_flag, &o.explain, NULL, "say where each value comes from"},
        {"coverage", TN_ARG_flag, &o.coverage, NULL, "say what is never read and never set"},
        {"stats", TN_ARG_flag, &o.stats, NULL, "counts and speed on standard error"},
        {"no-examples", TN_ARG_flag, &o.no_examples, NULL, "map although examples fail"},
        {"json", TN_ARG_flag, &o.json, NULL, "faults, stats and reports as JSON"},
        {NULL, TN_ARG_flag, NULL, NULL, NULL}};
    if (!tn_args_parse(table, argc, argv, words, 1, &n, &err) || !check_options(&o, n, &err))
        return tn_cli_usage(&err, "map");
    struct faults faults = {.own.kind = TN_E_none};
    snprintf(faults.file, sizeof faults.file, "mappings/%s.lua", words[0]);
    bool ok = tn_workshop_salvage(&workshop, o.site, NULL, o.no_examples ? &pass_examples : NULL,
                                  take_fault, &faults, &err) &&
              run(&o, &workshop, &faults, words[0], &rejected, &err);
    tn_workshop_close(&workshop);
    if (!ok) return tn_cli_fail(&err);
    return rejected ? TN_EXIT_failed : TN_EXIT_ok;
}
