/* SPDX-License-Identifier: MIT */
#include "scripts/boot.h"

#include <stdio.h>

#include "loop/shared.h"
#include "scripts/script_log.h"
#include "scripts/shipped.h"
#include "scripts/spare.h"

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

struct boot {
    const struct tn_activation_options *o;
    struct tn_activation_given *given;
};

/* A roll back that the refused files would end goes on. */
static void unit_refused(void *arg, const char *unit, const struct tn_err *fault)
{
    const struct boot *b = arg;
    char what[TN_UNIT_NAME + 80];
    tn_pins_drop(&b->given->rollbacks.changes, unit);
    snprintf(what, sizeof what, "the scripts of %s are refused, and the rest serves", unit);
    tn_script_log_fault(b->o->env->log, what, fault);
}

/* What loads of them, and what served last of the others (spare.h).  Where previews are required,
 * nobody has seen what that would do. */
static struct tn_units *spare(const struct boot *b, struct tn_fileset *files)
{
    const struct tn_activation_options *o = b->o;
    struct tn_err err;
    if (o->terms.require_preview && b->given->from.hash[0]) return NULL;
    struct tn_fileset *served = tn_active_files(o->env->store, &err);
    struct tn_units *units =
        tn_spare_load(o->serving, files, served, unit_refused, (void *)b, &b->given->err);
    tn_fileset_unref(served);
    if (units) o->shared->reload_failures++;
    return units;
}

static void load_folder(const struct boot *b, struct tn_fileset *files)
{
    struct tn_activation_given *given = b->given;
    given->units = tn_serving_load_fitting(b->o->serving, files, NULL, NULL, &given->err);
    if (!given->units) given->units = spare(b, files);
}

static void take_folder(const struct tn_activation_options *o, const struct tn_wish *wish,
                        struct tn_activation_given *given)
{
    struct tn_err *err = &given->err;
    struct tn_fileset *files = tn_shipped_under_site(o->terms.site, NULL, err);
    if (files) files = tn_asked_pinned(&o->terms, files, &given->rollbacks, err);
    if (files && may_begin(o, wish, &given->from, files, err))
        load_folder(&(struct boot){o, given}, files);
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
