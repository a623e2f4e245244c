---@meta std.session
-- Systems with a log-in and a session, such as Teamcenter, EBS or older MES.  One log-in at a time and one session for all
-- workers, kept encrypted; one new log-in when it was lost.

local session = {}

---@class tenon.session.options
---@field of string[]            names of the config fields that say who logs in; the adapter declares them
---@field login fun(conn: tenon.conn): table<string, string>|tenon.http.reply, integer?  over an unsigned conn:
---                              headers for all other requests, or the reply whose cookies are the session;
---                              and for how many seconds it is good.  Raises kind "auth" or "denied" when
---                              it was refused.
---@field lost? fun(reply: tenon.http.reply): boolean  is the session lost, judged by this answer; after a 401 it is in any case
---@field lives? integer         seconds, above 0, when login does not say; 1200

---For an adapter's `auth`.
---
---```lua
---auth = session.login {
---  of    = { "user", "password" },
---  login = function(conn)
---    return conn:post("/core/login", { user = conn.config.user, password = conn.config.password })
---  end,
---  lost  = function(reply) return reply:starts("<html") end,
---}
---```
---@param options tenon.session.options
---@return table
function session.login(options) end

return session
