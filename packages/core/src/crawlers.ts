import { list } from "isbot";

/** Programs that people use to speak to an app: HTTP libraries and headless browsers. What takes them for crawlers is left out of isbot's list. */
const clients = [
  ...[
    "okhttp/4.9.0",
    "undici",
    "node",
    "node-fetch/1.0",
    "node-superagent/3.8",
    "axios/1.7.2",
    "got (https://github.com/sindresorhus/got)",
  ],
  ...["curl/8", "curl/8.5.0", "Wget/1.21", "python-httpx/0.27", "python-requests/2.32", "Python/3.12 aiohttp/3.9", "Go-http-client/1.1"],
  ...[
    "Java/17.0.2",
    "Java-http-client/17",
    "Apache-HttpClient/4.5.14 (Java/17)",
    "Dart/3.0 (dart:io)",
    "Faraday v2.9.0",
    "Ruby",
    "GuzzleHttp/7",
  ],
  ...[
    "libwww-perl/6.67",
    "PostmanRuntime/7.36.0",
    "insomnia/8.6.1",
    "Deno/1.40",
    "Bun/1.1.0",
    "PHP/8.2",
    "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
  ],
  ...[
    "MyApp/3 CFNetwork/1410 Darwin/22.6.0",
    "HeadlessChrome/120",
    "puppeteer",
    "Playwright/1.40",
    "PhantomJS/2.1",
    "Cypress/13.0",
    "Selenium/4.0",
  ],
];

let pattern: RegExp | undefined;
/** What was found of the agents seen last: the same few come with nearly every request, and the pattern is large. */
const found = new Map<string, boolean>();
/** Should somebody send ever new ones, it begins anew rather than grow. */
const MOST_FOUND = 500;

/**
 * Whether a visitor's user agent declares itself a crawler: isbot's list without HTTP libraries and headless browsers, which are visitors. Only
 * the visitor's agent is ever asked, never that of whoever sends commands. The option `bots` replaces this rule.
 *
 * @example
 * isCrawler("Googlebot/2.1 (+http://www.google.com/bot.html)"); // true
 * isCrawler("curl/8.5.0");                                      // false
 */
export function isCrawler(userAgent: string): boolean {
  if (userAgent === "") return false;
  const agent = userAgent.length > 512 ? userAgent.slice(0, 512) : userAgent;
  let crawler = found.get(agent);
  if (crawler === undefined) {
    // Made at the first question: it costs about a millisecond.
    pattern ??= new RegExp(list.filter((part) => !clients.some((client) => new RegExp(part, "i").test(client))).join("|"), "i");
    crawler = pattern.test(agent);
    if (found.size >= MOST_FOUND) found.clear();
    found.set(agent, crawler);
  }
  return crawler;
}
