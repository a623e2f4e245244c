/* SPDX-License-Identifier: MIT */
/* commit.h - a commit value: a list of operations that the store does all together or not at all,
 * and the versions that they were based on. Life: new; add operations; tn_store_commit takes it (or
 * free it).  A commit is no open transaction: it locks nothing, and nothing waits for it.
 *
 * An operation that breaks a rule when it is added (no such table, a body that is no JSON object)
 * fails the call and leaves the commit as it was.  Above TN_LIMIT_COMMIT: kind too_large.  U+0000
 * in a key column or an external id: kind invalid.
 *
 * Keys are judged by the end of the commit, so its writes may exchange and shift them in any order.
 * At the end a key belongs to the record that had it before and was given no other, else to the
 * record to which the earliest operation gave it.  Another one's put or patch fails the commit
 * (key_taken); another one's upsert is left out (see tn_commit_upsert). */
#ifndef TN_STORE_COMMIT_H
#define TN_STORE_COMMIT_H

#include "store/store.h"

/* Borrows the store, which outlives the commit. */
struct tn_commit *tn_commit_new(struct tn_store *store);
void tn_commit_free(struct tn_commit *commit);          /* NULL does nothing */
size_t tn_commit_count(const struct tn_commit *commit); /* how many operations it has so far */
size_t tn_commit_bytes(const struct tn_commit *commit);
/* What causes the commit: an integration (zeroes: none), and how many runs of rules in a row led to
 * it.  Its events carry both: an integration recognizes the events that it caused itself, and rules
 * that set off one another are stopped (TN_LIMIT_RULE_DEPTH). */
void tn_commit_origin(struct tn_commit *commit, const struct tn_id *integration, unsigned depth);

/* Writes the whole record. id NULL (with TN_NEW_ONLY): the store makes an id, which the outcome
 * holds and which costs no index entry. based_on: TN_NEW_ONLY, TN_ANY or the version that the
 * record has to have. */
TN_MUST_CHECK bool tn_commit_put(struct tn_commit *commit, int64_t team, const char *table,
                                 const struct tn_id *id, struct tn_str body, int64_t based_on,
                                 struct tn_err *err);
/* Applies a JSON merge patch (RFC 7396) to a record, which has to exist. Members that the patch
 * does not name stay byte for byte.  A patch that changes nothing is `unchanged`. */
TN_MUST_CHECK bool tn_commit_patch(struct tn_commit *commit, int64_t team, const char *table,
                                   const struct tn_id *id, struct tn_str patch, int64_t based_on,
                                   struct tn_err *err);
/* Deletes a record and its links. With TN_ANY a record that does not exist is `unchanged`. The
 * table of a resource keeps the last state, a table with history the former versions too
 * (tn_store_as_of), until retention removes them. */
TN_MUST_CHECK bool tn_commit_delete(struct tn_commit *commit, int64_t team, const char *table,
                                    const struct tn_id *id, int64_t based_on, struct tn_err *err);
/* Deletes a record and all its history; with TN_ANY also the history of one that was deleted
 * before. Events and backups that name the record stay. */
TN_MUST_CHECK bool tn_commit_erase(struct tn_commit *commit, int64_t team, const char *table,
                                   const struct tn_id *id, int64_t based_on, struct tn_err *err);
/* The commit succeeds only if the record has this version (0: it does not exist). For records that
 * were read and not written. */
TN_MUST_CHECK bool tn_commit_expect(struct tn_commit *commit, int64_t team, const char *table,
                                    const struct tn_id *id, int64_t version, struct tn_err *err);

/* Changes totals of a record (struct tn_total): add adds value to the total, raise makes it value
 * if it is less; one that was never changed is 0.  The store counts inside its transaction, so
 * commits that come at once all count.  The record keeps its version; there is no event and no
 * change note.  Of a record that does not exist: `unchanged`. */
enum tn_total_how { TN_TOTAL_add, TN_TOTAL_raise };
struct tn_total_change {
    const char *name;
    enum tn_total_how how;
    int64_t value;
};
TN_MUST_CHECK bool tn_commit_totals(struct tn_commit *commit, int64_t team, const char *table,
                                    const struct tn_id *id, const struct tn_total_change *changes,
                                    size_t count, struct tn_err *err);

/* The state of one record in its source.  Linked with the same hash: unchanged.  Linked: the
 * record is updated.  Not linked, but a record of the team has the same key: that one is adopted,
 * if this source has no external id for it.  Otherwise a record is created.
 *
 * An item that cannot have its key at the end of the commit is left out (TN_DONE_conflict, which
 * fails nothing), and its record keeps its state; an item that wanted that record's former key is
 * left out, too. The other operations are done as if these items had not been in the commit. */
/* A record that another one names (a reference). */
struct tn_named {
    const char *table;
    int64_t team; /* TN_TEAM_SYSTEM for a table of all */
    struct tn_id id;
};
struct tn_upsert {
    int64_t team;
    const char *table;
    struct tn_origin source;
    struct tn_str external_id; /* not empty */
    unsigned char hash[TN_HASH_LEN];
    struct tn_str body;
    bool merge;             /* top-level members that body lacks keep their values */
    int64_t based_on;       /* 0: any version; else the version that the record must have, or the
                               item is a conflict */
    const struct tn_id *id; /* id for a record that is created; NULL: the store makes one */
    /* Records that have to be there: where one was deleted, the item is left out (code stale). */
    const struct tn_named *named;
    size_t named_count;
};
TN_MUST_CHECK bool tn_commit_upsert(struct tn_commit *commit, const struct tn_upsert *u,
                                    struct tn_err *err);
/* Links a record to an external id (after an outbound create), or renews the hash and the agreed
 * state of its link.
 */
TN_MUST_CHECK bool tn_commit_link(struct tn_commit *commit, int64_t team, const char *table,
                                  const struct tn_id *id, const struct tn_origin *source,
                                  struct tn_str external_id, const unsigned char hash[TN_HASH_LEN],
                                  struct tn_err *err);
TN_MUST_CHECK bool tn_commit_unlink(struct tn_commit *commit, int64_t team,
                                    const struct tn_origin *source, struct tn_str external_id,
                                    struct tn_err *err);

/* Adds an event. type: "order.completed"; table and id may be NULL; data is JSON or "". */
TN_MUST_CHECK bool tn_commit_event(struct tn_commit *commit, int64_t team, const char *type,
                                   const char *table, const struct tn_id *id, struct tn_str data,
                                   struct tn_err *err);
/* A row of the audit log: who did what, to what, by which request.  Texts are copied; NULL or "":
 * not known.  Above the store, tn_audit (model/audit.h) fills it from an actor. */
struct tn_audit {
    const char *actor_kind; /* "key", "local", "rule", ...: see model/actor.h */
    const char *actor_id, *actor;
    const char *request, *address;
    const char *action;   /* entity and verb: "quarantine.retry" */
    const char *object;   /* the record's id, or its name where it has none */
    struct tn_str detail; /* JSON or absent; no secrets */
};
/* Puts the row into system table "audit" under a new id, with the time of the store. */
TN_MUST_CHECK bool tn_commit_audit(struct tn_commit *commit, int64_t team,
                                   const struct tn_audit *row, struct tn_err *err);

/* Sets a key-value. expires_ms 0: it never expires. */
TN_MUST_CHECK bool tn_commit_kv_set(struct tn_commit *commit, int64_t team, const char *space,
                                    struct tn_str key, struct tn_str value, int64_t based_on,
                                    int64_t expires_ms, struct tn_err *err);
TN_MUST_CHECK bool tn_commit_kv_delete(struct tn_commit *commit, int64_t team, const char *space,
                                       struct tn_str key, int64_t based_on, struct tn_err *err);

struct tn_queue_put {
    int64_t team;
    const char *queue;
    /* "" or one that is unique within the queue and team (an entry with it that is there already
     * stays, and the outcome is unchanged with its id). */
    struct tn_str key;
    /* "" or what it has in common with others of the queue and team that are worked off one after
     * the other: while an earlier one is there, it is not due; then at once. */
    struct tn_str order;
    int64_t due_ms;
    struct tn_str payload;
};
TN_MUST_CHECK bool tn_commit_queue_put(struct tn_commit *commit, const struct tn_queue_put *q,
                                       struct tn_err *err);
/* Removes an entry whose work is done. If its lease was lost meanwhile: a conflict. */
TN_MUST_CHECK bool tn_commit_settle(struct tn_commit *commit, const struct tn_id *entry,
                                    int64_t lease, struct tn_err *err);
/* Ends the lease; the entry is due again at due_ms. payload {NULL, 0}: the payload stays the
 * same. */
TN_MUST_CHECK bool tn_commit_reschedule(struct tn_commit *commit, const struct tn_id *entry,
                                        int64_t lease, int64_t due_ms, struct tn_str payload,
                                        struct tn_err *err);
/* Removes an entry by its key, leased or not (a schedule that was deleted). `unchanged` when there
 * is none. */
TN_MUST_CHECK bool tn_commit_dequeue(struct tn_commit *commit, int64_t team, const char *queue,
                                     struct tn_str key, struct tn_err *err);

#endif
