/* SPDX-License-Identifier: MIT */
#include "sync/judge.h"

#include "base/limits.h"
#include "mapping/plan.h"

enum { FAULTS_BYTES = 64 * 1024 };

struct tn_judge {
    const struct tn_entity *entity;
    struct tn_sealer sealer;
    const struct tn_plan *plan;
    bool needs_before, references, fills, seals;
    struct tn_json *before, *after;
    struct tn_buf filled, text;
    struct tn_faults faults;
};

static bool has_defaults(const struct tn_field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fields[i].default_json || has_defaults(fields[i].fields, fields[i].n_fields))
            return true;
    return false;
}

static bool looks_back(const struct tn_entity *e)
{
    for (size_t i = 0; i < e->n_fields; i++) {
        const struct tn_field *f = &e->fields[i];
        if (tn_is_system_field(tn_str(f->name))) continue;
        if (f->generated || f->type == TN_FIELD_state) return true;
    }
    return tn_entity_has_secrets(e);
}

struct tn_judge *tn_judge_new(const struct tn_entity *e, const struct tn_sealer *sealer,
                              const struct tn_plan *plan)
{
    struct tn_judge *j = TN_NEW(struct tn_judge);
    j->entity = e;
    j->sealer = *sealer;
    j->plan = plan;
    j->needs_before = looks_back(e);
    j->references = tn_entity_has_references(e);
    j->fills = j->needs_before || has_defaults(e->fields, e->n_fields);
    j->seals = sealer->seal && tn_entity_has_secrets(e);
    j->before = tn_json_new();
    j->after = tn_json_new();
    tn_buf_init(&j->filled, TN_LIMIT_RECORD);
    tn_buf_init(&j->text, FAULTS_BYTES);
    tn_faults_init(&j->faults);
    return j;
}

void tn_judge_free(struct tn_judge *j)
{
    if (!j) return;
    tn_json_free(j->before);
    tn_json_free(j->after);
    tn_buf_clear(&j->filled);
    tn_buf_clear(&j->text);
    tn_faults_clear(&j->faults);
    tn_free(j);
}

bool tn_judge_needs_before(const struct tn_judge *j)
{
    return j && j->needs_before;
}

bool tn_judge_needs_references(const struct tn_judge *j)
{
    return j && j->references;
}

static struct tn_str said(const struct tn_batch *b, const struct tn_batch_item *it)
{
    return (struct tn_str){b->bodies.p + it->at, it->n};
}

bool tn_judge_read(struct tn_judge *j, const struct tn_batch *b, size_t item, struct tn_jval *out)
{
    struct tn_err err;
    if (!tn_json_parse(j->after, said(b, &b->items[item]), &err)) return false;
    *out = tn_json_root(j->after);
    return true;
}

/* ---- faults ---- */

static void list_faults(struct tn_judge *j)
{
    struct tn_jw w;
    tn_buf_reset(&j->text);
    tn_jw_init(&w, &j->text);
    tn_faults_write(&j->faults, &w);
    if (!j->text.failed || j->faults.n <= 1) return;
    j->faults.n = 1;
    list_faults(j);
}

static struct tn_str faults_of(struct tn_judge *j, struct tn_batch *b)
{
    list_faults(j);
    return j->text.failed ? TN_STR("") : tn_batch_keep(b, tn_buf_str(&j->text));
}

/* A value that is to be secret is not shown. */
static struct tn_str value_of(const struct tn_judge *j, const char *field)
{
    const struct tn_entity *e = j->entity;
    const struct tn_field *f = tn_field_find(e->fields, e->n_fields, tn_str(field));
    if (f && f->type == TN_FIELD_secret) return TN_STR("");
    return tn_jraw(tn_jget_z(tn_json_root(j->after), field));
}

static void misfit(struct tn_judge *j, struct tn_batch *b, size_t item)
{
    const struct tn_err *why = &j->faults.v[0];
    struct tn_run_fault *f = &tn_batch_misfit(b, item)->fault;
    const char *text = why->text;
    size_t n = strlen(why->field);
    if (n && strncmp(text, why->field, n) == 0 && strncmp(text + n, ": ", 2) == 0) text += n + 2;
    f->faults = faults_of(j, b);
    f->code = tn_run_code(TN_E_mapping);
    f->message = tn_batch_keep(b, tn_str(text));
    f->field = tn_batch_keep(b, tn_str(why->field));
    f->value = tn_batch_keep(b, value_of(j, why->field));
    f->file = tn_batch_keep(b, tn_str(tn_plan_file(j->plan)));
    f->line = tn_plan_line(j->plan, tn_str(why->field));
    b->changes--;
}

/* ---- judging ---- */

struct walk {
    struct tn_judge *j;
    tn_judge_there_fn there;
    void *arg;
    size_t n;
};

static void one_reference(void *arg, const struct tn_field *f, struct tn_str path,
                          const struct tn_id *id)
{
    struct walk *w = arg;
    struct tn_err err;
    if (w->there(w->arg, w->n++)) return;
    tn_check_no_such(f, path, id, &err);
    tn_faults_add(&w->j->faults, &err);
}

static bool keeps_rules(struct tn_judge *j, struct tn_jval before, tn_judge_there_fn there,
                        void *arg)
{
    struct walk w = {.j = j, .there = there, .arg = arg};
    struct tn_jval after = tn_json_root(j->after);
    if (!tn_check(j->entity, before, after, TN_FIELD_FROM_OUTSIDE, &j->faults)) return false;
    if (j->references) tn_check_references(j->entity, after, one_reference, &w);
    return j->faults.n == 0;
}

static bool has_system_fields(struct tn_jval record)
{
    for (struct tn_jiter it = tn_jiter(record); tn_jnext(&it);)
        if (tn_is_system_field(it.key)) return true;
    return false;
}

static bool seal(struct tn_judge *j, struct tn_batch_item *it, struct tn_jval before,
                 struct tn_buf *out, struct tn_err *err)
{
    static const struct tn_id none;
    struct tn_jw w;
    if (!it->before && tn_id_eq(&it->id, &none)) it->id = tn_id_new();
    if (!tn_json_parse(j->after, tn_buf_str(&j->filled), err)) return false;
    tn_jw_init(&w, out);
    tn_check_seal(j->entity, it->before ? &it->before->id : &it->id, &j->sealer, before,
                  tn_json_root(j->after), &w);
    return tn_buf_ok(out, "a record", err);
}

static bool fill(struct tn_judge *j, struct tn_batch *b, struct tn_batch_item *it,
                 struct tn_jval before, int64_t now_ms, struct tn_err *err)
{
    struct tn_jw w;
    size_t at = b->filled.n;
    tn_buf_reset(&j->filled);
    tn_jw_init(&w, &j->filled);
    tn_check_fill(j->entity, before, tn_json_root(j->after), 0, now_ms, &w);
    bool ok = tn_buf_ok(&j->filled, "a record", err);
    if (ok && j->seals)
        ok = seal(j, it, before, &b->filled, err);
    else if (ok)
        tn_buf_addstr(&b->filled, tn_buf_str(&j->filled));
    ok = ok && tn_buf_ok(&b->filled, "a page of records", err);
    if (!ok) return false;
    it->filled_at = at;
    it->filled_n = b->filled.n - at;
    it->filled = true;
    return true;
}

void tn_judge_item(struct tn_judge *j, struct tn_batch *b, size_t item, int64_t now_ms,
                   tn_judge_there_fn there, void *arg)
{
    static const struct tn_jval nothing;
    struct tn_batch_item *it = &b->items[item];
    struct tn_jval before = nothing, after;
    struct tn_err err;
    tn_faults_clear(&j->faults);
    if (it->before && tn_json_parse(j->before, it->before->body, &err))
        before = tn_json_root(j->before);
    bool ok = tn_json_parse(j->after, said(b, it), &err);
    if (!ok) tn_faults_add(&j->faults, &err);
    ok = ok && keeps_rules(j, before, there, arg);
    after = tn_json_root(j->after);
    if (ok && (j->fills || has_system_fields(after)) && !fill(j, b, it, before, now_ms, &err)) {
        tn_faults_add(&j->faults, &err);
        ok = false;
    }
    if (!ok) misfit(j, b, item);
}

struct tn_str tn_judge_taken(struct tn_judge *j, struct tn_batch *b, const struct tn_err *why)
{
    struct tn_err err = *why;
    tn_faults_clear(&j->faults);
    tn_check_say_taken(j->entity, &err);
    tn_faults_add(&j->faults, &err);
    return faults_of(j, b);
}
