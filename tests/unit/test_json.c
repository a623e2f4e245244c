/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/json_tape.h"
#include "base/limits.h"

/* The first one is the yardstick for the others. */
static const char *const engines[] = {"portable", "avx2", "avx512"};
enum { ENGINES = sizeof engines / sizeof *engines };

static struct tn_json *reader_of(size_t engine)
{
    struct tn_json *json = tn_json_new();
    if (tn_json_engine(json, engines[engine])) return json;
    tn_json_free(json);
    return NULL;
}

static struct tn_json *parsed(const char *text)
{
    struct tn_json *json = tn_json_new();
    struct tn_err err;
    if (!tn_json_parse(json, tn_str(text), &err)) fail_msg("%s: %s", text, err.text);
    return json;
}

static char *read_file(const char *path, size_t *n)
{
    static const size_t room = 1 << 20;
    char *data = tn_alloc(room);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    *n = fread(data, 1, room, f);
    assert_true(*n < room);
    fclose(f);
    return data;
}

typedef void (*file_fn)(const char *name, struct tn_str text);

static int each_file(const char *folder, file_fn work)
{
    int files = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        char path[1024];
        size_t n;
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        char *data = read_file(path, &n);
        work(e->d_name, (struct tn_str){data, n});
        tn_free(data);
        files++;
    }
    closedir(dir);
    return files;
}

/* What a parse gave, as text: the error, or every node of the tape. */
static void describe(struct tn_json *json, struct tn_str text, struct tn_buf *out)
{
    struct tn_err err;
    tn_buf_reset(out);
    if (!tn_json_parse(json, text, &err)) {
        assert_int_equal(tn_jtype(tn_json_root(json)), TN_JSON_absent);
        assert_true(err.kind == TN_E_syntax || err.kind == TN_E_too_large);
        tn_buf_addf(out, "%s: %s", tn_kind_name(err.kind), err.text);
        return;
    }
    const struct tn_jnode *n = tn_jtape(json);
    for (uint32_t i = 1; i < n[1].next; i++)
        tn_buf_addf(out, "%u-%u>%u:%x ", n[i].start, n[i].end, n[i].next, n[i].info);
}

/* The text at several alignments, ending where its memory ends, with all engines: all the same. */
static bool parses_everywhere(const char *name, struct tn_str text)
{
    struct tn_buf want, got;
    struct tn_json *readers[ENGINES];
    tn_buf_init(&want, 64 * TN_MIB);
    tn_buf_init(&got, 64 * TN_MIB);
    for (size_t e = 0; e < ENGINES; e++) readers[e] = reader_of(e);
    describe(readers[0], text, &want);
    bool accepted = tn_jtype(tn_json_root(readers[0])) != TN_JSON_absent;
    for (size_t shift = 0; shift<70; shift += text.n> 4096 ? 23 : 3) {
        char *exact = malloc(shift + text.n ? shift + text.n : 1);
        if (text.n) memcpy(exact + shift, text.p, text.n);
        for (size_t e = 0; e < ENGINES; e++) {
            if (!readers[e]) continue;
            describe(readers[e], (struct tn_str){exact + shift, text.n}, &got);
            if (!tn_str_eq(tn_buf_str(&want), tn_buf_str(&got)))
                fail_msg("%s, %s, shift %zu:\n%.500s\nnot\n%.500s", name, engines[e], shift, got.p,
                         want.p);
        }
        free(exact);
    }
    for (size_t e = 0; e < ENGINES; e++) tn_json_free(readers[e]);
    tn_buf_clear(&want);
    tn_buf_clear(&got);
    return accepted;
}

static void must_accept(const char *name, struct tn_str text)
{
    if (!parses_everywhere(name, text)) fail_msg("accept/%s is refused", name);
}

static void must_reject(const char *name, struct tn_str text)
{
    if (parses_everywhere(name, text)) fail_msg("reject/%s is accepted", name);
}

static void what_is_json_is_accepted(void **state)
{
    (void)state;
    assert_true(each_file(FIXTURES "/json/accept", must_accept) >= 80);
}

static void what_is_not_json_is_refused(void **state)
{
    (void)state;
    assert_true(each_file(FIXTURES "/json/reject", must_reject) >= 150);
}

static void no_prefix_of_a_text_is_a_text(void **state)
{
    static const char text[] = "{\"a\":[1.5e3,true,\"\\u00e9\xC3\xA9\"],\"b\":{\"c\":null}}";
    (void)state;
    for (size_t n = 0; n < sizeof text - 1; n++)
        assert_false(parses_everywhere("prefix", (struct tn_str){text, n}));
    assert_true(parses_everywhere("whole", tn_str(text)));
}

static void an_error_says_where_and_what_was_expected(void **state)
{
    static const char *const cases[][2] = {
        {"{\"a\": 1,\n \"b\": [1, 2,\n \"c\": 3}",
         "line 3, column 5: expected ',' or ']', found ':'"},
        {"{\"a\" 1}", "line 1, column 6: expected ':', found '1'"},
        {"[1, 2", "line 1, column 6: expected ',' or ']', found the end of the text"},
        {"[\"ab", "line 1, column 5: expected '\"' to end the string, found the end of the text"},
        {"[\"\xC3\xA9\xC3\xA9\", x]", "line 1, column 8: expected a value, found 'x'"},
        {"[\"a\tb\"]", "line 1, column 4: expected an escape (\\n, \\t, \\u0000) for a control "
                       "character, found byte 0x09"},
        {"[01]",
         "line 1, column 3: expected the number to end, or '.' or 'e' in their place, found '1'"},
        {"[1.]", "line 1, column 4: expected a digit, found ']'"},
        {"\n\n[\"\\q\"]",
         "line 3, column 3: expected an escape such as \\n or \\u00e9, found '\\'"},
        {"[\"\\ud800\"]",
         "line 1, column 3: expected \\u and four hex digits, surrogates in pairs, found '\\'"},
        {"\xEF\xBB\xBF{}", "line 1, column 1: expected a value, found a byte order mark"},
        {"[\"\xC3\"]", "line 1, column 3: the text is not UTF-8"},
        {"{\"a\":1,}", "line 1, column 8: expected a key in quotes, found '}'"},
        {"{,}", "line 1, column 2: expected a key in quotes or '}', found ','"},
        {"[] []", "line 1, column 4: expected the end of the text, found '['"},
        {"", "line 1, column 1: expected a value, found the end of the text"},
    };
    struct tn_json *json = tn_json_new();
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tn_err err;
        assert_false(tn_json_parse(json, tn_str(cases[i][0]), &err));
        assert_int_equal(err.kind, TN_E_syntax);
        assert_string_equal(err.text, cases[i][1]);
    }
    tn_json_free(json);
}

static void limits_are_told_from_bad_syntax(void **state)
{
    struct tn_json *json = tn_json_new();
    struct tn_err err;
    char deep[200];
    (void)state;
    memset(deep, '[', sizeof deep);
    assert_false(tn_json_parse(json, (struct tn_str){deep, sizeof deep}, &err));
    assert_int_equal(err.kind, TN_E_too_large);
    assert_string_equal(err.text, "line 1, column 65: nested too deep");
    assert_false(tn_json_parse(json, TN_STR("1e1000000000"), &err));
    assert_int_equal(err.kind, TN_E_too_large);
    tn_json_free(json);
}

static void a_reader_reads_one_text_after_the_other(void **state)
{
    struct tn_json *json = tn_json_new();
    struct tn_err err;
    (void)state;
    for (int round = 0; round < 3; round++) {
        assert_true(tn_json_parse(json, TN_STR("{\"a\\n\":1,\"a\\n\":2}"), &err));
        assert_string_equal(tn_json_duplicate(json), "a\n");
        assert_false(tn_json_parse(json, TN_STR("{\"a\":"), &err));
        assert_null(tn_json_duplicate(json));
        assert_true(tn_json_parse(json, TN_STR("[1,2,3]"), &err));
        assert_null(tn_json_duplicate(json));
        assert_int_equal(tn_jcount(tn_json_root(json)), 3);
    }
    tn_json_free(json);
}

/* Look-up and iteration */

static void raw_is(struct tn_jval v, const char *want)
{
    struct tn_str raw = tn_jraw(v);
    if (!tn_str_is(raw, want)) fail_msg("%.*s is not %s", TN_FMT(raw), want);
}

static void values_are_found_and_keep_their_bytes(void **state)
{
    struct tn_json *json = parsed("{ \"n\" : 0.10, \"s\":\"a\\u0041\", \"l\" : [ 1 , {\"x\": [ ] } "
                                  "], \"o\": { } , \"z\":null}");
    struct tn_jval root = tn_json_root(json);
    (void)state;
    raw_is(tn_jget_z(root, "n"), "0.10");
    raw_is(tn_jget_z(root, "s"), "\"a\\u0041\"");
    raw_is(tn_jget_z(root, "l"), "[ 1 , {\"x\": [ ] } ]");
    raw_is(tn_jget_z(tn_jat(tn_jget_z(root, "l"), 1), "x"), "[ ]");
    raw_is(tn_jget_z(root, "o"), "{ }");
    assert_int_equal(tn_jtype(tn_jget_z(root, "z")), TN_JSON_null);
    assert_int_equal(tn_jcount(root), 5);
    assert_int_equal(tn_jcount(tn_jget_z(root, "l")), 2);
    tn_json_free(json);
}

static void what_is_absent_stays_absent(void **state)
{
    struct tn_json *json = parsed("{\"a\":[1]}");
    struct tn_jval root = tn_json_root(json), none = tn_jget_z(root, "x"), zero = {NULL, 0};
    struct tn_str text;
    int64_t n;
    (void)state;
    assert_int_equal(tn_jtype(tn_jget_z(tn_jat(tn_jget_z(none, "y"), 3), "z")), TN_JSON_absent);
    assert_int_equal(tn_jtype(tn_jat(tn_jget_z(root, "a"), 1)), TN_JSON_absent);
    assert_int_equal(tn_jtype(tn_jat(root, 0)), TN_JSON_absent);
    assert_int_equal(tn_jtype(tn_jget_z(tn_jget_z(root, "a"), "0")), TN_JSON_absent);
    assert_int_equal(tn_jtype(tn_jget(root, (struct tn_str){NULL, 0})), TN_JSON_absent);
    assert_null(tn_jraw(none).p);
    assert_int_equal(tn_jcount(none), 0);
    assert_false(tn_jint(none, &n));
    assert_false(tn_jtext(zero, NULL, &text));
    struct tn_jiter it = tn_jiter(zero);
    assert_false(tn_jnext(&it));
    it = tn_jiter(tn_jat(tn_jget_z(root, "a"), 0));
    assert_false(tn_jnext(&it));
    tn_json_free(json);
}

static void iteration_keeps_the_order(void **state)
{
    struct tn_json *json = parsed("{\"b\":[10,[2,3],{\"x\":1},\"t\"],\"\\u0061\":{},\"\":0}");
    static const char *const keys[] = {"b", "a", ""};
    static const char *const elements[] = {"10", "[2,3]", "{\"x\":1}", "\"t\""};
    struct tn_jval root = tn_json_root(json);
    size_t n = 0;
    (void)state;
    for (struct tn_jiter it = tn_jiter(root); tn_jnext(&it); n++) {
        assert_int_equal(it.index, n);
        assert_true(tn_str_is(it.key, keys[n]));
    }
    assert_int_equal(n, 3);
    n = 0;
    for (struct tn_jiter it = tn_jiter(tn_jget_z(root, "b")); tn_jnext(&it); n++) {
        assert_int_equal(it.index, n);
        assert_null(it.key.p);
        raw_is(it.value, elements[n]);
    }
    assert_int_equal(n, 4);
    tn_json_free(json);
}

static void of_a_doubled_key_the_last_counts(void **state)
{
    struct tn_json *json =
        parsed("{\"l\":[0,{\"k\":1,\"m\":{\"q\":1,\"q\":2},\"\\u006b\":[2]}],\"l2\":1,\"l2\":2}");
    struct tn_jval inner = tn_jat(tn_jget_z(tn_json_root(json), "l"), 1);
    (void)state;
    raw_is(tn_jget_z(inner, "k"), "[2]");
    assert_int_equal(tn_jcount(inner), 2);
    struct tn_jiter it = tn_jiter(inner);
    assert_true(tn_jnext(&it));
    assert_true(tn_str_is(it.key, "m"));
    assert_true(tn_jnext(&it));
    assert_true(tn_str_is(it.key, "k"));
    assert_int_equal(it.index, 1);
    raw_is(it.value, "[2]");
    assert_false(tn_jnext(&it));
    raw_is(tn_jget_z(tn_json_root(json), "l2"), "2");
    assert_string_equal(tn_json_duplicate(json), "l2");
    tn_json_free(json);
    json = parsed("{\"a\":[0,{\"b\":{\"c\":1,\"d\":2,\"c\":3}}]}");
    assert_string_equal(tn_json_duplicate(json), "a[1].b.c");
    tn_json_free(json);
    json = parsed("{\"a\":{\"b\":1},\"c\":{\"b\":1},\"\":{\"b \":1}}");
    assert_null(tn_json_duplicate(json));
    tn_json_free(json);
}

static void large_objects_are_looked_up_by_index(void **state)
{
    enum { KEYS = 50000 };
    struct tn_buf text;
    struct tn_jw w;
    struct tn_err err;
    struct tn_json *json = tn_json_new();
    (void)state;
    tn_buf_init(&text, 16 * TN_MIB);
    tn_jw_init(&w, &text);
    tn_jw_object(&w);
    for (int i = 0; i < 2 * KEYS; i++) {
        char key[24];
        snprintf(key, sizeof key, "key-%d", i % KEYS);
        tn_jw_kint(&w, key, i);
    }
    tn_jw_end(&w);
    assert_true(tn_json_parse(json, tn_buf_str(&text), &err));
    struct tn_jval root = tn_json_root(json);
    assert_int_equal(tn_jcount(root), KEYS);
    for (int i = 0; i < KEYS; i++) {
        char key[24];
        int64_t got;
        snprintf(key, sizeof key, "key-%d", i);
        assert_true(tn_jint(tn_jget_z(root, key), &got));
        assert_int_equal(got, KEYS + i);
    }
    assert_int_equal(tn_jtype(tn_jget_z(root, "key-50000")), TN_JSON_absent);
    assert_string_equal(tn_json_duplicate(json), "key-0");
    tn_json_free(json);
    tn_buf_clear(&text);
}

/* Conversions */

static void integers_are_exact_or_refused(void **state)
{
    static const struct {
        const char *text;
        bool fits;
        int64_t value;
    } cases[] = {
        {"0", 1, 0},
        {"-0", 1, 0},
        {"7.0", 1, 7},
        {"7e2", 1, 700},
        {"70e-1", 1, 7},
        {"7.5", 0, 0},
        {"9223372036854775807", 1, INT64_MAX},
        {"-9223372036854775808", 1, INT64_MIN},
        {"9223372036854775808", 0, 0},
        {"-9223372036854775809", 0, 0},
        {"300000047274444", 1, 300000047274444},
        {"0e999999999", 1, 0},
        {"0.000e-5", 1, 0},
        {"1e18", 1, 1000000000000000000},
        {"1e19", 0, 0},
        {"9.223372036854775807e18", 1, INT64_MAX},
        {"9.2233720368547758075e18", 0, 0},
        {"1e999999999", 0, 0},
        {"-1.20e1", 1, -12},
        {"0.1", 0, 0},
        {"-0.0", 1, 0},
        {"12345678901234567890123", 0, 0},
        {"\"7\"", 0, 0},
        {"true", 0, 0},
        {"null", 0, 0},
        {"[7]", 0, 0},
        {"0.00000000000000000000000000700e27", 1, 7},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tn_json *json = parsed(cases[i].text);
        int64_t got = -99;
        if (tn_jint(tn_json_root(json), &got) != cases[i].fits) fail_msg("%s", cases[i].text);
        assert_int_equal(got, cases[i].fits ? cases[i].value : -99);
        tn_json_free(json);
    }
}

static void doubles_are_the_nearest(void **state)
{
    static const struct {
        const char *text;
        double value;
    } cases[] = {{"0.1", 0.1},
                 {"1e308", 1e308},
                 {"-5", -5},
                 {"9007199254740993", 9007199254740992.0},
                 {"123456789.123456", 123456789.123456},
                 {"4.9406564584124654e-324", 4.9406564584124654e-324},
                 {"1e-999", 0},
                 {"1.7976931348623157e308", 1.7976931348623157e308},
                 {"7e22", 7e22},
                 {"7e23", 7e23},
                 {"0.30000000000000004", 0.30000000000000004},
                 {"100e-2", 1}};
    double got;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tn_json *json = parsed(cases[i].text);
        assert_true(tn_jdouble(tn_json_root(json), &got));
        assert_memory_equal(&got, &cases[i].value, sizeof got);
        tn_json_free(json);
    }
    struct tn_json *json = parsed("[1e309, \"1\"]");
    assert_false(tn_jdouble(tn_jat(tn_json_root(json), 0), &got));
    assert_false(tn_jdouble(tn_jat(tn_json_root(json), 1), &got));
    tn_json_free(json);
}

static void strings_are_decoded(void **state)
{
    struct tn_json *json =
        parsed("[\"plain\",\"\\\"\\\\\\/"
               "\\b\\f\\n\\r\\t\",\"\\u00e9\\u20AC\\ud83d\\ude00x\",\"a\\u0000b\",\"\"]");
    static const struct tn_str want[] = {{"plain", 5},
                                         {"\"\\/\b\f\n\r\t", 8},
                                         {"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80x", 10},
                                         {"a\0b", 3},
                                         {"", 0}};
    struct tn_arena arena;
    struct tn_str text;
    size_t n = 0;
    (void)state;
    tn_arena_init(&arena);
    for (struct tn_jiter it = tn_jiter(tn_json_root(json)); tn_jnext(&it); n++) {
        assert_true(tn_jtext(it.value, &arena, &text));
        assert_true(tn_str_eq(text, want[n]));
    }
    assert_int_equal(n, 5);
    tn_arena_clear(&arena);
    tn_json_free(json);
}

static void booleans_and_names(void **state)
{
    struct tn_json *json = parsed("[true,false,0]");
    bool b = false;
    (void)state;
    assert_true(tn_jbool(tn_jat(tn_json_root(json), 0), &b) && b);
    assert_true(tn_jbool(tn_jat(tn_json_root(json), 1), &b) && !b);
    assert_false(tn_jbool(tn_jat(tn_json_root(json), 2), &b));
    assert_string_equal(tn_json_type_name(TN_JSON_absent), "nothing");
    assert_string_equal(tn_json_type_name(TN_JSON_object), "an object");
    tn_json_free(json);
}

/* Rows */

static void rows_come_one_by_one(void **state)
{
    static const char page[] = "{\"count\":2,\"x\":{\"items\":[9]},\"items\":[{\"a\":1},[2],"
                               "\"s\\n\", 4 ],\"hasMore\":true}";
    static const char *const want[] = {"{\"a\":1}", "[2]", "\"s\\n\"", "4"};
    (void)state;
    for (size_t e = 0; e < ENGINES; e++) {
        struct tn_json *json = reader_of(e);
        struct tn_json_rows rows;
        struct tn_err err;
        if (!json) continue;
        assert_true(tn_json_rows_open(&rows, json, tn_str(page), TN_STR("items"), &err));
        for (size_t n = 0; n < 4; n++) {
            assert_true(tn_json_rows_next(&rows, &err));
            assert_int_equal(rows.index, n);
            raw_is(tn_json_root(json), want[n]);
            assert_true(tn_str_eq(tn_jraw(tn_json_root(json)),
                                  (struct tn_str){page + rows.start, rows.end - rows.start}));
        }
        assert_false(tn_json_rows_next(&rows, &err));
        assert_int_equal(err.kind, TN_E_none);
        assert_false(tn_json_rows_next(&rows, &err));
        assert_int_equal(err.kind, TN_E_none);
        tn_json_free(json);
    }
}

static int count_rows(const char *text, const char *path, struct tn_err *err)
{
    struct tn_json *json = tn_json_new();
    struct tn_json_rows rows;
    int n = 0;
    if (tn_json_rows_open(&rows, json, tn_str(text), tn_str(path), err))
        while (tn_json_rows_next(&rows, err)) n++;
    tn_json_free(json);
    return n;
}

static void rows_are_found_wherever_they_are(void **state)
{
    struct tn_err err;
    (void)state;
    assert_int_equal(count_rows("[1,2,3]", "", &err), 3);
    assert_int_equal(err.kind, TN_E_none);
    assert_int_equal(count_rows(" [ ] ", "", &err), 0);
    assert_int_equal(err.kind, TN_E_none);
    assert_int_equal(
        count_rows("{\"d\":{\"results\":[1,2],\"n\":[3]},\"z\":[]}", "d.results", &err), 2);
    assert_int_equal(err.kind, TN_E_none);
    assert_int_equal(count_rows("{\"items\":null,\"a\":1}", "items", &err), 0);
    assert_int_equal(err.kind, TN_E_none);
    assert_int_equal(count_rows("{\"a\":1}\n{\"b\":2}\r\n\n[3]\n", "", &err), 3);
    assert_int_equal(err.kind, TN_E_none);
    assert_int_equal(count_rows("{\"a\":1}", "", &err), 1);
    assert_int_equal(err.kind, TN_E_none);
    assert_int_equal(count_rows(" \n", "", &err), 0);
    assert_int_equal(err.kind, TN_E_none);
    assert_int_equal(count_rows("{\"it\\u0065ms\":[7]}", "items", &err), 1);
    assert_int_equal(err.kind, TN_E_none);
}

static void a_page_without_its_rows_is_told(void **state)
{
    struct tn_err err;
    (void)state;
    assert_int_equal(count_rows("{\"Items\":[1],\"count\":1}", "items", &err), 0);
    assert_int_equal(err.kind, TN_E_not_found);
    assert_string_equal(err.text, "there is no member \"items\"; there are \"Items\", \"count\"");
    assert_int_equal(count_rows("{}", "items", &err), 0);
    assert_int_equal(err.kind, TN_E_not_found);
    assert_int_equal(count_rows("{\"items\":7}", "items", &err), 0);
    assert_string_equal(err.text, "line 1, column 10: expected an array, found '7'");
    assert_int_equal(count_rows("[]", "items", &err), 0);
    assert_string_equal(err.text, "line 1, column 1: expected an object, found '['");
    assert_int_equal(count_rows("", "items", &err), 0);
    assert_int_equal(err.kind, TN_E_syntax);
}

static void case_12_one_row_is_an_object_and_no_row_is_no_member(void **state)
{
    static const struct {
        const char *text, *path;
        int rows;
        enum tn_kind kind;
    } cases[] = {
        {"{\"items\":{\"no\":1},\"z\":[1]}", "items", 1, TN_E_none},
        {"{\"d\":{\"results\":{}}}", "d.results", 1, TN_E_none},
        {"{\"items\":{\"no\"}}", "items", 0, TN_E_syntax},
        {"{\"items\":{\"no\":1}]", "items", 1, TN_E_syntax},
        {"{\"items\":null}", "items", 0, TN_E_none},
        {"{\"count\":0,\"more\":false}", "items", 0, TN_E_not_found},
        {"{\"count\":0,\"more\":false}", "items?", 0, TN_E_none},
        {"{\"items\":[1,2]}", "items?", 2, TN_E_none},
        {"{\"items\":{}}", "items?", 1, TN_E_none},
        {"{}", "items?", 0, TN_E_none},
        {"{\"d\":{},\"z\":{}}", "d.results?", 0, TN_E_none},
        {"{\"d\":null,\"z\":{}}", "d.results?", 0, TN_E_none},
        {"{\"d\":{},\"z\":}", "d.results?", 0, TN_E_syntax},
        {"{\"count\":0}x", "items?", 0, TN_E_syntax},
        {"{\"count\":", "items?", 0, TN_E_syntax},
        {"{\"items\":\"x\"}", "items?", 0, TN_E_syntax},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tn_err err;
        int n = count_rows(cases[i].text, cases[i].path, &err);
        if (n != cases[i].rows || err.kind != cases[i].kind)
            fail_msg("%s at %s: %d rows, %s", cases[i].text, cases[i].path, n, err.text);
    }
}

static void case_23_a_byte_order_mark_may_stand_before_rows(void **state)
{
    struct tn_err err;
    (void)state;
    assert_int_equal(count_rows("\xEF\xBB\xBF{\"items\":[1,2]}", "items", &err), 2);
    assert_int_equal(err.kind, TN_E_none);
    assert_int_equal(count_rows("\xEF\xBB\xBF{\"a\":1}\n{\"a\":2}\n", "", &err), 2);
    assert_int_equal(err.kind, TN_E_none);
    assert_int_equal(count_rows("\xEF\xBB\xBF", "", &err), 0);
    assert_int_equal(err.kind, TN_E_none);
    assert_int_equal(count_rows("\xEF\xBB[1]", "", &err), 0);
    assert_int_equal(err.kind, TN_E_syntax);
}

/* All of the page is checked, before the rows, in them and behind them. */
static void a_bad_page_ends_in_an_error(void **state)
{
    static const struct {
        const char *text;
        int rows;
    } cases[] = {
        {"{\"items\":[1,2]", 2},
        {"{\"items\":[1,2]}x", 2},
        {"{\"items\":[1,2],}", 2},
        {"{\"items\":[1,2]]", 2},
        {"{\"items\":[1 2]}", 1},
        {"{\"items\":[1,]}", 1},
        {"{\"items\":[1,{\"a\"}]}", 1},
        {"{\"items\":[1,2],\"a\":tru}", 2},
        {"{\"items\":[1],\"items\":[]}", 1},
        {"{\"a\":,\"items\":[1]}", 0},
        {"{\"items\":[1]}\xff", 1},
        {"{\"items\":[,1]}", 0},
        {"{\"items\":[1", 1},
        {"{\"items\":[", 0},
        {"{\"items\"", 0},
        {"{\"items\":nul}", 0},
        {"{\"items\":null,}", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tn_err err;
        if (count_rows(cases[i].text, "items", &err) != cases[i].rows)
            fail_msg("%s", cases[i].text);
        if (err.kind != TN_E_syntax) fail_msg("%s: %s", cases[i].text, err.text);
    }
    struct tn_err err;
    assert_int_equal(count_rows("[1,2] 3", "", &err), 2);
    assert_string_equal(err.text, "line 1, column 7: expected the end of the text, found '3'");
}

static void a_bad_line_is_lost_alone(void **state)
{
    static const char text[] =
        "{\"a\":1}\n{\"a\":\"x\n\xff\n{\"a\":2} {\"a\":3}\n{\"a\":\"\xC3\"}\n\n{\"a\":4}\n[";
    static const char *const want[] = {"{\"a\":1}", NULL, NULL,        "{\"a\":2}",
                                       NULL,        NULL, "{\"a\":4}", NULL};
    (void)state;
    for (size_t e = 0; e < ENGINES; e++) {
        struct tn_json *json = reader_of(e);
        struct tn_json_rows rows;
        struct tn_err err;
        if (!json) continue;
        assert_true(tn_json_rows_open(&rows, json, tn_str(text), TN_STR(""), &err));
        for (size_t n = 0; n < sizeof want / sizeof *want; n++) {
            bool good = tn_json_rows_next(&rows, &err);
            if (good != (want[n] != NULL)) fail_msg("row %zu: %s", n, err.text);
            assert_int_equal(rows.index, n);
            if (good)
                raw_is(tn_json_root(json), want[n]);
            else
                assert_int_equal(err.kind, TN_E_syntax);
        }
        assert_false(tn_json_rows_next(&rows, &err));
        assert_int_equal(err.kind, TN_E_none);
        tn_json_free(json);
    }
}

/* Rows behind one another, with enough behind them to be read in one pass. */
static const char picked_page[] =
    "{\"items\":[{\"id\":1,\"name\":\"first\",\"other\":[1,{\"id\":9}],\"last\":true},"
    "{\"name\":\"s\\u00e9cond\",\"id\":2.50,\"id\":3,\"a name that is longer than what is "
    "compared at once\":null},\n { \"n\\u0061me\" : \"third\" , \"odd\" : -0.5e-3 },{},7,"
    "{\"name\":null,\"id\":{\"id\":[]}}],\"count\":6,\"behind\":\"some text that follows the rows, "
    "so that they may be read ahead of\"}";

static void a_row_keeps_only_the_members_that_are_wanted(void **state)
{
    static const struct tn_str names[] = {TN_STR("id"), TN_STR("name")};
    static const char *const want[][3] = {
        {"1", "\"first\"", NULL},  {"3", "\"s\\u00e9cond\"", "id"},
        {NULL, "\"third\"", NULL}, {NULL, NULL, NULL},
        {NULL, NULL, NULL},        {"{\"id\":[]}", "null", NULL}};
    struct tn_json *json = tn_json_new();
    struct tn_json_pick pick = {.count = 2};
    struct tn_json_rows rows;
    struct tn_arena arena;
    struct tn_err err;
    (void)state;
    tn_arena_init(&arena);
    tn_names_build(&pick.names, &arena, names, 2, false);
    assert_true(tn_json_rows_open(&rows, json, tn_str(picked_page), TN_STR("items"), &err));
    rows.pick = &pick;
    for (size_t i = 0; tn_json_rows_next(&rows, &err); i++) {
        struct tn_jval root = tn_json_root(json);
        for (size_t k = 0; k < 2; k++)
            assert_true(tn_str_eq(tn_jraw(tn_jget(root, names[k])), tn_str(want[i][k])));
        assert_true(tn_jis(tn_jget_z(root, "other"), TN_JSON_absent));
        const char *twice = tn_json_duplicate(json);
        assert_true(!twice == !want[i][2] && (!twice || strcmp(twice, want[i][2]) == 0));
    }
    assert_int_equal(err.kind, TN_E_none);
    assert_int_equal(rows.index, 5);
    tn_json_free(json);
    tn_arena_clear(&arena);
}

static void rows_of_a_long_page_equal_those_of_one_parse(void **state)
{
    struct tn_buf page;
    struct tn_jw w;
    struct tn_err err;
    struct tn_json *json = tn_json_new(), *whole = tn_json_new();
    struct tn_json_rows rows;
    (void)state;
    tn_buf_init(&page, 4 * TN_MIB);
    tn_jw_init(&w, &page);
    tn_jw_array(&w);
    for (int i = 0; i < 3000; i++) {
        char filler[300];
        memset(filler, i % 7 ? 'x' : '\n', sizeof filler);
        tn_jw_object(&w);
        tn_jw_kint(&w, "n", i);
        tn_jw_kstr(&w, "t\xC3\xA9", (struct tn_str){filler, (size_t)(i * 31 % 300)});
        tn_jw_end(&w);
    }
    tn_jw_end(&w);
    assert_true(tn_json_parse(whole, tn_buf_str(&page), &err));
    assert_true(tn_json_rows_open(&rows, json, tn_buf_str(&page), TN_STR(""), &err));
    for (struct tn_jiter it = tn_jiter(tn_json_root(whole)); tn_jnext(&it);) {
        assert_true(tn_json_rows_next(&rows, &err));
        assert_ptr_equal(tn_jraw(tn_json_root(json)).p, tn_jraw(it.value).p);
        assert_int_equal(tn_jraw(tn_json_root(json)).n, tn_jraw(it.value).n);
    }
    assert_false(tn_json_rows_next(&rows, &err));
    assert_int_equal(err.kind, TN_E_none);
    tn_json_free(json);
    tn_json_free(whole);
    tn_buf_clear(&page);
}

/* Writer */

static void what_is_written_reads_well(void **state)
{
    struct tn_buf out;
    struct tn_jw w;
    (void)state;
    tn_buf_init(&out, TN_MIB);
    tn_jw_init(&w, &out);
    tn_jw_object(&w);
    tn_jw_kint(&w, "i", INT64_MIN);
    tn_jw_kz(&w, "nothing", NULL);
    tn_jw_kbool(&w, "b", false);
    tn_jw_kraw(&w, "raw", TN_STR("0.10"));
    tn_jw_key(&w, TN_STR("list"));
    tn_jw_array(&w);
    tn_jw_array(&w);
    tn_jw_end(&w);
    tn_jw_int(&w, 1);
    tn_jw_object(&w);
    tn_jw_end(&w);
    tn_jw_str(&w, TN_STR("a\"b\\c\x01\n\x7f/\xC3\xA9"));
    tn_jw_end(&w);
    tn_jw_kstr(&w, "", TN_STR(""));
    tn_jw_end(&w);
    assert_string_equal(out.p,
                        "{\"i\":-9223372036854775808,\"nothing\":null,\"b\":false,\"raw\":0.10,"
                        "\"list\":[[],1,{},\"a\\\"b\\\\c\\u0001\\n\x7f/\xC3\xA9\"],\"\":\"\"}");
    tn_buf_clear(&out);
}

static void every_byte_is_escaped_right_at_every_place(void **state)
{
    struct tn_json *json = tn_json_new();
    struct tn_arena arena;
    struct tn_buf out;
    (void)state;
    tn_arena_init(&arena);
    tn_buf_init(&out, TN_MIB);
    for (unsigned c = 0; c < 0x80; c++) {
        for (size_t n = 1; n < 80; n += n < 20 ? 1 : 13) {
            char text[80];
            struct tn_str back;
            struct tn_err err;
            memset(text, 'x', sizeof text);
            text[n - 1] = (char)c;
            text[n / 2] = (char)c;
            tn_buf_reset(&out);
            tn_json_quote(&out, (struct tn_str){text, n});
            assert_true(tn_json_parse(json, tn_buf_str(&out), &err));
            assert_true(tn_jtext(tn_json_root(json), &arena, &back));
            assert_true(tn_str_eq(back, (struct tn_str){text, n}));
        }
        tn_arena_reset(&arena);
    }
    tn_arena_clear(&arena);
    tn_buf_clear(&out);
    tn_json_free(json);
}

static uint64_t random_state = 88172645463325252u;

static uint64_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void doubles_are_written_short_and_read_back(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0"},
                 {-0.0, "-0"},
                 {1, "1"},
                 {-2.5, "-2.5"},
                 {0.1, "0.1"},
                 {1e21, "1e+21"},
                 {5e-324, "5e-324"},
                 {0.1 + 0.2, "0.30000000000000004"},
                 {9007199254740992.0, "9007199254740992"},
                 {1e15, "1000000000000000"},
                 {1e16, "1e+16"},
                 {123456789.123456, "123456789.123456"},
                 {1.7976931348623157e308, "1.7976931348623157e+308"}};
    struct tn_json *json = tn_json_new();
    struct tn_buf out;
    struct tn_jw w;
    (void)state;
    tn_buf_init(&out, TN_MIB);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tn_buf_reset(&out);
        tn_jw_init(&w, &out);
        tn_jw_double(&w, cases[i].value);
        assert_string_equal(out.p, cases[i].text);
    }
    for (int i = 0; i < 20000; i++) {
        struct tn_err err;
        double v, back;
        uint64_t bits = random_bits();
        memcpy(&v, &bits, sizeof v);
        if (v != v || v - v != 0) continue;
        tn_buf_reset(&out);
        tn_jw_init(&w, &out);
        tn_jw_double(&w, v);
        assert_true(tn_json_parse(json, tn_buf_str(&out), &err));
        assert_true(tn_jdouble(tn_json_root(json), &back));
        assert_memory_equal(&v, &back, sizeof v);
    }
    tn_buf_clear(&out);
    tn_json_free(json);
}

/* Properties */

static void random_text(struct tn_buf *out)
{
    static const char *const bits[] = {"a",
                                       "\\n",
                                       "\\u00e9",
                                       "\xC3\xA9",
                                       "\xE2\x82\xAC",
                                       "\xF0\x9F\x98\x80",
                                       "\\\"",
                                       "\\\\",
                                       " ",
                                       "[",
                                       "}",
                                       ",",
                                       ":",
                                       "\\ud83d\\ude00",
                                       "/",
                                       "\\/",
                                       "abcdefgh"};
    tn_buf_addc(out, '"');
    for (uint64_t n = random_bits() % 4 ? random_bits() % 12 : random_bits() % 90; n--;)
        tn_buf_adds(out, bits[random_bits() % (sizeof bits / sizeof *bits)]);
    tn_buf_addc(out, '"');
}

static void random_value(struct tn_buf *out, unsigned depth)
{
    static const char *const words[] = {
        "true", "false", "null", "0", "-0.10", "1e5", "123456789012345678901234567890", "-1.5E-3"};
    uint64_t kind = random_bits() % (depth ? 8 : 4), n = random_bits() % 6;
    if (kind < 2) {
        random_text(out);
    } else if (kind < 4) {
        tn_buf_adds(out, words[random_bits() % 8]);
    } else {
        bool object = kind < 6;
        tn_buf_addc(out, object ? '{' : '[');
        for (uint64_t i = 0; i < n; i++) {
            if (i) tn_buf_addc(out, ',');
            if (object)
                tn_buf_addf(out, "\"%c%u\":", 'a' + (char)(random_bits() % 26), (unsigned)i);
            random_value(out, depth - 1);
        }
        tn_buf_addc(out, object ? '}' : ']');
    }
}

static void copy_value(struct tn_jw *w, struct tn_jval v)
{
    enum tn_json_type type = tn_jtype(v);
    if (type != TN_JSON_array && type != TN_JSON_object) {
        tn_jw_raw(w, tn_jraw(v));
        return;
    }
    if (type == TN_JSON_object)
        tn_jw_object(w);
    else
        tn_jw_array(w);
    for (struct tn_jiter it = tn_jiter(v); tn_jnext(&it);) {
        if (type == TN_JSON_object) tn_jw_key(w, it.key);
        copy_value(w, it.value);
    }
    tn_jw_end(w);
}

static void read_and_written_again_gives_the_same_bytes(void **state)
{
    struct tn_json *json = tn_json_new();
    struct tn_buf text, again;
    (void)state;
    tn_buf_init(&text, TN_MIB);
    tn_buf_init(&again, TN_MIB);
    for (int i = 0; i < 3000; i++) {
        struct tn_err err;
        struct tn_jw w;
        tn_buf_reset(&text);
        tn_buf_reset(&again);
        random_value(&text, 6);
        if (!tn_json_parse(json, tn_buf_str(&text), &err)) fail_msg("%s: %s", text.p, err.text);
        tn_jw_init(&w, &again);
        copy_value(&w, tn_json_root(json));
        assert_string_equal(text.p, again.p);
    }
    tn_buf_clear(&text);
    tn_buf_clear(&again);
    tn_json_free(json);
}

static void engines_agree_on_what_is_broken(void **state)
{
    static const char noise[] = "\"\\{}[],: \n\x01\xC3\xFFx0-.eu";
    struct tn_buf text;
    int accepted = 0;
    (void)state;
    tn_buf_init(&text, TN_MIB);
    for (int i = 0; i < 400; i++) {
        tn_buf_reset(&text);
        random_value(&text, 5);
        for (uint64_t hits = 1 + random_bits() % 3; hits-- && text.n;)
            text.p[random_bits() % text.n] = noise[random_bits() % (sizeof noise - 1)];
        accepted += parses_everywhere("noise", tn_buf_str(&text));
    }
    assert_in_range(accepted, 1, 399);
    tn_buf_clear(&text);
}

/* Canonical form: a fixture is an array of arrays; the texts in one are one value, those of two
 * arrays are two, and the first of each is the form itself. */

static char *canonical(struct tn_jval v)
{
    struct tn_buf out;
    tn_buf_init(&out, TN_MIB);
    tn_json_canonical(v, &out);
    return tn_buf_take(&out, NULL);
}

static void vectors_hold(const char *name, struct tn_str text)
{
    struct tn_json *json = tn_json_new(), *inner = tn_json_new();
    struct tn_arena arena;
    struct tn_err err;
    tn_arena_init(&arena);
    if (!tn_json_parse(json, text, &err)) fail_msg("%s: %s", name, err.text);
    const char *forms[256];
    size_t groups = 0;
    for (struct tn_jiter it = tn_jiter(tn_json_root(json)); tn_jnext(&it); groups++) {
        struct tn_str want = {NULL, 0};
        for (struct tn_jiter one = tn_jiter(it.value); tn_jnext(&one);) {
            struct tn_str given;
            assert_true(tn_jtext(one.value, &arena, &given));
            if (!want.p) want = given;
            if (!tn_json_parse(inner, given, &err)) fail_msg("%s: %s", name, err.text);
            char *got = canonical(tn_json_root(inner));
            if (!tn_str_is(want, got)) fail_msg("%s: %.*s gives %s", name, TN_FMT(given), got);
            tn_free(got);
        }
        forms[groups] = tn_arena_strndup(&arena, want.p, want.n);
        for (size_t i = 0; i < groups; i++) assert_string_not_equal(forms[i], forms[groups]);
    }
    assert_true(groups > 0);
    tn_arena_clear(&arena);
    tn_json_free(json);
    tn_json_free(inner);
}

static void one_value_has_one_canonical_form(void **state)
{
    (void)state;
    assert_true(each_file(FIXTURES "/canonical", vectors_hold) >= 4);
}

static void the_canonical_form_is_its_own(void **state)
{
    struct tn_json *json = tn_json_new();
    struct tn_buf text;
    (void)state;
    tn_buf_init(&text, TN_MIB);
    for (int i = 0; i < 1000; i++) {
        struct tn_err err;
        tn_buf_reset(&text);
        random_value(&text, 6);
        assert_true(tn_json_parse(json, tn_buf_str(&text), &err));
        char *once = canonical(tn_json_root(json));
        assert_true(tn_json_parse(json, tn_str(once), &err));
        char *twice = canonical(tn_json_root(json));
        assert_string_equal(once, twice);
        tn_free(once);
        tn_free(twice);
    }
    tn_buf_clear(&text);
    tn_json_free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_json_is_accepted),
        cmocka_unit_test(what_is_not_json_is_refused),
        cmocka_unit_test(no_prefix_of_a_text_is_a_text),
        cmocka_unit_test(an_error_says_where_and_what_was_expected),
        cmocka_unit_test(limits_are_told_from_bad_syntax),
        cmocka_unit_test(a_reader_reads_one_text_after_the_other),
        cmocka_unit_test(values_are_found_and_keep_their_bytes),
        cmocka_unit_test(what_is_absent_stays_absent),
        cmocka_unit_test(iteration_keeps_the_order),
        cmocka_unit_test(of_a_doubled_key_the_last_counts),
        cmocka_unit_test(large_objects_are_looked_up_by_index),
        cmocka_unit_test(integers_are_exact_or_refused),
        cmocka_unit_test(doubles_are_the_nearest),
        cmocka_unit_test(strings_are_decoded),
        cmocka_unit_test(booleans_and_names),
        cmocka_unit_test(rows_come_one_by_one),
        cmocka_unit_test(rows_are_found_wherever_they_are),
        cmocka_unit_test(a_page_without_its_rows_is_told),
        cmocka_unit_test(case_12_one_row_is_an_object_and_no_row_is_no_member),
        cmocka_unit_test(case_23_a_byte_order_mark_may_stand_before_rows),
        cmocka_unit_test(a_bad_page_ends_in_an_error),
        cmocka_unit_test(a_bad_line_is_lost_alone),
        cmocka_unit_test(a_row_keeps_only_the_members_that_are_wanted),
        cmocka_unit_test(rows_of_a_long_page_equal_those_of_one_parse),
        cmocka_unit_test(what_is_written_reads_well),
        cmocka_unit_test(every_byte_is_escaped_right_at_every_place),
        cmocka_unit_test(doubles_are_written_short_and_read_back),
        cmocka_unit_test(read_and_written_again_gives_the_same_bytes),
        cmocka_unit_test(engines_agree_on_what_is_broken),
        cmocka_unit_test(one_value_has_one_canonical_form),
        cmocka_unit_test(the_canonical_form_is_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
