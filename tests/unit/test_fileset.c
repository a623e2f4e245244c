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

#include "base/fault.h"
#include "base/limits.h"
#include "scripts/fileset.h"

struct scratch {
    char dir[64];
};

static int make(void **state)
{
    static struct scratch s;
    snprintf(s.dir, sizeof s.dir, "/tmp/tenon-fileset-XXXXXX");
    assert_non_null(mkdtemp(s.dir));
    *state = &s;
    return 0;
}

static int unmake(void **state)
{
    char command[128];
    struct scratch *s = *state;
    snprintf(command, sizeof command, "rm -rf %s", s->dir);
    return system(command);
}

static const char *in(const struct scratch *s, const char *path)
{
    static char full[512];
    snprintf(full, sizeof full, "%s/%s", s->dir, path);
    return full;
}

static void folder(const struct scratch *s, const char *path)
{
    assert_int_equal(mkdir(in(s, path), 0700), 0);
}

static void file(const struct scratch *s, const char *path, const char *text, size_t n)
{
    FILE *f = fopen(in(s, path), "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    fclose(f);
}

static void text_file(const struct scratch *s, const char *path, const char *text)
{
    file(s, path, text, strlen(text));
}

static struct tn_fileset *read_ok(const struct scratch *s)
{
    struct tn_err err;
    struct tn_fileset *f = tn_fileset_read(s->dir, &err);
    if (!f) fail_msg("%s", err.text);
    return f;
}

static void refused(const struct scratch *s, enum tn_kind kind, const char *path)
{
    struct tn_err err;
    struct tn_fileset *f = tn_fileset_read(s->dir, &err);
    assert_null(f);
    assert_int_equal(err.kind, kind);
    assert_string_equal(err.file, path);
}

static void site(const struct scratch *s)
{
    folder(s, "scripts");
    folder(s, "scripts/adapters");
    folder(s, "mappings");
    folder(s, "mappings/x");
    text_file(s, "scripts/adapters/x.lua", "return 1");
    text_file(s, "mappings/x/item.lua", "return 2");
}

static void reads_lua_files_of_the_three_folders(void **state)
{
    struct scratch *s = *state;
    site(s);
    folder(s, "build");
    text_file(s, "build/y.lua", "return 3");
    text_file(s, "z.lua", "return 3");
    text_file(s, "scripts/adapters/x.lua~", "return 3");
    text_file(s, "scripts/adapters/.x.lua", "return 3");
    text_file(s, "scripts/adapters/notes.txt", "no script");
    struct tn_fileset *f = read_ok(s);
    assert_int_equal(tn_fileset_count(f), 2);
    assert_string_equal(tn_fileset_at(f, 0)->path, "mappings/x/item.lua");
    assert_string_equal(tn_fileset_at(f, 1)->path, "scripts/adapters/x.lua");
    assert_null(tn_fileset_at(f, 2));
    assert_true(tn_str_is(tn_fileset_find(f, TN_STR("mappings/x/item.lua"))->text, "return 2"));
    assert_null(tn_fileset_find(f, TN_STR("mappings/x/item.lu")));
    assert_null(tn_fileset_find(f, TN_STR("mappings/x/item.luaa")));
    tn_fileset_unref(f);
}

static void an_empty_folder_is_an_empty_set(void **state)
{
    struct tn_fileset *f = read_ok(*state);
    assert_int_equal(tn_fileset_count(f), 0);
    tn_fileset_unref(f);
}

static void refuses_what_is_no_plain_file(void **state)
{
    struct scratch *s = *state;
    char target[128];
    site(s);
    snprintf(target, sizeof target, "%s/scripts/adapters/x.lua", s->dir);
    assert_int_equal(symlink(target, in(s, "scripts/adapters/y.lua")), 0);
    refused(s, TN_E_invalid, "scripts/adapters/y.lua");
    assert_int_equal(unlink(in(s, "scripts/adapters/y.lua")), 0);
    assert_int_equal(symlink("/etc", in(s, "scripts/etc")), 0);
    refused(s, TN_E_invalid, "scripts/etc");
    assert_int_equal(unlink(in(s, "scripts/etc")), 0);
    assert_int_equal(mkfifo(in(s, "scripts/pipe.lua"), 0600), 0);
    refused(s, TN_E_invalid, "scripts/pipe.lua");
}

static void a_linked_top_folder_is_refused(void **state)
{
    struct scratch *s = *state;
    struct tn_err err;
    assert_int_equal(symlink("/etc", in(s, "scripts")), 0);
    assert_null(tn_fileset_read(s->dir, &err));
    assert_string_equal(err.file, "scripts");
}

static void refuses_odd_names_and_bytes(void **state)
{
    struct scratch *s = *state;
    site(s);
    text_file(s, "scripts/a b.lua", "return 1");
    refused(s, TN_E_invalid, "scripts/a b.lua");
    assert_int_equal(unlink(in(s, "scripts/a b.lua")), 0);
    file(s, "scripts/bad.lua", "return '\xff'", 11);
    refused(s, TN_E_syntax, "scripts/bad.lua");
}

static void refuses_a_file_over_the_limit(void **state)
{
    struct scratch *s = *state;
    char *big = malloc(TN_LIMIT_SCRIPT_FILE + 1);
    memset(big, ' ', TN_LIMIT_SCRIPT_FILE + 1);
    folder(s, "scripts");
    file(s, "scripts/big.lua", big, TN_LIMIT_SCRIPT_FILE);
    tn_fileset_unref(read_ok(s));
    file(s, "scripts/big.lua", big, TN_LIMIT_SCRIPT_FILE + 1);
    refused(s, TN_E_too_large, "scripts/big.lua");
    free(big);
}

static void refuses_folders_without_end(void **state)
{
    struct scratch *s = *state;
    char path[256] = "scripts";
    struct tn_err err;
    folder(s, path);
    for (int i = 0; i < 12; i++) {
        strcat(path, "/d");
        folder(s, path);
    }
    assert_null(tn_fileset_read(s->dir, &err));
    assert_int_equal(err.kind, TN_E_too_large);
}

static void a_file_that_keeps_changing_is_refused(void **state)
{
    struct scratch *s = *state;
    site(s);
    tn_fault_arm("fileset.changed=fail:1+");
    struct tn_err err;
    assert_null(tn_fileset_read(s->dir, &err));
    tn_fault_arm(NULL);
    assert_int_equal(err.kind, TN_E_io);
    tn_fault_arm("fileset.changed=fail:1");
    struct tn_fileset *f = read_ok(s);
    tn_fault_arm(NULL);
    tn_fileset_unref(f);
}

static void a_missing_folder_is_said(void **state)
{
    struct tn_err err;
    (void)state;
    assert_null(tn_fileset_read("/nonexistent/site", &err));
    assert_non_null(strstr(err.text, "/nonexistent/site"));
}

static const struct tn_embedded shipped[] = {{"mappings/x/item.lua", "return 0", 8},
                                             {"stdlib/std/page.lua", "return {}", 9},
                                             {NULL, NULL, 0}};

static void the_site_wins_file_by_file(void **state)
{
    struct scratch *s = *state;
    site(s);
    struct tn_fileset *under = tn_fileset_embedded(shipped), *over = read_ok(s);
    struct tn_fileset *f = tn_fileset_over(under, over);
    tn_fileset_unref(under);
    tn_fileset_unref(over);
    assert_int_equal(tn_fileset_count(f), 3);
    assert_true(tn_str_is(tn_fileset_find(f, TN_STR("mappings/x/item.lua"))->text, "return 2"));
    assert_true(tn_str_is(tn_fileset_find(f, TN_STR("stdlib/std/page.lua"))->text, "return {}"));
    tn_fileset_unref(f);
}

static void the_hash_is_over_paths_and_texts(void **state)
{
    static const struct tn_embedded other[] = {{"mappings/x/item.lua", "return 0r", 9},
                                               {"stdlib/std/page.lua", "eturn {}", 8},
                                               {NULL, NULL, 0}};
    char a[65], b[65], c[65];
    (void)state;
    struct tn_fileset *f = tn_fileset_embedded(shipped), *g = tn_fileset_embedded(other);
    bool all[2] = {true, true}, one[2] = {true, false};
    struct tn_fileset *same = tn_fileset_pick(f, all), *less = tn_fileset_pick(f, one);
    tn_fileset_hash(f, a);
    tn_fileset_hash(g, b);
    assert_string_not_equal(a, b);
    tn_fileset_hash(same, c);
    assert_string_equal(a, c);
    tn_fileset_hash(less, c);
    assert_string_not_equal(a, c);
    tn_fileset_unref(f);
    tn_fileset_unref(g);
    tn_fileset_unref(same);
    tn_fileset_unref(less);
}

static void packs_and_unpacks(void **state)
{
    struct tn_err err;
    struct tn_buf out;
    char a[65], b[65];
    (void)state;
    struct tn_fileset *f = tn_fileset_embedded(shipped);
    tn_buf_init(&out, TN_MIB);
    tn_fileset_pack(f, &out);
    struct tn_fileset *g = tn_fileset_unpack(tn_buf_str(&out), &err);
    assert_non_null(g);
    tn_fileset_hash(f, a);
    tn_fileset_hash(g, b);
    assert_string_equal(a, b);
    /* Cut anywhere but between files, it is refused. */
    size_t whole = 0;
    for (size_t n = 0; n < out.n; n++) {
        struct tn_fileset *cut = tn_fileset_unpack((struct tn_str){out.p, n}, &err);
        if (cut)
            whole++;
        else
            assert_int_equal(err.kind, TN_E_corrupt);
        tn_fileset_unref(cut);
    }
    assert_int_equal(whole, 2);
    tn_fileset_unref(f);
    tn_fileset_unref(g);
    tn_buf_clear(&out);
}

static void damaged_packs_are_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "tnfs2\n",
                                      "tnfs1\nscripts/x.lua\n5\nabc",
                                      "tnfs1\n../x.lua\n1\na",
                                      "tnfs1\n/x.lua\n1\na",
                                      "tnfs1\nscripts//x.lua\n1\na",
                                      "tnfs1\nscripts/x.txt\n1\na",
                                      "tnfs1\nb.lua\n0\na.lua\n0\n",
                                      "tnfs1\na.lua\n0\na.lua\n0\n",
                                      "tnfs1\na.lua\n-1\n",
                                      "tnfs1\na.lua\n99999999999999999999\n",
                                      "tnfs1\na.lua\n1\n\xff",
                                      NULL};
    struct tn_err err;
    (void)state;
    for (size_t i = 0; bad[i]; i++) {
        struct tn_fileset *f = tn_fileset_unpack(tn_str(bad[i]), &err);
        if (f) fail_msg("taken: %zu", i);
    }
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, make, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(reads_lua_files_of_the_three_folders),
        IN_SCRATCH(an_empty_folder_is_an_empty_set),
        IN_SCRATCH(refuses_what_is_no_plain_file),
        IN_SCRATCH(a_linked_top_folder_is_refused),
        IN_SCRATCH(refuses_odd_names_and_bytes),
        IN_SCRATCH(refuses_a_file_over_the_limit),
        IN_SCRATCH(refuses_folders_without_end),
        IN_SCRATCH(a_file_that_keeps_changing_is_refused),
        cmocka_unit_test(a_missing_folder_is_said),
        IN_SCRATCH(the_site_wins_file_by_file),
        cmocka_unit_test(the_hash_is_over_paths_and_texts),
        cmocka_unit_test(packs_and_unpacks),
        cmocka_unit_test(damaged_packs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
