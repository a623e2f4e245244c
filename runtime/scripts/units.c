/* SPDX-License-Identifier: MIT */
#include "scripts/units.h"

#include <stdio.h>

#include "base/alloc.h"
#include "scripts/refused.h"
#include "scripts/resource_check.h"

struct decl_list {
    const struct tn_decl **v;
    size_t n;
};

struct tn_units {
    unsigned refs;
    struct tn_fileset *files;
    struct tn_unit **v; /* sorted by name */
    size_t n;
    struct decl_list lists[TN_DECL_kinds];
};

/* ---- loading ---- */

struct load {
    const struct bind_env *env;
    struct tn_units *units; /* the units that are being made */
    const struct tn_units *old;
    struct tn_load_faults faults;
    tn_unit_fault_fn broken; /* NULL: a fault of any unit makes the load fail */
    void *arg;
};

static void add_decl(struct tn_units *units, const struct tn_decl *decl)
{
    struct decl_list *list = &units->lists[decl->kind];
    list->v = tn_realloc(list->v, (list->n + 1) * sizeof *list->v);
    list->v[list->n++] = decl;
}

static void add_unit(struct tn_units *units, struct tn_unit *unit)
{
    size_t at = units->n;
    units->v = tn_realloc(units->v, (units->n + 1) * sizeof *units->v);
    while (at && strcmp(tn_unit_name(units->v[at - 1]), tn_unit_name(unit)) > 0) {
        units->v[at] = units->v[at - 1];
        at--;
    }
    units->v[at] = unit;
    units->n++;
    for (size_t i = 0; i < tn_unit_decls(unit); i++) add_decl(units, tn_unit_decl_at(unit, i));
}

static bool stops(const struct load *load)
{
    return load->faults.n && !load->faults.each;
}

/* Loads a unit so that its faults concern no other one. */
static struct tn_unit *try_unit(struct load *load, const char *name, struct tn_unit *old,
                                struct tn_unit *core)
{
    struct tn_err first;
    struct tn_load_faults own = {.first = &first};
    struct tn_unit *unit = tn_unit_load(load->env, name, load->units->files, old, core, &own);
    if (!unit) load->broken(load->arg, name, &first);
    return unit;
}

static struct tn_unit *load_unit(struct load *load, const char *name, struct tn_unit *core)
{
    struct tn_unit *old = load->old ? tn_units_find(load->old, name) : NULL;
    struct tn_unit *unit = core && load->broken ? try_unit(load, name, old, core)
                                                : tn_unit_load(load->env, name, load->units->files,
                                                               old, core, &load->faults);
    if (unit) add_unit(load->units, unit);
    return unit;
}

static void refuse_name(struct load *load, const char *name)
{
    struct tn_err err;
    char path[TN_UNIT_NAME + 32];
    snprintf(path, sizeof path, "scripts/adapters/%s.lua", name);
    tn_fail(&err, TN_E_invalid, "a system cannot be called '%s': that is a unit of Tenon's own",
            name);
    tn_fail_at(&err, path, 1);
    tn_load_faults_add(&load->faults, &err);
}

static void load_split(struct load *load, struct tn_unit *core)
{
    struct tn_split split;
    tn_split_init(&split, load->units->files);
    for (size_t i = 0; i < split.n && !stops(load); i++) {
        enum tn_unit_kind kind = tn_split_kind(split.names[i]);
        if (kind == TN_UNIT_core || kind == TN_UNIT_rules)
            refuse_name(load, split.names[i]);
        else
            load_unit(load, split.names[i], core);
    }
    tn_split_clear(&split);
}

static void load_rules(struct load *load, struct tn_unit *core)
{
    struct tn_fileset *files = tn_split_files(load->units->files, tn_rules_name);
    if (tn_fileset_count(files)) load_unit(load, tn_rules_name, core);
    tn_fileset_unref(files);
}

static void load_all(struct load *load)
{
    struct tn_unit *core = load_unit(load, tn_core_name, NULL);
    if (!core) return;
    load_split(load, core);
    if (!stops(load)) load_rules(load, core);
    const struct decl_list *resources = &load->units->lists[TN_DECL_resource];
    tn_resource_check(resources->v, resources->n, &load->faults);
}

struct tn_units *tn_units_load(const struct bind_env *env, struct tn_fileset *files,
                               struct tn_units *old, tn_fault_fn each, void *arg,
                               struct tn_err *err)
{
    struct tn_units *units = TN_NEW(struct tn_units);
    struct load load = {
        .env = env, .units = units, .old = old, .faults = {.each = each, .arg = arg, .first = err}};
    units->refs = 1;
    units->files = tn_fileset_ref(files);
    load_all(&load);
    if (!load.faults.n) return units;
    tn_units_unref(units);
    return NULL;
}

struct tn_units *tn_units_salvage(const struct bind_env *env, struct tn_fileset *files,
                                  tn_fault_fn each, void *arg)
{
    struct tn_units *units = TN_NEW(struct tn_units);
    struct tn_err first;
    struct load load = {.env = env,
                        .units = units,
                        .faults = {.each = each, .arg = arg, .first = &first, .salvage = true}};
    units->refs = 1;
    units->files = tn_fileset_ref(files);
    load_all(&load);
    return units;
}

bool tn_units_try(const struct bind_env *env, struct tn_fileset *files, struct tn_units *old,
                  tn_unit_fault_fn fn, void *arg, struct tn_err *err)
{
    struct tn_units *units = TN_NEW(struct tn_units);
    struct load load = {
        .env = env, .units = units, .old = old, .faults = {.first = err}, .broken = fn, .arg = arg};
    units->refs = 1;
    units->files = tn_fileset_ref(files);
    load_all(&load);
    tn_units_unref(units);
    return load.faults.n == 0;
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
    tn_free(units->v);
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
        if (strcmp(tn_unit_name(units->v[i]), name) == 0) return units->v[i];
    return NULL;
}

struct tn_unit *tn_units_of(const struct tn_units *units, const struct tn_decl *decl)
{
    for (size_t i = 0; i < units->n; i++)
        for (size_t k = 0; k < tn_unit_decls(units->v[i]); k++)
            if (tn_unit_decl_at(units->v[i], k) == decl) return units->v[i];
    return NULL;
}

static bool same(const struct tn_unit *a, const struct tn_unit *b)
{
    return strcmp(tn_unit_generation(a), tn_unit_generation(b)) == 0;
}

size_t tn_units_diff(const struct tn_units *from, const struct tn_units *to, tn_unit_change_fn fn,
                     void *arg)
{
    size_t unchanged = 0;
    for (size_t i = 0; i < to->n; i++) {
        const struct tn_unit *now = to->v[i];
        const struct tn_unit *was = from ? tn_units_find(from, tn_unit_name(now)) : NULL;
        struct tn_unit_change change = {tn_unit_name(now), tn_unit_generation(now),
                                        was ? tn_unit_generation(was) : NULL};
        if (was && same(was, now))
            unchanged++;
        else
            fn(arg, &change);
    }
    for (size_t i = 0; from && i < from->n; i++) {
        const struct tn_unit *was = from->v[i];
        struct tn_unit_change change = {tn_unit_name(was), NULL, tn_unit_generation(was)};
        if (!tn_units_find(to, change.name)) fn(arg, &change);
    }
    return unchanged;
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
    const struct tn_mapping *found = NULL;
    for (size_t i = 0; !found && i < units->n; i++) found = tn_unit_mapping(units->v[i], name);
    return found;
}

const struct tn_decl *tn_units_must_adapter(const struct tn_units *units, struct tn_str name,
                                            struct tn_err *err)
{
    char text[TN_UNIT_NAME];
    snprintf(text, sizeof text, "%.*s", TN_FMT(name));
    const struct tn_decl *adapter = tn_units_adapter(units, text);
    if (!adapter && !tn_refused_why(tn_units_files(units), name, err))
        tn_fail(err, TN_E_unavailable, "the adapter '%.*s' is not installed", TN_FMT(name));
    return adapter;
}

/* ---- for tn.sync ---- */

static bool has_adapter(const void *serving, const char *adapter, struct tn_err *err)
{
    return tn_units_must_adapter(serving, tn_str(adapter), err) != NULL;
}

static bool operation_at(const void *serving, const char *adapter, size_t i,
                         struct bind_operation *out)
{
    const struct tn_operation *o = tn_units_adapter(serving, adapter)->adapter.operations;
    while (o && o->name && i--) o++;
    if (!o || !o->name) return false;
    *out = (struct bind_operation){
        .name = o->name, .entity = o->entity, .filters = o->filters, .n_filters = o->n_filters};
    return true;
}

const struct bind_adapters tn_units_operations = {.has = has_adapter, .operation = operation_at};
