import { once } from "node:events";
import net from "node:net";
import { hostname } from "node:os";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, type TestContext, vi } from "vitest";
import { type Running, raw, runCollector } from "./collector-fixture.ts";
import { type Language, languages, missing, openWorkplace } from "./languages.ts";

/** How many calls each program sends. */
const COUNT = 500;
const admin = "the-admin-token";

/**
 * How KISSmetrics' own clients and those of others connect, each with its language's own means: what they do to a socket is what is tried here.
 * Each program sends `/e?_k=KEY&_p=p&_n=Call+N` for N from 0 to 499, to the host and port in its environment.
 */
const ways: readonly { readonly way: string; readonly language: string; readonly source: string }[] = [
  {
    way: "a socket a call, named after the machine, closed without reading the answer",
    language: "Ruby",
    source: `
require "socket"
ENV["COUNT"].to_i.times do |n|
  socket = TCPSocket.open(ENV["HOST"], ENV["PORT"])
  socket.print("GET /e?_k=#{ENV["KEY"]}&_p=p&_n=Call+#{n} HTTP/1.1\\r\\nHost: #{Socket.gethostname}\\r\\nConnection: Close\\r\\n\\r\\n")
  socket.close
end`,
  },
  {
    way: "Net::HTTP, a connection a call, under the old tracking host's name",
    language: "Ruby",
    source: `
require "net/http"
(0...ENV["COUNT"].to_i).each_slice(50) do |some|
  some.map do |n|
    Thread.new { Net::HTTP.start(ENV["HOST"], ENV["PORT"].to_i) { |http| http.get("/e?_k=#{ENV["KEY"]}&_p=p&_n=Call%20#{n}", "Host" => "trk.kissmetrics.com") } }
  end.each(&:join)
end`,
  },
  {
    way: "fsockopen, not blocking, a space left out after Host:, closed without reading",
    language: "PHP",
    source: `<?php
for ($n = 0; $n < getenv("COUNT"); $n++) {
  $socket = fsockopen(getenv("HOST"), (int) getenv("PORT"), $number, $message, 30);
  stream_set_blocking($socket, false);
  fwrite($socket, "GET /e?_k=" . getenv("KEY") . "&_p=p&_n=Call+$n HTTP/1.1\\r\\nHost:" . gethostname() . "\\r\\nConnection: Close\\r\\n\\r\\n");
  fclose($socket);
}`,
  },
  {
    way: "all on one socket without waiting, closed without reading a single answer",
    language: "PHP",
    source: `<?php
$socket = fsockopen(getenv("HOST"), (int) getenv("PORT"), $number, $message, 30);
for ($n = 0; $n < getenv("COUNT"); $n++) {
  $last = $n + 1 == getenv("COUNT") ? "Close" : "Keep-Alive";
  fwrite($socket, "GET /e?_k=" . getenv("KEY") . "&_p=p&_n=Call%20$n HTTP/1.1\\r\\nHost: trk.kissmetrics.com\\r\\nConnection: $last\\r\\n\\r\\n");
}
fclose($socket);`,
  },
  {
    way: "urllib, fifty at a time",
    language: "Python",
    source: `
import os
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode
from urllib.request import urlopen

def call(n):
    with urlopen("http://%s:%s/e?" % (os.environ["HOST"], os.environ["PORT"]) + urlencode({"_k": os.environ["KEY"], "_p": "p", "_n": "Call %d" % n})) as answer:
        assert (answer.status, answer.headers["content-type"]) == (200, "image/gif")

with ThreadPoolExecutor(50) as pool:
    list(pool.map(call, range(int(os.environ["COUNT"]))))`,
  },
  {
    way: "a socket a call, reset as soon as it is written",
    language: "Python",
    source: `
import os, socket, struct
for n in range(int(os.environ["COUNT"])):
    s = socket.create_connection((os.environ["HOST"], int(os.environ["PORT"])))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.sendall(b"GET /e?_k=%s&_p=p&_n=Call+%d HTTP/1.1\\r\\nHost: trk.kissmetrics.com\\r\\n\\r\\n" % (os.environ["KEY"].encode(), n))
    s.close()`,
  },
  {
    way: "LWP, with its TE header",
    language: "Perl",
    source: `
use strict; use warnings;
use LWP::UserAgent;
my $agent = LWP::UserAgent->new;
for my $n (0 .. $ENV{COUNT} - 1) {
  my $answer = $agent->request(HTTP::Request->new(GET => "http://$ENV{HOST}:$ENV{PORT}/e?_k=$ENV{KEY}&_p=p&_n=Call%20$n"));
  die $answer->status_line unless $answer->code == 200;
}`,
  },
  {
    way: "500 requests at once, each with a connection of its own",
    language: "JavaScript",
    source: `
import http from "node:http";
const { HOST, PORT, KEY, COUNT } = process.env;
for (let n = 0; n < Number(COUNT); n++) {
  http.get({ host: HOST, port: PORT, path: \`/e?_k=\${KEY}&_p=p&_n=Call%20\${n}\`, agent: false }, (answer) => {
    if (answer.statusCode !== 200) throw new Error(answer.statusMessage);
    answer.resume();
  });
}`,
  },
  {
    way: "one connection that is kept",
    language: "curl",
    source: `curl -fsS -o /dev/null "http://$HOST:$PORT/e?_k=$KEY&_p=p&_n=Call+[0-$((COUNT - 1))]"`,
  },
];

const keyOf = (at: number) => `key-${at}`;

let running: Running;
beforeAll(async () => {
  const keys = [...ways.map((_, at) => keyOf(at)), "flood", "alone", "twice"].map((key) => ({
    key,
    product: key,
    kind: "server" as const,
  }));
  running = await runCollector({ keys, admin });
});
afterAll(async () => {
  expect(running.errors).toEqual([]);
  await running.end();
});

/** The names of a product's events, in the order of their text. */
async function names(product: string): Promise<string[]> {
  const text = await (await fetch(`${running.url}/v1/export?product=${product}`, { headers: { authorization: `Bearer ${admin}` } })).text();
  return [...text.matchAll(/"_n":"([^"]*)"/g)].map((match) => match[1] as string).sort();
}

const wanted = Array.from({ length: COUNT }, (_, n) => `Call ${n}`).sort();

function need(language: Language, { skip }: TestContext): void {
  const why = missing(language);
  if (why !== undefined) skip(why);
}

describe("every call arrives that comes by", () => {
  it.for(ways.map(({ way, language, source }, at) => [language, way, source, at] as const))(
    "%s: %s",
    async ([name, _, source, at], context) => {
      const language = languages.find((one) => one.name === name) as Language;
      need(language, context);
      const place = await openWorkplace();
      try {
        const env = { HOST: "127.0.0.1", PORT: String(running.port), KEY: keyOf(at), COUNT: String(COUNT) };
        expect(await place.run(language, source, env)).toEqual({ code: 0, output: "" });
      } finally {
        await place.end();
      }
      // Who does not wait for the answers is through before the collector is.
      await vi.waitFor(async () => expect(await names(keyOf(at))).toHaveLength(COUNT), { timeout: 10_000, interval: 100 });
      expect(await names(keyOf(at))).toEqual(wanted);
    },
  );
});

it("20,000 calls on one connection arrive whose sender reads no answer and closes, though the first one says nothing", async () => {
  // Were the first one answered before all of them are read, writing to a connection that is gone would drop it, with all that had arrived.
  // It names a program: without that its answer would wait in any case.
  const head = " HTTP/1.1\r\nHost: trk.kissmetrics.com\r\nUser-Agent: a program\r\n\r\n";
  const many = `GET /e?_k=wrong&_n=Nothing${head}${Array.from({ length: 20_000 }, (_, n) => `GET /e?_k=flood&_p=p&_n=Call+${n}${head}`).join("")}`;
  await new Promise<void>((resolve, reject) => {
    const socket = net.connect(running.port, "127.0.0.1");
    // Never read: its side of the connection fills with answers.
    socket.pause();
    socket.on("error", reject);
    socket.on("close", () => resolve());
    socket.write(many, () => socket.destroy());
  });
  await vi.waitFor(async () => expect(await names("flood")).toHaveLength(20_000), { timeout: 20_000, interval: 200 });
});

it("a call that names no program is taken for the first of several: its answer waits, one that does has its own at once", async () => {
  // The collector's waiting stands still.
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  onTestFinished(() => void vi.useRealTimers());
  const call = async (name: string, header: string) => {
    const socket = net.connect(running.port, "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    await once(socket, "connect");
    socket.resume().write(`GET /e?_k=alone&_p=p&_n=${name} HTTP/1.1\r\nHost: trk.kissmetrics.com\r\n${header}\r\n`);
    return socket;
  };
  const bare = await call("Bare", "");
  // Whose answers come has been kept, and what came before it as well.
  for (let n = 0; n < 3; n++) await once(await call(`Named+${n}`, "User-Agent: a program\r\n"), "data");
  await once(await call("Last", "Connection: close\r\n"), "data");
  expect(bare.bytesRead).toBe(0);
  const answered = once(bare, "data");
  await vi.advanceTimersByTimeAsync(100);
  await answered;
});

it("properties of two events that are one by their name and second are both set", async () => {
  // KISSmetrics counts the event once and sets the properties of both: only a property of the same name is a duplicate (`kissmetrics.md` §1.5, §2.1
  // and §2.2). As copies of one command all but one would be dropped with all they say.
  const second = Math.floor(Date.now() / 1000) - 60;
  for (const property of ["Plan=Pro", "Amount=99.95", "City=Bern", ""]) {
    await fetch(`${running.url}/e?_k=twice&_p=p&_n=Signed+Up&_t=${second}&_d=1&${property}`);
  }
  const headers = { authorization: `Bearer ${admin}` };
  const person = (await (await fetch(`${running.url}/v1/people/p?product=twice`, { headers })).json()) as {
    properties: object;
    events: unknown[];
  };
  expect(person.events).toHaveLength(1);
  expect(Object.keys(person.properties).sort()).toEqual(["Amount", "City", "Plan"]);
});

it("what a collector without keys does not answer, since it names another host, is counted by its reason", async () => {
  // `km.rb` and `km.php` name their own machine, and read no answer: without a count nobody ever learns why nothing arrives.
  expect(running.errors).toEqual([]);
  await running.end();
  running = await runCollector();
  const answer = await raw(running.port, `GET /e?_k=local&_p=p&_n=x HTTP/1.1\r\nHost:${hostname()}\r\nConnection: Close\r\n\r\n`);
  expect(answer.toString()).toMatch(/^HTTP\/1.1 421 /);
  const status = (await (await fetch(`${running.url}/v1/status`)).json()) as { rejected: Record<string, number> };
  expect(status.rejected).toEqual({ KM_HOST_REFUSED: 1 });
});
