/* SPDX-License-Identifier: MIT */
#include "base/charset.h"

unsigned tn_cp1252(unsigned char byte)
{
    static const unsigned short high[32] = {
        0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
        0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
        0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};
    return byte >= 0x80 && byte < 0xA0 ? high[byte - 0x80] : byte;
}

bool tn_cp1252_text(struct tn_str bytes, struct tn_buf *out)
{
    for (size_t i = 0; i < bytes.n; i++) {
        unsigned char byte = (unsigned char)bytes.p[i];
        unsigned c = tn_cp1252(byte);
        if (!c && byte) return false;
        if (c < 0x80) {
            tn_buf_addc(out, (char)c);
        } else if (c < 0x800) {
            tn_buf_addc(out, (char)(0xC0 | c >> 6));
            tn_buf_addc(out, (char)(0x80 | (c & 63)));
        } else {
            tn_buf_addc(out, (char)(0xE0 | c >> 12));
            tn_buf_addc(out, (char)(0x80 | (c >> 6 & 63)));
            tn_buf_addc(out, (char)(0x80 | (c & 63)));
        }
    }
    return true;
}
