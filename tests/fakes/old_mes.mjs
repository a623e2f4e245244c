// SPDX-License-Identifier: MIT
// old_mes.mjs - a system of the time before JSON: it exports its parts as CSV, XML, fixed width,
// lines, EDIFACT and IDocs, whatever is asked for.  Knows nothing of the side under test.
import http from "node:http";
import { gzipSync } from "node:zlib";

const csvCell = (text) => (/[";\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
const xmlText = (text) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const price = (part) => part.price.replace(/\B(?=(\d{3})+,)/g, ".");

const csvRow = (p) => [p.number, csvCell(p.name), p.kind, price(p)].join(";");
const xmlPart = (p) =>
  `<p:Part no="${p.number}"><p:Name>${xmlText(p.name)}</p:Name><Kind>${p.kind}</Kind>` +
  `<Price cur="EUR">${p.price.replace(",", ".")}</Price></p:Part>`;
const fixedLine = (p) =>
  p.number.padEnd(10) + p.name.padEnd(30) + p.kind.padEnd(4) + p.price.replace(",", ".").padStart(12);
const jsonLine = (p) =>
  `{"no":"${p.number}","name":${JSON.stringify(p.name)},"kind":"${p.kind}","price":${p.price.replace(",", ".")}}`;

const ediText = (text) => text.replace(/[?+:']/g, "?$&");
const ediMessage = (p, i) =>
  [`UNH+${i + 1}+PRODAT:D:96A:UN`, `LIN+1++${p.number}:VP`, `IMD+F++:::${ediText(p.name)}`, `FTX+ZZZ+++${p.kind}`,
    `PRI+AAA:${p.price.replace(",", ".")}`, `UNT+6+${i + 1}`].map((s) => `${s}'`).join("\n");
const idocLine = (name, docnum, number, data) => `${name.padEnd(30)}100${docnum}${number}00000001${data}`;
const idoc = (p, i) => {
  const docnum = String(i + 1).padStart(16, "0");
  return [`EDI_DC40  100${docnum}740 302   MATMAS05`,
    idocLine("E2MARAM005", docnum, "000001", p.number.padEnd(18) + p.kind.padEnd(4) + p.price.replace(",", ".")),
    idocLine("E2MAKTM001", docnum, "000002", `E${p.name}`)].join("\r\n");
};

const exports = {
  "/parts.csv": (parts) => `Nummer;Name;Art;Preis\r\n${parts.map(csvRow).join("\r\n")}\r\n`,
  "/parts.xml": (parts) =>
    `<?xml version="1.0"?>\n<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>` +
    `<r:GetPartsResponse xmlns:r="urn:mes:parts" xmlns:p="urn:mes:part">\n` +
    `${parts.map(xmlPart).join("\n")}\n</r:GetPartsResponse></s:Body></s:Envelope>\n`,
  "/parts.txt": (parts) => `${parts.map(fixedLine).join("\n")}\n`,
  "/parts.edi": (parts) =>
    `UNB+UNOY:3+MES+US+260305:1030+1'\n${parts.map(ediMessage).join("\n")}\nUNZ+${parts.length}+1'\n`,
  "/parts.idoc": (parts) => `${parts.map(idoc).join("\r\n")}\r\n`,
  // two gzip members: what an export job appends to the file of yesterday
  "/parts.csv.gz": (parts) => {
    const text = exports["/parts.csv"](parts);
    const half = text.length >> 1;
    return Buffer.concat([gzipSync(text.slice(0, half)), gzipSync(text.slice(half))]);
  },
  "/parts.ndjson": (parts) => `${parts.map(jsonLine).join("\n")}\n`,
};

export class OldMes {
  constructor(count) {
    this.requests = [];
    this.spoil = (text) => text; // what happens to an export on its way
    this.parts = Array.from({ length: count }, (_, i) => ({
      number: `P${String(i + 1).padStart(5, "0")}`,
      name: i % 7 ? `Part ${i + 1}` : `Bolt; <M${i}> & "nut"`,
      kind: i % 2 ? "BUY" : "MAKE",
      price: `${1000 + i},50`,
    }));
  }

  async start() {
    this.server = http.createServer((request, response) => {
      const parts = [];
      request.on("data", (part) => parts.push(part));
      request.on("end", () => {
        const body = Buffer.concat(parts).toString("utf8");
        this.requests.push({ method: request.method, url: request.url, headers: request.headers, body });
        const write = exports[new URL(request.url, "http://mes").pathname];
        response.writeHead(write ? 200 : 404, { "content-type": "application/octet-stream" });
        response.end(write ? this.spoil(write(this.parts), request.url) : "");
      });
    });
    await new Promise((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
