-- scripts/resources/item.lua: parts, materials, tools: what an ERP calls an item
local tn = require "tenon"

return tn.resource {
  title  = "Items", path = "/api/v1/items", scope = "team",
  -- a part number means another record in another organization, as in the systems that items come from
  key    = { "partNumber", "organizationCode" },
  fields = {
    tn.text "partNumber" { required = true, min = 1, max = 300 },
    tn.text "partName" { max = 1000 },
    tn.text "partType" { values = { "ASSEMBLY", "COMPONENT", "MODEL", "RAW_MATERIAL", "TOOLING", "EQUIPMENT" } },
    tn.text "unitOfMeasure" { max = 50 },
    tn.text "externalId" { max = 300 },
    tn.text "organizationCode" { max = 50 },
    tn.text "status" { max = 100 },
    tn.decimal "listPrice" { null = true },
    tn.time "lastUpdated" { null = true },
    tn.object "attributes" {},
  },
  list   = {
    filter = { "partNumber", "partType", "externalId", "organizationCode", "status", "lastUpdated" },
    sort   = { "partNumber", "partName", "lastUpdated", "createdAt", "updatedAt" },
    page   = { 50, max = 500 },
  },
}
