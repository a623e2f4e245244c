/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "script_fixture.h"

#include "base/fault.h"

/* ---- calls ---- */

static void calls_return_values(void **state)
{
    struct tn_isolate *iso = fixture_isolate(*state, NULL);
    struct fixture_text out;
    assert_string_equal(fixture_run(iso, &out, "return 1, 'two', 3.5"), "1 two 3.5");
    tn_isolate_unref(iso);
}

static void files_return_one_value(void **state)
{
    struct tn_isolate *iso = fixture_isolate(*state, NULL);
    struct tn_err err;
    int ref;
    assert_false(tn_isolate_load_text(iso, "scripts/a.lua", TN_STR("local x = 1\n\n"), &ref, &err));
    assert_int_equal(err.kind, TN_E_script);
    assert_string_equal(err.file, "scripts/a.lua");
    assert_int_equal(err.line, 2);
    assert_non_null(strstr(err.text, "returns nothing"));
    assert_false(tn_isolate_load_text(iso, "scripts/a.lua", TN_STR("return 1, 2"), &ref, &err));
    assert_false(tn_isolate_load_text(iso, "scripts/a.lua", TN_STR(""), &ref, &err));
    tn_isolate_unref(iso);
}

struct bad {
    const char *text;
    size_t n;
    enum tn_kind kind;
    int line;
    const char *says;
};
#define BAD(text, kind, line, says)                                                                \
    {                                                                                              \
        text, sizeof text - 1, kind, line, says                                                    \
    }

static void bad_files_are_refused(void **state)
{
    static const struct bad bad[] = {
        BAD("return {\n  a = 1\n  b = 2 }", TN_E_syntax, 3,
            "'}' expected (to close '{' at line 1) near 'b'"),
        BAD("\x1bLuaT", TN_E_syntax, 1, "bytecode"),
        BAD("\xff\xfer\0e\0", TN_E_syntax, 1, "UTF-16"),
        BAD("x = 1\nreturn 1", TN_E_script, 1, "'x' would become a global; write 'local x'"),
        BAD("local a\nreturn stringg.rep('x', 2)", TN_E_script, 2,
            "'stringg' is not defined here; did you mean 'string'?"),
        BAD("\n\nerror('no way')", TN_E_script, 3, "no way"),
        BAD("return require 'tenn'", TN_E_script, 1, "there is no module 'tenn'"),
        BAD("return require '../../etc/passwd'", TN_E_script, 1, "there is no module"),
        BAD("while true do end", TN_E_budget, 1, "CPU time"),
    };
    struct tn_isolate_options o = {.name = "bad", .load_ms = 50};
    struct tn_isolate *iso = fixture_isolate(*state, &o);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tn_err err;
        int ref;
        struct tn_str text = {bad[i].text, bad[i].n};
        assert_false(tn_isolate_load_text(iso, "scripts/bad.lua", text, &ref, &err));
        if (err.kind != bad[i].kind || err.line != bad[i].line || !strstr(err.text, bad[i].says))
            fail_msg("%zu: %s %s:%d: %s", i, tn_kind_name(err.kind), err.file, err.line, err.text);
        assert_string_equal(err.file, "scripts/bad.lua");
        assert_int_equal(ref, LUA_NOREF);
    }
    tn_isolate_unref(iso);
}

static void heads_of_files_are_skipped(void **state)
{
    struct tn_isolate *iso = fixture_isolate(*state, NULL);
    struct tn_err err;
    int ref;
    assert_true(tn_isolate_load_text(iso, "a.lua", TN_STR("\xef\xbb\xbfreturn 1"), &ref, &err));
    assert_true(tn_isolate_load_text(iso, "a.lua", TN_STR("#!/usr/bin/lua\nreturn 1"), &ref, &err));
    assert_false(tn_isolate_load_text(iso, "a.lua", TN_STR("#!x\nreturn +"), &ref, &err));
    assert_int_equal(err.line, 2);
    tn_isolate_unref(iso);
}

/* ---- require ---- */

static bool find(void *arg, const char *path, struct tn_str *text)
{
    static const char *const files[][2] = {
        {"stdlib/std/twice.lua", "local n = 0\nreturn { f = function(x)\n  return x + x\nend }"},
        {"scripts/lib/units.lua", "return { kg = 1000 }"},
        {"scripts/a.lua", "return require 'b'"},
        {"scripts/b.lua", "return require 'a'"},
        {"scripts/lib/broken.lua", "local x = \n\nreturn"},
        {"scripts/main.lua", "local t = require 'std.twice'\nlocal u = require 'lib.units'\n"
                             "return function(x)\n  return t.f(x) + u.kg\nend"},
    };
    (void)arg;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (strcmp(files[i][0], path) != 0) continue;
        *text = tn_str(files[i][1]);
        return true;
    }
    return false;
}
static const struct tn_sources sources = {.find = find};

static int push_one(lua_State *L, void *arg)
{
    (void)arg;
    lua_pushinteger(L, 21);
    return 1;
}

static int push_nothing_useful(lua_State *L, void *arg)
{
    (void)arg;
    lua_newtable(L);
    return 1;
}

static void files_require_files(void **state)
{
    struct tn_isolate_options o = {.name = "unit", .sources = &sources};
    struct tn_isolate *iso = fixture_isolate(*state, &o);
    struct fixture_text out;
    struct tn_err err;
    int ref;
    assert_true(tn_isolate_load(iso, "scripts/main.lua", &ref, &err));
    assert_int_equal(tn_isolate_files(iso), 3);
    const char *path;
    struct tn_str text;
    tn_isolate_file(iso, 2, &path, &text);
    assert_string_equal(path, "scripts/lib/units.lua");
    assert_true(tn_isolate_call(iso, ref, push_one, fixture_take, &out, &err));
    /* 21 is pushed, the answer is taken with the same argument */
    assert_string_equal(out.text, "1042");
    /* an error inside std points to the user's line */
    assert_false(tn_isolate_call(iso, ref, push_nothing_useful, fixture_take, &out, &err));
    assert_string_equal(err.file, "scripts/main.lua");
    assert_int_equal(err.line, 4);
    assert_non_null(strstr(err.text, "attempt to perform arithmetic on a table value"));
    assert_null(strstr(tn_isolate_trace(iso), "stdlib/"));
    tn_isolate_unref(iso);
}

static void bad_requires_are_clear(void **state)
{
    struct tn_isolate_options o = {.name = "unit", .sources = &sources};
    struct tn_isolate *iso = fixture_isolate(*state, &o);
    struct tn_err err;
    int ref;
    assert_false(tn_isolate_load(iso, "scripts/a.lua", &ref, &err));
    assert_non_null(strstr(err.text, "requires itself"));
    assert_false(tn_isolate_load_text(iso, "scripts/x.lua", TN_STR("return require 'lib.broken'"),
                                      &ref, &err));
    assert_int_equal(err.kind, TN_E_syntax);
    assert_string_equal(err.file, "scripts/lib/broken.lua");
    assert_int_equal(err.line, 3);
    assert_false(tn_isolate_load(iso, "scripts/none.lua", &ref, &err));
    assert_int_equal(err.kind, TN_E_not_found);
    tn_isolate_unref(iso);
}

/* ---- errors ---- */

static const char *error_of(struct tn_isolate *iso, const char *text, struct tn_err *err)
{
    char chunk[1024];
    int ref;
    snprintf(chunk, sizeof chunk, "return function()\n%s\nend", text);
    assert_true(tn_isolate_load_text(iso, "scripts/test.lua", tn_str(chunk), &ref, err));
    assert_false(tn_isolate_call(iso, ref, NULL, NULL, NULL, err));
    tn_isolate_release(iso, ref);
    return err->text;
}

static void errors_of_any_kind_are_told(void **state)
{
    struct tn_isolate *iso = fixture_isolate(*state, NULL);
    struct tn_err err;
    assert_string_equal(error_of(iso, "error('plain')", &err), "plain");
    assert_int_equal(err.line, 2);
    assert_string_equal(err.file, "scripts/test.lua");
    assert_string_equal(error_of(iso, "error('plain', 0)", &err), "plain");
    assert_int_equal(err.line, 2);
    assert_string_equal(error_of(iso, "error(nil)", &err),
                        "the script raised an error without a message (nil)");
    assert_string_equal(error_of(iso, "error()", &err),
                        "the script raised an error without a message (nil)");
    assert_string_equal(error_of(iso, "error({})", &err),
                        "the script raised a table without a message");
    assert_string_equal(error_of(iso, "error({ kind = 'timeout', message = 'slow' })", &err),
                        "slow");
    assert_int_equal(err.kind, TN_E_timeout);
    assert_string_equal(error_of(iso, "error({ kind = 7, message = 'x' })", &err), "x");
    assert_int_equal(err.kind, TN_E_script);
    assert_string_equal(
        error_of(iso, "error(setmetatable({}, { __tostring = function() return 'mine' end }))",
                 &err),
        "mine");
    error_of(iso, "error(setmetatable({}, { __tostring = function() return 7 end }))", &err);
    error_of(iso, "error(setmetatable({}, { __tostring = function() error('again') end }))", &err);
    error_of(iso, "error(setmetatable({}, { __tostring = function() while true do end end }))",
             &err);
    assert_int_equal(err.kind, TN_E_budget);
    error_of(iso, "error(function() end)", &err);
    error_of(iso, "error(('x'):rep(100000), 0)", &err);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    error_of(iso, "error('a\\255b', 0)", &err);
    assert_string_equal(err.text, "a?b");
    error_of(iso, "error(('\\u{20AC}'):rep(1000), 0)", &err);
    assert_true(tn_utf8_valid(err.text, strlen(err.text)));
    tn_isolate_unref(iso);
}

static void traces_name_functions(void **state)
{
    struct tn_isolate *iso = fixture_isolate(*state, NULL);
    struct tn_err err;
    error_of(iso,
             "local function inner() local x = nil; x.y = 1 end\nlocal function outer() inner() "
             "end\nouter()",
             &err);
    assert_int_equal(err.line, 2);
    assert_non_null(strstr(tn_isolate_trace(iso), "scripts/test.lua:2 in"));
    assert_non_null(strstr(tn_isolate_trace(iso), "'inner'"));
    assert_non_null(strstr(tn_isolate_trace(iso), "scripts/test.lua:3"));
    tn_isolate_unref(iso);
}

/* ---- caps ---- */

static void memory_is_capped(void **state)
{
    struct tn_isolate_options o = {.name = "small", .max_bytes = 2 * TN_MIB, .call_ms = 2000};
    struct tn_isolate *iso = fixture_isolate(*state, &o);
    struct tn_isolate_stats stats;
    struct tn_err err;
    struct fixture_text out;
    error_of(iso, "local t = {}\nfor i = 1, 1e9 do t[i] = i end", &err);
    assert_int_equal(err.kind, TN_E_budget);
    assert_string_equal(err.text, "memory limit (2 MiB) reached");
    assert_int_equal(err.line, 3);
    tn_isolate_stats(iso, &stats);
    assert_true(stats.peak_bytes <= 2 * TN_MIB);
    assert_int_equal(stats.overruns, 1);
    assert_int_equal(stats.overruns_in_row, 1);
    assert_string_equal(fixture_run(iso, &out, "return 'fine'"), "fine");
    tn_isolate_stats(iso, &stats);
    assert_int_equal(stats.overruns_in_row, 0);
    tn_isolate_unref(iso);
}

struct spent_seen {
    int times;
    struct tn_isolate *iso;
};

static void note_spent(void *arg, struct tn_isolate *iso)
{
    struct spent_seen *seen = arg;
    seen->times++;
    seen->iso = iso;
}

static bool call_once(struct tn_isolate *iso, int ref, struct tn_err *err)
{
    return tn_isolate_call_within(iso, 20, ref, NULL, NULL, NULL, err);
}

static void three_overruns_in_a_row_end_it(void **state)
{
    struct fixture *f = *state;
    struct tn_isolate_options o = {.name = "hog", .call_ms = 200, .max_overruns = 3};
    struct tn_isolate *iso = fixture_isolate(f, &o);
    struct spent_seen seen = {0};
    struct tn_err err;
    int hog = fixture_load(iso, "return function() while true do end end");
    int fine = fixture_load(iso, "return function() end");
    tn_host_on_spent(f->host, note_spent, &seen);
    assert_false(call_once(iso, hog, &err));
    assert_false(call_once(iso, hog, &err));
    assert_true(call_once(iso, fine, &err)); /* that ends the row */
    for (int i = 0; i < 3; i++) {
        assert_false(tn_isolate_spent(iso));
        assert_false(call_once(iso, hog, &err));
        assert_int_equal(err.kind, TN_E_budget);
    }
    assert_true(tn_isolate_spent(iso));
    assert_int_equal(seen.times, 0); /* never inside the call */
    assert_false(call_once(iso, fine, &err));
    assert_int_equal(err.kind, TN_E_budget);
    assert_non_null(strstr(err.text, "quarantine"));
    while (!seen.times) tn_loop_turn(f->loop, true);
    assert_ptr_equal(seen.iso, iso);
    for (int i = 0; i < 5; i++) tn_loop_turn(f->loop, false);
    assert_int_equal(seen.times, 1);
    assert_int_equal(tn_host_isolates(f->host), 1);
    tn_isolate_unref(iso);
    assert_int_equal(tn_host_isolates(f->host), 0);
}

static void a_cap_that_is_too_small_is_an_error(void **state)
{
    struct tn_isolate_options o = {.name = "tiny", .max_bytes = 1000};
    struct fixture *f = *state;
    struct tn_err err;
    assert_null(tn_isolate_new(f->host, &o, &err));
    assert_int_equal(err.kind, TN_E_budget);
    o.max_bytes = 6000;
    assert_null(tn_isolate_new(f->host, &o, &err));
    assert_int_equal(err.kind, TN_E_budget);
}

struct slot_seen {
    struct fixture *f;
    char seen[TN_HOST_SLOT];
};

static void look_at_slot(lua_State *L, void *arg)
{
    struct slot_seen *s = arg;
    (void)L;
    memcpy(s->seen, s->f->slot, sizeof s->seen);
}

static void the_slot_names_who_runs(void **state)
{
    struct slot_seen seen = {.f = *state};
    struct tn_err err;
    tn_host_on_enter(seen.f->host, seen.f->slot);
    struct tn_isolate_options o = {.name = "integrations:plant_7"};
    struct tn_isolate *iso = fixture_isolate(*state, &o);
    assert_true(tn_isolate_protect(iso, look_at_slot, &seen, &err));
    assert_string_equal(seen.seen, "integrations:plant_7");
    assert_string_equal(seen.f->slot, "");
    tn_host_on_enter(seen.f->host, NULL);
    tn_isolate_unref(iso);
}

/* A call inside a call: its own budget, and the outer one goes on. */
struct nested {
    struct tn_isolate *iso;
    int ref;
    int depth;
};

static void call_again(lua_State *L, void *arg)
{
    struct nested *nested = arg;
    struct tn_err err;
    if (++nested->depth > 1000) return;
    if (!tn_isolate_protect(nested->iso, call_again, nested, &err)) tn_lua_raise(L, &err);
}

static void calls_nest_up_to_a_limit(void **state)
{
    struct tn_isolate *iso = fixture_isolate(*state, NULL);
    struct nested nested = {.iso = iso};
    struct tn_err err;
    struct fixture_text out;
    assert_false(tn_isolate_protect(iso, call_again, &nested, &err));
    assert_true(nested.depth > 50 && nested.depth < 300);
    assert_string_equal(fixture_run(iso, &out, "return 1"), "1");
    tn_isolate_unref(iso);
}

static void libraries_are_private_and_read_only(void **state)
{
    struct tn_isolate *a = fixture_isolate(*state, NULL), *b = fixture_isolate(*state, NULL);
    static const char *const attacks[] = {
        "string.rep = nil",
        "rawset(string, 'rep', nil)",
        "getmetatable('').__index = {}",
        "getmetatable(string).__index.rep = 1",
        "_G.string = 1",
        "_ENV.string = 1",
        "rawset(_G, 'x', 1)",
        "setmetatable(_G, {})",
        "setmetatable(string, {})",
        "table.insert(string, 1)",
        "x = 1",
        "getmetatable(_ENV).__index = 1",
        "math.pi = 3",
        "table.move({1}, 1, 1, 1, math)",
    };
    struct fixture_text out;
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
        fixture_run(a, &out, attacks[i]);
        if (!tn_str_starts(tn_str(out.text), "script: ")) fail_msg("%s: %s", attacks[i], out.text);
    }
    assert_string_equal(fixture_run(a, &out, "return ('x'):rep(2), string.rep('y', 2)"), "xx yy");
    assert_string_equal(fixture_run(b, &out, "return ('x'):rep(2), string.rep('y', 2)"), "xx yy");
    tn_isolate_unref(a);
    tn_isolate_unref(b);
}

/* Every allocation fails once; the isolate stays usable or reports. */
static void failed_allocations_are_survived(void **state)
{
    struct fixture *f = *state;
    struct tn_isolate_options o = {.name = "test"};
    static const char text[] =
        "local t = { a = 1, b = {} }\nreturn function() return #('x'):rep(3) end";
    for (int i = 1; i < 2000; i++) {
        char spec[64];
        struct tn_err err;
        int ref = LUA_NOREF;
        snprintf(spec, sizeof spec, "script.alloc=fail:%d", i);
        tn_fault_arm(spec);
        struct tn_isolate *iso = tn_isolate_new(f->host, &o, &err);
        bool ok = iso && tn_isolate_load_text(iso, "scripts/t.lua", tn_str(text), &ref, &err) &&
                  tn_isolate_call(iso, ref, NULL, NULL, NULL, &err);
        bool passed = tn_fault_passes("script.alloc") < i;
        tn_fault_arm(NULL);
        tn_isolate_unref(iso);
        if (passed) {
            assert_true(ok);
            return;
        }
    }
    fail();
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
    const struct CMUnitTest tests[] = {
        T(calls_return_values),
        T(files_return_one_value),
        T(bad_files_are_refused),
        T(heads_of_files_are_skipped),
        T(files_require_files),
        T(bad_requires_are_clear),
        T(errors_of_any_kind_are_told),
        T(traces_name_functions),
        T(memory_is_capped),
        T(three_overruns_in_a_row_end_it),
        T(a_cap_that_is_too_small_is_an_error),
        T(the_slot_names_who_runs),
        T(calls_nest_up_to_a_limit),
        T(libraries_are_private_and_read_only),
        T(failed_allocations_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
