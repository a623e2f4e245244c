/* SPDX-License-Identifier: MIT */
#include "scripts/boot.h"

#include <stdio.h>

#include "base/alloc.h"
#include "loop/shared.h"
#include "scripts/library.h"
#include "scripts/previewed.h"
#include "scripts/script_log.h"
#include "scripts/shipped.h"
#include "scripts/spare.h"
#include "store/read.h"

struct tn_boot {
    const struct tn_activation_options *o;
    const struct tn_wish *wish;
    struct tn_edit *edit;
    bool first;
    struct tn_grounding *grounding;
    struct tn_fetch *fetch;
    struct tn_call *call;
    struct tn_pins pins;
    struct tn_fileset *last; /* the set that served last; NULL: `why` says why there is none */
    struct tn_err why;
    struct tn_fileset *files; /* of the site folder, until they are loaded */
    char hash[65];            /* hash of these files */
    struct tn_activation_given given;
    struct tn_activation *activation;
    tn_activation_fn done;
    void *arg;
};

static void boot_free(struct tn_boot *b)
{
    tn_pins_clear(&b->pins);
    tn_fileset_unref(b->last);
    tn_fileset_unref(b->files);
    tn_free(b);
}

static void ended(void *arg, const struct tn_activation_report *report, const struct tn_err *err)
{
    struct tn_boot *b = arg;
    tn_activation_fn done = b->done;
    void *to = b->arg;
    boot_free(b);
    done(to, report, err);
}

static void activate(struct tn_boot *b)
{
    b->activation = tn_activation_take(b->o, b->wish, b->edit, &b->given, ended, b);
}

/* Called when the site folder cannot be used: loads the set that served last. NULL: no set has
 * served, or that one does not load either. */
static struct tn_units *served_last(void *arg, const struct tn_err *refused)
{
    const struct tn_boot *b = arg;
    struct tn_err err;
    struct tn_units *units = b->last ? tn_serving_load(b->o->serving, b->last, &err) : NULL;
    if (!units) return NULL;
    b->o->shared->reload_failures++;
    tn_script_log_fault(b->o->env->log, "the site folder is not taken, so what served last goes on",
                        refused);
    return units;
}

/* ---- the site folder ---- */

/* Logs a refused unit. Its roll back stays in force, although the site folder has other files of
 * the unit. */
static void unit_refused(void *arg, const char *unit, const struct tn_err *fault)
{
    struct tn_boot *b = arg;
    char what[TN_UNIT_NAME + 80];
    tn_pins_drop(&b->given.rollbacks.changes, unit);
    snprintf(what, sizeof what, "the scripts of %s are refused, and the rest serves", unit);
    tn_script_log_fault(b->o->env->log, what, fault);
}

/* Loads the units that can be loaded; the others keep the files that served last (spare.h).
 * Where previews are required nobody has previewed such a mixture, so this loads nothing. */
static struct tn_units *spare(struct tn_boot *b)
{
    const struct tn_activation_options *o = b->o;
    struct tn_units *units;
    if (o->terms.require_preview && b->given.from.hash[0]) return NULL;
    units = tn_spare_load(o->serving, b->files, b->last, unit_refused, b, &b->given.err);
    if (units) o->shared->reload_failures++;
    return units;
}

static void load_folder(struct tn_boot *b)
{
    struct tn_activation_given *given = &b->given;
    given->units = tn_serving_load_fitting(b->o->serving, b->files, NULL, NULL, &given->err);
    if (!given->units) given->units = spare(b);
    given->otherwise = served_last;
    given->arg = b;
}

static void take_folder(struct tn_boot *b, bool may)
{
    struct tn_activation_given *given = &b->given;
    if (may) load_folder(b);
    if (!given->units) {
        given->otherwise = NULL;
        tn_rollbacks_clear(&given->rollbacks);
        given->units = served_last(b, &given->err);
    }
    activate(b);
}

static void previewed_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct tn_boot *b = arg;
    bool seen;
    b->call = NULL;
    if (err) b->given.err = *err;
    take_folder(b, !err && tn_previewed_found(found, 0, &seen, &b->given.err) &&
                       tn_asked_previewed(&b->o->terms, b->wish, b->hash, seen, &b->given.err));
}

/* Returns the site folder's files, with the roll backs that are still in force. */
static struct tn_fileset *folder(struct tn_boot *b)
{
    struct tn_activation_given *given = &b->given;
    struct tn_fileset *site = tn_shipped_under_site(b->o->terms.site, NULL, &given->err);
    if (!site || !b->pins.n) return site;
    if (b->last) return tn_pins_apply(&b->pins, b->last, site, &given->rollbacks);
    tn_fileset_unref(site);
    given->err = b->why;
    return NULL;
}

/* Where previews are required, a start as well keeps the scripts that served last until somebody
 * has previewed the changed site folder. */
static bool needs_preview(struct tn_boot *b)
{
    const char *last = b->given.from.hash;
    return tn_asked_needs_preview(&b->o->terms, b->wish, b->files, b->hash) && last[0] &&
           strcmp(b->hash, last) != 0;
}

static void begin_first(struct tn_boot *b)
{
    b->files = folder(b);
    if (!b->files || !needs_preview(b)) {
        take_folder(b, b->files != NULL);
        return;
    }
    struct tn_read *read = tn_read_new(TN_TEAM_SYSTEM);
    tn_previewed_ask(read, b->hash);
    b->call = tn_store_read(b->o->env->store, read, NULL, previewed_found, b);
}

/* ---- begin ---- */

static void begin(struct tn_boot *b)
{
    struct tn_activation_given *given = &b->given;
    if (b->first) {
        begin_first(b);
        return;
    }
    given->serves = true;
    if (b->last)
        given->units = tn_serving_load(b->o->serving, b->last, &given->err);
    else
        given->err = b->why;
    activate(b);
}

static void last_fetched(void *arg, struct tn_fileset *files, const struct tn_err *err)
{
    struct tn_boot *b = arg;
    b->fetch = NULL;
    if (err)
        b->why = *err;
    else
        b->last = tn_fileset_ref(files);
    begin(b);
}

static void grounded(void *arg, struct tn_ground *ground, const struct tn_err *err)
{
    struct tn_boot *b = arg;
    b->grounding = NULL;
    if (err) {
        b->given.err = *err;
        activate(b);
        return;
    }
    b->given.from = ground->active;
    b->pins = ground->pins;
    ground->pins = (struct tn_pins){.n = 0};
    if (ground->active.hash[0]) {
        b->fetch = tn_library_set(b->o->env->store, ground->active.hash, last_fetched, b);
        return;
    }
    tn_fail(&b->why, TN_E_not_found, "no scripts have served yet");
    begin(b);
}

struct tn_boot *tn_boot_start(const struct tn_activation_options *o, const struct tn_wish *wish,
                              struct tn_edit *edit, bool first, tn_activation_fn done, void *arg)
{
    struct tn_boot *b = TN_NEW(struct tn_boot);
    *b = (struct tn_boot){
        .o = o, .wish = wish, .edit = edit, .first = first, .done = done, .arg = arg};
    b->grounding = tn_ground_read(o->env->store, grounded, b);
    return b;
}

void tn_boot_stop(struct tn_boot *b)
{
    if (!b) return;
    tn_grounding_stop(b->grounding);
    tn_fetch_stop(b->fetch);
    tn_call_cancel(b->call);
    if (!b->activation) tn_rollbacks_clear(&b->given.rollbacks);
    tn_activation_stop(b->activation);
    boot_free(b);
}
