/** Listeners by event type. A listener that throws harms no other. */
export class Emitter {
  #listeners = new Map();

  on(type, listener) {
    if (!this.#listeners.has(type)) this.#listeners.set(type, new Set());
    this.#listeners.get(type).add(listener);
  }

  off(type, listener) {
    const listeners = this.#listeners.get(type) ?? [];
    for (const one of listeners) if (one === listener || one.listener === listener) listeners.delete(one);
  }

  once(type, listener) {
    const wrapped = (...values) => {
      this.off(type, wrapped);
      listener(...values);
    };
    wrapped.listener = listener;
    this.on(type, wrapped);
  }

  /** Call the listeners of a type; says whether there were any. */
  emit(type, ...values) {
    const listeners = [...(this.#listeners.get(type) ?? [])];
    for (const listener of listeners) if (this.#listeners.get(type).has(listener)) guarded(listener, ...values);
    return listeners.length > 0;
  }
}

/** Call what the application gave us; its errors are reported, as the browser reports those of its own listeners. */
export function guarded(listener, ...values) {
  try {
    listener?.(...values);
  } catch (error) {
    (globalThis.reportError ?? console.error)(error);
  }
}
