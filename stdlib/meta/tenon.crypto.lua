---@meta tenon.crypto

--- Digests, signatures, random bytes, text forms of bytes.
---
--- ```lua
--- local crypto = require "tenon.crypto"
--- local good = crypto.equal(signature, crypto.hmac_sha256(key, body))
--- ```
---@class tenon.crypto
local crypto = {}

--- Hex digits.
---@param data string
---@return string
function crypto.sha256(data) end

---@param key string
---@param data string
---@param form "hex"|"base64"|"raw"|nil "hex"
---@return string
function crypto.hmac_sha256(key, data, form) end

--- The time it takes says nothing about where the texts differ.
---@param a string
---@param b string
---@return boolean
function crypto.equal(a, b) end

--- Random bytes as hex digits.
---@param bytes integer? 32; 1 to 1024
---@return string
function crypto.random(bytes) end

--- A UUID version 7.
---@return string
function crypto.uuid() end

---@param data string
---@return string
function crypto.base64(data) end

--- nil and an err of kind "invalid" when the text is not base64.
---@param text string
---@return string? data
---@return tenon.error? err
function crypto.unbase64(text) end

--- The alphabet for URLs, not padded.
---@param data string
---@return string
function crypto.base64url(data) end

---@param text string
---@return string? data
---@return tenon.error? err
function crypto.unbase64url(text) end

---@param data string
---@return string
function crypto.hex(data) end

---@param text string
---@return string? data
---@return tenon.error? err
function crypto.unhex(text) end

--- All but letters, digits and - . _ ~ as %XX.
---@param text string
---@return string
function crypto.urlencode(text) end

---@param text string
---@return string? data
---@return tenon.error? err
function crypto.urldecode(text) end

return crypto
