/* SPDX-License-Identifier: MIT */
#include "cli/client.h"

#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "loop/loop.h"
#include "net/http_client.h"
#include "net/http_server.h"

enum { CALL_MS = 24 * 3600 * 1000, ANSWER_MAX = 64 * TN_MIB };

struct tn_client {
    struct tn_loop *loop;
    struct tn_http_client *http;
    struct tn_json *json;
    char path[4096];
    struct tn_buf answer;
    int status;
    struct tn_err err;
    bool done;
};

struct tn_client *tn_client_open(const char *data, struct tn_err *err)
{
    struct tn_client *c = TN_NEW(struct tn_client);
    struct tn_http_client_options o = {.user_agent = "tenon command line"};
    snprintf(c->path, sizeof c->path, "%s/tenon.sock", data);
    tn_buf_init(&c->answer, ANSWER_MAX);
    if (!tn_http_unix_answers(c->path)) {
        tn_fail(err, TN_E_unavailable,
                "no server runs on %s (%s %s): start one with tenon serve, or "
                "name its folder with --data",
                data, access(c->path, F_OK) == 0 ? "nobody listens on" : "there is no", c->path);
        goto fail;
    }
    c->json = tn_json_new();
    c->loop = tn_loop_new(err);
    c->http = c->loop ? tn_http_client_new(c->loop, &o, err) : NULL;
    if (c->http) return c;
fail:
    tn_client_close(c);
    return NULL;
}

void tn_client_close(struct tn_client *c)
{
    if (!c) return;
    tn_http_client_free(c->http);
    tn_loop_free(c->loop);
    tn_json_free(c->json);
    tn_buf_clear(&c->answer);
    tn_free(c);
}

static void answered(void *arg, const struct tn_err *err, struct tn_reply *reply)
{
    struct tn_client *c = arg;
    c->done = true;
    c->status = reply->status;
    if (err) {
        c->err = *err;
        return;
    }
    tn_buf_clear(&c->answer);
    c->answer = reply->body;
    tn_buf_init(&reply->body, ANSWER_MAX);
}

/* Reads the server's error body into err. */
static bool refused(struct tn_client *c, struct tn_err *err)
{
    struct tn_arena arena;
    struct tn_str message = TN_STR("the server did not say why"), file = {0}, field = {0};
    int64_t line = 0;
    tn_arena_init(&arena);
    struct tn_jval error = tn_jget_z(tn_client_json(c), "error");
    struct tn_jval details = tn_jget_z(error, "details");
    tn_jtext(tn_jget_z(error, "message"), &arena, &message);
    tn_jtext(tn_jget_z(details, "file"), &arena, &file);
    tn_jtext(tn_jget_z(details, "field"), &arena, &field);
    tn_jint(tn_jget_z(details, "line"), &line);
    tn_fail(err, TN_E_upstream, "%.*s%s%.*s%s", TN_FMT(message), field.n ? " (" : "", TN_FMT(field),
            field.n ? ")" : "");
    if (file.n) {
        char name[sizeof err->file];
        snprintf(name, sizeof name, "%.*s", TN_FMT(file));
        tn_fail_at(err, name, (int)line);
    }
    tn_arena_clear(&arena);
    return false;
}

bool tn_client_call(struct tn_client *c, const char *method, const char *path, struct tn_str body,
                    struct tn_str *reply, struct tn_err *err)
{
    char url[4200];
    struct tn_fetch_header json = {"Content-Type", TN_STR("application/json")};
    snprintf(url, sizeof url, "http://localhost%s", path);
    struct tn_fetch f = {.method = method,
                         .url = url,
                         .headers = &json,
                         .nheaders = body.p ? 1 : 0,
                         .body = body,
                         .total_ms = CALL_MS,
                         .max_reply = ANSWER_MAX,
                         .unix_path = c->path,
                         .policy = TN_EGRESS_local};
    struct tn_err ignored;
    c->done = false;
    c->err.kind = TN_E_none;
    if (!tn_fetch_start(c->http, &f, answered, c, err)) return false;
    while (!c->done) tn_loop_turn(c->loop, true);
    if (c->err.kind) {
        *err = c->err;
        return tn_fail_in(err, "the server on %s does not answer", c->path);
    }
    *reply = tn_buf_str(&c->answer);
    bool is_json = reply->n && tn_json_parse(c->json, *reply, &ignored);
    if (c->status < 400) return true;
    if (is_json) return refused(c, err);
    return tn_fail(err, TN_E_upstream, "the server answered with status %d", c->status);
}

struct tn_jval tn_client_json(const struct tn_client *c)
{
    return tn_json_root(c->json);
}

void tn_client_part(struct tn_buf *path, const char *part)
{
    static const char plain[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._~";
    for (const char *p = part; *p; p++)
        if (strchr(plain, *p))
            tn_buf_addc(path, *p);
        else
            tn_buf_addf(path, "%%%02X", (unsigned char)*p);
}
