/* SPDX-License-Identifier: MIT */
#include "scripts/trial/compare.h"

#include <stdio.h>

#include "access/integration.h"
#include "base/alloc.h"
#include "base/field.h"
#include "base/limits.h"
#include "base/time.h"
#include "bind/bind_map.h"
#include "mapping/apply.h"
#include "script/isolate.h"
#include "store/read.h"

enum { EXAMPLES = 3, VALUE_MAX = 2000 };

struct example {
    char *id, *old, *new;
};

/* A top-level member for which the two mappings gave different values. */
struct field {
    char name[128];
    int64_t count;
    struct example examples[EXAMPLES];
    size_t n;
};

struct tn_findings {
    struct result *first;
};

/* One side of the comparison: the mapping of one set of scripts, and its result for the current
 * record. */
struct way {
    struct tn_units *units;
    struct tn_apply *apply; /* for the current sample; NULL: the set lacks the mapping */
    const struct tn_mapping *mapping;
    const struct tn_entity *target; /* what the mapping writes */
    struct tn_buf out;
    struct tn_outcome outcome;
    int64_t began_us;     /* start of the current record; 0: none is being mapped */
    struct tn_err misfit; /* why the resource refuses the result; kind none: it does not */
    bool ok;
};

/* The results for one integration, operation and mapping. */
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

struct tn_compare {
    struct bind_env env; /* only its host is set */
    void (*wake)(void *arg);
    void *wake_arg;
    struct way ways[2]; /* old, new */
    struct tn_json *record, *members[2];
    struct tn_json_rows rows;
    bool in_sample;
    int mapped; /* how many of the two sides have mapped the current record */
    bool again; /* the current record is not counted yet */
    struct result *at;
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

static struct result *result_of(struct tn_findings *f, const struct tn_sample *s)
{
    struct result **end = &f->first;
    for (; *end; end = &(*end)->next) {
        struct result *r = *end;
        if (!strcmp(r->integration, s->integration) && !strcmp(r->operation, s->operation) &&
            !strcmp(r->mapping, s->mapping))
            return r;
    }
    *end = TN_NEW(struct result);
    snprintf((*end)->integration, sizeof(*end)->integration, "%s", s->integration);
    snprintf((*end)->operation, sizeof(*end)->operation, "%s", s->operation);
    snprintf((*end)->mapping, sizeof(*end)->mapping, "%s", s->mapping);
    return *end;
}

static struct field *field_of(struct result *r, struct tn_str name)
{
    for (size_t i = 0; i < r->n_fields; i++)
        if (tn_str_is(name, r->fields[i].name)) return &r->fields[i];
    r->fields = tn_realloc(r->fields, (r->n_fields + 1) * sizeof *r->fields);
    struct field *f = &r->fields[r->n_fields++];
    memset(f, 0, sizeof *f);
    snprintf(f->name, sizeof f->name, "%.*s", TN_FMT(name));
    return f;
}

/* ---- findings as JSON ---- */

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

/* Writes the integration's name, or its id when the integration no longer exists. */
static void write_name(struct tn_jw *w, const struct result *r, const struct tn_found *names,
                       size_t i)
{
    struct tn_json *json = tn_json_new();
    struct tn_arena arena;
    struct tn_err err;
    struct tn_str name = tn_str(r->integration);
    const struct tn_row *row = names ? tn_found_row(names, i, 0) : NULL;
    tn_arena_init(&arena);
    if (row && tn_json_parse(json, row->body, &err))
        tn_jtext(tn_jget_z(tn_json_root(json), "name"), &arena, &name);
    tn_jw_kstr(w, "integrationName", name);
    tn_arena_clear(&arena);
    tn_json_free(json);
}

/* names: the answer to tn_findings_ask; the integration's name is its answer number `at`. */
static void write_result(struct tn_jw *w, const struct tn_found *names, size_t at,
                         const struct result *r)
{
    tn_jw_object(w);
    tn_jw_kz(w, "integration", r->integration);
    if (names) write_name(w, r, names, at);
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

void tn_findings_write(const struct tn_findings *f, const struct tn_found *names, struct tn_jw *w)
{
    size_t i = 0;
    tn_jw_key(w, TN_STR("mappings"));
    tn_jw_array(w);
    for (const struct result *r = f->first; r; r = r->next) write_result(w, names, i++, r);
    tn_jw_end(w);
}

size_t tn_findings_ask(const struct tn_findings *f, struct tn_read *read)
{
    size_t n = 0;
    for (const struct result *r = f->first; r; r = r->next, n++)
        tn_integration_ask(read, tn_str(r->integration));
    return n;
}

/* Reads what write_result wrote and adds it to the results. */

static void add_number(struct tn_jval from, const char *key, int64_t *to)
{
    int64_t n = 0;
    tn_jint(tn_jget_z(from, key), &n);
    *to += n;
}

static struct tn_str text_in(struct tn_jval v, const char *key, struct tn_arena *arena)
{
    struct tn_str text = {0};
    tn_jtext(tn_jget_z(v, key), arena, &text);
    return text;
}

static const char *name_in(struct tn_jval v, const char *key, struct tn_arena *arena)
{
    struct tn_str text = text_in(v, key, arena);
    return tn_arena_strndup(arena, text.p ? text.p : "", text.n);
}

static void read_examples(struct tn_jval list, struct example *to, size_t *n, const char *old,
                          const char *new, struct tn_arena *arena)
{
    for (struct tn_jiter it = tn_jiter(list); tn_jnext(&it);)
        add_example(to, n, text_in(it.value, "id", arena),
                    old ? text_in(it.value, old, arena) : (struct tn_str){0},
                    new ? text_in(it.value, new, arena) : (struct tn_str){0});
}

static void read_side(struct tn_jval side, struct result *r, int i)
{
    int64_t peak = 0;
    add_number(side, "us", &r->us[i]);
    add_number(side, "peakBytes", &peak);
    if ((size_t)peak > r->peak[i]) r->peak[i] = (size_t)peak;
}

static void read_result(struct tn_findings *f, struct tn_jval v, struct tn_arena *arena)
{
    struct tn_sample s = {0};
    s.integration = name_in(v, "integration", arena);
    s.operation = name_in(v, "operation", arena);
    s.mapping = name_in(v, "mapping", arena);
    struct result *r = result_of(f, &s);
    add_number(v, "records", &r->records);
    add_number(v, "same", &r->same);
    add_number(v, "changed", &r->changed);
    add_number(v, "newlyFailing", &r->failing);
    add_number(v, "newlyFixed", &r->fixed);
    add_number(v, "failingBoth", &r->failing_both);
    add_number(v, "leftOut", &r->left_out);
    for (struct tn_jiter it = tn_jiter(tn_jget_z(v, "fields")); tn_jnext(&it);) {
        struct field *field = field_of(r, text_in(it.value, "field", arena));
        add_number(it.value, "count", &field->count);
        read_examples(tn_jget_z(it.value, "examples"), field->examples, &field->n, "old", "new",
                      arena);
    }
    read_examples(tn_jget_z(v, "failures"), r->failures, &r->n_failures, NULL, "message", arena);
    read_examples(tn_jget_z(v, "repairs"), r->repairs, &r->n_repairs, "message", NULL, arena);
    read_side(tn_jget_z(v, "old"), r, 0);
    read_side(tn_jget_z(v, "new"), r, 1);
}

void tn_findings_read(struct tn_findings *f, struct tn_jval written)
{
    struct tn_arena arena;
    tn_arena_init(&arena);
    for (struct tn_jiter it = tn_jiter(tn_jget_z(written, "mappings")); tn_jnext(&it);)
        read_result(f, it.value, &arena);
    tn_arena_clear(&arena);
}

void tn_findings_sum(const struct tn_findings *f, struct tn_findings_sum *sum)
{
    *sum = (struct tn_findings_sum){0};
    for (const struct result *r = f->first; r; r = r->next) {
        sum->records += r->records;
        sum->same += r->same;
        sum->changed += r->changed;
        sum->failing += r->failing;
        sum->fixed += r->fixed;
    }
}

struct tn_findings *tn_findings_new(void)
{
    return TN_NEW(struct tn_findings);
}

void tn_findings_free(struct tn_findings *f)
{
    while (f && f->first) {
        struct result *r = f->first;
        f->first = r->next;
        result_free(r);
    }
    tn_free(f);
}

/* ---- one record both ways ---- */

static struct tn_str raw_or_none(struct tn_jval v)
{
    if (tn_jis(v, TN_JSON_absent)) return (struct tn_str){0};
    return tn_jraw(v);
}

static void note_field(struct result *r, struct tn_str name, struct tn_str id, struct tn_jval old,
                       struct tn_jval new)
{
    struct tn_str a = raw_or_none(old), b = raw_or_none(new);
    if ((a.p != NULL) == (b.p != NULL) && tn_str_eq(a, b)) return;
    struct field *f = field_of(r, name);
    f->count++;
    add_example(f->examples, &f->n, id, a, b);
}

static void compare_fields(struct tn_compare *c, struct tn_str id)
{
    struct tn_err err;
    for (int i = 0; i < 2; i++)
        if (!tn_json_parse(c->members[i], tn_buf_str(&c->ways[i].out), &err)) return;
    struct tn_jval old = tn_json_root(c->members[0]), new = tn_json_root(c->members[1]);
    for (struct tn_jiter it = tn_jiter(old); tn_jnext(&it);)
        note_field(c->at, it.key, id, it.value, tn_jget(new, it.key));
    for (struct tn_jiter it = tn_jiter(new); tn_jnext(&it);)
        if (tn_jis(tn_jget(old, it.key), TN_JSON_absent))
            note_field(c->at, it.key, id, tn_jget(old, it.key), it.value);
}

/* Checks the mapped record against its resource, as a sync does. */
static bool fits(struct tn_compare *c, int i)
{
    struct way *w = &c->ways[i];
    return tn_json_parse(c->members[i], tn_buf_str(&w->out), &w->misfit) &&
           tn_field_check(w->target->fields, w->target->n_fields, tn_json_root(c->members[i]), "",
                          0, &w->misfit);
}

/* False: a function was paused; call again for the same record. */
static bool map_one(struct tn_compare *c, int i)
{
    struct way *w = &c->ways[i];
    if (!w->began_us) w->began_us = tn_mono_us();
    tn_buf_reset(&w->out);
    w->ok = tn_apply_record(w->apply, tn_json_root(c->record), &w->out, &w->outcome);
    if (w->outcome.paused) return false;
    c->at->us[i] += tn_mono_us() - w->began_us;
    w->began_us = 0;
    tn_err_clear(&w->misfit);
    if (w->ok) w->ok = fits(c, i);
    return true;
}

static struct tn_str why(const struct way *w, struct tn_buf *line)
{
    tn_buf_reset(line);
    if (w->misfit.kind)
        tn_buf_adds(line, w->misfit.text);
    else if (w->outcome.listed)
        tn_outcome_line(&w->outcome.faults[0], line);
    return line->p ? tn_buf_str(line) : TN_STR("");
}

static void sort_record(struct tn_compare *c)
{
    struct way *old = &c->ways[0], *new = &c->ways[1];
    struct result *r = c->at;
    struct tn_buf line;
    struct tn_str id =
        new->outcome.external_id.n ? new->outcome.external_id : old->outcome.external_id;
    tn_buf_init(&line, 64 * TN_KIB);
    if (old->ok && new->ok && tn_str_eq(tn_buf_str(&old->out), tn_buf_str(&new->out))) {
        r->same++;
    } else if (old->ok && new->ok) {
        r->changed++;
        compare_fields(c, id);
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

/* A mapping whose functions overran their budget several times is not run any more. */
static bool worn_out(const struct way *w)
{
    return tn_mapping_overruns(w->mapping) >= TN_LIMIT_OVERRUNS;
}

/* False: the record is not done yet. */
static bool try_record(struct tn_compare *c)
{
    if (!c->mapped && (worn_out(&c->ways[0]) || worn_out(&c->ways[1]))) {
        c->at->records++;
        c->at->left_out++;
        return true;
    }
    for (; c->mapped < 2; c->mapped++)
        if (!map_one(c, c->mapped)) return false;
    c->mapped = 0;
    c->at->records++;
    sort_record(c);
    return true;
}

/* ---- samples ---- */

/* The unit of a mapping: "oracle_fusion" of "oracle_fusion/item". */
static struct tn_unit *unit_of(struct tn_units *units, const char *mapping)
{
    char unit[TN_UNIT_NAME];
    struct tn_str rest = tn_str(mapping), name;
    tn_str_split(&rest, '/', &name);
    snprintf(unit, sizeof unit, "%.*s", TN_FMT(name));
    return tn_units_find(units, unit);
}

static bool other_generation(const struct tn_unit *old, const struct tn_unit *new)
{
    return !old || !new || strcmp(tn_unit_generation(old), tn_unit_generation(new)) != 0;
}

/* The resources matter too: a changed resource may refuse what an unchanged mapping gives. */
static bool other_resources(const struct tn_compare *c)
{
    return other_generation(tn_units_find(c->ways[0].units, tn_core_name),
                            tn_units_find(c->ways[1].units, tn_core_name));
}

bool tn_compare_differs(const struct tn_compare *c, const char *mapping)
{
    const struct tn_unit *old = unit_of(c->ways[0].units, mapping);
    const struct tn_unit *new = unit_of(c->ways[1].units, mapping);
    return old && new && (other_generation(old, new) || other_resources(c));
}

bool tn_compare_sample(struct tn_compare *c, const struct tn_sample *s, struct tn_findings *into)
{
    struct tn_err err;
    if (!tn_compare_differs(c, s->mapping)) return false;
    for (int i = 0; i < 2; i++) {
        c->ways[i].mapping = tn_units_mapping(c->ways[i].units, s->mapping);
        if (!c->ways[i].mapping) return false;
        const struct tn_unit *unit = unit_of(c->ways[i].units, s->mapping);
        c->ways[i].target = &tn_unit_target(unit, s->mapping)->resource;
    }
    if (!tn_json_rows_open(&c->rows, c->record, s->text, s->rows, &err)) return false;
    for (int i = 0; i < 2; i++) {
        c->ways[i].apply = tn_apply_new(tn_mapping_plan(c->ways[i].mapping));
        tn_apply_may_pause(c->ways[i].apply, c->wake, c->wake_arg);
    }
    c->at = result_of(into, s);
    return c->in_sample = true;
}

static void end_sample(struct tn_compare *c)
{
    c->mapped = 0;
    c->again = false;
    for (int i = 0; i < 2; i++) {
        struct tn_isolate_stats s;
        tn_isolate_stats(tn_unit_isolate(unit_of(c->ways[i].units, c->at->mapping)), &s);
        if (s.peak_bytes > c->at->peak[i]) c->at->peak[i] = s.peak_bytes;
        tn_apply_free(c->ways[i].apply);
        c->ways[i].apply = NULL;
    }
    c->in_sample = false;
}

enum tn_compared tn_compare_step(struct tn_compare *c, int64_t until_us)
{
    struct tn_err err;
    while (c->in_sample) {
        if (!c->again && !tn_json_rows_next(&c->rows, &err)) {
            end_sample(c);
            break;
        }
        c->again = !try_record(c);
        if (c->again && c->ways[c->mapped].outcome.waits) return TN_COMPARED_waits;
        if (c->again || tn_mono_us() >= until_us) return TN_COMPARED_more;
    }
    return TN_COMPARED_all;
}

/* ---- life ---- */

static void write_change(void *arg, const struct tn_unit_change *c)
{
    struct tn_jw *w = arg;
    tn_jw_object(w);
    tn_jw_kz(w, "unit", c->name);
    tn_jw_kz(w, "generation", c->generation);
    tn_jw_kz(w, "previous", c->previous);
    tn_jw_end(w);
}

/* The hash over all files of the unit that an adapter may call: all but the mappings. */
static void code_hash(const struct tn_unit *u, char hex[65])
{
    struct tn_fileset *code = tn_fileset_without(tn_unit_files(u), "mappings/");
    tn_fileset_hash(code, hex);
    tn_fileset_unref(code);
}

static bool other_code(const struct tn_unit *old, const struct tn_unit *new)
{
    char was[65] = "", now[65] = "";
    if (old) code_hash(old, was);
    if (new) code_hash(new, now);
    return strcmp(was, now) != 0;
}

/* Lists the changed adapters. A preview cannot run them, because it has no answers of their
 * peers. */
static void write_adapters(const struct tn_compare *c, struct tn_jw *w)
{
    struct tn_units *old = c->ways[0].units, *new = c->ways[1].units;
    tn_jw_key(w, TN_STR("adaptersNotRun"));
    tn_jw_array(w);
    for (size_t i = 0; i < tn_units_adapters(new); i++) {
        const char *name = tn_units_adapter_at(new, i)->name;
        if (other_code(tn_units_find(old, name), tn_units_find(new, name)))
            tn_jw_str(w, tn_str(name));
    }
    tn_jw_end(w);
}

void tn_compare_changes(const struct tn_compare *c, struct tn_jw *w)
{
    tn_jw_key(w, TN_STR("changed"));
    tn_jw_array(w);
    size_t unchanged = tn_units_diff(c->ways[0].units, c->ways[1].units, write_change, w);
    tn_jw_end(w);
    tn_jw_kint(w, "unchanged", (int64_t)unchanged);
    write_adapters(c, w);
}

struct tn_compare *tn_compare_new(struct tn_host *host, struct tn_fileset *from,
                                  struct tn_fileset *to, void (*wake)(void *arg), void *arg,
                                  struct tn_err *err)
{
    struct tn_compare *c = TN_NEW(struct tn_compare);
    c->wake = wake;
    c->wake_arg = arg;
    struct tn_fileset *files[] = {from, to};
    c->env = (struct bind_env){.host = host};
    c->record = tn_json_new();
    for (int i = 0; i < 2; i++) {
        c->members[i] = tn_json_new();
        tn_buf_init(&c->ways[i].out, 2 * TN_LIMIT_RECORD);
    }
    for (int i = 0; i < 2; i++) {
        c->ways[i].units = tn_units_load(&c->env, files[i], NULL, NULL, NULL, err);
        if (c->ways[i].units) continue;
        tn_compare_free(c);
        return NULL;
    }
    return c;
}

const struct tn_units *tn_compare_from(const struct tn_compare *c)
{
    return c->ways[0].units;
}

const struct tn_units *tn_compare_to(const struct tn_compare *c)
{
    return c->ways[1].units;
}

void tn_compare_free(struct tn_compare *c)
{
    if (!c) return;
    for (int i = 0; i < 2; i++) {
        tn_apply_free(c->ways[i].apply);
        tn_units_unref(c->ways[i].units);
        tn_json_free(c->members[i]);
        tn_buf_clear(&c->ways[i].out);
    }
    tn_json_free(c->record);
    tn_free(c);
}
