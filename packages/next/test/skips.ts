const because = (reason: string, ...titles: string[]) => Object.fromEntries(titles.map((title) => [title, reason]));

const everywhere: Readonly<Record<string, string>> = {
  ...because(
    "Next hands no Node response to a route handler, which answers by the Response that it returns",
    ...["raw, and the framework answers", "raw, appended", "by writeHead with an object", "by writeHead with a reason and an object"].map(
      (how) => `written ${how}`,
    ),
    ...["by writeHead with a list", "raw, before a writeHead of something else", "raw, after a command"].map((how) => `written ${how}`),
    ...["a raw end", "a raw writeHead and end", "raw flushHeaders"].map((way) => `an answer by ${way}`),
    "an answer that may be fresh carries no cookie, and its headers stay; they are set by writeHead",
    "an answer that may be stored becomes private with our cookie, and stays without it; its headers are set by writeHead",
    "an answer that is kept from caches carries our cookie and stays; its headers are set by writeHead",
  ),
  ...because(
    "Next has no session object: who is logged in is told by the `identity` option, which asks Auth.js, iron-session or the like",
    ...["before", "after"].flatMap((place) => [
      `with the framework's session, mounted ${place} km()`,
      `written by the framework and by the session library, mounted ${place} km(), on a redirection`,
      `written raw, by the framework and by the session library, mounted ${place} km()`,
    ]),
    "with the framework's session, people come and go",
  ),
  ...because(
    "Next believes X-Forwarded-Proto and X-Forwarded-Host always, and has no option against it",
    "behind an https proxy that is not trusted: without Secure, one visitor",
    "X-Forwarded-Host means nothing where no proxy is trusted",
  ),
  ...because(
    "in Next the `identity` option may answer with a promise: see web.test.ts",
    "a promise is reported and counts as not known",
    "a promise that fails is reported and counts as not known",
  ),
  ...because(
    "a route handler has no web sockets: it gets no handshake",
    "with an object in place of a response: km is there, its commands leave, nothing is thrown",
  ),
  ...because("redirect() of Next answers with 307 and 303, not with 302: see thrown.ts", "an answer by a redirection"),
  ...because(
    "Next has errors that answer with 404, 403 and 401, and none for any other status: see thrown.ts",
    "an answer by the framework's own error",
    "the framework's own error reaches the framework untouched",
  ),
};

export const onNode: Readonly<Record<string, string>> = everywhere;

export const onTheEdge: Readonly<Record<string, string>> = {
  ...everywhere,
  ...because(
    "on the edge Next answers by itself when a handler throws, and takes no cookie along, the app's neither: see thrown.ts",
    "an answer by a handler that throws",
    "an answer by a handler that fails later",
    "an answer where no route is carries a log in",
    "a first page load mints also where nothing is recorded, and where no route is",
  ),
};
