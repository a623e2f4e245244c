/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/id.h"

static void later_ids_sort_behind(void **state)
{
    struct tn_id last = tn_id_new();
    (void)state;
    for (int i = 0; i < 200000; i++) {
        struct tn_id id = tn_id_new();
        assert_true(memcmp(&last, &id, sizeof id) < 0);
        assert_int_equal(id.b[6] >> 4, 7);
        assert_int_equal(id.b[8] >> 6, 2);
        last = id;
    }
}

static void ids_are_text_and_back(void **state)
{
    static const char *const bad[] = {"",
                                      "0190e6c8-0000-7000-8000-00000000000",
                                      "0190e6c8-0000-7000-8000-0000000000000",
                                      "0190e6c800007000-8000-0000-0000000000",
                                      "0190e6c8-0000-7000-8000-00000000000g",
                                      "{190e6c8-0000-7000-8000-00000000000}"};
    struct tn_id id = tn_id_new(), back;
    char text[TN_ID_LEN + 1], again[TN_ID_LEN + 1];
    (void)state;
    tn_id_text(&id, text);
    assert_int_equal(strlen(text), TN_ID_LEN);
    assert_true(tn_id_parse(tn_str(text), &back));
    assert_memory_equal(&id, &back, sizeof id);
    assert_true(tn_id_parse(TN_STR("0190E6C8-ABCD-7000-8000-0000000000FF"), &back));
    tn_id_text(&back, again);
    assert_string_equal(again, "0190e6c8-abcd-7000-8000-0000000000ff");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(tn_id_parse(tn_str(bad[i]), &back));
}

/* Both sides of a fork go on from the same memory, often within the same millisecond. */
static void a_forked_child_makes_other_ids(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        int ends[2];
        struct tn_id ours, theirs;
        assert_int_equal(pipe(ends), 0);
        (void)tn_id_new();
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            theirs = tn_id_new();
            _exit(write(ends[1], &theirs, sizeof theirs) != sizeof theirs);
        }
        ours = tn_id_new();
        assert_int_equal(read(ends[0], &theirs, sizeof theirs), sizeof theirs);
        assert_memory_not_equal(&ours, &theirs, sizeof ours);
        waitpid(child, NULL, 0);
        close(ends[0]);
        close(ends[1]);
    }
}

static void random_bytes_differ(void **state)
{
    unsigned char a[1000], b[1000];
    (void)state;
    tn_random(a, sizeof a);
    tn_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(later_ids_sort_behind),
        cmocka_unit_test(ids_are_text_and_back),
        cmocka_unit_test(a_forked_child_makes_other_ids),
        cmocka_unit_test(random_bytes_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
