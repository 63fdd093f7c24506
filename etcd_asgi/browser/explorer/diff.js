// What differs between two texts, line by line.

const MOST_CELLS = 4_000_000; // of the table below; beyond it the middle counts as all different

function table(left, right) {
  const width = right.length + 1;
  const lengths = new Uint32Array((left.length + 1) * width);
  for (let row = left.length - 1; row >= 0; row -= 1) {
    for (let column = right.length - 1; column >= 0; column -= 1) {
      const [here, below] = [row * width + column, (row + 1) * width + column];
      lengths[here] = left[row] === right[column]
        ? lengths[below + 1] + 1
        : Math.max(lengths[below], lengths[here + 1]);
    }
  }
  return (row, column) => lengths[row * width + column];
}

const all = (kind, lines) => lines.map((text) => ({ kind, text }));

function middle(left, right) {
  if (left.length * right.length > MOST_CELLS) return [...all("removed", left), ...all("added", right)];
  const common = table(left, right);
  const found = [];
  let [row, column] = [0, 0];
  while (row < left.length && column < right.length) {
    if (left[row] === right[column]) {
      found.push({ kind: "same", text: left[row] });
      [row, column] = [row + 1, column + 1];
    } else if (common(row + 1, column) >= common(row, column + 1)) {
      found.push({ kind: "removed", text: left[row++] });
    } else found.push({ kind: "added", text: right[column++] });
  }
  return [...found, ...all("removed", left.slice(row)), ...all("added", right.slice(column))];
}

/** Lines of both texts: [{kind: "same" | "removed" | "added", text}]. */
export function diff(before, after) {
  const [left, right] = [before.split("\n"), after.split("\n")];
  let start = 0;
  while (start < left.length && start < right.length && left[start] === right[start]) start += 1;
  let end = 0;
  const most = Math.min(left.length, right.length) - start;
  while (end < most && left.at(-1 - end) === right.at(-1 - end)) end += 1;
  return [
    ...all("same", left.slice(0, start)),
    ...middle(left.slice(start, left.length - end), right.slice(start, right.length - end)),
    ...all("same", left.slice(left.length - end)),
  ];
}
