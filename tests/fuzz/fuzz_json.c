/* SPDX-License-Identifier: MIT */
/* All engines give the same; what is accepted can be walked, written again and made canonical, and
 * its canonical form is its own. */
#include <stdlib.h>

#include "base/json.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok) abort();
}

static void walk(struct tn_jval v, struct tn_arena *arena)
{
    struct tn_str text;
    int64_t i;
    double d;
    (void)tn_jint(v, &i);
    (void)tn_jdouble(v, &d);
    if (tn_jtext(v, arena, &text)) check(tn_utf8_valid(text.p, text.n));
    size_t n = 0;
    for (struct tn_jiter it = tn_jiter(v); tn_jnext(&it); n++) {
        bool object = tn_jis(v, TN_JSON_object);
        check((object ? tn_jget(v, it.key) : tn_jat(v, it.index)).at == it.value.at);
        if (object) check(tn_utf8_valid(it.key.p, it.key.n));
        walk(it.value, arena);
    }
    check(n == tn_jcount(v));
}

static void canonical_is_its_own(struct tn_json *json)
{
    struct tn_buf once, twice;
    struct tn_err err;
    tn_buf_init(&once, 64 * TN_MIB);
    tn_buf_init(&twice, 64 * TN_MIB);
    tn_json_canonical(tn_json_root(json), &once);
    check(tn_json_parse(json, tn_buf_str(&once), &err));
    check(!tn_json_duplicate(json));
    tn_json_canonical(tn_json_root(json), &twice);
    check(tn_str_eq(tn_buf_str(&once), tn_buf_str(&twice)));
    tn_buf_clear(&once);
    tn_buf_clear(&twice);
}

static void walk_rows(struct tn_json *json, struct tn_str text, const char *path)
{
    struct tn_json_rows rows;
    struct tn_err err;
    size_t end = 0;
    if (tn_json_rows_open(&rows, json, text, tn_str(path), &err)) {
        for (int bad = 0; bad < 3;) {
            bool good = tn_json_rows_next(&rows, &err);
            if (!good && !err.kind) break;
            bad += !good;
            check(rows.end <= text.n && (!good || rows.start >= end));
            if (good) end = rows.end;
        }
    }
    if (tn_json_envelope(json, text, tn_str(path), &err))
        check(tn_jtype(tn_json_root(json)) != TN_JSON_absent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const engines[] = {"portable", "avx2", "avx512"};
    struct tn_str text = {(const char *)data, size};
    struct tn_arena arena;
    struct tn_err first = {0}, err = {0};
    bool accepted = false;
    tn_arena_init(&arena);
    for (size_t e = 0; e < sizeof engines / sizeof *engines; e++) {
        struct tn_json *json = tn_json_new();
        if (tn_json_engine(json, engines[e])) {
            bool good = tn_json_parse(json, text, e ? &err : &first);
            if (!e) accepted = good;
            check(good == accepted);
            check(good || !e || strcmp(first.text, err.text) == 0);
            if (good) {
                (void)tn_json_duplicate(json);
                walk(tn_json_root(json), &arena);
                canonical_is_its_own(json);
            }
            walk_rows(json, text, "items");
            walk_rows(json, text, "");
        }
        tn_json_free(json);
    }
    tn_arena_clear(&arena);
    return 0;
}
