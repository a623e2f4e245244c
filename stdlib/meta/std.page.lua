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
---@field post? table            the list is asked for with POST: its body, to which limit and offset are added
---@field max_pages? integer
---@field options? tenon.conn.options

---Pages by limit and offset.  Goes on by what came, ends by what the peer says (more, a next link, its total;
---else an empty page), and fails when a page is empty although the peer says that there is more, and when the same page comes twice.  A page that the peer cannot bring in time is halved.
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

---The address with this relation ("next") in the answer's Link header, or nil.
---
---```lua
---page.links(conn, "/items", nil, { rows = "", next = page.link_header })
---```
---@param reply tenon.http.reply
---@param rel? string
---@return string?
function page.link_header(reply, rel) end

---@class tenon.page.numbers
---@field rows? string           "items"
---@field page? string           parameter: which page; "page"
---@field size? string           parameter: rows a page; "pageSize"
---@field first? integer         the number of the first page; 1
---@field size_asked? integer    rows a page; config.batchSize
---@field more? string           in the answer: is there more; "hasMore"
---@field pages? string          in the answer: the number of pages; "totalPages"
---@field total? string          in the answer: the number of rows; "total"
---@field post? table            the list is asked for with POST: its body, to which page and size are added
---@field max_pages? integer
---@field options? tenon.conn.options

---Pages by their number.  Ends by what the peer says (more, else pages, else total), or at an empty page of a peer
---that says nothing; fails when a page is empty although the peer says that there is more.
---@param conn tenon.conn
---@param path string
---@param query? table<string, any>
---@param options? tenon.page.numbers
---@return integer rows
function page.numbers(conn, path, query, options) end

---@class tenon.page.tokens
---@field rows? string           "items"
---@field token? string          parameter that takes the token; "pageToken"
---@field next? string|fun(reply: tenon.http.reply): (string|integer)?   "nextPageToken"
---@field total? string
---@field post? table            the list is asked for with POST: its body, to which the token is added
---@field max_pages? integer
---@field options? tenon.conn.options

---Pages by a token that each answer carries for the next.
---@param conn tenon.conn
---@param path string
---@param query? table<string, any>
---@param options? tenon.page.tokens
---@return integer rows
function page.tokens(conn, path, query, options) end

return page
