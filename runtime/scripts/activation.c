/* SPDX-License-Identifier: MIT */
#include "scripts/activation.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "base/time.h"
#include "loop/loop.h"
#include "loop/shared.h"
#include "model/audit.h"
#include "script/errand.h"
#include "scripts/library.h"
#include "scripts/previewed.h"
#include "scripts/resource_check.h"
#include "scripts/script_log.h"
#include "scripts/trial/shadow.h"
#include "store/commit.h"
#include "store/read.h"

enum { SPREAD_STEP_MS = 2, SPREAD_MAX_MS = 5000 };

enum { FAULTS_MAX = 100 }; /* most faults that a report lists */

struct tn_activation {
    const struct tn_activation_options *o;
    const struct tn_wish *wish;
    struct tn_edit *edit;
    struct tn_activation_given given;
    int64_t version; /* version of the stored serving set (active.h) that this worker has */
    struct tn_grounding *grounding;
    struct tn_fetch *fetch;
    struct tn_call *call;
    void (*then)(struct tn_activation *a); /* runs if no other worker made a change meanwhile */
    struct tn_pins pins;
    char hash[65];            /* of a set that needs a preview first */
    struct tn_fileset *files; /* the files that are being loaded */
    struct tn_errand *loading;
    struct tn_units *units; /* the units that will serve */
    struct tn_rollbacks rollbacks;
    size_t next_table, changed_room;
    struct tn_timer *spread;
    int64_t began_us, spread_us;
    bool failed;
    struct tn_err err;
    struct tn_activation_report report;
    tn_activation_fn done;
    void *arg;
};

/* ---- life ---- */

static struct tn_activation *activation_new(const struct tn_activation_options *o,
                                            const struct tn_wish *wish, struct tn_edit *edit,
                                            tn_activation_fn done, void *arg)
{
    struct tn_activation *a = TN_NEW(struct tn_activation);
    *a = (struct tn_activation){
        .o = o, .wish = wish, .edit = edit, .done = done, .arg = arg, .began_us = tn_mono_us()};
    return a;
}

static void activation_free(struct tn_activation *a)
{
    tn_units_unref(a->units);
    tn_fileset_unref(a->files);
    tn_timer_free(a->spread);
    tn_pins_clear(&a->pins);
    tn_rollbacks_clear(&a->rollbacks);
    tn_free(a->report.changed);
    tn_free(a->report.faults);
    tn_free(a);
}

void tn_activation_stop(struct tn_activation *a)
{
    if (!a) return;
    tn_errand_stop(a->loading);
    tn_grounding_stop(a->grounding);
    tn_fetch_stop(a->fetch);
    tn_call_cancel(a->call);
    if (a->loading || a->spread || a->grounding || a->fetch || a->call)
        activation_free(a);
    else
        a->done = NULL; /* the call under way frees the activation */
}

/* Frees the activation if it was stopped while it waited. */
static bool is_over(struct tn_activation *a)
{
    if (a->done) return false;
    activation_free(a);
    return true;
}

static void end(struct tn_activation *a, const struct tn_err *err)
{
    a->report.took_ms = (tn_mono_us() - a->began_us) / 1000;
    a->report.rolled_back = a->rollbacks.hold;
    snprintf(a->report.set, sizeof a->report.set, "%s", tn_serving_hash(a->o->serving));
    if (err) {
        tn_edit_undo(a->edit);
        a->o->shared->reload_failures++;
        tn_script_log_fault(a->o->env->log, "reload refused", err);
    }
    a->done(a->arg, &a->report, err);
    activation_free(a);
}

static void end_overtaken(struct tn_activation *a)
{
    a->done(a->arg, NULL, NULL);
    activation_free(a);
}

static void end_later(void *arg)
{
    struct tn_activation *a = arg;
    if (!is_over(a)) end(a, a->failed ? &a->err : NULL);
}

/* Ends the activation in a later turn, when its end is known inside the call that started it. */
static void end_soon(struct tn_activation *a, const struct tn_err *err)
{
    a->failed = err != NULL;
    if (err) a->err = *err;
    tn_loop_defer(a->o->loop, end_later, a);
}

static void looked(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct tn_activation *a = arg;
    struct tn_active now;
    struct tn_err why;
    a->call = NULL;
    if (!err && tn_active_found(found, 0, &now, &why) && now.version != a->given.from.version)
        end_overtaken(a);
    else
        a->then(a);
}

/* Calls then, unless another worker changed the scripts first, so that the set from which this
 * activation began no longer serves. */
static void unless_overtaken(struct tn_activation *a, void (*then)(struct tn_activation *a))
{
    struct tn_read *read = tn_read_new(TN_TEAM_SYSTEM);
    tn_active_ask(read);
    a->then = then;
    a->call = tn_store_read(a->o->env->store, read, NULL, looked, a);
}

/* ---- waiting for the other workers ---- */

/* Waits until every serving worker serves this version or a later one, so that the next request
 * of the caller meets the new scripts whichever worker takes it. Two workers never wait for each
 * other, because a worker that waits here serves its own version already. */
static void check_spread(void *arg)
{
    struct tn_activation *a = arg;
    struct tn_shared *shared = a->o->shared;
    uint64_t mine = shared->workers[a->o->worker - 1].scripts;
    bool all = true;
    for (int i = 0; i < shared->worker_count; i++) {
        const struct tn_shared_process *w = &shared->workers[i];
        all = all && (w->state != TN_PROCESS_ready || w->scripts >= mine);
    }
    if (all || tn_mono_us() - a->spread_us > SPREAD_MAX_MS * 1000)
        end(a, NULL);
    else
        tn_timer_set(a->spread, SPREAD_STEP_MS);
}

static void spread(struct tn_activation *a)
{
    for (size_t i = 0; i < a->report.changed_count; i++) {
        const struct tn_unit_swap *c = &a->report.changed[i];
        tn_shared_pardon(a->o->shared, c->unit);
        tn_log(a->o->env->log, TN_LOG_info, "scripts", "unit %s is now generation %.12s", c->unit,
               c->generation);
    }
    a->o->shared->reloads++;
    tn_serving_swap(a->o->serving, tn_units_ref(a->units), a->given.from.version + 1);
    a->spread = tn_timer_new(a->o->loop, check_spread, a);
    a->spread_us = tn_mono_us();
    tn_timer_set(a->spread, 0);
}

/* ---- checking and storing the serving set ---- */

static void end_refused(struct tn_activation *a)
{
    end(a, &a->err);
}

static void stored(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct tn_activation *a = arg;
    (void)done;
    if (is_over(a)) return;
    if (!err) {
        spread(a);
    } else if (err->kind == TN_E_conflict) {
        a->err = *err;
        unless_overtaken(a, end_refused);
    } else {
        end(a, err);
    }
}

static bool add_generation(const struct tn_activation *a, struct tn_commit *commit,
                           const struct tn_unit_swap *c, struct tn_err *err)
{
    struct tn_buf body;
    struct tn_jw w;
    struct tn_id id = tn_id_new();
    char now[TN_TIME_LEN + 1];
    if (!c->generation[0]) return true; /* the unit is gone */
    tn_time_text(tn_now_ms(), now);
    tn_buf_init(&body, 4 * TN_KIB);
    tn_jw_init(&w, &body);
    tn_jw_object(&w);
    tn_jw_kz(&w, "unit", c->unit);
    tn_jw_kz(&w, "generation", c->generation);
    tn_jw_kz(&w, "previous", c->previous);
    tn_jw_kz(&w, "loaded_at", now);
    tn_jw_kz(&w, "actor", a->wish->by.name);
    tn_jw_end(&w);
    bool ok = tn_commit_put(commit, TN_TEAM_SYSTEM, "generation", &id, tn_buf_str(&body),
                            TN_NEW_ONLY, err);
    tn_buf_clear(&body);
    return ok;
}

/* Makes the set that served so far the shadow of the new one. */
static bool add_shadow(struct tn_activation *a, struct tn_commit *commit, const char *hash,
                       struct tn_err *err)
{
    struct tn_shadow_wish wish = {.since_ms = tn_now_ms()};
    if (!a->wish->shadow_minutes || a->report.shadow_left_out) return true;
    wish.until_ms = wish.since_ms + (int64_t)a->wish->shadow_minutes * 60000;
    a->report.shadow_until_ms = wish.until_ms;
    snprintf(wish.from, sizeof wish.from, "%s", tn_serving_hash(a->o->serving));
    snprintf(wish.to, sizeof wish.to, "%s", hash);
    snprintf(wish.who, sizeof wish.who, "%s", a->wish->by.name);
    return tn_shadow_put(commit, &wish, err);
}

static const char *what_of(const struct tn_wish *w)
{
    if (w->unit[0]) return "scripts.rollback";
    if (w->count) return w->files[0].text.p ? "scripts.write" : "scripts.delete";
    return "scripts.activate";
}

static bool add_all(struct tn_activation *a, struct tn_commit *commit, const struct tn_found *found,
                    struct tn_err *err)
{
    char hash[65];
    tn_fileset_hash(tn_units_files(a->units), hash);
    bool ok = tn_library_keep(commit, a->units, found, err) &&
              tn_active_write(commit, &a->given.from, hash, err) &&
              tn_pins_write(&a->rollbacks.changes, commit, err) && add_shadow(a, commit, hash, err);
    for (size_t i = 0; ok && i < a->report.changed_count; i++)
        ok = add_generation(a, commit, &a->report.changed[i], err);
    return ok &&
           tn_audit(commit, TN_TEAM_SYSTEM, &a->wish->by, what_of(a->wish), hash, TN_STR(""), err);
}

/* found: the answer that says which of the files the store has already. */
static void write_all(struct tn_activation *a, const struct tn_found *found)
{
    struct tn_store *store = a->o->env->store;
    struct tn_commit *commit = tn_commit_new(store);
    struct tn_err err;
    bool ok = add_all(a, commit, found, &err) && tn_edit_write(a->edit, &err);
    if (ok && TN_FAULT("generations.commit")) ok = tn_fail(&err, TN_E_io, "it failed (a test)");
    if (ok) {
        tn_store_commit(store, commit, stored, a);
        return;
    }
    tn_commit_free(commit);
    end(a, &err);
}

static void kept_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct tn_activation *a = arg;
    a->call = NULL;
    if (err)
        end(a, err);
    else
        write_all(a, found);
}

static void keep(struct tn_activation *a)
{
    struct tn_read *read = tn_read_new(TN_TEAM_SYSTEM);
    struct tn_err err;
    if (tn_library_ask(read, a->units, &err)) {
        a->call = tn_store_read(a->o->env->store, read, NULL, kept_found, a);
        return;
    }
    tn_read_free(read);
    end_soon(a, &err);
}

/* ---- tables ---- */

static void go_for(struct tn_activation *a, struct tn_units *units_give);

static void refused_by_store(struct tn_activation *a, const struct tn_err *err)
{
    struct tn_activation_given *given = &a->given;
    struct tn_units *others = given->otherwise ? given->otherwise(given->arg, err) : NULL;
    given->otherwise = NULL;
    if (!others) {
        end(a, err);
        return;
    }
    tn_rollbacks_clear(&a->rollbacks); /* the files that serve now keep their roll backs */
    tn_units_unref(a->units);
    a->next_table = a->report.changed_count = 0;
    go_for(a, others);
}

static void define_next(struct tn_activation *a);

static void defined(void *arg, const struct tn_err *err)
{
    struct tn_activation *a = arg;
    if (is_over(a)) return;
    if (err) {
        refused_by_store(a, err);
        return;
    }
    a->next_table++;
    define_next(a);
}

/* Defines the tables of the resources before the scripts serve, because a record may arrive as
 * soon as they do. */
static void define_next(struct tn_activation *a)
{
    struct tn_column columns[TN_STORE_COLUMNS_MAX];
    struct tn_table table;
    if (a->next_table == tn_units_resources(a->units)) {
        keep(a);
        return;
    }
    tn_entity_table(&tn_units_resource_at(a->units, a->next_table)->resource, columns, &table);
    tn_store_define(a->o->env->store, &table, defined, a);
}

static void note_change(void *arg, const struct tn_unit_change *c)
{
    struct tn_activation *a = arg;
    struct tn_activation_report *r = &a->report;
    if (r->changed_count == a->changed_room) {
        a->changed_room = a->changed_room ? a->changed_room * 2 : 16;
        r->changed = tn_realloc(r->changed, a->changed_room * sizeof *r->changed);
    }
    struct tn_unit_swap *swap = &r->changed[r->changed_count++];
    snprintf(swap->unit, sizeof swap->unit, "%s", c->name);
    snprintf(swap->generation, sizeof swap->generation, "%s", c->generation ? c->generation : "");
    snprintf(swap->previous, sizeof swap->previous, "%s", c->previous ? c->previous : "");
}

static void go_for(struct tn_activation *a, struct tn_units *units_give)
{
    a->units = units_give;
    a->report.unchanged =
        tn_units_diff(tn_serving_units(a->o->serving), units_give, note_change, a);
    define_next(a);
}

/* ---- begin ---- */

/* Called when the scripts are loaded: starts to make them the serving ones. */
static void take_up(struct tn_activation *a, struct tn_units *units_give)
{
    bool same = units_give == tn_serving_units(a->o->serving);
    a->report.shadow_left_out = a->wish->shadow_minutes && same;
    if (same && !a->rollbacks.changes.n && !a->wish->count) {
        a->report.unchanged = tn_units_count(units_give);
        tn_units_unref(units_give);
        end_soon(a, NULL);
    } else {
        go_for(a, units_give);
    }
}

static void note_fault(void *arg, const struct tn_err *fault)
{
    struct tn_activation *a = arg;
    struct tn_activation_report *r = &a->report;
    if (r->faults_count == FAULTS_MAX) return;
    if (!r->faults) r->faults = tn_alloc(FAULTS_MAX * sizeof *r->faults);
    r->faults[r->faults_count++] = *fault;
}

static void load_files(void *arg)
{
    struct tn_activation *a = arg;
    a->units = tn_serving_load_fitting(a->o->serving, a->files, note_fault, a, &a->err);
}

static void settle(struct tn_activation *a)
{
    struct tn_units *units = a->units;
    a->units = NULL;
    if (units)
        take_up(a, units);
    else
        end(a, &a->err);
}

static void files_loaded(void *arg)
{
    struct tn_activation *a = arg;
    a->loading = NULL;
    unless_overtaken(a, settle);
}

static void try_files(struct tn_activation *a)
{
    char hash[65];
    tn_fileset_hash(a->files, hash);
    if (strcmp(hash, tn_serving_hash(a->o->serving)) == 0)
        take_up(a, tn_units_ref(tn_serving_units(a->o->serving)));
    else
        a->loading = tn_errand_start(a->o->env->host, load_files, files_loaded, a);
}

static void previewed_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct tn_activation *a = arg;
    struct tn_err why;
    bool seen;
    a->call = NULL;
    if (!err && (!tn_previewed_found(found, 0, &seen, &why) ||
                 !tn_asked_previewed(&a->o->terms, a->wish, a->hash, seen, &why)))
        err = &why;
    if (err)
        end(a, err);
    else
        try_files(a);
}

/* old: the files of the generation to which the wish rolls back; NULL: it is no roll back. */
static void choose_files(struct tn_activation *a, const struct tn_fileset *old)
{
    const struct tn_terms *terms = &a->o->terms;
    struct tn_err err;
    a->files = tn_asked_files(terms, a->wish, a->edit, &a->pins, old, &a->rollbacks, &err);
    if (!a->files || !tn_asked_expected(terms, a->wish, a->edit, a->files, &err)) {
        end(a, &err);
    } else if (tn_asked_needs_preview(terms, a->wish, a->files, a->hash)) {
        struct tn_read *read = tn_read_new(TN_TEAM_SYSTEM);
        tn_previewed_ask(read, a->hash);
        a->call = tn_store_read(a->o->env->store, read, NULL, previewed_found, a);
    } else {
        try_files(a);
    }
}

static void old_fetched(void *arg, struct tn_fileset *files, const struct tn_err *err)
{
    struct tn_activation *a = arg;
    a->fetch = NULL;
    if (err)
        end(a, err);
    else
        choose_files(a, files);
}

static void grounded(void *arg, struct tn_ground *ground, const struct tn_err *err)
{
    struct tn_activation *a = arg;
    a->grounding = NULL;
    if (err) {
        end(a, err);
        return;
    }
    if (ground->active.version != a->version) {
        end_overtaken(a);
        return;
    }
    a->given.from = ground->active;
    a->pins = ground->pins;
    ground->pins = (struct tn_pins){.n = 0};
    if (a->wish->unit[0])
        a->fetch = tn_library_unit(a->o->env->store, a->wish->unit, tn_str(a->wish->generation),
                                   old_fetched, a);
    else
        choose_files(a, NULL);
}

struct tn_activation *tn_activation_start(const struct tn_activation_options *o, int64_t version,
                                          const struct tn_wish *wish, struct tn_edit *edit,
                                          tn_activation_fn done, void *arg)
{
    struct tn_activation *a = activation_new(o, wish, edit, done, arg);
    a->version = version;
    a->grounding = tn_ground_read(o->env->store, grounded, a);
    return a;
}

struct tn_activation *tn_activation_take(const struct tn_activation_options *o,
                                         const struct tn_wish *wish, struct tn_edit *edit,
                                         const struct tn_activation_given *given,
                                         tn_activation_fn done, void *arg)
{
    struct tn_activation *a = activation_new(o, wish, edit, done, arg);
    a->given = *given;
    a->rollbacks = given->rollbacks;
    if (!given->units) {
        end_soon(a, &given->err);
    } else if (given->serves) {
        tn_serving_swap(o->serving, given->units, given->from.version);
        end_soon(a, NULL);
    } else {
        go_for(a, given->units);
    }
    return a;
}
