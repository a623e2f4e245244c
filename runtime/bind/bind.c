/* SPDX-License-Identifier: MIT */
#include "bind/bind.h"

const struct tn_module bind_modules[] = {
    {"tenon", luaopen_tenon},
    {"tenon.json", luaopen_tenon_json},
    {"tenon.decimal", luaopen_tenon_decimal},
    {"tenon.csv", luaopen_tenon_csv},
    {"tenon.xml", luaopen_tenon_xml},
    {"tenon.fixed", luaopen_tenon_fixed},
    {"tenon.time", luaopen_tenon_time},
    {"tenon.log", luaopen_tenon_log},
    {"tenon.crypto", luaopen_tenon_crypto},
    {"tenon.map", luaopen_tenon_map},
    {"tenon.http", luaopen_tenon_http},
    {"tenon.config", luaopen_tenon_config},
    {"tenon.kv", luaopen_tenon_kv},
    {"tenon.vault", luaopen_tenon_vault},
    {"tenon.store", luaopen_tenon_store},
    {"tenon.event", luaopen_tenon_event},
    {"tenon.gate", luaopen_tenon_gate},
    {"tenon.test", luaopen_tenon_test},
    {"cjson", luaopen_bind_cjson},
    {"cjson.safe", luaopen_bind_cjson_safe},
    {"std.connection", NULL},
    {"std.credential", NULL},
    {"std.oauth2", NULL},
    {"std.options", NULL},
    {"std.page", NULL},
    {"std.retry", NULL},
    {"std.session", NULL},
    {"std.test", NULL},
    {"std.url", NULL},
    {NULL, NULL},
};

const struct bind_context *bind_context(lua_State *L)
{
    const struct bind_context *context = tn_isolate_context(tn_isolate_of(L));
    if (!context) luaL_error(L, "this isolate has no context, so the module cannot work");
    return context;
}
