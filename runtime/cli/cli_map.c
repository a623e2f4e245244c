/* SPDX-License-Identifier: MIT */
/* tenon map - records through a mapping, without a server: to try a line before it is live. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/time.h"
#include "bind/bind_map.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/workshop.h"
#include "mapping/apply.h"

enum { STEP = 256 * 1024, FLUSH = 64 * 1024, PAGE_MAX = 64 * TN_MIB };

struct mapping_run {
    struct tn_json *json;
    struct tn_apply *apply;
    struct tn_buf out, line;
    struct tn_outcome outcome;
    uint64_t records, rejected, warnings, bytes;
};

static void flush_out(struct mapping_run *r)
{
    fwrite(r->out.p ? r->out.p : "", 1, r->out.n, stdout);
    tn_buf_reset(&r->out);
}

/* Faults go to standard error, one a line; the record's number counts from 1. */
static void say_faults(struct mapping_run *r)
{
    for (size_t i = 0; i < r->outcome.listed; i++) {
        tn_buf_reset(&r->line);
        tn_outcome_line(&r->outcome.faults[i], &r->line);
        fprintf(stderr, "record %llu%s%.*s%s: %s: %s\n", (unsigned long long)r->records,
                r->outcome.external_id.n ? " (" : "", TN_FMT(r->outcome.external_id),
                r->outcome.external_id.n ? ")" : "",
                r->outcome.faults[i].rejects ? "rejected" : "warning", r->line.p);
    }
}

static void map_one(struct mapping_run *r)
{
    r->records++;
    bool ok = tn_apply(r->apply, tn_json_root(r->json), &r->out, &r->outcome);
    if (r->outcome.listed) say_faults(r);
    if (ok) tn_buf_addc(&r->out, '\n');
    else r->rejected++;
    r->warnings += ok && r->outcome.fault_count > 0;
    if (r->out.n > FLUSH) flush_out(r);
}

/* One text that holds rows: a page, or whole lines of NDJSON. */
static bool map_text(struct mapping_run *r, struct tn_str text, struct tn_str path,
                     struct tn_err *err)
{
    struct tn_json_rows rows;
    bool sound = true;
    r->bytes += text.n;
    if (!tn_json_rows_open(&rows, r->json, text, path, err)) return false;
    for (;;) {
        struct tn_err bad;
        if (tn_json_rows_next(&rows, &bad)) {
            map_one(r);
        } else if (!bad.kind) {
            return sound;
        } else if (path.n) {
            *err = bad;
            return false;
        } else {                       /* of lines, only that one is lost */
            r->records++;
            r->rejected++;
            fprintf(stderr, "record %llu: rejected: %s\n", (unsigned long long)r->records, bad.text);
        }
    }
}

/* Lines are mapped as they come; a page has to be there whole. */
static bool map_stream(struct mapping_run *r, struct tn_str path, struct tn_err *err)
{
    struct tn_buf in;
    bool ok = true;
    tn_buf_init(&in, PAGE_MAX);
    while (ok) {
        char *at = tn_buf_reserve(&in, STEP);
        ssize_t n = at ? read(STDIN_FILENO, at, STEP) : -1;
        if (!at) ok = tn_buf_ok(&in, "a line or page of the input", err);
        else if (n < 0) ok = errno == EINTR || tn_fail_errno(err, errno, "standard input");
        if (n <= 0) break;
        in.n += (size_t)n;
        if (path.n) continue;
        char *end = memrchr(in.p, '\n', in.n);
        if (!end) continue;
        size_t whole = (size_t)(end - in.p) + 1;
        ok = map_text(r, (struct tn_str){in.p, whole}, path, err);
        memmove(in.p, in.p + whole, in.n - whole);
        in.n -= whole;
    }
    if (ok && in.n) ok = map_text(r, tn_buf_str(&in), path, err);
    tn_buf_clear(&in);
    return ok;
}

static void print_stats(const struct mapping_run *r, int64_t took_us)
{
    double s = (double)(took_us ? took_us : 1) / 1e6;
    fprintf(stderr, "%llu records, %llu rejected, %llu with warnings, %.3f s, %.0f records/s, "
            "%.1f MB/s\n", (unsigned long long)r->records, (unsigned long long)r->rejected,
            (unsigned long long)r->warnings, s, (double)r->records / s, (double)r->bytes / s / 1e6);
}

static bool map_input(const struct tn_mapping *m, struct tn_str path, bool stats,
                      uint64_t *rejected, struct tn_err *err)
{
    struct mapping_run *r = &(struct mapping_run){.records = 0};
    int64_t began = tn_mono_us();
    r->json = tn_json_new();
    r->apply = tn_apply_new(tn_mapping_plan(m));
    tn_buf_init(&r->out, 2 * TN_LIMIT_RECORD);
    tn_buf_init(&r->line, TN_MIB);
    bool ok = map_stream(r, path, err);
    flush_out(r);
    if (stats) print_stats(r, tn_mono_us() - began);
    *rejected = r->rejected;
    tn_apply_free(r->apply);
    tn_json_free(r->json);
    tn_buf_clear(&r->out);
    tn_buf_clear(&r->line);
    return ok;
}

int tn_cli_map(int argc, char **argv)
{
    const char *site = NULL, *path = "", *words[1];
    bool stats = false, ok;
    struct tn_workshop workshop;
    struct tn_err err;
    uint64_t rejected = 0;
    size_t n;
    const struct tn_arg table[] = {
        {"site", TN_ARG_text, &site, "DIR", "your own scripts"},
        {"pages", TN_ARG_text, &path, "PATH", "the input is one page with its rows there"},
        {"stats", TN_ARG_flag, &stats, NULL, "counts and speed on standard error"},
        {NULL, TN_ARG_flag, NULL, NULL, NULL}};
    if (!tn_args_parse(table, argc, argv, words, 1, &n, &err)) return tn_cli_usage(&err, "map");
    if (n != 1) {
        tn_fail(&err, TN_E_invalid, "map takes a mapping's name, as in: tenon map oracle_fusion/item");
        return tn_cli_usage(&err, "map");
    }
    ok = tn_workshop_open(&workshop, site, NULL, NULL, &err);
    if (ok) {
        const struct tn_mapping *m = tn_units_mapping(workshop.units, words[0]);
        ok = m ? map_input(m, tn_str(path), stats, &rejected, &err)
               : tn_fail(&err, TN_E_not_found, "there is no mapping '%s'; tenon show lists the "
                                               "shipped ones", words[0]);
    }
    tn_workshop_close(&workshop);
    if (!ok) return tn_cli_fail(&err);
    return rejected ? TN_EXIT_failed : TN_EXIT_ok;
}
