/* SPDX-License-Identifier: MIT */
/* bind_jwt.h - the JSON Web Tokens of tenon.crypto (crypto/jwt.h). */
#ifndef TN_BIND_BIND_JWT_H
#define TN_BIND_BIND_JWT_H

#include "bind/bind.h"

int bind_jwt_verify(lua_State *L); /* jwt_verify(token, options) */
int bind_jwt_sign(lua_State *L);   /* jwt_sign(claims, options) */

#endif
