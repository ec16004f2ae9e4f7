/** Channels and bridges as the last event or listing showed them. */
export class LiveObjects {
  #channels = new Map();
  #bridges = new Map();

  get channels() {
    return [...this.#channels.values()];
  }

  get bridges() {
    return [...this.#bridges.values()];
  }

  channel(id) {
    return this.#channels.get(id)?.channel;
  }

  /** The target that a channel is on. */
  target(id) {
    return this.#channels.get(id)?.target;
  }

  /** What a target has is exactly this. */
  replace(target, channels, bridges) {
    for (const map of [this.#channels, this.#bridges]) {
      for (const [id, entry] of map) if (entry.target === target) map.delete(id);
    }
    for (const channel of channels) this.#putChannel(target, channel);
    for (const bridge of bridges) this.#putBridge(target, bridge);
  }

  /** Take over what an event shows. Its objects are snapshots, so the last one is the truth. */
  apply(target, event) {
    for (const key of ["channel", "peer", "caller", "replace_channel"]) {
      if (event[key]?.id) this.#putChannel(target, event[key]);
    }
    if (event.bridge?.id) this.#putBridge(target, event.bridge);
    if (event.type === "ChannelDestroyed") this.#channels.delete(event.channel.id);
    if (event.type === "BridgeDestroyed") this.#bridges.delete(event.bridge.id);
  }

  #putChannel(target, channel) {
    this.#channels.set(channel.id, { target, id: channel.id, channel });
  }

  #putBridge(target, bridge) {
    this.#bridges.set(bridge.id, { target, id: bridge.id, bridge });
  }
}
