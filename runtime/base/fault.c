/* SPDX-License-Identifier: MIT */
#include "base/fault.h"

#ifdef TN_FAULTS
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ARMED_MAX = 16 };

/* The one mutable table outside struct tn_app: it exists in test builds alone and must be reachable
 * from every layer without an argument. */
static struct armed {
    char name[48];
    bool crash, onward;
    long at, passes;
} armed[ARMED_MAX];
static int count = -1;

static void arm_one(const char *word)
{
    struct armed *a = &armed[count];
    char action[8] = "", more = 0;
    long at = 1;
    if (count == ARMED_MAX) return;
    if (sscanf(word, "%47[^=]=%7[a-z]:%ld%c", a->name, action, &at, &more) < 2) return;
    a->crash = strcmp(action, "crash") == 0;
    a->onward = more == '+';
    a->at = at;
    a->passes = 0;
    count++;
}

void tn_fault_arm(const char *spec)
{
    char copy[1024];
    count = 0;
    snprintf(copy, sizeof copy, "%s", spec ? spec : "");
    for (char *save, *word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save))
        arm_one(word);
}

bool tn_fault(const char *name)
{
    if (count < 0) tn_fault_arm(getenv("TENON_FAULTS"));
    for (int i = 0; i < count; i++) {
        struct armed *a = &armed[i];
        if (strcmp(a->name, name) != 0) continue;
        a->passes++;
        bool hit = a->onward ? a->passes >= a->at : a->passes == a->at;
        if (hit && a->crash) kill(getpid(), SIGKILL);
        return hit;
    }
    return false;
}

long tn_fault_passes(const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(armed[i].name, name) == 0) return armed[i].passes;
    return 0;
}
#else
typedef int tn_fault_unused;
#endif
