/* SPDX-License-Identifier: MIT */
/* active.h - the store's word about which set of files serves: all workers follow it, and a change
 * replaces it only in the version that the change began from. */
#ifndef TN_SCRIPTS_ACTIVE_H
#define TN_SCRIPTS_ACTIVE_H

#include "scripts/fileset.h"

struct tn_commit;
struct tn_store;

struct tn_active {
    char hash[65];   /* of the set; "": nothing ever served */
    int64_t version; /* of the word; TN_NEW_ONLY: there is none */
};

/* False: the store cannot be read. */
TN_MUST_CHECK bool tn_active_read(struct tn_store *store, struct tn_active *out,
                                  struct tn_err *err);
/* Adds to commit that hash serves from now on, if from is still what the store says. */
TN_MUST_CHECK bool tn_active_write(struct tn_commit *commit, const struct tn_active *from,
                                   const char *hash, struct tn_err *err);
/* The files of the set; kind not_found: nothing ever served. */
TN_MUST_CHECK struct tn_fileset *tn_active_files(struct tn_store *store, struct tn_err *err);

#endif
