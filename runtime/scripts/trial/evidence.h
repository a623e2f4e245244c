/* SPDX-License-Identifier: MIT */
/* evidence.h - keeps some of the last records of each integration as its peer sent them,
 * encrypted. A preview (preview.h) tries a change of scripts on them. For each integration and
 * operation there is a ring of TN_LIMIT_EVIDENCE_PAGES samples; a sample is the first
 * TN_LIMIT_EVIDENCE_ROWS records of a page. Samples expire after some days (serve
 * --evidence-days). Worker process. */
#ifndef TN_SCRIPTS_TRIAL_EVIDENCE_H
#define TN_SCRIPTS_TRIAL_EVIDENCE_H

#include "access/secrets.h"
#include "base/json.h"
#include "sync/source.h"

struct tn_commit;
struct tn_found;
struct tn_read;
struct tn_store;

/* Watches a source that was just opened (sync/tap.h) and keeps samples of its pages. Each sample
 * is a commit of its own for which the run does not wait; the run goes on when that fails. days:
 * how long a sample is kept; 0: nothing is kept. Borrows store and secrets. */
void tn_evidence_watch(struct tn_store *store, const struct tn_secrets *secrets, int64_t days,
                       const struct tn_run_request *r, struct tn_source *source);

/* Adds to commit the removal of all samples of this integration. Borrows commit until done,
 * which is called once, in a later turn; err is NULL unless it failed. */
void tn_evidence_forget(struct tn_store *store, int64_t team, const char *id,
                        struct tn_commit *commit, void (*done)(void *arg, const struct tn_err *err),
                        void *arg);

struct tn_evidence {
    char integration[64], operation[64]; /* id; name */
    char mapping[128];                   /* "oracle_fusion/item" */
    struct tn_str rows;                  /* a JSON array; in text */
    struct tn_buf text;
    char after[256]; /* key of this sample; the next call asks behind it */
};
void tn_evidence_init(struct tn_evidence *e);
void tn_evidence_clear(struct tn_evidence *e);
/* tn_evidence_ask asks for the next entry that the team has kept and returns the question's
 * number; tn_evidence_found reads the answer. sample: the entry is one; otherwise ask for the
 * next. False with kind not_found: there are no more entries. */
size_t tn_evidence_ask(const struct tn_evidence *e, struct tn_read *read);
TN_MUST_CHECK bool tn_evidence_found(struct tn_evidence *e, const struct tn_found *found,
                                     size_t question, const struct tn_secrets *secrets,
                                     struct tn_json *json, bool *sample, struct tn_err *err);

#endif
