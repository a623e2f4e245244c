/* SPDX-License-Identifier: MIT */
/* Which files make a unit: systems, surfaces, rules, the core, and units that are pinned. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "scripts/split.h"

#define FILE_OF(path, text)                                                                        \
    {                                                                                              \
        path, text, sizeof(text) - 1                                                               \
    }

static const struct tn_embedded site[] = {
    FILE_OF("mappings/acme/item.lua", "return map"),
    FILE_OF("scripts/adapters/acme.lua", "return adapter"),
    FILE_OF("scripts/lib/shape.lua", "return shape"),
    FILE_OF("scripts/resources/item.lua", "return resource"),
    FILE_OF("scripts/rules/done.lua", "return rule"),
    FILE_OF("scripts/surfaces/eu/plm.lua", "return surface"),
    FILE_OF("scripts/surfaces/plm.lua", "local shape = require 'lib.shape' return surface"),
    FILE_OF("stdlib/std/connection.lua", "return connection"),
    {NULL, NULL, 0}};

static void assert_paths(struct tn_fileset *files_give, const char *const *paths)
{
    size_t n = 0;
    for (; paths[n]; n++) {
        assert_true(n < tn_fileset_count(files_give));
        assert_string_equal(tn_fileset_at(files_give, n)->path, paths[n]);
    }
    assert_int_equal(tn_fileset_count(files_give), n);
    tn_fileset_unref(files_give);
}

#define PATHS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void assert_names(const struct tn_fileset *all, const char *const *names)
{
    struct tn_split split;
    size_t n = 0;
    tn_split_init(&split, all);
    for (; names[n]; n++) {
        assert_true(n < split.n);
        assert_string_equal(split.names[n], names[n]);
    }
    assert_int_equal(split.n, n);
    tn_split_clear(&split);
}

static void each_surface_and_each_system_is_a_unit(void **state)
{
    struct tn_fileset *all = tn_fileset_embedded(site);
    (void)state;
    assert_names(all, PATHS("surfaces:eu.plm", "surfaces:plm", "acme"));
    assert_paths(tn_split_files(all, "core"), PATHS("scripts/resources/item.lua"));
    assert_paths(tn_split_files(all, "rules"), PATHS("scripts/rules/done.lua"));
    assert_paths(tn_split_files(all, "surfaces:plm"),
                 PATHS("scripts/lib/shape.lua", "scripts/surfaces/plm.lua"));
    assert_paths(tn_split_files(all, "surfaces:eu.plm"), PATHS("scripts/surfaces/eu/plm.lua"));
    assert_paths(
        tn_split_files(all, "acme"),
        PATHS("mappings/acme/item.lua", "scripts/adapters/acme.lua", "stdlib/std/connection.lua"));
    tn_fileset_unref(all);
}

static void a_pinned_surface_survives_the_store(void **state)
{
    static const struct tn_embedded old[] = {FILE_OF("scripts/surfaces/plm.lua", "return old"),
                                             {NULL, NULL, 0}};
    struct tn_fileset *all = tn_fileset_embedded(site), *files = tn_fileset_embedded(old);
    char prefix[TN_PIN_LEN];
    struct tn_err err;
    struct tn_buf packed;
    (void)state;
    tn_split_pin("surfaces:plm", prefix);
    struct tn_fileset *moved = tn_fileset_moved(files, prefix);
    struct tn_fileset *both = tn_fileset_over(all, moved);
    tn_buf_init(&packed, 1 << 20);
    tn_fileset_pack(both, &packed);
    struct tn_fileset *read = tn_fileset_unpack(tn_buf_str(&packed), &err);
    if (!read) fail_msg("%s", err.text);
    assert_true(tn_split_pinned(read, "surfaces:plm"));
    assert_false(tn_split_pinned(read, "surfaces:eu.plm"));
    assert_names(read, PATHS("surfaces:eu.plm", "surfaces:plm", "acme"));
    assert_paths(tn_split_files(read, "surfaces:plm"), PATHS("scripts/surfaces/plm.lua"));
    tn_buf_clear(&packed);
    tn_fileset_unref(read);
    tn_fileset_unref(both);
    tn_fileset_unref(moved);
    tn_fileset_unref(files);
    tn_fileset_unref(all);
}

/* It was rolled back when the surfaces were a part of it. */
static void a_pinned_core_that_has_surfaces_has_those_of_the_set(void **state)
{
    static const struct tn_embedded old[] = {FILE_OF("scripts/resources/item.lua", "return older"),
                                             FILE_OF("scripts/surfaces/mes.lua", "return old"),
                                             {NULL, NULL, 0}};
    struct tn_fileset *all = tn_fileset_embedded(site), *files = tn_fileset_embedded(old);
    char prefix[TN_PIN_LEN];
    (void)state;
    tn_split_pin("core", prefix);
    struct tn_fileset *moved = tn_fileset_moved(files, prefix);
    struct tn_fileset *both = tn_fileset_over(all, moved);
    assert_names(both, PATHS("surfaces:mes", "acme"));
    assert_paths(tn_split_files(both, "surfaces:mes"), PATHS("scripts/surfaces/mes.lua"));
    assert_paths(tn_split_files(both, "core"),
                 PATHS("scripts/resources/item.lua", "scripts/surfaces/mes.lua"));
    assert_paths(tn_split_former(all, "core"),
                 PATHS("scripts/lib/shape.lua", "scripts/resources/item.lua",
                       "scripts/surfaces/eu/plm.lua", "scripts/surfaces/plm.lua"));
    assert_null(tn_split_former(all, "acme"));
    tn_fileset_unref(both);
    tn_fileset_unref(moved);
    tn_fileset_unref(files);
    tn_fileset_unref(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_surface_and_each_system_is_a_unit),
        cmocka_unit_test(a_pinned_surface_survives_the_store),
        cmocka_unit_test(a_pinned_core_that_has_surfaces_has_those_of_the_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
