/* SPDX-License-Identifier: MIT */
#include "script_fixture.h"

#include "script/slice.h"

static int function(struct tn_isolate *iso, const char *body)
{
    char *text = NULL;
    assert_true(asprintf(&text, "return function(n)\n%s\nend", body) > 0);
    int ref = fixture_load(iso, text);
    free(text);
    return ref;
}

static int given; /* to each function */

static int push_given(lua_State *L, void *arg)
{
    (void)arg;
    lua_pushinteger(L, given);
    return 1;
}

static int woken;

static void wakes(void *arg)
{
    ++*(int *)arg;
}

/* To its end, however often it pauses; how often that was.  Each call has another arg, and take has
 * to be called with that of the last. */
static enum tn_ran finish(struct fixture *f, struct tn_slice *s, int ms, int ref,
                          struct fixture_text *out, int *pauses, struct tn_err *err)
{
    struct fixture_text args[2] = {{{0}}};
    enum tn_ran ran;
    *pauses = 0;
    woken = 0;
    while ((ran = tn_slice_call(s, ms, ref, push_given, fixture_take, &args[*pauses % 2], err)) ==
           TN_RAN_paused)
        for (++*pauses; woken < *pauses;) tn_loop_turn(f->loop, true);
    *out = args[*pauses % 2];
    return ran;
}

static void a_short_call_is_done_at_once(void **state)
{
    struct tn_isolate *iso = fixture_isolate(*state, NULL);
    struct tn_slice *s = tn_slice_new(iso, wakes, &woken);
    struct fixture_text out;
    struct tn_err err;
    int ref = function(iso, "return n * 2, 'x'"), pauses, all = 0;
    for (int i = 0; i < 1000; i++, all += pauses) {
        assert_int_equal(finish(*state, s, 50, ref, &out, &pauses, &err), TN_RAN_done);
        assert_string_equal(out.text, "6 x");
    }
    assert_true(all < 50); /* on a machine that is busy with others one may seem long */
    tn_slice_free(s);
    tn_isolate_unref(iso);
}

static const char long_sum[] = "local sum = 0\n"
                               "for round = 1, n do\n"
                               "  local ok, part = pcall(function()\n"
                               "    local co = coroutine.wrap(function()\n"
                               "      local x = 0 for i = 1, 100000 do x = x + i % 3 end return x\n"
                               "    end)\n"
                               "    return co()\n"
                               "  end)\n"
                               "  sum = sum + (ok and part or -1)\n"
                               "end return sum";

static void a_long_call_pauses_and_goes_on(void **state)
{
    struct tn_isolate_options o = {.name = "long", .call_ms = 10000};
    struct tn_isolate *iso = fixture_isolate(*state, &o);
    struct tn_slice *s = tn_slice_new(iso, wakes, &woken);
    struct fixture_text plain, out;
    struct tn_err err;
    int ref = function(iso, long_sum), pauses;
    do { /* until it takes long on this machine; the budget ends that */
        given *= 4;
        assert_true(tn_isolate_call(iso, ref, push_given, fixture_take, &plain, &err));
        assert_int_equal(finish(*state, s, 10000, ref, &out, &pauses, &err), TN_RAN_done);
        assert_string_equal(out.text, plain.text);
    } while (!pauses);
    tn_slice_free(s);
    tn_isolate_unref(iso);
}

/* What else the isolate does meanwhile is not disturbed, and does not disturb it. */
static void two_calls_take_turns(void **state)
{
    struct tn_isolate_options o = {.name = "two", .call_ms = 10000};
    struct fixture *f = *state;
    struct tn_isolate *iso = fixture_isolate(f, &o);
    struct tn_slice *a = tn_slice_new(iso, wakes, &woken), *b = tn_slice_new(iso, wakes, &woken);
    struct fixture_text plain, x, y;
    struct tn_err err;
    enum tn_ran ra = TN_RAN_paused, rb = TN_RAN_paused;
    int ref = function(iso, long_sum);
    given = 20;
    assert_true(tn_isolate_call(iso, ref, push_given, fixture_take, &plain, &err));
    while (ra == TN_RAN_paused || rb == TN_RAN_paused) {
        struct fixture_text between;
        if (ra == TN_RAN_paused)
            ra = tn_slice_call(a, 10000, ref, push_given, fixture_take, &x, &err);
        assert_string_equal(fixture_run(iso, &between, "return 6 * 7"), "42");
        if (rb == TN_RAN_paused)
            rb = tn_slice_call(b, 10000, ref, push_given, fixture_take, &y, &err);
        if (ra == TN_RAN_paused || rb == TN_RAN_paused) tn_loop_turn(f->loop, true);
    }
    assert_string_equal(x.text, plain.text);
    assert_string_equal(y.text, plain.text);
    tn_slice_free(a);
    tn_slice_free(b);
    tn_isolate_unref(iso);
}

static void its_budget_is_over_all_its_parts(void **state)
{
    struct tn_isolate_options o = {.name = "hog", .max_overruns = 3};
    struct tn_isolate *iso = fixture_isolate(*state, &o);
    struct tn_slice *s = tn_slice_new(iso, wakes, &woken);
    struct fixture_text out;
    struct tn_err err;
    int ref = function(iso, "while true do pcall(function() while true do end end) end"), pauses;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(finish(*state, s, 60, ref, &out, &pauses, &err), TN_RAN_failed);
        assert_int_equal(err.kind, TN_E_budget);
        assert_non_null(strstr(err.text, "60 ms"));
        assert_int_equal(err.line, 2);
        assert_true(pauses >= 1);
    }
    assert_true(tn_isolate_spent(iso));
    assert_int_equal(finish(*state, s, 60, ref, &out, &pauses, &err), TN_RAN_failed);
    assert_non_null(strstr(err.text, "quarantine"));
    tn_slice_free(s);
    tn_isolate_unref(iso);
}

static void a_failure_says_where_and_the_next_call_works(void **state)
{
    struct tn_isolate *iso = fixture_isolate(*state, NULL);
    struct tn_slice *s = tn_slice_new(iso, wakes, &woken);
    struct fixture_text out;
    struct tn_err err;
    int bad = function(iso, "\nerror('no')"), good = function(iso, "return n"), pauses;
    int waits = function(iso, "return coroutine.yield(1)");
    assert_int_equal(finish(*state, s, 50, bad, &out, &pauses, &err), TN_RAN_failed);
    assert_int_equal(err.kind, TN_E_script);
    assert_int_equal(err.line, 3);
    assert_int_equal(finish(*state, s, 50, waits, &out, &pauses, &err), TN_RAN_failed);
    assert_int_equal(finish(*state, s, 50, good, &out, &pauses, &err), TN_RAN_done);
    assert_string_equal(out.text, "3");
    tn_slice_free(s);
    tn_isolate_unref(iso);
}

static void what_is_paused_can_be_dropped(void **state)
{
    struct tn_isolate_options o = {.name = "dropped", .call_ms = 10000};
    struct tn_isolate *iso = fixture_isolate(*state, &o);
    struct tn_err err;
    struct fixture_text out;
    int ref = function(iso, "while true do end");
    for (int i = 0; i < 20; i++) {
        struct tn_slice *s = tn_slice_new(iso, wakes, &woken);
        assert_int_equal(tn_slice_call(s, 10000, ref, push_given, fixture_take, &out, &err),
                         TN_RAN_paused);
        tn_slice_free(s);
    }
    assert_string_equal(fixture_run(iso, &out, "return 1"), "1");
    tn_isolate_unref(iso);
}

static int open(void **state)
{
    given = 3;
    return fixture_open(state);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, open, fixture_close)
    const struct CMUnitTest tests[] = {T(a_short_call_is_done_at_once),
                                       T(a_long_call_pauses_and_goes_on),
                                       T(two_calls_take_turns),
                                       T(its_budget_is_over_all_its_parts),
                                       T(a_failure_says_where_and_the_next_call_works),
                                       T(what_is_paused_can_be_dropped)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
