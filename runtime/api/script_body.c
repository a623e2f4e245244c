/* SPDX-License-Identifier: MIT */
#include "api/script_body.h"

#include <stdio.h>

#include "base/limits.h"

static bool take_generation(struct tn_script_body *b, struct tn_jval v, struct tn_err *err)
{
    struct tn_str text = {0};
    if (!tn_jtext(v, &b->arena, &text) || !text.n || text.n > 64)
        return tn_fail(err, TN_E_invalid, "generation is a hash in hex");
    snprintf(b->generation, sizeof b->generation, "%.*s", TN_FMT(text));
    return true;
}

static bool take_minutes(struct tn_script_body *b, struct tn_jval v, struct tn_err *err)
{
    int64_t minutes = 0;
    if (!tn_jint(v, &minutes) || minutes < 1 || minutes > TN_LIMIT_SHADOW_MINUTES)
        return tn_fail(err, TN_E_invalid, "shadowMinutes is a whole number from 1 to %d",
                       TN_LIMIT_SHADOW_MINUTES);
    b->shadow_minutes = (int)minutes;
    return true;
}

static bool take_file(struct tn_script_body *b, struct tn_str path, struct tn_jval v,
                      struct tn_err *err)
{
    struct tn_wish_file *f = &b->files[b->count];
    bool gone = tn_jis(v, TN_JSON_null);
    if (b->count == TN_LIMIT_SCRIPT_FILES)
        return tn_fail(err, TN_E_too_large, "more than %d files", TN_LIMIT_SCRIPT_FILES);
    *f = (struct tn_wish_file){.path = tn_arena_strndup(&b->arena, path.p, path.n)};
    if (!gone && !tn_jtext(v, &b->arena, &f->text)) {
        tn_fail(err, TN_E_invalid, "a file is a text, or null to leave it out");
        return tn_fail_field(err, "files.%s", f->path);
    }
    if (!gone && !f->text.p) f->text = TN_STR("");
    b->count++;
    return true;
}

static bool take_files(struct tn_script_body *b, struct tn_jval v, struct tn_err *err)
{
    if (!tn_jis(v, TN_JSON_object))
        return tn_fail(err, TN_E_invalid, "files is an object of path and text");
    if (!b->files) b->files = tn_alloc(TN_LIMIT_SCRIPT_FILES * sizeof *b->files);
    for (struct tn_jiter it = tn_jiter(v); tn_jnext(&it);)
        if (!take_file(b, it.key, it.value, err)) return false;
    return true;
}

static bool take_whole(struct tn_script_body *b, struct tn_jval v, struct tn_err *err)
{
    return tn_jbool(v, &b->whole) || tn_fail(err, TN_E_invalid, "whole is true or false");
}

struct member {
    unsigned ask;
    const char *name, *what;
    bool (*take)(struct tn_script_body *b, struct tn_jval v, struct tn_err *err);
};

static const struct member members[] = {
    {TN_ASK_generation, "generation", "a hash in hex", take_generation},
    {TN_ASK_shadow, "shadowMinutes", "a number", take_minutes},
    {TN_ASK_files, "files", "an object of path and text", take_files},
    {TN_ASK_whole, "whole", "true or false", take_whole},
};
enum { MEMBERS = sizeof members / sizeof members[0] };

static bool fail_unknown(unsigned may, struct tn_err *err)
{
    char list[256] = "";
    for (size_t i = 0, n = 0; i < MEMBERS; i++)
        if (may & members[i].ask)
            n += (size_t)snprintf(list + n, sizeof list - n, "%s%s (%s)", n ? ", " : "",
                                  members[i].name, members[i].what);
    return tn_fail(err, TN_E_invalid, "the body has %s", list);
}

static bool take_member(struct tn_script_body *b, unsigned may, struct tn_str key, struct tn_jval v,
                        struct tn_err *err)
{
    size_t i = 0;
    while (i < MEMBERS && !((may & members[i].ask) && tn_str_is(key, members[i].name))) i++;
    if (i < MEMBERS ? members[i].take(b, v, err) : fail_unknown(may, err)) return true;
    return err->field[0] ? false : tn_fail_field(err, "%.*s", TN_FMT(key));
}

static bool take(struct tn_script_body *b, unsigned may, struct tn_jval body, struct tn_err *err)
{
    for (struct tn_jiter it = tn_jiter(body); tn_jnext(&it);)
        if (!take_member(b, may, it.key, it.value, err)) return false;
    if (!(may & TN_ASK_generation) || b->generation[0]) return true;
    tn_fail(err, TN_E_invalid, "the body is {\"generation\": \"...\"}, a hash in hex");
    return tn_fail_field(err, "generation");
}

bool tn_script_body_read(struct tn_script_body *b, unsigned may, struct tn_api *api,
                         struct tn_http_exchange *x)
{
    struct tn_jval body;
    struct tn_err err;
    if (!api_body(api, x, &body)) return false;
    *b = (struct tn_script_body){.count = 0};
    tn_arena_init(&b->arena);
    if (take(b, may, body, &err)) return true;
    tn_script_body_clear(b);
    tn_answer_err(x, &err);
    return false;
}

void tn_script_body_clear(struct tn_script_body *b)
{
    tn_arena_clear(&b->arena);
    tn_free(b->files);
}
