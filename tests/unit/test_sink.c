/* SPDX-License-Identifier: MIT */
/* A whole sink, as docs/how-to/add-a-sink.md names it: it writes each event to a page, and the
 * front page is torn at first. */
#include "store_rig.h"

#include "base/alloc.h"
#include "events/consumer.h"
#include "events/event.h"
#include "store/tables.h"

struct paper {
    struct rig rig;
    struct tn_timer *press;
    tn_delivered_fn done; /* the try under way; NULL: none */
    void *arg;
    unsigned torn, printed;
};

static void targets(void *self, const struct tn_event *e, tn_target_fn fn, void *arg)
{
    (void)self;
    if (tn_event_matches("paper.*", e->type)) fn(arg, "front");
}

static void print(void *arg)
{
    struct paper *p = arg;
    tn_delivered_fn done = p->done;
    struct tn_err err;
    tn_fail(&err, TN_E_network, "the page is torn");
    p->done = NULL;
    if (p->torn)
        done(p->arg, TN_DELIVERY_failed, --p->torn, &err);
    else
        done(p->arg, (p->printed++, TN_DELIVERY_done), 0, NULL);
}

static void *start(void *self, const struct tn_delivery *d, tn_delivered_fn done, void *arg,
                   enum tn_delivery_end *end, struct tn_err *err)
{
    struct paper *p = self;
    (void)d, (void)end, (void)err;
    p->done = done;
    p->arg = arg;
    tn_timer_set(p->press, 0);
    return p;
}

static void cancel(void *handle)
{
    struct paper *p = handle;
    p->done = NULL;
    tn_timer_cancel(p->press);
}

static const struct tn_backoff *backoff(void *self, const char *target)
{
    static const struct tn_backoff soon = {.pause_ms = {1, 1, 1}, .count = 3};
    (void)self, (void)target;
    return &soon;
}

static const struct tn_sink sink = {.name = "pages",
                                    .noun = "page",
                                    .at_once = 1, /* page at a time */
                                    .limit_ms = 15000,
                                    .targets = targets,
                                    .backoff = backoff,
                                    .start = start,
                                    .cancel = cancel};

static void what_is_torn_is_printed_again(void **state)
{
    struct paper p = {.torn = 2};
    (void)state;
    rig_open(&p.rig);
    for (size_t i = 0; i < tn_system_table_count; i++)
        assert_true(rig_define(&p.rig, &tn_system_tables[i]));
    p.press = tn_timer_new(p.rig.loop, print, &p);
    struct tn_consumer_options o = {
        .loop = p.rig.loop, .store = p.rig.store, .sink = &sink, .self = &p};
    struct tn_consumer *c = tn_consumer_open(&o);
    struct tn_commit *commit = tn_commit_new(p.rig.store);
    struct tn_err err;
    assert_true(tn_commit_event(commit, 1, "paper.made", NULL, NULL, TN_STR("{}"), &err));
    assert_true(rig_commit(&p.rig, commit));
    int64_t end = tn_mono_us() + 20000000;
    while (!p.printed && tn_mono_us() < end) tn_loop_turn(p.rig.loop, true);
    assert_int_equal(p.printed, 1);
    assert_int_equal(p.torn, 0);
    tn_consumer_close(c);
    tn_timer_free(p.press);
    rig_close(&p.rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_torn_is_printed_again)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
