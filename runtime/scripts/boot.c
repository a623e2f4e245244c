/* SPDX-License-Identifier: MIT */
#include "scripts/boot.h"

#include "loop/shared.h"
#include "scripts/script_log.h"
#include "scripts/shipped.h"

/* Loads the set that served last, when the store refused the site folder's tables. NULL: nothing
 * has served, or that set does not load either. */
static struct tn_units *served_last(void *arg, const struct tn_err *refused)
{
    const struct tn_activation_options *o = arg;
    struct tn_err err;
    struct tn_fileset *last = tn_active_files(o->env->store, &err);
    struct tn_units *units = last ? tn_serving_load(o->serving, last, &err) : NULL;
    tn_fileset_unref(last);
    if (!units) return NULL;
    o->shared->reload_failures++;
    tn_script_log_fault(o->env->log, "the site folder is not taken, so what served last goes on",
                        refused);
    return units;
}

/* With required previews a start, too, goes on with the scripts that served last until the changed
 * folder was previewed. */
static bool may_begin(const struct tn_activation_options *o, const struct tn_wish *wish,
                      const struct tn_active *last, const struct tn_fileset *files,
                      struct tn_err *err)
{
    char hash[65];
    tn_fileset_hash(files, hash);
    return !last->hash[0] || strcmp(hash, last->hash) == 0 ||
           tn_asked_previewed(&o->terms, wish, files, err);
}

static void take_folder(const struct tn_activation_options *o, const struct tn_wish *wish,
                        struct tn_activation_given *given)
{
    struct tn_err *err = &given->err;
    struct tn_fileset *files = tn_shipped_under_site(o->terms.site, NULL, err);
    if (files) files = tn_asked_pinned(&o->terms, files, &given->rollbacks, err);
    if (files && may_begin(o, wish, &given->from, files, err))
        given->units = tn_serving_load_fitting(o->serving, files, err);
    tn_fileset_unref(files);
    if (given->units) {
        given->otherwise = served_last;
        given->arg = (void *)o;
        return;
    }
    tn_rollbacks_clear(&given->rollbacks);
    given->units = served_last((void *)o, err);
}

static void take_served(const struct tn_activation_options *o, struct tn_activation_given *given)
{
    struct tn_fileset *files = tn_active_files(o->env->store, &given->err);
    if (files) given->units = tn_serving_load(o->serving, files, &given->err);
    tn_fileset_unref(files);
    given->serves = true;
}

struct tn_activation *tn_boot_start(const struct tn_activation_options *o,
                                    const struct tn_wish *wish, struct tn_edit *edit, bool first,
                                    tn_activation_fn done, void *arg)
{
    struct tn_activation_given given = {.serves = false};
    bool readable = tn_active_read(o->env->store, &given.from, &given.err);
    if (readable && first)
        take_folder(o, wish, &given);
    else if (readable)
        take_served(o, &given);
    else if (first)
        given.units = served_last((void *)o, &given.err);
    return tn_activation_take(o, wish, edit, &given, done, arg);
}
