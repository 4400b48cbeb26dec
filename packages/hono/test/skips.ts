const past = "Hono answers by a Response; what a handler writes past it on the Node response (RESPONSE_ALREADY_SENT) no middleware sees";
const nothing = "a fetch-only runtime has no Node response beneath the app's Response";

/** The tests in which the app answers by itself on the Node response. */
const takeOver = [
  ...["raw, appended", "by writeHead with an object", "by writeHead with a reason and an object", "by writeHead with a list"],
  ...["raw, before a writeHead of something else", "raw, after a command"],
]
  .map((how) => `written ${how}`)
  .concat(["a raw end", "a raw writeHead and end", "raw flushHeaders"].map((way) => `an answer by ${way}`))
  .concat([
    "an answer that may be fresh carries no cookie, and its headers stay; they are set by writeHead",
    "an answer that may be stored becomes private with our cookie, and stays without it; its headers are set by writeHead",
    "an answer that is kept from caches carries our cookie and stays; its headers are set by writeHead",
  ]);
/** Those in which it only sets headers there, or is there without it. */
const raw = [
  "written raw, and the framework answers",
  "written raw, by the framework and by the session library, mounted before km()",
  "written raw, by the framework and by the session library, mounted after km()",
  "with an object in place of a response: km is there, its commands leave, nothing is thrown",
];
const because = (titles: readonly string[], reason: string) => Object.fromEntries(titles.map((title) => [title, reason]));

export const onNode: Readonly<Record<string, string>> = because(takeOver, past);
export const onTheEdge: Readonly<Record<string, string>> = because([...takeOver, ...raw], nothing);
