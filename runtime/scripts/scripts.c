/* SPDX-License-Identifier: MIT */
#include "scripts/scripts.h"

#include "access/integration.h"
#include "base/alloc.h"
#include "net/http_server.h"
#include "scripts/library.h"
#include "scripts/quarantine.h"
#include "scripts/rules.h"
#include "scripts/shipped.h"
#include "scripts/source.h"
#include "scripts/trial/evidence.h"
#include "scripts/trial/shadowing.h"
#include "store/store.h"

struct tn_scripts {
    struct tn_scripts_options o;
    struct tn_quarantine *quarantine;
    struct tn_serving *serving;
    struct tn_shadowing *shadowing;
    struct tn_reload *reload;
    struct tn_trial *trial;
};

/* ---- what serves ---- */

struct tn_units *tn_scripts_units(const struct tn_scripts *s)
{
    return tn_serving_units(s->serving);
}

struct tn_connections *tn_scripts_connections(const struct tn_scripts *s)
{
    return tn_serving_connections(s->serving);
}

struct tn_fileset *tn_scripts_site(const struct tn_scripts *s, struct tn_fileset **own,
                                   struct tn_err *err)
{
    return tn_shipped_under_site(s->o.site, own, err);
}

static bool may_run(void *arg, const struct tn_integration *i, struct tn_err *err)
{
    const struct tn_scripts *s = arg;
    return tn_quarantine_integration_may_run(s->quarantine, i, err);
}

static bool open_source(void *self, const struct tn_run_request *r, struct tn_source *out,
                        struct tn_err *err)
{
    struct tn_scripts *s = self;
    const struct bind_env *env = s->o.env;
    if (!tn_source_adapters.open(tn_scripts_connections(s), r, out, err)) return false;
    tn_evidence_watch(env->store, env->secrets, s->o.evidence_days, r, out);
    tn_shadowing_watch(s->shadowing, r, out);
    return true;
}

static struct tn_loading *load_source(void *self, const struct tn_run_request *r, tn_loaded_fn done,
                                      void *arg)
{
    return tn_source_adapters.load(tn_scripts_connections(self), r, done, arg);
}

const struct tn_adapter_ops tn_scripts_adapters = {
    .load = load_source, .stop = tn_connections_stop, .open = open_source};

void tn_scripts_serve(struct tn_scripts *s, const struct tn_surface_row *row,
                      const struct tn_actor *actor, struct tn_http_exchange *x,
                      tn_surface_error_fn error, void *arg)
{
    const char *isolate = tn_isolate_name(tn_unit_isolate(row->unit));
    struct tn_err err;
    if (tn_quarantine_may_run(s->quarantine, isolate, "unit", tn_str(isolate), &err)) {
        tn_surface_serve(row, actor, x, error, arg);
        return;
    }
    err.kind = TN_E_unavailable;
    error(arg, x, &err);
}

/* ---- changes ---- */

static bool fits(void *arg, struct tn_units *units, tn_fault_fn each, void *each_arg,
                 struct tn_err *err)
{
    const struct tn_scripts *s = arg;
    return s->o.fits(s->o.arg, units, each, each_arg, err);
}

static void swapped(void *arg, bool first)
{
    struct tn_scripts *s = arg;
    tn_rules_units(s->o.rules, tn_scripts_units(s));
    tn_quarantine_changed(s->quarantine);
    if (!first) s->o.swapped(s->o.arg);
    tn_shadowing_follow(s->shadowing);
}

static void at_rest(void *arg)
{
    const struct tn_scripts *s = arg;
    tn_shadowing_follow(s->shadowing);
}

void tn_scripts_change(struct tn_scripts *s, const struct tn_wish *wish, tn_reload_fn done,
                       void *arg)
{
    tn_reload_ask(s->reload, wish, done, arg);
}

void tn_scripts_try(struct tn_scripts *s, const struct tn_trial_wish *wish, tn_trial_fn done,
                    void *arg)
{
    tn_trial_start(s->trial, wish, done, arg);
}

void tn_scripts_shadow_show(const struct tn_scripts *s, int64_t team, tn_shadow_shown_fn done,
                            void *arg)
{
    tn_shadowing_show(s->shadowing, team, done, arg);
}

bool tn_scripts_shadow_end(const struct tn_scripts *s, const struct tn_found *found,
                           size_t question, struct tn_commit *commit, struct tn_err *err)
{
    return tn_shadowing_end(s->shadowing, found, question, commit, err);
}

static void drop_connections(const struct tn_scripts *s, const struct tn_change *c)
{
    struct tn_connections *connections = tn_scripts_connections(s);
    for (size_t k = 0; connections && k < c->count; k++) {
        char id[TN_ID_LEN + 1];
        tn_id_text(&c->ids[k], id);
        tn_connections_drop(connections, id);
    }
    if (connections && c->more) tn_connections_forget(connections);
}

static void store_changed(void *arg, const struct tn_changes *changes)
{
    struct tn_scripts *s = arg;
    bool scripts = changes->all;
    for (size_t i = 0; i < changes->count; i++) {
        const struct tn_change *c = &changes->items[i];
        if (c->kind == TN_CHANGED_kv && tn_str_is(c->name, tn_library_space)) scripts = true;
        if (c->kind == TN_CHANGED_table && tn_str_is(c->name, "integration"))
            drop_connections(s, c);
    }
    if (changes->all && tn_scripts_connections(s)) tn_connections_forget(tn_scripts_connections(s));
    if (scripts) tn_reload_look(s->reload);
}

/* ---- isolates ---- */

bool tn_scripts_quarantined(const struct tn_scripts *s, const char *isolate)
{
    return tn_quarantine_holds(s->quarantine, isolate);
}

void tn_scripts_tell_quarantines(struct tn_scripts *s)
{
    tn_quarantine_tell(s->quarantine);
}

struct telling {
    const struct tn_scripts *s;
    tn_isolate_fn fn;
    void *arg;
};

static void tell_isolate(const struct telling *t, const struct tn_isolate *iso,
                         const struct tn_unit *unit)
{
    struct tn_isolate_info info = {.name = tn_isolate_name(iso), .unit = unit};
    tn_isolate_stats(iso, &info.used);
    info.quarantined = tn_scripts_quarantined(t->s, info.name);
    t->fn(t->arg, &info);
}

static void tell_connection(void *arg, const struct tn_connection *c)
{
    tell_isolate(arg, tn_connection_isolate(c), tn_connection_unit(c));
}

size_t tn_scripts_isolates(const struct tn_scripts *s, tn_isolate_fn fn, void *arg)
{
    const struct telling t = {s, fn, arg};
    const struct tn_units *units = tn_scripts_units(s);
    const struct tn_isolate *rules = tn_rules_isolate(s->o.rules);
    for (size_t i = 0; i < tn_units_count(units); i++) {
        const struct tn_unit *u = tn_units_at(units, i);
        bool own = rules && strcmp(tn_unit_name(u), tn_rules_name) == 0;
        tell_isolate(&t, own ? rules : tn_unit_isolate(u), u);
    }
    tn_connections_each(tn_scripts_connections(s), tell_connection, (void *)&t);
    return tn_host_isolates(s->o.env->host);
}

/* ---- life ---- */

struct booting {
    tn_scripts_fn done;
    void *arg;
};

static void booted(void *arg, const struct tn_activation_report *report, const struct tn_err *err)
{
    struct booting *b = arg;
    (void)report;
    b->done(b->arg, err);
    tn_free(b);
}

void tn_scripts_boot(struct tn_scripts *s, bool first, tn_scripts_fn done, void *arg)
{
    struct booting *b = TN_NEW(struct booting);
    *b = (struct booting){done, arg};
    tn_reload_boot(s->reload, first, booted, b);
}

static void open_parts(struct tn_scripts *s)
{
    const struct tn_scripts_options *o = &s->o;
    struct tn_serving_options serving = {.env = o->env,
                                         .shared = o->shared,
                                         .worker = o->worker,
                                         .may_run = may_run,
                                         .fits = fits,
                                         .swapped = swapped,
                                         .arg = s};
    s->quarantine = tn_quarantine_new(o->env, o->shared, o->worker);
    s->serving = tn_serving_new(&serving);
    struct tn_shadowing_options shadowing = {.loop = o->loop,
                                             .env = o->env,
                                             .serving = s->serving,
                                             .worker = o->worker,
                                             .days = o->evidence_days ? o->evidence_days : 1};
    struct tn_activation_options changes = {
        .loop = o->loop,
        .env = o->env,
        .shared = o->shared,
        .worker = o->worker,
        .serving = s->serving,
        .terms = {.serving = s->serving, .site = o->site, .require_preview = o->require_preview}};
    s->shadowing = tn_shadowing_new(&shadowing);
    s->reload = tn_reload_new(&changes, at_rest, s);
    s->trial = tn_trial_new(o->loop, o->env, &changes.terms);
}

struct tn_scripts *tn_scripts_open(const struct tn_scripts_options *o)
{
    struct tn_scripts *s = TN_NEW(struct tn_scripts);
    s->o = *o;
    open_parts(s);
    tn_store_on_change(o->env->store, store_changed, s);
    return s;
}

void tn_scripts_close(struct tn_scripts *s)
{
    if (!s) return;
    tn_store_off_change(s->o.env->store, store_changed, s);
    tn_reload_free(s->reload);
    tn_trial_free(s->trial);
    tn_shadowing_free(s->shadowing);
    tn_serving_free(s->serving);
    tn_quarantine_free(s->quarantine);
    tn_free(s);
}
