/* SPDX-License-Identifier: MIT */
/* parts.h - the parts of a worker that the API answers from. */
#ifndef TN_API_PARTS_H
#define TN_API_PARTS_H

#include <stdint.h>

struct tn_keys;
struct tn_log;
struct tn_loop;
struct tn_runner;
struct tn_scripts;
struct tn_secrets;
struct tn_counters;
struct tn_shared;
struct tn_store;
struct tn_tx_tools;

/* All of them outlive the API. */
struct tn_api_parts {
    struct tn_loop *loop;
    struct tn_log *log;
    struct tn_store *store;
    struct tn_keys *keys;
    const struct tn_secrets *secrets;
    struct tn_tx_tools *tools; /* of transactions */
    struct tn_runner *runner;
    struct tn_shared *shared;
    struct tn_counters *counters; /* of this worker, in shared */
    struct tn_scripts *scripts;
    const char *version;
    int64_t team; /* of this installation, for the local command line */
    int worker;   /* number, from 1 */
};

#endif
