import { euros, productOf, products } from "@kmkit/shop";
import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { BuyForm } from "../../../components/buy-form";
import { Picture } from "../../../components/picture";
import { Shelf } from "../../../components/shelf";
import { km } from "../../../lib/km";

type Props = PageProps<"/products/[slug]">;

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const product = productOf((await params).slug);
  return product === undefined ? {} : { title: product.name };
}

/** One lamp, and what goes well with it. */
export default async function ProductPage({ params }: Props) {
  const product = productOf((await params).slug);
  if (product === undefined) notFound();

  (await km()).record("Viewed Product", { Product: product.name, Category: product.category, Price: product.price });
  const others = [...products, ...products].slice(products.indexOf(product) + 1).slice(0, 4);
  return (
    <>
      <article className="product">
        <Picture product={product} />
        <div className="details">
          <p className="category">{`${product.category} lamp`}</p>
          <h1>{product.name}</h1>
          <p className="lead">{product.pitch}</p>
          <p className="price">{euros(product.price)}</p>
          <p>{product.description}</p>
          <p className="made">{product.made}</p>
          <BuyForm slug={product.slug} />
        </div>
      </article>
      <section aria-labelledby="others">
        <h2 id="others">More light</h2>
        <Shelf products={others} />
      </section>
    </>
  );
}
