/* SPDX-License-Identifier: MIT */
#include "scripts/ground.h"

#include "base/alloc.h"
#include "store/read.h"

struct tn_grounding {
    struct tn_store *store;
    struct tn_call *call;
    struct tn_ground ground;
    bool begun; /* the serving set was read */
    tn_ground_fn done;
    void *arg;
};

static void grounding_free(struct tn_grounding *g)
{
    tn_pins_clear(&g->ground.pins);
    tn_free(g);
}

static void grounding_end(struct tn_grounding *g, const struct tn_err *err)
{
    g->done(g->arg, err ? NULL : &g->ground, err);
    grounding_free(g);
}

static void ask(struct tn_grounding *g);

static bool take(struct tn_grounding *g, const struct tn_found *found, bool *more,
                 struct tn_err *err)
{
    size_t question = 0;
    if (!g->begun && !tn_active_found(found, question++, &g->ground.active, err)) return false;
    g->begun = true;
    return tn_pins_found(&g->ground.pins, found, question, more, err);
}

static void found_it(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct tn_grounding *g = arg;
    struct tn_err why;
    bool more;
    g->call = NULL;
    if (!err && !take(g, found, &more, &why)) err = &why;
    if (!err && more)
        ask(g);
    else
        grounding_end(g, err);
}

/* Reads the serving set and the first page of pins in one read, because one commit changes both. */
static void ask(struct tn_grounding *g)
{
    static const struct tn_read_options one = {.one_snapshot = true};
    struct tn_read *read = tn_read_new(TN_TEAM_SYSTEM);
    if (!g->begun) tn_active_ask(read);
    tn_pins_ask(&g->ground.pins, read);
    g->call = tn_store_read(g->store, read, &one, found_it, g);
}

struct tn_grounding *tn_ground_read(struct tn_store *store, tn_ground_fn done, void *arg)
{
    struct tn_grounding *g = TN_NEW(struct tn_grounding);
    *g = (struct tn_grounding){.store = store, .done = done, .arg = arg};
    ask(g);
    return g;
}

void tn_grounding_stop(struct tn_grounding *g)
{
    if (!g) return;
    tn_call_cancel(g->call);
    grounding_free(g);
}
