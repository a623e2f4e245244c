/* SPDX-License-Identifier: MIT */
#include "scripts/resource_check.h"

#include <strings.h>

#include "base/hint.h"
#include "store/store.h"
#include "store/tables.h"

enum { NAMES = 200 };

/* ---- fields ---- */

/* Is the name one that a resource must not use: a member of every record or, for a filter, a
 * parameter of every list? */
static bool is_reserved(const char *name, bool filter)
{
    static const char *const names[] = {"id",   "createdAt", "updatedAt", "version",
                                        "team", "hash",      "created",   "updated",
                                        "body", "n",         NULL};
    static const char *const parameters[] = {"limit", "offset", "cursor", "sort", "order", NULL};
    for (const char *const *n = filter ? parameters : names; *n; n++)
        if (strcasecmp(*n, name) == 0) return true;
    return false;
}

static bool is_plain(const char *name)
{
    size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
    return n > 0 && !name[n] && (name[0] < '0' || name[0] > '9');
}

static bool field_fits(const struct tn_entity *r, size_t i, struct tn_err *err)
{
    const char *name = r->fields[i].name;
    if (is_reserved(name, false))
        return tn_fail(err, TN_E_invalid,
                       "a field cannot be called '%s': every record and every table has one of "
                       "Tenon's own",
                       name);
    if (!is_plain(name))
        return tn_fail(err, TN_E_invalid,
                       "the field '%s' has to be a name of letters, digits and "
                       "'_'",
                       name);
    for (size_t k = 0; k < i; k++)
        if (strcasecmp(r->fields[k].name, name) == 0)
            return tn_fail(err, TN_E_invalid,
                           "there are two fields '%s' and '%s': upper and lower "
                           "case do not tell them apart",
                           r->fields[k].name, name);
    for (const char *const *f = r->filter; f && *f; f++)
        if (strcmp(*f, name) == 0 && is_reserved(name, true))
            return tn_fail(err, TN_E_invalid,
                           "a list cannot be filtered by '%s': that is a "
                           "parameter of every list",
                           name);
    return true;
}

/* ---- words that concern more than the field ---- */

struct all {
    const struct tn_decl *const *v;
    size_t n;
};

static bool is_entity(const struct all *all, const char *name)
{
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->v[i]->name, name) == 0) return true;
    return false;
}

static bool ref_fits(const struct all *all, const struct tn_field *f, struct tn_err *err)
{
    const char *names[NAMES] = {NULL};
    if (!f->ref || is_entity(all, f->ref)) return true;
    for (size_t i = 0; i < all->n && i < NAMES - 1; i++) names[i] = all->v[i]->name;
    return tn_fail(err, TN_E_invalid, "'ref' of '%s' names '%s', which no resource is%s", f->name,
                   f->ref, tn_did_you_mean(tn_str(f->ref), names).text);
}

/* Checks references, secrets and states of the fields and of the fields inside them. False: *at is
 * the first field at fault. */
static bool words_fit(const struct all *all, const struct tn_field *fields, size_t n, bool inside,
                      const struct tn_field **at, struct tn_err *err)
{
    for (size_t i = 0; i < n; i++) {
        const struct tn_field *f = *at = &fields[i];
        if (inside && f->type == TN_FIELD_secret)
            return tn_fail(err, TN_E_invalid,
                           "the secret '%s' lies inside of another field, where it would not be "
                           "sealed: declare it beside that",
                           f->name);
        if (inside && f->type == TN_FIELD_state)
            return tn_fail(err, TN_E_invalid,
                           "the state '%s' lies inside of another field, where its moves would "
                           "not be held: declare it beside that, or make it a text with 'values'",
                           f->name);
        if (!ref_fits(all, f, err) || !words_fit(all, f->fields, f->n_fields, true, at, err))
            return false;
    }
    return true;
}

static bool check_words(const struct tn_decl *decl, const struct all *all,
                        struct tn_load_faults *faults)
{
    const struct tn_field *at;
    struct tn_err err;
    if (words_fit(all, decl->resource.fields, decl->resource.n_fields, false, &at, &err))
        return true;
    tn_fail_field(&err, "%s", at->name);
    tn_fail_at(&err, decl->path, at->line ? at->line : decl->line);
    return tn_load_faults_add(faults, &err);
}

static bool check_fields(const struct tn_decl *decl, struct tn_load_faults *faults)
{
    for (size_t i = 0; i < decl->resource.n_fields; i++) {
        struct tn_err err;
        if (field_fits(&decl->resource, i, &err)) continue;
        tn_fail_field(&err, "%s", decl->resource.fields[i].name);
        tn_fail_at(&err, decl->path, decl->resource.fields[i].line);
        if (!tn_load_faults_add(faults, &err)) return false;
    }
    return true;
}

/* ---- tables ---- */

static bool is_system_table(const char *name)
{
    for (size_t i = 0; i < tn_system_table_count; i++)
        if (strcmp(tn_system_tables[i].name, name) == 0) return true;
    return false;
}

/* Checks that the resource's table belongs neither to the system nor to another resource. */
static bool table_fits(const struct tn_decl *const *resources, size_t i, struct tn_err *err)
{
    const char *table = resources[i]->resource.plural;
    size_t k = 0;
    if (is_system_table(table))
        return tn_fail(err, TN_E_invalid,
                       "'%s' is a table of Tenon's own: give the resource another plural", table);
    while (k < i && strcmp(resources[k]->resource.plural, table) != 0) k++;
    return k == i || tn_fail(err, TN_E_invalid,
                             "the table '%s' belongs to %s already: give the resource another "
                             "plural",
                             table, resources[k]->path);
}

void tn_resource_check(const struct tn_decl *const *resources, size_t n,
                       struct tn_load_faults *faults)
{
    const struct all all = {resources, n};
    for (size_t i = 0; i < n; i++) {
        struct tn_err err;
        if (!check_fields(resources[i], faults) || !check_words(resources[i], &all, faults)) return;
        if (table_fits(resources, i, &err)) continue;
        tn_fail_field(&err, "plural");
        tn_fail_at(&err, resources[i]->path, resources[i]->line);
        if (!tn_load_faults_add(faults, &err)) return;
    }
}
