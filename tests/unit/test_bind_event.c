/* SPDX-License-Identifier: MIT */
/* Events that scripts tell and read. */
#include "store_stage.h"

#include "base/limits.h"
#include "scripts/rules.h"
#include "events/event.h"

static void events_are_told_and_read(void **state)
{
    stage_expect(
        *state,
        "local id = assert(store.transaction(function(tx) return tx:create('order', { number "
        "= 'A' }) end)) assert(event.emit('order.shipped', { by = 'post', weight = dec "
        "'1.50' }, { record = { 'order', id } })) assert(event.emit('plain.one')) "
        "local all = event.after(0) local e = all.events[2] local last = all.events[3] "
        "return #all.events, e.type, e.number, e.record.resource, e.record.id == id, "
        "e.data.weight, last.record, last.data, all.last == last.seq, all.more, all.gap",
        "3 order.shipped 2 order true 1.50 nil nil true false false");
    stage_expect(*state,
                 "local all = event.after(0, { types = { '*.one', 'order.c*' } }) return "
                 "#all.events, all.events[1].type, #event.after(all.last).events, "
                 "#event.after(0, { limit = 1 }).events, event.after(0, { limit = 1 }).more",
                 "2 order.created 0 1 true");
}

static void many_events_come_in_pages(void **state)
{
    stage_expect(
        *state,
        "for r = 1, 12 do assert(store.transaction(function(tx) for i = 1, 100 do "
        "tx:event(i == 50 and 'odd.one' or 'even.one') end end)) end "
        "local after, n, pages = 0, 0, 0 repeat local p = event.after(after, { limit = 5, "
        "types = { 'odd.*' } }) n, after, pages = n + #p.events, p.last, pages + 1 until not "
        "p.more return n, pages",
        "12 3");
}

/* Each event meets each pattern in C, where no clock is asked. */
static void wanted_types_are_few_and_short(void **state)
{
    stage_expect(*state, "return pcall(event.after, 0, { types = { ('*'):rep(101) } })",
                 "false one of 'types' has more than 100 bytes");
    stage_expect(*state,
                 "local all = {} for i = 1, 51 do all[i] = 'a.*' end "
                 "return pcall(event.after, 0, { types = all })",
                 "false 'types' has 50 at most");
    stage_expect(*state,
                 "assert(event.emit('a.b')) local all = {} for i = 1, 50 do all[i] = "
                 "('*'):rep(100) end return #event.after(0, { types = all }).events",
                 "1");
}

static void what_is_no_event_is_refused(void **state)
{
    static const char *const uses[][2] = {
        {"event.emit()", "string expected"},
        {"event.emit('plain')", "no type of event"},
        {"event.emit('a..b')", "no type of event"},
        {"event.emit('a.b ')", "no type of event"},
        {"event.emit('a.' .. ('b'):rep(60))", "no type of event"},
        {"event.emit('order.created')", "what Tenon itself says"},
        {"event.emit('run.finished')", "what Tenon itself says"},
        {"event.emit('a.b', 7)", "table expected"},
        {"event.emit('a.b', { f = print })", "no JSON form"},
        {"event.emit('a.b', { t = ('x'):rep(70000) })", "64 KiB at most"},
        {"event.emit('a.b', {}, { recrd = {} })", "did you mean 'record'?"},
        {"event.emit('a.b', {}, { record = { 'order' } })", "'record' is { resource, id }"},
        {"event.emit('a.b', {}, { record = { 'ordr', 'x' } })", "did you mean 'order'?"},
        {"event.after(-1)", "a place in the log"},
        {"event.after(0, { limit = 0 })", "from 1 to 500"},
        {"event.after(0, { types = 'x' })", "'types' is a list"},
    };
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
        stage_says(*state, uses[i][0], uses[i][1]);
    stage_expect(*state, "return #event.after(0).events", "0");
}

static bool note(void *arg, const struct tn_event *e)
{
    *(struct tn_id *)arg = e->origin;
    return true;
}

static void the_integration_is_the_origin(void **state)
{
    struct stage *s = *state;
    struct tn_id origin = {{0}};
    struct tn_tail tail;
    char text[TN_ID_LEN + 1];
    stage_expect(s, "return event.emit('a.b')", "true");
    assert_true(tn_store_tail(s->rig.env.store, 1, 0, 10, note, &origin, &tail, &s->err));
    tn_id_text(&origin, text);
    assert_string_equal(text, RIG_ID);
}

static const char told_rule[] =
    "local tn = require 'tenon'\n"
    "return tn.rule { on = 'order.told', once = 'data.id', run = function(event) end }\n";

static void ids_of_once_differ_behind_a_zero_byte(void **state)
{
    static const struct tn_embedded more[] = {
        {"scripts/rules/told.lua", told_rule, sizeof told_rule - 1}, {NULL, NULL, 0}};
    static const char *const ids[] = {"{\"id\":\"a\\u0000b\"}", "{\"id\":\"a\\u0000c\"}",
                                      "{\"id\":\"a\"}"};
    struct stage *s = *state;
    struct tn_units *units = rig_load(&s->rig, stage_files(more));
    struct tn_rules *rules = tn_rules_new(&s->rig.env, NULL, NULL);
    struct tn_buf keys[3];
    tn_rules_units(rules, units);
    for (size_t i = 0; i < 3; i++) {
        struct tn_event e = {.seq = 1, .number = 1, .team = 1, .type = TN_STR("order.told")};
        e.table = TN_STR("");
        e.data = tn_str(ids[i]);
        tn_buf_init(&keys[i], TN_KIB);
        const struct tn_delivery d = {.event = &e, .target = "told"};
        assert_true(tn_rules_sink.once(rules, &d, &keys[i]));
        assert_int_equal(strlen(keys[i].p), keys[i].n);
        for (size_t k = 0; k < i; k++) assert_string_not_equal(keys[k].p, keys[i].p);
    }
    assert_string_equal(keys[2].p, "a");
    for (size_t i = 0; i < 3; i++) tn_buf_clear(&keys[i]);
    tn_rules_free(rules);
    tn_units_unref(units);
}

/* ---- the isolate of the rules ---- */

static struct tn_rules *rules_of(struct stage *s, const char *text, struct tn_units **units)
{
    const struct tn_embedded more[] = {{"scripts/rules/told.lua", text, strlen(text)},
                                       {NULL, NULL, 0}};
    struct tn_rules *rules = tn_rules_new(&s->rig.env, NULL, NULL);
    *units = rig_load(&s->rig, stage_files(more));
    tn_rules_units(rules, *units);
    return rules;
}

static void until_ready(struct stage *s, struct tn_rules *rules)
{
    int64_t end = tn_mono_us() + RIG_PATIENCE_US;
    while (!tn_rules_sink.ready(rules)) {
        if (tn_mono_us() > end) fail_msg("waited too long");
        tn_loop_turn(s->rig.loop, false);
    }
}

static void note_end(void *arg, enum tn_delivery_end end, int64_t wait_ms, const struct tn_err *err)
{
    assert_int_equal(wait_ms, 0);
    assert_int_equal(end, err ? TN_DELIVERY_failed : TN_DELIVERY_done);
    if (err) fail_msg("%s", err->text);
    *(bool *)arg = true;
}

static void rules_that_take_long_to_load_leave_the_loop_its_time(void **state)
{
    struct stage *s = *state;
    struct tn_event e = {.seq = 1, .number = 1, .team = 1, .type = TN_STR("order.told")};
    const struct tn_delivery d = {.event = &e, .target = "told"};
    enum tn_delivery_end end;
    struct tn_units *units;
    struct tn_err err;
    bool done = false;
    int64_t began = tn_cpu_us();
    struct tn_rules *rules =
        rules_of(s,
                 "for i = 1, 300000 do local t = { i } end\n"
                 "return require 'tenon'.rule { on = 'order.told', run = function(event) end }\n",
                 &units);
    int64_t on_the_loop = tn_cpu_us() - began;
    assert_false(tn_rules_sink.ready(rules));
    began = tn_cpu_us();
    while (!tn_rules_isolate(rules)) tn_loop_turn(s->rig.loop, true);
    assert_true(tn_cpu_us() - began < on_the_loop / 2);
    assert_true(tn_rules_sink.ready(rules));
    e.table = TN_STR("");
    e.data = TN_STR("{}");
    assert_non_null(tn_rules_sink.start(rules, &d, note_end, &done, &end, &err));
    rig_until(&s->rig, &done);
    tn_rules_free(rules);
    tn_units_unref(units);
}

/* It loads where it is checked, and not where it is to run. */
static void rules_that_do_not_load_say_so_and_are_loaded_again(void **state)
{
    struct stage *s = *state;
    struct tn_event e = {.seq = 1, .number = 1, .team = 1, .type = TN_STR("order.told")};
    const struct tn_delivery d = {.event = &e, .target = "told"};
    enum tn_delivery_end end;
    struct tn_units *units;
    struct tn_err err;
    struct tn_store *store = s->rig.env.store;
    s->rig.env.store = NULL;
    struct tn_rules *rules =
        rules_of(s,
                 "local _, why = require 'tenon.store'.get('order', 'x')\n"
                 "if why.kind ~= 'unavailable' then error('no') end\n"
                 "return require 'tenon'.rule { on = 'order.told', run = function(event) end }\n",
                 &units);
    s->rig.env.store = store;
    for (int i = 0; i < 2; i++) {
        assert_false(tn_rules_sink.ready(rules));
        until_ready(s, rules);
        for (int k = 0; k < 2; k++) {
            assert_null(tn_rules_sink.start(rules, &d, note_end, NULL, &end, &err));
            assert_string_equal(err.text, "no");
        }
    }
    assert_false(tn_rules_sink.ready(rules)); /* and it ends while they load */
    tn_rules_free(rules);
    tn_units_unref(units);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, stage_open, stage_close)
    const struct CMUnitTest tests[] = {T(events_are_told_and_read),
                                       T(many_events_come_in_pages),
                                       T(wanted_types_are_few_and_short),
                                       T(what_is_no_event_is_refused),
                                       T(the_integration_is_the_origin),
                                       T(ids_of_once_differ_behind_a_zero_byte),
                                       T(rules_that_take_long_to_load_leave_the_loop_its_time),
                                       T(rules_that_do_not_load_say_so_and_are_loaded_again)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
