// What is shown, in the page's address: it can be kept as a bookmark, and the browser's back button works.

import { shown, typed } from "./bytes.js";

export const keyHash = (key) => `#key=${encodeURIComponent(shown(key))}`;
export const newHash = (folder) => `#new=${encodeURIComponent(shown(folder))}`;
export const leasesHash = (id = null) => (id === null ? "#leases" : `#leases=${id}`);

/** {name: "key" | "new" | "leases" | "", value}; throws an Error with a message for people. */
export function parseHash(hash) {
  const [name, ...rest] = hash.slice(1).split("=");
  const text = decodeURIComponent(rest.join("="));
  if (name === "leases") return { name, value: /^[0-9]+$/.test(text) ? BigInt(text) : null };
  return { name, value: typed(text) };
}
