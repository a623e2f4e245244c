---@meta std.connection
-- `conn`: the connection that the functions of an adapter get.  Its methods return a reply or raise an err.

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
---@field redirects? "any"|"same"|"none"  which redirects of a read are followed (at most five); another origin gets no
---                                   credentials.  "any"; "same" origin; "none"
---@field form? table                 a body, as in tenon.http
---@field multipart? tenon.http.part[]

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

---A text that begins like gzip is unpacked first.  EDIFACT, X12 and IDocs give one record a message, in which
---segments stand by their tag (docs/how-to/read-edi-and-idocs.md).
---@class tenon.conn.format: tenon.csv.options, tenon.xml.options, tenon.fixed.options
---@field format "csv"|"xml"|"fixed"|"ndjson"|"edifact"|"x12"|"idoc"
---@field rows string? EDIFACT, X12 and IDoc: a segment of which each is a record, with its message around it: "LIN"
---@field groups string? EDIFACT and X12: segments that stand below others, "NAD(RFF CTA(COM)) LIN(PIA QTY)"
---@field segments string? IDoc: fields of segments by length or position, "E1EDK03=IDDAT:3,DATUM:8 E1EDK02=QUALF:1-3"

---An answer that is read as it comes, for what is large; conn:emit takes it.  Raises like get.
---
---```lua
---conn:emit(conn:stream("/export.csv"), { format = "csv" })
---```
---@param path string
---@param query? table<string, any>
---@param options? tenon.conn.options  timeout: of everything, 15 minutes
---@return tenon.http.stream
function conn:stream(path, query, options) end

---What the adapter's `tls` says, for the option `tls` of tenon.http in requests of your own; nil when it says nothing.
---@return { ca: string?, cert: string?, key: string? }?
function conn:tls() end

---Hands records to the sync engine, as they are; waits while the engine is behind.  What they were written
---in makes no difference to a mapping: cells of CSV and fixed width and texts of XML are texts.  A record
---that cannot be read (a row with a cell too many) fails alone, with its line and its bytes in quarantine;
---an answer that breaks off (XML that ends, a header that is wrong) raises "bad_answer" after the records
---before it.
---
---```lua
---conn:emit(conn:get("/items", { limit = 500 }), "items", { offset = 500 })
---conn:emit(conn:get("/export.csv", nil, { raw = true }), { format = "csv", delimiter = ";" })
---conn:emit(reply, { format = "xml", rows = "Envelope.Body.GetItemsResponse.Item" }, { page = 2 })
---conn:emit({ { id = 1, name = "Bolt" }, { id = 2 } })
---```
---@param what tenon.http.reply|tenon.http.stream|string|table[]  an answer, a stream, a text, or a list of records
---@param rows? string|tenon.conn.format  path of the array in an answer that is JSON; or what it is written in.
---  Null there is no record, an object one record.  "items?": an answer without that member has no records, too
---@param cursor? any                 where a later run goes on after all of this
---@param total? integer              records in all, for progress
---@return integer                    records that were in it, bad ones included
function conn:emit(what, rows, cursor, total) end

return conn
