/* SPDX-License-Identifier: MIT */
#include "cli/workshop.h"

#include <errno.h>
#include <unistd.h>

#include "loop/loop.h"

bool tn_workshop_open(struct tn_workshop *w, const char *site,
                      const struct tn_example_watch *examples, tn_fault_fn each, void *arg,
                      struct tn_err *err)
{
    struct tn_fileset *shipped = tn_fileset_embedded(tn_shipped_scripts), *own = NULL, *all;
    *w = (struct tn_workshop){.units = NULL};
    if (site && access(site, R_OK | X_OK) < 0) {
        tn_fail_errno(err, errno, site);
        goto out;
    }
    if (site && !(own = tn_fileset_read(site, err))) {
        if (each) each(arg, err);
        goto out;
    }
    w->loop = tn_loop_new(err);
    w->host = w->loop ? tn_host_new(w->loop, NULL, err) : NULL;
    if (!w->host) goto out;
    w->env = (struct bind_env){.host = w->host, .examples = examples};
    all = tn_fileset_over(shipped, own);
    w->units = tn_units_load(&w->env, all, NULL, each, arg, err);
    tn_fileset_unref(all);
out:
    tn_fileset_unref(own);
    tn_fileset_unref(shipped);
    return w->units != NULL;
}

void tn_workshop_close(struct tn_workshop *w)
{
    tn_units_unref(w->units);
    tn_host_free(w->host);
    tn_loop_free(w->loop);
}
