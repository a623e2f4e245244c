/* SPDX-License-Identifier: MIT */
/* bind_map_load.c - makes a declared mapping ready for use: its plan, functions and examples. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "bind/bind.h"
#include "bind/bind_map.h"
#include "bind/bind_map_node.h"
#include "script/slice.h"

struct tn_mapping {
    struct tn_isolate *isolate;
    struct tn_plan *plan;
    int *functions;
    size_t function_count;
    int view; /* reference of the view that shows the record to functions */
    struct map_view_root *root;
    unsigned overruns;
    struct tn_map_info info;
    struct tn_arena arena; /* holds the texts of info */
    struct tn_arena spec;  /* holds the texts of the plan for the way back */
    struct tn_reversed reversed;
    struct tn_plan *back; /* plan for the way back; NULL: back_err says why there is none */
    struct tn_err back_err;
};

/* ---- function fields ---- */

struct call {
    struct tn_mapping *m;
    struct map_view_root *root;
    int view;
    struct tn_jval record;
    struct tn_jw *out;
};

static int push_record(lua_State *L, void *arg)
{
    struct call *c = arg;
    tn_isolate_push(L, c->view);
    map_view_set(c->root, c->record);
    return 1;
}

/* A float of more digits than it surely keeps is a quotient or product that was rounded. */
static void check_float(lua_State *L, lua_Number d)
{
    char text[40];
    snprintf(text, sizeof text, "%.15g", d);
    if (!isfinite(d) || strtod(text, NULL) == d) return;
    snprintf(text, sizeof text, "%.17g", d);
    luaL_error(L,
               "the function's result has the float %s, which may be rounded: calculate with "
               "decimals (a:div(b, 4), decimal.new \"0.1\")",
               text);
}

/* Checks all floats of the value at index, which bind_json_write has written: so it has no cycle.
 */
static void check_floats(lua_State *L, int index)
{
    luaL_checkstack(L, 4, "a result");
    if (lua_type(L, index) == LUA_TNUMBER && !lua_isinteger(L, index))
        check_float(L, lua_tonumber(L, index));
    if (lua_type(L, index) != LUA_TTABLE) return;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) check_floats(L, lua_gettop(L));
}

static void take_result(lua_State *L, int n, void *arg)
{
    struct call *c = arg;
    struct tn_err err;
    if (n == 0 || lua_isnil(L, 1)) return;
    if (n > 1) luaL_error(L, "the function returned %d values; one is expected", n);
    struct tn_str raw = map_view_raw(L, 1);
    if (raw.p) {
        tn_jw_raw(c->out, raw);
        return;
    }
    if (bind_json_write(L, 1, c->out, &err)) {
        check_floats(L, 1);
        return;
    }
    luaL_error(L, "the function's result%s%s: %s", err.field[0] ? " at " : "", err.field, err.text);
}

/* One call of a stream. `call` is the first member, because take_result gets a pointer to it. */
struct streamed {
    struct call call;
    struct session *session;
};

/* One stream of records. Its functions may be paused, and another stream may run meanwhile; so
 * each stream has a view (bind_map_view.c) of its own. */
struct session {
    struct tn_mapping *m;
    struct tn_slice *slice;
    struct map_view_root *root; /* NULL: the first call makes it */
    int view;
    bool open; /* a call is paused: the view shows its record */
};

static struct session *session_of(struct tn_mapping *m, struct tn_fn_stream *stream)
{
    if (stream->session) return stream->session;
    struct session *s = TN_NEW(struct session);
    s->m = m;
    s->view = LUA_NOREF;
    s->slice = tn_slice_new(m->isolate, stream->wake, stream->arg);
    return stream->session = s;
}

static void end_session(void *arg, void *session)
{
    struct tn_mapping *m = arg;
    struct session *s = session;
    tn_slice_free(s->slice); /* freed first, because it may be running */
    /* Closes the view, so that a function which kept a record of this stream cannot read it. */
    if (s->open) tn_isolate_call_home(m->isolate);
    if (s->root) map_view_close(s->root);
    tn_isolate_release(m->isolate, s->view);
    tn_free(s);
}

static enum tn_fn_end run_whole(struct tn_mapping *m, int fn, struct tn_jval record,
                                struct tn_jw *out, struct tn_err *err)
{
    struct call c = {.m = m, .root = m->root, .view = m->view, .record = record, .out = out};
    bool ok = tn_isolate_call_within(m->isolate, TN_LIMIT_MAP_CALL_MS, m->functions[fn],
                                     push_record, take_result, &c, err);
    map_view_close(m->root);
    return ok ? TN_FN_done : TN_FN_failed;
}

static int push_first_record(lua_State *L, void *arg)
{
    struct streamed *c = arg;
    if (!c->session->root) {
        c->session->root = map_view_new(L);
        c->session->view = tn_isolate_keep(L);
    }
    c->call.root = c->session->root;
    c->call.view = c->session->view;
    return push_record(L, &c->call);
}

static enum tn_fn_end run_sliced(struct session *s, int fn, struct tn_jval record,
                                 struct tn_jw *out, struct tn_err *err)
{
    struct streamed c = {.call = {.m = s->m, .record = record, .out = out}, .session = s};
    enum tn_ran ran = tn_slice_call(s->slice, TN_LIMIT_MAP_CALL_MS, s->m->functions[fn],
                                    push_first_record, take_result, &c, err);
    s->open = ran == TN_RAN_paused;
    if (s->open) return TN_FN_paused;
    if (s->root) map_view_close(s->root);
    return ran == TN_RAN_done ? TN_FN_done : TN_FN_failed;
}

static enum tn_fn_end run_function(void *arg, struct tn_fn_stream *stream, int fn,
                                   struct tn_jval record, struct tn_jw *out, struct tn_err *err)
{
    struct tn_mapping *m = arg;
    enum tn_fn_end end = stream ? run_sliced(session_of(m, stream), fn, record, out, err)
                                : run_whole(m, fn, record, out, err);
    if (end == TN_FN_failed && err->kind == TN_E_budget)
        m->overruns++;
    else if (end != TN_FN_paused)
        m->overruns = 0;
    return end;
}

/* ---- reading the declaration ---- */

struct reading {
    int ref;
    struct tn_mapping *m;
    struct map_spec spec;
};

static void read_declaration(lua_State *L, void *arg)
{
    struct reading *r = arg;
    tn_isolate_push(L, r->ref);
    map_spec_read(L, &r->spec);
    r->m->root = map_view_new(L);
    r->m->view = tn_isolate_keep(L);
}

static void take_info(struct tn_mapping *m, const struct map_spec *s)
{
    m->functions = s->functions;
    m->function_count = s->function_count;
    m->info =
        (struct tn_map_info){.file = s->spec.file ? tn_arena_strdup(&m->arena, s->spec.file) : "",
                             .reads = s->reads ? tn_arena_strdup(&m->arena, s->reads) : "",
                             .writes = s->writes ? tn_arena_strdup(&m->arena, s->writes) : "",
                             .key = s->spec.key.p ? tn_arena_strdup(&m->arena, s->spec.key.p) : "",
                             .examples = s->example_count};
}

/* ---- examples ---- */

struct example_run {
    struct tn_mapping *m;
    struct tn_apply *apply;
    struct tn_json *give, *expect, *got;
    struct tn_buf out, a, b;
    struct tn_outcome outcome;
    size_t number; /* from 1 */
    int line;
};

/* The line of the n-th "give =" of the file; `otherwise` if it is not found. */
static int example_line(struct tn_isolate *iso, const char *file, size_t n, int otherwise)
{
    struct tn_str text, line;
    int number = 0;
    if (!tn_isolate_text(iso, file, &text)) return otherwise;
    while (tn_str_split(&text, '\n', &line)) {
        number++;
        const char *give = memmem(line.p, line.n, "give", 4);
        if (!give) continue;
        struct tn_str rest = {give + 4, line.n - (size_t)(give + 4 - line.p)};
        rest = tn_str_trim(rest);
        if (rest.n && rest.p[0] == '=' && --n == 0) return number;
    }
    return otherwise;
}

static bool example_fails(struct example_run *r, struct tn_str field, struct tn_err *err,
                          const char *fmt, ...) TN_PRINTF(4, 5);
static bool example_fails(struct example_run *r, struct tn_str field, struct tn_err *err,
                          const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tn_failv(err, TN_E_mapping, fmt, ap);
    va_end(ap);
    if (field.n)
        tn_fail_in(err, "example %zu: %.*s", r->number, TN_FMT(field));
    else
        tn_fail_in(err, "example %zu", r->number);
    tn_fail_at(err, r->m->info.file, r->line);
    if (field.n) tn_fail_field(err, "%.*s", TN_FMT(field));
    return false;
}

/* Writes the value for a message; a long value is cut. */
static struct tn_str shown(struct tn_jval v)
{
    struct tn_str s = tn_jraw(v);
    if (!s.p) return TN_STR("nothing");
    return s.n > 150 ? (struct tn_str){s.p, 150} : s;
}

static bool same_value(struct example_run *r, struct tn_jval a, struct tn_jval b)
{
    tn_buf_reset(&r->a);
    tn_buf_reset(&r->b);
    tn_json_canonical(a, &r->a);
    tn_json_canonical(b, &r->b);
    return tn_str_eq(tn_buf_str(&r->a), tn_buf_str(&r->b));
}

static bool compare(struct example_run *r, struct tn_err *err)
{
    struct tn_jval expect = tn_json_root(r->expect), got = tn_json_root(r->got);
    for (struct tn_jiter it = tn_jiter(expect); tn_jnext(&it);) {
        struct tn_jval v = tn_jget(got, it.key);
        if (same_value(r, it.value, v)) continue;
        return example_fails(r, it.key, err, "expected %.*s, got %.*s", TN_FMT(shown(it.value)),
                             TN_FMT(shown(v)));
    }
    for (struct tn_jiter it = tn_jiter(got); tn_jnext(&it);) {
        if (tn_jtype(tn_jget(expect, it.key)) != TN_JSON_absent) continue;
        return example_fails(r, it.key, err, "expected nothing, got %.*s", TN_FMT(shown(it.value)));
    }
    return true;
}

static bool parse_example(struct example_run *r, struct tn_json *json, struct tn_str text,
                          const char *what, struct tn_err *err)
{
    struct tn_err why;
    if (!tn_json_parse(json, text, &why))
        return example_fails(r, TN_STR(""), err, "%s: %s", what, why.text);
    if (tn_jis(tn_json_root(json), TN_JSON_object)) return true;
    /* in Lua an empty table is a list as well as an object */
    return example_fails(r, TN_STR(""), err, "%s is not a record", what);
}

static bool run_example(struct example_run *r, const struct map_example *e, struct tn_err *err)
{
    const struct tn_outcome_fault *f = &r->outcome.faults[0];
    tn_buf_reset(&r->out);
    if (!parse_example(r, r->give, e->give, "give", err)) return false;
    bool ok = tn_apply_record(r->apply, tn_json_root(r->give), &r->out, &r->outcome);
    if (!e->expect.p && !ok) return true;
    if (!e->expect.p)
        return example_fails(r, TN_STR(""), err, "expected the record to be rejected, got %.*s",
                             (int)(r->out.n > 150 ? 150 : r->out.n), r->out.p);
    while (!ok && !f->rejects && f < r->outcome.faults + r->outcome.listed - 1) f++;
    if (!ok) {
        example_fails(r, tn_str(f->field), err, "the record is rejected: %s%s%s%s%s", f->text,
                      f->value[0] ? " (" : "", f->source, f->value[0] ? " = " : "", f->value);
        if (f->value[0]) strncat(err->text, ")", sizeof err->text - strlen(err->text) - 1);
        return tn_fail_at(err, r->m->info.file, f->line);
    }
    if (!parse_example(r, r->expect, e->expect, "expect", err)) return false;
    if (!tn_json_parse(r->got, tn_buf_str(&r->out), err)) return false;
    return compare(r, err);
}

/* Bounds the time of all examples, since they run at each load, while others wait. */
static bool in_time(struct example_run *r, int64_t began_us, struct tn_err *err)
{
    if (tn_cpu_us() - began_us <= TN_LIMIT_EXAMPLES_MS * 1000) return true;
    tn_fail(err, TN_E_budget,
            "the examples up to number %zu took more than %d ms of CPU time: give fewer, or make "
            "the functions quicker",
            r->number, TN_LIMIT_EXAMPLES_MS);
    return tn_fail_at(err, r->m->info.file, r->line);
}

/* Tells the watch the result of an example. False: the next example must not run. */
static bool told(const struct tn_example_watch *watch, const struct example_run *r, bool ok,
                 const struct tn_err *err)
{
    if (!watch) return ok;
    watch->each(watch->arg, r->m->info.file, r->number, ok ? NULL : err);
    return ok || err->kind != TN_E_budget;
}

static bool run_examples(struct tn_mapping *m, const struct map_spec *s,
                         const struct tn_example_watch *watch, struct tn_err *err)
{
    struct example_run r = {.m = m,
                            .apply = tn_apply_new(m->plan),
                            .give = tn_json_new(),
                            .expect = tn_json_new(),
                            .got = tn_json_new()};
    bool ok = true;
    int64_t began = tn_cpu_us();
    tn_buf_init(&r.out, TN_LIMIT_RECORD);
    tn_buf_init(&r.a, TN_LIMIT_RECORD);
    tn_buf_init(&r.b, TN_LIMIT_RECORD);
    for (size_t i = 0; i < s->example_count && ok; i++) {
        r.number = i + 1;
        r.line = example_line(m->isolate, m->info.file, i + 1, s->spec.line);
        ok = run_example(&r, &s->examples[i], err) && in_time(&r, began, err);
        ok = told(watch, &r, ok, err);
    }
    tn_buf_clear(&r.out);
    tn_buf_clear(&r.a);
    tn_buf_clear(&r.b);
    tn_json_free(r.give);
    tn_json_free(r.expect);
    tn_json_free(r.got);
    tn_apply_free(r.apply);
    return ok || watch;
}

/* ---- life ---- */

static void clear_spec(struct map_spec *s)
{
    tn_buf_clear(&s->scratch);
    tn_arena_clear(&s->arena);
}

static void say_one_way(struct tn_mapping *m)
{
    const struct tn_way_back *first = NULL;
    char names[300] = "";
    for (size_t i = 0; i < m->reversed.way_count; i++) {
        const struct tn_way_back *w = &m->reversed.ways[i];
        size_t n = strlen(names);
        if (w->way != TN_WAY_one) continue;
        if (!first) first = w;
        snprintf(names + n, sizeof names - n, "%s%.*s (%s)", n ? ", " : "", TN_FMT(w->target),
                 w->why);
    }
    tn_fail(&m->back_err, TN_E_invalid,
            "it cannot send back %s: add out = { their field = value of ours, or false }", names);
    tn_fail_at(&m->back_err, m->info.file, first ? first->line : 0);
    if (first) tn_fail_field(&m->back_err, "%.*s", TN_FMT(first->target));
}

/* Makes the plan for the way back. A fault in `out` is a fault of the file. That a field cannot
 * be sent back is only noted in back_err, because most mappings are used in one direction. */
static bool make_back(struct tn_mapping *m, const struct map_spec *s, struct tn_err *err)
{
    tn_spec_reverse(&s->spec, s->out, s->out_count, &m->reversed);
    if (m->reversed.spec.field_count)
        m->back = tn_plan_new(&m->reversed.spec, &m->back_err);
    else
        tn_fail(&m->back_err, TN_E_invalid, "no field of it can be sent back");
    if (!m->back && s->out_count) {
        *err = m->back_err;
        return false;
    }
    if (m->reversed.one_way) say_one_way(m);
    return true;
}

/* Fills in the whole mapping except its plan. False: err says why; the caller may then only free
 * m. */
static bool begin(struct tn_isolate *isolate, struct reading *r, struct tn_err *err)
{
    struct tn_mapping *m = r->m = TN_NEW(struct tn_mapping);
    tn_arena_init(&m->arena);
    tn_arena_init(&r->spec.arena);
    tn_buf_init(&r->spec.scratch, TN_MIB);
    m->isolate = isolate;
    m->view = LUA_NOREF;
    tn_isolate_ref(isolate);
    bool ok = tn_isolate_protect(isolate, read_declaration, r, err);
    take_info(m, &r->spec);
    return ok;
}

struct tn_mapping *tn_mapping_load(struct tn_isolate *isolate, int ref, const char *const *targets,
                                   const struct tn_example_watch *watch, struct tn_err *err)
{
    struct reading r = {.ref = ref};
    bool ok = begin(isolate, &r, err);
    struct tn_mapping *m = r.m;
    if (ok) {
        r.spec.spec.targets = targets;
        r.spec.spec.fn = run_function;
        r.spec.spec.fn_end = end_session;
        r.spec.spec.fn_arg = m;
        m->plan = tn_plan_new(&r.spec.spec, err);
        ok = m->plan && make_back(m, &r.spec, err) && run_examples(m, &r.spec, watch, err);
    }
    m->spec = r.spec.arena;
    tn_arena_init(&r.spec.arena);
    clear_spec(&r.spec);
    m->overruns = 0;
    if (ok) return m;
    tn_mapping_free(m);
    return NULL;
}

bool tn_mapping_writes(struct tn_isolate *isolate, int ref, char *name, size_t n,
                       struct tn_err *err)
{
    struct reading r = {.ref = ref};
    bool ok = begin(isolate, &r, err);
    const char *writes = r.m->info.writes;
    if (ok && strlen(writes) >= n)
        ok = tn_fail(err, TN_E_invalid, "writes = \"%.60s...\" is too long a name", writes);
    if (ok) snprintf(name, n, "%s", writes);
    clear_spec(&r.spec);
    tn_mapping_free(r.m);
    return ok;
}

void tn_mapping_free(struct tn_mapping *m)
{
    if (!m) return;
    for (size_t i = 0; i < m->function_count; i++) tn_isolate_release(m->isolate, m->functions[i]);
    tn_isolate_release(m->isolate, m->view);
    tn_isolate_unref(m->isolate);
    tn_plan_free(m->plan);
    tn_plan_free(m->back);
    tn_reversed_clear(&m->reversed);
    tn_arena_clear(&m->spec);
    tn_free(m->functions);
    tn_arena_clear(&m->arena);
    tn_free(m);
}

const struct tn_plan *tn_mapping_plan(const struct tn_mapping *m)
{
    return m->plan;
}

const struct tn_map_info *tn_mapping_info(const struct tn_mapping *m)
{
    return &m->info;
}

unsigned tn_mapping_overruns(const struct tn_mapping *m)
{
    return m->overruns;
}

const struct tn_plan *tn_mapping_back(const struct tn_mapping *m, struct tn_err *err)
{
    if (m->back && !m->reversed.one_way) return m->back;
    *err = m->back_err;
    return NULL;
}

const struct tn_way_back *tn_mapping_ways(const struct tn_mapping *m, size_t *n)
{
    *n = m->reversed.way_count;
    return m->reversed.ways;
}
