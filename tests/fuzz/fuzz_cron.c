/* SPDX-License-Identifier: MIT */
/* What can be read names times that are later than the one before, on whole minutes. */
#include <stdlib.h>

#include "base/cron.h"
#include "base/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const zones[] = {"UTC", "Europe/Berlin", "Australia/Lord_Howe", "-03:30"};
    static struct tn_zone *zone[4];
    struct tn_cron cron;
    struct tn_err err;
    if (size < 2) return 0;
    unsigned which = data[0] & 3;
    if (!zone[which]) zone[which] = tn_zone_new(tn_str(zones[which]), &err);
    if (!tn_cron_read((struct tn_str){(const char *)data + 2, size - 2}, &cron, &err)) {
        if (!err.text[0]) abort();
        return 0;
    }
    int64_t at = 1774000000000 + (int64_t)data[1] * 86400000, next;
    for (int i = 0; i < 4 && tn_cron_next(&cron, zone[which], at, &next); i++, at = next)
        if (next <= at || next % 60000) abort();
    return 0;
}
