/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/gunzip.h"
#include "base/limits.h"

static void pack(struct tn_buf *out, const char *text, size_t n)
{
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)text, .avail_in = (unsigned)n};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = deflateBound(&z, n);
    z.next_out = (unsigned char *)tn_buf_reserve(out, room);
    z.avail_out = (unsigned)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->n += z.total_out;
    deflateEnd(&z);
}

/* Unpacks in steps of `step` bytes in and `room` out. */
static bool unpack(struct tn_str packed, size_t step, size_t room, struct tn_buf *out,
                   struct tn_err *err)
{
    struct tn_gunzip *g = tn_gunzip_new();
    char block[512];
    size_t made;
    bool ok = true;
    for (size_t i = 0; i < packed.n && ok; i += step) {
        struct tn_str in = {packed.p + i, packed.n - i < step ? packed.n - i : step};
        do {
            ok = tn_gunzip_step(g, &in, block, room, &made, err);
            tn_buf_add(out, block, made);
            assert_true(!ok || made || !in.n);
        } while (ok && made);
    }
    ok = ok && tn_gunzip_end(g, err);
    tn_gunzip_free(g);
    return ok;
}

static void expect(struct tn_str packed, const char *want, const char *fault)
{
    static const size_t steps[] = {1, 7, SIZE_MAX / 2};
    for (size_t i = 0; i < 3; i++)
        for (size_t room = 1; room <= 512; room *= 512) {
            struct tn_buf out;
            struct tn_err err = {.kind = TN_E_none};
            tn_buf_init(&out, TN_MIB);
            bool ok = unpack(packed, steps[i], room, &out, &err);
            assert_int_equal(ok, fault == NULL);
            if (fault && !strstr(err.text, fault)) fail_msg("%s", err.text);
            if (want && !tn_str_is(tn_buf_str(&out), want)) fail_msg("%s", out.p);
            tn_buf_clear(&out);
        }
}

static void case_18_members_are_one_text(void **state)
{
    struct tn_buf text;
    (void)state;
    tn_buf_init(&text, TN_MIB);
    pack(&text, "no,name\n1,a\n", 12);
    expect(tn_buf_str(&text), "no,name\n1,a\n", NULL);
    pack(&text, "", 0);
    pack(&text, "2,b\n", 4);
    expect(tn_buf_str(&text), "no,name\n1,a\n2,b\n", NULL);
    tn_buf_add(&text, "\0\0\0", 3);
    expect(tn_buf_str(&text), "no,name\n1,a\n2,b\n", NULL);
    pack(&text, "3", 1);
    expect(tn_buf_str(&text), "no,name\n1,a\n2,b\n3", NULL);
    assert_true(tn_is_gzip(tn_buf_str(&text)));
    assert_false(tn_is_gzip(TN_STR("no,name")) || tn_is_gzip(TN_STR("")));
    tn_buf_clear(&text);
}

static void what_is_cut_or_damaged_is_told(void **state)
{
    struct tn_buf text;
    (void)state;
    tn_buf_init(&text, TN_MIB);
    expect(TN_STR(""), "", "cut off");
    expect(TN_STR("hello"), "", "damaged (incorrect header check)");
    pack(&text, "no,name\n", 8);
    for (size_t n = 1; n < text.n; n++) expect((struct tn_str){text.p, n}, NULL, "cut off");
    size_t whole = text.n;
    tn_buf_adds(&text, "more");
    expect(tn_buf_str(&text), "no,name\n", "behind the first gzip member is no other one");
    text.n = whole;
    text.p[whole - 6] ^= 1;
    expect(tn_buf_str(&text), "no,name\n", "damaged (incorrect data check)");
    tn_buf_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_18_members_are_one_text),
        cmocka_unit_test(what_is_cut_or_damaged_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
