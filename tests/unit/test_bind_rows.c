/* SPDX-License-Identifier: MIT */
/* tenon.csv, tenon.xml and tenon.fixed as scripts see them. */
#include "script_fixture.h"

#include "bind/bind_rows.h"

static const struct tn_module modules[] = {
    {"tenon.csv", luaopen_tenon_csv},         {"tenon.xml", luaopen_tenon_xml},
    {"tenon.fixed", luaopen_tenon_fixed},     {"tenon.json", luaopen_tenon_json},
    {"tenon.decimal", luaopen_tenon_decimal}, {NULL, NULL}};

/* result NULL: the script raises. */
struct a_case {
    const char *body, *result;
};

static const struct a_case csv_cases[] = {
    {"return e(csv.parse 'a,b\\n1,\\n007,\"\"')",
     "[{\"a\":\"1\",\"b\":null},{\"a\":\"007\",\"b\":\"\"}]"},
    {"return e(csv.parse '')", "[]"},
    {"return e(csv.parse('a;b\\n1,5;x', {delimiter = ';', decimal_comma = {'a'}}))",
     "[{\"a\":\"1.5\",\"b\":\"x\"}]"},
    {"return e(csv.parse('a;b\\n1,5;2,5', {delimiter = ';', decimal_comma = '*'}))",
     "[{\"a\":\"1.5\",\"b\":\"2.5\"}]"},
    {"return e(csv.parse('n\\n\\xe4', {encoding = 'windows-1252'}))", "[{\"n\":\"\xc3\xa4\"}]"},
    {"return e(csv.parse('1,2\\n3,4', {header = {'x', 'y'}}))",
     "[{\"x\":\"1\",\"y\":\"2\"},{\"x\":\"3\",\"y\":\"4\"}]"},
    {"local v, err = csv.parse 'a,b\\n1,2\\n3\\n4,5' return v, err.kind, err.line, err.message",
     "nil syntax 3 line 3: 1 cells, but the header has 2"},
    {"local v, err = csv.parse ',\\n1,2' return v, err.kind, err.line", "nil syntax 1"},
    {"local t = {} for line, r, err in csv.rows 'a,b\\n1,2\\n3\\n\"4\\n\",5\\n6,7' do "
     "t[#t + 1] = line .. (r and r.a or '!' .. err.message) end return table.concat(t, '|')",
     "21|3!line 3: 1 cells, but the header has 2|44\n|66"},
    {"local t = {} for line, r, err in csv.rows ',\\n1' do t[#t+1] = line .. err.kind end return "
     "#t, t[1]",
     "1 1syntax"},
    {"return e(csv.parse(csv.write({{a = '=1+1', b = 'x,\"y\"', c = 7}}, {'a', 'b', 'c'})))",
     "[{\"a\":\"'=1+1\",\"b\":\"x,\\\"y\\\"\",\"c\":\"7\"}]"},
    {"return csv.write({{a = d.new '0.10', b = true, c = json.null, d = {1}}}, "
     "{'a', 'b', 'c', 'd', 'e'}, {delimiter = ';'})",
     "a;b;c;d;e\r\n0.10;true;;[1];\r\n"},
    {"return csv.write({{a = -5}, {a = ''}}, {'a'}, {header = false})", "-5\r\n\"\"\r\n"},
    /* few columns with long names: memory is that of one row */
    {"local name, n = ('x'):rep(100000), 0 for _, r in csv.rows(name .. ',b\\n' .. "
     "('1,2\\n'):rep(2000)) do n = n + #r[name] end return n",
     "2000"},
    {"csv.parse(5)", NULL},
    {"csv.parse('a', {delimiter = ';;'})", NULL},
    {"csv.parse('a', {delimeter = ';'})", NULL},
    {"return e(csv.parse('n\\n\\xa4', {encoding = 'iso-8859-15'}))", "[{\"n\":\"\xe2\x82\xac\"}]"},
    {"csv.parse('a', {encoding = 'latin'})", NULL},
    {"csv.parse('a', {encoding = 'utf-8//IGNORE'})", NULL},
    {"return #csv.parse('x\\na\\n#\\n1\\n2\\nsum', {skip_lines = 1, skip_footer = 1, comment = "
     "'#'})",
     "2"},
    {"csv.parse('a', {skip_lines = -1})", NULL},
    {"csv.parse('a', {skip_footer = 101})", NULL},
    {"csv.parse('a', {comment = '//'})", NULL},
    {"csv.parse('a', {header = {}})", NULL},
    {"csv.parse('a', {header = {'a', 'a'}})", NULL},
    {"csv.parse('a', {header = {'a', 5}})", NULL},
    {"csv.parse('a', {decimal_comma = 5})", NULL},
    {"csv.parse('a', {rows = 'x'})", NULL},
    {"csv.write({5}, {'a'})", NULL},
    {"csv.write({{a = print}}, {'a'})", NULL},
    {"csv.write({{a = 1}}, {})", NULL},
    {"csv.write({{a = 1}}, {'a'}, {delimiter = '\"'})", NULL},
    /* the list of records takes the names of the columns away */
    {"local names, key = {}, ('d'):rep(3001) for i = 1, 9 do names[i] = ('c'):rep(3000) .. i end "
     "local list = setmetatable({}, {__len = function() return 3 end, __index = function() "
     "names[1] "
     "= nil local j = {} for i = 1, 3000 do j[i] = ('q'):rep(300) .. i end return {[key] = 1} "
     "end}) "
     "return select(2, pcall(csv.write, list, names)):match 'plain table'",
     "plain table"},
    {"csv.write({{a = 1}}, setmetatable({}, {__index = {'a'}, __len = function() return 1 end}))",
     NULL},
    {"csv.write({{a = 1}}, {'a'}, setmetatable({}, {__index = {delimiter = ';'}}))", NULL},
    {"csv.parse('a', setmetatable({}, {__index = {delimiter = ';'}}))", NULL},
    {"csv.parse('a', {header = setmetatable({}, {__index = {'a'}, __len = function() return 1 "
     "end})})",
     NULL},
    {"csv.parse('a', {decimal_comma = setmetatable({'a'}, {__index = {}})})", NULL},
    {"return csv.write(json.array {{a = 1}}, json.array {'a'})", "a\r\n1\r\n"},
    /* walks hold memory that the collector does not see */
    {"local kept = {} local ok, err = pcall(function() for i = 1, 65 do kept[i] = csv.rows 'a' end "
     "end) return ok, err.kind, #kept",
     "false overloaded 64"},
    {"for i = 1, 1000 do local step = csv.rows 'a\\n1' end return 1", "1"},
    {"local kept = {} for i = 1, 100 do kept[i] = csv.rows 'a\\n1' for _ in kept[i] do end end "
     "return kept[1]() == nil, kept[1]() == nil",
     "true true"},
    {"for i = 1, 100 do csv.parse 'a\\n1' xml.parse '<a/>' xml.parse '<a>' xml.parse '' end return "
     "1",
     "1"},
    /* a million rows end by the budget of the call */
    {"for _ in csv.rows('a\\n' .. ('1\\n'):rep(9000000)) do end", NULL},
};

static const struct a_case xml_cases[] = {
    {"local v, root = xml.parse '<n:a xmlns:n=\"u\" k=\"1\"><b>x</b><b/>t</n:a>' return e(v), root",
     "{\"#text\":\"t\",\"@k\":\"1\",\"b\":[\"x\",\"\"]} a"},
    {"return e(xml.parse('<l><i><n>1</n></i><i><n>2</n></i></l>', {rows = 'l.i'}))",
     "[{\"n\":\"1\"},{\"n\":\"2\"}]"},
    {"local v, err = xml.parse '<a>\\n<b></a>' return v, err.kind, err.line", "nil syntax 2"},
    {"local v, err = xml.parse '<a/><b/>' return v, err.kind", "nil syntax"},
    {"local v, err = xml.parse '' return v, err.kind", "nil syntax"},
    {"local v, err = xml.parse '<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>' return v, err.message",
     "nil line 1, column 25: the DOCTYPE declares the entity 'x': no declaration is accepted"},
    {"local t = {} for line, r, err in xml.rows('<l>\\n<i>1</i>\\n<i>2</i>\\n<oops', {rows = 'i'}) "
     "do t[#t + 1] = line .. (r and r['#text'] or err.kind) end return table.concat(t, ' ')",
     "21 32 4syntax"},
    {"return xml.write({'s:E', ['xmlns:s'] = 'u', {'s:B', 1, '<&>', true, d.new '0.10'}, {'x'}})",
     "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
     "<s:E xmlns:s=\"u\"><s:B>1&lt;&amp;&gt;true0.10</s:B><x/></s:E>"},
    {"return xml.write({'a', z = '\"\\n', b = 5, json.null, 'x\\r'}, {declaration = false})",
     "<a b=\"5\" z=\"&quot;&#10;\">x&#13;</a>"},
    {"return xml.escape '<a b=\"c\">&'", "&lt;a b=&quot;c&quot;&gt;&amp;"},
    /* what is written reads back, byte for byte */
    {"local s = 'a<b>&\"\\' \\t\\n\\r ]]> \\u{20ac}' local v = xml.parse(xml.write {'a', k = s, "
     "{'b', s}}) return v['@k'] == s, v.b == s",
     "true true"},
    {"local v, err = xml.write {'a', '\\0'} return v, err.kind", "nil invalid"},
    {"local v, err = xml.write {'a', '\\xff'} return v, err.kind", "nil invalid"},
    {"local v, err = xml.write {'a', k = '\\u{ffff}'} return v, err.kind", "nil invalid"},
    {"local v, err = xml.escape '\\1' return v, err.kind", "nil invalid"},
    {"xml.write {}", NULL},
    {"xml.write {5}", NULL},
    {"xml.write {'a b'}", NULL},
    {"xml.write {'1a'}", NULL},
    {"xml.write {'a:'}", NULL},
    {"xml.write {'a:b:c'}", NULL},
    {"xml.write {'a:1'}", NULL},
    {"xml.write {'a><b'}", NULL},
    {"xml.write {'a', ['x y'] = 1}", NULL},
    {"xml.write {'a', ['x\\0'] = 1}", NULL},
    {"xml.write {'a', k = {}}", NULL},
    {"xml.write {'a', {}}", NULL},
    {"xml.write {'a', print}", NULL},
    {"local t = {'a'} t[2] = t xml.write(t)", NULL},
    {"xml.write('a')", NULL},
    {"xml.parse('<a/>', {row = 'a'})", NULL},
    {"xml.write(setmetatable({'a', k = 1}, {__index = {}}))", NULL},
    {"xml.write {'a', setmetatable({'b'}, {__mode = 'v'})}", NULL},
    {"xml.rows('<a/>', setmetatable({}, {__index = {rows = 'a'}}))", NULL},
};

static const struct a_case fixed_cases[] = {
    {"return e(fixed.parse('A1  7\\nB\\n\\n', {columns = 'n:1-3,q:4-5'}))",
     "[{\"n\":\"A1\",\"q\":\"7\"},{\"n\":\"B\",\"q\":null}]"},
    {"return e(fixed.parse('A1  7', {columns = {'n:1-3', 'q:4-5'}}))",
     "[{\"n\":\"A1\",\"q\":\"7\"}]"},
    {"local v, err = fixed.parse('A\\n\\xff', {columns = 'n:1-3'}) return v, err.kind, err.line",
     "nil syntax 2"},
    {"local t = {} for line, r in fixed.rows('A\\n\\xff\\nC', {columns = 'n:1-3'}) do "
     "t[#t + 1] = line .. (r and r.n or '!') end return table.concat(t, ' ')",
     "1A 2! 3C"},
    {"fixed.parse('A')", NULL},
    {"fixed.parse('A', {columns = setmetatable({'n:1-3'}, {__index = {}})})", NULL},
    {"fixed.parse('A', {columns = 'n'})", NULL},
    {"fixed.parse('A', {columns = 'n:0-3'})", NULL},
    {"fixed.parse('A', {colums = 'n:1-3'})", NULL},
};

static void check(struct fixture *f, const struct a_case *cases, size_t n)
{
    struct tn_isolate_options o = {.name = "rows", .modules = modules, .call_ms = 2000};
    struct tn_isolate *iso = fixture_isolate(f, &o);
    for (size_t i = 0; i < n; i++) {
        struct fixture_text out;
        char text[2048];
        snprintf(text, sizeof text,
                 "local csv, xml, fixed, json, d = require 'tenon.csv', require 'tenon.xml', "
                 "require 'tenon.fixed', require 'tenon.json', require 'tenon.decimal' "
                 "local e = json.encode %s",
                 cases[i].body);
        fixture_run(iso, &out, text);
        bool raised = tn_str_starts(tn_str(out.text), "script: ") ||
                      tn_str_starts(tn_str(out.text), "invalid: ") ||
                      tn_str_starts(tn_str(out.text), "budget: ");
        if (cases[i].result ? strcmp(out.text, cases[i].result) != 0 : !raised)
            fail_msg("%s\n -> %s", cases[i].body, out.text);
    }
    tn_isolate_unref(iso);
}

static void csv_is_read_and_written(void **state)
{
    check(*state, csv_cases, sizeof csv_cases / sizeof *csv_cases);
}

static void xml_is_read_and_written(void **state)
{
    check(*state, xml_cases, sizeof xml_cases / sizeof *xml_cases);
}

static void fixed_width_is_read(void **state)
{
    check(*state, fixed_cases, sizeof fixed_cases / sizeof *fixed_cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(csv_is_read_and_written, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(xml_is_read_and_written, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(fixed_width_is_read, fixture_open, fixture_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
