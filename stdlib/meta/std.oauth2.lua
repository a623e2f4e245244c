---@meta std.oauth2
-- OAuth 2.0 for machines.

local oauth2 = {}

---@class tenon.oauth2.names     names of config fields
---@field token_url string
---@field id string
---@field secret string
---@field scopes? string         a list or a text
---@field style? string          "basic" (an Authorization header; the usual) or "body"
---@field audience? string       of whom the token is for; goes into the body of the token request
---@field params? table<string, string>  further parameters of the token request, each with its config field

---The client credentials grant, for an adapter's `auth`: one log-in at a time, a token for all workers in
---the vault, one renewal after a 401, wrong credentials not tried again for 30 s.
---@param names tenon.oauth2.names
---@return table
function oauth2.client_credentials(names) end

return oauth2
