/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/map.h"

static int values[1000];

static struct tn_str key_of(int i, char text[16])
{
    return (struct tn_str){text, (size_t)snprintf(text, 16, "key%d", i)};
}

static void what_is_put_is_found_until_removed(void **state)
{
    struct tn_map m;
    char text[16];
    (void)state;
    tn_map_init(&m);
    assert_null(tn_map_get(&m, TN_STR("x")));
    assert_null(tn_map_remove(&m, TN_STR("x")));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 1000; i++) assert_null(tn_map_put(&m, key_of(i, text), &values[i]));
        assert_int_equal(m.count, 1000);
        for (int i = 0; i < 1000; i++)
            assert_ptr_equal(tn_map_put(&m, key_of(i, text), &values[i]), &values[i]);
        for (int i = round; i < 1000; i += 3)
            assert_ptr_equal(tn_map_remove(&m, key_of(i, text)), &values[i]);
        for (int i = 0; i < 1000; i++) {
            void *want = i >= round && (i - round) % 3 == 0 ? NULL : &values[i];
            assert_ptr_equal(tn_map_get(&m, key_of(i, text)), want);
        }
        for (int i = 0; i < 1000; i++) tn_map_remove(&m, key_of(i, text));
        assert_int_equal(m.count, 0);
    }
    tn_map_clear(&m, NULL);
}

static void keys_are_bytes(void **state)
{
    struct tn_map m;
    (void)state;
    tn_map_init(&m);
    tn_map_put(&m, (struct tn_str){"a\0b", 3}, &values[0]);
    tn_map_put(&m, TN_STR("a"), &values[1]);
    tn_map_put(&m, TN_STR(""), &values[2]);
    assert_ptr_equal(tn_map_get(&m, (struct tn_str){"a\0b", 3}), &values[0]);
    assert_ptr_equal(tn_map_get(&m, TN_STR("a")), &values[1]);
    assert_ptr_equal(tn_map_get(&m, TN_STR("")), &values[2]);
    tn_map_clear(&m, NULL);
}

static void count_one(void *value)
{
    ++*(int *)value;
}

static void each_entry_comes_once(void **state)
{
    struct tn_map m;
    char text[16];
    size_t at = 0;
    int seen = 0;
    (void)state;
    tn_map_init(&m);
    for (int i = 0; i < 100; i++) tn_map_put(&m, key_of(i, text), &values[i]);
    for (struct tn_map_entry *e; (e = tn_map_next(&m, &at));) seen += e->value != NULL;
    assert_int_equal(seen, 100);
    tn_map_clear(&m, count_one);
    for (int i = 0; i < 100; i++) assert_int_equal(values[i], 1);
    assert_null(tn_map_get(&m, TN_STR("key1")));
    tn_map_put(&m, TN_STR("again"), &values[5]);
    assert_int_equal(m.count, 1);
    tn_map_clear(&m, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_found_until_removed),
        cmocka_unit_test(keys_are_bytes),
        cmocka_unit_test(each_entry_comes_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
