/* SPDX-License-Identifier: MIT */
/* app.h - the two kinds of process that the supervisor starts: the store and the workers. */
#ifndef TN_APP_H
#define TN_APP_H

#include <stdbool.h>

#include "access/secrets.h"

struct tn_egress;
struct tn_log;
struct tn_options;
struct tn_shared;

/* The things that `tenon serve` prepared before it started processes; all processes inherit them.
 */
struct tn_prepared {
    const struct tn_options *options;
    const char *data; /* absolute path of the data folder */
    struct tn_log *log;
    struct tn_secrets secrets;
    struct tn_egress *egress;
    struct tn_shared *shared;
    int tcp_fd, unix_fd, store_fd; /* listening */
    char bound[80];                /* HOST:PORT of tcp_fd */
    unsigned mask;                 /* the umask of who started us, for files of the site folder */
};

/* Exit statuses.  They say what is wrong on standard error before they are ready. */
int tn_app_store(const struct tn_prepared *p);
int tn_app_worker(const struct tn_prepared *p, int number, bool first);

#endif
