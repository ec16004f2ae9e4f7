/** The element with this id. */
export const $ = (id) => document.getElementById(id);

/** Make an element: h("p", { className: "hint" }, "text", child). Text is never read as HTML. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  const { dataset, attributes, ...rest } = properties;
  Object.assign(element, rest);
  Object.assign(element.dataset, dataset);
  for (const [name, value] of Object.entries(attributes ?? {})) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export const pretty = (value) => JSON.stringify(value, null, 2);

/** Give a list other items; who had the keyboard's focus in it keeps it, or the item of the same title gets it. */
export function refill(list, items) {
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  list.replaceChildren(...items);
  if (!focused) return;
  const alike = () => [...list.querySelectorAll("[title]")].find(({ title }) => title === focused.title);
  const successor = focused.isConnected ? focused : alike();
  successor?.focus({ preventScroll: true });
}

/** Run `render` once before the next frame, however often it is asked for. */
export function framed(render) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      render();
    });
  };
}
