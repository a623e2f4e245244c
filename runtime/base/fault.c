/* SPDX-License-Identifier: MIT */
#include "base/fault.h"

#ifdef TN_FAULTS
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ARMED_MAX = 16 };

/* The one mutable global table: it exists in test builds only, and every layer must reach it
 * without an argument. */
static struct armed {
    char name[48];
    bool crash, onward;
    long at, passes;
} armed[ARMED_MAX];
static int count = -1;
/* Threads of the store process pass faults, too. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

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

static void arm(const char *spec)
{
    char copy[1024];
    count = 0;
    snprintf(copy, sizeof copy, "%s", spec ? spec : "");
    for (char *save, *word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save))
        arm_one(word);
}

void tn_fault_arm(const char *spec)
{
    pthread_mutex_lock(&lock);
    arm(spec);
    pthread_mutex_unlock(&lock);
}

static bool passes(const char *name)
{
    if (count < 0) arm(getenv("TENON_FAULTS"));
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

bool tn_fault(const char *name)
{
    pthread_mutex_lock(&lock);
    bool hit = passes(name);
    pthread_mutex_unlock(&lock);
    return hit;
}

long tn_fault_passes(const char *name)
{
    long passed = 0;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < count && !passed; i++)
        if (strcmp(armed[i].name, name) == 0) passed = armed[i].passes;
    pthread_mutex_unlock(&lock);
    return passed;
}
#else
typedef int tn_fault_unused;
#endif
