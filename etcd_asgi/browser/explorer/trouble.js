// What went wrong, in words for people: {kind, title, detail}. The kind says what may help: "login", "denied",
// "away" (etcd or the network; heals by itself), "compacted" or "error".

const CODES = {
  1: "away",
  4: "away",
  7: "denied",
  11: "compacted",
  14: "away",
  16: "login",
};

// etcd's own words, when it wants a login and nobody told it one, come with code 3.
const WANTS_LOGIN = /user name is empty|invalid auth token/;

const TITLES = {
  login: "Log in first",
  denied: "Not allowed",
  away: "etcd cannot be reached",
  compacted: "History is gone",
  error: "That did not work",
};

export function kindOf(error) {
  if (error.status === 401 || WANTS_LOGIN.test(error.message)) return "login";
  if (error.status === 403) return "denied";
  if (error instanceof TypeError) return "error";
  return CODES[error.code] ?? "error";
}

export function trouble(error) {
  const kind = kindOf(error);
  // Not even the gateway has answered.
  const title = kind === "away" && error.status === 0 ? "The server cannot be reached" : TITLES[kind];
  return { kind, title, detail: error.message || String(error) };
}
