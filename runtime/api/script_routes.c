/* SPDX-License-Identifier: MIT */
#include "api/script_routes.h"

void api_scripts_list(void *arg, struct tn_http_exchange *x)
{
    struct tn_api *api = arg;
    const struct tn_scripts_ops *scripts = api->p.scripts;
    struct tn_answer a;
    tn_answer_begin(&a, x);
    tn_jw_object(&a.w);
    tn_jw_key(&a.w, TN_STR("units"));
    tn_jw_array(&a.w);
    for (size_t i = 0; i < scripts->units(api->p.scripts_self); i++) {
        struct tn_unit_info unit;
        scripts->unit(api->p.scripts_self, i, &unit);
        tn_jw_object(&a.w);
        tn_jw_kz(&a.w, "unit", unit.name);
        tn_jw_kz(&a.w, "generation", unit.generation);
        tn_jw_kint(&a.w, "files", (int64_t)unit.files);
        tn_jw_end(&a.w);
    }
    tn_jw_end(&a.w);
    tn_jw_end(&a.w);
    tn_answer_send(&a, 200);
}

static void reloaded(void *arg, const struct tn_reload_report *report, const struct tn_err *err)
{
    struct tn_http_exchange *x = arg;
    struct tn_answer a;
    if (err) {
        struct tn_err refused = *err;
        /* Whatever is wrong with a script, to the caller it is a value that breaks a rule. */
        if (err->kind == TN_E_syntax || err->kind == TN_E_script || err->kind == TN_E_budget ||
            err->kind == TN_E_mapping || err->kind == TN_E_not_found)
            refused.kind = TN_E_invalid;
        tn_answer_err(x, &refused);
        return;
    }
    tn_answer_begin(&a, x);
    tn_jw_object(&a.w);
    tn_jw_key(&a.w, TN_STR("changed"));
    tn_jw_array(&a.w);
    for (size_t i = 0; i < report->changed_count; i++) {
        tn_jw_object(&a.w);
        tn_jw_kz(&a.w, "unit", report->changed[i].unit);
        tn_jw_kz(&a.w, "generation",
                 report->changed[i].generation[0] ? report->changed[i].generation : NULL);
        tn_jw_kz(&a.w, "previous",
                 report->changed[i].previous[0] ? report->changed[i].previous : NULL);
        tn_jw_end(&a.w);
    }
    tn_jw_end(&a.w);
    tn_jw_kint(&a.w, "unchanged", (int64_t)report->unchanged);
    tn_jw_kint(&a.w, "duration", report->took_ms);
    tn_jw_end(&a.w);
    tn_answer_send(&a, 200);
}

void api_scripts_reload(void *arg, struct tn_http_exchange *x)
{
    struct tn_api *api = arg;
    api->p.scripts->reload(api->p.scripts_self, api_who(x)->name, reloaded, x);
}
