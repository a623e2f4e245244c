---@meta std.credential
-- The credential that a log-in gave: one log-in for all tasks and workers.

local credential = {}

---A credential that is good as far as is known.  Tasks that come together wait for one log-in; what it
---brought is kept, encrypted, for all workers until it ends.
---
---```lua
---local token = credential.of("acme:" .. crypto.sha256(user .. url), function()
---  return log_in(conn)                    -- a text, and for how many seconds it is good
---end, refused)
---```
---@param key string             whose it is
---@param log_in fun(): string, integer    raises kind "auth" or "denied" when it was refused: left alone for 30 s
---@param stale? string          the one that was just refused: another is wanted
---@return string
function credential.of(key, log_in, stale) end

return credential
