/* SPDX-License-Identifier: MIT */
/* Where we may connect to.  Spellings that only the resolver understands are resolved here as it
 * does, and the result is judged, which is what happens at connect time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <netdb.h>
#include <sys/un.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "net/egress.h"

static bool may(const struct tn_egress *e, enum tn_egress_policy policy, const char *ip)
{
    struct tn_err err;
    bool ok = tn_egress_check_text(e, policy, ip, 443, &err);
    if (!ok) assert_int_equal(err.kind, TN_E_egress);
    return ok;
}

static void test_public(void **state)
{
    static const char *const ips[] = {
        "1.1.1.1",         "9.255.255.255",   "11.0.0.0",        "100.63.255.255", "100.128.0.0",
        "126.255.255.255", "128.0.0.0",       "169.253.255.255", "169.255.0.0",    "172.15.255.255",
        "172.32.0.0",      "192.0.1.0",       "192.167.255.255", "192.169.0.0",    "198.17.255.255",
        "198.20.0.0",      "223.255.255.255", "2606:4700::1",    "2a00::1",        "2003::1",
        "2001:200::1"};
    (void)state;
    for (size_t i = 0; i < sizeof ips / sizeof *ips; i++) {
        if (!may(NULL, TN_EGRESS_public, ips[i])) print_error("refused: %s\n", ips[i]);
        assert_true(may(NULL, TN_EGRESS_public, ips[i]));
        assert_true(may(NULL, TN_EGRESS_upstream, ips[i]));
        assert_false(may(NULL, TN_EGRESS_local, ips[i]));
    }
}

static void test_private_is_for_integrations(void **state)
{
    static const char *const ips[] = {"10.0.0.0",        "10.255.255.255", "172.16.0.1",
                                      "172.31.255.255",  "192.168.0.1",    "100.64.0.1",
                                      "100.127.255.255", "fc00::1",        "fdff::1"};
    (void)state;
    for (size_t i = 0; i < sizeof ips / sizeof *ips; i++) {
        assert_false(may(NULL, TN_EGRESS_public, ips[i]));
        assert_true(may(NULL, TN_EGRESS_upstream, ips[i]));
        assert_false(may(NULL, TN_EGRESS_local, ips[i]));
    }
}

static void test_refused_to_all(void **state)
{
    static const char *const ips[] = {
        "0.0.0.0",
        "0.1.2.3",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.0.1",
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:8.8.8.8",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::808:808",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",
        "2002:808:808::1",
        "2001::1",
        "2001:0:7f00:1::",
        "2001:10::1",
        "2001:db8::1",
        "3fff::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "100::1",
        "4000::1",
        "5f00::1",
        "e000::1",
    };
    (void)state;
    for (size_t i = 0; i < sizeof ips / sizeof *ips; i++) {
        if (may(NULL, TN_EGRESS_upstream, ips[i])) print_error("allowed: %s\n", ips[i]);
        assert_false(may(NULL, TN_EGRESS_public, ips[i]));
        assert_false(may(NULL, TN_EGRESS_upstream, ips[i]));
    }
    assert_true(may(NULL, TN_EGRESS_local, "127.0.0.1"));
    assert_true(may(NULL, TN_EGRESS_local, "::1"));
    assert_false(may(NULL, TN_EGRESS_local, "::ffff:127.0.0.1"));
}

/* What people write to get to loopback: refused as a URL, or refused after it was resolved. */
static void test_spellings_of_loopback(void **state)
{
    static const char *const hosts[] = {
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "0177.1",
        "127.000.000.001",
        "127.0.0.01",
        "000177.0.0.1",
        "0",
        "0.0.0.0",
        "0x0",
        "127.0.0.255",
        "127.127.127.127",
        "0x7F.0X0.0.0x1",
        "127.0.0x0.1",
        "3232235521",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "[::1]",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "[0000::0001]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "[::ffff:0:7f00:1]",
        "[2001:0:0:0:0:0:80ff:fffe]",
        "[fe80::1%25lo]",
        "[::1%25lo]",
        "\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1",
        "127\xe3\x80\x82"
        "0\xe3\x80\x82"
        "0\xe3\x80\x82"
        "1",
        "\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1",
        "127.0.0.1%00.a.test",
        "a@127.0.0.1",
        "127.0.0.1#@a.test",
        "127.0.0.1\\@a.test",
    };
    size_t judged = 0; /* the others are no URLs, or no names that anybody can look up */
    (void)state;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        char url[256], host[256];
        struct tn_url u;
        struct tn_err err;
        struct addrinfo *found, hints = {.ai_socktype = SOCK_STREAM};
        snprintf(url, sizeof url, "http://%s/x", hosts[i]);
        if (!tn_url_parse(tn_str(url), &u, &err)) continue;
        snprintf(host, sizeof host, "%.*s", TN_FMT(u.host));
        if (getaddrinfo(host, "80", &hints, &found) != 0) continue;
        for (const struct addrinfo *a = found; a; a = a->ai_next) {
            bool ok = tn_egress_check(NULL, TN_EGRESS_public, a->ai_addr, &err);
            if (ok) print_error("allowed: %s\n", hosts[i]);
            assert_false(ok);
        }
        judged++;
        freeaddrinfo(found);
    }
    assert_true(judged >= sizeof hosts / sizeof *hosts / 2);
}

static void test_allow_net(void **state)
{
    struct tn_egress *e = tn_egress_new();
    struct tn_err err;
    (void)state;
    assert_true(tn_egress_allow(e, "127.0.0.0/8", &err));
    assert_true(tn_egress_allow(e, "fe80::/10", &err));
    assert_true(tn_egress_allow(e, "192.0.2.7", &err));
    assert_true(tn_egress_allow(e, "198.18.0.0/15:8443", &err));
    assert_true(tn_egress_allow(e, "[::1]:443", &err));
    assert_true(tn_egress_allow(e, "[2001:db8::/33]:443", &err));
    assert_true(may(e, TN_EGRESS_public, "127.9.9.9"));
    assert_true(may(e, TN_EGRESS_upstream, "fe80::5"));
    assert_true(may(e, TN_EGRESS_public, "192.0.2.7"));
    assert_false(may(e, TN_EGRESS_public, "192.0.2.6"));
    assert_false(may(e, TN_EGRESS_public, "198.18.0.1"));
    assert_true(tn_egress_check_text(e, TN_EGRESS_public, "198.19.0.1", 8443, &err));
    assert_true(may(e, TN_EGRESS_public, "::1"));
    assert_false(tn_egress_check_text(e, TN_EGRESS_public, "::1", 80, &err));
    assert_true(may(e, TN_EGRESS_public, "2001:db8:7fff::1"));
    assert_false(may(e, TN_EGRESS_public, "2001:db8:8000::1"));
    assert_false(may(e, TN_EGRESS_public, "::ffff:127.0.0.1"));
    assert_false(may(e, TN_EGRESS_public, "10.0.0.1"));
    tn_egress_free(e);
    tn_egress_free(NULL);
}

static void test_malformed_nets(void **state)
{
    static const char *const wrong[] = {
        "",        "/8",          "10.0.0.0/33",  "10.0.0/8",         "10.0.0.0/", "10.0.0.0/-1",
        "a/8",     "::/129",      "10.0.0.0/8:0", "10.0.0.0/8:65536", "[::1",      "[::1]:",
        "[::1]:x", "010.0.0.0/8", "10.0.0.0/8/8", "localhost",        "fe80::1%lo"};
    struct tn_egress *e = tn_egress_new();
    struct tn_err err;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (tn_egress_allow(e, wrong[i], &err)) print_error("taken: %s\n", wrong[i]);
        assert_false(tn_egress_allow(e, wrong[i], &err));
        assert_int_equal(err.kind, TN_E_invalid);
    }
    tn_egress_free(e);
}

static void test_other_families(void **state)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct tn_err err;
    (void)state;
    assert_true(tn_egress_check(NULL, TN_EGRESS_local, (struct sockaddr *)&a, &err));
    assert_false(tn_egress_check(NULL, TN_EGRESS_upstream, (struct sockaddr *)&a, &err));
    assert_false(tn_egress_check_text(NULL, TN_EGRESS_public, "a.test", 80, &err));
    assert_false(tn_egress_check_text(NULL, TN_EGRESS_public, "", 80, &err));
}

static void test_urls(void **state)
{
    static const char *const right[] = {"http://a",       "https://a.test/x?y=z",
                                        "HTTP://A:8080/", "https://[::1]:8/x",
                                        "http://a?b",     "http://a-b_c.d/%20%2f;{}|@x"};
    static const char *const wrong[] = {
        "",
        "a",
        "/a",
        "//a",
        "a.test",
        "http:",
        "http:/a",
        "http:///a",
        "http://",
        "http://:80/",
        "file:///etc/passwd",
        "gopher://a/",
        "dict://a/",
        "ftp://a/",
        "ldap://a/",
        "smtp://a/",
        "tftp://a/",
        "scp://a/",
        "sftp://a/",
        "smb://a/",
        "ws://a/",
        "unix:/a",
        "data:,x",
        "javascript:alert(1)",
        "httpx://a/",
        "http://u@a/",
        "http://u:p@a/",
        "http://a@b@c/",
        "http://a#@b/",
        "http://a/#x",
        "http://a\\@b/",
        "http://a\\b",
        "http:\\\\a/",
        "http://a\t/",
        "http://a\r\nX: y/",
        "http://a /",
        " http://a/",
        "http://a/%00",
        "http://a%2eb/",
        "http://a:0/",
        "http://a:65536/",
        "http://a:x/",
        "http://a:/",
        "http://a:80:80/",
        "http://[::1/",
        "http://[::1]x/",
        "http://[a.test]/",
        "http://[]/",
        "http://a,b/",
        "http://\xc3\xa4/",
        "http://a/\xc3\xa4",
        "http://a/\x7f",
    };
    struct tn_url u;
    struct tn_err err;
    (void)state;
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        if (!tn_url_parse(tn_str(right[i]), &u, &err)) print_error("refused: row %zu\n", i);
        assert_true(tn_url_parse(tn_str(right[i]), &u, &err));
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (tn_url_parse(tn_str(wrong[i]), &u, &err)) print_error("taken: row %zu\n", i);
        assert_false(tn_url_parse(tn_str(wrong[i]), &u, &err));
        assert_int_equal(err.kind, TN_E_invalid);
    }
    assert_false(tn_url_parse(TN_STR("http://a\0/"), &u, &err));
    char *large = tn_alloc(TN_EGRESS_URL + 2);
    memset(large, 'a', TN_EGRESS_URL + 1);
    memcpy(large, "http://a/", 9);
    assert_true(tn_url_parse((struct tn_str){large, TN_EGRESS_URL}, &u, &err));
    assert_false(tn_url_parse((struct tn_str){large, TN_EGRESS_URL + 1}, &u, &err));
    tn_free(large);
}

static void test_url_parts(void **state)
{
    struct tn_url a, b, c;
    struct tn_err err;
    (void)state;
    assert_true(tn_url_parse(TN_STR("https://ERP.test/a?b"), &a, &err));
    assert_true(tn_str_is(a.host, "ERP.test") && a.tls && a.port == 443 &&
                tn_str_is(a.path, "/a?b"));
    assert_true(tn_url_parse(TN_STR("HTTPS://erp.test:443"), &b, &err));
    assert_true(tn_url_same_origin(&a, &b));
    assert_true(tn_url_parse(TN_STR("http://erp.test:443"), &c, &err));
    assert_false(tn_url_same_origin(&a, &c));
    assert_true(tn_url_parse(TN_STR("http://[fd00::1]:8080/x"), &c, &err));
    assert_true(tn_str_is(c.host, "fd00::1") && c.port == 8080);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_public),         cmocka_unit_test(test_private_is_for_integrations),
        cmocka_unit_test(test_refused_to_all), cmocka_unit_test(test_spellings_of_loopback),
        cmocka_unit_test(test_allow_net),      cmocka_unit_test(test_malformed_nets),
        cmocka_unit_test(test_other_families), cmocka_unit_test(test_urls),
        cmocka_unit_test(test_url_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
