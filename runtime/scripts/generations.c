/* SPDX-License-Identifier: MIT */
#include "scripts/internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "access/integration.h"
#include "access/secrets.h"
#include "base/alloc.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "scripts/rules.h"
#include "scripts/source.h"
#include "scripts/library.h"
#include "scripts/trial/evidence.h"
#include "loop/loop.h"
#include "loop/shared.h"
#include "script/errand.h"
#include "store/commit.h"
#include "store/store.h"

const char generations_active_key[] = "active", generations_previewed_space[] = "previewed";

/* ---- integrations ---- */

static bool find_integration(void *arg, int64_t team, const char *id, struct tn_integration *out,
                             struct tn_err *err)
{
    struct tn_generations *g = arg;
    if (!tn_integration_load(out, g->o.env->store, g->o.secrets, team, tn_str(id), err))
        return false;
    return quarantine_integration_may_run(g, out, err);
}

static bool open_source(void *self, const struct tn_run_request *r, struct tn_source *out,
                        struct tn_err *err)
{
    struct tn_generations *g = self;
    if (!tn_source_adapters.open(g->connections, r, out, err)) return false;
    tn_evidence_watch(g->o.env->store, g->o.secrets, g->o.evidence_days, r, out);
    if (g->shadow) tn_shadow_watch(g->shadow, r, out);
    return true;
}

static struct tn_loading *load_source(void *self, const struct tn_run_request *r, tn_loaded_fn done,
                                      void *arg)
{
    struct tn_generations *g = self;
    return tn_source_adapters.load(g->connections, r, done, arg);
}

const struct tn_adapter_ops tn_generations_adapters = {
    .load = load_source, .stop = tn_connections_stop, .open = open_source};

/* ---- shadow ---- */

/* Those that served before run beside those that serve, until the time has come. */
bool generations_shadow_runs(const struct tn_generations *g, const struct tn_shadow_wish *wish)
{
    return strcmp(wish->to, g->hash) == 0 && wish->until_ms > tn_now_ms();
}

static void start_shadow(struct tn_generations *g, const struct tn_shadow_wish *wish)
{
    struct tn_err err;
    struct tn_shadow_options o = {.loop = g->o.loop,
                                  .env = g->o.env,
                                  .secrets = g->o.secrets,
                                  .from = tn_library_set(g->o.env->store, wish->from, &err),
                                  .to = tn_units_files(g->units),
                                  .wish = *wish,
                                  .worker = g->o.worker,
                                  .days = g->o.evidence_days ? g->o.evidence_days : 1};
    if (o.from) g->shadow = tn_shadow_start(&o);
    tn_fileset_unref(o.from);
    if (g->shadow)
        tn_timer_set(g->shadow_end, wish->until_ms - tn_now_ms());
    else
        tn_log(g->o.env->log, TN_LOG_warn, "scripts", "there is no shadow of %.12s: %s", wish->from,
               err.text);
}

/* The store's word counts. */
static void follow_shadow(void *arg)
{
    struct tn_generations *g = arg;
    struct tn_shadow_wish wish;
    struct tn_err err;
    bool wanted =
        tn_shadow_stored(g->o.env->store, &wish, &err) && generations_shadow_runs(g, &wish);
    if (g->shadow && wanted && tn_shadow_same(tn_shadow_wish(g->shadow), &wish)) return;
    tn_shadow_stop(g->shadow);
    g->shadow = NULL;
    tn_timer_cancel(g->shadow_end);
    if (wanted) start_shadow(g, &wish);
}

void generations_follow_shadow(struct tn_generations *g)
{
    follow_shadow(g);
}

/* ---- swap ---- */

/* So that who changed something knows who has come along. */
static void tell_version(struct tn_generations *g, int64_t version)
{
    g->o.shared->workers[g->o.worker - 1].scripts = (uint64_t)version;
}

void generations_serve(struct tn_generations *g, struct tn_units *units_give, int64_t version)
{
    struct tn_units *old = g->units;
    g->units = units_give;
    tn_fileset_hash(tn_units_files(g->units), g->hash);
    tn_rules_units(g->o.rules, g->units);
    quarantine_changed(g);
    if (g->connections) {
        tn_connections_units(g->connections, g->units);
        g->o.swapped(g->o.arg);
    } else {
        struct tn_connections_options o = {.env = g->o.env, .find = find_integration, .arg = g};
        g->connections = tn_connections_new(&o, g->units);
    }
    tn_units_unref(old);
    tell_version(g, version);
    follow_shadow(g);
}

struct tn_fileset *generations_site(const struct tn_generations *g, struct tn_err *err)
{
    struct tn_fileset *shipped = tn_fileset_embedded(tn_shipped_scripts), *site = NULL, *all;
    if (!g->o.site) return shipped;
    site = tn_fileset_read(g->o.site, err);
    all = site ? tn_fileset_over(shipped, site) : NULL;
    tn_fileset_unref(shipped);
    tn_fileset_unref(site);
    return all;
}

bool generations_active(const struct tn_generations *g, struct active *out, struct tn_err *err)
{
    struct tn_buf value;
    *out = (struct active){.version = TN_NEW_ONLY};
    tn_buf_init(&value, 128);
    bool ok = tn_store_kv_get(g->o.env->store, TN_TEAM_SYSTEM, tn_library_space,
                              tn_str(generations_active_key), &value, &out->version, err);
    if (ok) snprintf(out->hash, HASH_HEX, "%.*s", (int)value.n, value.p);
    tn_buf_clear(&value);
    return ok || err->kind == TN_E_not_found;
}

bool generations_stored_hash(const struct tn_generations *g, char hash[HASH_HEX],
                             struct tn_err *err)
{
    struct active now;
    if (!generations_active(g, &now, err)) return false;
    if (!now.hash[0]) return tn_fail(err, TN_E_not_found, "no scripts have served yet");
    memcpy(hash, now.hash, HASH_HEX);
    return true;
}

struct tn_fileset *generations_stored_files(const struct tn_generations *g, struct tn_err *err)
{
    char hash[HASH_HEX];
    return generations_stored_hash(g, hash, err) ? tn_library_set(g->o.env->store, hash, err)
                                                 : NULL;
}

struct tn_units *generations_load(struct tn_generations *g, struct tn_fileset *files,
                                  struct tn_err *err)
{
    if (!files) return NULL;
    /* What serves may change while a script is being loaded (script/errand.h). */
    struct tn_units *old = g->units ? tn_units_ref(g->units) : NULL;
    struct tn_units *units = tn_units_load(g->o.env, files, old, NULL, NULL, err);
    tn_units_unref(old);
    return units;
}

/* The whole answer to "may these serve": they load, and what they publish does not clash. */
struct tn_units *generations_load_fitting(struct tn_generations *g, struct tn_fileset *files,
                                          struct tn_err *err)
{
    struct tn_units *units = generations_load(g, files, err);
    struct tn_generations candidate = *g;
    candidate.units = units;
    if (!units || g->o.fits(g->o.arg, &candidate, err)) return units;
    tn_units_unref(units);
    return NULL;
}

/* ---- what another worker activated ---- */

enum { TRY_AGAIN_MS = 5000 }; /* what did not load, for want of memory perhaps */

struct following {
    struct tn_generations *g;
    struct tn_errand *loading;
    struct active active;
    struct tn_fileset *files;
    struct tn_units *units;
    struct tn_err err;
};

static void following_free(struct following *f)
{
    tn_units_unref(f->units);
    tn_fileset_unref(f->files);
    tn_free(f);
}

static void load_theirs(void *arg)
{
    struct following *f = arg;
    if (TN_FAULT("generations.follow"))
        tn_fail(&f->err, TN_E_budget, "there is no room for it");
    else
        f->units = generations_load(f->g, f->files, &f->err);
}

/* What serves goes on, and the same is tried again from time to time; said once. */
static void refuse_theirs(struct tn_generations *g, const struct following *f)
{
    tn_timer_set(g->try_again, TRY_AGAIN_MS);
    if (strcmp(f->active.hash, g->refused) == 0) return;
    memcpy(g->refused, f->active.hash, sizeof g->refused);
    generations_log_fault(g, "scripts that another worker activated do not load here", &f->err);
}

static void try_again(void *arg)
{
    generations_go_on(arg);
}

static void theirs_loaded(void *arg)
{
    struct following *f = arg;
    struct tn_generations *g = f->g;
    g->following = NULL;
    if (f->units) {
        g->refused[0] = '\0';
        generations_serve(g, tn_units_ref(f->units), f->active.version);
    } else {
        refuse_theirs(g, f);
    }
    following_free(f);
    generations_go_on(g);
}

bool generations_follow(struct tn_generations *g)
{
    struct following *f;
    struct tn_err err;
    struct active now;
    if (g->following) return true;
    if (!generations_active(g, &now, &err) || !now.hash[0]) return false;
    if (strcmp(now.hash, g->hash) == 0) {
        tell_version(g, now.version);
        return false;
    }
    if (strcmp(now.hash, g->refused) == 0 && tn_timer_armed(g->try_again)) return false;
    f = TN_NEW(struct following);
    f->g = g;
    f->active = now;
    f->files = tn_library_set(g->o.env->store, now.hash, &f->err);
    f->loading = tn_errand_start(g->o.env->host, load_theirs, theirs_loaded, f);
    g->following = f;
    return true;
}

static void stop_following(struct tn_generations *g)
{
    if (!g->following) return;
    tn_errand_stop(g->following->loading);
    following_free(g->following);
    g->following = NULL;
}

static void changed(void *arg, const struct tn_changes *changes)
{
    struct tn_generations *g = arg;
    bool scripts = changes->all;
    for (size_t i = 0; i < changes->count; i++) {
        const struct tn_change *c = &changes->items[i];
        if (c->kind == TN_CHANGED_kv && tn_str_is(c->name, tn_library_space)) scripts = true;
        if (c->kind != TN_CHANGED_table || !tn_str_is(c->name, "integration")) continue;
        for (size_t k = 0; g->connections && k < c->count; k++) {
            char id[TN_ID_LEN + 1];
            tn_id_text(&c->ids[k], id);
            tn_connections_drop(g->connections, id);
        }
    }
    if (!scripts || !g->units || g->under_way) return;
    if (!generations_follow(g)) generations_follow_shadow(g);
}

/* ---- boot ---- */

struct boot {
    struct tn_generations *g;
    tn_generations_fn done;
    void *arg;
};

static void booted(void *arg, const struct tn_reload_report *report, const struct tn_err *err)
{
    struct boot *b = arg;
    (void)report;
    b->done(b->arg, err);
    tn_free(b);
}

/* At a start too, what served last goes on until somebody has previewed what is there now. */
static bool may_begin(const struct tn_generations *g, const struct wish *wish,
                      struct tn_fileset *files, struct tn_err *err)
{
    char hash[HASH_HEX], last[HASH_HEX];
    struct tn_err none;
    tn_fileset_hash(files, hash);
    if (!generations_stored_hash(g, last, &none) || strcmp(hash, last) == 0) return true;
    return change_previewed(g, wish, files, err);
}

struct tn_units *generations_served_last(struct activation *a, const struct tn_err *refused)
{
    struct tn_generations *g = a->g;
    struct tn_err err;
    struct tn_fileset *last = generations_stored_files(g, &err);
    struct tn_units *units = generations_load(g, last, &err);
    tn_fileset_unref(last);
    if (!units) return NULL;
    change_forget_pins(a);
    g->o.shared->reload_failures++;
    generations_log_fault(g, "the site folder is not taken, so what served last goes on", refused);
    return units;
}

void tn_generations_boot(struct tn_generations *g, bool first, tn_generations_fn done, void *arg)
{
    struct boot *b = TN_NEW(struct boot);
    struct tn_err err;
    *b = (struct boot){g, done, arg};
    struct wish wish = {.who = "start", .done = booted, .arg = b};
    struct activation *a = activation_new(g, &wish);
    struct tn_fileset *files = NULL;
    if (generations_active(g, &a->from, &err))
        files = first ? generations_site(g, &err) : generations_stored_files(g, &err);
    if (files && first) files = change_with_pins(a, files, &err);
    bool may = files && (!first || may_begin(g, &a->wish, files, &err));
    struct tn_units *units = !may    ? NULL
                             : first ? generations_load_fitting(g, files, &err)
                                     : generations_load(g, files, &err);
    tn_fileset_unref(files);
    bool of_folder = units != NULL;
    if (!units && first) units = generations_served_last(a, &err);
    if (!units) {
        activation_end_soon(a, &err);
    } else if (first) {
        a->starts_by_folder = of_folder;
        activation_start(a, units);
    } else {
        generations_serve(g, units, a->from.version);
        activation_end_soon(a, NULL);
    }
}

struct tn_generations *tn_generations_open(const struct tn_generations_options *o)
{
    struct tn_generations *g = TN_NEW(struct tn_generations);
    g->o = *o;
    g->shadow_end = tn_timer_new(o->loop, follow_shadow, g);
    g->try_again = tn_timer_new(o->loop, try_again, g);
    tn_store_on_change(o->env->store, changed, g);
    quarantine_open(g);
    return g;
}

void tn_generations_close(struct tn_generations *g)
{
    if (!g) return;
    tn_store_off_change(g->o.env->store, changed, g);
    quarantine_close(g);
    generations_activations_drop(g);
    stop_following(g);
    generations_preview_drop(g);
    tn_shadow_stop(g->shadow);
    tn_timer_free(g->shadow_end);
    tn_timer_free(g->try_again);
    tn_connections_free(g->connections);
    tn_units_unref(g->units);
    tn_free(g);
}

struct tn_units *tn_generations_units(const struct tn_generations *g)
{
    return g->units;
}
