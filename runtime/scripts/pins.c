/* SPDX-License-Identifier: MIT */
#include "scripts/pins.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "scripts/library.h"
#include "scripts/refused.h"
#include "store/commit.h"
#include "store/read.h"

static const char prefix[] = "pin/";

/* ---- lists ---- */

static struct tn_pin *add(struct tn_pins *pins, struct tn_str unit)
{
    pins->v = tn_realloc(pins->v, (pins->n + 1) * sizeof *pins->v);
    struct tn_pin *pin = &pins->v[pins->n++];
    *pin = (struct tn_pin){.site = ""};
    snprintf(pin->unit, sizeof pin->unit, "%.*s", TN_FMT(unit));
    return pin;
}

void tn_pins_clear(struct tn_pins *pins)
{
    tn_free(pins->v);
    *pins = (struct tn_pins){.n = 0};
}

void tn_rollbacks_clear(struct tn_rollbacks *r)
{
    tn_pins_clear(&r->hold);
    tn_pins_clear(&r->changes);
}

/* ---- the store ---- */

size_t tn_pins_ask(const struct tn_pins *pins, struct tn_read *read)
{
    char after[sizeof prefix + TN_UNIT_NAME] = "";
    if (pins->n) snprintf(after, sizeof after, "%s%s", prefix, pins->v[pins->n - 1].unit);
    return tn_read_kv_list(read, tn_library_space, tn_str(prefix), tn_str(after), TN_LIMIT_PAGE);
}

void tn_pins_drop(struct tn_pins *pins, const char *unit)
{
    size_t kept = 0;
    for (size_t i = 0; i < pins->n; i++)
        if (strcmp(pins->v[i].unit, unit) != 0) pins->v[kept++] = pins->v[i];
    pins->n = kept;
}

bool tn_pins_found(struct tn_pins *pins, const struct tn_found *found, size_t question, bool *more,
                   struct tn_err *err)
{
    const struct tn_err *why = tn_found_err(found, question);
    const struct tn_kv *kv;
    size_t n = sizeof prefix - 1;
    if (why) {
        *err = *why;
        return false;
    }
    for (size_t i = 0; (kv = tn_found_kv(found, question, i)); i++) {
        struct tn_pin *pin = add(pins, (struct tn_str){kv->key.p + n, kv->key.n - n});
        snprintf(pin->site, sizeof pin->site, "%.*s", TN_FMT(kv->value));
    }
    *more = tn_found_list(found, question)->more;
    return true;
}

bool tn_pins_write(const struct tn_pins *changes, struct tn_commit *commit, struct tn_err *err)
{
    bool ok = true;
    for (size_t i = 0; ok && i < changes->n; i++) {
        const struct tn_pin *pin = &changes->v[i];
        char key[sizeof prefix + TN_UNIT_NAME];
        snprintf(key, sizeof key, "%s%s", prefix, pin->unit);
        ok = pin->site[0] ? tn_commit_kv_set(commit, TN_TEAM_SYSTEM, tn_library_space, tn_str(key),
                                             tn_str(pin->site), TN_ANY, 0, err)
                          : tn_commit_kv_delete(commit, TN_TEAM_SYSTEM, tn_library_space,
                                                tn_str(key), TN_ANY, err);
    }
    return ok;
}

/* ---- sets ---- */

static void generation_of(const struct tn_fileset *all, const char *unit, char hex[65])
{
    struct tn_fileset *files = tn_split_files(all, unit);
    tn_fileset_hash(files, hex);
    tn_fileset_unref(files);
}

/* Adds the unit's files to the set, below the path of its pin. */
static struct tn_fileset *with_pinned(const struct tn_fileset *all, const char *unit,
                                      const struct tn_fileset *files)
{
    char below[TN_PIN_LEN];
    tn_split_pin(unit, below);
    struct tn_fileset *moved = tn_fileset_moved(files, below);
    struct tn_fileset *both = tn_fileset_over(all, moved);
    tn_fileset_unref(moved);
    return both;
}

static void hold(struct tn_rollbacks *out, const struct tn_pin *pin, const struct tn_fileset *files)
{
    struct tn_pin *held = add(&out->hold, tn_str(pin->unit));
    memcpy(held->site, pin->site, sizeof held->site);
    tn_fileset_hash(files, held->generation);
}

/* True: the pin was made from these files of the unit. A pin of an older release was made from a
 * core that held the surfaces too, so it is also compared with such a core. */
static bool is_as_then(const struct tn_fileset *site, const struct tn_pin *pin)
{
    char now[65] = "";
    generation_of(site, pin->unit, now);
    if (strcmp(now, pin->site) == 0) return true;
    struct tn_fileset *former = tn_split_former(site, pin->unit);
    if (former) tn_fileset_hash(former, now);
    tn_fileset_unref(former);
    return strcmp(now, pin->site) == 0;
}

struct tn_fileset *tn_pins_apply(const struct tn_pins *pins, const struct tn_fileset *serving,
                                 struct tn_fileset *site_give, struct tn_rollbacks *out)
{
    struct tn_fileset *all = tn_fileset_ref(site_give), *next;
    for (size_t i = 0; i < pins->n; i++) {
        const struct tn_pin *pin = &pins->v[i];
        char below[TN_PIN_LEN];
        tn_split_pin(pin->unit, below);
        struct tn_fileset *files = tn_fileset_below(serving, below);
        if (is_as_then(site_give, pin) && tn_fileset_count(files)) {
            next = with_pinned(all, pin->unit, files);
            tn_fileset_unref(all);
            all = next;
            hold(out, pin, files);
        } else {
            add(&out->changes, tn_str(pin->unit));
        }
        tn_fileset_unref(files);
    }
    tn_fileset_unref(site_give);
    return all;
}

struct tn_fileset *tn_pins_roll_back(const struct tn_fileset *serving,
                                     const struct tn_fileset *site, const char *unit,
                                     const struct tn_fileset *old, struct tn_rollbacks *out)
{
    struct tn_pin *pin = add(&out->changes, tn_str(unit));
    char wanted[65], now[65], below[TN_PIN_LEN];
    tn_split_pin(unit, below);
    struct tn_fileset *base = tn_refused_drop(tn_fileset_without(serving, below), unit), *all;
    generation_of(base, unit, now);
    tn_fileset_hash(old, wanted);
    if (strcmp(now, wanted) == 0) return base; /* these are the newest files, so no pin is needed */
    generation_of(site ? site : base, unit, pin->site);
    hold(out, pin, old);
    all = with_pinned(base, unit, old);
    tn_fileset_unref(base);
    return all;
}
