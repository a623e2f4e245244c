-- std/oauth2.lua: OAuth 2.0 for machines: the client credentials grant (RFC 6749 section 4.4).
local tn         = require "tenon"
local http       = require "tenon.http"
local crypto     = require "tenon.crypto"
local credential = require "std.credential"
local options    = require "std.options"
local url        = require "std.url"

local oauth2 = {}

local EARLY = 60                            -- seconds before its end a token is no longer used
local RETRIES = 3                           -- of an adapter whose config does not say
local LIFETIME = 300                        -- of a token whose answer does not say

local function form(fields)
  local parts = {}
  for _, field in ipairs(fields) do
    local name, value = field[1], field[2]
    if value and value ~= "" then parts[#parts + 1] = name .. "=" .. crypto.urlencode(value) end
  end
  return table.concat(parts, "&")
end

local function settings(conn, names)
  local c = conn.config
  local scopes = c[names.scopes]
  if type(scopes) == "table" then
    local list = {}
    for i, scope in ipairs(scopes) do list[i] = tostring(scope) end
    scopes = table.concat(list, " ")
  end
  local s = { url = c[names.token_url], id = c[names.id], secret = c[names.secret], scopes = scopes,
              style = names.style and c[names.style] or "basic", more = {} }
  local extra = { audience = names.audience }
  for name, field in pairs(names.params or {}) do extra[name] = field end
  for name, field in pairs(extra) do
    local value = c[field]
    if value ~= nil then s.more[#s.more + 1] = { name, tostring(value) } end
  end
  table.sort(s.more, function(a, b) return a[1] < b[1] end)
  s.key = "oauth2:" .. crypto.sha256(table.concat({ s.url, s.id, s.secret, s.scopes or "", s.style, form(s.more) },
    "\n"))
  return s
end

local function request(conn, s)
  local headers = { ["Content-Type"] = "application/x-www-form-urlencoded", Accept = "application/json" }
  local fields = { { "grant_type", "client_credentials" }, { "scope", s.scopes or "" } }
  if s.style == "body" then
    fields[3], fields[4] = { "client_id", s.id }, { "client_secret", s.secret }
  else
    headers.Authorization = "Basic " .. crypto.base64(crypto.urlencode(s.id) .. ":" .. crypto.urlencode(s.secret))
  end
  for _, field in ipairs(s.more) do fields[#fields + 1] = field end
  return http.request { method = "POST", url = s.url, headers = headers, body = form(fields), safe = true,
                        timeout = conn.config.timeout, attempts = 1 + (conn.config.retryAttempts or RETRIES),
                        delay = conn.config.retryDelay, throttle = false }
end

local MEANING = {
  invalid_client = "the client id or the client secret is wrong",
  unauthorized_client = "this client may not use the client credentials grant",
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
  local lives = math.tointeger(tonumber(body.expires_in)) or LIFETIME
  return token, math.max(lives - math.min(EARLY, lives // 2), 0)
end

local function token_of(conn, s, stale)
  return credential.of(s.key, function() return log_in(conn, s) end, stale)
end

local checked = options.checker("oauth2.client_credentials", {
  token_url = { "string", required = true }, id = { "string", required = true },
  secret = { "string", required = true }, scopes = { "string" }, style = { "string" },
  audience = { "string" }, params = { "table" },
})

-- names: which config fields hold token_url, id, secret, scopes (a list or a text) and, if it can be
-- chosen, style: "basic" (an Authorization header) or "body"; audience; and params, further parameters of the token
-- request: for each name the config field with its value.
function oauth2.client_credentials(names)
  checked(names)
  return {
    kind = "oauth2",
    headers = function(conn)
      local token = token_of(conn, settings(conn, names))
      return { Authorization = "Bearer " .. token }, token
    end,
    renew = function(conn, used)
      token_of(conn, settings(conn, names), used)
    end,
  }
end

return oauth2
