/* SPDX-License-Identifier: MIT */
#include "scripts/rule_check.h"

#include <stdio.h>

#include "base/json.h"
#include "store/tables.h"

/* Checks one pattern of `on`: words and '*' with dots between them. The word before ".created"
 * and the like has to be a resource. */
static bool event_fits(const struct tn_entities *resources, const char *on, struct tn_err *err)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.*";
    struct tn_str rest = tn_str(on), head;
    char name[TN_STORE_NAME_MAX + 1];
    if (!on[0] || strlen(on) > TN_STORE_NAME_MAX || strspn(on, letters) != strlen(on) ||
        !strpbrk(on, ".*"))
        return tn_fail(err, TN_E_invalid,
                       "'%s' is no event: it is called like \"order.created\", "
                       "\"order.*\" or \"*.created\"",
                       on);
    tn_str_split(&rest, '.', &head);
    bool change =
        tn_str_is(rest, "created") || tn_str_is(rest, "updated") || tn_str_is(rest, "deleted");
    if (!change || memchr(head.p, '*', head.n) || head.n >= sizeof name) return true;
    snprintf(name, sizeof name, "%.*s", TN_FMT(head));
    if (tn_entities_find(resources, tn_str(name))) return true;
    for (size_t i = 0; i < tn_system_table_count; i++)
        if (tn_system_tables[i].event && strcmp(tn_system_tables[i].event, name) == 0) return true;
    return tn_fail(err, TN_E_invalid, "'%s' never happens: there is no resource '%s'", on, name);
}

static bool is_plain_value(struct tn_jval v)
{
    return !tn_jis(v, TN_JSON_object) && !tn_jis(v, TN_JSON_array);
}

static bool conditions_fit(const struct tn_rule *rule, struct tn_err *err)
{
    struct tn_json *json = tn_json_new();
    bool ok = tn_json_parse(json, tn_str(rule->when_json), err);
    if (ok && !tn_jis(tn_json_root(json), TN_JSON_object))
        ok = tn_fail(err, TN_E_invalid, "'when' is a table: { [\"data.status\"] = \"done\" }");
    for (struct tn_jiter it = tn_jiter(tn_json_root(json)); ok && tn_jnext(&it);) {
        bool fits = is_plain_value(it.value) || tn_jis(it.value, TN_JSON_array);
        for (struct tn_jiter e = tn_jiter(it.value); fits && tn_jnext(&e);)
            fits = is_plain_value(e.value);
        if (!fits)
            ok = tn_fail(err, TN_E_invalid,
                         "'when' compares '%.*s' with a value or a list of values", TN_FMT(it.key));
    }
    tn_json_free(json);
    return ok;
}

bool tn_rule_check(const struct tn_rule *rule, const struct tn_entities *resources,
                   const char **key, struct tn_err *err)
{
    *key = "on";
    for (const char *const *on = rule->events; *on; on++)
        if (!event_fits(resources, *on, err)) return false;
    *key = "when";
    return conditions_fit(rule, err);
}
