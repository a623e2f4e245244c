/* SPDX-License-Identifier: MIT */
#include "rows_rig.h"

#include "base/xml.h"

static void expect(const char *rows, const char *text, const char *want)
{
    for (size_t step = 1; step < 10000; step *= 9999) {
        struct tn_buf out;
        struct tn_err err;
        tn_buf_init(&out, TN_MIB);
        struct tn_xml *xml = tn_xml_new(tn_str(rows), rig_row, &out);
        bool ok = true;
        for (size_t i = 0, n = strlen(text); i < n && ok; i += step)
            ok = tn_xml_feed(xml, text + i, n - i < step ? n - i : step, &err);
        if (ok) ok = tn_xml_end(xml, &err);
        if (!ok) tn_buf_addf(&out, "?%s\n", err.text);
        if (!tn_str_is(tn_buf_str(&out), want))
            fail_msg("%s\n wanted %s\n got    %s", text, want, out.p ? out.p : "");
        tn_xml_free(xml);
        tn_buf_clear(&out);
    }
}

static void elements_become_members(void **state)
{
    (void)state;
    expect("", "<r><i><a>1</a><b> x &amp; y </b></i><i/></r>",
           "{\"a\":\"1\",\"b\":\" x & y \"}\n{}\n");
    expect("", "<r><i k='v'><a u=\"kg\">1</a><a>2</a><b/></i></r>",
           "{\"@k\":\"v\",\"a\":[{\"@u\":\"kg\",\"#text\":\"1\"},\"2\"],\"b\":\"\"}\n");
    expect("", "<r><i><a u='kg'/><b v='1'> </b><c w='2'><d/></c></i></r>",
           "{\"a\":{\"@u\":\"kg\",\"#text\":\"\"},\"b\":{\"@v\":\"1\",\"#text\":\" \"},"
           "\"c\":{\"@w\":\"2\",\"d\":\"\"}}\n");
    expect("", "<r><i><![CDATA[<x>]]></i></r>", "{\"#text\":\"<x>\"}\n");
    expect("",
           "<r xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'>"
           "<i><a xsi:nil='true'/><b xsi:nil='false'>1</b></i></r>",
           "{\"a\":null,\"b\":\"1\"}\n");
    expect("", "<r><i><a>1</a> text <a>2</a></i></r>",
           "{\"#text\":\" text \",\"a\":[\"1\",\"2\"]}\n");
    expect("", "<?xml version='1.0' encoding='windows-1252'?><r><i><a>\xdf\x80</a></i></r>",
           "{\"a\":\"\xc3\x9f\xe2\x82\xac\"}\n");
    expect("", "<?xml version='1.0' encoding='ISO-8859-1'?><r><i><a>\xe4</a></i></r>",
           "{\"a\":\"\xc3\xa4\"}\n");
}

static void rows_are_found_by_path_or_name_whatever_the_prefix(void **state)
{
    const char *soap = "<s:E xmlns:s='urn:s' xmlns='urn:d'><s:H><I>0</I></s:H><s:B><L>"
                       "<I><n>1</n></I><I><n>2</n></I></L><I><n>3</n></I></s:B></s:E>";
    (void)state;
    expect("E.B.L.I", soap, "{\"n\":\"1\"}\n{\"n\":\"2\"}\n");
    expect("I", soap, "{\"#text\":\"0\"}\n{\"n\":\"1\"}\n{\"n\":\"2\"}\n{\"n\":\"3\"}\n");
    expect("E.B.X", soap, "");
    expect("I", "<I><n>1</n></I>", "{\"n\":\"1\"}\n");
}

static void a_list_that_is_missing_is_not_an_empty_one(void **state)
{
    const char *fault = "<s:E xmlns:s='urn:s'><s:B><s:Fault><c>1</c></s:Fault></s:B></s:E>";
    (void)state;
    expect("E.B.L.I", "<E><B><L/></B></E>", "");
    expect("E.B.L.I", "<E><B><L><X/></L></B></E>", "");
    expect("E.B.L.I", fault, "?there is no element 'L' in B that could hold 'I'\n");
    expect("F.B.L.I", fault, "?the root is 'E': there is no element 'F' that could hold 'I'\n");
}

static void case_22_a_doctype_that_declares_nothing_is_passed_over(void **state)
{
    (void)state;
    expect("items.item",
           "<!DOCTYPE items SYSTEM \"items.dtd\"><items><item><no>1</no></item></items>",
           "{\"no\":\"1\"}\n");
    expect("", "<!DOCTYPE r><r><i k='&lt;&#65;'>&amp;</i></r>",
           "{\"@k\":\"<A\",\"#text\":\"&\"}\n");
    expect("", "<!DOCTYPE r [ <!-- nothing --> ]><r><i/></r>", "{}\n");
    expect("", "<!DOCTYPE r PUBLIC '-//X//Y' 'file:///etc/passwd'><r><i/></r>", "{}\n");
}

static void case_22_a_doctype_with_entities_is_refused(void **state)
{
    (void)state;
    expect("", "<!DOCTYPE r [<!ENTITY a 'x'>]><r><i>&a;</i></r>",
           "?line 1, column 25: the DOCTYPE declares the entity 'a': no declaration is accepted\n");
    expect("", "<!DOCTYPE r [<!ENTITY % a SYSTEM 'file:///etc/passwd'>%a;]><r/>",
           "?line 1, column 54: the DOCTYPE declares the entity 'a': no declaration is accepted\n");
    expect(
        "", "<!DOCTYPE r [<!ELEMENT i (a)>]><r/>",
        "?line 1, column 28: the DOCTYPE declares the element 'i': no declaration is accepted\n");
    expect(
        "", "<!DOCTYPE r [<!ATTLIST i a CDATA 'x'>]><r><i/></r>",
        "?line 1, column 34: the DOCTYPE declares the attribute 'a': no declaration is accepted\n");
    expect(
        "", "<!DOCTYPE r [<!NOTATION n SYSTEM 'x'>]><r/>",
        "?line 1, column 34: the DOCTYPE declares the notation 'n': no declaration is accepted\n");
    expect("", "<!DOCTYPE html><html><body><i/></body></html>",
           "?line 1, column 15: this is an HTML page, no XML document\n");
}

/* Expat passes over these, since the file of the DOCTYPE might declare them. */
static void case_22_an_entity_of_a_file_that_is_not_read_is_not_lost(void **state)
{
    static const char wide[] =
        "\xff\xfe<\0!\0D\0O\0C\0T\0Y\0P\0E\0 \0r\0 \0S\0Y\0S\0T\0E\0M\0 "
        "\0'\0x\0'\0>\0<\0r\0>\0<\0i\0 \0k\0=\0'\0\x26\x26&\0c\0;\0'\0/\0>\0";
    struct tn_buf out;
    struct tn_err err;
    (void)state;
    expect("", "<!DOCTYPE r SYSTEM 'r.dtd'><r><i>a&nbsp;b</i></r>",
           "?line 1, column 35: the entity 'nbsp' is not known, since the DOCTYPE's file is not "
           "read\n");
    expect("", "<!DOCTYPE r SYSTEM 'r.dtd'><r><i k='a&nbsp;b'/></r>",
           "?line 1, column 31: the entity 'nbsp' is not known, since the DOCTYPE's file is not "
           "read\n");
    tn_buf_init(&out, TN_MIB);
    struct tn_xml *xml = tn_xml_new(TN_STR(""), rig_row, &out);
    bool ok = tn_xml_feed(xml, wide, sizeof wide - 1, &err) && tn_xml_end(xml, &err);
    assert_false(ok);
    if (!strstr(err.text, "the entity 'c' is not known")) fail_msg("%s", err.text);
    tn_xml_free(xml);
    tn_buf_clear(&out);
}

static void broken_documents_say_where(void **state)
{
    struct tn_buf deep;
    (void)state;
    expect("", "<r><i><a>1</a></i><i><b></i></r>",
           "{\"a\":\"1\"}\n?line 1, column 27: mismatched tag\n");
    expect("", "<r><i>&nope;</i></r>", "?line 1, column 7: undefined entity\n");
    expect("", "<r><i>", "?line 1, column 7: no element found\n");
    tn_buf_init(&deep, TN_MIB);
    for (int i = 0; i < 100; i++) tn_buf_adds(&deep, "<a>");
    expect("", deep.p, "?line 1, column 181: elements are nested too deep\n");
    tn_buf_clear(&deep);
}

static void a_row_without_an_end_does_not_fill_the_memory(void **state)
{
    struct tn_buf out;
    struct tn_err err;
    bool ok;
    (void)state;
    tn_buf_init(&out, TN_MIB);
    struct tn_xml *xml = tn_xml_new(TN_STR(""), rig_row, &out);
    ok = tn_xml_feed(xml, "<r><i>", 6, &err);
    for (size_t n = 0; ok && n < 2 * (size_t)TN_LIMIT_RECORD; n += 8)
        ok = tn_xml_feed(xml, "<a>1</a>", 8, &err);
    assert_false(ok);
    assert_int_equal(err.kind, TN_E_too_large);
    tn_xml_free(xml);
    tn_buf_clear(&out);
}

static void many_different_elements_are_found_fast(void **state)
{
    struct tn_buf text, out;
    struct tn_err err;
    (void)state;
    tn_buf_init(&text, 4 * TN_MIB);
    tn_buf_init(&out, 4 * TN_MIB);
    tn_buf_adds(&text, "<r><i>");
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 3000; i++) tn_buf_addf(&text, "<e%d>%d</e%d>", i, round, i);
    tn_buf_adds(&text, "</i></r>");
    struct tn_xml *xml = tn_xml_new(TN_STR(""), rig_row, &out);
    assert_true(tn_xml_feed(xml, text.p, text.n, &err));
    assert_true(tn_xml_end(xml, &err));
    assert_non_null(strstr(out.p, "\"e2999\":[\"0\",\"1\"]}"));
    tn_xml_free(xml);
    tn_buf_clear(&text);
    tn_buf_clear(&out);
}

static void tokens_in_small_pieces_are_read_fast(void **state)
{
    static const char *const heads[] = {"<r><i a=\"", "<!--", "<r><!--", "<r><![CDATA[",
                                        "<r/><!--"};
    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct tn_buf out;
        struct tn_err err;
        double from = cpu_seconds();
        tn_buf_init(&out, TN_MIB);
        struct tn_xml *xml = tn_xml_new(TN_STR(""), rig_row, &out);
        bool ok = tn_xml_feed(xml, heads[i], strlen(heads[i]), &err);
        for (size_t n = 0; ok && n < 3 * (size_t)TN_LIMIT_RECORD; n += 8)
            ok = tn_xml_feed(xml, "aaaaaaaa", 8, &err);
        /* Outside of a row the text of a CDATA section is no token: it goes by. */
        if (ok != !strcmp(heads[i], "<r><![CDATA[")) fail_msg("%s: %s", heads[i], err.text);
        if (!ok) assert_int_equal(err.kind, TN_E_too_large);
        assert_true(cpu_seconds() - from < 3);
        tn_xml_free(xml);
        tn_buf_clear(&out);
    }
}

static void lines_are_right_however_much_was_gathered(void **state)
{
    struct tn_buf text, want;
    (void)state;
    tn_buf_init(&text, TN_MIB);
    tn_buf_init(&want, TN_MIB);
    tn_buf_adds(&text, "<r>");
    for (int i = 0; i < 5000; i++) {
        tn_buf_addf(&text, "\n<i><a>%d</a></i>", i);
        tn_buf_addf(&want, "{\"a\":\"%d\"}\n", i);
    }
    tn_buf_adds(&text, "\n</s>");
    tn_buf_adds(&want, "?line 5002, column 3: mismatched tag\n");
    expect("", text.p, want.p);
    tn_buf_clear(&text);
    tn_buf_clear(&want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_become_members),
        cmocka_unit_test(rows_are_found_by_path_or_name_whatever_the_prefix),
        cmocka_unit_test(a_list_that_is_missing_is_not_an_empty_one),
        cmocka_unit_test(case_22_a_doctype_that_declares_nothing_is_passed_over),
        cmocka_unit_test(case_22_a_doctype_with_entities_is_refused),
        cmocka_unit_test(case_22_an_entity_of_a_file_that_is_not_read_is_not_lost),
        cmocka_unit_test(broken_documents_say_where),
        cmocka_unit_test(a_row_without_an_end_does_not_fill_the_memory),
        cmocka_unit_test(tokens_in_small_pieces_are_read_fast),
        cmocka_unit_test(lines_are_right_however_much_was_gathered),
        cmocka_unit_test(many_different_elements_are_found_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
