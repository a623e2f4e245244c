/* SPDX-License-Identifier: MIT */
/* What scripts try to get out, to run on, to eat memory: each ends as an error of that one call,
 * and the next call in the same isolate works.  TN_TEST_TIMES=1 prints how long each took. */
#include "script_fixture.h"

#include <time.h>

#include "base/time.h"

enum { BUDGET_MS = 60 };

static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

struct script {
    const char *text;
    const char *says; /* how "kind: message" or the results begin; this|or that */
};

static bool said(const char *says, const char *text)
{
    for (const char *bar; (bar = strchr(says, '|')); says = bar + 1)
        if (strncmp(text, says, (size_t)(bar - says)) == 0) return true;
    return strncmp(text, says, strlen(says)) == 0;
}

/* Run as a function's body; all have to end in time or memory. */
static const struct script hogs[] = {
    {"while true do end", "budget:"},
    {"repeat until false", "budget:"},
    {"for i = 1, math.maxinteger do end", "budget:"},
    {"::again:: goto again", "budget:"},
    {"while true do pcall(function() while true do end end) end", "budget:"},
    {"while true do pcall(error) end", "budget:"},
    {"local function f() return pcall(f) end while true do f() end", "budget:"},
    {"xpcall(function() while true do end end, function() while true do end end)", "budget:"},
    {"while true do xpcall(error, function() while true do end end) end", "budget:"},
    {"while true do xpcall(function() while true do end end, print) end", "budget:"},
    {"local f = function() while true do end end while true do pcall(pcall, pcall, f) end",
     "budget:"},
    {"coroutine.wrap(function() while true do end end)()", "budget:"},
    {"while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
     "budget:"},
    {"local c = coroutine.wrap(function() while true do coroutine.yield() end end) while true do "
     "c() end",
     "budget:"},
    {"while true do coroutine.wrap(function() pcall(function() while true do end end) end)() end",
     "budget:"},
    {"local t = setmetatable({}, { __index = function(t, k) return t[k + 1] end }) return t[1]",
     "script:"},
    {"local t = setmetatable({}, { __index = function() while true do end end }) return t.x",
     "budget:"},
    {"local t = setmetatable({}, { __len = function() while true do end end }) return #t",
     "budget:"},
    {"local t = setmetatable({}, { __eq = function() while true do end end }) return t == "
     "setmetatable({}, "
     "getmetatable(t))",
     "budget:"},
    {"local t = setmetatable({}, { __concat = function() while true do end end }) return t .. 'x'",
     "budget:"},
    {"local x <close> = setmetatable({}, { __close = function() while true do end end })",
     "budget:"},
    {"local x <close> = setmetatable({}, { __close = function() while true do end end }) while "
     "true do end",
     "budget:"},
    {"while true do local x <close> = setmetatable({}, { __close = function() while true do end "
     "end }) end",
     "budget:"},
    {"return tostring(setmetatable({}, { __tostring = function() while true do end end }))",
     "budget:"},
    {"for k in pairs(setmetatable({}, { __pairs = function() return function() return 1 end end "
     "})) do end",
     "budget:"},
    {"for i in ipairs(setmetatable({}, { __index = function() return 1 end })) do end", "budget:"},
    /* loops inside C */
    {"while true do (''):rep(1e9) end", "budget:"},
    {"return (''):rep(math.maxinteger), ('x'):rep(math.maxinteger)", "budget:"},
    {"return ('x'):rep(1e12)", "budget:"},
    {"return ('x'):rep(3, ('y'):rep(1e9))", "budget:"},
    {"table.move({}, 1, math.maxinteger - 1, 2)", "budget:"},
    {"table.move({}, 1, math.maxinteger - 1, 2, {})", "budget:"},
    {"local t = setmetatable({}, { __len = function() return math.maxinteger - 1 end }) "
     "table.insert(t, 1, 1)",
     "budget:"},
    {"local t = setmetatable({}, { __len = function() return math.maxinteger - 1 end }) "
     "table.remove(t, 1)",
     "budget:"},
    {"local t = setmetatable({}, { __len = function() return math.maxinteger end, __index = "
     "function() return "
     "'' end }) table.concat(t)",
     "budget:"},
    {"return table.concat(setmetatable({}, { __index = function() return 'x' end }), '', 1, "
     "math.maxinteger)",
     "budget:"},
    {"return table.unpack({}, 1, 1e8)", "script:"},
    {"return table.unpack(setmetatable({}, { __index = function() while true do end end }), 1, 10)",
     "budget:"},
    {"local t = {} for i = 1, 2000 do t[i] = i end while true do table.sort(t, function(a, b) "
     "return true end) "
     "end",
     "budget:"},
    {"local t = {} for i = 1, 2000 do t[i] = i end table.sort(t, function(a, b) while true do end "
     "end)",
     "budget:"},
    {"local t = {} for i = 1, 200 do t[i] = i end while true do pcall(table.sort, t, function() "
     "return true end) "
     "end",
     "budget:"},
    {"local t = setmetatable({}, { __len = function() return 1e9 end, __index = function(_, k) "
     "return -k end, "
     "__newindex = function() end }) table.sort(t)",
     "budget:"},
    {"local s = ('a'):rep(40) return s:find(('a?'):rep(40) .. ('a'):rep(40) .. 'b')", "budget:"},
    {"local s = ('a'):rep(28) return s:find(('a?'):rep(28) .. ('a'):rep(28) .. 'b')", "budget:"},
    {"return ('a'):rep(100000):find(('.-'):rep(8) .. 'b')", "budget:"},
    {"return ('('):rep(200000):find('%b()')", "budget:"},
    {"return ('x'):rep(100000):gsub('(x*)*y', '')", "budget:"},
    {"return (('a'):rep(50000) .. 'b'):match('^(a*)*$')", "nil"},
    {"for w in ('a'):rep(30000):gmatch('a*a*a*b') do end", "budget:"},
    {"return ('x'):gsub('', function() while true do end end)", "budget:"},
    {"return ('x'):rep(1e6):gsub('x', ('y'):rep(1e6))", "budget:"},
    {"while true do load('return 1') end", "budget:"},
    {"return load(function() return ' ' end)", "budget:|script: the text given to load is larger"},
    {"local n = 0 return load(function() n = n + 1 return 'local a' .. n .. ' = 1 ' end)",
     "budget:|script: the text given to load is larger"},
    {"local t = {} for i = 1, 100000 do t[i] = '::l' .. i .. '::' end return load(table.concat(t))",
     "budget:"},
    {"load(function() while true do end end)", "budget:"},
    {"return select(-1, table.unpack({}, 1, 1e5)) , string.char(table.unpack({}, 1, 1e6))",
     "script:"},
    /* memory */
    {"local s = 'x' while true do s = s .. s end", "budget:"},
    {"local s = 'x' while true do pcall(function() s = s .. s end) end", "budget:"},
    {"local t = {} while true do t[#t + 1] = {} end", "budget:"},
    {"local t = {} while true do t[#t + 1] = function() return t end end", "budget:"},
    {"local t = {} while true do t[#t + 1] = coroutine.create(function() end) end", "budget:"},
    {"local t = {} for i = 1, 1e9 do t[i] = tostring(i) end", "budget:"},
    {"local t = {} while true do local ok, e = pcall(error, ('x'):rep(1e5) .. #t) t[#t + 1] = e "
     "end",
     "budget:"},
    {"return ('x'):rep(1e6):gsub('.', ('%0'):rep(100))", "budget:"},
    {"return string.format(('%99d'):rep(200), table.unpack({}, 1, 200))", "script:"},
    /* recursion */
    {"local function f() return 1 + f() end return f()", "budget:|script: stack overflow"},
    {"return load('local function f() return 1 + f() end return f()')()",
     "budget:|script: load:text:1: stack overflow"},
    {"local function f() return pcall(f) end return f()", "true true true"},
    {"local function f() coroutine.wrap(f)() end f()", "script:"},
    {"local function f(n) return ('x'):gsub('x', f) end f()", "script:"},
    {"return load(('('):rep(1e5) .. '1' .. (')'):rep(1e5))()", "script:"},
    {"return load('return ' .. ('{'):rep(1e5))()", "script:"},
    {"return load(('do '):rep(1e5))()", "script:"},
    {"return load('return ' .. ('- '):rep(1e5) .. '1')()", "script:"},
    {"local t = {} t = setmetatable(t, { __index = t }) return t.x", "script:"},
    {"local f f = function() xpcall(f, f) end f() error('x')", "script: x"},
    {"local co co = coroutine.wrap(function() co() end) co()", "script:"},
    {"local p = {} for i = 1, 300 do p = setmetatable({}, { __index = p, __call = p }) end return "
     "p()",
     "script:"},
};

/* What is to be refused at once. */
static const struct script escapes[] = {
    {"return io", "script: 'io' is not defined"},
    {"return os.execute('id')", "script: 'os' is not defined"},
    {"return debug", "script: 'debug' is not defined"},
    {"return package", "script: 'package' is not defined"},
    {"return dofile('/etc/passwd')", "script: 'dofile'"},
    {"return loadfile('/etc/passwd')", "script: 'loadfile'"},
    {"return loadstring('return 1')", "script: 'loadstring'"},
    {"return require('io')", "script: there is no module 'io'"},
    {"return require('/etc/passwd')", "script: there is no module"},
    {"return require('..')", "script: there is no module"},
    {"return string.dump(function() end)", "script:"},
    {"return string.pack('i16', 1)", "script:"},
    {"return assert(load('\\27Lua'))", "script: this is bytecode"},
    {"return assert(load('return 1', 'x', 'b'))", "script: bytecode is not accepted"},
    {"local n = 0 return assert(load(function() n = n + 1 return n == 1 and '\\27Lua' or nil end))",
     "script: this"},
    {"return coroutine.close(coroutine.create(print))", "script:"},
    {"return collectgarbage('stop')", "script: collectgarbage"},
    {"return collectgarbage()", "script: collectgarbage"},
    {"return setmetatable({}, { __gc = function() end })", "script: __gc is not available"},
    {"return setmetatable({}, { __gc = true })", "script: __gc is not available"},
    {"return getmetatable('').__index.rep", "script:"},
    {"return getmetatable(string).__index", "script:"},
    {"return setmetatable('', {})", "script:"},
    {"return rawset(string, 'rep', 1)", "script: this table is read-only"},
    {"return rawset(_G, 'x', 1)", "script: this table is read-only"},
    {"_G.print = nil", "script:"},
    {"return load('x = 1', 'x', 't', _G)()", "script: load:x:1: 'x' would become a global"},
    {"return coroutine.resume(coroutine.running())", "false "},
    {"coroutine.yield(1)", "script: attempt to yield from outside a coroutine"},
    {"return math.randomseed(1)", "script:"},
    {"return select(0)", "script:"},
    {"return ('x'):bad()", "script: attempt to call a nil value"},
};

/* The machine takes some of a thread's time now and then: what took too long may try again. */
static double shortest(struct tn_isolate *iso, const char *text, struct fixture_text *out)
{
    double took = 0;
    for (int tries = 0; tries < 5; tries++) {
        double begin = cpu_ms();
        fixture_run(iso, out, text);
        took = cpu_ms() - begin;
        if (took <= 2 * BUDGET_MS) break;
    }
    return took;
}

static void run_all(struct fixture *f, const struct script *scripts, size_t n, size_t max_bytes)
{
    struct tn_isolate_options o = {
        .name = "hog", .call_ms = BUDGET_MS, .load_ms = BUDGET_MS, .max_bytes = max_bytes};
    struct tn_isolate *iso = fixture_isolate(f, &o);
    struct fixture_text out;
    bool times = getenv("TN_TEST_TIMES") != NULL;
    for (size_t i = 0; i < n; i++) {
        double took = shortest(iso, scripts[i].text, &out);
        if (times && took > 1)
            printf("%7.1f ms  %.60s -> %.50s\n", took, scripts[i].text, out.text);
        if (took > 2 * BUDGET_MS)
            fail_msg("%s\n -> %s, after %.0f ms", scripts[i].text, out.text, took);
        if (!said(scripts[i].says, out.text)) fail_msg("%s\n -> %s", scripts[i].text, out.text);
        assert_string_equal(fixture_run(iso, &out, "return 6 * 7"), "42");
    }
    tn_isolate_unref(iso);
}

static void hogs_end(void **state)
{
    run_all(*state, hogs, sizeof hogs / sizeof *hogs, 48 * TN_MIB);
}

static void escapes_are_refused(void **state)
{
    run_all(*state, escapes, sizeof escapes / sizeof *escapes, 0);
}

/* An isolate per hog, dropped afterwards: what the hog left behind runs nothing when it is closed.
 */
static void hogs_leave_nothing(void **state)
{
    for (size_t i = 0; i < sizeof hogs / sizeof *hogs; i += 3) {
        struct tn_isolate_options o = {.name = "hog", .call_ms = 20, .max_bytes = 4 * TN_MIB};
        struct tn_isolate *iso = fixture_isolate(*state, &o);
        struct fixture_text out;
        fixture_run(iso, &out, hogs[i].text);
        tn_isolate_unref(iso);
    }
}

/* Something that a call left behind cannot run in the next one at its cost, nor be stopped by it.
 */
static void old_coroutines_are_not_stopped_by_old_overruns(void **state)
{
    struct tn_isolate_options o = {.name = "co", .call_ms = 30};
    struct tn_isolate *iso = fixture_isolate(*state, &o);
    struct tn_err err;
    struct fixture_text out;
    int ref = fixture_load(iso, "local co, n = nil, 0\n"
                                "return function()\n"
                                "  n = n + 1\n"
                                "  if n == 1 then\n"
                                "    co = coroutine.create(function()\n"
                                "      coroutine.yield()\n"
                                "      local x = 0 for i = 1, 1000 do x = x + i end return x\n"
                                "    end)\n"
                                "    coroutine.resume(co)\n"
                                "    while true do end\n"
                                "  end\n"
                                "  return coroutine.resume(co)\n"
                                "end");
    assert_false(tn_isolate_call(iso, ref, NULL, NULL, NULL, &err));
    assert_int_equal(err.kind, TN_E_budget);
    assert_int_equal(err.line, 10);
    assert_true(tn_isolate_call(iso, ref, NULL, fixture_take, &out, &err));
    assert_string_equal(out.text, "true 500500");
    tn_isolate_unref(iso);
}

static void deep_recursion_is_an_error(void **state)
{
    struct tn_isolate_options o = {.name = "deep", .call_ms = 5000, .max_bytes = 256 * TN_MIB};
    struct tn_isolate *iso = fixture_isolate(*state, &o);
    struct fixture_text out;
    fixture_run(iso, &out, "local function f() return 1 + f() end return f()");
    assert_string_equal(out.text, "script: stack overflow");
    assert_string_equal(fixture_run(iso, &out, "return 1"), "1");
    int64_t began = tn_cpu_us(); /* a chunk of load is nobody's file: where that is takes no time */
    fixture_run(iso, &out, "return load('local function f() return 1 + f() end return f()')()");
    assert_string_equal(out.text, "script: load:text:1: stack overflow");
    assert_true(tn_cpu_us() - began < 5000000);
    tn_isolate_unref(iso);
}

/* ---- what has to work ---- */

static const struct script good[] = {
    {"return pcall(error, 'x')", "false x"},
    {"return pcall(error, nil)", "false nil"},
    {"return select('#', pcall(error))", "2"},
    {"return pcall(function(...) return ... end, 1, nil, 3)", "true 1 nil 3"},
    {"return xpcall(function(...) return ... end, print, 1, 2)", "true 1 2"},
    {"return xpcall(function() error('a', 0) end, function(m) return m .. 'b' end)", "false ab"},
    {"return load('return 1 + 1')()", "2"},
    {"return load('return ...', 'x', 't', {})(5)", "5"},
    {"return load('return x', 'x', 't', { x = 7 })()", "7"},
    {"local n = 0 return load(function() n = n + 1 return ({ 'return', ' 4', '2' })[n] end)()",
     "42"},
    {"return load('return +')", "nil load:text:1: unexpected symbol near '+'"},
    {"local t = setmetatable({}, { __index = { a = 1 } }) return t.a, rawget(t, 'a'), rawset(t, "
     "'a', 2).a",
     "1 nil 2"},
    {"local t = {} setmetatable(t, nil) return getmetatable(t)", "nil"},
    {"return type(collectgarbage('count'))", "number"},
    {"local r = math.random(10) return r >= 1 and r <= 10", "true"},
    {"return utf8.char(8364, 72), utf8.len('\\u{20AC}x'), #utf8.charpattern", "\u20acH 2 14"},
    {"local s = 0 for p, c in utf8.codes('ab') do s = s + c end return s", "195"},
    {"return '10' + 5, '3' * '4', 10 .. ''", "15 12 10"},
    {"return ('%5.2f|%-4s|%q|%x'):format(3.14159, 'ab', 'q', 255)", " 3.14|ab  |\"q\"|ff"},
    {"return ('%s'):format(setmetatable({}, { __tostring = function() return 'mine' end }))",
     "mine"},
    {"local x <close> = setmetatable({}, { __close = function() end }) return 1", "1"},
    {"return _G == _ENV, _VERSION", "true Lua 5.4"},
    {"return next({}), rawlen({ 1, 2 }), rawequal(1, 1)", "nil 2 true"},
};

static void ordinary_lua_works(void **state)
{
    struct tn_isolate *iso = fixture_isolate(*state, NULL);
    struct fixture_text out;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        fixture_run(iso, &out, good[i].text);
        if (strcmp(out.text, good[i].says) != 0) fail_msg("%s\n -> %s", good[i].text, out.text);
    }
    tn_isolate_unref(iso);
}

static void each_isolate_has_its_own_luck(void **state)
{
    struct tn_isolate *a = fixture_isolate(*state, NULL), *b = fixture_isolate(*state, NULL);
    struct fixture_text one, two;
    fixture_run(a, &one, "return math.random(0)");
    fixture_run(b, &two, "return math.random(0)");
    assert_string_not_equal(one.text, two.text);
    tn_isolate_unref(a);
    tn_isolate_unref(b);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
    const struct CMUnitTest tests[] = {
        T(hogs_end),
        T(escapes_are_refused),
        T(hogs_leave_nothing),
        T(deep_recursion_is_an_error),
        T(old_coroutines_are_not_stopped_by_old_overruns),
        T(ordinary_lua_works),
        T(each_isolate_has_its_own_luck),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
