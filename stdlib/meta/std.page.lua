---@meta std.page
-- Walks over lists that come in pages; every page goes to the sync engine.

local page = {}

---@class tenon.page.offset
---@field rows? string           "items"
---@field limit? string          parameter: how many; "limit"
---@field offset? string         parameter: from where; "offset"
---@field more? string           in the answer: is there more; "hasMore"
---@field links? string          in the answer: links, one of them with rel "next"; "links"
---@field size? string           in the answer: rows of a full page; "limit"
---@field total? string          in the answer: rows in all; "totalResults"
---@field size_asked? integer    rows a page; config.batchSize
---@field first? table<string, any>  parameters of the first request alone
---@field max_pages? integer
---@field options? tenon.conn.options

---Pages by limit and offset.  Goes on by what came, ends by what the peer says (or an empty page), and
---fails when the same page comes twice.  A page that the peer cannot bring in time is halved.
---@param conn tenon.conn
---@param path string
---@param query? table<string, any>
---@param options? tenon.page.offset
---@return integer rows
function page.offset(conn, path, query, options) end

---@class tenon.page.links
---@field rows? string           "value"
---@field next? string|fun(reply: tenon.http.reply): string?   "@odata.nextLink"
---@field total? string
---@field max_pages? integer
---@field options? tenon.conn.options

---Pages by the address of the next one.
---@param conn tenon.conn
---@param path string
---@param query? table<string, any>
---@param options? tenon.page.links
---@return integer rows
function page.links(conn, path, query, options) end

return page
