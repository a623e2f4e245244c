/* SPDX-License-Identifier: MIT */
#include "base/base64.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char for_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode(struct tn_buf *out, const unsigned char *b, size_t n, const char *alphabet,
                   bool pad)
{
    for (size_t i = 0; i < n; i += 3) {
        size_t have = n - i < 3 ? n - i : 3;
        unsigned v = (unsigned)b[i] << 16;
        if (have > 1) v |= (unsigned)b[i + 1] << 8;
        if (have > 2) v |= b[i + 2];
        char four[4] = {alphabet[v >> 18], alphabet[v >> 12 & 63], '=', '='};
        if (have > 1) four[2] = alphabet[v >> 6 & 63];
        if (have > 2) four[3] = alphabet[v & 63];
        tn_buf_add(out, four, pad ? 4 : have + 1);
    }
}

static int value_of(char c, const char *alphabet)
{
    const char *at = c ? strchr(alphabet, c) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

static bool decode(struct tn_str s, struct tn_buf *out, const char *alphabet)
{
    unsigned bits = 0, have = 0;
    if (s.n % 4 == 0)
        for (int i = 0; i < 2 && s.n && s.p[s.n - 1] == '='; i++) s.n--;
    if (s.n % 4 == 1) return false;
    for (size_t i = 0; i < s.n; i++) {
        int v = value_of(s.p[i], alphabet);
        if (v < 0) return false;
        bits = bits << 6 | (unsigned)v;
        have += 6;
        if (have < 8) continue;
        have -= 8;
        tn_buf_addc(out, (char)(bits >> have));
        bits &= (1u << have) - 1;
    }
    return bits == 0;
}

void tn_base64(struct tn_buf *out, const void *bytes, size_t n)
{
    encode(out, bytes, n, standard, true);
}

void tn_base64url(struct tn_buf *out, const void *bytes, size_t n)
{
    encode(out, bytes, n, for_url, false);
}

bool tn_unbase64(struct tn_str text, struct tn_buf *out)
{
    return decode(text, out, standard);
}

bool tn_unbase64url(struct tn_str text, struct tn_buf *out)
{
    return decode(text, out, for_url);
}
