/* SPDX-License-Identifier: MIT */
#include "scripts/refused.h"

#include <stdio.h>

#include "base/alloc.h"

enum { NOTE_MAX = TN_UNIT_NAME + 16 };

static const char folder[] = "refused/", suffix[] = ".lua";

static void note_path(const char *unit, char path[NOTE_MAX])
{
    snprintf(path, NOTE_MAX, "%s%.*s%s", folder, TN_UNIT_NAME - 1, unit, suffix);
}

/* ---- reading the note: "<file>\n<line>\n<sentence>" ---- */

static void read_note(const struct tn_fileset *all, const struct tn_file *note,
                      struct tn_refused *out)
{
    struct tn_str rest = note->text, line;
    uint64_t n = 0;
    *out = (struct tn_refused){.line = 0};
    snprintf(out->unit, sizeof out->unit, "%.*s",
             (int)(strlen(note->path) - strlen(folder) - strlen(suffix)),
             note->path + strlen(folder));
    tn_str_split(&rest, '\n', &out->file);
    tn_str_split(&rest, '\n', &line);
    tn_str_u64(line, &n);
    out->line = (int)n;
    out->text = rest;
    out->older = tn_split_pinned(all, out->unit);
}

bool tn_refused_at(const struct tn_fileset *all, size_t i, struct tn_refused *out)
{
    for (size_t k = 0; k < tn_fileset_count(all); k++) {
        const struct tn_file *file = tn_fileset_at(all, k);
        if (!tn_str_starts(tn_str(file->path), folder) || i--) continue;
        read_note(all, file, out);
        return true;
    }
    return false;
}

bool tn_refused_why(const struct tn_fileset *all, struct tn_str unit, struct tn_err *err)
{
    struct tn_refused r;
    for (size_t i = 0; tn_refused_at(all, i, &r); i++) {
        if (!tn_str_is(unit, r.unit) || r.older) continue;
        tn_fail(err, TN_E_unavailable, "the scripts of %s are refused: %.*s:%d: %.*s", r.unit,
                TN_FMT(r.file), r.line, TN_FMT(r.text));
        return true;
    }
    return false;
}

/* ---- making the set ---- */

static struct tn_fileset *over_give(struct tn_fileset *under_give, struct tn_fileset *over_give)
{
    struct tn_fileset *both = tn_fileset_over(under_give, over_give);
    tn_fileset_unref(under_give);
    tn_fileset_unref(over_give);
    return both;
}

static struct tn_fileset *without_give(struct tn_fileset *all_give, const char *name)
{
    struct tn_fileset *rest = tn_fileset_without(all_give, name);
    tn_fileset_unref(all_give);
    return rest;
}

static bool has_own(const struct tn_fileset *files, const char *unit)
{
    for (size_t i = 0; i < tn_fileset_count(files); i++)
        if (tn_split_owns(unit, tn_fileset_at(files, i)->path)) return true;
    return false;
}

/* Makes the set all_give without the files that only this unit uses, pinned or not. */
static struct tn_fileset *without_unit(struct tn_fileset *all_give, const char *unit)
{
    size_t n = tn_fileset_count(all_give);
    bool *wanted = tn_alloc((n + 1) * sizeof *wanted);
    char pin[TN_PIN_LEN];
    for (size_t i = 0; i < n; i++)
        wanted[i] = !tn_split_owns(unit, tn_fileset_at(all_give, i)->path);
    struct tn_fileset *rest = tn_fileset_pick(all_give, wanted);
    tn_free(wanted);
    tn_fileset_unref(all_give);
    tn_split_pin(unit, pin);
    return without_give(rest, pin);
}

static struct tn_fileset *note(const char *unit, const struct tn_err *fault)
{
    char path[NOTE_MAX], text[sizeof fault->file + sizeof fault->text + 32];
    note_path(unit, path);
    int n = snprintf(text, sizeof text, "%s\n%d\n%s", fault->file, fault->line, fault->text);
    return tn_fileset_note(path, (struct tn_str){text, (size_t)n});
}

struct tn_fileset *tn_refused_add(struct tn_fileset *all_give, const char *unit,
                                  const struct tn_fileset *last, const struct tn_err *fault)
{
    bool pinned = tn_split_pinned(all_give, unit);
    struct tn_fileset *rest = without_unit(all_give, unit);
    struct tn_fileset *older = last && !pinned ? tn_split_files(last, unit) : NULL;
    if (older && has_own(older, unit)) {
        char pin[TN_PIN_LEN];
        tn_split_pin(unit, pin);
        rest = over_give(rest, tn_fileset_moved(older, pin));
    }
    tn_fileset_unref(older);
    return over_give(rest, note(unit, fault));
}

struct tn_fileset *tn_refused_drop(struct tn_fileset *all_give, const char *unit)
{
    char path[NOTE_MAX];
    note_path(unit, path);
    return without_give(all_give, path);
}
