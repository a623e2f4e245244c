/* SPDX-License-Identifier: MIT */
#include "loop/shared.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/time.h"

enum { DEATHS_TO_QUARANTINE = 2 };

struct tn_shared *tn_shared_new(void)
{
    struct tn_shared *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                               -1, 0);
    if (s == MAP_FAILED) return NULL;
    s->started_ms = tn_now_ms();
    return s;
}

void tn_shared_free(struct tn_shared *s)
{
    if (s) munmap(s, sizeof *s);
}

static struct tn_shared_suspect *find(const struct tn_shared *s, const char *unit)
{
    for (int i = 0; i < TN_SUSPECTS_MAX; i++)
        if (strncmp(s->suspects[i].unit, unit, TN_UNIT_NAME - 1) == 0)
            return (struct tn_shared_suspect *)&s->suspects[i];
    return NULL;
}

uint32_t tn_shared_blame(struct tn_shared *s, const char *unit)
{
    if (!unit[0]) return 0;
    struct tn_shared_suspect *suspect = find(s, unit);
    if (!suspect) suspect = find(s, "");
    if (!suspect) return 0;
    snprintf(suspect->unit, sizeof suspect->unit, "%s", unit);
    return ++suspect->deaths;
}

bool tn_shared_quarantined(const struct tn_shared *s, const char *unit)
{
    const struct tn_shared_suspect *suspect = unit[0] ? find(s, unit) : NULL;
    return suspect && (suspect->overran || suspect->deaths >= DEATHS_TO_QUARANTINE);
}

static void forget(struct tn_shared_suspect *suspect)
{
    suspect->deaths = 0;
    suspect->overran = false;
    suspect->of[0] = '\0';
    suspect->unit[0] = '\0';
}

bool tn_shared_overran(struct tn_shared *s, const char *unit, const char *of)
{
    struct tn_shared_suspect *suspect = find(s, unit);
    if (!suspect) suspect = find(s, "");
    if (!suspect || suspect->overran) return false;
    snprintf(suspect->unit, sizeof suspect->unit, "%s", unit);
    snprintf(suspect->of, sizeof suspect->of, "%s", of);
    suspect->overran = true;
    return true;
}

bool tn_shared_release(struct tn_shared *s, const char *unit)
{
    struct tn_shared_suspect *suspect = unit[0] ? find(s, unit) : NULL;
    if (suspect) forget(suspect);
    return suspect != NULL;
}

void tn_shared_pardon(struct tn_shared *s, const char *changed)
{
    bool all = strcmp(changed, "core") == 0;
    for (int i = 0; i < TN_SUSPECTS_MAX; i++) {
        struct tn_shared_suspect *suspect = &s->suspects[i];
        if (all || !suspect->overran || strcmp(suspect->of, changed) == 0) forget(suspect);
    }
}
