/* SPDX-License-Identifier: MIT */
#include "scripts/unit.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "bind/bind_map.h"
#include "scripts/decl.h"
#include "scripts/decl_line.h"
#include "scripts/rule_check.h"
#include "scripts/split.h"
#include "store/store.h"

enum { MAPPING_NAME = TN_UNIT_NAME * 2 };

struct slot {
    char name[MAPPING_NAME]; /* "oracle_fusion/item" */
    struct tn_mapping *mapping;
    const struct tn_decl *target; /* the resource of core that the mapping writes */
};

struct tn_unit {
    unsigned refs;
    char name[TN_UNIT_NAME];
    char generation[65];
    struct tn_fileset *files;
    const struct bind_env *env;
    struct bind_owner owner;
    struct bind_context context;
    struct tn_isolate *isolate;
    struct tn_unit *core; /* against whose resources it was checked; NULL: it is the core */
    struct tn_decl **decls;
    size_t n_decls;
    struct tn_entities resources; /* the resources among its declarations */
    struct slot *slots;
    size_t n_slots;
};

/* ---- life ---- */

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

size_t tn_unit_decls(const struct tn_unit *unit)
{
    return unit->n_decls;
}

const struct tn_decl *tn_unit_decl_at(const struct tn_unit *unit, size_t i)
{
    return i < unit->n_decls ? unit->decls[i] : NULL;
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

const struct tn_mapping *tn_unit_mapping(const struct tn_unit *unit, const char *name)
{
    const struct slot *slot = find_slot(unit, name);
    return slot ? slot->mapping : NULL;
}

const struct tn_operation *tn_decl_operation(const struct tn_decl *adapter, const char *name)
{
    const struct tn_operation *o = adapter->adapter.operations;
    for (; o && o->name; o++)
        if (strcmp(o->name, name) == 0) return o;
    return NULL;
}

/* ---- mappings ---- */

static const struct tn_decl *resource_decl(const struct tn_unit *unit, const char *name)
{
    for (size_t i = 0; i < unit->n_decls; i++)
        if (unit->decls[i]->kind == TN_DECL_resource && strcmp(unit->decls[i]->name, name) == 0)
            return unit->decls[i];
    return NULL;
}

/* The names of the fields that a mapping can set; the caller frees the list. */
static const char **target_names(const struct tn_decl *resource)
{
    size_t n = resource->resource.n_fields;
    const char **names = tn_alloc((n + 1) * sizeof *names);
    for (size_t i = 0; i < n; i++) names[i] = resource->resource.fields[i].name;
    return names;
}

/* Finds the resource that a mapping writes. When core did not load completely (lenient), the
 * resource may be missing for that reason; *target is then NULL and there is no fault. */
static bool find_target(struct tn_isolate *iso, int ref, const char *path,
                        const struct tn_unit *core, bool lenient, const struct tn_decl **target,
                        struct tn_err *err)
{
    char writes[TN_UNIT_NAME];
    if (!tn_mapping_writes(iso, ref, writes, sizeof writes, err)) return false;
    *target = core ? resource_decl(core, writes) : NULL;
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
    struct tn_mapping *mapping = NULL;
    int ref;
    if (!tn_isolate_load(iso, path, &ref, err)) return NULL;
    if (find_target(iso, ref, path, core, lenient, target, err)) {
        const char **names = *target ? target_names(*target) : NULL;
        mapping = tn_mapping_load(iso, ref, names, watch, err);
        tn_free(names);
    }
    if (!mapping && !err->file[0]) tn_fail_at(err, path, 1);
    tn_isolate_release(iso, ref);
    return mapping;
}

struct tn_mapping *tn_unit_mapping_load(struct tn_unit *unit, struct tn_isolate *iso,
                                        const char *name, struct tn_err *err)
{
    const struct tn_decl *target = NULL;
    char path[MAPPING_NAME + 16];
    if (!find_slot(unit, name)) {
        tn_fail(err, TN_E_not_found, "there is no mapping '%s'", name);
        return NULL;
    }
    snprintf(path, sizeof path, "mappings/%s.lua", name);
    return load_mapping(iso, path, unit->core, false, NULL, &target, err);
}

/* ---- loading ---- */

struct loading {
    struct tn_unit *unit;
    struct tn_load_faults *faults;
};

/* The owner of the unit's key-values. All surfaces share those of "core", as in older releases. */
static const char *owner_name(const char *unit)
{
    return tn_split_kind(unit) == TN_UNIT_surface ? tn_core_name : unit;
}

static struct tn_unit *unit_new(const struct bind_env *env, const char *name,
                                struct tn_fileset *files_give, struct tn_unit *core)
{
    struct tn_unit *unit = TN_NEW(struct tn_unit);
    unit->refs = 1;
    unit->env = env;
    unit->files = files_give;
    unit->core = core ? tn_unit_ref(core) : NULL;
    snprintf(unit->name, sizeof unit->name, "%s", name);
    tn_fileset_hash(files_give, unit->generation);
    unit->owner = (struct bind_owner){
        .env = env, .team = TN_TEAM_SYSTEM, .resources = tn_unit_resources(unit)};
    snprintf(unit->owner.name, sizeof unit->owner.name, "%s", owner_name(name));
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

static bool load_decl(struct loading *l, const char *path, enum tn_decl_kind kind)
{
    struct tn_unit *unit = l->unit;
    struct tn_err err;
    struct tn_decl *decl = tn_decl_load(unit->isolate, path, kind, &err);
    if (!decl) return tn_load_faults_add(l->faults, &err);
    unit->decls = tn_realloc(unit->decls, (unit->n_decls + 1) * sizeof *unit->decls);
    unit->decls[unit->n_decls++] = decl;
    if (kind == TN_DECL_resource) add_resource(unit, &decl->resource);
    return true;
}

static bool load_slot(struct loading *l, const char *path)
{
    struct tn_unit *unit = l->unit;
    struct slot slot = {.name = ""};
    struct tn_err err;
    slot.mapping = load_mapping(unit->isolate, path, unit->core, l->faults->n > 0,
                                unit->env->examples, &slot.target, &err);
    if (!slot.mapping) return tn_load_faults_add(l->faults, &err);
    snprintf(slot.name, sizeof slot.name, "%.*s", (int)(strlen(path) - strlen("mappings/.lua")),
             path + strlen("mappings/"));
    unit->slots = tn_realloc(unit->slots, (unit->n_slots + 1) * sizeof *unit->slots);
    unit->slots[unit->n_slots++] = slot;
    return true;
}

static bool load_files(struct loading *l)
{
    const struct tn_unit *unit = l->unit;
    bool go_on = true;
    for (size_t i = 0; go_on && i < tn_fileset_count(unit->files); i++) {
        const char *path = tn_fileset_at(unit->files, i)->path;
        enum tn_decl_kind kind;
        if (!tn_split_owns(unit->name, path)) continue;
        go_on = tn_split_declares(path, &kind) ? load_decl(l, path, kind) : load_slot(l, path);
    }
    return go_on;
}

/* ---- the mappings of operations ---- */

/* Links are stored under the entity of the operation, so this has to be the entity that the
 * mapping writes. */
static bool same_entity(const struct slot *slot, const struct tn_operation *o)
{
    return !slot->target || (o->entity && strcmp(slot->target->name, o->entity) == 0);
}

/* Finds the mapping that an operation names. It has to be one of the same system and for the
 * same entity. */
static bool resolve_operation(struct loading *l, const struct tn_unit *unit,
                              const struct tn_decl *adapter, const struct tn_operation *o)
{
    struct tn_err err;
    if (!o->mapping) {
        tn_fail(&err, TN_E_invalid, "the operation %s pulls records, so it needs a mapping",
                o->name);
    } else if (!find_slot(unit, o->mapping)) {
        char path[MAPPING_NAME + 16];
        snprintf(path, sizeof path, "mappings/%s.lua", o->mapping);
        bool broken = l->faults->n && tn_fileset_find(unit->files, tn_str(path));
        if (broken) return true; /* the mapping's own fault was reported */
        tn_fail(&err, TN_E_invalid, "there is no mapping '%s' (looked for %s in the folder of %s)",
                o->mapping, path, unit->name);
    } else if (!same_entity(find_slot(unit, o->mapping), o)) {
        tn_fail(&err, TN_E_invalid,
                "the operation %s is of entity '%s', but its mapping writes "
                "another resource",
                o->name, o->entity);
    } else {
        return true;
    }
    tn_fail_field(&err, "operations.%s.mapping", o->name);
    tn_fail_at(&err, adapter->path, o->line);
    return tn_load_faults_add(l->faults, &err);
}

static bool resolve_rule(struct loading *l, const struct tn_unit *unit, const struct tn_decl *decl)
{
    const struct tn_file *file = tn_fileset_find(unit->files, tn_str(decl->path));
    const char *key;
    struct tn_err err;
    if (l->faults->n && !unit->core->n_decls)
        return true; /* core has faults, so there is nothing to compare with */
    if (tn_rule_check(&decl->rule, tn_unit_resources(unit), &key, &err)) return true;
    tn_fail_field(&err, "%s", key);
    tn_fail_at(&err, decl->path, tn_decl_line_of(file->text, decl->line, key));
    return tn_load_faults_add(l->faults, &err);
}

static void resolve(struct loading *l)
{
    const struct tn_unit *unit = l->unit;
    bool go_on = true;
    for (size_t i = 0; go_on && i < unit->n_decls; i++) {
        const struct tn_decl *decl = unit->decls[i];
        if (decl->kind == TN_DECL_rule) go_on = resolve_rule(l, unit, decl);
        if (decl->kind != TN_DECL_adapter) continue;
        const struct tn_operation *o = decl->adapter.operations;
        for (; go_on && o && o->name; o++) go_on = resolve_operation(l, unit, decl, o);
    }
}

static struct tn_unit *load(struct tn_unit *unit_give, struct tn_load_faults *faults)
{
    struct loading l = {unit_give, faults};
    struct tn_unit *unit = unit_give;
    struct tn_err err;
    size_t before = faults->n;
    unit->isolate = tn_unit_isolate_new(unit, unit->name, &unit->context, &err);
    if (!unit->isolate)
        tn_load_faults_add(faults, &err);
    else if (load_files(&l))
        resolve(&l);
    bool goes_on = faults->salvage || (faults->each && !unit->core);
    if (faults->n == before || (goes_on && unit->isolate)) return unit;
    tn_unit_unref(unit);
    return NULL;
}

struct tn_unit *tn_unit_load(const struct bind_env *env, const char *name,
                             const struct tn_fileset *all, struct tn_unit *old,
                             struct tn_unit *core, struct tn_load_faults *faults)
{
    struct tn_unit *unit = unit_new(env, name, tn_split_files(all, name), core);
    if (!old || strcmp(old->generation, unit->generation) != 0 || old->core != core)
        return load(unit, faults);
    tn_unit_unref(unit);
    return tn_unit_ref(old);
}
