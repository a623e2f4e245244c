---@meta std.oauth2
-- OAuth 2.0 for machines.

local oauth2 = {}

---@class tenon.oauth2.names     names of config fields
---@field token_url string
---@field id string
---@field secret? string         of the client
---@field scopes? string         a list or a text
---@field style? string          "basic" (an Authorization header; the usual) or "body"
---@field audience? string       of whom the token is for; goes into the body of the token request
---@field params? table<string, string>  further parameters of the token request, each with its config field

---@class tenon.oauth2.signed: tenon.oauth2.names
---@field key? string            a private key in PEM, with which the client signs who it is
---@field algorithm? string      "RS256" unless named
---@field kid? string            the key's name
---@field assertion_audience? string  for whom the signed assertion is meant; the token address unless named

---@class tenon.oauth2.user: tenon.oauth2.names
---@field user string
---@field password string

---@class tenon.oauth2.refresh: tenon.oauth2.names
---@field refresh_token string

---@class tenon.oauth2.bearer: tenon.oauth2.signed
---@field subject? string        for whom the assertion asks; the issuer (id) unless named

---The client credentials grant, for an adapter's `auth`: one log-in at a time, a token for all workers in
---the vault, one renewal after a 401, wrong credentials not tried again for 30 s. With `key` instead of `secret`
---the client signs who it is (private_key_jwt).
---
---```lua
---auth = oauth2.client_credentials { token_url = "tokenUrl", id = "clientId", secret = "clientSecret" }
---```
---@param names tenon.oauth2.signed
---@return table
function oauth2.client_credentials(names) end

---The password grant: the log-in of a user.
---@param names tenon.oauth2.user
---@return table
function oauth2.password(names) end

---The refresh token grant. A new refresh token that the peer gives is kept in the vault and used from then on, until
---the config has another one.
---@param names tenon.oauth2.refresh
---@return table
function oauth2.refresh_token(names) end

---The JWT bearer grant (RFC 7523).
---@param names tenon.oauth2.bearer
---@return table
function oauth2.jwt_bearer(names) end

return oauth2
