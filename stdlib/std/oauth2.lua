-- std/oauth2.lua: OAuth 2.0 for machines: client credentials, password and refresh token (RFC 6749 sections 4.4, 4.3
-- and 6), JWT bearer (RFC 7523).
local tn         = require "tenon"
local http       = require "tenon.http"
local crypto     = require "tenon.crypto"
local credential = require "std.credential"
local options    = require "std.options"
local url        = require "std.url"
local vault      = require "tenon.vault"

local oauth2 = {}

local EARLY = 60                            -- seconds before its end a token is no longer used
local RETRIES = 3                           -- of an adapter whose config does not say
local LIFETIME = 300                        -- of a token whose answer does not say
local ASSERTION = 300                       -- seconds for which a signed assertion is good
local KEPT = 400 * 86400                    -- seconds for which a new refresh token is kept
local CLIENT_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

local function form(fields)
  local parts = {}
  for _, field in ipairs(fields) do
    local name, value = field[1], field[2]
    if value and value ~= "" then parts[#parts + 1] = name .. "=" .. crypto.urlencode(value) end
  end
  return table.concat(parts, "&")
end

local function joined(scopes)
  if type(scopes) ~= "table" then return scopes end
  local list = {}
  for i, scope in ipairs(scopes) do list[i] = tostring(scope) end
  return table.concat(list, " ")
end

-- The parameters that the adapter names itself, in one order.
local function more_of(c, names)
  local more, extra = {}, { audience = names.audience }
  for name, field in pairs(names.params or {}) do extra[name] = field end
  for name, field in pairs(extra) do
    if c[field] ~= nil then more[#more + 1] = { name, tostring(c[field]) } end
  end
  table.sort(more, function(a, b) return a[1] < b[1] end)
  return more
end

-- What the config says; key: a hash of all on which the token depends.
local function settings(conn, names, grant)
  local c = conn.config
  local s = { url = c[names.token_url], id = c[names.id], secret = names.secret and c[names.secret],
              scopes = joined(c[names.scopes]), style = names.style and c[names.style] or "basic",
              more = more_of(c, names), grant = grant, names = names, config = c }
  local of = { grant.name, s.url, s.id or "", s.secret or "", s.scopes or "", s.style, form(s.more) }
  for _, option in ipairs(grant.of or {}) do
    of[#of + 1] = names[option] and tostring(c[names[option]] or "") or ""
  end
  s.key = "oauth2:" .. crypto.sha256(table.concat(of, "\n"))
  return s
end

-- A token signed with the private key of the config, which says who we are (RFC 7523).
local function assertion(s, subject)
  local c, names = s.config, s.names
  local now = tn.now() // 1000
  local token, err = crypto.jwt_sign({ iss = s.id, sub = subject or s.id,
    aud = names.assertion_audience and c[names.assertion_audience] or s.url, iat = now, exp = now + ASSERTION,
    jti = crypto.uuid() }, { key = c[names.key], kid = names.kid and c[names.kid] or nil,
    algorithm = names.algorithm and c[names.algorithm] or "RS256" })
  return token or tn.fail("invalid", "the private key of the integration is of no use: " .. err.message)
end

local function add(fields, more)
  for _, field in ipairs(more) do fields[#fields + 1] = field end
end

-- How the client says who it is: a signed assertion, a form field or a header; a public client by its id alone.
local function identify(s, fields, headers)
  if s.grant.anonymous then return end
  if s.names.key then
    add(fields, { { "client_id", s.id }, { "client_assertion_type", CLIENT_ASSERTION },
                  { "client_assertion", assertion(s) } })
  elseif s.style == "body" or not s.secret then
    add(fields, { { "client_id", s.id }, { "client_secret", s.secret } })
  else
    headers.Authorization = "Basic " .. crypto.base64(crypto.urlencode(s.id) .. ":" .. crypto.urlencode(s.secret))
  end
end

local function request(conn, s)
  local headers = { ["Content-Type"] = "application/x-www-form-urlencoded", Accept = "application/json" }
  local fields = { { "grant_type", s.grant.type }, { "scope", s.scopes or "" } }
  add(fields, s.grant.fields and s.grant.fields(s) or {})
  identify(s, fields, headers)
  add(fields, s.more)
  return http.request { method = "POST", url = s.url, headers = headers, body = form(fields), safe = not s.grant.once,
                        tls = conn:tls(), timeout = conn.config.timeout,
                        attempts = 1 + (conn.config.retryAttempts or RETRIES),
                        delay = conn.config.retryDelay, throttle = false }
end

local MEANING = {
  invalid_client = "the client id or the client secret is wrong",
  invalid_grant = "the user, the password, the refresh token or the assertion is wrong, used up or out of date",
  unauthorized_client = "this client may not use this grant",
  invalid_scope = "a scope is unknown, or this client may not ask for it",
}

-- How a refusal begins: who logged in where.
local function failed(s)
  return ("signing in failed (client '%s' at %s): "):format(s.id, url.shown(s.url))
end

local function fail(reply, s)
  local body = reply:json()
  if type(body) ~= "table" then body = {} end
  local code = type(body.error) == "string" and body.error or nil
  local said = type(body.error_description) == "string" and " (" .. body.error_description:sub(1, 200) .. ")" or ""
  local meaning = code and MEANING[code]
  if meaning then tn.fail("auth", failed(s) .. meaning .. said .. " [" .. code .. "]") end
  local kind = (reply.status == 401 or reply.status == 400) and "auth" or reply.status == 403 and "denied"
    or reply.status >= 500 and "unavailable" or "upstream"
  tn.fail(kind, failed(s) .. ("the token address answered HTTP %d%s%s"):format(reply.status,
    code and " " .. code:sub(1, 60) or "", said))
end

local function log_in(conn, s)
  local reply, err = request(conn, s)
  if not reply then tn.fail(err.kind, failed(s) .. err.message) end
  if reply.status ~= 200 and reply.status ~= 201 then fail(reply, s) end
  local body = reply:json()
  local token = type(body) == "table" and body.access_token
  if type(token) ~= "string" or token == "" or token:find("[%c%s]") then
    tn.fail("bad_answer", failed(s) .. "the token address answered no token; check the address")
  end
  if s.grant.answered then s.grant.answered(s, body) end
  local lives = math.tointeger(tonumber(body.expires_in)) or LIFETIME
  return token, math.max(lives - math.min(EARLY, lives // 2), 0)
end

local function token_of(conn, s, stale)
  return credential.of(s.key, function() return log_in(conn, s) end, stale)
end

-- What every grant takes.
local COMMON = {
  token_url = { "string", required = true }, id = { "string", required = true }, secret = { "string" },
  scopes = { "string" }, style = { "string" }, audience = { "string" }, params = { "table" },
}
local SIGNED = { key = { "string" }, algorithm = { "string" }, kid = { "string" }, assertion_audience = { "string" } }

local function taking(name, ...)
  local all = {}
  for _, rows in ipairs { COMMON, ... } do
    for option, row in pairs(rows) do all[option] = row end
  end
  return options.checker("oauth2." .. name, all)
end

-- An adapter's auth: one log-in at a time, one token for all workers.
local function auth_of(grant, names)
  return {
    kind = "oauth2",
    headers = function(conn)
      local token = token_of(conn, settings(conn, names, grant))
      return { Authorization = "Bearer " .. token }, token
    end,
    renew = function(conn, used)
      token_of(conn, settings(conn, names, grant), used)
    end,
  }
end

local CLIENT = { name = "client_credentials", type = "client_credentials", of = { "key", "kid" },
                 checked = taking("client_credentials", SIGNED) }

-- names: which config fields hold token_url, id, secret, scopes (a list or a text) and, if it can be
-- chosen, style: "basic" (an Authorization header) or "body"; audience; and params, further parameters of the token
-- request: for each name the config field with its value.  Instead of secret: key, a private key in PEM with which the
-- client signs who it is, algorithm, kid and assertion_audience.
function oauth2.client_credentials(names)
  CLIENT.checked(names)
  if not names.secret and not names.key then
    tn.fail("script", "oauth2.client_credentials: one of 'secret' and 'key' has to be there")
  end
  return auth_of(CLIENT, names)
end

local PASSWORD = { name = "password", type = "password", of = { "user", "password" },
                   checked = taking("password", { user = { "string", required = true },
                                                  password = { "string", required = true } }) }
function PASSWORD.fields(s)
  return { { "username", s.config[s.names.user] }, { "password", s.config[s.names.password] } }
end

-- The same, for a user: user and password name config fields, too.  secret may be left out (a public client).
function oauth2.password(names) return auth_of(PASSWORD, PASSWORD.checked(names)) end

-- A peer may give a new refresh token with each answer, and the old one is then used up: the new one is kept in the
-- vault before the access token is used.
local REFRESH = { name = "refresh_token", type = "refresh_token", of = { "refresh_token" }, once = true,
                  checked = taking("refresh_token", { refresh_token = { "string", required = true } }) }
function REFRESH.fields(s)
  return { { "refresh_token", vault.get(s.key .. ":refresh") or s.config[s.names.refresh_token] } }
end
function REFRESH.answered(s, body)
  if type(body.refresh_token) ~= "string" or body.refresh_token == "" then return end
  local kept, err = vault.put(s.key .. ":refresh", body.refresh_token, KEPT)
  if not kept then tn.fail(err.kind, failed(s) .. "the new refresh token cannot be kept: " .. err.message) end
end

-- The same with a refresh token that somebody got by signing in in a browser: refresh_token names its config field.
function oauth2.refresh_token(names) return auth_of(REFRESH, REFRESH.checked(names)) end

local BEARER = { name = "jwt_bearer", type = "urn:ietf:params:oauth:grant-type:jwt-bearer",
                 of = { "key", "kid", "subject" }, anonymous = true,
                 checked = taking("jwt_bearer", SIGNED, { key = { "string", required = true },
                                                          subject = { "string" } }) }
function BEARER.fields(s)
  return { { "assertion", assertion(s, s.names.subject and s.config[s.names.subject]) } }
end

-- The same with a signed assertion instead of a secret: id is its issuer, subject for whom it is (the issuer, unless
-- named), key a private key in PEM, assertion_audience for whom it is meant (the token address, unless named).
function oauth2.jwt_bearer(names) return auth_of(BEARER, BEARER.checked(names)) end

return oauth2
