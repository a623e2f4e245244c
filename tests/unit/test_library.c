/* SPDX-License-Identifier: MIT */
#include "store_rig.h"

#include "scripts/library.h"
#include "store/read.h"

struct library_rig {
    struct rig store;
    struct tn_host *host;
    struct bind_env env;
};

static int open_all(void **state)
{
    static struct library_rig r;
    struct tn_err err;
    rig_open(&r.store);
    r.host = tn_host_new(r.store.loop, NULL, &err);
    assert_non_null(r.host);
    r.env = (struct bind_env){.host = r.host};
    *state = &r;
    return 0;
}

static int close_all(void **state)
{
    struct library_rig *r = *state;
    tn_host_free(r->host);
    rig_close(&r->store);
    return 0;
}

static struct tn_units *load(struct library_rig *r, const char *field)
{
    char text[200];
    struct tn_err err;
    snprintf(text, sizeof text,
             "local tn = require 'tenon'\nreturn tn.resource { path = '/api/v1/things', "
             "fields = { tn.text '%s' {} } }\n",
             field);
    struct tn_fileset *files = tn_fileset_one("scripts/resources/thing.lua", tn_str(text), &err);
    struct tn_units *units = tn_units_load(&r->env, files, NULL, NULL, NULL, &err);
    if (!units) fail_msg("%s", err.text);
    tn_fileset_unref(files);
    return units;
}

/* ---- answers ---- */

struct waiting {
    struct tn_loop *loop;
    struct tn_found *found;
    struct tn_fileset *files;
    struct tn_err *err;
};

static void on_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct waiting *w = arg;
    assert_null(err);
    w->found = tn_found_ref(found);
    tn_loop_stop(w->loop);
}

static void on_files(void *arg, struct tn_fileset *files, const struct tn_err *err)
{
    struct waiting *w = arg;
    if (files)
        w->files = tn_fileset_ref(files);
    else
        *w->err = *err;
    tn_loop_stop(w->loop);
}

static struct tn_fileset *fetch_set(struct library_rig *r, const char *hash, struct tn_err *err)
{
    struct waiting w = {.loop = r->store.loop, .err = err};
    tn_library_set(r->store.store, hash, on_files, &w);
    tn_loop_run(r->store.loop);
    return w.files;
}

static struct tn_fileset *fetch_unit(struct library_rig *r, const char *unit, struct tn_str start,
                                     struct tn_err *err)
{
    struct waiting w = {.loop = r->store.loop, .err = err};
    tn_library_unit(r->store.store, unit, start, on_files, &w);
    tn_loop_run(r->store.loop);
    return w.files;
}

/* How many operations the commit had. */
static size_t keep(struct library_rig *r, const struct tn_units *units)
{
    struct tn_err err;
    struct waiting w = {.loop = r->store.loop};
    struct tn_read *read = tn_read_new(TN_TEAM_SYSTEM);
    struct tn_commit *commit = tn_commit_new(r->store.store);
    assert_true(tn_library_ask(read, units, &err));
    tn_store_read(r->store.store, read, NULL, on_found, &w);
    tn_loop_run(r->store.loop);
    assert_true(tn_library_keep(commit, units, w.found, &err));
    tn_found_unref(w.found);
    size_t n = tn_commit_count(commit);
    if (n)
        assert_true(rig_commit(&r->store, commit));
    else
        tn_commit_free(commit);
    return n;
}

static void what_was_kept_comes_back_as_it_was(void **state)
{
    struct library_rig *r = *state;
    struct tn_units *units = load(r, "a");
    struct tn_err err;
    char set[65], again[65];
    const char *generation = tn_unit_generation(tn_units_find(units, "core"));
    tn_fileset_hash(tn_units_files(units), set);
    assert_int_equal(keep(r, units), 3); /* a text, the set, the unit */
    assert_int_equal(keep(r, units), 0);
    struct tn_fileset *files = fetch_set(r, set, &err);
    assert_non_null(files);
    tn_fileset_hash(files, again);
    assert_string_equal(again, set);
    tn_fileset_unref(files);
    files = fetch_unit(r, "core", tn_str(generation), &err);
    tn_fileset_hash(files, again);
    assert_string_equal(again, generation);
    tn_fileset_unref(files);
    assert_null(fetch_set(r, "00", &err));
    assert_int_equal(err.kind, TN_E_not_found);
    tn_units_unref(units);
}

static void generations_are_found_by_their_first_digits(void **state)
{
    struct library_rig *r = *state;
    struct tn_units *units = load(r, "a");
    const char *generation = tn_unit_generation(tn_units_find(units, "core"));
    struct tn_err err;
    char found[65];
    keep(r, units);
    struct tn_fileset *files = fetch_unit(r, "core", (struct tn_str){generation, 6}, &err);
    assert_non_null(files);
    tn_fileset_hash(files, found);
    assert_string_equal(found, generation);
    tn_fileset_unref(files);
    assert_null(fetch_unit(r, "core", TN_STR("abc"), &err));
    assert_int_equal(err.kind, TN_E_invalid);
    assert_null(fetch_unit(r, "cor", (struct tn_str){generation, 6}, &err));
    assert_int_equal(err.kind, TN_E_not_found);
    tn_units_unref(units);
}

static void a_text_that_is_not_what_its_hash_says_is_refused(void **state)
{
    struct library_rig *r = *state;
    struct tn_units *units = load(r, "a");
    struct tn_err err;
    char key[80] = "blob/", set[65];
    keep(r, units);
    tn_fileset_hash(tn_units_files(units), set);
    tn_file_hash(tn_fileset_at(tn_units_files(units), 0)->text, key + 5);
    struct tn_commit *commit = tn_commit_new(r->store.store);
    assert_true(tn_commit_kv_set(commit, TN_TEAM_SYSTEM, tn_library_space, tn_str(key),
                                 TN_STR("return 1"), TN_ANY, 0, &err));
    assert_true(rig_commit(&r->store, commit));
    assert_null(fetch_set(r, set, &err));
    assert_int_equal(err.kind, TN_E_corrupt);
    tn_units_unref(units);
}

static void a_fetch_that_is_stopped_calls_nobody(void **state)
{
    struct library_rig *r = *state;
    struct tn_units *units = load(r, "a");
    struct tn_err err;
    char set[65];
    keep(r, units);
    tn_fileset_hash(tn_units_files(units), set);
    tn_fetch_stop(tn_library_set(r->store.store, set, NULL, NULL));
    struct tn_fileset *files = fetch_set(r, set, &err);
    assert_non_null(files);
    tn_fileset_unref(files);
    tn_units_unref(units);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)
    const struct CMUnitTest tests[] = {
        T(what_was_kept_comes_back_as_it_was),
        T(generations_are_found_by_their_first_digits),
        T(a_text_that_is_not_what_its_hash_says_is_refused),
        T(a_fetch_that_is_stopped_calls_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
