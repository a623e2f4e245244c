/* SPDX-License-Identifier: MIT */
/* bind_commit.h - commits for which a task waits. The store answers each commit exactly once,
 * even when the task has ended by then, so a commit that was sent does not belong to the task.
 * Life: zeroed inside an object made with bind_new; send, answered, send again; forget in the
 * object's drop. */
#ifndef TN_BIND_BIND_COMMIT_H
#define TN_BIND_BIND_COMMIT_H

#include "bind/bind.h"

struct tn_commit;
struct tn_store;

struct bind_commit {
    struct tn_task *task;
    struct bind_flight *flight; /* NULL: no commit is under way */
    struct tn_err err;          /* the last answer; kind none: the commit is durable */
};
/* Takes the commit over and sends it; the caller parks its task afterwards. */
void bind_commit_send(struct bind_commit *c, struct tn_store *store, struct tn_commit *commit_give);
void bind_commit_forget(struct bind_commit *c);

#endif
