/* SPDX-License-Identifier: MIT */
#include "scripts/spare.h"

#include <stdio.h>

#include "scripts/refused.h"

struct sparing {
    struct tn_fileset *all; /* the files without those refused so far */
    const struct tn_fileset *last;
    tn_unit_fault_fn each;
    void *arg;
    size_t refused;
};

static void refuse(void *arg, const char *unit, const struct tn_err *fault)
{
    struct sparing *s = arg;
    s->all = tn_refused_add(s->all, unit, s->last, fault);
    s->refused++;
    s->each(s->arg, unit, fault);
}

/* The files load, but a route of this surface clashes with another route: refuses the surface. */
static bool refuse_surface(struct sparing *s, const struct tn_err *fault)
{
    struct tn_split split;
    char unit[TN_UNIT_NAME] = "";
    tn_split_init(&split, s->all);
    for (size_t i = 0; i < split.n; i++)
        if (tn_split_kind(split.names[i]) == TN_UNIT_surface &&
            tn_split_owns(split.names[i], fault->file))
            snprintf(unit, sizeof unit, "%s", split.names[i]);
    tn_split_clear(&split);
    if (unit[0]) refuse(s, unit, fault);
    return unit[0];
}

/* The largest number of refusals: each unit at most twice, with its new files and with those
 * that served. */
static size_t most(const struct tn_fileset *files)
{
    struct tn_split split;
    tn_split_init(&split, files);
    size_t n = split.n + 1; /* + 1 for the rules */
    tn_split_clear(&split);
    return 2 * n;
}

struct tn_units *tn_spare_load(const struct tn_serving *serving, struct tn_fileset *files,
                               const struct tn_fileset *last, tn_unit_fault_fn each, void *arg,
                               const struct tn_err *err)
{
    struct sparing s = {tn_fileset_ref(files), last, each, arg, 0};
    struct tn_units *units = NULL;
    struct tn_err fault = *err;
    for (size_t n = most(files), before; !units && n; n--) {
        struct tn_fileset *now = tn_fileset_ref(s.all);
        before = s.refused;
        bool core = tn_serving_try(serving, now, refuse, &s, &fault);
        tn_fileset_unref(now);
        if (!core) break;
        if (s.refused > before) continue;
        units = tn_serving_load_fitting(serving, s.all, NULL, NULL, &fault);
        if (!units && !refuse_surface(&s, &fault)) break;
    }
    tn_fileset_unref(s.all);
    return units;
}
