-- std/credential.lua: what a log-in brought (a token, a session), signed in once for all: one log-in at a
-- time, one credential for all workers, kept encrypted in the vault.
local tn    = require "tenon"
local json  = require "tenon.json"
local vault = require "tenon.vault"
local gate  = require "tenon.gate"

local credential = {}

local PAUSE_MS = 30000                      -- a refused log-in is not tried again for so long
local REFUSED = { auth = true, denied = true }  -- some peers lock an account that is denied too often

-- Of this isolate: what the vault holds, without opening it each time; and what was refused.
local held = {}

local function from_vault(key)
  local text = vault.get(key)
  local kept = text and json.decode(text)
  return type(kept) == "table" and kept or nil
end

local function good(entry, stale)
  return entry and entry.secret and entry.secret ~= stale and entry.expires > tn.now()
end

local function renew(key, entry, log_in, stale)
  if entry.refused_until and entry.refused_until > tn.now() then error(entry.refused, 0) end
  local worked, secret, lives = pcall(log_in)
  if not worked then
    local err = secret
    if type(err) == "userdata" and REFUSED[err.kind] then
      entry.refused, entry.refused_until = err, tn.now() + PAUSE_MS
    end
    error(err, 0)
  end
  if secret == stale then
    tn.fail("auth", "signing in again brought the very credential that the peer had just refused")
  end
  local expires = tn.now() + lives * 1000
  entry.secret, entry.expires, entry.refused_until = secret, expires, nil
  if lives > 0 then vault.put(key, json.encode { secret = secret, expires = expires }, lives) end
  return secret
end

-- A credential that is good as far as we know, other than stale (the one that was just refused).
-- log_in() gives it (a text) and for how many seconds it is good; it raises kind "auth" or "denied" when it was
-- refused, and is then left alone for 30 s.  key says whose it is: name all that it depends on, and hash it.
function credential.of(key, log_in, stale)
  local entry = held[key] or {}
  held[key] = entry
  if good(entry, stale) then return entry.secret end
  local _ <close> = gate.enter(key)
  if good(entry, stale) then return entry.secret end
  local kept = from_vault(key)
  if good(kept, stale) then
    entry.secret, entry.expires, entry.refused_until = kept.secret, kept.expires, nil
    return kept.secret
  end
  return renew(key, entry, log_in, stale)
end

return credential
