// SPDX-License-Identifier: MIT
// wait.mjs - waiting for a condition, with a bound.  The only place where a test pauses.

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Asks probe again and again until it answers something true, and gives that; what a probe throws
// counts as "not yet".  After `within` ms it fails and says what was waited for and seen last.
export async function waitFor(what, probe, { within = 15_000, every = 25 } = {}) {
  const end = Date.now() + within;
  let last = "never asked";
  for (;;) {
    try {
      const answer = await probe();
      if (answer) return answer;
      last = `answered ${JSON.stringify(answer)}`;
    } catch (error) {
      last = `threw ${error.message}`;
    }
    if (Date.now() >= end)
      throw new Error(`waited ${within} ms for ${what}; the last look ${last}`);
    await pause(every);
  }
}

// The same promise, or a failure after `within` ms.
export async function within(ms, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
