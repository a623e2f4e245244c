/* SPDX-License-Identifier: MIT */
#include "loop/shared.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fault.h"
#include "base/time.h"

enum { DEATHS_TO_QUARANTINE = 2 };

struct tn_shared *tn_shared_new(void)
{
    struct tn_shared *s =
        mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s == MAP_FAILED) return NULL;
    s->started_ms = tn_now_ms();
    return s;
}

void tn_shared_free(struct tn_shared *s)
{
    if (s) munmap(s, sizeof *s);
}

/* FNV-1a hash of the name; never 0. */
static uint64_t key_of(const char *unit)
{
    uint64_t key = 0xcbf29ce484222325u;
    for (const char *p = unit; *p; p++) key = (key ^ (unsigned char)*p) * 0x100000001b3u;
    return key ? key : 1;
}

static struct tn_shared_suspect *find(const struct tn_shared *s, const char *unit)
{
    uint64_t key = key_of(unit);
    for (int i = 0; i < TN_SUSPECTS_MAX; i++)
        if (s->suspects[i].key == key) return (struct tn_shared_suspect *)&s->suspects[i];
    return NULL;
}

static bool in_quarantine(const struct tn_shared_suspect *suspect)
{
    return suspect->overran || suspect->deaths >= DEATHS_TO_QUARANTINE;
}

/* Frees the place. If its event is not written yet, the place stays taken. */
static void forget(struct tn_shared_suspect *suspect)
{
    suspect->deaths = 0;
    suspect->overran = false;
    suspect->of[0] = '\0';
    if (suspect->owed) return;
    suspect->unit[0] = '\0';
    suspect->key = 0;
}

static void owe_event(struct tn_shared_suspect *suspect, bool by_deaths)
{
    if (suspect->owed) return;
    suspect->by_deaths = by_deaths;
    suspect->owed = TN_OWED;
}

/* Takes a place. Several processes may do so at once; two that do it for the same unit get the same
 * place. */
static struct tn_shared_suspect *take_free(struct tn_shared *s, const char *unit)
{
    uint64_t key = key_of(unit);
    for (int i = 0; i < TN_SUSPECTS_MAX; i++) {
        struct tn_shared_suspect *suspect = &s->suspects[i];
        uint64_t holder = 0;
        if (atomic_compare_exchange_strong(&suspect->key, &holder, key)) {
            suspect->since_us = tn_mono_us();
            snprintf(suspect->unit, sizeof suspect->unit, "%s", unit);
            return suspect;
        }
        if (holder == key) return suspect;
    }
    return NULL;
}

/* Returns the place that another unit may get: the oldest that is not in quarantine. NULL: there is
 * none. */
static struct tn_shared_suspect *oldest(const struct tn_shared *s)
{
    const struct tn_shared_suspect *found = NULL;
    for (int i = 0; i < TN_SUSPECTS_MAX; i++) {
        const struct tn_shared_suspect *suspect = &s->suspects[i];
        if (in_quarantine(suspect) || suspect->owed) continue;
        if (!found || suspect->since_us < found->since_us) found = suspect;
    }
    return (struct tn_shared_suspect *)found;
}

bool tn_shared_full(const struct tn_shared *s)
{
    return TN_FAULT("shared.full") || !oldest(s);
}

static struct tn_shared_suspect *place_for(struct tn_shared *s, const char *unit)
{
    struct tn_shared_suspect *place = find(s, unit);
    if (place || tn_shared_full(s)) return place;
    for (place = take_free(s, unit); !place; place = take_free(s, unit)) {
        struct tn_shared_suspect *gives_way = oldest(s);
        if (!gives_way) return NULL;
        forget(gives_way);
    }
    return place;
}

uint32_t tn_shared_blame(struct tn_shared *s, const char *unit)
{
    struct tn_shared_suspect *suspect = unit[0] ? place_for(s, unit) : NULL;
    if (!suspect) return 0;
    uint32_t deaths = ++suspect->deaths;
    if (deaths == DEATHS_TO_QUARANTINE && !suspect->overran) owe_event(suspect, true);
    return deaths;
}

const struct tn_shared_suspect *tn_shared_in_quarantine(const struct tn_shared *s, int i)
{
    const struct tn_shared_suspect *suspect = &s->suspects[i];
    return suspect->key && in_quarantine(suspect) ? suspect : NULL;
}

bool tn_shared_quarantined(const struct tn_shared *s, const char *unit)
{
    const struct tn_shared_suspect *suspect = unit[0] ? find(s, unit) : NULL;
    return suspect && in_quarantine(suspect);
}

bool tn_shared_overran(struct tn_shared *s, const char *unit, const char *of)
{
    struct tn_shared_suspect *suspect = place_for(s, unit);
    if (!suspect || suspect->overran) return false;
    snprintf(suspect->of, sizeof suspect->of, "%s", of);
    bool known = in_quarantine(suspect);
    if (atomic_exchange(&suspect->overran, true)) return false;
    if (!known) owe_event(suspect, false);
    return true;
}

const struct tn_shared_suspect *tn_shared_tell(struct tn_shared *s, int i, int worker)
{
    int owed = TN_OWED;
    bool ours = atomic_compare_exchange_strong(&s->suspects[i].owed, &owed, worker);
    return ours ? &s->suspects[i] : NULL;
}

void tn_shared_told(struct tn_shared *s, int i, int worker, bool ok)
{
    struct tn_shared_suspect *suspect = &s->suspects[i];
    if (!atomic_compare_exchange_strong(&suspect->owed, &worker, ok ? 0 : TN_OWED)) return;
    if (!in_quarantine(suspect) && !suspect->deaths) forget(suspect);
}

void tn_shared_untell(struct tn_shared *s, int worker)
{
    for (int i = 0; i < TN_SUSPECTS_MAX; i++) tn_shared_told(s, i, worker, false);
}

bool tn_shared_release(struct tn_shared *s, const char *unit)
{
    struct tn_shared_suspect *suspect = unit[0] ? find(s, unit) : NULL;
    bool there = suspect && (suspect->overran || suspect->deaths);
    if (suspect) forget(suspect);
    return there;
}

void tn_shared_pardon(struct tn_shared *s, const char *changed)
{
    bool all = strcmp(changed, "core") == 0;
    for (int i = 0; i < TN_SUSPECTS_MAX; i++) {
        struct tn_shared_suspect *suspect = &s->suspects[i];
        if (all || !suspect->overran || strcmp(suspect->of, changed) == 0) forget(suspect);
    }
}

bool tn_shared_damaged(struct tn_shared *s, const char *table)
{
    uint64_t key = key_of(table);
    for (int i = 0; i < TN_DAMAGES_MAX; i++) {
        struct tn_shared_damage *d = &s->damages[i];
        uint64_t was = 0;
        bool first = atomic_compare_exchange_strong(&d->key, &was, key);
        if (!first && was != key) continue;
        d->met++;
        if (!first) return false;
        snprintf(d->table, sizeof d->table, "%s", table);
        d->named = true;
        return true;
    }
    return false;
}

const struct tn_shared_damage *tn_shared_damage(const struct tn_shared *s, int i)
{
    return s->damages[i].named ? &s->damages[i] : NULL;
}
