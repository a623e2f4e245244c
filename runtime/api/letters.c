/* SPDX-License-Identifier: MIT */
#include "api/letters.h"

#include "access/secrets.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "base/time.h"
#include "events/consumer.h"
#include "store/commit.h"
#include "sync/inbound.h"

bool api_is_letter(struct tn_jval body)
{
    return tn_jis(tn_jget_z(body, "queue"), TN_JSON_string);
}

static const char *term(struct tn_str s, struct tn_arena *arena)
{
    return tn_arena_strndup(arena, s.p, s.n);
}

/* The event of a row: the payload, as it was before it was sealed. */
static bool read_event(struct tn_api *api, struct tn_jval body, struct tn_arena *arena,
                       struct tn_buf *out, struct tn_err *err)
{
    struct tn_str stored = tn_jtext_or(body, "payload", arena, "");
    bool sealed = false;
    tn_jbool(tn_jget_z(body, "sealed"), &sealed);
    if (!stored.n)
        return tn_fail(err, TN_E_state,
                       "the event was too large to be kept, so it cannot be sent again: "
                       "discard the row");
    if (sealed) return tn_unseal(&api->p.secrets->payload, stored, TN_STR("quarantine"), out, err);
    tn_buf_addstr(out, stored);
    return true;
}

static bool resend_event(struct tn_api *api, int64_t team, struct tn_jval body,
                         struct tn_arena *arena, struct tn_commit *commit, struct tn_err *err)
{
    struct tn_buf event;
    tn_buf_init(&event, 2 * TN_LIMIT_RECORD);
    bool ok = read_event(api, body, arena, &event, err) && tn_buf_ok(&event, "the event", err);
    if (ok) {
        const struct tn_given_up g = {.team = team,
                                      .queue = term(tn_jtext_or(body, "queue", arena, ""), arena),
                                      .target = term(tn_jtext_or(body, "entity", arena, ""), arena),
                                      .order = tn_jtext_or(body, "order", arena, ""),
                                      .event = tn_buf_str(&event)};
        ok = tn_consumer_resend(commit, &g, err);
    }
    tn_buf_clear(&event);
    return ok;
}

static bool settle(const struct tn_actor *who, const struct tn_row *row, struct tn_commit *commit,
                   struct tn_err *err)
{
    struct tn_buf patch;
    struct tn_jw w;
    char at[TN_TIME_LEN + 1];
    tn_time_text(tn_now_ms(), at);
    tn_buf_init(&patch, 4 * TN_KIB);
    tn_jw_init(&w, &patch);
    tn_jw_object(&w);
    tn_jw_kz(&w, "status", "retried");
    tn_jw_kz(&w, "retried_by", who->name);
    tn_jw_kz(&w, "retried_at", at);
    tn_jw_end(&w);
    bool ok = tn_buf_ok(&patch, "the row", err) &&
              tn_commit_patch(commit, who->team, "quarantine", &row->id, tn_buf_str(&patch),
                              row->version, err);
    tn_buf_clear(&patch);
    return ok;
}

bool api_letter_resend(struct tn_api *api, const struct tn_actor *who, const struct tn_row *row,
                       struct tn_jval body, struct tn_commit *commit, struct tn_err *err)
{
    struct tn_arena arena;
    tn_arena_init(&arena);
    bool inbound = tn_str_is(tn_jtext_or(body, "queue", &arena, ""), TN_INBOUND_QUEUE);
    bool ok =
        inbound ? tn_inbound_resend(commit, who->team, tn_jtext_or(body, "external_id", &arena, ""),
                                    tn_jraw(tn_jget_z(body, "ticket")), err)
                : resend_event(api, who->team, body, &arena, commit, err);
    ok = ok && settle(who, row, commit, err);
    tn_arena_clear(&arena);
    return ok;
}
