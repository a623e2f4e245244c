/* SPDX-License-Identifier: MIT */
/* fault.h - named places where a test can make things go wrong.
 * TENON_FAULTS="store.commit=crash:3,base.buf=fail:17" in the environment: when the process passes
 * store.commit for the third time, it is killed as by kill -9; base.buf fails once, on its 17th
 * pass; "fail:17+" fails from the 17th pass on. Release builds do not contain the places. */
#ifndef TN_BASE_FAULT_H
#define TN_BASE_FAULT_H

#include <stdbool.h>

#ifdef TN_FAULTS
/* Counts a pass of the place; true: the caller has to fail now. Call it through TN_FAULT. */
bool tn_fault(const char *name);
void tn_fault_arm(const char *spec);    /* as in TENON_FAULTS; NULL or "" disarms all */
long tn_fault_passes(const char *name); /* how often an armed place was passed */
#define TN_FAULT(name) tn_fault(name)
#else
#define TN_FAULT(name) false
#endif

#endif
