/* SPDX-License-Identifier: MIT */
/* All engines give the same; what is accepted can be walked, written again and made canonical, and
 * its canonical form is its own. */
#include <stdlib.h>

#include "base/json_tape.h"
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
}

static void same_tape(struct tn_jval a, struct tn_jval b)
{
    const struct tn_jnode *x = tn_jtape(a.json), *y = tn_jtape(b.json);
    check(x[1].next == y[1].next);
    check(memcmp(x + 1, y + 1, (x[1].next - 1) * sizeof *x) == 0);
}

static void same_picked(struct tn_jval root, struct tn_jval some, struct tn_str name, uint32_t i)
{
    struct tn_jval want = tn_jget(root, name), got = tn_jget(some, name);
    const struct tn_json_head *head = tn_json_head(some.json);
    check(tn_str_eq(tn_jraw(want), tn_jraw(got)));
    if (head->pick) check(head->picked[i] == got.at);
}

static const struct tn_str names[] = {TN_STR("a"), TN_STR(""),         TN_STR("items"),
                                      TN_STR("b"), TN_STR("\xc3\xa9"), TN_STR("a longer name")};
enum { NAMES = sizeof names / sizeof *names };

static void same_row(const struct tn_json *slow, const struct tn_json *quick)
{
    struct tn_jval root = tn_json_root(slow), some = tn_json_root(quick);
    check(tn_str_eq(tn_jraw(root), tn_jraw(some)));
    if (!tn_json_head(quick)->pick) same_tape(root, some);
    for (uint32_t i = 0; i < NAMES && tn_jis(root, TN_JSON_object); i++)
        same_picked(root, some, names[i], i);
    const char *twice = tn_json_duplicate(slow), *again = tn_json_duplicate(quick);
    check(!twice == !again && (!twice || strcmp(twice, again) == 0));
}

/* Rows by tokens, and in one pass, perhaps with only some members: the same rows, errors and
 * values. */
static void rows_agree(const char *engine, struct tn_str text, const char *path,
                       const struct tn_json_pick *pick)
{
    struct tn_json *slow = tn_json_new(), *quick = tn_json_new();
    struct tn_json_rows rows, once;
    struct tn_err err, other;
    check(tn_json_engine(slow, engine) && tn_json_engine(quick, engine));
    if (tn_json_rows_open(&rows, slow, text, tn_str(path), &err) &&
        tn_json_rows_open(&once, quick, text, tn_str(path), &other)) {
        once.pick = pick;
        for (int bad = 0; bad < 3;) {
            rows.tokens = true;
            bool good = tn_json_rows_next(&rows, &err);
            check(good == tn_json_rows_next(&once, &other));
            check(err.kind == other.kind && strcmp(err.text, other.text) == 0);
            check(rows.start == once.start && rows.end == once.end);
            if (!good && !err.kind) break;
            bad += !good;
            if (good) same_row(slow, quick);
        }
    }
    tn_json_free(slow);
    tn_json_free(quick);
}

static void all_rows_agree(const char *engine, struct tn_str text, struct tn_arena *arena)
{
    struct tn_json_pick pick = {.count = NAMES};
    tn_names_build(&pick.names, arena, names, NAMES, false);
    rows_agree(engine, text, "items", NULL);
    rows_agree(engine, text, "items", &pick);
    rows_agree(engine, text, "items.a?", NULL);
    rows_agree(engine, text, "items?", &pick);
    rows_agree(engine, text, "", NULL);
    rows_agree(engine, text, "", &pick);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const engines[] = {"portable", "avx2", "avx512"};
    struct tn_str text = {(const char *)data, size};
    struct tn_arena arena;
    struct tn_err first = {0}, err = {0};
    bool accepted = false;
    struct tn_buf padded; /* rows near the end of a text are not read in one pass */
    tn_buf_init(&padded, size + 1000);
    tn_buf_add(&padded, data, size);
    tn_buf_addf(&padded, "%100s", "");
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
            walk_rows(json, text, "items.a?");
            walk_rows(json, text, "");
            all_rows_agree(engines[e], text, &arena);
            all_rows_agree(engines[e], tn_buf_str(&padded), &arena);
        }
        tn_json_free(json);
    }
    tn_arena_clear(&arena);
    tn_buf_clear(&padded);
    return 0;
}
