/* SPDX-License-Identifier: MIT */
#include "scripts/reload.h"

#include "base/alloc.h"
#include "loop/loop.h"
#include "scripts/boot.h"
#include "scripts/follow.h"

/* A change that a caller asked for, waiting or under way. */
struct asked {
    struct asked *next;
    struct tn_wish *wish;
    struct tn_edit *edit;
    tn_reload_fn done;
    void *arg;
};

struct tn_reload {
    struct tn_activation_options o;
    struct tn_follow *follow;
    struct asked *waiting;
    struct asked *asked;             /* the one under way; NULL: none */
    struct tn_activation *under_way; /* the activation of `asked` */
    struct tn_boot *boot;
    void (*rest)(void *arg);
    void *arg;
};

static struct asked *asked_new(const struct tn_reload *r, const struct tn_wish *wish,
                               tn_reload_fn done, void *arg)
{
    struct asked *a = TN_NEW(struct asked);
    a->wish = tn_wish_copy(wish);
    a->edit = tn_edit_new(r->o.terms.site, r->o.env->log, a->wish);
    a->done = done;
    a->arg = arg;
    return a;
}

static void asked_free(struct asked *a)
{
    tn_edit_free(a->edit);
    tn_wish_free(a->wish);
    tn_free(a);
}

static void go_on(void *arg);

/* Ends a change. A change that another worker overtook is put before those that wait, to begin
 * again. */
static void ended(void *arg, const struct tn_activation_report *report, const struct tn_err *err)
{
    struct tn_reload *r = arg;
    struct asked *a = r->asked;
    r->asked = NULL;
    r->under_way = NULL;
    r->boot = NULL;
    if (report || err) {
        a->done(a->arg, report, err);
        asked_free(a);
    } else {
        a->next = r->waiting;
        r->waiting = a;
    }
    tn_loop_defer(r->o.loop, go_on, r);
}

/* Every change begins from the set that the store names, so this worker follows first. */
static void go_on(void *arg)
{
    struct tn_reload *r = arg;
    if (!r->asked) tn_follow_begin(r->follow);
}

static void followed(void *arg, bool more)
{
    struct tn_reload *r = arg;
    if (r->asked) return; /* the end of that change looks again */
    if (more) {
        go_on(r);
        return;
    }
    if (!r->waiting) {
        r->rest(r->arg);
        return;
    }
    struct asked *a = r->asked = r->waiting;
    r->waiting = a->next;
    r->under_way =
        tn_activation_start(&r->o, tn_follow_version(r->follow), a->wish, a->edit, ended, r);
}

void tn_reload_ask(struct tn_reload *r, const struct tn_wish *wish, tn_reload_fn done, void *arg)
{
    struct asked **last = &r->waiting;
    while (*last) last = &(*last)->next;
    *last = asked_new(r, wish, done, arg);
    go_on(r);
}

void tn_reload_look(struct tn_reload *r)
{
    if (tn_serving_units(r->o.serving)) go_on(r);
}

void tn_reload_boot(struct tn_reload *r, bool first, tn_reload_fn done, void *arg)
{
    const struct tn_wish wish = {.by = {.kind = TN_ACTOR_SERVER, .name = "start"}};
    struct asked *a = r->asked = asked_new(r, &wish, done, arg);
    r->boot = tn_boot_start(&r->o, a->wish, a->edit, first, ended, r);
}

struct tn_reload *tn_reload_new(const struct tn_activation_options *o, void (*rest)(void *arg),
                                void *arg)
{
    struct tn_reload *r = TN_NEW(struct tn_reload);
    *r = (struct tn_reload){.o = *o, .rest = rest, .arg = arg};
    r->follow = tn_follow_new(o->loop, o->env, o->serving, followed, r);
    return r;
}

void tn_reload_free(struct tn_reload *r)
{
    if (!r) return;
    tn_activation_stop(r->under_way);
    tn_boot_stop(r->boot);
    if (r->asked) asked_free(r->asked);
    while (r->waiting) {
        struct asked *a = r->waiting;
        r->waiting = a->next;
        asked_free(a);
    }
    tn_follow_free(r->follow);
    tn_free(r);
}
