/* SPDX-License-Identifier: MIT */
#include "cli/args.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/hint.h"

enum { OPTIONS_MAX = 32 };

static const struct tn_arg *find(const struct tn_arg *table, struct tn_str name)
{
    for (; table->name; table++)
        if (tn_str_is(name, table->name)) return table;
    return NULL;
}

static bool unknown(const struct tn_arg *table, struct tn_str name, struct tn_err *err)
{
    const char *names[OPTIONS_MAX + 1] = {0};
    for (size_t i = 0; i < OPTIONS_MAX && table[i].name; i++) names[i] = table[i].name;
    return tn_fail(err, TN_E_invalid, "there is no option '%.*s'%s", TN_FMT(name),
                   tn_did_you_mean(name, names).text);
}

static bool set_num(const struct tn_arg *a, const char *value, struct tn_err *err)
{
    uint64_t v;
    if (!tn_str_u64(tn_str(value), &v) || v > INT64_MAX)
        return tn_fail(err, TN_E_invalid, "--%s takes a whole number, not '%s'", a->name, value);
    *(int64_t *)a->dest = (int64_t)v;
    return true;
}

bool tn_args_set(const struct tn_arg *table, struct tn_str name, const char *value,
                 struct tn_err *err)
{
    const struct tn_arg *a = find(table, name);
    if (!a) return unknown(table, name, err);
    if (a->kind == TN_ARG_flag) {
        if (value && strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
            return tn_fail(err, TN_E_invalid, "--%s takes no value", a->name);
        *(bool *)a->dest = !value || strcmp(value, "true") == 0;
        return true;
    }
    if (!value) return tn_fail(err, TN_E_invalid, "--%s needs a value: %s", a->name, a->value);
    if (a->kind == TN_ARG_num) return set_num(a, value, err);
    if (a->kind == TN_ARG_text) {
        *(const char **)a->dest = value;
        return true;
    }
    struct tn_arg_list *list = a->dest;
    list->items = tn_realloc(list->items, (list->n + 1) * sizeof *list->items);
    list->items[list->n++] = value;
    return true;
}

static bool is_flag(const struct tn_arg *table, struct tn_str name)
{
    const struct tn_arg *a = find(table, name);
    return a && a->kind == TN_ARG_flag;
}

static bool help(const struct tn_arg *table, struct tn_err *err)
{
    if (table->name) printf("\noptions:\n");
    tn_args_help(table);
    tn_err_clear(err);
    return false;
}

bool tn_args_parse(const struct tn_arg *table, int argc, char **argv, const char **rest, size_t max,
                   size_t *n, struct tn_err *err)
{
    bool options = true;
    *n = 0;
    if (argc == 1 && strcmp(argv[0], "--help") == 0) return help(table, err);
    for (int i = 0; i < argc; i++) {
        char *word = argv[i];
        if (!options || strncmp(word, "--", 2) != 0) {
            if (*n == max) return tn_fail(err, TN_E_invalid, "'%s' is one word too many", word);
            rest[(*n)++] = word;
            continue;
        }
        if (!word[2]) {
            options = false;
            continue;
        }
        struct tn_str name = tn_str(word + 2), value = {0};
        char *equals = strchr(word, '=');
        if (equals) {
            name.n = (size_t)(equals - word - 2);
            value = tn_str(equals + 1);
        } else if (i + 1 < argc && !is_flag(table, name)) {
            value = tn_str(argv[++i]);
        }
        if (!tn_args_set(table, name, value.p, err)) return false;
    }
    return true;
}

void tn_args_help(const struct tn_arg *table)
{
    for (; table->name; table++) {
        char left[48];
        snprintf(left, sizeof left, "--%s %s", table->name, table->value ? table->value : "");
        printf("  %-22s %s\n", left, table->help);
    }
}

void tn_args_clear(const struct tn_arg *table)
{
    for (; table->name; table++)
        if (table->kind == TN_ARG_list) tn_free(((struct tn_arg_list *)table->dest)->items);
}
