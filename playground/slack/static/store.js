// What the page knows of the messages: by channel, by ts, always the newest rendering.

export class Store {
  #channels = new Map();

  #of(channel) {
    if (!this.#channels.has(channel)) this.#channels.set(channel, new Map());
    return this.#channels.get(channel);
  }

  // True where this rendering is newer than what was there.
  put(message) {
    const channel = this.#of(message.channel);
    const present = channel.get(message.ts);
    if (present && present.revision >= message.revision) return false;
    channel.set(message.ts, message);
    return true;
  }

  has(channel, ts) {
    return this.#of(channel).has(ts);
  }

  get(channel, ts) {
    return this.#of(channel).get(ts);
  }

  remove(channel, ts) {
    this.#of(channel).delete(ts);
  }

  // Everything of a channel is what the server says, except what came after it was asked.
  replace(channel, messages) {
    const fresh = new Set(messages.map((message) => message.ts));
    const newest = Math.max(0, ...messages.map((message) => message.revision));
    const present = this.#of(channel);
    for (const [ts, message] of present) {
      if (!fresh.has(ts) && message.revision <= newest) present.delete(ts);
    }
    messages.forEach((message) => this.put(message));
  }

  timeline(channel) {
    return this.#sorted(channel, (message) => !message.thread || message.broadcast);
  }

  thread(channel, ts) {
    return this.#sorted(channel, (message) => message.ts === ts || message.thread === ts);
  }

  #sorted(channel, wanted) {
    return [...this.#of(channel).values()].filter(wanted).sort((a, b) => (a.ts < b.ts ? -1 : 1));
  }
}
