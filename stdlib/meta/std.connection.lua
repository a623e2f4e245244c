---@meta std.connection
-- `conn`: what the functions of an adapter get.  Its methods return a reply or raise an err.

---@class tenon.conn
---@field config table<string, any>   decrypted, defaults filled in, read-only
---@field resume any                  where to go on: the cursor of the last page that was stored; nil at the start
local conn = {}

---@class tenon.conn.options
---@field query? table<string, any>
---@field headers? table<string, string>
---@field accept? string              "application/json"
---@field timeout? integer            ms; config.timeout
---@field retries? integer            config.retryAttempts
---@field safe? boolean               may be carried out twice; true for get
---@field raw? boolean                the answer need not be JSON

---@param path string                 appended to the base, or an address on the base's own host
---@param query? table<string, any>
---@param options? tenon.conn.options
---@return tenon.http.reply
function conn:get(path, query, options) end

---@param path string
---@param body? table|string          a table is sent as JSON
---@param options? tenon.conn.options
---@return tenon.http.reply
function conn:post(path, body, options) end

---@param path string
---@param body? table|string
---@param options? tenon.conn.options
---@return tenon.http.reply
function conn:put(path, body, options) end

---@param path string
---@param body? table|string
---@param options? tenon.conn.options
---@return tenon.http.reply
function conn:patch(path, body, options) end

---@param path string
---@param query? table<string, any>
---@param options? tenon.conn.options
---@return tenon.http.reply
function conn:delete(path, query, options) end

---Hands a page of records to the sync engine, as they are; waits while it is a page behind.
---@param reply tenon.http.reply
---@param rows string                 path of the array; "" for an answer that is the array
---@param cursor? any                 where a later run goes on after this page
---@param total? integer              records in all, for progress
---@return integer                    records in this page
function conn:emit(reply, rows, cursor, total) end

return conn
