// SPDX-License-Identifier: MIT
// exact.mjs - JSON as it stands on the wire: numbers keep their text, which JSON.parse would round.

const token = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs;

// "0.10" becomes the value of number("0.10"); everything else as JSON.parse has it.
export const exact = (text) =>
  JSON.parse(text.replace(token, (t) => (t[0] === '"' ? t : JSON.stringify(number(t)))));

// How exact() shows the number that is written so.  No text from a fake starts with this mark.
export const number = (lexeme) => `\u0001${lexeme}`;
