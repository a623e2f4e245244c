---@meta std.url
-- Addresses of the peer's links.

local url = {}

---With spaces and all that an address may not have as %XX.
---@param text string
---@return string
function url.escaped(text) end

---The whole address of a link that stood in the answer to base (RFC 3986, section 5).
---@param base string  a whole address
---@param link string
---@return string
function url.resolve(base, link) end

---Scheme, host and port, in small letters; nil of a text that is no whole address.
---@param text string
---@return string?
function url.origin(text) end

---In words, what differs between two origins.
---@param a string
---@param b string
---@return string
function url.difference(a, b) end

---An address without user, query and fragment, as a message may show it.
---@param text string
---@return string
function url.shown(text) end

return url
