/* SPDX-License-Identifier: MIT */
#include "scripts/internal.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/time.h"
#include "scripts/rules.h"
#include "scripts/surface.h"
#include "scripts/library.h"
#include "scripts/trial/evidence.h"
#include "loop/loop.h"
#include "store/store.h"

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
    struct tn_fileset *pinned =
        tn_fileset_below(tn_units_files(((struct tn_generations *)self)->units), prefix);
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
    if (!g->o.site || (own = tn_fileset_read(g->o.site, err))) all = tn_fileset_over(shipped, own);
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
           tn_shadow_write(g->o.env->store, g->o.secrets, team, &wish,
                           generations_shadow_runs(g, &wish), w, err);
}

static bool end_shadow(void *self, struct tn_commit *commit, struct tn_err *err)
{
    struct tn_generations *g = self;
    struct tn_shadow_wish wish;
    bool there = tn_shadow_stored(g->o.env->store, &wish, err);
    if (!there && err->kind != TN_E_not_found) return false;
    if (!there || !generations_shadow_runs(g, &wish))
        return tn_fail(err, TN_E_not_found, "no shadow is running");
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
    const struct tn_generations *g;
    tn_isolate_fn fn;
    void *arg;
};

static void tell_isolate(const struct telling *t, const struct tn_isolate *iso,
                         const struct tn_unit *u)
{
    struct tn_isolate_stats s;
    tn_isolate_stats(iso, &s);
    struct tn_isolate_info info = {.name = tn_isolate_name(iso),
                                   .unit = tn_unit_name(u),
                                   .generation = tn_unit_generation(u),
                                   .calls = s.calls,
                                   .errors = s.errors,
                                   .overruns = s.overruns,
                                   .beside = s.beside,
                                   .cpu_ms = s.cpu_ms,
                                   .bytes = s.bytes,
                                   .peak_bytes = s.peak_bytes,
                                   .tasks = s.tasks,
                                   .quarantined =
                                       tn_generations_quarantined(t->g, tn_isolate_name(iso))};
    t->fn(t->arg, &info);
}

static void tell_connection(void *arg, const struct tn_connection *c)
{
    tell_isolate(arg, tn_connection_isolate(c), tn_connection_unit(c));
}

static size_t isolates(void *self, tn_isolate_fn fn, void *arg)
{
    struct tn_generations *g = self;
    struct telling t = {g, fn, arg};
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
    const struct tn_surface_row *row = tn_surface_row(((struct tn_generations *)self)->units, i);
    *out = (struct tn_served_path){row->method, row->pattern, row->open, row};
}

/* A key's grants, as long as a key has a role in place of them. */
static const char reader[] = "*:read";
static const char writer[] = "*:read *:create *:update *:delete integration:sync";

static void serve_path(void *self, const void *handle, const struct tn_caller *caller,
                       struct tn_http_exchange *x, tn_surface_error_fn error, void *arg)
{
    struct tn_actor actor = {.team = caller->team};
    const struct tn_surface_row *row = handle;
    const char *isolate = tn_isolate_name(tn_unit_isolate(row->unit));
    struct tn_err err;
    if (!quarantine_may_run(self, isolate, "unit", tn_str(isolate), &err)) {
        err.kind = TN_E_unavailable;
        error(arg, x, &err);
        return;
    }
    snprintf(actor.name, sizeof actor.name, "%s", caller->name);
    snprintf(actor.grants, sizeof actor.grants, "%s", caller->may_write ? writer : reader);
    tn_surface_serve(row, &actor, x, error, arg);
}

struct probing {
    struct tn_generations *g;
    tn_probed_fn done;
    void *arg;
    struct tn_err err; /* of a probe that could not start */
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
    .reload = generations_reload,
    .activate = generations_activate,
    .preview = generations_preview,
    .shadow = shadow,
    .end_shadow = end_shadow,
    .forget = forget,
    .isolates = isolates,
    .generation = generation,
    .files = files,
};
