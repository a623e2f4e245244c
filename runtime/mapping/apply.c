/* SPDX-License-Identifier: MIT */
/* apply.c - runs one record through a plan: finds what the plan reads, applies the operators,
 * writes the output. */
#include "mapping/apply.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/json_tape.h"
#include "base/limits.h"
#include "base/time.h"
#include "mapping/applier.h"
#include "mapping/coerce.h"
#include "mapping/quick.h"

/* The members of the last object of this kind, in order. Records of one stream rarely differ in
 * them, so usually one comparison finds a key. */
enum { LAYOUT_MAX = 256, LAYOUT_KEY = 58, LAYOUT_AHEAD = 6 };

struct tn_layout_entry {
    uint16_t n;
    uint16_t kid;         /* index in `named` of the place that reads it; NO_KID: none does */
    char key[LAYOUT_KEY]; /* the bytes between the quotes */
};
struct tn_layout {
    struct tn_layout_entry *entries;
    uint32_t count, room;
};

enum { NO_KID = 0xFFFF };

/* ---- life ---- */

struct tn_apply *tn_apply_new(const struct tn_plan *plan)
{
    struct tn_apply *a = TN_NEW(struct tn_apply);
    a->plan = plan;
    tn_arena_init(&a->arena);
    a->slots = tn_alloc((plan->slots + 1) * sizeof *a->slots);
    a->layouts = tn_alloc((plan->places + 1) * sizeof *a->layouts);
    a->pieces = tn_alloc((plan->group->count + 1) * sizeof *a->pieces);
    a->reader = tn_json_new();
    tn_buf_init(&a->side, TN_LIMIT_RECORD);
    tn_buf_init(&a->from_fn, TN_LIMIT_RECORD);
    tn_buf_init(&a->id, TN_LIMIT_RECORD);
    tn_buf_init(&a->canonical, 4 * (size_t)TN_LIMIT_RECORD);
    tn_buf_init(&a->answer_text, 2 * TN_LIMIT_RECORD);
    tn_arena_init(&a->answer_memory);
    a->md = EVP_MD_fetch(NULL, "SHA256", NULL);
    a->digest = EVP_MD_CTX_new();
    assert(a->md && a->digest);
    return a;
}

void tn_apply_free(struct tn_apply *a)
{
    if (!a) return;
    tn_apply_forget(a);
    tn_free(a->answers);
    tn_buf_clear(&a->answer_text);
    tn_arena_clear(&a->answer_memory);
    EVP_MD_CTX_free(a->digest);
    EVP_MD_free(a->md);
    for (uint32_t i = 0; i < a->plan->places; i++) tn_free(a->layouts[i].entries);
    tn_buf_clear(&a->side);
    tn_buf_clear(&a->from_fn);
    tn_buf_clear(&a->id);
    tn_buf_clear(&a->canonical);
    tn_json_free(a->reader);
    tn_arena_clear(&a->arena);
    tn_free(a->pieces);
    tn_free(a->layouts);
    tn_free(a->slots);
    tn_free(a);
}

/* ---- faults ---- */

void tn_frame_text(const struct tn_frame_path *p, char *out, size_t n)
{
    if (!p) {
        out[0] = '\0';
        return;
    }
    tn_frame_text(p->outer, out, n);
    size_t used = strlen(out);
    if (p->member)
        snprintf(out + used, n - used, "%s%.*s", used ? "." : "", TN_FMT(p->member->target));
    else
        snprintf(out + used, n - used, "[%zu]", p->index);
}

static bool is_secret(const struct tn_frame_path *p)
{
    for (; p; p = p->outer)
        if (p->member && p->member->secret) return true;
    return false;
}

/* Copies s and more, cut at the end of a character. */
static void copy_cut(char *out, size_t room, struct tn_str s, const char *more)
{
    size_t n = s.n < room - 1 ? s.n : room - 1 - strlen(more);
    while (n && n < s.n && ((unsigned char)s.p[n] & 0xC0) == 0x80) n--;
    if (n) memcpy(out, s.p, n);
    out[n] = '\0';
    if (n < s.n) memcpy(out + n, more, strlen(more) + 1);
}

static void value_text(struct tn_apply *a, const struct tn_value *v, char *out, size_t room)
{
    if (v->type == TN_JSON_absent) {
        out[0] = '\0';
        return;
    }
    struct tn_str s = v->s;
    if (v->type == TN_JSON_string && !v->raw) {
        tn_buf_reset(&a->side);
        tn_json_quote(&a->side, s.n > room ? (struct tn_str){s.p, room} : s);
        s = tn_buf_str(&a->side);
    }
    copy_cut(out, room, s, "...");
}

void tn_apply_list(struct tn_apply *a, bool rejects)
{
    struct tn_outcome *o = a->outcome;
    const struct tn_frame_path *p = a->path;
    o->fault_count++;
    a->rejected |= rejects;
    if (o->listed == TN_OUTCOME_FAULTS) return;
    struct tn_outcome_fault *f = &o->faults[o->listed++];
    f->kind = a->why.kind;
    f->rejects = rejects;
    f->file = a->plan->file;
    f->line = a->why.line;
    tn_frame_text(p, f->field, sizeof f->field);
    copy_cut(f->source, sizeof f->source, a->why.source, "");
    bool secret = is_secret(p);
    if (secret)
        snprintf(f->value, sizeof f->value, "(secret)");
    else
        value_text(a, &a->why.value, f->value, sizeof f->value);
    /* the message of a script may contain the value */
    bool hide = secret && a->why.kind != TN_E_mapping;
    copy_cut(f->text, sizeof f->text, hide ? TN_STR("the function failed") : tn_str(a->why.text),
             "...");
}

bool tn_apply_why(struct tn_apply *a, const struct tn_value *v, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    size_t n = (size_t)vsnprintf(a->why.text, sizeof a->why.text, fmt, ap);
    va_end(ap);
    if (n >= sizeof a->why.text) { /* the text was cut, perhaps within a character */
        n = sizeof a->why.text - 1;
        while (n && ((unsigned char)a->why.text[n] & 0xC0) == 0x80) n--;
        while (n && !tn_utf8_valid(a->why.text, n)) n--;
        a->why.text[n] = '\0';
    }
    a->why.kind = TN_E_mapping;
    a->why.value = v ? *v : (struct tn_value){.type = TN_JSON_absent};
    return false;
}

void tn_apply_warn(struct tn_apply *a)
{
    tn_apply_list(a, false);
}

void tn_outcome_line(const struct tn_outcome_fault *f, struct tn_buf *out)
{
    tn_buf_addf(out, "%s:%d: ", f->file, f->line);
    if (f->field[0]) tn_buf_addf(out, "%s: ", f->field);
    if (!f->rejects) tn_buf_adds(out, "warning: ");
    tn_buf_adds(out, f->text);
    bool from = f->source[0] != '\0' && (f->value[0] || !strstr(f->text, f->source));
    if (f->value[0])
        tn_buf_addf(out, "%s%s = %s)", " (", from ? f->source : "value", f->value);
    else if (from)
        tn_buf_addf(out, " (%s)", f->source);
}

/* ---- reading the record ---- */

static uint16_t kid_of(const struct tn_place *place, const struct tn_json *json, uint32_t key)
{
    const struct tn_jnode *n = tn_jtape(json) + key;
    struct tn_str name = tn_jnode_raw(json, key);
    name =
        n->info & TN_JNODE_ESCAPED ? tn_jkey(json, key) : (struct tn_str){name.p + 1, name.n - 2};
    int32_t kid = tn_names_get(&place->names, name);
    return kid == TN_NAMES_NONE ? NO_KID : (uint16_t)kid;
}

static void learn(struct tn_layout *layout, const struct tn_place *place,
                  const struct tn_json *json, uint32_t at)
{
    const struct tn_jnode *n = tn_jtape(json);
    layout->count = 0;
    for (uint32_t k = at + 1; k < n[at].next && layout->count < LAYOUT_MAX; k = n[k + 1].next) {
        struct tn_str raw = tn_jnode_raw(json, k);
        if (raw.n - 2 > LAYOUT_KEY) continue;
        if (layout->count == layout->room) {
            layout->room = layout->room ? layout->room * 2 : 16;
            layout->entries = tn_realloc(layout->entries, layout->room * sizeof *layout->entries);
        }
        struct tn_layout_entry *e = &layout->entries[layout->count++];
        *e = (struct tn_layout_entry){.n = (uint16_t)(raw.n - 2), .kid = kid_of(place, json, k)};
        memcpy(e->key, raw.p + 1, raw.n - 2);
    }
}

/* Searches the next entries, because a record may lack some members. LAYOUT_MAX: not found. */
static uint32_t look_ahead(const struct tn_layout *layout, uint32_t i, const char *key, uint32_t n)
{
    uint32_t end = i + LAYOUT_AHEAD < layout->count ? i + LAYOUT_AHEAD : layout->count;
    for (; i < end; i++)
        if (layout->entries[i].n == n && tn_names_same(layout->entries[i].key, key, n)) return i;
    return LAYOUT_MAX;
}

static void read_members(struct tn_apply *a, const struct tn_place *place, uint32_t *slots,
                         uint32_t at)
{
    const struct tn_jnode *n = tn_jtape(a->json);
    const char *text = tn_jsource(a->json);
    struct tn_layout *layout = &a->layouts[place->id];
    uint32_t i = 0, missed = 0, count = 0;
    for (uint32_t k = at + 1, end = n[at].next; k < end; k = n[k + 1].next, count++) {
        const char *key = text + n[k].start + 1;
        uint32_t length = n[k].end - n[k].start - 2;
        uint16_t kid;
        if (i < layout->count && layout->entries[i].n == length &&
            tn_names_same(layout->entries[i].key, key, length)) {
            kid = layout->entries[i++].kid;
        } else {
            uint32_t found = look_ahead(layout, i, key, length);
            missed += found == LAYOUT_MAX;
            kid = found == LAYOUT_MAX ? kid_of(place, a->json, k) : layout->entries[found].kid;
            if (found != LAYOUT_MAX) i = found + 1;
        }
        if (kid != NO_KID) slots[place->named[kid]->slot] = k + 1;
    }
    if (missed * 4 > count) learn(layout, place, a->json, at);
}

/* Says that a name behind a list of several reads nothing. */
static void warn_of_list(struct tn_apply *a, const struct tn_place *place, size_t count)
{
    const struct tn_place *kid = place->named[0];
    struct tn_str path = kid->source;
    a->why.line = kid->line;
    a->why.source = path;
    tn_apply_why(a, NULL,
                 "a name behind a list reads nothing when the list has several elements, here %zu: "
                 "write [0], [*] or a selection such as [code=\"A1\"] behind the list",
                 count);
    tn_apply_warn(a);
}

/* Finds members where no object is: a list of one reads like its element, and the #text of a text
 * is the text. */
static void read_other(struct tn_apply *a, const struct tn_place *place, uint32_t *slots,
                       uint32_t at)
{
    struct tn_jval v = {a->json, at};
    enum tn_json_type type = tn_jtype(v);
    if (type == TN_JSON_array) {
        size_t count = tn_jcount(v);
        if (count > 1) warn_of_list(a, place, count);
        if (count != 1) return;
        v = tn_jat(v, 0);
        type = tn_jtype(v);
    }
    if (type == TN_JSON_object) read_members(a, place, slots, v.at);
    if (type == TN_JSON_string && place->text) slots[place->text->slot] = v.at;
}

static void read_place(struct tn_apply *a, const struct tn_place *place, uint32_t *slots,
                       uint32_t at);

/* An element of a list, by index or selection. */
static uint32_t read_element(struct tn_apply *a, const struct tn_place *place, struct tn_jval v)
{
    const struct tn_step step = {
        .index = place->index, .selection = place->selection, .where = place->where};
    return tn_path_in(v, &step, &a->arena).at;
}

/* Reads the places inside the members of the node at `at`; the members themselves were found
 * before. */
static void read_below(struct tn_apply *a, const struct tn_place *place, uint32_t *slots,
                       uint32_t at)
{
    struct tn_jval v = {a->json, at};
    for (const struct tn_place *kid = place->kids; kid; kid = kid->next) {
        if (!kid->name.p) slots[kid->slot] = read_element(a, kid, v);
        if (kid->kids && slots[kid->slot]) read_place(a, kid, slots, slots[kid->slot]);
    }
}

static void read_place(struct tn_apply *a, const struct tn_place *place, uint32_t *slots,
                       uint32_t at)
{
    bool object = (tn_jtape(a->json)[at].info & TN_JNODE_TYPE) == TN_JSON_object;
    if (object && place->named_count)
        read_members(a, place, slots, at);
    else if (place->named_count)
        read_other(a, place, slots, at);
    if (place->deep) read_below(a, place, slots, at);
}

uint32_t *tn_apply_scope(struct tn_apply *a, const struct tn_scope *scope, uint32_t at)
{
    uint32_t *slots = a->slots + scope->first;
    memset(slots, 0, scope->slots * sizeof *slots);
    slots[0] = at;
    read_place(a, &scope->root, slots, at);
    return slots;
}

/* Fills the slots of the record itself. If the reader parsed the record with this plan's pick, it
 * has found the members already. */
static uint32_t *record_slots(struct tn_apply *a, uint32_t at)
{
    const struct tn_json_head *head = tn_json_head(a->json);
    const struct tn_scope *scope = a->plan->scope;
    const struct tn_place *root = &scope->root;
    if (!head->pick || at != 1) return tn_apply_scope(a, scope, at);
    assert(head->pick == &a->plan->pick);
    uint32_t *slots = a->slots + scope->first;
    memset(slots, 0, scope->slots * sizeof *slots);
    slots[0] = at;
    for (size_t i = 0; i < root->named_count; i++) slots[root->named[i]->slot] = head->picked[i];
    if (root->deep) read_below(a, root, slots, at);
    return slots;
}

struct tn_value tn_apply_value(const struct tn_json *json, uint32_t at)
{
    const struct tn_jnode *n = tn_jtape(json) + at;
    struct tn_value v = {.type = n->info & TN_JNODE_TYPE, .at = {json, at}};
    if (v.type == TN_JSON_absent) return v;
    v.s = (struct tn_str){tn_jsource(json) + n->start, n->end - n->start};
    switch (v.type) {
    case TN_JSON_string:
        v.raw = true;
        v.clean = !(n->info & TN_JNODE_ESCAPED);
        break;
    case TN_JSON_number: v.canonical = tn_number_canonical(v.s, n->info); break;
    case TN_JSON_bool:
    case TN_JSON_null: v.canonical = true; break;
    default: break;
    }
    return v;
}

/* ---- values ---- */

static bool is_none(const struct tn_value *v)
{
    return v->type == TN_JSON_absent || v->type == TN_JSON_null;
}

static void collect(struct tn_apply *a, struct tn_jval v, const struct tn_step *steps, size_t n)
{
    for (; n && !steps->any; steps++, n--) v = tn_path_in(v, steps, &a->arena);
    if (!n) {
        v = tn_path_text(v);
        if (tn_jis(v, TN_JSON_absent)) return;
        if (a->side.n > 1) tn_buf_addc(&a->side, ',');
        tn_buf_addstr(&a->side, tn_jraw(v));
    } else if (tn_jis(v, TN_JSON_array)) {
        for (struct tn_jiter it = tn_jiter(v); tn_jnext(&it);)
            collect(a, it.value, steps + 1, n - 1);
    } else if (!tn_jis(v, TN_JSON_absent) && !tn_jis(v, TN_JSON_null)) {
        collect(a, v, steps + 1, n - 1);
    }
}

/* The value of a path with [*]: a list of all values that it leads to. A value that is no list
 * counts as a list of one. */
static struct tn_value collected(struct tn_apply *a, const struct tn_expr *e, uint32_t at)
{
    struct tn_value v = tn_apply_value(a->json, at);
    if (is_none(&v)) return v;
    tn_buf_reset(&a->side);
    tn_buf_addc(&a->side, '[');
    collect(a, v.at, e->steps, e->step_count);
    tn_buf_addc(&a->side, ']');
    struct tn_str s = tn_buf_str(&a->side);
    return (struct tn_value){.type = TN_JSON_array,
                             .s = {tn_arena_strndup(&a->arena, s.p, s.n), s.n}};
}

static bool eval(struct tn_apply *a, const struct tn_expr *e, const uint32_t *slots,
                 struct tn_value *v);

bool tn_apply_eval(struct tn_apply *a, const struct tn_expr *e, const uint32_t *slots,
                   struct tn_value *v)
{
    return eval(a, e, slots, v);
}

struct tn_str tn_apply_keep(struct tn_apply *a, struct tn_str s)
{
    return (struct tn_str){tn_arena_strndup(&a->arena, s.p, s.n), s.n};
}

/* Gives the id of the parent in a tree or, if there is a path, the value at that path in the
 * parent. */
static void eval_parent(struct tn_apply *a, const struct tn_expr *e, struct tn_value *v)
{
    const uint32_t *slots = a->slots + e->scope->first;
    if (!e->source.n)
        *v = (struct tn_value){.type = TN_JSON_string, .s = a->branch->id};
    else
        *v = e->step_count ? collected(a, e, slots[e->slot])
                           : tn_apply_value(a->json, slots[e->slot]);
    if (v->type == TN_JSON_object) *v = tn_apply_value(a->json, tn_path_text(v->at).at);
}

static void eval_level(struct tn_apply *a, struct tn_value *v)
{
    char text[16];
    int n = snprintf(text, sizeof text, "%u", a->branch->level);
    *v = (struct tn_value){.type = TN_JSON_number, .canonical = true};
    v->s = tn_apply_keep(a, (struct tn_str){text, (size_t)n});
}

static bool eval_template(struct tn_apply *a, const struct tn_expr *e, const uint32_t *slots,
                          struct tn_value *v)
{
    struct tn_value parts[16];
    size_t n = 0;
    bool clean = true;
    for (size_t i = 0; i < e->part_count; i++) {
        struct tn_value *part = &parts[i];
        n += e->parts[i].literal.n;
        if (!e->parts[i].value) continue;
        if (!eval(a, e->parts[i].value, slots, part)) return false;
        if (is_none(part)) {
            *v = (struct tn_value){.type = TN_JSON_absent};
            return true;
        }
        if (!tn_op_text(a, part)) {
            a->why.source = e->parts[i].value->source;
            return false;
        }
        clean &= part->clean;
        n += part->s.n;
    }
    char *w = tn_arena_alloc(&a->arena, n + 1);
    *v = (struct tn_value){.type = TN_JSON_string, .clean = clean && e->value.clean, .s = {w, n}};
    for (size_t i = 0; i < e->part_count; i++) {
        w = mempcpy(w, e->parts[i].literal.p, e->parts[i].literal.n);
        if (e->parts[i].value) w = mempcpy(w, parts[i].s.p, parts[i].s.n);
    }
    return true;
}

static bool eval_first(struct tn_apply *a, const struct tn_expr *e, const uint32_t *slots,
                       struct tn_value *v)
{
    *v = (struct tn_value){.type = TN_JSON_absent};
    for (size_t i = 0; i < e->item_count && is_none(v); i++)
        if (!eval(a, e->items[i], slots, v)) return false;
    return true;
}

static bool equals(const struct tn_value *v, const struct tn_value *arg)
{
    if (v->type == TN_JSON_number && arg->type == TN_JSON_number)
        return tn_coerce_compare(v->s, arg->s) == 0;
    return tn_str_eq(v->s, arg->s);
}

bool tn_apply_test(struct tn_apply *a, const struct tn_expr *e, const uint32_t *slots, bool *yes)
{
    struct tn_value v;
    char space[TN_COERCE_MAX];
    struct tn_str lexeme;
    if (!eval(a, e->items[0], slots, &v)) return false;
    *yes = e->test == TN_TEST_present ? !is_none(&v) : e->test == TN_TEST_is_not;
    if (e->test == TN_TEST_present || is_none(&v)) return true;
    if (v.type == TN_JSON_string && !tn_op_text(a, &v)) return false;
    if (e->test == TN_TEST_above || e->test == TN_TEST_below) {
        if (v.type == TN_JSON_string && tn_coerce_number(v.s, space, &lexeme))
            v = (struct tn_value){.type = TN_JSON_number, .s = lexeme};
        if (v.type != TN_JSON_number)
            return tn_apply_why(a, &v, "expected a number to compare, got %s",
                                tn_json_type_name(v.type));
        int order = tn_coerce_compare(v.s, e->args[0].s);
        *yes = e->test == TN_TEST_above ? order > 0 : order < 0;
        return true;
    }
    for (size_t i = 0; i < e->arg_count; i++)
        if (equals(&v, &e->args[i])) {
            *yes = e->test == TN_TEST_is;
            break;
        }
    return true;
}

static void keep_answer(struct tn_apply *a, enum tn_fn_end end, const struct tn_err *err)
{
    if (a->answer_count == a->answer_room) {
        a->answer_room = a->answer_room * 2 + 8;
        a->answers = tn_realloc(a->answers, a->answer_room * sizeof *a->answers);
    }
    struct tn_answer_of *k = &a->answers[a->answer_count++];
    *k = (struct tn_answer_of){.end = end, .at = a->answer_text.n, .n = a->from_fn.n};
    tn_buf_add(&a->answer_text, a->from_fn.p ? a->from_fn.p : "", a->from_fn.n);
    if (end == TN_FN_failed) {
        struct tn_err *copy = tn_arena_alloc(&a->answer_memory, sizeof *copy);
        *copy = *err;
        k->err = copy;
    }
    a->answer_at = a->answer_count;
}

/* Takes an answer that a function gave before the record was paused. */
static enum tn_fn_end answer_again(struct tn_apply *a, struct tn_err *err)
{
    const struct tn_answer_of *k = &a->answers[a->answer_at++];
    tn_buf_add(&a->from_fn, a->answer_text.p ? a->answer_text.p + k->at : "", k->n);
    if (k->err) *err = *k->err;
    return k->end;
}

/* True: the functions of this record, each of them quick, have together used up the turn. */
static bool turn_is_over(const struct tn_apply *a)
{
    return a->called && tn_mono_us() - a->began_us >= TN_LIMIT_SLICE_MS * 1000;
}

static enum tn_fn_end call_fn(struct tn_apply *a, const struct tn_expr *e, const uint32_t *slots,
                              struct tn_err *err)
{
    struct tn_jval record = {a->json, slots[0]};
    struct tn_jw w;
    tn_jw_init(&w, &a->from_fn);
    if (!a->may_pause) return a->plan->fn(a->plan->fn_arg, NULL, e->fn, record, &w, err);
    if (a->answer_at < a->answer_count) return answer_again(a, err);
    if (turn_is_over(a)) return TN_FN_paused;
    a->called++;
    a->asleep = true;
    enum tn_fn_end end = a->plan->fn(a->plan->fn_arg, &a->stream, e->fn, record, &w, err);
    a->waits = end == TN_FN_paused;
    if (!a->waits) {
        a->asleep = false;
        keep_answer(a, end, err);
    }
    return end;
}

static bool eval_fn(struct tn_apply *a, const struct tn_expr *e, const uint32_t *slots,
                    struct tn_value *v)
{
    struct tn_err err = {0};
    *v = (struct tn_value){.type = TN_JSON_absent};
    tn_buf_reset(&a->from_fn);
    enum tn_fn_end end = call_fn(a, e, slots, &err);
    if (end == TN_FN_paused) {
        a->stopped = a->paused = true;
        return false;
    }
    if (end == TN_FN_done && (a->from_fn.failed || a->answer_text.failed))
        return tn_apply_why(a, NULL, "the function's result is too large");
    if (end == TN_FN_failed) {
        tn_apply_why(a, NULL, "%s", err.text[0] ? err.text : "the function failed");
        a->why.kind = err.kind;
        if (err.line) a->why.line = err.line;
        a->stopped = err.kind == TN_E_budget;
        return false;
    }
    struct tn_str s = tn_buf_str(&a->from_fn);
    if (!s.n) return true;
    v->s = (struct tn_str){tn_arena_strndup(&a->arena, s.p, s.n), s.n};
    switch (s.p[0]) {
    case '"':
        v->type = TN_JSON_string;
        v->raw = true;
        v->clean = !memchr(s.p, '\\', s.n);
        break;
    case '{': v->type = TN_JSON_object; break;
    case '[': v->type = TN_JSON_array; break;
    case 'n': v->type = TN_JSON_null; break;
    case 't':
    case 'f': v->type = TN_JSON_bool; break;
    default: v->type = TN_JSON_number; break;
    }
    v->canonical = v->type == TN_JSON_null || v->type == TN_JSON_bool;
    return true;
}

/* Gives the value before its operators. */
bool tn_apply_from(struct tn_apply *a, const struct tn_expr *e, const uint32_t *slots,
                   struct tn_value *v)
{
    bool yes;
    switch (e->from) {
    case TN_FROM_path:
        *v = e->step_count ? collected(a, e, slots[e->slot])
                           : tn_apply_value(a->json, slots[e->slot]);
        if (v->type == TN_JSON_object) *v = tn_apply_value(a->json, tn_path_text(v->at).at);
        return true;
    case TN_FROM_const: *v = e->value; return true;
    case TN_FROM_template: return eval_template(a, e, slots, v);
    case TN_FROM_first: return eval_first(a, e, slots, v);
    case TN_FROM_when:
        *v = (struct tn_value){.type = TN_JSON_absent};
        if (!tn_apply_test(a, e, slots, &yes)) return false;
        if (!yes && !e->items[2]) return true;
        return eval(a, e->items[yes ? 1 : 2], slots, v);
    case TN_FROM_fn: return eval_fn(a, e, slots, v);
    case TN_FROM_parent: eval_parent(a, e, v); return true;
    case TN_FROM_level: eval_level(a, v); return true;
    case TN_FROM_object:
    case TN_FROM_tree:
    case TN_FROM_each: break;
    }
    tn_apply_why(a, NULL, "an object or a list cannot stand here");
    return false;
}

static bool eval(struct tn_apply *a, const struct tn_expr *e, const uint32_t *slots,
                 struct tn_value *v)
{
    a->why.line = e->line;
    a->why.source = e->source;
    if (!tn_apply_from(a, e, slots, v)) return false;
    if (e->op_count) {
        a->why.line = e->line;
        if (e->source.p) a->why.source = e->source;
    }
    size_t i = 0;
    if (is_none(v) && e->none_op < e->op_count) {
        *v = tn_op_none(&e->ops[e->none_op]);
        i = e->none_op + 1;
    }
    for (; i < e->op_count && !is_none(v); i++) {
        if (e->ops[i].line) a->why.line = e->ops[i].line;
        if (!tn_op_run(a, &e->ops[i], v)) return false;
    }
    if (is_none(v) && e->has_fallback) *v = e->fallback;
    return true;
}

/* ---- writing ---- */

static inline void put(struct tn_buf *out, const char *p, size_t n)
{
    if (out->room - out->n < n || out->failed || !out->p) {
        tn_buf_add(out, p, n);
        return;
    }
    memcpy(out->p + out->n, p, n);
    out->n += n;
}

static inline void put_char(struct tn_buf *out, char c)
{
    if (out->room == out->n || out->failed || !out->p)
        tn_buf_addc(out, c);
    else
        out->p[out->n++] = c;
}

static void put_value(struct tn_buf *out, const struct tn_value *v)
{
    if (v->type != TN_JSON_string || v->raw) {
        put(out, v->s.p, v->s.n);
    } else if (v->clean) {
        put_char(out, '"');
        put(out, v->s.p, v->s.n);
        put_char(out, '"');
    } else {
        tn_json_quote(out, v->s);
    }
}

/* How deeply lists and objects are nested in s, itself included. */
static unsigned nesting(struct tn_str s)
{
    unsigned depth = 0, most = 0;
    bool text = false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (text && c == '\\')
            i++;
        else if (c == '"')
            text = !text;
        else if (!text && (c == '[' || c == '{') && ++depth > most)
            most = depth;
        else if (!text && (c == ']' || c == '}'))
            depth--;
    }
    return most;
}

/* Can our JSON reader read the output with this value in it? */
static bool fits(struct tn_apply *a, const struct tn_value *v)
{
    unsigned outside = 0;
    if (v->type != TN_JSON_array && v->type != TN_JSON_object) return true;
    for (const struct tn_frame_path *p = a->path; p; p = p->outer) outside++;
    if (outside + nesting(v->s) <= TN_LIMIT_JSON_DEPTH) return true;
    return tn_apply_why(a, NULL, "nested more than %d deep with what is around it",
                        TN_LIMIT_JSON_DEPTH);
}

static void write_members(struct tn_apply *a, const struct tn_group *g, const uint32_t *slots,
                          struct tn_buf *out, struct tn_piece *pieces);
static enum tn_written write_expr(struct tn_apply *a, const struct tn_expr *e,
                                  const uint32_t *slots, struct tn_buf *out, struct tn_value *v);

static bool write_element(struct tn_apply *a, const struct tn_expr *e, uint32_t at, size_t index,
                          struct tn_buf *out)
{
    struct tn_frame_path here = {.outer = a->path, .index = index};
    struct tn_value v = tn_apply_value(a->json, at);
    a->path = &here;
    if (v.type == TN_JSON_object || (v.type == TN_JSON_string && e->scope->root.text)) {
        if (index) put_char(out, ',');
        write_members(a, e->group, tn_apply_scope(a, e->scope, at), out, NULL);
    } else {
        a->why.line = e->line;
        a->why.source = e->source;
        tn_apply_why(a, &v, "expected an object in the list, got %s", tn_json_type_name(v.type));
        tn_apply_list(a, true);
    }
    a->path = here.outer;
    return !a->stopped;
}

static enum tn_written write_each(struct tn_apply *a, const struct tn_expr *e,
                                  const uint32_t *slots, struct tn_buf *out)
{
    struct tn_value v = tn_apply_value(a->json, slots[e->slot]);
    if (v.type == TN_JSON_absent) return NOTHING;
    if (v.type == TN_JSON_null) return NIL;
    put_char(out, '[');
    if (v.type == TN_JSON_object || (v.type == TN_JSON_string && e->scope->root.text)) {
        write_element(a, e, v.at.at, 0, out);
    } else if (v.type == TN_JSON_array) {
        for (struct tn_jiter it = tn_jiter(v.at); tn_jnext(&it);)
            if (!write_element(a, e, it.value.at, it.index, out)) break;
    } else {
        tn_apply_why(a, &v, "expected a list, got %s", tn_json_type_name(v.type));
        a->why.line = e->line;
        a->why.source = e->source;
        return FAULTY;
    }
    put_char(out, ']');
    return WRITTEN;
}

static enum tn_written write_choice(struct tn_apply *a, const struct tn_expr *e,
                                    const uint32_t *slots, struct tn_buf *out, struct tn_value *v)
{
    enum tn_written done = NOTHING;
    bool yes;
    if (e->from == TN_FROM_when) {
        a->why.line = e->line;
        a->why.source = e->source;
        if (!tn_apply_test(a, e, slots, &yes)) return FAULTY;
        const struct tn_expr *chosen = e->items[yes ? 1 : 2];
        return chosen ? write_expr(a, chosen, slots, out, v) : NOTHING;
    }
    for (size_t i = 0; i < e->item_count && done <= NIL; i++) {
        size_t before = out->n;
        done = write_expr(a, e->items[i], slots, out, v);
        if (done <= NIL) out->n = before;
    }
    return done;
}

/* Writes the value of e. v becomes the value written; it is absent for a list or an object that was
 * built here. */
static enum tn_written write_expr(struct tn_apply *a, const struct tn_expr *e,
                                  const uint32_t *slots, struct tn_buf *out, struct tn_value *v)
{
    enum tn_written done;
    if (e->whole) {
        *v = (struct tn_value){.type = TN_JSON_absent};
        if (e->from == TN_FROM_object) {
            write_members(a, e->group, slots, out, NULL);
            done = WRITTEN;
        } else if (e->from == TN_FROM_each) {
            done = write_each(a, e, slots, out);
        } else if (e->from == TN_FROM_tree) {
            done = tn_tree_write(a, e, slots, out);
        } else {
            done = write_choice(a, e, slots, out, v);
        }
        if (done > NIL || !e->has_fallback) return done;
        *v = e->fallback;
    } else if (!eval(a, e, slots, v)) {
        return FAULTY;
    }
    if (is_none(v)) return v->type == TN_JSON_null ? NIL : NOTHING;
    if (!fits(a, v)) return FAULTY;
    put_value(out, v);
    return WRITTEN;
}

/* The source of a field, or that of its first alternative. */
static struct tn_str first_source(const struct tn_expr *e)
{
    if (e->source.p || !e->item_count || !e->items[0]) return e->source;
    return first_source(e->items[0]);
}

static enum tn_written missing(struct tn_apply *a, const struct tn_member *f, enum tn_written done)
{
    struct tn_str source = first_source(f->expr);
    if (!source.p)
        tn_apply_why(a, NULL, "it is required, and there is no value for it");
    else if (done == NIL)
        tn_apply_why(a, NULL, "it is required, and %.*s is null", TN_FMT(source));
    else
        tn_apply_why(a, NULL, "it is required, and the record has no %.*s", TN_FMT(source));
    a->why.source = source;
    a->why.line = f->line;
    return FAULTY;
}

void tn_apply_id(struct tn_apply *a, struct tn_str id)
{
    tn_buf_reset(&a->id);
    tn_buf_addstr(&a->id, id);
    a->outcome->external_id = tn_buf_str(&a->id);
}

/* Sets the external id from a value, which has to be a text that is not empty. */
static enum tn_written take_key(struct tn_apply *a, const struct tn_member *f, struct tn_value v)
{
    a->why.line = f->line;
    a->why.source = first_source(f->expr);
    struct tn_value text = v;
    if (v.type != TN_JSON_string) {
        tn_apply_why(a, &v, "the key has to be a text, got %s: add :text()",
                     tn_json_type_name(v.type));
        return FAULTY;
    }
    if (!tn_op_text(a, &text)) return FAULTY;
    if (!text.s.n) {
        tn_apply_why(a, &v, "the key is empty");
        return FAULTY;
    }
    tn_apply_id(a, text.s);
    return WRITTEN;
}

/* Applies the policy of a field to a fault of its value. */
static enum tn_written settle(struct tn_apply *a, const struct tn_member *f, struct tn_buf *out,
                              size_t at, struct tn_value *v)
{
    tn_apply_list(a, f->on_fault == TN_FAULT_reject);
    out->n = at;
    if (f->on_fault != TN_FAULT_default) return LISTED;
    *v = f->expr->fallback;
    put_value(out, v);
    return WRITTEN;
}

/* Works out a key that is no field of the target, so it is not written. */
static void find_key(struct tn_apply *a, const struct tn_member *key, const uint32_t *slots)
{
    struct tn_frame_path here = {.member = key};
    struct tn_value v;
    a->path = &here;
    enum tn_written done = eval(a, key->expr, slots, &v) ? WRITTEN : FAULTY;
    if (done == WRITTEN && is_none(&v))
        done = missing(a, key, v.type == TN_JSON_null ? NIL : NOTHING);
    if (done == WRITTEN) done = take_key(a, key, v);
    if (done == FAULTY) tn_apply_list(a, true);
    a->path = NULL;
}

static bool write_member(struct tn_apply *a, const struct tn_member *f, const uint32_t *slots,
                         struct tn_buf *out, bool comma, struct tn_piece *piece)
{
    struct tn_frame_path here = {.outer = a->path, .member = f};
    struct tn_value v;
    size_t before = out->n;
    a->path = &here;
    if (comma) put_char(out, ',');
    size_t start = out->n;
    put(out, f->head.p, f->head.n);
    size_t at = out->n;
    enum tn_written done = write_expr(a, f->expr, slots, out, &v);
    if (f->required && done <= NIL) done = missing(a, f, done);
    if (f->is_key && done == WRITTEN) done = take_key(a, f, v);
    if (done == FAULTY) done = settle(a, f, out, at, &v);
    if (done == NIL) put(out, "null", 4);
    if (a->trace && (done == NIL || done == WRITTEN))
        tn_apply_tell(a, f, slots, (struct tn_str){out->p + at, out->n - at});
    a->path = here.outer;
    if (done == NOTHING || done == LISTED) {
        out->n = before;
        return false;
    }
    if (piece)
        *piece = (struct tn_piece){.start = start - a->base,
                                   .value = at - a->base,
                                   .end = out->n - a->base,
                                   .form = tn_value_form(&v)};
    return true;
}

void tn_apply_object(struct tn_apply *a, const struct tn_group *g, const uint32_t *slots,
                     struct tn_buf *out)
{
    write_members(a, g, slots, out, NULL);
}

static void write_members(struct tn_apply *a, const struct tn_group *g, const uint32_t *slots,
                          struct tn_buf *out, struct tn_piece *pieces)
{
    bool comma = false;
    put_char(out, '{');
    for (size_t i = 0; i < g->count && !a->stopped; i++) {
        if (a->quick && !out->failed) {
            i = tn_quick_run(a, g, i, slots, out, &comma, pieces);
            if (i == g->count) break;
        }
        struct tn_piece *piece = pieces ? &pieces[i] : NULL;
        if (piece) piece->end = 0;
        comma |= write_member(a, &g->members[i], slots, out, comma, piece);
    }
    put_char(out, '}');
}

void tn_apply_trace(struct tn_apply *a, tn_trace_fn fn, void *arg)
{
    a->trace = fn;
    a->trace_arg = arg;
}

/* Can quick.c write this record? Also reserves room, so that it rarely has to check for room. */
static bool may_be_quick(const struct tn_apply *a, struct tn_jval record, struct tn_buf *out)
{
    enum { ROOM = 4096 };
    const struct tn_json_head *head = tn_json_head(record.json);
    if (a->trace || head->n - head->tape[record.at].end < TN_WIDE) return false;
    return out->room - out->n >= ROOM || (out->max - out->n >= ROOM && tn_buf_reserve(out, ROOM));
}

static void wake_up(void *arg)
{
    struct tn_apply *a = arg;
    a->asleep = false;
    a->wake(a->wake_arg);
}

void tn_apply_may_pause(struct tn_apply *a, void (*wake)(void *arg), void *arg)
{
    a->may_pause = a->plan->fn_end != NULL;
    a->wake = wake;
    a->wake_arg = arg;
    a->stream.wake = wake_up;
    a->stream.arg = a;
}

void tn_apply_forget(struct tn_apply *a)
{
    if (a->stream.session) a->plan->fn_end(a->plan->fn_arg, a->stream.session);
    a->stream.session = NULL;
    a->asleep = false;
    a->paused = false;
}

/* Begins a record, or continues a paused one. */
static void begin_turn(struct tn_apply *a)
{
    if (!a->paused) {
        a->answer_count = 0;
        tn_buf_reset(&a->answer_text);
        tn_arena_reset(&a->answer_memory);
    }
    a->answer_at = a->called = 0;
    a->began_us = tn_mono_us();
}

bool tn_apply_record(struct tn_apply *a, struct tn_jval record, struct tn_buf *out,
                     struct tn_outcome *o)
{
    o->ok = false;
    o->external_id = (struct tn_str){0};
    o->fault_count = o->listed = 0;
    o->paused = o->waits = a->asleep;
    if (a->asleep) return false;
    tn_arena_reset(&a->arena);
    a->outcome = o;
    a->json = record.json;
    a->path = NULL;
    if (a->may_pause) begin_turn(a);
    a->rejected = a->stopped = a->paused = a->waits = o->paused = o->waits = false;
    a->why = (struct tn_why){.kind = TN_E_mapping};
    a->base = out->n;
    a->quick = false;
    if (!tn_jis(record, TN_JSON_object)) {
        struct tn_value v = {.type = TN_JSON_absent};
        if (record.json) v = tn_apply_value(record.json, record.at);
        tn_apply_why(a, &v, "expected an object as record, got %s", tn_json_type_name(v.type));
        tn_apply_list(a, true);
        return false;
    }
    const uint32_t *slots = record_slots(a, record.at);
    a->quick = may_be_quick(a, record, out);
    if (a->plan->key) find_key(a, a->plan->key, slots);
    write_members(a, a->plan->group, slots, out, a->pieces);
    if (out->failed) {
        tn_apply_why(a, NULL, "the mapped record is larger than %zu bytes", out->max);
        a->why.kind = TN_E_too_large;
        tn_apply_list(a, true);
    }
    o->ok = !a->rejected && !a->paused;
    if (a->paused) { /* these faults will be found again */
        o->paused = true;
        o->waits = a->waits;
        o->fault_count = o->listed = 0;
    }
    if (!o->ok) out->n = a->base;
    if (out->p) out->p[out->n] = '\0';
    return o->ok;
}

/* ---- hash ---- */

/* Appends a number of only digits and a point, without trailing zeros. False: it has another
 * form. */
static bool plain_number(struct tn_str s, struct tn_buf *out)
{
    const char *point = NULL;
    size_t n = s.n;
    if (n > 20) return false;
    for (size_t i = 0; i < n; i++) {
        if (s.p[i] == '.')
            point = s.p + i;
        else if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    }
    if (!point || s.p[0] == '0') return false;
    while (s.p[n - 1] == '0') n--;
    if (s.p[n - 1] == '.') n--;
    put(out, s.p, n);
    return true;
}

static void add_canonical(struct tn_apply *a, const struct tn_piece *piece, const char *base)
{
    struct tn_buf *out = &a->canonical;
    struct tn_str value = {base + piece->value, piece->end - piece->value};
    struct tn_err err;
    if (piece->form == TN_FORM_plain) {
        put(out, base + piece->start, piece->end - piece->start);
        return;
    }
    put(out, base + piece->start, piece->value - piece->start);
    if (piece->form == TN_FORM_number) {
        if (!plain_number(value, out)) tn_json_canonical_number(value, out);
    } else if (tn_json_parse(a->reader, value, &err)) {
        tn_json_canonical(tn_json_root(a->reader), out);
    } else {
        put(out, value.p, value.n);
    }
}

void tn_apply_hash(struct tn_apply *a, const struct tn_buf *out, unsigned char hash[TN_APPLY_HASH])
{
    const struct tn_group *g = a->plan->group;
    bool comma = false;
    tn_buf_reset(&a->canonical);
    put_char(&a->canonical, '{');
    for (size_t i = 0; i < g->count; i++) {
        const struct tn_piece *piece = &a->pieces[g->sorted[i]];
        if (!piece->end) continue;
        if (comma) put_char(&a->canonical, ',');
        comma = true;
        add_canonical(a, piece, out->p + a->base);
    }
    put_char(&a->canonical, '}');
    unsigned n = TN_APPLY_HASH;
    bool ok = EVP_DigestInit_ex(a->digest, a->md, NULL) &&
              EVP_DigestUpdate(a->digest, a->canonical.p, a->canonical.n) &&
              EVP_DigestFinal_ex(a->digest, hash, &n);
    assert(ok);
    (void)ok;
}
