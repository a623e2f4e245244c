/* SPDX-License-Identifier: MIT */
#include "generations.h"

#include <stdio.h>
#include <stdlib.h>

#include "access/integration.h"
#include "access/secrets.h"
#include "base/alloc.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "bind/bind_rules.h"
#include "bind/bind_source.h"
#include "bind/bind_surface.h"
#include "bind/connections.h"
#include "bind/library.h"
#include "bind/site.h"
#include "evidence.h"
#include "preview.h"
#include "shadow.h"
#include "api/answer.h"
#include "loop/loop.h"
#include "loop/shared.h"
#include "store/commit.h"
#include "store/store.h"

enum { SPREAD_STEP_MS = 2, SPREAD_MAX_MS = 5000,
       HASH_HEX = 65, UNIT_NAME = 64, PINS_MAX = 32 };

static const char active_key[] = "active", previewed_space[] = "previewed";

struct tn_generations {
    struct tn_generations_options o;
    struct tn_units *units;            /* what serves */
    struct tn_connections *connections;
    char hash[HASH_HEX];               /* of the files that serve */
    struct activation *under_way;      /* one at a time; the others wait behind it */
    struct waiting *waiting;
    struct trying *trying;             /* a preview; one at a time */
    struct tn_shadow *shadow;          /* of what served before; NULL: none */
    struct tn_timer *shadow_end;
};

/* ---- integrations ---- */

/* Its isolate is named so (bind/connections.c). */
static bool not_in_quarantine(const struct tn_generations *g, const struct tn_integration *i,
                              struct tn_err *err)
{
    char isolate[160];
    snprintf(isolate, sizeof isolate, "integrations:%.*s", TN_FMT(i->name));
    if (!tn_shared_quarantined(g->o.shared, isolate)) return true;
    return tn_fail(err, TN_E_budget, "integration '%.*s' is in quarantine: its scripts overran their "
                                     "budget three times in a row, or ran when a worker died, twice; "
                                     "change them and reload, or release it",
                   TN_FMT(i->name));
}

static void told(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct tn_generations *g = arg;
    (void)done;
    if (err)
        tn_log(g->o.env->log, TN_LOG_warn, "scripts", "the event of a quarantine is lost: %s",
               err->text);
}

/* So that whoever listens to the log of events hears of it.  i NULL: the rules. */
static void tell_quarantine(struct tn_generations *g, const struct tn_integration *i)
{
    struct tn_commit *commit = tn_commit_new(g->o.env->store);
    struct tn_buf data;
    struct tn_jw w;
    struct tn_err err;
    tn_buf_init(&data, 4 * TN_KIB);
    tn_jw_init(&w, &data);
    tn_jw_object(&w);
    tn_jw_kstr(&w, "name", i ? i->name : tn_str(tn_rules_name));
    tn_jw_kz(&w, "reason", "its scripts overran their budget three times in a row");
    tn_jw_end(&w);
    if (i ? tn_commit_event(commit, i->team, "integration.quarantined", "integration", &i->id,
                            tn_buf_str(&data), &err)
          : tn_commit_event(commit, TN_TEAM_SYSTEM, "rules.quarantined", NULL, NULL,
                            tn_buf_str(&data), &err))
        tn_store_commit(g->o.env->store, commit, told, g);
    else
        tn_commit_free(commit);
    tn_buf_clear(&data);
}

static bool tell_log(struct tn_generations *g, const char *isolate, const char *unit)
{
    if (!tn_shared_overran(g->o.shared, isolate, unit)) return false;
    tn_log(g->o.env->log, TN_LOG_error, "scripts",
           "%s is in quarantine: its scripts overran their budget three times in a row", isolate);
    return true;
}

/* Integrations' isolates can be spent, and that of the rules; their modules' context says whose they
 * are. */
static void on_spent(void *arg, struct tn_isolate *iso)
{
    struct tn_generations *g = arg;
    const struct bind_context *context = tn_isolate_context(iso);
    const struct bind_owner *owner = context->app;
    struct tn_integration i;
    struct tn_err err;
    char adapter[UNIT_NAME] = "";
    if (!context->integration) {
        if (tell_log(g, tn_isolate_name(iso), tn_rules_name)) tell_quarantine(g, NULL);
        return;
    }
    tn_integration_init(&i);
    bool there = tn_integration_load(&i, g->o.env->store, g->o.secrets, owner->team,
                                     tn_str(owner->name), &err);
    if (there) snprintf(adapter, sizeof adapter, "%.*s", TN_FMT(i.adapter));
    if (tell_log(g, tn_isolate_name(iso), adapter) && there) tell_quarantine(g, &i);
    tn_integration_clear(&i);
}

static bool find_integration(void *arg, int64_t team, const char *id, struct tn_integration *out,
                             struct tn_err *err)
{
    struct tn_generations *g = arg;
    if (!tn_integration_load(out, g->o.env->store, g->o.secrets, team, tn_str(id), err))
        return false;
    return not_in_quarantine(g, out, err);
}

static bool open_source(void *self, const struct tn_run_request *r, struct tn_source *out,
                        struct tn_err *err)
{
    struct tn_generations *g = self;
    if (!tn_bind_source_ops.open(g->connections, r, out, err)) return false;
    tn_evidence_watch(g->o.env->store, g->o.secrets, r, out);
    if (g->shadow) tn_shadow_watch(g->shadow, r, out);
    return true;
}

const struct tn_adapter_ops tn_generations_adapters = {.open = open_source};

/* ---- shadow ---- */

/* Those that served before run beside those that serve, until the time has come. */
static bool shadow_runs(const struct tn_generations *g, const struct tn_shadow_wish *wish)
{
    return strcmp(wish->to, g->hash) == 0 && wish->until_ms > tn_now_ms();
}

static void start_shadow(struct tn_generations *g, const struct tn_shadow_wish *wish)
{
    struct tn_err err;
    struct tn_shadow_options o = {.loop = g->o.loop, .env = g->o.env, .secrets = g->o.secrets,
                                  .from = tn_library_set(g->o.env->store, wish->from, &err),
                                  .to = tn_units_files(g->units), .wish = *wish,
                                  .worker = g->o.worker};
    if (o.from) g->shadow = tn_shadow_start(&o, &err);
    tn_fileset_unref(o.from);
    if (g->shadow)
        tn_timer_set(g->shadow_end, wish->until_ms - tn_now_ms());
    else
        tn_log(g->o.env->log, TN_LOG_warn, "scripts", "there is no shadow of %.12s: %s",
               wish->from, err.text);
}

/* The store's word counts. */
static void follow_shadow(void *arg)
{
    struct tn_generations *g = arg;
    struct tn_shadow_wish wish;
    struct tn_err err;
    bool wanted = tn_shadow_stored(g->o.env->store, &wish, &err) && shadow_runs(g, &wish);
    if (g->shadow && wanted && tn_shadow_same(tn_shadow_wish(g->shadow), &wish)) return;
    tn_shadow_stop(g->shadow);
    g->shadow = NULL;
    tn_timer_cancel(g->shadow_end);
    if (wanted) start_shadow(g, &wish);
}

/* ---- swap ---- */

static void serve(struct tn_generations *g, struct tn_units *units_give)
{
    struct tn_units *old = g->units;
    g->units = units_give;
    tn_fileset_hash(tn_units_files(g->units), g->hash);
    tn_rules_units(g->o.rules, g->units);
    if (g->connections) {
        tn_connections_units(g->connections, g->units);
        g->o.swapped(g->o.arg);
    } else {
        struct tn_connections_options o = {.env = g->o.env, .find = find_integration, .arg = g};
        g->connections = tn_connections_new(&o, g->units);
    }
    tn_units_unref(old);
    char start[17];
    snprintf(start, sizeof start, "%.16s", g->hash);
    g->o.shared->workers[g->o.worker - 1].scripts = strtoull(start, NULL, 16);
    follow_shadow(g);
}

static struct tn_fileset *site_files(const struct tn_generations *g, struct tn_err *err)
{
    struct tn_fileset *shipped = tn_fileset_embedded(tn_shipped_scripts), *site = NULL, *all;
    if (!g->o.site) return shipped;
    site = tn_fileset_read(g->o.site, err);
    all = site ? tn_fileset_over(shipped, site) : NULL;
    tn_fileset_unref(shipped);
    tn_fileset_unref(site);
    return all;
}

/* The hash of the files that serve by the store's word; kind not_found: there never were any. */
static bool stored_hash(const struct tn_generations *g, char hash[HASH_HEX], struct tn_err *err)
{
    struct tn_buf value;
    tn_buf_init(&value, 128);
    bool ok = tn_store_kv_get(g->o.env->store, TN_TEAM_SYSTEM, tn_library_space,
                              tn_str(active_key), &value, NULL, err);
    if (ok) snprintf(hash, HASH_HEX, "%.*s", (int)value.n, value.p);
    tn_buf_clear(&value);
    return ok;
}

static struct tn_fileset *stored_files(const struct tn_generations *g, struct tn_err *err)
{
    char hash[HASH_HEX];
    return stored_hash(g, hash, err) ? tn_library_set(g->o.env->store, hash, err) : NULL;
}

static struct tn_units *load(struct tn_generations *g, struct tn_fileset *files, struct tn_err *err)
{
    return files ? tn_units_load(g->o.env, files, g->units, NULL, NULL, err) : NULL;
}

/* The whole answer to "may these serve": they load, and what they publish does not clash. */
static struct tn_units *load_fitting(struct tn_generations *g, struct tn_fileset *files,
                                     struct tn_err *err)
{
    struct tn_units *units = load(g, files, err);
    struct tn_generations candidate = *g;
    candidate.units = units;
    if (!units || g->o.fits(g->o.arg, &candidate, err)) return units;
    tn_units_unref(units);
    return NULL;
}

/* Another worker activated other scripts. */
static void follow(struct tn_generations *g)
{
    struct tn_err err;
    char hash[HASH_HEX];
    if (!stored_hash(g, hash, &err) || strcmp(hash, g->hash) == 0) return;
    struct tn_fileset *files = tn_library_set(g->o.env->store, hash, &err);
    struct tn_units *units = load(g, files, &err);
    if (units)
        serve(g, units);
    else
        tn_log(g->o.env->log, TN_LOG_error, "scripts",
               "scripts that another worker activated do not load here: %s", err.text);
    tn_fileset_unref(files);
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
    follow(g);
    follow_shadow(g);
}

/* ---- activation: tables, then the store's word, then everybody ---- */

/* A unit that was rolled back, and what the site folder had of it then. */
struct pin {
    char unit[UNIT_NAME], site[HASH_HEX];   /* site "": no longer */
};

struct pins {
    struct pin v[PINS_MAX];
    size_t n;
};

/* A change as it was asked for, kept. */
struct wish {
    char who[128], expect[HASH_HEX], unit[UNIT_NAME], generation[HASH_HEX];
    char path[128], based_on[HASH_HEX];
    char *text;
    size_t n;
    bool remove;
    int shadow_minutes;
    tn_reload_fn done;
    void *arg;
};

struct activation {
    struct tn_generations *g;
    struct tn_units *units;
    struct tn_timer *spread;
    size_t next_table;
    int64_t began_us, spread_us;
    struct wish wish;
    struct pins pins;                       /* to be written */
    struct tn_reload_report report;
};

struct waiting {
    struct waiting *next;
    struct wish wish;
};

static void wish_fill(struct wish *w, const struct tn_script_change *c, tn_reload_fn done,
                      void *arg)
{
    *w = (struct wish){.remove = c->remove, .shadow_minutes = c->shadow_minutes, .done = done,
                       .arg = arg};
    snprintf(w->who, sizeof w->who, "%s", c->who);
    snprintf(w->expect, sizeof w->expect, "%s", c->expect ? c->expect : "");
    snprintf(w->unit, sizeof w->unit, "%s", c->unit ? c->unit : "");
    snprintf(w->generation, sizeof w->generation, "%s", c->generation ? c->generation : "");
    snprintf(w->path, sizeof w->path, "%s", c->path ? c->path : "");
    snprintf(w->based_on, sizeof w->based_on, "%s", c->based_on ? c->based_on : "");
    w->text = c->text.p ? tn_strndup(c->text.p, c->text.n) : NULL;
    w->n = c->text.n;
}

static void begin(struct tn_generations *g, const struct wish *wish_give);

static void next_waiting(void *arg)
{
    struct tn_generations *g = arg;
    struct waiting *w = g->waiting;
    if (!w || g->under_way) return;
    g->waiting = w->next;
    begin(g, &w->wish);
    tn_free(w);
}

static void log_fault(const struct tn_generations *g, const char *what, const struct tn_err *err)
{
    char where[sizeof err->file + 16] = "";
    if (err->file[0] && err->line)
        snprintf(where, sizeof where, "%s:%d: ", err->file, err->line);
    else if (err->file[0])
        snprintf(where, sizeof where, "%s: ", err->file);
    tn_log(g->o.env->log, TN_LOG_error, "scripts", "%s: %s%s", what, where, err->text);
}

static void activation_end(struct activation *a, const struct tn_err *err)
{
    struct tn_generations *g = a->g;
    a->report.took_ms = (tn_mono_us() - a->began_us) / 1000;
    g->under_way = NULL;
    if (err) {
        g->o.shared->reload_failures++;
        log_fault(g, "reload refused", err);
    }
    snprintf(a->report.set, sizeof a->report.set, "%s", g->hash);
    a->wish.done(a->wish.arg, err ? NULL : &a->report, err);
    tn_units_unref(a->units);
    tn_timer_free(a->spread);
    tn_free(a->wish.text);
    tn_free(a);
    if (g->waiting) tn_loop_defer(g->o.loop, next_waiting, g);
}

/* Every worker that serves has to have come along: what the caller sends next meets the new ones. */
static void check_spread(void *arg)
{
    struct activation *a = arg;
    struct tn_shared *shared = a->g->o.shared;
    uint64_t mine = shared->workers[a->g->o.worker - 1].scripts;
    bool all = true;
    for (int i = 0; i < shared->worker_count; i++) {
        const struct tn_shared_process *w = &shared->workers[i];
        all = all && (w->state != TN_PROCESS_ready || w->scripts == mine);
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
    serve(g, tn_units_ref(a->units));
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
    if (!a->report.changed[i].generation[0]) return true;      /* the unit is gone */
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
    if (!a->wish.shadow_minutes || !a->g->units) return true;
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
    if (w->path[0]) return w->remove ? "scripts.delete" : "scripts.write";
    return "scripts.activate";
}

static void keep(struct activation *a)
{
    struct tn_generations *g = a->g;
    struct tn_commit *commit = tn_commit_new(g->o.env->store);
    struct tn_err err;
    char hash[HASH_HEX];
    bool ok;
    tn_fileset_hash(tn_units_files(a->units), hash);
    ok = tn_library_keep(g->o.env->store, commit, a->units, &err) &&
         tn_commit_kv_set(commit, TN_TEAM_SYSTEM, tn_library_space, tn_str(active_key),
                          tn_str(hash), TN_ANY, 0, &err) &&
         add_pins(a, commit, &err) && add_shadow(a, commit, hash, &err);
    for (size_t i = 0; ok && i < a->report.changed_count; i++)
        ok = add_generation(a, commit, i, &err);
    ok = ok && tn_commit_audit(commit, TN_TEAM_SYSTEM, a->wish.who, what_of(&a->wish), hash,
                               TN_STR(""), &err);
    if (ok) {
        tn_store_commit(g->o.env->store, commit, stored, a);
        return;
    }
    tn_commit_free(commit);
    activation_end(a, &err);
}

static void define_next(struct activation *a);

static void defined(void *arg, const struct tn_err *err)
{
    struct activation *a = arg;
    if (err) {
        activation_end(a, err);
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
    tn_resource_table(tn_units_resource_at(a->units, a->next_table), columns, &table);
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

static void start_activation(struct activation *a, struct tn_units *units_give)
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
static void end_soon(struct activation *a, const struct tn_err *err)
{
    struct nothing_new *n = TN_NEW(struct nothing_new);
    n->a = a;
    n->failed = err != NULL;
    if (err) n->err = *err;
    tn_loop_defer(a->g->o.loop, end_later, n);
}

static struct activation *activation_new(struct tn_generations *g, const struct wish *wish_give)
{
    struct activation *a = TN_NEW(struct activation);
    a->g = g;
    a->wish = *wish_give;
    a->began_us = tn_mono_us();
    g->under_way = a;
    return a;
}

/* ---- units that were rolled back ---- */

static bool take_pin(void *arg, struct tn_str key, struct tn_str value, int64_t version)
{
    struct pins *pins = arg;
    struct pin *pin = &pins->v[pins->n];
    (void)version;
    snprintf(pin->unit, sizeof pin->unit, "%.*s", (int)(key.n - 4), key.p + 4);
    snprintf(pin->site, sizeof pin->site, "%.*s", TN_FMT(value));
    return ++pins->n < PINS_MAX;
}

static bool read_pins(const struct tn_generations *g, struct pins *pins, struct tn_err *err)
{
    pins->n = 0;
    return tn_store_kv_list(g->o.env->store, TN_TEAM_SYSTEM, tn_library_space, TN_STR("pin/"),
                            TN_STR(""), PINS_MAX, take_pin, pins, err);
}

static void generation_of(const struct tn_fileset *all, const char *unit, char hex[HASH_HEX])
{
    struct tn_fileset *files = tn_units_files_of(all, unit);
    tn_fileset_hash(files, hex);
    tn_fileset_unref(files);
}

static struct tn_fileset *serving_files(const struct tn_generations *g, struct tn_err *err)
{
    return g->units ? tn_fileset_ref(tn_units_files(g->units)) : stored_files(g, err);
}

/* unit's files of generation under its pin, over all. */
static struct tn_fileset *pin_files(const struct tn_fileset *all, const char *unit,
                                    const struct tn_fileset *files)
{
    char prefix[TN_PIN_LEN];
    tn_units_pin(unit, prefix);
    struct tn_fileset *moved = tn_fileset_moved(files, prefix);
    struct tn_fileset *both = tn_fileset_over(all, moved);
    tn_fileset_unref(moved);
    return both;
}

static void note_rolled_back(struct activation *a, const struct pin *pin,
                             const struct tn_fileset *files)
{
    size_t i = a->report.rolled_back_count++;
    memcpy(a->report.rolled_back[i].unit, pin->unit, UNIT_NAME);
    memcpy(a->report.rolled_back[i].site, pin->site, HASH_HEX);
    tn_fileset_hash(files, a->report.rolled_back[i].generation);
}

/* A roll back holds until the site folder has something else of that unit than it had then. */
static struct tn_fileset *with_pins(struct activation *a, struct tn_fileset *site_give,
                                    struct tn_err *err)
{
    struct tn_fileset *all = site_give, *serving;
    struct pins pins;
    if (!read_pins(a->g, &pins, err)) goto fail;
    if (!pins.n) return all;
    serving = serving_files(a->g, err);
    if (!serving) goto fail;
    for (size_t i = 0; i < pins.n; i++) {
        char now[HASH_HEX], prefix[TN_PIN_LEN];
        struct tn_fileset *files, *next;
        tn_units_pin(pins.v[i].unit, prefix);
        generation_of(site_give, pins.v[i].unit, now);
        files = tn_fileset_below(serving, prefix);
        if (strcmp(now, pins.v[i].site) == 0 && tn_fileset_count(files)) {
            next = pin_files(all, pins.v[i].unit, files);
            note_rolled_back(a, &pins.v[i], files);
            if (all != site_give) tn_fileset_unref(all);
            all = next;
        } else {
            pins.v[i].site[0] = '\0';
            a->pins.v[a->pins.n++] = pins.v[i];
        }
        tn_fileset_unref(files);
    }
    tn_fileset_unref(serving);
    if (all != site_give) tn_fileset_unref(site_give);
    return all;
fail:
    tn_fileset_unref(site_give);
    return NULL;
}

/* What serves now, but for the unit, which goes by an older generation's files. */
static struct tn_fileset *rolled_back(struct activation *a, struct tn_err *err)
{
    struct tn_generations *g = a->g;
    const struct wish *w = &a->wish;
    char full[HASH_HEX], now[HASH_HEX], prefix[TN_PIN_LEN];
    struct tn_fileset *old, *base, *site, *all;
    struct pin *pin = &a->pins.v[a->pins.n++];
    if (!tn_library_find(g->o.env->store, w->unit, tn_str(w->generation), full, err)) return NULL;
    old = tn_library_unit(g->o.env->store, w->unit, full, err);
    if (!old) return NULL;
    tn_units_pin(w->unit, prefix);
    base = tn_fileset_without(tn_units_files(g->units), prefix);
    site = site_files(g, err);
    snprintf(pin->unit, sizeof pin->unit, "%s", w->unit);
    generation_of(site ? site : base, w->unit, pin->site);
    generation_of(base, w->unit, now);
    if (strcmp(now, full) == 0) {
        pin->site[0] = '\0';               /* what it is without any pin */
        all = tn_fileset_ref(base);
    } else {
        all = pin_files(base, w->unit, old);
        note_rolled_back(a, pin, old);
    }
    tn_fileset_unref(site);
    tn_fileset_unref(base);
    tn_fileset_unref(old);
    return all;
}

/* ---- one file ---- */

static bool is_based_on(const struct wish *w, const struct tn_fileset *site, struct tn_err *err)
{
    const struct tn_file *file = tn_fileset_find(site, tn_str(w->path));
    char hash[HASH_HEX];
    if (!w->based_on[0]) return true;
    if (file) tn_file_hash(file->text, hash);
    if (file && strcmp(hash, w->based_on) == 0) return true;
    tn_fail(err, TN_E_conflict, "%s is not what you changed any more: read it again", w->path);
    return tn_fail_at(err, w->path, 0);
}

static struct tn_fileset *site_without(const struct tn_generations *g, const char *path,
                                       struct tn_err *err)
{
    struct tn_fileset *shipped = tn_fileset_embedded(tn_shipped_scripts), *own, *less, *all = NULL;
    own = tn_fileset_read(g->o.site, err);
    if (own && tn_fileset_find(own, tn_str(path))) {
        less = tn_fileset_without(own, path);
        all = tn_fileset_over(shipped, less);
        tn_fileset_unref(less);
    } else if (own) {
        tn_fail(err, TN_E_not_found, "%s is not in the site folder", path);
    }
    tn_fileset_unref(own);
    tn_fileset_unref(shipped);
    return all;
}

/* The site folder as it would be. */
static struct tn_fileset *site_with_file(const struct tn_generations *g, const struct wish *w,
                                         struct tn_err *err)
{
    struct tn_fileset *site, *one, *all = NULL;
    if (!g->o.site) {
        tn_fail(err, TN_E_unavailable, "this server has no site folder (serve --site DIR)");
        return NULL;
    }
    one = tn_fileset_one(w->path, (struct tn_str){w->text ? w->text : "", w->n}, err);
    site = one ? site_files(g, err) : NULL;
    if (site && is_based_on(w, site, err))
        all = w->remove ? site_without(g, w->path, err) : tn_fileset_over(site, one);
    tn_fileset_unref(site);
    tn_fileset_unref(one);
    return all;
}

/* The set loads: now it may be in the site folder. */
static bool write_file(const struct tn_generations *g, const struct wish *w, struct tn_err *err)
{
    if (!w->path[0]) return true;
    if (w->remove) return tn_site_remove(g->o.site, w->path, err);
    return tn_site_write(g->o.site, w->path, (struct tn_str){w->text ? w->text : "", w->n}, err);
}

/* ---- begin ---- */

static bool is_expected(const struct activation *a, const struct tn_fileset *files,
                        struct tn_err *err)
{
    char hash[HASH_HEX];
    if (!a->wish.expect[0]) return true;
    tn_fileset_hash(files, hash);
    return strcmp(hash, a->wish.expect) == 0 ||
           tn_fail(err, TN_E_conflict, "the site folder is not what was looked at: it is %.12s now",
                   hash);
}

/* Whether somebody has seen what these would do, where that is asked for.  Going back to what served
 * before is always possible. */
static bool was_previewed(const struct tn_generations *g, const struct wish *wish,
                          struct tn_fileset *files, struct tn_err *err)
{
    char hash[HASH_HEX];
    struct tn_buf value;
    if (!g->o.require_preview || wish->unit[0]) return true;
    tn_fileset_hash(files, hash);
    if (strcmp(hash, g->hash) == 0) return true;
    tn_buf_init(&value, TN_KIB);
    bool seen = tn_store_kv_get(g->o.env->store, TN_TEAM_SYSTEM, previewed_space, tn_str(hash),
                                &value, NULL, err);
    tn_buf_clear(&value);
    if (seen && (wish->expect[0] || !g->units)) return true;
    if (!seen && err->kind != TN_E_not_found) return false;
    return tn_fail(err, TN_E_conflict,
                   "this server takes changes of scripts only by the hash of a preview "
                   "(--require-preview): tenon preview, then tenon reload --expect %.12s...%s",
                   hash, seen ? "" : ", which nobody has previewed yet");
}

static struct tn_fileset *wished_files(struct activation *a, struct tn_err *err)
{
    struct tn_generations *g = a->g;
    struct tn_fileset *site;
    if (a->wish.unit[0]) return rolled_back(a, err);
    site = a->wish.path[0] ? site_with_file(g, &a->wish, err) : site_files(g, err);
    return site ? with_pins(a, site, err) : NULL;
}

static void try_files(struct activation *a, struct tn_fileset *files)
{
    struct tn_generations *g = a->g;
    struct tn_err err;
    char hash[HASH_HEX];
    tn_fileset_hash(files, hash);
    bool same = strcmp(hash, g->hash) == 0;
    struct tn_units *units = same ? tn_units_ref(g->units) : load_fitting(g, files, &err);
    if (!units) {
        end_soon(a, &err);
    } else if (!write_file(g, &a->wish, &err)) {
        tn_units_unref(units);
        end_soon(a, &err);
    } else if (same && !a->pins.n) {
        a->report.unchanged = tn_units_count(units);
        tn_units_unref(units);
        end_soon(a, NULL);
    } else {
        start_activation(a, units);
    }
}

static void begin(struct tn_generations *g, const struct wish *wish_give)
{
    struct tn_err err;
    if (g->under_way) {
        struct waiting *w = TN_NEW(struct waiting), **end = &g->waiting;
        w->wish = *wish_give;
        while (*end) end = &(*end)->next;
        *end = w;
        return;
    }
    follow(g);                         /* what another worker may just have activated */
    struct activation *a = activation_new(g, wish_give);
    struct tn_fileset *files = wished_files(a, &err);
    if (files && is_expected(a, files, &err) && was_previewed(g, &a->wish, files, &err))
        try_files(a, files);
    else
        end_soon(a, &err);
    tn_fileset_unref(files);
}

static void activate(void *self, const struct tn_script_change *change, tn_reload_fn done,
                     void *arg)
{
    struct wish wish;
    wish_fill(&wish, change, done, arg);
    begin(self, &wish);
}

static void reload(void *self, const char *who, tn_reload_fn done, void *arg)
{
    struct tn_script_change change = {.who = who};
    activate(self, &change, done, arg);
}

/* ---- preview ---- */

struct trying {
    struct tn_generations *g;
    char who[128], hash[HASH_HEX];     /* of the candidate */
    struct tn_str answer;              /* ours, while it is noted */
    struct tn_preview *preview;        /* NULL: it could not begin */
    struct tn_err err;
    tn_trial_fn done;
    void *arg;
};

static void tried_end(struct trying *t, const struct tn_err *err)
{
    t->g->trying = NULL;
    t->done(t->arg, t->answer, err);
    tn_preview_free(t->preview);
    tn_free((char *)t->answer.p);
    tn_free(t);
}

static void preview_noted(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    (void)done;
    tried_end(arg, err);
}

/* Noted before it is answered: an activation may ask for it at once. */
static void tried(void *arg, struct tn_str answer, const struct tn_err *err)
{
    struct trying *t = arg;
    struct tn_commit *commit;
    struct tn_err why;
    int64_t until = tn_now_ms() + (int64_t)TN_LIMIT_PREVIEW_DAYS * 86400 * 1000;
    if (err) {
        tried_end(t, err);
        return;
    }
    t->answer = (struct tn_str){tn_strndup(answer.p, answer.n), answer.n};
    commit = tn_commit_new(t->g->o.env->store);
    if (tn_commit_kv_set(commit, TN_TEAM_SYSTEM, previewed_space, tn_str(t->hash), tn_str(t->who),
                         TN_ANY, until, &why)) {
        tn_store_commit(t->g->o.env->store, commit, preview_noted, t);
    } else {
        tn_commit_free(commit);
        tried_end(t, &why);
    }
}

static void try_failed(void *arg)
{
    struct trying *t = arg;
    if (t->g->trying == t) t->g->trying = NULL;
    t->done(t->arg, TN_STR(""), &t->err);
    tn_free(t);
}

/* Over what the site folder has, or over the shipped files alone. */
static struct tn_fileset *trial_base(const struct tn_generations *g,
                                     const struct tn_script_trial *trial, struct tn_err *err)
{
    return trial->whole ? tn_fileset_embedded(tn_shipped_scripts) : site_files(g, err);
}

static struct tn_fileset *trial_files(const struct tn_generations *g,
                                      const struct tn_script_trial *trial, struct tn_err *err)
{
    struct tn_fileset *all = trial_base(g, trial, err);
    for (size_t i = 0; all && i < trial->count; i++) {
        const struct tn_script_file *f = &trial->files[i];
        struct tn_str text = f->text.p ? f->text : TN_STR("");
        struct tn_fileset *one = tn_fileset_one(f->path, text, err), *next = NULL;
        if (one) next = f->text.p ? tn_fileset_over(all, one) : tn_fileset_without(all, f->path);
        tn_fileset_unref(one);
        tn_fileset_unref(all);
        all = next;
    }
    return all;
}

static void preview(void *self, const struct tn_script_trial *trial, tn_trial_fn done, void *arg)
{
    struct tn_generations *g = self;
    struct trying *t = TN_NEW(struct trying);
    struct activation *pins = TN_NEW(struct activation);
    struct tn_fileset *to = NULL;
    *t = (struct trying){.g = g, .done = done, .arg = arg};
    snprintf(t->who, sizeof t->who, "%s", trial->who);
    pins->g = g;
    if (g->trying)
        tn_fail(&t->err, TN_E_busy, "another preview is under way in this worker");
    else
        to = trial_files(g, trial, &t->err);
    if (to) to = with_pins(pins, to, &t->err);
    tn_free(pins);
    if (!to) {
        tn_loop_defer(g->o.loop, try_failed, t);
        return;
    }
    struct tn_preview_options o = {.loop = g->o.loop, .env = g->o.env, .team = trial->team,
                                   .from = tn_units_files(g->units), .to = to, .done = tried,
                                   .arg = t};
    g->trying = t;
    tn_fileset_hash(to, t->hash);
    t->preview = tn_preview_start(&o);
    tn_fileset_unref(to);
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
    if (!stored_hash(g, last, &none) || strcmp(hash, last) == 0) return true;
    return was_previewed(g, wish, files, err);
}

void tn_generations_boot(struct tn_generations *g, bool first, tn_generations_fn done, void *arg)
{
    struct boot *b = TN_NEW(struct boot);
    struct tn_err err, stored_err;
    *b = (struct boot){g, done, arg};
    struct wish wish = {.who = "start", .done = booted, .arg = b};
    struct activation *a = activation_new(g, &wish);
    struct tn_fileset *files = first ? site_files(g, &err) : stored_files(g, &err);
    if (files && first) files = with_pins(a, files, &err);
    bool may = files && (!first || may_begin(g, &a->wish, files, &err));
    struct tn_units *units = !may ? NULL : first ? load_fitting(g, files, &err)
                                                 : load(g, files, &err);
    tn_fileset_unref(files);
    if (!units && first) {
        struct tn_fileset *last = stored_files(g, &stored_err);
        units = load(g, last, &stored_err);
        tn_fileset_unref(last);
        if (units)
            log_fault(g, "the site folder is not taken, so what served last goes on", &err);
    }
    if (!units) {
        end_soon(a, &err);
    } else if (first) {
        start_activation(a, units);
    } else {
        serve(g, units);
        end_soon(a, NULL);
    }
}

struct tn_generations *tn_generations_open(const struct tn_generations_options *o)
{
    struct tn_generations *g = TN_NEW(struct tn_generations);
    g->o = *o;
    g->shadow_end = tn_timer_new(o->loop, follow_shadow, g);
    tn_store_on_change(o->env->store, changed, g);
    tn_host_on_spent(o->env->host, on_spent, g);
    return g;
}

void tn_generations_close(struct tn_generations *g)
{
    if (!g) return;
    tn_store_off_change(g->o.env->store, changed, g);
    tn_host_on_spent(g->o.env->host, NULL, NULL);
    if (g->trying) {
        tn_preview_free(g->trying->preview);
        tn_free((char *)g->trying->answer.p);
        tn_free(g->trying);
    }
    tn_shadow_stop(g->shadow);
    tn_timer_free(g->shadow_end);
    tn_connections_free(g->connections);
    tn_units_unref(g->units);
    while (g->waiting) {
        struct waiting *w = g->waiting;
        g->waiting = w->next;
        tn_free(w->wish.text);
        tn_free(w);
    }
    tn_free(g);
}

struct tn_units *tn_generations_units(const struct tn_generations *g)
{
    return g->units;
}

/* ---- for the API ---- */

static void *hold(void *self)
{
    return tn_units_ref(((struct tn_generations *)self)->units);
}

static void let_go(void *held)
{
    tn_units_unref(held);
}

static size_t resources(void *self)
{
    return tn_units_resources(((struct tn_generations *)self)->units);
}

static const struct tn_decl *resource(void *self, size_t i)
{
    return tn_units_resource_at(((struct tn_generations *)self)->units, i);
}

static size_t adapters(void *self)
{
    return tn_units_adapters(((struct tn_generations *)self)->units);
}

static const struct tn_decl *adapter(void *self, size_t i)
{
    return tn_units_adapter_at(((struct tn_generations *)self)->units, i);
}

static size_t unit_count(void *self)
{
    return tn_units_count(((struct tn_generations *)self)->units);
}

static void unit(void *self, size_t i, struct tn_unit_info *out)
{
    const struct tn_unit *u = tn_units_at(((struct tn_generations *)self)->units, i);
    char prefix[TN_PIN_LEN];
    tn_units_pin(tn_unit_name(u), prefix);
    struct tn_fileset *pinned = tn_fileset_below(tn_units_files(((struct tn_generations *)self)->units),
                                                 prefix);
    *out = (struct tn_unit_info){tn_unit_name(u), tn_unit_generation(u),
                                 tn_fileset_count(tn_unit_files(u)), tn_fileset_count(pinned) > 0};
    tn_fileset_unref(pinned);
}

static void tell(const struct tn_file *f, bool own, tn_script_file_fn fn, void *arg)
{
    struct tn_script_file file = {.path = f->path, .text = f->text, .own = own};
    tn_file_hash(f->text, file.hash);
    fn(arg, &file);
}

static bool generation(void *self, const char *unit_name, struct tn_str start, char full[65],
                       tn_script_file_fn fn, void *arg, struct tn_err *err)
{
    struct tn_generations *g = self;
    struct tn_fileset *files;
    if (!tn_library_find(g->o.env->store, unit_name, start, full, err)) return false;
    files = tn_library_unit(g->o.env->store, unit_name, full, err);
    for (size_t i = 0; files && i < tn_fileset_count(files); i++)
        tell(tn_fileset_at(files, i), false, fn, arg);
    tn_fileset_unref(files);
    return files != NULL;
}

static bool files(void *self, tn_script_file_fn fn, void *arg, struct tn_err *err)
{
    struct tn_generations *g = self;
    struct tn_fileset *shipped = tn_fileset_embedded(tn_shipped_scripts), *own = NULL, *all = NULL;
    if (!g->o.site || (own = tn_fileset_read(g->o.site, err)))
        all = tn_fileset_over(shipped, own);
    for (size_t i = 0; all && i < tn_fileset_count(all); i++) {
        const struct tn_file *f = tn_fileset_at(all, i);
        tell(f, own && tn_fileset_find(own, tn_str(f->path)), fn, arg);
    }
    tn_fileset_unref(shipped);
    tn_fileset_unref(own);
    tn_fileset_unref(all);
    return all != NULL;
}

static bool shadow(void *self, int64_t team, struct tn_jw *w, struct tn_err *err)
{
    struct tn_generations *g = self;
    struct tn_shadow_wish wish;
    return tn_shadow_stored(g->o.env->store, &wish, err) &&
           tn_shadow_write(g->o.env->store, g->o.secrets, team, &wish, shadow_runs(g, &wish), w,
                           err);
}

static bool end_shadow(void *self, struct tn_commit *commit, struct tn_err *err)
{
    struct tn_generations *g = self;
    struct tn_shadow_wish wish;
    if (!tn_shadow_stored(g->o.env->store, &wish, err)) return false;
    if (!shadow_runs(g, &wish)) return tn_fail(err, TN_E_not_found, "no shadow is running");
    wish.until_ms = tn_now_ms();
    return tn_shadow_put(commit, &wish, err);
}

static bool forget(void *self, int64_t team, const char *id, struct tn_commit *commit,
                   struct tn_err *err)
{
    struct tn_generations *g = self;
    return tn_evidence_forget(g->o.env->store, team, id, commit, err);
}

struct telling {
    tn_isolate_fn fn;
    void *arg;
};

static void tell_isolate(const struct telling *t, const struct tn_isolate *iso,
                         const struct tn_unit *u)
{
    struct tn_isolate_stats s;
    tn_isolate_stats(iso, &s);
    struct tn_isolate_info info = {.name = tn_isolate_name(iso), .unit = tn_unit_name(u),
                                   .generation = tn_unit_generation(u), .calls = s.calls,
                                   .errors = s.errors, .overruns = s.overruns,
                                   .cpu_ms = s.cpu_ms, .bytes = s.bytes,
                                   .peak_bytes = s.peak_bytes, .tasks = s.tasks,
                                   .quarantined = tn_isolate_spent(iso)};
    t->fn(t->arg, &info);
}

static void tell_connection(void *arg, const struct tn_connection *c)
{
    tell_isolate(arg, tn_connection_isolate(c), tn_connection_unit(c));
}

static size_t isolates(void *self, tn_isolate_fn fn, void *arg)
{
    struct tn_generations *g = self;
    struct telling t = {fn, arg};
    for (size_t i = 0; i < tn_units_count(g->units); i++) {
        const struct tn_unit *u = tn_units_at(g->units, i);
        const struct tn_isolate *rules = tn_rules_isolate(g->o.rules);
        bool own = rules && strcmp(tn_unit_name(u), tn_rules_name) == 0;
        tell_isolate(&t, own ? rules : tn_unit_isolate(u), u);
    }
    tn_connections_each(g->connections, tell_connection, &t);
    return tn_host_isolates(g->o.env->host);
}

static size_t paths(void *self)
{
    return tn_surface_rows(((struct tn_generations *)self)->units);
}

static void path(void *self, size_t i, struct tn_served_path *out)
{
    const struct tn_surface_row *row =
        tn_surface_row(((struct tn_generations *)self)->units, i);
    *out = (struct tn_served_path){row->method, row->pattern, row->open, row};
}

static void answer_error(void *arg, struct tn_http_exchange *x, const struct tn_err *err)
{
    (void)arg;
    tn_answer_err(x, err);
}

static void serve_path(void *self, const void *handle, const struct tn_caller *caller,
                       struct tn_http_exchange *x)
{
    struct bind_actor actor = {.team = caller->team, .read_only = !caller->may_write};
    snprintf(actor.name, sizeof actor.name, "%s", caller->name);
    tn_surface_serve(handle, &actor, x, answer_error, self);
}

struct probing {
    struct tn_generations *g;
    tn_probed_fn done;
    void *arg;
    struct tn_err err;                 /* of a probe that could not start */
};

static void health_known(void *arg, const struct tn_health *h)
{
    struct probing *p = arg;
    struct tn_probed found = {.connected = h->connected, .took_ms = h->took_ms, .err = h->err};
    snprintf(found.version, sizeof found.version, "%s", h->version ? h->version : "");
    p->done(p->arg, &found);
    tn_free(p);
}

static void probe_failed(void *arg)
{
    struct probing *p = arg;
    struct tn_health h = {.connected = false, .err = p->err};
    health_known(p, &h);
}

static void probe(void *self, int64_t team, const char *id, int limit_ms, tn_probed_fn done,
                  void *arg)
{
    struct probing *p = TN_NEW(struct probing);
    struct tn_generations *g = self;
    *p = (struct probing){.g = g, .done = done, .arg = arg};
    if (!tn_connections_health(g->connections, team, id, limit_ms, health_known, p, &p->err))
        tn_loop_defer(g->o.loop, probe_failed, p);
}

const struct tn_scripts_ops tn_generations_ops = {
    .hold = hold,
    .let_go = let_go,
    .resources = resources,
    .resource = resource,
    .adapters = adapters,
    .adapter = adapter,
    .units = unit_count,
    .unit = unit,
    .paths = paths,
    .path = path,
    .serve = serve_path,
    .probe = probe,
    .reload = reload,
    .activate = activate,
    .preview = preview,
    .shadow = shadow,
    .end_shadow = end_shadow,
    .forget = forget,
    .isolates = isolates,
    .generation = generation,
    .files = files,
};
