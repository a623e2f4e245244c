/* SPDX-License-Identifier: MIT */
#include "scripts/units.h"

#include <stdio.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "bind/bind_map.h"
#include "scripts/surface.h"
#include "scripts/units_internal.h"
#include "store/store.h"
#include "store/tables.h"

enum { UNIT_NAME = 64 };

static const char CORE[] = "core", RULES[] = "rules";
static const char PINNED[] = "pinned/";
static const char CONNECTION[] = "stdlib/std/connection.lua";

struct slot {
    char name[UNIT_NAME * 2]; /* "oracle_fusion/item" */
    struct tn_mapping *mapping;
    const struct tn_decl *target; /* the resource that it writes; of the core */
};

struct tn_unit {
    unsigned refs;
    char name[UNIT_NAME];
    char generation[65];
    struct tn_fileset *files;
    const struct bind_env *env;
    struct bind_owner owner;
    struct bind_context context;
    struct tn_isolate *isolate;
    struct tn_unit *core; /* whose resources it was checked against; NULL: it is the core */
    struct tn_decl **decls;
    size_t n_decls;
    struct tn_entities resources; /* among them */
    struct slot *slots;
    size_t n_slots;
};

/* ---- units ---- */

struct tn_unit *tn_unit_ref(struct tn_unit *unit)
{
    unit->refs++;
    return unit;
}

void tn_unit_unref(struct tn_unit *unit)
{
    if (!unit || --unit->refs) return;
    for (size_t i = 0; i < unit->n_slots; i++) tn_mapping_free(unit->slots[i].mapping);
    for (size_t i = 0; i < unit->n_decls; i++) tn_decl_free(unit->decls[i]);
    tn_isolate_unref(unit->isolate);
    tn_fileset_unref(unit->files);
    tn_unit_unref(unit->core);
    tn_free(unit->slots);
    tn_free(unit->resources.v);
    tn_free(unit->decls);
    tn_free(unit);
}

const char *tn_unit_name(const struct tn_unit *unit)
{
    return unit->name;
}

const char *tn_unit_generation(const struct tn_unit *unit)
{
    return unit->generation;
}

struct tn_fileset *tn_unit_files(const struct tn_unit *unit)
{
    return unit->files;
}

struct tn_isolate *tn_unit_isolate(const struct tn_unit *unit)
{
    return unit->isolate;
}

static bool find_file(void *arg, const char *path, struct tn_str *text)
{
    const struct tn_unit *unit = arg;
    const struct tn_file *file = tn_fileset_find(unit->files, tn_str(path));
    if (file) *text = file->text;
    return file != NULL;
}

static const struct tn_sources sources = {find_file};

struct tn_isolate *tn_unit_isolate_new(struct tn_unit *unit, const char *name,
                                       struct bind_context *context, struct tn_err *err)
{
    bool guarded = context->integration || context->guarded;
    struct tn_isolate_options o = {.name = name,
                                   .sources = &sources,
                                   .sources_arg = unit,
                                   .modules = bind_modules,
                                   .context = context,
                                   .max_overruns = guarded ? TN_LIMIT_OVERRUNS : 0};
    return tn_isolate_new(unit->env->host, &o, err);
}

const struct tn_decl *tn_unit_decl(const struct tn_unit *unit, enum tn_decl_kind kind,
                                   const char *name)
{
    for (size_t i = 0; i < unit->n_decls; i++)
        if (unit->decls[i]->kind == kind && strcmp(unit->decls[i]->name, name) == 0)
            return unit->decls[i];
    return NULL;
}

const struct tn_entities *tn_unit_resources(const struct tn_unit *unit)
{
    return unit->core ? &unit->core->resources : &unit->resources;
}

static struct slot *find_slot(const struct tn_unit *unit, const char *name)
{
    for (size_t i = 0; i < unit->n_slots; i++)
        if (strcmp(unit->slots[i].name, name) == 0) return &unit->slots[i];
    return NULL;
}

const struct tn_decl *tn_unit_target(const struct tn_unit *unit, const char *mapping)
{
    const struct slot *slot = find_slot(unit, mapping);
    return slot ? slot->target : NULL;
}

const struct tn_operation *tn_decl_operation(const struct tn_decl *adapter, const char *name)
{
    const struct tn_operation *o = adapter->adapter.operations;
    for (; o && o->name; o++)
        if (strcmp(o->name, name) == 0) return o;
    return NULL;
}

/* ---- mappings ---- */

enum { TARGETS_MAX = 256 };

static void target_names(const struct tn_decl *resource, const char **names)
{
    size_t n = 0;
    for (size_t i = 0; i < resource->resource.n_fields && n + 1 < TARGETS_MAX; i++)
        names[n++] = resource->resource.fields[i].name;
    names[n] = NULL;
}

/* Which resource a mapping writes.  *target stays NULL when there is none and that is no wonder,
 * since the core has faults of its own. */
static bool find_target(struct tn_isolate *iso, int ref, const char *path,
                        const struct tn_unit *core, bool lenient, const struct tn_decl **target,
                        struct tn_err *err)
{
    char writes[UNIT_NAME];
    if (!tn_mapping_writes(iso, ref, writes, sizeof writes, err)) return false;
    *target = core ? tn_unit_decl(core, TN_DECL_resource, writes) : NULL;
    if (*target || lenient) return true;
    tn_fail(err, TN_E_invalid, "the mapping writes '%s', and there is no such resource", writes);
    tn_fail_field(err, "writes");
    return tn_fail_at(err, path, 1);
}

static struct tn_mapping *load_mapping(struct tn_isolate *iso, const char *path,
                                       const struct tn_unit *core, bool lenient,
                                       const struct tn_example_watch *watch,
                                       const struct tn_decl **target, struct tn_err *err)
{
    const char *names[TARGETS_MAX];
    struct tn_mapping *mapping = NULL;
    int ref;
    if (!tn_isolate_load(iso, path, &ref, err)) return NULL;
    if (find_target(iso, ref, path, core, lenient, target, err)) {
        if (*target) target_names(*target, names);
        mapping = tn_mapping_load(iso, ref, *target ? names : NULL, watch, err);
    }
    if (!mapping && !err->file[0]) tn_fail_at(err, path, 1);
    tn_isolate_release(iso, ref);
    return mapping;
}

struct tn_mapping *tn_unit_mapping_load(struct tn_unit *unit, struct tn_isolate *iso,
                                        const char *name, struct tn_err *err)
{
    const struct tn_decl *target = NULL;
    char path[UNIT_NAME * 3];
    if (!find_slot(unit, name)) {
        tn_fail(err, TN_E_not_found, "there is no mapping '%s'", name);
        return NULL;
    }
    snprintf(path, sizeof path, "mappings/%s.lua", name);
    return load_mapping(iso, path, unit->core, false, NULL, &target, err);
}

/* ---- which files make a unit ---- */

struct names {
    char (*v)[UNIT_NAME];
    size_t n;
};

static bool names_have(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->v[i], name) == 0) return true;
    return false;
}

static void names_add(struct names *names, struct tn_str name)
{
    char text[UNIT_NAME];
    if (!name.n || name.n >= UNIT_NAME) return;
    memcpy(text, name.p, name.n);
    text[name.n] = '\0';
    if (names_have(names, text)) return;
    names->v = tn_realloc(names->v, (names->n + 1) * sizeof *names->v);
    memcpy(names->v[names->n++], text, UNIT_NAME);
}

static bool cut_prefix(struct tn_str *s, const char *prefix)
{
    if (!tn_str_starts(*s, prefix)) return false;
    s->p += strlen(prefix);
    s->n -= strlen(prefix);
    return true;
}

static bool is_reserved_unit(struct tn_str name)
{
    return tn_str_is(name, CORE) || tn_str_is(name, RULES);
}

/* The system that a file is of: "scripts/adapters/x.lua" and "mappings/x/..." are x's. */
static struct tn_str system_of(const char *path)
{
    struct tn_str rest = tn_str(path), first;
    if (cut_prefix(&rest, PINNED)) {
        tn_str_split(&rest, '/', &first);
        if (!is_reserved_unit(first)) return first;
    } else if (cut_prefix(&rest, "scripts/adapters/")) {
        tn_str_split(&rest, '/', &first);
        if (!rest.p) return (struct tn_str){first.p, first.n - 4};
    } else if (cut_prefix(&rest, "mappings/")) {
        tn_str_split(&rest, '/', &first);
        if (rest.p) return first;
    }
    return (struct tn_str){0};
}

static bool kind_of(const char *path, enum tn_decl_kind *kind)
{
    struct tn_str p = tn_str(path);
    if (tn_str_starts(p, "scripts/resources/"))
        *kind = TN_DECL_resource;
    else if (tn_str_starts(p, "scripts/surfaces/"))
        *kind = TN_DECL_surface;
    else if (tn_str_starts(p, "scripts/rules/"))
        *kind = TN_DECL_rule;
    else if (tn_str_starts(p, "scripts/adapters/"))
        *kind = TN_DECL_adapter;
    else
        return false;
    return true;
}

/* Does the unit declare something with this file (rather than only require it)? */
static bool owns(const char *unit, const char *path)
{
    enum tn_decl_kind kind;
    bool ours = kind_of(path, &kind);
    if (strcmp(unit, CORE) == 0) return ours && kind != TN_DECL_adapter && kind != TN_DECL_rule;
    if (strcmp(unit, RULES) == 0) return ours && kind == TN_DECL_rule;
    return tn_str_is(system_of(path), unit);
}

/* "std.page" is stdlib/std/page.lua, "lib.units" scripts/lib/units.lua: as script/load.c has it. */
static void module_path(struct tn_str name, char *path, size_t n)
{
    int base = snprintf(path, n, "%s", tn_str_starts(name, "std.") ? "stdlib/" : "scripts/");
    snprintf(path + base, n - (size_t)base, "%.*s", TN_FMT(name));
    for (char *p = path + base; *p; p++)
        if (*p == '.') *p = '/';
    size_t len = strlen(path);
    snprintf(path + len, n - len, ".lua");
}

/* The next name that the text requires; false: no more.  Names have to be written out. */
static bool next_require(struct tn_str *text, struct tn_str *name)
{
    static const char word[] = "require";
    for (;;) {
        const char *at = text->n ? memmem(text->p, text->n, word, sizeof word - 1) : NULL;
        if (!at) return false;
        const char *end = text->p + text->n, *p = at + sizeof word - 1;
        while (p < end && (*p == ' ' || *p == '(' || *p == '\t')) p++;
        const char *start = p + 1;
        const char *close = p < end && (*p == '"' || *p == '\'') && start < end
                                ? memchr(start, *p, (size_t)(end - start))
                                : NULL;
        text->p = p;
        text->n = (size_t)(end - p);
        if (!close || close - start > UNIT_NAME) continue;
        *name = (struct tn_str){start, (size_t)(close - start)};
        return true;
    }
}

static void want(const struct tn_fileset *all, bool *wanted, const char *path);

static void want_required(const struct tn_fileset *all, bool *wanted, struct tn_str text)
{
    struct tn_str name;
    char path[128];
    while (next_require(&text, &name)) {
        module_path(name, path, sizeof path);
        want(all, wanted, path);
    }
}

static void want(const struct tn_fileset *all, bool *wanted, const char *path)
{
    for (size_t i = 0; i < tn_fileset_count(all); i++) {
        const struct tn_file *file = tn_fileset_at(all, i);
        if (wanted[i] || strcmp(file->path, path) != 0) continue;
        wanted[i] = true;
        want_required(all, wanted, file->text);
    }
}

void tn_units_pin(const char *unit, char prefix[TN_PIN_LEN])
{
    snprintf(prefix, TN_PIN_LEN, "%s%.63s/", PINNED, unit);
}

/* A pinned unit has its files for itself; nothing else sees them. */
static struct tn_fileset *pinned_files(const char *unit, const struct tn_fileset *all)
{
    char prefix[TN_PIN_LEN];
    tn_units_pin(unit, prefix);
    struct tn_fileset *files = tn_fileset_below(all, prefix);
    if (tn_fileset_count(files)) return files;
    tn_fileset_unref(files);
    return NULL;
}

struct tn_fileset *tn_units_files_of(const struct tn_fileset *all, const char *unit)
{
    struct tn_fileset *pinned = pinned_files(unit, all);
    if (pinned) return pinned;
    size_t n = tn_fileset_count(all);
    bool *wanted = tn_alloc((n + 1) * sizeof *wanted);
    if (strcmp(unit, CORE) != 0 && strcmp(unit, RULES) != 0) want(all, wanted, CONNECTION);
    for (size_t i = 0; i < n; i++)
        if (owns(unit, tn_fileset_at(all, i)->path)) want(all, wanted, tn_fileset_at(all, i)->path);
    struct tn_fileset *files = tn_fileset_pick(all, wanted);
    tn_free(wanted);
    return files;
}

/* ---- loading ---- */

struct load {
    const struct bind_env *env;
    struct tn_units *old;
    tn_units_fault_fn each;
    void *arg;
    struct tn_err *err; /* gets the first fault */
    size_t faults;
};

/* False: stop here. */
static bool report(struct load *load, const struct tn_err *fault)
{
    if (!load->faults++) *load->err = *fault;
    if (load->each) load->each(load->arg, fault);
    return load->each != NULL;
}

static struct tn_unit *unit_new(const struct bind_env *env, const char *name,
                                struct tn_fileset *files_give)
{
    struct tn_unit *unit = TN_NEW(struct tn_unit);
    unit->refs = 1;
    unit->env = env;
    unit->files = files_give;
    snprintf(unit->name, sizeof unit->name, "%s", name);
    tn_fileset_hash(files_give, unit->generation);
    unit->owner = (struct bind_owner){.env = env, .team = TN_TEAM_SYSTEM};
    snprintf(unit->owner.name, sizeof unit->owner.name, "%s", name);
    unit->owner.resources = &unit->resources;
    unit->context = (struct bind_context){.loop = tn_host_loop(env->host),
                                          .log = env->log,
                                          .area = unit->name,
                                          .http = env->http,
                                          .store = env->store,
                                          .app = &unit->owner};
    return unit;
}

static void add_resource(struct tn_unit *unit, const struct tn_entity *resource)
{
    struct tn_entities *all = &unit->resources;
    all->v = tn_realloc(all->v, (all->n + 1) * sizeof *all->v);
    all->v[all->n++] = resource;
}

static bool load_decl(struct load *load, struct tn_unit *unit, const char *path,
                      enum tn_decl_kind kind)
{
    struct tn_err err;
    struct tn_decl *decl = tn_decl_load(unit->isolate, path, kind, &err);
    if (!decl) return report(load, &err);
    unit->decls = tn_realloc(unit->decls, (unit->n_decls + 1) * sizeof *unit->decls);
    unit->decls[unit->n_decls++] = decl;
    if (kind == TN_DECL_resource) add_resource(unit, &decl->resource);
    return true;
}

static bool load_slot(struct load *load, struct tn_unit *unit, const char *path)
{
    struct slot slot = {.name = ""};
    struct tn_err err;
    slot.mapping = load_mapping(unit->isolate, path, unit->core, load->faults > 0,
                                unit->env->examples, &slot.target, &err);
    if (!slot.mapping) return report(load, &err);
    snprintf(slot.name, sizeof slot.name, "%.*s", (int)(strlen(path) - strlen("mappings/.lua")),
             path + strlen("mappings/"));
    unit->slots = tn_realloc(unit->slots, (unit->n_slots + 1) * sizeof *unit->slots);
    unit->slots[unit->n_slots++] = slot;
    return true;
}

static bool load_files(struct load *load, struct tn_unit *unit)
{
    bool go_on = true;
    for (size_t i = 0; go_on && i < tn_fileset_count(unit->files); i++) {
        const char *path = tn_fileset_at(unit->files, i)->path;
        enum tn_decl_kind kind;
        if (!owns(unit->name, path)) continue;
        if (kind_of(path, &kind))
            go_on = load_decl(load, unit, path, kind);
        else
            go_on = load_slot(load, unit, path);
    }
    return go_on;
}

/* Links are kept under the entity: it has to be what the mapping writes. */
static bool same_entity(const struct slot *slot, const struct tn_operation *o)
{
    return !slot->target || (o->entity && strcmp(slot->target->name, o->entity) == 0);
}

/* The mapping that an operation names: one of its own system's, for its own entity. */
static bool resolve_operation(struct load *load, const struct tn_unit *unit,
                              const struct tn_decl *adapter, const struct tn_operation *o)
{
    struct tn_err err;
    bool pull = strcmp(o->direction, "pull") == 0;
    if (!o->mapping && !pull) return true;
    if (!o->mapping) {
        tn_fail(&err, TN_E_invalid, "the operation %s pulls records, so it needs a mapping",
                o->name);
    } else if (!find_slot(unit, o->mapping)) {
        char path[UNIT_NAME * 3];
        snprintf(path, sizeof path, "mappings/%s.lua", o->mapping);
        bool broken = load->faults && tn_fileset_find(unit->files, tn_str(path));
        if (broken) return true; /* its own fault was reported */
        tn_fail(&err, TN_E_invalid, "there is no mapping '%s' (looked for %s in the folder of %s)",
                o->mapping, path, unit->name);
    } else if (pull && !same_entity(find_slot(unit, o->mapping), o)) {
        tn_fail(&err, TN_E_invalid,
                "the operation %s is of entity '%s', but its mapping writes "
                "another resource",
                o->name, o->entity);
    } else if (o->run == LUA_NOREF && pull) {
        tn_fail(&err, TN_E_invalid, "the operation %s needs a run function", o->name);
    } else {
        return true;
    }
    tn_fail_field(&err, "operations.%s.%s", o->name, o->mapping ? "run" : "mapping");
    tn_fail_at(&err, adapter->path, o->line);
    return report(load, &err);
}

/* ---- what rules wait for ---- */

/* Words and '*' with dots between; the head of a change ("order.created") is a resource. */
static bool event_fits(const struct tn_unit *unit, const char *on, struct tn_err *err)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.*";
    struct tn_str rest = tn_str(on), head;
    char name[UNIT_NAME];
    if (!on[0] || strlen(on) > TN_STORE_NAME_MAX || strspn(on, letters) != strlen(on) ||
        !strpbrk(on, ".*"))
        return tn_fail(err, TN_E_invalid,
                       "'%s' is no event: it is called like \"order.created\", "
                       "\"order.*\" or \"*.created\"",
                       on);
    tn_str_split(&rest, '.', &head);
    bool change =
        tn_str_is(rest, "created") || tn_str_is(rest, "updated") || tn_str_is(rest, "deleted");
    if (!change || memchr(head.p, '*', head.n) || head.n >= sizeof name) return true;
    snprintf(name, sizeof name, "%.*s", TN_FMT(head));
    if (tn_entities_find(tn_unit_resources(unit), tn_str(name))) return true;
    for (size_t i = 0; i < tn_system_table_count; i++)
        if (tn_system_tables[i].event && strcmp(tn_system_tables[i].event, name) == 0) return true;
    return tn_fail(err, TN_E_invalid, "'%s' never happens: there is no resource '%s'", on, name);
}

static bool is_plain_value(struct tn_jval v)
{
    return !tn_jis(v, TN_JSON_object) && !tn_jis(v, TN_JSON_array);
}

static bool conditions_fit(const struct tn_rule *rule, struct tn_err *err)
{
    struct tn_json *json = tn_json_new();
    bool ok = tn_json_parse(json, tn_str(rule->when_json), err);
    if (ok && !tn_jis(tn_json_root(json), TN_JSON_object))
        ok = tn_fail(err, TN_E_invalid, "'when' is a table: { [\"data.status\"] = \"done\" }");
    for (struct tn_jiter it = tn_jiter(tn_json_root(json)); ok && tn_jnext(&it);) {
        bool fits = is_plain_value(it.value) || tn_jis(it.value, TN_JSON_array);
        for (struct tn_jiter e = tn_jiter(it.value); fits && tn_jnext(&e);)
            fits = is_plain_value(e.value);
        if (!fits)
            ok = tn_fail(err, TN_E_invalid,
                         "'when' compares '%.*s' with a value or a list of values", TN_FMT(it.key));
    }
    tn_json_free(json);
    return ok;
}

static bool rule_fits(const struct tn_unit *unit, const struct tn_rule *rule, const char **key,
                      struct tn_err *err)
{
    *key = "on";
    if (rule->webhook)
        return tn_fail(err, TN_E_invalid,
                       "rules do not run on webhooks yet: let the adapter's "
                       "webhook start a sync, and the rule wait for what that changes "
                       "(\"item.updated\")");
    for (const char *const *on = rule->events; *on; on++)
        if (!event_fits(unit, *on, err)) return false;
    *key = "when";
    return conditions_fit(rule, err);
}

static bool resolve_rule(struct load *load, const struct tn_unit *unit, const struct tn_decl *decl)
{
    const struct tn_file *file = tn_fileset_find(unit->files, tn_str(decl->path));
    const char *key;
    struct tn_err err;
    if (load->faults && !unit->core->n_decls) return true; /* nothing to compare with */
    if (rule_fits(unit, &decl->rule, &key, &err)) return true;
    tn_fail_field(&err, "%s", key);
    tn_fail_at(&err, decl->path, tn_decl_line_of(file->text, decl->line, key));
    return report(load, &err);
}

static bool resolve(struct load *load, const struct tn_unit *unit)
{
    bool go_on = true;
    for (size_t i = 0; go_on && i < unit->n_decls; i++) {
        const struct tn_decl *decl = unit->decls[i];
        if (decl->kind == TN_DECL_rule) go_on = resolve_rule(load, unit, decl);
        if (decl->kind != TN_DECL_adapter) continue;
        const struct tn_operation *o = decl->adapter.operations;
        for (; go_on && o && o->name; o++) go_on = resolve_operation(load, unit, decl, o);
    }
    return go_on;
}

static struct tn_unit *unit_load(struct load *load, struct tn_unit *unit_give)
{
    struct tn_unit *unit = unit_give;
    struct tn_err err;
    size_t before = load->faults;
    unit->isolate = tn_unit_isolate_new(unit, unit->name, &unit->context, &err);
    if (!unit->isolate)
        report(load, &err);
    else if (load_files(load, unit))
        (void)resolve(load, unit);
    if (load->faults == before) return unit;
    /* What did load still tells the other units which resources there are. */
    if (load->each && unit->isolate && !unit->core) return unit;
    tn_unit_unref(unit);
    return NULL;
}

/* The unit as it is now: the old one if its files are the same, else loaded; NULL: it has faults.
 */
static struct tn_unit *unit_get(struct load *load, const char *name, const struct tn_fileset *all,
                                struct tn_unit *core)
{
    struct tn_unit *old = load->old ? tn_units_find(load->old, name) : NULL;
    struct tn_unit *unit = unit_new(load->env, name, tn_units_files_of(all, name));
    if (old && strcmp(old->generation, unit->generation) == 0 && old->core == core) {
        tn_unit_unref(unit);
        return tn_unit_ref(old);
    }
    if (core) {
        unit->core = tn_unit_ref(core);
        unit->owner.resources = &core->resources;
    }
    return unit_load(load, unit);
}

/* ---- sets ---- */

static void add_decl(struct tn_units *units, const struct tn_decl *decl)
{
    struct tn_decl_list *list = &units->lists[decl->kind];
    list->v = tn_realloc(list->v, (list->n + 1) * sizeof *list->v);
    list->v[list->n++] = decl;
}

static void add_unit(struct tn_units *units, struct tn_unit *unit)
{
    size_t at = units->n;
    units->v = tn_realloc(units->v, (units->n + 1) * sizeof *units->v);
    while (at && strcmp(units->v[at - 1]->name, unit->name) > 0) {
        units->v[at] = units->v[at - 1];
        at--;
    }
    units->v[at] = unit;
    units->n++;
    for (size_t i = 0; i < unit->n_decls; i++) add_decl(units, unit->decls[i]);
}

static void refuse_name(struct load *load, const char *name)
{
    struct tn_err err;
    char path[UNIT_NAME * 2];
    snprintf(path, sizeof path, "scripts/adapters/%s.lua", name);
    tn_fail(&err, TN_E_invalid, "a system cannot be called '%s': that is a unit of Tenon's own",
            name);
    tn_fail_at(&err, path, 1);
    report(load, &err);
}

static void load_rules(struct load *load, struct tn_units *units, struct tn_unit *core)
{
    struct tn_fileset *files = tn_units_files_of(units->files, RULES);
    bool any = tn_fileset_count(files) > 0;
    tn_fileset_unref(files);
    struct tn_unit *unit = any ? unit_get(load, RULES, units->files, core) : NULL;
    if (unit) add_unit(units, unit);
}

static void load_systems(struct load *load, struct tn_units *units, struct tn_unit *core)
{
    struct names names = {0};
    for (size_t i = 0; i < tn_fileset_count(units->files); i++)
        names_add(&names, system_of(tn_fileset_at(units->files, i)->path));
    for (size_t i = 0; i < names.n && (load->each || !load->faults); i++) {
        if (is_reserved_unit(tn_str(names.v[i]))) {
            refuse_name(load, names.v[i]);
            continue;
        }
        struct tn_unit *unit = unit_get(load, names.v[i], units->files, core);
        if (unit) add_unit(units, unit);
    }
    tn_free(names.v);
}

static bool is_system_table(const char *name)
{
    for (size_t i = 0; i < tn_system_table_count; i++)
        if (strcmp(tn_system_tables[i].name, name) == 0) return true;
    return false;
}

/* What every record has anyway, and what lists are asked with. */
static bool is_reserved(const char *name, bool filter)
{
    static const char *const names[] = {"id",   "createdAt", "updatedAt", "version",
                                        "team", "hash",      "created",   "updated",
                                        "body", "n",         NULL};
    static const char *const parameters[] = {"limit", "offset", "cursor", "sort", "order", NULL};
    for (const char *const *n = filter ? parameters : names; *n; n++)
        if (strcasecmp(*n, name) == 0) return true;
    return false;
}

static bool is_plain(const char *name)
{
    size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
    return n > 0 && !name[n] && (name[0] < '0' || name[0] > '9');
}

static bool field_fits(const struct tn_entity *r, size_t i, struct tn_err *err)
{
    const char *name = r->fields[i].name;
    if (is_reserved(name, false))
        return tn_fail(err, TN_E_invalid,
                       "a field cannot be called '%s': every record has one of "
                       "Tenon's own",
                       name);
    if (!is_plain(name))
        return tn_fail(err, TN_E_invalid,
                       "the field '%s' has to be a name of letters, digits and "
                       "'_'",
                       name);
    for (size_t k = 0; k < i; k++)
        if (strcasecmp(r->fields[k].name, name) == 0)
            return tn_fail(err, TN_E_invalid,
                           "there are two fields '%s' and '%s': upper and lower "
                           "case do not tell them apart",
                           r->fields[k].name, name);
    for (const char *const *f = r->filter; f && *f; f++)
        if (strcmp(*f, name) == 0 && is_reserved(name, true))
            return tn_fail(err, TN_E_invalid,
                           "a list cannot be filtered by '%s': that is a "
                           "parameter of every list",
                           name);
    return true;
}

static bool check_fields(struct load *load, const struct tn_decl *decl)
{
    for (size_t i = 0; i < decl->resource.n_fields; i++) {
        struct tn_err err;
        if (field_fits(&decl->resource, i, &err)) continue;
        tn_fail_field(&err, "%s", decl->resource.fields[i].name);
        tn_fail_at(&err, decl->path, decl->resource.fields[i].line);
        if (!report(load, &err)) return false;
    }
    return true;
}

/* A table has one owner: the system, or one resource. */
static void check_tables(struct load *load, const struct tn_units *units)
{
    for (size_t i = 0; i < tn_units_resources(units); i++) {
        const struct tn_decl *r = tn_units_resource_at(units, i);
        const char *table = r->resource.plural;
        struct tn_err err;
        size_t k = 0;
        if (!check_fields(load, r)) return;
        while (k < i && strcmp(tn_units_resource_at(units, k)->resource.plural, table) != 0) k++;
        if (is_system_table(table))
            tn_fail(&err, TN_E_invalid,
                    "'%s' is a table of Tenon's own: give the resource another "
                    "plural",
                    table);
        else if (k < i)
            tn_fail(&err, TN_E_invalid,
                    "the table '%s' belongs to %s already: give the resource "
                    "another plural",
                    table, tn_units_resource_at(units, k)->path);
        else
            continue;
        tn_fail_field(&err, "plural");
        tn_fail_at(&err, r->path, r->line);
        if (!report(load, &err)) return;
    }
}

struct tn_units *tn_units_load(const struct bind_env *env, struct tn_fileset *files,
                               struct tn_units *old, tn_units_fault_fn each, void *arg,
                               struct tn_err *err)
{
    struct load load = {.env = env, .old = old, .each = each, .arg = arg, .err = err};
    struct tn_units *units = TN_NEW(struct tn_units);
    units->refs = 1;
    units->files = tn_fileset_ref(files);
    struct tn_unit *core = unit_get(&load, CORE, files, NULL);
    if (core) {
        add_unit(units, core);
        load_systems(&load, units, core);
        if (load.each || !load.faults) load_rules(&load, units, core);
        check_tables(&load, units);
    }
    if (!load.faults) {
        tn_surface_make_rows(units);
        return units;
    }
    tn_units_unref(units);
    return NULL;
}

struct tn_units *tn_units_ref(struct tn_units *units)
{
    units->refs++;
    return units;
}

void tn_units_unref(struct tn_units *units)
{
    if (!units || --units->refs) return;
    for (size_t i = 0; i < units->n; i++) tn_unit_unref(units->v[i]);
    for (size_t i = 0; i < TN_DECL_kinds; i++) tn_free(units->lists[i].v);
    tn_fileset_unref(units->files);
    tn_free(units->rows);
    tn_free(units->v);
    tn_arena_clear(&units->texts);
    tn_free(units);
}

struct tn_fileset *tn_units_files(const struct tn_units *units)
{
    return units->files;
}

size_t tn_units_count(const struct tn_units *units)
{
    return units->n;
}

struct tn_unit *tn_units_at(const struct tn_units *units, size_t i)
{
    return i < units->n ? units->v[i] : NULL;
}

struct tn_unit *tn_units_find(const struct tn_units *units, const char *name)
{
    for (size_t i = 0; i < units->n; i++)
        if (strcmp(units->v[i]->name, name) == 0) return units->v[i];
    return NULL;
}

size_t tn_units_diff(const struct tn_units *from, const struct tn_units *to, tn_unit_change_fn fn,
                     void *arg)
{
    size_t same = 0;
    for (size_t i = 0; i < to->n; i++) {
        const struct tn_unit *now = to->v[i];
        const struct tn_unit *was = from ? tn_units_find(from, now->name) : NULL;
        struct tn_unit_change change = {now->name, now->generation, was ? was->generation : NULL};
        if (was && strcmp(was->generation, now->generation) == 0)
            same++;
        else
            fn(arg, &change);
    }
    for (size_t i = 0; from && i < from->n; i++) {
        const struct tn_unit *was = from->v[i];
        struct tn_unit_change change = {was->name, NULL, was->generation};
        if (!tn_units_find(to, was->name)) fn(arg, &change);
    }
    return same;
}

/* ---- what is declared ---- */

static const struct tn_decl *list_at(const struct tn_units *units, enum tn_decl_kind kind, size_t i)
{
    return i < units->lists[kind].n ? units->lists[kind].v[i] : NULL;
}

static const struct tn_decl *list_find(const struct tn_units *units, enum tn_decl_kind kind,
                                       const char *name)
{
    for (size_t i = 0; i < units->lists[kind].n; i++)
        if (strcmp(units->lists[kind].v[i]->name, name) == 0) return units->lists[kind].v[i];
    return NULL;
}

size_t tn_units_resources(const struct tn_units *units)
{
    return units->lists[TN_DECL_resource].n;
}

const struct tn_decl *tn_units_resource_at(const struct tn_units *units, size_t i)
{
    return list_at(units, TN_DECL_resource, i);
}

const struct tn_decl *tn_units_resource(const struct tn_units *units, const char *name)
{
    return list_find(units, TN_DECL_resource, name);
}

size_t tn_units_adapters(const struct tn_units *units)
{
    return units->lists[TN_DECL_adapter].n;
}

const struct tn_decl *tn_units_adapter_at(const struct tn_units *units, size_t i)
{
    return list_at(units, TN_DECL_adapter, i);
}

const struct tn_decl *tn_units_adapter(const struct tn_units *units, const char *name)
{
    return list_find(units, TN_DECL_adapter, name);
}

size_t tn_units_rules(const struct tn_units *units)
{
    return units->lists[TN_DECL_rule].n;
}

const struct tn_decl *tn_units_rule_at(const struct tn_units *units, size_t i)
{
    return list_at(units, TN_DECL_rule, i);
}

size_t tn_units_surfaces(const struct tn_units *units)
{
    return units->lists[TN_DECL_surface].n;
}

const struct tn_decl *tn_units_surface_at(const struct tn_units *units, size_t i)
{
    return list_at(units, TN_DECL_surface, i);
}

const struct tn_mapping *tn_units_mapping(const struct tn_units *units, const char *name)
{
    for (size_t i = 0; i < units->n; i++) {
        const struct slot *slot = find_slot(units->v[i], name);
        if (slot) return slot->mapping;
    }
    return NULL;
}

/* ---- for tn.sync ---- */

static bool has_adapter(const void *serving, const char *adapter)
{
    return tn_units_adapter(serving, adapter) != NULL;
}

static bool operation_at(const void *serving, const char *adapter, size_t i,
                         struct bind_operation *out)
{
    const struct tn_operation *o = tn_units_adapter(serving, adapter)->adapter.operations;
    while (o && o->name && i--) o++;
    if (!o || !o->name) return false;
    *out = (struct bind_operation){.name = o->name,
                                   .entity = o->entity,
                                   .pulls = strcmp(o->direction, "pull") == 0,
                                   .filters = o->filters,
                                   .n_filters = o->n_filters};
    return true;
}

const struct bind_adapters tn_units_operations = {.has = has_adapter, .operation = operation_at};
