/* SPDX-License-Identifier: MIT */
#include "scripts/serving.h"

#include "base/alloc.h"
#include "loop/shared.h"

struct tn_serving {
    struct tn_serving_options o;
    struct tn_units *units;
    struct tn_connections *connections;
    char hash[65];
};

struct tn_serving *tn_serving_new(const struct tn_serving_options *o)
{
    struct tn_serving *s = TN_NEW(struct tn_serving);
    s->o = *o;
    return s;
}

void tn_serving_free(struct tn_serving *s)
{
    if (!s) return;
    tn_connections_free(s->connections);
    tn_units_unref(s->units);
    tn_free(s);
}

struct tn_units *tn_serving_units(const struct tn_serving *s)
{
    return s->units;
}

struct tn_connections *tn_serving_connections(const struct tn_serving *s)
{
    return s->connections;
}

const char *tn_serving_hash(const struct tn_serving *s)
{
    return s->hash;
}

static struct tn_units *load(const struct tn_serving *s, struct tn_fileset *files, tn_fault_fn each,
                             void *arg, struct tn_err *err)
{
    /* Holds a reference, because the serving set may change while a script is loaded
     * (script/errand.h). */
    struct tn_units *old = s->units ? tn_units_ref(s->units) : NULL;
    struct tn_units *units = tn_units_load(s->o.env, files, old, each, arg, err);
    tn_units_unref(old);
    return units;
}

struct tn_units *tn_serving_load(const struct tn_serving *s, struct tn_fileset *files,
                                 struct tn_err *err)
{
    return load(s, files, NULL, NULL, err);
}

bool tn_serving_try(const struct tn_serving *s, struct tn_fileset *files, tn_unit_fault_fn fn,
                    void *arg, struct tn_err *err)
{
    return tn_units_try(s->o.env, files, s->units, fn, arg, err);
}

struct tn_units *tn_serving_load_fitting(const struct tn_serving *s, struct tn_fileset *files,
                                         tn_fault_fn each, void *arg, struct tn_err *err)
{
    struct tn_units *units = load(s, files, each, arg, err);
    if (!units || s->o.fits(s->o.arg, units, each, arg, err)) return units;
    tn_units_unref(units);
    return NULL;
}

void tn_serving_tell(const struct tn_serving *s, int64_t version)
{
    s->o.shared->workers[s->o.worker - 1].scripts = (uint64_t)version;
}

void tn_serving_swap(struct tn_serving *s, struct tn_units *units_give, int64_t version)
{
    struct tn_units *old = s->units;
    bool first = !s->connections;
    struct tn_connections_options o = {.env = s->o.env, .may_run = s->o.may_run, .arg = s->o.arg};
    s->units = units_give;
    tn_fileset_hash(tn_units_files(s->units), s->hash);
    if (first)
        s->connections = tn_connections_new(&o, s->units);
    else
        tn_connections_units(s->connections, s->units);
    s->o.swapped(s->o.arg, first);
    tn_units_unref(old);
    tn_serving_tell(s, version);
}
