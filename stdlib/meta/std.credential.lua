---@meta std.credential
-- The credential that a log-in gave: one log-in for all tasks and workers.

local credential = {}

---Returns a credential that has not expired.  Tasks that ask at the same time wait for one log-in; its credential
---is kept, encrypted, for all workers until it expires.
---
---```lua
---local token = credential.of("acme:" .. crypto.sha256(user .. url), function()
---  return log_in(conn)                    -- a text, and for how many seconds it is good
---end, refused)
---```
---@param key string             names the credential
---@param log_in fun(): string, integer    raises kind "auth" or "denied" when refused: no log-in for 30 s
---@param stale? string          the credential that a peer has just refused; a new log-in replaces it
---@return string
function credential.of(key, log_in, stale) end

return credential
