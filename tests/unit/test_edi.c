/* SPDX-License-Identifier: MIT */
#include "rows_rig.h"

#include <stdio.h>

#include "base/edi.h"

#define UNB "UNB+UNOC:3+SELLER:14+BUYER:14+260305:1030+77'"
#define END "UNZ+1+77'"

static void expect(const struct tn_edi_options *o, const char *text, const char *want)
{
    for (size_t step = 1; step < 10000; step *= 9999) {
        struct tn_buf out;
        struct tn_err err;
        tn_buf_init(&out, TN_MIB);
        struct tn_edi *edi = tn_edi_new(o, rig_row, &out, &err);
        if (!edi) fail_msg("%s", err.text);
        bool ok = true;
        for (size_t i = 0, n = strlen(text); i < n && ok; i += step)
            ok = tn_edi_feed(edi, text + i, n - i < step ? n - i : step, &err);
        if (ok) ok = tn_edi_end(edi, &err);
        if (!ok) tn_buf_addf(&out, "?%s\n", err.text);
        if (!tn_str_is(tn_buf_str(&out), want))
            fail_msg("%s\n wanted %s\n got    %s", text, want, out.p ? out.p : "");
        tn_edi_free(edi);
        tn_buf_clear(&out);
    }
}

/* body stands between UNH and UNT; want is what it becomes in the record. */
static void expect_body(const char *groups, const char *body, unsigned segments, const char *want)
{
    struct tn_buf text, row;
    const struct tn_edi_options o = {.groups = tn_str(groups)};
    tn_buf_init(&text, TN_MIB);
    tn_buf_init(&row, TN_MIB);
    tn_buf_addf(&text, "%sUNH+1+ORDERS:D:96A:UN'%sUNT+%u+1'%s", UNB, body, segments + 2, END);
    tn_buf_addf(&row,
                "{\"UNB\":[{\"01\":\"UNOC\",\"01-2\":\"3\",\"02\":\"SELLER\",\"02-2\":\"14\","
                "\"03\":\"BUYER\",\"03-2\":\"14\",\"04\":\"260305\",\"04-2\":\"1030\","
                "\"05\":\"77\"}],\"UNH\":[{\"01\":\"1\",\"02\":\"ORDERS\",\"02-2\":\"D\","
                "\"02-3\":\"96A\",\"02-4\":\"UN\"}],%s\"UNT\":[{\"01\":\"%u\",\"02\":\"1\"}]}\n",
                want, segments + 2);
    expect(&o, text.p, row.p);
    tn_buf_clear(&text);
    tn_buf_clear(&row);
}

static void segments_stand_by_their_tag_as_lists(void **state)
{
    (void)state;
    expect_body("", "BGM+220+007+9'DTM+137:20260305:102'DTM+2:20260401:102'", 3,
                "\"BGM\":[{\"01\":\"220\",\"02\":\"007\",\"03\":\"9\"}],"
                "\"DTM\":[{\"01\":\"137\",\"01-2\":\"20260305\",\"01-3\":\"102\"},"
                "{\"01\":\"2\",\"01-2\":\"20260401\",\"01-3\":\"102\"}],");
    expect_body("", "LIN+1++:EN'FTX'\r\nQTY+21:1,50'", 3,
                "\"LIN\":[{\"01\":\"1\",\"03-2\":\"EN\"}],\"FTX\":[{}],"
                "\"QTY\":[{\"01\":\"21\",\"01-2\":\"1,50\"}],");
}

static void a_released_character_is_text(void **state)
{
    (void)state;
    expect_body("", "FTX+A??B?+C?:D?'E?'+?x'", 1,
                "\"FTX\":[{\"01\":\"A?B+C:D'E'\",\"02\":\"x\"}],");
}

static void segments_of_a_group_stand_below_its_first(void **state)
{
    (void)state;
    expect_body("NAD(RFF CTA(COM)) LIN(QTY)",
                "NAD+BY'CTA'COM+1'NAD+SU'RFF+2'LIN+1'QTY+3'LIN+2'QTY+4'UNS+S'RFF+5'", 11,
                "\"NAD\":[{\"01\":\"BY\",\"CTA\":[{\"COM\":[{\"01\":\"1\"}]}]},"
                "{\"01\":\"SU\",\"RFF\":[{\"01\":\"2\"}]}],"
                "\"LIN\":[{\"01\":\"1\",\"QTY\":[{\"01\":\"3\"}]},"
                "{\"01\":\"2\",\"QTY\":[{\"01\":\"4\"}]}],"
                "\"UNS\":[{\"01\":\"S\"}],\"RFF\":[{\"01\":\"5\"}],");
}

static void una_tells_the_separators(void **state)
{
    const struct tn_edi_options o = {.x12 = false};
    (void)state;
    expect(&o, "UNA;/,\\*~UNB/UNOY;4/A/B/C/9~UNH/1/X~TST/a;b*c*;d\\/~UNT/3/1~UNZ/1/9~",
           "{\"UNB\":[{\"01\":\"UNOY\",\"01-2\":\"4\",\"02\":\"A\",\"03\":\"B\",\"04\":\"C\","
           "\"05\":\"9\"}],\"UNH\":[{\"01\":\"1\",\"02\":\"X\"}],"
           "\"TST\":[{\"01\":[\"a\",\"c\",null],\"01-2\":[\"b\",null,\"d/\"]}],"
           "\"UNT\":[{\"01\":\"3\",\"02\":\"1\"}]}\n");
    expect(&o, "\xef\xbb\xbfUNB+UNOY:4+A+B+C+9'UNZ+0+9'", "");
    expect(&o, "UNA:+.?  UNB+UNOA:1", "?segment 1: the text breaks off in it\n");
    expect(&o, "UNA:+.\xbf 'UNB",
           "?segment 1: a separator is a letter, a digit or no ASCII character\n");
    expect(&o, "UNA++.? 'UNB", "?segment 1: two separators are the same character\n");
}

static void characters_are_those_that_unb_names(void **state)
{
    const struct tn_edi_options cp1252 = {.encoding = TN_ENCODING_cp1252}, o = {.x12 = false};
    (void)state;
    expect_body("", "FTX+Gr\xfcn'FTX+Gr\xc3\xbcn'", 2,
                "\"FTX\":[{\"01\":\"Gr\xc3\xbcn\"},{\"01\":\"Gr\xc3\xbcn\"}],");
    expect(&cp1252, "UNB+UNOC:3+A+B+C+9'UNH+1'FTX+\x80'UNT+3+1'UNZ+1+9'",
           "{\"UNB\":[{\"01\":\"UNOC\",\"01-2\":\"3\",\"02\":\"A\",\"03\":\"B\",\"04\":\"C\","
           "\"05\":\"9\"}],\"UNH\":[{\"01\":\"1\"}],\"FTX\":[{\"01\":\"\xe2\x82\xac\"}],"
           "\"UNT\":[{\"01\":\"3\",\"02\":\"1\"}]}\n");
    expect(&o, "UNB+UNOA:3+A+B+C+9'UNH+1'FTX+\x80'UNT+3+1'UNZ+1+9'",
           "!1: segment 3: the text is no UTF-8, and no UNB says UNOC: is it Windows-1252?\n");
}

static void a_faulty_message_is_lost_alone_and_named(void **state)
{
    const struct tn_edi_options o = {.x12 = false};
    const char *good = "{\"UNB\":[{\"01\":\"UNOA\",\"01-2\":\"1\",\"02\":\"A\",\"03\":\"B\","
                       "\"04\":\"C\",\"05\":\"9\"}],\"UNH\":[{\"01\":\"2\"}],"
                       "\"UNT\":[{\"01\":\"2\",\"02\":\"2\"}]}\n";
    static const struct {
        const char *first, *fault;
    } rows[] = {
        {"UNH+1'BGM'UNT+4+1'", "segment 4 (UNT): it counts 4 segments, but 3 came"},
        {"UNH+1'UNT+2+7'",
         "segment 3 (UNT): its reference is \"7\", but that of the beginning is \"1\""},
        {"UNH+1'UNT+x+1'", "segment 3 (UNT): it should count the segments, and has \"x\""},
        {"UNH+1'lower+1'UNT+3+1'",
         "segment 3: \"lower\" is no tag: a separator before it is missing or not released"},
        {"UNH+1'BGM'", "segment 4 (UNH): the message \"1\" has no UNT before it"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[200], want[600];
        snprintf(text, sizeof text, "UNB+UNOA:1+A+B+C+9'%sUNH+2'UNT+2+2'UNZ+%d+9'", rows[i].first,
                 i == 4 ? 1 : 2);
        snprintf(want, sizeof want, "!1: %s\n%s", rows[i].fault, good);
        expect(&o, text, want);
    }
    expect(&o, "UNB+UNOA:1+A+B+C+9'UNH+2'UNT+2+2'\nUNZ+3+9'",
           "{\"UNB\":[{\"01\":\"UNOA\",\"01-2\":\"1\",\"02\":\"A\",\"03\":\"B\",\"04\":\"C\","
           "\"05\":\"9\"}],\"UNH\":[{\"01\":\"2\"}],\"UNT\":[{\"01\":\"2\",\"02\":\"2\"}]}\n"
           "!2: segment 4 (UNZ): it counts 3 messages, but 1 came\n");
    expect(&o, "UNB+UNOA:1+A+B+C+9'BGM+1'UNZ+0+9'",
           "!1: segment 2 (BGM): it stands outside of a message\n");
}

static void what_is_no_interchange_or_breaks_off_is_told(void **state)
{
    const struct tn_edi_options o = {.x12 = false}, x12 = {.x12 = true};
    (void)state;
    expect(&o, "", "?there is no interchange: the text is empty\n");
    expect(&o, "a,b\n", "?segment 1: an interchange begins with UNB or UNA, not with \"a,b\"\n");
    expect(&o, "UNB+UNOA:1+A+B+C+9'UNH+1'BGM+2",
           "!1: segment 3: the text breaks off in it\n?segment 3: the text breaks off in it\n");
    expect(&o, "UNB+UNOA:1+A+B+C+9'UNH+1'BGM+2'",
           "!1: the text breaks off behind segment 3: there is no UNZ\n"
           "?the text breaks off behind segment 3: there is no UNZ\n");
    expect(&o, "UNB+x'", "?segment 1 (UNB): \"x\" is no syntax such as UNOC\n");
    expect(&o, "UNB+UNOA:1+A+B+C+9'UNB+UNOA:1+A+B+C+9'",
           "?segment 2 (UNB): the interchange before it has no UNZ\n");
    expect(&x12, "ISA*00*x", "?segment 1: the text breaks off in it\n");
}

#define ISA(version, repeat, end)                                                                  \
    "ISA*00*          *00*          *ZZ*SELLER         *ZZ*BUYER          *260305*1030*" repeat    \
    "*" version "*000000012*0*P*>" end
#define ISA_ROW(version, repeat)                                                                   \
    "\"ISA\":[{\"01\":\"00\",\"02\":\"          \",\"03\":\"00\",\"04\":\"          \","           \
    "\"05\":\"ZZ\",\"06\":\"SELLER         \",\"07\":\"ZZ\",\"08\":\"BUYER          \","           \
    "\"09\":\"260305\",\"10\":\"1030\",\"11\":\"" repeat "\",\"12\":\"" version                    \
    "\",\"13\":\"000000012\",\"14\":\"0\",\"15\":\"P\",\"16\":\">\"}]"
#define GS "GS*PO*A*B*20260305*1030*5*X*004010"
#define GS_ROW                                                                                     \
    "\"GS\":[{\"01\":\"PO\",\"02\":\"A\",\"03\":\"B\",\"04\":\"20260305\",\"05\":\"1030\","        \
    "\"06\":\"5\",\"07\":\"X\",\"08\":\"004010\"}]"

static void x12_is_read_with_the_separators_of_isa(void **state)
{
    const struct tn_edi_options o = {.x12 = true, .groups = TN_STR("PO1(PID)")};
    (void)state;
    expect(
        &o,
        ISA("00401", "U", "~") "\n" GS "~\nST*850*0001~\nBEG*00*SA*P?1~PO1*1*10*EA**VC>7~PID*F~"
                               "SE*5*0001~GE*1*5~IEA*1*000000012~\n",
        "{" ISA_ROW(
            "00401",
            "U") "," GS_ROW ",\"ST\":[{\"01\":\"850\",\"02\":\"0001\"}],"
                 "\"BEG\":[{\"01\":\"00\",\"02\":\"SA\",\"03\":\"P?1\"}],"
                 "\"PO1\":[{\"01\":\"1\",\"02\":\"10\",\"03\":\"EA\",\"05\":\"VC\",\"05-2\":\"7\","
                 "\"PID\":[{\"01\":\"F\"}]}],\"SE\":[{\"01\":\"5\",\"02\":\"0001\"}]}\n");
    expect(&o, ISA("00501", "^", "\n") GS "\nST*1*1\nHI*A>1^B>2\nSE*3*1\nGE*2*5\nIEA*1*12\n",
           "{" ISA_ROW(
               "00501",
               "^") "," GS_ROW ",\"ST\":[{\"01\":\"1\",\"02\":\"1\"}],"
                    "\"HI\":[{\"01\":[\"A\",\"B\"],\"01-2\":[\"1\",\"2\"]}],"
                    "\"SE\":[{\"01\":\"3\",\"02\":\"1\"}]}\n"
                    "!6: segment 6 (GE): it counts 2 messages, but 1 came\n"
                    "!7: segment 7 (IEA): its reference is \"12\", but that of the beginning is "
                    "\"000000012\"\n");
    expect(&o, ISA("00401", "U", "~") "TA1*1*A~IEA*0*000000012~",
           "{" ISA_ROW("00401", "U") ",\"TA1\":[{\"01\":\"1\",\"02\":\"A\"}]}\n");
    expect(&o, "ISA*00*short*00*" ISA("00401", "U", "~"),
           "?segment 1: X12 begins with ISA and its 16 elements of fixed length; there is no "
           "separator at position 18\n");
}

/* Random messages with random separators, against the record that is written beside them. */
enum { TAGS = 6 };
struct made {
    struct tn_buf text, rows[TAGS]; /* rows: of each tag, with commas between */
    unsigned order[TAGS], tags, segments;
    char separators[8]; /* as in UNA, from its third character on */
    unsigned seed;
};

static unsigned pick(struct made *m, unsigned n)
{
    m->seed = m->seed * 1103515245u + 12345u;
    return (m->seed >> 16) % n;
}

static void make_value(struct made *m, unsigned element, unsigned component, bool *some)
{
    static const char letters[] = "aB7 +:.?'~!,\xc3";
    char value[16];
    size_t n = 0, most = pick(m, 5);
    while (n < most) {
        char c = letters[pick(m, sizeof letters - 1)];
        if (strchr("+:?'~!", c) && (c == m->separators[0] || c == m->separators[1] ||
                                    c == m->separators[3] || c == m->separators[5]))
            tn_buf_addc(&m->text, m->separators[3]);
        tn_buf_addc(&m->text, c);
        value[n++] = c;
        if (c == '\xc3') tn_buf_addc(&m->text, value[n++] = '\xa4');
    }
    if (!n) return;
    unsigned tag = m->order[m->tags - 1];
    tn_buf_addf(&m->rows[tag], component > 1 ? "%s\"%02u-%u\":" : "%s\"%02u\":", *some ? "," : "",
                element, component);
    tn_json_quote(&m->rows[tag], (struct tn_str){value, n});
    *some = true;
}

static void make_segment(struct made *m)
{
    unsigned tag = pick(m, TAGS), at = 0;
    bool some = false;
    while (at < m->tags && m->order[at] != tag) at++;
    if (at == m->tags) m->order[m->tags++] = tag;
    unsigned last = m->order[m->tags - 1]; /* make_value writes to the last of the order */
    m->order[m->tags - 1] = tag;
    if (m->rows[tag].n) tn_buf_addc(&m->rows[tag], ',');
    tn_buf_addc(&m->rows[tag], '{');
    tn_buf_addf(&m->text, "T%u", tag);
    for (unsigned e = 1, elements = pick(m, 5); e <= elements; e++) {
        tn_buf_addc(&m->text, m->separators[1]);
        for (unsigned c = 1, components = 1 + pick(m, 3); c <= components; c++) {
            if (c > 1) tn_buf_addc(&m->text, m->separators[0]);
            make_value(m, e, c, &some);
        }
    }
    tn_buf_addc(&m->rows[tag], '}');
    m->order[m->tags - 1] = last;
    tn_buf_addf(&m->text, "%c%s", m->separators[5], pick(m, 2) ? "\r\n" : "");
    m->segments++;
}

static void random_messages_are_read_as_they_were_made(void **state)
{
    static const char *const separators[] = {":+.? '", "!~.? '", ":+,\\ ~"};
    const struct tn_edi_options o = {.x12 = false};
    (void)state;
    for (unsigned seed = 1; seed <= 400; seed++) {
        struct made m = {.seed = seed};
        struct tn_buf want;
        tn_buf_init(&m.text, TN_MIB);
        tn_buf_init(&want, TN_MIB);
        for (unsigned i = 0; i < TAGS; i++) tn_buf_init(&m.rows[i], TN_MIB);
        snprintf(m.separators, sizeof m.separators, "%s", separators[pick(&m, 3)]);
        char c = m.separators[0], e = m.separators[1], t = m.separators[5];
        tn_buf_addf(&m.text, "UNA%sUNB%cUNOY%c3%cA%cB%cC%c9%cUNH%c1%c", m.separators, e, c, e, e, e,
                    e, t, e, t);
        for (unsigned i = pick(&m, 12); i; i--) make_segment(&m);
        tn_buf_addf(&m.text, "UNT%c%u%c1%cUNZ%c1%c9%c", e, m.segments + 2, e, t, e, e, t);
        tn_buf_adds(&want, "{\"UNB\":[{\"01\":\"UNOY\",\"01-2\":\"3\",\"02\":\"A\",\"03\":\"B\","
                           "\"04\":\"C\",\"05\":\"9\"}],\"UNH\":[{\"01\":\"1\"}],");
        for (unsigned i = 0; i < m.tags; i++)
            tn_buf_addf(&want, "\"T%u\":[%s],", m.order[i], m.rows[m.order[i]].p);
        tn_buf_addf(&want, "\"UNT\":[{\"01\":\"%u\",\"02\":\"1\"}]}\n", m.segments + 2);
        expect(&o, m.text.p, want.p);
        tn_buf_clear(&m.text);
        tn_buf_clear(&want);
        for (unsigned i = 0; i < TAGS; i++) tn_buf_clear(&m.rows[i]);
    }
}

static void each_segment_of_a_tag_is_a_row_of_its_own(void **state)
{
    const struct tn_edi_options o = {.groups = TN_STR("LIN(PRI)"), .rows = TN_STR("LIN")};
    (void)state;
    expect(&o,
           "UNB+UNOY:3+A+B+C+9'UNH+1'BGM+9'LIN+1'PRI+5'LIN+2'UNS+S'UNT+7+1'"
           "UNH+2'BGM+9'UNT+3+2'UNZ+2+9'",
           "{\"UNB\":[{\"01\":\"UNOY\",\"01-2\":\"3\",\"02\":\"A\",\"03\":\"B\",\"04\":\"C\","
           "\"05\":\"9\"}],\"UNH\":[{\"01\":\"1\"}],\"BGM\":[{\"01\":\"9\"}],"
           "\"LIN\":[{\"01\":\"1\",\"PRI\":[{\"01\":\"5\"}]}],\"UNS\":[{\"01\":\"S\"}],"
           "\"UNT\":[{\"01\":\"7\",\"02\":\"1\"}]}\n"
           "{\"UNB\":[{\"01\":\"UNOY\",\"01-2\":\"3\",\"02\":\"A\",\"03\":\"B\",\"04\":\"C\","
           "\"05\":\"9\"}],\"UNH\":[{\"01\":\"1\"}],\"BGM\":[{\"01\":\"9\"}],"
           "\"LIN\":[{\"01\":\"2\"}],\"UNS\":[{\"01\":\"S\"}],"
           "\"UNT\":[{\"01\":\"7\",\"02\":\"1\"}]}\n"
           "!1: the message has no segment LIN\n");
}

static void wrong_groups_are_refused(void **state)
{
    static const char *const rows[] = {"lin", "LIN(", "LIN(QTY", "LIN)", "LIN(QTY))", "L", "LINE"};
    struct tn_err err;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct tn_edi_options o = {.groups = tn_str(rows[i])};
        assert_null(tn_edi_new(&o, rig_row, NULL, &err));
        if (!strstr(err.text, "groups are tags")) fail_msg("%s: %s", rows[i], err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_stand_by_their_tag_as_lists),
        cmocka_unit_test(a_released_character_is_text),
        cmocka_unit_test(segments_of_a_group_stand_below_its_first),
        cmocka_unit_test(una_tells_the_separators),
        cmocka_unit_test(characters_are_those_that_unb_names),
        cmocka_unit_test(a_faulty_message_is_lost_alone_and_named),
        cmocka_unit_test(what_is_no_interchange_or_breaks_off_is_told),
        cmocka_unit_test(x12_is_read_with_the_separators_of_isa),
        cmocka_unit_test(random_messages_are_read_as_they_were_made),
        cmocka_unit_test(each_segment_of_a_tag_is_a_row_of_its_own),
        cmocka_unit_test(wrong_groups_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
