import { type Product, picture } from "@kmkit/shop";

/** The picture of a lamp. It is the shop's own drawing, as text. */
export function Picture({ product }: { readonly product: Product }) {
  // biome-ignore lint/security/noDangerouslySetInnerHtml: nothing in it comes from outside
  return <span className="frame" dangerouslySetInnerHTML={{ __html: picture(product).toString() }} />;
}
