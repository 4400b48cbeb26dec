// Sends to a collector as fast as answers come, over keep-alive connections, one request in flight on each:
// `node commandload.js PORT KIND CONNECTIONS SECONDS FIRST RATE`. KIND is `commands` (batches of 500) or `pixels`; every command has a number of its
// own, from FIRST on; RATE is commands a second, 0 for as many as it takes. Tells { sent, refused, seconds } over IPC, counted in commands.
import net from "node:net";

const [port, kind, connections, seconds, first, rate] = process.argv.slice(2);
const perRequest = kind === "commands" ? 500 : 1;
const now = Date.now();
let next = Number(first);
let sent = 0;
let refused = 0;

/** Writes a number as decimal digits of a fixed width. @param {Buffer} bytes @param {number} at @param {number} value @param {number} digits */
function digits(bytes, at, value, digits) {
  for (let place = at + digits - 1; place >= at; place--) {
    bytes[place] = 48 + (value % 10);
    value = Math.floor(value / 10);
  }
}

/** A request whose numbers are filled in anew each time. @returns {{ bytes: Buffer, fill: () => void }} */
function request() {
  if (kind === "pixels") {
    const bytes = Buffer.from(
      `GET /e?_k=local&_p=000000000%40shop.example&_n=Viewed+Item&Plan=Pro&Page=%2Fshop%2Fitem-17 HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    );
    const at = bytes.indexOf("000000000");
    return { bytes, fill: () => digits(bytes, at, next++, 9) };
  }
  const lines = Array.from({ length: perRequest }, (_, n) =>
    JSON.stringify({
      type: "record",
      id: "0199f0c0-8c1e-7a3b-9d53-000000000000",
      time: now - n,
      identity: "000000000@shop.example",
      name: ["Viewed Item", "Signed Up", "Added To Cart", "Paid"][n % 4],
      properties: { Plan: "Pro", Page: `/shop/item-${n}`, Amount: n / 4 },
    }),
  );
  const body = `${lines.join("\n")}\n`;
  const bytes = Buffer.from(
    `POST /v1/commands HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer local\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  /** @type {number[]} */
  const places = [];
  for (let at = bytes.indexOf("000000000000"); at >= 0; at = bytes.indexOf("000000000000", at + 1)) places.push(at);
  const names = places.map((at) => bytes.indexOf("000000000@", at));
  return {
    bytes,
    fill: () => {
      for (let n = 0; n < places.length; n++) {
        digits(bytes, /** @type {number} */ (places[n]), next, 12);
        // Ten commands a person, as they come.
        digits(bytes, /** @type {number} */ (names[n]), Math.floor(next / 10), 9);
        next += 1;
      }
    },
  };
}

const start = performance.now();
const end = start + Number(seconds) * 1000;

/** @returns {Promise<void>} */
function connection() {
  const { bytes, fill } = request();
  return new Promise((resolve) => {
    let head = "";
    let missing = -1;
    const socket = net.connect(Number(port), "127.0.0.1", send);
    socket.setNoDelay(true);
    function send() {
      fill();
      socket.write(bytes);
    }
    function answered() {
      if (head.startsWith("HTTP/1.1 200")) sent += perRequest;
      else refused += perRequest;
      head = "";
      missing = -1;
      if (performance.now() >= end) socket.end();
      else if (Number(rate) > 0) setTimeout(send, Math.max(0, start + ((sent + refused) / Number(rate)) * 1000 - performance.now()));
      else send();
    }
    socket.on("data", (chunk) => {
      if (missing < 0) {
        head += chunk.subarray(0, 2000).toString("latin1");
        const over = head.indexOf("\r\n\r\n");
        if (over < 0) return;
        missing = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0) - (head.length - over - 4);
      } else missing -= chunk.length;
      if (missing <= 0) answered();
    });
    socket.on("close", () => resolve());
    socket.on("error", () => {
      refused += perRequest;
      resolve();
    });
  });
}

await Promise.all(Array.from({ length: Number(connections) }, connection));
process.send?.({ sent, refused, seconds: (performance.now() - start) / 1000 }, () => process.exit(0));
