/* SPDX-License-Identifier: MIT */
/* commit.h - a commit value: what shall happen together or not at all, and what it was based on.
 * Life: new; add operations; tn_store_commit takes it (or free it).  It is a list, not an open
 * transaction: nothing is locked, nothing waits.
 *
 * An operation that breaks a rule when it is added (no such table, a body that is no JSON object)
 * fails the call and leaves the commit as it was.  Above TN_LIMIT_COMMIT: kind too_large.  U+0000
 * in a key column or an external id: kind invalid.
 *
 * Keys are judged by the end of the commit, so its writes may exchange and shift them in any order.
 * Who has a key at the end: the record that had it before and was given no other, else the one that
 * the earliest operation gave it to.  Another one's put or patch fails the commit (key_taken);
 * another one's upsert is left out (see tn_commit_upsert). */
#ifndef TN_STORE_COMMIT_H
#define TN_STORE_COMMIT_H

#include "store/store.h"

/* Borrows the store, which outlives the commit. */
struct tn_commit *tn_commit_new(struct tn_store *store);
void tn_commit_free(struct tn_commit *commit);          /* NULL does nothing */
size_t tn_commit_count(const struct tn_commit *commit); /* operations so far */
size_t tn_commit_bytes(const struct tn_commit *commit);
/* The integration on whose behalf this happens: events carry it, so that own echoes are known. */
void tn_commit_origin(struct tn_commit *commit, const struct tn_id *integration);

/* Writes the whole record.  id NULL (with TN_NEW_ONLY): the store makes one, which the outcome has
 * and which costs no index entry.  based_on: TN_NEW_ONLY, TN_ANY or the version it has to have. */
TN_MUST_CHECK bool tn_commit_put(struct tn_commit *commit, int64_t team, const char *table,
                                 const struct tn_id *id, struct tn_str body, int64_t based_on,
                                 struct tn_err *err);
/* JSON merge patch (RFC 7396) to a record that has to exist; what it does not name stays byte for
 * byte.  A patch that changes nothing is `unchanged`. */
TN_MUST_CHECK bool tn_commit_patch(struct tn_commit *commit, int64_t team, const char *table,
                                   const struct tn_id *id, struct tn_str patch, int64_t based_on,
                                   struct tn_err *err);
/* With TN_ANY a record that is not there is `unchanged`.  Its links go with it; a table with
 * history keeps its last state and its former versions (tn_store_as_of) as long as retention has
 * it. */
TN_MUST_CHECK bool tn_commit_delete(struct tn_commit *commit, int64_t team, const char *table,
                                    const struct tn_id *id, int64_t based_on, struct tn_err *err);
/* As delete, but nothing of the record is kept; also of one that was deleted before (TN_ANY).
 * Events and backups that name it stay. */
TN_MUST_CHECK bool tn_commit_erase(struct tn_commit *commit, int64_t team, const char *table,
                                   const struct tn_id *id, int64_t based_on, struct tn_err *err);
/* Succeeds only if the record has this version (0: does not exist): for what was merely read. */
TN_MUST_CHECK bool tn_commit_expect(struct tn_commit *commit, int64_t team, const char *table,
                                    const struct tn_id *id, int64_t version, struct tn_err *err);

/* What a source says of one of its records.  Linked with the same hash: unchanged.  Linked: the
 * record is updated.  Not linked, but a record of the team has the same key: that one is adopted,
 * if this source has no external id for it.  Else it is created.
 *
 * An item that cannot have its key at the end of the commit is left out (TN_DONE_conflict, which
 * fails nothing), and its record keeps what it had; an item that wanted that record's former key is
 * left out with it.  The rest stands as if they had not been said.  But an item that is not linked
 * adopts the holder of its key where the source has no external id for that one, or, with
 * TN_KEY_adopt, another one that is neither in this commit nor named by tn_commit_present: the
 * record was made anew over there, and its link moves to the new external id (outcome.before). */
enum tn_on_key_conflict { TN_KEY_refuse, TN_KEY_adopt };
struct tn_upsert {
    int64_t team;
    const char *table;
    struct tn_origin source;
    struct tn_str external_id; /* not empty */
    unsigned char hash[TN_HASH_LEN];
    struct tn_str body;
    bool merge;             /* top-level members that body lacks stay as they are */
    int64_t based_on;       /* 0: whatever is there; else the record's version, as conflict */
    const struct tn_id *id; /* of the record, if one is created; NULL: the store makes one */
    enum tn_on_key_conflict on_key_conflict;
};
TN_MUST_CHECK bool tn_commit_upsert(struct tn_commit *commit, const struct tn_upsert *u,
                                    struct tn_err *err);
/* External ids that the source has, too, though this commit has nothing to say of them: no upsert
 * moves their links away.  Those that no link can have are skipped. */
TN_MUST_CHECK bool tn_commit_present(struct tn_commit *commit, int64_t team,
                                     const struct tn_origin *source,
                                     const struct tn_str *external_ids, size_t count,
                                     struct tn_err *err);
/* Pairs a record with an external id (after an outbound create), or renews hash and agreed state.
 */
TN_MUST_CHECK bool tn_commit_link(struct tn_commit *commit, int64_t team, const char *table,
                                  const struct tn_id *id, const struct tn_origin *source,
                                  struct tn_str external_id, const unsigned char hash[TN_HASH_LEN],
                                  struct tn_err *err);
TN_MUST_CHECK bool tn_commit_unlink(struct tn_commit *commit, int64_t team,
                                    const struct tn_origin *source, struct tn_str external_id,
                                    struct tn_err *err);

/* type "order.completed"; table and id may be NULL; data is JSON or "". */
TN_MUST_CHECK bool tn_commit_event(struct tn_commit *commit, int64_t team, const char *type,
                                   const char *table, const struct tn_id *id, struct tn_str data,
                                   struct tn_err *err);
/* A row of system table "audit" with a new id.  detail is JSON or ""; no secrets. */
TN_MUST_CHECK bool tn_commit_audit(struct tn_commit *commit, int64_t team, const char *actor,
                                   const char *action, const char *object, struct tn_str detail,
                                   struct tn_err *err);

/* expires_ms 0: never. */
TN_MUST_CHECK bool tn_commit_kv_set(struct tn_commit *commit, int64_t team, const char *space,
                                    struct tn_str key, struct tn_str value, int64_t based_on,
                                    int64_t expires_ms, struct tn_err *err);
TN_MUST_CHECK bool tn_commit_kv_delete(struct tn_commit *commit, int64_t team, const char *space,
                                       struct tn_str key, int64_t based_on, struct tn_err *err);
/* A sync's cursor: key-value of space "cursor". */
TN_MUST_CHECK bool tn_commit_cursor(struct tn_commit *commit, int64_t team, struct tn_str name,
                                    struct tn_str value, int64_t based_on, struct tn_err *err);

/* key: "" or one that is unique within the queue and team (an entry with it that is there already
 * stays, and the outcome is unchanged with its id). */
TN_MUST_CHECK bool tn_commit_queue_put(struct tn_commit *commit, int64_t team, const char *queue,
                                       struct tn_str key, int64_t due_ms, struct tn_str payload,
                                       struct tn_err *err);
/* The entry is done and goes.  A lease that was lost meanwhile is a conflict. */
TN_MUST_CHECK bool tn_commit_settle(struct tn_commit *commit, const struct tn_id *entry,
                                    int64_t lease, struct tn_err *err);
/* The lease ends, the entry is due again at due_ms; payload {NULL, 0}: as it was. */
TN_MUST_CHECK bool tn_commit_reschedule(struct tn_commit *commit, const struct tn_id *entry,
                                        int64_t lease, int64_t due_ms, struct tn_str payload,
                                        struct tn_err *err);
/* Takes an entry out by its key, leased or not (a schedule that was deleted); none is unchanged. */
TN_MUST_CHECK bool tn_commit_dequeue(struct tn_commit *commit, int64_t team, const char *queue,
                                     struct tn_str key, struct tn_err *err);

#endif
