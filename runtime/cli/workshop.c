/* SPDX-License-Identifier: MIT */
#include "cli/workshop.h"

#include <errno.h>
#include <unistd.h>

#include "loop/loop.h"
#include "scripts/shipped.h"

/* Reads the files and makes the host. NULL: err says why. */
static struct tn_fileset *prepare(struct tn_workshop *w, const char *site, struct tn_log *log,
                                  const struct tn_example_watch *examples, tn_fault_fn each,
                                  void *arg, struct tn_err *err)
{
    *w = (struct tn_workshop){.units = NULL};
    if (site && access(site, R_OK | X_OK) < 0) {
        tn_fail_errno(err, errno, site);
        return NULL;
    }
    struct tn_fileset *all = tn_shipped_under_site(site, NULL, err);
    if (!all && each) each(arg, err);
    if (!all) return NULL;
    w->loop = tn_loop_new(err);
    w->host = w->loop ? tn_host_new(w->loop, log, err) : NULL;
    w->env = (struct bind_env){.host = w->host, .log = log, .examples = examples};
    if (w->host) return all;
    tn_fileset_unref(all);
    return NULL;
}

bool tn_workshop_open(struct tn_workshop *w, const char *site,
                      const struct tn_example_watch *examples, tn_fault_fn each, void *arg,
                      struct tn_err *err)
{
    struct tn_fileset *all = prepare(w, site, NULL, examples, each, arg, err);
    if (!all) return false;
    w->units = tn_units_load(&w->env, all, NULL, each, arg, err);
    tn_fileset_unref(all);
    return w->units != NULL;
}

bool tn_workshop_salvage(struct tn_workshop *w, const char *site, struct tn_log *log,
                         const struct tn_example_watch *examples, tn_fault_fn each, void *arg,
                         struct tn_err *err)
{
    struct tn_fileset *all = prepare(w, site, log, examples, NULL, NULL, err);
    if (!all) return false;
    w->units = tn_units_salvage(&w->env, all, each, arg);
    tn_fileset_unref(all);
    return true;
}

void tn_workshop_close(struct tn_workshop *w)
{
    tn_units_unref(w->units);
    tn_host_free(w->host);
    tn_loop_free(w->loop);
}
