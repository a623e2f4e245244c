/* SPDX-License-Identifier: MIT */
#include "model/check.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/time.h"

/* ---- faults ---- */

void tn_faults_init(struct tn_faults *f)
{
    *f = (struct tn_faults){.n = 0};
}

void tn_faults_clear(struct tn_faults *f)
{
    tn_free(f->v);
    tn_faults_init(f);
}

void tn_faults_add(void *faults, const struct tn_err *fault)
{
    struct tn_faults *f = faults;
    f->total++;
    if (f->n == TN_FAULTS_MAX) return;
    f->v = tn_realloc(f->v, (f->n + 1) * sizeof *f->v);
    f->v[f->n++] = *fault;
}

bool tn_faults_fail(const struct tn_faults *f, struct tn_err *err)
{
    *err = f->v[0];
    return false;
}

void tn_faults_write(const struct tn_faults *f, struct tn_jw *w)
{
    tn_jw_array(w);
    for (size_t i = 0; i < f->n; i++) {
        const struct tn_err *e = &f->v[i];
        tn_jw_object(w);
        if (e->code) tn_jw_kz(w, "code", tn_code_name(e->code));
        if (e->file[0]) tn_jw_kz(w, "file", e->file);
        if (e->line) tn_jw_kint(w, "line", e->line);
        if (e->code || !e->file[0]) tn_jw_kz(w, "path", e->field);
        tn_jw_kz(w, "message", e->text);
        if (e->params[0]) tn_jw_kraw(w, "params", tn_str(e->params));
        tn_jw_end(w);
    }
    tn_jw_end(w);
}

/* ---- checking ---- */

/* Writes the record without the system fields, which a client that read the record sends back. */
static void write_own(struct tn_jval record, struct tn_jw *w)
{
    tn_jw_object(w);
    for (struct tn_jiter it = tn_jiter(record); tn_jnext(&it);) {
        if (tn_is_system_field(it.key)) continue;
        tn_jw_key(w, it.key);
        tn_jw_raw(w, tn_jraw(it.value));
    }
    tn_jw_end(w);
}

static bool has_system_fields(struct tn_jval record)
{
    for (struct tn_jiter it = tn_jiter(record); tn_jnext(&it);)
        if (tn_is_system_field(it.key)) return true;
    return false;
}

/* Is a generated field unchanged? A client may send it back. */
static bool sent_back(const struct tn_field *f, struct tn_jval before, struct tn_jval after)
{
    struct tn_jval was = tn_jget_z(before, f->name), is = tn_jget_z(after, f->name);
    return !tn_jis(was, TN_JSON_absent) && tn_str_eq(tn_jraw(was), tn_jraw(is));
}

static bool is_mask(struct tn_jval v)
{
    return tn_str_eq(tn_jraw(v), TN_STR("\"" TN_SECRET_MASK "\""));
}

static bool has_secret(const struct tn_field *f, struct tn_jval record)
{
    return f->type == TN_FIELD_secret && tn_jis(tn_jget_z(record, f->name), TN_JSON_string);
}

/* A secret that stays is stored sealed, which is another text than the rules are about. */
static bool stays_secret(const struct tn_field *f, struct tn_jval before, struct tn_jval after,
                         unsigned flags)
{
    struct tn_jval is = tn_jget_z(after, f->name);
    if (!has_secret(f, before)) return false;
    if (tn_jis(is, TN_JSON_absent)) return !(flags & TN_CHECK_MERGED);
    return is_mask(is) || sent_back(f, before, after);
}

/* The mask is sent where no secret is stored that it could stand for. */
static bool is_vain_mask(const struct tn_field *f, struct tn_jval before, struct tn_jval after)
{
    return f->type == TN_FIELD_secret && is_mask(tn_jget_z(after, f->name)) &&
           !has_secret(f, before);
}

struct outside {
    const struct tn_entity *entity;
    struct tn_jval before, after;
    unsigned flags;
    struct tn_faults *faults;
    size_t n, told; /* n: all faults; told: those reported, and those that were only sent back */
};

static void add_unless_sent_back(void *arg, const struct tn_err *fault)
{
    struct outside *o = arg;
    const struct tn_field *f =
        tn_field_find(o->entity->fields, o->entity->n_fields, tn_str(fault->field));
    o->told++;
    if (fault->code == TN_CODE_read_only && f && sent_back(f, o->before, o->after)) return;
    if (f && stays_secret(f, o->before, o->after, o->flags)) return;
    if (f && is_vain_mask(f, o->before, o->after)) return; /* that is told once */
    o->n++;
    tn_faults_add(o->faults, fault);
}

static size_t check_masks(const struct tn_entity *e, struct tn_jval before, struct tn_jval after,
                          struct tn_faults *faults)
{
    size_t n = 0;
    for (size_t i = 0; i < e->n_fields; i++) {
        struct tn_err err;
        if (!is_vain_mask(&e->fields[i], before, after)) continue;
        tn_fail(&err, TN_E_invalid,
                "%s: " TN_SECRET_MASK " is the mask, not a value, and no secret is stored: send "
                "the secret, or leave it out",
                e->fields[i].name);
        tn_fail_field(&err, "%s", e->fields[i].name);
        tn_fail_code(&err, TN_CODE_mask, "%s", "");
        tn_faults_add(faults, &err);
        n++;
    }
    return n;
}

static bool check_own(const struct tn_entity *e, struct tn_jval before, struct tn_jval after,
                      unsigned flags, struct tn_faults *faults)
{
    struct outside o = {
        .entity = e, .before = before, .after = after, .flags = flags, .faults = faults};
    size_t more = 0;
    size_t all =
        tn_field_check_all(e->fields, e->n_fields, after, "", flags, add_unless_sent_back, &o);
    faults->total += all - o.told; /* faults that are not kept are counted, too */
    if (tn_jis(after, TN_JSON_object))
        more = check_masks(e, before, after, faults) +
               tn_field_check_moves(e->fields, e->n_fields, before, after, tn_faults_add, faults);
    return o.n + more == 0;
}

bool tn_check(const struct tn_entity *e, struct tn_jval before, struct tn_jval after,
              unsigned flags, struct tn_faults *faults)
{
    if (!tn_jis(after, TN_JSON_object) || !has_system_fields(after))
        return check_own(e, before, after, flags, faults);
    struct tn_json *json = tn_json_new();
    struct tn_buf own;
    struct tn_jw w;
    struct tn_err err;
    tn_buf_init(&own, tn_jraw(after).n + 16);
    tn_jw_init(&w, &own);
    write_own(after, &w);
    bool ok = tn_buf_ok(&own, "a record", &err) && tn_json_parse(json, tn_buf_str(&own), &err);
    if (ok)
        ok = check_own(e, before, tn_json_root(json), flags, faults);
    else
        tn_faults_add(faults, &err);
    tn_buf_clear(&own);
    tn_json_free(json);
    return ok;
}

/* ---- filling ---- */

static void generate(const struct tn_field *f, int64_t now_ms, struct tn_jw *w)
{
    char text[TN_ID_LEN + 1];
    _Static_assert((int)TN_ID_LEN >= (int)TN_TIME_LEN, "it holds either");
    if (f->type == TN_FIELD_uuid) {
        struct tn_id id = tn_id_new();
        tn_id_text(&id, text);
    } else {
        tn_time_text(now_ms, text);
    }
    tn_jw_kz(w, f->name, text);
}

/* The stored value of a field that the new version does not give; absent: none. */
static struct tn_jval kept(const struct tn_field *f, struct tn_jval before)
{
    static const struct tn_jval none;
    return f->generated || f->type == TN_FIELD_secret ? tn_jget_z(before, f->name) : none;
}

void tn_check_fill(const struct tn_entity *e, struct tn_jval before, struct tn_jval after,
                   unsigned flags, int64_t now_ms, struct tn_jw *w)
{
    tn_jw_object(w);
    for (struct tn_jiter it = tn_jiter(after); tn_jnext(&it);) {
        const struct tn_field *f = tn_field_find(e->fields, e->n_fields, it.key);
        struct tn_jval value = it.value;
        if (tn_is_system_field(it.key)) continue;
        if (f && f->type == TN_FIELD_secret && is_mask(value)) value = kept(f, before);
        if (tn_jis(value, TN_JSON_absent)) continue;
        tn_jw_key(w, it.key);
        tn_field_fill_value(f, value, w);
    }
    for (size_t i = 0; i < e->n_fields; i++) {
        const struct tn_field *f = &e->fields[i];
        struct tn_jval was = kept(f, before);
        if (tn_is_system_field(tn_str(f->name)) ||
            !tn_jis(tn_jget_z(after, f->name), TN_JSON_absent) ||
            (f->type == TN_FIELD_secret && flags & TN_CHECK_MERGED))
            continue;
        if (!tn_jis(was, TN_JSON_absent))
            tn_jw_kraw(w, f->name, tn_jraw(was));
        else if (f->default_json)
            tn_jw_kraw(w, f->name, tn_str(f->default_json));
        else if (f->generated && tn_jis(before, TN_JSON_absent))
            generate(f, now_ms, w);
    }
    tn_jw_end(w);
}

/* ---- secrets ---- */

/* Is the secret new? Then it has to be sealed; one that was kept is sealed already. */
static bool is_fresh(const struct tn_field *f, struct tn_jval before, struct tn_jiter it,
                     struct tn_arena *arena, struct tn_str *secret)
{
    return f && f->type == TN_FIELD_secret && tn_jtext(it.value, arena, secret) &&
           !tn_str_eq(tn_jraw(it.value), tn_jraw(tn_jget(before, it.key)));
}

void tn_check_seal(const struct tn_entity *e, const struct tn_id *id,
                   const struct tn_sealer *sealer, struct tn_jval before, struct tn_jval filled,
                   struct tn_jw *w)
{
    struct tn_arena arena;
    struct tn_buf sealed;
    char text[TN_ID_LEN + 1], belongs[256];
    struct tn_str secret;
    tn_id_text(id, text);
    tn_arena_init(&arena);
    tn_buf_init(&sealed, TN_LIMIT_RECORD);
    tn_jw_object(w);
    for (struct tn_jiter it = tn_jiter(filled); tn_jnext(&it);) {
        const struct tn_field *f = tn_field_find(e->fields, e->n_fields, it.key);
        tn_jw_key(w, it.key);
        if (!is_fresh(f, before, it, &arena, &secret)) {
            tn_jw_raw(w, tn_jraw(it.value));
            continue;
        }
        snprintf(belongs, sizeof belongs, "%s/%s/%s", text, e->name, f->name);
        tn_buf_reset(&sealed);
        sealer->seal(sealer->self, secret, tn_str(belongs), &sealed);
        tn_jw_str(w, tn_buf_str(&sealed));
    }
    tn_jw_end(w);
    tn_buf_clear(&sealed);
    tn_arena_clear(&arena);
}

/* ---- references ---- */

struct walk {
    tn_reference_fn fn;
    void *arg;
    char path[128];
};

static void walk_value(struct walk *walk, const struct tn_field *f, struct tn_jval v);

static void walk_members(struct walk *walk, const struct tn_field *fields, size_t n,
                         struct tn_jval object)
{
    size_t cut = strlen(walk->path);
    for (size_t i = 0; i < n; i++) {
        struct tn_jval v = tn_jget_z(object, fields[i].name);
        if (tn_jis(v, TN_JSON_absent)) continue;
        snprintf(walk->path + cut, sizeof walk->path - cut, "%s%s", cut ? "." : "", fields[i].name);
        walk_value(walk, &fields[i], v);
        walk->path[cut] = '\0';
    }
}

static void walk_value(struct walk *walk, const struct tn_field *f, struct tn_jval v)
{
    struct tn_str raw = tn_jraw(v);
    size_t cut = strlen(walk->path);
    struct tn_id id;
    if (f->ref && tn_jis(v, TN_JSON_string) && raw.n == TN_ID_LEN + 2 &&
        tn_id_parse((struct tn_str){raw.p + 1, raw.n - 2}, &id)) {
        walk->fn(walk->arg, f, tn_str(walk->path), &id);
    } else if (f->type == TN_FIELD_object && tn_jis(v, TN_JSON_object)) {
        walk_members(walk, f->fields, f->n_fields, v);
    } else if (f->type == TN_FIELD_list && f->n_fields && tn_jis(v, TN_JSON_array)) {
        for (struct tn_jiter it = tn_jiter(v); tn_jnext(&it);) {
            snprintf(walk->path + cut, sizeof walk->path - cut, "[%zu]", it.index);
            walk_value(walk, f->fields, it.value);
            walk->path[cut] = '\0';
        }
    }
}

void tn_check_references(const struct tn_entity *e, struct tn_jval record, tn_reference_fn fn,
                         void *arg)
{
    struct walk walk = {.fn = fn, .arg = arg};
    walk_members(&walk, e->fields, e->n_fields, record);
}

void tn_check_no_such(const struct tn_field *field, struct tn_str path, const struct tn_id *id,
                      struct tn_err *err)
{
    char text[TN_ID_LEN + 1];
    tn_id_text(id, text);
    tn_fail(err, TN_E_invalid, "%.*s: there is no %s '%s'", TN_FMT(path), field->ref, text);
    tn_fail_field(err, "%.*s", TN_FMT(path));
    tn_fail_code(err, TN_CODE_reference, "{\"entity\":\"%s\",\"id\":\"%s\"}", field->ref, text);
}

/* ---- keys ---- */

/* The names and values that the store says: "'A'", or "partNumber 'C', organizationCode 'V1'". */
static void key_text(struct tn_jval key, char *out, size_t room)
{
    struct tn_arena arena;
    struct tn_str value;
    size_t n = tn_jcount(key), at = 0;
    tn_arena_init(&arena);
    out[0] = '\0';
    for (struct tn_jiter it = tn_jiter(key); tn_jnext(&it) && at < room;) {
        if (!tn_jtext(it.value, &arena, &value)) value = tn_jraw(it.value);
        struct tn_str name = n > 1 ? it.key : TN_STR("");
        at += (size_t)snprintf(out + at, room - at, "%s%.*s%s'%.*s'", at ? ", " : "", TN_FMT(name),
                               n > 1 ? " " : "", TN_FMT(value));
    }
    tn_arena_clear(&arena);
}

/* False: the store did not say which key. */
static bool read_taken(struct tn_json *json, const struct tn_err *err, struct tn_jval *key)
{
    struct tn_err ignored;
    if (!err->params[0] || !tn_json_parse(json, tn_str(err->params), &ignored)) return false;
    *key = tn_jget_z(tn_json_root(json), "key");
    return tn_jcount(*key) > 0;
}

bool tn_check_is_key_taken(const struct tn_entity *e, const struct tn_err *err)
{
    struct tn_json *json = tn_json_new();
    struct tn_jval key;
    bool is_key = true;
    if (read_taken(json, err, &key)) {
        is_key = tn_jcount(key) == tn_entity_key_length(e);
        for (struct tn_jiter it = tn_jiter(key); is_key && tn_jnext(&it);)
            is_key = tn_str_is(it.key, e->key[it.index]);
    }
    tn_json_free(json);
    return is_key;
}

void tn_check_say_taken(const struct tn_entity *e, struct tn_err *err)
{
    char text[300];
    struct tn_err said = *err;
    struct tn_json *json = tn_json_new();
    struct tn_jval key;
    struct tn_str field = tn_str(tn_entity_key_length(e) ? e->key[0] : e->name);
    if (read_taken(json, &said, &key)) {
        struct tn_jiter it = tn_jiter(key);
        if (tn_jnext(&it)) field = it.key;
        key_text(key, text, sizeof text);
        tn_fail(err, TN_E_key_taken, "%.*s: another %s has %s already", TN_FMT(field), e->name,
                text);
    } else {
        tn_fail(err, TN_E_key_taken, "%.*s: %s", TN_FMT(field), said.text);
    }
    tn_fail_field(err, "%.*s", TN_FMT(field));
    tn_fail_code(err, TN_CODE_taken, "%s", said.params);
    tn_json_free(json);
}
