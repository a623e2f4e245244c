-- std/session.lua: systems that one logs in to and that then know one by a cookie or a token of their own:
-- one log-in at a time, one session for all workers, one new log-in when it was lost.
local tn         = require "tenon"
local json       = require "tenon.json"
local crypto     = require "tenon.crypto"
local credential = require "std.credential"
local options    = require "std.options"
local url        = require "std.url"

local session = {}

local LIVES = 1200                          -- seconds, when the log-in does not say

-- The key of a session: the config with which it was made.
local function key_of(conn, fields)
  local parts = { conn.base or "" }
  for _, name in ipairs(fields) do parts[#parts + 1] = tostring(conn.config[name]) end
  return "session:" .. crypto.sha256(table.concat(parts, "\n"))
end

local function read_only_headers(text)
  local headers = json.decode(text)
  if type(headers) ~= "table" then tn.fail("internal", "a kept session is damaged") end
  return headers
end

local function whole(seconds)
  return math.type(seconds) == "integer" and seconds > 0
end

local SECRETS = { "pass", "secret", "token", "key" }

-- How a refusal begins: who logged in where.  A field whose name sounds like a secret is not shown.
local function who(conn, fields)
  for _, name in ipairs(fields) do
    local open = true
    for _, word in ipairs(SECRETS) do open = open and not name:lower():find(word, 1, true) end
    if open and conn.config[name] ~= nil then
      return ("signing in failed (%s '%s' at %s): "):format(name, tostring(conn.config[name]),
        url.shown(conn.base or "?"))
    end
  end
  return ("signing in failed (at %s): "):format(url.shown(conn.base or "?"))
end

-- Logs in.  login gives a table of headers, or the reply whose cookies are the session.
local function sign_in(conn, o)
  -- The log-in itself goes out unsigned.
  local plain = setmetatable({ auth = { kind = "none" } }, { __index = conn })
  local where = who(conn, o.of)
  local worked, headers, lives = pcall(o.login, plain)
  if not worked then
    local err = headers
    if type(err) ~= "userdata" then error(err, 0) end
    tn.fail(err.kind, where .. err.message)
  end
  if type(headers) == "userdata" then
    local cookies = headers:cookies()
    if not cookies then tn.fail("auth", where .. "the answer sets no cookie; check user and address") end
    headers = { Cookie = cookies }
  end
  if type(headers) ~= "table" or next(headers) == nil then
    tn.fail("script", "login has to return a table of headers, or the reply whose cookies are the session")
  end
  lives = lives or o.lives or LIVES
  if not whole(lives) then
    tn.fail("script", "the seconds that login returns have to be a whole number above 0, not " .. tostring(lives))
  end
  return json.encode(headers), lives
end

local checked = options.checker("session.login", {
  of = { "strings", required = true }, login = { "function", required = true }, lost = { "function" },
  lives = { "integer", min = 1 },
})

-- For an adapter's auth.  login(conn) logs in over conn, which does not sign requests here, and returns the
-- headers that sign all others (or the reply that sets cookies), and for how many seconds they are good.
-- of: names of the config fields that say who logs in.  lost(reply): does this answer mean that the session is
-- gone?  (401 does anyway.)
function session.login(given)
  local o = checked(given)
  local function current(conn, stale)
    return credential.of(key_of(conn, o.of), function() return sign_in(conn, o) end, stale)
  end
  return {
    kind = "session",
    of = o.of,                              -- the adapter's declaration looks for these names
    headers = function(conn)
      local text = current(conn)
      return read_only_headers(text), text
    end,
    renew = function(conn, used) current(conn, used) end,
    lost = o.lost,
  }
end

return session
