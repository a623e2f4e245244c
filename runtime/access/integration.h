/* SPDX-License-Identifier: MIT */
/* integration.h - one configured connection: an adapter plus its configuration, which at rest is
 * only ever ciphertext.  Rows of the system table "integration". */
#ifndef TN_ACCESS_INTEGRATION_H
#define TN_ACCESS_INTEGRATION_H

#include <stdint.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"

struct tn_commit;
struct tn_found;
struct tn_read;
struct tn_row;
struct tn_secrets;

struct tn_integration {
    struct tn_id id;
    int64_t team, version;
    int64_t created_ms, updated_ms;
    struct tn_str name, display_name, type, adapter; /* in memory */
    bool enabled;
    struct tn_buf config; /* JSON object in clear, defaults not filled in; wiped by clear */
    struct tn_arena memory;
};

/* Empty; clear wipes the config and frees everything, then it is empty again. */
void tn_integration_init(struct tn_integration *i);
void tn_integration_clear(struct tn_integration *i);
/* From a row of the table.  False: corrupt (a config sealed with another key, altered ...).
 * secrets NULL: the config stays sealed, and is empty here. */
TN_MUST_CHECK bool tn_integration_decode(struct tn_integration *i, const struct tn_row *row,
                                         const struct tn_secrets *secrets, struct tn_err *err);
/* A question by id or, failing that, by its unique name; and its answer.  False: not_found names
 * what was asked for. */
size_t tn_integration_ask(struct tn_read *read, struct tn_str id_or_name);
TN_MUST_CHECK bool tn_integration_found(struct tn_integration *i, const struct tn_found *found,
                                        size_t question, const struct tn_secrets *secrets,
                                        struct tn_str id_or_name, struct tn_err *err);
/* Adds the write of the whole row to a commit; based_on as for tn_commit_put. */
TN_MUST_CHECK bool tn_integration_put(const struct tn_integration *i, struct tn_commit *commit,
                                      const struct tn_secrets *secrets, int64_t based_on,
                                      struct tn_err *err);

#endif
