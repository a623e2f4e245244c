/* SPDX-License-Identifier: MIT */
#include "rows_rig.h"

#include "base/ndjson.h"

/* text in one piece and byte by byte. */
static void expect(const char *text, const char *want)
{
    for (size_t step = 1; step < 1000; step *= 999) {
        struct tn_buf out;
        struct tn_err err;
        tn_buf_init(&out, TN_MIB);
        struct tn_ndjson *r = tn_ndjson_new(rig_row, &out);
        for (size_t i = 0, n = strlen(text); i < n; i += step)
            assert_true(tn_ndjson_feed(r, text + i, n - i < step ? n - i : step, &err));
        assert_true(tn_ndjson_end(r, &err));
        if (!tn_str_is(tn_buf_str(&out), want))
            fail_msg("%s\n wanted %s\n got    %s", text, want, out.p ? out.p : "");
        tn_ndjson_free(r);
        tn_buf_clear(&out);
    }
}

static void lines_are_records_byte_for_byte(void **state)
{
    (void)state;
    expect("{\"a\":0.10}\n{\"a\": 2 }\r\n\n  \n{}", "{\"a\":0.10}\n{\"a\": 2 }\n{}\n");
    expect("\xEF\xBB\xBF{\"a\":1}\n", "{\"a\":1}\n");
    expect("", "");
}

static void a_wrong_line_is_lost_alone(void **state)
{
    (void)state;
    expect("{\"a\":1}\n[1]\n7\n{\"a\":}\n{\"b\":1}\n",
           "{\"a\":1}\n!2: the line is an array, no object\n!3: the line is a number, no object\n"
           "!4: line 1, column 6: expected a value, found '}'\n{\"b\":1}\n");
    expect("{\"a\":1", "!1: line 1, column 7: expected ',' or '}', found the end of the text\n");
}

static bool refuse(void *arg, struct tn_str json, const struct tn_err *bad, size_t line)
{
    (void)arg, (void)json, (void)bad, (void)line;
    return false;
}

static void it_can_be_stopped_and_says_the_bytes(void **state)
{
    struct tn_err err;
    (void)state;
    struct tn_ndjson *r = tn_ndjson_new(refuse, NULL);
    assert_false(tn_ndjson_feed(r, "{}\n", 3, &err));
    assert_int_equal(err.kind, TN_E_cancelled);
    tn_ndjson_free(r);
    tn_ndjson_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_records_byte_for_byte),
        cmocka_unit_test(a_wrong_line_is_lost_alone),
        cmocka_unit_test(it_can_be_stopped_and_says_the_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
