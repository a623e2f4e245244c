---@meta tenon.csv

--- Comma-separated values (RFC 4180).  Cells are texts, exactly as they stand; an empty one without
--- quotes is json.null.  A column without a name is passed over; a value in it is a fault of its row.  Columns of
--- one name are one member, the list of their cells: map.from "name[0]".  A first line "sep=;" names the delimiter.
---
--- ```lua
--- local csv = require "tenon.csv"
--- for line, record, err in csv.rows(text, { delimiter = ";", decimal_comma = { "price" } }) do
---   if err then log.warn(err.message) else use(record.number, record.price) end
--- end
--- ```
---@class tenon.csv
local csv = {}

---@class tenon.csv.options
---@field delimiter string? ","; one character
---@field encoding string? as iconv names it: "windows-1252", "iso-8859-15", "shift_jis", "utf-16"; without it UTF-8, or what
---  a byte order mark or the charset of an answer says
---@field decimal_comma string|string[]|nil columns whose "1.249,50" becomes "1249.50"; "*": all.  A point there separates
---  groups of three digits: "1.250" is 1250, and a row with "12.50" is a fault
---@field skip_lines integer? lines before the header (or before the first record, with header) that are passed over
---@field skip_footer integer? rows at the end that are passed over, such as totals; at most 100
---@field comment string? one character; a line that begins with it is passed over
---@field header string[]? names of the columns of a text whose first row is a record

--- All records, in order; or nil and the err (syntax, too_large) of the first row that is wrong:
--- err.line is its line in the text.
---@param text string
---@param options tenon.csv.options?
---@return table<string, any>[]? records
---@return tenon.error? err
function csv.parse(text, options) end

--- Iterates over the rows and holds one at a time.  A wrong row gives its line, nil and an err, and the next rows
--- follow; a wrong header does the same and ends the iteration.
---@param text string
---@param options tenon.csv.options?
---@return fun(): integer?, table<string, any>?, tenon.error?
function csv.rows(text, options) end

--- A row of names, then a row for each record, lines ended by CR LF.  Lists and objects are written as
--- JSON, nil and null as nothing; a text that a spreadsheet would take for a formula gets a ' in front.
---
--- ```lua
--- local text = csv.write({ { id = 1, name = "Bolt" } }, { "id", "name" })
--- ```
---@param records table<string, any>[]
---@param columns string[] names of the members, in order
---@param options {delimiter: string?, header: boolean?}? header false: no row of names
---@return string? text
---@return tenon.error? err too_large: more than 16 MiB
function csv.write(records, columns, options) end

return csv
