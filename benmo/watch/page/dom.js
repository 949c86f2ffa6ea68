/** Elements: made once, changed in place. Nothing of a trace is ever read as HTML. */

const SVG = "http://www.w3.org/2000/svg";

/** An attribute's value as text: the names of a screen reader's want `true`, others need no value. */
const written = (name, value) => (value === true && !name.startsWith("aria-") ? "" : String(value));

function dressed(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, written(name, value));
  }
  element.append(...children);
  return element;
}

/** Makes an HTML element; an attribute that begins with `on` is a listener. */
export const make = (tag, attributes = {}, ...children) =>
  dressed(document.createElement(tag), attributes, children);

/** Makes an SVG element. */
export const draw = (tag, attributes = {}, ...children) =>
  dressed(document.createElementNS(SVG, tag), attributes, children);

/** Sets an element's text, if it differs. */
export function say(element, text) {
  const said = String(text);
  if (element.textContent !== said) element.textContent = said;
}

/** Sets attributes that differ; null takes one away. */
export function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false) {
      if (element.hasAttribute(name)) element.removeAttribute(name);
    } else {
      const wanted = written(name, value);
      if (element.getAttribute(name) !== wanted) element.setAttribute(name, wanted);
    }
  }
}

/**
 * Keeps a list of things as the children of `parent`, an element for each key: an element is made
 * when its key appears, changed while it stays, taken away when it is gone.
 */
export function keeper(parent, create, change) {
  const held = new Map();
  return (things, keyOf) => {
    const gone = new Set(held.keys());
    let place = parent.firstElementChild;
    for (const thing of things) {
      const key = keyOf(thing);
      gone.delete(key);
      let element = held.get(key);
      if (element === undefined) {
        element = create(thing);
        held.set(key, element);
      }
      if (element === place) place = place.nextElementSibling;
      else parent.insertBefore(element, place);
      change(element, thing);
    }
    for (const key of gone) {
      held.get(key).remove();
      held.delete(key);
    }
  };
}
