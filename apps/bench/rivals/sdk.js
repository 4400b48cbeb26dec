/**
 * A rival's SDK, found in this folder's own node_modules by the same conditions as in an app.
 *
 * @param {string} name
 */
export const sdk = (name) => import(name);
