/* SPDX-License-Identifier: MIT */
#include "scripts/internal.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "base/time.h"
#include "scripts/library.h"
#include "loop/loop.h"
#include "loop/shared.h"
#include "script/errand.h"
#include "store/commit.h"
#include "store/store.h"

enum { SPREAD_STEP_MS = 2, SPREAD_MAX_MS = 5000 };

struct waiting {
    struct waiting *next;
    struct wish wish;
};

/* ---- tables, then the store's word, then everybody ---- */

static void wish_fill(struct wish *w, const struct tn_script_change *c, tn_reload_fn done,
                      void *arg)
{
    *w = (struct wish){
        .only_new = c->only_new, .shadow_minutes = c->shadow_minutes, .done = done, .arg = arg};
    snprintf(w->who, sizeof w->who, "%s", c->who);
    snprintf(w->expect, sizeof w->expect, "%s", c->expect ? c->expect : "");
    snprintf(w->unit, sizeof w->unit, "%s", c->unit ? c->unit : "");
    snprintf(w->generation, sizeof w->generation, "%s", c->generation ? c->generation : "");
    snprintf(w->based_on, sizeof w->based_on, "%s", c->based_on ? c->based_on : "");
    if (c->count) edit_keep_files(w, c->files, c->count);
}

static void begin(struct tn_generations *g, const struct wish *wish_give);

/* A change begins where the store is. */
void generations_go_on(struct tn_generations *g)
{
    struct waiting *w = g->waiting;
    if (g->under_way || generations_follow(g)) return;
    if (!w) {
        generations_follow_shadow(g);
        return;
    }
    g->waiting = w->next;
    begin(g, &w->wish);
    tn_free(w);
}

static void go_on(void *arg)
{
    generations_go_on(arg);
}

void generations_log_fault(const struct tn_generations *g, const char *what,
                           const struct tn_err *err)
{
    char where[sizeof err->file + 16] = "";
    if (err->file[0] && err->line)
        snprintf(where, sizeof where, "%s:%d: ", err->file, err->line);
    else if (err->file[0])
        snprintf(where, sizeof where, "%s: ", err->file);
    tn_log(g->o.env->log, TN_LOG_error, "scripts", "%s: %s%s", what, where, err->text);
}

static void activation_free(struct activation *a)
{
    tn_units_unref(a->units);
    tn_fileset_unref(a->files);
    tn_timer_free(a->spread);
    edit_drop_files(&a->wish);
    tn_free(a);
}

static void activation_end(struct activation *a, const struct tn_err *err)
{
    struct tn_generations *g = a->g;
    a->report.took_ms = (tn_mono_us() - a->began_us) / 1000;
    g->under_way = NULL;
    if (err) {
        edit_undo(a);
        g->o.shared->reload_failures++;
        generations_log_fault(g, "reload refused", err);
    }
    snprintf(a->report.set, sizeof a->report.set, "%s", g->hash);
    a->wish.done(a->wish.arg, err ? NULL : &a->report, err);
    activation_free(a);
    tn_loop_defer(g->o.loop, go_on, g);
}

/* Another worker was quicker: what this one began from is no longer what serves. */
static bool overtaken(const struct activation *a)
{
    struct active now;
    struct tn_err err;
    return generations_active(a->g, &now, &err) && now.version != a->from.version;
}

/* The same again, from what the other worker has made. */
static void begin_again(struct activation *a)
{
    struct tn_generations *g = a->g;
    struct waiting *w = TN_NEW(struct waiting);
    w->wish = a->wish;
    w->next = g->waiting;
    g->waiting = w;
    a->wish = (struct wish){.who = ""};
    g->under_way = NULL;
    activation_free(a);
    generations_go_on(g);
}

/* Every worker that serves has to have come along, or further: what the caller sends next meets the
 * new ones.  Nobody waits for one that waits: it is as far as those whom it waits for. */
static void check_spread(void *arg)
{
    struct activation *a = arg;
    struct tn_shared *shared = a->g->o.shared;
    uint64_t mine = shared->workers[a->g->o.worker - 1].scripts;
    bool all = true;
    for (int i = 0; i < shared->worker_count; i++) {
        const struct tn_shared_process *w = &shared->workers[i];
        all = all && (w->state != TN_PROCESS_ready || w->scripts >= mine);
    }
    if (all || tn_mono_us() - a->spread_us > SPREAD_MAX_MS * 1000)
        activation_end(a, NULL);
    else
        tn_timer_set(a->spread, SPREAD_STEP_MS);
}

static void stored(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct activation *a = arg;
    struct tn_generations *g = a->g;
    (void)done;
    if (err && err->kind == TN_E_conflict && overtaken(a)) {
        begin_again(a);
        return;
    }
    if (err) {
        activation_end(a, err);
        return;
    }
    for (size_t i = 0; i < a->report.changed_count; i++) {
        tn_shared_pardon(g->o.shared, a->report.changed[i].unit);
        tn_log(g->o.env->log, TN_LOG_info, "scripts", "unit %s is now generation %.12s",
               a->report.changed[i].unit, a->report.changed[i].generation);
    }
    g->o.shared->reloads++;
    generations_serve(g, tn_units_ref(a->units), a->from.version + 1);
    a->spread = tn_timer_new(g->o.loop, check_spread, a);
    a->spread_us = tn_mono_us();
    tn_timer_set(a->spread, 0);
}

static bool add_generation(struct activation *a, struct tn_commit *commit, size_t i,
                           struct tn_err *err)
{
    struct tn_buf body;
    struct tn_jw w;
    struct tn_id id = tn_id_new();
    char now[TN_TIME_LEN + 1];
    if (!a->report.changed[i].generation[0]) return true; /* the unit is gone */
    tn_time_text(tn_now_ms(), now);
    tn_buf_init(&body, 4 * TN_KIB);
    tn_jw_init(&w, &body);
    tn_jw_object(&w);
    tn_jw_kz(&w, "unit", a->report.changed[i].unit);
    tn_jw_kz(&w, "generation", a->report.changed[i].generation);
    tn_jw_kz(&w, "previous", a->report.changed[i].previous);
    tn_jw_kz(&w, "loaded_at", now);
    tn_jw_kz(&w, "actor", a->wish.who);
    tn_jw_end(&w);
    bool ok = tn_commit_put(commit, TN_TEAM_SYSTEM, "generation", &id, tn_buf_str(&body),
                            TN_NEW_ONLY, err);
    tn_buf_clear(&body);
    return ok;
}

static bool add_pins(const struct activation *a, struct tn_commit *commit, struct tn_err *err)
{
    bool ok = true;
    for (size_t i = 0; ok && i < a->pins.n; i++) {
        const struct pin *pin = &a->pins.v[i];
        char key[80];
        snprintf(key, sizeof key, "pin/%s", pin->unit);
        ok = pin->site[0] ? tn_commit_kv_set(commit, TN_TEAM_SYSTEM, tn_library_space, tn_str(key),
                                             tn_str(pin->site), TN_ANY, 0, err)
                          : tn_commit_kv_delete(commit, TN_TEAM_SYSTEM, tn_library_space,
                                                tn_str(key), TN_ANY, err);
    }
    return ok;
}

/* What serves until now goes on as the shadow of what will. */
static bool add_shadow(struct activation *a, struct tn_commit *commit, const char *hash,
                       struct tn_err *err)
{
    struct tn_shadow_wish wish = {.since_ms = tn_now_ms()};
    if (!a->wish.shadow_minutes || a->report.shadow_left_out) return true;
    wish.until_ms = wish.since_ms + (int64_t)a->wish.shadow_minutes * 60000;
    a->report.shadow_until_ms = wish.until_ms;
    snprintf(wish.from, sizeof wish.from, "%s", a->g->hash);
    snprintf(wish.to, sizeof wish.to, "%s", hash);
    snprintf(wish.who, sizeof wish.who, "%s", a->wish.who);
    return tn_shadow_put(commit, &wish, err);
}

static const char *what_of(const struct wish *w)
{
    if (w->unit[0]) return "scripts.rollback";
    if (w->n_files) return w->files[0].text.p ? "scripts.write" : "scripts.delete";
    return "scripts.activate";
}

static bool add_all(struct activation *a, struct tn_commit *commit, struct tn_err *err)
{
    struct tn_store *store = a->g->o.env->store;
    char hash[HASH_HEX];
    tn_fileset_hash(tn_units_files(a->units), hash);
    bool ok =
        tn_library_keep(store, commit, a->units, err) &&
        tn_commit_kv_set(commit, TN_TEAM_SYSTEM, tn_library_space, tn_str(generations_active_key),
                         tn_str(hash), a->from.version, 0, err) &&
        add_pins(a, commit, err) && add_shadow(a, commit, hash, err);
    for (size_t i = 0; ok && i < a->report.changed_count; i++)
        ok = add_generation(a, commit, i, err);
    return ok && tn_commit_audit(commit, TN_TEAM_SYSTEM, a->wish.who, what_of(&a->wish), hash,
                                 TN_STR(""), err);
}

static void keep(struct activation *a)
{
    struct tn_generations *g = a->g;
    struct tn_commit *commit = tn_commit_new(g->o.env->store);
    struct tn_err err;
    bool ok = add_all(a, commit, &err) && edit_write(a, &err);
    if (ok && TN_FAULT("generations.commit")) ok = tn_fail(&err, TN_E_io, "it failed (a test)");
    if (ok) {
        tn_store_commit(g->o.env->store, commit, stored, a);
        return;
    }
    tn_commit_free(commit);
    activation_end(a, &err);
}

static void define_next(struct activation *a);

static void refused_by_store(struct activation *a, const struct tn_err *err)
{
    struct tn_units *last = a->starts_by_folder ? generations_served_last(a, err) : NULL;
    if (!last) {
        activation_end(a, err);
        return;
    }
    a->starts_by_folder = false;
    tn_units_unref(a->units);
    a->next_table = a->report.changed_count = 0;
    activation_start(a, last);
}

static void defined(void *arg, const struct tn_err *err)
{
    struct activation *a = arg;
    if (err) {
        refused_by_store(a, err);
        return;
    }
    a->next_table++;
    define_next(a);
}

/* The tables of the resources first: a record may come as soon as the scripts serve. */
static void define_next(struct activation *a)
{
    struct tn_column columns[TN_STORE_COLUMNS_MAX];
    struct tn_table table;
    if (a->next_table == tn_units_resources(a->units)) {
        keep(a);
        return;
    }
    tn_entity_table(&tn_units_resource_at(a->units, a->next_table)->resource, columns, &table);
    tn_store_define(a->g->o.env->store, &table, defined, a);
}

static void note_change(void *arg, const struct tn_unit_change *c)
{
    struct activation *a = arg;
    size_t max = sizeof a->report.changed / sizeof *a->report.changed;
    if (a->report.changed_count == max) return;
    size_t i = a->report.changed_count++;
    snprintf(a->report.changed[i].unit, sizeof a->report.changed[i].unit, "%s", c->name);
    snprintf(a->report.changed[i].generation, sizeof a->report.changed[i].generation, "%s",
             c->generation ? c->generation : "");
    snprintf(a->report.changed[i].previous, sizeof a->report.changed[i].previous, "%s",
             c->previous ? c->previous : "");
}

void activation_start(struct activation *a, struct tn_units *units_give)
{
    a->units = units_give;
    a->report.unchanged = tn_units_diff(a->g->units, units_give, note_change, a);
    define_next(a);
}

struct nothing_new {
    struct activation *a;
    struct tn_err err;
    bool failed;
};

static void end_later(void *arg)
{
    struct nothing_new *n = arg;
    activation_end(n->a, n->failed ? &n->err : NULL);
    tn_free(n);
}

/* An end that is known inside the call which asked: answered in a later turn. */
void activation_end_soon(struct activation *a, const struct tn_err *err)
{
    struct nothing_new *n = TN_NEW(struct nothing_new);
    n->a = a;
    n->failed = err != NULL;
    if (err) n->err = *err;
    tn_loop_defer(a->g->o.loop, end_later, n);
}

struct activation *activation_new(struct tn_generations *g, const struct wish *wish_give)
{
    struct activation *a = TN_NEW(struct activation);
    a->g = g;
    a->wish = *wish_give;
    a->began_us = tn_mono_us();
    g->under_way = a;
    return a;
}

/* ---- begin ---- */

/* They load: now they are to serve. */
static void take_up(struct activation *a, struct tn_units *units_give)
{
    struct tn_generations *g = a->g;
    a->report.shadow_left_out = a->wish.shadow_minutes && units_give == g->units;
    if (units_give == g->units && !a->pins.n && !a->wish.n_files) {
        a->report.unchanged = tn_units_count(units_give);
        tn_units_unref(units_give);
        activation_end_soon(a, NULL);
    } else {
        activation_start(a, units_give);
    }
}

static void load_files(void *arg)
{
    struct activation *a = arg;
    a->units = generations_load_fitting(a->g, a->files, &a->err);
}

static void files_loaded(void *arg)
{
    struct activation *a = arg;
    struct tn_units *units = a->units;
    a->loading = NULL;
    if (overtaken(a)) {
        begin_again(a);
        return;
    }
    a->units = NULL;
    if (units)
        take_up(a, units);
    else
        activation_end(a, &a->err);
}

static void try_files(struct activation *a)
{
    struct tn_generations *g = a->g;
    char hash[HASH_HEX];
    tn_fileset_hash(a->files, hash);
    if (strcmp(hash, g->hash) == 0)
        take_up(a, tn_units_ref(g->units));
    else
        a->loading = tn_errand_start(g->o.env->host, load_files, files_loaded, a);
}

static void begin(struct tn_generations *g, const struct wish *wish_give)
{
    struct tn_err err;
    struct activation *a = activation_new(g, wish_give);
    if (generations_active(g, &a->from, &err)) a->files = change_files(a, &err);
    if (a->files && change_expected(a, a->files, &err) &&
        change_previewed(g, &a->wish, a->files, &err))
        try_files(a);
    else
        activation_end_soon(a, &err);
}

void generations_activate(void *self, const struct tn_script_change *change, tn_reload_fn done,
                          void *arg)
{
    struct tn_generations *g = self;
    struct waiting *w = TN_NEW(struct waiting), **last = &g->waiting;
    wish_fill(&w->wish, change, done, arg);
    while (*last) last = &(*last)->next;
    *last = w;
    generations_go_on(g);
}

void generations_reload(void *self, const char *who, tn_reload_fn done, void *arg)
{
    struct tn_script_change change = {.who = who};
    generations_activate(self, &change, done, arg);
}

/* Nobody is there any more to be answered. */
void generations_activations_drop(struct tn_generations *g)
{
    struct activation *a = g->under_way;
    if (a && a->loading) {
        tn_errand_stop(a->loading);
        activation_free(a);
    }
    while (g->waiting) {
        struct waiting *w = g->waiting;
        g->waiting = w->next;
        edit_drop_files(&w->wish);
        tn_free(w);
    }
}
