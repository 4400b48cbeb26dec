import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { Refused } from "../src/refusals.ts";
import { type Running, runCollector } from "./collector-fixture.ts";
import { type Exchanged, exchange, type Way, writeAndReset } from "./wire-fixture.ts";

const KEY = "wire-key-7f3a91";
const HOST = "trk.kissmetrics.com";
const gif = Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==", "base64");

type Stored = Readonly<Record<string, unknown>>;

/** One request, or some, on a connection of its own. */
interface Case extends Way {
  readonly what: string;
  /** The bytes; `q` is the beginning of the parameters: key and identity. */
  readonly send: (q: string, who: string) => string | Buffer | readonly (string | Buffer)[];
  /** The identity under which it must be stored. Default: the one that `q` names. */
  readonly as?: string;
  /** What must be stored, without identity, and without the time where it is that of receipt. */
  readonly stored: readonly Stored[];
  /** The statuses. Default 200 for each answer. */
  readonly statuses?: readonly number[];
  /** The connection ends with the answer. */
  readonly closes?: boolean;
  /** What of it is refused, and so counted. */
  readonly refused?: string;
}

const second = Math.floor(Date.now() / 1000) - 86_400;
const head = (target: string, more = "", version = "1.1"): string => `GET ${target} HTTP/${version}\r\nHost: ${HOST}\r\n${more}\r\n`;
const get = (parameters: string, more = ""): string => head(`/e?${parameters}`, more);
const post = (target: string, body: string | Buffer, more = "Content-Type: application/x-www-form-urlencoded\r\n"): Buffer =>
  Buffer.concat([
    Buffer.from(`POST ${target} HTTP/1.1\r\nHost: ${HOST}\r\n${more}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n`),
    Buffer.from(body),
  ]);
const event = (n: string, rest: Stored = {}): Stored => ({ _n: n, ...rest });
const x = [event("x")];
const boundary = "----7MA4YWxkTrZu0gW";
const part = (name: string, value: string): string => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;

const requests: readonly Case[] = [
  { what: "GET", send: (q) => get(`${q}&_n=x`), stored: x },
  { what: "HTTP/1.0", send: (q) => head(`/e?${q}&_n=x`, "", "1.0"), stored: x, closes: true },
  { what: "HTTP/1.0 that asks to go on", send: (q) => head(`/e?${q}&_n=x`, "Connection: keep-alive\r\n", "1.0"), stored: x },
  { what: "HTTP/1.0 without Host", send: (q) => `GET /e?${q}&_n=x HTTP/1.0\r\n\r\n`, stored: x, closes: true },
  { what: "no version at all", send: (q) => `GET /e?${q}&_n=x\r\n\r\n`, stored: x, closes: true },
  { what: "HTTP/1.1 without Host", send: (q) => `GET /e?${q}&_n=x HTTP/1.1\r\n\r\n`, stored: x },
  { what: "an empty Host", send: (q) => `GET /e?${q}&_n=x HTTP/1.1\r\nHost:\r\n\r\n`, stored: x },
  { what: "a Host with port", send: (q) => `GET /e?${q}&_n=x HTTP/1.1\r\nHost: ${HOST}:80\r\n\r\n`, stored: x },
  { what: "Host twice", send: (q) => get(`${q}&_n=x`, "Host: other.example\r\n"), stored: x },
  { what: "Connection: close", send: (q) => get(`${q}&_n=x`, "Connection: close\r\n"), stored: x, closes: true },
  { what: "an absolute target", send: (q) => head(`http://${HOST}/e?${q}&_n=x`), stored: x },
  {
    what: "an absolute target, https, with port, in capitals",
    send: (q) => head(`HTTPS://TRK.KISSMETRICS.COM:443/e?${q}&_n=x`),
    stored: x,
  },
  { what: "an absolute target of another host than Host says", send: (q) => head(`http://php.kissmetrics.io/e?${q}&_n=x`), stored: x },
  { what: "an absolute target with two slashes", send: (q) => head(`http://${HOST}//e?${q}&_n=x`), stored: x },
  { what: "an absolute target by POST", send: (q) => post(`http://${HOST}/e`, `${q}&_n=x`), stored: x },
  { what: "two slashes", send: (q) => head(`//e?${q}&_n=x`), stored: x },
  { what: "a slash at the end", send: (q) => head(`/e/?${q}&_n=x`), stored: x },
  { what: "a capital letter, which is another address", send: (q) => head(`/E?${q}&_n=x`), stored: [], statuses: [404] },
  { what: "a longer path, which is another address", send: (q) => head(`/events?${q}&_n=x`), stored: [], statuses: [404] },
  { what: "another address without Host", send: () => "GET /healthz HTTP/1.1\r\n\r\n", stored: [], statuses: [400], closes: true },
  { what: "empty lines in front", send: (q) => `\r\n\r\n${get(`${q}&_n=x`)}`, stored: x },
  { what: "header names in any case, values without space", send: (q) => `GET /e?${q}&_n=x HTTP/1.1\r\nhOsT:${HOST}\r\n\r\n`, stored: x },
  { what: "HEAD", send: (q) => get(`${q}&_n=x`).replace("GET", "HEAD"), stored: x, heads: [0] },
  { what: "a preflight", send: (q) => get(`${q}&_n=x`).replace("GET", "OPTIONS"), stored: [], statuses: [204] },
  { what: "PUT, which is none", send: (q) => get(`${q}&_n=x`).replace("GET", "PUT"), stored: [], statuses: [404] },
  { what: "GET with a body, which says nothing", send: (q) => `${get(`${q}&_n=x`, "Content-Length: 7\r\n")}_n=body`, stored: x },
  {
    what: "a conditional GET",
    send: (q) => get(`${q}&_n=x`, "If-None-Match: *\r\nIf-Modified-Since: Wed, 21 Oct 2099 07:28:00 GMT\r\n"),
    stored: x,
  },
  { what: "a range", send: (q) => get(`${q}&_n=x`, "Range: bytes=0-0\r\n"), stored: x },
  { what: "an empty Cookie, TE, no User-Agent", send: (q) => get(`${q}&_n=x`, "Cookie:\r\nTE: trailers, deflate;q=0.5\r\n"), stored: x },
  { what: "a wish for compression", send: (q) => get(`${q}&_n=x`, "Accept-Encoding: gzip, br\r\nAccept: text/html\r\n"), stored: x },
  { what: "a header that is not ASCII", send: (q) => get(`${q}&_n=x`, "X-Name: Zoë\r\n"), stored: x },
  {
    what: "a wish for HTTP/2",
    send: (q) => get(`${q}&_n=x`, "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
    stored: x,
  },
  { what: "an expectation that nobody knows", send: (q) => get(`${q}&_n=x`, "Expect: the-unexpected\r\n"), stored: x },
  { what: "two pieces", send: (q) => [get(`${q}&_n=x`).slice(0, 30), get(`${q}&_n=x`).slice(30)], stored: x },
  { what: "a piece a byte", send: (q) => [...get(`${q}&_n=x`)], stored: x },
  { what: "a client that closes its half", send: (q) => get(`${q}&_n=x`), half: true, stored: x, closes: true },
  {
    what: "three at once on one connection, one of them HEAD",
    send: (q) => get(`${q}&_n=one`) + get(`${q}&_n=two`).replace("GET", "HEAD") + get(`${q}&_n=three`),
    stored: [event("one"), event("three"), event("two")],
    answers: 3,
    heads: [1],
  },
  {
    what: "a POST and a GET at once on one connection",
    send: (q) => Buffer.concat([post("/e", `${q}&_n=one`), Buffer.from(get(`${q}&_n=two`))]),
    stored: [event("one"), event("two")],
    answers: 2,
  },
  { what: "a URL of 25 KB", send: (q) => get(`${q}&_n=x&v=${"%41".repeat(8192)}`), stored: [event("x", { v: "A".repeat(8192) })] },
  { what: "a URL of 75 KB", send: (q) => get(`${q}&_n=x&v=${"%E2%82%AC".repeat(8192)}`), stored: [event("x", { v: "€".repeat(8192) })] },
  { what: "a URL of 120 KB", send: (q) => get(`${q}&_n=x&v=${"y".repeat(15_000)}`), stored: [event("x", { v: "y".repeat(8192) })] },
  {
    what: "a URL beyond what is taken",
    send: (q) => get(`${q}&_n=x&v=${"y".repeat(132_000)}`),
    stored: [],
    statuses: [431],
    closes: true,
    refused: "KM_REQUEST_INVALID",
  },
  { what: "no HTTP", send: () => "\x16\x03\x01\x02\x00\x01\x00", stored: [], statuses: [400], closes: true, refused: "KM_REQUEST_INVALID" },
];

const bodies: readonly Case[] = [
  { what: "a form", send: (q) => post("/e", `${q}&_n=x&Plan=Pro+%26+more`), stored: [event("x", { Plan: "Pro & more" })] },
  { what: "a set", send: (q) => post("/s", `${q}&Tier=Gold`), stored: [{ Tier: "Gold" }] },
  {
    what: "parameters in the URL and in the body, which counts",
    send: (q) => post(`/e?${q}&_n=url&a=1&b=1`, "_n=body&b=2"),
    stored: [event("body", { a: 1, b: 2 })],
  },
  { what: "nothing in the body", send: (q) => post(`/e?${q}&_n=x`, ""), stored: x },
  {
    what: "chunks",
    send: (q) =>
      `POST /e HTTP/1.1\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked\r\n\r\n${q.length.toString(16)}\r\n${q}\r\n5;ext=1\r\n&_n=x\r\n0\r\nTrailer: 1\r\n\r\n`,
    stored: x,
  },
  { what: "gzip", send: (q) => post("/e", gzipSync(`${q}&_n=x`), "Content-Encoding: gzip\r\n"), stored: x },
  { what: "broken gzip", send: (q) => post(`/e?${q}`, "_n=x", "Content-Encoding: gzip\r\n"), stored: [], refused: "KM_BODY_BROKEN" },
  {
    what: "gzip that unpacks to 2 MB",
    send: (q) => post(`/e?${q}`, gzipSync("a".repeat(2 << 20)), "Content-Encoding: gzip\r\n"),
    stored: [],
    refused: "KM_BODY_TOO_LARGE",
  },
  { what: "no type", send: (q) => post("/e", `${q}&_n=x`, ""), stored: x },
  { what: "text/plain, as a page's beacon", send: (q) => post("/e", `${q}&_n=x`, "Content-Type: text/plain;charset=UTF-8\r\n"), stored: x },
  {
    what: "multipart/form-data, as PHP's curl makes it",
    send: (_, who) =>
      post(
        "/e",
        `${part("_k", KEY)}${part("_p", who)}${part("_n", "x")}${part("Plan", "Größe & more")}--${boundary}--\r\n`,
        `Content-Type: multipart/form-data; boundary=${boundary}\r\n`,
      ),
    stored: [event("x", { Plan: "Größe & more" })],
  },
  {
    what: "multipart/form-data that is none",
    send: (q) => post(`/e?${q}`, "_n=x", "Content-Type: multipart/form-data; boundary=b\r\n"),
    stored: [],
    refused: "KM_BODY_BROKEN",
  },
  {
    what: "Expect: 100-continue",
    send: (q) => {
      const [start = "", body = ""] = post("/e", `${q}&_n=x`, "Expect: 100-continue\r\n").toString().split("\r\n\r\n");
      return [`${start}\r\n\r\n`, body];
    },
    stored: x,
    answers: 2,
    paced: true,
    statuses: [100, 200],
  },
  {
    what: "a byte a piece",
    send: (q) => [post("/e", `${q}&_n=`), "x", ""].map((piece, n) => (n === 0 ? lengthen(piece as Buffer) : piece)),
    stored: x,
  },
  { what: "600 KB", send: (q) => post(`/e?${q}`, "x".repeat(600_000)), stored: [], refused: "KM_BODY_TOO_LARGE" },
  { what: "raw UTF-8", send: (q) => post("/e", `${q}&_n=Größe&Stadt=Zürich`), stored: [event("Größe", { Stadt: "Zürich" })] },
  {
    what: "an identity that is Latin-1",
    send: () => post("/e", Buffer.from(`_k=${KEY}&_p=caf\xe9&_n=x`, "latin1")),
    stored: [],
    refused: "KM_IDENTITY_INVALID",
  },
];

/** One byte more is still to come. */
function lengthen(bytes: Buffer): Buffer {
  return Buffer.from(
    bytes.toString("latin1").replace(/Content-Length: (\d+)/, (_, n) => `Content-Length: ${Number(n) + 1}`),
    "latin1",
  );
}

const parameters: readonly Case[] = [
  { what: "any order", send: (q) => get(`_d=1&Plan=Pro&_n=x&_t=${second}&${q}`), stored: [event("x", { _t: second, Plan: "Pro" })] },
  { what: "a repeated reserved one: the last", send: (q) => get(`_k=no&_p=no&_n=no&${q}&_n=x`), stored: x },
  { what: "a repeated property: the last", send: (q) => get(`${q}&_n=x&Plan=Free&Plan=Pro`), stored: [event("x", { Plan: "Pro" })] },
  {
    what: "one property in two writings: the last",
    send: (q) => get(`${q}&_n=x&Wire+Tier=1&WIRE:TIER=2`),
    stored: [event("x", { "WIRE TIER": 2 })],
  },
  {
    what: "a property that overrides _p",
    send: (q) => get(`${q}&_n=x&_p=overridden%40shop.example`),
    as: "overridden@shop.example",
    stored: x,
  },
  { what: "+ and %20", send: (q) => get(`${q}&_n=Signed+Up%20now&a=1%2B1`), stored: [event("Signed Up now", { a: "1+1" })] },
  { what: "unescaped ~()*!'[]", send: (q) => get(`${q}&_n=x&v=~()*!'[]&list[0]=1`), stored: [event("x", { v: "~()*!'[]", "list[0]": 1 })] },
  { what: "semicolons", send: (q) => get(`${q}&_n=a;b=c&v=1;w=2`), stored: [event("a;b=c", { v: "1;w=2" })] },
  { what: "bad percent sequences", send: (q) => get(`${q}&_n=100%&v=50%-off%zz`), stored: [event("100%", { v: "50%-off%zz" })] },
  { what: "an unescaped #, ?, |, {} and <>", send: (q) => get(`${q}&_n=x&v=#f0f?a|b{}<>`), stored: [event("x", { v: "#f0f?a|b{}<>" })] },
  {
    what: "empty names and values",
    send: (q) => get(`&&${q}&_n=x&=y&+=z&,:=w&Empty=&Bare&`),
    stored: [event("x", { Empty: "", Bare: "" })],
  },
  { what: "no name", send: (q) => get(`${q}&a=1`), stored: [{ a: 1 }] },
  { what: "an empty name", send: (q) => get(`${q}&_n=&a=1`), stored: [{ a: 1 }] },
  { what: "a name of commas, and nothing else", send: (q) => get(`${q}&_n=,:`), stored: [] },
  {
    what: "commas and colons: in names they are spaces, in values nothing",
    send: (q) => get(`${q}&_n=foo:bar,baz&a:b,c=http://d,e:f`),
    stored: [event("foo bar baz", { "a b c": "http://d,e:f" })],
  },
  {
    what: "numbers and booleans as text",
    send: (q) => get(`${q}&_n=x&a=123&b=-19.99&c=007&d=1e3&e=9007199254740993&f=true&g=True&h=None`),
    stored: [event("x", { a: 123, b: -19.99, c: "007", d: "1e3", e: "9007199254740993", f: true, g: "True", h: "None" })],
  },
  {
    what: "nested names",
    send: (q) => get(`${q}&_n=x&nest[a]=1&nest.b=2&l=1,2,3`),
    stored: [event("x", { "nest[a]": 1, "nest.b": 2, l: "1,2,3" })],
  },
  { what: "_ip and _ua, which are no properties", send: (q) => get(`${q}&_n=x&_ip=1.2.3.4&_ua=curl`), stored: x },
  {
    what: "what is too long: it is cut",
    send: (q) => get(`${q}&_n=${"n".repeat(300)}&${"p".repeat(300)}=1`),
    stored: [event("n".repeat(255), { ["p".repeat(255)]: 1 })],
  },
  {
    what: "a control character and an emoji in a value",
    send: (q) => get(`${q}&_n=x&v=a%00b%0D%0A%F0%9F%99%82`),
    stored: [event("x", { v: "a\0b\r\n🙂" })],
  },
  { what: "a whole number as identity", send: () => get(`_k=${KEY}&_p=4711&_n=x`), as: "4711", stored: x },
  { what: "a float as identity", send: () => get(`_k=${KEY}&_p=1.50&_n=x`), as: "1.50", stored: x },
  { what: "base64 as identity", send: () => get(`_k=${KEY}&_p=n%2BTo2Y6gB%2FjpuwKz5pgP%3D&_n=x`), as: "n+To2Y6gB/jpuwKz5pgP=", stored: x },
  { what: "_t and _d=1", send: (q) => get(`${q}&_n=x&_t=${second}&_d=1`), stored: [event("x", { _t: second })] },
  { what: "_t in milliseconds", send: (q) => get(`${q}&_n=x&_t=${second}999&_d=1`), stored: [event("x", { _t: second })] },
  { what: "_t as a float", send: (q) => get(`${q}&_n=x&_t=${second}.75&_d=true`), stored: [event("x", { _t: second })] },
  { what: "_t as a large float is printed", send: (q) => get(`${q}&_n=x&_t=1.4336E9&_d=1`), stored: [event("x", { _t: 1_433_600_000 })] },
  { what: "_t as an ISO date", send: (q) => get(`${q}&_n=x&_t=2015-06-06T14:13:20Z&_d=1`), stored: [event("x", { _t: 1_433_600_000 })] },
  { what: "_t without _d: now", send: (q) => get(`${q}&_n=x&_t=${second}`), stored: x },
  { what: "_t with _d=0: now", send: (q) => get(`${q}&_n=x&_t=${second}&_d=0`), stored: x },
  { what: "_t and _d glued", send: (q) => get(`${q}&_n=x&_t=${second}_d=1`), stored: [event("x", { _t: second })] },
  { what: "_t before 2009", send: (q) => get(`${q}&_n=x&_t=1230767999&_d=1`), stored: [], refused: "KM_TIME_RANGE" },
  { what: "_t of the first second of 2009", send: (q) => get(`${q}&_n=x&_t=1230768000&_d=1`), stored: [event("x", { _t: 1_230_768_000 })] },
  { what: "a sentence as _t", send: (q) => get(`${q}&_n=x&_t=in+May+2015&_d=1`), stored: [], refused: "KM_TIME_INVALID" },
  {
    what: "one event thrice in its second, in any case",
    send: (q) => ["Paid", "PAID", "paid"].map((n) => get(`${q}&_n=${n}&_t=${second}&_d=1&Wire+Try=1`)).join(""),
    stored: [expect.objectContaining({ _n: "PAID", _t: second, "Wire Try": 1 })],
    answers: 3,
  },
  {
    what: "one event thrice in its second, with other properties, and without any",
    send: (q) => ["&at=1", "&by=2", ""].map((more) => get(`${q}&_n=Paid+Once&_t=${second}&_d=1${more}`)).join(""),
    stored: expect.toSatisfy((lines: { _n?: string; at?: number; by?: number }[]) => {
      const [event, set] = lines.sort((a, b) => Number(b._n !== undefined) - Number(a._n !== undefined));
      return lines.length === 2 && event?._n === "Paid Once" && event.at === 1 && set?.by === 2;
    }),
    answers: 3,
  },
  {
    what: "an alias, in both orders, with a time",
    send: (q, who) => head(`/a?${q}&_n=${who}.de&_t=${second}&_d=1`) + head(`/a?_k=${KEY}&_p=${who}.de&_n=${who}`),
    stored: [expect.objectContaining({ _p2: expect.stringMatching(/\.de$/) })],
    answers: 2,
  },
  { what: "1,000 properties", send: (q) => post("/s", `${q}${many(1000)}`), stored: [expect.objectContaining({ p0: 0, p999: 999 })] },
  { what: "1,001 properties", send: (q) => post("/s", `${q}${many(1001)}`), stored: [], refused: "KM_PROPERTIES_TOO_MANY" },
  { what: "ever so many parameters", send: (q) => get(`${q}${"&a".repeat(2000)}`), stored: [], refused: "KM_PROPERTIES_TOO_MANY" },
  { what: "no identity", send: () => get(`_k=${KEY}&_n=x`), stored: [], refused: "KM_IDENTITY_EMPTY" },
  { what: "an empty identity", send: () => get(`_k=${KEY}&_p=&_n=x`), stored: [], refused: "KM_IDENTITY_EMPTY" },
  {
    what: "an identity of 256 characters",
    send: () => get(`_k=${KEY}&_p=${"a".repeat(256)}&_n=x`),
    stored: [],
    refused: "KM_IDENTITY_TOO_LONG",
  },
  { what: "an alias with a placeholder", send: (q) => head(`/a?${q}&_n=undefined`), stored: [], refused: "KM_IDENTITY_JUNK" },
  { what: "a key of somebody else", send: (_, who) => get(`_k=not-ours-1234567&_p=${who}&_n=x`), stored: [], refused: "KM_KEY_REFUSED" },
  { what: "no parameters", send: () => head("/e"), stored: [], refused: "KM_KEY_REFUSED" },
];

function many(count: number): string {
  return Array.from({ length: count }, (_, n) => `&p${n}=${n}`).join("");
}

const unparsable: readonly Case[] = [
  {
    what: "raw UTF-8 bytes",
    send: (q) => get(`${q}&_n=Größe&Straße=Zürich`),
    stored: [event("Größe", { Straße: "Zürich" })],
    closes: true,
  },
  { what: "raw UTF-8 by HEAD", send: (q) => get(`${q}&_n=ü`).replace("GET", "HEAD"), stored: [event("ü")], heads: [0], closes: true },
  { what: "raw UTF-8 in an absolute target", send: (q) => head(`http://${HOST}/e?${q}&_n=ü`), stored: [event("ü")], closes: true },
  { what: "raw UTF-8 without Host", send: (q) => `GET /e?${q}&_n=ü HTTP/1.0\r\n\r\n`, stored: [event("ü")], closes: true },
  {
    what: "raw UTF-8 behind others on the connection: the answers come in their order",
    send: (q) => get(`${q}&_n=one`) + get(`${q}&_n=two`) + get(`${q}&_n=drü`),
    stored: [event("drü"), event("one"), event("two")],
    answers: 3,
    closes: true,
  },
  { what: "spaces", send: (q) => get(`${q}&_n=Signed Up&v=a  b`), stored: [event("Signed Up", { v: "a  b" })], closes: true },
  {
    what: "a raw identity that is Latin-1",
    send: () => Buffer.from(get(`_k=${KEY}&_p=caf\xe9&_n=x`), "latin1"),
    stored: [],
    closes: true,
    refused: "KM_IDENTITY_INVALID",
  },
  {
    what: "raw UTF-8 at another address",
    send: () => head("/v1/status?ü"),
    stored: [],
    statuses: [400],
    closes: true,
    refused: "KM_REQUEST_INVALID",
  },
  {
    what: "raw UTF-8 in pieces, of which the parser keeps only the last",
    send: (q) => [`${get(`${q}&_n=x`)}GET /e?${q}`, "&_n=ü HTTP/1.1\r\n\r\n"],
    stored: x,
    answers: 2,
    paced: true,
    statuses: [200, 400],
    closes: true,
    refused: "KM_REQUEST_INVALID",
  },
  {
    what: "a header that no Request may have",
    send: (q) => get(`${q}&_n=ü`, "Origin: a\0b\r\n"),
    stored: [],
    statuses: [400],
    closes: true,
    refused: "KM_REQUEST_INVALID",
  },
];

const groups = { request: requests, body: bodies, "parameter list": parameters, "URL that Node does not parse": unparsable };
const cases = Object.entries(groups).flatMap(([group, list]) => list.map((one) => ({ group, ...one })));

let running: Running;
let exchanged: (Exchanged | Error)[];
let rows: Map<unknown, Stored[]>;
let refused: Refused[];
let rejected: Record<string, number>;
let begun: number;

const reading = { authorization: "Bearer admin" };
const identityOf = (at: number): string => `wire-${at}@shop.example`;
// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
const status = async (): Promise<any> => (await fetch(`${running.url}/v1/status`, { headers: reading })).json();

/** What is stored, by identity; times of today are those of receipt and left out. */
async function stored(): Promise<Map<unknown, Stored[]>> {
  const text = await (await fetch(`${running.url}/v1/export`, { headers: reading })).text();
  const found = new Map<unknown, Stored[]>();
  for (const line of text.split("\n").filter((one) => one !== "")) {
    const { _p, _t, ...rest } = JSON.parse(line);
    const now = _t >= begun && _t <= Date.now() / 1000;
    found.set(
      _p,
      [...(found.get(_p) ?? []), now ? rest : { _t, ...rest }].sort((a, b) => (String(a._n) < String(b._n) ? -1 : 1)),
    );
  }
  return found;
}

beforeAll(async () => {
  running = await runCollector({ keys: [{ key: KEY, product: "shop", kind: "server" }], admin: "admin" });
  begun = Math.floor(Date.now() / 1000);
  const all = cases.map(({ send, answers = 1, heads = [], paced = false, half = false }, at) => {
    const who = identityOf(at);
    return exchange(running.port, send(`_k=${KEY}&_p=${encodeURIComponent(who)}`, who), { answers, heads, paced, half }).catch(
      (error: Error) => error,
    );
  });
  exchanged = await Promise.all(all);
  rows = await stored();
  ({ refused, rejected } = await status());
}, 60_000);
afterAll(() => running.end());

describe.each(Object.keys(groups))("a classic call, by its %s:", (name) => {
  it.each(cases.map((one, at) => ({ ...one, at })).filter(({ group }) => group === name))("$what", (one) => {
    const result = exchanged[one.at] as Exchanged | Error;
    if (result instanceof Error) throw result;
    const statuses = one.statuses ?? Array.from({ length: one.answers ?? 1 }, () => 200);
    expect(result.answers.map((answer) => answer.status)).toEqual(statuses);
    expect(result.kept).toBe(one.closes !== true);
    for (const [place, answer] of result.answers.entries()) {
      if (answer.status !== 200) continue;
      expect(answer.headers).toMatchObject({ "content-type": "image/gif", "cache-control": "no-store" });
      expect(answer.body).toEqual(one.heads?.includes(place) ? Buffer.alloc(0) : gif);
    }
    expect(rows.get(one.as ?? identityOf(one.at)) ?? []).toEqual(one.stored);
  });
});

describe("the status", () => {
  it("counts all that was not taken by reason, and to the last one", () => {
    const expected: Record<string, number> = {};
    for (const { refused: code } of cases) if (code !== undefined) expected[code] = (expected[code] ?? 0) + 1;
    expect(rejected).toEqual(expected);
    const sums: Record<string, number> = {};
    for (const { code, count } of refused) sums[code] = (sums[code] ?? 0) + count;
    expect(sums).toEqual(expected);
  });

  it("says whom it came from: the product, or the first characters of a key that is not ours", () => {
    const recent = expect.toSatisfy((time: number) => time >= begun * 1000 && time <= Date.now());
    expect(refused).toContainEqual({ code: "KM_KEY_REFUSED", key: "not-…", count: 1, first: recent, last: recent });
    expect(refused).toContainEqual({ code: "KM_KEY_REFUSED", key: "", count: 1, first: recent, last: recent });
    expect(refused).toContainEqual({ code: "KM_IDENTITY_EMPTY", product: "shop", count: 2, first: recent, last: recent });
    expect(refused).toContainEqual({ code: "KM_PROPERTIES_TOO_MANY", product: "shop", count: 2, first: recent, last: recent });
    expect(JSON.stringify(refused)).not.toContain(KEY.slice(0, 5));
  });

  it("shows no control characters of a key, and does not grow by ever new ones", async () => {
    const keys = ["%1B%5B2J", "a%00", "%F0%9F%99%82", ...Array.from({ length: 300 }, (_, n) => `${n}`.padStart(4, "k"))];
    await exchange(running.port, keys.map((key) => get(`_k=${key}&_p=x&_n=x`)).join(""), { answers: keys.length });
    const after = (await status()).refused as Refused[];
    const foreign = after.filter(({ key }) => key !== undefined);
    expect(foreign.length).toBeLessThanOrEqual(101);
    expect(foreign.map(({ key }) => key)).toEqual(expect.arrayContaining(["??2J…", "a?…", "??…", "other"]));
    expect(foreign.reduce((sum, { count }) => sum + count, 0)).toBe(keys.length + 2);
    expect(JSON.stringify(foreign.map(({ key }) => key))).toMatch(/^[\x20-\x7e…]*$/);
  });

  it("does not count anew what is stored as long as nothing more is", async () => {
    const [first, second] = [await status(), await status()];
    expect(second.counted).toBe(first.counted);
    await exchange(running.port, get(`_k=${KEY}&_p=counted&_n=x`));
    await stored();
    const third = await status();
    expect([third.stored, third.counted > first.counted]).toEqual([first.stored + 1, true]);
  });
});

it.each(["socket", "fetch"])("a page's script may ask first, and know that its call arrived, by the %s", async (way) => {
  const ask = (init: RequestInit): Promise<Response> => {
    const address = `${running.url}/e?_k=${KEY}&_p=script-${way}&_n=x`;
    return way === "socket" ? fetch(address, init) : running.collector.fetch(new Request(address, init));
  };
  const origin = "https://shop.example";
  const asked = await ask({
    method: "OPTIONS",
    headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "x-mine" },
  });
  const allowed = ["access-control-allow-origin", "access-control-allow-methods", "access-control-allow-headers"].map((name) =>
    asked.headers.get(name),
  );
  expect([asked.status, ...allowed]).toEqual([204, "*", "GET, HEAD, POST", "*"]);
  for (const method of ["GET", "POST"]) {
    const answer = await ask({ method, headers: { origin, "x-mine": "1" } });
    expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([200, "*"]);
    expect(answer.headers.get("access-control-allow-credentials")).toBeNull();
  }
  expect((await ask({})).headers.get("access-control-allow-origin")).toBeNull();
  expect((await stored()).get(`script-${way}`)?.length).toBeGreaterThan(0);
});

describe("many classic calls", () => {
  it("of 500 connections at once are all answered, and none is lost", async () => {
    const answers = await Promise.all(
      Array.from({ length: 500 }, (_, n) => {
        const q = `_k=${KEY}&_p=burst&_n=Burst+${n}`;
        return exchange(running.port, n % 3 === 0 ? post("/e", q) : get(q, n % 2 === 0 ? "Connection: close\r\n" : ""));
      }),
    );
    expect(answers.flatMap((one) => one.answers).filter(({ status: code, body }) => code === 200 && body.equals(gif))).toHaveLength(500);
    expect((await stored()).get("burst")).toHaveLength(500);
  });

  it("of clients that reset the connection after writing are processed all the same", async () => {
    const written = Array.from({ length: 20 }, (_, n) => writeAndReset(running.port, get(`_k=${KEY}&_p=reset&_n=Reset+${n}`)));
    await Promise.all(written);
    await expect.poll(async () => (await stored()).get("reset")?.length, { timeout: 10_000 }).toBe(20);
  });

  it("bring back any properties that URLSearchParams encodes", async () => {
    const name = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 20 })
      .filter((one) => !/^[_\s]|[,:]|\s$/.test(one) && one === one.trim());
    const value = fc.oneof(
      fc.string({ unit: "grapheme", maxLength: 60 }),
      fc.string({ unit: "binary", maxLength: 40 }),
      fc.double().map(String),
    );
    const sent = fc.sample(fc.uniqueArray(fc.tuple(name, value), { maxLength: 8, selector: ([one]) => one.toLowerCase() }), {
      numRuns: 150,
      seed: 7,
    });
    const calls = sent.map((properties, n) => {
      const text = new URLSearchParams([["_k", KEY], ["_p", `any-${n}`], ["_n", "Any"], ...properties]).toString();
      return n % 2 === 0 ? Buffer.from(get(text)) : post("/e", text);
    });
    await exchange(running.port, Buffer.concat(calls), { answers: calls.length });
    const found = await stored();
    for (const [n, properties] of sent.entries()) {
      const [{ _n, ...rest } = { _n: "" }] = found.get(`any-${n}`) ?? [];
      const came = Object.entries(rest).map(([one, text]) => [one.toLowerCase(), String(text)]);
      const wanted = properties.map(([one, text]) => [one.toLowerCase(), text.toWellFormed()]);
      expect(came.sort()).toEqual(wanted.sort());
    }
  });
});

describe("the batch", () => {
  const send = async (body: unknown, kind = "e", headers: Record<string, string> = { "x-km-apikey": KEY }) => {
    const text = typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body);
    const address = `${running.url}/v1/products/5f1c-GUID/tracking/${kind}?_signature=L5JAfOuh62iW%3D`;
    const response = await fetch(address, { method: "POST", headers, body: text as string });
    // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
    return { code: response.status, json: (await response.json()) as any };
  };
  const call = (who: string, rest: Stored): Stored => ({ identity: who, timestamp: second, ...rest });
  const accepted = (count: number) => ({ code: 200, json: { accepted: count, rejected: [] } });

  it("takes records, sets and aliases as its client sends them", async () => {
    const data = [
      call("batch", { event: "Batched: one", Plan: "Pro", Seats: 5, _k: "not-looked-at" }),
      call("batch", { name: "Evan", home: "San Francisco" }),
      call("batch", { alias: "batch-17" }),
    ];
    expect(await send({ data })).toEqual(accepted(3));
    const found = await stored();
    expect(found.get("batch")).toHaveLength(3);
    expect(found.get("batch")).toEqual(
      expect.arrayContaining([
        { _t: second, _n: "Batched  one", Plan: "Pro", Seats: 5 },
        { _t: second, name: "Evan", home: "San Francisco" },
        { _t: second, _p2: "batch-17" },
      ]),
    );
  });

  it("takes its body in any of these forms", async () => {
    const forms: Record<string, (who: string) => unknown> = {
      "a list": (who) => [call(who, { event: "x" })],
      "one call": (who) => call(who, { event: "x" }),
      "a list under another name": (who) => ({ events: [call(who, { event: "x" })] }),
      "the names of a URL, milliseconds": (who) => [{ _p: who, _n: "x", _t: second * 1000 + 5 }],
      "the time as text": (who) => [{ _p: who, _n: "x", _t: String(second), _d: 1 }],
      "properties of their own": (who) => [call(who, { event: "x", properties: {} })],
      "null, which says nothing": (who) => [call(who, { event: "x", a: null, _ip: "1.2.3.4" })],
    };
    for (const [form, body] of Object.entries(forms)) expect(await send(body(form)), form).toEqual(accepted(1));
    const found = await stored();
    for (const form of Object.keys(forms)) expect(found.get(form), form).toEqual([{ _t: second, _n: "x" }]);
  });

  it("makes properties flat, and counts once what comes twice or by a URL as well", async () => {
    const item = call("flat", { event: "x", properties: { a: { b: 1, c: [1, 2] }, l: [{ d: true }] }, e: "text" });
    expect(await send([item, item])).toEqual(accepted(2));
    await exchange(running.port, get(`_k=${KEY}&_p=flat&_n=X&_t=${second}&_d=1&a.b=1&a.c=1,2&l.0.d=true&e=text`));
    expect((await stored()).get("flat")).toEqual([{ _t: second, _n: "x", "a.b": 1, "a.c": "1,2", "l.0.d": true, e: "text" }]);
  });

  it("sets and ties at its own addresses, and takes the key as a bearer token too", async () => {
    const bearer = { authorization: `Bearer ${KEY}` };
    expect(await send([call("at-s", { event: "not one", a: 1 })], "s", bearer)).toEqual(accepted(1));
    expect(await send([{ _p: "at-a", _n: "at-a-17" }], "a", bearer)).toEqual(accepted(1));
    const found = await stored();
    expect([found.get("at-s"), found.get("at-a")]).toEqual([[{ _t: second, a: 1 }], [{ _p2: "at-a-17" }]]);
  });

  it("names what it refuses, takes the rest, and counts it for the product", async () => {
    const before = (await status()).rejected;
    const answer = await send([call("good", { event: "x" }), call("", { event: "x" }), 5, call("old", { event: "x", timestamp: 5 })]);
    expect(answer.json).toEqual({
      accepted: 1,
      rejected: ["KM_IDENTITY_EMPTY", "KM_BATCH_INVALID", "KM_TIME_RANGE"].map((code, at) => ({
        index: at + 1,
        code,
        message: expect.any(String),
      })),
    });
    const after = await status();
    for (const code of ["KM_IDENTITY_EMPTY", "KM_BATCH_INVALID", "KM_TIME_RANGE"])
      expect(after.rejected[code]).toBe((before[code] ?? 0) + 1);
    expect(after.refused).toContainEqual(expect.objectContaining({ code: "KM_BATCH_INVALID", product: "shop", count: 1 }));
  });

  it.each<[number, string, unknown, Record<string, string>?]>([
    [401, "KM_KEY_REFUSED", [], { "x-km-apikey": "other" }],
    [401, "KM_KEY_REFUSED", [], {}],
    [400, "KM_BATCH_INVALID", '{"data":['],
    [400, "KM_BATCH_INVALID", "5"],
    [400, "KM_BATCH_INVALID", new Uint8Array([0x22, 0xe9, 0x22])],
    [400, "KM_BODY_BROKEN", "[]", { "x-km-apikey": KEY, "content-encoding": "gzip" }],
    [413, "KM_BODY_TOO_LARGE", `[${"0,".repeat(50_000)}0]`],
  ])("answers %i %s", async (code, name, body, headers) => {
    expect(await send(body, "e", headers)).toMatchObject({ code, json: { code: name } });
  });

  it("of 5,000 calls is taken while others get their turn", async () => {
    const items = Array.from({ length: 5_000 }, (_, n) => call(`crowd-${n % 50}`, { event: `Step ${n}` }));
    const order: string[] = [];
    const large = send(items).then((answer) => {
      order.push("large");
      return answer;
    });
    onTestFinished(() => void large.catch(() => {}));
    await expect.poll(async () => (await status()).waiting + (await status()).stored, { interval: 1, timeout: 10_000 }).toBeGreaterThan(0);
    order.push("small");
    expect(await large).toEqual(accepted(5_000));
    expect(order).toEqual(["small", "large"]);
  });
});

it("none of this was reported as a fault", () => {
  expect(running.errors).toEqual([]);
});
