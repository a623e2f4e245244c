/* SPDX-License-Identifier: MIT */
#include "preview.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "bind/bind_map.h"
#include "evidence.h"
#include "loop/loop.h"
#include "mapping/apply.h"
#include "script/isolate.h"

enum {
    SLICE_US = 4000,
    EXAMPLES = 3,
    FIELDS_MAX = 256,
    VALUE_MAX = 2000,
    ANSWER_MAX = 16 * TN_MIB
};

struct example {
    char *id, *old, *new;
};

/* A top-level member of what the mapping gives that came out otherwise. */
struct field {
    char name[128];
    int64_t count;
    struct example examples[EXAMPLES];
    size_t n;
};

/* One way of a record: what the mapping of one set makes of it. */
struct way {
    struct tn_units *units;
    struct tn_apply *apply; /* of the sample at hand; NULL: that set has no such mapping */
    const struct tn_mapping *mapping;
    struct tn_buf out;
    struct tn_outcome outcome;
    bool ok;
};

/* What came out for one integration, operation and mapping. */
struct result {
    struct result *next;
    char integration[64], operation[64], mapping[128];
    int64_t records, same, changed, failing, fixed, failing_both, left_out;
    int64_t us[2];
    size_t peak[2];
    struct field *fields;
    size_t n_fields;
    struct example failures[EXAMPLES], repairs[EXAMPLES];
    size_t n_failures, n_repairs;
};

struct tn_preview {
    struct tn_preview_options o;
    struct tn_units_env env; /* nothing in it but the host */
    struct way ways[2];      /* old, new */
    struct tn_timer *turn;
    struct tn_evidence evidence;
    struct tn_json *sample, *record, *members[2];
    struct tn_json_rows rows;
    bool in_sample;
    struct result *results, *at;
};

/* ---- results ---- */

static char *cut(struct tn_str text)
{
    size_t n = text.n < VALUE_MAX ? text.n : VALUE_MAX;
    while (n < text.n && n && ((unsigned char)text.p[n] & 0xC0) == 0x80) n--;
    return tn_strndup(text.p ? text.p : "", n);
}

static void add_example(struct example *list, size_t *n, struct tn_str id, struct tn_str old,
                        struct tn_str new)
{
    if (*n == EXAMPLES) return;
    list[(*n)++] = (struct example){cut(id), old.p ? cut(old) : NULL, new.p ? cut(new) : NULL};
}

static void clear_examples(struct example *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        tn_free(list[i].id);
        tn_free(list[i].old);
        tn_free(list[i].new);
    }
}

static void result_free(struct result *r)
{
    for (size_t i = 0; i < r->n_fields; i++) clear_examples(r->fields[i].examples, r->fields[i].n);
    clear_examples(r->failures, r->n_failures);
    clear_examples(r->repairs, r->n_repairs);
    tn_free(r->fields);
    tn_free(r);
}

static struct result *result_of(struct tn_preview *p)
{
    const struct tn_evidence *e = &p->evidence;
    struct result **end = &p->results;
    for (; *end; end = &(*end)->next) {
        struct result *r = *end;
        if (!strcmp(r->integration, e->integration) && !strcmp(r->operation, e->operation) &&
            !strcmp(r->mapping, e->mapping))
            return r;
    }
    *end = TN_NEW(struct result);
    snprintf((*end)->integration, sizeof(*end)->integration, "%s", e->integration);
    snprintf((*end)->operation, sizeof(*end)->operation, "%s", e->operation);
    snprintf((*end)->mapping, sizeof(*end)->mapping, "%s", e->mapping);
    return *end;
}

static struct field *field_of(struct result *r, struct tn_str name)
{
    for (size_t i = 0; i < r->n_fields; i++)
        if (tn_str_is(name, r->fields[i].name)) return &r->fields[i];
    if (r->n_fields == FIELDS_MAX) return NULL;
    r->fields = tn_realloc(r->fields, (r->n_fields + 1) * sizeof *r->fields);
    struct field *f = &r->fields[r->n_fields++];
    memset(f, 0, sizeof *f);
    snprintf(f->name, sizeof f->name, "%.*s", TN_FMT(name));
    return f;
}

/* ---- one record both ways ---- */

static void note_field(struct result *r, struct tn_str name, struct tn_str id, struct tn_jval old,
                       struct tn_jval new)
{
    struct tn_str a = tn_jis(old, TN_JSON_absent) ? (struct tn_str){0} : tn_jraw(old);
    struct tn_str b = tn_jis(new, TN_JSON_absent) ? (struct tn_str){0} : tn_jraw(new);
    struct field *f;
    if ((a.p != NULL) == (b.p != NULL) && tn_str_eq(a, b)) return;
    f = field_of(r, name);
    if (!f) return;
    f->count++;
    add_example(f->examples, &f->n, id, a, b);
}

static void compare_fields(struct tn_preview *p, struct tn_str id)
{
    struct tn_err err;
    for (int i = 0; i < 2; i++)
        if (!tn_json_parse(p->members[i], tn_buf_str(&p->ways[i].out), &err)) return;
    struct tn_jval old = tn_json_root(p->members[0]), new = tn_json_root(p->members[1]);
    for (struct tn_jiter it = tn_jiter(old); tn_jnext(&it);)
        note_field(p->at, it.key, id, it.value, tn_jget(new, it.key));
    for (struct tn_jiter it = tn_jiter(new); tn_jnext(&it);)
        if (tn_jis(tn_jget(old, it.key), TN_JSON_absent))
            note_field(p->at, it.key, id, tn_jget(old, it.key), it.value);
}

static void map_one(struct tn_preview *p, int i)
{
    struct way *w = &p->ways[i];
    int64_t began = tn_mono_us();
    tn_buf_reset(&w->out);
    w->ok = tn_apply(w->apply, tn_json_root(p->record), &w->out, &w->outcome);
    p->at->us[i] += tn_mono_us() - began;
}

static struct tn_str why(const struct way *w, struct tn_buf *line)
{
    tn_buf_reset(line);
    if (w->outcome.listed) tn_outcome_line(&w->outcome.faults[0], line);
    return line->p ? tn_buf_str(line) : TN_STR("");
}

static void sort_record(struct tn_preview *p)
{
    struct way *old = &p->ways[0], *new = &p->ways[1];
    struct result *r = p->at;
    struct tn_buf line;
    struct tn_str id =
        new->outcome.external_id.n ? new->outcome.external_id : old->outcome.external_id;
    tn_buf_init(&line, 64 * TN_KIB);
    if (old->ok && new->ok && tn_str_eq(tn_buf_str(&old->out), tn_buf_str(&new->out))) {
        r->same++;
    } else if (old->ok && new->ok) {
        r->changed++;
        compare_fields(p, id);
    } else if (old->ok) {
        r->failing++;
        add_example(r->failures, &r->n_failures, id, (struct tn_str){0}, why(new, &line));
    } else if (new->ok) {
        r->fixed++;
        add_example(r->repairs, &r->n_repairs, id, why(old, &line), (struct tn_str){0});
    } else {
        r->failing_both++;
    }
    tn_buf_clear(&line);
}

/* A mapping whose functions do not end is not asked again and again. */
static bool worn_out(const struct way *w)
{
    return tn_mapping_overruns(w->mapping) >= TN_LIMIT_OVERRUNS;
}

static void try_record(struct tn_preview *p)
{
    p->at->records++;
    if (worn_out(&p->ways[0]) || worn_out(&p->ways[1])) {
        p->at->left_out++;
        return;
    }
    map_one(p, 0);
    map_one(p, 1);
    sort_record(p);
}

/* ---- samples ---- */

static bool differs(const struct tn_preview *p, const char *mapping)
{
    char unit[64];
    struct tn_str rest = tn_str(mapping), name;
    tn_str_split(&rest, '/', &name);
    snprintf(unit, sizeof unit, "%.*s", TN_FMT(name));
    const struct tn_unit *old = tn_units_find(p->ways[0].units, unit);
    const struct tn_unit *new = tn_units_find(p->ways[1].units, unit);
    return old && new &&strcmp(tn_unit_generation(old), tn_unit_generation(new)) != 0;
}

static void end_sample(struct tn_preview *p)
{
    char unit[64];
    struct tn_str rest = tn_str(p->evidence.mapping), name;
    tn_str_split(&rest, '/', &name);
    snprintf(unit, sizeof unit, "%.*s", TN_FMT(name));
    for (int i = 0; i < 2; i++) {
        struct tn_isolate_stats s;
        tn_isolate_stats(tn_unit_isolate(tn_units_find(p->ways[i].units, unit)), &s);
        if (s.peak_bytes > p->at->peak[i]) p->at->peak[i] = s.peak_bytes;
        tn_apply_free(p->ways[i].apply);
        p->ways[i].apply = NULL;
    }
    p->in_sample = false;
}

static void begin_sample(struct tn_preview *p)
{
    struct tn_err err;
    if (!differs(p, p->evidence.mapping)) return;
    for (int i = 0; i < 2; i++) {
        p->ways[i].mapping = tn_units_mapping(p->ways[i].units, p->evidence.mapping);
        if (!p->ways[i].mapping) return;
    }
    if (!tn_json_rows_open(&p->rows, p->record, p->evidence.rows, TN_STR(""), &err)) return;
    for (int i = 0; i < 2; i++)
        p->ways[i].apply = tn_apply_new(tn_mapping_plan(p->ways[i].mapping));
    p->at = result_of(p);
    p->in_sample = true;
}

/* ---- the answer ---- */

static void write_examples(struct tn_jw *w, const char *key, const struct example *list, size_t n,
                           bool values)
{
    tn_jw_key(w, tn_str(key));
    tn_jw_array(w);
    for (size_t i = 0; i < n; i++) {
        tn_jw_object(w);
        tn_jw_kz(w, "id", list[i].id);
        if (values) {
            tn_jw_kz(w, "old", list[i].old);
            tn_jw_kz(w, "new", list[i].new);
        } else {
            tn_jw_kz(w, "message", list[i].new ? list[i].new : list[i].old);
        }
        tn_jw_end(w);
    }
    tn_jw_end(w);
}

static void write_side(struct tn_jw *w, const char *key, const struct result *r, int i)
{
    tn_jw_key(w, tn_str(key));
    tn_jw_object(w);
    tn_jw_kint(w, "us", r->us[i]);
    tn_jw_kint(w, "peakBytes", (int64_t)r->peak[i]);
    tn_jw_end(w);
}

static void write_result(struct tn_jw *w, const struct result *r)
{
    tn_jw_object(w);
    tn_jw_kz(w, "integration", r->integration);
    tn_jw_kz(w, "operation", r->operation);
    tn_jw_kz(w, "mapping", r->mapping);
    tn_jw_kint(w, "records", r->records);
    tn_jw_kint(w, "same", r->same);
    tn_jw_kint(w, "changed", r->changed);
    tn_jw_kint(w, "newlyFailing", r->failing);
    tn_jw_kint(w, "newlyFixed", r->fixed);
    tn_jw_kint(w, "failingBoth", r->failing_both);
    tn_jw_kint(w, "leftOut", r->left_out);
    tn_jw_key(w, TN_STR("fields"));
    tn_jw_array(w);
    for (size_t i = 0; i < r->n_fields; i++) {
        tn_jw_object(w);
        tn_jw_kz(w, "field", r->fields[i].name);
        tn_jw_kint(w, "count", r->fields[i].count);
        write_examples(w, "examples", r->fields[i].examples, r->fields[i].n, true);
        tn_jw_end(w);
    }
    tn_jw_end(w);
    write_examples(w, "failures", r->failures, r->n_failures, false);
    write_examples(w, "repairs", r->repairs, r->n_repairs, false);
    write_side(w, "old", r, 0);
    write_side(w, "new", r, 1);
    tn_jw_end(w);
}

static void write_change(void *arg, const struct tn_unit_change *c)
{
    struct tn_jw *w = arg;
    tn_jw_object(w);
    tn_jw_kz(w, "unit", c->name);
    tn_jw_kz(w, "generation", c->generation);
    tn_jw_kz(w, "previous", c->previous);
    tn_jw_end(w);
}

static void answer(struct tn_preview *p)
{
    struct tn_buf out;
    struct tn_jw w;
    struct tn_err err;
    char hash[65];
    tn_buf_init(&out, ANSWER_MAX);
    tn_jw_init(&w, &out);
    tn_jw_object(&w);
    tn_fileset_hash(p->o.to, hash);
    tn_jw_kz(&w, "generation", hash);
    tn_fileset_hash(p->o.from, hash);
    tn_jw_kz(&w, "active", hash);
    tn_jw_key(&w, TN_STR("changed"));
    tn_jw_array(&w);
    size_t unchanged = tn_units_diff(p->ways[0].units, p->ways[1].units, write_change, &w);
    tn_jw_end(&w);
    tn_jw_kint(&w, "unchanged", (int64_t)unchanged);
    tn_jw_key(&w, TN_STR("mappings"));
    tn_jw_array(&w);
    for (const struct result *r = p->results; r; r = r->next) write_result(&w, r);
    tn_jw_end(&w);
    tn_jw_end(&w);
    if (tn_buf_ok(&out, "the preview", &err))
        p->o.done(p->o.arg, tn_buf_str(&out), NULL);
    else
        p->o.done(p->o.arg, TN_STR(""), &err);
    tn_buf_clear(&out);
}

/* ---- turns ---- */

static void step(void *arg)
{
    struct tn_preview *p = arg;
    struct tn_err err;
    int64_t until = tn_mono_us() + SLICE_US;
    do {
        if (p->in_sample) {
            if (tn_json_rows_next(&p->rows, &err))
                try_record(p);
            else
                end_sample(p);
        } else if (tn_evidence_next(p->o.env->store, p->o.env->secrets, p->o.team, p->sample,
                                    &p->evidence, &err)) {
            begin_sample(p);
        } else if (err.kind == TN_E_not_found) {
            answer(p); /* may free p */
            return;
        } else {
            p->o.done(p->o.arg, TN_STR(""), &err);
            return;
        }
    } while (tn_mono_us() < until);
    tn_timer_set(p->turn, 0);
}

/* The candidate's faults are the caller's; what serves did load once. */
static void load_both(void *arg)
{
    struct tn_preview *p = arg;
    struct tn_err err;
    struct tn_fileset *files[] = {p->o.from, p->o.to};
    for (int i = 0; i < 2; i++) {
        p->ways[i].units = tn_units_load(&p->env, files[i], NULL, NULL, NULL, &err);
        if (p->ways[i].units) continue;
        p->o.done(p->o.arg, TN_STR(""), &err);
        return;
    }
    tn_timer_free(p->turn);
    p->turn = tn_timer_new(p->o.loop, step, p);
    tn_timer_set(p->turn, 0);
}

struct tn_preview *tn_preview_start(const struct tn_preview_options *o)
{
    struct tn_preview *p = TN_NEW(struct tn_preview);
    p->o = *o;
    tn_fileset_ref(o->from);
    tn_fileset_ref(o->to);
    p->env = (struct tn_units_env){.host = o->env->host};
    p->sample = tn_json_new();
    p->record = tn_json_new();
    for (int i = 0; i < 2; i++) {
        p->members[i] = tn_json_new();
        tn_buf_init(&p->ways[i].out, 2 * TN_LIMIT_RECORD);
    }
    tn_evidence_init(&p->evidence);
    p->turn = tn_timer_new(o->loop, load_both, p);
    tn_timer_set(p->turn, 0);
    return p;
}

void tn_preview_free(struct tn_preview *p)
{
    if (!p) return;
    tn_timer_free(p->turn);
    for (int i = 0; i < 2; i++) {
        tn_apply_free(p->ways[i].apply);
        tn_units_unref(p->ways[i].units);
        tn_json_free(p->members[i]);
        tn_buf_clear(&p->ways[i].out);
    }
    while (p->results) {
        struct result *r = p->results;
        p->results = r->next;
        result_free(r);
    }
    tn_evidence_clear(&p->evidence);
    tn_json_free(p->sample);
    tn_json_free(p->record);
    tn_fileset_unref(p->o.from);
    tn_fileset_unref(p->o.to);
    tn_free(p);
}
