import { orderOf } from "../cart.ts";
import { type Content, type Html, html } from "../html.ts";
import type { View } from "../view.ts";

/** What a page puts into the frame. */
export interface Page {
  readonly title: string;
  readonly main: Html;
}

/** A whole document: the frame that every page shares, around the page's own part. */
export function layout(view: View, { title, main }: Page): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${title} · Blue Hour</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
${["shop", "forms", "shelf", "cart"].map(
  (sheet) => html`<link rel="stylesheet" href="/${sheet}.css">
`,
)}
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
${header(view)}
<main id="main">
${main}
</main>
${footer(view)}
</body>
</html>`.toString();
}

function header(view: View): Html {
  const { member } = view;
  const { items } = orderOf(view.cart);
  return html`<header class="top">
<a class="brand" href="/">${mark} Blue Hour</a>
<nav aria-label="Shop">
${link(view, "/", "Lamps")}
${member === undefined && link(view, "/signup", "The Club")}
${member === undefined && link(view, "/login", "Log in")}
${member !== undefined && html`<form method="post" action="/logout"><span class="who">${member.name || member.email}</span> <button class="plain">Log out</button></form>`}
${link(view, "/cart", html`Cart <span class="count"><span class="unseen">, lamps in it: </span>${items}</span>`)}
</nav>
</header>`;
}

function link(view: View, path: string, text: Content): Html {
  return html`<a href="${path}"${view.path === path && html` aria-current="page"`}>${text}</a>`;
}

function footer(view: View): Html {
  return html`<footer class="foot">
<p>Blue Hour is a demo shop. Accounts and carts live in memory, nothing is charged and no lamp is sent.</p>
${view.visitor && whoami(view.visitor)}
</footer>`;
}

/** A visitor's own identity. An anonymous one is as good as a key, so even its owner sees only its end. */
function whoami({ identity, anonymous }: NonNullable<View["visitor"]>): Html {
  const you = anonymous ? `…${identity.slice(-8)}` : identity;
  const example = anonymous ? "bob@bob.com" : identity;
  return html`<p>To kmkit you are <code>${you}</code> (${anonymous ? "anonymous" : "named"}). ${anonymous ? "Sign up, then try" : "Try"} <code>npx kmkit person ${example}</code></p>`;
}

const mark = html`<svg class="mark" viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="12" fill="#26305f"/><path d="M0 14h24a12 12 0 0 1-24 0Z" fill="#f2a65a"/><circle cx="12" cy="11" r="4.5" fill="#ffe3ae"/></svg>`;
