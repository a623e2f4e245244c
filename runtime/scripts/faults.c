/* SPDX-License-Identifier: MIT */
#include "scripts/faults.h"

bool tn_faults_add(struct tn_faults *f, const struct tn_err *fault)
{
    if (!f->n++) *f->first = *fault;
    if (f->each) f->each(f->arg, fault);
    return f->each != NULL;
}
