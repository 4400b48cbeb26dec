import { euros, FREE_SHIPPING_FROM, orderOf } from "@kmkit/shop";
import type { Metadata } from "next";
import Link from "next/link";
import { removeFromCart } from "../../actions/cart";
import { Notice } from "../../components/notice";
import { Sums } from "../../components/order";
import { Picture } from "../../components/picture";
import { Stepper } from "../../components/stepper";
import { getSession } from "../../lib/session";

export const metadata: Metadata = { title: "Your cart" };

/** What lies in the cart, and what it comes to. */
export default async function CartPage() {
  const { cart, member } = await getSession();
  const order = orderOf(cart, member);
  if (order.items === 0) {
    return (
      <Notice title="Your cart is empty" text="And it is getting dark outside.">
        <Link className="button" href="/">
          Look at the lamps
        </Link>
      </Notice>
    );
  }
  return (
    <>
      <h1>Your cart</h1>
      <div className="columns">
        <ul className="lines">
          {order.lines.map(({ product, quantity, price }) => (
            <li key={product.slug}>
              <Link href={`/products/${product.slug}`}>
                <Picture product={product} />
              </Link>
              <div className="what">
                <h2>
                  <Link href={`/products/${product.slug}`}>{product.name}</Link>
                </h2>
                <p>{`${quantity} × ${euros(product.price)}`}</p>
                <form action={removeFromCart}>
                  <Stepper slug={product.slug} name={product.name} quantity={quantity} />
                  <button type="submit" className="plain" name="slug" value={product.slug}>
                    Remove<span className="unseen"> {product.name}</span>
                  </button>
                </form>
              </div>
              <p className="price">{euros(price)}</p>
            </li>
          ))}
        </ul>
        <section className="card" aria-label="Summary">
          <Sums order={order} />
          {order.shipping > 0 && (
            <p className="hint">
              {`Only ${euros(FREE_SHIPPING_FROM - order.subtotal)} more and shipping is free. For Pro members it always is.`}
            </p>
          )}
          <Link className="button wide" href="/checkout">
            Check out
          </Link>
        </section>
      </div>
    </>
  );
}
