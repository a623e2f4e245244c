/* SPDX-License-Identifier: MIT */
#include "net/egress.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include "base/alloc.h"

/* Every address is compared as 16 bytes. An IPv4 address is in the last four; v6 tells the two
 * kinds apart. */
struct address {
    unsigned char b[16];
    unsigned port;
    bool v6;
};

struct net {
    struct net *next;
    struct address address; /* port 0: any port */
    unsigned bits;
};

struct tn_egress {
    struct net *nets;
};

/* Kinds of ranges. An integration may call PRIVATE ones; nobody may call REFUSED ones. */
enum { PUBLIC, PRIVATE, REFUSED };

struct range {
    unsigned char b[16];
    unsigned bits;
    int what;
    const char *text;
};

/* The first range that matches counts; an address in none of them is public. */
static const struct range ranges4[] = {
    {{168, 63, 129, 16}, 32, REFUSED, "a cloud's metadata service"},
    {{100, 100, 100, 200}, 32, REFUSED, "a cloud's metadata service"},
    {{0}, 8, REFUSED, "reserved"},
    {{10}, 8, PRIVATE, "private"},
    {{100, 64}, 10, PRIVATE, "a carrier's private network"},
    {{127}, 8, REFUSED, "loopback"},
    {{169, 254}, 16, REFUSED, "link-local"},
    {{172, 16}, 12, PRIVATE, "private"},
    {{192, 0, 0}, 24, REFUSED, "reserved"},
    {{192, 0, 2}, 24, REFUSED, "for documentation"},
    {{192, 88, 99}, 24, REFUSED, "a 6to4 relay"},
    {{192, 168}, 16, PRIVATE, "private"},
    {{198, 18}, 15, REFUSED, "for benchmarks"},
    {{198, 51, 100}, 24, REFUSED, "for documentation"},
    {{203, 0, 113}, 24, REFUSED, "for documentation"},
    {{224}, 4, REFUSED, "multicast"},
    {{240}, 4, REFUSED, "reserved"},
};

/* The first range that matches counts; an address in none of them is not assigned, and refused. */
static const struct range ranges6[] = {
    {{[15] = 1}, 128, REFUSED, "loopback"},
    {{[10] = 0xff, [11] = 0xff}, 96, REFUSED, "an IPv4 address in disguise"},
    {{[8] = 0xff, [9] = 0xff}, 96, REFUSED, "an IPv4 address in disguise"},
    {{0x00, 0x64, 0xff, 0x9b}, 32, REFUSED, "an IPv4 address behind NAT64"},
    {{0}, 8, REFUSED, "reserved"},
    {{0xfd, 0x00, 0x0e, 0xc2}, 32, REFUSED, "a cloud's metadata service"},
    {{0xfd, 0x20, 0x00, 0xce}, 32, REFUSED, "a cloud's metadata service"},
    {{0xfc}, 7, PRIVATE, "private"},
    {{0xfe, 0x80}, 10, REFUSED, "link-local"},
    {{0xfe, 0xc0}, 10, REFUSED, "reserved"},
    {{0xff}, 8, REFUSED, "multicast"},
    {{0x20, 0x01, 0x00, 0x00}, 32, REFUSED, "an IPv4 address behind Teredo"},
    {{0x20, 0x01, 0x0d, 0xb8}, 32, REFUSED, "for documentation"},
    {{0x20, 0x01}, 23, REFUSED, "reserved"},
    {{0x20, 0x02}, 16, REFUSED, "an IPv4 address behind 6to4"},
    {{0x3f, 0xff}, 20, REFUSED, "for documentation"},
    {{0x20}, 3, PUBLIC, "public"},
    {{0}, 0, REFUSED, "not assigned"},
};

static bool within(const unsigned char *address, const unsigned char *net, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(address, net, whole) != 0) return false;
    return !rest || ((address[whole] ^ net[whole]) & (0xff00 >> rest) & 0xff) == 0;
}

static const unsigned char *bytes(const struct address *a)
{
    return a->v6 ? a->b : a->b + 12;
}

static const struct range *classify(const struct address *a)
{
    static const struct range other = {.what = PUBLIC, .text = "public"};
    const struct range *ranges = a->v6 ? ranges6 : ranges4;
    size_t n = a->v6 ? sizeof ranges6 / sizeof *ranges6 : sizeof ranges4 / sizeof *ranges4;
    for (size_t i = 0; i < n; i++)
        if (within(bytes(a), ranges[i].b, ranges[i].bits)) return &ranges[i];
    return &other;
}

static bool read_text(struct address *a, const char *text)
{
    if (inet_pton(AF_INET, text, a->b + 12) == 1) {
        a->v6 = false;
        return true;
    }
    a->v6 = true;
    return inet_pton(AF_INET6, text, a->b) == 1;
}

static bool read_sockaddr(struct address *a, const struct sockaddr *s)
{
    if (s->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)s;
        memcpy(a->b + 12, &in->sin_addr, 4);
        a->port = ntohs(in->sin_port);
        return true;
    }
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)s;
    if (s->sa_family != AF_INET6) return false;
    a->v6 = true;
    memcpy(a->b, &in6->sin6_addr, 16);
    a->port = ntohs(in6->sin6_port);
    return true;
}

struct tn_egress *tn_egress_new(void)
{
    return TN_NEW(struct tn_egress);
}

void tn_egress_free(struct tn_egress *e)
{
    if (!e) return;
    for (struct net *n = e->nets, *next; n; n = next) {
        next = n->next;
        tn_free(n);
    }
    tn_free(e);
}

/* Takes ":port" off the end of text: the part after "]", or after the only colon. */
static bool take_port(struct tn_str *text, unsigned *port)
{
    const char *colon = memrchr(text->p, ':', text->n);
    uint64_t number;
    bool bracket = text->n && text->p[0] == '[';
    if (bracket && text->p[text->n - 1] == ']') return true;
    if (!colon || (!bracket && memchr(text->p, ':', text->n) != colon)) return true;
    struct tn_str digits = {colon + 1, (size_t)(text->p + text->n - colon - 1)};
    if (!tn_str_u64(digits, &number) || !number || number > 65535) return false;
    *port = (unsigned)number;
    text->n = (size_t)(colon - text->p);
    return !bracket || (text->n && text->p[text->n - 1] == ']');
}

static bool read_net(struct net *net, struct tn_str text)
{
    char address[64];
    uint64_t bits = 0;
    struct tn_str part;
    if (!take_port(&text, &net->address.port)) return false;
    if (text.n > 2 && text.p[0] == '[' && text.p[text.n - 1] == ']') text.p++, text.n -= 2;
    if (!tn_str_split(&text, '/', &part) || part.n >= sizeof address) return false;
    memcpy(address, part.p, part.n);
    address[part.n] = '\0';
    if (!read_text(&net->address, address)) return false;
    unsigned most = net->address.v6 ? 128 : 32;
    if (text.p && (!tn_str_u64(text, &bits) || bits > most)) return false;
    net->bits = text.p ? (unsigned)bits : most;
    return true;
}

bool tn_egress_allow(struct tn_egress *e, const char *cidr, struct tn_err *err)
{
    struct net net = {0};
    if (!read_net(&net, tn_str(cidr)))
        return tn_fail(err, TN_E_invalid,
                       "'%.80s' is not a network: expected 10.1.0.0/16, fd00::/8, 10.1.2.3:443 or "
                       "[fd00::/8]:443",
                       cidr);
    struct net *kept = TN_NEW(struct net);
    *kept = net;
    kept->next = e->nets;
    e->nets = kept;
    return true;
}

static bool is_open(const struct tn_egress *e, const struct address *a)
{
    for (const struct net *n = e ? e->nets : NULL; n; n = n->next)
        if (n->address.v6 == a->v6 && (!n->address.port || n->address.port == a->port) &&
            within(bytes(a), bytes(&n->address), n->bits))
            return true;
    return false;
}

static bool is_loopback(const struct address *a)
{
    static const unsigned char one[16] = {[15] = 1};
    return a->v6 ? memcmp(a->b, one, 16) == 0 : a->b[12] == 127;
}

static bool judge(const struct tn_egress *e, enum tn_egress_policy policy, const struct address *a,
                  struct tn_err *err)
{
    char text[INET6_ADDRSTRLEN];
    const struct range *range = classify(a);
    if (policy == TN_EGRESS_local && is_loopback(a)) return true;
    if (policy != TN_EGRESS_local) {
        if (range->what == PUBLIC || is_open(e, a)) return true;
        if (range->what == PRIVATE && policy == TN_EGRESS_upstream) return true;
    }
    inet_ntop(a->v6 ? AF_INET6 : AF_INET, bytes(a), text, sizeof text);
    return tn_fail(err, TN_E_egress, "%s (%s) is not an address that may be called here%s", text,
                   range->text, policy == TN_EGRESS_local ? "" : "; --allow-net opens it");
}

bool tn_egress_check(const struct tn_egress *e, enum tn_egress_policy policy,
                     const struct sockaddr *address, struct tn_err *err)
{
    struct address a = {0};
    if (address->sa_family == AF_UNIX && policy == TN_EGRESS_local) return true;
    if (!read_sockaddr(&a, address))
        return tn_fail(err, TN_E_egress, "only IPv4 and IPv6 addresses may be called");
    return judge(e, policy, &a, err);
}

bool tn_egress_check_text(const struct tn_egress *e, enum tn_egress_policy policy, const char *ip,
                          unsigned port, struct tn_err *err)
{
    struct address a = {.port = port};
    if (!read_text(&a, ip)) return tn_fail(err, TN_E_egress, "'%.60s' is not an IP address", ip);
    return judge(e, policy, &a, err);
}

static bool alnum(char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

static bool host_ok(struct tn_str host, bool bracketed)
{
    if (!host.n || host.n > 253) return false;
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        if (bracketed ? !(alnum(c) && (c | 32) <= 'f') && c != ':' && c != '.'
                      : !alnum(c) && c != '-' && c != '.' && c != '_')
            return false;
    }
    return true;
}

static bool text_ok(struct tn_str url, struct tn_err *err)
{
    if (url.n > TN_EGRESS_URL)
        return tn_fail(err, TN_E_invalid, "the URL is longer than %d bytes", TN_EGRESS_URL);
    for (size_t i = 0; i < url.n; i++) {
        unsigned char c = (unsigned char)url.p[i];
        if (c <= 0x20 || c >= 0x7f || c == '\\' || c == '#')
            return tn_fail(err, TN_E_invalid,
                           "the URL has a space, control, non-ASCII character, '\\' or '#' at "
                           "position %zu; escape it",
                           i + 1);
        if (c == '%' && url.n - i > 2 && url.p[i + 1] == '0' && url.p[i + 2] == '0')
            return tn_fail(err, TN_E_invalid, "the URL has an escaped NUL");
    }
    return true;
}

/* Reads host, host:port, [v6] or [v6]:port. */
static bool authority_parse(struct tn_str a, struct tn_url *out)
{
    uint64_t port = out->port;
    bool bracketed = a.n && a.p[0] == '[';
    const char *end = bracketed ? memchr(a.p, ']', a.n) : memchr(a.p, ':', a.n);
    if (bracketed && !end) return false;
    size_t n = end ? (size_t)(end - a.p) : a.n;
    out->host = bracketed ? (struct tn_str){a.p + 1, n - 1} : (struct tn_str){a.p, n};
    size_t rest = n + (size_t)bracketed;
    if (rest < a.n) {
        struct tn_str digits = {a.p + rest + 1, a.n - rest - 1};
        if (a.p[rest] != ':' || !tn_str_u64(digits, &port) || !port || port > 65535) return false;
    }
    out->port = (unsigned)port;
    return host_ok(out->host, bracketed);
}

bool tn_url_parse(struct tn_str url, struct tn_url *out, struct tn_err *err)
{
    if (!text_ok(url, err)) return false;
    const char *colon = url.n ? memchr(url.p, ':', url.n) : NULL;
    size_t n = colon ? (size_t)(colon - url.p) : 0;
    out->scheme = (struct tn_str){url.p, n};
    out->tls = tn_str_eq_nocase(out->scheme, TN_STR("https"));
    out->port = out->tls ? 443 : 80;
    if (!out->tls && !tn_str_eq_nocase(out->scheme, TN_STR("http")))
        return tn_fail(err, TN_E_invalid, "the URL does not begin with http:// or https://");
    struct tn_str rest = {url.p + n + 1, url.n - n - 1};
    if (!tn_str_starts(rest, "//"))
        return tn_fail(err, TN_E_invalid, "the URL does not begin with http:// or https://");
    rest = (struct tn_str){rest.p + 2, rest.n - 2};
    size_t end = 0;
    while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?') end++;
    struct tn_str authority = {rest.p, end};
    out->path = (struct tn_str){rest.p + end, rest.n - end};
    if (authority.n && memchr(authority.p, '@', authority.n))
        return tn_fail(err, TN_E_invalid,
                       "the URL has a user name; credentials may not be part of a URL");
    if (!authority_parse(authority, out))
        return tn_fail(err, TN_E_invalid, "the URL has no valid host and port");
    return true;
}

bool tn_url_same_origin(const struct tn_url *a, const struct tn_url *b)
{
    return a->tls == b->tls && a->port == b->port && tn_str_eq_nocase(a->host, b->host);
}
