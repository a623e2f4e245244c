/* SPDX-License-Identifier: MIT */
/* amount.h - numbers as other systems print them: 1.234,50- or 950,00 € or 0000125. */
#ifndef TN_MAPPING_AMOUNT_H
#define TN_MAPPING_AMOUNT_H

#include "mapping/coerce.h"

struct tn_amount {
    char point;             /* between whole and fraction */
    char group;             /* between groups of three digits, 0: none; a space stands for all of
                               U+0020, U+00A0, U+2009 and U+202F */
    int implied;            /* digits behind a point that is not written; 0: none */
    struct tn_str currency; /* a text before or behind the number; may be empty */
};

/* Reads text as a JSON number; the sign (+, - or U+2212) stands before or behind. False: it has
 * another form. out may lie in room. */
bool tn_amount_read(struct tn_str text, const struct tn_amount *how, char room[TN_COERCE_MAX],
                    struct tn_str *out);

#endif
