/* SPDX-License-Identifier: MIT */
#include "bind/bind_commit.h"

#include "base/alloc.h"
#include "store/commit.h"

struct bind_flight {
    struct bind_commit *of; /* NULL: nobody waits for the answer */
};

static void on_answer(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct bind_flight *flight = arg;
    struct bind_commit *c = flight->of;
    (void)done;
    tn_free(flight);
    if (!c) return;
    c->flight = NULL;
    tn_err_clear(&c->err);
    if (err) c->err = *err;
    tn_task_wake(c->task);
}

void bind_commit_send(struct bind_commit *c, struct tn_store *store, struct tn_commit *commit_give)
{
    c->flight = TN_NEW(struct bind_flight);
    c->flight->of = c;
    tn_store_commit(store, commit_give, on_answer, c->flight);
}

void bind_commit_forget(struct bind_commit *c)
{
    if (c->flight) c->flight->of = NULL;
    c->flight = NULL;
}
