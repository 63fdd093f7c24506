// anticli gives up on a request after 1000 ms, and its option for that is broken: a busy machine needs longer.
const later = globalThis.setTimeout;
globalThis.setTimeout = (action, milliseconds, ...given) => later(action, milliseconds === 1000 ? 30000 : milliseconds, ...given);
