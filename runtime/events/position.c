/* SPDX-License-Identifier: MIT */
#include "events/position.h"

#include <stdio.h>

void tn_position_key(const struct tn_sink *sink, unsigned partition, char out[TN_POSITION_NAME])
{
    snprintf(out, TN_POSITION_NAME, "%s/%u", sink->name, partition);
}

void tn_position_leases(const struct tn_sink *sink, char out[TN_POSITION_NAME])
{
    snprintf(out, TN_POSITION_NAME, "%s.partitions", sink->name);
}

struct tn_position tn_position_of(struct tn_jval root)
{
    struct tn_position p = {0};
    tn_jint(tn_jget_z(root, "seq"), &p.seq);
    tn_jbool(tn_jget_z(root, "idle"), &p.idle);
    return p;
}
