import "@kmkit/shop/shop.css";
import "@kmkit/shop/forms.css";
import "@kmkit/shop/shelf.css";
import "@kmkit/shop/cart.css";
import type { Metadata, Viewport } from "next";
import type { ReactNode } from "react";
import { Footer } from "../components/footer";
import { Header } from "../components/header";

export const metadata: Metadata = { title: { template: "%s · Blue Hour", default: "Lamps for the evening · Blue Hour" } };
export const viewport: Viewport = { colorScheme: "light dark" };

/** The frame that every page shares, around the page's own part. */
export default function Layout({ children }: { readonly children: ReactNode }) {
  return (
    <html lang="en">
      <body>
        <a className="skip" href="#main">
          Skip to the content
        </a>
        <Header />
        <main id="main">{children}</main>
        <Footer />
      </body>
    </html>
  );
}
