/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scripts/fileset.h"
#include "scripts/site.h"

static int make(void **state)
{
    static char dir[64];
    snprintf(dir, sizeof dir, "/tmp/tenon-site-XXXXXX");
    assert_non_null(mkdtemp(dir));
    *state = dir;
    return 0;
}

static int unmake(void **state)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", (char *)*state);
    return system(command);
}

static const char path[] = "scripts/adapters/a.lua";

static void check_text(const char *dir, const char *want)
{
    struct tn_err err;
    struct tn_fileset *f = tn_fileset_read(dir, &err);
    assert_non_null(f);
    assert_int_equal(tn_fileset_count(f), want ? 1 : 0);
    if (want) assert_true(tn_str_is(tn_fileset_find(f, tn_str(path))->text, want));
    tn_fileset_unref(f);
}

static void a_file_is_written_replaced_and_removed(void **state)
{
    struct tn_err err;
    assert_true(tn_site_write(*state, path, TN_STR("return 1"), &err));
    check_text(*state, "return 1");
    assert_true(tn_site_write(*state, path, TN_STR("return 22"), &err));
    check_text(*state, "return 22");
    assert_true(tn_site_remove(*state, path, &err));
    check_text(*state, NULL);
    assert_false(tn_site_remove(*state, path, &err));
    assert_false(tn_site_remove(*state, "mappings/x/y.lua", &err));
}

static unsigned mode_of(const char *dir, const char *name)
{
    char full[160];
    struct stat st;
    snprintf(full, sizeof full, "%s/%s", dir, name);
    assert_int_equal(stat(full, &st), 0);
    return st.st_mode & 0777;
}

static void files_and_folders_have_the_modes_that_the_umask_leaves(void **state)
{
    struct tn_err err;
    mode_t before = umask(002);
    assert_true(tn_site_write(*state, path, TN_STR("return 1"), &err));
    umask(before);
    assert_int_equal(mode_of(*state, path), 0664);
    assert_int_equal(mode_of(*state, "scripts/adapters"), 0775);
}

static void no_symbolic_link_leads_out(void **state)
{
    char other[80], link[160], target[160];
    struct stat st;
    struct tn_err err;
    snprintf(other, sizeof other, "%s/other", (char *)*state);
    snprintf(link, sizeof link, "%s/scripts", (char *)*state);
    snprintf(target, sizeof target, "%s/adapters", other);
    assert_int_equal(mkdir(other, 0700), 0);
    assert_int_equal(symlink(other, link), 0);
    assert_false(tn_site_write(*state, path, TN_STR("return 1"), &err));
    assert_int_not_equal(stat(target, &st), 0);
}

static void a_folder_that_cannot_be_written_is_said(void **state)
{
    struct tn_err err;
    (void)state;
    assert_false(tn_site_write("/proc/nowhere", path, TN_STR("x"), &err));
    assert_true(err.text[0] != '\0');
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make, unmake)
    const struct CMUnitTest tests[] = {
        T(a_file_is_written_replaced_and_removed),
        T(files_and_folders_have_the_modes_that_the_umask_leaves),
        T(no_symbolic_link_leads_out),
        T(a_folder_that_cannot_be_written_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
