---@meta tenon.xml

--- XML as records: an element with nothing but text is a text; with attributes or elements it is a table,
--- in which "@name" is an attribute, "#text" the text, elements stand by their local name, and those that
--- come more than once as a list.  xsi:nil="true" is json.null.  Prefixes do not count.  A DOCTYPE is
--- passed over, and the file that it names is not read; one that declares anything is refused, so there are no
--- entities but the five of XML itself.
---
--- ```lua
--- local xml = require "tenon.xml"
--- local body = xml.write { "soap:Envelope", ["xmlns:soap"] = "http://schemas.xmlsoap.org/soap/envelope/",
---   { "soap:Body", { "GetItem", xmlns = "urn:plm", { "Id", 17 }, { "Note", text } } } }
--- local answer, err = xml.parse(reply:text())
--- local item = answer.Body.GetItemResponse.Item
--- ```
---@class tenon.xml
local xml = {}

---@class tenon.xml.options
---@field rows string? names from the root on, "Envelope.Body.Items.Item"; one name: elements of that name wherever they are; "": all that is directly in the root
---@field encoding string? as for tenon.csv; it counts more than what the document says of itself

--- Without options the root as one record, and its name.  With rows: an array of these records.  nil and
--- an err (syntax, too_large) for what is no XML: err.line is the line in the text.
---@param text string
---@param options tenon.xml.options?
---@return table? record
---@return string|tenon.error|nil root
function xml.parse(text, options) end

--- One record after the other, in the memory of one: the line at which it begins, and the record.  What
--- is no XML ends it with a line, nil and an err; the records before it were given.
---@param text string
---@param options tenon.xml.options
---@return fun(): integer?, table?, tenon.error?
function xml.rows(text, options) end

--- A document from a table: the name first, then texts, numbers, booleans and elements; text keys are
--- attributes.  All is escaped.  json.null stands for nothing.  nil and an err of kind "invalid" when a
--- text has a character that XML has not; a wrong name raises.
---@param element table
---@param options {declaration: boolean?}? false: no <?xml ...?> in front
---@return string? text
---@return tenon.error? err
function xml.write(element, options) end

--- The text as it may stand in an element or in an attribute between double quotes.
---@param text string
---@return string? escaped
---@return tenon.error? err
function xml.escape(text) end

return xml
