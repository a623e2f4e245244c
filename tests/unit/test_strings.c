/* SPDX-License-Identifier: MIT */
/* The string and table libraries beside Lua's own: the same results, the same refusals. */
#include "script_fixture.h"

#include <lualib.h>

/* ---- a stock state to compare with ---- */

/* One call as "ok|value value" or "error". */
static const char runner[] =
    "return function(name, s, p, r, n)\n"
    "  local function show(ok, ...)\n"
    "    if not ok then return 'error ' .. tostring((...)):gsub('^[^:]*:%d+: ', '') end\n"
    "    local out = {}\n"
    "    for i = 1, select('#', ...) do\n"
    "      local v = select(i, ...)\n"
    "      out[i] = type(v) == 'string' and ('%q'):format(v) or tostring(v)\n"
    "    end\n"
    "    return table.concat(out, ' ')\n"
    "  end\n"
    "  if name == 'find' then return show(pcall(string.find, s, p, n)) end\n"
    "  if name == 'plain' then return show(pcall(string.find, s, p, n, true)) end\n"
    "  if name == 'match' then return show(pcall(string.match, s, p, n)) end\n"
    "  if name == 'gsub' then return show(pcall(string.gsub, s, p, r, n)) end\n"
    "  if name == 'upper' then return show(pcall(string.gsub, s, p, function(a, b)\n"
    "    return type(a) == 'string' and #a > 1 and a:upper() .. tostring(b) or nil end)) end\n"
    "  if name == 'table' then return show(pcall(string.gsub, s, p, { a = '<1>', ab = 2, b = false "
    "})) end\n"
    "  return show(pcall(function()\n"
    "    local all = {}\n"
    "    for a, b in string.gmatch(s, p, n) do\n"
    "      all[#all + 1] = tostring(a) .. ',' .. tostring(b)\n"
    "      if #all > 200 then break end\n"
    "    end\n"
    "    return table.concat(all, ';')\n"
    "  end))\n"
    "end\n";

static void call_stock(lua_State *L, const char *name, struct tn_str s, struct tn_str p,
                       const char *r, lua_Integer n)
{
    lua_pushvalue(L, 1);
    lua_pushstring(L, name);
    lua_pushlstring(L, s.p, s.n);
    lua_pushlstring(L, p.p, p.n);
    lua_pushstring(L, r);
    lua_pushinteger(L, n);
    lua_call(L, 5, 1);
}

struct question {
    const char *name;
    struct tn_str s, p;
    const char *r;
    lua_Integer n;
};

struct asked {
    struct question q;
    struct fixture_text answer;
};

static int push_question(lua_State *L, void *arg)
{
    const struct question *q = &((struct asked *)arg)->q;
    lua_pushstring(L, q->name);
    lua_pushlstring(L, q->s.p, q->s.n);
    lua_pushlstring(L, q->p.p, q->p.n);
    lua_pushstring(L, q->r);
    lua_pushinteger(L, q->n);
    return 5;
}

static void take_answer(lua_State *L, int n, void *arg)
{
    fixture_take(L, n, &((struct asked *)arg)->answer);
}

/* ---- random patterns ---- */

static uint64_t seed = 88172645463325252u;

static unsigned pick(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 11) % n;
}

static size_t random_subject(char *out)
{
    static const char bytes[] = "aaabbbc(()).-% \n1Z\0\xe4";
    size_t n = pick(14);
    for (size_t i = 0; i < n; i++) out[i] = bytes[pick(sizeof bytes - 1)];
    out[n] = '\0';
    return n;
}

static size_t random_pattern(char *out)
{
    static const char *const parts[] = {
        "a",     "b",    "c",     ".",    "%a",    "%A",     "%d",      "%s",    "%w",     "%p",
        "%x",    "%l",   "%u",    "%c",   "%g",    "%%",     "%.",      "%-",    "[ab]",   "[^a]",
        "[a-c]", "[%a]", "[^%s]", "[]]",  "[^]]",  "[a-]",   "[-a]",    "[%]]",  "[a%-z]", "(",
        ")",     "()",   "%b()",  "%bab", "%f[a]", "%f[%A]", "%f[^%w]", "%1",    "%2",     "*",
        "+",     "-",    "?",     "^",    "$",     "(a*)",   "(.-)",    "(%a+)", "[",      "%",
        "%f",    "%b",   "%9",    "[a",   "[^",    "%z",     "\n",      "1",
    };
    size_t n = 0;
    for (unsigned i = 0, items = 1 + pick(5); i < items; i++) {
        /* the parts that make a pattern malformed come less often */
        unsigned at = pick(sizeof parts / sizeof *parts);
        if (pick(4)) at = pick(46);
        size_t len = strlen(parts[at]);
        memcpy(out + n, parts[at], len);
        n += len;
    }
    out[n] = '\0';
    return n;
}

static void patterns_match_as_luas_own(void **state)
{
    static const char *const names[] = {"find",  "match", "gmatch", "gsub",
                                        "plain", "upper", "table"};
    static const char *const replacements[] = {"<%0>", "%1", "%2",   "x%%y",  "%",
                                               "%9",   "",   "%1%1", "[%0%1]"};
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    assert_int_equal(luaL_dostring(L, runner), LUA_OK);
    struct tn_isolate_options o = {.name = "patterns", .call_ms = 5000};
    struct tn_isolate *iso = fixture_isolate(*state, &o);
    int ref = fixture_load(iso, runner);
    int errors = 0, hits = 0;
    for (int i = 0; i < 60000; i++) {
        char subject[64], pattern[64];
        struct tn_err err;
        struct asked asked = {.q = {names[pick(7)],
                                    {subject, random_subject(subject)},
                                    {pattern, random_pattern(pattern)},
                                    replacements[pick(sizeof replacements / sizeof *replacements)],
                                    (lua_Integer)pick(20) - 6}};
        const struct question *q = &asked.q;
        call_stock(L, q->name, q->s, q->p, q->r, q->n);
        const char *want = lua_tostring(L, -1);
        if (!tn_isolate_call(iso, ref, push_question, take_answer, &asked, &err))
            fail_msg("%s", err.text);
        if (strcmp(want, asked.answer.text) != 0)
            fail_msg("%s(%s, %s, %s, %lld)\nstock %s\n ours %s", q->name, subject, pattern, q->r,
                     (long long)q->n, want, asked.answer.text);
        errors += tn_str_starts(tn_str(want), "error");
        hits += !tn_str_starts(tn_str(want), "error") && strcmp(want, "nil") != 0;
        lua_settop(L, 1);
    }
    assert_true(errors > 1000 && hits > 10000);
    lua_close(L);
    tn_isolate_unref(iso);
}

/* ---- given calls, both sides ---- */

static const char *const calls[] = {
    "string.rep('ab', 3)",
    "string.rep('ab', 3, '-')",
    "string.rep('ab', 7, '-')",
    "string.rep('abc', 1, '-')",
    "string.rep('', 10)",
    "string.rep('', 3, 'x')",
    "string.rep('x', 0)",
    "string.rep('x', -1)",
    "string.rep('x', 2.0)",
    "string.rep('x', 2.5)",
    "('x'):rep('3')",
    "string.find('abc', 'b', -1)",
    "string.find('abc', '', 10)",
    "string.find('abc', '', 4)",
    "string.find('a.b', '.', 1, true)",
    "string.find('', '')",
    "string.find('a\\0b', '\\0')",
    "string.match('2026-01-31', '(%d+)-(%d+)-(%d+)')",
    "string.match('  x  ', '^%s*(.-)%s*$')",
    "string.match('key = value', '^(%w+)%s*=%s*(%w+)$')",
    "string.gsub('hello world', 'o', '0', 1)",
    "string.gsub('abc', '', '-')",
    "string.gsub('abc', 'b*', 'x')",
    "string.gsub('hello', 'l+', string.upper)",
    "string.gsub('$name is $age', '%$(%w+)', { name = 'x', age = 7 })",
    "string.gsub('a', 'a', { a = {} })",
    "string.gsub('a', 'a', '%2')",
    "string.gsub('a', 'a', 7)",
    "string.gsub('a', 'a', true)",
    "string.gsub('THE (quick) fox', '%((%w+)%)', '<%1>')",
    "string.gsub('abc', '^a', 'x')",
    "string.find('THE (quick) fox', '%((%a+)%)')",
    "string.find('f(a(b)c)d', '%b()')",
    "string.gsub('THE (quick) fox', '%f[%a]%a', '*')",
    "string.match('x', '()x()')",
    "string.gmatch('x', 5)",
    "string.find(5, '5')",
    "string.find({}, 'x')",
    "string.find('x')",
    "string.gsub('x', 'x')",
    "select('#', string.gsub('abc', '%w', '%0%0'))",
    "('x'):gsub('x', '%1')",
    "string.match('abc', '((a)(b))')",
    "string.find('a', ('(a)'):rep(33))",
    "string.find('a', ('a?'):rep(300))",
    "string.match(('a'):rep(300), ('a'):rep(250))",
    "string.find(('a'):rep(1000), '.-b')",
    "string.byte('abc', 1, -1)",
    "('abc'):upper():lower():reverse()",
    /* table */
    "table.concat({ 1, 2, 3 }, ', ')",
    "table.concat({}, 'x')",
    "table.concat({ 1, 2, 3 }, '-', 2)",
    "table.concat({ 1, 2, 3 }, '-', 2, 3)",
    "table.concat({ 1, {}, 3 })",
    "table.concat({ 1, 2 }, '', 1, 3)",
    "table.concat({ 'a', 1.5, 2 })",
    "table.unpack({ 1, 2, 3 })",
    "table.unpack({ 1, 2, 3 }, 2)",
    "table.unpack({ 1, 2 }, 1, 3)",
    "table.unpack({}, 1, 0)",
    "table.unpack({ 1, 2 }, -1, 1)",
    "table.pack(1, nil, 3).n",
    "table.concat(table.move({ 1, 2, 3 }, 2, 3, 1), ' ')",
    "table.concat(table.move({ 1, 2, 3 }, 1, 3, 2), ' ')",
    "table.concat(table.move({ 1, 2 }, 1, 2, 1, {}), ' ')",
    "table.move({}, 1, math.maxinteger, 2)",
    "table.move({}, -1, math.maxinteger, 2)",
    "(function() local t = { 1, 2, 3 } table.insert(t, 4) table.insert(t, 1, 0) return "
    "table.concat(t, ' ') end)()",
    "table.insert({}, 5, 1)",
    "table.insert({}, 0, 1)",
    "table.insert({}, 1)",
    "table.insert({}, 1, 2, 3)",
    "table.insert(nil, 1)",
    "table.remove({})",
    "table.remove({}, 0)",
    "table.remove({ 1, 2, 3 }, 5)",
    "(function() local t = { 1, 2, 3 } return table.remove(t, 1), table.concat(t, ' ') end)()",
    "(function() local t = { 1, 2, 3 } return table.remove(t), #t, table.remove(t, 3), #t end)()",
    "(function() local t = { 3, 1, 2 } table.sort(t) return table.concat(t, ' ') end)()",
    "(function() local t = { 3, 1, 2 } table.sort(t, function(a, b) return a > b end) return "
    "table.concat(t, ' ') end)()",
    "(function() local t = { 'b', 'a', 'c' } table.sort(t) return table.concat(t, ' ') end)()",
    "table.sort({ 1, 'x' })",
    "table.sort({ {}, {} })",
    "table.sort({ 1, 2 }, 5)",
    "table.sort({}, 5)",
    "select('#', table.unpack({ n = 3 }, 1, 3))",
    "#table.pack()",
};

static void calls_answer_as_luas_own(void **state)
{
    struct tn_isolate *iso = fixture_isolate(*state, NULL);
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        char text[600];
        struct fixture_text ours, stock;
        snprintf(text, sizeof text,
                 "local function show(ok, ...) if ok then return ... end "
                 "return 'error', (tostring((...)):gsub('^[^:]*:%%d+: ', '')) end "
                 "return show(pcall(function() return %s end))",
                 calls[i]);
        fixture_run(iso, &ours, text);
        if (luaL_dostring(L, text) != LUA_OK) fail_msg("%s: %s", calls[i], lua_tostring(L, -1));
        fixture_take(L, lua_gettop(L), &stock);
        lua_settop(L, 0);
        /* a function's address is its own */
        if (tn_str_starts(tn_str(ours.text), "function: ") &&
            tn_str_starts(tn_str(stock.text), "function: "))
            continue;
        if (strcmp(ours.text, stock.text) != 0)
            fail_msg("%s\nstock %s\n ours %s", calls[i], stock.text, ours.text);
    }
    lua_close(L);
    tn_isolate_unref(iso);
}

static void sort_sorts(void **state)
{
    struct tn_isolate_options o = {.name = "sort", .call_ms = 5000};
    struct tn_isolate *iso = fixture_isolate(*state, &o);
    struct fixture_text out;
    fixture_run(
        iso, &out,
        "for n = 0, 200 do for kind = 1, 5 do\n"
        "  local t = {}\n"
        "  for i = 1, n do\n"
        "    t[i] = kind == 1 and i or kind == 2 and -i or kind == 3 and math.random(n) or\n"
        "           kind == 4 and 7 or math.random(3)\n"
        "  end\n"
        "  local sum = 0 for i = 1, n do sum = sum + t[i] end\n"
        "  if n % 2 == 0 then table.sort(t) else table.sort(t, function(a, b) return a < b end) "
        "end\n"
        "  for i = 2, n do if t[i - 1] > t[i] then return 'wrong', n, kind end end\n"
        "  for i = 1, n do sum = sum - t[i] end\n"
        "  if sum ~= 0 then return 'lost', n, kind end\n"
        "end end return 'fine'");
    assert_string_equal(out.text, "fine");
    tn_isolate_unref(iso);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
    const struct CMUnitTest tests[] = {T(patterns_match_as_luas_own), T(calls_answer_as_luas_own),
                                       T(sort_sorts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
