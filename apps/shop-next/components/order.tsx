import { euros, type Order } from "@kmkit/shop";

/** The closing sums of an order. */
export function Sums({ order: { subtotal, shipping, total } }: { readonly order: Order }) {
  return (
    <dl className="sums">
      <div>
        <dt>Subtotal</dt>
        <dd>{euros(subtotal)}</dd>
      </div>
      <div>
        <dt>Shipping</dt>
        <dd>{shipping === 0 ? "Free" : euros(shipping)}</dd>
      </div>
      <div className="total">
        <dt>Total</dt>
        <dd>{euros(total)}</dd>
      </div>
    </dl>
  );
}

/** What is ordered, and what it comes to. */
export function Receipt({ order }: { readonly order: Order }) {
  return (
    <>
      <ul className="receipt">
        {order.lines.map(({ product, quantity, price }) => (
          <li key={product.slug}>
            <span>{`${quantity} × ${product.name}`}</span> <span>{euros(price)}</span>
          </li>
        ))}
      </ul>
      <Sums order={order} />
    </>
  );
}
