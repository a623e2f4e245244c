/* SPDX-License-Identifier: MIT */
#include "scripts/wish.h"

#include "base/alloc.h"

struct copy { /* `wish` is the first member, since a copy is one of these structs */
    struct tn_wish wish;
    struct tn_arena arena;
};

static struct tn_wish_file *copy_files(struct tn_arena *arena, const struct tn_wish *from)
{
    struct tn_wish_file *files = tn_arena_alloc(arena, (from->count + 1) * sizeof *files);
    for (size_t i = 0; i < from->count; i++) {
        const struct tn_wish_file *f = &from->files[i];
        files[i] = (struct tn_wish_file){.path = tn_arena_strdup(arena, f->path)};
        if (f->text.p)
            files[i].text =
                (struct tn_str){tn_arena_strndup(arena, f->text.p, f->text.n), f->text.n};
    }
    return files;
}

static const char *copy_text(struct tn_arena *arena, const char *text)
{
    return text ? tn_arena_strdup(arena, text) : "";
}

struct tn_wish *tn_wish_copy(const struct tn_wish *from)
{
    struct copy *c = TN_NEW(struct copy);
    struct tn_wish *w = &c->wish;
    tn_arena_init(&c->arena);
    *w = *from;
    w->expect = copy_text(&c->arena, from->expect);
    w->unit = copy_text(&c->arena, from->unit);
    w->generation = copy_text(&c->arena, from->generation);
    w->based_on = copy_text(&c->arena, from->based_on);
    w->files = copy_files(&c->arena, from);
    return w;
}

void tn_wish_free(struct tn_wish *wish)
{
    struct copy *c = (struct copy *)wish;
    if (!c) return;
    tn_arena_clear(&c->arena);
    tn_free(c);
}
