/* SPDX-License-Identifier: MIT */
/* shadow.h - a shadow lets the scripts that served before a change run beside the new ones for a
 * while. Both map the records of live runs; the results of the new ones are written, and the
 * differences are counted. Runs do not wait for the shadow. The store says which shadow there is
 * (tn_shadow_wish). Each worker runs its own and keeps its findings, encrypted, for each team.
 * Life: start; watch sources; stop. Worker process. */
#ifndef TN_SCRIPTS_TRIAL_SHADOW_H
#define TN_SCRIPTS_TRIAL_SHADOW_H

#include "access/secrets.h"
#include "scripts/units.h"
#include "sync/source.h"

struct tn_commit;
struct tn_found;
struct tn_read;
struct tn_shadow;
struct tn_store;

struct tn_shadow_wish {
    char from[65], to[65]; /* hashes of the sets of scripts */
    char who[128];
    int64_t since_ms, until_ms;
};
/* tn_shadow_ask adds the question for the stored wish to a read of the team TN_TEAM_SYSTEM and
 * returns its number; tn_shadow_found reads the answer. Kind not_found: no shadow was ever asked
 * for. */
size_t tn_shadow_ask(struct tn_read *read);
TN_MUST_CHECK bool tn_shadow_found(const struct tn_found *found, size_t question,
                                   struct tn_shadow_wish *out, struct tn_err *err);
TN_MUST_CHECK bool tn_shadow_put(struct tn_commit *commit, const struct tn_shadow_wish *wish,
                                 struct tn_err *err);
bool tn_shadow_same(const struct tn_shadow_wish *a, const struct tn_shadow_wish *b);

struct tn_shadow_options {
    struct tn_loop *loop;
    const struct bind_env *env;
    const struct tn_secrets *secrets;
    struct tn_fileset *from, *to;
    struct tn_shadow_wish wish;
    int worker;
    int64_t days; /* how long findings are kept */
};
/* Loads both sets beside the loop; pages that arrive meanwhile wait. When one of the sets does
 * not load, the log says so and nothing is compared. */
struct tn_shadow *tn_shadow_start(const struct tn_shadow_options *o);
const struct tn_shadow_wish *tn_shadow_wish(const struct tn_shadow *s);
/* Watches a source that was just opened (sync/tap.h). */
void tn_shadow_watch(struct tn_shadow *s, const struct tn_run_request *r, struct tn_source *source);
/* Stores the findings and drops the pages that wait. */
void tn_shadow_stop(struct tn_shadow *s); /* NULL does nothing */

/* json is borrowed for the call.  err: NULL unless it failed. */
typedef void (*tn_shadow_shown_fn)(void *arg, struct tn_str json, const struct tn_err *err);
/* Gives the findings of all workers for a team as a JSON object. done is called once, in a later
 * turn. */
void tn_shadow_show(struct tn_store *store, const struct tn_secrets *secrets, int64_t team,
                    const struct tn_shadow_wish *wish, bool running, tn_shadow_shown_fn done,
                    void *arg);

#endif
