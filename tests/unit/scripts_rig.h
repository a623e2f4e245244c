/* SPDX-License-Identifier: MIT */
/* scripts_rig.h - for tests of bind/: one loop with the scripts of this tree loaded, an HTTP
 * client, an upstream on a free port whose handler is the test's, and one integration that lives in
 * memory.
 */
#ifndef TN_TESTS_SCRIPTS_RIG_H
#define TN_TESTS_SCRIPTS_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/time.h"
#include "scripts/source.h"
#include "scripts/units.h"
#include "loop/loop.h"
#include "net/http_client.h"
#include "net/http_server.h"

enum { RIG_PATIENCE_US = 20000000 };

struct rig {
    struct tn_loop *loop;
    struct tn_host *host;
    struct tn_egress *egress;
    struct tn_http_client *http;
    struct tn_http_server *server;
    char address[TN_HTTP_ADDRESS_LEN]; /* of the upstream */
    struct bind_env env;
    struct tn_units *units;
    struct tn_connections *connections;
    int fd;
    /* the integration */
    int64_t version;
    bool disabled;
    char config[2048];
};

static const char RIG_ID[] = "01890a5d-ac96-774b-bcce-b302099a8057";

static inline bool rig_find(void *arg, int64_t team, const char *id, struct tn_integration *out,
                            struct tn_err *err)
{
    struct rig *r = arg;
    if (team != 1 || strcmp(id, RIG_ID) != 0)
        return tn_fail(err, TN_E_not_found, "there is no integration '%s'", id);
    assert_true(tn_id_parse(tn_str(id), &out->id));
    out->team = team;
    out->version = r->version;
    out->enabled = !r->disabled;
    out->name = TN_STR("plant_7");
    out->display_name = TN_STR("Plant 7");
    out->type = TN_STR("ERP");
    out->adapter = TN_STR("oracle_fusion");
    tn_buf_adds(&out->config, r->config);
    return true;
}

static inline struct tn_fileset *rig_files(void)
{
    struct tn_err err;
    struct tn_fileset *f = tn_fileset_read(FIXTURES "/../..", &err);
    if (!f) fail_msg("%s", err.text);
    return f;
}

static inline struct tn_units *rig_load(struct rig *r, struct tn_fileset *files_give)
{
    struct tn_err err;
    struct tn_units *units = tn_units_load(&r->env, files_give, NULL, NULL, NULL, &err);
    if (!units) fail_msg("%s:%d: %s", err.file, err.line, err.text);
    tn_fileset_unref(files_give);
    return units;
}

/* "{}" is the bytes between the braces. */
static inline void rig_config(struct rig *r, const char *more)
{
    snprintf(r->config, sizeof r->config,
             "{\"fusionBaseUrl\":\"http://%s\",\"tokenUrl\":\"http://%s/oauth2/v1/token\","
             "\"clientId\":\"client\",\"clientSecret\":\"secret-of-the-client\","
             "\"retryDelay\":1%s%s}",
             r->address, r->address, more[0] ? "," : "", more);
    r->version++;
}

static inline void rig_open(struct rig *r, tn_http_handler upstream, void *arg)
{
    struct tn_err err;
    struct tn_http_server_options so = {.handle = upstream, .arg = arg};
    struct tn_http_client_options co = {0};
    *r = (struct rig){.version = 1};
    r->loop = tn_loop_new(&err);
    r->host = tn_host_new(r->loop, NULL, &err);
    assert_non_null(r->host);
    r->egress = tn_egress_new();
    assert_true(tn_egress_allow(r->egress, "127.0.0.0/8", &err));
    co.egress = r->egress;
    r->http = tn_http_client_new(r->loop, &co, &err);
    assert_non_null(r->http);
    r->server = tn_http_server_new(r->loop, &so);
    r->fd = tn_http_listen_tcp("127.0.0.1:0", r->address, &err);
    assert_true(r->fd >= 0);
    assert_true(tn_http_server_listen(r->server, r->fd, &err));
    r->env = (struct bind_env){.host = r->host, .http = r->http};
    rig_config(r, "");
}

static inline void rig_connect(struct rig *r)
{
    struct tn_connections_options o = {.env = &r->env, .find = rig_find, .arg = r};
    r->units = rig_load(r, rig_files());
    r->connections = tn_connections_new(&o, r->units);
}

static inline void rig_close(struct rig *r)
{
    tn_connections_free(r->connections);
    tn_units_unref(r->units);
    for (int i = 0; i < 20; i++) tn_loop_turn(r->loop, false);
    tn_host_free(r->host);
    tn_http_client_free(r->http);
    tn_http_server_free(r->server);
    tn_egress_free(r->egress);
    close(r->fd);
    tn_loop_free(r->loop);
}

/* Turns the loop until *flag. */
static inline void rig_until(struct rig *r, const bool *flag)
{
    int64_t end = tn_mono_us() + RIG_PATIENCE_US;
    while (!*flag) {
        if (tn_mono_us() > end) fail_msg("waited too long");
        tn_loop_turn(r->loop, true);
    }
}

#endif
