/* SPDX-License-Identifier: MIT */
#include "rows_rig.h"

#include <stdio.h>

#include "base/idoc.h"

/* A control record, and a segment with its number, parent, level and data. */
#define CONTROL(no) "EDI_DC40  100" no "740 302   ORDERS05\n"
#define SEGMENT(name, numbers, data)                                                               \
    name "100"                                                                                     \
         "0000000000000012" numbers data "\n"
#define HEAD                                                                                       \
    "\"EDI_DC40\":[{\"TABNAM\":\"EDI_DC40\",\"MANDT\":\"100\",\"DOCNUM\":\"0000000000000012\","    \
    "\"DOCREL\":\"740\",\"STATUS\":\"30\",\"DIRECT\":\"2\",\"IDOCTYP\":\"ORDERS05\"}]"
#define NO  "0000000000000012"
#define K01 "E2EDK01005                    "
#define K03 "E2EDK03                       "
#define P01 "E2EDP01006                    "
#define P19 "E2EDP19001                    "
#define ZZ  "Z2AB000                       "

static void expect(const struct tn_idoc_options *o, const char *text, const char *want)
{
    for (size_t step = 1; step < 10000; step *= 9999) {
        struct tn_buf out;
        struct tn_err err;
        tn_buf_init(&out, TN_MIB);
        struct tn_idoc *idoc = tn_idoc_new(o, rig_row, &out, &err);
        if (!idoc) fail_msg("%s", err.text);
        bool ok = true;
        for (size_t i = 0, n = strlen(text); i < n && ok; i += step)
            ok = tn_idoc_feed(idoc, text + i, n - i < step ? n - i : step, &err);
        if (ok) ok = tn_idoc_end(idoc, &err);
        if (!ok) tn_buf_addf(&out, "?%s\n", err.text);
        if (!tn_str_is(tn_buf_str(&out), want))
            fail_msg("%s\n wanted %s\n got    %s", text, want, out.p ? out.p : "");
        tn_idoc_free(idoc);
        tn_buf_clear(&out);
    }
}

static void segments_stand_below_their_parent(void **state)
{
    const struct tn_idoc_options o = {
        .segments =
            TN_STR("E1EDK03=IDDAT:1-3,DATUM:4-11\n E1EDP19=QUALF:3,IDTNR:35 E1EDP01=POSEX:6")};
    (void)state;
    expect(&o,
           CONTROL(NO) SEGMENT(K01, "00000100000001", "raw  ")
               SEGMENT(K03, "00000200000001", "01220260305") SEGMENT(K03, "00000300000001", "002")
                   SEGMENT(P01, "00000400000001", "000010") SEGMENT(P19, "00000500000402",
                                                                    "002Gr\xc3\xbcn 7")
                       SEGMENT(ZZ, "00000600000503", "") SEGMENT(P01, "00000700000001", "000020")
                           SEGMENT(P19, "00000800000702", "   8"),
           "{" HEAD ",\"E1EDK01\":[{\"SDATA\":\"raw\"}],"
           "\"E1EDK03\":[{\"IDDAT\":\"012\",\"DATUM\":\"20260305\"},{\"IDDAT\":\"002\"}],"
           "\"E1EDP01\":[{\"POSEX\":\"000010\",\"E1EDP19\":[{\"QUALF\":\"002\",\"IDTNR\":"
           "\"Gr\xc3\xbcn 7\","
           "\"Z1AB\":[{}]}]},{\"POSEX\":\"000020\",\"E1EDP19\":[{\"IDTNR\":\"8\"}]}]}\n");
}

static void without_a_parent_the_level_counts(void **state)
{
    const struct tn_idoc_options o = {.encoding = TN_ENCODING_cp1252};
    (void)state;
    expect(&o,
           CONTROL(NO) SEGMENT(P01, "00000100000002", "1") SEGMENT(P19, "00000200000003", "2")
               SEGMENT(P19, "00000300000003", "\xfc") SEGMENT(P01, "00000400000002", "4"),
           "{" HEAD ",\"E1EDP01\":[{\"SDATA\":\"1\",\"E1EDP19\":[{\"SDATA\":\"2\"},"
           "{\"SDATA\":\"\xc3\xbc\"}]},{\"SDATA\":\"4\"}]}\n");
}

static void a_faulty_idoc_is_lost_alone_and_named(void **state)
{
    const struct tn_idoc_options o = {.segments = TN_STR("E1EDK03=IDDAT:3")};
    static const struct {
        const char *line, *fault;
    } rows[] = {
        {SEGMENT(K03, "00000100000902", "012"),
         "segment 2 (E2EDK03): no segment before it has the number 000009 of its parent"},
        {SEGMENT(K03, "00000100000001", "0123"),
         "segment 2 (E2EDK03): it has data behind the last field that is given for it"},
        {"e1edk03\n", "segment 2: it begins with no segment's name"},
        {K03 "1000000000000000099\n",
         "segment 2 (E2EDK03): it belongs to the IDoc 0000000000000099"},
        {SEGMENT(ZZ, "00000100000001", "\xfc"),
         "segment 2: the line is no UTF-8: is it Windows-1252?"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[600], want[600];
        snprintf(text, sizeof text, "%s%s%s", CONTROL(NO), rows[i].line, CONTROL(NO));
        snprintf(want, sizeof want, "!1: %s\n{%s}\n", rows[i].fault, HEAD);
        expect(&o, text, want);
    }
    expect(&o, "", "?there is no IDoc: the text is empty\n");
    expect(&o, "\nUNB+", "?line 2: an IDoc begins with the control record EDI_DC40\n");
    expect(
        &o, "EDI_DC    100",
        "?line 1: an IDoc begins with the control record EDI_DC40, not with that of release 3\n");
}

static void the_control_record_has_524_characters(void **state)
{
    const struct tn_idoc_options o = {.encoding = TN_ENCODING_utf8};
    char text[600];
    (void)state;
    memset(text, ' ', sizeof text);
    memcpy(text, "EDI_DC40", 8);
    memcpy(text + 504, "20260305103000123456", 20);
    memcpy(text + 524, "\r\n", 3);
    expect(&o, text,
           "{\"EDI_DC40\":[{\"TABNAM\":\"EDI_DC40\",\"SERIAL\":\"20260305103000123456\"}]}\n");
    memcpy(text + 524, "x\n", 3);
    expect(&o, text, "!1: segment 1 (EDI_DC40): it is longer than 524 characters\n");
}

static void wrong_segments_are_refused(void **state)
{
    static const char *const rows[] = {"E1EDK03",         "E1EDK03=",      "E1EDK03=A",
                                       "E1EDK03=A:0-1",   "E1EDK03=A:3-2", "E1EDK03=A:0",
                                       "e1edk03=A:1",     "E1EDK03=A:-1",  "=A:1",
                                       "E1EDK03=A:1,A:2", "A1=A:1 A1=B:1"};
    struct tn_err err;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct tn_idoc_options o = {.segments = tn_str(rows[i])};
        struct tn_idoc *idoc = tn_idoc_new(&o, rig_row, NULL, &err);
        if (idoc) fail_msg("%s is taken", rows[i]);
        tn_idoc_free(idoc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_stand_below_their_parent),
        cmocka_unit_test(without_a_parent_the_level_counts),
        cmocka_unit_test(a_faulty_idoc_is_lost_alone_and_named),
        cmocka_unit_test(the_control_record_has_524_characters),
        cmocka_unit_test(wrong_segments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
