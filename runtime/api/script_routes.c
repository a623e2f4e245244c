/* SPDX-License-Identifier: MIT */
#include "api/script_routes.h"

#include <stdio.h>

#include "api/script_body.h"
#include "api/unified.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "loop/shared.h"
#include "model/audit.h"
#include "scripts/library.h"
#include "scripts/refused.h"
#include "scripts/scripts.h"
#include "store/commit.h"
#include "store/read.h"

enum { HISTORY_USUAL = 50, HISTORY_MAX = 500, DIFF_MAX = 16 * TN_MIB };

/* ---- what serves ---- */

static void write_unit(struct tn_jw *w, const struct tn_units *units, const struct tn_unit *unit)
{
    tn_jw_object(w);
    tn_jw_kz(w, "unit", tn_unit_name(unit));
    tn_jw_kz(w, "generation", tn_unit_generation(unit));
    tn_jw_kint(w, "files", (int64_t)tn_fileset_count(tn_unit_files(unit)));
    tn_jw_kbool(w, "rolledBack", tn_split_pinned(tn_units_files(units), tn_unit_name(unit)));
    tn_jw_end(w);
}

/* What a start refused of the folder. */
static void write_refused(struct tn_jw *w, const struct tn_fileset *files)
{
    struct tn_refused r;
    tn_jw_key(w, TN_STR("refused"));
    tn_jw_array(w);
    for (size_t i = 0; tn_refused_at(files, i, &r); i++) {
        tn_jw_object(w);
        tn_jw_kz(w, "unit", r.unit);
        tn_jw_kstr(w, "file", r.file);
        tn_jw_kint(w, "line", r.line);
        tn_jw_kstr(w, "message", r.text);
        tn_jw_kz(w, "serves", r.older ? "older" : "nothing");
        tn_jw_end(w);
    }
    tn_jw_end(w);
}

void api_scripts_list(void *arg, struct tn_http_exchange *x)
{
    struct tn_api *api = arg;
    const struct tn_units *units = tn_scripts_units(api->p.scripts);
    struct tn_answer a;
    tn_answer_begin(&a, x);
    tn_jw_object(&a.w);
    tn_jw_key(&a.w, TN_STR("units"));
    tn_jw_array(&a.w);
    for (size_t i = 0; i < tn_units_count(units); i++)
        write_unit(&a.w, units, tn_units_at(units, i));
    tn_jw_end(&a.w);
    write_refused(&a.w, tn_units_files(units));
    tn_jw_end(&a.w);
    tn_answer_send(&a, 200);
}

static void write_isolate(void *arg, const struct tn_isolate_info *info)
{
    struct tn_jw *w = arg;
    tn_jw_object(w);
    tn_jw_kz(w, "isolate", info->name);
    tn_jw_kz(w, "unit", tn_unit_name(info->unit));
    tn_jw_kz(w, "generation", tn_unit_generation(info->unit));
    tn_jw_kint(w, "calls", (int64_t)info->used.calls);
    tn_jw_kint(w, "errors", (int64_t)info->used.errors);
    tn_jw_kint(w, "overruns", (int64_t)info->used.overruns);
    tn_jw_kint(w, "besideLoop", (int64_t)info->used.beside);
    tn_jw_kint(w, "cpuMs", (int64_t)info->used.cpu_ms);
    tn_jw_kint(w, "bytes", (int64_t)info->used.bytes);
    tn_jw_kint(w, "peakBytes", (int64_t)info->used.peak_bytes);
    tn_jw_kint(w, "tasks", info->used.tasks);
    tn_jw_kbool(w, "quarantined", info->quarantined);
    tn_jw_end(w);
}

/* Each worker has isolates of its own: these are of the one that answers. */
void api_scripts_isolates(void *arg, struct tn_http_exchange *x)
{
    struct tn_api *api = arg;
    struct tn_answer a;
    tn_answer_begin(&a, x);
    tn_jw_object(&a.w);
    tn_jw_kint(&a.w, "worker", api->p.worker);
    tn_jw_key(&a.w, TN_STR("isolates"));
    tn_jw_array(&a.w);
    size_t all = tn_scripts_isolates(api->p.scripts, write_isolate, &a.w);
    tn_jw_end(&a.w);
    tn_jw_kint(&a.w, "alive", (int64_t)all);
    tn_jw_end(&a.w);
    tn_answer_send(&a, 200);
}

/* ---- out of quarantine ---- */

void api_release(struct tn_api *api, const struct tn_http_exchange *x, const char *isolate)
{
    tn_shared_release(api->p.shared, isolate);
    tn_log(api->p.log, TN_LOG_info, "scripts", "%s is released from quarantine by %s", isolate,
           api_actor(x)->name);
}

static void release_noted(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct tn_http_exchange *x = arg;
    struct tn_answer a;
    (void)done;
    if (err) {
        tn_answer_err(x, err);
        return;
    }
    tn_answer_begin(&a, x);
    tn_jw_object(&a.w);
    tn_jw_kz(&a.w, "status", "released");
    tn_jw_end(&a.w);
    tn_answer_send(&a, 200);
}

/* From the next call on the unit's own isolate ("rules", "surfaces:plm") is used again, in all
 * workers. */
void api_scripts_release(void *arg, struct tn_http_exchange *x)
{
    struct tn_api *api = arg;
    struct tn_err err;
    char unit[TN_UNIT_NAME];
    snprintf(unit, sizeof unit, "%.*s", TN_FMT(tn_http_param(x, "unit")));
    struct tn_commit *commit = tn_commit_new(api->p.store);
    if (!tn_shared_quarantined(api->p.shared, unit))
        tn_fail(&err, TN_E_not_found, "'%s' is not in quarantine", unit);
    else if (tn_audit(commit, api_actor(x)->team, api_actor(x), "scripts.release", unit, TN_STR(""),
                      &err)) {
        api_release(api, x, unit);
        tn_store_commit(api->p.store, commit, release_noted, x);
        return;
    }
    tn_commit_free(commit);
    tn_answer_err(x, &err);
}

/* ---- changes ---- */

/* Whatever is wrong with a script, to the caller it is a value that breaks a rule. */
static void answer_refused(struct tn_http_exchange *x, const struct tn_err *err,
                           const struct tn_activation_report *report)
{
    struct tn_err refused = *err;
    if (err->kind == TN_E_syntax || err->kind == TN_E_script || err->kind == TN_E_budget ||
        err->kind == TN_E_mapping || (err->kind == TN_E_not_found && err->file[0]))
        refused.kind = TN_E_invalid;
    struct tn_faults all = {.n = 0};
    if (report)
        all = (struct tn_faults){report->faults, report->faults_count, report->faults_count};
    tn_answer_faults(x, &refused, all.n ? &all : NULL, (struct tn_str){NULL, 0});
}

static void write_changes(struct tn_jw *w, const struct tn_activation_report *report)
{
    tn_jw_key(w, TN_STR("changed"));
    tn_jw_array(w);
    for (size_t i = 0; i < report->changed_count; i++) {
        tn_jw_object(w);
        tn_jw_kz(w, "unit", report->changed[i].unit);
        tn_jw_kz(w, "generation",
                 report->changed[i].generation[0] ? report->changed[i].generation : NULL);
        tn_jw_kz(w, "previous",
                 report->changed[i].previous[0] ? report->changed[i].previous : NULL);
        tn_jw_end(w);
    }
    tn_jw_end(w);
    tn_jw_kint(w, "unchanged", (int64_t)report->unchanged);
}

static void write_rolled_back(struct tn_jw *w, const struct tn_activation_report *report)
{
    tn_jw_key(w, TN_STR("rolledBack"));
    tn_jw_array(w);
    for (size_t i = 0; i < report->rolled_back.n; i++) {
        tn_jw_object(w);
        tn_jw_kz(w, "unit", report->rolled_back.v[i].unit);
        tn_jw_kz(w, "generation", report->rolled_back.v[i].generation);
        tn_jw_kz(w, "siteGeneration", report->rolled_back.v[i].site);
        tn_jw_end(w);
    }
    tn_jw_end(w);
}

static void reloaded(void *arg, const struct tn_activation_report *report, const struct tn_err *err)
{
    struct tn_http_exchange *x = arg;
    struct tn_answer a;
    if (err) {
        answer_refused(x, err, report);
        return;
    }
    tn_answer_begin(&a, x);
    tn_jw_object(&a.w);
    write_changes(&a.w, report);
    write_rolled_back(&a.w, report);
    tn_jw_kz(&a.w, "set", report->set);
    tn_jw_kint(&a.w, "duration", report->took_ms);
    if (report->shadow_until_ms) {
        char until[TN_TIME_LEN + 1];
        tn_time_text(report->shadow_until_ms, until);
        tn_jw_kz(&a.w, "shadowUntil", until);
    }
    if (report->shadow_left_out) tn_jw_kz(&a.w, "shadowUntil", NULL);
    tn_jw_end(&a.w);
    tn_answer_send(&a, 200);
}

static void change(struct tn_api *api, struct tn_http_exchange *x, struct tn_wish c)
{
    c.by = *api_actor(x);
    tn_scripts_change(api->p.scripts, &c, reloaded, x);
}

void api_scripts_reload(void *arg, struct tn_http_exchange *x)
{
    struct tn_script_body b = {.count = 0};
    bool with_body = tn_http_body(x).n > 0;
    if (with_body && !tn_script_body_read(&b, TN_ASK_shadow, arg, x)) return;
    change(arg, x, (struct tn_wish){.shadow_minutes = b.shadow_minutes});
    if (with_body) tn_script_body_clear(&b);
}

/* With files: what was previewed with them, in one step. */
void api_scripts_activate(void *arg, struct tn_http_exchange *x)
{
    struct tn_script_body b;
    if (!tn_script_body_read(&b, TN_ASK_generation | TN_ASK_shadow | TN_ASK_files, arg, x)) return;
    change(arg, x,
           (struct tn_wish){.expect = b.generation,
                            .shadow_minutes = b.shadow_minutes,
                            .files = b.files,
                            .count = b.count});
    tn_script_body_clear(&b);
}

static void unit_of(struct tn_http_exchange *x, char unit[TN_UNIT_NAME])
{
    snprintf(unit, TN_UNIT_NAME, "%.*s", TN_FMT(tn_http_param(x, "unit")));
}

void api_scripts_rollback(void *arg, struct tn_http_exchange *x)
{
    struct tn_script_body b;
    char unit[TN_UNIT_NAME];
    unit_of(x, unit);
    if (!tn_script_body_read(&b, TN_ASK_generation, arg, x)) return;
    change(arg, x, (struct tn_wish){.unit = unit, .generation = b.generation});
    tn_script_body_clear(&b);
}

/* ---- shadow ---- */

static void shadow_shown(void *arg, struct tn_str json, const struct tn_err *err)
{
    struct tn_http_exchange *x = arg;
    struct tn_err none;
    if (!err) {
        tn_http_reply(x, 200, "application/json", json);
        return;
    }
    tn_fail(&none, TN_E_not_found, "there was no shadow yet");
    tn_answer_err(x, err->kind == TN_E_not_found ? &none : err);
}

void api_scripts_shadow(void *arg, struct tn_http_exchange *x)
{
    const struct tn_api *api = arg;
    tn_scripts_shadow_show(api->p.scripts, api_actor(x)->team, shadow_shown, x);
}

static void shadow_ended(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct tn_http_exchange *x = arg;
    (void)done;
    if (err)
        tn_answer_err(x, err);
    else
        tn_http_reply(x, 204, NULL, TN_STR(""));
}

struct shadow_end {
    struct tn_api *api;
    struct tn_http_exchange *x;
};

static void end_shadow(const struct shadow_end *e, const struct tn_found *found)
{
    struct tn_store *store = e->api->p.store;
    struct tn_commit *commit = tn_commit_new(store);
    struct tn_err err;
    if (tn_scripts_shadow_end(e->api->p.scripts, found, 0, commit, &err) &&
        tn_audit(commit, TN_TEAM_SYSTEM, api_actor(e->x), "scripts.shadow.end", "shadow",
                 TN_STR(""), &err)) {
        tn_store_commit(store, commit, shadow_ended, e->x);
        return;
    }
    tn_commit_free(commit);
    tn_answer_err(e->x, &err);
}

static void shadow_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct shadow_end *e = arg;
    if (err)
        tn_answer_err(e->x, err);
    else
        end_shadow(e, found);
    tn_free(e);
}

void api_scripts_shadow_end(void *arg, struct tn_http_exchange *x)
{
    struct tn_api *api = arg;
    struct shadow_end *e = TN_NEW(struct shadow_end);
    struct tn_read *read = tn_read_new(TN_TEAM_SYSTEM);
    *e = (struct shadow_end){api, x};
    tn_shadow_ask(read);
    tn_store_read(api->p.store, read, NULL, shadow_found, e);
}

/* ---- preview ---- */

static void tried(void *arg, struct tn_str answer, const struct tn_err *err)
{
    struct tn_http_exchange *x = arg;
    if (err)
        answer_refused(x, err, NULL);
    else
        tn_http_reply(x, 200, "application/json", answer);
}

/* Without a body: the site folder as it is. */
void api_scripts_preview(void *arg, struct tn_http_exchange *x)
{
    struct tn_api *api = arg;
    struct tn_script_body b = {.count = 0};
    bool with_body = tn_http_body(x).n > 0;
    if (with_body && !tn_script_body_read(&b, TN_ASK_files | TN_ASK_whole, api, x)) return;
    struct tn_trial_wish trial = {.who = api_actor(x)->name,
                                  .team = api_actor(x)->team,
                                  .whole = b.whole,
                                  .files = b.files,
                                  .count = b.count};
    tn_scripts_try(api->p.scripts, &trial, tried, x);
    if (with_body) tn_script_body_clear(&b);
}

/* ---- history ---- */

/* A request for the history of a unit. */
struct history {
    struct tn_api *api;
    struct tn_http_exchange *x;
    bool from_start;
    char name[TN_UNIT_NAME];
};

/* *active: the generation that serves; NULL: none, or it was listed. */
static void write_activation(struct tn_json *json, const struct tn_row *row, const char **active,
                             struct tn_jw *w)
{
    struct tn_err err;
    struct tn_str generation = {0};
    struct tn_arena arena;
    if (!tn_json_parse(json, row->body, &err)) return;
    struct tn_jval body = tn_json_root(json);
    tn_arena_init(&arena);
    tn_jtext(tn_jget_z(body, "generation"), &arena, &generation);
    bool serves = *active && tn_str_is(generation, *active);
    if (serves) *active = NULL;
    tn_jw_object(w);
    tn_jw_kstr(w, "generation", generation);
    tn_jw_kraw(w, "previous",
               tn_str_is(tn_jraw(tn_jget_z(body, "previous")), "\"\"")
                   ? TN_STR("null")
                   : tn_jraw(tn_jget_z(body, "previous")));
    tn_jw_kraw(w, "activatedAt", tn_jraw(tn_jget_z(body, "loaded_at")));
    tn_jw_kraw(w, "actor", tn_jraw(tn_jget_z(body, "actor")));
    tn_jw_kbool(w, "active", serves);
    tn_jw_end(w);
    tn_arena_clear(&arena);
}

/* unit NULL: it does not serve any more. */
static void answer_history(const struct history *h, const struct tn_unit *unit,
                           const struct tn_found *found)
{
    const struct tn_list *rows = tn_found_list(found, 0);
    const char *serves = unit ? tn_unit_generation(unit) : NULL;
    const char *active = h->from_start ? serves : NULL;
    struct tn_json *json = tn_json_new();
    struct tn_answer a;
    tn_answer_begin(&a, h->x);
    tn_jw_object(&a.w);
    tn_jw_kz(&a.w, "unit", h->name);
    tn_jw_kz(&a.w, "active", serves);
    tn_jw_key(&a.w, TN_STR("generations"));
    tn_jw_array(&a.w);
    for (size_t i = 0; i < rows->count; i++)
        write_activation(json, tn_found_row(found, 0, i), &active, &a.w);
    tn_jw_end(&a.w);
    tn_jw_key(&a.w, TN_STR("nextCursor"));
    if (rows->more)
        tn_jw_str(&a.w, rows->next);
    else
        tn_jw_null(&a.w);
    tn_jw_end(&a.w);
    tn_answer_send(&a, 200);
    tn_json_free(json);
}

static void history_found(void *arg, struct tn_found *found, const struct tn_err *failed)
{
    struct history *h = arg;
    const struct tn_unit *unit = tn_units_find(tn_scripts_units(h->api->p.scripts), h->name);
    struct tn_err err;
    if (!failed) failed = tn_found_err(found, 0);
    if (!failed && !unit && h->from_start && !tn_found_list(found, 0)->count) {
        tn_fail(&err, TN_E_not_found, "there is no unit '%s'", h->name);
        failed = &err;
    }
    if (failed)
        tn_answer_err(h->x, failed);
    else
        answer_history(h, unit, found);
    tn_free(h);
}

/* Every time that a generation of the unit began to serve, newest first. */
void api_scripts_generations(void *arg, struct tn_http_exchange *x)
{
    static const char *const parameters[] = {"limit", "cursor", NULL};
    struct tn_api *api = arg;
    int64_t limit;
    if (!api_query_known(x, parameters) ||
        !api_query_int(x, "limit", HISTORY_USUAL, 1, HISTORY_MAX, &limit))
        return;
    struct history *h = TN_NEW(struct history);
    struct tn_str cursor = tn_http_query(x, "cursor", NULL);
    *h = (struct history){.api = api, .x = x, .from_start = !cursor.n};
    unit_of(x, h->name);
    struct tn_str wanted = tn_str(h->name);
    struct tn_filter filter = {"unit", TN_FILTER_eq, &wanted, 1};
    struct tn_read *read = tn_read_new(TN_TEAM_SYSTEM);
    tn_read_query(read, &(struct tn_query){.table = "generation",
                                           .filters = &filter,
                                           .filter_count = 1,
                                           .sort = {{"loaded_at", true}},
                                           .sort_count = 1,
                                           .limit = (size_t)limit,
                                           .cursor = cursor});
    tn_store_read(api->p.store, read, NULL, history_found, h);
}

static void write_file(struct tn_jw *w, const struct tn_file *file)
{
    char hash[65];
    tn_file_hash(file->text, hash);
    tn_jw_object(w);
    tn_jw_kz(w, "path", file->path);
    tn_jw_kz(w, "hash", hash);
    tn_jw_kint(w, "size", (int64_t)file->text.n);
    tn_jw_kstr(w, "text", file->text);
    tn_jw_end(w);
}

/* ---- one generation, and what differs between two ---- */

enum { FROM, TO };

/* Of one generation: TO alone. */
struct comparing {
    struct tn_api *api;
    struct tn_http_exchange *x;
    char unit[TN_UNIT_NAME];
    struct tn_fileset *files[2];
};

static void comparing_free(struct comparing *c)
{
    tn_fileset_unref(c->files[FROM]);
    tn_fileset_unref(c->files[TO]);
    tn_free(c);
}

/* The hash of a generation's files is its name. */
static void write_generation(struct tn_jw *w, const char *key, const struct tn_fileset *files)
{
    char hash[65];
    tn_fileset_hash(files, hash);
    tn_jw_kz(w, key, hash);
}

static void generation_fetched(void *arg, struct tn_fileset *files, const struct tn_err *err)
{
    struct comparing *c = arg;
    struct tn_answer a;
    if (err) {
        tn_answer_err(c->x, err);
        comparing_free(c);
        return;
    }
    tn_answer_begin(&a, c->x);
    tn_jw_object(&a.w);
    tn_jw_kz(&a.w, "unit", c->unit);
    tn_jw_key(&a.w, TN_STR("files"));
    tn_jw_array(&a.w);
    for (size_t i = 0; i < tn_fileset_count(files); i++) write_file(&a.w, tn_fileset_at(files, i));
    tn_jw_end(&a.w);
    write_generation(&a.w, "generation", files);
    tn_jw_end(&a.w);
    tn_answer_send(&a, 200);
    comparing_free(c);
}

static struct comparing *comparing_new(struct tn_api *api, struct tn_http_exchange *x)
{
    struct comparing *c = TN_NEW(struct comparing);
    *c = (struct comparing){.api = api, .x = x};
    unit_of(x, c->unit);
    return c;
}

/* It is named by its first digits. */
void api_scripts_generation(void *arg, struct tn_http_exchange *x)
{
    struct tn_api *api = arg;
    struct comparing *c = comparing_new(api, x);
    tn_library_unit(api->p.store, c->unit, tn_http_param(x, "generation"), generation_fetched, c);
}

static void write_diff(struct tn_jw *w, const char *path, struct tn_str from, struct tn_str to)
{
    struct tn_buf diff;
    tn_buf_init(&diff, DIFF_MAX);
    tn_unified(path, from, to, &diff);
    if (diff.n && !diff.failed) {
        tn_jw_object(w);
        tn_jw_kz(w, "path", path);
        tn_jw_kz(w, "change", !from.p ? "added" : !to.p ? "removed" : "changed");
        tn_jw_kstr(w, "diff", tn_buf_str(&diff));
        tn_jw_end(w);
    }
    tn_buf_clear(&diff);
}

/* Both sides are sorted by path. */
static void write_diffs(struct tn_jw *w, const struct tn_fileset *from, const struct tn_fileset *to)
{
    const struct tn_str none = {0};
    for (size_t i = 0, k = 0;;) {
        const struct tn_file *a = tn_fileset_at(from, i), *b = tn_fileset_at(to, k);
        if (!a && !b) return;
        int order = !a ? 1 : !b ? -1 : strcmp(a->path, b->path);
        write_diff(w, order <= 0 ? a->path : b->path, order <= 0 ? a->text : none,
                   order >= 0 ? b->text : none);
        i += order <= 0;
        k += order >= 0;
    }
}

static void answer_diff(const struct comparing *c)
{
    struct tn_answer a;
    tn_answer_begin(&a, c->x);
    tn_jw_object(&a.w);
    tn_jw_kz(&a.w, "unit", c->unit);
    write_generation(&a.w, "from", c->files[FROM]);
    write_generation(&a.w, "to", c->files[TO]);
    tn_jw_key(&a.w, TN_STR("files"));
    tn_jw_array(&a.w);
    write_diffs(&a.w, c->files[FROM], c->files[TO]);
    tn_jw_end(&a.w);
    tn_jw_end(&a.w);
    tn_answer_send(&a, 200);
}

static void fetch_side(struct comparing *c);

static void side_fetched(void *arg, struct tn_fileset *files, const struct tn_err *err)
{
    struct comparing *c = arg;
    if (err) {
        tn_answer_err(c->x, err);
        comparing_free(c);
        return;
    }
    c->files[c->files[FROM] ? TO : FROM] = tn_fileset_ref(files);
    if (!c->files[TO]) {
        fetch_side(c);
        return;
    }
    answer_diff(c);
    comparing_free(c);
}

/* The next that is not there yet. */
static void fetch_side(struct comparing *c)
{
    const char *parameter = c->files[FROM] ? "to" : "from";
    struct tn_str name = tn_http_query(c->x, parameter, NULL);
    struct tn_err err;
    if (name.n) {
        tn_library_unit(c->api->p.store, c->unit, name, side_fetched, c);
        return;
    }
    tn_fail(&err, TN_E_invalid, "%s is missing: a generation", parameter);
    tn_fail_field(&err, "%s", parameter);
    tn_answer_err(c->x, &err);
    comparing_free(c);
}

void api_scripts_diff(void *arg, struct tn_http_exchange *x)
{
    static const char *const parameters[] = {"from", "to", NULL};
    if (!api_query_known(x, parameters)) return;
    fetch_side(comparing_new(arg, x));
}

/* ---- the site folder ---- */

static void list_file(struct tn_jw *w, const struct tn_file *file, bool own)
{
    char hash[65];
    tn_file_hash(file->text, hash);
    tn_jw_object(w);
    tn_jw_kz(w, "path", file->path);
    tn_jw_kz(w, "hash", hash);
    tn_jw_kint(w, "size", (int64_t)file->text.n);
    tn_jw_kz(w, "from", own ? "site" : "shipped");
    tn_jw_end(w);
}

static bool is_own(const struct tn_fileset *own, const struct tn_file *file)
{
    return own && tn_fileset_find(own, tn_str(file->path));
}

void api_scripts_files(void *arg, struct tn_http_exchange *x)
{
    const struct tn_api *api = arg;
    struct tn_fileset *own, *all;
    struct tn_answer a;
    struct tn_err err;
    all = tn_scripts_site(api->p.scripts, &own, &err);
    if (!all) {
        answer_refused(x, &err, NULL);
        return;
    }
    tn_answer_begin(&a, x);
    tn_jw_object(&a.w);
    tn_jw_key(&a.w, TN_STR("files"));
    tn_jw_array(&a.w);
    for (size_t i = 0; i < tn_fileset_count(all); i++)
        list_file(&a.w, tn_fileset_at(all, i), is_own(own, tn_fileset_at(all, i)));
    tn_jw_end(&a.w);
    tn_jw_end(&a.w);
    tn_fileset_unref(own);
    tn_fileset_unref(all);
    tn_answer_send(&a, 200);
}

static void answer_file(struct tn_http_exchange *x, const struct tn_file *file, bool own)
{
    char hash[65];
    tn_file_hash(file->text, hash);
    tn_http_headerf(x, "ETag", "\"%s\"", hash);
    tn_http_headerf(x, "X-Script-From", "%s", own ? "site" : "shipped");
    tn_http_reply(x, 200, "text/plain; charset=utf-8", file->text);
}

void api_scripts_file(void *arg, struct tn_http_exchange *x)
{
    const struct tn_api *api = arg;
    struct tn_str path = tn_http_param(x, "path");
    struct tn_fileset *own, *all;
    struct tn_err err;
    all = tn_scripts_site(api->p.scripts, &own, &err);
    if (!all) {
        answer_refused(x, &err, NULL);
        return;
    }
    const struct tn_file *file = tn_fileset_find(all, path);
    if (file) {
        answer_file(x, file, is_own(own, file));
    } else {
        tn_fail(&err, TN_E_not_found, "there is no file '%.*s'", TN_FMT(path));
        tn_answer_err(x, &err);
    }
    tn_fileset_unref(own);
    tn_fileset_unref(all);
}

/* hash: what If-Match asks for, "*" for anything that is there, "" for no condition. */
static bool conditions(struct tn_http_exchange *x, char hash[65], bool *only_new,
                       struct tn_err *err)
{
    struct tn_str tag = tn_str_trim(tn_http_get(x, "If-Match"));
    struct tn_str none = tn_str_trim(tn_http_get(x, "If-None-Match"));
    *only_new = tn_str_is(none, "*");
    if (none.n && !*only_new)
        return tn_fail(err, TN_E_invalid, "If-None-Match is * here: only if there is no such file");
    if (tag.n >= 2 && tag.p[0] == '"') tag = (struct tn_str){tag.p + 1, tag.n - 2};
    if (tag.n > 64) return tn_fail(err, TN_E_invalid, "If-Match is one ETag here, or *");
    snprintf(hash, 65, "%.*s", (int)tag.n, tag.n ? tag.p : "");
    return true;
}

/* text.p NULL: the file goes. */
static void change_file(struct tn_api *api, struct tn_http_exchange *x, struct tn_str text)
{
    static const char *const parameters[] = {"expect", NULL};
    char path[160], hash[65], expect[67];
    struct tn_str given = tn_http_param(x, "path");
    struct tn_err err;
    bool only_new;
    if (!api_query_known(x, parameters)) return;
    /* One that is too long stays so. */
    snprintf(expect, sizeof expect, "%.*s", TN_FMT(tn_http_query(x, "expect", NULL)));
    bool ok = conditions(x, hash, &only_new, &err);
    if (ok && given.n >= sizeof path) ok = tn_fail(&err, TN_E_invalid, "the path is too long");
    if (!ok) {
        tn_answer_err(x, &err);
        return;
    }
    snprintf(path, sizeof path, "%.*s", TN_FMT(given));
    if (strlen(path) != given.n) path[0] = '\0';
    struct tn_wish_file file = {.path = path[0] ? path : "?", .text = text};
    change(
        api, x,
        (struct tn_wish){
            .expect = expect, .files = &file, .count = 1, .based_on = hash, .only_new = only_new});
}

void api_scripts_file_put(void *arg, struct tn_http_exchange *x)
{
    struct tn_str body = tn_http_body(x);
    change_file(arg, x, body.p ? body : TN_STR(""));
}

void api_scripts_file_delete(void *arg, struct tn_http_exchange *x)
{
    change_file(arg, x, (struct tn_str){0});
}
