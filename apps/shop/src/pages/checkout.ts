import type { Order } from "../cart.ts";
import { type Html, html } from "../html.ts";
import { euros } from "../money.ts";
import type { View } from "../view.ts";
import { sums } from "./cart.ts";
import { layout } from "./layout.ts";

/** The last look before paying. */
export function checkoutPage(view: View, order: Order): string {
  return layout(view, {
    title: "Check out",
    main: html`<section class="narrow">
<h1>Check out</h1>
<p>Ordering as <strong>${view.member?.email}</strong>.</p>
<div class="card">
${receipt(order)}
<form method="post" action="/checkout"><button class="wide">Pay ${euros(order.total)}</button></form>
<p class="hint">This is a demo: there is no card to fill in, nothing is charged, and no lamp is sent.</p>
</div>
<p><a href="/cart">Back to the cart</a></p>
</section>`,
  });
}

/** After paying. */
export function thanksPage(view: View, order: Order): string {
  const { name } = view.member ?? {};
  return layout(view, {
    title: "Thank you",
    main: html`<section class="narrow">
<p class="seal" aria-hidden="true">✓</p>
<h1>Thank you${name && `, ${name}`}</h1>
<p class="lead">Your order is in. If this were a real shop, ${order.items === 1 ? "a lamp" : `${order.items} lamps`} would be on the way to you.</p>
<div class="card">${receipt(order)}</div>
<p><a class="button" href="/">Back to the lamps</a></p>
</section>`,
  });
}

function receipt(order: Order): Html {
  return html`<ul class="receipt">
${order.lines.map(({ product, quantity, price }) => html`<li><span>${quantity} × ${product.name}</span> <span>${euros(price)}</span></li>`)}
</ul>
${sums(order)}`;
}
