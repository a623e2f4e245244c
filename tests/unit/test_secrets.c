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

#include "access/secrets.h"

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    unsetenv("INTEGRATION_ENCRYPTION_KEY");
    snprintf(dir, sizeof dir, "/tmp/tenon-secrets-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static void a_new_folder_gets_a_key_that_only_its_owner_reads(void **state)
{
    struct tn_secrets a, b;
    struct tn_err err;
    struct stat st;
    char path[128];
    (void)state;
    assert_true(tn_secrets_load(&a, dir, NULL, true, &err));
    assert_true(a.generated);
    snprintf(path, sizeof path, "%s/master.key", dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true(tn_secrets_load(&b, dir, NULL, false, &err));
    assert_false(b.generated);
    assert_memory_equal(a.config.bytes, b.config.bytes, TN_KEY_LEN);
    assert_memory_not_equal(a.config.bytes, a.vault.bytes, TN_KEY_LEN);
}

static void a_used_folder_without_its_key_is_refused_and_nothing_is_written(void **state)
{
    struct tn_secrets s;
    struct tn_err err;
    char path[128];
    (void)state;
    assert_false(tn_secrets_load(&s, dir, NULL, false, &err));
    assert_int_equal(err.kind, TN_E_not_found);
    assert_non_null(strstr(err.text, "master key is missing"));
    snprintf(path, sizeof path, "%s/master.key", dir);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void weak_and_short_keys_are_refused(void **state)
{
    static const char *const weak[] = {
        "", "short", "nineteen characters",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "abababababababababababababababababababababababababababababababab"};
    struct tn_secrets s;
    struct tn_err err;
    (void)state;
    for (size_t i = 0; i < sizeof weak / sizeof *weak; i++)
        assert_false(tn_secrets_from(&s, tn_str(weak[i]), TN_STR(""), &err));
}

static void hex_raw_bytes_and_phrases_are_keys(void **state)
{
    static const char hex[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    char raw[TN_KEY_LEN];
    struct tn_secrets a, b, c, d;
    struct tn_err err;
    (void)state;
    for (int i = 0; i < TN_KEY_LEN; i++) raw[i] = (char)i;
    assert_true(tn_secrets_from(&a, tn_str(hex), TN_STR(""), &err));
    assert_true(tn_secrets_from(&b, (struct tn_str){raw, sizeof raw}, TN_STR(""), &err));
    assert_memory_equal(a.config.bytes, b.config.bytes, TN_KEY_LEN);
    assert_true(tn_secrets_from(&c, TN_STR("a pass phrase of some length"), TN_STR("1"), &err));
    assert_true(tn_secrets_from(&d, TN_STR("a pass phrase of some length"), TN_STR("2"), &err));
    assert_memory_not_equal(c.config.bytes, d.config.bytes, TN_KEY_LEN);
}

static void the_environment_and_a_file_give_the_key(void **state)
{
    struct tn_secrets a, b;
    struct tn_err err;
    char path[128];
    (void)state;
    snprintf(path, sizeof path, "%s/elsewhere", dir);
    FILE *f = fopen(path, "w");
    fputs("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n", f);
    fclose(f);
    assert_true(tn_secrets_load(&a, dir, path, false, &err));
    setenv("INTEGRATION_ENCRYPTION_KEY",
           "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F", 1);
    assert_true(tn_secrets_load(&b, dir, NULL, false, &err));
    assert_memory_equal(a.pepper.bytes, b.pepper.bytes, TN_KEY_LEN);
    unsetenv("INTEGRATION_ENCRYPTION_KEY");
    assert_false(tn_secrets_load(&a, dir, "/nowhere/key", false, &err));
    assert_non_null(strstr(err.text, "/nowhere/key"));
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_dir, drop_dir)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_new_folder_gets_a_key_that_only_its_owner_reads),
        IN_FOLDER(a_used_folder_without_its_key_is_refused_and_nothing_is_written),
        IN_FOLDER(weak_and_short_keys_are_refused),
        IN_FOLDER(hex_raw_bytes_and_phrases_are_keys),
        IN_FOLDER(the_environment_and_a_file_give_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
