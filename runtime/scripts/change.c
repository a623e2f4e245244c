/* SPDX-License-Identifier: MIT */
#include "scripts/internal.h"

#include <stdio.h>

#include "base/limits.h"
#include "scripts/library.h"
#include "store/store.h"

/* ---- units that were rolled back ---- */

static bool take_pin(void *arg, struct tn_str key, struct tn_str value, int64_t version)
{
    struct pins *pins = arg;
    struct pin *pin = &pins->v[pins->n];
    (void)version;
    snprintf(pin->unit, sizeof pin->unit, "%.*s", (int)(key.n - 4), key.p + 4);
    snprintf(pin->site, sizeof pin->site, "%.*s", TN_FMT(value));
    return ++pins->n < PINS_MAX;
}

static bool read_pins(const struct tn_generations *g, struct pins *pins, struct tn_err *err)
{
    pins->n = 0;
    return tn_store_kv_list(g->o.env->store, TN_TEAM_SYSTEM, tn_library_space, TN_STR("pin/"),
                            TN_STR(""), PINS_MAX, take_pin, pins, err);
}

static void generation_of(const struct tn_fileset *all, const char *unit, char hex[HASH_HEX])
{
    struct tn_fileset *files = tn_units_files_of(all, unit);
    tn_fileset_hash(files, hex);
    tn_fileset_unref(files);
}

static struct tn_fileset *serving_files(const struct tn_generations *g, struct tn_err *err)
{
    return g->units ? tn_fileset_ref(tn_units_files(g->units)) : generations_stored_files(g, err);
}

/* unit's files of generation under its pin, over all. */
static struct tn_fileset *pin_files(const struct tn_fileset *all, const char *unit,
                                    const struct tn_fileset *files)
{
    char prefix[TN_PIN_LEN];
    tn_units_pin(unit, prefix);
    struct tn_fileset *moved = tn_fileset_moved(files, prefix);
    struct tn_fileset *both = tn_fileset_over(all, moved);
    tn_fileset_unref(moved);
    return both;
}

static void note_rolled_back(struct activation *a, const struct pin *pin,
                             const struct tn_fileset *files)
{
    size_t i = a->report.rolled_back_count++;
    memcpy(a->report.rolled_back[i].unit, pin->unit, UNIT_NAME);
    memcpy(a->report.rolled_back[i].site, pin->site, HASH_HEX);
    tn_fileset_hash(files, a->report.rolled_back[i].generation);
}

/* A roll back holds until the site folder has something else of that unit than it had then. */
struct tn_fileset *change_with_pins(struct activation *a, struct tn_fileset *site_give,
                                    struct tn_err *err)
{
    struct tn_fileset *all = site_give, *serving;
    struct pins pins;
    if (!read_pins(a->g, &pins, err)) goto fail;
    if (!pins.n) return all;
    serving = serving_files(a->g, err);
    if (!serving) goto fail;
    for (size_t i = 0; i < pins.n; i++) {
        char now[HASH_HEX], prefix[TN_PIN_LEN];
        struct tn_fileset *files, *next;
        tn_units_pin(pins.v[i].unit, prefix);
        generation_of(site_give, pins.v[i].unit, now);
        files = tn_fileset_below(serving, prefix);
        if (strcmp(now, pins.v[i].site) == 0 && tn_fileset_count(files)) {
            next = pin_files(all, pins.v[i].unit, files);
            note_rolled_back(a, &pins.v[i], files);
            if (all != site_give) tn_fileset_unref(all);
            all = next;
        } else {
            pins.v[i].site[0] = '\0';
            a->pins.v[a->pins.n++] = pins.v[i];
        }
        tn_fileset_unref(files);
    }
    tn_fileset_unref(serving);
    if (all != site_give) tn_fileset_unref(site_give);
    return all;
fail:
    tn_fileset_unref(site_give);
    return NULL;
}

void change_forget_pins(struct activation *a)
{
    a->pins.n = a->report.rolled_back_count = 0;
}

/* What serves now, but for the unit, which goes by an older generation's files. */
static struct tn_fileset *rolled_back(struct activation *a, struct tn_err *err)
{
    struct tn_generations *g = a->g;
    const struct wish *w = &a->wish;
    char full[HASH_HEX], now[HASH_HEX], prefix[TN_PIN_LEN];
    struct tn_fileset *old, *base, *site, *all;
    struct pin *pin = &a->pins.v[a->pins.n++];
    if (!tn_library_find(g->o.env->store, w->unit, tn_str(w->generation), full, err)) return NULL;
    old = tn_library_unit(g->o.env->store, w->unit, full, err);
    if (!old) return NULL;
    tn_units_pin(w->unit, prefix);
    base = tn_fileset_without(tn_units_files(g->units), prefix);
    site = generations_site(g, err);
    snprintf(pin->unit, sizeof pin->unit, "%s", w->unit);
    generation_of(site ? site : base, w->unit, pin->site);
    generation_of(base, w->unit, now);
    if (strcmp(now, full) == 0) {
        pin->site[0] = '\0'; /* what it is without any pin */
        all = tn_fileset_ref(base);
    } else {
        all = pin_files(base, w->unit, old);
        note_rolled_back(a, pin, old);
    }
    tn_fileset_unref(site);
    tn_fileset_unref(base);
    tn_fileset_unref(old);
    return all;
}

/* ---- what may be activated ---- */

enum { EXPECT_MIN = 8 };

static bool is_hash_start(const char *text)
{
    size_t n = strspn(text, "0123456789abcdef");
    return n >= EXPECT_MIN && n < HASH_HEX && !text[n];
}

bool change_expected(const struct activation *a, const struct tn_fileset *files, struct tn_err *err)
{
    const char *expect = a->wish.expect;
    char hash[HASH_HEX];
    if (!expect[0]) return true;
    if (!is_hash_start(expect))
        return tn_fail(err, TN_E_invalid,
                       "what is expected is a hash, or its first digits: %d to 64 of 0-9 and a-f",
                       EXPECT_MIN);
    tn_fileset_hash(files, hash);
    /* Another worker took along what this one had written: there is nothing left to refuse. */
    if (a->wish.written && strcmp(hash, a->g->hash) == 0) return true;
    return strncmp(hash, expect, strlen(expect)) == 0 ||
           tn_fail(err, TN_E_conflict,
                   "the site folder%s is not what was looked at: it is %.12s now",
                   a->wish.n_files && !a->wish.written ? " with these files" : "", hash);
}

/* Whether somebody has seen what these would do, where that is asked for.  Going back to what
 * served before is always possible. */
bool change_previewed(const struct tn_generations *g, const struct wish *wish,
                      struct tn_fileset *files, struct tn_err *err)
{
    char hash[HASH_HEX];
    struct tn_buf value;
    if (!g->o.require_preview || wish->unit[0]) return true;
    tn_fileset_hash(files, hash);
    if (strcmp(hash, g->hash) == 0) return true;
    tn_buf_init(&value, TN_KIB);
    bool seen = tn_store_kv_get(g->o.env->store, TN_TEAM_SYSTEM, generations_previewed_space,
                                tn_str(hash), &value, NULL, err);
    tn_buf_clear(&value);
    if (seen && (wish->expect[0] || !g->units)) return true;
    if (!seen && err->kind != TN_E_not_found) return false;
    return tn_fail(err, TN_E_conflict,
                   "this server takes changes of scripts only by the hash of a preview "
                   "(--require-preview): tenon preview, then tenon reload --expect %.12s%s",
                   hash, seen ? "" : ", which nobody has previewed yet");
}

struct tn_fileset *change_files(struct activation *a, struct tn_err *err)
{
    struct tn_generations *g = a->g;
    struct tn_fileset *site;
    if (a->wish.unit[0]) return rolled_back(a, err);
    bool with_files = a->wish.n_files && !a->wish.written;
    site = with_files ? edit_site(g, &a->wish, err) : generations_site(g, err);
    return site ? change_with_pins(a, site, err) : NULL;
}
