---@meta tenon.crypto

--- Digests, signatures, tokens, random bytes, text forms of bytes.
---
--- ```lua
--- local crypto = require "tenon.crypto"
--- local good = crypto.equal(signature, crypto.hmac_sha256(key, body))
--- ```
---@class tenon.crypto
local crypto = {}

--- A digest of the bytes.  md5 and sha1 are for peers that ask for them: they protect nothing.
---@param data string
---@param form "hex"|"base64"|"raw"|nil "hex"
---@return string
function crypto.sha256(data, form) end

---@param data string
---@param form "hex"|"base64"|"raw"|nil "hex"
---@return string
function crypto.sha384(data, form) end

---@param data string
---@param form "hex"|"base64"|"raw"|nil "hex"
---@return string
function crypto.sha512(data, form) end

---@param data string
---@param form "hex"|"base64"|"raw"|nil "hex"
---@return string
function crypto.sha1(data, form) end

---@param data string
---@param form "hex"|"base64"|"raw"|nil "hex"
---@return string
function crypto.md5(data, form) end

--- An HMAC with that digest.
---
--- ```lua
--- local good = crypto.equal(signature, crypto.hmac_sha256(key, body, "base64"))
--- ```
---@param key string
---@param data string
---@param form "hex"|"base64"|"raw"|nil "hex"
---@return string
function crypto.hmac_sha256(key, data, form) end

---@param key string
---@param data string
---@param form "hex"|"base64"|"raw"|nil "hex"
---@return string
function crypto.hmac_sha384(key, data, form) end

---@param key string
---@param data string
---@param form "hex"|"base64"|"raw"|nil "hex"
---@return string
function crypto.hmac_sha512(key, data, form) end

---@param key string
---@param data string
---@param form "hex"|"base64"|"raw"|nil "hex"
---@return string
function crypto.hmac_sha1(key, data, form) end

---@param key string
---@param data string
---@param form "hex"|"base64"|"raw"|nil "hex"
---@return string
function crypto.hmac_md5(key, data, form) end

---@class tenon.jwt.options
---@field algorithms string[] those that are taken: "HS256", "RS256", "PS256", "ES256" (each also 384, 512), "EdDSA"; "none" does not exist
---@field key string|table|nil PEM (public key or certificate), a JWK as a table, or the secret of HS256 and its like
---@field keys table<string, string|table>? the same, by key id (kid)
---@field jwks table|string|nil a JSON Web Key Set, as a table or as its text; keys of other kinds in it do not count
---@field kid string? of key
---@field issuer string? what iss has to be
---@field audience string|string[]|nil what aud has to name, or one of it
---@field leeway integer? seconds by which clocks may differ; 0, up to 600
---@field endless boolean? a token without exp is taken

--- The claims of a token whose signature, exp, nbf, iat, iss and aud hold; numbers are exact.  Else nil and
--- an err: kind "syntax", "signature" or "unauthorized", and err.field says what failed: "token", "alg",
--- "crit", "kid", "signature", "exp", "nbf", "iat", "iss", "aud"; "invalid" for keys that are none.  A key
--- is for algorithms of its kind alone: a public key is never an HMAC secret.
---
--- ```lua
--- local claims, err = crypto.jwt_verify(token, { jwks = jwks, algorithms = { "RS256" },
---   issuer = "https://id.example", audience = "tenon", leeway = 30 })
--- if not claims then tn.fail("unauthorized", err.message) end
--- ```
---@param token string
---@param options tenon.jwt.options
---@return table? claims
---@return tenon.error? err
function crypto.jwt_verify(token, options) end

--- A signed token, as OAuth's private_key_jwt wants it.  Tokens say when they end only if the claims do.
---
--- ```lua
--- local now = tn.now() // 1000
--- local assertion = crypto.jwt_sign({ iss = id, sub = id, aud = url, iat = now, exp = now + 300,
---   jti = crypto.uuid() }, { key = pem, algorithm = "PS256", kid = certificate_id })
--- ```
---@param claims table<string, any>
---@param options {key: string|table, algorithm: string, kid: string?, type: string?} key: a private key in PEM, or a secret; type "JWT"
---@return string? token
---@return tenon.error? err invalid: the key is none, or not one for this algorithm
function crypto.jwt_sign(claims, options) end

--- Compares two texts in constant time: the time does not tell where they differ.
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
