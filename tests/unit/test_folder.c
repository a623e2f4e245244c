/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loop/folder.h"

static void count(void *arg)
{
    ++*(int *)arg;
}

static void write_file(const char *dir, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("return 1\n", f);
    fclose(f);
}

static void changes_are_told_once_a_burst_also_in_new_folders(void **state)
{
    char dir[] = "/tmp/tenon-folder-XXXXXX", sub[512];
    struct tn_err err;
    struct tn_loop *loop = tn_loop_new(&err);
    int told = 0;
    (void)state;
    assert_non_null(mkdtemp(dir));
    struct tn_folder *f = tn_folder_watch(loop, dir, 20, count, &told, &err);
    assert_non_null(f);
    for (int i = 0; i < 10; i++) write_file(dir, "a.lua");
    while (told < 1) tn_loop_turn(loop, true);
    snprintf(sub, sizeof sub, "%s/scripts", dir);
    assert_int_equal(mkdir(sub, 0700), 0);
    while (told < 2) tn_loop_turn(loop, true);
    write_file(sub, "b.lua");
    while (told < 3) tn_loop_turn(loop, true);
    tn_folder_free(f);
    tn_loop_free(loop);
    snprintf(sub, sizeof sub, "rm -rf %s", dir);
    assert_int_equal(system(sub), 0);
}

static void a_folder_that_is_not_there_is_refused(void **state)
{
    struct tn_err err;
    struct tn_loop *loop = tn_loop_new(&err);
    (void)state;
    assert_null(tn_folder_watch(loop, "/nowhere/at/all", 20, count, NULL, &err));
    assert_non_null(strstr(err.text, "/nowhere/at/all"));
    tn_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_are_told_once_a_burst_also_in_new_folders),
        cmocka_unit_test(a_folder_that_is_not_there_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
