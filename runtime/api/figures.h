/* SPDX-License-Identifier: MIT */
/* figures.h - the figures of integrations for /metrics and /status: what their runs add up to, and
 * how many records of each operation wait in quarantine.  All of it is read from the store, so
 * every worker tells the same. */
#ifndef TN_API_FIGURES_H
#define TN_API_FIGURES_H

#include "api/handler.h"
#include "sync/run_totals.h"

enum { API_FIGURES_INTEGRATIONS = 200, API_FIGURES_OPERATIONS = 400 };

struct api_integration_figures {
    struct tn_id id;
    char name[101];
    int64_t team;
    struct tn_run_totals runs;
};
struct api_operation_figures {
    size_t of; /* place in integrations */
    char operation[65];
    int64_t waiting; /* records in quarantine */
};
struct api_figures {
    struct api_integration_figures integrations[API_FIGURES_INTEGRATIONS];
    struct api_operation_figures operations[API_FIGURES_OPERATIONS];
    size_t integration_count, operation_count;
    bool capped; /* there are more integrations or operations */
};
/* figures is borrowed for the call; empty when the store does not answer. */
typedef void (*api_figures_fn)(void *arg, const struct api_figures *figures);
/* Of all teams (TN_TEAM_ALL), or of one.  done comes in a later turn. */
void api_figures_read(struct tn_api *api, int64_t team, api_figures_fn done, void *arg);

#endif
