import { euros, type Product } from "@kmkit/shop";
import Link from "next/link";
import { Picture } from "./picture";

export function Shelf({ products }: { readonly products: readonly Product[] }) {
  return (
    <ul className="shelf">
      {products.map((product) => (
        <li key={product.slug}>
          <Link href={`/products/${product.slug}`}>
            <Picture product={product} />
            <h3>{product.name}</h3>
            <p className="pitch">{product.pitch}</p>
            <p className="price">
              {euros(product.price)} <span>{product.category}</span>
            </p>
          </Link>
        </li>
      ))}
    </ul>
  );
}
