/* SPDX-License-Identifier: MIT */
#include "scripts/rules.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "bind/bind_event.h"
#include "events/event.h"
#include "script/errand.h"
#include "scripts/decl.h"

/* The rules of one generation, loaded into an isolate. Each run holds a reference. */
struct set {
    unsigned refs;
    struct tn_unit *unit;
    struct bind_owner owner;
    struct bind_context context;
    struct tn_isolate *isolate;
    struct tn_decl **decls;
    size_t n;
};

/* A set of rules that is being loaded beside the loop. */
struct loading {
    struct tn_units *units;
    struct tn_errand *errand;
    struct set *set; /* the loaded set; NULL: err says why */
    struct tn_err err;
};

struct tn_rules {
    const struct bind_env *env;
    struct tn_units *units;  /* NULL until the scripts serve */
    struct set *set;         /* NULL until the first event needs it */
    struct loading *loading; /* NULL: no set is being loaded */
    bool untold;             /* loading failed, and no start of a rule has reported why yet */
    struct tn_err why;
    bool (*quarantined)(void *arg);
    void *arg;
    struct tn_json *event, *when;
    char table[TN_STORE_NAME_MAX + 1]; /* of the event that was asked for last */
};

/* ---- sets ---- */

static void set_unref(struct set *s)
{
    if (!s || --s->refs) return;
    for (size_t i = 0; i < s->n; i++) tn_decl_free(s->decls[i]);
    tn_isolate_unref(s->isolate);
    tn_unit_unref(s->unit);
    tn_free(s->decls);
    tn_free(s);
}

static bool set_load(struct set *s, struct tn_units *units, struct tn_err *err)
{
    size_t n = tn_units_rules(units);
    s->isolate = tn_unit_isolate_new(s->unit, tn_rules_name, &s->context, err);
    if (!s->isolate) return false;
    s->decls = tn_alloc((n + 1) * sizeof *s->decls);
    for (size_t i = 0; i < n; i++) {
        const char *path = tn_units_rule_at(units, i)->path;
        struct tn_decl *decl = tn_decl_load(s->isolate, path, TN_DECL_rule, err);
        if (!decl) return false;
        s->decls[s->n++] = decl;
    }
    return true;
}

static struct set *set_new(const struct bind_env *env, struct tn_units *units, struct tn_err *err)
{
    struct set *s = TN_NEW(struct set);
    struct tn_unit *unit = tn_units_find(units, tn_rules_name);
    s->refs = 1;
    s->unit = tn_unit_ref(unit);
    s->owner = (struct bind_owner){
        .env = env, .team = TN_TEAM_SYSTEM, .resources = tn_unit_resources(unit)};
    snprintf(s->owner.name, sizeof s->owner.name, "%s", tn_rules_name);
    s->context = (struct bind_context){.loop = tn_host_loop(env->host),
                                       .log = env->log,
                                       .area = tn_rules_name,
                                       .http = env->http,
                                       .store = env->store,
                                       .guarded = true,
                                       .app = &s->owner};
    if (set_load(s, units, err)) return s;
    set_unref(s);
    return NULL;
}

static struct tn_unit *unit_now(const struct tn_rules *r)
{
    return r->units ? tn_units_find(r->units, tn_rules_name) : NULL;
}

/* Is there a set that new runs can use? When the isolate of the set is spent, a new set is
 * loaded once the quarantine is over. */
static bool at_hand(const struct tn_rules *r)
{
    return r->set && r->set->unit == unit_now(r) && !tn_isolate_spent(r->set->isolate);
}

/* The set for new runs. */
static struct set *set_get(struct tn_rules *r, struct tn_err *err)
{
    if (!unit_now(r)) {
        tn_fail(err, TN_E_not_found, "there are no rules any more");
        return NULL;
    }
    if (at_hand(r)) return r->set;
    r->untold = false;
    *err = r->why;
    return NULL;
}

static void loading_free(struct loading *l)
{
    set_unref(l->set);
    tn_units_unref(l->units);
    tn_free(l);
}

static void load(void *arg)
{
    const struct tn_rules *r = arg;
    struct loading *l = r->loading;
    l->set = set_new(r->env, l->units, &l->err);
}

/* Called when a set is loaded. If the rules changed meanwhile the set is dropped and the next
 * one loaded. */
static void loaded(void *arg)
{
    struct tn_rules *r = arg;
    struct loading *l = r->loading;
    r->loading = NULL;
    if (tn_units_find(l->units, tn_rules_name) == unit_now(r)) {
        r->untold = !l->set;
        r->why = l->err;
        set_unref(r->set);
        r->set = l->set;
        l->set = NULL;
    }
    loading_free(l);
}

static void set_out(struct tn_rules *r)
{
    struct loading *l = TN_NEW(struct loading);
    *l = (struct loading){.units = tn_units_ref(r->units)};
    r->loading = l;
    l->errand = tn_errand_start(r->env->host, load, loaded, r);
}

struct tn_rules *tn_rules_new(const struct bind_env *env, bool (*quarantined)(void *arg), void *arg)
{
    struct tn_rules *r = TN_NEW(struct tn_rules);
    *r = (struct tn_rules){.env = env, .quarantined = quarantined, .arg = arg};
    r->event = tn_json_new();
    r->when = tn_json_new();
    return r;
}

void tn_rules_free(struct tn_rules *r)
{
    if (!r) return;
    if (r->loading) {
        tn_errand_stop(r->loading->errand);
        loading_free(r->loading);
    }
    set_unref(r->set);
    tn_units_unref(r->units);
    tn_json_free(r->event);
    tn_json_free(r->when);
    tn_free(r);
}

void tn_rules_units(struct tn_rules *r, struct tn_units *units)
{
    tn_units_ref(units);
    tn_units_unref(r->units);
    r->units = units;
    if (r->set && tn_units_find(units, tn_rules_name) == r->set->unit) return;
    set_unref(r->set);
    r->set = NULL;
}

struct tn_isolate *tn_rules_isolate(const struct tn_rules *r)
{
    return r->set ? r->set->isolate : NULL;
}

/* ---- which rules run ---- */

static bool any(void *self)
{
    const struct tn_rules *r = self;
    return r->units && tn_units_rules(r->units) > 0;
}

static bool ready(void *self)
{
    struct tn_rules *r = self;
    if (!any(self) || (r->quarantined && r->quarantined(r->arg))) return false;
    if (at_hand(r) || r->untold) return true;
    if (!r->loading) set_out(r);
    return false;
}

static const char *resource_name(const struct tn_rules *r, const struct tn_event *e,
                                 char out[TN_STORE_NAME_MAX + 1])
{
    snprintf(out, TN_STORE_NAME_MAX + 1, "%.*s", TN_FMT(e->table));
    for (size_t i = 0; r->units && i < tn_units_resources(r->units); i++) {
        const struct tn_entity *resource = &tn_units_resource_at(r->units, i)->resource;
        if (strcmp(resource->plural, out) == 0) return resource->name;
    }
    return out;
}

/* Parses the event into r->event; the text lives in hold. */
static bool read_event(struct tn_rules *r, const struct tn_event *e, struct tn_buf *hold)
{
    struct tn_err err;
    char table[TN_STORE_NAME_MAX + 1];
    if (hold->n) return true;
    tn_event_json(e, resource_name(r, e, table), hold);
    return !hold->failed && tn_json_parse(r->event, tn_buf_str(hold), &err);
}

static bool wants(struct tn_rules *r, const struct tn_rule *rule, const struct tn_event *e,
                  struct tn_buf *hold)
{
    const char *const *on = rule->events;
    struct tn_err err;
    while (*on && !tn_event_matches(*on, e->type)) on++;
    if (!*on) return false;
    if (strcmp(rule->when_json, "{}") == 0) return true;
    return read_event(r, e, hold) && tn_json_parse(r->when, tn_str(rule->when_json), &err) &&
           tn_event_meets(tn_json_root(r->event), tn_json_root(r->when));
}

static void concerned(void *self, const struct tn_event *e, tn_target_fn fn, void *arg)
{
    struct tn_rules *r = self;
    struct tn_buf hold;
    tn_buf_init(&hold, TN_LIMIT_RECORD);
    for (size_t i = 0; any(self) && i < tn_units_rules(r->units); i++) {
        const struct tn_decl *decl = tn_units_rule_at(r->units, i);
        if (wants(r, &decl->rule, e, &hold)) fn(arg, decl->name);
    }
    tn_buf_clear(&hold);
}

static const struct tn_decl *find(struct tn_decl *const *decls, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(decls[i]->name, name) == 0) return decls[i];
    return NULL;
}

static const struct tn_rule *rule_now(const struct tn_rules *r, const char *name)
{
    for (size_t i = 0; any((void *)r) && i < tn_units_rules(r->units); i++)
        if (strcmp(tn_units_rule_at(r->units, i)->name, name) == 0)
            return &tn_units_rule_at(r->units, i)->rule;
    return NULL;
}

static bool once(void *self, const struct tn_delivery *d, struct tn_buf *out)
{
    struct tn_rules *r = self;
    struct tn_arena arena;
    struct tn_buf hold;
    struct tn_str text;
    const struct tn_rule *rule = rule_now(r, d->target);
    bool there = false;
    if (!rule || !rule->once) return false;
    tn_buf_init(&hold, TN_LIMIT_RECORD);
    tn_arena_init(&arena);
    if (read_event(r, d->event, &hold)) {
        struct tn_jval v = tn_event_at(tn_json_root(r->event), rule->once);
        /* The id is compared as a C string, so it is taken as JSON, which escapes NUL. */
        if (!tn_jtext(v, &arena, &text) || (text.n && memchr(text.p, 0, text.n))) text = tn_jraw(v);
        there = !tn_jis(v, TN_JSON_absent) && !tn_jis(v, TN_JSON_null) && text.n;
        if (there) tn_buf_addstr(out, text);
    }
    tn_arena_clear(&arena);
    tn_buf_clear(&hold);
    return there;
}

static const struct tn_backoff *backoff(void *self, const char *target)
{
    const struct tn_rule *rule = rule_now(self, target);
    return rule ? &rule->retry : NULL;
}

/* ---- a run ---- */

struct run {
    struct set *set;
    struct tn_actor actor;
    const struct tn_event *e; /* the consumer's, until the run is over or cancelled */
    struct tn_task *task;
    tn_delivered_fn done; /* NULL: cancelled */
    void *arg;
};

struct reader {
    struct tn_json *json;
};

static void drop_reader(void *object)
{
    tn_json_free(((struct reader *)object)->json);
}

static const struct bind_class reader_class = {.name = "tenon.rules.reader", .drop = drop_reader};

static int push_event(lua_State *L, void *arg)
{
    const struct run *run = arg;
    struct reader *reader = bind_new_free(L, sizeof *reader, &reader_class);
    reader->json = tn_json_new();
    bind_event_push(L, run->set->owner.resources, reader->json, run->e);
    bind_drop(reader);
    lua_remove(L, -2);
    return 1;
}

/* A run that overran its budget would do so again.  But a task that ended because of another one's
 * overruns has no file and line. */
static enum tn_delivery_end end_of(const struct run *run, const struct tn_err *err)
{
    if (!err) return TN_DELIVERY_done;
    if (err->kind == TN_E_cancelled) return TN_DELIVERY_disturbed;
    if (err->kind != TN_E_budget) return TN_DELIVERY_failed;
    bool others = tn_isolate_spent(run->set->isolate) && !err->file[0];
    return others ? TN_DELIVERY_disturbed : TN_DELIVERY_refused;
}

static void run_done(void *arg, const struct tn_err *err)
{
    struct run *run = arg;
    enum tn_delivery_end end = end_of(run, err);
    if (run->done) run->done(run->arg, end, 0, err);
    set_unref(run->set);
    tn_free(run);
}

static struct run *run_new(struct set *set, const struct tn_delivery *d)
{
    struct run *run = TN_NEW(struct run);
    *run = (struct run){.set = set, .e = d->event};
    run->actor.team = d->event->team;
    run->actor.kind = TN_ACTOR_RULE;
    run->actor.depth = d->event->depth + 1;
    snprintf(run->actor.name, sizeof run->actor.name, "rule %s", d->target);
    snprintf(run->actor.grants, sizeof run->actor.grants, "*:*");
    set->refs++;
    return run;
}

/* Why it does not begin. */
static enum tn_delivery_end hindered(const struct set *set, const struct tn_decl *decl,
                                     const struct tn_delivery *d, struct tn_err *err)
{
    if (set && !decl) tn_fail(err, TN_E_not_found, "there is no rule '%s' any more", d->target);
    if (!decl) return err->kind == TN_E_not_found ? TN_DELIVERY_gone : TN_DELIVERY_failed;
    tn_fail(err, TN_E_budget,
            "rules have set off one another %d times in a row (this event is the work of one), so "
            "none is run for it",
            TN_LIMIT_RULE_DEPTH);
    return TN_DELIVERY_refused;
}

static void *start(void *self, const struct tn_delivery *d, tn_delivered_fn done, void *arg,
                   enum tn_delivery_end *end, struct tn_err *err)
{
    struct tn_rules *r = self;
    struct set *set = set_get(r, err);
    const struct tn_decl *decl = set ? find(set->decls, set->n, d->target) : NULL;
    if (!decl || d->event->depth >= TN_LIMIT_RULE_DEPTH) {
        *end = hindered(set, decl, d, err);
        return NULL;
    }
    struct run *run = run_new(set, d);
    run->done = done;
    run->arg = arg;
    const struct tn_task_call how = {
        .push = push_event, .done = run_done, .limit_ms = TN_LIMIT_RULE_MS, .context = &run->actor};
    run->task = tn_task_start(set->isolate, decl->rule.run, &how, run, err);
    if (run->task) return run;
    *end = TN_DELIVERY_failed;
    set_unref(set);
    tn_free(run);
    return NULL;
}

static void cancel(void *handle)
{
    struct run *run = handle;
    run->done = NULL;
    tn_task_cancel(run->task);
}

static const char *generation(void *self)
{
    const struct tn_rules *r = self;
    const struct tn_unit *unit = r->units ? tn_units_find(r->units, tn_rules_name) : NULL;
    return unit ? tn_unit_generation(unit) : "";
}

static const char *resource(void *self, const struct tn_event *e)
{
    struct tn_rules *r = self;
    return resource_name(r, e, r->table);
}

const struct tn_sink tn_rules_sink = {
    .name = "rules",
    .noun = "rule",
    .order = TN_ORDER_record,
    .at_once = TN_LIMIT_RULE_TASKS,
    .any = any,
    .ready = ready,
    .targets = concerned,
    .once = once,
    .backoff = backoff,
    .start = start,
    .cancel = cancel,
    .resource = resource,
    .generation = generation,
};
