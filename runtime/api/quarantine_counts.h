/* SPDX-License-Identifier: MIT */
/* quarantine_counts.h - how many records of each operation wait in quarantine, on this server. */
#ifndef TN_API_QUARANTINE_COUNTS_H
#define TN_API_QUARANTINE_COUNTS_H

#include "api/handler.h"

enum { API_QUARANTINE_COUNTS = 100 };

struct api_quarantine_count {
    char integration[101], operation[65];
    int64_t records;
};
struct api_quarantine_counts {
    struct api_quarantine_count list[API_QUARANTINE_COUNTS];
    size_t count;
    bool capped; /* there are more operations */
};
/* counts is borrowed for the call; empty when the store does not answer. */
typedef void (*api_quarantine_counts_fn)(void *arg, const struct api_quarantine_counts *counts);
/* Of all teams, or of one.  done comes in a later turn. */
void api_quarantine_count_all(struct tn_api *api, int64_t team, api_quarantine_counts_fn done,
                              void *arg);

#endif
