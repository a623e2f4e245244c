/* SPDX-License-Identifier: MIT */
/* workshop.h - scripts loaded without a server: for check and map.
 * Life: open; use units; close. */
#ifndef TN_CLI_WORKSHOP_H
#define TN_CLI_WORKSHOP_H

#include "scripts/units.h"

struct tn_workshop {
    struct tn_loop *loop;
    struct tn_host *host;
    struct bind_env env;
    struct tn_units *units; /* NULL: they do not load */
};
/* The shipped files under those of site (may be NULL).  examples (may be NULL; outlives it) is told
 * how each example of a mapping went, each (may be NULL) gets every fault.  False: err is the
 * first.  Close it in either case. */
TN_MUST_CHECK bool tn_workshop_open(struct tn_workshop *w, const char *site,
                                    const struct tn_example_watch *examples, tn_fault_fn each,
                                    void *arg, struct tn_err *err);
/* The same, but a file that has faults is left out and the others are loaded (tn_units_salvage).
 * each is not NULL.  Lines of scripts go to log (NULL: nowhere).  False: the folder cannot be read,
 * or there is no memory for scripts. */
TN_MUST_CHECK bool tn_workshop_salvage(struct tn_workshop *w, const char *site, struct tn_log *log,
                                       const struct tn_example_watch *examples, tn_fault_fn each,
                                       void *arg, struct tn_err *err);
void tn_workshop_close(struct tn_workshop *w);

#endif
