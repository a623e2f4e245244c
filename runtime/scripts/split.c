/* SPDX-License-Identifier: MIT */
#include "scripts/split.h"

#include <stdio.h>

#include "base/alloc.h"

static const char PINNED[] = "pinned/", SURFACES[] = "scripts/surfaces/", SURFACE[] = "surfaces:";
static const char CONNECTION[] = "stdlib/std/connection.lua";

const char tn_core_name[] = "core", tn_rules_name[] = "rules";

/* ---- names ---- */

static bool cut_prefix(struct tn_str *s, const char *prefix)
{
    if (!tn_str_starts(*s, prefix)) return false;
    s->p += strlen(prefix);
    s->n -= strlen(prefix);
    return true;
}

enum tn_unit_kind tn_split_kind(const char *unit)
{
    if (strcmp(unit, tn_core_name) == 0) return TN_UNIT_core;
    if (strcmp(unit, tn_rules_name) == 0) return TN_UNIT_rules;
    return tn_str_starts(tn_str(unit), SURFACE) ? TN_UNIT_surface : TN_UNIT_system;
}

/* The system to which a file belongs: "x" for "scripts/adapters/x.lua" and "mappings/x/...". */
static struct tn_str system_of(const char *path)
{
    struct tn_str rest = tn_str(path), first;
    if (cut_prefix(&rest, "scripts/adapters/")) {
        tn_str_split(&rest, '/', &first);
        if (!rest.p) return (struct tn_str){first.p, first.n - 4};
    } else if (cut_prefix(&rest, "mappings/")) {
        tn_str_split(&rest, '/', &first);
        if (rest.p) return first;
    }
    return (struct tn_str){0};
}

/* The unit of a surface's file: "surfaces:plm" for "scripts/surfaces/plm.lua", "surfaces:eu.plm"
 * for "scripts/surfaces/eu/plm.lua". */
static bool surface_of(const char *path, char unit[TN_UNIT_NAME])
{
    struct tn_str rest = tn_str(path);
    if (!cut_prefix(&rest, SURFACES)) return false;
    snprintf(unit, TN_UNIT_NAME, "%s%.*s", SURFACE, (int)rest.n - 4, rest.p);
    for (char *p = unit; *p; p++)
        if (*p == '/') *p = '.';
    return true;
}

static void add_name(struct tn_split *s, struct tn_str name)
{
    if (!name.n || name.n >= TN_UNIT_NAME) return;
    for (size_t i = 0; i < s->n; i++)
        if (tn_str_is(name, s->names[i])) return;
    s->names = tn_realloc(s->names, (s->n + 1) * sizeof *s->names);
    memcpy(s->names[s->n], name.p, name.n);
    s->names[s->n++][name.n] = '\0';
}

/* Adds the units that exist only because a pin names them. */
static void add_pinned(struct tn_split *s, const struct tn_fileset *all, enum tn_unit_kind kind)
{
    for (size_t i = 0; i < tn_fileset_count(all); i++) {
        struct tn_str rest = tn_str(tn_fileset_at(all, i)->path), unit;
        char name[TN_UNIT_NAME];
        if (!cut_prefix(&rest, PINNED)) continue;
        tn_str_split(&rest, '/', &unit);
        snprintf(name, sizeof name, "%.*s", TN_FMT(unit));
        if (tn_split_kind(name) == kind) add_name(s, unit);
    }
}

/* ---- who owns a file ---- */

bool tn_split_declares(const char *path, enum tn_decl_kind *kind)
{
    struct tn_str p = tn_str(path);
    if (tn_str_starts(p, "scripts/resources/"))
        *kind = TN_DECL_resource;
    else if (tn_str_starts(p, SURFACES))
        *kind = TN_DECL_surface;
    else if (tn_str_starts(p, "scripts/rules/"))
        *kind = TN_DECL_rule;
    else if (tn_str_starts(p, "scripts/adapters/"))
        *kind = TN_DECL_adapter;
    else
        return false;
    return true;
}

bool tn_split_owns(const char *unit, const char *path)
{
    enum tn_decl_kind kind;
    char surface[TN_UNIT_NAME];
    bool ours = tn_split_declares(path, &kind);
    switch (tn_split_kind(unit)) {
    case TN_UNIT_core: return ours && kind == TN_DECL_resource;
    case TN_UNIT_rules: return ours && kind == TN_DECL_rule;
    case TN_UNIT_surface: return surface_of(path, surface) && strcmp(surface, unit) == 0;
    default: return tn_str_is(system_of(path), unit);
    }
}

/* ---- what a file requires ---- */

/* The path of a required module: "std.page" is stdlib/std/page.lua, "lib.units" is
 * scripts/lib/units.lua. script/load.c uses the same rule. */
static void module_path(struct tn_str name, char *path, size_t n)
{
    int base = snprintf(path, n, "%s", tn_str_starts(name, "std.") ? "stdlib/" : "scripts/");
    snprintf(path + base, n - (size_t)base, "%.*s", TN_FMT(name));
    for (char *p = path + base; *p; p++)
        if (*p == '.') *p = '/';
    size_t len = strlen(path);
    snprintf(path + len, n - len, ".lua");
}

/* Finds the next name that the text requires; false: there are no more. Only a name that stands
 * in the call as a literal is found. */
static bool next_require(struct tn_str *text, struct tn_str *name)
{
    static const char word[] = "require";
    for (;;) {
        const char *at = text->n ? memmem(text->p, text->n, word, sizeof word - 1) : NULL;
        if (!at) return false;
        const char *end = text->p + text->n, *p = at + sizeof word - 1;
        while (p < end && (*p == ' ' || *p == '(' || *p == '\t')) p++;
        const char *start = p + 1;
        const char *close = p < end && (*p == '"' || *p == '\'') && start < end
                                ? memchr(start, *p, (size_t)(end - start))
                                : NULL;
        text->p = p;
        text->n = (size_t)(end - p);
        if (!close || close - start > TN_UNIT_NAME) continue;
        *name = (struct tn_str){start, (size_t)(close - start)};
        return true;
    }
}

static void want(const struct tn_fileset *all, bool *wanted, const char *path);

static void want_required(const struct tn_fileset *all, bool *wanted, struct tn_str text)
{
    struct tn_str name;
    char path[128];
    while (next_require(&text, &name)) {
        module_path(name, path, sizeof path);
        want(all, wanted, path);
    }
}

static void want(const struct tn_fileset *all, bool *wanted, const char *path)
{
    for (size_t i = 0; i < tn_fileset_count(all); i++) {
        const struct tn_file *file = tn_fileset_at(all, i);
        if (wanted[i] || strcmp(file->path, path) != 0) continue;
        wanted[i] = true;
        want_required(all, wanted, file->text);
    }
}

/* ---- pins ---- */

void tn_split_pin(const char *unit, char prefix[TN_PIN_LEN])
{
    snprintf(prefix, TN_PIN_LEN, "%s%.*s/", PINNED, TN_UNIT_NAME - 1, unit);
}

/* The pinned files of the unit, which no other unit sees; NULL: there are none. */
static struct tn_fileset *pinned_files(const char *unit, const struct tn_fileset *all)
{
    char prefix[TN_PIN_LEN];
    tn_split_pin(unit, prefix);
    struct tn_fileset *files = tn_fileset_below(all, prefix);
    if (tn_fileset_count(files)) return files;
    tn_fileset_unref(files);
    return NULL;
}

bool tn_split_pinned(const struct tn_fileset *all, const char *unit)
{
    struct tn_fileset *pinned = pinned_files(unit, all);
    tn_fileset_unref(pinned);
    return pinned != NULL;
}

static bool has_surfaces(const struct tn_fileset *files)
{
    for (size_t i = 0; i < tn_fileset_count(files); i++)
        if (tn_str_starts(tn_str(tn_fileset_at(files, i)->path), SURFACES)) return true;
    return false;
}

/* Returns the set from which surfaces are loaded, which the caller owns: a pinned core of an
 * older release that holds surfaces, else the whole set. */
static struct tn_fileset *with_surfaces(const struct tn_fileset *all)
{
    struct tn_fileset *core = pinned_files(tn_core_name, all);
    if (core && has_surfaces(core)) return core;
    tn_fileset_unref(core);
    return tn_fileset_ref((struct tn_fileset *)all);
}

/* ---- units ---- */

void tn_split_init(struct tn_split *s, const struct tn_fileset *all)
{
    struct tn_fileset *surfaces = with_surfaces(all);
    char unit[TN_UNIT_NAME];
    *s = (struct tn_split){.n = 0};
    for (size_t i = 0; i < tn_fileset_count(surfaces); i++)
        if (surface_of(tn_fileset_at(surfaces, i)->path, unit)) add_name(s, tn_str(unit));
    add_pinned(s, all, TN_UNIT_surface);
    for (size_t i = 0; i < tn_fileset_count(all); i++)
        add_name(s, system_of(tn_fileset_at(all, i)->path));
    add_pinned(s, all, TN_UNIT_system);
    tn_fileset_unref(surfaces);
}

void tn_split_clear(struct tn_split *s)
{
    tn_free(s->names);
    *s = (struct tn_split){.n = 0};
}

static struct tn_fileset *pick(const struct tn_fileset *all, const char *unit, bool former)
{
    size_t n = tn_fileset_count(all);
    bool *wanted = tn_alloc((n + 1) * sizeof *wanted);
    if (tn_split_kind(unit) == TN_UNIT_system) want(all, wanted, CONNECTION);
    for (size_t i = 0; i < n; i++) {
        const char *path = tn_fileset_at(all, i)->path;
        if (tn_split_owns(unit, path) || (former && tn_str_starts(tn_str(path), SURFACES)))
            want(all, wanted, path);
    }
    struct tn_fileset *files = tn_fileset_pick(all, wanted);
    tn_free(wanted);
    return files;
}

struct tn_fileset *tn_split_files(const struct tn_fileset *all, const char *unit)
{
    struct tn_fileset *files = pinned_files(unit, all);
    if (files) return files;
    if (tn_split_kind(unit) != TN_UNIT_surface) return pick(all, unit, false);
    struct tn_fileset *surfaces = with_surfaces(all);
    files = pick(surfaces, unit, false);
    tn_fileset_unref(surfaces);
    return files;
}

struct tn_fileset *tn_split_former(const struct tn_fileset *all, const char *unit)
{
    return strcmp(unit, tn_core_name) == 0 ? pick(all, unit, true) : NULL;
}
