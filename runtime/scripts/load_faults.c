/* SPDX-License-Identifier: MIT */
#include "scripts/load_faults.h"

bool tn_load_faults_add(struct tn_load_faults *f, const struct tn_err *fault)
{
    if (!f->n++) *f->first = *fault;
    if (f->each) f->each(f->arg, fault);
    return f->each != NULL;
}
