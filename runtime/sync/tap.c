/* SPDX-License-Identifier: MIT */
#include "sync/tap.h"

#include <stdio.h>

#include "base/alloc.h"

struct tapped {
    struct tn_source inner;
    const struct tn_tap *tap;
    void *tap_arg;
    tn_source_fn done; /* of the next under way */
    void *arg;
};

static void on_page(void *arg, const struct tn_source_page *page, const struct tn_err *err)
{
    struct tapped *t = arg;
    if (page) t->tap->look(t->tap_arg, page);
    t->done(t->arg, page, err);
}

static void next(void *self, tn_source_fn done, void *arg)
{
    struct tapped *t = self;
    t->done = done;
    t->arg = arg;
    t->inner.ops->next(t->inner.self, on_page, t);
}

static void release(void *self, const struct tn_source_page *page)
{
    struct tapped *t = self;
    t->inner.ops->release(t->inner.self, page);
}

static void close(void *self)
{
    struct tapped *t = self;
    t->inner.ops->close(t->inner.self);
    t->tap->closed(t->tap_arg);
    tn_free(t);
}

static const struct tn_source_ops tapped_ops = {.next = next, .release = release, .close = close};

void tn_source_tap(struct tn_source *source, const struct tn_tap *tap, void *arg)
{
    struct tapped *t = TN_NEW(struct tapped);
    t->inner = *source;
    t->tap = tap;
    t->tap_arg = arg;
    source->ops = &tapped_ops;
    source->self = t;
}

void tn_source_mapping(const struct tn_source *source, char *name, size_t room)
{
    static const char head[] = "mappings/", tail[] = ".lua";
    size_t n = strlen(source->mapping);
    name[0] = '\0';
    if (n > sizeof head + sizeof tail - 2)
        snprintf(name, room, "%.*s", (int)(n - sizeof head - sizeof tail + 2),
                 source->mapping + sizeof head - 1);
}
