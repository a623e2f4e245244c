/* SPDX-License-Identifier: MIT */
/* scripts.h - puts together all parts of a worker that deal with script files: the serving set,
 * changes, trials, the quarantine. A worker takes the scripts that serve from the store alone,
 * so all workers run the same ones, and a restart runs the same ones as before. Life: open;
 * boot; then the other functions; close. Worker process. */
#ifndef TN_SCRIPTS_SCRIPTS_H
#define TN_SCRIPTS_SCRIPTS_H

#include "scripts/reload.h"
#include "scripts/surface.h"
#include "scripts/trial/shadow.h"
#include "scripts/trial/trial.h"

struct tn_rules;
struct tn_scripts;

struct tn_scripts_options {
    struct tn_loop *loop;
    const struct bind_env *env; /* its store is that of the worker */
    struct tn_shared *shared;
    const char *site;     /* path of the site folder; NULL: only shipped scripts */
    int worker;           /* number of this worker, from 1 */
    bool require_preview; /* a change needs a preview first */
    /* How long samples and findings are kept; 0: no samples, findings for a day. */
    int64_t evidence_days;
    /* Checks that the routes of units do not clash, and the like. Calls each with every fault.
     * May be called on a thread beside the loop. */
    bool (*fits)(void *arg, struct tn_units *units, tn_fault_fn each, void *each_arg,
                 struct tn_err *err);
    /* Called when other scripts begin to serve, except for the first ones. */
    void (*swapped)(void *arg);
    void *arg;
    struct tn_rules *rules; /* its rules are those of the serving set */
};
struct tn_scripts *tn_scripts_open(const struct tn_scripts_options *o);
void tn_scripts_close(struct tn_scripts *s); /* NULL does nothing */

typedef void (*tn_scripts_fn)(void *arg, const struct tn_err *err);
/* Begins to serve. first: no worker has served since the start, so the site folder is taken; if
 * its scripts are broken, the scripts that served last go on and the log says so; if none have
 * served, done gets err. Not first: takes from the store the scripts that serve now. */
void tn_scripts_boot(struct tn_scripts *s, bool first, tn_scripts_fn done, void *arg);
/* To be called once this worker serves: writes the events of quarantines that no worker has
 * written. */
void tn_scripts_tell_quarantines(struct tn_scripts *s);

/* ---- what serves; NULL before the boot; borrowed ---- */

struct tn_units *tn_scripts_units(const struct tn_scripts *s);
struct tn_connections *tn_scripts_connections(const struct tn_scripts *s);
/* For sync/; self is the struct tn_scripts. */
extern const struct tn_adapter_ops tn_scripts_adapters;
/* Works like tn_surface_serve; answers with an error when the surface is in quarantine. */
void tn_scripts_serve(struct tn_scripts *s, const struct tn_surface_row *row,
                      const struct tn_actor *actor, struct tn_http_exchange *x,
                      tn_surface_error_fn error, void *arg);
/* The shipped files with the site folder's files over them. own gets the site folder's files
 * alone, or NULL when there is no site folder. */
TN_MUST_CHECK struct tn_fileset *tn_scripts_site(const struct tn_scripts *s,
                                                 struct tn_fileset **own, struct tn_err *err);

/* ---- changes ---- */

/* Loads and checks the scripts, and uses them in all workers. Copies wish; done is called once,
 * in a later turn. */
void tn_scripts_change(struct tn_scripts *s, const struct tn_wish *wish, tn_reload_fn done,
                       void *arg);
/* Previews a change (trial/trial.h). */
void tn_scripts_try(struct tn_scripts *s, const struct tn_trial_wish *wish, tn_trial_fn done,
                    void *arg);
/* The shadow of the scripts that served before a change (trial/shadowing.h). */
void tn_scripts_shadow_show(const struct tn_scripts *s, int64_t team, tn_shadow_shown_fn done,
                            void *arg);
TN_MUST_CHECK bool tn_scripts_shadow_end(const struct tn_scripts *s, const struct tn_found *found,
                                         size_t question, struct tn_commit *commit,
                                         struct tn_err *err);

/* ---- isolates ---- */

bool tn_scripts_quarantined(const struct tn_scripts *s, const char *isolate);
/* One isolate of this worker and the resources that it used since it was made. */
struct tn_isolate_info {
    const char *name; /* "integrations:plant_7", "core", "surfaces:plm" */
    const struct tn_unit *unit;
    struct tn_isolate_stats used;
    bool quarantined; /* in all workers */
};
typedef void (*tn_isolate_fn)(void *arg, const struct tn_isolate_info *info);
/* Calls fn for each isolate that new work uses. *all is the number of all isolates, including
 * those of older generations that still have work. */
size_t tn_scripts_isolates(const struct tn_scripts *s, tn_isolate_fn fn, void *arg);

#endif
